//! Macros with what properties say of them and what they call.

use super::session::macro_name;
use super::{Builder, object, string};
use crate::FileKind;
use crate::index::{Argument, Diagnostic, Macro, Patch, Place, Severity};
use crate::properties::{Entry, Section};
use data::{Map, Value as Json};
use jinja::ast::Name;
use jinja::{Env, MacroId, Visible};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;
use syntax::jinja::{Block, BlockKind, Call, Literal};
use vfs::FileId;

impl Builder<'_> {
    pub(super) fn macros(&mut self) -> Vec<Macro> {
        let mut macros = Vec::new();
        for (package, input) in self.inputs.iter().enumerate() {
            let package_name = self.session.packages[package].name.clone();
            let mut described: FxHashMap<&str, (&Entry, FileId)> = FxHashMap::default();
            for file in &input.files {
                for entry in file.facts.properties.iter().flat_map(|properties| &properties.entries).filter(|entry| entry.section == Section::Macros) {
                    let name = entry.name.value.as_str();
                    if described.contains_key(name) && package == 0 {
                        let message = format!("the macro `{name}` has another entry; dbt allows one: bring them together");
                        let says = format!(
                            "dbt found two schema.yml entries for the same macro in package {package_name} named {name}. Macros may only be described a single time."
                        );
                        let place = Place { file: file.id, range: entry.name.range };
                        self.made.told.push(Diagnostic::new(place, Severity::Error, super::patches::DUPLICATE_ENTRY, message).as_dbt(says));
                    }
                    described.entry(name).or_insert((entry, file.id));
                }
            }
            let mut seen: FxHashSet<String> = FxHashSet::default();
            let is_macro = |name: &str| self.session.env.library.in_package(&package_name, name).is_some();
            for (name, (entry, file)) in described.iter().filter(|(name, _)| package == 0 && !is_macro(name)) {
                let message = format!("no macro of this project is called `{name}`; correct the name, or take the entry out");
                let place = Place { file: *file, range: entry.name.range };
                let says = format!("Found patch for macro \"{name}\" which was not found");
                self.made.told.push(Diagnostic::new(place, Severity::Warning, "entry-without-node", message).as_dbt(says));
            }
            for file in input.files.iter().filter(|file| file.kind.holds_macros()) {
                for block in super::session::macro_blocks(file) {
                    let Some(name) = macro_name(block) else { continue };
                    if !seen.insert(name.clone()) {
                        if package == 0 {
                            let place = Place { file: file.id, range: block.name_range };
                            let message = format!("another macro of this project is called `{name}`; rename one");
                            let says = format!("dbt found multiple macros named \"{name}\" in the project \"{package_name}\".");
                            self.made.told.push(Diagnostic::new(place, Severity::Error, "duplicate-name", message).as_dbt(says));
                        }
                        continue;
                    }
                    let entry = described.get(name.as_str()).copied();
                    let calls = file.facts.calls.iter().filter(|call| block.range.contains_range(call.range));
                    let unique_id: Name = format!("macro.{package_name}.{name}").into();
                    let env = &self.session.env;
                    let depends_on = calls_of(env, calls, &package_name, &name).into_iter().map(|id| env.library.get(id).unique_id.clone()).collect();
                    let parameters = block.params.iter().map(|param| match &param.default {
                        Some(default) => format!("{}={default}", param.name),
                        None => param.name.clone(),
                    });
                    let data = entry.map(|(entry, _)| self.entry_data(package, entry)).unwrap_or_default();
                    let mut meta = object(&data.own, "meta").cloned().unwrap_or_default();
                    meta.extend(object(&data.own, "config").and_then(|config| object(config, "meta")).cloned().unwrap_or_default());
                    let mut docs = object(&data.own, "docs").cloned().unwrap_or_default();
                    docs.extend(object(&data.own, "config").and_then(|config| object(config, "docs")).cloned().unwrap_or_default());
                    let made = Macro {
                        unique_id,
                        package: package_name.clone(),
                        place: Place { file: file.id, range: block.name_range },
                        range: block.range,
                        text: block.range.of(&file.text).into(),
                        path: file.path.clone(),
                        depends_on,
                        meta,
                        docs,
                        parameters: parameters.collect(),
                        is_generic_test: block.kind == BlockKind::Test,
                        supported_languages: (block.kind == BlockKind::Materialization).then(|| languages(block)),
                        description: entry.and_then(|(entry, file)| self.description(entry.description.as_ref(), file, &package_name).0),
                        arguments: self.arguments(file.kind, block, &data.own, entry, &package_name),
                        patch: entry.map(|(entry, file)| Patch {
                            place: Place { file, range: entry.range },
                            name: Place { file, range: entry.name.range },
                            path: entry.path.clone(),
                        }),
                        name,
                    };
                    macros.push(made);
                }
            }
        }
        macros
    }

    /// What the properties say of a macro's arguments; where they say nothing and `validate_macro_args` is set, what its signature says.
    fn arguments(&self, file: FileKind, block: &Block, data: &Map, entry: Option<(&Entry, FileId)>, package: &Name) -> Vec<Argument> {
        let arguments = super::list(data, "arguments").iter().filter_map(Json::as_object);
        if arguments.clone().next().is_none() {
            let named = |name: &str| Argument { name: name.to_owned(), data_type: None, description: None };
            return match block.kind {
                _ if !self.session.validate_macro_args => Vec::new(),
                BlockKind::Materialization => vec![named("supported_languages")],
                _ if file == FileKind::GenericTest => Vec::new(),
                _ => block.params.iter().map(|param| named(&param.name)).collect(),
            };
        }
        arguments
            .map(|argument| {
                let name = string(argument, "name").unwrap_or_default();
                let written = entry.and_then(|(entry, file)| Some((entry.columns.iter().rfind(|column| column.name.value == name)?, file)));
                let description = written.and_then(|(written, file)| self.description(written.description.as_ref(), file, package).0);
                Argument { name, data_type: string(argument, "type"), description }
            })
            .collect()
    }
}

/// `supported_languages` of a materialization.
fn languages(block: &Block) -> Vec<String> {
    let written = block.params.iter().find(|param| param.name == "supported_languages").and_then(|param| param.default.as_deref());
    let list = written.and_then(|written| jinja::lower::parse_expression(written, 0).ok());
    let words = |text: &str| text.split(['\'', '"']).skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    match (list, written) {
        (Some(_), Some(written)) => words(written),
        _ => vec!["sql".to_owned()],
    }
}

/// Which macros call which, found without running anything (`macro_depends_on`), and what a generic test sees of them.
#[derive(Default)]
pub struct MacroGraph {
    calls: FxHashMap<MacroId, Arc<[MacroId]>>,
    visible: FxHashMap<Option<MacroId>, Arc<Visible>>,
}

impl MacroGraph {
    /// The macros that a macro's text calls by name.
    fn calls(&mut self, env: &Env, id: MacroId) -> Arc<[MacroId]> {
        if let Some(known) = self.calls.get(&id) {
            return known.clone();
        }
        let source = env.library.get(id);
        let parsed = syntax::jinja::parse(&source.text);
        let found: Arc<[MacroId]> = calls_of(env, parsed.calls.iter(), &source.package, &source.name).into();
        self.calls.insert(id, found.clone());
        found
    }

    /// What dbt lets a generic test of a macro see (`TestMacroNamespace`): all that the macro and `get_where_subquery` lead to.
    pub fn prepare(&mut self, env: &Env, test: Option<MacroId>) {
        if self.visible.contains_key(&test) {
            return;
        }
        let mut order: Vec<MacroId> = Vec::new();
        let mut pending: Vec<MacroId> = test.into_iter().chain(env.library.find("", "get_where_subquery")).collect();
        while let Some(id) = pending.pop() {
            if !order.contains(&id) {
                order.push(id);
                pending.extend(self.calls(env, id).iter());
            }
        }
        let mut visible = Visible::default();
        for id in order {
            let source = env.library.get(id);
            visible.names.insert(source.name.clone(), id);
            visible.packages.entry(source.package.clone()).or_default().insert(source.name.clone(), id);
        }
        self.visible.insert(test, Arc::new(visible));
    }

    /// What was prepared for a test.
    pub fn visible(&self, test: Option<MacroId>) -> Option<&Visible> {
        self.visible.get(&test).map(|visible| &**visible)
    }
}

fn calls_of<'c>(env: &Env, calls: impl Iterator<Item = &'c Call>, package: &Name, own: &str) -> Vec<MacroId> {
    let mut possible: Vec<(Option<String>, String)> = Vec::new();
    for call in calls {
        match call.path.as_slice() {
            [name] if !is_context_name(name) && !matches!(name.as_str(), "source" | "ref" | "config") => possible.push((None, name.clone())),
            [first, second] if first == "adapter" && second == "dispatch" => {
                dispatched(env, call, &mut possible);
            }
            [first, second] => possible.push((Some(first.clone()), second.clone())),
            _ => {}
        }
    }
    let mut found: Vec<MacroId> = Vec::new();
    for (of, name) in possible {
        // Only a bare name is taken for the macro itself.
        if of.is_none() && name == own {
            continue;
        }
        if let Some(id) = env.library.find(of.as_deref().unwrap_or(package), &name)
            && !found.contains(&id)
        {
            found.push(id);
        }
    }
    found
}

fn dispatched(env: &Env, call: &Call, possible: &mut Vec<(Option<String>, String)>) {
    let text = |literal: Option<&syntax::jinja::Arg>| literal.and_then(|arg| if let Literal::Str(text) = &arg.value { Some(text.clone()) } else { None });
    let Some(name) = text(call.arg(0, "macro_name")) else { return };
    possible.push((None, name.clone()));
    let namespace = text(call.arg(1, "macro_namespace"));
    for searched in jinja::search_order(env, namespace.as_deref()) {
        for prefix in &env.adapter.dispatch {
            let candidate = format!("{prefix}__{name}");
            let id = match &searched {
                Some(searched) => env.library.in_package(searched, &candidate),
                None => env.library.find("", &candidate),
            };
            if let Some(id) = id {
                let source = env.library.get(id);
                possible.push((Some(source.package.to_string()), source.name.to_string()));
                return;
            }
        }
    }
}

/// Names that dbt's base context has, which are never macros to it.
fn is_context_name(name: &str) -> bool {
    const NAMES: [&str; 26] = [
        "builtins",
        "context",
        "dbt_version",
        "diff_of_two_dicts",
        "env_var",
        "flags",
        "fromjson",
        "fromyaml",
        "invocation_id",
        "local_md5",
        "log",
        "modules",
        "print",
        "return",
        "run_started_at",
        "set",
        "set_strict",
        "thread_id",
        "tojson",
        "toyaml",
        "var",
        "zip",
        "zip_strict",
        "target",
        "project_name",
        "debug",
    ];
    NAMES.contains(&name)
}
