//! A project in one string: `-- file: models/a.sql` starts a file, `$0` is the cursor.

/// The files of a fixture and where its cursor is.
#[derive(Debug, Clone, Default)]
pub struct Fixture {
    /// Path, relative to the project's root, and text without the cursor.
    pub files: Vec<(String, String)>,
    /// The file and byte offset of `$0`.
    pub cursor: Option<(String, usize)>,
}

impl Fixture {
    /// Reads a fixture. Without a `dbt_project.yml` one is added that names the project `shop`.
    pub fn parse(source: &str) -> Self {
        let mut fixture = Self::default();
        for line in source.split_inclusive('\n') {
            match line.strip_prefix("-- file:") {
                Some(path) => fixture.files.push((path.trim().to_owned(), String::new())),
                None => {
                    if let Some((_, text)) = fixture.files.last_mut() {
                        text.push_str(line);
                    }
                }
            }
        }
        if !fixture.files.iter().any(|(path, _)| path == "dbt_project.yml") {
            fixture.files.push(("dbt_project.yml".to_owned(), "name: shop\nprofile: shop\n".to_owned()));
        }
        for (path, text) in &mut fixture.files {
            if let Some(at) = text.find("$0") {
                text.replace_range(at..at + 2, "");
                fixture.cursor = Some((path.clone(), at));
            }
        }
        fixture
    }
}
