//! Where the dashboard of the local Worker is, for somebody who is to be signed in at once.

use std::process::{Command, Stdio};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::progress::Progress;
use super::worker::Worker;

/// All but the characters that mean only themselves in an address (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Prints its address, and opens it in the browser where that is wanted. Says nothing where wrangler.toml has no
/// `[assets]`.
pub(super) fn show(worker: &Worker, is_opened: bool, progress: &Progress) {
    if !worker.has_page() {
        return;
    }
    let url = address(&worker.base, &worker.token);
    progress.done(&format!("dashboard, signed in: {url}"));
    if is_opened && !open(&url) {
        progress.say("  no browser could be opened: open the address by hand");
    }
}

/// The token is in the fragment, which a browser sends nowhere.
fn address(base: &str, token: &str) -> String {
    format!("{base}/#token={}", utf8_percent_encode(token, RESERVED))
}

/// Whether the system's own opener took it.
fn open(url: &str) -> bool {
    let (program, arguments): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("cmd", &["/C", "start", ""])
    } else {
        ("xdg-open", &[])
    };
    let mut command = Command::new(program);
    command.args(arguments).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_token_fits_into_the_address() {
        let base = "http://127.0.0.1:8787";
        assert_eq!(address(base, "local-token_1"), "http://127.0.0.1:8787/#token=local-token_1");
        assert_eq!(address(base, "a+b&c#d e%"), "http://127.0.0.1:8787/#token=a%2Bb%26c%23d%20e%25");
    }
}
