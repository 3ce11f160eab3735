//! The names in a file's tags, each with the part that it plays, and the variables that tags define.

use super::scan::{Tag, TagKind, scan};
use text::TextRange;

/// What a name in a tag is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NameKind {
    /// `if`, `set`, `and`, `in`.
    Keyword,
    /// A value's name.
    Variable,
    /// A name that is called: `ref(`.
    Call,
    /// Behind a dot.
    Attribute,
    /// An attribute that is called: `dbt_utils.star(`.
    Method,
    /// Behind `|`.
    Filter,
    /// Behind `is`.
    Test,
    /// `name=` in a call.
    Argument,
    /// What a tag defines: a variable, a parameter, a macro.
    Definition,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    pub kind: NameKind,
    pub range: TextRange,
}

/// A variable of the file's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    pub name: String,
    /// Where it is defined.
    pub definition: TextRange,
    /// Where its name means it.
    pub scope: TextRange,
    /// `{% set x = … %}`: what stands behind `=`, or the block's body; of a parameter its default.
    pub value: Option<TextRange>,
    pub is_parameter: bool,
}

/// What a file's tags name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// In the order of the text.
    pub names: Vec<Name>,
    pub locals: Vec<Local>,
    pub strings: Vec<TextRange>,
    pub numbers: Vec<TextRange>,
}

impl Names {
    /// The variable that a name means at an offset: the innermost, of several the last before it.
    pub fn local(&self, name: &str, offset: usize) -> Option<&Local> {
        let fits = self.locals.iter().filter(|local| local.name == name && (local.scope.touches(offset) || local.definition.touches(offset)));
        fits.min_by_key(|local| (local.scope.len(), std::cmp::Reverse(local.definition.start)))
    }
}

const KEYWORDS: [&str; 21] = [
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "else",
    "elif",
    "endif",
    "for",
    "endfor",
    "set",
    "endset",
    "do",
    "true",
    "false",
    "none",
    "True",
    "False",
    "None",
    "recursive",
];

/// Words that begin a statement's tag.
const STATEMENTS: [&str; 37] = [
    "if",
    "elif",
    "else",
    "endif",
    "for",
    "endfor",
    "set",
    "endset",
    "do",
    "macro",
    "endmacro",
    "call",
    "endcall",
    "filter",
    "endfilter",
    "raw",
    "endraw",
    "test",
    "endtest",
    "data_test",
    "enddata_test",
    "snapshot",
    "endsnapshot",
    "materialization",
    "endmaterialization",
    "docs",
    "enddocs",
    "block",
    "endblock",
    "include",
    "import",
    "from",
    "extends",
    "break",
    "continue",
    "with",
    "endwith",
];

/// Reads the names of a file's tags.
pub fn names(source: &str) -> Names {
    let tags = scan(source);
    let mut found = Names::default();
    // The open blocks that bound a variable, with where each begins and how many locals there were.
    let mut open: Vec<(&str, usize, usize)> = Vec::new();
    for tag in tags.iter().filter(|tag| tag.kind != TagKind::Comment) {
        let first = found.names.len();
        words(source, tag, &mut found);
        let word = tag.word(source);
        let range_of = |found: &Names, at: usize| found.names.get(at).map(|name| name.range);
        let end = tag.outer.end as usize;
        match word {
            "set" => {
                let scope_end = source.len();
                let is_block = !tag.inner.of(source).contains('=');
                for at in first + 1..found.names.len() {
                    let Some(range) = range_of(&found, at) else { break };
                    let head = TextRange::new(tag.inner.start as usize, range.start as usize).of(source);
                    if head.contains('=') || found.names[at].kind == NameKind::Attribute || (is_block && head.contains('|')) {
                        break;
                    }
                    if is_followed_by_dot(source, range) {
                        break;
                    }
                    found.names[at].kind = NameKind::Definition;
                    let value = tag.inner.of(source).find('=').map(|equals| TextRange::new(tag.inner.start as usize + equals + 1, tag.inner.end as usize));
                    let local =
                        Local { name: range.of(source).to_owned(), definition: range, scope: TextRange::new(end, scope_end), value, is_parameter: false };
                    found.locals.push(local);
                }
                if is_block {
                    open.push(("endset", end, found.locals.len()));
                }
            }
            "for" => {
                let before = found.locals.len();
                for at in first + 1..found.names.len() {
                    let Some(range) = range_of(&found, at) else { break };
                    if range.of(source) == "in" {
                        break;
                    }
                    found.names[at].kind = NameKind::Definition;
                    let scope = TextRange::new(range.start as usize, source.len());
                    found.locals.push(Local { name: range.of(source).to_owned(), definition: range, scope, value: None, is_parameter: false });
                }
                open.push(("endfor", end, before));
            }
            "macro" | "test" | "data_test" | "materialization" | "call" | "snapshot" | "docs" => {
                let before = found.locals.len();
                if matches!(word, "macro" | "test" | "data_test") {
                    parameters(source, tag, first, &mut found);
                } else if word != "call"
                    && let Some(name) = found.names.get_mut(first + 1)
                {
                    name.kind = NameKind::Definition;
                }
                let closing = match word {
                    "macro" => "endmacro",
                    "test" | "data_test" => "endtest",
                    "materialization" => "endmaterialization",
                    "call" => "endcall",
                    "docs" => "enddocs",
                    _ => "endsnapshot",
                };
                open.push((closing, end, before));
            }
            "endset" | "endfor" | "endmacro" | "endtest" | "enddata_test" | "endmaterialization" | "endcall" | "endsnapshot" | "enddocs" => {
                let word = if word == "enddata_test" { "endtest" } else { word };
                if let Some(at) = open.iter().rposition(|(closing, ..)| *closing == word) {
                    let (_, body, before) = open[at];
                    open.truncate(at);
                    if word == "endset" {
                        // The block's own variable lives on.
                        if let Some(local) = before.checked_sub(1).and_then(|at| found.locals.get_mut(at)) {
                            local.value = Some(TextRange::new(body, tag.outer.start as usize));
                        }
                    } else {
                        for local in &mut found.locals[before..] {
                            local.scope.end = local.scope.end.min(tag.outer.end);
                        }
                    }
                }
            }
            _ => {}
        }
    }
    found
}

fn is_followed_by_dot(source: &str, range: TextRange) -> bool {
    source.as_bytes().get(range.end as usize) == Some(&b'.')
}

/// The name and the parameters in a macro's opening tag.
fn parameters(source: &str, tag: &Tag, first: usize, found: &mut Names) {
    let Some(name) = found.names.get_mut(first + 1) else { return };
    name.kind = NameKind::Definition;
    let open = name.range.end as usize;
    let mut depth = 0usize;
    let mut expects = false;
    let bytes = source.as_bytes();
    let mut at = open;
    let end = tag.inner.end as usize;
    let mut definitions = Vec::new();
    while at < end {
        match bytes[at] {
            quote @ (b'\'' | b'"') => at = bytes[at + 1..end].iter().position(|&byte| byte == quote).map_or(end, |close| at + close + 1),
            b'(' | b'[' | b'{' => {
                depth += 1;
                expects |= depth == 1;
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 1 => expects = true,
            byte if expects && (byte.is_ascii_alphabetic() || byte == b'_') => {
                let stop = (at..end).find(|&next| !(bytes[next].is_ascii_alphanumeric() || bytes[next] == b'_')).unwrap_or(end);
                definitions.push(TextRange::new(at, stop));
                expects = false;
                at = stop;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    for (number, definition) in definitions.iter().enumerate() {
        if let Some(name) = found.names.iter_mut().find(|name| name.range == *definition) {
            name.kind = NameKind::Definition;
        }
        let until = definitions.get(number + 1).map_or(end, |next| next.start as usize);
        let behind = TextRange::new(definition.end as usize, until);
        let text = behind.of(source).trim_end_matches([' ', ',', ')', '\n', '\t', '\r']);
        let value = text.trim_start().strip_prefix('=').map(|_| {
            let from = definition.end as usize + text.find('=').unwrap_or(0) + 1;
            TextRange::new(from, definition.end as usize + text.len())
        });
        let scope = TextRange::new(tag.inner.start as usize, source.len());
        found.locals.push(Local { name: definition.of(source).to_owned(), definition: *definition, scope, value, is_parameter: true });
    }
}

/// The words of one tag.
fn words(source: &str, tag: &Tag, found: &mut Names) {
    let bytes = source.as_bytes();
    let (mut at, end) = (tag.inner.start as usize, tag.inner.end as usize);
    let mut before = b' ';
    let mut last_word = "";
    let mut is_first = tag.kind == TagKind::Statement;
    let mut depth = 0usize;
    while at < end {
        let byte = bytes[at];
        match byte {
            b'\'' | b'"' => {
                let mut close = at + 1;
                while close < end && bytes[close] != byte {
                    close += if bytes[close] == b'\\' { 2 } else { 1 };
                }
                let close = source.ceil_char_boundary((close + 1).min(end));
                found.strings.push(TextRange::new(at, close));
                (at, before, last_word) = (close, byte, "");
                continue;
            }
            _ if byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80 => {
                let stop = (at..end).find(|&next| !(bytes[next].is_ascii_alphanumeric() || bytes[next] == b'_' || bytes[next] >= 0x80)).unwrap_or(end);
                let range = TextRange::new(at, stop);
                let word = range.of(source);
                let next = source[stop..end].trim_start();
                let is_called = next.starts_with('(');
                let kind = if before == b'.' {
                    if is_called { NameKind::Method } else { NameKind::Attribute }
                } else if before == b'|' {
                    NameKind::Filter
                } else if is_first && STATEMENTS.contains(&word) {
                    NameKind::Keyword
                } else if (last_word == "is" && word != "not") || (last_word == "is not" && !matches!(word, "none" | "None")) {
                    NameKind::Test
                } else if KEYWORDS.contains(&word) && !(is_called && matches!(word, "set" | "do")) {
                    NameKind::Keyword
                } else if is_called {
                    NameKind::Call
                } else if depth > 0 && next.starts_with('=') && !next.starts_with("==") {
                    NameKind::Argument
                } else {
                    NameKind::Variable
                };
                found.names.push(Name { kind, range });
                last_word = if last_word == "is" && word == "not" { "is not" } else { word };
                (at, before, is_first) = (stop, b'a', false);
                continue;
            }
            _ if byte.is_ascii_digit() => {
                let stop = (at..end).find(|&next| !(bytes[next].is_ascii_alphanumeric() || matches!(bytes[next], b'.' | b'_'))).unwrap_or(end);
                found.numbers.push(TextRange::new(at, stop));
                (at, before, last_word) = (stop, byte, "");
                continue;
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            before = byte;
            last_word = "";
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_scopes() {
        let source = "{% macro m(a, b=['x', y]) %}{{ a | upper ~ c.d(e=1) }}{% endmacro %}{% set q, r = f(a) %}{% for k in q if k is not string %}{{ k.z }}{% endfor %}{{ q }}{% set s %}t{% endset %}";
        let found = names(source);
        let shown: Vec<String> = found.names.iter().map(|name| format!("{}:{:?}", name.range.of(source), name.kind)).collect();
        expect_test::expect![[r#"macro:Keyword m:Definition a:Definition b:Definition y:Variable a:Variable upper:Filter c:Variable d:Method e:Argument endmacro:Keyword set:Keyword q:Definition r:Definition f:Call a:Variable for:Keyword k:Definition in:Keyword q:Variable if:Keyword k:Variable is:Keyword not:Keyword string:Test k:Variable z:Attribute endfor:Keyword q:Variable set:Keyword s:Definition endset:Keyword"#]].assert_eq(&shown.join(" "));
        let locals: Vec<String> = found
            .locals
            .iter()
            .map(|local| format!("{} = {:?} in {:?}", local.name, local.value.map(|value| value.of(source)), local.scope.of(source)))
            .collect();
        expect_test::expect![[r#"
            a = None in " macro m(a, b=['x', y]) %}{{ a | upper ~ c.d(e=1) }}{% endmacro %}"
            b = Some("['x', y]") in " macro m(a, b=['x', y]) %}{{ a | upper ~ c.d(e=1) }}{% endmacro %}"
            q = Some(" f(a) ") in "{% for k in q if k is not string %}{{ k.z }}{% endfor %}{{ q }}{% set s %}t{% endset %}"
            r = Some(" f(a) ") in "{% for k in q if k is not string %}{{ k.z }}{% endfor %}{{ q }}{% set s %}t{% endset %}"
            k = None in "k in q if k is not string %}{{ k.z }}{% endfor %}"
            s = Some("t") in "t{% endset %}""#]]
        .assert_eq(&locals.join("\n"));
        let at = |what: &str| source.find(what).unwrap_or_default();
        assert!(found.local("a", at("a | upper")).is_some_and(|local| local.is_parameter));
        assert!(found.local("a", at("f(a)") + 2).is_none());
        assert!(found.local("k", at("k.z")).is_some() && found.local("k", at("{{ q") + 3).is_none());
    }
}
