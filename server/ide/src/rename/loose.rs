//! Words that may be a name and whose meaning the text doesn't show: in strings of tags, in the bodies of blocks, before a part that Jinja makes.

use crate::columns::Scopes;
use crate::{Analysis, File, Thing};
use dbt::Target;
use syntax::{jinja, sql};
use text::TextRange;

/// Such a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Loose {
    pub range: TextRange,
    /// Whether it stands inside of a tag.
    pub is_in_tag: bool,
    /// Whether a dot follows, as behind a table's name.
    pub qualifies: bool,
    /// Whether `from` or `join` stands before it.
    pub is_read: bool,
    /// Whether it is a type or a function: behind `as` or `::`, before a parenthesis.
    pub is_other: bool,
}

/// The words of a file that are a name, in whatever case, and that none of `known` covers.
pub(super) fn words(file: &File, name: &str, known: &[TextRange]) -> Vec<Loose> {
    let text = &*file.text;
    let is_known = |range: TextRange| known.iter().any(|known| known.meets(range));
    let follows = |range: TextRange| text[range.end as usize..].chars().next();
    let mut found = Vec::new();
    let mut before = "";
    for range in sql::words(text) {
        let word = range.of(text);
        let bare = crate::thing::inner(text, range);
        if bare.of(text).eq_ignore_ascii_case(name) && !is_known(bare) {
            let next = text[range.end as usize..].trim_start().chars().next();
            let is_type = before.eq_ignore_ascii_case("as") || text[..range.start as usize].trim_end().ends_with(':');
            found.push(Loose {
                range: bare,
                is_in_tag: false,
                qualifies: follows(range) == Some('.'),
                is_read: ["from", "join"].iter().any(|word| before.eq_ignore_ascii_case(word)),
                is_other: next == Some('(') || is_type,
            });
        }
        before = word;
    }
    let names_nodes =
        |string: &TextRange| file.facts.uses.iter().any(|used| !matches!(used.target, Target::Macro { .. }) && used.range.contains_range(*string));
    for string in jinja::names(text).strings.into_iter().filter(|string| !names_nodes(string)) {
        for range in words_in(text, string, name).into_iter().filter(|range| !is_known(*range)) {
            found.push(Loose { range, is_in_tag: true, qualifies: follows(range) == Some('.'), is_read: false, is_other: false });
        }
    }
    found.sort_by_key(|loose| loose.range);
    found
}

/// Where a word stands in a part of a text, if it stands there once.
pub(crate) fn only_word(text: &str, part: TextRange, name: &str) -> Option<TextRange> {
    match words_in(text, part, name).as_slice() {
        [only] => Some(*only),
        _ => None,
    }
}

/// Where a word stands in a part of a text, in whatever case.
pub(super) fn words_in(text: &str, part: TextRange, name: &str) -> Vec<TextRange> {
    let is_word = |c: Option<char>| c.is_some_and(crate::thing::is_word);
    let mut found = Vec::new();
    let inside = part.of(text);
    for (at, _) in inside.char_indices() {
        let is_name = inside.get(at..at + name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name));
        if is_name && !is_word(inside[..at].chars().next_back()) && !is_word(inside[at + name.len()..].chars().next()) {
            found.push(TextRange::new(part.start as usize + at, part.start as usize + at + name.len()));
        }
    }
    found
}

impl Analysis {
    /// The places of a CTE's or an alias's name that only its spelling shows: `'orders.id'` in a macro's argument, `orders.{{ x }}`. As the
    /// error the first one, where the file has several things of that name.
    pub(super) fn loose_mentions(&self, file: &File, thing: &Thing, name: &str) -> Result<Vec<TextRange>, TextRange> {
        let scopes = Scopes::new(self, file);
        let things = self.things_of_sql(&scopes, file, None);
        let known: Vec<TextRange> = things.iter().map(|(_, range, _)| *range).collect();
        let loose = words(file, name, &known).into_iter().filter(|loose| loose.qualifies || (loose.is_read && matches!(thing, Thing::Cte(_))));
        let loose: Vec<TextRange> = loose.map(|loose| loose.range).collect();
        let defined = things.iter().filter(|(other, range, defines)| {
            let is_table = matches!(other, Thing::Cte(_) | Thing::Alias(_)) && *defines || matches!(other, Thing::Node(_));
            is_table && range.of(&file.text).eq_ignore_ascii_case(name)
        });
        match loose.first() {
            Some(first) if defined.count() > 1 => Err(*first),
            _ => Ok(loose),
        }
    }
}
