//! Columns: what a query makes of what it reads, as far as its text shows it, and what a name in it means.

use crate::{Analysis, File};
use dbt::{FileKind, NodeIndex, Place, ResourceType, Target};
use rustc_hash::FxHashMap;
use std::cell::{OnceCell, RefCell};
use std::sync::{Arc, OnceLock};
use syntax::sql::{self, Expression, Query, Relation, RelationSource, Select};
use text::TextRange;

/// A column that a node, a CTE or a subquery has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeColumn {
    /// Shared by all that take the column over as it is.
    pub name: Arc<str>,
    /// Where its name stands in the query that makes it.
    pub place: Option<Place>,
    /// The node's column that it is, taken over as it is.
    pub origin: Option<(NodeIndex, Arc<str>)>,
}

/// The columns of something, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Made {
    pub columns: Vec<MadeColumn>,
    /// Whether there are no others.
    pub is_complete: bool,
    /// The node that all others come from as they are, where that can be told.
    pub rest: Option<NodeIndex>,
}

impl Made {
    pub fn get(&self, name: &str) -> Option<&MadeColumn> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    fn push(&mut self, column: MadeColumn) {
        if self.get(&column.name).is_none() {
            self.columns.push(column);
        }
    }
}

/// The columns of each node, worked out when somebody asks.
#[derive(Debug, Clone, Default)]
pub(crate) struct MadeByNode(Arc<[OnceLock<Arc<Made>>]>);

impl MadeByNode {
    pub fn new(nodes: usize) -> Self {
        Self((0..nodes).map(|_| OnceLock::new()).collect())
    }
}

/// What a select reads from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Node(NodeIndex),
    /// Its place in [`Query::ctes`].
    Cte(usize),
    /// Selects of a subquery.
    Query(Vec<usize>),
    Unknown,
}

/// What a name in an expression means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A column of what the select reads: the select, the relation's place in it, and the column as far as it is known.
    Column { select: usize, relation: usize, source: Source, column: Option<MadeColumn> },
    /// Another item of the same list, by its alias.
    Item { select: usize, item: usize },
}

/// Models that take all columns of another with `*` stand in rows; longer ones are not followed.
const MAX_DEPTH: usize = 40;

impl Analysis {
    /// The columns of a node: of a seed those of its header, of SQL those that its query makes; where these can't be told by the text
    /// those that YAML and the catalog name, too.
    pub fn made(&self, index: NodeIndex) -> Arc<Made> {
        self.made_within(index, &mut Vec::new())
    }

    fn made_within(&self, index: NodeIndex, above: &mut Vec<NodeIndex>) -> Arc<Made> {
        let slot = self.made.0.get(index);
        if let Some(known) = slot.and_then(OnceLock::get) {
            return known.clone();
        }
        if above.contains(&index) || above.len() >= MAX_DEPTH {
            return Arc::default();
        }
        above.push(index);
        let made = Arc::new(self.work_out(index, above));
        above.pop();
        // In a circle the inner ones know less than they would by themselves.
        if let Some(slot) = slot.filter(|_| above.is_empty() || !self.index.has_circle()) {
            return slot.get_or_init(|| made).clone();
        }
        made
    }

    fn work_out(&self, index: NodeIndex, above: &mut Vec<NodeIndex>) -> Made {
        let node = &self.index.nodes[index];
        let mut made = Made::default();
        let file = self.file(node.place.file);
        match node.resource_type {
            ResourceType::Seed => {
                if let Some(file) = file.filter(|file| file.kind == FileKind::Seed) {
                    let places = file.facts.header.iter().scan(0, |from, name| {
                        let at = file.text[*from..].find(name.as_str()).map(|at| *from + at)?;
                        *from = at + name.len();
                        Some(Place { file: file.id, range: TextRange::new(at, *from) })
                    });
                    let places: Vec<Place> = places.collect();
                    for (at, name) in file.facts.header.iter().enumerate() {
                        made.push(MadeColumn { name: name.as_str().into(), place: places.get(at).copied(), origin: None });
                    }
                    made.is_complete = !made.columns.is_empty();
                }
            }
            ResourceType::Model | ResourceType::Snapshot | ResourceType::Analysis | ResourceType::Test => {
                if let Some(file) = file.filter(|file| file.kind.is_sql() && node.code.is_some()) {
                    let scopes = Scopes::of_node(self, file, index);
                    made = scopes.of_branches(&scopes.query.outermost.clone(), above);
                }
                if node.resource_type == ResourceType::Snapshot {
                    for name in ["dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to"] {
                        made.push(MadeColumn { name: name.into(), place: None, origin: None });
                    }
                    // Their names and number are a matter of config.
                    made.is_complete = false;
                }
            }
            _ => {}
        }
        if !made.is_complete {
            for column in node.columns.values() {
                made.push(MadeColumn { name: column.name.clone(), place: None, origin: None });
            }
        }
        made
    }
}

/// A longer expression isn't evaluated to see what it reads.
const MAX_EXPRESSION: usize = 500;

/// A file's query with what its names mean.
pub(crate) struct Scopes<'a> {
    analysis: &'a Analysis,
    file: &'a File,
    pub query: Query,
    /// What each select makes, once it is known.
    made: Vec<OnceCell<Arc<Made>>>,
    /// The selects that are being looked at.
    under_way: RefCell<Vec<usize>>,
    /// The nodes that tags are, by where the tags begin.
    tags: RefCell<FxHashMap<u32, Option<NodeIndex>>>,
}

impl<'a> Scopes<'a> {
    /// The scopes of a file of SQL.
    pub fn new(analysis: &'a Analysis, file: &'a File) -> Self {
        Self::over(analysis, file, sql::read(&file.text))
    }

    fn over(analysis: &'a Analysis, file: &'a File, query: Query) -> Self {
        let made = query.selects.iter().map(|_| OnceCell::new()).collect();
        Self { analysis, file, query, made, under_way: RefCell::default(), tags: RefCell::default() }
    }

    /// Those of one node's code; a file of snapshots holds several.
    pub fn of_node(analysis: &'a Analysis, file: &'a File, index: NodeIndex) -> Self {
        let code = analysis.index.nodes[index].code_in(&file.text).unwrap_or_default();
        if code.len() == file.text.len() {
            return Self::new(analysis, file);
        }
        let start = code.as_ptr() as usize - file.text.as_ptr() as usize;
        let mut text = " ".repeat(start);
        text.push_str(code);
        Self::over(analysis, file, sql::read(&text))
    }

    /// What a relation is.
    pub fn source(&self, relation: &Relation) -> Source {
        match &relation.source {
            RelationSource::Query(branches) => Source::Query(branches.clone()),
            RelationSource::Named(path) => match path.as_slice() {
                [name] => self.cte_at(name, relation.range.start as usize).map_or(Source::Unknown, Source::Cte),
                _ => Source::Unknown,
            },
            RelationSource::Jinja => self.node_of_tag(relation.range).map_or(Source::Unknown, Source::Node),
            RelationSource::Other => Source::Unknown,
        }
    }

    /// The CTE that a name means at an offset; inside of one its own name means something else, unless it recurs.
    pub fn cte_at(&self, name: &str, offset: usize) -> Option<usize> {
        let fits = |cte: &sql::Cte| cte.name.eq_ignore_ascii_case(name) && cte.scope.touches(offset) && (cte.is_recursive || !cte.body.touches(offset));
        let named = self.query.ctes.iter().enumerate().filter(|(_, cte)| fits(cte));
        named.max_by_key(|(_, cte)| (cte.name_range.start as usize <= offset, cte.name_range.start)).map(|(at, _)| at)
    }

    /// The node whose relation a tag is: of a `ref` or a `source` by its names, of another expression by what it comes to.
    fn node_of_tag(&self, tag: TextRange) -> Option<NodeIndex> {
        if let Some(known) = self.tags.borrow().get(&tag.start) {
            return *known;
        }
        let found = self.read_tag(tag);
        self.tags.borrow_mut().insert(tag.start, found);
        found
    }

    fn read_tag(&self, tag: TextRange) -> Option<NodeIndex> {
        let written = tag.of(&self.file.text);
        let inner = written.strip_prefix("{{")?.strip_suffix("}}")?;
        let trimmed = inner.trim_matches('-').trim();
        let index = &self.analysis.index;
        let own = index.nodes_of_file(self.file.id).first().copied();
        if trimmed == "this" {
            return own;
        }
        let start = trimmed.as_ptr() as usize - self.file.text.as_ptr() as usize;
        let range = TextRange::new(start, start + trimmed.len());
        let used = self.file.facts.uses.iter().find(|used| used.range == range && matches!(used.target, Target::Ref { .. } | Target::Source { .. }));
        if let Some(used) = used {
            return index.resolve(&used.target, self.analysis.package_of(self.file));
        }
        // Such as a macro that returns a relation.
        let is_call = self.file.facts.uses.iter().any(|used| used.range == range);
        let compiler = self.analysis.compiler.as_ref().filter(|_| is_call && trimmed.len() < MAX_EXPRESSION)?;
        let text = compiler.expand(index, self.analysis.package_of(self.file), own, trimmed).ok()?;
        index.node_built_as(text.trim())
    }

    /// The columns of a source.
    pub fn of_source(&self, source: &Source) -> Arc<Made> {
        self.of_source_within(source, &mut Vec::new())
    }

    fn of_source_within(&self, source: &Source, above: &mut Vec<NodeIndex>) -> Arc<Made> {
        match source {
            Source::Node(index) => {
                // Whoever takes such a column takes it from that node.
                let known = self.analysis.made_within(*index, above);
                let columns = known.columns.iter().map(|column| MadeColumn { origin: Some((*index, column.name.clone())), ..column.clone() });
                Arc::new(Made { columns: columns.collect(), is_complete: known.is_complete, rest: Some(*index).filter(|_| !known.is_complete) })
            }
            Source::Cte(at) => {
                let cte = &self.query.ctes[*at];
                let mut made = if above.len() < MAX_DEPTH { self.of_branches(&cte.branches, &mut with_marker(above)) } else { Made::default() };
                for (column, name) in made.columns.iter_mut().zip(&cte.columns) {
                    column.name = name.as_str().into();
                }
                Arc::new(made)
            }
            Source::Query(branches) => Arc::new(self.of_branches(branches, &mut with_marker(above))),
            Source::Unknown => Arc::default(),
        }
    }

    /// The columns of selects that a set operation joins: the first one's; where there are several they are nobody's as they are.
    pub fn of_branches(&self, branches: &[usize], above: &mut Vec<NodeIndex>) -> Made {
        let Some(&first) = branches.first() else { return Made::default() };
        let known = match self.made[first].get() {
            Some(known) => known.clone(),
            // It reads itself.
            None if self.under_way.borrow().contains(&first) => return Made::default(),
            None => {
                self.under_way.borrow_mut().push(first);
                let made = Arc::new(self.of_select(&self.query.selects[first], above));
                self.under_way.borrow_mut().pop();
                self.made[first].get_or_init(|| made).clone()
            }
        };
        let mut made = (*known).clone();
        if branches.len() > 1 {
            made.columns.iter_mut().for_each(|column| column.origin = None);
            made.rest = None;
        }
        made
    }

    fn of_select(&self, select: &Select, above: &mut Vec<NodeIndex>) -> Made {
        let mut made = Made { columns: Vec::new(), is_complete: !select.items.is_empty(), rest: None };
        // Where columns may come from that aren't known.
        let mut others: Vec<Option<NodeIndex>> = Vec::new();
        for item in &select.items {
            match &item.expression {
                Expression::Star { qualifier, without } => {
                    let mut found = false;
                    let merged = if qualifier.is_none() { self.merged(select) } else { Merged::default() };
                    for relation in self.relations_of(select, qualifier.as_deref()) {
                        found = true;
                        let read = self.of_source_within(&self.source(relation), above);
                        if !read.is_complete {
                            others.push(read.rest);
                        }
                        let kept = read.columns.iter().filter(|column| !without.iter().any(|name| name.eq_ignore_ascii_case(&column.name)));
                        // One of both sides is neither's.
                        let taken = |column: &MadeColumn| match merged.holds(&column.name) {
                            true => MadeColumn { name: column.name.clone(), place: None, origin: None },
                            false => column.clone(),
                        };
                        kept.map(taken).for_each(|column| made.push(column));
                    }
                    if !found {
                        others.push(None);
                    }
                }
                Expression::Unknown => others.push(None),
                Expression::Column { qualifier, name } => {
                    let Some((called, range)) = &item.name else { continue };
                    let place = Some(Place { file: self.file.id, range: *range });
                    let origin = self.column_of(select, qualifier.as_deref(), name, above);
                    let same = origin.as_ref().map(|(_, name)| name).filter(|name| ***name == **called).cloned();
                    made.push(MadeColumn { name: same.unwrap_or_else(|| called.as_str().into()), place, origin });
                }
                Expression::Computed => match &item.name {
                    Some((called, range)) => {
                        let place = Some(Place { file: self.file.id, range: *range });
                        made.push(MadeColumn { name: called.as_str().into(), place, origin: None });
                    }
                    None => others.push(None),
                },
            }
        }
        if !others.is_empty() {
            made.is_complete = false;
            made.rest = if others.len() == 1 { others[0] } else { None };
        }
        made
    }

    /// The node's column that a name of a select is.
    fn column_of(&self, select: &Select, qualifier: Option<&str>, name: &str, above: &mut Vec<NodeIndex>) -> Option<(NodeIndex, Arc<str>)> {
        if qualifier.is_none() && self.merged(select).holds(name) {
            return None;
        }
        let read: Vec<Arc<Made>> = self.relations_of(select, qualifier).map(|relation| self.of_source_within(&self.source(relation), above)).collect();
        if let Some(column) = read.iter().find_map(|made| made.get(name)) {
            return column.origin.clone();
        }
        rest_of(read.iter().map(|made| &**made)).map(|index| (index, name.into()))
    }

    /// The columns of both sides of a `full` or `right join … using`, which may have their value from either.
    fn merged(&self, select: &Select) -> Merged {
        let Some(first) = select.relations.first().filter(|_| select.relations.len() > 1) else { return Merged::default() };
        let text = TextRange { start: first.range.start, end: select.range.end.max(first.range.start) }.of(&self.file.text).to_lowercase();
        let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect();
        let joins = |word: &str| words.windows(2).any(|pair| pair[0] == word && matches!(pair[1], "join" | "outer"));
        if !joins("full") && !joins("right") {
            return Merged::default();
        }
        let list = |rest: &str| rest.trim_start().strip_prefix('(').and_then(|rest| rest.split(')').next()).map(str::to_owned);
        let lists = text.match_indices("using").filter_map(|(at, word)| list(&text[at + word.len()..]));
        let names = lists.flat_map(|list| list.split(',').map(|one| one.trim().trim_matches('"').to_owned()).collect::<Vec<_>>());
        let all = words.windows(2).any(|pair| pair == ["natural", "full"] || pair == ["natural", "right"]);
        Merged { all, names: names.collect() }
    }

    /// What a name before a dot means in a select: a relation of its own, or of the nearest select around it.
    pub fn relation_called(&self, select: usize, name: &str) -> Option<&Relation> {
        let mut at = Some(select);
        while let Some(number) = at {
            let own = &self.query.selects[number];
            if let Some(relation) = own.relations.iter().find(|relation| self.is_called(relation, name)) {
                return Some(relation);
            }
            at = own.parent;
        }
        None
    }

    /// The relations of a select, with a qualifier those that it means.
    pub fn relations_of<'s>(&'s self, select: &'s Select, qualifier: Option<&'s str>) -> impl Iterator<Item = &'s Relation> + 's {
        select.relations.iter().filter(move |relation| qualifier.is_none_or(|qualifier| self.is_called(relation, qualifier)))
    }

    /// Whether a name before a dot means a relation.
    pub fn is_called(&self, relation: &Relation, name: &str) -> bool {
        match (&relation.alias, &relation.source) {
            (Some((alias, _)), _) => alias.eq_ignore_ascii_case(name),
            (None, RelationSource::Named(path)) => path.last().is_some_and(|last| last.eq_ignore_ascii_case(name)),
            (None, RelationSource::Jinja) => self.node_of_tag(relation.range).is_some_and(|index| {
                let node = &self.analysis.index.nodes[index];
                node.alias.as_deref().unwrap_or(&node.name).eq_ignore_ascii_case(name)
            }),
            _ => false,
        }
    }

    /// What a name in a select means: the nearest select around it that reads something with such a column.
    pub fn meaning(&self, select: usize, qualifier: Option<&str>, name: &str) -> Option<Meaning> {
        let mut at = Some(select);
        while let Some(number) = at {
            let own = &self.query.selects[number];
            let mut unknown = Vec::new();
            for (place, relation) in own.relations.iter().enumerate() {
                if qualifier.is_some_and(|qualifier| !self.is_called(relation, qualifier)) {
                    continue;
                }
                let source = self.source(relation);
                let made = self.of_source(&source);
                if let Some(column) = made.get(name) {
                    return Some(Meaning::Column { select: number, relation: place, source, column: Some(column.clone()) });
                }
                if !made.is_complete || qualifier.is_some() {
                    unknown.push((place, source));
                }
            }
            if qualifier.is_none() {
                let item = own.items.iter().position(|item| item.name.as_ref().is_some_and(|(called, _)| called.eq_ignore_ascii_case(name)));
                if let Some(item) =
                    item.filter(|&item| !matches!(&own.items[item].expression, Expression::Column { name: same, .. } if same.eq_ignore_ascii_case(name)))
                {
                    return Some(Meaning::Item { select: number, item });
                }
            }
            if let [(relation, source)] = unknown.as_slice() {
                let rest = self.of_source(source).rest;
                let column = rest.map(|index| MadeColumn { name: name.into(), place: None, origin: Some((index, name.into())) });
                return Some(Meaning::Column { select: number, relation: *relation, source: source.clone(), column });
            }
            if !unknown.is_empty() {
                return None;
            }
            at = own.parent;
        }
        None
    }
}

/// Columns that a join makes of two.
#[derive(Default)]
struct Merged {
    /// By their names, whatever these are.
    all: bool,
    names: Vec<String>,
}

impl Merged {
    fn holds(&self, name: &str) -> bool {
        self.all || self.names.iter().any(|merged| merged.eq_ignore_ascii_case(name))
    }
}

/// What nobody is known to have comes from the only one that may have more.
fn rest_of<'m>(read: impl Iterator<Item = &'m Made>) -> Option<NodeIndex> {
    let mut open = read.filter(|made| !made.is_complete);
    let only = open.next()?;
    if open.next().is_some() { None } else { only.rest }
}

/// The chain above, one longer: a CTE's body counts as a step.
fn with_marker(above: &[NodeIndex]) -> Vec<NodeIndex> {
    let mut longer = above.to_vec();
    longer.push(usize::MAX);
    longer
}

#[cfg(test)]
mod tests {
    use crate::test_support::analysis;
    use expect_test::{Expect, expect};
    use testkit::Fixture;

    fn check(fixture: &str, model: &str, expected: Expect) {
        let analysis = analysis(&Fixture::parse(fixture));
        let made = analysis.made(analysis.index.find(model)[0]);
        let columns = made.columns.iter().map(|column| {
            let origin = column.origin.as_ref().map(|(index, name)| format!(" = {}.{name}", analysis.index.nodes[*index].label())).unwrap_or_default();
            let place = column.place.and_then(|place| analysis.file(place.file).map(|file| format!(" [{} at {}]", file.relative, place.range.start)));
            format!("{}{origin}{}", column.name, place.unwrap_or_default())
        });
        let complete = if made.is_complete { "complete" } else { "and others" };
        expected.assert_eq(&columns.chain([complete.to_owned()]).collect::<Vec<_>>().join("\n"));
    }

    const SHOP: &str = "-- file: seeds/c.csv\nid,name\n-- file: models/s.yml\nsources:\n  - name: raw\n    tables:\n      - name: o\n        columns: [{name: id}, {name: amount}]\n-- file: models/stg.sql\nwith source as (select * from {{ source('raw', 'o') }}),\nrenamed as (select id as order_id, amount, extra, amount / 100 as dollars from source)\nselect * from renamed\n";

    #[test]
    fn stars_through_ctes_and_refs() {
        check(
            SHOP,
            "stg",
            expect![[r#"
                order_id = raw.o.id [models/stg.sql at 82]
                amount = raw.o.amount [models/stg.sql at 92]
                extra = raw.o.extra [models/stg.sql at 100]
                dollars [models/stg.sql at 123]
                complete"#]],
        );
        check(
            &format!(
                "{SHOP}-- file: models/b.sql\nselect s.*, c.name as customer, count(*) from {{{{ ref('stg') }}}} s join {{{{ ref('c') }}}} c using (id)\n"
            ),
            "b",
            expect![[r#"
                order_id = stg.order_id [models/stg.sql at 82]
                amount = stg.amount [models/stg.sql at 92]
                extra = stg.extra [models/stg.sql at 100]
                dollars = stg.dollars [models/stg.sql at 123]
                customer = c.name [models/b.sql at 22]
                and others"#]],
        );
    }

    #[test]
    fn unions_circles_and_jinja() {
        check(
            &format!("{SHOP}-- file: models/u.sql\nselect id, name from {{{{ ref('c') }}}} union all select 1, 'x'\n"),
            "u",
            expect![[r#"
                id [models/u.sql at 7]
                name [models/u.sql at 11]
                complete"#]],
        );
        check("-- file: models/a.sql\nselect * from {{ ref('b') }}\n-- file: models/b.sql\nselect * from {{ ref('a') }}\n", "a", expect!["and others"]);
        check(
            "-- file: models/a.sql\nselect 1 as x, {{ star() }} from {{ ref('b') }}\n",
            "a",
            expect![[r#"
            x [models/a.sql at 12]
            and others"#]],
        );
    }
}
