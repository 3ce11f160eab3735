//! Words that look like secrets: in what a language model is given they are hidden, in what it writes they are refused.

/// How the tokens of well-known services begin, and how long they are at least.
const BEGINNINGS: [(&str, usize); 12] = [
    ("sk-", 13),
    ("sk_live", 13),
    ("ghp_", 13),
    ("gho_", 13),
    ("github_pat_", 20),
    ("glpat-", 13),
    ("xoxb-", 13),
    ("xoxp-", 13),
    ("AIza", 20),
    ("dapi", 30),
    ("eyJhbGci", 20),
    ("-----BEGIN", 10),
];
/// Names whose value is a secret where a text says it: `password = 'x'`, `token: x`.
const NAMES: [&str; 7] = ["password", "passwd", "pwd", "secret", "api_key", "apikey", "access_token"];

/// The parts of a text that look like secrets, in bytes, in its order.
fn found(text: &str) -> Vec<(usize, usize)> {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '/' | '.' | '~');
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(is_of_word).map(|start| at + start) {
        let end = text[start..].find(|c| !is_of_word(c)).map_or(text.len(), |end| start + end);
        let word = &text[start..end];
        // Keys of AWS: twenty capitals and digits.
        let is_aws = word.len() == 20
            && (word.starts_with("AKIA") || word.starts_with("ASIA"))
            && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if is_aws || BEGINNINGS.iter().any(|(beginning, length)| word.starts_with(beginning) && word.len() >= *length) {
            all.push((start, end));
        }
        at = end;
    }
    // A key in letters, to its end.
    for (start, _) in text.match_indices("-----BEGIN") {
        let closing = text[start..].find("-----END").map(|end| start + end + 8);
        let end = closing.map_or(text.len(), |from| text[from..].find("-----").map_or(text.len(), |close| from + close + 5));
        all.push((start, end));
    }
    for (start, word) in text.match_indices("Bearer ") {
        let from = start + word.len();
        let length = text[from..].find(|c| !is_of_word(c)).unwrap_or(text.len() - from);
        if length >= 16 {
            all.push((from, from + length));
        }
    }
    // `scheme://user:secret@host`
    for (scheme, _) in text.match_indices("://") {
        let from = scheme + 3;
        let rest = text[from..].split(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '`')).next().unwrap_or_default();
        if let (Some(colon), Some(mark)) = (rest.find(':'), rest.rfind('@'))
            && colon + 1 < mark
        {
            all.push((from + colon + 1, from + mark));
        }
    }
    let lower = text.to_ascii_lowercase();
    for name in NAMES {
        for (start, _) in lower.match_indices(name) {
            let behind = &text[start + name.len()..];
            let value = behind.trim_start_matches(['"', '\'', ' ']).strip_prefix(['=', ':']).map(str::trim_start);
            // `'password=x'`: within a text.
            if let Some(bare) = behind.strip_prefix(['=', ':']).map(|bare| bare.strip_prefix(' ').unwrap_or(bare)) {
                let length = bare.find(|c: char| c.is_whitespace() || "'\"&;,()".contains(c)).unwrap_or(bare.len());
                if length >= 6 && bare[length..].starts_with(['\'', '"', '&', ';']) && !bare[..length].contains(['{', '.']) {
                    let from = text.len() - bare.len();
                    all.push((from, from + length));
                }
            }
            let Some(value) = value.and_then(|value| value.strip_prefix(['\'', '"'])) else { continue };
            let from = text.len() - value.len();
            let length = value.find(['\'', '"', '\n']).unwrap_or(value.len());
            // Names of columns and calls are none.
            if length >= 4 && !value[..length].contains(['{', ' ', '(']) {
                all.push((from, from + length));
            }
        }
    }
    all.sort_unstable();
    all
}

/// The first letters of what looks like a secret in a text.
pub fn secret_in(text: &str) -> Option<String> {
    found(text).first().map(|(start, end)| crate::documents::clip(&text[*start..*end], 4))
}

/// A text with `*****` in the place of what looks like a secret.
pub fn hidden(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut at = 0;
    for (start, end) in found(text) {
        if start >= at {
            made.push_str(&text[at..start]);
            made.push_str("*****");
        }
        at = at.max(end);
    }
    made.push_str(&text[at..]);
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret() {
        for (text, shown) in [
            ("Uses (ghp_abcdefghijklmnop1234) or token=sk-abcdefghijkl.", "Uses (*****) or token=*****"),
            ("select 'AKIAABCDEFGHIJKLMNOP' as k", "select '*****' as k"),
            ("postgres://user:pa55@host/db and https://dbt.com:443/x", "postgres://user:*****@host/db and https://dbt.com:443/x"),
            ("password = 'hunter22', secret: \"abcd\"", "password = '*****', secret: \"*****\""),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIi", "*****"),
            ("password_hash is not null and password = {{ env_var('X') }}", "password_hash is not null and password = {{ env_var('X') }}"),
            ("'ASIA_PACIFIC_REGION'", "'ASIA_PACIFIC_REGION'"),
            ("'host=h;password=hunter2xyz;x=1' as c, 'pwd: hunter3xyz'", "'host=h;password=*****;x=1' as c, 'pwd: *****'"),
            ("'Bearer abcdefghijklmnop1234'", "'Bearer *****'"),
            ("a -----BEGIN RSA PRIVATE KEY-----\nMIIEpAIB\n-----END RSA PRIVATE KEY----- b", "a ***** b"),
            ("the task-force of sk-8 and risk-based scores", "the task-force of sk-8 and risk-based scores"),
        ] {
            assert_eq!(hidden(text), shown);
            assert_eq!(secret_in(text).is_some(), text != shown, "{text}");
        }
    }
}
