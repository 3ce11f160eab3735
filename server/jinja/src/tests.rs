//! What can stand after `is`: Jinja's built-in tests.

use crate::ast::Comparison;
use crate::eval::{Eval, Outcome};
use crate::operators;
use crate::value::{Args, Value};

/// Whether the value passes the test of a name.
pub fn check(eval: &mut Eval<'_>, name: &str, value: &Value, args: &Args) -> Outcome<bool> {
    let arg = || args.positional.first().cloned().unwrap_or(Value::None);
    let compared = |eval: &mut Eval<'_>, comparison: Comparison| {
        use std::cmp::Ordering;
        let ordering = value.compare(&arg());
        match (comparison, ordering) {
            (Comparison::Equal, _) => Ok(value.equals(&arg())),
            (Comparison::NotEqual, _) => Ok(!value.equals(&arg())),
            (Comparison::Less, Some(ordering)) => Ok(ordering == Ordering::Less),
            (Comparison::LessOrEqual, Some(ordering)) => Ok(ordering != Ordering::Greater),
            (Comparison::Greater, Some(ordering)) => Ok(ordering == Ordering::Greater),
            (Comparison::GreaterOrEqual, Some(ordering)) => Ok(ordering != Ordering::Less),
            _ => Err(eval.fail(format!("a {} and a {} can't be compared", value.type_name(), arg().type_name()))),
        }
    };
    let integer = |value: &Value| if let Value::Int(value) = value { Some(*value) } else { value.as_int() };
    Ok(match name {
        "defined" => !value.is_undefined(),
        "undefined" => value.is_undefined(),
        "none" => value.is_none(),
        "true" => matches!(value, Value::Bool(true)),
        "false" => matches!(value, Value::Bool(false)),
        "boolean" => matches!(value, Value::Bool(_)),
        "integer" => matches!(value, Value::Int(_)),
        "float" => matches!(value, Value::Float(_)),
        "number" => value.as_float().is_some(),
        "string" => matches!(value, Value::Str(_)),
        "mapping" => match value {
            Value::Object(object) => object.is_mapping(),
            value => matches!(value, Value::Dict(_) | Value::Package(_)),
        },
        "sequence" => matches!(value, Value::Str(_) | Value::List(_) | Value::Tuple(_) | Value::Dict(_) | Value::Undefined { .. }) || value.items().is_some(),
        "iterable" => value.items().is_some(),
        "callable" => value.is_callable(),
        "odd" | "even" => match integer(value) {
            Some(number) => (number.rem_euclid(2) == 1) == (name == "odd"),
            None => return Err(eval.fail(format!("{} is no whole number", operators::described(value)))),
        },
        "divisibleby" => match (integer(value), integer(&arg())) {
            (Some(a), Some(b)) if b != 0 => a.wrapping_rem(b) == 0,
            _ => return Err(eval.fail("divisibleby needs two whole numbers")),
        },
        "lower" => value.render() == value.render().to_lowercase() && value.render().chars().any(char::is_lowercase),
        "upper" => value.render() == value.render().to_uppercase() && value.render().chars().any(char::is_uppercase),
        "escaped" => false,
        "filter" => value.as_str().is_some_and(|name| crate::filters::exists(&name)),
        "test" => value.as_str().is_some_and(|name| exists(&name)),
        "sameas" => match (value, &arg()) {
            (Value::List(a), Value::List(b)) => std::rc::Rc::ptr_eq(a, b),
            (Value::Dict(a), Value::Dict(b)) => std::rc::Rc::ptr_eq(a, b),
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b) && a.equals(b),
        },
        "eq" | "equalto" | "==" => compared(eval, Comparison::Equal)?,
        "ne" | "!=" => compared(eval, Comparison::NotEqual)?,
        "lt" | "lessthan" | "<" => compared(eval, Comparison::Less)?,
        "le" | "<=" => compared(eval, Comparison::LessOrEqual)?,
        "gt" | "greaterthan" | ">" => compared(eval, Comparison::Greater)?,
        "ge" | ">=" => compared(eval, Comparison::GreaterOrEqual)?,
        "in" => operators::contains(eval, &arg(), value)?,
        _ => return Err(eval.fail(format!("No test named '{name}'"))),
    })
}

fn exists(name: &str) -> bool {
    [
        "defined",
        "undefined",
        "none",
        "true",
        "false",
        "boolean",
        "integer",
        "float",
        "number",
        "string",
        "mapping",
        "sequence",
        "iterable",
        "callable",
        "odd",
        "even",
        "divisibleby",
        "lower",
        "upper",
        "escaped",
        "filter",
        "test",
        "sameas",
        "eq",
        "equalto",
        "==",
        "ne",
        "!=",
        "lt",
        "lessthan",
        "<",
        "le",
        "<=",
        "gt",
        "greaterthan",
        ">",
        "ge",
        ">=",
        "in",
    ]
    .contains(&name)
}
