//! Descriptions that a column can take over from upstream.

use crate::Analysis;
use crate::columns::{Scopes, Source};
use dbt::{Column, Node, NodeIndex, Place};
use std::sync::Arc;
use syntax::sql::Item;

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
        let first = match self.next(index, column) {
            Next::Column(from, name) => (from, name),
            Next::Made => return None,
            Next::Unknown => return self.inherited_by_name(index, column),
        };
        let described = |(at, name): (NodeIndex, Arc<str>)| {
            let node = &self.index.nodes[at];
            Some((node, node.column(&name).filter(|column| column.has_description())?))
        };
        let (node, found) = self.columns_from(Some(first)).find_map(described)?;
        self.taken_from(index, node, found, Proof::Sql)
    }

    /// The columns upstream that a column is, taken over as it is, from step to step, the nearest first.
    pub fn columns_behind(&self, index: NodeIndex, column: &str) -> impl Iterator<Item = (NodeIndex, Arc<str>)> {
        self.columns_from(self.next(index, column).column())
    }

    /// A column and those behind it.
    fn columns_from(&self, first: Option<(NodeIndex, Arc<str>)>) -> impl Iterator<Item = (NodeIndex, Arc<str>)> {
        std::iter::successors(first, |(at, name)| self.next(*at, name).column()).take(MAX_STEPS)
    }

    /// Where a node's column comes from, one step up.
    fn next(&self, index: NodeIndex, column: &str) -> Next {
        let made = self.made(index);
        let from = |origin: &(NodeIndex, Arc<str>)| Next::Column(origin.0, origin.1.clone());
        match (made.get(column), made.rest) {
            // Of two ways to make it the text shows one.
            (known, _) if self.has_alternatives(index, known.and_then(|known| known.place)) => Next::Unknown,
            (Some(known), _) if known.origin.is_some() => known.origin.as_ref().map_or(Next::Unknown, from),
            (Some(known), _) if known.place.is_some() => Next::Made,
            // A join makes it of two.
            (Some(_), None) if made.is_complete && self.index.nodes[index].code.is_some() => Next::Made,
            (_, Some(rest)) if rest != index => Next::Column(rest, column.into()),
            (None, _) if made.is_complete => Next::Made,
            _ => Next::Unknown,
        }
    }

    /// Whether Jinja takes one or another part of the selects that a node's column comes through: the one that names it, or all of the
    /// outermost, and what they read in the file.
    fn has_alternatives(&self, index: NodeIndex, place: Option<Place>) -> bool {
        let node = &self.index.nodes[index];
        let Some(file) = self.file(node.place.file).filter(|file| file.kind.is_sql()) else { return false };
        let parts = syntax::jinja::alternatives(&file.text);
        if parts.is_empty() {
            return false;
        }
        let scopes = Scopes::of_node(self, file, index);
        let own = place.filter(|place| place.file == file.id).and_then(|place| scopes.query.select_at(place.range.start as usize));
        let mut open = own.map_or_else(|| scopes.query.outermost.clone(), |select| vec![select]);
        let mut seen = Vec::new();
        while let Some(at) = open.pop() {
            if seen.contains(&at) {
                continue;
            }
            seen.push(at);
            let select = &scopes.query.selects[at];
            // Of the select that names it the item alone counts; what filters rows makes no column.
            let is_other = |item: &&Item| own == Some(at) && place.is_some_and(|place| !item.range.contains_range(place.range));
            let items = select.items.iter().filter(|item| !is_other(item)).map(|item| item.range);
            let ranges = items.chain(select.relations.iter().map(|relation| relation.range));
            if ranges.into_iter().any(|range| parts.iter().any(|part| part.meets(range))) {
                return true;
            }
            for relation in &select.relations {
                match scopes.source(relation) {
                    Source::Cte(cte) => open.extend(&scopes.query.ctes[cte].branches),
                    Source::Query(branches) => open.extend(branches),
                    Source::Node(_) | Source::Unknown => {}
                }
            }
        }
        false
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

impl Next {
    fn column(self) -> Option<(NodeIndex, Arc<str>)> {
        match self {
            Self::Column(from, name) => Some((from, name)),
            Self::Made | Self::Unknown => None,
        }
    }
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
    fn what_a_join_makes_of_two_is_neither() {
        let sources = "-- file: models/s.yml\nsources:\n  - name: raw\n    tables:\n      - {name: a, columns: [{name: id, description: Key of a.}, {name: n, description: N.}]}\n      - {name: b, columns: [{name: id, description: Key of b.}]}\n-- file: models/x.sql\nselect id, n from {{ source('raw', 'a') }}\n-- file: models/y.sql\nselect id, 1 as m from {{ source('raw', 'b') }}\n";
        let of = |sql: &str| {
            let analysis = analysis(&Fixture::parse(&format!("{sources}-- file: models/w.sql\n{sql}\n")));
            let index = analysis.index.node("model.shop.w").expect("it is there");
            let text = |column: &str| analysis.inherited_column(index, column).map_or("nothing".to_owned(), |found| found.text);
            format!("{} {}", text("id"), text("n"))
        };
        let (x, y) = ("{{ ref('x') }}", "{{ ref('y') }}");
        let joins = ["right join Y using (id)", "full outer join Y using (id)", "natural full join Y", "join Y using (id)", "right join Y as y on x.id = y.id"];
        let shown: Vec<String> = joins
            .into_iter()
            .flat_map(|join| {
                let join = join.replace('Y', y);
                [
                    format!("select * from {x} as x {join}"),
                    format!("with j as (select * from {x} as x {join}) select id, n from j"),
                    format!("select x.id, n from {x} as x {join}"),
                ]
            })
            .map(|sql| of(&sql))
            .collect();
        expect![[r#"
            nothing N.
            nothing N.
            Key of a. N.
            nothing N.
            nothing N.
            Key of a. N.
            nothing nothing
            nothing nothing
            Key of a. nothing
            Key of a. N.
            Key of a. N.
            Key of a. N.
            Key of a. N.
            Key of a. N.
            Key of a. N."#]]
        .assert_eq(&shown.join("\n"));
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
    fn one_or_another_part_of_a_query() {
        check(
            "select id, {% if x %}qty{% else %}code{% endif %} as code from {{ ref('a') }} where {% if x %}1{% else %}2{% endif %} > 0",
            expect!["id = I by sql, code = C by name"],
        );
        check(
            "with c as ({% if x %}select id, qty as code from {{ ref('a') }}{% else %}select id, code from {{ ref('a') }}{% endif %}) select id, code from c",
            expect!["id = I by name, code = C by name"],
        );
        check("select id, code from {% if x %}{{ ref('a') }}{% else %}{{ ref('c') }}{% endif %}", expect!["id = nothing, code = nothing"]);
        check("select * from {% if x %}{{ ref('a') }}{% else %}{{ ref('c') }}{% endif %}", expect!["id = nothing, code = nothing, qty = nothing"]);
    }

    #[test]
    fn what_versions_share() {
        let analysis = analysis(&Fixture::parse(
            "-- file: models/a.sql\nselect 1 as id, 2 as code, 3 as qty\n-- file: models/v_v1.sql\nselect id, code from {{ ref('a') }}\n-- file: models/v_v2.sql\nselect id, qty * 2 as code from {{ ref('a') }}\n-- file: models/m.yml\nmodels:\n  - name: a\n    columns: [{name: id, description: I}, {name: code, description: C}]\n  - name: v\n    versions: [{v: 1}, {v: 2}]\n    columns: [{name: id}, {name: code}]\n",
        ));
        let of = |version: usize, column: &str| {
            let target = crate::DescribeTarget { unique_id: format!("model.shop.v.v{version}"), column: Some(column.to_owned()) };
            analysis.inherited(&target).map_or("nothing".to_owned(), |found| found.text)
        };
        expect!["I I nothing nothing"].assert_eq(&[of(1, "id"), of(2, "id"), of(1, "code"), of(2, "code")].join(" "));
    }

    #[test]
    fn joins_that_may_take_either_side() {
        let join = |kind: &str| format!("select id, a.code from {{{{ ref('a') }}}} a {kind} join {{{{ ref('a') }}}} b using (id)");
        check(&join("left"), expect!["id = I by sql, code = C by sql"]);
        check(&join("right outer"), expect!["id = nothing, code = C by sql"]);
        check(&join("full"), expect!["id = nothing, code = C by sql"]);
    }

    #[test]
    fn of_two_ways_neither_is_proved() {
        check(
            "select id, {% if x %} qty as code {% else %} code {% endif %} {% if y %}, qty {% endif %} from {{ ref('a') }}",
            expect!["id = I by sql, code = C by name, qty = Q by sql"],
        );
    }
}
