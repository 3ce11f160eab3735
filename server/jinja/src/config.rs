//! How dbt merges the configs of a node.

use data::{Map, Value as Json};
use std::sync::Arc;

/// Keys whose lists add up.
const APPEND: [&str; 4] = ["pre-hook", "post-hook", "tags", "packages"];
/// Keys whose mappings merge, the later value of each key winning.
const UPDATE: [&str; 5] = ["quoting", "column_types", "meta", "docs", "contract"];

fn list(value: Json) -> Vec<Json> {
    match value {
        Json::Array(items) => Arc::unwrap_or_clone(items),
        Json::Null => Vec::new(),
        other => vec![other],
    }
}

/// Lays `newer` over `older` as dbt's `merge_config_dicts` and `update_from` do: tags, hooks and packages add up, `meta`, `docs`,
/// `quoting`, `contract` and `column_types` merge by key, `grants` by key with `+` to add, anything else is replaced.
pub fn merge(older: &mut Map, newer: Map) {
    for (key, value) in newer {
        // Both spellings of a hook are one.
        let key: Arc<str> = match &*key {
            "pre_hook" => "pre-hook".into(),
            "post_hook" => "post-hook".into(),
            _ => key,
        };
        if APPEND.contains(&&*key) {
            let mut joined = older.remove(&key).map(list).unwrap_or_default();
            joined.extend(list(value));
            older.insert(key, joined.into());
        } else if UPDATE.contains(&&*key) {
            match (older.get_mut(&key), value) {
                (Some(Json::Object(known)), Json::Object(more)) => known.extend(more),
                (_, value) => {
                    older.insert(key, value);
                }
            }
        } else if *key == *"grants" {
            match (older.get_mut(&key), value) {
                (Some(Json::Object(known)), Json::Object(more)) => merge_grants(known, more),
                (_, Json::Object(more)) => {
                    let mut known = Map::new();
                    merge_grants(&mut known, more);
                    older.insert(key, Json::Object(known));
                }
                (_, value) => {
                    older.insert(key, value);
                }
            }
        } else {
            older.insert(key, value);
        }
    }
}

fn merge_grants(known: &mut Map, more: Map) {
    for (key, value) in more {
        let name = key.trim_start_matches('+').to_owned();
        match known.get_mut(&name) {
            Some(Json::Array(grantees)) if key.starts_with('+') => Arc::make_mut(grantees).extend(list(value)),
            _ => {
                known.insert(name, list(value).into());
            }
        }
    }
}
