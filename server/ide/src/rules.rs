//! The rules that diagnostics come from, how bad each is, and the comments that switch them off.

use data::Value;
use dbt::{Diagnostic, FileKind, Severity};
use memchr::memmem;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use text::{LineIndex, TextRange};

static RULES: LazyLock<Value> = LazyLock::new(|| crate::yaml_data(include_str!("../words/rules.yml")));

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// `unknown-ref`
    pub code: &'static str,
    /// `error`, `warning`, `information`, `hint`, or `various` where the case decides.
    pub severity: &'static str,
    pub doc: &'static str,
}

impl Rule {
    /// All rules in the order of their codes.
    pub fn all() -> impl Iterator<Item = Self> {
        let text = |value: &'static Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        let all = RULES.as_object().into_iter().flatten();
        all.map(move |(code, value)| Self { code, severity: text(value, "severity"), doc: text(value, "doc") })
    }

    pub fn find(code: &str) -> Option<Self> {
        Self::all().find(|rule| rule.code == code)
    }
}

/// What is wanted of a project's files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleSet {
    /// Of the rules: `None` switches one off.
    severities: BTreeMap<String, Option<Severity>>,
    /// Where new entries go.
    new_entries: Option<String>,
}

impl RuleSet {
    /// Reads codes and severities (`off`, `hint`, `information`, `warning`, `error`); what can't be read is told and passed over.
    pub fn read<'s>(wanted: impl IntoIterator<Item = (&'s str, &'s str)>) -> (Self, Vec<String>) {
        let (mut set, mut errors) = (Self::default(), Vec::new());
        for (code, severity) in wanted {
            if Rule::find(code).is_none() {
                errors.push(format!("there is no rule `{code}`; `ragstar check --list` names them all"));
                continue;
            }
            let severity = match severity {
                "off" => None,
                "hint" => Some(Severity::Hint),
                "information" | "info" => Some(Severity::Information),
                "warning" | "warn" => Some(Severity::Warning),
                "error" => Some(Severity::Error),
                other => {
                    errors.push(format!("rule `{code}` can't be `{other}`: it is off, hint, information, warning or error"));
                    continue;
                }
            };
            set.severities.insert(code.to_owned(), severity);
        }
        (set, errors)
    }

    /// The same, with the name of the file that new entries go to, beside what they are for: `{folder}`, `{section}` and `{name}` stand
    /// for what these are. One that leads elsewhere is told and passed over.
    pub fn with_new_entries(self, pattern: Option<&str>) -> (Self, Option<String>) {
        let Some(pattern) = pattern else { return (self, None) };
        let is_name = [".yml", ".yaml"].iter().any(|ending| pattern.ends_with(ending)) && !pattern.contains('\\') && !pattern.contains(':');
        if !is_name || pattern.split('/').any(|part| part.is_empty() || part == "..") {
            let why = format!("`yaml.new_entries` can't be `{pattern}`: it is the name of a .yml file, such as _{{folder}}__{{section}}.yml or {{name}}.yml");
            return (self, Some(why));
        }
        (Self { new_entries: Some(pattern.to_owned()), ..self }, None)
    }

    pub(crate) fn new_entries(&self) -> Option<&str> {
        self.new_entries.as_deref()
    }

    /// A diagnostic as it is wanted.
    pub(crate) fn apply(&self, found: &mut Diagnostic) -> bool {
        match self.severities.get(found.code) {
            Some(None) => false,
            Some(Some(severity)) => {
                found.severity = *severity;
                true
            }
            None => true,
        }
    }

    pub(crate) fn is_off(&self, code: &str) -> bool {
        self.severities.get(code) == Some(&None)
    }
}

/// The comments of a file that switch rules off: `ragstar: ignore[rule, …]` for their line or, where they stand alone, for the next;
/// `ragstar: ignore-file[rule, …]` for the file. Without brackets all rules are meant.
#[derive(Debug, Default)]
pub(crate) struct Ignored {
    file: Vec<Codes>,
    lines: Vec<(usize, Codes)>,
}

#[derive(Debug)]
enum Codes {
    All,
    These(Vec<String>),
}

impl Codes {
    fn hold(&self, code: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(codes) => codes.iter().any(|known| known == code),
        }
    }
}

const MARK: &str = "ragstar:";

/// Where a comment's mark stands in a text, and what is behind it.
fn mark(text: &str) -> Option<(usize, &str)> {
    text.match_indices(MARK).find_map(|(at, _)| Some((at, text[at + MARK.len()..].trim_start_matches([' ', '\t']).strip_prefix("ignore")?)))
}

impl Ignored {
    pub fn read(kind: FileKind, text: &str) -> Self {
        let mut ignored = Self::default();
        if memmem::find(text.as_bytes(), MARK.as_bytes()).is_none() {
            return ignored;
        }
        if kind.is_sql() {
            for comment in syntax::sql::comments(text) {
                ignored.read_comment(text, comment);
            }
            return ignored;
        }
        let openers: &[&str] = match kind {
            FileKind::Docs => &["<!--", "{#"],
            _ => &["#"],
        };
        for (number, line) in text.lines().enumerate() {
            let Some((at, behind)) = mark(line) else { continue };
            let head = &line[..at];
            let Some(open) = openers.iter().filter_map(|opener| head.rfind(opener)).max() else { continue };
            // Alone on its line it is about the next.
            ignored.take(behind, if head[..open].trim().is_empty() { number + 1 } else { number });
        }
        ignored
    }

    /// A comment of SQL or Jinja, which may have several lines.
    fn read_comment(&mut self, text: &str, comment: TextRange) {
        let Some((_, behind)) = mark(comment.of(text)) else { return };
        let before = &text[..comment.start as usize];
        let is_alone = before[before.rfind('\n').map_or(0, |end| end + 1)..].trim().is_empty();
        let lines = if is_alone { text[..comment.end as usize].matches('\n').count() + 1 } else { before.matches('\n').count() };
        self.take(behind, lines);
    }

    /// What stands behind the mark, about a line.
    fn take(&mut self, rest: &str, line: usize) {
        let (rest, is_file) = rest.strip_prefix("-file").map_or((rest, false), |rest| (rest, true));
        let codes = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((codes, _)) => Codes::These(codes.split(',').map(|code| code.trim().to_owned()).collect()),
            None => Codes::All,
        };
        if is_file { self.file.push(codes) } else { self.lines.push((line, codes)) }
    }

    /// Whether a diagnostic is switched off.
    pub fn hold(&self, lines: &LineIndex, found: &Diagnostic) -> bool {
        let line = lines.line_of(found.place.range.start as usize);
        self.file.iter().any(|codes| codes.hold(found.code)) || self.lines.iter().any(|(number, codes)| *number == line && codes.hold(found.code))
    }

    pub fn is_empty(&self) -> bool {
        self.file.is_empty() && self.lines.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::analysis;
    use expect_test::expect;
    use testkit::Fixture;

    #[test]
    fn every_code_is_a_rule() {
        // What dbt's parser and the readers tell is searched for in their sources.
        for code in ["unknown-ref", "cycle", "semantic-layer", "missing-description", "unused-cte", "yaml-rendering"] {
            assert!(Rule::find(code).is_some_and(|rule| rule.doc.ends_with('.')), "{code}");
        }
        let (set, errors) = RuleSet::read([("unused-cte", "off"), ("cycle", "warning"), ("nothing", "off"), ("cycle", "loud")]);
        assert!(set.is_off("unused-cte") && !set.is_off("cycle"));
        expect![[r#"
            there is no rule `nothing`; `ragstar check --list` names them all
            rule `cycle` can't be `loud`: it is off, hint, information, warning or error"#]]
        .assert_eq(&errors.join("\n"));
    }

    #[test]
    fn comments_switch_rules_off() {
        let analysis = analysis(&Fixture::parse(
            "-- file: models/e.sql\n{#\n  why: ragstar: ignore[unknown-ref]\n#}\nselect '-- ragstar: ignore' as s from {{ ref('w') }}\njoin {{ ref('v') }} on '-- ragstar: ignore' = s\n-- file: models/a.sql\n-- ragstar:ignore[unknown-ref]\nselect * from {{ ref('x') }}\njoin {{ ref('y') }} -- ragstar: ignore\njoin {{ ref('z') }} {# ragstar: ignore[cycle] #}\n-- ragstar: ignore-file[missing-description]\n-- file: models/m.yml\nmodels:\n  - name: gone # ragstar: ignore[entry-without-node]\n  - name: away\n-- file: models/d.md\n<!-- ragstar: ignore -->\n{% docs d %}\n",
        ));
        let shown = analysis.all_diagnostics().into_iter().filter(|(path, _)| path != "dbt_project.yml");
        let shown: Vec<String> = shown.map(|(path, found)| format!("{path} {} {}", found.code, found.message.split(';').next().unwrap_or_default())).collect();
        expect![[r#"
            models/a.sql unknown-ref no model, seed or snapshot is called `z`
            models/e.sql missing-description model `e` has no description
            models/e.sql unknown-ref no model, seed or snapshot is called `v`
            models/m.yml entry-without-node no model of this project is called `away`"#]]
        .assert_eq(&shown.join("\n"));
    }
}
