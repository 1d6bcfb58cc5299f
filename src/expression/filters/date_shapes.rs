//! Times as senders write them that are neither RFC 3339 nor RFC 2822, in the shape of one of the two.
//!
//! It moves pieces of text and judges nothing: whether the result is a time is found where that is read. Only shapes
//! that can be read in one way are here: `04/05/2024` is not among them.

/// What shows that a time is UTC.
const UTC: [&str; 3] = ["UTC", "GMT", "Z"];

/// The zones of RFC 2822, section 4.3, that have fixed offsets from UTC.
const ZONES: [(&str, &str); 8] = [
    ("EST", "-0500"),
    ("EDT", "-0400"),
    ("CST", "-0600"),
    ("CDT", "-0500"),
    ("MST", "-0700"),
    ("MDT", "-0600"),
    ("PST", "-0800"),
    ("PDT", "-0700"),
];

/// The most pieces between spaces that a time has.
const PIECES_MAX: usize = 6;

/// The same time as RFC 3339 or RFC 2822 writes it, if it has one of these shapes:
/// - `2015-05-17 18:21:36 UTC`, `2021-04-28 21:50:00 +0200`, `2021-04-28T21:50:00 +0200`: GitLab
/// - `2021-04-28 21:50:00.5 +0200 CEST`: Go
/// - `2021/04/28 21:50:00 +0200`: GitLab's and Git's commits
/// - `Wed Oct 10 20:19:24 +0000 2018`, `Wed Oct 10 20:19:24 2018`: Ruby, C
/// - `20:12:59 Jan 13, 2009 PST`: notifications of `PayPal`
/// - `Thu, 13 Oct 2016 18:02:00 UTC`: RFC 2822 but for the zone
pub(super) fn standard(text: &str) -> Option<String> {
    let pieces: Vec<&str> = text.split_ascii_whitespace().take(PIECES_MAX + 1).collect();
    match *pieces.as_slice() {
        [moment] => slashed(moment),
        [day, time] if time.contains(':') && !time.starts_with(['+', '-']) => {
            slashed(&format!("{day}T{time}"))
        }
        [moment, zone] => Some(format!("{}{}", slashed_or(moment), offset(zone)?)),
        [day, time, zone] => Some(format!("{}T{time}{}", slashed_or(day), offset(zone)?)),
        [day, time, zone, name] if zone.starts_with(['+', '-']) && is_name(name) => {
            Some(format!("{}T{time}{}", slashed_or(day), offset(zone)?))
        }
        [time, month, day, year, zone] if time.contains(':') && day.ends_with(',') => {
            Some(format!("{} {month} {year} {time} {}", day.trim_end_matches(','), named_offset(zone)?))
        }
        [_, month, day, time, year] if time.contains(':') && is_name(month) => {
            Some(format!("{day} {month} {year} {time} +0000"))
        }
        [_, month, day, time, zone, year] if time.contains(':') && is_name(month) => {
            Some(format!("{day} {month} {year} {time} {}", named_offset(zone)?))
        }
        [weekday, day, month, year, time, zone] if weekday.ends_with(',') && UTC.contains(&zone) => {
            Some(format!("{weekday} {day} {month} {year} {time} +0000"))
        }
        _ => None,
    }
}

/// `2021/04/28`: nobody writes the day before the month after a year.
fn slashed(moment: &str) -> Option<String> {
    let mut parts = moment.splitn(3, '/');
    let (year, month, rest) = (parts.next()?, parts.next()?, parts.next()?);
    (year.len() == 4).then(|| format!("{year}-{month}-{rest}"))
}

fn slashed_or(moment: &str) -> String {
    slashed(moment).unwrap_or_else(|| moment.to_owned())
}

fn offset(zone: &str) -> Option<&str> {
    if UTC.contains(&zone) { Some("Z") } else { Some(zone).filter(|zone| zone.starts_with(['+', '-'])) }
}

fn named_offset(zone: &str) -> Option<&str> {
    let named = ZONES.iter().find(|(name, _)| *name == zone).map(|(_, offset)| *offset);
    named.or_else(|| offset(zone).map(|offset| if offset == "Z" { "+0000" } else { offset }))
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphabetic())
}
