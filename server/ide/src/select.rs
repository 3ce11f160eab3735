//! Nodes by dbt's way of selecting them (<https://docs.getdbt.com/reference/node-selection/syntax>): methods, globs, graph operators,
//! unions and intersections.

use crate::Analysis;
use dbt::{Node, NodeIndex};
use std::collections::BTreeSet;

/// All the way up or down.
const ALL: usize = usize::MAX;

impl Analysis {
    /// The nodes that a selection names: words apart by blanks are a union, by commas an intersection. `+` before or behind a word takes
    /// what is upstream or downstream, too, `2+` two steps of it, `@` what is downstream and all that this needs. As the error, what can't be
    /// understood or names nothing.
    pub fn select(&self, selection: &str) -> Result<BTreeSet<NodeIndex>, String> {
        let mut all = BTreeSet::new();
        for word in selection.split_whitespace() {
            let mut met: Option<BTreeSet<NodeIndex>> = None;
            for part in word.split(',').filter(|part| !part.is_empty()) {
                let found = self.select_part(part)?;
                met = Some(match met {
                    Some(before) => before.intersection(&found).copied().collect(),
                    None => found,
                });
            }
            all.extend(met.unwrap_or_default());
        }
        Ok(all)
    }

    fn select_part(&self, part: &str) -> Result<BTreeSet<NodeIndex>, String> {
        let (at, rest) = match part.strip_prefix('@') {
            Some(rest) => (true, rest),
            None => (false, part),
        };
        let (up, rest) = steps_before(rest);
        let (down, rest) = steps_behind(rest);
        let own = self.select_method(rest)?;
        if own.is_empty() {
            return Err(format!("`{rest}` selects nothing{}", self.names_like(rest, 3)));
        }
        let mut all = own.clone();
        for &index in &own {
            if at || down > 0 {
                all.extend(self.index.lineage(index, true, if at { ALL } else { down }).into_iter().map(|(found, _)| found));
            }
            if up > 0 {
                all.extend(self.index.lineage(index, false, up).into_iter().map(|(found, _)| found));
            }
        }
        if at {
            let needed: Vec<NodeIndex> = all.iter().flat_map(|&index| self.index.lineage(index, false, ALL)).map(|(found, _)| found).collect();
            all.extend(needed);
        }
        Ok(all)
    }

    fn select_method(&self, part: &str) -> Result<BTreeSet<NodeIndex>, String> {
        let (method, value) = match part.split_once(':') {
            Some((method, value)) => (method, value),
            // A path, or a name.
            None if part.contains('/') || part.ends_with(".sql") || part.ends_with(".csv") => ("path", part),
            None => ("fqn", part),
        };
        let fits: Box<dyn Fn(&Node) -> bool> = match method {
            "fqn" => Box::new(move |node| {
                glob(value, &node.label())
                    || glob(value, &node.name)
                    || *node.unique_id == *value
                    || node
                        .fqn
                        .iter()
                        .map(|part| &**part)
                        .collect::<Vec<_>>()
                        .join(".")
                        .split_once('.')
                        .is_some_and(|(_, inner)| glob(value, inner) || inner.strip_prefix(value).is_some_and(|rest| rest.starts_with('.')))
            }),
            "path" => {
                let value = value.trim_start_matches("./").trim_end_matches('/');
                Box::new(move |node| {
                    let yaml = node.patch.as_ref().and_then(|patch| self.file(patch.place.file)).map(|file| file.relative.clone());
                    [Some(node.path.clone()), yaml]
                        .into_iter()
                        .flatten()
                        .any(|path| glob(value, &path) || path.strip_prefix(value).is_some_and(|rest| rest.starts_with('/')))
                })
            }
            "file" => Box::new(move |node| {
                node.path.rsplit('/').next().is_some_and(|file| glob(value, file) || file.rsplit_once('.').is_some_and(|(stem, _)| glob(value, stem)))
            }),
            "tag" => Box::new(move |node| node.config.tags.iter().chain(&node.tags).any(|tag| glob(value, tag))),
            "package" => Box::new(move |node| glob(if value == "this" { &self.index.project } else { value }, &node.package)),
            "resource_type" => Box::new(move |node| node.resource_type.as_str() == value),
            "source" => Box::new(move |node| node.source_name.as_ref().is_some_and(|source| glob(value, source) || glob(value, &node.label()))),
            "group" => Box::new(move |node| node.config.group.as_deref().is_some_and(|group| glob(value, group))),
            "exposure" | "metric" | "semantic_model" | "saved_query" | "unit_test" => {
                Box::new(move |node| node.resource_type.as_str() == method && glob(value, &node.name))
            }
            "config.materialized" => Box::new(move |node| node.config.materialized.as_deref() == Some(value)),
            other => {
                return Err(format!(
                    "`{other}:` is no method of selection here; there are fqn, path, file, tag, package, resource_type, source, group, exposure, metric, semantic_model, saved_query, unit_test, config.materialized"
                ));
            }
        };
        Ok(self.index.nodes.iter().enumerate().filter(|(_, node)| fits(node)).map(|(at, _)| at).collect())
    }
}

/// `+x`: all, `2+x`: two steps.
fn steps_before(part: &str) -> (usize, &str) {
    match part.split_once('+') {
        Some(("", rest)) => (ALL, rest),
        Some((count, rest)) if count.bytes().all(|byte| byte.is_ascii_digit()) => (count.parse().unwrap_or(ALL), rest),
        _ => (0, part),
    }
}

/// `x+`: all, `x+2`: two steps.
fn steps_behind(part: &str) -> (usize, &str) {
    match part.rsplit_once('+') {
        Some((rest, "")) => (ALL, rest),
        Some((rest, count)) if count.bytes().all(|byte| byte.is_ascii_digit()) => (count.parse().unwrap_or(ALL), rest),
        _ => (0, part),
    }
}

/// `*` any letters, `?` one, `[ab]` one of some, as Python's `fnmatch`.
fn glob(pattern: &str, text: &str) -> bool {
    if !pattern.contains(['*', '?', '[']) {
        return pattern == text;
    }
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // Where to go on from, should a star have taken too little.
    let (mut at, mut here, mut star) = (0, 0, None);
    while here < text.len() {
        let one = match pattern.get(at) {
            Some('*') => {
                star = Some((at, here));
                at += 1;
                continue;
            }
            Some('?') => Some(at + 1),
            Some('[') => class(&pattern, at, text[here]),
            Some(sign) if *sign == text[here] => Some(at + 1),
            _ => None,
        };
        match (one, star) {
            (Some(next), _) => (at, here) = (next, here + 1),
            (None, Some((behind, from))) => {
                star = Some((behind, from + 1));
                (at, here) = (behind + 1, from + 1);
            }
            (None, None) => return false,
        }
    }
    pattern[at..].iter().all(|sign| *sign == '*')
}

/// Where a class ends, if a sign is in it.
fn class(pattern: &[char], at: usize, sign: char) -> Option<usize> {
    let end = at + 2 + pattern.get(at + 2..)?.iter().position(|sign| *sign == ']')?;
    let inner = &pattern[at + 1..end];
    let (is_not, inner) = if inner.first() == Some(&'!') { (true, &inner[1..]) } else { (false, inner) };
    let is_in = inner.contains(&sign) || inner.windows(3).any(|window| window[1] == '-' && (window[0]..=window[2]).contains(&sign));
    (is_in != is_not).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::glob;
    use crate::test_support::analysis;
    use expect_test::{Expect, expect};
    use testkit::Fixture;

    #[test]
    fn globs() {
        for (pattern, text, fits) in [
            ("stg_*", "stg_a", true),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[!a]x", "ax", false),
            ("*b*d", "abcd", true),
            ("*bd", "abcd", false),
            ("[", "[", false),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
    }

    fn check(selection: &str, expected: Expect) {
        let analysis = analysis(&Fixture::parse(
            "-- file: seeds/s.csv\nid\n-- file: models/stg/a.sql\n{{ config(tags=['nightly']) }}select id from {{ ref('s') }}\n-- file: models/stg/a2.sql\nselect id from {{ source('raw', 't') }}\n-- file: models/marts/b.sql\nselect * from {{ ref('a') }} join {{ ref('a2') }} using (id)\n-- file: models/marts/c.sql\n{{ config(tags=['nightly'], materialized='table') }}select * from {{ ref('b') }}\n-- file: models/m.yml\nsources: [{name: raw, tables: [{name: t}]}]\n",
        ));
        let shown = match analysis.select(selection) {
            Ok(found) => found.into_iter().map(|index| analysis.index.nodes[index].label()).collect::<Vec<_>>().join(" "),
            Err(why) => why,
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn methods_and_operators() {
        check("a", expect!["a"]);
        check("a* c", expect!["a a2 c"]);
        check("+b", expect!["a a2 b s raw.t"]);
        check("1+b", expect!["a a2 b"]);
        check("a+1", expect!["a b"]);
        check("@a2", expect!["a a2 b c s raw.t"]);
        check("tag:nightly", expect!["a c"]);
        check("tag:nightly,config.materialized:table", expect!["c"]);
        check("models/stg", expect!["a a2"]);
        check("stg", expect!["a a2"]);
        check("marts.b", expect!["b"]);
        check("source:raw", expect!["raw.t"]);
        check("resource_type:seed file:b.sql", expect!["b s"]);
        check("nothing", expect!["`nothing` selects nothing"]);
        check(
            "state:modified",
            expect![
                "`state:` is no method of selection here; there are fqn, path, file, tag, package, resource_type, source, group, exposure, metric, semantic_model, saved_query, unit_test, config.materialized"
            ],
        );
    }
}
