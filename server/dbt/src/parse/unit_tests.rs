//! Unit tests: their rows, their fixtures, the versions that they are for.

use super::{Builder, list, object, string, text_of, without_first};
use crate::index::InputFile;
use crate::properties::Entry;
use crate::{FileKind, ResourceType};
use data::json;
use data::{Map, Value as Json};

impl Builder<'_> {
    pub(super) fn unit_test(&mut self, package: usize, file: &InputFile, entry: &Entry) {
        let data = self.entry_data(package, entry);
        let data = &data.own;
        let model = string(data, "model").unwrap_or_default();
        let name = &entry.name.value;
        let mut node = self.yaml_node(ResourceType::UnitTest, package, file, entry, name);
        // dbt leaves the description of a unit test as it is.
        if let Some(description) = &mut node.description {
            description.text = description.raw().to_owned();
        }
        let package_name = node.package.clone();
        node.unique_id = super::arc(format!("unit_test.{package_name}.{model}.{name}"));
        node.fqn = super::fqn_prefix(&package_name, without_first(&file.path));
        node.fqn.extend([model.as_str().into(), name.as_str().into()]);
        let patch = object(data, "config").cloned().unwrap_or_default();
        let mut draft = self.configured(package, node, &patch);
        let given: Vec<Json> = list(data, "given").iter().filter_map(Json::as_object).map(|given| self.rows(package, given, true)).collect();
        let expect = object(data, "expect").map_or(Json::Null, |expect| self.rows(package, expect, false));
        let overrides = object(data, "overrides").map_or(Json::Null, |overrides| {
            let map = |key: &str| object(overrides, key).cloned().unwrap_or_default();
            json!({"macros": map("macros"), "vars": map("vars"), "env_vars": map("env_vars")})
        });
        let versions = object(data, "versions").map_or(Json::Null, |versions| json!({"include": versions.get("include"), "exclude": versions.get("exclude")}));
        let definition = [("model", Json::from(&model)), ("given", given.into()), ("expect", expect), ("overrides", overrides), ("versions", versions)];
        draft.node.definition.extend(definition.into_iter().map(|(key, value)| (key.to_owned(), value)));
        draft.node.tags = super::configs::tags(draft.node.config.values.get("tags")).into();
        draft.node.inputs = thin_vec::thin_vec![model];
        self.made.drafts.push(draft);
    }

    /// An input or the expectation, its rows as dbt keeps them.
    fn rows(&self, package: usize, data: &Map, is_input: bool) -> Json {
        let format = string(data, "format").unwrap_or_else(|| "dict".to_owned()).to_lowercase();
        let fixture = string(data, "fixture");
        let rows = data.get("rows").filter(|rows| !rows.is_null()).cloned();
        let from_file = fixture.as_deref().and_then(|name| self.fixture(package, name));
        let rows = match format.as_str() {
            "csv" => {
                let text = from_file.or_else(|| rows.as_ref().and_then(Json::as_str).map(str::to_owned)).unwrap_or_default();
                promoted(csv_rows(&text)).into()
            }
            "sql" => from_file.map(Json::from).or(rows).unwrap_or(Json::Null),
            _ => match rows {
                Some(Json::Array(rows)) => promoted(rows.to_vec()).into(),
                Some(other) => other,
                None if is_input && fixture.is_none() => self.seed_rows(package, &string(data, "input").unwrap_or_default()),
                None => Json::Null,
            },
        };
        let mut made = Map::new();
        if is_input {
            made.insert("input", data.get("input").cloned().unwrap_or(Json::Null));
        }
        made.insert("rows", rows);
        made.insert("format", format.into());
        made.insert("fixture", fixture.into());
        Json::Object(made)
    }

    fn fixture(&self, package: usize, name: &str) -> Option<String> {
        let file = self.inputs[package].files.iter().find(|file| file.kind == FileKind::Fixture && super::stem(&file.path) == name)?;
        Some(file.text.trim().to_owned())
    }

    /// An input without rows that names a seed takes the seed's; of a seed only the part that was read.
    fn seed_rows(&self, package: usize, input: &str) -> Json {
        let calls = crate::evaluate::literal_calls(&syntax::jinja::calls_in(&format!("{{{{{input}}}}}"), 0));
        let Some(called) = calls.refs.first() else { return Json::Null };
        // Without a package's name only the project's own seeds are meant.
        let package = called.package.as_ref().map_or(Some(package), |name| self.session.packages.iter().position(|known| *known.name == **name));
        let files = package.map_or(&[][..], |package| self.inputs[package].files.as_slice());
        let seed = files.iter().find(|file| file.kind == FileKind::Seed && super::stem(&file.path) == called.name);
        seed.map_or(Json::Null, |seed| {
            let rows = csv_reader(&seed.text).collect();
            promoted(rows).into()
        })
    }
}

/// CSV rows as mappings of texts.
fn csv_reader(text: &str) -> impl Iterator<Item = Json> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let headers: Vec<String> = reader.headers().map(|headers| headers.iter().map(str::to_owned).collect()).unwrap_or_default();
    let records: Vec<csv::StringRecord> = reader.records().filter_map(Result::ok).collect();
    records.into_iter().map(move |record| {
        let row: Map = headers.iter().enumerate().map(|(index, name)| (name.clone(), record.get(index).map_or(Json::Null, Json::from))).collect();
        Json::Object(row)
    })
}

/// The same, with nothing between two commas as null.
fn csv_rows(text: &str) -> Vec<Json> {
    let mut rows: Vec<Json> = csv_reader(text.trim_start_matches('\n')).collect();
    for value in rows.iter_mut().filter_map(Json::as_object_mut).flat_map(|row| row.iter_mut().map(|(_, value)| value)) {
        if value.as_str() == Some("") {
            *value = Json::Null;
        }
    }
    rows
}

/// dbt puts the first row without nulls at the front, for the sake of column types.
fn promoted(mut rows: Vec<Json>) -> Vec<Json> {
    let whole = rows.iter().position(|row| row.as_object().is_some_and(|row| row.values().all(|value| !value.is_null())));
    if let Some(at) = whole {
        rows.swap(0, at);
    }
    rows
}

/// Whether a list of versions has one, as text or number.
pub(super) fn lists_version(list: &Json, version: &str) -> bool {
    list.as_array().into_iter().flatten().any(|listed| text_of(listed) == version)
}
