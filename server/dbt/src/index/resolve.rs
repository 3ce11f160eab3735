//! Names to nodes, as dbt resolves them.

use super::{Docs, Index, Macro, Node, NodeIndex};
use crate::{ResourceType, Target};
use std::collections::VecDeque;
use vfs::FileId;

impl Index {
    /// The adapter that the target names.
    pub fn adapter(&self) -> &str {
        &self.adapter
    }

    /// A file's path in its package's folder.
    pub fn path_of(&self, file: FileId) -> Option<&str> {
        self.paths.get(&file).map(String::as_str)
    }

    pub(crate) fn set_docs(&mut self, docs: Vec<Docs>) {
        for (index, block) in docs.iter().enumerate() {
            self.docs_by_name.entry(block.name.clone()).or_default().push(index);
        }
        self.docs = docs;
    }

    pub(crate) fn add_macro(&mut self, made: Macro) {
        self.macros_by_name.entry(made.name.clone()).or_default().push(self.macros.len());
        self.macros.push(made);
    }

    /// Notes every node under its names and files.
    pub(crate) fn register(&mut self) {
        self.by_id.clear();
        self.refable.clear();
        self.sources.clear();
        self.by_file.clear();
        self.by_patch.clear();
        for (index, node) in self.nodes.iter().enumerate() {
            self.by_id.insert(node.unique_id.clone(), index);
            if node.resource_type.is_refable() {
                self.refable.entry(node.name.clone()).or_default().push(index);
            }
            if let Some(source) = &node.source_name {
                self.sources.entry((source.clone(), node.name.clone())).or_default().push(index);
            }
            if node.test.is_some() {
                continue;
            }
            self.by_file.entry(node.place.file).or_default().push(index);
            if let Some(patch) = &node.patch {
                self.by_patch.entry(patch.place.file).or_default().push(index);
            }
        }
    }

    pub fn node(&self, unique_id: &str) -> Option<NodeIndex> {
        self.by_id.get(unique_id).copied()
    }

    /// Nodes that a file of code defines: a model's, a snapshot file's, a seed's; of YAML those that live there alone.
    pub fn nodes_of_file(&self, file: FileId) -> &[NodeIndex] {
        self.by_file.get(&file).map_or(&[], Vec::as_slice)
    }

    /// Nodes that a properties file has an entry of.
    pub fn nodes_described_in(&self, file: FileId) -> &[NodeIndex] {
        self.by_patch.get(&file).map_or(&[], Vec::as_slice)
    }

    /// The nodes of a name that `ref` can name.
    pub(crate) fn named(&self, name: &str) -> &[NodeIndex] {
        self.refable.get(name).map_or(&[], Vec::as_slice)
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
        let candidates = self.sources.get(&(source.to_owned(), table.to_owned()))?;
        let of = |package: &str| candidates.iter().copied().find(|&index| &*self.nodes[index].package == package);
        self.search_order(from_package).into_iter().find_map(of).or_else(|| candidates.first().copied())
    }

    pub fn resolve_doc(&self, package: Option<&str>, name: &str, from_package: &str) -> Option<&Docs> {
        let candidates = self.docs_by_name.get(name)?;
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
        let candidates = self.macros_by_name.get(name)?;
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
            let next = if downstream { &self.children[at] } else { &self.nodes[at].depends_on };
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

    /// The nodes of a cycle, in order, if the graph has one.
    pub fn find_cycle(&self) -> Option<Vec<NodeIndex>> {
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
                                return Some(stack[from..].iter().map(|&(index, _)| index).collect());
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
        None
    }
}
