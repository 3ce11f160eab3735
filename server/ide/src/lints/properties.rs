//! Keys of properties files that dbt takes no notice of.

use super::Found;
use super::columns::meant;
use crate::words::ConfigWord;
use dbt::Severity;
use syntax::yaml::Node;

const CODE: &str = "unknown-property";

/// Sections whose entries may have any key for dbt, which only warns of them (`CustomKeyInObjectDeprecation`).
const OPEN: [(&str, &str); 6] =
    [("models", "a model"), ("seeds", "a seed"), ("snapshots", "a snapshot"), ("sources", "a source"), ("analyses", "an analysis"), ("macros", "a macro")];

/// What dbt knows beside the keys whose values are checked (the JSON schema of properties files that comes with dbt).
const ALSO: [&str; 25] = [
    "meta",
    "tags",
    "docs",
    "tests",
    "data_tests",
    "config",
    "identifier",
    "relation",
    "catalog",
    "external",
    "overrides",
    "column_mask",
    "databricks_tags",
    "dimension",
    "entity",
    "granularity",
    "policy_tags",
    "semantic_model",
    "derived_semantics",
    "primary_entity",
    "agg_time_dimension",
    "metrics",
    "time_spine",
    "deprecation_date",
    "static_analysis_off_reason",
];

pub(super) fn check(found: &mut Found<'_>, root: &Node) {
    if found.is_off(CODE) {
        return;
    }
    for (section, what) in OPEN {
        for entry in root.get(section).map(Node::items).unwrap_or_default() {
            resource(found, entry, &[section, "[]"], section, what);
            for table in entry.get("tables").filter(|_| section == "sources").map(Node::items).unwrap_or_default() {
                resource(found, table, &["sources", "[]", "tables", "[]"], "tables", "a table");
            }
        }
    }
}

fn resource(found: &mut Found<'_>, entry: &Node, path: &[&str], section: &str, what: &str) {
    keys(found, entry, path, section, what);
    let below: Vec<&str> = path.iter().copied().chain(["columns", "[]"]).collect();
    for column in entry.get("columns").map(Node::items).unwrap_or_default() {
        keys(found, column, &below, "columns", "a column");
    }
}

fn keys(found: &mut Found<'_>, entry: &Node, path: &[&str], section: &str, what: &str) {
    let known: Vec<&str> = dbt::keys_at(path).into_iter().map(|key| key.name).chain(ALSO).collect();
    if entry.is_alias || known.len() <= ALSO.len() {
        return;
    }
    for (key, _) in entry.entries() {
        // Configs may stand beside the properties; that is deprecated, and another rule says so.
        let is_config = |name: &str| section != "columns" && section != "macros" && ConfigWord::find(name).is_some();
        let Some(name) = key.as_str().filter(|name| !known.contains(name) && !is_config(name) && *name != "<<") else { continue };
        let message = format!(
            "`{name}` is no property of {what}, and dbt takes no notice of it; what is your own belongs below `config: meta:`{}",
            meant(name, known.iter().copied())
        );
        found.tell(key.range, Severity::Warning, CODE, message);
    }
}
