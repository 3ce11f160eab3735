//! What a file says, without spans and styles, to be compared.

use super::Step;
use crate::yaml::{Kind, Node, Style};
use crate::yaml_scalar;
use data::Value;

/// A tree without its spans and styles.
#[derive(Debug, PartialEq, Eq)]
pub enum Shape {
    /// A text, and whether it is written bare though it would be something else to a reader, such as a number or a date.
    Scalar(String, bool),
    Map(Vec<(Shape, Shape)>),
    Seq(Vec<Shape>),
}

/// What a file has to say after a change.
#[derive(Debug)]
pub struct Proof(Shape);

impl Proof {
    pub fn of(root: &Node) -> Self {
        Self(shape(root))
    }

    /// Of a file without content.
    pub fn empty() -> Self {
        Self(null())
    }

    /// Whether a tree says that. Where a key stands among its neighbours is no part of it.
    pub fn fits(&self, root: &Node) -> bool {
        same(&self.0, &shape(root))
    }

    /// Makes what is missing at a path, and sets a key there.
    pub fn set(&mut self, path: &[Step], entry: Option<(&str, &Value)>) {
        let Some(node) = made(&mut self.0, path) else { return };
        if let Some((key, value)) = entry {
            put(node, key, of_value(value));
        }
    }

    /// Takes a key out of the mapping at a path.
    pub fn take(&mut self, path: &[Step], key: &str) -> Option<Shape> {
        let Shape::Map(entries) = at(&mut self.0, path)? else { return None };
        let place = entries.iter().rposition(|(name, _)| *name == text(key))?;
        Some(entries.remove(place).1)
    }

    /// Puts a key into the mapping at a path, which is made where it is missing.
    pub fn put(&mut self, path: &[Step], key: &str, value: Shape) {
        if let Some(node) = made(&mut self.0, path) {
            put(node, key, value);
        }
    }

    /// The entries of the list at a path.
    pub fn items(&mut self, path: &[Step]) -> Option<&mut Vec<Shape>> {
        match at(&mut self.0, path)? {
            Shape::Seq(items) => Some(items),
            _ => None,
        }
    }
}

fn null() -> Shape {
    Shape::Scalar(String::new(), true)
}

fn text(value: &str) -> Shape {
    Shape::Scalar(value.to_owned(), false)
}

fn shape(node: &Node) -> Shape {
    match &node.kind {
        Kind::Scalar { value, style } => {
            let bare = *style == Style::Plain && !yaml_scalar::is_text(value);
            Shape::Scalar(value.clone(), bare)
        }
        Kind::Map { entries, .. } => Shape::Map(entries.iter().map(|(key, value)| (shape(key), shape(value))).collect()),
        Kind::Seq { items, .. } => Shape::Seq(items.iter().map(shape).collect()),
    }
}

fn of_value(value: &Value) -> Shape {
    match value {
        Value::String(value) => text(value),
        Value::Array(items) => Shape::Seq(items.iter().map(of_value).collect()),
        Value::Object(map) => Shape::Map(map.iter().map(|(key, value)| (text(key), of_value(value))).collect()),
        scalar => Shape::Scalar(yaml_scalar::bare(scalar), true),
    }
}

fn put(node: &mut Shape, key: &str, value: Shape) {
    if matches!(node, Shape::Scalar(..)) {
        *node = Shape::Map(Vec::new());
    }
    if let Shape::Map(entries) = node {
        match entries.iter_mut().rev().find(|(name, _)| *name == text(key)) {
            Some((_, old)) => *old = value,
            None => entries.push((text(key), value)),
        }
    }
}

fn is_called(item: &Shape, name: &str) -> bool {
    matches!(item, Shape::Map(entries) if entries.iter().any(|(key, value)| *key == text("name") && matches!(value, Shape::Scalar(text, _) if text == name)))
}

fn at<'t>(tree: &'t mut Shape, path: &[Step]) -> Option<&'t mut Shape> {
    let [step, rest @ ..] = path else { return Some(tree) };
    let next = match (step, tree) {
        (Step::Key(name), Shape::Map(entries)) => entries.iter_mut().rev().find(|(entry, _)| *entry == text(name)).map(|(_, value)| value),
        (Step::Named(name), Shape::Seq(items)) => items.iter_mut().rfind(|item| is_called(item, name)),
        (Step::Item(place), Shape::Seq(items)) => items.get_mut(*place),
        _ => None,
    };
    at(next?, rest)
}

fn made<'t>(tree: &'t mut Shape, path: &[Step]) -> Option<&'t mut Shape> {
    let [step, rest @ ..] = path else { return Some(tree) };
    let is_null = matches!(tree, Shape::Scalar(..));
    let next = match step {
        Step::Key(name) => {
            if is_null {
                *tree = Shape::Map(Vec::new());
            }
            let Shape::Map(entries) = tree else { return None };
            let place = entries.iter().rposition(|(entry, _)| *entry == text(name)).unwrap_or_else(|| {
                entries.push((text(name), null()));
                entries.len() - 1
            });
            &mut entries[place].1
        }
        Step::Item(place) => {
            let Shape::Seq(items) = tree else { return None };
            items.get_mut(*place)?
        }
        Step::Named(name) => {
            if is_null {
                *tree = Shape::Seq(Vec::new());
            }
            let Shape::Seq(items) = tree else { return None };
            let place = items.iter().rposition(|item| is_called(item, name)).unwrap_or_else(|| {
                items.push(Shape::Map(vec![(text("name"), text(name))]));
                items.len() - 1
            });
            &mut items[place]
        }
    };
    made(next, rest)
}

/// Whether two trees say the same, in whatever order their keys are.
fn same(one: &Shape, other: &Shape) -> bool {
    match (one, other) {
        (Shape::Seq(one), Shape::Seq(other)) => one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other)),
        (Shape::Map(one), Shape::Map(other)) => {
            let mut left: Vec<&(Shape, Shape)> = other.iter().rev().collect();
            // Most stand where they stood.
            one.len() == other.len()
                && one.iter().all(|(key, value)| {
                    let Some(at) = left.iter().rposition(|(other, _)| same(key, other)) else { return false };
                    same(value, &left.remove(at).1)
                })
        }
        (one, other) => one == other,
    }
}
