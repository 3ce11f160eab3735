//! `ragstar docs accept`, `reject` and `review`.

use super::super::Outcome;
use crate::args::Selection;
use crate::context::Context;
use crate::desk::ProjectDesk;
use crate::output;
use analyst::ports::{DescribeTarget, Draft, DraftKind, DraftState};
use ide::{Analysis, Subject};
use std::collections::{BTreeMap, HashSet};
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

/// Drafts of a selection that are to go: what nobody has decided on, and what was rejected before and still stands there. What was accepted, or
/// written by people, stays.
fn rejected(analysis: &Analysis, selection: &Selection) -> Result<Vec<Draft>, String> {
    let of = |target: DescribeTarget| {
        let draft = analysis.drafts().get(DraftKind::Description, &target).filter(|draft| draft.state != DraftState::Accepted)?;
        let draft = Draft { target, ..draft.clone() };
        stands(analysis, &draft).is_ok().then_some(draft)
    };
    Ok(targets(analysis, selection)?.into_iter().filter_map(of).collect())
}

pub async fn decide(context: &Context, selection: &Selection, state: DraftState, existing: bool) -> Outcome {
    let mut desk = super::desk(context, false).await?;
    let analysis = desk.analysis();
    let drafts = match state {
        _ if existing => written_by_people(&analysis, selection)?,
        DraftState::Rejected => rejected(&analysis, selection)?,
        _ => open(&analysis, selection)?,
    };
    if drafts.is_empty() {
        output::note("There is no draft to decide on.");
        return Ok(ExitCode::SUCCESS);
    }
    // Noted first: one that is noted and still stands there is taken out by the next run, and not written again by any.
    let decided: Vec<Draft> = drafts.iter().map(|draft| analysis.decided(draft, state)).collect();
    desk.note(&decided).await.map_err(|error| error.reader)?;
    let mut undone = Vec::new();
    if state == DraftState::Rejected {
        for (draft, why) in take_all_out(&mut desk, &analysis, drafts) {
            output::note(&format!("  {}: {why}", analysis.label_of(&draft.target)));
            undone.push(draft);
        }
    }
    desk.note(&undone).await.map_err(|error| error.reader)?;
    let failed = undone.len();
    output::line(&format!("{} descriptions {}", decided.len() - failed, state.as_str()));
    Ok(if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What a decision makes of a draft; one that is rejected is taken out of its file.
fn take(desk: &mut ProjectDesk, draft: &Draft, state: DraftState) -> Result<Draft, String> {
    if state == DraftState::Rejected {
        take_out(desk, draft)?;
    }
    Ok(desk.analysis().decided(draft, state))
}

/// Takes drafts' texts out of their files, each file written once; those that can't be, and why.
fn take_all_out(desk: &mut ProjectDesk, analysis: &Analysis, drafts: Vec<Draft>) -> Vec<(Draft, String)> {
    let mut files: BTreeMap<_, Vec<Draft>> = BTreeMap::new();
    for draft in drafts {
        files.entry(analysis.file_of_draft(&draft)).or_default().push(draft);
    }
    let mut left = Vec::new();
    for drafts in files.into_values() {
        let mut refused: Vec<(DescribeTarget, String)> = Vec::new();
        let done = desk.edit(|analysis| {
            let (there, gone): (Vec<Draft>, Vec<Draft>) = drafts.iter().cloned().partition(|draft| stands(analysis, draft).is_ok());
            let (made, others) = analysis.withdraw_all(&there);
            refused = others.into_iter().map(|(target, why)| (target, why.to_string())).collect();
            refused.extend(gone.into_iter().map(|draft| (draft.target, ide::CHANGED_MEANWHILE.to_owned())));
            made.into_iter().next().ok_or_else(|| "nothing of it can be taken out".to_owned())
        });
        for draft in drafts {
            let why = refused.iter().find(|(target, _)| *target == draft.target).map(|(_, why)| why.clone());
            left.extend(why.or_else(|| done.clone().err()).map(|why| (draft, why)));
        }
    }
    left
}

/// Takes a draft's text out of its file, if it is still what stands there.
fn take_out(desk: &mut ProjectDesk, draft: &Draft) -> Result<(), String> {
    desk.edit(|analysis| {
        stands(analysis, draft)?;
        analysis.withdraw(draft).map_err(|refusal| refusal.to_string())
    })
}

fn stands(analysis: &Analysis, draft: &Draft) -> Result<(), String> {
    let is_there = analysis.description_of(&draft.target).is_some_and(|description| draft.is_text_of(description));
    if is_there { Ok(()) } else { Err(ide::CHANGED_MEANWHILE.to_owned()) }
}

/// Who wrote a description that `docs accept --existing` has taken.
const PEOPLE: &str = "written by people";

/// Descriptions that nobody knows the origin of, as if they had been accepted just now: from here on it is noticed when they go stale.
fn written_by_people(analysis: &Analysis, selection: &Selection) -> Result<Vec<Draft>, String> {
    // Versions share texts: one that a draft of another has written is no person's.
    let place = |target: &DescribeTarget| analysis.description_of(target).map(|description| description.place);
    let drafted: HashSet<_> =
        analysis.drafts().iter().filter(|draft| analysis.written_draft(&draft.target).is_some()).map(|draft| place(&draft.target)).collect();
    let targets = targets(analysis, selection)?.into_iter().filter(|target| !drafted.contains(&place(target)));
    let of = |target: DescribeTarget| {
        let text = analysis.description_of(&target)?.raw().to_owned();
        let described = analysis.described(&target)?;
        Some(Draft { kind: DraftKind::Description, target, text, origin: PEOPLE.to_owned(), state: DraftState::Accepted, described, replaced: None })
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
                "r" | "reject" | "n" if draft.origin == PEOPLE => break Some(Err("people wrote it, so it stays; accept it, or write another".to_owned())),
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
                    let written = desk.edit(|analysis| {
                        stands(analysis, draft)?;
                        analysis.describe(&draft.target, text).map_err(|refusal| refusal.to_string())
                    });
                    let own = Draft { text: text.to_owned(), origin: PEOPLE.to_owned(), replaced: None, ..draft.clone() };
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
