//! `ragstar store`: the private database, by hand.

use super::Outcome;
use crate::args::StoreAction;
use crate::context::Context;
use crate::output;
use serde_json::json;
use std::process::ExitCode;
use std::time::Duration;

pub async fn run(context: &Context, action: &StoreAction, json: bool) -> Outcome {
    let embedded = store::Embedded { data_dir: context.data_dir.clone(), cache_dir: context.cache_dir.clone() };
    match action {
        StoreAction::Run { idle_seconds } => {
            let idle = Duration::from_secs((*idle_seconds).max(1));
            embedded.run(idle, &mut |message| output::note(&format!("ragstar: {message}"))).await.map_err(|error| error.port().reader)?;
        }
        StoreAction::Stop => {
            let stopped = embedded.shut_down().await.map_err(|error| error.port().reader)?;
            output::line(if stopped { "stopped" } else { "it was not running" });
        }
        StoreAction::Status => {
            if context.settings.has("database.url") {
                output::note("ragstar: DATABASE_URL is set, so the private database is not used; `ragstar doctor` looks at that server");
            }
            let running = embedded.is_running().await;
            if json {
                output::line(&json!({"running": running, "dataDir": embedded.data_dir, "log": embedded.log()}).to_string());
            } else {
                output::line(&format!(
                    "{} in {}\nlog: {}",
                    if running { "running" } else { "not running" },
                    embedded.data_dir.display(),
                    embedded.log().display()
                ));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
