//! What dbt left in its target folder: facts about nodes that no source file says. They are taken where they are and missed where not.
//!
//! Shapes: <https://schemas.getdbt.com>; manifests from v7 on (dbt 1.3), catalog v1, run results v4 to v6, sources v3.

use rustc_hash::FxHashMap;
use serde::Deserialize;
use std::sync::Arc;

/// One of dbt's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Artifact {
    Manifest,
    Catalog,
    RunResults,
    Sources,
}

impl Artifact {
    pub const ALL: [Self; 4] = [Self::Manifest, Self::Catalog, Self::RunResults, Self::Sources];

    pub fn file_name(self) -> &'static str {
        match self {
            Self::Manifest => "manifest.json",
            Self::Catalog => "catalog.json",
            Self::RunResults => "run_results.json",
            Self::Sources => "sources.json",
        }
    }

    /// The oldest schema that is read.
    fn oldest(self) -> u32 {
        match self {
            Self::Manifest => 7,
            Self::Catalog => 1,
            Self::RunResults => 4,
            Self::Sources => 3,
        }
    }
}

/// What dbt's artifacts say of one node.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeFacts {
    pub compiled: Option<Arc<str>>,
    pub relation_name: Option<Arc<str>>,
    /// Whether the warehouse had it when the catalog was made, and its columns there, in their order.
    pub in_catalog: bool,
    pub columns: Vec<CatalogColumn>,
    /// The relation's comment in the warehouse.
    pub comment: Option<Arc<str>>,
    pub rows: Option<u64>,
    pub bytes: Option<u64>,
    pub last_run: Option<LastRun>,
    pub freshness: Option<Freshness>,
}

/// A column as the warehouse has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogColumn {
    pub name: Arc<str>,
    pub data_type: Arc<str>,
    pub comment: Option<Arc<str>>,
}

/// How a node's last build or test ended.
#[derive(Debug, Clone, PartialEq)]
pub struct LastRun {
    /// `success`, `error`, `skipped`; of tests `pass`, `warn`, `fail`.
    pub status: Arc<str>,
    pub message: Option<Arc<str>>,
    /// Rows that a test found.
    pub failures: Option<i64>,
    pub seconds: f64,
    /// When it ended, RFC 3339.
    pub at: Option<Arc<str>>,
}

/// How fresh a source was.
#[derive(Debug, Clone, PartialEq)]
pub struct Freshness {
    /// `pass`, `warn`, `error`, `runtime error`.
    pub status: Arc<str>,
    /// RFC 3339.
    pub max_loaded_at: Option<Arc<str>>,
    pub age_seconds: Option<f64>,
    pub error: Option<Arc<str>>,
}

/// What became of reading one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactReport {
    pub artifact: Artifact,
    /// The schema's version, `generated_at` and dbt's version, where they could be read.
    pub schema: Option<u32>,
    pub generated_at: Option<String>,
    pub dbt_version: Option<String>,
    pub nodes: usize,
    /// Why it says nothing, or less than it could, and what to do.
    pub problem: Option<String>,
}

/// All of them together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Artifacts {
    nodes: FxHashMap<Arc<str>, Arc<NodeFacts>>,
    pub reports: Vec<ArtifactReport>,
}

#[derive(Deserialize)]
struct Head {
    metadata: Option<Metadata>,
}

#[derive(Deserialize, Default)]
struct Metadata {
    dbt_schema_version: Option<String>,
    dbt_version: Option<String>,
    generated_at: Option<String>,
}

#[derive(Deserialize)]
struct Manifest {
    nodes: FxHashMap<Arc<str>, ManifestNode>,
    #[serde(default)]
    sources: FxHashMap<Arc<str>, ManifestNode>,
}

#[derive(Deserialize)]
struct ManifestNode {
    #[serde(alias = "compiled_sql")]
    compiled_code: Option<Arc<str>>,
    relation_name: Option<Arc<str>>,
}

#[derive(Deserialize)]
struct Catalog {
    nodes: FxHashMap<Arc<str>, CatalogNode>,
    #[serde(default)]
    sources: FxHashMap<Arc<str>, CatalogNode>,
}

#[derive(Deserialize)]
struct CatalogNode {
    metadata: CatalogRelation,
    #[serde(default)]
    columns: FxHashMap<Arc<str>, CatalogEntry>,
    #[serde(default)]
    stats: FxHashMap<String, Stat>,
}

#[derive(Deserialize)]
struct CatalogRelation {
    comment: Option<Arc<str>>,
}

#[derive(Deserialize)]
struct CatalogEntry {
    name: Arc<str>,
    #[serde(rename = "type")]
    data_type: Arc<str>,
    #[serde(default)]
    index: i64,
    comment: Option<Arc<str>>,
}

#[derive(Deserialize)]
struct Stat {
    value: Option<data::Value>,
}

#[derive(Deserialize)]
struct RunResults {
    results: Vec<RunResult>,
    #[serde(default)]
    args: FxHashMap<String, data::Value>,
}

#[derive(Deserialize)]
struct RunResult {
    unique_id: Arc<str>,
    status: Arc<str>,
    message: Option<Arc<str>>,
    failures: Option<i64>,
    #[serde(default)]
    execution_time: f64,
    #[serde(default)]
    timing: Vec<Timing>,
    compiled_code: Option<Arc<str>>,
    relation_name: Option<Arc<str>>,
}

#[derive(Deserialize)]
struct Timing {
    completed_at: Option<Arc<str>>,
}

#[derive(Deserialize)]
struct Sources {
    results: Vec<SourceResult>,
}

#[derive(Deserialize)]
struct SourceResult {
    unique_id: Arc<str>,
    status: Arc<str>,
    max_loaded_at: Option<Arc<str>>,
    max_loaded_at_time_ago_in_s: Option<f64>,
    error: Option<data::Value>,
}

impl Artifacts {
    /// What is known of a node.
    pub fn of(&self, unique_id: &str) -> Option<&Arc<NodeFacts>> {
        self.nodes.get(unique_id)
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Takes a file over. One that can't be read adds nothing but its report.
    pub fn read(&mut self, artifact: Artifact, bytes: &[u8]) {
        let head: Head = serde_json::from_slice(bytes).unwrap_or(Head { metadata: None });
        let metadata = head.metadata.unwrap_or_default();
        let schema = metadata.dbt_schema_version.as_deref().and_then(version_of);
        let taken = match schema {
            Some(version) if version < artifact.oldest() => {
                Err(format!("schema v{version} is older than v{}, the oldest that is read; run a newer dbt", artifact.oldest()))
            }
            _ => self.take(artifact, bytes).map_err(|error| why(&error)),
        };
        let (nodes, problem) = match taken {
            Ok(nodes) => (nodes, None),
            Err(problem) => (0, Some(problem)),
        };
        let report = ArtifactReport { artifact, schema, generated_at: metadata.generated_at, dbt_version: metadata.dbt_version, nodes, problem };
        self.reports.push(report);
    }

    /// Notes that a file is there and can't even be opened.
    pub fn unreadable(&mut self, artifact: Artifact, problem: String) {
        self.reports.push(ArtifactReport { artifact, schema: None, generated_at: None, dbt_version: None, nodes: 0, problem: Some(problem) });
    }

    fn node(&mut self, unique_id: Arc<str>) -> &mut NodeFacts {
        Arc::make_mut(self.nodes.entry(unique_id).or_default())
    }

    fn take(&mut self, artifact: Artifact, bytes: &[u8]) -> Result<usize, serde_json::Error> {
        match artifact {
            Artifact::Manifest => {
                let manifest: Manifest = serde_json::from_slice(bytes)?;
                let count = manifest.nodes.len() + manifest.sources.len();
                for (unique_id, node) in manifest.nodes.into_iter().chain(manifest.sources) {
                    if node.compiled_code.is_some() || node.relation_name.is_some() {
                        let facts = self.node(unique_id);
                        (facts.compiled, facts.relation_name) = (node.compiled_code, node.relation_name);
                    }
                }
                Ok(count)
            }
            Artifact::Catalog => {
                let catalog: Catalog = serde_json::from_slice(bytes)?;
                let count = catalog.nodes.len() + catalog.sources.len();
                for (unique_id, node) in catalog.nodes.into_iter().chain(catalog.sources) {
                    let mut columns: Vec<CatalogEntry> = node.columns.into_values().collect();
                    columns.sort_by_key(|column| column.index);
                    // Each adapter has a name of its own for it.
                    let stat = |names: &[&str]| names.iter().find_map(|name| node.stats.get(*name)?.value.as_ref()?.as_f64()).map(|value| value as u64);
                    let facts = self.node(unique_id);
                    facts.in_catalog = true;
                    facts.rows = stat(&["row_count", "num_rows", "rows"]);
                    facts.bytes = stat(&["bytes", "num_bytes"]);
                    facts.comment = node.metadata.comment.filter(|comment| !comment.is_empty());
                    let column = |column: CatalogEntry| CatalogColumn { name: column.name, data_type: column.data_type, comment: column.comment };
                    facts.columns = columns.into_iter().map(column).collect();
                }
                Ok(count)
            }
            Artifact::RunResults => {
                let results: RunResults = serde_json::from_slice(bytes)?;
                let count = results.results.len();
                // These commands only compile.
                let ran = !matches!(results.args.get("which").and_then(data::Value::as_str), Some("compile" | "generate" | "docs" | "list" | "show"));
                for result in results.results {
                    let facts = self.node(result.unique_id);
                    facts.compiled = result.compiled_code.or(facts.compiled.take());
                    facts.relation_name = result.relation_name.or(facts.relation_name.take());
                    if ran {
                        let at = result.timing.into_iter().filter_map(|timing| timing.completed_at).next_back();
                        let (status, message, failures, seconds) = (result.status, result.message, result.failures, result.execution_time);
                        facts.last_run = Some(LastRun { status, message, failures, seconds, at });
                    }
                }
                Ok(count)
            }
            Artifact::Sources => {
                let sources: Sources = serde_json::from_slice(bytes)?;
                let count = sources.results.len();
                for result in sources.results {
                    let error = result.error.filter(|error| !error.is_null()).map(|error| error.as_str().map_or_else(|| error.to_string().into(), Arc::from));
                    self.node(result.unique_id).freshness =
                        Some(Freshness { status: result.status, max_loaded_at: result.max_loaded_at, age_seconds: result.max_loaded_at_time_ago_in_s, error });
                }
                Ok(count)
            }
        }
    }
}

/// `https://schemas.getdbt.com/dbt/manifest/v12.json` is 12.
fn version_of(schema: &str) -> Option<u32> {
    schema.rsplit('/').next()?.strip_prefix('v')?.strip_suffix(".json")?.parse().ok()
}

fn why(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Eof => "it ends in the middle; dbt may still be writing it, or was stopped: run dbt again".to_owned(),
        serde_json::error::Category::Syntax => format!("it is no JSON ({error}); delete it or run dbt again"),
        _ => format!("it has not the shape of dbt's file ({error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(artifact: Artifact, text: &str) -> Artifacts {
        let mut artifacts = Artifacts::default();
        artifacts.read(artifact, text.as_bytes());
        artifacts
    }

    #[test]
    fn facts_of_every_file() {
        let mut all = Artifacts::default();
        all.read(Artifact::Manifest, br#"{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v7.json", "dbt_version": "1.3.0"}, "nodes": {"model.p.a": {"compiled_code": "select 1", "relation_name": "d.s.a", "x": [1]}}, "sources": {}}"#);
        all.read(Artifact::Catalog, br#"{"metadata": {}, "nodes": {"model.p.a": {"metadata": {"type": "table", "comment": "A."}, "columns": {"B": {"type": "TEXT", "index": 2, "name": "B", "comment": null}, "A": {"type": "NUMBER", "index": 1, "name": "A", "comment": "key"}}, "stats": {"row_count": {"value": 12.0}, "has_stats": {"value": true}}}}, "sources": {}}"#);
        all.read(Artifact::RunResults, br#"{"metadata": {}, "args": {"which": "build"}, "results": [{"unique_id": "model.p.a", "status": "error", "message": "boom", "failures": null, "execution_time": 1.5, "timing": [{"completed_at": "2026-01-01T00:00:00Z"}]}]}"#);
        all.read(Artifact::Sources, br#"{"metadata": {}, "results": [{"unique_id": "source.p.s.t", "status": "warn", "max_loaded_at": "2026-01-01T00:00:00Z", "max_loaded_at_time_ago_in_s": 60.0}]}"#);
        assert!(all.reports.iter().all(|report| report.problem.is_none()), "{:?}", all.reports);
        let facts = all.of("model.p.a").expect("it is there");
        let columns: Vec<&str> = facts.columns.iter().map(|column| &*column.name).collect();
        assert_eq!((facts.compiled.as_deref(), facts.rows, columns), (Some("select 1"), Some(12), vec!["A", "B"]));
        assert_eq!(facts.last_run.as_ref().map(|run| (&*run.status, run.at.as_deref())), Some(("error", Some("2026-01-01T00:00:00Z"))));
        assert_eq!(all.of("source.p.s.t").and_then(|facts| facts.freshness.as_ref()).map(|fresh| &*fresh.status), Some("warn"));
    }

    #[test]
    fn what_is_wrong_is_told() {
        let problem = |artifact, text| read(artifact, text).reports.remove(0).problem.unwrap_or_default();
        let old = r#"{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v6.json"}, "nodes": {}}"#;
        assert!(problem(Artifact::Manifest, old).contains("older than v7"));
        assert!(problem(Artifact::Manifest, r#"{"metadata": {}, "nodes": {"a": "#).contains("ends in the middle"));
        assert!(problem(Artifact::Catalog, "").contains("ends in the middle"));
        assert!(problem(Artifact::Catalog, "<html>").contains("no JSON"));
        assert!(problem(Artifact::RunResults, "[1, 2]").contains("shape"));
        assert!(problem(Artifact::Sources, r#"{"results": {}}"#).contains("shape"));
    }
}
