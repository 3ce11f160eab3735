//! Inside of Jinja's tags: variables, functions, macros, filters, tests, statements.

use super::{CompletionDoc, CompletionKind, Completions, Offers, word_before, word_behind};
use crate::words::{Word, WordKind};
use crate::{Analysis, File};
use dbt::Macro;
use syntax::jinja::{self, Tag, TagKind};
use text::TextRange;

/// The tag around an offset.
pub(super) fn tag_at(text: &str, offset: usize) -> Option<Tag> {
    let tags = jinja::scan(text);
    let tag = tags.into_iter().find(|tag| {
        let behind_open = tag.outer.start as usize + 2 <= offset;
        behind_open && if tag.closed { offset <= tag.inner.end as usize } else { offset <= tag.outer.end as usize }
    })?;
    (tag.kind != TagKind::Comment).then_some(tag)
}

/// Whether an offset is inside of `{# … #}`.
pub(super) fn is_in_comment(text: &str, offset: usize) -> bool {
    jinja::scan(text).iter().any(|tag| tag.kind == TagKind::Comment && tag.inner.touches(offset))
}

impl Analysis {
    pub(super) fn complete_tag(&self, file: &File, tag: Tag, offset: usize) -> Completions {
        let text = &*file.text;
        let (start, typed) = word_before(text, offset);
        let end = word_behind(text, offset);
        let mut offers = Offers::new(TextRange::new(start, end), typed);
        let inside = &text[tag.inner.start as usize..start.max(tag.inner.start as usize)];
        if is_in_string(inside) {
            return Completions::default();
        }
        let before = inside.trim_end();
        let last_word = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        let has_call = text[end..].trim_start().starts_with('(');
        if before.ends_with('|') {
            push_words(&mut offers, WordKind::Filter, CompletionKind::Function, 0);
        } else if last_word == "is" || before.ends_with(" is not") {
            push_words(&mut offers, WordKind::Test, CompletionKind::Function, 0);
        } else if let Some(head) = before.strip_suffix('.').filter(|_| inside.ends_with('.')) {
            let package = head.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            self.members(&mut offers, package, has_call);
        } else if tag.kind == TagKind::Statement && before.trim_start_matches(['-', '+']).trim().is_empty() {
            self.statements(&mut offers, tag);
        } else if ends_operand(inside, last_word) {
            // Behind a whole value comes an operator.
            for word in ["and", "or", "in", "is", "if", "else", "not"].into_iter().filter(|_| inside.ends_with(char::is_whitespace)) {
                offers.add(0, word, CompletionKind::Keyword, "", None, word);
            }
        } else {
            for name in self.parameters_around(file, offset) {
                offers.add(0, &format!("{name}="), CompletionKind::Property, "argument", None, format!("{name}="));
            }
            self.names(&mut offers, file, offset, has_call);
        }
        offers.done()
    }

    /// In Markdown only docs blocks mean something.
    pub(super) fn complete_docs_tag(&self, file: &File, tag: Tag, offset: usize) -> Completions {
        let (start, typed) = word_before(&file.text, offset);
        let mut offers = Offers::new(TextRange::new(start, word_behind(&file.text, offset)), typed);
        let inside = &file.text[tag.inner.start as usize..start.max(tag.inner.start as usize)];
        if tag.kind == TagKind::Statement && inside.trim().is_empty() {
            for word in Word::all(WordKind::Statement).filter(|word| matches!(word.name, "docs" | "enddocs")) {
                push_statement(&mut offers, &word, tag);
            }
        }
        offers.done()
    }

    /// What stands behind `package.`, or behind another name that has members.
    fn members(&self, offers: &mut Offers<'_>, package: &str, has_call: bool) {
        for found in self.index.macros.iter().filter(|found| *found.package == *package && !is_inner(found)) {
            push_macro(offers, 0, &found.name, found, has_call);
        }
        if package == "dbt" {
            for found in self.index.builtin_macros().into_iter().filter(|found| found.package == "dbt") {
                let doc = Word::find(WordKind::Function, &found.name).map(|word| CompletionDoc::Text(word.doc.to_owned()));
                let (text, snippet) = call_of(&found.name, &found.parameters, has_call);
                offers.add_snippet(0, &found.name, CompletionKind::Macro, format!("({})", found.parameters.join(", ")), doc, text, snippet);
            }
        }
        let fixed: &[&str] = match package {
            "adapter" => &[
                "dispatch",
                "get_relation",
                "get_columns_in_relation",
                "load_relation",
                "create_schema",
                "drop_schema",
                "drop_relation",
                "rename_relation",
                "get_missing_columns",
                "expand_target_column_types",
                "quote",
                "type",
            ],
            "target" => &["name", "schema", "type", "profile_name", "database", "threads"],
            "this" => &["database", "schema", "identifier", "name", "type", "include", "is_table", "is_view"],
            "exceptions" => &["raise_compiler_error", "warn"],
            "modules" => &["datetime", "pytz", "re", "itertools"],
            "flags" => &["FULL_REFRESH", "WHICH", "STORE_FAILURES", "DEBUG"],
            "loop" => &["index", "index0", "first", "last", "length", "revindex", "previtem", "nextitem", "cycle"],
            "model" => &["name", "unique_id", "config", "schema", "alias", "database", "tags", "columns", "description", "path", "resource_type"],
            "api" => &["Relation", "Column"],
            _ => &[],
        };
        for name in fixed {
            offers.add(0, name, CompletionKind::Property, package, None, *name);
        }
    }

    fn statements(&self, offers: &mut Offers<'_>, tag: Tag) {
        for word in Word::all(WordKind::Statement) {
            push_statement(offers, &word, tag);
        }
    }

    fn names(&self, offers: &mut Offers<'_>, file: &File, offset: usize, has_call: bool) {
        let names = jinja::names(&file.text);
        for local in names.locals.iter().filter(|local| local.scope.touches(offset)) {
            let detail = if local.is_parameter { "parameter" } else { "variable" };
            offers.add(0, &local.name, CompletionKind::Var, detail, None, local.name.as_str());
        }
        for word in Word::all(WordKind::Function).filter(|word| !word.signature.unwrap_or_default().contains('.')) {
            let doc = Some(CompletionDoc::Text(word.doc.to_owned()));
            let takes_none = word.signature.is_some_and(|signature| signature.ends_with("()"));
            let quoted = matches!(word.name, "ref" | "source" | "var" | "doc" | "env_var" | "metric");
            let (text, snippet) = match (has_call, takes_none, quoted) {
                (true, ..) => (word.name.to_owned(), None),
                (_, true, _) => (format!("{}()", word.name), None),
                (_, _, true) => (format!("{}('')", word.name), Some(format!("{}('$1')$0", word.name))),
                _ => (format!("{}()", word.name), Some(format!("{}($1)$0", word.name))),
            };
            let rank = if matches!(word.name, "ref" | "source" | "config" | "var") { 1 } else { 5 };
            offers.add_snippet(rank, word.name, CompletionKind::Function, word.signature.unwrap_or_default(), doc, text, snippet);
        }
        push_words(offers, WordKind::Variable, CompletionKind::Var, 4);
        let package = self.package_of(file);
        for found in self.index.macros.iter().filter(|found| !is_inner(found)) {
            if *found.package == *package {
                push_macro(offers, 2, &found.name, found, has_call);
            } else {
                push_macro(offers, 6, &format!("{}.{}", found.package, found.name), found, has_call);
            }
        }
        for name in self.index.packages.iter().skip(1) {
            offers.add(6, name, CompletionKind::Package, "package", None, &**name);
        }
        for word in ["and", "or", "not", "in", "is", "if", "else", "true", "false", "none"] {
            offers.add(8, word, CompletionKind::Keyword, "", None, word);
        }
    }
}

/// Macros that nobody calls by their name: tests, implementations.
fn is_inner(found: &Macro) -> bool {
    found.is_generic_test || found.name.starts_with("materialization_") || found.name.contains("__")
}

fn push_words(offers: &mut Offers<'_>, of: WordKind, kind: CompletionKind, rank: u32) {
    for word in Word::all(of) {
        offers.add(rank, word.name, kind, of.label(), Some(CompletionDoc::Text(word.doc.to_owned())), word.name);
    }
}

/// A statement with what closes it, where the tag itself is open yet; a closed tag gets the word alone.
fn push_statement(offers: &mut Offers<'_>, word: &Word, tag: Tag) {
    let doc = Some(CompletionDoc::Text(word.doc.to_owned()));
    let snippet = word.snippet.filter(|_| !tag.closed).map(|snippet| format!("{snippet} %}}"));
    offers.add_snippet(0, word.name, CompletionKind::Keyword, "statement", doc, word.name, snippet);
}

fn push_macro(offers: &mut Offers<'_>, rank: u32, label: &str, found: &Macro, has_call: bool) {
    let (text, snippet) = call_of(label, &found.parameters, has_call);
    let doc = Some(CompletionDoc::Macro(found.unique_id.to_string()));
    offers.add_snippet(rank, label, CompletionKind::Macro, format!("({}) · {}", found.parameters.join(", "), found.package), doc, text, snippet);
}

/// A call of a macro, and as a snippet with a place for each argument that it needs.
fn call_of(name: &str, parameters: &[String], has_call: bool) -> (String, Option<String>) {
    if has_call {
        return (name.to_owned(), None);
    }
    if parameters.is_empty() {
        return (format!("{name}()"), None);
    }
    let needed = parameters.iter().filter(|parameter| !parameter.contains('='));
    let places: Vec<String> = needed.enumerate().map(|(number, parameter)| format!("${{{}:{parameter}}}", number + 1)).collect();
    let inside = if places.is_empty() { "$1".to_owned() } else { places.join(", ") };
    (format!("{name}()"), Some(format!("{name}({inside})$0")))
}

/// Whether the text before the cursor's word ends with a value rather than with an operator or a statement's word.
fn ends_operand(inside: &str, last_word: &str) -> bool {
    let before = inside.trim_end();
    match before.chars().next_back() {
        Some('\'' | '"' | ')' | ']') => true,
        Some(c) if c.is_alphanumeric() || c == '_' => {
            let is_word_of_jinja =
                Word::find(WordKind::Statement, last_word).is_some() || matches!(last_word, "and" | "or" | "not" | "in" | "is" | "if" | "else");
            !is_word_of_jinja
        }
        _ => false,
    }
}

fn is_in_string(text: &str) -> bool {
    let mut quote = None;
    for c in text.chars() {
        match quote {
            None if matches!(c, '\'' | '"') => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
    }
    quote.is_some()
}
