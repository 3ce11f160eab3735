//! Hover: a card worth reading, in Markdown.

mod card;

use crate::columns::{Made, Scopes, Source};
use crate::thing::{Spot, spot};
use crate::words::{ConfigWord, Word, WordKind, project_key, property};
use crate::{Analysis, File, Thing};
pub(crate) use card::first_sentence;
use card::push_description;
use dbt::{FileKind, Macro};
use std::fmt::Write;
use syntax::{jinja, yaml};
use text::TextRange;

/// A card and the text that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hover {
    pub range: TextRange,
    pub markdown: String,
}

/// Lines of code on a card.
const MAX_LINES: usize = 20;
/// Columns of a CTE on its card.
const MAX_NAMES: usize = 40;

impl Hover {
    /// The card without Markdown's signs, for clients that show plain text.
    pub fn plain(&self) -> String {
        let mut lines = Vec::new();
        let mut in_code = false;
        for line in self.markdown.lines() {
            if line.starts_with("```") {
                in_code = !in_code;
            } else if in_code {
                lines.push(line.to_owned());
            } else if line == "---" {
                lines.push(String::new());
            } else {
                lines.push(without_marks(line.trim_end()));
            }
        }
        lines.dedup_by(|next, line| next.is_empty() && line.is_empty());
        lines.join("\n").trim().to_owned()
    }
}

/// A line of Markdown as text: links by what they show, no stars, no backticks.
fn without_marks(line: &str) -> String {
    let mut made = String::new();
    let mut rest = line;
    while let Some(open) = rest.find('[') {
        let link = rest[open..].find("](").and_then(|middle| rest[open + middle..].find(')').map(|end| (open + middle, open + middle + end)));
        let Some((middle, end)) = link.filter(|(middle, _)| !rest[open + 1..*middle].contains('[')) else {
            made.push_str(&rest[..=open]);
            rest = &rest[open + 1..];
            continue;
        };
        made.push_str(&rest[..open]);
        made.push_str(&rest[open + 1..middle]);
        rest = &rest[end + 1..];
    }
    made.push_str(rest);
    made.replace("**", "").replace('`', "").replace(" *(", " (").replace(")*", ")").trim_matches('*').to_owned()
}

impl Analysis {
    /// The card of the thing at an offset.
    pub fn hover(&self, file: &File, offset: usize) -> Option<Hover> {
        let (thing, range) = self.thing_at(file, offset)?;
        let markdown = match self.described_output(file, &thing, range) {
            Some(card) => card,
            None => self.card(file, &thing, offset)?,
        };
        Some(Hover { range, markdown })
    }

    /// A plain column of a model's outermost list is also the model's own; if that is described, it is what people want to read.
    fn described_output(&self, file: &File, thing: &Thing, range: TextRange) -> Option<String> {
        if !matches!(thing, Thing::Column(..) | Thing::Made { .. }) || !file.kind.is_sql() {
            return None;
        }
        let &index = self.index.nodes_of_file(file.id).first()?;
        let made = self.made(index);
        let own = made.columns.iter().find(|column| column.place.is_some_and(|place| place.file == file.id && place.range == range))?;
        let column = self.index.nodes[index].column(&own.name).filter(|column| column.has_description())?;
        Some(self.column_card(index, column))
    }

    fn card(&self, file: &File, thing: &Thing, offset: usize) -> Option<String> {
        Some(match thing {
            Thing::Node(index) => self.node_card(*index),
            Thing::Source(name) => self.source_card(name),
            Thing::Column(index, name) => self.card_of_column(*index, name),
            Thing::Macro(at) => {
                let mut card = macro_card(&self.index.macros[*at]);
                if let Some(text) = self.expansion(file, offset) {
                    card.push_str("\n\nhere it comes to");
                    push_code(&mut card, &text);
                }
                card
            }
            Thing::Docs(at) => {
                let docs = &self.index.docs[*at];
                format!("**{}** · docs block · `{}`\n\n---\n\n{}", docs.name, docs.package, docs.text)
            }
            Thing::Var(name) => {
                let value = |value: &str| format!("**{name}** · var\n\n```yaml\n{name}: {value}\n```\n\n");
                match (self.given_vars.get(name.as_str()), self.config.vars.get(name)) {
                    (Some(given), own) => {
                        let own = own.map(|(_, own)| format!("; `dbt_project.yml` says `{}`", own.trim())).unwrap_or_default();
                        value(&given.to_string()) + &format!("given by `--vars`{own}")
                    }
                    (None, Some((_, own))) => value(own) + "set in `dbt_project.yml`",
                    (None, None) => format!("**{name}** · var\n\nset nowhere in `dbt_project.yml`; `--vars` or the call's default says its value"),
                }
            }
            Thing::EnvVar(name) => format!("**{name}** · environment variable"),
            Thing::Package(name) => self.package_card(name),
            Thing::Selector(name) => selector_card(&file.text, name)?,
            Thing::Cte(name) => {
                let scopes = Scopes::new(self, file);
                let at = scopes.query.ctes.iter().position(|cte| cte.name_range == *name)?;
                let cte = &scopes.query.ctes[at];
                let code = cte.range.of(&file.text);
                let mut card = format!("**{}** · CTE\n", cte.name);
                push_names(&mut card, &scopes.of_source(&Source::Cte(at)));
                push_code(&mut card, code);
                card
            }
            Thing::Alias(alias) => {
                let scopes = Scopes::new(self, file);
                let relations = scopes.query.selects.iter().flat_map(|select| &select.relations);
                let relation = relations.into_iter().find(|relation| relation.alias.as_ref().is_some_and(|(_, range)| range == alias))?;
                let name = alias.of(&file.text);
                let source = scopes.source(relation);
                match &source {
                    Source::Node(index) => format!("`{name}` is\n\n{}", self.node_card(*index)),
                    Source::Cte(at) => {
                        let mut card = format!("**{name}** · alias of CTE `{}`\n", scopes.query.ctes[*at].name);
                        push_names(&mut card, &scopes.of_source(&source));
                        card
                    }
                    _ => {
                        let mut card = format!("**{name}** · alias\n");
                        push_names(&mut card, &scopes.of_source(&source));
                        push_code(&mut card, relation.range.of(&file.text));
                        card
                    }
                }
            }
            Thing::Measure(index, name) => {
                let node = &self.index.nodes[*index];
                let shown = node.details.iter().filter(|(label, _)| *label == "measure").find_map(|(_, shown)| shown.strip_prefix(&format!("{name} = ")));
                let shown = shown.map(|shown| format!("\n{shown}\n")).unwrap_or_default();
                format!("**{name}** · measure of {}\n{shown}", self.link_to(*index))
            }
            Thing::Made { name, definition, origin } => self.projection_card(file, name, *definition, origin.as_ref()),
            Thing::Local(definition) => local_card(file, *definition)?,
            Thing::Word(kind, name) => word_card(&Word::find(*kind, name)?),
            Thing::Builtin(name) => self.builtin_card(name)?,
            Thing::Config(name) => config_card(&ConfigWord::find(name)?),
            Thing::Property(name) => self.property_card(file, offset, name)?,
            Thing::ProjectKey(name) => format!("**{name}** · dbt_project.yml\n\n{}", project_key(name)?),
        })
    }

    /// The card of a node's column, whether YAML names it or not.
    pub(crate) fn card_of_column(&self, index: dbt::NodeIndex, name: &str) -> String {
        match self.index.nodes[index].column(name) {
            Some(column) => self.column_card(index, column),
            None => self.made_card(index, name),
        }
    }

    fn source_card(&self, name: &str) -> String {
        let tables: Vec<_> = self.index.nodes.iter().filter(|node| node.source_name.as_deref() == Some(name)).collect();
        let mut card = format!("**{name}** · source\n");
        if let Some(description) = tables.iter().find_map(|node| node.source_description.as_ref()).filter(|text| !text.text.trim().is_empty()) {
            push_description(&mut card, description);
        }
        card.push('\n');
        for node in tables.iter().take(MAX_NAMES) {
            let text = node.description.as_ref().map(|description| first_sentence(&description.text)).filter(|text| !text.is_empty());
            let _ = writeln!(card, "- `{}`{}", node.name, text.map(|text| format!(": {text}")).unwrap_or_default());
        }
        if tables.len() > MAX_NAMES {
            let _ = writeln!(card, "- … and {} more tables", tables.len() - MAX_NAMES);
        }
        card
    }

    fn package_card(&self, name: &str) -> String {
        let nodes = self.index.nodes.iter().filter(|node| *node.package == *name && node.resource_type.is_refable()).count();
        let macros = self.index.macros.iter().filter(|found| *found.package == *name).count();
        let kind = if *name == *self.index.project { "this project" } else { "package" };
        format!("**{name}** · {kind}\n\n{nodes} models, seeds and snapshots, {macros} macros")
    }

    /// A column that SQL makes and no properties file names.
    fn made_card(&self, index: dbt::NodeIndex, name: &str) -> String {
        let node = &self.index.nodes[index];
        let mut card = format!("**{name}** · column of `{}`\n", node.label());
        match self.inherited_column(index, name) {
            Some(inherited) => {
                let _ = write!(card, "\n{}\n\n*from `{}`*\n", inherited.text.trim(), inherited.from);
            }
            None => card.push_str("\n*No description.*\n"),
        }
        if let Some((from, column)) = self.made(index).get(name).and_then(|column| column.origin.clone()) {
            let _ = write!(card, "\ntaken over from `{}.{column}`\n", self.index.nodes[from].label());
        }
        card
    }

    /// A column of a CTE or a subquery.
    fn projection_card(&self, file: &File, name: &str, definition: TextRange, origin: Option<&(dbt::NodeIndex, String)>) -> String {
        let scopes = Scopes::new(self, file);
        let holder = scopes.query.ctes.iter().filter(|cte| cte.body.contains_range(definition)).min_by_key(|cte| cte.body.len());
        let of = holder.map(|cte| format!(" of CTE `{}`", cte.name)).unwrap_or_default();
        let mut card = format!("**{name}** · column{of}\n");
        if let Some((index, column)) = origin {
            let node = &self.index.nodes[*index];
            let known = node.column(column);
            if let Some(data_type) = known.and_then(|column| column.shown_type()) {
                let _ = write!(card, "\n{data_type}\n");
            }
            match known.and_then(|column| column.description.as_ref()).filter(|description| !description.text.trim().is_empty()) {
                Some(description) => push_description(&mut card, description),
                None => {
                    if let Some(inherited) = self.inherited_column(*index, column) {
                        let _ = write!(card, "\n{}\n", inherited.text.trim());
                    }
                }
            }
            let _ = write!(card, "\ntaken over from `{}.{column}`\n", node.label());
        }
        let items = scopes.query.selects.iter().flat_map(|select| &select.items);
        let item = items.into_iter().find(|item| item.name.as_ref().is_some_and(|(_, range)| *range == definition));
        if let Some(item) = item {
            push_code(&mut card, item.range.of(&file.text));
        }
        card
    }

    fn builtin_card(&self, name: &str) -> Option<String> {
        if let Some(word) = name.strip_prefix("test_").and_then(|test| Word::find(WordKind::DataTest, test)) {
            return Some(word_card(&word));
        }
        let found = self.index.builtin_macro(name)?;
        Some(format!("**{}** · macro · `{}`\n\n```jinja\n{}({})\n```\n\npart of dbt", found.name, found.package, found.name, found.parameters.join(", ")))
    }

    fn property_card(&self, file: &File, offset: usize, name: &str) -> Option<String> {
        let mut card = format!("**{name}** · property\n\n{}", property(name)?);
        if file.kind == FileKind::Properties {
            let tree = yaml::parse(&file.text);
            let path = tree.root.as_ref().and_then(|root| spot(root, offset)).map(|spot| shown_path(&spot));
            if let Some(path) = path {
                let _ = write!(card, "\n\n`{path}`");
            }
        }
        Some(card)
    }
}

/// `models[].columns[].name`
fn shown_path(spot: &Spot<'_>) -> String {
    spot.path.iter().fold(String::new(), |mut path, part| {
        if *part != "[]" && !path.is_empty() {
            path.push('.');
        }
        path.push_str(part);
        path
    })
}

fn push_names(card: &mut String, made: &Made) {
    let names: Vec<String> = made.columns.iter().take(MAX_NAMES).map(|column| format!("`{}`", column.name)).collect();
    let more = if made.columns.len() > MAX_NAMES || !made.is_complete { ", …" } else { "" };
    if !names.is_empty() {
        let _ = write!(card, "\ncolumns: {}{more}\n", names.join(", "));
    }
}

fn push_code(card: &mut String, code: &str) {
    let shown: Vec<&str> = code.lines().take(MAX_LINES).collect();
    let more = if code.lines().count() > MAX_LINES { "\n…" } else { "" };
    let _ = write!(card, "\n```sql\n{}{more}\n```", shown.join("\n"));
}

fn local_card(file: &File, definition: TextRange) -> Option<String> {
    let names = jinja::names(&file.text);
    let local = names.locals.iter().find(|local| local.definition == definition)?;
    let kind = if local.is_parameter { "parameter" } else { "Jinja variable" };
    let mut card = format!("**{}** · {kind}\n", local.name);
    if let Some(value) = local.value {
        let value = value.of(&file.text).trim();
        let shown: Vec<&str> = value.lines().take(MAX_LINES).collect();
        let label = if local.is_parameter { "default" } else { "value" };
        let _ = write!(card, "\n{label}\n\n```jinja\n{}\n```", shown.join("\n"));
    }
    Some(card)
}

fn word_card(word: &Word) -> String {
    let mut card = format!("**{}** · {}\n", word.name, word.kind.label());
    if let Some(signature) = word.signature {
        let _ = write!(card, "\n```jinja\n{signature}\n```\n");
    }
    let _ = write!(card, "\n{}", word.doc);
    card
}

fn config_card(word: &ConfigWord) -> String {
    let mut card = format!("**{}** · config\n\n{}", word.name, word.doc);
    if !word.values.is_empty() {
        let _ = write!(card, "\n\nvalues: {}", word.values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", "));
    }
    card
}

/// A selector with what is said of it and what it selects.
fn selector_card(text: &str, name: &str) -> Option<String> {
    let tree = syntax::yaml::parse(text);
    let list = tree.root.as_ref().and_then(|root| root.get("selectors"))?;
    let entry = list.items().iter().find(|item| item.get_str("name") == Some(name))?;
    let mut card = format!("**{name}** · selector\n");
    if entry.get("default").and_then(syntax::yaml::Node::as_str) == Some("true") {
        card.push_str("\nselects where nothing else is asked for\n");
    }
    if let Some(description) = entry.get_str("description") {
        let _ = write!(card, "\n{}\n", description.trim());
    }
    if let Some(definition) = entry.get("definition") {
        let written = definition.range.of(text);
        let start = text[..definition.range.start as usize].rfind('\n').map_or(0, |end| end + 1);
        let indent = text[start..definition.range.start as usize].chars().take_while(|c| *c == ' ').count();
        let pad = " ".repeat(indent);
        let lines: Vec<&str> = written.lines().map(|line| line.strip_prefix(&pad).unwrap_or(line)).collect();
        let _ = write!(card, "\n```yaml\n{}\n```\n", lines.join("\n"));
    }
    Some(card)
}

pub(crate) fn macro_card(found: &Macro) -> String {
    let kind = if found.is_generic_test { "generic test" } else { "macro" };
    let mut card = format!("**{}** · {kind} · `{}`\n\n```jinja\n{}\n```\n", found.name, found.package, found.signature());
    if let Some(description) = &found.description {
        push_description(&mut card, description);
    }
    for argument in &found.arguments {
        let data_type = argument.data_type.as_ref().map(|data_type| format!(" ({data_type})")).unwrap_or_default();
        let description = argument.description.as_ref().map(|description| format!(": {}", first_sentence(&description.text))).unwrap_or_default();
        let _ = write!(card, "\n- `{}`{data_type}{description}", argument.name);
    }
    let _ = write!(card, "\n\n`{}`", found.path);
    card
}

#[cfg(test)]
mod tests {
    use crate::test_support::at_cursor;
    use expect_test::{Expect, expect};

    fn check(fixture: &str, expected: Expect) {
        let (analysis, file, offset) = at_cursor(fixture);
        expected
            .assert_eq(&analysis.hover(&file, offset).map_or("nothing".to_owned(), |hover| format!("[{}]\n{}", hover.range.of(&file.text), hover.markdown)));
    }

    #[test]
    fn selectors_packages_and_vars() {
        let selectors = "-- file: selectors.yml\nselectors:\n  - name: nightly\n    description: What runs at night.\n    definition:\n      union:\n        - tag:nightly\n        - method: tag\n          value: x\n  - name: all\n    definition:\n      method: selector\n      value: nig$0htly\n";
        check(
            selectors,
            expect![[r#"
            [nightly]
            **nightly** · selector

            What runs at night.

            ```yaml
            union:
              - tag:nightly
              - method: tag
                value: x
            ```
        "#]],
        );
        let packages = "-- file: packages.yml\npackages:\n  - package: dbt-labs/dbt_$0utils\n    version: 1.0.0\n-- file: dbt_packages/dbt_utils/dbt_project.yml\nname: dbt_utils\n-- file: dbt_packages/dbt_utils/macros/m.sql\n{% macro star() %}{% endmacro %}\n";
        check(
            packages,
            expect![[r#"
            [dbt-labs/dbt_utils]
            **dbt_utils** · package

            0 models, seeds and snapshots, 1 macros"#]],
        );
        let vars = "-- file: dbt_project.yml\nname: shop\nvars: {days: 90}\n-- file: models/a.sql\nselect {{ var('da$0ys') }}\n";
        check(
            vars,
            expect![[r#"
            ['days']
            **days** · var

            ```yaml
            days: 90
            ```

            set in `dbt_project.yml`"#]],
        );
        let fixture = testkit::Fixture::parse(vars);
        let (path, offset) = fixture.cursor.clone().expect("a cursor");
        let given = crate::test_support::analysis_with(&fixture, |host| {
            let vars = data::Map::from_iter([("days", data::Value::from("30"))]);
            host.set_settings(dbt::Settings { vars, ..dbt::Settings::default() });
        });
        let file = given.file_at(&given.root.join(path)).expect("the file");
        expect![[r#"
            **days** · var

            ```yaml
            days: "30"
            ```

            given by `--vars`; `dbt_project.yml` says `90`"#]]
        .assert_eq(&given.hover(file, offset).expect("a card").markdown);
    }

    #[test]
    fn what_a_card_knows() {
        check(
            "-- file: models/a.sql\n{{ config(contract={'enforced': true}, group='fin') }}\nselect 1 as id, 2 as n from {{ source('raw', 't') }}\n-- file: models/m.yml\ngroups: [{name: fin, owner: {name: Ann, email: ann@x}}]\nmodels:\n  - name: a\n    columns: [{name: id, data_type: int}]\nsources:\n  - name: raw\n    tables: [{name: t}]\n-- file: models/b.sql\nselect * from {{ ref('$0a') }}\n",
            expect![[r#"
                ['a']
                **a** · model · view

                *No description.*

                - `id` int

                Also makes: `n`

                group: `fin`  
                owner: Ann  
                contract: enforced  
                relation: "memory"."main"."a"

                ---

                Upstream (1): [`raw.t`](node:source.shop.raw.t)  
                Downstream (1): [`b`](node:model.shop.b)  
                `models/a.sql`"#]],
        );
        check(
            "-- file: models/m.yml\nsources:\n  - name: raw\n    loaded_at_field: at\n    freshness: {warn_after: {count: 12, period: hour}}\n    tables: [{name: t}]\n-- file: models/b.sql\nselect * from {{ source('raw', '$0t') }}\n",
            expect![[r#"
                ['t']
                **raw.t** · source

                *No description.*

                loaded at: `at`  
                freshness: a warning after 12 hours  
                relation: "memory"."raw"."t"

                ---

                Upstream: none  
                Downstream (1): [`b`](node:model.shop.b)  
                `models/m.yml`"#]],
        );
    }

    #[test]
    fn a_models_card() {
        check(
            "-- file: models/a.sql\n{{ config(materialized='table', tags=['daily']) }}\nselect * from {{ source('raw', 't') }}\n-- file: models/m.yml\nsources:\n  - name: raw\n    description: The shop's database.\n    tables: [{name: t}]\nmodels:\n  - name: a\n    description: One row per | order.\n    columns:\n      - name: id\n        data_type: int\n        description: \"{{ doc('key') }}\"\n        data_tests: [unique]\n-- file: models/d.md\n{% docs key %}\nThe | key.\n{% enddocs %}\n-- file: models/b.sql\nselect * from {{ ref('$0a') }}\n",
            expect![[r#"
                ['a']
                **a** · model · table

                One row per | order.

                - `id` int: The | key. *(unique)*

                tags: `daily`  
                relation: "memory"."main"."a"

                ---

                Upstream (1): [`raw.t`](node:source.shop.raw.t)  
                Downstream (1): [`b`](node:model.shop.b)  
                `models/a.sql`"#]],
        );
    }

    #[test]
    fn a_column_that_inherits() {
        check(
            "-- file: models/a.sql\nselect 1 as id\n-- file: models/m.yml\nmodels:\n  - name: a\n    columns: [{name: id, description: The key.}]\n  - name: b\n    columns:\n      - name: i$0d\n-- file: models/b.sql\nselect id from {{ ref('a') }}\n",
            expect![[r#"
                [id]
                **id** · column of `b`

                The key.

                *from `model.shop.a`*
            "#]],
        );
    }

    #[test]
    fn macros_and_vars() {
        check(
            "-- file: macros/m.sql\n{% macro cents(x, scale=2) %}{% endmacro %}\n-- file: macros/m.yml\nmacros:\n  - name: cents\n    description: Cents to dollars.\n    arguments: [{name: x, type: column, description: In cents}]\n-- file: models/a.sql\nselect {{ cents$0('x') }}\n",
            expect![[r#"
            [cents]
            **cents** · macro · `shop`

            ```jinja
            cents(x, scale=2)
            ```

            Cents to dollars.

            - `x` (column): In cents

            `macros/m.sql`"#]],
        );
    }
}
