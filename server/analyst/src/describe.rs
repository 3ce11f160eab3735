//! The text of a missing description: inherited where the project has it, else written by a model, else left to be filled in.

use crate::Analyst;
use crate::documents::{self, clip, sql_of};
use crate::ports::{ChatRequest, Message, PortError, ToolSpec};
use crate::prompts;
use dbt::NodeIndex;
use ide::{Analysis, DescribeAct, DescribeTarget};
use serde_json::json;

/// Where a description's text comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The unique id of the node upstream.
    Inherited(String),
    /// The model's name.
    Model(String),
    /// Nobody wrote it; a place to write into.
    Skeleton,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inherited(from) => write!(f, "inherited from {from}"),
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

/// Longer descriptions are not read.
const MAX_DESCRIPTION: usize = 600;
const TRIES: usize = 3;

impl Analyst {
    /// What an act makes of a description: `None` where there is nothing to take over and nothing may be made up.
    pub async fn describe_as(&self, analysis: &Analysis, target: &DescribeTarget, act: DescribeAct) -> Result<Option<Described>, PortError> {
        if act != DescribeAct::Improve
            && let Some(inherited) = analysis.inherited(target)
        {
            return Ok(Some(Described { text: inherited.raw, origin: Origin::Inherited(inherited.from), missing: None }));
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

    async fn written(&self, analysis: &Analysis, target: &DescribeTarget) -> Result<Described, PortError> {
        let Some(index) = analysis.index.node(&target.unique_id) else {
            return Err(PortError::new(format!("{} is not in the project any more", target.unique_id), "unknown target"));
        };
        let Some(chat) = &self.chat else {
            let missing = "no language model is configured, so the description is left for you to write".to_owned();
            return Ok(Described { text: String::new(), origin: Origin::Skeleton, missing: Some(missing) });
        };
        let mut request = ChatRequest {
            messages: vec![
                Message::System(prompts::describe_system(&samples(analysis), self.rules.model_interpreter.as_deref())),
                Message::User(facts(analysis, index, target)),
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
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            match refuse(&text, target, analysis, index) {
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

fn facts(analysis: &Analysis, index: NodeIndex, target: &DescribeTarget) -> String {
    let node = &analysis.index.nodes[index];
    let mut known = documents::facts(analysis, index, 1800);
    if let Some(sql) = sql_of(analysis, index) {
        known.push_str(&format!("\n\nIts SQL:\n{}", clip(&sql, 4000)));
    }
    for &parent in node.depends_on.iter().take(4) {
        known.push_str(&format!("\n\nUpstream:\n{}", documents::facts(analysis, parent, 600)));
    }
    if let Some(old) = analysis.description_of(target) {
        known.push_str(&format!("\n\nWhat it is described as now:\n{}", clip(&old.text, 1000)));
    }
    let mut text = prompts::data(&known);
    text.push_str("\n\n");
    match &target.column {
        Some(column) => text.push_str(&format!("Write the description of the column `{column}` of the {} `{}`.", node.resource_type, node.label())),
        None => text.push_str(&format!("Write the description of the {} `{}`.", node.resource_type, node.label())),
    }
    if analysis.description_of(target).is_some() {
        text.push_str(" It is to take the place of the one that is there: keep what is true in it, and say more clearly what matters.");
    }
    text
}

/// The description in a reply without a call: a JSON object's, or the text itself.
fn from_text(text: &str) -> String {
    let text = text.trim();
    let json = text.trim_start_matches("```json").trim_start_matches("```").trim_end_matches("```").trim();
    if let Ok(value) = serde_json::from_str::<serde_json::Value>(json) {
        let inner = value.get("arguments").unwrap_or(&value);
        if let Some(description) = inner.get("description").and_then(serde_json::Value::as_str) {
            return description.to_owned();
        }
    }
    text.trim_matches('"').to_owned()
}

/// Why a text is no description.
fn refuse(text: &str, target: &DescribeTarget, analysis: &Analysis, index: NodeIndex) -> Option<String> {
    let name = target.column.clone().unwrap_or_else(|| analysis.index.nodes[index].name.clone());
    let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    if text.is_empty() {
        return Some("it is empty".to_owned());
    }
    if text.len() > MAX_DESCRIPTION {
        return Some(format!("it is longer than {MAX_DESCRIPTION} characters"));
    }
    if text.contains("{{") || text.contains("{%") || text.contains("```") || text.starts_with('{') {
        return Some("it holds code instead of a sentence".to_owned());
    }
    let rest = plain(text).replace(&plain(&name), "");
    if ["", "thecolumn", "column", "themodel", "model", "thiscolumn", "thismodel"].contains(&rest.as_str()) {
        return Some("it only repeats the name".to_owned());
    }
    None
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

    #[test]
    fn useless_texts_are_refused() {
        let analysis = crate::answer::tests::shop();
        let index = analysis.index.node("model.shop.fct_orders").expect("the example has it");
        let target = DescribeTarget { unique_id: "model.shop.fct_orders".to_owned(), column: Some("order_id".to_owned()) };
        for text in ["", "The column order_id.", "{{ doc('x') }}", &"x".repeat(700)] {
            assert!(refuse(text, &target, &analysis, index).is_some(), "{text}");
        }
        assert!(refuse("Key of the order.", &target, &analysis, index).is_none());
    }
}
