//! The text of a missing description: inherited where the project has it, else written by a model, else left to be filled in.

use crate::Analyst;
use crate::documents::{self, clip, one_line, sql_of};
use crate::ports::{ChatReply, ChatRequest, Draft, DraftKind, DraftState, Message, PortError, ToolSpec, Usage, json_in};
use crate::prompts;
use crate::refuse::{ODD_NAME, is_code, is_plain, refuse};
use dbt::{Node, NodeIndex};
use futures::{FutureExt, StreamExt};
use ide::{Analysis, DescribeAct, DescribeTarget, Proof, Subject};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;

/// Where a description's text comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The column upstream: its node's unique id, its name, and what says that it is the same.
    Inherited(String, String, Proof),
    /// The docs block of the same name.
    Docs(String),
    /// What the warehouse has as the comment.
    Comment,
    /// The model's name.
    Model(String),
    /// Nobody wrote it; a place to write into.
    Skeleton,
}

impl Origin {
    /// Whether somebody has to read it: what a model wrote, and what only a name speaks for.
    pub fn state(&self) -> DraftState {
        match self {
            Self::Inherited(_, _, Proof::Sql) | Self::Comment => DraftState::Accepted,
            Self::Inherited(_, _, Proof::Name) | Self::Docs(_) | Self::Model(_) | Self::Skeleton => DraftState::Draft,
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inherited(from, column, Proof::Sql) => write!(f, "inherited from {from}.{column}"),
            Self::Inherited(from, column, Proof::Name) => write!(f, "inherited by its name from {from}.{column}"),
            Self::Docs(name) => write!(f, "the docs block {name}"),
            Self::Comment => f.write_str("the warehouse's comment"),
            Self::Model(model) => write!(f, "by {model}"),
            Self::Skeleton => f.write_str("nobody's"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    pub text: String,
    pub origin: Origin,
    /// Why it is no better.
    pub missing: Option<String>,
}

impl Described {
    /// Whether somebody has to read it: also what it was taken over from may be unread.
    fn state(&self, analysis: &Analysis) -> DraftState {
        let unread = |from: &str, column: &str| {
            let target = DescribeTarget { unique_id: from.to_owned(), column: Some(column.to_owned()) };
            analysis.written_draft(&target).is_some_and(|draft| draft.state == DraftState::Draft)
        };
        match &self.origin {
            Origin::Inherited(from, column, _) if unread(from, column) => DraftState::Draft,
            origin => origin.state(),
        }
    }

    /// As a draft for a target, written for its code as it is now.
    pub fn to_draft(&self, analysis: &Analysis, target: &DescribeTarget) -> Draft {
        Draft {
            kind: DraftKind::Description,
            target: target.clone(),
            text: self.text.clone(),
            origin: self.origin.to_string(),
            state: self.state(analysis),
            described: analysis.described(target).unwrap_or_default(),
            replaced: analysis.to_be_replaced(target),
        }
    }
}

const TRIES: usize = 3;
/// Nodes that are asked for at once where many are.
const REQUESTS: usize = 4;

impl Analyst {
    /// What an act makes of a description: `None` where there is nothing to take over and nothing may be made up.
    pub async fn describe_as(&self, analysis: &Analysis, target: &DescribeTarget, act: DescribeAct) -> Result<Option<Described>, PortError> {
        if act != DescribeAct::Improve
            && let Some(known) = known(analysis, target)
        {
            return Ok(Some(known));
        }
        if act == DescribeAct::Inherit {
            return Ok(None);
        }
        if act == DescribeAct::Improve && self.chat.is_none() {
            return Err(PortError::new("no language model is configured that could write it anew; `ragstar doctor` says how to have one", "no chat"));
        }
        self.written(analysis, target).await.map(Some)
    }

    /// Finds or writes a description.
    pub async fn describe(&self, analysis: &Analysis, target: &DescribeTarget) -> Result<Described, PortError> {
        let found = self.describe_as(analysis, target, DescribeAct::Write).await?;
        found.ok_or_else(|| PortError::new(format!("nothing is known of {}", analysis.label_of(target)), "no description"))
    }

    /// The same for many: what is known is taken over, the rest is asked for, that of one node in one request, some requests at a time. `told`
    /// hears how many are done.
    pub async fn describe_all(&self, analysis: &Analysis, targets: &[DescribeTarget], act: DescribeAct, told: impl Fn(usize)) -> EntryTexts {
        let mut made = EntryTexts::default();
        let mut open: Vec<(&str, Vec<DescribeTarget>)> = Vec::new();
        for target in targets {
            match known(analysis, target) {
                Some(described) => made.texts.push((target.clone(), described)),
                None if act == DescribeAct::Inherit => made.refused.push((target.clone(), "it has nothing to take over".to_owned())),
                None if self.chat.is_none() => made.texts.push((target.clone(), skeleton())),
                None => match open.iter_mut().find(|(id, _)| *id == target.unique_id) {
                    Some((_, others)) => others.push(target.clone()),
                    None => open.push((&target.unique_id, vec![target.clone()])),
                },
            }
        }
        told(made.texts.len());
        let same = same_as(analysis, &mut open);
        let asked: Vec<_> = open.into_iter().map(|(id, targets)| self.write_open(analysis, id, targets).boxed()).collect();
        let mut asked = futures::stream::iter(asked).buffered(REQUESTS);
        while let Some(written) = asked.next().await {
            match written {
                Ok(written) => {
                    made.texts.extend(written.texts);
                    made.refused.extend(written.refused);
                    made.usage += written.usage;
                }
                Err((targets, error)) => made.refused.extend(targets.into_iter().map(|target| (target, error.reader.clone()))),
            }
            told(made.texts.len() + made.refused.len());
        }
        for (target, of) in same {
            match made.texts.iter().find(|(other, _)| *other == of) {
                Some((_, described)) => made.texts.push((target, described.clone())),
                None => made.refused.push((target, format!("it is {}, which could not be written", analysis.label_of(&of)))),
            }
        }
        made
    }

    async fn write_open(&self, analysis: &Analysis, id: &str, targets: Vec<DescribeTarget>) -> Result<EntryTexts, (Vec<DescribeTarget>, PortError)> {
        let Some(subject) = analysis.subject(id) else {
            return Err((targets, PortError::new(format!("{id} is not in the project any more"), "unknown target")));
        };
        self.write_for(analysis, subject, &targets).await.map_err(|error| (targets, error))
    }

    async fn written(&self, analysis: &Analysis, target: &DescribeTarget) -> Result<Described, PortError> {
        let Some(subject) = analysis.subject(&target.unique_id) else {
            return Err(PortError::new(format!("{} is not in the project any more", target.unique_id), "unknown target"));
        };
        let given = surroundings(analysis, subject);
        let name = name_of(analysis, target);
        if !is_plain(&name) {
            return Err(PortError::new(ODD_NAME, "odd name"));
        }
        let Some(chat) = &self.chat else { return Ok(skeleton()) };
        let mut request = ChatRequest {
            messages: vec![
                Message::System(prompts::describe_system(&samples(analysis), self.rules.model_interpreter.as_deref())),
                Message::User(facts(analysis, &given, target)),
            ],
            tools: vec![ToolSpec {
                name: "write_description",
                description: "Writes the description into the documentation.",
                parameters: json!({"type": "object", "properties": {"description": {"type": "string"}}, "required": ["description"]}),
            }],
            force_tool: Some("write_description"),
        };
        let mut last = String::new();
        for _ in 0..TRIES {
            let reply = chat.complete(&request, &mut |_| ()).await?;
            let written = reply.calls.iter().find_map(|call| call.arguments.get("description")?.as_str().map(str::to_owned));
            // A model that can't call tools may still have written the text, or its JSON.
            let text = written.unwrap_or_else(|| from_text(&reply.text));
            let text = one_line(&text);
            match refuse(&text, &name, analysis, &given) {
                None => return Ok(Described { text, origin: Origin::Model(chat.model().to_owned()), missing: None }),
                Some(why) => {
                    request.messages.push(Message::Assistant { text: clip(&text, 400), calls: Vec::new() });
                    request.messages.push(Message::User(format!("That can't be used: {why}. Write it again.")));
                    last = why;
                }
            }
        }
        Err(PortError::new(format!("the model {} gave no usable description ({last}); try again, or write it yourself", chat.model()), &last))
    }
}

/// Takes out of what is to be asked for the columns that are others of them, taken over as they are; each with the one furthest upstream.
fn same_as(analysis: &Analysis, open: &mut Vec<(&str, Vec<DescribeTarget>)>) -> Vec<(DescribeTarget, DescribeTarget)> {
    let all: HashMap<DescribeTarget, DescribeTarget> = open.iter().flat_map(|(_, targets)| targets).map(|target| (target.key(), target.clone())).collect();
    let origin = |target: &DescribeTarget| -> Option<DescribeTarget> {
        // What versions share is said of each.
        let index = analysis.index.node(&target.unique_id).filter(|&index| analysis.index.nodes[index].version.is_none())?;
        let among = |(at, name): (NodeIndex, Arc<str>)| {
            let upstream = DescribeTarget::of(&analysis.index.nodes[at], Some(&name));
            all.get(&upstream.key()).filter(|other| *other != target).cloned()
        };
        analysis.columns_behind(index, target.column.as_ref()?).filter_map(among).last()
    };
    let mut same = Vec::new();
    for (_, targets) in open.iter_mut() {
        targets.retain(|target| {
            let of = origin(target);
            same.extend(of.clone().map(|of| (target.clone(), of)));
            of.is_none()
        });
    }
    open.retain(|(_, targets)| !targets.is_empty());
    same
}

/// A place to write into.
fn skeleton() -> Described {
    let missing = "no language model is configured, so the description is left for you to write".to_owned();
    Described { text: String::new(), origin: Origin::Skeleton, missing: Some(missing) }
}

/// A text for a target that somebody wrote already: of the column upstream that it is, else of those that are only called the same; the
/// warehouse's comment; a docs block of its name.
pub fn known(analysis: &Analysis, target: &DescribeTarget) -> Option<Described> {
    let described = |text: String, origin| Some(Described { text, origin, missing: None });
    if let Some(found) = analysis.inherited(target).filter(|found| !is_code(&found.raw) || found.raw.trim_start().starts_with("{{")) {
        return described(found.raw, Origin::Inherited(found.from, found.column, found.proof));
    }
    let subject = analysis.subject(&target.unique_id)?;
    let (name, package) = (subject.name(), subject.package());
    let facts = match subject {
        Subject::Node(_, node) => node.artifacts.as_ref(),
        Subject::Macro(_) | Subject::Source(_) => None,
    };
    let comment = match &target.column {
        Some(column) => facts.and_then(|facts| facts.columns.iter().find(|found| found.name.eq_ignore_ascii_case(column))?.comment.clone()),
        None => facts.and_then(|facts| facts.comment.clone()),
    };
    // dbt would run Jinja in it.
    if let Some(comment) = comment.filter(|comment| !is_code(comment) && !comment.trim().is_empty()) {
        let plain: String = comment.trim().chars().filter(|c| *c == '\n' || !c.is_control()).collect();
        return described(plain, Origin::Comment);
    }
    let names: Vec<String> = match &target.column {
        Some(column) => vec![format!("{name}__{column}"), format!("{name}_{column}"), column.clone()],
        None => vec![name.to_owned()],
    };
    // An empty one is to be filled itself.
    let written = |docs: &&dbt::Docs| *docs.package == *package && !docs.text.trim().is_empty();
    let docs = names.iter().find_map(|name| analysis.index.docs.iter().filter(written).find(|docs| docs.name.eq_ignore_ascii_case(name)))?;
    described(format!("{{{{ doc('{}') }}}}", docs.name), Origin::Docs(docs.name.clone()))
}

/// What came of the descriptions of one node or macro.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EntryTexts {
    pub texts: Vec<(DescribeTarget, Described)>,
    /// Those that a language model could not write, and why.
    pub refused: Vec<(DescribeTarget, String)>,
    pub usage: Usage,
}

/// Columns that are asked for at once.
const AT_ONCE: usize = 20;

impl Analyst {
    /// Descriptions for a node and its columns, or a macro and its arguments, that a language model writes, many in one request: a JSON object with a text for each
    /// name. Those that can't be used are asked for again, twice at most.
    pub async fn write_for(&self, analysis: &Analysis, subject: Subject<'_>, targets: &[DescribeTarget]) -> Result<EntryTexts, PortError> {
        let Some(chat) = &self.chat else { return Err(PortError::new("no language model is configured", "no chat")) };
        let mut made = EntryTexts::default();
        let given = surroundings(analysis, subject);
        let (targets, odd): (Vec<_>, Vec<_>) = targets.iter().cloned().partition(|target| is_plain(&name_of(analysis, target)));
        made.refused.extend(odd.into_iter().map(|target| (target, ODD_NAME.to_owned())));
        for targets in targets.chunks(AT_ONCE) {
            let mut request = ChatRequest {
                messages: vec![
                    Message::System(prompts::describe_system(&samples(analysis), self.rules.model_interpreter.as_deref())),
                    Message::User(facts_for(analysis, subject, targets)),
                ],
                tools: vec![ToolSpec {
                    name: "write_descriptions",
                    description: "Writes the descriptions into the documentation.",
                    parameters: json!({"type": "object", "properties": {"descriptions": {"type": "array", "items": {"type": "object", "properties": {
                        "name": {"type": "string", "description": "the name of the column or argument, or of the node or macro itself"},
                        "description": {"type": "string"},
                    }, "required": ["name", "description"]}}}, "required": ["descriptions"]}),
                }],
                force_tool: Some("write_descriptions"),
            };
            let mut open: Vec<(DescribeTarget, String)> = targets.iter().map(|target| (target.clone(), "it was not written".to_owned())).collect();
            for _ in 0..TRIES {
                let reply = match chat.complete(&request, &mut |_| ()).await {
                    Ok(reply) => reply,
                    // What came before is not thrown away.
                    Err(error) if !made.texts.is_empty() => {
                        open.iter_mut().for_each(|(_, why)| why.clone_from(&error.reader));
                        break;
                    }
                    Err(error) => return Err(error),
                };
                made.usage += reply.usage;
                let written = written_by_name(&reply);
                open.retain_mut(|(target, why)| {
                    let name = name_of(analysis, target);
                    let Some(text) = written.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name)).map(|(_, text)| text) else { return true };
                    match refuse(text, &name, analysis, &given) {
                        Some(refusal) => {
                            *why = refusal;
                            true
                        }
                        None => {
                            let origin = Origin::Model(chat.model().to_owned());
                            made.texts.push((target.clone(), Described { text: text.clone(), origin, missing: None }));
                            false
                        }
                    }
                });
                if open.is_empty() {
                    break;
                }
                let wrong: Vec<String> = open.iter().map(|(target, why)| format!("`{}`: {why}", name_of(analysis, target))).collect();
                request.messages.push(Message::Assistant { text: clip(&json!(written).to_string(), 1500), calls: Vec::new() });
                request.messages.push(Message::User(format!("These can't be used or are missing; write them again, and only them: {}.", wrong.join("; "))));
            }
            made.refused.extend(open);
        }
        Ok(made)
    }
}

fn name_of(analysis: &Analysis, target: &DescribeTarget) -> String {
    match (&target.column, analysis.subject(&target.unique_id)) {
        (Some(column), _) => column.clone(),
        (None, Some(subject)) => subject.name().to_owned(),
        (None, None) => target.unique_id.clone(),
    }
}

/// Names and texts of a reply: a call's, or those of a JSON object that a model writes that doesn't call.
fn written_by_name(reply: &ChatReply) -> Vec<(String, String)> {
    let Some(value) = reply.written("write_descriptions") else { return Vec::new() };
    match value.get("descriptions").unwrap_or(&value) {
        serde_json::Value::Array(items) => {
            let of = |item: &serde_json::Value| Some((item.get("name")?.as_str()?.trim_matches('`').to_owned(), one_line(item.get("description")?.as_str()?)));
            items.iter().filter_map(of).collect()
        }
        serde_json::Value::Object(entries) => entries.iter().filter_map(|(name, text)| Some((name.clone(), one_line(text.as_str()?)))).collect(),
        _ => Vec::new(),
    }
}

/// What a language model reads to describe a node and some of its columns, or a macro and some of its arguments.
fn facts_for(analysis: &Analysis, subject: Subject<'_>, targets: &[DescribeTarget]) -> String {
    let (kind, label) = (subject.kind(), subject.label());
    let parts = match subject {
        Subject::Node(..) => "columns",
        Subject::Macro(_) => "arguments",
        Subject::Source(_) => "tables",
    };
    let mut text = prompts::data(&surroundings(analysis, subject));
    let columns: Vec<String> = targets.iter().filter_map(|target| target.column.as_ref()).map(|column| format!("`{column}`")).collect();
    let own = targets.iter().any(|target| target.column.is_none());
    text.push_str(&format!("\n\nWrite the description of {}", if own { format!("the {kind} `{label}` itself") } else { String::new() }));
    if !columns.is_empty() {
        text.push_str(&format!("{}the {parts} {} of `{label}`", if own { ", and of " } else { "" }, columns.join(", ")));
    }
    text.push_str(&format!(". Call `write_descriptions` once, with all of them; the {kind} itself goes by the name `{}`.", subject.name()));
    text
}

/// How many tokens a request for these would take in, about.
pub fn estimated_tokens(analysis: &Analysis, subject: Subject<'_>, targets: &[DescribeTarget]) -> usize {
    let requests = targets.len().div_ceil(AT_ONCE);
    requests * (facts_for(analysis, subject, targets).len() + 1500) / 4
}

/// The longest existing descriptions show the project's tone.
fn samples(analysis: &Analysis) -> Vec<String> {
    let mut texts: Vec<&str> = analysis
        .index
        .nodes
        .iter()
        .filter(|node| node.package == analysis.index.project)
        .filter_map(|node| node.description.as_ref())
        .map(|description| description.text.trim())
        .filter(|text| text.len() > 20 && text.len() < 300)
        .collect();
    texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
    texts.into_iter().take(4).map(str::to_owned).collect()
}

/// A node's own facts and SQL, and what is upstream of it; of a macro its text and where it is called.
pub(crate) fn surroundings(analysis: &Analysis, subject: Subject<'_>) -> String {
    let index = match subject {
        Subject::Node(index, _) => index,
        Subject::Macro(found) => return about_macro(analysis, found),
        Subject::Source(table) => return about_source(analysis, table),
    };
    let mut known = documents::facts(analysis, index, 1800);
    if let Some(rows) = analysis.index.nodes[index].artifacts.as_ref().and_then(|facts| facts.rows) {
        known.push_str(&format!("\n\nRows in the warehouse: {rows}"));
    }
    if let Some(sql) = compiled_sql(analysis, index).or_else(|| sql_of(analysis, index)) {
        known.push_str(&format!("\n\nIts SQL:\n{}", clip(&sql, 4000)));
    }
    let samples = analysis.samples(index);
    if !samples.is_empty() {
        let lines: String = samples.iter().map(|(name, values)| format!("- `{name}`: {}\n", one_line(&values.join(" | ")))).collect();
        known.push_str(&format!("\n\nSome values of its columns:\n{}", clip(lines.trim_end(), 1500)));
    }
    for &parent in analysis.index.nodes[index].depends_on.iter().take(4) {
        known.push_str(&format!("\n\nUpstream:\n{}", documents::facts(analysis, parent, 600)));
    }
    known
}

/// What dbt would send to the warehouse, where it can be said without asking that.
fn compiled_sql(analysis: &Analysis, index: NodeIndex) -> Option<String> {
    let file = analysis.file(analysis.index.nodes[index].place.file).filter(|file| file.kind.is_sql())?;
    let start = analysis.index.nodes[index].code.map_or(0, |code| code.start as usize);
    let made = analysis.compiled(file, Some(start)).ok()?;
    let is_whole = *made.unique_id == *analysis.index.nodes[index].unique_id && made.compiled.failure.is_none() && made.compiled.asks_the_warehouse.is_none();
    Some(made.compiled.sql).filter(|_| is_whole)
}

/// What a source's tables are.
fn about_source(analysis: &Analysis, table: &Node) -> String {
    let name = table.source_name.as_deref().unwrap_or_default();
    let mut known = format!("`{name}` is a source: a place in the warehouse that dbt reads tables from.\n");
    for (label, value) in table.details.iter().filter(|(label, _)| *label != "identifier") {
        known.push_str(&format!("{label}: {}\n", one_line(value)));
    }
    known.push_str("Its tables:\n");
    let all = analysis.index.nodes.iter().filter(|other| other.source_name == table.source_name && other.package == table.package);
    for other in all.take(40) {
        let columns: Vec<&str> = other.columns.keys().take(20).collect();
        let description = other.description.as_ref().map(|description| clip(&one_line(&description.text), 200)).filter(|text| !text.is_empty());
        known.push_str(&format!("- `{}`: {}", other.name, description.as_deref().unwrap_or("not described")));
        if !columns.is_empty() {
            known.push_str(&format!(" (columns: {})", columns.join(", ")));
        }
        known.push('\n');
    }
    known
}

/// A macro's text, what is said of it, and where it is called.
fn about_macro(analysis: &Analysis, found: &dbt::Macro) -> String {
    let description = found.description.as_ref().map(|description| one_line(&description.text)).filter(|text| !text.is_empty());
    let mut known = format!("`{}` is a macro.\nDescription: {}\n", found.signature(), description.as_deref().unwrap_or("none"));
    for argument in &found.arguments {
        known.push_str(&format!("Argument `{}`", argument.name));
        argument.data_type.iter().for_each(|data_type| known.push_str(&format!(" ({data_type})")));
        argument.description.iter().for_each(|description| known.push_str(&format!(": {}", one_line(&description.text))));
        known.push('\n');
    }
    known.push_str(&format!("\nIts text:\n{}", clip(&found.text, 4000)));
    let id = Some(found.unique_id.clone());
    let callers: Vec<String> = analysis.index.nodes.iter().filter(|node| node.macros.contains(&id)).take(5).map(|node| format!("`{}`", node.label())).collect();
    if !callers.is_empty() {
        known.push_str(&format!("\n\nCalled in: {}", callers.join(", ")));
    }
    known
}

fn facts(analysis: &Analysis, given: &str, target: &DescribeTarget) -> String {
    let mut known = given.to_owned();
    if let Some(old) = analysis.description_of(target) {
        known.push_str(&format!("\n\nWhat it is described as now:\n{}", clip(&old.text, 1000)));
    }
    let mut text = prompts::data(&known);
    text.push_str("\n\n");
    let wanted = match (analysis.subject(&target.unique_id), &target.column) {
        (Some(Subject::Node(_, node)), Some(column)) => format!("column `{column}` of the {} `{}`", node.resource_type, node.label()),
        (Some(Subject::Node(_, node)), None) => format!("{} `{}`", node.resource_type, node.label()),
        (Some(Subject::Macro(found)), Some(argument)) => format!("argument `{argument}` of the macro `{}`", found.name),
        (Some(Subject::Macro(found)), None) => format!("macro `{}`: what it gives back or does", found.name),
        (Some(subject @ Subject::Source(_)), _) => format!("source `{}` as a whole: the system or dataset that its tables come from", subject.name()),
        (None, _) => target.unique_id.clone(),
    };
    text.push_str(&format!("Write the description of the {wanted}."));
    if analysis.description_of(target).is_some() {
        text.push_str(" It is to take the place of the one that is there: keep what is true in it, and say more clearly what matters.");
    }
    text
}

/// The description in a reply without a call: a JSON object's, or the text itself.
fn from_text(text: &str) -> String {
    let written = json_in(text).and_then(|value| value.get("description")?.as_str().map(str::to_owned));
    written.unwrap_or_else(|| text.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_replies_still_count() {
        assert_eq!(from_text("```json\n{\"name\": \"write_description\", \"arguments\": {\"description\": \"One row.\"}}\n```"), "One row.");
        assert_eq!(from_text("{\"description\": \"One row.\"}"), "One row.");
        assert_eq!(from_text("One row."), "One row.");
    }
}
