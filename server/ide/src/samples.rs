//! Values that stand in the project's own files: what a column holds, for whom has to describe it.

use crate::Analysis;
use dbt::{NodeIndex, ResourceType};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Of a seed so many records are looked at.
const MAX_RECORDS: usize = 200;
/// Of a column so many values are told.
const MAX_VALUES: usize = 6;
/// Longer ones, in letters, are none that stand for something.
const MAX_VALUE: usize = 40;

/// Whether a column holds, by its name, what is for nobody to see.
fn is_private(name: &str) -> bool {
    const WORDS: [&str; 14] =
        ["password", "passwd", "pwd", "secret", "token", "apikey", "api_key", "private_key", "access_key", "credential", "ssn", "iban", "email", "phone"];
    let name = name.to_lowercase();
    WORDS.iter().any(|word| name.contains(word))
}

impl Analysis {
    /// Values of a node's columns that the SQL takes over from a seed as they are, each column with some that stand in the seed's first
    /// records, in their order; columns of which none is known, and those that are private by their name, are left out.
    pub fn samples(&self, index: NodeIndex) -> Vec<(Arc<str>, Vec<String>)> {
        let made = self.made(index);
        let mut seeds: FxHashMap<NodeIndex, Vec<Vec<String>>> = FxHashMap::default();
        let of = |name: &Arc<str>| {
            let (seed, column) = self.seed_column(index, name)?;
            let file = self.file(self.index.nodes[seed].place.file)?;
            let records = seeds.entry(seed).or_insert_with(|| dbt::csv_records(&file.text, MAX_RECORDS));
            let (header, records) = records.split_first()?;
            let at = header.iter().position(|named| named.eq_ignore_ascii_case(&column))?;
            let mut values: Vec<String> = Vec::new();
            let is_told = |value: &&String| !value.is_empty() && value.chars().count() <= MAX_VALUE && !value.contains('@');
            for value in records.iter().filter_map(|record| record.get(at)).filter(is_told) {
                if values.len() < MAX_VALUES && !values.contains(value) {
                    values.push(value.clone());
                }
            }
            Some((name.clone(), values)).filter(|(_, values)| !values.is_empty())
        };
        made.columns.iter().map(|column| &column.name).filter(|name| !is_private(name)).filter_map(of).collect()
    }

    /// The seed's column that a node's column is, taken over as it is all the way.
    fn seed_column(&self, index: NodeIndex, column: &Arc<str>) -> Option<(NodeIndex, Arc<str>)> {
        let own = (index, column.clone());
        std::iter::once(own).chain(self.columns_behind(index, column)).find(|(at, _)| self.index.nodes[*at].resource_type == ResourceType::Seed)
    }
}

#[cfg(test)]
mod tests {
    use crate::test_support::analysis;
    use expect_test::expect;
    use testkit::Fixture;

    #[test]
    fn values_come_along_with_their_columns() {
        let analysis = analysis(&Fixture::parse(
            "-- file: seeds/s.csv\nid,Status,note\n1,placed,\n2,\"on, its way\",a note that is much longer than anything that stands for something\n3,placed,\n-- file: models/a.sql\nselect id + 1 as id, status as state, note from {{ ref('s') }}\n-- file: models/b.sql\nselect * from {{ ref('a') }}\n",
        ));
        let shown: Vec<String> = ["seed.shop.s", "model.shop.b"]
            .into_iter()
            .map(|id| format!("{id} {:?}", analysis.samples(analysis.index.node(id).expect("it is there"))))
            .collect();
        expect![[r#"
            seed.shop.s [("id", ["1", "2", "3"]), ("Status", ["placed", "on, its way"])]
            model.shop.b [("state", ["placed", "on, its way"])]"#]]
        .assert_eq(&shown.join("\n"));
    }
}
