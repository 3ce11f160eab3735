//! The manifest of another target (`--state`), whose relations stand in for what this target hasn't built (`--defer`).

use rustc_hash::FxHashMap;
use serde::Deserialize;
use std::sync::Arc;

/// Where a node is in the other target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deferred {
    pub database: Option<Arc<str>>,
    pub schema: Arc<str>,
    pub alias: Arc<str>,
    pub relation_name: Option<Arc<str>>,
}

/// What can be deferred to: models, seeds and snapshots that are relations (`Manifest.merge_from_artifact`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    nodes: FxHashMap<Arc<str>, Arc<Deferred>>,
}

#[derive(Deserialize)]
struct Manifest {
    nodes: FxHashMap<Arc<str>, StateNode>,
}

#[derive(Deserialize)]
struct StateNode {
    resource_type: String,
    database: Option<Arc<str>>,
    #[serde(default)]
    schema: Option<Arc<str>>,
    alias: Option<Arc<str>>,
    relation_name: Option<Arc<str>>,
    #[serde(default)]
    config: Option<StateConfig>,
}

#[derive(Deserialize)]
struct StateConfig {
    materialized: Option<String>,
}

impl State {
    /// Reads a manifest, of any version that names its relations. The error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| format!("it is no manifest of dbt's ({error})"))?;
        let is_relation = |node: &StateNode| {
            let is_ephemeral = node.config.as_ref().is_some_and(|config| config.materialized.as_deref() == Some("ephemeral"));
            matches!(node.resource_type.as_str(), "model" | "seed" | "snapshot") && !is_ephemeral
        };
        let nodes = manifest.nodes.into_iter().filter(|(_, node)| is_relation(node)).filter_map(|(unique_id, node)| {
            let deferred = Deferred { database: node.database, schema: node.schema?, alias: node.alias?, relation_name: node.relation_name };
            Some((unique_id, Arc::new(deferred)))
        });
        Ok(Self { nodes: nodes.collect() })
    }

    pub fn of(&self, unique_id: &str) -> Option<&Arc<Deferred>> {
        self.nodes.get(unique_id)
    }
}
