//! What dbt's artifacts and the state to defer to add to nodes, laid on and taken off again.

use super::{Column, Index, Node};
use crate::artifacts::Artifacts;
use crate::parallel::in_parallel;
use crate::state::State;
use data::Map;
use jinja::adapter::Adapter;
use std::sync::Arc;

/// Where such facts come from, and how relations are written.
#[derive(Clone)]
pub(crate) struct FactSources {
    pub artifacts: Arc<Artifacts>,
    pub state: Option<Arc<State>>,
    pub adapter: Arc<Adapter>,
    pub quoting: Map,
}

impl FactSources {
    /// Adds what is known of a node.
    pub fn lay(&self, node: &mut Node) {
        if let Some(facts) = self.artifacts.of(&node.unique_id) {
            for found in &facts.columns {
                let known = node.columns.values_mut().find(|column| column.name.eq_ignore_ascii_case(&found.name));
                match known {
                    Some(column) => column.catalog_type = found.data_type.clone(),
                    None => {
                        let column = Column { catalog_type: found.data_type.clone(), is_of_catalog: true, ..Column::named(&found.name) };
                        node.columns.push(column);
                    }
                }
            }
            node.artifacts = Some(facts.clone());
        }
        if let Some(state) = &self.state {
            let render = |relation: &jinja::Relation| jinja::render_relation(&self.adapter, &self.quoting, relation);
            node.deferred = node.relation_name.as_ref().and_then(|_| state.of(&node.unique_id, render)).map(Arc::new);
        }
    }

    /// Whether it says something of a node.
    fn knows(&self, node: &Node) -> bool {
        self.artifacts.of(&node.unique_id).is_some() || self.state.is_some()
    }
}

impl Node {
    pub(crate) fn has_facts(&self) -> bool {
        self.artifacts.is_some() || self.deferred.is_some()
    }

    /// Takes all such facts off.
    pub(crate) fn strip_facts(&mut self) {
        if self.artifacts.take().is_some() {
            self.columns.retain(|column| !column.is_of_catalog);
            self.columns.values_mut().for_each(|column| column.catalog_type = None);
        }
        self.deferred = None;
    }
}

impl Index {
    /// The same index with other artifacts and another state.
    pub fn with_facts(mut self, artifacts: &Arc<Artifacts>, state: Option<&Arc<State>>) -> Self {
        let sources =
            FactSources { artifacts: artifacts.clone(), state: state.cloned(), adapter: Adapter::named(&self.adapter), quoting: self.quoting.clone() };
        let renewed = |node: &Arc<Node>| -> Option<Arc<Node>> {
            (node.has_facts() || sources.knows(node)).then(|| {
                let mut node = Node::clone(node);
                node.strip_facts();
                sources.lay(&mut node);
                Arc::new(node)
            })
        };
        let all: Vec<_> = (0..self.nodes.len()).collect();
        let changed = in_parallel(&all, |&at| renewed(self.nodes.shared(at)));
        for (at, node) in changed.into_iter().enumerate().filter_map(|(at, node)| Some((at, node?))) {
            self.nodes.set(at, node);
        }
        if self.disabled.iter().any(|node| node.has_facts() || sources.knows(node)) {
            self.disabled = Arc::new(self.disabled.iter().map(|node| renewed(node).unwrap_or_else(|| node.clone())).collect());
        }
        self
    }
}
