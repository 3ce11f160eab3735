//! `modules.datetime` and `modules.pytz`.

use crate::ast::Operator;
use crate::eval::{Eval, Outcome};
use crate::value::{Args, Map, Object, Value};
use jiff::civil::{self, Date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};
use std::any::Any;
use std::cmp::Ordering;

/// The classes of `datetime`.
pub fn module() -> Value {
    let classes = ["datetime", "date", "time", "timedelta", "timezone", "tzinfo"];
    classes.iter().map(|name| ((*name).into(), Value::object(Class(name)))).collect::<Map>().into()
}

/// `pytz`.
pub fn pytz() -> Value {
    let mut map: Map = ["utc", "UTC"].iter().map(|name| ((*name).into(), Value::object(Zone(TimeZone::UTC)))).collect();
    map.insert("timezone".into(), Value::object(Class("pytz")));
    map.insert("all_timezones".into(), jiff::tz::db().available().map(|name| Value::from(name.as_str())).collect::<Vec<_>>().into());
    map.into()
}

/// What time it is; that somebody asked is noted.
fn now(eval: &Eval<'_>) -> Timestamp {
    eval.env.asked_time.store(true, std::sync::atomic::Ordering::Relaxed);
    Timestamp::now()
}

/// `run_started_at`: now, in UTC.
pub fn started_at(eval: &Eval<'_>) -> Value {
    Value::object(Moment { at: Zoned::new(now(eval), TimeZone::UTC).datetime(), zone: Some(TimeZone::UTC) })
}

/// A point in time, naive where it has no zone.
#[derive(Clone)]
struct Moment {
    at: civil::DateTime,
    zone: Option<TimeZone>,
}

#[derive(Clone)]
struct Day(Date);

#[derive(Clone)]
struct Time(civil::Time);

#[derive(Clone, Copy)]
struct Delta(SignedDuration);

#[derive(Clone)]
struct Zone(TimeZone);

struct Class(&'static str);

impl Moment {
    fn zoned(&self) -> Option<Zoned> {
        self.at.to_zoned(self.zone.clone().unwrap_or(TimeZone::UTC)).ok()
    }

    /// What a time with a zone has; None for a naive one.
    fn in_zone(&self, of: impl Fn(&Zoned) -> Value) -> Value {
        self.zone.as_ref().and_then(|_| self.zoned()).map_or(Value::None, |zoned| of(&zoned))
    }

    fn text(&self) -> String {
        self.joined(' ')
    }

    fn joined(&self, separator: char) -> String {
        let mut out = format!("{}{separator}{}", self.at.date(), clock(self.at.time()));
        out.push_str(&self.offset(true));
        out
    }

    /// `+02:00`, or nothing for a naive one.
    fn offset(&self, colon: bool) -> String {
        match (&self.zone, self.zoned()) {
            (Some(_), Some(zoned)) => {
                let seconds = zoned.offset().seconds();
                let (hours, minutes) = (seconds.abs() / 3600, seconds.abs() / 60 % 60);
                format!("{}{hours:02}{}{minutes:02}", if seconds < 0 { '-' } else { '+' }, if colon { ":" } else { "" })
            }
            _ => String::new(),
        }
    }

    fn strftime(&self, format: &str) -> String {
        // A naive time has no zone to print.
        let format = if self.zone.is_none() { format.replace("%z", "").replace("%Z", "") } else { format.to_owned() };
        let format = format.replace("%f", &format!("{:06}", self.at.subsec_nanosecond() / 1000));
        match self.zoned() {
            Some(zoned) => jiff::fmt::strtime::format(format.as_str(), &zoned).unwrap_or(format),
            None => format,
        }
    }
}

fn clock(time: civil::Time) -> String {
    let micros = time.subsec_nanosecond() / 1000;
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
    format!("{:02}:{:02}:{:02}{fraction}", time.hour(), time.minute(), time.second())
}

fn number(args: &Args, index: usize, name: &str) -> Option<i64> {
    args.get(index, name).and_then(Value::as_int)
}

fn zone_arg(value: Option<&Value>) -> Option<TimeZone> {
    value.and_then(|value| value.downcast::<Zone>()).map(|zone| zone.0.clone())
}

impl Class {
    fn made(&self, eval: &mut Eval<'_>, args: &Args) -> Option<Value> {
        let small = |index: usize, name: &str, default: i64| number(args, index, name).or(Some(default)).and_then(|value| i8::try_from(value).ok());
        let date = || Date::new(i16::try_from(number(args, 0, "year")?).ok()?, small(1, "month", 0)?, small(2, "day", 0)?).ok();
        let time = |from: usize| {
            let micros = i32::try_from(number(args, from + 3, "microsecond").unwrap_or(0)).ok()?;
            civil::Time::new(small(from, "hour", 0)?, small(from + 1, "minute", 0)?, small(from + 2, "second", 0)?, micros.checked_mul(1000)?).ok()
        };
        Some(match self.0 {
            "datetime" => Value::object(Moment { at: date()?.to_datetime(time(3)?), zone: zone_arg(args.get(7, "tzinfo")) }),
            "date" => Value::object(Day(date()?)),
            "time" => Value::object(Time(time(0)?)),
            "timedelta" => {
                let units = [
                    ("days", 86_400.0),
                    ("seconds", 1.0),
                    ("microseconds", 1e-6),
                    ("milliseconds", 1e-3),
                    ("minutes", 60.0),
                    ("hours", 3600.0),
                    ("weeks", 604_800.0),
                ];
                let seconds: f64 =
                    units.iter().enumerate().map(|(index, (name, scale))| args.get(index, name).and_then(Value::as_float).unwrap_or(0.0) * scale).sum();
                Value::object(Delta(SignedDuration::try_from_secs_f64(seconds).ok()?))
            }
            "timezone" => {
                let delta = args.positional.first()?.downcast::<Delta>()?.0;
                let offset = jiff::tz::Offset::from_seconds(i32::try_from(delta.as_secs()).ok()?).ok()?;
                Value::object(Zone(TimeZone::fixed(offset)))
            }
            "pytz" => {
                let name = args.positional.first().map(Value::render)?;
                match TimeZone::get(&name) {
                    Ok(zone) => Value::object(Zone(zone)),
                    Err(_) => return Some(eval.undefined(&name)),
                }
            }
            _ => return None,
        })
    }
}

impl Object for Class {
    fn type_name(&self) -> &'static str {
        "type"
    }
    fn is_callable(&self) -> bool {
        true
    }
    fn call(&self, eval: &mut Eval<'_>, args: &Args) -> Outcome<Value> {
        match self.made(eval, args) {
            Some(value) if !value.is_undefined() => Ok(value),
            _ => Err(eval.fail(format!("there is no such {}: {}", self.0, args.positional.iter().map(Value::repr).collect::<Vec<_>>().join(", ")))),
        }
    }
    fn attribute(&self, _eval: &mut Eval<'_>, name: &str) -> Option<Value> {
        match (self.0, name) {
            ("timezone", "utc") => Some(Value::object(Zone(TimeZone::UTC))),
            ("date", "min") => Some(Value::object(Day(Date::constant(1, 1, 1)))),
            ("date", "max") => Some(Value::object(Day(Date::constant(9999, 12, 31)))),
            _ => None,
        }
    }
    fn method(&self, eval: &mut Eval<'_>, name: &str, args: &Args) -> Option<Outcome<Value>> {
        let text = |index: usize| args.positional.get(index).map(Value::render).unwrap_or_default();
        let utc = |eval: &Eval<'_>| Zoned::new(now(eval), TimeZone::UTC).datetime();
        let moment = |at: civil::DateTime, zone: Option<TimeZone>| Some(Ok(Value::object(Moment { at, zone })));
        match (self.0, name) {
            ("datetime", "now") => match zone_arg(args.get(0, "tz")) {
                Some(zone) => moment(Zoned::new(now(eval), zone.clone()).datetime(), Some(zone)),
                None => moment(utc(eval), None),
            },
            ("datetime", "utcnow" | "today") => moment(utc(eval), None),
            ("date", "today") => Some(Ok(Value::object(Day(utc(eval).date())))),
            ("datetime", "strptime") => {
                let (value, format) = (text(0), text(1));
                let parsed = jiff::fmt::strtime::parse(&format, &value).ok();
                // What a format leaves out is the first of January 1900, midnight.
                let at = parsed.as_ref().and_then(|parsed| {
                    let date = || Date::new(parsed.year().unwrap_or(1900), parsed.month().unwrap_or(1), parsed.day().unwrap_or(1)).ok();
                    Some(parsed.to_date().ok().or_else(date)?.to_datetime(parsed.to_time().unwrap_or_default()))
                });
                match at {
                    Some(at) => moment(at, parsed.and_then(|parsed| parsed.offset()).map(TimeZone::fixed)),
                    None => Some(Err(eval.fail(format!("time data '{value}' does not match format '{format}'")))),
                }
            }
            ("datetime", "fromisoformat") => {
                let value = text(0).replace(' ', "T");
                match value.parse::<civil::DateTime>().or_else(|_| value.parse::<Date>().map(|date| date.at(0, 0, 0, 0))) {
                    Ok(at) => moment(at, None),
                    Err(_) => Some(Err(eval.fail(format!("Invalid isoformat string: '{value}'")))),
                }
            }
            ("date", "fromisoformat") => match text(0).parse::<Date>() {
                Ok(date) => Some(Ok(Value::object(Day(date)))),
                Err(_) => Some(Err(eval.fail(format!("Invalid isoformat string: '{}'", text(0))))),
            },
            ("datetime", "fromtimestamp" | "utcfromtimestamp") => {
                let seconds = args.positional.first().and_then(Value::as_float)?;
                let zone = zone_arg(args.get(1, "tz"));
                let stamp = SignedDuration::try_from_secs_f64(seconds).ok().and_then(|since| Timestamp::from_duration(since).ok())?;
                moment(Zoned::new(stamp, zone.clone().unwrap_or(TimeZone::UTC)).datetime(), zone)
            }
            ("datetime", "combine") => {
                let date = args.positional.first().and_then(day_of)?;
                let time = args.positional.get(1)?.downcast::<Time>().map(|time| time.0).unwrap_or_default();
                moment(date.to_datetime(time), None)
            }
            ("datetime" | "date", "strftime") => {
                let value = args.positional.first()?.clone();
                Some(eval.call_method(&value, &"strftime".into(), Args::of(args.positional.iter().skip(1).cloned())))
            }
            _ => None,
        }
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn day_of(value: &Value) -> Option<Date> {
    value.downcast::<Day>().map(|day| day.0).or_else(|| value.downcast::<Moment>().map(|moment| moment.at.date()))
}

fn part(name: &str, date: Option<Date>, time: Option<civil::Time>) -> Option<Value> {
    let found = match name {
        "year" => i64::from(date?.year()),
        "month" => i64::from(date?.month()),
        "day" => i64::from(date?.day()),
        "hour" => i64::from(time?.hour()),
        "minute" => i64::from(time?.minute()),
        "second" => i64::from(time?.second()),
        "microsecond" => i64::from(time?.subsec_nanosecond() / 1000),
        _ => return None,
    };
    Some(Value::Int(found))
}

/// `replace(year=…, …)`.
fn replaced(at: civil::DateTime, args: &Args) -> Option<civil::DateTime> {
    let of = |index: usize, name: &str, now: i64| number(args, index, name).unwrap_or(now);
    let date = Date::new(
        i16::try_from(of(0, "year", at.year().into())).ok()?,
        i8::try_from(of(1, "month", at.month().into())).ok()?,
        i8::try_from(of(2, "day", at.day().into())).ok()?,
    );
    let time = civil::Time::new(
        i8::try_from(of(3, "hour", at.hour().into())).ok()?,
        i8::try_from(of(4, "minute", at.minute().into())).ok()?,
        i8::try_from(of(5, "second", at.second().into())).ok()?,
        i32::try_from(of(6, "microsecond", (at.subsec_nanosecond() / 1000).into()) * 1000).ok()?,
    );
    Some(date.ok()?.to_datetime(time.ok()?))
}

fn calendar(date: Date, name: &str) -> Option<Value> {
    let monday = i64::from(date.weekday().to_monday_zero_offset());
    Some(match name {
        "weekday" => Value::Int(monday),
        "isoweekday" => Value::Int(monday + 1),
        "toordinal" => Value::Int(date.since(Date::constant(1, 1, 1)).ok()?.get_days().into()),
        "isocalendar" => {
            let week = date.iso_week_date();
            Value::tuple(vec![Value::Int(week.year().into()), Value::Int(week.week().into()), Value::Int(monday + 1)])
        }
        _ => return None,
    })
}

impl Object for Moment {
    fn type_name(&self) -> &'static str {
        "datetime"
    }
    fn attribute(&self, _eval: &mut Eval<'_>, name: &str) -> Option<Value> {
        match name {
            "tzinfo" => Some(self.zone.clone().map_or(Value::None, |zone| Value::object(Zone(zone)))),
            name => part(name, Some(self.at.date()), Some(self.at.time())),
        }
    }
    fn method(&self, eval: &mut Eval<'_>, name: &str, args: &Args) -> Option<Outcome<Value>> {
        Some(Ok(match name {
            "strftime" => self.strftime(&args.positional.first().map(Value::render).unwrap_or_default()).into(),
            "isoformat" => self.joined(args.text(0, "sep").and_then(|sep| sep.chars().next()).unwrap_or('T')).into(),
            "date" => Value::object(Day(self.at.date())),
            "time" => Value::object(Time(self.at.time())),
            "timestamp" => Value::Float(self.zoned()?.timestamp().as_microsecond() as f64 / 1e6),
            "replace" => {
                let zone = match args.keyword("tzinfo") {
                    Some(Value::None) => None,
                    Some(zone) => zone_arg(Some(zone)),
                    None => self.zone.clone(),
                };
                match replaced(self.at, args) {
                    Some(at) => Value::object(Self { at, zone }),
                    None => return Some(Err(eval.fail("replace() gives no such datetime"))),
                }
            }
            "astimezone" => {
                let zone = zone_arg(args.get(0, "tz")).unwrap_or(TimeZone::UTC);
                Value::object(Self { at: self.zoned()?.with_time_zone(zone.clone()).datetime(), zone: Some(zone) })
            }
            "ctime" => self.strftime("%a %b %e %H:%M:%S %Y").into(),
            "utcoffset" => self.in_zone(|zoned| Value::object(Delta(SignedDuration::from_secs(zoned.offset().seconds().into())))),
            "tzname" => self.in_zone(|zoned| zoned.strftime("%Z").to_string().into()),
            name => calendar(self.at.date(), name)?,
        }))
    }
    fn binary(&self, _eval: &mut Eval<'_>, operator: Operator, other: &Value, is_right: bool) -> Option<Outcome<Value>> {
        if let Some(delta) = other.downcast::<Delta>() {
            let at = match operator {
                Operator::Add => self.at.checked_add(delta.0).ok()?,
                Operator::Subtract if !is_right => self.at.checked_sub(delta.0).ok()?,
                _ => return None,
            };
            return Some(Ok(Value::object(Self { at, zone: self.zone.clone() })));
        }
        let other = other.downcast::<Self>()?;
        (operator == Operator::Subtract)
            .then(|| Ok(Value::object(Delta(if is_right { other.at.duration_since(self.at) } else { self.at.duration_since(other.at) }))))
    }
    fn compare(&self, other: &Value) -> Option<Ordering> {
        let other = other.downcast::<Self>()?;
        Some(match (&self.zone, &other.zone) {
            (Some(_), Some(_)) => self.zoned()?.timestamp().cmp(&other.zoned()?.timestamp()),
            _ => self.at.cmp(&other.at),
        })
    }
    fn render(&self) -> String {
        self.text()
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Object for Day {
    fn type_name(&self) -> &'static str {
        "date"
    }
    fn attribute(&self, _eval: &mut Eval<'_>, name: &str) -> Option<Value> {
        part(name, Some(self.0), None)
    }
    fn method(&self, eval: &mut Eval<'_>, name: &str, args: &Args) -> Option<Outcome<Value>> {
        let moment = Moment { at: self.0.at(0, 0, 0, 0), zone: None };
        Some(Ok(match name {
            "strftime" => return moment.method(eval, name, args),
            "isoformat" => self.0.to_string().into(),
            "replace" => Value::object(Self(replaced(moment.at, args)?.date())),
            name => calendar(self.0, name)?,
        }))
    }
    fn binary(&self, _eval: &mut Eval<'_>, operator: Operator, other: &Value, is_right: bool) -> Option<Outcome<Value>> {
        if let Some(delta) = other.downcast::<Delta>() {
            let days = (delta.0.as_secs().div_euclid(86_400)).days();
            let date = match operator {
                Operator::Add => self.0.checked_add(days).ok()?,
                Operator::Subtract if !is_right => self.0.checked_sub(days).ok()?,
                _ => return None,
            };
            return Some(Ok(Value::object(Self(date))));
        }
        let other = other.downcast::<Self>()?;
        (operator == Operator::Subtract)
            .then(|| Ok(Value::object(Delta(if is_right { other.0.duration_since(self.0) } else { self.0.duration_since(other.0) }))))
    }
    fn compare(&self, other: &Value) -> Option<Ordering> {
        Some(self.0.cmp(&other.downcast::<Self>()?.0))
    }
    fn render(&self) -> String {
        self.0.to_string()
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Object for Time {
    fn type_name(&self) -> &'static str {
        "time"
    }
    fn attribute(&self, _eval: &mut Eval<'_>, name: &str) -> Option<Value> {
        part(name, None, Some(self.0))
    }
    fn method(&self, eval: &mut Eval<'_>, name: &str, args: &Args) -> Option<Outcome<Value>> {
        match name {
            "strftime" => Moment { at: Date::constant(1900, 1, 1).to_datetime(self.0), zone: None }.method(eval, name, args),
            "isoformat" => Some(Ok(clock(self.0).into())),
            _ => None,
        }
    }
    fn render(&self) -> String {
        clock(self.0)
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Object for Delta {
    fn type_name(&self) -> &'static str {
        "timedelta"
    }
    fn attribute(&self, _eval: &mut Eval<'_>, name: &str) -> Option<Value> {
        let micros = self.0.as_micros();
        Some(Value::Int(match name {
            "days" => micros.div_euclid(86_400_000_000) as i64,
            "seconds" => (micros.rem_euclid(86_400_000_000) / 1_000_000) as i64,
            "microseconds" => (micros.rem_euclid(1_000_000)) as i64,
            _ => return None,
        }))
    }
    fn method(&self, _eval: &mut Eval<'_>, name: &str, _args: &Args) -> Option<Outcome<Value>> {
        (name == "total_seconds").then(|| Ok(Value::Float(self.0.as_secs_f64())))
    }
    fn binary(&self, _eval: &mut Eval<'_>, operator: Operator, other: &Value, is_right: bool) -> Option<Outcome<Value>> {
        let made = match (operator, other.downcast::<Self>(), other.as_float()) {
            (Operator::Add, Some(other), _) => self.0.checked_add(other.0)?,
            (Operator::Subtract, Some(other), _) => self.0.checked_sub(other.0)?,
            (Operator::Divide, Some(other), _) => return Some(Ok(Value::Float(self.0.as_secs_f64() / other.0.as_secs_f64()))),
            (Operator::Multiply, None, Some(factor)) => SignedDuration::try_from_secs_f64(self.0.as_secs_f64() * factor).ok()?,
            (Operator::Divide | Operator::FloorDivide, None, Some(by)) if !is_right => SignedDuration::try_from_secs_f64(self.0.as_secs_f64() / by).ok()?,
            _ => return None,
        };
        Some(Ok(Value::object(Self(made))))
    }
    fn compare(&self, other: &Value) -> Option<Ordering> {
        Some(self.0.cmp(&other.downcast::<Self>()?.0))
    }
    fn render(&self) -> String {
        let micros = self.0.as_micros();
        let (days, rest) = (micros.div_euclid(86_400_000_000), micros.rem_euclid(86_400_000_000));
        let (seconds, fraction) = (rest / 1_000_000, rest % 1_000_000);
        let mut out = match days {
            0 => String::new(),
            1 | -1 => format!("{days} day, "),
            _ => format!("{days} days, "),
        };
        out.push_str(&format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60));
        if fraction != 0 {
            out.push_str(&format!(".{fraction:06}"));
        }
        out
    }
    fn is_true(&self) -> bool {
        !self.0.is_zero()
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Object for Zone {
    fn type_name(&self) -> &'static str {
        "tzinfo"
    }
    fn attribute(&self, _eval: &mut Eval<'_>, name: &str) -> Option<Value> {
        (name == "zone").then(|| self.render().into())
    }
    fn method(&self, _eval: &mut Eval<'_>, name: &str, args: &Args) -> Option<Outcome<Value>> {
        let moment = args.positional.first()?.downcast::<Moment>()?;
        match name {
            "localize" => Some(Ok(Value::object(Moment { at: moment.at, zone: Some(self.0.clone()) }))),
            "normalize" => Some(Ok(Value::object(moment.clone()))),
            _ => None,
        }
    }
    fn render(&self) -> String {
        self.0.iana_name().unwrap_or("UTC").to_owned()
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
