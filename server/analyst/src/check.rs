//! Names in an answer, checked against the project before anybody sees them.

use dbt::{NodeIndex, ResourceType};
use ide::Analysis;
use rustc_hash::FxHashSet;

/// Everything that an answer may name without being wrong.
pub struct Names {
    known: FxHashSet<String>,
}

/// What is said of a name that the project doesn't have.
const MARK: &str = " *(not in this project)*";

impl Names {
    /// The project's own names, and every word of what the model was given.
    pub fn new(analysis: &Analysis, given: &[&str]) -> Self {
        let index = &analysis.index;
        let mut known = FxHashSet::default();
        let mut add = |name: &str| {
            known.insert(name.to_lowercase());
        };
        for node in index.nodes.iter().chain(index.disabled.iter().map(|node| &**node)) {
            add(&node.name);
            add(&node.label());
            node.source_name.iter().for_each(|name| add(name));
            node.columns.keys().for_each(|name| add(name));
            node.config.tags.iter().for_each(|tag| add(tag));
        }
        index.macros.iter().for_each(|found| add(&found.name));
        index.docs.iter().for_each(|docs| add(&docs.name));
        index.packages.iter().for_each(|name| add(name));
        analysis.config.vars.keys().for_each(|name| add(name));
        for text in given {
            words(text).for_each(&mut add);
        }
        Self { known }
    }

    /// Whether a word is no name at all, or a name that exists: `a_b`, `a_b.c_d`, `source.table`.
    fn holds(&self, word: &str, is_quoted: bool) -> bool {
        let word = word.trim_matches('.').to_lowercase();
        // In backticks `orders2` is a name that is nearly one of ours; `int64` and `md5` are none.
        let numbered = is_quoted && word.ends_with(|c: char| c.is_ascii_digit()) && self.known.contains(word.trim_end_matches(|c: char| c.is_ascii_digit()));
        if !(word.contains('_') || numbered) || self.known.contains(&word) {
            return true;
        }
        // A unique id or a qualified column is known by its parts.
        word.contains('.') && word.split('.').filter(|part| part.contains('_')).all(|part| self.known.contains(part))
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '.'
}

/// Passes text on as it streams, a word at a time; a name that doesn't exist is marked as such. Inside of fenced code nothing is
/// changed, and unknown names are only remembered.
pub struct Checker<'a> {
    names: &'a Names,
    held: String,
    in_code: bool,
    /// The text that was passed on.
    pub shown: String,
    /// Names that don't exist, each once.
    pub unknown: Vec<String>,
    in_code_only: Vec<String>,
    /// The two words before, the nearer one last.
    last_words: [String; 2],
}

impl<'a> Checker<'a> {
    pub fn new(names: &'a Names) -> Self {
        Self { names, held: String::new(), in_code: false, shown: String::new(), unknown: Vec::new(), in_code_only: Vec::new(), last_words: Default::default() }
    }

    /// Takes a piece of text; returns what may be shown now.
    pub fn push(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        // Up to the last character that ends a word; a word, and a run of backticks, may still grow.
        let cut = self.held.char_indices().rev().find(|&(_, c)| c.is_whitespace()).map_or(0, |(at, c)| at + c.len_utf8());
        let ready: String = self.held.drain(..cut).collect();
        self.pass(&ready)
    }

    /// The end of the text. Names that only stand in code, which is not changed, are told below it.
    pub fn finish(&mut self) -> String {
        let rest = std::mem::take(&mut self.held);
        let mut out = self.pass(&rest);
        // A common table expression is its query's own.
        let lower = self.shown.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
        self.in_code_only.retain(|name| {
            !["as (", "as materialized (", "as not materialized ("].iter().any(|tail| lower.contains(&format!("{} {tail}", name.to_lowercase())))
        });
        if !self.in_code_only.is_empty() {
            let names: Vec<String> = self.in_code_only.iter().map(|name| format!("`{name}`")).collect();
            let note = format!("\n\n*Not in this project: {}*", names.join(", "));
            self.shown.push_str(&note);
            out.push_str(&note);
        }
        out
    }

    /// Whether the words before say that a table's name comes: `from x`, `join x`, `ref('x')`, `source('a', 'x')`. In
    /// `extract(year from x)` it is a column's.
    fn names_a_table(&self) -> bool {
        const PARTS: [&str; 11] = ["year", "quarter", "month", "week", "day", "hour", "minute", "second", "epoch", "dow", "doy"];
        let [before, last] = &self.last_words;
        match last.as_str() {
            "from" => !PARTS.contains(&before.as_str()),
            "join" | "ref" => true,
            _ => before == "source",
        }
    }

    fn pass(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            if rest.starts_with("```") {
                self.in_code = !self.in_code;
                out.push_str("```");
                rest = &rest[3..];
                continue;
            }
            let end = rest.find(|c: char| !is_name_char(c)).unwrap_or(rest.len());
            if end == 0 {
                let c = rest.chars().next().map_or(1, char::len_utf8);
                out.push_str(&rest[..c]);
                rest = &rest[c..];
                continue;
            }
            let word = &rest[..end];
            let is_quoted = out.ends_with('`');
            out.push_str(word);
            let last_word = word.to_lowercase();
            rest = &rest[end..];
            if !self.names.holds(word, is_quoted) {
                let name = word.trim_matches('.').to_owned();
                if !self.in_code {
                    // The mark goes behind the closing backtick.
                    if let Some(behind) = rest.strip_prefix('`') {
                        out.push('`');
                        rest = behind;
                    }
                    out.push_str(MARK);
                }
                if !self.unknown.contains(&name) {
                    // Of a query only its tables have to exist; it names its own columns.
                    if self.in_code && self.names_a_table() {
                        self.in_code_only.push(name.clone());
                    }
                    self.unknown.push(name);
                }
            }
            self.last_words = [std::mem::take(&mut self.last_words[1]), last_word];
        }
        self.shown.push_str(&out);
        out
    }
}

/// The nodes that a text names, in the order of their first mention, with a column where one is named with it.
pub fn named(analysis: &Analysis, text: &str) -> Vec<(NodeIndex, Option<String>)> {
    let mut found: Vec<(NodeIndex, Option<String>)> = Vec::new();
    for word in text.split(|c: char| !is_name_char(c)).map(|word| word.trim_matches('.')).filter(|word| word.len() > 2) {
        let bare_word = !word.contains(['_', '.']);
        let quoted = text.contains(&format!("`{word}`"));
        if bare_word && !quoted {
            continue;
        }
        let mut column = None;
        let mut nodes = analysis.index.find(word);
        if nodes.is_empty()
            && let Some((owner, name)) = word.rsplit_once('.')
        {
            nodes = analysis.index.find(owner);
            column = nodes.first().and_then(|&index| analysis.index.nodes[index].column(name)).map(|column| column.name.to_string());
        }
        let citable = |index: &&NodeIndex| {
            !matches!(
                analysis.index.nodes[**index].resource_type,
                ResourceType::Test | ResourceType::UnitTest | ResourceType::Group | ResourceType::SemanticModel
            )
        };
        let Some(&index) = nodes.iter().find(citable) else { continue };
        if !found.iter().any(|(known, known_column)| *known == index && *known_column == column) {
            found.push((index, column));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::tests::shop;

    #[test]
    fn a_name_that_does_not_exist_is_marked_however_it_streams() {
        let analysis = shop();
        let names = Names::new(&analysis, &["data with special_word"]);
        let text = "Use `fct_orders` and `fct_ordrs`, never stg_nowhere. See fct_orders.order_id, special_word and raw_shop.refunds.\n```sql\nselect made_up_column from made_up_name\n```";
        for size in [1, 3, 1000] {
            let mut checker = Checker::new(&names);
            let mut shown = String::new();
            let pieces: Vec<char> = text.chars().collect();
            for piece in pieces.chunks(size) {
                shown.push_str(&checker.push(&piece.iter().collect::<String>()));
            }
            shown.push_str(&checker.finish());
            assert_eq!(
                shown,
                "Use `fct_orders` and `fct_ordrs` *(not in this project)*, never stg_nowhere. *(not in this project)* See fct_orders.order_id, special_word and raw_shop.refunds.\n```sql\nselect made_up_column from made_up_name\n```\n\n*Not in this project: `made_up_name`*"
            );
            assert_eq!(checker.unknown, ["fct_ordrs", "stg_nowhere", "made_up_column", "made_up_name"]);
        }
    }

    #[test]
    fn tables_of_a_query_have_to_exist_and_nothing_else_of_it() {
        let analysis = shop();
        let names = Names::new(&analysis, &[]);
        let mut checker = Checker::new(&names);
        let text = "`int64` `md5` `fct_orders2`\n```sql\nwith my_cte as (\nselect extract(year from order_day) as order_year from {{ ref('made_up_model') }} join {{ source('raw_shop', 'made_table') }} join fct_orders)\nselect a_b from my_cte\n```";
        let shown = checker.push(text) + &checker.finish();
        assert!(shown.starts_with("`int64` `md5` `fct_orders2` *(not in this project)*"), "{shown}");
        assert!(shown.ends_with("*Not in this project: `made_up_model`, `made_table`*"), "{shown}");
    }

    #[test]
    fn citations_are_what_is_named() {
        let analysis = shop();
        let found = named(&analysis, "`fct_orders` joins raw_shop.refunds; dim_customers.customer_id is the key of fct_orders. orders");
        let labels: Vec<String> = found.into_iter().map(|(index, column)| format!("{} {column:?}", analysis.index.nodes[index].label())).collect();
        assert_eq!(labels, ["fct_orders None", "raw_shop.refunds None", "dim_customers Some(\"customer_id\")"]);
    }
}
