//! Edits of YAML, judged by PyYAML, which is what dbt reads with.

use crate::harness::TOOLS;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};
use syntax::yaml_edit::{Step, set_string};

/// Prints, for each pair of texts, whether the second is the first plus the description, by PyYAML.
const JUDGE: &str = r#"
import json, sys, yaml
for line in sys.stdin:
    case = json.loads(line)
    try:
        old, new = yaml.safe_load(case["old"]) or {}, yaml.safe_load(case["new"])
        entry = next(entry for entry in new["models"] if entry["name"] == case["model"])
        if case["column"] is not None:
            entry = next(column for column in entry["columns"] if column["name"] == case["column"])
        written = entry["description"]
        good = written == case["value"]
        def described(tree):
            for model in (tree.get("models") or []):
                if model.get("name") == case["model"]:
                    if case["column"] is None: return model
                    for column in (model.get("columns") or []):
                        if column.get("name") == case["column"]: return column
        before = described(old)
        if before is None:
            pass
        elif "description" in before: entry["description"] = before["description"]
        else: del entry["description"]
        if before is not None: good = good and old == new
        print(json.dumps([good, repr(written)]))
    except Exception as error: print(json.dumps([False, repr(error)]))
"#;

#[test]
fn pyyaml_reads_what_was_meant() {
    let packages = TOOLS.python_packages("pyyaml-6.0.2", &["PyYAML==6.0.2"]).unwrap();
    const SCALARS: &[&str] = &[
        "yes",
        "No",
        "0777",
        "12:30",
        "1_000",
        "2020-01-01",
        "~",
        "null",
        "1e3",
        ".5",
        "=",
        "<<",
        "0x1F",
        "0b1",
        "+1",
        "1:2:3",
        "a: b",
        "a #b",
        "- a",
        "it's",
        "\"q\"",
        "{{ doc('x') }}",
        "%a",
        "@a",
        "`a`",
        "é — ü",
        "tab\there",
        "two\nlines",
        "two\n\nparagraphs\n",
        " lead",
        "trail ",
        "nbsp\u{a0}",
        "\u{85}nel",
        "😀",
        "a, b",
        "[a]",
        "{a}",
        "&a",
        "*a",
        "!a",
        "|",
        ">",
        "?",
        ":",
        "-",
        "#",
        "on",
        "off",
        "y",
        "n",
        "a\\b",
    ];
    const DESCRIPTIONS: &[&str] = &[
        "",
        "    description: plain\n",
        "    description: 'quo''ted'  # why\n",
        "    description: \"dou\\\"ble\"\n",
        "    description: |\n      one\n\n      two\n",
        "    description: >-\n      folded\n      text\n\n",
        "    description:\n",
    ];
    const TAILS: &[&str] = &[
        "",
        "    columns:\n      - name: id\n      - name: b   # note\n        data_tests: [unique]\n",
        "    columns:\n    - name: id\n      description: |+\n        kept\n\n",
        "    columns: []\n",
        "    columns: [{name: id}, {name: b, description: x}]\n",
        "    meta: {a: yes, b: [1, 0o7]}\n",
    ];
    let mut runner = TestRunner::deterministic();
    let any = (
        prop::sample::select(SCALARS),
        prop::sample::select(DESCRIPTIONS),
        prop::sample::select(TAILS),
        prop::sample::select(DESCRIPTIONS),
        prop::option::of(prop::sample::select(vec!["id", "b", "new"])),
        prop::sample::select(vec!["a", "z", "new"]),
        any::<bool>(),
        any::<bool>(),
    );
    let mut cases: Vec<Value> = Vec::new();
    let mut refused = 0;
    for _ in 0..3000 {
        let (value, first, tail, second, column, model, crlf, end) = any.new_tree(&mut runner).unwrap().current();
        let mut old = format!("# head\nversion: 2\nmodels:\n  - name: a   # first\n{first}{tail}\n  - name: z\n{second}\nlast: {{x: 012}}\n");
        if !end {
            old.pop();
        }
        if crlf {
            old = old.replace('\n', "\r\n");
        }
        let mut path = vec![Step::key("models"), Step::named(model)];
        path.extend(column.map(|column| [Step::key("columns"), Step::named(column)]).into_iter().flatten());
        match set_string(&old, &path, "description", value) {
            Ok(edits) => {
                let new = text::apply_edits(&old, &edits).unwrap();
                cases.push(json!({"old": old, "new": new, "model": model, "column": column, "value": value}));
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused < 150, "{refused} of 3000 were refused");
    let mut judge = Command::new("python3").args(["-c", JUDGE]).env("PYTHONPATH", packages).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = judge.stdin.take().unwrap();
    let lines: String = cases.iter().map(|case| format!("{case}\n")).collect();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = judge.wait_with_output().unwrap();
    writer.join().unwrap();
    let verdicts: Vec<Value> = String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(verdicts.len(), cases.len());
    for (case, verdict) in cases.iter().zip(&verdicts) {
        assert_eq!(verdict[0], true, "{verdict}\nvalue {}\n{}\n=>\n{}", case["value"], case["old"].as_str().unwrap(), case["new"].as_str().unwrap());
    }
}
