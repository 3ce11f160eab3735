//! How much of a project is described.

use crate::{Analysis, DescribeTarget, Subject};
use dbt::{Macro, NodeIndex, ResourceType};
use std::collections::BTreeMap;

/// Of so many things so many are described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Nodes, and macros.
    pub nodes: usize,
    pub described_nodes: usize,
    /// Columns of nodes, arguments of macros.
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

/// A node or a macro, and what of it lacks a description.
#[derive(Debug, Clone)]
pub struct EntryCoverage<'a> {
    pub subject: Subject<'a>,
    pub coverage: Coverage,
    /// Itself first, then its columns or arguments in their order.
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

    /// What of some things is described: of nodes with the columns that their SQL, their header or their entry names, of macros with the
    /// arguments of their signature and their entry.
    pub fn coverage<'s>(&'s self, subjects: &[Subject<'s>]) -> Vec<EntryCoverage<'s>> {
        dbt::in_parallel(subjects, |&subject| match subject {
            Subject::Node(index, _) => self.coverage_of_node(subject, index),
            Subject::Macro(found) => coverage_of_macro(subject, found),
            Subject::Source(_) => EntryCoverage::new(subject, subject.is_described(), std::iter::empty()),
        })
    }

    fn coverage_of_node<'s>(&self, subject: Subject<'s>, index: NodeIndex) -> EntryCoverage<'s> {
        let node = &self.index.nodes[index];
        let made = self.made(index);
        let mut names: Vec<&str> = made.columns.iter().map(|column| &*column.name).collect();
        // What only the entry or the catalog names.
        names.extend(node.columns.keys().filter(|name| made.get(name).is_none()));
        let is_described = |name: &str| node.column(name).is_some_and(dbt::Column::has_description);
        EntryCoverage::new(subject, node.has_description(), names.into_iter().map(|name| (name, is_described(name))))
    }

    /// The same, summed up by folder, owner or kind.
    pub fn coverage_by(&self, of: &[EntryCoverage<'_>], by: &str) -> BTreeMap<String, Coverage> {
        let mut groups: BTreeMap<String, Coverage> = BTreeMap::new();
        for one in of {
            let name = match by {
                "owner" => self.owner_of(one.subject),
                "type" => Some(one.subject.kind().to_owned()),
                _ => one.subject.path().rsplit_once('/').map(|(folder, _)| folder.to_owned()),
            };
            groups.entry(name.unwrap_or_else(|| NONE.to_owned())).or_default().add(one.coverage);
        }
        groups
    }

    /// Who a thing belongs to: `meta.owner`, its group's owner, an exposure's owner.
    pub(crate) fn owner_of(&self, subject: Subject<'_>) -> Option<String> {
        let named = |value: &data::Value| {
            let text = |key: &str| value.get(key).and_then(data::Value::as_str).map(str::to_owned);
            value.as_str().map(str::to_owned).or_else(|| text("name")).or_else(|| text("email"))
        };
        let node = match subject {
            Subject::Node(_, node) => node,
            Subject::Macro(found) => return found.meta.get("owner").and_then(named),
            Subject::Source(table) => return table.definition.get("source_meta").and_then(|meta| meta.get("owner")).and_then(named),
        };
        let own = node.meta.get("owner").or_else(|| node.definition.get("owner")).and_then(named);
        own.or_else(|| {
            let group = node.config.group.as_deref()?;
            let found = self.index.nodes.iter().find(|other| other.resource_type == ResourceType::Group && other.name == group)?;
            found.definition.get("owner").and_then(named).or_else(|| Some(group.to_owned()))
        })
    }
}

impl<'a> EntryCoverage<'a> {
    /// Of a thing and the names in it, each with whether it is described.
    fn new<'n>(subject: Subject<'a>, is_described: bool, names: impl Iterator<Item = (&'n str, bool)>) -> Self {
        let mut coverage = Coverage { nodes: 1, described_nodes: usize::from(is_described), ..Coverage::default() };
        let mut missing = Vec::new();
        if !is_described {
            missing.push(subject.target(None));
        }
        for (name, is_described) in names {
            coverage.columns += 1;
            coverage.described_columns += usize::from(is_described);
            if !is_described {
                missing.push(subject.target(Some(name)));
            }
        }
        Self { subject, coverage, missing }
    }
}

fn coverage_of_macro<'a>(subject: Subject<'a>, found: &Macro) -> EntryCoverage<'a> {
    let of_signature = found.parameters.iter().map(|parameter| parameter.split('=').next().unwrap_or(parameter));
    let mut names: Vec<&str> = of_signature.collect();
    let others = found.arguments.iter().map(|argument| argument.name.as_str()).filter(|name| !names.contains(name)).collect::<Vec<_>>();
    names.extend(others);
    let is_described = |name: &str| found.argument(name).is_some_and(dbt::Argument::has_description);
    EntryCoverage::new(subject, found.has_description(), names.into_iter().map(|name| (name, is_described(name))))
}

#[cfg(test)]
mod tests {
    use crate::Subject;
    use crate::test_support::analysis;
    use expect_test::expect;
    use testkit::Fixture;

    #[test]
    fn what_the_sql_makes_counts() {
        let analysis = analysis(&Fixture::parse(
            "-- file: seeds/s.csv\nid,name\n-- file: models/a.sql\nselect id, name, 1 as one from {{ ref('s') }}\n-- file: models/m.yml\nmodels:\n  - name: a\n    description: A.\n    config: {meta: {owner: Ann}}\n    columns:\n      - {name: ID, description: The key.}\n      - {name: gone}\nexposures: [{name: e, type: dashboard, owner: {email: b@c}, depends_on: [ref('a')]}]\nmacros:\n  - {name: m, description: Halves., arguments: [{name: x}]}\n-- file: macros/m.sql\n{% macro m(x, digits=2) %}{% endmacro %}\n",
        ));
        let nodes = (0..analysis.index.nodes.len()).filter(|&index| analysis.is_to_be_described(index)).map(|index| analysis.node_subject(index));
        let all: Vec<Subject<'_>> = nodes.chain(analysis.own_macros().map(Subject::Macro)).collect();
        let coverage = analysis.coverage(&all);
        let mut shown: Vec<String> = coverage
            .iter()
            .map(|one| {
                let missing: Vec<String> = one.missing.iter().map(|target| analysis.label_of(target)).collect();
                format!("{} {:.0} % without {}", one.subject.label(), one.coverage.percent(), missing.join(", "))
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
            m 33 % without argument `x` of macro `m`, argument `digits` of macro `m`
            folder macros: 1 of 1, columns 0 of 2
            folder models: 1 of 2, columns 1 of 4
            folder seeds: 0 of 1, columns 0 of 2
            owner (none): 1 of 2, columns 0 of 4
            owner Ann: 1 of 1, columns 1 of 4
            owner b@c: 0 of 1, columns 0 of 0
            type exposure: 0 of 1, columns 0 of 0
            type macro: 1 of 1, columns 0 of 2
            type model: 1 of 1, columns 1 of 4
            type seed: 0 of 1, columns 0 of 2"#]]
        .assert_eq(&shown.join("\n"));
    }
}
