//! Compiling: a node's text with its Jinja evaluated as dbt does when it runs, as far as that goes without a warehouse. `ref` and
//! `source` come to real relations, ephemeral models to CTEs, and each part of the result knows where it comes from.

use crate::index::{Index, Node, NodeIndex};
use data::{Map, Value as Json};
use jinja::{Env, Eval, Kind, Named, NoDocs, RefCall, Relation, Relations, SourceCall, Subject};
use rustc_hash::FxHashSet;
use std::cell::RefCell;
use std::sync::Arc;
use text::TextRange;

/// A stretch of compiled text and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapped {
    /// Bytes of the compiled text.
    pub compiled: TextRange,
    /// Of the file's text: the text itself, or the tag that made it.
    pub source: TextRange,
    /// Whether both are the same, byte for byte.
    pub is_verbatim: bool,
}

/// A node's text as the warehouse gets it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compiled {
    /// Up to where it failed, if it did.
    pub sql: String,
    pub map: Vec<Mapped>,
    /// Why compiling stopped, and the place in the file.
    pub failure: Option<(TextRange, String)>,
    /// What a warehouse would have been asked for: then the text is as dbt parses it, with `execute` false.
    pub asks_the_warehouse: Option<String>,
}

/// Compiles the nodes of a project as it was parsed.
#[derive(Clone)]
pub struct Compiler {
    env: Arc<Env>,
}

impl std::fmt::Debug for Compiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiler").finish_non_exhaustive()
    }
}

/// Gives the text of a file.
type Texts<'a> = dyn Fn(vfs::FileId) -> Option<Arc<str>> + 'a;

/// Ephemeral models that read each other; deeper ones are a circle.
const MAX_DEPTH: usize = 30;

impl Compiler {
    pub(crate) fn new(env: Arc<Env>) -> Self {
        Self { env }
    }

    /// Compiles a node of SQL. Places in the file are those of its text now. `None` for what has no SQL.
    pub fn compile(&self, index: &Index, at: NodeIndex, texts: &Texts<'_>) -> Option<Compiled> {
        let node = &index.nodes[at];
        node.code?;
        if node.definition.get("language").and_then(Json::as_str) == Some("python") {
            return None;
        }
        let text = texts(node.place.file)?;
        self.node(index, at, &text, texts, &mut Vec::new())
    }

    fn node(&self, index: &Index, at: NodeIndex, text: &Arc<str>, texts: &Texts<'_>, above: &mut Vec<NodeIndex>) -> Option<Compiled> {
        let node = &index.nodes[at];
        let code = node.code_in(text)?;
        let start = code.as_ptr() as usize - text.as_ptr() as usize;
        let ephemeral = RefCell::new(Vec::new());
        let mut made = self.text(index, node, code, start, true, &ephemeral);
        if let Some((_, why)) = &made.failure {
            // What asks the warehouse has no answer here; then it is compiled as dbt parses it.
            let parsed = self.text(index, node, code, start, false, &ephemeral);
            if parsed.failure.is_none() {
                made = Compiled { asks_the_warehouse: Some(why.clone()), ..parsed };
            }
        }
        above.push(at);
        let mut ctes = Vec::new();
        let mut seen = FxHashSet::default();
        self.ctes(index, &ephemeral.into_inner(), texts, above, &mut seen, &mut ctes);
        above.pop();
        inject(&mut made, &ctes);
        Some(made)
    }

    /// The CTEs of ephemeral models, those that others read first.
    fn ctes(&self, index: &Index, of: &[NodeIndex], texts: &Texts<'_>, above: &mut Vec<NodeIndex>, seen: &mut FxHashSet<NodeIndex>, into: &mut Vec<String>) {
        for &at in of {
            if above.contains(&at) || above.len() > MAX_DEPTH || !seen.insert(at) {
                continue;
            }
            let node = &index.nodes[at];
            let Some(text) = texts(node.place.file) else { continue };
            let Some(code) = node.code_in(&text) else { continue };
            let ephemeral = RefCell::new(Vec::new());
            let made = self.text(index, node, code, 0, true, &ephemeral);
            let made = if made.failure.is_some() { self.text(index, node, code, 0, false, &ephemeral) } else { made };
            above.push(at);
            self.ctes(index, &ephemeral.into_inner(), texts, above, seen, into);
            above.pop();
            into.push(format!(" {} as (\n{}\n)", cte_name(node), made.sql));
        }
    }

    fn text(&self, index: &Index, node: &Node, code: &str, start: usize, executes: bool, ephemeral: &RefCell<Vec<NodeIndex>>) -> Compiled {
        // dbt strips a file before it reads it.
        let lead = code.len() - code.trim_start().len();
        let code = code.trim();
        let shift = start + lead;
        let template = match jinja::lower::parse(code, shift) {
            Ok(template) => template,
            Err(error) => return Compiled { failure: Some((error.range, error.message)), ..Compiled::default() },
        };
        let model = || Json::from(index.node_json(node, &|_| None));
        let relations = Resolver { index, package: node.package.to_string(), ephemeral };
        let subject =
            Subject { relations: Some(&relations), executes, requires_vars: true, ..Subject::node(node.package.clone(), Some(relation_of(node)), &model) };
        let rendered = jinja::render(&self.env, &subject, &template, &[]);
        let failure = rendered.failure.map(|failure| {
            let within = failure.trace.last().map(|name| format!(" (in {name})")).unwrap_or_default();
            (failure.range, format!("{}{within}", failure.message.lines().collect::<Vec<_>>().join(" ")))
        });
        let map = rendered.marks.iter().map(|mark| Mapped {
            compiled: TextRange { start: mark.start, end: mark.end },
            source: mark.source,
            is_verbatim: mark.verbatim,
        });
        Compiled { map: map.collect(), sql: rendered.text, failure, asks_the_warehouse: None }
    }

    /// What an expression of a node's text comes to, such as a macro's call. As the error, why it comes to nothing.
    pub fn expand(&self, index: &Index, package: &str, node: Option<NodeIndex>, expression: &str) -> Result<String, String> {
        let template = jinja::lower::parse(&format!("{{{{ {expression} }}}}"), 0).map_err(|error| error.message)?;
        let ephemeral = RefCell::new(Vec::new());
        let relations = Resolver { index, package: package.to_owned(), ephemeral: &ephemeral };
        let own = node.map(|at| &index.nodes[at]);
        let model = || own.map(|node| Json::from(index.node_json(node, &|_| None))).unwrap_or(Json::Object(Map::new()));
        let base = match own {
            Some(node) => Subject::node(node.package.clone(), Some(relation_of(node)), &model),
            None => Subject { kind: Kind::Node, ..Subject::values(Kind::Node, package.into(), &NoDocs) },
        };
        let subject = Subject { relations: Some(&relations), executes: false, ..base };
        let mut eval = Eval::new(&self.env, &subject, false);
        eval.template(&template).map_err(|failure| failure.message)?;
        Ok(eval.text().to_owned())
    }
}

/// The relation that a node is built as.
fn relation_of(node: &Node) -> Relation {
    let quoting = node.config.values.get("quoting").and_then(Json::as_object).cloned().unwrap_or_default();
    Relation {
        database: node.database.clone(),
        schema: node.schema.clone(),
        identifier: node.alias.clone().or_else(|| Some(node.name.as_str().into())),
        quoting,
    }
}

/// dbt's name for an ephemeral model's CTE (`RelationType.CTE`, `add_ephemeral_prefix`).
fn cte_name(node: &Node) -> String {
    format!("__dbt__cte__{}", node.alias.as_deref().unwrap_or(&node.name))
}

/// Finds what `ref` and `source` name, and notes the ephemeral ones.
struct Resolver<'a> {
    index: &'a Index,
    package: String,
    ephemeral: &'a RefCell<Vec<NodeIndex>>,
}

impl Resolver<'_> {
    fn named(&self, at: NodeIndex) -> Named {
        let node = &self.index.nodes[at];
        if node.config.materialized.as_deref() == Some("ephemeral") {
            let mut noted = self.ephemeral.borrow_mut();
            if !noted.contains(&at) {
                noted.push(at);
            }
            return Named::Cte(cte_name(node).into());
        }
        match node.relation() {
            Some(written) if node.relation_name.as_deref() != Some(written) => Named::Written(written.into()),
            // The name as it was rendered with everything that decides its quotes.
            _ if node.resource_type == crate::ResourceType::Source => {
                node.relation_name.clone().map_or_else(|| Named::Relation(relation_of(node)), Named::Written)
            }
            _ => Named::Relation(relation_of(node)),
        }
    }
}

impl Relations for Resolver<'_> {
    fn of_ref(&self, call: &RefCall) -> Option<Named> {
        let version = call.version.as_ref().map(crate::parse::text_of);
        self.index.resolve_ref(call.package.as_deref(), &call.name, version.as_deref(), &self.package).map(|at| self.named(at))
    }

    fn of_source(&self, call: &SourceCall) -> Option<Named> {
        self.index.resolve_source(&call.source, &call.table, &self.package).map(|at| self.named(at))
    }
}

/// Puts CTEs before a text's own (`inject_ctes_into_sql`), and moves its map.
fn inject(made: &mut Compiled, ctes: &[String]) {
    if ctes.is_empty() {
        return;
    }
    let all = ctes.join(",");
    let with = leading_with(&made.sql);
    let (at, inserted) = match with {
        Some(end) => (end, format!("{all},")),
        None => (0, format!("with{all}\n")),
    };
    made.sql.insert_str(at, &inserted);
    let by = u32::try_from(inserted.len()).unwrap_or(u32::MAX);
    let mut map = Vec::with_capacity(made.map.len() + 1);
    for part in &made.map {
        let (start, end) = (part.compiled.start as usize, part.compiled.end as usize);
        if start >= at {
            map.push(Mapped { compiled: TextRange { start: part.compiled.start + by, end: part.compiled.end + by }, ..*part });
        } else if end <= at || !part.is_verbatim {
            map.push(*part);
        } else {
            // The text that the CTEs are put into comes in two parts.
            let middle = part.source.start + u32::try_from(at - start).unwrap_or(0);
            let at = u32::try_from(at).unwrap_or(u32::MAX);
            map.push(Mapped {
                compiled: TextRange { start: part.compiled.start, end: at },
                source: TextRange { start: part.source.start, end: middle },
                is_verbatim: true,
            });
            map.push(Mapped {
                compiled: TextRange { start: at + by, end: part.compiled.end + by },
                source: TextRange { start: middle, end: part.source.end },
                is_verbatim: true,
            });
        }
    }
    made.map = map;
}

/// Behind the `with` that a text begins with, blanks and comments aside.
fn leading_with(sql: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = &sql[at..];
        let trimmed = rest.trim_start();
        at += rest.len() - trimmed.len();
        if trimmed.starts_with("--") {
            at += trimmed.find('\n')? + 1;
        } else if trimmed.starts_with("/*") {
            at += trimmed.find("*/")? + 2;
        } else {
            let word = trimmed.get(..4)?;
            let behind = trimmed[4..].chars().next()?;
            return (word.eq_ignore_ascii_case("with") && behind.is_whitespace()).then_some(at + 4);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctes_go_before_the_texts_own() {
        let verbatim =
            |start: u32, end: u32| Mapped { compiled: TextRange { start, end }, source: TextRange { start: start + 10, end: end + 10 }, is_verbatim: true };
        let mut made = Compiled { sql: "-- c\nwith a as (x) y".to_owned(), map: vec![verbatim(0, 20)], ..Compiled::default() };
        inject(&mut made, &[" e as (\n1\n)".to_owned()]);
        assert_eq!(made.sql, "-- c\nwith e as (\n1\n), a as (x) y");
        assert_eq!(made.map.iter().map(|part| (part.compiled.start, part.compiled.end, part.source.start)).collect::<Vec<_>>(), [(0, 9, 10), (21, 32, 19)]);
        let mut made = Compiled { sql: "select 1".to_owned(), ..Compiled::default() };
        inject(&mut made, &[" e as (\n1\n)".to_owned(), " f as (\n2\n)".to_owned()]);
        assert_eq!(made.sql, "with e as (\n1\n), f as (\n2\n)\nselect 1");
    }
}
