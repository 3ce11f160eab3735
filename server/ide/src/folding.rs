//! Folding and selection: what belongs together in a file.

use crate::thing::{spot, word_before, word_behind};
use crate::{Analysis, File};
use dbt::FileKind;
use syntax::{jinja, sql, yaml};
use text::{LineIndex, TextRange};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FoldKind {
    Region,
    Comment,
}

/// Lines that can be folded away below their first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fold {
    /// Zero-based.
    pub first: usize,
    pub last: usize,
    pub kind: FoldKind,
}

impl Analysis {
    /// Blocks, CTEs, calls and comments of SQL; mappings and lists of YAML; docs blocks of Markdown.
    pub fn folds(&self, file: &File) -> Vec<Fold> {
        let lines = LineIndex::new(&file.text);
        let mut folds = match file.kind {
            kind if kind.is_sql() => folds_of_sql(&file.text, &lines),
            FileKind::Properties | FileKind::Project | FileKind::Packages | FileKind::Selectors => folds_of_yaml(&file.text),
            FileKind::Docs => file.facts.blocks.iter().filter_map(|block| fold(&lines, block.range, FoldKind::Region)).collect(),
            _ => Vec::new(),
        };
        folds.sort_unstable();
        folds.dedup_by_key(|fold| fold.first);
        folds
    }

    /// The ranges around an offset, the innermost first, each inside of the next.
    pub fn selections(&self, file: &File, offset: usize) -> Vec<TextRange> {
        let text = &*file.text;
        let mut found: Vec<TextRange> = Vec::new();
        if text.is_char_boundary(offset) {
            found.push(TextRange::new(word_before(text, offset).0, word_behind(text, offset)));
        }
        if matches!(file.kind, FileKind::Properties | FileKind::Project | FileKind::Packages | FileKind::Selectors) {
            let tree = yaml::parse(text);
            if let Some(spot) = tree.root.as_ref().and_then(|root| spot(root, offset)) {
                found.push(spot.leaf.range);
                for (node, part) in spot.nodes.iter().zip(&spot.path) {
                    found.push(node.range);
                    if let Some((key, value)) = node.get_entry(part).filter(|_| *part != "[]") {
                        found.push(TextRange { start: key.range.start, end: value.range.end.max(key.range.end) });
                    }
                    found.extend(node.items().iter().map(|item| item.range));
                }
            }
        }
        if file.kind.is_sql() || file.kind == FileKind::Docs {
            let parsed = jinja::parse(text);
            found.extend(parsed.calls.iter().flat_map(|call| [call.range, call.callee].into_iter().chain(call.args.iter().map(|argument| argument.range))));
            found.extend(parsed.blocks.iter().flat_map(|block| [block.body, block.range]));
            found.extend(jinja::scan(text).iter().flat_map(|tag| [tag.inner, tag.outer]));
            found.extend(
                jinja::names(text)
                    .strings
                    .iter()
                    .flat_map(|string| [*string, TextRange { start: string.start + 1, end: string.end.max(string.start + 2) - 1 }]),
            );
        }
        if file.kind.is_sql() {
            let query = sql::read(text);
            found.extend(query.ctes.iter().flat_map(|cte| [trimmed(text, cte.body), cte.range]));
            for select in &query.selects {
                found.push(trimmed(text, select.range));
                found.extend(select.items.iter().map(|item| item.range));
                found.extend(select.relations.iter().map(|relation| relation.range));
            }
        }
        let lines = LineIndex::new(text);
        found.push(lines.line_range(text, lines.line_of(offset)).into());
        found.push(TextRange::new(0, text.len()));
        found.retain(|range| range.touches(offset) && text.get(range.start as usize..range.end as usize).is_some());
        found.sort_by_key(|range| (range.len(), range.start));
        found.dedup();
        // Each has to hold the one before.
        let mut nested: Vec<TextRange> = Vec::new();
        for range in found {
            if nested.last().is_none_or(|inner| range.contains_range(*inner) && range != *inner) {
                nested.push(range);
            }
        }
        nested
    }
}

fn trimmed(text: &str, range: TextRange) -> TextRange {
    let inside = range.of(text);
    let lead = inside.len() - inside.trim_start().len();
    TextRange::new(range.start as usize + lead, range.start as usize + inside.trim_end().len().max(lead))
}

fn fold(lines: &LineIndex, range: TextRange, kind: FoldKind) -> Option<Fold> {
    let (first, last) = (lines.line_of(range.start as usize), lines.line_of(range.end as usize));
    (first < last).then_some(Fold { first, last, kind })
}

/// A fold that leaves the line of its end to be seen.
fn fold_inside(lines: &LineIndex, range: TextRange) -> Option<Fold> {
    let (first, last) = (lines.line_of(range.start as usize), lines.line_of(range.end as usize));
    (first + 1 < last).then(|| Fold { first, last: last - 1, kind: FoldKind::Region })
}

fn folds_of_sql(text: &str, lines: &LineIndex) -> Vec<Fold> {
    let mut folds = Vec::new();
    let mut open: Vec<(&str, usize)> = Vec::new();
    for tag in jinja::scan(text) {
        if tag.kind == jinja::TagKind::Comment {
            folds.extend(fold(lines, tag.outer, FoldKind::Comment));
            continue;
        }
        folds.extend(fold_inside(lines, tag.outer));
        let word = tag.word(text);
        match word {
            _ if tag.opens(text) => open.push((word, tag.outer.start as usize)),
            "else" | "elif" => {
                if let Some((_, from)) = open.last_mut().filter(|(word, _)| *word == "if" || *word == "for") {
                    folds.extend(fold_inside(lines, TextRange::new(*from, tag.outer.start as usize)));
                    *from = tag.outer.start as usize;
                }
            }
            _ => {
                if let Some(closed) = word.strip_prefix("end")
                    && let Some(at) = open.iter().rposition(|(word, _)| *word == closed)
                {
                    let (_, from) = open[at];
                    open.truncate(at);
                    folds.extend(fold_inside(lines, TextRange::new(from, tag.outer.start as usize)));
                }
            }
        }
    }
    for cte in sql::ctes(text) {
        folds.extend(fold_inside(lines, cte.range));
    }
    // Comments: a block, or lines one below another.
    let mut at = 0;
    while let Some(start) = text[at..].find("/*").map(|start| at + start) {
        let end = text[start..].find("*/").map_or(text.len(), |end| start + end + 2);
        folds.extend(fold(lines, TextRange::new(start, end), FoldKind::Comment));
        at = end;
    }
    let mut from: Option<usize> = None;
    for (number, line) in text.lines().chain([""]).enumerate() {
        match (line.trim_start().starts_with("--"), from) {
            (true, None) => from = Some(number),
            (false, Some(first)) => {
                if number - first > 1 {
                    folds.push(Fold { first, last: number - 1, kind: FoldKind::Comment });
                }
                from = None;
            }
            _ => {}
        }
    }
    folds
}

/// By indents, so that what doesn't parse folds, too.
fn folds_of_yaml(text: &str) -> Vec<Fold> {
    let mut folds = Vec::new();
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut last = 0;
    let mut comment: Option<usize> = None;
    let mut close = |open: &mut Vec<(usize, usize)>, indent: usize, last: usize| {
        while let Some(&(column, first)) = open.last() {
            if column < indent {
                break;
            }
            open.pop();
            if last > first {
                folds.push(Fold { first, last, kind: FoldKind::Region });
            }
        }
    };
    let mut comments = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let content = line.trim_start();
        if content.starts_with('#') {
            comment.get_or_insert(number);
            continue;
        }
        if let Some(first) = comment.take().filter(|first| number - first > 1) {
            comments.push(Fold { first, last: number - 1, kind: FoldKind::Comment });
        }
        if content.is_empty() {
            continue;
        }
        // A list may stand as deep as the key that holds it.
        let indent = line.len() - content.len();
        let depth = indent * 2 + usize::from(content.starts_with('-'));
        close(&mut open, depth, last);
        open.push((depth, number));
        last = number;
    }
    close(&mut open, 0, last);
    folds.extend(comments);
    folds
}

#[cfg(test)]
mod tests {
    use crate::test_support::at_cursor;
    use expect_test::{Expect, expect};

    fn folds(fixture: &str, expected: Expect) {
        let (analysis, file, _) = at_cursor(fixture);
        let shown = analysis.folds(&file).into_iter().map(|fold| format!("{}-{} {:?}", fold.first + 1, fold.last + 1, fold.kind));
        expected.assert_eq(&shown.collect::<Vec<_>>().join("\n"));
    }

    fn selections(fixture: &str, expected: Expect) {
        let (analysis, file, offset) = at_cursor(fixture);
        let shown = analysis.selections(&file, offset).into_iter().map(|range| format!("{:?}", range.of(&file.text)));
        expected.assert_eq(&shown.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn of_sql() {
        folds(
            "-- file: models/a.sql\n$0{{\n  config(\n    a=1)\n}}\n-- one\n-- two\nwith o as (\n  select 1\n),\n{% if x %}\n a\n{% else %}\n b\n{% endif %}\n/*\n*/\nselect * from o\n",
            expect![[r#"
                1-3 Region
                5-6 Comment
                7-8 Region
                10-11 Region
                12-13 Region
                15-16 Comment"#]],
        );
        selections(
            "-- file: models/a.sql\nwith o as (select a, f(b$0) from {{ ref('x') }}) select 1\n",
            expect![[r#"
            "b"
            "f(b)"
            "select a, f(b) from {{ ref('x') }}"
            "o as (select a, f(b) from {{ ref('x') }})"
            "with o as (select a, f(b) from {{ ref('x') }}) select 1"
            "with o as (select a, f(b) from {{ ref('x') }}) select 1\n""#]],
        );
        selections(
            "-- file: models/a.sql\nselect * from {{ ref('pk$0g', 'x') }}\n",
            expect![[r#"
            "pkg"
            "'pkg'"
            "ref('pkg', 'x')"
            " ref('pkg', 'x') "
            "{{ ref('pkg', 'x') }}"
            "select * from {{ ref('pkg', 'x') }}"
            "select * from {{ ref('pkg', 'x') }}\n""#]],
        );
    }

    #[test]
    fn of_yaml() {
        folds(
            "-- file: models/a.yml\n$0models:\n- name: a\n  columns:\n  - name: x\n    description: y\n  - name: z\n# a\n# b\nseeds:\n  - name: s\n",
            expect![[r#"
            1-6 Region
            2-6 Region
            3-6 Region
            4-5 Region
            7-8 Comment
            9-10 Region"#]],
        );
        selections(
            "-- file: models/a.yml\nmodels:\n- name: a\n  columns:\n  - name: i$0d\n",
            expect![[r#"
            "id"
            "name: id"
            "- name: id"
            "  - name: id"
            "columns:\n  - name: id"
            "name: a\n  columns:\n  - name: id"
            "- name: a\n  columns:\n  - name: id"
            "models:\n- name: a\n  columns:\n  - name: id"
            "models:\n- name: a\n  columns:\n  - name: id\n""#]],
        );
    }
}
