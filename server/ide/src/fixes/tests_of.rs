//! Generic tests for the column at the cursor, and its description into a docs block.

use super::yaml::column;
use super::{FixKind, Fixes, deprecated};
use dbt::{FileKind, NodeIndex};
use syntax::yaml::{self, Kind, Node};
use syntax::yaml_edit::{self, behind_line};
use text::Edit;

/// Other tables that are offered for one column.
const MAX_RELATIONS: usize = 3;

pub(super) fn offer(fixes: &mut Fixes<'_>) {
    if fixes.file.kind != FileKind::Properties {
        return;
    }
    let analysis = fixes.analysis;
    let file = fixes.file;
    let tree = yaml::parse(&file.text);
    let Some(root) = tree.root.as_ref().filter(|_| tree.error.is_none()) else { return };
    macros(fixes, root);
    let mut seen = Vec::new();
    for &index in analysis.index.nodes_described_in(file.id) {
        let node = &analysis.index.nodes[index];
        let Some(patch) = node.patch.as_ref().filter(|patch| fixes.touches(patch.place.range)) else { continue };
        // The versions of a model share an entry.
        if seen.contains(&patch.place.range) {
            continue;
        }
        seen.push(patch.place.range);
        let Some(entry) = yaml_edit::find(root, &patch.path) else { continue };
        let label = if node.version.is_some() { node.name.clone() } else { node.label() };
        deprecated::docs_block(fixes, entry, &label);
        let columns = entry.get("columns").map(Node::items).unwrap_or_default();
        let touched: Vec<&Node> = columns.iter().filter(|item| !item.is_alias && fixes.touches(item.range)).collect();
        for item in touched {
            let Some((_, name)) = item.get_entry("name") else { continue };
            let Some(written) = name.as_str() else { continue };
            deprecated::docs_block(fixes, item, &format!("{label}__{written}"));
            if fixes.is_on_line_of(name.range) {
                tests(fixes, index, item, written);
            }
        }
    }
}

/// The texts of macros and their arguments.
fn macros(fixes: &mut Fixes<'_>, root: &Node) {
    let analysis = fixes.analysis;
    for found in analysis.own_macros() {
        let Some(patch) = found.patch.as_ref().filter(|patch| patch.place.file == fixes.file.id && fixes.touches(patch.place.range)) else { continue };
        let Some(entry) = yaml_edit::find(root, &patch.path) else { continue };
        deprecated::docs_block(fixes, entry, &found.name);
        for item in entry.get("arguments").map(Node::items).unwrap_or_default().iter().filter(|item| !item.is_alias) {
            if let Some(name) = item.get_str("name") {
                deprecated::docs_block(fixes, item, &format!("{}__{name}", found.name));
            }
        }
    }
}

fn tests(fixes: &mut Fixes<'_>, index: NodeIndex, item: &Node, column_name: &str) {
    let analysis = fixes.analysis;
    let node = &analysis.index.nodes[index];
    let is_it = |known: &dbt::TestUse, test: &str| known.name == test || known.name.ends_with(&format!(".{test}"));
    // The model's own tests may be about the column, too: dbt refuses two of one name.
    let is_of_model = |test: &str| {
        let about = format!("column_name: {column_name}");
        node.tests.iter().any(|known| is_it(known, test) && known.arguments.iter().any(|argument| argument.eq_ignore_ascii_case(&about)))
    };
    let has = |test: &str| node.column(column_name).is_some_and(|column| column.tests.iter().any(|known| is_it(known, test))) || is_of_model(test);
    for test in ["not_null", "unique"].into_iter().filter(|test| !has(test)) {
        add(fixes, item, test, None);
    }
    if has("relationships") {
        return;
    }
    // A key of this name elsewhere that is tested to be unique.
    let is_key = |other: NodeIndex| {
        let other = &analysis.index.nodes[other];
        let column = other.column(column_name).or_else(|| {
            let of_model = column_name
                .strip_suffix("_id")
                .is_some_and(|stem| other.name == stem || other.name == format!("{stem}s") || other.name.ends_with(&format!("_{stem}s")));
            of_model.then(|| other.column("id")).flatten()
        });
        column.filter(|column| column.tests.iter().any(|test| test.name == "unique")).map(|column| column.name.to_string())
    };
    let refable = (0..analysis.index.nodes.len()).filter(|&other| other != index && analysis.index.nodes[other].resource_type.is_refable());
    let found: Vec<(String, String)> =
        refable.filter_map(|other| is_key(other).map(|field| (analysis.index.nodes[other].name.clone(), field))).take(MAX_RELATIONS).collect();
    for (name, field) in found {
        add(fixes, item, "relationships", Some((&name, &field)));
    }
}

/// Appends a test to the column's list, which is made where it is missing.
fn add(fixes: &mut Fixes<'_>, item: &Node, test: &str, relation: Option<(&str, &str)>) {
    let text = &*fixes.file.text;
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let in_flow = match relation {
        Some((name, field)) => format!("{{relationships: {{arguments: {{to: ref('{name}'), field: {field}}}}}}}"),
        None => test.to_owned(),
    };
    let in_block = |pad: &str| match relation {
        Some((name, field)) => {
            format!("{pad}- relationships:{newline}{pad}    arguments:{newline}{pad}      to: ref('{name}'){newline}{pad}      field: {field}")
        }
        None => format!("{pad}- {test}"),
    };
    let list = ["data_tests", "tests"].iter().find_map(|key| item.get(key));
    let edit = match list.map(|list| (list, &list.kind)) {
        Some((list, Kind::Seq { items, flow: true })) if !list.is_alias => match items.last() {
            Some(last) => Edit::insert(last.range.end as usize, format!(", {in_flow}")),
            None => Edit::insert(list.range.start as usize + 1, in_flow),
        },
        Some((list, Kind::Seq { items, .. })) if !list.is_alias && !items.is_empty() => {
            let pad = " ".repeat(column(text, list.range.start as usize));
            below(text, items[items.len() - 1].range.end as usize, &in_block(&pad), newline)
        }
        Some(_) => return,
        None => {
            let Kind::Map { entries, flow } = &item.kind else { return };
            let Some((first, last)) = entries.first().zip(entries.last()) else { return };
            if *flow {
                Edit::insert(last.1.range.end as usize, format!(", data_tests: [{in_flow}]"))
            } else {
                let pad = " ".repeat(column(text, first.0.range.start as usize));
                let lines = format!("{pad}data_tests:{newline}{}", in_block(&format!("{pad}  ")));
                below(text, item.range.end as usize, &lines, newline)
            }
        }
    };
    let title = match relation {
        Some((name, field)) => format!("Add relationships test to `{name}.{field}`"),
        None => format!("Add {test} test"),
    };
    let made = text::apply_edits(text, std::slice::from_ref(&edit)).map(|made| yaml::parse(&made).error.is_none());
    if made == Ok(true) {
        let change = fixes.here(vec![edit]);
        fixes.push(title, FixKind::Refactor, change, None, false);
    }
}

/// Lines below the line that holds the last byte before an offset.
fn below(text: &str, offset: usize, lines: &str, newline: &str) -> Edit {
    let end = behind_line(text, offset);
    if text[..end].ends_with('\n') { Edit::insert(end, format!("{lines}{newline}")) } else { Edit::insert(end, format!("{newline}{lines}")) }
}
