//! What SQL itself shows: columns that aren't there, tables named by hand, CTEs that nobody reads.

use super::Found;
use super::columns::meant;
use crate::columns::{Meaning, Scopes, Source};
use crate::thing::is_word;
use dbt::{NodeIndex, Severity, bare};
use syntax::sql::{self, RelationSource};
use text::TextRange;

pub(super) fn check(found: &mut Found<'_>) {
    let analysis = found.analysis;
    let scopes = Scopes::new(analysis, found.file);
    if !found.is_off("unused-cte") {
        unused(found, &scopes);
    }
    if !found.is_off("hard-coded-relation") {
        for relation in scopes.query.selects.iter().flat_map(|select| &select.relations) {
            let RelationSource::Named(path) = &relation.source else { continue };
            if let Some(index) = named_by_hand(found, path) {
                let node = &analysis.index.nodes[index];
                let message = format!("this is {} `{}`; write {}, so that dbt knows of it", node.resource_type, node.label(), crate::call_of(node));
                found.tell(relation.range, Severity::Warning, "hard-coded-relation", message);
            }
        }
    }
    if !found.is_off("unknown-column") {
        unknown_columns(found, &scopes);
    }
}

/// The node whose relation a table's written name is: `database.schema.name`, or `schema.name` in the target's database.
fn named_by_hand(found: &Found<'_>, path: &[String]) -> Option<NodeIndex> {
    let analysis = found.analysis;
    let own = analysis.index.nodes_of_file(found.file.id);
    let (name, schema, database) = match path {
        [schema, name] => (name, schema, None),
        [database, schema, name] => (name, schema, Some(database)),
        _ => return None,
    };
    let same = |part: Option<&str>, written: &str| part.is_some_and(|part| bare(part).eq_ignore_ascii_case(bare(written)));
    analysis.index.nodes_built_as(name).into_iter().find(|&index| {
        let node = &analysis.index.nodes[index];
        let fits = same(node.schema.as_deref(), schema) && database.is_none_or(|database| same(node.database.as_deref(), database));
        fits && !own.contains(&index)
    })
}

/// Columns that a table has besides those that make it: of Postgres, Redshift and DuckDB, Snowflake, Databricks, Trino.
const SYSTEM_COLUMNS: [&str; 12] = ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid", "oid", "rowid", "rownum", "level", "file_row_number", "filename"];

/// CTEs that neither another nor a select reads.
fn unused(found: &mut Found<'_>, scopes: &Scopes<'_>) {
    let mut is_read = vec![false; scopes.query.ctes.len()];
    for relation in scopes.query.selects.iter().flat_map(|select| &select.relations) {
        if let Source::Cte(at) = scopes.source(relation) {
            is_read[at] = true;
        }
    }
    let text = &found.file.text;
    let unread: Vec<(String, TextRange)> = scopes
        .query
        .ctes
        .iter()
        .zip(is_read)
        .filter(|(cte, is_read)| !is_read && !is_named_elsewhere(text, &cte.name, cte.range))
        .map(|(cte, _)| (cte.name.clone(), cte.name_range))
        .collect();
    if unread.is_empty() {
        return;
    }
    // What Jinja makes may read any of them: what counts is the SQL that the warehouse gets.
    let made = found.analysis.compiled(found.file, None).ok().map(|made| made.compiled).filter(|made| made.failure.is_none());
    let Some(made) = made else { return };
    let compiled = sql::read(&made.sql);
    for (name, range) in unread {
        let cte = compiled.ctes.iter().find(|cte| cte.name.eq_ignore_ascii_case(&name));
        if cte.is_some_and(|cte| !is_named_elsewhere(&made.sql, &name, cte.range)) {
            found.tell(range, Severity::Hint, "unused-cte", format!("CTE `{name}` is never read; take it out"));
        }
    }
}

/// Whether a word stands in the text outside of a range: what wasn't understood may still read it.
fn is_named_elsewhere(text: &str, name: &str, own: TextRange) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(is_word);
    let (lower, name) = (text.to_ascii_lowercase(), name.to_ascii_lowercase());
    lower.match_indices(&name).any(|(at, _)| {
        let is_inside = own.start as usize <= at && at < own.end as usize;
        !is_inside && !is_word(lower[..at].chars().next_back()) && !is_word(lower[at + name.len()..].chars().next())
    })
}

/// Columns that what is read provably lacks.
fn unknown_columns(found: &mut Found<'_>, scopes: &Scopes<'_>) {
    for (number, select) in scopes.query.selects.iter().enumerate() {
        for used in &select.names {
            let Some((qualifier, _)) = &used.qualifier else { continue };
            let Some(relation) = scopes.relation_called(number, qualifier) else { continue };
            let source = scopes.source(relation);
            let made = scopes.of_source(&source);
            // Some columns are everywhere, and names in quotes may be written otherwise.
            let is_system = SYSTEM_COLUMNS.iter().any(|name| used.name.eq_ignore_ascii_case(name));
            let is_pseudo = is_system || used.name.starts_with('_') || used.range.of(&found.file.text).starts_with(['"', '`']) || used.name.starts_with('$');
            if !made.is_complete || made.get(&used.name).is_some() || is_pseudo {
                continue;
            }
            if matches!(scopes.meaning(number, Some(qualifier), &used.name), Some(Meaning::Column { column: Some(_), .. })) {
                continue;
            }
            let what = match &source {
                Source::Node(index) => format!("`{}`", found.analysis.index.nodes[*index].label()),
                Source::Cte(at) => format!("CTE `{}`", scopes.query.ctes[*at].name),
                _ => "this subquery".to_owned(),
            };
            let message = format!("{what} has no column `{}`{}", used.name, meant(&used.name, made.columns.iter().map(|column| &*column.name)));
            found.tell(used.range, Severity::Warning, "unknown-column", message);
        }
    }
}
