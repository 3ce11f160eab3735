//! The last step: nodes get their numbers, and what they name becomes edges.

use super::semantic::input_measure;
use super::{Draft, arc, string, text_of};
use crate::ResourceType;
use crate::index::{Diagnostic, Index, Node, NodeIndex, Severity};
use jinja::RefCall;
use rustc_hash::FxHashMap;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Fills the index with the drafts.
pub(super) fn link(index: &mut Index, drafts: Vec<Draft>) {
    let mut drafts = with_versions(drafts);
    drafts.sort_by(|left, right| left.node.unique_id.cmp(&right.node.unique_id));
    let (enabled, disabled): (Vec<Draft>, Vec<Draft>) = drafts.into_iter().partition(|draft| draft.enabled);
    let mut inputs: Vec<Vec<String>> = Vec::with_capacity(enabled.len());
    let mut ids: FxHashMap<Arc<str>, NodeIndex> = FxHashMap::default();
    for draft in enabled {
        if let Some(&first) = ids.get(&draft.node.unique_id) {
            duplicate(index, &draft.node, first);
            continue;
        }
        ids.insert(draft.node.unique_id.clone(), index.nodes.len());
        index.nodes.push(draft.node);
        inputs.push(draft.inputs);
    }
    index.disabled = disabled
        .into_iter()
        .filter(|draft| !(draft.node.resource_type == ResourceType::UnitTest && ids.contains_key(&draft.node.unique_id)))
        .map(|draft| draft.node)
        .collect();
    index.register();
    attach_tests(index);
    let links = Links::new(index, &inputs);
    let mut linked: Vec<(Vec<NodeIndex>, Vec<String>)> = Vec::with_capacity(index.nodes.len());
    let mut measures: Vec<(NodeIndex, Vec<Json>)> = Vec::new();
    for at in 0..index.nodes.len() {
        let node = &index.nodes[at];
        let mut depends_on = Vec::new();
        let mut unresolved = Vec::new();
        if node.resource_type != ResourceType::Seed {
            for source in &node.sources {
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
                    [name] => links.metric(index, name, None, &node.package),
                    [package, name] => links.metric(index, name, Some(package), &node.package),
                    _ => None,
                };
                match found {
                    Some(found) => depends_on.push(found),
                    None => unresolved.push(metric.join(".")),
                }
            }
        }
        match node.resource_type {
            ResourceType::Metric => {
                let (own, nodes, missing) = links.measures(index, at, 0);
                measures.push((at, own));
                depends_on.extend(nodes);
                unresolved.extend(missing);
            }
            ResourceType::SavedQuery => {
                for name in &inputs[at] {
                    match links.metric(index, name, None, &node.package) {
                        Some(found) => depends_on.push(found),
                        None => unresolved.push(name.clone()),
                    }
                }
            }
            ResourceType::UnitTest => match tested_model(index, node) {
                Some(found) => depends_on.push(found),
                None => unresolved.extend(inputs[at].iter().cloned()),
            },
            _ => {}
        }
        depends_on.sort_unstable();
        depends_on.dedup();
        linked.push((depends_on, unresolved));
    }
    index.children = vec![Vec::new(); index.nodes.len()];
    for (at, (depends_on, unresolved)) in linked.into_iter().enumerate() {
        for &target in &depends_on {
            index.children[target].push(at);
        }
        let node = &mut index.nodes[at];
        // A test of what isn't there stays, switched off.
        if !unresolved.is_empty() && node.resource_type == ResourceType::Test {
            node.config.enabled = Some(false);
            Arc::make_mut(&mut node.config.values).insert("enabled".to_owned(), Json::Bool(false));
        }
        node.depends_on = depends_on;
        node.unresolved = unresolved;
    }
    for (at, own) in measures {
        if let Some(Json::Object(params)) = index.nodes[at].definition.get_mut("type_params") {
            params.insert("input_measures".to_owned(), Json::Array(own));
        }
    }
    semantic_relations(index);
    unit_tests_of_disabled(index);
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

fn duplicate(index: &mut Index, node: &Node, first: NodeIndex) {
    let message = format!("two {}s are called `{}`: this one and {}; rename one", node.resource_type, node.label(), index.nodes[first].path);
    index.diagnostics.push(Diagnostic { place: node.place, severity: Severity::Error, code: "duplicate-name", message });
}

/// A unit test of a model with versions becomes one for each version that it is for.
fn with_versions(drafts: Vec<Draft>) -> Vec<Draft> {
    let mut versions: FxHashMap<(Arc<str>, String), Vec<String>> = FxHashMap::default();
    for draft in drafts.iter().filter(|draft| draft.node.resource_type == ResourceType::Model && draft.enabled) {
        if let Some(version) = &draft.node.version {
            versions.entry((draft.node.package.clone(), draft.node.name.clone())).or_default().push(version.clone());
        }
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
            made.push(Draft {
                node,
                package: draft.package,
                call: draft.call.clone(),
                patch: draft.patch.clone(),
                enabled: draft.enabled,
                inputs: draft.inputs.clone(),
            });
        }
    }
    made
}

/// Gives each generic test the node that it tests, and that node's group.
fn attach_tests(index: &mut Index) {
    for at in 0..index.nodes.len() {
        let node = &index.nodes[at];
        let Some(test) = &node.test else { continue };
        let mut parts = test.file_key_name.splitn(2, '.');
        let (section, name) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        if section == "sources" {
            continue;
        }
        let version =
            test.kwargs.get("model").and_then(Json::as_str).and_then(|model| model.split_once("version='")).and_then(|(_, rest)| rest.split('\'').next());
        let found = index.refable_in(&node.package, name, version).map(|found| (index.nodes[found].unique_id.clone(), index.nodes[found].config.group.clone()));
        let found = found.or_else(|| {
            let disabled = index
                .disabled
                .iter()
                .find(|other| other.name == name && other.resource_type != ResourceType::Test && other.resource_type != ResourceType::Source);
            disabled.map(|other| (other.unique_id.clone(), other.config.group.clone()))
        });
        if let Some((unique_id, group)) = found {
            let mut changed = (**test).clone();
            changed.attached_node = Some(unique_id.to_string());
            let node = &mut index.nodes[at];
            node.test = Some(Arc::new(changed));
            if group.is_some() {
                node.definition.insert("group".to_owned(), group.map_or(Json::Null, Json::String));
            }
        }
    }
}

/// Metrics and measures by name.
struct Links {
    metrics: FxHashMap<String, Vec<NodeIndex>>,
    measures: FxHashMap<String, Vec<NodeIndex>>,
}

impl Links {
    fn new(index: &Index, inputs: &[Vec<String>]) -> Self {
        let mut links = Self { metrics: FxHashMap::default(), measures: FxHashMap::default() };
        for (at, node) in index.nodes.iter().enumerate() {
            match node.resource_type {
                ResourceType::Metric => links.metrics.entry(node.name.clone()).or_default().push(at),
                ResourceType::SemanticModel => inputs[at].iter().for_each(|name| links.measures.entry(name.clone()).or_default().push(at)),
                _ => {}
            }
        }
        links
    }

    fn pick(index: &Index, found: Option<&Vec<NodeIndex>>, package: Option<&str>, from: &str) -> Option<NodeIndex> {
        let found = found?;
        let of = |package: &str| found.iter().copied().find(|&at| &*index.nodes[at].package == package);
        match package {
            Some(package) => of(package),
            None => of(&index.project).or_else(|| of(from)).or_else(|| found.first().copied()),
        }
    }

    fn metric(&self, index: &Index, name: &str, package: Option<&str>, from: &str) -> Option<NodeIndex> {
        Self::pick(index, self.metrics.get(name), package, from)
    }

    /// The measures that a metric comes to, the nodes that it names, and the names that nothing has.
    fn measures(&self, index: &Index, at: NodeIndex, depth: usize) -> (Vec<Json>, Vec<NodeIndex>, Vec<String>) {
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
                    match self.metric(index, &name, None, &node.package).filter(|&found| found != at) {
                        Some(found) => {
                            nodes.push(found);
                            for measure in self.measures(index, found, depth + 1).0 {
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
                    match Self::pick(index, self.measures.get(&name), None, &node.package) {
                        Some(found) => nodes.push(found),
                        None => missing.push(name),
                    }
                }
            }
        }
        (own, nodes, missing)
    }
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
        index.nodes[at].definition.insert("node_relation".to_owned(), relation);
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
    let moved: Vec<Node> = gone.iter().map(|&at| index.nodes[at].clone()).collect();
    index.disabled.extend(moved);
    let map: Vec<Option<NodeIndex>> = {
        let mut next = 0;
        (0..index.nodes.len())
            .map(|at| {
                (!gone.contains(&at)).then(|| {
                    next += 1;
                    next - 1
                })
            })
            .collect()
    };
    let nodes = std::mem::take(&mut index.nodes);
    let children = std::mem::take(&mut index.children);
    for (at, mut node) in nodes.into_iter().enumerate() {
        if map[at].is_some() {
            node.depends_on = node.depends_on.iter().filter_map(|&target| map[target]).collect();
            index.nodes.push(node);
            index.children.push(children[at].iter().filter_map(|&child| map[child]).collect());
        }
    }
    index.register();
}
