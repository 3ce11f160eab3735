//! `ragstar feedback`: what a person thought of an answer.

use super::Outcome;
use crate::context::Context;
use crate::output;
use analyst::Knowledge;
use analyst::ports::Feedback;
use serde_json::json;
use std::process::ExitCode;

pub async fn run(context: &Context, answer: &str, good: bool, comment: Option<String>, json: bool) -> Outcome {
    context.root()?;
    let wiring = super::wiring(context);
    let workspace = wiring.workspace().await.map_err(|error| error.reader)?;
    let answer_id = match answer {
        "last" => context.last_answer().ok_or("nothing was answered here yet; give the answer's id")?,
        id => id.to_owned(),
    };
    let author = std::env::var("USER").ok().filter(|user| !user.is_empty());
    let feedback = Feedback { answer_id: answer_id.clone(), rating: if good { 1 } else { -1 }, comment, author };
    if !workspace.put_feedback(&feedback).await.map_err(|error| error.reader)? {
        return Err(format!("there is no answer {answer_id} in this workspace; `ragstar feedback last` means the newest one"));
    }
    if json {
        output::line(&json!({"answerId": answer_id, "rating": feedback.rating}).to_string());
    } else {
        output::line(if good { "Noted. Questions like that one will be shown this answer." } else { "Noted. This answer will not be used again." });
    }
    Ok(ExitCode::SUCCESS)
}
