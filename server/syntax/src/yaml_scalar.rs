//! Writing one string as a YAML scalar that PyYAML (YAML 1.1) and YAML 1.2 readers both read back as that string.

use crate::yaml::Style;
use data::Value;

/// Where a scalar stands.
#[derive(Debug, Clone, Copy)]
pub struct Layout<'a> {
    /// The column of the key that it follows; block styles indent their lines by two more.
    pub indent: usize,
    /// The column that it begins in.
    pub start: usize,
    /// The file's line end.
    pub newline: &'a str,
    /// Columns that a line may take where it goes on in the next one.
    pub width: usize,
    /// Whether plain and quoted texts go on in the next line.
    pub wraps: bool,
}

/// Writes `value` in the wanted style where that is safe, else double-quoted; on one line unless it is a block.
///
/// `indent` is the column of the key that the scalar follows. `newline` is the file's line end. The result starts right after `key: `
/// and has no line end of its own.
pub fn write(value: &str, style: Style, indent: usize, newline: &str) -> String {
    write_in(value, style, &Layout { indent, start: 0, newline, width: 80, wraps: false })
}

/// A mapping's key.
pub fn key(name: &str) -> String {
    if is_text(name) { name.to_owned() } else { write(name, Style::Plain, 0, "\n") }
}

/// A value that is neither text nor a structure, as it is written.
pub fn bare(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => {
            let text = format!("{value:?}");
            // PyYAML takes `1e6` for text: it wants a point and a sign.
            let Some((digits, exponent)) = text.split_once('e') else { return text };
            let point = if digits.contains('.') { "" } else { ".0" };
            let sign = if exponent.starts_with('-') { "" } else { "+" };
            format!("{digits}{point}e{sign}{exponent}")
        }
        _ => "null".to_owned(),
    }
}

/// Writes `value` as [`write`] does, wrapped where the layout says so.
pub fn write_in(value: &str, style: Style, layout: &Layout<'_>) -> String {
    let text = unwrapped(value, style, layout);
    if layout.wraps && !text.contains('\n') && layout.start + text.chars().count() > layout.width { wrapped(&text, layout) } else { text }
}

/// A plain or quoted text over several lines, which readers fold back into one.
fn wrapped(text: &str, layout: &Layout<'_>) -> String {
    // Where blanks stand together, or a word could be taken for something else at a line's start, the line goes on.
    let may_begin = |word: &str| word.chars().next().is_some_and(|c| c.is_alphanumeric() || matches!(c, '(' | '/'));
    if text.split(' ').any(str::is_empty) {
        return text.to_owned();
    }
    // A backslash before the line end would take it away.
    fold(text, layout.start, layout.indent + 2, layout.width, layout.newline, |so_far, word| may_begin(word) && !so_far.ends_with('\\'))
}

/// A text that goes on in the next line, `indent` columns in, wherever the next word would stand behind `width` and the line may end.
fn fold(text: &str, start: usize, indent: usize, width: usize, newline: &str, may_break: impl Fn(&str, &str) -> bool) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut column = start;
    for (number, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if number > 0 && column + 1 + length > width && may_break(&out, word) {
            out.push_str(newline);
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if number > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

fn unwrapped(value: &str, style: Style, layout: &Layout<'_>) -> String {
    let Layout { indent, newline, width, .. } = *layout;
    let is_one_line = !value.contains(['\n', '\r']);
    match style {
        Style::Plain if is_one_line && is_plain_safe(value) => value.to_owned(),
        Style::Plain | Style::SingleQuoted if is_one_line && is_printable(value) => {
            // A value that only lost its plain style to a character prefers the lighter quotes.
            if style == Style::Plain && value.contains('\'') { double_quoted(value) } else { single_quoted(value) }
        }
        Style::Literal | Style::Folded if can_be_block(value) => {
            let body = value.strip_suffix('\n').unwrap_or(value);
            if style == Style::Folded && !body.contains('\n') && !value.contains("  ") {
                folded(value, indent, newline, width)
            } else {
                literal(value, indent, newline)
            }
        }
        // Several lines read best as a block, whatever the neighbours use.
        _ if !is_one_line && can_be_block(value) => literal(value, indent, newline),
        _ => double_quoted(value),
    }
}

fn single_quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

fn double_quoted(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_printable_char(c) => out.push(c),
            c if (c as u32) < 0x100 => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if (c as u32) < 0x10000 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push_str(&format!("\\U{:08x}", c as u32)),
        }
    }
    out.push('"');
    out
}

/// A literal block (`|`), its chomping chosen by how the value ends.
fn literal(value: &str, indent: usize, newline: &str) -> String {
    let pad = " ".repeat(indent + 2);
    let (header, body) = match value.strip_suffix('\n') {
        Some(body) => ("|", body),
        None => ("|-", value),
    };
    let lines: Vec<String> = body.split('\n').map(|line| if line.is_empty() { String::new() } else { format!("{pad}{line}") }).collect();
    format!("{header}{newline}{}", lines.join(newline))
}

/// A folded block (`>-`) of one paragraph, wrapped at a width.
fn folded(value: &str, indent: usize, newline: &str, width: usize) -> String {
    let indent = indent + 2;
    let (header, value) = value.strip_suffix('\n').map_or((">-", value), |body| (">", body));
    format!("{header}{newline}{}{}", " ".repeat(indent), fold(value, indent, indent, width.max(indent + 20), newline, |_, _| true))
}

/// Whether a block style can hold the value: printable, no line that starts or ends with a blank, at most one final newline.
fn can_be_block(value: &str) -> bool {
    let body = value.strip_suffix('\n').unwrap_or(value);
    !body.is_empty()
        && !body.ends_with('\n')
        && !body.starts_with(['\n', ' ', '\t', '#'])
        && !value.contains(['\r', '\t'])
        && body.split('\n').all(|line| !line.ends_with(' ') && !line.starts_with(' ') && is_printable(line))
}

/// Whether every reader takes the value, written bare on one line, as this string.
pub fn is_text(value: &str) -> bool {
    // `+meta` and the like, too.
    !value.contains(['\n', '\r']) && (is_plain_safe(value) || value.strip_prefix('+').is_some_and(is_plain_safe))
}

/// Whether every reader takes the value, written bare, as this string. Errs on the side of quotes.
fn is_plain_safe(value: &str) -> bool {
    let Some(first) = value.chars().next() else { return false };
    if !first.is_alphabetic() || value.ends_with([' ', ':']) || !is_printable(value) {
        return false;
    }
    if value.contains(": ") || value.contains(" #") || value.contains("{{") || value.contains("{%") || value.contains('\t') {
        return false;
    }
    if value.contains([',', '[', ']', '{', '}']) && !value.contains(' ') {
        return false;
    }
    const WORDS: [&str; 10] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan"];
    !WORDS.contains(&value.to_ascii_lowercase().as_str())
}

/// Whether the value can stand in a flow collection (`{…}`) without quotes.
pub fn is_flow_safe(value: &str) -> bool {
    is_plain_safe(value) && !value.contains([',', '[', ']', '{', '}'])
}

fn is_printable(value: &str) -> bool {
    value.chars().all(|c| is_printable_char(c) && c != '\t')
}

/// PyYAML refuses other characters outside of escapes (`yaml.reader.Reader.NON_PRINTABLE`); NEL, LS, PS and the BOM are
/// printable to it but read as line ends or dropped.
fn is_printable_char(c: char) -> bool {
    match c {
        '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => false,
        '\t' | ' '..='~' => true,
        c => {
            let code = c as u32;
            (0xa0..=0xd7ff).contains(&code) || (0xe000..=0xfffd).contains(&code) || (0x10000..=0x10ffff).contains(&code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    const NASTY: &[&str] = &[
        "One row per order",
        "yes",
        "0777",
        "12:30",
        "2020-01-01",
        "a: b",
        "a #b",
        "it's",
        "say \"hi\"",
        "- x",
        "* y",
        "",
        " lead",
        "trail ",
        "{{ doc('x') }}",
        "back\\slash",
        "tab\there",
        "line\nbreak",
        "two\n\nparagraphs\n",
        "ends:",
        "é ü 😀",
        "null",
        "~",
        "!tag",
        "&anchor",
        "%percent",
        "@at",
        "`tick`",
        "a\u{2028}b",
        "bell\u{7}",
        "# hash\nsecond",
        "one, two",
        "[x]",
        "1e3",
        "=",
        "<<",
        "crlf\r\nhere",
        "x\n y",
        "\u{feff}bom",
        "a very long description that goes on and on until it has to be wrapped by whoever writes it down, twice over at least",
    ];

    #[test]
    fn every_style_reads_back_what_was_written() {
        for value in NASTY {
            for style in [Style::Plain, Style::SingleQuoted, Style::DoubleQuoted, Style::Literal, Style::Folded] {
                for newline in ["\n", "\r\n"] {
                    let source = format!("a:{newline}  d: {}{newline}  e: 1{newline}", write(value, style, 2, newline));
                    let yaml = yaml::parse(&source);
                    let read = yaml.root.as_ref().and_then(|root| root.get("a")?.get("d")?.as_str().map(str::to_owned));
                    assert_eq!((yaml.error, read.as_deref()), (None, Some(*value)), "{style:?} {source:?}");
                }
            }
        }
    }
}
