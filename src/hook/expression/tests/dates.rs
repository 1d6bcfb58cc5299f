//! Dates and times: what is read, how it moves, what is refused.

use serde_json::json;

use super::{check, check_refused};

#[track_caller]
fn check_read(text: &str, expected: &str) {
    check(&format!("{{{{ {text} | at_offset('Z') }}}}"), &json!(expected));
}

#[track_caller]
fn check_unread(text: &str) {
    check_refused(&format!("{{{{ {text} | date }}}}"), "`date` takes a time of RFC 3339 or RFC 2822");
}

#[test]
fn times_of_both_rfcs_are_read() {
    check_read("'2024-01-31T22:30:00Z'", "2024-01-31T22:30:00Z");
    check_read("'2024-01-31T22:30:00.123456Z'", "2024-01-31T22:30:00.123456Z");
    check_read("'2024-01-31T22:30:00-05:00'", "2024-02-01T03:30:00Z");
    check_read("'2024-01-31 22:30:00+0200'", "2024-01-31T20:30:00Z");
    check_read("'2024-01-31T22:30:00+01:00[Europe/Berlin]'", "2024-01-31T21:30:00Z");
    check_read("' Wed, 31 Jan 2024 22:30:00 -0500 '", "2024-02-01T03:30:00Z");
    check_read("'Wed, 31 Jan 2024 22:30:00 GMT'", "2024-01-31T22:30:00Z");
}

#[test]
fn a_time_without_an_offset_is_utc() {
    check_read("'2024-01-31T22:30:00'", "2024-01-31T22:30:00Z");
    check_read("'2024-01-31 22:30'", "2024-01-31T22:30:00Z");
}

#[test]
fn unix_time_is_seconds_or_milliseconds_by_its_size() {
    check_read("1706758200", "2024-02-01T03:30:00Z");
    check_read("'1706758200'", "2024-02-01T03:30:00Z");
    check_read("1706758200000", "2024-02-01T03:30:00Z");
    check_read("'1706758200123'", "2024-02-01T03:30:00.123Z");
    check_read("1706758200.5", "2024-02-01T03:30:00.5Z");
    check_read("'1706758200.000200'", "2024-02-01T03:30:00.0002Z");
    check_read("1706758200123.5", "2024-02-01T03:30:00.1235Z");
    check_read("100000000", "1973-03-03T09:46:40Z");
    check_read("99999999999", "5138-11-16T09:46:39Z");
    check_read("100000000000", "1973-03-03T09:46:40Z");
}

#[test]
fn what_is_no_time_is_refused_and_not_told() {
    for text in [
        "20240131",
        "'20240131'",
        "0",
        "99999999",
        "-1706758200",
        "99999999999999999",
        "'1.2.3'",
        "''",
        "'.'",
        "'tomorrow'",
        "'2024-02-30'",
        "'2024-13-01'",
        "'31.01.2024'",
        "'2024-01'",
        "'2024-01-31T25:00:00Z'",
        "'2024-01-31T22:30:00[Europe/Berlin]'",
        "'Thu, 31 Jan 2024 22:30:00 GMT'",
        "true",
        "none",
        "[2024]",
        "body.long",
        &format!("'Wed, 31 Jan 2024 22:30:00 GMT ({})'", "x".repeat(300)),
    ] {
        check_unread(text);
    }
    check_read("'Wed, 31 Jan 2024 22:30:00 GMT (a comment)'", "2024-01-31T22:30:00Z");
    check_refused("{{ body.closed_at | shift('soon') }}", "`shift` takes a span such as");
}

#[test]
fn a_day_is_as_written_and_utc_only_where_that_is_said() {
    check("{{ '2024-01-31T22:30:00-05:00' | date }}", &json!("2024-01-31"));
    check("{{ '2024-01-31T22:30:00-05:00' | datetime | date }}", &json!("2024-02-01"));
    check("{{ '2024-01-31' | date }}", &json!("2024-01-31"));
    check("{{ '2024-01-31' | datetime }}", &json!("2024-01-31T00:00:00Z"));
    check("{{ '1969-12-31T23:59:59Z' | unix }}", &json!(-1));
    check("{{ '2024-02-01T03:30:00.123Z' | unix_ms }}", &json!(1_706_758_200_123_i64));
}

#[test]
fn shifting_keeps_what_it_shifts_and_months_end_where_the_month_ends() {
    let shifted = |from: &str, by: &str, expected: &str| {
        check(&format!("{{{{ '{from}' | shift('{by}') }}}}"), &json!(expected));
    };
    shifted("2024-01-31", "1mo", "2024-02-29");
    shifted("2023-01-31", "+1mo", "2023-02-28");
    shifted("2024-03-31", "-1mo", "2024-02-29");
    shifted("2024-02-29", "1y", "2025-02-28");
    shifted("2024-01-31", "1y2mo", "2025-03-31");
    shifted("2024-01-31", "2 weeks", "2024-02-14");
    shifted("2024-01-31", "P1M", "2024-02-29");
    shifted("2024-01-31", "7 days ago", "2024-01-24");
    shifted("2024-01-31T22:30:00Z", "-7d", "2024-01-24T22:30:00Z");
    shifted("2024-01-31T22:30:00-05:00", "2h", "2024-02-01T00:30:00-05:00");
    shifted("2024-01-31T22:30:00Z", "PT90M", "2024-02-01T00:00:00Z");
    shifted("2024-01-31T22:30:00Z", "1mo 30m", "2024-02-29T23:00:00Z");
    check_refused("{{ '2024-01-31' | shift('1h') }}", "`shift` moves a day by days");
    check_refused("{{ '2024-01-31' | shift('9999y') }}", "outside the years -9999 to 9999");
    check_refused("{{ '2024-01-31' | shift(7) }}", "value is not a string");
}

#[test]
fn an_offset_moves_the_clock_and_not_the_moment() {
    let moved = |to: &str, expected: &str| {
        check(&format!("{{{{ '2024-01-31T22:30:00Z' | at_offset('{to}') }}}}"), &json!(expected));
    };
    moved("+02:00", "2024-02-01T00:30:00+02:00");
    moved("-05:30", "2024-01-31T17:00:00-05:30");
    moved("Z", "2024-01-31T22:30:00Z");
    moved("+00:00", "2024-01-31T22:30:00Z");
    check_refused("{{ '2024-01-31' | at_offset('+02:00') }}", "`at_offset` takes a moment, not a day");
    for offset in ["Berlin", "", "+2", "CET", "+99:00"] {
        check_refused(
            &format!("{{{{ '2024-01-31T22:30:00Z' | at_offset('{offset}') }}}}"),
            "`at_offset` takes an offset such as",
        );
    }
}

#[test]
fn patterns_write_and_read() {
    check(
        "{{ '2024-01-31T22:30:05-05:00' | strftime('%a %-d.%-m.%y %H:%M:%S %:z') }}",
        &json!("Wed 31.1.24 22:30:05 -05:00"),
    );
    check("{{ '2024-01-31' | strftime('%Y/%j, week %V') }}", &json!("2024/031, week 05"));
    check("{{ '2024-01-31' | strftime('') }}", &json!(""));
    for pattern in ["%H", "%z", "%", "%E", &"%Y".repeat(200)] {
        check_refused(
            &format!("{{{{ '2024-01-31' | strftime('{pattern}') }}}}"),
            "`strftime` takes a pattern",
        );
    }
    let read = |text: &str, pattern: &str, expected: &str| {
        check(&format!("{{{{ '{text}' | strptime('{pattern}') }}}}"), &json!(expected));
    };
    read("20240131", "%Y%m%d", "2024-01-31");
    read("1/31/2024", "%m/%d/%Y", "2024-01-31");
    read("31.01.2024 22:30", "%d.%m.%Y %H:%M", "2024-01-31T22:30:00Z");
    read("31.01.2024 10:30 PM", "%d.%m.%Y %I:%M %p", "2024-01-31T22:30:00Z");
    read("31.01.2024 22:30 +0100", "%d.%m.%Y %H:%M %z", "2024-01-31T22:30:00+01:00");
    for (text, pattern) in
        [("31.02.2024", "%d.%m.%Y"), ("22:30", "%H:%M"), ("x", "%Y"), ("2024", "%"), ("", "")]
    {
        check_refused(
            &format!("{{{{ '{text}' | strptime('{pattern}') }}}}"),
            "`strptime` takes a text that its",
        );
    }
}

#[test]
fn days_are_counted_on_the_calendar() {
    let days = |from: &str, to: &str, expected: i32| {
        check(&format!("{{{{ '{from}' | days_until('{to}') }}}}"), &json!(expected));
    };
    days("2024-02-28", "2024-03-01", 2);
    days("2024-03-01", "2024-02-28", -2);
    days("2024-01-31T23:59:00Z", "2024-02-01T00:01:00Z", 1);
    days("2024-01-31T22:30:00-05:00", "2024-01-31", 0);
    days("2020-01-01", "2024-01-01", 1461);
}
