//! Where the tags of a file are, found by one pass over its bytes that follows Jinja's lexer: strings and nested braces hide a
//! closing delimiter, `{% raw %}` hides everything.

use std::borrow::Cow;
use text::TextRange;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagKind {
    /// `{{ … }}`
    Expression,
    /// `{% … %}`
    Statement,
    /// `{# … #}`
    Comment,
}

/// One tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    pub kind: TagKind,
    /// With its delimiters.
    pub outer: TextRange,
    /// Between the delimiters and their whitespace marks (`-`, `+`).
    pub inner: TextRange,
    pub closed: bool,
}

impl Tag {
    /// The first word of a statement (`if`, `macro`, …); "" for other tags.
    pub fn word<'a>(&self, source: &'a str) -> &'a str {
        if self.kind != TagKind::Statement {
            return "";
        }
        let text = self.inner.of(source).trim_start();
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        &text[..end]
    }

    /// Whether a statement opens a block, which an `end…` of the same word closes.
    pub fn opens(&self, source: &str) -> bool {
        match self.word(source) {
            "if" | "for" | "macro" | "call" | "filter" | "block" | "raw" | "snapshot" | "docs" | "test" | "data_test" | "materialization" => true,
            "set" => !self.inner.of(source).contains('='),
            _ => false,
        }
    }

    /// What follows a statement's first word.
    pub fn after_word(&self, source: &str) -> TextRange {
        let text = self.inner.of(source);
        let lead = text.len() - text.trim_start().len() + self.word(source).len();
        let rest = &text[lead..];
        let start = self.inner.start as usize + lead + (rest.len() - rest.trim_start().len());
        TextRange::new(start, (self.inner.end as usize).max(start))
    }
}

/// The parts of a text of which one or another is taken: from an `if` that has an `else` or an `elif` to its `endif`.
pub fn alternatives(source: &str) -> Vec<TextRange> {
    // Scanning takes longer than a look.
    if !source.contains("else") && !source.contains("elif") {
        return Vec::new();
    }
    let (mut open, mut found) = (Vec::new(), Vec::new());
    for tag in scan(source) {
        match tag.word(source) {
            "if" => open.push((tag.outer.start, false)),
            "else" | "elif" => open.last_mut().into_iter().for_each(|(_, has_other)| *has_other = true),
            "endif" => found.extend(open.pop().filter(|(_, has_other)| *has_other).map(|(start, _)| TextRange { start, end: tag.outer.end })),
            _ => {}
        }
    }
    found
}

/// Finds the tags of a file in the order of the text. A tag that nothing closes ends with its line.
pub fn scan(source: &str) -> Vec<Tag> {
    let bytes = source.as_bytes();
    let mut tags = Vec::new();
    let mut at = 0;
    let mut failed = Failed::default();
    while let Some(found) = source[at..].find('{') {
        let start = at + found;
        let kind = match bytes.get(start + 1) {
            Some(b'{') => TagKind::Expression,
            Some(b'%') => TagKind::Statement,
            Some(b'#') => TagKind::Comment,
            _ => {
                at = start + 1;
                continue;
            }
        };
        let (end, closed) = match find_end(source, start + 2, kind, &mut failed) {
            Ok(end) => (end, true),
            Err(next) => (line_end(bytes, start).min(next), false),
        };
        let tag = tag(source, kind, start, end, closed);
        at = end;
        if tag.word(source) == "raw" {
            tags.push(tag);
            at = skip_raw(source, end);
            continue;
        }
        if tag.word(source) == "docs" {
            // Their body is Markdown, which may hold any brace.
            tags.push(tag);
            at = skip_to(source, end, "enddocs");
            continue;
        }
        tags.push(tag);
    }
    tags
}

fn tag(source: &str, kind: TagKind, start: usize, end: usize, closed: bool) -> Tag {
    let bytes = source.as_bytes();
    let mut inner_start = (start + 2).min(end);
    let mut inner_end = if closed { end - 2 } else { end };
    if inner_start < inner_end && matches!(bytes[inner_start], b'-' | b'+') {
        inner_start += 1;
    }
    if closed && inner_end > inner_start && matches!(bytes[inner_end - 1], b'-' | b'+') {
        inner_end -= 1;
    }
    Tag { kind, outer: TextRange::new(start, end), inner: TextRange::new(inner_start, inner_end), closed }
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |end| from + end)
}

/// Where searches failed: what is not found from one place is not found from a later one.
#[derive(Default)]
struct Failed {
    comment: Option<usize>,
    single: Option<usize>,
    double: Option<usize>,
}

/// Searches from `at`, unless that failed from there or before.
fn search(at: usize, failed: &mut Option<usize>, find: impl FnOnce() -> Option<usize>) -> Option<usize> {
    if failed.is_some_and(|from| at >= from) {
        return None;
    }
    let found = find();
    if found.is_none() {
        *failed = Some(at);
    }
    found
}

/// The offset after the closing delimiter of a tag whose content starts at `from`; as the error, where the next tag starts that
/// shows this one to be unclosed.
fn find_end(source: &str, from: usize, kind: TagKind, failed: &mut Failed) -> Result<usize, usize> {
    let bytes = source.as_bytes();
    if kind == TagKind::Comment {
        let end = search(from, &mut failed.comment, || source[from..].find("#}"));
        return end.map(|end| from + end + 2).ok_or(source.len());
    }
    let first = if kind == TagKind::Expression { b'}' } else { b'%' };
    let mut open: Vec<u8> = Vec::new();
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'\'' | b'"') => {
                let known = if quote == b'"' { &mut failed.double } else { &mut failed.single };
                // A quote that nothing closes hides nothing.
                at = search(at, known, || string_end(bytes, at, quote)).unwrap_or(at + 1);
            }
            // No expression holds these; a second tag starts here.
            b'{' if matches!(bytes.get(at + 1), Some(b'{' | b'%' | b'#')) => return Err(at),
            bracket @ (b'{' | b'[' | b'(') => {
                open.push(bracket);
                at += 1;
            }
            byte if byte == first && bytes.get(at + 1) == Some(&b'}') && (open.is_empty() || kind == TagKind::Statement) => return Ok(at + 2),
            // `}}` closes an expression even inside of `(` or `[`, where it can be nothing else.
            b'}' if first == b'}' && bytes.get(at + 1) == Some(&b'}') && !open.contains(&b'{') => return Ok(at + 2),
            b'}' | b']' | b')' => {
                open.pop();
                at += 1;
            }
            _ => at += 1,
        }
    }
    // With an open bracket in it nothing balanced was found; the first delimiter is the best guess.
    let delimiter = if kind == TagKind::Expression { "}}" } else { "%}" };
    let end = line_end(bytes, from);
    source[from..end].find(delimiter).map(|found| from + found + 2).ok_or(source.len())
}

fn string_end(bytes: &[u8], start: usize, quote: u8) -> Option<usize> {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

fn skip_raw(source: &str, from: usize) -> usize {
    skip_to(source, from, "endraw")
}

/// The start of the next `{% word %}`, or the end of the text.
fn skip_to(source: &str, from: usize, word: &str) -> usize {
    let mut at = from;
    while let Some(found) = source[at..].find("{%") {
        let start = at + found;
        let text = source[start + 2..].trim_start_matches(['-', '+']).trim_start();
        if text.starts_with(word) {
            return start;
        }
        at = start + 2;
    }
    source.len()
}

/// The same text as minijinja's parser can read it, byte for byte as long: dbt's own blocks as ones that every Jinja knows (of a test or
/// a materialization, which only define something, as a branch that is never taken), `{% do … %}` as an expression, of the several
/// keys of a subscript (`x[a, b]`) the first, and a number without the plus before it.
pub(super) fn neutralise<'a>(source: &'a str, tags: &[Tag]) -> Cow<'a, str> {
    let is_dbts = |word: &str| {
        matches!(
            word,
            "test"
                | "data_test"
                | "snapshot"
                | "materialization"
                | "docs"
                | "endtest"
                | "enddata_test"
                | "endsnapshot"
                | "endmaterialization"
                | "enddocs"
                | "do"
        )
    };
    let subscripts: Vec<TextRange> = tags.iter().filter(|tag| tag.kind != TagKind::Comment).flat_map(|tag| unreadable(source, tag.inner)).collect();
    if subscripts.is_empty() && !tags.iter().any(|tag| is_dbts(tag.word(source))) {
        return Cow::Borrowed(source);
    }
    let mut bytes = source.as_bytes().to_vec();
    for range in subscripts {
        blank(&mut bytes, range.start as usize, range.end as usize);
    }
    let mut docs_from = None;
    for tag in tags {
        let replacement = match tag.word(source) {
            "snapshot" => "if 1",
            "test" | "data_test" | "materialization" => "if 0",
            "do" if tag.closed => {
                let (start, end) = (tag.outer.start as usize, tag.outer.end as usize);
                let word = tag.inner.start as usize + tag.inner.of(source).find("do").unwrap_or(0);
                blank(&mut bytes, word, word + 2);
                bytes[start + 1] = b'{';
                bytes[end - 2] = b'}';
                continue;
            }
            "endtest" | "enddata_test" | "endsnapshot" | "endmaterialization" => "endif",
            "docs" => {
                docs_from = Some(tag.outer.start as usize);
                continue;
            }
            "enddocs" => {
                let from = docs_from.take().unwrap_or(tag.outer.start as usize);
                blank(&mut bytes, from, tag.outer.end as usize);
                continue;
            }
            _ => continue,
        };
        let (start, end) = (tag.inner.start as usize, tag.inner.end as usize);
        blank(&mut bytes, start, end);
        let text = tag.inner.of(source);
        let lead = text.len() - text.trim_start().len();
        bytes[start + lead..start + lead + replacement.len()].copy_from_slice(replacement.as_bytes());
    }
    if let Some(from) = docs_from {
        blank(&mut bytes, from, source.len());
    }
    Cow::Owned(String::from_utf8(bytes).unwrap_or_default())
}

/// In subscripts with several keys (`x[a, b]`) what follows the first, without the bracket; a plus with nothing before it that it could
/// add to; and white space that isn't ASCII, such as a no-break space.
fn unreadable(source: &str, tag: TextRange) -> Vec<TextRange> {
    let (bytes, end) = (source.as_bytes(), tag.end as usize);
    let mut found = Vec::new();
    // For each open bracket whether it is a subscript's, and where its first comma is.
    let mut open: Vec<(bool, Option<usize>)> = Vec::new();
    let mut at = tag.start as usize;
    while at < end {
        match bytes[at] {
            quote @ (b'\'' | b'"') => match string_end(bytes, at + 1, quote) {
                Some(after) if after <= end => {
                    at = after;
                    continue;
                }
                _ => return found,
            },
            b'[' => {
                let before = at.checked_sub(1).map_or(b' ', |before| bytes[before]);
                open.push((before.is_ascii_alphanumeric() || matches!(before, b'_' | b')' | b']'), None));
            }
            byte if byte.is_ascii_digit() && !bytes[..at].last().is_some_and(|before| is_word(*before)) => {
                let end = (at..end).find(|&next| !is_word(bytes[next])).unwrap_or(end);
                let (is_hex, length) = (bytes.get(at + 1).is_some_and(|sign| sign.eq_ignore_ascii_case(&b'x')), end - at);
                // Python counts on without end; what is read as its first digit is never looked at by dbt's parser.
                if length > if is_hex { 32 } else { 38 } && bytes[at..end].iter().all(|sign| sign.is_ascii_alphanumeric()) {
                    found.push(TextRange::new(at + 1, end));
                }
                at = end;
                continue;
            }
            byte if byte >= 0x80 => {
                let c = source.get(at..).and_then(|rest| rest.chars().next());
                if let Some(c) = c.filter(|c| c.is_whitespace()) {
                    found.push(TextRange::new(at, at + c.len_utf8()));
                }
            }
            b'+' if is_sign(&source[tag.start as usize..at]) => found.push(TextRange::new(at, at + 1)),
            b'(' | b'{' => open.push((false, None)),
            b',' => {
                if let Some((true, comma @ None)) = open.last_mut() {
                    *comma = Some(at);
                }
            }
            b')' | b'}' | b']' => {
                if let Some((true, Some(comma))) = open.pop() {
                    found.push(TextRange::new(comma, at));
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// How much of an expression a parser may have open at a time, in bytes: of a long list only the item that it is at. A chain of operators
/// is open to its end, and so is every bracket around it.
pub(super) fn deepest(expression: &str) -> usize {
    let bytes = expression.as_bytes();
    let (mut open, mut total, mut deepest) = (vec![0usize], 0usize, 0usize);
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'\'' | b'"') => {
                at = string_end(bytes, at, quote).unwrap_or(bytes.len());
                total += 1;
                if let Some(own) = open.last_mut() {
                    *own += 1;
                }
                deepest = deepest.max(total);
                continue;
            }
            b'(' | b'[' | b'{' => open.push(0),
            b')' | b']' | b'}' if open.len() > 1 => total -= open.pop().unwrap_or(0),
            b',' => total -= open.last_mut().map_or(0, std::mem::take),
            _ => {}
        }
        total += 1;
        if let Some(own) = open.last_mut() {
            *own += 1;
        }
        deepest = deepest.max(total);
        at += 1;
    }
    deepest
}

/// Whether a plus or minus after this text is a sign.
fn is_sign(before: &str) -> bool {
    let before = before.trim_end();
    let word = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(before);
    // A statement's first word, too, has nothing to add to.
    before.ends_with(['(', '[', '{', ',', '=', ':', '+', '-', '*', '/', '%', '~', '<', '>', '|'])
        || matches!(word, "in" | "and" | "or" | "not" | "if" | "elif" | "else" | "is")
}

fn blank(bytes: &mut [u8], start: usize, end: usize) {
    for byte in &mut bytes[start..end] {
        if !matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}

/// The expression of a tag that can be parsed alone.
pub(super) fn expression_of(source: &str, tag: &Tag) -> Option<TextRange> {
    match tag.kind {
        TagKind::Expression => Some(tag.inner),
        TagKind::Comment => None,
        TagKind::Statement => {
            let rest = tag.after_word(source);
            let text = rest.of(source);
            let skipped = match tag.word(source) {
                "if" | "elif" | "do" | "call" if !text.starts_with('(') || tag.word(source) != "call" => 0,
                "call" => text.find(')')? + 1,
                "set" => text.find('=')? + 1,
                "for" => text.find(" in ")? + 4,
                _ => return None,
            };
            Some(TextRange::new(rest.start as usize + skipped, rest.end as usize))
        }
    }
}

/// The text with every tag masked so that an SQL grammar can read it, byte for byte as long: an expression becomes one
/// identifier (`config()` becomes blank), of an `if` the first branch stays, statements and the bodies of `macro`, `call` and
/// `set` blocks become blank.
pub fn mask(source: &str) -> String {
    let mut bytes = source.as_bytes().to_vec();
    let tags = scan(source);
    // What each open block hides from where on.
    let mut open: Vec<(&str, Option<usize>)> = Vec::new();
    for tag in &tags {
        let (start, end) = (tag.outer.start as usize, tag.outer.end as usize);
        match tag.kind {
            TagKind::Comment => blank(&mut bytes, start, end),
            TagKind::Expression => {
                let text = tag.inner.of(source).trim_start();
                if text.starts_with("config(") || text.starts_with("config (") {
                    blank(&mut bytes, start, end);
                } else {
                    bytes[start..end].fill(b'j');
                }
            }
            TagKind::Statement => {
                blank(&mut bytes, start, end);
                match tag.word(source) {
                    "if" => open.push(("endif", None)),
                    "macro" => open.push(("endmacro", Some(end))),
                    "call" => open.push(("endcall", Some(end))),
                    "docs" => open.push(("enddocs", Some(end))),
                    "set" if !tag.inner.of(source).contains('=') => open.push(("endset", Some(end))),
                    "else" | "elif" => {
                        if let Some((_, from @ None)) = open.last_mut().filter(|(word, _)| *word == "endif") {
                            *from = Some(end);
                        }
                    }
                    word => {
                        if open.last().is_some_and(|(expected, _)| *expected == word)
                            && let Some((_, Some(from))) = open.pop()
                        {
                            blank(&mut bytes, from, start);
                        }
                    }
                }
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_in_strings_and_braces() {
        let shown = |source: &str| -> Vec<String> { scan(source).iter().map(|tag| tag.outer.of(source).to_owned()).collect() };
        assert_eq!(shown("{{ '}}' }} x {% set a = {'b': {'c': 1}} %}"), ["{{ '}}' }}", "{% set a = {'b': {'c': 1}} %}"]);
        assert_eq!(shown("{{ {'a': {'b': 1}} }}"), ["{{ {'a': {'b': 1}} }}"]);
        assert_eq!(shown("{# '{{ #} {{ a }}"), ["{# '{{ #}", "{{ a }}"]);
        assert_eq!(shown("{{ a(\nselect {{ b }}"), ["{{ a(", "{{ b }}"]);
        assert_eq!(shown("{{ ref('b' }}\n{{ c }}"), ["{{ ref('b' }}", "{{ c }}"]);
    }

    #[test]
    fn masks_keep_every_offset() {
        let source = "{{ config(a=1) }}select {{ x }} {% if a %}1{% else %}2{% endif %} from {{ ref('é') }}";
        let masked = mask(source);
        assert_eq!(masked.len(), source.len());
        assert_eq!(masked.split_whitespace().collect::<Vec<_>>(), ["select", "jjjjjjj", "1", "from", "jjjjjjjjjjjjjjj"]);
    }

    #[test]
    fn what_minijinja_cannot_read_is_written_otherwise() {
        let of = |source: &str| neutralise(source, &scan(source)).into_owned();
        let cases = [
            ("{{ any[list, basestring](x[1], [2, 3]) }}", "{{ any[list            ](x[1], [2, 3]) }}"),
            ("{{ f(a = +1, b=c + 1, d='+ x') }}", "{{ f(a =  1, b=c + 1, d='+ x') }}"),
            ("{{ config()\u{a0}}}", "{{ config()  }}"),
            ("{%- do x.append(1) -%}", "{{-    x.append(1) -}}"),
            ("{% test t(a) %}x{% endtest %}", "{% if 0      %}x{% endif   %}"),
        ];
        for (source, expected) in cases {
            assert_eq!((of(source).as_str(), of(source).len()), (expected, source.len()));
        }
    }
}
