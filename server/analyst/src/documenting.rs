//! The descriptions of many nodes: upstream first, so that what is written feeds the next, with as many requests under way as are
//! wanted, and every text in its file before the next one needs it.

use crate::describe::{Described, EntryTexts, known};
use crate::ports::{DescribeTarget, Draft, DraftKind, DraftState, PortError, Usage};
use crate::{Analyst, estimated_tokens};
use dbt::NodeIndex;
use ide::{Analysis, Subject};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::VecDeque;
use tokio::task::JoinSet;

/// A node or a macro, and what of it is to be described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    pub unique_id: String,
    pub targets: Vec<DescribeTarget>,
    /// Places in the plan of what has to be done before it.
    pub after: Vec<usize>,
}

/// Puts nodes in the order of their lineage, a source behind its tables; macros have none.
pub fn plan(analysis: &Analysis, wanted: Vec<(Subject<'_>, Vec<DescribeTarget>)>) -> Vec<Planned> {
    let index_of = |subject: &Subject<'_>| if let Subject::Node(index, _) = subject { Some(*index) } else { None };
    let place: FxHashMap<NodeIndex, usize> = wanted.iter().enumerate().filter_map(|(at, (subject, _))| Some((index_of(subject)?, at))).collect();
    let upstream = |index: NodeIndex| -> Vec<usize> {
        // The nearest planned ones on every way up; those above them wait for these.
        let (mut seen, mut open, mut found) = (FxHashSet::default(), vec![index], Vec::new());
        while let Some(at) = open.pop() {
            for &parent in analysis.index.nodes[at].depends_on.iter().filter(|&&parent| parent != index) {
                if seen.insert(parent) {
                    match place.get(&parent) {
                        Some(&known) => found.push(known),
                        None => open.push(parent),
                    }
                }
            }
        }
        found.sort_unstable();
        found
    };
    let before = |subject: &Subject<'_>| match subject {
        Subject::Node(index, _) => upstream(*index),
        Subject::Source(of) => {
            let is_table = |other: &Subject<'_>| matches!(other, Subject::Node(_, node) if node.source_name == of.source_name && node.package == of.package);
            wanted.iter().enumerate().filter(|(_, (other, _))| is_table(other)).map(|(at, _)| at).collect()
        }
        Subject::Macro(_) => Vec::new(),
    };
    let after: Vec<Vec<usize>> = wanted.iter().map(|(subject, _)| before(subject)).collect();
    wanted.into_iter().zip(after).map(|((subject, targets), after)| Planned { unique_id: subject.unique_id().to_owned(), targets, after }).collect()
}

/// Where texts are written to, and the project as it is once they are.
pub trait Desk: Send {
    fn analysis(&self) -> Analysis;

    /// Notes drafts, then writes their texts into the project; what could not be written, and why.
    fn write(&mut self, drafts: Vec<Draft>) -> impl Future<Output = Result<Vec<(DescribeTarget, String)>, PortError>> + Send;
}

/// What bounds a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunLimits {
    /// Requests under way at once.
    pub jobs: usize,
    /// Tokens after which no more are sent.
    pub tokens: Option<u64>,
    /// Whether a language model may be asked at all.
    pub may_write: bool,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    pub written: Vec<Draft>,
    pub refused: Vec<(DescribeTarget, String)>,
    /// Left for another run: the budget was spent, or nothing was there to take over.
    pub left: usize,
    pub usage: Usage,
    /// Why it ended early.
    pub stopped: Option<String>,
}

impl Report {
    /// Whether more may be asked for: what is under way will take `reserved` tokens, this so many more.
    fn may_ask(&self, limits: &RunLimits, reserved: u64, tokens: impl FnOnce() -> u64) -> bool {
        limits.may_write && self.stopped.is_none() && limits.tokens.is_none_or(|most| self.usage.all() + reserved + tokens() <= most)
    }

    /// Has drafts written, and counts them.
    async fn write(&mut self, desk: &mut impl Desk, drafts: Vec<Draft>) -> Result<(), PortError> {
        if drafts.is_empty() {
            return Ok(());
        }
        let refused = desk.write(drafts.clone()).await?;
        self.written.extend(drafts.into_iter().filter(|draft| !refused.iter().any(|(other, _)| *other == draft.target)));
        self.refused.extend(refused);
        Ok(())
    }
}

/// What is heard while it goes on: nodes that are done, and texts that are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    pub done: usize,
    pub all: usize,
    pub written: usize,
    pub under_way: usize,
    pub tokens: u64,
}

/// Failures of one node in a row after which the rest is left.
const MAX_FAILURES: usize = 3;

/// Describes what a plan names. Texts that are there to be taken over come first; drafts of an earlier run that never came to their
/// file are taken up again, and those that somebody rejected are not made anew for the same code.
pub async fn run<D: Desk>(
    analyst: &Analyst,
    desk: &mut D,
    plan: &[Planned],
    limits: RunLimits,
    mut told: impl FnMut(Progress) + Send,
) -> Result<Report, PortError> {
    let mut report = Report::default();
    let mut waits: Vec<usize> = plan.iter().map(|planned| planned.after.len()).collect();
    let mut feeds: Vec<Vec<usize>> = vec![Vec::new(); plan.len()];
    for (at, planned) in plan.iter().enumerate() {
        planned.after.iter().for_each(|&before| feeds[before].push(at));
    }
    let mut ready: VecDeque<usize> = (0..plan.len()).filter(|&at| waits[at] == 0).collect();
    let mut begun = vec![false; plan.len()];
    let mut under_way: JoinSet<(usize, Vec<DescribeTarget>, Result<EntryTexts, PortError>)> = JoinSet::new();
    let (mut done, mut failures) = (0, 0);
    // What the requests under way will take, about.
    let mut reserved: FxHashMap<usize, u64> = FxHashMap::default();
    loop {
        while under_way.len() < limits.jobs.max(1) {
            // A circle has no first one; whoever comes first in it is.
            let next = ready.pop_front().or_else(|| if under_way.is_empty() { (0..plan.len()).find(|&at| !begun[at]) } else { None });
            let Some(at) = next else { break };
            if std::mem::replace(&mut begun[at], true) {
                continue;
            }
            let analysis = desk.analysis();
            let (drafts, open) = found(&analysis, &plan[at].targets);
            report.write(desk, drafts).await?;
            let tokens = || tokens_of(&analysis, &plan[at].unique_id, &open);
            if !open.is_empty() && report.may_ask(&limits, reserved.values().sum(), tokens) {
                reserved.insert(at, if limits.tokens.is_some() { tokens() } else { 0 });
                under_way.spawn(request(analyst.clone(), analysis, at, plan[at].unique_id.clone(), open));
            } else {
                report.left += open.len();
                done += 1;
                release(at, &feeds, &mut waits, &mut ready);
            }
            told(progress(done, plan.len(), &report, under_way.len()));
        }
        let Some(ended) = under_way.join_next().await else {
            if done == plan.len() {
                return Ok(report);
            }
            continue;
        };
        // What came meanwhile is written with it.
        let mut all = vec![ended];
        all.extend(std::iter::from_fn(|| under_way.try_join_next()));
        // Versions of a model share an entry: what one has brought is there when the next is written.
        let mut rounds: Vec<Vec<(DescribeTarget, Described)>> = Vec::new();
        let mut of_model: FxHashMap<&str, usize> = FxHashMap::default();
        let mut ended = Vec::with_capacity(all.len());
        for one in all {
            let (at, open, written) = one.map_err(|error| PortError::new("a description could not be written; see the log", error))?;
            ended.push(at);
            reserved.remove(&at);
            match written {
                Ok(made) => {
                    failures = 0;
                    report.usage += made.usage;
                    report.refused.extend(made.refused);
                    let round = of_model.entry(model_of(&plan[at].unique_id)).or_default();
                    if rounds.len() <= *round {
                        rounds.push(Vec::new());
                    }
                    rounds[*round].extend(made.texts);
                    *round += 1;
                }
                Err(error) => {
                    failures += 1;
                    if failures >= MAX_FAILURES {
                        report.stopped.get_or_insert_with(|| error.reader.clone());
                    }
                    report.refused.extend(open.into_iter().map(|target| (target, error.reader.clone())));
                }
            }
        }
        let analysis = desk.analysis();
        // To write takes time, in which the server is not left idle: what waits for none of these and takes nothing over is asked for first.
        let mut later = Vec::new();
        while under_way.len() < limits.jobs.max(1) && report.may_ask(&limits, reserved.values().sum(), || 0) {
            let Some(at) = ready.pop_front() else { break };
            let (drafts, open) = found(&analysis, &plan[at].targets);
            let tokens = || tokens_of(&analysis, &plan[at].unique_id, &open);
            if !begun[at] && drafts.is_empty() && !open.is_empty() && report.may_ask(&limits, reserved.values().sum(), tokens) {
                begun[at] = true;
                reserved.insert(at, if limits.tokens.is_some() { tokens() } else { 0 });
                under_way.spawn(request(analyst.clone(), analysis.clone(), at, plan[at].unique_id.clone(), open));
            } else {
                later.push(at);
            }
        }
        later.into_iter().rev().for_each(|at| ready.push_front(at));
        for texts in rounds {
            let analysis = desk.analysis();
            let still_open = texts.iter().filter(|(target, _)| is_open(&analysis, target));
            let drafts = still_open.map(|(target, described)| described.to_draft(&analysis, target)).collect();
            report.write(desk, drafts).await?;
        }
        for at in ended {
            done += 1;
            release(at, &feeds, &mut waits, &mut ready);
        }
        told(progress(done, plan.len(), &report, under_way.len()));
    }
}

/// Has a language model write what a node or a macro lacks.
async fn request(
    analyst: Analyst,
    analysis: Analysis,
    at: usize,
    unique_id: String,
    open: Vec<DescribeTarget>,
) -> (usize, Vec<DescribeTarget>, Result<EntryTexts, PortError>) {
    let Some(subject) = analysis.subject(&unique_id) else {
        return (at, open, Err(PortError::new(format!("{unique_id} is not in the project any more"), "unknown target")));
    };
    let mut written = analyst.write_for(&analysis, subject, &open).await;
    // A server that doesn't count is counted for.
    if let Ok(written) = &mut written
        && written.usage == Usage::default()
    {
        written.usage.input_tokens = estimated_tokens(&analysis, subject, &open) as u64;
    }
    (at, open, written)
}

/// What a request for some targets of a node or a macro will take, about: what goes in, and forty tokens for each text.
fn tokens_of(analysis: &Analysis, unique_id: &str, open: &[DescribeTarget]) -> u64 {
    let given = analysis.subject(unique_id).map_or(0, |subject| estimated_tokens(analysis, subject, open));
    (given + open.len() * 40) as u64
}

/// The unique id of a model without its version.
fn model_of(unique_id: &str) -> &str {
    match unique_id.match_indices('.').nth(2) {
        Some((end, _)) if unique_id.starts_with("model.") => &unique_id[..end],
        _ => unique_id,
    }
}

fn progress(done: usize, all: usize, report: &Report, under_way: usize) -> Progress {
    Progress { done, all, written: report.written.len(), under_way, tokens: report.usage.all() }
}

fn release(at: usize, feeds: &[Vec<usize>], waits: &mut [usize], ready: &mut VecDeque<usize>) {
    for &next in &feeds[at] {
        waits[next] = waits[next].saturating_sub(1);
        if waits[next] == 0 {
            ready.push_back(next);
        }
    }
}

/// Whether a target still lacks a description, or has an outdated one: another version of the model, whose entry it shares, may have brought it
/// meanwhile, and so may a person.
fn is_open(analysis: &Analysis, target: &DescribeTarget) -> bool {
    analysis.description_of(target).is_none() || analysis.written_draft(target).is_some_and(|draft| analysis.is_stale(draft))
}

/// What is there already for some targets, and the targets that a language model would have to write.
fn found(analysis: &Analysis, targets: &[DescribeTarget]) -> (Vec<Draft>, Vec<DescribeTarget>) {
    let (mut drafts, mut open) = (Vec::new(), Vec::new());
    for target in targets.iter().filter(|target| is_open(analysis, target)) {
        let earlier = analysis.drafts().get(DraftKind::Description, target).filter(|earlier| !analysis.is_stale(earlier));
        match earlier {
            Some(earlier) if earlier.state == DraftState::Rejected => {}
            // Noted, and never written: the run before ended in between.
            Some(earlier) if earlier.state == DraftState::Draft && analysis.description_of(target).is_none() => drafts.push(earlier.clone()),
            _ => match known(analysis, target) {
                Some(described) => drafts.push(described.to_draft(analysis, target)),
                None => open.push(target.clone()),
            },
        }
    }
    (drafts, open)
}
