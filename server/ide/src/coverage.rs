//! How much of a project is described.

use crate::{Analysis, DescribeTarget};
use dbt::{NodeIndex, ResourceType};
use std::collections::BTreeMap;

/// Of so many things so many are described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Coverage {
    pub nodes: usize,
    pub described_nodes: usize,
    pub columns: usize,
    pub described_columns: usize,
}

impl Coverage {
    pub fn add(&mut self, other: Self) {
        self.nodes += other.nodes;
        self.described_nodes += other.described_nodes;
        self.columns += other.columns;
        self.described_columns += other.described_columns;
    }

    /// Of nodes and columns together, in per cent; all of nothing is everything.
    pub fn percent(&self) -> f64 {
        let (all, described) = (self.nodes + self.columns, self.described_nodes + self.described_columns);
        if all == 0 { 100.0 } else { described as f64 * 100.0 / all as f64 }
    }
}

/// A node, and what of it lacks a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeCoverage {
    pub index: NodeIndex,
    pub coverage: Coverage,
    /// The node first, then its columns in their order.
    pub missing: Vec<DescribeTarget>,
}

/// What a folder, an owner or a type is called where there is none.
const NONE: &str = "(none)";

impl Analysis {
    /// Whether a node counts: one of the project's own that people read.
    pub fn is_to_be_described(&self, index: NodeIndex) -> bool {
        let node = &self.index.nodes[index];
        let kinds = [
            ResourceType::Model,
            ResourceType::Seed,
            ResourceType::Snapshot,
            ResourceType::Source,
            ResourceType::Exposure,
            ResourceType::Metric,
            ResourceType::SemanticModel,
            ResourceType::SavedQuery,
            ResourceType::Function,
        ];
        node.package == self.index.project && kinds.contains(&node.resource_type)
    }

    /// What of some nodes is described: each with the columns that its SQL, its header or its entry names.
    pub fn coverage(&self, nodes: &[NodeIndex]) -> Vec<NodeCoverage> {
        let counted: Vec<NodeIndex> = nodes.iter().copied().filter(|&index| self.is_to_be_described(index)).collect();
        dbt::in_parallel(&counted, |&index| self.coverage_of(index))
    }

    fn coverage_of(&self, index: NodeIndex) -> NodeCoverage {
        let node = &self.index.nodes[index];
        let target = |column: Option<&str>| DescribeTarget::of(node, column);
        let mut missing = Vec::new();
        if !node.has_description() {
            missing.push(target(None));
        }
        let mut coverage = Coverage { nodes: 1, described_nodes: usize::from(node.has_description()), ..Coverage::default() };
        let made = self.made(index);
        let mut names: Vec<&str> = made.columns.iter().map(|column| &*column.name).collect();
        // What only the entry or the catalog names.
        names.extend(node.columns.keys().filter(|name| made.get(name).is_none()));
        for name in names {
            coverage.columns += 1;
            if node.column(name).is_some_and(dbt::Column::has_description) {
                coverage.described_columns += 1;
            } else {
                missing.push(target(Some(name)));
            }
        }
        NodeCoverage { index, coverage, missing }
    }

    /// The same, summed up by folder, owner or resource type.
    pub fn coverage_by(&self, of: &[NodeCoverage], by: &str) -> BTreeMap<String, Coverage> {
        let mut groups: BTreeMap<String, Coverage> = BTreeMap::new();
        for one in of {
            let node = &self.index.nodes[one.index];
            let name = match by {
                "owner" => self.owner_of(one.index),
                "type" => Some(node.resource_type.to_string()),
                _ => node.path.rsplit_once('/').map(|(folder, _)| folder.to_owned()),
            };
            groups.entry(name.unwrap_or_else(|| NONE.to_owned())).or_default().add(one.coverage);
        }
        groups
    }

    /// Who a node belongs to: `meta.owner`, its group's owner, an exposure's owner.
    fn owner_of(&self, index: NodeIndex) -> Option<String> {
        let node = &self.index.nodes[index];
        let named = |value: &data::Value| {
            let text = |key: &str| value.get(key).and_then(data::Value::as_str).map(str::to_owned);
            value.as_str().map(str::to_owned).or_else(|| text("name")).or_else(|| text("email"))
        };
        let own = node.meta.get("owner").or_else(|| node.definition.get("owner")).and_then(named);
        own.or_else(|| {
            let group = node.config.group.as_deref()?;
            let found = self.index.nodes.iter().find(|other| other.resource_type == ResourceType::Group && other.name == group)?;
            found.definition.get("owner").and_then(named).or_else(|| Some(group.to_owned()))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::test_support::analysis;
    use expect_test::expect;
    use testkit::Fixture;

    #[test]
    fn what_the_sql_makes_counts() {
        let analysis = analysis(&Fixture::parse(
            "-- file: seeds/s.csv\nid,name\n-- file: models/a.sql\nselect id, name, 1 as one from {{ ref('s') }}\n-- file: models/m.yml\nmodels:\n  - name: a\n    description: A.\n    config: {meta: {owner: Ann}}\n    columns:\n      - {name: ID, description: The key.}\n      - {name: gone}\nexposures: [{name: e, type: dashboard, owner: {email: b@c}, depends_on: [ref('a')]}]\n",
        ));
        let all: Vec<usize> = (0..analysis.index.nodes.len()).collect();
        let coverage = analysis.coverage(&all);
        let mut shown: Vec<String> = coverage
            .iter()
            .map(|one| {
                let missing: Vec<String> = one.missing.iter().map(|target| analysis.label_of(target)).collect();
                format!("{} {:.0} % without {}", analysis.index.nodes[one.index].label(), one.coverage.percent(), missing.join(", "))
            })
            .collect();
        for by in ["folder", "owner", "type"] {
            shown.extend(
                analysis
                    .coverage_by(&coverage, by)
                    .into_iter()
                    .map(|(name, sum)| format!("{by} {name}: {} of {}, columns {} of {}", sum.described_nodes, sum.nodes, sum.described_columns, sum.columns)),
            );
        }
        expect![[r#"
            e 0 % without `e`
            a 40 % without column `name` of `a`, column `one` of `a`, column `gone` of `a`
            s 0 % without `s`, column `id` of `s`, column `name` of `s`
            folder models: 1 of 2, columns 1 of 4
            folder seeds: 0 of 1, columns 0 of 2
            owner (none): 0 of 1, columns 0 of 2
            owner Ann: 1 of 1, columns 1 of 4
            owner b@c: 0 of 1, columns 0 of 0
            type exposure: 0 of 1, columns 0 of 0
            type model: 1 of 1, columns 1 of 4
            type seed: 0 of 1, columns 0 of 2"#]]
        .assert_eq(&shown.join("\n"));
    }
}
