//! Each request on a file: what it asks of `ide`, and the answer in LSP's terms.

use crate::capabilities::{DESCRIBE, DOCUMENT, OPEN, OPEN_YAML, SHOW_COMPILED, SHOW_LINEAGE, SHOW_REFERENCES};
use crate::event::Snapshot;
use crate::{convert, describe};
use ide::{Change, DescribeAct, File, FixKind, FoldKind, HierarchyItem, HintKind, LensAction, Mention, Navigation};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::hash_map::Entry;
use text::{LineIndex, TextRange};
use tower_lsp::lsp_types::*;

/// Lines of the files that an answer names, each cut once.
#[derive(Default)]
struct Lines(FxHashMap<vfs::FileId, (Url, LineIndex)>);

impl Lines {
    fn location(&mut self, snapshot: &Snapshot, id: vfs::FileId, range: TextRange) -> Option<Location> {
        let file = snapshot.analysis.file(id)?;
        let (uri, lines) = match self.0.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert((convert::uri_of(&file.path)?, LineIndex::new(&file.text))),
        };
        Some(Location { uri: uri.clone(), range: convert::range(&file.text, lines, range, snapshot.capabilities.encoding) })
    }

    fn of_mentions(&mut self, snapshot: &Snapshot, mentions: &[Mention]) -> Vec<Location> {
        mentions.iter().filter_map(|mention| self.location(snapshot, mention.file, mention.range)).collect()
    }
}

/// The best of what is called like a query.
pub fn workspace_symbols(snapshot: &Snapshot, query: &str, limit: usize) -> Vec<SymbolInformation> {
    let mut lines = Lines::default();
    let found = snapshot.analysis.workspace_symbols(query, limit).into_iter();
    let shown = found.filter_map(|(name, kind, container, target)| {
        let location = lines.location(snapshot, target.file, target.focus)?;
        Some(convert::workspace_symbol(location, name, kind, container))
    });
    shown.collect()
}

pub fn navigate(snapshot: &Snapshot, file: &File, at: Position, to: Navigation) -> Option<GotoDefinitionResponse> {
    let encoding = snapshot.capabilities.encoding;
    let offset = convert::offset(file, at, encoding);
    let targets = snapshot.analysis.navigate(file, offset, to);
    if targets.is_empty() {
        return None;
    }
    if !snapshot.capabilities.link_targets {
        return Some(GotoDefinitionResponse::Array(targets.iter().filter_map(|target| convert::location(snapshot, target)).collect()));
    }
    let mut lines = Lines::default();
    let origin = snapshot.analysis.thing_at(file, offset).map(|(_, range)| convert::range_in(file, range, encoding));
    let links = targets.iter().filter_map(|target| {
        let focus = lines.location(snapshot, target.file, target.focus)?;
        let whole = lines.location(snapshot, target.file, target.range)?;
        Some(LocationLink { origin_selection_range: origin, target_uri: focus.uri, target_range: whole.range, target_selection_range: focus.range })
    });
    Some(GotoDefinitionResponse::Link(links.collect()))
}

pub fn references(snapshot: &Snapshot, file: &File, params: &ReferenceParams) -> Option<Vec<Location>> {
    let offset = convert::offset(file, params.text_document_position.position, snapshot.capabilities.encoding);
    let found = snapshot.analysis.references(file, offset, params.context.include_declaration)?;
    Some(Lines::default().of_mentions(snapshot, &found))
}

pub fn highlights(snapshot: &Snapshot, file: &File, at: Position) -> Vec<DocumentHighlight> {
    let encoding = snapshot.capabilities.encoding;
    let lines = LineIndex::new(&file.text);
    let found = snapshot.analysis.highlights(file, convert::offset(file, at, encoding));
    let shown = found.into_iter().map(|mention| DocumentHighlight {
        range: convert::range(&file.text, &lines, mention.range, encoding),
        kind: Some(if mention.is_definition { DocumentHighlightKind::WRITE } else { DocumentHighlightKind::READ }),
    });
    shown.collect()
}

pub fn prepare_rename(snapshot: &Snapshot, file: &File, at: Position) -> Result<PrepareRenameResponse, String> {
    let encoding = snapshot.capabilities.encoding;
    let range = snapshot.analysis.prepare_rename(file, convert::offset(file, at, encoding))?;
    let placeholder = range.of(&file.text).to_owned();
    Ok(PrepareRenameResponse::RangeWithPlaceholder { range: convert::range_in(file, range, encoding), placeholder })
}

pub fn rename(snapshot: &Snapshot, file: &File, params: &RenameParams) -> Result<WorkspaceEdit, String> {
    let offset = convert::offset(file, params.text_document_position.position, snapshot.capabilities.encoding);
    let change = snapshot.analysis.rename(file, offset, params.new_name.trim())?;
    if !change.renames.is_empty() && !snapshot.capabilities.rename_files {
        return Err("your editor can't rename files for a language server; rename the file itself, and its references follow if it tells of that".to_owned());
    }
    convert::change(snapshot, &change).ok_or_else(|| "a file's path can't be written as a URI".to_owned())
}

/// The edits that follow from files that are about to get other paths.
pub fn will_rename(snapshot: &Snapshot, renames: &[(std::path::PathBuf, std::path::PathBuf)]) -> Result<Option<WorkspaceEdit>, String> {
    let mut all = Change::default();
    for (from, to) in renames {
        all.edits.extend(snapshot.analysis.rename_file(from, to)?.edits);
    }
    Ok(if all.edits.is_empty() { None } else { convert::change(snapshot, &all) })
}

fn hierarchy_item(snapshot: &Snapshot, item: HierarchyItem) -> Option<CallHierarchyItem> {
    let mut lines = Lines::default();
    let focus = lines.location(snapshot, item.target.file, item.target.focus)?;
    let whole = lines.location(snapshot, item.target.file, item.target.range)?;
    Some(CallHierarchyItem {
        name: item.label,
        kind: convert::symbol_kind(item.kind),
        tags: None,
        detail: Some(item.detail),
        uri: focus.uri,
        range: whole.range,
        selection_range: focus.range,
        data: Some(json!({"root": snapshot.analysis.root, "uniqueId": item.unique_id})),
    })
}

pub fn prepare_hierarchy(snapshot: &Snapshot, file: &File, at: Position) -> Option<Vec<CallHierarchyItem>> {
    let item = snapshot.analysis.hierarchy_item(file, convert::offset(file, at, snapshot.capabilities.encoding))?;
    Some(vec![hierarchy_item(snapshot, item)?])
}

/// The project and the node of a hierarchy's item.
pub fn of_item(item: &CallHierarchyItem) -> Option<(std::path::PathBuf, String)> {
    let data = item.data.as_ref()?;
    Some((data.get("root")?.as_str()?.into(), data.get("uniqueId")?.as_str()?.to_owned()))
}

pub fn incoming(snapshot: &Snapshot, unique_id: &str) -> Vec<CallHierarchyIncomingCall> {
    let readers = snapshot.analysis.readers(unique_id).into_iter();
    let calls = readers.filter_map(|(item, places)| {
        let ranges = Lines::default().of_mentions(snapshot, &places).into_iter().map(|location| location.range).collect();
        Some(CallHierarchyIncomingCall { from: hierarchy_item(snapshot, item)?, from_ranges: ranges })
    });
    calls.collect()
}

pub fn outgoing(snapshot: &Snapshot, unique_id: &str) -> Vec<CallHierarchyOutgoingCall> {
    let read = snapshot.analysis.read_by(unique_id).into_iter();
    let calls = read.filter_map(|(item, places)| {
        let ranges = Lines::default().of_mentions(snapshot, &places).into_iter().map(|location| location.range).collect();
        Some(CallHierarchyOutgoingCall { to: hierarchy_item(snapshot, item)?, from_ranges: ranges })
    });
    calls.collect()
}

pub fn completion(snapshot: &Snapshot, file: &File, at: Position) -> CompletionResponse {
    let encoding = snapshot.capabilities.encoding;
    let recent: Vec<vfs::FileId> = snapshot.open.iter().filter_map(|(path, _)| snapshot.analysis.file_at(path)).map(|file| file.id).collect();
    let found = snapshot.analysis.completions(file, convert::offset(file, at, encoding), &recent);
    let lines = LineIndex::new(&file.text);
    let items = found.offers.into_iter().map(|offer| convert::completion(snapshot, file, &lines, offer)).collect();
    CompletionResponse::List(CompletionList { is_incomplete: found.is_cut, items })
}

pub fn signature_help(snapshot: &Snapshot, file: &File, at: Position) -> Option<SignatureHelp> {
    let found = snapshot.analysis.signature_help(file, convert::offset(file, at, snapshot.capabilities.encoding))?;
    let markdown = |value: String| Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value });
    let active = found.active.and_then(|active| u32::try_from(active).ok());
    let parameters = found.parameters.iter().map(|(range, doc)| ParameterInformation {
        label: ParameterLabel::Simple(range.of(&found.label).to_owned()),
        documentation: doc.clone().map(markdown),
    });
    let parameters = Some(parameters.collect());
    let signature = SignatureInformation { parameters, documentation: found.doc.map(markdown), active_parameter: active, label: found.label };
    Some(SignatureHelp { signatures: vec![signature], active_signature: Some(0), active_parameter: active })
}

pub fn folds(snapshot: &Snapshot, file: &File) -> Vec<FoldingRange> {
    let line = |line: usize| u32::try_from(line).unwrap_or(u32::MAX);
    let shown = snapshot.analysis.folds(file).into_iter().map(|fold| FoldingRange {
        start_line: line(fold.first),
        end_line: line(fold.last),
        kind: Some(if fold.kind == FoldKind::Comment { FoldingRangeKind::Comment } else { FoldingRangeKind::Region }),
        ..FoldingRange::default()
    });
    shown.collect()
}

pub fn selections(snapshot: &Snapshot, file: &File, positions: &[Position]) -> Vec<SelectionRange> {
    let encoding = snapshot.capabilities.encoding;
    let lines = LineIndex::new(&file.text);
    let shown = positions.iter().map(|&at| {
        let ranges = snapshot.analysis.selections(file, convert::offset(file, at, encoding));
        let mut made: Option<SelectionRange> = None;
        for range in ranges.into_iter().rev() {
            made = Some(SelectionRange { range: convert::range(&file.text, &lines, range, encoding), parent: made.map(Box::new) });
        }
        made.unwrap_or(SelectionRange { range: Range::new(at, at), parent: None })
    });
    shown.collect()
}

/// Tokens in LSP's form: each placed by the one before.
pub fn tokens(snapshot: &Snapshot, file: &File, only: Option<Range>) -> Vec<SemanticToken> {
    let encoding = snapshot.capabilities.encoding;
    let lines = LineIndex::new(&file.text);
    let only = only.map(|range| convert::text_range(file, range, encoding));
    let (mut line, mut column) = (0, 0);
    let shown = snapshot.analysis.tokens(file, only).into_iter().map(|token| {
        let range = convert::range(&file.text, &lines, token.range, encoding);
        let delta_line = range.start.line - line;
        let delta_start = if delta_line == 0 { range.start.character - column } else { range.start.character };
        (line, column) = (range.start.line, range.start.character);
        SemanticToken {
            delta_line,
            delta_start,
            length: range.end.character - range.start.character,
            token_type: token.kind as u32,
            token_modifiers_bitset: u32::from(token.is_definition) | (u32::from(token.is_builtin) << 1),
        }
    });
    shown.collect()
}

pub fn hints(snapshot: &Snapshot, file: &File, range: Range) -> Vec<InlayHint> {
    let encoding = snapshot.capabilities.encoding;
    let lines = LineIndex::new(&file.text);
    let found = snapshot.analysis.hints(file, convert::text_range(file, range, encoding)).into_iter();
    let wanted = found.filter(|hint| match hint.kind {
        HintKind::Materialization => snapshot.shows.materializations,
        HintKind::Type | HintKind::Star => snapshot.shows.types,
    });
    let shown = wanted.map(|hint| InlayHint {
        position: convert::range(&file.text, &lines, TextRange::at(hint.offset), encoding).start,
        label: InlayHintLabel::String(hint.label),
        kind: (hint.kind == HintKind::Type).then_some(InlayHintKind::TYPE),
        text_edits: None,
        tooltip: hint.tooltip.map(|value| InlayHintTooltip::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value })),
        padding_left: Some(hint.kind != HintKind::Type),
        padding_right: None,
        data: None,
    });
    shown.collect()
}

pub fn lenses(snapshot: &Snapshot, file: &File, uri: &Url) -> Vec<CodeLens> {
    if !snapshot.shows.lenses {
        return Vec::new();
    }
    let encoding = snapshot.capabilities.encoding;
    let lines = LineIndex::new(&file.text);
    let runs = snapshot.capabilities.commands;
    let found = snapshot.analysis.lenses(file).into_iter();
    let shown = found.filter_map(|lens| {
        let range = convert::range(&file.text, &lines, lens.range, encoding);
        let later = |what| {
            let data = LensData { uri: uri.clone(), title: lens.title.clone(), what };
            Some(CodeLens { range, command: None, data: serde_json::to_value(data).ok() })
        };
        let now = |name: &str, arguments: Value| {
            let command = lens_command(lens.title.clone().unwrap_or_default(), name, arguments);
            Some(CodeLens { range, command: Some(command), data: None })
        };
        match lens.action.clone() {
            LensAction::References(id) => later(LensPlaces::References(id)),
            LensAction::Readers(id) if runs.show_references => later(LensPlaces::Readers(id)),
            LensAction::Open(target) => now(OPEN, json!([convert::location(snapshot, &target)?])),
            LensAction::Tests(id) if runs.show_references => later(LensPlaces::Tests(id)),
            // A client that can't show them sees how many there are.
            LensAction::Readers(_) | LensAction::Tests(_) => now("", Value::Null),
            LensAction::Lineage(id) if runs.show_lineage => now(SHOW_LINEAGE, json!([{"uniqueId": id, "uri": uri}])),
            LensAction::Lineage(_) => None,
            LensAction::Compiled if runs.show_compiled => now(SHOW_COMPILED, json!([{"uri": uri}])),
            LensAction::Compiled => None,
        }
    });
    shown.collect()
}

/// What a lens keeps until it is shown, when its places are searched.
#[derive(Debug, Serialize, Deserialize)]
pub struct LensData {
    pub uri: Url,
    title: Option<String>,
    what: LensPlaces,
}

/// Whose places a lens shows, by unique_id.
#[derive(Debug, Serialize, Deserialize)]
enum LensPlaces {
    Readers(String),
    Tests(String),
    References(String),
}

/// The command of a lens that begins at a position.
pub fn lens_places(snapshot: &Snapshot, at: Position, data: LensData) -> Option<Command> {
    let (title, places) = match data.what {
        LensPlaces::Readers(id) => (data.title.unwrap_or_default(), reader_places(snapshot, &id)),
        LensPlaces::Tests(id) => {
            let mut lines = Lines::default();
            let tests = snapshot.analysis.tests_of(&id);
            (data.title.unwrap_or_default(), tests.iter().filter_map(|test| lines.location(snapshot, test.file, test.focus)).collect())
        }
        LensPlaces::References(id) => {
            let (title, found) = snapshot.analysis.references_of(&id)?;
            (title, Lines::default().of_mentions(snapshot, &found))
        }
    };
    Some(match snapshot.capabilities.commands.show_references {
        true => lens_command(title, SHOW_REFERENCES, json!([data.uri, at, places])),
        false => lens_command(title, "", Value::Null),
    })
}

fn lens_command(title: String, name: &str, arguments: Value) -> Command {
    let arguments = if let Value::Array(arguments) = arguments { Some(arguments) } else { None };
    Command { title, command: name.to_owned(), arguments }
}

fn reader_places(snapshot: &Snapshot, id: &str) -> Vec<Location> {
    let mut lines = Lines::default();
    let readers = snapshot.analysis.readers(id);
    readers
        .iter()
        .flat_map(|(item, places)| match places.is_empty() {
            true => lines.location(snapshot, item.target.file, item.target.focus).into_iter().collect::<Vec<_>>(),
            false => lines.of_mentions(snapshot, places),
        })
        .collect()
}

pub fn links(snapshot: &Snapshot, file: &File) -> Vec<DocumentLink> {
    let encoding = snapshot.capabilities.encoding;
    let lines = LineIndex::new(&file.text);
    let mut places = Lines::default();
    let shown = snapshot.analysis.links(file).into_iter().filter_map(|link| {
        let location = places.location(snapshot, link.target.file, link.target.focus)?;
        let range = convert::range(&file.text, &lines, link.range, encoding);
        Some(DocumentLink { range, target: Some(convert::address(&location)), tooltip: Some(link.tooltip), data: None })
    });
    shown.collect()
}

/// What can be done at a place: descriptions, whose text is made when one is chosen, and everything else with its edits.
pub fn code_actions(snapshot: &Snapshot, file: &File, params: &CodeActionParams) -> CodeActionResponse {
    let encoding = snapshot.capabilities.encoding;
    let lines = LineIndex::new(&file.text);
    let range = convert::text_range(file, params.range, encoding);
    let is_wanted = |kind: &CodeActionKind| {
        let is_below = |wanted: &CodeActionKind| wanted.as_str().is_empty() || kind == wanted || kind.as_str().starts_with(&format!("{}.", wanted.as_str()));
        params.context.only.as_ref().is_none_or(|kinds| kinds.iter().any(is_below))
    };
    let mended = |place: TextRange, code: &str| -> Vec<Diagnostic> {
        let place = convert::range(&file.text, &lines, place, encoding);
        let is_it = |one: &&Diagnostic| {
            let is_code = one.code.as_ref().is_some_and(|known| *known == NumberOrString::String(code.to_owned()));
            one.range == place && is_code && one.source.as_deref() == Some("ragstar")
        };
        params.context.diagnostics.iter().filter(is_it).cloned().collect()
    };
    let mut made = CodeActionResponse::new();
    for fix in snapshot.analysis.fixes(file, range) {
        let kind = match fix.kind {
            FixKind::Quick => CodeActionKind::QUICKFIX,
            FixKind::Refactor if fix.title.starts_with("Extract") => CodeActionKind::REFACTOR_EXTRACT,
            FixKind::Refactor if fix.title.starts_with("Inline") => CodeActionKind::REFACTOR_INLINE,
            FixKind::Refactor => CodeActionKind::REFACTOR,
            FixKind::Source => CodeActionKind::SOURCE,
        };
        // A client that can't make files can't take what needs one.
        let needs_file = fix.change.edits.iter().any(|edits| edits.create) && !snapshot.capabilities.create_files;
        let Some(edit) = convert::change(snapshot, &fix.change).filter(|_| is_wanted(&kind) && !needs_file) else { continue };
        made.push(CodeActionOrCommand::CodeAction(CodeAction {
            title: fix.title,
            kind: Some(kind),
            diagnostics: fix.mends.map(|(code, place)| mended(place, code)).filter(|mended| !mended.is_empty()),
            edit: Some(edit),
            is_preferred: fix.is_preferred.then_some(true),
            ..CodeAction::default()
        }));
    }
    if is_wanted(&CodeActionKind::QUICKFIX) || is_wanted(&DOCUMENT) || is_wanted(&CodeActionKind::SOURCE) {
        for action in snapshot.analysis.code_actions(file, range) {
            let kind = match (action.is_for_file, action.act) {
                (_, DescribeAct::Interpret) => CodeActionKind::SOURCE,
                (true, _) => DOCUMENT,
                (false, _) => CodeActionKind::QUICKFIX,
            };
            if !is_wanted(&kind) {
                continue;
            }
            let task = describe::Task { root: snapshot.analysis.root.clone(), act: action.act, targets: action.targets };
            let data = task.to_json();
            let command = Command { title: action.title.clone(), command: DESCRIBE.to_owned(), arguments: Some(vec![data.clone()]) };
            // A client that can't resolve an edit later gets a command that sends it.
            let (command, data) =
                if snapshot.capabilities.resolve_edits && action.act != DescribeAct::Interpret { (None, Some(data)) } else { (Some(command), None) };
            made.push(CodeActionOrCommand::CodeAction(CodeAction {
                title: action.title,
                kind: Some(kind),
                diagnostics: action.mends.map(|(code, place)| mended(place, code)),
                command,
                data,
                ..CodeAction::default()
            }));
        }
    }
    // What mends stands before what only changes.
    made.sort_by_key(|action| match action {
        CodeActionOrCommand::CodeAction(action) => action.kind != Some(CodeActionKind::QUICKFIX),
        CodeActionOrCommand::Command(_) => true,
    });
    made
}

/// The YAML entry of the model that a file is; as the error, what to tell the person.
pub fn yaml_of(snapshot: &Snapshot, file: &File) -> Result<Location, String> {
    let of_file = snapshot.analysis.index.nodes_of_file(file.id);
    let Some(&index) = of_file.first() else { return Err("this file holds no model, seed or snapshot".to_owned()) };
    let label = snapshot.analysis.index.nodes[index].label();
    let target = snapshot.analysis.entry_target(index);
    let Some(target) = target else {
        return Err(format!("`{label}` has no entry in a properties file yet; the code action \"Add `{label}` to YAML\" makes one"));
    };
    convert::location(snapshot, &target).ok_or_else(|| format!("the file of `{label}`'s entry can't be shown"))
}

/// The arguments of a command that opens something.
pub fn opened(command: &str, arguments: &[Value]) -> Option<Location> {
    (command == OPEN).then(|| serde_json::from_value(arguments.first()?.clone()).ok()).flatten()
}

/// The document that a command is about.
pub fn document_of(command: &str, arguments: &[Value]) -> Option<Url> {
    let argument = arguments.first().filter(|_| command == OPEN_YAML)?;
    let uri = argument.get("uri").unwrap_or(argument).as_str()?;
    Url::parse(uri).ok()
}
