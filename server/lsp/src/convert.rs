//! Between our data and LSP's.

use crate::event::Snapshot;
use ide::{Completion, CompletionKind, File, FileEdits, NavigationTarget, Symbol, SymbolKind};
use std::path::PathBuf;
use text::{Edit, Encoding, LineIndex, TextRange};
use tower_lsp::lsp_types as lsp;

pub fn path_of(uri: &lsp::Url) -> Option<PathBuf> {
    uri.to_file_path().ok()
}

pub fn uri_of(path: &std::path::Path) -> Option<lsp::Url> {
    lsp::Url::from_file_path(path).ok()
}

pub fn position(at: lsp::Position) -> text::Position {
    text::Position { line: at.line, column: at.character }
}

pub fn offset(file: &File, at: lsp::Position, encoding: Encoding) -> usize {
    LineIndex::new(&file.text).offset(&file.text, position(at), encoding)
}

pub fn text_range(file: &File, range: lsp::Range, encoding: Encoding) -> TextRange {
    let lines = LineIndex::new(&file.text);
    let at = |position: lsp::Position| lines.offset(&file.text, self::position(position), encoding);
    TextRange::new(at(range.start), at(range.end))
}

pub fn range(source: &str, lines: &LineIndex, range: TextRange, encoding: Encoding) -> lsp::Range {
    let at = |offset: u32| {
        let found = lines.position(source, offset as usize, encoding);
        lsp::Position { line: found.line, character: found.column }
    };
    lsp::Range { start: at(range.start), end: at(range.end) }
}

fn range_in(file: &File, wanted: TextRange, encoding: Encoding) -> lsp::Range {
    range(&file.text, &LineIndex::new(&file.text), wanted, encoding)
}

pub fn hover(file: &File, hover: ide::Hover, snapshot: &Snapshot) -> lsp::Hover {
    let kind = if snapshot.capabilities.markdown { lsp::MarkupKind::Markdown } else { lsp::MarkupKind::PlainText };
    lsp::Hover {
        contents: lsp::HoverContents::Markup(lsp::MarkupContent { kind, value: hover.markdown }),
        range: Some(range_in(file, hover.range, snapshot.capabilities.encoding)),
    }
}

pub fn location(snapshot: &Snapshot, target: &NavigationTarget) -> Option<lsp::Location> {
    let file = snapshot.analysis.file(target.file)?;
    Some(lsp::Location { uri: uri_of(&file.path)?, range: range_in(file, target.focus, snapshot.capabilities.encoding) })
}

pub fn completion(file: &File, offer: Completion, encoding: Encoding) -> lsp::CompletionItem {
    let kind = match offer.kind {
        CompletionKind::Model | CompletionKind::Snapshot => lsp::CompletionItemKind::CLASS,
        CompletionKind::Seed => lsp::CompletionItemKind::FILE,
        CompletionKind::Source => lsp::CompletionItemKind::STRUCT,
        CompletionKind::Docs => lsp::CompletionItemKind::TEXT,
        CompletionKind::Var => lsp::CompletionItemKind::VARIABLE,
        CompletionKind::Package => lsp::CompletionItemKind::MODULE,
    };
    let edit = lsp::TextEdit { range: range_in(file, offer.edit.range, encoding), new_text: offer.edit.insert };
    // Clients filter by what stands in the range that is replaced, an opening quote included.
    let filter_text = edit.new_text.clone();
    lsp::CompletionItem {
        label: offer.label,
        kind: Some(kind),
        detail: Some(offer.detail),
        documentation: offer.documentation.map(|value| lsp::Documentation::MarkupContent(lsp::MarkupContent { kind: lsp::MarkupKind::Markdown, value })),
        sort_text: Some(offer.sort),
        filter_text: Some(filter_text),
        text_edit: Some(lsp::CompletionTextEdit::Edit(edit)),
        ..lsp::CompletionItem::default()
    }
}

fn symbol_kind(kind: SymbolKind) -> lsp::SymbolKind {
    match kind {
        SymbolKind::Model | SymbolKind::Entry => lsp::SymbolKind::CLASS,
        SymbolKind::Source => lsp::SymbolKind::STRUCT,
        SymbolKind::Seed => lsp::SymbolKind::FILE,
        SymbolKind::Macro => lsp::SymbolKind::FUNCTION,
        SymbolKind::Docs => lsp::SymbolKind::STRING,
        SymbolKind::Variable | SymbolKind::Cte => lsp::SymbolKind::VARIABLE,
        SymbolKind::Section => lsp::SymbolKind::NAMESPACE,
        SymbolKind::Other => lsp::SymbolKind::OBJECT,
    }
}

pub fn document_symbols(file: &File, symbols: Vec<Symbol>, encoding: Encoding) -> Vec<lsp::DocumentSymbol> {
    let lines = LineIndex::new(&file.text);
    nested(&file.text, &lines, symbols, encoding)
}

fn nested(source: &str, lines: &LineIndex, symbols: Vec<Symbol>, encoding: Encoding) -> Vec<lsp::DocumentSymbol> {
    let made = symbols.into_iter().map(|symbol| {
        #[allow(deprecated)]
        lsp::DocumentSymbol {
            name: if symbol.name.is_empty() { "?".to_owned() } else { symbol.name },
            detail: None,
            kind: symbol_kind(symbol.kind),
            tags: None,
            deprecated: None,
            range: range(source, lines, symbol.range, encoding),
            selection_range: range(source, lines, symbol.name_range, encoding),
            children: Some(nested(source, lines, symbol.children, encoding)),
        }
    });
    made.collect()
}

pub fn workspace_symbol(snapshot: &Snapshot, name: String, kind: SymbolKind, container: String, target: &NavigationTarget) -> Option<lsp::SymbolInformation> {
    #[allow(deprecated)]
    Some(lsp::SymbolInformation {
        name,
        kind: symbol_kind(kind),
        tags: None,
        deprecated: None,
        location: location(snapshot, target)?,
        container_name: Some(container),
    })
}

pub fn diagnostic(source: &str, lines: &LineIndex, found: dbt::Diagnostic, encoding: Encoding) -> lsp::Diagnostic {
    let severity = match found.severity {
        dbt::Severity::Error => lsp::DiagnosticSeverity::ERROR,
        dbt::Severity::Warning => lsp::DiagnosticSeverity::WARNING,
        dbt::Severity::Information => lsp::DiagnosticSeverity::INFORMATION,
        dbt::Severity::Hint => lsp::DiagnosticSeverity::HINT,
    };
    lsp::Diagnostic {
        range: range(source, lines, found.place.range, encoding),
        severity: Some(severity),
        code: Some(lsp::NumberOrString::String(found.code.to_owned())),
        source: Some("ragstar".to_owned()),
        message: match found.dbt {
            Some(says) => format!("{}\ndbt: {says}", found.message),
            None => found.message,
        },
        ..lsp::Diagnostic::default()
    }
}

/// Edits of one file as one `WorkspaceEdit`, in the richest form that the client takes.
pub fn workspace_edit(snapshot: &Snapshot, made: &FileEdits) -> Option<lsp::WorkspaceEdit> {
    let uri = uri_of(&made.path)?;
    let source = snapshot.analysis.file_at(&made.path).map_or("", |file| &file.text);
    let lines = LineIndex::new(source);
    let edit = |edit: &Edit| lsp::TextEdit { range: range(source, &lines, edit.range, snapshot.capabilities.encoding), new_text: edit.insert.clone() };
    let edits: Vec<lsp::TextEdit> = if made.create {
        // Two insertions at one place of an empty file are one.
        let whole = text::apply_edits("", &made.edits).ok()?;
        vec![lsp::TextEdit { range: lsp::Range::default(), new_text: whole }]
    } else {
        made.edits.iter().map(edit).collect()
    };
    if !snapshot.capabilities.document_changes {
        return Some(lsp::WorkspaceEdit { changes: Some([(uri, edits)].into()), ..lsp::WorkspaceEdit::default() });
    }
    let mut operations = Vec::new();
    if made.create && snapshot.capabilities.create_files {
        let options = lsp::CreateFileOptions { overwrite: Some(false), ignore_if_exists: Some(true) };
        let create = lsp::CreateFile { uri: uri.clone(), options: Some(options), annotation_id: None };
        operations.push(lsp::DocumentChangeOperation::Op(lsp::ResourceOp::Create(create)));
    }
    operations.push(lsp::DocumentChangeOperation::Edit(lsp::TextDocumentEdit {
        text_document: lsp::OptionalVersionedTextDocumentIdentifier { uri, version: snapshot.version_of(&made.path) },
        edits: edits.into_iter().map(lsp::OneOf::Left).collect(),
    }));
    Some(lsp::WorkspaceEdit { document_changes: Some(lsp::DocumentChanges::Operations(operations)), ..lsp::WorkspaceEdit::default() })
}
