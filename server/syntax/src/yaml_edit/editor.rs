//! Makes the edits that set a value, and what is missing on the way to it.

use super::habits::Habits;
use super::lines::{column, line_end};
use super::{Leaf, Refusal, Step, refuse};
use crate::yaml::{Kind, Node, Style};
use crate::yaml_scalar::{self, Layout};
use data::Value;
use text::{Edit, TextRange};

pub struct Editor<'a> {
    pub source: &'a str,
    pub habits: &'a Habits,
}

/// What an alias can't be changed for.
const ALIAS: &str = "the entry is an alias (`*…`); what it names would change everywhere";

/// What a key can't be added for.
fn hides(key: &str) -> String {
    format!("`{key}` comes from elsewhere in the file (`<<`), and would be hidden")
}

impl Editor<'_> {
    pub fn edit(&self, root: &Node, path: &[Step], leaf: Leaf<'_>) -> Result<Vec<Edit>, Refusal> {
        let mut node = root;
        for (depth, step) in path.iter().enumerate() {
            if node.is_alias {
                return refuse(ALIAS);
            }
            let rest = &path[depth..];
            node = match step {
                Step::Key(name) => match node.entries().iter().rev().find(|(entry, _)| entry.as_str() == Some(name)) {
                    Some((_, next)) if next.is_null() => return self.fill(node, name, &rest[1..], leaf),
                    Some((_, next)) => next,
                    None if !matches!(node.kind, Kind::Map { .. }) => return refuse(format!("`{name}` can't be added: no mapping there")),
                    None if node.get(name).is_some() => return refuse(hides(name)),
                    None => return self.add_key(node, rest, leaf),
                },
                Step::Named(name) => match &node.kind {
                    Kind::Seq { items, .. } => match items.iter().rfind(|item| item.get_str("name") == Some(name)) {
                        Some(next) => next,
                        None => return self.add_item(node, rest, leaf),
                    },
                    _ => return refuse(format!("`{name}` can't be added: no list there")),
                },
                Step::Item(place) => match node.items().get(*place) {
                    Some(next) => next,
                    None => return refuse("the entry is not there"),
                },
            };
        }
        self.set(node, leaf)
    }

    /// `key` in a mapping that exists.
    fn set(&self, node: &Node, leaf: Leaf<'_>) -> Result<Vec<Edit>, Refusal> {
        if node.is_alias {
            return refuse(ALIAS);
        }
        let (key, value, is_scalar) = match leaf {
            Leaf::Set { key, value, is_scalar } => (key, value, is_scalar),
            Leaf::Entry => return Ok(Vec::new()),
            Leaf::Lines(_) => return self.add_key(node, &[], leaf),
        };
        let Kind::Map { entries, flow } = &node.kind else { return refuse("the entry is not a mapping") };
        // A text may take the place of one that `<<` brings; a structure would take away what is in that.
        if !matches!(value, Value::String(_)) && !entries.iter().any(|(name, _)| name.as_str() == Some(key)) && node.get(key).is_some() {
            return refuse(hides(key));
        }
        let Some((existing_key, existing)) = entries.iter().rev().find(|(name, _)| name.as_str() == Some(key)) else {
            return self.add_key(node, &[], leaf);
        };
        if existing.is_alias || (is_scalar && !matches!(existing.kind, Kind::Scalar { .. })) {
            return refuse(format!("`{key}` is not a plain string here"));
        }
        let between = &self.source[existing_key.range.end as usize..existing.range.start as usize];
        if between.contains(['&', '!']) {
            return refuse(format!("`{key}` has an anchor or a tag"));
        }
        let range = existing.range;
        if let (Value::String(text), Kind::Scalar { .. }) = (value, &existing.kind) {
            let written = self.text_in_place(existing_key, existing, *flow, text)?;
            return Ok(vec![Edit::replace(range, written)]);
        }
        // What stands between the colon and the value goes with the value: line ends, but no comment.
        let whole = TextRange::new(existing_key.range.end as usize, range.end as usize);
        let after_colon = between.find(':').map_or(0, |colon| colon + 1);
        let opening = TextRange::new(whole.start as usize + after_colon, range.end as usize);
        if holds_comment(self.source, existing) || between[after_colon..].contains('#') {
            return refuse("comments stand in the value; they would be lost");
        }
        if *flow {
            return Ok(vec![Edit::replace(opening, format!(" {}", flow_value(value)))]);
        }
        let indent = column(self.source, existing_key.range.start as usize);
        let mut lines = value_lines(key, value, indent, self.habits);
        let rest_of_line = &self.source[range.end as usize..line_end(self.source, range.end as usize)];
        if lines.len() > 1 && !rest_of_line.trim().is_empty() {
            return refuse("a comment stands behind the value; several lines don't fit there");
        }
        // Its key stands there already.
        let head = lines.remove(0);
        let head = head.trim_start().get(yaml_scalar::key(key).len() + 1..).unwrap_or_default().to_owned();
        lines.insert(0, head);
        Ok(vec![Edit::replace(opening, lines.join(self.habits.newline))])
    }

    /// A text in the place of another scalar, in its style.
    fn text_in_place(&self, existing_key: &Node, existing: &Node, flow: bool, value: &str) -> Result<String, Refusal> {
        let range = existing.range;
        let absent = range.is_empty();
        let rest_of_line = &self.source[range.end as usize..line_end(self.source, range.end as usize)];
        let style = match &existing.kind {
            Kind::Scalar { style, .. } if !existing.is_null() && *style != Style::Plain && !absent => *style,
            _ => self.habits.style,
        };
        let is_block = matches!(existing.kind, Kind::Scalar { style: Style::Literal | Style::Folded, .. });
        if is_block && range.of(self.source).lines().next().is_some_and(|header| header.contains('#')) {
            return refuse("a comment stands behind the block's header; it would be lost");
        }
        // A block style needs the rest of its line for itself.
        let may_be_block = !flow && (is_block || rest_of_line.trim().is_empty());
        let indent = column(self.source, existing_key.range.start as usize);
        let start = column(self.source, existing_key.range.end as usize) + 2;
        let is_wrapped = !absent && !is_block && range.of(self.source).contains('\n');
        let layout = Layout { indent, start, newline: self.habits.newline, width: self.habits.width, wraps: self.habits.wraps || is_wrapped };
        let layout = if flow || !may_be_block { Layout { wraps: false, ..layout } } else { layout };
        let mut text = yaml_scalar::write_in(value, if flow { Style::DoubleQuoted } else { style }, &layout);
        if text.contains('\n') && !may_be_block {
            if value.contains('\n') {
                return refuse("a comment stands behind the value; several lines don't fit there");
            }
            text = yaml_scalar::write_in(value, Style::DoubleQuoted, &Layout { wraps: false, ..layout });
        }
        Ok(if absent { format!(" {text}") } else { text })
    }

    /// A key that has no value yet gets one below it.
    fn fill(&self, parent: &Node, name: &str, rest: &[Step], leaf: Leaf<'_>) -> Result<Vec<Edit>, Refusal> {
        let Some((entry, empty)) = parent.entries().iter().rev().find(|(entry, _)| entry.as_str() == Some(name)) else {
            return refuse(format!("`{name}` is not there"));
        };
        if matches!(parent.kind, Kind::Map { flow: true, .. }) || !empty.range.is_empty() {
            return refuse(format!("`{name}` is written as null; remove that first"));
        }
        let indent = column(self.source, entry.range.start as usize) + if matches!(rest.first(), Some(Step::Named(_))) { self.habits.list_indent } else { 2 };
        let lines = block(rest, leaf, indent, self.habits);
        Ok(vec![self.below(empty.range.end as usize, &lines, false)])
    }

    /// A key, with what is below it, in a mapping that lacks it.
    fn add_key(&self, node: &Node, steps: &[Step], leaf: Leaf<'_>) -> Result<Vec<Edit>, Refusal> {
        let Kind::Map { entries, flow } = &node.kind else { return refuse("the entry is not a mapping") };
        // A lone string goes behind the name, where people look for it; structures go to the end.
        let is_text = matches!(leaf, Leaf::Set { value: Value::String(_), .. });
        let anchor = if steps.is_empty() && is_text { entries.iter().find(|(name, _)| name.as_str() == Some("name")) } else { None };
        let anchor = anchor.or(entries.last());
        if *flow {
            if matches!(leaf, Leaf::Lines(_)) {
                return refuse("what it would be moved to stands between braces");
            }
            let text = flow_entry(steps, leaf, entries.first().is_some_and(|(name, _)| name.range.of(self.source).starts_with('"')));
            return match anchor {
                Some((_, after)) => Ok(vec![Edit::insert(after.range.end as usize, format!(", {text}"))]),
                None => Ok(vec![Edit::insert(node.range.start as usize + 1, text)]),
            };
        }
        let Some((key, after)) = anchor else { return refuse("the mapping is empty") };
        let indent = entries.first().map_or(0, |(name, _)| column(self.source, name.range.start as usize));
        let lines = block(steps, leaf, indent, self.habits);
        let at_root = indent == 0 && !steps.is_empty();
        Ok(vec![self.below(after.range.end.max(key.range.end) as usize, &lines, at_root)])
    }

    /// An entry at the end of a list.
    fn add_item(&self, list: &Node, steps: &[Step], leaf: Leaf<'_>) -> Result<Vec<Edit>, Refusal> {
        let Kind::Seq { items, flow } = &list.kind else { return refuse("the entry is not a list") };
        if *flow {
            if matches!(leaf, Leaf::Lines(_)) {
                return refuse("what it would be moved to stands between brackets");
            }
            let text = flow_item(steps, leaf);
            return Ok(vec![match items.last() {
                Some(last) => Edit::insert(last.range.end as usize, format!(", {text}")),
                None => Edit::insert(list.range.start as usize + 1, text),
            }]);
        }
        let Some(last) = items.last() else { return refuse("the list is empty") };
        let indent = column(self.source, list.range.start as usize);
        let lines = block(steps, leaf, indent, self.habits);
        let apart = match items.as_slice() {
            [.., before, last] => {
                let between = &self.source[before.range.end as usize..last.range.start as usize];
                between.replace('\r', "").contains("\n\n")
            }
            // One entry says nothing; models are usually set apart, columns not.
            _ => false,
        };
        Ok(vec![self.below(self.with_comments(last.range.end as usize, indent), &lines, apart)])
    }

    /// Where an entry ends whose dash stands in a column: comments right below it that stand further right are its own.
    fn with_comments(&self, end: usize, dash: usize) -> usize {
        let mut end = line_end(self.source, end);
        while let Some(rest) = self.source.get(end..).and_then(|rest| rest.strip_prefix('\r').unwrap_or(rest).strip_prefix('\n')) {
            let line = rest.split('\n').next().unwrap_or_default();
            let text = line.trim_start_matches(' ');
            if !text.starts_with('#') || line.len() - text.len() <= dash {
                break;
            }
            end = self.source.len() - rest.len() + line.trim_end_matches('\r').len();
        }
        end
    }

    /// Inserts whole lines below the line that holds `offset`.
    fn below(&self, offset: usize, lines: &[String], apart: bool) -> Edit {
        let at = line_end(self.source, offset);
        // As the line above ends, so that it ends as before.
        let newline = match &self.source.as_bytes()[at..] {
            [b'\r', b'\n', ..] => "\r\n",
            [b'\n', ..] => "\n",
            _ => self.habits.newline,
        };
        // A block that keeps its blank lines has them there already.
        let blank = if apart && !self.source[..at].ends_with('\n') { newline } else { "" };
        Edit::insert(at, format!("{newline}{blank}{}", lines.join(newline)))
    }
}

/// Whether a comment stands in a value that is no scalar.
fn holds_comment(source: &str, node: &Node) -> bool {
    fn scalars(node: &Node, found: &mut Vec<TextRange>) {
        match &node.kind {
            Kind::Scalar { .. } => found.push(node.range),
            Kind::Map { entries, .. } => entries.iter().for_each(|(key, value)| {
                scalars(key, found);
                scalars(value, found);
            }),
            Kind::Seq { items, .. } => items.iter().for_each(|item| scalars(item, found)),
        }
    }
    if matches!(node.kind, Kind::Scalar { .. }) {
        return false;
    }
    let mut found = Vec::new();
    scalars(node, &mut found);
    let end = node.range.end as usize;
    let mut at = node.range.start as usize;
    for range in found.into_iter().chain([TextRange::at(end)]) {
        if source.get(at..range.start as usize).is_some_and(|between| between.contains('#')) {
            return true;
        }
        at = at.max(range.end as usize);
    }
    false
}

/// The lines of what is missing, in block style; `indent` is the first line's column.
pub fn block(steps: &[Step], leaf: Leaf<'_>, indent: usize, habits: &Habits) -> Vec<String> {
    let pad = " ".repeat(indent);
    match steps {
        [] => match leaf {
            Leaf::Set { key, value, .. } => value_lines(key, value, indent, habits),
            Leaf::Entry => Vec::new(),
            Leaf::Lines(lines) => lines(indent),
        },
        [Step::Key(name), rest @ ..] => {
            let below = indent + if matches!(rest.first(), Some(Step::Named(_))) { habits.list_indent } else { 2 };
            let mut lines = vec![format!("{pad}{}:", yaml_scalar::key(name))];
            lines.extend(block(rest, leaf, below, habits));
            lines
        }
        // Entries without a name are never made.
        [Step::Item(_), ..] => Vec::new(),
        [Step::Named(name), rest @ ..] => {
            let name = yaml_scalar::write(name, Style::Plain, indent, habits.newline);
            let mut lines = vec![format!("{pad}- name: {name}")];
            lines.extend(block(rest, leaf, indent + 2, habits));
            lines
        }
    }
}

/// The lines of a key with its value.
fn value_lines(key: &str, value: &Value, indent: usize, habits: &Habits) -> Vec<String> {
    let pad = " ".repeat(indent);
    let name = yaml_scalar::key(key);
    match value {
        Value::String(text) => {
            let layout = Layout { indent, start: indent + name.chars().count() + 2, newline: habits.newline, width: habits.width, wraps: habits.wraps };
            // Only descriptions are written as the file writes descriptions.
            let style = if key == "description" { habits.style } else { Style::Plain };
            let text = yaml_scalar::write_in(text, style, &layout);
            format!("{pad}{name}: {text}").split(habits.newline).map(str::to_owned).collect()
        }
        Value::Array(items) if !items.is_empty() && (!habits.flow_lists || items.iter().any(is_structure)) => {
            let inner = indent + habits.list_indent;
            let dash = " ".repeat(inner);
            let mut lines = vec![format!("{pad}{name}:")];
            for item in items.iter() {
                match item {
                    Value::Object(map) if !map.is_empty() => {
                        let mut own: Vec<String> = map.iter().flat_map(|(key, value)| value_lines(key, value, inner + 2, habits)).collect();
                        if let Some(first) = own.first_mut() {
                            *first = format!("{dash}- {}", first.trim_start());
                        }
                        lines.extend(own);
                    }
                    other => lines.push(format!("{dash}- {}", flow_value(other))),
                }
            }
            lines
        }
        Value::Object(map) if !map.is_empty() => {
            let mut lines = vec![format!("{pad}{name}:")];
            lines.extend(map.iter().flat_map(|(key, value)| value_lines(key, value, indent + 2, habits)));
            lines
        }
        other => vec![format!("{pad}{name}: {}", flow_value(other))],
    }
}

fn is_structure(value: &Value) -> bool {
    matches!(value, Value::Array(_) | Value::Object(_)) || value.as_str().is_some_and(|text| text.contains('\n'))
}

fn flow_scalar(value: &str) -> String {
    if yaml_scalar::is_flow_safe(value) && !value.contains(' ') { value.to_owned() } else { yaml_scalar::write(value, Style::DoubleQuoted, 0, "\n") }
}

/// A value on one line.
fn flow_value(value: &Value) -> String {
    match value {
        Value::String(text) => flow_scalar(text),
        Value::Array(items) => format!("[{}]", items.iter().map(flow_value).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let entries: Vec<String> = map.iter().map(|(key, value)| format!("{}: {}", flow_scalar(key), flow_value(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        scalar => yaml_scalar::bare(scalar),
    }
}

fn flow_entry(steps: &[Step], leaf: Leaf<'_>, quoted_keys: bool) -> String {
    let quote = |name: &str| if quoted_keys { yaml_scalar::write(name, Style::DoubleQuoted, 0, "\n") } else { flow_scalar(name) };
    match steps {
        [] => leaf.set().map(|(key, value)| format!("{}: {}", quote(key), flow_value(value))).unwrap_or_default(),
        [Step::Key(name), rest @ ..] => match rest {
            [Step::Named(_), ..] => format!("{}: [{}]", quote(name), flow_item(rest, leaf)),
            _ => format!("{}: {{{}}}", quote(name), flow_entry(rest, leaf, quoted_keys)),
        },
        [Step::Named(_) | Step::Item(_), ..] => flow_item(steps, leaf),
    }
}

fn flow_item(steps: &[Step], leaf: Leaf<'_>) -> String {
    match steps {
        [Step::Item(_), ..] => String::new(),
        [Step::Named(name)] if leaf.set().is_none() => format!("{{name: {}}}", flow_scalar(name)),
        [Step::Named(name), rest @ ..] => format!("{{name: {}, {}}}", flow_scalar(name), flow_entry(rest, leaf, false)),
        _ => format!("{{{}}}", flow_entry(steps, leaf, false)),
    }
}
