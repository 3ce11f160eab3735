//! Signature help: of macros, dbt's functions, generic tests and SQL's functions.

use crate::functions::SqlFunction;
use crate::hover::first_sentence;
use crate::words::{Word, WordKind};
use crate::yaml_context::YamlContext;
use crate::{Analysis, File};
use dbt::FileKind;
use syntax::jinja::{self, TagKind};
use text::TextRange;

/// What a call takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// `cents(x, scale=2)`
    pub label: String,
    /// Markdown.
    pub doc: Option<String>,
    /// Each parameter: its place in the label in bytes, and what is known of it.
    pub parameters: Vec<(TextRange, Option<String>)>,
    /// The one that is being written.
    pub active: Option<usize>,
}

impl Signature {
    fn new(label: String, doc: Option<String>, active: &Active, docs: impl Fn(&str) -> Option<String>) -> Self {
        let parameters: Vec<(TextRange, Option<String>)> = parts(&label).into_iter().map(|range| (range, docs(name_of(range.of(&label))))).collect();
        let named = active.keyword.as_ref().and_then(|keyword| parameters.iter().position(|(range, _)| name_of(range.of(&label)) == keyword));
        let active = named.or_else(|| (active.keyword.is_none() && !parameters.is_empty()).then(|| active.number.min(parameters.len() - 1)));
        Self { label, doc, parameters, active }
    }
}

/// Which argument the cursor is in.
#[derive(Debug, Default)]
struct Active {
    number: usize,
    keyword: Option<String>,
}

fn name_of(parameter: &str) -> &str {
    parameter.trim_matches(['[', ']', '*']).split(['=', ':']).next().unwrap_or_default().trim()
}

/// The parameters of a label, between its outermost parentheses.
fn parts(label: &str) -> Vec<TextRange> {
    let Some(open) = label.find('(') else { return Vec::new() };
    let (mut depth, mut from) = (0usize, open + 1);
    let mut found = Vec::new();
    let mut push = |from: usize, to: usize| {
        let text = &label[from..to];
        let lead = text.len() - text.trim_start().len();
        if !text.trim().is_empty() {
            found.push(TextRange::new(from + lead, from + text.trim_end().len()));
        }
    };
    for (at, c) in label.char_indices().skip_while(|(at, _)| *at < open) {
        match c {
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' => {
                depth -= 1;
                if depth == 0 {
                    push(from, at);
                    break;
                }
            }
            ',' if depth == 1 => {
                push(from, at);
                from = at + 1;
            }
            _ => {}
        }
    }
    found
}

impl Analysis {
    /// The signature of the call that an offset is in.
    pub fn signature_help(&self, file: &File, offset: usize) -> Option<Signature> {
        let text = &*file.text;
        if !text.is_char_boundary(offset) {
            return None;
        }
        let tag = jinja::scan(text).into_iter().find(|tag| tag.outer.start as usize + 2 <= offset && offset <= tag.inner.end as usize);
        if let Some(tag) = tag.filter(|tag| tag.kind != TagKind::Comment) {
            let (callee, active) = open_call(text, tag.inner.start as usize, offset)?;
            // A filter is no macro of its name.
            let at = text[..offset].rfind(callee).unwrap_or_default();
            if text[..at].trim_end().ends_with('|') {
                let word = Word::find(WordKind::Filter, callee)?;
                return Some(Signature::new(format!("{callee}(…)"), Some(word.doc.to_owned()), &active, |_| None));
            }
            return self.signature_of(file, callee, &active);
        }
        if file.kind == FileKind::Properties {
            return self.signature_of_test(text, offset);
        }
        if !file.kind.is_sql() {
            return None;
        }
        let floor = text[..offset].rfind(';').map_or(0, |end| end + 1).max(text.ceil_char_boundary(offset.saturating_sub(4000)));
        // An apostrophe in a comment opens nothing.
        let mut code = text[floor..offset].as_bytes().to_vec();
        for comment in syntax::sql::comments(text) {
            let part = (comment.start as usize).max(floor)..(comment.end as usize).min(offset);
            if let Some(part) = Some(part).filter(|part| part.start < part.end) {
                code[part.start - floor..part.end - floor].fill(b' ');
            }
        }
        let code = String::from_utf8(code).unwrap_or_default();
        let (callee, active) = open_call(&code, 0, code.len())?;
        let function = SqlFunction::find(self.index.adapter(), callee)?;
        Some(Signature::new(function.signature.to_owned(), Some(function.doc.to_owned()), &active, |_| None))
    }

    fn signature_of(&self, file: &File, callee: &str, active: &Active) -> Option<Signature> {
        let path: Vec<String> = callee.split('.').map(str::to_owned).collect();
        if let Some(found) = self.index.resolve_macro(&path, self.package_of(file)) {
            let doc = found.description.as_ref().map(|description| description.text.clone());
            let of_argument = |name: &str| {
                let argument = found.argument(name)?;
                let parts = [argument.data_type.clone(), argument.description.as_ref().map(|description| first_sentence(&description.text))];
                Some(parts.into_iter().flatten().collect::<Vec<_>>().join(": ")).filter(|text| !text.is_empty())
            };
            return Some(Signature::new(found.signature(), doc, active, of_argument));
        }
        let last = path.last()?;
        if let Some(word) = Word::find(WordKind::Function, last) {
            return Some(Signature::new(word.signature?.to_owned(), Some(word.doc.to_owned()), active, |_| None));
        }
        let found = self.index.builtin_macro(last)?;
        Some(Signature::new(format!("{}({})", found.name, found.parameters.join(", ")), None, active, |_| None))
    }

    /// In YAML below a generic test.
    fn signature_of_test(&self, text: &str, offset: usize) -> Option<Signature> {
        let context = YamlContext::at(text, offset)?;
        let at = context.path.iter().rposition(|part| part == "data_tests" || part == "tests")?;
        let test = context.path.get(at + 2)?;
        let keyword = match &context.place {
            crate::yaml_context::Place::Value(key) => Some(key.clone()),
            _ => None,
        };
        let active = Active { number: 0, keyword: Some(keyword.unwrap_or_default()) };
        if let Some(found) = self.index.resolve_test(test, &self.index.project) {
            let label = format!("{test}({})", found.parameters.join(", "));
            return Some(Signature::new(label, found.description.as_ref().map(|description| description.text.clone()), &active, |_| None));
        }
        let word = Word::find(WordKind::DataTest, test)?;
        Some(Signature::new(word.signature?.to_owned(), Some(word.doc.to_owned()), &active, |_| None))
    }
}

/// The call whose parenthesis is open at an offset, and the argument there; looks back as far as `floor`.
fn open_call(text: &str, floor: usize, offset: usize) -> Option<(&str, Active)> {
    let head = text.get(floor..offset)?;
    // For each open bracket where it is, its commas, and where its current argument begins.
    let mut open: Vec<(char, usize, usize, usize)> = Vec::new();
    let mut quote = None;
    for (at, c) in head.char_indices() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(mark)) if c == mark => quote = None,
            (_, Some(_)) => {}
            ('(' | '[' | '{', None) => open.push((c, at, 0, at + 1)),
            (')' | ']' | '}', None) => {
                open.pop();
            }
            (',', None) => {
                if let Some((_, _, commas, from)) = open.last_mut() {
                    *commas += 1;
                    *from = at + 1;
                }
            }
            _ => {}
        }
    }
    // A list or a mapping is an argument of the call around it.
    let (_, at, number, from) = open.into_iter().rfind(|(bracket, ..)| *bracket == '(')?;
    let callee = head[..at].trim_end();
    let start =
        callee.rfind(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').map_or(0, |end| end + callee[end..].chars().next().map_or(1, char::len_utf8));
    let argument = head[from..].trim_start();
    let keyword =
        argument.split_once('=').map(|(name, _)| name.trim()).filter(|name| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_'));
    let callee = &callee[start..];
    (!callee.is_empty()).then(|| (callee, Active { number, keyword: keyword.map(str::to_owned) }))
}

#[cfg(test)]
mod tests {
    use crate::test_support::at_cursor;
    use expect_test::{Expect, expect};

    fn check(path: &str, text: &str, expected: Expect) {
        let (analysis, file, offset) = at_cursor(&format!(
            "-- file: macros/m.sql\n{{% macro cents(x, scale=[1, 2]) %}}{{% endmacro %}}\n{{% test positive(model, column_name, than) %}}select 1{{% endtest %}}\n-- file: macros/m.yml\nmacros: [{{name: cents, description: Cents to dollars., arguments: [{{name: x, type: column, description: In cents.}}]}}]\n-- file: {path}\n{text}\n"
        ));
        let shown = match analysis.signature_help(&file, offset) {
            Some(found) => {
                let active = found.active.map(|at| (found.parameters[at].0.of(&found.label).to_owned(), found.parameters[at].1.clone()));
                format!("{} {active:?}\n{}", found.label, found.doc.unwrap_or_default())
            }
            None => "nothing".to_owned(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn calls_in_tags_and_sql() {
        check(
            "models/a.sql",
            "{{ cents($0 }}",
            expect![[r#"
            cents(x, scale=[1, 2]) Some(("x", Some("column: In cents.")))
            Cents to dollars."#]],
        );
        check(
            "models/a.sql",
            "{{ cents('a, b', sc$0) }}",
            expect![[r#"
            cents(x, scale=[1, 2]) Some(("scale=[1, 2]", None))
            Cents to dollars."#]],
        );
        check(
            "models/a.sql",
            "{{ shop.cents(scale=[1, $0]) }}",
            expect![[r#"
            cents(x, scale=[1, 2]) Some(("scale=[1, 2]", None))
            Cents to dollars."#]],
        );
        check(
            "models/a.sql",
            "{{ ref('a', $0) }}",
            expect![[r#"
            ref([package], name, v=none) Some(("name", None))
            The relation of a model, seed or snapshot, and an edge in the lineage. With `v` a version of a model; without it the latest."#]],
        );
        check(
            "models/a.sql",
            "{{ dbt.dateadd('day', $0) }}",
            expect![[r#"
            dbt.dateadd(datepart, interval, from_date_or_timestamp) Some(("interval", None))
            A date moved by some of a part, in this adapter's SQL."#]],
        );
        check(
            "models/a.sql",
            "select coalesce(a, $0",
            expect![[r#"
            coalesce(x, y, …) Some(("y", None))
            The first of its arguments that isn't null."#]],
        );
        check("models/a.sql", "select nothing(a, $0", expect!["nothing"]);
        check(
            "models/a.yml",
            "models:\n  - name: a\n    data_tests:\n      - positive:\n          arguments:\n            than: $0\n",
            expect![[r#"
            positive(model, column_name, than) Some(("than", None))
        "#]],
        );
    }
}
