//! Nodes whose file is their code: models, seeds, snapshots, analyses, singular tests, hooks.

use super::{Builder, Draft, arc, below, fqn_prefix, stem};
use crate::index::{Column, Diagnostic, InputFile, Place, Severity, WHOLE, blank};
use crate::parallel::in_parallel;
use crate::{FileKind, ResourceType};
use data::json;
use data::{Map, Value as Json};
use jinja::{Found, Relation, Subject};
use std::sync::Arc;
use syntax::jinja::BlockKind;
use text::TextRange;

/// A node whose text is to be evaluated.
struct Task<'a> {
    package: usize,
    file: &'a InputFile,
    kind: ResourceType,
    name: String,
    /// The part of the file that is its code.
    body: TextRange,
    relative: String,
    fqn: Vec<String>,
    place: Place,
}

/// What became of a task.
pub(super) struct Outcome {
    pub found: Found,
    /// Why evaluation stopped, and where in the file.
    failure: Option<(TextRange, String)>,
}

/// Where an outcome comes from.
enum Evaluation {
    /// The syntax says it.
    Literal(Outcome),
    /// The same text was evaluated before.
    Known(Arc<Outcome>),
    Made(Outcome),
}

impl<'a> Builder<'a> {
    pub(super) fn nodes(&mut self) {
        let tasks = self.tasks();
        let outcomes = in_parallel(&tasks, |task| self.evaluate(task));
        for (task, outcome) in tasks.into_iter().zip(outcomes) {
            let outcome = match outcome {
                Evaluation::Literal(outcome) => Arc::new(outcome),
                Evaluation::Known(outcome) => outcome,
                Evaluation::Made(outcome) => self.memo.note(task.file, task.body, outcome),
            };
            self.node(task, &outcome);
        }
    }

    fn tasks(&self) -> Vec<Task<'a>> {
        let mut tasks = Vec::new();
        for (package, input) in self.inputs.iter().enumerate() {
            let name = &self.session.packages[package].name;
            for file in &input.files {
                let relative = below(&file.path, file.kind.folders(&input.config));
                let whole = WHOLE;
                let at = |range| Place { file: file.id, range };
                let mut push = |kind, name: &str, relative: String, fqn, body, place| {
                    tasks.push(Task { package, file, kind, name: name.to_owned(), body, relative, fqn, place });
                };
                let file_name = stem(&file.path);
                let ordinary = |relative: &str| {
                    let mut fqn = fqn_prefix(name, relative);
                    fqn.push(file_name.to_owned());
                    fqn
                };
                match file.kind {
                    FileKind::Model | FileKind::PythonModel => {
                        push(ResourceType::Model, file_name, relative.to_owned(), ordinary(relative), whole, at(TextRange::at(0)))
                    }
                    FileKind::Seed => push(ResourceType::Seed, file_name, relative.to_owned(), ordinary(relative), whole, at(TextRange::at(0))),
                    FileKind::Function => push(ResourceType::Function, file_name, relative.to_owned(), ordinary(relative), whole, at(TextRange::at(0))),
                    FileKind::Analysis => {
                        let relative = format!("analysis/{relative}");
                        let fqn = ordinary(&relative);
                        push(ResourceType::Analysis, file_name, relative, fqn, whole, at(TextRange::at(0)));
                    }
                    FileKind::SingularTest => push(ResourceType::Test, file_name, relative.to_owned(), ordinary(relative), whole, at(TextRange::at(0))),
                    FileKind::Snapshot => {
                        for block in file.facts.blocks.iter().filter(|block| block.kind == BlockKind::Snapshot) {
                            let mut fqn = vec![name.to_string()];
                            let without_ending = relative.rsplit_once('.').map_or(relative, |(path, _)| path);
                            fqn.extend(without_ending.split('/').map(str::to_owned));
                            fqn.push(block.name.clone());
                            push(ResourceType::Snapshot, &block.name, relative.to_owned(), fqn, block.body, at(block.name_range));
                        }
                    }
                    _ => {}
                }
            }
        }
        tasks
    }

    fn evaluate(&self, task: &Task<'_>) -> Evaluation {
        let literal = |found| Evaluation::Literal(Outcome { found, failure: None });
        match task.file.kind {
            FileKind::Seed => return literal(Found::default()),
            FileKind::PythonModel => return literal(task.file.facts.code.clone().unwrap_or_default()),
            _ => {}
        }
        if let Some(found) = self.literal(task) {
            return literal(found);
        }
        if let Some(known) = self.memo.known(task.file, task.body) {
            return Evaluation::Known(known);
        }
        let source = if task.body == WHOLE { &*task.file.text } else { task.body.of(&task.file.text) };
        Evaluation::Made(self.render(task.package, source, task.body.start as usize, &task.name, task.kind, &task.fqn, &task.file.path))
    }

    /// What a text says whose Jinja is only literal calls, read from its syntax.
    fn literal(&self, task: &Task<'_>) -> Option<Found> {
        let code = task.file.facts.code.as_ref()?;
        if task.file.kind == FileKind::Snapshot {
            return None;
        }
        // A macro of the project's own by one of these names takes the call.
        let package = &self.session.packages[task.package].name;
        let overridden = ["ref", "source", "config", "var", "this", "target"].iter().any(|name| self.session.env.library.resolve(package, name).is_some());
        (!overridden).then(|| code.clone())
    }

    fn render(&self, package: usize, source: &str, shift: usize, name: &str, kind: ResourceType, fqn: &[String], path: &str) -> Outcome {
        let template = match jinja::lower::parse(source, shift) {
            Ok(template) => template,
            // The reader of the file tells the error itself.
            Err(_) => return Outcome { found: self.salvage(source), failure: None },
        };
        let package_name = self.session.packages[package].name.clone();
        let target = &self.session.target;
        let relation = Relation { database: target.database.clone(), schema: Some(target.schema.clone()), identifier: Some(name.into()), quoting: Map::new() };
        let model = || -> Json {
            json!({
                "name": name, "alias": name, "resource_type": kind.as_str(), "package_name": &*package_name, "unique_id": format!("{kind}.{package_name}.{name}"),
                "database": target.database, "schema": target.schema, "fqn": fqn, "path": path, "original_file_path": path, "language": "sql", "raw_code": source,
                "config": self.session.config_so_far(package, kind, fqn), "checksum": {"name": "sha256", "checksum": crate::manifest::sha256(source.trim())}, "unrendered_config": {},
                "tags": [], "meta": {}, "columns": {}, "refs": [], "sources": [], "depends_on": {"macros": [], "nodes": []}, "description": "",
            })
        };
        let subject = Subject::node(package_name.clone(), (kind != ResourceType::Operation).then_some(relation), &model);
        let rendered = jinja::render(&self.session.env, &subject, &template, &[]);
        let failure = rendered.failure.map(|failure| {
            let within = failure.trace.last().map(|name| format!(" (in {name})")).unwrap_or_default();
            // Macros write messages over several lines.
            let message = failure.message.split_whitespace().collect::<Vec<_>>().join(" ");
            (failure.range, format!("{message}{within}"))
        });
        Outcome { found: rendered.found, failure }
    }

    /// The literal calls of a text that can't be parsed as a whole.
    fn salvage(&self, source: &str) -> Found {
        crate::evaluate::literal_calls(&syntax::jinja::parse(source).calls)
    }

    fn node(&mut self, task: Task<'_>, outcome: &Outcome) {
        let Task { package, file, kind, name, relative, fqn, place, body } = task;
        let package_name = self.session.packages[package].name.clone();
        let mut node = blank(arc(format!("{kind}.{package_name}.{name}")), kind, package_name, &name, place, &file.path);
        node.relative_path = match kind {
            // A test's path is made up.
            ResourceType::Test => format!("{}{name}.sql", relative.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default()),
            _ => relative,
        };
        node.fqn = fqn;
        node.code = (kind != ResourceType::Seed).then_some(body);
        if file.kind == FileKind::PythonModel || (kind == ResourceType::Function && file.path.ends_with(".py")) {
            node.definition.insert("language", "python".into());
        }
        if let Some((range, message)) = &outcome.failure
            && package == 0
        {
            let says = format!("Compilation Error in {kind} {name} ({})", file.path);
            self.warn(Diagnostic::new(Place { file: file.id, range: *range }, Severity::Error, "jinja-evaluation", message.clone()).as_dbt(says));
        }
        let mut draft = Draft { call: outcome.found.config.clone(), ..Draft::new(node, package) };
        draft.take(outcome.found.clone());
        // dbt decides before it reads properties whether a node is one of the disabled.
        draft.enabled = is_enabled(&self.session.config(package, kind, &draft.node.fqn, &draft.patch, &draft.call));
        self.push(draft);
    }

    pub(super) fn push(&mut self, draft: Draft) {
        self.by_name.entry(draft.node.name.clone()).or_default().push(self.drafts.len());
        self.drafts.push(draft);
    }

    /// Columns that only a seed's header names; a manifest doesn't have them.
    pub(super) fn seed_headers(&mut self) {
        let headers: rustc_hash::FxHashMap<vfs::FileId, &[String]> = self
            .inputs
            .iter()
            .flat_map(|input| &input.files)
            .filter(|file| file.kind == FileKind::Seed)
            .map(|file| (file.id, file.facts.header.as_slice()))
            .collect();
        for draft in self.drafts.iter_mut().filter(|draft| draft.node.resource_type == ResourceType::Seed) {
            for name in headers.get(&draft.node.place.file).copied().unwrap_or_default() {
                if draft.node.column(name).is_none() {
                    draft.node.columns.insert(name.clone(), Column::named(name));
                }
            }
        }
    }

    /// `on-run-start` and `on-run-end`, which dbt calls operations.
    pub(super) fn hooks(&mut self) {
        for package in 0..self.inputs.len() {
            let name = self.session.packages[package].name.clone();
            let Some(file) = self.inputs[package].files.iter().find(|file| file.kind == FileKind::Project) else { continue };
            for hook in ["on-run-start", "on-run-end"] {
                let texts: Vec<String> = match &self.session.packages[package].document[hook] {
                    Json::Array(items) => items.iter().filter(|item| !item.is_null()).map(super::text_of).collect(),
                    Json::Null => Vec::new(),
                    other => vec![super::text_of(other)],
                };
                for (number, text) in texts.iter().enumerate() {
                    let hook_name = format!("{name}-{hook}-{number}");
                    let fqn = vec![name.to_string(), "hooks".to_owned(), hook_name.clone()];
                    let outcome = self.render(package, text, 0, &hook_name, ResourceType::Operation, &fqn, "./dbt_project.yml");
                    let place = Place { file: file.id, range: TextRange::at(0) };
                    let path: std::sync::Arc<str> = "./dbt_project.yml".into();
                    let mut node = blank(arc(format!("operation.{name}.{hook_name}")), ResourceType::Operation, name.clone(), &hook_name, place, &path);
                    node.relative_path = format!("hooks/{hook_name}.sql");
                    node.fqn = fqn;
                    node.tags = vec![hook.to_owned()];
                    node.definition.insert("index", number.into());
                    node.definition.insert("raw_code", text.as_str().into());
                    let mut draft = Draft { call: outcome.found.config.clone(), ..Draft::new(node, package) };
                    draft.take(outcome.found);
                    if let Some((_, message)) = outcome.failure
                        && package == 0
                    {
                        let says = format!("Compilation Error in operation {hook_name} (./dbt_project.yml)");
                        self.warn(Diagnostic::new(place, Severity::Error, "jinja-evaluation", format!("{hook}: {message}")).as_dbt(says));
                    }
                    self.drafts.push(draft);
                }
            }
        }
    }
}

/// Whether a merged config leaves the node switched on.
pub(super) fn is_enabled(config: &Map) -> bool {
    match config.get("enabled") {
        Some(Json::Bool(value)) => *value,
        Some(Json::String(text)) => !text.eq_ignore_ascii_case("false") && !text.is_empty(),
        Some(Json::Int(number)) => *number != 0,
        _ => true,
    }
}
