use crate::test_support::at_cursor;
use expect_test::{Expect, expect};

mod reach;

fn check(fixture: &str, name: &str, expected: Expect) {
    let (analysis, file, offset) = at_cursor(fixture);
    let change = match analysis.rename(&file, offset, name) {
        Ok(change) => change,
        Err(why) => return expected.assert_eq(&format!("refused: {why}")),
    };
    let prepared = analysis.prepare_rename(&file, offset).map(|range| range.of(&file.text).to_owned());
    let mut shown = vec![format!("{prepared:?}")];
    for made in change.edits {
        let before = &analysis.file_at(&made.path).expect("a file").text;
        let after = text::apply_edits(before, &made.edits).expect("the edits fit");
        shown.push(format!("{}\n{}", made.path.display(), after.trim_end()));
    }
    shown.extend(change.renames.iter().map(|(from, to)| format!("{} -> {}", from.display(), to.display())));
    expected.assert_eq(&shown.join("\n"));
}

#[test]
fn a_model_with_all_that_names_it() {
    check(
        "-- file: dbt_project.yml\nname: shop\nmodels:\n  shop:\n    core:\n      orders: {+tags: x}\n-- file: models/core/orders.sql\nselect 1 as id\n-- file: models/m.yml\nmodels:\n  - name: 'orders' # here\n    data_tests: [{unique: {column_name: id}}]\nexposures:\n  - {name: e, type: ml, owner: {name: x}, depends_on: [\"ref('orders')\"]}\n-- file: models/b.sql\nselect * from {{ ref(\"ord$0ers\") }}\n-- file: tests/t.sql\nselect 1 from {{ ref('shop', 'orders') }}\n-- file: macros/m.sql\n{% macro last() %}{{ ref('orders') }}{% endmacro %}\n",
        "sales",
        expect![[r#"
            Ok("orders")
            /project/dbt_project.yml
            name: shop
            models:
              shop:
                core:
                  sales: {+tags: x}
            /project/models/m.yml
            models:
              - name: 'sales' # here
                data_tests: [{unique: {column_name: id}}]
            exposures:
              - {name: e, type: ml, owner: {name: x}, depends_on: ["ref('sales')"]}
            /project/models/b.sql
            select * from {{ ref("sales") }}
            /project/tests/t.sql
            select 1 from {{ ref('shop', 'sales') }}
            /project/macros/m.sql
            {% macro last() %}{{ ref('sales') }}{% endmacro %}
            /project/models/core/orders.sql -> /project/models/core/sales.sql"#]],
    );
}

#[test]
fn versions_and_what_cannot_be_complete() {
    check(
        "-- file: models/m.yml\nmodels:\n  - name: o\n    versions: [{v: 1}, {v: 2, defined_in: new}]\n-- file: models/o_v1.sql\nselect 1\n-- file: models/new.sql\nselect 2\n-- file: models/b.sql\nselect * from {{ ref('o$0', v=1) }} join {{ ref('o') }}\n",
        "p",
        expect![[r#"
            Ok("o")
            /project/models/m.yml
            models:
              - name: p
                versions: [{v: 1}, {v: 2, defined_in: new}]
            /project/models/b.sql
            select * from {{ ref('p', v=1) }} join {{ ref('p') }}
            /project/models/o_v1.sql -> /project/models/p_v1.sql"#]],
    );
    check(
        "-- file: models/o.sql\nselect 1\n-- file: models/b.sql\n{% set n = 'o' %}select * from {{ ref(n) }}\n-- file: models/c.sql\nselect * from {{ ref('$0o') }}\n",
        "p",
        expect!["refused: model `b` in models/b.sql depends on `o` through Jinja that makes its name; write it out there first"],
    );
    check(
        "-- file: models/o.sql\nselect 1\n-- file: models/p.sql\nselect 1 from {{ ref('$0o') }}\n",
        "p",
        expect!["refused: there is a model `p` in models/p.sql already"],
    );
    check(
        "-- file: models/o.sql\nselect 1\n-- file: models/p.sql\nselect 1 from {{ ref('$0o') }}\n",
        "a b",
        expect!["refused: `a b` can't be a name: it has to be letters, digits and underscores, and not begin with a digit"],
    );
    check("-- file: models/p.sql\nselect {{ re$0f('o') }}\n", "x", expect!["refused: `ref` is dbt's own"]);
    check("-- file: models/p.sql\nselect {{ is_incr$0emental() }}\n", "x", expect!["refused: `is_incremental` is dbt's own"]);
}

#[test]
fn macros_docs_sources_and_vars() {
    check(
        "-- file: macros/m.sql\n{% macro cents(x) %}{{ return(adapter.dispatch('cents', 'shop')(x)) }}{% endmacro %}\n{% macro default__cents(x) %}{{ x }}{% endmacro %}\n-- file: macros/m.yml\nmacros: [{name: cents}]\n-- file: models/a.sql\nselect {{ ce$0nts('x') }}, {{ shop.cents('y') }}\n",
        "dollars",
        expect![[r#"
            Ok("cents")
            /project/macros/m.sql
            {% macro dollars(x) %}{{ return(adapter.dispatch('dollars', 'shop')(x)) }}{% endmacro %}
            {% macro default__dollars(x) %}{{ x }}{% endmacro %}
            /project/macros/m.yml
            macros: [{name: dollars}]
            /project/models/a.sql
            select {{ dollars('x') }}, {{ shop.dollars('y') }}"#]],
    );
    check(
        "-- file: models/s.yml\nsources:\n  - name: raw\n    tables: [{name: t}]\n-- file: models/a.sql\nselect * from {{ source('ra$0w', 't') }}\n",
        "loaded",
        expect![[r#"
            Ok("raw")
            /project/models/s.yml
            sources:
              - name: loaded
                schema: raw
                tables: [{name: t}]
            /project/models/a.sql
            select * from {{ source('loaded', 't') }}"#]],
    );
    check(
        "-- file: models/d.md\n{% docs o$0 %}x{% enddocs %}\n-- file: models/a.yml\nmodels: [{name: a, description: \"{{ doc('o') }}\"}]\n-- file: models/a.sql\nselect 1\n",
        "p",
        expect![[r#"
        Ok("o")
        /project/models/d.md
        {% docs p %}x{% enddocs %}
        /project/models/a.yml
        models: [{name: a, description: "{{ doc('p') }}"}]"#]],
    );
    check(
        "-- file: dbt_project.yml\nname: shop\nvars: {start: 1}\n-- file: models/a.sql\nselect {{ var('st$0art') }}\n",
        "begin",
        expect![[r#"
        Ok("start")
        /project/dbt_project.yml
        name: shop
        vars: {begin: 1}
        /project/models/a.sql
        select {{ var('begin') }}"#]],
    );
}

#[test]
fn names_that_yaml_or_sql_reads_otherwise() {
    check(
        "-- file: models/o.sql\nselect 1\n-- file: models/o.yml\nmodels:\n  - name: o\n-- file: models/p.sql\nselect 1 from {{ ref('$0o') }}\n",
        "yes",
        expect![[r#"
        Ok("o")
        /project/models/o.yml
        models:
          - name: 'yes'
        /project/models/p.sql
        select 1 from {{ ref('yes') }}
        /project/models/o.sql -> /project/models/yes.sql"#]],
    );
    check("-- file: models/a.sql\nwith $0o as (select 1 as id) select o.id from o\n", "select", expect!["refused: `select` is a word of SQL"]);
}

#[test]
fn what_is_local_to_a_file() {
    check(
        "-- file: models/a.sql\nwith $0o as (select 1 as id) select o.id from o\n",
        "p",
        expect![[r#"
        Ok("o")
        /project/models/a.sql
        with p as (select 1 as id) select p.id from p"#]],
    );
    check(
        "-- file: models/a.sql\nselect x$0.id from {{ ref('b') }} as x\n-- file: models/b.sql\nselect 1 as id\n",
        "y",
        expect![[r#"
        Ok("x")
        /project/models/a.sql
        select y.id from {{ ref('b') }} as y"#]],
    );
    check(
        "-- file: models/a.sql\n{% set x = 1 %}select {{ x$0 }}\n",
        "y",
        expect![[r#"
        Ok("x")
        /project/models/a.sql
        {% set y = 1 %}select {{ y }}"#]],
    );
}

#[test]
fn what_only_its_spelling_shows() {
    check(
        "-- file: macros/m.sql\n{% macro safe_divide(a) %}{{ a }}{% endmacro %}\n-- file: models/a.sql\nwith $0o as (select 1 as id, 2 as n)\n{% set more %}o.n{% endset %}\nselect {{ safe_divide('o.id / o.n') }}, {% for x in ['id'] %} o.{{ x }} as c_{{ x }}{% endfor %}, 'o.id' as o_id -- o.id\nfrom o\n",
        "p",
        expect![[r#"
            Ok("o")
            /project/models/a.sql
            with p as (select 1 as id, 2 as n)
            {% set more %}p.n{% endset %}
            select {{ safe_divide('p.id / p.n') }}, {% for x in ['id'] %} p.{{ x }} as c_{{ x }}{% endfor %}, 'o.id' as o_id -- o.id
            from p"#]],
    );
    check(
        "-- file: macros/m.sql\n{% macro f(a) %}{{ a }}{% endmacro %}\n-- file: models/a.sql\nwith $0o as (select 1 as id), q as (select o.id from {{ ref('b') }} o) select {{ f('o.id') }} from o join q using (id)\n-- file: models/b.sql\nselect 1 as id\n",
        "p",
        expect!["refused: models/a.sql, line 1, may mean another `o` of this file; change it there first"],
    );
    check(
        "-- file: models/a.sql\nwith recursive $0a as (select 1 as id union all select a.id + 1 from a where a.id < 3) select * from a\n",
        "b",
        expect![[r#"
            Ok("a")
            /project/models/a.sql
            with recursive b as (select 1 as id union all select b.id + 1 from b where b.id < 3) select * from b"#]],
    );
}

#[test]
fn sources_keep_their_relations() {
    let shop = "-- file: models/s.yml\nsources:\n  - name: raw\n    tables:\n      - name: t\n      - {name: u}\n  - name: other\n    schema: x\n    tables: [{name: v, identifier: w}]\n-- file: models/a.sql\nselect * from {{ source('raw', 't') }}, {{ source('raw', 'u') }}, {{ source('other', 'v') }}\n";
    let at = |from: &str, to: &str| shop.replace(from, to);
    check(
        &at("source('raw', 't')", "source('raw', 't$0')"),
        "orders",
        expect![[r#"
        Ok("t")
        /project/models/s.yml
        sources:
          - name: raw
            tables:
              - name: orders
                identifier: t
              - {name: u}
          - name: other
            schema: x
            tables: [{name: v, identifier: w}]
        /project/models/a.sql
        select * from {{ source('raw', 'orders') }}, {{ source('raw', 'u') }}, {{ source('other', 'v') }}"#]],
    );
    check(
        &at("source('raw', 'u')", "source('raw', 'u$0')"),
        "orders",
        expect![[r#"
        Ok("u")
        /project/models/s.yml
        sources:
          - name: raw
            tables:
              - name: t
              - {name: orders, identifier: u}
          - name: other
            schema: x
            tables: [{name: v, identifier: w}]
        /project/models/a.sql
        select * from {{ source('raw', 't') }}, {{ source('raw', 'orders') }}, {{ source('other', 'v') }}"#]],
    );
    check(
        &at("source('other', 'v')", "source('other', 'v$0')"),
        "orders",
        expect![[r#"
        Ok("v")
        /project/models/s.yml
        sources:
          - name: raw
            tables:
              - name: t
              - {name: u}
          - name: other
            schema: x
            tables: [{name: orders, identifier: w}]
        /project/models/a.sql
        select * from {{ source('raw', 't') }}, {{ source('raw', 'u') }}, {{ source('other', 'orders') }}"#]],
    );
    check(
        &at("source('other', 'v')", "source('oth$0er', 'v')"),
        "loaded",
        expect![[r#"
        Ok("other")
        /project/models/s.yml
        sources:
          - name: raw
            tables:
              - name: t
              - {name: u}
          - name: loaded
            schema: x
            tables: [{name: v, identifier: w}]
        /project/models/a.sql
        select * from {{ source('raw', 't') }}, {{ source('raw', 'u') }}, {{ source('loaded', 'v') }}"#]],
    );
}

#[test]
fn columns_that_come_out_by_a_star() {
    let stg = "-- file: seeds/s.csv\nid,amount\n-- file: models/stg.sql\n{{ config(materialized='incremental', unique_key=['order_id', 'day']) }}\nwith source as (select * from {{ ref('s') }}),\nrenamed as (select id as order_$0id, amount from source),\ndoubled as (select order_id, amount * 2 as twice from renamed)\nselect *, order_id + 1 as next from renamed where order_id > 1\n-- file: models/stg.yml\nmodels:\n  - name: stg\n    columns:\n      - name: order_id\n        description: The order_id.\n";
    check(
        &format!("{stg}-- file: models/b.sql\nwith orders as (select * from {{{{ ref('stg') }}}}) select orders.order_id, orders.order_id as k from orders\n"),
        "key",
        expect![[r#"
            Ok("order_id")
            /project/models/stg.sql
            {{ config(materialized='incremental', unique_key=['key', 'day']) }}
            with source as (select * from {{ ref('s') }}),
            renamed as (select id as key, amount from source),
            doubled as (select key as order_id, amount * 2 as twice from renamed)
            select *, key + 1 as next from renamed where key > 1
            /project/models/stg.yml
            models:
              - name: stg
                columns:
                  - name: key
                    description: The order_id.
            /project/models/b.sql
            with orders as (select * from {{ ref('stg') }}) select orders.key as order_id, orders.key as k from orders"#]],
    );
    check(
        &format!("{stg}-- file: models/b.sql\nwith orders as (select * from {{{{ ref('stg') }}}}) select * from orders\n"),
        "key",
        expect!["refused: model `b` takes all columns of `stg` with `*` in models/b.sql, line 1; name them there first, or its own columns change"],
    );
    check(
        &format!(
            "{stg}-- file: macros/m.sql\n{{% macro f(a) %}}{{{{ a }}}}{{% endmacro %}}\n-- file: models/b.sql\nselect {{{{ f('o.order_id') }}}} as x from {{{{ ref('stg') }}}} o\n"
        ),
        "key",
        expect!["refused: models/b.sql, line 1, may mean `order_id` and can't be changed for you; change it there first"],
    );
    check(
        &format!("{stg}-- file: models/b.sql\nselect o.amount from {{{{ ref('stg') }}}} o join {{{{ ref('stg') }}}} p using (order_id)\n"),
        "key",
        expect!["refused: models/b.sql, line 1, may mean `order_id` and can't be changed for you; change it there first"],
    );
    check(
        &stg.replace("        description: The", "        data_tests: [{dbt_utils.at_least: {expression: order_id > 0}}]\n        description: The"),
        "key",
        expect!["refused: models/stg.yml, line 5, may mean `order_id` and can't be changed for you; change it there first"],
    );
    check(
        &format!("{stg}unit_tests:\n  - name: u\n    model: stg\n    given: []\n    expect:\n      rows:\n        - {{order_id: 1}}\n"),
        "key",
        expect![[r#"
            Ok("order_id")
            /project/models/stg.sql
            {{ config(materialized='incremental', unique_key=['key', 'day']) }}
            with source as (select * from {{ ref('s') }}),
            renamed as (select id as key, amount from source),
            doubled as (select key as order_id, amount * 2 as twice from renamed)
            select *, key + 1 as next from renamed where key > 1
            /project/models/stg.yml
            models:
              - name: stg
                columns:
                  - name: key
                    description: The order_id.
            unit_tests:
              - name: u
                model: stg
                given: []
                expect:
                  rows:
                    - {key: 1}"#]],
    );
}

#[test]
fn columns() {
    let a = "-- file: models/a.sql\nselect 1 as id, 2 as n from {{ ref('s') }}\n-- file: seeds/s.csv\nid\n-- file: models/a.yml\nmodels: [{name: a, columns: [{name: id}]}]\n";
    check(
        &format!("{a}-- file: models/b.sql\nselect x.i$0d, x.id as k from {{{{ ref('a') }}}} x where x.id > 1\n"),
        "key",
        expect![[r#"
        Ok("id")
        /project/models/a.sql
        select 1 as key, 2 as n from {{ ref('s') }}
        /project/models/a.yml
        models: [{name: a, columns: [{name: key}]}]
        /project/models/b.sql
        select x.key as id, x.key as k from {{ ref('a') }} x where x.key > 1"#]],
    );
    check(
        &format!("{a}-- file: models/b.sql\nselect x.i$0d from {{{{ ref('a') }}}} x\n-- file: models/c.sql\nselect * from {{{{ ref('a') }}}}\n"),
        "key",
        expect!["refused: model `c` takes all columns of `a` with `*` in models/c.sql, line 1; name them there first, or its own columns change"],
    );
    check(
        "-- file: models/a.sql\nselect s.id from {{ ref('s') }} s\n-- file: seeds/s.csv\nid\n-- file: models/a.yml\nmodels: [{name: a, columns: [{name: i$0d}]}]\n",
        "key",
        expect![[r#"
        Ok("id")
        /project/models/a.sql
        select s.id as key from {{ ref('s') }} s
        /project/models/a.yml
        models: [{name: a, columns: [{name: key}]}]"#]],
    );
}

#[test]
fn files_that_get_another_path() {
    let check = |files: &str, from: &str, to: &str, expected: Expect| {
        let analysis = crate::test_support::analysis(&testkit::Fixture::parse(files));
        let root = &analysis.root;
        let made = analysis.rename_file(&root.join(from), &root.join(to)).expect("it can be renamed");
        let shown = made.edits.iter().map(|made| {
            let before = &analysis.file_at(&made.path).expect("a file").text;
            text::apply_edits(before, &made.edits).expect("the edits fit")
        });
        expected.assert_eq(&shown.collect::<Vec<_>>().join("\n"));
    };
    let versions = "-- file: models/o_v1.sql\nselect 1 as id\n-- file: models/o_v2.sql\nselect 1 as id\n-- file: models/m.yml\nmodels:\n  - name: o\n    versions:\n      - v: 1\n      - {v: 2, defined_in: o_v2}\n";
    check(
        versions,
        "models/o_v1.sql",
        "models/o_old.sql",
        expect![[r#"
        models:
          - name: o
            versions:
              - v: 1
                defined_in: o_old
              - {v: 2, defined_in: o_v2}
    "#]],
    );
    check(
        versions,
        "models/o_v2.sql",
        "models/o_new.sql",
        expect![[r#"
        models:
          - name: o
            versions:
              - v: 1
              - {v: 2, defined_in: "o_new"}
    "#]],
    );
    let others = "-- file: tests/t.sql\nselect 1\n-- file: tests/t.yml\ndata_tests:\n  - name: t\n-- file: analyses/a.sql\nselect 1\n-- file: analyses/a.yml\nanalyses:\n  - name: a\n";
    check(
        others,
        "tests/t.sql",
        "tests/u.sql",
        expect![[r#"
        data_tests:
          - name: u
    "#]],
    );
    check(
        others,
        "analyses/a.sql",
        "analyses/b.sql",
        expect![[r#"
        analyses:
          - name: b
    "#]],
    );
}

#[test]
fn tests_and_groups() {
    check(
        "-- file: tests/t.sql\nselect 1\n-- file: tests/t.yml\ndata_tests:\n  - name: t$0\n",
        "u",
        expect![[r#"
        Ok("t")
        /project/tests/t.yml
        data_tests:
          - name: u
        /project/tests/t.sql -> /project/tests/u.sql"#]],
    );
    check(
        "-- file: dbt_project.yml\nname: shop\nmodels:\n  +group: fin\n-- file: models/g.yml\ngroups:\n  - name: f$0in\n    owner: {name: x}\nmodels:\n  - name: a\n    group: fin\n-- file: models/a.sql\n{{ config(group='fin', alias='fin') }} select 1 as id\n",
        "money",
        expect![[r#"
            Ok("fin")
            /project/dbt_project.yml
            name: shop
            models:
              +group: money
            /project/models/g.yml
            groups:
              - name: money
                owner: {name: x}
            models:
              - name: a
                group: money
            /project/models/a.sql
            {{ config(group='money', alias='fin') }} select 1 as id"#]],
    );
}
