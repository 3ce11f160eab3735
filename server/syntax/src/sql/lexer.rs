//! SQL's words, read from a text whose Jinja is masked: places are those of the file.

use crate::jinja::{self, TagKind};
use text::TextRange;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A bare identifier or keyword.
    Word,
    /// `"x"` or `` `x` ``.
    Quoted,
    Text,
    Number,
    /// Something that Jinja makes: `{{ … }}`, or a name with such a part.
    Hole,
    /// One byte of punctuation; `::` is two of them.
    Sign(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: TokenKind,
    pub range: TextRange,
}

/// A text cut into words, comments left out.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    pub list: Vec<Token>,
    /// The bodies of `{% for %}`: what stands there may come many times or not at all.
    pub loops: Vec<TextRange>,
}

/// Cuts a text; of the branches of an `if` the first counts.
pub(super) fn tokens(source: &str) -> Tokens {
    let masked = jinja::mask(source);
    let tags = jinja::scan(source);
    let holes: Vec<TextRange> = tags.iter().filter(|tag| tag.kind == TagKind::Expression).map(|tag| tag.outer).collect();
    let mut open = Vec::new();
    let mut loops = Vec::new();
    for tag in &tags {
        match tag.word(source) {
            "for" => open.push(tag.outer.end),
            "endfor" => loops.extend(open.pop().map(|from| TextRange { start: from, end: tag.outer.start })),
            _ => {}
        }
    }
    Tokens { list: cut(&masked, &holes), loops }
}

fn cut(text: &str, holes: &[TextRange]) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut list = Vec::new();
    let (mut at, mut hole) = (0, 0);
    while at < bytes.len() {
        let start = at;
        while holes.get(hole).is_some_and(|range| range.end as usize <= at) {
            hole += 1;
        }
        let touches_hole = |from: usize, to: usize| holes[hole..].iter().take_while(|range| (range.start as usize) < to).any(|range| range.end as usize > from);
        let kind = match bytes[at] {
            byte if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'-' | b'#' | b'/' if comment_end(bytes, at).is_some() => {
                at = comment_end(bytes, at).unwrap_or(bytes.len());
                continue;
            }
            b'\'' => {
                at = closing(bytes, at, b'\'');
                TokenKind::Text
            }
            quote @ (b'"' | b'`') => {
                at = closing(bytes, at, quote);
                if touches_hole(start, at) { TokenKind::Hole } else { TokenKind::Quoted }
            }
            byte if is_word(byte) => {
                at = (at..bytes.len()).find(|&next| !is_word(bytes[next])).unwrap_or(bytes.len());
                if touches_hole(start, at) {
                    TokenKind::Hole
                } else if byte.is_ascii_digit() {
                    TokenKind::Number
                } else {
                    TokenKind::Word
                }
            }
            byte => {
                at += 1;
                TokenKind::Sign(byte)
            }
        };
        list.push(Token { kind, range: TextRange::new(start, at) });
    }
    list
}

/// A word of SQL that is what it is by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainToken {
    Keyword,
    /// A name before a parenthesis.
    Function,
    Number,
}

/// The keywords, functions and numbers of a text, Jinja left out.
pub fn plain_tokens(source: &str) -> Vec<(TextRange, PlainToken)> {
    let list = tokens(source).list;
    let behind = |at: usize| list.get(at + 1).map(|next| next.kind);
    let before = |at: usize| at.checked_sub(1).map(|before| list[before].kind);
    let told = list.iter().enumerate().filter_map(|(at, token)| {
        let kind = match token.kind {
            TokenKind::Number => PlainToken::Number,
            TokenKind::Word if before(at) != Some(TokenKind::Sign(b'.')) && is_keyword(token.range.of(source)) => PlainToken::Keyword,
            TokenKind::Word if behind(at) == Some(TokenKind::Sign(b'(')) => PlainToken::Function,
            _ => return None,
        };
        Some((token.range, kind))
    });
    told.collect()
}

/// The comments of a text, SQL's and Jinja's, in its order.
pub fn comments(source: &str) -> Vec<TextRange> {
    let mut bytes = source.as_bytes().to_vec();
    let tags = jinja::scan(source);
    for tag in &tags {
        bytes[tag.outer.start as usize..tag.outer.end as usize].fill(b' ');
    }
    let mut found: Vec<TextRange> = tags.iter().filter(|tag| tag.kind == TagKind::Comment).map(|tag| tag.outer).collect();
    let mut at = 0;
    while at < bytes.len() {
        match comment_end(&bytes, at) {
            Some(end) => {
                found.push(TextRange::new(at, end));
                at = end;
            }
            None if matches!(bytes[at], b'\'' | b'"' | b'`') => at = closing(&bytes, at, bytes[at]),
            None => at += 1,
        }
    }
    found.sort_unstable();
    found
}

/// The end of the comment that begins at an offset, if one does.
fn comment_end(bytes: &[u8], at: usize) -> Option<usize> {
    let next = bytes.get(at + 1);
    let line_end = || bytes[at..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |end| at + end);
    match bytes[at] {
        b'-' if next == Some(&b'-') => Some(line_end()),
        // BigQuery and MySQL have such comments; elsewhere it is an operator, or begins a name.
        b'#' if next.is_none_or(|next| next.is_ascii_whitespace() || *next == b'#') => Some(line_end()),
        b'/' if next == Some(&b'*') => {
            let end = bytes[at + 2..].windows(2).position(|pair| pair == b"*/");
            Some(end.map_or(bytes.len(), |end| at + end + 4))
        }
        _ => None,
    }
}

/// Every name and keyword of a text outside of tags, comments and strings: those of all branches and of blocks' bodies, too.
pub fn words(source: &str) -> Vec<TextRange> {
    let mut bytes = source.as_bytes().to_vec();
    let tags = jinja::scan(source);
    for tag in &tags {
        let sign = if tag.kind == TagKind::Expression { b'j' } else { b' ' };
        bytes[tag.outer.start as usize..tag.outer.end as usize].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = sign);
    }
    let holes: Vec<TextRange> = tags.iter().filter(|tag| tag.kind == TagKind::Expression).map(|tag| tag.outer).collect();
    let text = String::from_utf8(bytes).unwrap_or_default();
    let is_name = |token: &Token| matches!(token.kind, TokenKind::Word | TokenKind::Quoted);
    cut(&text, &holes).into_iter().filter(is_name).map(|token| token.range).collect()
}

/// The offset behind the quote that closes the one at `start`; a doubled one closes nothing, and a line of its own stays open.
fn closing(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == b'\'' => at += 2,
            byte if byte == quote && bytes.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    // Nothing closes it: only its line is in it, so that one quote doesn't hide the rest.
    bytes[start..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |end| start + end).max(start + 1)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

/// Whether a word is one of SQL's that names no column, table or alias.
pub fn is_keyword(word: &str) -> bool {
    const WORDS: &[&str] = &[
        "all",
        "and",
        "any",
        "array",
        "as",
        "asc",
        "asof",
        "between",
        "by",
        "case",
        "cast",
        "collate",
        "cross",
        "cube",
        "current_date",
        "current_time",
        "current_timestamp",
        "desc",
        "distinct",
        "else",
        "end",
        "escape",
        "except",
        "exclude",
        "exists",
        "false",
        "fetch",
        "filter",
        "following",
        "for",
        "from",
        "full",
        "group",
        "grouping",
        "having",
        "ignore",
        "ilike",
        "in",
        "inner",
        "intersect",
        "interval",
        "into",
        "is",
        "join",
        "lateral",
        "left",
        "like",
        "limit",
        "match_recognize",
        "materialized",
        "minus",
        "natural",
        "not",
        "null",
        "nulls",
        "offset",
        "on",
        "or",
        "order",
        "outer",
        "over",
        "partition",
        "pivot",
        "preceding",
        "qualify",
        "range",
        "recursive",
        "replace",
        "respect",
        "right",
        "rlike",
        "rollup",
        "rows",
        "select",
        "sets",
        "similar",
        "struct",
        "tablesample",
        "then",
        "true",
        "unbounded",
        "union",
        "unnest",
        "unpivot",
        "using",
        "when",
        "where",
        "window",
        "with",
        "within",
    ];
    let mut lower = [0u8; 16];
    let Some(lower) = lower.get_mut(..word.len()) else { return false };
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    WORDS.binary_search_by(|known| known.as_bytes().cmp(lower)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_their_places() {
        let source = "select a.\"b c\", 'it''s' -- no\n, {{ x }}_y, f(1.5)::int /* no */ from {{ ref('é') }} {% if a %}q{% else %}r{% endif %}";
        let shown: Vec<String> = tokens(source).list.iter().map(|token| format!("{:?} {}", token.kind, token.range.of(source))).collect();
        expect_test::expect![[r#"
            Word select
            Word a
            Sign(46) .
            Quoted "b c"
            Sign(44) ,
            Text 'it''s'
            Sign(44) ,
            Hole {{ x }}_y
            Sign(44) ,
            Word f
            Sign(40) (
            Number 1
            Sign(46) .
            Number 5
            Sign(41) )
            Sign(58) :
            Sign(58) :
            Word int
            Word from
            Hole {{ ref('é') }}
            Word q"#]]
        .assert_eq(&shown.join("\n"));
    }

    #[test]
    fn keywords_are_in_order() {
        for word in ["all", "Within", "FROM", "qualify"] {
            assert!(is_keyword(word), "{word}");
        }
        for word in ["orders", "date", "a_very_long_name_of_a_column", ""] {
            assert!(!is_keyword(word), "{word}");
        }
    }
}
