//! Lines and columns in the three encodings of LSP's `PositionEncodingKind`.

/// What a column counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    Utf8,
    #[default]
    Utf16,
    Utf32,
}

impl Encoding {
    /// The width of `c` in this encoding's code units.
    pub fn width(self, c: char) -> usize {
        match self {
            Self::Utf8 => c.len_utf8(),
            Self::Utf16 => c.len_utf16(),
            Self::Utf32 => 1,
        }
    }
}

/// A zero-based line and column; the column counts code units of an [`Encoding`] that goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

/// Where the lines of one text start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineIndex {
    starts: Vec<u32>,
    len: u32,
}

impl LineIndex {
    pub fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        let mut at = 0;
        while at < bytes.len() {
            let ended = match bytes[at] {
                b'\n' => true,
                b'\r' => bytes.get(at + 1) != Some(&b'\n'),
                _ => false,
            };
            at += 1;
            if ended {
                starts.push(u32::try_from(at).unwrap_or(u32::MAX));
            }
        }
        Self { starts, len: u32::try_from(bytes.len()).unwrap_or(u32::MAX) }
    }

    pub fn line_count(&self) -> usize {
        self.starts.len()
    }

    /// The zero-based line that holds byte `offset`.
    pub fn line_of(&self, offset: usize) -> usize {
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        self.starts.partition_point(|&start| start <= offset).saturating_sub(1)
    }

    /// The byte range of a line without its line ending.
    pub fn line_range(&self, text: &str, line: usize) -> std::ops::Range<usize> {
        let start = self.starts.get(line).copied().unwrap_or(self.len) as usize;
        let end = self.starts.get(line + 1).copied().unwrap_or(self.len) as usize;
        let content = text.get(start..end).unwrap_or("");
        start..start + content.trim_end_matches(['\n', '\r']).len()
    }

    /// The position of byte `offset`; an offset past the end is the end.
    pub fn position(&self, text: &str, offset: usize, encoding: Encoding) -> Position {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.line_of(offset);
        let start = self.starts[line] as usize;
        let column: usize = match encoding {
            Encoding::Utf8 => offset - start,
            _ => text[start..offset].chars().map(|c| encoding.width(c)).sum(),
        };
        Position { line: u32::try_from(line).unwrap_or(u32::MAX), column: u32::try_from(column).unwrap_or(u32::MAX) }
    }

    /// The byte offset of a position. A column past the line's end is the line's end (LSP 3.17, `Position`), a line past the
    /// last is the text's end, a column inside a character is that character's start.
    pub fn offset(&self, text: &str, position: Position, encoding: Encoding) -> usize {
        let line = position.line as usize;
        if line >= self.starts.len() {
            return text.len();
        }
        let range = self.line_range(text, line);
        let (mut left, mut at) = (position.column as usize, range.start);
        for c in text[range].chars() {
            let width = encoding.width(c);
            if left < width {
                break;
            }
            left -= width;
            at += c.len_utf8();
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_in_every_encoding() {
        let text = "a😀é\r\nb\rc\n";
        let index = LineIndex::new(text);
        assert_eq!(index.line_count(), 4);
        for (encoding, column) in [(Encoding::Utf8, 7), (Encoding::Utf16, 4), (Encoding::Utf32, 3)] {
            let end = index.position(text, 7, encoding);
            assert_eq!(end, Position { line: 0, column });
            assert_eq!(index.offset(text, end, encoding), 7);
            assert_eq!(index.offset(text, Position { line: 0, column: 99 }, encoding), 7, "past the end is the end");
        }
        assert_eq!(index.offset(text, Position { line: 0, column: 2 }, Encoding::Utf16), 1, "half a surrogate pair");
        assert_eq!(index.offset(text, Position { line: 9, column: 0 }, Encoding::Utf16), text.len());
    }
}
