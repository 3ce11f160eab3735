//! The same table for who writes such a file: which keys can stand at a place, and what they take.

use super::{Field, Shape, table};

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    Anything,
    Text,
    Flag,
    /// One of few words.
    OneOf(&'static [&'static str]),
    Mapping,
    /// A list of scalars or of tests.
    List,
    /// A list of entries with names.
    Entries,
}

/// A key that can stand at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub name: &'static str,
    pub takes: Takes,
    pub is_required: bool,
}

/// The keys at a path of a properties file: `["models", "[]", "columns", "[]"]`, `[]` for a list's item. Nothing where any key may stand.
pub fn keys_at(path: &[&str]) -> Vec<Key> {
    let Some((section, rest)) = path.split_first() else {
        let sections = table::SECTIONS.iter().map(|(name, _)| Key { name, takes: Takes::Entries, is_required: false });
        return sections.chain([Key { name: "version", takes: Takes::Anything, is_required: false }]).collect();
    };
    let Some((_, fields)) = table::SECTIONS.iter().find(|(name, _)| name == section) else { return Vec::new() };
    let ["[]", rest @ ..] = rest else { return Vec::new() };
    keys_of(below(fields, rest))
}

/// The keys of `dbt_project.yml`'s root.
pub fn project_keys() -> Vec<Key> {
    // What older versions called it isn't for new text.
    keys_of(Some(table::PROJECT)).into_iter().filter(|key| !matches!(key.name, "source-paths" | "data-paths" | "project-root" | "packages")).collect()
}

fn below<'f>(fields: &'f [Field], path: &[&str]) -> Option<&'f [Field]> {
    let Some((key, rest)) = path.split_first() else { return Some(fields) };
    let mut shape = &fields.iter().find(|field| field.key == *key)?.shape;
    let mut rest = rest;
    if let ["[]", deeper @ ..] = rest {
        let (Shape::List(inner) | Shape::ListOrNull(inner)) = shape else { return None };
        shape = inner;
        rest = deeper;
    }
    match shape {
        Shape::Entry(fields) | Shape::EntryOrNull(fields) | Shape::Closed(fields) | Shape::ClosedOrNull(fields) => below(fields, rest),
        _ => None,
    }
}

fn keys_of(fields: Option<&[Field]>) -> Vec<Key> {
    let told = fields.unwrap_or_default().iter().map(|field| Key { name: field.key, takes: takes(&field.shape), is_required: field.required });
    told.collect()
}

fn takes(shape: &Shape) -> Takes {
    match shape {
        Shape::Any => Takes::Anything,
        Shape::Text | Shape::TextOrNull | Shape::Scalar => Takes::Text,
        Shape::Flag | Shape::FlagOrNull => Takes::Flag,
        Shape::OneOf(words) | Shape::OneOfOrNull(words) => Takes::OneOf(words),
        Shape::Mapping | Shape::MappingOrNull | Shape::Entry(_) | Shape::EntryOrNull(_) | Shape::Closed(_) | Shape::ClosedOrNull(_) => Takes::Mapping,
        Shape::List(inner) | Shape::ListOrNull(inner) => match inner {
            Shape::Entry(fields) | Shape::Closed(fields) if fields.iter().any(|field| field.key == "name") => Takes::Entries,
            _ => Takes::List,
        },
        Shape::Test => Takes::Anything,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_at_places() {
        let names = |path: &[&str]| keys_at(path).into_iter().map(|key| key.name).collect::<Vec<_>>();
        assert!(names(&[]).contains(&"models") && names(&["models", "[]"]).contains(&"versions"));
        assert!(names(&["sources", "[]", "tables", "[]", "columns", "[]"]).contains(&"data_type"));
        assert_eq!(names(&["sources", "[]", "freshness", "warn_after"]), ["count", "period"]);
        assert!(names(&["models", "[]", "meta"]).is_empty() && names(&["models"]).is_empty() && names(&["nothing", "[]"]).is_empty());
        let period = keys_at(&["sources", "[]", "freshness", "warn_after"])[1];
        assert_eq!(period.takes, Takes::OneOf(&["minute", "hour", "day"]));
        assert!(project_keys().iter().any(|key| key.name == "vars"));
    }
}
