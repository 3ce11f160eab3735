//! A text's code as far as it matters: what two versions of it share that mean the same.

use crate::jinja::{self, TagKind};

/// The code without comments of SQL and Jinja, without blanks that separate nothing, and in small letters outside of quotes and tags:
/// equal for texts that only differ in layout. Made to be hashed, not read.
pub fn essence(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    for tag in jinja::scan(source) {
        let (start, end) = (tag.outer.start as usize, tag.outer.end as usize);
        if start < at {
            continue;
        }
        code(&source[at..start], &mut out);
        match tag.kind {
            TagKind::Comment => space(&mut out),
            _ => words(&source[start..end], &mut out),
        }
        at = end;
    }
    code(&source[at..], &mut out);
    out.truncate(out.trim_end().len());
    out
}

/// A blank that the next sign may need.
fn space(out: &mut String) {
    if !out.is_empty() && !out.ends_with(' ') {
        out.push(' ');
    }
}

fn is_word(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_' || sign == '$'
}

/// Takes a sign over; a blank before it only where two words would become one.
fn push(sign: char, out: &mut String) {
    if out.ends_with(' ') && !(is_word(sign) && out[..out.len() - 1].ends_with(is_word)) {
        out.pop();
    }
    out.push(sign);
}

/// Text outside of tags.
fn code(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(sign) = rest.chars().next() {
        let ended = |end: &str| rest.get(2..).and_then(|inner| inner.find(end)).map_or(rest.len(), |at| at + 2 + end.len());
        let taken = match sign {
            _ if rest.starts_with("--") => {
                space(out);
                rest.find('\n').unwrap_or(rest.len())
            }
            _ if rest.starts_with("/*") => {
                space(out);
                ended("*/")
            }
            '\'' | '"' | '`' => {
                let end = rest[1..].find(sign).map_or(rest.len(), |at| at + 2);
                push(sign, out);
                out.push_str(&rest[1..end]);
                end
            }
            sign if sign.is_whitespace() => {
                space(out);
                sign.len_utf8()
            }
            sign => {
                sign.to_lowercase().for_each(|sign| push(sign, out));
                sign.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
}

/// A tag's text: only its blanks are made even.
fn words(text: &str, out: &mut String) {
    let mut quote = None;
    for sign in text.chars() {
        match quote {
            Some(open) => {
                out.push(sign);
                quote = Some(open).filter(|open| *open != sign);
            }
            None if sign.is_whitespace() => space(out),
            None => {
                push(sign, out);
                quote = Some(sign).filter(|sign| matches!(sign, '\'' | '"'));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::essence;

    #[test]
    fn layout_is_no_part_of_it() {
        let plain = essence("select a, sum( b ) as total from {{ ref('x') }} where c = 'A  b'");
        for same in [
            "SELECT\n    a\n  , SUM(b) AS total -- all of it\nFROM {{ref('x')}}\nWHERE c='A  b'\n",
            "{# what it is #}\nselect a,sum(b) as total/* here */from {{  ref( 'x' )  }} where c = 'A  b'",
        ] {
            assert_eq!(essence(same), plain);
        }
        for other in ["select a, sum( b ) as total from {{ ref('X') }} where c = 'A  b'", "select a, sum(b) as total from {{ ref('x') }} where c = 'a  b'"] {
            assert_ne!(essence(other), plain);
        }
    }

    #[test]
    fn what_never_ends_is_taken_whole() {
        assert_eq!(essence("select 'a"), "select'a");
        assert_eq!(essence("select a /* b"), "select a");
        assert_eq!(essence("/*"), "");
        assert_eq!(essence("é--x\n{{ \"--\" }} 'ö"), "é{{\"--\"}}'ö");
        assert_eq!(essence("-"), "-");
    }
}
