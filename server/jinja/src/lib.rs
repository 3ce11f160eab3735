//! dbt's dialect of Jinja: templates, the macros of a project and its packages, and the contexts that dbt renders in while it
//! parses. A bounded walker over minijinja's syntax tree: nothing here reads a file, opens a socket or runs for long.

mod access;
pub mod adapter;
pub mod ast;
pub mod builtins;
pub mod config;
pub mod env;
pub mod eval;
pub mod functions;
pub mod library;
pub mod lower;
pub mod value;

mod context;
mod filters;
mod format;
mod found;
mod host;
mod json;
mod methods;
mod operators;
mod render;
mod scopes;
mod tests;
mod yaml;

pub use env::{Docs, Env, Kind, Named, NoDocs, Relation, Relations, Subject, Visible};
pub use eval::{Eval, Failure};
pub use filters::literal;
pub use found::{Found, Mark, RefCall, SourceCall};
pub use functions::md5;
pub use host::adapter::search_order;
pub use host::relation::render as render_relation;
pub use library::{Library, MacroId, MacroSource};
pub use render::{Rendered, call, render, render_native, render_test};
