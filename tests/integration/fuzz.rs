//! Whole projects whose files are broken at random: the Jinja, YAML and SQL readers, the evaluator and the parser take them all, and
//! what was patched is what would be made anew. `RAGSTAR_FUZZ_SECONDS` says for how long; a few seconds where it doesn't.

use crate::live::{fresh, same, settings, shown};
use ide::AnalysisHost;
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::workspace_root;
use vfs::{DiskLoader, FileText, Loader};

/// Pieces that mean something somewhere.
const PIECES: [&str; 56] = [
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "{{ ref('",
    "') }}",
    "{{ config(",
    "{% set x = ",
    "{% for a in range(9999999) %}",
    "{% endfor %}",
    "{% if ",
    "{% endif %}",
    "{% macro m(a=m()) %}",
    "{{ m() }}",
    "{% endmacro %}",
    "{% do x.append(x) %}",
    "{{ x * 99999999 }}",
    "{{ 'a' * 999999999 }}",
    "{% call(a) m() %}",
    "{% endcall %}",
    "| join",
    "| map('",
    "is defined",
    " not in ",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    ",",
    ":",
    "'",
    "\"",
    "\n",
    "\r\n",
    "\t",
    "  ",
    "- name: ",
    "models:\n",
    "versions:\n  - v: 1\n",
    "data_tests:\n  - unique\n",
    "<<: *a",
    "&a ",
    "|\n",
    "!!binary ",
    "é😀\u{2028}",
    "\0",
    "9223372036854775808",
    "1e999",
    "{% docs d %}",
    "{% enddocs %}",
    "{% snapshot s %}",
    "{{ modules.re.match('(a+)+$', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!') }}",
];

struct Chance(TestRng);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        (self.0.next_u64() % end.max(1) as u64) as usize
    }

    fn place(&mut self, text: &str) -> usize {
        text.floor_char_boundary(self.below(text.len() + 1))
    }

    fn broken(&mut self, text: &str, other: &str) -> String {
        let mut text = text.to_owned();
        for _ in 0..=self.below(3) {
            let (one, two) = (self.place(&text), self.place(&text));
            let (from, to) = (one.min(two), one.max(two));
            let short = text.floor_char_boundary(to.min(from + 40)).max(from);
            match self.below(6) {
                0 => text.replace_range(from..short, ""),
                1 => text.insert_str(from, PIECES[self.below(PIECES.len())]),
                2 => text.replace_range(from..short, PIECES[self.below(PIECES.len())]),
                3 => {
                    let piece = text[from..short].to_owned();
                    text.insert_str(to, &piece);
                }
                4 => text.truncate(from),
                _ => {
                    let from = self.place(other);
                    let piece = &other[from..other.floor_char_boundary((from + 60).min(other.len())).max(from)];
                    text.insert_str(to, piece);
                }
            }
        }
        text
    }
}

#[test]
fn broken_projects_are_read() {
    let seconds = std::env::var("RAGSTAR_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(6);
    let until = Instant::now() + Duration::from_secs(seconds);
    // A run of its own where somebody asks for one.
    let seed: u64 = std::env::var("RAGSTAR_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut chance = Chance(TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let (mut rounds, mut slowest) = (0, Duration::ZERO);
    while Instant::now() < until {
        for fixture in ["constructs", "shop", "overrides"] {
            let root = workspace_root().join("tests/fixtures").join(fixture);
            let files = DiskLoader.load(&root);
            let mut texts: Vec<(PathBuf, FileText)> = files.clone();
            // Every second one is taken for a large project, whose properties files are read some at a time.
            let mut host = AnalysisHost::new(&root).with_large(if chance.below(2) == 0 { 0 } else { usize::MAX });
            host.set_settings(settings(&root));
            host.load(files.clone());
            host.publish();
            for round in 0..60 {
                if Instant::now() >= until && round > 10 {
                    break;
                }
                let (at, other) = (chance.below(files.len()), chance.below(files.len()));
                let from = if chance.below(3) == 0 { &files[at].1.text } else { &texts[at].1.text };
                let broken = chance.broken(from, &files[other].1.text);
                texts[at].1 = FileText::new(broken.clone());
                host.set_overlay(&files[at].0, Some(Arc::from(broken.as_str())));
                let started = Instant::now();
                let analysis = host.publish();
                slowest = slowest.max(started.elapsed());
                rounds += 1;
                for found in analysis.index.diagnostics() {
                    let text = &analysis.file(found.place.file).unwrap().text;
                    let range = found.place.range;
                    assert!(text.get(range.start as usize..range.end as usize).is_some(), "{found:?} is not in {text:?}");
                }
                if round % 20 == 19 {
                    same(&shown(&analysis), &shown(&fresh(&root, &texts)), &format!("{fixture}, round {rounds} of seed {seed}"));
                }
            }
        }
    }
    eprintln!("{rounds} broken states of projects were read; the slowest took {slowest:?}");
}
