//! The one owner of the server's state.

use crate::capabilities::Capabilities;
use crate::diagnostics;
use crate::event::{Event, Read, Scope, Shows, Snapshot};
use crate::progress::Progress;
use crate::{FitOut, Keep, Outfit, convert};
use analyst::{PortError, Services};
use ide::AnalysisHost;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use text::Document;
use tokio::sync::{mpsc, oneshot, watch};
use tower_lsp::Client;
use tower_lsp::lsp_types::{TextDocumentContentChangeEvent, Url};
use vfs::{DiskLoader, Loader, Watch};

struct Project {
    host: AnalysisHost,
    services: Arc<dyn Services>,
    loaded: bool,
    /// Paths that changed on disk while the project was read or parsed elsewhere.
    changed_meanwhile: Vec<PathBuf>,
    /// Whether a host that can take changes is being made elsewhere.
    parsing: bool,
    /// Since when its files were read, until its state is kept.
    unkept: Option<SystemTime>,
    keep: Arc<dyn Keep>,
    settings: ide::DbtSettings,
    rules: ide::RuleSet,
    /// The file that its drafts are kept in, and what hears when it changes.
    drafts: Option<(PathBuf, Option<Watch>)>,
    /// Kept for what its drop ends.
    /// Of the project and of files outside that matter to it.
    _watches: Vec<Watch>,
}

struct Open {
    document: Document,
    version: i32,
    /// Grows with every opening and change of a document.
    touched: u64,
    /// Whether edits came that don't fit the text.
    is_doubtful: bool,
}

struct State {
    client: Client,
    events: mpsc::UnboundedSender<Event>,
    services: Arc<FitOut>,
    capabilities: Capabilities,
    ready: bool,
    folders: Vec<PathBuf>,
    /// The editor's settings.
    settings: Vec<(String, String)>,
    /// By root.
    projects: FxHashMap<PathBuf, Project>,
    open: FxHashMap<PathBuf, Open>,
    published: watch::Sender<diagnostics::State>,
    /// Whether diagnostics of closed files may have changed.
    whole_project: bool,
    /// Workspace folders that are still looked through.
    searching: usize,
    touches: u64,
    /// Requests that wait for their project to be read.
    waiting: Vec<(PathBuf, tokio::time::Instant, oneshot::Sender<Vec<Snapshot>>)>,
}

/// How long a request waits for its project to be read; then it is answered with what is there.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(1500);

/// Handles events until the server ends.
pub async fn run(client: Client, services: Arc<FitOut>, mut inbox: mpsc::UnboundedReceiver<Event>, events: mpsc::UnboundedSender<Event>) {
    let (published, states) = watch::channel(diagnostics::State::default());
    tokio::spawn(diagnostics::publish(client.clone(), states));
    let mut state = State {
        client,
        events,
        services,
        capabilities: Capabilities::default(),
        ready: false,
        folders: Vec::new(),
        settings: Vec::new(),
        projects: FxHashMap::default(),
        open: FxHashMap::default(),
        published,
        whole_project: false,
        searching: 0,
        touches: 0,
        waiting: Vec::new(),
    };
    while let Some(event) = inbox.recv().await {
        let mut changed = state.handle(event);
        // A burst of keystrokes is one change to whoever reads diagnostics.
        while let Ok(event) = inbox.try_recv() {
            changed |= state.handle(event);
        }
        if changed && state.ready {
            state.tell_diagnostics();
        }
    }
}

impl State {
    /// `true` where the state of a project changed.
    fn handle(&mut self, event: Event) -> bool {
        match event {
            Event::Initialize(params, capabilities) => {
                self.capabilities = capabilities;
                let of_uri = |uri: &Url| convert::path_of(uri);
                self.folders = match &params.workspace_folders {
                    Some(folders) if !folders.is_empty() => folders.iter().filter_map(|folder| of_uri(&folder.uri)).collect(),
                    _ => params.root_uri.as_ref().and_then(of_uri).into_iter().collect(),
                };
                false
            }
            Event::Configured(settings) => {
                if settings != self.settings {
                    self.settings = settings;
                    for (root, project) in &mut self.projects {
                        // Answers under way keep the services that they began with.
                        project.services = (self.services)(root, &self.settings).services;
                    }
                    self.projects.keys().cloned().collect::<Vec<_>>().into_iter().for_each(|root| self.settle(root));
                }
                false
            }
            Event::Initialized => {
                self.ready = true;
                for folder in self.folders.clone() {
                    self.add_folder(&folder);
                }
                let open: Vec<PathBuf> = self.open.keys().cloned().collect();
                open.iter().for_each(|path| self.ensure_project(path));
                true
            }
            Event::DidOpen { uri, version, text } => {
                let Some(path) = convert::path_of(&uri) else { return false };
                let document = Document::new(&text);
                self.touches += 1;
                self.open.insert(path.clone(), Open { document, version, touched: self.touches, is_doubtful: false });
                if self.ready {
                    self.ensure_project(&path);
                }
                self.overlay(&path, Some(text))
            }
            Event::DidChange { uri, version, changes } => self.change(&uri, version, changes),
            Event::DidSave { uri } => {
                let Some(path) = convert::path_of(&uri) else { return false };
                self.discover(&path);
                let Some(open) = self.open.get_mut(&path).filter(|open| open.is_doubtful) else { return false };
                let Some(text) = DiskLoader.read(&path) else { return false };
                open.document = Document::new(&text.text);
                open.is_doubtful = false;
                self.overlay(&path, Some(text.text.to_string()))
            }
            Event::DidClose { uri } => {
                let Some(path) = convert::path_of(&uri) else { return false };
                self.open.remove(&path);
                // What was not saved is gone; the disk counts again.
                if let Some(project) = self.project_of(&path) {
                    project.host.set_disk(&path, DiskLoader.read(&path));
                }
                self.whole_project = true;
                self.overlay(&path, None)
            }
            Event::FilesChanged { root, paths } => self.files_changed(root.as_deref(), &paths),
            Event::FoldersChanged { added, removed } => {
                self.folders.retain(|known| !removed.contains(known));
                self.leave_projects();
                for folder in added {
                    self.folders.push(folder.clone());
                    self.add_folder(&folder);
                }
                true
            }
            Event::Loaded { root, read, watches } => {
                let Some(project) = self.projects.get_mut(&root) else { return false };
                match read {
                    Read::Files(files, since) => {
                        project.host.load(files);
                        project.unkept = Some(since);
                    }
                    Read::Kept(kept) => {
                        project.host.restore(kept.0.clone());
                        project.host.await_parse(true);
                        project.parsing = true;
                        resume_elsewhere(root.clone(), *kept, self.events.clone());
                    }
                }
                project.loaded = true;
                // A second reading, after lost events, has no word on files outside.
                project._watches.truncate(0);
                project._watches.extend(watches);
                let again = std::mem::take(&mut project.changed_meanwhile);
                if !again.is_empty() {
                    self.files_changed(Some(&root), &again);
                }
                self.whole_project = true;
                self.answer_waiting();
                self.settle(root);
                true
            }
            Event::Settled { root, settings, rules } => {
                let Some(project) = self.projects.get_mut(&root) else { return false };
                project.settings = (*settings).clone();
                project.host.set_settings(*settings);
                project.rules = (*rules).clone();
                project.host.set_rules(*rules);
                project.keep_state();
                self.whole_project = true;
                true
            }
            Event::Drafts { root, drafts, file } => {
                let events = self.events.clone();
                let Some(project) = self.projects.get_mut(&root) else { return false };
                project.host.set_drafts(*drafts);
                // Its folder is made with the first draft.
                if let Some(file) = file.filter(|_| !matches!(&project.drafts, Some((_, Some(_))))) {
                    let watch = watch_outside(&root, &file, &events);
                    project.drafts = Some((file, watch));
                }
                self.whole_project = true;
                true
            }
            Event::Parsed { root, host } => {
                let Some(project) = self.projects.get_mut(&root) else { return false };
                project.parsing = false;
                let again = std::mem::take(&mut project.changed_meanwhile);
                // A change since then has made the parse here already.
                if project.host.whole_parses() > 0 {
                    return false;
                }
                let Some(host) = host else {
                    project.host.await_parse(false);
                    return true;
                };
                let revision = project.host.analysis().world().revision;
                // To take a large project down takes time, too.
                let before = std::mem::replace(&mut project.host, *host);
                project.host.set_drafts(before.analysis().drafts().clone());
                tokio::task::spawn_blocking(move || drop(before));
                project.host.follow(revision);
                project.host.set_settings(project.settings.clone());
                project.host.set_rules(project.rules.clone());
                for (path, open) in self.open.iter().filter(|(path, _)| path.starts_with(&root)) {
                    project.host.set_overlay(path, Some(open.document.text().into()));
                }
                if !again.is_empty() {
                    self.files_changed(Some(&root), &again);
                }
                true
            }
            Event::Overdue => {
                self.answer_waiting();
                false
            }
            Event::ProjectsFound(roots) => {
                self.searching = self.searching.saturating_sub(1);
                roots.into_iter().for_each(|root| self.add_project(root));
                self.answer_waiting();
                true
            }
            // A person who opens a file and points at something means the project, which takes a moment to read.
            Event::Snapshot { scope: Scope::File(path), reply } if self.is_loading(&path) => {
                let (events, until) = (self.events.clone(), tokio::time::Instant::now() + PATIENCE);
                tokio::spawn(async move {
                    tokio::time::sleep_until(until).await;
                    let _ = events.send(Event::Overdue);
                });
                self.waiting.push((path, until, reply));
                false
            }
            Event::Snapshot { scope, reply } => {
                let snapshots = match scope {
                    Scope::All => self.snapshots(),
                    Scope::File(path) => self.root_of(&path).and_then(|root| self.snapshot(&root)).into_iter().collect(),
                };
                // Who asked may have cancelled.
                let _ = reply.send(snapshots);
                false
            }
        }
    }

    fn change(&mut self, uri: &Url, version: i32, changes: Vec<TextDocumentContentChangeEvent>) -> bool {
        let Some(path) = convert::path_of(uri) else { return false };
        let encoding = self.capabilities.encoding;
        let Some(open) = self.open.get_mut(&path) else {
            tracing::warn!(%uri, "a change of a document that is not open");
            return false;
        };
        let mut fits = version >= open.version;
        for change in changes {
            match change.range {
                Some(range) => fits &= open.document.change(convert::position(range.start), convert::position(range.end), &change.text, encoding),
                None => (open.document, fits) = (Document::new(&change.text), true),
            }
        }
        if !fits {
            // What the editor has can't be known any more; the disk is the best guess, and what counts again once it is saved.
            tracing::warn!(%uri, version, "a change outside of the document, or one out of order; the file is read again");
            if let Some(text) = DiskLoader.read(&path) {
                open.document = Document::new(&text.text);
            }
            open.is_doubtful = true;
        }
        open.version = version;
        self.touches += 1;
        open.touched = self.touches;
        let text = open.document.text();
        self.overlay(&path, Some(text))
    }

    fn overlay(&mut self, path: &Path, text: Option<String>) -> bool {
        match self.project_of(path) {
            Some(project) => {
                project.host.set_overlay(path, text.map(Arc::from));
                true
            }
            None => false,
        }
    }

    fn files_changed(&mut self, root: Option<&Path>, paths: &[PathBuf]) -> bool {
        if paths.is_empty() {
            // Events were lost: read all of it again.
            if let Some(root) = root.filter(|root| self.projects.contains_key(*root)) {
                self.load(root.to_owned(), Vec::new(), None);
            }
            return false;
        }
        let mut changed = false;
        let (mut settle, mut renewed) = (BTreeSet::new(), BTreeSet::new());
        for path in paths {
            self.discover(path);
            let Some(root) = self.root_of(path).or_else(|| root.map(Path::to_owned)) else { continue };
            if DiskLoader::is_artifact(path) || path.file_name().is_some_and(|name| name == "profiles.yml" || name == "ragstar.yml") {
                settle.insert(root.clone());
            }
            let drafts = self.projects.get(&root).and_then(|project| project.drafts.as_ref());
            if drafts
                .is_some_and(|(file, watch)| file == path || (watch.is_none() && path.extension().is_some_and(|ending| ending == "yml" || ending == "yaml")))
            {
                renewed.insert(root.clone());
            }
            let is_own = if path.starts_with(&root) {
                DiskLoader::is_relevant(&root, path)
            } else {
                let outside = self.projects.get(&root).map(|project| project.host.outside()).unwrap_or_default();
                outside.iter().any(|folder| DiskLoader::is_relevant(folder, path))
            };
            if !is_own {
                continue;
            }
            let Some(project) = self.projects.get_mut(&root) else { continue };
            changed = true;
            let mut gone: Vec<PathBuf> = project.host.paths_below(path);
            if path.is_dir() {
                for (file, text) in DiskLoader.load(path) {
                    // The walk began below the root, where `.dbtignore` lies.
                    if file.starts_with(&root) && !DiskLoader::is_relevant(&root, &file) {
                        continue;
                    }
                    gone.retain(|known| *known != file);
                    project.host.set_disk(&file, Some(text));
                }
                gone.into_iter().for_each(|file| project.host.set_disk(&file, None));
            } else if gone.iter().any(|file| file != path) {
                // A folder that is gone.
                gone.into_iter().for_each(|file| project.host.set_disk(&file, None));
            } else {
                project.host.set_disk(path, DiskLoader.read(path));
            }
            if !project.loaded || project.parsing {
                // The walk may have read what was there before.
                project.changed_meanwhile.push(path.clone());
            }
        }
        for root in renewed {
            if let Some(project) = self.projects.get(&root) {
                tokio::spawn(load_drafts(root, project.services.clone(), self.events.clone()));
            }
        }
        settle.into_iter().for_each(|root| self.settle(root));
        self.whole_project |= changed;
        changed
    }

    /// Reads in the background what decides beside a project's files how dbt sees it.
    fn settle(&self, root: PathBuf) {
        let (services, settings, events) = (self.services.clone(), self.settings.clone(), self.events.clone());
        if let Some(project) = self.projects.get(&root) {
            tokio::spawn(load_drafts(root.clone(), project.services.clone(), self.events.clone()));
        }
        tokio::task::spawn_blocking(move || {
            let outfit = services(&root, &settings);
            let rules = Box::new(outfit.rules);
            let settings = Box::new((outfit.complete)(outfit.settings));
            let _ = events.send(Event::Settled { root, settings, rules });
        });
    }

    fn is_loading(&self, path: &Path) -> bool {
        match self.root_of(path) {
            Some(root) => self.projects.get(&root).is_some_and(|project| !project.loaded),
            // Folders may still be looked through.
            None => self.searching > 0,
        }
    }

    /// Answers what waited for its project to be read, and what has waited long enough, with what is there.
    fn answer_waiting(&mut self) {
        for (path, until, reply) in std::mem::take(&mut self.waiting) {
            if self.is_loading(&path) && tokio::time::Instant::now() < until {
                self.waiting.push((path, until, reply));
                continue;
            }
            let snapshots = self.root_of(&path).and_then(|root| self.snapshot(&root)).into_iter().collect();
            let _ = reply.send(snapshots);
        }
    }

    /// The root of the project that a file belongs to: the innermost that is open, packages aside.
    fn root_of(&self, path: &Path) -> Option<PathBuf> {
        let holding = self.projects.keys().filter(|root| path.starts_with(root));
        let inner = holding.max_by_key(|root| root.components().count());
        let names = |project: &Project| project.host.outside().iter().any(|folder| path.starts_with(folder));
        inner.or_else(|| self.projects.iter().find(|(_, project)| names(project)).map(|(root, _)| root)).cloned()
    }

    fn project_of(&mut self, path: &Path) -> Option<&mut Project> {
        let root = self.root_of(path)?;
        self.projects.get_mut(&root)
    }

    /// Opens the projects of a workspace folder: those below it, or the one that it lies in. A large folder takes time to look
    /// through, so the loop doesn't.
    fn add_folder(&mut self, folder: &Path) {
        self.searching += 1;
        let (folder, events) = (folder.to_owned(), self.events.clone());
        tokio::task::spawn_blocking(move || {
            let mut below = DiskLoader::find_projects_below(&folder);
            // One inside of another is a part of that, such as a package of its own: it is opened with one of its files.
            let all = below.clone();
            below.retain(|root| !all.iter().any(|other| other != root && root.starts_with(other)));
            let roots = if below.is_empty() { DiskLoader::find_project(&folder).into_iter().collect() } else { below };
            let _ = events.send(Event::ProjectsFound(roots));
        });
    }

    /// Opens a project whose `dbt_project.yml` has come, where a folder or an open file asks for it.
    fn discover(&mut self, path: &Path) {
        let Some(root) = path.parent().filter(|_| path.file_name().is_some_and(|name| name == "dbt_project.yml")) else { return };
        let is_wanted =
            self.folders.iter().any(|folder| root.starts_with(folder) || folder.starts_with(root)) || self.open.keys().any(|open| open.starts_with(root));
        if is_wanted && self.root_of(root).is_none() && DiskLoader::find_project(root).as_deref() == Some(root) {
            self.add_project(root.to_owned());
        }
    }

    /// Closes the projects that no folder holds or lies in, and no open file.
    fn leave_projects(&mut self) {
        let (folders, open) = (&self.folders, &self.open);
        self.projects.retain(|root, _| {
            folders.iter().any(|folder| root.starts_with(folder) || folder.starts_with(root)) || open.keys().any(|path| path.starts_with(root))
        });
    }

    /// Opens the project around a file, wherever it lies.
    fn ensure_project(&mut self, path: &Path) {
        if let Some(root) = path.parent().and_then(DiskLoader::find_project) {
            self.add_project(root);
        }
    }

    fn add_project(&mut self, root: PathBuf) {
        if self.projects.contains_key(&root) {
            return;
        }
        let mut host = AnalysisHost::new(&root);
        let Outfit { services, settings, rules, outside, keep, .. } = (self.services)(&root, &self.settings);
        host.set_settings(settings.clone());
        host.set_rules(rules.clone());
        for (path, open) in self.open.iter().filter(|(path, _)| path.starts_with(&root)) {
            host.set_overlay(path, Some(open.document.text().into()));
        }
        let project = Project {
            host,
            services,
            loaded: false,
            changed_meanwhile: Vec::new(),
            parsing: false,
            unkept: None,
            keep: keep.clone(),
            settings: settings.clone(),
            rules,
            drafts: None,
            _watches: Vec::new(),
        };
        self.projects.insert(root.clone(), project);
        self.load(root, outside, Some((keep, settings)));
    }

    /// Reads a project in the background and watches it from then on.
    fn load(&self, root: PathBuf, outside: Vec<PathBuf>, kept: Option<(Arc<dyn Keep>, ide::DbtSettings)>) {
        let (client, events, show) = (self.client.clone(), self.events.clone(), self.capabilities.progress);
        tokio::spawn(async move {
            let reading = {
                let (root, events) = (root.clone(), events.clone());
                tokio::task::spawn_blocking(move || {
                    // Watched first, so that nothing that changes while it is read is missed.
                    let (watched, sender) = (root.clone(), events.clone());
                    let watch = Watch::new(&root, move |paths| drop(sender.send(Event::FilesChanged { root: Some(watched.clone()), paths })));
                    let watch = watch.map_err(|error| tracing::warn!(%error, "changes on disk will not be noticed")).ok();
                    let since = SystemTime::now();
                    let (read, folders) = match kept.and_then(|(keep, settings)| Some((keep.recall(&settings)?, settings))) {
                        Some(kept) => {
                            let folders = kept.0.outside.clone();
                            (Read::Kept(Box::new(kept)), folders)
                        }
                        None => {
                            let files = ide::read_project(&DiskLoader, &root);
                            let folders = ide::outside_of(&files, &root);
                            (Read::Files(files, since), folders)
                        }
                    };
                    let own = folders.into_iter().filter_map(|folder| {
                        let (root, sender) = (root.clone(), events.clone());
                        Watch::new(&folder, move |paths| drop(sender.send(Event::FilesChanged { root: Some(root.clone()), paths }))).ok()
                    });
                    let around = outside.into_iter().filter_map(|file| watch_outside(&root, &file, &events));
                    (read, watch.into_iter().chain(own).chain(around).collect())
                })
            };
            let told = async {
                // What can't be read is an empty project, and not one that is read for ever.
                let (read, watches) = reading.await.unwrap_or_else(|error| {
                    tracing::error!(%error, "the project was not read");
                    (Read::Files(Vec::new(), SystemTime::now()), Vec::new())
                });
                let _ = events.send(Event::Loaded { root: root.clone(), read, watches });
            };
            // A client that is slow to take a progress must not hold the project up.
            let token = format!("ragstar/index {}", root.display());
            let begun = async { if show { Progress::begin(&client, token, "Reading the dbt project", false).await } else { None } };
            let ((), _shown) = tokio::join!(told, begun);
        });
    }

    fn snapshot(&mut self, root: &Path) -> Option<Snapshot> {
        let mut open: Vec<(&PathBuf, &Open)> = self.open.iter().filter(|(path, _)| path.starts_with(root)).collect();
        open.sort_by_key(|(_, open)| open.touched);
        let open = open.into_iter().map(|(path, open)| (path.clone(), open.version)).collect();
        let shows = Shows::of(&self.settings);
        let capabilities = self.capabilities;
        let project = self.projects.get_mut(root)?;
        // Changes since the last request are merged when somebody wants to read.
        let analysis = project.host.publish();
        Some(Snapshot { analysis, services: project.services.clone(), capabilities, loaded: project.loaded, shows, open: Arc::new(open) })
    }

    fn snapshots(&mut self) -> Vec<Snapshot> {
        let mut roots: Vec<PathBuf> = self.projects.keys().cloned().collect();
        roots.sort();
        roots.iter().filter_map(|root| self.snapshot(root)).collect()
    }

    fn tell_diagnostics(&mut self) {
        let snapshots = self.snapshots().into_iter().filter(|snapshot| snapshot.loaded).collect();
        let whole_project = std::mem::take(&mut self.whole_project);
        self.published.send_modify(|state| {
            // One that was not taken yet is not forgotten.
            state.whole_project = whole_project || (state.whole_project && !state.snapshots.is_empty());
            state.snapshots = snapshots;
        });
    }
}

impl Project {
    /// Keeps the state of a project that was just read, for the next start.
    fn keep_state(&mut self) {
        let Some(since) = self.unkept.take() else { return };
        self.host.publish();
        let Some(snapshot) = self.host.snapshot() else { return };
        let (keep, settings) = (self.keep.clone(), self.settings.clone());
        tokio::spawn(async move {
            // The first look at all files comes before: both at once would take twice the memory.
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            tokio::task::spawn_blocking(move || keep.keep(&snapshot, &settings, since)).await
        });
    }
}

/// Reads what is kept of a project's drafts.
pub async fn load_drafts(root: PathBuf, services: Arc<dyn Services>, events: mpsc::UnboundedSender<Event>) {
    let read = async {
        let kept = services.drafts().await?;
        Ok::<_, PortError>((kept.list().await?, kept.file().map(Path::to_owned)))
    };
    match read.await {
        Ok((drafts, file)) => drop(events.send(Event::Drafts { root, drafts: Box::new(drafts), file })),
        Err(error) => tracing::warn!(error = %error.log, "the drafts are not known"),
    }
}

/// Reads the files of a project whose state was recalled, so that changes can be laid over it; the loop goes on answering meanwhile.
fn resume_elsewhere(root: PathBuf, (snapshot, settings): (ide::Snapshot, ide::DbtSettings), events: mpsc::UnboundedSender<Event>) {
    tokio::spawn(async move {
        let project = root.clone();
        let parsed = tokio::task::spawn_blocking(move || {
            let mut host = AnalysisHost::new(&project);
            host.set_settings(settings);
            host.resume(snapshot);
            Box::new(host)
        });
        let host = parsed.await.inspect_err(|error| tracing::error!(%error, "the project was not read beside its kept state")).ok();
        let _ = events.send(Event::Parsed { root, host });
    });
}

/// Watches a file outside of a project, such as the user's profiles.yml.
fn watch_outside(root: &Path, file: &Path, events: &mpsc::UnboundedSender<Event>) -> Option<Watch> {
    file.parent().filter(|folder| !folder.starts_with(root))?;
    let (root, path, sender) = (root.to_owned(), file.to_owned(), events.clone());
    let changed = move || drop(sender.send(Event::FilesChanged { root: Some(root.clone()), paths: vec![path.clone()] }));
    Watch::of_file(file, changed).map_err(|error| tracing::debug!(%error, "changes of a file outside of the project will not be noticed")).ok()
}
