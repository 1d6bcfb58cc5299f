//! The folders of the machine that builds: rustc writes short names in their place, and no packed file may name one. So two
//! machines make the same bytes, and nobody reads in them where they were made.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail};

use crate::{command, project};

/// The folders of this machine.
#[derive(Debug)]
pub(crate) struct Machine {
    /// Folders that the compiler reads or writes, and what it calls them instead. The inner ones follow the outer ones.
    renamed: Vec<(PathBuf, String)>,
    /// The user's folder. The compiler reads nothing there beside the others.
    home: Option<PathBuf>,
}

/// Where a build finds its parts.
#[derive(Debug)]
struct Folders {
    root: PathBuf,
    target: PathBuf,
    cargo_home: Option<PathBuf>,
    rustup_home: Option<PathBuf>,
    sysroot: PathBuf,
    /// The commit of the compiler.
    commit: String,
    home: Option<PathBuf>,
}

impl Machine {
    /// Asks the environment and the compiler.
    ///
    /// # Errors
    /// When rustc cannot be run.
    pub(crate) fn this() -> Result<Self> {
        let root = project::root();
        // Cargo and rustup read a relative path from the folder that cargo runs in.
        let variable =
            |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(|path| root.join(path));
        let home = env::home_dir().filter(|home| home.is_absolute());
        let of_home = |name: &str| home.as_ref().map(|home| home.join(name));
        let rustc = |arguments: &[&str]| {
            let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
            command::output(rustc.args(arguments).current_dir(&root))
        };
        let version = rustc(&["--version", "--verbose"])?;
        let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: "));
        Ok(Self::of(Folders {
            target: variable("CARGO_TARGET_DIR").unwrap_or_else(|| root.join("target")),
            cargo_home: variable("CARGO_HOME").or_else(|| of_home(".cargo")),
            rustup_home: variable("RUSTUP_HOME").or_else(|| of_home(".rustup")),
            sysroot: rustc(&["--print", "sysroot"])?.into(),
            commit: commit.context("rustc does not print its commit")?.to_owned(),
            home,
            root,
        }))
    }

    fn of(folders: Folders) -> Self {
        let Folders { root, target, cargo_home, rustup_home, sysroot, commit, home } = folders;
        let named = |folder: Option<PathBuf>, name: &str| folder.map(|folder| (folder, name.to_owned()));
        let sources = cargo_home.as_deref().map(registries).unwrap_or_default();
        let mut all = vec![(root, "/seedhook".to_owned()), (target, "/target".to_owned())];
        all.extend(named(cargo_home, "/cargo"));
        // Its name is that of a registry's host, and another one behind a mirror.
        all.extend(sources.into_iter().map(|folder| (folder, "/crates".to_owned())));
        all.extend(named(rustup_home, "/rustup"));
        let library = sysroot.join("lib/rustlib/src/rust");
        all.push((sysroot, "/rust".to_owned()));
        // What rustc calls the standard library's sources where they are not installed.
        all.push((library, format!("/rustc/{commit}")));
        let renamed = all.into_iter().flat_map(|(folder, name)| {
            spellings(&folder).into_iter().map(move |folder| (folder, name.clone()))
        });
        Self { renamed: renamed.collect(), home }
    }

    /// The flags by which rustc writes the short names. Where two match, rustc takes the later one. Between two flags is a unit
    /// separator, as in `CARGO_ENCODED_RUSTFLAGS`, so that paths may have blanks.
    pub(super) fn flags(&self) -> String {
        let flag =
            |(folder, name): &(PathBuf, String)| format!("--remap-path-prefix={}={name}", folder.display());
        self.renamed.iter().map(flag).collect::<Vec<_>>().join("\u{1f}")
    }

    /// Looks for the folders in the bytes of a file.
    ///
    /// # Errors
    /// When one is named.
    pub(crate) fn must_not_be_named(&self, file: &str, bytes: &[u8]) -> Result<()> {
        // A folder that has its short name already, as /seedhook in a container, says nothing of the machine.
        let renamed = self.renamed.iter().filter(|(folder, name)| folder != Path::new(name));
        let home = self.home.iter().flat_map(|home| spellings(home));
        for folder in renamed.map(|(folder, _)| folder.clone()).chain(home) {
            // `/` is the home of some users.
            if folder.components().count() < 2 {
                continue;
            }
            let place = format!("{}{}", folder.display(), std::path::MAIN_SEPARATOR);
            if bytes.windows(place.len()).any(|window| window == place.as_bytes()) {
                bail!("{file} names {place}, a folder of this machine");
            }
        }
        Ok(())
    }
}

/// The folders that have the sources of crates, one for each registry.
fn registries(cargo_home: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(cargo_home.join("registry").join("src")).into_iter().flatten();
    let mut folders: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.sort();
    folders
}

/// A folder as it is given, and without symbolic links, as the compiler may see it.
fn spellings(folder: &Path) -> Vec<PathBuf> {
    // On Windows, a path without links has a form that no compiler writes.
    let real = folder.canonicalize().ok().filter(|real| cfg!(unix) && real != folder);
    std::iter::once(folder.to_path_buf()).chain(real).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine::of(Folders {
            root: "/nowhere/me/project".into(),
            target: "/nowhere/fast disk".into(),
            cargo_home: Some("/nowhere/me/.cargo".into()),
            rustup_home: Some("/nowhere/rustup".into()),
            sysroot: "/nowhere/rustup/toolchains/1.95.0".into(),
            commit: "c0ffee".to_owned(),
            home: Some("/nowhere/me".into()),
        })
    }

    #[cfg(unix)]
    #[test]
    fn every_folder_has_a_short_name_and_the_inner_ones_come_last() {
        let flags = machine().flags();
        let flags: Vec<&str> = flags.split('\u{1f}').collect();
        let expected = [
            "/nowhere/me/project=/seedhook",
            "/nowhere/fast disk=/target",
            "/nowhere/me/.cargo=/cargo",
            "/nowhere/rustup=/rustup",
            "/nowhere/rustup/toolchains/1.95.0=/rust",
            "/nowhere/rustup/toolchains/1.95.0/lib/rustlib/src/rust=/rustc/c0ffee",
        ];
        assert_eq!(flags, expected.map(|names| format!("--remap-path-prefix={names}")));
    }

    #[cfg(unix)]
    #[test]
    fn no_folder_may_be_named() {
        let machine = machine();
        for place in ["me/project", "fast disk", "me/.cargo/registry", "rustup/toolchains/1.95.0", "me/notes"]
        {
            let bytes = format!("\0\u{1}x/nowhere/{place}/file.rs\0");
            let error = machine.must_not_be_named("x.wasm", bytes.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("x.wasm names /nowhere/"), "{error}");
        }
        let clean = b"/seedhook/src/lib.rs /crates/url-2.5.4/src/lib.rs /nowhere else/";
        machine.must_not_be_named("x.wasm", clean).unwrap();
    }

    #[test]
    fn a_folder_with_its_short_name_and_the_root_as_a_home_are_not_looked_for() {
        let renamed = vec![(PathBuf::from("/seedhook"), "/seedhook".to_owned())];
        let machine = Machine { renamed, home: Some(PathBuf::from("/")) };
        machine.must_not_be_named("x", b"node_modules/seedhook/docs").unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn this_machine_has_its_registry_and_its_compiler() {
        let machine = Machine::this().unwrap();
        let names: Vec<&str> = machine.renamed.iter().map(|(_, name)| name.as_str()).collect();
        for name in ["/seedhook", "/cargo", "/rust"] {
            assert!(names.contains(&name), "{names:?}");
        }
        assert!(names.iter().any(|name| name.starts_with("/rustc/")), "{names:?}");
        let file = project::path("src/lib.rs").display().to_string();
        machine.must_not_be_named("x.wasm", file.as_bytes()).unwrap_err();
    }
}
