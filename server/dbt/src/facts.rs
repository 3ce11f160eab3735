//! What one file says, names unresolved.

use crate::shape::{self, Problem};
use crate::{FileKind, Properties, Severity, evaluate, properties};
use jinja::Found;
use syntax::SyntaxError;
use syntax::jinja::{self as syntax_jinja, Block, BlockKind, Call};
use text::TextRange;

/// A name in a file that means something elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    pub target: Target,
    /// The whole call.
    pub range: TextRange,
    /// The part that a person points at: the model's name, the table's name, the callee.
    pub name_range: TextRange,
}

/// What a [`Use`] names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    Ref {
        package: Option<String>,
        name: String,
        version: Option<String>,
    },
    Source {
        source: String,
        table: String,
    },
    Doc {
        package: Option<String>,
        name: String,
    },
    Var {
        name: String,
    },
    /// A call of any other name: a macro where the project or a package has one.
    Macro {
        path: Vec<String>,
    },
}

/// How much of a file was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reading {
    #[default]
    Whole,
    /// Of a properties file: names, places, calls and problems, but neither columns nor data.
    Outline,
    /// Nothing yet: the parser reads it when its turn comes.
    Nothing,
}

/// What one file says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    pub reading: Reading,
    pub uses: Vec<Use>,
    /// Macros, generic tests, materializations, snapshots, docs.
    pub blocks: Vec<Block>,
    /// What the code comes to, where its syntax alone says it; `None` where it has to be evaluated.
    pub code: Option<Box<Found>>,
    /// Every call, of files that hold macros.
    pub calls: Vec<Call>,
    pub properties: Option<Properties>,
    /// A seed's header.
    pub header: Vec<String>,
    pub errors: Vec<SyntaxError>,
    /// What dbt refuses in its shape, though it can be read.
    pub problems: Vec<Problem>,
}

impl Facts {
    /// The first `config()` of a file of code: the place to look at where a node's config is wrong.
    pub(crate) fn config_call(&self) -> Option<&Use> {
        self.uses.iter().find(|used| matches!(&used.target, Target::Macro { path } if *path == ["config"]))
    }

    /// The facts of a properties file that the parser is to read itself.
    pub fn unread() -> Self {
        Self { reading: Reading::Nothing, ..Self::default() }
    }

    /// What of a properties file's facts a later change asks for.
    pub(crate) fn outline(mut self) -> Self {
        self.reading = Reading::Outline;
        if let Some(properties) = &mut self.properties {
            properties.uses = Vec::new();
            properties.entries.iter_mut().for_each(properties::Entry::outline);
            properties.entries.shrink_to_fit();
        }
        self
    }
}

/// Reads one file of a known kind.
pub fn read(kind: FileKind, source: &str) -> Facts {
    match kind {
        FileKind::Properties => {
            let (properties, problems) = properties::read(source);
            Facts { uses: properties.uses.clone(), errors: properties.errors.clone(), problems, properties: Some(properties), ..Facts::default() }
        }
        FileKind::Docs => {
            let (blocks, errors) = syntax_jinja::docs(source);
            Facts { blocks, errors, ..Facts::default() }
        }
        FileKind::PythonModel => {
            let parsed = syntax::python::parse(source);
            let own: Vec<Call> = parsed.calls.iter().map(|call| Call { path: call.path[1..].to_vec(), ..call.clone() }).collect();
            Facts {
                uses: uses_of(&own).into_iter().filter(|found| !matches!(found.target, Target::Macro { .. })).collect(),
                code: Some(Box::new(evaluate::python(&own))),
                problems: if parsed.errors.is_empty() { shape::python(source, &parsed) } else { Vec::new() },
                errors: parsed.errors,
                ..Facts::default()
            }
        }
        FileKind::Selectors | FileKind::Packages | FileKind::Project => {
            let tree = syntax::yaml::parse(source);
            // What else is wrong with dbt_project.yml is in its config.
            let errors = if kind == FileKind::Project { Vec::new() } else { tree.error.into_iter().collect() };
            let check = match kind {
                FileKind::Project => shape::project,
                FileKind::Selectors => shape::selectors,
                _ => shape::other,
            };
            Facts { errors, problems: tree.root.as_ref().map(check).unwrap_or_default(), ..Facts::default() }
        }
        FileKind::Seed => Facts { header: csv_header(source), ..Facts::default() },
        kind if kind.is_sql() => {
            let parsed = syntax_jinja::parse(source);
            let code = if kind.holds_macros() { None } else { evaluate::code(&parsed) };
            let uses = uses_of(&parsed.calls);
            let errors = if kind.holds_macros() || kind == FileKind::Snapshot { errors_in_blocks(source, &parsed) } else { parsed.errors };
            let calls = if kind.holds_macros() { parsed.calls } else { Vec::new() };
            let problems = misplaced_blocks(kind, source, &parsed.blocks);
            Facts { uses, code: code.map(Box::new), calls, blocks: parsed.blocks, errors, problems, ..Facts::default() }
        }
        _ => Facts::default(),
    }
}

/// Blocks that dbt has no tag for there: a snapshot in anything but a snapshots file, and `data_test`, which its docs name.
fn misplaced_blocks(kind: FileKind, source: &str, blocks: &[Block]) -> Vec<Problem> {
    let word = |block: &Block| match block.kind {
        BlockKind::Snapshot if matches!(kind, FileKind::Model | FileKind::Analysis | FileKind::SingularTest) => Some("snapshot"),
        BlockKind::Test if TextRange::new(block.range.start as usize, block.name_range.start as usize).of(source).contains("data_test") => Some("data_test"),
        _ => None,
    };
    let told = blocks.iter().filter_map(|block| {
        let word = word(block)?;
        let message = match word {
            "snapshot" => "a snapshot's block belongs into a file below snapshot-paths; move it there",
            _ => "dbt knows no `data_test` block; write `{% test … %}` and `{% endtest %}`",
        };
        let says = format!("Compilation Error{{node}}\n  Encountered unknown tag '{word}'.");
        Some(Problem { range: block.name_range, severity: Severity::Error, code: "jinja-syntax", message: message.to_owned(), dbt: says })
    });
    told.collect()
}

/// The errors of a file of which dbt reads the blocks alone: what stands between them may be anything, but a tag there is told.
fn errors_in_blocks(source: &str, parsed: &syntax_jinja::Jinja) -> Vec<SyntaxError> {
    let is_inside = |error: &SyntaxError| parsed.blocks.iter().any(|block| block.range.contains_range(error.range));
    if parsed.errors.iter().all(is_inside) {
        return parsed.errors.clone();
    }
    // Blanks in the place of everything else, so that places stay.
    let mut bytes: Vec<u8> = source.bytes().map(|byte| if byte == b'\n' { byte } else { b' ' }).collect();
    for block in &parsed.blocks {
        let range = block.range.start as usize..block.range.end as usize;
        bytes[range.clone()].copy_from_slice(&source.as_bytes()[range]);
    }
    let within = String::from_utf8(bytes).map(|text| syntax_jinja::parse(&text).errors).unwrap_or_default();
    let between = parsed.errors.iter().filter(|error| !is_inside(error) && error.message.starts_with(UNKNOWN_STATEMENT)).cloned();
    between.chain(within).collect()
}

/// What the reader says of a tag that Jinja doesn't know.
pub(crate) const UNKNOWN_STATEMENT: &str = "invalid Jinja: unknown statement ";

/// What the Jinja in a text names, wherever its tags stand.
pub fn uses_in(source: &str) -> Vec<Use> {
    uses_of(&syntax_jinja::parse(source).calls)
}

/// What the Jinja in a part of a text names, such as in a hook that `config()` is given as a string.
pub fn uses_within(source: &str, part: TextRange) -> Vec<Use> {
    uses_of(&syntax_jinja::calls_in(part.of(source), part.start as usize))
}

/// The uses that calls make.
pub(crate) fn uses_of(calls: &[Call]) -> Vec<Use> {
    let mut uses: Vec<Use> = calls.iter().filter_map(use_of).collect();
    uses.shrink_to_fit();
    uses
}

fn use_of(call: &Call) -> Option<Use> {
    let made = |target, name_range| Some(Use { target, range: call.range, name_range });
    let literal = |index: usize| call.positional(index).and_then(|arg| Some((arg.value.as_str()?.to_owned(), arg.range)));
    // `builtins.ref` is the original under an override.
    let name = match call.path.as_slice() {
        [name] => name.as_str(),
        [first, name] if first == "builtins" => name.as_str(),
        _ => "",
    };
    match name {
        "ref" => {
            let version = call.keyword("v").or_else(|| call.keyword("version")).and_then(|arg| arg.value.to_text());
            match (literal(0), literal(1)) {
                (Some((package, _)), Some((name, range))) => made(Target::Ref { package: Some(package), name, version }, range),
                (Some((name, range)), None) if call.positional(1).is_none() => made(Target::Ref { package: None, name, version }, range),
                _ => None,
            }
        }
        "source" => match (literal(0), literal(1)) {
            (Some((source, _)), Some((table, range))) => made(Target::Source { source, table }, range),
            _ => None,
        },
        "doc" => match (literal(0), literal(1)) {
            (Some((package, _)), Some((name, range))) => made(Target::Doc { package: Some(package), name }, range),
            (Some((name, range)), None) => made(Target::Doc { package: None, name }, range),
            _ => None,
        },
        "var" => literal(0).and_then(|(name, range)| made(Target::Var { name }, range)),
        _ => made(Target::Macro { path: call.path.clone() }, call.callee),
    }
}

/// The `doc()` calls of a description, found in its text as it is written.
pub(crate) fn doc_uses(source: &str, range: TextRange) -> Vec<Use> {
    uses_within(source, range).into_iter().filter(|found| matches!(found.target, Target::Doc { .. })).collect()
}

/// What an expression without braces names, such as `ref('x')` in `depends_on`. `value` is the scalar's text, `range` its place.
pub fn expression_uses(source: &str, range: TextRange, value: &str) -> Vec<Use> {
    let written = range.of(source);
    // Quotes and escapes aside, the value stands in the file as it is; where it doesn't, the whole scalar is its place.
    let inside = written.find(value).map(|at| range.start as usize + at);
    let wrapped = format!("{{{{{value}}}}}");
    let text = if value.contains("{{") { value } else { &wrapped };
    let lead = if value.contains("{{") { 0 } else { 2 };
    let calls = syntax_jinja::calls_in(text, 0);
    let mut uses: Vec<Use> = uses_of(&calls).into_iter().filter(|found| matches!(found.target, Target::Ref { .. } | Target::Source { .. })).collect();
    for found in &mut uses {
        for place in [&mut found.range, &mut found.name_range] {
            *place = match inside {
                Some(start) => TextRange::new(place.start as usize + start - lead, place.end as usize + start - lead),
                None => range,
            };
        }
    }
    uses
}

/// The column names of a CSV file; nothing after its first record is read.
fn csv_header(source: &str) -> Vec<String> {
    csv_records(source, 1).pop().unwrap_or_default()
}

/// The first records of a CSV file, blanks around values taken off, as far as they can be read; the columns' names are the first.
pub fn csv_records(source: &str, most: usize) -> Vec<Vec<String>> {
    let text = source.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    reader.records().take(most).map_while(Result::ok).map(|record| record.iter().map(str::to_owned).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_their_places() {
        let source =
            "{{ config(materialized='table') }} select {{ cents('x') }} from {{ ref('p', 'm', v=2) }} join {{ source('s', 't') }} {{ var('d') }} {{ ref(x) }}";
        let facts = read(FileKind::Model, source);
        let shown: Vec<String> = facts.uses.iter().map(|found| format!("{:?} at {}", found.target, found.name_range.of(source))).collect();
        expect_test::expect![[r#"
            Macro { path: ["config"] } at config
            Macro { path: ["cents"] } at cents
            Ref { package: Some("p"), name: "m", version: Some("2") } at 'm'
            Source { source: "s", table: "t" } at 't'
            Var { name: "d" } at 'd'"#]]
        .assert_eq(&shown.join("\n"));
        assert_eq!(facts.code, None, "`cents` has to be evaluated");
    }

    #[test]
    fn names_in_yaml() {
        let source = "exposures:\n- name: e\n  depends_on: [ref('a'), \"source('s', 't')\"]\nmodels:\n- name: m\n  description: \"see {{ doc('d') }}\"\n  columns:\n  - name: c\n    data_tests:\n    - relationships:\n        arguments: {to: ref('b'), field: id}\n";
        let facts = read(FileKind::Properties, source);
        let shown: Vec<String> = facts.uses.iter().map(|found| format!("{:?} at {}", found.target, found.name_range.of(source))).collect();
        expect_test::expect![[r#"
            Doc { package: None, name: "d" } at 'd'
            Ref { package: None, name: "b", version: None } at 'b'
            Ref { package: None, name: "a", version: None } at 'a'
            Source { source: "s", table: "t" } at 't'"#]]
        .assert_eq(&shown.join("\n"));
    }

    #[test]
    fn headers() {
        assert_eq!(csv_header("\u{feff}id,\"a, b\",c\r\n1,2,3"), ["id", "a, b", "c"]);
        assert!(csv_header("").is_empty());
    }
}
