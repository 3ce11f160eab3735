//! What is told of broken projects, with dbt's words. Each case of `told.txt` is a project of a model `a` and the files that it names;
//! the words were compared with dbt-core's own (1.11). `UPDATE_EXPECT=1` writes what is told now.

#![allow(clippy::expect_used)]

use dbt::{Settings, Severity};
use ide::AnalysisHost;
use std::fmt::Write;
use std::path::Path;
use vfs::FileText;

const PROJECT: &str = "name: shop\nversion: \"1.0\"\nprofile: shop\nflags:\n  send_anonymous_usage_stats: false\n";
const PROFILES: &str = "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb, schema: main}\n";

#[test]
fn broken_projects() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/told.txt");
    let before = std::fs::read_to_string(&path).expect("the cases are there");
    let mut after = String::new();
    let mut count = 0;
    for case in before.split("=== ").filter(|case| !case.trim().is_empty()) {
        let (input, _) = case.split_once("-- told\n").expect("every case ends in what is told");
        let (name, files) = input.split_once('\n').expect("a name, then files");
        let _ = write!(after, "=== {name}\n{files}-- told\n{}\n", told(files));
        count += 1;
    }
    assert!(count > 200, "{count} cases");
    if before == after {
        return;
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, after).expect("the cases can be written");
        return;
    }
    let differs = before.split("=== ").zip(after.split("=== ")).find(|(before, after)| before != after).expect("one differs");
    assert_eq!(differs.0, differs.1, "run with UPDATE_EXPECT=1 if that is right");
}

fn told(files: &str) -> String {
    let root = Path::new("/project");
    let mut all = vec![("dbt_project.yml", PROJECT), ("models/a.sql", "select 1 as id\n")];
    for file in files.split("-- file: ").filter(|file| !file.is_empty()) {
        let (path, text) = file.split_once('\n').expect("a path, then its text");
        all.retain(|(known, _)| *known != path);
        all.push((path, text));
    }
    let mut host = AnalysisHost::new(root);
    host.set_settings(Settings { profiles: Some(PROFILES.into()), ..Settings::default() });
    host.load(all.iter().map(|(path, text)| (root.join(path), FileText::new(*text))).collect());
    let analysis = host.publish();
    let mut shown = String::new();
    for (path, found) in analysis.all_diagnostics().into_iter().filter(|(_, found)| found.severity <= Severity::Warning) {
        let file = analysis.file(found.place.file).expect("it is a file of the project");
        let line = text::LineIndex::new(&file.text).line_of(found.place.range.start as usize) + 1;
        let _ = writeln!(shown, "{:?} {path}:{line} {} `{}`", found.severity, found.code, found.place.range.of(&file.text).replace('\n', "⏎"));
        let _ = writeln!(shown, "    {}", found.message);
        for line in found.dbt.as_deref().unwrap_or_default().lines() {
            let _ = writeln!(shown, "    dbt: {line}");
        }
    }
    shown
}
