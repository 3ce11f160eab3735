//! Byte-exact edits of YAML: what is asked for is inserted or replaced, every other byte stays as it is.
//!
//! An edit is computed from the spans of the tree, then proved: the new text is parsed and must be the old value plus the
//! change, or nothing is offered.

use crate::yaml::{self, Kind, Node, Style};
use crate::yaml_scalar;
use text::{Edit, TextRange, apply_edits};

/// A step from a node to one below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The value of a key.
    Key(String),
    /// The entry of a list whose `name` is this.
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
/// `path` starts at the document's root. Returns edits on `source`, or why there are none: the file doesn't parse, holds several
/// documents, or has something else than a string where the change would go.
pub fn set_string(source: &str, path: &[Step], key: &str, value: &str) -> Result<Vec<Edit>, Refusal> {
    make(source, path, Leaf::Set(key, value))
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
    let mut node = &root;
    for at in 0..=path.len() {
        if node.is_alias {
            return refuse("the entry is an alias (`*…`); what it names would change everywhere");
        }
        node = find(&root, &path[..at.min(path.len())]).unwrap_or(node);
    }
    let edits = vec![removal(source, node, key)?];
    prove(source, &root, &edits, path, Leaf::Gone(key))?;
    Ok(edits)
}

fn removal(source: &str, node: &Node, key: &str) -> Result<Edit, Refusal> {
    let Kind::Map { entries, flow } = &node.kind else { return refuse("the entry is not a mapping") };
    let Some(at) = entries.iter().rposition(|(name, _)| name.as_str() == Some(key)) else { return refuse(format!("`{key}` is not there")) };
    if entries.len() == 1 {
        return refuse(format!("`{key}` is all that there is of the entry"));
    }
    let (name, value) = &entries[at];
    let (start, end) = (name.range.start as usize, content_end(source, value).max(name.range.end as usize));
    if *flow {
        // With the comma before it, or the first one with the comma behind it.
        return Ok(Edit::delete(match at {
            0 => TextRange::new(start, entries[1].0.range.start as usize),
            _ => TextRange::new(content_end(source, &entries[at - 1].1).max(entries[at - 1].0.range.end as usize), end),
        }));
    }
    let line_end = line_end(source, end);
    if source[end..line_end].contains('#') {
        return refuse("a comment stands behind the value; it would be lost");
    }
    let line_start = source[..start].rfind('\n').map_or(0, |before| before + 1);
    if source[line_start..start].trim_matches(['\u{feff}', ' ']).is_empty() && line_start + 3 < source.len() {
        let begins = if source[line_start..].starts_with('\u{feff}') { line_start + '\u{feff}'.len_utf8() } else { line_start };
        let next = source[line_end..].find('\n').map(|at| line_end + at + 1);
        // At the end of a file without a final line end, the one before goes.
        return Ok(Edit::delete(match next {
            Some(next) => TextRange::new(begins, next),
            None => TextRange::new(source[..begins].trim_end_matches(['\n', '\r']).len(), source.len()),
        }));
    }
    // Behind a dash: the next key takes its place.
    let Some((next, _)) = entries.get(at + 1) else { return refuse(format!("`{key}` can't be taken out of its line")) };
    if source[end..next.range.start as usize].contains('#') {
        return refuse("a comment stands behind the value; it would be lost");
    }
    Ok(Edit::delete(TextRange::new(start, next.range.start as usize)))
}

/// What is wanted at the end of a path.
#[derive(Clone, Copy)]
enum Leaf<'a> {
    /// A key with a string.
    Set(&'a str, &'a str),
    /// The entry that the path ends with.
    Entry,
    /// No such key.
    Gone(&'a str),
}

impl<'a> Leaf<'a> {
    fn set(self) -> Option<(&'a str, &'a str)> {
        match self {
            Self::Set(key, value) => Some((key, value)),
            Self::Entry | Self::Gone(_) => None,
        }
    }
}

/// The document of a file that can be edited; `None` where it has no content.
fn read(source: &str) -> Result<Option<Node>, Refusal> {
    let tree = yaml::parse(source);
    if let Some(error) = tree.error {
        return refuse(format!("the file has a YAML error; mend it first: {}", error.message));
    }
    if tree.has_more_documents {
        return refuse("the file holds more than one YAML document, which dbt does not read");
    }
    Ok(tree.root.filter(|root| !root.is_null()))
}

fn make(source: &str, path: &[Step], leaf: Leaf<'_>) -> Result<Vec<Edit>, Refusal> {
    let Some(root) = read(source)? else { return at_end_of_file(source, path, leaf) };
    let habits = Habits::of(source, &root);
    let edits = Editor { source, habits: &habits }.edit(&root, path, leaf)?;
    prove(source, &root, &edits, path, leaf)?;
    Ok(edits)
}

/// A file without content: comments at most.
fn at_end_of_file(source: &str, path: &[Step], leaf: Leaf<'_>) -> Result<Vec<Edit>, Refusal> {
    let habits = Habits::default_for(source);
    let mut text = block(path, leaf, 0, &habits).join(habits.newline);
    text.push_str(habits.newline);
    if !source.is_empty() && !source.ends_with('\n') {
        text.insert_str(0, habits.newline);
    }
    let edits = vec![Edit::insert(source.len(), text)];
    let made = apply_edits(source, &edits).map_err(|error| Refusal(error.to_string()))?;
    match yaml::parse(&made) {
        yaml::Yaml { root: Some(root), error: None, .. } if is_there(&root, path, leaf) => Ok(edits),
        _ => refuse("the file's content can't be continued"),
    }
}

fn is_there(root: &Node, path: &[Step], leaf: Leaf<'_>) -> bool {
    find(root, path).is_some_and(|node| leaf.set().is_none_or(|(key, value)| node.get_str(key) == Some(value)))
}

/// How this file is written.
struct Habits {
    newline: &'static str,
    /// How far lists stand right of the key that holds them: 0 or 2.
    list_indent: usize,
    /// How strings are written where the file has such strings already.
    style: Style,
}

impl Habits {
    fn default_for(source: &str) -> Self {
        let newline = match source.find('\n') {
            Some(at) if source[..at].ends_with('\r') => "\r\n",
            _ => "\n",
        };
        Self { newline, list_indent: 2, style: Style::Plain }
    }

    fn of(source: &str, root: &Node) -> Self {
        let mut habits = Self::default_for(source);
        if let Some(indent) = list_indent(source, root) {
            habits.list_indent = indent;
        }
        let mut counts = [0usize; 5];
        count_styles(root, &mut counts);
        const STYLES: [Style; 5] = [Style::Plain, Style::DoubleQuoted, Style::SingleQuoted, Style::Folded, Style::Literal];
        let best = (0..5).rev().max_by_key(|&index| counts[index]);
        if let Some(best) = best.filter(|&index| counts[index] > 0) {
            habits.style = STYLES[best];
        }
        habits
    }
}

fn count_styles(node: &Node, counts: &mut [usize; 5]) {
    for (key, value) in node.entries() {
        match &value.kind {
            Kind::Scalar { value: text, style } if key.as_str() == Some("description") && !text.is_empty() && !text.contains("{{") => {
                counts[match style {
                    Style::Plain => 0,
                    Style::DoubleQuoted => 1,
                    Style::SingleQuoted => 2,
                    Style::Folded => 3,
                    Style::Literal => 4,
                }] += 1;
            }
            _ => count_styles(value, counts),
        }
    }
    for item in node.items() {
        count_styles(item, counts);
    }
}

fn list_indent(source: &str, node: &Node) -> Option<usize> {
    for (key, value) in node.entries() {
        match &value.kind {
            Kind::Seq { items, flow: false } if !items.is_empty() && !value.is_alias => {
                let dash = column(source, value.range.start as usize);
                return Some(dash.saturating_sub(column(source, key.range.start as usize)).min(8));
            }
            _ => {
                if let Some(indent) = list_indent(source, value) {
                    return Some(indent);
                }
            }
        }
    }
    node.items().iter().find_map(|item| list_indent(source, item))
}

/// Characters between the start of the line and `offset`, a BOM not counted.
fn column(source: &str, offset: usize) -> usize {
    let line = source[..offset].rfind('\n').map_or(0, |at| at + 1);
    source[line..offset].chars().filter(|&c| c != '\u{feff}').count()
}

/// The end of the line that holds `offset`, before its line end.
fn line_end(source: &str, offset: usize) -> usize {
    let end = source[offset..].find('\n').map_or(source.len(), |at| offset + at);
    if source[offset..end].ends_with('\r') { end - 1 } else { end }
}

/// Where the content of a node ends: a block scalar's last line of text, unless it keeps its blank lines (`|+`).
fn content_end(source: &str, node: &Node) -> usize {
    if node.is_alias {
        return node.range.end as usize;
    }
    match &node.kind {
        Kind::Map { entries, flow: false } => {
            entries.last().map_or(node.range.end as usize, |(key, value)| content_end(source, value).max(key.range.end as usize))
        }
        Kind::Seq { items, flow: false } => items.last().map_or(node.range.end as usize, |item| content_end(source, item)),
        Kind::Scalar { style: Style::Literal | Style::Folded, .. } => {
            let text = node.range.of(source);
            let header = text.lines().next().unwrap_or("");
            let keeps = header.split('#').next().is_some_and(|header| header.contains('+'));
            let kept = if keeps { text.trim_end_matches([' ']).strip_suffix('\n').unwrap_or(text) } else { without_blank_lines(text) };
            node.range.start as usize + kept.trim_end_matches('\r').len()
        }
        _ => node.range.end as usize,
    }
}

/// A text up to its last line that has something in it; blanks at that line's end are a part of it.
fn without_blank_lines(text: &str) -> &str {
    let mut kept = text;
    while let Some((before, last)) = kept.rsplit_once('\n') {
        if !last.trim().is_empty() {
            break;
        }
        kept = before;
    }
    kept
}

struct Editor<'a> {
    source: &'a str,
    habits: &'a Habits,
}

impl Editor<'_> {
    fn edit(&self, root: &Node, path: &[Step], leaf: Leaf<'_>) -> Result<Vec<Edit>, Refusal> {
        let mut node = root;
        for (depth, step) in path.iter().enumerate() {
            if node.is_alias {
                return refuse("the entry is an alias (`*…`); what it names would change everywhere");
            }
            let rest = &path[depth..];
            node = match step {
                Step::Key(name) => match node.entries().iter().rev().find(|(entry, _)| entry.as_str() == Some(name)) {
                    Some((_, next)) if next.is_null() => return self.fill(node, name, &rest[1..], leaf),
                    Some((_, next)) => next,
                    None if !matches!(node.kind, Kind::Map { .. }) => return refuse(format!("`{name}` can't be added: no mapping there")),
                    None => return self.add_key(node, rest, leaf),
                },
                Step::Named(name) => match &node.kind {
                    Kind::Seq { items, .. } => match items.iter().find(|item| item.get_str("name") == Some(name)) {
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
            return refuse("the entry is an alias (`*…`); what it names would change everywhere");
        }
        let Some((key, value)) = leaf.set() else { return Ok(Vec::new()) };
        let Kind::Map { entries, flow } = &node.kind else { return refuse("the entry is not a mapping") };
        let Some((existing_key, existing)) = entries.iter().rev().find(|(name, _)| name.as_str() == Some(key)) else {
            return self.add_key(node, &[], leaf);
        };
        if existing.is_alias || !matches!(existing.kind, Kind::Scalar { .. }) {
            return refuse(format!("`{key}` is not a plain string here"));
        }
        let between = &self.source[existing_key.range.end as usize..existing.range.start as usize];
        if between.contains(['&', '!']) {
            return refuse(format!("`{key}` has an anchor or a tag"));
        }
        let indent = column(self.source, existing_key.range.start as usize);
        let absent = existing.range.is_empty();
        let rest_of_line = &self.source[existing.range.end as usize..line_end(self.source, existing.range.end as usize)];
        let style = match &existing.kind {
            Kind::Scalar { style, .. } if !existing.is_null() && *style != Style::Plain && !existing.range.is_empty() => *style,
            _ => self.habits.style,
        };
        let is_block = matches!(existing.kind, Kind::Scalar { style: Style::Literal | Style::Folded, .. });
        if is_block && existing.range.of(self.source).lines().next().is_some_and(|header| header.contains('#')) {
            return refuse("a comment stands behind the block's header; it would be lost");
        }
        // A block style needs the rest of its line for itself.
        let may_be_block = !*flow && (is_block || rest_of_line.trim().is_empty());
        let mut text = if *flow {
            yaml_scalar::write(value, Style::DoubleQuoted, indent, self.habits.newline)
        } else {
            yaml_scalar::write(value, style, indent, self.habits.newline)
        };
        if text.contains('\n') && !may_be_block {
            text = yaml_scalar::write(&value.replace('\n', " "), Style::DoubleQuoted, indent, self.habits.newline);
            if value.contains('\n') {
                return refuse("a comment stands behind the value; several lines don't fit there");
            }
        }
        let range = TextRange::new(existing.range.start as usize, content_end(self.source, existing));
        let blank = if absent { " " } else { "" };
        Ok(vec![Edit::replace(range, format!("{blank}{text}"))])
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
        let anchor = if steps.is_empty() { entries.iter().find(|(name, _)| name.as_str() == Some("name")) } else { None };
        let anchor = anchor.or(entries.last());
        if *flow {
            let text = flow_entry(steps, leaf, entries.first().is_some_and(|(name, _)| name.range.of(self.source).starts_with('"')));
            return match anchor {
                Some((_, after)) => Ok(vec![Edit::insert(after.range.end as usize, format!(", {text}"))]),
                None => Ok(vec![Edit::insert(node.range.start as usize + 1, text)]),
            };
        }
        let Some((_, after)) = anchor else { return refuse("the mapping is empty") };
        let indent = entries.first().map_or(0, |(name, _)| column(self.source, name.range.start as usize));
        let lines = block(steps, leaf, indent, self.habits);
        let at_root = indent == 0 && !steps.is_empty();
        Ok(vec![self.below(content_end(self.source, after), &lines, at_root)])
    }

    /// An entry at the end of a list.
    fn add_item(&self, list: &Node, steps: &[Step], leaf: Leaf<'_>) -> Result<Vec<Edit>, Refusal> {
        let Kind::Seq { items, flow } = &list.kind else { return refuse("the entry is not a list") };
        if *flow {
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
                let between = &self.source[content_end(self.source, before)..last.range.start as usize];
                between.replace('\r', "").contains("\n\n")
            }
            // One entry says nothing; models are usually set apart, columns not.
            _ => false,
        };
        Ok(vec![self.below(content_end(self.source, last), &lines, apart)])
    }

    /// Inserts whole lines below the line that holds `offset`.
    fn below(&self, offset: usize, lines: &[String], apart: bool) -> Edit {
        let newline = self.habits.newline;
        let at = line_end(self.source, offset);
        let blank = if apart { newline } else { "" };
        Edit::insert(at, format!("{newline}{blank}{}", lines.join(newline)))
    }
}

/// The lines of what is missing, in block style; `indent` is the first line's column.
fn block(steps: &[Step], leaf: Leaf<'_>, indent: usize, habits: &Habits) -> Vec<String> {
    let pad = " ".repeat(indent);
    match steps {
        [] => {
            let line = |(key, value)| format!("{pad}{key}: {}", yaml_scalar::write(value, habits.style, indent, habits.newline));
            leaf.set().map(line).into_iter().collect()
        }
        [Step::Key(name), rest @ ..] => {
            let below = indent + if matches!(rest.first(), Some(Step::Named(_))) { habits.list_indent } else { 2 };
            let mut lines = vec![format!("{pad}{name}:")];
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

fn flow_scalar(value: &str) -> String {
    if yaml_scalar::is_flow_safe(value) && !value.contains(' ') { value.to_owned() } else { yaml_scalar::write(value, Style::DoubleQuoted, 0, "\n") }
}

fn flow_entry(steps: &[Step], leaf: Leaf<'_>, quoted_keys: bool) -> String {
    let quote = |name: &str| if quoted_keys { format!("\"{name}\"") } else { name.to_owned() };
    match steps {
        [] => leaf.set().map(|(key, value)| format!("{}: {}", quote(key), flow_scalar(value))).unwrap_or_default(),
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

/// The node at a path.
pub fn find<'a>(root: &'a Node, path: &[Step]) -> Option<&'a Node> {
    path.iter().try_fold(root, |node, step| match step {
        Step::Key(key) => node.get(key),
        Step::Named(name) => node.items().iter().find(|item| item.get_str("name") == Some(name)),
        Step::Item(place) => node.items().get(*place),
    })
}

/// A tree without its spans and styles, to be compared.
#[derive(Debug, PartialEq, Eq)]
enum Plain {
    Scalar(String, bool),
    Map(Vec<(Plain, Plain)>),
    Seq(Vec<Plain>),
}

fn plain(node: &Node) -> Plain {
    match &node.kind {
        // What is written bare may be a number or a date to a reader; what is quoted is text.
        Kind::Scalar { value, style } => {
            let bare = *style == Style::Plain && yaml_scalar::write(value, Style::Plain, 0, "\n") != *value;
            Plain::Scalar(value.clone(), bare)
        }
        Kind::Map { entries, .. } => Plain::Map(entries.iter().map(|(key, value)| (plain(key), plain(value))).collect()),
        Kind::Seq { items, .. } => Plain::Seq(items.iter().map(plain).collect()),
    }
}

/// The old value plus the change must be what the new text says.
fn prove(source: &str, root: &Node, edits: &[Edit], path: &[Step], leaf: Leaf<'_>) -> Result<(), Refusal> {
    let made = apply_edits(source, edits).map_err(|error| Refusal(error.to_string()))?;
    let tree = yaml::parse(&made);
    let Some(new_root) = tree.root.filter(|_| tree.error.is_none()) else {
        return refuse("the changed file would not be valid YAML");
    };
    let mut expected = plain(root);
    let mut found = plain(&new_root);
    change(&mut expected, path, leaf);
    for tree in [&mut expected, &mut found] {
        sort(tree);
    }
    if expected == found { Ok(()) } else { refuse("the change would alter something else in the file") }
}

fn text(value: &str) -> Plain {
    Plain::Scalar(value.to_owned(), false)
}

fn change(tree: &mut Plain, path: &[Step], leaf: Leaf<'_>) {
    let is_null = matches!(tree, Plain::Scalar(..));
    match path {
        [] => {
            if let (Leaf::Gone(key), Plain::Map(entries)) = (leaf, &mut *tree)
                && let Some(at) = entries.iter().rposition(|(name, _)| *name == text(key))
            {
                entries.remove(at);
            }
            let Some((key, value)) = leaf.set() else { return };
            if is_null {
                *tree = Plain::Map(Vec::new());
            }
            if let Plain::Map(entries) = tree {
                match entries.iter_mut().rev().find(|(name, _)| *name == text(key)) {
                    Some((_, old)) => *old = text(value),
                    None => entries.push((text(key), text(value))),
                }
            }
        }
        [Step::Key(name), rest @ ..] => {
            if is_null {
                *tree = Plain::Map(Vec::new());
            }
            if let Plain::Map(entries) = tree {
                let at = entries.iter().rposition(|(entry, _)| *entry == text(name)).unwrap_or_else(|| {
                    entries.push((text(name), Plain::Scalar(String::new(), true)));
                    entries.len() - 1
                });
                change(&mut entries[at].1, rest, leaf);
            }
        }
        [Step::Item(place), rest @ ..] => {
            if let Plain::Seq(items) = tree
                && let Some(item) = items.get_mut(*place)
            {
                change(item, rest, leaf);
            }
        }
        [Step::Named(name), rest @ ..] => {
            if is_null {
                *tree = Plain::Seq(Vec::new());
            }
            if let Plain::Seq(items) = tree {
                let has_name = |item: &Plain| matches!(item, Plain::Map(entries) if entries.iter().any(|(key, value)| *key == text("name") && matches!(value, Plain::Scalar(text, _) if text == name)));
                let at = items.iter().position(has_name).unwrap_or_else(|| {
                    items.push(Plain::Map(vec![(text("name"), text(name))]));
                    items.len() - 1
                });
                change(&mut items[at], rest, leaf);
            }
        }
    }
}

/// Where a new key stands among its neighbours is no part of the value.
fn sort(tree: &mut Plain) {
    match tree {
        Plain::Scalar(..) => {}
        Plain::Map(entries) => {
            entries.iter_mut().for_each(|(_, value)| sort(value));
            entries.sort_by_cached_key(|(key, _)| format!("{key:?}"));
        }
        Plain::Seq(items) => items.iter_mut().for_each(sort),
    }
}

#[cfg(test)]
mod tests;
