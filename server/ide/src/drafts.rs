//! Texts that nobody wrote by hand: descriptions and interpretations, what people decided of them, and whether the code that they
//! are about is still what it was.

use crate::columns::{Meaning, Scopes, Source};
use crate::{Analysis, DescribeTarget, File, Subject};
use dbt::{Description, Diagnostic, Macro, Node, NodeIndex, ResourceType, Severity};
use rustc_hash::{FxHashMap, FxHashSet};
use sha2::{Digest, Sha256};
use std::cell::OnceCell;
use syntax::sql::{Expression, Item, Select, essence};
use text::TextRange;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DraftKind {
    /// Stands in a properties file, or is to stand there.
    Description,
    /// What a model does, in more words than a description has. Shown on the model's card.
    Interpretation,
}

impl DraftKind {
    pub const ALL: [Self; 2] = [Self::Description, Self::Interpretation];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Description => "description",
            Self::Interpretation => "interpretation",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}

/// Why a text that somebody has changed meanwhile is left as it is.
pub const CHANGED_MEANWHILE: &str = "somebody has changed its description meanwhile; it is left as it is";

/// What people decided of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DraftState {
    /// Nothing yet.
    Draft,
    Accepted,
    /// It isn't to be written again for the same code.
    Rejected,
}

impl DraftState {
    pub const ALL: [Self; 3] = [Self::Draft, Self::Accepted, Self::Rejected];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}

/// A text that nobody wrote by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub kind: DraftKind,
    pub target: DescribeTarget,
    pub text: String,
    /// Where it comes from, for people: a model's name, the column upstream.
    pub origin: String,
    pub state: DraftState,
    /// [`Analysis::described`] when it was written; empty for what no code makes.
    pub described: String,
    /// What stood there before, as it was written or, of a docs block, what was in it; nothing where nothing did.
    pub replaced: Option<String>,
}

impl Draft {
    /// Whether it is what a description says, as written or as shown.
    pub fn is_text_of(&self, description: &Description) -> bool {
        [description.raw(), &description.text].iter().any(|text| text.trim() == self.text.trim())
    }
}

/// The texts of a project, one of each kind for each thing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drafts(FxHashMap<(DraftKind, DescribeTarget), Draft>);

impl Drafts {
    pub fn get(&self, kind: DraftKind, target: &DescribeTarget) -> Option<&Draft> {
        self.0.get(&(kind, target.key()))
    }

    /// Takes a text in, in the place of an older one.
    pub fn put(&mut self, draft: Draft) {
        self.0.insert((draft.kind, draft.target.key()), draft);
    }

    pub fn iter(&self) -> impl Iterator<Item = &Draft> {
        self.0.values()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Draft> for Drafts {
    fn from_iter<I: IntoIterator<Item = Draft>>(drafts: I) -> Self {
        let mut made = Self::default();
        drafts.into_iter().for_each(|draft| made.put(draft));
        made
    }
}

impl Analysis {
    /// The texts that nobody wrote by hand.
    pub fn drafts(&self) -> &crate::Drafts {
        &self.drafts
    }

    /// What stands in the project for a target: a text that people or we wrote.
    pub fn description_of(&self, target: &DescribeTarget) -> Option<&Description> {
        self.entry_text(target).filter(|description| !description.text.trim().is_empty())
    }

    /// What stands there as it is written; nothing where nothing does.
    pub fn written_text(&self, target: &DescribeTarget) -> Option<String> {
        self.description_of(target).map(|description| description.raw().to_owned())
    }

    /// The same, though nothing may be in it.
    pub(crate) fn entry_text(&self, target: &DescribeTarget) -> Option<&Description> {
        self.subject(&target.unique_id)?.text(target.column.as_deref())
    }

    /// The draft whose text stands in the project as it was written; none where somebody has changed it since.
    pub fn written_draft(&self, target: &DescribeTarget) -> Option<&Draft> {
        let draft = self.drafts.get(DraftKind::Description, target)?;
        let description = self.description_of(target)?;
        (draft.is_text_of(description) && draft.state != DraftState::Rejected).then_some(draft)
    }

    /// Whether the code that a draft is about has changed since.
    pub fn is_stale(&self, draft: &Draft) -> bool {
        self.code_of(&draft.target.unique_id).is_some_and(|code| code.has_changed_since(draft))
    }

    /// What a draft that is written for a target now takes the place of: what people wrote, if only an empty text, also where another draft
    /// stands over it.
    pub fn to_be_replaced(&self, target: &DescribeTarget) -> Option<String> {
        let description = self.entry_text(target)?;
        match self.written_draft(target).filter(|draft| draft.state == DraftState::Draft) {
            Some(draft) => draft.replaced.clone(),
            None if self.docs_block_of(description).is_some() => Some(description.text.trim().to_owned()),
            None => Some(self.text_in_file(description)),
        }
    }

    /// A description as its file has it: dbt takes the line end off that closes a file, and with it that of a block that ends there.
    fn text_in_file(&self, description: &Description) -> String {
        let mut text = description.raw().to_owned();
        let source = self.file(description.place.file).map_or("", |file| description.place.range.of(&file.text));
        let header = source.lines().next().unwrap_or_default().split('#').next().unwrap_or_default();
        if header.starts_with(['|', '>']) && !header.contains('-') && !text.ends_with('\n') {
            text.push('\n');
        }
        text
    }

    /// A draft with what somebody decides of it now.
    pub fn decided(&self, draft: &Draft, state: DraftState) -> Draft {
        Draft { state, described: self.described(&draft.target).unwrap_or_default(), ..draft.clone() }
    }

    /// A mark of the code that a thing is made by, the same as long as the code means the same: of a column the expressions that have a
    /// part in it and what their selects read, of a column that is taken over the one that it is, of all else (also where Jinja makes a
    /// part of the expression) the whole code, of a macro and its arguments its text. `None` where no code makes it, as with a source.
    pub fn described(&self, target: &DescribeTarget) -> Option<String> {
        Some(self.code_of(&target.unique_id)?.mark(target.column.as_deref()))
    }

    /// The code that makes a node, if some does.
    fn code_of(&self, unique_id: &str) -> Option<Code<'_>> {
        let (index, node) = match self.subject(unique_id)? {
            Subject::Node(index, node) => (index, node),
            Subject::Macro(found) => return Some(Code { analysis: self, query: None, text: &found.text }),
            Subject::Source(_) => return None,
        };
        let file = self.file(node.place.file)?;
        let is_code = matches!(node.resource_type, ResourceType::Model | ResourceType::Snapshot | ResourceType::Analysis | ResourceType::Test);
        let text = node.code_in(&file.text).filter(|_| is_code)?;
        Some(Code { analysis: self, query: Some(Query { index, file, scopes: OnceCell::new() }).filter(|_| file.kind.is_sql()), text })
    }

    /// What is told of a file's drafts, each with what it is about: those that nobody has decided on, and those whose code has changed.
    pub(crate) fn draft_hints(&self, file: &File) -> Vec<(DescribeTarget, Diagnostic)> {
        if self.drafts.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        for subject in self.subjects_in(file) {
            // Read once for all columns.
            let code = self.code_of(subject.unique_id());
            for target in subject.targets() {
                let Some(draft) = self.written_draft(&target) else { continue };
                let Some(place) = self.description_of(&target).map(|description| description.place).filter(|place| place.file == file.id) else { continue };
                let label = self.label_of(&target);
                let (rule, message) = if code.as_ref().is_some_and(|code| code.has_changed_since(draft)) {
                    let why = format!("the SQL of {label} has changed since this was written ({}); read it again, and accept or write it anew", draft.origin);
                    ("stale-description", why)
                } else if draft.state == DraftState::Draft {
                    ("draft-description", format!("nobody has read this description of {label} yet ({}); accept or reject it", draft.origin))
                } else {
                    continue;
                };
                found.push((target, Diagnostic::new(place, Severity::Hint, rule, message)));
            }
        }
        found
    }

    /// The things whose entries stand in a properties file.
    pub(crate) fn subjects_in<'s>(&'s self, file: &'s File) -> impl Iterator<Item = Subject<'s>> + 's {
        let nodes = self.index.nodes_described_in(file.id).iter().map(|&index| self.node_subject(index));
        let is_here = |found: &&Macro| found.patch.as_ref().is_some_and(|patch| patch.place.file == file.id);
        self.sources_in(file).into_iter().chain(nodes).chain(self.own_macros().filter(move |found| is_here(found)).map(Subject::Macro))
    }

    /// The sources whose entries stand in a properties file.
    pub(crate) fn sources_in(&self, file: &File) -> Vec<Subject<'_>> {
        self.sources_of(self.index.nodes_described_in(file.id).iter().map(|&index| &self.index.nodes[index]))
    }

    /// A target as people call it: `` `orders` ``, `` column `id` of `orders` ``.
    pub fn label_of(&self, target: &DescribeTarget) -> String {
        match (self.subject(&target.unique_id), &target.column) {
            (Some(Subject::Node(_, node)), Some(column)) => format!("column `{column}` of `{}`", node.label()),
            (Some(Subject::Node(_, node)), None) => format!("`{}`", node.label()),
            (Some(Subject::Macro(found)), Some(argument)) => format!("argument `{argument}` of macro `{}`", found.name),
            (Some(Subject::Macro(found)), None) => format!("macro `{}`", found.name),
            (Some(subject @ Subject::Source(_)), _) => format!("source `{}`", subject.name()),
            (None, _) => format!("`{}`", target.unique_id),
        }
    }

    /// What a model was found to do, where somebody accepted it; and whether its code has changed since.
    pub(crate) fn interpretation(&self, node: &Node) -> Option<(&Draft, bool)> {
        let draft = self.drafts.get(DraftKind::Interpretation, &DescribeTarget::of(node, None)).filter(|draft| draft.state == DraftState::Accepted)?;
        Some((draft, self.is_stale(draft)))
    }
}

/// The code that makes a thing.
struct Code<'a> {
    analysis: &'a Analysis,
    text: &'a str,
    /// Of a node whose code is SQL.
    query: Option<Query<'a>>,
}

struct Query<'a> {
    index: NodeIndex,
    file: &'a File,
    /// Read when the first column is asked for.
    scopes: OnceCell<Scopes<'a>>,
}

impl Code<'_> {
    fn has_changed_since(&self, draft: &Draft) -> bool {
        !draft.described.is_empty() && self.mark(draft.target.column.as_deref()) != draft.described
    }

    /// See [`Analysis::described`].
    fn mark(&self, column: Option<&str>) -> String {
        mark(&column.and_then(|column| self.of_column(column)).unwrap_or_else(|| essence(self.text)))
    }

    fn of_column(&self, column: &str) -> Option<String> {
        let Query { index, file, scopes } = self.query.as_ref()?;
        let made = self.analysis.made(*index);
        let column = made.get(column)?;
        if let Some((from, name)) = &column.origin {
            return Some(format!("= {}.{}", self.analysis.index.nodes[*from].unique_id, name.to_lowercase()));
        }
        let place = column.place.filter(|place| place.file == file.id)?;
        let scopes = scopes.get_or_init(|| Scopes::of_node(self.analysis, file, *index));
        let named = |item: &Item| item.name.as_ref().is_some_and(|(_, at)| *at == place.range);
        let (select, item) = scopes.query.selects.iter().enumerate().find_map(|(at, select)| Some((at, select.items.iter().position(named)?)))?;
        let mut behind = Behind { scopes, text: &file.text, seen: FxHashSet::default(), code: Vec::new(), is_whole: true };
        behind.item(select, item);
        behind.is_whole.then(|| behind.code.join("\n"))
    }
}

/// The code of a query that has a part in a column: the expression that makes it, those of the columns of CTEs and subqueries that it
/// is made of, and what stands behind the list of each of their selects.
struct Behind<'a> {
    scopes: &'a Scopes<'a>,
    text: &'a str,
    /// Items by their select and place, and columns that come through a `*`.
    seen: FxHashSet<(usize, usize, Option<String>)>,
    code: Vec<String>,
    /// Whether the names in it are all seen: Jinja may make others.
    is_whole: bool,
}

impl Behind<'_> {
    fn item(&mut self, at: usize, number: usize) {
        if !self.seen.insert((at, number, None)) {
            return;
        }
        let select = &self.scopes.query.selects[at];
        let item = &select.items[number];
        self.is_whole &= !item.range.of(self.text).contains("{{");
        self.code.push(essence(item.range.of(self.text)));
        self.reads(select);
        for used in select.names.iter().filter(|used| item.range.contains_range(used.range)) {
            match self.scopes.meaning(at, used.qualifier.as_ref().map(|(name, _)| name.as_str()), &used.name) {
                Some(Meaning::Column { source, .. }) => self.column(&source, &used.name),
                Some(Meaning::Item { select, item }) => self.item(select, item),
                None => {}
            }
        }
    }

    /// What stands behind the list of a select.
    fn reads(&mut self, select: &Select) {
        let last = select.items.last().map_or(select.range.end, |last| last.range.end);
        let reads = TextRange { start: last, end: select.range.end.max(last) };
        self.code.push(essence(reads.of(self.text)));
    }

    /// A column of something that a select reads; what another node makes is that node's.
    fn column(&mut self, source: &Source, name: &str) {
        let branches = match source {
            Source::Cte(at) => self.scopes.query.ctes[*at].branches.clone(),
            Source::Query(branches) => branches.clone(),
            Source::Node(_) | Source::Unknown => return,
        };
        for at in branches {
            let select = &self.scopes.query.selects[at];
            if let Some(number) = select.items.iter().position(|item| item.name.as_ref().is_some_and(|(called, _)| called.eq_ignore_ascii_case(name))) {
                self.item(at, number);
                continue;
            }
            for (number, item) in select.items.iter().enumerate() {
                let Expression::Star { qualifier, .. } = &item.expression else { continue };
                if !self.seen.insert((at, number, Some(name.to_lowercase()))) {
                    continue;
                }
                self.reads(select);
                let sources: Vec<Source> = self.scopes.relations_of(select, qualifier.as_deref()).map(|relation| self.scopes.source(relation)).collect();
                sources.iter().for_each(|source| self.column(source, name));
            }
        }
    }
}

/// The first 16 bytes of a text's SHA-256, in hexadecimal.
fn mark(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::analysis_with;
    use expect_test::{Expect, expect};
    use testkit::Fixture;

    const SQL: &str = "select id, sum(amount) as total from {{ ref('s') }} where ok group by 1";
    const YAML: &str = "models:\n  - name: a\n    description: Totals.\n    columns:\n      - {name: id, description: The key.}\n      - {name: total, description: All of it.}\n";

    /// What is told once `SQL` has become another text, of drafts that were written for it.
    fn check(drafts: &[(Option<&str>, &str, DraftState)], sql: &str, expected: Expect) {
        let text = |sql: &str| format!("-- file: seeds/s.csv\nid,amount,ok\n-- file: models/a.sql\n{sql}\n-- file: models/m.yml\n{YAML}");
        let before = analysis_with(&Fixture::parse(&text(SQL)), |_| ());
        let made: Drafts = drafts
            .iter()
            .map(|(column, text, state)| {
                let target = DescribeTarget { unique_id: "model.shop.a".to_owned(), column: column.map(str::to_owned) };
                let described = before.described(&target).expect("code makes it");
                Draft { kind: DraftKind::Description, target, text: (*text).to_owned(), origin: "model m".to_owned(), state: *state, described, replaced: None }
            })
            .collect();
        let analysis = analysis_with(&Fixture::parse(&text(sql)), |host| host.set_drafts(made));
        let file = analysis.files.values().find(|file| file.relative.ends_with("m.yml")).expect("the properties");
        let told = analysis.diagnostics(file).into_iter().filter(|found| found.code.ends_with("description"));
        let lines: Vec<String> = told.map(|found| format!("{} [{}] {}", found.code, found.place.range.of(&file.text), found.message)).collect();
        expected.assert_eq(&lines.join("\n"));
    }

    const ALL: [(Option<&str>, &str, DraftState); 3] =
        [(None, "Totals.", DraftState::Accepted), (Some("ID"), "The key.", DraftState::Draft), (Some("total"), "All of it.", DraftState::Accepted)];

    #[test]
    fn what_was_accepted_is_told_once_its_code_changes() {
        check(
            &ALL,
            "-- laid out anew\nSELECT id, SUM(amount) AS total\nFROM {{ ref('s') }} WHERE ok GROUP BY 1",
            expect![[r#"draft-description [The key.] nobody has read this description of column `id` of `a` yet (model m); accept or reject it"#]],
        );
        check(
            &ALL,
            "select id, sum(amount) as total, 1 as one from {{ ref('s') }} where ok group by 1",
            expect![[r#"
                stale-description [Totals.] the SQL of `a` has changed since this was written (model m); read it again, and accept or write it anew
                draft-description [The key.] nobody has read this description of column `id` of `a` yet (model m); accept or reject it"#]],
        );
        check(
            &ALL[1..],
            "select id, sum(amount) as total from {{ ref('s') }} group by 1",
            expect![[r#"
                draft-description [The key.] nobody has read this description of column `id` of `a` yet (model m); accept or reject it
                stale-description [All of it.] the SQL of column `total` of `a` has changed since this was written (model m); read it again, and accept or write it anew"#]],
        );
    }

    #[test]
    fn only_what_has_a_part_in_a_column_changes_it() {
        let sql = |net: &str, other: &str, from: &str| {
            format!(
                "with o as (select id, sum(amount) as gross, {other} as other from {{{{ ref('s') }}}} group by 1),\nm as (select o.*, {net} as net from o {from}),\nlast as (select * from m)\nselect id, coalesce(net, 0) as net, other from last"
            )
        };
        let described = |sql: &str, column: &str| {
            let analysis = analysis_with(&Fixture::parse(&format!("-- file: seeds/s.csv\nid,amount,ok\n-- file: models/a.sql\n{sql}\n")), |_| ());
            analysis.described(&DescribeTarget { unique_id: "model.shop.a".to_owned(), column: Some(column.to_owned()) })
        };
        let before = sql("gross - 1", "max(ok)", "");
        for (after, net, other) in [
            (sql("gross - 1", "min(ok)", ""), false, true),
            (sql("gross - 2", "max(ok)", ""), true, false),
            (sql("gross - 1", "max(ok)", "where id > 1"), true, true),
            (before.replace("sum(amount)", "sum(id)"), true, false),
            (before.replace("select * from m", "select * -- all\n from m"), false, false),
        ] {
            assert_eq!(described(&before, "net") != described(&after, "net"), net, "{after}");
            assert_eq!(described(&before, "other") != described(&after, "other"), other, "{after}");
        }
    }

    #[test]
    fn what_somebody_rewrote_is_theirs() {
        check(&[(Some("id"), "Another text.", DraftState::Draft), (Some("total"), "All of it.", DraftState::Rejected)], "select 1 as id", expect![""]);
    }
}
