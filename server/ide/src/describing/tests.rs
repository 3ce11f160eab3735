use crate::test_support::{analysis, at_cursor};
use crate::{DescribeAct, DescribeTarget, RuleSet};
use expect_test::{Expect, expect};
use testkit::Fixture;
use text::TextRange;

/// What is changed where a target gets a text.
fn check(fixture: &str, unique_id: &str, column: Option<&str>, text: &str, expected: Expect) {
    let analysis = analysis(&Fixture::parse(fixture));
    let target = DescribeTarget { unique_id: unique_id.to_owned(), column: column.map(str::to_owned) };
    let shown = match analysis.describe(&target, text) {
        Ok(made) => {
            let before = analysis.file_at(&made.path).map_or("", |file| &file.text);
            let after = text::apply_edits(before, &made.edits).expect("the edits fit");
            text::unified_diff(before, &after, &made.path.display().to_string()).replace('\r', "␍")
        }
        Err(refusal) => format!("refused: {refusal}"),
    };
    let lines: Vec<&str> = shown.lines().filter(|line| line.starts_with(['+', '-', 'r']) && !line.starts_with("---")).collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn a_docs_block_is_edited_in_its_place() {
    let shop = "-- file: models/a.sql\nselect 1 as id, 2 as n, 3 as m\n-- file: models/m.yml\nmodels:\n  - name: a\n    description: '{{ doc(\"a\") }}'\n    columns:\n      - {name: id, description: \"{{ doc('shop', 'id') }}\"}\n      - {name: n, description: \"{{ doc('id') }} and more\"}\n      - {name: m, description: \"{{ doc('p', 'id') }}\"}\n-- file: models/d.md\nProse.\n{% docs a %}\n\nOld\ntext.\n\n{% enddocs %}\n{% docs id %}{% enddocs %}\n-- file: dbt_packages/p/dbt_project.yml\nname: p\n-- file: dbt_packages/p/models/d.md\n{% docs id %}x{% enddocs %}\n";
    // Another block is called from the entry; the one that stands there is there.
    check(
        shop,
        "model.shop.a",
        None,
        "{{ doc('id') }}",
        expect![[r#"
        +++ b//project/models/m.yml
        -    description: '{{ doc("a") }}'
        +    description: '{{ doc(''id'') }}'"#]],
    );
    check(shop, "model.shop.a", None, "{{ doc('a') }}", expect![[r#""#]]);
    check(
        shop,
        "model.shop.a",
        None,
        "New text.",
        expect![[r#"
        +++ b//project/models/d.md
        -Old
        -text.
        +New text."#]],
    );
    check(
        shop,
        "model.shop.a",
        Some("id"),
        "The key.",
        expect![[r#"
        +++ b//project/models/d.md
        -{% docs id %}{% enddocs %}
        +{% docs id %}
        +The key.
        +{% enddocs %}"#]],
    );
    check(
        shop,
        "model.shop.a",
        Some("n"),
        "x",
        expect!["refused: the description takes its text from several parts or from another package; edit these instead"],
    );
    check(
        shop,
        "model.shop.a",
        Some("m"),
        "x",
        expect!["refused: the description takes its text from several parts or from another package; edit these instead"],
    );
    check(shop, "model.shop.a", None, "{% enddocs %}", expect!["refused: the text holds Jinja, which a docs block doesn't run"]);
}

#[test]
fn a_source_that_is_listed_twice() {
    let shop = "-- file: models/s.yml\nsources:\n  - name: raw\n    tables: [{name: one}]\n  - name: raw\n    tables: [{name: two}]\n";
    check(
        shop,
        "source.shop.raw.one",
        None,
        "One.",
        expect![[r#"
        +++ b//project/models/s.yml
        -    tables: [{name: one}]
        +    tables: [{name: one, description: One.}]"#]],
    );
    check(
        shop,
        "source.shop.raw.two",
        Some("id"),
        "Two.",
        expect![[r#"
        +++ b//project/models/s.yml
        -    tables: [{name: two}]
        +    tables: [{name: two, columns: [{name: id, description: Two.}]}]"#]],
    );
}

#[test]
fn what_was_improved_comes_back_byte_for_byte() {
    let texts = [
        "|\n      One\n      two.\n",
        "|-\n      One.\n",
        ">\n      One two.\n",
        ">-\n      One two.\n",
        "'it''s'\n",
        "\"a: b\"\n",
        "plain # why\n",
        "''\n",
        "\"\"  # empty\n",
    ];
    for text in texts.map(|text| format!("{text}    meta: {{}}\n")).into_iter().chain(texts.map(str::to_owned)) {
        let shop = format!("-- file: models/a.sql\nselect 1 as id\n-- file: models/m.yml\nmodels:\n  - name: a\n    description: {text}");
        let before = analysis(&Fixture::parse(&shop));
        let target = DescribeTarget { unique_id: "model.shop.a".to_owned(), column: None };
        let written = |analysis: &crate::Analysis, made: crate::FileEdits| {
            text::apply_edits(&analysis.file_at(&made.path).expect("the file").text, &made.edits).expect("the edits fit")
        };
        let old = before.file_at(std::path::Path::new("/project/models/m.yml")).expect("the file").text.clone();
        let replaced = before.to_be_replaced(&target);
        let made = before.describe(&target, "Something else.").expect("it is written");
        let middle = written(&before, made);
        let after = analysis(&Fixture::parse(&format!("-- file: models/a.sql\nselect 1 as id\n-- file: models/m.yml\n{middle}")));
        let draft = crate::Draft {
            kind: crate::DraftKind::Description,
            target: target.clone(),
            text: "Something else.".to_owned(),
            origin: String::new(),
            state: crate::DraftState::Draft,
            described: String::new(),
            replaced,
        };
        let made = after.withdraw(&draft).expect("it is taken out");
        assert_eq!(written(&after, made), *old, "{text}");
    }
}

#[test]
fn a_source_as_a_whole() {
    let shop = "-- file: models/s.yml\nsources:\n  - name: raw # here\n    tables:\n      - name: one\n      - {name: two, description: Two.}\n  - name: other\n    description: Theirs.\n    tables: [{name: one}]\n";
    check(
        shop,
        "source.shop.raw",
        None,
        "The shop's database.",
        expect![[r#"
        +++ b//project/models/s.yml
        +    description: The shop's database."#]],
    );
    check(
        shop,
        "source.shop.other",
        None,
        "Another.",
        expect![[r#"
        +++ b//project/models/s.yml
        -    description: Theirs.
        +    description: Another."#]],
    );
    let (analysis, file, offset) = at_cursor(&shop.replace("name: raw", "name: r$0aw"));
    let titles: Vec<String> = analysis.code_actions(&file, TextRange::at(offset)).into_iter().map(|action| action.title).collect();
    expect![[r#"
        Write description for source `raw`
        Write all missing descriptions in this file"#]]
    .assert_eq(&titles.join("\n"));
}

#[test]
fn macros_and_their_arguments() {
    let shop = "-- file: macros/m.sql\n{% macro cents(column, scale=2) %}{% endmacro %}\n{% macro other() %}{% endmacro %}\n-- file: macros/m.yml\nmacros:\n  - name: cents\n    arguments:\n      - name: column\n        type: string\n-- file: dbt_packages/p/dbt_project.yml\nname: p\n-- file: dbt_packages/p/macros/d.sql\n{% macro theirs() %}{% endmacro %}\n";
    check(
        shop,
        "macro.shop.cents",
        None,
        "Cents as euros.",
        expect![[r#"
        +++ b//project/macros/m.yml
        +    description: Cents as euros."#]],
    );
    check(
        shop,
        "macro.shop.cents",
        Some("column"),
        "What is in cents.",
        expect![[r#"
        +++ b//project/macros/m.yml
        +        description: What is in cents."#]],
    );
    check(
        shop,
        "macro.shop.cents",
        Some("scale"),
        "Digits.",
        expect![[r#"
        +++ b//project/macros/m.yml
        +      - name: scale
        +        description: Digits."#]],
    );
    check(
        shop,
        "macro.shop.other",
        None,
        "Does nothing.",
        expect![[r#"
        +++ b//project/macros/m.yml
        +  - name: other
        +    description: Does nothing."#]],
    );
    check(shop, "macro.p.theirs", None, "x", expect!["refused: `theirs` belongs to package `p`, whose files are not ours to change"]);
    let offered = |fixture: &str, act: DescribeAct| {
        let (analysis, file, offset) = at_cursor(fixture);
        let actions = analysis.code_actions(&file, TextRange::at(offset)).into_iter().filter(|action| action.act == act);
        actions.map(|action| action.title).collect::<Vec<_>>().join("\n")
    };
    let titles = |fixture: &str| offered(fixture, DescribeAct::Write);
    let improved = |fixture: &str| offered(fixture, DescribeAct::Improve);
    expect!["Write description for macro `cents`"].assert_eq(&titles(&shop.replace("macro cents", "macro ce$0nts")));
    expect!["Write description for argument `column` of macro `cents`"].assert_eq(&titles(&shop.replace("- name: column", "- name: col$0umn")));
    expect!["Improve description of argument `column` of macro `cents`"]
        .assert_eq(&improved(&shop.replace("type: string", "description: Wh$0at is in cents.")));
}

#[test]
fn new_entries_go_where_the_project_has_such() {
    let at = |files: &str| {
        let all = format!("-- file: models/new/x.sql\nselect 1\n{files}");
        let analysis = analysis(&Fixture::parse(&all));
        let target = DescribeTarget { unique_id: "model.shop.x".to_owned(), column: None };
        analysis
            .describe(&target, "X.")
            .map_or_else(|why| why.to_string(), |made| made.path.strip_prefix("/project").unwrap_or(&made.path).display().to_string())
    };
    let of = |folder: &str, file: &str, models: &[&str]| {
        let sql: String = models.iter().map(|name| format!("-- file: models/{folder}/{name}.sql\nselect 1\n")).collect();
        let entries: String = models.iter().map(|name| format!("  - name: {name}\n")).collect();
        format!("{sql}-- file: models/{folder}/{file}\nmodels:\n{entries}")
    };
    expect!["models/new/_new__models.yml"].assert_eq(&at(""));
    expect!["models/new/schema.yml"].assert_eq(&at(&format!("{}{}", of("a", "schema.yml", &["a1", "a2"]), of("b", "schema.yml", &["b1"]))));
    expect!["models/new/_new_models.yml"].assert_eq(&at(&format!("{}{}", of("core", "_core_models.yml", &["a1", "a2"]), of("b", "_b_models.yml", &["b1"]))));
    expect!["models/new/x.yml"].assert_eq(&at(&format!("{}{}{}", of("a", "a1.yml", &["a1"]), of("a", "a2.yml", &["a2"]), of("b", "all.yml", &["b1", "b2"]))));
    expect!["models/new/_x.yml"].assert_eq(&at(&format!("{}{}", of("new", "_n1.yml", &["n1"]), of("b", "b.yml", &["b1", "b2"]))));
    expect!["models/new/all.yml"].assert_eq(&at(&format!("{}{}", of("new", "all.yml", &["n1", "n2"]), of("b", "b1.yml", &["b1"]))));
}

#[test]
fn the_setting_has_the_last_word() {
    let refused = |pattern: &str| RuleSet::default().with_new_entries(Some(pattern)).1.is_some();
    assert!(["../{name}.yml", "/x.yml", "x.sql", "a//b.yml", "c:x.yml"].into_iter().all(refused));
    assert!(!["{name}.yml", "yaml/_{folder}__{section}.yaml"].into_iter().any(refused));
}

#[test]
fn a_docs_block_that_two_share_is_filled_once() {
    let shop = "-- file: models/a.sql\nselect 1 as id, 2 as n\n-- file: models/m.yml\nmodels:\n  - name: a\n    columns:\n      - {name: id, description: \"{{ doc('sh') }}\"}\n      - {name: n, description: \"{{ doc('sh') }}\"}\n-- file: models/d.md\n{% docs sh %}\n{% enddocs %}\n";
    let analysis = analysis(&Fixture::parse(shop));
    let target = |column: &str| DescribeTarget { unique_id: "model.shop.a".to_owned(), column: Some(column.to_owned()) };
    let (made, refused) = analysis.describe_all(&[(target("id"), "One.".to_owned()), (target("n"), "Two.".to_owned())]);
    let after = text::apply_edits(&analysis.file_at(&made[0].path).expect("the file").text, &made[0].edits).expect("the edits fit");
    expect![[r#"
        {% docs sh %}
        One.
        {% enddocs %}
        column `n` of `a`: the docs block `sh` has got another text just now, which it shares"#]]
    .assert_eq(&format!("{after}{}: {}", analysis.label_of(&refused[0].0), refused[0].1));
}
