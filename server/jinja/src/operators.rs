//! Python's operators on [`Value`]s.

use crate::ast::Operator;
use crate::eval::{Eval, MAX_TEXT, Outcome};
use crate::value::{Key, Value};
use std::rc::Rc;

/// What an error says of a value: its type and, where short, itself.
pub fn described(value: &Value) -> String {
    match value {
        Value::Undefined { name, .. } => format!("the undefined `{name}`"),
        Value::None => "None".to_owned(),
        Value::Str(text) if text.len() < 40 => format!("the text '{text}'"),
        other => format!("a {}", other.type_name()),
    }
}

pub fn undefined_message(value: &Value) -> String {
    match value {
        Value::Undefined { name, .. } => format!("'{name}' is undefined"),
        other => format!("{} is undefined", described(other)),
    }
}

pub fn negate(eval: &mut Eval<'_>, value: &Value) -> Outcome<Value> {
    match value {
        Value::Float(value) => Ok(Value::Float(-value)),
        // A span of time.
        Value::Object(_) => binary(eval, Operator::Multiply, value, &Value::Int(-1)),
        value => match value.as_int() {
            Some(value) => Ok(value.checked_neg().map_or(Value::Float(-(value as f64)), Value::Int)),
            None => Err(eval.fail(format!("a {} can't be negated", value.type_name()))),
        },
    }
}

pub fn binary(eval: &mut Eval<'_>, operator: Operator, left: &Value, right: &Value) -> Outcome<Value> {
    if operator == Operator::Concat {
        let mut text = left.render();
        right.render_to(&mut text);
        return sized(eval, text);
    }
    for undefined in [left, right] {
        if undefined.is_undefined() {
            return Err(eval.fail(undefined_message(undefined)));
        }
    }
    if let Value::Object(object) = left
        && let Some(outcome) = object.clone().binary(eval, operator, right, false)
    {
        return outcome;
    }
    if let Value::Object(object) = right
        && let Some(outcome) = object.clone().binary(eval, operator, left, true)
    {
        return outcome;
    }
    let made = match operator {
        Operator::Add => add(eval, left, right)?,
        Operator::Multiply => multiply(eval, left, right)?,
        Operator::Remainder if matches!(left, Value::Str(_)) => return percent(eval, left, right),
        Operator::Subtract if matches!((left, right), (Value::Set(_), Value::Set(_))) => set_difference(left, right),
        _ => None,
    };
    if let Some(made) = made {
        return Ok(made);
    }
    match (left.as_int(), right.as_int()) {
        (Some(a), Some(b)) => integers(eval, operator, a, b),
        _ => match (left.as_float(), right.as_float()) {
            (Some(a), Some(b)) => floats(eval, operator, a, b),
            _ => {
                let sign = match operator {
                    Operator::Add => "+",
                    Operator::Subtract => "-",
                    Operator::Multiply => "*",
                    Operator::Divide => "/",
                    Operator::FloorDivide => "//",
                    Operator::Remainder => "%",
                    Operator::Power => "**",
                    Operator::Concat => "~",
                };
                Err(eval.fail(format!("unsupported operand types for {sign}: '{}' and '{}'", left.type_name(), right.type_name())))
            }
        },
    }
}

fn sized(eval: &mut Eval<'_>, text: String) -> Outcome<Value> {
    match text.len() > MAX_TEXT {
        true => Err(eval.fail(format!("the text grew beyond {} MB", MAX_TEXT >> 20))),
        false => {
            eval.work(text.len() / 16)?;
            Ok(text.into())
        }
    }
}

fn add(eval: &mut Eval<'_>, left: &Value, right: &Value) -> Outcome<Option<Value>> {
    Ok(Some(match (left, right) {
        (Value::Str(a), Value::Str(b)) => sized(eval, format!("{a}{b}"))?,
        (Value::List(a), Value::List(b)) => {
            let joined: Vec<Value> = a.borrow().iter().chain(b.borrow().iter()).cloned().collect();
            eval.work(joined.len())?;
            joined.into()
        }
        (Value::Tuple(a), Value::Tuple(b)) => {
            eval.work(a.len() + b.len())?;
            Value::tuple(a.iter().chain(b.iter()).cloned().collect())
        }
        _ => return Ok(None),
    }))
}

fn multiply(eval: &mut Eval<'_>, left: &Value, right: &Value) -> Outcome<Option<Value>> {
    let (sequence, count) = match (left, right) {
        (Value::Str(_) | Value::List(_) | Value::Tuple(_), count) => (left, count),
        (count, Value::Str(_) | Value::List(_) | Value::Tuple(_)) => (right, count),
        _ => return Ok(None),
    };
    let Some(count) = count.as_int() else { return Ok(None) };
    let count = usize::try_from(count).unwrap_or(0);
    let size = sequence.len().unwrap_or(0).saturating_mul(count);
    if size > MAX_TEXT / 16 {
        return Err(eval.fail("this repeats too often"));
    }
    eval.work(size)?;
    Ok(Some(match sequence {
        Value::Str(text) => text.repeat(count).into(),
        Value::List(items) => repeated(&items.borrow(), count).into(),
        Value::Tuple(items) => Value::tuple(repeated(items, count)),
        _ => return Ok(None),
    }))
}

fn repeated(items: &[Value], count: usize) -> Vec<Value> {
    items.iter().cycle().take(items.len() * count).cloned().collect()
}

fn set_difference(left: &Value, right: &Value) -> Option<Value> {
    let (Value::Set(a), Value::Set(b)) = (left, right) else { return None };
    let b = b.borrow();
    Some(Value::set(a.borrow().keys().filter(|key| !b.contains_key(*key)).cloned()))
}

fn integers(eval: &mut Eval<'_>, operator: Operator, a: i64, b: i64) -> Outcome<Value> {
    let zero = matches!(operator, Operator::Divide | Operator::FloorDivide | Operator::Remainder) && b == 0;
    if zero {
        return Err(eval.fail("division by zero"));
    }
    let exact = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Divide => return Ok(Value::Float(a as f64 / b as f64)),
        Operator::FloorDivide => a.checked_div_euclid(b).map(|_| (a as i128).div_euclid(b as i128) as i64 - i64::from(b < 0 && a.rem_euclid(b) != 0)),
        Operator::Remainder => a.checked_rem(b).map(|rest| if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }),
        Operator::Power if b >= 0 => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
        _ => None,
    };
    match exact {
        Some(value) => Ok(Value::Int(value)),
        None => floats(eval, operator, a as f64, b as f64),
    }
}

fn floats(eval: &mut Eval<'_>, operator: Operator, a: f64, b: f64) -> Outcome<Value> {
    if matches!(operator, Operator::Divide | Operator::FloorDivide | Operator::Remainder) && b == 0.0 {
        return Err(eval.fail("division by zero"));
    }
    Ok(Value::Float(match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        Operator::FloorDivide => (a / b).floor(),
        Operator::Remainder => a - b * (a / b).floor(),
        Operator::Power => a.powf(b),
        Operator::Concat => f64::NAN,
    }))
}

pub fn contains(eval: &mut Eval<'_>, container: &Value, item: &Value) -> Outcome<bool> {
    Ok(match container {
        Value::Str(text) => match item {
            Value::Str(part) => text.contains(&**part),
            Value::Undefined { .. } => return Err(eval.fail(undefined_message(item))),
            other => return Err(eval.fail(format!("'in <string>' requires string as left operand, not {}", other.type_name()))),
        },
        Value::Dict(map) => map.borrow().contains_key(&item.key()),
        Value::Set(items) => items.borrow().contains_key(&item.key()),
        Value::Package(package) => matches!(item, Value::Str(name) if eval.package_macro(package, name).is_some()),
        other => match other.items() {
            Some(items) => {
                eval.work(items.len())?;
                items.iter().any(|found| found.equals(item))
            }
            None => return Err(eval.fail(format!("argument of type '{}' is not iterable", other.type_name()))),
        },
    })
}

/// `object[key]` where Python's own item lookup finds it.
pub fn index(eval: &mut Eval<'_>, object: &Value, key: &Value) -> Outcome<Option<Value>> {
    let at = |len: usize| -> Option<usize> {
        let index = key.as_int()?;
        let index = if index < 0 { index + len as i64 } else { index };
        usize::try_from(index).ok().filter(|index| *index < len)
    };
    Ok(match object {
        Value::Undefined { lenient: true, .. } => Some(object.clone()),
        Value::Undefined { .. } => return Err(eval.fail(undefined_message(object))),
        Value::List(items) => {
            let items = items.borrow();
            at(items.len()).map(|at| items[at].clone())
        }
        Value::Tuple(items) => at(items.len()).map(|at| items[at].clone()),
        Value::Str(text) if key.as_int().is_some() => {
            at(text.chars().count()).and_then(|at| text.chars().nth(at)).map(|c| Value::from(c.encode_utf8(&mut [0; 4]) as &str))
        }
        Value::Dict(map) => map.borrow().get(&key.key()).cloned(),
        Value::Package(package) => key.as_str().and_then(|name| eval.package_macro(package, &name)).map(Value::Macro),
        Value::Object(_) if key.as_int().is_some() => object.items().and_then(|items| at(items.len()).map(|at| items[at].clone())),
        _ => None,
    })
}

pub fn slice(eval: &mut Eval<'_>, object: &Value, [start, stop, step]: [Option<i64>; 3]) -> Outcome<Value> {
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err(eval.fail("slice step cannot be zero"));
    }
    let Some(items) = object.items().filter(|_| !matches!(object, Value::Dict(_) | Value::Set(_))) else {
        return Err(eval.fail(format!("a {} can't be sliced", object.type_name())));
    };
    if object.is_undefined() {
        return Ok(object.clone());
    }
    let len = items.len() as i64;
    let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let bound = |bound: Option<i64>, default: i64| bound.map_or(default, |at| if at < 0 { (at + len).max(low) } else { at.min(high) });
    let (mut at, end) = if step > 0 { (bound(start, 0), bound(stop, len)) } else { (bound(start, len - 1), bound(stop, -1)) };
    let mut taken = Vec::new();
    while (step > 0 && at < end) || (step < 0 && at > end) {
        if let Some(item) = usize::try_from(at).ok().and_then(|at| items.get(at)) {
            taken.push(item.clone());
        }
        at += step;
    }
    eval.work(taken.len())?;
    Ok(match object {
        Value::Str(_) => taken.iter().map(Value::render).collect::<String>().into(),
        Value::Tuple(_) => Value::Tuple(Rc::from(taken)),
        _ => taken.into(),
    })
}

/// Python's `%` formatting.
pub fn percent(eval: &mut Eval<'_>, format: &Value, args: &Value) -> Outcome<Value> {
    let Value::Str(format) = format else { return Ok(Value::None) };
    let list: Vec<Value> = match args {
        Value::Tuple(items) => items.to_vec(),
        other => vec![other.clone()],
    };
    let mut next = list.into_iter();
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut named = None;
        if chars.peek() == Some(&'(') {
            chars.next();
            named = Some(chars.by_ref().take_while(|c| *c != ')').collect::<String>());
        }
        let mut spec = String::new();
        while chars.peek().is_some_and(|c| "-+ #0123456789.".contains(*c)) {
            spec.extend(chars.next());
        }
        let Some(kind) = chars.next() else { return Err(eval.fail("incomplete format")) };
        if kind == '%' {
            out.push('%');
            continue;
        }
        let value = match &named {
            Some(name) => match args {
                Value::Dict(map) => map.borrow().get(&Key::from(name.as_str())).cloned(),
                _ => return Err(eval.fail("format requires a mapping")),
            },
            None => next.next(),
        };
        let Some(value) = value else { return Err(eval.fail("not enough arguments for format string")) };
        match crate::format::conversion(&value, &spec, kind) {
            Some(text) => out.push_str(&text),
            None => return Err(eval.fail(format!("%{kind} format can't take a {}", value.type_name()))),
        }
    }
    if next.next().is_some() && !matches!(args, Value::Dict(_)) {
        return Err(eval.fail("not all arguments converted during string formatting"));
    }
    sized(eval, out)
}
