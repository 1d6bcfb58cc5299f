//! Reads `schedule` and `schedule_offset`: when a hook runs by itself.

use super::fields::{HookReader, Table};
use super::verify::VerifySection;
use crate::hook::schedule::{Schedule, ScheduleError, read_offset_ms};
use crate::verify::Verification;

const EXAMPLE: &str = "write schedule = \"0 3 * * *\" for each day at 03:00 UTC";

impl HookReader {
    /// `schedule = "0 3 * * *"`, and `schedule_offset = "+01:00"`. `None`: there is none, or a mistake.
    pub(super) fn schedule(&mut self, table: &Table<'_>) -> Option<Schedule> {
        let offset_ms = self.schedule_offset_ms(table);
        table.get("schedule")?;
        if table.get("each").is_some() {
            let problem = "cannot be used together with `schedule`: a scheduled run has no list of items";
            self.mistake_at(table, "each", problem, "write a hook of its own for the schedule");
        }
        let source = self.optional_text(table, "schedule")?;
        let problem = match Schedule::parse(&source, offset_ms?) {
            Ok(schedule) => return Some(schedule),
            Err(problem) => problem,
        };
        let remedy = match problem {
            ScheduleError::Fields(6) => "leave the seconds out: sweeps come every two minutes",
            ScheduleError::Never => "no month has such a day: write a day that comes",
            _ => EXAMPLE,
        };
        self.mistake_at(table, "schedule", problem, remedy);
        None
    }

    /// The offset from UTC, milliseconds; `None`: a mistake.
    fn schedule_offset_ms(&mut self, table: &Table<'_>) -> Option<i64> {
        if table.get("schedule_offset").is_none() {
            return Some(0);
        }
        if table.get("schedule").is_none() {
            self.mistake_at(table, "schedule_offset", "needs `schedule`", EXAMPLE);
        }
        let offset_ms = read_offset_ms(&self.optional_text(table, "schedule_offset")?);
        if offset_ms.is_none() {
            let remedy = "write \"+01:00\" or \"-03:30\"; a time zone with daylight saving is not known here";
            self.wrong_value(table, "schedule_offset", "an offset from UTC of at most 14 hours", remedy);
        }
        offset_ms
    }

    /// Who calls the hook. With a `schedule`, `verify` may be left out: then nobody does, and what is for a sender is a mistake.
    pub(super) fn who_calls(&mut self, table: &Table<'_>) -> Option<VerifySection> {
        if table.get("verify").is_some() || table.get("schedule").is_none() {
            return self.verify_section(table);
        }
        for field in ["handshake", "answer", "delivery_id", "rate_limit", "share", "keep_ignored", "silence"]
        {
            if table.get(field).is_some() {
                let remedy = "leave it out, or add verify = { scheme = \"…\", secret = \"…\" }";
                self.mistake_at(table, field, "is for a sender, and the hook has none", remedy);
            }
        }
        Some(VerifySection { verify: Verification::nobody(), sender: None, id: None })
    }
}
