//! Rename: everywhere that a name stands, or nowhere and why.

mod column;
mod loose;
mod parameter;
mod semantic;
mod source;

pub(crate) use column::in_config;
pub(crate) use loose::only_word;

use crate::thing::{first_argument, inner};
use crate::{Analysis, File, FileEdits, Mention, Thing};
use dbt::{FileKind, NodeIndex, ResourceType, Target};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use syntax::jinja::{self, TagKind};
use syntax::yaml::{self, Style};
use syntax::yaml_edit::{self, Step};
use syntax::{sql, yaml_scalar};
use text::{Edit, TextRange};
use vfs::FileId;

/// Edits of files, and files that get other paths.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    pub edits: Vec<FileEdits>,
    pub renames: Vec<(PathBuf, PathBuf)>,
}

type Places = BTreeMap<FileId, Vec<Edit>>;

impl Analysis {
    /// The name at an offset that a rename would change; as the error, why it can't.
    pub fn prepare_rename(&self, file: &File, offset: usize) -> Result<TextRange, String> {
        let Some((thing, range)) = self.thing_at(file, offset) else { return Err("there is nothing here that has a name".to_owned()) };
        self.refuse(&thing)?;
        let range = inner(&file.text, range);
        // Of `package.name` the name alone.
        let written = range.of(&file.text);
        let start = if matches!(thing, Thing::Macro(_)) { written.rfind('.').map_or(0, |dot| dot + 1) } else { 0 };
        let range = TextRange::new(range.start as usize + start, range.end as usize);
        let found = self.mentions_in(file, &thing);
        Ok(found.iter().map(|mention| mention.range).find(|mention| mention.touches(offset)).unwrap_or(range))
    }

    /// Why a thing keeps its name.
    fn refuse(&self, thing: &Thing) -> Result<(), String> {
        let of_package = |package: &str, what: &str| {
            if *package == *self.index.project {
                return Ok(());
            }
            Err(format!("{what} belongs to package `{package}`, whose files are not yours to change"))
        };
        match thing {
            Thing::Node(index) => {
                let node = &self.index.nodes[*index];
                of_package(&node.package, &format!("{} `{}`", node.resource_type, node.label()))
            }
            Thing::Column(index, name) => {
                let node = &self.index.nodes[*index];
                of_package(&node.package, &format!("column `{name}` of `{}`", node.label()))?;
                match node.resource_type {
                    ResourceType::Source => Err(format!("column `{name}` of source `{}` has its name from the warehouse", node.label())),
                    _ => Ok(()),
                }
            }
            Thing::Measure(index, name) => of_package(&self.index.nodes[*index].package, &format!("measure `{name}`")),
            Thing::Macro(at) => of_package(&self.index.macros[*at].package, &format!("macro `{}`", self.index.macros[*at].name)),
            Thing::Docs(at) => of_package(&self.index.docs[*at].package, &format!("docs block `{}`", self.index.docs[*at].name)),
            Thing::Source(_) | Thing::Var(_) | Thing::Selector(_) | Thing::Cte(_) | Thing::Alias(_) | Thing::Made { .. } | Thing::Local(_) => Ok(()),
            Thing::EnvVar(name) => Err(format!("`{name}` is set outside of the project")),
            Thing::Package(name) => Err(format!("`{name}` is the name of a package, which its own project says")),
            Thing::Word(_, name) | Thing::Builtin(name) => Err(format!("`{name}` is dbt's own")),
            Thing::Config(name) | Thing::Property(name) | Thing::ProjectKey(name) => Err(format!("`{name}` is a key of dbt's")),
        }
    }

    /// All edits that give the thing at an offset another name. As the error, where and why that can't be complete; nothing is changed then.
    pub fn rename(&self, file: &File, offset: usize, name: &str) -> Result<Change, String> {
        let Some((thing, _)) = self.thing_at(file, offset) else { return Err("there is nothing here that has a name".to_owned()) };
        self.refuse(&thing)?;
        self.renamed(file, &thing, name)
    }

    /// The edits that follow when a model's file gets another path; none where its name stays.
    pub fn rename_file(&self, from: &Path, to: &Path) -> Result<Change, String> {
        let stem = |path: &Path| path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned);
        let (Some(file), Some(old), Some(new)) = (self.file_at(from), stem(from), stem(to)) else { return Ok(Change::default()) };
        let whole = |&&index: &&NodeIndex| {
            let node = &self.index.nodes[index];
            let is_code = matches!(node.resource_type, ResourceType::Model | ResourceType::Seed | ResourceType::Analysis | ResourceType::Test);
            is_code && node.test.is_none() && node.place.range.is_empty()
        };
        let Some(&index) = self.index.nodes_of_file(file.id).iter().find(whole) else { return Ok(Change::default()) };
        let node = &self.index.nodes[index];
        if old == new || from.extension() != to.extension() {
            return Ok(Change::default());
        }
        if node.version.is_some() && node.name != old {
            return self.defined_in(index, &new);
        }
        if node.name != old {
            return Ok(Change::default());
        }
        let mut change = self.renamed(file, &Thing::Node(index), &new)?;
        change.renames.clear();
        Ok(change)
    }

    /// Says in a version's entry which file it is.
    fn defined_in(&self, index: NodeIndex, stem: &str) -> Result<Change, String> {
        let node = &self.index.nodes[index];
        let (Some(version), Some(patch)) = (&node.version, &node.patch) else { return Ok(Change::default()) };
        let Some(file) = self.file(patch.place.file) else { return Ok(Change::default()) };
        let tree = yaml::parse(&file.text);
        let entry = tree.root.as_ref().and_then(|root| yaml_edit::find(root, &patch.path));
        let versions = entry.and_then(|entry| entry.get("versions")).map(yaml::Node::items).unwrap_or_default();
        let Some(at) = versions.iter().position(|one| one.get_str("v") == Some(version)) else { return Ok(Change::default()) };
        let path = [&patch.path[..], &[Step::key("versions"), Step::Item(at)]].concat();
        let edits = yaml_edit::set_string(&file.text, &path, "defined_in", stem)
            .map_err(|refusal| format!("version {version} of `{}` has to say `defined_in: {stem}` in {}: {refusal}", node.name, file.relative))?;
        Ok(Change { edits: vec![FileEdits { path: file.path.to_path_buf(), create: false, edits }], renames: Vec::new() })
    }

    fn renamed(&self, file: &File, thing: &Thing, name: &str) -> Result<Change, String> {
        let Some(old) = self.name_of(thing).map(std::borrow::Cow::into_owned).or_else(|| local_name(file, thing)) else {
            return Err("there is nothing here that has a name".to_owned());
        };
        if old == name {
            return Ok(Change::default());
        }
        self.check_name(file, thing, name)?;
        let mut places = Places::new();
        for mention in self.mentions(file, thing) {
            self.must_be_ours(mention)?;
            places.entry(mention.file).or_default().push(Edit::replace(mention.range, self.as_written(mention, name)));
        }
        let mut renames = Vec::new();
        match thing {
            Thing::Node(index) => self.rename_node(*index, name, &mut places, &mut renames)?,
            Thing::Source(source) => self.keep_schema(source, &mut places)?,
            Thing::Column(index, column) => self.rename_column(*index, column, name, &mut places)?,
            Thing::Local(definition) => self.rename_parameter(file, *definition, &old, name, &mut places)?,
            Thing::Measure(..) => self.may_rename_measure(thing, &old)?,
            Thing::Made { definition, .. } => self.rename_made(file, *definition, &old, name, &mut places)?,
            Thing::Macro(at) => self.rename_implementations(*at, name, &mut places)?,
            Thing::Cte(_) | Thing::Alias(_) => {
                let loose = self
                    .loose_mentions(file, thing, &old)
                    .map_err(|range| format!("{}, {}, may mean another `{old}` of this file; change it there first", file.relative, line(file, range)))?;
                places.entry(file.id).or_default().extend(loose.into_iter().map(|range| Edit::replace(range, name)));
            }
            _ => {}
        }
        let edits = places.into_iter().filter_map(|(id, mut edits)| {
            edits.sort_by_key(|edit| edit.range);
            edits.dedup();
            self.file(id).map(|file| FileEdits { path: file.path.to_path_buf(), create: false, edits })
        });
        Ok(Change { edits: edits.collect(), renames })
    }

    /// A name as a file has to write it: one that YAML would read as something else than text gets quotes where it had none.
    fn as_written(&self, mention: Mention, name: &str) -> String {
        let is_bare = |file: &File| mention.is_definition && !file.text[..mention.range.start as usize].ends_with(['\'', '"']);
        match self.file(mention.file) {
            Some(file) if matches!(file.kind, FileKind::Properties | FileKind::Project) && is_bare(file) => yaml_scalar::write(name, Style::Plain, 0, "\n"),
            _ => name.to_owned(),
        }
    }

    fn must_be_ours(&self, mention: Mention) -> Result<(), String> {
        match self.file(mention.file) {
            Some(file) if file.package != 0 => {
                Err(format!("package `{}` names it in {}, {}, which is not yours to change", self.package_of(file), file.relative, line(file, mention.range)))
            }
            _ => Ok(()),
        }
    }

    /// Whether the name can be one, and is free.
    fn check_name(&self, file: &File, thing: &Thing, name: &str) -> Result<(), String> {
        let is_identifier = name.chars().all(crate::thing::is_word) && !name.starts_with(|c: char| c.is_ascii_digit());
        if name.is_empty() || !is_identifier {
            return Err(format!("`{name}` can't be a name: it has to be letters, digits and underscores, and not begin with a digit"));
        }
        let is_of_sql = matches!(thing, Thing::Cte(_) | Thing::Alias(_) | Thing::Made { .. } | Thing::Column(..));
        if is_of_sql && sql::is_keyword(name) {
            return Err(format!("`{name}` is a word of SQL"));
        }
        let package = &*self.index.project;
        let taken = match thing {
            Thing::Node(index) => {
                let node = &self.index.nodes[*index];
                let others = self.index.nodes.iter().find(|other| {
                    let same_kind = match node.resource_type {
                        kind if kind.is_refable() => other.resource_type.is_refable() && *other.package == *node.package,
                        kind => other.resource_type == kind && other.source_name == node.source_name && *other.package == *node.package,
                    };
                    same_kind && other.name == name
                });
                others.map(|other| format!("{} `{}` in {}", other.resource_type, other.label(), other.path))
            }
            Thing::Macro(at) => {
                let wanted = if self.index.macros[*at].is_generic_test { format!("test_{name}") } else { name.to_owned() };
                let other = self.index.macros.iter().find(|other| *other.package == *package && other.name == wanted);
                other.map(|other| format!("macro `{name}` in {}", other.path))
            }
            Thing::Docs(_) => {
                let other = self.index.docs.iter().find(|other| *other.package == *package && other.name == name);
                other.map(|other| format!("docs block `{name}` in {}", other.path))
            }
            Thing::Source(_) => {
                self.index.nodes.iter().find(|other| other.source_name.as_deref() == Some(name)).map(|other| format!("source `{name}` in {}", other.path))
            }
            Thing::Selector(_) => {
                crate::thing::selectors(&file.text).into_iter().any(|(other, _, defines)| defines && other == name).then(|| format!("selector `{name}`"))
            }
            Thing::Measure(..) => self.index.semantic_model_of_measure(name).map(|index| format!("measure `{name}` of `{}`", self.index.nodes[index].label())),
            Thing::Var(_) => self.config.vars.contains_key(name).then(|| format!("var `{name}` in dbt_project.yml")),
            Thing::Column(index, _) => self.made(*index).get(name).map(|_| format!("column `{name}`")),
            Thing::Cte(_) => syntax::sql::ctes(&file.text).into_iter().find(|cte| cte.name.eq_ignore_ascii_case(name)).map(|_| format!("CTE `{name}`")),
            _ => None,
        };
        taken.map_or(Ok(()), |taken| Err(format!("there is a {taken} already")))
    }

    /// What else follows from a node's name: its file's, keys of `dbt_project.yml`; and who names it in a way that can't be changed.
    fn rename_node(&self, index: NodeIndex, name: &str, places: &mut Places, renames: &mut Vec<(PathBuf, PathBuf)>) -> Result<(), String> {
        let node = &self.index.nodes[index];
        match node.resource_type {
            ResourceType::Source => self.keep_identifier(index, places)?,
            ResourceType::Metric => self.rename_in_expressions(&node.name, name, places),
            _ => {}
        }
        // All versions of a model have its name.
        let versions: Vec<NodeIndex> = if node.version.is_some() {
            (0..self.index.nodes.len())
                .filter(|&at| self.index.nodes[at].name == node.name && self.index.nodes[at].package == node.package && self.index.nodes[at].version.is_some())
                .collect()
        } else {
            vec![index]
        };
        for &version in &versions {
            if version != index {
                let Some(file) = self.file(self.index.nodes[version].place.file) else { continue };
                for mention in self.mentions(file, &Thing::Node(version)) {
                    self.must_be_ours(mention)?;
                    places.entry(mention.file).or_default().push(Edit::replace(mention.range, name));
                }
            }
            self.every_reader_is_found(version, places)?;
        }
        let is_file = matches!(node.resource_type, ResourceType::Model | ResourceType::Seed | ResourceType::Analysis | ResourceType::Test);
        if !is_file || node.test.is_some() || !node.place.range.is_empty() {
            return Ok(());
        }
        for &version in &versions {
            let node = &self.index.nodes[version];
            let Some(file) = self.file(node.place.file) else { continue };
            let Some(stem) = file.path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            let Some(rest) = stem.strip_prefix(node.name.as_str()) else { continue };
            if rest.is_empty() || node.version.as_ref().is_some_and(|version| rest == format!("_v{version}")) {
                let extension = file.path.extension().map(|extension| format!(".{}", extension.to_string_lossy())).unwrap_or_default();
                renames.push((file.path.to_path_buf(), file.path.with_file_name(format!("{name}{rest}{extension}"))));
            }
            self.project_keys(version, name, places);
        }
        Ok(())
    }

    /// Nodes that depend on one without a place that names it: their Jinja makes the name.
    fn every_reader_is_found(&self, index: NodeIndex, places: &Places) -> Result<(), String> {
        for &child in &self.index.children[index] {
            let child = &self.index.nodes[child];
            // A generic test is of the entry that holds it, which is renamed.
            if child.test.is_some() {
                continue;
            }
            let Some(file) = self.file(child.place.file) else { continue };
            if let Some(edits) = places.get(&file.id) {
                self.no_argument_is_left(file, &self.index.nodes[index].name, edits)?;
                continue;
            }
            // A macro that it calls may hold the name; then that is changed.
            let through_macro = child.macros.iter().flatten().any(|id| self.names_through(id, places, &mut Vec::new()));
            if !through_macro {
                let name = &self.index.nodes[index].name;
                return Err(format!(
                    "{} `{}` in {} depends on `{name}` through Jinja that makes its name; write it out there first",
                    child.resource_type,
                    child.label(),
                    file.relative
                ));
            }
        }
        Ok(())
    }

    /// Whether no call of a file is given a node's name beside those that are changed: a macro may make a `ref` of it.
    fn no_argument_is_left(&self, file: &File, name: &str, edits: &[Edit]) -> Result<(), String> {
        let text = &*file.text;
        let is_changed = |range: TextRange| edits.iter().any(|edit| edit.range.meets(range));
        let more = self.more_uses(file);
        // A var, a docs block or a source of the same name.
        let is_other =
            |range: TextRange| file.facts.uses.iter().chain(&more).any(|used| !matches!(used.target, Target::Macro { .. }) && used.range.contains_range(range));
        let found = memchr::memmem::find_iter(text.as_bytes(), name.as_bytes()).filter(|&at| crate::mentions::is_argument(text, at, name.len()));
        // Texts of SQL itself are none.
        let tags = jinja::scan(text);
        let is_in_tag = |range: TextRange| tags.iter().any(|tag| tag.kind != TagKind::Comment && tag.outer.contains_range(range));
        let left = found.map(|at| TextRange::new(at, at + name.len())).find(|&range| is_in_tag(range) && !is_changed(range) && !is_other(range));
        left.map_or(Ok(()), |range| {
            Err(format!("{}, {}, gives `{name}` to a macro, which may make a `ref` of it; write that out first", file.relative, line(file, range)))
        })
    }

    fn names_through(&self, id: &std::sync::Arc<str>, places: &Places, seen: &mut Vec<std::sync::Arc<str>>) -> bool {
        if seen.contains(id) {
            return false;
        }
        seen.push(id.clone());
        let Some(found) = self.index.macros.iter().find(|found| found.unique_id == *id) else { return false };
        let is_inside = |edit: &Edit| found.range.contains_range(edit.range);
        places.get(&found.place.file).is_some_and(|edits| edits.iter().any(is_inside))
            || found.depends_on.iter().any(|next| self.names_through(next, places, seen))
    }

    /// Keys of `dbt_project.yml` that configure one model by its name.
    fn project_keys(&self, index: NodeIndex, name: &str, places: &mut Places) {
        let node = &self.index.nodes[index];
        let Some(file) = self.file_at(&self.root.join("dbt_project.yml")) else { return };
        let tree = yaml::parse(&file.text);
        let Some(section) = crate::section_of(node.resource_type) else { return };
        let mut at = tree.root.as_ref().and_then(|root| root.get(section));
        for (number, part) in node.fqn.iter().enumerate() {
            let Some((key, value)) = at.and_then(|map| map.get_entry(part)) else { return };
            if number + 1 == node.fqn.len() || (node.version.is_some() && number + 2 == node.fqn.len()) {
                if **part == *node.name {
                    places.entry(file.id).or_default().push(Edit::replace(inner(&file.text, key.range), name));
                }
                return;
            }
            at = Some(value);
        }
    }

    /// A macro that dispatches is renamed with its implementations.
    fn rename_implementations(&self, at: usize, name: &str, places: &mut Places) -> Result<(), String> {
        let found = &self.index.macros[at];
        if found.name.contains("__") && self.index.dispatch_prefixes().iter().any(|prefix| found.name.starts_with(&format!("{prefix}__"))) {
            let base = found.name.split_once("__").map_or("", |(_, base)| base);
            return Err(format!("`{}` is an implementation of `{base}`, which dispatches to it; rename that one", found.name));
        }
        if dispatches(&found.text, &found.name, &self.index.project).is_empty() {
            return Ok(());
        }
        // Others may dispatch to the same implementations.
        for file in self.files.values().filter(|file| file.kind.is_sql() && file.text.contains("dispatch")) {
            for call in dispatches(&file.text, &found.name, &self.index.project) {
                let Some(first) = first_argument(&file.text, call) else { continue };
                self.must_be_ours(Mention { file: file.id, range: first, is_definition: false })?;
                places.entry(file.id).or_default().push(Edit::replace(first, name));
            }
        }
        let suffix = format!("__{}", found.name);
        for (number, other) in self.index.macros.iter().enumerate().filter(|(_, other)| other.name.ends_with(&suffix)) {
            let Some(file) = self.file(other.place.file) else { continue };
            for mention in self.mentions(file, &Thing::Macro(number)) {
                self.must_be_ours(mention)?;
                let start = mention.range.end as usize - found.name.len();
                places.entry(mention.file).or_default().push(Edit::replace(TextRange::new(start, mention.range.end as usize), name));
            }
        }
        Ok(())
    }
}

/// The calls of a text that dispatch to the project's implementations of a macro.
pub(crate) fn dispatches(text: &str, name: &str, project: &str) -> Vec<TextRange> {
    let is_it = |call: &jinja::Call| {
        call.dispatched().is_some_and(|(argument, namespace)| argument.value.as_str() == Some(name) && namespace.is_none_or(|namespace| namespace == project))
    };
    let calls = jinja::parse(text).calls.into_iter().filter(is_it);
    calls.map(|call| call.range).collect()
}

fn local_name(file: &File, thing: &Thing) -> Option<String> {
    match thing {
        Thing::Cte(range) | Thing::Alias(range) | Thing::Local(range) => Some(inner(&file.text, *range).of(&file.text).to_owned()),
        _ => None,
    }
}

fn line(file: &File, range: TextRange) -> String {
    format!("line {}", text::LineIndex::new(&file.text).line_of(range.start as usize) + 1)
}

#[cfg(test)]
mod tests;
