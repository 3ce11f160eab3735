//! Diagnostics, pushed: always of the newest state, and only where they changed.

use crate::convert;
use crate::event::Snapshot;
use rustc_hash::FxHashMap;
use std::path::PathBuf;
use text::LineIndex;
use tokio::sync::watch;
use tower_lsp::Client;
use tower_lsp::lsp_types::{Diagnostic, Url};

/// The projects as they are, and whether closed files are to be looked at, too.
#[derive(Clone, Default)]
pub struct State {
    pub snapshots: Vec<Snapshot>,
    pub whole_project: bool,
}

/// Sends what changed, until the loop ends.
pub async fn publish(client: Client, mut states: watch::Receiver<State>) {
    let mut sent: FxHashMap<PathBuf, Vec<Diagnostic>> = FxHashMap::default();
    while states.changed().await.is_ok() {
        let state = states.borrow_and_update().clone();
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
    }
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
            let lines = LineIndex::new(&file.text);
            let all = snapshot.analysis.diagnostics(file).into_iter();
            let shown = all.filter(|one| version.is_some() || one.severity <= dbt::Severity::Warning);
            let made = shown.map(|one| convert::diagnostic(&file.text, &lines, one, snapshot.capabilities.encoding)).collect();
            found.push((file.path.to_path_buf(), made, version));
        }
        // What is gone has no problems.
        for path in known.iter().filter(|path| path.starts_with(&snapshot.analysis.root) && snapshot.analysis.file_at(path).is_none()) {
            found.push((path.clone(), Vec::new(), None));
        }
    }
    found
}
