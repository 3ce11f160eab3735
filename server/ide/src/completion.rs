//! Completion. It reads the text around the cursor: quotes, braces and parentheses that are there are not written again.

mod call;
mod rank;
mod sql;
mod tag;
mod yaml;

use crate::thing::{word_before, word_behind};
use crate::{Analysis, File};
use dbt::{FileKind, Node, ResourceType};
use rank::Rank;
use text::{Edit, TextRange};
use vfs::FileId;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CompletionKind {
    Model,
    Seed,
    Snapshot,
    Source,
    Docs,
    Var,
    Package,
    Macro,
    Column,
    Cte,
    Keyword,
    Function,
    Property,
    Value,
    Node,
}

/// Where the text beside an offer comes from, when somebody looks at it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CompletionDoc {
    /// The card of a node.
    Node(String),
    /// Of a node's column.
    Column(String, String),
    /// Of a macro.
    Macro(String),
    /// Of a docs block.
    Docs(String),
    /// The text itself, Markdown.
    Text(String),
}

/// One thing to offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    pub label: String,
    pub kind: CompletionKind,
    /// Short, behind the label.
    pub detail: String,
    pub doc: Option<CompletionDoc>,
    pub edit: Edit,
    /// What a client that takes snippets inserts instead, with `$0` and `${1:…}`.
    pub snippet: Option<String>,
    /// Offers sort by this text.
    pub sort: String,
}

/// What can stand at a place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Completions {
    pub offers: Vec<Completion>,
    /// Whether there are more, of which some may fit when more is typed.
    pub is_cut: bool,
}

/// More offers are no help, and take time to send.
const MAX_OFFERS: usize = 120;

/// Collects what fits what was typed.
pub(crate) struct Offers<'a> {
    /// What is replaced.
    replace: TextRange,
    /// What was typed so far.
    typed: &'a str,
    list: Vec<(u32, Completion)>,
    is_cut: bool,
}

impl<'a> Offers<'a> {
    fn new(replace: TextRange, typed: &'a str) -> Self {
        Self { replace, typed, list: Vec::new(), is_cut: false }
    }

    /// Adds an offer that inserts `text`, if its label fits; the smaller rank comes first.
    fn add(&mut self, rank: u32, label: &str, kind: CompletionKind, detail: impl Into<String>, doc: Option<CompletionDoc>, text: impl Into<String>) {
        self.add_snippet(rank, label, kind, detail, doc, text, None);
    }

    /// Adds an offer of a node, by its label.
    fn add_node(&mut self, rank: u32, node: &Node, detail: impl Into<String>, text: impl Into<String>) {
        let doc = CompletionDoc::Node(node.unique_id.to_string());
        self.add(rank, &node.label(), kind_of(node.resource_type), detail, Some(doc), text);
    }

    /// Adds an offer of a node, by its plain name: a table without its source, a model without its version.
    fn add_named(&mut self, rank: u32, node: &Node, detail: impl Into<String>, text: impl Into<String>) {
        let doc = CompletionDoc::Node(node.unique_id.to_string());
        self.add(rank, &node.name, kind_of(node.resource_type), detail, Some(doc), text);
    }

    #[allow(clippy::too_many_arguments, reason = "they are the fields of an offer")]
    fn add_snippet(
        &mut self,
        rank: u32,
        label: &str,
        kind: CompletionKind,
        detail: impl Into<String>,
        doc: Option<CompletionDoc>,
        text: impl Into<String>,
        snippet: Option<String>,
    ) {
        let Some(badness) = fits(self.typed, label) else { return };
        let edit = Edit::replace(self.replace, text);
        let offer = Completion { label: label.to_owned(), kind, detail: detail.into(), doc, edit, snippet, sort: String::new() };
        self.list.push((badness * 1000 + rank.min(999), offer));
    }

    /// Of many things those whose labels fit best, with their ranks, so that only these are told in full.
    fn shortlist<'n, T>(&mut self, all: impl Iterator<Item = (&'n str, T)>, rank: impl Fn(&T) -> u32) -> Vec<(u32, T)> {
        let fitting = all.filter_map(|(label, one)| fits(self.typed, label).map(|badness| (badness, label, one)));
        let ranked = fitting.map(|(badness, label, one)| (badness, label, rank(&one), one));
        let mut found: Vec<((u32, &str), u32, T)> = ranked.map(|(badness, label, rank, one)| ((badness * 1000 + rank.min(999), label), rank, one)).collect();
        if found.len() > MAX_OFFERS {
            self.is_cut = true;
            found.select_nth_unstable_by(MAX_OFFERS, |(left, ..), (right, ..)| left.cmp(right));
            found.truncate(MAX_OFFERS);
        }
        found.into_iter().map(|(_, rank, one)| (rank, one)).collect()
    }

    /// The few words that a key takes, in this order.
    fn words(&mut self, key: &str, words: &[&str]) {
        words.iter().enumerate().for_each(|(number, word)| self.add(number as u32, word, CompletionKind::Value, key, None, *word));
    }

    fn done(mut self) -> Completions {
        self.list.sort_by(|(left, one), (right, other)| (left, &one.label).cmp(&(right, &other.label)));
        self.list.dedup_by(|(_, next), (_, offer)| next.label == offer.label && next.kind == offer.kind);
        let is_cut = self.is_cut || self.list.len() > MAX_OFFERS;
        self.list.truncate(MAX_OFFERS);
        let offers = self.list.into_iter().enumerate().map(|(number, (_, offer))| Completion { sort: format!("{number:04}"), ..offer });
        Completions { offers: offers.collect(), is_cut }
    }
}

/// How badly a label fits what was typed: 0 where it begins with it, 1 where it holds it, 2 for letters apart; `None` where it doesn't.
fn fits(typed: &str, label: &str) -> Option<u32> {
    if typed.is_empty() {
        return Some(0);
    }
    let (typed, label) = (typed.as_bytes(), label.as_bytes());
    let same = |left: &u8, right: &u8| left.eq_ignore_ascii_case(right);
    if label.len() >= typed.len() && label[..typed.len()].eq_ignore_ascii_case(typed) {
        return Some(0);
    }
    if label.windows(typed.len()).any(|part| part.eq_ignore_ascii_case(typed)) {
        return Some(1);
    }
    let mut letters = label.iter();
    typed.iter().all(|wanted| letters.any(|letter| same(letter, wanted))).then_some(2)
}

impl Analysis {
    /// What can stand at a byte offset. `recent` are files that the person works on, the latest last: their nodes come first.
    pub fn completions(&self, file: &File, offset: usize, recent: &[FileId]) -> Completions {
        if !file.text.is_char_boundary(offset) {
            return Completions::default();
        }
        if tag::is_in_comment(&file.text, offset) {
            return Completions::default();
        }
        let rank = Rank::new(self, file, recent);
        let may_call = file.kind.is_sql() || matches!(file.kind, FileKind::Properties | FileKind::Project | FileKind::PythonModel);
        if may_call
            && let Some(context) = call::context(&file.text, offset)
            && let Some(found) = self.complete_call(file, &context, &rank)
        {
            return found;
        }
        match file.kind {
            kind if kind.is_sql() => match tag::tag_at(&file.text, offset) {
                Some(tag) => self.complete_tag(file, tag, offset),
                // A tag begins here, and no name of SQL does.
                None if file.text[..offset].ends_with('{') => Completions::default(),
                None => self.complete_sql(file, offset, &rank),
            },
            FileKind::Properties | FileKind::Project => match tag::tag_at(&file.text, offset) {
                Some(tag) => self.complete_tag(file, tag, offset),
                None => self.complete_yaml(file, offset, &rank),
            },
            FileKind::Docs => tag::tag_at(&file.text, offset).map(|tag| self.complete_docs_tag(file, tag, offset)).unwrap_or_default(),
            _ => Completions::default(),
        }
    }

    /// The text beside an offer, Markdown.
    pub fn completion_doc(&self, doc: &CompletionDoc) -> Option<String> {
        match doc {
            CompletionDoc::Node(id) => self.index.node(id).map(|index| self.node_card(index)),
            CompletionDoc::Column(id, column) => {
                let index = self.index.node(id)?;
                Some(self.card_of_column(index, column))
            }
            CompletionDoc::Macro(id) => self.index.macros.iter().find(|found| *found.unique_id == **id).map(crate::hover::macro_card),
            CompletionDoc::Docs(id) => self.index.docs.iter().find(|docs| *docs.unique_id == **id).map(|docs| docs.text.clone()),
            CompletionDoc::Text(text) => Some(text.clone()),
        }
    }
}

pub(crate) fn kind_of(kind: ResourceType) -> CompletionKind {
    match kind {
        ResourceType::Model => CompletionKind::Model,
        ResourceType::Seed => CompletionKind::Seed,
        ResourceType::Snapshot => CompletionKind::Snapshot,
        ResourceType::Source => CompletionKind::Source,
        _ => CompletionKind::Node,
    }
}

#[cfg(test)]
mod tests;
