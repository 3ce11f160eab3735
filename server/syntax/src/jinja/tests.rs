use super::*;

fn shown(source: &str) -> String {
    let jinja = parse(source);
    let calls = jinja.calls.iter().map(|call| {
        let args: Vec<String> = call
            .args
            .iter()
            .map(|arg| match &arg.name {
                Some(name) => format!("{name}={}", arg.range.of(source)),
                None => arg.range.of(source).to_owned(),
            })
            .collect();
        format!("{} <- {} [{}]", call.path.join("."), call.range.of(source), args.join(" | "))
    });
    let errors = jinja.errors.iter().map(|error| format!("! {:?} {}", error.range.of(source), error.message));
    calls.chain(errors).collect::<Vec<_>>().join("\n")
}

#[test]
fn calls_wherever_they_stand() {
    let source = "{{ config(materialized='table', tags=['a']) }}\n{%- set x = ref(\"é\") -%}\nselect {{ dbt_utils.star(from=ref('b', v=2)) }} -- {# ref('no') #}\n{% if var('x', none) and ref('p', 'c') %}{{- source('s', 't') -}}{% else %}{% do log('x' ~ 'y') %}{% endif %}{% raw %}{{ ref('raw') }}{% endraw %}";
    expect_test::expect![[r#"
        config <- config(materialized='table', tags=['a']) [materialized='table' | tags=['a']]
        ref <- ref("é") ["é"]
        dbt_utils.star <- dbt_utils.star(from=ref('b', v=2)) [from=ref('b', v=2)]
        ref <- ref('b', v=2) ['b' | v=2]
        var <- var('x', none) ['x' | none]
        ref <- ref('p', 'c') ['p' | 'c']
        source <- source('s', 't') ['s' | 't']
        log <- log('x' ~ 'y') ['x' ~ 'y']"#]]
    .assert_eq(&shown(source));
}

#[test]
fn one_broken_tag_hides_no_other() {
    let source = "select * from {{ ref('a') }}\njoin {{ ref('b' }}\njoin {{ ref('c') }} {% if ref('d') %}";
    expect_test::expect![[r#"
        ref <- ref('a') ['a']
        ref <- ref('c') ['c']
        ref <- ref('d') ['d']
        ! "}" invalid Jinja: unexpected `}`, expected `,`"#]]
    .assert_eq(&shown(source));
    assert!(shown("select {{ ref('a') }}, {{ ref('b\nfrom {{ ref('c') }}").starts_with("ref <- ref('a')"));
}

#[test]
fn dbt_blocks() {
    let source = "{% macro a(x, y=none, z=[1, 2]) %}{{ ref('m') }}{% endmacro %}\n{%test t(model, column_name)%}select {{ model }}{% endtest %}\n{% snapshot s %}{{ config(unique_key='id') }}select * from {{ ref('o') }}{% endsnapshot %}\n{% materialization m, adapter='duckdb' %}{{ return({}) }}{% endmaterialization %}{% macro open() %}";
    let jinja = parse(source);
    let shown: Vec<String> = jinja
        .blocks
        .iter()
        .map(|block| {
            let params: Vec<String> = block.params.iter().map(|param| format!("{}={}", param.name, param.default.as_deref().unwrap_or("?"))).collect();
            format!("{:?} {} [{}] {}", block.kind, block.name_range.of(source), params.join(", "), block.closed)
        })
        .collect();
    expect_test::expect![[r#"
        Macro a [x=?, y=none, z=[1, 2]] true
        Test t [model=?, column_name=?] true
        Snapshot s [] true
        Materialization m [adapter='duckdb'] true
        Macro open [] false"#]]
    .assert_eq(&shown.join("\n"));
    assert_eq!(jinja.calls.iter().filter(|call| call.is("ref")).count(), 2);
}

#[test]
fn docs_blocks_are_raw() {
    let source = "# Title\n{% docs orders %}\nUse {{ this }} and 100%.\n{% enddocs %}\n{% docs open %}\nx";
    let (blocks, errors) = docs(source);
    assert_eq!(blocks[0].body.of(source).trim(), "Use {{ this }} and 100%.");
    assert_eq!((blocks.len(), errors.len()), (2, 1));
}
