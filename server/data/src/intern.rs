//! One copy of what stands in many places: the keys of configs, short texts, small mappings.

use crate::{Map, Value};
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

/// Longer texts seldom stand twice.
const SHORT: usize = 40;
/// Larger mappings seldom stand twice.
const FEW: usize = 8;

/// Texts and mappings that were seen, to be shared from then on.
#[derive(Debug, Default)]
pub struct Interner {
    texts: rustc_hash::FxHashSet<Arc<str>>,
    /// By their hash: two mappings are one where they have the same entries in the same order.
    maps: FxHashMap<u64, Map>,
}

impl Interner {
    /// Puts the known copy of a text in its place.
    pub fn text(&mut self, text: &mut Arc<str>) {
        if text.len() > SHORT {
            return;
        }
        match self.texts.get(text) {
            Some(known) => *text = known.clone(),
            None => drop(self.texts.insert(text.clone())),
        }
    }

    /// Shares a mapping's keys, its texts and the small mappings in it, and frees what it has no use for. What is shared already stays.
    pub fn map(&mut self, map: &mut Map) {
        let Some(entries) = map.unshared() else { return };
        entries.shrink_to_fit();
        for (key, value) in entries.iter_mut() {
            self.text(key);
            self.value(value);
        }
        if map.len() > FEW {
            return;
        }
        let mut hasher = FxBuildHasher.build_hasher();
        map.iter().for_each(|entry| entry.hash(&mut hasher));
        match self.maps.entry(hasher.finish()) {
            std::collections::hash_map::Entry::Occupied(known) if known.get().iter().eq(map.iter()) => *map = known.get().clone(),
            std::collections::hash_map::Entry::Occupied(_) => {}
            std::collections::hash_map::Entry::Vacant(place) => drop(place.insert(map.clone())),
        }
    }

    fn value(&mut self, value: &mut Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Object(map) => self.map(map),
            Value::Array(items) => {
                if let Some(items) = Arc::get_mut(items) {
                    items.shrink_to_fit();
                    items.iter_mut().for_each(|item| self.value(item));
                }
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn equal_mappings_become_one() {
        let mut interner = Interner::default();
        let made = |value: Value| value.as_object().cloned().unwrap_or_default();
        let text = json!({"materialized": "view", "docs": {"show": true}});
        let (mut one, mut other) = (made(text.clone()), Map::new());
        other.extend([("materialized", "view".into()), ("docs", json!({"show": true}))]);
        drop(text);
        interner.map(&mut one);
        interner.map(&mut other);
        assert!(one.same(&other));
        let mut turned: Map = [("docs", json!({"show": true})), ("materialized", "view".into())].into_iter().collect();
        interner.map(&mut turned);
        assert!(!one.same(&turned), "the order is kept");
        other.insert("materialized", "table".into());
        assert_eq!(one["materialized"], "view");
    }
}
