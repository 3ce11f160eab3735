//! Rename: everywhere that a name stands, or nowhere and why.

mod column;
mod loose;
mod source;

pub(crate) use loose::only_word;

use crate::thing::{first_argument, inner};
use crate::{Analysis, File, FileEdits, Mention, Thing};
use dbt::{FileKind, NodeIndex, ResourceType};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use syntax::yaml::{self, Style};
use syntax::{jinja, sql, yaml_scalar};
use text::{Edit, TextRange};
use vfs::FileId;

/// Edits of files, and files that get other paths.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    pub edits: Vec<FileEdits>,
    pub renames: Vec<(PathBuf, PathBuf)>,
}

type Places = BTreeMap<FileId, Vec<Edit>>;

impl Analysis {
    /// The name at an offset that a rename would change; as the error, why it can't.
    pub fn prepare_rename(&self, file: &File, offset: usize) -> Result<TextRange, String> {
        let Some((thing, range)) = self.thing_at(file, offset) else { return Err("there is nothing here that has a name".to_owned()) };
        self.refuse(&thing)?;
        let range = inner(&file.text, range);
        // Of `package.name` the name alone.
        let written = range.of(&file.text);
        let start = if matches!(thing, Thing::Macro(_)) { written.rfind('.').map_or(0, |dot| dot + 1) } else { 0 };
        let range = TextRange::new(range.start as usize + start, range.end as usize);
        let found = self.mentions_in(file, &thing);
        Ok(found.iter().map(|mention| mention.range).find(|mention| mention.touches(offset)).unwrap_or(range))
    }

    /// Why a thing keeps its name.
    fn refuse(&self, thing: &Thing) -> Result<(), String> {
        let of_package = |package: &str, what: &str| {
            if *package == *self.index.project {
                return Ok(());
            }
            Err(format!("{what} belongs to package `{package}`, whose files are not yours to change"))
        };
        match thing {
            Thing::Node(index) => {
                let node = &self.index.nodes[*index];
                of_package(&node.package, &format!("{} `{}`", node.resource_type, node.label()))
            }
            Thing::Column(index, name) => {
                let node = &self.index.nodes[*index];
                of_package(&node.package, &format!("column `{name}` of `{}`", node.label()))?;
                match node.resource_type {
                    ResourceType::Source => Err(format!("column `{name}` of source `{}` has its name from the warehouse", node.label())),
                    _ => Ok(()),
                }
            }
            Thing::Macro(at) => of_package(&self.index.macros[*at].package, &format!("macro `{}`", self.index.macros[*at].name)),
            Thing::Docs(at) => of_package(&self.index.docs[*at].package, &format!("docs block `{}`", self.index.docs[*at].name)),
            Thing::Source(_) | Thing::Var(_) | Thing::Cte(_) | Thing::Alias(_) | Thing::Made { .. } | Thing::Local(_) => Ok(()),
            Thing::EnvVar(name) => Err(format!("`{name}` is set outside of the project")),
            Thing::Package(name) => Err(format!("`{name}` is the name of a package, which its own project says")),
            Thing::Word(_, name) | Thing::Builtin(name) => Err(format!("`{name}` is dbt's own")),
            Thing::Config(name) | Thing::Property(name) | Thing::ProjectKey(name) => Err(format!("`{name}` is a key of dbt's")),
        }
    }

    /// All edits that give the thing at an offset another name. As the error, where and why that can't be complete; nothing is changed then.
    pub fn rename(&self, file: &File, offset: usize, name: &str) -> Result<Change, String> {
        let Some((thing, _)) = self.thing_at(file, offset) else { return Err("there is nothing here that has a name".to_owned()) };
        self.refuse(&thing)?;
        self.renamed(file, &thing, name)
    }

    /// The edits that follow when a model's file gets another path; none where its name stays.
    pub fn rename_file(&self, from: &Path, to: &Path) -> Result<Change, String> {
        let stem = |path: &Path| path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned);
        let (Some(file), Some(old), Some(new)) = (self.file_at(from), stem(from), stem(to)) else { return Ok(Change::default()) };
        let Some((thing @ Thing::Node(index), _)) = self.own_thing(file) else { return Ok(Change::default()) };
        let node = &self.index.nodes[index];
        if old == new || node.name != old || from.extension() != to.extension() {
            return Ok(Change::default());
        }
        let mut change = self.renamed(file, &thing, &new)?;
        change.renames.clear();
        Ok(change)
    }

    fn renamed(&self, file: &File, thing: &Thing, name: &str) -> Result<Change, String> {
        let Some(old) = self.name_of(thing).map(std::borrow::Cow::into_owned).or_else(|| local_name(file, thing)) else {
            return Err("there is nothing here that has a name".to_owned());
        };
        if old == name {
            return Ok(Change::default());
        }
        self.check_name(file, thing, name)?;
        let mut places = Places::new();
        for mention in self.mentions(file, thing) {
            self.must_be_ours(mention)?;
            places.entry(mention.file).or_default().push(Edit::replace(mention.range, self.as_written(mention, name)));
        }
        let mut renames = Vec::new();
        match thing {
            Thing::Node(index) => self.rename_node(*index, name, &mut places, &mut renames)?,
            Thing::Source(source) => self.keep_schema(source, &mut places)?,
            Thing::Column(index, column) => self.rename_column(*index, column, name, &mut places)?,
            Thing::Macro(at) => self.rename_implementations(*at, name, &mut places)?,
            Thing::Cte(_) | Thing::Alias(_) => {
                let loose = self
                    .loose_mentions(file, thing, &old)
                    .map_err(|range| format!("{}, {}, may mean another `{old}` of this file; change it there first", file.relative, line(file, range)))?;
                places.entry(file.id).or_default().extend(loose.into_iter().map(|range| Edit::replace(range, name)));
            }
            _ => {}
        }
        let edits = places.into_iter().filter_map(|(id, mut edits)| {
            edits.sort_by_key(|edit| edit.range);
            edits.dedup();
            self.file(id).map(|file| FileEdits { path: file.path.to_path_buf(), create: false, edits })
        });
        Ok(Change { edits: edits.collect(), renames })
    }

    /// A name as a file has to write it: one that YAML would read as something else than text gets quotes where it had none.
    fn as_written(&self, mention: Mention, name: &str) -> String {
        let is_bare = |file: &File| mention.is_definition && !file.text[..mention.range.start as usize].ends_with(['\'', '"']);
        match self.file(mention.file) {
            Some(file) if matches!(file.kind, FileKind::Properties | FileKind::Project) && is_bare(file) => yaml_scalar::write(name, Style::Plain, 0, "\n"),
            _ => name.to_owned(),
        }
    }

    fn must_be_ours(&self, mention: Mention) -> Result<(), String> {
        match self.file(mention.file) {
            Some(file) if file.package != 0 => {
                Err(format!("package `{}` names it in {}, {}, which is not yours to change", self.package_of(file), file.relative, line(file, mention.range)))
            }
            _ => Ok(()),
        }
    }

    /// Whether the name can be one, and is free.
    fn check_name(&self, file: &File, thing: &Thing, name: &str) -> Result<(), String> {
        let is_identifier = name.chars().all(crate::thing::is_word) && !name.starts_with(|c: char| c.is_ascii_digit());
        if name.is_empty() || !is_identifier {
            return Err(format!("`{name}` can't be a name: it has to be letters, digits and underscores, and not begin with a digit"));
        }
        let is_of_sql = matches!(thing, Thing::Cte(_) | Thing::Alias(_) | Thing::Made { .. } | Thing::Column(..));
        if is_of_sql && sql::is_keyword(name) {
            return Err(format!("`{name}` is a word of SQL"));
        }
        let package = &*self.index.project;
        let taken = match thing {
            Thing::Node(index) => {
                let node = &self.index.nodes[*index];
                let others = self.index.nodes.iter().find(|other| {
                    let same_kind = match node.resource_type {
                        kind if kind.is_refable() => other.resource_type.is_refable() && *other.package == *node.package,
                        kind => other.resource_type == kind && other.source_name == node.source_name && *other.package == *node.package,
                    };
                    same_kind && other.name == name
                });
                others.map(|other| format!("{} `{}` in {}", other.resource_type, other.label(), other.path))
            }
            Thing::Macro(at) => {
                let wanted = if self.index.macros[*at].is_generic_test { format!("test_{name}") } else { name.to_owned() };
                let other = self.index.macros.iter().find(|other| *other.package == *package && other.name == wanted);
                other.map(|other| format!("macro `{name}` in {}", other.path))
            }
            Thing::Docs(_) => {
                let other = self.index.docs.iter().find(|other| *other.package == *package && other.name == name);
                other.map(|other| format!("docs block `{name}` in {}", other.path))
            }
            Thing::Source(_) => {
                self.index.nodes.iter().find(|other| other.source_name.as_deref() == Some(name)).map(|other| format!("source `{name}` in {}", other.path))
            }
            Thing::Var(_) => self.config.vars.contains_key(name).then(|| format!("var `{name}` in dbt_project.yml")),
            Thing::Column(index, _) => self.made(*index).get(name).map(|_| format!("column `{name}`")),
            Thing::Cte(_) => syntax::sql::ctes(&file.text).into_iter().find(|cte| cte.name.eq_ignore_ascii_case(name)).map(|_| format!("CTE `{name}`")),
            _ => None,
        };
        taken.map_or(Ok(()), |taken| Err(format!("there is a {taken} already")))
    }

    /// What else follows from a node's name: its file's, keys of `dbt_project.yml`; and who names it in a way that can't be changed.
    fn rename_node(&self, index: NodeIndex, name: &str, places: &mut Places, renames: &mut Vec<(PathBuf, PathBuf)>) -> Result<(), String> {
        let node = &self.index.nodes[index];
        if node.resource_type == ResourceType::Source {
            self.keep_identifier(index, places)?;
        }
        // All versions of a model have its name.
        let versions: Vec<NodeIndex> = if node.version.is_some() {
            (0..self.index.nodes.len())
                .filter(|&at| self.index.nodes[at].name == node.name && self.index.nodes[at].package == node.package && self.index.nodes[at].version.is_some())
                .collect()
        } else {
            vec![index]
        };
        for &version in &versions {
            if version != index {
                let Some(file) = self.file(self.index.nodes[version].place.file) else { continue };
                for mention in self.mentions(file, &Thing::Node(version)) {
                    self.must_be_ours(mention)?;
                    places.entry(mention.file).or_default().push(Edit::replace(mention.range, name));
                }
            }
            self.every_reader_is_found(version, places)?;
        }
        if !matches!(node.resource_type, ResourceType::Model | ResourceType::Seed | ResourceType::Analysis) {
            return Ok(());
        }
        for &version in &versions {
            let node = &self.index.nodes[version];
            let Some(file) = self.file(node.place.file) else { continue };
            let Some(stem) = file.path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            let Some(rest) = stem.strip_prefix(node.name.as_str()) else { continue };
            if rest.is_empty() || node.version.as_ref().is_some_and(|version| rest == format!("_v{version}")) {
                let extension = file.path.extension().map(|extension| format!(".{}", extension.to_string_lossy())).unwrap_or_default();
                renames.push((file.path.to_path_buf(), file.path.with_file_name(format!("{name}{rest}{extension}"))));
            }
            self.project_keys(version, name, places);
        }
        Ok(())
    }

    /// Nodes that depend on one without a place that names it: their Jinja makes the name.
    fn every_reader_is_found(&self, index: NodeIndex, places: &Places) -> Result<(), String> {
        for &child in &self.index.children[index] {
            let child = &self.index.nodes[child];
            // A generic test is of the entry that holds it, which is renamed.
            if child.test.is_some() || places.contains_key(&child.place.file) {
                continue;
            }
            let Some(file) = self.file(child.place.file) else { continue };
            // A macro that it calls may hold the name; then that is changed.
            let through_macro = child.macros.iter().flatten().any(|id| self.names_through(id, places, &mut Vec::new()));
            if !through_macro {
                let name = &self.index.nodes[index].name;
                return Err(format!(
                    "{} `{}` in {} depends on `{name}` through Jinja that makes its name; write it out there first",
                    child.resource_type,
                    child.label(),
                    file.relative
                ));
            }
        }
        Ok(())
    }

    fn names_through(&self, id: &std::sync::Arc<str>, places: &Places, seen: &mut Vec<std::sync::Arc<str>>) -> bool {
        if seen.contains(id) {
            return false;
        }
        seen.push(id.clone());
        let Some(found) = self.index.macros.iter().find(|found| found.unique_id == *id) else { return false };
        let is_inside = |edit: &Edit| found.range.contains_range(edit.range);
        places.get(&found.place.file).is_some_and(|edits| edits.iter().any(is_inside))
            || found.depends_on.iter().any(|next| self.names_through(next, places, seen))
    }

    /// Keys of `dbt_project.yml` that configure one model by its name.
    fn project_keys(&self, index: NodeIndex, name: &str, places: &mut Places) {
        let node = &self.index.nodes[index];
        let Some(file) = self.file_at(&self.root.join("dbt_project.yml")) else { return };
        let tree = yaml::parse(&file.text);
        let Some(section) = crate::section_of(node.resource_type) else { return };
        let mut at = tree.root.as_ref().and_then(|root| root.get(section));
        for (number, part) in node.fqn.iter().enumerate() {
            let Some((key, value)) = at.and_then(|map| map.get_entry(part)) else { return };
            if number + 1 == node.fqn.len() || (node.version.is_some() && number + 2 == node.fqn.len()) {
                if **part == *node.name {
                    places.entry(file.id).or_default().push(Edit::replace(inner(&file.text, key.range), name));
                }
                return;
            }
            at = Some(value);
        }
    }

    /// A macro that dispatches is renamed with its implementations.
    fn rename_implementations(&self, at: usize, name: &str, places: &mut Places) -> Result<(), String> {
        let found = &self.index.macros[at];
        if found.name.contains("__") && self.index.dispatch_prefixes().iter().any(|prefix| found.name.starts_with(&format!("{prefix}__"))) {
            let base = found.name.split_once("__").map_or("", |(_, base)| base);
            return Err(format!("`{}` is an implementation of `{base}`, which dispatches to it; rename that one", found.name));
        }
        let calls = jinja::parse(&found.text).calls;
        let dispatches = |call: &&jinja::Call| {
            call.path.last().is_some_and(|last| last == "dispatch")
                && call.arg(0, "macro_name").and_then(|argument| argument.value.as_str()) == Some(&found.name)
        };
        let Some(call) = calls.iter().find(dispatches) else { return Ok(()) };
        let Some(file) = self.file(found.place.file) else { return Ok(()) };
        let range = call.range.shift(found.range.start as usize);
        if let Some(first) = first_argument(&file.text, range) {
            places.entry(file.id).or_default().push(Edit::replace(first, name));
        }
        let suffix = format!("__{}", found.name);
        for (number, other) in self.index.macros.iter().enumerate().filter(|(_, other)| other.name.ends_with(&suffix)) {
            let Some(file) = self.file(other.place.file) else { continue };
            for mention in self.mentions(file, &Thing::Macro(number)) {
                self.must_be_ours(mention)?;
                let start = mention.range.end as usize - found.name.len();
                places.entry(mention.file).or_default().push(Edit::replace(TextRange::new(start, mention.range.end as usize), name));
            }
        }
        Ok(())
    }
}

fn local_name(file: &File, thing: &Thing) -> Option<String> {
    match thing {
        Thing::Cte(range) | Thing::Alias(range) | Thing::Local(range) => Some(inner(&file.text, *range).of(&file.text).to_owned()),
        _ => None,
    }
}

fn line(file: &File, range: TextRange) -> String {
    format!("line {}", text::LineIndex::new(&file.text).line_of(range.start as usize) + 1)
}

#[cfg(test)]
mod tests {
    use crate::test_support::at_cursor;
    use expect_test::{Expect, expect};

    fn check(fixture: &str, name: &str, expected: Expect) {
        let (analysis, file, offset) = at_cursor(fixture);
        let change = match analysis.rename(&file, offset, name) {
            Ok(change) => change,
            Err(why) => return expected.assert_eq(&format!("refused: {why}")),
        };
        let prepared = analysis.prepare_rename(&file, offset).map(|range| range.of(&file.text).to_owned());
        let mut shown = vec![format!("{prepared:?}")];
        for made in change.edits {
            let before = &analysis.file_at(&made.path).expect("a file").text;
            let after = text::apply_edits(before, &made.edits).expect("the edits fit");
            shown.push(format!("{}\n{}", made.path.display(), after.trim_end()));
        }
        shown.extend(change.renames.iter().map(|(from, to)| format!("{} -> {}", from.display(), to.display())));
        expected.assert_eq(&shown.join("\n"));
    }

    #[test]
    fn a_model_with_all_that_names_it() {
        check(
            "-- file: dbt_project.yml\nname: shop\nmodels:\n  shop:\n    core:\n      orders: {+tags: x}\n-- file: models/core/orders.sql\nselect 1 as id\n-- file: models/m.yml\nmodels:\n  - name: 'orders' # here\n    data_tests: [{unique: {column_name: id}}]\nexposures:\n  - {name: e, type: ml, owner: {name: x}, depends_on: [\"ref('orders')\"]}\n-- file: models/b.sql\nselect * from {{ ref(\"ord$0ers\") }}\n-- file: tests/t.sql\nselect 1 from {{ ref('shop', 'orders') }}\n-- file: macros/m.sql\n{% macro last() %}{{ ref('orders') }}{% endmacro %}\n",
            "sales",
            expect![[r#"
                Ok("orders")
                /project/dbt_project.yml
                name: shop
                models:
                  shop:
                    core:
                      sales: {+tags: x}
                /project/models/m.yml
                models:
                  - name: 'sales' # here
                    data_tests: [{unique: {column_name: id}}]
                exposures:
                  - {name: e, type: ml, owner: {name: x}, depends_on: ["ref('sales')"]}
                /project/models/b.sql
                select * from {{ ref("sales") }}
                /project/tests/t.sql
                select 1 from {{ ref('shop', 'sales') }}
                /project/macros/m.sql
                {% macro last() %}{{ ref('sales') }}{% endmacro %}
                /project/models/core/orders.sql -> /project/models/core/sales.sql"#]],
        );
    }

    #[test]
    fn versions_and_what_cannot_be_complete() {
        check(
            "-- file: models/m.yml\nmodels:\n  - name: o\n    versions: [{v: 1}, {v: 2, defined_in: new}]\n-- file: models/o_v1.sql\nselect 1\n-- file: models/new.sql\nselect 2\n-- file: models/b.sql\nselect * from {{ ref('o$0', v=1) }} join {{ ref('o') }}\n",
            "p",
            expect![[r#"
                Ok("o")
                /project/models/m.yml
                models:
                  - name: p
                    versions: [{v: 1}, {v: 2, defined_in: new}]
                /project/models/b.sql
                select * from {{ ref('p', v=1) }} join {{ ref('p') }}
                /project/models/o_v1.sql -> /project/models/p_v1.sql"#]],
        );
        check(
            "-- file: models/o.sql\nselect 1\n-- file: models/b.sql\n{% set n = 'o' %}select * from {{ ref(n) }}\n-- file: models/c.sql\nselect * from {{ ref('$0o') }}\n",
            "p",
            expect!["refused: model `b` in models/b.sql depends on `o` through Jinja that makes its name; write it out there first"],
        );
        check(
            "-- file: models/o.sql\nselect 1\n-- file: models/p.sql\nselect 1 from {{ ref('$0o') }}\n",
            "p",
            expect!["refused: there is a model `p` in models/p.sql already"],
        );
        check(
            "-- file: models/o.sql\nselect 1\n-- file: models/p.sql\nselect 1 from {{ ref('$0o') }}\n",
            "a b",
            expect!["refused: `a b` can't be a name: it has to be letters, digits and underscores, and not begin with a digit"],
        );
        check("-- file: models/p.sql\nselect {{ re$0f('o') }}\n", "x", expect!["refused: `ref` is dbt's own"]);
        check("-- file: models/p.sql\nselect {{ is_incr$0emental() }}\n", "x", expect!["refused: `is_incremental` is dbt's own"]);
    }

    #[test]
    fn macros_docs_sources_and_vars() {
        check(
            "-- file: macros/m.sql\n{% macro cents(x) %}{{ return(adapter.dispatch('cents', 'shop')(x)) }}{% endmacro %}\n{% macro default__cents(x) %}{{ x }}{% endmacro %}\n-- file: macros/m.yml\nmacros: [{name: cents}]\n-- file: models/a.sql\nselect {{ ce$0nts('x') }}, {{ shop.cents('y') }}\n",
            "dollars",
            expect![[r#"
                Ok("cents")
                /project/macros/m.sql
                {% macro dollars(x) %}{{ return(adapter.dispatch('dollars', 'shop')(x)) }}{% endmacro %}
                {% macro default__dollars(x) %}{{ x }}{% endmacro %}
                /project/macros/m.yml
                macros: [{name: dollars}]
                /project/models/a.sql
                select {{ dollars('x') }}, {{ shop.dollars('y') }}"#]],
        );
        check(
            "-- file: models/s.yml\nsources:\n  - name: raw\n    tables: [{name: t}]\n-- file: models/a.sql\nselect * from {{ source('ra$0w', 't') }}\n",
            "loaded",
            expect![[r#"
                Ok("raw")
                /project/models/s.yml
                sources:
                  - name: loaded
                    schema: raw
                    tables: [{name: t}]
                /project/models/a.sql
                select * from {{ source('loaded', 't') }}"#]],
        );
        check(
            "-- file: models/d.md\n{% docs o$0 %}x{% enddocs %}\n-- file: models/a.yml\nmodels: [{name: a, description: \"{{ doc('o') }}\"}]\n-- file: models/a.sql\nselect 1\n",
            "p",
            expect![[r#"
            Ok("o")
            /project/models/d.md
            {% docs p %}x{% enddocs %}
            /project/models/a.yml
            models: [{name: a, description: "{{ doc('p') }}"}]"#]],
        );
        check(
            "-- file: dbt_project.yml\nname: shop\nvars: {start: 1}\n-- file: models/a.sql\nselect {{ var('st$0art') }}\n",
            "begin",
            expect![[r#"
            Ok("start")
            /project/dbt_project.yml
            name: shop
            vars: {begin: 1}
            /project/models/a.sql
            select {{ var('begin') }}"#]],
        );
    }

    #[test]
    fn names_that_yaml_or_sql_reads_otherwise() {
        check(
            "-- file: models/o.sql\nselect 1\n-- file: models/o.yml\nmodels:\n  - name: o\n-- file: models/p.sql\nselect 1 from {{ ref('$0o') }}\n",
            "yes",
            expect![[r#"
            Ok("o")
            /project/models/o.yml
            models:
              - name: 'yes'
            /project/models/p.sql
            select 1 from {{ ref('yes') }}
            /project/models/o.sql -> /project/models/yes.sql"#]],
        );
        check("-- file: models/a.sql\nwith $0o as (select 1 as id) select o.id from o\n", "select", expect!["refused: `select` is a word of SQL"]);
    }

    #[test]
    fn what_is_local_to_a_file() {
        check(
            "-- file: models/a.sql\nwith $0o as (select 1 as id) select o.id from o\n",
            "p",
            expect![[r#"
            Ok("o")
            /project/models/a.sql
            with p as (select 1 as id) select p.id from p"#]],
        );
        check(
            "-- file: models/a.sql\nselect x$0.id from {{ ref('b') }} as x\n-- file: models/b.sql\nselect 1 as id\n",
            "y",
            expect![[r#"
            Ok("x")
            /project/models/a.sql
            select y.id from {{ ref('b') }} as y"#]],
        );
        check(
            "-- file: models/a.sql\n{% set x = 1 %}select {{ x$0 }}\n",
            "y",
            expect![[r#"
            Ok("x")
            /project/models/a.sql
            {% set y = 1 %}select {{ y }}"#]],
        );
    }

    #[test]
    fn what_only_its_spelling_shows() {
        check(
            "-- file: macros/m.sql\n{% macro safe_divide(a) %}{{ a }}{% endmacro %}\n-- file: models/a.sql\nwith $0o as (select 1 as id, 2 as n)\n{% set more %}o.n{% endset %}\nselect {{ safe_divide('o.id / o.n') }}, {% for x in ['id'] %} o.{{ x }} as c_{{ x }}{% endfor %}, 'o.id' as o_id -- o.id\nfrom o\n",
            "p",
            expect![[r#"
                Ok("o")
                /project/models/a.sql
                with p as (select 1 as id, 2 as n)
                {% set more %}p.n{% endset %}
                select {{ safe_divide('p.id / p.n') }}, {% for x in ['id'] %} p.{{ x }} as c_{{ x }}{% endfor %}, 'o.id' as o_id -- o.id
                from p"#]],
        );
        check(
            "-- file: macros/m.sql\n{% macro f(a) %}{{ a }}{% endmacro %}\n-- file: models/a.sql\nwith $0o as (select 1 as id), q as (select o.id from {{ ref('b') }} o) select {{ f('o.id') }} from o join q using (id)\n-- file: models/b.sql\nselect 1 as id\n",
            "p",
            expect!["refused: models/a.sql, line 1, may mean another `o` of this file; change it there first"],
        );
        check(
            "-- file: models/a.sql\nwith recursive $0a as (select 1 as id union all select a.id + 1 from a where a.id < 3) select * from a\n",
            "b",
            expect![[r#"
                Ok("a")
                /project/models/a.sql
                with recursive b as (select 1 as id union all select b.id + 1 from b where b.id < 3) select * from b"#]],
        );
    }

    #[test]
    fn sources_keep_their_relations() {
        let shop = "-- file: models/s.yml\nsources:\n  - name: raw\n    tables:\n      - name: t\n      - {name: u}\n  - name: other\n    schema: x\n    tables: [{name: v, identifier: w}]\n-- file: models/a.sql\nselect * from {{ source('raw', 't') }}, {{ source('raw', 'u') }}, {{ source('other', 'v') }}\n";
        let at = |from: &str, to: &str| shop.replace(from, to);
        check(
            &at("source('raw', 't')", "source('raw', 't$0')"),
            "orders",
            expect![[r#"
            Ok("t")
            /project/models/s.yml
            sources:
              - name: raw
                tables:
                  - name: orders
                    identifier: t
                  - {name: u}
              - name: other
                schema: x
                tables: [{name: v, identifier: w}]
            /project/models/a.sql
            select * from {{ source('raw', 'orders') }}, {{ source('raw', 'u') }}, {{ source('other', 'v') }}"#]],
        );
        check(
            &at("source('raw', 'u')", "source('raw', 'u$0')"),
            "orders",
            expect![[r#"
            Ok("u")
            /project/models/s.yml
            sources:
              - name: raw
                tables:
                  - name: t
                  - {name: orders, identifier: u}
              - name: other
                schema: x
                tables: [{name: v, identifier: w}]
            /project/models/a.sql
            select * from {{ source('raw', 't') }}, {{ source('raw', 'orders') }}, {{ source('other', 'v') }}"#]],
        );
        check(
            &at("source('other', 'v')", "source('other', 'v$0')"),
            "orders",
            expect![[r#"
            Ok("v")
            /project/models/s.yml
            sources:
              - name: raw
                tables:
                  - name: t
                  - {name: u}
              - name: other
                schema: x
                tables: [{name: orders, identifier: w}]
            /project/models/a.sql
            select * from {{ source('raw', 't') }}, {{ source('raw', 'u') }}, {{ source('other', 'orders') }}"#]],
        );
        check(
            &at("source('other', 'v')", "source('oth$0er', 'v')"),
            "loaded",
            expect![[r#"
            Ok("other")
            /project/models/s.yml
            sources:
              - name: raw
                tables:
                  - name: t
                  - {name: u}
              - name: loaded
                schema: x
                tables: [{name: v, identifier: w}]
            /project/models/a.sql
            select * from {{ source('raw', 't') }}, {{ source('raw', 'u') }}, {{ source('loaded', 'v') }}"#]],
        );
    }

    #[test]
    fn columns_that_come_out_by_a_star() {
        let stg = "-- file: seeds/s.csv\nid,amount\n-- file: models/stg.sql\n{{ config(materialized='incremental', unique_key=['order_id', 'day']) }}\nwith source as (select * from {{ ref('s') }}),\nrenamed as (select id as order_$0id, amount from source),\ndoubled as (select order_id, amount * 2 as twice from renamed)\nselect *, order_id + 1 as next from renamed where order_id > 1\n-- file: models/stg.yml\nmodels:\n  - name: stg\n    columns:\n      - name: order_id\n        description: The order_id.\n";
        check(
            &format!(
                "{stg}-- file: models/b.sql\nwith orders as (select * from {{{{ ref('stg') }}}}) select orders.order_id, orders.order_id as k from orders\n"
            ),
            "key",
            expect![[r#"
                Ok("order_id")
                /project/models/stg.sql
                {{ config(materialized='incremental', unique_key=['key', 'day']) }}
                with source as (select * from {{ ref('s') }}),
                renamed as (select id as key, amount from source),
                doubled as (select key as order_id, amount * 2 as twice from renamed)
                select *, key + 1 as next from renamed where key > 1
                /project/models/stg.yml
                models:
                  - name: stg
                    columns:
                      - name: key
                        description: The order_id.
                /project/models/b.sql
                with orders as (select * from {{ ref('stg') }}) select orders.key as order_id, orders.key as k from orders"#]],
        );
        check(
            &format!("{stg}-- file: models/b.sql\nwith orders as (select * from {{{{ ref('stg') }}}}) select * from orders\n"),
            "key",
            expect!["refused: model `b` takes all columns of `stg` with `*` in models/b.sql, line 1; name them there first, or its own columns change"],
        );
        check(
            &format!(
                "{stg}-- file: macros/m.sql\n{{% macro f(a) %}}{{{{ a }}}}{{% endmacro %}}\n-- file: models/b.sql\nselect {{{{ f('o.order_id') }}}} as x from {{{{ ref('stg') }}}} o\n"
            ),
            "key",
            expect!["refused: models/b.sql, line 1, may mean `order_id` and can't be changed for you; change it there first"],
        );
        check(
            &format!("{stg}-- file: models/b.sql\nselect o.amount from {{{{ ref('stg') }}}} o join {{{{ ref('stg') }}}} p using (order_id)\n"),
            "key",
            expect!["refused: models/b.sql, line 1, may mean `order_id` and can't be changed for you; change it there first"],
        );
        check(
            &stg.replace("        description: The", "        data_tests: [{dbt_utils.at_least: {expression: order_id > 0}}]\n        description: The"),
            "key",
            expect!["refused: models/stg.yml, line 5, may mean `order_id` and can't be changed for you; change it there first"],
        );
        check(
            &format!("{stg}unit_tests:\n  - name: u\n    model: stg\n    given: []\n    expect:\n      rows:\n        - {{order_id: 1}}\n"),
            "key",
            expect!["refused: models/stg.yml, line 12, may mean `order_id` and can't be changed for you; change it there first"],
        );
    }

    #[test]
    fn columns() {
        let a = "-- file: models/a.sql\nselect 1 as id, 2 as n from {{ ref('s') }}\n-- file: seeds/s.csv\nid\n-- file: models/a.yml\nmodels: [{name: a, columns: [{name: id}]}]\n";
        check(
            &format!("{a}-- file: models/b.sql\nselect x.i$0d, x.id as k from {{{{ ref('a') }}}} x where x.id > 1\n"),
            "key",
            expect![[r#"
            Ok("id")
            /project/models/a.sql
            select 1 as key, 2 as n from {{ ref('s') }}
            /project/models/a.yml
            models: [{name: a, columns: [{name: key}]}]
            /project/models/b.sql
            select x.key as id, x.key as k from {{ ref('a') }} x where x.key > 1"#]],
        );
        check(
            &format!("{a}-- file: models/b.sql\nselect x.i$0d from {{{{ ref('a') }}}} x\n-- file: models/c.sql\nselect * from {{{{ ref('a') }}}}\n"),
            "key",
            expect!["refused: model `c` takes all columns of `a` with `*` in models/c.sql, line 1; name them there first, or its own columns change"],
        );
        check(
            "-- file: models/a.sql\nselect s.id from {{ ref('s') }} s\n-- file: seeds/s.csv\nid\n-- file: models/a.yml\nmodels: [{name: a, columns: [{name: i$0d}]}]\n",
            "key",
            expect![[r#"
            Ok("id")
            /project/models/a.sql
            select s.id as key from {{ ref('s') }} s
            /project/models/a.yml
            models: [{name: a, columns: [{name: key}]}]"#]],
        );
    }
}
