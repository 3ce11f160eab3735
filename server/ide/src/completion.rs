//! Completion inside the parentheses of `ref`, `source`, `doc` and `var`. It reads the text around the cursor: quotes that are
//! there are not written again.

use crate::{Analysis, File};
use dbt::{FileKind, ResourceType};
use text::{Edit, TextRange};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompletionKind {
    Model,
    Seed,
    Snapshot,
    Source,
    Docs,
    Var,
    Package,
}

/// One thing to offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    pub label: String,
    pub kind: CompletionKind,
    /// Short, behind the label.
    pub detail: String,
    /// Markdown.
    pub documentation: Option<String>,
    pub edit: Edit,
    /// Offers sort by this text.
    pub sort: String,
}

/// The innermost open call before the cursor.
#[derive(Debug, PartialEq, Eq)]
struct Context<'a> {
    function: &'a str,
    /// Whole arguments before the cursor, quotes taken off.
    before: Vec<&'a str>,
    /// The quote that the current argument starts with.
    quote: Option<char>,
    /// What is replaced: the argument's text so far and the rest of the word behind the cursor.
    replace: TextRange,
    /// Whether the closing quote is there already.
    closed: bool,
}

/// Calls are short; what is further away is something else.
const MAX_LOOK_BACK: usize = 400;

impl Analysis {
    /// What can stand at a byte offset.
    pub fn completions(&self, file: &File, offset: usize) -> Vec<Completion> {
        let Some(context) = context(&file.text, offset) else { return Vec::new() };
        if !(file.kind.is_sql() || file.kind == FileKind::Properties) {
            return Vec::new();
        }
        let package = self.package_of(file);
        let own: Vec<usize> = self.index.nodes_of_file(file.id).to_vec();
        let mut offers: Vec<Completion> = Vec::new();
        let mut offer = |label: &str, kind, detail: String, documentation: Option<String>, rank: u8| {
            let text = match context.quote {
                Some(_) if context.closed => label.to_owned(),
                Some(quote) => format!("{label}{quote}"),
                None => format!("'{label}'"),
            };
            offers.push(Completion {
                label: label.to_owned(),
                kind,
                detail,
                documentation,
                edit: Edit::replace(context.replace, text),
                sort: format!("{rank}{label}"),
            });
        };
        match (context.function, context.before.as_slice()) {
            ("ref", []) => {
                for (index, node) in self.index.nodes.iter().enumerate().filter(|(_, node)| node.resource_type.is_refable()) {
                    let is_latest = self
                        .index
                        .resolve_ref(None, &node.name, None, package)
                        .is_none_or(|latest| latest == index || self.index.nodes[latest].name != node.name);
                    if own.contains(&index) || !is_latest {
                        continue;
                    }
                    let rank = if *node.package == *self.index.project { 0 } else { 1 };
                    let detail = format!("{} · {}", node.resource_type, node.package);
                    offer(&node.name, kind_of(node.resource_type), detail, node.description.as_ref().map(|description| description.text.clone()), rank);
                }
                for name in self.index.packages.iter().skip(1) {
                    offer(name, CompletionKind::Package, "package".to_owned(), None, 2);
                }
            }
            ("ref", [package]) => {
                for node in self.index.nodes.iter().filter(|node| node.resource_type.is_refable() && *node.package == **package) {
                    offer(
                        &node.name,
                        kind_of(node.resource_type),
                        node.resource_type.to_string(),
                        node.description.as_ref().map(|description| description.text.clone()),
                        0,
                    );
                }
            }
            ("source", []) => {
                let mut names: Vec<(&str, Option<String>)> = Vec::new();
                for node in self.index.nodes.iter().filter(|node| node.resource_type == ResourceType::Source) {
                    let name = node.source_name.as_deref().unwrap_or_default();
                    if !names.iter().any(|(known, _)| *known == name) {
                        names.push((name, node.source_description.as_ref().map(|description| description.text.clone())));
                    }
                }
                for (name, documentation) in names {
                    offer(name, CompletionKind::Source, "source".to_owned(), documentation, 0);
                }
            }
            ("source", [source]) => {
                for node in self.index.nodes.iter().filter(|node| node.source_name.as_deref() == Some(*source)) {
                    offer(
                        &node.name,
                        CompletionKind::Source,
                        format!("table of {source}"),
                        node.description.as_ref().map(|description| description.text.clone()),
                        0,
                    );
                }
            }
            ("doc", []) => {
                for docs in self.index.docs.iter() {
                    offer(&docs.name, CompletionKind::Docs, format!("docs · {}", docs.package), Some(docs.text.clone()), 0);
                }
            }
            ("var", []) => {
                for (name, (_, value)) in &self.config.vars {
                    offer(name, CompletionKind::Var, value.clone(), None, 0);
                }
            }
            _ => {}
        }
        offers.sort_by(|left, right| left.sort.cmp(&right.sort));
        offers.dedup_by(|next, offer| next.label == offer.label && next.kind == offer.kind);
        offers
    }
}

fn kind_of(kind: ResourceType) -> CompletionKind {
    match kind {
        ResourceType::Seed => CompletionKind::Seed,
        ResourceType::Snapshot => CompletionKind::Snapshot,
        _ => CompletionKind::Model,
    }
}

fn context(text: &str, offset: usize) -> Option<Context<'_>> {
    let head = text.get(..offset)?;
    let mut floor = offset.saturating_sub(MAX_LOOK_BACK);
    while !text.is_char_boundary(floor) {
        floor += 1;
    }
    // Back to the parenthesis that is open here; a tag's end on the way means that the cursor is in no call.
    let (mut depth, mut open) = (0usize, None);
    for (at, c) in head[floor..].char_indices().rev() {
        match c {
            ')' => depth += 1,
            '(' if depth == 0 => {
                open = Some(floor + at);
                break;
            }
            '(' => depth -= 1,
            '}' | '{' | ';' => return None,
            _ => {}
        }
    }
    let open = open?;
    let callee = head[..open].trim_end();
    let start = callee.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + callee[at..].chars().next().map_or(1, char::len_utf8));
    let function = &callee[start..];
    let (mut before, mut quote, mut from) = (Vec::new(), None, open + 1);
    for (at, c) in head[open + 1..].char_indices() {
        let at = open + 1 + at;
        match (c, quote) {
            ('\'' | '"', None) => {
                quote = Some(c);
                from = at + 1;
            }
            (c, Some(open)) if c == open => {
                before.push(&head[from..at]);
                quote = None;
                from = at + 1;
            }
            (',', None) => from = at + 1,
            _ => {}
        }
    }
    let so_far = &head[from..];
    // Behind a finished argument there is nothing to complete before the comma.
    if quote.is_none() && head[open + 1..].trim_end().ends_with(['\'', '"']) {
        return None;
    }
    let lead = if quote.is_some() { 0 } else { so_far.len() - so_far.trim_start().len() };
    let rest = &text[offset..];
    let word: usize = rest.chars().take_while(|&c| c.is_alphanumeric() || c == '_').map(char::len_utf8).sum();
    let closed = quote.is_some_and(|quote| rest[word..].starts_with(quote));
    // Without a quote behind it, the word there may belong to something else.
    let end = if closed || quote.is_none() { offset + word } else { offset };
    Some(Context { function, before, quote, replace: TextRange::new(from + lead, end), closed })
}

#[cfg(test)]
mod tests {
    use crate::test_support::at_cursor;
    use expect_test::{Expect, expect};

    const PROJECT: &str = "-- file: models/orders.sql\nselect 1\n-- file: seeds/countries.csv\nid\n-- file: models/s.yml\nsources:\n  - name: raw\n    tables: [{name: t}, {name: u}]\n-- file: dbt_packages/p/dbt_project.yml\nname: p\n-- file: dbt_packages/p/models/days.sql\nselect 1\n";

    fn check(text: &str, expected: Expect) {
        let (analysis, file, offset) = at_cursor(&format!("{PROJECT}-- file: models/m.sql\n{text}\n"));
        let offers = analysis.completions(&file, offset).into_iter().map(|offer| {
            let made = text::apply_edits(&file.text, std::slice::from_ref(&offer.edit)).expect("the edit fits");
            format!("{} ({}) => {}", offer.label, offer.detail, made.trim_end())
        });
        expected.assert_eq(&offers.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn refs_with_and_without_quotes() {
        for typed in ["{{ ref('$0') }}", "{{ ref($0) }}", "{{ ref('or$0ders') }}"] {
            check(
                typed,
                expect![[r#"
                countries (seed · shop) => {{ ref('countries') }}
                orders (model · shop) => {{ ref('orders') }}
                days (model · p) => {{ ref('days') }}
                p (package) => {{ ref('p') }}"#]],
            );
        }
        check("{{ ref('p', '$0') }}", expect!["days (model) => {{ ref('p', 'days') }}"]);
        check(
            "{{ ref(\"$0\") }}",
            expect![[r#"
            countries (seed · shop) => {{ ref("countries") }}
            orders (model · shop) => {{ ref("orders") }}
            days (model · p) => {{ ref("days") }}
            p (package) => {{ ref("p") }}"#]],
        );
    }

    #[test]
    fn sources_and_places_without_offers() {
        check("{{ source('$0", expect!["raw (source) => {{ source('raw'"]);
        check(
            "{{ source('raw', $0) }}",
            expect![[r#"
            t (table of raw) => {{ source('raw', 't') }}
            u (table of raw) => {{ source('raw', 'u') }}"#]],
        );
        check("{{ ref('orders'$0) }}", expect![""]);
        check("{{ ref('orders') }} $0", expect![""]);
        check("select coalesce($0", expect![""]);
    }
}
