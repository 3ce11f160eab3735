//! Code actions: what mends a diagnostic, and what changes code without changing what it means. All are edits that leave every other
//! byte as it was.

mod columns;
mod deprecated;
mod names;
mod refactor;
mod tests_of;
mod yaml;

use crate::{Analysis, Change, File, FileEdits};
use dbt::Diagnostic;
use std::path::PathBuf;
use text::{Edit, TextRange, apply_edits};

/// What an action is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FixKind {
    /// Mends what a diagnostic tells.
    Quick,
    Refactor,
    /// For the whole file.
    Source,
}

/// An offer at a place in a file, with all that it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    pub title: String,
    pub kind: FixKind,
    pub change: Change,
    /// The diagnostic that it mends: its rule and its place.
    pub mends: Option<(&'static str, TextRange)>,
    /// The one that people most likely want.
    pub is_preferred: bool,
}

/// Collects the offers for a range of a file.
pub(crate) struct Fixes<'a> {
    analysis: &'a Analysis,
    file: &'a File,
    range: TextRange,
    lines: text::LineIndex,
    list: Vec<Fix>,
}

impl Fixes<'_> {
    fn push(&mut self, title: impl Into<String>, kind: FixKind, change: Change, mends: Option<&Diagnostic>, is_preferred: bool) {
        let mends = mends.map(|found| (found.code, found.place.range));
        self.list.push(Fix { title: title.into(), kind, change, mends, is_preferred });
    }

    /// An edit of this file.
    fn here(&self, edits: Vec<Edit>) -> Change {
        Change { edits: vec![FileEdits { path: self.file.path.to_path_buf(), create: false, edits }], renames: Vec::new() }
    }

    fn touches(&self, range: TextRange) -> bool {
        range.meets(self.range)
    }

    /// Whether the range is on the lines of another.
    fn is_on_line_of(&self, range: TextRange) -> bool {
        let line = self.lines.line_range(&self.file.text, self.lines.line_of(range.start as usize));
        self.touches(line.into()) || self.touches(range)
    }
}

impl Analysis {
    /// The offers for a range of a file of the project's own, descriptions aside.
    pub fn fixes(&self, file: &File, range: TextRange) -> Vec<Fix> {
        if file.package != 0 {
            return Vec::new();
        }
        let mut fixes = Fixes { analysis: self, file, range, lines: text::LineIndex::new(&file.text), list: Vec::new() };
        let found = self.diagnostics(file);
        let here: Vec<&Diagnostic> = found.iter().filter(|found| fixes.is_on_line_of(found.place.range)).collect();
        for diagnostic in here {
            names::mend(&mut fixes, diagnostic);
            columns::mend(&mut fixes, diagnostic);
            deprecated::mend(&mut fixes, diagnostic);
        }
        deprecated::mend_all(&mut fixes, &found);
        columns::offer(&mut fixes);
        tests_of::offer(&mut fixes);
        refactor::offer(&mut fixes, &found);
        fixes.list
    }

    /// A file's text, and whether it has to be made.
    fn text_or_new(&self, path: &std::path::Path) -> (String, bool) {
        match self.file_at(path) {
            Some(file) => (file.text.to_string(), false),
            None => (String::new(), true),
        }
    }
}

/// What makes one text of another, as one edit.
fn difference(before: &str, after: &str) -> Edit {
    let head = before.bytes().zip(after.bytes()).take_while(|(one, other)| one == other).count();
    let head = (0..=head).rev().find(|&at| before.is_char_boundary(at) && after.is_char_boundary(at)).unwrap_or(0);
    let most = before.len().min(after.len()) - head;
    let tail = before.bytes().rev().zip(after.bytes().rev()).take(most).take_while(|(one, other)| one == other).count();
    let tail = (0..=tail).rev().find(|&length| before.is_char_boundary(before.len() - length) && after.is_char_boundary(after.len() - length)).unwrap_or(0);
    Edit::replace(TextRange::new(head, before.len() - tail), &after[head..after.len() - tail])
}

/// The name that a range says, without quotes.
fn inner_name(text: &str, range: TextRange) -> &str {
    crate::thing::inner(text, range).of(text)
}

/// A change of one file from one text to another; a new one begins as properties files do.
fn rewritten(path: PathBuf, before: &str, after: &str, create: bool) -> Change {
    let edit = difference(before, after);
    Change { edits: vec![FileEdits { path, create, edits: vec![edit] }], renames: Vec::new() }
}

/// Applies edits one after another, each on the result of the one before.
fn step(text: &mut String, edits: Vec<Edit>) -> bool {
    match apply_edits(text, &edits) {
        Ok(made) => {
            *text = made;
            true
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests;
