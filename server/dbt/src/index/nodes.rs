//! The list of nodes, shared between the states of an index: a copy costs nothing, a change copies what it changes.

use super::{Node, NodeIndex};
use std::sync::Arc;

/// Nodes by their numbers, in no order that means anything.
#[derive(Debug, Clone, Default)]
pub struct Nodes(imbl::Vector<Arc<Node>>);

impl Nodes {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Node> + ExactSizeIterator {
        self.0.iter().map(|node| &**node)
    }

    pub fn get(&self, at: NodeIndex) -> Option<&Node> {
        self.0.get(at).map(|node| &**node)
    }

    pub(crate) fn shared(&self, at: NodeIndex) -> &Arc<Node> {
        &self.0[at]
    }

    pub(crate) fn push(&mut self, node: Arc<Node>) {
        self.0.push_back(node);
    }

    pub(crate) fn set(&mut self, at: NodeIndex, node: Arc<Node>) {
        self.0.set(at, node);
    }

    /// A node to change; other states keep theirs.
    pub(crate) fn get_mut(&mut self, at: NodeIndex) -> &mut Node {
        Arc::make_mut(&mut self.0[at])
    }

    /// Takes a node out; the last one takes its number.
    pub(crate) fn swap_remove(&mut self, at: NodeIndex) {
        if let Some(last) = self.0.pop_back()
            && at < self.0.len()
        {
            self.0.set(at, last);
        }
    }
}

impl std::ops::Index<NodeIndex> for Nodes {
    type Output = Node;

    fn index(&self, at: NodeIndex) -> &Node {
        &self.0[at]
    }
}

impl FromIterator<Arc<Node>> for Nodes {
    fn from_iter<I: IntoIterator<Item = Arc<Node>>>(nodes: I) -> Self {
        Self(nodes.into_iter().collect())
    }
}
