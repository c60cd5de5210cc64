//! Writes the project of a new element: sources, a test that passes, a `Makefile`, what CI runs,
//! and the SDK of its language.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::AuthorError;
use crate::kit;
use crate::language::{Kind, Language};
use crate::name::check_name;

/// Where a project has its SDK from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sdk {
    /// From this program, as a folder of the project.
    Own,
    /// From a folder, as `unpack_kit` writes it.
    Folder(PathBuf),
    /// From the language's registry.
    Version(semver::Version),
}

impl Sdk {
    /// Reads what was typed: a version, or a folder.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, AuthorError> {
        if let Ok(version) = semver::Version::parse(text) {
            return Ok(Self::Version(version));
        }
        let folder =
            fs::canonicalize(text).ok().filter(|folder| folder.join("wit/types.wit").is_file());
        folder.map(Self::Folder).ok_or_else(|| {
            AuthorError::wrong(
                format!("`--sdk {}` is neither a version nor a folder with the SDK in it", dibhost_text::harmless(text, 200)),
                "`dibhost element sdk FOLDER` writes such a folder; without `--sdk` the project gets the SDK of this program",
            )
        })
    }
}

/// What is wanted.
#[derive(Debug)]
pub struct NewProject<'a> {
    /// The element's name.
    pub name: &'a str,
    /// What it is written in.
    pub language: Language,
    /// What it begins as.
    pub kind: Kind,
    /// Where its SDK comes from.
    pub sdk: &'a Sdk,
    /// The folder that the project's folder is made in.
    pub into: &'a Path,
}

/// Writes it, and answers its folder.
///
/// # Errors
/// When the name is none, the folder is there already, or something cannot be written.
pub fn new_project(wanted: &NewProject<'_>) -> Result<PathBuf, AuthorError> {
    check_name(wanted.name)?;
    let folder = wanted.into.join(wanted.name);
    match fs::create_dir(&folder) {
        Ok(()) => {}
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            return Err(AuthorError::wrong(
                format!("`{}` is there already", folder.display()),
                "nothing of it was changed: take another name, or remove it",
            ));
        }
        Err(e) => return Err(AuthorError::io("making", &folder, &e)),
    }
    let words = words(wanted);
    let language = wanted.language.word();
    let parts = [
        "common".to_owned(),
        format!("{language}/base"),
        format!("{language}/{}", wanted.kind.word()),
    ];
    for part in &parts {
        for (path, bytes) in kit::templates(part) {
            let path = fill(path, &words).replace("dot-", ".");
            let text = String::from_utf8_lossy(bytes);
            let file = folder.join(&path);
            kit::write(&file, fill(&text, &words).as_bytes())?;
            if path.starts_with(".ci/") {
                executable(&file)?;
            }
        }
    }
    if *wanted.sdk == Sdk::Own {
        let parts: &[&str] = match wanted.language {
            Language::Rust => &["rust/element-sdk"],
            Language::Python => &["python"],
            Language::JavaScript => &["javascript"],
            Language::C => &["c", "wit"],
        };
        for part in parts {
            kit::unpack(part, &folder.join("sdk").join(part))?;
        }
    }
    Ok(folder)
}

fn executable(file: &Path) -> Result<(), AuthorError> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
        .map_err(|e| AuthorError::io("making executable", file, &e))
}

/// What stands in the templates, and what it is in this project.
fn words(wanted: &NewProject<'_>) -> [(&'static str, String); 8] {
    let name = wanted.name;
    let type_name: String = name
        .split('-')
        .map(|word| {
            let (head, tail) = word.split_at(1);
            head.to_uppercase() + tail
        })
        .collect();
    [
        ("{{name}}", name.to_owned()),
        ("{{crate}}", name.replace('-', "_")),
        ("{{type}}", type_name),
        ("{{language}}", wanted.language.to_string()),
        ("{{kind}}", wanted.kind.word().to_owned()),
        ("{{summary}}", summary(wanted.kind).to_owned()),
        ("{{sdk}}", dependency(wanted.language, wanted.sdk)),
        ("{{version}}", kit::VERSION.to_owned()),
    ]
}

/// What an element of a kind does, in a line.
fn summary(kind: Kind) -> &'static str {
    match kind {
        Kind::Packages => "Installs nginx, and says whether it is started.",
        Kind::Files => "Greets every guest in a file of the image, and is a guest itself.",
        Kind::Program => "Runs a program of the image: the linker's cache is made anew.",
        Kind::Layout => "Says what is on the disk: a GPT with one filesystem.",
    }
}

/// How a project names its SDK.
fn dependency(language: Language, sdk: &Sdk) -> String {
    match (language, sdk) {
        (Language::Rust, Sdk::Own) => {
            format!("{{ version = \"{}\", path = \"sdk/rust/element-sdk\" }}", kit::VERSION)
        }
        (Language::Rust, Sdk::Folder(folder)) => {
            format!("{{ path = {:?} }}", folder.join("rust/element-sdk").display().to_string())
        }
        (Language::Rust, Sdk::Version(version)) => format!("\"{version}\""),
        (Language::Python, Sdk::Own) => "[]".to_owned(),
        (Language::Python, Sdk::Folder(folder)) => {
            format!("[\"dibhost-element-sdk @ file://{}\"]", folder.join("python").display())
        }
        (Language::Python, Sdk::Version(version)) => {
            format!("[\"dibhost-element-sdk=={version}\"]")
        }
        (Language::JavaScript, Sdk::Own) => "file:sdk/javascript".to_owned(),
        (Language::JavaScript, Sdk::Folder(folder)) => {
            format!("file:{}", folder.join("javascript").display())
        }
        (Language::JavaScript, Sdk::Version(version)) => version.to_string(),
        // The header is that of the project, or of this program.
        (Language::C, _) => String::new(),
    }
}

fn fill(text: &str, words: &[(&str, String)]) -> String {
    words.iter().fold(text.to_owned(), |text, (word, is)| text.replace(word, is))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_and_kind_is_a_whole_project() {
        let folder = tempfile::tempdir().unwrap();
        for language in Language::ALL {
            for kind in Kind::ALL {
                let name = format!("{}-{}", language.word(), kind.word());
                let wanted =
                    NewProject { name: &name, language, kind, sdk: &Sdk::Own, into: folder.path() };
                let made = new_project(&wanted).unwrap();
                for file in ["README.md", "Makefile", ".gitignore", ".ci/run", "sdk"] {
                    assert!(made.join(file).exists(), "{name} has no {file}");
                }
                let project = crate::Project::open(&made).unwrap();
                assert_eq!((project.name.as_str(), project.language), (name.as_str(), language));
                for entry in walk(&made) {
                    let text = fs::read_to_string(&entry).unwrap();
                    assert!(
                        entry.starts_with(made.join("sdk")) || !text.contains("{{"),
                        "{}",
                        entry.display()
                    );
                }
            }
        }
    }

    fn walk(folder: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => files.extend(walk(&path)),
                path => files.push(path),
            }
        }
        files
    }

    #[test]
    fn what_is_there_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        kit::write(&folder.path().join("motd/mine"), b"mine").unwrap();
        let wanted = NewProject {
            name: "motd",
            language: Language::Rust,
            kind: Kind::Files,
            sdk: &Sdk::Own,
            into: folder.path(),
        };
        let error = new_project(&wanted).unwrap_err();
        assert!(error.wrong && error.message.ends_with("is there already"), "{error}");
        assert_eq!(fs::read_dir(folder.path().join("motd")).unwrap().count(), 1);
    }

    #[test]
    fn an_sdk_is_a_version_or_a_folder() {
        assert!(matches!(Sdk::parse("0.1.0"), Ok(Sdk::Version(_))));
        assert!(Sdk::parse("/nowhere").unwrap_err().message.contains("neither"));
        let folder = tempfile::tempdir().unwrap();
        kit::unpack("", folder.path()).unwrap();
        assert!(matches!(Sdk::parse(folder.path().to_str().unwrap()), Ok(Sdk::Folder(_))));
    }
}
