//! Edits of a properties file of 10,000 lines: `cargo bench -p ragstar-syntax --bench yaml_edit`.

#![allow(clippy::expect_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use std::fmt::Write;
use std::hint::black_box;
use syntax::yaml_edit::{self, Step};

/// As many lines has the file.
const LINES: usize = 10_000;

/// Models with ten columns each, as people write them.
fn file() -> String {
    let mut text = String::from("version: 2\n\nmodels:\n");
    let mut model = 0;
    while text.matches('\n').count() < LINES {
        let _ = write!(text, "  - name: model_{model}\n    description: \"What model {model} holds: one row per thing.\"\n    columns:\n");
        for column in 0..10 {
            let _ = write!(text, "      - name: column_{column}   # of {model}\n        description: Column {column} of it\n        data_tests: [not_null]\n");
        }
        text.push('\n');
        model += 1;
    }
    text
}

fn edits(bench: &mut Criterion) {
    let text = file();
    let model = |number: usize| vec![Step::key("models"), Step::named(&format!("model_{number}"))];
    let column = |number: usize, column: &str| [model(number), vec![Step::key("columns"), Step::named(column)]].concat();
    bench.bench_function("a description replaced", |bench| {
        let path = column(150, "column_5");
        bench.iter(|| yaml_edit::set_string(black_box(&text), &path, "description", "Another text").expect("an edit"));
    });
    bench.bench_function("a column added", |bench| {
        let path = column(150, "new");
        bench.iter(|| yaml_edit::set_string(black_box(&text), &path, "description", "A text").expect("an edit"));
    });
    bench.bench_function("a description taken out", |bench| {
        let path = column(150, "column_5");
        bench.iter(|| yaml_edit::remove_key(black_box(&text), &path, "description").expect("an edit"));
    });
    bench.bench_function("columns in another order", |bench| {
        let path = [model(150), vec![Step::key("columns")]].concat();
        bench.iter(|| yaml_edit::reorder(black_box(&text), &path, &[9, 8, 7, 6, 5, 4, 3, 2, 1, 0]).expect("an edit"));
    });
    // As the editor does it, which knows from the index where the entry is.
    let root = syntax::yaml::parse(&text).root.expect("a document");
    let entry = yaml_edit::find(&root, &model(150)).expect("the entry").range;
    for (name, at) in [("a description replaced, its entry known", "column_5"), ("a column added, its entry known", "new")] {
        let path = [Step::key("columns"), Step::named(at)];
        bench.bench_function(name, |bench| {
            bench.iter(|| yaml_edit::set_string_in(black_box(&text), entry, &path, "description", "Another text").expect("read alone").expect("an edit"));
        });
    }
    bench.bench_function("read", |bench| bench.iter(|| syntax::yaml::parse(black_box(&text))));
}

criterion_group!(benches, edits);
criterion_main!(benches);
