use super::Completions;
use crate::test_support::at_cursor;
use expect_test::{Expect, expect};

const PROJECT: &str = "-- file: models/orders.sql\nselect 1 as id, 'x' as status\n-- file: seeds/countries.csv\nid\n-- file: models/s.yml\nsources:\n  - name: raw\n    tables: [{name: t, columns: [{name: k, data_type: int}]}, {name: u}]\n-- file: dbt_packages/p/dbt_project.yml\nname: p\n-- file: dbt_packages/p/models/days.sql\nselect 1\n-- file: dbt_packages/p/macros/m.sql\n{% macro star(from, except=[]) %}{% endmacro %}\n-- file: macros/m.sql\n{% macro cents(x, scale=2) %}{% endmacro %}\n{% test positive(model, column_name, than) %}select 1{% endtest %}\n";

fn of(path: &str, text: &str) -> (Completions, String) {
    let (analysis, file, offset) = at_cursor(&format!("{PROJECT}-- file: {path}\n{text}\n"));
    (analysis.completions(&file, offset, &[]), file.text.to_string())
}

/// Every offer with the text that it makes.
fn check(text: &str, expected: Expect) {
    let (found, before) = of("models/m.sql", text);
    let offers = found.offers.into_iter().map(|offer| {
        let made = text::apply_edits(&before, std::slice::from_ref(&offer.edit)).expect("the edit fits");
        format!("{} ({}) => {}", offer.label, offer.detail, made.trim_end())
    });
    expected.assert_eq(&offers.collect::<Vec<_>>().join("\n"));
}

/// The first labels, and what the first of them inserts.
fn first(path: &str, text: &str, expected: Expect) {
    let (found, _) = of(path, text);
    let labels: Vec<&str> = found.offers.iter().take(12).map(|offer| offer.label.as_str()).collect();
    let inserts = found.offers.first().map(|offer| (&offer.edit.insert, &offer.snippet));
    expected.assert_eq(&format!("{}\n{inserts:?}", labels.join(" ")));
}

#[test]
fn packages_before_a_model_and_words_of_the_semantic_layer() {
    check(
        "select * from {{ ref('$0', 'stg') }}\n-- file: models/stg.sql\nselect 1\n-- file: dbt_packages/p/dbt_project.yml\nname: p\n",
        expect![[r#"
        p (package) => select * from {{ ref('p', 'stg') }}
        shop (package) => select * from {{ ref('shop', 'stg') }}"#]],
    );
    let yaml = |text: &str| format!("-- file: models/m.yml\n{text}\n");
    check(
        &yaml("metrics:\n  - name: m\n    type: cu$0"),
        expect![[r#"
        cumulative (type) => metrics:
          - name: m
            type: cumulative"#]],
    );
    check(
        &yaml("groups:\n  - name: g\n    owner:\n      em$0"),
        expect![[r#"
        email () => groups:
          - name: g
            owner:
              email:"#]],
    );
    check(
        &yaml("models:\n  - name: g\n    config:\n      contract: {enf$0}"),
        expect![[r#"
        enforced () => models:
          - name: g
            config:
              contract: {enforced: }"#]],
    );
}

#[test]
fn in_quotes_of_yaml() {
    let yaml = |text: &str| format!("-- file: models/m.yml\n{text}\n-- file: models/orders.sql\nselect 1 as id, 'x' as status\n");
    check(
        &yaml("models:\n  - name: \"$0\""),
        expect![[r#"
        m (not described yet) => models:
          - name: "m"
        orders (not described yet) => models:
          - name: "orders""#]],
    );
    check(
        &yaml("models:\n  - name: orders\n    columns:\n      - name: 's$0"),
        expect![[r#"
        status () => models:
          - name: orders
            columns:
              - name: 'status'"#]],
    );
    check(
        &yaml("models:\n  - name: orders\n    config: {materialized: \"ta$0\"}"),
        expect![[r#"
        table (materialized) => models:
          - name: orders
            config: {materialized: "table"}
        incremental (materialized) => models:
          - name: orders
            config: {materialized: "incremental"}
        materialized_view (materialized) => models:
          - name: orders
            config: {materialized: "materialized_view"}"#]],
    );
    check(
        &yaml("models:\n  - name: orders\n    columns:\n      - name: id\n        data_tests: ['uniq$0']"),
        expect![[r#"
        unique (generic test) => models:
          - name: orders
            columns:
              - name: id
                data_tests: ['unique']"#]],
    );
    check(
        &yaml("unit_tests:\n  - name: u\n    model: 'ord$0'"),
        expect![[r#"
        orders (model) => unit_tests:
          - name: u
            model: 'orders'"#]],
    );
    check(&yaml("models:\n  - name: orders\n    description: \"it's $0"), expect![""]);
}

#[test]
fn what_is_not_read_or_said_yet() {
    check(
        "with a as (select 1 as id, 2 as n)\nselect a.$0",
        expect![[r#"
        id (a) => with a as (select 1 as id, 2 as n)
        select a.id
        n (a) => with a as (select 1 as id, 2 as n)
        select a.n"#]],
    );
    let versions =
        "select * from {{ ref('v', $0) }}\n-- file: models/v_v1.sql\nselect 1 as id\n-- file: models/v.yml\nmodels: [{name: v, versions: [{v: 1}]}]\n";
    check(versions, expect!["v=1 (version) => select * from {{ ref('v', v=1) }}"]);
    first(
        "models/m.sql",
        "select {{ f(1, sc$0) }}\n-- file: macros/f.sql\n{% macro f(column, scale=2, other=none) %}{% endmacro %}\n",
        expect![[r#"
        scale= schema schemas generate_schema_name source selected_resources is_incremental namespace set_strict zip_strict
        Some(("scale=", None))"#]],
    );
    check(
        "{{ config(tags='$0') }} select 1\n-- file: models/t.sql\n{{ config(tags=['daily']) }} select 1\n",
        expect!["daily (tags) => {{ config(tags='daily') }} select 1"],
    );
    check(
        "{{ config(tags=['x', '$0']) }} select 1\n-- file: models/t.sql\n{{ config(tags=['daily']) }} select 1\n",
        expect![[r#"
            daily (tags) => {{ config(tags=['x', 'daily']) }} select 1
            x (tags) => {{ config(tags=['x', 'x']) }} select 1"#]],
    );
    check("{{ config(tags=['x'$0]) }} select 1\n-- file: models/t.sql\n{{ config(tags=['daily']) }} select 1\n", expect![""]);
    check(
        "select {{ env_var('SCHEMA') }}, {{ env_var('$0') }}",
        expect!["SCHEMA (environment variable) => select {{ env_var('SCHEMA') }}, {{ env_var('SCHEMA') }}"],
    );
}

#[test]
fn between_braces() {
    let model = |rest: &str| format!("models:\n  - name: orders\n    {rest}\n");
    first(
        "models/m.yml",
        &model("data_tests: [uni$0]"),
        expect![[r#"
        unique
        Some(("unique", None))"#]],
    );
    first(
        "models/m.yml",
        &model("data_tests: [unique, rel$0]"),
        expect![[r#"
        relationships
        Some(("{relationships: {arguments: {to: , field: }}}", Some("{relationships: {arguments: {to: $1, field: $2}}}")))"#]],
    );
    first(
        "models/m.yml",
        &model("config: {materialized: $0}"),
        expect![[r#"
        view table incremental ephemeral materialized_view
        Some(("view", None))"#]],
    );
    first(
        "models/m.yml",
        &model("config: {tags: [x], mat$0}"),
        expect![[r#"
        materialized file_format incremental_predicates incremental_strategy merge_update_columns
        Some(("materialized: ", None))"#]],
    );
    first(
        "models/m.yml",
        &model("columns: [{name: id}, {na$0}]"),
        expect![[r#"
        name constraints
        Some(("name: ", None))"#]],
    );
    first(
        "models/m.yml",
        &model("columns: [{name: id}, {name: $0}]"),
        expect![[r#"
        status
        Some(("status", None))"#]],
    );
    first(
        "models/m.yml",
        "models:\n  - {na$0}\n",
        expect![[r#"
        name constraints deprecation_date
        Some(("name: ", None))"#]],
    );
    first(
        "models/m.yml",
        "models:\n  - {name: orders, columns: [{name: $0}]}\n",
        expect![[r#"
        id status
        Some(("id", None))"#]],
    );
    first(
        "models/m.yml",
        &model("columns: [{name: 'i$0d'}]"),
        expect![[r#"
            id
            Some(("id", None))"#]],
    );
}

#[test]
fn refs_with_and_without_quotes() {
    check(
        "{{ ref('$0') }}",
        expect![[r#"
        orders (model · shop) => {{ ref('orders') }}
        countries (seed · shop) => {{ ref('countries') }}
        days (model · p) => {{ ref('days') }}
        p (package) => {{ ref('p') }}"#]],
    );
    check(
        "{{ ref($0) }}",
        expect![[r#"
        orders (model · shop) => {{ ref('orders') }}
        countries (seed · shop) => {{ ref('countries') }}
        days (model · p) => {{ ref('days') }}
        p (package) => {{ ref('p') }}"#]],
    );
    check(
        "{{ ref('or$0ders') }}",
        expect![[r#"
        orders (model · shop) => {{ ref('orders') }}
        countries (seed · shop) => {{ ref('countries') }}"#]],
    );
    check(
        "{{ ref(\"$0\") }}",
        expect![[r#"
        orders (model · shop) => {{ ref("orders") }}
        countries (seed · shop) => {{ ref("countries") }}
        days (model · p) => {{ ref("days") }}
        p (package) => {{ ref("p") }}"#]],
    );
    check("{{ ref('p', '$0') }}", expect!["days (model) => {{ ref('p', 'days') }}"]);
    check("{{ ref('orders', v=$0) }}", expect![[""]]);
}

#[test]
fn sources_and_places_without_offers() {
    check("{{ source('$0", expect!["raw (source) => {{ source('raw'"]);
    check(
        "{{ source('raw', $0) }}",
        expect![[r#"
        t (table of raw) => {{ source('raw', 't') }}
        u (table of raw) => {{ source('raw', 'u') }}"#]],
    );
    check("{{ ref('orders'$0) }}", expect![""]);
    check("{# ref('$0') #}", expect![""]);
    check("select 'a$0'", expect![[""]]);
    check("select 1 -- $0", expect![[""]]);
}

#[test]
fn configs() {
    check(
        "{{ config(materialized='$0') }}",
        expect![[r#"
        view (materialized) => {{ config(materialized='view') }}
        table (materialized) => {{ config(materialized='table') }}
        incremental (materialized) => {{ config(materialized='incremental') }}
        ephemeral (materialized) => {{ config(materialized='ephemeral') }}
        materialized_view (materialized) => {{ config(materialized='materialized_view') }}"#]],
    );
    first(
        "models/m.sql",
        "{{ config(materialized='table', on_sch$0) }}",
        expect![[r#"
        on_schema_change
        Some(("on_schema_change=", None))"#]],
    );
    check(
        "{{ config(full_refresh=$0) }}",
        expect![[r#"
        true (full_refresh) => {{ config(full_refresh=true) }}
        false (full_refresh) => {{ config(full_refresh=false) }}"#]],
    );
}

#[test]
fn words_of_jinja() {
    first(
        "models/m.sql",
        "{% set cent = 1 %}{{ ce$0 }}",
        expect![[r#"
        cent cents source exceptions selected_resources namespace execute project_name schema schemas caller cycler
        Some(("cent", None))"#]],
    );
    first(
        "models/m.sql",
        "{{ p.$0 }}",
        expect![[r#"
        star
        Some(("star()", Some("star(${1:from})$0")))"#]],
    );
    first(
        "models/m.sql",
        "{{ x | up$0 }}",
        expect![[r#"
        upper groupby
        Some(("upper", None))"#]],
    );
    first(
        "models/m.sql",
        "{% if x is def$0 %}",
        expect![[r#"
        defined undefined
        Some(("defined", None))"#]],
    );
    first(
        "models/m.sql",
        "{% fo$0",
        expect![[r#"
        for endfor
        Some(("for", Some("for ${1:item} in ${2:items} %}$0{% endfor %}")))"#]],
    );
    first(
        "models/m.sql",
        "{% fo$0 %}",
        expect![[r#"
        for endfor
        Some(("for", None))"#]],
    );
    first(
        "models/m.sql",
        "{{ re$0('x') }}",
        expect![[r#"
        ref results return selected_resources is_incremental load_result should_full_refresh should_store_failures source project_name run_started_at target
        Some(("ref", None))"#]],
    );
    first(
        "models/m.sql",
        "{{ dbt.datea$0 }}",
        expect![[r#"
        dateadd dates_in_range drop_materialized_view generate_database_name get_formatted_aggregate_function_args get_updated_at_column_data_type incremental_validate_on_schema_change make_intermediate_relation
        Some(("dateadd()", Some("dateadd(${1:datepart}, ${2:interval}, ${3:from_date_or_timestamp})$0")))"#]],
    );
    first(
        "models/m.sql",
        "{{ loop.ind$0 }}",
        expect![[r#"
        index index0 revindex
        Some(("index", None))"#]],
    );
}

#[test]
fn columns_aliases_and_relations() {
    let with = "with o as (select * from {{ ref('orders') }}), t as (select k, 1 as n from {{ source('raw', 't') }})\n";
    first(
        "models/m.sql",
        &format!("{with}select o.$0 from o"),
        expect![[r#"
        id status
        Some(("id", None))"#]],
    );
    first(
        "models/m.sql",
        &format!("{with}select $0 from o join t on o.id = t.k"),
        expect![[r#"
        id status k n o t abs any_value approx_count_distinct array_agg avg bool_and
        Some(("id", None))"#]],
    );
    first(
        "models/m.sql",
        &format!("{with}select * from $0"),
        expect![[r#"
        o t orders raw.t raw.u countries days
        Some(("o", None))"#]],
    );
    first(
        "models/m.sql",
        "select * from {{ ref('orders') }} as x where x.$0",
        expect![[r#"
        id status
        Some(("id", None))"#]],
    );
    first(
        "models/m.sql",
        "select * from ord$0",
        expect![[r#"
        orders
        Some(("{{ ref('orders') }}", None))"#]],
    );
    first(
        "models/m.sql",
        "select coal$0",
        expect![[r#"
        coalesce
        Some(("coalesce()", Some("coalesce($0)")))"#]],
    );
}

#[test]
fn properties() {
    let yaml = |text: &str, expected: Expect| first("models/m.yml", text, expected);
    yaml(
        "mod$0",
        expect![[r#"
        models semantic_models
        Some(("models:\n  - name: ", None))"#]],
    );
    yaml(
        "models:\n  - name: $0",
        expect![[r#"
        orders
        Some(("orders", None))"#]],
    );
    yaml(
        "models:\n  - name: orders\n    $0",
        expect![[r#"
        access columns config constraints data_tests deprecation_date description docs latest_version meta time_spine versions
        Some(("access: ", None))"#]],
    );
    yaml(
        "models:\n  - name: orders\n    columns:\n      - name: $0\n      - name: id\n",
        expect![[r#"
        status
        Some(("status", None))"#]],
    );
    yaml(
        "models:\n  - name: orders\n    columns:\n      - name: id\n        data_tests:\n          - $0\n",
        expect![[r#"
        accepted_values not_null relationships unique positive
        Some(("accepted_values:\n                arguments:\n                  values: ", Some("accepted_values:\n                arguments:\n                  values: $1")))"#]],
    );
    yaml(
        "models:\n  - name: orders\n    columns:\n      - name: id\n        data_tests:\n          - pos$0\n",
        expect![[r#"
        positive
        Some(("positive:\n                arguments:\n                  than: ", Some("positive:\n                arguments:\n                  than: $1")))"#]],
    );
    yaml(
        "models:\n  - name: orders\n    columns:\n      - name: id\n        data_tests:\n          - relationships:\n              arguments:\n                to: ref('orders')\n                field: $0\n",
        expect![[r#"
        id status
        Some(("id", None))"#]],
    );
    yaml(
        "models:\n  - name: orders\n    config:\n      materialized: $0\n",
        expect![[r#"
        view table incremental ephemeral materialized_view
        Some(("view", None))"#]],
    );
    yaml(
        "models:\n  - name: orders\n    config:\n      mat$0\n",
        expect![[r#"
        materialized file_format incremental_predicates incremental_strategy merge_update_columns
        Some(("materialized: ", None))"#]],
    );
    yaml(
        "models:\n  - name: orders\n    data_tests:\n      - positive:\n          arguments:\n            $0\n",
        expect![[r#"
        than
        Some(("than: ", None))"#]],
    );
    yaml(
        "sources:\n  - name: raw\n    freshness: {}\n    tables:\n      - name: t\n        columns:\n          - name: $0\n",
        expect![[r#"
        k
        Some(("k", None))"#]],
    );
    yaml(
        "exposures:\n  - name: e\n    type: $0\n",
        expect![[r#"
        dashboard notebook analysis ml application
        Some(("dashboard", None))"#]],
    );
    yaml(
        "exposures:\n  - name: e\n    depends_on:\n      - ref('$0')\n",
        expect![[r#"
        orders countries days p
        Some(("orders", None))"#]],
    );
    yaml(
        "models:\n  - name: orders\n    description: \"{{ doc('$0') }}\"\n",
        expect![[r#"

        None"#]],
    );
}

#[test]
fn the_projects_file() {
    first(
        "dbt_project.yml",
        "name: shop\nmodel-p$0\n",
        expect![[r#"
        model-paths
        Some(("model-paths: ", None))"#]],
    );
    first(
        "dbt_project.yml",
        "name: shop\nmodels:\n  $0\n",
        expect![[r#"
        p shop +access +alias +batch_size +begin +cluster_by +concurrent_batches +contract +database +dist +docs
        Some(("p:\n    ", None))"#]],
    );
    first(
        "dbt_project.yml",
        "name: shop\nmodels:\n  shop:\n    +mat$0\n",
        expect![[r#"
        +materialized +file_format +incremental_predicates +incremental_strategy +merge_update_columns
        Some(("+materialized: ", None))"#]],
    );
    first(
        "dbt_project.yml",
        "name: shop\nmodels:\n  shop:\n    +materialized: $0\n",
        expect![[r#"
        view table incremental ephemeral materialized_view
        Some(("view", None))"#]],
    );
}
