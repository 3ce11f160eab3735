//! "Write description": ide says where, the analyst what, and ide makes the edit.

use crate::convert;
use crate::event::Snapshot;
use analyst::{Origin, PortError};
use ide::DescribeTarget;
use serde_json::{Value, json};
use tower_lsp::lsp_types::WorkspaceEdit;

/// What an action needs to be resolved later.
pub fn data(root: &std::path::Path, target: &DescribeTarget) -> Value {
    json!({"root": root, "uniqueId": target.unique_id, "column": target.column})
}

/// The root and the target of an action's data.
pub fn target(data: &Value) -> Option<(std::path::PathBuf, DescribeTarget)> {
    let text = |key: &str| data.get(key).and_then(Value::as_str).map(str::to_owned);
    Some((text("root")?.into(), DescribeTarget { unique_id: text("uniqueId")?, column: text("column") }))
}

/// The edit, and what the person should know about its text. `newest` gives the project as it is when the text has come: the
/// person may have typed on meanwhile.
pub async fn write(
    snapshot: &Snapshot,
    target: &DescribeTarget,
    newest: impl Future<Output = Option<Snapshot>>,
) -> Result<(WorkspaceEdit, Option<String>), PortError> {
    let writer = snapshot.services.writer().await;
    let described = writer.describe(&snapshot.analysis, target).await?;
    let now = newest.await.unwrap_or_else(|| snapshot.clone());
    let made = now.analysis.describe(target, &described.text).map_err(|refusal| PortError::new(refusal.to_string(), &refusal))?;
    let edit = convert::workspace_edit(&now, &made).ok_or_else(|| PortError::new("the file's path can't be written as a URI", "path"))?;
    let note = match described.origin {
        Origin::Inherited(from) => Some(format!("description inherited from {from}")),
        Origin::Model(_) => None,
        Origin::Skeleton => described.missing,
    };
    Ok((edit, note))
}
