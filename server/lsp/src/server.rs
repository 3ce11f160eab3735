//! tower-lsp's side: a mailbox before the loop.

use crate::custom::{ChatParams, FeedbackParams, Progress, SearchParams};
use crate::event::{Capabilities, Event, Scope, Snapshot};
use crate::{convert, describe};
use analyst::ports::Feedback;
use ide::File;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use text::Encoding;
use tokio::sync::{mpsc, oneshot};
use tower_lsp::jsonrpc::{Error, ErrorCode, Result};
use tower_lsp::lsp_types::*;
use tower_lsp::{Client, LanguageServer};

pub struct Mailbox {
    client: Client,
    events: mpsc::UnboundedSender<Event>,
    version: &'static str,
    shut_down: Arc<AtomicBool>,
}

const DESCRIBE: &str = "ragstar.describe";
const MAX_SYMBOLS: usize = 200;

impl Mailbox {
    pub fn new(client: Client, events: mpsc::UnboundedSender<Event>, version: &'static str, shut_down: Arc<AtomicBool>) -> Self {
        Self { client, events, version, shut_down }
    }

    fn send(&self, event: Event) {
        // The loop ends only with the process.
        let _ = self.events.send(event);
    }

    /// Sends before anything is awaited, so that requests see the state that the wire's order gives them.
    fn ask(&self, scope: Scope) -> oneshot::Receiver<Vec<Snapshot>> {
        let (reply, answer) = oneshot::channel();
        self.send(Event::Snapshot { scope, reply });
        answer
    }

    /// Does work on the file of a request, off the loop. `None` where the file belongs to no project.
    async fn read<T: Send + 'static>(&self, uri: &Url, work: impl FnOnce(&Snapshot, &File) -> Option<T> + Send + 'static) -> Result<Option<T>> {
        let Some(path) = convert::path_of(uri) else { return Ok(None) };
        let snapshots = self.ask(Scope::File(path.clone())).await.unwrap_or_default();
        let Some(snapshot) = snapshots.into_iter().next() else { return Ok(None) };
        let done = tokio::task::spawn_blocking(move || snapshot.analysis.file_at(&path).cloned().and_then(|file| work(&snapshot, &file)));
        done.await.map_err(|error| failed("the request could not be worked on", &error))
    }

    /// The snapshot for a request that may name a file: its project, else the only or first one.
    async fn project(&self, document: Option<&TextDocumentIdentifier>) -> Result<Snapshot> {
        let of_file = document.and_then(|document| convert::path_of(&document.uri)).map(|path| self.ask(Scope::File(path)));
        let all = self.ask(Scope::All);
        let mut found = match of_file {
            Some(answer) => answer.await.unwrap_or_default(),
            None => Vec::new(),
        };
        found.extend(all.await.unwrap_or_default());
        found.into_iter().next().ok_or_else(|| Error {
            code: ErrorCode::InvalidParams,
            message: "no dbt project is open; open a folder with a dbt_project.yml".into(),
            data: None,
        })
    }

    async fn project_in(&self, root: PathBuf) -> Option<Snapshot> {
        self.ask(Scope::File(root.join("dbt_project.yml"))).await.ok()?.into_iter().next()
    }

    pub async fn chat(&self, params: ChatParams) -> Result<Value> {
        let snapshot = self.project(params.text_document.as_ref()).await?;
        let selection = match (&params.text_document, params.selection) {
            (Some(document), Some(range)) => {
                let encoding = snapshot.capabilities.encoding;
                self.read(&document.uri, move |_, file| Some(convert::text_range(file, range, encoding).of(&file.text).to_owned()))
                    .await?
                    .filter(|text| !text.is_empty())
            }
            _ => None,
        };
        let token = params.partial_result_token;
        // Pieces go out in their order; dropping this future, which is what a cancellation does, ends both sides.
        let (pieces, mut outbox) = mpsc::unbounded_channel::<Value>();
        let work = async move {
            let analyst = snapshot.services.analyst(&snapshot.analysis).await;
            let question = analyst::Question { text: params.message, thread_id: params.thread_id, mouth: "editor", selection };
            analyst
                .answer(&snapshot.analysis, &question, &mut |event| {
                    let value = match event {
                        analyst::Event::Text(text) => json!({"kind": "text", "text": text}),
                        analyst::Event::Step(title) => json!({"kind": "step", "title": title}),
                    };
                    let _ = pieces.send(value);
                })
                .await
        };
        let telling = async {
            while let Some(value) = outbox.recv().await {
                if let Some(token) = &token {
                    self.client.send_notification::<Progress>(json!({"token": token, "value": value})).await;
                }
            }
        };
        let (answer, ()) = tokio::join!(work, telling);
        Ok(answer.to_json())
    }

    pub async fn search(&self, params: SearchParams) -> Result<Value> {
        let snapshot = self.project(params.text_document.as_ref()).await?;
        let analyst = snapshot.services.analyst(&snapshot.analysis).await;
        let limit = params.limit.unwrap_or(10).min(100);
        let result = analyst::search(&snapshot.analysis, analyst.knowledge.as_deref(), analyst.embed.as_deref(), &params.query, limit).await;
        let found: Vec<Value> = result
            .found
            .iter()
            .map(|found| json!({"uniqueId": found.unique_id, "label": found.label, "resourceType": found.resource_type, "description": found.description}))
            .collect();
        let missing: Vec<&String> = analyst.absent.iter().chain(&result.missing).collect();
        Ok(json!({"found": found, "missing": missing}))
    }

    pub async fn feedback(&self, params: FeedbackParams) -> Result<Value> {
        let snapshot = self.project(params.text_document.as_ref()).await?;
        let refuse = |message: String| Error { code: ErrorCode::InvalidParams, message: message.into(), data: None };
        if !matches!(params.rating, 1 | -1) {
            return Err(refuse("rating is 1 or -1".to_owned()));
        }
        let analyst = snapshot.services.analyst(&snapshot.analysis).await;
        let Some(knowledge) = analyst.knowledge else { return Err(refuse(analyst.absent.join("; "))) };
        let feedback = Feedback { answer_id: params.answer_id, rating: params.rating, comment: params.comment, author: None };
        match knowledge.put_feedback(&feedback).await {
            Ok(true) => Ok(json!({})),
            Ok(false) => Err(refuse("there is no such answer".to_owned())),
            Err(error) => Err(refuse(error.reader)),
        }
    }

    /// `ragstar/status`: every open project.
    pub async fn status(&self, _params: Value) -> Result<Value> {
        let snapshots = self.ask(Scope::All).await.unwrap_or_default();
        let mut projects = Vec::new();
        for snapshot in snapshots {
            let writer = snapshot.services.writer().await;
            let summary = snapshot.analysis.summary();
            projects.push(json!({
                "project": summary.project,
                "root": snapshot.analysis.root,
                "loaded": snapshot.loaded,
                "counts": summary.counts.into_iter().map(|(kind, count)| (kind.to_owned(), json!(count))).collect::<serde_json::Map<_, _>>(),
                "errors": summary.errors,
                "warnings": summary.warnings,
                "model": writer.chat.map(|chat| chat.model().to_owned()),
            }));
        }
        Ok(json!({"version": self.version, "projects": projects}))
    }
}

#[tower_lsp::async_trait]
impl LanguageServer for Mailbox {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        let capabilities = capabilities_of(&params.capabilities);
        if let Some(options) = &params.initialization_options {
            self.send(Event::Configured(settings_of(options)));
        }
        self.send(Event::Initialize(Box::new(params), capabilities));
        let position_encoding = match capabilities.encoding {
            Encoding::Utf8 => PositionEncodingKind::UTF8,
            Encoding::Utf16 => PositionEncodingKind::UTF16,
            Encoding::Utf32 => PositionEncodingKind::UTF32,
        };
        let sync = TextDocumentSyncOptions { open_close: Some(true), change: Some(TextDocumentSyncKind::INCREMENTAL), ..TextDocumentSyncOptions::default() };
        let text = |text: &str| text.to_owned();
        Ok(InitializeResult {
            server_info: Some(ServerInfo { name: "ragstar".to_owned(), version: Some(self.version.to_owned()) }),
            capabilities: ServerCapabilities {
                position_encoding: Some(position_encoding),
                text_document_sync: Some(TextDocumentSyncCapability::Options(sync)),
                hover_provider: Some(HoverProviderCapability::Simple(true)),
                definition_provider: Some(OneOf::Left(true)),
                document_symbol_provider: Some(OneOf::Left(true)),
                workspace_symbol_provider: Some(OneOf::Left(true)),
                completion_provider: Some(CompletionOptions {
                    trigger_characters: Some(vec![text("'"), text("\""), text("(")]),
                    ..CompletionOptions::default()
                }),
                code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
                    code_action_kinds: Some(vec![CodeActionKind::QUICKFIX]),
                    resolve_provider: Some(true),
                    work_done_progress_options: WorkDoneProgressOptions::default(),
                })),
                execute_command_provider: Some(ExecuteCommandOptions {
                    commands: vec![text(DESCRIBE)],
                    work_done_progress_options: WorkDoneProgressOptions::default(),
                }),
                workspace: Some(WorkspaceServerCapabilities {
                    workspace_folders: Some(WorkspaceFoldersServerCapabilities { supported: Some(true), change_notifications: Some(OneOf::Left(true)) }),
                    file_operations: None,
                }),
                ..ServerCapabilities::default()
            },
        })
    }

    async fn initialized(&self, _: InitializedParams) {
        self.send(Event::Initialized);
    }

    async fn shutdown(&self) -> Result<()> {
        self.shut_down.store(true, Ordering::SeqCst);
        Ok(())
    }

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        let document = params.text_document;
        self.send(Event::DidOpen { uri: document.uri, version: document.version, text: document.text });
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        self.send(Event::DidChange { uri: params.text_document.uri, version: params.text_document.version, changes: params.content_changes });
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        self.send(Event::DidClose { uri: params.text_document.uri });
    }

    async fn did_change_configuration(&self, params: DidChangeConfigurationParams) {
        self.send(Event::Configured(settings_of(&params.settings)));
    }

    async fn did_change_watched_files(&self, params: DidChangeWatchedFilesParams) {
        let paths: Vec<PathBuf> = params.changes.iter().filter_map(|change| convert::path_of(&change.uri)).collect();
        if !paths.is_empty() {
            self.send(Event::FilesChanged { root: None, paths });
        }
    }

    async fn did_change_workspace_folders(&self, params: DidChangeWorkspaceFoldersParams) {
        let paths = |folders: Vec<WorkspaceFolder>| folders.iter().filter_map(|folder| convert::path_of(&folder.uri)).collect();
        self.send(Event::FoldersChanged { added: paths(params.event.added), removed: paths(params.event.removed) });
    }

    async fn hover(&self, params: HoverParams) -> Result<Option<Hover>> {
        let at = params.text_document_position_params;
        self.read(&at.text_document.uri, move |snapshot, file| {
            let offset = convert::offset(file, at.position, snapshot.capabilities.encoding);
            snapshot.analysis.hover(file, offset).map(|hover| convert::hover(file, hover, snapshot))
        })
        .await
    }

    async fn goto_definition(&self, params: GotoDefinitionParams) -> Result<Option<GotoDefinitionResponse>> {
        let at = params.text_document_position_params;
        self.read(&at.text_document.uri, move |snapshot, file| {
            let offset = convert::offset(file, at.position, snapshot.capabilities.encoding);
            let targets = snapshot.analysis.definition(file, offset);
            let locations: Vec<Location> = targets.iter().filter_map(|target| convert::location(snapshot, target)).collect();
            (!locations.is_empty()).then_some(GotoDefinitionResponse::Array(locations))
        })
        .await
    }

    async fn completion(&self, params: CompletionParams) -> Result<Option<CompletionResponse>> {
        let at = params.text_document_position;
        self.read(&at.text_document.uri, move |snapshot, file| {
            let encoding = snapshot.capabilities.encoding;
            let offers = snapshot.analysis.completions(file, convert::offset(file, at.position, encoding));
            let items: Vec<CompletionItem> = offers.into_iter().map(|offer| convert::completion(file, offer, encoding)).collect();
            (!items.is_empty()).then_some(CompletionResponse::Array(items))
        })
        .await
    }

    async fn document_symbol(&self, params: DocumentSymbolParams) -> Result<Option<DocumentSymbolResponse>> {
        self.read(&params.text_document.uri, |snapshot, file| {
            let symbols = snapshot.analysis.document_symbols(file);
            Some(DocumentSymbolResponse::Nested(convert::document_symbols(file, symbols, snapshot.capabilities.encoding)))
        })
        .await
    }

    async fn symbol(&self, params: WorkspaceSymbolParams) -> Result<Option<Vec<SymbolInformation>>> {
        let snapshots = self.ask(Scope::All).await.unwrap_or_default();
        let work = move || -> Vec<SymbolInformation> {
            let of = |snapshot: &Snapshot| -> Vec<SymbolInformation> {
                let found = snapshot.analysis.workspace_symbols(&params.query, MAX_SYMBOLS).into_iter();
                found.filter_map(|(name, kind, container, target)| convert::workspace_symbol(snapshot, name, kind, container, &target)).collect()
            };
            snapshots.iter().flat_map(of).collect()
        };
        tokio::task::spawn_blocking(work).await.map(Some).map_err(|error| failed("the symbols could not be listed", &error))
    }

    async fn code_action(&self, params: CodeActionParams) -> Result<Option<CodeActionResponse>> {
        let wanted = params
            .context
            .only
            .as_ref()
            .is_none_or(|kinds| kinds.iter().any(|kind| kind.as_str().is_empty() || CodeActionKind::QUICKFIX.as_str().starts_with(kind.as_str())));
        if !wanted {
            return Ok(None);
        }
        let range = params.range;
        self.read(&params.text_document.uri, move |snapshot, file| {
            let encoding = snapshot.capabilities.encoding;
            let actions = snapshot.analysis.code_actions(file, convert::text_range(file, range, encoding));
            let lines = text::LineIndex::new(&file.text);
            let mut made = CodeActionResponse::new();
            for action in actions {
                let data = describe::data(&snapshot.analysis.root, &action.target);
                let place = convert::range(&file.text, &lines, action.diagnostic, encoding);
                let mends = params.context.diagnostics.iter().filter(|one| one.range == place && one.source.as_deref() == Some("ragstar")).cloned().collect();
                let command = Command { title: action.title.clone(), command: DESCRIBE.to_owned(), arguments: Some(vec![data.clone()]) };
                // A client that can't resolve an edit later gets a command that sends it.
                let (command, data) = if snapshot.capabilities.resolve_edits { (None, Some(data)) } else { (Some(command), None) };
                made.push(CodeActionOrCommand::CodeAction(CodeAction {
                    title: action.title,
                    kind: Some(CodeActionKind::QUICKFIX),
                    diagnostics: Some(mends),
                    command,
                    data,
                    ..CodeAction::default()
                }));
            }
            Some(made)
        })
        .await
    }

    async fn code_action_resolve(&self, mut action: CodeAction) -> Result<CodeAction> {
        let Some((root, target)) = action.data.as_ref().and_then(describe::target) else { return Ok(action) };
        let Some(snapshot) = self.project_in(root.clone()).await else { return Ok(action) };
        match describe::write(&snapshot, &target, self.project_in(root)).await {
            Ok((edit, note)) => {
                action.edit = Some(edit);
                if let Some(note) = note {
                    self.client.show_message(MessageType::INFO, note).await;
                }
                Ok(action)
            }
            Err(error) => {
                tracing::warn!(error = %error.log, "no description was written");
                Err(Error { code: ErrorCode::ServerError(-32803), message: error.reader.into(), data: None })
            }
        }
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> Result<Option<Value>> {
        let target = params.arguments.first().and_then(describe::target).filter(|_| params.command == DESCRIBE);
        let Some((root, target)) = target else {
            return Err(Error::invalid_params(format!("there is no command {} with these arguments", params.command)));
        };
        let Some(snapshot) = self.project_in(root.clone()).await else { return Ok(None) };
        match describe::write(&snapshot, &target, self.project_in(root)).await {
            Ok((edit, note)) => {
                let applied = self.client.apply_edit(edit).await?;
                if let Some(note) = note {
                    self.client.show_message(MessageType::INFO, note).await;
                }
                Ok(Some(json!({"applied": applied.applied})))
            }
            Err(error) => Err(Error { code: ErrorCode::ServerError(-32803), message: error.reader.into(), data: None }),
        }
    }
}

fn failed(what: &str, error: &tokio::task::JoinError) -> Error {
    tracing::error!(%error, what);
    Error { code: ErrorCode::InternalError, message: what.to_owned().into(), data: None }
}

/// The editor's settings as flat keys: below `ragstar`, or bare where there is no such key.
fn settings_of(value: &Value) -> Vec<(String, String)> {
    fn flatten(value: &Value, prefix: &str, into: &mut Vec<(String, String)>) {
        match value {
            Value::Object(entries) => {
                for (key, value) in entries {
                    let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                    flatten(value, &key, into);
                }
            }
            Value::String(text) => into.push((prefix.to_owned(), text.clone())),
            Value::Number(number) => into.push((prefix.to_owned(), number.to_string())),
            Value::Bool(value) => into.push((prefix.to_owned(), value.to_string())),
            Value::Null | Value::Array(_) => {}
        }
    }
    let mut found = Vec::new();
    flatten(value.get("ragstar").unwrap_or(value), "", &mut found);
    found
}

/// What matters of what the client says it can do.
fn capabilities_of(client: &ClientCapabilities) -> Capabilities {
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
    let hover = document.and_then(|document| document.hover.as_ref()).and_then(|hover| hover.content_format.as_ref());
    let edits = client.workspace.as_ref().and_then(|workspace| workspace.workspace_edit.as_ref());
    let operations = edits.and_then(|edits| edits.resource_operations.as_ref());
    let resolve = document.and_then(|document| document.code_action.as_ref()).and_then(|action| action.resolve_support.as_ref());
    Capabilities {
        encoding,
        markdown: hover.is_none_or(|formats| formats.contains(&MarkupKind::Markdown)),
        progress: client.window.as_ref().and_then(|window| window.work_done_progress).unwrap_or(false),
        document_changes: edits.and_then(|edits| edits.document_changes).unwrap_or(false),
        create_files: operations.is_some_and(|operations| operations.contains(&ResourceOperationKind::Create)),
        resolve_edits: resolve.is_some_and(|resolve| resolve.properties.iter().any(|property| property == "edit")),
    }
}
