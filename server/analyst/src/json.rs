//! The one JSON form of an answer, which the editor, `ragstar ask --json` and `/api/ask` carry.

use crate::{Answer, Citation, Found};
use serde_json::{Value, json};

impl Answer {
    /// `{answerId, threadId, markdown, citations: [{uniqueId, label, column?, uri, range}], sql?, missing?}`; ranges are LSP's:
    /// zero-based lines and UTF-16 columns.
    pub fn to_json(&self) -> Value {
        let mut value = json!({
            "answerId": self.answer_id,
            "threadId": self.thread_id,
            "markdown": self.markdown,
            "citations": self.citations.iter().map(Citation::to_json).collect::<Vec<_>>(),
        });
        let optional = [("sql", &self.sql), ("missing", &self.missing), ("model", &self.model)];
        for (key, text) in optional {
            if let Some(text) = text {
                value[key] = json!(text);
            }
        }
        value
    }
}

impl Citation {
    fn to_json(&self) -> Value {
        let position = |at: text::Position| json!({"line": at.line, "character": at.column});
        let mut value = json!({
            "uniqueId": self.unique_id,
            "label": self.label,
            "uri": url::Url::from_file_path(&self.path).map(String::from).unwrap_or_default(),
            "range": {"start": position(self.start), "end": position(self.end)},
        });
        if let Some(column) = &self.column {
            value["column"] = json!(column);
        }
        value
    }
}

impl Found {
    /// What `ragstar search --json` and `/api/search` list.
    pub fn to_json(&self) -> Value {
        json!({
            "uniqueId": self.unique_id,
            "label": self.label,
            "resourceType": self.resource_type,
            "description": self.description,
            "score": self.score,
            "path": self.path,
            "line": self.line,
            "column": self.column,
        })
    }
}
