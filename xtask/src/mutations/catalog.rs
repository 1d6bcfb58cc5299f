//! The mutations that `tests/mutations/*.toml` describe.
//!
//! It reads those files and the sources that they name; it changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use toml_edit::{Document, Item, TableLike};

use super::edit::{self, Edit};

/// Where the descriptions are, from the project's root.
pub(super) const FOLDER: &str = "tests/mutations";

/// A deliberate mistake in the core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mutation {
    /// Its name, in kebab-case: the header of its table.
    pub(super) name: String,
    /// The file that describes it, from the project's root.
    pub(super) described_in: String,
    /// What the core does wrong, one sentence.
    pub(super) mistake: String,
    /// The promise that must break, a variant of the simulation's `Promise`.
    pub(super) breaks: String,
    /// Where the source changes; at least one.
    pub(super) edits: Vec<Edit>,
}

/// All mutations, by file and in the order of each file.
pub(super) fn read(root: &Path) -> Result<Vec<Mutation>> {
    let folder = root.join(FOLDER);
    let entries = fs::read_dir(&folder).with_context(|| format!("{FOLDER} cannot be read"))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort();
    let mut mutations: Vec<Mutation> = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path)?;
        let name = path.file_name().unwrap_or_default().display();
        let file = format!("{FOLDER}/{name}");
        mutations.extend(parse(&file, &text).with_context(|| file.clone())?);
    }
    let mut described = BTreeMap::new();
    for mutation in &mutations {
        if let Some(other) = described.insert(&mutation.name, &mutation.described_in) {
            bail!("`{}` is described in {other} and in {}", mutation.name, mutation.described_in);
        }
    }
    if mutations.is_empty() {
        bail!("{FOLDER} describes no mutation");
    }
    Ok(mutations)
}

/// The sources under `root` that the mutations change, by path, with every edit behind the switch of its mutation: the
/// number is the mutation's index.
///
/// # Errors
/// Every edit that does not apply, one a line.
pub(super) fn mutated(root: &Path, mutations: &[Mutation]) -> Result<BTreeMap<String, String>> {
    let mut by_file: BTreeMap<&str, Vec<(usize, &Mutation, &Edit)>> = BTreeMap::new();
    for (number, mutation) in mutations.iter().enumerate() {
        for edit in &mutation.edits {
            by_file.entry(&edit.file).or_default().push((number, mutation, edit));
        }
    }
    let (mut sources, mut stale) = (BTreeMap::new(), Vec::new());
    for (file, edits) in by_file {
        let Ok(source) = fs::read_to_string(root.join(file)) else {
            let names = edits.iter().map(|(_, mutation, _)| format!("`{}`", mutation.name));
            stale.push(format!("{file} does not exist: {}", names.collect::<Vec<_>>().join(", ")));
            continue;
        };
        let mut placed = Vec::new();
        for (number, mutation, edit) in edits {
            match edit::place(&source, number, edit) {
                Ok(place) => placed.push(place),
                Err(error) => {
                    stale.push(format!("{}: `{}`: {file}: {error}", mutation.described_in, mutation.name));
                }
            }
        }
        match edit::apply(&source, placed) {
            Ok(mutated) => drop(sources.insert(file.to_owned(), mutated)),
            Err(error) => stale.push(format!("{file}: {error}")),
        }
    }
    if !stale.is_empty() {
        bail!("edits in {FOLDER} no longer apply; repair their `find` texts:\n  {}", stale.join("\n  "));
    }
    Ok(sources)
}

fn parse(file: &str, text: &str) -> Result<Vec<Mutation>> {
    let document = Document::parse(text).context("not TOML")?;
    let mutation = |(name, item): (&str, &Item)| {
        let described = || format!("`{name}`");
        let table = item.as_table_like().with_context(|| format!("`{name}` is not a table"))?;
        allow_only(table, &["mistake", "breaks", "edits"]).with_context(described)?;
        let edits = table.get("edits").and_then(Item::as_array_of_tables);
        let edits = edits.with_context(|| format!("`{name}` has no [[{name}.edits]]"))?;
        Ok(Mutation {
            name: name.to_owned(),
            described_in: file.to_owned(),
            mistake: string(table, "mistake").with_context(described)?,
            breaks: string(table, "breaks").with_context(described)?,
            edits: edits
                .iter()
                .map(|edit| parse_edit(edit))
                .collect::<Result<_>>()
                .with_context(described)?,
        })
    };
    document.iter().map(mutation).collect()
}

fn parse_edit(table: &dyn TableLike) -> Result<Edit> {
    allow_only(table, &["file", "after", "find", "replace"])?;
    let edit = Edit {
        file: string(table, "file")?,
        after: table.get("after").map(|_| string(table, "after")).transpose()?,
        find: string(table, "find")?,
        replace: string(table, "replace")?,
    };
    if !edit.file.starts_with("src/") {
        bail!("`file` must be below src/, got `{}`", edit.file);
    }
    Ok(edit)
}

fn allow_only(table: &dyn TableLike, keys: &[&str]) -> Result<()> {
    match table.iter().find(|(key, _)| !keys.contains(key)) {
        Some((key, _)) => bail!("`{key}` is not one of {}", keys.join(", ")),
        None => Ok(()),
    }
}

fn string(table: &dyn TableLike, key: &str) -> Result<String> {
    let text = table.get(key).and_then(Item::as_str);
    text.map(|text| text.trim().to_owned()).with_context(|| format!("`{key}` must be a string"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project;

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        assert_eq!(format!("{:#}", parse("m.toml", text).unwrap_err()), expected);
    }

    #[test]
    fn every_edit_applies_to_the_sources() {
        let root = project::root();
        let mutations = read(&root).unwrap();
        let sources = mutated(&root, &mutations).unwrap_or_else(|error| panic!("{error:#}"));
        assert!(sources.values().all(|source| source.contains("crate::mutation::is_active(")));
    }

    #[test]
    fn a_mistyped_description_is_refused() {
        check_refused("[a]\nmistake = \"\"\nbreaks = \"\"\n", "`a` has no [[a.edits]]");
        check_refused("[a]\nbreak = \"\"\n", "`a`: `break` is not one of mistake, breaks, edits");
        let edit = "[a]\nmistake = \"\"\nbreaks = \"\"\n[[a.edits]]\nfile = \"src/a.rs\"\n";
        check_refused(&format!("{edit}find = 1\n"), "`a`: `find` must be a string");
        check_refused(
            &format!("{}find = \"a\"\nreplace = \"\"\n", edit.replace("src/", "tests/")),
            "`a`: `file` must be below src/, got `tests/a.rs`",
        );
    }
}
