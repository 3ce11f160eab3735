//! The methods of Python's built-in types.

use crate::eval::{Eval, Outcome};
use crate::operators;
use crate::value::{Args, Dict, Key, List, Set, Value};

const STR: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "upper",
    "zfill",
];
const LIST: &[&str] = &["append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"];
const DICT: &[&str] = &["clear", "copy", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"];
const SET: &[&str] = &[
    "add",
    "clear",
    "copy",
    "difference",
    "discard",
    "intersection",
    "isdisjoint",
    "issubset",
    "issuperset",
    "pop",
    "remove",
    "symmetric_difference",
    "union",
    "update",
];

/// Whether the type of the value has the method.
pub fn exists(object: &Value, name: &str) -> bool {
    let methods = match object {
        Value::Str(_) => STR,
        Value::List(_) => LIST,
        Value::Dict(_) => DICT,
        Value::Set(_) => SET,
        Value::Tuple(_) => &["count", "index"],
        Value::Int(_) | Value::Bool(_) => &["bit_length"],
        Value::Float(_) => &["is_integer"],
        _ => return false,
    };
    methods.contains(&name)
}

/// Calls a built-in method; `None` where the type has none of that name.
pub fn call(eval: &mut Eval<'_>, object: &Value, name: &str, args: &Args) -> Option<Outcome<Value>> {
    if !exists(object, name) {
        return None;
    }
    Some(match object {
        Value::Str(text) => string(eval, text, name, args),
        Value::List(items) => list(eval, items, name, args),
        Value::Dict(map) => dict(eval, map, name, args),
        Value::Set(items) => set(eval, items, name, args),
        Value::Tuple(items) => sequence(eval, items, name, args),
        Value::Float(value) => Ok(Value::Bool(value.fract() == 0.0)),
        other => Ok(Value::Int(other.as_int().map_or(0, |value| i64::from(64 - value.unsigned_abs().leading_zeros())))),
    })
}

fn string(eval: &mut Eval<'_>, text: &str, name: &str, args: &Args) -> Outcome<Value> {
    eval.work(text.len() / 32)?;
    let arg = |index: usize| args.positional.get(index).and_then(Value::as_str);
    let width = || args.positional.first().and_then(Value::as_int).and_then(|width| usize::try_from(width).ok()).unwrap_or(0).min(1 << 16);
    let fill = || arg(1).and_then(|fill| fill.chars().next()).unwrap_or(' ');
    let chars_of = |set: Option<crate::ast::Name>| move |c: char| set.as_ref().map_or(c.is_whitespace(), |set| set.contains(c));
    let all = |test: fn(char) -> bool| Value::Bool(!text.is_empty() && text.chars().all(test));
    let any_of = |test: &dyn Fn(&str) -> bool| match args.positional.first() {
        Some(Value::Tuple(options)) => options.iter().filter_map(Value::as_str).any(|option| test(&option)),
        Some(Value::Str(option)) => test(option),
        _ => false,
    };
    let find = |part: &str, last: bool| {
        let (from, to) = bounds(text, args);
        let within = &text[from..to];
        let found = if last { within.rfind(part) } else { within.find(part) };
        found.map_or(-1, |at| text[..from + at].chars().count() as i64)
    };
    Ok(match name {
        "upper" => text.to_uppercase().into(),
        "lower" | "casefold" => text.to_lowercase().into(),
        "capitalize" => capitalized(text).into(),
        "title" => title(text).into(),
        "swapcase" => {
            let swap = |c: char| -> String { if c.is_uppercase() { c.to_lowercase().collect() } else { c.to_uppercase().collect() } };
            text.chars().map(swap).collect::<String>().into()
        }
        "strip" => text.trim_matches(chars_of(args.text(0, "chars"))).into(),
        "lstrip" => text.trim_start_matches(chars_of(args.text(0, "chars"))).into(),
        "rstrip" => text.trim_end_matches(chars_of(args.text(0, "chars"))).into(),
        "startswith" => Value::Bool(any_of(&|option| text.starts_with(option))),
        "endswith" => Value::Bool(any_of(&|option| text.ends_with(option))),
        "removeprefix" => arg(0).and_then(|prefix| text.strip_prefix(&*prefix)).unwrap_or(text).into(),
        "removesuffix" => arg(0).and_then(|suffix| text.strip_suffix(&*suffix)).unwrap_or(text).into(),
        "replace" => {
            let (Some(old), Some(new)) = (args.text(0, "old"), args.text(1, "new")) else {
                return Err(eval.fail("replace() needs two texts"));
            };
            if !old.is_empty() && text.matches(&*old).count().saturating_mul(new.len()) > crate::eval::MAX_TEXT {
                return Err(eval.fail("the text grew too long"));
            }
            match args.get(2, "count").and_then(Value::as_int) {
                Some(count) if count >= 0 => text.replacen(&*old, &new, count as usize).into(),
                _ => text.replace(&*old, &new).into(),
            }
        }
        "split" | "rsplit" => split(text, args, name == "rsplit").into(),
        "splitlines" => text.lines().map(Value::from).collect::<Vec<_>>().into(),
        "partition" | "rpartition" => {
            let separator = arg(0).unwrap_or_default();
            let found = if name == "partition" { text.split_once(&*separator) } else { text.rsplit_once(&*separator) };
            Value::tuple(match (found, name) {
                (Some((before, after)), _) => vec![before.into(), Value::Str(separator), after.into()],
                (None, "partition") => vec![text.into(), "".into(), "".into()],
                _ => vec!["".into(), "".into(), text.into()],
            })
        }
        "join" => {
            let Some(items) = args.positional.first().and_then(Value::items) else { return Err(eval.fail("join() needs a list")) };
            let mut joined = String::new();
            for (index, item) in items.iter().enumerate() {
                let Value::Str(part) = item else {
                    return Err(eval.fail(format!("sequence item {index}: expected str instance, {} found", item.type_name())));
                };
                if index > 0 {
                    joined.push_str(text);
                }
                joined.push_str(part);
            }
            eval.work(joined.len() / 16)?;
            joined.into()
        }
        "find" | "rfind" => Value::Int(arg(0).map_or(-1, |part| find(&part, name == "rfind"))),
        "index" | "rindex" => match arg(0).map_or(-1, |part| find(&part, name == "rindex")) {
            -1 => return Err(eval.fail("substring not found")),
            at => Value::Int(at),
        },
        "count" => match arg(0) {
            Some(part) if part.is_empty() => Value::from(text.chars().count() + 1),
            Some(part) => Value::from(text.matches(&*part).count()),
            None => return Err(eval.fail("count() needs a text")),
        },
        "format" => match crate::format::format(text, args) {
            Ok(made) => made.into(),
            Err(message) => return Err(eval.fail(message)),
        },
        "format_map" => {
            let keywords = match args.positional.first() {
                Some(Value::Dict(map)) => map.borrow().iter().map(|(key, value)| (key.value().render().into(), value.clone())).collect(),
                _ => Vec::new(),
            };
            match crate::format::format(text, &Args { positional: Vec::new(), keywords }) {
                Ok(made) => made.into(),
                Err(message) => return Err(eval.fail(message)),
            }
        }
        "zfill" => crate::format::pad(text, width(), '>', '0').into(),
        "ljust" => crate::format::pad(text, width(), '<', fill()).into(),
        "rjust" => {
            let missing = width().saturating_sub(text.chars().count());
            format!("{}{text}", fill().to_string().repeat(missing)).into()
        }
        "center" => crate::format::pad(text, width(), '^', fill()).into(),
        "expandtabs" => {
            let size = args.get(0, "tabsize").and_then(Value::as_int).map_or(8, |size| usize::try_from(size).unwrap_or(0));
            crate::format::expand_tabs(text, size.min(1 << 8)).into()
        }
        "encode" => text.into(),
        "isdigit" | "isdecimal" | "isnumeric" => all(char::is_numeric),
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isspace" => all(char::is_whitespace),
        "isascii" => Value::Bool(text.is_ascii()),
        "islower" => Value::Bool(text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase)),
        "isupper" => Value::Bool(text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase)),
        "istitle" => Value::Bool(!text.is_empty() && title(text) == text),
        _ => Value::Bool(text.starts_with(|c: char| c.is_alphabetic() || c == '_') && text.chars().all(|c| c.is_alphanumeric() || c == '_')),
    })
}

pub fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars.flat_map(char::to_lowercase)).collect())
}

/// As Python's `str.title`: letters after anything that is no letter.
pub fn title(text: &str) -> String {
    let mut after_letter = false;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if after_letter {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        after_letter = c.is_alphabetic();
    }
    out
}

/// The byte range that `find(part, start, end)` looks at.
fn bounds(text: &str, args: &Args) -> (usize, usize) {
    let len = text.chars().count() as i64;
    let at = |index: usize, default: i64| {
        let at = args.positional.get(index).and_then(Value::as_int).unwrap_or(default);
        let at = if at < 0 { (at + len).max(0) } else { at.min(len) };
        text.char_indices().nth(at as usize).map_or(text.len(), |(byte, _)| byte)
    };
    let (from, to) = (at(1, 0), at(2, len));
    (from.min(to), to)
}

fn split(text: &str, args: &Args, from_right: bool) -> Vec<Value> {
    let most = args.get(1, "maxsplit").and_then(Value::as_int).filter(|most| *most >= 0).map(|most| most as usize);
    match args.text(0, "sep").filter(|separator| !separator.is_empty()) {
        Some(separator) => match (most, from_right) {
            (None, _) => text.split(&*separator).map(Value::from).collect(),
            (Some(most), false) => text.splitn(most + 1, &*separator).map(Value::from).collect(),
            (Some(most), true) => {
                let mut parts: Vec<Value> = text.rsplitn(most + 1, &*separator).map(Value::from).collect();
                parts.reverse();
                parts
            }
        },
        None => match most {
            None => text.split_whitespace().map(Value::from).collect(),
            Some(most) => {
                let mut parts = Vec::new();
                let mut rest = text.trim();
                while parts.len() < most
                    && let Some(at) = if from_right { rest.rfind(char::is_whitespace) } else { rest.find(char::is_whitespace) }
                {
                    let (left, right) = (rest[..at].trim_end(), rest[at..].trim_start());
                    parts.push(Value::from(if from_right { right } else { left }));
                    rest = if from_right { left } else { right };
                }
                if !rest.is_empty() {
                    parts.push(rest.into());
                }
                if from_right {
                    parts.reverse();
                }
                parts
            }
        },
    }
}

fn sequence(eval: &mut Eval<'_>, items: &[Value], name: &str, args: &Args) -> Outcome<Value> {
    let Some(wanted) = args.positional.first() else { return Err(eval.fail(format!("{name}() needs a value"))) };
    match name {
        "count" => Ok(Value::from(items.iter().filter(|item| item.equals(wanted)).count())),
        _ => match items.iter().position(|item| item.equals(wanted)) {
            Some(at) => Ok(Value::from(at)),
            None => Err(eval.fail(format!("{} is not in list", wanted.repr()))),
        },
    }
}

fn list(eval: &mut Eval<'_>, items: &List, name: &str, args: &Args) -> Outcome<Value> {
    let first = || args.positional.first().cloned().unwrap_or(Value::None);
    match name {
        "append" => {
            eval.step()?;
            items.borrow_mut().push(first());
        }
        "extend" => {
            let Some(more) = first().items() else { return Err(eval.fail("extend() needs a list")) };
            eval.work(more.len())?;
            items.borrow_mut().extend(more);
        }
        "insert" => {
            let value = args.positional.get(1).cloned().unwrap_or(Value::None);
            let len = items.borrow().len() as i64;
            let at = first().as_int().unwrap_or(0);
            let at = if at < 0 { (at + len).max(0) } else { at.min(len) };
            items.borrow_mut().insert(at as usize, value);
        }
        "pop" => {
            let len = items.borrow().len() as i64;
            let at = args.positional.first().and_then(Value::as_int).unwrap_or(-1);
            let at = if at < 0 { at + len } else { at };
            if at < 0 || at >= len {
                return Err(eval.fail(if len == 0 { "pop from empty list" } else { "pop index out of range" }));
            }
            return Ok(items.borrow_mut().remove(at as usize));
        }
        "remove" => {
            let at = items.borrow().iter().position(|item| item.equals(&first()));
            match at {
                Some(at) => {
                    items.borrow_mut().remove(at);
                }
                None => return Err(eval.fail("list.remove(x): x not in list")),
            }
        }
        "clear" => items.borrow_mut().clear(),
        "reverse" => items.borrow_mut().reverse(),
        "copy" => return Ok(items.borrow().clone().into()),
        "sort" => {
            let sorted = crate::filters::sorted(eval, items.borrow().clone(), args.is_true(99, "reverse"), true, None)?;
            *items.borrow_mut() = sorted;
        }
        _ => {
            let copied = items.borrow().clone();
            return sequence(eval, &copied, name, args);
        }
    }
    Ok(Value::None)
}

fn dict(eval: &mut Eval<'_>, map: &Dict, name: &str, args: &Args) -> Outcome<Value> {
    let key = || args.positional.first().map_or(Key::None, Value::key);
    let default = || args.get(1, "default").cloned();
    Ok(match name {
        "get" => map.borrow().get(&key()).cloned().or_else(default).unwrap_or(Value::None),
        "keys" => map.borrow().keys().map(Key::value).collect::<Vec<_>>().into(),
        "values" => map.borrow().values().cloned().collect::<Vec<_>>().into(),
        "items" => map.borrow().iter().map(|(key, value)| Value::tuple(vec![key.value(), value.clone()])).collect::<Vec<_>>().into(),
        "copy" => map.borrow().clone().into(),
        "update" => {
            let more: Vec<(Key, Value)> = match args.positional.first() {
                Some(Value::Dict(other)) => other.borrow().iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
                Some(other) => match other.items() {
                    Some(pairs) => pairs.iter().filter_map(Value::items).filter(|pair| pair.len() == 2).map(|pair| (pair[0].key(), pair[1].clone())).collect(),
                    None => return Err(eval.fail(format!("'{}' object is not iterable", other.type_name()))),
                },
                None => Vec::new(),
            };
            eval.work(more.len())?;
            let mut map = map.borrow_mut();
            map.extend(more);
            map.extend(args.keywords.iter().map(|(key, value)| (Key::Str(key.clone()), value.clone())));
            Value::None
        }
        "setdefault" => map.borrow_mut().entry(key()).or_insert_with(|| default().unwrap_or(Value::None)).clone(),
        "pop" => {
            let removed = map.borrow_mut().shift_remove(&key());
            match removed.or_else(default) {
                Some(value) => value,
                None => return Err(eval.fail(format!("there is no key {} to pop", key().value().repr()))),
            }
        }
        "popitem" => {
            let popped = map.borrow_mut().pop();
            match popped {
                Some((key, value)) => Value::tuple(vec![key.value(), value]),
                None => return Err(eval.fail("popitem(): dictionary is empty")),
            }
        }
        _ => {
            map.borrow_mut().clear();
            Value::None
        }
    })
}

fn set(eval: &mut Eval<'_>, items: &Set, name: &str, args: &Args) -> Outcome<Value> {
    let mut others: Vec<Vec<Value>> = Vec::new();
    if matches!(name, "union" | "update" | "intersection" | "difference" | "symmetric_difference" | "issubset" | "issuperset" | "isdisjoint") {
        for arg in &args.positional {
            match arg.items() {
                Some(items) => others.push(items),
                None => return Err(eval.fail(format!("'{}' object is not iterable", arg.type_name()))),
            }
        }
    }
    let keys: Vec<Key> = items.borrow().keys().cloned().collect();
    let mut flat = others.iter().flatten();
    let in_other = |key: &Key| others.iter().any(|other| other.iter().any(|item| item.key() == *key));
    let in_all = |key: &Key| others.iter().all(|other| other.iter().any(|item| item.key() == *key));
    eval.work(keys.len() * others.iter().map(Vec::len).sum::<usize>().max(1))?;
    Ok(match name {
        "add" => {
            items.borrow_mut().insert(args.positional.first().map_or(Key::None, Value::key), ());
            Value::None
        }
        "update" => {
            items.borrow_mut().extend(flat.map(|item| (item.key(), ())));
            Value::None
        }
        "discard" | "remove" => {
            let key = args.positional.first().map_or(Key::None, Value::key);
            if items.borrow_mut().shift_remove(&key).is_none() && name == "remove" {
                return Err(eval.fail(format!("{} is not in the set", key.value().repr())));
            }
            Value::None
        }
        "pop" => {
            let popped = items.borrow_mut().shift_remove_index(0);
            match popped {
                Some((key, ())) => key.value(),
                None => return Err(eval.fail("pop from an empty set")),
            }
        }
        "clear" => {
            items.borrow_mut().clear();
            Value::None
        }
        "union" => Value::set(keys.iter().cloned().chain(flat.map(Value::key))),
        "intersection" => Value::set(keys.into_iter().filter(|key| in_all(key))),
        "difference" => Value::set(keys.into_iter().filter(|key| !in_other(key))),
        "symmetric_difference" => {
            let more: Vec<Key> = flat.map(Value::key).filter(|key| !keys.contains(key)).collect();
            Value::set(keys.iter().filter(|key| !in_other(key)).cloned().chain(more))
        }
        "issubset" => Value::Bool(keys.iter().all(in_other)),
        "issuperset" => Value::Bool(flat.all(|item| keys.contains(&item.key()))),
        "isdisjoint" => Value::Bool(!keys.iter().any(in_other)),
        _ => Value::set(keys),
    })
}

/// `len()`, as the `length` filter.
pub fn length(eval: &mut Eval<'_>, value: &Value) -> Outcome<Value> {
    match value.len() {
        Some(len) => Ok(Value::from(len)),
        None => Err(eval.fail(format!("{} has no length", operators::described(value)))),
    }
}
