//! Macros with what properties say of them and what they call.

use super::session::macro_name;
use super::{Builder, object, string};
use crate::index::{Index, Macro, Patch, Place};
use crate::properties::{Entry, Section};
use jinja::ast::Name;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Map, Value as Json};
use syntax::jinja::{BlockKind, Call, Literal};
use vfs::FileId;

impl Builder<'_> {
    pub(super) fn macros(&mut self, index: &mut Index) {
        for (package, input) in self.inputs.iter().enumerate() {
            let package_name = self.session.packages[package].name.clone();
            let mut described: FxHashMap<&str, (&Entry, FileId)> = FxHashMap::default();
            for file in &input.files {
                for entry in file.facts.properties.iter().flat_map(|properties| &properties.entries).filter(|entry| entry.section == Section::Macros) {
                    described.entry(entry.name.value.as_str()).or_insert((entry, file.id));
                }
            }
            let mut seen: FxHashSet<String> = FxHashSet::default();
            for file in input.files.iter().filter(|file| file.kind.holds_macros()) {
                for block in file.facts.blocks.iter().filter(|block| block.closed) {
                    let Some(name) = macro_name(block) else { continue };
                    if !seen.insert(name.clone()) {
                        continue;
                    }
                    let entry = described.get(name.as_str()).copied();
                    let calls = file.facts.calls.iter().filter(|call| block.range.contains_range(call.range));
                    let unique_id: Name = format!("macro.{package_name}.{name}").into();
                    let depends_on = self.calls_of(calls, &package_name, &name);
                    let parameters = block.params.iter().map(|param| match &param.default {
                        Some(default) => format!("{}={default}", param.name),
                        None => param.name.clone(),
                    });
                    let data = entry.map(|(entry, _)| self.entry_data(package, entry)).unwrap_or_default();
                    let mut meta = object(&data.own, "meta").cloned().unwrap_or_default();
                    meta.extend(object(&data.own, "config").and_then(|config| object(config, "meta")).cloned().unwrap_or_default());
                    let made = Macro {
                        unique_id,
                        package: package_name.clone(),
                        place: Place { file: file.id, range: block.name_range },
                        range: block.range,
                        text: block.range.of(&file.text).into(),
                        path: file.path.clone(),
                        depends_on,
                        meta,
                        parameters: parameters.collect(),
                        is_generic_test: block.kind == BlockKind::Test,
                        description: entry.and_then(|(entry, file)| self.description(entry.description.as_ref(), file, &package_name).0),
                        arguments: self.arguments(&data.own, &package_name),
                        patch: entry.map(|(entry, file)| Patch {
                            place: Place { file, range: entry.range },
                            name: Place { file, range: entry.name.range },
                            path: entry.path.clone(),
                        }),
                        name,
                    };
                    index.add_macro(made);
                }
            }
        }
    }

    fn arguments(&self, data: &Map<String, Json>, package: &Name) -> Vec<(String, Option<String>, Option<String>)> {
        let arguments = super::list(data, "arguments").iter().filter_map(Json::as_object);
        arguments
            .map(|argument| {
                let description = string(argument, "description").map(|text| self.rendered(&text, package).0);
                (string(argument, "name").unwrap_or_default(), string(argument, "type"), description)
            })
            .collect()
    }

    /// The macros that a macro's text calls by name, as dbt finds them without running anything (`macro_depends_on`).
    fn calls_of<'c>(&self, calls: impl Iterator<Item = &'c Call>, package: &Name, own: &str) -> Vec<Name> {
        let library = &self.session.env.library;
        let mut possible: Vec<(String, String)> = Vec::new();
        for call in calls {
            match call.path.as_slice() {
                [name] if !is_context_name(name) && !matches!(name.as_str(), "source" | "ref" | "config") => possible.push((package.to_string(), name.clone())),
                [first, second] if first == "adapter" => {
                    if second == "dispatch" {
                        self.dispatched(call, package, &mut possible);
                    }
                }
                [first, second] => possible.push((first.clone(), second.clone())),
                _ => {}
            }
        }
        let mut found: Vec<Name> = Vec::new();
        for (package, name) in possible {
            if name == own && !name.contains('.') {
                continue;
            }
            if let Some(id) = library.find(&package, &name) {
                let unique_id = &library.get(id).unique_id;
                if !found.contains(unique_id) {
                    found.push(unique_id.clone());
                }
            }
        }
        found
    }

    fn dispatched(&self, call: &Call, package: &Name, possible: &mut Vec<(String, String)>) {
        let text = |literal: Option<&syntax::jinja::Arg>| literal.and_then(|arg| if let Literal::Str(text) = &arg.value { Some(text.clone()) } else { None });
        let Some(name) = text(call.arg(0, "macro_name")) else { return };
        possible.push((package.to_string(), name.clone()));
        let namespace = text(call.arg(1, "macro_namespace"));
        let library = &self.session.env.library;
        for searched in jinja::search_order(&self.session.env, namespace.as_deref()) {
            for prefix in &self.session.env.adapter.dispatch {
                let candidate = format!("{prefix}__{name}");
                let id = match &searched {
                    Some(searched) => library.in_package(searched, &candidate),
                    None => library.find("", &candidate),
                };
                if let Some(id) = id {
                    let source = library.get(id);
                    possible.push((source.package.to_string(), source.name.to_string()));
                    return;
                }
            }
        }
    }
}

/// Names that dbt's base context has, which are never macros to it.
fn is_context_name(name: &str) -> bool {
    const NAMES: [&str; 26] = [
        "builtins", "context", "dbt_version", "diff_of_two_dicts", "env_var", "flags", "fromjson", "fromyaml", "invocation_id", "local_md5", "log", "modules", "print", "return",
        "run_started_at", "set", "set_strict", "thread_id", "tojson", "toyaml", "var", "zip", "zip_strict", "target", "project_name", "debug",
    ];
    NAMES.contains(&name)
}
