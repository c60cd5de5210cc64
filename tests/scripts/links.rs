//! Links between the pages of the documentation lead somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::repository;

/// All pages below a folder of the repository.
fn pages(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            pages(&path, found)?;
        } else if path.extension().is_some_and(|e| e == "md") {
            found.push(path);
        }
    }
    Ok(())
}

/// What a heading is called in a link, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(page: &str) -> BTreeSet<String> {
    page.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| anchor(line.trim_start_matches('#')))
        .collect()
}

/// The targets of links: `](TARGET)`.
fn targets(page: &str) -> impl Iterator<Item = &str> {
    page.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

#[test]
fn every_link_of_the_documentation_leads_somewhere() -> Result<()> {
    let mut found = vec![repository().join("README.md")];
    for folder in ["docs", "elements", "element-sdk"] {
        pages(&repository().join(folder), &mut found)?;
    }
    let mut broken = Vec::new();
    let mut links = 0;
    for path in &found {
        let page = fs::read_to_string(path)?;
        for target in targets(&page).filter(|t| !t.starts_with("http") && !t.contains(' ')) {
            links += 1;
            let (file, place) = target.split_once('#').unwrap_or((target, ""));
            let to = match file {
                "" => path.clone(),
                file => path.parent().context("a page is in a folder")?.join(file),
            };
            let leads = match (to.exists(), place) {
                (true, "") => true,
                (true, place) => {
                    fs::read_to_string(&to).is_ok_and(|page| anchors(&page).contains(place))
                }
                (false, _) => false,
            };
            if !leads {
                broken.push(format!("{}: ({target})", path.display()));
            }
        }
    }
    ensure!(links > 50, "{links} links were found");
    ensure!(broken.is_empty(), "these lead nowhere:\n{}", broken.join("\n"));
    Ok(())
}
