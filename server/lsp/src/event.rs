//! What the loop hears.

use crate::capabilities::Capabilities;
use analyst::Services;
use ide::{Analysis, AnalysisHost};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::oneshot;
use tower_lsp::lsp_types::{InitializeParams, TextDocumentContentChangeEvent, Url};
use vfs::{FileText, Watch};

/// Everything that can happen to the server's state.
pub enum Event {
    Initialize(Box<InitializeParams>, Capabilities),
    /// The editor's settings, all of them: keys as in `ragstar.yml`, and values.
    Configured(Vec<(String, String)>),
    /// The client is ready; work may begin.
    Initialized,
    DidOpen {
        uri: Url,
        version: i32,
        text: String,
    },
    DidChange {
        uri: Url,
        version: i32,
        changes: Vec<TextDocumentContentChangeEvent>,
    },
    DidSave {
        uri: Url,
    },
    DidClose {
        uri: Url,
    },
    /// The client's or the watcher's word on files; an empty list says that events were lost.
    FilesChanged {
        root: Option<PathBuf>,
        paths: Vec<PathBuf>,
    },
    FoldersChanged {
        added: Vec<PathBuf>,
        removed: Vec<PathBuf>,
    },
    /// A project was read.
    Loaded {
        root: PathBuf,
        read: Read,
        watches: Vec<Watch>,
    },
    /// A project whose state was recalled has been parsed, too: a host that can take changes; `None` where that failed.
    Parsed {
        root: PathBuf,
        host: Option<Box<AnalysisHost>>,
    },
    /// What decides beside a project's files how dbt sees it was read again.
    Settled {
        root: PathBuf,
        settings: Box<ide::DbtSettings>,
        rules: Box<ide::RuleSet>,
    },
    /// The drafts of a project, as they are kept now, and the file that changes with them.
    Drafts {
        root: PathBuf,
        drafts: Box<ide::Drafts>,
        file: Option<PathBuf>,
    },
    /// The projects of a workspace folder.
    ProjectsFound(Vec<PathBuf>),
    /// Requests have waited long enough for a project to be read.
    Overdue,
    /// A request wants the state as it is now.
    Snapshot {
        scope: Scope,
        reply: oneshot::Sender<Vec<Snapshot>>,
    },
}

/// What a project was read from.
pub enum Read {
    /// Its files, and when they began to be read.
    Files(Vec<(PathBuf, FileText)>, SystemTime),
    /// The state that was kept, and the settings that it is of.
    Kept(Box<(ide::Snapshot, ide::DbtSettings)>),
}

/// Whose snapshot is wanted.
pub enum Scope {
    /// Of the project that a file belongs to.
    File(PathBuf),
    All,
}

/// What a person wants to see beside the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shows {
    pub materializations: bool,
    pub types: bool,
    pub lenses: bool,
}

impl Default for Shows {
    fn default() -> Self {
        Self { materializations: true, types: true, lenses: true }
    }
}

impl Shows {
    /// By the editor's settings.
    pub fn of(settings: &[(String, String)]) -> Self {
        let is_on = |key: &str| settings.iter().rev().find(|(name, _)| name == key).is_none_or(|(_, value)| value != "false");
        let hints = is_on("inlayHints.enable");
        Self { materializations: hints && is_on("hints.materialization"), types: hints && is_on("hints.types"), lenses: is_on("codeLens.enable") }
    }
}

/// One project at one moment.
#[derive(Clone)]
pub struct Snapshot {
    pub analysis: Analysis,
    pub services: Arc<dyn Services>,
    pub capabilities: Capabilities,
    /// Whether the project was read; until then only open files are known.
    pub loaded: bool,
    pub shows: Shows,
    /// Paths and versions of open documents, the one that was changed last at the end.
    pub open: Arc<Vec<(PathBuf, i32)>>,
}

impl Snapshot {
    pub fn version_of(&self, path: &std::path::Path) -> Option<i32> {
        self.open.iter().find(|(open, _)| open == path).map(|(_, version)| *version)
    }
}
