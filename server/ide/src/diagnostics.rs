//! Diagnostics of one file and of the whole project.

use crate::rules::Ignored;
use crate::{Analysis, File};
use dbt::{Diagnostic, FileKind, Node, Place, ResourceType, Severity};
use std::sync::Arc;
use text::TextRange;
use vfs::ReadProblem;

/// What `ragstar index` tells of a project.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    pub project: String,
    pub files: usize,
    pub bytes: usize,
    /// By resource type, in dbt's order.
    pub counts: Vec<(&'static str, usize)>,
    pub macros: usize,
    pub docs: usize,
    pub disabled: usize,
    pub edges: usize,
    pub packages: Vec<String>,
    pub errors: usize,
    pub warnings: usize,
}

impl Analysis {
    /// Everything to say about a file, in the order of the text, as the rules and the file's comments want it.
    pub fn diagnostics(&self, file: &File) -> Vec<Diagnostic> {
        let mut found = self.told(file);
        if file.package == 0 {
            found.extend(self.missing_descriptions(file));
            found.extend(self.draft_hints(file).into_iter().map(|(_, hint)| hint));
            found.extend(self.lints(file));
        }
        self.wanted(file, found)
    }

    /// What dbt would tell of a file, and what can't be read in it: known without looking at the text again.
    pub fn problems(&self, file: &File) -> Vec<Diagnostic> {
        let found = self.told(file);
        self.wanted(file, found)
    }

    fn told(&self, file: &File) -> Vec<Diagnostic> {
        let mut found: Vec<Diagnostic> = self.index.diagnostics_of(file.id).cloned().collect();
        self.move_to_entries(file, &mut found);
        for diagnostic in &mut found {
            if diagnostic.code == "cycle"
                && let Some(range) = self.reference_in_circle(file)
            {
                diagnostic.place.range = range;
            }
            // What is about a whole file of code is shown at its first line.
            if diagnostic.place.range == TextRange::at(0) && !matches!(file.kind, FileKind::Properties | FileKind::Project) {
                diagnostic.place.range = first_line(&file.text);
            }
            let is_told = matches!(diagnostic.code, "unknown-ref" | "unknown-source" | "unknown-doc" | "unknown-model" | "entry-without-node")
                && !diagnostic.message.contains("has no version");
            if let Some(meant) = Some(&*diagnostic).filter(|_| is_told).and_then(|diagnostic| self.meant(file, diagnostic)) {
                diagnostic.message.push_str(&format!("; did you mean `{}`?", meant.name));
            }
        }
        if file.package == 0 {
            found.extend(read_problem(file));
            found.extend(self.config_errors(file));
        }
        found
    }

    /// The first reference of a file's nodes that closes a circle.
    fn reference_in_circle(&self, file: &File) -> Option<TextRange> {
        let package = self.package_of(file);
        let own = self.index.nodes_of_file(file.id);
        let closes = |used: &&dbt::Use| {
            let other = self.index.resolve(&used.target, package);
            other.is_some_and(|other| own.iter().any(|&at| self.index.nodes[at].depends_on.contains(&other) && (other == at || self.index.reaches(other, at))))
        };
        file.facts.uses.iter().find(closes).map(|used| used.name_range)
    }

    /// An unknown group is told where it is written: at the model's entry, if that names it.
    fn move_to_entries(&self, file: &File, found: &mut Vec<Diagnostic>) {
        const CODE: &str = "unknown-group";
        if file.kind != FileKind::Properties {
            let written = |diagnostic: &Diagnostic| {
                let own = self.index.nodes_of_file(file.id).iter().map(|&at| &self.index.nodes[at]);
                diagnostic.code == CODE && own.filter_map(|node| self.group_in_entry(node)).next().is_some()
            };
            found.retain(|diagnostic| !written(diagnostic));
            return;
        }
        for &at in self.index.nodes_described_in(file.id) {
            let node = &self.index.nodes[at];
            if node.config.group.is_none() || node.place.file == file.id {
                continue;
            }
            let told = self.index.diagnostics_of(node.place.file).find(|diagnostic| diagnostic.code == CODE);
            if let Some((told, place)) = told.and_then(|told| Some((told, self.group_in_entry(node)?))) {
                found.push(Diagnostic { place, ..told.clone() });
            }
        }
    }

    /// Where a node's entry in a properties file names the node's group.
    fn group_in_entry(&self, node: &Node) -> Option<Place> {
        let patch = node.patch.as_ref()?;
        let group = node.config.group.as_deref()?;
        let file = self.file(patch.name.file)?;
        let tree = syntax::yaml::parse(&file.text);
        let entry = tree.root.as_ref()?.entry_around(patch.name.range)?;
        let values = [entry.get("config").and_then(|config| config.get("group")), entry.get("group")];
        let value = values.into_iter().flatten().find(|value| value.as_str() == Some(group))?;
        Some(Place { file: file.id, range: value.range })
    }

    pub(crate) fn wanted(&self, file: &File, mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
        found.retain_mut(|diagnostic| self.rules.apply(diagnostic));
        if !found.is_empty() {
            let ignored = Ignored::read(file.kind, &file.text);
            if !ignored.is_empty() {
                let lines = text::LineIndex::new(&file.text);
                found.retain(|diagnostic| !ignored.hold(&lines, diagnostic));
            }
        }
        found.sort_by_key(|diagnostic| (diagnostic.place.range.start, diagnostic.severity));
        found
    }

    /// Everything to say about the project, by file in the order of paths.
    pub fn all_diagnostics(&self) -> Vec<(String, Diagnostic)> {
        let files = self.own_files();
        let found = dbt::in_parallel(&files, |file| self.diagnostics(file));
        files.iter().zip(found).flat_map(|(file, found)| found.into_iter().map(|found| (file.relative.to_string(), found))).collect()
    }

    /// What [`Self::problems`] tells of all files, by file in the order of paths.
    pub fn all_problems(&self) -> Vec<(String, Diagnostic)> {
        let files = self.own_files();
        files.iter().flat_map(|file| self.problems(file).into_iter().map(|found| (file.relative.to_string(), found))).collect()
    }

    fn own_files(&self) -> Vec<&Arc<File>> {
        let mut files: Vec<&Arc<File>> = self.files.values().filter(|file| file.package == 0).collect();
        files.sort_by(|left, right| left.relative.cmp(&right.relative));
        files
    }

    pub fn summary(&self) -> Summary {
        let diagnostics = self.all_problems();
        let count = |severity| diagnostics.iter().filter(|(_, found)| found.severity == severity).count();
        Summary {
            project: self.index.project.to_string(),
            files: self.files.len(),
            bytes: self.files.values().map(|file| file.text.len()).sum(),
            counts: self.index.counts().into_iter().map(|(kind, count)| (kind.as_str(), count)).collect(),
            macros: self.index.macros.len(),
            docs: self.index.docs.len(),
            disabled: self.index.disabled.len(),
            // What generic tests ask of a node is no lineage.
            edges: self.index.nodes.iter().filter(|node| node.test.is_none()).map(|node| node.depends_on.len()).sum(),
            packages: self.index.packages.iter().skip(1).map(ToString::to_string).collect(),
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
        }
    }

    fn config_errors(&self, file: &File) -> Vec<Diagnostic> {
        if file.kind != FileKind::Project {
            return Vec::new();
        }
        let made = |error: &syntax::SyntaxError| {
            Diagnostic::new(Place { file: file.id, range: error.range }, Severity::Error, "project-config", error.message.clone())
        };
        let broken = self.broken_packages.iter().map(|folder| {
            let install = &self.config.packages_install_path;
            let message = format!("{install}/{folder} holds no dbt_project.yml, and dbt stops there; take the folder away, or run `dbt deps`");
            let says = format!("No dbt_project.yml found at expected path {install}/{folder}/dbt_project.yml");
            Diagnostic::new(Place { file: file.id, range: first_line(&file.text) }, Severity::Error, "missing-package", message).as_dbt(says)
        });
        self.config.errors.iter().map(made).chain(broken).collect()
    }

    /// The hints that a description is missing, whatever the rules want.
    pub(crate) fn missing_descriptions(&self, file: &File) -> Vec<Diagnostic> {
        let hint = |range, message| Diagnostic::new(Place { file: file.id, range }, Severity::Hint, "missing-description", message);
        let mut found = Vec::new();
        for source in self.sources_in(file).into_iter().filter(|source| !source.is_described()) {
            found.extend(source.patch().map(|patch| hint(patch.name.range, format!("source `{}` has no description", source.name()))));
        }
        for &index in self.index.nodes_described_in(file.id) {
            let node = &self.index.nodes[index];
            let Some(patch) = &node.patch else { continue };
            if node.resource_type.has_description() && !node.has_description() {
                found.push(hint(patch.name.range, format!("{} `{}` has no description", node.resource_type, node.label())));
            }
            for column in node.columns.values().filter(|column| !column.has_description()) {
                if let Some(place) = column.entry.filter(|place| place.file == file.id) {
                    found.push(hint(place.range, format!("column `{}` of `{}` has no description", column.name, node.label())));
                }
            }
        }
        for &index in self.index.nodes_of_file(file.id) {
            let node = &self.index.nodes[index];
            if is_in_code(node) && !node.has_description() {
                let at = if node.place.range.is_empty() { first_line(&file.text) } else { node.place.range };
                found.push(hint(at, format!("{} `{}` has no description", node.resource_type, node.label())));
            }
        }
        // The versions of a model share one entry.
        let mut seen = std::collections::HashSet::new();
        let is_entry = file.kind == FileKind::Properties;
        found.retain(|diagnostic| seen.insert((diagnostic.place.range, if is_entry { String::new() } else { diagnostic.message.clone() })));
        found
    }
}

/// Whether the node's code is what people have open: not YAML.
fn is_in_code(node: &Node) -> bool {
    matches!(node.resource_type, ResourceType::Model | ResourceType::Snapshot) && node.patch.as_ref().is_none_or(|patch| patch.place.file != node.place.file)
}

fn first_line(text: &str) -> TextRange {
    TextRange::new(0, text.find(['\n', '\r']).unwrap_or(text.len()))
}

fn read_problem(file: &File) -> Option<Diagnostic> {
    let (range, message) = match file.problem.as_ref()? {
        ReadProblem::NotUtf8 { offset } => {
            let end = file.text[*offset..].chars().next().map_or(*offset, |c| offset + c.len_utf8());
            (TextRange::new(*offset, end), format!("byte {offset} is not UTF-8; save the file as UTF-8 (dbt refuses it as it is)"))
        }
        ReadProblem::TooLarge { bytes } => {
            (TextRange::at(0), format!("the file has {} MB and was not read; the limit is {} MB", bytes >> 20, vfs::MAX_TEXT_BYTES >> 20))
        }
        ReadProblem::Unreadable(why) => (TextRange::at(0), format!("the file can't be read: {why}")),
    };
    Some(Diagnostic::new(Place { file: file.id, range }, Severity::Error, "unreadable-file", message))
}

#[cfg(test)]
mod tests {
    use crate::test_support::analysis;
    use expect_test::{Expect, expect};
    use testkit::Fixture;

    fn check(fixture: &str, expected: Expect) {
        let analysis = analysis(&Fixture::parse(fixture));
        let shown = analysis.all_diagnostics().into_iter().map(|(path, found)| {
            let file = analysis.file(found.place.file).expect("a file");
            let line = text::LineIndex::new(&file.text).line_of(found.place.range.start as usize) + 1;
            format!("{path}:{line} {:?} {} [{}] {}", found.severity, found.code, found.place.range.of(&file.text), found.message)
        });
        expected.assert_eq(&shown.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn unknown_names_with_suggestions() {
        check(
            "-- file: models/orders.sql\nselect * from {{ ref('custmers') }} join {{ source('raw', 'x') }} join {{ ref('nope_pkg', 'a') }}\n-- file: models/customers.sql\nselect 1\n-- file: models/m.yml\nmodels:\n  - name: orders\n    description: \"{{ doc('ordrs') }}\"\n  - name: customers\n    description: c\n  - name: gone\n    description: d\n-- file: models/d.md\n{% docs orders %}x{% enddocs %}\n",
            expect![[r#"
                dbt_project.yml:2 Information missing-profile [shop] no profiles.yml was found; names of relations are guessed until a profile says which warehouse, database and schema are meant
                models/m.yml:3 Error unknown-doc ['ordrs'] no docs block is called `ordrs`; add {% docs ordrs %} to a Markdown file, or correct the name; did you mean `orders`?
                models/m.yml:6 Warning entry-without-node [gone] no model of this project is called `gone`; correct the name, or take the entry out
                models/orders.sql:1 Error unknown-ref ['custmers'] no model, seed or snapshot is called `custmers`; correct the name, or add it; did you mean `customers`?
                models/orders.sql:1 Error unknown-source ['x'] no source `raw` with a table `x` is defined; correct the name, or add it under `sources:`
                models/orders.sql:1 Error unknown-ref ['a'] package `nope_pkg` is not installed; run `dbt deps` or correct its name"#]],
        );
    }

    #[test]
    fn missing_descriptions_are_hints() {
        check(
            "-- file: models/a.sql\nselect 1 as id\n-- file: models/b.sql\nselect 1\n-- file: models/m.yml\nmodels:\n  - name: a\n    columns:\n      - name: id\n      - name: x\n        description: described\n",
            expect![[r#"
                dbt_project.yml:2 Information missing-profile [shop] no profiles.yml was found; names of relations are guessed until a profile says which warehouse, database and schema are meant
                models/a.sql:1 Hint missing-description [select 1 as id] model `a` has no description
                models/b.sql:1 Hint missing-description [select 1] model `b` has no description
                models/m.yml:2 Hint missing-description [a] model `a` has no description
                models/m.yml:4 Hint missing-description [id] column `id` of `a` has no description
                models/m.yml:5 Warning column-not-made [x] the SQL of `a` makes no column `x`; correct the name, or take the entry out"#]],
        );
    }

    #[test]
    fn all_errors_at_once_and_the_rest_usable() {
        check(
            "-- file: models/a.sql\nselect {{ ref('b') \n-- file: models/b.sql\nselect 1 from {{ ref('a') }} {{ ref('x' }}\n-- file: models/m.yml\nmodels:\n  - name: a\n    description: [\n-- file: dbt_project.yml\nname: shop\nmodels: {+enabled: true}\nmodel-paths: models\n",
            expect![[r#"
                dbt_project.yml:1 Information missing-profile [] no profiles.yml was found; names of relations are guessed until a profile says which warehouse, database and schema are meant
                dbt_project.yml:3 Error project-config [models] `model-paths` must be a list of folders, such as ["models"]
                models/a.sql:1 Hint missing-description [select {{ ref('b') ] model `a` has no description
                models/a.sql:1 Error jinja-syntax [{{] this Jinja tag is never closed; add `}}`
                models/a.sql:1 Error cycle ['b'] these nodes depend on each other in a circle: a ← b ← a; take one of these references out
                models/b.sql:1 Hint missing-description [select 1 from {{ ref('a') }} {{ ref('x' }}] model `b` has no description
                models/b.sql:1 Error cycle ['a'] these nodes depend on each other in a circle: a ← b ← a; take one of these references out
                models/b.sql:1 Error jinja-syntax [}] invalid Jinja: unexpected `}`, expected `,`
                models/m.yml:2 Hint missing-description [a] model `a` has no description
                models/m.yml:3 Error yaml-syntax [] invalid YAML: while parsing a node, did not find expected node content"#]],
        );
    }
}
