//! Requests that LSP doesn't have: their parameters, as JSON.

use serde::Deserialize;
use serde_json::Value;
use tower_lsp::lsp_types::notification::Notification;
use tower_lsp::lsp_types::{NumberOrString, Range, TextDocumentIdentifier};

/// `ragstar/chat`. Ends with `{answerId, threadId, markdown, citations, sql?, missing?}`; on the way `$/progress` with
/// `partialResultToken` carries `{kind: "text", text}` and `{kind: "step", title}`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatParams {
    pub message: String,
    pub thread_id: Option<String>,
    pub text_document: Option<TextDocumentIdentifier>,
    pub selection: Option<Range>,
    pub partial_result_token: Option<NumberOrString>,
}

/// `ragstar/search`: `{query, limit?, textDocument?}` to `{found: [{uniqueId, label, resourceType, description?}], missing}`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SearchParams {
    pub query: String,
    pub limit: Option<usize>,
    pub text_document: Option<TextDocumentIdentifier>,
}

/// `ragstar/feedback`: `{answerId, rating: 1 | -1, comment?}`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeedbackParams {
    pub answer_id: String,
    pub rating: i16,
    pub comment: Option<String>,
    pub text_document: Option<TextDocumentIdentifier>,
}

/// `ragstar/status`: takes nothing. Ends with `{version, projects: [{project, root, loaded, counts: {model: 12, …}, errors, warnings, model}]}`,
/// one for each project that is open: its name and folder, whether it has been read, how many nodes of each kind it has, how many problems of
/// each severity, and the language model that is configured for it, or null.
pub const STATUS: &str = "ragstar/status";

/// `$/progress` with a value of our own; LSP lets a token's owner choose it.
pub enum Progress {}

impl Notification for Progress {
    type Params = Value;
    const METHOD: &'static str = "$/progress";
}

/// `ragstar/lineage`: the graph around a node, named by its unique id or by the file that holds it. Ends with `{root, nodes:
/// [{uniqueId, label, resourceType, materialized?, package, path, uri?, range?, description?, tests, upstream, downstream, columns:
/// [{name, type?, description?}]}], edges: [{from, to}], columnEdges: [{from: {uniqueId, column}, to: {uniqueId, column}}], more}`;
/// `upstream` and `downstream` of a node are how many direct ones it has in all, `root` is null where the file holds no node.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LineageParams {
    pub text_document: Option<TextDocumentIdentifier>,
    pub unique_id: Option<String>,
    /// Only what this column of the node comes from and goes to.
    pub column: Option<String>,
    /// Steps; 2 without it.
    pub upstream: Option<usize>,
    pub downstream: Option<usize>,
}

/// `ragstar/compiled`: the SQL that the node of a file comes to, as the file stands in the editor. Ends with `{uniqueId, sql, map:
/// [{compiled: Range, source: Range}], errors: [{message, range}], note?}`; ranges are in the client's encoding, `note` says what a
/// warehouse would have been asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CompiledParams {
    pub text_document: TextDocumentIdentifier,
    /// Which of several nodes of the file.
    pub position: Option<tower_lsp::lsp_types::Position>,
}
