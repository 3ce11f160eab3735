//! Go to definition.

use crate::{Analysis, File, Thing};
use dbt::{NodeIndex, Place};
use text::TextRange;
use vfs::FileId;

/// A place to go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NavigationTarget {
    pub file: FileId,
    /// The whole of what is there.
    pub range: TextRange,
    /// Its name, where the cursor lands.
    pub focus: TextRange,
}

impl NavigationTarget {
    fn at(place: Place) -> Self {
        Self { file: place.file, range: place.range, focus: place.range }
    }
}

impl Analysis {
    /// Where the thing at an offset is defined: a model's file, a source's entry, a macro's block, a docs block, a var's key in
    /// `dbt_project.yml`, a column's entry, a CTE. From a model's own entry in YAML it leads to the model's code.
    pub fn definition(&self, file: &File, offset: usize) -> Vec<NavigationTarget> {
        let Some((thing, _)) = self.thing_at(file, offset) else { return Vec::new() };
        match thing {
            Thing::Node(index) => vec![self.node_target(index)],
            Thing::Column(index, name) => {
                let entry = self.index.nodes[index].column(&name).and_then(|column| column.entry);
                vec![entry.map_or_else(|| self.node_target(index), NavigationTarget::at)]
            }
            Thing::Macro(at) => {
                let found = &self.index.macros[at];
                vec![NavigationTarget { file: found.place.file, range: found.range, focus: found.place.range }]
            }
            Thing::Docs(at) => vec![NavigationTarget::at(self.index.docs[at].place)],
            Thing::Var(name) => {
                let place = self.config.vars.get(&name).map(|(range, _)| *range);
                let project = self.file_at(&self.root.join("dbt_project.yml"));
                place.zip(project).map(|(range, project)| NavigationTarget::at(Place { file: project.id, range })).into_iter().collect()
            }
            Thing::Cte(cte) => vec![NavigationTarget { file: file.id, range: cte.range, focus: cte.name_range }],
        }
    }

    /// Where a node is defined.
    pub fn node_target(&self, index: NodeIndex) -> NavigationTarget {
        let node = &self.index.nodes[index];
        let whole = node.patch.as_ref().map(|patch| patch.place).filter(|place| place.file == node.place.file && place.range.contains_range(node.place.range));
        NavigationTarget { file: node.place.file, range: whole.map_or(node.place.range, |place| place.range), focus: node.place.range }
    }
}

#[cfg(test)]
mod tests {
    use crate::test_support::at_cursor;
    use expect_test::{Expect, expect};

    fn check(fixture: &str, expected: Expect) {
        let (analysis, file, offset) = at_cursor(fixture);
        let targets = analysis.definition(&file, offset).into_iter().map(|target| {
            let found = analysis.file(target.file).expect("a file");
            let line = text::LineIndex::new(&found.text).line_of(target.focus.start as usize) + 1;
            format!("{}:{line} {}", found.relative, target.focus.of(&found.text))
        });
        expected.assert_eq(&targets.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn refs_and_sources() {
        check("-- file: models/a.sql\nselect 1\n-- file: models/b.sql\nselect * from {{ ref('$0a') }}\n", expect!["models/a.sql:1 "]);
        check(
            "-- file: models/b.sql\nselect * from {{ so$0urce('raw', 't') }}\n-- file: models/s.yml\nsources:\n  - name: raw\n    tables:\n      - name: t\n",
            expect!["models/s.yml:4 t"],
        );
        check("-- file: models/b.sql\nselect * from {{ ref('nowhere$0') }}\n", expect![""]);
    }

    #[test]
    fn versions_and_packages() {
        let versions = "-- file: models/m.yml\nmodels:\n  - name: m\n    latest_version: 2\n    versions: [{v: 1}, {v: 2, defined_in: new_m}]\n-- file: models/m_v1.sql\nselect 1\n-- file: models/new_m.sql\nselect 2\n";
        check(&format!("{versions}-- file: models/b.sql\nselect * from {{{{ ref('m$0') }}}}\n"), expect!["models/new_m.sql:1 "]);
        check(&format!("{versions}-- file: models/b.sql\nselect * from {{{{ ref('m$0', v=1) }}}}\n"), expect!["models/m_v1.sql:1 "]);
        check(
            "-- file: dbt_packages/p/dbt_project.yml\nname: p\n-- file: dbt_packages/p/models/a.sql\nselect 1\n-- file: models/a.sql\nselect 2\n-- file: models/b.sql\nselect * from {{ ref('p', 'a$0') }}\n",
            expect!["models/a.sql:1 "],
        );
    }

    #[test]
    fn macros_docs_vars_and_tests() {
        let macros = "-- file: macros/m.sql\n\n{% macro cents(x) %}{{ x }}{% endmacro %}\n{% test positive(model, column_name) %}select 1{% endtest %}\n";
        check(&format!("{macros}-- file: models/a.sql\nselect {{{{ cen$0ts('x') }}}}\n"), expect!["macros/m.sql:2 cents"]);
        check(
            &format!(
                "{macros}-- file: models/a.sql\nselect 1\n-- file: models/a.yml\nmodels:\n  - name: a\n    columns:\n      - name: id\n        data_tests:\n          - posi$0tive\n"
            ),
            expect!["macros/m.sql:3 positive"],
        );
        check(
            "-- file: models/d.md\n{% docs orders %}x{% enddocs %}\n-- file: models/a.sql\nselect 1\n-- file: models/a.yml\nmodels:\n  - name: a\n    description: \"{{ doc('ord$0ers') }}\"\n",
            expect!["models/d.md:1 orders"],
        );
        check(
            "-- file: dbt_project.yml\nname: shop\nvars:\n  start: 2020\n-- file: models/a.sql\nselect {{ var('sta$0rt') }}\n",
            expect!["dbt_project.yml:3 start"],
        );
    }

    #[test]
    fn ctes_columns_and_entries() {
        check("-- file: models/a.sql\nwith o as (select 1 as id)\nselect * from $0o\n", expect!["models/a.sql:1 o"]);
        check("-- file: models/a.sql\nselect 1\n-- file: models/a.yml\nmodels:\n  - name: $0a\n", expect!["models/a.sql:1 "]);
        check(
            "-- file: models/a.sql\nselect 1 as id\n-- file: models/a.yml\nmodels:\n  - name: a\n    columns:\n      - {name: id, description: Key}\n-- file: models/b.sql\nselect a.i$0d from {{ ref('a') }} as a\n",
            expect!["models/a.yml:4 id"],
        );
    }
}
