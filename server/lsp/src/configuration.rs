//! The editor's settings: those that it began with, and over them what it sends or is asked for later ("workspace/configuration").

use serde_json::Value;
use std::sync::OnceLock;
use tower_lsp::Client;
use tower_lsp::lsp_types::{ClientCapabilities, ConfigurationItem, DidChangeWatchedFilesRegistrationOptions, FileSystemWatcher, GlobPattern, Registration};

/// Keys without `ragstar.`, and values.
pub type Settings = Vec<(String, String)>;

#[derive(Default)]
pub struct Configuration {
    began: OnceLock<Began>,
}

struct Began {
    settings: Settings,
    /// Whether the client may be asked for settings.
    is_asked: bool,
    /// Whether the client watches files that it is told of.
    watches: bool,
}

impl Configuration {
    /// What the client said when it began: its settings, if it sent any.
    pub fn begin(&self, options: Option<&Value>, client: &ClientCapabilities) -> Settings {
        let workspace = client.workspace.as_ref();
        let began = Began {
            settings: options.map(settings_of).unwrap_or_default(),
            is_asked: workspace.and_then(|workspace| workspace.configuration).unwrap_or(false),
            watches: workspace.and_then(|workspace| workspace.did_change_watched_files).and_then(|files| files.dynamic_registration).unwrap_or(false),
        };
        self.began.get_or_init(|| began).settings.clone()
    }

    /// The settings as a client sends them; nothing where it sends none and has to be asked, or has none.
    pub fn sent(&self, value: &Value) -> Option<Settings> {
        let is_empty = |value: &Value| value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
        if is_empty(value) || value.get("ragstar").is_some_and(Value::is_null) {
            return None;
        }
        Some(self.over_first(settings_of(value)))
    }

    /// The settings that the client has now, if it may be asked and has any.
    pub async fn ask(&self, client: &Client) -> Option<Settings> {
        self.began.get().filter(|began| began.is_asked)?;
        let item = ConfigurationItem { scope_uri: None, section: Some("ragstar".to_owned()) };
        let answer = client.configuration(vec![item]).await.inspect_err(|error| tracing::warn!(%error, "the editor told no settings")).ok()?;
        answer.first().and_then(|value| self.sent(value))
    }

    /// Has the client tell of projects that appear where none is open yet; what is in a project the server watches itself.
    pub async fn watch_for_projects(&self, client: &Client) {
        if !self.began.get().is_some_and(|began| began.watches) {
            return;
        }
        let watchers = vec![FileSystemWatcher { glob_pattern: GlobPattern::String("**/dbt_project.yml".to_owned()), kind: None }];
        let options = serde_json::to_value(DidChangeWatchedFilesRegistrationOptions { watchers }).ok();
        let registration = Registration { id: "ragstar/projects".to_owned(), method: "workspace/didChangeWatchedFiles".to_owned(), register_options: options };
        if let Err(error) = client.register_capability(vec![registration]).await {
            tracing::debug!(%error, "the editor watches no files for the server");
        }
    }

    fn over_first(&self, new: Settings) -> Settings {
        let first = self.began.get().map(|began| began.settings.as_slice()).unwrap_or_default();
        let kept = first.iter().filter(|(key, _)| !new.iter().any(|(other, _)| other == key)).cloned().collect::<Settings>();
        let mut all: Settings = kept.into_iter().chain(new).collect();
        all.sort();
        all
    }
}

/// The editor's settings as flat keys: below `ragstar`, or bare where there is no such key.
fn settings_of(value: &Value) -> Vec<(String, String)> {
    fn flatten(value: &Value, prefix: &str, into: &mut Vec<(String, String)>) {
        match value {
            Value::Object(entries) => {
                for (key, value) in entries {
                    let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                    flatten(value, &key, into);
                }
            }
            Value::String(text) => into.push((prefix.to_owned(), text.clone())),
            Value::Number(number) => into.push((prefix.to_owned(), number.to_string())),
            Value::Bool(value) => into.push((prefix.to_owned(), value.to_string())),
            Value::Null | Value::Array(_) => {}
        }
    }
    let mut found = Vec::new();
    flatten(value.get("ragstar").unwrap_or(value), "", &mut found);
    found.sort();
    found
}
