//! How dbt merges the configs of a node.

use data::{Map, Value as Json};
use std::sync::Arc;

/// Keys whose lists add up.
const APPEND: [&str; 4] = ["pre-hook", "post-hook", "tags", "packages"];
/// Keys whose mappings merge, the later value of each key winning.
const UPDATE: [&str; 6] = ["quoting", "column_types", "meta", "docs", "contract", "snapshot_meta_column_names"];

fn list(value: Json) -> Vec<Json> {
    match value {
        Json::Null => Vec::new(),
        other => one_or_more(other),
    }
}

/// Adds what one more `config()` of a text says to what its earlier ones said (`merge_config_dicts`); the first is kept as it is.
pub fn merge_call(older: &mut Map, mut newer: Map) {
    one_spelling(&mut newer);
    if older.is_empty() {
        older.extend(newer);
        return;
    }
    for (key, value) in newer {
        if APPEND.contains(&&*key) {
            append(older, key, value);
            continue;
        }
        match (older.get_mut(&key), value) {
            (Some(Json::Object(known)), Json::Object(more)) if UPDATE.contains(&&*key) => known.extend(more),
            (Some(Json::Object(known)), Json::Object(more)) if *key == *"grants" => {
                // `+select` stays apart from `select` until it meets the configs below.
                for (name, grantees) in more {
                    match known.get_mut(&name) {
                        Some(before) if name.starts_with('+') => {
                            let mut joined = list(before.clone());
                            joined.extend(list(grantees));
                            *before = joined.into();
                        }
                        _ => {
                            known.insert(name, grantees);
                        }
                    }
                }
            }
            (_, value) => {
                older.insert(key, value);
            }
        }
    }
}

/// The two spellings of each hook.
pub const HOOKS: [(&str, &str); 2] = [("pre_hook", "pre-hook"), ("post_hook", "post-hook")];

/// Both spellings of a hook are one (`translate_hook_names`).
fn one_spelling(config: &mut Map) {
    for (spelled, key) in HOOKS {
        if let Some(value) = config.remove(spelled) {
            config.insert(key, value);
        }
    }
}

/// Adds to what a key has. A `null` stays in sight: dbt takes none.
fn append(older: &mut Map, key: Arc<str>, value: Json) {
    let mut joined = older.remove(&key).map(one_or_more).unwrap_or_default();
    joined.extend(one_or_more(value));
    older.insert(key, joined.into());
}

fn one_or_more(value: Json) -> Vec<Json> {
    match value {
        Json::Array(items) => Arc::unwrap_or_clone(items),
        other => vec![other],
    }
}

/// Lays `newer` over `older` as dbt's `update_from` does: tags, hooks and packages add up, `meta`, `docs`,
/// `quoting`, `contract` and `column_types` merge by key, `grants` by key with `+` to add, anything else is replaced.
pub fn merge(older: &mut Map, mut newer: Map) {
    one_spelling(&mut newer);
    for (key, value) in newer {
        if APPEND.contains(&&*key) {
            append(older, key, value);
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
