//! What the cursor points at.

mod sql;
mod tag;
mod yaml;

pub(crate) use yaml::{Spot, selectors, spot};

use crate::words::WordKind;
use crate::{Analysis, File};
use dbt::{FileKind, NodeIndex, Place, Target};
use text::TextRange;

/// Something with a meaning.
#[derive(Debug, Clone, PartialEq)]
pub enum Thing {
    Node(NodeIndex),
    /// A source with all of its tables, by its name.
    Source(String),
    /// A node's column.
    Column(NodeIndex, String),
    /// A semantic model's measure.
    Measure(NodeIndex, String),
    /// Its place in [`dbt::Index::macros`].
    Macro(usize),
    /// Its place in [`dbt::Index::docs`].
    Docs(usize),
    Var(String),
    EnvVar(String),
    /// An installed package, or the project.
    Package(String),
    /// A selector of `selectors.yml`.
    Selector(String),
    /// A CTE of the same file, by the place of its name.
    Cte(TextRange),
    /// A table's alias in the same file, by its place.
    Alias(TextRange),
    /// A column that a CTE, a subquery or an item of the same file makes.
    Made {
        name: String,
        definition: TextRange,
        origin: Option<(NodeIndex, String)>,
    },
    /// A Jinja variable of the same file, by the place that defines it.
    Local(TextRange),
    /// A word of Jinja or of dbt's context.
    Word(WordKind, String),
    /// A macro of dbt itself or of an adapter.
    Builtin(String),
    /// A config, by its name.
    Config(String),
    /// A key of a properties file, by its name.
    Property(String),
    /// A key of `dbt_project.yml`, by its name.
    ProjectKey(String),
}

impl Analysis {
    /// What stands at a byte offset of a file, and the range that means it.
    pub fn thing_at(&self, file: &File, offset: usize) -> Option<(Thing, TextRange)> {
        if let Some(found) = self.used_at(file, offset) {
            return Some(found);
        }
        match file.kind {
            FileKind::Properties => self.thing_in_properties(file, offset),
            FileKind::Project => self.thing_in_project(file, offset),
            FileKind::Selectors => {
                let (name, range, _) = selectors(&file.text).into_iter().find(|(_, range, _)| range.touches(offset))?;
                Some((Thing::Selector(name), range))
            }
            FileKind::Packages => self.thing_in_packages(file, offset),
            FileKind::Docs => {
                let at = self.index.docs.iter().position(|docs| touches(docs.place, file, offset))?;
                Some((Thing::Docs(at), self.index.docs[at].place.range))
            }
            FileKind::Seed => self.thing_in_seed(file, offset),
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
                self.thing_in_tag(file, offset).or_else(|| self.thing_in_sql(file, offset))
            }
            _ => None,
        }
    }

    /// What a call around an offset names: the innermost, such as a `ref` inside a macro call.
    fn used_at(&self, file: &File, offset: usize) -> Option<(Thing, TextRange)> {
        let package = self.package_of(file);
        let innermost = |uses: &[dbt::Use]| {
            let touching = uses.iter().filter(|found| found.name_range.touches(offset) || covers(&found.target, found.range, offset));
            touching.min_by_key(|found| (found.range.len(), found.name_range.len())).cloned()
        };
        let found = innermost(&file.facts.uses).or_else(|| innermost(&self.more_uses(file)))?;
        // The first of two arguments is a source or a package.
        if let Some(first) = first_argument(&file.text, found.range).filter(|first| first.touches(offset) && *first != inner(&file.text, found.name_range)) {
            match &found.target {
                Target::Source { source, .. } => return Some((Thing::Source(source.clone()), first)),
                Target::Ref { package: Some(package), .. } | Target::Doc { package: Some(package), .. } => {
                    return Some((Thing::Package(package.clone()), first));
                }
                _ => {}
            }
        }
        Some((self.named(&found.target, package)?, found.name_range))
    }

    /// What a name in a file of a package means.
    pub(crate) fn named(&self, target: &Target, package: &str) -> Option<Thing> {
        match target {
            Target::Ref { .. } | Target::Source { .. } => self.index.resolve(target, package).map(Thing::Node),
            Target::Doc { package: from, name } => {
                let docs = self.index.resolve_doc(from.as_deref(), name, package)?;
                self.index.docs.iter().position(|other| std::ptr::eq(other, docs)).map(Thing::Docs)
            }
            Target::Var { name } => Some(Thing::Var(name.clone())),
            Target::Macro { path } => self.macro_named(path, package),
        }
    }

    pub(crate) fn macro_named(&self, path: &[String], package: &str) -> Option<Thing> {
        let found = self.index.resolve_macro(path, package)?;
        self.index.macros.iter().position(|other| std::ptr::eq(other, found)).map(Thing::Macro)
    }

    fn thing_in_seed(&self, file: &File, offset: usize) -> Option<(Thing, TextRange)> {
        let &index = self.index.nodes_of_file(file.id).first()?;
        let made = self.made(index);
        let found = made.columns.iter().find_map(|column| column.place.filter(|place| touches(*place, file, offset)).map(|place| (column, place)));
        found.map(|(column, place)| (Thing::Column(index, column.name.to_string()), place.range))
    }
}

/// Anywhere in `ref(…)` and its like means the node; a macro call's arguments are their own.
fn covers(target: &Target, range: TextRange, offset: usize) -> bool {
    !matches!(target, Target::Macro { .. }) && range.touches(offset)
}

pub(crate) fn touches(place: Place, file: &File, offset: usize) -> bool {
    place.file == file.id && place.range.touches(offset)
}

/// A name without its quotes.
pub(crate) fn inner(text: &str, range: TextRange) -> TextRange {
    let written = range.of(text);
    let quoted = written.len() >= 2 && written.starts_with(['\'', '"', '`']) && written.ends_with(['\'', '"', '`']);
    if quoted { TextRange { start: range.start + 1, end: range.end - 1 } } else { range }
}

/// Whether a character can be in an identifier.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The letters of an identifier before an offset, and where they begin.
pub(crate) fn word_before(text: &str, offset: usize) -> (usize, &str) {
    let head = &text[..offset];
    let length: usize = head.chars().rev().take_while(|&c| is_word(c)).map(char::len_utf8).sum();
    (offset - length, &head[offset - length..])
}

/// Where the identifier ends that is behind an offset.
pub(crate) fn word_behind(text: &str, offset: usize) -> usize {
    offset + text[offset..].chars().take_while(|&c| is_word(c)).map(char::len_utf8).sum::<usize>()
}

/// The first text in quotes of a call, without its quotes.
pub(crate) fn first_argument(text: &str, call: TextRange) -> Option<TextRange> {
    let written = call.of(text);
    let open = written.find('(')?;
    let start = written[open..].find(['\'', '"'])? + open;
    let quote = written.as_bytes()[start];
    let end = written.as_bytes()[start + 1..].iter().position(|&byte| byte == quote)? + start + 1;
    Some(TextRange::new(call.start as usize + start + 1, call.start as usize + end))
}
