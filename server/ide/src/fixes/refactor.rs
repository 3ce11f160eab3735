//! SQL that moves: a CTE into a model of its own, an ephemeral model into its reader; CTEs without readers.

use super::{FixKind, Fixes};
use crate::columns::{Scopes, Source};
use crate::{Change, FileEdits};
use dbt::{Diagnostic, FileKind, Target};
use syntax::jinja;
use syntax::sql::Query;
use text::{Edit, TextRange};

pub(super) fn offer(fixes: &mut Fixes<'_>, found: &[Diagnostic]) {
    if fixes.file.kind != FileKind::Model {
        return;
    }
    let scopes = Scopes::new(fixes.analysis, fixes.file);
    let at = scopes.query.ctes.iter().position(|cte| fixes.touches(cte.name_range));
    if let Some(at) = at {
        extract(fixes, &scopes, at);
    }
    remove(fixes, &scopes.query, found);
    inline(fixes);
}

/// The CTE's query as a model beside this one; here remains a query that reads it.
fn extract(fixes: &mut Fixes<'_>, scopes: &Scopes<'_>, at: usize) {
    let text = &*fixes.file.text;
    let cte = &scopes.query.ctes[at];
    let analysis = fixes.analysis;
    let folder = fixes.file.path.parent().unwrap_or(&analysis.root);
    let path = folder.join(format!("{}.sql", cte.name));
    let is_taken = analysis.index.nodes.iter().any(|node| node.resource_type.is_refable() && node.name == cte.name);
    if is_taken || analysis.file_at(&path).is_some() || cte.branches.is_empty() || !cte.columns.is_empty() {
        return;
    }
    // What it reads comes along, in order.
    let mut needed = Vec::new();
    read_by(scopes, cte.body, &mut needed);
    needed.sort_unstable();
    if needed.contains(&at) {
        return;
    }
    let parts: Vec<TextRange> = needed.iter().map(|&other| scopes.query.ctes[other].range).collect();
    // A variable that is set outside of it would be lost.
    let names = jinja::names(text);
    let moved = |range: TextRange| parts.iter().any(|part| part.contains_range(range)) || cte.body.contains_range(range);
    let is_lost = names.names.iter().any(|name| {
        let used = moved(name.range) && name.kind == jinja::NameKind::Variable;
        used && names.local(name.range.of(text), name.range.start as usize).is_some_and(|local| !moved(local.definition))
    });
    // What is about the model itself would be about the new one: its own table, whether it is built anew.
    let is_own = |name: &jinja::Name| moved(name.range) && ["this", "is_incremental", "model", "config"].contains(&name.range.of(text));
    if is_lost || names.names.iter().any(is_own) {
        return;
    }
    let mut made = String::new();
    if !parts.is_empty() {
        let list: Vec<&str> = parts.iter().map(|part| part.of(text)).collect();
        made.push_str(&format!("with {}\n\n", list.join(",\n\n")));
    }
    made.push_str(&dedented(cte.body.of(text)));
    made.push('\n');
    let body = cte.body.of(text);
    let replacement = if body.contains('\n') {
        let indent = body.lines().find(|line| !line.trim().is_empty()).map_or("    ", |line| &line[..line.len() - line.trim_start().len()]);
        let tail = body.rfind('\n').map_or("", |end| &body[end..]);
        format!("\n{}select * from {{{{ ref('{}') }}}}{tail}", if body.starts_with('\n') || body.starts_with("\r\n") { indent } else { "    " }, cte.name)
    } else {
        format!("select * from {{{{ ref('{}') }}}}", cte.name)
    };
    let edits = vec![
        FileEdits { path, create: true, edits: vec![Edit::insert(0, made)] },
        FileEdits { path: fixes.file.path.to_path_buf(), create: false, edits: vec![Edit::replace(cte.body, replacement)] },
    ];
    fixes.push(format!("Extract CTE `{}` to a model", cte.name), FixKind::Refactor, Change { edits, renames: Vec::new() }, None, false);
}

/// The CTEs that a part of the query reads, and those that these read.
fn read_by(scopes: &Scopes<'_>, part: TextRange, into: &mut Vec<usize>) {
    let selects = scopes.query.selects.iter().filter(|select| part.contains_range(select.range));
    let read: Vec<usize> = selects
        .flat_map(|select| &select.relations)
        .filter_map(|relation| match scopes.source(relation) {
            Source::Cte(at) => Some(at),
            _ => None,
        })
        .collect();
    for at in read {
        if !into.contains(&at) && !part.contains_range(scopes.query.ctes[at].range) {
            into.push(at);
            read_by(scopes, scopes.query.ctes[at].body, into);
        }
    }
}

/// A query without the blanks that all of its lines begin with.
fn dedented(text: &str) -> String {
    let indents = text.lines().filter(|line| !line.trim().is_empty()).map(|line| line.len() - line.trim_start().len());
    let is_first_bare = text.lines().next().is_some_and(|line| !line.trim().is_empty());
    // A query that begins behind the parenthesis says nothing by its first line.
    let least = indents.skip(usize::from(is_first_bare)).min().unwrap_or(0);
    let lines = text.lines().map(|line| if line.len() - line.trim_start().len() >= least { &line[least..] } else { line.trim_start() }.trim_end());
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// CTEs that the rules say nobody reads.
fn remove(fixes: &mut Fixes<'_>, query: &Query, found: &[Diagnostic]) {
    let text = &*fixes.file.text;
    for found in found.iter().filter(|found| found.code == "unused-cte") {
        if !fixes.touches(found.place.range) {
            continue;
        }
        let Some(at) = query.ctes.iter().position(|cte| cte.name_range == found.place.range) else { continue };
        let cte = &query.ctes[at];
        // With the comma behind it, or of the last the one before it.
        let behind = text[cte.range.end as usize..].trim_start();
        let range = if behind.starts_with(',') {
            let comma = text.len() - behind.len() + 1;
            let next = text[comma..].len() - text[comma..].trim_start().len();
            TextRange::new(cte.range.start as usize, comma + next)
        } else {
            let head = text[..cte.range.start as usize].trim_end();
            if !head.ends_with(',') {
                continue;
            }
            TextRange::new(head.len() - 1, cte.range.end as usize)
        };
        let change = fixes.here(vec![Edit::delete(range)]);
        fixes.push(format!("Remove CTE `{}`", cte.name), FixKind::Quick, change, Some(found), true);
    }
}

/// The query of an ephemeral model in the place of its `ref`.
fn inline(fixes: &mut Fixes<'_>) {
    let analysis = fixes.analysis;
    let file = fixes.file;
    let refs: Vec<&dbt::Use> = file.facts.uses.iter().filter(|used| fixes.touches(used.range) && matches!(used.target, Target::Ref { .. })).collect();
    for used in refs {
        let Some(index) = analysis.index.resolve(&used.target, analysis.package_of(file)) else { continue };
        let node = &analysis.index.nodes[index];
        if node.config.materialized.as_deref() != Some("ephemeral") || *node.package != *analysis.index.project {
            continue;
        }
        let Some(model) = analysis.file(node.place.file) else { continue };
        let scopes = Scopes::new(analysis, file);
        let relations = scopes.query.selects.iter().flat_map(|select| &select.relations);
        let Some(relation) = relations.into_iter().find(|relation| relation.range.contains_range(used.range)) else { continue };
        // Its config is not the reader's, and its own variables might meet others.
        let names = jinja::names(&model.text);
        if !names.locals.is_empty() {
            continue;
        }
        let config = model.facts.uses.iter().find(|used| matches!(&used.target, Target::Macro { path } if *path == ["config"]));
        let mut query = model.text.to_string();
        if let Some(config) = config {
            let tag = jinja::scan(&model.text).into_iter().find(|tag| tag.outer.contains_range(config.range));
            let Some(tag) = tag else { continue };
            query.replace_range(tag.outer.start as usize..tag.outer.end as usize, "");
        }
        let alias = if relation.alias.is_some() { String::new() } else { format!(" as {}", node.name) };
        let body = query.trim().trim_end_matches(';').lines().map(|line| format!("    {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n");
        let edit = Edit::replace(relation.range, format!("(\n{body}\n){alias}"));
        let title = format!("Inline ephemeral model `{}`", node.name);
        let change = fixes.here(vec![edit]);
        fixes.push(title, FixKind::Refactor, change, None, false);
    }
}
