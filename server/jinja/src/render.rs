//! The ways in: a whole template, a value, a macro.

use crate::ast::{Name, Stmt, Template};
use crate::env::{Env, Subject};
use crate::eval::{Eval, Failure};
use crate::found::{Found, Mark};
use crate::library::MacroId;
use crate::value::{Args, Value};
use data::Value as Json;

/// What became of a template.
#[derive(Debug, Clone, Default)]
pub struct Rendered {
    pub text: String,
    /// Where each part of the text comes from, in order.
    pub marks: Vec<Mark>,
    /// What was found, up to the failure if there is one.
    pub found: Found,
    pub failure: Option<Box<Failure>>,
}

/// Renders a node's text as dbt does while it parses: names that are missing in it are lenient. `extra` names values of this
/// evaluation alone.
pub fn render(env: &Env, subject: &Subject<'_>, template: &Template, extra: &[(Name, Json)]) -> Rendered {
    let mut eval = Eval::new(env, subject, true);
    eval.extra = extra.iter().map(|(name, value)| (name.clone(), Value::from(value))).collect();
    let failure = eval.template(template).err();
    Rendered { text: std::mem::take(&mut eval.out), marks: std::mem::take(&mut eval.marks), found: eval.found, failure }
}

/// Renders a value of a YAML file: one expression alone keeps its type, anything else becomes text, and so does what Jinja can
/// compute beforehand (`{{ true }}` is "True").
pub fn render_native(env: &Env, subject: &Subject<'_>, template: &Template, lenient: bool, extra: &[(Name, Json)]) -> (Result<Json, Box<Failure>>, Found) {
    let mut eval = Eval::new(env, subject, lenient);
    eval.native = true;
    eval.extra = extra.iter().map(|(name, value)| (name.clone(), Value::from(value))).collect();
    let made = match template.body.as_slice() {
        [Stmt::Emit(expr)] if !expr.is_constant() => {
            let value = eval.value(expr).and_then(|value| crate::filters::unmarked(&mut eval, value).map_err(|flow| eval.uncaught(flow)));
            value.map(|value| value.to_json())
        }
        _ => eval.template(template).and_then(|()| {
            let out = std::mem::take(&mut eval.out);
            // Where branches leave one expression, it keeps its type, too (`quoted_native_concat`).
            match eval.lone.take().flatten() {
                Some(lone) => crate::filters::unmarked(&mut eval, lone).map(|value| value.to_json()).map_err(|flow| eval.uncaught(flow)),
                None => Ok(Json::from(out)),
            }
        }),
    };
    (made, eval.found)
}

/// Calls a macro from outside of any template, as dbt does with `generate_schema_name`.
pub fn call(env: &Env, subject: &Subject<'_>, id: MacroId, args: &[Json]) -> (Result<Json, Box<Failure>>, Found) {
    let mut eval = Eval::new(env, subject, false);
    let outcome = eval.invoke(id, Args::of(args.iter().map(Value::from)));
    (outcome.map(|value| value.to_json()), eval.found)
}

/// Evaluates a generic test: its arguments, each a value or an expression in a text, and if `call` is given the call of its macro
/// with them (`_dbt_generic_test_kwargs`).
pub fn render_test(env: &Env, subject: &Subject<'_>, args: &data::Map, call: Option<&str>) -> (Found, Option<Box<Failure>>) {
    let mut eval = Eval::new(env, subject, true);
    let mut kwargs = crate::value::Map::default();
    let mut failure = None;
    for (name, value) in args {
        match argument(&mut eval, value, **name == *"column_name") {
            Ok(value) => {
                kwargs.insert(crate::value::Key::Str(name.clone()), value);
            }
            Err(failed) => {
                failure.get_or_insert(failed);
            }
        }
    }
    if let Some(call) = call
        && let Ok(template) = crate::lower::parse(call, 0)
    {
        eval.extra.push(("_dbt_generic_test_kwargs".into(), kwargs.into()));
        if let Err(failed) = eval.template(&template) {
            failure.get_or_insert(failed);
        }
    }
    (eval.found, failure)
}

/// One argument of a generic test: texts are rendered natively, and a text that looks like a call of `ref`, `source`, `var`,
/// `env_var` or `doc` is one.
fn argument(eval: &mut Eval<'_>, value: &Json, is_column: bool) -> Result<Value, Box<Failure>> {
    Ok(match value {
        Json::String(text) if !is_column => {
            let wrapped = if looks_like_call(text) { format!("{{{{ {text} }}}}") } else { text.to_string() };
            if !wrapped.contains("{{") && !wrapped.contains("{%") && !wrapped.contains("{#") {
                return Ok(Value::Str(text.clone()));
            }
            let Ok(template) = crate::lower::parse(&wrapped, 0) else { return Ok(Value::Str(text.clone())) };
            match template.body.as_slice() {
                [Stmt::Emit(expr)] if !expr.is_constant() => eval.value(expr)?,
                _ => {
                    eval.template(&template)?;
                    Value::from(std::mem::take(&mut eval.out))
                }
            }
        }
        Json::Array(items) => items.iter().map(|item| argument(eval, item, false)).collect::<Result<Vec<_>, _>>()?.into(),
        Json::Object(map) => {
            let mut made = crate::value::Map::default();
            for (key, item) in map {
                made.insert(crate::value::Key::Str(key.clone()), argument(eval, item, false)?);
            }
            made.into()
        }
        other => Value::from(other),
    })
}

/// dbt's `^\s*(env_var|ref|var|source|doc)\s*\(.+\)\s*$`.
fn looks_like_call(text: &str) -> bool {
    let trimmed = text.trim_start();
    ["env_var", "ref", "var", "source", "doc"].iter().any(|name| {
        let rest = trimmed.strip_prefix(name).map(str::trim_start);
        rest.is_some_and(|rest| rest.starts_with('(') && rest.trim_end().ends_with(')') && rest.trim_end().len() > 2 && !rest.trim_end().contains('\n'))
    })
}
