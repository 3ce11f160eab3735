//! The outline of Jinja and YAML files, read by tree-sitter so that it survives while somebody is typing.

use std::sync::LazyLock;
use streaming_iterator::StreamingIterator;
use text::TextRange;
use tree_sitter::{Language, Parser, Query, QueryCursor};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutlineKind {
    /// A CTE.
    Cte,
    /// A Jinja macro.
    Macro,
    /// A Jinja variable.
    Variable,
    /// A key at the top of a YAML file.
    Section,
    /// An entry of a YAML list that has a name.
    Entry,
}

/// One line of an outline; items nest by their ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineItem {
    pub kind: OutlineKind,
    pub name: String,
    pub name_range: TextRange,
    pub range: TextRange,
}

static JINJA: LazyLock<Option<(Language, Query)>> =
    LazyLock::new(|| with_query(tree_sitter_jinja::language(), include_str!("../../../queries/syntax/jinja.scm")));
static YAML: LazyLock<Option<(Language, Query)>> =
    LazyLock::new(|| with_query(tree_sitter_yaml::LANGUAGE.into(), include_str!("../../../queries/syntax/yaml.scm")));

fn with_query(language: Language, query: &str) -> Option<(Language, Query)> {
    let query = Query::new(&language, query).ok()?;
    Some((language, query))
}

impl OutlineItem {
    /// Macros, variables and CTEs of a file of SQL with Jinja.
    pub fn of_sql(source: &str) -> Vec<Self> {
        let mut items = run(&JINJA, source, |kind| match kind {
            "macro" => Some(OutlineKind::Macro),
            "variable" => Some(OutlineKind::Variable),
            _ => None,
        });
        items.extend(crate::sql::ctes(source).into_iter().map(|cte| Self {
            kind: OutlineKind::Cte,
            name: cte.name,
            name_range: cte.name_range,
            range: cte.range,
        }));
        sorted(items)
    }

    /// Sections and named entries of a properties file.
    pub fn of_yaml(source: &str) -> Vec<Self> {
        let mut items = run(&YAML, source, |kind| match kind {
            "section" => Some(OutlineKind::Section),
            "entry" => Some(OutlineKind::Entry),
            _ => None,
        });
        items.retain(|item| {
            let start = item.name_range.start as usize;
            item.kind == OutlineKind::Entry || start == 0 || source.as_bytes()[start - 1] == b'\n'
        });
        sorted(items)
    }
}

fn sorted(mut items: Vec<OutlineItem>) -> Vec<OutlineItem> {
    items.sort_by_key(|item| (item.range.start, std::cmp::Reverse(item.range.end)));
    let mut seen = std::collections::HashSet::new();
    items.retain(|item| seen.insert((item.name_range.start, item.kind == OutlineKind::Section)));
    items
}

/// Every match of a query with a `@name` and one other capture whose name says the kind.
fn run(grammar: &LazyLock<Option<(Language, Query)>>, source: &str, kind_of: impl Fn(&str) -> Option<OutlineKind>) -> Vec<OutlineItem> {
    let Some((language, query)) = grammar.as_ref() else { return Vec::new() };
    let mut parser = Parser::new();
    if parser.set_language(language).is_err() {
        return Vec::new();
    }
    let Some(tree) = parser.parse(source, None) else { return Vec::new() };
    let mut cursor = QueryCursor::new();
    let mut matches = cursor.matches(query, tree.root_node(), source.as_bytes());
    let mut items = Vec::new();
    while let Some(found) = matches.next() {
        let (mut name, mut whole) = (None, None);
        for capture in found.captures {
            let range = TextRange::from(capture.node.byte_range());
            match query.capture_names()[capture.index as usize] {
                "name" => name = Some(range),
                other => whole = kind_of(other).map(|kind| (kind, range)).or(whole),
            }
        }
        if let (Some(name_range), Some((kind, range))) = (name, whole) {
            let name = name_range.of(source).trim_matches(['"', '\'']).to_owned();
            let trimmed = TextRange::new(range.start as usize, range.start as usize + range.of(source).trim_end().len());
            items.push(OutlineItem { kind, name, name_range, range: trimmed });
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(items: &[OutlineItem]) -> Vec<String> {
        items.iter().map(|item| format!("{:?} {}", item.kind, item.name)).collect()
    }

    #[test]
    fn every_query_compiles() {
        assert!(JINJA.is_some() && YAML.is_some());
    }

    #[test]
    fn outline_of_a_model_that_is_being_typed() {
        let source = "{% set methods = ['a'] %}\n{% macro cents(x) %}{{ x }}{% endmacro %}\nwith a as (select 1)\nselect {{ ref(";
        assert_eq!(shown(&OutlineItem::of_sql(source)), ["Variable methods", "Macro cents", "Cte a"]);
    }

    #[test]
    fn outline_of_yaml_between_braces() {
        let source = "models:\n  - {name: a, columns: [{name: id}, {name: 'b', tags: [x]}]}\n  - name: c\n    columns: [{name: k}]\n";
        assert_eq!(shown(&OutlineItem::of_yaml(source)), ["Section models", "Entry a", "Entry id", "Entry b", "Entry c", "Entry k"]);
    }

    #[test]
    fn outline_of_yaml_that_is_being_typed() {
        let source = "version: 2\nmodels:\n  - name: a\n    columns:\n      - name: id\n      - name: \"b\"\n  - name: c\n    desc";
        assert_eq!(shown(&OutlineItem::of_yaml(source)), ["Section version", "Section models", "Entry a", "Entry id", "Entry b", "Entry c"]);
    }
}
