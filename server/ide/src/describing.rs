//! Where descriptions go, and the edits that put them there.

use crate::{Analysis, DescribeTarget, File, FileEdits};
use dbt::{Description, Macro, Node, NodeIndex, Patch};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use syntax::jinja::{Arg, Literal};
use syntax::yaml_edit::{self, Refusal, Step};
use text::{Edit, TextRange};

/// How a new properties file begins.
pub(crate) const NEW_PROPERTIES: &str = "version: 2\n\n";

/// What can be described.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    Node(NodeIndex, &'a Node),
    Macro(&'a Macro),
    /// A source as a whole, by the first of its tables; as its unique id counts that of a table without the table's name.
    Source(&'a Node),
}

impl<'a> Subject<'a> {
    pub fn unique_id(&self) -> &'a str {
        match self {
            Self::Node(_, node) => &node.unique_id,
            Self::Macro(found) => &found.unique_id,
            Self::Source(table) => source_id(table),
        }
    }

    /// As people call it.
    pub fn label(&self) -> String {
        match self {
            Self::Node(_, node) => node.label(),
            Self::Macro(found) => found.name.clone(),
            Self::Source(_) => self.name().to_owned(),
        }
    }

    pub fn name(&self) -> &'a str {
        match self {
            Self::Node(_, node) => &node.name,
            Self::Macro(found) => &found.name,
            Self::Source(table) => table.source_name.as_deref().unwrap_or_default(),
        }
    }

    pub fn package(&self) -> &'a str {
        match self {
            Self::Node(_, node) => &node.package,
            Self::Macro(found) => &found.package,
            Self::Source(table) => &table.package,
        }
    }

    /// What it is: `model`, `source`, `macro`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Node(_, node) => node.resource_type.as_str(),
            Self::Macro(_) => "macro",
            Self::Source(_) => "source",
        }
    }

    /// Its file, from the project's root.
    pub fn path(&self) -> &'a str {
        match self {
            Self::Node(_, node) => &node.path,
            Self::Macro(found) => &found.path,
            Self::Source(table) => &table.path,
        }
    }

    pub fn patch(&self) -> Option<&'a Patch> {
        match self {
            Self::Node(_, node) => node.patch.as_ref(),
            Self::Macro(found) => found.patch.as_ref(),
            Self::Source(table) => table.source_patch.as_deref(),
        }
    }

    /// Itself, or one of its columns or arguments.
    pub fn target(&self, column: Option<&str>) -> DescribeTarget {
        DescribeTarget { unique_id: self.unique_id().to_owned(), column: column.map(str::to_owned) }
    }

    /// Itself, then the columns or arguments that its entry names.
    pub fn targets(&self) -> Vec<DescribeTarget> {
        let names: Vec<&str> = match self {
            Self::Node(_, node) => node.columns.keys().collect(),
            Self::Macro(found) => found.arguments.iter().map(|argument| argument.name.as_str()).collect(),
            Self::Source(_) => Vec::new(),
        };
        std::iter::once(None).chain(names.into_iter().map(Some)).map(|column| self.target(column)).collect()
    }
}

/// The unique id of the source that a table is of.
fn source_id(table: &Node) -> &str {
    table.unique_id.get(..table.unique_id.len().saturating_sub(table.name.len() + 1)).unwrap_or_default()
}

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

    /// The edits that write a description into a text; where an entry of it is now, if that is known.
    fn edits(&self, source: &str, entry: Option<TextRange>, description: &str) -> Result<Vec<Edit>, Refusal> {
        match &self.way {
            Way::Entry(steps, known) => {
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

    /// What a unique id names.
    pub fn subject(&self, unique_id: &str) -> Option<Subject<'_>> {
        match self.index.node(unique_id) {
            Some(index) => Some(Subject::Node(index, &self.index.nodes[index])),
            None => match self.index.macros.iter().find(|found| *found.unique_id == *unique_id) {
                Some(found) => Some(Subject::Macro(found)),
                None => self.sources_of(self.index.nodes.iter().filter(|node| source_id(node) == unique_id)).first().copied(),
            },
        }
    }

    /// The sources of some tables, each once; of several entries of one source the one that is described.
    pub fn sources_of<'t>(&self, tables: impl Iterator<Item = &'t Node>) -> Vec<Subject<'t>> {
        let mut found: Vec<&'t Node> = Vec::new();
        let mut places: FxHashMap<&str, usize> = FxHashMap::default();
        for table in tables.filter(|table| table.source_patch.is_some()) {
            match places.get(source_id(table)) {
                Some(&at) if found[at].source_description.is_none() && table.source_description.is_some() => found[at] = table,
                Some(_) => {}
                None => {
                    places.insert(source_id(table), found.len());
                    found.push(table);
                }
            }
        }
        found.into_iter().map(Subject::Source).collect()
    }

    /// A node of the index.
    pub fn node_subject(&self, index: NodeIndex) -> Subject<'_> {
        Subject::Node(index, &self.index.nodes[index])
    }

    /// The project's macros that people describe.
    pub fn own_macros(&self) -> impl Iterator<Item = &Macro> {
        self.index.macros.iter().filter(|found| found.package == self.index.project && !found.is_generic_test)
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
        let known = subject.patch().filter(|patch| steps.starts_with(&patch.path) && matches!(patch.path.last(), Some(Step::Named(_) | Step::Item(_))));
        let known = known.map(|patch| (patch.place.range, patch.path.len()));
        Ok(Destination { path, way: Way::Entry(steps, known) })
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
        let before = |path: &PathBuf| self.file_at(path).map_or("", |file| &file.text);
        let mut files: BTreeMap<PathBuf, Growing> = BTreeMap::new();
        let mut refused = Vec::new();
        for (target, text) in texts {
            let made = self.may_describe(target, text).and_then(|destination| {
                let entry = destination.entry();
                let file = files.entry(destination.path.clone()).or_insert_with(|| Growing::new(before(&destination.path)));
                let edits = destination.edits(&file.text, entry.and_then(|entry| file.now(entry)), text)?;
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
            None => self.undescribe(&draft.target),
        }
    }

    /// The edit that takes a description out of its entry.
    fn undescribe(&self, target: &DescribeTarget) -> Result<FileEdits, Refusal> {
        let description = self.description_of(target);
        let found = self.subject(&target.unique_id).zip(description.and_then(|description| self.file(description.place.file)));
        let Some((subject, file)) = found else { return Err(Refusal(format!("{} has no description", self.label_of(target)))) };
        if file.package != 0 {
            return Err(Refusal(format!("{} belongs to a package, whose files are not ours to change", self.label_of(target))));
        }
        let (_, steps) = self.place_of(subject, target);
        // With a comment behind it the key stays, and holds nothing.
        let edits = yaml_edit::remove_key(&file.text, &steps, "description")
            .or_else(|refusal| yaml_edit::set_string(&file.text, &steps, "description", "").map_err(|_| refusal))?;
        if edits.is_empty() {
            return Err(Refusal(format!("the description of {} comes from elsewhere in the file (`<<`)", self.label_of(target))));
        }
        Ok(FileEdits { path: file.path.to_path_buf(), create: false, edits })
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
            (None, None) if has_own.is_some() => steps.extend([Step::key("columns"), Step::named(column)]),
            _ => return None,
        }
        Some(steps)
    }

    /// Whether a description goes to the entry that all versions of a model share.
    pub(crate) fn is_shared(&self, index: NodeIndex, target: &DescribeTarget) -> bool {
        !self.place_of(self.node_subject(index), target).1.contains(&Step::key("versions"))
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
    if description.contains("{%") {
        return Err(Refusal("the text holds a Jinja tag, which would end the docs block".to_owned()));
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
mod tests {
    use crate::test_support::{analysis, at_cursor};
    use crate::{DescribeAct, DescribeTarget, RuleSet};
    use expect_test::{Expect, expect};
    use testkit::Fixture;
    use text::TextRange;

    /// What is changed where a target gets a text.
    fn check(fixture: &str, unique_id: &str, column: Option<&str>, text: &str, expected: Expect) {
        let analysis = analysis(&Fixture::parse(fixture));
        let target = DescribeTarget { unique_id: unique_id.to_owned(), column: column.map(str::to_owned) };
        let shown = match analysis.describe(&target, text) {
            Ok(made) => {
                let before = analysis.file_at(&made.path).map_or("", |file| &file.text);
                let after = text::apply_edits(before, &made.edits).expect("the edits fit");
                text::unified_diff(before, &after, &made.path.display().to_string()).replace('\r', "␍")
            }
            Err(refusal) => format!("refused: {refusal}"),
        };
        let lines: Vec<&str> = shown.lines().filter(|line| line.starts_with(['+', '-', 'r']) && !line.starts_with("---")).collect();
        expected.assert_eq(&lines.join("\n"));
    }

    #[test]
    fn a_docs_block_is_edited_in_its_place() {
        let shop = "-- file: models/a.sql\nselect 1 as id, 2 as n, 3 as m\n-- file: models/m.yml\nmodels:\n  - name: a\n    description: '{{ doc(\"a\") }}'\n    columns:\n      - {name: id, description: \"{{ doc('shop', 'id') }}\"}\n      - {name: n, description: \"{{ doc('id') }} and more\"}\n      - {name: m, description: \"{{ doc('p', 'id') }}\"}\n-- file: models/d.md\nProse.\n{% docs a %}\n\nOld\ntext.\n\n{% enddocs %}\n{% docs id %}{% enddocs %}\n-- file: dbt_packages/p/dbt_project.yml\nname: p\n-- file: dbt_packages/p/models/d.md\n{% docs id %}x{% enddocs %}\n";
        // Another block is called from the entry; the one that stands there is there.
        check(
            shop,
            "model.shop.a",
            None,
            "{{ doc('id') }}",
            expect![[r#"
            +++ b//project/models/m.yml
            -    description: '{{ doc("a") }}'
            +    description: '{{ doc(''id'') }}'"#]],
        );
        check(shop, "model.shop.a", None, "{{ doc('a') }}", expect![[r#""#]]);
        check(
            shop,
            "model.shop.a",
            None,
            "New text.",
            expect![[r#"
            +++ b//project/models/d.md
            -Old
            -text.
            +New text."#]],
        );
        check(
            shop,
            "model.shop.a",
            Some("id"),
            "The key.",
            expect![[r#"
            +++ b//project/models/d.md
            -{% docs id %}{% enddocs %}
            +{% docs id %}
            +The key.
            +{% enddocs %}"#]],
        );
        check(
            shop,
            "model.shop.a",
            Some("n"),
            "x",
            expect!["refused: the description takes its text from several parts or from another package; edit these instead"],
        );
        check(
            shop,
            "model.shop.a",
            Some("m"),
            "x",
            expect!["refused: the description takes its text from several parts or from another package; edit these instead"],
        );
        check(shop, "model.shop.a", None, "{% enddocs %}", expect!["refused: the text holds a Jinja tag, which would end the docs block"]);
    }

    #[test]
    fn a_source_that_is_listed_twice() {
        let shop = "-- file: models/s.yml\nsources:\n  - name: raw\n    tables: [{name: one}]\n  - name: raw\n    tables: [{name: two}]\n";
        check(
            shop,
            "source.shop.raw.one",
            None,
            "One.",
            expect![[r#"
            +++ b//project/models/s.yml
            -    tables: [{name: one}]
            +    tables: [{name: one, description: One.}]"#]],
        );
        check(
            shop,
            "source.shop.raw.two",
            Some("id"),
            "Two.",
            expect![[r#"
            +++ b//project/models/s.yml
            -    tables: [{name: two}]
            +    tables: [{name: two, columns: [{name: id, description: Two.}]}]"#]],
        );
    }

    #[test]
    fn a_source_as_a_whole() {
        let shop = "-- file: models/s.yml\nsources:\n  - name: raw # here\n    tables:\n      - name: one\n      - {name: two, description: Two.}\n  - name: other\n    description: Theirs.\n    tables: [{name: one}]\n";
        check(
            shop,
            "source.shop.raw",
            None,
            "The shop's database.",
            expect![[r#"
            +++ b//project/models/s.yml
            +    description: The shop's database."#]],
        );
        check(
            shop,
            "source.shop.other",
            None,
            "Another.",
            expect![[r#"
            +++ b//project/models/s.yml
            -    description: Theirs.
            +    description: Another."#]],
        );
        let (analysis, file, offset) = at_cursor(&shop.replace("name: raw", "name: r$0aw"));
        let titles: Vec<String> = analysis.code_actions(&file, TextRange::at(offset)).into_iter().map(|action| action.title).collect();
        expect![[r#"
            Write description for source `raw`
            Write all missing descriptions in this file"#]]
        .assert_eq(&titles.join("\n"));
    }

    #[test]
    fn macros_and_their_arguments() {
        let shop = "-- file: macros/m.sql\n{% macro cents(column, scale=2) %}{% endmacro %}\n{% macro other() %}{% endmacro %}\n-- file: macros/m.yml\nmacros:\n  - name: cents\n    arguments:\n      - name: column\n        type: string\n-- file: dbt_packages/p/dbt_project.yml\nname: p\n-- file: dbt_packages/p/macros/d.sql\n{% macro theirs() %}{% endmacro %}\n";
        check(
            shop,
            "macro.shop.cents",
            None,
            "Cents as euros.",
            expect![[r#"
            +++ b//project/macros/m.yml
            +    description: Cents as euros."#]],
        );
        check(
            shop,
            "macro.shop.cents",
            Some("column"),
            "What is in cents.",
            expect![[r#"
            +++ b//project/macros/m.yml
            +        description: What is in cents."#]],
        );
        check(
            shop,
            "macro.shop.cents",
            Some("scale"),
            "Digits.",
            expect![[r#"
            +++ b//project/macros/m.yml
            +      - name: scale
            +        description: Digits."#]],
        );
        check(
            shop,
            "macro.shop.other",
            None,
            "Does nothing.",
            expect![[r#"
            +++ b//project/macros/m.yml
            +  - name: other
            +    description: Does nothing."#]],
        );
        check(shop, "macro.p.theirs", None, "x", expect!["refused: `theirs` belongs to package `p`, whose files are not ours to change"]);
        let offered = |fixture: &str, act: DescribeAct| {
            let (analysis, file, offset) = at_cursor(fixture);
            let actions = analysis.code_actions(&file, TextRange::at(offset)).into_iter().filter(|action| action.act == act);
            actions.map(|action| action.title).collect::<Vec<_>>().join("\n")
        };
        let titles = |fixture: &str| offered(fixture, DescribeAct::Write);
        let improved = |fixture: &str| offered(fixture, DescribeAct::Improve);
        expect!["Write description for macro `cents`"].assert_eq(&titles(&shop.replace("macro cents", "macro ce$0nts")));
        expect!["Write description for argument `column` of macro `cents`"].assert_eq(&titles(&shop.replace("- name: column", "- name: col$0umn")));
        expect!["Improve description of argument `column` of macro `cents`"]
            .assert_eq(&improved(&shop.replace("type: string", "description: Wh$0at is in cents.")));
    }

    #[test]
    fn new_entries_go_where_the_project_has_such() {
        let at = |files: &str| {
            let all = format!("-- file: models/new/x.sql\nselect 1\n{files}");
            let analysis = analysis(&Fixture::parse(&all));
            let target = DescribeTarget { unique_id: "model.shop.x".to_owned(), column: None };
            analysis
                .describe(&target, "X.")
                .map_or_else(|why| why.to_string(), |made| made.path.strip_prefix("/project").unwrap_or(&made.path).display().to_string())
        };
        let of = |folder: &str, file: &str, models: &[&str]| {
            let sql: String = models.iter().map(|name| format!("-- file: models/{folder}/{name}.sql\nselect 1\n")).collect();
            let entries: String = models.iter().map(|name| format!("  - name: {name}\n")).collect();
            format!("{sql}-- file: models/{folder}/{file}\nmodels:\n{entries}")
        };
        expect!["models/new/_new__models.yml"].assert_eq(&at(""));
        expect!["models/new/schema.yml"].assert_eq(&at(&format!("{}{}", of("a", "schema.yml", &["a1", "a2"]), of("b", "schema.yml", &["b1"]))));
        expect!["models/new/_new_models.yml"].assert_eq(&at(&format!(
            "{}{}",
            of("core", "_core_models.yml", &["a1", "a2"]),
            of("b", "_b_models.yml", &["b1"])
        )));
        expect!["models/new/x.yml"].assert_eq(&at(&format!(
            "{}{}{}",
            of("a", "a1.yml", &["a1"]),
            of("a", "a2.yml", &["a2"]),
            of("b", "all.yml", &["b1", "b2"])
        )));
        expect!["models/new/_x.yml"].assert_eq(&at(&format!("{}{}", of("new", "_n1.yml", &["n1"]), of("b", "b.yml", &["b1", "b2"]))));
        expect!["models/new/all.yml"].assert_eq(&at(&format!("{}{}", of("new", "all.yml", &["n1", "n2"]), of("b", "b1.yml", &["b1"]))));
    }

    #[test]
    fn the_setting_has_the_last_word() {
        let refused = |pattern: &str| RuleSet::default().with_new_entries(Some(pattern)).1.is_some();
        assert!(["../{name}.yml", "/x.yml", "x.sql", "a//b.yml", "c:x.yml"].into_iter().all(refused));
        assert!(!["{name}.yml", "yaml/_{folder}__{section}.yaml"].into_iter().any(refused));
    }
}
