//! A parameter of a macro or a generic test: its calls by keyword, its entry, the tests of properties files that give it.

use super::{Places, line, loose};
use crate::thing::inner;
use crate::{Analysis, File, Thing};
use dbt::{FileKind, Macro, Target, Use};
use syntax::yaml::{self, Node};
use text::{Edit, TextRange};

/// What dbt itself gives a generic test, by these names.
const GIVEN: [&str; 2] = ["model", "column_name"];

impl Analysis {
    /// Does nothing where the name is no parameter's.
    pub(super) fn rename_parameter(&self, file: &File, definition: TextRange, old: &str, name: &str, places: &mut Places) -> Result<(), String> {
        let is_named = |found: &Macro, name: &str| found.parameters.iter().any(|parameter| parameter.split('=').next().is_some_and(|word| word.trim() == name));
        let in_signature = |found: &Macro| {
            let end = found.text.find("%}").map_or(found.range.end, |end| found.range.start + end as u32);
            found.place.file == file.id && found.range.start <= definition.start && definition.end <= end
        };
        let Some(at) = self.index.macros.iter().position(|found| in_signature(found) && is_named(found, old)) else { return Ok(()) };
        let found = &self.index.macros[at];
        if is_named(found, name) {
            return Err(format!("macro `{}` has a parameter `{name}` already", found.name));
        }
        if found.is_generic_test && GIVEN.contains(&old) {
            return Err(format!("dbt gives a generic test its `{old}` by this name"));
        }
        let thing = Thing::Macro(at);
        for mention in self.mentions(file, &thing) {
            let Some(file) = self.file(mention.file) else { continue };
            let mut ranges = self.keywords(file, mention.range, old);
            if file.kind == FileKind::Properties {
                ranges.extend(given_in(file, mention.range, old));
            }
            for range in ranges {
                self.must_be_ours(crate::Mention { file: file.id, range, is_definition: false })?;
                places.entry(file.id).or_default().push(Edit::replace(range, name));
            }
        }
        if let Some((patch, file)) = found.patch.as_ref().and_then(|patch| Some((patch, self.file(patch.place.file)?))) {
            let tree = yaml::parse(&file.text);
            let arguments = tree.root.as_ref().and_then(|root| root.entry_around(patch.name.range)).and_then(|entry| entry.get("arguments"));
            let named = arguments.map(Node::items).unwrap_or_default().iter().filter_map(|item| item.get("name")).filter(|named| named.as_str() == Some(old));
            places.entry(file.id).or_default().extend(named.map(|named| Edit::replace(inner(&file.text, named.range), name)));
        }
        self.no_dispatch_gives(found, old)
    }

    /// Where the call that a macro's name stands in gives an argument by its keyword.
    fn keywords(&self, file: &File, mention: TextRange, keyword: &str) -> Vec<TextRange> {
        let text = &*file.text;
        let more = self.more_uses(file);
        let uses: Vec<&Use> = file.facts.uses.iter().chain(&more).collect();
        let Some(call) = uses.iter().find(|used| matches!(used.target, Target::Macro { .. }) && used.name_range.contains_range(mention)) else {
            return Vec::new();
        };
        let inside =
            |range: TextRange| uses.iter().any(|used| used.range != call.range && call.range.contains_range(used.range) && used.range.contains_range(range));
        loose::words_in(text, call.range, keyword).into_iter().filter(|range| is_keyword(text, *range) && !inside(*range)).collect()
    }

    /// An implementation that a dispatch calls by keyword is called in a way that isn't followed.
    fn no_dispatch_gives(&self, found: &Macro, keyword: &str) -> Result<(), String> {
        let Some((_, base)) = found.name.split_once("__") else { return Ok(()) };
        for other in self.index.macros.iter().filter(|other| other.text.contains("dispatch") && other.text.contains(base)) {
            let Some(file) = self.file(other.place.file) else { continue };
            let words = loose::words_in(&file.text, other.range, keyword);
            if let Some(range) = words.into_iter().find(|range| is_keyword(&file.text, *range)) {
                return Err(format!(
                    "{}, {}, may give `{keyword}` by its name through a dispatch; give it by its place there first",
                    file.relative,
                    line(file, range)
                ));
            }
        }
        Ok(())
    }
}

/// Whether a word is the keyword of an argument: behind a parenthesis or a comma, before one `=`.
fn is_keyword(text: &str, range: TextRange) -> bool {
    let behind = text[range.end as usize..].trim_start();
    behind.starts_with('=') && !behind.starts_with("==") && text[..range.start as usize].trim_end().ends_with(['(', ','])
}

/// Where the arguments of a test in YAML give one by its name.
fn given_in(file: &File, test: TextRange, name: &str) -> Option<TextRange> {
    fn value_of(node: &Node, test: TextRange) -> Option<&Node> {
        let own = node.entries().iter().find(|(key, _)| key.range.contains_range(test)).map(|(_, value)| value);
        own.or_else(|| node.entries().iter().map(|(_, value)| value).chain(node.items()).find_map(|part| value_of(part, test)))
    }
    let tree = yaml::parse(&file.text);
    let arguments = value_of(tree.root.as_ref()?, test)?;
    let key = |node: &Node| node.entries().iter().find(|(key, _)| key.as_str() == Some(name)).map(|(key, _)| inner(&file.text, key.range));
    key(arguments).or_else(|| key(arguments.get("arguments")?))
}
