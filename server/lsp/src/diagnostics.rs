//! Diagnostics, pushed: always of the newest state, and only where they changed.

use crate::convert;
use crate::event::Snapshot;
use ide::File;
use rustc_hash::FxHashMap;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::time::Duration;
use text::LineIndex;
use tokio::sync::watch;
use tower_lsp::Client;
use tower_lsp::lsp_types::{
    Diagnostic, DocumentDiagnosticReport, DocumentDiagnosticReportResult, FullDocumentDiagnosticReport, RelatedFullDocumentDiagnosticReport,
    RelatedUnchangedDocumentDiagnosticReport, UnchangedDocumentDiagnosticReport, Url,
};

/// The projects as they are, and whether closed files are to be looked at, too.
#[derive(Clone, Default)]
pub struct State {
    pub snapshots: Vec<Snapshot>,
    pub whole_project: bool,
}

/// What the client should ask for again.
#[derive(Clone, Copy, Default)]
struct Again {
    diagnostics: bool,
    lenses: bool,
    hints: bool,
    tokens: bool,
}

impl State {
    /// A client asks by itself after its own edits; more than the one file may have changed when files on disk did, or when others
    /// are open beside it.
    fn refreshes(&self, all: bool) -> Again {
        let Some(first) = self.snapshots.first() else { return Again::default() };
        let client = first.capabilities;
        let several = self.snapshots.iter().map(|snapshot| snapshot.open.len()).sum::<usize>() > 1;
        Again {
            diagnostics: client.pulls_diagnostics && (all || several),
            lenses: client.refreshes.lenses && all,
            hints: client.refreshes.hints && all,
            tokens: client.refreshes.tokens && all,
        }
    }
}

/// Asks the client to ask; what it answers means nothing, so nobody waits for it.
fn ask_again(client: &Client, again: Again) {
    let client = client.clone();
    tokio::spawn(async move {
        if again.diagnostics {
            let _ = client.workspace_diagnostic_refresh().await;
        }
        if again.lenses {
            let _ = client.code_lens_refresh().await;
        }
        if again.hints {
            let _ = client.inlay_hint_refresh().await;
        }
        if again.tokens {
            let _ = client.semantic_tokens_refresh().await;
        }
    });
}

/// What is looked at once nothing has changed for a while.
#[derive(Clone, Copy)]
enum Next {
    /// The other open files.
    Open,
    /// The files that nobody has open.
    Closed,
}

impl Next {
    /// How long nothing has to change before: whoever types shouldn't wait for what isn't looked at.
    fn quiet(self) -> Duration {
        match self {
            Self::Open => Duration::from_millis(40),
            Self::Closed => Duration::from_millis(150),
        }
    }
}

/// Sends what changed, until the loop ends: of the file that was touched last at once, of the others when nothing has changed for a
/// moment.
pub async fn publish(client: Client, mut states: watch::Receiver<State>) {
    let mut sent = Sent::default();
    // Whether files on disk changed since the closed ones were looked at.
    let mut whole_project = false;
    let mut pending: Option<(State, Next)> = None;
    loop {
        let quiet = pending.as_ref().map_or(Duration::MAX, |(_, next)| next.quiet());
        let changed = tokio::select! {
            changed = states.changed() => Some(changed),
            () = tokio::time::sleep(quiet), if pending.is_some() => None,
        };
        if let Some(changed) = changed {
            if changed.is_err() {
                return;
            }
            let state = states.borrow_and_update().clone();
            whole_project |= state.whole_project;
            pending = Some((state.clone(), Next::Open));
            let Ok(found) = tokio::task::spawn_blocking(move || of_newest(&state)).await else { continue };
            sent.send(&client, found).await;
            continue;
        }
        let Some((state, next)) = pending.take() else { continue };
        match next {
            Next::Open => {
                let (looked_at, newer) = (state.clone(), states.clone());
                // What is left out when something changes meanwhile comes with that.
                let work = move || of_others(&looked_at, || newer.has_changed().unwrap_or(true));
                pending = Some((state, Next::Closed));
                let Ok(found) = tokio::task::spawn_blocking(work).await else { continue };
                sent.send(&client, found).await;
            }
            Next::Closed => {
                let refreshes = state.refreshes(whole_project);
                let known = sent.known();
                let whole = std::mem::take(&mut whole_project);
                let Ok(found) = tokio::task::spawn_blocking(move || of_closed(&state, &known, whole)).await else { continue };
                sent.send(&client, found).await;
                ask_again(&client, refreshes);
            }
        }
    }
}

/// What the client was told.
#[derive(Default)]
struct Sent(FxHashMap<PathBuf, Told>);

#[derive(Default)]
struct Told {
    diagnostics: Vec<Diagnostic>,
    /// What the index said of the file then; of open files nothing.
    index: Option<u64>,
}

/// A file's diagnostics, and the version of the document that they are of.
struct Found {
    path: PathBuf,
    diagnostics: Vec<Diagnostic>,
    version: Option<i32>,
    index: Option<u64>,
}

impl Sent {
    fn known(&self) -> FxHashMap<PathBuf, (bool, Option<u64>)> {
        self.0.iter().map(|(path, told)| (path.clone(), (told.diagnostics.is_empty(), told.index))).collect()
    }

    async fn send(&mut self, client: &Client, found: Vec<Found>) {
        for Found { path, diagnostics, version, index } in found {
            let told = self.0.entry(path.clone()).or_default();
            told.index = index;
            if told.diagnostics == diagnostics {
                continue;
            }
            told.diagnostics.clone_from(&diagnostics);
            if let Ok(uri) = Url::from_file_path(&path) {
                client.publish_diagnostics(uri, diagnostics, version).await;
            }
        }
    }
}

/// Of each project the open file that was touched last.
fn of_newest(state: &State) -> Vec<Found> {
    state.snapshots.iter().filter_map(|snapshot| of_open(snapshot, snapshot.open.last()?)).collect()
}

/// Of the other open files, until somebody says stop.
fn of_others(state: &State, stop: impl Fn() -> bool) -> Vec<Found> {
    let others = |snapshot: &Snapshot| snapshot.open.len().saturating_sub(1);
    let files = state.snapshots.iter().flat_map(|snapshot| snapshot.open.iter().take(others(snapshot)).map(move |open| (snapshot, open)));
    files.take_while(|_| !stop()).filter_map(|(snapshot, open)| of_open(snapshot, open)).collect()
}

/// Of an open file; those that the client asks for are empty here.
fn of_open(snapshot: &Snapshot, (path, version): &(PathBuf, i32)) -> Option<Found> {
    let file = snapshot.analysis.file_at(path).filter(|file| file.package == 0)?;
    let diagnostics = if snapshot.capabilities.pulls_diagnostics { Vec::new() } else { shown(snapshot, file, true) };
    Some(Found { path: path.clone(), diagnostics, version: Some(*version), index: None })
}

/// Of the files that nobody has open: all of them where files on disk changed, else those of which the index says something else.
fn of_closed(state: &State, known: &FxHashMap<PathBuf, (bool, Option<u64>)>, whole_project: bool) -> Vec<Found> {
    let mut found = Vec::new();
    for snapshot in &state.snapshots {
        let mut files: Vec<(&std::sync::Arc<File>, u64)> = Vec::new();
        for file in snapshot.analysis.files.values().filter(|file| file.package == 0 && snapshot.version_of(&file.path).is_none()) {
            let says = said(snapshot, file);
            let before = known.get(&*file.path);
            let is_new = before.is_none_or(|(_, index)| *index != Some(says));
            if whole_project || (is_new && (says != 0 || before.is_some())) {
                files.push((file, says));
            }
        }
        let looked_at = Snapshot { analysis: snapshot.analysis.apart(), ..snapshot.clone() };
        let made = dbt::in_parallel(&files, |(file, _)| shown(&looked_at, file, false));
        let told = files.into_iter().zip(made);
        found.extend(told.map(|((file, says), diagnostics)| Found { path: file.path.to_path_buf(), diagnostics, version: None, index: Some(says) }));
        // What is gone has no problems.
        for path in known.keys().filter(|path| path.starts_with(&snapshot.analysis.root) && snapshot.analysis.file_at(path).is_none()) {
            found.push(Found { path: path.clone(), diagnostics: Vec::new(), version: None, index: None });
        }
    }
    // Nor has a project that was closed.
    for path in known.keys().filter(|path| !state.snapshots.iter().any(|snapshot| path.starts_with(&snapshot.analysis.root))) {
        found.push(Found { path: path.clone(), diagnostics: Vec::new(), version: None, index: None });
    }
    // Files that nothing is said of need no memory.
    found.retain(|one| !one.diagnostics.is_empty() || known.contains_key(&one.path));
    found
}

/// What the index says of a file, as a number; 0 for nothing.
fn said(snapshot: &Snapshot, file: &File) -> u64 {
    let mut all = snapshot.analysis.index.diagnostics_of(file.id).peekable();
    if all.peek().is_none() {
        return 0;
    }
    let mut hasher = rustc_hash::FxHasher::default();
    for one in all {
        (one.place.range, one.severity as u8, one.code, &one.message).hash(&mut hasher);
    }
    hasher.finish().max(1)
}

/// Everything to say about an open file.
pub fn of_file(snapshot: &Snapshot, file: &File) -> Vec<Diagnostic> {
    shown(snapshot, file, true)
}

/// All of open files; of closed ones the errors and warnings, since nobody looks for hints there.
fn shown(snapshot: &Snapshot, file: &File, is_open: bool) -> Vec<Diagnostic> {
    let mut all = snapshot.analysis.diagnostics(file);
    all.retain(|one| is_open || one.severity <= dbt::Severity::Warning);
    if all.is_empty() {
        return Vec::new();
    }
    let lines = LineIndex::new(&file.text);
    all.into_iter().map(|one| convert::diagnostic(&file.text, &lines, one, snapshot.capabilities.encoding)).collect()
}

/// The answer to a client that asks for them; nothing new where it has the same already.
pub fn report(items: Vec<Diagnostic>, previous: Option<&str>) -> DocumentDiagnosticReportResult {
    let mut hasher = rustc_hash::FxHasher::default();
    // Their text says all of them.
    serde_json::to_string(&items).unwrap_or_default().hash(&mut hasher);
    let result_id = format!("{:x}", hasher.finish());
    let report = if previous == Some(&result_id) {
        let unchanged_document_diagnostic_report = UnchangedDocumentDiagnosticReport { result_id };
        DocumentDiagnosticReport::Unchanged(RelatedUnchangedDocumentDiagnosticReport { related_documents: None, unchanged_document_diagnostic_report })
    } else {
        let full_document_diagnostic_report = FullDocumentDiagnosticReport { result_id: Some(result_id), items };
        DocumentDiagnosticReport::Full(RelatedFullDocumentDiagnosticReport { related_documents: None, full_document_diagnostic_report })
    };
    DocumentDiagnosticReportResult::Report(report)
}
