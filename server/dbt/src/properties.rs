//! Properties files: the YAML that describes and tests nodes, and defines sources, exposures and the semantic layer.

use crate::shape::{self, Problem};
use crate::{TestUse, Use, facts};
use data::{Map, Value as Json};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use syntax::SyntaxError;
use syntax::yaml::{self, Kind, Node};
use syntax::yaml_edit::Step;
use syntax::yaml_value;
use text::TextRange;
use thin_vec::ThinVec;

/// Which list of a properties file an entry stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Section {
    Models,
    Seeds,
    Snapshots,
    Analyses,
    Sources,
    Macros,
    Exposures,
    Metrics,
    SemanticModels,
    SavedQueries,
    Groups,
    UnitTests,
    DataTests,
    Functions,
}

impl Section {
    const ALL: [(Self, &'static str); 14] = [
        (Self::Models, "models"),
        (Self::Seeds, "seeds"),
        (Self::Snapshots, "snapshots"),
        (Self::Analyses, "analyses"),
        (Self::Sources, "sources"),
        (Self::Macros, "macros"),
        (Self::Exposures, "exposures"),
        (Self::Metrics, "metrics"),
        (Self::SemanticModels, "semantic_models"),
        (Self::SavedQueries, "saved_queries"),
        (Self::Groups, "groups"),
        (Self::UnitTests, "unit_tests"),
        (Self::DataTests, "data_tests"),
        (Self::Functions, "functions"),
    ];

    /// Whether its entries describe nodes that a file of code defines.
    pub(crate) fn describes(self) -> bool {
        matches!(self, Self::Models | Self::Seeds | Self::Snapshots | Self::Analyses | Self::DataTests | Self::Functions)
    }

    /// The key that holds the section.
    pub fn key(self) -> &'static str {
        Self::ALL.iter().find(|(section, _)| *section == self).map_or("", |(_, key)| key)
    }
}

/// A string with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub value: String,
    /// The scalar, quotes included.
    pub range: TextRange,
}

/// One named entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub section: Section,
    pub name: Text,
    pub range: TextRange,
    pub description: Option<Text>,
    /// Columns; of a macro its arguments.
    pub columns: Vec<ColumnEntry>,
    pub tests: Arc<[TestUse]>,
    /// Of a source's table: what the source is described as.
    pub source_description: Option<Text>,
    /// The same: the source's whole entry, and its name.
    pub source: Option<(TextRange, TextRange)>,
    pub versions: Vec<VersionEntry>,
    /// Further facts to show, as label and value.
    pub details: ThinVec<(&'static str, String)>,
    /// Where the entry is, for edits.
    pub path: ThinVec<Step>,
    /// The entry as data; of a source's table both, the source's without its tables.
    pub data: Arc<EntryData>,
}

impl Entry {
    /// Takes away what only parsing asks for; macros are small, and asked for as a whole.
    pub(crate) fn outline(&mut self) {
        if self.section == Section::Macros {
            return;
        }
        self.columns = Vec::new();
        self.description = None;
        self.source_description = None;
        self.details = ThinVec::new();
        self.tests = Arc::default();
        let said = |map: &Map| ["versions", "relation", "overrides"].into_iter().filter(|key| map.contains_key(key)).map(|key| (key, Json::Null)).collect();
        self.data = Arc::new(EntryData { own: said(&self.data.own), source: said(&self.data.source), has_jinja: self.data.has_jinja });
    }
}

/// An entry as plain data, before its Jinja is rendered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EntryData {
    pub own: Map,
    /// Of a source's table: the source.
    pub source: Map,
    /// Whether rendering may change any text in it.
    pub has_jinja: bool,
}

impl EntryData {
    fn new(own: Json, source: Json) -> Arc<Self> {
        let has_jinja = holds_jinja(&own) || holds_jinja(&source);
        let map = |value| if let Json::Object(map) = value { map } else { Map::new() };
        Arc::new(Self { own: map(own), source: map(source), has_jinja })
    }

    /// Whether rendering may change a text: it takes a final line end away, too.
    pub fn may_change(text: &str) -> bool {
        text.contains("{{") || text.contains("{%") || text.contains("{#") || text.ends_with('\n') || text.contains('\r')
    }
}

/// The entries of a list, each with the step that leads to it: its name, or its place where a later one has that name, too.
fn with_steps(list: &Node) -> Vec<(&Node, Step)> {
    let items = list.items();
    let last: FxHashMap<&str, usize> = items.iter().enumerate().filter_map(|(at, item)| Some((item.get_str("name")?, at))).collect();
    let step = |at: usize, item: &Node| match item.get_str("name").filter(|name| last.get(name) == Some(&at)) {
        Some(name) => Step::named(name),
        None => Step::Item(at),
    };
    items.iter().enumerate().map(|(at, item)| (item, step(at, item))).collect()
}

fn holds_jinja(value: &Json) -> bool {
    match value {
        Json::String(text) => EntryData::may_change(text),
        Json::Array(items) => items.iter().any(holds_jinja),
        Json::Object(map) => map.values().any(holds_jinja),
        _ => false,
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct ColumnEntry {
    pub name: Text,
    pub range: TextRange,
    pub description: Option<Text>,
    pub data_type: Option<String>,
    pub tests: Arc<[TestUse]>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct VersionEntry {
    pub version: String,
    pub range: TextRange,
    /// The value of `v`.
    pub name_range: TextRange,
    pub description: Option<Text>,
    pub columns: Vec<ColumnEntry>,
}

/// What a properties file says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Properties {
    pub entries: Vec<Entry>,
    pub errors: Vec<SyntaxError>,
    /// Every `doc()`, `ref()` and `source()` of the file.
    pub uses: Vec<Use>,
}

/// Reads a properties file, and what is wrong with its shape. Sections and keys that dbt doesn't know are passed over.
pub fn read(source: &str) -> (Properties, Vec<Problem>) {
    // dbt strips a file before it reads it.
    let source = source.trim_end();
    let tree = yaml::parse(source);
    let mut properties = Properties { errors: tree.error.into_iter().collect(), ..Properties::default() };
    let Some(mut root) = tree.root else { return (properties, Vec::new()) };
    // After an error of syntax the tree is cut short, and what is missing says nothing.
    let problems = if properties.errors.is_empty() { shape::properties(&root) } else { Vec::new() };
    without_last_line_end(&mut root);
    let mut reader = Reader { source, uses: Vec::new(), data: yaml_value::Reader::default() };
    for (section, key) in Section::ALL {
        let Some(list) = root.get(key) else { continue };
        for (item, step) in with_steps(list) {
            reader.entry(section, item, step, &mut properties.entries);
        }
    }
    properties.uses = reader.uses;
    (properties, problems)
}

/// A text block at the end of a stripped file has no line end.
fn without_last_line_end(node: &mut Node) {
    match &mut node.kind {
        Kind::Scalar { value, style: yaml::Style::Literal | yaml::Style::Folded } if value.ends_with('\n') => {
            value.pop();
        }
        Kind::Scalar { .. } => {}
        Kind::Map { entries, .. } => entries.last_mut().into_iter().for_each(|(_, value)| without_last_line_end(value)),
        Kind::Seq { items, .. } => items.last_mut().into_iter().for_each(without_last_line_end),
    }
}

struct Reader<'a> {
    source: &'a str,
    uses: Vec<Use>,
    data: yaml_value::Reader,
}

impl Reader<'_> {
    fn description(&mut self, item: &Node) -> Option<Text> {
        let node = item.get("description")?;
        let value = node.as_str()?.to_owned();
        if value.contains("{{") {
            self.uses.extend(facts::doc_uses(self.source, node.range));
        }
        Some(Text { value, range: node.range })
    }

    fn entry(&mut self, section: Section, item: &Node, step: Step, entries: &mut Vec<Entry>) {
        let Some(name) = name(item) else { return };
        let path = vec![Step::key(section.key()), step];
        if section == Section::Sources {
            return self.source(item, name.range, path, entries);
        }
        let mut entry = self.common(section, item, name, path);
        match section {
            Section::Models => {
                entry.versions = item.get("versions").map(|list| list.items().iter().filter_map(|version| self.version(version)).collect()).unwrap_or_default();
            }
            Section::Exposures => {
                if let Some(owner) = item.get("owner") {
                    let parts = [owner.get_str("name"), owner.get_str("email")];
                    entry.details.push(("owner", parts.into_iter().flatten().collect::<Vec<_>>().join(", ")));
                }
                for key in ["type", "url", "maturity", "label"] {
                    if let Some(value) = item.get_str(key) {
                        entry.details.push((key, value.to_owned()));
                    }
                }
                for dependency in item.get("depends_on").map(Node::items).unwrap_or_default() {
                    self.expression(dependency);
                }
            }
            Section::Metrics => {
                for key in ["label", "type"] {
                    if let Some(value) = item.get_str(key) {
                        entry.details.push((key, value.to_owned()));
                    }
                }
                if let Some(filter) = item.get("filter").and_then(Node::as_str) {
                    entry.details.push(("filter", filter.trim().to_owned()));
                }
                if let Some(params) = item.get("type_params") {
                    metric_details(params, &mut entry);
                }
            }
            Section::SemanticModels => {
                if let Some(model) = item.get("model") {
                    self.expression(model);
                }
                for measure in item.get("measures").map(Node::items).unwrap_or_default() {
                    if let Some(name) = measure.get_str("name") {
                        let shown = [measure.get_str("agg"), measure.get_str("expr").or(Some(name))];
                        entry.details.push(("measure", format!("{name} = {}", shown.into_iter().flatten().collect::<Vec<_>>().join(" of "))));
                    }
                }
                for (key, label) in [("entities", "entity"), ("dimensions", "dimension")] {
                    for part in item.get(key).map(Node::items).unwrap_or_default() {
                        if let Some(name) = part.get_str("name") {
                            let kind = part.get_str("type").map(|kind| format!(" ({kind})")).unwrap_or_default();
                            entry.details.push((label, format!("{name}{kind}")));
                        }
                    }
                }
            }
            Section::Snapshots => {
                if let Some(relation) = item.get("relation") {
                    self.expression(relation);
                }
            }
            Section::UnitTests => {
                for given in item.get("given").map(Node::items).unwrap_or_default() {
                    if let Some(input) = given.get("input") {
                        self.expression(input);
                    }
                }
            }
            Section::Groups => {
                if let Some(owner) = item.get("owner") {
                    let parts = [owner.get_str("name"), owner.get_str("email")];
                    entry.details.push(("owner", parts.into_iter().flatten().collect::<Vec<_>>().join(", ")));
                }
            }
            _ => {}
        }
        entries.push(entry);
    }

    /// What entries of every section share.
    fn common(&mut self, section: Section, item: &Node, name: Text, path: Vec<Step>) -> Entry {
        let description = self.description(item);
        let tests = self.tests(item);
        let columns_key = if section == Section::Macros { "arguments" } else { "columns" };
        let columns = item.get(columns_key).map(|list| self.columns(list)).unwrap_or_default();
        Entry {
            section,
            name,
            range: item.range,
            description,
            columns,
            tests,
            source_description: None,
            source: None,
            versions: Vec::new(),
            details: ThinVec::new(),
            path: path.into(),
            data: EntryData::new(self.data.of(item), Json::Null),
        }
    }

    fn source(&mut self, item: &Node, name_range: TextRange, path: Vec<Step>, entries: &mut Vec<Entry>) {
        let description = self.description(item);
        let mut shared_data = self.data.of(item);
        if let Json::Object(map) = &mut shared_data {
            map.remove("tables");
        }
        for (table, step) in item.get("tables").map(with_steps).unwrap_or_default() {
            let Some(table_name) = name(table) else { continue };
            let mut path = path.clone();
            path.extend([Step::key("tables"), step]);
            let mut entry = self.common(Section::Sources, table, table_name, path);
            entry.data = EntryData::new(self.data.of(table), shared_data.clone());
            let either = |key: &str| table.get_str(key).or_else(|| item.get_str(key)).map(str::to_owned);
            if let Some(field) =
                either("loaded_at_field").or_else(|| item.get("config").and_then(|config| config.get_str("loaded_at_field")).map(str::to_owned))
            {
                entry.details.push(("loaded at", field));
            }
            entry.source_description.clone_from(&description);
            entry.source = Some((item.range, name_range));
            entries.push(entry);
        }
    }

    fn version(&mut self, item: &Node) -> Option<VersionEntry> {
        let number = item.get("v")?;
        let version = number.as_str()?.to_owned();
        let columns = item.get("columns").map(|list| self.columns(list)).unwrap_or_default();
        Some(VersionEntry { version, range: item.range, name_range: number.range, description: self.description(item), columns })
    }

    fn columns(&mut self, list: &Node) -> Vec<ColumnEntry> {
        let mut columns = Vec::new();
        for item in list.items() {
            if item.get("include").is_some() || item.get("exclude").is_some() {
                continue;
            }
            let Some(name) = name(item) else { continue };
            let description = self.description(item);
            let tests = self.tests(item);
            let data_type = item.get_str("data_type").or_else(|| item.get_str("type")).map(str::to_owned);
            columns.push(ColumnEntry { name, range: item.range, description, data_type, tests });
        }
        columns.shrink_to_fit();
        columns
    }

    fn tests(&mut self, item: &Node) -> Arc<[TestUse]> {
        let lists = ["data_tests", "tests"].iter().filter_map(|key| item.get(key));
        let mut tests = Vec::new();
        for test in lists.flat_map(Node::items) {
            let (name, range, arguments) = match &test.kind {
                Kind::Scalar { value, .. } => (value.clone(), test.range, None),
                Kind::Map { entries, .. } => {
                    let explicit = test.get("test_name").and_then(Node::as_str);
                    match (explicit, entries.first()) {
                        (Some(name), _) => (name.to_owned(), test.range, Some(test)),
                        (None, Some((key, value))) => (key.as_str().unwrap_or_default().to_owned(), key.range, Some(value)),
                        (None, None) => continue,
                    }
                }
                Kind::Seq { .. } => continue,
            };
            let mut shown = Vec::new();
            if let Some(arguments) = arguments {
                let nested = arguments.get("arguments").map(Node::entries).unwrap_or_default();
                for (key, value) in arguments.entries().iter().chain(nested) {
                    let Some(key) = key.as_str() else { continue };
                    if matches!(key, "config" | "name" | "description" | "severity" | "tags" | "where" | "arguments" | "test_name") {
                        continue;
                    }
                    shown.push(format!("{key}: {}", one_line(value.range.of(self.source))));
                    self.expression(value);
                }
            }
            tests.push(TestUse { name, arguments: shown, range });
        }
        tests.into()
    }

    /// A value that dbt reads as a Jinja expression, such as `ref('x')`.
    fn expression(&mut self, node: &Node) {
        let Some(value) = node.as_str() else { return };
        if node.is_alias || !(value.contains("ref") || value.contains("source")) {
            return;
        }
        self.uses.extend(facts::expression_uses(self.source, node.range, value));
    }
}

fn metric_details(params: &Node, entry: &mut Entry) {
    for key in ["measure", "numerator", "denominator"] {
        if let Some(name) = params.get(key).and_then(|node| node.as_str().or_else(|| node.get_str("name"))) {
            entry.details.push((key, name.to_owned()));
        }
    }
    if let Some(expression) = params.get_str("expr") {
        entry.details.push(("expression", expression.to_owned()));
    }
}

/// What an item is called; one without a name is told by its shape.
fn name(item: &Node) -> Option<Text> {
    item.get("name").filter(|node| node.as_str().is_some()).map(text)
}

fn text(node: &Node) -> Text {
    Text { value: node.as_str().unwrap_or_default().to_owned(), range: node.range }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
