//! `config` while parsing: calls are noted, questions are answered with the empty text, as dbt does.

use crate::eval::{Eval, Outcome};
use crate::value::{Args, Object, Value};
use data::Map;
use std::any::Any;

/// `config(…)`, `config.get(…)` and their kin.
pub struct ConfigCalls;

impl Object for ConfigCalls {
    fn type_name(&self) -> &'static str {
        "config"
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(&self, eval: &mut Eval<'_>, args: &Args) -> Outcome<Value> {
        if eval.subject.kind != crate::Kind::Node {
            return Ok("".into());
        }
        let options = match (args.positional.as_slice(), args.keywords.is_empty()) {
            ([Value::Dict(map)], true) => map.borrow().iter().map(|(key, value)| (key.value().render(), value.to_json())).collect(),
            ([], false) => args.keywords.iter().map(|(key, value)| (key.to_string(), value.to_json())).collect::<Map>(),
            ([Value::Undefined { .. } | Value::None], true) => Map::new(),
            _ => return Err(eval.fail("Invalid inline model config: it takes one dict or keyword arguments, not both")),
        };
        if let Some((one, other)) = crate::config::HOOKS.iter().find(|(one, other)| options.contains_key(one) && options.contains_key(other)) {
            return Err(eval.fail(format!("Invalid config, has conflicting keys \"{one}\" and \"{other}\"")));
        }
        crate::config::merge_call(&mut eval.found.config, options);
        Ok("".into())
    }

    fn method(&self, eval: &mut Eval<'_>, name: &str, args: &Args) -> Option<Outcome<Value>> {
        match name {
            "get" | "require" | "meta_get" | "meta_require" => {
                // The generate_…_name macros see no config at all, so the default is what they get.
                let default = || args.get(1, "default").cloned().unwrap_or(Value::None);
                Some(Ok(if eval.subject.kind == crate::Kind::Names { default() } else { "".into() }))
            }
            "persist_relation_docs" | "persist_column_docs" => Some(Ok(Value::Bool(false))),
            "set" => {
                let (Some(key), Some(value)) = (args.positional.first(), args.positional.get(1)) else {
                    return Some(Err(eval.fail("config.set() needs a name and a value")));
                };
                let map = [(key.key(), value.clone())].into_iter().collect::<crate::value::Map>();
                Some(self.call(eval, &Args::of([map.into()])))
            }
            _ => None,
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
