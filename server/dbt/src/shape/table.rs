//! What dbt's classes ask of each entry (`dbt/contracts/graph/unparsed.py`). Keys that aren't listed may be anything.

use super::{Field, Shape, may, must};

const DOCS: &[Field] = &[may("show", Shape::Flag), may("node_color", Shape::TextOrNull)];

const CONSTRAINT: &[Field] = &[];

const COLUMN: &[Field] = &[
    must("name", Shape::Text),
    may("description", Shape::Text),
    may("data_type", Shape::TextOrNull),
    may("quote", Shape::FlagOrNull),
    may("tags", Shape::List(&Shape::Text)),
    may("meta", Shape::Mapping),
    may("constraints", Shape::List(&Shape::Entry(CONSTRAINT))),
    may("config", Shape::Mapping),
    may("data_tests", Shape::List(&Shape::Test)),
    may("tests", Shape::List(&Shape::Test)),
];

const VERSION: &[Field] = &[
    must("v", Shape::Scalar),
    may("description", Shape::Text),
    may("config", Shape::Mapping),
    may("docs", Shape::Mapping),
    may("access", Shape::TextOrNull),
    may("constraints", Shape::List(&Shape::Entry(CONSTRAINT))),
    may("data_tests", Shape::ListOrNull(&Shape::Test)),
    may("tests", Shape::ListOrNull(&Shape::Test)),
    may("columns", Shape::Any),
    may("defined_in", Shape::Any),
    may("deprecation_date", Shape::Any),
];

const TIME_SPINE: &[Field] = &[must("standard_granularity_column", Shape::Text)];

/// What models, seeds, snapshots and analyses share.
macro_rules! described {
    ($($more:expr),* $(,)?) => {
        &[
            must("name", Shape::Text),
            may("description", Shape::Text),
            may("config", Shape::Mapping),
            may("meta", Shape::Mapping),
            may("docs", Shape::Closed(DOCS)),
            $($more),*
        ]
    };
}

const MODEL: &[Field] = described![
    may("columns", Shape::List(&Shape::Entry(COLUMN))),
    may("data_tests", Shape::List(&Shape::Test)),
    may("tests", Shape::List(&Shape::Test)),
    may("constraints", Shape::List(&Shape::Entry(CONSTRAINT))),
    may("access", Shape::TextOrNull),
    may("latest_version", Shape::Scalar),
    may("deprecation_date", Shape::TextOrNull),
    may("time_spine", Shape::EntryOrNull(TIME_SPINE)),
    may("versions", Shape::List(&Shape::Closed(VERSION))),
];

const TESTED: &[Field] =
    described![may("columns", Shape::List(&Shape::Entry(COLUMN))), may("data_tests", Shape::List(&Shape::Test)), may("tests", Shape::List(&Shape::Test)),];

const ANALYSIS: &[Field] = described![may("columns", Shape::List(&Shape::Entry(COLUMN)))];

const AFTER: &[Field] = &[may("count", Shape::Any), may("period", Shape::OneOfOrNull(&["minute", "hour", "day"]))];
const FRESHNESS: &[Field] = &[may("warn_after", Shape::ClosedOrNull(AFTER)), may("error_after", Shape::ClosedOrNull(AFTER)), may("filter", Shape::TextOrNull)];

const QUOTED: &[Field] =
    &[may("database", Shape::FlagOrNull), may("schema", Shape::FlagOrNull), may("identifier", Shape::FlagOrNull), may("column", Shape::FlagOrNull)];

const TABLE: &[Field] = &[
    must("name", Shape::Text),
    may("description", Shape::Text),
    may("config", Shape::Mapping),
    may("meta", Shape::Mapping),
    may("columns", Shape::List(&Shape::Entry(COLUMN))),
    may("data_tests", Shape::List(&Shape::Test)),
    may("tests", Shape::List(&Shape::Test)),
    may("tags", Shape::List(&Shape::Text)),
    may("freshness", Shape::ClosedOrNull(FRESHNESS)),
    may("loaded_at_field", Shape::TextOrNull),
    may("identifier", Shape::TextOrNull),
];

const SOURCE: &[Field] = &[
    must("name", Shape::Text),
    may("description", Shape::Text),
    may("config", Shape::Mapping),
    may("meta", Shape::Mapping),
    may("database", Shape::TextOrNull),
    may("schema", Shape::TextOrNull),
    may("loader", Shape::Text),
    may("overrides", Shape::Text),
    may("quoting", Shape::Closed(QUOTED)),
    may("loaded_at_query", Shape::TextOrNull),
    may("tables", Shape::List(&Shape::Entry(TABLE))),
    may("tags", Shape::List(&Shape::Text)),
    may("freshness", Shape::ClosedOrNull(FRESHNESS)),
    may("loaded_at_field", Shape::TextOrNull),
];

const MACRO: &[Field] = described![may("arguments", Shape::List(&Shape::Closed(ARGUMENT)))];
const ARGUMENT: &[Field] = &[must("name", Shape::Text), may("type", Shape::TextOrNull), may("description", Shape::Text)];

const EXPOSURE: &[Field] = &[
    must("name", Shape::Text),
    must("type", Shape::OneOf(&["dashboard", "notebook", "analysis", "ml", "application"])),
    must("owner", Shape::Mapping),
    may("description", Shape::Text),
    may("label", Shape::TextOrNull),
    may("maturity", Shape::OneOfOrNull(&["low", "medium", "high"])),
    may("meta", Shape::Mapping),
    may("tags", Shape::List(&Shape::Text)),
    may("url", Shape::TextOrNull),
    may("depends_on", Shape::List(&Shape::Text)),
    may("config", Shape::Mapping),
];

const GROUP: &[Field] = &[must("name", Shape::Text), must("owner", Shape::Mapping), may("description", Shape::TextOrNull), may("config", Shape::Mapping)];

const GIVEN: &[Field] =
    &[must("input", Shape::Text), may("format", Shape::OneOf(&["csv", "dict", "sql"])), may("fixture", Shape::TextOrNull), may("rows", Shape::Any)];
const EXPECT: &[Field] = &[may("format", Shape::OneOf(&["csv", "dict", "sql"])), may("fixture", Shape::TextOrNull), may("rows", Shape::Any)];

const UNIT_TEST: &[Field] = &[
    must("name", Shape::Text),
    must("model", Shape::Text),
    must("given", Shape::List(&Shape::Closed(GIVEN))),
    must("expect", Shape::Closed(EXPECT)),
    may("description", Shape::Text),
    may("overrides", Shape::MappingOrNull),
    may("config", Shape::Mapping),
    may("versions", Shape::MappingOrNull),
];

const METRIC: &[Field] = &[must("name", Shape::Text), must("label", Shape::Text), must("type", Shape::Any), may("description", Shape::Text)];

const SEMANTIC_MODEL: &[Field] = &[
    must("name", Shape::Text),
    must("model", Shape::Text),
    may("description", Shape::TextOrNull),
    may("label", Shape::TextOrNull),
    may("config", Shape::Any),
    may("defaults", Shape::Any),
    may("primary_entity", Shape::TextOrNull),
    may("entities", Shape::List(&Shape::Closed(ENTITY))),
    may("measures", Shape::List(&Shape::Closed(MEASURE))),
    may("dimensions", Shape::List(&Shape::Closed(DIMENSION))),
];

/// What entities, dimensions and measures share.
macro_rules! part {
    ($($key:literal),*) => {
        &[
            must("name", Shape::Text),
            may("description", Shape::TextOrNull),
            may("label", Shape::TextOrNull),
            may("expr", Shape::Any),
            may("config", Shape::Any),
            $(may($key, Shape::Any)),*
        ]
    };
}

const ENTITY: &[Field] = part!("type", "role");
const DIMENSION: &[Field] = part!("type", "is_partition", "type_params");
const MEASURE: &[Field] = part!("agg", "agg_params", "agg_time_dimension", "create_metric", "non_additive_dimension");

const SAVED_QUERY: &[Field] = &[
    must("name", Shape::Text),
    may("description", Shape::TextOrNull),
    may("label", Shape::TextOrNull),
    may("config", Shape::Any),
    may("tags", Shape::Any),
    must("query_params", Shape::Closed(QUERY)),
    may("exports", Shape::List(&Shape::Closed(EXPORT))),
];
const QUERY: &[Field] =
    &[may("metrics", Shape::Any), may("group_by", Shape::Any), may("where", Shape::Any), may("order_by", Shape::Any), may("limit", Shape::Any)];
const EXPORT: &[Field] = &[must("name", Shape::Text), may("config", Shape::Any)];

/// Sections whose entries have no other keys than those of the table.
pub const CLOSED: [&str; 6] = ["sources", "exposures", "groups", "unit_tests", "semantic_models", "saved_queries"];

/// The sections of a properties file.
pub const SECTIONS: &[(&str, &[Field])] = &[
    ("models", MODEL),
    ("seeds", TESTED),
    ("snapshots", TESTED),
    ("analyses", ANALYSIS),
    ("sources", SOURCE),
    ("macros", MACRO),
    ("exposures", EXPOSURE),
    ("groups", GROUP),
    ("unit_tests", UNIT_TEST),
    ("metrics", METRIC),
    ("semantic_models", SEMANTIC_MODEL),
    ("saved_queries", SAVED_QUERY),
    ("data_tests", &[]),
    ("functions", &[]),
];

const QUOTING: &[Field] = &[may("database", Shape::FlagOrNull), may("schema", Shape::FlagOrNull), may("identifier", Shape::FlagOrNull)];

/// The keys of dbt_project.yml (`dbt.contracts.project.Project`). Folders, the name and what rendering changes are checked elsewhere.
pub const PROJECT: &[Field] = &[
    must("name", Shape::Any),
    may("config-version", Shape::Any),
    may("version", Shape::Any),
    may("project-root", Shape::Any),
    may("source-paths", Shape::Any),
    may("model-paths", Shape::Any),
    may("macro-paths", Shape::Any),
    may("data-paths", Shape::Any),
    may("seed-paths", Shape::Any),
    may("test-paths", Shape::Any),
    may("analysis-paths", Shape::Any),
    may("docs-paths", Shape::Any),
    may("asset-paths", Shape::Any),
    may("function-paths", Shape::Any),
    may("target-path", Shape::Any),
    may("snapshot-paths", Shape::Any),
    may("clean-targets", Shape::ListOrNull(&Shape::Any)),
    may("profile", Shape::TextOrNull),
    may("log-path", Shape::Any),
    may("packages-install-path", Shape::TextOrNull),
    may("quoting", Shape::EntryOrNull(QUOTING)),
    may("on-run-start", Shape::Any),
    may("on-run-end", Shape::Any),
    may("require-dbt-version", Shape::Any),
    may("dispatch", Shape::List(&Shape::Mapping)),
    may("models", Shape::Mapping),
    may("seeds", Shape::Mapping),
    may("snapshots", Shape::Mapping),
    may("analyses", Shape::Mapping),
    may("sources", Shape::Mapping),
    may("tests", Shape::Mapping),
    may("data_tests", Shape::Mapping),
    may("unit_tests", Shape::Mapping),
    may("metrics", Shape::Mapping),
    may("semantic-models", Shape::Mapping),
    may("saved-queries", Shape::Mapping),
    may("exposures", Shape::Mapping),
    may("functions", Shape::Mapping),
    may("vars", Shape::MappingOrNull),
    may("packages", Shape::Any),
    may("query-comment", Shape::Any),
    may("restrict-access", Shape::Flag),
    may("dbt-cloud", Shape::MappingOrNull),
    may("flags", Shape::Any),
];
