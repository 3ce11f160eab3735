//! The final config of a node, and the database, schema and alias that the `generate_…_name` macros make of it.

use super::configs::{default_materialized, hooks, tags};
use super::{Builder, Draft, text_of};
use crate::index::Node;
use crate::parallel::in_parallel;
use crate::{Config, ResourceType};
use data::json;
use data::{Map, Value as Json};
use jinja::{Kind, MacroId, NoDocs, Relation, Subject};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Drafts that are finished at a time.
const AT_ONCE: usize = 2048;

/// The three parts that macros name.
const COMPONENTS: [&str; 3] = ["database", "schema", "alias"];

impl Builder<'_> {
    /// Gives every draft its config and its names.
    pub(super) fn finish_nodes(&mut self) {
        let mut drafts = std::mem::take(&mut self.drafts);
        for drafts in drafts.chunks_mut(AT_ONCE) {
            let finished = in_parallel(drafts, |draft| self.finished(draft));
            for (draft, finished) in drafts.iter_mut().zip(finished) {
                finished.apply(draft);
            }
        }
        self.drafts = drafts;
    }

    /// Computes what a draft's configs come to.
    pub(super) fn finished(&self, draft: &Draft) -> Finished {
        let kind = draft.node.resource_type;
        let mut patch = draft.patch.clone();
        let is_python = draft.node.definition.get("language").is_some();
        if is_python {
            patch.entry("materialized").or_insert_with(|| "table".into());
        }
        let mut config = self.session.config(draft.package, kind, &draft.node.fqn, &patch, &draft.call);
        if let Some(default) = default_materialized(kind) {
            config.entry("materialized").or_insert_with(|| default.into());
        }
        for hook in ["pre-hook", "post-hook"] {
            if let Some(value) = config.get(hook) {
                let made = hooks(Some(value));
                config.insert(hook, made.into());
            }
        }
        let mut named_by = BTreeSet::new();
        let mut names = self.names(draft, &config, &mut named_by);
        if kind == ResourceType::Snapshot {
            for (key, slot) in [("target_database", 0), ("target_schema", 1)] {
                if let Some(value) = config.get(key).filter(|value| !value.is_null()) {
                    names[slot] = Some(text_of(value).into());
                }
            }
        }
        let found = self.hook_calls(draft, &config, &names);
        let relation_name = self.relation_name(draft, &config, &names);
        Finished { config, names, relation_name, found, named_by }
    }

    /// Database, schema and alias.
    fn names(&self, draft: &Draft, config: &Map, named_by: &mut BTreeSet<MacroId>) -> [Option<Arc<str>>; 3] {
        let library = &self.session.env.library;
        COMPONENTS.map(|component| {
            let package = &self.session.packages[draft.package].name;
            let imported = (draft.package != 0).then_some(&**package);
            let own = imported.and_then(|package| library.generate_name_macro(component, Some(package)));
            let id = own.or_else(|| library.generate_name_macro(component, None));
            let custom = config.get(component).filter(|value| !value.is_null()).map(text_of);
            let custom = match (component, draft.node.resource_type) {
                ("schema", ResourceType::Test) => custom.or_else(|| Some("dbt_test__audit".to_owned())),
                _ => custom,
            };
            match id {
                Some(id) if !self.is_builtin(id) || self.session.is_dispatched(component) => {
                    let (name, reached) = self.generated(draft, config, id, custom);
                    named_by.extend(reached);
                    name
                }
                _ => self.default_name(component, draft, custom),
            }
        })
    }

    fn is_builtin(&self, id: MacroId) -> bool {
        let package = &self.session.env.library.get(id).package;
        self.session.target.adapter.packages.iter().any(|known| **known == **package)
    }

    /// What dbt's own macros give, without running them.
    fn default_name(&self, component: &str, draft: &Draft, custom: Option<String>) -> Option<Arc<str>> {
        let target = &self.session.target;
        match component {
            "database" => custom.map(|name| name.trim().into()).or_else(|| target.database.clone()),
            "schema" => Some(match custom {
                Some(custom) => format!("{}_{}", target.schema, custom.trim()).into(),
                None => target.schema.clone(),
            }),
            _ => Some(match (custom.filter(|custom| !custom.is_empty()), &draft.node.version) {
                (Some(custom), _) => custom.trim().into(),
                (None, Some(version)) => format!("{}_v{}", draft.node.name, version.replace('.', "_")).into(),
                (None, None) => draft.node.name.as_str().into(),
            }),
        }
    }

    /// Runs a `generate_…_name` macro of the project.
    fn generated(&self, draft: &Draft, config: &Map, id: MacroId, custom: Option<String>) -> (Option<Arc<str>>, BTreeSet<MacroId>) {
        let node = &draft.node;
        let target = &self.session.target;
        let mut shown = config.clone();
        shown.entry("enabled").or_insert(Json::Bool(true));
        for key in ["schema", "database", "alias"] {
            shown.entry(key).or_insert(Json::Null);
        }
        let model = json!({
            "name": node.name, "resource_type": node.resource_type.as_str(), "package_name": &*node.package, "unique_id": &*node.unique_id,
            "path": node.relative_path, "original_file_path": node.path, "fqn": node.fqn, "version": node.version, "alias": node.name,
            "database": target.database, "schema": target.schema, "tags": tags(config.get("tags")), "meta": config.get("meta").cloned().unwrap_or_else(|| json!({})),
            "config": shown, "description": "", "language": "sql", "patch_path": Json::Null, "unrendered_config": {}, "columns": {}, "group": config.get("group"),
            "access": config.get("access").cloned().unwrap_or_else(|| "protected".into()),
        });
        let subject = Subject::values(Kind::Names, self.session.root().clone(), &NoDocs);
        let custom = Json::from(custom);
        let (made, found) = jinja::call(&self.session.env, &subject, id, &[custom, model]);
        let name = made.ok().filter(|name| !name.is_null()).map(|name| text_of(&name).trim().into());
        (name, found.reached)
    }

    /// Renders a node's hooks, whose refs are the node's.
    fn hook_calls(&self, draft: &Draft, config: &Map, names: &[Option<Arc<str>>; 3]) -> jinja::Found {
        let mut all = jinja::Found::default();
        if draft.node.resource_type == ResourceType::Test {
            return all;
        }
        for hook in ["pre-hook", "post-hook"].iter().filter_map(|key| config.get(key)).flat_map(|hooks| hooks.as_array().into_iter().flatten()) {
            let Some(text) = hook["sql"].as_str().filter(|text| text.contains("{{") || text.contains("{%")) else { continue };
            let Ok(template) = jinja::lower::parse(text, 0) else { continue };
            let relation = Relation { database: names[0].clone(), schema: names[1].clone(), identifier: names[2].clone(), quoting: Map::new() };
            let model = || {
                json!({"name": draft.node.name, "alias": names[2], "schema": names[1], "database": names[0], "config": config, "unique_id": &*draft.node.unique_id,
                "resource_type": draft.node.resource_type.as_str(), "package_name": &*draft.node.package, "tags": tags(config.get("tags")), "columns": {}, "fqn": draft.node.fqn})
            };
            let subject = Subject::node(draft.node.package.clone(), Some(relation), &model);
            let found = jinja::render(&self.session.env, &subject, &template, &[]).found;
            all.refs.extend(found.refs);
            all.sources.extend(found.sources);
            all.macros.extend(found.macros);
            all.reached.extend(found.reached);
        }
        all
    }

    fn relation_name(&self, draft: &Draft, config: &Map, names: &[Option<Arc<str>>; 3]) -> Option<Arc<str>> {
        let has_one = match draft.node.resource_type {
            ResourceType::Model => config.get("materialized").and_then(Json::as_str) != Some("ephemeral"),
            ResourceType::Seed | ResourceType::Snapshot => true,
            ResourceType::Test => config.get("store_failures").and_then(Json::as_bool).unwrap_or(false),
            _ => false,
        };
        // A node's own `quoting` config counts for nothing here, as in dbt.
        let relation = Relation { database: names[0].clone(), schema: names[1].clone(), identifier: names[2].clone(), quoting: Map::new() };
        has_one.then(|| jinja::render_relation(&self.session.target.adapter, &self.session.env.quoting, &relation).into())
    }
}

/// What a draft's configs come to.
pub(super) struct Finished {
    pub config: Map,
    names: [Option<Arc<str>>; 3],
    relation_name: Option<Arc<str>>,
    found: jinja::Found,
    named_by: BTreeSet<MacroId>,
}

impl Finished {
    pub fn apply(self, draft: &mut Draft) {
        draft.take(self.found);
        draft.named_by.extend(self.named_by);
        draft.enabled = super::nodes::is_enabled(&self.config);
        let node: &mut Node = &mut draft.node;
        for tag in tags(self.config.get("tags")) {
            if !node.tags.contains(&tag) {
                node.tags.push(tag);
            }
        }
        if let Some(meta) = super::object(&self.config, "meta").filter(|meta| !meta.is_empty()) {
            node.meta = meta.clone();
        }
        [node.database, node.schema, node.alias] = self.names;
        node.relation_name = self.relation_name;
        node.config = Config::of(self.config, node.tags.clone());
        if node.resource_type == ResourceType::Model && node.config.access.is_none() {
            node.config.access = Some("protected".into());
        }
    }
}
