//! What changed between two surveys.

use std::collections::{HashMap, HashSet};

use super::inode::Bound;
use super::names::{Dentries, Dentry};
use super::survey::Survey;

/// What a layer has to say of the later of two surveys.
pub(super) struct Difference {
    /// Names with what became of them: inodes are those of the later survey.
    pub(super) names: Dentries<Bound>,
    /// For each inode of the later survey, whether it is new or changed, or a name of it is.
    pub(super) changed: Vec<bool>,
}

impl Difference {
    pub(super) fn between(before: &Survey, after: &Survey) -> Self {
        let twins = twins(before, after);
        let changed = changed(before, after, &twins);
        let names = said(before, after, &twins, &changed);
        Self { names, changed }
    }
}

/// For each name of the later survey the place of the same path in the earlier one.
fn twins(before: &Survey, after: &Survey) -> Vec<Option<u32>> {
    let by_name: HashMap<(u32, &[u8]), u32> =
        before.names.iter().map(|(at, d)| ((d.parent, &d.name[..]), at)).collect();
    let mut twins: Vec<Option<u32>> = Vec::with_capacity(after.names.len());
    for (at, dentry) in after.names.iter() {
        let twin = match at {
            0 => (before.names.len() > 0).then_some(0),
            _ => twins[dentry.parent as usize]
                .and_then(|parent| by_name.get(&(parent, &dentry.name[..])).copied()),
        };
        twins.push(twin);
    }
    twins
}

/// Which inodes are not what they were, or not where they were.
fn changed(before: &Survey, after: &Survey, twins: &[Option<u32>]) -> Vec<bool> {
    let known: HashMap<_, u32> =
        (0..).zip(&before.inodes).map(|(at, s)| (s.identity(), at)).collect();
    let was: Vec<Option<u32>> = after
        .inodes
        .iter()
        .map(|seen| {
            let at = known.get(&seen.identity()).copied();
            at.filter(|at| before.inodes[*at as usize] == *seen)
        })
        .collect();
    let mut changed: Vec<bool> = was.iter().map(Option::is_none).collect();
    // Every name that it has it had, and it has as many as it had.
    let mut had = vec![0_u32; before.inodes.len()];
    for (_, dentry) in before.names.iter() {
        had[dentry.of as usize] += 1;
    }
    let mut has = vec![0_u32; after.inodes.len()];
    for (at, dentry) in after.names.iter() {
        has[dentry.of as usize] += 1;
        let twin = twins[at as usize].map(|twin| before.names.get(twin).of);
        changed[dentry.of as usize] |= twin.is_none() || twin != was[dentry.of as usize];
    }
    for (at, was) in was.iter().enumerate() {
        changed[at] |= was.is_some_and(|was| had[was as usize] != has[at]);
    }
    changed
}

/// Takes over what is known of the contents of inodes that are the same ones, wherever they are.
pub(super) fn carry_contents(before: &Survey, after: &mut Survey) {
    let known: HashMap<_, _> = before
        .inodes
        .iter()
        .zip(&before.contents)
        .map(|(seen, c)| (seen.identity(), (seen, c)))
        .collect();
    for (seen, content) in after.inodes.iter().zip(&mut after.contents) {
        if let Some((was, known)) = known.get(&seen.identity())
            && *was == seen
        {
            content.clone_from(known);
        }
    }
}

/// Something to say of a name in a folder.
enum Say<'a> {
    /// The name has this place in the later survey.
    Now(u32, &'a Dentry<u32>),
    /// It is gone.
    Gone(&'a [u8]),
}

impl<'a> Say<'a> {
    fn name(&self) -> &'a [u8] {
        match self {
            Self::Now(_, dentry) => &dentry.name,
            Self::Gone(name) => name,
        }
    }
}

/// Puts together the names of changed inodes, those that are gone, and the folders they are in.
fn said(
    before: &Survey,
    after: &Survey,
    twins: &[Option<u32>],
    changed: &[bool],
) -> Dentries<Bound> {
    let mut said = Dentries::default();
    let mut wanted: Vec<bool> =
        after.names.iter().map(|(_, dentry)| changed[dentry.of as usize]).collect();
    let mut within: HashMap<u32, Vec<Say<'_>>> = HashMap::new();
    for (folder, name) in gone(before, after, twins) {
        within.entry(folder).or_default().push(Say::Gone(name));
        wanted[folder as usize] = true;
    }
    // What is in a folder comes behind it.
    for (at, dentry) in after.names.iter().rev() {
        if at != 0 && wanted[at as usize] {
            wanted[dentry.parent as usize] = true;
            within.entry(dentry.parent).or_default().push(Say::Now(at, dentry));
        }
    }
    let mut next: Vec<(u32, Say<'_>)> = Vec::new();
    if after.names.len() > 0 {
        next.push((0, Say::Now(0, after.names.get(0))));
    }
    while let Some((parent, say)) = next.pop() {
        match say {
            Say::Gone(name) => {
                said.push(parent, name.to_vec(), Bound::Deleted);
            }
            Say::Now(at, dentry) => {
                let new = changed[dentry.of as usize];
                let bound = if new { Bound::Inode(dentry.of) } else { Bound::Passed };
                let place = said.push(parent, dentry.name.clone(), bound);
                let mut says = within.remove(&at).unwrap_or_default();
                says.sort_unstable_by(|a, b| b.name().cmp(a.name()));
                next.extend(says.into_iter().map(|say| (place, say)));
            }
        }
    }
    said
}

/// Names that are gone from folders that are not, with the place of the folder in the later survey.
fn gone<'a>(
    before: &'a Survey,
    after: &Survey,
    twins: &[Option<u32>],
) -> impl Iterator<Item = (u32, &'a [u8])> {
    let still: HashSet<u32> = twins.iter().flatten().copied().collect();
    let mut now: HashMap<u32, u32> = HashMap::new();
    for (at, dentry) in after.names.iter() {
        // What was in a folder that became a file is gone without a word.
        if let Some(twin) =
            twins[at as usize].filter(|_| after.inodes[dentry.of as usize].is_folder())
        {
            now.insert(twin, at);
        }
    }
    let names = before.names.iter().skip(1).filter(move |(at, _)| !still.contains(at));
    names.filter_map(move |(_, dentry)| Some((*now.get(&dentry.parent)?, &dentry.name[..])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::inode::{Device, Time};
    use crate::layer::survey::Seen;

    fn seen(mode: u16, inode: u64) -> Seen {
        let time = Time { seconds: 1, nanoseconds: 2 };
        let number = Device { major: 0, minor: 0 };
        Seen {
            device: (0, 1),
            inode,
            mode,
            uid: 0,
            gid: 0,
            size: 0,
            mtime: time,
            ctime: time,
            links: 1,
            number,
            mounted: false,
        }
    }

    /// A root with files of these names and inodes.
    fn surveyed(names: &[(&str, u32)]) -> Survey {
        let mut survey = Survey::empty();
        survey.inodes = vec![seen(0o040_755, 10), seen(0o100_644, 11), seen(0o100_644, 12)];
        survey.names.push(0, Vec::new(), 0);
        for (name, of) in names {
            survey.names.push(0, name.as_bytes().to_vec(), *of);
        }
        survey
    }

    /// Names alone say that something changed, whatever the time stamps do.
    #[test]
    fn a_name_more_or_less_is_a_change_of_its_inode() {
        let said = |before: &[_], after: &[_]| {
            let difference = Difference::between(&surveyed(before), &surveyed(after));
            let names = difference.names.iter().map(|(_, d)| (d.name.clone(), d.of));
            names.map(|(name, of)| (String::from_utf8(name).unwrap(), of)).collect::<Vec<_>>()
        };
        let name = |name: &str, of| (name.to_owned(), of);
        let both = [("a", 1), ("b", 1), ("c", 2)];
        let less = [("a", 1), ("c", 2)];
        let (root, a) = (name("", Bound::Passed), name("a", Bound::Inode(1)));
        assert_eq!(said(&both, &both), [name("", Bound::Passed)]);
        let gone = name("b", Bound::Deleted);
        assert_eq!(said(&both, &less), [root.clone(), a.clone(), gone]);
        let gone = name("c", Bound::Deleted);
        assert_eq!(said(&less, &[("a", 1)]), [root.clone(), gone]);
        let new = name("b", Bound::Inode(1));
        assert_eq!(said(&less, &both), [root.clone(), a.clone(), new]);
        let (c, a) = (name("c", Bound::Inode(1)), name("a", Bound::Inode(2)));
        assert_eq!(said(&less, &[("a", 2), ("c", 1)]), [root, a, c]);
    }
}
