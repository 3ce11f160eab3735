//! The words of dbt's Jinja and YAML, with what they mean: `words/jinja.yml` and `words/properties.yml`.

use data::{Map, Value};
use dbt::{Node, ResourceType};
use std::sync::LazyLock;

static JINJA: LazyLock<Value> = LazyLock::new(|| crate::yaml_data(include_str!("../words/jinja.yml")));
static PROPERTIES: LazyLock<Value> = LazyLock::new(|| crate::yaml_data(include_str!("../words/properties.yml")));

/// The section of properties files and of `dbt_project.yml` that is about a type of resource.
pub(crate) fn section_of(kind: ResourceType) -> Option<&'static str> {
    Some(match kind {
        ResourceType::Model => "models",
        ResourceType::Seed => "seeds",
        ResourceType::Snapshot => "snapshots",
        ResourceType::Source => "sources",
        ResourceType::Analysis => "analyses",
        ResourceType::Function => "functions",
        _ => return None,
    })
}

/// The tag by which SQL reads a node.
pub(crate) fn call_of(node: &Node) -> String {
    match &node.source_name {
        Some(source) => format!("{{{{ source('{source}', '{}') }}}}", node.name),
        None => match &node.version {
            Some(version) if version.parse::<f64>().is_ok() => format!("{{{{ ref('{}', v={version}) }}}}", node.name),
            Some(version) => format!("{{{{ ref('{}', v='{version}') }}}}", node.name),
            None => format!("{{{{ ref('{}') }}}}", node.name),
        },
    }
}

/// What kind of word of Jinja.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WordKind {
    Function,
    Variable,
    Statement,
    Filter,
    Test,
    /// dbt's own generic tests.
    DataTest,
}

impl WordKind {
    fn section(self) -> &'static str {
        match self {
            Self::Function => "functions",
            Self::Variable => "variables",
            Self::Statement => "statements",
            Self::Filter => "filters",
            Self::Test => "tests",
            Self::DataTest => "data_tests",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Function => "Jinja function",
            Self::Variable => "Jinja variable",
            Self::Statement => "Jinja statement",
            Self::Filter => "Jinja filter",
            Self::Test => "Jinja test",
            Self::DataTest => "generic test of dbt",
        }
    }
}

/// A word of Jinja.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    pub name: &'static str,
    pub kind: WordKind,
    /// Of a function: `ref([package], name, v=none)`.
    pub signature: Option<&'static str>,
    /// Of a statement: what completion writes between `{%` and `%}`, with `$0` and the like.
    pub snippet: Option<&'static str>,
    /// Markdown.
    pub doc: &'static str,
}

impl Word {
    fn of(kind: WordKind, name: &'static str, value: &'static Value) -> Self {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        Self { name, kind, signature: text("signature"), snippet: text("snippet"), doc: value.as_str().or_else(|| text("doc")).unwrap_or_default() }
    }

    pub fn find(kind: WordKind, name: &str) -> Option<Self> {
        let (name, value) = map(&JINJA, kind.section())?.iter().find(|(known, _)| ***known == *name)?;
        Some(Self::of(kind, name, value))
    }

    /// The parameters of its signature, with their defaults.
    pub fn parameters(&self) -> Vec<String> {
        let inside = self.signature.and_then(|signature| signature.split_once('(')).map_or("", |(_, inside)| inside.trim_end_matches(')'));
        inside.split(", ").map(str::to_owned).collect()
    }

    /// All words of a kind, in the order of the file.
    pub fn all(kind: WordKind) -> impl Iterator<Item = Self> {
        map(&JINJA, kind.section()).into_iter().flatten().map(move |(name, value)| Self::of(kind, name, value))
    }
}

fn map(of: &'static LazyLock<Value>, section: &str) -> Option<&'static Map> {
    of.get(section)?.as_object()
}

/// A config of `config()`, `config:` and `dbt_project.yml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigWord {
    pub name: &'static str,
    pub doc: &'static str,
    /// Where these are few.
    pub values: Vec<&'static str>,
    resources: &'static str,
}

impl ConfigWord {
    fn of(name: &'static str, value: &'static Value) -> Self {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        let values = value.get("values").and_then(Value::as_array);
        Self { name, doc: text("doc"), values: values.into_iter().flatten().filter_map(Value::as_str).collect(), resources: text("of") }
    }

    pub fn find(name: &str) -> Option<Self> {
        let name = name.trim_start_matches('+').replace('-', "_");
        let (name, value) = map(&PROPERTIES, "configs")?.iter().find(|(known, _)| ***known == *name)?;
        Some(Self::of(name, value))
    }

    /// The configs of a kind of resource, named by the section that holds it in YAML (`models`, `seeds`, …).
    pub fn all(section: &str) -> impl Iterator<Item = Self> {
        let letter = match section {
            "models" | "versions" => 'm',
            "seeds" => 's',
            "snapshots" => 'n',
            "sources" | "tables" => 'r',
            "tests" | "data_tests" => 't',
            "unit_tests" => 'u',
            "exposures" => 'x',
            _ => 'y',
        };
        let all = map(&PROPERTIES, "configs").into_iter().flatten().map(|(name, value)| Self::of(name, value));
        all.filter(move |word| word.resources.contains(letter))
    }
}

/// What a key of a properties file means.
pub fn property(name: &str) -> Option<&'static str> {
    map(&PROPERTIES, "properties")?.get(name)?.as_str()
}

/// What a key of `dbt_project.yml` means.
pub fn project_key(name: &str) -> Option<&'static str> {
    map(&PROPERTIES, "project")?.get(name)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_told() {
        for kind in [WordKind::Function, WordKind::Variable, WordKind::Statement, WordKind::Filter, WordKind::Test] {
            let all: Vec<Word> = Word::all(kind).collect();
            assert!(all.len() > 15, "{kind:?}");
            assert!(all.iter().all(|word| word.doc.ends_with(['.', '`', '…'])), "{:?}", all.iter().find(|word| !word.doc.ends_with('.')));
        }
        assert_eq!(Word::find(WordKind::Function, "ref").and_then(|word| word.signature), Some("ref([package], name, v=none)"));
        assert_eq!(ConfigWord::find("+on-schema_change").map(|word| word.values.len()), Some(4));
        assert!(ConfigWord::all("seeds").any(|word| word.name == "column_types") && ConfigWord::all("models").all(|word| word.name != "column_types"));
        assert!(property("columns").is_some() && project_key("vars").is_some());
    }
}
