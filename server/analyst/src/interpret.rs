//! What a model does, read from its SQL and from as much of the SQL upstream as that takes: an agent pulls one model after another
//! within a budget of tokens, and every statement names the line that it rests on.

use crate::answer::Analyst;
use crate::check::{Checker, Names};
use crate::documents::{clip, facts, one_line, sql_of};
use crate::ports::{ChatReply, ChatRequest, DescribeTarget, Draft, DraftKind, DraftState, Message, PortError, ToolCall, ToolSpec, Usage};
use crate::{Event, prompts, tools};
use dbt::NodeIndex;
use ide::Analysis;
use serde_json::{Value, json};
use std::fmt::Write;

/// What is read about a model, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterpretLimits {
    /// Tokens that the model may be given in all, four characters each.
    pub tokens: usize,
    /// Turns with tools before it has to write.
    pub steps: usize,
}

impl Default for InterpretLimits {
    fn default() -> Self {
        Self { tokens: 24_000, steps: 8 }
    }
}

/// A statement, and the line that shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub text: String,
    /// The model and the line of its SQL, counted from 1; `None` where the model named none that there is.
    pub line: Option<(String, usize)>,
}

/// What a model does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interpretation {
    pub unique_id: String,
    pub label: String,
    pub summary: String,
    pub grain: String,
    /// `keys`, `filters`, `joins`, `metrics`, `caveats`, in this order, those that have something to say.
    pub sections: Vec<(&'static str, Vec<Statement>)>,
    /// The language model.
    pub model: String,
    pub steps: Vec<String>,
    pub usage: Usage,
}

const SECTIONS: [(&str, &str); 5] = [
    ("keys", "columns that identify a row, and how that is known"),
    ("filters", "rows that are left out, and where"),
    ("joins", "what is joined on what, and whether rows can be lost or doubled by it"),
    ("metrics", "columns that are computed, and how"),
    ("caveats", "what a reader could get wrong"),
];

/// Answers that can't be used before it is given up.
const TRIES: usize = 3;
const WRITE: &str = "write_interpretation";
/// Less of a model, in bytes, says nothing.
const MIN_READ: usize = 200;
const SPENT: &str = "no more can be read; write with what you have";
/// The SQL of one model that is given at once.
const MAX_SQL: usize = 12_000;

impl Analyst {
    /// Reads a model. `on_event` hears each step.
    pub async fn interpret(
        &self,
        analysis: &Analysis,
        index: NodeIndex,
        limits: InterpretLimits,
        on_event: &mut (dyn FnMut(Event) + Send),
    ) -> Result<Interpretation, PortError> {
        let Some(chat) = &self.chat else {
            let why = self.absent.first().cloned().unwrap_or_else(|| {
                "no language model is configured; set LLM_OPENAI_API_KEY (or LLM_ANTHROPIC_API_KEY, LLM_GOOGLE_API_KEY), or LLM_CHAT_BASE_URL and LLM_CHAT_MODEL for a local server".to_owned()
            });
            return Err(PortError::new(why, "no chat"));
        };
        let node = &analysis.index.nodes[index];
        let Some(own) = numbered(analysis, index) else {
            return Err(PortError::new(format!("{} `{}` has no SQL to be read", node.resource_type, node.label()), "no sql"));
        };
        let mut made =
            Interpretation { unique_id: node.unique_id.to_string(), label: node.label(), model: chat.model().to_owned(), ..Interpretation::default() };
        let given = format!("{}\n\nIts SQL:\n{own}", facts(analysis, index, 3000));
        let task = format!(
            "{}\n\nSay what the {} `{}` does. Read what it reads with the tool `sql` as far as that matters.",
            prompts::data(&given),
            node.resource_type,
            node.label()
        );
        let mut request = ChatRequest {
            messages: vec![Message::System(prompts::interpret_system(self.rules.model_interpreter.as_deref())), Message::User(task)],
            tools: vec![sql_tool(), write_tool()],
            force_tool: None,
        };
        let mut reading = Reading { analysis, seen: vec![(node.label(), own.lines().count())], given: vec![given], spent: 0 };
        let (mut tries, mut last) = (0, String::new());
        for step in 0.. {
            let is_last = step >= limits.steps || reading.tokens() >= limits.tokens;
            if is_last && request.force_tool.is_none() {
                request.tools = vec![write_tool()];
                request.force_tool = Some(WRITE);
            }
            let reply = chat.complete(&request, &mut |_| ()).await?;
            made.usage += reply.usage;
            if let Some(written) = written(&reply) {
                match take(&mut made, &written, &reading) {
                    Ok(()) => return Ok(made),
                    Err(why) => {
                        tries += 1;
                        if tries == TRIES {
                            last = why;
                            break;
                        }
                        request.messages.push(Message::Assistant { text: clip(&written.to_string(), 1500), calls: Vec::new() });
                        request.messages.push(Message::User(format!("That can't be used: {why}. Call `{WRITE}` again.")));
                        continue;
                    }
                }
            }
            let calls: Vec<ToolCall> = if is_last { Vec::new() } else { reply.calls.clone() };
            if calls.is_empty() {
                tries += 1;
                if tries == TRIES {
                    last = "it wrote nothing".to_owned();
                    break;
                }
                request.messages.push(Message::Assistant { text: clip(&reply.text, 1500), calls: Vec::new() });
                request.messages.push(Message::User(format!("Call `{WRITE}` with what you found.")));
                request.tools = vec![write_tool()];
                request.force_tool = Some(WRITE);
                continue;
            }
            request.messages.push(Message::Assistant { text: reply.text.clone(), calls: calls.clone() });
            for call in calls {
                let title = tools::step_title(&call);
                on_event(Event::Step(title.clone()));
                made.steps.push(title);
                let content = reading.read(&call, limits.tokens);
                request.messages.push(Message::Tool { call_id: call.id.clone(), content: prompts::data(&content) });
            }
        }
        Err(PortError::new(format!("the model {} gave no usable interpretation ({last}); try again, or another model", chat.model()), &last))
    }
}

/// What was read so far.
struct Reading<'a> {
    analysis: &'a Analysis,
    /// Labels of the models that were read, and how many lines each has.
    seen: Vec<(String, usize)>,
    given: Vec<String>,
    spent: usize,
}

impl Reading<'_> {
    fn tokens(&self) -> usize {
        (self.spent + self.given.iter().map(String::len).sum::<usize>()) / 4
    }

    /// The SQL that a call asks for, as much of it as the budget has left, or what is wrong with the call.
    fn read(&mut self, call: &ToolCall, budget: usize) -> String {
        let left = budget.saturating_sub(self.tokens()) * 4;
        if left < MIN_READ {
            self.spent += SPENT.len();
            return SPENT.to_owned();
        }
        let name = call.arguments.get("name").and_then(Value::as_str).unwrap_or_default();
        let found = self.analysis.index.find(name).first().copied();
        let text = match found {
            Some(index) if self.seen.iter().any(|(label, _)| *label == self.analysis.index.nodes[index].label()) => format!("you have read `{name}` already"),
            Some(index) => match numbered(self.analysis, index) {
                Some(sql) => {
                    self.seen.push((self.analysis.index.nodes[index].label(), sql.lines().count()));
                    format!("{}\n\nIts SQL:\n{sql}", facts(self.analysis, index, 1500))
                }
                None => facts(self.analysis, index, 2500),
            },
            None => format!("nothing in this project is called `{name}`{}", self.analysis.names_like(name, 5)),
        };
        let text = clip(&text, left);
        if found.is_some() {
            self.given.push(text.clone());
        } else {
            self.spent += text.len();
        }
        text
    }
}

/// A node's SQL with the numbers of its lines.
fn numbered(analysis: &Analysis, index: NodeIndex) -> Option<String> {
    let sql = sql_of(analysis, index)?;
    let mut text = String::with_capacity(sql.len() + 200);
    for (number, line) in sql.lines().enumerate() {
        let _ = writeln!(text, "{} {line}", number + 1);
    }
    Some(clip(&text, MAX_SQL))
}

fn sql_tool() -> ToolSpec {
    ToolSpec {
        name: "sql",
        description: "The facts and the SQL of a model, source, seed or snapshot, with the numbers of its lines.",
        parameters: json!({"type": "object", "properties": {"name": {"type": "string", "description": "its name; source.table for a source"}}, "required": ["name"]}),
    }
}

fn write_tool() -> ToolSpec {
    let statement = json!({"type": "object", "properties": {
        "text": {"type": "string"},
        "model": {"type": "string", "description": "the model whose SQL shows it"},
        "line": {"type": "integer", "description": "the number of the line there"},
    }, "required": ["text"]});
    let mut properties = json!({
        "summary": {"type": "string", "description": "what it holds and what it is for, in two to four sentences"},
        "grain": {"type": "string", "description": "what one row is"},
    });
    for (name, description) in SECTIONS {
        properties[name] = json!({"type": "array", "items": statement, "description": description});
    }
    ToolSpec {
        name: WRITE,
        description: "Writes down what the model does.",
        parameters: json!({"type": "object", "properties": properties, "required": ["summary", "grain"]}),
    }
}

/// What a reply wrote, as a call or as JSON.
fn written(reply: &ChatReply) -> Option<Value> {
    let is_call = reply.calls.iter().any(|call| call.name == WRITE);
    reply.written(WRITE).filter(|value| is_call || value.get("summary").is_some())
}

/// Takes over what was written, or says why it can't be used. Names that the project doesn't have are marked.
fn take(made: &mut Interpretation, written: &Value, reading: &Reading<'_>) -> Result<(), String> {
    let names = Names::new(reading.analysis, &reading.given.iter().map(String::as_str).collect::<Vec<_>>());
    let checked = |text: &str| {
        let mut checker = Checker::new(&names);
        checker.push(&one_line(text));
        checker.finish();
        checker.shown
    };
    let text = |key: &str| written.get(key).and_then(Value::as_str).map(checked).filter(|text| !text.is_empty());
    let plain = |text: &str| text.chars().filter(|sign| sign.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let summary = text("summary").ok_or("`summary` is missing")?;
    let grain = text("grain").ok_or("`grain` is missing")?;
    if plain(&summary) == plain(&made.label) {
        return Err("`summary` only repeats the name".to_owned());
    }
    if let Some(secret) = crate::secrets::secret_in(&written.to_string()) {
        return Err(format!("it holds something like a secret ({secret})"));
    }
    if summary.contains("{{") || summary.contains("{%") {
        return Err("`summary` holds code instead of sentences".to_owned());
    }
    (made.summary, made.grain) = (clip(&summary, 2000), clip(&grain, 600));
    made.sections.clear();
    for (name, _) in SECTIONS {
        let items = written.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let statements: Vec<Statement> = items.iter().filter_map(|item| statement(item, &checked, made, reading)).take(20).collect();
        if !statements.is_empty() {
            made.sections.push((name, statements));
        }
    }
    Ok(())
}

fn statement(item: &Value, checked: &dyn Fn(&str) -> String, made: &Interpretation, reading: &Reading<'_>) -> Option<Statement> {
    let text = item.get("text").and_then(Value::as_str).or_else(|| item.as_str()).map(checked).filter(|text| !text.is_empty())?;
    let model = item.get("model").and_then(Value::as_str).map_or(made.label.as_str(), |name| name.trim_matches('`'));
    let line = item.get("line").and_then(Value::as_u64).and_then(|line| usize::try_from(line).ok());
    // A line that nobody was shown is no evidence.
    let (label, lines) = reading.seen.iter().find(|(label, _)| label == model)?;
    let line = line.filter(|line| (1..=*lines).contains(line)).map(|line| (label.clone(), line));
    Some(Statement { text: clip(&text, 600), line })
}

impl Interpretation {
    /// As a draft that nobody has decided on; `described` is [`Analysis::described`] of the model as it was read.
    pub fn to_draft(&self, described: String) -> Draft {
        Draft {
            kind: DraftKind::Interpretation,
            target: DescribeTarget { unique_id: self.unique_id.clone(), column: None },
            text: self.to_markdown(),
            origin: self.model.clone(),
            state: DraftState::Draft,
            described,
            replaced: None,
        }
    }

    /// As Markdown: the summary, then a list.
    pub fn to_markdown(&self) -> String {
        let mut text = format!("{}\n\n- **Grain:** {}\n", self.summary, self.grain);
        for (name, statements) in &self.sections {
            let mut title = (*name).to_owned();
            if let Some(first) = title.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            let _ = writeln!(text, "- **{title}:**");
            for statement in statements {
                let line = statement.line.as_ref().map(|(model, line)| format!(" (`{model}`, line {line})")).unwrap_or_default();
                let _ = writeln!(text, "  - {}{line}", statement.text);
            }
        }
        text
    }

    /// As JSON: `{uniqueId, summary, grain, keys: [{text, model?, line?}], filters, joins, metrics, caveats, llm, steps, usage}`.
    pub fn to_json(&self) -> Value {
        let mut value = json!({"uniqueId": self.unique_id, "summary": self.summary, "grain": self.grain});
        for (name, _) in SECTIONS {
            let statements = self.sections.iter().find(|(known, _)| *known == name).map(|(_, statements)| statements.as_slice()).unwrap_or_default();
            let statements: Vec<Value> = statements
                .iter()
                .map(|statement| match &statement.line {
                    Some((model, line)) => json!({"text": statement.text, "model": model, "line": line}),
                    None => json!({"text": statement.text}),
                })
                .collect();
            value[name] = json!(statements);
        }
        value["llm"] = json!(self.model);
        value["steps"] = json!(self.steps);
        value["usage"] = json!({"inputTokens": self.usage.input_tokens, "outputTokens": self.usage.output_tokens});
        value
    }
}
