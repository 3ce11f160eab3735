//! In SQL itself: columns, aliases, CTEs, models to read, functions and keywords.

use super::rank::Rank;
use super::{CompletionDoc, CompletionKind, Completions, Offers, word_before, word_behind};
use crate::columns::{MadeColumn, Scopes, Source};
use crate::functions::SqlFunction;
use crate::{Analysis, File};
use syntax::sql::{Relation, RelationSource};
use text::TextRange;

const KEYWORDS: [&str; 48] = [
    "select",
    "from",
    "where",
    "group by",
    "order by",
    "having",
    "qualify",
    "limit",
    "with",
    "as",
    "join",
    "left join",
    "inner join",
    "full join",
    "cross join",
    "on",
    "using",
    "union all",
    "union",
    "intersect",
    "except",
    "case",
    "when",
    "then",
    "else",
    "end",
    "and",
    "or",
    "not",
    "in",
    "is null",
    "is not null",
    "like",
    "between",
    "exists",
    "distinct",
    "over",
    "partition by",
    "rows between",
    "null",
    "true",
    "false",
    "cast",
    "asc",
    "desc",
    "interval",
    "lateral",
    "values",
];

impl Analysis {
    pub(super) fn complete_sql(&self, file: &File, offset: usize, rank: &Rank<'_>) -> Completions {
        let text = &*file.text;
        let (start, typed) = word_before(text, offset);
        let mut offers = Offers::new(TextRange::new(start, word_behind(text, offset)), typed);
        if is_in_text_or_comment(text, start) {
            return Completions::default();
        }
        let scopes = Scopes::new(self, file);
        let head = &text[..start];
        if let Some(qualifier) = head.strip_suffix('.') {
            let (_, qualifier) = word_before(qualifier, qualifier.len());
            self.columns_of(&mut offers, &scopes, offset, qualifier);
            return offers.done();
        }
        if expects_relation(head) {
            for cte in scopes.query.ctes.iter().filter(|cte| cte.scope.touches(offset) && (cte.is_recursive || !cte.body.touches(offset))) {
                offers.add(0, &cte.name, CompletionKind::Cte, "CTE", None, cte.name.as_str());
            }
            // A brace that was typed already belongs to Jinja.
            if !head.ends_with('{') {
                self.relations_to_read(&mut offers, file, rank);
            }
            return offers.done();
        }
        self.columns_in_sight(&mut offers, &scopes, offset);
        for function in SqlFunction::all(self.index.adapter()) {
            let has_call = text[word_behind(text, offset)..].starts_with('(');
            let snippet = (!has_call).then(|| format!("{}($0)", function.name));
            let plain = if has_call { function.name.to_owned() } else { format!("{}()", function.name) };
            offers.add_snippet(
                60,
                function.name,
                CompletionKind::Function,
                function.signature,
                Some(CompletionDoc::Text(function.doc.to_owned())),
                plain,
                snippet,
            );
        }
        for word in KEYWORDS {
            offers.add(80, word, CompletionKind::Keyword, "", None, word);
        }
        offers.done()
    }

    /// Behind `o.`: the columns of what `o` means.
    fn columns_of(&self, offers: &mut Offers<'_>, scopes: &Scopes<'_>, offset: usize, qualifier: &str) {
        let in_sight = scopes.query.select_at(offset).and_then(|select| scopes.relation_called(select, qualifier));
        // The alias may stand behind a select that isn't finished.
        let anywhere = || scopes.query.selects.iter().find_map(|select| scopes.relations_of(select, Some(qualifier)).next());
        // Nothing reads it yet.
        let cte = || scopes.cte_at(qualifier, offset).map(Source::Cte);
        if let Some(source) = in_sight.or_else(anywhere).map(|relation| scopes.source(relation)).or_else(cte) {
            for (number, column) in scopes.of_source(&source).columns.iter().enumerate() {
                self.push_column(offers, number as u32, column, &source, qualifier, column.name.to_string());
            }
        }
    }

    /// Columns of everything that the select reads, its own items' names, and the aliases.
    fn columns_in_sight(&self, offers: &mut Offers<'_>, scopes: &Scopes<'_>, offset: usize) {
        let Some(number) = scopes.query.select_at(offset) else {
            return;
        };
        let select = &scopes.query.selects[number];
        let read: Vec<(&Relation, Source)> = select.relations.iter().map(|relation| (relation, scopes.source(relation))).collect();
        let made: Vec<_> = read.iter().map(|(_, source)| scopes.of_source(source)).collect();
        for (at, (relation, source)) in read.iter().enumerate() {
            let alias = name_of(relation);
            for column in &made[at].columns {
                let is_ambiguous = made.iter().enumerate().any(|(other, made)| other != at && made.get(&column.name).is_some());
                let text = match alias.as_deref().filter(|_| is_ambiguous) {
                    Some(alias) => format!("{alias}.{}", column.name),
                    None => column.name.to_string(),
                };
                self.push_column(offers, 10 + at as u32, column, source, alias.as_deref().unwrap_or("subquery"), text);
            }
        }
        for relation in &select.relations {
            if let Some(alias) = name_of(relation) {
                offers.add(30, &alias, CompletionKind::Cte, "what is read", None, alias.as_str());
            }
        }
        for item in &select.items {
            if let Some((name, range)) = &item.name
                && !range.touches(offset)
            {
                offers.add(40, name, CompletionKind::Column, "of this select", None, name.as_str());
            }
        }
    }

    fn push_column(&self, offers: &mut Offers<'_>, rank: u32, column: &MadeColumn, source: &Source, from: &str, text: String) {
        let described = column.origin.clone().or(match source {
            Source::Node(index) => Some((*index, column.name.clone())),
            _ => None,
        });
        let known = described.as_ref().and_then(|(index, name)| self.index.nodes[*index].column(name));
        let detail = match known.and_then(|column| column.shown_type()) {
            Some(data_type) => format!("{data_type} · {from}"),
            None => from.to_owned(),
        };
        let doc = described.map(|(index, name)| CompletionDoc::Column(self.index.nodes[index].unique_id.to_string(), name.to_string()));
        offers.add(rank, &text, CompletionKind::Column, detail, doc, text.clone());
    }

    /// Models and sources, as the tags that read them.
    fn relations_to_read(&self, offers: &mut Offers<'_>, file: &File, rank: &Rank<'_>) {
        let package = self.package_of(file);
        let own = self.index.nodes_of_file(file.id);
        let is_read = |(name, index): &(&str, usize)| self.index.resolve_ref(None, name, None, package) == Some(*index) && !own.contains(index);
        let all = self.index.refables().filter(is_read).chain(self.index.tables());
        for (rank, index) in offers.shortlist(all, |index| rank.of(*index)) {
            let node = &self.index.nodes[index];
            offers.add_node(100 + rank, node, format!("{} · {}", node.resource_type, node.package), crate::call_of(node));
        }
    }
}

/// What a relation is called before a dot.
fn name_of(relation: &Relation) -> Option<String> {
    match (&relation.alias, &relation.source) {
        (Some((alias, _)), _) => Some(alias.clone()),
        (None, RelationSource::Named(path)) => path.last().cloned(),
        _ => None,
    }
}

/// Whether the last word before the cursor asks for a table.
fn expects_relation(head: &str) -> bool {
    let trimmed = head.trim_end();
    let (_, word) = word_before(trimmed, trimmed.len());
    if word.len() == trimmed.len().min(word.len()) && (word.eq_ignore_ascii_case("from") || word.eq_ignore_ascii_case("join")) {
        return trimmed.len() < head.len();
    }
    false
}

/// Whether an offset is inside of a SQL text or a comment; counts the quotes of its line and looks for open comments.
fn is_in_text_or_comment(text: &str, offset: usize) -> bool {
    let head = &text[..offset];
    if head.rfind("/*").is_some_and(|open| !head[open..].contains("*/")) {
        return true;
    }
    let line = &head[head.rfind('\n').map_or(0, |end| end + 1)..];
    // Tags have quotes of their own.
    let mut rest = line;
    let mut quotes = 0;
    while let Some(open) = rest.find("{{") {
        quotes += rest[..open].matches('\'').count();
        rest = rest[open..].find("}}").map_or("", |close| &rest[open + close + 2..]);
    }
    quotes += rest.matches('\'').count();
    quotes % 2 == 1 || line.contains("--")
}
