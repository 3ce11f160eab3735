//! Sources: a node for each table, with what other packages override, freshness as dbt merges it, and their tests
//! (`SourcePatcher`).

use super::configs::tags;
use super::generic_tests::{Tested, tests_in};
use super::{Builder, Draft, arc, fqn_prefix, list, object, string};
use crate::ResourceType;
use crate::index::{InputFile, Patch, Place, blank};
use crate::parallel::in_parallel;
use crate::properties::{Entry, EntryData, Section};
use data::json;
use data::{Map, Value as Json};
use jinja::Relation;
use rustc_hash::FxHashMap;
use std::sync::{Arc, LazyLock};
use thin_vec::ThinVec;

/// What a package's YAML says over another package's source.
#[derive(Default)]
struct Override {
    source: Map,
    tables: FxHashMap<String, Map>,
}

impl Builder<'_> {
    pub(super) fn sources(&mut self) {
        let overrides = self.overrides();
        let mut tests = Vec::new();
        let mut seen = std::mem::take(&mut self.made.seen_sources);
        let of = |package: usize| self.entries(package).filter(|(_, entry)| entry.section == Section::Sources).map(move |(file, entry)| (package, file, entry));
        let entries: Vec<(usize, &Arc<InputFile>, &Entry)> = (0..self.inputs.len()).flat_map(of).collect();
        let made = in_parallel(&entries, |&(package, file, entry)| {
            let data = self.entry_data(package, entry);
            if data.source.contains_key("overrides") {
                return None;
            }
            let data = self.overridden(package, &data, &overrides);
            let mut tests = Vec::new();
            let draft = self.source(package, file, entry, &data)?;
            self.source_tests(package, file, entry, &data, &mut tests);
            Some((draft, tests))
        });
        for ((package, file, entry), made) in entries.into_iter().zip(made) {
            let Some((mut draft, own_tests)) = made else { continue };
            draft.node.compact(&mut self.made.interner);
            tests.extend(own_tests);
            // Of two entries for one table the later counts.
            if let Some(&first) = seen.get(&draft.node.unique_id) {
                let place = Place { file: file.id, range: entry.name.range };
                let (source, table) = (draft.node.source_name.as_deref().unwrap_or(""), &draft.node.name);
                if package == 0 {
                    let message = format!("source `{source}` has another entry for the table `{table}`; keep one");
                    let says = format!("dbt found two sources with the name \"{source}_{table}\".");
                    self.made.told.push(crate::Diagnostic::new(place, crate::Severity::Error, "duplicate-name", message).as_dbt(says));
                }
                self.made.drafts[first] = draft;
            } else {
                seen.insert(draft.node.unique_id.clone(), self.made.drafts.len());
                self.made.drafts.push(draft);
            }
        }
        self.made.seen_sources = seen;
        let mut seen = std::mem::take(&mut self.made.seen_source_tests);
        self.make_tests(tests, &mut seen);
        self.made.seen_source_tests = seen;
    }

    fn overrides(&self) -> FxHashMap<(String, String), Override> {
        let mut found: FxHashMap<(String, String), Override> = FxHashMap::default();
        for (package, input) in self.overriding.iter().enumerate() {
            let entries = super::properties(input).filter(|(file, _)| !self.partial.contains(&file.id));
            for (_, entry) in entries.filter(|(_, entry)| entry.section == Section::Sources && entry.data.source.contains_key("overrides")) {
                let data = self.entry_data(package, entry);
                let (Some(of), Some(name)) = (string(&data.source, "overrides"), string(&data.source, "name")) else { continue };
                let known = found.entry((of, name)).or_default();
                known.source = data.source.clone();
                if let Some(table) = string(&data.own, "name") {
                    known.tables.insert(table, data.own.clone());
                }
            }
        }
        found
    }

    fn overridden(&self, package: usize, data: &Arc<EntryData>, overrides: &FxHashMap<(String, String), Override>) -> Arc<EntryData> {
        let (Some(source), Some(table)) = (string(&data.source, "name"), string(&data.own, "name")) else { return data.clone() };
        let key = (self.session.packages[package].name.to_string(), source);
        let Some(over) = overrides.get(&key) else { return data.clone() };
        let mut made = (**data).clone();
        lay(&mut made.source, &over.source, &["name", "overrides", "tables", "path"]);
        if let Some(over) = over.tables.get(&table) {
            lay(&mut made.own, over, &["name"]);
        }
        Arc::new(made)
    }

    fn source(&self, package: usize, file: &InputFile, entry: &Entry, data: &EntryData) -> Option<Draft> {
        let (source, table) = (&data.source, &data.own);
        let package_name = self.session.packages[package].name.clone();
        let (source_name, name) = (string(source, "name")?, string(table, "name")?);
        let place = Place { file: file.id, range: entry.name.range };
        let mut node = blank(arc(format!("source.{package_name}.{source_name}.{name}")), ResourceType::Source, package_name.clone(), &name, place, &file.path);
        node.relative_path = file.path.to_string();
        node.fqn = fqn_prefix(&package_name, super::yaml_relative(&file.path, &self.inputs[package].config));
        node.fqn.extend([source_name.as_str().into(), name.as_str().into()]);
        let patch = self.source_config(source, table);
        let mut config = self.session.config(package, ResourceType::Source, &node.fqn, &patch, &Map::new());
        config.entry("freshness").or_insert_with(default_freshness);
        let enabled = super::nodes::is_enabled(&config);
        let target = &self.session.target;
        node.database = string(source, "database").map(Into::into).or_else(|| target.database.clone());
        let schema = string(source, "schema").filter(|schema| !schema.is_empty()).unwrap_or_else(|| source_name.clone());
        node.schema = Some(schema.into());
        let identifier = string(table, "identifier").filter(|identifier| !identifier.is_empty()).unwrap_or_else(|| name.clone());
        let mut quoting = object(source, "quoting").cloned().unwrap_or_default();
        quoting.extend(object(table, "quoting").into_iter().flatten().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.clone(), value.clone())));
        let relation =
            Relation { database: node.database.clone(), schema: node.schema.clone(), identifier: Some(identifier.as_str().into()), quoting: quoting.clone() };
        node.relation_name = Some(self.source_relation(&relation, table, source, &config).into());
        node.tags = tags(config.get("tags")).into();
        node.meta = object(&config, "meta").cloned().unwrap_or_default();
        let mut source_meta = object(source, "meta").cloned().unwrap_or_default();
        source_meta.extend(object(source, "config").and_then(|config| object(config, "meta")).cloned().unwrap_or_default());
        let definition = [
            ("identifier", identifier.into()),
            ("loader", string(source, "loader").unwrap_or_default().into()),
            ("loaded_at_field", config.get("loaded_at_field").cloned().unwrap_or(Json::Null)),
            ("loaded_at_query", config.get("loaded_at_query").cloned().unwrap_or(Json::Null)),
            ("freshness", freshness(config.get("freshness")).unwrap_or(Json::Null)),
            ("quoting", Json::Object(quoting)),
            ("external", table.get("external").cloned().unwrap_or(Json::Null)),
            ("source_meta", Json::Object(source_meta)),
            ("unrendered_database", entry.data.source["database"].clone()),
            ("unrendered_schema", entry.data.source["schema"].clone()),
        ];
        node.definition.extend(definition.into_iter().map(|(key, value)| (key.to_owned(), value)));
        node.columns = self.columns(list(table, "columns"), &entry.columns, file.id, package);
        let described = entry.description.as_ref().filter(|text| string(table, "description").as_deref() == Some(text.value.as_str()));
        (node.description, node.doc_blocks) = match described {
            Some(text) => self.description(Some(text), file.id, &package_name),
            None => self.plain_description(string(table, "description"), place, &package_name),
        };
        node.source_name = Some(source_name);
        let spanned = entry.source_description.as_ref();
        node.source_description = match spanned.filter(|text| string(source, "description").as_deref() == Some(text.value.as_str())) {
            Some(text) => self.description(Some(text), file.id, &package_name).0,
            None => self.plain_description(string(source, "description"), place, &package_name).0,
        }
        .map(Box::new);
        node.patch = Some(Patch { place: Place { file: file.id, range: entry.range }, name: place, path: entry.path.clone() });
        node.source_patch = entry.source.map(|(range, name)| {
            let at = |range| Place { file: file.id, range };
            let path = entry.path.iter().take(2).cloned().collect();
            Box::new(Patch { place: at(range), name: at(name), path })
        });
        node.tests = entry.tests.clone();
        node.details = entry.details.clone();
        for (label, key) in [("database", "database"), ("schema", "schema"), ("loader", "loader")] {
            node.details.extend(string(source, key).map(|value| (label, value)));
        }
        node.details.extend(string(table, "identifier").map(|value| ("identifier", value)));
        node.config = crate::Config::of(config, node.tags.clone());
        Some(Draft { enabled, ..Draft::new(node, package) })
    }

    fn source_relation(&self, relation: &Relation, table: &Map, source: &Map, config: &Map) -> String {
        // DuckDB reads a source from where its meta says.
        let of = |map: &Map| {
            let of = |map: Option<&Map>| map.and_then(|map| string(map, "external_location"));
            of(object(map, "meta")).or_else(|| of(object(map, "config"))).or_else(|| of(object(map, "config").and_then(|config| object(config, "meta"))))
        };
        if self.session.target.adapter.name == "duckdb"
            && let Some(location) = of(table).or_else(|| of(source)).or_else(|| object(config, "meta").and_then(|meta| string(meta, "external_location")))
        {
            let filled = location
                .replace("{schema}", relation.schema.as_deref().unwrap_or(""))
                .replace("{name}", &string(table, "name").unwrap_or_default())
                .replace("{identifier}", relation.identifier.as_deref().unwrap_or(""));
            return if filled.contains('(') { filled } else { format!("'{filled}'") };
        }
        jinja::render_relation(&self.session.target.adapter, &self.session.env.quoting, relation)
    }

    /// What source and table say of the config, the table's over the source's.
    fn source_config(&self, source: &Map, table: &Map) -> Map {
        let none = Map::new();
        let (source_config, table_config) = (object(source, "config").unwrap_or(&none), object(table, "config").unwrap_or(&none));
        let mut config = source_config.clone();
        config.extend(table_config.clone());
        match merged_freshness([source.get("freshness"), source_config.get("freshness"), table.get("freshness"), table_config.get("freshness")]) {
            None => {
                config.insert("freshness", Json::Null);
            }
            Some(threshold) if is_set(&threshold["warn_after"]) || is_set(&threshold["error_after"]) => {
                config.insert("freshness", threshold);
            }
            Some(_) => {
                config.remove("freshness");
            }
        }
        let either = |data: &Map, config: &Map, key: &str| {
            let own = data.get(key).filter(|value| !value.is_null() && value.as_str() != Some(""));
            own.or_else(|| config.get(key).filter(|value| !value.is_null())).cloned()
        };
        // A table that says null has none, whatever the source says.
        let says_field = table.contains_key("loaded_at_field") || table_config.get("loaded_at_field").is_some_and(|value| !value.is_null());
        let field = if says_field { either(table, table_config, "loaded_at_field") } else { either(source, source_config, "loaded_at_field") };
        let query = either(table, table_config, "loaded_at_query").or_else(|| if says_field { None } else { either(source, source_config, "loaded_at_query") });
        config.insert("loaded_at_field", field.unwrap_or(Json::Null));
        config.insert("loaded_at_query", query.unwrap_or(Json::Null));
        let mut meta = Map::new();
        for map in [object(source, "meta"), object(source_config, "meta"), object(table, "meta"), object(table_config, "meta")].into_iter().flatten() {
            meta.extend(map.clone());
        }
        config.insert("meta", Json::Object(meta));
        let mut all: Vec<String> =
            [source.get("tags"), source_config.get("tags"), table.get("tags"), table_config.get("tags")].into_iter().flat_map(tags).collect();
        all.sort();
        all.dedup();
        config.insert("tags", json!(all));
        config
    }

    pub(super) fn plain_description(&self, text: Option<String>, place: Place, package: &Arc<str>) -> (Option<crate::index::Description>, ThinVec<Arc<str>>) {
        let Some(raw) = text else { return (None, ThinVec::new()) };
        let (rendered, blocks) = self.rendered(&raw, package);
        (Some(crate::index::Description { text: rendered, written: Some(raw), place }), blocks)
    }

    fn source_tests(&self, package: usize, file: &InputFile, entry: &Entry, data: &EntryData, all: &mut Vec<Tested>) {
        let (Some(source), Some(table)) = (string(&data.source, "name"), string(&data.own, "name")) else { return };
        let mut own_tags = tags(data.source.get("tags"));
        own_tags.extend(tags(data.own.get("tags")));
        let quotes = |map: &Map| object(map, "quoting").and_then(|quoting| quoting.get("column")).and_then(Json::as_bool);
        let base = Tested {
            package,
            file: arc(&file.path),
            place: Place { file: file.id, range: entry.name.range },
            key: format!("sources.{source}"),
            name: format!("{source}_{table}"),
            version: None,
            source: Some((source, table)),
            tags: own_tags,
            column: None,
            test: Json::Null,
            is_model: false,
        };
        let quotes = quotes(&data.own).or_else(|| quotes(&data.source));
        for column in list(&data.own, "columns").iter().filter_map(Json::as_object) {
            self.column_tests(&base, column, quotes, all);
        }
        all.extend(tests_in(&data.own).iter().map(|test| Tested { test: test.clone(), ..base.clone() }));
    }
}

/// Lays an override over what the package says: its keys but some, and freshness and quoting even where it has none.
fn lay(under: &mut Map, over: &Map, without: &[&str]) {
    for (key, value) in over {
        if !without.contains(&&**key) && !value.is_null() {
            under.insert(key.clone(), value.clone());
        }
    }
    if over.get("freshness").is_none_or(Json::is_null) {
        let value = if over.contains_key("freshness") { Json::Null } else { default_freshness() };
        under.insert("freshness", value);
    }
    if !over.contains_key("config") {
        under.remove("config");
    }
}

fn time(value: Option<&Json>) -> Json {
    match value {
        Some(Json::Null) => Json::Null,
        Some(Json::Object(map)) => ["count", "period"].into_iter().map(|key| (key, map.get(key).cloned().unwrap_or(Json::Null))).collect::<Map>().into(),
        _ => json!({"count": Json::Null, "period": Json::Null}),
    }
}

fn default_freshness() -> Json {
    // Most sources of a project have it.
    static DEFAULT: LazyLock<Json> = LazyLock::new(|| json!({"warn_after": time(None), "error_after": time(None), "filter": Json::Null}));
    DEFAULT.clone()
}

/// A threshold in full; `None` for null.
fn freshness(value: Option<&Json>) -> Option<Json> {
    match value {
        None => Some(default_freshness()),
        Some(Json::Object(map)) => Some(
            json!({"warn_after": time(map.get("warn_after")), "error_after": time(map.get("error_after")), "filter": map.get("filter").cloned().unwrap_or(Json::Null)}),
        ),
        Some(_) => None,
    }
}

fn is_set(time: &Json) -> bool {
    !time["count"].is_null() && !time["period"].is_null()
}

/// `merge_source_freshness`: each threshold over the ones before, a null ends it.
fn merged_freshness(thresholds: [Option<&Json>; 4]) -> Option<Json> {
    let mut thresholds = thresholds.into_iter().map(freshness);
    let mut merged = thresholds.next().flatten();
    for update in thresholds {
        merged = match (merged, update) {
            (Some(base), Some(update)) => {
                let times = |key: &str| match (&base[key], &update[key]) {
                    (_, Json::Null) => Json::Null,
                    (_, update) if is_set(update) => update.clone(),
                    (Json::Null, update) => update.clone(),
                    (base, _) => base.clone(),
                };
                let filter = if update["filter"].is_null() { base["filter"].clone() } else { update["filter"].clone() };
                Some(json!({"warn_after": times("warn_after"), "error_after": times("error_after"), "filter": filter}))
            }
            (None, Some(update)) if is_set(&update["warn_after"]) || is_set(&update["error_after"]) => Some(update),
            _ => None,
        };
    }
    merged
}
