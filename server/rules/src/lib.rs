//! Settings and the project's own rules: typed, with every error on its line. Reads no files and opens no sockets; the caller
//! hands over texts and the environment.

mod instructions;
mod settings;
mod table;

pub use instructions::Rules;
pub use settings::{Origin, SettingError, Settings, Sources, Value, dot_env_variables, without_credentials};
pub use table::{Kind, SETTINGS, Setting, find};
