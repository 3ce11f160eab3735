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
    /// Made of these with this project's quoting, as dbt makes it; what the state calls it doesn't count.
    pub relation: Arc<str>,
    /// It counts also where this target has built the node (`--favor-state`).
    pub favored: bool,
}

/// What can be deferred to: models, seeds and snapshots that are relations (`Manifest.merge_from_artifact`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    nodes: FxHashMap<Arc<str>, Place>,
    favored: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    database: Option<Arc<str>>,
    schema: Arc<str>,
    alias: Arc<str>,
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
        let nodes = manifest
            .nodes
            .into_iter()
            .filter(|(_, node)| is_relation(node))
            .filter_map(|(unique_id, node)| Some((unique_id, Place { database: node.database, schema: node.schema?, alias: node.alias? })));
        Ok(Self { nodes: nodes.collect(), favored: false })
    }

    /// Whether it counts also for what this target has built.
    pub fn favored(self, favored: bool) -> Self {
        Self { favored, ..self }
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Where a node is, its relation made by `render` of its parts.
    pub fn of(&self, unique_id: &str, render: impl FnOnce(&jinja::Relation) -> String) -> Option<Deferred> {
        let place = self.nodes.get(unique_id)?.clone();
        let parts = jinja::Relation {
            database: place.database.clone(),
            schema: Some(place.schema.clone()),
            identifier: Some(place.alias.clone()),
            quoting: data::Map::new(),
        };
        Some(Deferred { database: place.database, schema: place.schema, alias: place.alias, relation: render(&parts).into(), favored: self.favored })
    }
}
