//! What goes wrong on other people's machines: a clear error each, nothing lost.

use crate::harness::{Person, RAGSTAR, Running, free_port, shop, wait_for};
use std::io::Write;
use std::process::Stdio;

fn project(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("dbt_project.yml"), "name: small\nprofile: small\n").unwrap();
    for (path, content) in files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    dir
}

#[test]
fn no_project_here() {
    let dir = tempfile::tempdir().unwrap();
    let ran = Person::new().run(dir.path(), &["index"]);
    assert!(!ran.ok && ran.err.contains("no dbt_project.yml in") && ran.err.contains("--project DIR"), "{ran:?}");
    let named = Person::new().run(dir.path(), &["--project", "nowhere", "index"]);
    assert!(!named.ok && named.err.contains("there is no such folder"), "{named:?}");
    let elsewhere = Person::new().json(dir.path(), &["--project", shop().to_str().unwrap(), "index"]);
    assert_eq!(elsewhere["project"], "shop");
    let by_variable = Person::new().with("DBT_PROJECT_PATH", shop().display()).json(dir.path(), &["index"]);
    assert_eq!(by_variable["project"], "shop");
}

#[test]
fn malformed_files_are_told_and_the_rest_is_read() {
    let dir = project(&[
        ("models/good.sql", b"select 1 as id"),
        ("models/uses.sql", b"select * from {{ ref('good') }} join {{ ref('nope') }}"),
        ("models/latin1.sql", b"select 'caf\xe9' as x from {{ ref('good') }}"),
        ("models/broken.sql", b"select {{ ref('good') }} {% if %}"),
        ("models/broken.yml", b"models:\n  - name: good\n    description: 'open\n"),
    ]);
    std::fs::write(dir.path().join("dbt_project.yml"), "name: small\nmodel-paths: models\nvars: [").unwrap();
    let index = Person::new().json(dir.path(), &["index"]);
    let problems: Vec<String> = index["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| format!("{}:{} {}", problem["path"].as_str().unwrap(), problem["line"], problem["message"].as_str().unwrap()))
        .collect();
    let told =
        |start: &str, part: &str| assert!(problems.iter().any(|problem| problem.starts_with(start) && problem.contains(part)), "{start} {part}: {problems:#?}");
    told("dbt_project.yml:3", "invalid YAML");
    told("dbt_project.yml:2", "`model-paths` must be a list");
    told("models/latin1.sql:1", "not UTF-8");
    told("models/broken.sql:1", "invalid Jinja");
    told("models/broken.yml:", "invalid YAML");
    told("models/uses.sql:1", "no model, seed or snapshot is called `nope`");
    assert_eq!(index["counts"]["model"], 4);
    assert_eq!(index["edges"], 3);
    let strict = Person::new().run(dir.path(), &["index", "--strict"]);
    assert!(!strict.ok);
}

#[test]
fn a_huge_seed_costs_its_header() {
    let dir = project(&[("models/m.sql", b"select * from {{ ref('huge') }}")]);
    std::fs::create_dir(dir.path().join("seeds")).unwrap();
    let mut seed = std::io::BufWriter::new(std::fs::File::create(dir.path().join("seeds/huge.csv")).unwrap());
    writeln!(seed, "id,name,amount").unwrap();
    let row = "1,somebody,12.50\n".repeat(1 << 16);
    for _ in 0..48 {
        seed.write_all(row.as_bytes()).unwrap();
    }
    seed.flush().unwrap();
    assert!(std::fs::metadata(dir.path().join("seeds/huge.csv")).unwrap().len() > 50 << 20);
    let index = Person::new().json(dir.path(), &["index"]);
    let seed = index["nodes"].as_array().unwrap().iter().find(|node| node["uniqueId"] == "seed.small.huge").unwrap().clone();
    assert_eq!(seed["columns"], serde_json::json!(["id", "name", "amount"]));
    assert!(index["bytes"].as_u64().unwrap() < 1 << 20, "the seed was read whole: {}", index["bytes"]);
}

#[cfg(unix)]
#[test]
fn loops_of_links_end() {
    let dir = project(&[("models/a.sql", b"select 1")]);
    std::os::unix::fs::symlink("..", dir.path().join("models/loop")).unwrap();
    std::os::unix::fs::symlink("self", dir.path().join("models/self")).unwrap();
    std::fs::create_dir(dir.path().join("dbt_packages")).unwrap();
    std::os::unix::fs::symlink("../..", dir.path().join("dbt_packages/outer")).unwrap();
    let index = Person::new().json(dir.path(), &["index"]);
    assert_eq!(index["counts"]["model"], 1);
}

#[test]
fn a_home_that_cannot_be_written_leaves_search_and_editor() {
    // A file where a folder should be refuses root, too.
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let person = Person::new().with("RAGSTAR_DATA_DIR", file.join("data").display()).with("RAGSTAR_CACHE_DIR", file.join("cache").display());
    let answer = person.json(&shop(), &["ask", "How is monthly revenue computed?"]);
    assert!(answer["markdown"].as_str().unwrap().contains("fct_monthly_revenue"), "{answer}");
    let missing = answer["missing"].as_str().unwrap();
    assert!(missing.contains("RAGSTAR_CACHE_DIR") || missing.contains("RAGSTAR_DATA_DIR"), "{missing}");
    assert_eq!(person.json(&shop(), &["index"])["project"], "shop");
    let doctor = person.run(&shop(), &["doctor"]);
    assert!(!doctor.ok && doctor.out.contains("set RAGSTAR_DATA_DIR"), "{doctor:?}");
}

#[test]
fn a_port_in_use() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let ran = Person::new().with("APP_PORT", port).run(&shop(), &["serve"]);
    assert!(!ran.ok && ran.err.contains(&format!("port {port} is in use; set APP_PORT")), "{ran:?}");
    let open = Person::new().with("APP_HOST", "0.0.0.0").with("APP_PORT", free_port()).run(&shop(), &["serve"]);
    assert!(!open.ok && open.err.contains("RAGSTAR_API_TOKEN"), "{open:?}");
}

#[test]
fn a_database_that_is_dead() {
    let person = Person::new().with("DATABASE_URL", format!("postgres://user:hunter2@127.0.0.1:{}/ragstar", free_port()));
    let answer = person.run(&shop(), &["ask", "How is monthly revenue computed?"]);
    assert!(answer.ok && answer.out.contains("fct_monthly_revenue"), "{answer:?}");
    assert!(answer.err.contains("the database can't be reached") && !answer.err.contains("hunter2"), "{answer:?}");
    let nonsense = Person::new().with("DATABASE_URL", "mysql://user:hunter2@db/x").run(&shop(), &["index", "--publish"]);
    assert!(!nonsense.ok && nonsense.err.contains("not a Postgres URL") && !nonsense.err.contains("hunter2"), "{nonsense:?}");
}

#[test]
fn many_processes_at_once_share_one_new_database() {
    let data = tempfile::tempdir().unwrap();
    let person = Person::new().with("RAGSTAR_DATA_DIR", data.path().display());
    let asked: Vec<_> =
        (0..4).map(|_| person.ragstar(&shop(), &["--json", "ask", "refunds"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()).collect();
    for child in asked {
        let output = child.wait_with_output().unwrap();
        let answer: serde_json::Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let missing = answer["missing"].as_str().unwrap_or("");
        assert!(missing.contains("no language model") && !missing.contains("knowledge store"), "{missing}");
    }
    assert!(person.run(&shop(), &["store", "stop"]).ok);
}

#[test]
fn a_reader_that_goes_away_ends_the_program_quietly() {
    let mut child = Running(Person::new().ragstar(&shop(), &["--json", "index"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    drop(child.0.stdout.take());
    let status = wait_for("the end", 30, || child.0.try_wait().unwrap());
    assert!(status.success(), "{status} {}", RAGSTAR.display());
}

/// Needs a small disk, which only root can make.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mounted = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"]).arg(dir.path()).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        return crate::harness::skip("a small disk can't be mounted here");
    }
    let person = Person::new().with("RAGSTAR_CACHE_DIR", dir.path().join("cache").display()).with("RAGSTAR_DATA_DIR", dir.path().join("data").display());
    let answer = person.run(&shop(), &["--json", "ask", "How is monthly revenue computed?"]);
    let left = std::fs::read_dir(dir.path().join("cache")).map(|entries| entries.filter_map(|entry| entry.ok()?.path().is_dir().then_some(())).count());
    let _ = std::process::Command::new("umount").arg(dir.path()).status();
    assert!(answer.ok, "{answer:?}");
    let answer: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    let missing = answer["missing"].as_str().unwrap();
    assert!(missing.to_lowercase().contains("no space left"), "{missing}");
    assert!(answer["markdown"].as_str().unwrap().contains("fct_monthly_revenue"));
    assert_eq!(left.unwrap_or(0), 0, "nothing half fetched stays");
}

#[test]
fn a_cloned_project_runs_nothing_and_gets_no_keys() {
    let dir = project(&[
        ("models/a.sql", b"select 1"),
        ("ragstar.yml", b"cache: {dir: .c}\ndata: {dir: .d}\nchat: {provider: openai, base_url: 'http://127.0.0.1:9/v1'}\n"),
        (".env", b"RAGSTAR_CACHE_DIR=.c\n"),
    ]);
    let ran = Person::new().with("LLM_OPENAI_API_KEY", "sk-own").run(dir.path(), &["ask", "what is in a?"]);
    assert!(ran.err.contains("ragstar.yml:1: cache.dir: a folder whose programs are run is not taken from"), "{ran:?}");
    assert!(ran.err.contains("your own key is not sent to an address that you did not choose"), "{ran:?}");
    assert!(!dir.path().join(".c").exists() && !dir.path().join(".d").exists());
}

#[test]
fn a_cloned_project_gets_no_slack_token() {
    let dir = project(&[("ragstar.yml", b"slack: {api_url: 'http://127.0.0.1:9/slack'}\n")]);
    let person = Person::new().with("INTEGRATIONS_SLACK_BOT_TOKEN", "xoxb-own").with("INTEGRATIONS_SLACK_SIGNING_SECRET", "s").with("APP_PORT", free_port());
    let ran = person.run(dir.path(), &["serve"]);
    assert!(!ran.ok && ran.err.contains("slack.api_url comes from a file of this project"), "{ran:?}");
}

#[test]
fn odd_contents_keep_nothing_else_out_of_the_store() {
    let header = "x".repeat(30_000);
    let dir = project(&[
        ("models/nul.sql", b"select 1 -- \0 nul"),
        ("models/customers.sql", b"select 1"),
        ("seeds/wide.csv", header.as_bytes()),
        ("models/ignored/old.sql", b"select 1"),
        (".dbtignore", b"models/ignored/\n"),
    ]);
    let person = Person::new();
    let index = person.json(dir.path(), &["index", "--publish"]);
    assert_eq!(index["counts"], serde_json::json!({"model": 2, "seed": 1}), ".dbtignore counts");
    let found = person.json(dir.path(), &["search", "customers"]);
    assert_eq!((&found["found"][0]["label"], &found["missing"]), (&serde_json::json!("customers"), &serde_json::json!([])));
}

#[test]
fn wrong_words_on_the_command_line() {
    for arguments in [&["--set", "chat.temperature=hot", "index"][..], &["--set", "foo=bar", "index"], &["search", "-n", "0", "x"], &["feedback", "last"]] {
        let output = Person::new().ragstar(&shop(), arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?} {}", String::from_utf8_lossy(&output.stderr));
    }
    let parent = tempfile::tempdir().unwrap();
    std::fs::create_dir(parent.path().join("a")).unwrap();
    std::fs::write(parent.path().join("a/dbt_project.yml"), "name: a\n").unwrap();
    let above = Person::new().run(parent.path(), &["index"]);
    assert!(!above.ok && above.err.contains("there is a"), "{above:?}");
    let models = shop().join("models");
    assert_eq!(Person::new().json(parent.path(), &["index", models.to_str().unwrap()])["project"], "shop", "a folder inside of a project means it");
}
