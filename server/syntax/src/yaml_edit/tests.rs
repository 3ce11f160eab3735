use super::*;
use data::json;
use expect_test::{Expect, expect};
use proptest::prelude::*;
use text::TextRange;

mod values;

fn column_path(model: &str, column: &str) -> Vec<Step> {
    vec![Step::key("models"), Step::named(model), Step::key("columns"), Step::named(column)]
}

fn check(source: &str, path: &[Step], value: &str, expected: Expect) {
    let made = match set_string(source, path, "description", value) {
        Ok(edits) => apply_edits(source, &edits).expect("edits fit"),
        Err(refusal) => format!("refused: {refusal}"),
    };
    expected.assert_eq(&made);
}

const SOURCE: &str = "version: 2

models:
  # orders come first
  - name: orders   # the fact
    description: \"One row per order.\"

    columns:
      - name: id
        data_tests: [unique]   # key

      - {name: flow, data_tests: [not_null]}
      - name: empty
        description:   # todo
  - name: bare

exposures: []
";

#[test]
fn what_a_merge_brings_is_not_hidden() {
    let sources = "sources:\n- &al\n  name: one\n  tables:\n  - name: t\n    identifier: t_in_db\n- <<: *al\n  name: two\n";
    let path = vec![Step::key("sources"), Step::named("two"), Step::key("tables"), Step::named("t")];
    check(sources, &path, "x", expect!["refused: `tables` comes from elsewhere in the file (`<<`), and would be hidden"]);
    let merged = "a: &a {description: old}\nmodels:\n- <<: *a\n  name: m\n";
    check(
        merged,
        &[Step::key("models"), Step::named("m")],
        "new",
        expect![[r#"
            a: &a {description: old}
            models:
            - <<: *a
              name: m
              description: new
        "#]],
    );
}

#[test]
fn letters_of_several_bytes_at_the_end_of_an_entry() {
    let head = "# a comment that makes the file a large one\n".repeat(1800);
    for text in ["description: Größe in é", "description: 'Ende 👩'", "tags: [é]"] {
        let source = format!("{head}models:\n  - name: a\n    columns:\n      - name: id\n        {text}\n");
        let tree = crate::yaml::parse(&source).root.expect("it is read");
        let entry = find(&tree, &[Step::key("models"), Step::named("a")]).expect("it is there").range;
        let column = [Step::key("columns"), Step::named("id")];
        let made = set_string_in(&source, entry, &column, "description", "ü").expect("it stands alone").expect("it is written");
        assert!(apply_edits(&source, &made).expect("the edits fit").contains("ü"));
        assert!(remove_entry(&source, &column_path("a", "id")).is_err(), "it is the only one");
    }
}

#[test]
fn a_line_ends_as_before_in_a_file_of_mixed_ends() {
    let source = "models:\r\n  - name: a\n    meta: {}\r\n";
    let made = set_string(source, &[Step::key("models"), Step::named("a")], "description", "x").expect("it is written");
    assert_eq!(apply_edits(source, &made).expect("the edits fit"), "models:\r\n  - name: a\n    description: x\n    meta: {}\r\n");
}

#[test]
fn comments_below_an_entry_stay_with_it() {
    check(
        "models:\n  - name: a\n    columns:\n      - name: x\n        # what x is\n        # not\n      # - name: y\n    # of a\n",
        &column_path("a", "z"),
        "Z.",
        expect![[r#"
            models:
              - name: a
                columns:
                  - name: x
                    # what x is
                    # not
                  - name: z
                    description: Z.
                  # - name: y
                # of a
        "#]],
    );
}

#[test]
fn a_description_goes_behind_the_name() {
    check(
        SOURCE,
        &column_path("orders", "id"),
        "The key: unique",
        expect![[r#"
        version: 2

        models:
          # orders come first
          - name: orders   # the fact
            description: "One row per order."

            columns:
              - name: id
                description: "The key: unique"
                data_tests: [unique]   # key

              - {name: flow, data_tests: [not_null]}
              - name: empty
                description:   # todo
          - name: bare

        exposures: []
    "#]],
    );
}

/// Only the lines that differ, as a diff shows them.
fn check_diff(source: &str, path: &[Step], value: &str, expected: Expect) {
    let edits = match set_string(source, path, "description", value) {
        Ok(edits) => edits,
        Err(refusal) => return expected.assert_eq(&format!("refused: {refusal}")),
    };
    let made = apply_edits(source, &edits).expect("edits fit");
    let (old, new): (Vec<&str>, Vec<&str>) = (source.split('\n').collect(), made.split('\n').collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let lines = old[head..old.len() - tail].iter().map(|line| format!("-{line}"));
    let added = new[head..new.len() - tail].iter().map(|line| format!("+{line}"));
    expected.assert_eq(&lines.chain(added).collect::<Vec<_>>().join("\n").replace('\r', "␍"));
}

#[test]
fn flow_empty_missing_and_null_places() {
    check_diff(
        SOURCE,
        &column_path("orders", "flow"),
        "In a flow",
        expect![[r#"
        -      - {name: flow, data_tests: [not_null]}
        +      - {name: flow, description: "In a flow", data_tests: [not_null]}"#]],
    );
    check_diff(
        SOURCE,
        &column_path("orders", "empty"),
        "Filled",
        expect![[r#"
        -        description:   # todo
        +        description: "Filled"   # todo"#]],
    );
    check_diff(
        SOURCE,
        &column_path("orders", "new"),
        "Added",
        expect![[r#"
        +      - name: new
        +        description: "Added""#]],
    );
    check_diff(
        SOURCE,
        &column_path("bare", "a"),
        "Added",
        expect![[r#"
        +    columns:
        +      - name: a
        +        description: "Added""#]],
    );
    check_diff(
        SOURCE,
        &[Step::key("models"), Step::named("orders")],
        "Replaced",
        expect![[r#"
        -    description: "One row per order."
        +    description: "Replaced""#]],
    );
    check_diff(
        SOURCE,
        &[Step::key("models"), Step::named("fresh")],
        "Two\nlines",
        expect![[r#"
        +  - name: fresh
        +    description: |-
        +      Two
        +      lines"#]],
    );
    check_diff(
        SOURCE,
        &[Step::key("seeds"), Step::named("s")],
        "x",
        expect![[r#"
        +seeds:
        +  - name: s
        +    description: "x"
        +"#]],
    );
    check_diff(
        SOURCE,
        &[Step::key("exposures"), Step::named("e")],
        "x",
        expect![[r#"
        -exposures: []
        +exposures: [{name: e, description: x}]"#]],
    );
}

#[test]
fn crlf_no_final_newline_and_lists_without_indent() {
    check_diff(
        "models:\r\n- name: a\r\n  columns:\r\n  - name: b\r\n    description: 'x'\r\n  - name: c",
        &column_path("a", "c"),
        "it's",
        expect![[r#"
        -  - name: c
        +  - name: c␍
        +    description: 'it''s'"#]],
    );
    check_diff(
        "models:\r\n- name: a\r\n  columns:\r\n",
        &column_path("a", "c"),
        "new",
        expect![[r#"
        +  - name: c␍
        +    description: new␍"#]],
    );
    check_diff(
        "",
        &column_path("a", "c"),
        "new",
        expect![[r#"
        +models:
        +  - name: a
        +    columns:
        +      - name: c
        +        description: new"#]],
    );
}

#[test]
fn block_scalars_are_replaced_whole() {
    let source = "models:\n  - name: a\n    description: >\n      Old text\n      goes here.\n\n    columns: []\n";
    check_diff(
        source,
        &[Step::key("models"), Step::named("a")],
        "New text.",
        expect![[r#"
        -    description: >
        -      Old text
        -      goes here.
        +    description: >-
        +      New text."#]],
    );
}

#[test]
fn what_cannot_be_done_exactly_is_refused() {
    check_diff(
        "models: &m\n  - name: a\nx: *m\ny: [",
        &[Step::key("models"), Step::named("a")],
        "v",
        expect!["refused: the file has a YAML error; mend it first: invalid YAML: while parsing a node, did not find expected node content"],
    );
    check_diff(
        "models:\n  - &m\n    name: a\n  - *m\nseeds: *m\n",
        &[Step::key("seeds")],
        "v",
        expect!["refused: the entry is an alias (`*…`); what it names would change everywhere"],
    );
    check_diff(
        "models:\n  - name: a\n    description: {a: 1}\n",
        &[Step::key("models"), Step::named("a")],
        "v",
        expect!["refused: `description` is not a plain string here"],
    );
    check_diff(
        "a: 1\n---\nb: 2\n",
        &[Step::key("models"), Step::named("a")],
        "v",
        expect![[r#"
            +
            +models:
            +  - name: a
            +    description: v"#]],
    );
}

/// Files in many hands' styles.
fn files() -> impl Strategy<Value = String> {
    let newline = prop_oneof![Just("\n"), Just("\r\n")];
    let indent = prop_oneof![Just(0usize), Just(2), Just(4)];
    let description = prop_oneof![
        Just(String::new()),
        Just("    description: plain text here\n".to_owned()),
        Just("    description: 'it''s quoted'   # why\n".to_owned()),
        Just("    description: \"say \\\"hi\\\" — ü\"\n".to_owned()),
        Just("    description: |\n      Two lines\n\n      of text\n".to_owned()),
        Just("    description: >-\n      folded\n      text\n\n".to_owned()),
        Just("    description: {{ doc('x') }}\n".replace("{{ doc('x') }}", "\"{{ doc('x') }}\"")),
        Just("    description:\n".to_owned()),
    ];
    let column = (
        "[a-c]",
        prop_oneof![
            Just(""),
            Just("        data_tests:\n          - unique\n"),
            Just("        # note\n        tags: ['x', y]\n"),
            Just("        description: |+\n          kept\n\n")
        ],
    );
    let model = (description, prop::collection::vec(column, 0..3), prop_oneof![Just(""), Just("\n"), Just("  # between\n"), Just("\n  # é\n\n")]);
    (newline, indent, prop::collection::vec(model, 0..4), any::<bool>(), any::<bool>()).prop_map(|(newline, indent, models, bom, end)| {
        let mut text = String::from("version: 2   # head\n\nmodels:\n");
        if models.is_empty() {
            text.push_str("  []\n");
        }
        for (number, (description, columns, tail)) in models.into_iter().enumerate() {
            text.push_str(&format!("  - name: m{number}\n{description}"));
            if !columns.is_empty() {
                text.push_str("    columns:\n");
            }
            for (place, (name, rest)) in columns.into_iter().enumerate() {
                text.push_str(&format!("      - name: {name}{place}\n{rest}"));
            }
            text.push_str(tail);
        }
        text.push_str("\nanchors: &x {a: 1}\nlast: *x\n");
        if indent == 0 {
            text = text.replace("\n  ", "\n").replace("\n[]", "\n  []");
            text = text.lines().map(|line| format!("{line}\n")).collect();
        }
        if !end {
            text.truncate(text.len() - 1);
        }
        let text = text.replace('\n', newline);
        if bom { format!("\u{feff}{text}") } else { text }
    })
}

/// All that was there is there still, in its order: the old text is the new one without what was put in.
fn only_inserted(old: &str, new: &str, value_place: Option<TextRange>) -> bool {
    let (old, new) = match value_place {
        // Where a value was replaced, compare what stood before and behind it.
        Some(range) => {
            let (head, tail) = (&old[..range.start as usize], old[range.end as usize..].trim_start());
            return new.starts_with(head) && new.ends_with(tail);
        }
        None => (old, new),
    };
    let head = old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count();
    new.len() >= old.len() && new.as_bytes().ends_with(&old.as_bytes()[head..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn every_other_byte_stays(source in files(), model in 0..5usize, column in prop::option::of("[a-d][0-2]"), value in prop_oneof!["[A-Za-z ,.:#'\"é-]{1,60}", "[ -~\n]{1,40}"]) {
        let value = value.trim().to_owned();
        prop_assume!(!value.is_empty());
        let mut path = vec![Step::key("models"), Step::named(&format!("m{model}"))];
        if let Some(column) = &column {
            path.extend([Step::key("columns"), Step::named(column)]);
        }
        let before = yaml::parse(&source);
        prop_assert_eq!(&before.error, &None, "{}", source);
        if let Ok(edits) = set_string(&source, &path, "description", &value) {
            let made = apply_edits(&source, &edits).expect("edits fit");
            let after = yaml::parse(&made).root.expect("a document");
            prop_assert_eq!(find(&after, &path).and_then(|node| node.get_str("description")), Some(value.as_str()));
            let root = before.root.expect("a document");
            let place = find(&root, &path).and_then(|node| node.get("description")).map(|node| node.range);
            prop_assert!(only_inserted(&source, &made, place), "{}\n=>\n{}", source, made);
        } else {
            // Only a comment behind an absent value, or null content, may be refused.
            let root = before.root.expect("a document");
            prop_assert!(value.contains('\n') || find(&root, &path).is_none(), "refused {:?} in\n{}", path, source);
        }
    }
}

#[test]
fn what_is_not_alone_is_left_to_the_whole_file() {
    let edit = |source: &str| {
        let root = yaml::parse(source).root.expect("a document");
        let entry = find(&root, &[Step::key("models"), Step::named("a")]).expect("the entry").range;
        set_string_in(source, entry, &[], "description", "New").map(|made| made.map(|edits| apply_edits(source, &edits).expect("edits fit")))
    };
    let plain = "models:\n  # c\n  - name: a\n    tags: x   # y\n\n  # d\n  - name: b\nlast: 1\n";
    assert_eq!(edit(plain), Some(Ok(plain.replace("name: a\n", "name: a\n    description: New\n"))));
    for other in [
        "models: [{name: a}, {name: b}]\n",
        "models:\n  - {name: a}\n  - name: b\n    x: &x 1\n  - name: c\n".replace("{name: a}", "&m {name: a}").as_str(),
        "models:\n  - name: a\n    tags: &x y\n",
        "models:\n  - name: a\n# between\n    tags: y\n",
        "models:\n- - name: q\n- name: a\n  text: \"x\n\ty\"\n",
    ] {
        assert_eq!(edit(other), None, "{other}");
    }
}

#[test]
fn of_two_entries_of_a_name_the_last_is_meant() {
    let source = "models:\n  - name: a\n    columns:\n      - name: b\n      - name: b\n        description: counts\n";
    check_diff(
        source,
        &column_path("a", "b"),
        "New",
        expect![[r#"
        -        description: counts
        +        description: New"#]],
    );
}

#[test]
fn blanks_at_the_end_of_a_block_go_with_it() {
    check_diff(
        "models:\n  - name: a\n    description: |\n      x  \n\n    tags: q\n",
        &[Step::key("models"), Step::named("a")],
        "New.",
        expect![[r#"
        -    description: |
        -      x  
        +    description: |-
        +      New."#]],
    );
}

fn check_removed(source: &str, path: &[Step], expected: Expect) {
    let made = match remove_key(source, path, "description") {
        Ok(edits) => apply_edits(source, &edits).expect("edits fit"),
        Err(refusal) => format!("refused: {refusal}"),
    };
    expected.assert_eq(&made.replace('\r', "␍"));
}

#[test]
fn a_key_goes_with_its_lines() {
    let a = [Step::key("models"), Step::named("a")];
    check_removed(
        "models:\n  - name: a\n    # what it is\n    description: >\n      Old text\n      goes here.\n\n    columns: []   # none\n",
        &a,
        expect![[r#"
            models:
              - name: a
                # what it is

                columns: []   # none
        "#]],
    );
    check_removed(
        "models:\r\n- description: x\r\n  name: a\r\n",
        &a,
        expect![[r#"
        models:␍
        - name: a␍
    "#]],
    );
    check_removed(
        "models:\n- name: a\n  description: 'x'",
        &a,
        expect![[r#"
        models:
        - name: a"#]],
    );
    check_removed(
        "models: [{description: x, name: a}, {name: b}]\n",
        &a,
        expect![[r#"
        models: [{name: a}, {name: b}]
    "#]],
    );
    check_removed(
        "models: [{name: a, description: \"x, y\", tags: []}]\n",
        &a,
        expect![[r#"
        models: [{name: a, tags: []}]
    "#]],
    );
    check_removed("models:\n- name: a\n  description: x # why\n", &a, expect!["refused: a comment stands behind the value; it would be lost"]);
    check_removed("description: x\n", &[], expect!["refused: `description` is all that there is of the entry"]);
    check_removed(
        "models:\n- name: a\n",
        &a,
        expect![[r#"
        models:
        - name: a
    "#]],
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn what_was_written_is_taken_out_again(source in files(), model in 0..5usize, column in prop::option::of("[a-d][0-2]"), value in "[A-Za-z ,.:'é-]{1,60}") {
        let value = value.trim().to_owned();
        prop_assume!(!value.is_empty());
        let mut path = vec![Step::key("models"), Step::named(&format!("m{model}"))];
        if let Some(column) = &column {
            path.extend([Step::key("columns"), Step::named(column)]);
        }
        let root = yaml::parse(&source).root.expect("a document");
        // Where there was an entry without a description, the way there and back changes nothing.
        if find(&root, &path).is_some_and(|node| node.get("description").is_none()) {
            let edits = set_string(&source, &path, "description", &value).expect("it is written");
            let made = apply_edits(&source, &edits).expect("edits fit");
            let edits = remove_key(&made, &path, "description").expect("it is taken out");
            prop_assert_eq!(apply_edits(&made, &edits).expect("edits fit"), source);
        } else if let Ok(edits) = remove_key(&source, &path, "description") {
            let made = apply_edits(&source, &edits).expect("edits fit");
            prop_assert!(yaml::parse(&made).error.is_none(), "{}", made);
            prop_assert!(edits.len() <= 1 && source.len() >= made.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn entries_move_and_nothing_is_lost(source in files(), model in 0..4usize, from in 0..3usize, to in 0..3usize) {
        let columns = vec![Step::key("models"), Step::Item(model), Step::key("columns")];
        let entry = [&columns[..], &[Step::Item(from)]].concat();
        let lines = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        if let Ok(edits) = move_entry(&source, &entry, to) {
            let made = apply_edits(&source, &edits).expect("edits fit");
            prop_assert_eq!(lines(&made), lines(&source));
            prop_assert_eq!(made.len(), source.len());
        }
        if let Ok(edits) = remove_entry(&source, &entry) {
            let made = apply_edits(&source, &edits).expect("edits fit");
            prop_assert!(edits.len() <= 1 && made.len() < source.len() || edits.is_empty());
        }
        let to = [&entry[..], &[Step::key("config")]].concat();
        if let Ok(edits) = move_key(&source, &entry, "tags", &to) {
            let made = apply_edits(&source, &edits).expect("edits fit");
            let comments = |text: &str| text.matches('#').count();
            prop_assert_eq!(comments(&made), comments(&source));
        }
    }

    #[test]
    fn an_entry_alone_is_edited_as_in_its_file(source in files(), model in 0..4usize, column in prop::option::of("[a-d][0-2]"), value in prop_oneof!["[A-Za-z ,.:#'\"é-]{1,60}", "[ -~\n]{1,40}"]) {
        let value = value.trim().to_owned();
        let model = [Step::key("models"), Step::named(&format!("m{model}"))];
        let below: Vec<Step> = column.iter().flat_map(|column| [Step::key("columns"), Step::named(column)]).collect();
        let path = [&model[..], &below].concat();
        let root = yaml::parse(&source).root.expect("a document");
        if let Some(entry) = find(&root, &model).filter(|_| !value.is_empty())
            && let Some(Ok(edits)) = set_string_in(&source, entry.range, &below, "description", &value)
        {
            // It is what the whole file would have proved.
            let whole = prove(&source, &root, &edits, |tree| {
                tree.set(&path, Some(("description", &json!(value.as_str()))));
                Some(())
            });
            prop_assert_eq!(whole, Ok(()), "{}", source);
        }
    }

    #[test]
    fn any_value_reads_back(source in files(), model in 0..4usize, numbers in prop::collection::vec(any::<i64>(), 0..3), texts in prop::collection::vec("[ -~]{0,12}", 0..3), float in any::<f64>(), key in "[ -~]{1,8}") {
        prop_assume!(float.is_finite() && key != "name" && key != "<<");
        let value = json!({"numbers": numbers, "texts": texts, "list": [{"a": texts, "f": float}, null, true], "deep": {"er": {"k": "v"}}});
        let path = [Step::key("models"), Step::named(&format!("m{model}"))];
        let edits = set(&source, &path, &key, &value).expect("it is written");
        let made = apply_edits(&source, &edits).expect("edits fit");
        let document = crate::yaml_value::document(&yaml::parse(&made));
        let read = document["models"].as_array().and_then(|models| models.iter().find(|found| found["name"] == format!("m{model}").as_str())).map(|found| found[key.as_str()].clone());
        prop_assert_eq!(read, Some(value));
    }
}
