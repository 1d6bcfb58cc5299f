//! The files of the package that are files of the repository or of a build, and what none of them may be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::build::{Machine, dashboard};
use crate::{command, project};

/// Files of the repository, and where they are in the package.
const COPIED: &[(&str, &str)] = &[
    ("build/index.js", "worker/index.js"),
    ("build/index_bg.wasm", "worker/index_bg.wasm"),
    ("cli/npm/index.d.ts", "worker/index.d.ts"),
    ("cli/npm/bin.mjs", "cli/bin.mjs"),
    ("cli/npm/host.mjs", "cli/host.mjs"),
    ("cli/npm/files.mjs", "cli/files.mjs"),
    ("cli/npm/programs.mjs", "cli/programs.mjs"),
    ("cli/npm/fabricate.mjs", "cli/fabricate.mjs"),
    ("cli/npm/README.md", "README.md"),
    // The recipes say to copy it.
    ("action/README.md", "action/README.md"),
    ("action/action.yml", "action/action.yml"),
    ("action/run.mjs", "action/run.mjs"),
    ("openapi.json", "openapi.json"),
    ("dashboard/src/api/openapi.d.ts", "openapi.d.ts"),
    ("CHANGELOG.md", "CHANGELOG.md"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("LICENSE-MIT", "LICENSE-MIT"),
];

/// The folder of the documentation, here and in the package.
const DOCS: &str = "docs";

/// The only hidden file that is published: the recipes' secrets for a developer's machine, with values that everybody knows.
const SECRETS_EXAMPLE: &str = ".dev.vars.example";

/// The names of files with a private key, and the line that one begins with.
const KEY_NAMES: [&str; 3] = ["id_rsa", "id_ecdsa", "id_ed25519"];
const KEY_ENDS: [&str; 5] = [".pem", ".key", ".p12", ".pfx", ".jks"];
const KEY_LINE: &[u8] = b"PRIVATE KEY-----";

/// Variables that a hook of git sets, and that would decide in place of the folder.
const GIT_VARIABLES: [&str; 3] = ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"];

/// Copies all of them into the folder of the package.
pub(super) fn copy_all(folder: &Path) -> Result<()> {
    for (from, to) in COPIED {
        copy(&project::path(from), &folder.join(to))?;
    }
    let served = project::path(dashboard::FOLDER);
    for file in files(&served)? {
        copy(&file, &folder.join("dashboard").join(file.strip_prefix(&served)?))?;
    }
    for file in files_of_the_project(&project::root(), DOCS)? {
        copy(&project::root().join(&file), &folder.join(&file))?;
    }
    Ok(())
}

/// The last step before a folder is packed: looks at every file, and gives each the rights that it has everywhere.
///
/// # Errors
/// When a file looks like a secret, or names a folder of this machine.
pub(super) fn seal(folder: &Path, machine: &Machine) -> Result<()> {
    for file in files(folder)? {
        let name = file.strip_prefix(folder)?;
        let bytes = fs::read(&file)?;
        if let Some(why) = secret(name, &bytes) {
            bail!("{} must not be published: {why}", name.display());
        }
        machine.must_not_be_named(&name.display().to_string(), &bytes)?;
        set_rights(&file)?;
    }
    Ok(())
}

/// Every file below a folder, in the order of their names.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The files of a folder that belong to the project: those that git has, so that nothing of a developer's work is published.
/// An unpacked archive of the repository has no git; there, hidden files are left out. The paths begin at the root.
fn files_of_the_project(root: &Path, folder: &str) -> Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = if root.join(".git").exists() {
        let listed = command::output(git(root).args(["ls-files", "-z", "--", folder]))?;
        listed.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect()
    } else {
        let all = files(&root.join(folder))?.into_iter();
        let all = all.map(|file| Ok(file.strip_prefix(root)?.to_path_buf())).collect::<Result<Vec<_>>>()?;
        all.into_iter().filter(|file| !is_hidden(file)).collect()
    };
    ensure!(!found.is_empty(), "{folder} has no file of the project");
    found.sort();
    Ok(found)
}

fn git(folder: &Path) -> Command {
    let mut git = Command::new("git");
    command::set_env(&mut git, GIT_VARIABLES.map(|name| (name, None)));
    git.current_dir(folder);
    git
}

/// Whether a file or a folder on its path is hidden, and not the example of secrets.
fn is_hidden(file: &Path) -> bool {
    let mut names = file.iter().map(|name| name.to_string_lossy());
    names.any(|name| name.starts_with('.') && name != SECRETS_EXAMPLE)
}

/// Why a file may hold a secret; `None` where nothing says so.
fn secret(file: &Path, bytes: &[u8]) -> Option<&'static str> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    if is_hidden(file) {
        return Some("hidden files, as .dev.vars, are of a developer's machine");
    }
    let is_key = KEY_NAMES.contains(&name.as_str()) || KEY_ENDS.iter().any(|end| name.ends_with(end));
    let mut lines = bytes.windows(KEY_LINE.len() + 1);
    let has_key = lines.any(|line| line.starts_with(KEY_LINE) && matches!(line.last(), Some(b'\r' | b'\n')));
    (is_key || has_key).then_some("it looks like a private key")
}

/// What a checkout gives depends on the user's umask, and the archive keeps it.
#[cfg(unix)]
fn set_rights(file: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let is_program = file.ends_with("bin.mjs") || file.extension().is_some_and(|end| end == "sh");
    let mode = if is_program { 0o755 } else { 0o644 };
    Ok(fs::set_permissions(file, fs::Permissions::from_mode(mode))?)
}

/// npm gives all files of Windows the same.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
fn set_rights(_: &Path) -> Result<()> {
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to).with_context(|| from.display().to_string())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new folder with these empty files, which is deleted in the end.
    struct Folder(PathBuf);

    impl Folder {
        fn with(name: &str, files: &[&str]) -> Self {
            let root = std::env::temp_dir().join(format!("seedhook-{name}-{}", std::process::id()));
            for file in files {
                let path = root.join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "").unwrap();
            }
            Self(root)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const ON_DISK: [&str; 5] = [
        "docs/a.md",
        "docs/recipes/x/.dev.vars",
        "docs/recipes/x/.dev.vars.example",
        "docs/recipes/x/.wrangler/state",
        "docs/recipes/x/notes.txt",
    ];

    #[test]
    fn only_files_that_git_has_are_packed() {
        let root = Folder::with("git", &ON_DISK);
        command::output(git(&root.0).args(["init", "--quiet"])).unwrap();
        let added = ["docs/a.md", "docs/recipes/x/.dev.vars.example"];
        command::output(git(&root.0).args(["add", "--force"]).args(added)).unwrap();
        let found = files_of_the_project(&root.0, "docs").unwrap();
        assert_eq!(found, added.map(PathBuf::from));
        files_of_the_project(&root.0, "elsewhere").unwrap_err();
    }

    #[test]
    fn without_git_hidden_files_are_left_out() {
        let root = Folder::with("archive", &ON_DISK);
        let found = files_of_the_project(&root.0, "docs").unwrap();
        let expected = ["docs/a.md", "docs/recipes/x/.dev.vars.example", "docs/recipes/x/notes.txt"];
        assert_eq!(found, expected.map(PathBuf::from));
    }

    #[test]
    fn what_looks_like_a_secret_is_not_published() {
        let key = b"-----BEGIN RSA PRIVATE KEY-----\nMIIE";
        for (file, bytes) in [
            ("docs/recipes/x/.dev.vars", b"" as &[u8]),
            ("docs/.wrangler/state/x.sqlite", b""),
            ("dashboard/.env.local", b""),
            (".npmrc", b""),
            ("docs/server.PEM", b""),
            ("docs/id_ed25519", b""),
            ("docs/notes.txt", key),
        ] {
            assert!(secret(Path::new(file), bytes).is_some(), "{file}");
        }
        for file in ["docs/recipes/x/.dev.vars.example", "docs/keys.md", "dashboard/_headers"] {
            assert_eq!(secret(Path::new(file), b"the KEY of -----BEGIN PUBLIC KEY-----\n"), None, "{file}");
        }
    }

    #[test]
    fn a_secret_and_a_folder_of_the_machine_stop_the_packing() {
        let machine = Machine::this().unwrap();
        let root = Folder::with("seal", &["docs/.dev.vars"]);
        let error = seal(&root.0, &machine).unwrap_err().to_string();
        assert!(error.contains(".dev.vars must not be published"), "{error}");
        let root = Folder::with("named", &["README.md"]);
        fs::write(root.0.join("README.md"), project::path("src/lib.rs").display().to_string()).unwrap();
        let error = seal(&root.0, &machine).unwrap_err().to_string();
        assert!(error.starts_with("README.md names "), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn rights_do_not_depend_on_a_checkout() {
        use std::os::unix::fs::PermissionsExt;
        let root = Folder::with("rights", &["a.md", "seed.sh", "cli/bin.mjs"]);
        for mode in [0o600, 0o777] {
            for (file, expected) in [("a.md", 0o644), ("seed.sh", 0o755), ("cli/bin.mjs", 0o755)] {
                let file = root.0.join(file);
                fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
                seal(&root.0, &Machine::this().unwrap()).unwrap();
                assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, expected);
            }
        }
    }
}
