//! Columns that tests in properties files name: `field` of `relationships`, `column_name` and `combination_of_columns` of tests of a
//! whole resource.

use crate::{Analysis, File};
use dbt::NodeIndex;
use rustc_hash::FxHashMap;
use syntax::yaml::Node;
use text::TextRange;

impl Analysis {
    /// The columns that the tests of a properties file name, each with the node that should have it. An alias's are told where its
    /// anchor is.
    pub(crate) fn columns_in_tests<'t>(&self, file: &File, root: &'t Node) -> Vec<(NodeIndex, &'t Node)> {
        let mut found = Vec::new();
        self.relationships(file, root, &mut found);
        let described = self.index.nodes_described_in(file.id).iter();
        let named = described.filter_map(|&index| Some((self.index.nodes[index].patch.as_ref()?.name.range, index)));
        // The versions of a model share one entry; its first stands for them.
        let by_name: FxHashMap<TextRange, NodeIndex> = named.rev().collect();
        for entry in ["models", "seeds", "snapshots"].iter().filter_map(|section| root.get(section)).flat_map(Node::items) {
            let name = entry.get("name").filter(|_| !entry.is_alias);
            if let Some(&index) = name.and_then(|name| by_name.get(&name.range)) {
                of_resource(entry, index, &mut found);
            }
        }
        for test in root.get("unit_tests").map(Node::items).unwrap_or_default().iter().filter(|test| !test.is_alias) {
            self.of_unit_test(file, test, &mut found);
        }
        found
    }

    /// The columns of the rows that a unit test gives and expects.
    fn of_unit_test<'t>(&self, file: &File, test: &'t Node, found: &mut Vec<(NodeIndex, &'t Node)>) {
        let given = test.get("given").map(Node::items).unwrap_or_default().iter();
        let given = given.filter_map(|given| Some((self.related(file, given.get_str("input")?)?, given)));
        let model = test.get_str("model").and_then(|name| self.index.resolve_ref(None, name, None, self.package_of(file)));
        // Each version of a model is tested.
        let model = model.filter(|&index| self.index.nodes[index].version.is_none());
        for (index, rows) in given.chain(model.zip(test.get("expect"))) {
            for row in rows.get("rows").map(Node::items).unwrap_or_default().iter().filter(|row| !row.is_alias) {
                found.extend(row.entries().iter().filter(|(key, _)| key.as_str().is_some_and(|key| key != "<<")).map(|(key, _)| (index, key)));
            }
        }
    }

    fn relationships<'t>(&self, file: &File, node: &'t Node, found: &mut Vec<(NodeIndex, &'t Node)>) {
        for (key, value) in node.entries() {
            if key.as_str().is_some_and(|key| key == "relationships" || key == "dbt.relationships") {
                let arguments = value.get("arguments").unwrap_or(value);
                if let (Some(to), Some(field)) = (arguments.get_str("to"), arguments.get("field")) {
                    found.extend(self.related(file, to).map(|other| (other, field)));
                }
            }
            self.relationships(file, value, found);
        }
        node.items().iter().filter(|item| !item.is_alias).for_each(|item| self.relationships(file, item, found));
    }

    /// The node that `to` of a `relationships` test names.
    fn related(&self, file: &File, to: &str) -> Option<NodeIndex> {
        let expression = if to.contains("{{") { to.to_owned() } else { format!("{{{{ {to} }}}}") };
        let used = dbt::uses_in(&expression).into_iter().next()?;
        self.index.resolve(&used.target, self.package_of(file))
    }
}

/// Tests of a whole resource that name its columns.
fn of_resource<'t>(entry: &'t Node, index: NodeIndex, found: &mut Vec<(NodeIndex, &'t Node)>) {
    let lists = ["data_tests", "tests"].iter().filter_map(|key| entry.get(key));
    for test in lists.flat_map(Node::items).filter(|test| !test.is_alias) {
        let [(name, value)] = test.entries() else { continue };
        // What the arguments of other tests mean is theirs to say.
        let name = name.as_str().unwrap_or_default();
        let is_known = matches!(name, "unique" | "not_null" | "accepted_values" | "relationships");
        if !is_known && !["dbt_utils.", "dbt_expectations."].iter().any(|package| name.starts_with(package)) {
            continue;
        }
        let arguments = [Some(value), value.get("arguments")];
        for name in arguments.into_iter().flatten().flat_map(|arguments| [arguments.get("column_name"), arguments.get("combination_of_columns")]).flatten() {
            found.extend(std::iter::once(name).chain(name.items()).map(|name| (index, name)));
        }
    }
}
