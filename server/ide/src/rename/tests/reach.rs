//! What a rename reaches beside the name itself, and where it stops.

use super::check;
use expect_test::{Expect, expect};

#[test]
fn columns_of_ctes_through_those_that_pass_them_on() {
    let stg = "\n-- file: models/stg.sql\nselect 1 as id, 2 as name\n";
    let renamed = |sql: &str, expected: Expect| check(&format!("-- file: models/m.sql\n{sql}{stg}"), "zz", expected);
    // From a use, where the CTE only takes the column over.
    renamed(
        "with a as (select id from {{ ref('stg') }}) select a.$0id from a",
        expect![[r#"
        Ok("id")
        /project/models/m.sql
        with a as (select id as zz from {{ ref('stg') }}) select a.zz as id from a"#]],
    );
    renamed(
        "with a as (select id, name from {{ ref('stg') }}), f as (select a.id, a.name from a) select f.name$0, f.id from f",
        expect![[r#"
        Ok("name")
        /project/models/m.sql
        with a as (select id, name from {{ ref('stg') }}), f as (select a.id, a.name as zz from a) select f.zz as name, f.id from f"#]],
    );
    renamed(
        "with a as (select id, name from {{ ref('stg') }}), f as (select a.id, a.na$0me from a) select f.name, f.id from f",
        expect![[r#"
        Ok("name")
        /project/models/m.sql
        with a as (select id, name as zz from {{ ref('stg') }}), f as (select a.id, a.zz as name from a) select f.name, f.id from f"#]],
    );
    // From the definition; another CTE hands it on.
    renamed(
        "with a as (select id as k$0 from {{ ref('stg') }}), b as (select k from a) select b.k from b",
        expect![[r#"
        Ok("k")
        /project/models/m.sql
        with a as (select id as zz from {{ ref('stg') }}), b as (select zz as k from a) select b.k from b"#]],
    );
    // The model's own column stays.
    renamed(
        "with a as (select 1 as k$0) select k from a where k > 1 order by k",
        expect![[r#"
        Ok("k")
        /project/models/m.sql
        with a as (select 1 as zz) select zz as k from a where zz > 1 order by zz"#]],
    );
    renamed(
        "with a as (select 1 as k$0), b as (select * from a) select b.k + 1 as l from b",
        expect![[r#"
        Ok("k")
        /project/models/m.sql
        with a as (select 1 as zz), b as (select * from a) select b.zz + 1 as l from b"#]],
    );
    renamed(
        "with a as (select 1 as k$0) select * from a",
        expect![[r#"
        Ok("k")
        /project/models/m.sql
        with a as (select 1 as zz) select * from a"#]],
    );
    // What can't be followed is told.
    renamed(
        "with a as (select 1 as xyz$0) select {{ dbt.dateadd('day', 1, 'a.xyz') }} as b from a",
        expect!["refused: models/m.sql, line 1, may mean `xyz` and can't be changed for you; change it there first"],
    );
    renamed(
        "with a as (select id, name as name2$0 from {{ ref('stg') }}) select name2 from a pivot (count(*) for id in (1, 2))",
        expect!["refused: models/m.sql, line 1, may mean `name2` and can't be changed for you; change it there first"],
    );
    renamed(
        "with a as (select 1 as k$0), b as (select 1 as k) select a.k from a join b using (k)",
        expect!["refused: models/m.sql, line 1, may mean `k` and can't be changed for you; change it there first"],
    );
    check(
        "-- file: models/oth.sql\nselect 1 as id$0\n-- file: models/dyn.sql\n{% for m in ['oth', 'stg'] %}select id from {{ ref(m) }}{% if not loop.last %} union all {% endif %}{% endfor %}\n-- file: models/stg.sql\nselect 1 as id\n",
        "zz",
        expect!["refused: models/dyn.sql, line 1, may mean `id` and can't be changed for you; change it there first"],
    );
}

#[test]
fn measures_are_no_semantic_models() {
    let shop = "-- file: models/o.sql\nselect 1 as id\n-- file: models/s.yml\nsemantic_models:\n  - name: orders\n    model: ref('o')\n    measures:\n      - {name: orders, agg: sum, expr: '1'}\n      - name: total\n        agg: sum\n        expr: total\n      - {name: plain, agg: sum}\nmetrics:\n  - {name: a, label: A, type: simple, type_params: {measure: orders}}\n  - name: b\n    label: B\n    type: simple\n    type_params:\n      measure:\n        name: total\n  - {name: orders_m, label: C, type: derived, type_params: {expr: a * 2 + b, metrics: [a, {name: b}]}}\n";
    let at = |from: &str, to: &str| shop.replacen(from, to, 1);
    check(
        &at("measure: orders", "measure: or$0ders"),
        "zz",
        expect![[r#"
        Ok("orders")
        /project/models/s.yml
        semantic_models:
          - name: orders
            model: ref('o')
            measures:
              - {name: zz, agg: sum, expr: '1'}
              - name: total
                agg: sum
                expr: total
              - {name: plain, agg: sum}
        metrics:
          - {name: a, label: A, type: simple, type_params: {measure: zz}}
          - name: b
            label: B
            type: simple
            type_params:
              measure:
                name: total
          - {name: orders_m, label: C, type: derived, type_params: {expr: a * 2 + b, metrics: [a, {name: b}]}}"#]],
    );
    check(
        &at("name: total", "name: to$0tal"),
        "zz",
        expect![[r#"
        Ok("total")
        /project/models/s.yml
        semantic_models:
          - name: orders
            model: ref('o')
            measures:
              - {name: orders, agg: sum, expr: '1'}
              - name: zz
                agg: sum
                expr: total
              - {name: plain, agg: sum}
        metrics:
          - {name: a, label: A, type: simple, type_params: {measure: orders}}
          - name: b
            label: B
            type: simple
            type_params:
              measure:
                name: zz
          - {name: orders_m, label: C, type: derived, type_params: {expr: a * 2 + b, metrics: [a, {name: b}]}}"#]],
    );
    check(
        &at("- name: orders", "- name: or$0ders"),
        "zz",
        expect![[r#"
        Ok("orders")
        /project/models/s.yml
        semantic_models:
          - name: zz
            model: ref('o')
            measures:
              - {name: orders, agg: sum, expr: '1'}
              - name: total
                agg: sum
                expr: total
              - {name: plain, agg: sum}
        metrics:
          - {name: a, label: A, type: simple, type_params: {measure: orders}}
          - name: b
            label: B
            type: simple
            type_params:
              measure:
                name: total
          - {name: orders_m, label: C, type: derived, type_params: {expr: a * 2 + b, metrics: [a, {name: b}]}}"#]],
    );
    check(
        &at("{name: a,", "{name: a$0,"),
        "zz",
        expect![[r#"
        Ok("a")
        /project/models/s.yml
        semantic_models:
          - name: orders
            model: ref('o')
            measures:
              - {name: orders, agg: sum, expr: '1'}
              - name: total
                agg: sum
                expr: total
              - {name: plain, agg: sum}
        metrics:
          - {name: zz, label: A, type: simple, type_params: {measure: orders}}
          - name: b
            label: B
            type: simple
            type_params:
              measure:
                name: total
          - {name: orders_m, label: C, type: derived, type_params: {expr: zz * 2 + b, metrics: [zz, {name: b}]}}"#]],
    );
    check(
        &at("name: plain", "name: pl$0ain"),
        "zz",
        expect!["refused: measure `plain` in models/s.yml, line 9, is the column of its name; give it `expr: plain` first"],
    );
    check(&at("name: total", "name: to$0tal"), "orders", expect!["refused: there is a measure `orders` of `orders` already"]);
}

#[test]
fn parameters_with_those_who_give_them() {
    let shop = "-- file: macros/m.sql\n{% macro kw(a, b=1) %}{{ a }} + {{ b }}{% endmacro %}\n{% macro other(a) %}{{ a }}{% endmacro %}\n{% test tt(model, column_name, lim=1) %}select {{ lim }} from {{ model }}{% endtest %}\n{% macro di(x) %}{{ return(adapter.dispatch('di')(x=x)) }}{% endmacro %}\n{% macro default__di(x) %}{{ x }}{% endmacro %}\n-- file: models/o.sql\nselect {{ kw(a=1, b=2) }}, {{ kw(b=other(a=3), a = 4) }}, {{ shop.kw(5) }}\n-- file: models/m.yml\nmodels:\n  - name: o\n    columns:\n      - name: id\n        data_tests:\n          - tt: {arguments: {lim: 3}}\n          - tt:\n              lim: 4\nmacros:\n  - name: kw\n    arguments:\n      - {name: a, type: int}\n";
    let at = |from: &str, to: &str| shop.replacen(from, to, 1);
    check(
        &at("kw(a,", "kw(a$0,"),
        "zz",
        expect![[r#"
        Ok("a")
        /project/macros/m.sql
        {% macro kw(zz, b=1) %}{{ zz }} + {{ b }}{% endmacro %}
        {% macro other(a) %}{{ a }}{% endmacro %}
        {% test tt(model, column_name, lim=1) %}select {{ lim }} from {{ model }}{% endtest %}
        {% macro di(x) %}{{ return(adapter.dispatch('di')(x=x)) }}{% endmacro %}
        {% macro default__di(x) %}{{ x }}{% endmacro %}
        /project/models/o.sql
        select {{ kw(zz=1, b=2) }}, {{ kw(b=other(a=3), zz = 4) }}, {{ shop.kw(5) }}
        /project/models/m.yml
        models:
          - name: o
            columns:
              - name: id
                data_tests:
                  - tt: {arguments: {lim: 3}}
                  - tt:
                      lim: 4
        macros:
          - name: kw
            arguments:
              - {name: zz, type: int}"#]],
    );
    check(
        &at("lim=1", "li$0m=1"),
        "zz",
        expect![[r#"
        Ok("lim")
        /project/macros/m.sql
        {% macro kw(a, b=1) %}{{ a }} + {{ b }}{% endmacro %}
        {% macro other(a) %}{{ a }}{% endmacro %}
        {% test tt(model, column_name, zz=1) %}select {{ zz }} from {{ model }}{% endtest %}
        {% macro di(x) %}{{ return(adapter.dispatch('di')(x=x)) }}{% endmacro %}
        {% macro default__di(x) %}{{ x }}{% endmacro %}
        /project/models/m.yml
        models:
          - name: o
            columns:
              - name: id
                data_tests:
                  - tt: {arguments: {zz: 3}}
                  - tt:
                      zz: 4
        macros:
          - name: kw
            arguments:
              - {name: a, type: int}"#]],
    );
    check(&at("kw(a,", "kw(a$0,"), "b", expect!["refused: macro `kw` has a parameter `b` already"]);
    check(&at("column_name, lim", "column$0_name, lim"), "zz", expect!["refused: dbt gives a generic test its `column_name` by this name"]);
    check(
        &at("default__di(x)", "default__di(x$0)"),
        "zz",
        expect!["refused: macros/m.sql, line 4, may give `x` by its name through a dispatch; give it by its place there first"],
    );
}

#[test]
fn all_who_dispatch_to_it() {
    check(
        "-- file: macros/m.sql\n{% macro d$0i() %}{{ return(adapter.dispatch('di')()) }}{% endmacro %}\n{% macro default__di() %}1{% endmacro %}\n-- file: macros/n.sql\n{% macro n() %}{{ return(adapter.dispatch(\"di\", 'shop')()) }}{{ adapter.dispatch('di', 'dbt')() }}{% endmacro %}\n",
        "zz",
        expect![[r#"
            Ok("di")
            /project/macros/m.sql
            {% macro zz() %}{{ return(adapter.dispatch('zz')()) }}{% endmacro %}
            {% macro default__zz() %}1{% endmacro %}
            /project/macros/n.sql
            {% macro n() %}{{ return(adapter.dispatch("zz", 'shop')()) }}{{ adapter.dispatch('di', 'dbt')() }}{% endmacro %}"#]],
    );
}

#[test]
fn who_makes_a_ref_of_an_argument() {
    check(
        "-- file: models/oth.sql\nselect 1\n-- file: models/both.sql\nselect * from {{ ref('o$0th') }} union all {{ rd('oth') }} where x in ('a', 'oth')\n-- file: macros/m.sql\n{% macro rd(m) %}select * from {{ ref(m) }}{% endmacro %}\n",
        "zz",
        expect!["refused: models/both.sql, line 1, gives `oth` to a macro, which may make a `ref` of it; write that out first"],
    );
    check(
        "-- file: models/paid.sql\nselect 1\n-- file: models/b.sql\nselect * from {{ ref('pa$0id') }} where x in ('a', 'paid')\n",
        "zz",
        expect![[r#"
            Ok("paid")
            /project/models/b.sql
            select * from {{ ref('zz') }} where x in ('a', 'paid')
            /project/models/paid.sql -> /project/models/zz.sql"#]],
    );
    check(
        "-- file: dbt_project.yml\nname: shop\non-run-end: [\"select 1 from {{ ref('stg') }}\", \"{{ rd('stg') }}\"]\n-- file: models/stg.sql\nselect 1\n-- file: models/b.sql\nselect * from {{ ref('s$0tg') }} -- {{ var('stg', 1) }}\n-- file: macros/m.sql\n{% macro rd(m) %}select * from {{ ref(m) }}{% endmacro %}\n",
        "zz",
        expect!["refused: dbt_project.yml, line 2, gives `stg` to a macro, which may make a `ref` of it; write that out first"],
    );
}

#[test]
fn rows_of_unit_tests_and_macros_as_values() {
    check(
        "-- file: models/a.sql\nselect 1 as id$0, 2 as n\n-- file: models/b.sql\nselect n from {{ ref('a') }} where id > 0\n-- file: models/u.yml\nunit_tests:\n  - name: u\n    model: b\n    given:\n      - input: ref('a')\n        rows:\n          - {id: 1, n: 2}\n          - id: 3\n    expect:\n      rows: [{n: 2}]\n",
        "key",
        expect![[r#"
            Ok("id")
            /project/models/a.sql
            select 1 as key, 2 as n
            /project/models/b.sql
            select n from {{ ref('a') }} where key > 0
            /project/models/u.yml
            unit_tests:
              - name: u
                model: b
                given:
                  - input: ref('a')
                    rows:
                      - {key: 1, n: 2}
                      - key: 3
                expect:
                  rows: [{n: 2}]"#]],
    );
    check(
        "-- file: macros/m.sql\n{% macro twi$0ce(x) %}{{ x }}{% endmacro %}\n-- file: models/a.sql\n{% set f = twice %}{% set other = [1] %}select {{ f(1) }}, {{ twice(2) }}\n",
        "zz",
        expect![[r#"
            Ok("twice")
            /project/macros/m.sql
            {% macro zz(x) %}{{ x }}{% endmacro %}
            /project/models/a.sql
            {% set f = zz %}{% set other = [1] %}select {{ f(1) }}, {{ zz(2) }}"#]],
    );
}
