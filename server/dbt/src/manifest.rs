//! The index as a dbt manifest (schema v12, <https://schemas.getdbt.com/dbt/manifest/v12.json>): keys sorted, nothing in it that
//! changes without a change of the project.

use crate::ResourceType;
use crate::index::{Column, Description, Docs, Index, Macro, Node};
use data::Value;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;
use vfs::FileId;

/// Gives the text of a file.
pub type Texts<'a> = dyn Fn(FileId) -> Option<Arc<str>> + 'a;

impl Index {
    /// The manifest. `texts` gives the files' texts for `raw_code`.
    pub fn manifest(&self, texts: &Texts<'_>) -> Json {
        let mut sections: Map<String, Json> = Map::new();
        for section in ["nodes", "sources", "exposures", "metrics", "semantic_models", "saved_queries", "unit_tests", "groups", "functions"] {
            sections.insert(section.to_owned(), json!({}));
        }
        let mut parents: Map<String, Json> = Map::new();
        let mut children: Map<String, Json> = Map::new();
        let mut group_map: Map<String, Json> = Map::new();
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        order.sort_by(|&left, &right| self.nodes[left].unique_id.cmp(&self.nodes[right].unique_id));
        for &at in &order {
            let node = &self.nodes[at];
            let section = section_of(node.resource_type);
            if let Some(Json::Object(map)) = sections.get_mut(section) {
                map.insert(node.unique_id.to_string(), self.node_json(node, texts));
            }
            if node.resource_type == ResourceType::Group {
                group_map.entry(node.name.clone()).or_insert_with(|| json!([]));
                continue;
            }
            let ids = |list: &[usize]| -> Json {
                let mut ids: Vec<&str> = list.iter().map(|&index| &*self.nodes[index].unique_id).collect();
                ids.sort_unstable();
                json!(ids)
            };
            parents.insert(node.unique_id.to_string(), ids(&node.depends_on));
            children.insert(node.unique_id.to_string(), ids(&self.children[at]));
        }
        for node in order.iter().map(|&at| &self.nodes[at]) {
            if let Some(group) = group_of(node)
                && let Some(Json::Array(list)) = group_map.get_mut(&group)
            {
                list.push(node.unique_id.to_string().into());
            }
        }
        let mut disabled: Map<String, Json> = Map::new();
        for node in self.disabled.iter() {
            // dbt puts docs blocks into the descriptions of what is switched on only.
            let node = &as_written(node);
            let list = disabled.entry(node.unique_id.to_string()).or_insert_with(|| json!([]));
            if let Json::Array(list) = list {
                list.push(self.node_json(node, texts));
            }
        }
        let macros: Map<String, Json> = sorted(self.macros.iter().map(|found| (found.unique_id.to_string(), self.macro_json(found, texts))));
        let docs: Map<String, Json> = sorted(self.docs.iter().map(|docs| (docs.unique_id.to_string(), docs_json(docs))));
        let mut manifest = json!({
            "metadata": {
                "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json",
                "dbt_version": jinja::env::DBT_VERSION,
                "project_name": &*self.project,
                "project_id": jinja::md5(&self.project),
                "adapter_type": self.adapter(),
                "generated_at": "1970-01-01T00:00:00Z",
                "env": {},
            },
            "macros": macros, "docs": docs, "disabled": disabled, "parent_map": parents, "child_map": children, "group_map": group_map, "selectors": self.selectors,
        });
        if let Json::Object(map) = &mut manifest {
            map.extend(sections);
        }
        manifest
    }

    pub(crate) fn node_json(&self, node: &Node, texts: &Texts<'_>) -> Json {
        let mut made = Map::new();
        let base = json!({
            "unique_id": &*node.unique_id, "name": node.name, "resource_type": node.resource_type.as_str(), "package_name": &*node.package, "path": node.relative_path,
            "original_file_path": node.path,
        });
        extend(&mut made, base);
        let mut depends_on: Vec<&str> = node.depends_on.iter().map(|&index| &*self.nodes[index].unique_id).collect();
        depends_on.sort_unstable();
        let macros: Vec<Option<&str>> = node.macros.iter().map(Option::as_deref).collect();
        match node.resource_type {
            ResourceType::Source => self.source(node, &mut made),
            ResourceType::Group => extend(
                &mut made,
                json!({"owner": node.definition.get("owner"), "description": text(&node.description).map_or(Json::Null, Json::from), "config": group_config(node)}),
            ),
            ResourceType::Exposure => extend(
                &mut made,
                json!({"fqn": node.fqn, "type": node.definition.get("type"), "owner": node.definition.get("owner"), "description": text(&node.description).unwrap_or(""),
                    "label": node.definition.get("label"), "maturity": node.definition.get("maturity"), "meta": node.meta, "tags": node.tags, "url": node.definition.get("url"),
                    "config": {"enabled": enabled(node), "tags": node.tags, "meta": node.meta}, "unrendered_config": {}, "depends_on": {"macros": macros, "nodes": depends_on},
                    "refs": refs(node), "sources": sources(node), "metrics": node.metrics, "created_at": 0.0}),
            ),
            ResourceType::Metric => extend(
                &mut made,
                json!({"fqn": node.fqn, "description": text(&node.description).unwrap_or(""), "label": node.definition.get("label"), "type": node.definition.get("type"),
                    "type_params": node.definition.get("type_params"), "filter": node.definition.get("filter"), "metadata": null, "time_granularity": node.definition.get("time_granularity"),
                    "meta": node.meta, "tags": node.tags, "config": with_tags(node, json!({"enabled": enabled(node), "group": node.config.group, "meta": config_meta(node)})), "unrendered_config": {},
                    "sources": [], "depends_on": {"macros": macros, "nodes": depends_on}, "refs": [], "metrics": [], "created_at": 0.0, "group": node.config.group}),
            ),
            ResourceType::SemanticModel => {
                extend(&mut made, Json::from(&node.definition));
                made.entry("node_relation").or_insert(Json::Null);
                extend(
                    &mut made,
                    json!({"fqn": node.fqn, "description": text(&node.description).map_or(Json::Null, Json::from), "metadata": null,
                        "depends_on": {"macros": macros, "nodes": depends_on}, "refs": refs(node), "created_at": 0.0,
                        "config": {"enabled": enabled(node), "group": node.config.group, "meta": node.meta}, "unrendered_config": {}, "group": node.config.group}),
                );
            }
            ResourceType::SavedQuery => extend(
                &mut made,
                json!({"fqn": node.fqn, "query_params": node.definition.get("query_params"), "exports": exports(node), "description": text(&node.description).map_or(Json::Null, Json::from),
                    "label": node.definition.get("label"), "metadata": null, "config": saved_query_config(node), "unrendered_config": {}, "group": node.config.group,
                    "depends_on": {"macros": macros, "nodes": depends_on}, "created_at": 0.0, "refs": [], "tags": node.tags}),
            ),
            ResourceType::UnitTest => {
                extend(&mut made, Json::from(&node.definition));
                extend(
                    &mut made,
                    json!({"fqn": node.fqn, "description": text(&node.description).unwrap_or(""), "depends_on": {"macros": macros, "nodes": depends_on},
                        "config": {"tags": node.tags, "meta": config_meta(node), "enabled": enabled(node), "static_analysis": null}, "checksum": null,
                        "schema": node.depends_on.first().and_then(|&model| self.nodes[model].schema.clone()), "created_at": 0.0,
                        "version": node.version.as_deref().map(version)}),
                );
            }
            _ => self.code_node(node, texts, &mut made, &depends_on, &macros),
        }
        Json::Object(made)
    }

    fn source(&self, node: &Node, made: &mut Map<String, Json>) {
        extend(made, Json::from(&node.definition));
        let get = |key: &str| Json::from(&node.definition[key]);
        let mut config =
            Map::from_iter([("enabled".to_owned(), Json::Bool(true)), ("event_time".to_owned(), Json::Null), ("static_analysis".to_owned(), Json::Null)]);
        extend(&mut config, Json::from(&node.config.values));
        config.insert("freshness".to_owned(), get("freshness"));
        let mut quoting = json!({"database": null, "schema": null, "identifier": null, "column": null});
        if let (Json::Object(all), Json::Object(own)) = (&mut quoting, get("quoting")) {
            all.extend(own);
        }
        extend(
            made,
            json!({"fqn": node.fqn, "database": node.database, "schema": node.schema, "source_name": node.source_name, "source_description": node.source_description.as_ref().map_or("", |description| description.text.as_str()),
                "quoting": quoting, "description": text(&node.description).unwrap_or(""), "columns": columns(node), "meta": node.meta, "tags": node.tags, "config": config,
                "patch_path": null, "unrendered_config": {}, "relation_name": node.relation_name, "created_at": 0.0, "unrendered_database": get("unrendered_database"), "unrendered_schema": get("unrendered_schema"),
                "doc_blocks": ids(&node.doc_blocks)}),
        );
    }

    fn code_node(&self, node: &Node, texts: &Texts<'_>, made: &mut Map<String, Json>, depends_on: &[&str], macros: &[Option<&str>]) {
        let whole = texts(node.place.file).unwrap_or_default();
        let given = node.definition.get("raw_code").and_then(Value::as_str).map(str::to_owned);
        let raw = given.or_else(|| {
            let file = texts(node.place.file)?;
            // A snapshot's block stays as it is.
            let code = node.code_in(&file)?;
            Some(if node.resource_type == ResourceType::Snapshot { code.to_owned() } else { code.trim().to_owned() })
        });
        let test_code = node.test.as_ref().map(|test| {
            let namespace = test.namespace.as_ref().map(|namespace| format!("{namespace}.")).unwrap_or_default();
            format!("{{{{ {namespace}test_{}(**_dbt_generic_test_kwargs) }}}}", test.name)
        });
        let raw = raw.or(test_code).unwrap_or_default();
        let config = config_json(node);
        let is_seed = node.resource_type == ResourceType::Seed;
        let checksum =
            // Of a seed only the head was read.
            if is_seed || node.test.is_some() { json!({"name": "none", "checksum": ""}) } else { json!({"name": "sha256", "checksum": sha256(whole.trim())}) };
        let docs = config.get("docs").cloned().unwrap_or_else(|| json!({"show": true, "node_color": null}));
        let package = &node.package;
        let patch_path = node.patch.as_ref().and_then(|patch| Some(format!("{package}://{}", self.path_of(patch.place.file)?)));
        extend(
            made,
            json!({"fqn": node.fqn, "database": node.database, "schema": node.schema, "alias": node.alias, "checksum": checksum, "config": config, "tags": node.tags,
                "description": text(&node.description).unwrap_or(""), "columns": columns(node), "meta": node.meta, "docs": docs, "patch_path": patch_path, "build_path": null,
                "unrendered_config": {}, "created_at": 0.0, "relation_name": node.relation_name, "raw_code": raw, "doc_blocks": ids(&node.doc_blocks),
                "group": group_of(node)}),
        );
        if let Some(deferred) = &node.deferred {
            extend(
                made,
                json!({"defer_relation": {"database": deferred.database, "schema": deferred.schema, "alias": deferred.alias, "relation_name": deferred.relation,
                    "resource_type": node.resource_type.as_str(), "name": node.name, "description": text(&node.description).unwrap_or(""), "compiled_code": null,
                    "meta": node.meta, "tags": node.tags, "config": null}}),
            );
        }
        if is_seed {
            extend(made, json!({"root_path": null, "depends_on": {"macros": macros}}));
            return;
        }
        let contract = made.get("config").and_then(|config| config.get("contract")).cloned();
        let mut contract = contract.and_then(|contract| if let Json::Object(map) = contract { Some(map) } else { None }).unwrap_or_default();
        contract.entry("enforced").or_insert(Json::Bool(false));
        contract.entry("alias_types").or_insert(Json::Bool(true));
        contract.entry("checksum").or_insert(Json::Null);
        let language = or(node.definition.get("language"), "sql".into());
        extend(
            made,
            json!({"language": language, "refs": refs(node), "sources": sources(node), "metrics": node.metrics, "functions": node.functions, "depends_on": {"macros": macros, "nodes": depends_on},
                "compiled_path": null, "contract": contract}),
        );
        let get = |key: &str| Json::from(&node.definition[key]);
        match node.resource_type {
            ResourceType::Model => extend(
                made,
                json!({"access": node.config.access.as_deref().unwrap_or("protected"), "constraints": constraints(node),
                    "version": get("version"), "latest_version": get("latest_version"), "deprecation_date": moment(get("deprecation_date")), "time_spine": time_spine(node), "primary_key": self.primary_key(node)}),
            ),
            ResourceType::Function => extend(
                made,
                json!({"arguments": or(node.definition.get("arguments"), json!([])), "returns": or(node.definition.get("returns"), json!({"data_type": "INVALID_TYPE", "description": null}))}),
            ),
            ResourceType::Operation => extend(made, json!({"index": get("index")})),
            ResourceType::Test => {
                if let Some(test) = &node.test {
                    extend(
                        made,
                        json!({"test_metadata": {"name": test.name, "kwargs": test.kwargs, "namespace": test.namespace}, "column_name": test.column_name,
                            "file_key_name": test.file_key_name, "attached_node": test.attached_node}),
                    );
                }
            }
            _ => {}
        }
    }
}

/// A node with its descriptions as they are written.
fn as_written(node: &Arc<Node>) -> Arc<Node> {
    let is_written = |description: &Option<Description>| description.as_ref().is_none_or(|description| description.written.is_none());
    if is_written(&node.description) && node.columns.values().all(|column| is_written(&column.description)) {
        return node.clone();
    }
    let mut node = (**node).clone();
    for description in std::iter::once(&mut node.description).chain(node.columns.values_mut().map(|column| &mut column.description)).flatten() {
        if let Some(written) = description.written.take() {
            description.text = written;
        }
    }
    Arc::new(node)
}

fn section_of(kind: ResourceType) -> &'static str {
    match kind {
        ResourceType::Source => "sources",
        ResourceType::Exposure => "exposures",
        ResourceType::Metric => "metrics",
        ResourceType::SemanticModel => "semantic_models",
        ResourceType::SavedQuery => "saved_queries",
        ResourceType::UnitTest => "unit_tests",
        ResourceType::Group => "groups",
        ResourceType::Function => "functions",
        _ => "nodes",
    }
}

fn extend(map: &mut Map<String, Json>, more: Json) {
    if let Json::Object(more) = more {
        map.extend(more);
    }
}

fn or(value: Option<&Value>, default: Json) -> Json {
    value.map_or(default, Json::from)
}

fn sorted(entries: impl Iterator<Item = (String, Json)>) -> Map<String, Json> {
    let mut entries: Vec<(String, Json)> = entries.collect();
    entries.sort_by(|left, right| left.0.cmp(&right.0));
    entries.into_iter().collect()
}

fn text(description: &Option<Description>) -> Option<&str> {
    description.as_ref().map(|description| description.text.as_str())
}

fn ids(list: &[Arc<str>]) -> Vec<&str> {
    list.iter().map(|id| &**id).collect()
}

pub(crate) fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn version(text: &str) -> Json {
    text.parse::<i64>().map(Json::from).or_else(|_| text.parse::<f64>().map(Json::from)).unwrap_or_else(|_| text.into())
}

fn enabled(node: &Node) -> bool {
    node.config.enabled != Some(false)
}

/// A date as the moment that it begins, in UTC.
fn moment(date: Json) -> Json {
    let is_date =
        |text: &str| text.len() == 10 && text.bytes().enumerate().all(|(at, sign)| if at == 4 || at == 7 { sign == b'-' } else { sign.is_ascii_digit() });
    match date.as_str().filter(|text| is_date(text)) {
        Some(text) => format!("{text}T00:00:00+00:00").into(),
        None => date,
    }
}

fn group_config(node: &Node) -> Json {
    let mut config = json!({"meta": {}});
    overlay(&mut config, Json::from(&node.config.values));
    config
}

fn config_meta(node: &Node) -> Json {
    or(node.config.values.get("meta"), json!({}))
}

fn group_of(node: &Node) -> Option<String> {
    match node.definition.get("group") {
        // A generic test is of its node's group, whatever its own config says.
        None if node.test.is_some() => None,
        Some(Value::String(group)) => Some(group.to_string()),
        _ => node.config.group.as_deref().map(str::to_owned),
    }
}

/// A model's own constraints, with dbt's defaults.
fn constraints(node: &Node) -> Vec<Json> {
    let own = node.definition.get("constraints").and_then(Value::as_array).into_iter().flatten();
    own.map(|data| {
        let mut made = constraint(data);
        overlay(&mut made, json!({"columns": or(data.get("columns"), json!([]))}));
        made
    })
    .collect()
}

fn refs(node: &Node) -> Vec<Json> {
    node.refs.iter().map(|called| json!({"name": called.name, "package": called.package, "version": called.version})).collect()
}

fn sources(node: &Node) -> Vec<Json> {
    node.sources.iter().map(|called| json!([called.source, called.table])).collect()
}

fn time_spine(node: &Node) -> Json {
    match node.definition.get("time_spine") {
        Some(Value::Object(spine)) => {
            json!({"standard_granularity_column": spine.get("standard_granularity_column"), "custom_granularities": or(spine.get("custom_granularities"), json!([]))})
        }
        _ => Json::Null,
    }
}

fn exports(node: &Node) -> Json {
    let mut exports = or(node.definition.get("exports"), json!([]));
    for export in exports.as_array_mut().into_iter().flatten().filter_map(Json::as_object_mut) {
        export.remove("package");
    }
    exports
}

fn saved_query_config(node: &Node) -> Json {
    let get = |key: &str| node.config.values.get(key);
    let config = json!({"enabled": enabled(node), "group": node.config.group, "meta": config_meta(node), "export_as": get("export_as"), "schema": get("schema"),
        "cache": or(get("cache"), json!({"enabled": false}))});
    with_tags(node, config)
}

/// A config that has no place for tags keeps them where somebody gave it some.
fn with_tags(node: &Node, mut config: Json) -> Json {
    if let (Json::Object(config), Some(tags)) = (&mut config, node.config.values.get("tags")) {
        config.insert("tags".to_owned(), tags.into());
    }
    config
}

fn columns(node: &Node) -> Json {
    // What only a seed's header or the warehouse names is ours.
    let known = node.columns.values().filter(|column| column.entry.is_some() || !column.properties.is_empty());
    Json::Object(known.map(|column| (column.name.to_string(), column_json(column))).collect())
}

fn column_json(column: &Column) -> Json {
    let properties = &column.properties;
    let config = properties.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut meta = properties.get("meta").and_then(Value::as_object).cloned().unwrap_or_default();
    meta.extend(config.get("meta").and_then(Value::as_object).cloned().unwrap_or_default());
    let tags: Vec<String> = [properties.get("tags"), config.get("tags")].into_iter().flat_map(crate::parse::tags_of).collect();
    let constraints: Vec<Json> = properties.get("constraints").and_then(Value::as_array).into_iter().flatten().map(constraint).collect();
    let mut made = Map::new();
    const KNOWN: [&str; 12] =
        ["name", "description", "tests", "data_tests", "meta", "data_type", "constraints", "quote", "config", "tags", "granularity", "docs"];
    made.extend(properties.iter().filter(|(key, _)| !KNOWN.contains(&&***key)).map(|(key, value)| (key.to_string(), value.into())));
    extend(
        &mut made,
        json!({"name": column.name, "description": text(&column.description).unwrap_or(""), "meta": meta, "data_type": column.data_type, "constraints": constraints,
            "quote": properties["quote"], "config": {"meta": meta, "tags": tags}, "tags": tags,
            "granularity": properties["granularity"], "doc_blocks": ids(&column.doc_blocks)}),
    );
    Json::Object(made)
}

fn constraint(data: &Value) -> Json {
    let mut made = json!({"type": null, "name": null, "expression": null, "warn_unenforced": true, "warn_unsupported": true, "to": null, "to_columns": []});
    if let (Json::Object(made), Value::Object(own)) = (&mut made, data) {
        made.extend(own.iter().filter(|(key, _)| &***key != "columns").map(|(key, value)| (key.to_string(), value.into())));
    }
    made
}

fn config_json(node: &Node) -> Json {
    with_defaults(node.resource_type, &node.config.values)
}

/// A config with dbt's defaults for its type.
pub(crate) fn with_defaults(kind: ResourceType, values: &data::Map) -> Json {
    let mut config = json!({"enabled": true, "alias": null, "schema": null, "database": null, "tags": [], "meta": {}, "group": null, "static_analysis": null});
    if kind == ResourceType::Test {
        overlay(
            &mut config,
            json!({"schema": "dbt_test__audit", "materialized": "test", "severity": "ERROR", "store_failures": null, "store_failures_as": null, "where": null, "limit": null,
                "fail_calc": "count(*)", "warn_if": "!= 0", "error_if": "!= 0"}),
        );
    } else {
        overlay(
            &mut config,
            json!({"materialized": "view", "incremental_strategy": null, "batch_size": null, "lookback": 1, "begin": null, "persist_docs": {}, "post-hook": [], "pre-hook": [],
                "quoting": {}, "column_types": {}, "full_refresh": null, "unique_key": null, "on_schema_change": "ignore", "on_configuration_change": "apply", "grants": {},
                "packages": [], "docs": {"show": true, "node_color": null}, "contract": {"enforced": false, "alias_types": true}, "event_time": null, "concurrent_batches": null}),
        );
    }
    match kind {
        ResourceType::Model => overlay(&mut config, json!({"access": "protected", "freshness": null})),
        ResourceType::Function => {
            overlay(&mut config, json!({"materialized": "function", "type": "scalar", "volatility": null, "runtime_version": null, "entry_point": null}));
        }
        ResourceType::Seed => overlay(&mut config, json!({"delimiter": ",", "quote_columns": null})),
        ResourceType::Snapshot => overlay(
            &mut config,
            json!({"strategy": null, "target_schema": null, "target_database": null, "updated_at": null, "check_cols": null, "dbt_valid_to_current": null,
                "snapshot_meta_column_names": {"dbt_valid_to": null, "dbt_valid_from": null, "dbt_scd_id": null, "dbt_updated_at": null, "dbt_is_deleted": null}}),
        ),
        _ => {}
    }
    for (key, value) in values {
        let value = Json::from(value);
        match config.get_mut(&**key) {
            Some(defaults @ Json::Object(_)) if matches!(&**key, "docs" | "contract" | "snapshot_meta_column_names") && value.is_object() => {
                overlay(defaults, value)
            }
            _ => overlay(&mut config, json!({&**key: value})),
        }
    }
    if let Some(Json::Object(after)) = config.get_mut("freshness").and_then(|freshness| freshness.get_mut("build_after")) {
        after.entry("updates_on").or_insert_with(|| "any".into());
    }
    let store = (config["store_failures"].as_bool(), config["store_failures_as"].as_str().map(str::to_owned));
    if kind == ResourceType::Test {
        match store {
            (Some(true), None) => overlay(&mut config, json!({"store_failures_as": "table"})),
            (Some(false), None) => overlay(&mut config, json!({"store_failures_as": "ephemeral"})),
            (_, Some(how)) => overlay(&mut config, json!({"store_failures": how != "ephemeral"})),
            (None, None) => {}
        }
    }
    config
}

fn overlay(config: &mut Json, over: Json) {
    if let (Json::Object(config), Json::Object(over)) = (config, over) {
        config.extend(over);
    }
}

impl Index {
    fn macro_json(&self, found: &Macro, texts: &Texts<'_>) -> Json {
        // A tag that trims takes the blanks before it along.
        let blanks = found.text.starts_with("{%-").then(|| texts(found.place.file)).flatten().and_then(|file| {
            let before = file.get(..found.range.start as usize)?;
            Some(before[before.trim_end().len()..].to_owned())
        });
        let sql = format!("{}{}", blanks.unwrap_or_default(), found.text);
        let mut docs = json!({"show": true, "node_color": null});
        overlay(&mut docs, Json::from(&found.docs));
        let patch_path = found.patch.as_ref().and_then(|patch| Some(format!("{}://{}", found.package, self.path_of(patch.place.file)?)));
        let arguments: Vec<Json> = found
            .arguments
            .iter()
            .map(|argument| json!({"name": argument.name, "type": argument.data_type, "description": text(&argument.description).unwrap_or("")}))
            .collect();
        json!({"unique_id": &*found.unique_id, "name": found.name, "resource_type": "macro", "package_name": &*found.package, "path": found.path, "original_file_path": found.path,
        "macro_sql": sql, "depends_on": {"macros": ids(&found.depends_on)}, "description": text(&found.description).unwrap_or(""), "meta": found.meta,
        "docs": docs, "patch_path": patch_path, "arguments": arguments, "created_at": 0.0, "supported_languages": found.supported_languages,
        "config": {"meta": found.meta, "docs": docs}})
    }

    /// The columns that identify a model's rows: a constraint says so, or tests do (`ModelNode.infer_primary_key`).
    fn primary_key(&self, node: &Node) -> Vec<String> {
        let is_primary = |constraint: &&Value| constraint["type"] == "primary_key";
        let own = node.definition.get("constraints").and_then(Value::as_array).into_iter().flatten().find(is_primary);
        if let Some(columns) = own.and_then(|constraint| constraint["columns"].as_array()) {
            return columns.iter().map(crate::parse::text_of).collect();
        }
        let of_column = |column: &&Column| column.properties.get("constraints").and_then(Value::as_array).into_iter().flatten().any(|one| is_primary(&one));
        if let Some(column) = node.columns.values().find(of_column) {
            return vec![column.name.to_string()];
        }
        let Some(at) = self.node(&node.unique_id) else { return Vec::new() };
        let attached = self.children[at]
            .iter()
            .map(|&child| &self.nodes[child])
            .filter(|test| test.test.as_ref().is_some_and(|data| data.attached_node.as_deref() == Some(&*node.unique_id)));
        // Tests that a config switches off depend on nothing, and count here all the same.
        let key = format!("models.{}", node.name);
        let off = self.disabled.iter().map(|test| &**test).filter(|test| test.test.as_ref().is_some_and(|data| data.file_key_name == key));
        let tests = attached.chain(off.filter(|test| test.package == node.package));
        let (mut unique, mut unique_off, mut not_null) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for test in tests {
            let Some(data) = &test.test else { continue };
            let kwarg = |key: &str| data.kwargs.get(key);
            let columns: Vec<String> = match (kwarg("column_name"), kwarg("combination_of_columns").and_then(Value::as_array)) {
                (Some(column), _) => vec![crate::parse::text_of(column)],
                (None, Some(columns)) => columns.iter().map(crate::parse::text_of).collect(),
                _ => continue,
            };
            match data.name.as_str() {
                "unique" | "unique_combination_of_columns" if enabled(test) => unique.extend(columns),
                "unique" | "unique_combination_of_columns" => unique_off.extend(columns),
                "not_null" => not_null.extend(columns),
                _ => {}
            }
        }
        let all: BTreeSet<String> = unique.union(&unique_off).cloned().collect();
        let sure: Vec<String> = all.intersection(&not_null).cloned().collect();
        match (sure.is_empty(), unique.is_empty()) {
            (false, _) => sure,
            (true, false) => unique.into_iter().collect(),
            (true, true) => unique_off.into_iter().collect(),
        }
    }
}

fn docs_json(docs: &Docs) -> Json {
    let path = docs.path.split_once('/').map_or(&*docs.path, |(_, rest)| rest);
    json!({"unique_id": &*docs.unique_id, "name": docs.name, "resource_type": "doc", "package_name": &*docs.package, "path": path, "original_file_path": docs.path, "block_contents": docs.text})
}
