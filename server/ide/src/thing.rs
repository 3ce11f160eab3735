//! What the cursor points at.

use crate::{Analysis, File};
use dbt::{FileKind, NodeIndex, Place, Target};
use syntax::sql::Cte;
use text::TextRange;

/// Something with a meaning.
#[derive(Debug, Clone, PartialEq)]
pub enum Thing {
    Node(NodeIndex),
    Column(NodeIndex, String),
    /// Its place in [`dbt::Index::macros`].
    Macro(usize),
    /// Its place in [`dbt::Index::docs`].
    Docs(usize),
    Var(String),
    Cte(Cte),
}

impl Analysis {
    /// What stands at a byte offset of a file, and the range that means it.
    pub fn thing_at(&self, file: &File, offset: usize) -> Option<(Thing, TextRange)> {
        let package = self.package_of(file);
        // The innermost use wins: a `ref` inside a macro call.
        let touching = file.facts.uses.iter().filter(|found| found.name_range.touches(offset) || covers(&found.target, found.range, offset));
        if let Some(found) = touching.min_by_key(|found| (found.range.len(), found.name_range.len())) {
            let thing = match &found.target {
                Target::Ref { .. } | Target::Source { .. } => self.index.resolve(&found.target, package).map(Thing::Node),
                Target::Doc { package: from, name } => {
                    let docs = self.index.resolve_doc(from.as_deref(), name, package);
                    docs.and_then(|docs| self.index.docs.iter().position(|other| std::ptr::eq(other, docs))).map(Thing::Docs)
                }
                Target::Var { name } => self.config.vars.contains_key(name).then(|| Thing::Var(name.clone())),
                Target::Macro { path } => {
                    let found = self.index.resolve_macro(path, package);
                    found.and_then(|found| self.index.macros.iter().position(|other| std::ptr::eq(other, found))).map(Thing::Macro)
                }
            };
            if let Some(thing) = thing {
                return Some((thing, found.name_range));
            }
        }
        match file.kind {
            FileKind::Properties => self.thing_in_properties(file, offset),
            FileKind::Docs => {
                let at = self.index.docs.iter().position(|docs| touches(docs.place, file, offset))?;
                Some((Thing::Docs(at), self.index.docs[at].place.range))
            }
            kind if kind.is_sql() => {
                if let Some(at) = self.index.macros.iter().position(|found| touches(found.place, file, offset)) {
                    return Some((Thing::Macro(at), self.index.macros[at].place.range));
                }
                let defined = self.index.nodes_of_file(file.id).iter().copied().find(|&index| {
                    let place = self.index.nodes[index].place;
                    !place.range.is_empty() && touches(place, file, offset)
                });
                if let Some(index) = defined {
                    return Some((Thing::Node(index), self.index.nodes[index].place.range));
                }
                self.thing_in_sql(file, offset)
            }
            _ => None,
        }
    }

    fn thing_in_properties(&self, file: &File, offset: usize) -> Option<(Thing, TextRange)> {
        for &index in self.index.nodes_described_in(file.id) {
            let node = &self.index.nodes[index];
            let Some(patch) = &node.patch else { continue };
            if touches(patch.name, file, offset) {
                return Some((Thing::Node(index), patch.name.range));
            }
            if !patch.place.range.touches(offset) {
                continue;
            }
            for column in node.columns.values() {
                if let Some(place) = &column.entry
                    && touches(*place, file, offset)
                {
                    return Some((Thing::Column(index, column.name.clone()), place.range));
                }
            }
            let tests = node.tests.iter().chain(node.columns.values().flat_map(|column| column.tests.iter()));
            let mut tests = tests;
            if let Some(test) = tests.find(|test| test.range.touches(offset)) {
                let found = self.index.resolve_test(&test.name, &node.package)?;
                let at = self.index.macros.iter().position(|other| std::ptr::eq(other, found))?;
                return Some((Thing::Macro(at), test.range));
            }
        }
        let described = self.index.macros.iter().position(|found| found.patch.as_ref().is_some_and(|patch| touches(patch.name, file, offset)))?;
        Some((Thing::Macro(described), self.index.macros[described].patch.as_ref()?.name.range))
    }

    /// A bare word of SQL: a CTE, or a column that the model or something upstream of it describes.
    fn thing_in_sql(&self, file: &File, offset: usize) -> Option<(Thing, TextRange)> {
        if syntax::jinja::scan(&file.text).iter().any(|tag| tag.inner.touches(offset)) {
            return None;
        }
        let range = word_at(&file.text, offset)?;
        let word = range.of(&file.text);
        let is_qualified = file.text[..range.start as usize].ends_with('.');
        if !is_qualified && let Some(cte) = syntax::sql::ctes(&file.text).into_iter().find(|cte| cte.name.eq_ignore_ascii_case(word)) {
            return Some((Thing::Cte(cte), range));
        }
        let &index = self.index.nodes_of_file(file.id).first()?;
        let own = self.index.nodes[index].column(word).map(|column| (index, column));
        let upstream = || self.index.nodes[index].depends_on.iter().find_map(|&parent| Some((parent, self.index.nodes[parent].column(word)?)));
        let (owner, column) = own.filter(|(_, column)| column.has_description()).or_else(upstream).or(own)?;
        Some((Thing::Column(owner, column.name.clone()), range))
    }
}

/// Anywhere in `ref(…)` and its like means the node; a macro call's arguments are their own.
fn covers(target: &Target, range: TextRange, offset: usize) -> bool {
    !matches!(target, Target::Macro { .. }) && range.touches(offset)
}

fn touches(place: Place, file: &File, offset: usize) -> bool {
    place.file == file.id && place.range.touches(offset)
}

/// The identifier around an offset.
pub(crate) fn word_at(text: &str, offset: usize) -> Option<TextRange> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let head = text.get(..offset)?;
    let start = offset - head.chars().rev().take_while(|&c| is_word(c)).map(char::len_utf8).sum::<usize>();
    let end = offset + text[offset..].chars().take_while(|&c| is_word(c)).map(char::len_utf8).sum::<usize>();
    (start < end).then(|| TextRange::new(start, end))
}
