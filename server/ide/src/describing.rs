//! Where descriptions go, and the edits that put them there.

use crate::{Analysis, DescribeTarget, File, FileEdits, Subject};
use dbt::{Description, Macro, NodeIndex, ResourceType};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use syntax::jinja::{Arg, Literal};
use syntax::yaml_edit::{self, Refusal, Step};
use text::{Edit, TextRange};

/// How a new properties file begins.
pub(crate) const NEW_PROPERTIES: &str = "version: 2\n\n";

/// Where a description goes.
struct Destination {
    path: PathBuf,
    way: Way,
}

enum Way {
    /// Into an entry of a properties file: the path from the document's root. Of one that is there also its span, and how many steps lead to
    /// it.
    Entry(Vec<Step>, Option<(TextRange, usize)>),
    /// Into the docs block of this name.
    Docs(String),
    /// Nowhere: the docs block that is asked for is the one that stands there.
    There,
}

impl Destination {
    /// The span of the entry in the file as it is, where it is there already.
    fn entry(&self) -> Option<TextRange> {
        match &self.way {
            Way::Entry(_, known) => known.as_ref().map(|(entry, _)| *entry),
            Way::Docs(_) | Way::There => None,
        }
    }

    /// The edits that take the description out of its entry. With a comment behind it the key stays, and holds nothing.
    fn removal(&self, source: &str, entry: Option<TextRange>) -> Result<Vec<Edit>, Refusal> {
        let Way::Entry(steps, known) = &self.way else { return Ok(Vec::new()) };
        let alone = entry.zip(known.as_ref()).and_then(|(entry, (_, length))| yaml_edit::remove_key_in(source, entry, steps.get(*length..)?, "description"));
        let edits = alone.unwrap_or_else(|| yaml_edit::remove_key(source, steps, "description"));
        let edits = edits.or_else(|refusal| self.edits(source, entry, "").map_err(|_| refusal))?;
        if edits.is_empty() {
            return Err(Refusal("the description comes from elsewhere in the file (`<<`)".to_owned()));
        }
        Ok(edits)
    }

    /// The edits that write a description into a text; where an entry of it is now, if that is known.
    fn edits(&self, source: &str, entry: Option<TextRange>, description: &str) -> Result<Vec<Edit>, Refusal> {
        match &self.way {
            Way::Entry(steps, known) => {
                if let Some(edits) = first_of_version(source, steps, Some(description)) {
                    return edits;
                }
                let alone = entry
                    .zip(known.as_ref())
                    .and_then(|(entry, (_, length))| yaml_edit::set_string_in(source, entry, steps.get(*length..)?, "description", description));
                alone.unwrap_or_else(|| described(source, steps, description))
            }
            Way::Docs(name) => Ok(vec![in_block(source, name, description)?]),
            Way::There => Ok(Vec::new()),
        }
    }
}

/// The way into an entry, by its span where it is there.
fn way_to(subject: Subject<'_>, steps: Vec<Step>) -> Way {
    let known = subject.patch().filter(|patch| steps.starts_with(&patch.path) && matches!(patch.path.last(), Some(Step::Named(_) | Step::Item(_))));
    let known = known.map(|patch| (patch.place.range, patch.path.len()));
    Way::Entry(steps, known)
}

/// A file that one description after another is written into.
struct Growing {
    text: String,
    /// By how much each entry grew that was there, by its start; nothing once others were made.
    grown: Option<BTreeMap<u32, i64>>,
    /// Whether one of them is in it, which may have been there before.
    is_written: bool,
}

impl Growing {
    fn new(text: &str) -> Self {
        Self { text: text.to_owned(), grown: Some(BTreeMap::new()), is_written: false }
    }

    /// Where an entry of the file as it was is now, if that is known.
    fn now(&self, entry: TextRange) -> Option<TextRange> {
        let grown = self.grown.as_ref()?;
        let by = |until: u32| grown.range(..until).map(|(_, by)| by).sum::<i64>();
        let start = i64::from(entry.start) + by(entry.start);
        let end = i64::from(entry.end) + by(entry.start.saturating_add(1));
        Some(TextRange { start: u32::try_from(start).ok()?, end: u32::try_from(end).ok()? })
    }

    /// Makes edits of an entry that was there, or of something else.
    fn apply(&mut self, entry: Option<TextRange>, edits: &[Edit]) -> Result<(), Refusal> {
        let after = text::apply_edits(&self.text, edits).map_err(|error| Refusal(error.to_string()))?;
        let by = after.len() as i64 - self.text.len() as i64;
        self.text = after;
        self.is_written = true;
        match (entry, &mut self.grown) {
            (Some(entry), Some(grown)) => *grown.entry(entry.start).or_default() += by,
            _ => self.grown = None,
        }
        Ok(())
    }
}

impl Analysis {
    /// The edit that writes a description: into the entry that exists, else into a new one where this project keeps such entries; of one
    /// that is nothing but `{{ doc('…') }}` into that docs block. A package's files are never touched.
    pub fn describe(&self, target: &DescribeTarget, description: &str) -> Result<FileEdits, Refusal> {
        let destination = self.may_describe(target, description)?;
        let file = self.file_at(&destination.path);
        let edits = destination.edits(file.map_or("", |file| &file.text), destination.entry(), description)?;
        Ok(FileEdits { create: file.is_none(), path: destination.path, edits })
    }

    /// The file that a description goes to, or what stands in its way.
    pub fn file_for(&self, target: &DescribeTarget, description: &str) -> Result<PathBuf, Refusal> {
        self.may_describe(target, description).map(|destination| destination.path)
    }

    /// Where a description goes, or what stands in its way.
    fn may_describe(&self, target: &DescribeTarget, description: &str) -> Result<Destination, Refusal> {
        let refuse = |why: String| Err(Refusal(why));
        let Some(subject) = self.subject(&target.unique_id) else {
            return refuse(format!("{} is not in the project any more", target.unique_id));
        };
        if *subject.package() != *self.index.project {
            return refuse(format!("`{}` belongs to package `{}`, whose files are not ours to change", subject.label(), subject.package()));
        }
        if let Subject::Node(_, node) = subject
            && node.resource_type == ResourceType::Function
            && node.patch.is_none()
        {
            return refuse(format!("`{}` has no entry yet, and dbt wants one of a function to say what it `returns`; write that first", node.name));
        }
        if let Some(existing) = self.entry_text(target).filter(|existing| existing.has_jinja()) {
            let Some((file, name)) = self.docs_block_of(existing) else {
                return refuse("the description takes its text from several parts or from another package; edit these instead".to_owned());
            };
            let path = file.path.to_path_buf();
            match self.block_called(description) {
                None => return Ok(Destination { path, way: Way::Docs(name) }),
                Some((_, asked)) if asked == name => return Ok(Destination { path, way: Way::There }),
                // Another block: the entry names that from now on.
                Some(_) => {}
            }
        }
        let (path, steps) = self.place_of(subject, target);
        Ok(Destination { path, way: way_to(subject, steps) })
    }

    /// The project's docs block that a description takes all of its text from.
    pub(crate) fn docs_block_of(&self, description: &Description) -> Option<(&File, String)> {
        self.block_called(description.raw())
    }

    /// The project's docs block that a text is nothing but the call of.
    fn block_called(&self, text: &str) -> Option<(&File, String)> {
        let raw = text.trim();
        let calls = syntax::jinja::calls_in(raw, 0);
        let [call] = calls.as_slice() else { return None };
        let string = |argument: &Arg| match &argument.value {
            Literal::Str(text) if argument.name.is_none() => Some(text.clone()),
            _ => None,
        };
        let is_all = raw.starts_with("{{") && raw.find("}}") == Some(raw.len() - 2);
        let name = match call.path.as_slice() {
            [doc] if doc == "doc" && is_all => match call.args.iter().map(string).collect::<Option<Vec<_>>>()?.as_slice() {
                [name] => name.clone(),
                [package, name] if **package == *self.index.project => name.clone(),
                _ => return None,
            },
            _ => return None,
        };
        let docs = self.index.docs.iter().find(|docs| docs.name == name && docs.package == self.index.project)?;
        self.file(docs.place.file).map(|file| (&**file, name))
    }

    /// The edits that write many descriptions, a set for each file; with what was refused, and why.
    pub fn describe_all(&self, texts: &[(DescribeTarget, String)]) -> (Vec<FileEdits>, Vec<(DescribeTarget, Refusal)>) {
        self.write_all(texts.iter().map(|(target, text)| (target, Some(text.as_str()))))
    }

    /// The same for [`Analysis::withdraw`].
    pub fn withdraw_all(&self, drafts: &[crate::Draft]) -> (Vec<FileEdits>, Vec<(DescribeTarget, Refusal)>) {
        self.write_all(drafts.iter().map(|draft| (&draft.target, draft.replaced.as_deref())))
    }

    /// Writes texts, and takes out what is to have none.
    fn write_all<'t>(&self, texts: impl Iterator<Item = (&'t DescribeTarget, Option<&'t str>)>) -> (Vec<FileEdits>, Vec<(DescribeTarget, Refusal)>) {
        let before = |path: &PathBuf| self.file_at(path).map_or("", |file| &file.text);
        let mut files: BTreeMap<PathBuf, Growing> = BTreeMap::new();
        let mut refused = Vec::new();
        // Of several that name one docs block the first fills it.
        let mut filled: FxHashMap<String, &str> = FxHashMap::default();
        for (target, text) in texts {
            let destination = text.map_or_else(|| self.may_undescribe(target), |text| self.may_describe(target, text));
            let made = destination.and_then(|destination| {
                if let (Way::Docs(name), Some(text)) = (&destination.way, text)
                    && *filled.entry(name.clone()).or_insert(text) != text
                {
                    return Err(Refusal(format!("the docs block `{name}` has got another text just now, which it shares")));
                }
                let entry = destination.entry();
                let file = files.entry(destination.path.clone()).or_insert_with(|| Growing::new(before(&destination.path)));
                let now = entry.and_then(|entry| file.now(entry));
                let edits = text.map_or_else(|| destination.removal(&file.text, now), |text| destination.edits(&file.text, now, text))?;
                file.apply(entry, &edits)
            });
            if let Err(why) = made {
                refused.push((target.clone(), why));
            }
        }
        let edits = files.into_iter().filter(|(_, file)| file.is_written).map(|(path, file)| FileEdits {
            create: self.file_at(&path).is_none(),
            edits: text::line_edits(before(&path), &file.text),
            path,
        });
        (edits.collect(), refused)
    }

    /// The edit that takes a draft's text out again: what stood there before is put back, else the description goes.
    pub fn withdraw(&self, draft: &crate::Draft) -> Result<FileEdits, Refusal> {
        match &draft.replaced {
            Some(before) => self.describe(&draft.target, before),
            None => {
                let destination = self.may_undescribe(&draft.target)?;
                let edits = destination.removal(self.file_at(&destination.path).map_or("", |file| &file.text), destination.entry())?;
                Ok(FileEdits { path: destination.path, create: false, edits })
            }
        }
    }

    /// The file that a draft's text is taken out of.
    pub fn file_of_draft(&self, draft: &crate::Draft) -> Option<PathBuf> {
        let destination = draft.replaced.as_ref().map_or_else(|| self.may_undescribe(&draft.target), |before| self.may_describe(&draft.target, before));
        destination.ok().map(|destination| destination.path)
    }

    /// Where a description is taken out of its entry, or what stands in the way.
    fn may_undescribe(&self, target: &DescribeTarget) -> Result<Destination, Refusal> {
        let description = self.description_of(target);
        let found = self.subject(&target.unique_id).zip(description.and_then(|description| self.file(description.place.file)));
        let Some((subject, file)) = found else { return Err(Refusal(format!("{} has no description", self.label_of(target)))) };
        if file.package != 0 {
            return Err(Refusal(format!("{} belongs to a package, whose files are not ours to change", self.label_of(target))));
        }
        let (_, steps) = self.place_of(subject, target);
        Ok(Destination { path: file.path.to_path_buf(), way: way_to(subject, steps) })
    }

    /// The path of a target in the entry of its node's own version, where that says something of it; the model's own columns and description are
    /// for all versions.
    fn version_of(&self, index: NodeIndex, path: &std::path::Path, entry: &[Step], target: &DescribeTarget) -> Option<Vec<Step>> {
        let version = self.index.nodes[index].version.as_ref()?;
        let root = syntax::yaml::parse(&self.file_at(path)?.text).root?;
        let model = yaml_edit::find(&root, entry)?;
        let versions = model.get("versions")?.items();
        let (at, own) = versions.iter().enumerate().find(|(_, one)| one.get_str("v") == Some(version))?;
        let mut steps = entry.to_vec();
        steps.extend([Step::key("versions"), Step::Item(at)]);
        let Some(column) = &target.column else { return own.get("description").map(|_| steps) };
        let named = |list: &syntax::yaml::Node| {
            list.items().iter().find_map(|item| item.get_str("name").filter(|name| name.eq_ignore_ascii_case(column)).map(str::to_owned))
        };
        let has_own = own.get("columns").filter(|list| !list.items().is_empty());
        let in_model = model.get("columns").and_then(named);
        match (has_own.and_then(named), in_model) {
            (Some(name), _) => steps.extend([Step::key("columns"), Step::named(&name)]),
            (None, None) if has_own.is_some() || self.lack(index, column) => steps.extend([Step::key("columns"), Step::named(column)]),
            _ => return None,
        }
        Some(steps)
    }

    /// Whether another version of a model provably lacks a column that this one makes.
    fn lack(&self, index: NodeIndex, column: &str) -> bool {
        let lacks = |other: NodeIndex| {
            let made = self.made(other);
            made.is_complete && made.get(column).is_none()
        };
        self.made(index).get(column).is_some() && self.versions_beside(index).any(lacks)
    }

    /// Whether a description goes to the entry that all versions of a model share.
    pub(crate) fn is_shared(&self, index: NodeIndex, target: &DescribeTarget) -> bool {
        !self.steps_to(index, target).contains(&Step::key("versions"))
    }

    /// The path of a target of a node in its file.
    pub(crate) fn steps_to(&self, index: NodeIndex, target: &DescribeTarget) -> Vec<Step> {
        self.place_of(self.node_subject(index), target).1
    }

    /// The other versions of a model.
    pub(crate) fn versions_beside(&self, index: NodeIndex) -> impl Iterator<Item = NodeIndex> {
        let node = &self.index.nodes[index];
        let is_other = move |at: &NodeIndex| {
            let other = &self.index.nodes[*at];
            *at != index && other.version.is_some() && other.name == node.name && other.package == node.package
        };
        (0..self.index.nodes.len()).filter(move |_| node.version.is_some()).filter(is_other)
    }

    /// The file and the path of a target's entry.
    fn place_of(&self, subject: Subject<'_>, target: &DescribeTarget) -> (PathBuf, Vec<Step>) {
        let index = match subject {
            Subject::Node(index, _) => index,
            Subject::Macro(found) => return self.macro_place(found, target.column.as_deref()),
            Subject::Source(table) => {
                let patch = table.source_patch.as_ref();
                let file = patch.and_then(|patch| self.file(patch.place.file)).map(|file| file.path.to_path_buf());
                return (file.unwrap_or_default(), patch.map(|patch| patch.path.to_vec()).unwrap_or_default());
            }
        };
        let (path, mut steps) = self.entry_of(index);
        if let Some(version) = self.version_of(index, &path, &steps, target) {
            return (path, version);
        }
        if let Some(column) = &target.column {
            let written = self.index.nodes[index].column(column).map_or(column.as_str(), |column| &column.name);
            steps.extend([Step::key("columns"), Step::named(written)]);
        }
        (path, steps)
    }

    /// The file and the path of a node's entry, whether it exists or has to be made.
    pub(crate) fn entry_of(&self, index: NodeIndex) -> (PathBuf, Vec<Step>) {
        let node = &self.index.nodes[index];
        if let Some(patch) = &node.patch
            && let Some(file) = self.file(patch.place.file)
        {
            return (file.path.to_path_buf(), patch.path.to_vec());
        }
        let section = crate::section_of(node.resource_type).unwrap_or("models");
        let folder = self.file(node.place.file).and_then(|file| file.path.parent()).unwrap_or(&self.root).to_owned();
        (self.entry_file(&folder, section, &node.name), vec![Step::key(section), Step::named(&node.name)])
    }

    /// The file and the path of a macro's entry, or of that of an argument.
    fn macro_place(&self, found: &Macro, argument: Option<&str>) -> (PathBuf, Vec<Step>) {
        let known = found.patch.as_ref().and_then(|patch| Some((self.file(patch.place.file)?.path.to_path_buf(), patch.path.to_vec())));
        let (path, mut steps) = known.unwrap_or_else(|| {
            let folder = self.file(found.place.file).and_then(|file| file.path.parent()).unwrap_or(&self.root).to_owned();
            (self.entry_file(&folder, "macros", &found.name), vec![Step::key("macros"), Step::named(&found.name)])
        });
        if let Some(argument) = argument {
            steps.extend([Step::key("arguments"), Step::named(argument)]);
        }
        (path, steps)
    }

    /// The file that a new entry goes to, beside what it is for: where the settings say, else as the project does it. What a folder's own
    /// properties files do counts before what others do.
    fn entry_file(&self, folder: &Path, section: &str, name: &str) -> PathBuf {
        // dbt reads a file twice that several kinds of paths lead to, and refuses its entries then.
        let is_read_twice = |folder: &&Path| {
            let below = folder.strip_prefix(&self.root).unwrap_or(folder);
            dbt::FileKind::all_of(&below.join("x.sql"), &self.config).len() > 1
        };
        let folder = folder.ancestors().take_while(|above| above.starts_with(&self.root)).find(|above| !is_read_twice(above)).unwrap_or(folder);
        let folder_name = folder.file_name().and_then(|name| name.to_str()).unwrap_or(section);
        let made = |pattern: &str| folder.join(pattern.replace("{folder}", folder_name).replace("{section}", section).replace("{name}", name));
        if let Some(pattern) = self.rules.new_entries() {
            return made(pattern);
        }
        // How many entries of this kind each file has, and how its name comes from what is in it.
        let mut files: BTreeMap<&Path, (usize, &str)> = BTreeMap::new();
        let nodes = self.index.nodes.iter().filter(|node| node.package == self.index.project && crate::section_of(node.resource_type) == Some(section));
        let entries = nodes.filter_map(|node| Some((node.patch.as_ref()?, node.name.as_str())));
        let macros = self.index.macros.iter().filter(|found| section == "macros" && found.package == self.index.project);
        for (patch, name) in entries.chain(macros.filter_map(|found| Some((found.patch.as_ref()?, found.name.as_str())))) {
            let Some(file) = self.file(patch.place.file) else { continue };
            let known = files.entry(&file.path).or_insert((0, name));
            known.0 += 1;
        }
        let here: Vec<(&Path, usize, String)> = files
            .iter()
            .filter(|(path, _)| path.parent() == Some(folder))
            .map(|(path, (count, name))| (*path, *count, pattern(path, section, *count, name)))
            .collect();
        let is_each = |pattern: &str| pattern.contains("{name}");
        let each = here.iter().filter(|(.., pattern)| is_each(pattern)).count();
        if let Some((path, ..)) =
            here.iter().filter(|(.., pattern)| !is_each(pattern)).max_by_key(|(_, count, _)| *count).filter(|(_, count, _)| *count >= each)
        {
            return path.to_path_buf();
        }
        let patterns: Vec<String> = match here.is_empty() {
            true => files.iter().map(|(path, (count, name))| pattern(path, section, *count, name)).collect(),
            false => here.into_iter().map(|(.., pattern)| pattern).collect(),
        };
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        patterns.iter().for_each(|pattern| *counts.entry(pattern).or_default() += 1);
        made(counts.into_iter().max_by_key(|(_, count)| *count).map_or("_{folder}__{section}.yml", |(pattern, _)| pattern))
    }
}

/// How a properties file's name comes from its folder's and, where it has one entry, from that's: `_{folder}__models.yml`.
fn pattern(path: &Path, section: &str, count: usize, name: &str) -> String {
    let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
    let folder = path.parent().and_then(Path::file_name).and_then(|folder| folder.to_str()).unwrap_or_default();
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    if count == 1 && stem.trim_start_matches('_') == name {
        return file.replace(name, "{name}");
    }
    // A folder that is called as the section is says nothing.
    let parts: Vec<&str> = stem.split('_').collect();
    let is_part = !folder.is_empty() && folder != section && (parts.contains(&folder) || stem.trim_start_matches('_').split("__").any(|part| part == folder));
    if is_part { file.replacen(folder, "{folder}", 1) } else { file.to_owned() }
}

/// The edits that give a version of a model its first column of its own, beside all that it shares with the others; `None` where the path leads
/// elsewhere, or it has columns already.
pub(crate) fn first_of_version(source: &str, steps: &[Step], description: Option<&str>) -> Option<Result<Vec<Edit>, Refusal>> {
    let [version @ .., Step::Key(columns), Step::Named(column)] = steps else { return None };
    let [.., Step::Key(versions), Step::Item(_)] = version else { return None };
    if columns != "columns" || versions != "versions" {
        return None;
    }
    let root = syntax::yaml::parse(source).root?;
    if yaml_edit::find(&root, version)?.get("columns").is_some_and(|own| !own.is_null()) {
        return None;
    }
    let own = match description {
        Some(description) => data::json!({"name": (column.as_str()), "description": description}),
        None => data::json!({"name": (column.as_str())}),
    };
    Some(yaml_edit::set(source, version, "columns", &data::json!([{"include": "all"}, own])))
}

/// The edits that write a description into a text.
fn described(source: &str, steps: &[Step], description: &str) -> Result<Vec<Edit>, Refusal> {
    let mut edits = Vec::new();
    if source.trim().is_empty() {
        edits.push(Edit::insert(0, NEW_PROPERTIES));
    }
    edits.extend(yaml_edit::set_string(source, steps, "description", description)?);
    Ok(edits)
}

/// The edit that gives a docs block another text; the blanks around it stay.
fn in_block(source: &str, name: &str, description: &str) -> Result<Edit, Refusal> {
    if description.contains("{%") || description.contains("{{") {
        return Err(Refusal("the text holds Jinja, which a docs block doesn't run".to_owned()));
    }
    let (blocks, _) = syntax::jinja::docs(source);
    let Some(block) = blocks.iter().find(|block| block.name == name && block.closed) else {
        return Err(Refusal(format!("the docs block `{name}` is not there any more")));
    };
    let body = block.body.of(source);
    let newline = if source.contains("\r\n") { "\r\n" } else { "\n" };
    let text = description.trim().replace('\n', newline);
    let head = body.len() - body.trim_start().len();
    let (start, end) = (block.body.start as usize + head, block.body.start as usize + body.trim_end().len());
    if body.trim().is_empty() {
        return Ok(Edit::replace(block.body, format!("{newline}{text}{newline}")));
    }
    Ok(Edit::replace(TextRange::new(start, end), text))
}

#[cfg(test)]
mod tests;
