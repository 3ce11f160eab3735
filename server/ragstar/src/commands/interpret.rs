//! `ragstar interpret`: what a model does, read from its SQL.

use super::Outcome;
use crate::context::Context;
use crate::output;
use analyst::ports::{DescribeTarget, DraftKind, DraftState};
use analyst::{Event, InterpretLimits, Services};
use std::process::ExitCode;

pub struct Wish {
    pub model: String,
    pub steps: bool,
    pub accept: bool,
    pub reject: bool,
    pub tokens: usize,
}

pub async fn run(context: &Context, wish: &Wish, json: bool) -> Outcome {
    let analysis = context.load()?;
    let index = super::node_called(&analysis, &wish.model)?;
    let node = &analysis.index.nodes[index];
    let wiring = super::wiring(context);
    let kept = wiring.drafts().await.map_err(|error| error.reader)?;
    let target = DescribeTarget::of(node, None);
    if wish.accept || wish.reject {
        let drafts = kept.list().await.map_err(|error| error.reader)?;
        let Some(draft) = drafts.get(DraftKind::Interpretation, &target) else {
            return Err(format!("there is no interpretation of `{0}` yet; `ragstar interpret {0}` makes one", node.label()));
        };
        let (state, done) = if wish.accept { (DraftState::Accepted, "shown on its card from now on") } else { (DraftState::Rejected, "not shown") };
        kept.put(&[analysis.decided(draft, state)]).await.map_err(|error| error.reader)?;
        output::note(&format!("the interpretation of `{}` is {}: {done}", node.label(), state.as_str()));
        return Ok(ExitCode::SUCCESS);
    }
    let analyst = wiring.writer().await;
    let limits = InterpretLimits { tokens: wish.tokens, ..InterpretLimits::default() };
    let made = analyst
        .interpret(&analysis, index, limits, &mut |event| match event {
            Event::Step(title) if wish.steps => output::note(&format!("· {title}")),
            _ => {}
        })
        .await
        .map_err(|error| error.reader)?;
    let described = analysis.described(&target).unwrap_or_default();
    let draft = made.to_draft(described);
    let kept = kept.put(&[draft]).await;
    if json {
        output::line(&made.to_json().to_string());
    } else {
        output::line(made.to_markdown().trim_end());
        output::note(&format!("\nRead by {} ({} tokens in, {} out).", made.model, made.usage.input_tokens, made.usage.output_tokens));
    }
    match kept {
        Ok(()) => output::note(&format!("To show it on the model's card: ragstar interpret {} --accept", wish.model)),
        Err(error) => output::note(&format!("\nNote: it was not kept: {}", error.reader)),
    }
    Ok(ExitCode::SUCCESS)
}
