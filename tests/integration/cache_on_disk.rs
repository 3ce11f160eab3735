//! The index that is kept on disk: the same as a new one, or none.

use crate::harness::Person;
use crate::live::{fresh, same, settings, shown};
use crate::lsp::{Client, uri};
use cache::Cache;
use ide::{AnalysisHost, Artifact, Artifacts, DbtSettings};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use vfs::{DiskLoader, FileText};

/// Reads a project anew and keeps it; whether it can be taken up again.
fn kept(cache: &Cache, root: &Path, settings: &DbtSettings) -> bool {
    let loaded = SystemTime::now();
    let mut host = AnalysisHost::new(root);
    host.set_settings(settings.clone());
    host.load(ide::read_project(&DiskLoader, root));
    host.publish();
    cache.write(&host.snapshot().unwrap(), settings, loaded);
    cache.read(settings).is_some()
}

fn copy(fixture: &str) -> tempfile::TempDir {
    let copied = tempfile::tempdir().unwrap();
    testkit::copy(&testkit::workspace_root().join("tests/fixtures").join(fixture), copied.path()).unwrap();
    copied
}

#[test]
fn what_was_kept_is_what_would_be_made() {
    for fixture in ["shop", "constructs", "overrides"] {
        let (project, dir) = (copy(fixture), tempfile::tempdir().unwrap());
        let root = project.path().canonicalize().unwrap();
        let cache = Cache::new(dir.path(), &root).with_min_files(1);
        let settings = settings(&root);
        assert!(kept(&cache, &root, &settings), "{fixture}");
        let mut host = AnalysisHost::new(&root);
        host.set_settings(settings.clone());
        // With nothing but answers, and with what later changes ask for.
        let mut goes_on = AnalysisHost::new(&root);
        goes_on.set_settings(settings.clone());
        goes_on.resume(cache.read(&settings).unwrap());
        let recalled = host.restore(cache.read(&settings).unwrap());
        let files = ide::read_project(&DiskLoader, &root);
        same(&shown(&recalled), &shown(&fresh(&root, &files)), fixture);
        assert_eq!(host.whole_parses(), 0);
        // What features look at, too.
        let mut asked = 0;
        for (path, text) in files.iter().filter(|(_, text)| text.text.contains("ref('")) {
            let Some(file) = recalled.file_at(path) else { continue };
            let offset = text.text.find("ref('").unwrap() + 6;
            let new = fresh(&root, &files);
            let card = |analysis: &ide::Analysis, file: &ide::File| analysis.hover(file, offset).map(|hover| hover.markdown);
            assert_eq!(card(&recalled, file), card(&new, new.file_at(path).unwrap()), "{}", path.display());
            asked += usize::from(card(&recalled, file).is_some());
            if asked > 3 {
                break;
            }
        }
        assert!(asked > 3, "{fixture}: {asked} cards");
        // An edit of what was recalled, and the state after it.
        let (path, text) = files.iter().find(|(path, _)| path.ends_with("schema.yml") || path.extension().is_some_and(|ending| ending == "yml")).unwrap();
        let mut changed = files.clone();
        let edited = text.text.replacen("description:", "description: new #", 1);
        changed.iter_mut().find(|(known, _)| known == path).unwrap().1 = FileText::new(edited.clone());
        for host in [&mut host, &mut goes_on] {
            host.set_overlay(path, Some(edited.as_str().into()));
            same(&shown(&host.publish()), &shown(&fresh(&root, &changed)), &format!("{fixture}, edited"));
        }
    }
}

#[test]
fn artifacts_are_laid_on_what_was_kept_and_change_nothing_else() {
    let (project, dir) = (copy("shop"), tempfile::tempdir().unwrap());
    let root = project.path().canonicalize().unwrap();
    let cache = Cache::new(dir.path(), &root).with_min_files(1);
    let plain = settings(&root);
    let mut artifacts = Artifacts::default();
    artifacts.read(
        Artifact::Catalog,
        br#"{"metadata": {}, "nodes": {"model.shop.stg_shop__customers": {"metadata": {}, "stats": {}, "columns": {"X": {"type": "INT", "index": 1, "name": "X"}}}}}"#,
    );
    let with = DbtSettings { artifacts: Arc::new(artifacts), ..plain.clone() };
    // Kept with artifacts, and they are not in it.
    assert!(kept(&cache, &root, &with));
    let mut host = AnalysisHost::new(&root);
    host.set_settings(plain.clone());
    // An editor asks before anything was read.
    assert_eq!(host.publish().index.nodes.len(), 0);
    let bare = shown(&host.restore(cache.read(&plain).unwrap()));
    same(&bare, &shown(&fresh(&root, &ide::read_project(&DiskLoader, &root))), "without artifacts");
    let column = |host: &mut AnalysisHost| {
        let analysis = host.publish();
        let node = analysis.index.node("model.shop.stg_shop__customers").unwrap();
        analysis.index.nodes[node].column("x").and_then(|column| column.shown_type().map(str::to_owned))
    };
    assert_eq!(column(&mut host), None);
    host.set_settings(with.clone());
    assert_eq!(column(&mut host).as_deref(), Some("INT"));
    host.set_settings(plain);
    same(&shown(&host.publish()), &bare, "artifacts taken off again");
    assert_eq!(host.whole_parses(), 0);
    // The same once the project has been parsed.
    let mut parsed = AnalysisHost::new(&root);
    parsed.load(ide::read_project(&DiskLoader, &root));
    parsed.set_settings(with.clone());
    assert_eq!(column(&mut parsed).as_deref(), Some("INT"));
    parsed.set_settings(DbtSettings { artifacts: Arc::default(), ..with });
    assert_eq!(column(&mut parsed), None);
    assert_eq!(parsed.whole_parses(), 1);
}

#[test]
fn whatever_changed_makes_it_anew() {
    let (project, dir) = (copy("shop"), tempfile::tempdir().unwrap());
    let root = project.path().canonicalize().unwrap();
    let cache = Cache::new(dir.path(), &root).with_min_files(1);
    let settings = settings(&root);
    let model = root.join("models/marts/core/fct_orders.sql");
    let text = std::fs::read_to_string(&model).unwrap();
    let keep = || assert!(kept(&cache, &root, &settings));
    let gone = |what: &str| assert!(cache.read(&settings).is_none(), "{what}");
    let long_ago = SystemTime::now() - Duration::from_secs(1000);
    let set_time = |path: &Path, time| std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();

    keep();
    std::fs::write(&model, format!("{text}\n-- more\n")).unwrap();
    gone("another size");
    // Of the same size and time, so late that only the content tells.
    keep();
    let time = std::fs::metadata(&model).unwrap().modified().unwrap();
    std::fs::write(&model, format!("{text}\n-- less\n")).unwrap();
    set_time(&model, time);
    gone("another content within one tick");
    keep();
    set_time(&model, long_ago);
    gone("another time");
    keep();
    std::fs::write(root.join("models/new.sql"), "select 1").unwrap();
    gone("a new file");
    keep();
    std::fs::remove_file(root.join("models/new.sql")).unwrap();
    gone("a file less");
    keep();
    std::fs::rename(&model, root.join("models/marts/core/other.sql")).unwrap();
    gone("another name");
    std::fs::rename(root.join("models/marts/core/other.sql"), &model).unwrap();
    keep();
    for other in [
        DbtSettings { target: Some("other".into()), ..settings.clone() },
        DbtSettings { vars: [("x", data_value(1))].into_iter().collect(), ..settings.clone() },
        DbtSettings { profiles: Some("shop: {}".into()), ..settings.clone() },
    ] {
        assert!(cache.read(&other).is_none());
    }
    // Files that are no sources of dbt's say nothing.
    std::fs::write(root.join("notes.txt"), "x").unwrap();
    assert!(cache.read(&settings).is_some());
}

fn data_value(number: i64) -> data::Value {
    data::Value::from(number)
}

#[test]
fn damage_is_no_index_and_no_error() {
    let (project, dir) = (copy("shop"), tempfile::tempdir().unwrap());
    let root = project.path().canonicalize().unwrap();
    let cache = Cache::new(dir.path(), &root).with_min_files(1);
    let settings = settings(&root);
    assert!(kept(&cache, &root, &settings));
    let file = std::fs::read_dir(dir.path().join("index")).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    for cut in [0, 7, 20, 51, 52, 60, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&file, &whole[..cut]).unwrap();
        assert!(cache.read(&settings).is_none(), "cut at {cut}");
    }
    for at in (0..whole.len()).step_by(whole.len() / 97).filter(|at| !(40..48).contains(at)) {
        let mut wrong = whole.clone();
        wrong[at] ^= 0x55;
        std::fs::write(&file, &wrong).unwrap();
        assert!(cache.read(&settings).is_none(), "byte {at}");
    }
    std::fs::write(&file, &whole).unwrap();
    assert!(cache.read(&settings).is_some());
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert!(cache.read(&settings).is_none());
    // A cache that can't be written costs nothing but itself.
    assert!(!kept(&cache, &root, &settings));
}

#[test]
fn a_second_start_says_the_same_in_terminal_and_editor() {
    let (project, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let root = project.path().canonicalize().unwrap();
    for (path, text) in testkit::generate_project(400) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let person = || Person::new().with("RAGSTAR_CACHE_DIR", dir.path().display());
    let told = || {
        let mut told = person().json(&root, &["index"]);
        told["seconds"] = json!(0);
        told
    };
    let first = told();
    assert_eq!(std::fs::read_dir(dir.path().join("index")).unwrap().count(), 1);
    assert_eq!(told(), first);
    assert_eq!(first["counts"]["model"], 400);

    let mut client = Client::start(&person(), &root, json!({}));
    client.until_loaded();
    let path = root.join("models/area_0/folder_0/model_25.sql");
    let text = client.open(&path);
    let hover = client.request("textDocument/hover", json!({"textDocument": {"uri": uri(&path)}, "position": position(&text, "model_")}));
    assert!(hover.to_string().contains("model_"), "{hover}");
    // Edits and changes on disk count as ever.
    let change = json!({"textDocument": {"uri": uri(&path), "version": 2}, "contentChanges": [{"text": text.replacen("ref('model_", "ref('no_model_", 1)}]});
    client.notify("textDocument/didChange", change);
    client.diagnostics(&path, |found| found.iter().any(|one| one["code"] == "unknown-ref"));
    std::fs::write(root.join("models/no_model_fresh.sql"), "select 1 as id").unwrap();
    let change = json!({"textDocument": {"uri": uri(&path), "version": 3}, "contentChanges": [{"text": "select * from {{ ref('no_model_fresh') }}"}]});
    client.notify("textDocument/didChange", change);
    client.diagnostics(&path, |found| found.iter().all(|one| one["code"] != "unknown-ref"));
    assert_eq!(client.end(), Some(0));
    assert_eq!(told()["counts"]["model"], 401);
}

fn position(text: &str, word: &str) -> serde_json::Value {
    let at = text.find(word).unwrap();
    let line = text[..at].matches('\n').count();
    json!({"line": line, "character": at - text[..at].rfind('\n').map_or(0, |end| end + 1)})
}
