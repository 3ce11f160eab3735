//! A mapping in the order of insertion.

use crate::Value;
use std::sync::Arc;

/// Keys to values in the order of insertion. Small, as configs and properties are: looked through from the start.
#[derive(Clone, Default)]
pub struct Map(Option<Arc<Vec<Pair>>>);

type Pair = (Arc<str>, Value);

/// Of more keys than these an index is made while a mapping is built.
const MANY: usize = 32;

impl Map {
    pub const fn new() -> Self {
        Self(None)
    }

    fn entries(&self) -> &[Pair] {
        self.0.as_ref().map_or(&[], |entries| entries.as_slice())
    }

    fn entries_mut(&mut self) -> &mut Vec<Pair> {
        Arc::make_mut(self.0.get_or_insert_default())
    }

    /// Its entries, where nothing else has them.
    pub(crate) fn unshared(&mut self) -> Option<&mut Vec<Pair>> {
        Arc::get_mut(self.0.as_mut()?)
    }

    /// A mapping of entries whose keys differ.
    pub(crate) fn of_entries(entries: Vec<(Arc<str>, Value)>) -> Self {
        Self((!entries.is_empty()).then(|| Arc::new(entries)))
    }

    /// Where its contents are; mappings that share them have one place.
    pub(crate) fn place(&self) -> Option<usize> {
        self.0.as_ref().map(|entries| Arc::as_ptr(entries) as usize)
    }

    fn position(&self, key: &str) -> Option<usize> {
        self.entries().iter().position(|(known, _)| **known == *key)
    }

    pub fn len(&self) -> usize {
        self.entries().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn contains_key(&self, key: &str) -> bool {
        self.position(key).is_some()
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries().iter().find(|(known, _)| **known == *key).map(|(_, value)| value)
    }

    /// The value of a key, made this mapping's own.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        let at = self.position(key)?;
        Some(&mut self.entries_mut()[at].1)
    }

    /// Sets a key; a known one keeps its place. Returns its old value.
    pub fn insert(&mut self, key: impl Into<Arc<str>> + AsRef<str>, value: Value) -> Option<Value> {
        match self.position(key.as_ref()) {
            Some(at) => Some(std::mem::replace(&mut self.entries_mut()[at].1, value)),
            None => {
                self.entries_mut().push((key.into(), value));
                None
            }
        }
    }

    /// Takes a key away; those after it move up.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.position(key)?;
        let (_, value) = self.entries_mut().remove(at);
        if self.is_empty() {
            self.0 = None;
        }
        Some(value)
    }

    pub fn entry(&mut self, key: impl Into<Arc<str>>) -> Entry<'_> {
        Entry { map: self, key: key.into() }
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Arc<str>, &Value)> + ExactSizeIterator {
        self.entries().iter().map(|(key, value)| (key, value))
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Arc<str>, &mut Value)> {
        // An empty mapping stays without a list.
        let entries = if self.is_empty() { None } else { Some(self.entries_mut()) };
        entries.into_iter().flatten().map(|(key, value)| (&*key, value))
    }

    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Arc<str>> + ExactSizeIterator {
        self.entries().iter().map(|(key, _)| key)
    }

    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Value> + ExactSizeIterator {
        self.entries().iter().map(|(_, value)| value)
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&str, &Value) -> bool) {
        if self.iter().any(|(key, value)| !keep(key, value)) {
            self.entries_mut().retain(|(key, value)| keep(key, value));
        }
    }

    /// Whether two mappings are one in memory.
    pub fn same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}

/// A key that is there or not.
pub struct Entry<'a> {
    map: &'a mut Map,
    key: Arc<str>,
}

impl<'a> Entry<'a> {
    pub fn or_insert(self, value: Value) -> &'a mut Value {
        self.or_insert_with(|| value)
    }

    pub fn or_insert_with(self, make: impl FnOnce() -> Value) -> &'a mut Value {
        let at = match self.map.position(&self.key) {
            Some(at) => at,
            None => {
                self.map.entries_mut().push((self.key, make()));
                self.map.len() - 1
            }
        };
        &mut self.map.entries_mut()[at].1
    }
}

impl<K: Into<Arc<str>> + AsRef<str>> Extend<(K, Value)> for Map {
    fn extend<I: IntoIterator<Item = (K, Value)>>(&mut self, iter: I) {
        let mut places: Option<std::collections::HashMap<Arc<str>, usize>> = None;
        for (key, value) in iter {
            if self.len() < MANY {
                self.insert(key, value);
                continue;
            }
            let places = places.get_or_insert_with(|| self.keys().cloned().zip(0..).collect());
            let entries = self.entries_mut();
            match places.get(key.as_ref()) {
                Some(&at) => entries[at].1 = value,
                None => {
                    let key: Arc<str> = key.into();
                    places.insert(key.clone(), entries.len());
                    entries.push((key, value));
                }
            }
        }
    }
}

impl<K: Into<Arc<str>> + AsRef<str>> FromIterator<(K, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(iter: I) -> Self {
        let iter = iter.into_iter();
        let mut map = match iter.size_hint().0 {
            0 => Self::new(),
            many => Self(Some(Arc::new(Vec::with_capacity(many)))),
        };
        map.extend(iter);
        if map.is_empty() {
            return Self::new();
        }
        if let Some(entries) = map.0.as_mut().and_then(Arc::get_mut) {
            entries.shrink_to_fit();
        }
        map
    }
}

impl IntoIterator for Map {
    type Item = Pair;
    type IntoIter = std::vec::IntoIter<Pair>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.map(Arc::unwrap_or_clone).unwrap_or_default().into_iter()
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a Arc<str>, &'a Value);
    type IntoIter = std::iter::Map<std::slice::Iter<'a, Pair>, fn(&'a Pair) -> (&'a Arc<str>, &'a Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries().iter().map(|(key, value)| (key, value))
    }
}

/// The value of a key; null where there is none.
impl std::ops::Index<&str> for Map {
    type Output = Value;

    fn index(&self, key: &str) -> &Value {
        self.get(key).unwrap_or(&Value::Null)
    }
}

/// Equal where the same keys come in the same order.
impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.same(other) || self.entries() == other.entries()
    }
}

impl Eq for Map {}

impl std::fmt::Debug for Map {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
