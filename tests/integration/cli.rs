//! The command line on the example project.

use crate::harness::{Person, shop};
use serde_json::{Value, json};

#[test]
fn folders_outside_of_the_project() {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("team/shop/dbt_project.yml", "name: shop\nmodel-paths: [models, ../../sources]\nmacro-paths: [macros, ../../shared/macros]\n");
    write("team/shop/models/a.sql", "select {{ cents('x') }} from {{ source('raw', 't') }}");
    write("sources/raw.yml", "sources:\n- name: raw\n  tables: [{name: t}]\n");
    write("shared/macros/cents.sql", "{% macro cents(c) %}{{ c }} / 100{% endmacro %}");
    let ran = Person::new().run(&dir.path().join("team/shop"), &["index", "--strict", "--emit", "-"]);
    assert!(ran.ok, "{ran:?}");
    let manifest: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(manifest["nodes"]["model.shop.a"]["depends_on"], serde_json::json!({"macros": ["macro.shop.cents"], "nodes": ["source.shop.raw.t"]}));
    assert_eq!(manifest["sources"]["source.shop.raw.t"]["original_file_path"], "../../sources/raw.yml");
}

#[test]
fn index_finds_what_dbt_finds() {
    // Counted by dbt-core 1.11's own manifest of the same project.
    let index = Person::new().json(&shop(), &["index"]);
    let counts = json!({"model": 29, "seed": 2, "snapshot": 1, "source": 8, "analysis": 1, "test": 75, "unit_test": 1, "exposure": 2, "metric": 3, "semantic_model": 2, "saved_query": 1, "group": 1});
    assert_eq!(index["counts"], counts);
    assert_eq!((&index["macros"], &index["docs"], &index["edges"], &index["packages"]), (&json!(9), &json!(11), &json!(61), &json!(["shop_helpers"])));
    assert_eq!(index["problems"], json!([]));
    let of = |id: &str| index["nodes"].as_array().unwrap().iter().find(|node| node["uniqueId"] == id).unwrap_or_else(|| panic!("{id}")).clone();
    assert_eq!(of("model.shop.fct_monthly_revenue")["dependsOn"], json!(["model.shop.fct_orders", "model.shop.fct_refunds"]));
    assert_eq!(of("model.shop.rpt_category_sales")["dependsOn"].as_array().unwrap().iter().filter(|id| id.as_str().unwrap().ends_with(".v1")).count(), 1);
    assert_eq!(of("metric.shop.average_order_value")["dependsOn"].as_array().unwrap().len(), 2);
}

#[test]
fn check_tells_a_person_and_a_machine() {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("repo/.git/HEAD", "");
    write("repo/dbt/dbt_project.yml", "name: shop\n");
    write("repo/dbt/models/a.sql", "with x as (select 1 as id), y as (select 2)\nselect x.idd from x\n");
    write("repo/dbt/models/b, c/d.sql", "select * from {{ ref('aa') }} -- 100%\n");
    let root = dir.path().join("repo/dbt");
    let person = Person::new();
    let ran = person.run(&root, &["check", "--level", "hint"]);
    assert!(!ran.ok && ran.out.contains("models/a.sql:2:10: warning [unknown-column] CTE `x` has no column `idd`; did you mean `id`?"), "{ran:?}");
    assert!(ran.out.contains("models/a.sql:1:29: hint [unused-cte]") && ran.out.contains("1 errors, 1 warnings"), "{ran:?}");
    let github = person.run(&root, &["check", "--format", "github", "--rules", "unknown-ref"]);
    assert!(github.out.starts_with("::error file=dbt/models/b%2C c/d.sql,line=1,col=22,endLine=1,endColumn=26,title=unknown-ref::no model"), "{github:?}");
    let sarif: Value = serde_json::from_str(&person.run(&root, &["check", "--format", "sarif"]).out).unwrap();
    let result = sarif["runs"][0]["results"].as_array().unwrap().iter().find(|result| result["ruleId"] == "unknown-column").unwrap();
    assert_eq!((&result["ruleId"], &result["level"]), (&json!("unknown-column"), &json!("warning")));
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startColumn"], 10);
    assert!(sarif["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap().iter().any(|rule| rule["id"] == "unknown-column"));
    // Severities are a matter of settings, and comments have the last word.
    write("repo/dbt/ragstar.yml", "rules: {unknown-column: off, unknown-ref: warning, nothing: off}\n");
    let ran = person.run(&root, &["check", "--fail-on", "error"]);
    assert!(ran.ok && ran.out.contains("0 errors, 1 warnings") && ran.err.contains("there is no rule `nothing`"), "{ran:?}");
    write("repo/dbt/models/b, c/d.sql", "-- ragstar: ignore[unknown-ref]\nselect * from {{ ref('aa') }}\n");
    assert!(person.run(&root, &["check"]).ok);
    let wrong = person.run(&root, &["check", "--rules", "nonsense"]);
    assert!(!wrong.ok && wrong.err.contains("ragstar check --list"), "{wrong:?}");
    assert!(person.run(&root, &["check", "--list"]).out.contains("unused-cte"));
    // The example project has nothing to be told of.
    let shop = person.run(&shop(), &["check"]);
    assert!(shop.ok, "{shop:?}");
}

#[test]
fn ask_answers_truly_without_any_account_and_takes_feedback() {
    let person = Person::new();
    // A question waits four seconds for vectors; on a busy machine the rest comes later.
    assert!(person.run(&shop(), &["index", "--publish"]).ok);
    let answer = person.json(&shop(), &["ask", "How is monthly revenue computed?"]);
    let markdown = answer["markdown"].as_str().unwrap();
    assert!(markdown.starts_with("1. `fct_monthly_revenue` (model)"), "{markdown}");
    assert!(markdown.contains("Net revenue** is gross revenue less refunds"), "{markdown}");
    assert!(answer["missing"].as_str().unwrap().contains("LLM_OPENAI_API_KEY"));
    let citation = &answer["citations"][0];
    assert_eq!(citation["uniqueId"], "model.shop.fct_monthly_revenue");
    assert!(citation["uri"].as_str().unwrap().ends_with("/models/marts/finance/fct_monthly_revenue.sql"));

    let text = person.run(&shop(), &["ask", "Which", "models", "use", "the", "refunds", "source?"]);
    assert!(text.ok && text.out.contains("`stg_shop__refunds`") && text.out.contains("Sources:"), "{text:?}");
    assert!(text.err.contains("no language model is configured"), "{text:?}");

    assert!(person.run(&shop(), &["feedback", "last", "--good", "--comment", "exact"]).ok);
    assert!(person.run(&shop(), &["feedback", answer["answerId"].as_str().unwrap(), "--bad"]).ok);
    let nobody = person.run(&shop(), &["feedback", "00000000-0000-4000-8000-000000000000", "--good"]);
    assert!(!nobody.ok && nobody.err.contains("there is no answer"), "{nobody:?}");
    // Another workspace knows nothing of it.
    let other = Person::new().run(&shop(), &["feedback", answer["answerId"].as_str().unwrap(), "--good"]);
    assert!(!other.ok && other.err.contains("there is no answer"), "{other:?}");
}

#[test]
fn search_finds_by_meaning() {
    let person = Person::new();
    assert!(person.run(&shop(), &["index", "--publish"]).ok);
    // No description holds these words; the models' meaning does.
    for (query, expected) in [
        ("clients at risk", "customer_churn_scores"),
        ("people who visited the site but did not buy", "web_funnel"),
        ("money given back to buyers", "fct_refunds"),
    ] {
        let found = person.json(&shop(), &["search", query, "-n", "5"]);
        let labels: Vec<&str> = found["found"].as_array().unwrap().iter().map(|found| found["label"].as_str().unwrap()).collect();
        assert!(labels.contains(&expected), "{query}: {labels:?}");
        assert_eq!(found["missing"], json!([]));
    }
}

#[test]
fn config_names_every_origin_and_hides_secrets() {
    let project = testkit::shop_copy().unwrap();
    std::fs::write(project.path().join("ragstar.yml"), "chat:\n  model: small\nserver:\n  port: 8123\n").unwrap();
    std::fs::write(project.path().join(".env"), "LLM_OPENAI_API_KEY=sk-do-not-show\n").unwrap();
    let person = Person::new().with("LLM_CHAT_CONFIG_TEMPERATURE", "0.2");
    let config = person.json(project.path(), &["--set", "server.port=9000", "config"]);
    let setting = |key: &str| config["settings"][key].clone();
    assert_eq!(setting("server.port"), json!({"value": "9000", "origin": "flag"}));
    assert!(setting("chat.model")["origin"].as_str().unwrap().ends_with("ragstar.yml"));
    assert_eq!(setting("chat.temperature")["origin"], "environment LLM_CHAT_CONFIG_TEMPERATURE");
    assert_eq!(setting("openai.api_key")["value"], "(hidden)");
    assert!(!config.to_string().contains("sk-do-not-show"));
    std::fs::write(project.path().join("ragstar.yml"), "chat:\n  modle: small\n").unwrap();
    let wrong = person.run(project.path(), &["config"]);
    assert!(!wrong.ok && wrong.err.contains("ragstar.yml:2: there is no setting `chat.modle`; did you mean `chat.model`?"), "{wrong:?}");
}

#[test]
fn doctor_says_what_is_there_and_what_to_do() {
    let project = testkit::shop_copy().unwrap();
    std::fs::write(project.path().join(".ragstarrules.yml"), "question_anserer: x\n").unwrap();
    let doctor = Person::new().run(project.path(), &["--json", "doctor"]);
    let checks: Value = serde_json::from_str(&doctor.out).unwrap();
    let of = |name: &str| checks.as_array().unwrap().iter().find(|check| check["check"] == name).unwrap_or_else(|| panic!("{name}: {checks}")).clone();
    assert_eq!(of("project")["state"], "ok");
    assert_eq!(of("language model")["state"], "missing");
    assert!(of("rules")["message"].as_str().unwrap().contains(".ragstarrules.yml:1: there is no step `question_anserer`"));
    assert!(!doctor.ok, "a mistake in a file is an error");
    std::fs::remove_file(project.path().join(".ragstarrules.yml")).unwrap();
    std::fs::remove_dir_all(project.path().join("dbt_packages")).unwrap();
    let doctor = Person::new().run(project.path(), &["doctor"]);
    assert!(doctor.out.contains("run `dbt deps`"), "{doctor:?}");
}
