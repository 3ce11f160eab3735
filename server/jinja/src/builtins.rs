//! dbt's global macros and the adapters' own, in our words: `builtins/*.sql` for what makes a text or a value, `builtins/names.yml`
//! for those that only make statements for a warehouse and are empty here.

use crate::adapter::Adapter;
use crate::ast::Name;
use crate::library::MacroSource;
use rustc_hash::FxHashMap;
use std::sync::{Arc, OnceLock};
use syntax::jinja::{self, BlockKind};

static NAMES: &str = include_str!("../builtins/names.yml");

fn sources(package: &str) -> &'static str {
    match package {
        "dbt" => include_str!("../builtins/dbt.sql"),
        "dbt_postgres" => include_str!("../builtins/dbt_postgres.sql"),
        "dbt_redshift" => include_str!("../builtins/dbt_redshift.sql"),
        "dbt_snowflake" => include_str!("../builtins/dbt_snowflake.sql"),
        "dbt_bigquery" => include_str!("../builtins/dbt_bigquery.sql"),
        "dbt_spark" => include_str!("../builtins/dbt_spark.sql"),
        "dbt_databricks" => include_str!("../builtins/dbt_databricks.sql"),
        "dbt_duckdb" => include_str!("../builtins/dbt_duckdb.sql"),
        "dbt_trino" => include_str!("../builtins/dbt_trino.sql"),
        "dbt_athena" => include_str!("../builtins/dbt_athena.sql"),
        "dbt_clickhouse" => include_str!("../builtins/dbt_clickhouse.sql"),
        _ => "",
    }
}

/// A package's macros, read once in a process.
type Packages = FxHashMap<String, Arc<Vec<Arc<MacroSource>>>>;

/// The macro packages of an adapter, the one that wins first.
pub fn packages(adapter: &Adapter) -> Vec<(Name, Vec<Arc<MacroSource>>)> {
    static READ: OnceLock<std::sync::Mutex<Packages>> = OnceLock::new();
    let read = READ.get_or_init(Default::default);
    adapter
        .packages
        .iter()
        .map(|package| {
            let mut read = read.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let macros = read.entry(package.clone()).or_insert_with(|| Arc::new(package_macros(package))).clone();
            (Name::from(package.as_str()), macros.to_vec())
        })
        .collect()
}

/// Reads one of dbt's packages.
fn package_macros(package: &str) -> Vec<Arc<MacroSource>> {
    let source = sources(package);
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
    let names = syntax::yaml_value::document(&syntax::yaml::parse(NAMES));
    for (name, params) in names[package].as_object().into_iter().flatten() {
        if seen.insert(name.clone()) {
            let params: Vec<String> =
                params.as_array().into_iter().flatten().map(|param| param.as_str().map_or_else(|| param.to_string(), str::to_owned)).collect();
            let text = format!("{{% macro {name}({}) %}}{{% endmacro %}}", params.join(", "));
            macros.push(Arc::new(MacroSource::new(package.into(), name.as_str().into(), text.into(), 0)));
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
