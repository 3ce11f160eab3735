//! What dbt doesn't tell and a person wants to know: columns that don't fit, tables that are named by hand, what is never read, what
//! is going to be refused.

mod columns;
mod deprecated;
mod properties;
mod sql;

pub(crate) use deprecated::is_test_config;

use crate::{Analysis, File};
use dbt::{Diagnostic, FileKind, Place, Severity};
use text::TextRange;

/// Collects what is found in one file.
pub(crate) struct Found<'a> {
    analysis: &'a Analysis,
    file: &'a File,
    list: Vec<Diagnostic>,
}

impl Found<'_> {
    fn tell(&mut self, range: TextRange, severity: Severity, code: &'static str, message: String) {
        self.list.push(Diagnostic::new(Place { file: self.file.id, range }, severity, code, message));
    }

    /// Whether nobody wants to know.
    fn is_off(&self, code: &str) -> bool {
        self.analysis.rules.is_off(code)
    }
}

impl Analysis {
    /// What these rules find in a file of the project's own.
    pub(crate) fn lints(&self, file: &File) -> Vec<Diagnostic> {
        let mut found = Found { analysis: self, file, list: Vec::new() };
        if file.kind.is_sql() && file.kind != FileKind::Macro && file.kind != FileKind::GenericTest {
            sql::check(&mut found);
        }
        if file.kind.is_sql() {
            deprecated::code(&mut found);
        }
        if matches!(file.kind, FileKind::Properties | FileKind::Project) {
            let tree = syntax::yaml::parse(&file.text);
            match &tree.root {
                Some(root) if file.kind == FileKind::Project => deprecated::project(&mut found, root),
                Some(root) => {
                    columns::check(&mut found, root);
                    deprecated::properties(&mut found, root);
                    properties::check(&mut found, root);
                }
                None => {}
            }
        }
        found.list
    }
}

#[cfg(test)]
mod tests {
    use crate::test_support::analysis;
    use expect_test::{Expect, expect};
    use testkit::Fixture;

    fn check(fixture: &str, expected: Expect) {
        let analysis = analysis(&Fixture::parse(fixture));
        let mut shown = Vec::new();
        for file in analysis.files.values() {
            for found in analysis.lints(file) {
                let line = text::LineIndex::new(&file.text).line_of(found.place.range.start as usize) + 1;
                shown.push(format!("{}:{line} {:?} {} [{}] {}", file.relative, found.severity, found.code, found.place.range.of(&file.text), found.message));
            }
        }
        shown.sort();
        expected.assert_eq(&shown.join("\n"));
    }

    #[test]
    fn columns_in_yaml_and_in_sql() {
        check(
            "-- file: seeds/s.csv\nid,name\n-- file: models/a.sql\nselect id as key, name from {{ ref('s') }}\n-- file: models/b.sql\nselect a.key, a.nothing, s.id, x.id from {{ ref('a') }} a join {{ ref('s') }} s on a.key = s.nam\n-- file: models/open.sql\nselect *, {{ star() }} from {{ source('raw', 't') }}\n-- file: models/m.yml\nmodels:\n  - name: a\n    columns:\n      - name: KEY\n        data_tests:\n          - relationships: {arguments: {to: ref('s'), field: idd}}\n      - name: gone\n  - name: open\n    columns: [{name: whatever}]\nsources: [{name: raw, tables: [{name: t, columns: [{name: x}]}]}]\n",
            expect![[r#"
                models/b.sql:1 Warning unknown-column [nam] `s` has no column `nam`; did you mean `name`?
                models/b.sql:1 Warning unknown-column [nothing] `a` has no column `nothing`
                models/m.yml:2 Hint missing-column [a] `a` makes columns that this entry doesn't name: `name`
                models/m.yml:6 Warning test-on-unknown-column [idd] `s` has no column `idd`; did you mean `id`?
                models/m.yml:7 Warning column-not-made [gone] the SQL of `a` makes no column `gone`; correct the name, or take the entry out
                models/m.yml:8 Hint missing-column [open] `open` makes columns that this entry doesn't name: `x`"#]],
        );
    }

    #[test]
    fn tables_by_hand_and_ctes_without_readers() {
        check(
            "-- file: models/a.sql\nselect 1 as id\n-- file: models/s.yml\nsources: [{name: raw, schema: lake, tables: [{name: t}]}]\n-- file: models/b.sql\nwith o as (select * from memory.main.a), p as (select * from lake.t), q as (select id from o join other.thing)\nselect * from o\n",
            expect![[r#"
                models/b.sql:1 Hint unused-cte [p] CTE `p` is never read; take it out
                models/b.sql:1 Hint unused-cte [q] CTE `q` is never read; take it out
                models/b.sql:1 Warning hard-coded-relation [lake.t] this is source `raw.t`; write {{ source('raw', 't') }}, so that dbt knows of it
                models/b.sql:1 Warning hard-coded-relation [memory.main.a] this is model `a`; write {{ ref('a') }}, so that dbt knows of it"#]],
        );
    }

    #[test]
    fn keys_and_columns_that_dbt_does_not_know() {
        check(
            "-- file: models/a.sql\nselect 1 as id, 2 as b\n-- file: models/m.yml\nmodels:\n  - name: a\n    descripton: x\n    materialized: view\n    data_tests:\n      - unique: {column_name: idd}\n      - dbt_utils.unique_combination_of_columns: {arguments: {combination_of_columns: [id, c]}}\n      - one: {column_name: id || b}\n    columns:\n      - {name: id, type: int, entity: {type: primary}}\n      - name: b\nsources: [{name: raw, tables: [{name: t, external: {}, foo: 1}]}]\n",
            expect![[r#"
                models/m.yml:10 Warning unknown-property [type] `type` is no property of a column, and dbt takes no notice of it; what is your own belongs below `config: meta:`
                models/m.yml:12 Warning unknown-property [foo] `foo` is no property of a table, and dbt takes no notice of it; what is your own belongs below `config: meta:`
                models/m.yml:3 Warning unknown-property [descripton] `descripton` is no property of a model, and dbt takes no notice of it; what is your own belongs below `config: meta:`; did you mean `description`?
                models/m.yml:4 Hint deprecated [materialized] `materialized` belongs below `config:` now
                models/m.yml:6 Warning test-on-unknown-column [idd] `a` has no column `idd`; did you mean `id`?
                models/m.yml:7 Warning test-on-unknown-column [c] `a` has no column `c`"#]],
        );
    }

    #[test]
    fn rows_of_unit_tests() {
        check(
            "-- file: models/a.sql\nselect 1 as id, 2 as b\n-- file: models/c.sql\nselect id from {{ ref('a') }}\n-- file: models/m.yml\nunit_tests:\n  - name: u\n    model: c\n    given:\n      - input: ref('a')\n        rows: [{ID: 1}, {ghost: 2}]\n    expect: {rows: [{id: 1, b: 2}]}\n",
            expect![[r#"
                models/m.yml:6 Warning test-on-unknown-column [ghost] `a` has no column `ghost`
                models/m.yml:7 Warning test-on-unknown-column [b] `c` has no column `b`"#]],
        );
    }

    #[test]
    fn deprecations() {
        check(
            "-- file: dbt_project.yml\nname: shop\nsource-paths: [models]\ntests: {shop: {+severity: warn}}\n-- file: models/a.sql\n{% set x = modules.itertools.chain() %}select 1 as id\n-- file: models/m.yml\nmodels:\n  - name: a\n    meta: {owner: x}\n    tests: [unique_rows]\n    columns:\n      - name: id\n        tags: [x]\n        data_tests:\n          - accepted_values: {values: [1]}\n          - not_null: {severity: warn}\n          - unique\nsources:\n  - name: raw\n    overrides: p\n    freshness: {warn_after: {count: 1, period: day}}\n    tables: [{name: t, loaded_at_field: x}]\n",
            expect![[r#"
                dbt_project.yml:2 Hint deprecated [source-paths] `source-paths` is called `model-paths` now
                dbt_project.yml:3 Hint deprecated [tests] `tests` is called `data_tests` now
                models/a.sql:1 Hint deprecated [itertools] `modules.itertools` is deprecated; loop in Jinja instead
                models/m.yml:10 Hint deprecated [severity] `severity` of a test belongs below `config:` now
                models/m.yml:14 Hint deprecated [overrides] `overrides` of sources is deprecated; disable the package's source and define your own
                models/m.yml:15 Hint deprecated [freshness] `freshness` belongs below `config:` now
                models/m.yml:16 Hint deprecated [loaded_at_field] `loaded_at_field` belongs below `config:` now
                models/m.yml:3 Hint deprecated [meta] `meta` belongs below `config:` now
                models/m.yml:4 Hint deprecated [tests] `tests` is called `data_tests` now
                models/m.yml:7 Hint deprecated [tags] `tags` belongs below `config:` now
                models/m.yml:9 Hint deprecated [accepted_values] the arguments of a generic test belong below `arguments:` now"#]],
        );
    }
}
