//! Nodes that live in YAML alone, beside sources: exposures, metrics, semantic models, saved queries, groups.

use super::configs::tags;
use super::{Builder, Draft, arc, fqn_prefix, list, object, string, text_of};
use crate::ResourceType;
use crate::index::{InputFile, Node, Patch, Place, blank};
use crate::properties::{Entry, Section};
use crate::shape::GRAINS;
use data::json;
use data::{Map, Value as Json};
use jinja::{Kind, NoDocs, Subject};

impl Builder<'_> {
    pub(super) fn yaml_nodes(&mut self) {
        for package in 0..self.inputs.len() {
            for (file, entry) in self.entries(package) {
                match entry.section {
                    Section::Exposures => self.exposure(package, file, entry),
                    Section::Metrics => {
                        let data = self.entry_data(package, entry).own.clone();
                        self.metric(package, file, entry, data);
                    }
                    Section::SemanticModels => self.semantic_model(package, file, entry),
                    Section::SavedQueries => self.saved_query(package, file, entry),
                    Section::Groups => self.group(package, file, entry),
                    Section::UnitTests => self.unit_test(package, file, entry),
                    _ => {}
                }
            }
        }
    }

    /// A node of a YAML entry, with what all of them share.
    pub(super) fn yaml_node(&self, kind: ResourceType, package: usize, file: &InputFile, entry: &Entry, name: &str) -> Box<Node> {
        let package_name = self.session.packages[package].name.clone();
        let place = Place { file: file.id, range: entry.name.range };
        let mut node = blank(arc(format!("{kind}.{package_name}.{name}")), kind, package_name.clone(), name, place, &file.path);
        let relative = super::yaml_relative(&file.path, &self.inputs[package].config);
        node.relative_path = relative.to_owned();
        node.fqn = fqn_prefix(&package_name, relative);
        node.fqn.push(name.into());
        node.patch = Some(Patch { place: Place { file: file.id, range: entry.range }, name: place, path: entry.path.clone() });
        node.details = entry.details.clone();
        (node.description, node.doc_blocks) = self.description(entry.description.as_ref(), file.id, &package_name);
        node
    }

    /// Merges the config and makes a draft of the node.
    pub(super) fn configured(&self, package: usize, mut node: Box<Node>, patch: &Map) -> Draft {
        let config = self.session.config(package, node.resource_type, &node.fqn, patch, &Map::new());
        let enabled = super::nodes::is_enabled(&config);
        node.config = crate::Config::of(config, Vec::new());
        Draft { enabled, ..Draft::new(node, package) }
    }

    /// Evaluates texts that name nodes, such as `ref('x')`.
    fn references(&self, package: usize, texts: &[String]) -> jinja::Found {
        let subject = Subject::values(Kind::References, self.session.packages[package].name.clone(), &NoDocs);
        let joined: Vec<String> = texts.iter().map(|text| format!("{{{{ {text} }}}}")).collect();
        match jinja::lower::parse(&joined.join("\n"), 0) {
            Ok(template) => jinja::render(&self.session.env, &subject, &template, &[]).found,
            Err(_) => jinja::Found::default(),
        }
    }

    fn exposure(&mut self, package: usize, file: &InputFile, entry: &Entry) {
        let data = self.entry_data(package, entry);
        let data = &data.own;
        let node = self.yaml_node(ResourceType::Exposure, package, file, entry, &entry.name.value);
        let patch = object(data, "config").cloned().unwrap_or_default();
        let mut draft = self.configured(package, node, &patch);
        let document = &self.session.packages[package].document["exposures"];
        let mut all: Vec<String> = tags(document.get("tags"));
        all.extend(tags(data.get("tags")));
        all.extend(tags(draft.node.config.values.get("tags")));
        all.sort();
        all.dedup();
        let mut meta = document.get("meta").and_then(Json::as_object).cloned().unwrap_or_default();
        meta.extend(object(data, "meta").cloned().unwrap_or_default());
        meta.extend(object(&draft.node.config.values, "meta").cloned().unwrap_or_default());
        draft.node.tags = all.into();
        draft.node.meta = meta;
        for key in ["type", "url", "label", "maturity"] {
            draft.node.definition.insert(key.to_owned(), data.get(key).cloned().unwrap_or(Json::Null));
        }
        let mut owner = Map::from_iter([("email".to_owned(), Json::Null), ("name".to_owned(), Json::Null)]);
        owner.extend(object(data, "owner").cloned().unwrap_or_default());
        draft.node.definition.insert("owner", Json::Object(owner));
        let names: Vec<String> = list(data, "depends_on").iter().map(text_of).collect();
        let found = self.references(package, &names);
        draft.take(found);
        self.made.drafts.push(draft);
    }

    fn group(&mut self, package: usize, file: &InputFile, entry: &Entry) {
        let data = self.entry_data(package, entry);
        let mut node = self.yaml_node(ResourceType::Group, package, file, entry, &entry.name.value);
        let mut owner = Map::from_iter([("email".to_owned(), Json::Null), ("name".to_owned(), Json::Null)]);
        owner.extend(object(&data.own, "owner").cloned().unwrap_or_default());
        node.definition.insert("owner", Json::Object(owner));
        let patch = object(&data.own, "config").cloned().unwrap_or_default();
        // A group can't be switched off, whatever its config says.
        let draft = Draft { enabled: true, ..self.configured(package, node, &patch) };
        self.made.drafts.push(draft);
    }

    pub(super) fn metric(&mut self, package: usize, file: &InputFile, entry: &Entry, data: Map) {
        let Some(name) = string(&data, "name") else { return };
        let mut node = self.yaml_node(ResourceType::Metric, package, file, entry, &name);
        if entry.section != Section::Metrics {
            node.description = string(&data, "description").map(|text| crate::index::Description { text, written: None, place: node.place });
        }
        let patch = object(&data, "config").cloned().unwrap_or_default();
        let mut draft = self.configured(package, node, &patch);
        let node = &mut draft.node;
        let meta = object(&node.config.values, "meta").filter(|meta| !meta.is_empty()).or_else(|| object(&data, "meta")).cloned();
        node.meta = meta.unwrap_or_default();
        node.tags = tags(data.get("tags")).into();
        let kind = string(&data, "type").unwrap_or_default().to_lowercase();
        let none = Map::new();
        let params = object(&data, "type_params").unwrap_or(&none);
        let definition = [
            ("label", data.get("label").cloned().unwrap_or(Json::Null)),
            ("type", Json::from(&kind)),
            ("type_params", type_params(params, &kind)),
            ("filter", filter(data.get("filter"))),
            ("time_granularity", data.get("time_granularity").cloned().unwrap_or(Json::Null)),
        ];
        node.definition.extend(definition.into_iter().map(|(key, value)| (key.to_owned(), value)));
        self.made.drafts.push(draft);
    }

    fn semantic_model(&mut self, package: usize, file: &InputFile, entry: &Entry) {
        let data = self.entry_data(package, entry);
        let data = &data.own;
        let node = self.yaml_node(ResourceType::SemanticModel, package, file, entry, &entry.name.value);
        let patch = object(data, "config").cloned().unwrap_or_default();
        let mut draft = self.configured(package, node, &patch);
        let config = draft.node.config.values.clone();
        let config_meta = object(&config, "meta").cloned().unwrap_or_default();
        let described = |element: &Map| match string(element, "description") {
            Some(text) => self.rendered(&text, &draft.node.package).0.into(),
            None => Json::Null,
        };
        let element_config = |element: &Map| {
            let mut meta = config_meta.clone();
            meta.extend(object(element, "config").and_then(|config| object(config, "meta")).cloned().unwrap_or_default());
            json!({"meta": meta})
        };
        let or_null = |element: &Map, key: &str| element.get(key).cloned().unwrap_or(Json::Null);
        let elements = |key: &str| list(data, key).iter().filter_map(Json::as_object).collect::<Vec<_>>();
        let entities: Vec<Json> = elements("entities")
            .iter()
            .map(|it| {
                json!({"name": or_null(it, "name"), "type": lower(it.get("type")), "description": described(it), "label": or_null(it, "label"), "role": or_null(it, "role"),
                    "expr": or_null(it, "expr"), "config": element_config(it)})
            })
            .collect();
        let dimensions: Vec<Json> = elements("dimensions")
            .iter()
            .map(|it| {
                let params = object(it, "type_params").map_or(Json::Null, |params| {
                    let validity = object(params, "validity_params").map_or(Json::Null, |validity| {
                        json!({"is_start": validity.get("is_start").cloned().unwrap_or(Json::Bool(false)), "is_end": validity.get("is_end").cloned().unwrap_or(Json::Bool(false))})
                    });
                    json!({"time_granularity": lower(params.get("time_granularity")), "validity_params": validity})
                });
                json!({"name": or_null(it, "name"), "type": lower(it.get("type")), "description": described(it), "label": or_null(it, "label"),
                    "is_partition": it.get("is_partition").cloned().unwrap_or(Json::Bool(false)), "type_params": params, "expr": or_null(it, "expr"), "metadata": Json::Null,
                    "config": element_config(it)})
            })
            .collect();
        let measures: Vec<Json> = elements("measures")
            .iter()
            .map(|it| {
                let agg_params = object(it, "agg_params").map_or(Json::Null, |params| {
                    json!({"percentile": params.get("percentile").map_or(Json::Null, as_float), "use_discrete_percentile": params.get("use_discrete_percentile").cloned().unwrap_or(Json::Bool(false)),
                        "use_approximate_percentile": params.get("use_approximate_percentile").cloned().unwrap_or(Json::Bool(false))})
                });
                let non_additive = object(it, "non_additive_dimension").map_or(Json::Null, |dimension| {
                    json!({"name": or_null(dimension, "name"), "window_choice": lower(dimension.get("window_choice")),
                        "window_groupings": dimension.get("window_groupings").cloned().unwrap_or_else(|| json!([]))})
                });
                let expr = it.get("expr").filter(|expr| !expr.is_null()).map_or(Json::Null, |expr| text_of(expr).into());
                json!({"name": or_null(it, "name"), "agg": lower(it.get("agg")), "description": described(it), "label": or_null(it, "label"), "create_metric": false,
                    "expr": expr, "agg_params": agg_params, "non_additive_dimension": non_additive, "agg_time_dimension": or_null(it, "agg_time_dimension"),
                    "config": element_config(it)})
            })
            .collect();
        let made: Vec<Map> = elements("measures").into_iter().filter(|it| it.get("create_metric").and_then(Json::as_bool) == Some(true)).cloned().collect();
        draft.node.inputs = elements("measures").iter().filter_map(|it| string(it, "name")).collect();
        let model = string(data, "model").unwrap_or_default();
        let defaults = object(data, "defaults").map_or(Json::Null, |defaults| json!({"agg_time_dimension": or_null(defaults, "agg_time_dimension")}));
        let definition = [
            ("model", Json::from(&model)),
            ("label", or_null(data, "label")),
            ("defaults", defaults),
            ("entities", entities.into()),
            ("measures", measures.into()),
            ("dimensions", dimensions.into()),
            ("primary_entity", or_null(data, "primary_entity")),
        ];
        draft.node.definition.extend(definition.into_iter().map(|(key, value)| (key.to_owned(), value)));
        draft.node.meta = config_meta.clone();
        let found = self.references(package, &[model]);
        draft.take(found);
        let enabled = draft.enabled;
        self.made.drafts.push(draft);
        for measure in made {
            self.created_metric(package, file, entry, &measure, enabled, &config_meta);
        }
    }

    /// A metric that a measure asks for with `create_metric`.
    fn created_metric(&mut self, package: usize, file: &InputFile, entry: &Entry, measure: &Map, enabled: bool, meta: &Map) {
        let Some(name) = string(measure, "name") else { return };
        let label = string(measure, "label").unwrap_or_else(|| name.clone());
        let description = string(measure, "description").filter(|text| !text.is_empty()).unwrap_or_else(|| format!("Metric created from measure {name}"));
        let expr = measure.get("expr").filter(|expr| !expr.is_null()).map_or_else(|| name.clone(), text_of);
        let data = json!({"name": name, "label": label, "type": "simple", "description": description, "type_params": {"measure": name, "expr": expr},
            "config": {"enabled": enabled, "meta": meta}});
        if let Json::Object(data) = data {
            self.metric(package, file, entry, data);
        }
    }

    fn saved_query(&mut self, package: usize, file: &InputFile, entry: &Entry) {
        let data = self.entry_data(package, entry);
        let data = &data.own;
        let node = self.yaml_node(ResourceType::SavedQuery, package, file, entry, &entry.name.value);
        let patch = object(data, "config").cloned().unwrap_or_default();
        let mut draft = self.configured(package, node, &patch);
        let none = Map::new();
        let params = object(data, "query_params").unwrap_or(&none);
        let or = |map: &Map, key: &str, default: Json| map.get(key).filter(|value| !value.is_null()).cloned().unwrap_or(default);
        let query = json!({"metrics": or(params, "metrics", json!([])), "group_by": or(params, "group_by", json!([])), "where": filter(params.get("where")),
            "order_by": or(params, "order_by", json!([])), "limit": or(params, "limit", Json::Null)});
        draft.node.inputs = list(params, "metrics").iter().map(text_of).collect();
        let config = draft.node.config.values.clone();
        let exports: Vec<Json> = list(data, "exports").iter().filter_map(Json::as_object).map(|export| self.export(&draft, export, &config)).collect();
        let mut all = tags(data.get("tags"));
        all.extend(tags(config.get("tags")));
        all.sort();
        all.dedup();
        draft.node.tags = all.into();
        draft.node.meta = object(&config, "meta").cloned().unwrap_or_default();
        for (key, value) in [("label", or(data, "label", Json::Null)), ("query_params", query), ("exports", exports.into())] {
            draft.node.definition.insert(key.to_owned(), value);
        }
        self.made.drafts.push(draft);
    }

    fn export(&self, draft: &Draft, export: &Map, config: &Map) -> Json {
        let own = object(export, "config").cloned().unwrap_or_default();
        let name = string(export, "name").unwrap_or_default();
        let either = |key: &str| own.get(key).or_else(|| config.get(key)).filter(|value| !value.is_null()).cloned();
        let schema = either("schema").map_or_else(|| format!("{}", self.session.target.schema), |schema| text_of(&schema));
        let database = either("database").map(|database| text_of(&database)).or_else(|| self.session.target.database.as_deref().map(str::to_owned));
        json!({"name": name, "config": {"export_as": either("export_as"), "schema_name": schema, "alias": either("alias").map_or(name.clone(), |alias| text_of(&alias)),
            "database": database}, "unrendered_config": own, "package": &*draft.node.package})
    }
}

/// A word of a fixed set, which dbt takes in any case and keeps in small letters.
fn lower(word: Option<&Json>) -> Json {
    match word {
        Some(Json::String(text)) => text.to_lowercase().into(),
        other => other.cloned().unwrap_or_default(),
    }
}

fn as_float(value: &Json) -> Json {
    value.as_f64().map_or(Json::Null, |value| json!(value))
}

/// `filter`/`where` as dbt keeps it.
fn filter(value: Option<&Json>) -> Json {
    let texts: Vec<String> = match value {
        None | Some(Json::Null) => return Json::Null,
        Some(Json::Array(items)) => items.iter().map(text_of).collect(),
        Some(one) => vec![text_of(one)],
    };
    json!({"where_filters": texts.into_iter().map(|text| json!({"where_sql_template": text})).collect::<Vec<_>>()})
}

fn window(value: Option<&Json>) -> Json {
    let Some(text) = value.filter(|value| !value.is_null()).map(text_of) else { return Json::Null };
    let text = text.to_lowercase();
    let Some((count, grain)) = text.split_once(' ') else { return Json::Null };
    let single = grain.strip_suffix('s').filter(|single| GRAINS.contains(single)).unwrap_or(grain);
    json!({"count": count.parse::<i64>().unwrap_or(0), "granularity": single})
}

pub(super) fn input_measure(value: Option<&Json>) -> Json {
    match value {
        None | Some(Json::Null) => Json::Null,
        Some(Json::Object(map)) => json!({"name": map.get("name"), "filter": filter(map.get("filter")), "alias": map.get("alias"),
            "join_to_timespine": map.get("join_to_timespine").cloned().unwrap_or(Json::Bool(false)), "fill_nulls_with": map.get("fill_nulls_with")}),
        Some(name) => json!({"name": text_of(name), "filter": Json::Null, "alias": Json::Null, "join_to_timespine": false, "fill_nulls_with": Json::Null}),
    }
}

fn input_metric(value: Option<&Json>) -> Json {
    match value {
        None | Some(Json::Null) => Json::Null,
        Some(Json::Object(map)) => json!({"name": map.get("name"), "filter": filter(map.get("filter")), "alias": map.get("alias"),
            "offset_window": window(map.get("offset_window")), "offset_to_grain": map.get("offset_to_grain")}),
        Some(name) => json!({"name": text_of(name), "filter": Json::Null, "alias": Json::Null, "offset_window": Json::Null, "offset_to_grain": Json::Null}),
    }
}

fn type_params(params: &Map, kind: &str) -> Json {
    let get = |key: &str| params.get(key).filter(|value| !value.is_null());
    let conversion = get("conversion_type_params").and_then(Json::as_object).map_or(Json::Null, |it| {
        let properties = it.get("constant_properties").filter(|value| !value.is_null()).map_or(Json::Null, |list| {
            let each = list.as_array().into_iter().flatten();
            each.map(|it| json!({"base_property": it["base_property"], "conversion_property": it["conversion_property"]})).collect()
        });
        json!({"base_measure": input_measure(it.get("base_measure")), "conversion_measure": input_measure(it.get("conversion_measure")), "entity": it.get("entity"),
            "calculation": it.get("calculation").map_or_else(|| "conversion_rate".into(), |word| lower(Some(word))), "window": window(it.get("window")), "constant_properties": properties})
    });
    let cumulative = if kind == "cumulative" {
        let none = Map::new();
        let own = get("cumulative_type_params").and_then(Json::as_object).unwrap_or(&none);
        let either = |key: &str| own.get(key).filter(|value| !value.is_null()).or_else(|| get(key));
        json!({"window": window(either("window")), "grain_to_date": either("grain_to_date"), "period_agg": own.get("period_agg").map_or_else(|| "first".into(), |word| lower(Some(word))),
            "metric": Json::Null})
    } else {
        Json::Null
    };
    let metrics: Vec<Json> = get("metrics").and_then(Json::as_array).into_iter().flatten().map(|metric| input_metric(Some(metric))).collect();
    json!({"measure": input_measure(get("measure")), "input_measures": [], "numerator": input_metric(get("numerator")), "denominator": input_metric(get("denominator")),
        "expr": get("expr").map(text_of), "window": window(get("window")), "grain_to_date": get("grain_to_date"), "metrics": metrics, "conversion_type_params": conversion,
        "cumulative_type_params": cumulative, "metric_aggregation_params": Json::Null})
}
