//! The shapes that dbt asks of its YAML: what is no list where a list must be, a required key that isn't there, a key that stands twice.
//!
//! dbt checks each entry against a JSON schema made of its classes (`UnparsedModelUpdate`, `UnparsedExposure`, …) and stops at the first
//! that doesn't fit; its words are jsonschema's. Here all are told, each at its place. Text with Jinja in it fits everywhere: what it
//! comes to is not known yet.

mod keys;
mod python;
mod rules;

pub(crate) use rules::{GRAINS, bad_semantic_name};
mod table;
mod tests_in;

pub use keys::{Key, Takes, keys_at, project_keys};
pub use python::check as python;
pub use rules::{AGGREGATIONS, METRIC_TYPES};

use crate::Severity;
use jinja::value::Value;
use syntax::yaml::{Kind, Node, Style};
use syntax::yaml_value;
use text::TextRange;

/// Something wrong with one file, told by its text alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub range: TextRange,
    pub severity: Severity,
    pub code: &'static str,
    pub message: String,
    /// dbt's words, empty where it says nothing; `{file}` stands for the file's path, `{node}` for its node.
    pub dbt: String,
}

/// What a value must be.
enum Shape {
    Any,
    Text,
    /// Text, or nothing.
    TextOrNull,
    /// Text or a number, or nothing.
    Scalar,
    Flag,
    FlagOrNull,
    Mapping,
    MappingOrNull,
    /// Nothing fits but a list of these.
    List(&'static Shape),
    ListOrNull(&'static Shape),
    OneOf(&'static [&'static str]),
    /// The same, or nothing.
    OneOfOrNull(&'static [&'static str]),
    /// A mapping with these keys, and others.
    Entry(&'static [Field]),
    EntryOrNull(&'static [Field]),
    /// A mapping with these keys and no others.
    Closed(&'static [Field]),
    /// The same, or nothing.
    ClosedOrNull(&'static [Field]),
    /// Either a name or a mapping: a test.
    Test,
}

/// A key of a mapping.
struct Field {
    key: &'static str,
    shape: Shape,
    required: bool,
}

const fn may(key: &'static str, shape: Shape) -> Field {
    Field { key, shape, required: false }
}

const fn must(key: &'static str, shape: Shape) -> Field {
    Field { key, shape, required: true }
}

/// Everything wrong with a properties file's shape.
pub fn properties(root: &Node) -> Vec<Problem> {
    let mut checker = Checker::default();
    checker.keys(root);
    if !matches!(root.kind, Kind::Map { .. }) {
        if !root.is_null() {
            let message = "a properties file is a mapping, such as `models:` with a list below it";
            checker.fail(first_line(root), "invalid-properties", message, "Contents of file '{file}' are not valid. Dictionary expected.".to_owned());
        }
        return checker.problems;
    }
    for &(section, fields) in table::SECTIONS {
        let Some((key, list)) = root.get_entry(section) else { continue };
        let Kind::Seq { items, .. } = &list.kind else {
            let message = format!("`{section}` must be a list, each entry with `- name:`; take the key out if there is none");
            let says = format!("The schema file at {{file}} is invalid because the value of '{section}' is not a list");
            checker.fail(if list.is_null() { key.range } else { first_line(list) }, "invalid-properties", &message, says);
            continue;
        };
        for item in items {
            checker.section = section;
            checker.entry(item, fields);
        }
    }
    checker.problems
}

/// Everything wrong with the shape of dbt_project.yml, but for its name and its folders.
pub fn project(root: &Node) -> Vec<Problem> {
    let mut checker = Checker { section: "", ..Checker::default() };
    checker.keys(root);
    rules::project(&mut checker, root);
    checker.problems
}

/// Everything wrong with `selectors.yml`.
pub fn selectors(root: &Node) -> Vec<Problem> {
    let mut checker = Checker::default();
    checker.keys(root);
    rules::selectors(&mut checker, root);
    checker.problems
}

/// The keys that stand twice in any other YAML file.
pub fn other(root: &Node) -> Vec<Problem> {
    let mut checker = Checker::default();
    checker.keys(root);
    checker.problems
}

/// A step of dbt's path to a value: `['columns'][0]`.
#[derive(Clone)]
enum At {
    Key(&'static str),
    Index(usize),
}

#[derive(Default)]
struct Checker {
    section: &'static str,
    path: Vec<At>,
    problems: Vec<Problem>,
}

impl Checker {
    fn fail(&mut self, range: TextRange, code: &'static str, message: &str, dbt: String) {
        self.problems.push(Problem { range, severity: Severity::Error, code, message: message.to_owned(), dbt });
    }

    fn warn(&mut self, range: TextRange, code: &'static str, message: &str, dbt: String) {
        self.problems.push(Problem { range, severity: Severity::Warning, code, message: message.to_owned(), dbt });
    }

    /// Something that dbt's schema refuses.
    fn refuse(&mut self, range: TextRange, message: &str, says: &str) {
        let path: Vec<String> = self
            .path
            .iter()
            .map(|step| match step {
                At::Key(key) => format!("['{key}']"),
                At::Index(index) => format!("[{index}]"),
            })
            .collect();
        let path = if path.is_empty() { "[]".to_owned() } else { path.concat() };
        let says = match self.section {
            "" => format!("at path {path}: {says}"),
            section => format!("Invalid {section} config given in {{file}} @ {section}: … - at path {path}: {says}"),
        };
        self.fail(range, "invalid-properties", message, says);
    }

    /// Keys that stand twice, and keys that are no text.
    fn keys(&mut self, node: &Node) {
        match &node.kind {
            Kind::Seq { items, .. } => items.iter().for_each(|item| self.keys(item)),
            Kind::Map { entries, .. } => {
                for (number, (key, value)) in entries.iter().enumerate() {
                    match &key.kind {
                        Kind::Scalar { value: name, .. } => {
                            if name != "<<" && entries[..number].iter().any(|(earlier, _)| same_key(earlier, key)) {
                                let message = format!("`{name}` stands twice here and only the last one counts; take one of them out");
                                self.warn(key.range, "duplicate-key", &message, format!("Duplicate key '{name}' in file `{{file}}`"));
                            }
                        }
                        _ => {
                            let message = "a mapping can't be a key; if this is Jinja, put the value in quotes: \"{{ … }}\"";
                            self.fail(key.range, "yaml-syntax", message, "Error reading {file}: while constructing a mapping, found unhashable key".to_owned());
                        }
                    }
                    if !value.is_alias {
                        self.keys(value);
                    }
                }
            }
            Kind::Scalar { .. } => {}
        }
    }

    fn entry(&mut self, item: &Node, fields: &'static [Field]) {
        let section = self.section;
        if !matches!(item.kind, Kind::Map { .. }) {
            let message = format!("an entry of `{section}` must be a mapping that begins with `name:`");
            let says = format!("The schema file at {{file}} is invalid because a list element for '{section}' is not a dictionary");
            return self.fail(first_line(item), "invalid-properties", &message, says);
        }
        if item.get("name").is_none() {
            let message = format!("this entry of `{section}` has no `name`");
            let says = format!("The schema file at {{file}} is invalid because a list element for '{section}' does not have a name attribute.");
            return self.fail(first_line(item), "invalid-properties", &message, says);
        }
        self.fields(item, fields);
        // A source that takes the place of a package's has keys of its own.
        if table::CLOSED.contains(&section) && item.get("overrides").is_none() {
            self.closed(item, fields);
        }
        rules::entry(self, item);
    }

    fn fields(&mut self, node: &Node, fields: &'static [Field]) {
        for field in fields {
            match node.get_entry(field.key) {
                Some((key, value)) => {
                    self.path.push(At::Key(field.key));
                    self.value(key, value, &field.shape);
                    self.path.pop();
                }
                None if field.required => {
                    let message = format!("`{}` is missing here, and dbt requires it", field.key);
                    self.refuse(first_line(node), &message, &format!("'{}' is a required property", field.key));
                }
                None => {}
            }
        }
    }

    /// Keys that dbt has no place for.
    fn closed(&mut self, node: &Node, fields: &'static [Field]) {
        for (name, _) in node.entries() {
            let Some(text) = name.as_str().filter(|text| !is_known(fields, text)) else { continue };
            let message = format!("`{text}` has no meaning here; the keys are {}", names(fields));
            self.refuse(name.range, &message, &format!("Additional properties are not allowed ('{text}' was unexpected)"));
        }
    }

    /// `key`: where a value that isn't there is shown.
    fn value(&mut self, key: &Node, node: &Node, shape: &'static Shape) {
        if is_jinja(node) {
            return;
        }
        let range = if node.is_null() { key.range } else { first_line(node) };
        let told = |what: &str| match key.as_str() {
            Some(name) => format!("`{name}` must be {what}"),
            None => format!("this must be {what}"),
        };
        let is_list = matches!(node.kind, Kind::Seq { .. });
        let is_map = matches!(node.kind, Kind::Map { .. });
        // `T | None` has other words than `T`.
        let refuse = |checker: &mut Self, what: &str, kind: Option<&str>| {
            let value = shown(node);
            let says = kind.map_or_else(|| format!("{value} is not valid under any of the given schemas"), |kind| format!("{value} is not of type '{kind}'"));
            let nothing = if node.is_null() { "; take the key out if there is nothing to say" } else { "" };
            checker.refuse(range, &format!("{}{nothing}", told(what)), &says);
        };
        match shape {
            Shape::Any => {}
            Shape::Text if !is_text(node) => refuse(self, "a text", Some("string")),
            Shape::TextOrNull if !is_text(node) && !node.is_null() => refuse(self, "a text", None),
            Shape::Scalar if is_list || is_map => refuse(self, "a text or a number", None),
            Shape::Flag if node.as_bool().is_none() => refuse(self, "true or false", Some("boolean")),
            Shape::FlagOrNull if node.as_bool().is_none() && !node.is_null() => refuse(self, "true or false", None),
            Shape::Mapping if !is_map => refuse(self, "a mapping of keys to values", Some("object")),
            Shape::MappingOrNull if !is_map && !node.is_null() => refuse(self, "a mapping of keys to values", None),
            Shape::List(_) if !is_list => refuse(self, "a list", Some("array")),
            Shape::ListOrNull(_) if !is_list && !node.is_null() => refuse(self, "a list", None),
            Shape::List(inner) | Shape::ListOrNull(inner) => {
                for (number, item) in node.items().iter().enumerate() {
                    self.path.push(At::Index(number));
                    self.value(item, item, inner);
                    self.path.pop();
                }
            }
            Shape::OneOf(known) if !node.as_str().is_some_and(|text| known.contains(&text)) => {
                let says = format!("{} is not one of [{}]", shown(node), known.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", "));
                self.refuse(range, &told(&format!("one of {}", known.join(", "))), &says);
            }
            Shape::OneOfOrNull(known) if !node.is_null() && !node.as_str().is_some_and(|text| known.contains(&text)) => {
                refuse(self, &format!("one of {}", known.join(", ")), None)
            }
            Shape::ClosedOrNull(fields) if is_map => {
                let is_known = |(name, _): &(Node, Node)| name.as_str().is_none_or(|text| is_known(fields, text));
                if node.entries().iter().all(is_known) { self.fields(node, fields) } else { refuse(self, &format!("a mapping of {}", names(fields)), None) }
            }
            Shape::Entry(_) | Shape::Closed(_) if !is_map => refuse(self, "a mapping of keys to values", Some("object")),
            Shape::EntryOrNull(_) | Shape::ClosedOrNull(_) if !is_map && !node.is_null() => refuse(self, "a mapping of keys to values", None),
            Shape::Entry(fields) | Shape::EntryOrNull(fields) if is_map => self.fields(node, fields),
            Shape::Closed(fields) => {
                self.fields(node, fields);
                self.closed(node, fields);
            }
            Shape::Test => tests_in::test(self, node),
            _ => {}
        }
    }
}

fn is_known(fields: &[Field], key: &str) -> bool {
    key == "<<" || fields.iter().any(|field| field.key == key)
}

fn names(fields: &[Field]) -> String {
    fields.iter().map(|field| field.key).collect::<Vec<_>>().join(", ")
}

fn same_key(one: &Node, other: &Node) -> bool {
    match (&one.kind, &other.kind) {
        (Kind::Scalar { value: one, .. }, Kind::Scalar { value: other, .. }) => one == other,
        _ => false,
    }
}

/// Whether YAML reads a scalar as text.
fn is_text(node: &Node) -> bool {
    matches!(&node.kind, Kind::Scalar { value, style } if *style != Style::Plain || matches!(yaml_value::plain(value), data::Value::String(_)))
}

fn is_jinja(node: &Node) -> bool {
    node.as_str().is_some_and(|text| text.contains("{{") || text.contains("{%"))
}

/// A value as Python prints it.
fn shown(node: &Node) -> String {
    const LONG: usize = 200;
    let text = Value::from(&yaml_value::of(node)).repr();
    if text.chars().count() > LONG { format!("{}…", text.chars().take(LONG).collect::<String>()) } else { text }
}

/// The scalar, or the first key or item of a collection.
fn first_line(node: &Node) -> TextRange {
    match &node.kind {
        Kind::Scalar { .. } => node.range,
        _ if node.is_alias => node.range,
        Kind::Map { entries, flow } if !flow => entries.first().map_or(node.range, |(key, _)| key.range),
        Kind::Seq { items, flow } if !flow => items.first().map_or(node.range, first_line),
        _ => node.range,
    }
}
