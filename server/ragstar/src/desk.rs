//! A project that is written to from the terminal: each change is on disk, and in the index, before the next one is made.

use analyst::ports::{DescribeTarget, Draft, Drafts, KeepDrafts, PortError};
use ide::{Analysis, AnalysisHost, FileEdits};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use vfs::{DiskLoader, FileText, Loader, ReplaceError};

/// A file that somebody else keeps changing is given up.
const TRIES: usize = 10;

pub struct ProjectDesk {
    host: AnalysisHost,
    drafts: Drafts,
    kept: Arc<dyn KeepDrafts>,
    /// Writes nothing: what would be written is only in the index.
    is_dry: bool,
    /// What files held at first; `None` for those that were made.
    before: BTreeMap<PathBuf, Option<Arc<str>>>,
}

impl ProjectDesk {
    pub fn new(mut host: AnalysisHost, drafts: Drafts, kept: Arc<dyn KeepDrafts>, is_dry: bool) -> Self {
        host.set_drafts(drafts.clone());
        host.publish();
        Self { host, drafts, kept, is_dry, before: BTreeMap::new() }
    }

    pub fn analysis(&self) -> Analysis {
        self.host.analysis()
    }

    /// The files that were changed: their texts before and now.
    pub fn changed(&self) -> Vec<(PathBuf, Option<Arc<str>>, Arc<str>)> {
        let analysis = self.host.analysis();
        let of = |(path, before): (&PathBuf, &Option<Arc<str>>)| Some((path.clone(), before.clone(), analysis.file_at(path)?.text.clone()));
        self.before.iter().filter_map(of).collect()
    }

    /// Notes what was decided, without a word in the project.
    pub async fn note(&mut self, drafts: &[Draft]) -> Result<(), PortError> {
        if !self.is_dry && !drafts.is_empty() {
            self.kept.put(drafts).await?;
        }
        drafts.iter().for_each(|draft| self.drafts.put(draft.clone()));
        self.host.set_drafts(self.drafts.clone());
        self.host.publish();
        Ok(())
    }

    /// Makes edits of the project's files, worked out anew where a file has changed meanwhile.
    pub fn edit(&mut self, mut work_out: impl FnMut(&Analysis) -> Result<FileEdits, String>) -> Result<(), String> {
        for _ in 0..TRIES {
            let analysis = self.host.analysis();
            let made = work_out(&analysis)?;
            match self.apply(&analysis, &made) {
                Ok(()) => return Ok(()),
                Err(ReplaceError::Changed) => {
                    self.host.set_disk(&made.path, DiskLoader.read(&made.path));
                    self.host.publish();
                }
                Err(error @ ReplaceError::Io(_)) => return Err(format!("{}: {error}", made.path.display())),
            }
        }
        Err("its file is changed by somebody else all the time".to_owned())
    }

    fn apply(&mut self, analysis: &Analysis, made: &FileEdits) -> Result<(), ReplaceError> {
        let file = analysis.file_at(&made.path);
        if file.is_some_and(|file| file.problem.is_some()) {
            return Err(std::io::Error::other("it isn't all UTF-8 text, and is left as it is").into());
        }
        let before = file.map(|file| file.text.clone());
        let after = text::apply_edits(before.as_deref().unwrap_or_default(), &made.edits).map_err(std::io::Error::other)?;
        if !self.is_dry {
            vfs::replace(&made.path, before.as_deref(), &after)?;
        }
        self.before.entry(made.path.clone()).or_insert(before);
        self.host.set_disk(&made.path, Some(FileText::new(after)));
        self.host.publish();
        Ok(())
    }
}

impl analyst::Desk for ProjectDesk {
    fn analysis(&self) -> Analysis {
        self.host.analysis()
    }

    async fn write(&mut self, drafts: Vec<Draft>) -> Result<Vec<(DescribeTarget, String)>, PortError> {
        // What can't be written is not noted: what stands there stays what it was.
        let analysis = self.host.analysis();
        let mut refused = Vec::new();
        let mut files: BTreeMap<PathBuf, Vec<Draft>> = BTreeMap::new();
        for draft in drafts {
            match analysis.file_for(&draft.target, &draft.text) {
                Ok(path) => files.entry(path).or_default().push(draft),
                Err(refusal) => refused.push((draft.target, refusal.to_string())),
            }
        }
        let before = |draft: &Draft| (draft.target.clone(), self.drafts.get(draft.kind, &draft.target).cloned());
        let before: Vec<(DescribeTarget, Option<Draft>)> = files.values().flatten().map(before).collect();
        // First noted: what is written and not noted would be taken for a person's.
        self.note(&files.values().flatten().cloned().collect::<Vec<_>>()).await?;
        let mut unwritten: Vec<(DescribeTarget, String)> = Vec::new();
        // Each file is written once.
        for (path, drafts) in files {
            let wanted: Vec<(DescribeTarget, String)> = drafts.into_iter().map(|draft| (draft.target, draft.text)).collect();
            let read: Vec<Option<String>> = wanted.iter().map(|(target, _)| analysis.written_text(target)).collect();
            let mut in_file = Vec::new();
            let written = self.edit(|analysis| {
                // What a person has written since it was read is theirs.
                let (same, other): (Vec<_>, Vec<_>) = wanted.iter().zip(&read).partition(|((target, _), read)| analysis.written_text(target) == **read);
                let same: Vec<(DescribeTarget, String)> = same.into_iter().map(|(wanted, _)| wanted.clone()).collect();
                let (made, refused) = analysis.describe_all(&same);
                in_file = refused.into_iter().map(|(target, why)| (target, why.to_string())).collect();
                in_file.extend(other.into_iter().map(|((target, _), _)| (target.clone(), ide::CHANGED_MEANWHILE.to_owned())));
                made.into_iter().find(|made| made.path == path).ok_or_else(|| "nothing of it can be put there".to_owned())
            });
            if let Err(why) = written {
                let others = wanted.into_iter().map(|(target, _)| target).filter(|target| in_file.iter().all(|(refused, _)| refused != target));
                in_file.extend(others.map(|target| (target, why.clone())).collect::<Vec<_>>());
            }
            unwritten.append(&mut in_file);
        }
        let back = before.into_iter().filter(|(target, _)| unwritten.iter().any(|(other, _)| other == target));
        self.note(&back.filter_map(|(_, before)| before).collect::<Vec<_>>()).await?;
        refused.append(&mut unwritten);
        Ok(refused)
    }
}
