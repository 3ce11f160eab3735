//! What dbt warns of as deprecated, and how it is written now (dbt's docs, "Deprecations").

use super::Found;
use crate::words::ConfigWord;
use dbt::Severity;
use syntax::jinja;
use syntax::yaml::{Kind, Node};

const CODE: &str = "deprecated";

/// Configs that stay properties, too.
const STAY: [&str; 8] = ["enabled", "packages", "schema", "database", "quoting", "strategy", "alias", "labels"];

pub(super) fn properties(found: &mut Found<'_>, root: &Node) {
    if found.is_off(CODE) {
        return;
    }
    for section in ["models", "seeds", "snapshots", "sources", "analyses", "exposures"] {
        for entry in root.get(section).map(Node::items).unwrap_or_default() {
            resource(found, entry, section);
            for version in entry.get("versions").map(Node::items).unwrap_or_default() {
                tests(found, version);
            }
            for table in entry.get("tables").map(Node::items).unwrap_or_default() {
                resource(found, table, "tables");
            }
            if section == "sources"
                && let Some((key, _)) = entry.get_entry("overrides")
            {
                found.tell(
                    key.range,
                    Severity::Hint,
                    CODE,
                    "`overrides` of sources is deprecated; disable the package's source and define your own".to_owned(),
                );
            }
        }
    }
}

fn resource(found: &mut Found<'_>, entry: &Node, section: &str) {
    moved(found, entry, section);
    tests(found, entry);
    for column in entry.get("columns").map(Node::items).unwrap_or_default() {
        moved(found, column, "columns");
        tests(found, column);
    }
}

/// Keys that belong below `config` now.
fn moved(found: &mut Found<'_>, entry: &Node, section: &str) {
    let are_moved: Vec<&str> = match section {
        "columns" => vec!["meta", "tags"],
        "sources" | "tables" => vec!["meta", "tags", "freshness", "loaded_at_field", "loaded_at_query"],
        "exposures" => vec!["meta", "tags"],
        section => ConfigWord::all(section).map(|word| word.name).filter(|name| !STAY.contains(name)).collect(),
    };
    for (key, _) in entry.entries() {
        if let Some(name) = key.as_str().filter(|name| are_moved.contains(name)) {
            found.tell(key.range, Severity::Hint, CODE, format!("`{name}` belongs below `config:` now"));
        }
    }
}

/// `tests:` and the arguments of generic tests.
fn tests(found: &mut Found<'_>, entry: &Node) {
    if let Some((key, _)) = entry.get_entry("tests") {
        found.tell(key.range, Severity::Hint, CODE, "`tests` is called `data_tests` now".to_owned());
    }
    let lists = ["data_tests", "tests"].iter().filter_map(|key| entry.get(key));
    for test in lists.flat_map(Node::items).filter(|test| !test.is_alias) {
        let [(name, value)] = test.entries() else { continue };
        let Kind::Map { entries, .. } = &value.kind else { continue };
        if value.is_alias || value.get("arguments").is_some() {
            continue;
        }
        let is_argument =
            |key: &&str| !matches!(*key, "config" | "name" | "description" | "column_name") && ConfigWord::find(key).is_none_or(|_| !is_test_config(key));
        let keys: Vec<&str> = entries.iter().filter_map(|(key, _)| key.as_str()).collect();
        if keys.iter().any(is_argument) {
            found.tell(name.range, Severity::Hint, CODE, "the arguments of a generic test belong below `arguments:` now".to_owned());
        }
        if let Some((key, _)) = entries.iter().find(|(key, _)| key.as_str().is_some_and(is_test_config)) {
            let name = key.as_str().unwrap_or_default();
            found.tell(key.range, Severity::Hint, CODE, format!("`{name}` of a test belongs below `config:` now"));
        }
    }
}

/// A test's configs that may stand beside its arguments (`TestBuilder.CONFIG_ARGS`).
pub(crate) fn is_test_config(key: &str) -> bool {
    matches!(
        key,
        "severity"
            | "tags"
            | "enabled"
            | "where"
            | "limit"
            | "warn_if"
            | "error_if"
            | "fail_calc"
            | "store_failures"
            | "store_failures_as"
            | "meta"
            | "database"
            | "schema"
            | "alias"
    )
}

/// Keys of `dbt_project.yml` by their older names.
pub(super) fn project(found: &mut Found<'_>, root: &Node) {
    if found.is_off(CODE) {
        return;
    }
    let renamed = [("source-paths", "model-paths"), ("data-paths", "seed-paths"), ("tests", "data_tests")];
    for (old, new) in renamed {
        if let Some((key, _)) = root.get_entry(old) {
            found.tell(key.range, Severity::Hint, CODE, format!("`{old}` is called `{new}` now"));
        }
    }
    for old in ["log-path", "target-path"] {
        if let Some((key, _)) = root.get_entry(old) {
            found.tell(key.range, Severity::Hint, CODE, format!("`{old}` in dbt_project.yml is deprecated; say it by --{old} or the environment"));
        }
    }
}

/// Jinja that is going to be refused.
pub(super) fn code(found: &mut Found<'_>) {
    let text = &found.file.text;
    if found.is_off(CODE) || !text.contains("modules") {
        return;
    }
    let names = jinja::names(text);
    let told: Vec<_> =
        names.names.windows(2).filter(|pair| pair[0].range.of(text) == "modules" && pair[1].range.of(text) == "itertools").map(|pair| pair[1].range).collect();
    for range in told {
        found.tell(range, Severity::Hint, CODE, "`modules.itertools` is deprecated; loop in Jinja instead".to_owned());
    }
}
