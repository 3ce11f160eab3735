//! Between our data and LSP's.

use crate::event::Snapshot;
use ide::{Change, Completion, CompletionDoc, CompletionKind, File, FileEdits, NavigationTarget, Symbol, SymbolKind};
use serde_json::{Value, json};
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

pub fn range_in(file: &File, wanted: TextRange, encoding: Encoding) -> lsp::Range {
    range(&file.text, &LineIndex::new(&file.text), wanted, encoding)
}

pub fn hover(file: &File, hover: ide::Hover, snapshot: &Snapshot) -> lsp::Hover {
    let contents = if snapshot.capabilities.markdown {
        lsp::MarkupContent { kind: lsp::MarkupKind::Markdown, value: with_links(snapshot, &hover.markdown) }
    } else {
        lsp::MarkupContent { kind: lsp::MarkupKind::PlainText, value: hover.plain() }
    };
    lsp::Hover { contents: lsp::HoverContents::Markup(contents), range: Some(range_in(file, hover.range, snapshot.capabilities.encoding)) }
}

pub fn location(snapshot: &Snapshot, target: &NavigationTarget) -> Option<lsp::Location> {
    let file = snapshot.analysis.file(target.file)?;
    Some(lsp::Location { uri: uri_of(&file.path)?, range: range_in(file, target.focus, snapshot.capabilities.encoding) })
}

/// A place as the address of a link: the file, and behind `#L` its line and column, which VS Code follows.
pub fn address(at: &lsp::Location) -> lsp::Url {
    let mut target = at.uri.clone();
    let start = at.range.start;
    if start.line > 0 {
        target.set_fragment(Some(&format!("L{},{}", start.line + 1, start.character + 1)));
    }
    target
}

/// A card whose names of nodes lead to them.
pub fn with_links(snapshot: &Snapshot, card: &str) -> String {
    snapshot.analysis.with_links(card, |target| location(snapshot, &target).filter(|_| snapshot.capabilities.links).map(|at| address(&at).to_string()))
}

pub fn completion(snapshot: &Snapshot, file: &File, lines: &LineIndex, offer: Completion) -> lsp::CompletionItem {
    let kind = match offer.kind {
        CompletionKind::Model | CompletionKind::Snapshot => lsp::CompletionItemKind::CLASS,
        CompletionKind::Seed => lsp::CompletionItemKind::FILE,
        CompletionKind::Source | CompletionKind::Cte => lsp::CompletionItemKind::STRUCT,
        CompletionKind::Docs => lsp::CompletionItemKind::TEXT,
        CompletionKind::Var => lsp::CompletionItemKind::VARIABLE,
        CompletionKind::Package => lsp::CompletionItemKind::MODULE,
        CompletionKind::Macro | CompletionKind::Function => lsp::CompletionItemKind::FUNCTION,
        CompletionKind::Column => lsp::CompletionItemKind::FIELD,
        CompletionKind::Keyword => lsp::CompletionItemKind::KEYWORD,
        CompletionKind::Property => lsp::CompletionItemKind::PROPERTY,
        CompletionKind::Value => lsp::CompletionItemKind::ENUM_MEMBER,
        CompletionKind::Node => lsp::CompletionItemKind::REFERENCE,
    };
    let snippet = offer.snippet.filter(|_| snapshot.capabilities.snippets);
    let is_snippet = snippet.is_some();
    let range = range(&file.text, lines, offer.edit.range, snapshot.capabilities.encoding);
    // Clients filter by what stands in the range that is replaced, an opening quote included.
    let filter_text = if offer.edit.insert.starts_with(['\'', '"']) { offer.edit.insert.clone() } else { offer.label.clone() };
    let mut new_text = snippet.unwrap_or(offer.edit.insert);
    let insert_text_mode = (new_text.contains('\n') && snapshot.capabilities.inserts_as_is).then_some(lsp::InsertTextMode::AS_IS);
    if is_snippet && insert_text_mode.is_none() {
        let line = &file.text[lines.line_range(&file.text, lines.line_of(offer.edit.range.start as usize))];
        let indent: String = line.chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
        new_text = new_text.replace(&format!("\n{indent}"), "\n");
    }
    let edit = lsp::TextEdit { range, new_text };
    lsp::CompletionItem {
        label: offer.label,
        kind: Some(kind),
        detail: Some(offer.detail).filter(|detail| !detail.is_empty()),
        data: offer.doc.map(|doc| completion_data(snapshot, &doc)),
        sort_text: Some(offer.sort),
        filter_text: Some(filter_text),
        insert_text_mode,
        insert_text_format: is_snippet.then_some(lsp::InsertTextFormat::SNIPPET),
        text_edit: Some(lsp::CompletionTextEdit::Edit(edit)),
        ..lsp::CompletionItem::default()
    }
}

/// What is needed to find the text beside an offer later.
fn completion_data(snapshot: &Snapshot, doc: &CompletionDoc) -> Value {
    let root = &snapshot.analysis.root;
    match doc {
        CompletionDoc::Node(id) => json!({"root": root, "node": id}),
        CompletionDoc::Column(id, column) => json!({"root": root, "node": id, "column": column}),
        CompletionDoc::Macro(id) => json!({"root": root, "macro": id}),
        CompletionDoc::Docs(id) => json!({"root": root, "docs": id}),
        CompletionDoc::Text(text) => json!({"root": root, "text": text}),
    }
}

/// The project and the text that an offer's data means.
pub fn completion_doc(data: &Value) -> Option<(PathBuf, CompletionDoc)> {
    let text = |key: &str| data.get(key).and_then(Value::as_str).map(str::to_owned);
    let doc = match (text("node"), text("column")) {
        (Some(id), Some(column)) => CompletionDoc::Column(id, column),
        (Some(id), None) => CompletionDoc::Node(id),
        _ => text("macro").map(CompletionDoc::Macro).or_else(|| text("docs").map(CompletionDoc::Docs)).or_else(|| text("text").map(CompletionDoc::Text))?,
    };
    Some((text("root")?.into(), doc))
}

pub fn symbol_kind(kind: SymbolKind) -> lsp::SymbolKind {
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

pub fn workspace_symbol(location: lsp::Location, name: String, kind: SymbolKind, container: String) -> lsp::SymbolInformation {
    #[allow(deprecated)]
    lsp::SymbolInformation { name, kind: symbol_kind(kind), tags: None, deprecated: None, location, container_name: Some(container) }
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
        // Shown faded or struck through.
        tags: match found.code {
            "unused-cte" => Some(vec![lsp::DiagnosticTag::UNNECESSARY]),
            "deprecated" => Some(vec![lsp::DiagnosticTag::DEPRECATED]),
            _ => None,
        },
        message: match found.dbt {
            Some(says) => format!("{}\ndbt: {says}", found.message),
            None => found.message,
        },
        ..lsp::Diagnostic::default()
    }
}

/// Edits of files, and files' new paths, as one `WorkspaceEdit` in the richest form that the client takes: files are made first, and
/// renamed last.
pub fn change(snapshot: &Snapshot, change: &Change) -> Option<lsp::WorkspaceEdit> {
    let mut all: Vec<(lsp::Url, &FileEdits, Vec<lsp::TextEdit>)> = Vec::new();
    for made in &change.edits {
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
        all.push((uri_of(&made.path)?, made, edits));
    }
    if !snapshot.capabilities.document_changes && change.renames.is_empty() {
        let changes = all.into_iter().map(|(uri, _, edits)| (uri, edits)).collect();
        return Some(lsp::WorkspaceEdit { changes: Some(changes), ..lsp::WorkspaceEdit::default() });
    }
    let mut operations = Vec::new();
    for (uri, made, edits) in all {
        if made.create && snapshot.capabilities.create_files {
            let options = lsp::CreateFileOptions { overwrite: Some(false), ignore_if_exists: Some(true) };
            let create = lsp::CreateFile { uri: uri.clone(), options: Some(options), annotation_id: None };
            operations.push(lsp::DocumentChangeOperation::Op(lsp::ResourceOp::Create(create)));
        }
        operations.push(lsp::DocumentChangeOperation::Edit(lsp::TextDocumentEdit {
            text_document: lsp::OptionalVersionedTextDocumentIdentifier { uri, version: snapshot.version_of(&made.path) },
            edits: edits.into_iter().map(lsp::OneOf::Left).collect(),
        }));
    }
    for (from, to) in &change.renames {
        let options = lsp::RenameFileOptions { overwrite: Some(false), ignore_if_exists: Some(false) };
        let rename = lsp::RenameFile { old_uri: uri_of(from)?, new_uri: uri_of(to)?, options: Some(options), annotation_id: None };
        operations.push(lsp::DocumentChangeOperation::Op(lsp::ResourceOp::Rename(rename)));
    }
    Some(lsp::WorkspaceEdit { document_changes: Some(lsp::DocumentChanges::Operations(operations)), ..lsp::WorkspaceEdit::default() })
}

/// The same edit with a reason for each of its changes; `asks` has the person look at them first. As it is where the client takes no reasons.
pub fn annotated(snapshot: &Snapshot, mut edit: lsp::WorkspaceEdit, label: &str, asks: bool) -> lsp::WorkspaceEdit {
    const ID: &str = "ragstar";
    let Some(lsp::DocumentChanges::Operations(operations)) = edit.document_changes.as_mut().filter(|_| snapshot.capabilities.annotations) else { return edit };
    for operation in operations {
        let lsp::DocumentChangeOperation::Edit(changed) = operation else { continue };
        for one in &mut changed.edits {
            if let lsp::OneOf::Left(text_edit) = one {
                *one = lsp::OneOf::Right(lsp::AnnotatedTextEdit { text_edit: text_edit.clone(), annotation_id: ID.to_owned() });
            }
        }
    }
    let annotation = lsp::ChangeAnnotation { label: label.to_owned(), needs_confirmation: Some(asks), description: None };
    edit.change_annotations = Some([(ID.to_owned(), annotation)].into_iter().collect());
    edit
}

/// What makes one list of tokens of another: everything between what both begin and what both end with.
pub fn token_edits(before: &[lsp::SemanticToken], after: Vec<lsp::SemanticToken>) -> Vec<lsp::SemanticTokensEdit> {
    let head = before.iter().zip(&after).take_while(|(one, other)| one == other).count();
    let tail = before[head..].iter().rev().zip(after[head..].iter().rev()).take_while(|(one, other)| one == other).count();
    let (gone, end) = (before.len() - head - tail, after.len() - tail);
    if gone == 0 && end == head {
        return Vec::new();
    }
    let numbers = |count: usize| u32::try_from(count * 5).unwrap_or(u32::MAX);
    vec![lsp::SemanticTokensEdit { start: numbers(head), delete_count: numbers(gone), data: Some(after[head..end].to_vec()) }]
}
