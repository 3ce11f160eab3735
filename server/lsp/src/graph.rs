//! The answers to `ragstar/lineage` and `ragstar/compiled`, as JSON.

use crate::convert;
use crate::event::Snapshot;
use ide::{File, FileCompiled, LineageGraph};
use serde_json::{Map, Value, json};
use text::{LineIndex, TextRange};

/// A graph around a node.
pub fn lineage(snapshot: &Snapshot, root: usize, graph: &LineageGraph) -> Value {
    let index = &snapshot.analysis.index;
    let id = |node: usize| &*index.nodes[node].unique_id;
    let nodes: Vec<Value> = graph
        .nodes
        .iter()
        .map(|shown| {
            let node = &index.nodes[shown.index];
            let columns: Vec<Value> = shown
                .columns
                .iter()
                .map(|(name, data_type, description)| without_nulls(json!({"name": name, "type": data_type, "description": description})))
                .collect();
            let place = convert::location(snapshot, &snapshot.analysis.node_target(shown.index));
            let description = node.description.as_ref().map(|description| description.text.trim()).filter(|text| !text.is_empty());
            without_nulls(json!({
                "uniqueId": id(shown.index), "label": node.label(), "resourceType": node.resource_type.as_str(), "materialized": node.config.materialized,
                "package": &*node.package, "path": &*node.path, "uri": place.as_ref().map(|place| place.uri.clone()), "range": place.map(|place| place.range),
                "description": description, "tests": shown.tests, "upstream": shown.upstream, "downstream": shown.downstream, "columns": columns,
            }))
        })
        .collect();
    let edges: Vec<Value> = graph.edges.iter().map(|(from, to)| json!({"from": id(*from), "to": id(*to)})).collect();
    let end = |(node, column): &(usize, String)| json!({"uniqueId": id(*node), "column": column});
    let columns: Vec<Value> = graph.column_edges.iter().map(|edge| json!({"from": end(&edge.from), "to": end(&edge.to)})).collect();
    json!({"root": id(root), "nodes": nodes, "edges": edges, "columnEdges": columns, "more": graph.has_more})
}

/// The answer for a file without a node.
pub fn no_lineage() -> Value {
    json!({"root": null, "nodes": [], "edges": [], "columnEdges": [], "more": false})
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(entries) => Value::Object(entries.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>()),
        other => other,
    }
}

/// The compiled SQL of a file, or why there is none.
pub fn compiled(snapshot: &Snapshot, file: &File, made: Result<FileCompiled, String>) -> Value {
    let encoding = snapshot.capabilities.encoding;
    let lines = LineIndex::new(&file.text);
    let of_source = |range: TextRange| convert::range(&file.text, &lines, range, encoding);
    let FileCompiled { unique_id, compiled } = match made {
        Ok(made) => made,
        Err(why) => return json!({"uniqueId": null, "sql": "", "map": [], "errors": [{"message": why, "range": of_source(TextRange::at(0))}]}),
    };
    let compiled_lines = LineIndex::new(&compiled.sql);
    let map: Vec<Value> = compiled
        .map
        .iter()
        .map(|part| json!({"compiled": convert::range(&compiled.sql, &compiled_lines, part.compiled, encoding), "source": of_source(part.source)}))
        .collect();
    let errors: Vec<Value> = compiled.failure.iter().map(|(range, message)| json!({"message": message, "range": of_source(*range)})).collect();
    without_nulls(json!({"uniqueId": unique_id, "sql": compiled.sql, "map": map, "errors": errors, "note": compiled.asks_the_warehouse}))
}
