//! Every macro that templates can call, and the order in which dbt looks for them.

use crate::ast::{Macro, Name, Stmt};
use rustc_hash::FxHashMap;
use std::sync::{Arc, OnceLock};
use syntax::SyntaxError;

/// A macro's number in its [`Library`].
pub type MacroId = u32;

/// One macro, parsed when it is first called.
#[derive(Debug)]
pub struct MacroSource {
    /// `macro.dbt_utils.star`
    pub unique_id: Name,
    pub package: Name,
    /// As it is called: `star`, `test_unique` for a generic test.
    pub name: Name,
    /// The block as the text of one `{% macro %}`.
    pub text: Name,
    /// Where the block starts in its file, in bytes.
    pub start: usize,
    parsed: OnceLock<Result<Arc<Macro>, SyntaxError>>,
}

impl MacroSource {
    pub fn new(package: Name, name: Name, text: Name, start: usize) -> Self {
        Self { unique_id: format!("macro.{package}.{name}").into(), package, name, text, start, parsed: OnceLock::new() }
    }

    /// The first of some names that it takes no argument by.
    pub fn unknown_argument<'n>(&self, mut names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
        let tree = self.tree().ok().filter(|tree| !tree.kwargs)?;
        names.find(|name| tree.params.iter().all(|param| *param.name != **name))
    }

    /// The macro's tree, or why it has none.
    pub fn tree(&self) -> Result<&Arc<Macro>, &SyntaxError> {
        self.parsed
            .get_or_init(|| {
                let template = crate::lower::parse(&self.text, self.start)?;
                template
                    .body
                    .into_iter()
                    .find_map(|stmt| match stmt {
                        Stmt::Macro(found) => Some(found),
                        _ => None,
                    })
                    .ok_or_else(|| SyntaxError { range: (self.start..self.start).into(), message: format!("the macro `{}` can't be read", self.name) })
            })
            .as_ref()
    }
}

/// What a name means in dbt's macro namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Member {
    Macro(MacroId),
    Package(Name),
}

/// The macros of the root project, its packages, dbt and the adapter.
#[derive(Debug, Default, Clone)]
pub struct Library {
    macros: Vec<Arc<MacroSource>>,
    packages: FxHashMap<Name, FxHashMap<Name, MacroId>>,
    /// dbt's and the adapter's, the nearest adapter's first.
    internal: FxHashMap<Name, MacroId>,
    internal_packages: FxHashMap<Name, FxHashMap<Name, MacroId>>,
    root: Name,
}

impl Library {
    /// `internal` lists dbt's own packages with their macros, in the order in which they win.
    pub fn new(root: Name, internal: &[(Name, &[Arc<MacroSource>])], project: impl IntoIterator<Item = Arc<MacroSource>>) -> Self {
        let mut library = Self { root, ..Self::default() };
        for (package, macros) in internal.iter().rev() {
            for source in *macros {
                let id = library.push(source.clone());
                library.internal.insert(source.name.clone(), id);
                library.internal_packages.entry(package.clone()).or_default().insert(source.name.clone(), id);
            }
        }
        for source in project {
            let (package, name) = (source.package.clone(), source.name.clone());
            let id = library.push(source);
            // dbt refuses two of one name in one package; the first stays.
            library.packages.entry(package).or_default().entry(name).or_insert(id);
        }
        library
    }

    fn push(&mut self, source: Arc<MacroSource>) -> MacroId {
        self.macros.push(source);
        (self.macros.len() - 1) as MacroId
    }

    /// The macros whose text differs in another library; `None` where it has others.
    pub(crate) fn changed(&self, other: &Self) -> Option<Vec<MacroId>> {
        if self.macros.len() != other.macros.len() || self.root != other.root {
            return None;
        }
        let mut changed = Vec::new();
        for (id, (one, two)) in self.macros.iter().zip(&other.macros).enumerate() {
            if one.unique_id != two.unique_id {
                return None;
            }
            if one.text != two.text {
                changed.push(id as MacroId);
            }
        }
        Some(changed)
    }

    /// Puts another text in a macro's place.
    pub fn replace(&mut self, id: MacroId, source: Arc<MacroSource>) {
        self.macros[id as usize] = source;
    }

    pub fn get(&self, id: MacroId) -> &Arc<MacroSource> {
        &self.macros[id as usize]
    }

    pub fn iter(&self) -> impl Iterator<Item = (MacroId, &Arc<MacroSource>)> {
        self.macros.iter().enumerate().map(|(id, source)| (id as MacroId, source))
    }

    /// Looks a bare name up for a node of `package`: its own package, the root project, package names, dbt's own.
    pub fn resolve(&self, package: &str, name: &str) -> Option<Member> {
        let of = |package: &str| self.packages.get(package).and_then(|macros| macros.get(name)).copied();
        if let Some(id) = of(package).or_else(|| of(&self.root)) {
            return Some(Member::Macro(id));
        }
        if let Some((package, _)) = self.packages.get_key_value(name) {
            return Some(Member::Package(package.clone()));
        }
        if name == "dbt" {
            return Some(Member::Package("dbt".into()));
        }
        self.internal.get(name).map(|id| Member::Macro(*id))
    }

    /// A macro by its package; `dbt` stands for dbt's and the adapter's own together.
    pub fn in_package(&self, package: &str, name: &str) -> Option<MacroId> {
        match package {
            "dbt" => self.internal.get(name).copied(),
            _ => self.packages.get(package)?.get(name).copied(),
        }
    }

    pub fn has_package(&self, package: &str) -> bool {
        package == "dbt" || self.packages.contains_key(package)
    }

    /// The macro of a name as dbt's `MacroResolver` finds it for tests and static calls: the given package, the root project, any
    /// other package, dbt's own.
    pub fn find(&self, package: &str, name: &str) -> Option<MacroId> {
        let own = self.internal_packages.get(package).or_else(|| self.packages.get(package));
        if let Some(id) = own.and_then(|macros| macros.get(name)) {
            return Some(*id);
        }
        let of = |package: &str| self.packages.get(package).and_then(|macros| macros.get(name)).copied();
        of(&self.root).or_else(|| self.other_packages(name)).or_else(|| self.internal.get(name).copied())
    }

    fn other_packages(&self, name: &str) -> Option<MacroId> {
        self.packages.values().filter_map(|macros| macros.get(name)).max().copied()
    }

    /// dbt's search for `generate_schema_name` and its kin: for a package's nodes the package's own, else the root project's, else dbt's.
    pub fn generate_name_macro(&self, component: &str, package: Option<&str>) -> Option<MacroId> {
        let name = format!("generate_{component}_name");
        if let Some(id) = package.and_then(|package| self.packages.get(package)).and_then(|macros| macros.get(name.as_str())) {
            return Some(*id);
        }
        if package.is_some() {
            return None;
        }
        self.packages.get(&self.root).and_then(|macros| macros.get(name.as_str())).or_else(|| self.internal.get(name.as_str())).copied()
    }
}
