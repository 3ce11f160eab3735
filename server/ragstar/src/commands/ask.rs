//! `ragstar ask`: a question, answered in the terminal.

use super::Outcome;
use crate::context::Context;
use crate::output;
use analyst::{Event, Question, Services};
use std::process::ExitCode;

pub async fn run(context: &Context, question: &str, thread: Option<String>, steps: bool, json: bool) -> Outcome {
    if question.trim().is_empty() {
        return Err("ask something, such as: ragstar ask \"How is revenue computed?\"".to_owned());
    }
    let analysis = context.load()?;
    analysis.config.errors.iter().for_each(|error| output::note(&format!("ragstar: dbt_project.yml: {}", error.message)));
    let wiring = super::wiring(context);
    let analyst = wiring.analyst(&analysis).await;
    let question = Question { text: question.to_owned(), thread_id: thread, mouth: "cli", selection: None };
    let mut begun = false;
    let answer = analyst
        .answer(&analysis, &question, &mut |event| match event {
            Event::Text(text) if !json => {
                begun = true;
                output::piece(&text);
            }
            Event::Step(title) if steps => output::note(&format!("· {title}")),
            _ => {}
        })
        .await;
    context.remember_answer(&answer.answer_id);
    if json {
        output::line(&answer.to_json().to_string());
        return Ok(ExitCode::SUCCESS);
    }
    if begun && !answer.markdown.ends_with('\n') {
        output::line("");
    }
    if !answer.citations.is_empty() {
        output::line("\nSources:");
        for citation in &answer.citations {
            let path = context.project.as_deref().and_then(|root| citation.path.strip_prefix(root).ok()).unwrap_or(&citation.path);
            output::line(&format!(
                "  {}  {}:{}",
                citation.unique_id.split('.').next().map_or_else(|| citation.label.clone(), |kind| format!("{} ({kind})", citation.label)),
                path.display(),
                citation.start.line + 1
            ));
        }
    }
    if let Some(missing) = &answer.missing {
        missing.lines().for_each(|line| output::note(&format!("\nNote: {line}")));
    }
    if analyst.knowledge.is_some() {
        output::note(&format!(
            "\nWas this right?  ragstar feedback {} --good | --bad\nTo go on:         ragstar ask --thread {} \"…\"",
            answer.answer_id, answer.thread_id
        ));
    }
    Ok(ExitCode::SUCCESS)
}
