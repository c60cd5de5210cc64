//! Numbers that look like chance and are the same for the same seed; and slips of the fingers.

use std::collections::BTreeSet;

/// A generator of numbers: SplitMix64, which every seed serves.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 where that is 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    /// One of them; none of none.
    pub(super) fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }

    pub(super) fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last + 1));
        }
    }

    /// A word with a slip: a letter dropped, doubled, or in the other's place. None of `words`, for
    /// that would be no slip but another word.
    pub(super) fn misspelt(&mut self, word: &str, words: &BTreeSet<String>) -> Option<String> {
        let letters: Vec<char> = word.chars().collect();
        let mut slips = BTreeSet::new();
        for at in (0..letters.len()).filter(|at| letters[*at].is_ascii_alphabetic()) {
            let (before, after) = (&letters[..at], &letters[at + 1..]);
            // What is left of a word of three letters could be half of several others.
            if letters.len() > 3 {
                slips.insert(before.iter().chain(after).collect::<String>());
            }
            let twice = [letters[at]; 2];
            slips.insert(before.iter().chain(&twice).chain(after).collect());
            if let Some(next) = after.first().filter(|next| next.is_ascii_alphabetic()) {
                let swapped = [*next, letters[at]];
                slips.insert(before.iter().chain(&swapped).chain(&after[1..]).collect());
            }
        }
        let wrong: Vec<String> =
            slips.into_iter().filter(|slip| slip != word && !words.contains(slip)).collect();
        self.one_of(&wrong).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_near_and_no_other_word() {
        let words = BTreeSet::from(["disk".to_owned()]);
        let mut chance = Chance::new(1);
        let mut slips = BTreeSet::new();
        for _ in 0..1000 {
            slips.extend(chance.misspelt("disks", &words));
        }
        assert!(!slips.contains("disk") && !slips.contains("disks"), "{slips:?}");
        let wanted = ["diks", "isks", "diisks", "dsiks", "disskk"].map(|slip| slips.contains(slip));
        assert_eq!(wanted, [true, true, true, true, false], "{slips:?}");
        assert_eq!(chance.misspelt("12", &words), None, "there is no letter in it");
    }

    #[test]
    fn a_seed_gives_the_same_again() {
        let numbers = |seed| {
            let mut chance = Chance::new(seed);
            [(); 8].map(|()| chance.below(1000))
        };
        assert_eq!(numbers(7), numbers(7));
        assert_ne!(numbers(7), numbers(8));
    }
}
