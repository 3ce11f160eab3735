//! A question, answered.

use crate::check::{self, Checker, Names};
use crate::documents::{clip, facts, labels};
use crate::ports::{Chat, ChatRequest, Embed, Exchange, KeepDrafts, Knowledge, Message, PortError, ToolCall};
use crate::{prompts, search, tools};
use ide::Analysis;
use rules::Rules;
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use text::TextRange;

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Question {
    pub text: String,
    /// The conversation to go on with.
    pub thread_id: Option<String>,
    /// `cli`, `editor`, `slack`, `api`.
    pub mouth: &'static str,
    /// What the person has selected or open.
    pub selection: Option<String>,
}

/// What happens while an answer is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A piece of the answer's Markdown, checked.
    Text(String),
    /// What is being done.
    Step(String),
}

/// A node, or one of its columns, that an answer relies on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    pub unique_id: String,
    pub label: String,
    pub column: Option<String>,
    /// Where it is defined: the file, its text's range there, and the same as zero-based lines with UTF-16 columns.
    pub path: PathBuf,
    pub range: TextRange,
    pub start: text::Position,
    pub end: text::Position,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    pub answer_id: String,
    pub thread_id: String,
    pub markdown: String,
    pub citations: Vec<Citation>,
    pub sql: Option<String>,
    /// What could not be used, and what to do about it.
    pub missing: Option<String>,
    pub steps: Vec<String>,
    pub model: Option<String>,
}

/// Everything an answer is made with. Each port may be absent; the answer then says so.
#[derive(Clone, Default)]
pub struct Analyst {
    pub chat: Option<Arc<dyn Chat>>,
    pub embed: Option<Arc<dyn Embed>>,
    pub knowledge: Option<Arc<dyn Knowledge>>,
    /// Where interpretations are that somebody accepted.
    pub drafts: Option<Arc<dyn KeepDrafts>>,
    pub rules: Rules,
    /// Why a port is absent, for the reader.
    pub absent: Vec<String>,
}

/// Turns with tools before the model has to answer.
const MAX_STEPS: usize = 5;
/// Nodes whose facts the model is given at once.
const CONTEXT_NODES: usize = 6;
/// Small local models read a thousand tokens in ten seconds.
const MAX_CARD: usize = 1400;

impl Analyst {
    /// Answers a question on one snapshot. Never fails: what could not be had is said in the answer.
    pub async fn answer(&self, analysis: &Analysis, question: &Question, on_event: &mut (dyn FnMut(Event) + Send)) -> Answer {
        let mut answer = Answer {
            answer_id: uuid::Uuid::new_v4().to_string(),
            thread_id: question.thread_id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
            ..Answer::default()
        };
        let mut missing = self.absent.clone();
        on_event(Event::Step("Searching the project".to_owned()));
        answer.steps.push("Searching the project".to_owned());
        let found = search::search(analysis, self.knowledge.as_deref(), self.embed.as_deref(), &question.text, CONTEXT_NODES).await;
        missing.extend(found.missing.iter().cloned());
        match &self.chat {
            Some(chat) => {
                answer.model = Some(chat.model().to_owned());
                if let Err(error) = self.converse(&**chat, analysis, question, &found, &mut answer, on_event).await {
                    tracing::warn!(error = %error.log, "the model did not answer");
                    missing.push(error.reader);
                    self.tell_facts(analysis, &question.text, &found, &mut answer, on_event);
                }
            }
            None => {
                missing.push(
                    "no language model is configured, so these are the closest parts of the project; set LLM_OPENAI_API_KEY (or LLM_ANTHROPIC_API_KEY, LLM_GOOGLE_API_KEY), or LLM_CHAT_BASE_URL and LLM_CHAT_MODEL for a local server, to have questions answered in words"
                        .to_owned(),
                );
                self.tell_facts(analysis, &question.text, &found, &mut answer, on_event);
            }
        }
        answer.missing = (!missing.is_empty()).then(|| missing.join("\n"));
        if let Some(knowledge) = &self.knowledge
            && let Err(error) = knowledge.save_exchange(&exchange(question, &answer)).await
        {
            tracing::warn!(error = %error.log, "the answer was not saved");
            let note = format!("this answer can't take feedback: {}", error.reader);
            answer.missing = Some(answer.missing.take().map_or_else(|| note.clone(), |missing| format!("{missing}\n{note}")));
        }
        answer
    }

    /// The turns with the model.
    async fn converse(
        &self,
        chat: &dyn Chat,
        analysis: &Analysis,
        question: &Question,
        found: &search::SearchResult,
        answer: &mut Answer,
        on_event: &mut (dyn FnMut(Event) + Send),
    ) -> Result<(), PortError> {
        let context: Vec<String> = found.found.iter().map(|found| card(analysis, found)).collect();
        let history = match (&self.knowledge, &question.thread_id) {
            (Some(knowledge), Some(thread)) => knowledge.thread(thread, 6).await.unwrap_or_default(),
            _ => Vec::new(),
        };
        let verified = match &self.knowledge {
            Some(knowledge) => knowledge.verified(&question.text, 2).await.unwrap_or_default(),
            None => Vec::new(),
        };
        let rules = [&self.rules.question_answerer, if question.mouth == "slack" { &self.rules.slack_responder } else { &None }];
        let rules: Vec<&str> = rules.into_iter().flatten().map(String::as_str).collect();
        let rules = (!rules.is_empty()).then(|| rules.join("\n"));
        let mut request =
            ChatRequest { messages: vec![Message::System(prompts::answer_system(analysis, rules.as_deref()))], tools: tools::specs(), force_tool: None };
        for (asked, answered) in &history {
            request.messages.push(Message::User(asked.clone()));
            request.messages.push(Message::Assistant { text: clip(answered, 2000), calls: Vec::new() });
        }
        request.messages.push(Message::User(prompts::answer_user(&question.text, &context, &verified, question.selection.as_deref())));
        // What people and models said before may name anything; only what comes from the project makes a name known.
        let mut given: Vec<String> = context;
        given.extend(question.selection.clone());
        let mut asked: Vec<ToolCall> = Vec::new();
        for step in 0..=MAX_STEPS {
            if step == MAX_STEPS {
                request.tools.clear();
                request.messages.push(Message::User(prompts::LAST_TURN.to_owned()));
            }
            let names = Names::new(analysis, &given.iter().map(String::as_str).collect::<Vec<_>>());
            let mut checker = Checker::new(&names);
            // Some models write a call as text; nothing is shown until it is clear that this is no such thing.
            let mut gate = Gate::default();
            let reply = chat
                .complete(&request, &mut |piece| {
                    let open = gate.pass(piece);
                    let shown = checker.push(&open);
                    if !shown.is_empty() {
                        on_event(Event::Text(shown));
                    }
                })
                .await?;
            // A model that repeats itself has nothing more to ask.
            let calls: Vec<ToolCall> =
                reply.calls.iter().filter(|call| !asked.iter().any(|old| old.name == call.name && old.arguments == call.arguments)).cloned().collect();
            if request.tools.is_empty() || reply.calls.is_empty() {
                if reply.calls.is_empty() {
                    let rest = checker.push(&gate.rest());
                    let end = checker.finish();
                    for shown in [rest, end].into_iter().filter(|shown| !shown.is_empty()) {
                        on_event(Event::Text(shown));
                    }
                }
                if checker.shown.trim().is_empty() {
                    return Err(PortError::new(format!("the model {} gave an empty answer; ask again, or try another model", chat.model()), "empty reply"));
                }
                answer.markdown = checker.shown.clone();
                if reply.truncated {
                    answer.markdown.push_str("\n\n*(cut off at the limit of chat.max_output_tokens)*");
                }
                self.cite(analysis, found, answer);
                return Ok(());
            }
            let preface = checker.finish();
            if !preface.is_empty() {
                on_event(Event::Text(preface));
            }
            if calls.is_empty() {
                request.tools.clear();
                request.messages.push(Message::User(prompts::LAST_TURN.to_owned()));
                continue;
            }
            request.messages.push(Message::Assistant { text: reply.text.clone(), calls: calls.clone() });
            for call in calls {
                let title = tools::step_title(&call);
                on_event(Event::Step(title.clone()));
                answer.steps.push(title);
                let mut on_step = |step: String| {
                    on_event(Event::Step(step.clone()));
                    answer.steps.push(step);
                };
                let content = match self.run_tool(analysis, &call, &mut on_step).await {
                    Ok(found) => {
                        given.push(found.clone());
                        found
                    }
                    Err(wrong) => wrong,
                };
                request.messages.push(Message::Tool { call_id: call.id.clone(), content: prompts::data(&content) });
                asked.push(call);
            }
        }
        Err(PortError::new("the model did not come to an answer; ask again", "step limit"))
    }

    /// Facts instead of words: what retrieval found, as it is written. What the question names comes first and in full.
    fn tell_facts(&self, analysis: &Analysis, question: &str, found: &search::SearchResult, answer: &mut Answer, on_event: &mut (dyn FnMut(Event) + Send)) {
        let mut text = String::new();
        if found.found.is_empty() {
            text.push_str("Nothing in this project matches the question.\n");
        }
        let named = search::mentioned(analysis, question);
        // Who names a node wants that node, and little else.
        let shown = if named.is_empty() { found.found.len() } else { named.len() + 2 };
        for (place, found) in found.found.iter().take(shown).enumerate() {
            let description = found.description.as_deref().map_or("No description.", str::trim);
            let _ = writeln!(text, "{}. `{}` ({}): {}", place + 1, found.label, found.resource_type, clip(description, 1200).replace('\n', "\n   "));
            let Some(index) = analysis.index.node(&found.unique_id) else { continue };
            let node = &analysis.index.nodes[index];
            let is_named = named.contains(&index);
            if is_named && !node.columns.is_empty() {
                let columns: Vec<String> = node.columns.keys().map(|name| format!("`{name}`")).collect();
                let _ = writeln!(text, "   - columns: {}", columns.join(", "));
            }
            let lists = if is_named {
                let all = |downstream| analysis.index.lineage(index, downstream, 30).into_iter().map(|(node, _)| node).collect::<Vec<_>>();
                [("everything upstream", all(false)), ("everything downstream", all(true))]
            } else {
                [("built from", node.depends_on.to_vec()), ("read by", analysis.index.children[index].clone())]
            };
            for (label, nodes) in lists {
                let nodes = labels(analysis, &nodes, if is_named { 40 } else { 8 });
                if !nodes.is_empty() {
                    let _ = writeln!(text, "   - {label}: {nodes}");
                }
            }
        }
        on_event(Event::Text(text.clone()));
        answer.markdown = text;
        answer.citations = found.found.iter().take(shown).filter_map(|found| citation_of(analysis, &found.unique_id)).collect();
    }

    /// Citations of what the answer names; where it names nothing, of what it was given first.
    fn cite(&self, analysis: &Analysis, found: &search::SearchResult, answer: &mut Answer) {
        answer.sql = fenced_sql(&answer.markdown);
        let named = check::named(analysis, &answer.markdown);
        answer.citations = named.into_iter().take(12).filter_map(|(index, column)| citation(analysis, index, column)).collect();
        if answer.citations.is_empty() {
            answer.citations = found.found.iter().take(2).filter_map(|found| citation(analysis, analysis.index.node(&found.unique_id)?, None)).collect();
        }
    }
}

/// Holds text back while it may be the beginning of a call that a model writes as text.
#[derive(Default)]
struct Gate {
    held: String,
    open: bool,
}

impl Gate {
    fn pass(&mut self, piece: &str) -> String {
        if self.open {
            return piece.to_owned();
        }
        self.held.push_str(piece);
        let start = self.held.trim_start();
        let may_be_call = start.is_empty()
            || start.starts_with('{')
            || start.starts_with("<tool_call>")
            || "<tool_call>".starts_with(start)
            || start.starts_with("```json")
            || "```json".starts_with(start);
        if may_be_call {
            return String::new();
        }
        self.open = true;
        std::mem::take(&mut self.held)
    }

    fn rest(&mut self) -> String {
        self.open = true;
        std::mem::take(&mut self.held)
    }
}

fn card(analysis: &Analysis, found: &search::Found) -> String {
    match analysis.index.node(&found.unique_id) {
        Some(index) => facts(analysis, index, MAX_CARD),
        None => clip(&format!("**{}** · {}\n\n{}", found.label, found.resource_type, found.description.as_deref().unwrap_or("")), MAX_CARD),
    }
}

/// Where anything that search finds is defined.
pub(crate) fn citation_of(analysis: &Analysis, unique_id: &str) -> Option<Citation> {
    if let Some(index) = analysis.index.node(unique_id) {
        return citation(analysis, index, None);
    }
    let docs = analysis.index.docs.iter().find(|docs| *docs.unique_id == *unique_id).map(|docs| (docs.place, docs.name.clone()));
    let found = docs.or_else(|| analysis.index.macros.iter().find(|found| *found.unique_id == *unique_id).map(|found| (found.place, found.name.clone())))?;
    cite_place(analysis, found.0, unique_id.to_owned(), found.1, None)
}

fn citation(analysis: &Analysis, index: usize, column: Option<String>) -> Option<Citation> {
    let node = &analysis.index.nodes[index];
    let place = column.as_ref().and_then(|name| node.column(name)?.entry).unwrap_or(node.place);
    let label = column.as_ref().map_or_else(|| node.label(), |column| format!("{}.{column}", node.label()));
    cite_place(analysis, place, node.unique_id.to_string(), label, column)
}

fn cite_place(analysis: &Analysis, place: dbt::Place, unique_id: String, label: String, column: Option<String>) -> Option<Citation> {
    let file = analysis.file(place.file)?;
    let lines = text::LineIndex::new(&file.text);
    let at = |offset: u32| lines.position(&file.text, offset as usize, text::Encoding::Utf16);
    Some(Citation { unique_id, label, column, path: file.path.to_path_buf(), range: place.range, start: at(place.range.start), end: at(place.range.end) })
}

fn fenced_sql(markdown: &str) -> Option<String> {
    let from = markdown.find("```sql")? + 6;
    let end = markdown[from..].find("```")?;
    Some(markdown[from..from + end].trim().to_owned())
}

fn exchange(question: &Question, answer: &Answer) -> Exchange {
    let citations: Vec<_> = answer.citations.iter().map(|citation| json!({"uniqueId": citation.unique_id, "column": citation.column})).collect();
    Exchange {
        thread_id: answer.thread_id.clone(),
        answer_id: answer.answer_id.clone(),
        mouth: question.mouth.to_owned(),
        question: question.text.clone(),
        markdown: answer.markdown.clone(),
        citations: json!(citations),
        steps: json!(answer.steps),
        sql: answer.sql.clone(),
        model: answer.model.clone(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
