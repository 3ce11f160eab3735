//! Properties laid over nodes: descriptions, columns, configs, versions, and snapshots that live in YAML alone.

use super::{Builder, Draft, arc, fqn_prefix, list, object, string, text_of};
use crate::ResourceType;
use crate::index::{Column, Columns, Diagnostic, InputFile, Node, PackageInput, Patch, Place, Severity, blank};
use crate::parallel::in_parallel;
use crate::properties::{ColumnEntry, Entry, EntryData, Section, VersionEntry};
use data::{Map, Value as Json};
use std::cmp::Ordering;
use std::sync::Arc;
use text::TextRange;
use vfs::FileId;

/// An entry with its Jinja rendered and its columns read.
struct Prepared {
    data: Arc<EntryData>,
    columns: Columns,
}

/// Two entries for one node.
pub(super) const DUPLICATE_ENTRY: &str = "duplicate-entry";

/// Top-level keys of an entry that count as its config.
const CONFIG_KEYS: [&str; 5] = ["meta", "docs", "group", "contract", "access"];

impl<'a> Builder<'a> {
    pub(super) fn patches(&mut self) {
        let inputs: &'a [PackageInput] = self.inputs;
        let is_read = |file: &InputFile, entry: &Entry| !self.partial.contains(&file.id) || self.names.contains(&entry.name.value);
        let of = |(package, input): (usize, &'a PackageInput)| super::properties(input).map(move |(file, entry)| (package, file, entry));
        let entries = inputs.iter().enumerate().flat_map(of).filter(|(_, file, entry)| is_read(file, entry));
        let entries: Vec<(usize, &Arc<InputFile>, &Entry)> = entries.filter(|(_, _, entry)| entry.section.describes()).collect();
        let prepared = in_parallel(&entries, |&(package, file, entry)| self.prepared(package, file, entry));
        for ((package, file, entry), prepared) in entries.into_iter().zip(prepared) {
            if entry.section == Section::Models && !entry.versions.is_empty() {
                self.versions(package, file, entry);
                continue;
            }
            if entry.section == Section::Snapshots && entry.data.own.contains_key("relation") {
                self.yaml_snapshot(package, file, entry);
            }
            self.patch(package, file, entry, prepared);
        }
    }

    /// What an entry comes to whichever node it describes.
    fn prepared(&self, package: usize, file: &InputFile, entry: &Entry) -> Prepared {
        let data = self.entry_data(package, entry);
        let has_columns = entry.section != Section::DataTests && entry.versions.is_empty();
        let columns = if has_columns { self.columns(list(&data.own, "columns"), &entry.columns, file.id, package) } else { Columns::default() };
        Prepared { data, columns }
    }

    /// The drafts that an entry of this name and section in a package describes. As in dbt a node of the package comes first, and the
    /// root project's YAML may describe a package's node.
    fn described(&self, package: usize, name: &str, section: Section) -> Vec<usize> {
        let fits = |kind: ResourceType| match section {
            Section::Models => kind == ResourceType::Model,
            Section::Seeds => kind == ResourceType::Seed,
            Section::Snapshots => kind == ResourceType::Snapshot,
            Section::Analyses => kind == ResourceType::Analysis,
            Section::Functions => kind == ResourceType::Function,
            _ => kind == ResourceType::Test,
        };
        let named = self.made.by_name.get(name).map_or(&[][..], Vec::as_slice);
        let pick = |enabled: bool, own: bool| -> Vec<usize> {
            let wanted = |&&index: &&usize| {
                let draft = &self.made.drafts[index];
                draft.enabled == enabled
                    && (!own || draft.package == package)
                    && fits(draft.node.resource_type)
                    && draft.node.test.is_none()
                    && draft.node.version.is_none()
            };
            named.iter().filter(wanted).copied().collect()
        };
        let mut found = pick(true, true);
        if found.is_empty() && matches!(section, Section::Models | Section::Seeds | Section::Snapshots | Section::Analyses | Section::Functions) {
            found = pick(true, false);
        }
        found.truncate(1);
        // All disabled nodes of one name are described.
        if found.is_empty() { pick(false, true) } else { found }
    }

    fn patch(&mut self, package: usize, file: &InputFile, entry: &Entry, prepared: Prepared) {
        let Prepared { data, mut columns } = prepared;
        let described = self.described(package, &entry.name.value, entry.section);
        for (rest, index) in (0..described.len()).rev().zip(described) {
            if self.made.drafts[index].node.patch.is_some() {
                self.duplicate_entry(package, file, entry);
                continue;
            }
            let patch = config_of(&data.own);
            self.made.drafts[index].patch = patch;
            let package_name = self.made.drafts[index].node.package.clone();
            let (description, blocks) = self.description(entry.description.as_ref(), file.id, &package_name);
            let node = &mut self.made.drafts[index].node;
            describe(node, entry, file.id);
            // All disabled nodes of one name have them.
            node.columns = if rest == 0 { std::mem::take(&mut columns) } else { columns.clone() };
            node.description = description;
            node.doc_blocks = blocks;
            definition(node, &data.own);
            if entry.section == Section::Functions {
                signature(node, &data.own);
            }
            self.constraints(index);
        }
    }

    fn duplicate_entry(&mut self, package: usize, file: &InputFile, entry: &Entry) {
        if package == 0 {
            let place = Place { file: file.id, range: entry.name.range };
            let message = format!("`{}` has another entry; dbt allows one: bring them together", entry.name.value);
            let says = format!(
                "dbt found two schema.yml entries for the same resource named {}. Resources and their associated columns may only be described a single time.",
                entry.name.value
            );
            self.warn(Diagnostic::new(place, Severity::Error, DUPLICATE_ENTRY, message).as_dbt(says));
        }
    }

    /// A model with versions: each version takes the file that is named after it.
    fn versions(&mut self, package: usize, file: &InputFile, entry: &Entry) {
        let data = self.entry_data(package, entry);
        let versions: Vec<&Map> = list(&data.own, "versions").iter().filter_map(Json::as_object).collect();
        let latest = data.own.get("latest_version").filter(|version| !version.is_null()).cloned().or_else(|| newest(&versions));
        for (number, version) in versions.iter().enumerate() {
            let Some(written) = version.get("v") else { continue };
            let label = text_of(written);
            let stem = string(version, "defined_in").unwrap_or_else(|| format!("{}_v{label}", entry.name.value));
            let mut found = self.unversioned(package, &stem, true);
            if found.is_none() && Some(written) == latest.as_ref() {
                found = self.unversioned(package, &entry.name.value, true);
            }
            let Some(index) = found.or_else(|| self.unversioned(package, &stem, false)) else {
                self.version_without_file(package, file, entry, entry.versions.get(number), &stem);
                continue;
            };
            let spanned = entry.versions.get(number);
            self.version(index, package, file, entry, &data, version, spanned, &label, latest.as_ref());
        }
    }

    fn version_without_file(&mut self, package: usize, file: &InputFile, entry: &Entry, version: Option<&VersionEntry>, stem: &str) {
        if package == 0 {
            let range = version.map_or(entry.name.range, |version| version.name_range);
            let message = format!(
                "version {} has no file: neither {stem}.sql nor {stem}.py is there; add it, or name it with `defined_in`",
                version.map_or("", |version| &version.version)
            );
            let says = format!("Did not find matching node for patch with name '{stem}' in the 'models' section of file '{}'", file.path);
            self.warn(Diagnostic::new(Place { file: file.id, range }, Severity::Warning, "entry-without-node", message).as_dbt(says));
        }
    }

    fn unversioned(&self, package: usize, name: &str, enabled: bool) -> Option<usize> {
        let fits = |index: &&usize| {
            let draft = &self.made.drafts[**index];
            draft.package == package && draft.enabled == enabled && draft.node.resource_type == ResourceType::Model && draft.node.version.is_none()
        };
        self.made.by_name.get(name)?.iter().find(fits).copied()
    }

    #[allow(clippy::too_many_arguments)]
    fn version(
        &mut self,
        index: usize,
        package: usize,
        file: &InputFile,
        entry: &Entry,
        data: &EntryData,
        version: &Map,
        spanned: Option<&VersionEntry>,
        label: &str,
        latest: Option<&Json>,
    ) {
        let (raw, spans) = version_columns(&data.own, version, entry, spanned);
        let columns = self.columns(&raw, &spans, file.id, package);
        let package_name = self.made.drafts[index].node.package.clone();
        let own = spanned.and_then(|version| version.description.as_ref()).filter(|text| !text.value.is_empty());
        let (description, blocks) = self.description(own.or(entry.description.as_ref()), file.id, &package_name);
        let mut patch = config_of(&data.own);
        deep_merge(&mut patch, object(version, "config").cloned().unwrap_or_default());
        let old = self.made.drafts[index].node.name.clone();
        let draft = &mut self.made.drafts[index];
        draft.patch = patch;
        let node = &mut draft.node;
        node.name = entry.name.value.clone();
        node.unique_id = arc(format!("model.{package_name}.{}.v{label}", entry.name.value));
        if let Some(last) = node.fqn.last_mut() {
            *last = entry.name.value.as_str().into();
        }
        node.fqn.push(format!("v{label}").into());
        node.version = Some(label.to_owned());
        describe(node, entry, file.id);
        node.description = description;
        node.doc_blocks = blocks;
        node.columns = columns;
        definition(node, &data.own);
        // An access in the config wins over the version's own.
        if let Some(access) = version.get("access").filter(|access| !access.is_null()) {
            draft.patch.entry("access").or_insert_with(|| access.clone());
        }
        for key in ["constraints", "deprecation_date"] {
            if let Some(value) = version.get(key).filter(|value| !value.is_null()) {
                node.definition.insert(key.to_owned(), value.clone());
            }
        }
        node.definition.insert("version", version.get("v").cloned().unwrap_or(Json::Null));
        node.definition.insert("latest_version", latest.cloned().unwrap_or(Json::Null));
        if old != entry.name.value {
            if let Some(list) = self.made.by_name.get_mut(&old) {
                list.retain(|known| *known != index);
            }
            self.made.by_name.entry(entry.name.value.clone()).or_default().push(index);
        }
        self.constraints(index);
    }

    /// Foreign keys `to: ref('x')` are refs of the model.
    fn constraints(&mut self, index: usize) {
        let node = &self.made.drafts[index].node;
        if node.resource_type != ResourceType::Model {
            return;
        }
        let of_columns = node.columns.values().flat_map(|column| list(&column.properties, "constraints"));
        let all: Vec<&Json> = list(&node.definition, "constraints").iter().chain(of_columns).collect();
        let targets: Vec<String> =
            all.iter().filter(|constraint| constraint["type"] == "foreign_key").filter_map(|constraint| constraint["to"].as_str().map(str::to_owned)).collect();
        for target in targets {
            let found = crate::evaluate::literal_calls(&syntax::jinja::calls_in(&format!("{{{{{target}}}}}"), 0));
            self.made.drafts[index].take(found);
        }
    }

    pub(super) fn columns(&self, raw: &[Json], spans: &[ColumnEntry], file: FileId, package: usize) -> Columns {
        let package_name = &self.session.packages[package].name;
        // A name that isn't text to YAML is another text to dbt.
        let meant: Vec<String> = spans.iter().map(|span| text_of(&syntax::yaml_value::plain(&span.name.value))).collect();
        let column = |data: &Map| {
            let name = shared(data, "name")?;
            let span = spans.iter().zip(&meant).rev().find(|(span, meant)| span.name.value == *name || **meant == *name).map(|(span, _)| span);
            let written = span.and_then(|span| span.description.as_ref());
            let (description, blocks) = match string(data, "description") {
                // An override has another text than the place that it overrides.
                Some(text) if written.is_none_or(|written| written.value != text) => {
                    let range = span.map_or(TextRange::at(0), |span| span.name.range);
                    self.plain_description(Some(text), Place { file, range }, package_name)
                }
                _ => self.description(written, file, package_name),
            };
            Some(Column {
                name,
                description,
                data_type: shared(data, "data_type"),
                tests: span.map(|span| span.tests.clone()).unwrap_or_default(),
                entry: span.map(|span| Place { file, range: span.name.range }),
                properties: if span.is_some() { without_known(data) } else { data.clone() },
                doc_blocks: blocks,
                catalog_type: None,
                is_of_catalog: false,
            })
        };
        raw.iter().filter_map(Json::as_object).filter_map(column).collect()
    }

    /// A snapshot that an entry defines by its `relation`.
    fn yaml_snapshot(&mut self, package: usize, file: &InputFile, entry: &Entry) {
        let data = self.entry_data(package, entry);
        let package_name = self.session.packages[package].name.clone();
        let name = &entry.name.value;
        let relative = super::below(&file.path, &self.inputs[package].config.snapshot_paths);
        let relative = if *relative == *file.path { super::without_first(&file.path) } else { relative };
        let place = Place { file: file.id, range: entry.name.range };
        let mut node = blank(arc(format!("snapshot.{package_name}.{name}")), ResourceType::Snapshot, package_name.clone(), name, place, &file.path);
        node.fqn = fqn_prefix(&package_name, relative);
        node.fqn.push(name.as_str().into());
        node.relative_path = format!("{relative}/{name}.sql");
        let relation = string(&data.own, "relation").unwrap_or_default();
        node.definition.insert("raw_code", format!("select * from {{{{ {relation} }}}}").into());
        let found = crate::evaluate::literal_calls(&syntax::jinja::calls_in(&format!("{{{{{relation}}}}}"), 0));
        let mut draft = Draft::new(node, package);
        draft.take(found);
        self.push(draft);
    }
}

/// A value as text; of text the copy that the entry has.
fn shared(data: &Map, key: &str) -> Option<Arc<str>> {
    match data.get(key).filter(|value| !value.is_null())? {
        Json::String(text) => Some(text.clone()),
        other => Some(text_of(other).into()),
    }
}

/// What else an entry says of a column.
fn without_known(data: &Map) -> Map {
    const KNOWN: [&str; 5] = ["name", "description", "data_type", "data_tests", "tests"];
    data.iter().filter(|(key, _)| !KNOWN.contains(&&***key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// An entry's `config` with the top-level keys that count as config.
pub(super) fn config_of(data: &Map) -> Map {
    let mut config = object(data, "config").cloned().unwrap_or_default();
    for key in CONFIG_KEYS {
        if let Some(value) = data.get(key).filter(|value| !value.is_null()) {
            config.entry(key).or_insert_with(|| value.clone());
        }
    }
    config
}

/// A version's config over the model's: mappings merge, lists come before the model's, anything else is replaced.
fn deep_merge(older: &mut Map, newer: Map) {
    for (key, value) in newer {
        match (older.get_mut(&key), value) {
            (Some(Json::Object(known)), Json::Object(more)) => deep_merge(known, more),
            (Some(Json::Array(known)), Json::Array(more)) => *known = Arc::new(more.iter().chain(known.iter()).cloned().collect()),
            (_, value) => {
                older.insert(key, value);
            }
        }
    }
}

fn describe(node: &mut Node, entry: &Entry, file: FileId) {
    node.patch = Some(Patch { place: Place { file, range: entry.range }, name: Place { file, range: entry.name.range }, path: entry.path.clone() });
    node.tests = entry.tests.clone();
    node.details.extend(entry.details.iter().cloned());
}

/// What an entry says of a function's arguments and of what it returns.
fn signature(node: &mut Node, data: &Map) {
    let picked = |of: &Map, keys: &[&str]| keys.iter().map(|key| (*key, of[key].clone())).collect::<Map>();
    let arguments = list(data, "arguments").iter().filter_map(Json::as_object);
    let arguments: Json = arguments.map(|argument| picked(argument, &["name", "data_type", "description", "default_value"])).collect();
    node.definition.insert("arguments", arguments);
    if let Some(returns) = object(data, "returns") {
        node.definition.insert("returns", picked(returns, &["data_type", "description"]).into());
    }
}

/// What else an entry says of a model.
fn definition(node: &mut Node, data: &Map) {
    for key in ["constraints", "access", "deprecation_date", "time_spine"] {
        if let Some(value) = data.get(key).filter(|value| !value.is_null()) {
            node.definition.insert(key.to_owned(), value.clone());
        }
    }
}

/// The columns of a version: the model's that `include`/`exclude` leave, and its own, with their places.
fn version_columns(data: &Map, version: &Map, entry: &Entry, spanned: Option<&VersionEntry>) -> (Vec<Json>, Vec<ColumnEntry>) {
    let own: Vec<&Map> = list(version, "columns").iter().filter_map(Json::as_object).collect();
    let selection = own.iter().find(|column| column.contains_key("include") || column.contains_key("exclude"));
    let names = |key: &str| -> Option<Vec<String>> {
        let value = selection?.get(key)?;
        Some(match value {
            Json::Array(items) => items.iter().map(text_of).collect(),
            Json::Null => return None,
            other => vec![text_of(other)],
        })
    };
    let (include, exclude) = (names("include"), names("exclude").unwrap_or_default());
    let included = |name: &str| {
        let all = include.as_ref().is_none_or(|names| names.iter().any(|known| known == "*" || known == "all"));
        (all || include.as_ref().is_some_and(|names| names.iter().any(|known| known == name))) && !exclude.iter().any(|known| known == name)
    };
    let base = list(data, "columns").iter().filter(|column| included(&text_of(&column["name"])));
    let own = own.iter().filter(|column| column.contains_key("name")).map(|column| Json::Object((*column).clone()));
    let raw = base.cloned().chain(own).collect();
    // A version's own columns have no `name` to walk by; only the shared ones can be edited.
    let spans = entry.columns.iter().chain(spanned.iter().flat_map(|version| &version.columns)).cloned().collect();
    (raw, spans)
}

/// The columns of the version at a place of `versions`.
pub(super) fn version_columns_of(data: &Map, version: &Map, entry: &Entry, number: usize) -> (Vec<Json>, Vec<ColumnEntry>) {
    version_columns(data, version, entry, entry.versions.get(number))
}

/// The highest version: by number where both are numbers, else by text.
fn newest(versions: &[&Map]) -> Option<Json> {
    let order = |a: &Json, b: &Json| -> Ordering {
        let number = |value: &Json| value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse::<f64>().ok()));
        match (number(a), number(b)) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            _ => text_of(a).cmp(&text_of(b)),
        }
    };
    versions.iter().filter_map(|version| version.get("v")).max_by(|a, b| order(a, b)).cloned()
}
