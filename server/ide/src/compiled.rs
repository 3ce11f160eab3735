//! Compiled SQL of a file as it stands in the editor, and what a macro's call comes to.

use crate::{Analysis, File};
use dbt::{Compiled, Target};

/// What the node of a file compiles to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileCompiled {
    pub unique_id: String,
    pub compiled: Compiled,
}

/// A longer call isn't evaluated for a card.
const MAX_CALL: usize = 2000;

impl Analysis {
    /// The compiled SQL of the node at an offset of a file, or of its first. As the error, what to tell the person.
    pub fn compiled(&self, file: &File, offset: Option<usize>) -> Result<FileCompiled, String> {
        let Some(compiler) = &self.compiler else { return Err("the project is still being read".to_owned()) };
        let own = self.index.nodes_of_file(file.id);
        let here = own.iter().copied().find(|&index| {
            let code = self.index.nodes[index].code;
            offset.is_some_and(|offset| code.is_some_and(|code| code.touches(offset)))
        });
        let Some(index) = here.or_else(|| own.first().copied()) else { return Err(format!("{} holds no model, snapshot, test or analysis", file.relative)) };
        let texts = |id: vfs::FileId| self.file(id).map(|file| file.text.clone());
        let node = &self.index.nodes[index];
        let Some(compiled) = compiler.compile(&self.index, index, &texts) else { return Err(format!("{} `{}` has no SQL", node.resource_type, node.label())) };
        Ok(FileCompiled { unique_id: node.unique_id.to_string(), compiled })
    }

    /// What the macro call around an offset comes to, where it needs nothing else of the file.
    pub(crate) fn expansion(&self, file: &File, offset: usize) -> Option<String> {
        let compiler = self.compiler.as_ref()?;
        let calls = file.facts.uses.iter().filter(|used| matches!(used.target, Target::Macro { .. }) && used.name_range.touches(offset));
        let call = calls.min_by_key(|used| used.range.len())?.range.of(&file.text);
        if call.len() > MAX_CALL || !file.kind.is_sql() {
            return None;
        }
        let node = self.index.nodes_of_file(file.id).first().copied();
        let text = compiler.expand(&self.index, self.package_of(file), node, call).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use crate::test_support::at_cursor;
    use expect_test::{Expect, expect};

    fn check(fixture: &str, expected: Expect) {
        let (analysis, file, offset) = at_cursor(fixture);
        let shown = match analysis.compiled(&file, Some(offset)) {
            Ok(found) => {
                let made = found.compiled;
                let map = made.map.iter().filter(|part| !part.is_verbatim);
                let map = map.map(|part| format!("{} <- {}", part.compiled.of(&made.sql), part.source.of(&file.text))).collect::<Vec<_>>().join("\n");
                format!("{}\n--\n{map}\n{:?} {:?}", made.sql, made.failure.map(|(range, why)| (range.of(&file.text).to_owned(), why)), made.asks_the_warehouse)
            }
            Err(why) => why,
        };
        expected.assert_eq(&shown);
    }

    const SHOP: &str = "-- file: models/a.sql\nselect 1 as id\n-- file: models/e.sql\n{{ config(materialized='ephemeral') }}\nselect * from {{ ref('a') }}\n-- file: models/s.yml\nsources: [{name: raw, schema: lake, tables: [{name: t}]}]\n-- file: macros/m.sql\n{% macro cents(x) %}{{ x }} / 100{% endmacro %}\n{% macro asked() %}{% set r = run_query('select 1') %}{{ r.columns[0].values()[0] }}{% endmacro %}\n";

    #[test]
    fn refs_sources_and_ephemeral_models() {
        check(
            &format!(
                "{SHOP}-- file: models/b.sql\n$0with x as (select {{{{ cents('id') }}}} from {{{{ ref('e') }}}})\nselect * from x join {{{{ source('raw', 't') }}}}{{% if execute %}} -- {{{{ this }}}}{{% endif %}}\n"
            ),
            expect![[r#"
                with __dbt__cte__e as (

                select * from "memory"."main"."a"
                ), x as (select id / 100 from __dbt__cte__e)
                select * from x join "memory"."lake"."t" -- "memory"."main"."b"
                --
                id / 100 <- cents('id')
                __dbt__cte__e <- ref('e')
                "memory"."lake"."t" <- source('raw', 't')
                "memory"."main"."b" <- this
                None None"#]],
        );
    }

    #[test]
    fn what_fails_and_what_asks_the_warehouse() {
        check(
            &format!("{SHOP}-- file: models/b.sql\n$0select * from {{{{ ref('gone') }}}}\n"),
            expect![[r#"
            select * from 
            --

            Some(("ref('gone')", "ref() names 'gone', which is not in the project")) None"#]],
        );
        check(
            &format!("{SHOP}-- file: models/b.sql\n$0select {{% if execute %}}{{{{ asked() }}}}{{% else %}}0{{% endif %}}\n"),
            expect![[r#"
            select 0
            --

            None Some("'table' is undefined (in macro.shop.asked)")"#]],
        );
        check(&format!("{SHOP}-- file: models/b.py\n$0def model(dbt, session):\n    return dbt.ref('a')\n"), expect!["model `b` has no SQL"]);
    }

    #[test]
    fn a_calls_expansion_is_on_the_card() {
        let (analysis, file, offset) = at_cursor(&format!("{SHOP}-- file: models/b.sql\nselect {{{{ cen$0ts('id') }}}}\n"));
        let card = analysis.hover(&file, offset).map(|hover| hover.markdown).unwrap_or_default();
        assert!(card.ends_with("here it comes to\n```sql\nid / 100\n```"), "{card}");
    }
}
