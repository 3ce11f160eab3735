//! SQL's functions by adapter: `words/functions.yml`.

use data::Value;
use std::sync::LazyLock;

static FUNCTIONS: LazyLock<Value> = LazyLock::new(|| crate::yaml_data(include_str!("../words/functions.yml")));

/// A function of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqlFunction {
    pub name: &'static str,
    /// `coalesce(x, y, …)`
    pub signature: &'static str,
    pub doc: &'static str,
}

impl SqlFunction {
    fn of(name: &'static str, value: &'static Value) -> Self {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        Self { name, signature: text("signature"), doc: text("doc") }
    }

    /// The functions that an adapter's warehouse has.
    pub fn all(adapter: &str) -> impl Iterator<Item = Self> {
        let has = move |value: &Value| match value.get("of").and_then(Value::as_array) {
            Some(of) => of.iter().any(|name| name.as_str() == Some(adapter)),
            None => true,
        };
        let all = FUNCTIONS.as_object().into_iter().flatten();
        all.filter(move |(_, value)| has(value)).map(|(name, value)| Self::of(name, value))
    }

    pub fn find(adapter: &str, name: &str) -> Option<Self> {
        Self::all(adapter).find(|function| function.name.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_adapter_has_its_own() {
        assert!(SqlFunction::find("snowflake", "IFF").is_some() && SqlFunction::find("bigquery", "iff").is_none());
        for adapter in ["postgres", "snowflake", "bigquery", "redshift", "databricks", "duckdb"] {
            assert!(SqlFunction::all(adapter).count() > 60, "{adapter}");
            assert!(SqlFunction::all(adapter).all(|function| function.signature.starts_with(function.name) && !function.doc.is_empty()));
        }
    }
}
