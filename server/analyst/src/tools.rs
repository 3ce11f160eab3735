//! What a language model may ask of the project while it answers. Everything is read-only and comes from the snapshot.

use crate::documents::{clip, facts, sql_of};
use crate::ports::{DescribeTarget, Draft, DraftKind, DraftState, Drafts, Embed, Knowledge, ToolCall, ToolSpec};
use crate::{Analyst, Event, InterpretLimits, search};
use dbt::NodeIndex;
use ide::Analysis;
use serde_json::{Value, json};
use std::fmt::Write;

/// The tool that has a model read closely; [`Analyst`] runs it.
pub const INTERPRET: &str = "interpret";

/// No result is longer; models forget what came before a long one.
const MAX_RESULT: usize = 6000;

/// The tools, as a model is told of them.
pub fn specs() -> Vec<ToolSpec> {
    let name = json!({"type": "string", "description": "a model, source (source.table), seed, snapshot, metric or exposure of the project"});
    vec![
        ToolSpec {
            name: "search",
            description: "Find models, sources, metrics, exposures, macros and docs of the dbt project by words or by meaning.",
            parameters: json!({"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}),
        },
        ToolSpec {
            name: "describe",
            description: "All facts of one node: description, columns, tests, config, direct upstream and downstream.",
            parameters: json!({"type": "object", "properties": {"name": name}, "required": ["name"]}),
        },
        ToolSpec {
            name: "lineage",
            description: "Everything upstream or downstream of a node.",
            parameters: json!({"type": "object", "properties": {"name": name, "direction": {"type": "string", "enum": ["upstream", "downstream"]}}, "required": ["name", "direction"]}),
        },
        ToolSpec {
            name: "sql",
            description: "The SQL source of a model, with its Jinja.",
            parameters: json!({"type": "object", "properties": {"name": name}, "required": ["name"]}),
        },
        ToolSpec {
            name: INTERPRET,
            description: "A close reading of one model and of the SQL upstream that it needs: grain, keys, filters, joins, metrics and caveats, with the lines that show them. Takes a while; for questions on what a model does as a whole or on whether its rows can be trusted.",
            parameters: json!({"type": "object", "properties": {"name": name}, "required": ["name"]}),
        },
    ]
}

/// One line for the person who watches.
pub fn step_title(call: &ToolCall) -> String {
    let argument = |name: &str| call.arguments.get(name).and_then(Value::as_str).unwrap_or("?").to_owned();
    match call.name.as_str() {
        "search" => format!("Searching for “{}”", argument("query")),
        "describe" => format!("Reading {}", argument("name")),
        "lineage" => format!("Following what is {} of {}", argument("direction"), argument("name")),
        "sql" => format!("Reading the SQL of {}", argument("name")),
        INTERPRET => format!("Interpreting {}", argument("name")),
        other => format!("Calling {other}"),
    }
}

fn argument<'a>(call: &'a ToolCall, name: &str) -> Option<&'a str> {
    call.arguments.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// What a reading in the middle of a conversation may take.
const LIMITS: InterpretLimits = InterpretLimits { tokens: 12_000, steps: 4 };

impl Analyst {
    /// Runs a call: what it found, or what was wrong with it, which repeats the model's own words. `on_step` hears what it does on its way.
    pub(crate) async fn run_tool(&self, analysis: &Analysis, call: &ToolCall, on_step: &mut (dyn FnMut(String) + Send)) -> Result<String, String> {
        let result = match call.name.as_str() {
            INTERPRET => self.interpreted(analysis, call, on_step).await,
            _ => run(analysis, self.knowledge.as_deref(), self.embed.as_deref(), call).await,
        };
        result.map(|text| clip(&text, MAX_RESULT)).map_err(|text| clip(&text, MAX_RESULT))
    }

    /// What a model does: as somebody accepted it for its SQL as it is, else read now.
    async fn interpreted(&self, analysis: &Analysis, call: &ToolCall, on_step: &mut (dyn FnMut(String) + Send)) -> Result<String, String> {
        let index = node(analysis, argument(call, "name"))?;
        let kept = match &self.drafts {
            Some(drafts) => drafts.list().await.inspect_err(|error| tracing::warn!(error = %error.log, "interpretations were not read")).unwrap_or_default(),
            None => Drafts::default(),
        };
        let target = DescribeTarget::of(&analysis.index.nodes[index], None);
        let is_valid = |draft: &&Draft| draft.state == DraftState::Accepted && !analysis.is_stale(draft);
        if let Some(accepted) = kept.get(DraftKind::Interpretation, &target).filter(is_valid) {
            return Ok(accepted.text.clone());
        }
        let mut steps = |event| {
            if let Event::Step(step) = event {
                on_step(step);
            }
        };
        let made = self.interpret(analysis, index, LIMITS, &mut steps).await;
        made.map(|made| made.to_markdown()).map_err(|error| error.reader)
    }
}

async fn run(analysis: &Analysis, knowledge: Option<&dyn Knowledge>, embed: Option<&dyn Embed>, call: &ToolCall) -> Result<String, String> {
    let argument = |name: &str| argument(call, name);
    match call.name.as_str() {
        "search" => match argument("query") {
            Some(query) => {
                let result = search::search(analysis, knowledge, embed, query, 8).await;
                if result.found.is_empty() {
                    Err("nothing found".to_owned())
                } else {
                    Ok(result.found.iter().fold(String::new(), |mut text, found| {
                        let description = found.description.as_deref().unwrap_or("no description");
                        let _ = writeln!(text, "- {} ({}): {}", found.label, found.resource_type, clip(description.trim(), 400));
                        text
                    }))
                }
            }
            None => Err("the call lacks `query`".to_owned()),
        },
        "describe" => with_node(analysis, argument("name"), |index| {
            // What ran changes with every run; it is told, not stored.
            let runs = analysis.run_facts(index).into_iter().map(|(label, text)| format!("\n{label}: {text}"));
            facts(analysis, index, MAX_RESULT) + &runs.collect::<String>()
        }),
        "lineage" => {
            let downstream = argument("direction") == Some("downstream");
            with_node(analysis, argument("name"), |index| lineage(analysis, index, downstream))
        }
        "sql" => with_node(analysis, argument("name"), |index| match sql_of(analysis, index) {
            Some(sql) => format!("```sql\n{sql}\n```"),
            None => format!("{} has no SQL of its own; describe it instead", analysis.index.nodes[index].label()),
        }),
        other => Err(format!("there is no tool `{other}`; the tools are search, describe, lineage, sql, interpret")),
    }
}

fn with_node(analysis: &Analysis, name: Option<&str>, then: impl Fn(NodeIndex) -> String) -> Result<String, String> {
    node(analysis, name).map(then)
}

fn node(analysis: &Analysis, name: Option<&str>) -> Result<NodeIndex, String> {
    let name = name.ok_or("the call lacks `name`")?;
    let found = analysis.index.find(name).first().copied();
    found.ok_or_else(|| format!("nothing in this project is called `{name}`{}", analysis.names_like(name, 5)))
}

/// Lineage as lines of `steps name (type)`.
pub fn lineage(analysis: &Analysis, index: NodeIndex, downstream: bool) -> String {
    let found = analysis.index.lineage(index, downstream, 20);
    let direction = if downstream { "downstream" } else { "upstream" };
    let label = analysis.index.nodes[index].label();
    if found.is_empty() {
        return format!("nothing is {direction} of {label}");
    }
    let mut text = format!("{direction} of {label}, nearest first:\n");
    for (other, steps) in found.iter().take(80) {
        let node = &analysis.index.nodes[*other];
        let _ = writeln!(text, "{steps} {} ({})", node.label(), node.resource_type);
    }
    if found.len() > 80 {
        let _ = writeln!(text, "… and {} more", found.len() - 80);
    }
    text
}
