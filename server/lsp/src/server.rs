//! tower-lsp's side: a mailbox before the loop.

use crate::capabilities::{self, Capabilities, DESCRIBE, NOTE_DRAFTS};
use crate::configuration::Configuration;
use crate::custom::{self, ChatParams, CompiledParams, FeedbackParams, LineageParams, SearchParams};
use crate::event::{Event, Scope, Snapshot};
use crate::progress::{Cancellations, Progress};
use crate::{convert, describe, diagnostics, features, graph, lifecycle};
use analyst::ports::{DraftState, Feedback};
use ide::{DescribeAct, File, LineageWish, Navigation};
use rustc_hash::FxHashMap;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, mpsc, oneshot};
use tower_lsp::jsonrpc::{Error, ErrorCode, Result};
use tower_lsp::lsp_types::*;
use tower_lsp::{Client, LanguageServer};

pub struct Mailbox {
    client: Client,
    events: mpsc::UnboundedSender<Event>,
    version: &'static str,
    shut_down: Arc<AtomicBool>,
    /// Told when the server is to end.
    exited: Arc<Notify>,
    configuration: Arc<Configuration>,
    cancellations: Cancellations,
    /// The tokens that each document was sent last, for what changed since.
    sent_tokens: Mutex<FxHashMap<Url, (u64, Vec<SemanticToken>)>>,
}

/// Tells one progress from another.
static NEXT: AtomicUsize = AtomicUsize::new(0);

const MAX_SYMBOLS: usize = 200;

impl Mailbox {
    pub fn new(client: Client, events: mpsc::UnboundedSender<Event>, version: &'static str, shut_down: Arc<AtomicBool>, exited: Arc<Notify>) -> Self {
        Self {
            client,
            events,
            version,
            shut_down,
            exited,
            configuration: Arc::default(),
            cancellations: Cancellations::default(),
            sent_tokens: Mutex::default(),
        }
    }

    fn send(&self, event: Event) {
        // The loop ends only with the process.
        let _ = self.events.send(event);
    }

    /// Sends before anything is awaited, so that requests see the state that the wire's order gives them.
    fn ask(&self, scope: Scope) -> oneshot::Receiver<Vec<Snapshot>> {
        let (reply, answer) = oneshot::channel();
        self.send(Event::Snapshot { scope, reply });
        answer
    }

    /// Does work on the file of a request, off the loop. `None` where the file belongs to no project.
    async fn read<T: Send + 'static>(&self, uri: &Url, work: impl FnOnce(&Snapshot, &File) -> Option<T> + Send + 'static) -> Result<Option<T>> {
        let Some(path) = convert::path_of(uri) else { return Ok(None) };
        let snapshots = self.ask(Scope::File(path.clone())).await.unwrap_or_default();
        let Some(snapshot) = snapshots.into_iter().next() else { return Ok(None) };
        let done = tokio::task::spawn_blocking(move || snapshot.analysis.file_at(&path).cloned().and_then(|file| work(&snapshot, &file)));
        done.await.map_err(|error| failed("the request could not be worked on", &error))
    }

    /// The snapshot for a request that may name a file: its project, else the only or first one.
    async fn project(&self, document: Option<&TextDocumentIdentifier>) -> Result<Snapshot> {
        let of_file = document.and_then(|document| convert::path_of(&document.uri)).map(|path| self.ask(Scope::File(path)));
        let all = self.ask(Scope::All);
        let mut found = match of_file {
            Some(answer) => answer.await.unwrap_or_default(),
            None => Vec::new(),
        };
        found.extend(all.await.unwrap_or_default());
        found.into_iter().next().ok_or_else(|| Error {
            code: ErrorCode::InvalidParams,
            message: "no dbt project is open; open a folder with a dbt_project.yml".into(),
            data: None,
        })
    }

    async fn project_in(&self, root: PathBuf) -> Option<Snapshot> {
        self.ask(Scope::File(root.join("dbt_project.yml"))).await.ok()?.into_iter().next()
    }

    /// Does what an offer about descriptions says; a longer one behind a progress. `None` where its project is gone.
    async fn carry_out(&self, task: &describe::Task) -> Result<Option<describe::Done>> {
        let Some(snapshot) = self.project_in(task.root.clone()).await else { return Ok(None) };
        let count = task.targets.len();
        let is_asked = || task.targets.iter().any(|target| analyst::known(&snapshot.analysis, target).is_none());
        let takes_time = match task.act {
            DescribeAct::Interpret | DescribeAct::Improve => true,
            DescribeAct::Write => count > 1 || is_asked(),
            DescribeAct::Inherit => count > 1,
            DescribeAct::Accept | DescribeAct::Reject => false,
        };
        let token = format!("ragstar/describe {}", NEXT.fetch_add(1, Ordering::Relaxed));
        let progress = if snapshot.capabilities.progress && takes_time {
            let title = match task.act {
                DescribeAct::Interpret => "Reading the model",
                _ if count == 1 => "Writing a description",
                _ => "Writing descriptions",
            };
            Progress::begin(&self.client, token.clone(), title, true).await
        } else {
            None
        };
        let told = |number: usize| {
            if let Some(progress) = &progress {
                match task.act {
                    DescribeAct::Interpret => progress.report(format!("{number} read"), 0),
                    _ => progress.report(format!("{number} of {count}"), number * 100 / count.max(1)),
                }
            }
        };
        let work = describe::carry_out(&snapshot, task, self.project_in(task.root.clone()), told);
        let done = self.cancellations.unless(&token, work).await;
        drop(progress);
        let Some(done) = done else { return Err(Error { code: ErrorCode::RequestCancelled, message: "nothing was written".into(), data: None }) };
        match done {
            Ok(mut done) => {
                if let Some(note) = done.note.take() {
                    self.client.show_message(MessageType::INFO, note).await;
                }
                Ok(Some(done))
            }
            Err(error) => {
                tracing::warn!(error = %error.log, "no description was written");
                Err(refused(error.reader))
            }
        }
    }

    /// `window/workDoneProgress/cancel`: the button beside a progress.
    pub async fn cancel_progress(&self, params: WorkDoneProgressCancelParams) {
        self.cancellations.cancel(&params.token);
    }

    /// Shows an interpretation, and has the person decide on it.
    async fn ask_what_to_do_with(&self, drafts: &mut [analyst::ports::Draft]) {
        const ACCEPT: &str = "Show on the model's card";
        const REJECT: &str = "Reject";
        for draft in drafts {
            let actions = [ACCEPT, REJECT].map(|title| MessageActionItem { title: title.to_owned(), properties: Default::default() });
            match self.client.show_message_request(MessageType::INFO, draft.text.clone(), Some(actions.to_vec())).await {
                Ok(Some(chosen)) if chosen.title == ACCEPT => draft.state = DraftState::Accepted,
                Ok(Some(chosen)) if chosen.title == REJECT => draft.state = DraftState::Rejected,
                _ => {}
            }
        }
    }

    /// Notes drafts for good, and shows what that changes.
    async fn note(&self, root: PathBuf, drafts: &[analyst::ports::Draft]) -> Result<()> {
        let Some(snapshot) = self.project_in(root.clone()).await else { return Ok(()) };
        describe::note(root, drafts, &snapshot, &self.events).await.map_err(|error| refused(error.reader))
    }

    async fn navigate(&self, at: TextDocumentPositionParams, to: Navigation) -> Result<Option<GotoDefinitionResponse>> {
        self.read(&at.text_document.uri, move |snapshot, file| features::navigate(snapshot, file, at.position, to)).await
    }

    async fn hierarchy<T: Send + 'static>(&self, item: &CallHierarchyItem, of: fn(&Snapshot, &str) -> Vec<T>) -> Result<Option<Vec<T>>> {
        let Some((root, id)) = features::of_item(item) else { return Ok(None) };
        let Some(snapshot) = self.project_in(root).await else { return Ok(None) };
        tokio::task::spawn_blocking(move || of(&snapshot, &id)).await.map(Some).map_err(|error| failed("the lineage could not be worked on", &error))
    }

    /// Keeps the tokens that a document is sent, and gives them a number.
    fn keep_tokens(&self, uri: Url, tokens: Vec<SemanticToken>) -> String {
        let mut sent = self.sent_tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let number = sent.get(&uri).map_or(1, |(number, _)| number + 1);
        sent.insert(uri, (number, tokens));
        number.to_string()
    }

    fn kept_tokens(&self, uri: &Url, number: &str) -> Option<Vec<SemanticToken>> {
        let sent = self.sent_tokens.lock().unwrap_or_else(PoisonError::into_inner);
        sent.get(uri).filter(|(kept, _)| kept.to_string() == number).map(|(_, tokens)| tokens.clone())
    }

    fn changed_on_disk<'u>(&self, uris: impl Iterator<Item = &'u String>) {
        let paths: Vec<PathBuf> = uris.filter_map(|uri| Url::parse(uri).ok().and_then(|uri| convert::path_of(&uri))).collect();
        if !paths.is_empty() {
            self.send(Event::FilesChanged { root: None, paths });
        }
    }

    /// Shows a place in the editor, or says where it is.
    async fn show(&self, location: Location) -> Result<Option<Value>> {
        let params = ShowDocumentParams { uri: location.uri.clone(), external: Some(false), take_focus: Some(true), selection: Some(location.range) };
        let shown = self.client.show_document(params).await.unwrap_or(false);
        if !shown {
            let line = location.range.start.line + 1;
            self.client.show_message(MessageType::INFO, format!("{}, line {line}", location.uri.path())).await;
        }
        Ok(Some(json!({"shown": shown})))
    }

    pub async fn chat(&self, params: ChatParams) -> Result<Value> {
        let snapshot = self.project(params.text_document.as_ref()).await?;
        let selection = match (&params.text_document, params.selection) {
            (Some(document), Some(range)) => {
                let encoding = snapshot.capabilities.encoding;
                self.read(&document.uri, move |_, file| Some(convert::text_range(file, range, encoding).of(&file.text).to_owned()))
                    .await?
                    .filter(|text| !text.is_empty())
            }
            _ => None,
        };
        let token = params.partial_result_token;
        // Pieces go out in their order; dropping this future, which is what a cancellation does, ends both sides.
        let (pieces, mut outbox) = mpsc::unbounded_channel::<Value>();
        let work = async move {
            let analyst = snapshot.services.analyst(&snapshot.analysis).await;
            let question = analyst::Question { text: params.message, thread_id: params.thread_id, mouth: "editor", selection };
            analyst
                .answer(&snapshot.analysis, &question, &mut |event| {
                    let value = match event {
                        analyst::Event::Text(text) => json!({"kind": "text", "text": text}),
                        analyst::Event::Step(title) => json!({"kind": "step", "title": title}),
                    };
                    let _ = pieces.send(value);
                })
                .await
        };
        let telling = async {
            while let Some(value) = outbox.recv().await {
                if let Some(token) = &token {
                    self.client.send_notification::<custom::Progress>(json!({"token": token, "value": value})).await;
                }
            }
        };
        let (answer, ()) = tokio::join!(work, telling);
        Ok(answer.to_json())
    }

    pub async fn search(&self, params: SearchParams) -> Result<Value> {
        let snapshot = self.project(params.text_document.as_ref()).await?;
        let analyst = snapshot.services.analyst(&snapshot.analysis).await;
        let limit = params.limit.unwrap_or(10).min(100);
        let result = analyst::search(&snapshot.analysis, analyst.knowledge.as_deref(), analyst.embed.as_deref(), &params.query, limit).await;
        let found: Vec<Value> = result
            .found
            .iter()
            .map(|found| json!({"uniqueId": found.unique_id, "label": found.label, "resourceType": found.resource_type, "description": found.description}))
            .collect();
        let missing: Vec<&String> = analyst.absent.iter().chain(&result.missing).collect();
        Ok(json!({"found": found, "missing": missing}))
    }

    pub async fn feedback(&self, params: FeedbackParams) -> Result<Value> {
        let snapshot = self.project(params.text_document.as_ref()).await?;
        let refuse = |message: String| Error { code: ErrorCode::InvalidParams, message: message.into(), data: None };
        if !matches!(params.rating, 1 | -1) {
            return Err(refuse("rating is 1 or -1".to_owned()));
        }
        let analyst = snapshot.services.analyst(&snapshot.analysis).await;
        let Some(knowledge) = analyst.knowledge else { return Err(refuse(analyst.absent.join("; "))) };
        let feedback = Feedback { answer_id: params.answer_id, rating: params.rating, comment: params.comment, author: None };
        match knowledge.put_feedback(&feedback).await {
            Ok(true) => Ok(json!({})),
            Ok(false) => Err(refuse("there is no such answer".to_owned())),
            Err(error) => Err(refuse(error.reader)),
        }
    }

    pub async fn lineage(&self, params: LineageParams) -> Result<Value> {
        let snapshot = self.project(params.text_document.as_ref()).await?;
        let path = params.text_document.as_ref().and_then(|document| convert::path_of(&document.uri));
        let work = move || {
            let analysis = &snapshot.analysis;
            let named = params.unique_id.as_deref().and_then(|id| analysis.index.node(id));
            let of_file = || {
                let file = analysis.file_at(path.as_deref()?)?;
                analysis.index.nodes_of_file(file.id).first().or_else(|| analysis.index.nodes_described_in(file.id).first()).copied()
            };
            let Some(root) = named.or_else(of_file) else { return graph::no_lineage() };
            let default = LineageWish::default();
            let wish = LineageWish {
                upstream: params.upstream.unwrap_or(default.upstream),
                downstream: params.downstream.unwrap_or(default.downstream),
                column: params.column,
                ..default
            };
            graph::lineage(&snapshot, root, &analysis.lineage_graph(root, &wish))
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| failed("the lineage could not be worked on", &error))
    }

    pub async fn compiled(&self, params: CompiledParams) -> Result<Value> {
        let position = params.position;
        let made = self.read(&params.text_document.uri, move |snapshot, file| {
            let offset = position.map(|at| convert::offset(file, at, snapshot.capabilities.encoding));
            Some(graph::compiled(snapshot, file, snapshot.analysis.compiled(file, offset)))
        });
        made.await?.ok_or_else(|| refused("the file belongs to no dbt project that is open".to_owned()))
    }

    /// `ragstar/status`: every open project.
    pub async fn status(&self, _params: Value) -> Result<Value> {
        let snapshots = self.ask(Scope::All).await.unwrap_or_default();
        let mut projects = Vec::new();
        for snapshot in snapshots {
            let writer = snapshot.services.writer().await;
            let summary = snapshot.analysis.summary();
            projects.push(json!({
                "project": summary.project,
                "root": snapshot.analysis.root,
                "loaded": snapshot.loaded,
                "counts": summary.counts.into_iter().map(|(kind, count)| (kind.to_owned(), json!(count))).collect::<serde_json::Map<_, _>>(),
                "errors": summary.errors,
                "warnings": summary.warnings,
                "model": writer.chat.map(|chat| chat.model().to_owned()),
            }));
        }
        Ok(json!({"version": self.version, "projects": projects}))
    }
}

#[tower_lsp::async_trait]
impl LanguageServer for Mailbox {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        // Neovim hides a link's address, breaks lines as if it stood there, and gives it to other programs.
        let links = params.client_info.as_ref().is_none_or(|client| client.name != "Neovim");
        let client = Capabilities { links, ..Capabilities::of(&params.capabilities) };
        let settings = self.configuration.begin(params.initialization_options.as_ref(), &params.capabilities);
        self.send(Event::Configured(settings));
        if let Some(parent) = params.process_id {
            lifecycle::end_with(parent, self.exited.clone());
        }
        self.send(Event::Initialize(Box::new(params), client));
        Ok(InitializeResult {
            server_info: Some(ServerInfo { name: "ragstar".to_owned(), version: Some(self.version.to_owned()) }),
            capabilities: capabilities::of_server(&client),
        })
    }

    async fn initialized(&self, _: InitializedParams) {
        self.send(Event::Initialized);
        let (client, configuration, events) = (self.client.clone(), self.configuration.clone(), self.events.clone());
        // The client may be slow to answer.
        tokio::spawn(async move {
            if let Some(settings) = configuration.ask(&client).await {
                let _ = events.send(Event::Configured(settings));
            }
            configuration.watch_for_projects(&client).await;
        });
    }

    async fn shutdown(&self) -> Result<()> {
        self.shut_down.store(true, Ordering::SeqCst);
        Ok(())
    }

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        let document = params.text_document;
        self.send(Event::DidOpen { uri: document.uri, version: document.version, text: document.text });
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        self.send(Event::DidChange { uri: params.text_document.uri, version: params.text_document.version, changes: params.content_changes });
    }

    async fn did_save(&self, params: DidSaveTextDocumentParams) {
        self.send(Event::DidSave { uri: params.text_document.uri });
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        self.send(Event::DidClose { uri: params.text_document.uri });
    }

    async fn did_change_configuration(&self, params: DidChangeConfigurationParams) {
        let settings = match self.configuration.sent(&params.settings) {
            Some(settings) => Some(settings),
            None => self.configuration.ask(&self.client).await,
        };
        settings.into_iter().for_each(|settings| self.send(Event::Configured(settings)));
    }

    async fn did_change_watched_files(&self, params: DidChangeWatchedFilesParams) {
        let paths: Vec<PathBuf> = params.changes.iter().filter_map(|change| convert::path_of(&change.uri)).collect();
        if !paths.is_empty() {
            self.send(Event::FilesChanged { root: None, paths });
        }
    }

    async fn did_change_workspace_folders(&self, params: DidChangeWorkspaceFoldersParams) {
        let paths = |folders: Vec<WorkspaceFolder>| folders.iter().filter_map(|folder| convert::path_of(&folder.uri)).collect();
        self.send(Event::FoldersChanged { added: paths(params.event.added), removed: paths(params.event.removed) });
    }

    async fn hover(&self, params: HoverParams) -> Result<Option<Hover>> {
        let at = params.text_document_position_params;
        self.read(&at.text_document.uri, move |snapshot, file| {
            let offset = convert::offset(file, at.position, snapshot.capabilities.encoding);
            snapshot.analysis.hover(file, offset).map(|hover| convert::hover(file, hover, snapshot))
        })
        .await
    }

    async fn goto_definition(&self, params: GotoDefinitionParams) -> Result<Option<GotoDefinitionResponse>> {
        self.navigate(params.text_document_position_params, Navigation::Definition).await
    }

    async fn goto_declaration(&self, params: request::GotoDeclarationParams) -> Result<Option<request::GotoDeclarationResponse>> {
        self.navigate(params.text_document_position_params, Navigation::Declaration).await
    }

    async fn goto_type_definition(&self, params: request::GotoTypeDefinitionParams) -> Result<Option<request::GotoTypeDefinitionResponse>> {
        self.navigate(params.text_document_position_params, Navigation::TypeDefinition).await
    }

    async fn goto_implementation(&self, params: request::GotoImplementationParams) -> Result<Option<request::GotoImplementationResponse>> {
        self.navigate(params.text_document_position_params, Navigation::Implementation).await
    }

    async fn references(&self, params: ReferenceParams) -> Result<Option<Vec<Location>>> {
        let uri = params.text_document_position.text_document.uri.clone();
        self.read(&uri, move |snapshot, file| features::references(snapshot, file, &params)).await
    }

    async fn document_highlight(&self, params: DocumentHighlightParams) -> Result<Option<Vec<DocumentHighlight>>> {
        let at = params.text_document_position_params;
        self.read(&at.text_document.uri, move |snapshot, file| Some(features::highlights(snapshot, file, at.position))).await
    }

    async fn prepare_rename(&self, params: TextDocumentPositionParams) -> Result<Option<PrepareRenameResponse>> {
        let found = self.read(&params.text_document.uri, move |snapshot, file| Some(features::prepare_rename(snapshot, file, params.position))).await?;
        found.transpose().map_err(refused)
    }

    async fn rename(&self, params: RenameParams) -> Result<Option<WorkspaceEdit>> {
        let uri = params.text_document_position.text_document.uri.clone();
        let made = self.read(&uri, move |snapshot, file| Some(features::rename(snapshot, file, &params))).await?;
        made.transpose().map_err(refused)
    }

    async fn will_rename_files(&self, params: RenameFilesParams) -> Result<Option<WorkspaceEdit>> {
        let path = |uri: &str| Url::parse(uri).ok().and_then(|uri| convert::path_of(&uri));
        let renames: Vec<(PathBuf, PathBuf)> = params.files.iter().filter_map(|file| Some((path(&file.old_uri)?, path(&file.new_uri)?))).collect();
        let Some((first, _)) = renames.first() else { return Ok(None) };
        let snapshots = self.ask(Scope::File(first.clone())).await.unwrap_or_default();
        let Some(snapshot) = snapshots.into_iter().next() else { return Ok(None) };
        let work = tokio::task::spawn_blocking(move || features::will_rename(&snapshot, &renames));
        match work.await.map_err(|error| failed("the renaming could not be worked on", &error))? {
            Ok(edit) => Ok(edit),
            Err(why) => {
                // The file is renamed all the same; the person has to know what stays.
                self.client.show_message(MessageType::WARNING, format!("references stay as they are: {why}")).await;
                Ok(None)
            }
        }
    }

    async fn did_rename_files(&self, params: RenameFilesParams) {
        let uris = params.files.iter().flat_map(|file| [&file.old_uri, &file.new_uri]);
        self.changed_on_disk(uris);
    }

    async fn did_create_files(&self, params: CreateFilesParams) {
        self.changed_on_disk(params.files.iter().map(|file| &file.uri));
    }

    async fn did_delete_files(&self, params: DeleteFilesParams) {
        self.changed_on_disk(params.files.iter().map(|file| &file.uri));
    }

    async fn prepare_call_hierarchy(&self, params: CallHierarchyPrepareParams) -> Result<Option<Vec<CallHierarchyItem>>> {
        let at = params.text_document_position_params;
        self.read(&at.text_document.uri, move |snapshot, file| features::prepare_hierarchy(snapshot, file, at.position)).await
    }

    async fn incoming_calls(&self, params: CallHierarchyIncomingCallsParams) -> Result<Option<Vec<CallHierarchyIncomingCall>>> {
        self.hierarchy(&params.item, features::incoming).await
    }

    async fn outgoing_calls(&self, params: CallHierarchyOutgoingCallsParams) -> Result<Option<Vec<CallHierarchyOutgoingCall>>> {
        self.hierarchy(&params.item, features::outgoing).await
    }

    async fn completion(&self, params: CompletionParams) -> Result<Option<CompletionResponse>> {
        let at = params.text_document_position;
        self.read(&at.text_document.uri, move |snapshot, file| Some(features::completion(snapshot, file, at.position))).await
    }

    async fn completion_resolve(&self, mut item: CompletionItem) -> Result<CompletionItem> {
        let Some((root, doc)) = item.data.as_ref().and_then(convert::completion_doc) else { return Ok(item) };
        let Some(snapshot) = self.project_in(root).await else { return Ok(item) };
        let value = snapshot.analysis.completion_doc(&doc).map(|card| convert::with_links(&snapshot, &card));
        item.documentation = value.map(|value| Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value }));
        Ok(item)
    }

    async fn signature_help(&self, params: SignatureHelpParams) -> Result<Option<SignatureHelp>> {
        let at = params.text_document_position_params;
        self.read(&at.text_document.uri, move |snapshot, file| features::signature_help(snapshot, file, at.position)).await
    }

    async fn folding_range(&self, params: FoldingRangeParams) -> Result<Option<Vec<FoldingRange>>> {
        self.read(&params.text_document.uri, |snapshot, file| Some(features::folds(snapshot, file))).await
    }

    async fn selection_range(&self, params: SelectionRangeParams) -> Result<Option<Vec<SelectionRange>>> {
        self.read(&params.text_document.uri, move |snapshot, file| Some(features::selections(snapshot, file, &params.positions))).await
    }

    async fn semantic_tokens_full(&self, params: SemanticTokensParams) -> Result<Option<SemanticTokensResult>> {
        let uri = params.text_document.uri;
        let tokens = self.read(&uri, |snapshot, file| Some(features::tokens(snapshot, file, None))).await?;
        Ok(tokens.map(|data| {
            let result_id = Some(self.keep_tokens(uri, data.clone()));
            SemanticTokensResult::Tokens(SemanticTokens { result_id, data })
        }))
    }

    async fn semantic_tokens_full_delta(&self, params: SemanticTokensDeltaParams) -> Result<Option<SemanticTokensFullDeltaResult>> {
        let uri = params.text_document.uri;
        let tokens = self.read(&uri, |snapshot, file| Some(features::tokens(snapshot, file, None))).await?;
        Ok(tokens.map(|data| {
            let before = self.kept_tokens(&uri, &params.previous_result_id);
            let result_id = Some(self.keep_tokens(uri, data.clone()));
            match before {
                Some(before) => {
                    let edits = convert::token_edits(&before, data);
                    SemanticTokensFullDeltaResult::TokensDelta(SemanticTokensDelta { result_id, edits })
                }
                None => SemanticTokensFullDeltaResult::Tokens(SemanticTokens { result_id, data }),
            }
        }))
    }

    async fn semantic_tokens_range(&self, params: SemanticTokensRangeParams) -> Result<Option<SemanticTokensRangeResult>> {
        let tokens = self.read(&params.text_document.uri, move |snapshot, file| Some(features::tokens(snapshot, file, Some(params.range)))).await?;
        Ok(tokens.map(|data| SemanticTokensRangeResult::Tokens(SemanticTokens { result_id: None, data })))
    }

    async fn inlay_hint(&self, params: InlayHintParams) -> Result<Option<Vec<InlayHint>>> {
        self.read(&params.text_document.uri, move |snapshot, file| Some(features::hints(snapshot, file, params.range))).await
    }

    async fn code_lens(&self, params: CodeLensParams) -> Result<Option<Vec<CodeLens>>> {
        let uri = params.text_document.uri;
        self.read(&uri.clone(), move |snapshot, file| Some(features::lenses(snapshot, file, &uri))).await
    }

    async fn code_lens_resolve(&self, mut lens: CodeLens) -> Result<CodeLens> {
        let Some(data) = lens.data.take().and_then(|data| serde_json::from_value::<features::LensData>(data).ok()) else { return Ok(lens) };
        let at = lens.range.start;
        lens.command = self.read(&data.uri.clone(), move |snapshot, _| features::lens_places(snapshot, at, data)).await?;
        Ok(lens)
    }

    async fn document_link(&self, params: DocumentLinkParams) -> Result<Option<Vec<DocumentLink>>> {
        self.read(&params.text_document.uri, |snapshot, file| Some(features::links(snapshot, file))).await
    }

    async fn diagnostic(&self, params: DocumentDiagnosticParams) -> Result<DocumentDiagnosticReportResult> {
        let items = self.read(&params.text_document.uri, |snapshot, file| Some(diagnostics::of_file(snapshot, file))).await?.unwrap_or_default();
        Ok(diagnostics::report(items, params.previous_result_id.as_deref()))
    }

    async fn document_symbol(&self, params: DocumentSymbolParams) -> Result<Option<DocumentSymbolResponse>> {
        self.read(&params.text_document.uri, |snapshot, file| {
            let symbols = snapshot.analysis.document_symbols(file);
            Some(DocumentSymbolResponse::Nested(convert::document_symbols(file, symbols, snapshot.capabilities.encoding)))
        })
        .await
    }

    async fn symbol(&self, params: WorkspaceSymbolParams) -> Result<Option<Vec<SymbolInformation>>> {
        let snapshots = self.ask(Scope::All).await.unwrap_or_default();
        let work = move || -> Vec<SymbolInformation> {
            snapshots.iter().flat_map(|snapshot| features::workspace_symbols(snapshot, &params.query, MAX_SYMBOLS)).collect()
        };
        tokio::task::spawn_blocking(work).await.map(Some).map_err(|error| failed("the symbols could not be listed", &error))
    }

    async fn code_action(&self, params: CodeActionParams) -> Result<Option<CodeActionResponse>> {
        let uri = params.text_document.uri.clone();
        self.read(&uri, move |snapshot, file| Some(features::code_actions(snapshot, file, &params))).await
    }

    async fn code_action_resolve(&self, mut action: CodeAction) -> Result<CodeAction> {
        let Some(task) = action.data.as_ref().and_then(describe::Task::read) else { return Ok(action) };
        let Some(done) = self.carry_out(&task).await? else { return Ok(action) };
        action.edit = done.edit;
        if !done.drafts.is_empty() {
            // Run by the client once the edit is applied (LSP 3.17, "Code Action").
            let arguments = Some(vec![describe::noting(&task.root, &done.drafts)]);
            if action.edit.is_some() {
                // One that took the offer back meanwhile, as VS Code does after some seconds, runs no command of it.
                tokio::spawn(describe::note_once_applied(task.root, done.drafts, self.events.clone()));
            }
            action.command = Some(Command { title: "Note what was written".to_owned(), command: NOTE_DRAFTS.to_owned(), arguments });
        }
        Ok(action)
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> Result<Option<Value>> {
        if let Some(location) = features::opened(&params.command, &params.arguments) {
            return self.show(location).await;
        }
        if let Some(uri) = features::document_of(&params.command, &params.arguments) {
            let found = self.read(&uri, |snapshot, file| Some(features::yaml_of(snapshot, file))).await?;
            return match found.unwrap_or_else(|| Err("the file belongs to no dbt project".to_owned())) {
                Ok(location) => self.show(location).await,
                Err(why) => {
                    self.client.show_message(MessageType::INFO, why).await;
                    Ok(Some(json!({"shown": false})))
                }
            };
        }
        if let Some((root, drafts)) = params.arguments.first().and_then(describe::noted).filter(|_| params.command == NOTE_DRAFTS) {
            self.note(root, &drafts).await?;
            return Ok(None);
        }
        let task = params.arguments.first().and_then(describe::Task::read).filter(|_| params.command == DESCRIBE);
        let Some(task) = task else {
            return Err(Error::invalid_params(format!("there is no command {} with these arguments", params.command)));
        };
        let Some(mut done) = self.carry_out(&task).await? else { return Ok(None) };
        if task.act == DescribeAct::Interpret {
            self.ask_what_to_do_with(&mut done.drafts).await;
        }
        let applied = match done.edit {
            Some(edit) => self.client.apply_edit(edit).await?.applied,
            None => true,
        };
        if applied && !done.drafts.is_empty() {
            self.note(task.root, &done.drafts).await?;
        }
        Ok(Some(json!({"applied": applied})))
    }
}

/// A request that is understood and can't be fulfilled (LSP's `RequestFailed`).
fn refused(why: String) -> Error {
    Error { code: ErrorCode::ServerError(-32803), message: why.into(), data: None }
}

fn failed(what: &str, error: &tokio::task::JoinError) -> Error {
    tracing::error!(%error, what);
    Error { code: ErrorCode::InternalError, message: what.to_owned().into(), data: None }
}
