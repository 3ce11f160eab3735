//! Inlay hints and code lenses: what stands beside the text.

use crate::{Analysis, File, Mention, NavigationTarget};
use dbt::{FileKind, NodeIndex, ResourceType, Target};
use syntax::sql::{self, Expression};
use text::TextRange;

/// What a hint tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HintKind {
    /// How a model is materialized, behind its `ref`.
    Materialization,
    /// The type of a column.
    Type,
    /// The columns that a `*` takes.
    Star,
}

/// A text shown at a place of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    pub offset: usize,
    pub label: String,
    pub kind: HintKind,
    /// Markdown.
    pub tooltip: Option<String>,
}

/// A line above a place, to click on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lens {
    pub range: TextRange,
    /// `None` where it takes a search, which is made once the line is shown: see [`Analysis::references_of`].
    pub title: Option<String>,
    pub action: LensAction,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LensAction {
    /// Shows the nodes that read this one, by its unique_id.
    Readers(String),
    /// Shows the places that name a node or call a macro, by its unique_id.
    References(String),
    /// Goes there.
    Open(NavigationTarget),
    /// Shows the tests of a node, by its unique_id.
    Tests(String),
    /// Shows the graph around a node, by its unique_id.
    Lineage(String),
    Compiled,
}

/// Columns of a `*` that are named in a hint.
const MAX_NAMES: usize = 6;

impl Analysis {
    /// The hints of a range of a file.
    pub fn hints(&self, file: &File, range: TextRange) -> Vec<Hint> {
        let mut hints = Vec::new();
        if !file.kind.is_sql() {
            return hints;
        }
        let package = self.package_of(file);
        for used in file.facts.uses.iter().filter(|used| range.touches(used.range.end as usize)) {
            if let (Target::Ref { .. }, Some(index)) = (&used.target, self.index.resolve(&used.target, package)) {
                let node = &self.index.nodes[index];
                let label = match node.resource_type {
                    ResourceType::Model => node.config.materialized.as_deref().unwrap_or("view").to_owned(),
                    kind => kind.to_string(),
                };
                hints.push(Hint { offset: used.range.end as usize, label, kind: HintKind::Materialization, tooltip: None });
            }
        }
        let scopes = crate::columns::Scopes::new(self, file);
        for select in scopes.query.selects.iter().filter(|select| range.meets(select.range)) {
            for item in select.items.iter().filter(|item| range.touches(item.range.end as usize)) {
                if let Expression::Star { qualifier, without } = &item.expression {
                    let relations = scopes.relations_of(select, qualifier.as_deref());
                    let (mut names, mut is_complete) = (Vec::new(), true);
                    for relation in relations {
                        let made = scopes.of_source(&scopes.source(relation));
                        is_complete &= made.is_complete;
                        names.extend(
                            made.columns.iter().map(|column| column.name.clone()).filter(|name| !without.iter().any(|other| other.eq_ignore_ascii_case(name))),
                        );
                    }
                    if names.is_empty() {
                        continue;
                    }
                    let shown = names.iter().take(MAX_NAMES).cloned().collect::<Vec<_>>().join(", ");
                    let more = match (names.len().saturating_sub(MAX_NAMES), is_complete) {
                        (0, true) => String::new(),
                        (0, false) => ", …".to_owned(),
                        (more, _) => format!(", … {more} more"),
                    };
                    let tooltip = names.iter().map(|name| format!("- `{name}`")).collect::<Vec<_>>().join("\n");
                    hints.push(Hint { offset: item.range.end as usize, label: format!("{shown}{more}"), kind: HintKind::Star, tooltip: Some(tooltip) });
                }
            }
        }
        self.type_hints(file, &scopes.query, range, &mut hints);
        hints.sort_by_key(|hint| hint.offset);
        hints
    }

    /// Types of the columns that the model makes, where YAML or the catalog tells them.
    fn type_hints(&self, file: &File, query: &sql::Query, range: TextRange, hints: &mut Vec<Hint>) {
        let [index] = self.index.nodes_of_file(file.id) else { return };
        let node = &self.index.nodes[*index];
        for select in query.outermost.iter().take(1).map(|&at| &query.selects[at]) {
            for item in &select.items {
                let Some((name, place)) = item.name.as_ref().filter(|(_, place)| range.touches(place.end as usize)) else { continue };
                if let Some(data_type) = node.column(name).and_then(|column| column.shown_type()) {
                    hints.push(Hint { offset: place.end as usize, label: format!(": {data_type}"), kind: HintKind::Type, tooltip: None });
                }
            }
        }
    }

    /// The lenses of a file: above a model's code, above each entry of a properties file, above macros.
    pub fn lenses(&self, file: &File) -> Vec<Lens> {
        let mut lenses = Vec::new();
        if file.package != 0 {
            return lenses;
        }
        if file.kind == FileKind::Properties {
            for &index in self.index.nodes_described_in(file.id) {
                let node = &self.index.nodes[index];
                let Some(name) = node.patch.as_ref().map(|patch| patch.name.range) else { continue };
                if lenses.iter().any(|lens: &Lens| lens.range == name) {
                    continue;
                }
                if node.place.file != file.id {
                    let title = format!("{} in {}", node.resource_type, node.path.rsplit('/').next().unwrap_or(&node.path));
                    lenses.push(Lens { range: name, title: Some(title), action: LensAction::Open(self.node_target(index)) });
                }
                self.node_lenses(index, name, &mut lenses);
            }
            return lenses;
        }
        for &index in self.index.nodes_of_file(file.id) {
            let node = &self.index.nodes[index];
            if !matches!(node.resource_type, ResourceType::Model | ResourceType::Snapshot | ResourceType::Seed) || file.kind == FileKind::Seed {
                continue;
            }
            let range = if node.place.range.is_empty() { TextRange::at(0) } else { node.place.range };
            self.node_lenses(index, range, &mut lenses);
            if let Some(entry) = self.entry_target(index).filter(|entry| entry.file != file.id) {
                lenses.push(Lens { range, title: Some("open YAML".to_owned()), action: LensAction::Open(entry) });
            }
            lenses.push(Lens { range, title: Some("lineage".to_owned()), action: LensAction::Lineage(node.unique_id.to_string()) });
            if file.kind.is_sql() {
                lenses.push(Lens { range, title: Some("compiled SQL".to_owned()), action: LensAction::Compiled });
            }
        }
        for found in self.index.macros.iter().filter(|found| found.place.file == file.id) {
            lenses.push(Lens { range: found.place.range, title: None, action: LensAction::References(found.unique_id.to_string()) });
        }
        lenses
    }

    /// The places that name a node or call a macro, and how a lens says how many these are.
    pub fn references_of(&self, unique_id: &str) -> Option<(String, Vec<Mention>)> {
        let (thing, place) = match self.index.node(unique_id) {
            Some(index) => (crate::Thing::Node(index), self.index.nodes[index].place),
            None => {
                let at = self.index.macros.iter().position(|found| *found.unique_id == *unique_id)?;
                (crate::Thing::Macro(at), self.index.macros[at].place)
            }
        };
        let mut found = self.mentions(self.file(place.file)?, &thing);
        found.retain(|mention| !mention.is_definition);
        Some((if found.len() == 1 { "1 reference".to_owned() } else { format!("{} references", found.len()) }, found))
    }

    /// Where the tests of a node stand: generic ones in its entry, others in their files.
    pub fn tests_of(&self, unique_id: &str) -> Vec<NavigationTarget> {
        let Some(index) = self.index.node(unique_id) else { return Vec::new() };
        let tests = self.index.children[index].iter().filter(|&&child| self.index.nodes[child].resource_type.is_test());
        tests.map(|&test| self.node_target(test)).collect()
    }

    fn node_lenses(&self, index: NodeIndex, range: TextRange, lenses: &mut Vec<Lens>) {
        let node = &self.index.nodes[index];
        let children = &self.index.children[index];
        let readers = children.iter().filter(|&&child| !self.index.nodes[child].resource_type.is_test()).count();
        let tests = children.len() - readers;
        if node.resource_type.is_refable() || node.resource_type == ResourceType::Source {
            let id = node.unique_id.to_string();
            lenses.push(Lens { range, title: None, action: LensAction::References(id.clone()) });
            lenses.push(Lens { range, title: Some(format!("{readers} downstream")), action: LensAction::Readers(id.clone()) });
            let tests = if tests == 1 { "1 test".to_owned() } else { format!("{tests} tests") };
            lenses.push(Lens { range, title: Some(tests), action: LensAction::Tests(id) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Lens, LensAction};
    use crate::test_support::at_cursor;
    use expect_test::expect;
    use text::TextRange;

    const SHOP: &str = "-- file: seeds/s.csv\nid,name\n-- file: models/a.sql\n{{ config(materialized='table') }}select id, name from {{ ref('s') }}\n-- file: models/m.yml\nmodels:\n  - name: a\n    columns: [{name: id, data_type: int, data_tests: [unique]}]\n  - name: b\n    columns: [{name: id, data_type: int}]\n-- file: macros/m.sql\n{% macro m() %}{% endmacro %}\n";

    #[test]
    fn hints_of_a_model() {
        let (analysis, file, _) =
            at_cursor(&format!("{SHOP}-- file: models/b.sql\n$0with x as (select * from {{{{ ref('a') }}}}) select id, {{{{ m() }}}} as k from x\n"));
        let mut text = file.text.to_string();
        for hint in analysis.hints(&file, TextRange::new(0, text.len())).into_iter().rev() {
            text.insert_str(hint.offset, &format!("⟦{}⟧", hint.label));
        }
        expect![[r#"
            with x as (select *⟦id, name⟧ from {{ ref('a')⟦table⟧ }}) select id⟦: int⟧, {{ m() }} as k from x
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn lenses_of_files() {
        for (path, expected) in [
            (
                "models/a.sql",
                expect![[r#"
                    "": 1 reference
                    "": 1 downstream
                    "": 1 test
                    "": open YAML
                    "": lineage
                    "": compiled SQL"#]],
            ),
            (
                "models/m.yml",
                expect![[r#"
                    "a": model in a.sql
                    "a": 1 reference
                    "a": 1 downstream
                    "a": 1 test
                    "b": model in b.sql
                    "b": 0 references
                    "b": 0 downstream
                    "b": 0 tests"#]],
            ),
            ("macros/m.sql", expect![[r#""m": 1 reference"#]]),
        ] {
            let (analysis, _, _) = at_cursor(&format!("{SHOP}-- file: models/b.sql\n$0select id, {{{{ m() }}}} from {{{{ ref('a') }}}}\n"));
            let file = analysis.file_at(&std::path::Path::new("/project").join(path)).expect("a file");
            let title = |lens: &Lens| match &lens.action {
                LensAction::References(id) => analysis.references_of(id).map(|(title, _)| title),
                _ => lens.title.clone(),
            };
            let shown: Vec<String> =
                analysis.lenses(file).iter().map(|lens| format!("{:?}: {}", lens.range.of(&file.text), title(lens).unwrap_or_default())).collect();
            expected.assert_eq(&shown.join("\n"));
        }
    }
}
