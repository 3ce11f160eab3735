//! The outline of a query, read by tree-sitter from the text with its Jinja masked: works on text that no parser accepts.

use crate::jinja;
use std::sync::LazyLock;
use streaming_iterator::StreamingIterator;
use text::TextRange;
use tree_sitter::{Language, Parser, Query, QueryCursor, Tree};

/// A common table expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cte {
    pub name: String,
    pub name_range: TextRange,
    /// From the name to the closing parenthesis.
    pub range: TextRange,
}

static LANGUAGE: LazyLock<Language> = LazyLock::new(|| tree_sitter_sql::LANGUAGE.into());
static QUERY: LazyLock<Option<Query>> = LazyLock::new(|| Query::new(&LANGUAGE, include_str!("../../../queries/syntax/sql.scm")).ok());

/// The common table expressions of a model, in the order of the text.
pub fn ctes(source: &str) -> Vec<Cte> {
    let masked = jinja::mask(source);
    let (Some(tree), Some(query)) = (parse(&masked), QUERY.as_ref()) else { return Vec::new() };
    let mut cursor = QueryCursor::new();
    let mut matches = cursor.matches(query, tree.root_node(), masked.as_bytes());
    let mut ctes = Vec::new();
    while let Some(found) = matches.next() {
        let node = |name: &str| {
            let index = query.capture_index_for_name(name)?;
            found.nodes_for_capture_index(index).next()
        };
        if let (Some(name), Some(cte)) = (node("name"), node("cte")) {
            let name_range = TextRange::from(name.byte_range());
            ctes.push(Cte { name: name_range.of(source).to_owned(), name_range, range: cte.byte_range().into() });
        }
    }
    ctes.sort_by_key(|cte| cte.range.start);
    ctes
}

fn parse(masked: &str) -> Option<Tree> {
    let mut parser = Parser::new();
    parser.set_language(&LANGUAGE).ok()?;
    parser.parse(masked, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctes_of_whole_and_of_broken_text() {
        let source = "{{ config(materialized='table') }}\nwith orders as (\n  select * from {{ ref('o') }}\n),\n\nfinal as (select 1 as a from orders)\nselect * from final";
        let names = |source: &str| ctes(source).into_iter().map(|cte| cte.name).collect::<Vec<_>>();
        assert_eq!(names(source), ["orders", "final"]);
        assert_eq!(ctes(source)[1].range.of(source), "final as (select 1 as a from orders)");
        let broken = source.replace("select * from final", "select a., from final where {{ ");
        assert_eq!(names(&broken), ["orders", "final"]);
    }
}
