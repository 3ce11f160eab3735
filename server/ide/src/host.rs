//! The one mutable owner of a project, and the immutable snapshots that everyone else reads.

use crate::columns::MadeByNode;
use crate::{Drafts, RuleSet};
use dbt::{Facts, FileKind, Index, InputFile, PackageInput, Parser, ProjectConfig, Settings};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use vfs::{FileId, FileText, Loader, ReadProblem, Vfs};

/// A file of the project as one snapshot has it.
#[derive(Debug, Clone)]
pub struct File {
    pub id: FileId,
    pub path: Arc<Path>,
    /// Relative to its package's folder, with `/`.
    pub relative: Arc<str>,
    /// Its package's place in [`Index::packages`].
    pub package: usize,
    pub kind: FileKind,
    pub text: Arc<str>,
    pub facts: LazyFacts,
    pub problem: Option<ReadProblem>,
}

/// What a file's text says, read when somebody asks.
#[derive(Debug, Clone)]
pub struct LazyFacts {
    read: OnceLock<Arc<Facts>>,
    kind: FileKind,
    text: Arc<str>,
}

impl LazyFacts {
    fn known(kind: FileKind, text: Arc<str>, facts: Arc<Facts>) -> Self {
        Self { read: OnceLock::from(facts), kind, text }
    }

    fn unread(kind: FileKind, text: Arc<str>) -> Self {
        Self { read: OnceLock::new(), kind, text }
    }
}

impl std::ops::Deref for LazyFacts {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        self.read.get_or_init(|| {
            // On a worker, whose stack is deep enough for what is nested deeply.
            let mut read = dbt::in_parallel(std::slice::from_ref(self), |own| dbt::read(own.kind, &own.text));
            Arc::new(read.pop().unwrap_or_default())
        })
    }
}

/// A whole project at one time, to be kept and taken up again.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// In the order of their numbers.
    pub files: Vec<SnapshotFile>,
    /// Folders outside of its own that the project names.
    pub outside: Vec<PathBuf>,
    pub index: Index,
    /// What a host needs beside it to go on from here.
    pub reached: dbt::Reached,
}

/// A file of a snapshot.
#[derive(Debug, Clone)]
pub struct SnapshotFile {
    pub path: PathBuf,
    pub text: FileText,
    /// What it is to the project, if it is something.
    pub placed: Option<Placed>,
}

/// Where a file belongs: see [`File`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub relative: Arc<str>,
    pub package: usize,
    pub kind: FileKind,
}

/// One immutable state of a project.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// Grows with every change.
    pub revision: u64,
    pub root: PathBuf,
    pub files: imbl::HashMap<FileId, Arc<File>>,
    pub index: Arc<Index>,
    /// The root project's configuration.
    pub config: Arc<ProjectConfig>,
    paths: Arc<FxHashMap<Arc<Path>, FileId>>,
    /// Folders among the installed packages that hold no project, where dbt stops.
    pub(crate) broken_packages: Arc<[String]>,
    /// Which rules are wanted, and how bad they are.
    pub(crate) rules: Arc<RuleSet>,
    /// Texts that nobody wrote by hand, and what was decided of them.
    pub(crate) drafts: Arc<Drafts>,
    /// What `--vars` says.
    pub(crate) given_vars: Arc<data::Map>,
    /// Compiles its nodes; nothing in a state that was taken up again.
    pub(crate) compiler: Option<dbt::Compiler>,
    /// What is known of the columns of its nodes.
    pub(crate) made: MadeByNode,
}

impl World {
    /// The file at a path, if it belongs to the project.
    pub fn file_at(&self, path: &Path) -> Option<&Arc<File>> {
        self.files.get(self.paths.get(path)?)
    }

    pub fn file(&self, id: FileId) -> Option<&Arc<File>> {
        self.files.get(&id)
    }

    /// The name of a file's package.
    pub fn package_of(&self, file: &File) -> &str {
        self.index.packages.get(file.package).map_or("", |name| name)
    }
}

/// A snapshot with the features on it; cheap to clone, safe to share.
#[derive(Debug, Clone)]
pub struct Analysis {
    world: Arc<World>,
}

impl Analysis {
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The same snapshot, which keeps to itself what it works out: for work over all of a large project, of which little is asked again.
    pub fn apart(&self) -> Self {
        Self { world: Arc::new(World { made: MadeByNode::new(self.index.nodes.len()), ..(*self.world).clone() }) }
    }
}

impl Analysis {
    /// The same state, with drafts.
    pub fn with_drafts(&self, drafts: Drafts) -> Self {
        Self { world: Arc::new(World { drafts: Arc::new(drafts), ..(*self.world).clone() }) }
    }
}

impl std::ops::Deref for Analysis {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

/// Reads a project from where it lies, with the folders that it names outside of its own.
pub fn read_project(loader: &dyn Loader, root: &Path) -> Vec<(PathBuf, FileText)> {
    let mut files = loader.load(root);
    let outside = outside_of(&files, root);
    files.extend(outside.iter().flat_map(|folder| loader.load(folder)));
    files
}

/// The folders that a project names outside of its own, by its files.
pub fn outside_of(files: &[(PathBuf, FileText)], root: &Path) -> Vec<PathBuf> {
    let project = files.iter().find(|(path, _)| *path == root.join("dbt_project.yml"));
    let outside = project.map(|(_, text)| ProjectConfig::read(&text.text).outside(root)).unwrap_or_default();
    outside.into_iter().map(|(_, folder)| folder).collect()
}

/// A project with so many bytes of properties files is large.
const LARGE: usize = 4 << 20;

/// Of more changed files than these everything is made anew.
const MANY: usize = 64;

/// Facts of a text, kept while the text and what the file is stay the same.
#[derive(Debug)]
struct Cached {
    kind: FileKind,
    text: Arc<str>,
    facts: Arc<Facts>,
}

/// What is to be made anew though no file changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stale {
    Nothing,
    /// What dbt's artifacts add.
    Facts,
    Everything,
}

/// Takes changes and publishes snapshots.
#[derive(Debug)]
pub struct AnalysisHost {
    root: PathBuf,
    vfs: Vfs,
    /// Every file that exists, by path, so that packages come in a stable order.
    present: BTreeMap<Arc<Path>, FileId>,
    facts: FxHashMap<FileId, Cached>,
    configs: FxHashMap<PathBuf, (Arc<str>, Arc<ProjectConfig>)>,
    settings: Settings,
    parser: Parser,
    whole_parses: usize,
    /// Bytes of properties files from which on a project is large.
    large: usize,
    /// Whether the next state differs though no file changed.
    stale: Stale,
    /// Whether another host parses the project, and will take this one's place.
    awaits_parse: bool,
    world: Arc<World>,
}

impl AnalysisHost {
    /// A host for the project whose `dbt_project.yml` is in `root`.
    pub fn new(root: &Path) -> Self {
        let world = World { root: root.to_owned(), ..World::default() };
        Self {
            root: root.to_owned(),
            vfs: Vfs::default(),
            present: BTreeMap::new(),
            facts: FxHashMap::default(),
            configs: FxHashMap::default(),
            settings: Settings::default(),
            parser: Parser::default(),
            whole_parses: 0,
            large: LARGE,
            stale: Stale::Everything,
            awaits_parse: false,
            world: Arc::new(world),
        }
    }

    /// The same, for which a project is large from so many bytes of properties files on: then they are read some at a time, and
    /// not kept.
    pub fn with_large(self, large: usize) -> Self {
        Self { large, ..self }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folders outside of its own that the project names.
    pub fn outside(&self) -> Vec<PathBuf> {
        self.world.config.outside(&self.root).into_iter().map(|(_, folder)| folder).collect()
    }

    /// Says what decides beside the files how dbt sees the project.
    pub fn set_settings(&mut self, settings: Settings) {
        if self.settings == settings {
            return;
        }
        let same_but_facts = Settings { artifacts: self.settings.artifacts.clone(), state: self.settings.state.clone(), ..settings.clone() } == self.settings;
        self.settings = settings;
        if !same_but_facts {
            self.stale = Stale::Everything;
        } else if self.stale == Stale::Nothing {
            self.stale = Stale::Facts;
        }
    }

    /// Says which rules are wanted from now on.
    pub fn set_rules(&mut self, rules: RuleSet) {
        if *self.world.rules != rules {
            self.world = Arc::new(World { revision: self.world.revision + 1, rules: Arc::new(rules), ..(*self.world).clone() });
        }
    }

    /// Says which texts were not written by hand, and what was decided of them.
    pub fn set_drafts(&mut self, drafts: Drafts) {
        if *self.world.drafts != drafts {
            self.world = Arc::new(World { revision: self.world.revision + 1, drafts: Arc::new(drafts), ..(*self.world).clone() });
        }
    }

    /// Takes up a state that was kept, by a host that has read no files yet. The next change makes everything anew.
    pub fn restore(&mut self, snapshot: Snapshot) -> Analysis {
        // Files have the numbers that the state knows them by.
        let overlays = std::mem::take(&mut self.vfs).into_overlays();
        // What was parsed before there were files knows nothing of these.
        self.parser = Parser::default();
        self.whole_parses = 0;
        self.facts.clear();
        self.configs.clear();
        let mut files = imbl::HashMap::new();
        let mut paths = FxHashMap::default();
        let mut present = Vec::with_capacity(snapshot.files.len());
        for SnapshotFile { path, text, placed } in snapshot.files {
            let id = self.vfs.set_disk(&path, Some(text.clone()));
            let path = self.vfs.path(id).clone();
            if let Some(Placed { relative, package, kind }) = placed {
                let facts = LazyFacts::unread(kind, text.text.clone());
                let file = File { id, path: path.clone(), relative, package, kind, text: text.text, facts, problem: text.problem };
                files.insert(id, Arc::new(file));
                paths.insert(path.clone(), id);
            }
            present.push((path, id));
        }
        // Made of all it is faster than one that grows.
        self.present = present.into_iter().collect();
        self.vfs.take_changes();
        let config = self.config_of(&self.root.clone()).unwrap_or_default();
        for (path, text) in overlays {
            self.set_overlay(&path, Some(text));
        }
        let index = snapshot.index.with_facts(&self.settings.artifacts, self.settings.state.as_ref());
        let revision = self.world.revision + 1;
        let made = MadeByNode::new(index.nodes.len());
        self.world = Arc::new(World {
            revision,
            root: self.root.clone(),
            files,
            index: Arc::new(index),
            config,
            paths: Arc::new(paths),
            broken_packages: self.broken_packages(),
            rules: self.world.rules.clone(),
            drafts: self.world.drafts.clone(),
            given_vars: Arc::new(self.settings.vars.clone()),
            compiler: None,
            made,
        });
        self.stale = Stale::Nothing;
        self.analysis()
    }

    /// Takes up a state that was kept, with all that a later change asks for: it is patched, as if the project had been parsed here.
    /// The settings must be those of the state. Reads all files, but parses nothing.
    pub fn resume(&mut self, snapshot: Snapshot) -> Analysis {
        let reached = snapshot.reached.clone();
        self.restore(snapshot);
        let (inputs, world) = self.inputs();
        self.parser.resume(inputs, &self.settings, (*self.world.index).clone(), &reached);
        self.world = Arc::new(World { index: self.world.index.clone(), made: self.world.made.clone(), compiler: self.parser.compiler(), ..world });
        self.analysis()
    }

    /// Says whether another host parses what this one was given, and will take its place: until then changes are laid over the files'
    /// texts, and the index stays as it was kept, so that nobody waits for a parse that is made elsewhere.
    pub fn await_parse(&mut self, is_awaited: bool) {
        if self.awaits_parse && !is_awaited {
            self.stale = Stale::Everything;
        }
        self.awaits_parse = is_awaited;
    }

    /// The state as it was published last, to be kept; nothing while an editor's texts are in it, where files have gone since, or
    /// where nothing was parsed.
    pub fn snapshot(&self) -> Option<Snapshot> {
        let reached = self.parser.reached()?;
        let files = self.vfs.disk_only()?.map(|(id, path, text)| {
            let placed = self.world.files.get(&id).map(|file| Placed { relative: file.relative.clone(), package: file.package, kind: file.kind });
            SnapshotFile { path: path.to_owned(), text: text.clone(), placed }
        });
        Some(Snapshot { files: files.collect(), outside: self.outside(), index: (*self.world.index).clone(), reached })
    }

    /// Takes the place of a host whose last state had this revision: the next one is newer.
    pub fn follow(&mut self, revision: u64) {
        self.world = Arc::new(World { revision: self.world.revision.max(revision) + 1, ..(*self.world).clone() });
    }

    /// Takes over a whole reading of the project's folder; files that it lacks are gone.
    pub fn load(&mut self, files: Vec<(PathBuf, FileText)>) {
        let mut gone: rustc_hash::FxHashSet<Arc<Path>> = self.present.keys().cloned().collect();
        let mut present = Vec::with_capacity(files.len());
        for (path, text) in files {
            gone.remove(&*path);
            let id = self.vfs.set_disk(&path, Some(text));
            present.push((self.vfs.path(id).clone(), id));
        }
        // Made of all it is faster than one that grows.
        self.present.append(&mut present.into_iter().collect());
        for path in gone {
            self.set_disk(&path, None);
        }
    }

    /// Says what is on disk at a path; `None`: nothing any more.
    pub fn set_disk(&mut self, path: &Path, text: Option<FileText>) {
        let id = self.vfs.set_disk(path, text);
        self.note(path, id);
    }

    /// Lays an editor's text over a file, or with `None` takes it away.
    pub fn set_overlay(&mut self, path: &Path, text: Option<Arc<str>>) {
        let id = self.vfs.set_overlay(path, text);
        self.note(path, id);
    }

    /// Paths of the project's files that are at or below `path`.
    pub fn paths_below(&self, path: &Path) -> Vec<PathBuf> {
        self.below(path).map(|known| known.to_path_buf()).collect()
    }

    /// Paths of the project's files that are at or below `path`, in order.
    fn below<'s>(&'s self, path: &'s Path) -> impl Iterator<Item = &'s Arc<Path>> {
        let behind = self.present.range::<Path, _>((std::ops::Bound::Included(path), std::ops::Bound::Unbounded));
        behind.map(|(known, _)| known).take_while(move |known| known.starts_with(path))
    }

    fn note(&mut self, path: &Path, id: FileId) {
        if self.vfs.text(id).is_some() {
            self.present.insert(self.vfs.path(id).clone(), id);
        } else {
            self.present.remove(path);
            self.facts.remove(&id);
        }
    }

    /// The snapshot as it was published last.
    pub fn analysis(&self) -> Analysis {
        Analysis { world: self.world.clone() }
    }

    /// Publishes a snapshot of all changes so far; the old one where nothing changed.
    pub fn publish(&mut self) -> Analysis {
        let changes = self.vfs.take_changes();
        let stale = std::mem::replace(&mut self.stale, Stale::Nothing);
        if changes.is_empty() && stale == Stale::Nothing {
            return self.analysis();
        }
        if stale == Stale::Facts {
            self.renew_facts();
        }
        if stale == Stale::Everything || !changes.is_empty() {
            let world = match stale {
                Stale::Everything => self.rebuilt(),
                _ if self.awaits_parse => self.with_texts(&changes),
                _ => self.patched(&changes).unwrap_or_else(|| self.rebuilt()),
            };
            self.world = Arc::new(world);
        }
        self.analysis()
    }

    fn renew_facts(&mut self) {
        let index = match self.parser.lay_facts(&self.settings) {
            Some(index) => index,
            None => (*self.world.index).clone().with_facts(&self.settings.artifacts, self.settings.state.as_ref()),
        };
        let made = MadeByNode::new(index.nodes.len());
        self.world = Arc::new(World { revision: self.world.revision + 1, index: Arc::new(index), made, ..(*self.world).clone() });
    }

    /// How often everything was parsed; other changes were laid over what was there.
    pub fn whole_parses(&self) -> usize {
        self.whole_parses
    }

    /// How many texts had to be evaluated for the index, rather than read.
    pub fn evaluated(&self) -> usize {
        self.parser.evaluated()
    }

    /// The world with other texts below the same index; files that are new are not known yet.
    fn with_texts(&self, changes: &[FileId]) -> World {
        let mut world = (*self.world).clone();
        for &id in changes {
            let Some(known) = self.world.files.get(&id) else { continue };
            match self.vfs.text(id) {
                Some(text) => {
                    let facts = LazyFacts::unread(known.kind, text.text.clone());
                    world.files.insert(id, Arc::new(File { text: text.text, facts, problem: text.problem, ..(**known).clone() }));
                }
                None => drop(world.files.remove(&id)),
            }
        }
        world.revision += 1;
        world
    }

    /// The world after a change of a few files that were there before; `None` where it has to be made anew.
    fn patched(&mut self, changes: &[FileId]) -> Option<World> {
        if changes.len() > MANY {
            return None;
        }
        let mut changed = Vec::with_capacity(changes.len());
        for &id in changes {
            let known = self.world.files.get(&id)?;
            let text = self.vfs.text(id)?;
            if known.kind == FileKind::Project {
                return None;
            }
            changed.push((known.clone(), text));
        }
        let facts = dbt::in_parallel(&changed, |(known, text)| dbt::read(known.kind, &text.text));
        let mut world = (*self.world).clone();
        let mut inputs = Vec::with_capacity(changed.len());
        for ((known, text), facts) in changed.into_iter().zip(facts) {
            let facts = Arc::new(facts);
            self.facts.insert(known.id, Cached { kind: known.kind, text: text.text.clone(), facts: facts.clone() });
            let input = InputFile { id: known.id, path: known.relative.clone(), kind: known.kind, facts: facts.clone(), text: text.text.clone() };
            inputs.push((known.package, Arc::new(input)));
            let facts = LazyFacts::known(known.kind, text.text.clone(), facts);
            world.files.insert(known.id, Arc::new(File { text: text.text, facts, problem: text.problem, ..(*known).clone() }));
        }
        world.index = Arc::new(self.parser.patch(&inputs)?);
        world.made = MadeByNode::new(world.index.nodes.len());
        world.compiler = self.parser.compiler();
        world.revision += 1;
        Some(world)
    }

    /// The world from all files.
    fn rebuilt(&mut self) -> World {
        self.whole_parses += 1;
        self.awaits_parse = false;
        let (inputs, world) = self.inputs();
        let index = self.parser.parse(inputs, &self.settings);
        World { made: MadeByNode::new(index.nodes.len()), compiler: self.parser.compiler(), index: Arc::new(index), ..world }
    }

    /// All files as the parser takes them, and the world of them without an index.
    fn inputs(&mut self) -> (Vec<PackageInput>, World) {
        let packages = self.packages();
        let outside = packages.first().map(|(root, config)| config.outside(root)).unwrap_or_default();
        let present: Vec<(&Arc<Path>, FileId)> = self.present.iter().map(|(path, &id)| (path, id)).collect();
        let placed = dbt::in_parallel(&present, |&(path, id)| {
            // The innermost package folder that holds the file, else a folder that the project names outside of its own.
            let within = packages.iter().enumerate().rfind(|(_, (folder, _))| path.starts_with(folder));
            let (number, config, relative) = match within {
                Some((number, (folder, config))) => (number, config, path.strip_prefix(folder).map(Path::to_owned).unwrap_or_default()),
                None => {
                    let (written, folder) = outside.iter().find(|(_, folder)| path.starts_with(folder))?;
                    (0, &packages.first()?.1, Path::new(written).join(path.strip_prefix(folder).unwrap_or(path)))
                }
            };
            let relative = relative.as_path();
            if number == 0 && relative.starts_with(&config.packages_install_path) {
                return None;
            }
            let kinds = FileKind::all_of(relative, config);
            let text = self.vfs.text(id).filter(|_| !kinds.is_empty())?;
            let relative: Arc<str> = relative.to_string_lossy().replace('\\', "/").into();
            Some((id, path.clone(), relative, number, kinds, text))
        });
        let mut files: Vec<(FileId, Arc<Path>, Arc<str>, usize, FileKind, FileText)> = Vec::with_capacity(placed.len());
        // What files are beside their first kind.
        let mut also: Vec<(usize, FileId, Arc<str>, FileKind, Arc<str>)> = Vec::new();
        for (id, path, relative, number, kinds, text) in placed.into_iter().flatten() {
            let Some(&kind) = kinds.first() else { continue };
            also.extend(kinds.iter().skip(1).map(|&kind| (number, id, relative.clone(), kind, text.text.clone())));
            files.push((id, path, relative, number, kind, text));
        }
        // Of a large project the parser reads the properties files itself, some at a time.
        let properties = files.iter().filter(|(.., kind, _)| *kind == FileKind::Properties).map(|(.., text)| text.text.len());
        let is_large = properties.sum::<usize>() > self.large;
        let fresh: Vec<(FileId, FileKind, Arc<str>)> = files
            .iter()
            .filter(|(id, _, _, _, kind, text)| {
                if is_large && *kind == FileKind::Properties {
                    return false;
                }
                // An equal pointer is an equal text without looking at it.
                !self.facts.get(id).is_some_and(|cached| cached.kind == *kind && (Arc::ptr_eq(&cached.text, &text.text) || cached.text == text.text))
            })
            .map(|(id, _, _, _, kind, text)| (*id, *kind, text.text.clone()))
            .collect();
        let read = dbt::in_parallel(&fresh, |(_, kind, text)| dbt::read(*kind, text));
        for ((id, kind, text), facts) in fresh.into_iter().zip(read) {
            self.facts.insert(id, Cached { kind, text, facts: Arc::new(facts) });
        }
        let mut inputs: Vec<PackageInput> = packages.iter().map(|(_, config)| PackageInput { config: config.clone(), files: Vec::new() }).collect();
        let mut world_files = imbl::HashMap::new();
        let mut paths = FxHashMap::default();
        for (id, path, relative, package, kind, text) in files {
            let (facts, lazy) = if is_large && kind == FileKind::Properties {
                self.facts.remove(&id);
                (Arc::new(Facts::unread()), LazyFacts::unread(kind, text.text.clone()))
            } else {
                let Some(cached) = self.facts.get(&id) else { continue };
                (cached.facts.clone(), LazyFacts::known(kind, text.text.clone(), cached.facts.clone()))
            };
            let input = InputFile { id, path: relative.clone(), kind, facts, text: text.text.clone() };
            inputs[package].files.push(Arc::new(input));
            paths.insert(path.clone(), id);
            world_files.insert(id, Arc::new(File { id, path, relative, package, kind, text: text.text, facts: lazy, problem: text.problem }));
        }
        let read = dbt::in_parallel(&also, |(.., kind, text)| dbt::read(*kind, text));
        for ((package, id, path, kind, text), facts) in also.into_iter().zip(read) {
            inputs[package].files.push(Arc::new(InputFile { id, path, kind, facts: Arc::new(facts), text }));
        }
        let world = World {
            revision: self.world.revision + 1,
            root: self.root.clone(),
            files: world_files,
            broken_packages: self.broken_packages(),
            rules: self.world.rules.clone(),
            drafts: self.world.drafts.clone(),
            given_vars: Arc::new(self.settings.vars.clone()),
            config: packages.first().map(|(_, config)| config.clone()).unwrap_or_default(),
            paths: Arc::new(paths),
            ..World::default()
        };
        (inputs, world)
    }

    /// The root project and each installed package, with their folders; the root first.
    fn packages(&mut self) -> Vec<(PathBuf, Arc<ProjectConfig>)> {
        let root = self.root.clone();
        let Some(config) = self.config_of(&root) else {
            return vec![(root, Arc::new(ProjectConfig::read("")))];
        };
        let install = config.install_folder(&root);
        let folders: Vec<PathBuf> = self
            .below(&install)
            .filter(|path| path.file_name().is_some_and(|name| name == "dbt_project.yml") && path.parent().and_then(Path::parent) == Some(&install))
            .filter_map(|path| path.parent().map(Path::to_owned))
            .collect();
        let mut packages = vec![(root, config)];
        for folder in folders {
            if let Some(config) = self.config_of(&folder) {
                packages.push((folder, config));
            }
        }
        packages
    }

    /// Folders among the packages that hold files and no dbt_project.yml (`RuntimeConfig.get_project_directories`).
    fn broken_packages(&mut self) -> Arc<[String]> {
        let root = self.root.clone();
        let Some(config) = self.config_of(&root) else { return Arc::default() };
        let install = config.install_folder(&root);
        let mut folders: BTreeMap<&str, bool> = BTreeMap::new();
        for path in self.below(&install).filter_map(|path| path.strip_prefix(&install).ok()) {
            let mut parts = path.components();
            let (Some(folder), Some(file)) = (parts.next().and_then(|part| part.as_os_str().to_str()), parts.next()) else { continue };
            *folders.entry(folder).or_default() |= file.as_os_str() == "dbt_project.yml" && parts.next().is_none();
        }
        folders.into_iter().filter(|(folder, has_project)| !has_project && !folder.starts_with("__")).map(|(folder, _)| folder.to_owned()).collect()
    }

    fn config_of(&mut self, folder: &Path) -> Option<Arc<ProjectConfig>> {
        let id = self.present.get(folder.join("dbt_project.yml").as_path())?;
        let text = self.vfs.text(*id)?.text;
        if let Some((known, config)) = self.configs.get(folder)
            && *known == text
        {
            return Some(config.clone());
        }
        let config = Arc::new(ProjectConfig::read(&text));
        self.configs.insert(folder.to_owned(), (text, config.clone()));
        Some(config)
    }
}
