//! The analyst's ports, made from settings when somebody asks.

use crate::context::Context;
use analyst::ports::{KeepDrafts, Services};
use analyst::{Analyst, Chat, Embed, Knowledge, PortError};
use async_trait::async_trait;
use ide::Analysis;
use llm::{ApiEmbed, Endpoint, LocalEmbed, OpenAiChat, Provider};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::{Embedded, Store, Workspace};
use tokio::sync::{Mutex, OnceCell};

/// How long a question waits for vectors of a project that the store does not know yet; a hundred models fit. The rest follows
/// in the background.
const PATIENCE: Duration = Duration::from_secs(4);

/// Makes ports once and keeps them for the life of the process.
pub struct Wiring {
    context: Context,
    embed: OnceCell<Arc<dyn Embed>>,
    workspace: Mutex<Option<Workspace>>,
    /// Found once: the workspace's id is git's to say.
    drafts: OnceCell<store::DraftsFile>,
    /// Whether questions bring the store up to date. In a team's store only `serve` and `index --publish` write nodes: an editor on
    /// a branch would undo what the others have.
    publishes: bool,
    /// The revision that the store has.
    synced: Mutex<Option<u64>>,
    /// Whether vectors are made in the background.
    finishing: Arc<AtomicBool>,
    /// Hears what is fetched or started.
    announce: Box<dyn Fn(&str) + Send + Sync>,
    /// Hears how many texts have their vectors, and how many will.
    progress: Box<dyn Fn(usize, usize) + Send + Sync>,
}

impl Wiring {
    pub fn new(context: Context, announce: impl Fn(&str) + Send + Sync + 'static, progress: impl Fn(usize, usize) + Send + Sync + 'static) -> Self {
        let publishes = !context.settings.has("database.url");
        Self {
            context,
            embed: OnceCell::new(),
            workspace: Mutex::new(None),
            drafts: OnceCell::new(),
            publishes,
            synced: Mutex::new(None),
            finishing: Arc::default(),
            announce: Box::new(announce),
            progress: Box::new(progress),
        }
    }

    /// Lets questions write nodes into a team's store, too.
    pub fn publishing(mut self) -> Self {
        self.publishes = true;
        self
    }

    /// The language model that the settings name; `Ok(None)` where they name none.
    pub fn chat(&self) -> Result<Option<Arc<dyn Chat>>, PortError> {
        let settings = &self.context.settings;
        let Some(endpoint) = self.chat_endpoint()? else { return Ok(None) };
        let chat = OpenAiChat::new(endpoint, settings.number("chat.temperature"), settings.count("chat.max_output_tokens").unwrap_or(4096))?;
        Ok(Some(Arc::new(chat)))
    }

    /// Where the language model is.
    pub fn chat_endpoint(&self) -> Result<Option<Endpoint>, PortError> {
        let settings = &self.context.settings;
        let named = settings.get("chat.provider").and_then(Provider::from_name);
        let base_url = settings.get("chat.base_url").map(str::to_owned);
        let by_key = || [Provider::OpenAi, Provider::Anthropic, Provider::Google].into_iter().find(|&provider| settings.has(vendor_key(provider)));
        let provider = match (named, &base_url) {
            (Some(named), _) => named,
            (None, Some(_)) => Provider::Other,
            (None, None) => match by_key() {
                Some(provider) => provider,
                None => return Ok(None),
            },
        };
        let key_setting = if settings.has("chat.api_key") { "chat.api_key" } else { vendor_key(provider) };
        let api_key = settings.secret(key_setting);
        self.refuse_foreign_url("chat.base_url", key_setting, "LLM_CHAT_BASE_URL")?;
        if base_url.is_none() && api_key.is_none() {
            let name = settings.get("chat.provider").unwrap_or("openai");
            return Err(PortError::new(format!("chat.provider is {name}, but {} is not set", provider.key_variable()), "no key"));
        }
        Ok(Some(Endpoint {
            provider,
            base_url: base_url.or_else(|| provider.base_url().map(str::to_owned)).unwrap_or_default(),
            api_key,
            model: settings.get("chat.model").or(provider.default_model()).unwrap_or("default").to_owned(),
            timeout: Duration::from_secs(settings.count("chat.timeout_seconds").unwrap_or(120)),
        }))
    }

    /// A file that came with the project may name a server, and may not have the person's own key sent there.
    pub fn refuse_foreign_url(&self, url: &str, key: &str, variable: &str) -> Result<(), PortError> {
        let settings = &self.context.settings;
        if settings.is_set(url) && !settings.is_own(url) && settings.is_own(key) {
            return Err(PortError::new(
                format!(
                    "{url} comes from a file of this project, and your own key is not sent to an address that you did not choose; if you trust it, set {variable} in your environment"
                ),
                "untrusted base url",
            ));
        }
        Ok(())
    }

    /// The embedding model; fetched first where it is the local one and not here yet.
    pub async fn embed(&self) -> Result<Arc<dyn Embed>, PortError> {
        self.embed.get_or_try_init(|| self.make_embed()).await.cloned()
    }

    async fn make_embed(&self) -> Result<Arc<dyn Embed>, PortError> {
        let settings = &self.context.settings;
        let name = settings.get("embeddings.provider").unwrap_or("local");
        let base_url = settings.get("embeddings.base_url").map(str::to_owned);
        if name == "local" && base_url.is_none() {
            let cache_dir = self.context.cache_dir.clone();
            let loading = self.announcing(move |told| LocalEmbed::load(&cache_dir, told)).await;
            let local = loading.unwrap_or_else(|error| Err(PortError::new("the embedding model failed to load", error)))?;
            return Ok(Arc::new(local));
        }
        let provider = Provider::from_name(name).unwrap_or(Provider::Other);
        // Any OpenAI-compatible server but Google's takes OpenAI's key, and only at the vendor's own address.
        let vendor_key = vendor_key(if provider == Provider::Google { provider } else { Provider::OpenAi });
        let key_setting = if settings.has("embeddings.api_key") { Some("embeddings.api_key") } else { Some(vendor_key).filter(|_| base_url.is_none()) };
        let api_key = key_setting.and_then(|key| settings.secret(key));
        if base_url.is_none() && api_key.is_none() {
            return Err(PortError::new(format!("embeddings.provider is {name}, but {} is not set", provider.key_variable()), "no key"));
        }
        if let Some(key_setting) = key_setting {
            self.refuse_foreign_url("embeddings.base_url", key_setting, "LLM_EMBEDDINGS_BASE_URL")?;
        }
        let endpoint = Endpoint {
            provider,
            base_url: base_url.or_else(|| provider.base_url().map(str::to_owned)).unwrap_or_default(),
            api_key,
            model: settings.get("embeddings.model").or(provider.default_embedding_model()).unwrap_or("default").to_owned(),
            timeout: Duration::from_secs(60),
        };
        Ok(Arc::new(ApiEmbed::new(endpoint)?))
    }

    /// Work that blocks, done off the runtime; what it announces is told while it goes on.
    async fn announcing<T: Send + 'static>(&self, work: impl FnOnce(&mut dyn FnMut(&str)) -> T + Send + 'static) -> Result<T, tokio::task::JoinError> {
        let (told, mut hearing) = tokio::sync::mpsc::unbounded_channel::<String>();
        let working = tokio::task::spawn_blocking(move || work(&mut |message| drop(told.send(message.to_owned()))));
        while let Some(message) = hearing.recv().await {
            (self.announce)(&message);
        }
        working.await
    }

    /// The private instance, whether it is used or not.
    pub fn embedded(&self) -> Embedded {
        Embedded { data_dir: self.context.data_dir.clone(), cache_dir: self.context.cache_dir.clone() }
    }

    /// The store of this workspace, connected; connected anew where the connection went, since the private instance stops when
    /// nobody uses it. What has to be fetched first is announced.
    pub async fn workspace(&self) -> Result<Workspace, PortError> {
        let mut kept = self.workspace.lock().await;
        if let Some(workspace) = kept.as_ref() {
            if workspace.is_alive().await {
                return Ok(workspace.clone());
            }
            *kept = None;
        }
        let workspace = self.connect().await?;
        *kept = Some(workspace.clone());
        Ok(workspace)
    }

    async fn connect(&self) -> Result<Workspace, PortError> {
        let store = match self.context.settings.secret("database.url") {
            Some(url) => Store::external(&url, self.context.settings.is_own("database.url")).await,
            None => {
                let embedded = self.embedded();
                if !embedded.is_running().await {
                    // Here rather than in the runner, so that the person sees what is fetched.
                    let own = embedded.clone();
                    match self.announcing(move |told| own.programs(told).map(|_| ())).await {
                        Ok(result) => result.map_err(store::StoreError::port)?,
                        Err(error) => return Err(PortError::new("the private database could not be fetched", error)),
                    }
                }
                Store::embedded(&embedded).await
            }
        };
        store.map(|store| store.workspace(self.context.workspace_id())).map_err(store::StoreError::port)
    }

    /// Brings the store to a snapshot's state, unless it has it already. `patience` bounds the making of vectors.
    pub async fn sync(
        &self,
        analysis: &Analysis,
        workspace: &Workspace,
        embed: Option<&dyn Embed>,
        patience: Option<Duration>,
    ) -> Result<analyst::SyncReport, PortError> {
        let mut synced = self.synced.lock().await;
        if *synced == Some(analysis.revision) {
            return Ok(analyst::SyncReport::default());
        }
        let report = analyst::sync(analysis, workspace, embed, patience, |done, total| (self.progress)(done, total)).await?;
        if report.pending == 0 {
            *synced = Some(analysis.revision);
        }
        Ok(report)
    }

    /// Makes the vectors that a question did not wait for, for as long as this process lives.
    fn finish(&self, analysis: &Analysis, workspace: &Workspace, embed: Option<&Arc<dyn Embed>>) {
        let Some(embed) = embed.cloned() else { return };
        if self.finishing.swap(true, Ordering::SeqCst) {
            return;
        }
        let (analysis, workspace, finishing) = (analysis.clone(), workspace.clone(), self.finishing.clone());
        tokio::spawn(async move {
            // However this ends, the next question may try again.
            let _done = Done(finishing);
            if let Err(error) = analyst::sync(&analysis, &workspace, Some(&*embed), None, |_, _| ()).await {
                tracing::warn!(error = %error.log, "not all texts were embedded");
            }
        });
    }

    fn base(&self) -> Analyst {
        let mut analyst = Analyst { rules: self.context.rules.clone(), ..Analyst::default() };
        match self.chat() {
            Ok(chat) => analyst.chat = chat,
            Err(error) => analyst.absent.push(error.reader),
        }
        analyst
    }
}

/// The setting that holds a vendor's key.
fn vendor_key(provider: Provider) -> &'static str {
    match provider {
        Provider::OpenAi => "openai.api_key",
        Provider::Anthropic => "anthropic.api_key",
        Provider::Google => "google.api_key",
        Provider::Other => "chat.api_key",
    }
}

/// Says that work is over when it is dropped.
struct Done(Arc<AtomicBool>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

#[async_trait]
impl Services for Wiring {
    async fn analyst(&self, analysis: &Analysis) -> Analyst {
        let mut made = self.base();
        let mut absent = |what: &str, error: PortError| {
            tracing::warn!(error = %error.log, "{what}");
            made.absent.push(format!("{what}: {}", error.reader));
        };
        // Each may have to be fetched or started; neither waits for the other.
        let (embed, workspace) = tokio::join!(self.embed(), self.workspace());
        let embed = embed.map_err(|error| absent("searched without the embedding model", error)).ok();
        let workspace = workspace.map_err(|error| absent("searched without the knowledge store", error)).ok();
        if let Some(workspace) = workspace.as_ref().filter(|_| self.publishes) {
            match self.sync(analysis, workspace, embed.as_deref(), Some(PATIENCE)).await {
                Ok(report) if report.pending > 0 => {
                    self.finish(analysis, workspace, embed.as_ref());
                    made.absent
                        .push(format!("search by meaning still lacks {} texts of this project; `ragstar index --publish` takes them all up", report.pending));
                }
                Ok(_) => {}
                Err(error) => absent("the knowledge store is not up to date", error),
            }
        }
        made.embed = embed;
        made.drafts = self.drafts().await.inspect_err(|error| tracing::warn!(error = %error.log, "drafts can't be had")).ok();
        made.knowledge = workspace.map(|workspace| Arc::new(workspace) as Arc<dyn Knowledge>);
        made
    }

    async fn writer(&self) -> Analyst {
        self.base()
    }

    async fn drafts(&self) -> Result<Arc<dyn KeepDrafts>, PortError> {
        if self.context.settings.has("database.url") {
            return Ok(Arc::new(self.workspace().await?));
        }
        let find = || async {
            let context = self.context.clone();
            let file = tokio::task::spawn_blocking(move || store::DraftsFile::of_workspace(&context.data_dir, &context.workspace_id()));
            file.await.map_err(|error| PortError::new("the drafts could not be found; see the log", error))
        };
        Ok(Arc::new(self.drafts.get_or_try_init(find).await?.clone()))
    }
}
