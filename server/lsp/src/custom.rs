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

/// `$/progress` with a value of our own; LSP lets a token's owner choose it.
pub enum Progress {}

impl Notification for Progress {
    type Params = Value;
    const METHOD: &'static str = "$/progress";
}
