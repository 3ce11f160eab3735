//! Code whose Jinja is only literal calls is read from its syntax; everything else is evaluated (see `parse`).

use data::{Map, Value as Json};
use jinja::{Found, RefCall, SourceCall};
use syntax::jinja::{Call, Jinja, Literal};

/// What a text says whose tags are all comments or lone calls of `ref`, `source`, `config` and `var` with literal arguments, or
/// `None` where it has to be evaluated.
pub fn code(parsed: &Jinja) -> Option<Found> {
    let literal = parsed.calls.iter().all(is_literal);
    let is_printed = |call: &Call| parsed.printed_maps.iter().any(|map| map.contains_range(call.range));
    if !parsed.is_plain || !parsed.errors.is_empty() || !literal {
        None
    } else if parsed.printed_maps.is_empty() {
        Some(literal_calls(&parsed.calls))
    } else {
        Some(literal_calls(&parsed.calls.iter().filter(|call| !is_printed(call)).cloned().collect::<Vec<_>>()))
    }
}

fn is_literal(call: &Call) -> bool {
    let known = call.path.len() == 1 && matches!(call.path[0].as_str(), "ref" | "source" | "config" | "var");
    let fits = match call.path.first().map(String::as_str) {
        Some("ref") => {
            let count = call.args.iter().filter(|arg| arg.name.is_none()).count();
            let texts = call.args.iter().filter(|arg| arg.name.is_none()).all(|arg| arg.value.as_str().is_some());
            (1..=2).contains(&count) && texts
        }
        Some("source") => call.args.len() == 2 && call.args.iter().all(|arg| arg.name.is_none() && arg.value.as_str().is_some()),
        // A dict or keywords, not both.
        Some("config") => call.args.iter().all(|arg| arg.name.is_some()) && !call.args.is_empty(),
        Some("var") => call.args.iter().find(|arg| arg.name.is_none()).is_some_and(|arg| arg.value.as_str().is_some()),
        _ => false,
    };
    known && fits && call.args.iter().all(|arg| json(&arg.value).is_some())
}

/// Takes the literal calls of a text whose evaluation failed, but for those that a branch or a loop may pass over: what is wrong with them is
/// told at once, and what reads what is known.
pub fn take_rest(found: &mut Found, source: &str) {
    let (mut open, mut passed_over) = (Vec::new(), Vec::new());
    for tag in syntax::jinja::scan(source) {
        match tag.word(source) {
            "if" | "for" | "macro" | "call" => open.push(tag.outer.end),
            "endif" | "endfor" | "endmacro" | "endcall" => passed_over.extend(open.pop().map(|start| text::TextRange { start, end: tag.outer.start })),
            _ => {}
        }
    }
    let calls: Vec<Call> = syntax::jinja::parse(source).calls;
    // What can't be called so is what failed.
    let is_call = |call: &Call| call.positional(2).is_none() || !matches!(call.path.last().map(String::as_str), Some("ref" | "source"));
    let is_reached = |call: &Call| !passed_over.iter().any(|part| part.contains_range(call.range));
    let calls: Vec<Call> = calls.into_iter().filter(|call| is_call(call) && is_reached(call)).collect();
    let rest = literal_calls(&calls);
    found.refs.extend(rest.refs.into_iter().filter(|call| !found.refs.contains(call)).collect::<Vec<_>>());
    found.sources.extend(rest.sources.into_iter().filter(|call| !found.sources.contains(call)).collect::<Vec<_>>());
    let is_var = |call: &&Call| call.path.len() == 1 && call.path[0] == "var" && call.args.len() == 1;
    let vars = calls.iter().filter(is_var).filter_map(|call| call.positional(0)?.value.as_str().map(str::to_owned));
    found.missing_vars.extend(vars);
}

/// The literal `ref`, `source`, `metric` and `config` calls among some calls.
pub fn literal_calls(calls: &[Call]) -> Found {
    let mut found = Found::default();
    for call in calls {
        let text = |index: usize| call.positional(index).and_then(|arg| arg.value.as_str()).map(str::to_owned);
        match call.path.last().map(String::as_str) {
            Some("ref") => {
                let version = call.keyword("version").or_else(|| call.keyword("v")).and_then(|arg| json(&arg.value)).filter(|version| !version.is_null());
                match (text(0), text(1)) {
                    (Some(package), Some(name)) => found.refs.push(RefCall { package: Some(package), name, version }),
                    (Some(name), None) if call.positional(1).is_none() => found.refs.push(RefCall { package: None, name, version }),
                    _ => {}
                }
            }
            Some("source") => {
                if let (Some(source), Some(table)) = (text(0), text(1)) {
                    found.sources.push(SourceCall { source, table });
                }
            }
            Some("metric") => {
                let names: Vec<String> = (0..2).filter_map(text).collect();
                if !names.is_empty() {
                    found.metrics.push(names);
                }
            }
            Some("config") => jinja::config::merge_call(&mut found.config, options(call)),
            // Whether it is missing is for those who know the vars.
            Some("var") if call.arg(1, "default").is_none() => found.missing_vars.extend(text(0)),
            _ => {}
        }
    }
    found
}

/// What a Python model's calls of `dbt.…` come to (`ModelParser.parse_python_model`). `calls` are without the leading `dbt`.
pub fn python(calls: &[Call]) -> Found {
    let own: Vec<Call> = calls.iter().filter(|call| call.path.len() == 1).cloned().collect();
    let mut found = literal_calls(&own);
    let (mut keys, mut defaults) = (Vec::new(), Vec::new());
    for call in calls.iter().filter(|call| call.path == ["config", "get"]) {
        if let Some(key) = call.positional(0).and_then(|arg| json(&arg.value)) {
            keys.push(key);
            defaults.push(call.positional(1).and_then(|arg| json(&arg.value)).unwrap_or(Json::Null));
        }
    }
    if !keys.is_empty() {
        found.config.insert("config_keys_used", keys.into());
        found.config.insert("config_keys_defaults", defaults.into());
    }
    found
}

/// The literal options of a `config()` call.
fn options(call: &Call) -> Map {
    let mut options = Map::new();
    for arg in &call.args {
        let name = match (&arg.name, &arg.value) {
            (Some(name), _) => name.as_str(),
            (None, Literal::Map(entries)) => {
                options.extend(entries.iter().filter_map(|(key, value)| Some((key.as_str()?.to_owned(), json(value)?))));
                continue;
            }
            _ => continue,
        };
        if let Some(value) = json(&arg.value) {
            options.insert(name.to_owned(), value);
        }
    }
    options
}

fn json(literal: &Literal) -> Option<Json> {
    Some(match literal {
        Literal::Str(text) => Json::from(text),
        Literal::Int(value) => (*value).into(),
        Literal::Float(value) => (*value).into(),
        Literal::Bool(value) => Json::Bool(*value),
        Literal::None => Json::Null,
        Literal::List(items) => items.iter().map(json).collect::<Option<Vec<_>>>()?.into(),
        Literal::Map(entries) => Json::Object(entries.iter().map(|(key, value)| Some((key.as_str()?.to_owned(), json(value)?))).collect::<Option<_>>()?),
        Literal::Dynamic => return None,
    })
}
