//! YAML as a tree with byte spans. A scalar that isn't quoted means what YAML 1.1 says (`yes` is true), because dbt reads its
//! files with PyYAML's safe loader; of duplicate keys the last one counts, and `<<` merges.

use crate::SyntaxError;
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::collections::HashMap;
use text::TextRange;

/// Aliases repeat what they name; past this many nodes a file only means to exhaust memory.
const MAX_NODES: usize = 2_000_000;
/// Deeper nesting than any properties file has; keeps the recursion of readers bounded.
const MAX_DEPTH: usize = 128;

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
    Folded,
}

/// A node of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// From the first to after the last byte, quotes included; for a block collection up to the end of its last node.
    pub range: TextRange,
    pub kind: Kind,
    /// Written as `*alias`: the range is the alias's, the content the anchor's.
    pub is_alias: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Scalar { value: String, style: Style },
    Map { entries: Vec<(Node, Node)>, flow: bool },
    Seq { items: Vec<Node>, flow: bool },
}

/// A file: the first document, which is the one that dbt reads, and the error that ended the reading, if one did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Yaml {
    pub root: Option<Node>,
    pub error: Option<SyntaxError>,
    /// Whether a second document follows; PyYAML's `safe_load` refuses that.
    pub has_more_documents: bool,
}

impl Node {
    /// The scalar's text; `None` for collections and for YAML's null.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { value, style } if *style != Style::Plain || !is_null(value) => Some(value),
            _ => None,
        }
    }

    /// YAML 1.1's booleans (<https://yaml.org/type/bool.html>, without PyYAML's unsupported `y` and `n`).
    pub fn as_bool(&self) -> Option<bool> {
        match &self.kind {
            Kind::Scalar { value, style: Style::Plain } => match value.as_str() {
                "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
                "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { value, style: Style::Plain } if is_null(value))
    }

    pub fn entries(&self) -> &[(Node, Node)] {
        match &self.kind {
            Kind::Map { entries, .. } => entries,
            _ => &[],
        }
    }

    pub fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::Seq { items, .. } => items,
            _ => &[],
        }
    }

    /// The value of a key: the last of its own entries, else what `<<` brings.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.get_entry(key).map(|(_, value)| value)
    }

    /// The key node and the value node of a key.
    pub fn get_entry(&self, key: &str) -> Option<(&Node, &Node)> {
        let own = self.entries().iter().rev().find(|(name, _)| name.as_str() == Some(key));
        if let Some((name, value)) = own {
            return Some((name, value));
        }
        let merged = self.entries().iter().find(|(name, _)| name.as_str() == Some("<<"))?;
        match &merged.1.kind {
            Kind::Map { .. } => merged.1.get_entry(key),
            Kind::Seq { items, .. } => items.iter().find_map(|item| item.get_entry(key)),
            Kind::Scalar { .. } => None,
        }
    }

    /// In the root of a properties file, the entry of one of its sections that a place is in.
    pub fn entry_around(&self, place: TextRange) -> Option<&Self> {
        self.entries().iter().flat_map(|(_, section)| section.items()).find(|entry| !entry.is_alias && entry.range.contains_range(place))
    }

    pub fn get_str(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// A list of strings, where one string counts as a list of one, as for dbt's `tags`.
    pub fn strings(&self) -> Vec<String> {
        match &self.kind {
            Kind::Seq { items, .. } => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
            _ => self.as_str().map(str::to_owned).into_iter().collect(),
        }
    }
}

fn is_null(value: &str) -> bool {
    matches!(value, "" | "~" | "null" | "Null" | "NULL")
}

/// Reads a file. On an error the tree holds what stood before it.
pub fn parse(source: &str) -> Yaml {
    let bom = if source.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let body = &source[bom..];
    let offsets = Offsets::new(body, bom);
    let mut yaml = read(source, body, &offsets);
    // PyYAML doesn't care how the lines of a flow collection are indented.
    let mut straightened: Option<String> = None;
    for _ in 0..MAX_STRAIGHTENED {
        let Some(error) = yaml.error.as_ref().filter(|error| error.message.contains("indentation")) else { break };
        let text = straightened.as_deref().unwrap_or(body);
        let Some(next) = straighten(text, (error.range.start as usize).saturating_sub(bom)) else { break };
        let read = read(source, &next, &offsets);
        straightened = Some(next);
        yaml = read;
    }
    yaml
}

/// More badly indented collections than these are an error.
const MAX_STRAIGHTENED: usize = 64;

/// The text with the flow collection around an offset on one line: line ends, indents and comments in it become blanks, so that
/// every character keeps its number. `None` where no collection is around it.
fn straighten(text: &str, at: usize) -> Option<String> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut start = None;
    for (index, byte) in bytes[..at.min(bytes.len())].iter().enumerate().rev().take(64 << 10) {
        match byte {
            b']' | b'}' => depth += 1,
            b'[' | b'{' if depth == 0 => {
                start = Some(index);
                break;
            }
            b'[' | b'{' => depth -= 1,
            _ => {}
        }
    }
    let start = start?;
    let mut made = text[..start].to_owned();
    let mut chars = text[start..].char_indices().peekable();
    let (mut depth, mut quote, mut changed) = (0_usize, None::<char>, false);
    let mut end = text.len();
    let mut before = ' ';
    while let Some((index, c)) = chars.next() {
        match (quote, c) {
            (Some(mark), c) if c == mark => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    made.push(c);
                    end = start + index + 1;
                    break;
                }
            }
            (None, '#') if before.is_whitespace() => {
                // A comment goes up to the end of its line.
                made.push(' ');
                while chars.peek().is_some_and(|(_, next)| *next != '\n') {
                    chars.next();
                    made.push(' ');
                }
                before = ' ';
                continue;
            }
            _ => {}
        }
        if matches!(c, '\n' | '\r') {
            changed = true;
            made.push(' ');
        } else {
            made.push(c);
        }
        before = c;
    }
    made.push_str(text.get(end..).unwrap_or(""));
    changed.then_some(made)
}

fn read(source: &str, body: &str, offsets: &Offsets) -> Yaml {
    let mut builder = Builder { source, ..Builder::default() };
    let mut yaml = Yaml::default();
    for event in Parser::new_from_str(body) {
        match event {
            Ok((Event::DocumentStart(_), _)) if builder.root.is_some() => {
                yaml.has_more_documents = true;
                break;
            }
            Ok((event, span)) => {
                if let Err(message) = builder.event(event, offsets.range(span)) {
                    let at = offsets.range(span);
                    yaml.error = Some(SyntaxError { range: at, message: message.to_owned() });
                    break;
                }
            }
            Err(error) => {
                let at = offsets.at(error.marker().index());
                let may_be_tab = error.info().contains("tab") || error.info().contains("did not find expected");
                yaml.error = Some(match may_be_tab.then(|| tab_in_indent(source, at)).flatten() {
                    Some(range) => SyntaxError { range, message: "invalid YAML: a tab in the indent; YAML takes blanks only".to_owned() },
                    None => SyntaxError { range: TextRange::at(at), message: format!("invalid YAML: {}", error.info()) },
                });
                break;
            }
        }
    }
    yaml.root = builder.finish();
    yaml
}

/// Tabs in the indent of the line where the parser stopped, or of one of the two around it, which it may have taken for something else.
fn tab_in_indent(source: &str, at: usize) -> Option<TextRange> {
    let mut line_end = source.get(at..)?.match_indices('\n').nth(2).map_or(source.len(), |(length, _)| at + length);
    for _ in 0..5 {
        let start = source[..line_end].rfind('\n').map_or(0, |before| before + 1);
        let line = &source[start..line_end];
        let indent = &line[..line.len() - line.trim_start().len()];
        if let Some(tab) = indent.find('\t').filter(|_| indent.len() < line.len()) {
            let tabs = indent[tab..].chars().take_while(|c| *c == '\t').count();
            return Some(TextRange::new(start + tab, start + tab + tabs));
        }
        line_end = start.checked_sub(1)?;
    }
    None
}

/// The parser counts characters; the tree counts bytes.
struct Offsets {
    bytes: Option<Vec<u32>>,
    bom: usize,
    len: usize,
}

impl Offsets {
    fn new(body: &str, bom: usize) -> Self {
        let bytes = (!body.is_ascii()).then(|| body.char_indices().map(|(at, _)| u32::try_from(at).unwrap_or(u32::MAX)).collect());
        Self { bytes, bom, len: body.len() }
    }

    fn at(&self, character: usize) -> usize {
        self.bom
            + match &self.bytes {
                Some(bytes) => bytes.get(character).map_or(self.len, |&at| at as usize),
                None => character.min(self.len),
            }
    }

    fn range(&self, span: Span) -> TextRange {
        TextRange::new(self.at(span.start.index()), self.at(span.end.index()))
    }
}

enum Open {
    Map { entries: Vec<(Node, Node)>, key: Option<Node>, flow: bool },
    Seq { items: Vec<Node>, flow: bool },
}

#[derive(Default)]
struct Builder<'a> {
    source: &'a str,
    stack: Vec<(Open, TextRange, usize)>,
    anchors: HashMap<usize, Node>,
    root: Option<Node>,
    nodes: usize,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, range: TextRange) -> Result<(), &'static str> {
        match event {
            Event::Scalar(value, style, anchor, _tag) => {
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted => Style::SingleQuoted,
                    ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
                    ScalarStyle::Literal => Style::Literal,
                    ScalarStyle::Folded => Style::Folded,
                };
                let range = self.trimmed(range, style);
                self.add(Node { range, kind: Kind::Scalar { value: value.into_owned(), style }, is_alias: false }, anchor)
            }
            Event::MappingStart(anchor, _) => {
                let flow = self.source.as_bytes().get(range.start as usize) == Some(&b'{');
                self.open(Open::Map { entries: Vec::new(), key: None, flow }, range, anchor)
            }
            Event::SequenceStart(anchor, _) => {
                let flow = self.source.as_bytes().get(range.start as usize) == Some(&b'[');
                self.open(Open::Seq { items: Vec::new(), flow }, range, anchor)
            }
            Event::MappingEnd | Event::SequenceEnd => self.close(Some(range)),
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => {
                    let node = Node { range, kind: node.kind.clone(), is_alias: true };
                    self.nodes += count(&node);
                    self.add(node, 0)
                }
                None => Err("an alias stands inside the node that it names"),
            },
            _ => Ok(()),
        }
    }

    /// Plain scalars end at their last visible byte, quoted ones with their quote, whatever comment the parser takes in behind it;
    /// block scalars are trimmed where their header is seen.
    fn trimmed(&self, range: TextRange, style: Style) -> TextRange {
        let text = range.of(self.source);
        let len = match style {
            Style::Literal | Style::Folded => return range,
            Style::Plain => text.trim_end().len(),
            Style::SingleQuoted => closing_quote(text, b'\'').unwrap_or(text.len()),
            Style::DoubleQuoted => closing_quote(text, b'"').unwrap_or(text.len()),
        };
        TextRange::new(range.start as usize, range.start as usize + len)
    }

    fn open(&mut self, open: Open, range: TextRange, anchor: usize) -> Result<(), &'static str> {
        if self.stack.len() >= MAX_DEPTH {
            return Err("nested too deeply");
        }
        self.stack.push((open, range, anchor));
        Ok(())
    }

    fn close(&mut self, end: Option<TextRange>) -> Result<(), &'static str> {
        let Some((open, range, anchor)) = self.stack.pop() else { return Ok(()) };
        let start = range.start as usize;
        let flow_end = |last: usize| end.map_or(last, |end| end.end as usize).max(last);
        let node = match open {
            Open::Map { entries, key, flow } => {
                let mut entries = entries;
                if let Some(key) = key {
                    let at = after_colon(self.source, key.range);
                    entries.push((key, null(at)));
                }
                let first = entries.first().map_or(start, |(key, _)| key.range.start as usize);
                let last = entries.last().map_or(start, |(key, value)| value.range.end.max(key.range.end) as usize);
                let range = if flow { TextRange::new(start, flow_end(last)) } else { TextRange::new(first, last) };
                Node { range, kind: Kind::Map { entries, flow }, is_alias: false }
            }
            Open::Seq { items, flow } => {
                let last = items.last().map_or(start, |item| item.range.end as usize);
                let first = items.first().and_then(|item| dash_before(self.source, item.range.start as usize)).unwrap_or(start);
                let range = if flow { TextRange::new(start, flow_end(last)) } else { TextRange::new(first, last) };
                Node { range, kind: Kind::Seq { items, flow }, is_alias: false }
            }
        };
        self.add(node, anchor)
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), &'static str> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err("the file has too many nodes; its aliases may multiply each other");
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.stack.last_mut() {
            None => self.root = self.root.take().or(Some(node)),
            Some((Open::Seq { items, .. }, ..)) => {
                let mut node = node;
                if is_block_scalar(&node) {
                    let dash = dash_before(self.source, node.range.start as usize).map_or(node.range.start as usize, |dash| dash + 1);
                    node.range = of_block_scalar(self.source, dash, node.range);
                }
                items.push(node);
            }
            Some((Open::Map { entries, key, .. }, ..)) => match key.take() {
                None => *key = Some(node),
                Some(key) => {
                    let mut node = if is_absent(&node) { null(after_colon(self.source, key.range)) } else { node };
                    if is_block_scalar(&node) {
                        node.range = of_block_scalar(self.source, key.range.end as usize, node.range);
                    }
                    entries.push((key, node));
                }
            },
        }
        Ok(())
    }

    fn finish(mut self) -> Option<Node> {
        while !self.stack.is_empty() {
            // The file ended early; what is open closes here.
            if self.close(None).is_err() {
                break;
            }
        }
        self.root
    }
}

/// How long a quoted scalar at the start of a text is.
fn closing_quote(text: &str, quote: u8) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 2,
            byte if byte == quote && quote == b'\'' && bytes.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

fn null(range: TextRange) -> Node {
    Node { range, kind: Kind::Scalar { value: String::new(), style: Style::Plain }, is_alias: false }
}

fn is_block_scalar(node: &Node) -> bool {
    !node.is_alias && matches!(node.kind, Kind::Scalar { style: Style::Literal | Style::Folded, .. })
}

/// The parser's span of a block scalar starts with its text and ends where something else begins; the node starts with its `|` or `>`,
/// which follows `from`, and ends with its last line of text, or with the blank ones that it keeps (`|+`).
fn of_block_scalar(source: &str, from: usize, range: TextRange) -> TextRange {
    let head = source.get(from..range.start as usize).unwrap_or("");
    let start = head.find(['|', '>']).map_or(range.start as usize, |at| from + at);
    let text = &source[start..range.end as usize];
    let header = text.lines().next().unwrap_or("");
    let keeps = header.split('#').next().is_some_and(|header| header.contains('+'));
    let blanks = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let indent = text.lines().skip(1).find(|line| !line.trim().is_empty()).map_or(0, blanks);
    // Comments that stand left of the text are behind it.
    let is_behind = |line: &str| if line.trim().is_empty() { !keeps } else { blanks(line) < indent && line.trim_start().starts_with('#') };
    let mut kept = text;
    while let Some((before, last)) = kept.rsplit_once('\n') {
        // The start of the line that holds what comes next is no line of it either.
        if !(is_behind(last) || kept.len() == text.len() && last.trim_matches(' ').is_empty()) {
            break;
        }
        kept = before;
    }
    TextRange::new(start, start + kept.trim_end_matches('\r').len())
}

/// The `-` of the list entry whose content starts at `offset`. Between them stand blanks, an anchor or tag, or comments and line
/// ends.
fn dash_before(source: &str, offset: usize) -> Option<usize> {
    let mut end = offset;
    loop {
        let line_start = source[..end].rfind('\n').map_or(0, |at| at + 1);
        let line = &source[line_start..end];
        let line = if end == offset { line } else { line.split(" #").next().unwrap_or(line) };
        if let Some(dash) = line.match_indices('-').map(|(at, _)| at).rfind(|&at| {
            let before = &line[..at];
            let behind = line[at + 1..].chars().next();
            behind.is_none_or(char::is_whitespace) && before.chars().all(|c| c.is_whitespace() || c == '-')
        }) {
            return Some(line_start + dash);
        }
        end = line_start.checked_sub(1)?;
    }
}

/// A value that isn't there: the parser puts it wherever the next token is.
fn is_absent(node: &Node) -> bool {
    !node.is_alias && matches!(&node.kind, Kind::Scalar { value, style: Style::Plain } if value.is_empty())
}

/// The place of an absent value: right after the colon of its key.
fn after_colon(source: &str, key: TextRange) -> TextRange {
    let rest = source.get(key.end as usize..).unwrap_or("");
    let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let colon = usize::from(rest[blanks..].starts_with(':'));
    TextRange::at(key.end as usize + if colon == 1 { blanks + 1 } else { 0 })
}

fn count(node: &Node) -> usize {
    1 + match &node.kind {
        Kind::Scalar { .. } => 0,
        Kind::Map { entries, .. } => entries.iter().map(|(key, value)| count(key) + count(value)).sum(),
        Kind::Seq { items, .. } => items.iter().map(count).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_bytes_of_the_source() {
        let source = "\u{feff}# über\nmodels:\n- name: größe  # x\n  description: 'it''s'\n  tags: [a, \"b\"]\n- {name: c}\nq: 'a' # c\nr: \"b\\\"\"   # d\n";
        let yaml = parse(source);
        assert_eq!(yaml.error, None);
        let root = yaml.root.expect("a document");
        let models = root.get("models").expect("models");
        let first = &models.items()[0];
        assert_eq!(first.get("name").map(|node| node.range.of(source)), Some("größe"));
        assert_eq!(first.get("description").map(|node| node.range.of(source)), Some("'it''s'"));
        assert_eq!(first.get_str("description"), Some("it's"));
        assert_eq!(first.get("tags").map(|node| node.range.of(source)), Some("[a, \"b\"]"));
        assert_eq!(first.range.of(source), "name: größe  # x\n  description: 'it''s'\n  tags: [a, \"b\"]");
        assert_eq!(models.items()[1].range.of(source), "{name: c}");
        assert_eq!(["q", "r"].map(|key| root.get(key).map(|node| node.range.of(source))), [Some("'a'"), Some("\"b\\\"\"")]);
    }

    #[test]
    fn yaml_1_1_merges_duplicates_and_aliases() {
        let yaml = parse("base: &b {enabled: yes, x: 1}\nm:\n  <<: *b\n  x: 2\n  x: 3\nn: ~\n");
        let root = yaml.root.expect("a document");
        let m = root.get("m").expect("m");
        assert_eq!(m.get("enabled").and_then(Node::as_bool), Some(true));
        assert_eq!(m.get_str("x"), Some("3"));
        assert!(root.get("n").is_some_and(Node::is_null));
    }

    #[test]
    fn a_broken_file_keeps_what_stood_before() {
        let yaml = parse("models:\n  - name: a\n    description: x\n  - name: 'b\n");
        assert!(yaml.error.is_some());
        let root = yaml.root.expect("a document");
        assert_eq!(root.get("models").expect("models").items()[0].get_str("name"), Some("a"));
    }

    #[test]
    fn aliases_that_multiply_are_refused() {
        let mut source = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let alias = format!("*a{}", level - 1);
            source.push_str(&format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 9].join(", ")));
        }
        assert!(parse(&source).error.is_some_and(|error| error.message.contains("aliases")));
    }
}
