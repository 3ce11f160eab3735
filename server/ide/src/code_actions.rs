//! Writing descriptions: which are missing at a place, where each goes, and the edit that puts it there.

use crate::{Analysis, File, Inherited};
use dbt::{FileKind, NodeIndex};
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

/// An offer at a place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeAction {
    pub title: String,
    pub target: DescribeTarget,
    /// The hint that it mends.
    pub diagnostic: TextRange,
}

/// Edits of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEdits {
    pub path: PathBuf,
    /// Whether the file has to be made first.
    pub create: bool,
    pub edits: Vec<Edit>,
}

impl Analysis {
    /// What can be written for the things that a range of a file touches.
    pub fn code_actions(&self, file: &File, range: TextRange) -> Vec<CodeAction> {
        if file.package != 0 {
            return Vec::new();
        }
        let touches = |other: TextRange| other.start <= range.end && range.start <= other.end;
        let lines = text::LineIndex::new(&file.text);
        let line_of = |other: TextRange| {
            let line = lines.line_range(&file.text, lines.line_of(other.start as usize));
            TextRange::from(line)
        };
        let mut actions = Vec::new();
        for diagnostic in self.wanted(file, self.missing_descriptions(file)) {
            let place = diagnostic.place.range;
            // A person stands on the line of the name, or anywhere in a model's code.
            if !touches(line_of(place)) && file.kind == FileKind::Properties {
                continue;
            }
            if let Some(target) = self.target_at(file, place) {
                let title = match &target.column {
                    Some(column) => format!("Write description for column `{column}`"),
                    None => {
                        let label = self.index.node(&target.unique_id).map(|index| self.index.nodes[index].label()).unwrap_or_default();
                        format!("Write description for `{label}`")
                    }
                };
                actions.push(CodeAction { title, target, diagnostic: place });
            }
        }
        actions
    }

    fn target_at(&self, file: &File, place: TextRange) -> Option<DescribeTarget> {
        for &index in self.index.nodes_described_in(file.id).iter().chain(self.index.nodes_of_file(file.id)) {
            let node = &self.index.nodes[index];
            let unique_id = node.unique_id.to_string();
            let is_entry = node.patch.as_ref().is_some_and(|patch| patch.name.file == file.id && patch.name.range == place);
            let is_code = file.kind != FileKind::Properties && node.place.file == file.id;
            if is_entry || is_code {
                return Some(DescribeTarget { unique_id, column: None });
            }
            let column = node.columns.values().find(|column| column.entry.is_some_and(|at| at.file == file.id && at.range == place));
            if let Some(column) = column {
                return Some(DescribeTarget { unique_id, column: Some(column.name.clone()) });
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
        let refuse = |why: String| Err(Refusal(why));
        let Some(index) = self.index.node(&target.unique_id) else {
            return refuse(format!("{} is not in the project any more", target.unique_id));
        };
        let node = &self.index.nodes[index];
        if *node.package != *self.index.project {
            return refuse(format!("`{}` belongs to package `{}`, whose files are not ours to change", node.label(), node.package));
        }
        let existing = match &target.column {
            Some(column) => node.column(column).and_then(|column| column.description.as_ref()),
            None => node.description.as_ref(),
        };
        if existing.is_some_and(|existing| existing.has_jinja()) {
            return refuse("the description comes from a docs block; edit that instead".to_owned());
        }
        let (path, mut steps) = self.entry_of(index);
        if let Some(column) = &target.column {
            let written = node.column(column).map_or(column.as_str(), |column| &column.name);
            steps.extend([Step::key("columns"), Step::named(written)]);
        }
        let file = self.file_at(&path);
        let source = file.map_or("", |file| &file.text);
        let mut edits = Vec::new();
        if file.is_none_or(|file| file.text.trim().is_empty()) {
            edits.push(Edit::insert(0, NEW_PROPERTIES));
        }
        edits.extend(yaml_edit::set_string(source, &steps, "description", description)?);
        Ok(FileEdits { path, create: file.is_none(), edits })
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
        let mut counts: std::collections::BTreeMap<PathBuf, usize> = std::collections::BTreeMap::new();
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

#[cfg(test)]
mod tests {
    use crate::test_support::at_cursor;
    use expect_test::{Expect, expect};
    use text::TextRange;

    /// Applies the first offer with `text`, or with what is inherited.
    fn check(fixture: &str, text: Option<&str>, expected: Expect) {
        let (analysis, file, offset) = at_cursor(fixture);
        let actions = analysis.code_actions(&file, TextRange::at(offset));
        let Some(action) = actions.first() else { return expected.assert_eq("no offer") };
        let written = text.map(str::to_owned).or_else(|| analysis.inherited(&action.target).map(|inherited| inherited.raw)).unwrap_or_default();
        let shown = match analysis.describe(&action.target, &written) {
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
    fn nothing_is_offered_for_what_is_described() {
        check("-- file: models/a.sql\nselect 1\n-- file: models/m.yml\nmodels:\n  - name: a$0\n    description: x\n", None, expect!["no offer"]);
        check(
            "-- file: models/a.sql\nselect 1\n-- file: dbt_packages/p/dbt_project.yml\nname: p\n-- file: dbt_packages/p/models/x.sql\nselect $01\n",
            None,
            expect!["no offer"],
        );
    }
}
