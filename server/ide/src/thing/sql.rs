//! Words of SQL: CTEs, aliases, columns.

use super::Thing;
use crate::columns::{Meaning, Scopes, Source};
use crate::{Analysis, File};
use dbt::NodeIndex;
use text::TextRange;

impl Analysis {
    /// A word of SQL: a CTE, an alias, a column of what is read or of what is made.
    pub(super) fn thing_in_sql(&self, file: &File, offset: usize) -> Option<(Thing, TextRange)> {
        let scopes = Scopes::new(self, file);
        self.things_of_sql(&scopes, file, Some(offset)).into_iter().next().map(|(thing, range, _)| (thing, range))
    }

    /// The things of a file's SQL with their places, and whether the place defines them; of an offset alone what stands there, the
    /// innermost first.
    pub(crate) fn things_of_sql(&self, scopes: &Scopes<'_>, file: &File, at: Option<usize>) -> Vec<(Thing, TextRange, bool)> {
        let wanted = |range: TextRange| at.is_none_or(|offset| range.touches(offset));
        let mut found = Vec::new();
        for cte in scopes.query.ctes.iter().filter(|cte| wanted(cte.name_range)) {
            found.push((Thing::Cte(cte.name_range), cte.name_range, true));
        }
        for (number, select) in scopes.query.selects.iter().enumerate() {
            for relation in &select.relations {
                if let Some((_, range)) = relation.alias.as_ref().filter(|(_, range)| wanted(*range)) {
                    found.push((Thing::Alias(*range), *range, true));
                }
                if wanted(relation.range)
                    && let Source::Cte(cte) = scopes.source(relation)
                {
                    found.push((Thing::Cte(scopes.query.ctes[cte].name_range), relation.range, false));
                }
            }
            for used in &select.names {
                if let Some((qualifier, range)) = used.qualifier.as_ref().filter(|(_, range)| wanted(*range))
                    && let Some(thing) = Self::relation_thing(scopes, number, qualifier)
                {
                    found.push((thing, *range, false));
                }
                if wanted(used.range)
                    && let Some(thing) = self.column_thing(scopes, file, number, used.qualifier.as_ref().map(|(name, _)| name.as_str()), &used.name)
                {
                    let defines = matches!(&thing, Thing::Made { definition, .. } if *definition == used.range);
                    found.push((thing, used.range, defines));
                }
            }
            // An alias makes a column; a plain name is a column of what is read, and was found above.
            for item in &select.items {
                let Some((name, range)) = item.name.as_ref().filter(|(_, range)| wanted(*range)) else { continue };
                if select.names.iter().any(|used| used.range == *range) {
                    continue;
                }
                found.push((self.item_thing(scopes, file, number, name, *range), *range, true));
            }
        }
        found
    }

    /// The column that an item makes: the node's where the outermost query makes it.
    fn item_thing(&self, scopes: &Scopes<'_>, file: &File, select: usize, name: &str, range: TextRange) -> Thing {
        match self.node_of_output(scopes, file, select) {
            Some(index) => Thing::Column(index, name.to_owned()),
            None => self.made_thing(file, name, range, None),
        }
    }

    /// A column that a part of the file's query makes: the node's, where it comes out as it is.
    fn made_thing(&self, file: &File, name: &str, definition: TextRange, origin: Option<(NodeIndex, String)>) -> Thing {
        if let [index] = self.index.nodes_of_file(file.id)
            && self.made(*index).get(name).and_then(|column| column.place).is_some_and(|place| place.file == file.id && place.range == definition)
        {
            return Thing::Column(*index, name.to_owned());
        }
        Thing::Made { name: name.to_owned(), definition, origin }
    }

    /// The node whose columns a select makes.
    pub(crate) fn node_of_output(&self, scopes: &Scopes<'_>, file: &File, select: usize) -> Option<NodeIndex> {
        let own = self.index.nodes_of_file(file.id);
        if scopes.query.outermost.contains(&select) && own.len() == 1 { own.first().copied() } else { None }
    }

    /// What a name before a dot means.
    fn relation_thing(scopes: &Scopes<'_>, select: usize, name: &str) -> Option<Thing> {
        let relation = scopes.relation_called(select, name)?;
        match (&relation.alias, scopes.source(relation)) {
            (Some((_, range)), _) => Some(Thing::Alias(*range)),
            (None, Source::Cte(cte)) => Some(Thing::Cte(scopes.query.ctes[cte].name_range)),
            (None, Source::Node(index)) => Some(Thing::Node(index)),
            _ => None,
        }
    }

    fn column_thing(&self, scopes: &Scopes<'_>, file: &File, select: usize, qualifier: Option<&str>, name: &str) -> Option<Thing> {
        match scopes.meaning(select, qualifier, name)? {
            Meaning::Item { select, item } => {
                let (called, range) = scopes.query.selects[select].items[item].name.as_ref()?;
                Some(self.item_thing(scopes, file, select, called, *range))
            }
            Meaning::Column { source: Source::Node(index), column, .. } => {
                let name = column.map_or_else(|| name.to_owned(), |column| column.name.to_string());
                Some(Thing::Column(index, name))
            }
            Meaning::Column { column: Some(column), .. } => match (column.place, column.origin) {
                (Some(place), origin) if place.file == file.id => {
                    Some(self.made_thing(file, &column.name, place.range, origin.map(|(index, name)| (index, name.to_string()))))
                }
                (_, Some((index, name))) => Some(Thing::Column(index, name.to_string())),
                _ => None,
            },
            Meaning::Column { .. } => None,
        }
    }
}
