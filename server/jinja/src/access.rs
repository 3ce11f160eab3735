//! Attributes and items of values.

use crate::ast::Name;
use crate::eval::{Eval, Outcome};
use crate::value::Value;
use crate::{methods, operators};
use std::rc::Rc;

impl Eval<'_> {
    pub(crate) fn attribute(&mut self, object: &Value, name: &Name) -> Outcome<Value> {
        let found = match object {
            Value::Undefined { lenient: true, name } => {
                self.found.undefined.insert(name.clone());
                return Ok(object.clone());
            }
            Value::Undefined { .. } => return Err(self.fail(operators::undefined_message(object))),
            Value::Package(package) => self.package_macro(package, name).map(Value::Macro),
            Value::Object(inner) => inner.clone().attribute(self, name),
            Value::Function(function) => function.attribute(self, name),
            _ => None,
        };
        if let Some(found) = found {
            return Ok(found);
        }
        if methods::exists(object, name) {
            return Ok(Value::Bound(Rc::new((object.clone(), name.clone()))));
        }
        if let Value::Dict(map) = object
            && let Some(found) = map.borrow().get(&crate::value::Key::Str(name.clone()))
        {
            return Ok(found.clone());
        }
        Ok(self.undefined(name))
    }

    pub(crate) fn item(&mut self, object: &Value, key: &Value) -> Outcome<Value> {
        if let Some(found) = operators::index(self, object, key)? {
            return Ok(found);
        }
        match key {
            Value::Str(name) => self.attribute(object, name),
            Value::Int(index) => Ok(self.undefined(&index.to_string())),
            _ => Ok(self.undefined(&key.render())),
        }
    }
}
