//! Docs blocks, and descriptions with `doc()` in them.

use super::{arc, session::Session};
use crate::FileKind;
use crate::index::{Description, Diagnostic, Docs, Index, PackageInput, Place, Severity};
use crate::properties::Text;
use jinja::ast::Name;
use jinja::{Kind, Subject};
use rustc_hash::FxHashMap;
use syntax::jinja::BlockKind;
use thin_vec::ThinVec;
use vfs::FileId;

/// Every docs block of the project and its packages.
pub fn docs_of(inputs: &[PackageInput], session: &Session) -> Vec<Docs> {
    let mut docs = Vec::new();
    for (package, input) in session.packages.iter().zip(inputs) {
        for file in &input.files {
            let blocks = file.facts.blocks.iter().filter(|block| file.kind == FileKind::Docs && block.kind == BlockKind::Docs && !block.name.is_empty());
            for block in blocks {
                docs.push(Docs {
                    unique_id: arc(format!("doc.{}.{}", package.name, block.name)),
                    name: block.name.clone(),
                    package: package.name.clone(),
                    place: Place { file: file.id, range: block.name_range },
                    path: file.path.clone(),
                    text: contents(session, &package.name, block.body.of(&file.text)),
                });
            }
        }
    }
    docs
}

/// Docs blocks of the root project of one name.
pub fn duplicates(docs: &[Docs], root: &str) -> Vec<Diagnostic> {
    let mut seen: FxHashMap<&str, &Docs> = FxHashMap::default();
    let mut found = Vec::new();
    for block in docs.iter().filter(|block| &*block.package == root) {
        if let Some(first) = seen.insert(&block.name, block) {
            let message = format!("two docs blocks are called `{}`: this one and another in {}; rename one", block.name, first.path);
            let says = format!(
                "dbt found two docs with the name \"{}\".\n\nSince these resources have the same name, dbt will be unable to find the correct resource\nwhen looking for doc(\"{}\").",
                block.name, block.name
            );
            found.push(Diagnostic::new(block.place, Severity::Error, "duplicate-name", message).as_dbt(says));
        }
    }
    found
}

/// A docs block's text, which dbt renders with no names but Jinja's (`DocumentationParser.parse_block`).
fn contents(session: &Session, package: &Name, text: &str) -> String {
    let has_jinja = ["{{", "{%", "{#"].iter().any(|tag| text.contains(tag));
    let rendered = has_jinja.then(|| jinja::lower::parse(text, 0).ok()).flatten().and_then(|template| {
        let rendered = jinja::render(&session.env, &Subject::values(Kind::Nothing, package.clone(), &jinja::NoDocs), &template, &[]);
        rendered.failure.is_none().then_some(rendered.text)
    });
    rendered.as_deref().unwrap_or(text).trim().to_owned()
}

/// The docs blocks as one package's descriptions see them.
struct Seen<'a> {
    index: &'a Index,
    package: &'a str,
}

impl jinja::Docs for Seen<'_> {
    fn find(&self, package: Option<&str>, name: &str) -> Option<(Name, Name)> {
        let docs = self.index.resolve_doc(package, name, self.package)?;
        Some((docs.unique_id.clone(), docs.text.as_str().into()))
    }
}

impl super::Builder<'_> {
    /// Renders a description; what can't be rendered stays as it is. Also the docs blocks that it names.
    pub(super) fn rendered(&self, raw: &str, package: &Name) -> (String, ThinVec<Name>) {
        if !raw.contains("{{") && !raw.contains("{%") && !raw.contains("{#") {
            return (raw.to_owned(), ThinVec::new());
        }
        let Ok(template) = jinja::lower::parse(raw, 0) else { return (raw.to_owned(), ThinVec::new()) };
        let seen = Seen { index: self.index, package };
        let subject = Subject::values(Kind::Docs, package.clone(), &seen);
        let rendered = jinja::render(&self.session.env, &subject, &template, &[]);
        match rendered.failure {
            Some(_) => (raw.to_owned(), rendered.found.docs.into()),
            None => (rendered.text, rendered.found.docs.into()),
        }
    }

    /// A description with its place in the file.
    pub(super) fn description(&self, text: Option<&Text>, file: FileId, package: &Name) -> (Option<Description>, ThinVec<Name>) {
        let Some(text) = text else { return (None, ThinVec::new()) };
        let (rendered, blocks) = self.rendered(&text.value, package);
        let written = (rendered != text.value || rendered.contains("{{")).then(|| text.value.clone());
        (Some(Description { text: rendered, written, place: Place { file, range: text.range } }), blocks)
    }
}
