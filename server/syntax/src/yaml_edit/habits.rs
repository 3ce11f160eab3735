//! How a file is written: its line ends, how far its lists stand in, its quotes, how wide its texts are.

use super::lines::{column, line_start};
use crate::yaml::{Kind, Node, Style};
use text::TextRange;

/// How this file is written.
pub struct Habits {
    pub newline: &'static str,
    /// How far lists stand right of the key that holds them: 0 or 2.
    pub list_indent: usize,
    /// How strings are written where the file has such strings already.
    pub style: Style,
    /// Columns that a text may take before it goes on in the next line.
    pub width: usize,
    /// Whether long texts that are no blocks go on in the next line, too.
    pub wraps: bool,
    /// Whether lists of plain values stand in brackets.
    pub flow_lists: bool,
}

/// Where nothing says how wide texts are.
const WIDTH: usize = 80;
/// A text that goes on in the next line has at least so many columns.
const MIN_WIDTH: usize = 60;

impl Habits {
    pub fn default_for(source: &str) -> Self {
        let newline = match source.find('\n') {
            Some(at) if source[..at].ends_with('\r') => "\r\n",
            _ => "\n",
        };
        Self { newline, list_indent: 2, style: Style::Plain, width: WIDTH, wraps: false, flow_lists: true }
    }

    pub fn of(source: &str, root: &Node) -> Self {
        let mut habits = Self::default_for(source);
        if let Some(indent) = list_indent(source, root) {
            habits.list_indent = indent;
        }
        let mut seen = Seen::default();
        seen.look(source, root);
        const STYLES: [Style; 5] = [Style::Plain, Style::DoubleQuoted, Style::SingleQuoted, Style::Folded, Style::Literal];
        let best = (0..5).rev().max_by_key(|&index| seen.styles[index]);
        if let Some(best) = best.filter(|&index| seen.styles[index] > 0) {
            habits.style = STYLES[best];
        }
        habits.wraps = seen.wrapped > seen.long;
        habits.width = seen.width.filter(|_| seen.wrapped + seen.folded > 0).unwrap_or(WIDTH);
        habits.flow_lists = seen.flow_lists >= seen.block_lists;
        habits
    }
}

/// What stands in a file how often.
#[derive(Default)]
struct Seen {
    /// Descriptions: plain, in double and single quotes, folded, literal.
    styles: [usize; 5],
    /// Plain and quoted descriptions of several lines, and those that are too long for one.
    wrapped: usize,
    long: usize,
    folded: usize,
    /// The widest line of those that go on.
    width: Option<usize>,
    flow_lists: usize,
    block_lists: usize,
}

impl Seen {
    fn look(&mut self, source: &str, node: &Node) {
        for (key, value) in node.entries() {
            match &value.kind {
                Kind::Scalar { value: text, style } if key.as_str() == Some("description") && !text.is_empty() && !text.contains("{{") => {
                    self.description(source, value.range, *style);
                }
                _ => self.look(source, value),
            }
        }
        if let Kind::Seq { items, flow } = &node.kind
            && !items.is_empty()
            && items.iter().all(|item| matches!(item.kind, Kind::Scalar { .. }))
        {
            *(if *flow { &mut self.flow_lists } else { &mut self.block_lists }) += 1;
        }
        for item in node.items() {
            self.look(source, item);
        }
    }

    fn description(&mut self, source: &str, range: TextRange, style: Style) {
        self.styles[match style {
            Style::Plain => 0,
            Style::DoubleQuoted => 1,
            Style::SingleQuoted => 2,
            Style::Folded => 3,
            Style::Literal => 4,
        }] += 1;
        if style == Style::Literal {
            return;
        }
        let text = source[line_start(source, range.start as usize)..range.end as usize].trim_end();
        let widths: Vec<usize> = text.lines().map(|line| line.trim_end().chars().count()).collect();
        let going_on = match style {
            // The header says nothing.
            Style::Folded => widths.get(1..widths.len().saturating_sub(1)).unwrap_or_default(),
            _ => &widths[..widths.len().saturating_sub(1)],
        };
        match (style, widths.as_slice()) {
            (Style::Folded, _) => self.folded += usize::from(!going_on.is_empty()),
            (_, [only]) => self.long += usize::from(*only > WIDTH),
            _ => self.wrapped += 1,
        }
        let widest = going_on.iter().copied().max().filter(|width| *width >= MIN_WIDTH);
        self.width = self.width.max(widest);
    }
}

fn list_indent(source: &str, node: &Node) -> Option<usize> {
    for (key, value) in node.entries() {
        match &value.kind {
            Kind::Seq { items, flow: false } if !items.is_empty() && !value.is_alias => {
                let dash = column(source, value.range.start as usize);
                return Some(dash.saturating_sub(column(source, key.range.start as usize)).min(8));
            }
            _ => {
                if let Some(indent) = list_indent(source, value) {
                    return Some(indent);
                }
            }
        }
    }
    node.items().iter().find_map(|item| list_indent(source, item))
}
