//! What tests share: fixtures as text, and the real programs that tests run against.

mod fixture;
mod generate;
mod tools;

pub use fixture::Fixture;
pub use generate::project as generate_project;
pub use tools::{Tools, copy, generated_project, shop_copy, workspace_root};
