//! `dbt_project.yml`: names, paths, vars and configs of one package, and what they make of a file.

use data::Value as Json;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use syntax::SyntaxError;
use syntax::yaml::{self, Node};
use syntax::yaml_value;
use text::TextRange;

/// What `dbt_project.yml` says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProjectConfig {
    pub name: String,
    pub version: Option<String>,
    pub profile: Option<String>,
    pub model_paths: Vec<String>,
    pub seed_paths: Vec<String>,
    pub snapshot_paths: Vec<String>,
    pub test_paths: Vec<String>,
    pub analysis_paths: Vec<String>,
    pub macro_paths: Vec<String>,
    pub function_paths: Vec<String>,
    pub docs_paths: Vec<String>,
    pub packages_install_path: String,
    /// Where dbt puts its artifacts.
    pub target_path: String,
    /// Vars with the place of their names and their value as written.
    pub vars: BTreeMap<String, (TextRange, String)>,
    /// The whole file as data, before its Jinja is rendered.
    pub document: Json,
    pub errors: Vec<SyntaxError>,
}

impl ProjectConfig {
    /// Reads `dbt_project.yml`. What is missing gets dbt's default; what is wrong is told in `errors`.
    pub fn read(source: &str) -> Self {
        let tree = yaml::parse(source);
        let mut config = Self { errors: tree.error.into_iter().collect(), ..Self::default() };
        let null = Node { range: TextRange::at(0), kind: yaml::Kind::Map { entries: Vec::new(), flow: false }, is_alias: false };
        let root = tree.root.unwrap_or(null);
        let mut fail = |range, message: &str| config.errors.push(SyntaxError { range, message: message.to_owned() });
        if !matches!(root.kind, yaml::Kind::Map { .. }) {
            fail(root.range, "dbt_project.yml must be a mapping of keys to values");
        }
        match root.get("name") {
            Some(node) => match node.as_str() {
                Some(name) if !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_') => {
                    config.name = name.to_owned();
                    if name.starts_with(|c: char| c.is_ascii_digit()) {
                        fail(node.range, "the project's name must not begin with a digit");
                    }
                }
                _ => fail(node.range, "the project's name must be letters, digits and underscores"),
            },
            None => fail(TextRange::at(0), "dbt_project.yml has no `name`; add one, such as `name: my_project`"),
        }
        let mut paths = |keys: &[&str], default: &str| -> Vec<String> {
            let Some(node) = keys.iter().find_map(|key| root.get(key)) else { return vec![default.to_owned()] };
            if !matches!(node.kind, yaml::Kind::Seq { .. }) && !node.is_null() {
                let message = format!("`{}` must be a list of folders, such as [\"{default}\"]", keys[0]);
                config.errors.push(SyntaxError { range: node.range, message });
            }
            node.strings().iter().map(|path| folder(path)).collect()
        };
        let model_paths = paths(&["model-paths", "source-paths"], "models");
        let seed_paths = paths(&["seed-paths", "data-paths"], "seeds");
        let snapshot_paths = paths(&["snapshot-paths"], "snapshots");
        let test_paths = paths(&["test-paths"], "tests");
        let analysis_paths = paths(&["analysis-paths"], "analyses");
        let macro_paths = paths(&["macro-paths"], "macros");
        let function_paths = paths(&["function-paths"], "functions");
        let mut docs_paths = if root.get("docs-paths").is_some() { paths(&["docs-paths"], "models") } else { Vec::new() };
        if docs_paths.is_empty() {
            for group in [&model_paths, &seed_paths, &analysis_paths, &test_paths, &macro_paths, &function_paths, &snapshot_paths] {
                docs_paths.extend(group.iter().cloned());
            }
        }
        (config.model_paths, config.seed_paths, config.snapshot_paths) = (model_paths, seed_paths, snapshot_paths);
        (config.test_paths, config.analysis_paths, config.macro_paths, config.docs_paths) = (test_paths, analysis_paths, macro_paths, docs_paths);
        config.function_paths = function_paths;
        config.version = root.get_str("version").map(str::to_owned);
        config.profile = root.get_str("profile").map(str::to_owned);
        config.packages_install_path = folder(root.get_str("packages-install-path").unwrap_or("dbt_packages"));
        config.target_path = folder(root.get_str("target-path").unwrap_or("target"));
        if let Some(vars) = root.get("vars") {
            collect_vars(source, vars, &mut config.vars);
        }
        config.document = yaml_value::of(&root);
        config
    }
}

/// A folder as it is written, its Jinja rendered (`env_var`); what can't be rendered stays.
fn folder(written: &str) -> String {
    let rendered = written.contains("{{").then(|| {
        let environment = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect();
        let settings = crate::Settings { environment: std::sync::Arc::new(environment), ..crate::Settings::default() };
        let env = crate::target::bare_env(&settings, data::Map::new());
        crate::parse::render_text(&env, &env.project, jinja::Kind::Project, written).ok()?.as_str().map(str::to_owned)
    });
    let path = rendered.flatten();
    path.as_deref().unwrap_or(written).trim_start_matches("./").trim_end_matches('/').to_owned()
}

/// A path below a folder, without `.` and `..` in it.
fn placed(root: &Path, written: &str) -> PathBuf {
    let mut place = root.to_owned();
    for part in Path::new(written).components() {
        match part {
            Component::ParentDir => drop(place.pop()),
            Component::CurDir => {}
            part => place.push(part),
        }
    }
    place
}

impl ProjectConfig {
    /// The folder that packages are installed in, for the project in `root`.
    pub fn install_folder(&self, root: &Path) -> PathBuf {
        placed(root, &self.packages_install_path)
    }

    /// Whether a folder is named for two kinds of files, or lies in one that is named for another.
    pub(crate) fn has_overlaps(&self) -> bool {
        let groups = [&self.model_paths, &self.snapshot_paths, &self.test_paths, &self.analysis_paths, &self.macro_paths, &self.function_paths];
        let meet = |one: &String, other: &String| one == other || is_below(one, other) || is_below(other, one);
        groups.iter().enumerate().any(|(at, one)| groups[at + 1..].iter().any(|other| one.iter().any(|path| other.iter().any(|known| meet(path, known)))))
    }

    /// The folders that the project names outside of its own (`../../sources`), as they are written and where they are.
    pub fn outside(&self, root: &Path) -> Vec<(String, PathBuf)> {
        let groups = [
            &self.model_paths,
            &self.seed_paths,
            &self.snapshot_paths,
            &self.test_paths,
            &self.analysis_paths,
            &self.macro_paths,
            &self.function_paths,
            &self.docs_paths,
        ];
        let mut found: Vec<(String, PathBuf)> = Vec::new();
        for written in groups.into_iter().flatten().chain([&self.packages_install_path]) {
            let place = placed(root, written);
            // A folder around the project is the project once more.
            if !place.starts_with(root) && !root.starts_with(&place) && !found.iter().any(|(known, _)| known == written) {
                found.push((written.clone(), place));
            }
        }
        found
    }
}

/// Vars, also those that a package's name groups (one level, as dbt has it).
fn collect_vars(source: &str, vars: &Node, into: &mut BTreeMap<String, (TextRange, String)>) {
    for (key, value) in vars.entries() {
        let Some(name) = key.as_str() else { continue };
        into.insert(name.to_owned(), (key.range, value.range.of(source).to_owned()));
        for (inner, value) in value.entries() {
            if let Some(name) = inner.as_str() {
                into.entry(name.to_owned()).or_insert_with(|| (inner.range, value.range.of(source).to_owned()));
            }
        }
    }
}

/// What a file is to dbt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    Project,
    Packages,
    Selectors,
    Model,
    PythonModel,
    Snapshot,
    Seed,
    SingularTest,
    GenericTest,
    Analysis,
    Macro,
    Properties,
    Docs,
    /// A user-defined function, in SQL or Python.
    Function,
    /// Rows of a unit test, below a tests folder's `fixtures`.
    Fixture,
}

impl FileKind {
    pub const ALL: [Self; 15] = [
        Self::Project,
        Self::Packages,
        Self::Selectors,
        Self::Model,
        Self::PythonModel,
        Self::Snapshot,
        Self::Seed,
        Self::SingularTest,
        Self::GenericTest,
        Self::Analysis,
        Self::Macro,
        Self::Properties,
        Self::Docs,
        Self::Function,
        Self::Fixture,
    ];

    /// What the file at `path`, relative to its package's folder, is; `None` where dbt doesn't read it.
    pub fn of(path: &Path, config: &ProjectConfig) -> Option<Self> {
        Self::all_of(path, config).first().copied()
    }

    /// Everything that the file is: in a folder that two of the project's paths hold, dbt reads it once for each.
    pub fn all_of(path: &Path, config: &ProjectConfig) -> Vec<Self> {
        let Some(text) = path.to_str().map(|text| text.replace('\\', "/")) else { return Vec::new() };
        match text.as_str() {
            "dbt_project.yml" => return vec![Self::Project],
            "packages.yml" | "dependencies.yml" | "package-lock.yml" => return vec![Self::Packages],
            "selectors.yml" => return vec![Self::Selectors],
            _ => {}
        }
        let Some(ending) = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase) else { return Vec::new() };
        // dbt passes over the files that editors leave beside the real ones.
        if path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(['.', '#', '~'])) {
            return Vec::new();
        }
        let within = |folder: &str, part: &str| text.strip_prefix(folder)?.strip_prefix('/')?.strip_prefix(part)?.strip_prefix('/');
        let in_tests = |part: &str| config.test_paths.iter().any(|folder| within(folder, part).is_some());
        let below = |paths: &[String]| paths.iter().any(|folder| is_below(&text, folder));
        let is_generic = in_tests("generic");
        let is_fixture = in_tests("fixtures");
        let groups = [
            &config.model_paths,
            &config.seed_paths,
            &config.snapshot_paths,
            &config.test_paths,
            &config.analysis_paths,
            &config.macro_paths,
            &config.function_paths,
        ];
        let all: &[(Self, bool)] = match ending.as_str() {
            "sql" => &[
                (Self::Snapshot, below(&config.snapshot_paths)),
                (Self::Macro, below(&config.macro_paths)),
                (Self::GenericTest, is_generic && !below(&config.macro_paths)),
                (Self::Fixture, is_fixture),
                (Self::SingularTest, !is_generic && !is_fixture && below(&config.test_paths)),
                (Self::Function, below(&config.function_paths)),
                (Self::Model, below(&config.model_paths)),
                (Self::Analysis, below(&config.analysis_paths)),
            ],
            "py" => &[(Self::Function, below(&config.function_paths)), (Self::PythonModel, below(&config.model_paths))],
            "csv" => &[(Self::Fixture, is_fixture), (Self::Seed, below(&config.seed_paths))],
            "yml" | "yaml" => &[(Self::Properties, groups.iter().any(|paths| below(paths)))],
            "md" => &[(Self::Docs, below(&config.docs_paths))],
            _ => &[],
        };
        all.iter().filter(|(_, is_it)| *is_it).map(|(kind, _)| *kind).collect()
    }

    /// Of the kinds of a file the one as which dbt reads it last: the folder that its path is relative to is that kind's.
    pub(crate) fn last_read(path: &str, config: &ProjectConfig) -> Option<Self> {
        use FileKind::{Analysis, Fixture, Function, GenericTest, Macro, Model, PythonModel, Seed, SingularTest, Snapshot};
        let order = [Macro, Model, PythonModel, Snapshot, Analysis, SingularTest, GenericTest, Seed, Fixture, Function];
        let kinds = Self::all_of(Path::new(path), config);
        order.into_iter().rev().find(|kind| kinds.contains(kind))
    }

    /// The folders that hold files of the kind.
    pub fn folders(self, config: &ProjectConfig) -> &[String] {
        match self {
            Self::Model | Self::PythonModel => &config.model_paths,
            Self::Seed => &config.seed_paths,
            Self::Snapshot => &config.snapshot_paths,
            Self::Analysis => &config.analysis_paths,
            Self::SingularTest | Self::GenericTest | Self::Fixture => &config.test_paths,
            Self::Macro => &config.macro_paths,
            Self::Function => &config.function_paths,
            _ => &[],
        }
    }

    /// Whether macros are looked for in it.
    pub fn holds_macros(self) -> bool {
        matches!(self, Self::Macro | Self::GenericTest)
    }

    /// Whether it is SQL with Jinja in it.
    pub fn is_sql(self) -> bool {
        matches!(self, Self::Model | Self::Snapshot | Self::SingularTest | Self::GenericTest | Self::Analysis | Self::Macro | Self::Function)
    }
}

fn is_below(path: &str, folder: &str) -> bool {
    folder == "." || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_defaults() {
        let config = ProjectConfig::read("name: shop\nmodel-paths: [\"./models/\", more]\nvars:\n  a: 1\n  shop: {b: 'x'}\n");
        assert_eq!(config.errors, []);
        let kind = |path: &str| FileKind::of(Path::new(path), &config);
        assert_eq!(kind("models/a/b.sql"), Some(FileKind::Model));
        assert_eq!(kind("more/c.py"), Some(FileKind::PythonModel));
        assert_eq!(kind("tests/generic/t.sql"), Some(FileKind::GenericTest));
        assert_eq!(kind("models_old/x.sql"), None);
        let twice = ProjectConfig::read("name: shop\ntest-paths: [tests, models]\nmacro-paths: [macros, models/helpers]\n");
        let all = |path: &str| FileKind::all_of(Path::new(path), &twice).to_vec();
        assert_eq!(all("models/a.sql"), [FileKind::SingularTest, FileKind::Model]);
        assert_eq!(all("models/helpers/a.sql"), [FileKind::Macro, FileKind::SingularTest, FileKind::Model]);
        assert_eq!(all("models/a.yml"), [FileKind::Properties]);
        assert_eq!(kind("models/docs.md"), Some(FileKind::Docs));
        assert_eq!(config.vars["b"].1, "'x'");
    }

    #[test]
    fn a_malformed_file_says_what_to_do() {
        let errors = |source: &str| ProjectConfig::read(source).errors.into_iter().map(|error| error.message).collect::<Vec<_>>();
        assert!(errors("version: 1")[0].contains("no `name`"));
        assert!(errors("name: a b\nmodel-paths: models")[1].contains("must be a list"));
        assert!(errors("name: [")[0].contains("invalid YAML"));
        assert!(errors("- a")[0].contains("must be a mapping"));
    }
}
