//! The objects that dbt puts into a template's context.

pub mod adapter;
pub mod column;
pub mod config;
pub mod datetime;
pub mod modules;
pub mod regex;
pub mod relation;

use crate::eval::{Eval, Outcome};
use crate::functions::Function;
use crate::value::{Args, Object, Value};
use std::any::Any;

/// `flags`: `flags.FULL_REFRESH` and the like.
pub struct Flags;

impl Object for Flags {
    fn type_name(&self) -> &'static str {
        "Flags"
    }
    fn attribute(&self, eval: &mut Eval<'_>, name: &str) -> Option<Value> {
        let name = name.to_uppercase();
        if let Some(value) = eval.env.flags.get(&name) {
            return Some(Value::from(value));
        }
        Some(match name.as_str() {
            "WHICH" => "parse".into(),
            "FULL_REFRESH"
            | "STORE_FAILURES"
            | "FAIL_FAST"
            | "WARN_ERROR"
            | "DEFER"
            | "FAVOR_STATE"
            | "EMPTY"
            | "QUIET"
            | "DEBUG"
            | "NO_PRINT"
            | "USE_EXPERIMENTAL_PARSER" => Value::Bool(false),
            "PRINT"
            | "USE_COLORS"
            | "PARTIAL_PARSE"
            | "STATIC_PARSER"
            | "INTROSPECT"
            | "POPULATE_CACHE"
            | "VERSION_CHECK"
            | "WRITE_JSON"
            | "SEND_ANONYMOUS_USAGE_STATS"
            | "INDIRECT_SELECTION" => Value::Bool(true),
            "TARGET" | "PROFILE" | "STATE" | "SELECT" | "EXCLUDE" | "VARS" | "EVENT_TIME_START" | "EVENT_TIME_END" => Value::None,
            _ => return None,
        })
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `builtins`: dbt's own meaning of a name under a macro that overrides it.
pub struct Builtins;

impl Object for Builtins {
    fn type_name(&self) -> &'static str {
        "dict"
    }
    fn attribute(&self, eval: &mut Eval<'_>, name: &str) -> Option<Value> {
        crate::context::builtin(eval, name)
    }
    fn method(&self, eval: &mut Eval<'_>, name: &str, args: &Args) -> Option<Outcome<Value>> {
        from_dict(eval, name, args, crate::context::builtin)
    }
    fn is_mapping(&self) -> bool {
        true
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `context`: every name of the context by its text.
pub struct Context;

impl Object for Context {
    fn type_name(&self) -> &'static str {
        "dict"
    }
    fn attribute(&self, eval: &mut Eval<'_>, name: &str) -> Option<Value> {
        crate::context::lookup(eval, &name.into())
    }
    fn method(&self, eval: &mut Eval<'_>, name: &str, args: &Args) -> Option<Outcome<Value>> {
        from_dict(eval, name, args, |eval, key| crate::context::lookup(eval, &key.into()))
    }
    fn is_mapping(&self) -> bool {
        true
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `get(name, default)` of something that looks like a dict.
fn from_dict(eval: &mut Eval<'_>, name: &str, args: &Args, find: impl Fn(&mut Eval<'_>, &str) -> Option<Value>) -> Option<Outcome<Value>> {
    match name {
        "get" => {
            let key = args.positional.first().map(Value::render).unwrap_or_default();
            let default = args.get(1, "default").cloned().unwrap_or(Value::None);
            Some(Ok(find(eval, &key).unwrap_or(default)))
        }
        "keys" | "items" | "values" => Some(Ok(Vec::new().into())),
        _ => None,
    }
}

/// `ref.config`, `source.config`: what dbt's own functions know of a project. No part of its interface, and used all the same.
pub struct RuntimeConfig(pub crate::ast::Name);

impl Object for RuntimeConfig {
    fn type_name(&self) -> &'static str {
        "RuntimeConfig"
    }
    fn attribute(&self, eval: &mut Eval<'_>, name: &str) -> Option<Value> {
        let of_target = |key: &str| eval.env.target.get(key).map_or(Value::None, Value::from);
        Some(match name {
            "project_name" => Value::Str(self.0.clone()),
            "version" => eval.env.versions.get(&self.0).map_or(Value::None, Value::from),
            "target_name" => of_target("target_name"),
            "profile_name" => of_target("profile_name"),
            "dependencies" => {
                let each = eval.env.dependencies.iter().map(|name| (name.as_ref().into(), Value::object(Self(name.clone()))));
                each.collect::<crate::value::Map>().into()
            }
            _ => return None,
        })
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `exceptions`.
pub struct Exceptions;

const EXCEPTIONS: [(&str, &str); 21] = [
    ("warn", "exceptions.warn"),
    ("raise_compiler_error", "exceptions.raise_compiler_error"),
    ("raise_not_implemented", "exceptions.raise_not_implemented"),
    ("raise_database_error", "exceptions.raise_database_error"),
    ("raise_dependency_error", "exceptions.raise_dependency_error"),
    ("raise_contract_error", "exceptions.raise_contract_error"),
    ("raise_fail_fast_error", "exceptions.raise_fail_fast_error"),
    ("raise_ambiguous_alias", "exceptions.raise_ambiguous_alias"),
    ("raise_ambiguous_catalog_match", "exceptions.raise_ambiguous_catalog_match"),
    ("raise_cache_inconsistent", "exceptions.raise_cache_inconsistent"),
    ("raise_dataclass_not_dict", "exceptions.raise_dataclass_not_dict"),
    ("raise_dep_not_found", "exceptions.raise_dep_not_found"),
    ("raise_duplicate_patch_name", "exceptions.raise_duplicate_patch_name"),
    ("raise_duplicate_resource_name", "exceptions.raise_duplicate_resource_name"),
    ("raise_invalid_property_yml_version", "exceptions.raise_invalid_property_yml_version"),
    ("missing_config", "exceptions.missing_config"),
    ("missing_materialization", "exceptions.missing_materialization"),
    ("missing_relation", "exceptions.missing_relation"),
    ("relation_wrong_type", "exceptions.relation_wrong_type"),
    ("column_type_missing", "exceptions.column_type_missing"),
    ("warn_snapshot_timestamp_data_types", "exceptions.warn"),
];

impl Object for Exceptions {
    fn type_name(&self) -> &'static str {
        "dict"
    }
    fn attribute(&self, _eval: &mut Eval<'_>, name: &str) -> Option<Value> {
        EXCEPTIONS.iter().find(|(known, _)| *known == name).map(|(_, function)| Value::Function(Function(function)))
    }
    fn is_mapping(&self) -> bool {
        true
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
