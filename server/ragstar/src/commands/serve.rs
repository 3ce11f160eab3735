//! `ragstar serve`: HTTP for questions, Slack and health.

use super::Outcome;
use crate::context::Context;
use crate::output;
use crate::services::Wiring;
use ide::AnalysisHost;
use std::process::ExitCode;
use std::sync::Arc;
use vfs::{DiskLoader, Loader, Watch};

pub async fn run(context: &Context) -> Outcome {
    let root = context.root()?.to_owned();
    let mut host = AnalysisHost::new(&root);
    host.set_settings(context.all_settings());
    host.load(ide::read_project(&DiskLoader, &root));
    let (publish, snapshots) = tokio::sync::watch::channel(host.publish());
    let watched = root.clone();
    let own = context.clone();
    let watch = Watch::new(&root, move |paths| {
        let relevant: Vec<_> = paths.iter().filter(|path| DiskLoader::is_relevant(&watched, path)).collect();
        if paths.is_empty() || relevant.iter().any(|path| !path.is_file()) {
            host.load(ide::read_project(&DiskLoader, &watched));
        } else {
            relevant.into_iter().for_each(|path| host.set_disk(path, DiskLoader.read(path)));
        }
        if paths.iter().any(|path| DiskLoader::is_artifact(path) || path.file_name().is_some_and(|name| name == "profiles.yml")) {
            host.set_settings(own.all_settings());
        }
        publish.send_replace(host.publish());
    });
    let _watch = watch.map_err(|error| tracing::warn!(%error, "changes of the project's files will not be noticed")).ok();
    let settings = &context.settings;
    let wiring = Wiring::new(context.clone(), |message| output::note(&format!("ragstar: {message}")), |_, _| ()).publishing();
    wiring.refuse_foreign_url("slack.api_url", "slack.bot_token", "INTEGRATIONS_SLACK_API_URL").map_err(|error| error.reader)?;
    let slack = match (settings.secret("slack.signing_secret"), settings.secret("slack.bot_token")) {
        (Some(signing_secret), Some(bot_token)) => {
            Some(web::SlackApp { signing_secret, bot_token, api_url: settings.get("slack.api_url").unwrap_or_default().to_owned() })
        }
        (None, None) => None,
        _ => return Err("Slack needs both INTEGRATIONS_SLACK_BOT_TOKEN and INTEGRATIONS_SLACK_SIGNING_SECRET".to_owned()),
    };
    let host_name = settings.get("server.host").unwrap_or("127.0.0.1");
    let port = settings.count("server.port").unwrap_or(8000);
    let api_token = settings.secret("server.api_token");
    let is_local = matches!(host_name, "127.0.0.1" | "localhost" | "::1");
    if !is_local && api_token.is_none() {
        return Err(format!("listening on {host_name} would let everybody there ask at your cost; set RAGSTAR_API_TOKEN to what callers must send"));
    }
    let listener = tokio::net::TcpListener::bind((host_name, u16::try_from(port).map_err(|_| format!("server.port {port} is no port"))?)).await;
    let listener = listener.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => format!("port {port} is in use; set APP_PORT to a free one"),
        _ => format!("{host_name}:{port} can't be listened on: {error}"),
    })?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let wiring = Arc::new(wiring);
    let events = wiring.clone();
    let taken: web::TakeEvent = Arc::new(move |event_id| {
        let wiring = events.clone();
        Box::pin(async move {
            match wiring.workspace().await {
                Ok(workspace) => workspace.take_slack_event(&event_id).await.map_err(|error| error.port()),
                Err(error) => Err(error),
            }
        })
    });
    let app = web::app(web::State::new(snapshots, wiring, slack, api_token, taken));
    output::note(&format!("ragstar: listening on http://{address} for {}", root.display()));
    web::serve(listener, app).await.map_err(|error| error.to_string())?;
    Ok(ExitCode::SUCCESS)
}
