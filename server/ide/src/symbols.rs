//! Document and workspace symbols.

use crate::{Analysis, File, NavigationTarget};
use dbt::{FileKind, NodeIndex};
use std::borrow::Cow;
use syntax::{OutlineItem, OutlineKind};
use text::TextRange;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymbolKind {
    Model,
    Source,
    Seed,
    Other,
    Macro,
    Docs,
    Variable,
    Cte,
    Section,
    Entry,
}

/// A symbol of a file, with what is inside of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    pub kind: SymbolKind,
    pub name: String,
    pub range: TextRange,
    pub name_range: TextRange,
    pub children: Vec<Symbol>,
}

impl Analysis {
    /// The outline of a file: CTEs, macros and variables of SQL; sections and named entries of YAML; docs blocks of Markdown.
    pub fn document_symbols(&self, file: &File) -> Vec<Symbol> {
        let items = match file.kind {
            FileKind::Properties | FileKind::Project | FileKind::Packages => OutlineItem::of_yaml(&file.text),
            FileKind::Docs => {
                let symbol = |block: &syntax::jinja::Block| Symbol {
                    kind: SymbolKind::Docs,
                    name: block.name.clone(),
                    range: block.range,
                    name_range: block.name_range,
                    children: Vec::new(),
                };
                return file.facts.blocks.iter().map(symbol).collect();
            }
            kind if kind.is_sql() => OutlineItem::of_sql(&file.text),
            _ => return Vec::new(),
        };
        nest(items)
    }

    /// Where a name means nothing: what is called like it, to be put behind the word on that; empty where nothing is.
    pub fn names_like(&self, name: &str, limit: usize) -> String {
        let like: Vec<String> = self.workspace_symbols(name, limit).into_iter().map(|(label, ..)| label).collect();
        if like.is_empty() { String::new() } else { format!("; there is: {}", like.join(", ")) }
    }

    /// Nodes, macros and docs blocks whose name holds the query's letters in order, the best first; generic tests aside.
    pub fn workspace_symbols<'a>(&'a self, query: &str, limit: usize) -> Vec<(String, SymbolKind, String, NavigationTarget)> {
        enum Found {
            Node(NodeIndex),
            Macro(usize),
            Docs(usize),
        }
        let mut found: Vec<(usize, Cow<'a, str>, Found)> = Vec::new();
        let mut fits = |name: Cow<'a, str>, what| found.extend(fuzzy(query, &name).map(|score| (score, name, what)));
        // Most are told by the name that they are listed by, without a look at them.
        self.index.refables().for_each(|(name, index)| fits(Cow::from(name), Found::Node(index)));
        self.index.tables().for_each(|(_, index)| fits(Cow::from(self.index.nodes[index].label()), Found::Node(index)));
        self.index.few().for_each(|(index, node)| fits(Cow::from(&node.name), Found::Node(index)));
        self.index.macros.iter().enumerate().for_each(|(at, one)| fits(Cow::from(&one.name), Found::Macro(at)));
        self.index.docs.iter().enumerate().for_each(|(at, docs)| fits(Cow::from(&docs.name), Found::Docs(at)));
        // The best are few; only they are put in order.
        if found.len() > limit && limit > 0 {
            found.select_nth_unstable_by(limit - 1, |left, right| (left.0, left.1.len(), &left.1).cmp(&(right.0, right.1.len(), &right.1)));
            found.truncate(limit);
        }
        let mut shown: Vec<(usize, String, SymbolKind, String, NavigationTarget)> = found
            .into_iter()
            .map(|(score, _, what)| match what {
                Found::Node(index) => {
                    let node = &self.index.nodes[index];
                    (score, node.label(), kind_of(node.resource_type), format!("{} · {}", node.resource_type, node.package), self.node_target(index))
                }
                Found::Macro(at) => {
                    let one = &self.index.macros[at];
                    let target = NavigationTarget::of_macro(one);
                    (score, one.name.clone(), SymbolKind::Macro, format!("macro · {}", one.package), target)
                }
                Found::Docs(at) => {
                    let docs = &self.index.docs[at];
                    let target = NavigationTarget::of_docs(docs);
                    (score, docs.name.clone(), SymbolKind::Docs, format!("docs · {}", docs.package), target)
                }
            })
            .collect();
        shown.sort_by(|left, right| (left.0, left.1.len(), &left.1).cmp(&(right.0, right.1.len(), &right.1)));
        shown.into_iter().map(|(_, name, kind, container, target)| (name, kind, container, target)).collect()
    }
}

/// How a node's type is shown.
pub(crate) fn kind_of(kind: dbt::ResourceType) -> SymbolKind {
    match kind {
        dbt::ResourceType::Model => SymbolKind::Model,
        dbt::ResourceType::Source => SymbolKind::Source,
        dbt::ResourceType::Seed => SymbolKind::Seed,
        _ => SymbolKind::Other,
    }
}

/// How badly a name fits, whatever the case: 0 the same, 1 starts with it, 2 holds it, more for letters apart; `None` where it doesn't
/// fit.
fn fuzzy(query: &str, name: &str) -> Option<usize> {
    let (query, name) = (query.as_bytes(), name.as_bytes());
    if query.is_empty() {
        return Some(1);
    }
    if query.eq_ignore_ascii_case(name) {
        return Some(0);
    }
    if name.len() > query.len() && name[..query.len()].eq_ignore_ascii_case(query) {
        return Some(1);
    }
    let (small, large) = (query[0].to_ascii_lowercase(), query[0].to_ascii_uppercase());
    if memchr::memchr2_iter(small, large, name).any(|at| name.get(at..at + query.len()).is_some_and(|part| part.eq_ignore_ascii_case(query))) {
        return Some(2);
    }
    let mut letters = name.iter().enumerate();
    let (mut gaps, mut last) = (3, None);
    for wanted in query.iter().filter(|byte| !byte.is_ascii_whitespace()) {
        let (at, _) = letters.find(|(_, byte)| byte.eq_ignore_ascii_case(wanted))?;
        gaps += last.map_or(0, |last: usize| at - last - 1);
        last = Some(at);
    }
    Some(gaps)
}

/// Puts items below the items that hold them.
fn nest(items: Vec<OutlineItem>) -> Vec<Symbol> {
    let mut roots: Vec<Symbol> = Vec::new();
    let mut open: Vec<Symbol> = Vec::new();
    let close = |open: &mut Vec<Symbol>, roots: &mut Vec<Symbol>| {
        if let Some(done) = open.pop() {
            match open.last_mut() {
                Some(parent) => parent.children.push(done),
                None => roots.push(done),
            }
        }
    };
    for item in items {
        while open.last().is_some_and(|parent| !parent.range.contains_range(item.range)) {
            close(&mut open, &mut roots);
        }
        let kind = match item.kind {
            OutlineKind::Cte => SymbolKind::Cte,
            OutlineKind::Macro => SymbolKind::Macro,
            OutlineKind::Variable => SymbolKind::Variable,
            OutlineKind::Section => SymbolKind::Section,
            OutlineKind::Entry => SymbolKind::Entry,
        };
        open.push(Symbol { kind, name: item.name, range: item.range, name_range: item.name_range, children: Vec::new() });
    }
    while !open.is_empty() {
        close(&mut open, &mut roots);
    }
    roots
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{analysis, at_cursor};
    use expect_test::expect;
    use testkit::Fixture;

    fn shown(symbols: &[Symbol], depth: usize) -> String {
        symbols.iter().map(|symbol| format!("{}{:?} {}\n{}", "  ".repeat(depth), symbol.kind, symbol.name, shown(&symbol.children, depth + 1))).collect()
    }

    #[test]
    fn outlines_nest() {
        let (analysis, file, _) = at_cursor("-- file: models/m.yml\nversion: 2\nmodels:\n  - name: a$0\n    columns:\n      - name: id\n  - name: b\n");
        expect![[r#"
            Section version
            Section models
              Entry a
                Entry id
              Entry b
        "#]]
        .assert_eq(&shown(&analysis.document_symbols(&file), 0));
    }

    #[test]
    fn the_best_name_comes_first() {
        let analysis = analysis(&Fixture::parse(
            "-- file: models/fct_orders.sql\n-- file: models/orders.sql\n-- file: models/stg_orders_x.sql\n-- file: models/odd_readers.sql\n-- file: macros/m.sql\n{% macro orders_of() %}{% endmacro %}\n",
        ));
        let names: Vec<String> = analysis.workspace_symbols("orders", 9).into_iter().map(|(name, ..)| name).collect();
        assert_eq!(names, ["orders", "orders_of", "fct_orders", "stg_orders_x", "odd_readers"]);
        assert!(analysis.workspace_symbols("zzz", 9).is_empty());
    }
}
