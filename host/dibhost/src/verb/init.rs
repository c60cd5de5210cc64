//! `dibhost init`: a definition to begin with.

use std::fs::OpenOptions;
use std::io::{BufRead, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use dibhost_plan::planner::Planner as _;

use crate::cli::{InitArgs, SubjectOptions};
use crate::failure::Failure;
use crate::report::Reporter;
use crate::stock::Stock;
use crate::subject::{Asked, environment};

/// Writes the definition of what was typed, else of what is answered on a terminal.
pub(crate) fn run(args: &InitArgs, reporter: &Reporter) -> Result<(), Failure> {
    let is_file = |word: &&String| Path::new(word).extension().is_some_and(|e| e == "toml");
    let (file, mut elements) = match args.what.split_first() {
        Some((first, rest)) if is_file(&first) => (Some(PathBuf::from(first)), rest.to_vec()),
        _ => (None, args.what.clone()),
    };
    if let Some(later) = elements.iter().find(is_file) {
        return Err(Failure::wrong(format!(
            "`{later}` is the name of a file, and stands behind an element\n  help: the file comes \
             first: `dibhost init {later} debian vm`"
        )));
    }
    let mut options = args.options.clone();
    if let (Some(file), None) = (&file, &options.output) {
        options.output = file.file_stem().map(PathBuf::from);
    }
    if elements.is_empty() {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Err(Failure::wrong(
                "no element is named, and this is no terminal to ask on\n  help: write \
                 `dibhost init image.toml debian vm`",
            ));
        }
        let ask = |question: &str| reporter.write(question);
        elements = answers(&mut options, &mut stdin.lock(), &ask)?;
    }
    let asked = Asked::with(&elements, &options, &environment(), reporter)?;
    let options = asked.elements(&args.elements);
    let library = super::library(&options)?;
    let stock = Stock::offline(&options);
    let resolved = asked.resolve(&library, &|d| stock.fill(d, &library), reporter)?;
    for element in &resolved.definition.image.elements {
        library.describe(&element.value, Path::new(".")).map_err(super::wrong_element)?;
    }
    let file = file.unwrap_or_else(|| resolved.stem.with_added_extension("toml"));
    write(&file, &text(&file, &resolved.typed.to_toml()))?;
    super::show(&format!("{}\n", file.display()))
}

/// What is answered, put into the options; the elements.
fn answers(
    options: &mut SubjectOptions,
    input: &mut dyn BufRead,
    ask: &dyn Fn(&str),
) -> Result<Vec<String>, Failure> {
    let mut answer = |question: &str, otherwise: &str| {
        let of = if otherwise.is_empty() { "none".to_owned() } else { otherwise.to_owned() };
        ask(&format!("{question} [{of}]"));
        let mut line = String::new();
        input.read_line(&mut line).map_err(Failure::failed)?;
        let line = line.trim();
        Ok::<_, Failure>(if line.is_empty() { otherwise.to_owned() } else { line.to_owned() })
    };
    if options.output.is_none() {
        options.output = Some(PathBuf::from(answer("What is the image called?", "image")?));
    }
    let elements = answer("Which elements is it made of?", "debian vm growroot")?;
    let packages = answer("Which packages are on top?", "")?;
    options.packages.extend(packages.split_whitespace().map(str::to_owned));
    let user = answer("Which user may log in with your public key?", "")?;
    options.users.extend(Some(user).filter(|user| !user.is_empty()));
    let size = answer("How large is the disk, as `20GB`?", "as its content")?;
    options.size = Some(size).filter(|size| size != "as its content");
    Ok(elements.split_whitespace().map(str::to_owned).collect())
}

/// The definition with what to do next above it.
fn text(file: &Path, toml: &str) -> String {
    let name = file.display();
    format!(
        "# An image definition. `docs/definition.md` has all of its keys.\n#\n\
         #   dibhost plan {name}\n#   dibhost build {name}\n\n{toml}"
    )
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let shown = file.display();
    let mut made =
        OpenOptions::new().write(true).create_new(true).open(file).map_err(|error| match error
            .kind()
        {
            std::io::ErrorKind::AlreadyExists => Failure::wrong(format!(
                "`{shown}` is there already, and stays as it is\n  help: name another file, or \
                 remove that one"
            )),
            _ => Failure::failed(format!("writing `{shown}`: {error}")),
        })?;
    made.write_all(text.as_bytes())
        .map_err(|error| Failure::failed(format!("writing `{shown}`: {error}")))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn answers_are_options_and_nothing_is_what_is_usual() {
        let asked = RefCell::new(Vec::new());
        let ask = |question: &str| asked.borrow_mut().push(question.to_owned());
        let mut options = SubjectOptions::default();
        let mut input = &b"web\n\nnginx curl\ndeploy\n20GB\n"[..];
        let elements = answers(&mut options, &mut input, &ask).unwrap();
        assert_eq!(elements, ["debian", "vm", "growroot"]);
        assert_eq!(options.output.unwrap(), Path::new("web"));
        assert_eq!(options.packages, ["nginx", "curl"]);
        assert_eq!(options.users, ["deploy"]);
        assert_eq!(options.size.as_deref(), Some("20GB"));
        assert_eq!(asked.borrow().len(), 5);
        let mut options = SubjectOptions::default();
        answers(&mut options, &mut &b""[..], &ask).unwrap();
        assert!(options.users.is_empty() && options.packages.is_empty() && options.size.is_none());
    }

    #[test]
    fn a_file_that_is_there_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.toml");
        write(&file, "mine").unwrap();
        let refused = write(&file, "other").unwrap_err();
        assert!(refused.message().contains("is there already"), "{refused:?}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    }
}
