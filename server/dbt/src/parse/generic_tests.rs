//! Generic tests: what `data_tests` of a model, a column or a source's table make (`TestBuilder`, `SchemaGenericTestParser`).

use super::configs::tags;
use super::{Builder, Draft, arc, fqn_prefix, list, string, text_of, without_first};
use crate::ResourceType;
use crate::index::{Diagnostic, InputFile, Node, Place, Severity, TestMetadata, blank};
use crate::parallel::in_parallel;
use crate::properties::{Entry, Section};
use data::json;
use data::{Map, Value as Json};
use jinja::{MacroId, RefCall, Relation, SourceCall, Subject};
use rustc_hash::FxHashSet;
use std::sync::Arc;
use text::TextRange;

/// Arguments of a test that are its config.
pub(crate) const CONFIG_ARGS: [&str; 14] = [
    "severity",
    "tags",
    "enabled",
    "where",
    "limit",
    "warn_if",
    "error_if",
    "fail_calc",
    "store_failures",
    "store_failures_as",
    "meta",
    "database",
    "schema",
    "alias",
];

/// Entries whose tests are made at a time: what is on the way to a test takes more room than the test.
const AT_ONCE: usize = 512;

/// What a test is about.
#[derive(Clone)]
pub(super) struct Tested {
    pub package: usize,
    pub file: Arc<str>,
    pub place: Place,
    /// `models.orders`
    pub key: String,
    pub name: String,
    pub version: Option<Json>,
    /// Of a source's table: source and table.
    pub source: Option<(String, String)>,
    pub tags: Vec<String>,
    pub column: Option<String>,
    pub test: Json,
    pub is_model: bool,
}

impl Builder<'_> {
    pub(super) fn generic_tests(&mut self) {
        let holds = |entry: &Entry| matches!(entry.section, Section::Models | Section::Seeds | Section::Snapshots);
        let of = |package: usize| self.entries(package).filter(move |(_, entry)| holds(entry)).map(move |(file, entry)| (package, file, entry));
        let entries: Vec<(usize, &Arc<InputFile>, &Entry)> = (0..self.inputs.len()).flat_map(of).collect();
        let mut seen = std::mem::take(&mut self.made.seen_tests);
        for entries in entries.chunks(AT_ONCE) {
            let each = in_parallel(entries, |&(package, file, entry)| {
                let mut tests = Vec::new();
                self.tests_of(package, file, entry, &mut tests);
                tests
            });
            self.make_tests(each.into_iter().flatten().collect(), &mut seen);
        }
        self.made.seen_tests = seen;
    }

    /// Builds tests and adds them to the drafts, but for those that were `seen`.
    pub(super) fn make_tests(&mut self, all: Vec<Tested>, seen: &mut FxHashSet<Arc<str>>) {
        let env = &self.session.env;
        let nested = self.session.nested_arguments;
        let built = in_parallel(&all, |tested| Built::new(tested, nested));
        let mut taken: Vec<(Tested, Built)> = Vec::with_capacity(all.len());
        for (tested, built) in all.into_iter().zip(built) {
            // One that can't be read is told by its shape.
            taken.extend(built.map(|built| (tested, built)));
        }
        let all = taken;
        for (tested, built) in &all {
            let package = &self.session.packages[tested.package].name;
            self.made.graph.prepare(env, env.library.find(package, &format!("test_{}", built.name)));
        }
        let made = in_parallel(&all, |(tested, built)| self.test(tested, built));
        for (mut draft, (tested, built)) in made.into_iter().zip(&all) {
            draft.node.compact(&mut self.made.interner);
            if seen.insert(draft.node.unique_id.clone()) {
                let failure = self.failure_of(&draft).map(|failure| Diagnostic { place: self.place_of(tested, built).unwrap_or(failure.place), ..failure });
                self.made.told.extend(failure);
                self.made.drafts.push(draft);
            } else if draft.package == 0 {
                self.made.told.push(repeated(&draft.node));
            }
        }
    }

    /// Where a test stands in its entry, if that can be told from others of its name.
    fn place_of(&self, tested: &Tested, built: &Built) -> Option<Place> {
        let is_it = |(file, entry): &(&Arc<InputFile>, &Entry)| file.id == tested.place.file && entry.name.range == tested.place.range;
        let (_, entry) = self.entries(tested.package).find(is_it)?;
        let unquoted = tested.column.as_ref().map(|column| column.trim_matches(['"', '`', '[', ']']).to_owned());
        let tests = match unquoted {
            Some(column) => &entry.columns.iter().find(|known| known.name.value == column)?.tests,
            None => &entry.tests,
        };
        let name = built.namespace.as_ref().map_or_else(|| built.name.clone(), |namespace| format!("{namespace}.{}", built.name));
        let mut found = tests.iter().filter(|test| test.name == name);
        let only = found.next()?;
        found.next().is_none().then_some(Place { file: tested.place.file, range: only.range })
    }

    fn tests_of(&self, package: usize, file: &InputFile, entry: &Entry, all: &mut Vec<Tested>) {
        let data = self.entry_data(package, entry);
        let data = &data.own;
        let at = |range: TextRange| Place { file: file.id, range };
        let quotes = data.get("quote_columns").and_then(Json::as_bool);
        let base = Tested {
            package,
            file: arc(&file.path),
            place: at(entry.name.range),
            key: format!("{}.{}", entry.section.key(), entry.name.value),
            name: entry.name.value.clone(),
            version: None,
            source: None,
            tags: Vec::new(),
            column: None,
            test: Json::Null,
            is_model: entry.section == Section::Models,
        };
        let versions: Vec<&Map> = list(data, "versions").iter().filter_map(Json::as_object).filter(|version| version.contains_key("v")).collect();
        if versions.is_empty() {
            let columns = list(data, "columns").iter().filter_map(Json::as_object);
            columns.for_each(|column| self.column_tests(&base, column, quotes, all));
            all.extend(tests_in(data).iter().map(|test| Tested { test: test.clone(), ..base.clone() }));
            return;
        }
        for (number, version) in versions.into_iter().enumerate() {
            let base = Tested { version: version.get("v").cloned(), ..base.clone() };
            let (columns, _) = super::patches::version_columns_of(data, version, entry, number);
            for column in columns.iter().filter_map(Json::as_object) {
                self.column_tests(&base, column, quotes, all);
            }
            let own = ["data_tests", "tests"].iter().find_map(|key| version.get(key)).filter(|tests| !tests.is_null());
            let tests = own.map_or_else(|| tests_in(data), |tests| tests.as_array().map_or(&[], Vec::as_slice));
            all.extend(tests.iter().map(|test| Tested { test: test.clone(), ..base.clone() }));
        }
    }

    pub(super) fn column_tests(&self, base: &Tested, column: &Map, quotes: Option<bool>, all: &mut Vec<Tested>) {
        let Some(name) = string(column, "name") else { return };
        let quote = column.get("quote").and_then(Json::as_bool).or(quotes).unwrap_or(false);
        let name = if quote { self.session.target.adapter.quoted(&name) } else { name };
        let mut column_tags = base.tags.clone();
        column_tags.extend(tags(column.get("tags")));
        column_tags.extend(tags(super::object(column, "config").and_then(|config| config.get("tags"))));
        for test in tests_in(column) {
            all.push(Tested { column: Some(name.clone()), tags: column_tags.clone(), test: test.clone(), ..base.clone() });
        }
    }

    fn test(&self, tested: &Tested, built: &Built) -> Draft {
        let package = self.session.packages[tested.package].name.clone();
        let mut config = Map::new();
        for (key, value) in &built.config {
            let value = match value {
                Json::String(text) => self.session.yaml_text(&package, text).unwrap_or_else(|_| value.clone()),
                other => other.clone(),
            };
            if !value.is_null() {
                config.insert(key.clone(), value);
            }
        }
        let (short, full) = match &built.given_name {
            Some(name) => (name.clone(), name.clone()),
            None => {
                let (short, full) = synthesized(tested, &built.name, built.namespace.as_deref(), &built.args);
                if short != full && !config.contains_key("alias") {
                    config.insert("alias", short.clone().into());
                }
                (short, full)
            }
        };
        let hash = hash(&full, &built.args, &built.name, built.namespace.as_deref());
        let mut node = blank(arc(format!("test.{package}.{full}.{hash}")), ResourceType::Test, package.clone(), &full, tested.place, &tested.file);
        node.fqn = fqn_prefix(&package, without_first(&tested.file));
        node.fqn.push(full.as_str().into());
        node.relative_path = format!("{short}.sql");
        let mut all_tags = tested.tags.clone();
        all_tags.extend(tags(config.get("tags")));
        all_tags.sort();
        all_tags.dedup();
        node.tags = all_tags.into();
        if let Some(description) = built.description.clone() {
            let text = self.rendered(&description, &package).0;
            node.description = Some(crate::index::Description { text, written: Some(description), place: tested.place });
        }
        let metadata = TestMetadata {
            name: built.name.clone(),
            namespace: built.namespace.clone(),
            kwargs: built.args.clone(),
            column_name: tested.column.clone(),
            attached_node: None,
            file_key_name: tested.key.clone(),
        };
        node.test = Some(Arc::new(metadata));
        let mut draft = Draft { call: config, ..Draft::new(node, tested.package) };
        self.calls(tested, &mut draft, &built.args, built.namespace.as_deref(), &built.name);
        let finished = self.finished(&draft);
        finished.apply(&mut draft);
        draft
    }

    /// What the test's macro and arguments refer to.
    fn calls(&self, tested: &Tested, draft: &mut Draft, args: &Map, namespace: Option<&str>, name: &str) {
        let library = &self.session.env.library;
        let package = draft.node.package.clone();
        let id = library.find(&package, &format!("test_{name}"));
        draft.node.macros.push(id.map(|id| library.get(id).unique_id.clone()));
        let unique_id = id.map(|id| library.get(id).unique_id.clone()).unwrap_or_default();
        let config_call = config_call(&draft.call);
        let call = match namespace {
            Some(namespace) => format!("{{{{ {namespace}.test_{name}(**_dbt_generic_test_kwargs) }}}}{config_call}"),
            None => format!("{{{{ test_{name}(**_dbt_generic_test_kwargs) }}}}{config_call}"),
        };
        if !config_call.is_empty() {
            draft.node.definition.insert("raw_code", call.as_str().into());
        }
        if matches!(&*unique_id, "macro.dbt.test_not_null" | "macro.dbt.test_unique") {
            match &tested.source {
                Some((source, table)) => draft.node.sources.push(SourceCall { source: source.clone(), table: table.clone() }),
                None => draft.node.refs.push(RefCall { package: None, name: tested.name.clone(), version: tested.version.clone() }),
            }
            return;
        }
        // dbt's own tests name nothing but their arguments.
        let runs = id.is_some_and(|id: MacroId| !self.session.target.adapter.has_package(&library.get(id).package));
        let target = &self.session.target;
        let relation = Relation {
            database: target.database.clone(),
            schema: Some(target.schema.clone()),
            identifier: Some(draft.node.name.as_str().into()),
            quoting: Map::new(),
        };
        let node = &draft.node;
        let model = || {
            json!({"name": node.name, "alias": node.name, "resource_type": "test", "package_name": &*node.package, "unique_id": &*node.unique_id,
            "fqn": node.fqn, "path": node.relative_path, "original_file_path": node.path, "config": {"enabled": true, "materialized": "test", "severity": "ERROR"},
            "tags": node.tags, "meta": {}, "columns": {}, "column_name": tested.column, "test_metadata": {"name": name, "namespace": namespace, "kwargs": args}})
        };
        let subject = Subject { visible: self.made.graph.visible(id), ..Subject::node(package, Some(relation), &model) };
        let (found, failure) = jinja::render_test(&self.session.env, &subject, args, runs.then_some(call.as_str()));
        let whose = || format!(" in test {} ({})", draft.node.name, tested.file);
        draft.failure = failure.map(|failure| (whose(), failure.message.replace(&format!("macro '{name}'"), &format!("macro 'test_{name}'")))).or_else(|| {
            // Of dbt's own tests only the arguments are to be looked at.
            let unknown = id.filter(|_| !runs).and_then(|id| library.get(id).unknown_argument(args.keys().map(|key| &**key)))?;
            Some((whose(), format!("macro 'test_{name}' takes no keyword argument '{unknown}'")))
        });
        // What the macro configures is the test's config (`render_test_update`); its own arguments come again after that.
        let of_macro = found.config.clone();
        draft.take(found);
        if of_macro != draft.call {
            jinja::config::merge_call(&mut draft.call, of_macro);
        }
    }
}

/// A test that stands twice.
fn repeated(node: &Node) -> Diagnostic {
    let test = node.test.as_deref();
    let whose = test.map(|test| test.file_key_name.as_str()).unwrap_or_default();
    let column = test.and_then(|test| test.column_name.as_deref()).map(|column| format!(" of column `{column}`")).unwrap_or_default();
    let name = test.map(|test| test.name.as_str()).unwrap_or_default();
    let message =
        format!("the test `{name}`{column} of `{}` stands twice; take one out, or give it a `name:`", whose.split_once('.').map_or(whose, |(_, name)| name));
    let defined = test.and_then(|test| test.column_name.as_deref()).map(|column| format!("column \"{column}\" in ")).unwrap_or_default();
    let says = format!(
        "dbt found two data_tests with the name \"{}\" defined on {defined}\"{whose}\".\n\nSince these resources have the same name, dbt will be unable to find the correct resource\nwhen running tests.",
        node.name
    );
    Diagnostic::new(node.place, Severity::Error, "duplicate-name", message).as_dbt(says)
}

/// The tests of an entry, by either name.
pub(super) fn tests_in(data: &Map) -> &[Json] {
    ["data_tests", "tests"].iter().map(|key| list(data, key)).find(|tests| !tests.is_empty()).unwrap_or(&[])
}

/// A test's definition taken apart.
struct Built {
    name: String,
    namespace: Option<String>,
    args: Map,
    config: Map,
    description: Option<String>,
    given_name: Option<String>,
}

impl Built {
    fn new(tested: &Tested, nested_arguments: bool) -> Option<Self> {
        let (full_name, mut args) = match &tested.test {
            Json::String(name) => (name.to_string(), Map::new()),
            Json::Object(map) => match map.get("test_name").and_then(Json::as_str) {
                Some(name) => {
                    let mut args = map.clone();
                    args.remove("test_name");
                    (name.to_owned(), args)
                }
                None if map.len() == 1 => {
                    let (name, args) = map.iter().next()?;
                    (name.to_string(), args.as_object()?.clone())
                }
                None => return None,
            },
            _ => return None,
        };
        if let Some(column) = &tested.column {
            args.insert("column_name", column.as_str().into());
        }
        if nested_arguments && let Some(Json::Object(arguments)) = args.remove("arguments") {
            args.extend(arguments);
        }
        args.insert("model", model_argument(tested).into());
        let (namespace, name) = match full_name.split_once('.') {
            Some((namespace, name)) => (Some(namespace.to_owned()), name.split('.').next().unwrap_or(name).to_owned()),
            None => (None, full_name),
        };
        let mut config = Map::new();
        let nested = args.remove("config");
        let has_config = nested.is_some();
        let mut own = nested.and_then(|own| own.as_object().cloned()).unwrap_or_default();
        for key in CONFIG_ARGS {
            // Where there is a `config`, what is falsy beside it doesn't count (`TestBuilder._process_legacy_args`).
            let given = args.remove(key).filter(|value| is_truthy(value) || !has_config);
            let value = given.or_else(|| own.remove(key));
            if let Some(value) = value.filter(|value| !value.is_null()) {
                config.insert(key.to_owned(), value);
            }
        }
        config.extend(own);
        let description = args.remove("description").map(|text| text_of(&text));
        let given_name = args.remove("name").map(|name| text_of(&name));
        Some(Self { name, namespace, args, config, description, given_name })
    }
}

fn is_truthy(value: &Json) -> bool {
    match value {
        Json::String(text) => !text.is_empty(),
        Json::Array(items) => !items.is_empty(),
        Json::Object(map) => !map.is_empty(),
        scalar => jinja::value::Value::from(scalar).is_true(),
    }
}

fn model_argument(tested: &Tested) -> String {
    let target = match (&tested.source, &tested.version) {
        (Some((source, table)), _) => format!("source('{source}', '{table}')"),
        (None, Some(version)) if tested.is_model && is_truthy(version) => format!("ref('{}', version='{}')", tested.name, text_of(version)),
        _ => format!("ref('{}')", tested.name),
    };
    format!("{{{{ get_where_subquery({target}) }}}}")
}

/// A test's name from its arguments: the short one, which fits a file, and the full one (`synthesize_generic_test_names`).
fn synthesized(tested: &Tested, name: &str, namespace: Option<&str>, args: &Map) -> (String, String) {
    let mut kind = match (&tested.source, namespace) {
        (Some(_), _) => format!("source_{name}"),
        (None, _) => name.to_owned(),
    };
    if let Some(namespace) = namespace {
        kind = format!("{namespace}_{kind}");
    }
    let target = match (&tested.source, &tested.version) {
        (Some((source, table)), _) => format!("{source}_{table}"),
        (None, Some(version)) if is_truthy(version) => format!("{}_v{}", tested.name, text_of(version)),
        _ => tested.name.clone(),
    };
    let mut keys: Vec<&Arc<str>> = args.keys().filter(|key| ***key != *"model").collect();
    keys.sort();
    let mut parts: Vec<String> = Vec::new();
    for key in keys {
        match &args[key] {
            Json::Object(map) => parts.extend(map.values().map(text_of)),
            Json::Array(items) => parts.extend(items.iter().map(text_of)),
            other => parts.push(text_of(other)),
        }
    }
    let clean: Vec<String> = parts.iter().map(|part| cleaned(part)).collect();
    let identifier = format!("{kind}_{target}");
    let full = format!("{identifier}_{}", clean.join("__"));
    // Python counts characters.
    if full.chars().count() >= 64 {
        let head: String = identifier.chars().take(30).collect();
        (format!("{head}_{}", jinja::md5(&full)), full)
    } else {
        (full.clone(), full)
    }
}

/// Runs of anything but ASCII letters, digits and `_` become one `_`.
fn cleaned(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_run = false;
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            out.push(c);
            in_run = false;
        } else if !in_run {
            out.push('_');
            in_run = true;
        }
    }
    out
}

/// The last ten digits of the MD5 of the name and the metadata as Python prints them, all values as text, keys in order.
fn hash(name: &str, args: &Map, test: &str, namespace: Option<&str>) -> String {
    fn write(value: &Json, out: &mut String) {
        match value {
            Json::Object(map) => {
                let mut pairs: Vec<(&Arc<str>, &Json)> = map.iter().collect();
                pairs.sort_by_key(|(key, _)| *key);
                out.push('{');
                for (number, (key, value)) in pairs.into_iter().enumerate() {
                    out.push_str(if number > 0 { ", " } else { "" });
                    jinja::value::quote(key, out);
                    out.push_str(": ");
                    write(value, out);
                }
                out.push('}');
            }
            Json::Array(items) => {
                out.push('[');
                for (number, item) in items.iter().enumerate() {
                    out.push_str(if number > 0 { ", " } else { "" });
                    write(item, out);
                }
                out.push(']');
            }
            Json::String(text) => jinja::value::quote(text, out),
            other => jinja::value::quote(&text_of(other), out),
        }
    }
    let metadata = [("kwargs", Json::Object(args.clone())), ("name", test.into()), ("namespace", namespace.map_or(Json::Null, Into::into))];
    let mut text = name.to_owned();
    write(&Json::Object(metadata.into_iter().collect()), &mut text);
    let digest = jinja::md5(&text);
    digest[digest.len() - 10..].to_owned()
}

/// `{{ config(…) }}` as dbt writes it behind a test's call.
fn config_call(config: &Map) -> String {
    if config.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> = config
        .iter()
        .map(|(key, value)| match value {
            Json::String(text) => format!("{key}=\"{}\"", text.replace('"', "\\\"")),
            other => format!("{key}={}", text_of(other)),
        })
        .collect();
    format!("{{{{ config({}) }}}}", pairs.join(","))
}
