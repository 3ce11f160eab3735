//! What dbt asks of a Python model (`PythonValidationVisitor`, `PythonParseVisitor`).

use super::Problem;
use crate::Severity;
use syntax::jinja::Literal;
use syntax::python::Python;
use text::TextRange;

pub fn check(source: &str, parsed: &Python) -> Vec<Problem> {
    let mut found = Vec::new();
    if parsed.is_empty {
        return found;
    }
    let mut fail = |range: TextRange, message: &str, says: &str| {
        let dbt = format!("Parsing Error{{node}}\n  {says}");
        found.push(Problem { range, severity: Severity::Error, code: "invalid-python-model", message: message.to_owned(), dbt });
    };
    let first_line = TextRange::new(0, source.find('\n').unwrap_or(source.len()));
    let one = format!("dbt allows exactly one model defined per python file, found {}", parsed.models.len());
    match parsed.models.as_slice() {
        [] => fail(first_line, "a Python model is a function `def model(dbt, session)` that returns a data frame; add it", &one),
        [model] => {
            if model.parameters.first().is_none_or(|name| name != "dbt") {
                let says = "'dbt' not provided for model as the first argument";
                fail(model.range, "the first argument of `model` must be called `dbt`", says);
            }
            if model.parameters.len() != 2 {
                let says = "model function should have two args, `dbt` and a session to current warehouse";
                fail(model.range, "`model` takes two arguments, `dbt` and `session`", says);
            }
            if model.returned != 1 {
                let says = "In current version, model function should return only one dataframe object";
                fail(model.range, "the last statement of `model` must return one data frame", says);
            }
        }
        [_, second, ..] => fail(second.range, "one file holds one `model`; put this one into a file of its own", &one),
    }
    if let Some(at) = ["{{", "{%"].iter().filter_map(|tag| source.find(tag)).min() {
        // A dict in a dict is no Jinja to dbt either: it looks for a rendering that differs.
        if source[at..].starts_with("{%") || source[at..].contains("}}") && jinja::lower::parse(source, 0).is_ok() {
            fail(
                TextRange::new(at, at + 2),
                "dbt doesn't render Jinja in Python; read it with dbt.config.get() instead",
                "No jinja in python model code is allowed",
            );
        }
    }
    for call in &parsed.calls {
        let name: Vec<&str> = call.path.iter().skip(1).map(String::as_str).collect();
        let is_read = matches!(name.as_slice(), ["ref" | "source" | "config"] | ["config", "get"]);
        if name == ["config", "get"] && call.args.is_empty() {
            fail(call.range, "say which config is meant", "dbt.config.get() requires at least one argument");
        }
        if let Some(dynamic) = call.args.iter().find(|arg| is_read && is_dynamic(&arg.value)) {
            let message = "dbt reads this without running it, so it must be written out: a text, a number, a list, a dict";
            fail(dynamic.range, message, "Error when trying to literal_eval an arg to dbt.ref(), dbt.source(), dbt.config() or dbt.config.get()");
        }
    }
    found
}

fn is_dynamic(value: &Literal) -> bool {
    match value {
        Literal::Dynamic => true,
        Literal::List(items) => items.iter().any(is_dynamic),
        Literal::Map(entries) => entries.iter().any(|(key, value)| is_dynamic(key) || is_dynamic(value)),
        _ => false,
    }
}
