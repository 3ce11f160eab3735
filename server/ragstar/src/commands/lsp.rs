//! `ragstar lsp`: the language server over standard input and output.

use super::Outcome;
use crate::context::Context;
use crate::services::Wiring;
use std::process::ExitCode;
use std::sync::Arc;

pub async fn run(context: &Context) -> Outcome {
    let context = context.clone();
    let services = move |root: &std::path::Path, client: &[(String, String)]| {
        let common = crate::args::Common { project: Some(root.to_owned()), set: context.flags.clone(), ..crate::args::Common::default() };
        let client: Vec<(String, String)> = client.iter().filter(|(key, _)| !lsp::is_of_editor(key)).cloned().collect();
        let own = Context::with_client(&common, &client);
        let (rules, rule_errors) = own.rule_set();
        own.settings.errors.iter().map(ToString::to_string).chain(rule_errors).for_each(|error| tracing::warn!("{error}"));
        // Flags were given to this process, whatever the project.
        let own = if own.project.is_some() { own } else { context.clone() };
        let settings = own.dbt_settings();
        let outside = own.profiles_file().into_iter().chain(own.artifacts_dir().map(|dir| dir.join("manifest.json"))).collect();
        let later = own.clone();
        let keep = Arc::new(Kept(own.cache(root)));
        let services: Arc<dyn analyst::Services> = Arc::new(Wiring::new(own, |message| tracing::info!("{message}"), |_, _| ()));
        lsp::Outfit { services, settings, rules, complete: Box::new(move |settings| later.with_artifacts(settings)), outside, keep }
    };
    let clean = lsp::serve(Arc::new(services), env!("CARGO_PKG_VERSION")).await;
    // Standard input may still be read by a thread that never ends.
    std::process::exit(i32::from(!clean));
    #[allow(unreachable_code)]
    Ok(ExitCode::SUCCESS)
}

/// The user's cache as the language server's.
struct Kept(cache::Cache);

impl lsp::Keep for Kept {
    fn recall(&self, settings: &ide::DbtSettings) -> Option<ide::Snapshot> {
        self.0.read(settings)
    }

    fn keep(&self, snapshot: &ide::Snapshot, settings: &ide::DbtSettings, loaded: std::time::SystemTime) {
        self.0.write(snapshot, settings, loaded);
    }
}
