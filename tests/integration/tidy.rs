//! The borders of the rooms, and what the documents say of them.

use std::path::{Path, PathBuf};
use testkit::workspace_root;

fn sources(below: &str) -> Vec<(PathBuf, String)> {
    fn walk(dir: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    let mut found = Vec::new();
    walk(&workspace_root().join(below), &mut found);
    found
}

fn none_says(rooms: &[&str], words: &[&str]) {
    for room in rooms {
        for (path, text) in sources(&format!("server/{room}/src")) {
            for word in words {
                assert!(!text.contains(word), "{} says {word}", path.display());
            }
        }
    }
}

#[test]
fn rooms_keep_their_borders() {
    let pure = ["text", "syntax", "dbt", "ide"];
    none_says(&["text", "syntax", "ide"], &["serde::"]);
    none_says(&pure, &["tokio::", "lsp_types", "tower_lsp", "Mutex<", "RwLock<", "std::fs::", "std::net::", "anyhow"]);
    none_says(&["text", "vfs", "syntax", "dbt", "ide", "rules", "store", "llm", "analyst", "web", "ragstar"], &["lsp_types", "tower_lsp"]);
    none_says(&["text", "vfs", "syntax", "dbt", "ide", "rules", "store", "llm", "analyst", "lsp"], &["axum::", "slack_morphism"]);
    none_says(&["analyst", "ide", "dbt", "lsp", "web"], &["sqlx::", "async_openai"]);
    none_says(&["store"], &["dbt::", "ide::"]);
    none_says(&["llm"], &["dbt::", "ide::", "prompts::"]);
    none_says(&["vfs", "text"], &["syntax::", "dbt::"]);
}

#[test]
fn nothing_is_left_undone() {
    for (path, text) in sources("server").into_iter().chain(sources("tests/integration")) {
        for word in [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("FIX", "ME"), concat!("not ", "implemented")] {
            assert!(!text.contains(word), "{} says {word}", path.display());
        }
        let lines = text.lines().count();
        assert!(lines <= 700, "{} has {lines} lines: two thoughts in one file", path.display());
    }
}

#[test]
fn every_room_is_on_the_map() {
    let map = std::fs::read_to_string(workspace_root().join("server/ARCHITECTURE.md")).unwrap();
    for entry in std::fs::read_dir(workspace_root().join("server")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(map.contains(&format!("`{name}`")), "{name} is not on the map");
        }
    }
}

#[test]
fn the_readme_names_every_command() {
    let readme = std::fs::read_to_string(workspace_root().join("README.md")).unwrap();
    let help = crate::harness::Person::new().run(&workspace_root(), &["help"]).out;
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    assert!(commands.len() >= 8, "{help}");
    for command in commands.into_iter().filter(|command| *command != "help") {
        assert!(readme.contains(&format!("ragstar {command}")), "README does not name `ragstar {command}`");
    }
}
