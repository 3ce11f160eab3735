//! What all of a project's nodes share while they are parsed: rendered project files, macros, vars, the target.

use super::configs::ConfigTree;
use crate::FileKind;
use crate::index::{FactSources, InputFile, PackageInput};
use crate::target::{Problem, Settings, Target, bare_env};
use data::{Map, Value as Json};
use jinja::ast::Name;
use jinja::{Env, Kind, Library, MacroSource, NoDocs, Subject};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use syntax::jinja::BlockKind;

/// One package, its project file rendered.
pub struct Package {
    pub name: Name,
    /// dbt_project.yml, rendered as dbt renders it.
    pub document: Json,
    trees: FxHashMap<&'static str, ConfigTree>,
}

/// The sections of dbt_project.yml that configure nodes.
const SECTIONS: [&str; 12] =
    ["functions", "models", "seeds", "snapshots", "sources", "data_tests", "tests", "metrics", "semantic-models", "saved-queries", "exposures", "unit_tests"];

impl Package {
    /// The configs of a section; the spellings with `-` and `_` are one.
    pub fn tree(&self, section: &str) -> Option<&ConfigTree> {
        self.trees.get(section)
    }
}

/// The shared state of one parse.
pub struct Session {
    pub packages: Vec<Package>,
    pub env: Arc<Env>,
    pub target: Target,
    /// `require_generic_test_arguments_property`: `arguments:` holds a generic test's arguments.
    pub nested_arguments: bool,
    /// `require_ref_searches_node_package_before_root`.
    pub own_package_first: bool,
    /// `require_resource_names_without_spaces: false`.
    pub names_with_spaces: bool,
    /// `validate_macro_args`: arguments of macros come from their signatures.
    pub validate_macro_args: bool,
    /// Whether packages are listed and not installed.
    pub lacks_packages: bool,
    /// Texts of the root's dbt_project.yml that can't be rendered, and why.
    pub unrendered: Vec<(Arc<str>, String)>,
    /// What is wrong with what was asked for, and with the profile.
    pub problems: Vec<Problem>,
    pub facts: FactSources,
}

impl Session {
    /// `before`: the macros of an earlier session; those that are the same keep their parsed trees.
    pub fn new(inputs: &[PackageInput], settings: &Settings, before: Option<&Library>) -> Self {
        let root = inputs.first();
        let target = Target::read(settings, root.and_then(|root| root.config.profile.as_deref()));
        let mut problems = settings.problems.clone();
        // Of a folder without profiles.yml one word is enough.
        problems.extend(target.problem.clone().filter(|_| settings.profiles.is_some() || problems.iter().all(|known| known.code != Problem::PROFILE)));
        let project_env = bare_env(settings, target.fields.clone());
        // `--vars` are the root project's alone (`new_project`).
        let package_env = Env { vars: FxHashMap::default(), ..project_env.clone() };
        let mut unrendered = Vec::new();
        let packages: Vec<Package> = inputs
            .iter()
            .enumerate()
            .map(|(number, input)| match number {
                0 => package(input, &project_env, &mut unrendered),
                _ => package(input, &package_env, &mut Vec::new()),
            })
            .collect();
        let env = Arc::new(env(inputs, &packages, settings, &target, before, &project_env.asked_time));
        let flag = |name: &str, default: bool| {
            let root = packages.first().map(|package| &package.document["flags"][name]);
            root.and_then(Json::as_bool).unwrap_or(default)
        };
        Self {
            nested_arguments: flag("require_generic_test_arguments_property", true),
            own_package_first: flag("require_ref_searches_node_package_before_root", false),
            names_with_spaces: !flag("require_resource_names_without_spaces", true),
            validate_macro_args: flag("validate_macro_args", false),
            lacks_packages: super::packages::are_lacking(inputs),
            unrendered,
            problems,
            facts: FactSources {
                artifacts: settings.artifacts.clone(),
                state: settings.state.clone(),
                adapter: target.adapter.clone(),
                quoting: env.quoting.clone(),
            },
            packages,
            env,
            target,
        }
    }

    /// Whether dbt's own `generate_…_name` would dispatch to a macro of the project's or a package's.
    pub fn is_dispatched(&self, component: &str) -> bool {
        let prefixes = self.env.adapter.dispatch.iter();
        prefixes
            .map(|prefix| format!("{prefix}__generate_{component}_name"))
            .any(|name| self.packages.iter().any(|package| self.env.library.in_package(&package.name, &name).is_some()))
    }

    /// The root project's selectors, rendered as its project file is.
    pub fn selectors(&self, inputs: &[PackageInput], given: &Map) -> data::Map {
        let file = inputs.first().and_then(|root| root.files.iter().find(|file| file.kind == FileKind::Selectors));
        let Some(file) = file else { return data::Map::new() };
        let mut document = syntax::yaml_value::document(&syntax::yaml::parse(&file.text));
        // Of vars only those of `--vars`, as for a project file.
        let vars = FxHashMap::from_iter([(self.env.project.clone(), given.clone())]);
        let env = Env { vars, library: Library::default(), ..(*self.env).clone() };
        render_project(&env, &mut document, &mut Vec::new(), &mut Vec::new());
        crate::selectors::selectors(&document)
    }

    /// Whether something asked what time it is.
    pub fn asked_time(&self) -> bool {
        self.env.asked_time.load(Ordering::Relaxed)
    }

    pub fn root(&self) -> &Name {
        &self.env.project
    }

    /// Renders the text of a properties file's value for a package; what can't be rendered stays as it is and is told.
    pub fn yaml_text(&self, package: &Name, text: &str) -> Result<Json, String> {
        render_text(&self.env, package, Kind::Yaml, text)
    }
}

/// Renders one value natively; text without Jinja only loses a final line end, as Jinja takes it.
pub fn render_text(env: &Env, package: &Name, kind: Kind, text: &str) -> Result<Json, String> {
    if !text.contains(['{', '}']) || !(text.contains("{{") || text.contains("{%") || text.contains("{#")) {
        let text = text.strip_suffix('\n').unwrap_or(text);
        return Ok(Json::from(if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_owned() }));
    }
    let template = jinja::lower::parse(text, 0).map_err(|error| error.message)?;
    let subject = Subject::values(kind, package.clone(), &NoDocs);
    jinja::render_native(env, &subject, &template, false, &[]).0.map_err(|failure| failure.message)
}

fn package(input: &PackageInput, env: &Env, unrendered: &mut Vec<(Arc<str>, String)>) -> Package {
    let mut document = input.config.document.clone();
    render_project(env, &mut document, &mut Vec::new(), unrendered);
    let mut trees = FxHashMap::default();
    for section in SECTIONS {
        let other = if section.contains('-') { section.replace('-', "_") } else { section.replace('_', "-") };
        if let Some(Json::Object(map)) = document.get(section).or_else(|| document.get(&other)) {
            trees.insert(section, ConfigTree::new(map));
        }
    }
    Package { name: input.config.name.as_str().into(), document, trees }
}

/// Renders dbt_project.yml but for hooks and vars, which wait (`DbtProjectYamlRenderer`).
fn render_project(env: &Env, value: &mut Json, path: &mut Vec<String>, unrendered: &mut Vec<(Arc<str>, String)>) {
    if let Some(first) = path.first() {
        if matches!(first.as_str(), "on-run-start" | "on-run-end" | "query-comment" | "vars") {
            return;
        }
        let is_hook = |key: &String| matches!(key.trim_start_matches(['+', ' ']), "pre-hook" | "post-hook" | "pre_hook" | "post_hook");
        if matches!(first.as_str(), "seeds" | "models" | "snapshots" | "tests" | "data_tests") && path.iter().any(is_hook) {
            return;
        }
    }
    match value {
        Json::String(text) => match render_text(env, &env.project, Kind::Project, text) {
            Ok(rendered) => *value = rendered,
            Err(why) => unrendered.push((text.clone(), why)),
        },
        Json::Array(items) => {
            for (index, item) in Arc::make_mut(items).iter_mut().enumerate() {
                path.push(index.to_string());
                render_project(env, item, path, unrendered);
                path.pop();
            }
        }
        Json::Object(map) => {
            for (key, item) in map.iter_mut() {
                path.push(key.to_string());
                render_project(env, item, path, unrendered);
                path.pop();
            }
        }
        _ => {}
    }
}

fn env(inputs: &[PackageInput], packages: &[Package], settings: &Settings, target: &Target, before: Option<&Library>, asked_time: &Arc<AtomicBool>) -> Env {
    let root: Name = packages.first().map(|package| package.name.clone()).unwrap_or_default();
    let internal = jinja::builtins::packages(&target.adapter);
    let known: FxHashMap<&str, &Arc<MacroSource>> = before.into_iter().flat_map(Library::iter).map(|(_, source)| (&*source.unique_id, source)).collect();
    let project = inputs.iter().zip(packages).flat_map(|(input, package)| macro_sources(input, &package.name));
    let project = project
        .map(|made| known.get(&*made.unique_id).filter(|known| known.text == made.text && known.start == made.start).map_or(made, |known| (*known).clone()));
    let library = Library::new(root.clone(), &internal, project);
    let root_document = packages.first().map_or(&Json::Null, |package| &package.document);
    let mut dispatch = FxHashMap::default();
    for entry in root_document["dispatch"].as_array().into_iter().flatten() {
        if let (Some(namespace), Some(order)) = (entry["macro_namespace"].as_str(), entry["search_order"].as_array()) {
            dispatch.insert(namespace.to_owned(), order.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect());
        }
    }
    Env {
        library,
        adapter: target.adapter.clone(),
        // dbt's own packages count, too.
        dependencies: packages.iter().map(|package| package.name.clone()).chain(target.adapter.packages.iter().map(|name| name.as_str().into())).collect(),
        versions: packages.iter().map(|package| (package.name.clone(), package.document["version"].clone())).collect(),
        target: target.fields.clone(),
        vars: vars(packages, &root, &settings.vars),
        environment: settings.environment.clone(),
        dispatch,
        quoting: root_document["quoting"].as_object().cloned().unwrap_or_default(),
        flags: Map::new(),
        asked_time: asked_time.clone(),
        project: root,
    }
}

/// For each package what its nodes see: the package's own vars, over them the root project's, over all `--vars`; in each file the
/// ones under the package's name win over the common ones.
fn vars(packages: &[Package], root: &Name, given: &Map) -> FxHashMap<Name, Map> {
    let of = |document: &Json, name: &Name| -> Map {
        let all = document["vars"].as_object().cloned().unwrap_or_default();
        let scoped = all.get(name).and_then(Json::as_object).cloned().unwrap_or_default();
        let mut merged = all;
        merged.extend(scoped);
        merged
    };
    let root_document = packages.first().map_or(&Json::Null, |package| &package.document);
    packages
        .iter()
        .map(|package| {
            let mut merged = if package.name == *root { Map::new() } else { of(&package.document, &package.name) };
            merged.extend(of(root_document, &package.name));
            merged.extend(given.clone());
            (package.name.clone(), merged)
        })
        .collect()
}

/// The macros, generic tests and materializations of a package's files.
fn macro_sources<'a>(input: &'a PackageInput, package: &'a Name) -> impl Iterator<Item = Arc<MacroSource>> + 'a {
    input.files.iter().filter(|file| file.kind.holds_macros()).flat_map(move |file| {
        macro_blocks(file).filter_map(move |block| {
            let name = macro_name(block)?;
            let text = macro_text(file, block, &name)?;
            Some(Arc::new(MacroSource::new(package.clone(), name.into(), text.into(), block.range.start as usize)))
        })
    })
}

/// The blocks of a file that define macros; a file of generic tests holds nothing else (`GenericTestParser`).
pub fn macro_blocks(file: &InputFile) -> impl Iterator<Item = &syntax::jinja::Block> {
    file.facts.blocks.iter().filter(|block| block.closed && (file.kind != FileKind::GenericTest || block.kind == BlockKind::Test))
}

/// A block as the text of a macro.
pub fn macro_text(file: &InputFile, block: &syntax::jinja::Block, name: &str) -> Option<String> {
    match block.kind {
        BlockKind::Materialization => Some(format!("{{% macro {name}() %}}{{% endmacro %}}")),
        _ => syntax::jinja::as_macro(&file.text, block),
    }
}

/// The name that a block's macro has in a manifest: `x`, `test_x`, `materialization_x_default`.
pub fn macro_name(block: &syntax::jinja::Block) -> Option<String> {
    match block.kind {
        BlockKind::Macro => Some(block.name.clone()),
        BlockKind::Test => Some(format!("test_{}", block.name)),
        BlockKind::Materialization => {
            let adapter = block.params.iter().find(|param| param.name == "adapter").and_then(|param| param.default.as_deref());
            let adapter = adapter.map_or("default", |adapter| adapter.trim().trim_matches(['\'', '"']));
            Some(format!("materialization_{}_{adapter}", block.name))
        }
        BlockKind::Snapshot | BlockKind::Docs => None,
    }
}
