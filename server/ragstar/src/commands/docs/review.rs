//! `ragstar docs accept`, `reject` and `review`.

use super::super::Outcome;
use crate::args::Selection;
use crate::context::Context;
use crate::desk::ProjectDesk;
use crate::output;
use analyst::ports::{DescribeTarget, Draft, DraftKind, DraftState};
use ide::{Analysis, Subject};
use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

/// Drafts of a selection that stand in the project: what nobody has decided on, and what was accepted and is out of date.
fn open(analysis: &Analysis, selection: &Selection) -> Result<Vec<Draft>, String> {
    let mut found = Vec::new();
    for target in targets(analysis, selection)? {
        let draft = analysis.written_draft(&target).filter(|draft| draft.state == DraftState::Draft || analysis.is_stale(draft));
        found.extend(draft.map(|draft| Draft { target: target.clone(), ..draft.clone() }));
    }
    Ok(found)
}

/// The things of a selection that can be described; without one macros, too.
fn targets(analysis: &Analysis, selection: &Selection) -> Result<Vec<DescribeTarget>, String> {
    let macros = selection.macros || selection.nodes.is_empty();
    Ok(super::selected(analysis, &Selection { macros, ..selection.clone() })?.iter().flat_map(Subject::targets).collect())
}

pub async fn decide(context: &Context, selection: &Selection, state: DraftState, existing: bool) -> Outcome {
    let mut desk = super::desk(context, false).await?;
    let analysis = desk.analysis();
    let drafts = if existing { written_by_people(&analysis, selection)? } else { open(&analysis, selection)? };
    if drafts.is_empty() {
        output::note("There is no draft to decide on.");
        return Ok(ExitCode::SUCCESS);
    }
    let (mut decided, mut failed) = (Vec::new(), 0);
    for draft in drafts {
        match take(&mut desk, &draft, state) {
            Ok(draft) => decided.push(draft),
            Err(why) => {
                failed += 1;
                output::note(&format!("  {}: {why}", analysis.label_of(&draft.target)));
            }
        }
    }
    desk.note(&decided).await.map_err(|error| error.reader)?;
    output::line(&format!("{} descriptions {}", decided.len(), state.as_str()));
    Ok(if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What a decision makes of a draft; one that is rejected is taken out of its file.
fn take(desk: &mut ProjectDesk, draft: &Draft, state: DraftState) -> Result<Draft, String> {
    if state == DraftState::Rejected {
        desk.edit(|analysis| analysis.undescribe(&draft.target).map_err(|refusal| refusal.to_string()))?;
    }
    Ok(desk.analysis().decided(draft, state))
}

/// Descriptions that nobody knows the origin of, as if they had been accepted just now: from here on it is noticed when they go stale.
fn written_by_people(analysis: &Analysis, selection: &Selection) -> Result<Vec<Draft>, String> {
    let targets = targets(analysis, selection)?.into_iter().filter(|target| analysis.written_draft(target).is_none());
    let of = |target: DescribeTarget| {
        let text = analysis.description_of(&target)?.raw().to_owned();
        let described = analysis.described(&target)?;
        Some(Draft { kind: DraftKind::Description, target, text, origin: "written by people".to_owned(), state: DraftState::Accepted, described })
    };
    Ok(targets.filter_map(of).collect())
}

pub async fn review(context: &Context, selection: &Selection) -> Outcome {
    let mut desk = super::desk(context, false).await?;
    let analysis = desk.analysis();
    let drafts = open(&analysis, selection)?;
    let all = drafts.len();
    if !std::io::stdin().is_terminal() {
        output::note("a: accept, r: reject, e TEXT: write another, s: skip, q: quit; one answer a line");
    }
    let mut answers = std::io::stdin().lock().lines();
    let (mut accepted, mut rejected) = (0, 0);
    for (number, draft) in drafts.iter().enumerate() {
        let why = if analysis.is_stale(draft) { "its SQL has changed since" } else { "a draft" };
        output::line(&format!(
            "\n{}/{all}  {}  ({}; {why})\n  {}",
            number + 1,
            analysis.label_of(&draft.target),
            draft.origin,
            draft.text.trim().replace('\n', "\n  ")
        ));
        let decided = loop {
            output::piece("[a]ccept, [r]eject, [e]dit, [s]kip, [q]uit? ");
            let Some(Ok(answer)) = answers.next() else { break None };
            let (word, rest) = answer.trim().split_once(' ').unwrap_or((answer.trim(), ""));
            match word.to_ascii_lowercase().as_str() {
                "a" | "accept" | "y" => break Some(take(&mut desk, draft, DraftState::Accepted)),
                "r" | "reject" | "n" => break Some(take(&mut desk, draft, DraftState::Rejected)),
                "e" | "edit" => {
                    let text = if rest.is_empty() {
                        output::piece("new text: ");
                        answers.next().and_then(Result::ok).unwrap_or_default()
                    } else {
                        rest.to_owned()
                    };
                    let text = text.trim();
                    if text.is_empty() {
                        continue;
                    }
                    let written = desk.edit(|analysis| analysis.describe(&draft.target, text).map_err(|refusal| refusal.to_string()));
                    let own = Draft { text: text.to_owned(), origin: "written by people".to_owned(), ..draft.clone() };
                    break Some(written.and_then(|()| take(&mut desk, &own, DraftState::Accepted)));
                }
                "s" | "skip" | "" => break Some(Err(String::new())),
                "q" | "quit" => break None,
                _ => {}
            }
        };
        match decided {
            None => break,
            Some(Ok(draft)) => {
                accepted += usize::from(draft.state == DraftState::Accepted);
                rejected += usize::from(draft.state == DraftState::Rejected);
                // At once: who quits or loses the terminal keeps what was decided.
                desk.note(std::slice::from_ref(&draft)).await.map_err(|error| error.reader)?;
            }
            Some(Err(why)) if why.is_empty() => {}
            Some(Err(why)) => output::note(&format!("  {why}")),
        }
    }
    output::line(&format!("\n{accepted} accepted, {rejected} rejected, {} left", all - accepted - rejected));
    Ok(ExitCode::SUCCESS)
}
