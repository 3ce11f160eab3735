//! JSON as Python's `json` module reads and writes it.

use crate::value::{Key, Value};
use std::fmt::Write;

/// `json.dumps(value, sort_keys=…, indent=…)`; the error is Python's for what has no JSON.
pub fn dumps(value: &Value, sort_keys: bool, indent: Option<usize>) -> Result<String, String> {
    let mut out = String::new();
    write(value, sort_keys, indent, 0, &mut out)?;
    Ok(out)
}

fn write(value: &Value, sort_keys: bool, indent: Option<usize>, depth: usize, out: &mut String) -> Result<(), String> {
    if depth > 64 {
        return Err("Circular reference detected".to_owned());
    }
    let newline = |out: &mut String, depth: usize| {
        if let Some(indent) = indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent * depth));
        }
    };
    let separator = if indent.is_some() { "," } else { ", " };
    match value {
        Value::None => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => {
            let _ = write!(out, "{value}");
        }
        Value::Float(value) if value.is_nan() => out.push_str("NaN"),
        Value::Float(value) if value.is_infinite() => out.push_str(if *value > 0.0 { "Infinity" } else { "-Infinity" }),
        Value::Float(value) => out.push_str(&crate::value::float(*value)),
        Value::Str(text) => string(text, out),
        Value::List(_) | Value::Tuple(_) => {
            let items = value.items().unwrap_or_default();
            if items.is_empty() {
                out.push_str("[]");
                return Ok(());
            }
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(separator);
                }
                newline(out, depth + 1);
                write(item, sort_keys, indent, depth + 1, out)?;
            }
            newline(out, depth);
            out.push(']');
        }
        Value::Dict(map) => {
            let map = map.borrow();
            if map.is_empty() {
                out.push_str("{}");
                return Ok(());
            }
            let mut entries: Vec<(String, &Value)> = map.iter().map(|(key, value)| (key_text(key), value)).collect();
            if sort_keys {
                entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            }
            out.push('{');
            for (index, (key, value)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push_str(separator);
                }
                newline(out, depth + 1);
                string(&key, out);
                out.push_str(": ");
                write(value, sort_keys, indent, depth + 1, out)?;
            }
            newline(out, depth);
            out.push('}');
        }
        other => return Err(format!("Object of type {} is not JSON serializable", other.type_name())),
    }
    Ok(())
}

fn key_text(key: &Key) -> String {
    match key {
        Key::Bool(value) => value.to_string(),
        Key::None => "null".to_owned(),
        other => other.value().render(),
    }
}

/// A string with everything outside of ASCII escaped.
fn string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if (' '..='~').contains(&c) => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// `json.loads`; `None` for what isn't JSON.
pub fn loads(text: &str) -> Option<Value> {
    serde_json::from_str::<data::Value>(text).ok().map(|value| Value::from(&value))
}
