//! In YAML: properties by dbt's schema, configs, names of what there is to describe.

use super::rank::Rank;
use super::{CompletionDoc, CompletionKind, Completions, Offers};
use crate::words::{ConfigWord, Word, WordKind, project_key, property};
use crate::yaml_context::{Place, YamlContext};
use crate::{Analysis, File};
use dbt::{FileKind, NodeIndex, ResourceType, Takes};

impl Analysis {
    pub(super) fn complete_yaml(&self, file: &File, offset: usize, rank: &Rank<'_>) -> Completions {
        let Some(context) = YamlContext::at(&file.text, offset) else { return Completions::default() };
        let mut offers = Offers::new(context.replace, context.typed);
        let path: Vec<&str> = context.path.iter().map(String::as_str).collect();
        if file.kind == FileKind::Project {
            self.complete_project(&mut offers, &context, &path);
            return offers.done();
        }
        match &context.place {
            Place::Key => self.complete_key(&mut offers, &context, &path),
            Place::Value(key) => self.complete_value(&mut offers, file, &context, &path, key, rank),
            Place::Item => self.complete_item(&mut offers, &context, &path, rank),
        }
        let mut made = offers.done();
        if let Some((quote, is_closed)) = context.quote {
            // Names alone stand in quotes.
            made.offers.retain(|offer| !offer.edit.insert.contains([quote, '\n']) && !offer.edit.insert.trim_end().ends_with(':'));
            for offer in &mut made.offers {
                offer.snippet = None;
                if !is_closed {
                    offer.edit.insert.push(quote);
                }
            }
        }
        made
    }

    fn complete_key(&self, offers: &mut Offers<'_>, context: &YamlContext<'_>, path: &[&str]) {
        if let Some(config) = path.iter().position(|part| *part == "config").filter(|at| at + 1 == path.len()) {
            let holder = path[..config].iter().rev().find(|part| matches!(**part, "data_tests" | "tests" | "tables" | "versions"));
            for word in ConfigWord::all(holder.or(path.first()).copied().unwrap_or_default()).filter(|word| !context.has(word.name)) {
                let doc = Some(CompletionDoc::Text(word.doc.to_owned()));
                offers.add(0, word.name, CompletionKind::Property, "config", doc, format!("{}: ", word.name));
            }
            return;
        }
        let of_dbt: &[&str] = match path.last() {
            Some(&"owner") => &["name", "email"],
            Some(&"contract") => &["enforced", "alias_types"],
            _ => &[],
        };
        for name in of_dbt.iter().filter(|name| !context.has(name)) {
            offers.add(0, name, CompletionKind::Property, "", property(name).map(|doc| CompletionDoc::Text(doc.to_owned())), format!("{name}: "));
        }
        if let Some((name, at)) = test_around(path) {
            return self.test_arguments(offers, context, name, at == path.len());
        }
        if path.last() == Some(&"[]") && matches!(path.get(path.len().wrapping_sub(2)), Some(&"data_tests" | &"tests")) {
            return self.tests(offers, context);
        }
        for key in dbt::keys_at(path).into_iter().filter(|key| !context.has(key.name) && key.name != "tests") {
            let indent = " ".repeat(context.column);
            let text = match key.takes {
                _ if context.is_flow => format!("{}: ", key.name),
                Takes::Entries => format!("{}:\n{indent}  - name: ", key.name),
                Takes::List => format!("{}:\n{indent}  - ", key.name),
                Takes::Mapping => format!("{}:\n{indent}  ", key.name),
                _ => format!("{}: ", key.name),
            };
            let doc = property(key.name).map(|doc| CompletionDoc::Text(doc.to_owned()));
            offers.add(u32::from(!key.is_required), key.name, CompletionKind::Property, if key.is_required { "required" } else { "" }, doc, text);
        }
    }

    fn complete_value(&self, offers: &mut Offers<'_>, file: &File, context: &YamlContext<'_>, path: &[&str], key: &str, rank: &Rank<'_>) {
        match (path, key) {
            (["models" | "seeds" | "snapshots" | "macros" | "sources", "[]"], "name") => self.undescribed(offers, path[0], rank),
            (_, "name") if path.len() >= 2 && path[path.len() - 2..] == ["columns", "[]"] => self.undescribed_columns(offers, file, context),
            (_, "group") => self.of_type(offers, ResourceType::Group, str::to_owned),
            (["unit_tests", "[]"], "model") => self.refables(offers, rank, |name| name.to_owned()),
            (["semantic_models", "[]"], "model") | (_, "relation") => self.refables(offers, rank, |name| format!("ref('{name}')")),
            (_, "to" | "input") => self.relations_in_quotes(offers, rank),
            (_, "field") => {
                let other = context.value_of("to").and_then(|to| dbt::uses_in(&format!("{{{{ {to} }}}}")).into_iter().next());
                let index = other.and_then(|used| self.index.resolve(&used.target, self.package_of(file)));
                if let Some(index) = index {
                    self.columns(offers, index, &[]);
                }
            }
            (_, "description") => {
                for docs in self.index.docs.iter() {
                    let label = format!("doc('{}')", docs.name);
                    let doc = Some(CompletionDoc::Docs(docs.unique_id.to_string()));
                    offers.add(0, &label, CompletionKind::Docs, format!("docs · {}", docs.package), doc, format!("\"{{{{ doc('{}') }}}}\"", docs.name));
                }
            }
            (["metrics" | "saved_queries", ..], "measure") => {
                let measures = self.index.nodes.iter().flat_map(|node| node.details.iter()).filter(|(label, _)| *label == "measure");
                for (_, shown) in measures {
                    let name = shown.split(' ').next().unwrap_or_default();
                    offers.add(0, name, CompletionKind::Value, "measure", None, name);
                }
            }
            (["metrics", "[]"], "type") => offers.words(key, &dbt::METRIC_TYPES),
            (_, "agg") => offers.words(key, &dbt::AGGREGATIONS),
            (["metrics", ..], "numerator" | "denominator" | "metric" | "base_metric") => self.of_type(offers, ResourceType::Metric, str::to_owned),
            _ => {
                let is_config = path.last() == Some(&"config") || matches!(key, "materialized" | "severity" | "access");
                let words = if is_config { ConfigWord::find(key).map(|word| word.values).unwrap_or_default() } else { Vec::new() };
                offers.words(key, &words);
                match dbt::keys_at(path).into_iter().find(|known| known.name == key).map(|known| known.takes) {
                    Some(Takes::OneOf(values)) => offers.words(key, values),
                    Some(Takes::Flag) => ["true", "false"].iter().for_each(|value| offers.add(0, value, CompletionKind::Value, key, None, *value)),
                    _ => {}
                }
            }
        }
    }

    fn complete_item(&self, offers: &mut Offers<'_>, context: &YamlContext<'_>, path: &[&str], rank: &Rank<'_>) {
        match path {
            [.., "data_tests" | "tests", "[]"] => self.tests(offers, context),
            [.., "depends_on", "[]"] => self.relations_in_quotes(offers, rank),
            [.., "tags", "[]"] => {
                let mut tags: Vec<&String> = self.index.nodes.iter().flat_map(|node| node.tags.iter()).collect();
                tags.sort();
                tags.dedup();
                tags.into_iter().for_each(|tag| offers.add(0, tag, CompletionKind::Value, "tag", None, tag.as_str()));
            }
            [.., "metrics", "[]"] => self.of_type(offers, ResourceType::Metric, str::to_owned),
            [.., list, "[]"] if dbt::keys_at(path).iter().any(|key| key.name == "name") && !context.has("name") => {
                offers.add(0, "name", CompletionKind::Property, *list, property("name").map(|doc| CompletionDoc::Text(doc.to_owned())), "name: ");
                self.complete_key(offers, context, path);
            }
            _ => self.complete_key(offers, context, path),
        }
    }

    /// Generic tests, as a list has them: with room for the arguments that they need.
    fn tests(&self, offers: &mut Offers<'_>, context: &YamlContext<'_>) {
        let indent = " ".repeat(context.column);
        let mut push = |rank, name: &str, parameters: &[String], doc| {
            let needed: Vec<&String> =
                parameters.iter().filter(|parameter| !parameter.contains('=') && !matches!(parameter.as_str(), "model" | "column_name")).collect();
            if needed.is_empty() {
                return offers.add(rank, name, CompletionKind::Function, "generic test", doc, name);
            }
            if context.is_flow {
                let of = |value: &dyn Fn(usize) -> String| {
                    let arguments: Vec<String> = needed.iter().enumerate().map(|(number, parameter)| format!("{parameter}: {}", value(number + 1))).collect();
                    format!("{{{name}: {{arguments: {{{}}}}}}}", arguments.join(", "))
                };
                let snippet = of(&|number| format!("${number}"));
                return offers.add_snippet(rank, name, CompletionKind::Function, "generic test", doc, of(&|_| String::new()), Some(snippet));
            }
            let lines: Vec<String> = needed.iter().map(|parameter| format!("{indent}      {parameter}: ")).collect();
            let text = format!("{name}:\n{indent}    arguments:\n{}", lines.join("\n"));
            let places: Vec<String> = needed.iter().enumerate().map(|(number, parameter)| format!("{indent}      {parameter}: ${}", number + 1)).collect();
            let snippet = format!("{name}:\n{indent}    arguments:\n{}", places.join("\n"));
            offers.add_snippet(rank, name, CompletionKind::Function, "generic test", doc, text, Some(snippet));
        };
        for word in Word::all(WordKind::DataTest) {
            push(0, word.name, &word.parameters(), Some(CompletionDoc::Text(word.doc.to_owned())));
        }
        for found in self.index.macros.iter().filter(|found| found.is_generic_test) {
            let name = found.name.strip_prefix("test_").unwrap_or(&found.name);
            let is_own = *found.package == *self.index.project;
            let label = if is_own { name.to_owned() } else { format!("{}.{name}", found.package) };
            push(if is_own { 1 } else { 2 }, &label, &found.parameters, Some(CompletionDoc::Macro(found.unique_id.to_string())));
        }
    }

    /// The arguments of a test, and what stands beside them.
    fn test_arguments(&self, offers: &mut Offers<'_>, context: &YamlContext<'_>, test: &str, is_top: bool) {
        let parameters: Vec<String> = match self.index.resolve_test(test, &self.index.project) {
            Some(found) => found.parameters.clone(),
            None => Word::find(WordKind::DataTest, test).map(|word| word.parameters()).unwrap_or_default(),
        };
        for parameter in &parameters {
            let name = parameter.split('=').next().unwrap_or_default();
            if !name.is_empty() && !matches!(name, "model" | "column_name") && !context.has(name) {
                offers.add(0, name, CompletionKind::Property, "argument", None, format!("{name}: "));
            }
        }
        if is_top {
            for name in ["arguments", "config", "name", "description"].into_iter().filter(|name| !context.has(name)) {
                let doc = property(name).map(|doc| CompletionDoc::Text(doc.to_owned()));
                offers.add(1, name, CompletionKind::Property, "", doc, format!("{name}: "));
            }
        }
    }

    /// Resources of a section that no properties file has an entry of.
    fn undescribed(&self, offers: &mut Offers<'_>, section: &str, rank: &Rank<'_>) {
        if section == "macros" {
            let own = self.index.macros.iter().filter(|found| *found.package == *self.index.project && found.patch.is_none() && !found.is_generic_test);
            for found in own {
                offers.add(0, &found.name, CompletionKind::Macro, "macro", Some(CompletionDoc::Macro(found.unique_id.to_string())), found.name.as_str());
            }
            return;
        }
        // Sources are nothing but their entries.
        let is_code = section != "sources";
        for (index, node) in self.index.nodes.iter().enumerate().filter(|_| is_code) {
            if crate::section_of(node.resource_type) == Some(section) && *node.package == *self.index.project && node.patch.is_none() {
                offers.add_named(rank.of(index), node, "not described yet", node.name.as_str());
            }
        }
    }

    /// Columns of the entry around that it doesn't have yet.
    fn undescribed_columns(&self, offers: &mut Offers<'_>, file: &File, context: &YamlContext<'_>) {
        let Some(index) = self.entry_around(file, context) else { return };
        self.columns(offers, index, &context.names_beside);
    }

    fn columns(&self, offers: &mut Offers<'_>, index: NodeIndex, without: &[String]) {
        let id = self.index.nodes[index].unique_id.to_string();
        for (number, column) in self.made(index).columns.iter().enumerate().filter(|(_, column)| !without.iter().any(|name| **name == *column.name)) {
            let data_type = self.index.nodes[index].column(&column.name).and_then(|column| column.shown_type()).unwrap_or_default().to_owned();
            let doc = Some(CompletionDoc::Column(id.clone(), column.name.to_string()));
            offers.add(number as u32, &column.name, CompletionKind::Column, data_type, doc, &*column.name);
        }
    }

    /// The node whose entry the cursor is in.
    fn entry_around(&self, file: &File, context: &YamlContext<'_>) -> Option<NodeIndex> {
        let package = self.package_of(file);
        match context.entries.as_slice() {
            [(section, source), (tables, table), ..] if section == "sources" && tables == "tables" => self.index.resolve_source(source, table, package),
            [(section, name), ..] if matches!(section.as_str(), "models" | "seeds" | "snapshots") => self.index.resolve_ref(Some(package), name, None, package),
            _ => None,
        }
    }

    fn refables(&self, offers: &mut Offers<'_>, rank: &Rank<'_>, written: impl Fn(&str) -> String) {
        for (rank, index) in offers.shortlist(self.index.refables(), |index| rank.of(*index)) {
            let node = &self.index.nodes[index];
            offers.add_named(rank, node, node.resource_type.to_string(), written(&node.name));
        }
    }

    fn relations_in_quotes(&self, offers: &mut Offers<'_>, rank: &Rank<'_>) {
        self.refables(offers, rank, |name| format!("ref('{name}')"));
        for (index, node) in self.index.nodes.iter().enumerate() {
            if let Some(source) = &node.source_name {
                offers.add_node(rank.of(index), node, "source", format!("source('{source}', '{}')", node.name));
            }
        }
    }

    /// All nodes of a type.
    pub(super) fn of_type(&self, offers: &mut Offers<'_>, kind: ResourceType, written: impl Fn(&str) -> String) {
        for (_, node) in self.index.few_of(kind) {
            offers.add_named(0, node, kind.to_string(), written(&node.name));
        }
    }

    fn complete_project(&self, offers: &mut Offers<'_>, context: &YamlContext<'_>, path: &[&str]) {
        let section = path.first().copied().unwrap_or_default();
        match &context.place {
            Place::Key if path.is_empty() => {
                for key in dbt::project_keys().into_iter().filter(|key| !context.has(key.name)) {
                    let doc = project_key(key.name).map(|doc| CompletionDoc::Text(doc.to_owned()));
                    offers.add(u32::from(!key.is_required), key.name, CompletionKind::Property, "", doc, format!("{}: ", key.name));
                }
            }
            Place::Key if matches!(section, "models" | "seeds" | "snapshots" | "sources" | "tests" | "data_tests" | "unit_tests" | "exposures") => {
                if path.len() == 1 {
                    for name in self.index.packages.iter() {
                        offers.add(0, name, CompletionKind::Package, "package", None, format!("{name}:\n{}  ", " ".repeat(context.column)));
                    }
                } else {
                    self.folders(offers, context, path);
                }
                for word in ConfigWord::all(section).filter(|word| !context.has(&format!("+{}", word.name))) {
                    let label = format!("+{}", word.name);
                    offers.add(10, &label, CompletionKind::Property, "config", Some(CompletionDoc::Text(word.doc.to_owned())), format!("{label}: "));
                }
            }
            Place::Value(key) => {
                for (number, value) in ConfigWord::find(key).map(|word| word.values).unwrap_or_default().iter().enumerate() {
                    offers.add(number as u32, value, CompletionKind::Value, key.as_str(), None, *value);
                }
                if key.trim_start_matches('+') == "group" {
                    self.of_type(offers, ResourceType::Group, str::to_owned);
                }
            }
            _ => {}
        }
    }

    /// Folders and models below the folder that a path of `dbt_project.yml` names.
    fn folders(&self, offers: &mut Offers<'_>, context: &YamlContext<'_>, path: &[&str]) {
        let mut names: Vec<&str> = Vec::new();
        for node in self.index.nodes.iter().filter(|node| node.fqn.len() > path.len() - 1 && node.test.is_none()) {
            let is_below = node.fqn.iter().zip(&path[1..]).all(|(part, wanted)| **part == **wanted);
            if is_below && crate::section_of(node.resource_type) == Some(path[0]) {
                names.extend(node.fqn.get(path.len() - 1).map(|part| &**part));
            }
        }
        names.sort_unstable();
        names.dedup();
        for name in names.into_iter().filter(|name| !context.has(name)) {
            offers.add(0, name, CompletionKind::Value, "folder", None, format!("{name}:\n{}  ", " ".repeat(context.column)));
        }
    }
}

/// The test whose mapping a path is in, and where in the path that ends: `… data_tests [] accepted_values (arguments)`.
fn test_around<'p>(path: &[&'p str]) -> Option<(&'p str, usize)> {
    let at = path.iter().rposition(|part| matches!(*part, "data_tests" | "tests"))?;
    match &path[at + 1..] {
        ["[]", name] => Some((name, path.len())),
        ["[]", name, "arguments"] => Some((name, path.len() - 1)),
        _ => None,
    }
}
