//! dbt's global macros and the adapters' own, in our words: `builtins/*.sql` for what makes a text or a value, `builtins/names.yml`
//! for those that only make statements for a warehouse and are empty here.

use crate::adapter::Adapter;
use crate::ast::Name;
use crate::library::MacroSource;
use data::Value as Json;
use std::sync::{Arc, OnceLock};
use syntax::jinja::{self, BlockKind};

static NAMES: &str = include_str!("../builtins/names.yml");

/// One of dbt's macro packages; its macros are read once in a process.
struct Package {
    name: &'static str,
    source: &'static str,
    macros: OnceLock<Vec<Arc<MacroSource>>>,
}

const fn package(name: &'static str, source: &'static str) -> Package {
    Package { name, source, macros: OnceLock::new() }
}

static PACKAGES: [Package; 11] = [
    package("dbt", include_str!("../builtins/dbt.sql")),
    package("dbt_postgres", include_str!("../builtins/dbt_postgres.sql")),
    package("dbt_redshift", include_str!("../builtins/dbt_redshift.sql")),
    package("dbt_snowflake", include_str!("../builtins/dbt_snowflake.sql")),
    package("dbt_bigquery", include_str!("../builtins/dbt_bigquery.sql")),
    package("dbt_spark", include_str!("../builtins/dbt_spark.sql")),
    package("dbt_databricks", include_str!("../builtins/dbt_databricks.sql")),
    package("dbt_duckdb", include_str!("../builtins/dbt_duckdb.sql")),
    package("dbt_trino", include_str!("../builtins/dbt_trino.sql")),
    package("dbt_athena", include_str!("../builtins/dbt_athena.sql")),
    package("dbt_clickhouse", include_str!("../builtins/dbt_clickhouse.sql")),
];

/// The macro packages of an adapter, the one that wins first.
pub fn packages(adapter: &Adapter) -> Vec<(Name, &'static [Arc<MacroSource>])> {
    let named = |name: &String| PACKAGES.iter().find(|package| package.name == name);
    let read = |package: &'static Package| (Name::from(package.name), package.macros.get_or_init(|| package_macros(package.name, package.source)).as_slice());
    adapter.packages.iter().filter_map(named).map(read).collect()
}

/// What `names.yml` says.
fn names() -> &'static Json {
    static READ: OnceLock<Json> = OnceLock::new();
    READ.get_or_init(|| syntax::yaml_value::document(&syntax::yaml::parse(NAMES)))
}

/// Reads one of dbt's packages.
fn package_macros(package: &str, source: &str) -> Vec<Arc<MacroSource>> {
    let mut macros = Vec::new();
    let mut seen = rustc_hash::FxHashSet::default();
    for block in jinja::parse(source).blocks {
        let name = match block.kind {
            BlockKind::Macro => block.name.clone(),
            BlockKind::Test => format!("test_{}", block.name),
            _ => continue,
        };
        if let Some(text) = jinja::as_macro(source, &block)
            && seen.insert(name.clone())
        {
            macros.push(Arc::new(MacroSource::new(package.into(), name.into(), text.into(), block.range.start as usize)));
        }
    }
    let names = names();
    for (name, params) in names[package].as_object().into_iter().flatten() {
        if seen.insert(name.to_string()) {
            let params: Vec<String> =
                params.as_array().into_iter().flatten().map(|param| param.as_str().map_or_else(|| param.to_string(), str::to_owned)).collect();
            let text = format!("{{% macro {name}({}) %}}{{% endmacro %}}", params.join(", "));
            macros.push(Arc::new(MacroSource::new(package.into(), name.clone(), text.into(), 0)));
        }
    }
    for entry in names["materializations"][package].as_array().into_iter().flatten() {
        if let (Some(name), Some(adapter)) = (entry[0].as_str(), entry[1].as_str()) {
            let name = format!("materialization_{name}_{adapter}");
            let text = format!("{{% macro {name}() %}}{{% endmacro %}}");
            macros.push(Arc::new(MacroSource::new(package.into(), name.into(), text.into(), 0)));
        }
    }
    macros
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_macro_parses() {
        let mut broken = Vec::new();
        for adapter in ["postgres", "redshift", "snowflake", "bigquery", "spark", "databricks", "duckdb", "trino", "athena", "clickhouse"] {
            for (package, macros) in packages(&Adapter::named(adapter)) {
                assert!(macros.len() > 10, "{package} has {} macros", macros.len());
                broken.extend(macros.iter().filter_map(|source| source.tree().err().map(|error| format!("{}: {}", source.unique_id, error.message))));
            }
        }
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }
}
