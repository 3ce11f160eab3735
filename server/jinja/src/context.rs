//! The names of a template's context: macros over dbt's own names over Jinja's.

use crate::ast::Name;
use crate::env::{DBT_VERSION, Kind};
use crate::eval::Eval;
use crate::functions::{Function, Var};
use crate::host;
use crate::library::Member;
use crate::value::{Map, Value};

/// What a name means when no variable has it.
pub fn lookup(eval: &mut Eval<'_>, name: &Name) -> Option<Value> {
    if let Some((_, value)) = eval.extra.iter().find(|(key, _)| key == name) {
        return Some(value.clone());
    }
    if let Some(visible) = eval.subject.visible {
        if let Some(id) = visible.names.get(name) {
            return Some(Value::Macro(*id));
        }
        if visible.packages.contains_key(name) {
            return Some(Value::Package(name.clone()));
        }
    } else if matches!(eval.subject.kind, Kind::Node | Kind::Names)
        && let Some(member) = eval.env.library.resolve(&eval.subject.package, name)
    {
        return Some(match member {
            Member::Macro(id) => Value::Macro(id),
            Member::Package(package) => Value::Package(package),
        });
    }
    builtin(eval, name).or_else(|| globals(name))
}

/// dbt's names.
pub fn builtin(eval: &mut Eval<'_>, name: &str) -> Option<Value> {
    let kind = eval.subject.kind;
    let function = |name: &'static str| Some(Value::Function(Function(name)));
    if kind == Kind::Nothing {
        return None;
    }
    if kind == Kind::References {
        return match name {
            "ref" => function("ref"),
            "source" => function("source"),
            "metric" => function("metric"),
            _ => None,
        };
    }
    let found = match name {
        "return" => function("return"),
        "fromjson" => function("fromjson"),
        "tojson" => function("tojson"),
        "fromyaml" => function("fromyaml"),
        "toyaml" => function("toyaml"),
        "set" => function("set"),
        "set_strict" => function("set_strict"),
        "zip" => function("zip"),
        "zip_strict" => function("zip_strict"),
        "log" => function("log"),
        "print" => function("print"),
        "diff_of_two_dicts" => function("diff_of_two_dicts"),
        "local_md5" => function("local_md5"),
        "env_var" => function("env_var"),
        "var" => Some(Value::object(Var)),
        "dbt_version" => Some(DBT_VERSION.into()),
        "invocation_id" => Some("00000000-0000-0000-0000-000000000000".into()),
        "thread_id" => Some("MainThread".into()),
        "run_started_at" => Some(host::datetime::started_at(eval)),
        "modules" => Some(host::modules::modules()),
        "flags" => Some(Value::object(host::Flags)),
        "target" | "env" => Some(Value::from(&data::Value::Object(eval.env.target.clone()))),
        "project_name" => Some(Value::Str(eval.env.project.clone())),
        "doc" if kind == Kind::Docs => function("doc"),
        "builtins" => Some(Value::object(host::Builtins)),
        "context" => Some(Value::object(host::Context)),
        _ => None,
    };
    if found.is_some() || !matches!(kind, Kind::Node | Kind::Names) {
        return found;
    }
    match name {
        "ref" => function("ref"),
        "source" => function("source"),
        "metric" => function("metric"),
        "function" => function("function"),
        "config" => Some(Value::object(host::config::ConfigCalls)),
        "adapter" => Some(Value::object(host::adapter::AdapterObject)),
        "api" => Some(
            [("Relation", Value::object(host::relation::RelationClass)), ("Column", Value::object(host::column::ColumnClass))]
                .into_iter()
                .map(|(key, value)| (key.into(), value))
                .collect::<Map>()
                .into(),
        ),
        "column" => Some(Value::object(host::column::ColumnClass)),
        "exceptions" => Some(Value::object(host::Exceptions)),
        "validation" => Some(Map::from_iter([("any".into(), Value::Function(Function("validation.any")))]).into()),
        "execute" => Some(Value::Bool(eval.subject.executes)),
        "graph" | "dbt_metadata_envs" | "invocation_args_dict" | "_sql_results" => Some(Map::default().into()),
        "this" => Some(if kind == Kind::Node { host::relation::this_or_none(eval) } else { return None }),
        "model" => match eval.subject.model {
            Some(model) => {
                eval.found.reads_model = true;
                Some(Value::from(&model()))
            }
            None => Some(Map::default().into()),
        },
        "database" => Some(part(eval, "database")),
        "schema" => Some(part(eval, "schema")),
        "pre_hooks" | "post_hooks" if kind == Kind::Node => Some(Vec::new().into()),
        "pre_hooks" | "post_hooks" | "sql" | "compiled_code" | "defer_relation" => Some(Value::None),
        "selected_resources" => Some(Vec::new().into()),
        "sql_now" => Some(host::datetime::started_at(eval)),
        "load_result" => function("load_result"),
        "store_result" => function("store_result"),
        "store_raw_result" => function("store_raw_result"),
        "load_agate_table" => function("load_agate_table"),
        "write" => function("write"),
        "render" => function("render"),
        "try_or_compiler_error" => function("try_or_compiler_error"),
        "adapter_macro" => function("adapter_macro"),
        "submit_python_job" => function("submit_python_job"),
        _ => None,
    }
}

/// `database` and `schema`: the node's, else the target's.
fn part(eval: &Eval<'_>, name: &str) -> Value {
    let own = eval.subject.relation.as_ref().and_then(|relation| if name == "database" { relation.database.as_deref() } else { relation.schema.as_deref() });
    match own {
        Some(text) => text.into(),
        None => eval.env.target.get(name).map_or(Value::None, Value::from),
    }
}

/// Jinja's own names.
fn globals(name: &str) -> Option<Value> {
    const NAMES: [&str; 6] = ["range", "dict", "lipsum", "cycler", "joiner", "namespace"];
    NAMES.iter().find(|known| **known == name).map(|known| Value::Function(Function(known)))
}
