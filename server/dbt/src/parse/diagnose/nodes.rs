//! What dbt refuses of a node whose text and properties can be read: its config, its contract, its group, the strategy of a snapshot.

use super::{asker_of, title};
use crate::index::{Diagnostic, Index, InputFile, Node, NodeIndex, Place, Severity};
use crate::{FileKind, ResourceType};
use data::Value as Json;
use jinja::value::Value;
use text::TextRange;

/// Types of values in a config (`NodeConfig`): what they must be, and dbt's words; `None`: the value may be missing.
const CONFIG_TYPES: [(&str, Kind); 15] = [
    ("enabled", Kind::Flag),
    ("materialized", Kind::Text),
    ("schema", Kind::TextOrNull),
    ("database", Kind::TextOrNull),
    ("alias", Kind::TextOrNull),
    ("group", Kind::TextOrNull),
    ("full_refresh", Kind::FlagOrNull),
    ("meta", Kind::Mapping),
    ("docs", Kind::Mapping),
    ("quoting", Kind::Mapping),
    ("column_types", Kind::Mapping),
    ("persist_docs", Kind::Mapping),
    ("grants", Kind::Mapping),
    ("contract", Kind::Mapping),
    ("tags", Kind::Texts),
];

#[derive(Clone, Copy)]
enum Kind {
    Flag,
    FlagOrNull,
    Text,
    TextOrNull,
    Texts,
    Mapping,
}

/// Whether dbt takes no `null` for a config.
pub fn is_never_null(key: &str) -> bool {
    CONFIG_TYPES.iter().any(|(known, kind)| *known == key && !matches!(kind, Kind::FlagOrNull | Kind::TextOrNull))
}

const CONSTRAINTS: [&str; 6] = ["check", "not_null", "unique", "primary_key", "foreign_key", "custom"];

/// Collects what is wrong with one node.
struct Judge<'a> {
    index: &'a Index,
    node: &'a Node,
    place: Place,
    found: Vec<Diagnostic>,
}

/// Everything wrong with the nodes of a file.
pub fn of_file(index: &Index, file: &InputFile) -> Vec<Diagnostic> {
    let nodes = index.nodes_of_file(file.id).iter();
    nodes.flat_map(|&at| of_node(index, file, at)).collect()
}

fn of_node(index: &Index, file: &InputFile, at: NodeIndex) -> Vec<Diagnostic> {
    let node = &index.nodes[at];
    // The call of `config()` is the place to look at, where there is one.
    let call = file.facts.config_call();
    let place = call.filter(|_| node.place.range.is_empty()).map_or(node.place, |call| Place { file: file.id, range: call.name_range });
    let mut judge = Judge { index, node, place, found: Vec::new() };
    match node.resource_type {
        ResourceType::Model => {
            judge.config();
            judge.membership();
            judge.contract();
            judge.microbatch();
            judge.time_spine();
            judge.versioned();
            judge.other_types();
            judge.unresolved(file);
        }
        ResourceType::Seed => {
            judge.config();
            judge.unresolved(file);
        }
        ResourceType::Snapshot => {
            judge.config();
            judge.snapshot();
            judge.unresolved(file);
        }
        ResourceType::Analysis => judge.unresolved(file),
        ResourceType::UnitTest => judge.unit_test(file),
        ResourceType::Exposure | ResourceType::Metric | ResourceType::SavedQuery | ResourceType::Operation => judge.unresolved(file),
        _ => {}
    }
    if let Some(relation) = node.relation_name.as_deref().filter(|relation| relation.contains(crate::MASKED)) {
        let message = format!("{relation}: an environment variable that looks like a secret by its name is part of it, so its value is not used here");
        judge.found.push(Diagnostic::new(judge.place, Severity::Information, "masked-name", message));
    }
    if node.test.is_none() && node.name.contains(' ') && has_code(node.resource_type) {
        let message = format!("a space in the name `{}`: dbt allows none; rename it", node.name);
        let says = format!("Resource names cannot contain spaces:\n  * '{}' ({})", node.unique_id, node.path);
        let severity = if index.names_with_spaces { Severity::Warning } else { Severity::Error };
        judge.found.push(Diagnostic::new(judge.place, severity, "invalid-name", message).as_dbt(says));
    }
    judge.found
}

/// Whether it is one of a manifest's `nodes`.
fn has_code(kind: ResourceType) -> bool {
    matches!(kind, ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot | ResourceType::Analysis | ResourceType::Test)
}

impl Judge<'_> {
    fn fail(&mut self, code: &'static str, message: String, says: String) {
        self.found.push(Diagnostic::new(self.place, Severity::Error, code, message).as_dbt(says));
    }

    /// The same where the node's entry has a value, else at its name.
    fn fail_at(&mut self, file: &InputFile, value: &str, code: &'static str, message: String, says: String) {
        let place = self.place;
        if let Some(range) =
            Some(file).filter(|file| file.kind == FileKind::Properties && file.id == place.file).and_then(|file| value_in_entry(&file.text, place.range, value))
        {
            self.place.range = range;
        }
        self.fail(code, message, says);
        self.place = place;
    }

    fn value(&self, key: &str) -> Option<&Json> {
        self.node.config.values.get(key).filter(|value| !value.is_null())
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.value(key).and_then(Json::as_str).filter(|text| !text.is_empty())
    }

    fn config(&mut self) {
        for (key, kind) in CONFIG_TYPES {
            let Some(value) = self.node.config.values.get(key).filter(|value| !value.is_null() || is_never_null(key)) else { continue };
            let (fits, what, says) = match kind {
                Kind::Flag => (value.as_bool().is_some(), "true or false", "is not of type 'boolean'"),
                Kind::FlagOrNull => (value.as_bool().is_some(), "true or false", "is not valid under any of the given schemas"),
                Kind::Text => (value.as_str().is_some(), "a text", "is not of type 'string'"),
                Kind::TextOrNull => (value.as_str().is_some(), "a text", "is not valid under any of the given schemas"),
                Kind::Texts => {
                    let fits = value.as_array().is_none_or(|items| items.iter().all(|item| item.as_str().is_some()));
                    (fits, "a text or a list of texts", "is not valid under any of the given schemas")
                }
                Kind::Mapping => (value.is_object(), "a mapping", ""),
            };
            if !fits {
                let shown = Value::from(value).repr();
                let says = if says.is_empty() { format!("expected dict, got {shown}") } else { format!("at path ['{key}']: {shown} {says}") };
                self.fail("invalid-config", format!("`{key}` must be {what}; it is {shown}"), says);
            }
        }
    }

    fn membership(&mut self) {
        let node = self.node;
        if let Some(group) = node.config.group.as_deref() {
            let of = |package: &str| self.index.node(&format!("group.{package}.{group}")).is_some();
            if !of(&node.package) && !of(&self.index.project) {
                let groups = self.index.few_of(ResourceType::Group).map(|(_, other)| other).filter(|other| other.package == node.package);
                let known: Vec<String> = groups.map(|group| format!("'{}'", group.name)).collect();
                let message = format!("no group is called `{group}`; correct the name, or add it under `groups:` with an owner");
                let says = format!("Parsing Error in model {} ({})\n  Invalid group '{group}', expected one of [{}]", node.name, node.path, known.join(", "));
                self.fail("unknown-group", message, says);
            }
        }
        let Some(access) = node.config.access.as_deref() else { return };
        if !["private", "protected", "public"].contains(&access) {
            let message = format!("`access` is private, protected or public, not `{access}`");
            self.fail("invalid-config", message, format!("Node {} has an invalid value ({access}) for the access field", node.unique_id));
        } else if access == "public" && node.config.materialized.as_deref() == Some("ephemeral") {
            let message = "an ephemeral model has no relation that others could read, so it can't be public; materialize it, or make it protected".to_owned();
            let says = format!("Node {} with 'ephemeral' materialization has an invalid value (public) for the access field", node.unique_id);
            self.fail("invalid-config", message, says);
        }
    }

    fn contract(&mut self) {
        let node = self.node;
        // Without an entry dbt doesn't look at it before it builds.
        let is_enforced = self.value("contract").and_then(|contract| contract.get("enforced")).and_then(Json::as_bool) == Some(true);
        if !is_enforced || node.patch.is_none() {
            return;
        }
        let head = format!("Contract enforcement failed for: ({})", node.path);
        if node.columns.values().all(|column| column.entry.is_none()) {
            let message = "the contract needs the model's columns: list them with their data_type in a properties file".to_owned();
            self.fail("invalid-contract", message, format!("{head}\nConstraints must be defined in a `yml` schema configuration file like `schema.yml`."));
        }
        if node.definition.get("language").is_some() {
            let message = "dbt enforces contracts of SQL models only; take the contract out".to_owned();
            self.fail("invalid-contract", message, format!("{head}\nLanguage Error: Expected 'sql' but found 'python'"));
        }
        let untyped: Vec<String> =
            node.columns.values().filter(|column| column.entry.is_some() && column.data_type.is_none()).map(|column| format!("'{}'", column.name)).collect();
        if !untyped.is_empty() {
            let message = format!("the contract needs a data_type for {}", untyped.join(", ").replace('\'', "`"));
            let says = format!(
                "Contracted models require data_type to be defined for each column. Please ensure that the column name and data_type are defined within the YAML configuration for the [{}] column(s).",
                untyped.join(", ")
            );
            self.fail("invalid-contract", message, says);
        }
        self.constraints();
        let materialized = node.config.materialized.as_deref().unwrap_or("view");
        let on_change = self.text("on_schema_change").unwrap_or("ignore");
        if materialized == "incremental" && !["append_new_columns", "fail"].contains(&on_change) {
            let message = "an incremental model with a contract needs `on_schema_change: append_new_columns` or `fail`".to_owned();
            let says = format!(
                "Invalid value for on_schema_change: {on_change}. Models materialized as incremental with contracts enabled must set on_schema_change to 'append_new_columns' or 'fail'"
            );
            self.fail("invalid-contract", message, says);
        }
    }

    fn constraints(&mut self) {
        let node = self.node;
        let listed = |value: Option<&Json>| value.and_then(Json::as_array).cloned().unwrap_or_default();
        let kind = |constraint: &Json| constraint["type"].as_str().unwrap_or_default().to_owned();
        let of_model = listed(node.definition.get("constraints"));
        let known = || CONSTRAINTS.join(", ");
        if of_model.iter().any(|constraint| !CONSTRAINTS.contains(&kind(constraint).as_str())) {
            let says =
                format!("Invalid constraint type on model {}: Type must be one of [{}]", node.name, CONSTRAINTS.map(|name| format!("'{name}'")).join(", "));
            self.fail("invalid-contract", format!("a constraint's `type` is one of {}", known()), says);
        }
        let mut keys = Vec::new();
        let mut all = of_model.clone();
        for column in node.columns.values() {
            let own = listed(column.properties.get("constraints"));
            if own.iter().any(|constraint| !CONSTRAINTS.contains(&kind(constraint).as_str())) {
                let message = format!("a constraint's `type` of column `{}` is one of {}", column.name, known());
                self.fail("invalid-contract", message, format!("Invalid constraint type on column {}", column.name));
            }
            keys.extend(own.iter().filter(|constraint| kind(constraint) == "primary_key").map(|_| format!("'{}'", column.name)));
            all.extend(own);
        }
        let head = format!("Primary key constraint error: ({})", node.path);
        if keys.len() > 1 {
            let message = format!("{} have a primary key each; a key of several columns is a constraint of the model", keys.join(", ").replace('\'', "`"));
            let says = format!(
                "{head}\nFound {} columns ([{}]) with primary key constraints defined. Primary keys for multiple columns must be defined as a model level constraint.",
                keys.len(),
                keys.join(", ")
            );
            self.fail("invalid-contract", message, says);
        }
        if !keys.is_empty() && of_model.iter().any(|constraint| kind(constraint) == "primary_key") {
            let message = "a primary key stands at the model and at a column; keep one".to_owned();
            let says = format!(
                "{head}\nPrimary key constraints defined at the model level and the columns level. Primary keys can be defined at the model level or the column level, not both."
            );
            self.fail("invalid-contract", message, says);
        }
        for constraint in all.iter().filter(|constraint| kind(constraint) == "foreign_key") {
            let Some(to) = constraint["to"].as_str().filter(|to| !to.trim_start().starts_with("ref(") && !to.trim_start().starts_with("source(")) else {
                continue;
            };
            let message = format!("`to: {to}` of a foreign key must be a call, such as ref('{to}')");
            self.fail("invalid-contract", message, format!("Invalid 'ref' or 'source' syntax on foreign key constraint 'to' on model {}: {to}.", node.name));
        }
    }

    fn snapshot(&mut self) {
        let strategy = self.text("strategy");
        let has_key = self.value("unique_key").is_some_and(|key| key.as_str() != Some("") && key.as_array().is_none_or(|keys| !keys.is_empty()));
        let check_cols =
            self.value("check_cols").filter(|columns| columns.as_str() != Some("") && columns.as_array().is_none_or(|columns| !columns.is_empty()));
        let problem = match strategy {
            _ if strategy.is_none() || !has_key => Some((
                "a snapshot needs the configs `strategy` (timestamp or check) and `unique_key`",
                "Snapshots must be configured with a 'strategy' and 'unique_key'.".to_owned(),
            )),
            Some("check") if check_cols.is_none() => Some((
                "the strategy `check` needs `check_cols`: a list of columns, or `all`",
                "A snapshot configured with the check strategy must specify a check_cols configuration.".to_owned(),
            )),
            Some("check") if check_cols.and_then(Json::as_str).is_some_and(|text| text != "all") => Some((
                "`check_cols` is a list of columns, or `all`",
                format!("Invalid value for 'check_cols': {}. Expected 'all' or a list of strings.", check_cols.and_then(Json::as_str).unwrap_or_default()),
            )),
            Some("timestamp") if self.text("updated_at").is_none() => Some((
                "the strategy `timestamp` needs `updated_at`: the column that tells when a row changed",
                "A snapshot configured with the timestamp strategy must specify an updated_at configuration.".to_owned(),
            )),
            Some("timestamp") if check_cols.is_some() => {
                Some(("`check_cols` belongs to the strategy `check`; take it out", "A 'timestamp' snapshot should not have 'check_cols'".to_owned()))
            }
            _ => None,
        };
        if let Some((message, says)) = problem {
            self.fail("invalid-snapshot", message.to_owned(), says);
        }
    }

    fn microbatch(&mut self) {
        let node = self.node;
        if self.text("incremental_strategy") != Some("microbatch") || node.config.materialized.as_deref() != Some("incremental") {
            return;
        }
        let name = &node.name;
        let code = "invalid-microbatch";
        if self.text("event_time").is_none() {
            let message = "a microbatch model needs `event_time`: the column that tells when a row happened".to_owned();
            self.fail(
                code,
                message,
                format!("Microbatch model '{name}' must provide an 'event_time' (string) config that indicates the name of the event time column."),
            );
        }
        match self.value("begin") {
            None => {
                let message = "a microbatch model needs `begin`: the day that its first batch is of".to_owned();
                let says = format!(
                    "Microbatch model '{name}' must provide a 'begin' (datetime) config that indicates the earliest timestamp the microbatch model should be built from."
                );
                self.fail(code, message, says);
            }
            // The index has dates as text; ISO's begin with four digits.
            Some(begin) if !begin.as_str().is_some_and(|text| text.len() >= 4 && text.as_bytes()[..4].iter().all(u8::is_ascii_digit)) => {
                let shown = super::super::text_of(begin);
                let message = format!("`begin` must be a date such as 2024-01-01, not {shown}");
                self.fail(code, message, format!("Microbatch model '{name}' must provide a 'begin' config of valid datetime (ISO format), but got: {shown}."));
            }
            Some(_) => {}
        }
        let size = self.value("batch_size").map(super::super::text_of).unwrap_or_else(|| "None".to_owned());
        if !["hour", "day", "month", "year"].contains(&size.as_str()) {
            let message = format!("`batch_size` is hour, day, month or year, not {size}");
            let says =
                format!("Microbatch model '{name}' must provide a 'batch_size' config that is one of ['hour', 'day', 'month', 'year'], but got: {size}.");
            self.fail(code, message, says);
        }
    }

    fn time_spine(&mut self) {
        let node = self.node;
        let Some(name) = node.definition.get("time_spine").and_then(|spine| spine.get("standard_granularity_column")).and_then(Json::as_str) else { return };
        let code = "invalid-time-spine";
        match node.columns.get(name).filter(|column| column.entry.is_some()) {
            None => {
                let known: Vec<String> = node.columns.values().filter(|column| column.entry.is_some()).map(|column| format!("'{}'", column.name)).collect();
                let message = format!("the time spine's column `{name}` is not listed under `columns:`; add it with its `granularity`");
                let says = format!(
                    "Time spine standard granularity column must be defined on the model. Got invalid column name '{name}' for model '{}'. Valid names: [{}].",
                    node.name,
                    known.join(", ")
                );
                self.fail(code, message, says);
            }
            Some(column) if column.properties.get("granularity").is_none_or(Json::is_null) => {
                let message = format!("the time spine's column `{name}` needs a `granularity`, such as day");
                let says = format!(
                    "Time spine standard granularity column must have a granularity defined. Please add one for column '{name}' in model '{}'.",
                    node.name
                );
                self.fail(code, message, says);
            }
            Some(_) => {}
        }
    }

    /// A model without versions beside one of the same name with some.
    fn versioned(&mut self) {
        let node = self.node;
        if node.version.is_some() {
            return;
        }
        let same = |&&at: &&NodeIndex| {
            let other = &self.index.nodes[at];
            other.version.is_some() && other.package == node.package && other.resource_type == ResourceType::Model
        };
        if let Some(other) = self.index.named(&node.name).iter().find(same).map(|&at| &self.index.nodes[at]) {
            let message = format!("`{}` has versions ({}), and this file is none of them; rename it, or add it to the versions", node.name, other.path);
            let says = format!("dbt found versioned and unversioned models with the name \"{}\".", node.name);
            self.fail("duplicate-name", message, says);
        }
    }

    /// A seed or snapshot of the model's name: dbt will refuse that one day.
    fn other_types(&mut self) {
        let node = self.node;
        let same = |&&at: &&NodeIndex| self.index.nodes[at].package == node.package && self.index.nodes[at].resource_type != node.resource_type;
        let Some(other) = self.index.named(&node.name).iter().find(same).map(|&at| &self.index.nodes[at]) else { return };
        let message = format!("a {} is called `{}`, too ({}); rename one", other.resource_type, node.name, other.path);
        let says = format!(
            "Found resources with the same name '{}' in package '{}': '{}' and '{}'. Please update one of the resources to have a unique name.",
            node.name, node.package, node.unique_id, other.unique_id
        );
        self.found.push(Diagnostic::new(self.place, Severity::Warning, "same-name", message).as_dbt(says));
    }

    fn unit_test(&mut self, file: &InputFile) {
        let node = self.node;
        let model = node.definition.get("model").and_then(Json::as_str).unwrap_or_default();
        let name = model.split_whitespace().next().unwrap_or_default();
        let tested = node.depends_on.iter().map(|&at| &self.index.nodes[at]).find(|tested| tested.resource_type == ResourceType::Model && tested.name == name);
        // The test of a model that is switched off is switched off.
        if tested.is_none() && !model.is_empty() && !self.index.disabled.iter().any(|off| off.name == name) {
            let message = format!("no model is called `{model}`; correct the name, or add it");
            let says = format!("Unable to find model '{}.{model}' for unit test '{}' in {}", node.package, node.name, file.path);
            self.fail_at(file, model, "unknown-model", message, says);
        }
        let given = node.definition.get("given").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        for input in given.iter().filter(|given| given["rows"].is_null() && given["fixture"].is_null()) {
            let text = input["input"].as_str().unwrap_or_default();
            let calls = crate::evaluate::literal_calls(&syntax::jinja::calls_in(&format!("{{{{{text}}}}}"), 0));
            let Some(called) = calls.refs.first() else { continue };
            let package = called.package.as_deref().unwrap_or(&node.package);
            let message = format!("`{}` is no seed, so this input has no rows; write them under `rows:`", called.name);
            let within = if *package == *node.package { "directories: ['seeds']".to_owned() } else { format!("'{package}' package") };
            self.fail("invalid-unit-test", message, format!("Unable to find seed '{package}.{}' for unit tests in {within}", called.name));
        }
        for rows in given.iter().chain(node.definition.get("expect")) {
            let Some(fixture) = rows["fixture"].as_str() else { continue };
            let is_it = |path: &std::sync::Arc<str>| super::super::stem(path) == fixture;
            if !self.index.names.paths.values().any(is_it) {
                let message = format!("no fixture file is called `{fixture}`; add {fixture}.csv or {fixture}.sql below the folder `fixtures` of the tests");
                self.fail_at(file, fixture, "unknown-fixture", message, format!("File not found for fixture '{fixture}' in unit tests in {}", file.path));
            }
        }
        let is_incremental = tested.is_some_and(|tested| tested.macros.iter().flatten().any(|name| &**name == "macro.dbt.is_incremental"));
        if !is_incremental {
            return;
        }
        let overridden = node.definition.get("overrides").and_then(|overrides| overrides.get("macros")?.get("is_incremental").cloned());
        match overridden.as_ref().and_then(Json::as_bool) {
            None => {
                let message = format!("`{name}` asks is_incremental(); say which branch is tested: `overrides: {{macros: {{is_incremental: true}}}}`");
                let says = format!("Boolean override for 'is_incremental' must be provided for unit test '{}' in model '{name}'", node.name);
                self.fail("invalid-unit-test", message, says);
            }
            Some(true) if !given.iter().any(|given| given["input"].as_str() == Some("this")) => {
                let message = "the incremental branch reads what is there already; give it as an input `this`".to_owned();
                self.fail("invalid-unit-test", message, format!("Unit test '{}' for incremental model '{name}' must have a 'this' input", node.name));
            }
            _ => {}
        }
    }

    /// Names that nothing answers to and that stand in no call that could be shown.
    fn unresolved(&mut self, file: &InputFile) {
        let node = self.node;
        let is_shown = |name: &str| {
            file.facts.uses.iter().any(|used| match &used.target {
                crate::Target::Ref { package, name: asked, version } => super::label(package.as_deref(), asked, version.as_deref()) == name,
                crate::Target::Source { source, table } => format!("{source}.{table}") == name,
                _ => false,
            })
        };
        for name in node.unresolved.iter().filter(|name| !is_shown(name)) {
            let asker = asker_of(node, file);
            let kind = node.definition.get("type").and_then(Json::as_str).unwrap_or_default();
            let is_source = node.sources.iter().any(|called| format!("{}.{}", called.source, called.table) == *name);
            // A branch of the text that dbt doesn't take may be shown, a hook or a computed name can't.
            let state = if self.index.disabled.iter().any(|off| off.name == *name) { "is disabled" } else { "was not found" };
            let (what, says) = match node.resource_type {
                ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot | ResourceType::Analysis | ResourceType::Operation => match is_source {
                    true => ("source", format!("{asker} depends on a source named '{name}' which {state}")),
                    false => ("node", format!("{asker} depends on a node named '{name}' which {state}")),
                },
                ResourceType::Metric if kind == "derived" || kind == "ratio" => {
                    ("metric", format!("The metric `{name}` does not exist but was referenced by metric `{}`.", node.name))
                }
                ResourceType::Metric => ("measure", format!("A semantic model having a measure `{name}` does not exist but was referenced.")),
                _ => ("metric", format!("{asker} depends on a metric named '{name}' which was not found")),
            };
            let message = format!(
                "no {what} is called `{name}`, which {} `{}` asks for; correct the name, or add it",
                title(node.resource_type).replace('_', " ").to_lowercase(),
                node.name
            );
            let code = match what {
                "node" => "unknown-ref",
                "source" => "unknown-source",
                _ => "unknown-metric",
            };
            self.fail_at(file, name, code, message, says);
        }
    }
}

/// The first scalar of the entry around a name that is a value, but for that name.
fn value_in_entry(text: &str, name: TextRange, value: &str) -> Option<TextRange> {
    fn find(node: &syntax::yaml::Node, name: TextRange, value: &str) -> Option<TextRange> {
        let mut parts = node.entries().iter().map(|(_, value)| value).chain(node.items());
        match node.as_str() {
            Some(text) => (text == value && node.range != name && !node.is_alias).then_some(node.range),
            None => parts.find_map(|part| find(part, name, value)),
        }
    }
    let root = syntax::yaml::parse(text).root?;
    find(root.entry_around(name)?, name, value)
}
