//! Diagnostics: what is wrong with a definition, where, and what to do about it.

use std::fmt;

use crate::location::Location;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// One sentence without a trailing full stop.
    pub message: String,
    /// Where.
    pub location: Option<Location>,
    /// What led there, innermost first.
    pub context: Vec<String>,
    /// What to do; several lines are shown as they are, ready to be pasted.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Something wrong that stands nowhere.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), location: None, context: Vec::new(), help: None }
    }

    /// Says where, if that is known.
    #[must_use]
    pub fn at(mut self, location: Option<&Location>) -> Self {
        self.location = location.cloned();
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says what to do, if anything is known.
    #[must_use]
    pub fn with_optional_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// Says what led there.
    #[must_use]
    pub fn in_context(mut self, context: impl Into<String>) -> Self {
        self.context.push(context.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(location) = &self.location {
            write!(f, "{location}: ")?;
        }
        write!(f, "{}", self.message)?;
        if let Some(excerpt) = self.location.as_ref().and_then(Location::excerpt) {
            for line in excerpt.lines() {
                write!(f, "\n  {line}")?;
            }
        }
        for context in &self.context {
            write!(f, "\n  while {context}")?;
        }
        match self.help.as_deref() {
            None => Ok(()),
            Some(help) => {
                let mut lines = help.lines();
                write!(f, "\n  help: {}", lines.next().unwrap_or_default())?;
                lines.try_for_each(|line| write!(f, "\n    {line}"))
            }
        }
    }
}

impl std::error::Error for Diagnostic {}

/// Everything that is wrong, in the order of the definition; never empty when it is an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// `value` when nothing is wrong.
    ///
    /// # Errors
    /// All that is wrong, ordered by place (what stands nowhere last), equal ones once.
    pub fn or<T>(mut self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            return Ok(value);
        }
        self.0.sort_by(|a, b| {
            (a.location.is_none(), &a.location).cmp(&(b.location.is_none(), &b.location))
        });
        self.0.dedup();
        Err(self)
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, iter: I) {
        self.0.extend(iter);
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_says_what_where_why_and_what_to_do() {
        let diagnostic = Diagnostic::new("unknown key `elemnts`")
            .at(Some(&Location::new("image.toml", 7, 3)))
            .in_context("reading `[image]`")
            .with_help("write\n[x]");
        insta::assert_snapshot!(diagnostic, @r"
        image.toml:7:3: unknown key `elemnts`
          while reading `[image]`
          help: write
            [x]
        ");
    }
}
