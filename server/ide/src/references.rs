//! References and highlights.

use crate::thing::inner;
use crate::{Analysis, File, Mention, Thing};
use dbt::{FileKind, ResourceType};
use text::TextRange;

impl Analysis {
    /// Every place that names the thing at an offset: in SQL, YAML, macros, docs, in all packages. `None` where there is no such thing.
    pub fn references(&self, file: &File, offset: usize, with_definition: bool) -> Option<Vec<Mention>> {
        let (thing, _) = self.thing_at(file, offset).or_else(|| self.own_thing(file))?;
        let mut found = self.mentions(file, &thing);
        // The entry of a model with versions is that of all of them.
        if let Thing::Node(index) = thing
            && self.index.nodes[index].patch.as_ref().is_some_and(|patch| patch.name.file == file.id && patch.name.range.touches(offset))
        {
            found.extend(self.versions_beside(index).flat_map(|other| self.mentions(file, &Thing::Node(other))));
            let path = |mention: &Mention| (self.file(mention.file).map(|file| file.path.clone()), mention.range);
            found.sort_by_cached_key(path);
            found.dedup_by_key(|mention| (mention.file, mention.range));
        }
        if !with_definition {
            found.retain(|mention| !mention.is_definition);
        }
        Some(found)
    }

    /// The places in the same file that name the thing at an offset.
    pub fn highlights(&self, file: &File, offset: usize) -> Vec<Mention> {
        let Some((thing, range)) = self.thing_at(file, offset) else { return Vec::new() };
        let found = self.mentions_in(file, &thing);
        // What names nothing else is at least there itself.
        if found.is_empty() { vec![Mention { file: file.id, range: inner(&file.text, range), is_definition: false }] } else { found }
    }

    /// What a file itself is, for a place in it that names nothing: the model whose code it holds.
    pub(crate) fn own_thing(&self, file: &File) -> Option<(crate::Thing, TextRange)> {
        let is_code = matches!(file.kind, FileKind::Model | FileKind::PythonModel | FileKind::Seed);
        let &index = self.index.nodes_of_file(file.id).first().filter(|_| is_code)?;
        let is_whole = matches!(self.index.nodes[index].resource_type, ResourceType::Model | ResourceType::Seed);
        is_whole.then_some((crate::Thing::Node(index), TextRange::at(0)))
    }
}

#[cfg(test)]
mod tests {
    use crate::test_support::at_cursor;
    use expect_test::{Expect, expect};

    fn check(fixture: &str, expected: Expect) {
        let (analysis, file, offset) = at_cursor(fixture);
        let Some(found) = analysis.references(&file, offset, true) else { return expected.assert_eq("nothing") };
        let shown = found.into_iter().map(|mention| {
            let file = analysis.file(mention.file).expect("a file");
            let lines = text::LineIndex::new(&file.text);
            let at = lines.position(&file.text, mention.range.start as usize, text::Encoding::Utf8);
            let kind = if mention.is_definition { " (defined)" } else { "" };
            format!("{}:{}:{} {}{kind}", file.relative, at.line + 1, at.column + 1, mention.range.of(&file.text))
        });
        expected.assert_eq(&shown.collect::<Vec<_>>().join("\n"));
    }

    const SHOP: &str = "-- file: models/orders.sql\nselect id, amount from {{ source('raw', 'o') }}\n-- file: models/s.yml\nsources:\n  - name: raw\n    tables: [{name: o}]\nmodels:\n  - name: orders\n    columns:\n      - name: id\n        data_tests:\n          - unique\n          - positive:\n              arguments: {than: 0}\n          - relationships: {to: ref('orders'), field: id}\nexposures:\n  - name: e\n    depends_on: [ref('orders')]\nunit_tests:\n  - name: u\n    model: orders\n-- file: macros/m.sql\n{% macro latest() %}{{ return(ref('orders')) }}{% endmacro %}\n{% test positive(model, column_name, than) %}select * from {{ model }} where {{ column_name }} <= {{ than }}{% endtest %}\n-- file: analyses/a.sql\nselect * from {{ ref('shop', 'orders') }} -- ref('orders')\n";

    #[test]
    fn of_a_model() {
        check(
            &format!("{SHOP}-- file: models/b.sql\nselect * from {{{{ ref('ord$0ers') }}}} join {{{{ latest() }}}}\n"),
            expect![[r#"
                analyses/a.sql:1:31 orders
                macros/m.sql:1:36 orders
                models/b.sql:1:23 orders
                models/s.yml:5:11 orders (defined)
                models/s.yml:12:38 orders
                models/s.yml:15:23 orders
                models/s.yml:18:12 orders"#]],
        );
    }

    #[test]
    fn of_sources_macros_and_tests() {
        check(
            &format!("{SHOP}-- file: models/b.sql\nselect * from {{{{ source('ra$0w', 'o') }}}}\n"),
            expect![[r#"
            models/b.sql:1:26 raw
            models/orders.sql:1:35 raw
            models/s.yml:2:11 raw (defined)"#]],
        );
        check(
            &format!("{SHOP}-- file: models/b.sql\nselect * from {{{{ source('raw', 'o$0') }}}}\n"),
            expect![[r#"
            models/b.sql:1:33 o
            models/orders.sql:1:42 o
            models/s.yml:3:21 o (defined)"#]],
        );
        check(
            &format!("{SHOP}-- file: models/b.sql\nselect * from {{{{ lat$0est() }}}} {{{{ shop.latest() }}}}\n"),
            expect![[r#"
            macros/m.sql:1:10 latest (defined)
            models/b.sql:1:18 latest
            models/b.sql:1:38 latest"#]],
        );
        check(
            &SHOP.replace("- positive:", "- pos$0itive:"),
            expect![[r#"
            macros/m.sql:2:9 positive (defined)
            models/s.yml:10:13 positive"#]],
        );
    }

    #[test]
    fn where_dbt_looks_late_or_not_at_all() {
        // In a hook's string, a fixture, a unit test's input, and an anchor that nobody uses; not in comments.
        let files = "-- file: models/u.yml\nx-common:\n  - &id\n    name: id\n    data_tests:\n      - relationships: {to: ref('orders'), field: id}\n# ref('orders') {{ latest() }}\nunit_tests:\n  - name: of_b\n    model: b\n    given:\n      - input: ref('orders')\n        rows: []\n    expect: {rows: []}\n-- file: tests/fixtures/f.sql\nselect {{ latest() }}\n-- file: models/b.sql\n{{ config(post_hook=[\"analyze {{ latest() }}\"]) }}select 1 as id from {{ ref('orders') }}\n";
        check(
            &format!("{SHOP}{files}").replace("from {{ ref('orders') }}\n", "from {{ ref('$0orders') }}\n"),
            expect![[r#"
            analyses/a.sql:1:31 orders
            macros/m.sql:1:36 orders
            models/b.sql:1:79 orders
            models/s.yml:5:11 orders (defined)
            models/s.yml:12:38 orders
            models/s.yml:15:23 orders
            models/s.yml:18:12 orders
            models/u.yml:5:34 orders
            models/u.yml:11:21 orders"#]],
        );
        check(
            &format!("{SHOP}{files}").replace("[\"analyze {{ latest", "[\"analyze {{ l$0atest"),
            expect![[r#"
            macros/m.sql:1:10 latest (defined)
            models/b.sql:1:34 latest
            tests/fixtures/f.sql:1:11 latest"#]],
        );
        check(
            &format!("{SHOP}{files}").replace("select {{ latest", "select {{ $0latest"),
            expect![[r#"
            macros/m.sql:1:10 latest (defined)
            models/b.sql:1:34 latest
            tests/fixtures/f.sql:1:11 latest"#]],
        );
    }

    #[test]
    fn of_columns_ctes_and_variables() {
        check(
            &format!(
                "{SHOP}-- file: models/b.sql\nwith o as (select * from {{{{ ref('orders') }}}} x where x.id > 1)\nselect o.i$0d, amount from o order by id\n"
            ),
            expect![[r#"
                models/b.sql:1:56 id
                models/b.sql:2:10 id
                models/b.sql:2:37 id
                models/orders.sql:1:8 id (defined)
                models/s.yml:7:15 id (defined)
                models/s.yml:12:55 id"#]],
        );
        check(
            "-- file: models/b.sql\nwith $0o as (select 1 as id), p as (select id from o) select * from o join p using (id)\n",
            expect![[r#"
            models/b.sql:1:6 o (defined)
            models/b.sql:1:50 o
            models/b.sql:1:67 o"#]],
        );
        check(
            "-- file: models/b.sql\n{% set x = 1 %}{% for x in [1] %}{{ x }}{% endfor %}select {{ $0x }}, {{ y.x }}\n",
            expect![[r#"
            models/b.sql:1:8 x (defined)
            models/b.sql:1:63 x"#]],
        );
        check(
            "-- file: dbt_project.yml\nname: shop\nvars: {start: 1}\nmodels: {+tags: \"{{ var('start') }}\"}\n-- file: models/b.sql\nselect {{ var('st$0art', 2) }}\n",
            expect![[r#"
                dbt_project.yml:2:8 start (defined)
                dbt_project.yml:3:26 start
                models/b.sql:1:16 start"#]],
        );
    }
}
