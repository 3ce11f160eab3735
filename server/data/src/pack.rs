//! A compact binary form for a cache of our own: numbers as LEB128, every text once in a table that all who read share.
//!
//! It is no format to exchange: what is read must have been written by the same program. Damaged bytes give `None`, never a panic.

use crate::{Map, Value};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::hash::Hash;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex};

/// What can be written and read back.
pub trait Pack: Sized {
    fn pack(&self, writer: &mut Writer);
    fn unpack(reader: &mut Reader<'_>) -> Option<Self>;
}

/// A part of so many bytes stays a piece of its own.
const PIECE: usize = 64 << 10;

/// Where a writer puts what is finished.
pub trait Spool: Read + Write + Seek {}

impl<T: Read + Write + Seek> Spool for T {}

/// Collects bytes and the texts in them.
#[derive(Default)]
pub struct Writer {
    /// Takes finished parts, so that not all of them are in memory at once; and the first error that it gave.
    spool: Option<Box<dyn Spool>>,
    failed: Option<std::io::Error>,
    /// How many parts are around this place.
    depth: usize,
    /// Pieces that are finished, so that large parts are neither copied nor grown.
    done: Vec<Vec<u8>>,
    out: Vec<u8>,
    known: FxHashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
    /// Mappings of this part by their places: what shares its contents is written once.
    maps: FxHashMap<usize, u32>,
}

impl Writer {
    /// A writer that keeps finished parts in a scratch file, which is empty.
    pub fn spooled(spool: impl Spool + 'static) -> Self {
        Self { spool: Some(Box::new(spool)), ..Self::default() }
    }

    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.out.push((number as u8) | 0x80);
            number >>= 7;
        }
        self.out.push(number as u8);
    }

    /// A text, which several may share.
    pub fn text(&mut self, text: &str) {
        let known = self.known.get(text).copied();
        let number = known.unwrap_or_else(|| self.add(text.into()));
        self.number(number.into());
    }

    /// The same, without a copy of one that is new.
    pub fn shared(&mut self, text: &Arc<str>) {
        let known = self.known.get(text).copied();
        let number = known.unwrap_or_else(|| self.add(text.clone()));
        self.number(number.into());
    }

    fn add(&mut self, text: Arc<str>) -> u32 {
        let number = self.texts.len() as u32;
        self.known.insert(text.clone(), number);
        self.texts.push(text);
        number
    }

    /// A part that can be read by itself.
    pub fn part(&mut self, write: impl FnOnce(&mut Self)) {
        let outer = (std::mem::take(&mut self.done), std::mem::take(&mut self.out), std::mem::take(&mut self.maps));
        self.depth += 1;
        write(self);
        self.depth -= 1;
        let (mut pieces, last) = (std::mem::replace(&mut self.done, outer.0), std::mem::replace(&mut self.out, outer.1));
        self.maps = outer.2;
        pieces.push(last);
        self.number(pieces.iter().map(Vec::len).sum::<usize>() as u64);
        if pieces.len() == 1 && pieces[0].len() < PIECE {
            self.out.append(&mut pieces[0]);
        } else {
            self.done.push(std::mem::take(&mut self.out));
            for mut piece in pieces {
                piece.shrink_to_fit();
                self.done.push(piece);
            }
        }
        if self.depth == 0
            && let Some(spool) = &mut self.spool
        {
            let written = self.done.drain(..).try_for_each(|piece| spool.write_all(&piece));
            self.failed = self.failed.take().or(written.err());
        }
    }

    /// All of it: the texts, then the bytes.
    pub fn finish(self, out: &mut impl Write) -> std::io::Result<()> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        let mut head = Self::default();
        head.number(self.texts.len() as u64);
        for text in &self.texts {
            head.number(text.len() as u64);
        }
        out.write_all(&head.out)?;
        for text in &self.texts {
            out.write_all(text.as_bytes())?;
        }
        drop((self.texts, self.known));
        if let Some(mut spool) = self.spool {
            spool.seek(SeekFrom::Start(0))?;
            std::io::copy(&mut spool, out)?;
        }
        self.done.iter().chain([&self.out]).try_for_each(|piece| out.write_all(piece))
    }
}

/// Reads what a [`Writer`] wrote.
#[derive(Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    texts: &'a [Arc<str>],
    maps: Vec<Map>,
}

/// The texts of a finished piece, and the bytes after them.
pub fn texts(bytes: &[u8]) -> Option<(Vec<Arc<str>>, &[u8])> {
    let mut reader = Reader::new(bytes, &[]);
    let count = usize::try_from(reader.number()?).ok().filter(|count| *count <= bytes.len())?;
    let lengths: Option<Vec<u64>> = (0..count).map(|_| reader.number()).collect();
    let mut texts = Vec::with_capacity(count);
    for length in lengths? {
        texts.push(Arc::from(std::str::from_utf8(reader.take(usize::try_from(length).ok()?)?).ok()?));
    }
    Some((texts, reader.bytes))
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8], texts: &'a [Arc<str>]) -> Self {
        Self { bytes, texts, maps: Vec::new() }
    }

    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for (at, byte) in self.bytes.iter().enumerate().take(10) {
            number |= u64::from(byte & 0x7f) << (7 * at).min(63);
            if byte & 0x80 == 0 {
                self.bytes = &self.bytes[at + 1..];
                return Some(number);
            }
        }
        None
    }

    pub fn shared(&mut self) -> Option<&'a Arc<str>> {
        let at = self.number()?;
        self.texts.get(usize::try_from(at).ok()?)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(taken)
    }

    /// A part, to be read by itself.
    pub fn part(&mut self) -> Option<Reader<'a>> {
        let length = usize::try_from(self.number()?).ok()?;
        Some(Reader::new(self.take(length)?, self.texts))
    }

    /// How many follow; each takes a byte at least, so that damage can't ask for more memory than there are bytes.
    pub fn count(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok().filter(|count| *count <= self.bytes.len())
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// Packs the fields of a struct in their order; all have to be named.
#[macro_export]
macro_rules! packed {
    ($type:ty { $($field:ident),* $(,)? }) => {
        impl $crate::pack::Pack for $type {
            fn pack(&self, writer: &mut $crate::pack::Writer) {
                let Self { $($field),* } = self;
                $($crate::pack::Pack::pack($field, writer);)*
            }

            fn unpack(reader: &mut $crate::pack::Reader<'_>) -> Option<Self> {
                $(let $field = $crate::pack::Pack::unpack(reader)?;)*
                Some(Self { $($field),* })
            }
        }
    };
}

/// Packs an enum without data as its place in a list of all.
#[macro_export]
macro_rules! packed_choice {
    ($type:ty: $all:expr) => {
        impl $crate::pack::Pack for $type {
            fn pack(&self, writer: &mut $crate::pack::Writer) {
                writer.number($all.iter().position(|known| known == self).unwrap_or(usize::MAX) as u64);
            }

            fn unpack(reader: &mut $crate::pack::Reader<'_>) -> Option<Self> {
                $all.get(usize::try_from(reader.number()?).ok()?).copied()
            }
        }
    };
}

impl Pack for bool {
    fn pack(&self, writer: &mut Writer) {
        writer.number(u64::from(*self));
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        reader.number().map(|number| number != 0)
    }
}

macro_rules! packed_number {
    ($($type:ty),*) => {$(
        impl Pack for $type {
            fn pack(&self, writer: &mut Writer) {
                writer.number(*self as u64);
            }

            fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
                Self::try_from(reader.number()?).ok()
            }
        }
    )*};
}

packed_number!(u32, u64, usize);

impl Pack for i64 {
    fn pack(&self, writer: &mut Writer) {
        writer.number(((self << 1) ^ (self >> 63)) as u64);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        let number = reader.number()?;
        Some(((number >> 1) as i64) ^ -((number & 1) as i64))
    }
}

impl Pack for f64 {
    fn pack(&self, writer: &mut Writer) {
        writer.out.extend(self.to_le_bytes());
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self::from_le_bytes(reader.take(8)?.try_into().ok()?))
    }
}

impl Pack for String {
    fn pack(&self, writer: &mut Writer) {
        writer.text(self);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        reader.shared().map(|text| text.as_ref().to_owned())
    }
}

impl Pack for Arc<str> {
    fn pack(&self, writer: &mut Writer) {
        writer.shared(self);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        reader.shared().cloned()
    }
}

/// A name that the program itself gives, such as a rule's: there are few of them, and they live as long as the program.
impl Pack for &'static str {
    fn pack(&self, writer: &mut Writer) {
        writer.text(self);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
        // Longer or more were never written.
        const MAX_LENGTH: usize = 64;
        const MAX_COUNT: usize = 1000;
        let text = reader.shared()?;
        let mut known = KNOWN.lock().ok()?;
        match known.get(&**text) {
            Some(known) => Some(known),
            None if text.len() <= MAX_LENGTH && known.len() < MAX_COUNT => {
                let text: &'static str = Box::leak(text.to_string().into_boxed_str());
                known.insert(text);
                Some(text)
            }
            None => None,
        }
    }
}

impl Pack for text::TextRange {
    fn pack(&self, writer: &mut Writer) {
        self.start.pack(writer);
        self.end.pack(writer);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self { start: u32::unpack(reader)?, end: u32::unpack(reader)? })
    }
}

impl<T: Pack> Pack for Option<T> {
    fn pack(&self, writer: &mut Writer) {
        self.is_some().pack(writer);
        if let Some(inner) = self {
            inner.pack(writer);
        }
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        Some(if bool::unpack(reader)? { Some(T::unpack(reader)?) } else { None })
    }
}

impl<T: Pack> Pack for Vec<T> {
    fn pack(&self, writer: &mut Writer) {
        self.as_slice().pack_all(writer);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        let count = reader.count()?;
        let mut all = Self::with_capacity(count);
        for _ in 0..count {
            all.push(T::unpack(reader)?);
        }
        Some(all)
    }
}

impl<T: Pack> Pack for Box<T> {
    fn pack(&self, writer: &mut Writer) {
        (**self).pack(writer);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        T::unpack(reader).map(Self::new)
    }
}

impl<T: Pack> Pack for thin_vec::ThinVec<T> {
    fn pack(&self, writer: &mut Writer) {
        self.as_slice().pack_all(writer);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        Vec::unpack(reader).map(Self::from)
    }
}

/// The items of a list behind their count.
trait PackAll {
    fn pack_all(&self, writer: &mut Writer);
}

impl<T: Pack> PackAll for [T] {
    fn pack_all(&self, writer: &mut Writer) {
        writer.number(self.len() as u64);
        self.iter().for_each(|item| item.pack(writer));
    }
}

impl<T: Pack> Pack for Arc<[T]> {
    fn pack(&self, writer: &mut Writer) {
        self.pack_all(writer);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        Vec::unpack(reader).map(Into::into)
    }
}

impl<T: Pack> Pack for Arc<T> {
    fn pack(&self, writer: &mut Writer) {
        self.as_ref().pack(writer);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        T::unpack(reader).map(Self::new)
    }
}

impl<A: Pack, B: Pack> Pack for (A, B) {
    fn pack(&self, writer: &mut Writer) {
        self.0.pack(writer);
        self.1.pack(writer);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        Some((A::unpack(reader)?, B::unpack(reader)?))
    }
}

impl<A: Pack, B: Pack, C: Pack> Pack for (A, B, C) {
    fn pack(&self, writer: &mut Writer) {
        self.0.pack(writer);
        self.1.pack(writer);
        self.2.pack(writer);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        Some((A::unpack(reader)?, B::unpack(reader)?, C::unpack(reader)?))
    }
}

impl<K: Pack + Eq + Hash, V: Pack, S: std::hash::BuildHasher + Default> Pack for indexmap::IndexMap<K, V, S> {
    fn pack(&self, writer: &mut Writer) {
        writer.number(self.len() as u64);
        for (key, value) in self {
            key.pack(writer);
            value.pack(writer);
        }
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        let count = reader.count()?;
        let mut all = Self::with_capacity_and_hasher(count, S::default());
        for _ in 0..count {
            all.insert(K::unpack(reader)?, V::unpack(reader)?);
        }
        Some(all)
    }
}

/// Nested deeper than this nothing was written.
const MAX_DEPTH: usize = 200;

impl Pack for Value {
    fn pack(&self, writer: &mut Writer) {
        match self {
            Self::Null => writer.number(0),
            Self::Bool(false) => writer.number(1),
            Self::Bool(true) => writer.number(2),
            Self::Int(number) => {
                writer.number(3);
                number.pack(writer);
            }
            Self::Float(number) => {
                writer.number(4);
                number.pack(writer);
            }
            Self::String(text) => {
                writer.number(5);
                writer.shared(text);
            }
            Self::Array(items) => {
                writer.number(6);
                items.pack_all(writer);
            }
            Self::Object(map) => {
                writer.number(7);
                map.pack(writer);
            }
        }
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        value(reader, 0)
    }
}

fn value(reader: &mut Reader<'_>, depth: usize) -> Option<Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    Some(match reader.number()? {
        0 => Value::Null,
        1 => Value::Bool(false),
        2 => Value::Bool(true),
        3 => Value::Int(i64::unpack(reader)?),
        4 => Value::Float(f64::unpack(reader)?),
        5 => Value::String(reader.shared()?.clone()),
        6 => {
            let count = reader.count()?;
            let items: Option<Vec<Value>> = (0..count).map(|_| value(reader, depth + 1)).collect();
            Value::Array(Arc::new(items?))
        }
        7 => Value::Object(map(reader, depth + 1)?),
        _ => return None,
    })
}

/// 0 is an empty mapping, 1 a new one, more one that was read before.
fn map(reader: &mut Reader<'_>, depth: usize) -> Option<Map> {
    match usize::try_from(reader.number()?).ok()? {
        0 => Some(Map::new()),
        1 => {
            let count = reader.count()?;
            let mut entries = Vec::with_capacity(count);
            for _ in 0..count {
                entries.push((reader.shared()?.clone(), value(reader, depth)?));
            }
            let map = Map::of_entries(entries);
            reader.maps.push(map.clone());
            Some(map)
        }
        known => reader.maps.get(known - 2).cloned(),
    }
}

impl Pack for Map {
    fn pack(&self, writer: &mut Writer) {
        let Some(place) = self.place() else { return writer.number(0) };
        if let Some(known) = writer.maps.get(&place) {
            return writer.number(u64::from(*known) + 2);
        }
        writer.number(1);
        writer.number(self.len() as u64);
        for (key, value) in self {
            writer.shared(key);
            value.pack(writer);
        }
        // After those inside of it, as they are read.
        let number = writer.maps.len() as u32;
        writer.maps.insert(place, number);
    }

    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        map(reader, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn round<T: Pack>(value: &T) -> Option<T> {
        let mut writer = Writer::default();
        value.pack(&mut writer);
        let mut bytes = Vec::new();
        writer.finish(&mut bytes).ok()?;
        let (known, rest) = texts(&bytes)?;
        T::unpack(&mut Reader::new(rest, &known))
    }

    #[test]
    fn what_is_written_is_read() {
        let data = json!({"a": [1, -2, 2.5, null, true, "x", "x"], "b": {"c": {}}, "big": i64::MIN});
        assert_eq!(round(&data), Some(data));
        let nested = (vec![Some("a".to_owned()), None], u64::MAX, Arc::<str>::from("ü"));
        assert_eq!(round(&nested), Some(nested));
    }

    #[test]
    fn parts_small_and_large() {
        let large: Vec<u64> = (0..100_000).collect();
        let written = |mut writer: Writer| {
            writer.number(7);
            writer.part(|writer| {
                large.pack(writer);
                writer.part(|writer| large.pack(writer));
                writer.number(8);
            });
            writer.part(|writer| writer.number(9));
            writer.number(10);
            let mut bytes = Vec::new();
            assert!(writer.finish(&mut bytes).is_ok());
            bytes
        };
        let bytes = written(Writer::default());
        assert_eq!(written(Writer::spooled(std::io::Cursor::new(Vec::new()))), bytes);
        let (known, rest) = texts(&bytes).expect("the texts");
        let mut reader = Reader::new(rest, &known);
        assert_eq!(reader.number(), Some(7));
        let mut part = reader.part().expect("a part");
        assert_eq!(Vec::<u64>::unpack(&mut part).as_ref(), Some(&large));
        assert_eq!(part.part().and_then(|mut inner| Vec::<u64>::unpack(&mut inner)), Some(large.clone()));
        assert_eq!(part.number(), Some(8));
        assert_eq!((reader.part().and_then(|mut part| part.number()), reader.number()), (Some(9), Some(10)));
    }

    #[test]
    fn a_full_disk_is_told() {
        let mut writer = Writer::spooled(std::io::Cursor::new(vec![0u8; 1000].into_boxed_slice()));
        let large: Vec<u64> = (0..100_000).collect();
        writer.part(|writer| large.pack(writer));
        assert!(writer.finish(&mut Vec::new()).is_err());
    }

    #[test]
    fn damage_is_nothing() {
        let data = json!({"a": [1, -2, 2.5, null, true, "x"], "b": {"c": "a longer text"}});
        let mut writer = Writer::default();
        data.pack(&mut writer);
        let mut bytes = Vec::new();
        assert!(writer.finish(&mut bytes).is_ok());
        for cut in 0..bytes.len() {
            let read = texts(&bytes[..cut]).and_then(|(known, rest)| Value::unpack(&mut Reader::new(rest, &known)));
            assert_eq!(read, None);
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut wrong = bytes.clone();
                wrong[at] ^= 1 << bit;
                if let Some((known, rest)) = texts(&wrong) {
                    let _ = Value::unpack(&mut Reader::new(rest, &known));
                }
            }
        }
    }
}
