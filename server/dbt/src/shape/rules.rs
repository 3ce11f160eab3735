//! What dbt asks beyond the shape of single values.

use super::{At, Checker, first_line, is_jinja, shown, table};
use syntax::yaml::{Kind, Node};
use text::TextRange;

/// Keys that may stand at the top of an entry or in its `config`, and not in both (`ParserRef.normalize_attribute`).
const EITHER: [&str; 5] = ["meta", "docs", "group", "contract", "access"];

pub fn entry(checker: &mut Checker, item: &Node) {
    match checker.section {
        "models" | "seeds" | "snapshots" => {
            both_tests(checker, item);
            twice(checker, item);
            versions(checker, item);
        }
        "sources" => {
            for (number, table) in item.get("tables").map(Node::items).unwrap_or_default().iter().enumerate() {
                checker.path.extend([At::Key("tables"), At::Index(number)]);
                both_tests(checker, table);
                loaded_at(checker, table, "table");
                checker.path.truncate(checker.path.len() - 2);
            }
            loaded_at(checker, item, "source");
        }
        "exposures" => {
            owner(checker, item, "Exposure");
            let name = item.get("name").filter(|name| !is_jinja(name));
            if let Some((name, text)) =
                name.and_then(|name| Some((name, name.as_str()?))).filter(|(_, text)| !text.chars().all(|sign| sign.is_alphanumeric() || "_-".contains(sign)))
            {
                let message = format!("an exposure's name has letters, digits and underscores; write what people read into `label: {text}`");
                let says = format!(
                    "Starting in v1.3, the 'name' of an exposure should contain only letters, numbers, and underscores. Exposures support a new property, 'label', which may contain spaces, capital letters, and special characters. {text} does not follow this pattern."
                );
                checker.warn(name.range, "deprecated", &message, says);
            }
            for asked in item.get("depends_on").map(Node::items).unwrap_or_default() {
                let Some(text) = asked.as_str() else { continue };
                if !["ref", "source", "metric"].iter().any(|call| text.trim_start().trim_start_matches(['{', ' ', '-']).starts_with(&format!("{call}("))) {
                    let message = format!("`{text}` names nothing here, so the exposure doesn't depend on it; write ref('{text}'), or source(…) or metric(…)");
                    checker.warn(asked.range, "invalid-properties", &message, String::new());
                }
            }
        }
        "groups" => owner(checker, item, "Group"),
        "unit_tests" => unit_test(checker, item),
        "metrics" => metric(checker, item),
        "semantic_models" => semantic_model(checker, item),
        _ => {}
    }
}

fn both_tests(checker: &mut Checker, item: &Node) {
    let columns = item.get("columns").map(Node::items).unwrap_or_default();
    for holder in std::iter::once(item).chain(columns) {
        if let (Some(_), Some((key, _))) = (holder.get("data_tests"), holder.get_entry("tests")) {
            let message = "`tests` and `data_tests` are two names of one list; bring them together under `data_tests`";
            checker.refuse(key.range, message, "Invalid test config: cannot have both 'tests' and 'data_tests' defined");
        }
    }
}

fn twice(checker: &mut Checker, item: &Node) {
    let Some(config) = item.get("config") else { return };
    for name in EITHER {
        if let (Some(_), Some((key, _))) = (config.get(name), item.get_entry(name)) {
            let message = format!("`{name}` stands here and in `config`; keep the one in `config`");
            let says = format!(
                "In {{file}}: found {name} dictionary in 'config' dictionary and as top-level key. Remove the top-level key and define it under 'config' dictionary only."
            );
            checker.fail(key.range, "invalid-properties", &message, says);
        }
    }
}

fn versions(checker: &mut Checker, item: &Node) {
    let versions = item.get("versions").map(Node::items).unwrap_or_default();
    let name = item.get_str("name").unwrap_or_default();
    let mut seen: Vec<String> = Vec::new();
    for version in versions {
        let Some(number) = version.get("v") else { continue };
        let shown = shown(number);
        if seen.contains(&shown) {
            let message = format!("version {shown} stands twice; give this one another number, or take it out");
            let says = format!("Found duplicate version: '{}' in versions list of model '{name}'", number.as_str().unwrap_or_default());
            checker.fail(number.range, "invalid-properties", &message, says);
        }
        seen.push(shown);
        let picks = version.get("columns").map(Node::items).unwrap_or_default();
        let second = picks.iter().filter(|column| column.get("include").is_some() || column.get("exclude").is_some()).nth(1);
        if let Some(second) = second {
            let message = "a version has one element with `include` and `exclude`; bring them together";
            checker.fail(first_line(second), "invalid-properties", message, "version can have at most one include/exclude element".to_owned());
        }
    }
    let latest = item.get("latest_version").filter(|latest| !latest.is_null() && !is_jinja(latest));
    if let Some(latest) = latest.filter(|latest| !seen.iter().any(|version| version.trim_matches('\'') == shown(latest).trim_matches('\''))) {
        let written = latest.as_str().unwrap_or_default();
        let message = format!("`{name}` has no version {written}; its versions are {}", if seen.is_empty() { "none".to_owned() } else { seen.join(", ") });
        let says = format!("latest_version: {written} is not one of model '{name}' versions: [{}]", seen.join(", "));
        checker.fail(latest.range, "invalid-properties", &message, says);
    }
}

fn loaded_at(checker: &mut Checker, item: &Node, level: &str) {
    if let Some(field) = item.get("loaded_at_field") {
        if item.get("loaded_at_query").is_some() {
            let message = "`loaded_at_field` and `loaded_at_query` are two ways to say one thing; keep one";
            checker.fail(field.range, "invalid-properties", message, format!("Cannot specify both loaded_at_field and loaded_at_query at {level} level."));
        }
        if field.as_str() == Some("") {
            checker.refuse(
                field.range,
                "`loaded_at_field` is empty; name the column that tells when a row was loaded",
                "loaded_at_field cannot be an empty string.",
            );
        }
    }
}

fn owner(checker: &mut Checker, item: &Node, what: &str) {
    let Some((key, owner)) = item.get_entry("owner").filter(|(_, owner)| matches!(owner.kind, Kind::Map { .. })) else { return };
    if owner.get("name").is_none() && owner.get("email").is_none() {
        checker.refuse(key.range, "the owner needs a `name` or an `email`", &format!("{what} owner must have at least one of 'name' or 'email'."));
    }
}

fn unit_test(checker: &mut Checker, item: &Node) {
    let name = item.get_str("name").unwrap_or_default();
    let given = item.get("given").map(Node::items).unwrap_or_default().iter().map(|given| ("given", given));
    for (what, rows) in given.chain(item.get("expect").map(|expect| ("expected", expect))) {
        let format = rows.get_str("format").unwrap_or("dict");
        let Some((key, value)) = rows.get_entry("rows").filter(|(_, value)| !value.is_null()) else { continue };
        let fits = match format {
            "dict" => matches!(value.kind, Kind::Seq { .. }),
            _ => matches!(value.kind, Kind::Scalar { .. }),
        };
        if !fits {
            let (is, says) = if format == "dict" { ("a list of mappings", "Expected list.") } else { ("a text", "Expected string.") };
            let message = format!("rows of the format `{format}` are {is}; correct them, or the format");
            let says = format!("Unit test {name} has {what} rows or fixtures which do not match format {format}.  {says}");
            checker.fail(key.range, "invalid-properties", &message, says);
        }
    }
    let Some(versions) = item.get("versions") else { return };
    if let (Some(include), Some(_)) = (versions.get("include"), versions.get("exclude")) {
        let says = "Unit tests can not both include and exclude versions.".to_owned();
        checker.fail(first_line(include), "invalid-properties", "a unit test includes or excludes versions, not both", says);
    }
}

fn metric(checker: &mut Checker, item: &Node) {
    let Some((_, name)) = item.get_entry("name") else { return };
    let text = name.as_str().unwrap_or_default();
    if !is_jinja(name) && !text.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_') {
        let message = "a metric's name has letters, digits and underscores only; put what people read into `label`";
        let says = format!("The metric name '{text}' is invalid.  It cannot contain spaces, must contain only letters, numbers and underscores");
        checker.fail(name.range, "invalid-properties", message, says);
    }
    if let Some(says) = bad_semantic_name(text).filter(|_| !is_jinja(name) && text.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_')) {
        let message = "a metric's name has at least two lower case letters, digits or underscores, begins with a letter, doesn't end with an underscore and has no two of them";
        checker.fail(name.range, "invalid-properties", message, says);
    }
    one_of(checker, item, "type", &METRIC_TYPES, "MetricType");
}

fn semantic_model(checker: &mut Checker, item: &Node) {
    if let Some(model) = item.get("model").filter(|model| model.as_str().is_some_and(|text| !text.contains("ref("))) {
        let text = model.as_str().unwrap_or_default();
        let message = format!("write ref('{text}'), so that dbt finds the model");
        checker.fail(model.range, "invalid-properties", &message, "list index out of range".to_owned());
    }
    for entity in item.get("entities").map(Node::items).unwrap_or_default() {
        one_of(checker, entity, "type", &["foreign", "natural", "primary", "unique"], "EntityType");
    }
    for dimension in item.get("dimensions").map(Node::items).unwrap_or_default() {
        one_of(checker, dimension, "type", &["categorical", "time"], "DimensionType");
        if let Some(params) = dimension.get("type_params") {
            one_of(checker, params, "time_granularity", &GRAINS, "TimeGranularity");
        }
    }
    for measure in item.get("measures").map(Node::items).unwrap_or_default() {
        one_of(checker, measure, "agg", &AGGREGATIONS, "AggregationType");
        if let Some(dimension) = measure.get("non_additive_dimension") {
            one_of(checker, dimension, "window_choice", &AGGREGATIONS, "AggregationType");
        }
    }
}

/// What dbt says of a name that the semantic layer doesn't take (`UniqueAndValidNameRule.NAME_REGEX`).
pub fn bad_semantic_name(name: &str) -> Option<String> {
    let lower = |sign: char| sign.is_ascii_lowercase();
    let fits = name.len() > 1
        && name.starts_with(lower)
        && name.chars().all(|sign| lower(sign) || sign.is_ascii_digit() || sign == '_')
        && !name.ends_with('_')
        && !name.contains("__");
    (!fits).then(|| {
        format!(
            "Invalid name `{name}` - names may only contain lower case letters, numbers, and underscores. Additionally, names must start with a lower case letter, cannot end with an underscore, cannot contain dunders (double underscores, or __), and must be at least 2 characters long."
        )
    })
}

/// Time spans of the semantic layer (`TimeGranularity`), the shortest first.
pub const GRAINS: [&str; 11] = ["nanosecond", "microsecond", "millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year"];

/// What a metric can be (`MetricType`).
pub const METRIC_TYPES: [&str; 5] = ["simple", "ratio", "cumulative", "derived", "conversion"];

/// What a measure makes of its rows (`AggregationType`).
pub const AGGREGATIONS: [&str; 9] = ["sum", "min", "max", "count_distinct", "sum_boolean", "average", "percentile", "median", "count"];

fn one_of(checker: &mut Checker, item: &Node, key: &str, known: &[&str], name: &str) {
    let Some(value) = item.get(key).filter(|value| !is_jinja(value)) else { return };
    let text = value.as_str().unwrap_or_default();
    if !known.iter().any(|word| word.eq_ignore_ascii_case(text)) {
        checker.fail(
            value.range,
            "invalid-properties",
            &format!("`{key}` must be one of {}", known.join(", ")),
            format!("Invalid enum value: `{text}` in enum {name}"),
        );
    }
}

/// How nodes are selected (`MethodName`).
const METHODS: [&str; 21] = [
    "fqn",
    "tag",
    "group",
    "access",
    "source",
    "path",
    "file",
    "package",
    "config",
    "test_name",
    "test_type",
    "resource_type",
    "state",
    "exposure",
    "metric",
    "result",
    "source_status",
    "wildcard",
    "version",
    "semantic_model",
    "saved_query",
];

/// `selectors.yml` (`SelectorConfig`, `graph/cli.py`).
pub fn selectors(checker: &mut Checker, root: &Node) {
    let mut known: Vec<&str> = Vec::new();
    for item in root.get("selectors").map(Node::items).unwrap_or_default() {
        for key in ["name", "definition"] {
            if item.get(key).is_none() {
                let says = format!("Could not parse selector file data:\n'{key}' is a required property");
                checker.fail(first_line(item), "invalid-selector", &format!("a selector needs `{key}`"), says);
            }
        }
        if let Some(definition) = item.get("definition") {
            let is_joined = definition.get("union").is_some() || definition.get("intersection").is_some();
            if matches!(definition.kind, Kind::Seq { .. }) {
                let says = "Could not parse selector file data:\n[…] is not valid under any of the given schemas".to_owned();
                checker.fail(first_line(definition), "invalid-selector", "a definition is a text or a mapping; put a list below `union:`", says);
            } else if is_joined && definition.entries().len() > 1 {
                let found = keys(definition);
                let message = format!("`union` or `intersection` stands alone at the top of a definition; here are `{}`", found.join("`, `"));
                let says = format!("Only a single 'union' or 'intersection' key is allowed in a root level selector definition; found {}.", found.join(","));
                invalid_selector(checker, first_line(definition), &message, &says);
            } else {
                selection(checker, definition, &known);
            }
        }
        known.extend(item.get_str("name"));
    }
}

fn keys(node: &Node) -> Vec<&str> {
    node.entries().iter().filter_map(|(key, _)| key.as_str()).collect()
}

fn invalid_selector(checker: &mut Checker, range: TextRange, message: &str, says: &str) {
    checker.fail(range, "invalid-selector", message, format!("Could not read selector file data: Runtime Error\n  {says}"));
}

/// One selection: a text, a set operation, one key, or `method` and `value`. `known` are the selectors above.
fn selection(checker: &mut Checker, node: &Node, known: &[&str]) {
    let list = |checker: &mut Checker, key: &str| {
        let Some(value) = node.get(key) else { return };
        if matches!(value.kind, Kind::Seq { .. }) {
            value.items().iter().for_each(|item| selection(checker, item, known));
        } else {
            invalid_selector(checker, first_line(value), &format!("`{key}` takes a list"), &format!("Invalid value for key \"{key}\". Expected a list."));
        }
    };
    let entries = node.entries();
    if entries.is_empty() || entries.iter().any(|(key, _)| key.as_str().is_none_or(|key| key == "<<" || key.contains("{{"))) {
        return;
    }
    let joined = ["union", "intersection"].into_iter().find(|key| node.get(key).is_some());
    match (joined, entries, node.get_entry("method"), node.get("value")) {
        (Some(key), ..) => list(checker, key),
        // What is taken away, as an item of a set operation.
        (None, ..) if entries.len() == 1 && node.get("exclude").is_some() => list(checker, "exclude"),
        (None, [(key, _)], ..) => method(checker, key),
        (None, _, Some((_, name)), Some(value)) if name.as_str() == Some("selector") => {
            if let Some(wanted) = value.as_str().filter(|wanted| !known.contains(wanted) && !is_jinja(value)) {
                let message = format!("no selector above is called `{wanted}`; selectors know only those that stand before them");
                invalid_selector(checker, value.range, &message, &format!("Existing selector definition for {wanted} not found."));
            }
        }
        (None, _, Some((_, name)), Some(_)) => {
            method(checker, name);
            list(checker, "exclude");
        }
        _ => {
            let found = keys(node);
            let message = format!("a selection has one key, or `method` and `value`; here are `{}`", found.join("`, `"));
            let listed = found.iter().map(|key| format!("'{key}'")).collect::<Vec<_>>().join(", ");
            invalid_selector(checker, first_line(node), &message, &format!("Expected either 1 key or else \"method\" and \"value\" keys, but got [{listed}]"));
        }
    }
}

fn method(checker: &mut Checker, node: &Node) {
    let text = node.as_str().unwrap_or_default();
    let name = text.split('.').next().unwrap_or_default();
    if !is_jinja(node) && name != "unit_test" && name != "selector" && !METHODS.contains(&name) {
        let message = format!("no method is called `{text}`; the methods are {}", METHODS.join(", "));
        invalid_selector(checker, node.range, &message, &format!("'{text}' is not a valid method name"));
    }
}

/// Old names of folders in dbt_project.yml.
const RENAMED: [(&str, &str); 2] = [("source-paths", "model-paths"), ("data-paths", "seed-paths")];

pub fn project(checker: &mut Checker, root: &Node) {
    for (key, value) in root.entries() {
        let Some(name) = key.as_str().filter(|name| *name != "<<") else { continue };
        let Some(field) = table::PROJECT.iter().find(|field| field.key == name.replace('_', "-") || field.key == name) else {
            let near = table::PROJECT.iter().map(|field| (strsim::damerau_levenshtein(field.key, name), field.key)).min();
            let hint = near.filter(|(distance, _)| *distance <= 2).map(|(_, known)| format!("; did you mean `{known}`?")).unwrap_or_default();
            let message = format!("dbt_project.yml has no key `{name}`{hint}");
            checker.refuse(key.range, &message, &format!("Additional properties are not allowed ('{name}' was unexpected)"));
            continue;
        };
        // dbt takes out what has no value before it looks.
        if !value.is_null() {
            checker.path.push(At::Key(field.key));
            checker.value(key, value, &field.shape);
            checker.path.pop();
        }
    }
    for dispatch in root.get("dispatch").map(Node::items).unwrap_or_default() {
        let is_whole = dispatch.get("macro_namespace").is_some() && dispatch.get("search_order").is_some_and(|order| matches!(order.kind, Kind::Seq { .. }));
        if !is_whole {
            let message = "an entry of `dispatch` has `macro_namespace:` and a list `search_order:`";
            checker.refuse(first_line(dispatch), message, &format!("Invalid project dispatch config: {}", shown(dispatch)));
        }
    }
    if let (Some((key, _)), Some(_)) = (root.get_entry("tests"), root.get("data_tests")) {
        let message = "`tests` and `data_tests` are two names of one section; bring them together under `data_tests`";
        checker.refuse(key.range, message, "Invalid project config: cannot have both 'tests' and 'data_tests' defined");
    }
    for (old, new) in RENAMED {
        let Some((key, _)) = root.get_entry(old) else { continue };
        if root.get(new).is_some() {
            let message = format!("`{old}` is the old name of `{new}`, and both stand here; keep `{new}`");
            checker.fail(
                key.range,
                "invalid-properties",
                &message,
                format!("{old} and {new} cannot both be defined. The `{old}` config has been deprecated in favor of `{new}`."),
            );
        } else {
            checker.warn(
                key.range,
                "deprecated",
                &format!("`{old}` is called `{new}` by now; rename the key"),
                format!("The `{old}` config has been renamed to `{new}`."),
            );
        }
    }
}
