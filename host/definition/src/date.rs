//! A day, as people write it and as `/etc/shadow` counts it.

/// Days of the months of a year that is no leap year.
const MONTHS: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// How many days after 1970-01-01 a day is that is written as `YYYY-MM-DD`.
///
/// # Errors
/// What is wrong with it: a sentence part that follows it.
pub fn days_of(date: &str) -> Result<u32, String> {
    let form = || "is no day as `2030-12-31`".to_owned();
    let number = |text: &str, digits: usize| {
        let sound = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
        if sound { text.parse::<u32>().map_err(|_| form()) } else { Err(form()) }
    };
    let mut parts = date.split('-');
    let (year, month, day) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(year), Some(month), Some(day), None) => {
            (number(year, 4)?, number(month, 2)?, number(day, 2)?)
        }
        _ => return Err(form()),
    };
    // In `/etc/shadow` the first day of all means that an account never expires, to some programs.
    if year <= 1970 {
        return Err("is before 1971".to_owned());
    }
    let of_month = |month: u32| {
        let days = usize::try_from(month).ok().and_then(|m| MONTHS.get(m.checked_sub(1)?));
        days.map(|days| days + u32::from(month == 2 && is_leap(year)))
    };
    let last = of_month(month).ok_or("has a month that no year has")?;
    if day < 1 || day > last {
        return Err("has a day that its month has not".to_owned());
    }
    let years: u32 = (1970..year).map(|y| 365 + u32::from(is_leap(y))).sum();
    let months: u32 = (1..month).filter_map(of_month).sum();
    Ok(years + months + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_date_counts_them() {
        // date -u -d DAY +%s, divided by 86,400.
        for (date, days) in [
            ("1971-01-01", 365),
            ("2000-02-29", 11_016),
            ("2024-03-01", 19_783),
            ("2030-12-31", 22_279),
            ("2100-03-01", 47_541),
            ("9999-12-31", 2_932_896),
        ] {
            assert_eq!(days_of(date), Ok(days), "{date}");
        }
        for (date, why) in [
            ("", "no day"),
            ("2030-1-1", "no day"),
            ("30-12-31", "no day"),
            ("2030-12-31-1", "no day"),
            ("2030-12-+1", "no day"),
            ("31.12.2030", "no day"),
            ("tomorrow", "no day"),
            ("1970-01-01", "before 1971"),
            ("2030-13-01", "month"),
            ("2030-00-01", "month"),
            ("2023-02-29", "day that its month"),
            ("2100-02-29", "day that its month"),
            ("2030-04-00", "day that its month"),
        ] {
            assert!(days_of(date).unwrap_err().contains(why), "{date}");
        }
    }
}
