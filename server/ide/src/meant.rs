//! What an unknown name was probably meant to be.

use crate::spelling::closest;
use crate::thing::{first_argument, inner};
use crate::words::{Word, WordKind};
use crate::{Analysis, File};
use dbt::{Diagnostic, ResourceType, Target, Use};
use text::TextRange;

/// A name, and what it is to stand in the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meant {
    pub name: String,
    pub range: TextRange,
}

impl Analysis {
    /// The name that was probably meant where a diagnostic tells of an unknown one.
    pub(crate) fn meant(&self, file: &File, found: &Diagnostic) -> Option<Meant> {
        let text = &*file.text;
        let range = inner(text, found.place.range);
        let used = file.facts.uses.iter().find(|used| used.name_range == found.place.range);
        match found.code {
            "unknown-source" => return self.source_meant(text, used?),
            "unknown-ref" if used.is_some_and(|used| !found.message.starts_with("no ") && matches!(used.target, Target::Ref { .. })) => {
                return self.part_meant(text, used?);
            }
            _ => {}
        }
        let written = match found.code {
            // What is wrong stands somewhere in the tag.
            "jinja-evaluation" => found.message.split('\'').nth(1)?,
            _ => range.of(text),
        };
        let name = self.spelt(file, found, written)?;
        let range = match found.code {
            "jinja-evaluation" => super::rename::only_word(text, found.place.range, written)?,
            // Of `package.name` the name alone.
            "unknown-macro" if written.contains('.') && !name.contains('.') => {
                TextRange::new(range.end as usize - written.rsplit('.').next()?.len(), range.end as usize)
            }
            _ => range,
        };
        Some(Meant { name, range })
    }

    /// The known name that is spelt most like an unknown one.
    fn spelt(&self, file: &File, found: &Diagnostic, written: &str) -> Option<String> {
        // Rules of our own say it themselves.
        const SAY_IT: [&str; 5] = ["column-not-made", "unknown-column", "test-on-unknown-column", "unknown-property", "invalid-properties"];
        let said = found.message.rsplit_once("did you mean `").map(|(_, rest)| rest.trim_end_matches("`?"));
        if let Some(name) = said.filter(|_| SAY_IT.contains(&found.code)) {
            return Some(name.to_owned());
        }
        // A value of a few: the message names them all.
        if let Some((_, values)) = found.message.split_once("` must be one of ") {
            return closest(written, values.split(", ")).map(str::to_owned);
        }
        let package = self.package_of(file);
        let macros = |is_test: bool| self.index.macros.iter().filter(move |found| found.is_generic_test == is_test);
        let callable = |found: &dbt::Macro, name: &str| if *found.package == *package { name.to_owned() } else { format!("{}.{name}", found.package) };
        let words = |kind: WordKind| Word::all(kind).map(|word| word.name.to_owned());
        let names: Vec<String> = match found.code {
            "entry-without-node" if found.message.starts_with("no macro") => {
                let own = macros(false).filter(|found| found.package == self.index.project);
                own.map(|found| found.name.clone()).collect()
            }
            "unknown-ref" | "entry-without-node" | "unknown-model" if found.message.starts_with("no ") => {
                return closest(written, self.index.refables().map(|(name, _)| name)).map(str::to_owned);
            }
            "unknown-doc" => return closest(written, self.index.docs.iter().map(|docs| docs.name.as_str())).map(str::to_owned),
            "unknown-macro" => match written.split_once('.') {
                Some((package, name)) => {
                    let own = macros(false).filter(|found| *found.package == *package).map(|found| found.name.clone());
                    let built_in = self.index.builtin_macros().into_iter().filter(|_| package == "dbt").map(|found| found.name);
                    let names: Vec<String> = own.chain(built_in).collect();
                    return closest(name, names.iter().map(String::as_str)).map(str::to_owned);
                }
                None => {
                    let own = macros(false).map(|found| callable(found, &found.name));
                    own.chain(self.index.builtin_macros().into_iter().map(|found| found.name)).chain(words(WordKind::Function)).collect()
                }
            },
            "unknown-test" => {
                let own = macros(true).map(|found| callable(found, found.name.strip_prefix("test_").unwrap_or(&found.name)));
                own.chain(["unique", "not_null", "accepted_values", "relationships"].map(str::to_owned)).collect()
            }
            "jinja-evaluation" if found.message.starts_with("No filter named") => words(WordKind::Filter).collect(),
            "jinja-evaluation" if found.message.starts_with("No test named") => words(WordKind::Test).collect(),
            "unknown-var" => self.config.vars.keys().cloned().collect(),
            "unknown-group" => self.index.few_of(ResourceType::Group).map(|(_, node)| node.name.clone()).collect(),
            _ => return None,
        };
        closest(written, names.iter().map(String::as_str)).map(str::to_owned)
    }

    /// Of an unknown source the part that is misspelt: its name where the table is known, else the table.
    fn source_meant(&self, text: &str, used: &Use) -> Option<Meant> {
        let Target::Source { source, table } = &used.target else { return None };
        let tables: Vec<(&str, &str)> = self.index.tables().filter_map(|(name, index)| Some((name, self.index.nodes[index].source_name.as_deref()?))).collect();
        let with_table = tables.iter().filter(|(name, _)| name == table).map(|(_, source)| *source);
        let of_source = || tables.iter().filter(|(_, name)| name == source).map(|(table, _)| *table);
        let meant = |name: &str, range: TextRange| Some(Meant { name: name.to_owned(), range });
        let others: Vec<&str> = with_table.filter(|name| name != source).collect();
        // The only one that has it may be spelt quite otherwise.
        let only = others.first().filter(|_| others.len() == 1 && of_source().next().is_none()).copied();
        if let Some(name) = closest(source, others.iter().copied()).or(only) {
            return meant(name, first_argument(text, used.range)?);
        }
        if let Some(name) = closest(table, of_source()) {
            return meant(name, inner(text, used.name_range));
        }
        match of_source().next() {
            Some(_) => None,
            None => meant(closest(source, tables.iter().map(|(_, source)| *source))?, first_argument(text, used.range)?),
        }
    }

    /// Of a `ref` to a package or a version that isn't there: another one.
    fn part_meant(&self, text: &str, used: &Use) -> Option<Meant> {
        let Target::Ref { package, name, version } = &used.target else { return None };
        if let Some(package) = package.as_deref().filter(|package| !self.index.packages.iter().any(|known| **known == **package)) {
            let name = closest(package, self.index.packages.iter().map(|known| &**known))?;
            return Some(Meant { name: name.to_owned(), range: first_argument(text, used.range)? });
        }
        version.as_ref()?;
        let latest = self.index.resolve_ref(package.as_deref(), name, None, &self.index.project)?;
        let version = self.index.nodes[latest].version.as_deref()?;
        let written = used.range.of(text);
        let value = ["version", "v"].iter().find_map(|key| {
            let at = written.match_indices(key).map(|(at, _)| at).find(|&at| written[at + key.len()..].trim_start().starts_with('='))?;
            let start = at + key.len() + written[at + key.len()..].find('=')? + 1;
            let start = start + (written[start..].len() - written[start..].trim_start().len());
            let len = written[start..].find([',', ')', ' '])?;
            Some(TextRange::new(used.range.start as usize + start, used.range.start as usize + start + len))
        })?;
        Some(Meant { name: version.to_owned(), range: inner(text, value) })
    }
}
