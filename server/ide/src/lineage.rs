//! The lineage around nodes, as a graph to be drawn: nodes with their columns, and the edges between both.

use crate::Analysis;
use dbt::NodeIndex;
use rustc_hash::FxHashMap;

/// What is wanted of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineageWish {
    pub upstream: usize,
    pub downstream: usize,
    /// Only what this column comes from and goes to.
    pub column: Option<String>,
    /// More nodes than these are left out, the farthest first.
    pub limit: usize,
}

impl Default for LineageWish {
    fn default() -> Self {
        Self { upstream: 2, downstream: 2, column: None, limit: 400 }
    }
}

/// A node of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineageNode {
    pub index: NodeIndex,
    /// How many direct ones it has in all, tests aside.
    pub upstream: usize,
    pub downstream: usize,
    pub tests: usize,
    /// Name, type and description.
    pub columns: Vec<(String, Option<String>, Option<String>)>,
}

/// A column that becomes another as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnEdge {
    pub from: (NodeIndex, String),
    pub to: (NodeIndex, String),
}

/// Nodes and what they read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LineageGraph {
    pub nodes: Vec<LineageNode>,
    /// From what is read to what reads.
    pub edges: Vec<(NodeIndex, NodeIndex)>,
    pub column_edges: Vec<ColumnEdge>,
    /// Whether nodes within the wanted steps were left out.
    pub has_more: bool,
}

impl Analysis {
    /// The graph around a node; tests aside.
    pub fn lineage_graph(&self, root: NodeIndex, wish: &LineageWish) -> LineageGraph {
        let is_shown = |index: NodeIndex| !self.index.nodes[index].resource_type.is_test();
        let mut order: Vec<(usize, NodeIndex)> = vec![(0, root)];
        for (downstream, depth) in [(false, wish.upstream), (true, wish.downstream)] {
            let found = self.index.lineage(root, downstream, depth).into_iter().filter(|(index, _)| is_shown(*index));
            order.extend(found.map(|(index, steps)| (steps, index)));
        }
        order.sort_by_key(|(steps, index)| (*steps, *index));
        let mut shown: FxHashMap<NodeIndex, ()> = FxHashMap::default();
        order.retain(|(_, index)| shown.insert(*index, ()).is_none());
        let has_more = order.len() > wish.limit;
        order.truncate(wish.limit);
        let shown: FxHashMap<NodeIndex, ()> = order.iter().map(|(_, index)| (*index, ())).collect();
        let mut column_edges: Vec<ColumnEdge> = Vec::new();
        for &(_, index) in &order {
            for column in &self.made(index).columns {
                if let Some((from, name)) = column.origin.clone().filter(|(from, _)| shown.contains_key(from) && *from != index) {
                    column_edges.push(ColumnEdge { from: (from, name.to_string()), to: (index, column.name.to_string()) });
                }
            }
        }
        let mut nodes = order;
        if let Some(column) = &wish.column {
            let kept = self.of_column(root, column, &column_edges);
            column_edges.retain(|edge| kept.contains_key(&key(edge.from.0, &edge.from.1)) && kept.contains_key(&key(edge.to.0, &edge.to.1)));
            nodes.retain(|(_, index)| *index == root || kept.keys().any(|(node, _)| node == index));
        }
        let shown: FxHashMap<NodeIndex, ()> = nodes.iter().map(|(_, index)| (*index, ())).collect();
        let mut edges: Vec<(NodeIndex, NodeIndex)> = Vec::new();
        for &index in shown.keys() {
            edges.extend(self.index.nodes[index].depends_on.iter().filter(|parent| shown.contains_key(parent)).map(|&parent| (parent, index)));
        }
        edges.sort_unstable();
        column_edges.sort();
        let nodes = nodes.into_iter().map(|(_, index)| self.lineage_node(index)).collect();
        LineageGraph { nodes, edges, column_edges, has_more }
    }

    fn lineage_node(&self, index: NodeIndex) -> LineageNode {
        let node = &self.index.nodes[index];
        let children = &self.index.children[index];
        let downstream = children.iter().filter(|&&child| !self.index.nodes[child].resource_type.is_test()).count();
        let made = self.made(index);
        let mut names: Vec<&str> = made.columns.iter().map(|column| &*column.name).collect();
        // What YAML names stays to be seen where the SQL doesn't show it.
        names.extend(node.columns.keys().filter(|name| made.get(name).is_none()));
        let columns = names.into_iter().map(|name| {
            let known = node.column(name);
            let description = known.and_then(|column| column.description.as_ref()).map(|description| description.text.trim().to_owned());
            (name.to_owned(), known.and_then(|column| column.shown_type()).map(str::to_owned), description.filter(|text| !text.is_empty()))
        });
        LineageNode { index, upstream: node.depends_on.len(), downstream, tests: children.len() - downstream, columns: columns.collect() }
    }

    /// Everything that a column comes from and goes to along some edges.
    fn of_column(&self, root: NodeIndex, column: &str, edges: &[ColumnEdge]) -> FxHashMap<(NodeIndex, String), ()> {
        let start = key(root, column);
        let mut kept = FxHashMap::from_iter([(start.clone(), ())]);
        for is_downstream in [false, true] {
            let mut pending = vec![start.clone()];
            while let Some(at) = pending.pop() {
                for edge in edges {
                    let (from, to) = (key(edge.from.0, &edge.from.1), key(edge.to.0, &edge.to.1));
                    let next = match is_downstream {
                        true if from == at => to,
                        false if to == at => from,
                        _ => continue,
                    };
                    if kept.insert(next.clone(), ()).is_none() {
                        pending.push(next);
                    }
                }
            }
        }
        kept
    }
}

/// SQL's names have no case.
fn key(index: NodeIndex, column: &str) -> (NodeIndex, String) {
    (index, column.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::LineageWish;
    use crate::test_support::analysis;
    use expect_test::{Expect, expect};
    use testkit::Fixture;

    fn check(wish: LineageWish, expected: Expect) {
        let analysis = analysis(&Fixture::parse(
            "-- file: seeds/s.csv\nid,name\n-- file: models/a.sql\nselect id as key, name from {{ ref('s') }}\n-- file: models/b.sql\nselect key, count(*) as n from {{ ref('a') }} group by 1\n-- file: models/c.sql\nselect * from {{ ref('b') }}\n-- file: models/m.yml\nmodels: [{name: a, columns: [{name: key, data_type: int, data_tests: [unique]}]}]\n",
        ));
        let graph = analysis.lineage_graph(analysis.index.find("a")[0], &wish);
        let label = |index: usize| analysis.index.nodes[index].label();
        let mut shown: Vec<String> = graph
            .nodes
            .iter()
            .map(|node| {
                let columns: Vec<&str> = node.columns.iter().map(|(name, ..)| name.as_str()).collect();
                format!("{} {}↑ {}↓ {} tests: {}", label(node.index), node.upstream, node.downstream, node.tests, columns.join(" "))
            })
            .collect();
        shown.extend(graph.edges.iter().map(|(from, to)| format!("{} -> {}", label(*from), label(*to))));
        shown.extend(graph.column_edges.iter().map(|edge| format!("{}.{} -> {}.{}", label(edge.from.0), edge.from.1, label(edge.to.0), edge.to.1)));
        shown.push(format!("more: {}", graph.has_more));
        expected.assert_eq(&shown.join("\n"));
    }

    #[test]
    fn around_a_model() {
        check(
            LineageWish::default(),
            expect![[r#"
            a 1↑ 1↓ 1 tests: key name
            b 1↑ 1↓ 0 tests: key n
            s 0↑ 1↓ 0 tests: id name
            c 1↑ 0↓ 0 tests: key n
            a -> b
            b -> c
            s -> a
            a.key -> b.key
            b.key -> c.key
            b.n -> c.n
            s.id -> a.key
            s.name -> a.name
            more: false"#]],
        );
        check(
            LineageWish { upstream: 0, downstream: 1, ..LineageWish::default() },
            expect![[r#"
            a 1↑ 1↓ 1 tests: key name
            b 1↑ 1↓ 0 tests: key n
            a -> b
            a.key -> b.key
            more: false"#]],
        );
        check(
            LineageWish { column: Some("name".to_owned()), ..LineageWish::default() },
            expect![[r#"
            a 1↑ 1↓ 1 tests: key name
            s 0↑ 1↓ 0 tests: id name
            s -> a
            s.name -> a.name
            more: false"#]],
        );
        check(
            LineageWish { limit: 2, ..LineageWish::default() },
            expect![[r#"
            a 1↑ 1↓ 1 tests: key name
            b 1↑ 1↓ 0 tests: key n
            a -> b
            a.key -> b.key
            more: true"#]],
        );
    }
}
