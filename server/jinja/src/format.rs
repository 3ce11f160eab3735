//! Python's format mini-languages: `%` conversions and `str.format`.

use crate::value::{Args, Key, Value};

/// One `%` conversion; `None` where the value doesn't fit.
pub fn conversion(value: &Value, spec: &str, kind: char) -> Option<String> {
    let (flags, rest) = spec.split_at(spec.len() - spec.trim_start_matches(['-', '+', ' ', '0', '#']).len());
    let (width, precision) = rest.split_once('.').map_or((rest, None), |(width, precision)| (width, Some(precision.parse().unwrap_or(0))));
    let width: usize = width.parse::<usize>().unwrap_or(0).min(10_000);
    let body = match kind {
        's' => truncated(value.render(), precision),
        'r' | 'a' => truncated(value.repr(), precision),
        'd' | 'i' | 'u' => value.as_int().or_else(|| value.as_float().map(|value| value as i64))?.to_string(),
        'x' => format!("{:x}", value.as_int()?),
        'X' => format!("{:X}", value.as_int()?),
        'o' => format!("{:o}", value.as_int()?),
        'f' | 'F' => format!("{:.*}", precision.unwrap_or(6).min(200), value.as_float()?),
        'e' => exponent(value.as_float()?, precision.unwrap_or(6)),
        'g' => crate::value::float(value.as_float()?).trim_end_matches(".0").to_owned(),
        'c' => value.as_int().and_then(|code| char::from_u32(code as u32)).map(String::from).or_else(|| value.as_str().map(|text| text.to_string()))?,
        _ => return None,
    };
    let body = if flags.contains('+') && !body.starts_with('-') && "dieufFg".contains(kind) { format!("+{body}") } else { body };
    let zero = flags.contains('0') && !flags.contains('-') && kind != 's';
    Some(pad(&body, width, if flags.contains('-') { '<' } else { '>' }, if zero { '0' } else { ' ' }))
}

fn truncated(text: String, precision: Option<usize>) -> String {
    match precision {
        Some(most) => text.chars().take(most).collect(),
        None => text,
    }
}

fn exponent(value: f64, precision: usize) -> String {
    let text = format!("{:.*e}", precision.min(200), value);
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// Each tab as the blanks up to the next column that `size` divides, as `str.expandtabs`.
pub fn expand_tabs(text: &str, size: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut column = 0;
    for sign in text.chars() {
        match sign {
            '\t' => {
                let blanks = if size == 0 { 0 } else { size - column % size };
                out.extend(std::iter::repeat_n(' ', blanks));
                column += blanks;
            }
            '\n' | '\r' => {
                out.push(sign);
                column = 0;
            }
            _ => {
                out.push(sign);
                column += 1;
            }
        }
    }
    out
}

/// Pads to `width` characters; zeros go after a sign.
pub fn pad(text: &str, width: usize, align: char, fill: char) -> String {
    let missing = width.saturating_sub(text.chars().count());
    let fills = |count: usize| fill.to_string().repeat(count);
    match align {
        '<' => format!("{text}{}", fills(missing)),
        '^' => format!("{}{text}{}", fills(missing / 2), fills(missing - missing / 2)),
        _ if fill == '0' && text.starts_with(['-', '+']) => format!("{}{}{}", &text[..1], fills(missing), &text[1..]),
        _ => format!("{}{text}", fills(missing)),
    }
}

/// `template.format(*args, **kwargs)`; the error says what is wrong.
pub fn format(template: &str, args: &Args) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = template;
    let mut automatic = 0;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = &rest[at..at + 1];
        rest = &rest[at + 1..];
        if rest.starts_with(brace) {
            out.push_str(brace);
            rest = &rest[1..];
            continue;
        }
        if brace == "}" {
            return Err("single '}' encountered in format string".to_owned());
        }
        let end = rest.find('}').ok_or("expected '}' before end of string")?;
        let (field, spec) = rest[..end].split_once(':').unwrap_or((&rest[..end], ""));
        let (field, repr) = match field.split_once('!') {
            Some((field, conversion)) => (field, conversion == "r"),
            None => (field, false),
        };
        let value = lookup(field, args, &mut automatic)?;
        out.push_str(&if repr { value.repr() } else { formatted(&value, spec) });
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

fn lookup(field: &str, args: &Args, automatic: &mut usize) -> Result<Value, String> {
    let end = field.find(['.', '[']).unwrap_or(field.len());
    let (first, mut path) = field.split_at(end);
    let mut value = match first.parse::<usize>() {
        Ok(index) => args.positional.get(index).cloned(),
        Err(_) if first.is_empty() => {
            *automatic += 1;
            args.positional.get(*automatic - 1).cloned()
        }
        Err(_) => args.keyword(first).cloned(),
    }
    .ok_or_else(|| format!("no argument for '{{{field}}}'"))?;
    while let Some(next) = path.strip_prefix(['.', '[']) {
        let end = next.find(['.', '[', ']']).unwrap_or(next.len());
        let name = &next[..end];
        value = match &value {
            Value::Dict(map) => map.borrow().get(&Key::from(name)).cloned(),
            other => name.parse::<usize>().ok().and_then(|at| other.items()?.get(at).cloned()),
        }
        .ok_or_else(|| format!("'{{{field}}}' names nothing"))?;
        path = next[end..].trim_start_matches(']');
    }
    Ok(value)
}

/// `format(value, spec)`.
pub fn formatted(value: &Value, spec: &str) -> String {
    if spec.is_empty() {
        return value.render();
    }
    let chars: Vec<char> = spec.chars().collect();
    let is_align = |c: Option<&char>| c.is_some_and(|c| "<>^=".contains(*c));
    let (mut fill, mut align, mut at) = (' ', None, 0);
    if is_align(chars.get(1)) {
        (fill, align, at) = (chars[0], Some(chars[1]), 2);
    } else if is_align(chars.first()) {
        (align, at) = (Some(chars[0]), 1);
    }
    let rest: String = chars[at..].iter().collect();
    let plus = rest.starts_with('+');
    let rest = rest.trim_start_matches(['+', '-', ' ']);
    if rest.starts_with('0') && align.is_none() {
        (fill, align) = ('0', Some('>'));
    }
    let kind = rest.chars().last().filter(char::is_ascii_alphabetic);
    let rest = rest.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
    let percent = spec.ends_with('%');
    let comma = rest.contains(',');
    let rest = rest.replace([',', '_'], "");
    let (width, precision) = rest.split_once('.').map_or((rest.as_str(), None), |(width, precision)| (width, precision.parse::<usize>().ok()));
    let numeric = value.as_float().is_some();
    let mut body = match (kind, value) {
        _ if percent => format!("{:.*}%", precision.unwrap_or(6).min(200), value.as_float().unwrap_or(0.0) * 100.0),
        (Some(kind @ ('d' | 'x' | 'X' | 'o' | 'e' | 'f' | 'F' | 'g' | 'c')), value) => {
            let spec = precision.map_or_else(String::new, |precision| format!(".{precision}"));
            conversion(value, &spec, kind).unwrap_or_else(|| value.render())
        }
        (None, Value::Float(number)) if precision.is_some() => format!("{:.*}", precision.unwrap_or(6).min(200), number),
        _ => truncated(value.render(), precision),
    };
    if comma {
        body = thousands(&body);
    }
    if plus && numeric && !body.starts_with('-') {
        body.insert(0, '+');
    }
    let align = align.unwrap_or(if numeric { '>' } else { '<' });
    pad(&body, width.parse::<usize>().unwrap_or(0).min(10_000), align, fill)
}

fn thousands(number: &str) -> String {
    let (whole, fraction) = number.split_once('.').map_or((number, ""), |(whole, fraction)| (whole, fraction));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if fraction.is_empty() { format!("{sign}{grouped}") } else { format!("{sign}{grouped}.{fraction}") }
}
