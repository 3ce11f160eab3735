//! Files written whole or not at all.

use std::io::Write;
use std::path::Path;

/// Why a file was not written. It is as it was.
#[derive(Debug)]
pub enum ReplaceError {
    /// Somebody else changed, made or removed it meanwhile.
    Changed,
    Io(std::io::Error),
}

impl std::fmt::Display for ReplaceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Changed => f.write_str("it was changed meanwhile"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReplaceError {}

impl From<std::io::Error> for ReplaceError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// Keeps other processes that use this from writing into a folder, until it is dropped; nothing where a folder can't be locked (Windows,
/// some network disks).
fn hold(folder: &Path) -> Option<std::fs::File> {
    let folder = std::fs::File::open(folder).ok()?;
    folder.lock().ok()?;
    Some(folder)
}

/// Puts a text in the place of a file that holds `before`, or where there is none yet (`None`). The new text is written beside it and
/// synced, has its mode, and takes its name at once; where the file is a link, what it leads to is replaced.
pub fn replace(path: &Path, before: Option<&str>, after: &str) -> Result<(), ReplaceError> {
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut made = tempfile::Builder::new().prefix(".ragstar-").suffix(".tmp").tempfile_in(folder)?;
    made.write_all(after.as_bytes())?;
    made.as_file().sync_all()?;
    // Between the look at the file and its new name no other process of ours may do the same.
    let _held = hold(folder);
    let now = match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    if now.as_deref() != before.map(str::as_bytes) {
        return Err(ReplaceError::Changed);
    }
    if before.is_some() {
        // Its folder would let it be replaced all the same.
        if std::fs::metadata(&path)?.permissions().readonly() {
            return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, "the file may only be read").into());
        }
        made.as_file().set_permissions(std::fs::metadata(&path)?.permissions())?;
        made.persist(&path).map_err(|error| error.error)?;
        return Ok(());
    }
    // As any other new file, it is for whom the user's mask says.
    let plain = tempfile::Builder::new().prefix(".ragstar-").suffix(".tmp").make_in(folder, |path| std::fs::File::create(path).map(drop))?;
    made.as_file().set_permissions(std::fs::metadata(plain.path())?.permissions())?;
    made.persist_noclobber(&path)
        .map_err(|error| if error.error.kind() == std::io::ErrorKind::AlreadyExists { ReplaceError::Changed } else { error.error.into() })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_overwritten() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("below/m.yml");
        replace(&path, None, "a").expect("it is made");
        assert!(matches!(replace(&path, None, "b"), Err(ReplaceError::Changed)));
        assert!(matches!(replace(&path, Some("other"), "b"), Err(ReplaceError::Changed)));
        replace(&path, Some("a"), "b").expect("it is replaced");
        assert_eq!(std::fs::read_to_string(&path).expect("it is there"), "b");
        assert_eq!(std::fs::read_dir(dir.path().join("below")).expect("the folder").count(), 1, "nothing is left beside it");
    }

    /// Each adds its line to what it read, again and again; one that another had overwritten would miss.
    #[test]
    fn of_many_writers_none_loses_a_line() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("m.yml");
        std::fs::write(&path, "").expect("it is written");
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    for number in 0..25 {
                        loop {
                            let before = std::fs::read_to_string(path).expect("it is there");
                            match replace(path, Some(&before), &format!("{before}{writer}.{number}\n")) {
                                Ok(()) => break,
                                Err(ReplaceError::Changed) => {}
                                Err(error) => panic!("{error}"),
                            }
                        }
                    }
                });
            }
        });
        let lines = std::fs::read_to_string(&path).expect("it is there");
        assert_eq!(lines.lines().collect::<std::collections::BTreeSet<_>>().len(), 100);
    }

    #[cfg(unix)]
    #[test]
    fn modes_and_links_stay() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a folder");
        let (file, link) = (dir.path().join("real.yml"), dir.path().join("m.yml"));
        std::fs::write(&file, "a").expect("it is written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("it is its owner's");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        replace(&link, Some("a"), "b").expect("it is replaced");
        assert!(std::fs::symlink_metadata(&link).expect("the link").is_symlink());
        assert_eq!(std::fs::metadata(&file).expect("the file").permissions().mode() & 0o777, 0o640);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o444)).expect("it may only be read");
        assert!(matches!(replace(&link, Some("b"), "c"), Err(ReplaceError::Io(_))));
        let made = dir.path().join("new.yml");
        replace(&made, None, "c").expect("it is made");
        assert_ne!(std::fs::metadata(&made).expect("the file").permissions().mode() & 0o044, 0, "others may read it where the mask lets them");
    }
}
