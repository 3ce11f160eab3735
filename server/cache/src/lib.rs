//! A project's index on disk, so that a program that starts again doesn't parse what hasn't changed.
//!
//! One file a project in the user's cache folder, never in the project. It is taken where every file of the project has the size, the
//! time of change and the inode that it had, and whatever else decides how dbt sees the project is the same; anything else means that
//! it is made anew, never an error. A file that changed as late as the cache was made may have changed again within the same tick of
//! the clock (git calls such an entry racy), so its content is compared, too. Nothing is kept that can't be made again.

mod fingerprint;

use data::pack::{Pack, Reader, Writer, texts};
use fingerprint::Fingerprint;
use ide::{DbtSettings, Placed, Snapshot, SnapshotFile};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use vfs::{DiskLoader, FileText, Loader, ReadProblem, Stamp};

const MAGIC: &[u8; 8] = b"ragstar\x01";
/// Magic, program, time, checksum.
const HEAD: usize = 8 + 32 + 8 + 4;
/// Where the time stands.
const TIME_AT: u64 = 8 + 32;
/// Where the checksum of all that follows stands.
const SUM_AT: u64 = TIME_AT + 8;
/// The coarsest clock of a file system that matters.
const TICK: Duration = Duration::from_secs(2);
/// Smaller projects are parsed as fast as they are read.
const MIN_FILES: usize = 300;
/// A larger file is none of ours.
const MAX_BYTES: u64 = 4 << 30;
/// A project that nobody opened for so long is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(60 * 24 * 60 * 60);

/// The cache of one project.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
    file: PathBuf,
    program: [u8; 32],
    min_files: usize,
}

impl Cache {
    /// `dir`: the user's cache folder; `root`: the project's, canonical.
    pub fn new(dir: &Path, root: &Path) -> Self {
        let name = fingerprint::hex(&fingerprint::hash(root.as_os_str().as_encoded_bytes())[..16]);
        Self { root: root.to_owned(), file: dir.join("index").join(name), program: fingerprint::program(), min_files: MIN_FILES }
    }

    /// The same, for projects of at least so many files.
    pub fn with_min_files(self, min_files: usize) -> Self {
        Self { min_files, ..self }
    }

    /// What was kept, if it is still so.
    pub fn read(&self, settings: &DbtSettings) -> Option<Snapshot> {
        let bytes = self.bytes()?;
        let (head, body) = bytes.split_at_checked(HEAD)?;
        if head[..8] != *MAGIC || head[8..40] != self.program {
            return None;
        }
        let made = UNIX_EPOCH + Duration::from_nanos(u64::from_le_bytes(head[40..48].try_into().ok()?));
        std::thread::scope(|scope| {
            // The disk is asked while the file is read.
            let walk = scope.spawn(|| DiskLoader.stamps(&self.root));
            let kept = self.unpacked(head, body, settings);
            let mut found = walk.join().ok()?;
            let (snapshot, stamps) = kept?;
            found.extend(snapshot.outside.iter().flat_map(|folder| DiskLoader.stamps(folder)));
            found.sort_by(|left, right| left.0.cmp(&right.0));
            found.dedup_by(|left, right| left.0 == right.0);
            let verified = SystemTime::now();
            let racy = fits(&snapshot.files, &stamps, &found, made)?;
            if racy > 0 {
                self.touch(verified);
            }
            Some(snapshot)
        })
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        let mut file = std::fs::File::open(&self.file).ok()?;
        let length = file.metadata().ok()?.len();
        if length > MAX_BYTES {
            return None;
        }
        let mut bytes = Vec::with_capacity(usize::try_from(length).ok()?);
        file.read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    fn unpacked(&self, head: &[u8], body: &[u8], settings: &DbtSettings) -> Option<(Snapshot, Vec<Stamp>)> {
        if crc32fast::hash(body).to_le_bytes() != head[48..52] {
            tracing::info!("the cached index is damaged and made anew");
            return None;
        }
        let (known, rest) = texts(body)?;
        let mut reader = Reader::new(rest, &known);
        let fingerprint = Fingerprint::unpack(&mut reader)?;
        if !fingerprint.fits(settings) {
            return None;
        }
        let mut part = reader.part()?;
        let files: Vec<CachedFile> = (0..part.count()?).map(|_| CachedFile::unpack(&mut part)).collect::<Option<_>>()?;
        let outside: Vec<String> = Pack::unpack(&mut reader)?;
        let index = dbt::Index::unpack(&mut reader)?;
        let reached = Pack::unpack(&mut reader.part()?)?;
        let (files, stamps) = files.into_iter().map(|file| (file.file, file.stamp)).unzip();
        Some((Snapshot { files, outside: outside.into_iter().map(PathBuf::from).collect(), index, reached }, stamps))
    }

    /// Keeps a snapshot. `loaded`: the time before its files were read. What can't be kept is not kept.
    pub fn write(&self, snapshot: &Snapshot, settings: &DbtSettings, loaded: SystemTime) {
        if snapshot.files.len() < self.min_files {
            return;
        }
        if let Err(error) = self.try_write(snapshot, settings, loaded) {
            tracing::info!(%error, file = %self.file.display(), "the index is not cached");
        }
    }

    fn try_write(&self, snapshot: &Snapshot, settings: &DbtSettings, loaded: SystemTime) -> std::io::Result<()> {
        let mut found = DiskLoader.stamps(&self.root);
        found.extend(snapshot.outside.iter().flat_map(|folder| DiskLoader.stamps(folder)));
        found.sort_by(|left, right| left.0.cmp(&right.0));
        let stamp = |path: &Path| Some(found[found.binary_search_by(|(known, _)| known.as_path().cmp(path)).ok()?].1);
        let mut files = Vec::with_capacity(snapshot.files.len());
        for file in &snapshot.files {
            // A path that is no text, or a file that went away meanwhile.
            let Some(stamp) = stamp(&file.path).filter(|_| file.path.to_str().is_some()) else { return Ok(()) };
            files.push((file, stamp));
        }
        drop(found);
        let outside: Vec<String> = snapshot.outside.iter().filter_map(|folder| folder.to_str().map(str::to_owned)).collect();
        let folder = self.file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        forget(folder);
        let mut writer = Writer::spooled(tempfile::tempfile_in(folder)?);
        Fingerprint::of(settings, snapshot.files.iter().map(|file| &*file.text.text), snapshot.index.asked_time).pack(&mut writer);
        writer.part(|writer| {
            writer.number(files.len() as u64);
            files.iter().for_each(|(file, stamp)| pack_file(writer, file, *stamp));
        });
        outside.pack(&mut writer);
        snapshot.index.pack(&mut writer);
        writer.part(|writer| snapshot.reached.pack(writer));
        drop(files);
        // Only the user can read it, and it is there whole or not at all.
        let mut half = tempfile::NamedTempFile::new_in(folder)?;
        half.write_all(MAGIC)?;
        half.write_all(&self.program)?;
        half.write_all(&nanos(loaded).to_le_bytes())?;
        half.write_all(&[0; 4])?;
        let sum = {
            let mut summed = Summed { out: std::io::BufWriter::with_capacity(1 << 20, half.as_file()), sum: crc32fast::Hasher::new() };
            writer.finish(&mut summed)?;
            summed.flush()?;
            summed.sum.finalize()
        };
        half.seek(SeekFrom::Start(SUM_AT))?;
        half.write_all(&sum.to_le_bytes())?;
        half.persist(&self.file).map_err(|error| error.error)?;
        Ok(())
    }

    /// Says that everything was the same at a later time, so that next time fewer files have to be looked into.
    fn touch(&self, at: SystemTime) {
        let written = std::fs::OpenOptions::new().write(true).open(&self.file).and_then(|mut file| {
            file.seek(SeekFrom::Start(TIME_AT))?;
            file.write_all(&nanos(at).to_le_bytes())
        });
        if let Err(error) = written {
            tracing::debug!(%error, "the cache keeps its time");
        }
    }
}

/// Sums up what goes through it.
struct Summed<W> {
    out: W,
    sum: crc32fast::Hasher,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

fn nanos(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).ok().and_then(|since| u64::try_from(since.as_nanos()).ok()).unwrap_or(0)
}

/// How many files had to be looked into, if all are as they were.
fn fits(files: &[SnapshotFile], stamps: &[Stamp], found: &[(PathBuf, Stamp)], made: SystemTime) -> Option<usize> {
    if files.len() != found.len() {
        return None;
    }
    let found: std::collections::HashMap<&Path, &Stamp> = found.iter().map(|(path, stamp)| (path.as_path(), stamp)).collect();
    let mut racy = Vec::new();
    for (file, stamp) in files.iter().zip(stamps) {
        let now = found.get(file.path.as_path())?;
        if **now != *stamp {
            return None;
        }
        if UNIX_EPOCH + Duration::from_nanos(stamp.modified) + TICK >= made {
            racy.push(file);
        }
    }
    let same = dbt::in_parallel(&racy, |file| DiskLoader.read(&file.path).as_ref() == Some(&file.text));
    same.into_iter().all(|same| same).then_some(racy.len())
}

/// Takes away what nobody used for long.
fn forget(folder: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|modified| modified.elapsed().ok());
        if age.is_some_and(|age| age > FORGOTTEN)
            && let Err(error) = std::fs::remove_file(entry.path())
        {
            tracing::debug!(%error, "an old cache stays");
        }
    }
}

struct CachedFile {
    file: SnapshotFile,
    stamp: Stamp,
}

fn pack_file(writer: &mut Writer, SnapshotFile { path, text, placed }: &SnapshotFile, stamp: Stamp) {
    writer.text(path.to_str().unwrap_or_default());
    writer.shared(&text.text);
    match &text.problem {
        None => writer.number(0),
        Some(ReadProblem::NotUtf8 { offset }) => {
            writer.number(1);
            offset.pack(writer);
        }
        Some(ReadProblem::TooLarge { bytes }) => {
            writer.number(2);
            bytes.pack(writer);
        }
        Some(ReadProblem::Unreadable(why)) => {
            writer.number(3);
            why.pack(writer);
        }
    }
    placed.as_ref().map(|placed| (placed.relative.clone(), placed.package, placed.kind)).pack(writer);
    [stamp.size, stamp.modified, stamp.inode, stamp.changed].iter().for_each(|number| writer.number(*number));
}

impl CachedFile {
    fn unpack(reader: &mut Reader<'_>) -> Option<Self> {
        let path = PathBuf::from(String::unpack(reader)?);
        let text: Arc<str> = Pack::unpack(reader)?;
        let problem = match reader.number()? {
            0 => None,
            1 => Some(ReadProblem::NotUtf8 { offset: Pack::unpack(reader)? }),
            2 => Some(ReadProblem::TooLarge { bytes: Pack::unpack(reader)? }),
            3 => Some(ReadProblem::Unreadable(Pack::unpack(reader)?)),
            _ => return None,
        };
        let placed: Option<(Arc<str>, usize, dbt::FileKind)> = Pack::unpack(reader)?;
        let placed = placed.map(|(relative, package, kind)| Placed { relative, package, kind });
        let stamp = Stamp { size: reader.number()?, modified: reader.number()?, inode: reader.number()?, changed: reader.number()? };
        Some(Self { file: SnapshotFile { path, text: FileText { text, problem }, placed }, stamp })
    }
}
