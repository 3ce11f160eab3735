//! Hover: a card worth reading, in Markdown.

use crate::{Analysis, File, Thing};
use dbt::{Column, Description, Macro, NodeIndex, ResourceType, Severity};
use std::fmt::Write;
use text::TextRange;

/// A card and the text that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hover {
    pub range: TextRange,
    pub markdown: String,
}

/// More columns than this make a card that nobody reads.
const MAX_COLUMNS: usize = 20;
const MAX_NEIGHBOURS: usize = 8;

impl Analysis {
    /// The card of the thing at an offset.
    pub fn hover(&self, file: &File, offset: usize) -> Option<Hover> {
        let (thing, range) = self.thing_at(file, offset)?;
        let markdown = match thing {
            Thing::Node(index) => self.node_card(index),
            Thing::Column(index, name) => {
                let node = &self.index.nodes[index];
                self.column_card(index, node.column(&name)?)
            }
            Thing::Macro(at) => macro_card(&self.index.macros[at]),
            Thing::Docs(at) => {
                let docs = &self.index.docs[at];
                format!("**{}** · docs block · `{}`\n\n---\n\n{}", docs.name, docs.package, docs.text)
            }
            Thing::Var(name) => {
                let (_, value) = self.config.vars.get(&name)?;
                format!("**{name}** · var\n\n```yaml\n{name}: {value}\n```\n\nset in `dbt_project.yml`")
            }
            Thing::Cte(cte) => {
                let code = cte.range.of(&file.text);
                let shown: Vec<&str> = code.lines().take(20).collect();
                let more = if code.lines().count() > 20 { "\n…" } else { "" };
                format!("**{}** · CTE\n\n```sql\n{}{more}\n```", cte.name, shown.join("\n"))
            }
        };
        Some(Hover { range, markdown })
    }

    /// Everything worth knowing of a node.
    pub fn node_card(&self, index: NodeIndex) -> String {
        let node = &self.index.nodes[index];
        let mut card = format!("**{}** · {}", node.label(), node.resource_type);
        if let Some(materialized) = node.config.materialized.as_ref().filter(|_| node.resource_type == ResourceType::Model) {
            let _ = write!(card, " · {materialized}");
        }
        if *node.package != *self.index.project {
            let _ = write!(card, " · package `{}`", node.package);
        }
        card.push('\n');
        match &node.description {
            Some(description) if node.has_description() => push_description(&mut card, description),
            _ if node.resource_type.has_description() => card.push_str("\n*No description.*\n"),
            _ => {}
        }
        if let Some(description) = node.source_description.as_ref().filter(|text| !text.text.trim().is_empty()) {
            let _ = write!(card, "\nSource `{}`: {}\n", node.source_name.as_deref().unwrap_or_default(), description.text.trim());
        }
        if !node.columns.is_empty() {
            card.push('\n');
            for column in node.columns.values().take(MAX_COLUMNS) {
                let _ = write!(card, "- `{}`", column.name);
                if let Some(data_type) = column.shown_type() {
                    let _ = write!(card, " {data_type}");
                }
                let text = column.description.as_ref().map_or("", |description| description.text.as_str());
                if !text.trim().is_empty() {
                    let _ = write!(card, ": {}", first_sentence(text));
                }
                let tests: Vec<&str> = column.tests.iter().map(|test| test.name.as_str()).collect();
                if !tests.is_empty() {
                    let _ = write!(card, " *({})*", tests.join(", "));
                }
                card.push('\n');
            }
            if node.columns.len() > MAX_COLUMNS {
                let _ = writeln!(card, "- … and {} more columns", node.columns.len() - MAX_COLUMNS);
            }
        }
        let mut facts = Vec::new();
        for (label, value) in &node.details {
            facts.push(format!("{label}: `{value}`"));
        }
        if !node.config.tags.is_empty() {
            facts.push(format!("tags: {}", node.config.tags.iter().map(|tag| format!("`{tag}`")).collect::<Vec<_>>().join(", ")));
        }
        if let Some(group) = &node.config.group {
            facts.push(format!("group: `{group}`"));
        }
        if !node.tests.is_empty() {
            facts.push(format!("tests: {}", node.tests.iter().map(|test| test.name.as_str()).collect::<Vec<_>>().join(", ")));
        }
        facts.extend(self.run_facts(index).into_iter().map(|(label, text)| format!("{label}: {text}")));
        if !facts.is_empty() {
            let _ = write!(card, "\n{}\n", facts.join("  \n"));
        }
        card.push_str("\n---\n\n");
        let upstream = self.neighbours("Upstream", &node.depends_on);
        let (tests, readers): (Vec<NodeIndex>, Vec<NodeIndex>) =
            self.index.children[index].iter().partition(|&&child| self.index.nodes[child].resource_type.is_test());
        // Generic tests stand above, with what they test.
        let tests: Vec<NodeIndex> = tests.into_iter().filter(|&test| self.index.nodes[test].test.is_none()).collect();
        let downstream = self.neighbours("Downstream", &readers);
        let tested = if tests.is_empty() { String::new() } else { format!("  \n{}", self.neighbours("Tested by", &tests)) };
        let _ = write!(card, "{upstream}  \n{downstream}{tested}  \n`{}`", node.path);
        if !node.unresolved.is_empty() {
            let _ = write!(card, "  \nunresolved: {}", node.unresolved.join(", "));
        }
        card
    }

    fn neighbours(&self, label: &str, nodes: &[NodeIndex]) -> String {
        if nodes.is_empty() {
            return format!("{label}: none");
        }
        let names: Vec<String> = nodes.iter().take(MAX_NEIGHBOURS).map(|&index| format!("`{}`", self.index.nodes[index].label())).collect();
        let more = if nodes.len() > MAX_NEIGHBOURS { ", …" } else { "" };
        format!("{label} ({}): {}{more}", nodes.len(), names.join(", "))
    }

    fn column_card(&self, index: NodeIndex, column: &Column) -> String {
        let node = &self.index.nodes[index];
        let mut card = format!("**{}** · column of `{}`", column.name, node.label());
        if let Some(data_type) = column.shown_type() {
            let _ = write!(card, " · {data_type}");
        }
        card.push('\n');
        match &column.description {
            Some(description) if column.has_description() => push_description(&mut card, description),
            _ => match self.inherited_column(index, &column.name) {
                Some(inherited) => {
                    let _ = write!(card, "\n{}\n\n*from `{}`*\n", inherited.text.trim(), inherited.from);
                }
                None => card.push_str("\n*No description.*\n"),
            },
        }
        for test in column.tests.iter() {
            let arguments = if test.arguments.is_empty() { String::new() } else { format!(" ({})", test.arguments.join("; ")) };
            let _ = write!(card, "\n- test `{}`{arguments}", test.name);
        }
        card
    }

    /// Errors first; for a line under a card in a chat.
    pub fn problems_of(&self, index: NodeIndex) -> Vec<String> {
        let file = self.index.nodes[index].place.file;
        let of_file = self.index.diagnostics_of(file).filter(|found| found.severity <= Severity::Warning);
        of_file.map(|found| found.message.clone()).collect()
    }
}

fn push_description(card: &mut String, description: &Description) {
    let _ = write!(card, "\n{}\n", description.text.trim());
}

/// The first sentence of a description on one line; tables and lists that follow are for the column's own card.
fn first_sentence(text: &str) -> String {
    let paragraph = text
        .trim()
        .split(
            "

",
        )
        .next()
        .unwrap_or("");
    let line = paragraph.lines().take_while(|line| !line.trim_start().starts_with('|')).collect::<Vec<_>>().join(" ");
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.find(". ") {
        Some(end) => line[..=end].to_owned(),
        None => line,
    }
}

fn macro_card(found: &Macro) -> String {
    let kind = if found.is_generic_test { "generic test" } else { "macro" };
    let mut card = format!("**{}** · {kind} · `{}`\n\n```jinja\n{}\n```\n", found.name, found.package, found.signature());
    if let Some(description) = &found.description {
        push_description(&mut card, description);
    }
    for (name, data_type, description) in &found.arguments {
        let data_type = data_type.as_ref().map(|data_type| format!(" ({data_type})")).unwrap_or_default();
        let description = description.as_ref().map(|text| format!(": {}", first_sentence(text))).unwrap_or_default();
        let _ = write!(card, "\n- `{name}`{data_type}{description}");
    }
    let _ = write!(card, "\n\n`{}`", found.path);
    card
}

#[cfg(test)]
mod tests {
    use crate::test_support::at_cursor;
    use expect_test::{Expect, expect};

    fn check(fixture: &str, expected: Expect) {
        let (analysis, file, offset) = at_cursor(fixture);
        expected
            .assert_eq(&analysis.hover(&file, offset).map_or("nothing".to_owned(), |hover| format!("[{}]\n{}", hover.range.of(&file.text), hover.markdown)));
    }

    #[test]
    fn a_models_card() {
        check(
            "-- file: models/a.sql\n{{ config(materialized='table', tags=['daily']) }}\nselect * from {{ source('raw', 't') }}\n-- file: models/m.yml\nsources:\n  - name: raw\n    description: The shop's database.\n    tables: [{name: t}]\nmodels:\n  - name: a\n    description: One row per | order.\n    columns:\n      - name: id\n        data_type: int\n        description: \"{{ doc('key') }}\"\n        data_tests: [unique]\n-- file: models/d.md\n{% docs key %}\nThe | key.\n{% enddocs %}\n-- file: models/b.sql\nselect * from {{ ref('$0a') }}\n",
            expect![[r#"
                ['a']
                **a** · model · table

                One row per | order.

                - `id` int: The | key. *(unique)*

                tags: `daily`  
                relation: "memory"."main"."a"

                ---

                Upstream (1): `raw.t`  
                Downstream (1): `b`  
                `models/a.sql`"#]],
        );
    }

    #[test]
    fn a_column_that_inherits() {
        check(
            "-- file: models/a.sql\nselect 1 as id\n-- file: models/m.yml\nmodels:\n  - name: a\n    columns: [{name: id, description: The key.}]\n  - name: b\n    columns:\n      - name: i$0d\n-- file: models/b.sql\nselect id from {{ ref('a') }}\n",
            expect![[r#"
                [id]
                **id** · column of `b`

                The key.

                *from `model.shop.a`*
            "#]],
        );
    }

    #[test]
    fn macros_and_vars() {
        check(
            "-- file: macros/m.sql\n{% macro cents(x, scale=2) %}{% endmacro %}\n-- file: macros/m.yml\nmacros:\n  - name: cents\n    description: Cents to dollars.\n    arguments: [{name: x, type: column, description: In cents}]\n-- file: models/a.sql\nselect {{ cents$0('x') }}\n",
            expect![[r#"
            [cents]
            **cents** · macro · `shop`

            ```jinja
            cents(x, scale=2)
            ```

            Cents to dollars.

            - `x` (column): In cents

            `macros/m.sql`"#]],
        );
    }
}
