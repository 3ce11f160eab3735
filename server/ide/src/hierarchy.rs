//! Lineage as a call hierarchy: what a node reads are its outgoing calls, what reads it are the incoming ones.

use crate::{Analysis, File, Mention, NavigationTarget, Thing};
use dbt::NodeIndex;

/// A node in a hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HierarchyItem {
    pub unique_id: String,
    pub label: String,
    /// `model · shop`
    pub detail: String,
    pub kind: crate::SymbolKind,
    pub target: NavigationTarget,
}

impl Analysis {
    /// The node at an offset, or the one whose code the file is.
    pub fn hierarchy_item(&self, file: &File, offset: usize) -> Option<HierarchyItem> {
        let index = match self.thing_at(file, offset) {
            Some((Thing::Node(index) | Thing::Column(index, _), _)) => index,
            _ => match self.own_thing(file)? {
                (Thing::Node(index), _) => index,
                _ => return None,
            },
        };
        Some(self.item_of(index))
    }

    pub(crate) fn item_of(&self, index: NodeIndex) -> HierarchyItem {
        let node = &self.index.nodes[index];
        HierarchyItem {
            unique_id: node.unique_id.to_string(),
            label: node.label(),
            detail: format!("{} · {}", node.resource_type, node.package),
            kind: crate::symbols::kind_of(node.resource_type),
            target: self.node_target(index),
        }
    }

    /// What reads a node, and where it names it; generic tests aside.
    pub fn readers(&self, unique_id: &str) -> Vec<(HierarchyItem, Vec<Mention>)> {
        let Some(index) = self.index.node(unique_id) else { return Vec::new() };
        let readers = self.index.children[index].iter().copied().filter(|&child| self.index.nodes[child].test.is_none());
        readers.map(|reader| (self.item_of(reader), self.named_by(reader, index))).collect()
    }

    /// What a node reads, and where it names that.
    pub fn read_by(&self, unique_id: &str) -> Vec<(HierarchyItem, Vec<Mention>)> {
        let Some(index) = self.index.node(unique_id) else { return Vec::new() };
        self.index.nodes[index].depends_on.iter().map(|&parent| (self.item_of(parent), self.named_by(index, parent))).collect()
    }

    /// The places in a node's file that name another.
    fn named_by(&self, reader: NodeIndex, named: NodeIndex) -> Vec<Mention> {
        let Some(file) = self.file(self.index.nodes[reader].place.file) else { return Vec::new() };
        self.mentions_in(file, &Thing::Node(named)).into_iter().filter(|mention| !mention.is_definition).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::test_support::at_cursor;
    use expect_test::expect;

    #[test]
    fn lineage_as_calls() {
        let (analysis, file, offset) = at_cursor(
            "-- file: models/a.sql\nselect 1 as id\n-- file: models/a.yml\nmodels: [{name: a, columns: [{name: id, data_tests: [unique]}]}]\n-- file: models/b.sql\nselect $0* from {{ ref('a') }}\n-- file: models/c.sql\nselect * from {{ ref('b') }} join {{ ref('b') }}\n",
        );
        let item = analysis.hierarchy_item(&file, offset).expect("the model itself");
        let shown = |items: Vec<(super::HierarchyItem, Vec<crate::Mention>)>| -> Vec<String> {
            items.into_iter().map(|(item, places)| format!("{} ({}) at {} places", item.label, item.detail, places.len())).collect()
        };
        expect![[r#"("b", ["c (model · shop) at 2 places"], ["a (model · shop) at 1 places"])"#]]
            .assert_eq(&format!("{:?}", (&item.label, shown(analysis.readers(&item.unique_id)), shown(analysis.read_by(&item.unique_id)))));
        assert_eq!(analysis.readers("model.shop.a").len(), 1, "generic tests are no readers");
    }
}
