//! The shapes of dbt's files, as far as they are read. Every key but the ids may be missing.

use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::sync::Arc;

#[derive(Deserialize, Default)]
pub struct Head {
    #[serde(default)]
    pub metadata: Metadata,
}

#[derive(Deserialize, Default)]
pub struct Metadata {
    pub dbt_schema_version: Option<String>,
    pub dbt_version: Option<String>,
    pub generated_at: Option<String>,
    /// From v10 on.
    pub project_name: Option<String>,
    /// The MD5 of the project's name.
    pub project_id: Option<String>,
}

#[derive(Deserialize)]
pub struct Manifest<N = ManifestNode> {
    pub nodes: FxHashMap<Arc<str>, N>,
    #[serde(default = "FxHashMap::default")]
    pub sources: FxHashMap<Arc<str>, N>,
}

#[derive(Deserialize)]
pub struct ManifestNode {
    #[serde(alias = "compiled_sql")]
    pub compiled_code: Option<Arc<str>>,
}

#[derive(Deserialize)]
pub struct Catalog<N = CatalogNode> {
    pub nodes: FxHashMap<Arc<str>, N>,
    #[serde(default = "FxHashMap::default")]
    pub sources: FxHashMap<Arc<str>, N>,
    /// What dbt couldn't ask the warehouse for.
    pub errors: Option<Vec<String>>,
}

#[derive(Deserialize)]
pub struct CatalogNode {
    #[serde(default)]
    pub metadata: CatalogMetadata,
    #[serde(default)]
    pub columns: FxHashMap<Arc<str>, CatalogEntry>,
    #[serde(default)]
    pub stats: FxHashMap<String, Stat>,
}

#[derive(Deserialize, Default)]
pub struct CatalogMetadata {
    #[serde(rename = "type")]
    pub kind: Option<Arc<str>>,
    pub database: Option<Arc<str>>,
    pub schema: Option<Arc<str>>,
    pub name: Option<Arc<str>>,
    pub owner: Option<Arc<str>>,
    pub comment: Option<Arc<str>>,
}

#[derive(Deserialize)]
pub struct CatalogEntry {
    pub name: Option<Arc<str>>,
    #[serde(rename = "type")]
    pub data_type: Option<Arc<str>>,
    #[serde(default)]
    pub index: i64,
    pub comment: Option<Arc<str>>,
}

#[derive(Deserialize)]
pub struct Stat {
    pub value: Option<data::Value>,
}

#[derive(Deserialize)]
pub struct RunResults<R = RunResult> {
    pub results: Vec<R>,
    #[serde(default = "FxHashMap::default")]
    pub args: FxHashMap<String, data::Value>,
}

#[derive(Deserialize)]
pub struct RunResult {
    pub unique_id: Arc<str>,
    pub status: Arc<str>,
    pub message: Option<Arc<str>>,
    pub failures: Option<i64>,
    #[serde(default)]
    pub execution_time: f64,
    #[serde(default)]
    pub timing: Vec<Timing>,
    pub compiled_code: Option<Arc<str>>,
}

#[derive(Deserialize)]
pub struct Timing {
    pub completed_at: Option<Arc<str>>,
}

#[derive(Deserialize)]
pub struct Sources<R = SourceResult> {
    pub results: Vec<R>,
}

#[derive(Deserialize)]
pub struct SourceResult {
    pub unique_id: Arc<str>,
    pub status: Arc<str>,
    pub max_loaded_at: Option<Arc<str>>,
    pub snapshotted_at: Option<Arc<str>>,
    pub max_loaded_at_time_ago_in_s: Option<f64>,
    pub error: Option<data::Value>,
    #[serde(default)]
    pub criteria: Criteria,
}

#[derive(Deserialize, Default)]
pub struct Criteria {
    pub warn_after: Option<After>,
    pub error_after: Option<After>,
}

#[derive(Deserialize)]
pub struct After {
    pub count: Option<u64>,
    pub period: Option<String>,
}

/// An entry, or something else that stands in its place.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Maybe<T> {
    Entry(T),
    Odd(IgnoredAny),
}

/// A file that holds entries.
pub trait Entries: DeserializeOwned {
    /// The same with entries that may be odd.
    type Lenient: DeserializeOwned;

    /// What is left without the odd ones, and how many those are.
    fn sift(lenient: Self::Lenient) -> (Self, usize);
}

/// Reads a file; one odd entry doesn't cost the others. How many were left out.
pub fn read<T: Entries>(bytes: &[u8]) -> Result<(T, usize), serde_json::Error> {
    match serde_json::from_slice(bytes) {
        Ok(whole) => Ok((whole, 0)),
        Err(error) if error.is_data() => serde_json::from_slice(bytes).map(T::sift).map_err(|_| error),
        Err(error) => Err(error),
    }
}

fn sift_map<T>(map: FxHashMap<Arc<str>, Maybe<T>>, odd: &mut usize) -> FxHashMap<Arc<str>, T> {
    let before = map.len();
    let kept: FxHashMap<Arc<str>, T> = map.into_iter().filter_map(|(key, value)| Some((key, entry(value)?))).collect();
    *odd += before - kept.len();
    kept
}

fn sift_list<T>(list: Vec<Maybe<T>>, odd: &mut usize) -> Vec<T> {
    let before = list.len();
    let kept: Vec<T> = list.into_iter().filter_map(entry).collect();
    *odd += before - kept.len();
    kept
}

fn entry<T>(maybe: Maybe<T>) -> Option<T> {
    match maybe {
        Maybe::Entry(entry) => Some(entry),
        Maybe::Odd(_) => None,
    }
}

impl Entries for Manifest {
    type Lenient = Manifest<Maybe<ManifestNode>>;

    fn sift(lenient: Self::Lenient) -> (Self, usize) {
        let mut odd = 0;
        (Self { nodes: sift_map(lenient.nodes, &mut odd), sources: sift_map(lenient.sources, &mut odd) }, odd)
    }
}

impl Entries for Catalog {
    type Lenient = Catalog<Maybe<CatalogNode>>;

    fn sift(lenient: Self::Lenient) -> (Self, usize) {
        let mut odd = 0;
        (Self { nodes: sift_map(lenient.nodes, &mut odd), sources: sift_map(lenient.sources, &mut odd), errors: lenient.errors }, odd)
    }
}

impl Entries for RunResults {
    type Lenient = RunResults<Maybe<RunResult>>;

    fn sift(lenient: Self::Lenient) -> (Self, usize) {
        let mut odd = 0;
        (Self { results: sift_list(lenient.results, &mut odd), args: lenient.args }, odd)
    }
}

impl Entries for Sources {
    type Lenient = Sources<Maybe<SourceResult>>;

    fn sift(lenient: Self::Lenient) -> (Self, usize) {
        let mut odd = 0;
        (Self { results: sift_list(lenient.results, &mut odd) }, odd)
    }
}
