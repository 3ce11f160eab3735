//! Jinja's built-in filters and dbt's four.

use crate::eval::{Eval, Outcome};
use crate::methods;
use crate::operators;
use crate::value::{Args, Key, Map, Value};
use std::cmp::Ordering;

const NAMES: &[&str] = &[
    "abs",
    "as_bool",
    "as_native",
    "as_number",
    "as_text",
    "attr",
    "batch",
    "capitalize",
    "center",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "filesizeformat",
    "first",
    "float",
    "forceescape",
    "format",
    "groupby",
    "indent",
    "int",
    "is_list",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "random",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "string",
    "striptags",
    "sum",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
    "urlize",
    "wordcount",
    "wordwrap",
    "xmlattr",
];

/// Whether there is a filter of the name.
pub fn exists(name: &str) -> bool {
    NAMES.contains(&name)
}

/// `value | name(args)`.
pub fn apply(eval: &mut Eval<'_>, name: &str, value: Value, args: &Args) -> Outcome<Value> {
    let text = || value.render();
    Ok(match name {
        "upper" => text().to_uppercase().into(),
        "lower" => text().to_lowercase().into(),
        "capitalize" => methods::capitalized(&text()).into(),
        "title" => title(&text()).into(),
        "trim" => match args.text(0, "chars") {
            Some(chars) => text().trim_matches(|c| chars.contains(c)).into(),
            None => text().trim().into(),
        },
        "string" | "safe" | "as_text" => text().into(),
        "as_bool" | "as_number" | "as_native" if !eval.native => value,
        "as_bool" => Value::object(Marked { filter: "as_bool", text: text().into() }),
        "as_number" => Value::object(Marked { filter: "as_number", text: text().into() }),
        "as_native" => Value::object(Marked { filter: "as_native", text: text().into() }),
        "replace" => {
            let (old, new) = (args.get(0, "old").map(Value::render).unwrap_or_default(), args.get(1, "new").map(Value::render).unwrap_or_default());
            match args.get(2, "count").and_then(Value::as_int) {
                Some(count) => text().replacen(&old, &new, usize::try_from(count).unwrap_or(0)).into(),
                None => text().replace(&old, &new).into(),
            }
        }
        "default" | "d" => {
            let use_default = value.is_undefined() || (args.is_true(1, "boolean") && !value.is_true());
            if use_default { args.get(0, "default_value").cloned().unwrap_or_else(|| "".into()) } else { value }
        }
        "length" | "count" => methods::length(eval, &value)?,
        "list" => sequence(eval, &value)?.into(),
        "items" => match &value {
            Value::Undefined { .. } => Vec::new().into(),
            other => return eval.call_method(other, &"items".into(), Args::default()),
        },
        "first" => sequence(eval, &value)?.into_iter().next().unwrap_or_else(|| eval.undefined("the first item of an empty sequence")),
        "last" => sequence(eval, &value)?.into_iter().next_back().unwrap_or_else(|| eval.undefined("the last item of an empty sequence")),
        "random" => sequence(eval, &value)?.into_iter().next().unwrap_or_else(|| eval.undefined("a random item of an empty sequence")),
        "reverse" => match &value {
            Value::Str(text) => text.chars().rev().collect::<String>().into(),
            other => {
                let mut items = sequence(eval, other)?;
                items.reverse();
                items.into()
            }
        },
        "join" => join(eval, &value, args)?,
        "map" => map(eval, &value, args)?,
        "select" | "reject" => select(eval, &value, args, name == "select")?,
        "selectattr" | "rejectattr" => select_attribute(eval, &value, args, name == "selectattr")?,
        "sort" => {
            let items = sequence(eval, &value)?;
            let attribute = args.get(2, "attribute").cloned();
            sorted(eval, items, args.is_true(0, "reverse"), args.is_true(1, "case_sensitive"), attribute)?.into()
        }
        "dictsort" => dictsort(eval, &value, args)?,
        "unique" => unique(eval, &value, args)?,
        "groupby" => groupby(eval, &value, args)?,
        "min" | "max" => extreme(eval, &value, args, name == "max")?,
        "sum" => {
            let mut total = args.get(1, "start").cloned().unwrap_or(Value::Int(0));
            for item in sequence(eval, &value)? {
                let item = match args.get(0, "attribute") {
                    Some(attribute) => path(eval, &item, attribute)?,
                    None => item,
                };
                total = operators::binary(eval, crate::ast::Operator::Add, &total, &item)?;
            }
            total
        }
        "batch" | "slice" => batch(eval, &value, args, name == "batch")?,
        "abs" => match &value {
            Value::Float(value) => Value::Float(value.abs()),
            other => match other.as_int() {
                Some(value) => Value::Int(value.saturating_abs()),
                None => return Err(eval.fail(format!("bad operand type for abs(): '{}'", other.type_name()))),
            },
        },
        "int" => int(&value, args),
        "float" => match &value {
            Value::Str(text) => text.trim().parse().map_or_else(|_| args.get(0, "default").cloned().unwrap_or(Value::Float(0.0)), Value::Float),
            other => other.as_float().map_or_else(|| args.get(0, "default").cloned().unwrap_or(Value::Float(0.0)), Value::Float),
        },
        "round" => round(eval, &value, args)?,
        "attr" => match args.text(0, "name") {
            Some(name) => eval.attribute(&value, &name)?,
            None => return Err(eval.fail("attr needs a name")),
        },
        "tojson" => {
            let indent = args.get(0, "indent").and_then(Value::as_int).and_then(|indent| usize::try_from(indent).ok());
            match crate::json::dumps(&value, true, indent) {
                Ok(json) => json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").replace('\'', "\\u0027").into(),
                Err(message) => return Err(eval.fail(message)),
            }
        }
        "is_list" => Value::Bool(matches!(value, Value::List(_))),
        "pprint" => value.repr().into(),
        "format" => match args.keywords.is_empty() {
            true => operators::percent(eval, &text().into(), &Value::tuple(args.positional.clone()))?,
            false => {
                let map = args.keywords.iter().map(|(key, value)| (Key::Str(key.clone()), value.clone())).collect::<Map>();
                operators::percent(eval, &text().into(), &map.into())?
            }
        },
        "center" => {
            let width = args.get(0, "width").and_then(Value::as_int).and_then(|width| usize::try_from(width).ok()).unwrap_or(80).min(1 << 16);
            crate::format::pad(&text(), width, '^', ' ').into()
        }
        "indent" => indent(&text(), args).into(),
        "wordcount" => Value::from(text().split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).count()),
        "wordwrap" => wordwrap(&text(), args).into(),
        "truncate" => truncate(&text(), args).into(),
        "escape" | "e" | "forceescape" => escape(&text()).into(),
        "striptags" => striptags(&text()).into(),
        "urlencode" => urlencode(&value).into(),
        "urlize" => text().into(),
        "xmlattr" => {
            let pairs: Vec<String> = match &value {
                Value::Dict(map) => map
                    .borrow()
                    .iter()
                    .filter(|(_, value)| !value.is_none() && !value.is_undefined())
                    .map(|(key, value)| format!("{}=\"{}\"", escape(&key.value().render()), escape(&value.render())))
                    .collect(),
                _ => Vec::new(),
            };
            if pairs.is_empty() { "".into() } else { format!(" {}", pairs.join(" ")).into() }
        }
        "filesizeformat" => filesize(value.as_float().unwrap_or(0.0), args.is_true(0, "binary")).into(),
        _ => return Err(eval.fail(format!("No filter named '{name}'"))),
    })
}

fn sequence(eval: &mut Eval<'_>, value: &Value) -> Outcome<Vec<Value>> {
    match value.items() {
        Some(items) => {
            eval.work(items.len())?;
            Ok(items)
        }
        None => Err(eval.fail(format!("{} can't be looped over", operators::described(value)))),
    }
}

/// Jinja's title-case: words after white space and `-([{<`.
fn title(text: &str) -> String {
    let mut start = true;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match start {
            true => out.extend(c.to_uppercase()),
            false => out.extend(c.to_lowercase()),
        }
        start = c.is_whitespace() || "-([{<".contains(c);
    }
    out
}

/// What dbt's `as_bool`, `as_number` and `as_native` give while values are rendered natively: a text that is marked, and true unless
/// it is empty, `False` too. Only where it is a whole value it becomes what it stands for (`quoted_native_concat`).
struct Marked {
    filter: &'static str,
    text: crate::ast::Name,
}

impl crate::value::Object for Marked {
    fn type_name(&self) -> &'static str {
        "str"
    }
    fn render(&self) -> String {
        self.text.to_string()
    }
    fn repr(&self) -> String {
        Value::Str(self.text.clone()).repr()
    }
    fn is_true(&self) -> bool {
        !self.text.is_empty()
    }
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// The value that a whole expression stands for.
pub fn unmarked(eval: &mut Eval<'_>, value: Value) -> Outcome<Value> {
    match value.downcast::<Marked>().map(|marked| (marked.filter, marked.text.clone())) {
        Some((filter, text)) => native(eval, filter, Value::Str(text)),
        None => Ok(value),
    }
}

fn native(eval: &mut Eval<'_>, name: &str, value: Value) -> Outcome<Value> {
    let Value::Str(text) = &value else { return Ok(value) };
    let parsed = literal(text);
    match (name, parsed) {
        ("as_bool", Some(made @ Value::Bool(_))) => Ok(made),
        ("as_bool", _) => Err(eval.fail(format!("Could not convert value '{text}' into type 'bool'"))),
        ("as_number", Some(made @ (Value::Int(_) | Value::Float(_)))) => Ok(made),
        ("as_number", _) => Err(eval.fail(format!("Could not convert value '{text}' into type 'number'"))),
        (_, made) => Ok(made.unwrap_or(value)),
    }
}

/// As Python's `ast.literal_eval`.
pub fn literal(text: &str) -> Option<Value> {
    use crate::ast::{Const, ExprKind};
    fn of(expr: &crate::ast::Expr) -> Option<Value> {
        Some(match &expr.kind {
            // Jinja knows lower-case ones too; Python doesn't.
            ExprKind::Const(value) => Value::from(value),
            ExprKind::Negate(inner) => match of(inner)? {
                Value::Int(value) => Value::Int(-value),
                Value::Float(value) => Value::Float(-value),
                _ => return None,
            },
            ExprKind::List(items) => items.iter().map(of).collect::<Option<Vec<_>>>()?.into(),
            ExprKind::Tuple(items) => Value::tuple(items.iter().map(of).collect::<Option<Vec<_>>>()?),
            ExprKind::Dict(entries) => entries.iter().map(|(key, value)| Some((of(key)?.key(), of(value)?))).collect::<Option<Map>>()?.into(),
            _ => return None,
        })
    }
    let text = text.trim();
    if matches!(text, "true" | "false" | "none") {
        return None;
    }
    let expr = crate::lower::parse_expression(text, 0).ok()?;
    match &expr.kind {
        ExprKind::Const(Const::Str(_)) if !text.starts_with(['\'', '"']) => None,
        _ => of(&expr),
    }
}

fn join(eval: &mut Eval<'_>, value: &Value, args: &Args) -> Outcome<Value> {
    let separator = args.get(0, "d").map(Value::render).unwrap_or_default();
    let mut joined = String::new();
    for (index, item) in sequence(eval, value)?.into_iter().enumerate() {
        if index > 0 {
            joined.push_str(&separator);
        }
        match args.get(1, "attribute") {
            Some(attribute) => path(eval, &item, attribute)?.render_to(&mut joined),
            None => item.render_to(&mut joined),
        }
        if joined.len() > crate::eval::MAX_TEXT {
            return Err(eval.fail("the text grew too long"));
        }
    }
    Ok(joined.into())
}

/// `a.b.0` of a value, as the filters' `attribute` says it.
fn path(eval: &mut Eval<'_>, value: &Value, attribute: &Value) -> Outcome<Value> {
    let Value::Str(names) = attribute else { return eval.item(value, attribute) };
    let mut found = value.clone();
    for name in names.split('.') {
        let key = name.parse().map_or_else(|_| Value::from(name), Value::Int);
        found = eval.item(&found, &key)?;
    }
    Ok(found)
}

fn map(eval: &mut Eval<'_>, value: &Value, args: &Args) -> Outcome<Value> {
    let items = sequence(eval, value)?;
    let mut made = Vec::with_capacity(items.len());
    let attribute = args.keyword("attribute").filter(|_| args.positional.is_empty()).cloned();
    let filter = args.text(0, "name");
    let rest = Args { positional: args.positional.iter().skip(1).cloned().collect(), keywords: args.keywords.clone() };
    for item in items {
        eval.step()?;
        made.push(match (&attribute, &filter) {
            (Some(attribute), _) => {
                let found = path(eval, &item, attribute)?;
                match args.keyword("default") {
                    Some(default) if found.is_undefined() => default.clone(),
                    _ => found,
                }
            }
            (None, Some(filter)) => apply(eval, filter, item, &rest)?,
            (None, None) => return Err(eval.fail("map requires a filter argument")),
        });
    }
    Ok(made.into())
}

fn select(eval: &mut Eval<'_>, value: &Value, args: &Args, keep: bool) -> Outcome<Value> {
    let test = args.text(0, "name");
    let rest = Args::of(args.positional.iter().skip(1).cloned());
    let mut kept = Vec::new();
    for item in sequence(eval, value)? {
        eval.step()?;
        let passes = match &test {
            Some(test) => crate::tests::check(eval, test, &item, &rest)?,
            None => item.is_true(),
        };
        if passes == keep {
            kept.push(item);
        }
    }
    Ok(kept.into())
}

fn select_attribute(eval: &mut Eval<'_>, value: &Value, args: &Args, keep: bool) -> Outcome<Value> {
    let Some(attribute) = args.positional.first().cloned() else { return Err(eval.fail("selectattr needs an attribute")) };
    let test = args.positional.get(1).and_then(Value::as_str);
    let rest = Args::of(args.positional.iter().skip(2).cloned());
    let mut kept = Vec::new();
    for item in sequence(eval, value)? {
        eval.step()?;
        let found = path(eval, &item, &attribute)?;
        let passes = match &test {
            Some(test) => crate::tests::check(eval, test, &found, &rest)?,
            None => found.is_true(),
        };
        if passes == keep {
            kept.push(item);
        }
    }
    Ok(kept.into())
}

fn folded(value: Value, case_sensitive: bool) -> Value {
    match value {
        Value::Str(text) if !case_sensitive => text.to_lowercase().into(),
        other => other,
    }
}

/// Sorts as Python does; what can't be ordered is an error.
pub fn sorted(eval: &mut Eval<'_>, items: Vec<Value>, reverse: bool, case_sensitive: bool, attribute: Option<Value>) -> Outcome<Vec<Value>> {
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        let key = match attribute.as_ref().filter(|attribute| !attribute.is_none()) {
            // Several attributes are written with commas.
            Some(Value::Str(names)) if names.contains(',') => {
                let mut keys = Vec::new();
                for name in names.split(',') {
                    keys.push(folded(path(eval, &item, &Value::from(name))?, case_sensitive));
                }
                Value::tuple(keys)
            }
            Some(attribute) => folded(path(eval, &item, attribute)?, case_sensitive),
            None => folded(item.clone(), case_sensitive),
        };
        keyed.push((key, item));
    }
    eval.work(keyed.len() * 8)?;
    let mut failed = None;
    keyed.sort_by(|(a, _), (b, _)| {
        let ordering = a.compare(b).unwrap_or_else(|| {
            failed.get_or_insert_with(|| format!("a {} and a {} can't be ordered", a.type_name(), b.type_name()));
            Ordering::Equal
        });
        if reverse { ordering.reverse() } else { ordering }
    });
    match failed {
        Some(message) => Err(eval.fail(message)),
        None => Ok(keyed.into_iter().map(|(_, item)| item).collect()),
    }
}

fn dictsort(eval: &mut Eval<'_>, value: &Value, args: &Args) -> Outcome<Value> {
    let Value::Dict(map) = value else { return Err(eval.fail(format!("dictsort needs a dict, not {}", operators::described(value)))) };
    let pairs: Vec<Value> = map.borrow().iter().map(|(key, value)| Value::tuple(vec![key.value(), value.clone()])).collect();
    let by = if args.text(1, "by").as_deref() == Some("value") { 1 } else { 0 };
    Ok(sorted(eval, pairs, args.is_true(2, "reverse"), args.is_true(0, "case_sensitive"), Some(Value::Int(by)))?.into())
}

fn unique(eval: &mut Eval<'_>, value: &Value, args: &Args) -> Outcome<Value> {
    let mut seen = indexmap::IndexSet::<Key>::new();
    let mut kept = Vec::new();
    for item in sequence(eval, value)? {
        let key = match args.get(1, "attribute").filter(|attribute| !attribute.is_none()) {
            Some(attribute) => path(eval, &item, attribute)?,
            None => item.clone(),
        };
        if seen.insert(folded(key, args.is_true(0, "case_sensitive")).key()) {
            kept.push(item);
        }
    }
    Ok(kept.into())
}

fn groupby(eval: &mut Eval<'_>, value: &Value, args: &Args) -> Outcome<Value> {
    let Some(attribute) = args.get(0, "attribute").cloned() else { return Err(eval.fail("groupby needs an attribute")) };
    let items = sequence(eval, value)?;
    let mut groups: indexmap::IndexMap<Key, (Value, Vec<Value>)> = indexmap::IndexMap::new();
    for item in sorted(eval, items, false, args.is_true(2, "case_sensitive"), Some(attribute.clone()))? {
        let mut key = path(eval, &item, &attribute)?;
        if key.is_undefined()
            && let Some(default) = args.get(1, "default")
        {
            key = default.clone();
        }
        groups.entry(folded(key.clone(), args.is_true(2, "case_sensitive")).key()).or_insert_with(|| (key, Vec::new())).1.push(item);
    }
    let made: Vec<Value> = groups.into_values().map(|(grouper, list)| Value::object(crate::functions::Group { grouper, list: list.into() })).collect();
    Ok(made.into())
}

fn extreme(eval: &mut Eval<'_>, value: &Value, args: &Args, greatest: bool) -> Outcome<Value> {
    let items = sequence(eval, value)?;
    let sorted = sorted(eval, items, false, args.is_true(0, "case_sensitive"), args.get(1, "attribute").cloned())?;
    let found = if greatest { sorted.into_iter().next_back() } else { sorted.into_iter().next() };
    Ok(found.unwrap_or_else(|| eval.undefined("the extreme of an empty sequence")))
}

fn batch(eval: &mut Eval<'_>, value: &Value, args: &Args, by_size: bool) -> Outcome<Value> {
    let items = sequence(eval, value)?;
    let count = args.positional.first().or_else(|| args.keyword("linecount")).or_else(|| args.keyword("slices")).and_then(Value::as_int);
    let count = count.and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0).unwrap_or(1);
    let fill = args.get(1, "fill_with").filter(|fill| !fill.is_none()).cloned();
    let mut made: Vec<Value> = Vec::new();
    if by_size {
        for chunk in items.chunks(count) {
            let mut chunk = chunk.to_vec();
            if let Some(fill) = &fill {
                chunk.resize(count.min(1 << 16), fill.clone());
            }
            made.push(chunk.into());
        }
    } else {
        let (each, more) = (items.len() / count, items.len() % count);
        let mut at = 0;
        for index in 0..count.min(1 << 16) {
            let size = each + usize::from(index < more);
            let mut chunk = items[at..at + size].to_vec();
            at += size;
            if let Some(fill) = &fill
                && index >= more
                && more > 0
            {
                chunk.push(fill.clone());
            }
            made.push(chunk.into());
        }
    }
    Ok(made.into())
}

fn int(value: &Value, args: &Args) -> Value {
    let default = || args.get(0, "default").cloned().unwrap_or(Value::Int(0));
    match value {
        Value::Str(text) => {
            let text = text.trim().replace('_', "");
            let base =
                args.get(1, "base").and_then(Value::as_int).and_then(|base| u32::try_from(base).ok()).filter(|base| (2..=36).contains(base)).unwrap_or(10);
            let digits = match base {
                16 => text.trim_start_matches("0x").trim_start_matches("0X"),
                _ => &text,
            };
            i64::from_str_radix(digits, base)
                .ok()
                .or_else(|| text.parse::<f64>().ok().filter(|value| value.is_finite()).map(|value| value as i64))
                .map_or_else(default, Value::Int)
        }
        Value::Float(value) if value.is_finite() => Value::Int(*value as i64),
        other => other.as_int().map_or_else(default, Value::Int),
    }
}

fn round(eval: &mut Eval<'_>, value: &Value, args: &Args) -> Outcome<Value> {
    let Some(number) = value.as_float() else { return Err(eval.fail(format!("{} can't be rounded", operators::described(value)))) };
    let precision = args.get(0, "precision").and_then(Value::as_int).unwrap_or(0).clamp(-300, 300) as i32;
    let scale = 10_f64.powi(precision);
    let scaled = number * scale;
    Ok(Value::Float(match args.text(1, "method").as_deref() {
        Some("ceil") => scaled.ceil() / scale,
        Some("floor") => scaled.floor() / scale,
        // Python rounds halves to even.
        _ => format!("{number:.*}", precision.max(0) as usize).parse().ok().filter(|_| precision > 0).unwrap_or_else(|| scaled.round_ties_even() / scale),
    }))
}

fn indent(text: &str, args: &Args) -> String {
    let pad = match args.get(0, "width") {
        Some(Value::Str(pad)) => pad.to_string(),
        Some(width) => " ".repeat(width.as_int().and_then(|width| usize::try_from(width).ok()).unwrap_or(4).min(1 << 10)),
        None => "    ".to_owned(),
    };
    let (first, blank) = (args.is_true(1, "first"), args.is_true(2, "blank"));
    let lines: Vec<String> = text
        .split('\n')
        .enumerate()
        .map(|(index, line)| match (index == 0 && !first) || (line.is_empty() && !blank && index > 0) {
            true => line.to_owned(),
            false => format!("{pad}{line}"),
        })
        .collect();
    lines.join("\n")
}

fn wordwrap(text: &str, args: &Args) -> String {
    let width = args.get(0, "width").and_then(Value::as_int).and_then(|width| usize::try_from(width).ok()).unwrap_or(79).max(1);
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines.join(&args.get(2, "wrapstring").map_or_else(|| "\n".to_owned(), Value::render))
}

fn truncate(text: &str, args: &Args) -> String {
    let length = args.get(0, "length").and_then(Value::as_int).and_then(|length| usize::try_from(length).ok()).unwrap_or(255);
    let end = args.get(2, "end").map_or_else(|| "...".to_owned(), Value::render);
    let leeway = args.get(3, "leeway").and_then(Value::as_int).and_then(|leeway| usize::try_from(leeway).ok()).unwrap_or(5);
    if text.chars().count() <= length + leeway {
        return text.to_owned();
    }
    let cut: String = text.chars().take(length.saturating_sub(end.chars().count())).collect();
    match args.is_true(1, "killwords") {
        true => cut + &end,
        false => cut.rsplit_once(' ').map_or(cut.as_str(), |(before, _)| before).to_owned() + &end,
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&#39;").replace('"', "&#34;")
}

fn striptags(text: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in text.chars() {
        match c {
            '<' => inside = true,
            '>' if inside => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn urlencode(value: &Value) -> String {
    let encoded = |text: &str| -> String {
        text.bytes()
            .map(|byte| if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
            .collect()
    };
    match value {
        Value::Dict(map) => {
            let pairs: Vec<String> =
                map.borrow().iter().map(|(key, value)| format!("{}={}", encoded(&key.value().render()), encoded(&value.render()))).collect();
            pairs.join("&")
        }
        other => encoded(&other.render()),
    }
}

fn filesize(bytes: f64, binary: bool) -> String {
    let (base, units) = if binary { (1024.0, ["KiB", "MiB", "GiB", "TiB"]) } else { (1000.0, ["kB", "MB", "GB", "TB"]) };
    if bytes < base {
        return if bytes == 1.0 { "1 Byte".to_owned() } else { format!("{bytes} Bytes") };
    }
    let mut size = bytes;
    let mut name = units[0];
    for unit in units {
        name = unit;
        size /= base;
        if size < base {
            break;
        }
    }
    format!("{size:.1} {name}")
}
