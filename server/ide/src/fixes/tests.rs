use crate::test_support::at_cursor;
use expect_test::{Expect, expect};
use text::TextRange;

/// Applies the offer whose title holds `title`.
fn check(fixture: &str, title: &str, expected: Expect) {
    let (analysis, file, offset) = at_cursor(fixture);
    let fixes = analysis.fixes(&file, TextRange::at(offset));
    let Some(fix) = fixes.iter().find(|fix| fix.title.contains(title)) else {
        return expected.assert_eq(&format!("only {}", fixes.iter().map(|fix| fix.title.as_str()).collect::<Vec<_>>().join(" | ")));
    };
    let mut shown = vec![fix.title.clone()];
    for made in &fix.change.edits {
        let before = analysis.file_at(&made.path).map_or("", |file| &file.text);
        let after = text::apply_edits(before, &made.edits).expect("the edits fit");
        shown.push(format!("{}{}\n{}", if made.create { "new " } else { "" }, made.path.display(), after.trim_end()));
    }
    expected.assert_eq(&shown.join("\n"));
}

const A: &str = "-- file: seeds/s.csv\nid,name\n-- file: models/core/a.sql\nselect id, name from {{ ref('s') }}\n-- file: models/core/other.sql\nselect 1 as id\n-- file: models/core/core.yml\nmodels:\n  - name: other\n    columns:\n      - name: id\n";

#[test]
fn parts_that_were_meant() {
    let all = "-- file: macros/m.sql\n{% macro days_since(x) %}{{ x }}{% endmacro %}\n-- file: models/v_v1.sql\nselect 1 as id\n-- file: models/m.yml\nmodels:\n  - name: v\n    versions: [{v: 1}]\nsources:\n  - name: raw_shop\n    tables: [{name: orders}, {name: items}]\n";
    let titles = |code: &str| {
        let (analysis, file, offset) = at_cursor(&format!("{all}-- file: models/x.sql\n{code}\n"));
        let fixes = analysis.fixes(&file, TextRange::at(offset));
        let fix = fixes.iter().find(|fix| fix.title.starts_with("Change to")).map(|fix| text::apply_edits(&file.text, &fix.change.edits[0].edits));
        fix.map_or_else(|| "none".to_owned(), |made| made.expect("it fits").trim().to_owned())
    };
    let codes = [
        "select * from {{ source('raw_s', 'ord$0ers') }}",
        "select * from {{ source('raw_shop', 'itms$0') }}",
        "select * from {{ source('nothing', 'like$0_it') }}",
        "select * from {{ ref('shpo', 'v$0') }}",
        "select * from {{ ref('v$0', v=3) }}",
        "select * from {{ reff$0('v') }}",
        "{{ confg$0(materialized='table') }} select 1",
        "select {{ dbt.date_trnc$0('day', 'x') }}",
        "select {{ 'a' | uppr$0 }}",
        "select {% if x is definedd$0 %}1{% endif %}",
    ];
    expect![[r#"
        select * from {{ source('raw_shop', 'orders') }}
        select * from {{ source('raw_shop', 'items') }}
        none
        select * from {{ ref('shop', 'v') }}
        select * from {{ ref('v', v=1) }}
        select * from {{ ref('v') }}
        {{ config(materialized='table') }} select 1
        select {{ dbt.date_trunc('day', 'x') }}
        select {{ 'a' | upper }}
        select {% if x is defined %}1{% endif %}"#]]
    .assert_eq(&codes.map(titles).join("\n"));
    check(
        &format!("{all}macros:\n  - name: days_sinc$0\n"),
        "Change to",
        expect![[r#"
        Change to `days_since`
        /project/models/m.yml
        models:
          - name: v
            versions: [{v: 1}]
        sources:
          - name: raw_shop
            tables: [{name: orders}, {name: items}]
        macros:
          - name: days_since"#]],
    );
    check(
        &format!("{all}unit_tests:\n  - name: u\n    model: w$0v\n"),
        "Change to",
        expect![[r#"
        Change to `v`
        /project/models/m.yml
        models:
          - name: v
            versions: [{v: 1}]
        sources:
          - name: raw_shop
            tables: [{name: orders}, {name: items}]
        unit_tests:
          - name: u
            model: v"#]],
    );
    // One of a few.
    check(
        "-- file: models/x.yml\nexposures:\n  - name: e\n    type: 'dashbord$0' # x\n    owner: {name: a}\n",
        "Change to",
        expect![[r#"
        Change to `dashboard`
        /project/models/x.yml
        exposures:
          - name: e
            type: 'dashboard' # x
            owner: {name: a}"#]],
    );
    // A version's own table.
    let by_hand = format!("{all}-- file: models/x.sql\nselect * from memory.main.v_$0v1 as x\n");
    check(
        &by_hand,
        "Use ",
        expect![[r#"
        Use {{ ref('v', v=1) }}
        /project/models/x.sql
        select * from {{ ref('v', v=1) }} as x"#]],
    );
    // What is about the model itself stays in it.
    check(
        "-- file: models/x.sql\nwith $0a as (select 1 as id {% if is_incremental() %}where 1 > 0{% endif %}) select * from a\n",
        "Extract",
        expect!["only Add `x` to YAML"],
    );
}

#[test]
fn names_that_were_meant() {
    check(
        &format!("{A}-- file: models/b.sql\nselect * from {{{{ ref('othe$0') }}}}\n"),
        "Change to",
        expect![[r#"
        Change to `other`
        /project/models/b.sql
        select * from {{ ref('other') }}"#]],
    );
    check(
        &format!("{A}-- file: models/b.sql\nselect x.nam$0 from {{{{ ref('s') }}}} x\n"),
        "Change to",
        expect![[r#"
        Change to `name`
        /project/models/b.sql
        select x.name from {{ ref('s') }} x"#]],
    );
    check(
        &format!("{A}-- file: models/b.yml\nmodels:\n  - name: oth$0r\n"),
        "Change to",
        expect![[r#"
        Change to `other`
        /project/models/b.yml
        models:
          - name: other"#]],
    );
    check(
        &format!("{A}-- file: macros/m.sql\n{{% macro cents(x) %}}{{% endmacro %}}\n-- file: models/b.sql\nselect {{{{ cent$0('x') }}}}\n"),
        "Change to",
        expect![[r#"
        Change to `cents`
        /project/models/b.sql
        select {{ cents('x') }}"#]],
    );
}

#[test]
fn models_and_sources_that_are_missing() {
    check(
        &format!("{A}-- file: models/b.sql\nselect * from {{{{ ref('brand_new$0') }}}}\n"),
        "Create model",
        expect![[r#"
        Create model `brand_new`
        new /project/models/brand_new.sql
        select
            1 as id"#]],
    );
    check(
        &format!("{A}-- file: models/b.sql\nselect * from {{{{ source('lake', 'fish$0') }}}}\n"),
        "Create source",
        expect![[r#"
        Create source `lake.fish`
        new /project/models/_lake__sources.yml
        version: 2

        sources:
          - name: lake
            tables:
              - name: fish"#]],
    );
    check(
        "-- file: models/s.yml\nsources:\n- name: lake\n  tables:\n  - name: water\n-- file: models/b.sql\nselect * from {{ source('lake', 'fish$0') }}\n",
        "Create source",
        expect![[r#"
        Create source `lake.fish`
        /project/models/s.yml
        sources:
        - name: lake
          tables:
          - name: water
          - name: fish"#]],
    );
}

#[test]
fn entries_and_columns() {
    check(
        &A.replace("select id, name", "$0select id, name"),
        "Add `a` to YAML",
        expect![[r#"
        Add `a` to YAML
        /project/models/core/core.yml
        models:
          - name: other
            columns:
              - name: id
          - name: a
            columns:
              - name: id
              - name: name"#]],
    );
    check(
        &A.replace("  - name: other", "  - name: a$0\n  - name: other"),
        "Add missing columns",
        expect![[r#"
        Add missing columns to `a`
        /project/models/core/core.yml
        models:
          - name: a
            columns:
              - name: id
              - name: name
          - name: other
            columns:
              - name: id"#]],
    );
    // A version's own list, and that of all.
    let versions = "-- file: models/v_v1.sql\nselect 1 as id, 2 as both, 3 as old\n-- file: models/v_v2.sql\nselect 1 as id, 2 as both, 3 as new\n-- file: models/v.yml\nmodels:\n  - name: v$0\n    columns:\n      - name: id\n    versions:\n      - v: 1\n        columns:\n          - include: all\n          - name: x\n      - v: 2\n";
    check(
        versions,
        "Add missing columns to `v.v1`",
        expect![[r#"
        Add missing columns to `v.v1`
        /project/models/v.yml
        models:
          - name: v
            columns:
              - name: id
            versions:
              - v: 1
                columns:
                  - include: all
                  - name: x
                  - name: both
                  - name: old
              - v: 2"#]],
    );
    check(
        versions,
        "Add missing columns to `v.v2`",
        expect![[r#"
            Add missing columns to `v.v2`
            /project/models/v.yml
            models:
              - name: v
                columns:
                  - name: id
                  - name: both
                versions:
                  - v: 1
                    columns:
                      - include: all
                      - name: x
                  - v: 2
                    columns:
                      - include: all
                      - name: new"#]],
    );
    check(
        &A.replace("      - name: id\n", "      - name: id\n      # old\n      - name: gone$0\n        description: x\n"),
        "Remove column",
        expect![[r#"
        Remove column `gone`
        /project/models/core/core.yml
        models:
          - name: other
            columns:
              - name: id"#]],
    );
    // A block scalar ends with its text, whatever comes behind it.
    let z = |columns: &str| format!("-- file: models/z.sql\nselect 1 as k, 2 as l\n-- file: models/z.yml\nmodels:\n  - name: z\n    columns:\n{columns}");
    check(
        &z(
            "      - name: k\n        description: >\n          long\n      # about it\n      - name: go$0ne # x\n        description: |\n          long\n\n      # about l\n      - name: l\n",
        ),
        "Remove column",
        expect![[r#"
            Remove column `gone`
            /project/models/z.yml
            models:
              - name: z
                columns:
                  - name: k
                    description: >
                      long

                  # about l
                  - name: l"#]],
    );
    check(
        &z(
            "      - name: k\n      - name: go$0ne\n        data_tests:\n          - unique:\n              config:\n                where: |\n                  k > 1\n      - name: l\n",
        ),
        "Remove column",
        expect![[r#"
            Remove column `gone`
            /project/models/z.yml
            models:
              - name: z
                columns:
                  - name: k
                  - name: l"#]],
    );
    check(
        &z("      - name: k$0\n        description: >\n          long\n      - name: l\n"),
        "Add not_null",
        expect![[r#"
        Add not_null test
        /project/models/z.yml
        models:
          - name: z
            columns:
              - name: k
                description: >
                  long
                data_tests:
                  - not_null
              - name: l"#]],
    );
    check(
        &z(
            "      - name: k$0\n        data_tests:\n          - unique:\n              config:\n                where: |\n                  k > 1\n      - name: l\n",
        ),
        "Add not_null",
        expect![[r#"
            Add not_null test
            /project/models/z.yml
            models:
              - name: z
                columns:
                  - name: k
                    data_tests:
                      - unique:
                          config:
                            where: |
                              k > 1
                      - not_null
                  - name: l"#]],
    );
    check(
        &z("      - name: go$0ne\n        description: |\n          long\n  - name: y\n"),
        "Remove column",
        expect![[r#"
        Remove column `gone`
        /project/models/z.yml
        models:
          - name: z
          - name: y"#]],
    );
    check(
        &z("      - name: l\n      - name: k$0\n        description: >-\n          long\n"),
        "Sort columns",
        expect![[r#"
        Sort columns of `z` as the SQL has them
        /project/models/z.yml
        models:
          - name: z
            columns:
              - name: k
                description: >-
                  long
              - name: l"#]],
    );
    check(
        &format!(
            "{A}-- file: models/z.sql\nselect 1 as k, 2 as l, 3 as m\n-- file: models/z.yml\nmodels:\n  - name: z$0\n    columns:\n      - name: m # last\n      # the key\n      - name: k\n        description: x\n      - name: l\n"
        ),
        "Sort columns",
        expect![[r#"
            Sort columns of `z` as the SQL has them
            /project/models/z.yml
            models:
              - name: z
                columns:
                  # the key
                  - name: k
                    description: x
                  - name: l
                  - name: m # last"#]],
    );
}

#[test]
fn tables_by_hand_and_ctes() {
    check(
        &format!("{A}-- file: models/b.sql\nselect * from memory.main.oth$0er\n"),
        "Use",
        expect![[r#"
        Use {{ ref('other') }}
        /project/models/b.sql
        select * from {{ ref('other') }}"#]],
    );
    check(
        "-- file: models/b.sql\nwith x as (select 1 as id), y$0 as (\n    select id\n    from x\n)\nselect * from y\n",
        "Extract CTE",
        expect![[r#"
        Extract CTE `y` to a model
        new /project/models/y.sql
        with x as (select 1 as id)

        select id
        from x
        /project/models/b.sql
        with x as (select 1 as id), y as (
            select * from {{ ref('y') }}
        )
        select * from y"#]],
    );
    check(
        "-- file: models/e.sql\n{{ config(materialized='ephemeral') }}\nselect 1 as id\n-- file: models/b.sql\nselect * from {{ ref('$0e') }}\n",
        "Inline",
        expect![[r#"
        Inline ephemeral model `e`
        /project/models/b.sql
        select * from (
            select 1 as id
        ) as e"#]],
    );
    check(
        "-- file: models/b.sql\nwith x as (select 1), $0y as (select 2)\nselect * from x\n",
        "Remove CTE",
        expect![[r#"
        Remove CTE `y`
        /project/models/b.sql
        with x as (select 1)
        select * from x"#]],
    );
}

#[test]
fn tests_of_columns() {
    check(
        &A.replace("- name: id\n", "- name: id$0\n"),
        "Add not_null",
        expect![[r#"
        Add not_null test
        /project/models/core/core.yml
        models:
          - name: other
            columns:
              - name: id
                data_tests:
                  - not_null"#]],
    );
    check(
        &A.replace("- name: id\n", "- name: id$0\n        data_tests: [unique]\n"),
        "Add not_null",
        expect![[r#"
        Add not_null test
        /project/models/core/core.yml
        models:
          - name: other
            columns:
              - name: id
                data_tests: [unique, not_null]"#]],
    );
    check(
        "-- file: models/customers.sql\nselect 1 as customer_id\n-- file: models/o.sql\nselect 1 as customer_id\n-- file: models/m.yml\nmodels:\n  - name: customers\n    columns:\n      - name: customer_id\n        data_tests:\n          - unique\n  - name: o\n    columns:\n      - name: customer_id$0\n        data_tests:\n          - not_null\n",
        "relationships",
        expect![[r#"
            Add relationships test to `customers.customer_id`
            /project/models/m.yml
            models:
              - name: customers
                columns:
                  - name: customer_id
                    data_tests:
                      - unique
              - name: o
                columns:
                  - name: customer_id
                    data_tests:
                      - not_null
                      - relationships:
                          arguments:
                            to: ref('customers')
                            field: customer_id"#]],
    );
}

#[test]
fn deprecations_and_docs() {
    check(
        &A.replace("- name: id\n", "- name: id\n        tes$0ts: [unique]\n"),
        "data_tests",
        expect![[r#"
        Rename to `data_tests`
        /project/models/core/core.yml
        models:
          - name: other
            columns:
              - name: id
                data_tests: [unique]"#]],
    );
    check(
        &A.replace("- name: other\n", "- name: other\n    me$0ta: {a: 1}\n"),
        "config",
        expect![[r#"
        Move `meta` below `config`
        /project/models/core/core.yml
        models:
          - name: other
            config:
              meta: {a: 1}
            columns:
              - name: id"#]],
    );
    check(
        &A.replace("- name: other\n", "- name: other\n    config:\n      tags: [x]\n    me$0ta:\n      a: 1 # one\n"),
        "config",
        expect![[r#"
        Move `meta` below `config`
        /project/models/core/core.yml
        models:
          - name: other
            config:
              tags: [x]
              meta:
                a: 1 # one
            columns:
              - name: id"#]],
    );
    check(
        &A.replace(
            "- name: id\n",
            "- name: id\n        data_tests:\n          - accepted_va$0lues:\n              values: [1] # one\n              config: {severity: warn}\n",
        ),
        "arguments",
        expect![[r#"
            Move the arguments of `accepted_values` below `arguments`
            /project/models/core/core.yml
            models:
              - name: other
                columns:
                  - name: id
                    data_tests:
                      - accepted_values:
                          arguments:
                            values: [1] # one
                          config: {severity: warn}"#]],
    );
    check(
        &A.replace("- name: other\n", "- name: other\n    description: 'It''s $0other.'\n"),
        "docs block",
        expect![[r#"
        Move description into a docs block `other`
        new /project/models/core/_docs.md
        {% docs other %}
        It's other.
        {% enddocs %}
        /project/models/core/core.yml
        models:
          - name: other
            description: "{{ doc('other') }}"
            columns:
              - name: id"#]],
    );
    check(
        &A.replace("- name: id\n", "- name: id\n        tests:\n          - accepted_va$0lues: {values: [1]}\n"),
        "all deprecated",
        expect![[r#"
        Migrate all deprecated keys of this file
        /project/models/core/core.yml
        models:
          - name: other
            columns:
              - name: id
                data_tests:
                  - accepted_values: {arguments: {values: [1]}}"#]],
    );
}
