//! What people see. The only place that prints.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::{IsTerminal, Write};

/// A line of the result.
pub fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    // Who closed the pipe has seen enough.
    if writeln!(out, "{text}").is_err() {
        std::process::exit(0);
    }
}

/// A piece of the result, without a line end.
pub fn piece(text: &str) {
    let mut out = std::io::stdout().lock();
    if write!(out, "{text}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// A remark beside the result.
pub fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// What went wrong.
pub fn error(text: &str) {
    let _ = writeln!(std::io::stderr(), "ragstar: {text}");
}

/// Whether a person watches standard error, so that progress makes sense.
pub fn is_watched() -> bool {
    std::io::stderr().is_terminal()
}

/// Rows below a head, without frames.
pub fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    if !head.is_empty() {
        table.set_header(head.to_vec());
    }
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}
