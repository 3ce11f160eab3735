//! Drafts in a team's store, or in a file of the user's.
//!
//! The file is a log: a line of JSON for each text that was taken in, the last one of a thing counts. Lines are appended under a lock
//! and synced, so that whatever ends the program leaves all but the line that it was writing; a line that is not whole is passed over. When most
//! lines are out of date the log is written anew beside the old one and put in its place.

use crate::{StoreError, Workspace};
use analyst::ports::{DescribeTarget, Draft, DraftKind, DraftState, Drafts, KeepDrafts, PortError};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::Row;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A log of fewer lines is not written anew.
const MIN_LINES: usize = 1000;

/// A line of the log.
#[derive(Serialize, Deserialize)]
struct Line {
    kind: String,
    unique_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    column: Option<String>,
    text: String,
    origin: String,
    state: String,
    described: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replaced: Option<String>,
}

impl Line {
    fn of(draft: &Draft) -> Self {
        Self {
            kind: draft.kind.as_str().to_owned(),
            unique_id: draft.target.unique_id.clone(),
            column: draft.target.column.clone(),
            text: draft.text.clone(),
            origin: draft.origin.clone(),
            state: draft.state.as_str().to_owned(),
            described: draft.described.clone(),
            replaced: draft.replaced.clone(),
        }
    }

    /// `None` for a kind or a state that a newer program may know.
    fn draft(self) -> Option<Draft> {
        Some(Draft {
            kind: DraftKind::named(&self.kind)?,
            target: DescribeTarget { unique_id: self.unique_id, column: self.column },
            text: self.text,
            origin: self.origin,
            state: DraftState::named(&self.state)?,
            described: self.described,
            replaced: self.replaced,
        })
    }
}

/// The drafts of one workspace in a file.
#[derive(Debug, Clone)]
pub struct DraftsFile {
    path: PathBuf,
}

impl DraftsFile {
    /// The file need not be there, nor its folder.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// That of a workspace below the user's data folder.
    pub fn of_workspace(data_dir: &Path, workspace_id: &str) -> Self {
        let name: String = Sha256::digest(workspace_id.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self::new(data_dir.join("drafts").join(format!("{name}.jsonl")))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All drafts; none where there is no file. Blocks.
    pub fn read(&self) -> Result<Drafts, StoreError> {
        match std::fs::read(&self.path) {
            Ok(bytes) => Ok(self.parse(&bytes).0),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Drafts::default()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// The drafts, and how many lines they were read from.
    fn parse(&self, bytes: &[u8]) -> (Drafts, usize) {
        let (mut drafts, mut count) = (Drafts::default(), 0);
        for line in bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            count += 1;
            match serde_json::from_slice::<Line>(line) {
                Ok(line) => line.draft().into_iter().for_each(|draft| drafts.put(draft)),
                Err(error) => tracing::warn!(%error, file = %self.path.display(), line = count, "a line of the drafts can't be read"),
            }
        }
        (drafts, count)
    }

    /// Takes drafts in. Blocks, also while another process does so.
    pub fn append(&self, new: &[Draft]) -> Result<(), StoreError> {
        self.try_append(new).map_err(|error| self.failed(&error))
    }

    fn try_append(&self, new: &[Draft]) -> std::io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        // The log itself may be put in another's place.
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(self.path.with_extension("lock"))?;
        lock.lock()?;
        let mut lines = Vec::new();
        for draft in new {
            serde_json::to_writer(&mut lines, &Line::of(draft))?;
            lines.push(b'\n');
        }
        let mut log = OpenOptions::new().read(true).append(true).create(true).open(&self.path)?;
        if !ends_in_newline(&mut log)? {
            lines.insert(0, b'\n');
        }
        log.write_all(&lines)?;
        log.sync_data()?;
        self.shorten(&mut log, folder)
    }

    /// Writes the log anew where most of its lines are out of date.
    fn shorten(&self, log: &mut File, folder: &Path) -> std::io::Result<()> {
        let mut bytes = Vec::new();
        log.seek(SeekFrom::Start(0))?;
        log.read_to_end(&mut bytes)?;
        if bytes.iter().filter(|&&byte| byte == b'\n').count() < MIN_LINES {
            return Ok(());
        }
        let (drafts, lines) = self.parse(&bytes);
        if lines < MIN_LINES.max(drafts.len() * 2) {
            return Ok(());
        }
        let mut half = tempfile::NamedTempFile::new_in(folder)?;
        {
            let mut out = std::io::BufWriter::new(half.as_file_mut());
            for draft in drafts.iter() {
                serde_json::to_writer(&mut out, &Line::of(draft))?;
                out.write_all(b"\n")?;
            }
            out.flush()?;
        }
        half.as_file().sync_all()?;
        half.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }

    fn failed(&self, error: &std::io::Error) -> StoreError {
        StoreError::Files { path: self.path.clone(), why: error.to_string() }
    }
}

/// Whether a new line can begin at the end of a file.
fn ends_in_newline(file: &mut File) -> std::io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// Work on files, done off the runtime.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, StoreError> + Send + 'static) -> Result<T, PortError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| PortError::new("the drafts could not be read or written; see the log", error))?.map_err(StoreError::port)
}

#[async_trait]
impl KeepDrafts for DraftsFile {
    fn file(&self) -> Option<&Path> {
        Some(&self.path)
    }

    async fn list(&self) -> Result<Drafts, PortError> {
        let own = self.clone();
        blocking(move || own.read()).await
    }

    async fn put(&self, drafts: &[Draft]) -> Result<(), PortError> {
        let (own, drafts) = (self.clone(), drafts.to_vec());
        blocking(move || own.append(&drafts)).await
    }
}

#[async_trait]
impl KeepDrafts for Workspace {
    fn file(&self) -> Option<&Path> {
        None
    }

    async fn list(&self) -> Result<Drafts, PortError> {
        self.list_drafts().await.map_err(StoreError::port)
    }

    async fn put(&self, drafts: &[Draft]) -> Result<(), PortError> {
        self.put_drafts(drafts).await.map_err(StoreError::port)
    }
}

impl Workspace {
    async fn list_drafts(&self) -> Result<Drafts, StoreError> {
        let rows = sqlx::query(statement!("list_drafts")).bind(&self.id).fetch_all(&self.pool).await?;
        let mut drafts = Drafts::default();
        for row in rows {
            let column: String = row.try_get("column_name")?;
            let line = Line {
                kind: row.try_get("kind")?,
                unique_id: row.try_get("unique_id")?,
                column: Some(column).filter(|column| !column.is_empty()),
                text: row.try_get("content")?,
                origin: row.try_get("origin")?,
                state: row.try_get("state")?,
                described: row.try_get("described")?,
                replaced: row.try_get("replaced")?,
            };
            if let Some(draft) = line.draft() {
                drafts.put(draft);
            }
        }
        Ok(drafts)
    }

    async fn put_drafts(&self, drafts: &[Draft]) -> Result<(), StoreError> {
        // Of two of one thing the last counts; a statement can't change a row twice.
        let drafts: Drafts = drafts.iter().cloned().collect();
        let of = |text: fn(&Draft) -> &str| -> Vec<String> { drafts.iter().map(|draft| crate::knowledge::storable(text(draft)).into_owned()).collect() };
        let replaced: Vec<Option<String>> =
            drafts.iter().map(|draft| draft.replaced.as_deref().map(|text| crate::knowledge::storable(text).into_owned())).collect();
        sqlx::query(statement!("upsert_drafts"))
            .bind(&self.id)
            .bind(of(|draft| draft.kind.as_str()))
            .bind(of(|draft| &draft.target.unique_id))
            .bind(of(|draft| draft.target.column.as_deref().unwrap_or_default()))
            .bind(of(|draft| &draft.text))
            .bind(of(|draft| &draft.origin))
            .bind(of(|draft| draft.state.as_str()))
            .bind(of(|draft| &draft.described))
            .bind(replaced)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(column: &str, text: &str) -> Draft {
        Draft {
            kind: DraftKind::Description,
            target: DescribeTarget { unique_id: "model.shop.a".to_owned(), column: Some(column.to_owned()) },
            text: text.to_owned(),
            origin: "model m".to_owned(),
            state: DraftState::Draft,
            described: "0a".to_owned(),
            replaced: Some("before".to_owned()),
        }
    }

    fn texts(file: &DraftsFile) -> Vec<String> {
        let drafts = file.read().expect("it is read");
        let mut texts: Vec<String> = drafts.iter().map(|draft| draft.text.clone()).collect();
        texts.sort();
        texts
    }

    #[test]
    fn the_last_text_counts_and_half_a_line_costs_nothing_else() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = DraftsFile::new(dir.path().join("below/drafts.jsonl"));
        assert!(texts(&file).is_empty());
        file.append(&[draft("a", "one\ntwo"), draft("b", "ü")]).expect("it is written");
        // Killed in the middle of a line.
        let mut log = OpenOptions::new().append(true).open(file.path()).expect("the log");
        log.write_all(b"{\"kind\":\"description\",\"uni").expect("it is written");
        assert_eq!(texts(&file), ["one\ntwo", "ü"]);
        file.append(&[draft("A", "three")]).expect("it is written");
        assert_eq!(texts(&file), ["three", "ü"]);
    }

    #[test]
    fn a_long_log_is_made_short() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = DraftsFile::new(dir.path().join("drafts.jsonl"));
        let many: Vec<Draft> = (0..MIN_LINES).map(|number| draft(&format!("c{}", number % 7), &number.to_string())).collect();
        file.append(&many).expect("it is written");
        let lines = std::fs::read_to_string(file.path()).expect("the log").lines().count();
        assert_eq!((lines, texts(&file).len()), (7, 7));
    }

    #[test]
    fn many_write_at_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = DraftsFile::new(dir.path().join("drafts.jsonl"));
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let file = &file;
                scope.spawn(move || (0..50).for_each(|number| file.append(&[draft(&format!("{worker}.{number}"), "x")]).expect("it is written")));
            }
        });
        assert_eq!(texts(&file).len(), 200);
    }
}
