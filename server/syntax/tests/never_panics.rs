//! Readers take anything: pieces of dbt's languages in any order, cut anywhere, and plain noise.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use syntax::yaml_edit::{Step, set_string};
use syntax::{OutlineItem, jinja, sql, yaml};

fn sql_soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "{{ ref('a') }}",
            "{{",
            "}}",
            "{%",
            "%}",
            "{#",
            "#}",
            "{%- if x -%}",
            "{% else %}",
            "{% endif %}",
            "{% for a in b %}",
            "{% endfor %}",
            "{% raw %}",
            "{% endraw %}",
            "{% docs d %}",
            "{% enddocs %}",
            "{% macro m(a, b={'x': 1}) %}",
            "{% endmacro %}",
            "{% test t(",
            "{% endtest %}",
            "{% snapshot s %}",
            "{% endsnapshot %}",
            "{% set x = ",
            "{% set y %}",
            "{% endset %}",
            "{% call f() %}",
            "{% endcall %}",
            "ref(",
            "source('a', ",
            "'",
            "\"",
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            ",",
            "with a as (",
            "select * from",
            " -- c\n",
            "/* ",
            " */",
            "\r\n",
            "\n",
            "é",
            "😀",
            "\u{2028}",
            "\0",
            "\\",
            "~",
            "|",
            "not",
            " in ",
            "loop.index",
            ".",
            "0x",
            "1e999"
        ])
        .prop_map(str::to_owned),
        ".{0,6}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn yaml_soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "models:\n",
            "  - name: a\n",
            "    columns:\n",
            "      - name: b\n",
            "    description: ",
            "|\n",
            ">-\n",
            "|+2\n",
            "\n",
            "\r\n",
            "    ",
            "\t",
            "'",
            "\"",
            "{",
            "}",
            "[",
            "]",
            "- ",
            "-",
            ": ",
            "# c\n",
            "&a ",
            "*a",
            "!!str ",
            "<<: *a\n",
            "---\n",
            "...\n",
            "? ",
            "é",
            "😀",
            "\u{feff}",
            "\u{85}",
            "\0",
            "x",
            "version: 2\n",
            "{{ doc('d') }}",
            "%TAG\n",
            "name"
        ])
        .prop_map(str::to_owned),
        ".{0,5}",
    ];
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn jinja_and_sql(source in sql_soup()) {
        let parsed = jinja::parse(&source);
        for call in &parsed.calls {
            for range in [call.range, call.callee] {
                prop_assert!(source.get(range.start as usize..range.end as usize).is_some(), "{range:?} of {source:?}");
            }
        }
        for error in &parsed.errors {
            prop_assert!(source.get(error.range.start as usize..error.range.end as usize).is_some(), "{error:?} of {source:?}");
        }
        for block in parsed.blocks.iter().chain(&jinja::docs(&source).0) {
            prop_assert!(source.get(block.body.start as usize..block.body.end as usize).is_some());
        }
        prop_assert_eq!(jinja::mask(&source).len(), source.len());
        let names = jinja::names(&source);
        for range in names.names.iter().map(|name| name.range).chain(names.strings).chain(names.locals.iter().map(|local| local.definition)) {
            prop_assert!(source.get(range.start as usize..range.end as usize).is_some(), "{range:?} of {source:?}");
        }
        for cte in sql::ctes(&source) {
            prop_assert!(source.get(cte.range.start as usize..cte.range.end as usize).is_some());
        }
        OutlineItem::of_sql(&source);
    }

    #[test]
    fn yaml_and_its_edits(source in yaml_soup(), value in ".{0,20}") {
        let tree = yaml::parse(&source);
        if let Some(root) = &tree.root {
            check_ranges(root, &source)?;
        }
        OutlineItem::of_yaml(&source);
        let path = [Step::key("models"), Step::named("a"), Step::key("columns"), Step::named("b")];
        if let Ok(edits) = set_string(&source, &path, "description", &value) {
            let made = text::apply_edits(&source, &edits).unwrap();
            let read = yaml::parse(&made);
            prop_assert!(read.error.is_none(), "{source:?} => {made:?}");
        }
    }
}

fn check_ranges(node: &yaml::Node, source: &str) -> Result<(), TestCaseError> {
    prop_assert!(source.get(node.range.start as usize..node.range.end as usize).is_some(), "{:?} of {:?}", node.range, source);
    for (key, value) in node.entries() {
        check_ranges(key, source)?;
        check_ranges(value, source)?;
    }
    node.items().iter().try_for_each(|item| check_ranges(item, source))
}

#[test]
fn texts_that_mean_to_hurt() {
    let long_sum = format!("{{{{ {} }}}} {{{{ ref('after') }}}}", vec!["1"; 50_000].join("+"));
    let parsed = jinja::parse(&long_sum);
    assert!(parsed.errors[0].message.contains("was not read") && parsed.calls.len() == 1);
    let in_small_stack = std::thread::Builder::new().stack_size(16 << 20);
    let just_short_enough = format!("{{{{ {} }}}}", vec!["1"; 11_000].join("+"));
    in_small_stack.spawn(move || jinja::parse(&just_short_enough)).unwrap().join().unwrap();
    // A quadratic reader takes minutes for these, a linear one milliseconds.
    for unit in ["{#\n", "{{ '\n", "{% \"\n", "{{ (\n", "{{ {}}\n", "{% raw %}\n", "{% docs x %}\n"] {
        let text = unit.repeat(100_000);
        jinja::mask(&text);
        jinja::docs(&text);
    }
}
