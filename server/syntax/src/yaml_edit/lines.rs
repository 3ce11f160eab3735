//! Whole lines of a file: those of a key and of a list's entries, and how they are taken out and moved.

use super::habits::Habits;
use super::{Editor, Leaf, Refusal, Step, find, refuse};
use crate::yaml::{Kind, Node};
use text::{Edit, TextRange};

/// Characters between the start of the line and `offset`, a BOM not counted.
pub(super) fn column(source: &str, offset: usize) -> usize {
    source[line_start(source, offset)..offset].chars().filter(|&c| c != '\u{feff}').count()
}

/// The start of the line that holds `offset`.
pub fn line_start(source: &str, offset: usize) -> usize {
    source[..offset].rfind('\n').map_or(0, |end| end + 1)
}

/// The end of the line that holds `offset`, before its line end.
pub(super) fn line_end(source: &str, offset: usize) -> usize {
    let end = source[offset..].find('\n').map_or(source.len(), |at| offset + at);
    if source[offset..end].ends_with('\r') { end - 1 } else { end }
}

/// Behind the line end of the line that holds the last byte before an offset.
pub fn behind_line(source: &str, offset: usize) -> usize {
    // The byte may be the last of several of one character.
    let last = offset.saturating_sub(1);
    source.as_bytes()[last..].iter().position(|&byte| byte == b'\n').map_or(source.len(), |end| last + end + 1)
}

/// The lines of a key and its value in a block mapping, from line start to behind the line end; `None` where something else stands
/// on them.
pub fn key_lines(source: &str, key: &Node, value: &Node) -> Option<TextRange> {
    let start = line_start(source, key.range.start as usize);
    if !source[start..key.range.start as usize].trim_matches(['\u{feff}', ' ']).is_empty() {
        return None;
    }
    let end = if value.range.is_empty() { key.range.end } else { value.range.end };
    Some(TextRange::new(start, behind_line(source, end as usize)))
}

/// The lines of a block list's entries, each with the comments above it, from line start to behind the line end; one follows another.
/// `None` for flow style, aliases, and what shares its lines with something else.
pub(super) fn list_lines(source: &str, list: &Node) -> Option<Vec<TextRange>> {
    let Kind::Seq { items, flow: false } = &list.kind else { return None };
    if list.is_alias || items.is_empty() {
        return None;
    }
    let mut start = line_start(source, list.range.start as usize);
    // The list may begin on its key's line.
    if !source[start..list.range.start as usize].trim_matches(['\u{feff}', ' ']).is_empty() {
        return None;
    }
    let mut lines = Vec::with_capacity(items.len());
    for item in items {
        let end = behind_line(source, item.range.end as usize);
        lines.push(TextRange::new(start, end));
        start = end;
    }
    Some(lines)
}

/// The blanks before a line's text.
fn blanks(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Smaller files are read whole.
const LARGE: usize = if cfg!(test) { 0 } else { 64 << 10 };
/// So much before and behind an entry shows how a file is written.
const AROUND: usize = 12 << 10;

/// The lines of a block list's entry, with the blank ones behind it, where they can be read by themselves: it begins with a dash on a line of
/// its own, and no anchor leads into it or out of it.
pub(super) fn alone(source: &str, entry: TextRange) -> Option<TextRange> {
    if source.len() < LARGE {
        return None;
    }
    let start = line_start(source, entry.start as usize);
    let mut end = behind_line(source, entry.end as usize);
    while let Some(line) = source[end..].split_inclusive('\n').next().filter(|line| line.trim().is_empty()) {
        end += line.len();
    }
    let lines = TextRange::new(start, end);
    (source[start..entry.start as usize].trim_start_matches(' ').strip_prefix('-')?.trim().is_empty() && is_alone(lines.of(source))).then_some(lines)
}

/// Whether lines are one entry of a block list: all stand right of the first one's dash.
pub(super) fn is_alone(lines: &str) -> bool {
    let mut all = lines.lines();
    let Some(first) = all.next().filter(|first| first.trim_start_matches(' ').starts_with("- ")) else { return false };
    let dash = blanks(first);
    !lines.contains(['&', '*', '\u{feff}', '\t']) && all.all(|line| line.trim().is_empty() || blanks(line) > dash)
}

/// The lines around an entry from one entry of its list to another.
pub(super) fn around(source: &str, entry: TextRange) -> Option<&str> {
    let dash = blanks(entry.of(source));
    let begins = |line: &str| blanks(line) == dash && line[dash..].starts_with("- ");
    let mut start = entry.start as usize;
    let mut at = start;
    while at > 0 && entry.start as usize - at < AROUND {
        let before = line_start(source, at - 1);
        let line = &source[before..at];
        if begins(line) {
            start = before;
        } else if !line.trim().is_empty() && blanks(line) <= dash {
            break;
        }
        at = before;
    }
    let mut end = entry.end as usize;
    let mut at = end;
    for line in source[end..].split_inclusive('\n') {
        if begins(line) || at - entry.end as usize > AROUND {
            end = at;
        }
        if at - entry.end as usize > AROUND || (!line.trim().is_empty() && !begins(line) && blanks(line) <= dash) {
            break;
        }
        at += line.len();
    }
    source.get(start..end)
}

/// Lines moved to the right; empty ones stay empty.
pub fn indented(lines: &str, by: usize) -> String {
    let pad = " ".repeat(by);
    lines.split_inclusive('\n').map(|line| if line.trim().is_empty() { line.to_owned() } else { format!("{pad}{line}") }).collect()
}

/// Lines moved to another column; `None` where one of them doesn't stand that far right.
fn shifted(lines: &str, from: usize, to: usize) -> Option<String> {
    if to >= from {
        return Some(indented(lines, to - from));
    }
    let pad = " ".repeat(from - to);
    lines.split_inclusive('\n').map(|line| if line.trim().is_empty() { Some(line) } else { line.strip_prefix(&pad) }).collect()
}

pub(super) fn removal(source: &str, node: &Node, key: &str) -> Result<Edit, Refusal> {
    let Kind::Map { entries, flow } = &node.kind else { return refuse("the entry is not a mapping") };
    let Some(at) = entries.iter().rposition(|(name, _)| name.as_str() == Some(key)) else { return refuse(format!("`{key}` is not there")) };
    if entries.len() == 1 {
        return refuse(format!("`{key}` is all that there is of the entry"));
    }
    let (name, value) = &entries[at];
    let (start, end) = (name.range.start as usize, value.range.end.max(name.range.end) as usize);
    if *flow {
        // With the comma before it, or the first one with the comma behind it.
        return Ok(Edit::delete(match at {
            0 => TextRange::new(start, entries[1].0.range.start as usize),
            _ => TextRange::new(entries[at - 1].1.range.end.max(entries[at - 1].0.range.end) as usize, end),
        }));
    }
    let line_end = line_end(source, end);
    if source[end..line_end].contains('#') {
        return refuse("a comment stands behind the value; it would be lost");
    }
    let line_start = line_start(source, start);
    if source[line_start..start].trim_matches(['\u{feff}', ' ']).is_empty() && line_start + 3 < source.len() {
        let begins = if source[line_start..].starts_with('\u{feff}') { line_start + '\u{feff}'.len_utf8() } else { line_start };
        return Ok(Edit::delete(whole_lines(source, begins, line_end)));
    }
    // Behind a dash: the next key takes its place.
    let Some((next, _)) = entries.get(at + 1) else { return refuse(format!("`{key}` can't be taken out of its line")) };
    if source[end..next.range.start as usize].contains('#') {
        return refuse("a comment stands behind the value; it would be lost");
    }
    Ok(Edit::delete(TextRange::new(start, next.range.start as usize)))
}

/// Lines from the start of one to the end of another, to be taken out: at the end of a file without a final line end, the one before
/// goes.
fn whole_lines(source: &str, begins: usize, end: usize) -> TextRange {
    match source[end..].find('\n') {
        Some(at) => TextRange::new(begins, end + at + 1),
        None => TextRange::new(source[..begins].trim_end_matches(['\n', '\r']).len(), source.len()),
    }
}

/// An entry out of its list.
pub(super) fn entry_removal(source: &str, list: &Node, place: usize) -> Result<Edit, Refusal> {
    let items = list.items();
    if items.len() < 2 {
        return refuse("it is the only entry of its list");
    }
    if matches!(list.kind, Kind::Seq { flow: true, .. }) {
        return Ok(Edit::delete(match place {
            0 => TextRange::new(items[0].range.start as usize, items[1].range.start as usize),
            _ => TextRange::new(items[place - 1].range.end as usize, items[place].range.end as usize),
        }));
    }
    let Some(lines) = list_lines(source, list) else { return refuse("the list begins on another's line") };
    let own = lines[place];
    // What stands apart above it, behind a blank line, is not about it.
    let text = own.of(source);
    let dash = text.split_inclusive('\n').take_while(|line| line.trim().is_empty() || line.trim_start().starts_with('#')).map(str::len).sum::<usize>();
    let above = &text[..dash];
    let apart = above.rfind("\n\n").map(|at| at + 2).or_else(|| above.rfind("\n\r\n").map(|at| at + 3)).unwrap_or(0);
    let begins = own.start as usize + if above[..apart].contains('#') { apart } else { 0 };
    let end = line_end(source, items[place].range.end as usize);
    Ok(Edit::delete(if source[end..].contains('\n') { TextRange::new(begins, own.end as usize) } else { whole_lines(source, begins, end) }))
}

/// The entries of a list in another order.
pub(super) fn reordered(source: &str, list: &Node, order: &[usize]) -> Result<Vec<Edit>, Refusal> {
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..list.items().len()) {
        return refuse("the order doesn't name each entry once");
    }
    // Those at both ends that stay.
    let head = order.iter().enumerate().take_while(|(at, from)| at == *from).count();
    let tail = order.iter().enumerate().skip(head).rev().take_while(|(at, from)| at == *from).count();
    let moved = &order[head..order.len() - tail];
    if moved.is_empty() {
        return Ok(Vec::new());
    }
    if let Kind::Seq { items, flow: true } = &list.kind {
        let edit = |(at, from): (usize, &usize)| Edit::replace(items[at].range, items[*from].range.of(source));
        return Ok(moved.iter().enumerate().map(|(at, from)| edit((at + head, from))).collect());
    }
    let Some(lines) = list_lines(source, list) else { return refuse("the list begins on another's line") };
    let whole = TextRange { start: lines[head].start, end: lines[order.len() - tail - 1].end };
    let newline = Habits::default_for(source).newline;
    let mut text = String::with_capacity(whole.of(source).len());
    for &from in moved {
        text.push_str(lines[from].of(source));
        if !text.ends_with('\n') {
            text.push_str(newline);
        }
    }
    if !whole.of(source).ends_with('\n') {
        text.truncate(text.len() - newline.len());
    }
    Ok(vec![Edit::replace(whole, text)])
}

/// A key with its lines into another mapping.
pub(super) fn moved(source: &str, root: &Node, node: &Node, key: &str, path: &[Step], to: &[Step]) -> Result<Vec<Edit>, Refusal> {
    let Kind::Map { entries, flow } = &node.kind else { return refuse("the entry is not a mapping") };
    let Some((name, value)) = entries.iter().rev().find(|(name, _)| name.as_str() == Some(key)) else { return refuse(format!("`{key}` is not there")) };
    let is_below = to.len() == path.len() + 1 && to.starts_with(path);
    let target = find(root, to).filter(|target| !target.is_null());
    let own = TextRange { start: name.range.start, end: value.range.end.max(name.range.end) };
    let fits_a_line = !own.of(source).contains('\n');
    if *flow {
        let (Some(Step::Key(holder)), true, None) = (to.last(), is_below, target) else { return refuse(format!("`{key}` stands between braces")) };
        return Ok(vec![Edit::replace(own, format!("{holder}: {{{}}}", own.of(source)))]);
    }
    let Some(lines) = key_lines(source, name, value) else { return refuse(format!("`{key}` shares its line with something else")) };
    let from = column(source, name.range.start as usize);
    let habits = Habits::of(source, root);
    let newline = habits.newline;
    let taken = || match entries.len() {
        1 => refuse(format!("`{key}` is all that there is of the entry")),
        _ if lines.of(source).ends_with('\n') => Ok(Edit::delete(lines)),
        _ => Ok(Edit::delete(whole_lines(source, lines.start as usize, lines.end as usize))),
    };
    match target.map(|target| (target, &target.kind)) {
        Some((target, _)) if target.is_alias => refuse("what it would be moved to is an alias (`*…`)"),
        Some((target, Kind::Map { entries, flow: true })) => {
            if !fits_a_line {
                return refuse(format!("`{key}` has several lines, which don't fit between braces"));
            }
            let rest = &source[own.end as usize..line_end(source, own.end as usize)];
            if rest.contains('#') {
                return refuse("a comment stands behind the value; it would be lost");
            }
            let at = entries.last().map_or(target.range.start as usize + 1, |(_, last)| last.range.end as usize);
            let comma = if entries.is_empty() { "" } else { ", " };
            Ok(vec![Edit::insert(at, format!("{comma}{}", own.of(source))), taken()?])
        }
        Some((_, Kind::Map { entries, .. })) => {
            let (Some((first, _)), Some((last_key, last))) = (entries.first(), entries.last()) else { return refuse("the mapping is empty") };
            let Some(text) = shifted(lines.of(source), from, column(source, first.range.start as usize)) else {
                return refuse("a line of it doesn't stand far enough right to be moved");
            };
            let at = line_end(source, last.range.end.max(last_key.range.end) as usize);
            let text = text.trim_end_matches(['\n', '\r']);
            Ok(vec![Edit::insert(at, format!("{newline}{text}")), taken()?])
        }
        Some(_) => refuse("what it would be moved to is not a mapping"),
        None if is_below => {
            let Some(Step::Key(holder)) = to.last() else { return refuse("there is no such entry") };
            let pad = " ".repeat(from);
            let made = indented(lines.of(source), 2);
            // A holder that stands there empty is filled.
            if let Some((empty, _)) = node.entries().iter().find(|(name, _)| name.as_str() == Some(holder)) {
                let at = line_end(source, empty.range.end as usize);
                let made = made.trim_end_matches(['\n', '\r']);
                return Ok(vec![Edit::insert(at, format!("{newline}{made}")), taken()?]);
            }
            Ok(vec![Edit::replace(lines, format!("{pad}{holder}:{newline}{made}"))])
        }
        None => {
            let text = lines.of(source).trim_end_matches(['\n', '\r']);
            let lines = |indent: usize| match shifted(text, from, indent) {
                Some(text) => text.lines().map(str::to_owned).collect(),
                // What doesn't stand far enough right can't be told from what stands around it, and isn't proved.
                None => Vec::new(),
            };
            let mut edits = Editor { source, habits: &habits }.edit(root, to, Leaf::Lines(&lines))?;
            edits.push(taken()?);
            Ok(edits)
        }
    }
}
