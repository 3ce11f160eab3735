//! A change of some files: what they can change is parsed again, the rest of the index stays as it is.
//!
//! Changes that reach too far (a project file, other macros, versions, the semantic layer) are left to a whole parse.

use super::memo::code_names;
use super::{Builder, Draft, Made, Parser, State, diagnose, link};
use crate::index::{Diagnostic, Index, InputFile, Node, NodeIndex, PackageInput, Place};
use crate::properties::{Entry, Section};
use crate::{FileKind, Reading, Target};
use jinja::{MacroId, MacroSource};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;
use std::sync::Arc;
use syntax::jinja::BlockKind;
use vfs::FileId;

/// Of more files than these, and more than a quarter of all, a whole parse is as fast.
const MANY: usize = 400;

/// The files that are parsed again.
#[derive(Default)]
struct Scope {
    /// Code and properties files whose nodes are made anew.
    whole: BTreeSet<FileId>,
    /// Properties files that may say something of those nodes.
    partial: BTreeSet<FileId>,
    /// The names of the nodes in code files.
    names: FxHashSet<String>,
    /// Macros with other bodies.
    stale: FxHashSet<MacroId>,
}

impl Parser {
    /// Takes over new readings of files that the last parse had, each with its package's place, and returns the index with all that
    /// follows. `None` where that takes a whole parse; then the parser must be given one.
    pub fn patch(&mut self, changes: &[(usize, Arc<InputFile>)]) -> Option<Index> {
        let mut state = self.state.take().filter(|state| !state.reach.has_doubles)?;
        let mut scope = Scope::default();
        for (package, file) in changes {
            state.take_file(*package, file, &mut scope)?;
        }
        if scope.whole.len() + scope.partial.len() > state.many() {
            return None;
        }
        self.memo.forget(&scope.stale);
        if !scope.stale.is_empty() {
            self.memo.adopt(&state.session);
        }
        let inputs = state.inputs_of(&scope);
        let mut builder = Builder::new(&inputs, &state.session, &state.index, &mut self.memo);
        builder.partial = scope.partial.difference(&scope.whole).copied().collect();
        builder.names = std::mem::take(&mut scope.names);
        builder.nodes();
        builder.properties();
        builder.finish_nodes();
        builder.seed_headers();
        let Builder { made: Made { mut drafts, told, .. }, names, .. } = builder;
        drafts.iter_mut().for_each(|draft| state.session.facts.lay(&mut draft.node));
        scope.names = names;
        drafts.iter().for_each(|draft| state.reach.note(draft));
        state.lay(&scope, drafts, told)?;
        state.index.asked_time |= state.session.asked_time();
        let index = state.index.clone();
        self.state = Some(state);
        Some(index)
    }
}

impl State {
    fn many(&self) -> usize {
        MANY.max(self.reach.places.len() / 4)
    }

    fn file(&self, id: FileId) -> Option<&Arc<InputFile>> {
        let (package, place) = self.reach.places.get(&id)?;
        self.inputs.get(*package)?.files.get(*place)
    }

    /// Puts a new reading of a file in its place and says what has to be parsed again.
    fn take_file(&mut self, package: usize, file: &Arc<InputFile>, scope: &mut Scope) -> Option<()> {
        let (known_package, place) = *self.reach.places.get(&file.id)?;
        let old = std::mem::replace(self.inputs.get_mut(known_package)?.files.get_mut(place)?, file.clone());
        if known_package != package || old.kind != file.kind || old.path != file.path {
            return None;
        }
        match file.kind {
            FileKind::Seed if self.index.few_of(crate::ResourceType::UnitTest).next().is_some() => None,
            FileKind::Model
            | FileKind::PythonModel
            | FileKind::Analysis
            | FileKind::SingularTest
            | FileKind::Seed
            | FileKind::Snapshot
            | FileKind::Function => {
                let names = code_names(file);
                if names != code_names(&old) {
                    return None;
                }
                scope.whole.insert(file.id);
                self.add_code(&names, scope)
            }
            FileKind::Properties => {
                let entries = |file: &InputFile| -> Option<BTreeSet<Arc<str>>> {
                    let entries = file.facts.properties.iter().flat_map(|properties| &properties.entries);
                    let mut names = BTreeSet::new();
                    for entry in entries {
                        if !is_local(entry) {
                            return None;
                        }
                        if entry.section.describes() {
                            names.insert(entry.name.value.as_str().into());
                        }
                    }
                    Some(names)
                };
                let (before, after) = (entries(&old)?, entries(file)?);
                let has_sources = |file: &InputFile| file.facts.properties.iter().flat_map(|it| &it.entries).any(|entry| entry.section == Section::Sources);
                // Another package may have something to say of this one's sources.
                if package != 0 && (has_sources(&old) || has_sources(file)) {
                    return None;
                }
                for name in before.difference(&after) {
                    let files = self.reach.entries.get_mut(name)?;
                    files.retain(|known| *known != file.id);
                }
                for name in after.difference(&before) {
                    self.reach.entries.entry(name.clone()).or_default().push(file.id);
                }
                scope.whole.insert(file.id);
                let names: Vec<Arc<str>> = before.union(&after).cloned().collect();
                self.add_code(&names, scope)
            }
            FileKind::Macro | FileKind::GenericTest => self.take_macros(&old, file, scope),
            _ => None,
        }
    }

    /// All code files of some names, and the properties files that describe these names.
    fn add_code(&mut self, names: &[Arc<str>], scope: &mut Scope) -> Option<()> {
        for name in names {
            if !scope.names.insert(name.to_string()) {
                continue;
            }
            let code = self.reach.code.get(name).map_or(&[][..], Vec::as_slice);
            for &file in code {
                if self.index.nodes_of_file(file).iter().any(|&at| self.index.nodes[at].version.is_some()) {
                    return None;
                }
                scope.whole.insert(file);
                // A file of several snapshots brings them all.
                let all = code_names(self.file(file)?);
                scope.names.extend(all.iter().map(|name| name.to_string()));
                for name in all {
                    for &described in self.reach.entries.get(&name).into_iter().flatten() {
                        if self.file(described)?.facts.properties.iter().flat_map(|it| &it.entries).any(|entry| *entry.name.value == *name && !is_local(entry))
                        {
                            return None;
                        }
                        scope.partial.insert(described);
                    }
                }
            }
        }
        Some(())
    }

    /// Macros with other bodies: whoever ran them is parsed again.
    fn take_macros(&mut self, old: &InputFile, file: &Arc<InputFile>, scope: &mut Scope) -> Option<()> {
        if old.facts.blocks.len() != file.facts.blocks.len() || !same_calls(old, file) {
            return None;
        }
        let package = self.session.packages.get(self.reach.places.get(&file.id)?.0)?.name.clone();
        let mut changed = FxHashSet::default();
        let mut places = FxHashMap::default();
        for (before, block) in old.facts.blocks.iter().zip(&file.facts.blocks) {
            if before.kind != block.kind || before.name != block.name || before.params != block.params || before.closed != block.closed {
                return None;
            }
            let is_macro = block.closed && (file.kind == FileKind::Macro || block.kind == BlockKind::Test);
            let Some(name) = super::session::macro_name(block).filter(|_| is_macro) else { continue };
            let (from, to) = (super::session::macro_text(old, before, &name)?, super::session::macro_text(file, block, &name)?);
            // Of two macros of one name the first counts, wherever it stands.
            let is_twice = places.insert(name.clone(), block).is_some();
            let known = self.index.names.macros.get(name.as_str()).into_iter().flatten().map(|&at| &self.index.macros[at]);
            let is_elsewhere = known.clone().any(|known| known.package == package && known.place.file != file.id);
            if is_twice || is_elsewhere {
                return None;
            }
            let id = self.session.env.library.in_package(&package, &name)?;
            if from != to {
                changed.insert(id);
            }
            let source = MacroSource::new(package.clone(), name.into(), to.into(), block.range.start as usize);
            Arc::make_mut(&mut self.session.env).library.replace(id, Arc::new(source));
        }
        for found in Arc::make_mut(&mut self.index.macros).iter_mut().filter(|found| found.place.file == file.id) {
            let block = places.get(&found.name)?;
            found.place = Place { file: file.id, range: block.name_range };
            found.range = block.range;
            found.text = block.range.of(&file.text).into();
        }
        if changed.iter().any(|id| self.reach.naming.contains(id)) {
            return None;
        }
        scope.stale.extend(&changed);
        let files: BTreeSet<FileId> = changed.iter().filter_map(|id| self.reach.by_macro.get(id)).flatten().copied().collect();
        if files.len() > self.many() {
            return None;
        }
        for id in files {
            let reader = self.file(id)?.clone();
            match reader.kind {
                FileKind::Properties => {
                    if reader.facts.properties.iter().flat_map(|it| &it.entries).any(|entry| !is_local(entry)) {
                        return None;
                    }
                    let names = reader.facts.properties.iter().flat_map(|it| &it.entries).filter(|entry| entry.section.describes());
                    let names: Vec<Arc<str>> = names.map(|entry| entry.name.value.as_str().into()).collect();
                    scope.whole.insert(id);
                    self.add_code(&names, scope)?;
                }
                FileKind::Project => return None,
                _ => self.add_code(&code_names(&reader), scope)?,
            }
        }
        // The file's own problems may have moved.
        scope.whole.insert(file.id);
        Some(())
    }

    /// The scope's files as inputs, in their order.
    fn inputs_of(&mut self, scope: &Scope) -> Vec<PackageInput> {
        let mut places: Vec<(usize, usize)> = scope.whole.union(&scope.partial).filter_map(|file| self.reach.places.get(file).copied()).collect();
        places.sort_unstable();
        let mut inputs: Vec<PackageInput> = self.inputs.iter().map(|input| PackageInput { config: input.config.clone(), files: Vec::new() }).collect();
        for (package, place) in places {
            inputs[package].files.push(self.inputs[package].files[place].clone());
        }
        // Of some only an outline was kept.
        for input in inputs.iter_mut().filter(|input| input.files.iter().any(|file| file.facts.reading != Reading::Whole)) {
            input.files = self.read_again.whole(&input.files);
        }
        inputs
    }

    /// Lays the drafts of a scope over the index.
    fn lay(&mut self, scope: &Scope, drafts: Vec<Draft>, told: Vec<Diagnostic>) -> Option<()> {
        let index = &mut self.index;
        let (enabled, disabled): (Vec<Draft>, Vec<Draft>) = drafts.into_iter().partition(|draft| draft.enabled);
        let mut made: FxHashMap<Arc<str>, Box<Node>> = FxHashMap::default();
        for draft in enabled {
            if made.insert(draft.node.unique_id.clone(), draft.node).is_some() {
                return None;
            }
        }
        let of_scope = |node: &Node| scope.whole.contains(&node.place.file);
        let code = |node: &Node| !node.resource_type.is_test() && node.patch.as_ref().is_none_or(|patch| patch.place.file != node.place.file);
        let was_off: BTreeSet<&str> = index.disabled.iter().filter(|node| of_scope(node) && code(node)).map(|node| &*node.unique_id).collect();
        let is_off: BTreeSet<&str> = disabled.iter().filter(|draft| code(&draft.node)).map(|draft| &*draft.node.unique_id).collect();
        if was_off != is_off {
            return None;
        }
        let switched = !disabled.is_empty() || index.disabled.iter().any(|node| of_scope(node));
        if switched {
            let mut all: Vec<Arc<Node>> = index.disabled.iter().filter(|node| !of_scope(node)).cloned().collect();
            all.extend(disabled.into_iter().map(|draft| Arc::from(draft.node)));
            all.sort_by(|left, right| left.unique_id.cmp(&right.unique_id));
            index.disabled = Arc::new(all);
            link::attach_disabled(index);
        }
        // Nodes that are there still, and those that are gone.
        let mut relink: Vec<Arc<str>> = Vec::new();
        let mut gone: Vec<Arc<str>> = Vec::new();
        let old: Vec<NodeIndex> = scope.whole.iter().flat_map(|file| index.nodes_of_file(*file).iter().chain(index.tests_of_file(*file)).copied()).collect();
        for at in old {
            let before = index.nodes.shared(at).clone();
            match made.remove(&before.unique_id) {
                Some(mut node) => {
                    let moved = before.relation_name != node.relation_name && code(&before);
                    let regrouped = before.config.group != node.config.group || before.config.access != node.config.access;
                    if moved || (regrouped && !index.children[at].is_empty()) {
                        return None;
                    }
                    node.depends_on.clone_from(&before.depends_on);
                    index.set(at, Arc::from(node));
                    relink.push(before.unique_id.clone());
                }
                None if code(&before) => return None,
                None => gone.push(before.unique_id.clone()),
            }
        }
        let others = switched || !gone.is_empty() || !made.is_empty();
        let mut sources: FxHashSet<(String, String)> = FxHashSet::default();
        for unique_id in gone {
            let at = index.node(&unique_id)?;
            relink.extend(index.children[at].iter().map(|&child| index.nodes[child].unique_id.clone()));
            sources.extend(source_of(&index.nodes[at]));
            index.remove(at);
        }
        let mut named_anew = false;
        for (unique_id, node) in made {
            let hides_another = node.source_name.as_deref().is_some_and(|source| index.resolve_source(source, &node.name, &node.package).is_some());
            if index.node(&unique_id).is_some() || code(&node) || hides_another {
                return None;
            }
            named_anew |= !node.resource_type.is_test();
            sources.extend(source_of(&node));
            index.add(Arc::from(node));
            relink.push(unique_id);
        }
        if named_anew {
            relink.extend(index.nodes.iter().filter(|node| !node.unresolved.is_empty()).map(|node| node.unique_id.clone()));
        }
        self.relink(scope, relink, told, &sources);
        // The semantic layer itself takes a whole parse, but a time spine is a model's.
        let is_described = |id: &FileId| self.file(*id).is_some_and(|file| file.kind == FileKind::Properties);
        if self.index.has_semantic_models && scope.whole.iter().any(is_described) {
            diagnose::tell_semantic(&mut self.index, &self.inputs);
        }
        if others {
            super::packages::tell_unused(&self.inputs, &mut self.index);
        }
        Some(())
    }

    /// Resolves nodes again and judges the files that this can change.
    fn relink(&mut self, scope: &Scope, nodes: Vec<Arc<str>>, told: Vec<Diagnostic>, sources: &FxHashSet<(String, String)>) {
        let index = &mut self.index;
        let mut numbers: Vec<NodeIndex> = nodes.iter().filter_map(|unique_id| index.node(unique_id)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut rewired = Vec::new();
        for &at in &numbers {
            link::attach_test(index, at);
            let linked = link::linked(index, at);
            let old = index.nodes[at].depends_on.clone();
            if old != linked.depends_on {
                index.set_parents(at, &old, &linked.depends_on);
                rewired.push(at);
            }
            linked.apply(index, at);
        }
        for file in &scope.whole {
            index.told.remove(file);
        }
        // Of other properties files only the entries in question were read again.
        for id in scope.partial.difference(&scope.whole) {
            let Some(file) = self.reach.places.get(id).map(|&(package, place)| &self.inputs[package].files[place]) else { continue };
            let entries = file.facts.properties.iter().flat_map(|properties| &properties.entries);
            let read: FxHashSet<_> = entries.filter(|entry| scope.names.contains(&entry.name.value)).map(|entry| entry.name.range).collect();
            if let Some(known) = index.told.get_mut(id) {
                known.retain(|found| found.code != super::patches::DUPLICATE_ENTRY || !read.contains(&found.place.range));
            }
        }
        told.into_iter().for_each(|found| index.told.entry(found.place.file).or_default().push(found));
        let mut files: BTreeSet<FileId> = scope.whole.iter().copied().chain(numbers.iter().map(|&at| index.nodes[at].place.file)).collect();
        if !sources.is_empty() {
            // Files may name a source without a node that depends on it, such as a unit test's inputs.
            let names = |file: &&Arc<InputFile>| {
                file.facts
                    .uses
                    .iter()
                    .any(|used| matches!(&used.target, Target::Source { source, table } if sources.contains(&(source.clone(), table.clone()))))
            };
            files.extend(self.inputs.iter().take(1).flat_map(|root| &root.files).filter(names).map(|file| file.id));
        }
        for id in files {
            if let Some((0, place)) = self.reach.places.get(&id).copied() {
                diagnose::judge(&mut self.index, &self.inputs[0].files[place]);
            }
        }
        diagnose::judge_cycles(&mut self.index, &rewired);
    }
}

fn source_of(node: &Node) -> Option<(String, String)> {
    Some((node.source_name.clone()?, node.name.clone()))
}

/// Whether an entry concerns nothing but its own nodes and tests.
fn is_local(entry: &Entry) -> bool {
    match entry.section {
        Section::Models | Section::Seeds | Section::Analyses | Section::DataTests | Section::Exposures | Section::Functions => {
            entry.versions.is_empty() && !entry.data.own.contains_key("versions")
        }
        Section::Snapshots => !entry.data.own.contains_key("relation"),
        Section::Sources => !entry.data.source.contains_key("overrides"),
        _ => false,
    }
}

/// Whether two readings of a file of macros call the same in the same blocks, wherever these stand.
fn same_calls(one: &InputFile, other: &InputFile) -> bool {
    let block_of = |file: &InputFile, call: &syntax::jinja::Call| file.facts.blocks.iter().position(|block| block.range.contains_range(call.range));
    let (calls, others) = (&one.facts.calls, &other.facts.calls);
    calls.len() == others.len()
        && calls.iter().zip(others).all(|(call, after)| {
            let same_args = call.args.len() == after.args.len()
                && call.args.iter().zip(&after.args).all(|(call, after)| call.name == after.name && call.value == after.value);
            call.path == after.path && same_args && block_of(one, call) == block_of(other, after)
        })
}
