//! Docs blocks, and descriptions with `doc()` in them.

use super::{arc, session::Session};
use crate::index::{Description, Docs, PackageInput, Place};
use crate::properties::Text;
use jinja::ast::Name;
use jinja::{Kind, Subject};
use rustc_hash::FxHashMap;
use syntax::jinja::BlockKind;
use vfs::FileId;

/// Every docs block of the project and its packages.
pub struct DocsTable {
    docs: Vec<Docs>,
    by_name: FxHashMap<String, Vec<usize>>,
}

impl DocsTable {
    pub fn new(inputs: &[PackageInput], session: &Session) -> Self {
        let mut table = Self { docs: Vec::new(), by_name: FxHashMap::default() };
        for (package, input) in session.packages.iter().zip(inputs) {
            for file in &input.files {
                for block in file.facts.blocks.iter().filter(|block| block.kind == BlockKind::Docs && !block.name.is_empty()) {
                    table.by_name.entry(block.name.clone()).or_default().push(table.docs.len());
                    table.docs.push(Docs {
                        unique_id: arc(format!("doc.{}.{}", package.name, block.name)),
                        name: block.name.clone(),
                        package: package.name.clone(),
                        place: Place { file: file.id, range: block.name_range },
                        path: file.path.clone(),
                        text: block.body.of(&file.text).trim().to_owned(),
                    });
                }
            }
        }
        table
    }

    pub fn into_index(&self) -> Vec<Docs> {
        self.docs.clone()
    }

    /// dbt's search: the package that is named, else the root project, the node's own, any.
    fn find(&self, package: Option<&str>, name: &str, session: &Session, from: &str) -> Option<&Docs> {
        let candidates = self.by_name.get(name)?;
        // Of two blocks of one name in one package the later counts.
        let of = |package: &str| candidates.iter().rev().map(|&index| &self.docs[index]).find(|docs| &*docs.package == package);
        match package {
            Some(package) => of(package),
            None => {
                let order: [&str; 2] = if session.own_package_first { [from, session.root()] } else { [session.root(), from] };
                order.into_iter().find_map(of).or_else(|| candidates.first().map(|&index| &self.docs[index]))
            }
        }
    }
}

/// The table as one package's descriptions see it.
struct Seen<'a> {
    table: &'a DocsTable,
    session: &'a Session,
    package: &'a str,
}

impl jinja::Docs for Seen<'_> {
    fn find(&self, package: Option<&str>, name: &str) -> Option<(Name, Name)> {
        let docs = self.table.find(package, name, self.session, self.package)?;
        Some((docs.unique_id.clone(), docs.text.as_str().into()))
    }
}

impl super::Builder<'_> {
    /// Renders a description; what can't be rendered stays as it is. Also the docs blocks that it names.
    pub(super) fn rendered(&self, raw: &str, package: &Name) -> (String, Vec<Name>) {
        if !raw.contains("{{") && !raw.contains("{%") && !raw.contains("{#") {
            return (raw.to_owned(), Vec::new());
        }
        let Ok(template) = jinja::lower::parse(raw, 0) else { return (raw.to_owned(), Vec::new()) };
        let seen = Seen { table: self.docs, session: self.session, package };
        let subject = Subject::values(Kind::Docs, package.clone(), &seen);
        let rendered = jinja::render(&self.session.env, &subject, &template, &[]);
        match rendered.failure {
            Some(_) => (raw.to_owned(), rendered.found.docs),
            None => (rendered.text, rendered.found.docs),
        }
    }

    /// A description with its place in the file.
    pub(super) fn description(&self, text: Option<&Text>, file: FileId, package: &Name) -> (Option<Description>, Vec<Name>) {
        let Some(text) = text else { return (None, Vec::new()) };
        let (rendered, blocks) = self.rendered(&text.value, package);
        let written = (rendered != text.value || rendered.contains("{{")).then(|| text.value.clone());
        (Some(Description { text: rendered, written, place: Place { file, range: text.range } }), blocks)
    }
}
