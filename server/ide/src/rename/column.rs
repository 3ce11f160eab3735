//! A column of a model, where it is made, described and read.

use super::loose::{self, Loose};
use super::{Places, line};
use crate::columns::{Scopes, Source};
use crate::thing::inner;
use crate::{Analysis, File};
use dbt::{FileKind, NodeIndex, ResourceType, Target};
use syntax::jinja;
use syntax::sql::{Expression, Item, Select};
use syntax::yaml::{self, Kind, Node};
use text::{Edit, TextRange};

/// Configs of a model that name its columns.
const COLUMN_CONFIGS: [&str; 12] = [
    "unique_key",
    "partition_by",
    "cluster_by",
    "updated_at",
    "check_cols",
    "merge_update_columns",
    "merge_exclude_columns",
    "sort",
    "dist",
    "order_by",
    "primary_key",
    "event_time",
];

impl Analysis {
    /// Readers of a column keep their own columns' names; who hands all columns on can't. What may mean the column and can't be changed is told.
    pub(super) fn rename_column(&self, index: NodeIndex, column: &str, name: &str, places: &mut Places) -> Result<(), String> {
        let node = &self.index.nodes[index];
        if let Some(own) = self.file(node.place.file).filter(|file| file.kind.is_sql()) {
            self.own_projection(own, index, column, name, places)?;
        }
        for &child in &self.index.children[index] {
            let reader = &self.index.nodes[child];
            let Some(file) = self.file(reader.place.file).filter(|file| file.kind.is_sql() && reader.test.is_none()) else { continue };
            let scopes = Scopes::new(self, file);
            let takes_all = scopes.query.selects.iter().find(|select| takes_all_of(&scopes, select, index));
            if let Some(select) = takes_all.filter(|_| self.hands_on(child, file, column)) {
                return Err(format!(
                    "{} `{}` takes all columns of `{}` with `*` in {}, {}; name them there first, or its own columns change",
                    reader.resource_type,
                    reader.label(),
                    node.label(),
                    file.relative,
                    line(file, select.range)
                ));
            }
            keep_names(file, &scopes, name, None, places);
            let of_unknown = of_unknown(&scopes);
            self.nothing_is_left(file, &scopes, column, &of_unknown, places, |_| true)?;
        }
        self.entries_are_done(index, column, places)
    }

    /// Whether a column that a node takes over by a `*` becomes one of its own; nobody reads those of a test or an analysis.
    fn hands_on(&self, index: NodeIndex, file: &File, column: &str) -> bool {
        if matches!(self.index.nodes[index].resource_type, ResourceType::Test | ResourceType::Analysis) {
            return false;
        }
        let made = self.made(index);
        !made.is_complete || made.get(column).is_some_and(|column| column.place.is_none_or(|place| place.file != file.id))
    }

    /// In the model itself: an alias is renamed with the mentions; a plain column gets one.
    fn own_projection(&self, file: &File, index: NodeIndex, column: &str, name: &str, places: &mut Places) -> Result<(), String> {
        let made = self.made(index);
        let Some(place) = made.get(column).and_then(|column| column.place).filter(|place| place.file == file.id) else {
            return Err(format!("the SQL of `{}` takes `{column}` over with `*` or makes it by Jinja; name it there first", self.index.nodes[index].label()));
        };
        let scopes = Scopes::new(self, file);
        let items = scopes.query.selects.iter().enumerate().flat_map(|(number, select)| select.items.iter().map(move |item| (number, item)));
        let Some((number, item)) = items.into_iter().find(|(_, item)| item.name.as_ref().is_some_and(|(_, range)| *range == place.range)) else {
            return Ok(());
        };
        let is_outermost = scopes.query.outermost.contains(&number);
        let leaves_out =
            |item: &&Item| matches!(&item.expression, Expression::Star { without, .. } if without.iter().any(|name| name.eq_ignore_ascii_case(column)));
        if let Some(star) = scopes.query.selects.iter().flat_map(|select| &select.items).find(leaves_out).filter(|_| !is_outermost) {
            return Err(left(column, file, star.range));
        }
        project(file, &scopes, item, place.range, name, places);
        let edits = places.entry(file.id).or_default();
        edits.extend(in_config(file, column, &COLUMN_CONFIGS).into_iter().map(|range| Edit::replace(range, name)));
        // What is around the last select are other queries' columns.
        self.nothing_is_left(file, &scopes, column, &[], places, |loose| !is_outermost && !loose.is_in_tag)
    }

    /// A column that a CTE or a subquery makes, within its file: selects that only pass it on keep the name of theirs.
    pub(super) fn rename_made(&self, file: &File, definition: TextRange, column: &str, name: &str, places: &mut Places) -> Result<(), String> {
        let scopes = Scopes::new(self, file);
        let named = |item: &&Item| item.name.as_ref().is_some_and(|(_, range)| *range == definition);
        let Some(item) = scopes.query.selects.iter().flat_map(|select| &select.items).find(named) else { return Ok(()) };
        project(file, &scopes, item, definition, name, places);
        let of_model = in_config(file, column, &COLUMN_CONFIGS);
        self.nothing_is_left(file, &scopes, column, &[], places, |loose| !of_model.contains(&loose.range))
    }

    /// Whether every word of a file that may be the column is changed or is known to be something else, as words at `unknown` are not.
    fn nothing_is_left(
        &self,
        file: &File,
        scopes: &Scopes<'_>,
        column: &str,
        unknown: &[TextRange],
        places: &Places,
        counts: impl Fn(&Loose) -> bool,
    ) -> Result<(), String> {
        let things = self.things_of_sql(scopes, file, None).into_iter().map(|(_, range, _)| range);
        let mut known: Vec<TextRange> = things.filter(|range| !unknown.contains(range)).collect();
        let edits = places.get(&file.id).map(Vec::as_slice).unwrap_or_default();
        known.extend(edits.iter().map(|edit| edit.range));
        if let Some(edit) = edits.iter().find(|edit| is_in_using(&file.text, edit.range)) {
            return Err(left(column, file, edit.range));
        }
        let open = loose::words(file, column, &known).into_iter().find(|loose| !loose.is_other && counts(loose));
        open.map_or(Ok(()), |loose| Err(left(column, file, loose.range)))
    }

    /// Whether the entries that may name the column do so only where that is changed: its model's own, those of semantic models and snapshots
    /// on it, unit tests that give or expect its rows.
    fn entries_are_done(&self, index: NodeIndex, column: &str, places: &Places) -> Result<(), String> {
        let node = &self.index.nodes[index];
        let done = |file: &File, part: &Node| -> Result<(), String> {
            let edits = places.get(&file.id).map(Vec::as_slice).unwrap_or_default();
            let found = named_in(part, &file.text, column).into_iter().find(|range| !edits.iter().any(|edit| edit.range.meets(*range)));
            found.map_or(Ok(()), |range| Err(left(column, file, range)))
        };
        let own = node.patch.as_ref().map(|patch| patch.place);
        let readers = self.index.children[index].iter().map(|&child| &self.index.nodes[child]);
        let readers = readers.filter(|child| matches!(child.resource_type, ResourceType::SemanticModel | ResourceType::Snapshot)).map(|child| child.place);
        for place in own.into_iter().chain(readers) {
            let Some(file) = self.file(place.file).filter(|file| file.kind == FileKind::Properties) else { continue };
            let tree = yaml::parse(&file.text);
            if let Some(entry) = tree.root.as_ref().and_then(|root| root.entry_around(place.range)) {
                done(file, entry)?;
            }
        }
        for (_, test) in self.index.few_of(ResourceType::UnitTest) {
            let Some(file) = self.file(test.place.file) else { continue };
            let tree = yaml::parse(&file.text);
            let Some(entry) = tree.root.as_ref().and_then(|root| root.entry_around(test.place.range)) else { continue };
            let is_node =
                |input: &str| dbt::uses_in(&format!("{{{{ {input} }}}}")).iter().any(|used| self.index.resolve(&used.target, &node.package) == Some(index));
            let given = entry.get("given").map(Node::items).unwrap_or_default().iter().filter(|given| given.get_str("input").is_some_and(is_node));
            let expected = entry.get("expect").filter(|_| entry.get_str("model") == Some(&node.name));
            for rows in given.chain(expected) {
                done(file, rows)?;
                let fixture = rows
                    .get_str("fixture")
                    .and_then(|name| self.files.values().find(|file| file.kind == FileKind::Fixture && file.path.file_stem().is_some_and(|stem| stem == name)));
                if let Some(fixture) = fixture
                    && let Some(range) = loose::words_in(&fixture.text, TextRange::new(0, fixture.text.len()), column).first()
                {
                    return Err(left(column, fixture, *range));
                }
            }
        }
        Ok(())
    }
}

fn left(column: &str, file: &File, range: TextRange) -> String {
    format!("{}, {}, may mean `{column}` and can't be changed for you; change it there first", file.relative, line(file, range))
}

/// Whether a select takes all columns of a node.
fn takes_all_of(scopes: &Scopes<'_>, select: &Select, index: NodeIndex) -> bool {
    select.items.iter().any(|item| match &item.expression {
        Expression::Star { qualifier, .. } => scopes.relations_of(select, qualifier.as_deref()).any(|relation| scopes.source(relation) == Source::Node(index)),
        _ => false,
    })
}

/// `o.id` alone makes a column of that name: it is kept, but for the one that is renamed.
fn keep_names(file: &File, scopes: &Scopes<'_>, name: &str, renamed: Option<TextRange>, places: &mut Places) {
    let Some(edits) = places.get_mut(&file.id) else { return };
    for item in scopes.query.selects.iter().flat_map(|select| &select.items).filter(|item| matches!(item.expression, Expression::Column { .. })) {
        let Some((called, range)) = item.name.as_ref().filter(|(_, range)| Some(*range) != renamed) else { continue };
        let is_plain = item.range.end == range.end && !has_alias(item, &file.text);
        if let Some(edit) = edits.iter_mut().find(|edit| edit.range == inner(&file.text, *range) && is_plain) {
            edit.insert = format!("{name} as {called}");
        }
    }
}

/// Gives the column of an item another name: its alias, else one behind it.
fn project(file: &File, scopes: &Scopes<'_>, item: &Item, definition: TextRange, name: &str, places: &mut Places) {
    keep_names(file, scopes, name, Some(definition), places);
    let edits = places.entry(file.id).or_default();
    let range = inner(&file.text, definition);
    edits.retain(|edit| edit.range != range);
    let insert = if has_alias(item, &file.text) || !matches!(item.expression, Expression::Column { .. }) {
        name.to_owned()
    } else {
        format!("{} as {name}", range.of(&file.text))
    };
    edits.push(Edit::replace(range, insert));
}

/// Columns that selects take over from what the text doesn't show, such as a `ref` whose name Jinja makes.
fn of_unknown(scopes: &Scopes<'_>) -> Vec<TextRange> {
    let is_unknown = |select: &&Select| select.relations.iter().any(|relation| scopes.source(relation) == Source::Unknown);
    let items = scopes.query.selects.iter().filter(is_unknown).flat_map(|select| &select.items);
    items
        .filter(|item| matches!(item.expression, Expression::Column { .. } | Expression::Unknown))
        .filter_map(|item| item.name.as_ref().map(|(_, range)| *range))
        .collect()
}

/// Whether an item's column has a name of its own, written behind it.
fn has_alias(item: &Item, text: &str) -> bool {
    let Some((_, range)) = &item.name else { return false };
    let head = TextRange::new(item.range.start as usize, range.start as usize).of(text);
    head.ends_with(char::is_whitespace)
}

/// Where a file's own `config()` has a name as the value of one of some keys.
pub(crate) fn in_config(file: &File, name: &str, keys: &[&str]) -> Vec<TextRange> {
    let text = &*file.text;
    let calls = file.facts.uses.iter().filter(|used| matches!(&used.target, Target::Macro { path } if *path == ["config"]));
    let calls: Vec<TextRange> = calls.map(|used| used.range).collect();
    let names = |string: &TextRange| -> bool {
        let Some(call) = calls.iter().find(|call| call.contains_range(*string)) else { return false };
        let before = &text[call.start as usize..string.start as usize];
        let key = before.rfind('=').map(|at| before[..at].trim_end().rsplit(|c| !crate::thing::is_word(c)).next().unwrap_or_default());
        key.is_some_and(|key| keys.contains(&key)) && inner(text, *string).of(text).eq_ignore_ascii_case(name)
    };
    jinja::names(text).strings.into_iter().filter(names).map(|string| inner(text, string)).collect()
}

/// Whether a name stands in `using (…)`, where it is a column of two relations.
fn is_in_using(text: &str, range: TextRange) -> bool {
    let before = &text[..range.start as usize];
    let Some(open) = before.rfind(['(', ')']).filter(|&at| before[at..].starts_with('(')) else { return false };
    let head = before[..open].trim_end();
    head.len() >= 5 && head.get(head.len() - 5..).is_some_and(|word| word.eq_ignore_ascii_case("using"))
}

/// Values of these keys are about a column at most.
const PROSE: [&str; 4] = ["description", "label", "meta", "docs"];

/// Where an entry has a word, but for texts for people.
fn named_in(node: &Node, text: &str, word: &str) -> Vec<TextRange> {
    if node.is_alias {
        return Vec::new();
    }
    match &node.kind {
        Kind::Scalar { .. } => loose::words_in(text, node.range, word),
        Kind::Seq { items, .. } => items.iter().flat_map(|item| named_in(item, text, word)).collect(),
        Kind::Map { entries, .. } => {
            let told = entries.iter().filter(|(key, _)| !key.as_str().is_some_and(|key| PROSE.contains(&key)));
            told.flat_map(|(key, value)| [named_in(key, text, word), named_in(value, text, word)].concat()).collect()
        }
    }
}
