//! Tests of the whole: the real binary, a real Postgres, a real model server, a real editor. One binary, one module a subject.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod bad_input;
mod cache_on_disk;
mod cli;
mod dbt;
mod docs;
mod drafts;
mod emacs;
mod fuzz;
mod harness;
mod http;
mod init;
mod live;
mod llama;
mod lsp;
mod lsp_features;
mod lsp_workspace;
mod neovim;
mod scripted;
mod slack;
mod soak;
mod store;
mod tidy;
mod vscode;
mod yaml;
