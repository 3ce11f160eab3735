//! A parser that goes on from an index that was kept, as if it had parsed the project itself.

use super::memo::Reach;
use super::session::Session;
use super::{Parser, State, window};
use crate::index::{Index, PackageInput};
use crate::target::Settings;
use data::packed;
use jinja::MacroId;
use vfs::FileId;

/// What a parse knows beside its index: which macros ran for which files. Macros have the numbers that the same program gives them in
/// the same project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reached {
    by_macro: Vec<(MacroId, Vec<FileId>)>,
    /// Macros that make names.
    naming: Vec<MacroId>,
}

packed!(Reached { by_macro, naming });

impl Parser {
    /// What the last parse knows beside its index; `None` where nothing was parsed yet.
    pub fn reached(&self) -> Option<Reached> {
        let reach = &self.state.as_ref()?.reach;
        let sorted = |files: &rustc_hash::FxHashSet<FileId>| {
            let mut files: Vec<FileId> = files.iter().copied().collect();
            files.sort_unstable();
            files
        };
        let mut by_macro: Vec<(MacroId, Vec<FileId>)> = reach.by_macro.iter().map(|(id, files)| (*id, sorted(files))).collect();
        by_macro.sort_unstable();
        let mut naming: Vec<MacroId> = reach.naming.iter().copied().collect();
        naming.sort_unstable();
        Some(Reached { by_macro, naming })
    }

    /// Goes on from an index that this program made of the same inputs and settings. Files are read for what later changes ask for;
    /// no node is made.
    pub fn resume(&mut self, mut packages: Vec<PackageInput>, settings: &Settings, index: Index, reached: &Reached) {
        let windows = window::windows(&packages);
        let session = Session::new(&packages, settings, self.memo.library());
        self.memo.keep_valid(&session);
        for window in windows.into_iter().flatten() {
            window::read_outlines(&mut packages, &window);
        }
        let mut reach = Reach::new(&packages, &[]);
        reach.by_macro = reached.by_macro.iter().map(|(id, files)| (*id, files.iter().copied().collect())).collect();
        reach.naming = reached.naming.iter().copied().collect();
        self.asked_time |= index.asked_time;
        self.state = Some(State { inputs: packages, session, index, reach, read_again: window::ReadAgain::default() });
    }
}
