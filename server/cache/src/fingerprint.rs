//! What decides beside a project's files how dbt sees it, as a hash: the profile, the target, vars, the variables of the environment
//! that its texts ask for.

use ide::DbtSettings;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// A hash, and which variables are in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// Names that are asked for; `None` where a text computes one, so that all count.
    variables: Option<Vec<String>>,
    hash: String,
    /// The hour since 1970 that it is of, where a template asked what time it is: it may well come out otherwise in the next.
    hour: Option<u64>,
}

data::packed!(Fingerprint { variables, hash, hour });

fn this_hour() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs() / 3600)
}

impl Fingerprint {
    pub fn of<'t>(settings: &'t DbtSettings, texts: impl Iterator<Item = &'t str>, asked_time: bool) -> Self {
        let mut names = Some(BTreeSet::new());
        for text in texts.chain(settings.profiles.as_deref()) {
            ask(text, &mut names);
        }
        let variables = names.map(|names| names.into_iter().collect());
        let hash = hash_of(settings, variables.as_deref());
        Self { variables, hash, hour: asked_time.then(this_hour) }
    }

    pub fn fits(&self, settings: &DbtSettings) -> bool {
        self.hour.is_none_or(|hour| hour == this_hour()) && self.hash == hash_of(settings, self.variables.as_deref())
    }
}

/// The names in `env_var('NAME'`; any other call of it takes away what is known.
fn ask(text: &str, names: &mut Option<BTreeSet<String>>) {
    for (at, word) in text.match_indices("env_var") {
        let rest = text[at + word.len()..].trim_start();
        let literal = rest.strip_prefix('(').map(str::trim_start).and_then(|rest| {
            let quote = rest.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
            let (name, after) = rest[1..].split_once(quote)?;
            let is_whole = after.trim_start().starts_with([')', ',']);
            is_whole.then_some(()).and(Some(name)).filter(|name| name.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_')).map(str::to_owned)
        });
        let is_call = rest.starts_with('(');
        match (literal, names.as_mut()) {
            (Some(name), Some(names)) => drop(names.insert(name)),
            // What only mentions it, as prose does, asks for nothing.
            (None, _) if !is_call && !is_in_tag(&text[..at]) => {}
            (None, _) => *names = None,
            (_, None) => return,
        }
    }
}

/// Whether a text ends inside of a Jinja tag.
fn is_in_tag(before: &str) -> bool {
    let last = |tags: [&str; 2]| tags.into_iter().filter_map(|tag| before.rfind(tag)).max();
    match (last(["{{", "{%"]), last(["}}", "%}"])) {
        (Some(opened), Some(closed)) => opened > closed,
        (opened, None) => opened.is_some(),
        (None, Some(_)) => false,
    }
}

fn hash_of(settings: &DbtSettings, variables: Option<&[String]>) -> String {
    let DbtSettings { profiles, profile, target, vars, environment, artifacts: _, state: _, problems } = settings;
    let mut digest = Sha256::new();
    let mut add = |part: Option<&str>| {
        digest.update([u8::from(part.is_some())]);
        digest.update((part.map_or(0, str::len) as u64).to_le_bytes());
        digest.update(part.unwrap_or_default().as_bytes());
    };
    add(profiles.as_deref());
    add(profile.as_deref());
    add(target.as_deref());
    add(Some(&data::Value::Object(vars.clone()).to_string()));
    problems.iter().for_each(|problem| add(Some(&problem.message)));
    match variables {
        Some(names) => names.iter().for_each(|name| {
            add(Some(name));
            add(environment.get(name).map(String::as_str));
        }),
        None => {
            let mut all: Vec<(&String, &String)> = environment.iter().collect();
            all.sort();
            all.into_iter().for_each(|(name, value)| {
                add(Some(name));
                add(Some(value));
            });
        }
    }
    hex(&digest.finalize())
}

pub fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Which program this is: another build may read and write otherwise.
pub fn program() -> [u8; 32] {
    let file = std::env::current_exe().and_then(std::fs::metadata);
    let modified = file.as_ref().ok().and_then(|file| file.modified().ok()).map(|modified| format!("{modified:?}"));
    hash(format!("{} {:?} {:?}", env!("CARGO_PKG_VERSION"), file.map(|file| file.len()).ok(), modified).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn settings(variables: &[(&str, &str)]) -> DbtSettings {
        let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        DbtSettings { environment: Arc::new(environment), ..DbtSettings::default() }
    }

    #[test]
    fn only_what_is_asked_for_counts() {
        let made = |texts: &[&str]| Fingerprint::of(&settings(&[("A", "1"), ("B", "2")]), texts.iter().copied(), false);
        let literal = made(&["{{ env_var('A') }}", "select 1", "{{ env_var( \"C\", 'x') }}"]);
        assert!(literal.fits(&settings(&[("A", "1"), ("B", "other")])));
        assert!(!literal.fits(&settings(&[("A", "other"), ("B", "2")])));
        assert!(!literal.fits(&settings(&[("A", "1"), ("C", "new")])));
        let computed = made(&["{{ env_var('A' ~ x) }}", "{{ env_var(name) }}"]);
        assert!(!computed.fits(&settings(&[("A", "1"), ("B", "other")])));
        let past = Fingerprint { hour: Some(this_hour() - 1), ..literal.clone() };
        assert!(!past.fits(&settings(&[("A", "1")])));
        assert!(!literal.fits(&DbtSettings { target: Some("prod".into()), ..settings(&[("A", "1")]) }));
    }
}
