//! The analyst's `Knowledge` over sqlx.

use crate::{Embedded, StoreError};
use analyst::ports::{Exchange, Feedback, Hit, Knowledge, KnowledgeQuery, NodeRow, PortError};
use async_trait::async_trait;
use pgvector::HalfVector;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;
use uuid::Uuid;

/// A connected store.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
}

/// A store bound to one workspace.
#[derive(Debug, Clone)]
pub struct Workspace {
    pub(crate) pool: PgPool,
    pub(crate) id: String,
}

/// Postgres keeps no NUL characters; what people type or paste may hold some.
pub(crate) fn storable(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "").into() } else { text.into() }
}

/// What a workspace holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    pub nodes: i64,
    pub chunks: i64,
    pub embeddings: i64,
    pub answers: i64,
}

impl Store {
    /// Connects to a team's server and brings its schema up to date.
    ///
    /// `is_own` says that the person chose the URL; one that came with a project gets no password of theirs (`PGPASSWORD`,
    /// `~/.pgpass`) where it names none.
    pub async fn external(url: &SecretString, is_own: bool) -> Result<Self, StoreError> {
        // sqlx takes any scheme for Postgres's.
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.expose_secret().starts_with(scheme)) {
            return Err(StoreError::Url("another scheme".to_owned()));
        }
        let options = PgConnectOptions::from_str(url.expose_secret()).map_err(|error| StoreError::Url(error.to_string()))?;
        let authority = url.expose_secret().split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or("");
        let names_password = authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')) || url.expose_secret().contains("password=");
        let options = if is_own || names_password { options } else { options.password("") };
        Self::open(options).await
    }

    /// Connects to the private instance, starting it if need be.
    pub async fn embedded(embedded: &Embedded) -> Result<Self, StoreError> {
        Self::open(embedded.connect().await?).await
    }

    async fn open(options: PgConnectOptions) -> Result<Self, StoreError> {
        // A refusal is told at once; the pool would try again until its time is up.
        let probe = tokio::time::timeout(Duration::from_secs(8), async { options.connect().await?.close().await }).await;
        probe.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(StoreError::Connect)?;
        let pool = PgPoolOptions::new()
            .max_connections(5)
            .acquire_timeout(Duration::from_secs(10))
            .after_connect(|connection, _| {
                Box::pin(async move {
                    // Filters by workspace must not starve an index scan (pgvector 0.8, "Iterative Index Scans").
                    sqlx::query("set hnsw.iterative_scan = 'strict_order'").execute(connection).await.map(|_| ())
                })
            })
            .connect_with(options)
            .await
            .map_err(StoreError::Connect)?;
        // sqlx takes an advisory lock, so that processes that start together migrate one after the other.
        sqlx::migrate!("../../migrations").run(&pool).await?;
        Ok(Self { pool })
    }

    pub fn workspace(&self, id: impl Into<String>) -> Workspace {
        Workspace { pool: self.pool.clone(), id: id.into() }
    }

    pub async fn close(self) {
        self.pool.close().await;
    }
}

impl Workspace {
    /// Whether the server still answers.
    pub async fn is_alive(&self) -> bool {
        tokio::time::timeout(Duration::from_secs(5), sqlx::query("select 1").execute(&self.pool)).await.is_ok_and(|result| result.is_ok())
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub async fn counts(&self) -> Result<Counts, StoreError> {
        let row = sqlx::query(statement!("count_rows")).bind(&self.id).fetch_one(&self.pool).await?;
        Ok(Counts { nodes: row.try_get("nodes")?, chunks: row.try_get("chunks")?, embeddings: row.try_get("embeddings")?, answers: row.try_get("answers")? })
    }

    /// Notes that an event of Slack was taken; `false` where it was before, by whichever process.
    pub async fn take_slack_event(&self, event_id: &str) -> Result<bool, StoreError> {
        let done = sqlx::query(statement!("take_slack_event")).bind(&self.id).bind(event_id).execute(&self.pool).await?;
        Ok(done.rows_affected() == 1)
    }

    async fn write_nodes(&self, rows: &[NodeRow], gone: &[String]) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        // One writer of a workspace at a time: two that interleave would deadlock on each other's rows.
        sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 7))").bind(&self.id).execute(&mut *transaction).await?;
        if !gone.is_empty() {
            sqlx::query(statement!("delete_nodes")).bind(&self.id).bind(gone).execute(&mut *transaction).await?;
        }
        for row in rows {
            sqlx::query(statement!("upsert_node"))
                .bind(&self.id)
                .bind(&row.unique_id)
                .bind(&row.resource_type)
                .bind(&row.name)
                .bind(&row.label)
                .bind(&row.package)
                .bind(&row.path)
                .bind(&row.description)
                .bind(&row.materialized)
                .bind(&row.tags)
                .bind(&row.content_hash)
                .execute(&mut *transaction)
                .await?;
            sqlx::query(statement!("delete_node_parts")).bind(&self.id).bind(&row.unique_id).execute(&mut *transaction).await?;
            if !row.columns.is_empty() {
                let names: Vec<&str> = row.columns.iter().map(|column| column.name.as_str()).collect();
                let positions: Vec<i32> = (0..).take(row.columns.len()).collect();
                let types: Vec<Option<&str>> = row.columns.iter().map(|column| column.data_type.as_deref()).collect();
                let descriptions: Vec<Option<&str>> = row.columns.iter().map(|column| column.description.as_deref()).collect();
                sqlx::query(statement!("insert_columns"))
                    .bind(&self.id)
                    .bind(&row.unique_id)
                    .bind(names)
                    .bind(positions)
                    .bind(types)
                    .bind(descriptions)
                    .execute(&mut *transaction)
                    .await?;
            }
            if !row.upstream.is_empty() {
                sqlx::query(statement!("insert_edges")).bind(&self.id).bind(&row.unique_id).bind(&row.upstream).execute(&mut *transaction).await?;
            }
            sqlx::query(statement!("upsert_document")).bind(&self.id).bind(&row.unique_id).bind(&row.body).execute(&mut *transaction).await?;
            let texts: Vec<&str> = row.chunks.iter().map(|chunk| chunk.text.as_str()).collect();
            let embeds: Vec<bool> = row.chunks.iter().map(|chunk| chunk.embeds).collect();
            let new =
                sqlx::query(statement!("replace_chunks")).bind(&self.id).bind(&row.unique_id).bind(texts).bind(embeds).fetch_all(&mut *transaction).await?;
            if !new.is_empty() {
                let positions: Vec<i32> = new.iter().map(|row| row.try_get("position")).collect::<Result<_, _>>()?;
                let contents: Vec<String> = new.iter().map(|row| row.try_get("content")).collect::<Result<_, _>>()?;
                let embeds: Vec<bool> = new.iter().map(|row| row.try_get("embeds")).collect::<Result<_, _>>()?;
                sqlx::query(statement!("insert_chunks"))
                    .bind(&self.id)
                    .bind(&row.unique_id)
                    .bind(positions)
                    .bind(contents)
                    .bind(embeds)
                    .execute(&mut *transaction)
                    .await?;
            }
        }
        transaction.commit().await?;
        Ok(())
    }

    async fn write_embeddings(&self, model_id: &str, vectors: &[(i64, Vec<f32>)]) -> Result<(), StoreError> {
        let Some((_, first)) = vectors.first() else { return Ok(()) };
        let dims = first.len();
        if dims == 0 || dims > 4000 || vectors.iter().any(|(_, vector)| vector.len() != dims) {
            return Err(StoreError::Query(sqlx::Error::Protocol(format!("vectors of {dims} dimensions, or of several lengths, can't be indexed"))));
        }
        // The name is made of a hash: a model's id may hold anything.
        let digest: String = Sha256::digest(model_id.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let quoted = model_id.replace('\'', "''");
        let index = format!(
            "create index if not exists embeddings_hnsw_{digest} on embeddings using hnsw ((embedding::halfvec({dims})) halfvec_cosine_ops) where model_id = '{quoted}'"
        );
        let mut transaction = self.pool.begin().await?;
        sqlx::query("select pg_advisory_xact_lock(hashtextextended('ragstar embeddings', 7))").execute(&mut *transaction).await?;
        sqlx::query(AssertSqlSafe(index)).execute(&mut *transaction).await?;
        let ids: Vec<i64> = vectors.iter().map(|(id, _)| *id).collect();
        let texts: Vec<String> = vectors.iter().map(|(_, vector)| format!("[{}]", vector.iter().map(f32::to_string).collect::<Vec<_>>().join(","))).collect();
        let dims = i32::try_from(dims).unwrap_or(i32::MAX);
        sqlx::query(statement!("insert_embeddings")).bind(&self.id).bind(model_id).bind(dims).bind(ids).bind(texts).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn find(&self, query: &KnowledgeQuery) -> Result<Vec<Hit>, StoreError> {
        let dims = query.vector.as_ref().map_or(1, |(_, vector)| vector.len().max(1));
        let statement = statement!("search_chunks").replace("{dims}", &dims.to_string());
        let (model, vector) = match &query.vector {
            Some((model, vector)) => (Some(model.as_str()), Some(HalfVector::from_f32_slice(vector))),
            None => (None, None),
        };
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        let rows =
            sqlx::query(AssertSqlSafe(statement)).bind(&self.id).bind(storable(&query.text)).bind(limit).bind(model).bind(vector).fetch_all(&self.pool).await?;
        let hit =
            |row: &sqlx::postgres::PgRow| Ok(Hit { unique_id: row.try_get("unique_id")?, score: row.try_get("score")?, excerpt: row.try_get("content")? });
        rows.iter().map(hit).collect::<Result<_, sqlx::Error>>().map_err(StoreError::from)
    }

    async fn write_exchange(&self, exchange: &Exchange) -> Result<(), StoreError> {
        let answer_id = Uuid::parse_str(&exchange.answer_id).unwrap_or_else(|_| Uuid::new_v4());
        let mut transaction = self.pool.begin().await?;
        let question: Uuid = sqlx::query_scalar(statement!("insert_question"))
            .bind(&self.id)
            .bind(storable(&exchange.thread_id))
            .bind(&exchange.mouth)
            .bind(storable(&exchange.question))
            .fetch_one(&mut *transaction)
            .await?;
        sqlx::query(statement!("insert_answer"))
            .bind(&self.id)
            .bind(answer_id)
            .bind(question)
            .bind(storable(&exchange.markdown))
            .bind(&exchange.citations)
            .bind(&exchange.steps)
            .bind(exchange.sql.as_deref().map(storable))
            .bind(&exchange.model)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn pairs(&self, statement: &'static str, text: &str, limit: usize) -> Result<Vec<(String, String)>, StoreError> {
        let rows = sqlx::query(statement).bind(&self.id).bind(storable(text)).bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.try_get("question")?, row.try_get("answer")?))).collect::<Result<_, sqlx::Error>>().map_err(StoreError::from)
    }
}

#[async_trait]
impl Knowledge for Workspace {
    async fn content_hashes(&self) -> Result<HashMap<String, Vec<u8>>, PortError> {
        let rows = sqlx::query_as::<_, (String, Vec<u8>)>(statement!("list_content_hashes")).bind(&self.id).fetch_all(&self.pool).await;
        Ok(rows.map_err(|error| StoreError::from(error).port())?.into_iter().collect())
    }

    async fn put_nodes(&self, rows: &[NodeRow], gone: &[String]) -> Result<(), PortError> {
        self.write_nodes(rows, gone).await.map_err(StoreError::port)
    }

    async fn chunks_without(&self, model_id: &str, limit: usize) -> Result<Vec<(i64, String)>, PortError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = sqlx::query_as::<_, (i64, String)>(statement!("list_chunks_without_embedding"))
            .bind(&self.id)
            .bind(model_id)
            .bind(limit)
            .fetch_all(&self.pool)
            .await;
        rows.map_err(|error| StoreError::from(error).port())
    }

    async fn count_without(&self, model_id: &str) -> Result<usize, PortError> {
        let count = sqlx::query_scalar::<_, i64>(statement!("count_chunks_without_embedding")).bind(&self.id).bind(model_id).fetch_one(&self.pool).await;
        Ok(usize::try_from(count.map_err(|error| StoreError::from(error).port())?).unwrap_or(0))
    }

    async fn put_embeddings(&self, model_id: &str, vectors: &[(i64, Vec<f32>)]) -> Result<(), PortError> {
        self.write_embeddings(model_id, vectors).await.map_err(StoreError::port)
    }

    async fn search(&self, query: &KnowledgeQuery) -> Result<Vec<Hit>, PortError> {
        self.find(query).await.map_err(StoreError::port)
    }

    async fn save_exchange(&self, exchange: &Exchange) -> Result<(), PortError> {
        self.write_exchange(exchange).await.map_err(StoreError::port)
    }

    async fn thread(&self, thread_id: &str, limit: usize) -> Result<Vec<(String, String)>, PortError> {
        self.pairs(statement!("list_thread"), thread_id, limit).await.map_err(StoreError::port)
    }

    async fn verified(&self, question: &str, limit: usize) -> Result<Vec<(String, String)>, PortError> {
        self.pairs(statement!("list_verified"), question, limit).await.map_err(StoreError::port)
    }

    async fn put_feedback(&self, feedback: &Feedback) -> Result<bool, PortError> {
        let Ok(answer_id) = Uuid::parse_str(&feedback.answer_id) else { return Ok(false) };
        let done = sqlx::query(statement!("insert_feedback"))
            .bind(&self.id)
            .bind(answer_id)
            .bind(feedback.rating)
            .bind(feedback.comment.as_deref().map(storable))
            .bind(&feedback.author)
            .execute(&self.pool)
            .await;
        Ok(done.map_err(|error| StoreError::from(error).port())?.rows_affected() == 1)
    }
}
