//! Answers for debconf: apart from who wishes for the package, which may come as a dependency.

use std::collections::BTreeMap;

use dibhost_definition::Diagnostics;

use super::conflict::{By, conflict, note};
use crate::transaction::DebconfAnswer;
use crate::wish::{Debconf, Wish, WishRecord};

/// The answers that were wished for, each once, by package and question.
pub(super) fn answers(wishes: &[WishRecord], wrong: &mut Diagnostics) -> Vec<DebconfAnswer> {
    let mut answers: BTreeMap<(&str, &str), (By<'_>, DebconfAnswer)> = BTreeMap::new();
    for record in wishes {
        let Wish::Debconf(wish) = &record.wish else { continue };
        let by = By::of(record);
        let Debconf { package, question, kind, value } = wish;
        let (first, answer) = answers.entry((package, question)).or_insert_with(|| {
            let answer = DebconfAnswer {
                package: package.clone(),
                question: question.clone(),
                kind: kind.clone(),
                value: value.clone(),
                wanted_by: Vec::new(),
            };
            (by, answer)
        });
        if (&answer.kind, &answer.value) != (kind, value) {
            wrong.push(conflict(
                &format!("the question `{question}` of the package `{package}`"),
                *first,
                &format!("`{} {}`", answer.kind, answer.value),
                by,
                &format!("`{kind} {value}`"),
            ));
        }
        note(&mut answer.wanted_by, &record.element);
    }
    answers.into_values().map(|(_, answer)| answer).collect()
}
