//! `selectors.yml`: named selections, as a manifest has them (`SelectorDict`).

use data::{Map, Value as Json};

/// The selectors of a file's rendered data by their names, their definitions in dbt's one spelling. A later one of a name counts.
pub(crate) fn selectors(document: &Json) -> Map {
    let mut made = Map::new();
    for entry in document["selectors"].as_array().into_iter().flatten().filter_map(Json::as_object) {
        let Some(name) = entry.get("name").and_then(Json::as_str) else { continue };
        let mut entry = entry.clone();
        if let Some(definition) = entry.get("definition").map(|definition| normal(definition, &made)) {
            entry.insert("definition", definition);
        }
        made.insert(name, entry.into());
    }
    made
}

fn normal(definition: &Json, known: &Map) -> Json {
    match definition {
        Json::String(text) => of_text(text),
        Json::Object(map) => of_map(map, known),
        other => other.clone(),
    }
}

fn of_map(map: &Map, known: &Map) -> Json {
    let list = |value: &Json| -> Json { value.as_array().into_iter().flatten().map(|item| normal(item, known)).collect() };
    if map.get("method").is_some_and(|method| *method == "selector") {
        let named = map.get("value").and_then(Json::as_str).and_then(|name| known.get(name));
        return named.map_or_else(|| map.clone().into(), |entry| entry["definition"].clone());
    }
    let mut entries = map.iter();
    match (entries.next(), entries.next()) {
        (Some((key, value)), None) if matches!(&**key, "union" | "intersection" | "exclude") => Map::from_iter([(key.clone(), list(value))]).into(),
        (Some((key, value)), None) if &**key != "method" && &**key != "value" => {
            let value = if value.as_array().is_some() { list(value) } else { value.clone() };
            Map::from_iter([("method", Json::from(key.clone())), ("value", value)]).into()
        }
        _ => map.clone().into(),
    }
}

/// `[@][N+][method:]value[+[N]]`.
fn of_text(text: &str) -> Json {
    let (childrens_parents, rest) = text.strip_prefix('@').map_or((false, text), |rest| (true, rest));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (parents, rest) = match rest.split_once('+') {
        Some((depth, rest)) if digits(depth) => (Some(depth), rest),
        _ => (None, rest),
    };
    let (rest, children) = match rest.rsplit_once('+') {
        Some((rest, depth)) if digits(depth) => (rest, Some(depth)),
        _ => (rest, None),
    };
    let is_method = |method: &str| !method.is_empty() && method.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
    let (method, value) = match rest.split_once(':') {
        Some((method, value)) if is_method(method) => (method, value),
        _ => (default_method(rest), rest),
    };
    let mut made = Map::new();
    let mut with_depth = |key: &str, depth: Option<&str>| {
        if let Some(depth) = depth {
            made.insert(key, Json::Bool(true));
            if !depth.is_empty() {
                made.insert(format!("{key}_depth"), depth.into());
            }
        }
    };
    with_depth("childrens_parents", childrens_parents.then_some(""));
    with_depth("parents", parents);
    let mut made_children = Map::new();
    if let Some(depth) = children {
        made_children.insert("children", Json::Bool(true));
        if !depth.is_empty() {
            made_children.insert("children_depth", depth.into());
        }
    }
    made.insert("method", method.into());
    made.insert("value", value.into());
    made.extend(made_children);
    made.into()
}

fn default_method(value: &str) -> &'static str {
    let lower = value.to_lowercase();
    if value.contains(['/', '\\']) {
        "path"
    } else if [".sql", ".py", ".csv"].iter().any(|ending| lower.ends_with(ending)) {
        "file"
    } else {
        "fqn"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        let text = "selectors:\n- name: a\n  definition: 2+tag:nightly+\n- name: b\n  definition:\n    union:\n    - method: selector\n      value: a\n    - exclude: [models/x]\n    - tag: t\n- name: c\n  definition: '@a.sql'\n";
        let made = selectors(&syntax::yaml_value::document(&syntax::yaml::parse(text)));
        let shown: Vec<String> = made.iter().map(|(name, entry)| format!("{name} {}", entry["definition"])).collect();
        expect_test::expect![[r#"
            a {"parents":true,"parents_depth":"2","method":"tag","value":"nightly","children":true}
            b {"union":[{"parents":true,"parents_depth":"2","method":"tag","value":"nightly","children":true},{"exclude":[{"method":"path","value":"models/x"}]},{"method":"tag","value":"t"}]}
            c {"childrens_parents":true,"method":"file","value":"a.sql"}"#]]
        .assert_eq(&shown.join("\n"));
    }
}
