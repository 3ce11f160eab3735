//! Names to nodes, as dbt resolves them.

use super::{Diagnostic, Docs, Index, Macro, Names, Node, NodeIndex};
use crate::{ResourceType, Target};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::VecDeque;
use std::sync::Arc;
use vfs::FileId;

impl Index {
    /// The adapter that the target names.
    pub fn adapter(&self) -> &str {
        &self.adapter
    }

    /// A file's path in its package's folder.
    pub fn path_of(&self, file: FileId) -> Option<&str> {
        self.names.paths.get(&file).map(|path| &**path)
    }

    pub(crate) fn set_docs(&mut self, docs: Vec<Docs>) {
        let names = Arc::make_mut(&mut self.names);
        for (index, block) in docs.iter().enumerate() {
            names.docs.entry(block.name.as_str().into()).or_default().push(index);
        }
        self.docs = Arc::new(docs);
    }

    pub(crate) fn set_macros(&mut self, macros: Vec<Macro>) {
        let names = Arc::make_mut(&mut self.names);
        for (index, made) in macros.iter().enumerate() {
            names.macros.entry(made.name.as_str().into()).or_default().push(index);
        }
        self.macros = Arc::new(macros);
    }

    /// Notes every node under its names and files.
    pub(crate) fn register(&mut self) {
        let names = Arc::make_mut(&mut self.names);
        for (at, node) in self.nodes.iter().enumerate() {
            names.add(node, at);
        }
    }

    /// Adds a node that nothing is known to depend on.
    pub(crate) fn add(&mut self, node: Arc<Node>) -> NodeIndex {
        let at = self.nodes.len();
        Arc::make_mut(&mut self.names).add(&node, at);
        self.nodes.push(node);
        self.children.push_back(Vec::new());
        at
    }

    /// Puts a node in the place of another state of it.
    pub(crate) fn set(&mut self, at: NodeIndex, node: Arc<Node>) {
        let old = self.nodes.shared(at).clone();
        let patched_in = |node: &Node| node.patch.as_ref().map(|patch| patch.place.file);
        if patched_in(&old) != patched_in(&node) || old.inputs != node.inputs || aliased(&old) != aliased(&node) {
            let names = Arc::make_mut(&mut self.names);
            names.remove(&old, at);
            names.add(&node, at);
        }
        self.nodes.set(at, node);
    }

    /// Takes a node out of everything; the last node takes its number. Nodes that depend on it keep what they name.
    pub(crate) fn remove(&mut self, at: NodeIndex) {
        let last = self.nodes.len() - 1;
        let (gone, moved) = (self.nodes.shared(at).clone(), self.nodes.shared(last).clone());
        let names = Arc::make_mut(&mut self.names);
        names.remove(&gone, at);
        for &parent in &gone.depends_on {
            self.children[parent].retain(|&child| child != at);
        }
        for child in std::mem::take(&mut self.children[at]) {
            self.nodes.get_mut(child).depends_on.retain(|&parent| parent != at);
        }
        if last != at {
            names.remove(&moved, last);
            names.add(&moved, at);
            let renumber = |list: &mut [NodeIndex]| {
                list.iter_mut().filter(|number| **number == last).for_each(|number| *number = at);
                list.sort_unstable();
            };
            for &parent in &self.nodes[last].depends_on.clone() {
                renumber(&mut self.children[parent]);
            }
            for child in self.children[last].clone() {
                renumber(self.nodes.get_mut(child).depends_on.as_mut_slice());
            }
        }
        self.nodes.swap_remove(at);
        if let Some(children) = self.children.pop_back()
            && at < last
        {
            self.children.set(at, children);
        }
    }

    /// Says anew what a node depends on.
    pub(crate) fn set_parents(&mut self, at: NodeIndex, old: &[NodeIndex], new: &[NodeIndex]) {
        for parent in old.iter().filter(|parent| !new.contains(parent)) {
            self.children[*parent].retain(|&child| child != at);
        }
        for parent in new {
            if let Err(place) = self.children[*parent].binary_search(&at) {
                self.children[*parent].insert(place, at);
            }
        }
    }

    /// What is to be said about a file.
    pub fn diagnostics_of(&self, file: FileId) -> impl Iterator<Item = &Diagnostic> {
        [&self.told, &self.judged].into_iter().filter_map(move |of| of.get(&file)).flatten()
    }

    /// What is to be said about the project, file by file.
    pub fn diagnostics(&self) -> impl Iterator<Item = &Diagnostic> {
        self.told.values().chain(self.judged.values()).flatten()
    }

    pub fn node(&self, unique_id: &str) -> Option<NodeIndex> {
        self.names.by_id.get(unique_id).copied()
    }

    /// Nodes that a file of code defines: a model's, a snapshot file's, a seed's; of YAML those that live there alone.
    pub fn nodes_of_file(&self, file: FileId) -> &[NodeIndex] {
        self.names.by_file.get(&file).map_or(&[], Vec::as_slice)
    }

    /// The generic tests that stand in a properties file.
    pub fn tests_of_file(&self, file: FileId) -> &[NodeIndex] {
        self.names.tests_by_file.get(&file).map_or(&[], Vec::as_slice)
    }

    /// Nodes that a properties file has an entry of.
    pub fn nodes_described_in(&self, file: FileId) -> &[NodeIndex] {
        self.names.by_patch.get(&file).map_or(&[], Vec::as_slice)
    }

    /// The nodes of a name that `ref` can name.
    pub(crate) fn named(&self, name: &str) -> &[NodeIndex] {
        self.names.refable.get(name).map_or(&[], Vec::as_slice)
    }

    /// The nodes that `ref()` can name, by their names, in no order. Tests, which are most of a project's nodes, are not looked at.
    pub fn refables(&self) -> impl Iterator<Item = (&str, NodeIndex)> {
        self.names.refable.iter().flat_map(|(name, nodes)| nodes.iter().map(move |&at| (&**name, at)))
    }

    /// Everything that is neither refable nor a table nor a generic test, in no order.
    pub fn few(&self) -> impl Iterator<Item = (NodeIndex, &Node)> {
        self.names.few.values().flatten().map(|&at| (at, &self.nodes[at]))
    }

    /// The nodes of a type that is neither refable nor a table; of tests those in files of their own.
    pub fn few_of(&self, kind: ResourceType) -> impl Iterator<Item = (NodeIndex, &Node)> {
        self.names.few.get(&kind).into_iter().flatten().map(|&at| (at, &self.nodes[at]))
    }

    /// The tables of sources, by their names, in no order.
    pub fn tables(&self) -> impl Iterator<Item = (&str, NodeIndex)> {
        self.names.sources.iter().flat_map(|(name, nodes)| nodes.iter().map(move |&at| (&**name, at)))
    }

    /// The node of a name and version in one package; without a version the latest.
    pub(crate) fn refable_in(&self, package: &str, name: &str, version: Option<&str>) -> Option<NodeIndex> {
        self.named(name).iter().copied().find(|&index| &*self.nodes[index].package == package && self.answers(index, version))
    }

    /// Whether a node answers to a `ref` with this version. Without one, of a model with versions its latest does.
    fn answers(&self, index: NodeIndex, version: Option<&str>) -> bool {
        let node = &self.nodes[index];
        match (version, &node.version) {
            (Some(version), Some(own)) => version == own,
            (None, Some(own)) => node.definition.get("latest_version").map(crate::parse::text_of).as_deref() == Some(own.as_str()),
            (Some(_), None) => false,
            (None, None) => true,
        }
    }

    /// The packages that a name is searched in, for a file of `from_package` (`_packages_to_search`).
    fn search_order<'a>(&'a self, from_package: &'a str) -> [&'a str; 2] {
        if self.own_package_first { [from_package, &self.project] } else { [&self.project, from_package] }
    }

    /// The node that a `ref()` in a file of `from_package` names.
    pub fn resolve_ref(&self, package: Option<&str>, name: &str, version: Option<&str>, from_package: &str) -> Option<NodeIndex> {
        match package {
            Some(package) => self.refable_in(package, name, version),
            None => {
                let near = self.search_order(from_package).into_iter().find_map(|package| self.refable_in(package, name, version));
                near.or_else(|| self.named(name).iter().copied().find(|&index| self.answers(index, version)))
            }
        }
    }

    pub fn resolve_source(&self, source: &str, table: &str, from_package: &str) -> Option<NodeIndex> {
        let named = self.names.sources.get(table)?;
        let candidates = || named.iter().copied().filter(|&index| self.nodes[index].source_name.as_deref() == Some(source));
        let of = |package: &str| candidates().find(|&index| &*self.nodes[index].package == package);
        self.search_order(from_package).into_iter().find_map(of).or_else(|| candidates().next())
    }

    pub fn resolve_doc(&self, package: Option<&str>, name: &str, from_package: &str) -> Option<&Docs> {
        let candidates = self.names.docs.get(name)?;
        // Of two blocks of one name in one package the later counts.
        let of = |package: &str| candidates.iter().rev().map(|&index| &self.docs[index]).find(|docs| &*docs.package == package);
        match package {
            Some(package) => of(package),
            None => self.search_order(from_package).into_iter().find_map(of).or_else(|| candidates.first().map(|&index| &self.docs[index])),
        }
    }

    /// A macro by its dotted name: `cents` in the caller's package, then the root project (`MacroNamespace`); another package's is
    /// seen only with its package's name.
    pub fn resolve_macro(&self, path: &[String], from_package: &str) -> Option<&Macro> {
        let (package, name) = match path {
            [name] => (None, name),
            [package, name] => (Some(package.as_str()), name),
            _ => return None,
        };
        let candidates = self.names.macros.get(name.as_str())?;
        let of = |package: &str| candidates.iter().map(|&index| &self.macros[index]).find(|found| &*found.package == package);
        match package {
            Some(package) => of(package),
            None => of(from_package).or_else(|| of(&self.project)),
        }
    }

    /// The generic test that a properties file calls `name` (`unique`, `dbt_utils.accepted_range`).
    pub fn resolve_test(&self, name: &str, from_package: &str) -> Option<&Macro> {
        let mut path: Vec<String> = name.split('.').map(str::to_owned).collect();
        if let Some(last) = path.last_mut() {
            *last = format!("test_{last}");
        }
        self.resolve_macro(&path, from_package)
    }

    /// The node that a target names, where it names one.
    pub fn resolve(&self, target: &Target, from_package: &str) -> Option<NodeIndex> {
        match target {
            Target::Ref { package, name, version } => self.resolve_ref(package.as_deref(), name, version.as_deref(), from_package),
            Target::Source { source, table } => self.resolve_source(source, table, from_package),
            _ => None,
        }
    }

    /// Everything upstream (or downstream) of a node up to `depth` steps, nearest first, with the number of steps.
    pub fn lineage(&self, start: NodeIndex, downstream: bool, depth: usize) -> Vec<(NodeIndex, usize)> {
        let mut seen = vec![false; self.nodes.len()];
        seen[start] = true;
        let mut queue = VecDeque::from([(start, 0)]);
        let mut found = Vec::new();
        while let Some((at, steps)) = queue.pop_front() {
            if steps == depth {
                continue;
            }
            let next = if downstream { self.children[at].as_slice() } else { self.nodes[at].depends_on.as_slice() };
            for &index in next {
                if !std::mem::replace(&mut seen[index], true) {
                    found.push((index, steps + 1));
                    queue.push_back((index, steps + 1));
                }
            }
        }
        found
    }

    /// Finds nodes by what people type: a unique id, a name, `source.table`, `name.v2`.
    pub fn find(&self, name: &str) -> Vec<NodeIndex> {
        let name = name.trim().trim_matches(['`', '"', '\'']);
        if let Some(index) = self.node(name) {
            return vec![index];
        }
        let matching = |fits: &dyn Fn(&Node) -> bool| -> Vec<NodeIndex> { (0..self.nodes.len()).filter(|&index| fits(&self.nodes[index])).collect() };
        let exact = matching(&|node| node.label() == name || node.name == name);
        let found = if exact.is_empty() { matching(&|node| node.label().eq_ignore_ascii_case(name) || node.name.eq_ignore_ascii_case(name)) } else { exact };
        // What can be queried comes before what tests and groups are called.
        let mut found = found;
        found.sort_by_key(|&index| {
            (
                matches!(self.nodes[index].resource_type, ResourceType::Test | ResourceType::UnitTest | ResourceType::Group),
                *self.nodes[index].package != *self.project,
            )
        });
        found
    }

    /// How many nodes there are of each type, types without any left out.
    pub fn counts(&self) -> Vec<(ResourceType, usize)> {
        let count = |kind| self.nodes.iter().filter(|node| node.resource_type == kind).count();
        ResourceType::ALL.into_iter().map(|kind| (kind, count(kind))).filter(|&(_, count)| count > 0).collect()
    }

    /// Whether following what nodes depend on leads from one node to another.
    pub fn reaches(&self, from: NodeIndex, to: NodeIndex) -> bool {
        let mut seen = FxHashSet::default();
        let mut pending = self.nodes[from].depends_on.clone();
        while let Some(at) = pending.pop() {
            if at == to {
                return true;
            }
            if seen.insert(at) {
                pending.extend(self.nodes[at].depends_on.iter().copied());
            }
        }
        false
    }

    /// The node whose relation is written so, quotes included.
    pub fn node_built_as(&self, relation: &str) -> Option<NodeIndex> {
        self.names.relations.get(relation)?.first().copied()
    }

    /// The nodes that are built as a relation of some name, sources' tables among them; names have no case.
    pub fn nodes_built_as(&self, identifier: &str) -> Vec<NodeIndex> {
        let is_it = |&index: &NodeIndex| {
            let node = &self.nodes[index];
            node.relation_name.is_some() && bare(node.alias.as_deref().unwrap_or(&node.name)).eq_ignore_ascii_case(identifier)
        };
        // An alias is another name than the node's own; those are few, and found one by one.
        let named = |map: &FxHashMap<Arc<str>, Vec<NodeIndex>>, name: &str| map.get(name).into_iter().flatten().copied().collect::<Vec<_>>();
        let lower = identifier.to_ascii_lowercase();
        let names = [identifier, lower.as_str()];
        let mut found: Vec<NodeIndex> =
            names.iter().flat_map(|name| [named(&self.names.refable, name), named(&self.names.sources, name)].concat()).filter(is_it).collect();
        found.extend(self.names.aliased.get(lower.as_str()).into_iter().flatten().copied().filter(is_it));
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether nodes depend on each other in a circle.
    pub fn has_circle(&self) -> bool {
        self.has_cycle
    }

    /// The nodes of the graph's cycles, each in order; of those that share nodes one.
    pub fn find_cycles(&self) -> Vec<Vec<NodeIndex>> {
        let mut cycles: Vec<Vec<NodeIndex>> = Vec::new();
        let mut state = vec![0u8; self.nodes.len()];
        for root in 0..self.nodes.len() {
            if state[root] != 0 {
                continue;
            }
            let mut stack = vec![(root, 0)];
            state[root] = 1;
            while let Some(&mut (at, ref mut next)) = stack.last_mut() {
                match self.nodes[at].depends_on.get(*next) {
                    Some(&child) => {
                        *next += 1;
                        match state[child] {
                            0 => {
                                state[child] = 1;
                                stack.push((child, 0));
                            }
                            1 => {
                                let from = stack.iter().position(|&(index, _)| index == child).unwrap_or(0);
                                let cycle: Vec<NodeIndex> = stack[from..].iter().map(|&(index, _)| index).collect();
                                if !cycles.iter().flatten().any(|known| cycle.contains(known)) {
                                    cycles.push(cycle);
                                }
                                if cycles.len() >= MAX_CYCLES {
                                    return cycles;
                                }
                            }
                            _ => {}
                        }
                    }
                    None => {
                        state[at] = 2;
                        stack.pop();
                    }
                }
            }
        }
        cycles
    }
}

/// So many are told at once.
const MAX_CYCLES: usize = 50;

type ByName = FxHashMap<Arc<str>, Vec<NodeIndex>>;

impl Names {
    fn add(&mut self, node: &Node, at: NodeIndex) {
        self.by_id.insert(node.unique_id.clone(), at);
        if let Some((map, keys)) = self.keys(node) {
            keys.into_iter().for_each(|key| map.entry(key).or_default().push(at));
        }
        if let Some(relation) = node.relation_name.as_ref().filter(|_| node.resource_type.is_refable()) {
            self.relations.entry(relation.clone()).or_default().push(at);
        }
        if let Some(alias) = aliased(node) {
            self.aliased.entry(alias).or_default().push(at);
        }
        if node.test.is_some() {
            self.tests_by_file.entry(node.place.file).or_default().push(at);
            return;
        }
        if is_of_few(node.resource_type) {
            self.few.entry(node.resource_type).or_default().push(at);
        }
        self.by_file.entry(node.place.file).or_default().push(at);
        if let Some(patch) = &node.patch {
            self.by_patch.entry(patch.place.file).or_default().push(at);
        }
    }

    fn remove(&mut self, node: &Node, at: NodeIndex) {
        self.by_id.remove(&node.unique_id);
        if let Some((map, keys)) = self.keys(node) {
            keys.iter().for_each(|key| drop_from(map, key, at));
        }
        if let Some(relation) = node.relation_name.as_ref().filter(|_| node.resource_type.is_refable()) {
            drop_from(&mut self.relations, relation, at);
        }
        if let Some(alias) = aliased(node) {
            drop_from(&mut self.aliased, &alias, at);
        }
        if node.test.is_some() {
            drop_from(&mut self.tests_by_file, &node.place.file, at);
        } else {
            if is_of_few(node.resource_type) {
                drop_from(&mut self.few, &node.resource_type, at);
            }
            drop_from(&mut self.by_file, &node.place.file, at);
            if let Some(patch) = &node.patch {
                drop_from(&mut self.by_patch, &patch.place.file, at);
            }
        }
    }

    /// The names that a node is found by, and where.
    fn keys(&mut self, node: &Node) -> Option<(&mut ByName, Vec<Arc<str>>)> {
        let own = || vec![Arc::<str>::from(node.name.as_str())];
        match node.resource_type {
            kind if kind.is_refable() => Some((&mut self.refable, own())),
            ResourceType::Source => Some((&mut self.sources, own())),
            ResourceType::Metric => Some((&mut self.metrics, own())),
            ResourceType::Function => Some((&mut self.functions, own())),
            ResourceType::SemanticModel => Some((&mut self.measures, node.inputs.iter().map(|name| name.as_str().into()).collect())),
            _ => None,
        }
    }
}

/// Whether a project has few nodes of a type.
fn is_of_few(kind: ResourceType) -> bool {
    !kind.is_refable() && kind != ResourceType::Source
}

/// The relation's name in small letters, where it isn't the node's.
fn aliased(node: &Node) -> Option<Arc<str>> {
    let alias = node.alias.as_ref().filter(|_| node.test.is_none() && node.relation_name.is_some())?;
    (!alias.eq_ignore_ascii_case(&node.name)).then(|| bare(alias).to_ascii_lowercase().into())
}

/// A name without the warehouse's quotes, with which an identifier may be given.
pub fn bare(name: &str) -> &str {
    name.trim_matches(['"', '`', '[', ']'])
}

fn drop_from<K: std::hash::Hash + Eq>(map: &mut FxHashMap<K, Vec<NodeIndex>>, key: &K, at: NodeIndex) {
    if let Some(list) = map.get_mut(key) {
        list.retain(|known| *known != at);
        if list.is_empty() {
            map.remove(key);
        }
    }
}
