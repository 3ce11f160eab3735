//! `toyaml()`: block style as PyYAML's `safe_dump` writes it.

use crate::value::{Key, Value};
use syntax::yaml::Style;
use syntax::yaml_scalar;

/// `yaml.safe_dump(value, sort_keys=…)`.
pub fn dump(value: &Value, sort_keys: bool) -> String {
    let mut out = String::new();
    match value {
        Value::Dict(_) | Value::List(_) | Value::Tuple(_) if value.is_true() => write(value, sort_keys, 0, &mut out),
        scalar_value => {
            out.push_str(&scalar(scalar_value));
            // PyYAML closes a document of one plain scalar.
            out.push_str(if matches!(scalar_value, Value::Dict(_) | Value::List(_) | Value::Tuple(_)) { "\n" } else { "\n...\n" });
        }
    }
    out
}

fn write(value: &Value, sort_keys: bool, indent: usize, out: &mut String) {
    if indent > 128 {
        return;
    }
    let pad = " ".repeat(indent);
    match value {
        Value::Dict(map) => {
            let mut entries: Vec<(Key, Value)> = map.borrow().iter().map(|(key, value)| (key.clone(), value.clone())).collect();
            if sort_keys {
                entries.sort_by_key(|(key, _)| key.value().render());
            }
            for (key, value) in entries {
                out.push_str(&format!("{pad}{}:", scalar(&key.value())));
                match &value {
                    Value::Dict(_) if value.is_true() => {
                        out.push('\n');
                        write(&value, sort_keys, indent + 2, out);
                    }
                    // PyYAML doesn't indent a list inside of a mapping.
                    Value::List(_) | Value::Tuple(_) if value.is_true() => {
                        out.push('\n');
                        write(&value, sort_keys, indent, out);
                    }
                    other => out.push_str(&format!(" {}\n", scalar(other))),
                }
            }
        }
        other => {
            for item in other.items().unwrap_or_default() {
                match &item {
                    Value::Dict(_) | Value::List(_) | Value::Tuple(_) if item.is_true() => {
                        let mut inner = String::new();
                        write(&item, sort_keys, indent + 2, &mut inner);
                        out.push_str(&format!("{pad}- {}", inner.trim_start()));
                    }
                    other => out.push_str(&format!("{pad}- {}\n", scalar(other))),
                }
            }
        }
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::None | Value::Undefined { .. } => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Dict(_) => "{}".to_owned(),
        Value::List(_) | Value::Tuple(_) => "[]".to_owned(),
        Value::Str(text) => yaml_scalar::write(text, Style::Plain, 0, "\n"),
        other => other.render(),
    }
}
