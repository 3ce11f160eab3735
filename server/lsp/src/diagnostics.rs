//! Diagnostics, pushed: always of the newest state, and only where they changed.

use crate::convert;
use crate::event::Snapshot;
use ide::File;
use rustc_hash::FxHashMap;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
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
    fn refreshes(&self) -> Again {
        let Some(first) = self.snapshots.first() else { return Again::default() };
        let client = first.capabilities;
        let several = self.snapshots.iter().map(|snapshot| snapshot.open.len()).sum::<usize>() > 1;
        let all = self.whole_project;
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

/// Sends what changed, until the loop ends.
pub async fn publish(client: Client, mut states: watch::Receiver<State>) {
    let mut sent: FxHashMap<PathBuf, Vec<Diagnostic>> = FxHashMap::default();
    while states.changed().await.is_ok() {
        let state = states.borrow_and_update().clone();
        let refreshes = state.refreshes();
        let known: Vec<PathBuf> = sent.keys().cloned().collect();
        let Ok(found) = tokio::task::spawn_blocking(move || collect(&state, &known)).await else { continue };
        for (path, diagnostics, version) in found {
            if sent.get(&path).is_none_or(Vec::is_empty) && diagnostics.is_empty() || sent.get(&path) == Some(&diagnostics) {
                continue;
            }
            if let Ok(uri) = Url::from_file_path(&path) {
                client.publish_diagnostics(uri, diagnostics.clone(), version).await;
            }
            sent.insert(path, diagnostics);
        }
        ask_again(&client, refreshes);
    }
}

/// Everything to say about an open file.
pub fn of_file(snapshot: &Snapshot, file: &File) -> Vec<Diagnostic> {
    shown(snapshot, file, true)
}

fn shown(snapshot: &Snapshot, file: &File, is_open: bool) -> Vec<Diagnostic> {
    let lines = LineIndex::new(&file.text);
    let all = snapshot.analysis.diagnostics(file).into_iter();
    let shown = all.filter(|one| is_open || one.severity <= dbt::Severity::Warning);
    shown.map(|one| convert::diagnostic(&file.text, &lines, one, snapshot.capabilities.encoding)).collect()
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

/// All of open files; of closed ones the errors and warnings, since nobody looks for hints there.
fn collect(state: &State, known: &[PathBuf]) -> Vec<(PathBuf, Vec<Diagnostic>, Option<i32>)> {
    let mut found = Vec::new();
    for snapshot in &state.snapshots {
        let files = snapshot.analysis.files.values().filter(|file| file.package == 0);
        for file in files {
            let version = snapshot.version_of(&file.path);
            if version.is_none() && !state.whole_project && !known.iter().any(|known| **known == *file.path) {
                continue;
            }
            // The client asks for those of open files.
            let is_pulled = version.is_some() && snapshot.capabilities.pulls_diagnostics;
            let made = if is_pulled { Vec::new() } else { shown(snapshot, file, version.is_some()) };
            found.push((file.path.to_path_buf(), made, version));
        }
        // What is gone has no problems.
        for path in known.iter().filter(|path| path.starts_with(&snapshot.analysis.root) && snapshot.analysis.file_at(path).is_none()) {
            found.push((path.clone(), Vec::new(), None));
        }
    }
    found
}
