//! The scopes of a query: its selects, what each reads and makes, its common table expressions, and every name that may be a
//! column. Reads text with Jinja in it, whole or while somebody types; what it can't follow it passes over.

use super::lexer::{Token, TokenKind, is_keyword, tokens};
use text::TextRange;

/// A query's scopes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    pub selects: Vec<Select>,
    pub ctes: Vec<Cte>,
    /// The selects of the outermost query: several where a `union` joins them.
    pub outermost: Vec<usize>,
}

/// A common table expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cte {
    pub name: String,
    pub name_range: TextRange,
    /// From the name to the closing parenthesis.
    pub range: TextRange,
    /// Between its parentheses.
    pub body: TextRange,
    /// Its selects.
    pub branches: Vec<usize>,
    /// The part of the text in which its name means it.
    pub scope: TextRange,
    /// Names in parentheses behind its own, which its columns get.
    pub columns: Vec<String>,
    /// Of a `with recursive`: its name means it inside of itself, too.
    pub is_recursive: bool,
}

/// One `select … from …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    pub range: TextRange,
    pub items: Vec<Item>,
    pub relations: Vec<Relation>,
    /// What may name a column, in the order of the text.
    pub names: Vec<NameUse>,
    /// The select around this one.
    pub parent: Option<usize>,
}

/// One expression of a select's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub range: TextRange,
    /// What the column is called, and where that stands.
    pub name: Option<(String, TextRange)>,
    pub expression: Expression,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// A column taken over as it is.
    Column {
        qualifier: Option<String>,
        name: String,
    },
    /// `*` or `o.*`, without some names.
    Star {
        qualifier: Option<String>,
        without: Vec<String>,
    },
    Computed,
    /// Jinja makes it, or a loop repeats it: any number of columns.
    Unknown,
}

/// Something that a select reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    pub range: TextRange,
    pub alias: Option<(String, TextRange)>,
    pub source: RelationSource,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelationSource {
    /// A CTE or a table, in its parts.
    Named(Vec<String>),
    /// A tag of Jinja, such as `{{ ref('a') }}`.
    Jinja,
    /// A query in parentheses: its selects.
    Query(Vec<usize>),
    /// A function, values, a pivot.
    Other,
}

/// A name in an expression: `amount`, `o.amount`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameUse {
    /// The last part before the name.
    pub qualifier: Option<(String, TextRange)>,
    pub name: String,
    pub range: TextRange,
}

impl Query {
    /// The innermost select around an offset.
    pub fn select_at(&self, offset: usize) -> Option<usize> {
        let around = self.selects.iter().enumerate().filter(|(_, select)| select.range.touches(offset));
        around.min_by_key(|(_, select)| select.range.len()).map(|(at, _)| at)
    }
}

/// Reads a file's query.
pub fn read(source: &str) -> Query {
    let tokens = tokens(source);
    let mut reader = Reader { source, tokens: &tokens.list, loops: &tokens.loops, query: Query::default(), depth: 0 };
    let (mut at, mut outermost) = (0, Vec::new());
    while at < reader.tokens.len() {
        let (end, found) = reader.query(at, None);
        // The last statement is what the model is.
        if !found.is_empty() {
            outermost = found;
        }
        at = end.max(at) + 1;
    }
    reader.query.outermost = outermost;
    reader.query.ctes.sort_by_key(|cte| cte.range.start);
    reader.query
}

/// Deeper parentheses are passed over.
const MAX_DEPTH: usize = 100;

struct Reader<'a> {
    source: &'a str,
    tokens: &'a [Token],
    loops: &'a [TextRange],
    query: Query,
    depth: usize,
}

/// Words that end the list of what is read.
const AFTER_FROM: [&str; 13] = ["where", "group", "having", "qualify", "order", "limit", "window", "union", "intersect", "except", "minus", "offset", "fetch"];
const SET_WORDS: [&str; 4] = ["union", "intersect", "except", "minus"];

impl<'a> Reader<'a> {
    fn text(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |token| token.range.of(self.source))
    }

    fn is_word(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == TokenKind::Word) && self.text(at).eq_ignore_ascii_case(word)
    }

    fn is_any(&self, at: usize, words: &[&str]) -> bool {
        let is_word = self.tokens.get(at).is_some_and(|token| token.kind == TokenKind::Word);
        let text = if is_word { self.text(at) } else { return false };
        words.iter().any(|word| text.eq_ignore_ascii_case(word))
    }

    fn is_sign(&self, at: usize, sign: u8) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == TokenKind::Sign(sign))
    }

    /// Whether a name can stand there.
    fn is_name(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| match token.kind {
            TokenKind::Quoted => true,
            TokenKind::Word => !is_keyword(token.range.of(self.source)),
            _ => false,
        })
    }

    /// Whether the next part of a dotted name stands there: right behind its dot, where keywords are names, too.
    fn is_part(&self, at: usize) -> bool {
        let is_name = self.tokens.get(at).is_some_and(|part| matches!(part.kind, TokenKind::Word | TokenKind::Quoted));
        is_name && self.start(at) == self.end(at - 1)
    }

    fn name(&self, at: usize) -> (String, TextRange) {
        let range = self.tokens[at].range;
        (self.text(at).trim_matches(['"', '`']).to_owned(), range)
    }

    fn start(&self, at: usize) -> usize {
        self.tokens.get(at).map_or(self.source.len(), |token| token.range.start as usize)
    }

    fn end(&self, at: usize) -> usize {
        self.tokens.get(at).map_or(self.source.len(), |token| token.range.end as usize)
    }

    /// The parenthesis that closes the one at `open`, or the end.
    fn closing(&self, open: usize) -> usize {
        let mut depth = 0usize;
        for (at, token) in self.tokens.iter().enumerate().skip(open) {
            match token.kind {
                TokenKind::Sign(b'(' | b'[' | b'{') => depth += 1,
                TokenKind::Sign(b')' | b']' | b'}') => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return at;
                    }
                }
                _ => {}
            }
        }
        self.tokens.len()
    }

    /// Behind the parenthesis that closes the one at `open`.
    fn past(&self, open: usize) -> usize {
        (self.closing(open) + 1).min(self.tokens.len())
    }

    /// Reads a query from a token on: to the token where it ends, with its selects. Ends at a parenthesis that it didn't open, at a
    /// semicolon, at the end.
    fn query(&mut self, from: usize, parent: Option<usize>) -> (usize, Vec<usize>) {
        let mut at = from;
        if self.depth > MAX_DEPTH {
            return (self.tokens.len(), Vec::new());
        }
        self.depth += 1;
        let mut own = Vec::new();
        if self.is_word(at, "with") {
            at += 1;
            let is_recursive = self.is_word(at, "recursive");
            at += usize::from(is_recursive);
            while self.is_name(at) {
                at = self.cte(at, parent, is_recursive, &mut own);
                if !self.is_sign(at, b',') {
                    break;
                }
                at += 1;
            }
        }
        let mut selects = Vec::new();
        while at < self.tokens.len() && !self.is_sign(at, b')') && !self.is_sign(at, b';') {
            if self.is_word(at, "select") {
                let (end, select) = self.select(at, parent);
                selects.push(select);
                at = end;
            } else if self.is_sign(at, b'(') {
                let close = self.closing(at);
                let (_, inner) = self.query(at + 1, parent);
                selects.extend(inner);
                at = close + 1;
            } else {
                at += 1;
            }
        }
        let end = self.start(at);
        for cte in own {
            self.query.ctes[cte].scope.end = u32::try_from(end).unwrap_or(u32::MAX);
        }
        self.depth -= 1;
        (at, selects)
    }

    /// `name [(columns)] as [not materialized] ( query )`
    fn cte(&mut self, from: usize, parent: Option<usize>, is_recursive: bool, own: &mut Vec<usize>) -> usize {
        let (name, name_range) = self.name(from);
        let mut at = from + 1;
        let mut columns = Vec::new();
        if self.is_sign(at, b'(') {
            let close = self.closing(at);
            columns = (at + 1..close).filter(|&inner| self.is_name(inner)).map(|inner| self.name(inner).0).collect();
            at = close + 1;
        }
        while self.is_any(at, &["as", "not", "materialized"]) {
            at += 1;
        }
        let number = self.query.ctes.len();
        own.push(number);
        // Its name is known in what follows, and in itself if it recurs.
        let scope = TextRange::new(name_range.start as usize, self.source.len());
        if !self.is_sign(at, b'(') {
            let end = self.end(at.saturating_sub(1));
            let range = TextRange::new(name_range.start as usize, end);
            self.query.ctes.push(Cte { name, name_range, range, body: TextRange::at(end), branches: Vec::new(), scope, columns, is_recursive });
            return at;
        }
        let close = self.closing(at);
        let range = TextRange::new(name_range.start as usize, self.end(close));
        let body = TextRange::new(self.end(at), self.start(close));
        self.query.ctes.push(Cte { name, name_range, range, body, branches: Vec::new(), scope, columns, is_recursive });
        let (_, branches) = self.query(at + 1, parent);
        self.query.ctes[number].branches = branches;
        close + 1
    }

    /// `select … [from …] …`, up to the next set operation or the end of the query.
    fn select(&mut self, from: usize, parent: Option<usize>) -> (usize, usize) {
        let number = self.query.selects.len();
        let empty = Select { range: TextRange::at(self.start(from)), items: Vec::new(), relations: Vec::new(), names: Vec::new(), parent };
        self.query.selects.push(empty);
        let mut at = from + 1;
        while self.is_any(at, &["distinct", "all"]) {
            at += 1;
            if self.is_word(at, "on") && self.is_sign(at + 1, b'(') {
                at = self.expression(at + 2, self.closing(at + 1), number) + 1;
            }
        }
        if self.is_word(at, "top") && self.tokens.get(at + 1).is_some_and(|token| token.kind == TokenKind::Number) {
            at += 2;
        }
        // `listagg(a) within group (order by b)` goes on.
        let is_within = |reader: &Self, at: usize| at > from && reader.is_word(at, "group") && reader.is_word(at - 1, "within");
        let ends = |reader: &Self, at: usize| reader.is_word(at, "from") || (reader.is_any(at, &AFTER_FROM) && !is_within(reader, at)) || reader.ends(at);
        let mut item = at;
        loop {
            let over = ends(self, at);
            if over || self.is_sign(at, b',') {
                let to = at.min(self.tokens.len());
                if item < to {
                    self.item(item, to, number);
                }
                item = at + 1;
                if over {
                    break;
                }
                at += 1;
            } else if self.is_sign(at, b'*') && self.is_any(at + 1, &["except", "exclude", "replace", "rename"]) {
                at += 2;
            } else if self.is_sign(at, b'(') || self.is_sign(at, b'[') {
                at = self.past(at);
            } else {
                at += 1;
            }
        }
        if self.is_word(at, "from") {
            at = self.relations(at + 1, number);
        }
        let rest = at;
        while !self.ends(at) && !self.is_any(at, &SET_WORDS) {
            at = if self.is_sign(at, b'(') || self.is_sign(at, b'[') { self.past(at) } else { at + 1 };
        }
        self.expression(rest, at.min(self.tokens.len()), number);
        // A cursor behind the last word, before what ends the select, is still in it.
        self.query.selects[number].range.end = u32::try_from(self.start(at)).unwrap_or(u32::MAX);
        if self.is_any(at, &SET_WORDS) {
            at += 1;
            while self.is_any(at, &["all", "distinct"]) {
                at += 1;
            }
        }
        (at, number)
    }

    fn ends(&self, at: usize) -> bool {
        at >= self.tokens.len() || self.is_sign(at, b')') || self.is_sign(at, b';')
    }

    /// One expression of the list, with its alias.
    fn item(&mut self, from: usize, to: usize, select: usize) {
        let range = TextRange::new(self.start(from), self.end(to - 1));
        let last = to - 1;
        let is_repeated = self.loops.iter().any(|body| body.contains_range(range) || range.contains_range(*body));
        let (mut name, mut end) = (None, to);
        if last > from && self.is_word(last - 1, "as") && matches!(self.tokens[last].kind, TokenKind::Word | TokenKind::Quoted) {
            (name, end) = (Some(self.name(last)), last - 1);
        } else if last > from && self.is_name(last) && self.ends_operand(last - 1) {
            (name, end) = (Some(self.name(last)), last);
        } else if last > from && self.tokens[last].kind == TokenKind::Hole && self.is_word(last - 1, "as") {
            end = last - 1;
        }
        let has_hole_name = end < to && name.is_none();
        let expression = self.shape(from, end);
        let name = match (&expression, name) {
            (_, Some(name)) => Some(name),
            (Expression::Column { .. }, None) if !has_hole_name => Some(self.name(end - 1)),
            _ => None,
        };
        let expression = match expression {
            _ if is_repeated || has_hole_name => Expression::Unknown,
            // With a name it is one column, whatever makes it.
            Expression::Unknown if name.is_some() => Expression::Computed,
            expression => expression,
        };
        self.query.selects[select].items.push(Item { range, name, expression });
        self.expression(from, end, select);
    }

    /// Whether an operand may end there, so that a name behind it is an alias.
    fn ends_operand(&self, at: usize) -> bool {
        match self.tokens[at].kind {
            TokenKind::Word => !is_keyword(self.text(at)) || self.is_any(at, &["end", "null", "true", "false", "current_date", "current_timestamp"]),
            TokenKind::Quoted | TokenKind::Text | TokenKind::Number | TokenKind::Hole => true,
            TokenKind::Sign(sign) => matches!(sign, b')' | b']'),
        }
    }

    fn shape(&self, from: usize, to: usize) -> Expression {
        let is_path = |from: usize, to: usize| {
            (to - from) % 2 == 1
                && (from..to).all(|at| {
                    if (at - from) % 2 == 1 {
                        self.is_sign(at, b'.')
                    } else if at == from {
                        self.is_name(at)
                    } else {
                        self.is_part(at)
                    }
                })
        };
        let star = (from..to.min(from + 7)).find(|&at| self.is_sign(at, b'*'));
        match star {
            Some(star) if star == from || (self.is_sign(star - 1, b'.') && is_path(from, star - 1)) => {
                let qualifier = (star > from).then(|| self.name(star - 2).0);
                let is_renaming = (star..to).any(|at| self.is_any(at, &["replace", "rename"]));
                if is_renaming {
                    return Expression::Unknown;
                }
                // `* except (a, b)`, `* exclude a`
                let without = (star + 1..to).filter(|&at| self.is_name(at)).map(|at| self.name(at).0).collect();
                Expression::Star { qualifier, without }
            }
            _ if to > from && is_path(from, to) => {
                let qualifier = (to - from >= 3).then(|| self.name(to - 3).0);
                Expression::Column { qualifier, name: self.name(to - 1).0 }
            }
            _ if to == from + 1 && self.tokens[from].kind == TokenKind::Hole => Expression::Unknown,
            _ => Expression::Computed,
        }
    }

    /// What stands behind `from`, joins included, up to the next clause.
    fn relations(&mut self, from: usize, select: usize) -> usize {
        let mut at = from;
        let mut expects = true;
        while !self.ends(at) && !self.is_any(at, &AFTER_FROM) {
            if expects {
                at = self.relation(at, select);
                expects = false;
            } else if self.is_sign(at, b',') || self.is_word(at, "join") {
                expects = true;
                at += 1;
            } else {
                // A condition, up to the next thing that is read.
                let start = at;
                while !self.ends(at) && !self.is_any(at, &AFTER_FROM) && !self.is_word(at, "join") && !(self.is_sign(at, b',')) {
                    at = if self.is_sign(at, b'(') || self.is_sign(at, b'[') { self.past(at) } else { at + 1 };
                }
                self.expression(start, at.min(self.tokens.len()), select);
            }
        }
        at
    }

    fn relation(&mut self, from: usize, select: usize) -> usize {
        let mut at = from;
        while self.is_any(at, &["lateral", "only", "unnest"]) && !self.is_sign(at + 1, b'.') {
            at += 1;
        }
        if self.ends(at) || self.is_any(at, &AFTER_FROM) {
            return at;
        }
        let source = match self.tokens[at].kind {
            TokenKind::Sign(b'(') => {
                let close = self.closing(at);
                let source = if self.is_any(at + 1, &["select", "with"]) || self.is_sign(at + 1, b'(') {
                    RelationSource::Query(self.query(at + 1, Some(select)).1)
                } else if at == from {
                    // Joins in parentheses.
                    self.relations(at + 1, select);
                    RelationSource::Other
                } else {
                    self.expression(at + 1, close, select);
                    RelationSource::Other
                };
                at = close + 1;
                source
            }
            TokenKind::Hole => {
                at += 1;
                let mut is_whole = true;
                while self.is_sign(at, b'.') {
                    is_whole = false;
                    at += 2;
                }
                if is_whole { RelationSource::Jinja } else { RelationSource::Other }
            }
            _ if self.is_name(at) => {
                let mut path = vec![self.name(at).0];
                let mut is_known = true;
                at += 1;
                while self.is_sign(at, b'.') {
                    is_known &= self.is_part(at + 1);
                    if !is_known {
                        at += 1;
                        break;
                    }
                    path.push(self.name(at + 1).0);
                    at += 2;
                }
                if self.is_sign(at, b'(') {
                    let close = self.closing(at);
                    self.expression(at + 1, close, select);
                    at = close + 1;
                    RelationSource::Other
                } else if is_known {
                    RelationSource::Named(path)
                } else {
                    RelationSource::Other
                }
            }
            _ => {
                at += 1;
                RelationSource::Other
            }
        };
        let range = TextRange::new(self.start(from), self.end(at.saturating_sub(1)));
        let mut source = source;
        while self.is_any(at, &["tablesample", "pivot", "unpivot", "for", "match_recognize"]) {
            if !self.is_word(at, "tablesample") {
                source = RelationSource::Other;
            }
            while !self.ends(at) && !self.is_sign(at, b'(') {
                at += 1;
            }
            at = self.past(at);
        }
        let is_named = self.is_word(at, "as");
        at += usize::from(is_named);
        let alias = self.is_name(at).then(|| self.name(at));
        if alias.is_some() {
            at += 1;
            if self.is_sign(at, b'(') {
                source = RelationSource::Other;
                at = self.past(at);
            }
        }
        self.query.selects[select].relations.push(Relation { range, alias, source });
        at
    }

    /// Notes the names of an expression, and the queries in it.
    fn expression(&mut self, from: usize, to: usize, select: usize) -> usize {
        let mut at = from;
        while at < to.min(self.tokens.len()) {
            if self.is_sign(at, b'(') && self.is_any(at + 1, &["select", "with"]) {
                let close = self.closing(at);
                self.query(at + 1, Some(select));
                at = close + 1;
            } else if self.is_sign(at, b':') && self.is_sign(at + 1, b':') {
                // A type, with its size.
                at += 3;
            } else if self.is_sign(at, b':') || self.is_word(at, "as") {
                // A path into JSON, or a cast's type.
                at += 2;
            } else if self.is_name(at) {
                at = self.names(at, select);
            } else {
                at += 1;
            }
        }
        at
    }

    /// A name with what stands before it.
    fn names(&mut self, from: usize, select: usize) -> usize {
        let mut at = from;
        let mut qualifier = None;
        while self.is_sign(at + 1, b'.') && self.is_part(at + 2) {
            qualifier = Some(self.name(at));
            at += 2;
        }
        if self.is_sign(at + 1, b'(') {
            return at + 1;
        }
        if self.is_sign(at + 1, b'.') {
            // `o.` while somebody types, `o.*`.
            return at + 2;
        }
        // `interval '1' day`, `date '2020-01-01'`: a word before a text is a type.
        let is_type = qualifier.is_none() && self.tokens.get(at + 1).is_some_and(|next| next.kind == TokenKind::Text);
        if !is_type {
            let (name, range) = self.name(at);
            self.query.selects[select].names.push(NameUse { qualifier, name, range });
        }
        at + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(source: &str, expected: Expect) {
        let query = read(source);
        let mut shown = Vec::new();
        for cte in &query.ctes {
            shown.push(format!("cte {} {:?} over {:?}", cte.name, cte.branches, cte.range.of(source)));
        }
        for (at, select) in query.selects.iter().enumerate() {
            let items: Vec<String> =
                select.items.iter().map(|item| format!("{}={:?}", item.name.as_ref().map_or("?", |(name, _)| name), item.expression)).collect();
            let relations: Vec<String> =
                select.relations.iter().map(|one| format!("{:?} as {}", one.source, one.alias.as_ref().map_or("?", |(name, _)| name))).collect();
            let names: Vec<String> = select
                .names
                .iter()
                .map(|one| format!("{}{}", one.qualifier.as_ref().map(|(qualifier, _)| format!("{qualifier}.")).unwrap_or_default(), one.name))
                .collect();
            shown.push(format!("{at} in {:?}\n  makes {}\n  reads {}\n  names {}", select.parent, items.join(", "), relations.join(", "), names.join(" ")));
        }
        shown.push(format!("outermost {:?}", query.outermost));
        expected.assert_eq(&shown.join("\n"));
    }

    #[test]
    fn a_models_query() {
        check(
            "{{ config(materialized='table') }}\nwith o as (select * from {{ ref('orders') }}),\nfinal as (\n  select o.id, o.amount / 100.0 as dollars, c.name customer, count(*) n, {{ cents('x') }} as y, cast(a as int) b\n  from o left join {{ source('raw', 'c') }} as c on o.cid = c.id\n  where o.day >= date '2020-01-01' and exists (select 1 from db.s.t where t.id = o.id)\n  group by 1\n)\nselect * from final",
            expect![[r#"
                cte o [0] over "o as (select * from {{ ref('orders') }})"
                cte final [1] over "final as (\n  select o.id, o.amount / 100.0 as dollars, c.name customer, count(*) n, {{ cents('x') }} as y, cast(a as int) b\n  from o left join {{ source('raw', 'c') }} as c on o.cid = c.id\n  where o.day >= date '2020-01-01' and exists (select 1 from db.s.t where t.id = o.id)\n  group by 1\n)"
                0 in None
                  makes ?=Star { qualifier: None, without: [] }
                  reads Jinja as ?
                  names 
                1 in None
                  makes id=Column { qualifier: Some("o"), name: "id" }, dollars=Computed, customer=Column { qualifier: Some("c"), name: "name" }, n=Computed, y=Computed, b=Computed
                  reads Named(["o"]) as ?, Jinja as c
                  names o.id o.amount c.name a o.cid c.id o.day
                2 in Some(1)
                  makes ?=Computed
                  reads Named(["db", "s", "t"]) as ?
                  names t.id o.id
                3 in None
                  makes ?=Star { qualifier: None, without: [] }
                  reads Named(["final"]) as ?
                  names 
                outermost [3]"#]],
        );
    }

    #[test]
    fn unions_subqueries_and_loops() {
        check(
            "select a, {% for m in ms %} sum(x) as {{ m }}_total, {% endfor %} t.* exclude (z) from (select a, x from t2) t\nunion all\n(select a, b, * except (c, d) from u, lateral flatten(input => u.j) f)",
            expect![[r#"
                0 in None
                  makes a=Column { qualifier: None, name: "a" }, ?=Unknown, ?=Star { qualifier: Some("t"), without: ["z"] }
                  reads Query([1]) as t
                  names a x z
                1 in Some(0)
                  makes a=Column { qualifier: None, name: "a" }, x=Column { qualifier: None, name: "x" }
                  reads Named(["t2"]) as ?
                  names a x
                2 in None
                  makes a=Column { qualifier: None, name: "a" }, b=Column { qualifier: None, name: "b" }, ?=Star { qualifier: None, without: ["c", "d"] }
                  reads Named(["u"]) as ?, Other as f
                  names a b c d input u.j
                outermost [0, 2]"#]],
        );
    }

    #[test]
    fn while_somebody_types() {
        check(
            "with a as (select 1 as id), b as (select a. from a where )\nselect b., from b join {{ ref('c",
            expect![[r#"
                cte a [0] over "a as (select 1 as id)"
                cte b [1] over "b as (select a. from a where )"
                0 in None
                  makes id=Computed
                  reads 
                  names 
                1 in None
                  makes ?=Computed
                  reads Named(["a"]) as ?
                  names 
                2 in None
                  makes ?=Computed
                  reads Named(["b"]) as ?, Jinja as ?
                  names 
                outermost [2]"#]],
        );
        read("with (((((select ,,, from from ) as as ((");
        read("select a.* from ");
    }
}
