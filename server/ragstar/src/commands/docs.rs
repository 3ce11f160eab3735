//! `ragstar docs`: descriptions of the whole project, written, counted, decided on.

mod coverage;
mod review;

use super::Outcome;
use crate::args::{DocsAction, GenerateOptions, Selection};
use crate::context::Context;
use crate::desk::ProjectDesk;
use crate::output;
use analyst::ports::{DescribeTarget, DraftState};
use analyst::{Report, RunLimits, Services};
use dbt::{Macro, NodeIndex};
use ide::{Analysis, Subject};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::process::ExitCode;

pub async fn run(context: &Context, action: DocsAction, json: bool) -> Outcome {
    match action {
        DocsAction::Coverage { options } => coverage::run(context, &options, json),
        DocsAction::Generate { options } => generate(context, &options, json).await,
        DocsAction::Accept { selection, existing } => review::decide(context, &selection, DraftState::Accepted, existing).await,
        DocsAction::Reject { selection } => review::decide(context, &selection, DraftState::Rejected, false).await,
        DocsAction::Review { selection } => review::review(context, &selection).await,
    }
}

/// What of a selection can be described; of everything without one.
fn selected<'a>(analysis: &'a Analysis, selection: &Selection) -> Result<Vec<Subject<'a>>, String> {
    let all = || (0..analysis.index.nodes.len()).collect();
    let nodes: Vec<NodeIndex> = if selection.nodes.is_empty() { all() } else { analysis.select(&selection.nodes.join(" "))?.into_iter().collect() };
    let called: HashSet<&str> = nodes.iter().flat_map(|&index| analysis.index.nodes[index].macros.iter().flatten()).map(|id| &**id).collect();
    let is_wanted = |found: &&Macro| selection.macros && (selection.nodes.is_empty() || called.contains(&*found.unique_id));
    let macros = analysis.own_macros().filter(is_wanted).map(Subject::Macro);
    let own = nodes.iter().map(|&index| &analysis.index.nodes[index]).filter(|node| node.package == analysis.index.project);
    let sources = analysis.sources_of(own).into_iter();
    let nodes = nodes.iter().copied().filter(|&index| analysis.is_to_be_described(index)).map(|index| analysis.node_subject(index));
    Ok(sources.chain(nodes).chain(macros).collect())
}

/// The project with its drafts, to be written to.
async fn desk(context: &Context, is_dry: bool) -> Result<ProjectDesk, String> {
    let wiring = super::wiring(context);
    let kept = wiring.drafts().await.map_err(|error| error.reader)?;
    let drafts = kept.list().await.map_err(|error| error.reader)?;
    Ok(ProjectDesk::new(context.host()?, drafts, kept, is_dry))
}

async fn generate(context: &Context, options: &GenerateOptions, json: bool) -> Outcome {
    let analyst = super::wiring(context).writer().await;
    // Two at once would pay twice for the same texts.
    let _turn = if options.dry_run { None } else { Some(turn(context)?) };
    let mut desk = desk(context, options.dry_run).await?;
    let analysis = desk.analysis();
    let wanted = wanted(&analysis, &selected(&analysis, &options.selection)?, options);
    let all: usize = wanted.iter().map(|(_, targets)| targets.len()).sum();
    if all == 0 {
        output::note(if options.stale { "No description is out of date." } else { "Nothing here lacks a description." });
    }
    // What a language model would have to write.
    let open: Vec<(Subject<'_>, Vec<DescribeTarget>)> = wanted
        .iter()
        .map(|(subject, targets)| (*subject, targets.iter().filter(|target| analyst::known(&analysis, target).is_none()).cloned().collect()))
        .filter(|(_, targets): &(Subject<'_>, Vec<DescribeTarget>)| !targets.is_empty())
        .collect();
    let unknown: usize = open.iter().map(|(_, targets)| targets.len()).sum();
    let asks = !options.inherit_only && !options.dry_run;
    if asks && unknown > 0 && analyst.chat.is_none() {
        let why = analyst.absent.first().cloned().unwrap_or_else(|| "set LLM_OPENAI_API_KEY, or LLM_CHAT_BASE_URL and LLM_CHAT_MODEL".to_owned());
        output::note(&format!("No language model is configured, so only what can be taken over is written ({why})."));
    }
    let prices = Prices::of(context);
    let limit = options.budget.as_deref().map(|budget| tokens_of(budget, prices)).transpose()?;
    if all > 0 {
        let tokens: usize = open.iter().map(|(subject, targets)| analyst::estimated_tokens(&analysis, *subject, targets)).sum();
        let cost = prices.map(|prices| format!(", about ${:.2}", prices.cost(tokens as u64, unknown as u64 * 40))).unwrap_or_default();
        let model = analyst.chat.as_ref().map_or("a language model", |chat| chat.model());
        output::note(&format!(
            "{all} descriptions in {} entries: {} can be taken over, {unknown} are for {model} to write (about {tokens} tokens in{cost}).",
            wanted.len(),
            all - unknown
        ));
    }
    let plan = analyst::plan(&analysis, wanted);
    let limits = RunLimits { jobs: options.jobs, tokens: limit, may_write: asks && analyst.chat.is_some() };
    let bar = output::is_watched().then(|| {
        let style = indicatif::ProgressStyle::with_template("{bar:30} {pos}/{len} entries, {msg}").unwrap_or_else(|_| indicatif::ProgressStyle::default_bar());
        indicatif::ProgressBar::new(plan.len() as u64).with_style(style)
    });
    let told = |progress: analyst::Progress| {
        if let Some(bar) = &bar {
            bar.set_position(progress.done as u64);
            bar.set_message(format!("{} written, {} requests under way, {} tokens", progress.written, progress.under_way, progress.tokens));
        }
    };
    let report = analyst::run(&analyst, &mut desk, &plan, limits, told).await.map_err(|error| error.reader)?;
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    if options.diff && !json {
        for (path, before, after) in desk.changed() {
            let shown = context.project.as_deref().and_then(|root| path.strip_prefix(root).ok()).unwrap_or(&path);
            output::piece(&text::unified_diff(before.as_deref().unwrap_or_default(), &after, &shown.to_string_lossy()));
        }
    }
    tell(&desk, &report, prices, options, json);
    let failed = report.stopped.is_some() || (report.written.is_empty() && !report.refused.is_empty());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Waits until no other `docs generate` writes to this project.
fn turn(context: &Context) -> Result<std::fs::File, String> {
    let waits = || output::note("Another `ragstar docs generate` writes to this project; waiting until it is done…");
    tokio::task::block_in_place(|| context.documenting(waits)).map_err(|error| format!("the lock of this project can't be had: {error}"))
}

/// What is to be described: what lacks a description, or what has an outdated one.
fn wanted<'a>(analysis: &'a Analysis, subjects: &[Subject<'a>], options: &GenerateOptions) -> Vec<(Subject<'a>, Vec<DescribeTarget>)> {
    let all: Vec<(Subject<'a>, Vec<DescribeTarget>)> = if options.stale {
        let is_stale = |target: &DescribeTarget| analysis.written_draft(target).is_some_and(|draft| analysis.is_stale(draft));
        subjects.iter().map(|subject| (*subject, subject.targets().into_iter().filter(is_stale).collect())).collect()
    } else {
        analysis.coverage(subjects).into_iter().map(|one| (one.subject, one.missing)).collect()
    };
    all.into_iter().filter(|(_, targets)| !targets.is_empty()).collect()
}

fn tell(desk: &ProjectDesk, report: &Report, prices: Option<Prices>, options: &GenerateOptions, json: bool) {
    let analysis = desk.analysis();
    if json {
        let text = |target: &DescribeTarget| json!({"uniqueId": target.unique_id, "column": target.column});
        let with = |target: &DescribeTarget, key: &str, value: Value| {
            let mut entry = text(target);
            entry[key] = value;
            entry
        };
        let written = report.written.iter().map(|draft| {
            let mut entry = with(&draft.target, "text", json!(draft.text));
            entry["origin"] = json!(draft.origin);
            entry["state"] = json!(draft.state.as_str());
            entry
        });
        let refused = report.refused.iter().map(|(target, why)| with(target, "why", json!(why)));
        let value = json!({
            "written": written.collect::<Vec<_>>(), "refused": refused.collect::<Vec<_>>(), "left": report.left, "stopped": report.stopped,
            "usage": {"inputTokens": report.usage.input_tokens, "outputTokens": report.usage.output_tokens},
        });
        return output::line(&value.to_string());
    }
    for (target, why) in report.refused.iter().take(20) {
        output::note(&format!("  not written: {}: {why}", analysis.label_of(target)));
    }
    if report.refused.len() > 20 {
        output::note(&format!("  … and {} more", report.refused.len() - 20));
    }
    let files = desk.changed().len();
    let verb = if options.dry_run { "would be written" } else { "written" };
    let usage = report.usage;
    let cost =
        prices.filter(|_| usage.input_tokens > 0).map(|prices| format!(", ${:.2}", prices.cost(usage.input_tokens, usage.output_tokens))).unwrap_or_default();
    let tokens = if usage.input_tokens > 0 { format!(" ({} tokens in, {} out{cost})", usage.input_tokens, usage.output_tokens) } else { String::new() };
    output::line(&format!("{} descriptions {verb} in {files} files, {} refused, {} left{tokens}", report.written.len(), report.refused.len(), report.left));
    if let Some(why) = &report.stopped {
        output::note(&format!("Stopped: {why}. Run it again to go on from here."));
    }
    let drafts = report.written.iter().filter(|draft| draft.state == DraftState::Draft).count();
    if drafts > 0 && !options.dry_run {
        output::note(&format!("{drafts} of them are drafts: `ragstar docs review` shows them one by one, `ragstar docs accept` takes them all."));
    }
}

/// What a million tokens cost, in USD.
#[derive(Debug, Clone, Copy)]
struct Prices {
    input: f64,
    output: f64,
}

impl Prices {
    fn of(context: &Context) -> Option<Self> {
        Some(Self { input: context.settings.number("chat.input_price")?, output: context.settings.number("chat.output_price")? })
    }

    fn cost(self, input: u64, output: u64) -> f64 {
        (input as f64 * self.input + output as f64 * self.output) / 1e6
    }
}

/// A budget as tokens: `200000`, or `$1.50` and `1.50usd` where prices are set.
fn tokens_of(budget: &str, prices: Option<Prices>) -> Result<u64, String> {
    let lower = budget.trim().to_ascii_lowercase();
    let dollars = lower.strip_prefix('$').or_else(|| lower.strip_suffix("usd")).map(str::trim);
    let Some(dollars) = dollars else {
        return lower
            .trim_end_matches("tokens")
            .trim()
            .replace(['_', ','], "")
            .parse()
            .map_err(|_| format!("--budget {budget}: write tokens (200000) or dollars ($1.50)"));
    };
    let dollars: f64 = dollars.parse().map_err(|_| format!("--budget {budget}: write tokens (200000) or dollars ($1.50)"))?;
    let Some(prices) = prices else {
        return Err("a budget in dollars needs the model's prices: set chat.input_price and chat.output_price (USD for a million tokens)".to_owned());
    };
    // Most of it goes in.
    let price = prices.input.max(0.0) * 0.9 + prices.output.max(0.0) * 0.1;
    if price <= 0.0 { Ok(u64::MAX) } else { Ok((dollars.max(0.0) / price * 1e6) as u64) }
}
