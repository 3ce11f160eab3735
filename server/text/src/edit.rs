//! Edits as sets of (range, new text) on the original bytes.

use crate::TextRange;

/// Replaces `range` of the original text by `insert`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    pub range: TextRange,
    pub insert: String,
}

impl Edit {
    pub fn insert(offset: usize, insert: impl Into<String>) -> Self {
        Self { range: TextRange::at(offset), insert: insert.into() }
    }

    pub fn delete(range: TextRange) -> Self {
        Self::replace(range, "")
    }

    pub fn replace(range: TextRange, insert: impl Into<String>) -> Self {
        Self { range, insert: insert.into() }
    }
}

/// Why a set of edits can't be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditError {
    /// Two edits touch the same bytes.
    Overlap(TextRange),
    /// A range lies outside the text or cuts a character.
    OutOfRange(TextRange),
}

impl std::fmt::Display for EditError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Overlap(range) => write!(f, "edits overlap at byte {}", range.start),
            Self::OutOfRange(range) => write!(f, "an edit at bytes {}..{} lies outside the text", range.start, range.end),
        }
    }
}

impl std::error::Error for EditError {}

/// Applies `edits`, whose ranges all speak of `text` as it is; edits at one place keep their order.
pub fn apply_edits(text: &str, edits: &[Edit]) -> Result<String, EditError> {
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    sorted.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let mut out = String::with_capacity(text.len() + edits.iter().map(|edit| edit.insert.len()).sum::<usize>());
    let mut at = 0;
    for edit in sorted {
        let (start, end) = (edit.range.start as usize, edit.range.end as usize);
        if start < at {
            return Err(EditError::Overlap(edit.range));
        }
        if !text.is_char_boundary(start) || !text.is_char_boundary(end) {
            return Err(EditError::OutOfRange(edit.range));
        }
        out.push_str(&text[at..start]);
        out.push_str(&edit.insert);
        at = end;
    }
    out.push_str(&text[at..]);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_speak_of_the_original() {
        let edits = [Edit::insert(3, "!"), Edit::replace(TextRange::new(0, 1), "X"), Edit::insert(3, "?")];
        assert_eq!(apply_edits("abc", &edits), Ok("Xbc!?".to_owned()));
        let overlap = [Edit::replace(TextRange::new(0, 2), ""), Edit::replace(TextRange::new(1, 3), "")];
        assert!(matches!(apply_edits("abc", &overlap), Err(EditError::Overlap(_))));
        assert!(matches!(apply_edits("é", &[Edit::insert(1, "x")]), Err(EditError::OutOfRange(_))));
    }
}
