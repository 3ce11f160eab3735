//! The last step: nodes get their numbers, and what they name becomes edges.

use super::semantic::input_measure;
use super::{Draft, arc, string, text_of};
use crate::ResourceType;
use crate::index::{Diagnostic, Index, Node, NodeIndex, Severity};
use crate::parallel::{in_parallel, sort_by};
use data::Value as Json;
use data::json;
use jinja::RefCall;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Fills the index with the drafts.
pub(super) fn link(index: &mut Index, drafts: Vec<Draft>) {
    let mut drafts = with_versions(drafts);
    sort_by(&mut drafts, |left, right| left.node.unique_id.cmp(&right.node.unique_id));
    let mut ids: FxHashMap<Arc<str>, usize> = FxHashMap::default();
    let mut nodes: Vec<Box<Node>> = Vec::with_capacity(drafts.len());
    let mut disabled = Vec::new();
    for draft in drafts {
        if !draft.enabled {
            disabled.push(draft.node);
            continue;
        }
        if let Some(&first) = ids.get(&draft.node.unique_id) {
            let told = duplicate(&draft.node, &nodes[first]);
            index.told.entry(told.place.file).or_default().push(told);
            continue;
        }
        ids.insert(draft.node.unique_id.clone(), nodes.len());
        nodes.push(draft.node);
    }
    let repeats = |node: &Node| node.resource_type == ResourceType::UnitTest && ids.contains_key(&node.unique_id);
    index.disabled = Arc::new(disabled.into_iter().filter(|node| !repeats(node)).map(Arc::from).collect());
    index.nodes = nodes.into_iter().map(Arc::from).collect();
    index.register();
    let all: Vec<NodeIndex> = (0..index.nodes.len()).collect();
    let tested = in_parallel(&all, |&at| tested_by(index, &index.nodes[at]));
    for (at, found) in tested.into_iter().enumerate() {
        attach(index, at, found);
    }
    attach_disabled(index);
    let mut children = vec![Vec::new(); index.nodes.len()];
    // What a node names is resolved by names alone, never by what others depend on.
    let each = in_parallel(&all, |&at| linked(index, at));
    for (at, linked) in each.into_iter().enumerate() {
        linked.depends_on.iter().for_each(|&target| children[target].push(at));
        linked.apply(index, at);
    }
    children.iter_mut().for_each(Vec::shrink_to_fit);
    index.children = children.into_iter().collect();
    semantic_relations(index);
    unit_tests_of_disabled(index);
}

/// What the names of a node come to.
pub(super) struct Linked {
    pub depends_on: Vec<NodeIndex>,
    unresolved: Vec<String>,
    /// Of a metric: the measures that it reads in the end.
    measures: Option<Vec<Json>>,
}

impl Linked {
    /// Writes it into the node.
    pub fn apply(self, index: &mut Index, at: NodeIndex) {
        let node = index.nodes.get_mut(at);
        // A test of what isn't there stays, switched off.
        if node.resource_type == ResourceType::Test {
            if !self.unresolved.is_empty() {
                node.config.enabled = Some(false);
                node.config.values.insert("enabled", Json::Bool(false));
            } else if !node.unresolved.is_empty() {
                node.config.enabled = None;
                node.config.values.remove("enabled");
            }
        }
        node.depends_on = self.depends_on.into();
        node.unresolved = self.unresolved.into();
        if let Some(own) = self.measures
            && let Some(Json::Object(params)) = node.definition.get_mut("type_params")
        {
            params.insert("input_measures", own.into());
        }
    }
}

/// Resolves what a node names.
pub(super) fn linked(index: &Index, at: NodeIndex) -> Linked {
    let node = &index.nodes[at];
    let mut depends_on = Vec::new();
    let mut unresolved = Vec::new();
    let mut measures = None;
    if node.resource_type != ResourceType::Seed {
        for source in node.sources.iter().filter(|_| node.resource_type != ResourceType::Function) {
            match index.resolve_source(&source.source, &source.table, &node.package) {
                Some(found) => depends_on.push(found),
                None => unresolved.push(format!("{}.{}", source.source, source.table)),
            }
        }
        for called in &node.refs {
            let (package, version) = (called.package.as_deref(), version_of(called));
            match index.resolve_ref(package, &called.name, version.as_deref(), &node.package) {
                Some(found) => depends_on.push(found),
                None => unresolved.push(label(package, &called.name, version.as_deref())),
            }
        }
        for metric in &node.metrics {
            let found = match metric.as_slice() {
                [name] => metric_of(index, name, None, &node.package),
                [package, name] => metric_of(index, name, Some(package), &node.package),
                _ => None,
            };
            match found {
                Some(found) => depends_on.push(found),
                None => unresolved.push(metric.join(".")),
            }
        }
    }
    for function in &node.functions {
        let (package, name) = match function.as_slice() {
            [name] => (None, name),
            [package, name] => (Some(package.as_str()), name),
            _ => continue,
        };
        match pick(index, index.names.functions.get(name.as_str()), package, &node.package) {
            Some(found) => depends_on.push(found),
            None => unresolved.push(format!("{}()", function.join("."))),
        }
    }
    match node.resource_type {
        ResourceType::Metric => {
            let (own, nodes, missing) = measures_of(index, at, 0);
            measures = Some(own);
            depends_on.extend(nodes);
            unresolved.extend(missing);
        }
        ResourceType::SavedQuery => {
            for name in &node.inputs {
                match metric_of(index, name, None, &node.package) {
                    Some(found) => depends_on.push(found),
                    None => unresolved.push(name.clone()),
                }
            }
        }
        ResourceType::UnitTest => match tested_model(index, node) {
            Some(found) => depends_on.push(found),
            None => unresolved.extend(node.inputs.iter().cloned()),
        },
        _ => {}
    }
    depends_on.sort_unstable();
    depends_on.dedup();
    Linked { depends_on, unresolved, measures }
}

/// What a call's version is as text.
fn version_of(called: &RefCall) -> Option<String> {
    called.version.as_ref().map(text_of)
}

/// How a `ref` that nothing answers to is shown.
pub(super) fn label(package: Option<&str>, name: &str, version: Option<&str>) -> String {
    let package = package.map(|package| format!("{package}.")).unwrap_or_default();
    let version = version.map(|version| format!(" (version {version})")).unwrap_or_default();
    format!("{package}{name}{version}")
}

fn duplicate(node: &Node, first: &Node) -> Diagnostic {
    let kinds = match node.resource_type {
        ResourceType::Analysis => "analyses".to_owned(),
        ResourceType::SavedQuery => "saved queries".to_owned(),
        kind => format!("{}s", kind.as_str().replace('_', " ")),
    };
    let message = format!("two {kinds} are called `{}`: this one and another in {}; rename one", node.label(), first.path);
    let kind = if node.resource_type == ResourceType::Test { "data_test" } else { node.resource_type.as_str() };
    let says = format!("dbt found two {kind}s with the name \"{}\".", node.name);
    Diagnostic::new(node.place, Severity::Error, "duplicate-name", message).as_dbt(says)
}

/// A unit test of a model with versions becomes one for each version that it is for.
fn with_versions(drafts: Vec<Draft>) -> Vec<Draft> {
    let mut versions: FxHashMap<(Arc<str>, String), Vec<String>> = FxHashMap::default();
    for draft in drafts.iter().filter(|draft| draft.node.resource_type == ResourceType::Model && draft.enabled) {
        if let Some(version) = &draft.node.version {
            versions.entry((draft.node.package.clone(), draft.node.name.clone())).or_default().push(version.clone());
        }
    }
    if versions.is_empty() {
        return drafts;
    }
    let mut made = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let model = string(&draft.node.definition, "model").filter(|_| draft.node.resource_type == ResourceType::UnitTest);
        let known = model.and_then(|model| versions.get(&(draft.node.package.clone(), model.split_whitespace().next().unwrap_or("").to_owned())));
        let Some(known) = known.filter(|_| draft.enabled) else {
            made.push(draft);
            continue;
        };
        let wanted = draft.node.definition.get("versions").cloned().unwrap_or(Json::Null);
        for version in known {
            let fits = match (&wanted["include"], &wanted["exclude"]) {
                (Json::Array(_), _) => super::unit_tests::lists_version(&wanted["include"], version),
                (_, Json::Array(_)) => !super::unit_tests::lists_version(&wanted["exclude"], version),
                _ => true,
            };
            if !fits {
                continue;
            }
            let mut node = draft.node.clone();
            node.unique_id = arc(format!("{}_v{version}", node.unique_id));
            node.version = Some(version.clone());
            made.push(Draft::new(node, draft.package));
        }
    }
    made
}

/// Gives a generic test the node that it tests, and that node's group.
pub(super) fn attach_test(index: &mut Index, at: NodeIndex) {
    let found = tested_by(index, &index.nodes[at]);
    attach(index, at, found);
}

fn attach(index: &mut Index, at: NodeIndex, found: Option<Arc<Node>>) {
    if let Some(found) = found {
        let node = index.nodes.get_mut(at);
        if let Some(test) = &mut node.test {
            Arc::make_mut(test).attached_node = Some(found.unique_id.clone());
        }
        if let Some(group) = &found.config.group {
            node.definition.insert("group", group.clone().into());
        }
    }
}

/// The same for the tests that are switched off.
pub(super) fn attach_disabled(index: &mut Index) {
    let of = |node: &Arc<Node>| tested_by(index, node).map(|found| found.unique_id.clone());
    let attached: Vec<Option<Arc<str>>> = index.disabled.iter().map(of).collect();
    if attached.iter().all(Option::is_none) {
        return;
    }
    for (node, found) in Arc::make_mut(&mut index.disabled).iter_mut().zip(attached) {
        if let (Some(found), Some(_)) = (found, &node.test)
            && let Some(test) = &mut Arc::make_mut(node).test
        {
            Arc::make_mut(test).attached_node = Some(found);
        }
    }
}

/// What a generic test is about.
fn tested_by(index: &Index, node: &Node) -> Option<Arc<Node>> {
    let test = node.test.as_ref()?;
    let (section, name) = test.file_key_name.split_once('.').unwrap_or((&test.file_key_name, ""));
    if section == "sources" {
        return None;
    }
    let version = test.kwargs.get("model").and_then(Json::as_str).and_then(|model| model.split_once("version='")).and_then(|(_, rest)| rest.split('\'').next());
    let found = index.refable_in(&node.package, name, version).map(|found| index.nodes.shared(found));
    let found = found.or_else(|| {
        let fits = |other: &&Arc<Node>| other.name == name && other.resource_type != ResourceType::Test && other.resource_type != ResourceType::Source;
        index.disabled.iter().find(fits)
    });
    found.cloned()
}

fn pick(index: &Index, found: Option<&Vec<NodeIndex>>, package: Option<&str>, from: &str) -> Option<NodeIndex> {
    let found = found?;
    let of = |package: &str| found.iter().copied().find(|&at| &*index.nodes[at].package == package);
    match package {
        Some(package) => of(package),
        None => of(&index.project).or_else(|| of(from)).or_else(|| found.first().copied()),
    }
}

fn metric_of(index: &Index, name: &str, package: Option<&str>, from: &str) -> Option<NodeIndex> {
    pick(index, index.names.metrics.get(name), package, from)
}

/// The measures that a metric comes to, the nodes that it names, and the names that nothing has.
fn measures_of(index: &Index, at: NodeIndex, depth: usize) -> (Vec<Json>, Vec<NodeIndex>, Vec<String>) {
    let node = &index.nodes[at];
    let (mut own, mut nodes, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    let null = Json::Null;
    let params = node.definition.get("type_params").unwrap_or(&null);
    if depth > 32 {
        return (own, nodes, missing);
    }
    let add = |measure: Json, own: &mut Vec<Json>| {
        if !own.contains(&measure) {
            own.push(measure);
        }
    };
    match string(&node.definition, "type").as_deref() {
        Some("derived" | "ratio") => {
            let names: Vec<&Json> = match string(&node.definition, "type").as_deref() {
                Some("ratio") => vec![&params["numerator"], &params["denominator"]],
                _ => params["metrics"].as_array().into_iter().flatten().collect(),
            };
            for metric in names {
                let name = text_of(&metric["name"]);
                match metric_of(index, &name, None, &node.package).filter(|&found| found != at) {
                    Some(found) => {
                        nodes.push(found);
                        for measure in measures_of(index, found, depth + 1).0 {
                            add(measure, &mut own);
                        }
                    }
                    None => missing.push(name),
                }
            }
        }
        kind => {
            let conversion = &params["conversion_type_params"];
            let wanted =
                if kind == Some("conversion") { vec![&conversion["base_measure"], &conversion["conversion_measure"]] } else { vec![&params["measure"]] };
            for measure in wanted.into_iter().filter(|measure| !measure.is_null()) {
                let name = text_of(&measure["name"]);
                add(if measure.is_object() { measure.clone() } else { input_measure(Some(measure)) }, &mut own);
                match pick(index, index.names.measures.get(name.as_str()), None, &node.package) {
                    Some(found) => nodes.push(found),
                    None => missing.push(name),
                }
            }
        }
    }
    (own, nodes, missing)
}

fn tested_model(index: &Index, node: &Node) -> Option<NodeIndex> {
    let model = string(&node.definition, "model")?;
    let mut words = model.split_whitespace();
    let (name, version) = (words.next()?, words.next().map(str::to_owned).or_else(|| node.version.clone()));
    index.refable_in(&node.package, name, version.as_deref())
}

/// A semantic model knows the relation of its model.
fn semantic_relations(index: &mut Index) {
    for at in 0..index.nodes.len() {
        if index.nodes[at].resource_type != ResourceType::SemanticModel {
            continue;
        }
        let Some(&model) = index.nodes[at].depends_on.first() else { continue };
        let model = &index.nodes[model];
        let relation = json!({"alias": model.alias, "schema_name": model.schema, "database": model.database, "relation_name": model.relation_name});
        index.nodes.get_mut(at).definition.insert("node_relation", relation);
    }
}

/// A unit test whose model is disabled is disabled, too.
fn unit_tests_of_disabled(index: &mut Index) {
    let mut gone: Vec<NodeIndex> = Vec::new();
    for (at, node) in index.nodes.iter().enumerate().filter(|(_, node)| node.resource_type == ResourceType::UnitTest && node.depends_on.is_empty()) {
        let model = string(&node.definition, "model").unwrap_or_default();
        let name = model.split_whitespace().next().unwrap_or("");
        if index.disabled.iter().any(|other| other.name == name && other.resource_type == ResourceType::Model && other.package == node.package) {
            gone.push(at);
        }
    }
    if gone.is_empty() {
        return;
    }
    let moved = gone.iter().map(|&at| index.nodes.shared(at).clone());
    Arc::make_mut(&mut index.disabled).extend(moved);
    // From the end, so that the numbers before stay.
    for at in gone.into_iter().rev() {
        index.remove(at);
    }
}
