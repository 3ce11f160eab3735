//! Go to definition, declaration, type definition and implementation.

use crate::columns::{Scopes, Source};
use crate::{Analysis, File, Thing};
use dbt::{Docs, Macro, NodeIndex, Patch, Place};
use syntax::jinja;
use text::TextRange;
use vfs::FileId;

/// A place to go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NavigationTarget {
    pub file: FileId,
    /// The whole of what is there.
    pub range: TextRange,
    /// Its name, where the cursor lands.
    pub focus: TextRange,
}

impl NavigationTarget {
    fn at(place: Place) -> Self {
        Self { file: place.file, range: place.range, focus: place.range }
    }

    fn of_patch(patch: &Patch) -> Self {
        Self { file: patch.place.file, range: patch.place.range, focus: patch.name.range }
    }

    pub(crate) fn of_macro(found: &Macro) -> Self {
        Self { file: found.place.file, range: found.range, focus: found.place.range }
    }

    pub(crate) fn of_docs(docs: &Docs) -> Self {
        Self::at(docs.place)
    }
}

/// What is asked of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Navigation {
    /// Where it is made: a model's code, a macro's block, the projection that makes a column.
    Definition,
    /// Where it is described: its entry in a properties file.
    Declaration,
    /// What it is one of: a column's node, what an alias stands for, a node's entry.
    TypeDefinition,
    /// What stands behind it: of a macro that dispatches the implementation for this adapter.
    Implementation,
}

impl Analysis {
    /// Where the thing at an offset is defined. Where the offset is at that very place, what describes it: from a model's own entry
    /// in YAML to its code, from a column's name in SQL to its entry.
    pub fn definition(&self, file: &File, offset: usize) -> Vec<NavigationTarget> {
        self.navigate(file, offset, Navigation::Definition)
    }

    /// Where to go from the thing at an offset.
    pub fn navigate(&self, file: &File, offset: usize, to: Navigation) -> Vec<NavigationTarget> {
        let Some((thing, range)) = self.thing_at(file, offset) else { return Vec::new() };
        let found = match to {
            Navigation::Definition => self.definition_of(file, &thing),
            Navigation::Declaration => self.declaration_of(file, &thing),
            Navigation::TypeDefinition => self.type_of(file, &thing),
            Navigation::Implementation => self.implementation(file, &thing),
        };
        let is_here = |target: &NavigationTarget| target.file == file.id && target.focus == range;
        if to == Navigation::Definition && found.iter().all(is_here) {
            let mut others = self.declaration_of(file, &thing);
            others.extend(self.type_of(file, &thing));
            others.retain(|target| !is_here(target));
            others.dedup();
            if let Some(first) = others.first() {
                return vec![*first];
            }
        }
        found
    }

    fn definition_of(&self, file: &File, thing: &Thing) -> Vec<NavigationTarget> {
        let here = |range: TextRange| vec![NavigationTarget::at(Place { file: file.id, range })];
        match thing {
            Thing::Node(index) => vec![self.node_target(*index)],
            Thing::Source(name) => self.source_targets(name),
            Thing::Column(index, name) => {
                let made = self.made(*index).get(name).and_then(|column| column.place);
                let entry = || self.index.nodes[*index].column(name).and_then(|column| column.entry);
                vec![made.or_else(entry).map_or_else(|| self.node_target(*index), NavigationTarget::at)]
            }
            Thing::Macro(at) => vec![NavigationTarget::of_macro(&self.index.macros[*at])],
            Thing::Docs(at) => vec![NavigationTarget::of_docs(&self.index.docs[*at])],
            Thing::Var(name) => {
                let place = self.config.vars.get(name).map(|(range, _)| *range);
                let project = self.file_at(&self.root.join("dbt_project.yml"));
                place.zip(project).map(|(range, project)| NavigationTarget::at(Place { file: project.id, range })).into_iter().collect()
            }
            Thing::Package(name) => {
                let number = self.index.packages.iter().position(|package| **package == **name);
                let project = number.and_then(|number| self.files.values().find(|file| file.package == number && &*file.relative == "dbt_project.yml"));
                project.map(|project| NavigationTarget::at(Place { file: project.id, range: TextRange::at(0) })).into_iter().collect()
            }
            Thing::Measure(..) => self.place_of_measure(thing).map(NavigationTarget::at).into_iter().collect(),
            Thing::Selector(name) => {
                let place = crate::thing::selectors(&file.text).into_iter().find(|(other, _, defines)| *defines && other == name);
                place.map(|(_, range, _)| NavigationTarget::at(Place { file: file.id, range })).into_iter().collect()
            }
            Thing::Cte(name) => {
                let scopes = Scopes::new(self, file);
                let cte = scopes.query.ctes.iter().find(|cte| cte.name_range == *name);
                cte.map(|cte| NavigationTarget { file: file.id, range: cte.range, focus: cte.name_range }).into_iter().collect()
            }
            Thing::Alias(range) | Thing::Local(range) => here(*range),
            Thing::Made { definition, .. } => here(*definition),
            Thing::EnvVar(_) | Thing::Word(..) | Thing::Builtin(_) | Thing::Config(_) | Thing::Property(_) | Thing::ProjectKey(_) => Vec::new(),
        }
    }

    fn source_targets(&self, name: &str) -> Vec<NavigationTarget> {
        let tables = self.index.nodes.iter().filter(|node| node.source_name.as_deref() == Some(name));
        let mut files: Vec<FileId> = tables.map(|node| node.place.file).collect();
        files.sort();
        files.dedup();
        let files = files.into_iter().filter_map(|id| self.file(id));
        files.flat_map(|file| self.source_entries(file, name).into_iter().map(|range| NavigationTarget::at(Place { file: file.id, range }))).collect()
    }

    fn declaration_of(&self, file: &File, thing: &Thing) -> Vec<NavigationTarget> {
        let entry = match thing {
            Thing::Node(index) => self.entry_target(*index),
            Thing::Column(index, name) => self.index.nodes[*index].column(name).and_then(|column| column.entry).map(NavigationTarget::at),
            Thing::Macro(at) => self.index.macros[*at].patch.as_ref().map(NavigationTarget::of_patch),
            _ => None,
        };
        entry.map_or_else(|| self.definition_of(file, thing), |entry| vec![entry])
    }

    /// A node's entry in a properties file.
    pub fn entry_target(&self, index: NodeIndex) -> Option<NavigationTarget> {
        self.index.nodes[index].patch.as_ref().map(NavigationTarget::of_patch)
    }

    fn type_of(&self, file: &File, thing: &Thing) -> Vec<NavigationTarget> {
        match thing {
            Thing::Node(index) => self.entry_target(*index).into_iter().collect(),
            Thing::Column(index, _) | Thing::Measure(index, _) => vec![self.node_target(*index)],
            Thing::Made { origin: Some((index, name)), .. } => self.definition_of(file, &Thing::Column(*index, name.clone())),
            Thing::Alias(alias) => {
                let scopes = Scopes::new(self, file);
                let relations = scopes.query.selects.iter().flat_map(|select| &select.relations);
                let relation = relations.into_iter().find(|relation| relation.alias.as_ref().is_some_and(|(_, range)| range == alias));
                match relation.map(|relation| scopes.source(relation)) {
                    Some(Source::Node(index)) => vec![self.node_target(index)],
                    Some(Source::Cte(at)) => self.definition_of(file, &Thing::Cte(scopes.query.ctes[at].name_range)),
                    _ => Vec::new(),
                }
            }
            Thing::Cte(name) => {
                let scopes = Scopes::new(self, file);
                let Some(cte) = scopes.query.ctes.iter().find(|cte| cte.name_range == *name) else { return Vec::new() };
                let relations = cte.branches.iter().flat_map(|&branch| &scopes.query.selects[branch].relations);
                let sources = relations.map(|relation| scopes.source(relation));
                let mut targets: Vec<NavigationTarget> = sources
                    .flat_map(|source| match source {
                        Source::Node(index) => vec![self.node_target(index)],
                        Source::Cte(at) => self.definition_of(file, &Thing::Cte(scopes.query.ctes[at].name_range)),
                        _ => Vec::new(),
                    })
                    .collect();
                targets.dedup();
                targets
            }
            _ => Vec::new(),
        }
    }

    /// Of a macro that dispatches the implementation for this adapter; of anything else its definition.
    fn implementation(&self, file: &File, thing: &Thing) -> Vec<NavigationTarget> {
        if let Thing::Macro(at) = thing {
            let found = &self.index.macros[*at];
            let calls = jinja::parse(&found.text).calls;
            let dispatch = calls.iter().find(|call| call.path.last().is_some_and(|last| last == "dispatch"));
            if let Some(name) = dispatch.and_then(|call| call.arg(0, "macro_name")).and_then(|argument| argument.value.as_str()) {
                let namespace = dispatch.and_then(|call| call.arg(1, "macro_namespace")).and_then(|argument| argument.value.as_str().map(str::to_owned));
                if let Some(at) = self.implementation_of(name, namespace.as_deref(), &found.package) {
                    return self.definition_of(file, &Thing::Macro(at));
                }
            }
        }
        self.definition_of(file, thing)
    }

    /// Where a node is defined.
    pub fn node_target(&self, index: NodeIndex) -> NavigationTarget {
        let node = &self.index.nodes[index];
        let whole = node.patch.as_ref().map(|patch| patch.place).filter(|place| place.file == node.place.file && place.range.contains_range(node.place.range));
        NavigationTarget { file: node.place.file, range: whole.map_or(node.place.range, |place| place.range), focus: node.place.range }
    }
}
#[cfg(test)]
mod tests {
    use crate::test_support::at_cursor;
    use expect_test::{Expect, expect};

    fn check(fixture: &str, expected: Expect) {
        let (analysis, file, offset) = at_cursor(fixture);
        let targets = analysis.definition(&file, offset).into_iter().map(|target| {
            let found = analysis.file(target.file).expect("a file");
            let line = text::LineIndex::new(&found.text).line_of(target.focus.start as usize) + 1;
            format!("{}:{line} {}", found.relative, target.focus.of(&found.text))
        });
        expected.assert_eq(&targets.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn refs_and_sources() {
        check("-- file: models/a.sql\nselect 1\n-- file: models/b.sql\nselect * from {{ ref('$0a') }}\n", expect!["models/a.sql:1 "]);
        check(
            "-- file: models/b.sql\nselect * from {{ so$0urce('raw', 't') }}\n-- file: models/s.yml\nsources:\n  - name: raw\n    tables:\n      - name: t\n",
            expect!["models/s.yml:4 t"],
        );
        check("-- file: models/b.sql\nselect * from {{ ref('nowhere$0') }}\n", expect![""]);
    }

    #[test]
    fn versions_and_packages() {
        let versions = "-- file: models/m.yml\nmodels:\n  - name: m\n    latest_version: 2\n    versions: [{v: 1}, {v: 2, defined_in: new_m}]\n-- file: models/m_v1.sql\nselect 1\n-- file: models/new_m.sql\nselect 2\n";
        check(&format!("{versions}-- file: models/b.sql\nselect * from {{{{ ref('m$0') }}}}\n"), expect!["models/new_m.sql:1 "]);
        check(&format!("{versions}-- file: models/b.sql\nselect * from {{{{ ref('m$0', v=1) }}}}\n"), expect!["models/m_v1.sql:1 "]);
        check(
            "-- file: dbt_packages/p/dbt_project.yml\nname: p\n-- file: dbt_packages/p/models/a.sql\nselect 1\n-- file: models/a.sql\nselect 2\n-- file: models/b.sql\nselect * from {{ ref('p', 'a$0') }}\n",
            expect!["models/a.sql:1 "],
        );
    }

    #[test]
    fn macros_docs_vars_and_tests() {
        let macros = "-- file: macros/m.sql\n\n{% macro cents(x) %}{{ x }}{% endmacro %}\n{% test positive(model, column_name) %}select 1{% endtest %}\n";
        check(&format!("{macros}-- file: models/a.sql\nselect {{{{ cen$0ts('x') }}}}\n"), expect!["macros/m.sql:2 cents"]);
        check(
            &format!(
                "{macros}-- file: models/a.sql\nselect 1\n-- file: models/a.yml\nmodels:\n  - name: a\n    columns:\n      - name: id\n        data_tests:\n          - posi$0tive\n"
            ),
            expect!["macros/m.sql:3 positive"],
        );
        check(
            "-- file: models/d.md\n{% docs orders %}x{% enddocs %}\n-- file: models/a.sql\nselect 1\n-- file: models/a.yml\nmodels:\n  - name: a\n    description: \"{{ doc('ord$0ers') }}\"\n",
            expect!["models/d.md:1 orders"],
        );
        check(
            "-- file: dbt_project.yml\nname: shop\nvars:\n  start: 2020\n-- file: models/a.sql\nselect {{ var('sta$0rt') }}\n",
            expect!["dbt_project.yml:3 start"],
        );
    }

    #[test]
    fn ctes_columns_and_entries() {
        check("-- file: models/a.sql\nwith o as (select 1 as id)\nselect * from $0o\n", expect!["models/a.sql:1 o"]);
        check("-- file: models/a.sql\nselect 1\n-- file: models/a.yml\nmodels:\n  - name: $0a\n", expect!["models/a.sql:1 "]);
        check(
            "-- file: models/a.sql\nselect 1 as id\n-- file: models/a.yml\nmodels:\n  - name: a\n    columns:\n      - {name: id, description: Key}\n-- file: models/b.sql\nselect a.i$0d from {{ ref('a') }} as a\n",
            expect!["models/a.sql:1 id"],
        );
    }
}
