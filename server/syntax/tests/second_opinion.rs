//! tree-sitter's SQL grammar as a second opinion on the queries that it can read: the same common table expressions at the same places.

use std::path::{Path, PathBuf};
use streaming_iterator::StreamingIterator;
use tree_sitter::{Parser, Query, QueryCursor};

fn models(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            models(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "sql") {
            into.push(path);
        }
    }
}

/// Names of common table expressions with the bytes where these stand; `None` where the grammar can't read the text.
fn by_grammar(text: &str) -> Option<Vec<(String, usize)>> {
    let language = tree_sitter_sql::LANGUAGE.into();
    let mut parser = Parser::new();
    parser.set_language(&language).unwrap();
    let tree = parser.parse(text, None).filter(|tree| !tree.root_node().has_error())?;
    let query = Query::new(&language, include_str!("../../../queries/syntax/sql.scm")).unwrap();
    let name = query.capture_index_for_name("name").unwrap();
    let mut cursor = QueryCursor::new();
    let mut found = cursor.matches(&query, tree.root_node(), text.as_bytes());
    let mut names = Vec::new();
    while let Some(one) = found.next() {
        let nodes = one.captures.iter().filter(|capture| capture.index == name).map(|capture| capture.node);
        names.extend(nodes.map(|node| (text[node.byte_range()].to_owned(), node.start_byte())));
    }
    names.sort_by_key(|(_, at)| *at);
    Some(names)
}

#[test]
fn ctes_of_the_example_project() {
    let mut paths = Vec::new();
    models(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/shop/models"), &mut paths);
    let mut compared = 0;
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let Some(expected) = by_grammar(&syntax::jinja::mask(&text)) else { continue };
        let found: Vec<(String, usize)> = syntax::sql::ctes(&text).into_iter().map(|cte| (cte.name, cte.name_range.start as usize)).collect();
        assert_eq!(found, expected, "{}", path.display());
        compared += expected.len();
    }
    assert!(compared > 20, "{compared} compared");
}
