//! Names to nodes, as dbt resolves them.

use super::{Docs, Index, Macro, Node, NodeIndex};
use crate::{ResourceType, Target};
use std::collections::VecDeque;
use vfs::FileId;

impl Index {
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

    /// The node that a `ref()` in a file of `from_package` names. dbt looks in that package, then in the root project, then
    /// everywhere (`RefableLookup`, `_packages_to_search`).
    pub fn resolve_ref(&self, package: Option<&str>, name: &str, version: Option<&str>, from_package: &str) -> Option<NodeIndex> {
        let candidates = self.refable.get(name)?;
        let wanted = |node: &Node| match (version, &node.version) {
            (Some(version), Some(own)) => version == own,
            (None, Some(own)) => self.latest.get(&(node.package.clone(), name.to_owned())).is_none_or(|latest| latest == own),
            (Some(_), None) => false,
            (None, None) => true,
        };
        let in_package = |package: &str| candidates.iter().copied().find(|&index| &*self.nodes[index].package == package && wanted(&self.nodes[index]));
        match package {
            Some(package) => in_package(package),
            None => {
                in_package(from_package).or_else(|| in_package(&self.project)).or_else(|| candidates.iter().copied().find(|&index| wanted(&self.nodes[index])))
            }
        }
    }

    pub fn resolve_source(&self, source: &str, table: &str, from_package: &str) -> Option<NodeIndex> {
        let candidates = self.sources.get(&(source.to_owned(), table.to_owned()))?;
        let of = |package: &str| candidates.iter().copied().find(|&index| &*self.nodes[index].package == package);
        of(from_package).or_else(|| of(&self.project)).or_else(|| candidates.first().copied())
    }

    pub fn resolve_doc(&self, package: Option<&str>, name: &str, from_package: &str) -> Option<&Docs> {
        let candidates = self.docs_by_name.get(name)?;
        let of = |package: &str| candidates.iter().map(|&index| &self.docs[index]).find(|docs| &*docs.package == package);
        match package {
            Some(package) => of(package),
            None => of(from_package).or_else(|| of(&self.project)).or_else(|| candidates.first().map(|&index| &self.docs[index])),
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
