//! Links of the package's pages. In the repository they may lead to any of its files; those that are not in the package lead to
//! the repository on the web, at the package's version.

use std::fs;
use std::path::{Component, Path};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::contents::files;
use crate::project;

/// Where the files of one version are on the web.
#[derive(Debug)]
pub(super) struct Web {
    /// The repository's address.
    repository: String,
    /// The tag of the version.
    tag: String,
}

impl Web {
    /// Of the package's `package.json`, by GitHub's form of an address.
    pub(super) fn of(manifest: &Value) -> Result<Self> {
        let text = |pointer: &str| manifest.pointer(pointer).and_then(Value::as_str);
        let url = text("/repository/url").context("package.json has no repository.url")?;
        let url = url.strip_prefix("git+").unwrap_or(url);
        let repository = url.strip_suffix(".git").unwrap_or(url).to_owned();
        let version = text("/version").context("package.json has no version")?;
        Ok(Self { repository, tag: format!("v{version}") })
    }

    /// The address of a file or folder of the repository.
    fn address(&self, path: &str, is_folder: bool) -> String {
        let kind = if is_folder { "tree" } else { "blob" };
        format!("{}/{kind}/{}/{path}", self.repository, self.tag)
    }
}

/// Changes the pages of a folder that becomes a package.
///
/// # Errors
/// When a link leads neither to a file of the package nor to one of the repository.
pub(super) fn change_pages(folder: &Path, web: &Web) -> Result<()> {
    let pages = files(folder)?.into_iter().filter(|file| file.extension().is_some_and(|end| end == "md"));
    for page in pages {
        let name = page.strip_prefix(folder)?.to_owned();
        let text = fs::read_to_string(&page)?;
        let changed = changed(&text, |target| {
            let path = resolved(&name, target).with_context(|| format!("a link to {target}"))?;
            if folder.join(&path).exists() {
                return Ok(None);
            }
            let here = project::path(&path);
            if !here.exists() {
                bail!("a link leads to {path}, which is neither in the package nor in the repository");
            }
            Ok(Some(web.address(&path, here.is_dir())))
        });
        fs::write(&page, changed.with_context(|| name.display().to_string())?)?;
    }
    Ok(())
}

/// A page with other targets in its relative links: those that `elsewhere` returns for a path. Blocks of code stay as they are.
fn changed(page: &str, elsewhere: impl Fn(&str) -> Result<Option<String>>) -> Result<String> {
    let mut result = String::with_capacity(page.len());
    let mut is_code = false;
    let mut prose = String::new();
    for line in page.split_inclusive('\n') {
        let is_fence = line.trim_start().starts_with("```");
        if is_code || is_fence {
            // A link may begin on one line and end on the next, so prose is read as a whole.
            result.push_str(&changed_prose(&std::mem::take(&mut prose), &elsewhere)?);
            result.push_str(line);
        } else {
            prose.push_str(line);
        }
        is_code ^= is_fence;
    }
    result.push_str(&changed_prose(&prose, &elsewhere)?);
    Ok(result)
}

fn changed_prose(prose: &str, elsewhere: impl Fn(&str) -> Result<Option<String>>) -> Result<String> {
    let mut result = String::with_capacity(prose.len());
    let mut rest = prose;
    while let Some((before, after)) = rest.split_once("](") {
        let Some((target, following)) = after.split_once(')') else { break };
        let (path, fragment) = target.find('#').map_or((target, ""), |at| target.split_at(at));
        let path = path.replace('\n', "");
        let is_relative = !path.is_empty() && !path.contains(':') && !path.starts_with('/');
        let changed = if is_relative { elsewhere(&path)? } else { None };
        let path = changed.as_deref().unwrap_or(&path);
        result.extend([before, "](", path, fragment, ")"]);
        rest = following;
    }
    result.push_str(rest);
    Ok(result)
}

/// The path from the root that a link of a page leads to, with slashes; `None` where it leads out of the root.
fn resolved(page: &Path, target: &str) -> Option<String> {
    let folder = page.parent().unwrap_or(Path::new(""));
    let mut path: Vec<String> = Vec::new();
    for part in folder.join(target).components() {
        match part {
            Component::Normal(name) => path.push(name.to_string_lossy().into_owned()),
            Component::CurDir => {}
            Component::ParentDir => drop(path.pop()?),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path.join("/"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn web() -> Web {
        let repository = json!({ "type": "git", "url": "git+https://github.com/a/b.git" });
        Web::of(&json!({ "version": "1.2.3", "repository": repository })).unwrap()
    }

    #[test]
    fn an_address_has_the_tag_of_the_version() {
        assert_eq!(web().address("src/lib.rs", false), "https://github.com/a/b/blob/v1.2.3/src/lib.rs");
        assert_eq!(web().address("tests", true), "https://github.com/a/b/tree/v1.2.3/tests");
        Web::of(&json!({ "version": "1.2.3" })).unwrap_err();
    }

    #[test]
    fn a_link_is_resolved_from_its_page() {
        let check = |page: &str, target: &str, expected: Option<&str>| {
            assert_eq!(resolved(Path::new(page), target).as_deref(), expected, "{page} {target}");
        };
        check("docs/recipes/x/README.md", "../../../action/README.md", Some("action/README.md"));
        check("docs/design.md", "./api.md", Some("docs/api.md"));
        check("README.md", "docs/", Some("docs"));
        check("README.md", "../x.md", None);
    }

    #[test]
    fn only_links_out_of_the_package_are_changed() {
        let page = "[a](../src/x.rs#l) [b](api.md) [c](#d) [e](https://f/g) [h](../src/\ni.rs)\n\
                    ```\n[j](../src/k.rs)\n```\n[l](../src/m.rs).\n";
        let changed = changed(page, |path| Ok(path.strip_prefix("../src/").map(|rest| format!("W/{rest}"))));
        let expected = "[a](W/x.rs#l) [b](api.md) [c](#d) [e](https://f/g) [h](W/i.rs)\n\
                        ```\n[j](../src/k.rs)\n```\n[l](W/m.rs).\n";
        assert_eq!(changed.unwrap(), expected);
    }

    #[test]
    fn a_link_to_nothing_is_an_error() {
        let folder = std::env::temp_dir().join(format!("seedhook-links-{}", std::process::id()));
        fs::create_dir_all(folder.join("docs")).unwrap();
        let page = folder.join("docs/a.md");
        fs::write(&page, "[a](../src/lib.rs) [b](b.md)").unwrap();
        let error = format!("{:#}", change_pages(&folder, &web()).unwrap_err());
        fs::write(folder.join("docs/b.md"), "").unwrap();
        change_pages(&folder, &web()).unwrap();
        let text = fs::read_to_string(&page).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(
            error,
            "docs/a.md: a link leads to docs/b.md, which is neither in the package nor in the repository"
        );
        assert_eq!(text, "[a](https://github.com/a/b/blob/v1.2.3/src/lib.rs) [b](b.md)");
    }
}
