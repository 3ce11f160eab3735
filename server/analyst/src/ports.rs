//! What the analyst needs from the outside: a language model, embeddings, a knowledge store. Plain data on both sides.

use async_trait::async_trait;
pub use ide::{DescribeTarget, Draft, DraftKind, DraftState, Drafts};
use std::collections::HashMap;

/// A failure with two faces: what a reader may see, and what the log needs. Neither holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortError {
    /// What happened and what to do, for the person who asked.
    pub reader: String,
    /// The cause, for the log.
    pub log: String,
}

impl PortError {
    pub fn new(reader: impl Into<String>, log: impl std::fmt::Display) -> Self {
        Self { reader: reader.into(), log: log.to_string() }
    }
}

impl std::fmt::Display for PortError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reader)
    }
}

impl std::error::Error for PortError {}

#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    System(String),
    User(String),
    Assistant {
        text: String,
        calls: Vec<ToolCall>,
    },
    /// The result of a call.
    Tool {
        call_id: String,
        content: String,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    /// A JSON object; `null` where the model wrote nonsense.
    pub arguments: serde_json::Value,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    pub name: &'static str,
    pub description: &'static str,
    /// A JSON schema of the arguments.
    pub parameters: serde_json::Value,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatRequest {
    pub messages: Vec<Message>,
    pub tools: Vec<ToolSpec>,
    /// The one tool that must be called: how structure is had from models that ignore `response_format`.
    pub force_tool: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    pub input_tokens: u64,
    pub output_tokens: u64,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatReply {
    pub text: String,
    pub calls: Vec<ToolCall>,
    pub usage: Usage,
    /// Whether the answer hit the limit of tokens.
    pub truncated: bool,
}

impl ChatReply {
    /// What it gave to a tool: a call's arguments, or the JSON that a model writes that doesn't call.
    pub fn written(&self, tool: &str) -> Option<serde_json::Value> {
        self.calls.iter().find(|call| call.name == tool).map(|call| call.arguments.clone()).or_else(|| json_in(&self.text))
    }
}

/// The JSON that a text is, in a fence or not; of a call that is written as text its arguments.
pub fn json_in(text: &str) -> Option<serde_json::Value> {
    let json = text.trim().trim_start_matches("```json").trim_start_matches("```").trim_end_matches("```").trim();
    let value: serde_json::Value = serde_json::from_str(json).ok()?;
    Some(value.get("arguments").cloned().unwrap_or(value))
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
    }
}

impl Usage {
    pub fn all(self) -> u64 {
        self.input_tokens + self.output_tokens
    }
}

/// A language model.
#[async_trait]
pub trait Chat: Send + Sync {
    /// Its name, to be shown.
    fn model(&self) -> &str;

    /// One turn. Text is handed to `on_text` piece by piece as it comes.
    async fn complete(&self, request: &ChatRequest, on_text: &mut (dyn for<'t> FnMut(&'t str) + Send)) -> Result<ChatReply, PortError>;
}

/// Texts to vectors of one model.
#[async_trait]
pub trait Embed: Send + Sync {
    /// Names the model and all that makes its vectors comparable.
    fn model_id(&self) -> &str;

    /// One unit vector per text.
    async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vec<f32>>, PortError>;
}

/// A node, macro or docs block as the store keeps it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeRow {
    pub unique_id: String,
    pub resource_type: String,
    pub name: String,
    pub label: String,
    pub package: String,
    pub path: String,
    pub description: Option<String>,
    pub materialized: Option<String>,
    pub tags: Vec<String>,
    /// SHA-256 of everything else in the row.
    pub content_hash: Vec<u8>,
    pub columns: Vec<ColumnRow>,
    /// Unique ids of direct upstream nodes.
    pub upstream: Vec<String>,
    /// The whole text, for reading.
    pub body: String,
    /// The text in pieces that an embedding model can take.
    pub chunks: Vec<Chunk>,
}

/// A piece of text to be found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chunk {
    pub text: String,
    /// Whether its meaning is embedded; code is found by its words alone.
    pub embeds: bool,
}

impl Chunk {
    pub fn prose(text: impl Into<String>) -> Self {
        Self { text: text.into(), embeds: true }
    }

    pub fn code(text: impl Into<String>) -> Self {
        Self { text: text.into(), embeds: false }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ColumnRow {
    pub name: String,
    pub data_type: Option<String>,
    pub description: Option<String>,
}

/// A query of the store.
#[derive(Debug, Clone, PartialEq)]
pub struct KnowledgeQuery {
    pub text: String,
    /// The text's vector and the model it is of.
    pub vector: Option<(String, Vec<f32>)>,
    pub limit: usize,
}

/// A hit of the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    pub unique_id: String,
    /// Reciprocal-rank score, higher is better.
    pub score: f64,
    /// The piece of text that hit.
    pub excerpt: String,
}

/// A question with its answer, to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    pub thread_id: String,
    pub answer_id: String,
    /// `cli`, `editor`, `slack`, `api`.
    pub mouth: String,
    pub question: String,
    pub markdown: String,
    pub citations: serde_json::Value,
    pub steps: serde_json::Value,
    pub sql: Option<String>,
    pub model: Option<String>,
}

/// What a person thought of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    pub answer_id: String,
    /// 1 or -1.
    pub rating: i16,
    pub comment: Option<String>,
    pub author: Option<String>,
}

/// The knowledge store, already bound to one workspace.
#[async_trait]
pub trait Knowledge: Send + Sync {
    /// What it has: unique id and content hash.
    async fn content_hashes(&self) -> Result<HashMap<String, Vec<u8>>, PortError>;

    /// Writes rows and removes those that are gone, whole or not at all.
    async fn put_nodes(&self, rows: &[NodeRow], gone: &[String]) -> Result<(), PortError>;

    /// Chunks that have no vector of a model yet: number and text.
    async fn chunks_without(&self, model_id: &str, limit: usize) -> Result<Vec<(i64, String)>, PortError>;

    /// How many chunks have none.
    async fn count_without(&self, model_id: &str) -> Result<usize, PortError>;

    async fn put_embeddings(&self, model_id: &str, vectors: &[(i64, Vec<f32>)]) -> Result<(), PortError>;

    async fn search(&self, query: &KnowledgeQuery) -> Result<Vec<Hit>, PortError>;

    async fn save_exchange(&self, exchange: &Exchange) -> Result<(), PortError>;

    /// The questions and answers of a thread, oldest first.
    async fn thread(&self, thread_id: &str, limit: usize) -> Result<Vec<(String, String)>, PortError>;

    /// Questions like this one whose answers people called good, with those answers.
    async fn verified(&self, question: &str, limit: usize) -> Result<Vec<(String, String)>, PortError>;

    /// `false` where there is no such answer.
    async fn put_feedback(&self, feedback: &Feedback) -> Result<bool, PortError>;
}

/// Keeps the texts of one workspace that nobody wrote by hand, and what people decided of them.
#[async_trait]
pub trait KeepDrafts: Send + Sync {
    /// The file that changes with them, where there is one.
    fn file(&self) -> Option<&std::path::Path>;

    /// All of them.
    async fn list(&self) -> Result<Drafts, PortError>;

    /// Takes some in, each in the place of an older one of its kind for the same thing; all or none, and for good once it returns.
    async fn put(&self, drafts: &[Draft]) -> Result<(), PortError>;
}

/// How a mouth gets an analyst. Nothing is started before it is asked for.
#[async_trait]
pub trait Services: Send + Sync {
    /// With the store connected and brought to the state of a snapshot. What can't be had is named in `absent`.
    async fn analyst(&self, analysis: &ide::Analysis) -> crate::Analyst;

    /// With the language model and the rules alone; starts no store.
    async fn writer(&self) -> crate::Analyst;

    /// Where drafts are kept: in a team's store, else in a file of the user's; starts nothing.
    async fn drafts(&self) -> Result<std::sync::Arc<dyn KeepDrafts>, PortError>;
}
