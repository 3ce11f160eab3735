//! Inside the parentheses of `ref`, `source`, `doc`, `var`, `config` and the like.

use super::rank::Rank;
use super::{CompletionDoc, CompletionKind, Completions, Offers};
use crate::thing::{word_before, word_behind};
use crate::words::ConfigWord;
use crate::{Analysis, File};
use dbt::{FileKind, Node, NodeIndex, ResourceType};
use text::TextRange;

/// The innermost open call before the cursor.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Context<'a> {
    pub function: &'a str,
    /// Whole arguments before the cursor, quotes taken off.
    before: Vec<&'a str>,
    /// The name of the argument that is being written: `v` in `ref('a', v=`.
    keyword: Option<&'a str>,
    /// The quote that the current argument starts with.
    quote: Option<char>,
    /// What is replaced: the argument's text so far and the rest of the word behind the cursor.
    replace: TextRange,
    typed: &'a str,
    /// Whether the closing quote is there already.
    closed: bool,
}

/// Calls are short; what is further away is something else.
const MAX_LOOK_BACK: usize = 2000;

impl Analysis {
    /// What an argument can be; `None` where the call says nothing of it.
    pub(super) fn complete_call(&self, file: &File, context: &Context<'_>, rank: &Rank<'_>) -> Option<Completions> {
        let mut offers = Offers::new(context.replace, context.typed);
        let written = |label: &str| match context.quote {
            Some(_) if context.closed => label.to_owned(),
            Some(quote) => format!("{label}{quote}"),
            None => format!("'{label}'"),
        };
        let package = self.package_of(file);
        match (context.function, context.before.as_slice(), context.keyword) {
            ("ref", before, Some("v" | "version")) => {
                let name = before.last()?;
                let named = self.index.nodes.iter().filter(|node| node.name == *name && node.version.is_some());
                for version in named.filter_map(|node| node.version.as_deref()) {
                    let is_number = version.parse::<f64>().is_ok();
                    let text = if is_number && context.quote.is_none() { version.to_owned() } else { written(version) };
                    offers.add(0, version, CompletionKind::Value, "version", None, text);
                }
            }
            // Of two arguments the first is a package.
            ("ref", [], None) if has_another(&file.text, context.replace.end as usize, context.closed) => {
                for name in self.index.packages.iter() {
                    offers.add(0, name, CompletionKind::Package, "package", None, written(name));
                }
            }
            ("ref", [], None) => {
                let own = self.index.nodes_of_file(file.id);
                let is_offered = |index: NodeIndex, node: &Node| {
                    let is_latest = node.version.is_none() || self.index.resolve_ref(Some(&node.package), &node.name, None, package) == Some(index);
                    is_latest && (file.kind == FileKind::Properties || !own.contains(&index))
                };
                let all = self.index.refables().filter(|(_, index)| is_offered(*index, &self.index.nodes[*index]));
                for (rank, index) in offers.shortlist(all, |index| rank.of(*index)) {
                    let node = &self.index.nodes[index];
                    offers.add_named(rank, node, format!("{} · {}", node.resource_type, node.package), written(&node.name));
                }
                for name in self.index.packages.iter().skip(1) {
                    offers.add(900, name, CompletionKind::Package, "package", None, written(name));
                }
            }
            ("ref", [package], None) => {
                for (index, node) in self.index.nodes.iter().enumerate().filter(|(_, node)| node.resource_type.is_refable() && *node.package == **package) {
                    offers.add_named(rank.of(index), node, node.resource_type.to_string(), written(&node.name));
                }
                // A model's own name: which of its versions.
                let versions = self.index.nodes.iter().filter(|node| node.name == **package && context.quote.is_none());
                for version in versions.filter_map(|node| node.version.as_deref()) {
                    let value = if version.parse::<f64>().is_ok() { version.to_owned() } else { format!("'{version}'") };
                    offers.add(0, &format!("v={version}"), CompletionKind::Value, "version", None, format!("v={value}"));
                }
            }
            ("env_var", [], None) => {
                let mut names: Vec<&str> = Vec::new();
                for file in self.files.values().filter(|file| file.package == 0) {
                    let uses = file.facts.uses.iter().filter(|used| matches!(&used.target, dbt::Target::Macro { path } if *path == ["env_var"]));
                    names.extend(uses.filter_map(|used| crate::thing::first_argument(&file.text, used.range)).map(|range| range.of(&file.text)));
                }
                names.sort_unstable();
                names.dedup();
                names.retain(|name| !name.is_empty() && *name != context.typed);
                names.into_iter().for_each(|name| offers.add(0, name, CompletionKind::Value, "environment variable", None, written(name)));
            }
            ("source", [], _) => {
                for (index, node) in self.index.nodes.iter().enumerate().filter(|(_, node)| node.resource_type == ResourceType::Source) {
                    let name = node.source_name.as_deref().unwrap_or_default();
                    let doc = node.source_description.as_ref().map(|description| CompletionDoc::Text(description.text.clone()));
                    offers.add(rank.of(index), name, CompletionKind::Source, "source", doc, written(name));
                }
            }
            ("source", [source], _) => {
                for (index, node) in self.index.nodes.iter().enumerate().filter(|(_, node)| node.source_name.as_deref() == Some(*source)) {
                    offers.add_named(rank.of(index), node, format!("table of {source}"), written(&node.name));
                }
            }
            ("doc", [], _) => {
                for docs in self.index.docs.iter() {
                    let rank = if *docs.package == *package { 0 } else { 1 };
                    let doc = Some(CompletionDoc::Docs(docs.unique_id.to_string()));
                    offers.add(rank, &docs.name, CompletionKind::Docs, format!("docs · {}", docs.package), doc, written(&docs.name));
                }
            }
            ("var", [], _) => {
                for (name, (_, value)) in &self.config.vars {
                    offers.add(0, name, CompletionKind::Var, value.clone(), None, written(name));
                }
            }
            ("metric", [], _) => {
                self.of_type(&mut offers, ResourceType::Metric, written);
            }
            ("dispatch", [], None | Some("macro_name")) => {
                for found in self.index.macros.iter().filter(|found| *found.package == *package && !found.is_generic_test) {
                    let name = found.name.split_once("__").map_or(found.name.as_str(), |(_, name)| name);
                    offers.add(0, name, CompletionKind::Macro, "macro", Some(CompletionDoc::Macro(found.unique_id.to_string())), written(name));
                }
            }
            ("dispatch", [_], _) | ("dispatch", _, Some("macro_namespace")) => {
                for name in self.index.packages.iter() {
                    offers.add(0, name, CompletionKind::Package, "package", None, written(name));
                }
            }
            ("config", _, Some(keyword)) => {
                let word = ConfigWord::find(keyword)?;
                if keyword == "group" {
                    self.of_type(&mut offers, ResourceType::Group, written);
                }
                for name in self.values_of(keyword) {
                    offers.add(0, &name, CompletionKind::Value, keyword, None, written(&name));
                }
                for (number, value) in word.values.iter().enumerate() {
                    let is_flag = matches!(*value, "true" | "false");
                    let text = if is_flag && context.quote.is_none() { (*value).to_owned() } else { written(value) };
                    offers.add(number as u32, value, CompletionKind::Value, keyword, None, text);
                }
            }
            ("config", _, None) if context.quote.is_none() => {
                let section = match file.kind {
                    FileKind::Snapshot => "snapshots",
                    FileKind::SingularTest | FileKind::GenericTest => "tests",
                    _ => "models",
                };
                for word in ConfigWord::all(section) {
                    let doc = Some(CompletionDoc::Text(word.doc.to_owned()));
                    offers.add(0, word.name, CompletionKind::Property, "config", doc, format!("{}=", word.name));
                }
            }
            _ => return None,
        }
        Some(offers.done())
    }
}

impl Analysis {
    /// What the project's nodes have as a config whose values are its own words.
    fn values_of(&self, config: &str) -> Vec<String> {
        let own = self.index.nodes.iter().filter(|node| node.package == self.index.project);
        let mut found: Vec<String> = match config {
            "tags" => own.flat_map(|node| node.tags.iter()).map(ToString::to_string).collect(),
            "schema" | "database" => own.filter_map(|node| node.config.values.get(config)?.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        };
        found.retain(|value| !value.is_empty());
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The parameters of the macro whose call is around an offset, those that have no argument yet; none where an argument has begun.
    pub(super) fn parameters_around(&self, file: &File, offset: usize) -> Vec<String> {
        let Some(context) = context(&file.text, offset).filter(|context| context.quote.is_none() && context.keyword.is_none()) else { return Vec::new() };
        let Some(found) = self.index.resolve_macro(&[context.function.to_owned()], self.package_of(file)) else { return Vec::new() };
        let names = found.parameters.iter().map(|parameter| parameter.split('=').next().unwrap_or(parameter).to_owned());
        names.skip(context.before.len()).filter(|name| !name.is_empty() && !name.starts_with('*')).collect()
    }
}

/// Whether another argument in quotes stands behind the one that ends at an offset.
fn has_another(text: &str, end: usize, closed: bool) -> bool {
    let behind = &text[end + usize::from(closed)..];
    behind.trim_start().strip_prefix(',').is_some_and(|rest| rest.trim_start().starts_with(['\'', '"']))
}

/// Reads the call around an offset; `None` outside of calls and behind a finished argument.
pub(super) fn context(text: &str, offset: usize) -> Option<Context<'_>> {
    let head = text.get(..offset)?;
    let floor = text.ceil_char_boundary(offset.saturating_sub(MAX_LOOK_BACK));
    // Back to the parenthesis that is open here; a tag's end on the way means that the cursor is in no call.
    let (mut depth, mut open) = (0usize, None);
    for (at, c) in head[floor..].char_indices().rev() {
        match c {
            ')' | ']' => depth += 1,
            '(' if depth == 0 => {
                open = Some(floor + at);
                break;
            }
            '(' | '[' => depth = depth.saturating_sub(1),
            '}' | '{' | ';' => return None,
            _ => {}
        }
    }
    let open = open?;
    let callee = head[..open].trim_end();
    let (_, function) = word_before(callee, callee.len());
    let (mut before, mut keyword, mut quote, mut from) = (Vec::new(), None, None, open + 1);
    let mut is_finished = false;
    let mut inner = 0usize;
    // The values of a list that is given by name are arguments of that name.
    let mut in_list = false;
    for (at, c) in head[open + 1..].char_indices() {
        let at = open + 1 + at;
        match (c, quote) {
            ('\'' | '"', None) => {
                quote = Some(c);
                if inner == 0 {
                    from = at + 1;
                }
            }
            (c, Some(open)) if c == open => {
                if inner == 0 {
                    if keyword.is_none() {
                        before.push(&head[from..at]);
                    }
                    is_finished = true;
                    from = at + 1;
                }
                quote = None;
            }
            (_, Some(_)) => {}
            ('[', None) if inner == 0 && !in_list && keyword.is_some() => (in_list, from) = (true, at + 1),
            (']', None) if inner == 0 && in_list => (in_list, is_finished) = (false, true),
            ('(' | '[', None) => inner += 1,
            (')' | ']', None) => inner = inner.saturating_sub(1),
            (',', None) if inner == 0 && in_list => (is_finished, from) = (false, at + 1),
            (',', None) if inner == 0 => {
                (keyword, is_finished, from) = (None, false, at + 1);
            }
            ('=', None) if inner == 0 => {
                keyword = Some(head[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    // Behind a finished argument there is nothing to complete before the comma.
    if (quote.is_none() && is_finished) || inner > 0 {
        return None;
    }
    let so_far = &head[from..];
    let lead = if quote.is_some() { 0 } else { so_far.len() - so_far.trim_start().len() };
    let word_end = word_behind(text, offset);
    let closed = quote.is_some_and(|quote| text[word_end..].starts_with(quote));
    // Without a quote behind it, the word there may belong to something else.
    let end = if closed || quote.is_none() { word_end } else { offset };
    Some(Context { function, before, keyword, quote, replace: TextRange::new(from + lead, end), typed: &so_far[lead..], closed })
}
