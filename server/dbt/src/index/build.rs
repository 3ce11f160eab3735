//! Building the index from the facts of all files.

use super::{Column, Description, Diagnostic, Docs, Index, Macro, Node, NodeIndex, Patch, Place, Severity};
use crate::properties::{ColumnEntry, Entry, Section, Text, VersionEntry};
use crate::{Config, Facts, FileKind, ProjectConfig, ResourceType, Target, Use};
use indexmap::IndexMap;
use rustc_hash::FxHashMap;
use std::path::Path;
use std::sync::Arc;
use syntax::jinja::BlockKind;
use text::TextRange;
use vfs::FileId;

/// One file of a package.
#[derive(Debug, Clone)]
pub struct InputFile {
    pub id: FileId,
    /// Relative to its package's folder, with `/`.
    pub path: String,
    pub kind: FileKind,
    pub facts: Arc<Facts>,
    /// The text; docs blocks are cut from it.
    pub text: Arc<str>,
}

/// One package and its files; the first of all is the root project.
#[derive(Debug, Clone)]
pub struct PackageInput {
    pub config: Arc<ProjectConfig>,
    pub files: Vec<InputFile>,
}

impl Index {
    /// Merges the facts of all files and resolves their names.
    pub fn build(packages: &[PackageInput]) -> Self {
        let mut builder = Builder { packages, index: Self::default(), pending: Vec::new(), disabled_refs: FxHashMap::default() };
        builder.index.packages = packages.iter().map(|package| Arc::from(package.config.name.as_str())).collect();
        builder.index.project = builder.index.packages.first().cloned().unwrap_or_default();
        builder.docs();
        for package in 0..packages.len() {
            builder.macros(package);
        }
        builder.nodes();
        builder.link();
        builder.diagnose();
        builder.index
    }
}

/// A node before its names are resolved.
struct Pending {
    node: Node,
    uses: Vec<Use>,
    inputs: Vec<String>,
    enabled: bool,
}

struct Builder<'a> {
    packages: &'a [PackageInput],
    index: Index,
    pending: Vec<Pending>,
    /// Names of disabled nodes, to say why a `ref()` finds nothing.
    disabled_refs: FxHashMap<String, ()>,
}

impl Builder<'_> {
    fn docs(&mut self) {
        for (package, input) in self.packages.iter().enumerate() {
            let name = self.index.packages[package].clone();
            for file in &input.files {
                for block in file.facts.blocks.iter().filter(|block| block.kind == BlockKind::Docs && !block.name.is_empty()) {
                    self.index.docs_by_name.entry(block.name.clone()).or_default().push(self.index.docs.len());
                    self.index.docs.push(Docs {
                        unique_id: format!("doc.{name}.{}", block.name).into(),
                        name: block.name.clone(),
                        package: name.clone(),
                        place: Place { file: file.id, range: block.name_range },
                        text: block.body.of(&file.text).trim().to_owned(),
                    });
                }
            }
        }
    }

    fn description(&self, text: Option<&Text>, file: FileId, package: &str) -> Option<Description> {
        let text = text?;
        let rendered = self.render_docs(&text.value, package);
        let written = (rendered != text.value).then(|| text.value.clone()).or_else(|| rendered.contains("{{").then(|| text.value.clone()));
        Some(Description { text: rendered, written, place: Place { file, range: text.range } })
    }

    /// `{{ doc('x') }}` becomes the block's text; other Jinja stays as it is.
    fn render_docs(&self, raw: &str, package: &str) -> String {
        if !raw.contains("{{") {
            return raw.to_owned();
        }
        let mut out = String::new();
        let mut at = 0;
        for tag in syntax::jinja::scan(raw) {
            let uses = crate::facts::doc_uses(raw, tag.outer);
            let Some(Target::Doc { package: from, name }) = uses.first().map(|found| &found.target) else { continue };
            let Some(docs) = self.index.resolve_doc(from.as_deref(), name, package) else { continue };
            out.push_str(&raw[at..tag.outer.start as usize]);
            out.push_str(&docs.text);
            at = tag.outer.end as usize;
        }
        out.push_str(&raw[at..]);
        out
    }

    fn macros(&mut self, package: usize) {
        let input = &self.packages[package];
        let name = self.index.packages[package].clone();
        let mut described: FxHashMap<&str, (&Entry, FileId)> = FxHashMap::default();
        for (file, entry) in entries(input) {
            if entry.section == Section::Macros {
                described.insert(entry.name.value.as_str(), (entry, file.id));
            }
        }
        for file in input.files.iter().filter(|file| matches!(file.kind, FileKind::Macro | FileKind::GenericTest)) {
            for block in &file.facts.blocks {
                let (macro_name, is_generic_test) = match block.kind {
                    BlockKind::Macro => (block.name.clone(), false),
                    BlockKind::Test => (format!("test_{}", block.name), true),
                    BlockKind::Materialization => (format!("materialization_{}", block.name), false),
                    BlockKind::Snapshot | BlockKind::Docs => continue,
                };
                let entry = described.get(macro_name.as_str()).or_else(|| described.get(block.name.as_str()));
                let parameters = block.params.iter().map(|param| match &param.default {
                    Some(default) => format!("{}={default}", param.name),
                    None => param.name.clone(),
                });
                let made = Macro {
                    unique_id: format!("macro.{name}.{macro_name}").into(),
                    package: name.clone(),
                    place: Place { file: file.id, range: block.name_range },
                    range: block.range,
                    path: file.path.clone(),
                    parameters: parameters.collect(),
                    is_generic_test,
                    description: entry.and_then(|(entry, file)| self.description(entry.description.as_ref(), *file, &name)),
                    arguments: entry.map(|(entry, _)| arguments(&entry.columns)).unwrap_or_default(),
                    patch: entry.map(|(entry, file)| patch(entry, *file)),
                    name: macro_name,
                };
                self.index.macros_by_name.entry(made.name.clone()).or_default().push(self.index.macros.len());
                self.index.macros.push(made);
            }
        }
    }

    fn nodes(&mut self) {
        for package in 0..self.packages.len() {
            let input = &self.packages[package];
            let mut by_name: FxHashMap<(Section, &str), (&Entry, FileId)> = FxHashMap::default();
            let mut versions: FxHashMap<String, (&Entry, &VersionEntry, FileId)> = FxHashMap::default();
            for (file, entry) in entries(input) {
                if let Some((_, first)) = by_name.insert((entry.section, entry.name.value.as_str()), (entry, file.id))
                    && matches!(entry.section, Section::Models | Section::Seeds | Section::Snapshots)
                    && package == 0
                {
                    let where_else = if first == file.id { "in this file" } else { "in another file" };
                    self.index.diagnostics.push(Diagnostic {
                        place: Place { file: file.id, range: entry.name.range },
                        severity: Severity::Error,
                        code: "duplicate-entry",
                        message: format!("`{}` has a second entry {where_else}; dbt allows one", entry.name.value),
                    });
                }
                for version in &entry.versions {
                    let stem = version.defined_in.clone().unwrap_or_else(|| format!("{}_v{}", entry.name.value, version.version));
                    versions.insert(stem, (entry, version, file.id));
                }
            }
            for file in &input.files {
                match file.kind {
                    FileKind::Model | FileKind::PythonModel => {
                        let stem = stem(&file.path);
                        match versions.get(&stem) {
                            Some(&(entry, version, yaml)) => self.version(package, file, entry, version, yaml),
                            None => {
                                let entry = by_name.get(&(Section::Models, stem.as_str())).filter(|(entry, _)| entry.versions.is_empty());
                                self.coded(package, file, ResourceType::Model, &stem, entry.copied());
                            }
                        }
                    }
                    FileKind::Seed => {
                        let name = stem(&file.path);
                        self.coded(package, file, ResourceType::Seed, &name, by_name.get(&(Section::Seeds, name.as_str())).copied());
                    }
                    FileKind::Analysis => {
                        let name = stem(&file.path);
                        self.coded(package, file, ResourceType::Analysis, &name, by_name.get(&(Section::Analyses, name.as_str())).copied());
                    }
                    FileKind::SingularTest => {
                        let name = stem(&file.path);
                        self.coded(package, file, ResourceType::Test, &name, by_name.get(&(Section::DataTests, name.as_str())).copied());
                    }
                    FileKind::Snapshot => self.snapshots(package, file, &by_name),
                    _ => {}
                }
            }
            for (file, entry) in entries(input) {
                self.yaml_node(package, file, entry);
            }
        }
    }

    /// Folder configs, then the properties, then `config()` in the code. The root project has the last word on its packages'
    /// folders.
    fn config(&self, package: usize, kind: ResourceType, path: &str, name: &str, over: &[&Config]) -> Config {
        let tree = |config: &ProjectConfig, fqn: &[&str]| match kind {
            ResourceType::Seed => config.seeds.resolve(fqn),
            ResourceType::Snapshot => config.snapshots.resolve(fqn),
            ResourceType::Source => config.sources.resolve(fqn),
            ResourceType::Test => config.data_tests.resolve(fqn),
            ResourceType::Model => config.models.resolve(fqn),
            _ => Config::default(),
        };
        let own = &self.packages[package].config;
        let root = &self.packages[0].config;
        let mut fqn = vec![own.name.as_str()];
        let below = paths_of(own, kind).iter().find_map(|folder| path.strip_prefix(folder.as_str())?.strip_prefix('/'));
        let folders: Vec<&str> = below.unwrap_or(path).split('/').collect();
        fqn.extend(&folders[..folders.len().saturating_sub(1)]);
        fqn.push(name);
        let mut config = tree(own, &fqn);
        over.iter().for_each(|over| config.merge(over));
        if package != 0 {
            // `calculate_node_config`: the active project is laid over everything that a package says.
            config.merge(&tree(root, &fqn));
        }
        if config.materialized.is_none() {
            config.materialized = match kind {
                ResourceType::Model => Some("view".to_owned()),
                ResourceType::Seed => Some("seed".to_owned()),
                ResourceType::Snapshot => Some("snapshot".to_owned()),
                _ => None,
            };
        }
        config
    }

    /// A node whose file is its code.
    fn coded(&mut self, package: usize, file: &InputFile, kind: ResourceType, name: &str, entry: Option<(&Entry, FileId)>) {
        let in_file: Vec<&Config> = file.facts.configs.iter().map(|(_, config)| config).collect();
        let over: Vec<&Config> = entry.iter().map(|(entry, _)| &entry.config).chain(in_file).collect();
        let config = self.config(package, kind, &file.path, name, &over);
        let mut node = self.node(package, kind, name, Place { file: file.id, range: TextRange::at(0) }, &file.path, config);
        if let Some((entry, yaml)) = entry {
            self.describe(&mut node, entry, yaml);
        }
        for name in &file.facts.header {
            node.columns.entry(name.clone()).or_insert_with(|| Column {
                name: name.clone(),
                description: None,
                data_type: None,
                tests: std::sync::Arc::default(),
                entry: None,
            });
        }
        self.push(node, file.facts.uses.clone(), Vec::new());
    }

    fn version(&mut self, package: usize, file: &InputFile, entry: &Entry, version: &VersionEntry, yaml: FileId) {
        let name = entry.name.value.as_str();
        let in_file = file.facts.configs.iter().map(|(_, config)| config);
        let over: Vec<&Config> = [&entry.config, &version.config].into_iter().chain(in_file).collect();
        let config = self.config(package, ResourceType::Model, &file.path, name, &over);
        let mut node = self.node(package, ResourceType::Model, name, Place { file: file.id, range: TextRange::at(0) }, &file.path, config);
        node.unique_id = format!("{}.v{}", node.unique_id, version.version).into();
        node.version = Some(version.version.clone());
        self.describe(&mut node, entry, yaml);
        if !version.excluded.is_empty() {
            node.columns.retain(|name, _| !version.excluded.contains(name));
        }
        // A version's own columns have no `name` to walk by; only the shared ones can be edited.
        for column in &version.columns {
            let made = Column { entry: None, ..self.column(column, yaml, &node.package) };
            node.columns.insert(made.name.clone(), made);
        }
        if let Some(description) = self.description(version.description.as_ref(), yaml, &node.package) {
            node.description = Some(description);
        }
        let latest = entry.latest_version.clone().or_else(|| newest(&entry.versions));
        if let Some(latest) = latest {
            self.index.latest.insert((node.package.clone(), name.to_owned()), latest);
        }
        self.push(node, file.facts.uses.clone(), Vec::new());
    }

    fn snapshots(&mut self, package: usize, file: &InputFile, by_name: &FxHashMap<(Section, &str), (&Entry, FileId)>) {
        for block in file.facts.blocks.iter().filter(|block| block.kind == BlockKind::Snapshot) {
            let entry = by_name.get(&(Section::Snapshots, block.name.as_str())).copied();
            let inside = |range: TextRange| block.range.contains_range(range);
            let in_file: Vec<&Config> = file.facts.configs.iter().filter(|(range, _)| inside(*range)).map(|(_, config)| config).collect();
            let over: Vec<&Config> = entry.iter().map(|(entry, _)| &entry.config).chain(in_file).collect();
            let config = self.config(package, ResourceType::Snapshot, &file.path, &block.name, &over);
            let place = Place { file: file.id, range: block.name_range };
            let mut node = self.node(package, ResourceType::Snapshot, &block.name, place, &file.path, config);
            if let Some((entry, yaml)) = entry {
                self.describe(&mut node, entry, yaml);
            }
            let uses = file.facts.uses.iter().filter(|found| inside(found.range)).cloned().collect();
            self.push(node, uses, Vec::new());
        }
    }

    /// A node that lives in YAML alone.
    fn yaml_node(&mut self, package: usize, file: &InputFile, entry: &Entry) {
        let kind = match entry.section {
            Section::Sources => ResourceType::Source,
            Section::Exposures => ResourceType::Exposure,
            Section::Metrics => ResourceType::Metric,
            Section::SemanticModels => ResourceType::SemanticModel,
            Section::SavedQueries => ResourceType::SavedQuery,
            Section::Groups => ResourceType::Group,
            Section::UnitTests => ResourceType::UnitTest,
            // A snapshot in YAML says what it is of; other entries describe a block.
            Section::Snapshots if !entry.uses.is_empty() => ResourceType::Snapshot,
            _ => return,
        };
        let name = entry.name.value.as_str();
        let mut config_name = name.to_owned();
        if let Some(source) = &entry.source {
            config_name = format!("{}/{name}", source.name.value);
        }
        let path = format!("{}/{config_name}", file.path.rsplit_once('/').map_or("", |(folder, _)| folder));
        let config = if kind == ResourceType::Source {
            self.config(package, kind, &path, name, &[&entry.config])
        } else {
            self.config(package, kind, &file.path, name, &[&entry.config])
        };
        let mut node = self.node(package, kind, name, Place { file: file.id, range: entry.name.range }, &file.path, config);
        if let Some(source) = &entry.source {
            node.unique_id = format!("source.{}.{}.{name}", node.package, source.name.value).into();
            node.source_name = Some(source.name.value.clone());
            node.source_description = self.description(source.description.as_ref(), file.id, &node.package);
            let facts = [("database", &source.database), ("schema", &source.schema), ("identifier", &source.identifier), ("loader", &source.loader)];
            node.details.extend(facts.into_iter().filter_map(|(label, value)| Some((label, value.clone()?))));
        }
        if kind == ResourceType::UnitTest {
            let model = entry.inputs.first().map_or("", String::as_str);
            node.unique_id = format!("unit_test.{}.{model}.{name}", node.package).into();
        }
        self.describe(&mut node, entry, file.id);
        self.push(node, entry.uses.clone(), entry.inputs.clone());
    }

    fn node(&self, package: usize, kind: ResourceType, name: &str, place: Place, path: &str, config: Config) -> Node {
        let package = self.index.packages[package].clone();
        Node {
            unique_id: format!("{kind}.{package}.{name}").into(),
            name: name.to_owned(),
            resource_type: kind,
            package,
            place,
            path: path.to_owned(),
            patch: None,
            description: None,
            columns: IndexMap::new(),
            tests: Arc::default(),
            config,
            version: None,
            source_name: None,
            source_description: None,
            details: Vec::new(),
            depends_on: Vec::new(),
            unresolved: Vec::new(),
        }
    }

    fn describe(&self, node: &mut Node, entry: &Entry, yaml: FileId) {
        node.patch = Some(patch(entry, yaml));
        node.description = self.description(entry.description.as_ref(), yaml, &node.package);
        node.tests = entry.tests.clone();
        node.details.extend(entry.details.iter().cloned());
        for column in &entry.columns {
            let made = self.column(column, yaml, &node.package);
            node.columns.insert(made.name.clone(), made);
        }
    }

    fn column(&self, column: &ColumnEntry, yaml: FileId, package: &str) -> Column {
        Column {
            name: column.name.value.clone(),
            description: self.description(column.description.as_ref(), yaml, package),
            data_type: column.data_type.clone(),
            tests: column.tests.clone(),
            entry: Some(Place { file: yaml, range: column.name.range }),
        }
    }

    fn push(&mut self, node: Node, uses: Vec<Use>, inputs: Vec<String>) {
        let enabled = node.config.enabled != Some(false);
        self.pending.push(Pending { node, uses, inputs, enabled });
    }

    /// Gives nodes their numbers and resolves what they name.
    fn link(&mut self) {
        let mut pending = std::mem::take(&mut self.pending);
        pending.sort_by(|left, right| left.node.unique_id.cmp(&right.node.unique_id));
        let (enabled, disabled): (Vec<Pending>, Vec<Pending>) = pending.into_iter().partition(|pending| pending.enabled);
        self.disabled_refs = disabled.iter().map(|pending| (pending.node.name.clone(), ())).collect();
        self.index.disabled = disabled.into_iter().map(|pending| pending.node).collect();
        let mut names: Vec<(Vec<Use>, Vec<String>)> = Vec::with_capacity(enabled.len());
        for Pending { node, uses, inputs, .. } in enabled {
            if let Some(&first) = self.index.by_id.get(&node.unique_id) {
                self.duplicate(&node, first);
                continue;
            }
            self.register(node);
            names.push((uses, inputs));
        }
        let mut measures: FxHashMap<&str, NodeIndex> = FxHashMap::default();
        let mut metrics: FxHashMap<&str, NodeIndex> = FxHashMap::default();
        for (index, (_, inputs)) in names.iter().enumerate() {
            match self.index.nodes[index].resource_type {
                ResourceType::SemanticModel => measures.extend(inputs.iter().map(|name| (name.as_str(), index))),
                ResourceType::Metric => {
                    metrics.insert(self.index.nodes[index].name.as_str(), index);
                }
                _ => {}
            }
        }
        let mut linked: Vec<(Vec<NodeIndex>, Vec<String>)> = Vec::with_capacity(names.len());
        for (index, (uses, inputs)) in names.iter().enumerate() {
            let node = &self.index.nodes[index];
            let mut depends_on = Vec::new();
            let mut unresolved = Vec::new();
            for found in uses {
                if !matches!(found.target, Target::Ref { .. } | Target::Source { .. }) {
                    continue;
                }
                match self.index.resolve(&found.target, &node.package) {
                    Some(target) => depends_on.push(target),
                    None => unresolved.push(label(&found.target)),
                }
            }
            for input in inputs {
                let target = match node.resource_type {
                    ResourceType::Metric => metrics.get(input.as_str()).filter(|&&metric| metric != index).or_else(|| measures.get(input.as_str())).copied(),
                    ResourceType::SavedQuery => metrics.get(input.as_str()).copied(),
                    ResourceType::UnitTest => self.index.resolve_ref(None, input, None, &node.package),
                    _ => continue,
                };
                match target {
                    Some(target) => depends_on.push(target),
                    None => unresolved.push(input.clone()),
                }
            }
            depends_on.sort_unstable();
            depends_on.dedup();
            linked.push((depends_on, unresolved));
        }
        self.index.children = vec![Vec::new(); self.index.nodes.len()];
        for (index, (depends_on, unresolved)) in linked.into_iter().enumerate() {
            for &target in &depends_on {
                self.index.children[target].push(index);
            }
            self.index.nodes[index].depends_on = depends_on;
            self.index.nodes[index].unresolved = unresolved;
        }
    }

    fn duplicate(&mut self, node: &Node, first: NodeIndex) {
        let other = &self.index.nodes[first];
        self.index.diagnostics.push(Diagnostic {
            place: node.place,
            severity: Severity::Error,
            code: "duplicate-name",
            message: format!("two {}s are called `{}`: this one and {}; rename one", node.resource_type, node.label(), other.path),
        });
    }

    fn register(&mut self, node: Node) {
        let index = self.index.nodes.len();
        self.index.by_id.insert(node.unique_id.clone(), index);
        if node.resource_type.is_refable() {
            self.index.refable.entry(node.name.clone()).or_default().push(index);
        }
        if let Some(source) = &node.source_name {
            self.index.sources.entry((source.clone(), node.name.clone())).or_default().push(index);
        }
        self.index.by_file.entry(node.place.file).or_default().push(index);
        if let Some(patch) = &node.patch {
            self.index.by_patch.entry(patch.place.file).or_default().push(index);
        }
        self.index.nodes.push(node);
    }

    /// What is wrong in the root project's files; packages are somebody else's.
    fn diagnose(&mut self) {
        let Some(root) = self.packages.first() else { return };
        let mut found = Vec::new();
        let project = self.index.project.clone();
        for file in &root.files {
            let mut add = |range, severity, code, message| found.push(Diagnostic { place: Place { file: file.id, range }, severity, code, message });
            for error in &file.facts.errors {
                let code = if matches!(file.kind, FileKind::Properties | FileKind::Project) { "yaml-syntax" } else { "jinja-syntax" };
                add(error.range, Severity::Error, code, error.message.clone());
            }
            // A macro's names resolve where it is called.
            if matches!(file.kind, FileKind::Macro | FileKind::GenericTest) {
                continue;
            }
            for used in &file.facts.uses {
                match &used.target {
                    Target::Ref { package, name, .. } if self.index.resolve(&used.target, &project).is_none() => {
                        let message = match package {
                            Some(package) if !self.index.packages.iter().any(|known| **known == **package) => {
                                format!("package `{package}` is not installed; run `dbt deps` or correct its name")
                            }
                            _ if self.disabled_refs.contains_key(name) => format!("`{name}` is disabled by its config, so `ref` can't find it"),
                            _ => format!("no model, seed or snapshot is called `{}`", label(&used.target)),
                        };
                        add(used.name_range, Severity::Error, "unknown-ref", message);
                    }
                    Target::Source { source, table } if self.index.resolve(&used.target, &project).is_none() => {
                        let message = if self.disabled_refs.contains_key(table) {
                            format!("source `{source}.{table}` is disabled by its config")
                        } else {
                            format!("no source `{source}` with a table `{table}` is defined")
                        };
                        add(used.name_range, Severity::Error, "unknown-source", message);
                    }
                    Target::Doc { package, name } if self.index.resolve_doc(package.as_deref(), name, &project).is_none() => {
                        add(used.name_range, Severity::Error, "unknown-doc", format!("no docs block is called `{name}`"));
                    }
                    _ => {}
                }
            }
        }
        for (file, entry) in entries(root) {
            let (kinds, exists): (&str, bool) = match entry.section {
                Section::Models => ("model", self.exists(entry, &[ResourceType::Model])),
                Section::Seeds => ("seed", self.exists(entry, &[ResourceType::Seed])),
                Section::Snapshots => ("snapshot", self.exists(entry, &[ResourceType::Snapshot])),
                _ => continue,
            };
            if !exists {
                found.push(Diagnostic {
                    place: Place { file: file.id, range: entry.name.range },
                    severity: Severity::Warning,
                    code: "entry-without-node",
                    message: format!("no {kinds} of this project is called `{}`", entry.name.value),
                });
            }
        }
        if let Some(cycle) = self.index.find_cycle() {
            let names: Vec<String> = cycle.iter().chain(cycle.first()).map(|&index| self.index.nodes[index].label()).collect();
            for &index in &cycle {
                found.push(Diagnostic {
                    place: self.index.nodes[index].place,
                    severity: Severity::Error,
                    code: "cycle",
                    message: format!("these nodes depend on each other in a circle: {}", names.join(" ← ")),
                });
            }
        }
        self.index.diagnostics.append(&mut found);
    }

    fn exists(&self, entry: &Entry, kinds: &[ResourceType]) -> bool {
        let named = |node: &Node| node.name == entry.name.value && kinds.contains(&node.resource_type);
        let enabled = self.index.refable.get(&entry.name.value).is_some_and(|found| found.iter().any(|&index| named(&self.index.nodes[index])));
        enabled || self.index.disabled.iter().any(named)
    }
}

fn entries(package: &PackageInput) -> impl Iterator<Item = (&InputFile, &Entry)> {
    package.files.iter().flat_map(|file| file.facts.properties.iter().flat_map(move |properties| properties.entries.iter().map(move |entry| (file, entry))))
}

fn patch(entry: &Entry, file: FileId) -> Patch {
    Patch { place: Place { file, range: entry.range }, name: Place { file, range: entry.name.range }, path: entry.path.clone() }
}

fn arguments(columns: &[ColumnEntry]) -> Vec<(String, Option<String>, Option<String>)> {
    columns.iter().map(|column| (column.name.value.clone(), column.data_type.clone(), column.description.as_ref().map(|text| text.value.clone()))).collect()
}

fn stem(path: &str) -> String {
    Path::new(path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned()
}

fn paths_of(config: &ProjectConfig, kind: ResourceType) -> &[String] {
    match kind {
        ResourceType::Seed => &config.seed_paths,
        ResourceType::Snapshot => &config.snapshot_paths,
        ResourceType::Analysis => &config.analysis_paths,
        ResourceType::Test => &config.test_paths,
        _ => &config.model_paths,
    }
}

/// The highest version: by number where all are numbers, else by text, as dbt compares them.
fn newest(versions: &[VersionEntry]) -> Option<String> {
    let numbers: Option<Vec<f64>> = versions.iter().map(|version| version.version.parse().ok()).collect();
    match numbers {
        Some(numbers) => {
            let best = (0..numbers.len()).max_by(|&left, &right| numbers[left].total_cmp(&numbers[right]))?;
            Some(versions[best].version.clone())
        }
        None => versions.iter().map(|version| version.version.clone()).max(),
    }
}

fn label(target: &Target) -> String {
    match target {
        Target::Ref { package, name, version } => {
            let package = package.as_ref().map(|package| format!("{package}.")).unwrap_or_default();
            let version = version.as_ref().map(|version| format!(" (version {version})")).unwrap_or_default();
            format!("{package}{name}{version}")
        }
        Target::Source { source, table } => format!("{source}.{table}"),
        Target::Doc { name, .. } | Target::Var { name } => name.clone(),
        Target::Macro { path } => path.join("."),
    }
}
