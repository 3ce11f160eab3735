//! The final config of a node, and the database, schema and alias that the `generate_…_name` macros make of it.

use super::configs::{default_materialized, hooks, tags};
use super::{Builder, Draft, text_of};
use crate::index::{Diagnostic, Node, Severity};
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
        let mut drafts = std::mem::take(&mut self.made.drafts);
        for drafts in drafts.chunks_mut(AT_ONCE) {
            let finished = in_parallel(drafts, |draft| is_unfinished(draft).then(|| self.finished(draft)));
            for (draft, finished) in drafts.iter_mut().zip(finished).filter_map(|(draft, finished)| Some((draft, finished?))) {
                finished.apply(draft);
                draft.node.compact(&mut self.made.interner);
                self.made.told.extend(self.failure_of(draft));
            }
        }
        self.made.drafts = drafts;
    }

    /// What can't be rendered for a node of the root project, at its `config()` where it has one.
    pub(super) fn failure_of(&self, draft: &Draft) -> Option<Diagnostic> {
        let (whose, message) = draft.failure.as_ref().filter(|_| draft.package == 0)?;
        let mut place = draft.node.place;
        if place.range.is_empty() {
            let file = self.inputs.first()?.files.iter().find(|file| file.id == place.file)?;
            place.range = file.facts.config_call().map_or(place.range, |call| call.name_range);
        }
        // dbt has another name for a macro in Jinja.
        let says = format!("Compilation Error{whose}\n  {}", message.replace("macro '", "macro 'dbt_macro__"));
        Some(Diagnostic::new(place, Severity::Error, "jinja-evaluation", message.clone()).as_dbt(says))
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
        // Of what a `null` takes away the names know nothing; the node's config keeps what the folders say
        // (`update_parsed_node_config`).
        let customs = COMPONENTS.map(|component| config.get(component).filter(|value| !value.is_null()).map(text_of));
        if config.values().any(Json::is_null) {
            let folders = self.session.config(draft.package, kind, &draft.node.fqn, &Map::new(), &Map::new());
            // Keys that take no `null` keep it, so that it is told.
            for (key, value) in config.iter_mut().filter(|(key, value)| value.is_null() && !super::diagnose::is_never_null(key)) {
                *value = folders.get(key).cloned().unwrap_or_default();
            }
        }
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
        let mut failure = None;
        let mut names = self.names(draft, &config, customs, &mut named_by, &mut failure);
        if kind == ResourceType::Snapshot {
            for (key, slot) in [("target_database", 0), ("target_schema", 1)] {
                if let Some(value) = config.get(key).filter(|value| !value.is_null()) {
                    names[slot] = Some(text_of(value).into());
                }
            }
        }
        let found = self.hook_calls(draft, &config, &names, &mut failure);
        let relation_name = self.relation_name(draft, &config, &names);
        Finished { config, names, relation_name, found, named_by, failure }
    }

    /// Database, schema and alias.
    fn names(
        &self,
        draft: &Draft,
        config: &Map,
        customs: [Option<String>; 3],
        named_by: &mut BTreeSet<MacroId>,
        failure: &mut Failed,
    ) -> [Option<Arc<str>>; 3] {
        let library = &self.session.env.library;
        let mut customs = customs.into_iter();
        COMPONENTS.map(|component| {
            let custom = customs.next().flatten();
            let package = &self.session.packages[draft.package].name;
            let imported = (draft.package != 0).then_some(&**package);
            let own = imported.and_then(|package| library.generate_name_macro(component, Some(package)));
            let id = own.or_else(|| library.generate_name_macro(component, None));
            let custom = match (component, draft.node.resource_type) {
                ("schema", ResourceType::Test) => custom.or_else(|| Some("dbt_test__audit".to_owned())),
                _ => custom,
            };
            match id {
                Some(id) if !self.is_builtin(id) || self.session.is_dispatched(component) => {
                    let (name, reached) = self.generated(draft, config, id, custom);
                    named_by.extend(reached);
                    name.unwrap_or_else(|message| {
                        failure.get_or_insert((format!(" in macro generate_{component}_name"), message));
                        None
                    })
                }
                _ => self.default_name(component, draft, custom),
            }
        })
    }

    fn is_builtin(&self, id: MacroId) -> bool {
        let package = &self.session.env.library.get(id).package;
        self.session.target.adapter.has_package(package)
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
    fn generated(&self, draft: &Draft, config: &Map, id: MacroId, custom: Option<String>) -> (Result<Option<Arc<str>>, String>, BTreeSet<MacroId>) {
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
        let name = made.map(|name| (!name.is_null()).then(|| text_of(&name).trim().into()));
        (name.map_err(|failure| one_line(&failure.message)), found.reached)
    }

    /// Renders a node's hooks, whose refs are the node's.
    fn hook_calls(&self, draft: &Draft, config: &Map, names: &[Option<Arc<str>>; 3], failure: &mut Failed) -> jinja::Found {
        let whose = || format!(" in {} {} ({})", draft.node.resource_type, draft.node.name, draft.node.path);
        let mut all = jinja::Found::default();
        if draft.node.resource_type == ResourceType::Test {
            return all;
        }
        for hook in ["pre-hook", "post-hook"].iter().filter_map(|key| config.get(key)).flat_map(|hooks| hooks.as_array().into_iter().flatten()) {
            let Some(text) = hook["sql"].as_str().filter(|text| text.contains("{{") || text.contains("{%")) else { continue };
            let template = match jinja::lower::parse(text, 0) {
                Ok(template) => template,
                Err(error) => {
                    failure.get_or_insert((whose(), format!("in a hook: {}", error.message)));
                    continue;
                }
            };
            let relation = Relation { database: names[0].clone(), schema: names[1].clone(), identifier: names[2].clone(), quoting: Map::new() };
            let model = || {
                json!({"name": draft.node.name, "alias": names[2], "schema": names[1], "database": names[0], "config": config, "unique_id": &*draft.node.unique_id,
                "resource_type": draft.node.resource_type.as_str(), "package_name": &*draft.node.package, "tags": tags(config.get("tags")), "columns": {}, "fqn": draft.node.fqn})
            };
            let subject = Subject::node(draft.node.package.clone(), Some(relation), &model);
            let jinja::Rendered { found, failure: failed, .. } = jinja::render(&self.session.env, &subject, &template, &[]);
            if let Some(failed) = failed {
                failure.get_or_insert((whose(), one_line(&failed.message)));
            }
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

/// Whether a draft waits for all properties; what stands in YAML alone is finished when it is made.
fn is_unfinished(draft: &Draft) -> bool {
    use ResourceType::{Analysis, Function, Model, Operation, Seed, Snapshot, Test};
    matches!(draft.node.resource_type, Analysis | Function | Model | Operation | Seed | Snapshot | Test) && draft.node.test.is_none()
}

/// What a draft's configs come to.
pub(super) struct Finished {
    pub config: Map,
    names: [Option<Arc<str>>; 3],
    relation_name: Option<Arc<str>>,
    found: jinja::Found,
    named_by: BTreeSet<MacroId>,
    failure: Failed,
}

/// Where something failed, and how.
type Failed = Option<(String, String)>;

/// Macros write messages over several lines.
pub(super) fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Finished {
    pub fn apply(self, draft: &mut Draft) {
        draft.take(self.found);
        draft.named_by.extend(self.named_by);
        draft.failure = draft.failure.take().or(self.failure);
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
