//! A host whose project is parsed elsewhere: it answers from the index that was kept, over texts that have changed since.

#![allow(clippy::expect_used)]

use ide::{AnalysisHost, Navigation};
use std::path::{Path, PathBuf};
use testkit::Fixture;
use text::TextRange;
use vfs::FileText;

const FILES: &str = "-- file: seeds/s.csv\nid,name\n1,é\n-- file: models/a.sql\nselect id, name from {{ ref('s') }}\n-- file: models/b.sql\nwith x as (select * from {{ ref('a') }}) select x.id, {{ cents('name') }} as cents from x join {{ source('raw', 't') }} on 1 = 1\n-- file: models/m.yml\nversion: 2\nmodels:\n  - name: a\n    description: \"{{ doc('a') }}\"\n    columns:\n      - name: id\n        data_tests: [unique, not_null]\n  - name: b\n    columns: [{name: id, description: x}]\nsources: [{name: raw, tables: [{name: t, columns: [{name: k}]}]}]\n-- file: models/d.md\n{% docs a %}Ä text.{% enddocs %}\n-- file: macros/m.sql\n{% macro cents(x) %}{{ x }} / 100{% endmacro %}\n";

fn files() -> Vec<(PathBuf, FileText)> {
    let root = Path::new("/project");
    Fixture::parse(FILES).files.iter().map(|(path, text)| (root.join(path), FileText::new(text.as_str()))).collect()
}

/// A host over a kept state.
fn restored() -> AnalysisHost {
    let mut before = AnalysisHost::new(Path::new("/project"));
    before.load(files());
    before.publish();
    let mut host = AnalysisHost::new(Path::new("/project"));
    host.restore(before.snapshot().expect("a state"));
    host
}

#[test]
fn nothing_is_parsed_and_nobody_falls_over() {
    let mut host = restored();
    host.await_parse(true);
    let others = ["", "é", "select\n", "{{ ref('", "é: [{", "models:\n  - name: a\n"];
    for (path, _) in files() {
        for text in others {
            host.set_overlay(&path, Some(text.into()));
            let analysis = host.publish();
            for file in analysis.files.values() {
                let offsets = [0, 1, file.text.len() / 2, file.text.len()].map(|at| file.text.floor_char_boundary(at));
                let whole = TextRange::new(0, file.text.len());
                for offset in offsets {
                    analysis.hover(file, offset);
                    for to in [Navigation::Definition, Navigation::Declaration, Navigation::TypeDefinition, Navigation::Implementation] {
                        analysis.navigate(file, offset, to);
                    }
                    analysis.references(file, offset, true);
                    analysis.highlights(file, offset);
                    let _ = analysis.prepare_rename(file, offset);
                    let _ = analysis.rename(file, offset, "other");
                    analysis.completions(file, offset, &[]);
                    analysis.signature_help(file, offset);
                    analysis.fixes(file, TextRange::at(offset));
                    for action in analysis.code_actions(file, TextRange::at(offset)) {
                        let _ = analysis.describe_all(&[(action.targets[0].clone(), "It is.".to_owned())]);
                    }
                    let _ = analysis.compiled(file, Some(offset));
                }
                analysis.diagnostics(file);
                analysis.lenses(file);
                analysis.hints(file, whole);
                analysis.links(file);
                analysis.tokens(file, None);
                analysis.document_symbols(file);
                analysis.folds(file);
            }
        }
        host.set_overlay(&path, None);
    }
    assert_eq!(host.whole_parses(), 0, "the parse was made here after all");
    let file = host.publish().file_at(Path::new("/project/models/a.sql")).expect("the file").clone();
    assert_eq!(&*file.text, "select id, name from {{ ref('s') }}\n");
}

#[test]
fn a_parse_that_never_came_is_made_here() {
    let mut host = restored();
    host.await_parse(true);
    let path = Path::new("/project/models/b.sql");
    host.set_overlay(path, Some("select * from {{ ref('gone') }}\n".into()));
    let told = |host: &mut AnalysisHost| {
        let analysis = host.publish();
        let file = analysis.file_at(path).expect("the file");
        analysis.diagnostics(file).iter().any(|found| found.code == "unknown-ref")
    };
    assert!(!told(&mut host), "the index is the one that was kept");
    host.await_parse(false);
    assert!(told(&mut host));
    assert_eq!(host.whole_parses(), 1);
}
