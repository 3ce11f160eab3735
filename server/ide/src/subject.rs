//! What can be described: nodes, macros, sources as a whole.

use crate::{Analysis, DescribeTarget};
use dbt::{Description, Macro, Node, NodeIndex, Patch};
use rustc_hash::FxHashMap;

/// What can be described.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    Node(NodeIndex, &'a Node),
    Macro(&'a Macro),
    /// A source as a whole, by the first of its tables; as its unique id counts that of a table without the table's name.
    Source(&'a Node),
}

impl<'a> Subject<'a> {
    pub fn unique_id(&self) -> &'a str {
        match self {
            Self::Node(_, node) => &node.unique_id,
            Self::Macro(found) => &found.unique_id,
            Self::Source(table) => source_id(table),
        }
    }

    /// As people call it.
    pub fn label(&self) -> String {
        match self {
            Self::Node(_, node) => node.label(),
            Self::Macro(found) => found.name.clone(),
            Self::Source(_) => self.name().to_owned(),
        }
    }

    pub fn name(&self) -> &'a str {
        match self {
            Self::Node(_, node) => &node.name,
            Self::Macro(found) => &found.name,
            Self::Source(table) => table.source_name.as_deref().unwrap_or_default(),
        }
    }

    pub fn package(&self) -> &'a str {
        match self {
            Self::Node(_, node) => &node.package,
            Self::Macro(found) => &found.package,
            Self::Source(table) => &table.package,
        }
    }

    /// What it is: `model`, `source`, `macro`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Node(_, node) => node.resource_type.as_str(),
            Self::Macro(_) => "macro",
            Self::Source(_) => "source",
        }
    }

    /// Its file, from the project's root.
    pub fn path(&self) -> &'a str {
        match self {
            Self::Node(_, node) => &node.path,
            Self::Macro(found) => &found.path,
            Self::Source(table) => &table.path,
        }
    }

    pub fn patch(&self) -> Option<&'a Patch> {
        match self {
            Self::Node(_, node) => node.patch.as_ref(),
            Self::Macro(found) => found.patch.as_ref(),
            Self::Source(table) => table.source_patch.as_deref(),
        }
    }

    /// What is said of it, or of one of its columns or arguments, though nothing may be in it.
    pub(crate) fn text(&self, column: Option<&str>) -> Option<&'a Description> {
        match (self, column) {
            (Self::Node(_, node), Some(column)) => node.column(column)?.description.as_ref(),
            (Self::Node(_, node), None) => node.description.as_ref(),
            (Self::Macro(found), None) => found.description.as_ref(),
            (Self::Macro(found), Some(argument)) => found.argument(argument)?.description.as_ref(),
            (Self::Source(table), None) => table.source_description.as_deref(),
            (Self::Source(_), Some(_)) => None,
        }
    }

    /// Whether something is said of it.
    pub(crate) fn is_described(&self) -> bool {
        self.text(None).is_some_and(|description| !description.text.trim().is_empty())
    }

    /// Itself, or one of its columns or arguments.
    pub fn target(&self, column: Option<&str>) -> DescribeTarget {
        DescribeTarget { unique_id: self.unique_id().to_owned(), column: column.map(str::to_owned) }
    }

    /// Itself, then the columns or arguments that its entry names.
    pub fn targets(&self) -> Vec<DescribeTarget> {
        let names: Vec<&str> = match self {
            Self::Node(_, node) => node.columns.keys().collect(),
            Self::Macro(found) => found.arguments.iter().map(|argument| argument.name.as_str()).collect(),
            Self::Source(_) => Vec::new(),
        };
        std::iter::once(None).chain(names.into_iter().map(Some)).map(|column| self.target(column)).collect()
    }
}

/// The unique id of the source that a table is of.
fn source_id(table: &Node) -> &str {
    table.unique_id.get(..table.unique_id.len().saturating_sub(table.name.len() + 1)).unwrap_or_default()
}

impl Analysis {
    /// What a unique id names.
    pub fn subject(&self, unique_id: &str) -> Option<Subject<'_>> {
        match self.index.node(unique_id) {
            Some(index) => Some(Subject::Node(index, &self.index.nodes[index])),
            None => match self.index.macros.iter().find(|found| *found.unique_id == *unique_id) {
                Some(found) => Some(Subject::Macro(found)),
                None => self.sources_of(self.index.nodes.iter().filter(|node| source_id(node) == unique_id)).first().copied(),
            },
        }
    }

    /// The sources of some tables, each once; of several entries of one source the one that is described.
    pub fn sources_of<'t>(&self, tables: impl Iterator<Item = &'t Node>) -> Vec<Subject<'t>> {
        let mut found: Vec<&'t Node> = Vec::new();
        let mut places: FxHashMap<&str, usize> = FxHashMap::default();
        for table in tables.filter(|table| table.source_patch.is_some()) {
            match places.get(source_id(table)) {
                Some(&at) if found[at].source_description.is_none() && table.source_description.is_some() => found[at] = table,
                Some(_) => {}
                None => {
                    places.insert(source_id(table), found.len());
                    found.push(table);
                }
            }
        }
        found.into_iter().map(Subject::Source).collect()
    }

    /// A node of the index.
    pub fn node_subject(&self, index: NodeIndex) -> Subject<'_> {
        Subject::Node(index, &self.index.nodes[index])
    }

    /// The project's macros that people describe.
    pub fn own_macros(&self) -> impl Iterator<Item = &Macro> {
        self.index.macros.iter().filter(|found| found.package == self.index.project && !found.is_generic_test)
    }
}
