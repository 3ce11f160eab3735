//! The World into the store: only what changed, by content hash.

use crate::documents;
use crate::ports::{Embed, Knowledge, NodeRow, PortError};
use ide::Analysis;
use std::time::{Duration, Instant};

/// What a synchronisation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyncReport {
    pub written: usize,
    pub removed: usize,
    pub unchanged: usize,
    pub embedded: usize,
    /// Texts that still have no vector, because the time was up.
    pub pending: usize,
}

/// How many texts are embedded between two progress calls; also how much is lost at most when the process is killed.
const BATCH: usize = 64;

/// Brings the store to the state of a snapshot. Rows are always written whole; vectors, which cost most, are made for at most
/// `budget`, the first text of everything before the second of anything. `progress` hears how many texts have their vectors and how many are known to
/// need one.
pub async fn sync(
    analysis: &Analysis,
    knowledge: &dyn Knowledge,
    embed: Option<&dyn Embed>,
    budget: Option<Duration>,
    mut progress: impl FnMut(usize, usize) + Send,
) -> Result<SyncReport, PortError> {
    let rows = documents::rows(analysis);
    let known = knowledge.content_hashes().await?;
    let mut report = SyncReport::default();
    let present: std::collections::HashSet<&str> = rows.iter().map(|row| row.unique_id.as_str()).collect();
    let gone: Vec<String> = known.keys().filter(|id| !present.contains(id.as_str())).cloned().collect();
    let changed: Vec<NodeRow> = rows.iter().filter(|row| known.get(&row.unique_id) != Some(&row.content_hash)).cloned().collect();
    report.unchanged = rows.len() - changed.len();
    report.written = changed.len();
    report.removed = gone.len();
    if !changed.is_empty() || !gone.is_empty() {
        knowledge.put_nodes(&changed, &gone).await?;
    }
    let Some(embed) = embed else { return Ok(report) };
    let started = Instant::now();
    loop {
        let missing = knowledge.chunks_without(embed.model_id(), BATCH * 16).await?;
        if missing.is_empty() {
            return Ok(report);
        }
        let total = report.embedded + missing.len();
        for batch in missing.chunks(BATCH) {
            if budget.is_some_and(|budget| started.elapsed() >= budget) {
                report.pending = knowledge.count_without(embed.model_id()).await?;
                return Ok(report);
            }
            let vectors = embed.embed(batch.iter().map(|(_, text)| text.clone()).collect()).await?;
            let rows: Vec<(i64, Vec<f32>)> = batch.iter().map(|(id, _)| *id).zip(vectors).collect();
            knowledge.put_embeddings(embed.model_id(), &rows).await?;
            report.embedded += rows.len();
            progress(report.embedded, total);
        }
    }
}
