//! Large projects: their properties files are read some at a time while the project is parsed, and of each only what later changes
//! ask for is kept. All of them at once would take more room than the index.

use crate::facts::Reading;
use crate::index::{InputFile, PackageInput};
use crate::parallel::in_parallel;
use crate::{Facts, FileKind};
use std::collections::VecDeque;
use std::sync::Arc;

/// Files that are read at a time.
const AT_ONCE: usize = 32;

/// The place of a file: its package's, and its own in there.
pub type At = (usize, usize);

/// Which properties files are read at a time; `None` where they all have been read. The order is that of the files.
pub fn windows(packages: &[PackageInput]) -> Option<Vec<Vec<At>>> {
    let is_unread = |file: &InputFile| file.facts.reading == Reading::Nothing;
    if !packages.iter().flat_map(|package| &package.files).any(|file| is_unread(file)) {
        return None;
    }
    let all = places(packages, |file| file.kind == FileKind::Properties);
    Some(all.chunks(AT_ONCE).map(<[At]>::to_vec).collect())
}

fn places(packages: &[PackageInput], fits: impl Fn(&InputFile) -> bool) -> Vec<At> {
    let of = |(package, input): (usize, &PackageInput)| {
        let places = input.files.iter().enumerate().filter(|(_, file)| fits(file)).map(move |(place, _)| (package, place));
        places.collect::<Vec<At>>()
    };
    packages.iter().enumerate().flat_map(of).collect()
}

fn file(packages: &[PackageInput], (package, place): At) -> &Arc<InputFile> {
    &packages[package].files[place]
}

/// The packages with everything but their properties files.
pub fn code(packages: &[PackageInput]) -> Vec<PackageInput> {
    let of = |package: &PackageInput| PackageInput {
        config: package.config.clone(),
        files: package.files.iter().filter(|file| file.kind != FileKind::Properties).cloned().collect(),
    };
    packages.iter().map(of).collect()
}

/// The packages with those properties files alone that may say something over another package's sources.
pub fn overriding(packages: &[PackageInput]) -> Vec<PackageInput> {
    let may = |file: &InputFile| file.kind == FileKind::Properties && file.text.contains("overrides:") && file.text.contains("sources:");
    let of = |package: &PackageInput| PackageInput {
        config: package.config.clone(),
        files: in_parallel(&package.files.iter().filter(|file| may(file)).collect::<Vec<_>>(), |file| whole(file)),
    };
    packages.iter().map(of).collect()
}

/// The files of a window, read, each with its package's place.
pub fn read(files: &[(usize, Arc<InputFile>)]) -> Vec<(usize, Arc<InputFile>)> {
    let read = in_parallel(files, |(_, file)| whole(file));
    files.iter().map(|(package, _)| *package).zip(read).collect()
}

/// The files of a window as they are.
pub fn files(packages: &[PackageInput], window: &[At]) -> Vec<(usize, Arc<InputFile>)> {
    window.iter().map(|&at| (at.0, file(packages, at).clone())).collect()
}

/// The code with the files of a window.
pub fn with_code(code: &[PackageInput], read: Vec<(usize, Arc<InputFile>)>) -> Vec<PackageInput> {
    let mut inputs = code.to_vec();
    read.into_iter().for_each(|(package, file)| inputs[package].files.push(file));
    inputs
}

/// A file with all that it says.
pub fn whole(file: &Arc<InputFile>) -> Arc<InputFile> {
    match file.facts.reading {
        Reading::Whole => file.clone(),
        Reading::Nothing | Reading::Outline => Arc::new(InputFile { facts: whole_facts(file), ..(**file).clone() }),
    }
}

/// The last files that were read again: whoever types in a model has its properties file asked for at every letter.
#[derive(Default)]
pub struct ReadAgain(VecDeque<Arc<InputFile>>);

/// As many files' facts take little room.
const MOST_KEPT: usize = 32;

impl ReadAgain {
    /// Files with all that they say.
    pub fn whole(&mut self, files: &[Arc<InputFile>]) -> Vec<Arc<InputFile>> {
        let known = |file: &Arc<InputFile>| self.0.iter().find(|known| known.id == file.id && Arc::ptr_eq(&known.text, &file.text));
        let read = in_parallel(files, |file| known(file).map_or_else(|| whole(file), Arc::clone));
        let asked = files.iter().zip(&read).filter(|(file, _)| file.facts.reading != Reading::Whole);
        for (_, file) in asked {
            self.0.retain(|known| known.id != file.id);
            self.0.push_back(file.clone());
        }
        self.0.drain(..self.0.len().saturating_sub(MOST_KEPT));
        read
    }
}

/// All that a file says, read again where only an outline was kept.
pub fn whole_facts(file: &InputFile) -> Arc<Facts> {
    match file.facts.reading {
        Reading::Whole => file.facts.clone(),
        Reading::Nothing | Reading::Outline => Arc::new(crate::read(file.kind, &file.text)),
    }
}

/// Reads the files of a window, and keeps their outlines.
pub fn read_outlines(packages: &mut [PackageInput], window: &[At]) {
    let read = in_parallel(&files(packages, window), |(_, file)| match file.facts.reading {
        Reading::Whole | Reading::Outline => file.clone(),
        Reading::Nothing => Arc::new(InputFile { facts: Arc::new(crate::read(file.kind, &file.text).outline()), ..(**file).clone() }),
    });
    for (&(package, place), file) in window.iter().zip(read) {
        packages[package].files[place] = file;
    }
}

/// Puts outlines in the place of files that have been parsed.
pub fn outline(packages: &mut [PackageInput], read: Vec<PackageInput>, window: &[At]) {
    let mut files: Vec<_> = read.into_iter().map(|input| input.files.into_iter().filter(|file| file.kind == FileKind::Properties)).collect();
    for &(package, place) in window {
        let Some(file) = files[package].next() else { continue };
        let known = &mut packages[package].files[place];
        if known.facts.reading != Reading::Whole {
            let InputFile { id, path, kind, facts, text } = Arc::unwrap_or_clone(file);
            *known = Arc::new(InputFile { id, path, kind, facts: Arc::new(Arc::unwrap_or_clone(facts).outline()), text });
        }
    }
}
