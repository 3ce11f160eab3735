//! `ragstar config`: what counts, and where it comes from.

use super::Outcome;
use crate::context::Context;
use crate::output;
use serde_json::json;
use std::process::ExitCode;

pub fn run(context: &Context, json: bool) -> Outcome {
    let shown = context.settings.shown();
    if json {
        let values: serde_json::Map<String, serde_json::Value> = shown
            .into_iter()
            .map(|(key, value, origin)| (key.to_owned(), json!({"value": value, "origin": origin.map(|origin| origin.to_string())})))
            .collect();
        let errors: Vec<String> = context.settings.errors.iter().map(ToString::to_string).collect();
        output::line(&json!({"settings": values, "errors": errors}).to_string());
    } else {
        let rows = shown.into_iter().map(|(key, value, origin)| {
            let help = rules::find(key).map_or("", |setting| setting.help);
            match (value, origin) {
                (Some(value), Some(origin)) => vec![key.to_owned(), value, origin.to_string()],
                _ => vec![key.to_owned(), "-".to_owned(), format!("unset: {help}")],
            }
        });
        output::line(&output::table(&["setting", "value", "from"], rows.collect()));
        context.settings.errors.iter().for_each(|error| output::note(&format!("ragstar: {error}")));
    }
    Ok(if context.settings.errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
