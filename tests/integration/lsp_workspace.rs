//! What an editor changes while it runs: its folders, its settings, the encoding that it counts in.

use crate::harness::{Person, wait_for};
use crate::lsp::{Client, uri};
use serde_json::{Value, json};
use std::path::Path;

/// A project of one model that reads nothing known.
fn project(root: &Path, name: &str) {
    std::fs::create_dir_all(root.join("models")).unwrap();
    std::fs::write(root.join("models/bad.sql"), "select * from {{ ref('nothing') }}\n").unwrap();
    std::fs::write(root.join("dbt_project.yml"), format!("name: {name}\nprofile: p\n")).unwrap();
}

/// The names of the projects that are open and read.
fn open(client: &mut Client) -> Vec<String> {
    let status = client.request("ragstar/status", json!({}));
    let all = status["projects"].as_array().unwrap().iter().filter(|project| project["loaded"] == true);
    all.map(|project| project["project"].as_str().unwrap().to_owned()).collect()
}

fn until_open(client: &mut Client, expected: &[&str]) {
    wait_for(&format!("{expected:?}"), 20, || (open(client) == expected).then_some(()));
}

fn until_told(client: &mut Client, path: &Path, count: usize) {
    let wanted = uri(path);
    client.until(|message| {
        message["method"] == "textDocument/publishDiagnostics"
            && message["params"]["uri"] == wanted
            && message["params"]["diagnostics"].as_array().unwrap().len() == count
    });
}

fn folders(client: &mut Client, added: &[&Path], removed: &[&Path]) {
    let all = |paths: &[&Path]| paths.iter().map(|path| json!({"uri": uri(path), "name": "x"})).collect::<Vec<_>>();
    client.notify("workspace/didChangeWorkspaceFolders", json!({"event": {"added": all(added), "removed": all(removed)}}));
}

#[test]
fn folders_come_and_go() {
    let all = tempfile::tempdir().unwrap();
    let all = all.path().canonicalize().unwrap();
    let (one, two, outer) = (all.join("one"), all.join("two"), all.join("outer"));
    let inner = outer.join("a");
    project(&one, "one");
    project(&two, "two");
    project(&inner, "inner");
    // A package of the project's own is a part of it.
    project(&one.join("local_packages/helpers"), "helpers");
    let mut client = Client::start(&Person::new(), &one, json!({}));
    until_told(&mut client, &one.join("models/bad.sql"), 1);
    folders(&mut client, &[&two, &outer, &inner], &[]);
    until_told(&mut client, &two.join("models/bad.sql"), 1);
    until_open(&mut client, &["one", "inner", "two"]);
    folders(&mut client, &[], &[&two]);
    until_told(&mut client, &two.join("models/bad.sql"), 0);
    // The outer folder still holds it.
    folders(&mut client, &[], &[&inner]);
    until_open(&mut client, &["one", "inner"]);
    // A folder inside of a project opens it, and closes it again.
    folders(&mut client, &[&two.join("models")], &[&outer]);
    until_open(&mut client, &["one", "two"]);
    folders(&mut client, &[], &[&two.join("models")]);
    until_open(&mut client, &["one"]);
    // A project that is made in an open folder.
    let three = all.join("three");
    std::fs::create_dir(&three).unwrap();
    folders(&mut client, &[&three], &[]);
    until_open(&mut client, &["one"]);
    project(&three, "three");
    client.notify("workspace/didCreateFiles", json!({"files": [{"uri": uri(&three.join("dbt_project.yml"))}]}));
    until_open(&mut client, &["one", "three"]);
    assert_eq!(client.end(), Some(0));
}

#[test]
fn settings_are_asked_for() {
    let root = testkit::shop_copy().unwrap();
    let root = root.path().canonicalize().unwrap();
    let watching = json!({"configuration": true, "didChangeWatchedFiles": {"dynamicRegistration": true}});
    let mut client = Client::start(&Person::new(), &root, json!({"workspace": watching}));
    let tell = |client: &mut Client, settings: Value| {
        let asked = client.until(|message| message["method"] == "workspace/configuration");
        assert_eq!(asked["params"]["items"], json!([{"section": "ragstar"}]));
        client.send(&json!({"jsonrpc": "2.0", "id": asked["id"], "result": [settings]}));
    };
    tell(&mut client, json!({"inlayHints": {"enable": false}}));
    let registered = client.until(|message| message["method"] == "client/registerCapability");
    assert_eq!(registered["params"]["registrations"][0]["registerOptions"]["watchers"][0]["globPattern"], "**/dbt_project.yml");
    client.send(&json!({"jsonrpc": "2.0", "id": registered["id"], "result": null}));
    client.until_loaded();
    let model = root.join("models/marts/finance/fct_monthly_revenue.sql");
    client.open(&model);
    let range = json!({"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}});
    let hints = |client: &mut Client| {
        client.request("textDocument/inlayHint", json!({"textDocument": {"uri": uri(&model)}, "range": range})).as_array().map_or(0, Vec::len)
    };
    assert_eq!(hints(&mut client), 0);
    client.notify("workspace/didChangeConfiguration", json!({"settings": null}));
    tell(&mut client, json!({"inlayHints": {"enable": true}}));
    wait_for("hints", 10, || (hints(&mut client) > 0).then_some(()));
    // Settings that are sent count as they are.
    client.notify("workspace/didChangeConfiguration", json!({"settings": {"ragstar": {"inlayHints": {"enable": false}}}}));
    wait_for("no hints", 10, || (hints(&mut client) == 0).then_some(()));
    assert_eq!(client.end(), Some(0));
}

#[test]
fn places_are_counted_as_the_client_counts() {
    for (encoding, units) in [("utf-8", 4), ("utf-16", 2), ("utf-32", 1)] {
        let root = testkit::shop_copy().unwrap();
        let root = root.path().canonicalize().unwrap();
        let mut client = Client::start(&Person::new(), &root, json!({"general": {"positionEncodings": [encoding]}}));
        client.until_loaded();
        let path = root.join("models/staging/shop/stg_shop__customers.sql");
        client.open(&path);
        let document = json!({"uri": uri(&path), "version": 2});
        client.notify(
            "textDocument/didChange",
            json!({"textDocument": document, "contentChanges": [{"text": "select '😀' as a, 1 as b from {{ ref('gone') }}\n"}]}),
        );
        // Behind the emoji a letter more.
        let at = |character: u64| json!({"line": 0, "character": character});
        let behind = 8 + units;
        let change = json!({"range": {"start": at(behind), "end": at(behind)}, "text": "!"});
        client.notify("textDocument/didChange", json!({"textDocument": {"uri": uri(&path), "version": 3}, "contentChanges": [change]}));
        let made = client.request("ragstar/compiled", json!({"textDocument": {"uri": uri(&path)}}));
        assert!(made["sql"].as_str().unwrap().starts_with("select '😀!' as a"), "{encoding}: {made}");
        let start = "select '!' as a, 1 as b from {{ ref(".len() as u64 + units;
        let place = json!({"start": at(start), "end": at(start + 6)});
        client.diagnostics(&path, |all| all.iter().any(|one| one["code"] == "unknown-ref" && one["range"] == place));
        assert_eq!(client.end(), Some(0));
    }
}
