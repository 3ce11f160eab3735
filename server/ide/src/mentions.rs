//! Where a thing is named: the ground of references, highlights and renames.

use crate::columns::Scopes;
use crate::thing::{Thing, first_argument, inner};
use crate::{Analysis, File};
use dbt::{FileKind, NodeIndex, ResourceType, Target, Use};
use memchr::memmem;
use rustc_hash::FxHashSet;
use std::borrow::Cow;
use std::sync::Arc;
use syntax::{jinja, yaml};
use text::TextRange;
use vfs::FileId;

/// A place in a file that names something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mention {
    pub file: FileId,
    /// The name without its quotes.
    pub range: TextRange,
    /// Whether the thing is defined or described there, rather than used.
    pub is_definition: bool,
}

impl Analysis {
    /// Every place that names a thing, file by file in the order of paths. `near` is the file of what is local to one.
    pub fn mentions(&self, near: &File, thing: &Thing) -> Vec<Mention> {
        if thing.is_local() {
            return self.mentions_in(near, thing);
        }
        let mut files = self.files_that_may_name(thing);
        files.sort_by(|left, right| left.path.cmp(&right.path));
        dbt::in_parallel(&files, |file| self.mentions_in(file, thing)).into_iter().flatten().collect()
    }

    /// The files whose text holds the thing's name.
    fn files_that_may_name(&self, thing: &Thing) -> Vec<&Arc<File>> {
        if let Thing::Column(index, name) = thing {
            let mut ids: Vec<FileId> = self.files_of_column(*index, name);
            ids.sort();
            ids.dedup();
            return ids.into_iter().filter_map(|id| self.file(id)).collect();
        }
        let Some(name) = self.name_of(thing) else { return Vec::new() };
        let finder = memmem::Finder::new(name.as_bytes());
        // What properties files name a node by, the index knows; of others only calls can, in anchors that nobody uses.
        let of_index: Option<FxHashSet<FileId>> = match thing {
            Thing::Node(index) if !matches!(self.index.nodes[*index].resource_type, ResourceType::Group | ResourceType::Metric) => {
                Some(self.files_around(*index))
            }
            _ => None,
        };
        let names = |file: &File| match &of_index {
            Some(known) if file.kind == FileKind::Properties && !known.contains(&file.id) => {
                finder.find_iter(file.text.as_bytes()).any(|at| is_argument(&file.text, at, name.len()))
            }
            _ => finder.find(file.text.as_bytes()).is_some(),
        };
        let files: Vec<&Arc<File>> = self.files.values().collect();
        let found = dbt::in_parallel(&files, |file| names(file));
        files.into_iter().zip(found).filter_map(|(file, names)| names.then_some(file)).collect()
    }

    /// The files of a node, of its entry, of what reads it, and of that's entries.
    fn files_around(&self, index: NodeIndex) -> FxHashSet<FileId> {
        let of = |index: NodeIndex| {
            let node = &self.index.nodes[index];
            [Some(node.place.file), node.patch.as_ref().map(|patch| patch.place.file)]
        };
        let disabled = self.index.disabled.iter().map(|node| Some(node.place.file));
        // A unit test's inputs are read by its model, not by the test.
        let unit_tests = self.index.few_of(ResourceType::UnitTest).map(|(_, node)| Some(node.place.file));
        of(index).into_iter().chain(self.index.children[index].iter().flat_map(|&child| of(child))).chain(disabled).chain(unit_tests).flatten().collect()
    }

    /// Files in which a node's column can be named: where it is made, described and read.
    fn files_of_column(&self, index: NodeIndex, name: &str) -> Vec<FileId> {
        let node = &self.index.nodes[index];
        let mut ids = vec![node.place.file];
        ids.extend(node.patch.as_ref().map(|patch| patch.place.file));
        ids.extend(node.column(name).and_then(|column| column.entry).map(|entry| entry.file));
        // Of a test that is the properties file that has it.
        ids.extend(self.index.children[index].iter().map(|&child| self.index.nodes[child].place.file));
        // A unit test hangs on the model that it tests, and gives rows of any that this reads.
        ids.extend(self.index.few_of(ResourceType::UnitTest).map(|(_, test)| test.place.file));
        ids
    }

    /// The word that files name a thing by.
    pub(crate) fn name_of(&self, thing: &Thing) -> Option<Cow<'_, str>> {
        Some(match thing {
            Thing::Node(index) => Cow::from(&self.index.nodes[*index].name),
            Thing::Column(_, name) | Thing::Measure(_, name) | Thing::Made { name, .. } => Cow::from(name.clone()),
            Thing::Macro(at) => {
                let found = &self.index.macros[*at];
                let name = if found.is_generic_test { found.name.strip_prefix("test_").unwrap_or(&found.name) } else { &found.name };
                Cow::from(name.to_owned())
            }
            Thing::Docs(at) => Cow::from(&self.index.docs[*at].name),
            Thing::Source(name)
            | Thing::Var(name)
            | Thing::EnvVar(name)
            | Thing::Package(name)
            | Thing::Selector(name)
            | Thing::Config(name)
            | Thing::Builtin(name) => Cow::from(name.clone()),
            _ => return None,
        })
    }

    /// The places in one file that name a thing.
    pub fn mentions_in(&self, file: &File, thing: &Thing) -> Vec<Mention> {
        let mut found: Vec<(TextRange, bool)> = Vec::new();
        match thing {
            Thing::Cte(_) | Thing::Alias(_) | Thing::Made { .. } | Thing::Column(..) => self.sql_mentions(file, thing, &mut found),
            Thing::Local(definition) => {
                let names = jinja::names(&file.text);
                let word = definition.of(&file.text);
                let means = |name: &&jinja::Name| {
                    let can = !matches!(name.kind, jinja::NameKind::Attribute | jinja::NameKind::Method | jinja::NameKind::Filter | jinja::NameKind::Argument);
                    can && name.range.of(&file.text) == word
                };
                for name in names.names.iter().filter(means) {
                    let is_own = name.range == *definition;
                    if is_own || names.local(word, name.range.start as usize).is_some_and(|local| local.definition == *definition) {
                        found.push((name.range, is_own));
                    }
                }
            }
            _ => self.global_mentions(file, thing, &mut found),
        }
        found.sort_unstable_by_key(|(range, is_definition)| (*range, !is_definition));
        found.dedup_by_key(|(range, _)| *range);
        found.into_iter().map(|(range, is_definition)| Mention { file: file.id, range, is_definition }).collect()
    }

    fn sql_mentions(&self, file: &File, thing: &Thing, found: &mut Vec<(TextRange, bool)>) {
        if file.kind.is_sql() {
            let scopes = Scopes::new(self, file);
            let things = self.things_of_sql(&scopes, file, None);
            found.extend(things.into_iter().filter(|(other, ..)| same(other, thing)).map(|(_, range, defines)| (inner(&file.text, range), defines)));
        }
        // A plain column that a CTE takes over is the other's, too.
        if let Thing::Made { definition, .. } = thing
            && file.kind.is_sql()
            && !found.iter().any(|(range, _)| *range == inner(&file.text, *definition))
        {
            found.push((inner(&file.text, *definition), true));
        }
        let Thing::Column(index, name) = thing else { return };
        let node = &self.index.nodes[*index];
        // The versions of a model share the entry's columns.
        if let Some(entry) = node.column(name).and_then(|column| column.entry).filter(|entry| entry.file == file.id) {
            found.push((inner(&file.text, entry.range), true));
        }
        if file.kind == FileKind::Properties {
            let tree = yaml::parse(&file.text);
            let named = tree.root.as_ref().map(|root| self.columns_in_tests(file, root)).unwrap_or_default().into_iter();
            let same = named.filter(|(other, column)| other == index && column.as_str().is_some_and(|column| column.eq_ignore_ascii_case(name)));
            found.extend(same.map(|(_, column)| (inner(&file.text, column.range), false)));
        }
        if let Some(place) = self.made(*index).get(name).and_then(|column| column.place).filter(|place| place.file == file.id && node.place.file == file.id) {
            // A plain column that is taken over keeps the other's name.
            if !found.iter().any(|(range, _)| *range == place.range) {
                found.push((inner(&file.text, place.range), true));
            }
        }
    }

    fn global_mentions(&self, file: &File, thing: &Thing, found: &mut Vec<(TextRange, bool)>) {
        let package = self.package_of(file);
        let text = &*file.text;
        for used in file.facts.uses.iter().chain(&self.more_uses(file)) {
            let is_it = match (thing, &used.target) {
                (Thing::Source(name), Target::Source { source, .. }) => {
                    if source == name
                        && let Some(first) = first_argument(text, used.range)
                    {
                        found.push((first, false));
                    }
                    false
                }
                (Thing::Package(name), Target::Ref { package: Some(first), .. } | Target::Doc { package: Some(first), .. }) => {
                    if first == name
                        && let Some(first) = first_argument(text, used.range)
                    {
                        found.push((first, false));
                    }
                    false
                }
                (Thing::Package(name), Target::Macro { path }) if path.len() == 2 && path[0] == *name => {
                    found.push((TextRange::new(used.name_range.start as usize, used.name_range.start as usize + name.len()), false));
                    false
                }
                (Thing::Node(_), Target::Ref { .. } | Target::Source { .. })
                | (Thing::Docs(_), Target::Doc { .. })
                | (Thing::Var(_), Target::Var { .. })
                | (Thing::Macro(_), Target::Macro { .. }) => self.named(&used.target, package).as_ref() == Some(thing),
                (Thing::EnvVar(name), Target::Macro { path }) if path.len() == 1 && path[0] == "env_var" => {
                    if let Some(first) = first_argument(text, used.range).filter(|first| first.of(text) == name) {
                        found.push((first, false));
                    }
                    false
                }
                _ => false,
            };
            if is_it {
                found.push((last_part(text, used), false));
            }
        }
        match thing {
            Thing::Node(index) => self.node_mentions(file, *index, found),
            Thing::Source(name) if file.kind == FileKind::Properties => {
                found.extend(self.source_entries(file, name).into_iter().map(|range| (inner(text, range), true)));
            }
            Thing::Macro(at) => {
                let macros = &self.index.macros[*at];
                let places = [Some(macros.place), macros.patch.as_ref().map(|patch| patch.name)];
                found.extend(places.into_iter().flatten().filter(|place| place.file == file.id).map(|place| (inner(text, place.range), true)));
                if macros.is_generic_test {
                    self.test_mentions(file, thing, found);
                }
                if file.kind.is_sql() {
                    found.extend(self.as_value(file, *at).into_iter().map(|range| (range, false)));
                }
                // An implementation is called by the name behind its prefix.
                if let Some((prefix, base)) = macros.name.split_once("__")
                    && file.kind.is_sql()
                    && text.contains("dispatch")
                    && self.index.dispatch_prefixes().iter().any(|known| **known == *prefix)
                {
                    let calls = crate::rename::dispatches(text, base, &self.index.project).into_iter();
                    found.extend(calls.filter_map(|call| first_argument(text, call)).map(|range| (range, false)));
                }
            }
            Thing::Docs(at) => {
                let place = self.index.docs[*at].place;
                found.extend((place.file == file.id).then_some((place.range, true)));
            }
            Thing::Measure(_, name) if file.kind == FileKind::Properties => {
                let definition = self.place_of_measure(thing).filter(|place| place.file == file.id).map(|place| inner(text, place.range));
                found.extend(definition.map(|range| (range, true)));
                found.extend(self.named_without_call(file, thing, name).into_iter().map(|range| (inner(text, range), false)));
            }
            Thing::Selector(name) if file.kind == FileKind::Selectors && file.package == 0 => {
                let all = crate::thing::selectors(text).into_iter().filter(|(other, ..)| other == name);
                found.extend(all.map(|(_, range, defines)| (inner(text, range), defines)));
            }
            Thing::Var(name) if file.kind == FileKind::Project && file.package == 0 => {
                found.extend(self.config.vars.get(name).map(|(range, _)| (inner(text, *range), true)));
            }
            _ => {}
        }
    }

    /// Where a file names a macro without calling it: `{% set f = cents %}`.
    fn as_value(&self, file: &File, at: usize) -> Vec<TextRange> {
        let found = &self.index.macros[at];
        let text = &*file.text;
        if !text.contains(found.name.as_str()) || self.macro_named(std::slice::from_ref(&found.name), self.package_of(file)) != Some(Thing::Macro(at)) {
            return Vec::new();
        }
        let names = jinja::names(text);
        let is_it = |name: &&jinja::Name| matches!(name.kind, jinja::NameKind::Variable) && name.range.of(text) == found.name;
        let free = names.names.iter().filter(is_it).filter(|name| names.local(&found.name, name.range.start as usize).is_none());
        free.map(|name| name.range).collect()
    }

    /// Where a measure's name stands in its semantic model.
    pub(crate) fn place_of_measure(&self, thing: &Thing) -> Option<dbt::Place> {
        let Thing::Measure(index, name) = thing else { return None };
        let place = self.index.nodes[*index].place;
        let tree = yaml::parse(&self.file(place.file)?.text);
        let measures = tree.root.as_ref()?.entry_around(place.range)?.get("measures")?;
        let named = measures.items().iter().filter_map(|item| item.get("name")).find(|found| found.as_str() == Some(name))?;
        Some(dbt::Place { file: place.file, range: named.range })
    }

    fn node_mentions(&self, file: &File, index: NodeIndex, found: &mut Vec<(TextRange, bool)>) {
        let node = &self.index.nodes[index];
        let name_range = node.patch.as_ref().map(|patch| patch.name).filter(|place| place.file == file.id);
        if let Some(place) = name_range {
            found.push((inner(&file.text, place.range), true));
        }
        if node.place.file == file.id && !node.place.range.is_empty() {
            let range = inner(&file.text, node.place.range);
            if range.of(&file.text) == node.name {
                found.push((range, true));
            }
        }
        if node.resource_type == ResourceType::Group {
            found.extend(self.group_mentions(file, &node.name).into_iter().map(|range| (range, false)));
        }
        let is_named_plainly = matches!(node.resource_type, ResourceType::Group | ResourceType::Metric | ResourceType::SemanticModel | ResourceType::Model);
        if file.kind == FileKind::Properties && is_named_plainly {
            let definitions: Vec<TextRange> = found.iter().map(|(range, _)| *range).collect();
            let plain = self.named_without_call(file, &Thing::Node(index), &node.name).into_iter().map(|range| inner(&file.text, range));
            found.extend(plain.filter(|range| !definitions.contains(range)).map(|range| (range, false)));
        }
    }

    /// Where configs of `dbt_project.yml` and of code name a group.
    fn group_mentions(&self, file: &File, group: &str) -> Vec<TextRange> {
        fn values<'t>(node: &'t yaml::Node, found: &mut Vec<&'t yaml::Node>) {
            for (key, value) in node.entries() {
                if matches!(key.as_str(), Some("group" | "+group")) {
                    found.push(value);
                }
                values(value, found);
            }
        }
        if file.package == 0 && file.kind == FileKind::Project {
            let tree = yaml::parse(&file.text);
            let mut found = Vec::new();
            tree.root.iter().for_each(|root| values(root, &mut found));
            return found.into_iter().filter(|value| !value.is_alias && value.as_str() == Some(group)).map(|value| inner(&file.text, value.range)).collect();
        }
        if file.package == 0 && file.kind.is_sql() { crate::rename::in_config(file, group, &["group"]) } else { Vec::new() }
    }

    /// Where a properties file uses a generic test.
    fn test_mentions(&self, file: &File, thing: &Thing, found: &mut Vec<(TextRange, bool)>) {
        for &index in self.index.nodes_described_in(file.id) {
            let node = &self.index.nodes[index];
            for test in node.tests.iter().chain(node.columns.values().flat_map(|column| column.tests.iter())) {
                if self.test_named(&test.name, &node.package).as_ref() == Some(thing) {
                    let range = inner(&file.text, test.range);
                    let last = test.name.rsplit('.').next().unwrap_or(&test.name);
                    // A test in a mapping's `test_name` has the mapping's place.
                    if range.of(&file.text) == test.name {
                        found.push((TextRange::new(range.end as usize - last.len(), range.end as usize), false));
                    }
                }
            }
        }
    }

    /// What a file names beside what its facts hold. In YAML vars and macros of Jinja, and refs of entries that dbt takes no notice of; in
    /// SQL the Jinja of strings inside of tags, which is how hooks are given.
    pub(crate) fn more_uses(&self, file: &File) -> Vec<Use> {
        let text = &*file.text;
        let mut found = Vec::new();
        if matches!(file.kind, FileKind::Properties | FileKind::Project | FileKind::Packages | FileKind::Selectors) {
            if memmem::find(text.as_bytes(), b"{{").is_some() {
                found.extend(dbt::uses_in(text));
            }
            found.extend(plain_calls(text));
            found.retain(|used| !is_in_yaml_comment(text, used.range.start as usize));
        } else if file.kind == FileKind::Fixture && file.path.extension().is_some_and(|extension| extension == "sql") {
            found.extend(dbt::uses_in(text));
        } else if file.kind.is_sql() && jinja::scan(text).iter().any(|tag| tag.inner.of(text).contains("{{")) {
            let strings = jinja::names(text).strings;
            found.extend(strings.into_iter().filter(|string| string.of(text).contains("{{")).flat_map(|string| dbt::uses_within(text, string)));
        }
        found.retain(|used| !file.facts.uses.iter().any(|other| other.range == used.range));
        found
    }
}

impl Thing {
    /// Whether only its own file names it.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Cte(_) | Self::Alias(_) | Self::Made { .. } | Self::Local(_))
    }
}

/// Whether a word stands in quotes behind a parenthesis or a comma.
pub(crate) fn is_argument(text: &str, at: usize, length: usize) -> bool {
    let Some(head) = text[..at].strip_suffix(['"', '\'']) else { return false };
    head.trim_end().ends_with(['(', ',']) && text[at + length..].starts_with(['"', '\''])
}

/// `ref('x')` and `source('x', 'y')` that are a whole value of YAML.
fn plain_calls(text: &str) -> Vec<Use> {
    let mut found = Vec::new();
    for opener in ["ref(", "source("] {
        for at in memmem::find_iter(text.as_bytes(), opener.as_bytes()) {
            let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
            let head = text[line..at].trim_end_matches(['"', '\'']);
            let Some(close) = text[at..].find([')', '\n']).filter(|end| text[at + end..].starts_with(')')) else { continue };
            let tail = text[at + close + 1..].trim_start_matches(['"', '\'']).trim_start_matches([' ', '\t']);
            let is_value = (head.ends_with(": ") || head.ends_with("- ")) && (tail.is_empty() || tail.starts_with(['\n', '\r', '#', ',', '}']));
            if is_value {
                let call = TextRange::new(at, at + close + 1);
                found.extend(dbt::expression_uses(text, call, call.of(text)));
            }
        }
    }
    found
}

/// Whether an offset of YAML is behind a `#` that its line has outside of quotes.
fn is_in_yaml_comment(text: &str, offset: usize) -> bool {
    let line = text[..offset].rfind('\n').map_or(0, |end| end + 1);
    let (mut quote, mut before) = (None, ' ');
    for c in text[line..offset].chars() {
        match (quote, c) {
            (None, '#') if before.is_whitespace() => return true,
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
        before = c;
    }
    false
}

/// Whether two things are one; SQL's names have no case.
fn same(left: &Thing, right: &Thing) -> bool {
    match (left, right) {
        (Thing::Column(left, one), Thing::Column(right, other)) => left == right && one.eq_ignore_ascii_case(other),
        (Thing::Made { definition: left, .. }, Thing::Made { definition: right, .. }) => left == right,
        _ => left == right,
    }
}

/// Of `package.name` the name, without quotes.
fn last_part(text: &str, used: &Use) -> TextRange {
    let range = inner(text, used.name_range);
    match &used.target {
        Target::Macro { .. } => {
            let written = range.of(text);
            let start = written.rfind('.').map_or(0, |dot| dot + 1);
            TextRange::new(range.start as usize + start, range.end as usize)
        }
        _ => range,
    }
}
