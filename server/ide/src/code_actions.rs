//! Writing descriptions: which are missing at a place, where each goes, and the edit that puts it there.

use crate::{Analysis, File, Inherited};
use dbt::{FileKind, Node, NodeIndex, ResourceType};
use std::collections::BTreeMap;
use std::path::PathBuf;
use syntax::yaml_edit::{self, Refusal, Step};
use text::{Edit, TextRange};

/// How a new properties file begins.
pub(crate) const NEW_PROPERTIES: &str = "version: 2\n\n";

/// What a description is for. By name, so that it outlives a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DescribeTarget {
    pub unique_id: String,
    pub column: Option<String>,
}

impl DescribeTarget {
    /// A node, or one of its columns.
    pub fn of(node: &Node, column: Option<&str>) -> Self {
        Self { unique_id: node.unique_id.to_string(), column: column.map(str::to_owned) }
    }

    /// A node, then the columns that its entry names.
    pub fn all_of(node: &Node) -> impl Iterator<Item = Self> + '_ {
        std::iter::once(None).chain(node.columns.keys().map(Some)).map(|column| Self::of(node, column))
    }
}

/// What is done with the descriptions of some things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DescribeAct {
    /// Those that are missing are written: taken over where that can be, else by a language model.
    Write,
    /// Those that are missing are taken over from elsewhere; none is made up.
    Inherit,
    /// One is written anew by a language model, which is shown the old one.
    Improve,
    /// Drafts are found good.
    Accept,
    /// Drafts are taken out again.
    Reject,
    /// A model is read, and what it does is said in more words than a description has.
    Interpret,
}

impl DescribeAct {
    pub const ALL: [Self; 6] = [Self::Write, Self::Inherit, Self::Improve, Self::Accept, Self::Reject, Self::Interpret];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Inherit => "inherit",
            Self::Improve => "improve",
            Self::Accept => "accept",
            Self::Reject => "reject",
            Self::Interpret => "interpret",
        }
    }
}

/// An offer at a place in a file. It is worked out when a person takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeAction {
    pub title: String,
    pub act: DescribeAct,
    pub targets: Vec<DescribeTarget>,
    /// The hint that it mends: its rule and its place.
    pub mends: Option<(&'static str, TextRange)>,
    /// Whether it is for the whole file, rather than for what the cursor is at.
    pub is_for_file: bool,
}

/// Edits of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEdits {
    pub path: PathBuf,
    /// Whether the file has to be made first.
    pub create: bool,
    pub edits: Vec<Edit>,
}

/// More columns of an entry are not asked what they can take over, just to know whether that is worth an offer.
const MAX_ASKED: usize = 100;

impl Analysis {
    /// What can be done for the descriptions of the things that a range of a file touches, and of the whole file.
    pub fn code_actions(&self, file: &File, range: TextRange) -> Vec<CodeAction> {
        if file.package != 0 {
            return Vec::new();
        }
        let lines = text::LineIndex::new(&file.text);
        let line_of = |other: TextRange| TextRange::from(lines.line_range(&file.text, lines.line_of(other.start as usize)));
        // A person stands on the line of the name, or anywhere in a model's code.
        let is_at = |place: TextRange| file.kind != FileKind::Properties || line_of(place).meets(range);
        let mut actions = Vec::new();
        let mut missing = Vec::new();
        for diagnostic in self.wanted(file, self.missing_descriptions(file)) {
            let place = diagnostic.place.range;
            let Some(target) = self.target_at(file, place) else { continue };
            if is_at(place) {
                actions.push(CodeAction {
                    title: format!("Write description for {}", self.short_label(&target)),
                    act: DescribeAct::Write,
                    targets: vec![target.clone()],
                    mends: Some(("missing-description", place)),
                    is_for_file: false,
                });
            }
            missing.push(target);
        }
        self.offers_for_entry(file, range, &missing, &mut actions);
        actions.extend(self.offer_to_read(file, range));
        if missing.len() > 1 {
            actions.push(CodeAction {
                title: "Write all missing descriptions in this file".to_owned(),
                act: DescribeAct::Write,
                targets: missing,
                mends: None,
                is_for_file: true,
            });
        }
        let (targets, hints): (Vec<DescribeTarget>, Vec<_>) = self.draft_hints(file).into_iter().unzip();
        let wanted = self.wanted(file, hints.clone());
        for (target, diagnostic) in
            targets.into_iter().zip(hints).filter(|(_, hint)| wanted.iter().any(|wanted| wanted.place == hint.place && wanted.code == hint.code))
        {
            let place = diagnostic.place.range;
            let around = TextRange { start: line_of(place).start, end: line_of(TextRange::at(place.end as usize)).end };
            if !around.meets(range) {
                continue;
            }
            for (act, title) in [(DescribeAct::Accept, "Accept"), (DescribeAct::Reject, "Reject")] {
                let mends = Some((diagnostic.code, place));
                actions.push(CodeAction {
                    title: format!("{title} draft for {}", self.short_label(&target)),
                    act,
                    targets: vec![target.clone()],
                    mends,
                    is_for_file: false,
                });
            }
        }
        actions
    }

    /// What is offered for the entry that a range touches: all that it lacks, what it can take over, and what stands there already.
    fn offers_for_entry(&self, file: &File, range: TextRange, missing: &[DescribeTarget], actions: &mut Vec<CodeAction>) {
        let offer = |title: String, act, targets| CodeAction { title, act, targets, mends: None, is_for_file: false };
        if file.kind == FileKind::Properties {
            for target in self.targets_in(file) {
                let Some(description) = self.description_of(&target).filter(|found| found.place.file == file.id && found.place.range.meets(range)) else {
                    continue;
                };
                if !description.has_jinja() {
                    actions.push(offer(format!("Improve description of {}", self.short_label(&target)), DescribeAct::Improve, vec![target]));
                }
            }
        }
        for &index in self.index.nodes_described_in(file.id) {
            let node = &self.index.nodes[index];
            if !node.patch.as_ref().is_some_and(|patch| patch.place.range.meets(range)) {
                continue;
            }
            let own: Vec<DescribeTarget> = missing.iter().filter(|target| *target.unique_id == *node.unique_id).cloned().collect();
            let inherits = |target: &&DescribeTarget| self.inherited(target).is_some();
            let inherited: Vec<DescribeTarget> = own.iter().take(MAX_ASKED).filter(inherits).cloned().collect();
            if !inherited.is_empty() {
                actions.push(offer(format!("Inherit descriptions of `{}` ({})", node.label(), inherited.len()), DescribeAct::Inherit, inherited));
            }
            if own.len() > 1 {
                actions.push(offer(format!("Write all missing descriptions for `{}`", node.label()), DescribeAct::Write, own));
            }
        }
    }

    /// The model of a file of code, or of the entry that a range touches, may be read.
    fn offer_to_read(&self, file: &File, range: TextRange) -> Option<CodeAction> {
        let is_here = |index: NodeIndex| match file.kind {
            FileKind::Properties => self.index.nodes[index].patch.as_ref().is_some_and(|patch| patch.name.file == file.id && patch.name.range.meets(range)),
            _ => true,
        };
        let all = self.index.nodes_of_file(file.id).iter().chain(self.index.nodes_described_in(file.id));
        let index = all.copied().find(|&index| {
            let node = &self.index.nodes[index];
            matches!(node.resource_type, ResourceType::Model | ResourceType::Snapshot | ResourceType::Analysis) && node.code.is_some() && is_here(index)
        })?;
        let node = &self.index.nodes[index];
        Some(CodeAction {
            title: format!("Interpret `{}`: say what its SQL does", node.label()),
            act: DescribeAct::Interpret,
            targets: vec![DescribeTarget::of(node, None)],
            mends: None,
            is_for_file: true,
        })
    }

    /// A target's name for a title.
    fn short_label(&self, target: &DescribeTarget) -> String {
        match &target.column {
            Some(column) => format!("column `{column}`"),
            None => self.label_of(target),
        }
    }

    fn target_at(&self, file: &File, place: TextRange) -> Option<DescribeTarget> {
        for &index in self.index.nodes_described_in(file.id).iter().chain(self.index.nodes_of_file(file.id)) {
            let node = &self.index.nodes[index];
            let is_entry = node.patch.as_ref().is_some_and(|patch| patch.name.file == file.id && patch.name.range == place);
            let is_code = file.kind != FileKind::Properties && node.place.file == file.id;
            if is_entry || is_code {
                return Some(DescribeTarget::of(node, None));
            }
            let column = node.columns.values().find(|column| column.entry.is_some_and(|at| at.file == file.id && at.range == place));
            if let Some(column) = column {
                return Some(DescribeTarget::of(node, Some(&column.name)));
            }
        }
        None
    }

    /// What a target can take over from upstream.
    pub fn inherited(&self, target: &DescribeTarget) -> Option<Inherited> {
        self.inherited_column(self.index.node(&target.unique_id)?, target.column.as_ref()?)
    }

    /// The edit that writes a description: into the entry that exists, else into a new one where this project keeps such entries.
    /// A package's files and descriptions that are `{{ doc('…') }}` are never touched.
    pub fn describe(&self, target: &DescribeTarget, description: &str) -> Result<FileEdits, Refusal> {
        let (path, steps) = self.may_describe(target)?;
        let file = self.file_at(&path);
        let edits = described(file.map_or("", |file| &file.text), &steps, description)?;
        Ok(FileEdits { path, create: file.is_none(), edits })
    }

    /// Where a description goes, or what stands in its way.
    fn may_describe(&self, target: &DescribeTarget) -> Result<(PathBuf, Vec<Step>), Refusal> {
        let refuse = |why: String| Err(Refusal(why));
        let Some(index) = self.index.node(&target.unique_id) else {
            return refuse(format!("{} is not in the project any more", target.unique_id));
        };
        let node = &self.index.nodes[index];
        if *node.package != *self.index.project {
            return refuse(format!("`{}` belongs to package `{}`, whose files are not ours to change", node.label(), node.package));
        }
        if self.entry_text(target).is_some_and(|existing| existing.has_jinja()) {
            return refuse("the description comes from a docs block; edit that instead".to_owned());
        }
        Ok(self.place_of(index, target))
    }

    /// The edits that write many descriptions, a set for each file; with what was refused, and why.
    pub fn describe_all(&self, texts: &[(DescribeTarget, String)]) -> (Vec<FileEdits>, Vec<(DescribeTarget, Refusal)>) {
        let before = |path: &PathBuf| self.file_at(path).map_or("", |file| &file.text);
        let mut files: BTreeMap<PathBuf, String> = BTreeMap::new();
        let mut refused = Vec::new();
        for (target, text) in texts {
            let made = self.may_describe(target).and_then(|(path, steps)| {
                let so_far = files.get(&path).map_or_else(|| before(&path), String::as_str);
                let edits = described(so_far, &steps, text)?;
                let after = text::apply_edits(so_far, &edits).map_err(|error| Refusal(error.to_string()))?;
                files.insert(path, after);
                Ok(())
            });
            if let Err(why) = made {
                refused.push((target.clone(), why));
            }
        }
        let edits =
            files.into_iter().map(|(path, after)| FileEdits { create: self.file_at(&path).is_none(), edits: text::line_edits(before(&path), &after), path });
        (edits.collect(), refused)
    }

    /// The edit that takes a description out of its entry.
    pub fn undescribe(&self, target: &DescribeTarget) -> Result<FileEdits, Refusal> {
        let place = self.description_of(target).map(|description| description.place);
        let found = self.index.node(&target.unique_id).zip(place.and_then(|place| self.file(place.file)));
        let Some((index, file)) = found else { return Err(Refusal(format!("{} has no description", self.label_of(target)))) };
        if file.package != 0 {
            return Err(Refusal(format!("{} belongs to a package, whose files are not ours to change", self.label_of(target))));
        }
        let edits = yaml_edit::remove_key(&file.text, &self.place_of(index, target).1, "description")?;
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

    /// The file and the path of a target's entry.
    fn place_of(&self, index: NodeIndex, target: &DescribeTarget) -> (PathBuf, Vec<Step>) {
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
        let steps = vec![Step::key(section), Step::named(&node.name)];
        let folder = self.file(node.place.file).and_then(|file| file.path.parent()).unwrap_or(&self.root).to_owned();
        // The file that describes most of the node's neighbours; their habit is the project's.
        let mut counts: BTreeMap<PathBuf, usize> = BTreeMap::new();
        for other in self.index.nodes.iter().filter(|other| other.resource_type == node.resource_type) {
            let Some(patch) = &other.patch else { continue };
            let Some(yaml) = self.file(patch.place.file).filter(|yaml| yaml.path.parent() == Some(&folder)) else { continue };
            *counts.entry(yaml.path.to_path_buf()).or_default() += 1;
        }
        let best = counts.iter().max_by_key(|(_, count)| **count).map(|(path, _)| path.clone());
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or("models").to_owned();
        (best.unwrap_or_else(|| folder.join(format!("_{name}__{section}.yml"))), steps)
    }
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

#[cfg(test)]
mod tests {
    use crate::test_support::at_cursor;
    use expect_test::{Expect, expect};
    use text::TextRange;

    /// Applies the first offer with `text`, or with what is inherited.
    fn check(fixture: &str, text: Option<&str>, expected: Expect) {
        let (analysis, file, offset) = at_cursor(fixture);
        let actions = analysis.code_actions(&file, TextRange::at(offset));
        let Some(action) = actions.first().filter(|action| action.act == crate::DescribeAct::Write) else { return expected.assert_eq("no offer") };
        let written = text.map(str::to_owned).or_else(|| analysis.inherited(&action.targets[0]).map(|inherited| inherited.raw)).unwrap_or_default();
        let shown = match analysis.describe(&action.targets[0], &written) {
            Ok(made) => {
                let before = analysis.file_at(&made.path).map_or("", |file| &file.text);
                let after = text::apply_edits(before, &made.edits).expect("the edits fit");
                format!("{}\n{}{}\n{after}", action.title, if made.create { "new " } else { "" }, made.path.display())
            }
            Err(refusal) => format!("{}\nrefused: {refusal}", action.title),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn a_column_inherits() {
        check(
            "-- file: models/a.sql\nselect 1 as id\n-- file: models/b.sql\nselect id from {{ ref('a') }}\n-- file: models/m.yml\nmodels:\n  - name: a\n    columns:\n      - {name: id, description: The key.}\n  - name: b\n    columns:\n      - name: $0id   # key\n",
            None,
            expect![[r#"
                Write description for column `id`
                /project/models/m.yml
                models:
                  - name: a
                    columns:
                      - {name: id, description: The key.}
                  - name: b
                    columns:
                      - name: id   # key
                        description: The key.
            "#]],
        );
    }

    #[test]
    fn a_model_without_an_entry_goes_where_its_neighbours_are() {
        check(
            "-- file: models/core/a.sql\nselect 1\n-- file: models/core/b.sql\nselect $0id from {{ ref('a') }}\n-- file: models/core/core.yml\nversion: 2\n\nmodels:\n- name: a\n  description: 'First.'\n",
            Some("It's b."),
            expect![[r#"
                Write description for `b`
                /project/models/core/core.yml
                version: 2

                models:
                - name: a
                  description: 'First.'
                - name: b
                  description: 'It''s b.'
            "#]],
        );
        check(
            "-- file: models/core/b.sql\nselect $0id\n",
            Some("Only b."),
            expect![[r#"
                Write description for `b`
                new /project/models/core/_core__models.yml
                version: 2

                models:
                  - name: b
                    description: Only b.
            "#]],
        );
    }

    #[test]
    fn a_version_has_columns_of_its_own() {
        let yaml = "models:\n  - name: m\n    description: d\n    columns: [{name: all}]\n    versions:\n      - v: 1\n        columns:\n          - {name: id, data_type: int}\n      - v: 2\n";
        let fixture =
            format!("-- file: models/m_v1.sql\nselect 1 as id, 2 as all\n-- file: models/m_v2.sql\nselect 1 as id$0, 2 as all\n-- file: models/m.yml\n{yaml}");
        let (analysis, ..) = at_cursor(&fixture);
        let written = |version: &str, column: Option<&str>| {
            let target = crate::DescribeTarget { unique_id: format!("model.shop.m.v{version}"), column: column.map(str::to_owned) };
            let made = analysis.describe(&target, "New").expect("it is written");
            let before = &analysis.file_at(&made.path).expect("the file").text;
            text::unified_diff(before, &text::apply_edits(before, &made.edits).expect("the edits fit"), "m.yml")
                .lines()
                .filter(|line| line.starts_with('+') && !line.starts_with("+++"))
                .collect::<Vec<_>>()
                .join("\n")
        };
        expect![[r#"+          - {name: id, description: New, data_type: int}"#]].assert_eq(&written("1", Some("ID")));
        expect![[r#"+    columns: [{name: all, description: New}]"#]].assert_eq(&written("1", Some("all")));
        expect![[r#"+          - name: other
+            description: New"#]]
        .assert_eq(&written("1", Some("other")));
        expect![[r#"+    columns: [{name: all}, {name: id, description: New}]"#]].assert_eq(&written("2", Some("id")));
        expect![[r#"+    description: New"#]].assert_eq(&written("2", None));
    }

    #[test]
    fn nothing_is_offered_for_what_is_described() {
        check("-- file: models/a.sql\nselect 1\n-- file: models/m.yml\nmodels:\n  - name: a$0\n    description: x\n", None, expect!["no offer"]);
        check(
            "-- file: models/a.sql\nselect 1\n-- file: dbt_packages/p/dbt_project.yml\nname: p\n-- file: dbt_packages/p/models/x.sql\nselect $01\n",
            None,
            expect!["no offer"],
        );
    }
}
