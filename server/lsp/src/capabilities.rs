//! What the client says it can do, and what the server says in turn.

use ide::TokenKind;
use serde_json::Value;
use text::Encoding;
use tower_lsp::lsp_types::*;

/// What matters of the client's capabilities.
#[derive(Debug, Clone, Copy, Default)]
pub struct Capabilities {
    pub encoding: Encoding,
    pub markdown: bool,
    /// Whether links in Markdown lead to a place in the editor.
    pub links: bool,
    pub progress: bool,
    pub document_changes: bool,
    pub create_files: bool,
    pub rename_files: bool,
    pub resolve_edits: bool,
    /// Whether it shows why an edit is made, and asks first where it is told to.
    pub annotations: bool,
    pub snippets: bool,
    /// Whether it inserts lines as they are where it is told to; else it indents those of snippets as the line before.
    pub inserts_as_is: bool,
    pub link_targets: bool,
    /// Whether it asks for diagnostics of open files itself, and again when it is told to.
    pub pulls_diagnostics: bool,
    pub refreshes: Refreshes,
    /// Commands of ours that the client runs itself.
    pub commands: ClientCommands,
}

/// What the client asks for again when it is told to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Refreshes {
    pub tokens: bool,
    pub lenses: bool,
    pub hints: bool,
}

/// `experimental.ragstar.commands` of the client's capabilities.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClientCommands {
    pub show_references: bool,
    pub show_lineage: bool,
    pub show_compiled: bool,
}

impl Capabilities {
    pub fn of(client: &ClientCapabilities) -> Self {
        let offered = client.general.as_ref().and_then(|general| general.position_encodings.as_ref());
        let offers = |kind: PositionEncodingKind| offered.is_some_and(|offered| offered.contains(&kind));
        let encoding = if offers(PositionEncodingKind::UTF8) {
            Encoding::Utf8
        } else if offers(PositionEncodingKind::UTF32) && !offers(PositionEncodingKind::UTF16) {
            Encoding::Utf32
        } else {
            Encoding::Utf16
        };
        let document = client.text_document.as_ref();
        let workspace = client.workspace.as_ref();
        let window = client.window.as_ref();
        let hover = document.and_then(|document| document.hover.as_ref()).and_then(|hover| hover.content_format.as_ref());
        let edits = workspace.and_then(|workspace| workspace.workspace_edit.as_ref());
        let operations = edits.and_then(|edits| edits.resource_operations.as_ref());
        let operates = |kind: ResourceOperationKind| operations.is_some_and(|operations| operations.contains(&kind));
        let resolve = document.and_then(|document| document.code_action.as_ref()).and_then(|action| action.resolve_support.as_ref());
        let item = document.and_then(|document| document.completion.as_ref()).and_then(|completion| completion.completion_item.as_ref());
        let commands = client.experimental.as_ref().and_then(|experimental| experimental.pointer("/ragstar/commands")).and_then(Value::as_array);
        let runs = |name: &str| commands.is_some_and(|commands| commands.iter().any(|command| command == name));
        Self {
            encoding,
            markdown: hover.is_none_or(|formats| formats.contains(&MarkupKind::Markdown)),
            links: true,
            progress: window.and_then(|window| window.work_done_progress).unwrap_or(false),
            document_changes: edits.and_then(|edits| edits.document_changes).unwrap_or(false),
            create_files: operates(ResourceOperationKind::Create),
            rename_files: operates(ResourceOperationKind::Rename),
            resolve_edits: resolve.is_some_and(|resolve| resolve.properties.iter().any(|property| property == "edit")),
            annotations: workspace.and_then(|workspace| workspace.workspace_edit.as_ref()).is_some_and(|edit| edit.change_annotation_support.is_some()),
            inserts_as_is: item.and_then(|item| item.insert_text_mode_support.as_ref()).is_some_and(|modes| modes.value_set.contains(&InsertTextMode::AS_IS)),
            snippets: item.and_then(|item| item.snippet_support).unwrap_or(false),
            link_targets: document.and_then(|document| document.definition.as_ref()).and_then(|definition| definition.link_support).unwrap_or(false),
            pulls_diagnostics: document.is_some_and(|document| document.diagnostic.is_some())
                && workspace.and_then(|workspace| workspace.diagnostic.as_ref()).and_then(|diagnostic| diagnostic.refresh_support).unwrap_or(false),
            refreshes: Refreshes {
                tokens: workspace.and_then(|workspace| workspace.semantic_tokens.as_ref()).and_then(|tokens| tokens.refresh_support).unwrap_or(false),
                lenses: workspace.and_then(|workspace| workspace.code_lens.as_ref()).and_then(|lenses| lenses.refresh_support).unwrap_or(false),
                hints: workspace.and_then(|workspace| workspace.inlay_hint.as_ref()).and_then(|hints| hints.refresh_support).unwrap_or(false),
            },
            commands: ClientCommands { show_references: runs(SHOW_REFERENCES), show_lineage: runs(SHOW_LINEAGE), show_compiled: runs(SHOW_COMPILED) },
        }
    }
}

/// Commands that the server runs.
pub const DESCRIBE: &str = "ragstar.describe";
pub const OPEN_YAML: &str = "ragstar.openYaml";
pub const OPEN: &str = "ragstar.open";
/// Notes what was not written by hand; the server itself puts it behind an edit.
pub const NOTE_DRAFTS: &str = "ragstar.noteDrafts";
/// The kind of what is done for all descriptions of a file.
pub const DOCUMENT: CodeActionKind = CodeActionKind::new("source.ragstar.document");
/// Commands that a client may run itself.
pub const SHOW_REFERENCES: &str = "ragstar.showReferences";
pub const SHOW_LINEAGE: &str = "ragstar.showLineage";
pub const SHOW_COMPILED: &str = "ragstar.showCompiled";

/// What the server offers to such a client.
pub fn of_server(client: &Capabilities) -> ServerCapabilities {
    let position_encoding = match client.encoding {
        Encoding::Utf8 => PositionEncodingKind::UTF8,
        Encoding::Utf16 => PositionEncodingKind::UTF16,
        Encoding::Utf32 => PositionEncodingKind::UTF32,
    };
    let sync = TextDocumentSyncOptions {
        open_close: Some(true),
        change: Some(TextDocumentSyncKind::INCREMENTAL),
        save: Some(TextDocumentSyncSaveOptions::Supported(true)),
        ..TextDocumentSyncOptions::default()
    };
    let text = |text: &str| text.to_owned();
    let no_progress = WorkDoneProgressOptions::default;
    let files = |glob: &str| FileOperationRegistrationOptions {
        filters: vec![FileOperationFilter { scheme: Some(text("file")), pattern: FileOperationPattern { glob: text(glob), matches: None, options: None } }],
    };
    let tokens = SemanticTokensOptions {
        work_done_progress_options: no_progress(),
        legend: SemanticTokensLegend {
            token_types: TokenKind::ALL.iter().map(|kind| SemanticTokenType::new(kind.name())).collect(),
            token_modifiers: vec![SemanticTokenModifier::DEFINITION, SemanticTokenModifier::DEFAULT_LIBRARY],
        },
        range: Some(true),
        full: Some(SemanticTokensFullOptions::Delta { delta: Some(true) }),
    };
    ServerCapabilities {
        position_encoding: Some(position_encoding),
        text_document_sync: Some(TextDocumentSyncCapability::Options(sync)),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        definition_provider: Some(OneOf::Left(true)),
        declaration_provider: Some(DeclarationCapability::Simple(true)),
        type_definition_provider: Some(TypeDefinitionProviderCapability::Simple(true)),
        implementation_provider: Some(ImplementationProviderCapability::Simple(true)),
        references_provider: Some(OneOf::Left(true)),
        document_highlight_provider: Some(OneOf::Left(true)),
        call_hierarchy_provider: Some(CallHierarchyServerCapability::Simple(true)),
        rename_provider: Some(OneOf::Right(RenameOptions { prepare_provider: Some(true), work_done_progress_options: no_progress() })),
        document_symbol_provider: Some(OneOf::Left(true)),
        workspace_symbol_provider: Some(OneOf::Left(true)),
        folding_range_provider: Some(FoldingRangeProviderCapability::Simple(true)),
        selection_range_provider: Some(SelectionRangeProviderCapability::Simple(true)),
        semantic_tokens_provider: Some(SemanticTokensServerCapabilities::SemanticTokensOptions(tokens)),
        inlay_hint_provider: Some(OneOf::Left(true)),
        code_lens_provider: Some(CodeLensOptions { resolve_provider: Some(true) }),
        document_link_provider: Some(DocumentLinkOptions { resolve_provider: Some(false), work_done_progress_options: no_progress() }),
        signature_help_provider: Some(SignatureHelpOptions {
            trigger_characters: Some(vec![text("("), text(",")]),
            retrigger_characters: Some(vec![text("=")]),
            work_done_progress_options: no_progress(),
        }),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some(["'", "\"", "(", ".", "|", "{", " ", ":", "-"].map(text).to_vec()),
            resolve_provider: Some(true),
            ..CompletionOptions::default()
        }),
        code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
            code_action_kinds: Some(vec![CodeActionKind::QUICKFIX, CodeActionKind::REFACTOR, CodeActionKind::SOURCE, DOCUMENT]),
            resolve_provider: Some(true),
            work_done_progress_options: no_progress(),
        })),
        diagnostic_provider: client.pulls_diagnostics.then(|| {
            DiagnosticServerCapabilities::Options(DiagnosticOptions {
                identifier: Some(text("ragstar")),
                inter_file_dependencies: true,
                workspace_diagnostics: false,
                work_done_progress_options: no_progress(),
            })
        }),
        execute_command_provider: Some(ExecuteCommandOptions {
            commands: [DESCRIBE, OPEN_YAML, OPEN, NOTE_DRAFTS].map(text).to_vec(),
            work_done_progress_options: no_progress(),
        }),
        workspace: Some(WorkspaceServerCapabilities {
            workspace_folders: Some(WorkspaceFoldersServerCapabilities { supported: Some(true), change_notifications: Some(OneOf::Left(true)) }),
            file_operations: Some(WorkspaceFileOperationsServerCapabilities {
                will_rename: Some(files("**/*.{sql,csv,py}")),
                did_rename: Some(files("**/*")),
                did_create: Some(files("**/*")),
                did_delete: Some(files("**/*")),
                ..WorkspaceFileOperationsServerCapabilities::default()
            }),
        }),
        ..ServerCapabilities::default()
    }
}
