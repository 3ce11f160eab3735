//! Entries of properties files with their Jinja rendered.

use super::Builder;
use crate::index::{Diagnostic, InputFile, Place, Severity};
use crate::properties::{Entry, EntryData, Section};
use data::{Map, Value as Json};
use std::sync::Arc;
use text::TextRange;

impl Builder<'_> {
    /// What in the root project's properties can't be rendered; dbt stops there.
    pub(super) fn unrendered(&mut self) {
        let Some(package) = self.session.packages.first().map(|package| package.name.clone()) else { return };
        let mut found = Vec::new();
        let entries = self.inputs.iter().take(1).flat_map(super::properties).filter(|(file, entry)| entry.data.has_jinja && !self.partial.contains(&file.id));
        for (file, entry) in entries {
            let mut visit = |text: &Arc<str>| {
                let Err(message) = self.session.yaml_text(&package, text) else { return };
                let range = range_of(file, entry, text);
                if found.iter().any(|known: &Diagnostic| known.place.file == file.id && known.place.range == range) {
                    return;
                }
                let says = match message.starts_with("Env var required") {
                    true => format!("Failed to render {} from project {package}: Parsing Error\n  {message}", file.path),
                    false => format!("Compilation Error\n  Could not render {text}: {message}"),
                };
                found.push(Diagnostic::new(Place { file: file.id, range }, Severity::Error, UNRENDERED, message).as_dbt(says));
            };
            texts(entry.section, &entry.data.own, prefix(entry.section), &mut visit);
            texts(entry.section, &entry.data.source, &[], &mut visit);
            let described = [&entry.description, &entry.source_description].into_iter().chain(entry.columns.iter().map(|column| &column.description));
            for text in described.flatten().filter(|text| text.value.contains("{{") || text.value.contains("{%")) {
                let Err(error) = jinja::lower::parse(&text.value, 0) else { continue };
                let place = Place { file: file.id, range: text.range };
                if !found.iter().any(|known| known.place == place) {
                    let says = format!("Compilation Error\n  {}", error.message);
                    found.push(Diagnostic::new(place, Severity::Error, UNRENDERED, error.message).as_dbt(says));
                }
            }
        }
        self.made.told.extend(found);
    }

    /// An entry's data as dbt reads it: Jinja is rendered but in descriptions, tests, hooks and filters, which wait
    /// (`SchemaYamlRenderer`).
    pub(super) fn entry_data(&self, package: usize, entry: &Entry) -> Arc<EntryData> {
        if !entry.data.has_jinja {
            return entry.data.clone();
        }
        let mut is_rendered = false;
        let mut visit = |text: &Arc<str>| is_rendered |= EntryData::may_change(text);
        texts(entry.section, &entry.data.own, prefix(entry.section), &mut visit);
        texts(entry.section, &entry.data.source, &[], &mut visit);
        if !is_rendered {
            return entry.data.clone();
        }
        let mut data = (*entry.data).clone();
        let package = &self.session.packages[package].name;
        let render = |map: &mut Map, prefix: &[&'static str]| {
            let mut path = prefix.to_vec();
            for (key, value) in map.iter_mut() {
                path.push(key);
                self.render_value(entry.section, value, &mut path, package);
                path.pop();
            }
        };
        render(&mut data.own, prefix(entry.section));
        render(&mut data.source, &[]);
        Arc::new(data)
    }

    fn render_value<'m>(&self, section: Section, value: &'m mut Json, path: &mut Vec<&'m str>, package: &Arc<str>) {
        if !is_rendered(section, path) {
            return;
        }
        match value {
            Json::String(text) => {
                if let Ok(rendered) = self.session.yaml_text(package, text) {
                    *value = rendered;
                }
            }
            Json::Array(items) => {
                for item in Arc::make_mut(items) {
                    path.push(ITEM);
                    self.render_value(section, item, path, package);
                    path.pop();
                }
            }
            Json::Object(map) => {
                for (key, item) in map.iter_mut() {
                    path.push(key);
                    self.render_value(section, item, path, package);
                    path.pop();
                }
            }
            _ => {}
        }
    }
}

/// A text of a properties file that can't be rendered.
pub(super) const UNRENDERED: &str = "yaml-rendering";

/// Every text of an entry that is rendered.
fn texts(section: Section, map: &Map, prefix: &[&'static str], visit: &mut impl FnMut(&Arc<str>)) {
    fn walk<'m>(section: Section, value: &'m Json, path: &mut Vec<&'m str>, visit: &mut impl FnMut(&Arc<str>)) {
        if !is_rendered(section, path) {
            return;
        }
        match value {
            Json::String(text) => visit(text),
            Json::Array(items) => {
                for item in items.iter() {
                    path.push(ITEM);
                    walk(section, item, path, visit);
                    path.pop();
                }
            }
            Json::Object(map) => {
                for (key, item) in map {
                    path.push(key);
                    walk(section, item, path, visit);
                    path.pop();
                }
            }
            _ => {}
        }
    }
    let mut path = prefix.to_vec();
    for (key, value) in map {
        path.push(key);
        walk(section, value, &mut path, visit);
        path.pop();
    }
}

/// Where a text stands in an entry; its name where it is written in another way, as with escapes.
fn range_of(file: &InputFile, entry: &Entry, text: &str) -> TextRange {
    let line = text.lines().find(|line| line.contains('{')).unwrap_or(text).trim();
    let start = entry.range.start as usize;
    // A source's entry stands around its table's.
    [start, 0].iter().find_map(|&from| Some(from + file.text[from..].find(line)?)).map_or(entry.name.range, |at| TextRange::new(at, at + line.len()))
}

/// An item of a list on the way to a text; which one makes no difference.
const ITEM: &str = "0";

/// Where an entry stands in what dbt renders at once: a source's table within its source.
fn prefix(section: Section) -> &'static [&'static str] {
    if section == Section::Sources { &["tables", ITEM] } else { &[] }
}

fn is_rendered(section: Section, path: &[&str]) -> bool {
    let key = |index: usize| path.get(index).copied().unwrap_or_default();
    match section {
        Section::Sources => {
            let skips = matches!(key(0), "description" | "loaded_at_query") || (path.len() >= 2 && key(0) == "config" && key(1) == "loaded_at_query");
            !skips && !(key(0) == "tables" && path.len() > 2 && is_late(&path[2..]))
        }
        Section::Macros if key(0) == "arguments" => !is_late(path.get(1..).unwrap_or_default()),
        Section::Metrics => {
            let last = path.len().wrapping_sub(1);
            key(last) != "filter" && (path.len() < 2 || key(last - 1) != "filter") && !is_late(path)
        }
        Section::SavedQueries => !(key(0) == "query_params" && key(1) == "where") && !is_late(path),
        _ => !is_late(path),
    }
}

/// Keys whose text is rendered later or never (`_is_norender_key`).
fn is_late(path: &[&str]) -> bool {
    let key = |index: usize| path.get(index).copied().unwrap_or_default();
    let is_late = |key: &str| matches!(key, "tests" | "data_tests" | "description" | "loaded_at_query");
    is_late(key(0))
        || (path.len() == 2 && is_late(key(1)))
        || (path.len() >= 2 && key(0) == "config" && matches!(key(1), "pre_hook" | "post_hook" | "loaded_at_query"))
        || (path.len() == 5 && key(4) == "description")
        || (path.len() >= 3 && matches!(key(0), "columns" | "dimensions" | "measures" | "entities") && matches!(key(2), "tests" | "data_tests" | "description"))
}
