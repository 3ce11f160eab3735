//! `adapter` while parsing.

use crate::adapter::ParseTime;
use crate::eval::{Eval, Outcome};
use crate::value::{Args, Object, Value};
use std::any::Any;

pub struct AdapterObject;

impl Object for AdapterObject {
    fn type_name(&self) -> &'static str {
        "ParseDatabaseWrapper"
    }

    fn attribute(&self, eval: &mut Eval<'_>, name: &str) -> Option<Value> {
        match name {
            "Relation" => Some(Value::object(super::relation::RelationClass)),
            "Column" => Some(Value::object(super::column::ColumnClass)),
            "behavior" => Some(Value::object(Behavior)),
            "config" => Some(Value::object(AdapterConfig)),
            name if eval.env.adapter.methods.contains_key(name) || matches!(name, "dispatch" | "type" | "commit") => {
                Some(Value::Bound(std::rc::Rc::new((Value::object(AdapterObject), name.into()))))
            }
            _ => None,
        }
    }

    fn method(&self, eval: &mut Eval<'_>, name: &str, args: &Args) -> Option<Outcome<Value>> {
        let text = |index: usize| args.positional.get(index).map(Value::render).unwrap_or_default();
        match name {
            "dispatch" => return Some(dispatch(eval, args)),
            "type" => return Some(Ok(eval.env.adapter.name.as_str().into())),
            "commit" => return Some(Ok(Value::None)),
            _ => {}
        }
        let gives = match eval.env.adapter.methods.get(name)? {
            ParseTime::Value(value) => return Some(Ok(Value::from(value))),
            ParseTime::Real => name,
        };
        Some(Ok(match gives {
            "quote" => eval.env.adapter.quoted(&text(0)).into(),
            "quote_as_configured" => {
                let quotes = eval.env.quoting.get(&text(1)).and_then(data::Value::as_bool).unwrap_or(true);
                if quotes { eval.env.adapter.quoted(&text(0)).into() } else { text(0).into() }
            }
            "quote_seed_column" => match args.positional.get(1) {
                Some(Value::Bool(false)) => text(0).into(),
                _ => eval.env.adapter.quoted(&text(0)).into(),
            },
            "escape_sql_string" => text(0).replace('\'', "''").into(),
            "cache_added" | "cache_dropped" | "cache_renamed" | "verify_database" => "".into(),
            "render_raw_columns_constraints" | "render_raw_model_constraints" | "valid_incremental_strategies" => Vec::new().into(),
            "is_motherduck" | "is_ducklake" | "disable_transactions" | "use_ducklake_table_workarounds" => Value::Bool(false),
            "get_binding_char" => "?".into(),
            "external_root" => eval.env.target.get("external_root").map_or_else(|| ".".into(), Value::from),
            _ => Value::None,
        }))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `adapter.dispatch(name, namespace)`: the packages of the namespace's search order, and in each the adapter's prefixes.
fn dispatch(eval: &mut Eval<'_>, args: &Args) -> Outcome<Value> {
    let Some(name) = args.text(0, "macro_name") else { return Err(eval.fail("adapter.dispatch() needs the name of a macro")) };
    if let Some((namespace, name)) = name.split_once('.') {
        return Err(eval.fail(format!("In adapter.dispatch, got a macro name of \"{namespace}.{name}\", but \".\" is not a valid macro name component. Did you mean `adapter.dispatch(\"{name}\", macro_namespace=\"{namespace}\")`?")));
    }
    let namespace = match args.get(1, "macro_namespace") {
        None | Some(Value::None) => None,
        Some(Value::Str(namespace)) => Some(namespace.clone()),
        Some(other) => return Err(eval.fail(format!("the macro_namespace of adapter.dispatch() must be a text, not a {}", other.type_name()))),
    };
    match find(eval, &name, namespace.as_deref()) {
        Some(id) => Ok(Value::Macro(id)),
        None => {
            let within = namespace.map_or_else(|| "any package".to_owned(), |namespace| format!("namespace '{namespace}'"));
            Err(eval.fail(format!("In dispatch: No macro named '{name}' found within {within}")))
        }
    }
}

fn find(eval: &Eval<'_>, name: &str, namespace: Option<&str>) -> Option<crate::MacroId> {
    let order = search_order(eval.env, namespace);
    for package in &order {
        for prefix in &eval.env.adapter.dispatch {
            let candidate = format!("{prefix}__{name}");
            let found = match package {
                Some(package) => eval.env.library.in_package(package, &candidate),
                None if eval.subject.visible.is_some() => eval.env.library.find("", &candidate),
                None => match eval.env.library.resolve(&eval.subject.package, &candidate) {
                    Some(crate::library::Member::Macro(id)) => Some(id),
                    _ => None,
                },
            };
            if found.is_some() {
                return found;
            }
        }
    }
    None
}

/// The packages that a dispatch searches; `None` stands for dbt's usual order of names.
pub fn search_order(env: &crate::Env, namespace: Option<&str>) -> Vec<Option<String>> {
    let Some(namespace) = namespace else { return vec![None] };
    if let Some(order) = env.dispatch.get(namespace) {
        return order.iter().cloned().map(Some).collect();
    }
    if env.dependencies.iter().any(|package| &**package == namespace) {
        return vec![Some(env.project.to_string()), Some(namespace.to_owned())];
    }
    vec![None]
}

/// `adapter.behavior.<flag>`: all are off.
struct Behavior;

impl Object for Behavior {
    fn type_name(&self) -> &'static str {
        "Behavior"
    }
    fn attribute(&self, _eval: &mut Eval<'_>, _name: &str) -> Option<Value> {
        Some(Value::object(Flag))
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct Flag;

impl Object for Flag {
    fn type_name(&self) -> &'static str {
        "BehaviorFlag"
    }
    fn attribute(&self, _eval: &mut Eval<'_>, name: &str) -> Option<Value> {
        matches!(name, "no_warn" | "setting").then_some(Value::Bool(false))
    }
    fn is_true(&self) -> bool {
        false
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `adapter.config`: the parts of the run's configuration that macros look at.
struct AdapterConfig;

impl Object for AdapterConfig {
    fn type_name(&self) -> &'static str {
        "RuntimeConfig"
    }
    fn attribute(&self, eval: &mut Eval<'_>, name: &str) -> Option<Value> {
        match name {
            "project_name" => Some(Value::Str(eval.env.project.clone())),
            "credentials" => Some(Value::from(&data::Value::Object(eval.env.target.clone()))),
            "quoting" => Some(Value::from(&data::Value::Object(eval.env.quoting.clone()))),
            "target_name" => eval.env.target.get("name").map(Value::from),
            "dependencies" => {
                Some(eval.env.dependencies.iter().map(|package| (crate::value::Key::Str(package.clone()), Value::None)).collect::<crate::value::Map>().into())
            }
            _ => None,
        }
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
