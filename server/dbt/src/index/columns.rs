//! The columns of a node, in their order; most nodes are tests and have none.

use super::Column;
use data::pack::{Pack, Reader, Writer};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use thin_vec::ThinVec;

/// More columns than these are looked up in a table while they are brought together.
const MANY: usize = 32;

/// Columns in the order of the properties file, each name once. Without columns it takes one word, with some nothing but these.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columns(ThinVec<Column>);

impl Columns {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The column of exactly this name.
    pub fn get(&self, name: &str) -> Option<&Column> {
        self.0.iter().find(|column| &*column.name == name)
    }

    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.0.iter().map(|column| &*column.name)
    }

    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Column> + ExactSizeIterator + Clone {
        self.0.iter()
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Column> {
        self.0.iter_mut()
    }

    /// Adds a column whose name none has.
    pub(crate) fn push(&mut self, column: Column) {
        self.0.push(column);
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&Column) -> bool) {
        self.0.retain(|column| keep(column));
    }
}

/// Of two columns of one name the later counts, in the place of the earlier.
impl FromIterator<Column> for Columns {
    fn from_iter<I: IntoIterator<Item = Column>>(columns: I) -> Self {
        let mut all: ThinVec<Column> = ThinVec::new();
        let mut places: FxHashMap<Arc<str>, usize> = FxHashMap::default();
        for column in columns {
            if all.len() == MANY && places.is_empty() {
                places = all.iter().enumerate().map(|(at, column)| (column.name.clone(), at)).collect();
            }
            let known = if all.len() < MANY { all.iter().position(|known| known.name == column.name) } else { places.get(&column.name).copied() };
            match known {
                Some(at) => all[at] = column,
                None => {
                    if all.len() >= MANY {
                        places.insert(column.name.clone(), all.len());
                    }
                    all.push(column);
                }
            }
        }
        all.shrink_to_fit();
        Self(all)
    }
}

impl Pack for Columns {
    fn pack(&self, writer: &mut Writer) {
        self.0.pack(writer);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        ThinVec::unpack(reader).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_columns_the_later_counts() {
        for count in [3, 100] {
            let named = |name: &str, data_type: &str| Column { data_type: Some(data_type.into()), ..Column::named(name) };
            let first = (0..count).map(|number| named(&format!("c{number}"), "int"));
            let columns: Columns = first.chain([named("c1", "text"), named(&format!("c{}", count - 1), "date")]).collect();
            assert_eq!(columns.len(), count);
            assert_eq!(columns.keys().nth(1), Some("c1"));
            assert_eq!(columns.get("c1").and_then(|column| column.data_type.as_deref()), Some("text"));
            assert_eq!(columns.values().next_back().and_then(|column| column.data_type.as_deref()), Some("date"));
        }
    }
}
