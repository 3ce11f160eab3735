//! `ragstar search`: what the project has on a subject.

use super::Outcome;
use crate::context::Context;
use crate::output;
use analyst::Services;
use serde_json::json;
use std::process::ExitCode;

pub async fn run(context: &Context, query: &str, limit: usize, json: bool) -> Outcome {
    if query.trim().is_empty() {
        return Err("say what to look for, such as: ragstar search monthly revenue".to_owned());
    }
    let analysis = context.load()?;
    let wiring = super::wiring(context);
    let analyst = wiring.analyst(&analysis).await;
    let result = analyst::search(&analysis, analyst.knowledge.as_deref(), analyst.embed.as_deref(), query, limit).await;
    let missing: Vec<&String> = analyst.absent.iter().chain(&result.missing).collect();
    if json {
        let found: Vec<_> = result.found.iter().map(analyst::Found::to_json).collect();
        output::line(&json!({"found": found, "missing": missing}).to_string());
        return Ok(ExitCode::SUCCESS);
    }
    for found in &result.found {
        let label = found.column.as_ref().map_or_else(|| found.label.clone(), |column| format!("{}.{column}", found.label));
        output::line(&format!("{label}  ({})  {}:{}", found.resource_type, found.path, found.line));
        output::line(&format!("    {}", short(found.description.as_deref().unwrap_or("(no description)"))));
    }
    if result.found.is_empty() {
        output::line("nothing found");
    }
    missing.iter().for_each(|note| output::note(&format!("\nNote: {note}")));
    Ok(ExitCode::SUCCESS)
}

/// One line without Markdown's marks, cut at a word.
fn short(text: &str) -> String {
    let text = text.replace("**", "");
    let mut out = String::new();
    for word in text.split_whitespace() {
        if out.chars().count() + word.chars().count() > 160 {
            return out + " …";
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}
