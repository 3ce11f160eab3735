//! From the facts of all files to the index, as dbt's parser goes: macros, nodes with their Jinja evaluated, properties laid over
//! them, tests, sources, the semantic layer, and at last the names that they use.

mod configs;
mod descriptions;
mod diagnose;
mod entries;
mod generic_tests;
mod link;
mod macros;
mod memo;
mod nodes;
mod packages;
mod patch;
mod patches;
mod relations;
mod resume;
mod semantic;
mod session;
mod sources;
mod unit_tests;
mod window;

pub(crate) use configs::{tags as tags_of, text_of};
pub(crate) use generic_tests::CONFIG_ARGS as TEST_CONFIGS;
pub use resume::Reached;
pub(crate) use session::render_text;

use crate::FileKind;
use crate::index::{Diagnostic, Index, InputFile, Node, PackageInput};
use crate::parallel::both;
use crate::properties::Entry;
use crate::target::Settings;
use data::{Interner, Map, Value as Json};
use jinja::{Found, MacroId};
use macros::MacroGraph;
use memo::{Memo, Reach};
use rustc_hash::{FxHashMap, FxHashSet};
use session::Session;
use std::collections::BTreeSet;
use std::sync::Arc;
use thin_vec::{ThinVec, thin_vec};
use vfs::FileId;

impl Index {
    /// Parses a project: `packages` with the root project first, and what the outside world decides.
    pub fn build(packages: Vec<PackageInput>, settings: &Settings) -> Self {
        Parser::default().parse(packages, settings)
    }
}

/// Parses a project, and after a change of some files only what they can change.
#[derive(Default)]
pub struct Parser {
    state: Option<State>,
    memo: Memo,
    asked_time: bool,
}

/// What is kept of a parse.
struct State {
    inputs: Vec<PackageInput>,
    session: Session,
    index: Index,
    reach: Reach,
    /// Files of which an outline is kept, as they were read for the last changes.
    read_again: window::ReadAgain,
}

impl std::fmt::Debug for Parser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parser").finish_non_exhaustive()
    }
}

impl Parser {
    /// Parses all of a project; texts that were evaluated before and can't have changed are not evaluated again.
    pub fn parse(&mut self, mut packages: Vec<PackageInput>, settings: &Settings) -> Index {
        let windows = window::windows(&packages);
        let session = Session::new(&packages, settings, self.memo.library());
        self.memo.keep_valid(&session);
        let mut index = Index {
            project: session.root().clone(),
            packages: session.packages.iter().map(|package| package.name.clone()).collect(),
            own_package_first: session.own_package_first,
            names_with_spaces: session.names_with_spaces,
            lacks_packages: session.lacks_packages,
            selectors: session.selectors(&packages, &settings.vars),
            adapter: session.target.adapter.name.as_str().into(),
            quoting: session.env.quoting.clone(),
            restricted: session
                .packages
                .iter()
                .filter(|package| package.document["restrict-access"] == Json::Bool(true))
                .map(|package| package.name.clone())
                .collect(),
            ..Index::default()
        };
        Arc::make_mut(&mut index.names).paths = packages.iter().flat_map(|package| &package.files).map(|file| (file.id, file.path.clone())).collect();
        let docs = descriptions::docs_of(&packages, &session);
        let doubled = descriptions::duplicates(&docs, &index.project);
        index.set_docs(docs);
        let mut builder = Builder::new(&packages, &session, &index, &mut self.memo);
        builder.nodes();
        builder.hooks();
        let made = match windows {
            None => {
                builder.properties();
                builder.made
            }
            Some(windows) => {
                let mut made = builder.made;
                let code = window::code(&packages);
                let overriding = window::overriding(&packages);
                let mut next = window::read(&windows.first().map(|window| window::files(&packages, window)).unwrap_or_default());
                let mut parsed: Option<(&[window::At], Vec<PackageInput>)> = None;
                for (number, window) in windows.iter().enumerate() {
                    let inputs = window::with_code(&code, std::mem::take(&mut next));
                    let following = windows.get(number + 1).map(|window| window::files(&packages, window)).unwrap_or_default();
                    let (memo, packages) = (&mut self.memo, &mut packages);
                    // While one window is parsed, the next is read and the one before is forgotten but for its outline.
                    (made, next) = both(
                        || {
                            let mut builder = Builder { overriding: &overriding, made, ..Builder::new(&inputs, &session, &index, memo) };
                            builder.properties();
                            builder.made
                        },
                        || {
                            let next = window::read(&following);
                            if let Some((window, inputs)) = parsed.take() {
                                window::outline(packages, inputs, window);
                            }
                            next
                        },
                    );
                    parsed = Some((window, inputs));
                }
                if let Some((window, inputs)) = parsed {
                    window::outline(&mut packages, inputs, window);
                }
                made
            }
        };
        let mut builder = Builder { made, ..Builder::new(&packages, &session, &index, &mut self.memo) };
        builder.finish_nodes();
        builder.seed_headers();
        let macros = builder.macros();
        let Made { mut drafts, told, .. } = builder.made;
        drafts.iter_mut().for_each(|draft| session.facts.lay(&mut draft.node));
        let reach = Reach::new(&packages, &drafts);
        let told = told.into_iter().chain(packages::problems(&packages, &session)).chain(doubled);
        told.for_each(|found| index.told.entry(found.place.file).or_default().push(found));
        index.set_macros(macros);
        // What only led here makes room for the index.
        drafts.iter_mut().for_each(Draft::forget);
        link::link(&mut index, drafts);
        packages::tell_unused(&packages, &mut index);
        diagnose::judge_all(&mut index, &packages);
        // What was evaluated before isn't evaluated again.
        self.asked_time |= session.asked_time();
        index.asked_time = self.asked_time;
        self.state = Some(State { inputs: packages, session, index: index.clone(), reach, read_again: window::ReadAgain::default() });
        index
    }

    /// Takes over other artifacts and another state to defer to, which change nothing else. `None` where nothing was parsed yet.
    pub fn lay_facts(&mut self, settings: &Settings) -> Option<Index> {
        let state = self.state.as_mut()?;
        (state.session.facts.artifacts, state.session.facts.state) = (settings.artifacts.clone(), settings.state.clone());
        state.index = std::mem::take(&mut state.index).with_facts(&settings.artifacts, settings.state.as_ref());
        Some(state.index.clone())
    }

    /// What compiles the project's nodes, as it was parsed last; `None` where nothing was parsed yet.
    pub fn compiler(&self) -> Option<crate::Compiler> {
        self.state.as_ref().map(|state| crate::Compiler::new(state.session.env.clone()))
    }

    /// How many texts the last whole parse had to evaluate, rather than read their syntax.
    pub fn evaluated(&self) -> usize {
        self.memo.len()
    }
}

/// A node on its way into the index.
pub(crate) struct Draft {
    pub node: Box<Node>,
    /// The place of its package in the inputs.
    pub package: usize,
    /// What its `config()` says.
    pub call: Map,
    /// What its properties say of its config.
    pub patch: Map,
    pub enabled: bool,
    /// Macros that ran for it, and for its names.
    pub reached: BTreeSet<MacroId>,
    pub named_by: BTreeSet<MacroId>,
    /// Why its names, its hooks or its test can't be rendered: what stands behind `Compilation Error` in dbt's words, and the message.
    pub failure: Option<(String, String)>,
}

impl Draft {
    fn new(node: Box<Node>, package: usize) -> Self {
        Self { node, package, call: Map::new(), patch: Map::new(), enabled: true, reached: BTreeSet::new(), named_by: BTreeSet::new(), failure: None }
    }

    /// Lets go of everything but the node.
    fn forget(&mut self) {
        (self.call, self.patch) = (Map::new(), Map::new());
        (self.reached, self.named_by, self.failure) = (BTreeSet::new(), BTreeSet::new(), None);
    }

    /// Takes over what an evaluation found.
    fn take(&mut self, found: Found) {
        self.node.refs.extend(found.refs);
        self.node.sources.extend(found.sources);
        self.node.metrics.extend(found.metrics);
        self.node.functions.extend(found.functions);
        self.reached.extend(found.reached);
        for name in found.macros {
            let name = Some(name);
            if !self.node.macros.contains(&name) {
                self.node.macros.push(name);
            }
        }
    }
}

struct Builder<'a> {
    inputs: &'a [PackageInput],
    /// Where entries that say something over another package's sources are looked for.
    overriding: &'a [PackageInput],
    session: &'a Session,
    /// What is known already: packages and docs blocks.
    index: &'a Index,
    memo: &'a mut Memo,
    /// Properties files of which only the entries of some names are read, and these only for what they say of nodes.
    partial: FxHashSet<FileId>,
    names: FxHashSet<String>,
    made: Made,
}

/// What a builder made so far; it goes on with other files.
#[derive(Default)]
struct Made {
    drafts: Vec<Draft>,
    /// Drafts that `ref` can name and analyses and singular tests, by name.
    by_name: FxHashMap<String, Vec<usize>>,
    told: Vec<Diagnostic>,
    graph: MacroGraph,
    /// Unique ids of the generic tests, and of those of sources; the sources' drafts by theirs.
    seen_tests: FxHashSet<Arc<str>>,
    seen_source_tests: FxHashSet<Arc<str>>,
    seen_sources: FxHashMap<Arc<str>, usize>,
    interner: Interner,
}

impl<'a> Builder<'a> {
    fn new(inputs: &'a [PackageInput], session: &'a Session, index: &'a Index, memo: &'a mut Memo) -> Self {
        Self { inputs, overriding: inputs, session, index, memo, partial: FxHashSet::default(), names: FxHashSet::default(), made: Made::default() }
    }

    /// All that properties files say.
    fn properties(&mut self) {
        self.patches();
        self.generic_tests();
        self.sources();
        self.yaml_nodes();
        self.unrendered();
    }

    fn warn(&mut self, found: Diagnostic) {
        self.made.told.push(found);
    }

    /// The entries of a package's properties files that define something, each with its file.
    fn entries(&self, package: usize) -> impl Iterator<Item = (&'a Arc<InputFile>, &'a Entry)> + use<'a> {
        let partial = self.partial.clone();
        let inputs: &'a [PackageInput] = self.inputs;
        properties(&inputs[package]).filter(move |(file, _)| !partial.contains(&file.id))
    }
}

/// The entries of a package's properties files, each with its file.
fn properties(input: &PackageInput) -> impl Iterator<Item = (&Arc<InputFile>, &Entry)> {
    let files = input.files.iter().filter(|file| file.kind == FileKind::Properties);
    files.flat_map(|file| file.facts.properties.iter().flat_map(move |properties| properties.entries.iter().map(move |entry| (file, entry))))
}

/// The part of a path below one of some folders; the whole path where none holds it.
fn below<'a>(path: &'a str, folders: &[String]) -> &'a str {
    folders
        .iter()
        .find_map(|folder| if folder == "." || folder.is_empty() { Some(path) } else { path.strip_prefix(folder.as_str())?.strip_prefix('/') })
        .unwrap_or(path)
}

/// Package, folders of the path, without its file.
fn fqn_prefix(package: &Arc<str>, relative: &str) -> ThinVec<Arc<str>> {
    let mut fqn = thin_vec![package.clone()];
    if let Some((folders, _)) = relative.rsplit_once('/') {
        fqn.extend(folders.split('/').map(Arc::from));
    }
    fqn
}

/// The path without its first folder.
fn without_first(path: &str) -> &str {
    path.split_once('/').map_or(path, |(_, rest)| rest)
}

/// A properties file's path below the folder that holds it.
fn yaml_relative<'a>(path: &'a str, config: &crate::ProjectConfig) -> &'a str {
    let groups = [
        &config.model_paths,
        &config.seed_paths,
        &config.snapshot_paths,
        &config.analysis_paths,
        &config.macro_paths,
        &config.test_paths,
        &config.function_paths,
    ];
    groups.iter().map(|folders| below(path, folders)).find(|relative| *relative != path).unwrap_or(path)
}

fn stem(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

fn object<'a>(map: &'a Map, key: &str) -> Option<&'a Map> {
    map.get(key).and_then(Json::as_object)
}

fn string(map: &Map, key: &str) -> Option<String> {
    map.get(key).filter(|value| !value.is_null()).map(text_of)
}

fn list<'a>(map: &'a Map, key: &str) -> &'a [Json] {
    map.get(key).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

fn arc(text: impl AsRef<str>) -> Arc<str> {
    Arc::from(text.as_ref())
}
