//! Questions about a project, answered: retrieval, tools, a language model, checked citations. A reader of the same snapshots as
//! the editor, with no index of its own. What it needs from outside it asks through its ports.

mod answer;
mod check;
mod describe;
mod documenting;
mod documents;
mod interpret;
mod json;
pub mod ports;
mod prompts;
mod refuse;
mod search;
mod secrets;
mod sync;
mod tools;

pub use answer::{Analyst, Answer, Citation, Event, Question};
pub use describe::{Described, EntryTexts, Origin, estimated_tokens, known};
pub use documenting::{Desk, Planned, Progress, Report, RunLimits, plan, run};
pub use interpret::{InterpretLimits, Interpretation, Statement};
pub use ports::{Chat, Embed, Knowledge, PortError, Services};
pub use search::{Found, SearchResult, search};
pub use sync::{SyncReport, sync};
