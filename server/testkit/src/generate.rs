//! Projects of any size for benchmarks: the same for the same size.

use std::fmt::Write;

/// The files of a project of `models` models in ten folders of folders: sources, refs to models before, columns, tests, a macro call
/// in every tenth and a ref that a macro makes in every fortieth, snapshots, exposures, descriptions on two of three.
pub fn project(models: usize) -> Vec<(String, String)> {
    let mut files = vec![
        (
            "dbt_project.yml".to_owned(),
            "name: big\nprofile: big\nmodels:\n  big:\n    +materialized: view\n    area_3:\n      +materialized: table\n".to_owned(),
        ),
        ("macros/latest.sql".to_owned(), "{% macro latest(name) %}(select * from {{ ref(name) }} limit 1){% endmacro %}\n".to_owned()),
        ("macros/cents.sql".to_owned(), "{% macro cents(column, scale=2) %}round({{ column }} / 100.0, {{ scale }}){% endmacro %}\n".to_owned()),
    ];
    let mut sources = String::from("sources:\n  - name: raw\n    tables:\n");
    for table in 0..models.div_ceil(20).max(1) {
        let _ = writeln!(sources, "      - name: table_{table}\n        description: Table {table} of the application's database.");
    }
    files.push(("models/sources.yml".to_owned(), sources));
    for folder in 0..models.div_ceil(50) {
        let mut yaml = String::from("version: 2\n\nmodels:\n");
        for model in (folder * 50..models).take(50) {
            let area = folder % 10;
            let from = if model < 20 {
                format!("{{{{ source('raw', 'table_{}') }}}}", model / 20)
            } else {
                format!("{{{{ ref('model_{}') }}}}", model - 1 - model % 19)
            };
            let join =
                if model % 3 == 0 && model > 40 { format!("left join {{{{ ref(\"model_{}\") }}}} as b on a.id = b.id\n", model / 2) } else { String::new() };
            let extra = if model % 40 == 0 && model > 40 { format!("    cross join {{{{ latest('model_{}') }}}} as l\n", model - 21) } else { String::new() };
            let amount = if model % 10 == 0 { "{{ cents('a.amount') }} as amount".to_owned() } else { "a.amount".to_owned() };
            let config = if model % 4 == 0 { "{{ config(materialized='table', tags=['daily']) }}\n\n" } else { "" };
            let sql = format!(
                "{config}with a as (\n\n    select * from {from}\n\n),\n\nfinal as (\n\n    select\n        a.id,\n        a.customer_id,\n        {amount},\n        case when a.status = 'paid' then 1 else 0 end as is_paid, -- state {model}\n        a.created_at\n    from a\n    {join}{extra}    where a.created_at >= '2020-01-01'\n\n)\n\nselect * from final\n"
            );
            files.push((format!("models/area_{area}/folder_{folder}/model_{model}.sql"), sql));
            let _ = writeln!(yaml, "  - name: model_{model}");
            if model % 3 != 0 {
                let _ = writeln!(yaml, "    description: \"One row per thing number {model}, from the layer before.\"");
            }
            yaml.push_str("    columns:\n      - name: id\n        description: The key.\n        data_tests: [unique, not_null]\n      - name: customer_id\n        data_tests:\n          - relationships: {arguments: {to: ref('model_0'), field: id}}\n      - name: amount\n        description: \"In dollars.\"\n\n");
        }
        files.push((format!("models/area_{}/folder_{folder}/_models.yml", folder % 10), yaml));
    }
    for snapshot in 0..models / 500 {
        let text = format!(
            "{{% snapshot snap_{snapshot} %}}\n{{{{ config(unique_key='id', strategy='check', check_cols='all') }}}}\nselect * from {{{{ ref('model_{}') }}}}\n{{% endsnapshot %}}\n",
            snapshot * 500
        );
        files.push((format!("snapshots/snap_{snapshot}.sql"), text));
    }
    let mut exposures = String::from("exposures:\n");
    for exposure in 0..models.div_ceil(100) {
        let _ = writeln!(
            exposures,
            "  - name: board_{exposure}\n    type: dashboard\n    owner: {{name: data}}\n    depends_on: [ref('model_{}')]",
            exposure * 100
        );
    }
    files.push(("models/exposures.yml".to_owned(), exposures));
    files
}
