//! Nodes whose file is their code: models, seeds, snapshots, analyses, singular tests, hooks.

use super::{Builder, Draft, arc, below, fqn_prefix, stem};
use crate::index::{Column, Diagnostic, InputFile, Node, Place, Severity, WHOLE, blank};
use crate::parallel::in_parallel;
use crate::{FileKind, ResourceType, Target, Use};
use data::json;
use data::{Map, Value as Json};
use jinja::{Found, Relation, Subject};
use std::borrow::Cow;
use std::sync::Arc;
use syntax::jinja::BlockKind;
use text::TextRange;
use thin_vec::{ThinVec, thin_vec};

/// A node whose text is to be evaluated.
struct Task<'a> {
    package: usize,
    file: &'a InputFile,
    kind: ResourceType,
    name: String,
    /// The part of the file that is its code.
    body: TextRange,
    relative: String,
    fqn: ThinVec<Arc<str>>,
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
            let has_overlaps = input.config.has_overlaps();
            for file in &input.files {
                let kind = if has_overlaps { FileKind::last_read(&file.path, &input.config) } else { None };
                let relative = below(&file.path, kind.unwrap_or(file.kind).folders(&input.config));
                let whole = WHOLE;
                let at = |range| Place { file: file.id, range };
                let mut push = |kind, name: &str, relative: String, fqn, body, place| {
                    tasks.push(Task { package, file, kind, name: name.to_owned(), body, relative, fqn, place });
                };
                let file_name = stem(&file.path);
                let ordinary = |relative: &str| {
                    let mut fqn = fqn_prefix(name, relative);
                    fqn.push(file_name.into());
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
                            let mut fqn = thin_vec![name.clone()];
                            let without_ending = relative.rsplit_once('.').map_or(relative, |(path, _)| path);
                            fqn.extend(without_ending.split('/').map(Arc::from));
                            fqn.push(block.name.as_str().into());
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
            FileKind::PythonModel => return literal(task.file.facts.code.as_deref().cloned().unwrap_or_default()),
            _ => {}
        }
        if let Some(found) = self.literal(task) {
            return literal(found);
        }
        if let Some(known) = self.memo.known(task.file, task.body) {
            return Evaluation::Known(known);
        }
        let source = text_of_body(task.file, task.body);
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
        (!overridden).then(|| (**code).clone())
    }

    fn render(&self, package: usize, source: &str, shift: usize, name: &str, kind: ResourceType, fqn: &[Arc<str>], path: &str) -> Outcome {
        let template = match jinja::lower::parse(source, shift) {
            Ok(template) => template,
            // The reader of the file tells the error itself; nobody reads hooks.
            Err(error) => {
                let failure = (kind == ResourceType::Operation).then_some((error.range, error.message));
                return Outcome { found: self.salvage(source), failure };
            }
        };
        let package_name = self.session.packages[package].name.clone();
        let target = &self.session.target;
        let relation = Relation { database: target.database.clone(), schema: Some(target.schema.clone()), identifier: Some(name.into()), quoting: Map::new() };
        let below = super::yaml_relative(path, &self.inputs[package].config);
        let relative = if kind == ResourceType::Analysis { format!("analysis/{below}") } else { below.to_owned() };
        // dbt strips a file, not a block.
        let is_file = !matches!(kind, ResourceType::Snapshot | ResourceType::Operation);
        let model = || -> Json {
            json!({
                "name": name, "alias": name, "resource_type": kind.as_str(), "package_name": &*package_name, "unique_id": format!("{kind}.{package_name}.{name}"),
                "database": target.database, "schema": target.schema, "fqn": fqn, "path": relative, "original_file_path": path, "language": "sql", "raw_code": if is_file { source.trim() } else { source },
                "config": self.session.config_so_far(package, kind, fqn), "checksum": {"name": "sha256", "checksum": crate::manifest::sha256(source.trim())}, "unrendered_config": {},
                "tags": [], "meta": {}, "columns": {}, "refs": [], "sources": [], "depends_on": {"macros": [], "nodes": []}, "description": "",
            })
        };
        let subject = Subject::node(package_name.clone(), (kind != ResourceType::Operation).then_some(relation), &model);
        let rendered = jinja::render(&self.session.env, &subject, &template, &[]);
        let failure = rendered.failure.map(|failure| {
            let within = failure.trace.last().map(|name| format!(" (in {name})")).unwrap_or_default();
            let message = super::relations::one_line(&failure.message);
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
        // What lacks where packages do is told once, by one error.
        let is_lacking = |message: &str| self.session.lacks_packages && message.contains("is undefined");
        if let Some((range, message)) = &outcome.failure
            && package == 0
            && !is_lacking(message)
        {
            let says = says_of(&format!(" in {kind} {name} ({})", file.path), message);
            self.warn(Diagnostic::new(Place { file: file.id, range: *range }, Severity::Error, "jinja-evaluation", message.clone()).as_dbt(says));
        }
        let mut found = Cow::Borrowed(&outcome.found);
        if outcome.failure.is_some() {
            crate::evaluate::take_rest(found.to_mut(), text_of_body(file, body));
        }
        let mut draft = Draft { call: found.config.clone(), ..Draft::new(node, package) };
        draft.take(found.clone().into_owned());
        // dbt decides before it reads properties whether a node is one of the disabled.
        draft.enabled = is_enabled(&self.session.config(package, kind, &draft.node.fqn, &draft.patch, &draft.call));
        if package == 0 && draft.enabled {
            self.made.told.extend(self.compile_errors(&draft.node, file, body, &found));
        }
        self.push(draft);
    }

    /// What passes while dbt parses and stops it when it compiles: macros that aren't there, vars without a value.
    fn compile_errors(&self, node: &Node, file: &InputFile, body: TextRange, found: &Found) -> Vec<Diagnostic> {
        if found.undefined.is_empty() && found.missing_vars.is_empty() {
            return Vec::new();
        }
        let source = text_of_body(file, body);
        let head = format!("Compilation Error in {} {} ({})\n  ", node.resource_type, node.name, file.path);
        let vars = self.session.env.vars.get(&node.package);
        let told = |range, severity, code, message: String, says: String| {
            Diagnostic::new(Place { file: file.id, range }, severity, code, message).as_dbt(format!("{head}{says}"))
        };
        let target = &self.session.target.adapter;
        let is_package = |name: &str| self.session.packages.iter().any(|package| *package.name == *name) || target.has_package(name);
        let of_use = |used: &Use| match &used.target {
            // A package that is there, and its macro isn't.
            Target::Macro { path }
                if let [package, name] = path.as_slice()
                    && found.undefined.contains(name.as_str())
                    && is_package(package)
                    && jinja::adapter::Adapter::is_known(&target.name)
                    && !is_assigned(source, package) =>
            {
                let message = format!("package `{package}` has no macro `{name}`; correct the name, or install a version that has it");
                Some(told(used.name_range, Severity::Error, "unknown-macro", message, format!("'dict object' has no attribute '{name}'")))
            }
            Target::Macro { path } if path.first().is_some_and(|name| found.undefined.contains(name.as_str())) && !is_assigned(source, &path[0]) => {
                let (message, undefined) = match path.as_slice() {
                    // An adapter that isn't known may have it.
                    [_] if !jinja::adapter::Adapter::is_known(&self.session.target.adapter.name) => return None,
                    // One error says that packages are lacking.
                    [_, _, ..] if self.session.lacks_packages => return None,
                    [name] => (format!("no macro is called `{name}`; correct the name, or add it"), name),
                    [package, ..] => (format!("`{package}` is neither a package nor a variable; run `dbt deps`, or correct the name"), package),
                    [] => return None,
                };
                let says = format!(
                    "'{undefined}' is undefined. This can happen when calling a macro that does not exist. Check for typos and/or install package dependencies with \"dbt deps\"."
                );
                Some(told(used.name_range, Severity::Error, "unknown-macro", message, says))
            }
            Target::Var { name } if found.missing_vars.contains(name) && !vars.is_some_and(|vars| vars.contains_key(name)) => {
                let call = used.range.of(&file.text);
                // The same var with a default elsewhere in the text.
                if call.matches(',').count() > 0 {
                    return None;
                }
                let message = format!("var `{name}` has no value; give it one under `vars:` in dbt_project.yml or with --vars, or a default here");
                let given: Vec<String> = vars.into_iter().flat_map(|vars| vars.keys()).map(|key| format!("\"{key}\"")).collect();
                let says = format!("Required var '{name}' not found in config:\nVars supplied to {} = {{{}}}", node.name, given.join(", "));
                // `--vars` may give it when dbt runs.
                Some(told(used.name_range, Severity::Warning, "unknown-var", message, says))
            }
            _ => None,
        };
        let mut told_of: Vec<Diagnostic> = file.facts.uses.iter().filter(|used| body == WHOLE || body.contains_range(used.range)).filter_map(of_use).collect();
        if !self.session.lacks_packages {
            told_of.extend(asked_of_nothing(file, body, found).into_iter().map(|(name, range)| {
                let message = format!("`{name}` is neither a package nor a variable; correct the name, or set it");
                told(range, Severity::Error, "jinja-evaluation", message, format!("'{name}' is undefined"))
            }));
        }
        told_of
    }

    pub(super) fn push(&mut self, draft: Draft) {
        self.made.by_name.entry(draft.node.name.clone()).or_default().push(self.made.drafts.len());
        self.made.drafts.push(draft);
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
        for draft in self.made.drafts.iter_mut().filter(|draft| draft.node.resource_type == ResourceType::Seed) {
            for name in headers.get(&draft.node.place.file).copied().unwrap_or_default() {
                if draft.node.column(name).is_none() {
                    draft.node.columns.push(Column::named(name));
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
                let places = if texts.is_empty() { Vec::new() } else { hook_places(&file.text, hook) };
                for (number, text) in texts.iter().enumerate() {
                    let hook_name = format!("{name}-{hook}-{number}");
                    let fqn = thin_vec![name.clone(), "hooks".into(), hook_name.as_str().into()];
                    let outcome = self.render(package, text, 0, &hook_name, ResourceType::Operation, &fqn, "./dbt_project.yml");
                    let place = Place { file: file.id, range: places.get(number).copied().unwrap_or(TextRange::at(0)) };
                    let path: std::sync::Arc<str> = "./dbt_project.yml".into();
                    let mut node = blank(arc(format!("operation.{name}.{hook_name}")), ResourceType::Operation, name.clone(), &hook_name, place, &path);
                    node.relative_path = format!("hooks/{hook_name}.sql");
                    node.fqn = fqn;
                    node.tags = thin_vec![hook.to_owned()];
                    node.definition.insert("index", number.into());
                    node.definition.insert("raw_code", text.as_str().into());
                    let mut draft = Draft { call: outcome.found.config.clone(), ..Draft::new(node, package) };
                    draft.take(outcome.found);
                    if let Some((_, message)) = outcome.failure
                        && package == 0
                    {
                        let says = says_of(&format!(" in operation {hook_name} (./dbt_project.yml)"), &message);
                        self.warn(Diagnostic::new(place, Severity::Error, "jinja-evaluation", format!("{hook}: {message}")).as_dbt(says));
                    }
                    self.made.drafts.push(draft);
                }
            }
        }
    }
}

fn text_of_body(file: &InputFile, body: TextRange) -> &str {
    if body == WHOLE { &file.text } else { body.of(&file.text) }
}

/// Names that nothing answers to, of which the text asks an attribute or an item and which it doesn't call, each with its first place.
fn asked_of_nothing<'f>(file: &InputFile, body: TextRange, found: &'f Found) -> Vec<(&'f str, TextRange)> {
    let source = text_of_body(file, body);
    let is_called = |name: &str| file.facts.uses.iter().any(|used| matches!(&used.target, Target::Macro { path } if path.iter().any(|part| part == name)));
    let asked: Vec<&str> = found.undefined.iter().map(|name| &**name).filter(|name| !is_called(name) && !is_assigned(source, name)).collect();
    if asked.is_empty() {
        return Vec::new();
    }
    let mut variables = syntax::jinja::names(&file.text).names;
    variables.retain(|name| name.kind == syntax::jinja::NameKind::Variable && (body == WHOLE || body.contains_range(name.range)));
    let is_asked = |range: &TextRange| file.text[range.end as usize..].trim_start().starts_with(['.', '[']);
    let place = |name: &str| variables.iter().map(|variable| variable.range).find(|range| range.of(&file.text) == name).filter(is_asked);
    asked.into_iter().filter_map(|name| Some((name, place(name)?))).collect()
}

/// Where the texts of a hook of dbt_project.yml stand.
fn hook_places(text: &str, hook: &str) -> Vec<TextRange> {
    let tree = syntax::yaml::parse(text);
    let Some(value) = tree.root.as_ref().and_then(|root| root.get(hook)) else { return Vec::new() };
    match &value.kind {
        syntax::yaml::Kind::Seq { items, .. } => items.iter().filter(|item| !item.is_null()).map(|item| item.range).collect(),
        _ => vec![value.range],
    }
}

/// dbt's words for a failure, whose message may end in the macro that it happened in.
fn says_of(node: &str, message: &str) -> String {
    let message = message.rsplit_once(" (in ").map_or(message, |(message, _)| message);
    let is_parsing = ["Env var required", "Secret env vars"].iter().any(|start| message.starts_with(start));
    if is_parsing { format!("Parsing Error\n  {message}") } else { format!("Compilation Error{node}\n  {message}") }
}

/// Whether a text gives a name a value itself somewhere, be it in a branch that wasn't taken: `{% set x = … %}`, a loop, a block.
fn is_assigned(source: &str, name: &str) -> bool {
    let is_word = |sign: char| sign.is_alphanumeric() || sign == '_';
    source.match_indices(name).any(|(at, _)| {
        let before = source[..at].trim_end();
        let whole = !source[..at].ends_with(is_word) && !source[at + name.len()..].starts_with(is_word);
        let word = before.rsplit(|sign: char| !is_word(sign)).next().unwrap_or("");
        whole && (matches!(word, "set" | "for" | "as" | "import" | "macro") || before.ends_with([',', '(']))
    })
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
