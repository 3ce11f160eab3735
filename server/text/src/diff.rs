//! Two versions of a text, compared line by line.

use crate::{Edit, TextRange};
use similar::{Algorithm, DiffTag, TextDiff};

/// The edits that make `after` of `before`, whole lines each, in the order of the text.
pub fn line_edits(before: &str, after: &str) -> Vec<Edit> {
    if before == after {
        return Vec::new();
    }
    let diff = TextDiff::configure().algorithm(Algorithm::Patience).diff_lines(before, after);
    let starts = |lines: &[&str]| -> Vec<usize> {
        let mut at = 0;
        std::iter::once(0)
            .chain(lines.iter().map(|line| {
                at += line.len();
                at
            }))
            .collect()
    };
    let (old, new) = (starts(diff.old_slices()), starts(diff.new_slices()));
    // By their lengths: where an operation says that it begins may be wrong (similar 2.7 swaps neighbours without it).
    let (mut from, mut to) = (0, 0);
    let mut edits = Vec::new();
    for op in diff.ops() {
        let (until, new_until) = (from + op.old_range().len(), to + op.new_range().len());
        if op.tag() != DiffTag::Equal {
            edits.push(Edit::replace(TextRange::new(old[from], old[until]), &after[new[to]..new[new_until]]));
        }
        (from, to) = (until, new_until);
    }
    edits
}

/// The difference as `diff -u` shows it, with three lines around each change; empty where there is none.
pub fn unified_diff(before: &str, after: &str, path: &str) -> String {
    let diff = TextDiff::configure().algorithm(Algorithm::Patience).diff_lines(before, after);
    diff.unified_diff().context_radius(3).header(&format!("a/{path}"), &format!("b/{path}")).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply_edits;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_make_the_other_text(before in "([ab]{0,2}(\n|\r\n)?){0,8}", after in "([ab]{0,2}(\n|\r\n)?){0,8}") {
            let edits = line_edits(&before, &after);
            prop_assert_eq!(apply_edits(&before, &edits).expect("they fit"), after);
        }
    }

    #[test]
    fn a_line_that_moves_to_the_front() {
        let (before, after) = ("a\nb\r\n", "b\r\nb\r\na");
        assert_eq!(apply_edits(before, &line_edits(before, after)).expect("they fit"), after);
    }

    #[test]
    fn lines_between_changes_are_no_part_of_them() {
        let edits = line_edits("a\nb\nc\nd\n", "a\nx\nb\nc\nd\ny\n");
        assert_eq!(edits, [Edit::insert(2, "x\n"), Edit::insert(8, "y\n")]);
        assert_eq!(unified_diff("a\nb\n", "a\nc\n", "m.yml"), "--- a/m.yml\n+++ b/m.yml\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n");
        assert_eq!(unified_diff("a\n", "a\n", "m.yml"), "");
    }
}
