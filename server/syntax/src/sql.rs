//! The scopes of a query, read from the text with its Jinja masked; works on text that no parser accepts.

mod essence;
mod lexer;
mod query;

pub use essence::essence;
pub use lexer::{PlainToken, comments, is_keyword, plain_tokens, words};
pub use query::{Cte, Expression, Item, NameUse, Query, Relation, RelationSource, Select, read};

/// The common table expressions of a model, in the order of the text.
pub fn ctes(source: &str) -> Vec<Cte> {
    read(source).ctes
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
