//! Where a key stands that was written into a table that has none of its name. A line below the head
//! of a table is a line of that table, which people who come from other formats do not expect.

use crate::capability::Capability;
use crate::keys::{is_key, sections};
use crate::limit::Limit;

/// Keys of a definition that are no tables, and stand above them all.
const UPPERMOST: [&str; 6] =
    ["packages", "hostname", "locale", "timezone", "include", "block-device"];

/// What to do about a key that is none of the table `place`, and of another one; none: of no table.
pub(crate) fn of(key: &str, place: &str) -> Option<String> {
    let at_top = place == "the definition";
    if !at_top && UPPERMOST.contains(&key) && key != "block-device" {
        return Some(format!(
            "`{key}` is no key of {place}: write it above the first table of the file"
        ));
    }
    let of_its_own = (!at_top && is_key(key))
        .then(|| format!("`{key}` is a table of its own: write `{}`", head(key)));
    let homes = homes(key);
    let elsewhere = (!homes.is_empty())
        .then(|| format!("`{key}` is a key of {}: write it there", homes.join(" or ")));
    let said: Vec<String> = of_its_own.into_iter().chain(elsewhere).collect();
    (!said.is_empty()).then(|| said.join("; "))
}

fn homes(key: &str) -> Vec<String> {
    let known = sections()
        .into_iter()
        .filter(|(_, keys)| keys.contains(&key))
        .map(|(table, _)| quoted(table));
    let limit = Limit::ALL.iter().any(|limit| limit.key() == key).then(|| quoted("limits"));
    let granted = Capability::named(key).map(|_| "`[grants.ELEMENT]`".to_owned());
    let types = dibhost_block_device::config::types_with(key);
    let of_node = (!types.is_empty()).then(|| quoted("block-device"));
    let mut homes: Vec<String> = known.chain(limit).chain(granted).collect();
    // A node's keys have names that others have too: where it is of one type, which one.
    homes.extend(match types.as_slice() {
        [only] => of_node.map(|head| format!("{head} of the type `{only}`")),
        _ => of_node,
    });
    homes
}

fn quoted(table: &str) -> String {
    format!("`{}`", head(table))
}

/// How a table begins.
fn head(table: &str) -> String {
    let listed =
        ["files", "users", "units", "repositories", "commands", "block-device"].contains(&table);
    if listed { format!("[[{table}]]") } else { format!("[{table}]") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_another_table_is_told_by_that_table() {
        for (key, place, help) in [
            (
                "hostname",
                "`[image]`",
                "`hostname` is no key of `[image]`: write it above the first table of the file",
            ),
            ("disk", "`[image]`", "`disk` is a table of its own: write `[disk]`"),
            ("users", "`[image]`", "`users` is a table of its own: write `[[users]]`"),
            ("formats", "the definition", "`formats` is a key of `[image]`: write it there"),
            ("sudo", "`[[units]]`", "`sudo` is a key of `[[users]]`: write it there"),
            ("log-lines", "`[disk]`", "`log-lines` is a key of `[limits]`: write it there"),
            ("exec", "`[trust]`", "`exec` is a key of `[grants.ELEMENT]`: write it there"),
            (
                "extent-size",
                "`[disk]`",
                "`extent-size` is a key of `[[block-device]]` of the type `volume-group`: write it there",
            ),
            (
                "free-space",
                "`[disk]`",
                "`free-space` is a key of `[root-filesystem]`: write it there",
            ),
            (
                "files",
                "`[disk]`",
                "`files` is a table of its own: write `[[files]]`; `files` is a key of `[limits]`: write it there",
            ),
        ] {
            assert_eq!(of(key, place).as_deref(), Some(help));
        }
        assert_eq!(of("elephant", "`[image]`"), None);
    }
}
