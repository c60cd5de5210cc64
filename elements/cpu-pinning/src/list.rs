//! Lists of CPUs, as the kernel's command line has them.

/// Ranges, both ends in them; `u32::MAX` is the machine's last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CpuList(Vec<(u32, u32)>);

/// More than any kernel of a distribution is built for.
const MOST: u32 = 8192;

impl CpuList {
    /// Takes a list apart, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let ranges = text.split(',').map(|range| {
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            let (from, to) = (number(from)?, number(to)?);
            (from <= to).then_some((from, to))
        });
        let ranges: Option<Vec<_>> = ranges.collect();
        ranges.map(Self).ok_or_else(|| format!("`{}` is no list of CPUs.", text.escape_debug()))
    }

    /// Whether CPU 0 is in it.
    pub(crate) fn has_first(&self) -> bool {
        self.0.iter().any(|(from, _)| *from == 0)
    }

    /// The first CPU that is in another list too.
    pub(crate) fn first_of(&self, other: &Self) -> Option<u32> {
        let both = self.0.iter().flat_map(|(from, to)| {
            other.0.iter().filter_map(move |(start, end)| {
                let first = *from.max(start);
                (first <= *to.min(end)).then_some(first)
            })
        });
        both.min().filter(|cpu| *cpu != u32::MAX)
    }
}

fn number(text: &str) -> Option<u32> {
    if text == "N" {
        return Some(u32::MAX);
    }
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number < MOST)
}

#[cfg(test)]
mod tests {
    use super::CpuList;

    #[test]
    fn a_list_is_what_the_kernel_takes() {
        for text in ["1", "1-3", "2-7,9", "1-N", "1,3,5-6,8-N", "N"] {
            assert!(CpuList::parse(text).is_ok(), "{text}");
        }
        for text in ["", ",", "1,", "3-1", "N-1", "a", "-1", "+1", "1-", "1 2", "1-3 quiet", "9000"]
        {
            assert!(CpuList::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_in_both_is_found() {
        let list = |text| CpuList::parse(text).unwrap();
        assert_eq!(list("0-3").first_of(&list("2-N")), Some(2));
        assert_eq!(list("0,5").first_of(&list("1-4")), None);
        assert!(list("4,0-1").has_first() && !list("1-N").has_first());
    }
}
