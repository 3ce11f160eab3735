//! What dbt left in its target folder: facts about nodes that no source file says. They are taken where they are and missed where not.
//!
//! Shapes: <https://schemas.getdbt.com>; manifests from v7 on (dbt 1.3), catalog v1, run results v4 to v6, sources v3.

mod files;

use files::{After, Catalog, CatalogNode, Head, Manifest, Metadata, RunResults, Sources};
use rustc_hash::FxHashMap;
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
    /// Where the warehouse had it when the catalog was made.
    pub relation: Option<CatalogRelation>,
    /// Its columns there, in their order.
    pub columns: Vec<CatalogColumn>,
    /// The relation's comment in the warehouse.
    pub comment: Option<Arc<str>>,
    pub rows: Option<u64>,
    pub bytes: Option<u64>,
    pub last_run: Option<LastRun>,
    pub freshness: Option<Freshness>,
}

/// A relation as the warehouse names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogRelation {
    pub database: Option<Arc<str>>,
    pub schema: Option<Arc<str>>,
    pub name: Option<Arc<str>>,
    /// `BASE TABLE`, `VIEW`, `table`, … in the adapter's words.
    pub kind: Option<Arc<str>>,
    pub owner: Option<Arc<str>>,
}

impl CatalogRelation {
    /// Whether it is the relation of a database, schema and name. What isn't told is no difference, and case is none either.
    pub fn is(&self, database: Option<&str>, schema: Option<&str>, name: Option<&str>) -> bool {
        let same = |one: &Option<Arc<str>>, other: Option<&str>| match (one, other) {
            (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
            _ => true,
        };
        same(&self.database, database) && same(&self.schema, schema) && same(&self.name, name)
    }
}

/// A column as the warehouse has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogColumn {
    pub name: Arc<str>,
    pub data_type: Option<Arc<str>>,
    pub comment: Option<Arc<str>>,
}

/// How a node's last build or test ended.
#[derive(Debug, Clone, PartialEq)]
pub struct LastRun {
    /// `success`, `error`, `skipped`, `partial success`, `no-op`; of tests `pass`, `warn`, `fail`.
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
    /// Its age when it was looked at, RFC 3339 too.
    pub snapshotted_at: Option<Arc<str>>,
    pub age_seconds: Option<f64>,
    /// `12 hour`: older is a warning, or an error.
    pub warn_after: Option<String>,
    pub error_after: Option<String>,
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
    project: String,
    nodes: FxHashMap<Arc<str>, Arc<NodeFacts>>,
    pub reports: Vec<ArtifactReport>,
}

/// Whether a manifest is of a project, as far as it tells; else whose it is.
pub fn check_project(manifest: &[u8], project: &str) -> Result<(), String> {
    serde_json::from_slice(manifest).map_or(Ok(()), |head: Head| head.metadata.check(project))
}

impl Metadata {
    fn check(&self, project: &str) -> Result<(), String> {
        match (&self.project_name, &self.project_id) {
            _ if project.is_empty() => Ok(()),
            (Some(name), _) if name != project => Err(format!("it is of the project `{name}`, and this is `{project}`")),
            (None, Some(id)) if *id != jinja::md5(project) => Err(format!("it is of another project than `{project}`")),
            _ => Ok(()),
        }
    }
}

impl Artifacts {
    /// Nothing yet of a project; artifacts that are another's add nothing.
    pub fn of_project(name: &str) -> Self {
        Self { project: name.to_owned(), ..Self::default() }
    }

    /// What is known of a node.
    pub fn of(&self, unique_id: &str) -> Option<&Arc<NodeFacts>> {
        self.nodes.get(unique_id)
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Takes a file over, [`Artifact::ALL`] in their order. One that can't be read adds nothing but its report.
    pub fn read(&mut self, artifact: Artifact, bytes: &[u8]) {
        let metadata = serde_json::from_slice::<Head>(bytes).unwrap_or_default().metadata;
        let schema = metadata.dbt_schema_version.as_deref().and_then(version_of);
        let taken = match schema {
            Some(version) if version < artifact.oldest() => {
                Err(format!("schema v{version} is older than v{}, the oldest that is read; run a newer dbt", artifact.oldest()))
            }
            _ if artifact == Artifact::Manifest && metadata.check(&self.project).is_err() => {
                Err(format!("{}; run dbt again here", metadata.check(&self.project).err().unwrap_or_default()))
            }
            _ => self.take(artifact, bytes, &metadata).map_err(|error| why(&error)),
        };
        let (nodes, problem) = taken.map_or_else(|problem| (0, Some(problem)), |(nodes, less)| (nodes, less));
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

    /// How many nodes it tells of, and what it tells less of than it could.
    fn take(&mut self, artifact: Artifact, bytes: &[u8], metadata: &Metadata) -> Result<(usize, Option<String>), serde_json::Error> {
        let left_out = |odd: usize| (odd > 0).then(|| format!("{odd} entries have not the shape of dbt's and are left out"));
        match artifact {
            Artifact::Manifest => {
                let (manifest, odd) = files::read::<Manifest>(bytes)?;
                let count = manifest.nodes.len() + manifest.sources.len();
                for (unique_id, node) in manifest.nodes.into_iter().chain(manifest.sources) {
                    if node.compiled_code.is_some() {
                        self.node(unique_id).compiled = node.compiled_code;
                    }
                }
                Ok((count, left_out(odd)))
            }
            Artifact::Catalog => {
                let (catalog, odd) = files::read::<Catalog>(bytes)?;
                let count = catalog.nodes.len() + catalog.sources.len();
                for (unique_id, node) in catalog.nodes.into_iter().chain(catalog.sources) {
                    self.take_catalog(unique_id, node);
                }
                let partial = catalog
                    .errors
                    .filter(|errors| !errors.is_empty())
                    .map(|errors| format!("it is not whole, dbt could not ask for everything: {}", errors[0].trim().lines().next().unwrap_or_default()));
                Ok((count, partial.or(left_out(odd))))
            }
            Artifact::RunResults => {
                let (results, odd) = files::read::<RunResults>(bytes)?;
                let count = results.results.len();
                self.take_runs(results, metadata);
                Ok((count, left_out(odd)))
            }
            Artifact::Sources => {
                let (sources, odd) = files::read::<Sources>(bytes)?;
                let count = sources.results.len();
                let after = |after: Option<After>| after.and_then(|after| Some(format!("{} {}", after.count?, after.period?)));
                for result in sources.results {
                    let error = result.error.filter(|error| !error.is_null()).map(|error| error.as_str().map_or_else(|| error.to_string().into(), Arc::from));
                    self.node(result.unique_id).freshness = Some(Freshness {
                        status: result.status,
                        max_loaded_at: result.max_loaded_at,
                        snapshotted_at: result.snapshotted_at,
                        age_seconds: result.max_loaded_at_time_ago_in_s,
                        warn_after: after(result.criteria.warn_after),
                        error_after: after(result.criteria.error_after),
                        error,
                    });
                }
                Ok((count, left_out(odd)))
            }
        }
    }

    fn take_catalog(&mut self, unique_id: Arc<str>, node: CatalogNode) {
        let mut columns: Vec<_> = node.columns.into_iter().collect();
        columns.sort_by_key(|(_, column)| column.index);
        // Each adapter has a name of its own for it.
        let stat = |names: &[&str]| names.iter().find_map(|name| node.stats.get(*name)?.value.as_ref()?.as_f64()).map(|value| value as u64);
        let written = |comment: Option<Arc<str>>| comment.filter(|comment| !comment.trim().is_empty());
        let facts = self.node(unique_id);
        facts.rows = stat(&["row_count", "num_rows", "rows"]);
        facts.bytes = stat(&["bytes", "num_bytes", "size"]);
        let metadata = node.metadata;
        facts.comment = written(metadata.comment);
        facts.relation =
            Some(CatalogRelation { database: metadata.database, schema: metadata.schema, name: metadata.name, kind: metadata.kind, owner: metadata.owner });
        let columns = columns.into_iter();
        facts.columns = columns
            .map(|(key, column)| CatalogColumn { name: column.name.unwrap_or(key), data_type: column.data_type, comment: written(column.comment) })
            .collect();
    }

    fn take_runs(&mut self, results: RunResults, metadata: &Metadata) {
        let manifest = self.reports.iter().find(|report| report.artifact == Artifact::Manifest);
        // What is older than the manifest has older code; both are `YYYY-MM-DDTHH:MM:SS.ffffffZ`.
        let is_older = manifest.and_then(|report| report.generated_at.as_ref()).zip(metadata.generated_at.as_ref()).is_some_and(|(one, two)| two < one);
        // Other commands compile, clone or call a macro; `--empty` builds without rows.
        let command = results.args.get("which").and_then(data::Value::as_str);
        let ran = command.is_none_or(|command| matches!(command, "build" | "run" | "test" | "seed" | "snapshot" | "retry"));
        let is_empty = results.args.get("empty").and_then(data::Value::as_bool) == Some(true);
        let written: Option<Arc<str>> = metadata.generated_at.as_deref().map(Into::into);
        for result in results.results {
            let facts = self.node(result.unique_id);
            if !is_older || facts.compiled.is_none() {
                facts.compiled = result.compiled_code.or(facts.compiled.take());
            }
            if ran && !is_empty {
                let at = result.timing.into_iter().filter_map(|timing| timing.completed_at).next_back().or_else(|| written.clone());
                let (status, message, failures, seconds) = (result.status, result.message, result.failures, result.execution_time);
                facts.last_run = Some(LastRun { status, message, failures, seconds, at });
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
        let partial = r#"{"metadata": {}, "nodes": {"model.p.a": {}}, "errors": ["Runtime Error\\n  no right"]}"#;
        assert!(problem(Artifact::Catalog, partial).contains("not whole"));
        let odd = r#"{"metadata": {}, "nodes": {"model.p.a": {}, "model.p.b": 7}}"#;
        assert!(problem(Artifact::Catalog, odd).contains("1 entries"));
    }

    #[test]
    fn what_is_of_another_project_adds_nothing() {
        let manifest = |metadata: &str| format!(r#"{{"metadata": {{{metadata}}}, "nodes": {{"model.p.a": {{"compiled_code": "select 1"}}}}}}"#);
        let takes = |metadata: &str| {
            let mut artifacts = Artifacts::of_project("p");
            artifacts.read(Artifact::Manifest, manifest(metadata).as_bytes());
            artifacts.of("model.p.a").is_some()
        };
        assert!(takes("") && takes(r#""project_name": "p""#) && takes(r#""project_id": "83878c91171338902e0fe0fb97a8c47a""#));
        assert!(!takes(r#""project_name": "q""#) && !takes(r#""project_id": "7694f4a66316e53c8cdd9d9954bd611d""#));
    }

    #[test]
    fn only_what_ran_is_a_run_and_the_newest_code_counts() {
        let read = |manifest: &str, results: &str, args: &str| {
            let mut all = Artifacts::default();
            all.read(
                Artifact::Manifest,
                format!(r#"{{"metadata": {{"generated_at": "{manifest}"}}, "nodes": {{"model.p.a": {{"compiled_code": "manifest"}}}}}}"#).as_bytes(),
            );
            all.read(Artifact::RunResults, format!(r#"{{"metadata": {{"generated_at": "{results}"}}, "args": {args}, "results": [{{"unique_id": "model.p.a", "status": "skipped", "timing": [], "compiled_code": "results"}}]}}"#).as_bytes());
            let facts = all.of("model.p.a").expect("it is there");
            let at = facts.last_run.as_ref().and_then(|run| run.at.clone());
            (facts.compiled.as_deref() == Some("results"), at.as_deref().map(str::to_owned))
        };
        let (old, new) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
        assert_eq!(read(old, new, r#"{"which": "build"}"#), (true, Some(new.to_owned())));
        assert_eq!(read(new, old, r#"{"which": "test"}"#), (false, Some(old.to_owned())));
        for args in [r#"{"which": "clone"}"#, r#"{"which": "generate"}"#, r#"{"which": "run-operation"}"#, r#"{"which": "run", "empty": true}"#] {
            assert_eq!(read(old, new, args).1, None, "{args}");
        }
    }
}
