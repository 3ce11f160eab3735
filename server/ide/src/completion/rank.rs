//! Which node is probably meant: what the person works on, what is near in the lineage, what lies in the same folder.

use crate::{Analysis, File};
use dbt::NodeIndex;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::VecDeque;
use vfs::FileId;

/// The order of nodes for one file.
pub(super) struct Rank<'a> {
    analysis: &'a Analysis,
    /// Steps in the lineage, whichever way, for the nearest nodes.
    near: FxHashMap<NodeIndex, u32>,
    /// Nodes that the file's own lead to: a reference to them would be a circle.
    below: FxHashSet<NodeIndex>,
    recent: FxHashMap<FileId, u32>,
    folder: &'a str,
}

/// Further nodes are all alike.
const MAX_STEPS: u32 = 3;
const MAX_NEAR: usize = 2000;

impl<'a> Rank<'a> {
    pub fn new(analysis: &'a Analysis, file: &'a File, recent: &[FileId]) -> Self {
        let own = analysis.index.nodes_of_file(file.id);
        let mut near: FxHashMap<NodeIndex, u32> = own.iter().map(|&index| (index, 0)).collect();
        let mut queue: VecDeque<NodeIndex> = own.iter().copied().collect();
        while let Some(at) = queue.pop_front() {
            let steps = near[&at];
            if steps == MAX_STEPS || near.len() > MAX_NEAR {
                break;
            }
            let neighbours = analysis.index.nodes[at].depends_on.iter().chain(&analysis.index.children[at]);
            for &next in neighbours {
                if !near.contains_key(&next) && analysis.index.nodes[next].test.is_none() {
                    near.insert(next, steps + 1);
                    queue.push_back(next);
                }
            }
        }
        let mut below = FxHashSet::default();
        let mut pending: Vec<NodeIndex> = own.to_vec();
        while let Some(at) = pending.pop() {
            if below.len() < MAX_NEAR && below.insert(at) {
                pending.extend(analysis.index.children[at].iter().copied());
            }
        }
        let recent = recent.iter().rev().enumerate().map(|(number, &id)| (id, number as u32)).collect();
        let folder = file.relative.rfind('/').map_or("", |end| &file.relative[..end]);
        Self { analysis, near, below, recent, folder }
    }

    /// Whether a reference to a node would be a circle.
    pub fn is_below(&self, index: NodeIndex) -> bool {
        self.below.contains(&index)
    }

    /// The smaller the likelier: below 100 the project's own, from 500 on packages'.
    pub fn of(&self, index: NodeIndex) -> u32 {
        let node = &self.analysis.index.nodes[index];
        let steps = self.near.get(&index).copied().unwrap_or(MAX_STEPS + 1);
        let recency = self.recent.get(&node.place.file).map_or(3, |number| (*number).min(2));
        let same_folder = node.path.rfind('/').map_or("", |end| &node.path[..end]) == self.folder;
        let foreign = u32::from(*node.package != *self.analysis.index.project) * 500;
        let circle = u32::from(self.is_below(index)) * 200;
        foreign + circle + steps * 10 + recency * 2 + u32::from(!same_folder)
    }
}
