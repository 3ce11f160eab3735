//! A text that an editor changes piece by piece.

use crate::{Encoding, Position};
use ropey::Rope;

/// An open document, kept as a rope so that a keystroke costs no copy of the text.
#[derive(Debug, Clone)]
pub struct Document {
    rope: Rope,
}

impl Document {
    pub fn new(text: &str) -> Self {
        Self { rope: Rope::from_str(text) }
    }

    pub fn text(&self) -> String {
        String::from(&self.rope)
    }

    /// Replaces the text between two positions (LSP `TextDocumentContentChangeEvent`). Positions outside are clamped; `false`
    /// says that one was, so that the caller can read the file again.
    pub fn change(&mut self, start: Position, end: Position, insert: &str, encoding: Encoding) -> bool {
        let (start_char, start_fits) = self.char_at(start, encoding);
        let (end_char, end_fits) = self.char_at(end, encoding);
        let ordered = start_char <= end_char;
        let (start_char, end_char) = (start_char.min(end_char), start_char.max(end_char));
        self.rope.remove(start_char..end_char);
        self.rope.insert(start_char, insert);
        start_fits && end_fits && ordered
    }

    fn char_at(&self, position: Position, encoding: Encoding) -> (usize, bool) {
        let line = position.line as usize;
        if line >= self.rope.len_lines() {
            return (self.rope.len_chars(), false);
        }
        let start = self.rope.line_to_char(line);
        let (mut left, mut at) = (position.column as usize, start);
        for c in self.rope.line(line).chars() {
            let width = encoding.width(c);
            if left < width || c == '\n' || c == '\r' {
                break;
            }
            left -= width;
            at += 1;
        }
        (at, left == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, column: u32) -> Position {
        Position { line, column }
    }

    #[test]
    fn changes_count_utf16_units() {
        let mut document = Document::new("select '😀' as a\nfrom b\n");
        assert!(document.change(at(0, 8), at(0, 10), "x", Encoding::Utf16));
        assert_eq!(document.text(), "select 'x' as a\nfrom b\n");
        assert!(document.change(at(1, 5), at(1, 6), "c", Encoding::Utf16));
        assert_eq!(document.text(), "select 'x' as a\nfrom c\n");
    }

    #[test]
    fn a_change_out_of_range_is_clamped_and_told() {
        let mut document = Document::new("a\n");
        assert!(!document.change(at(7, 0), at(9, 0), "b", Encoding::Utf8));
        assert_eq!(document.text(), "a\nb");
    }
}
