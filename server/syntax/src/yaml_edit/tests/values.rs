//! Values, moves and widths.

use super::*;

/// What an edit does, as a diff shows it.
fn diff(source: &str, made: Result<Vec<Edit>, Refusal>, expected: Expect) {
    let edits = match made {
        Ok(edits) => edits,
        Err(refusal) => return expected.assert_eq(&format!("refused: {refusal}")),
    };
    let made = apply_edits(source, &edits).expect("edits fit");
    let diff = text::unified_diff(&source.replace('\r', "␍"), &made.replace('\r', "␍"), "a");
    let changed: Vec<&str> =
        diff.lines().skip(2).filter(|line| line.starts_with(['+', '-', '@'])).map(|line| if line.starts_with('@') { "@" } else { line }).collect();
    expected.assert_eq(&changed.join("\n"));
}

const RICH: &str = "version: 2

models:
  # the facts
  - name: orders
    meta: {owner: me}
    tags: [a, b]
    columns:
      # the key
      - name: id   # first

      # about money
      - name: amount
        tags:
          - x   # why
        meta:
          unit: eur
      - name: at
    # behind the columns
---
second: document
";

#[test]
fn any_value_is_written_in_the_files_manner() {
    let orders = [Step::key("models"), Step::named("orders")];
    diff(
        RICH,
        set(RICH, &orders, "tags", &json!(["a", "no", "x, y", 1, null])),
        expect![[r#"
        @
        -    tags: [a, b]
        +    tags: [a, "no", "x, y", 1, null]"#]],
    );
    diff(
        RICH,
        set(RICH, &orders, "config", &json!({"materialized": "table", "+meta": {"on": true, "n": 1.5, "big": 1e30}, "empty": []})),
        expect![[r#"
        @
        +    config:
        +      materialized: table
        +      +meta:
        +        'on': true
        +        'n': 1.5
        +        big: 1.0e+30
        +      empty: []"#]],
    );
    diff(
        RICH,
        set(RICH, &column_path("orders", "id"), "data_tests", &json!(["unique", {"accepted_values": {"arguments": {"values": ["a", "b"]}}}])),
        expect![[r#"
        @
        +        data_tests:
        +          - unique
        +          - accepted_values:
        +              arguments:
        +                values: [a, b]"#]],
    );
    diff(
        RICH,
        set(RICH, &column_path("orders", "amount"), "tags", &json!("z")),
        expect![[r#"
        @
        -        tags:
        -          - x   # why
        +        tags: z   # why"#]],
    );
    diff(
        RICH,
        set(RICH, &column_path("orders", "amount"), "meta", &json!(3)),
        expect![[r#"
        @
        -        meta:
        -          unit: eur
        +        meta: 3"#]],
    );
    diff(
        RICH,
        set(RICH, &column_path("orders", "at"), "quote", &json!(true)),
        expect![[r#"
        @
        +        quote: true"#]],
    );
    diff(RICH, set_string(RICH, &orders, "tags", "x"), expect!["refused: `tags` is not a plain string here"]);
}

#[test]
fn entries_and_keys_move_with_their_comments() {
    let columns = [Step::key("models"), Step::named("orders"), Step::key("columns")];
    diff(
        RICH,
        reorder(RICH, &columns, &[2, 0, 1]),
        expect![[r#"
        @
        +      - name: at
        @
        -      - name: at"#]],
    );
    diff(
        RICH,
        move_entry(RICH, &column_path("orders", "amount"), 0),
        expect![[r#"
        @
        -      - name: id   # first
        @
        +      - name: id   # first"#]],
    );
    diff(
        RICH,
        remove_entry(RICH, &column_path("orders", "amount")),
        expect![[r#"
        @
        -
        -      # about money
        -      - name: amount
        -        tags:
        -          - x   # why
        -        meta:
        -          unit: eur"#]],
    );
    diff(RICH, remove_entry(RICH, &[Step::key("models"), Step::named("orders")]), expect!["refused: it is the only entry of its list"]);
    let orders = [Step::key("models"), Step::named("orders")];
    let config = [&orders[..], &[Step::key("config")]].concat();
    diff(
        RICH,
        move_key(RICH, &orders, "meta", &config),
        expect![[r#"
        @
        -    meta: {owner: me}
        +    config:
        +      meta: {owner: me}"#]],
    );
    let amount = column_path("orders", "amount");
    let deep = [&amount[..], &[Step::key("config"), Step::key("x")]].concat();
    diff(
        RICH,
        move_key(RICH, &amount, "tags", &deep),
        expect![[r#"
        @
        -        tags:
        -          - x   # why
        +        config:
        +          x:
        +            tags:
        +              - x   # why"#]],
    );
    diff(RICH, move_key(RICH, &amount, "meta", &orders), expect!["refused: `meta` is there already"]);
    diff(RICH, move_key(RICH, &amount, "tags", &orders), expect!["refused: `tags` is there already"]);
    let flow = "a: {b: 1, c: [x, y, z]}\nd:\n  e: |\n    text\n";
    diff(
        flow,
        move_key(flow, &[Step::key("a")], "b", &[Step::key("a"), Step::key("k")]),
        expect![[r#"
        @
        -a: {b: 1, c: [x, y, z]}
        +a: {k: {b: 1}, c: [x, y, z]}"#]],
    );
    diff(
        flow,
        reorder(flow, &[Step::key("a"), Step::key("c")], &[1, 2, 0]),
        expect![[r#"
        @
        -a: {b: 1, c: [x, y, z]}
        +a: {b: 1, c: [y, z, x]}"#]],
    );
    diff(
        flow,
        remove_entry(flow, &[Step::key("a"), Step::key("c"), Step::Item(1)]),
        expect![[r#"
        @
        -a: {b: 1, c: [x, y, z]}
        +a: {b: 1, c: [x, z]}"#]],
    );
    diff(flow, move_key(flow, &[Step::key("d")], "e", &[]), expect!["refused: `e` is all that there is of the entry"]);
}

#[test]
fn long_texts_go_on_where_the_file_has_them_go_on() {
    let long = "The quick brown fox jumps over the lazy dog - and over: no, not over the fence; the fence is too high for it, as all know.";
    let wrapped = "models:
  - name: a
    description: This text of somebody else goes on in the next line as it would
      be too long for one.
  - name: b
    description: \"x\"
  - name: c
";
    diff(
        wrapped,
        set_string(wrapped, &[Step::key("models"), Step::named("b")], "description", long),
        expect![[r#"
        @
        -    description: "x"
        +    description: "The quick brown fox jumps over the lazy dog - and over: no,
        +      not over the fence; the fence is too high for it, as all know.""#]],
    );
    diff(
        wrapped,
        set_string(wrapped, &[Step::key("models"), Step::named("c")], "description", &long.replace(": ", " ")),
        expect![[r#"
        @
        +    description: The quick brown fox jumps over the lazy dog - and over no, not
        +      over the fence; the fence is too high for it, as all know."#]],
    );
    let folded = "models:
  - name: a
    description: >
      This is a file of wide lines, which go on until the hundredth column or so, and then somewhat further on.
      Last line.
  - name: b
";
    diff(
        folded,
        set_string(folded, &[Step::key("models"), Step::named("b")], "description", long),
        expect![[r#"
        @
        +    description: >-
        +      The quick brown fox jumps over the lazy dog - and over: no, not over the fence; the fence is too high for
        +      it, as all know."#]],
    );
}
