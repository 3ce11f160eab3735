//! What is offered for descriptions at a place.

use crate::{Analysis, EntryCoverage, File, Inherited, Subject};
use dbt::{FileKind, Node, NodeIndex, ResourceType};
use std::collections::BTreeSet;
use std::path::PathBuf;
use text::{Edit, TextRange};

/// What a description is for. By name, so that it outlives a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DescribeTarget {
    /// A node's or a macro's.
    pub unique_id: String,
    /// One of a node's columns, or of a macro's arguments.
    pub column: Option<String>,
}

impl DescribeTarget {
    /// A node, or one of its columns.
    pub fn of(node: &Node, column: Option<&str>) -> Self {
        Self { unique_id: node.unique_id.to_string(), column: column.map(str::to_owned) }
    }

    /// The same for all that are for one thing: SQL's names have no case.
    pub fn key(&self) -> Self {
        Self { unique_id: self.unique_id.clone(), column: self.column.as_ref().map(|column| column.to_lowercase()) }
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
            if !self.is_rejected(&target) {
                missing.push(target);
            }
        }
        self.offer_for_column(file, range, &mut actions);
        self.offers_for_entry(file, range, &mut actions);
        self.offers_for_macros(file, range, &mut actions);
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

    /// What somebody rejected is asked for by itself, if at all.
    fn is_rejected(&self, target: &DescribeTarget) -> bool {
        let draft = self.drafts().get(crate::DraftKind::Description, target);
        draft.is_some_and(|draft| draft.state == crate::DraftState::Rejected && !self.is_stale(draft))
    }

    /// The column whose name a range touches where a model's SQL makes it.
    fn offer_for_column(&self, file: &File, range: TextRange, actions: &mut Vec<CodeAction>) {
        for &index in self.index.nodes_of_file(file.id).iter().filter(|_| file.kind.is_sql()) {
            let made = self.made(index);
            let is_here = |place: dbt::Place| place.file == file.id && place.range.meets(range);
            let column = made.columns.iter().find(|column| column.place.is_some_and(is_here));
            let target = column.map(|column| DescribeTarget::of(&self.index.nodes[index], Some(&column.name)));
            if let Some(target) = target.filter(|target| self.is_to_be_described(index) && self.description_of(target).is_none()) {
                let title = format!("Write description for {}", self.short_label(&target));
                actions.push(CodeAction { title, act: DescribeAct::Write, targets: vec![target], mends: None, is_for_file: false });
            }
        }
    }

    /// What is offered for the entry that a range touches, or for the model whose code it does: all that it lacks, also of columns that no entry
    /// names, what it can take over, and what stands there already.
    fn offers_for_entry(&self, file: &File, range: TextRange, actions: &mut Vec<CodeAction>) {
        let offer = |title: String, act, targets| CodeAction { title, act, targets, mends: None, is_for_file: false };
        if file.kind == FileKind::Properties {
            for target in self.subjects_in(file).flat_map(|subject| subject.targets()) {
                let Some(description) = self.description_of(&target).filter(|found| found.place.file == file.id && found.place.range.meets(range)) else {
                    continue;
                };
                let mut title = format!("Improve description of {}", self.short_label(&target));
                match self.docs_block_of(description) {
                    Some((_, name)) => title.push_str(&format!(" (the docs block `{name}`)")),
                    None if description.has_jinja() => continue,
                    None => {}
                }
                actions.push(offer(title, DescribeAct::Improve, vec![target]));
            }
        }
        let is_at = |&index: &NodeIndex| {
            let node = &self.index.nodes[index];
            match (&node.patch, file.kind) {
                (Some(patch), FileKind::Properties) => patch.place.range.meets(range),
                (_, FileKind::Properties) => false,
                _ => node.code.is_none_or(|code| code.meets(range)),
            }
        };
        let nodes = self.index.nodes_described_in(file.id).iter().chain(self.index.nodes_of_file(file.id)).copied();
        let here: BTreeSet<NodeIndex> = nodes.filter(|&index| self.is_to_be_described(index)).filter(is_at).collect();
        let here: Vec<Subject<'_>> = here.into_iter().map(|index| self.node_subject(index)).collect();
        for EntryCoverage { subject, missing, .. } in self.coverage(&here) {
            let own: Vec<DescribeTarget> = missing.into_iter().filter(|target| !self.is_rejected(target)).collect();
            let inherits = |target: &&DescribeTarget| self.inherited(target).is_some();
            let inherited: Vec<DescribeTarget> = own.iter().take(MAX_ASKED).filter(inherits).cloned().collect();
            if !inherited.is_empty() {
                actions.push(offer(format!("Inherit descriptions of `{}` ({})", subject.label(), inherited.len()), DescribeAct::Inherit, inherited));
            }
            if own.len() > 1 {
                actions.push(offer(format!("Write all missing descriptions for `{}` ({})", subject.label(), own.len()), DescribeAct::Write, own));
            }
        }
    }

    /// A macro at its definition, and a macro or an argument at its entry, that has no description.
    fn offers_for_macros(&self, file: &File, range: TextRange, actions: &mut Vec<CodeAction>) {
        for found in self.own_macros() {
            let subject = Subject::Macro(found);
            let at_name = |place: dbt::Place| place.file == file.id && place.range.meets(range);
            let mut missing = Vec::new();
            let is_entry = found.patch.as_ref().is_some_and(|patch| patch.place.file == file.id && patch.place.range.meets(range));
            if !found.has_description() && (at_name(found.place) || found.patch.as_ref().is_some_and(|patch| at_name(patch.name))) {
                missing.push(subject.target(None));
            }
            if is_entry {
                missing.extend(found.arguments.iter().filter(|argument| !argument.has_description()).map(|argument| subject.target(Some(&argument.name))));
            }
            for target in missing {
                let title = format!("Write description for {}", self.label_of(&target));
                actions.push(CodeAction { title, act: DescribeAct::Write, targets: vec![target], mends: None, is_for_file: false });
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
        match (&target.column, self.subject(&target.unique_id)) {
            (Some(column), Some(Subject::Node(..))) => format!("column `{column}`"),
            _ => self.label_of(target),
        }
    }

    fn target_at(&self, file: &File, place: TextRange) -> Option<DescribeTarget> {
        if let Some(source) = self.sources_in(file).into_iter().find(|source| source.patch().is_some_and(|patch| patch.name.range == place)) {
            return Some(source.target(None));
        }
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
        let (index, column) = (self.index.node(&target.unique_id)?, target.column.as_ref()?);
        let found = self.inherited_column(index, column)?;
        // What the versions of a model share has to be true of each.
        if self.index.nodes[index].version.is_some() && self.is_shared(index, target) {
            let has = |at: &NodeIndex| self.made(*at).get(column).is_some();
            let agrees = |at: NodeIndex| self.inherited_column(at, column).is_some_and(|other| other.raw == found.raw);
            if !self.versions_beside(index).filter(has).all(agrees) {
                return None;
            }
        }
        Some(found)
    }
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
        let fixture = format!(
            "-- file: models/m_v1.sql\nselect 1 as id, 2 as all\n-- file: models/m_v2.sql\nselect 1 as id$0, 2 as all, 3 as more\n-- file: models/m.yml\n{yaml}"
        );
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
        // What the other version doesn't make is this one's own.
        expect![[r#"
            +        columns:
            +          - include: all
            +          - name: more
            +            description: New"#]]
        .assert_eq(&written("2", Some("more")));
    }

    #[test]
    fn columns_that_only_the_sql_names() {
        let shop = "-- file: models/a.sql\nselect 1 as id, 2 as n\n-- file: models/b.sql\nwith c as (select id, n + 1 as m from {{ ref('a') }})\nselect id, m$0 as more from c\n-- file: models/m.yml\nmodels:\n  - name: a\n    description: A.\n    columns: [{name: id, description: The key.}, {name: n}]\n  - name: b\n    description: B.\n";
        let offers = |fixture: &str| {
            let (analysis, file, offset) = at_cursor(fixture);
            let names = |action: crate::CodeAction| {
                let targets = action.targets.iter().map(|target| target.column.as_deref().unwrap_or("itself"));
                format!("{}: {}", action.title, targets.collect::<Vec<_>>().join(", "))
            };
            analysis.code_actions(&file, TextRange::at(offset)).into_iter().map(names).collect::<Vec<_>>().join("\n")
        };
        let in_sql = expect![[r#"
            Inherit descriptions of `b` (1): id
            Write all missing descriptions for `b` (2): id, more
            Interpret `b`: say what its SQL does: itself"#]];
        in_sql.assert_eq(&offers(shop));
        expect![[r#"
            Write description for column `more`: more
            Inherit descriptions of `b` (1): id
            Write all missing descriptions for `b` (2): id, more
            Interpret `b`: say what its SQL does: itself"#]]
        .assert_eq(&offers(&shop.replace("m$0 as more", "m as mo$0re")));
        let in_yaml = offers(&shop.replace("m$0 as", "m as").replace("description: B.", "description: $0B."));
        expect![[r#"
            Improve description of `b`: itself
            Inherit descriptions of `b` (1): id
            Write all missing descriptions for `b` (2): id, more"#]]
        .assert_eq(&in_yaml);
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
