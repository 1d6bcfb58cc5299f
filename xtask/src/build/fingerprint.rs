//! A hash of files, by which a build knows that nothing changed since the last one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::project;

/// The file with a fingerprint of what a build read and of what it wrote.
#[derive(Debug)]
pub(super) struct Fingerprint {
    /// The file.
    file: PathBuf,
    sources: String,
    results: &'static [&'static str],
}

impl Fingerprint {
    /// Reads the sources: before the build, so that the next build sees a source that changes during this one. `setting`
    /// is what else the results depend on.
    ///
    /// # Errors
    /// When a source cannot be read.
    pub(super) fn before(
        file: &str,
        sources: &[&str],
        results: &'static [&'static str],
        setting: u32,
    ) -> Result<Self> {
        let sources = format!("{} {setting}", hash(sources)?);
        Ok(Self { file: project::path(file), sources, results })
    }

    /// Whether neither the sources nor the results changed since the last [`Self::store`].
    ///
    /// # Errors
    /// When a result cannot be read.
    pub(super) fn is_current(&self) -> Result<bool> {
        let last = fs::read_to_string(&self.file).ok();
        last.map_or(Ok(false), |last| Ok(last == self.text()?))
    }

    /// Stores it after a build that succeeded.
    ///
    /// # Errors
    /// When a result cannot be read, or the file cannot be written.
    pub(super) fn store(&self) -> Result<()> {
        fs::write(&self.file, self.text()?)
            .with_context(|| format!("{} cannot be written", self.file.display()))
    }

    fn text(&self) -> Result<String> {
        Ok(format!("{} {}", self.sources, hash(self.results)?))
    }
}

/// It hashes contents, because a checkout changes times.
fn hash(paths: &[&str]) -> Result<String> {
    let mut files = Vec::new();
    for path in paths {
        collect(&project::path(path), &mut files)?;
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        let bytes = fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        // Names and lengths separate the contents, so that different trees have different hashes.
        hash.update(file.to_string_lossy().as_bytes());
        hash.update(bytes.len().to_le_bytes());
        hash.update(&bytes);
    }
    Ok(base16ct::lower::encode_string(&hash.finalize()))
}

/// Adds a file, or all files below a folder. A path that does not exist adds nothing.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), files)?;
        }
    } else if path.exists() {
        files.push(path.to_path_buf());
    }
    Ok(())
}
