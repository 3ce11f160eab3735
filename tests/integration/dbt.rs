//! dbt-core itself on our fixture projects, which hold an example of every construct: what it writes into its manifest is what we emit,
//! leaf by leaf; our manifest is valid by dbt's schema, and dbt loads it. The person's own dbt for `ragstar init --method core`.

use crate::harness::{Person, TOOLS};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use testkit::workspace_root;

const PACKAGES: [&str; 3] = ["dbt-core==1.11.16", "dbt-duckdb==1.11.1", "jsonschema==4.26.0"];

/// What differs, and why. `*` stands for one key.
const KNOWN: [(&str, &str); 16] = [
    ("*.created_at", "the time of the parse"),
    ("*.root_path", "a folder of this machine"),
    ("*.unrendered_config", "the configs as they are written are not kept"),
    ("seed.checksum", "of a seed only its head is read"),
    ("unit_test.checksum", "a hash of Python's way to show an object"),
    ("model.contract.checksum", "a hash of Python's way to show an object"),
    ("group.config", "dbt gives a group the configs of models in its folder"),
    ("model.config.begin", "dates that dbt types are texts here"),
    ("model.config.meta_keys_used", "a default of Python models"),
    ("model.config.meta_keys_defaults", "a default of Python models"),
    ("model.patch_path", "the package of a file that describes another package's node"),
    ("test.config.tags", "dbt repeats the tags of a test that configures itself"),
    ("source.external", "defaults of external tables"),
    ("source.source_description", "descriptions of disabled sources stay unrendered in dbt"),
    ("macro.macro_sql", "the line end that `-%}` takes away"),
    ("macro.depends_on.macros", "a call of an adapter's macro through a namespace"),
];

struct Dbt(PathBuf);

impl Dbt {
    fn installed() -> Self {
        Self(TOOLS.python_packages("dbt-1.11.16", &PACKAGES).unwrap())
    }

    fn python(&self) -> Command {
        let mut command = Command::new("python3");
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.0.as_os_str());
        // A column's tags come out of a set: twice in the same order.
        command.env("PYTHONHASHSEED", "0");
        command.env("PYTHONPATH", &self.0).env("LANG", "C.UTF-8").env("TZ", "UTC").env("DBT_SEND_ANONYMOUS_USAGE_STATS", "false");
        command
    }

    fn parse(&self, project: &Path) -> Value {
        let output =
            self.python().args(["-m", "dbt.cli.main", "--no-use-colors", "parse", "--no-partial-parse", "--profiles-dir", "."]).current_dir(project).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        serde_json::from_slice(&std::fs::read(project.join("target/manifest.json")).unwrap()).unwrap()
    }

    /// What a script prints.
    fn script(&self, text: &str, arguments: &[&Path]) -> String {
        let output = self.python().arg("-c").arg(text).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

fn copy_of(fixture: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    testkit::copy(&workspace_root().join("tests/fixtures").join(fixture), dir.path()).unwrap();
    dir
}

/// Every leaf of a section, by `type.path`, without what dbt brings itself.
fn compare(theirs: &Value, ours: &Value, met: &mut BTreeSet<&'static str>) -> Vec<String> {
    let mut found = Vec::new();
    let sections = [
        "nodes",
        "sources",
        "exposures",
        "metrics",
        "semantic_models",
        "saved_queries",
        "unit_tests",
        "groups",
        "functions",
        "docs",
        "macros",
        "disabled",
        "parent_map",
        "child_map",
        "group_map",
        "selectors",
    ];
    for section in sections {
        let empty = serde_json::Map::new();
        let (theirs, ours) = (theirs[section].as_object().unwrap_or(&empty), ours[section].as_object().unwrap_or(&empty));
        let is_dbts =
            |id: &&String| matches!(section, "macros" | "docs") && id.split('.').nth(1).is_some_and(|package| package == "dbt" || package.starts_with("dbt_"));
        let ids: BTreeSet<&String> = theirs.keys().chain(ours.keys()).filter(|id| !is_dbts(id)).collect();
        for id in ids {
            let kind = id.split('.').next().unwrap_or_default();
            differ(id, kind, theirs.get(id).unwrap_or(&Value::Null), ours.get(id).unwrap_or(&Value::Null), &mut found, met);
        }
    }
    found
}

fn known(path: &str) -> Option<&'static str> {
    let fits = |known: &str| {
        let (mut known, mut path) = (known.split('.'), path.split('.'));
        known.all(|part| path.next().is_some_and(|own| part == "*" || part == own))
    };
    KNOWN.iter().map(|(known, _)| *known).find(|known| fits(known))
}

fn differ(id: &str, path: &str, theirs: &Value, ours: &Value, found: &mut Vec<String>, met: &mut BTreeSet<&'static str>) {
    if theirs == ours {
        return;
    }
    if let Some(known) = known(path) {
        met.insert(known);
        return;
    }
    match (theirs, ours) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            keys.into_iter().for_each(|key| {
                differ(id, &format!("{path}.{key}"), left.get(key).unwrap_or(&Value::Null), right.get(key).unwrap_or(&Value::Null), found, met)
            });
        }
        // Of two nodes of one id, both off.
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() && left.iter().chain(right).all(|item| item.get("unique_id").is_some()) => {
            left.iter().zip(right).for_each(|(left, right)| differ(id, path, left, right, found, met));
        }
        // The order of names that are asked for means nothing.
        (Value::Array(left), Value::Array(right)) => {
            let sorted = |list: &[Value]| list.iter().map(Value::to_string).collect::<BTreeSet<_>>();
            if left.len() != right.len() || sorted(left) != sorted(right) {
                found.push(format!("{id} {path}\n  dbt:  {theirs}\n  ours: {ours}"));
            }
        }
        _ => found.push(format!("{id} {path}\n  dbt:  {theirs}\n  ours: {ours}")),
    }
}

/// The paths of what a manifest has against dbt's schema.
const VALIDATE: &str = r#"
import json, sys
from dbt.artifacts.schemas.manifest import WritableManifest
from jsonschema.validators import validator_for
schema = WritableManifest.json_schema()
checker = validator_for(schema)(schema)
def leaves(error):
    return [leaf for inner in error.context for leaf in leaves(inner)] or [error]
found = set()
for section, entries in json.load(open(sys.argv[1])).items():
    part = schema["properties"].get(section)
    if part is None: continue
    whole = {**{k: v for k, v in schema.items() if k in ("$defs", "$schema", "definitions")}, **part}
    for error in validator_for(whole)(whole).iter_errors(entries):
        found.add(section + " " + "/".join(map(str, error.absolute_path)))
print(json.dumps(sorted(found)))
"#;

/// dbt reads a manifest as it reads that of `--state`.
const LOAD: &str = r#"
import sys
from dbt.artifacts.schemas.manifest import WritableManifest
from dbt.contracts.graph.manifest import Manifest
print(len(Manifest.from_writable_manifest(WritableManifest.read_and_check_versions(sys.argv[1])).nodes))
"#;

#[test]
fn our_manifest_is_dbts() {
    let dbt = Dbt::installed();
    let mut met = BTreeSet::new();
    for fixture in ["shop", "overrides", "constructs"] {
        let project = copy_of(fixture);
        let theirs = dbt.parse(project.path());
        let emitted = project.path().join("ours.json");
        let mut command = Person::new().with("TZ", "UTC").ragstar(project.path(), &["index", "--profiles-dir", ".", "--emit", "ours.json"]);
        let output = command.env_remove("HOME").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let ours: Value = serde_json::from_slice(&std::fs::read(&emitted).unwrap()).unwrap();
        let found = compare(&theirs, &ours, &mut met);
        assert!(found.is_empty(), "{fixture}: {} leaves differ\n{}", found.len(), found.iter().take(20).cloned().collect::<Vec<_>>().join("\n"));
        let errors = |file: &Path| -> BTreeSet<String> { serde_json::from_str(&dbt.script(VALIDATE, &[file])).unwrap() };
        // dbt's own manifest has a few of its own.
        let (own, dbts) = (errors(&emitted), errors(&project.path().join("target/manifest.json")));
        let more: Vec<&String> = own.difference(&dbts).collect();
        assert!(more.is_empty(), "{fixture}: {more:?}");
        let loaded: usize = dbt.script(LOAD, &[&emitted]).parse().unwrap();
        assert_eq!(loaded, ours["nodes"].as_object().unwrap().len());
    }
    let idle: Vec<_> = KNOWN.iter().filter(|(path, _)| !met.contains(path)).collect();
    assert!(idle.is_empty(), "these are no differences any more: {idle:?}");
}

/// dbt reads what `docs generate` wrote as it was meant, and all else as before.
#[test]
fn what_is_written_is_what_dbt_reads() {
    let dbt = Dbt::installed();
    for fixture in ["shop", "overrides", "constructs"] {
        let project = copy_of(fixture);
        let root = project.path().canonicalize().unwrap();
        let before = dbt.parse(&root);
        let server = crate::scripted::Server::start(vec![crate::scripted::Reply::Describes(0)]);
        let person = Person::new().with("LLM_CHAT_BASE_URL", &server.url);
        let report = person.json(&root, &["docs", "generate"]);
        let written = report["written"].as_array().unwrap();
        assert!(!written.is_empty(), "{fixture}: {report}");
        let after = dbt.parse(&root);
        let mut meant: BTreeSet<(String, Option<String>)> = BTreeSet::new();
        for one in written {
            let (id, column) = (one["uniqueId"].as_str().unwrap(), one["column"].as_str());
            let wanted = one["text"].as_str().unwrap().trim();
            // A source as a whole is said of each of its tables.
            let is_of = |table: &&Value| table["unique_id"].as_str().is_some_and(|of| of.strip_prefix(id).is_some_and(|rest| rest.starts_with('.')));
            if let Some(table) = after["sources"].as_object().unwrap().values().find(is_of) {
                assert_eq!(table["source_description"].as_str().unwrap().trim(), wanted, "{fixture}: {id}");
                continue;
            }
            let node =
                ["nodes", "sources", "exposures", "metrics", "semantic_models", "saved_queries", "functions"].iter().find_map(|kind| after[kind].get(id));
            let node = node.unwrap_or_else(|| panic!("{fixture}: {id} is gone"));
            let found = match column {
                Some(column) => node["columns"].as_object().unwrap().iter().find(|(name, _)| name.eq_ignore_ascii_case(column)).map(|(_, found)| found),
                None => Some(node),
            };
            let text = found.and_then(|found| found["description"].as_str()).unwrap_or_default().trim();
            // What comes from a docs block is its text to dbt.
            assert!(text == wanted || (wanted.contains("doc(") && !text.is_empty()), "{fixture}: {id} {column:?}: {text:?}, not {wanted:?}");
            meant.insert((id.to_owned(), column.map(str::to_lowercase)));
        }
        for (id, old) in before["nodes"].as_object().unwrap() {
            let new = &after["nodes"][id];
            let is_meant = |column: Option<&str>| {
                let column = column.map(str::to_lowercase);
                meant.iter().any(|(known, of)| model_of(known) == model_of(id) && *of == column)
            };
            assert!(new["description"] == old["description"] || is_meant(None), "{fixture}: {id}");
            for (name, column) in old["columns"].as_object().into_iter().flatten() {
                assert!(new["columns"][name] == *column || is_meant(Some(name)), "{fixture}: {id}.{name}: {column} became {}", new["columns"][name]);
            }
        }
    }
}

/// Versions of a model share an entry.
fn model_of(id: &str) -> &str {
    id.rsplit_once(".v").map_or(id, |(model, _)| model)
}

#[test]
fn init_with_the_persons_own_dbt() {
    let dbt = Dbt::installed();
    let project = copy_of("shop");
    // A program as a virtual environment has it.
    let bin = project.path().join(".venv/bin");
    std::fs::create_dir_all(&bin).unwrap();
    let script = format!("#!/bin/sh\nPYTHONPATH='{}' DBT_SEND_ANONYMOUS_USAGE_STATS=false exec python3 -m dbt.cli.main \"$@\"\n", dbt.0.display());
    std::fs::write(bin.join("dbt"), script).unwrap();
    Command::new("chmod").arg("+x").arg(bin.join("dbt")).status().unwrap();
    let person = Person::new();
    let made = person.json(project.path(), &["init", "--method", "core", "--profiles-dir", "."]);
    assert_eq!(made["method"], "core");
    let manifest = made["artifacts"].as_array().unwrap().iter().find(|report| report["file"] == "manifest.json").unwrap();
    assert!(manifest["problem"].is_null() && manifest["nodes"].as_u64().unwrap() > 20 && manifest["schema"] == 12, "{made}");
    // What dbt prints when it fails is shown.
    std::fs::write(project.path().join("models/broken.sql"), "select * from {{ ref('no_such_model') }}").unwrap();
    let ran = person.run(project.path(), &["init", "--profiles-dir", "."]);
    assert!(!ran.ok && ran.err.contains("dbt parse failed:") && ran.err.contains("depends on a node named 'no_such_model' which was not found"), "{ran:?}");
    std::fs::remove_file(bin.join("dbt")).unwrap();
    let ran = person.with("PATH", "/nowhere").run(project.path(), &["init"]);
    assert!(!ran.ok && ran.err.contains("no dbt was found"), "{ran:?}");
}
