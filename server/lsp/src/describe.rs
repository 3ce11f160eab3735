//! What is done for descriptions: ide says where they go, the analyst what they say, and ide makes the edits; what was not written by
//! hand is noted as a draft.

use crate::event::{Event, Scope, Snapshot};
use crate::{convert, main_loop};
use analyst::ports::{Draft, DraftKind, DraftState};
use analyst::{Described, InterpretLimits, Origin, PortError};
use ide::{DescribeAct, DescribeTarget, FileEdits};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tower_lsp::lsp_types::WorkspaceEdit;

/// An offer that a person took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    pub root: PathBuf,
    pub act: DescribeAct,
    pub targets: Vec<DescribeTarget>,
}

impl Task {
    /// `{root, act, targets: [{uniqueId, column?}]}`.
    pub fn to_json(&self) -> Value {
        let targets: Vec<Value> = self.targets.iter().map(|target| json!({"uniqueId": target.unique_id, "column": target.column})).collect();
        json!({"root": self.root, "act": self.act.as_str(), "targets": targets})
    }

    /// Reads the same; of a single target `uniqueId` and `column` may stand beside `root`, and `act` is `write` where it isn't said.
    pub fn read(data: &Value) -> Option<Self> {
        let act = match data.get("act").and_then(Value::as_str) {
            Some(name) => DescribeAct::ALL.into_iter().find(|act| act.as_str() == name)?,
            None => DescribeAct::Write,
        };
        let targets = match data.get("targets").and_then(Value::as_array) {
            Some(targets) => targets.iter().map(target).collect::<Option<Vec<_>>>()?,
            None => vec![target(data)?],
        };
        Some(Self { root: text(data, "root")?.into(), act, targets })
    }
}

fn text(data: &Value, key: &str) -> Option<String> {
    data.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn target(data: &Value) -> Option<DescribeTarget> {
    Some(DescribeTarget { unique_id: text(data, "uniqueId")?, column: text(data, "column") })
}

/// What came of a task.
#[derive(Debug, Default)]
pub struct Done {
    pub edit: Option<WorkspaceEdit>,
    /// What is to be noted once the edit is applied.
    pub drafts: Vec<Draft>,
    /// What the person should know.
    pub note: Option<String>,
}

/// Drafts as the argument of the command that notes them: `{root, drafts: [{uniqueId, column?, kind, text, origin, state, described, replaced?}]}`.
pub fn noting(root: &std::path::Path, drafts: &[Draft]) -> Value {
    let drafts: Vec<Value> = drafts
        .iter()
        .map(|draft| {
            json!({
                "uniqueId": draft.target.unique_id, "column": draft.target.column, "kind": draft.kind.as_str(), "text": draft.text,
                "origin": draft.origin, "state": draft.state.as_str(), "described": draft.described, "replaced": draft.replaced,
            })
        })
        .collect();
    json!({"root": root, "drafts": drafts})
}

/// The root and the drafts of such an argument.
pub fn noted(data: &Value) -> Option<(PathBuf, Vec<Draft>)> {
    let draft = |data: &Value| {
        Some(Draft {
            kind: DraftKind::named(&text(data, "kind")?)?,
            target: target(data)?,
            text: text(data, "text")?,
            origin: text(data, "origin")?,
            state: DraftState::named(&text(data, "state")?)?,
            described: text(data, "described")?,
            replaced: text(data, "replaced"),
        })
    };
    Some((text(data, "root")?.into(), data.get("drafts")?.as_array()?.iter().map(draft).collect::<Option<Vec<_>>>()?))
}

/// Notes drafts for good, and has the loop hear of them.
pub async fn note(root: PathBuf, drafts: &[Draft], snapshot: &Snapshot, events: &mpsc::UnboundedSender<Event>) -> Result<(), PortError> {
    let noted = async { snapshot.services.drafts().await?.put(drafts).await };
    noted.await.inspect_err(|error| tracing::warn!(error = %error.log, "drafts were not noted"))?;
    main_loop::load_drafts(root, snapshot.services.clone(), events.clone()).await;
    Ok(())
}

/// How often, and every how long, an edit is looked for that a client may apply or not.
const LOOKS: usize = 240;
const EVERY: Duration = Duration::from_millis(500);

/// Notes drafts when their texts stand in the project, unless the client has had them noted before.
pub async fn note_once_applied(root: PathBuf, mut drafts: Vec<Draft>, events: mpsc::UnboundedSender<Event>) {
    for _ in 0..LOOKS {
        tokio::time::sleep(EVERY).await;
        let (reply, answer) = oneshot::channel();
        if events.send(Event::Snapshot { scope: Scope::File(root.join("dbt_project.yml")), reply }).is_err() {
            return;
        }
        let Some(snapshot) = answer.await.ok().and_then(|found| found.into_iter().next()) else { return };
        let analysis = &snapshot.analysis;
        // What was noted meanwhile may have been decided on, too.
        drafts.retain(|draft| {
            let known = analysis.drafts().get(draft.kind, &draft.target);
            known.is_none_or(|known| known.text != draft.text || (draft.state == DraftState::Rejected && known.state != DraftState::Rejected))
        });
        let (there, open): (Vec<Draft>, Vec<Draft>) = drafts.into_iter().partition(|draft| is_applied(analysis, draft));
        if !there.is_empty() {
            // It is told in the log where that fails.
            let _ = note(root.clone(), &there, &snapshot, &events).await;
        }
        if open.is_empty() {
            return;
        }
        drafts = open;
    }
}

fn is_applied(analysis: &ide::Analysis, draft: &Draft) -> bool {
    match (analysis.description_of(&draft.target), draft.state) {
        (description, DraftState::Rejected) => description.is_none_or(|description| !draft.is_text_of(description)),
        (description, _) => description.is_some_and(|description| draft.is_text_of(description)),
    }
}

/// Does what was asked. `newest` gives the project as it is when the texts have come: the person may have typed on meanwhile. `told`
/// hears how many texts there are already.
pub async fn carry_out(
    snapshot: &Snapshot,
    task: &Task,
    newest: impl Future<Output = Option<Snapshot>>,
    told: impl Fn(usize) + Sync + Send,
) -> Result<Done, PortError> {
    match task.act {
        DescribeAct::Accept => Ok(Done { drafts: decided(snapshot, task, DraftState::Accepted), ..Done::default() }),
        DescribeAct::Reject => {
            let mut edits: Vec<FileEdits> = Vec::new();
            for target in &task.targets {
                let draft = snapshot.analysis.written_draft(target).cloned();
                let draft = draft.ok_or_else(|| PortError::new(ide::CHANGED_MEANWHILE, "no draft"))?;
                let made = snapshot
                    .analysis
                    .withdraw(&ide::Draft { target: target.clone(), ..draft })
                    .map_err(|refusal| PortError::new(refusal.to_string(), &refusal))?;
                edits.push(made);
            }
            Ok(Done { edit: Some(edit(snapshot, edits, "Take drafts out")?), drafts: decided(snapshot, task, DraftState::Rejected), note: None })
        }
        DescribeAct::Write | DescribeAct::Inherit | DescribeAct::Improve => write(snapshot, task, newest, told).await,
        DescribeAct::Interpret => interpret(snapshot, task, told).await,
    }
}

/// The drafts that stand in the project, with what was decided of them now.
fn decided(snapshot: &Snapshot, task: &Task, state: DraftState) -> Vec<Draft> {
    let analysis = &snapshot.analysis;
    task.targets.iter().filter_map(|target| Some(analysis.decided(analysis.written_draft(target)?, state))).collect()
}

async fn write(
    snapshot: &Snapshot,
    task: &Task,
    newest: impl Future<Output = Option<Snapshot>>,
    told: impl Fn(usize) + Sync + Send,
) -> Result<Done, PortError> {
    let writer = snapshot.services.writer().await;
    let mut texts: Vec<(DescribeTarget, Described)> = Vec::new();
    let mut refusals: Vec<String> = Vec::new();
    match task.targets.as_slice() {
        [target] => match writer.describe_as(&snapshot.analysis, target, task.act).await? {
            Some(described) => texts.push((target.clone(), described)),
            None => refusals.push(format!("{} has nothing to take over", snapshot.analysis.label_of(target))),
        },
        targets => {
            let made = writer.describe_all(&snapshot.analysis, targets, task.act, told).await;
            texts = made.texts;
            refusals = made.refused.iter().map(|(target, why)| format!("{}: {why}", snapshot.analysis.label_of(target))).collect();
        }
    }
    let now = newest.await.unwrap_or_else(|| snapshot.clone());
    // What the person has typed meanwhile is theirs.
    texts.retain(|(target, _)| {
        let is_same = now.analysis.written_text(target) == snapshot.analysis.written_text(target);
        if !is_same {
            let label = if task.targets.len() == 1 { String::new() } else { format!("{}: ", now.analysis.label_of(target)) };
            refusals.push(format!("{label}{}", ide::CHANGED_MEANWHILE));
        }
        is_same
    });
    let wanted: Vec<(DescribeTarget, String)> = texts.iter().map(|(target, described)| (target.clone(), described.text.clone())).collect();
    let (edits, refused) = match wanted.as_slice() {
        // The edit of one is as small as can be.
        [(target, text)] => match now.analysis.describe(target, text) {
            Ok(edits) => (vec![edits], Vec::new()),
            Err(refusal) => (Vec::new(), vec![(target.clone(), refusal)]),
        },
        _ => now.analysis.describe_all(&wanted),
    };
    refusals.extend(
        refused.iter().map(|(target, why)| if task.targets.len() == 1 { why.to_string() } else { format!("{}: {why}", now.analysis.label_of(target)) }),
    );
    if edits.is_empty() {
        let why = refusals.join("; ");
        return Err(PortError::new(why.clone(), why));
    }
    let mut notes = Vec::new();
    let mut drafts = Vec::new();
    for (target, described) in texts.into_iter().filter(|(target, _)| !refused.iter().any(|(other, _)| other == target)) {
        match &described.origin {
            Origin::Inherited(..) | Origin::Docs(_) | Origin::Comment => notes.push(format!("description taken over: {}", described.origin)),
            Origin::Model(_) => {}
            Origin::Skeleton => {
                notes.extend(described.missing);
                continue;
            }
        }
        drafts.push(described.to_draft(&snapshot.analysis, &target));
    }
    notes.dedup();
    let note = match (notes.len(), refusals.is_empty()) {
        (0, true) => None,
        (count, true) if count > 3 => Some(format!("{count} descriptions were taken over")),
        _ => Some(notes.into_iter().chain(refusals).take(5).collect::<Vec<_>>().join("; ")),
    };
    let label = match drafts.as_slice() {
        [draft] => format!("Description of {}: {}", now.analysis.label_of(&draft.target), draft.origin),
        _ => "Write descriptions".to_owned(),
    };
    Ok(Done { edit: Some(edit(&now, edits, &label)?), drafts, note })
}

async fn interpret(snapshot: &Snapshot, task: &Task, told: impl Fn(usize) + Sync + Send) -> Result<Done, PortError> {
    let analysis = &snapshot.analysis;
    let target = task.targets.first();
    let Some((target, index)) = target.and_then(|target| Some((target, analysis.index.node(&target.unique_id)?))) else {
        return Err(PortError::new("the model is not in the project any more", "unknown target"));
    };
    let writer = snapshot.services.writer().await;
    let mut steps = 0;
    let made = writer
        .interpret(analysis, index, InterpretLimits::default(), &mut |_| {
            steps += 1;
            told(steps);
        })
        .await?;
    let draft = made.to_draft(analysis.described(target).unwrap_or_default());
    Ok(Done { edit: None, drafts: vec![draft], note: None })
}

/// One edit, with its reason. Several descriptions, and those of a file that isn't open, are looked at first, where the client can: it would
/// save such a file at once.
fn edit(snapshot: &Snapshot, edits: Vec<FileEdits>, label: &str) -> Result<WorkspaceEdit, PortError> {
    let unseen = |file: &FileEdits| snapshot.version_of(&file.path).is_none();
    let asks = edits.iter().map(|file| file.edits.len()).sum::<usize>() > 1 || edits.iter().any(unseen);
    let change = ide::Change { edits, renames: Vec::new() };
    let made = convert::change(snapshot, &change).ok_or_else(|| PortError::new("the file's path can't be written as a URI", "path"))?;
    Ok(convert::annotated(snapshot, made, label, asks))
}
