//! `ragstar init`: dbt Cloud played by a server that answers in the shapes of its API, and the person's own dbt.

use crate::harness::Person;
use axum::Router;
use axum::extract::{Path as UrlPath, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use testkit::shop_copy;

/// A run: its id, its job, its artifacts by name; `name?step=N` is what only that step left.
type Run = (u64, u64, Vec<(&'static str, String)>);

/// What the account holds, and what was asked.
#[derive(Default)]
struct Account {
    /// The newest first.
    runs: Vec<Run>,
    /// What the steps of a run are called.
    steps: HashMap<u64, Vec<&'static str>>,
    /// Runs that a pull request started.
    pull_requests: Vec<u64>,
    /// Answers that come before the real ones.
    failures: Vec<(u16, Option<&'static str>)>,
    /// How many more downloads end in the middle.
    cuts: usize,
    asked: Vec<String>,
}

type Shared = Arc<Mutex<Account>>;

struct Cloud {
    url: String,
    account: Shared,
    _runtime: tokio::runtime::Runtime,
}

const KEY: &str = "dbtc_a_very_secret_key";

impl Cloud {
    fn start(account: Account) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let account: Shared = Arc::new(Mutex::new(account));
        let app = Router::new()
            .route("/api/v2/accounts/{account}/runs/", get(runs))
            .route("/api/v2/accounts/{account}/runs/{run}/artifacts/", get(artifacts))
            .route("/api/v2/accounts/{account}/runs/{run}/artifacts/{*path}", get(artifact))
            .with_state(account.clone());
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { url, account, _runtime: runtime }
    }

    fn data(&self) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("ragstar-cloud-{}", self.url.rsplit(':').next().unwrap()))
    }

    fn person(&self) -> Person {
        Person::new()
            .with("DBT_CLOUD_URL", &self.url)
            .with("DBT_CLOUD_ACCOUNT_ID", 7)
            .with("DBT_CLOUD_API_KEY", KEY)
            .with("DBT_CLOUD_FIRST_WAIT_MS", 5)
            .with("RAGSTAR_DATA_DIR", self.data().display())
    }
}

fn envelope(code: u16, data: Value, extra: Value) -> Response {
    let message = if code < 400 { "Success!" } else { "The request was not authorized." };
    let body = json!({"status": {"code": code, "is_success": code < 400, "user_message": message, "developer_message": ""}, "data": data, "extra": extra});
    (StatusCode::from_u16(code).unwrap(), [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// What every request goes through: the key, then the scripted failures.
fn gate(account: &Shared, headers: &HeaderMap, what: String) -> Option<Response> {
    let mut account = account.lock().unwrap();
    account.asked.push(what);
    if headers.get("authorization").and_then(|value| value.to_str().ok()) != Some(&format!("Token {KEY}")) {
        return Some(envelope(401, Value::Null, json!({})));
    }
    if account.failures.is_empty() {
        return None;
    }
    let (code, wait) = account.failures.remove(0);
    let mut response = envelope(code, Value::Null, json!({}));
    if let Some(wait) = wait {
        response.headers_mut().insert("retry-after", wait.parse().unwrap());
    }
    Some(response)
}

async fn runs(State(account): State<Shared>, UrlPath(id): UrlPath<u64>, Query(query): Query<HashMap<String, String>>, headers: HeaderMap) -> Response {
    let mut shown: Vec<_> = query.iter().map(|(key, value)| format!("{key}={value}")).collect();
    shown.retain(|parameter| !parameter.starts_with("include_related"));
    shown.sort();
    if let Some(response) = gate(&account, &headers, format!("runs {}", shown.join(" "))) {
        return response;
    }
    if id != 7 {
        return envelope(404, Value::Null, json!({}));
    }
    let number = |key: &str| query.get(key).and_then(|value| value.parse::<usize>().ok());
    let job = number("job_definition_id").map(|job| job as u64);
    let account = account.lock().unwrap();
    let fitting: Vec<&Run> = account.runs.iter().filter(|(_, of, _)| job.is_none_or(|job| job == *of)).collect();
    let page = fitting.iter().skip(number("offset").unwrap_or(0)).take(number("limit").unwrap_or(100));
    let page: Vec<Value> = page
        .map(|(id, job, _)| {
            let steps = account
                .steps
                .get(id)
                .map(|names| names.iter().enumerate().map(|(at, name)| json!({"index": at + 1, "name": name, "status": 10})).collect::<Vec<_>>());
            let request = account.pull_requests.contains(id).then_some(5);
            json!({"id": id, "job_definition_id": job, "project_id": job / 100, "status": 10, "status_humanized": "Success", "run_steps": steps,
                "trigger": {"github_pull_request_id": request, "cause": "x"}, "finished_at": format!("2026-11-2{} 04:00:00+00:00", id % 10)})
        })
        .collect();
    let count = page.len();
    envelope(200, json!(page), json!({"pagination": {"count": count, "total_count": fitting.len()}, "order_by": "-finished_at", "filters": {"status": 10}}))
}

async fn artifacts(State(account): State<Shared>, UrlPath((_, run)): UrlPath<(u64, u64)>, headers: HeaderMap) -> Response {
    if let Some(response) = gate(&account, &headers, format!("artifacts of {run}")) {
        return response;
    }
    let account = account.lock().unwrap();
    match account.runs.iter().find(|(id, ..)| *id == run) {
        Some((_, _, files)) => {
            let mut names: Vec<&str> = files.iter().filter_map(|(name, _)| name.split('?').next()).collect();
            names.dedup();
            envelope(200, json!(names), json!({}))
        }
        None => envelope(404, Value::Null, json!({})),
    }
}

async fn artifact(
    State(account): State<Shared>,
    UrlPath((_, run, path)): UrlPath<(u64, u64, String)>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let of_step = query.get("step").map(|step| format!("{path}?step={step}"));
    if let Some(response) = gate(&account, &headers, format!("{path} of {run}")) {
        return response;
    }
    let mut account = account.lock().unwrap();
    let wanted = of_step.unwrap_or(path);
    let text =
        account.runs.iter().find(|(id, ..)| *id == run).and_then(|(_, _, files)| files.iter().find(|(name, _)| *name == wanted)).map(|(_, text)| text.clone());
    let Some(text) = text else { return envelope(404, Value::Null, json!({})) };
    if account.cuts > 0 {
        account.cuts -= 1;
        // It promises more than it sends.
        let half = text[..text.len() / 2].to_owned();
        let stream = futures::stream::iter([Ok(half), Err(std::io::Error::other("cut"))]);
        return (StatusCode::OK, axum::body::Body::from_stream(stream)).into_response();
    }
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}

fn manifest(relation: &str) -> String {
    json!({"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "dbt_version": "1.11.2", "generated_at": "2026-11-24T03:59:00.1Z"},
        "nodes": {"model.shop.stg_shop__customers": {"compiled_code": "select 1", "relation_name": relation}}, "sources": {}})
    .to_string()
}

fn catalog() -> String {
    json!({"metadata": {}, "sources": {}, "nodes": {"model.shop.stg_shop__customers": {"metadata": {"type": "VIEW", "comment": null}, "stats": {},
        "columns": {"CUSTOMER_ID": {"type": "NUMBER", "index": 1, "name": "CUSTOMER_ID", "comment": null}}}}})
    .to_string()
}

#[test]
fn the_newest_run_of_dbt_cloud() {
    let old: Vec<_> = (0..30).map(|id| (100 - id, 3, Vec::new())).collect();
    let mut runs = vec![(102, 4, vec![("manifest.json", manifest("other.job.x")), ("catalog.json", "{}".to_owned())])];
    // A page and more of runs that left nothing, before the one with a manifest, and the catalog in a still older one.
    runs.extend(old);
    runs.push((
        51,
        3,
        vec![("manifest.json", manifest("prod.shop.customers")), ("run_results.json", json!({"results": [], "args": {"which": "build"}}).to_string())],
    ));
    runs.push((50, 3, vec![("manifest.json", manifest("older.x.y")), ("catalog.json", catalog())]));
    let server = Cloud::start(Account { runs, failures: vec![(429, Some("0")), (503, None), (500, None)], cuts: 1, ..Account::default() });
    let project = shop_copy().unwrap();
    let person = server.person().with("DBT_CLOUD_JOB_ID", 3);
    std::fs::write(project.path().join("ragstar.yml"), "# ours\ndbt:\n  target: dev # stays\nlog:\n  level: warn\n").unwrap();
    let made = person.json(project.path(), &["init", "--method", "cloud"]);
    assert_eq!(made["method"], "cloud");
    let taken: Vec<&str> = made["taken"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert_eq!(taken.len(), 3, "{taken:?}");
    assert!(taken[0].starts_with("manifest.json") && taken[0].contains("run 51"), "{taken:?}");
    assert!(taken[2].starts_with("catalog.json") && taken[2].contains("run 50"), "{taken:?}");
    let settings = std::fs::read_to_string(project.path().join("ragstar.yml")).unwrap();
    assert_eq!(settings, "# ours\ndbt:\n  target: dev # stays\n  method: cloud\nlog:\n  level: warn\n");
    // The same again changes nothing in the settings, and finds what is newer.
    server.account.lock().unwrap().runs.insert(0, (103, 3, vec![("manifest.json", manifest("prod.shop.newer"))]));
    let again = person.json(project.path(), &["init"]);
    assert_eq!((again["changed"].as_bool(), again["method"].as_str()), (Some(false), Some("cloud")));
    let asked = server.account.lock().unwrap().asked.join("\n");
    assert!(asked.contains("runs job_definition_id=3 limit=20 offset=20 order_by=-finished_at status=10"), "{asked}");
    let doctor = person.run(project.path(), &["doctor"]).out;
    assert!(doctor.contains("manifest.json v12 of 2026-11-24T03:59:00"), "{doctor}");
}

fn results(which: &str, status: &str) -> String {
    let result = json!({"unique_id": "model.shop.stg_shop__customers", "status": status, "execution_time": 2.0, "timing": []});
    json!({"metadata": {"generated_at": "2026-11-24T04:00:00Z"}, "results": [result], "args": {"which": which}}).to_string()
}

/// The docs step comes last and only compiles; what ran is another step's. Runs of other projects and of pull requests are passed over.
#[test]
fn the_step_that_ran_and_the_project_that_is_ours() {
    let of = |project: &str, relation: &str| manifest(relation).replacen("\"metadata\":{", &format!("\"metadata\":{{\"project_name\":\"{project}\","), 1);
    let files = |project: &str, relation: &str| {
        vec![
            ("manifest.json", of(project, relation)),
            ("catalog.json", catalog()),
            ("run_results.json", results("generate", "success")),
            ("run_results.json?step=3", results("build", "error")),
        ]
    };
    let steps = vec![
        "Clone git repository",
        "Invoke dbt with `dbt deps`",
        "Invoke dbt with `dbt build --select state:modified`",
        "Invoke dbt with `dbt docs generate`",
    ];
    let account = Account {
        runs: vec![(9, 200, files("other", "a.b.c")), (8, 100, files("shop", "pr.b.c")), (7, 100, files("shop", "prod.shop.customers"))],
        steps: [9, 8, 7].map(|run| (run, steps.clone())).into(),
        pull_requests: vec![8],
        ..Account::default()
    };
    let server = Cloud::start(account);
    let project = shop_copy().unwrap();
    let made = server.person().json(project.path(), &["init", "--method", "cloud"]);
    let taken: Vec<&str> = made["taken"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert!(taken.len() == 3 && taken.iter().all(|line| line.contains("run 7")), "{taken:?}");
    let found = std::fs::read_dir(server.data().join("cloud")).unwrap().next().unwrap().unwrap().path().join("run_results.json");
    assert!(std::fs::read_to_string(found).unwrap().contains("build"));
    // Nothing of ours at all.
    server.account.lock().unwrap().runs.truncate(1);
    let ran = server.person().run(project.path(), &["init", "--method", "cloud"]);
    assert!(!ran.ok && ran.err.contains("is of this project (it is of the project `other`, and this is `shop`); name the project's job"), "{ran:?}");
}

#[test]
fn what_dbt_cloud_refuses_is_told_and_changes_nothing() {
    let server = Cloud::start(Account { runs: vec![(1, 3, vec![("manifest.json", manifest("a.b.c"))])], ..Account::default() });
    let project = shop_copy().unwrap();
    let fails = |person: Person, says: &str| {
        let ran = person.run(project.path(), &["init", "--method", "cloud"]);
        assert!(!ran.ok && ran.err.contains(says), "{says}: {ran:?}");
        assert!(!ran.err.contains(KEY) && !ran.out.contains(KEY));
        assert!(!project.path().join("ragstar.yml").exists());
    };
    fails(server.person().with("DBT_CLOUD_API_KEY", "wrong"), "refuses the key (HTTP 401, “The request was not authorized.”)");
    fails(server.person().with("DBT_CLOUD_ACCOUNT_ID", 8), "no account 8");
    fails(server.person().with("DBT_CLOUD_JOB_ID", 99), "no run of job 99 of account 7 has ended well yet");
    fails(server.person().with("DBT_CLOUD_URL", "http://127.0.0.1:9"), "can't be reached");
    fails(Person::new(), "needs DBT_CLOUD_API_KEY");
    server.account.lock().unwrap().failures = vec![(429, Some("0")); 10];
    fails(server.person(), "try again then");
    server.account.lock().unwrap().failures = vec![(503, None); 10];
    fails(server.person(), "HTTP 503");
    server.account.lock().unwrap().failures.clear();
    server.account.lock().unwrap().runs = vec![(1, 3, Vec::new())];
    fails(server.person(), "none of the 1 newest successful runs");
}

#[test]
fn the_project_file_does_not_choose_where_the_key_goes() {
    let project = shop_copy().unwrap();
    std::fs::write(project.path().join("ragstar.yml"), "dbt_cloud:\n  url: http://127.0.0.1:9\n  account_id: 1\n").unwrap();
    let ran = Person::new().with("DBT_CLOUD_API_KEY", KEY).run(project.path(), &["init", "--method", "cloud"]);
    assert!(!ran.ok && ran.err.contains("not sent to an address that you did not choose"), "{ran:?}");
}

#[test]
fn local_needs_nothing() {
    let project = shop_copy().unwrap();
    let person = Person::new();
    let made = person.json(project.path(), &["init", "--method", "source"]);
    assert_eq!((made["method"].as_str(), made["changed"].as_bool()), (Some("local"), Some(true)));
    assert_eq!(person.json(project.path(), &["init"])["changed"], false);
    // Artifacts that are broken break nothing.
    std::fs::create_dir(project.path().join("target")).unwrap();
    std::fs::write(project.path().join("target/manifest.json"), "{\"metadata\": {}, \"nodes\": {\"a\"").unwrap();
    std::fs::write(project.path().join("target/catalog.json"), "<html>").unwrap();
    let again = person.json(project.path(), &["init"]);
    let problems: Vec<&str> = again["artifacts"].as_array().unwrap().iter().filter_map(|report| report["problem"].as_str()).collect();
    assert!(problems[0].contains("ends in the middle") && problems[1].contains("no JSON"), "{problems:?}");
    assert!(again["counts"]["model"].as_u64().unwrap() > 3);
    let doctor = person.run(project.path(), &["doctor"]).out;
    assert!(doctor.contains("manifest.json says nothing: it ends in the middle"), "{doctor}");
}

#[test]
fn deferred_relations() {
    let project = shop_copy().unwrap();
    // Relative to the project, as dbt takes it; what the state calls its relation doesn't count.
    let state = project.path().join("prod");
    std::fs::create_dir(&state).unwrap();
    let node = |kind: &str| json!({"resource_type": "model", "database": "prod", "schema": "analytics", "alias": "customers", "relation_name": null, "config": {"materialized": kind}});
    let written = json!({"metadata": {}, "nodes": {"model.shop.stg_shop__customers": node("view"), "model.shop.fct_orders": node("ephemeral")}});
    std::fs::write(state.join("manifest.json"), written.to_string()).unwrap();
    let emitted = |arguments: &[&str]| {
        let ran = Person::new().run(project.path(), &[&["index", "--emit", "-"], arguments].concat());
        assert!(ran.ok, "{ran:?}");
        serde_json::from_str::<Value>(&ran.out).unwrap()
    };
    for arguments in [&["--state", "prod", "--defer"][..], &["--defer-state", "prod", "--state", "elsewhere", "--defer", "--favor-state"]] {
        let with = emitted(arguments);
        assert_eq!(with["nodes"]["model.shop.stg_shop__customers"]["defer_relation"]["relation_name"], "\"prod\".\"analytics\".\"customers\"");
        assert!(with["nodes"]["model.shop.fct_orders"]["defer_relation"].is_null());
    }
    assert!(emitted(&["--state", "prod"])["nodes"]["model.shop.stg_shop__customers"]["defer_relation"].is_null());
    let refused = |arguments: &[&str], says: &str| {
        let ran = Person::new().run(project.path(), &[&["index"], arguments].concat());
        assert!(!ran.ok && ran.err.contains(says), "{ran:?}");
    };
    refused(&["--defer"], "--defer needs a state");
    refused(&["--defer", "--state", "nowhere"], "can't be deferred to: there is no such file");
    std::fs::write(state.join("manifest.json"), "{").unwrap();
    refused(&["--defer", "--state", "prod"], "it is no manifest");
    let doctor = Person::new().with("DBT_DEFER", 1).run(project.path(), &["doctor", "--state", "prod"]).out;
    assert!(doctor.contains("can't be deferred to: it is no manifest"), "{doctor}");
}
