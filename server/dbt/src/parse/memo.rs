//! What a parse keeps for the next one.

use super::nodes::Outcome;
use super::session::Session;
use super::{Draft, properties};
use crate::index::{InputFile, PackageInput};
use jinja::{Env, Library, MacroId};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;
use syntax::jinja::BlockKind;
use text::TextRange;
use vfs::FileId;

/// Texts that were evaluated, with what came of them.
#[derive(Default)]
pub(super) struct Memo {
    known: FxHashMap<(FileId, u32), (Arc<str>, Arc<Outcome>)>,
    /// What they were evaluated in.
    env: Option<Arc<Env>>,
    /// The project files, whose configs `model` shows.
    projects: Vec<data::Value>,
}

impl Memo {
    pub fn library(&self) -> Option<&Library> {
        self.env.as_ref().map(|env| &env.library)
    }

    /// Forgets what a session with another environment or other macros may evaluate otherwise.
    pub fn keep_valid(&mut self, session: &Session) {
        match self.env.as_ref().and_then(|env| env.changed_macros(&session.env)) {
            Some(changed) => self.forget(&changed.into_iter().collect()),
            None => self.known.clear(),
        }
        let projects: Vec<data::Value> = session.packages.iter().map(|package| package.document.clone()).collect();
        if projects != self.projects {
            self.known.retain(|_, (_, outcome)| !outcome.found.reads_model);
            self.projects = projects;
        }
        self.env = Some(session.env.clone());
    }

    /// Says what texts are evaluated in from now on.
    pub fn adopt(&mut self, session: &Session) {
        self.env = Some(session.env.clone());
    }

    /// Forgets what some macros had a part in.
    pub fn forget(&mut self, macros: &FxHashSet<MacroId>) {
        if !macros.is_empty() {
            self.known.retain(|_, (_, outcome)| !outcome.found.reached.iter().any(|id| macros.contains(id)));
        }
    }

    /// What came of a part of a file, if its text is the same still.
    pub fn known(&self, file: &InputFile, body: TextRange) -> Option<Arc<Outcome>> {
        let (text, outcome) = self.known.get(&(file.id, body.start))?;
        (Arc::ptr_eq(text, &file.text) || *text == file.text).then(|| outcome.clone())
    }

    pub fn note(&mut self, file: &InputFile, body: TextRange, mut outcome: Outcome) -> Arc<Outcome> {
        outcome.found.refs.shrink_to_fit();
        outcome.found.sources.shrink_to_fit();
        outcome.found.macros.shrink_to_fit();
        let outcome = Arc::new(outcome);
        self.known.insert((file.id, body.start), (file.text.clone(), outcome.clone()));
        outcome
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }
}

/// Which files something can change.
#[derive(Default)]
pub(super) struct Reach {
    /// Where each file is: its package and its place there.
    pub places: FxHashMap<FileId, (usize, usize)>,
    /// Whether some file is several things to dbt.
    pub has_doubles: bool,
    /// Files of code by the names of what they hold.
    pub code: FxHashMap<Arc<str>, Vec<FileId>>,
    /// Properties files by the names of their entries.
    pub entries: FxHashMap<Arc<str>, Vec<FileId>>,
    /// Files whose nodes or tests ran a macro.
    pub by_macro: FxHashMap<MacroId, FxHashSet<FileId>>,
    /// Macros that make names, which all nodes have.
    pub naming: FxHashSet<MacroId>,
}

impl Reach {
    pub fn new(inputs: &[PackageInput], drafts: &[Draft]) -> Self {
        let mut reach = Self::default();
        for (package, input) in inputs.iter().enumerate() {
            for (place, file) in input.files.iter().enumerate() {
                reach.has_doubles |= reach.places.insert(file.id, (package, place)).is_some();
                for name in code_names(file) {
                    reach.code.entry(name).or_default().push(file.id);
                }
            }
            for (file, entry) in properties(input).filter(|(_, entry)| entry.section.describes()) {
                let files = reach.entries.entry(entry.name.value.as_str().into()).or_default();
                if files.last() != Some(&file.id) {
                    files.push(file.id);
                }
            }
        }
        drafts.iter().for_each(|draft| reach.note(draft));
        reach
    }

    /// Notes the macros that ran for a draft.
    pub fn note(&mut self, draft: &Draft) {
        for id in &draft.reached {
            self.by_macro.entry(*id).or_default().insert(draft.node.place.file);
        }
        self.naming.extend(&draft.named_by);
    }
}

/// The names of the nodes that a file of code holds.
pub(super) fn code_names(file: &InputFile) -> Vec<Arc<str>> {
    use crate::FileKind::{Analysis, Function, Model, PythonModel, Seed, SingularTest, Snapshot};
    match file.kind {
        Model | PythonModel | Seed | Analysis | SingularTest | Function => vec![super::stem(&file.path).into()],
        Snapshot => file.facts.blocks.iter().filter(|block| block.kind == BlockKind::Snapshot).map(|block| block.name.as_str().into()).collect(),
        _ => Vec::new(),
    }
}
