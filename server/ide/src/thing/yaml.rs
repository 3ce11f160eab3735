//! What YAML names: entries, columns, tests, groups, keys.

use super::{Thing, inner, touches};
use crate::words::{ConfigWord, project_key, property};
use crate::{Analysis, File};
use dbt::{NodeIndex, ResourceType};
use syntax::yaml::{self, Kind, Node};
use text::TextRange;

/// A scalar of a YAML file and the way to it.
#[derive(Debug)]
pub(crate) struct Spot<'t> {
    /// Keys, and `[]` for a list's item, from the file's root to the scalar; of a key itself last.
    pub path: Vec<&'t str>,
    /// What holds each part of the path.
    pub nodes: Vec<&'t Node>,
    pub leaf: &'t Node,
    pub is_key: bool,
}

impl Spot<'_> {
    /// Whether the path fits a pattern; `*` is any one part.
    pub fn fits(&self, pattern: &[&str]) -> bool {
        self.path.len() == pattern.len() && self.path.iter().zip(pattern).all(|(part, wanted)| *wanted == "*" || part == wanted)
    }

    /// The key that the scalar is the value of.
    pub fn key(&self) -> Option<&str> {
        self.path.iter().rev().find(|part| **part != "[]").copied()
    }
}

/// The scalar at an offset.
pub(crate) fn spot(root: &Node, offset: usize) -> Option<Spot<'_>> {
    let mut spot = Spot { path: Vec::new(), nodes: Vec::new(), leaf: root, is_key: false };
    loop {
        match &spot.leaf.kind {
            Kind::Scalar { .. } => return spot.leaf.range.touches(offset).then_some(spot),
            Kind::Map { entries, .. } => {
                let (key, value) = entries.iter().find(|(key, value)| key.range.touches(offset) || (value.range.touches(offset) && !value.is_alias))?;
                spot.nodes.push(spot.leaf);
                spot.path.push(key.as_str().unwrap_or_default());
                if key.range.touches(offset) {
                    spot.leaf = key;
                    spot.is_key = true;
                    return Some(spot);
                }
                spot.leaf = value;
            }
            Kind::Seq { items, .. } => {
                let item = items.iter().find(|item| item.range.touches(offset) && !item.is_alias)?;
                spot.nodes.push(spot.leaf);
                spot.path.push("[]");
                spot.leaf = item;
            }
        }
    }
}

/// The names of selectors in `selectors.yml`, each with whether it is defined there.
pub(crate) fn selectors(text: &str) -> Vec<(String, TextRange, bool)> {
    fn asked(node: &Node, found: &mut Vec<(String, TextRange, bool)>) {
        if let (Some("selector"), Some(value)) = (node.get_str("method"), node.get("value"))
            && let Some(name) = value.as_str()
        {
            found.push((name.to_owned(), value.range, false));
        }
        node.entries().iter().map(|(_, value)| value).chain(node.items()).filter(|part| !part.is_alias).for_each(|part| asked(part, found));
    }
    let tree = yaml::parse(text);
    let list = tree.root.as_ref().and_then(|root| root.get("selectors"));
    let mut found = Vec::new();
    for item in list.map(Node::items).unwrap_or_default() {
        found.extend(item.get("name").and_then(|name| Some((name.as_str()?.to_owned(), name.range, true))));
        asked(item, &mut found);
    }
    found
}

/// Calls `visit` with every scalar of a tree that stands there itself.
fn scalars<'t>(node: &'t Node, spot: &mut Spot<'t>, visit: &mut impl FnMut(&Spot<'t>)) {
    match &node.kind {
        Kind::Scalar { .. } => {
            spot.leaf = node;
            visit(spot);
        }
        Kind::Map { entries, .. } => {
            for (key, value) in entries.iter().filter(|(_, value)| !value.is_alias) {
                spot.path.push(key.as_str().unwrap_or_default());
                scalars(value, spot, visit);
                spot.path.pop();
            }
        }
        Kind::Seq { items, .. } => {
            for item in items.iter().filter(|item| !item.is_alias) {
                spot.path.push("[]");
                scalars(item, spot, visit);
                spot.path.pop();
            }
        }
    }
}

impl Analysis {
    pub(super) fn thing_in_properties(&self, file: &File, offset: usize) -> Option<(Thing, TextRange)> {
        if let Some(found) = self.entry_at(file, offset) {
            return Some(found);
        }
        let tree = yaml::parse(&file.text);
        let spot = spot(tree.root.as_ref()?, offset)?;
        let name = spot.leaf.as_str()?;
        if spot.is_key {
            let key = spot.path.last()?;
            if spot.path.contains(&"rows") {
                let named = self.columns_in_tests(file, tree.root.as_ref()?).into_iter().find(|(_, column)| column.range == spot.leaf.range);
                return named.map(|(index, _)| (Thing::Column(index, name.to_owned()), spot.leaf.range));
            }
            let is_config = spot.path.iter().rev().nth(1) == Some(&"config");
            let thing = if is_config && ConfigWord::find(key).is_some() {
                Thing::Config((*key).to_owned())
            } else if property(key).is_some() && !is_free(&spot) {
                Thing::Property((*key).to_owned())
            } else {
                return None;
            };
            return Some((thing, spot.leaf.range));
        }
        let thing = match spot.key() {
            Some("field" | "column_name" | "combination_of_columns") => {
                let mut named = self.columns_in_tests(file, tree.root.as_ref()?).into_iter();
                named.find(|(_, column)| column.range == spot.leaf.range).map(|(index, _)| Thing::Column(index, name.to_owned()))
            }
            _ => self.named_in_properties(file, &spot, name),
        };
        thing.map(|thing| (thing, spot.leaf.range))
    }

    /// An entry of `packages.yml` or `dependencies.yml`, as the package that was installed of it.
    pub(super) fn thing_in_packages(&self, file: &File, offset: usize) -> Option<(Thing, TextRange)> {
        let tree = yaml::parse(&file.text);
        let spot = spot(tree.root.as_ref()?, offset)?;
        if spot.is_key || !matches!(spot.key()?, "package" | "git" | "local" | "name") {
            return None;
        }
        // dbt_utils of `dbt-labs/dbt_utils`, `https://github.com/dbt-labs/dbt-utils.git`, `../dbt_utils`.
        let written = spot.leaf.as_str()?.trim_end_matches('/').trim_end_matches(".git");
        let last = written.rsplit('/').next().unwrap_or(written);
        let plain = |name: &str| name.replace('-', "_").to_lowercase();
        let named = |package: &&std::sync::Arc<str>| plain(package) == plain(last) || plain(package) == plain(last).trim_start_matches("dbt_");
        self.index.packages.iter().find(named).map(|package| (Thing::Package(package.to_string()), spot.leaf.range))
    }

    /// A name that isn't in a call.
    fn named_in_properties(&self, file: &File, spot: &Spot<'_>, name: &str) -> Option<Thing> {
        let package = self.package_of(file);
        let of_type = |kind: ResourceType, name: &str| -> Option<NodeIndex> {
            let own = self.index.node(&format!("{kind}.{package}.{name}"));
            own.or_else(|| self.index.node(&format!("{kind}.{}.{name}", self.index.project)))
        };
        let key = spot.key()?;
        match key {
            "name" if spot.fits(&["sources", "[]", "name"]) => Some(Thing::Source(name.to_owned())),
            "group" => of_type(ResourceType::Group, name).map(Thing::Node),
            "model" if spot.path.first() == Some(&"unit_tests") => self.index.resolve_ref(None, name, None, package).map(Thing::Node),
            "overrides" if spot.fits(&["sources", "[]", "overrides"]) => Some(Thing::Package(name.to_owned())),
            "name" if spot.fits(&["semantic_models", "[]", "measures", "[]", "name"]) => {
                let entry = spot.nodes.get(2)?.range;
                let is_here = |index: &&NodeIndex| {
                    let node = &self.index.nodes[**index];
                    node.resource_type == ResourceType::SemanticModel && entry.contains_range(node.place.range)
                };
                self.index.nodes_of_file(file.id).iter().find(is_here).map(|&index| Thing::Measure(index, name.to_owned()))
            }
            "measure" | "numerator" | "denominator" | "metrics" | "base_metric" | "conversion_metric" | "base_measure" | "conversion_measure" | "name"
                if matches!(spot.path.first(), Some(&"metrics" | &"saved_queries")) && spot.path.len() > 3 =>
            {
                if spot.path.iter().any(|key| key.ends_with("measure")) {
                    return self.index.semantic_model_of_measure(name).map(|index| Thing::Measure(index, name.to_owned()));
                }
                of_type(ResourceType::Metric, name).map(Thing::Node)
            }
            _ => None,
        }
    }

    /// Where the plain texts of a properties file are a thing's name.
    pub(crate) fn named_without_call(&self, file: &File, wanted: &Thing, name: &str) -> Vec<TextRange> {
        let tree = yaml::parse(&file.text);
        let Some(root) = tree.root.as_ref() else { return Vec::new() };
        let mut found = Vec::new();
        let mut spot = Spot { path: Vec::new(), nodes: Vec::new(), leaf: root, is_key: false };
        scalars(root, &mut spot, &mut |spot| {
            if spot.leaf.as_str() == Some(name) && self.named_in_properties(file, spot, name).as_ref() == Some(wanted) {
                found.push(spot.leaf.range);
            }
        });
        found
    }

    /// The names of sources in a properties file.
    pub(crate) fn source_entries(&self, file: &File, source: &str) -> Vec<TextRange> {
        let tree = yaml::parse(&file.text);
        let list = tree.root.as_ref().and_then(|root| root.get("sources")).map(Node::items).unwrap_or_default();
        list.iter().filter_map(|item| item.get("name")).filter(|name| name.as_str() == Some(source)).map(|name| name.range).collect()
    }

    /// An entry's name, a column's, a test's.
    fn entry_at(&self, file: &File, offset: usize) -> Option<(Thing, TextRange)> {
        for &index in self.index.nodes_described_in(file.id) {
            let node = &self.index.nodes[index];
            let Some(patch) = &node.patch else { continue };
            if touches(patch.name, file, offset) {
                return Some((Thing::Node(index), patch.name.range));
            }
            if !patch.place.range.touches(offset) {
                continue;
            }
            for column in node.columns.values() {
                if let Some(place) = &column.entry
                    && touches(*place, file, offset)
                {
                    return Some((Thing::Column(index, column.name.to_string()), place.range));
                }
            }
            let mut tests = node.tests.iter().chain(node.columns.values().flat_map(|column| column.tests.iter()));
            if let Some(test) = tests.find(|test| test.range.touches(offset)) {
                return self.test_named(&test.name, &node.package).map(|thing| (thing, test.range));
            }
        }
        for &index in self.index.nodes_of_file(file.id) {
            let place = self.index.nodes[index].place;
            let range = inner(&file.text, place.range);
            if range.touches(offset) && range.of(&file.text) == self.index.nodes[index].name {
                return Some((Thing::Node(index), place.range));
            }
        }
        let described = self.index.macros.iter().position(|found| found.patch.as_ref().is_some_and(|patch| touches(patch.name, file, offset)))?;
        Some((Thing::Macro(described), self.index.macros[described].patch.as_ref()?.name.range))
    }

    /// A generic test by the name that YAML calls it: the project's, a package's, dbt's own.
    pub(crate) fn test_named(&self, name: &str, package: &str) -> Option<Thing> {
        if let Some(found) = self.index.resolve_test(name, package) {
            return self.index.macros.iter().position(|other| std::ptr::eq(other, found)).map(Thing::Macro);
        }
        let own = format!("test_{}", name.strip_prefix("dbt.").unwrap_or(name));
        self.index.is_builtin_macro(&own).then_some(Thing::Builtin(own))
    }

    /// A key of `dbt_project.yml`: a var, a config, a package, a key of dbt's.
    pub(super) fn thing_in_project(&self, file: &File, offset: usize) -> Option<(Thing, TextRange)> {
        let tree = yaml::parse(&file.text);
        let spot = spot(tree.root.as_ref()?, offset)?;
        let name = spot.leaf.as_str()?.to_owned();
        let range = spot.leaf.range;
        if !spot.is_key {
            let is_group = matches!(spot.key(), Some("+group" | "group"));
            return is_group.then(|| self.index.node(&format!("group.{}.{name}", self.index.project))).flatten().map(|index| (Thing::Node(index), range));
        }
        let thing = match spot.path.as_slice() {
            [_] => project_key(&name).map(|_| Thing::ProjectKey(name)),
            ["vars", ..] if self.config.vars.get(&name).is_some_and(|(place, _)| *place == range) => Some(Thing::Var(name)),
            [_, ..] if spot.path.len() == 2 && self.index.packages.iter().any(|package| **package == *name) => Some(Thing::Package(name)),
            _ => ConfigWord::find(&name).map(|_| Thing::Config(name.trim_start_matches('+').to_owned())),
        };
        thing.map(|thing| (thing, range))
    }
}

/// Whether a key is a person's own: below `meta`, a var, a row of a unit test.
fn is_free(spot: &Spot<'_>) -> bool {
    let above = &spot.path[..spot.path.len() - 1];
    above.iter().any(|part| matches!(*part, "meta" | "vars" | "rows" | "column_types" | "labels" | "grants"))
}
