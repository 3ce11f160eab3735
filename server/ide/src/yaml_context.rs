//! Where in a YAML file a cursor is, read from the lines and their indents: works where the file doesn't parse, which is where people type.

use text::TextRange;

/// What can stand at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A key of a mapping.
    Key,
    /// The value of a key.
    Value(String),
    /// Right behind a dash: a scalar or the first key of an entry.
    Item,
}

/// A cursor's place in a YAML file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct YamlContext<'t> {
    /// Keys, and `[]` for a list's item, down to the mapping or list that the cursor is in.
    pub path: Vec<String>,
    pub place: Place,
    /// Keys that the same mapping has, with their values as written.
    siblings: Vec<(String, String)>,
    /// The names of the entries around, outermost first: `("models", "orders")`, `("columns", "id")`.
    pub entries: Vec<(String, String)>,
    /// Values of `name` in the other items of the list around.
    pub names_beside: Vec<String>,
    pub replace: TextRange,
    pub typed: &'t str,
    /// The column of the cursor's key, in characters that are all blanks.
    pub column: usize,
    /// Whether it is between braces or brackets, where all stands on one line.
    pub is_flow: bool,
    /// The quote that the value begins with, and whether the one that closes it is there.
    pub quote: Option<(char, bool)>,
}

#[derive(Debug)]
enum Frame {
    Key { column: usize, name: String },
    Item { column: usize, keys: Vec<(String, String)> },
}

impl Frame {
    fn column(&self) -> usize {
        match self {
            Self::Key { column, .. } | Self::Item { column, .. } => *column,
        }
    }
}

/// A line without its line end: the columns of its dashes, and the column and text behind them.
struct Line<'t> {
    dashes: Vec<usize>,
    column: usize,
    content: &'t str,
}

fn line(text: &str) -> Line<'_> {
    let mut column = text.len() - text.trim_start_matches(' ').len();
    let mut dashes = Vec::new();
    loop {
        let rest = &text[column..];
        if rest == "-" || rest.starts_with("- ") {
            dashes.push(column);
            let behind = &rest[1..];
            column += 1 + behind.len() - behind.trim_start_matches(' ').len();
        } else {
            return Line { dashes, column, content: rest };
        }
    }
}

/// The key of `key: value`, and the value.
fn key_of(content: &str) -> Option<(&str, &str)> {
    if content.starts_with(['#', '{', '[', '&', '*', '|', '>']) {
        return None;
    }
    let colon = content.match_indices(':').find(|(at, _)| content[at + 1..].is_empty() || content[at + 1..].starts_with([' ', '\t']))?.0;
    let key = content[..colon].trim().trim_matches(['"', '\'']);
    let value = content[colon + 1..].trim();
    let value = value.find(" #").map_or(value, |comment| value[..comment].trim_end());
    (!key.is_empty()).then_some((key, value))
}

impl<'t> YamlContext<'t> {
    /// The place of an offset; `None` in comments, in block texts, and inside of the quotes of a key.
    pub fn at(text: &'t str, offset: usize) -> Option<Self> {
        let line_start = text[..offset].rfind('\n').map_or(0, |end| end + 1);
        let line_end = text[offset..].find(['\n', '\r']).map_or(text.len(), |end| offset + end);
        let mut frames: Vec<Frame> = Vec::new();
        let mut root: Vec<(String, String)> = Vec::new();
        // The column of a key whose value is a block text.
        let mut block: Option<usize> = None;
        for written in text[..line_start].lines() {
            let written = written.trim_end();
            let found = line(written);
            if written.trim().is_empty() {
                continue;
            }
            let indent = found.dashes.first().copied().unwrap_or(found.column);
            if block.is_some_and(|column| indent > column) {
                continue;
            }
            block = None;
            if found.content.starts_with('#') && found.dashes.is_empty() {
                continue;
            }
            push_dashes(&mut frames, &found.dashes);
            let Some((key, value)) = key_of(found.content) else { continue };
            pop_keys(&mut frames, found.column);
            match frames.last_mut() {
                Some(Frame::Item { keys, .. }) => keys.push((key.to_owned(), value.to_owned())),
                None => root.push((key.to_owned(), value.to_owned())),
                Some(Frame::Key { .. }) => {}
            }
            frames.push(Frame::Key { column: found.column, name: key.to_owned() });
            if value.starts_with(['|', '>']) {
                block = Some(found.dashes.last().copied().unwrap_or(found.column));
            }
        }
        let head = &text[line_start..offset];
        let found = line(head);
        let indent = found.dashes.first().copied().unwrap_or(found.column);
        if block.is_some_and(|column| indent > column && !head.trim().is_empty()) || found.content.starts_with('#') || found.content.contains(" #") {
            return None;
        }
        push_dashes(&mut frames, &found.dashes);
        pop_keys(&mut frames, found.column);
        let (place, start) = match key_of(found.content) {
            Some((key, _)) => {
                let colon = found.content.find(':')? + 1;
                let behind = &found.content[colon..];
                let start = line_start + found.column + colon + (behind.len() - behind.trim_start().len());
                (Place::Value(key.to_owned()), start)
            }
            None if found.dashes.is_empty() => (Place::Key, line_start + found.column),
            None => (Place::Item, line_start + found.column),
        };
        let opening = text.get(start..offset)?;
        let quote = open_quote(opening);
        let head = quote.map_or(opening, |(at, _)| &opening[..at]);
        let flow = if head.starts_with(['{', '[']) { Some(Flow::read(head)?) } else { None };
        let outer = place.clone();
        let (place, word) = flow.as_ref().map_or((place, start), |flow| (flow.place.clone(), start + flow.typed));
        let start = match quote {
            // The quote begins the value.
            Some((at, _)) if text[word..start + at].trim().is_empty() && place != Place::Key => start + at + 1,
            Some(_) => return None,
            None => word,
        };
        let typed = text.get(start..offset)?;
        if typed.contains(['"', '\'', '{', '[']) {
            return None;
        }
        // The rest of the word, but of a value nothing that stands behind a blank.
        let rest = &text[offset..line_end];
        let end = offset + rest.find(|c: char| c.is_whitespace() || matches!(c, ':' | '#' | ',' | '}' | ']' | '"' | '\'')).unwrap_or(rest.len());
        // A key that is there keeps its colon.
        let end = match place {
            Place::Value(_) => end,
            _ if quote.is_some() => end,
            _ if text[end..line_end].starts_with(": ") => end + 2,
            _ if text[end..line_end].starts_with(':') => end + 1,
            _ => end,
        };
        let mut context = Self {
            path: Vec::new(),
            place,
            siblings: Vec::new(),
            entries: Vec::new(),
            names_beside: Vec::new(),
            replace: TextRange::new(start, end),
            typed,
            column: found.column,
            is_flow: flow.is_some(),
            quote: quote.map(|(_, quote)| (quote, text[end..line_end].starts_with(quote))),
        };
        context.fill(text, &frames, &root, line_start, line_end, found.column);
        if let Some(flow) = flow {
            context.go_into(flow, outer);
        }
        Some(context)
    }

    fn fill(&mut self, text: &str, frames: &[Frame], root: &[(String, String)], line_start: usize, line_end: usize, column: usize) {
        let mut section = String::new();
        for frame in frames {
            match frame {
                Frame::Key { name, .. } => {
                    section.clone_from(name);
                    self.path.push(name.clone());
                }
                Frame::Item { keys, .. } => {
                    self.path.push("[]".to_owned());
                    let name = keys.iter().find(|(key, _)| key == "name").map(|(_, value)| value.trim_matches(['"', '\'']).to_owned());
                    self.entries.push((section.clone(), name.unwrap_or_default()));
                }
            }
        }
        self.siblings = match frames.last() {
            Some(Frame::Item { keys, .. }) => keys.clone(),
            None => root.to_vec(),
            Some(Frame::Key { column: parent, .. }) => above(text, line_start, column, *parent),
        };
        self.siblings.extend(below(text, line_end, column));
        // The own entry's name may stand behind the cursor.
        if let Some((_, name)) = self.entries.last_mut()
            && name.is_empty()
            && let Some((_, value)) = self.siblings.iter().find(|(key, _)| key == "name")
        {
            *name = value.trim_matches(['"', '\'']).to_owned();
        }
        let dash = frames.iter().rev().find_map(|frame| match frame {
            Frame::Item { column, .. } => Some(*column),
            Frame::Key { .. } => None,
        });
        if let Some(dash) = dash {
            self.names_beside = names_in_list(text, line_start, dash);
        }
    }

    /// From the value that the line has to the place between its braces.
    fn go_into(&mut self, flow: Flow, outer: Place) {
        let section = match outer {
            Place::Value(key) => Some(key),
            Place::Key | Place::Item => None,
        };
        self.path.extend(section.clone());
        self.path.extend(flow.path);
        for (list, name) in flow.entries {
            match (list.or_else(|| section.clone()), self.entries.last_mut()) {
                (Some(list), _) => self.entries.push((list, name)),
                // A mapping behind a dash is in the entries already.
                (None, Some((_, known))) if known.is_empty() => *known = name,
                (None, _) => {}
            }
        }
        (self.siblings, self.names_beside) = (flow.siblings, flow.names_beside);
    }

    /// Whether the mapping around has a key.
    pub fn has(&self, key: &str) -> bool {
        self.siblings.iter().any(|(known, _)| known == key)
    }

    /// The value of another key of the same mapping, as it is written.
    pub fn value_of(&self, key: &str) -> Option<&str> {
        self.siblings.iter().find(|(known, _)| known == key).map(|(_, value)| value.trim_matches(['"', '\'']))
    }
}

/// Where a text has a quote that isn't closed in it, and which.
fn open_quote(text: &str) -> Option<(usize, char)> {
    let mut open = None;
    for (at, c) in text.char_indices() {
        open = match open {
            Some((_, quote)) if c == quote => None,
            None if matches!(c, '"' | '\'') => Some((at, c)),
            other => other,
        };
    }
    open
}

/// What stands between braces and brackets up to a cursor.
struct Flow {
    path: Vec<String>,
    place: Place,
    siblings: Vec<(String, String)>,
    /// The mappings around, each with the key of the list that it is in, if one of these brackets is that, and its name.
    entries: Vec<(Option<String>, String)>,
    names_beside: Vec<String>,
    /// Where the word before the cursor begins.
    typed: usize,
}

/// An open brace or bracket.
struct Opened {
    is_list: bool,
    /// The key that it is the value of.
    key: Option<String>,
    keys: Vec<(String, String)>,
    /// The key whose value is being written.
    current: Option<String>,
    /// The names of a list's mappings that are closed.
    names: Vec<String>,
}

impl Flow {
    /// Reads what begins with a brace or a bracket; `None` where all is closed again. No quote is open at its end.
    fn read(text: &str) -> Option<Self> {
        let mut open: Vec<Opened> = Vec::new();
        let (mut start, mut quote) = (0, None);
        for (at, c) in text.char_indices() {
            let written = text[start..at].trim().trim_matches(['"', '\'']);
            match (c, quote) {
                (c, Some(mark)) if c == mark => quote = None,
                (_, Some(_)) => continue,
                ('"' | '\'', None) => quote = Some(c),
                ('{' | '[', None) => {
                    let key = open.last_mut().and_then(|outer| outer.current.take());
                    open.push(Opened { is_list: c == '[', key, keys: Vec::new(), current: None, names: Vec::new() });
                    start = at + 1;
                }
                (':', None) if text[at + 1..].is_empty() || text[at + 1..].starts_with(' ') => {
                    open.last_mut()?.current = Some(written.to_owned());
                    start = at + 1;
                }
                (',' | '}' | ']', None) => {
                    let inner = open.last_mut()?;
                    if let Some(key) = inner.current.take() {
                        inner.keys.push((key, written.to_owned()));
                    }
                    if c != ',' {
                        let closed = open.pop()?;
                        let name = closed.keys.into_iter().find(|(key, _)| key == "name");
                        if let (Some(outer), Some((_, name))) = (open.last_mut().filter(|outer| outer.is_list), name) {
                            outer.names.push(name);
                        }
                    }
                    start = at + 1;
                }
                _ => {}
            }
        }
        let last = open.last()?;
        let place = match (&last.current, last.is_list) {
            (Some(key), false) => Place::Value(key.clone()),
            (None, false) => Place::Key,
            (_, true) => Place::Item,
        };
        let mut made = Self {
            path: Vec::new(),
            place,
            siblings: last.keys.clone(),
            entries: Vec::new(),
            names_beside: open.iter().rfind(|one| one.is_list).map(|list| list.names.clone()).unwrap_or_default(),
            typed: start + (text[start..].len() - text[start..].trim_start().len()),
        };
        let mut list: Option<String> = None;
        for (number, one) in open.iter().enumerate() {
            made.path.extend(one.key.clone());
            if one.is_list {
                made.path.push("[]".to_owned());
                list = one.key.clone();
            } else {
                let name = one.keys.iter().find(|(key, _)| key == "name").map(|(_, name)| name.clone()).unwrap_or_default();
                let is_item = number == 0 || open[number - 1].is_list;
                if is_item {
                    made.entries.push((list.take(), name));
                }
            }
        }
        Some(made)
    }
}

/// Takes a line's dashes: each begins an item, and ends what is as deep or deeper.
fn push_dashes(frames: &mut Vec<Frame>, dashes: &[usize]) {
    for &dash in dashes {
        while frames.last().is_some_and(|frame| frame.column() > dash || (frame.column() == dash && matches!(frame, Frame::Item { .. }))) {
            frames.pop();
        }
        frames.push(Frame::Item { column: dash, keys: Vec::new() });
    }
}

/// Ends what is as deep as a key at a column, or deeper.
fn pop_keys(frames: &mut Vec<Frame>, column: usize) {
    while frames.last().is_some_and(|frame| frame.column() >= column) {
        frames.pop();
    }
}

/// Keys at a column on the lines before, up to the mapping's parent.
fn above(text: &str, line_start: usize, column: usize, parent: usize) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for written in text[..line_start].lines().rev().filter(|written| !written.trim().is_empty()) {
        let own = line(written.trim_end());
        if own.column <= parent {
            break;
        }
        if own.column == column
            && let Some((key, value)) = key_of(own.content)
        {
            found.push((key.to_owned(), value.to_owned()));
        }
    }
    found
}

/// Keys at a column on the lines behind, up to where the mapping ends.
fn below(text: &str, line_end: usize, column: usize) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for written in text[line_end..].lines().skip(1).filter(|written| !written.trim().is_empty()) {
        let own = line(written.trim_end());
        let indent = own.dashes.first().copied().unwrap_or(own.column);
        if indent < column || (own.column == column && !own.dashes.is_empty()) {
            break;
        }
        if own.column == column
            && let Some((key, value)) = key_of(own.content)
        {
            found.push((key.to_owned(), value.to_owned()));
        }
    }
    found
}

/// The names of the items of the list whose dashes are at a column, around a line.
fn names_in_list(text: &str, line_start: usize, dash: usize) -> Vec<String> {
    let mut names = Vec::new();
    let mut take = |written: &str| -> bool {
        let own = line(written.trim_end());
        let indent = own.dashes.first().copied().unwrap_or(own.column);
        if indent < dash || (indent == dash && own.dashes.is_empty()) {
            return false;
        }
        let is_of_item = own.dashes.first() == Some(&dash) || (own.dashes.is_empty() && own.column == dash + 2);
        if is_of_item && let Some(("name", value)) = key_of(own.content) {
            names.push(value.trim_matches(['"', '\'']).to_owned());
        }
        true
    };
    for written in text[..line_start].lines().rev().filter(|written| !written.trim().is_empty()) {
        if !take(written) {
            break;
        }
    }
    for written in text[line_start..].lines().skip(1).filter(|written| !written.trim().is_empty()) {
        if !take(written) {
            break;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(source: &str, expected: Expect) {
        let offset = source.find("$0").expect("a cursor");
        let text = source.replace("$0", "");
        let shown = match YamlContext::at(&text, offset) {
            Some(found) => format!(
                "{} {:?} typed {:?} at {} has {:?} in {:?} beside {:?}",
                found.path.join("."),
                found.place,
                found.typed,
                found.column,
                found.siblings.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(),
                found.entries,
                found.names_beside
            ),
            None => "nothing".to_owned(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn places_of_a_cursor() {
        check("version: 2\n$0\nmodels:\n", expect![[r#" Key typed "" at 0 has ["version", "models"] in [] beside []"#]]);
        check(
            "models:\n  - name: a\n    $0\n    columns:\n",
            expect![[r#"models.[] Key typed "" at 4 has ["name", "columns"] in [("models", "a")] beside ["a"]"#]],
        );
        check(
            "models:\n- name: a\n  columns:\n  - name: x\n  - name: y\n    data_tests:\n    - $0\n",
            expect![[r#"models.[].columns.[].data_tests.[] Item typed "" at 6 has [] in [("models", "a"), ("columns", "y"), ("data_tests", "")] beside []"#]],
        );
        check(
            "models:\n  - name: a\n    columns:\n      - name: x\n      - name: i$0\n      - name: z\n",
            expect![[r#"models.[].columns.[] Value("name") typed "i" at 8 has [] in [("models", "a"), ("columns", "")] beside ["x", "z"]"#]],
        );
        check(
            "models:\n  - name: a\n    config:\n      materialized: ta$0ble # c\n",
            expect![[r#"models.[].config Value("materialized") typed "ta" at 6 has [] in [("models", "a")] beside ["a"]"#]],
        );
        check("models:\n  - name: a\n    description: |\n      text $0\n", expect!["nothing"]);
        check(
            "models:\n  - name: a\n    description: |\n      text\n    $0",
            expect![[r#"models.[] Key typed "" at 4 has ["name", "description"] in [("models", "a")] beside ["a"]"#]],
        );
        check(
            "sources:\n  - name: raw\n    tables:\n      - name: t\n        columns:\n          - $0",
            expect![[r#"sources.[].tables.[].columns.[] Item typed "" at 12 has [] in [("sources", "raw"), ("tables", "t"), ("columns", "")] beside []"#]],
        );
        check("models:\n  - name: a\n    desc$0: x\n", expect![[r#"models.[] Key typed "desc" at 4 has ["name"] in [("models", "a")] beside ["a"]"#]]);
        check(
            "models:\n  - columns: []\n    na$0\n# comment $0\n",
            expect![[r#"models.[] Key typed "na" at 4 has ["columns"] in [("models", "")] beside []"#]],
        );
    }
}
