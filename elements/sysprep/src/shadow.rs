//! The days on which passwords were last changed: of today for every account that a package made,
//! and so another image tomorrow. None is later than the image says it is.

use dibhost_element_sdk::{Change, Result, Tree};

const SECONDS_A_DAY: u64 = 24 * 60 * 60;
const PATH: &str = "/etc/shadow";

pub(crate) fn changes(tree: &Tree, epoch: u64) -> Result<Option<Change>> {
    let Some(stat) = tree.stat(PATH)? else { return Ok(None) };
    let before = tree.read_text(PATH)?;
    let after = clamped(&before, epoch / SECONDS_A_DAY);
    if after == before {
        return Ok(None);
    }
    let change = Change::write(PATH, after)
        .mode(stat.mode)
        .owner(stat.uid.to_string(), stat.gid.to_string());
    Ok(Some(change))
}

/// Fields (shadow(5)): name, password, day of the last change, …
fn clamped(shadow: &str, latest: u64) -> String {
    let line = |line: &str| {
        let mut fields: Vec<&str> = line.split(':').collect();
        let day = latest.to_string();
        // 0 has a meaning of its own: the password has to be changed.
        if let Some(field) = fields.get_mut(2)
            && field.parse::<u64>().is_ok_and(|changed| changed > latest)
        {
            *field = &day;
        }
        fields.join(":") + "\n"
    };
    shadow.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_day_is_later_than_the_image() {
        let shadow = "root:*:20000:0:99999:7:::\nold:!:100:0:99999:7:::\nnow:!:0::::::\nodd\n";
        let expected = "root:*:19675:0:99999:7:::\nold:!:100:0:99999:7:::\nnow:!:0::::::\nodd\n";
        assert_eq!(super::clamped(shadow, 19_675), expected);
    }
}
