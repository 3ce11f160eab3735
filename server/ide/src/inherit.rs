//! Descriptions that a column can take over from upstream.

use crate::Analysis;
use dbt::{Column, Node, NodeIndex, Place};
use std::sync::Arc;

/// What says that a description fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Proof {
    /// The nearest nodes upstream that describe a column of this name agree; the SQL neither shows nor denies that it is the same.
    Name,
    /// The SQL takes the column over as it is, under whatever name, all the way.
    Sql,
}

impl Proof {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Sql => "sql",
        }
    }
}

/// A description and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inherited {
    /// To be shown.
    pub text: String,
    /// To be written: the `{{ doc('…') }}` itself where the text comes from a docs block.
    pub raw: String,
    /// The unique id of the node whose column it describes.
    pub from: String,
    /// That column.
    pub column: String,
    pub proof: Proof,
}

/// A chain of pass-through models is rarely longer.
const MAX_DEPTH: usize = 8;
/// One that the SQL shows may be.
const MAX_STEPS: usize = 40;

impl Analysis {
    /// The description that a column can take over. Where the SQL shows what the column is, that decides: a column that is taken over as
    /// it is has the description of the nearest one on its way that has one, a computed one has none. Where it doesn't, the name
    /// does, if the nearest nodes upstream that describe such a column agree.
    pub fn inherited_column(&self, index: NodeIndex, column: &str) -> Option<Inherited> {
        let mut at = match self.next(index, column) {
            Next::Column(from, name) => (from, name),
            Next::Made => return None,
            Next::Unknown => return self.inherited_by_name(index, column),
        };
        for _ in 0..MAX_STEPS {
            let node = &self.index.nodes[at.0];
            if let Some(found) = node.column(&at.1).filter(|column| column.has_description()) {
                return self.taken_from(index, node, found, Proof::Sql);
            }
            at = match self.next(at.0, &at.1) {
                Next::Column(from, name) => (from, name),
                Next::Made | Next::Unknown => return None,
            };
        }
        None
    }

    /// Where a node's column comes from, one step up.
    fn next(&self, index: NodeIndex, column: &str) -> Next {
        let made = self.made(index);
        let from = |origin: &(NodeIndex, Arc<str>)| Next::Column(origin.0, origin.1.clone());
        match (made.get(column), made.rest) {
            // Of two ways to make it the text shows one.
            (Some(known), _) if known.place.is_some_and(|place| self.is_alternative(place)) => Next::Unknown,
            (Some(known), _) if known.origin.is_some() => known.origin.as_ref().map_or(Next::Unknown, from),
            (Some(known), _) if known.place.is_some() => Next::Made,
            (_, Some(rest)) if rest != index => Next::Column(rest, column.into()),
            (None, _) if made.is_complete => Next::Made,
            _ => Next::Unknown,
        }
    }

    /// Whether Jinja takes this part of a file, or another in its place.
    fn is_alternative(&self, place: Place) -> bool {
        self.file(place.file).is_some_and(|file| syntax::jinja::alternatives(&file.text).iter().any(|part| part.contains_range(place.range)))
    }

    fn inherited_by_name(&self, index: NodeIndex, column: &str) -> Option<Inherited> {
        let mut nearest: Option<(usize, Inherited)> = None;
        for (upstream, steps) in self.index.lineage(index, false, MAX_DEPTH) {
            if nearest.as_ref().is_some_and(|(found, _)| steps > *found) {
                break;
            }
            let node = &self.index.nodes[upstream];
            let Some(found) = node.column(column).filter(|column| column.has_description()) else { continue };
            let text = found.description.as_ref().map_or("", |description| description.text.trim());
            match &nearest {
                Some((_, other)) if other.text.trim() != text => return None,
                Some(_) => {}
                None => nearest = Some((steps, self.taken_from(index, node, found, Proof::Name)?)),
            }
        }
        nearest.map(|(_, inherited)| inherited)
    }

    fn taken_from(&self, index: NodeIndex, node: &Node, column: &Column, proof: Proof) -> Option<Inherited> {
        let description = column.description.as_ref()?;
        // Another package's docs blocks have other names here.
        let keeps_doc = description.has_jinja() && node.package == self.index.nodes[index].package;
        let raw = if keeps_doc { description.raw().to_owned() } else { description.text.trim().to_owned() };
        Some(Inherited { text: description.text.clone(), raw, from: node.unique_id.to_string(), column: column.name.to_string(), proof })
    }
}

enum Next {
    Column(NodeIndex, Arc<str>),
    /// It is computed there, or isn't there at all.
    Made,
    Unknown,
}

#[cfg(test)]
mod tests {
    use crate::test_support::analysis;
    use expect_test::{Expect, expect};
    use testkit::Fixture;

    /// What each column of `b` takes over, `b` reading `a` in which all columns are described.
    fn check(sql: &str, expected: Expect) {
        let analysis = analysis(&Fixture::parse(&format!(
            "-- file: models/a.sql\nselect 1 as id, 2 as code, 3 as qty\n-- file: models/b.sql\n{sql}\n-- file: models/m.yml\nmodels:\n  - name: a\n    columns: [{{name: id, description: I}}, {{name: code, description: C}}, {{name: qty, description: Q}}]\n"
        )));
        let index = analysis.index.find("b")[0];
        let shown: Vec<String> = analysis
            .made(index)
            .columns
            .iter()
            .map(|column| match analysis.inherited_column(index, &column.name) {
                Some(found) => format!("{} = {} by {}", column.name, found.text, found.proof.as_str()),
                None => format!("{} = nothing", column.name),
            })
            .collect();
        expected.assert_eq(&shown.join(", "));
    }

    #[test]
    fn the_sql_decides_where_it_shows() {
        check(
            "with x as (select id as key, code, qty * 2 as qty from {{ ref('a') }}), y as (select * from x) select key, code as name, qty from y",
            expect!["key = I by sql, name = C by sql, qty = nothing"],
        );
        check(
            "select id, listagg(code, ',') within group (order by code) as codes, code from {{ ref('a') }}",
            expect!["id = I by sql, codes = nothing, code = C by sql"],
        );
    }

    #[test]
    fn of_two_ways_neither_is_proved() {
        check(
            "select id, {% if x %} qty as code {% else %} code {% endif %} {% if y %}, qty {% endif %} from {{ ref('a') }}",
            expect!["id = I by sql, code = C by name, qty = Q by sql"],
        );
    }
}
