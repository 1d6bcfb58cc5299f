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

/// What the senders of docs/senders.md write, each as its documentation or an example of its events has it.
#[test]
fn times_of_senders_are_read() {
    for (sender, text, expected) in [
        ("gitlab", "'2015-05-17 18:21:36 UTC'", "2015-05-17T18:21:36Z"),
        ("gitlab", "'2021-04-28 21:50:00 +0200'", "2021-04-28T19:50:00Z"),
        ("gitlab", "'2017-09-15T16:50:55.103Z'", "2017-09-15T16:50:55.103Z"),
        ("github", "'2011-01-26T19:01:12Z'", "2011-01-26T19:01:12Z"),
        ("github", "1412617424", "2014-10-06T17:43:44Z"),
        ("bitbucket", "'2015-06-09T03:34:49+00:00'", "2015-06-09T03:34:49Z"),
        ("jira", "'2020-01-01T00:00:00.000+0000'", "2020-01-01T00:00:00Z"),
        ("jira", "1525698237764", "2018-05-07T13:03:57.764Z"),
        ("stripe", "1680064028", "2023-03-29T04:27:08Z"),
        ("shopify", "'2021-12-31T19:00:00-05:00'", "2022-01-01T00:00:00Z"),
        ("slack", "'1355517523.000005'", "2012-12-14T20:38:43.000005Z"),
        ("linear", "'2020-01-23T12:53:18.084Z'", "2020-01-23T12:53:18.084Z"),
        ("hubspot", "1564113600000", "2019-07-26T04:00:00Z"),
        ("twilio", "'Fri, 24 May 2019 17:44:46 +0000'", "2019-05-24T17:44:46Z"),
        ("zoom", "'2021-07-13T21:44:51Z'", "2021-07-13T21:44:51Z"),
        ("mailgun", "1521472262.908181", "2018-03-19T15:11:02.908181Z"),
        ("mailgun", "'Thu, 13 Oct 2016 18:02:00 UTC'", "2016-10-13T18:02:00Z"),
        ("facebook", "'2011-08-09T18:38:24+0000'", "2011-08-09T18:38:24Z"),
        ("microsoft-graph", "'2016-11-20T18:23:45.9356913Z'", "2016-11-20T18:23:45.9356913Z"),
        ("paddle", "'2023-08-21T11:57:47.390028Z'", "2023-08-21T11:57:47.390028Z"),
        ("paddle classic", "'2021-08-21 11:57:47'", "2021-08-21T11:57:47Z"),
        ("calendly", "'2020-11-23T17:51:19.000000Z'", "2020-11-23T17:51:19Z"),
        ("adyen", "'2021-01-01T01:00:00+01:00'", "2021-01-01T00:00:00Z"),
        ("box", "'2016-12-29T12:57:57-08:00'", "2016-12-29T20:57:57Z"),
        ("discord", "'2015-04-26T06:26:56.936000+00:00'", "2015-04-26T06:26:56.936Z"),
        ("twitch", "'2019-11-16T10:11:12.634234626Z'", "2019-11-16T10:11:12.634234626Z"),
        ("paypal", "'20:12:59 Jan 13, 2009 PST'", "2009-01-14T04:12:59Z"),
        ("twitter", "'Wed Oct 10 20:19:24 +0000 2018'", "2018-10-10T20:19:24Z"),
        ("git", "'2021/04/28 21:50:00 +0200'", "2021-04-28T19:50:00Z"),
        ("git", "'Wed Apr 28 21:50:00 2021 '", "2021-04-28T21:50:00Z"),
        ("go", "'2021-04-28 21:50:00.5 +0200 CEST'", "2021-04-28T19:50:00.5Z"),
        ("postgres", "'2021-04-28 21:50:00.123456+00'", "2021-04-28T21:50:00.123456Z"),
        ("basic", "'20210428T215000Z'", "2021-04-28T21:50:00Z"),
        ("spaced", "'2021-04-28T21:50:00 +02:00'", "2021-04-28T19:50:00Z"),
    ] {
        eprintln!("{sender}: {text}");
        check_read(text, expected);
    }
    let gitlab = "'2021-04-28 21:50:00 +0200'";
    check(&format!("{{{{ {gitlab} | date }}}}"), &json!("2021-04-28"));
    check(&format!("{{{{ {gitlab} | datetime }}}}"), &json!("2021-04-28T19:50:00Z"));
    check(&format!("{{{{ {gitlab} | shift('1d') }}}}"), &json!("2021-04-29T21:50:00+02:00"));
    check(&format!("{{{{ {gitlab} | days_until('2021-05-01 00:00:00 UTC') }}}}"), &json!(3));
    check("{{ '2021/04/28' | date }}", &json!("2021-04-28"));
    for text in [
        "'04/05/2024'",
        "'2024-01-31 22:30:00 CEST'",
        "'2024-01-31 22:30:00 +0200 +0100'",
        "'2024-01-31 UTC'",
        "'2024-01-31 22:30:00 Europe/Berlin'",
        "'25:00:00 Jan 13, 2009 PST'",
        "'Wed Foo 10 20:19:24 +0000 2018'",
    ] {
        check_unread(text);
    }
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
    check_refused("{{ '2024-01-31' | shift(7) }}", "`shift` takes a text as `by`, not a number");
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
