//! Byte-exact edits of YAML: what is asked for is inserted or replaced, every other byte stays as it is.
//!
//! An edit is computed from the spans of the tree, then proved: the new text is parsed and must be the old value plus the
//! change, or nothing is offered. Of a file with several documents the first is edited, which is the one that is read here.

mod editor;
mod habits;
mod lines;
mod proof;

use crate::yaml::{self, Node};
use data::Value;
use editor::Editor;
use habits::Habits;
pub use lines::{behind_line, indented, key_lines, line_start};
use proof::{Proof, Shape};
use text::{Edit, TextRange, apply_edits};

/// A step from a node to one below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The value of a key.
    Key(String),
    /// The entry of a list whose `name` is this; the last one, as dbt has it of columns.
    Named(String),
    /// The entry of a list at this place, from 0; it is never made.
    Item(usize),
}

impl data::pack::Pack for Step {
    fn pack(&self, writer: &mut data::pack::Writer) {
        match self {
            Self::Key(key) => {
                writer.number(0);
                key.pack(writer);
            }
            Self::Named(name) => {
                writer.number(1);
                name.pack(writer);
            }
            Self::Item(place) => {
                writer.number(2);
                place.pack(writer);
            }
        }
    }

    fn unpack(reader: &mut data::pack::Reader<'_>) -> Option<Self> {
        match reader.number()? {
            0 => String::unpack(reader).map(Self::Key),
            1 => String::unpack(reader).map(Self::Named),
            2 => usize::unpack(reader).map(Self::Item),
            _ => None,
        }
    }
}

impl Step {
    pub fn key(key: &str) -> Self {
        Self::Key(key.to_owned())
    }

    pub fn named(name: &str) -> Self {
        Self::Named(name.to_owned())
    }
}

/// Why an edit isn't offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub String);

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

fn refuse<T>(why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal(why.into()))
}

/// Sets `key` of the mapping at `path` to a string. What is missing on the way is made: lists are appended to, keys added at
/// the end of their mapping, `key` itself right after `name`.
///
/// `path` starts at the document's root. Returns edits on `source`, or why there are none: the file doesn't parse, or has something
/// else than a string where the change would go.
pub fn set_string(source: &str, path: &[Step], key: &str, value: &str) -> Result<Vec<Edit>, Refusal> {
    let value = Value::from(value);
    make(source, path, Leaf::Set { key, value: &value, is_scalar: true })
}

/// The same as [`set_string`] in a large file, of which only one entry is read: `entry` is its span, a block list's entry in a reading of
/// this very text, and `path` leads on from it. That takes a time that doesn't grow with the file, and is proved for the entry's lines, which
/// no other line has a part in. `None` where that can't be said of them: small files, entries between brackets, anchors.
pub fn set_string_in(source: &str, entry: TextRange, path: &[Step], key: &str, value: &str) -> Option<Result<Vec<Edit>, Refusal>> {
    in_entry(source, entry, path, |own, path, alone| {
        let root = read(own).ok()??;
        let value = Value::from(value);
        let leaf = Leaf::Set { key, value: &value, is_scalar: true };
        let habits = lines::around(source, alone).and_then(|text| Some(Habits::of(text, &read(text).ok()??))).unwrap_or_else(|| Habits::of(own, &root));
        Some(proved(own, &root, &habits, path, leaf))
    })
}

/// Works edits out for the lines of one entry of a large file alone: `edit` is given these, the path in them and where they are.
fn in_entry(
    source: &str,
    entry: TextRange,
    path: &[Step],
    edit: impl FnOnce(&str, &[Step], TextRange) -> Option<Result<Vec<Edit>, Refusal>>,
) -> Option<Result<Vec<Edit>, Refusal>> {
    let alone = lines::alone(source, entry)?;
    let own = alone.of(source);
    let made = edit(own, &[&[Step::Item(0)], path].concat(), alone)?;
    // Its lines have to stay its own.
    let fits = |edits: &Vec<Edit>| apply_edits(own, edits).is_ok_and(|text| lines::is_alone(&text));
    if made.as_ref().is_ok_and(|edits| !fits(edits)) {
        return None;
    }
    let moved = |edit: Edit| Edit { range: edit.range.shift(alone.start as usize), ..edit };
    Some(made.map(|edits| edits.into_iter().map(moved).collect()))
}

/// The same with any value, in the place of whatever stands there; refused where comments stand in it, which would be lost.
pub fn set(source: &str, path: &[Step], key: &str, value: &Value) -> Result<Vec<Edit>, Refusal> {
    make(source, path, Leaf::Set { key, value, is_scalar: false })
}

/// Makes sure that the list entries at `path` are there, each with its name; what is missing is added as by [`set_string`]. No edits
/// where all of them are there.
pub fn add_entry(source: &str, path: &[Step]) -> Result<Vec<Edit>, Refusal> {
    make(source, path, Leaf::Entry)
}

/// Takes `key` out of the mapping at `path`, with its lines. No edits where it isn't there; refused where a comment would go with it,
/// or where nothing would stay of the mapping.
pub fn remove_key(source: &str, path: &[Step], key: &str) -> Result<Vec<Edit>, Refusal> {
    let root = read(source)?.filter(|root| find(root, path).is_some_and(|node| node.entries().iter().any(|(name, _)| name.as_str() == Some(key))));
    let Some(root) = root else { return Ok(Vec::new()) };
    let edits = vec![lines::removal(source, own(&root, path)?, key)?];
    prove(source, &root, &edits, |tree| tree.take(path, key).map(drop))?;
    Ok(edits)
}

/// The same in a large file, of which only one entry is read, as with [`set_string_in`].
pub fn remove_key_in(source: &str, entry: TextRange, path: &[Step], key: &str) -> Option<Result<Vec<Edit>, Refusal>> {
    in_entry(source, entry, path, |own, path, _| Some(remove_key(own, path, key)))
}

/// Takes the entry that `path` ends with out of its list, with its lines and the comments right above it. No edits where it isn't
/// there; refused where no entry would stay.
pub fn remove_entry(source: &str, path: &[Step]) -> Result<Vec<Edit>, Refusal> {
    let root = read(source)?.filter(|root| find(root, path).is_some());
    let (Some(root), Some((last, above))) = (root, path.split_last()) else { return Ok(Vec::new()) };
    let list = own(&root, above)?;
    let Some(place) = place_in(list, last) else { return refuse("the entry is not one of a list") };
    let edits = vec![lines::entry_removal(source, list, place)?];
    prove(source, &root, &edits, |tree| tree.items(above).map(|items| drop(items.remove(place))))?;
    Ok(edits)
}

/// Puts the entries of the list at `path` into another order: first the one whose place is `order[0]`, and so on. Each takes its lines
/// and the comments above it along. Refused where a list isn't written with dashes on lines of their own.
pub fn reorder(source: &str, path: &[Step], order: &[usize]) -> Result<Vec<Edit>, Refusal> {
    let Some(root) = read(source)? else { return refuse("the file is empty") };
    let list = own(&root, path)?;
    let edits = lines::reordered(source, list, order)?;
    prove(source, &root, &edits, |tree| {
        let items = tree.items(path)?;
        let mut left: Vec<Option<Shape>> = std::mem::take(items).into_iter().map(Some).collect();
        *items = order.iter().filter_map(|&from| left.get_mut(from)?.take()).collect();
        Some(())
    })?;
    Ok(edits)
}

/// Moves the entry that `path` ends with to another place of its list, counted without it.
pub fn move_entry(source: &str, path: &[Step], place: usize) -> Result<Vec<Edit>, Refusal> {
    let Some(root) = read(source)? else { return refuse("the file is empty") };
    let Some((last, above)) = path.split_last() else { return refuse("the path names no entry") };
    let Some(list) = find(&root, above) else { return refuse("there is no such list") };
    let Some(from) = place_in(list, last) else { return refuse("the entry is not there") };
    let mut order: Vec<usize> = (0..list.items().len()).filter(|&other| other != from).collect();
    order.insert(place.min(order.len()), from);
    reorder(source, above, &order)
}

/// Moves `key` of the mapping at `path`, with its lines and its comments, to the end of the mapping at `to`, whose keys are made where
/// they are missing. Refused where that has such a key already, and where the lines can't stand there as they are.
pub fn move_key(source: &str, path: &[Step], key: &str, to: &[Step]) -> Result<Vec<Edit>, Refusal> {
    let Some(root) = read(source)? else { return refuse("the file is empty") };
    let node = own(&root, path)?;
    if find(&root, to).is_some_and(|to| to.get(key).is_some()) {
        return refuse(format!("`{key}` is there already"));
    }
    if to.starts_with(path) && to.get(path.len()) == Some(&Step::key(key)) {
        return refuse(format!("`{key}` can't be moved into itself"));
    }
    let edits = lines::moved(source, &root, node, key, path, to)?;
    prove(source, &root, &edits, |tree| {
        let value = tree.take(path, key)?;
        tree.put(to, key, value);
        Some(())
    })?;
    Ok(edits)
}

/// The node at a path, unless an alias is on the way.
fn own<'n>(root: &'n Node, path: &[Step]) -> Result<&'n Node, Refusal> {
    for length in 0..=path.len() {
        match find(root, &path[..length]) {
            None => return refuse("the entry is not there"),
            Some(node) if node.is_alias => return refuse("the entry is an alias (`*…`); what it names would change everywhere"),
            Some(_) => {}
        }
    }
    find(root, path).map_or_else(|| refuse("the entry is not there"), Ok)
}

fn place_in(list: &Node, step: &Step) -> Option<usize> {
    match step {
        Step::Key(_) => None,
        Step::Named(name) => list.items().iter().rposition(|item| item.get_str("name") == Some(name)),
        Step::Item(place) => Some(*place).filter(|place| *place < list.items().len()),
    }
}

/// What is wanted at the end of a path.
#[derive(Clone, Copy)]
enum Leaf<'a> {
    /// A key with a value; of a scalar only in the place of another one.
    Set { key: &'a str, value: &'a Value, is_scalar: bool },
    /// The entry that the path ends with.
    Entry,
    /// Lines for the end of the mapping that the path ends with, given the column of its keys.
    Lines(&'a dyn Fn(usize) -> Vec<String>),
}

impl<'a> Leaf<'a> {
    fn set(self) -> Option<(&'a str, &'a Value)> {
        match self {
            Self::Set { key, value, .. } => Some((key, value)),
            Self::Entry | Self::Lines(_) => None,
        }
    }
}

/// The document of a file that can be edited; `None` where it has no content.
fn read(source: &str) -> Result<Option<Node>, Refusal> {
    let tree = yaml::parse(source);
    if let Some(error) = tree.error {
        return refuse(format!("the file has a YAML error; mend it first: {}", error.message));
    }
    let root = tree.root.filter(|root| !root.is_null());
    if root.is_none() && tree.has_more_documents {
        return refuse("the file's first YAML document is empty, and others follow it");
    }
    Ok(root)
}

fn make(source: &str, path: &[Step], leaf: Leaf<'_>) -> Result<Vec<Edit>, Refusal> {
    let Some(root) = read(source)? else { return at_end_of_file(source, path, leaf) };
    proved(source, &root, &Habits::of(source, &root), path, leaf)
}

fn proved(source: &str, root: &Node, habits: &Habits, path: &[Step], leaf: Leaf<'_>) -> Result<Vec<Edit>, Refusal> {
    let edits = Editor { source, habits }.edit(root, path, leaf)?;
    prove(source, root, &edits, |tree| {
        tree.set(path, leaf.set());
        Some(())
    })?;
    Ok(edits)
}

/// A file without content: comments at most.
fn at_end_of_file(source: &str, path: &[Step], leaf: Leaf<'_>) -> Result<Vec<Edit>, Refusal> {
    let habits = Habits::default_for(source);
    let mut text = editor::block(path, leaf, 0, &habits).join(habits.newline);
    text.push_str(habits.newline);
    if !source.is_empty() && !source.ends_with('\n') {
        text.insert_str(0, habits.newline);
    }
    let edits = vec![Edit::insert(source.len(), text)];
    let made = apply_edits(source, &edits).map_err(|error| Refusal(error.to_string()))?;
    let mut expected = Proof::empty();
    expected.set(path, leaf.set());
    match yaml::parse(&made) {
        yaml::Yaml { root: Some(root), error: None, has_more_documents: false } if expected.fits(&root) => Ok(edits),
        _ => refuse("the file's content can't be continued"),
    }
}

/// The old value plus the change must be what the new text says.
fn prove(source: &str, root: &Node, edits: &[Edit], change: impl FnOnce(&mut Proof) -> Option<()>) -> Result<(), Refusal> {
    let made = apply_edits(source, edits).map_err(|error| Refusal(error.to_string()))?;
    let tree = yaml::parse(&made);
    let Some(new_root) = tree.root.filter(|_| tree.error.is_none()) else {
        return refuse("the changed file would not be valid YAML");
    };
    let mut expected = Proof::of(root);
    match change(&mut expected) {
        Some(()) if expected.fits(&new_root) => Ok(()),
        _ => refuse("the change would alter something else in the file"),
    }
}

/// The node at a path.
pub fn find<'a>(root: &'a Node, path: &[Step]) -> Option<&'a Node> {
    path.iter().try_fold(root, |node, step| match step {
        Step::Key(key) => node.get(key),
        Step::Named(name) => node.items().iter().rfind(|item| item.get_str("name") == Some(name)),
        Step::Item(place) => node.items().get(*place),
    })
}

#[cfg(test)]
mod tests;
