//! Entries of properties files with their Jinja rendered.

use super::Builder;
use crate::properties::{Entry, EntryData, Section};
use data::{Map, Value as Json};
use std::sync::Arc;

impl Builder<'_> {
    /// An entry's data as dbt reads it: Jinja is rendered but in descriptions, tests, hooks and filters, which wait
    /// (`SchemaYamlRenderer`).
    pub(super) fn entry_data(&self, package: usize, entry: &Entry) -> Arc<EntryData> {
        if !entry.data.has_jinja {
            return entry.data.clone();
        }
        let mut data = (*entry.data).clone();
        let package = &self.session.packages[package].name;
        let render = |map: &mut Map, prefix: &[&str]| {
            let mut path: Vec<String> = prefix.iter().map(|key| (*key).to_owned()).collect();
            for (key, value) in map.iter_mut() {
                path.push(key.to_string());
                self.render_value(entry.section, value, &mut path, package);
                path.pop();
            }
        };
        if entry.section == Section::Sources {
            render(&mut data.own, &["tables", "0"]);
            render(&mut data.source, &[]);
        } else {
            render(&mut data.own, &[]);
        }
        Arc::new(data)
    }

    fn render_value(&self, section: Section, value: &mut Json, path: &mut Vec<String>, package: &Arc<str>) {
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
                for (index, item) in Arc::make_mut(items).iter_mut().enumerate() {
                    path.push(index.to_string());
                    self.render_value(section, item, path, package);
                    path.pop();
                }
            }
            Json::Object(map) => {
                for (key, item) in map.iter_mut() {
                    path.push(key.to_string());
                    self.render_value(section, item, path, package);
                    path.pop();
                }
            }
            _ => {}
        }
    }
}

fn is_rendered(section: Section, path: &[String]) -> bool {
    let key = |index: usize| path.get(index).map_or("", String::as_str);
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
fn is_late(path: &[String]) -> bool {
    let key = |index: usize| path.get(index).map_or("", String::as_str);
    let is_late = |key: &str| matches!(key, "tests" | "data_tests" | "description" | "loaded_at_query");
    is_late(key(0))
        || (path.len() == 2 && is_late(key(1)))
        || (path.len() >= 2 && key(0) == "config" && matches!(key(1), "pre_hook" | "post_hook" | "loaded_at_query"))
        || (path.len() == 5 && key(4) == "description")
        || (path.len() >= 3 && matches!(key(0), "columns" | "dimensions" | "measures" | "entities") && matches!(key(2), "tests" | "data_tests" | "description"))
}
