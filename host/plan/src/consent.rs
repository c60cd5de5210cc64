//! Who brings whom into the image, and who takes whose place: what an element that does not come with
//! the host asks for, as it asks for all else.
//!
//! An element that comes with the host holds what it requests, so that to bring one along is to have
//! done what it does: `local-config` lets the builder's keys in. And to stand in for one is to leave
//! it out: an image without `sysprep` carries the identity of the machine that made it.

use std::collections::BTreeSet;
use std::sync::Arc;

use dibhost_check::Check;

use crate::description::{Description, Request};
use crate::grant::Grants;
use crate::resolve::{Elements, Resolved};

/// Roles that several elements play, and none is: nobody is left out for who plays one too.
const ROLES: [&str; 2] = ["layout", "operating-system"];

/// Adds what elements from elsewhere ask for by bringing others along or standing in for them.
pub(crate) fn ask(elements: &mut Elements) {
    if !Check::ElementsGrant.holds() {
        return;
    }
    let there = there_anyway(elements);
    for element in elements.values_mut().filter(|element| !element.described.first_party) {
        let description = element.description();
        let asked = brought(description, &there).chain(replaced(description));
        let asked: Vec<Request> = asked.collect();
        let own = Grants::asked(&description.requests, &[]);
        let missing: Vec<Request> = own.missing(&asked).into_iter().cloned().collect();
        if !missing.is_empty() {
            let mut description = Description::clone(description);
            description.requests.extend(missing);
            element.described.description = Arc::new(description);
        }
    }
}

/// What the definition names, and what the host's own elements among that bring along.
fn there_anyway(elements: &Elements) -> BTreeSet<String> {
    let listed = elements.values().filter(|element| element.listed);
    let mut there: BTreeSet<String> = listed.map(|e| e.description().name.clone()).collect();
    loop {
        let own = there.iter().filter_map(|name| elements.get(name));
        let own = own.filter(|element| element.described.first_party);
        let more: Vec<String> =
            own.flat_map(required).filter(|n| !there.contains(*n)).cloned().collect();
        if more.is_empty() {
            return there;
        }
        there.extend(more);
    }
}

fn required(element: &Resolved) -> impl Iterator<Item = &String> {
    needs(element.description())
}

fn needs(description: &Description) -> impl Iterator<Item = &String> {
    description.requires.iter().filter(|required| !required.optional).map(|required| &required.name)
}

fn brought(description: &Description, there: &BTreeSet<String>) -> impl Iterator<Item = Request> {
    let brought = needs(description).filter(|name| !there.contains(*name));
    brought.map(|name| request(&format!("require {name}"), "it is not done without it"))
}

fn replaced(description: &Description) -> impl Iterator<Item = Request> {
    let others = description.stands_in_for.iter().filter(|name| **name != description.name);
    let others = others.filter(|name| !ROLES.contains(&name.as_str()));
    others.map(|name| request(&format!("stand-in-for {name}"), "it is there in its place"))
}

fn request(scope: &str, reason: &str) -> Request {
    Request {
        capability: "elements".to_owned(),
        scope: scope.to_owned(),
        reason: reason.to_owned(),
        when: Vec::new(),
    }
}
