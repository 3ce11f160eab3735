//! Words inside of Jinja's tags.

use super::{Thing, inner};
use crate::words::{ConfigWord, Word, WordKind};
use crate::{Analysis, File};
use syntax::jinja::{self, NameKind};
use text::TextRange;

impl Analysis {
    /// A word inside of a tag: a variable of the file's own, an argument that names something, a word of Jinja. `None` outside of tags.
    pub(super) fn thing_in_tag(&self, file: &File, offset: usize) -> Option<(Thing, TextRange)> {
        let names = jinja::names(&file.text);
        if let Some(string) = names.strings.iter().find(|string| string.touches(offset)) {
            return self.thing_in_string(file, *string);
        }
        let name = names.names.iter().find(|name| name.range.touches(offset))?;
        let word = name.range.of(&file.text);
        let local = || names.local(word, offset).map(|local| Thing::Local(local.definition));
        let of_kind = |kind: WordKind| Word::find(kind, word).map(|found| Thing::Word(kind, found.name.to_owned()));
        let thing = match name.kind {
            NameKind::Keyword => of_kind(WordKind::Statement),
            NameKind::Filter => of_kind(WordKind::Filter),
            NameKind::Test => of_kind(WordKind::Test),
            NameKind::Definition => local(),
            NameKind::Variable => local().or_else(|| of_kind(WordKind::Variable)).or_else(|| self.package_called(word)),
            NameKind::Call => local().or_else(|| self.called(file, &[word.to_owned()], word)),
            NameKind::Method => {
                let head = file.text[..name.range.start as usize].trim_end_matches('.');
                let (_, package) = super::word_before(head, head.len());
                self.called(file, &[package.to_owned(), word.to_owned()], word)
            }
            NameKind::Argument => self.argument(file, name.range),
            NameKind::Attribute => None,
        };
        thing.map(|thing| (thing, name.range))
    }

    fn package_called(&self, name: &str) -> Option<Thing> {
        self.index.packages.iter().any(|package| **package == *name).then(|| Thing::Package(name.to_owned()))
    }

    /// What a call calls: a macro, dbt's own function, a macro of dbt's own.
    fn called(&self, file: &File, path: &[String], word: &str) -> Option<Thing> {
        let found = self.macro_named(path, self.package_of(file));
        let own = || Word::find(WordKind::Function, word).map(|found| Thing::Word(WordKind::Function, found.name.to_owned()));
        found.or_else(own).or_else(|| self.index.is_builtin_macro(word).then(|| Thing::Builtin(word.to_owned())))
    }

    /// `materialized=` in `config(…)`.
    fn argument(&self, file: &File, range: TextRange) -> Option<Thing> {
        let call = jinja::parse(&file.text).calls.into_iter().filter(|call| call.range.contains_range(range)).min_by_key(|call| call.range.len())?;
        let word = range.of(&file.text);
        (call.is("config") && ConfigWord::find(word).is_some()).then(|| Thing::Config(word.to_owned()))
    }

    /// A text that names something: of `env_var`, `dispatch`, a half-written `ref`.
    fn thing_in_string(&self, file: &File, string: TextRange) -> Option<(Thing, TextRange)> {
        let call = jinja::parse(&file.text).calls.into_iter().filter(|call| call.range.contains_range(string)).min_by_key(|call| call.range.len())?;
        let place = inner(&file.text, string);
        let word = place.of(&file.text).to_owned();
        let is_first = call.positional(0).is_some_and(|argument| argument.range == string);
        match call.path.last().map(String::as_str) {
            Some("env_var") if is_first => Some((Thing::EnvVar(word), string)),
            Some("dispatch") if is_first => {
                let package = call.arg(1, "macro_namespace").and_then(|argument| argument.value.as_str().map(str::to_owned));
                self.implementation_of(&word, package.as_deref(), self.package_of(file)).map(|at| (Thing::Macro(at), string))
            }
            Some("source") if is_first => Some((Thing::Source(word), string)),
            _ => None,
        }
    }

    /// The macro that a dispatch of a name comes to for this adapter: the first of `<adapter>__name` … `default__name`.
    pub(crate) fn implementation_of(&self, name: &str, namespace: Option<&str>, package: &str) -> Option<usize> {
        let packages: Vec<&str> = namespace.into_iter().chain([package, &*self.index.project]).collect();
        let prefixes = self.index.dispatch_prefixes();
        let fits = |prefix: &String, of: &str| self.index.macros.iter().position(|found| *found.package == *of && found.name == format!("{prefix}__{name}"));
        prefixes.iter().find_map(|prefix| packages.iter().find_map(|of| fits(prefix, of)))
    }
}
