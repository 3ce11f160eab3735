//! Files: what is on disk, what an editor has laid over it, and what changed. Parses nothing and knows no dbt.

mod disk;
mod replace;

pub use disk::{DiskLoader, Stamp, Watch};
pub use replace::{ReplaceError, replace};

use rustc_hash::FxHashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file's number; stable for the life of a [`Vfs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

impl data::pack::Pack for FileId {
    fn pack(&self, writer: &mut data::pack::Writer) {
        self.0.pack(writer);
    }

    fn unpack(reader: &mut data::pack::Reader<'_>) -> Option<Self> {
        u32::unpack(reader).map(Self)
    }
}

/// Why a file's text is not all of what is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadProblem {
    /// Byte `offset` is the first that is no UTF-8; the text has U+FFFD there.
    NotUtf8 { offset: usize },
    /// Over [`MAX_TEXT_BYTES`]; the text is empty.
    TooLarge { bytes: u64 },
    /// The operating system's word for it; the text is empty.
    Unreadable(String),
}

/// Source files above this size are not read: no person wrote them.
pub const MAX_TEXT_BYTES: u64 = 16 << 20;
/// Of a CSV seed only this much is read, enough for its header.
pub const CSV_HEAD_BYTES: usize = 64 << 10;

/// A file's text and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileText {
    pub text: Arc<str>,
    pub problem: Option<ReadProblem>,
}

impl FileText {
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), problem: None }
    }

    /// Text from bytes; what is no UTF-8 becomes U+FFFD and is told.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::new(text),
            Err(error) => {
                let offset = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                Self { text: text.into(), problem: Some(ReadProblem::NotUtf8 { offset }) }
            }
        }
    }
}

/// Where files come from; `DiskLoader` is the real one, tests have one in memory.
pub trait Loader: Send + Sync {
    /// Every file below `root` that can belong to a dbt project.
    fn load(&self, root: &Path) -> Vec<(PathBuf, FileText)>;
    /// One file; `None` where it doesn't exist (any more).
    fn read(&self, path: &Path) -> Option<FileText>;
}

/// The paths known so far, their text on disk and the editors' text over it.
#[derive(Debug, Default)]
pub struct Vfs {
    paths: Vec<Arc<Path>>,
    ids: FxHashMap<Arc<Path>, FileId>,
    disk: FxHashMap<FileId, FileText>,
    overlay: FxHashMap<FileId, Arc<str>>,
    changed: Vec<FileId>,
}

impl Vfs {
    /// The number of a path, given out at first sight.
    pub fn id(&mut self, path: &Path) -> FileId {
        if let Some(&id) = self.ids.get(path) {
            return id;
        }
        let id = FileId(u32::try_from(self.paths.len()).unwrap_or(u32::MAX));
        let path: Arc<Path> = path.into();
        self.paths.push(path.clone());
        self.ids.insert(path, id);
        id
    }

    pub fn known(&self, path: &Path) -> Option<FileId> {
        self.ids.get(path).copied()
    }

    pub fn path(&self, id: FileId) -> &Arc<Path> {
        &self.paths[id.0 as usize]
    }

    /// Says what is on disk; `None` means that the file is gone.
    pub fn set_disk(&mut self, path: &Path, text: Option<FileText>) -> FileId {
        let id = self.id(path);
        let same = self.disk.get(&id) == text.as_ref();
        match text {
            Some(text) => self.disk.insert(id, text),
            None => self.disk.remove(&id),
        };
        if !same && !self.overlay.contains_key(&id) {
            self.changed.push(id);
        }
        id
    }

    /// Lays an editor's text over the disk's, or with `None` takes it away again.
    pub fn set_overlay(&mut self, path: &Path, text: Option<Arc<str>>) -> FileId {
        let id = self.id(path);
        let before = self.text(id).map(|text| text.text);
        match text {
            Some(text) => self.overlay.insert(id, text),
            None => self.overlay.remove(&id),
        };
        if before != self.text(id).map(|text| text.text) {
            self.changed.push(id);
        }
        id
    }

    /// The editors' texts, by path.
    pub fn into_overlays(self) -> Vec<(PathBuf, Arc<str>)> {
        let paths = self.paths;
        self.overlay.into_iter().map(|(id, text)| (paths[id.0 as usize].to_path_buf(), text)).collect()
    }

    pub fn has_overlay(&self, id: FileId) -> bool {
        self.overlay.contains_key(&id)
    }

    /// The text that counts: the editor's, else the disk's.
    pub fn text(&self, id: FileId) -> Option<FileText> {
        match self.overlay.get(&id) {
            Some(text) => Some(FileText { text: text.clone(), problem: None }),
            None => self.disk.get(&id).cloned(),
        }
    }

    /// Every file that is on disk by its number, from 0 without a gap; `None` where editors have other texts of some, or where files
    /// that were known are gone.
    pub fn disk_only(&self) -> Option<impl Iterator<Item = (FileId, &Path, &FileText)>> {
        let saved = self.overlay.iter().all(|(id, text)| self.disk.get(id).is_some_and(|disk| disk.text == *text));
        (saved && self.disk.len() == self.paths.len()).then(|| {
            let all = self.paths.iter().enumerate();
            all.filter_map(|(number, path)| {
                let id = FileId(u32::try_from(number).ok()?);
                Some((id, path.as_ref(), self.disk.get(&id)?))
            })
        })
    }

    /// The files whose text changed since the last call, each once, oldest first.
    pub fn take_changes(&mut self) -> Vec<FileId> {
        let mut seen = rustc_hash::FxHashSet::default();
        std::mem::take(&mut self.changed).into_iter().filter(|id| seen.insert(*id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlay_hides_the_disk_until_it_is_taken_away() {
        let mut vfs = Vfs::default();
        let path = Path::new("/p/a.sql");
        let id = vfs.set_disk(path, Some(FileText::new("disk")));
        assert_eq!(vfs.take_changes(), [id]);
        vfs.set_overlay(path, Some("editor".into()));
        vfs.set_disk(path, Some(FileText::new("disk 2")));
        assert_eq!(vfs.text(id).map(|text| text.text), Some("editor".into()));
        assert_eq!(vfs.take_changes(), [id]);
        vfs.set_overlay(path, None);
        assert_eq!(vfs.text(id).map(|text| text.text), Some("disk 2".into()));
        assert_eq!(vfs.take_changes(), [id]);
        vfs.set_disk(path, Some(FileText::new("disk 2")));
        assert!(vfs.take_changes().is_empty(), "the same text is no change");
    }

    #[test]
    fn bytes_that_are_no_utf8_are_told() {
        let text = FileText::from_bytes(b"ab\xffcd".to_vec());
        assert_eq!(text.problem, Some(ReadProblem::NotUtf8 { offset: 2 }));
        assert_eq!(&*text.text, "ab\u{fffd}cd");
    }
}
