//! What the semantic layer refuses as a whole: names, labels and types across all semantic models, metrics and saved queries
//! (`SemanticManifestValidator` of dbt-semantic-interfaces, which dbt runs where a project has metrics and semantic models).

use crate::ResourceType;
use crate::index::{Diagnostic, Index, InputFile, Node, PackageInput, Place, Severity};
use crate::parse::{list, text_of};
use crate::shape::{GRAINS, bad_semantic_name};
use data::Value as Json;
use rustc_hash::{FxHashMap, FxHashSet};
use text::TextRange;

pub const CODE: &str = "semantic-layer";

const RESERVED: [&str; 26] = [
    "AND", "AS", "CREATE", "DISTINCT", "FOR", "FROM", "FULL", "HAVING", "IN", "INNER", "INTO", "IS", "JOIN", "LEFT", "LIKE", "NATURAL", "NOT", "NULL", "ON",
    "OR", "RIGHT", "SELECT", "UNION", "USING", "WHERE", "WITH",
];

/// The three kinds of elements of a semantic model: the key that lists them, and what one is called.
const ELEMENTS: [(&str, &str); 3] = [("measures", "measure"), ("entities", "entity"), ("dimensions", "dimension")];

/// Judges the whole semantic layer; what is told is of the root project's files.
pub fn judge(index: &Index, packages: &[PackageInput]) -> Vec<Diagnostic> {
    // In the order of the files, so that of two that can't be both it is the later one that is told.
    let of = |kind: ResourceType| {
        let mut nodes: Vec<&Node> = index.nodes.iter().filter(|node| node.resource_type == kind).collect();
        nodes.sort_by(|left, right| (&left.path, left.place.range.start).cmp(&(&right.path, right.place.range.start)));
        nodes
    };
    let models = of(ResourceType::SemanticModel);
    if models.is_empty() {
        return Vec::new();
    }
    let metrics = of(ResourceType::Metric);
    let mut judge = Judge { index, files: packages.first().map_or(&[], |root| &root.files), models, found: Vec::new() };
    judge.time_spine();
    if metrics.is_empty() {
        return judge.found;
    }
    judge.models();
    judge.across_models();
    judge.metrics(&metrics);
    judge.saved_queries(&metrics);
    judge.found
}

struct Judge<'a> {
    index: &'a Index,
    files: &'a [std::sync::Arc<InputFile>],
    models: Vec<&'a Node>,
    found: Vec<Diagnostic>,
}

fn text<'j>(value: &'j Json, key: &str) -> Option<&'j str> {
    value[key].as_str().filter(|text| !text.is_empty())
}

fn elements<'n>(model: &'n Node, key: &str) -> &'n [Json] {
    model.definition.get(key).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

fn name(element: &Json) -> &str {
    element["name"].as_str().unwrap_or_default()
}

fn is(element: &Json, key: &str, value: &str) -> bool {
    element[key].as_str().is_some_and(|text| text.eq_ignore_ascii_case(value))
}

fn time_dimension(model: &Node, wanted: &str) -> bool {
    elements(model, "dimensions").iter().any(|dimension| name(dimension) == wanted && is(dimension, "type", "time"))
}

fn default_time(model: &Node) -> Option<&str> {
    text(model.definition.get("defaults")?, "agg_time_dimension")
}

impl Judge<'_> {
    fn tell(&mut self, node: &Node, range: Option<TextRange>, message: String, says: String) {
        if node.package == self.index.project {
            let place = Place { range: range.unwrap_or(node.place.range), ..node.place };
            self.found.push(Diagnostic::new(place, Severity::Error, CODE, message).as_dbt(says));
        }
    }

    /// Tells it at an element of a semantic model, such as one of its `measures`.
    fn tell_at(&mut self, model: &Node, key: &str, element: &str, message: String, says: String) {
        let range = self.element(model, key, element);
        self.tell(model, range, message, says);
    }

    /// The name of an element as it is written.
    fn element(&self, model: &Node, key: &str, wanted: &str) -> Option<TextRange> {
        let file = self.files.iter().find(|file| file.id == model.place.file)?;
        let root = syntax::yaml::parse(&file.text).root?;
        let named = |item: &&syntax::yaml::Node, name: &str| item.get("name").and_then(|value| value.as_str()) == Some(name);
        let entry = root.get("semantic_models")?.items().iter().find(|item| named(item, &model.name))?;
        let item = entry.get(key)?.items().iter().rfind(|item| named(item, wanted))?;
        Some(item.get("name")?.range)
    }

    fn time_spine(&mut self) {
        let grain = |node: &Node| {
            let column = node.definition.get("time_spine")?.get("standard_granularity_column")?.as_str()?.to_owned();
            let grain = node.columns.get(column.as_str())?.properties.get("granularity")?.as_str()?.to_lowercase();
            GRAINS.iter().position(|known| *known == grain)
        };
        let day = GRAINS.iter().position(|known| *known == "day");
        let is_legacy = |node: &Node| node.name == "metricflow_time_spine" && node.resource_type.is_refable();
        if self
            .index
            .nodes
            .iter()
            .any(|node| is_legacy(node) || (node.resource_type == ResourceType::Model && grain(node).is_some_and(|grain| Some(grain) <= day)))
        {
            return;
        }
        let Some(&model) = self.models.iter().find(|model| model.package == self.index.project) else { return };
        let message = "the semantic layer needs a time spine by the day or finer: give a model of dates `time_spine: {standard_granularity_column: …}` and that column a `granularity`";
        let says = "The semantic layer requires a time spine model with granularity DAY or smaller in the project, but none was found.";
        self.tell(model, None, message.to_owned(), says.to_owned());
    }

    fn bad_names(&mut self, node: &Node) {
        for (message, says) in bad_name(&node.name) {
            self.tell(node, None, message, says);
        }
    }

    /// What is wrong within each semantic model.
    fn models(&mut self) {
        for model in self.models.clone() {
            self.bad_names(model);
            self.names_within(model);
            self.measures(model);
            self.entities(model);
            if let Some(wanted) = default_time(model).filter(|wanted| !time_dimension(model, wanted)) {
                let message = format!("`agg_time_dimension: {wanted}` is no dimension of type time of `{}`; correct the name, or add it", model.name);
                let says = format!(
                    "Default aggregation time dimension was specified as '{wanted}' which doesn't exist as a time dimension in semantic model named '{}'.",
                    model.name
                );
                self.tell(model, None, message, says);
            }
        }
    }

    fn names_within(&mut self, model: &Node) {
        let mut seen: FxHashMap<&str, &str> = FxHashMap::default();
        for (key, kind) in ELEMENTS {
            for element in elements(model, key) {
                let name = name(element);
                if let Some(before) = seen.insert(name, kind) {
                    let message = format!("`{name}` is a {before} here already; give the {kind} another name");
                    let says = format!("In semantic model `{}`, can't use name `{name}` for a {kind} when it was already used for a {before}", model.name);
                    self.tell_at(model, key, name, message, says);
                }
                for (message, says) in bad_name(name) {
                    self.tell_at(model, key, name, message, says);
                }
                if RESERVED.contains(&name.to_uppercase().as_str()) {
                    let message = format!("`{name}` is a keyword of SQL; give the {kind} another name");
                    let article = if kind == "entity" { "an" } else { "a" };
                    self.tell_at(model, key, name, message, format!("'{name}' is an SQL reserved keyword, and thus cannot be used as {article} {kind} 'name'"));
                }
            }
            let mut labels: FxHashMap<&str, usize> = FxHashMap::default();
            for element in elements(model, key) {
                let Some(label) = text(element, "label") else { continue };
                let count = labels.entry(label).or_default();
                *count += 1;
                if *count > 1 {
                    let title = kind[..1].to_uppercase() + &kind[1..];
                    let message = format!("the label `{label}` stands at another {kind} of `{}`, too; give each its own", model.name);
                    let says = format!(
                        "{title} labels must be unique within a semantic model. The label `{label}` was used for {count} {key} on semantic model `{}",
                        model.name
                    );
                    self.tell_at(model, key, name(element), message, says);
                }
            }
        }
    }

    fn measures(&mut self, model: &Node) {
        for measure in elements(model, "measures") {
            let name = name(measure);
            let mut tell = |message: String, says: String| self.tell_at(model, "measures", name, message, says);
            let expr = text(measure, "expr");
            match expr {
                None if is(measure, "agg", "count") => {
                    let message = format!("`{name}` counts, so it needs an `expr`; `expr: 1` counts all rows");
                    tell(
                        message,
                        format!(
                            "Measure '{name}' uses a COUNT aggregation, which requires an expr to be provided. Provide 'expr: 1' if a count of all rows is desired."
                        ),
                    );
                }
                Some(expr) if is(measure, "agg", "count") && expr.to_lowercase().starts_with("distinct ") => {
                    let message = format!("`{name}` counts a DISTINCT expression; write `agg: count_distinct` and take DISTINCT out");
                    tell(
                        message,
                        format!(
                            "Measure '{name}' uses a 'count' aggregation with a DISTINCT expr: '{expr}. This is not supported as it effectively converts an additive measure into a non-additive one, and this could cause certain queries to return incorrect results. Please use the count_distinct aggregation type."
                        ),
                    );
                }
                _ => {}
            }
            if is(measure, "agg", "percentile") {
                match measure["agg_params"]["percentile"].as_f64() {
                    None => {
                        let message = format!("`{name}` is a percentile, so it needs `agg_params: {{percentile: 0.5}}`");
                        tell(message, format!("Measure '{name}' uses a PERCENTILE aggregation, which requires agg_params.percentile to be provided."));
                    }
                    Some(value) if value <= 0.0 || value >= 1.0 => {
                        let message = format!("`percentile: {value}` of `{name}` must be between 0 and 1");
                        tell(
                            message,
                            format!("Percentile aggregation parameter for measure '{name}' is '{value:?}', but must be between 0 and 1 (non-inclusive)."),
                        );
                    }
                    Some(_) => {}
                }
            }
            match text(measure, "agg_time_dimension").or_else(|| default_time(model)) {
                None => {
                    let message =
                        format!("`{name}` needs a time to be added up over: `defaults: {{agg_time_dimension: …}}` at `{}`, or one of its own", model.name);
                    tell(
                        message,
                        format!(
                            "Aggregation time dimension for measure {name} is not set! This should either be set directly on the measure specification in the model, or else defaulted to the primary time dimension in the data source containing the measure."
                        ),
                    );
                }
                Some(wanted) if !time_dimension(model, wanted) => {
                    let message = format!("`{wanted}`, the time of `{name}`, is no dimension of type time of `{}`; correct the name, or add it", model.name);
                    tell(
                        message,
                        format!(
                            "In semantic model '{}', measure '{name}' has the aggregation time dimension set to '{wanted}', which is not a valid time dimension in the semantic model",
                            model.name
                        ),
                    );
                }
                Some(_) => {}
            }
            let additive = &measure["non_additive_dimension"];
            if text(additive, "window_choice").is_some_and(|choice| !["min", "max"].contains(&choice.to_lowercase().as_str())) {
                let choice = text(additive, "window_choice").unwrap_or_default();
                let message = format!("`window_choice` of `{name}` is min or max, not {choice}");
                tell(
                    message,
                    format!(
                        "Measure '{name}' has a non_additive_dimension with an invalid 'window_choice' of '{choice}'. Only choices supported are 'min' or 'max'."
                    ),
                );
            }
            for wanted in additive["window_groupings"].as_array().into_iter().flatten().filter_map(Json::as_str) {
                if !elements(model, "entities").iter().any(|entity| self::name(entity) == wanted) {
                    let message = format!("`{wanted}`, by which `{name}` is grouped, is no entity of `{}`", model.name);
                    tell(
                        message,
                        format!(
                            "Measure '{name}' has a non_additive_dimension with an invalid 'window_groupings'. These entities {{'{wanted}'}} do not exist in the semantic model."
                        ),
                    );
                }
            }
            if let Some(wanted) = text(additive, "name").filter(|wanted| !time_dimension(model, wanted)) {
                let message = format!("`{wanted}`, which `{name}` isn't added up over, is no dimension of type time of `{}`", model.name);
                tell(
                    message,
                    format!(
                        "Measure '{name}' has a non_additive_dimension with name '{wanted}' that is not defined as a dimension in semantic model '{}'.",
                        model.name
                    ),
                );
            }
        }
    }

    fn entities(&mut self, model: &Node) {
        let of = |kind: &str| elements(model, "entities").iter().filter(|entity| is(entity, "type", kind)).map(name).collect::<Vec<_>>();
        let dimensions = elements(model, "dimensions");
        let set = model.definition.get("primary_entity").and_then(Json::as_str);
        let model_name = &model.name;
        match (of("primary").as_slice(), set) {
            ([_, second, ..], _) => {
                let names = of("primary").join(", ");
                let message = format!("a semantic model has one primary entity, `{model_name}` has {}: {names}", of("primary").len());
                let says = format!("Semantic models can have only one primary entity. The semantic model `{model_name}` has {}: {names}", of("primary").len());
                self.tell_at(model, "entities", second, message, says);
            }
            ([one], Some(set)) => {
                let message = format!("`{one}` is the primary entity; take `primary_entity: {set}` out");
                let says = format!(
                    "The semantic model `{model_name}` has an entity named `{one}` with type primary but it also has the `primary_entity` field set to `{set}`. Both should not be present in the model."
                );
                self.tell(model, None, message, says);
            }
            ([], None) if !dimensions.is_empty() => {
                let message = format!("`{model_name}` has dimensions, so it needs an entity of type primary, or `primary_entity:`");
                let says = format!(
                    "The semantic model {model_name} contains dimensions, but it does not define a primary entity. Either add an entity with type PRIMARY or set a value for the primary_entity key."
                );
                self.tell(model, None, message, says);
            }
            _ => {}
        }
        let windows: Vec<&str> = dimensions.iter().filter(|dimension| !dimension["type_params"]["validity_params"].is_null()).map(name).collect();
        let natural = of("natural");
        if natural.len() > 1 {
            let message = format!("a semantic model has at most one natural entity, `{model_name}` has {}", natural.join(", "));
            let says = format!(
                "Semantic models can have at most one natural entity, but semantic model `{model_name}` has {} distinct natural entities set!",
                natural.len()
            );
            self.tell_at(model, "entities", natural[1], message, says);
        }
        if let (Some(natural), true) = (natural.first(), windows.is_empty()) {
            let message = format!("the natural entity `{natural}` needs two time dimensions with validity_params, one is_start, one is_end");
            let says = format!(
                "The use of `natural` entities is currently supported only in conjunction with a validity window defined in the set of time dimensions associated with the semantic model. Semantic model `{model_name}` uses a natural entity ({{'{natural}'}}) but does not define a validity window!"
            );
            self.tell_at(model, "entities", natural, message, says);
        }
        if !windows.is_empty() && windows.len() != 2 {
            let message = format!("validity_params belong to exactly two time dimensions, one is_start, one is_end; `{model_name}` has {}", windows.join(", "));
            let says = format!("Semantic model {model_name} has {} dimensions defined with validity params.", windows.len());
            self.tell_at(model, "dimensions", windows[0], message, says);
        }
    }

    /// What is wrong between semantic models.
    fn across_models(&mut self) {
        let mut measures: FxHashMap<&str, &str> = FxHashMap::default();
        let mut dimensions: FxHashMap<&str, (String, bool)> = FxHashMap::default();
        let mut kinds: FxHashMap<&str, &str> = FxHashMap::default();
        let mut pairs: FxHashMap<(&str, &str), &str> = FxHashMap::default();
        let mut labels: FxHashMap<&str, &str> = FxHashMap::default();
        let mut entity_labels: FxHashMap<&str, (&str, &str)> = FxHashMap::default();
        for model in self.models.clone() {
            if let Some(label) = model.definition.get("label").and_then(Json::as_str)
                && let Some(before) = labels.insert(label, &model.name)
            {
                let message = format!("the label `{label}` is that of the semantic model `{before}`; give each its own");
                let says = format!("Can't use label `{label}` for  semantic model `{}` as it's already used for semantic model `{before}`", model.name);
                self.tell(model, None, message, says);
            }
            for (key, kind) in ELEMENTS {
                for element in elements(model, key) {
                    let name = name(element);
                    match kinds.get(name) {
                        // Within one semantic model it is told otherwise.
                        Some(before)
                            if *before != kind
                                && !ELEMENTS.iter().any(|(other, _)| *other != key && elements(model, other).iter().any(|it| self::name(it) == name)) =>
                        {
                            let message = format!("`{name}` is a {before} of another semantic model; a name is of one kind in all of them");
                            let says = format!("element `{name}` is of type SemanticModelElementType.{}, but it is used as types", kind.to_uppercase());
                            self.tell_at(model, key, name, message, says);
                        }
                        Some(_) => {}
                        None => drop(kinds.insert(name, kind)),
                    }
                }
            }
            for measure in elements(model, "measures") {
                if let Some(before) = measures.insert(name(measure), &model.name).filter(|before| **before != *model.name) {
                    let message = format!("`{}` is a measure of `{before}`, too; a measure's name is unique in the project", name(measure));
                    let says = format!("Found measure with name {} in multiple semantic models with names (['{before}'])", name(measure));
                    self.tell_at(model, "measures", name(measure), message, says);
                }
            }
            let primary = model.definition.get("primary_entity").and_then(Json::as_str);
            let primary = primary.or_else(|| elements(model, "entities").iter().find(|entity| is(entity, "type", "primary")).map(name));
            for dimension in elements(model, "dimensions") {
                let name = name(dimension);
                let kind = dimension["type"].as_str().unwrap_or_default().to_lowercase();
                let is_partition = dimension["is_partition"].as_bool().unwrap_or(false);
                match dimensions.get(name) {
                    None => drop(dimensions.insert(name, (kind, is_partition))),
                    Some((before, _)) if *before != kind => {
                        let message = format!("`{name}` is a dimension of type {before} in another semantic model; it has one type in all of them");
                        let says = format!(
                            "In semantic model `{}`, type conflict for dimension `{name}` - already in model as type `DimensionType.{}` but got `DimensionType.{}`",
                            model.name,
                            before.to_uppercase(),
                            kind.to_uppercase()
                        );
                        self.tell_at(model, "dimensions", name, message, says);
                    }
                    Some((_, before)) if *before != is_partition => {
                        let message = format!("`is_partition` of `{name}` is {before} in another semantic model; it is the same in all of them");
                        let says = format!("In semantic model `{}, conflicting is_partition attribute for dimension", model.name);
                        self.tell_at(model, "dimensions", name, message, says);
                    }
                    Some(_) => {}
                }
                let Some(primary) = primary else { continue };
                if let Some(before) = pairs.insert((primary, name), &model.name).filter(|before| **before != *model.name) {
                    let message = format!("the dimension `{name}` of the primary entity `{primary}` is in `{before}`, too; give one of them another name");
                    let says = format!(
                        "Duplicate dimension + primary entity pairing detected, dimension + primary entity pairings must be unique. Semantic model `{}` has a primary entity of `{primary}` and dimension `{name}`, but this pairing is already in use on semantic model `{before}`.",
                        model.name
                    );
                    self.tell_at(model, "dimensions", name, message, says);
                }
            }
            for entity in elements(model, "entities") {
                let Some(label) = text(entity, "label") else { continue };
                let name = name(entity);
                let (before, whose) = *entity_labels.entry(name).or_insert((label, &model.name));
                if before != label {
                    let message = format!("the entity `{name}` has the label `{before}` in `{whose}`; it has one label, or none");
                    let says = format!(
                        "Entities with the same name must have the same label or the label must be `None`. Entity `{name}` on semantic model `{}` has label `{label}` but the same entity on semantic model `{whose}`",
                        model.name
                    );
                    self.tell_at(model, "entities", name, message, says);
                }
            }
        }
    }

    fn metrics(&mut self, metrics: &[&Node]) {
        let mut labels: FxHashMap<&str, &str> = FxHashMap::default();
        let measures: FxHashSet<&str> = self.models.iter().flat_map(|model| elements(model, "measures")).map(name).collect();
        for metric in metrics {
            if let Some(label) = metric.definition.get("label").and_then(Json::as_str) {
                match labels.get(label) {
                    Some(before) => {
                        let message = format!("the label `{label}` is that of the metric `{before}`; give each its own");
                        let says = format!("Can't use label `{label}` for  metric `{}` as it's already used for metric `{before}`", metric.name);
                        self.tell(metric, None, message, says);
                    }
                    None => drop(labels.insert(label, &metric.name)),
                }
            }
            // A name of other letters is told by the file's shape.
            if GRAINS.contains(&metric.name.as_str()) || metric.name == "metric_time" {
                self.bad_names(metric);
            }
            let none = Json::Null;
            self.filter(metric, metric.definition.get("filter").unwrap_or(&none));
            let params = metric.definition.get("type_params").unwrap_or(&none);
            let inputs = params["metrics"].as_array().map_or(&[][..], Vec::as_slice);
            for input in [&params["measure"], &params["numerator"], &params["denominator"]].into_iter().chain(inputs) {
                self.filter(metric, &input["filter"]);
            }
            for measure in [&params["measure"], &params["conversion_type_params"]["base_measure"], &params["conversion_type_params"]["conversion_measure"]] {
                let Some(alias) = text(measure, "alias") else { continue };
                for (message, says) in bad_name(alias) {
                    self.tell(metric, None, message, says);
                }
                if measures.contains(alias) {
                    let message = format!("the alias `{alias}` is a measure's name; choose another");
                    self.tell(
                        metric,
                        None,
                        message,
                        format!("Alias `{alias}` for measure `{}` conflicts with measure names defined elsewhere in the model!", name(measure)),
                    );
                }
            }
            match metric.definition.get("type").and_then(Json::as_str).unwrap_or_default() {
                "derived" => self.derived(metric, params),
                "cumulative" => self.cumulative(metric, params),
                "conversion" => self.conversion(metric, &params["conversion_type_params"]),
                _ => {}
            }
        }
    }

    fn derived(&mut self, metric: &Node, params: &Json) {
        let inputs = params["metrics"].as_array().map_or(&[][..], Vec::as_slice);
        if inputs.is_empty() {
            let message = format!("the derived metric `{}` needs the metrics that its expr names under `type_params: {{metrics: …}}`", metric.name);
            let says = format!("No input metrics found for derived metric '{}'. Please add metrics to type_params.metrics.", metric.name);
            self.tell(metric, None, message, says);
        }
        let mut used: FxHashSet<&str> = inputs.iter().map(name).collect();
        for input in inputs {
            if let Some(alias) = text(input, "alias") {
                for (message, says) in bad_name(alias) {
                    self.tell(metric, None, message, says);
                }
                if !used.insert(alias) {
                    let message = format!("the alias `{alias}` stands for something else already; choose another");
                    let says = format!("Alias '{alias}' for input metric: '{}' is already being used. Please choose another alias.", name(input));
                    self.tell(metric, None, message, says);
                }
            }
            self.window(metric, &input["offset_window"]);
            if !input["offset_window"].is_null() && !input["offset_to_grain"].is_null() {
                let message = format!("`{}` has offset_window and offset_to_grain; keep one", name(input));
                let says = format!(
                    "Both offset_window and offset_to_grain set for derived metric '{}' on input metric '{}'. Please set one or the other.",
                    metric.name,
                    name(input)
                );
                self.tell(metric, None, message, says);
            }
        }
    }

    fn cumulative(&mut self, metric: &Node, params: &Json) {
        let own = &params["cumulative_type_params"];
        let either = |key: &str| if own[key].is_null() { &params[key] } else { &own[key] };
        self.window(metric, either("window"));
        if !either("window").is_null() && !either("grain_to_date").is_null() {
            let message = format!("the cumulative metric `{}` has window and grain_to_date; keep one", metric.name);
            self.tell(metric, None, message, "Both window and grain_to_date set for cumulative metric. Please set one or the other.".to_owned());
        }
    }

    /// A window's grain is a known one, or one that a time spine defines.
    fn window(&mut self, metric: &Node, window: &Json) {
        let Some(grain) = text(window, "granularity") else { return };
        let single = grain.strip_suffix('s').unwrap_or(grain);
        let custom = |node: &Node| {
            let spine = node.definition.get("time_spine").and_then(|spine| spine.get("custom_granularities")).and_then(Json::as_array);
            spine.is_some_and(|all| all.iter().any(|it| [grain, single].contains(&name(it))))
        };
        if !GRAINS.contains(&single) && !GRAINS.contains(&grain) && !self.index.nodes.iter().any(custom) {
            let message = format!("`{grain}` is no time span; write day, week, month, quarter, year …");
            self.tell(metric, None, message, format!("Invalid time granularity '{grain}' in window: '{} {grain}'", text_of(&window["count"])));
        }
    }

    fn conversion(&mut self, metric: &Node, params: &Json) {
        let model_of =
            |key: &str| self.models.iter().copied().find(|model| elements(model, "measures").iter().any(|measure| name(measure) == name(&params[key])));
        let both = [("base_measure", "base"), ("conversion_measure", "conversion")].map(|(key, which)| (key, which, model_of(key)));
        self.window(metric, &params["window"]);
        for (key, which, model) in both {
            // A measure that isn't there is told as such.
            let Some(model) = model else { continue };
            if let Some(measure) = elements(model, "measures").iter().find(|measure| name(measure) == name(&params[key])) {
                let counts =
                    is(measure, "agg", "count") || is(measure, "agg", "count_distinct") || (is(measure, "agg", "sum") && text(measure, "expr") == Some("1"));
                if !counts {
                    let agg = measure["agg"].as_str().unwrap_or_default();
                    let message = format!("a conversion counts; the measure `{}` must be count, count_distinct or the sum of 1, not {agg}", name(measure));
                    let says = format!(
                        "For conversion metrics, the measure must be COUNT/SUM(1)/COUNT_DISTINCT. Measure: {} is agg type: AggregationType.{}",
                        name(measure),
                        agg.to_uppercase()
                    );
                    self.tell(metric, None, message, says);
                }
            }
            if let Some(entity) = text(params, "entity").filter(|entity| !elements(model, "entities").iter().any(|it| name(it) == *entity)) {
                let message = format!("`{}` has no entity `{entity}`, by which the conversion is followed", model.name);
                self.tell(metric, None, message, format!("Entity: {entity} not found in {which} semantic model: {}.", model.name));
            }
            for property in params["constant_properties"].as_array().into_iter().flatten() {
                let Some(wanted) = text(property, &format!("{which}_property")) else { continue };
                if !["entities", "dimensions"].iter().any(|key| elements(model, key).iter().any(|it| name(it) == wanted)) {
                    let message = format!("`{}` has neither a dimension nor an entity `{wanted}`", model.name);
                    self.tell(metric, None, message, format!("The provided constant property: {wanted}, cannot be found in semantic model {}", model.name));
                }
            }
        }
    }

    /// A filter has to be a template that names dimensions with their entities (`WhereFiltersAreParseable`).
    fn filter(&mut self, node: &Node, filter: &Json) {
        for template in filter["where_filters"].as_array().into_iter().flatten() {
            let text = template["where_sql_template"].as_str().unwrap_or_default();
            if let Err(error) = jinja::lower::parse(text, 0) {
                let message = format!("the filter `{text}` can't be read: {}", error.message);
                self.tell(node, None, message, format!("An error occurred while trying to parse a filter of `{}`: {}", node.name, error.message));
            } else {
                self.without_entity(node, text, 1);
            }
        }
    }

    /// Whether a text names a dimension without its entity. `braces`: 0 for an expression, 1 for a template.
    fn without_entity(&mut self, node: &Node, text: &str, braces: usize) -> bool {
        let template = if braces == 0 { format!("{{{{{text}}}}}") } else { text.to_owned() };
        let bare = |call: &syntax::jinja::Call| {
            let name = call.positional(0)?.value.as_str()?.to_owned();
            let has_path = call.keyword("entity_path").is_some() || call.path.len() > 1;
            (!name.contains("__") && !name.eq_ignore_ascii_case("metric_time") && !has_path).then_some(name)
        };
        let Some(name) = objects(&template).iter().find_map(bare) else { return false };
        let message = format!("the dimension `{name}` needs the entity that leads to it: write Dimension('entity__{name}')");
        self.tell(node, None, message, format!("Name is in an incorrect format: '{name}'."));
        true
    }

    fn saved_queries(&mut self, metrics: &[&Node]) {
        let mut known: FxHashSet<String> = metrics.iter().map(|metric| metric.name.clone()).chain(["metric_time".to_owned()]).collect();
        for key in ["dimensions", "entities"] {
            known.extend(self.models.iter().flat_map(|model| elements(model, key)).map(|element| name(element).to_owned()));
        }
        let queries: Vec<&Node> = self.index.few_of(ResourceType::SavedQuery).map(|(_, node)| node).collect();
        for query in queries {
            self.bad_names(query);
            let Some(params) = query.definition.get("query_params").and_then(Json::as_object) else { continue };
            self.filter(query, params.get("where").unwrap_or(&Json::Null));
            for item in list(params, "group_by") {
                let text = text_of(item);
                if self.without_entity(query, &text, 0) {
                    continue;
                }
                if !object_name(&text).is_some_and(|name| known.contains(name)) {
                    let message = format!(
                        "`{text}` is no dimension or entity to group by; write Dimension('entity__name'), TimeDimension('metric_time') or Entity('name')"
                    );
                    self.tell(query, None, message, format!("`{text}` is not a valid group-by name."));
                }
            }
            for item in list(params, "order_by") {
                let text = text_of(item);
                let of_metrics = list(params, "metrics").iter().map(text_of);
                let of_group_by = list(params, "group_by").iter().filter_map(|item| object_name(item.as_str()?).map(str::to_owned));
                let listed: FxHashSet<String> = of_metrics.chain(of_group_by).collect();
                if let Some(name) = object_name(&text).filter(|name| !listed.contains(*name)) {
                    let message = format!("`{name}` is neither one of the query's metrics nor grouped by; add it, or take it out here");
                    self.tell(query, None, message, format!("{text} does not match any of the listed metrics or group-by items. "));
                } else if object_name(&text).is_none() {
                    let message =
                        format!("`{text}` is nothing to order by; write Metric('name') or Dimension('entity__name'), with .descending(True) where it is meant");
                    self.tell(query, None, message, format!("An error occurred while parsing a field in '{}': {text}", query.name));
                }
            }
            if let Some(limit) = params.get("limit").and_then(Json::as_i64).filter(|limit| *limit < 0) {
                self.tell(query, None, format!("`limit: {limit}` must be 0 or more"), format!("Invalid limit value: {limit} (should be >= 0)"));
            }
        }
    }
}

/// Calls that name what a filter is about.
fn objects(text: &str) -> Vec<syntax::jinja::Call> {
    let calls = syntax::jinja::calls_in(text, 0);
    calls.into_iter().filter(|call| matches!(call.path.first().map(String::as_str), Some("Dimension" | "TimeDimension"))).collect()
}

/// The name in `Dimension('customer__country')`: what stands behind the last entity.
fn object_name(text: &str) -> Option<&str> {
    let (call, rest) = text.trim().split_once('(')?;
    if !["Dimension", "TimeDimension", "Entity", "Metric"].contains(&call.trim()) {
        return None;
    }
    let rest = rest.trim_start();
    let quote = rest.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let (name, _) = rest[1..].split_once(quote)?;
    Some(name.rsplit("__").next().unwrap_or(name))
}

/// What is wrong with a name (`UniqueAndValidNameRule.check_valid_name`), in our words and dbt's.
fn bad_name(name: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    if let Some(says) = bad_semantic_name(name) {
        let message = format!("the name `{name}` needs at least two lower case letters, digits or single underscores, a letter first and no underscore last");
        found.push((message, says));
    }
    if GRAINS.contains(&name.to_lowercase().as_str()) {
        let message = format!("`{name}` is a time span; choose another name");
        found.push((message, format!("Invalid name `{name}` - names cannot match reserved time granularity keywords")));
    }
    if ["metric_time", "mf_internal_uuid"].contains(&name.to_lowercase().as_str()) {
        found.push((format!("`{name}` is kept for MetricFlow; choose another name"), format!("Invalid name `{name}` - this name is reserved by MetricFlow.")));
    }
    found
}
