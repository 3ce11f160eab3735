//! The private Postgres, and a server that others share.

use crate::harness::{Person, RAGSTAR, TOOLS, wait_for};
use analyst::ports::{Chunk, DescribeTarget, Draft, DraftKind, DraftState, Drafts, Exchange, Feedback, KeepDrafts, Knowledge, KnowledgeQuery, NodeRow};
use std::path::{Path, PathBuf};
use store::{Embedded, Store, Workspace};

/// A private instance of this test's own; stopped when dropped.
struct Instance {
    dir: tempfile::TempDir,
}

impl Instance {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn person(&self) -> Person {
        Person::new().with("RAGSTAR_DATA_DIR", self.dir.path().display())
    }

    fn start(&self) {
        let shop = crate::harness::shop();
        let ran = self.person().run(&shop, &["search", "start"]);
        assert!(ran.ok, "{ran:?}");
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("postgres-18/run")
    }

    async fn workspace(&self, id: &str) -> Workspace {
        // The same server as a team's: by URL.
        let url = format!("postgres://ragstar@localhost/ragstar?host={}", self.socket().display());
        Store::external(&url.into(), true).await.unwrap().workspace(id)
    }

    fn postmaster(&self) -> Option<String> {
        let pid = std::fs::read_to_string(self.dir.path().join("postgres-18/cluster/postmaster.pid")).ok()?;
        Some(pid.lines().next()?.to_owned())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let shop = crate::harness::shop();
        let _ = self.person().run(&shop, &["store", "stop"]);
    }
}

fn row(id: &str, text: &str) -> NodeRow {
    NodeRow {
        unique_id: id.to_owned(),
        resource_type: "model".to_owned(),
        name: id.to_owned(),
        label: id.to_owned(),
        package: "p".to_owned(),
        path: "m.sql".to_owned(),
        content_hash: text.as_bytes().to_vec(),
        body: text.to_owned(),
        chunks: text.split('|').map(Chunk::prose).collect(),
        ..NodeRow::default()
    }
}

fn vector(at: usize) -> Vec<f32> {
    let mut vector = vec![0.01; 8];
    vector[at] = 1.0;
    vector
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_vectors_and_workspaces() {
    let instance = Instance::new();
    instance.start();
    let (ours, theirs) = (instance.workspace("ours").await, instance.workspace("theirs").await);
    ours.put_nodes(&[row("a", "orders of customers|second"), row("b", "web sessions")], &[]).await.unwrap();
    theirs.put_nodes(&[row("a", "secret orders of theirs")], &[]).await.unwrap();
    let missing = ours.chunks_without("m1", 100).await.unwrap();
    assert_eq!(missing.len(), 3);
    let place = |text: &str| missing.iter().position(|(_, found)| found == text).unwrap();
    let vectors: Vec<(i64, Vec<f32>)> = missing.iter().enumerate().map(|(at, (id, _))| (*id, vector(at))).collect();
    ours.put_embeddings("m1", &vectors).await.unwrap();
    assert!(ours.chunks_without("m1", 100).await.unwrap().is_empty());
    assert_eq!(ours.chunks_without("it's another", 100).await.unwrap().len(), 3, "models live side by side");
    ours.put_embeddings("it's another", &[(missing[0].0, vec![1.0; 16])]).await.unwrap();
    // Words alone, meaning alone, and never another workspace's.
    let query = |text: &str, at: Option<usize>| KnowledgeQuery { text: text.to_owned(), vector: at.map(|at| ("m1".to_owned(), vector(at))), limit: 5 };
    let hits = ours.search(&query("customer order", None)).await.unwrap();
    assert_eq!(hits.iter().map(|hit| hit.unique_id.as_str()).collect::<Vec<_>>(), ["a"]);
    let hits = ours.search(&query("", Some(place("web sessions")))).await.unwrap();
    assert_eq!((hits[0].unique_id.as_str(), hits[0].excerpt.as_str()), ("b", "web sessions"));
    assert!(theirs.search(&query("sessions", None)).await.unwrap().is_empty());
    for text in ["'; drop table nodes; --", "a & | ! ( <->", "ünïcode 😀", ":* ''"] {
        ours.search(&query(text, Some(0))).await.unwrap();
    }
    // What stays the same keeps its vector; what is gone takes its with it.
    ours.put_nodes(&[row("a", "orders of customers|changed")], &["b".to_owned()]).await.unwrap();
    assert_eq!(ours.chunks_without("m1", 100).await.unwrap().len(), 1);
    let counts = ours.counts().await.unwrap();
    assert_eq!((counts.nodes, counts.chunks), (1, 2));
    assert_eq!(theirs.counts().await.unwrap().nodes, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_threads_and_feedback() {
    let instance = Instance::new();
    instance.start();
    let workspace = instance.workspace("w").await;
    let exchange = |id: &str, question: &str| Exchange {
        thread_id: "t".to_owned(),
        answer_id: id.to_owned(),
        mouth: "cli".to_owned(),
        question: question.to_owned(),
        markdown: format!("answer to {question}"),
        citations: serde_json::json!([]),
        steps: serde_json::json!([]),
        sql: None,
        model: None,
    };
    let (good, bad) = ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002");
    workspace.save_exchange(&exchange(good, "How is net revenue computed?")).await.unwrap();
    workspace.save_exchange(&exchange(bad, "How is gross revenue computed?")).await.unwrap();
    let thread = workspace.thread("t", 10).await.unwrap();
    assert_eq!(thread.iter().map(|(question, _)| question.as_str()).collect::<Vec<_>>(), ["How is net revenue computed?", "How is gross revenue computed?"]);
    let feedback = |id: &str, rating| Feedback { answer_id: id.to_owned(), rating, comment: None, author: None };
    assert!(workspace.put_feedback(&feedback(good, 1)).await.unwrap());
    assert!(workspace.put_feedback(&feedback(bad, -1)).await.unwrap());
    assert!(!workspace.put_feedback(&feedback("nonsense", 1)).await.unwrap());
    let verified = workspace.verified("How do we compute revenue?", 5).await.unwrap();
    assert_eq!(verified, [("How is net revenue computed?".to_owned(), "answer to How is net revenue computed?".to_owned())]);
    assert!(workspace.verified("Who are our customers?", 5).await.unwrap().is_empty());
    assert!(workspace.take_slack_event("E1").await.unwrap());
    assert!(!workspace.take_slack_event("E1").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_outlive_their_nodes_and_are_of_one_workspace() {
    let instance = Instance::new();
    instance.start();
    let (ours, theirs) = (instance.workspace("w").await, instance.workspace("other").await);
    let draft = |column: Option<&str>, text: &str, state| Draft {
        kind: DraftKind::Description,
        target: DescribeTarget { unique_id: "model.shop.a".to_owned(), column: column.map(str::to_owned) },
        text: text.to_owned(),
        origin: "by m".to_owned(),
        state,
        described: "0a".to_owned(),
        replaced: Some("it's before".to_owned()),
    };
    let first = draft(None, "What it is.\0", DraftState::Draft);
    ours.put(&[first, draft(Some("id"), "old", DraftState::Draft), draft(Some("id"), "The key.", DraftState::Rejected)]).await.unwrap();
    ours.put_nodes(&[row("model.shop.a", "text")], &[]).await.unwrap();
    ours.put_nodes(&[], &["model.shop.a".to_owned()]).await.unwrap();
    ours.put(&[draft(None, "What it is.", DraftState::Accepted)]).await.unwrap();
    let expected: Drafts = [draft(None, "What it is.", DraftState::Accepted), draft(Some("id"), "The key.", DraftState::Rejected)].into_iter().collect();
    assert_eq!(ours.list().await.unwrap(), expected);
    assert!(theirs.list().await.unwrap().is_empty());
    ours.put(&[]).await.unwrap();
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_by_kill_9() {
    let instance = Instance::new();
    instance.start();
    let workspace = instance.workspace("w").await;
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let postmaster = instance.postmaster().unwrap();
        // Killed in the middle of writing: what was acknowledged before counts.
        let killer = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(150));
            assert!(std::process::Command::new("kill").args(["-9", &postmaster]).status().unwrap().success());
        });
        for number in 0.. {
            let id = format!("r{round}-{number}");
            if workspace.put_nodes(&[row(&id, "text")], &[]).await.is_err() {
                break;
            }
            acknowledged.push(id);
        }
        killer.join().unwrap();
        // The next question starts it again by itself.
        instance.start();
    }
    let workspace = instance.workspace("w").await;
    let kept = workspace.content_hashes().await.unwrap();
    assert!(acknowledged.len() > 3, "something was written: {}", acknowledged.len());
    let lost: Vec<&String> = acknowledged.iter().filter(|id| !kept.contains_key(*id)).collect();
    assert!(lost.is_empty(), "{lost:?} of {}", acknowledged.len());
}

#[test]
fn it_stops_when_nobody_uses_it() {
    let instance = Instance::new();
    let person = instance.person().with("RAGSTAR_STORE_IDLE_SECONDS", 1);
    let shop = crate::harness::shop();
    assert!(person.run(&shop, &["search", "start"]).ok);
    wait_for("the idle stop", 30, || instance.postmaster().is_none().then_some(()));
    assert_eq!(person.json(&shop, &["store", "status"])["running"], false);
}

#[test]
fn a_long_path_and_a_damaged_cluster() {
    let base = tempfile::tempdir().unwrap();
    let deep = base.path().join("x".repeat(60)).join("y".repeat(60));
    let person = Person::new().with("RAGSTAR_DATA_DIR", deep.display());
    let shop = crate::harness::shop();
    let answer = person.json(&shop, &["search", "refunds"]);
    // On a busy machine vectors may still be made; the store is there all the same.
    let missing: Vec<&str> = answer["missing"].as_array().unwrap().iter().filter_map(|text| text.as_str()).collect();
    assert!(missing.iter().all(|text| text.contains("still lacks")), "a socket's path may not be longer than about 100 bytes: {missing:?}");
    assert!(person.run(&shop, &["store", "stop"]).ok);
    let control = deep.join("postgres-18/cluster/global/pg_control");
    std::fs::write(&control, b"garbage").unwrap();
    let answer = person.json(&shop, &["search", "refunds"]);
    assert!(!answer["found"].as_array().unwrap().is_empty(), "words still find");
    assert!(answer["missing"][0].as_str().unwrap().contains("did not start"), "{answer}");
}

#[test]
fn the_programs_are_the_pinned_ones() {
    let embedded = Embedded { data_dir: Path::new("unused").to_owned(), cache_dir: TOOLS.dir().to_owned() };
    let programs = embedded.programs(&mut |_| ()).unwrap();
    let output = std::process::Command::new(programs.join("postgres")).arg("--version").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("postgres (PostgreSQL) 1"), "{output:?} {}", RAGSTAR.display());
}
