//! What dbt's last runs said of a node, in words.

use crate::Analysis;
use dbt::{LastRun, NodeIndex};

/// Failing tests that are named one by one.
const MAX_NAMED: usize = 5;

impl Analysis {
    /// Lines such as `relation: db.schema.orders`, `last build: success, 12 s`, `tests: 3 passed, 1 failed`, from what dbt left in its
    /// target folder. Nothing where it left nothing.
    pub fn run_facts(&self, index: NodeIndex) -> Vec<(&'static str, String)> {
        let node = &self.index.nodes[index];
        let mut facts = Vec::new();
        if let Some(relation) = node.relation() {
            let deferred = if node.relation_name.as_deref() == Some(relation) { "" } else { " (deferred)" };
            facts.push(("relation", format!("{relation}{deferred}")));
        }
        if let Some(known) = &node.artifacts {
            let found = known.relation.as_ref();
            let kind = found.and_then(|found| found.kind.as_deref()).map(|kind| if kind == "BASE TABLE" { "table".to_owned() } else { kind.to_lowercase() });
            let owner = found.and_then(|found| found.owner.as_deref()).filter(|owner| !owner.is_empty()).map(|owner| format!("owned by {owner}"));
            let rows = known.rows.map(|rows| format!("{} rows", grouped(rows)));
            let parts: Vec<String> = [kind, rows, known.bytes.map(size), owner].into_iter().flatten().collect();
            if !parts.is_empty() {
                facts.push(("in the warehouse", parts.join(", ")));
            }
            if let Some(run) = known.last_run.as_ref().filter(|_| !node.resource_type.is_test()) {
                facts.push(("last build", told(run)));
            }
            if let Some(fresh) = &known.freshness {
                let on = fresh.snapshotted_at.as_deref().and_then(|at| at.get(..10)).map(|day| format!(" on {day}")).unwrap_or_default();
                let age = fresh.age_seconds.map(|seconds| format!(", {} old then", span(seconds))).unwrap_or_default();
                let limits =
                    [("warning", &fresh.warn_after), ("error", &fresh.error_after)].map(|(word, after)| Some(format!("{word} after {}s", after.as_ref()?)));
                let limits: Vec<String> = limits.into_iter().flatten().collect();
                let limits = if limits.is_empty() { String::new() } else { format!(" ({})", limits.join(", ")) };
                let error = fresh.error.as_deref().map(|error| format!(": {}", first_line(error))).unwrap_or_default();
                facts.push(("freshness", format!("{}{on}{age}{limits}{error}", fresh.status)));
            }
        }
        let tests = self.index.children[index].iter().map(|&child| &self.index.nodes[child]).filter(|node| node.resource_type.is_test());
        let runs: Vec<_> = tests.filter_map(|test| Some((test, test.artifacts.as_ref()?.last_run.as_ref()?))).collect();
        if !runs.is_empty() {
            let passed = runs.iter().filter(|(_, run)| &*run.status == "pass").count();
            let bad: Vec<_> = runs.iter().filter(|(_, run)| matches!(&*run.status, "fail" | "error" | "warn")).collect();
            let mut text = format!("{passed} of {} passed", runs.len());
            for (test, run) in bad.iter().take(MAX_NAMED) {
                text.push_str(&format!("; `{}`: {}", test.name, told(run)));
            }
            if bad.len() > MAX_NAMED {
                text.push_str(&format!("; … {} more", bad.len() - MAX_NAMED));
            }
            facts.push(("last tests", text));
        }
        facts
    }
}

fn told(run: &LastRun) -> String {
    let message = run.message.as_deref().filter(|_| matches!(&*run.status, "error" | "fail" | "warn" | "runtime error"));
    let message = message.map(|message| format!(": {}", first_line(message))).unwrap_or_default();
    let day = run.at.as_deref().and_then(|at| at.get(..10)).map(|day| format!(" on {day}")).unwrap_or_default();
    let seconds = if run.seconds >= 0.1 { format!(", {}", span(run.seconds)) } else { String::new() };
    format!("{}{day}{seconds}{message}", run.status)
}

fn first_line(text: &str) -> &str {
    text.trim().lines().next().unwrap_or("")
}

fn span(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 60.0 => format!("{seconds:.1} s"),
        seconds if seconds < 7_200.0 => format!("{:.0} min", seconds / 60.0),
        seconds if seconds < 172_800.0 => format!("{:.0} h", seconds / 3_600.0),
        seconds => format!("{:.0} days", seconds / 86_400.0),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        bytes if bytes < 1 << 20 => format!("{} KB", bytes >> 10),
        bytes if bytes < 1 << 30 => format!("{} MB", bytes >> 20),
        bytes => format!("{} GB", bytes >> 30),
    }
}

/// `1204567` as `1,204,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::AnalysisHost;
    use dbt::{Artifact, Artifacts, Settings};
    use std::sync::Arc;
    use vfs::FileText;

    #[test]
    fn the_card_tells_what_ran() {
        let mut artifacts = Artifacts::default();
        artifacts.read(Artifact::Catalog, br#"{"metadata": {}, "nodes": {"model.p.a": {"metadata": {}, "columns": {"ID": {"type": "INT", "index": 1, "name": "ID"}, "EXTRA": {"type": "TEXT", "index": 2, "name": "EXTRA"}}, "stats": {"num_rows": {"value": 1204567}}}}}"#);
        artifacts.read(Artifact::RunResults, br#"{"args": {"which": "build"}, "results": [{"unique_id": "model.p.a", "status": "success", "execution_time": 12.0, "timing": []}, {"unique_id": "test.p.unique_a_id.1a93c6b9a5", "status": "fail", "message": "Got 3 results", "failures": 3}]}"#);
        let mut host = AnalysisHost::new(std::path::Path::new("/p"));
        host.set_settings(Settings { artifacts: Arc::new(artifacts), ..Settings::default() });
        let file = |path: &str, text: &str| (std::path::Path::new("/p").join(path), FileText::new(text));
        host.load(vec![
            file("dbt_project.yml", "name: p\n"),
            file("models/a.sql", "select 1 as id"),
            file("models/a.yml", "models:\n- name: a\n  columns:\n  - name: id\n    data_tests: [unique]\n"),
        ]);
        let analysis = host.publish();
        let index = analysis.index.node("model.p.a").expect("it is there");
        let test = analysis.index.nodes.iter().find(|node| node.test.is_some()).map(|node| node.unique_id.to_string()).unwrap_or_default();
        let facts: Vec<String> = analysis.run_facts(index).into_iter().map(|(label, text)| format!("{label}: {text}")).collect();
        expect_test::expect![[r#"
            relation: "memory"."main"."a"
            in the warehouse: 1,204,567 rows
            last build: success, 12.0 s"#]]
        .assert_eq(&facts[..3].join("\n"));
        assert_eq!(
            analysis.index.nodes[index].columns.values().map(|column| (&*column.name, column.shown_type())).collect::<Vec<_>>(),
            [("id", Some("INT")), ("EXTRA", Some("TEXT"))]
        );
        assert!(test.starts_with("test.p.unique_a_id."), "{test}");
    }
}
