//! YAML as plain data, as PyYAML's safe loader gives it to dbt: YAML 1.1 scalars (`yes`, `0777`, `12:30`, `1_000`), merged mappings,
//! the last of duplicate keys. Dates and times are the text that they become in a manifest (`isoformat`).

use crate::yaml::{Kind, Node, Style, Yaml};
use data::{Map, Value};
use std::collections::HashSet;
use std::sync::Arc;

/// The data of a document; null where it is empty.
pub fn document(yaml: &Yaml) -> Value {
    yaml.root.as_ref().map_or(Value::Null, of)
}

/// The data of one node. Keys become text, as a manifest's do.
pub fn of(node: &Node) -> Value {
    Reader::default().of(node)
}

/// Reads the nodes of one file; short texts that come again, such as keys, are kept once.
#[derive(Default)]
pub struct Reader {
    known: HashSet<Arc<str>>,
}

/// Longer texts hardly come again.
const SHORT: usize = 24;

impl Reader {
    /// See [`of`].
    pub fn of(&mut self, node: &Node) -> Value {
        match &node.kind {
            Kind::Scalar { value, style: Style::Plain } => self.once(plain(value)),
            Kind::Scalar { value, .. } => self.once(Value::from(value)),
            Kind::Seq { items, .. } => items.iter().map(|item| self.of(item)).collect(),
            Kind::Map { entries, .. } => {
                let mut merged = Map::new();
                merge(entries, &mut merged);
                let own = entries.iter().filter(|(key, _)| !is_merge(key)).map(|(key, value)| (self.key(key), self.of(value)));
                Value::Object(if merged.is_empty() { own.collect() } else { merged.into_iter().chain(own).collect() })
            }
        }
    }

    fn key(&mut self, key: &Node) -> Arc<str> {
        let written = if let Kind::Scalar { value, .. } = &key.kind { Some(value.as_str()) } else { None };
        if let Some(known) = written.and_then(|written| self.known.get(written)) {
            return known.clone();
        }
        let text = key_text(key);
        // A key that reads as something else, such as `yes`, is no such text.
        if written == Some(&*text) {
            self.known.insert(text.clone());
        }
        text
    }

    fn once(&mut self, value: Value) -> Value {
        match value {
            Value::String(text) if text.len() <= SHORT => match self.known.get(&text) {
                Some(known) => Value::String(known.clone()),
                None => {
                    self.known.insert(text.clone());
                    Value::String(text)
                }
            },
            value => value,
        }
    }
}

fn is_merge(key: &Node) -> bool {
    matches!(&key.kind, Kind::Scalar { value, style: Style::Plain } if value == "<<")
}

/// What `<<` brings comes first and is overridden; of a list's mappings the first wins.
fn merge(entries: &[(Node, Node)], map: &mut Map) {
    for (_, value) in entries.iter().filter(|(key, _)| is_merge(key)) {
        let sources = match &value.kind {
            Kind::Seq { items, .. } => items.iter().rev().collect(),
            _ => vec![value],
        };
        for source in sources {
            if let Value::Object(merged) = of(source) {
                map.extend(merged);
            }
        }
    }
}

/// A mapping's key as text.
pub fn key_text(key: &Node) -> Arc<str> {
    match of(key) {
        Value::String(text) => text,
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Null => "None".into(),
        other => other.to_string().into(),
    }
}

/// A scalar without quotes.
pub fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Value::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => return Value::Bool(false),
        _ => {}
    }
    let starts_like_number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    match starts_like_number.then(|| integer(text).map(Value::from).or_else(|| float(text)).or_else(|| timestamp(text).map(Value::from))).flatten() {
        Some(number) => number,
        None => text.into(),
    }
}

/// `tag:yaml.org,2002:int` of YAML 1.1, without the base-60 floats.
fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let value = if let Some(binary) = digits.strip_prefix("0b") {
        radix(binary, 2)?
    } else if let Some(hexadecimal) = digits.strip_prefix("0x") {
        radix(hexadecimal, 16)?
    } else if digits == "0" {
        0
    } else if let Some(octal) = digits.strip_prefix('0') {
        radix(octal, 8)?
    } else if digits.contains(':') {
        sexagesimal(digits)?
    } else {
        radix(digits, 10)?
    };
    Some(if negative { -value } else { value })
}

fn radix(digits: &str, base: u32) -> Option<i64> {
    if digits.is_empty() || !digits.chars().all(|c| c == '_' || c.is_digit(base)) || (base == 10 && digits.starts_with('_')) {
        return None;
    }
    i64::from_str_radix(&digits.replace('_', ""), base).ok()
}

fn sexagesimal(digits: &str) -> Option<i64> {
    let mut parts = digits.split(':');
    let mut value = radix(parts.next()?, 10)?;
    for part in parts {
        let minute: i64 = part.parse().ok().filter(|_| part.len() <= 2 && part.chars().all(|c| c.is_ascii_digit()))?;
        if minute > 59 {
            return None;
        }
        value = value.checked_mul(60)?.checked_add(minute)?;
    }
    Some(value)
}

/// `tag:yaml.org,2002:float`: a point is needed, and an exponent needs its sign. Infinities have no JSON and become text.
fn float(text: &str) -> Option<Value> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return Some(text.trim_start_matches('+').replace('.', "").to_lowercase().into());
    }
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(mantissa, exponent)| (mantissa, Some(exponent)));
    let (whole, fraction) = mantissa.split_once('.')?;
    let are_digits = |part: &str| part.chars().all(|c| c.is_ascii_digit() || c == '_');
    let well_formed =
        are_digits(whole) && are_digits(fraction) && !whole.starts_with('_') && (!whole.is_empty() || fraction.starts_with(|c: char| c.is_ascii_digit()));
    let exponent_fits = exponent
        .is_none_or(|exponent| exponent.strip_prefix(['+', '-']).is_some_and(|digits| !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())));
    if !well_formed || !exponent_fits {
        return None;
    }
    let value: f64 = text.replace('_', "").parse().ok()?;
    value.is_finite().then_some(Value::Float(value))
}

/// `tag:yaml.org,2002:timestamp` with a time, as Python's `isoformat` writes it.
fn timestamp(text: &str) -> Option<String> {
    let digits = |part: &str, counts: std::ops::RangeInclusive<usize>| counts.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let at = text.find(['T', 't', ' ', '\t'])?;
    let (date, rest) = text.split_at(at);
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let time = rest[1..].trim_start();
    let end = time.find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.').unwrap_or(time.len());
    let (clock, zone) = (&time[..end], time[end..].trim());
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts_of_clock = clock.split(':');
    let (hour, minute, second) = (parts_of_clock.next()?, parts_of_clock.next()?, parts_of_clock.next()?);
    let fits = digits(year, 4..=4) && digits(month, 1..=2) && digits(day, 1..=2) && digits(hour, 1..=2) && digits(minute, 2..=2) && digits(second, 2..=2);
    if !fits || parts.next().is_some() || parts_of_clock.next().is_some() || !digits(fraction, 0..=fraction.len()) {
        return None;
    }
    let fraction = if fraction.bytes().any(|byte| byte != b'0') { format!(".{:0<6.6}", fraction) } else { String::new() };
    let zone = match zone {
        "" => String::new(),
        "Z" => "+00:00".to_owned(),
        zone => {
            let (sign, offset) = zone.split_at_checked(1).filter(|(sign, _)| matches!(*sign, "+" | "-"))?;
            let (hours, minutes) = offset.split_once(':').unwrap_or((offset, "00"));
            if !digits(hours, 1..=2) || !digits(minutes, 2..=2) {
                return None;
            }
            format!("{sign}{hours:0>2}:{minutes}")
        }
    };
    Some(format!("{year}-{month:0>2}-{day:0>2}T{hour:0>2}:{minute}:{second}{fraction}{zone}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_mean_what_pyyaml_says() {
        let shown: Vec<String> = [
            "yes",
            "0777",
            "12:30",
            "1_000",
            "0x1F",
            "1e3",
            "1.5e+3",
            "1.",
            ".5",
            "08",
            "2020-01-01",
            "-3",
            "'yes'",
            "null",
            "1.2.3",
            "0",
            "+7",
            "2024-05-01 12:30:00",
            "2001-12-14t21:59:43.10-05:00",
        ]
        .iter()
        .map(|text| document(&crate::yaml::parse(text)).to_string())
        .collect();
        assert_eq!(
            shown.join(" "),
            r#"true 511 750 1000 31 "1e3" 1500.0 1.0 0.5 "08" "2020-01-01" -3 "yes" null "1.2.3" 0 7 "2024-05-01T12:30:00" "2001-12-14T21:59:43.100000-05:00""#
        );
    }

    #[test]
    fn merges_and_duplicates() {
        let data = document(&crate::yaml::parse("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\nc: 1\nc: 2\n1: one\ntrue: t\n"));
        assert_eq!(data.to_string(), r#"{"a":{"x":1,"y":2},"b":{"x":1,"y":3},"c":2,"1":"one","True":"t"}"#);
    }
}
