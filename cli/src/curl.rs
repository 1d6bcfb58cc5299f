//! A delivery as a `curl` command for a shell, which sends exactly its bytes. Nothing here runs it.

use std::fmt::Write as _;

use seedhook::request::RawRequest;

/// The longest body that is an argument of the command, bytes. Linux allows 128 KiB in one argument.
const ARGUMENT_BYTES_MAX: usize = 64 * 1024;

/// The command, for any POSIX shell.
pub(crate) fn line(delivery: &RawRequest) -> String {
    let mut words = vec!["curl -i".to_owned()];
    // curl reads brackets and braces as patterns, unless -g is given.
    if delivery.url.contains(['[', ']', '{', '}']) {
        words.push("-g".to_owned());
    }
    let has_body = !delivery.body.is_empty();
    let implied = if has_body { "POST" } else { "GET" };
    if delivery.method != implied {
        words.push(format!("-X {}", delivery.method));
    }
    words.push(quoted(&delivery.url));
    for (name, value) in delivery.headers() {
        // curl removes a header that is written `name:`.
        let header = if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
        words.push(format!("-H {}", quoted(&header)));
    }
    if !has_body {
        return words.join(" ");
    }
    if delivery.header("content-type").is_none() {
        // Without this, curl sends the content type of a form.
        words.push("-H 'content-type:'".to_owned());
    }
    match as_argument(&delivery.body) {
        Some(body) => {
            words.push(format!("--data-binary {}", quoted(body)));
            words.join(" ")
        }
        None => format!("printf {} | {} --data-binary @-", printf_format(&delivery.body), words.join(" ")),
    }
}

/// The body as text that can be pasted, if it can. curl reads a body that begins with `@` as the name of a file.
fn as_argument(body: &[u8]) -> Option<&str> {
    let text = str::from_utf8(body).ok().filter(|text| text.len() <= ARGUMENT_BYTES_MAX)?;
    let is_plain = |character: char| !character.is_control() || matches!(character, '\n' | '\t');
    (!text.starts_with('@') && text.chars().all(is_plain)).then_some(text)
}

/// A text in single quotes, in which a shell expands nothing.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Bytes as a format for `printf`.
fn printf_format(bytes: &[u8]) -> String {
    let mut format = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'\\' => format.push_str(r"\\"),
            b'%' => format.push_str("%%"),
            b'\n' => format.push('\n'),
            // printf reads a leading `-` as an option.
            b' '..=b'~' if index > 0 || *byte != b'-' => format.push(char::from(*byte)),
            _ => {
                let _ = write!(format, r"\{byte:03o}");
            }
        }
    }
    quoted(&format)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use seedhook::timestamp::Timestamp;

    use super::*;

    fn delivery(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> RawRequest {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        RawRequest::new(method, url, headers, body.to_vec(), Timestamp::from_millis(0))
    }

    /// Runs the line with a fake `curl`. Returns the arguments that `curl` gets, and its standard input.
    fn run(line: &str) -> (Vec<String>, Vec<u8>) {
        let words = "for word in \"$@\"; do printf '%s\\0' \"$word\"; done; printf '\\0'";
        let script = format!("curl() {{ {words}; case $word in @-) cat;; esac; }}\n{line}\n");
        let mut sh = Command::new("sh");
        let sh = sh.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut sh = sh.spawn().unwrap();
        sh.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let output = sh.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{line}\n{output:?}");
        let end = output.stdout.windows(2).position(|two| two == b"\0\0").unwrap();
        let words = String::from_utf8(output.stdout[..end].to_vec()).unwrap();
        (words.split('\0').map(ToOwned::to_owned).collect(), output.stdout[end + 2..].to_vec())
    }

    #[track_caller]
    fn check_body(body: &[u8], is_piped: bool) {
        let (words, piped) = run(&line(&delivery("POST", "http://a.example/", &[], body)));
        let last = words.last().unwrap();
        let sent = if is_piped { &piped } else { last.as_bytes() };
        assert!(sent == body, "{:?}", String::from_utf8_lossy(sent));
        assert_eq!(last == "@-", is_piped);
    }

    #[test]
    fn a_shell_changes_no_payload() {
        check_body(b"{\"a\": \"it's $HOME `x` \\n !! %s\"}\n\tb\n\n", false);
        check_body("''' é 漢 \\".as_bytes(), false);
        check_body(b"-d", false);
        check_body(b"@/etc/hosts", true);
        check_body(b"a\0b\xff\r\n%d\\101'", true);
        check_body(b"-\x01", true);
        check_body(&vec![b'\''; 70_000], true);
        let all: Vec<u8> = (0..=255).collect();
        check_body(&all, true);
    }

    #[track_caller]
    fn check_words(of: &RawRequest, expected: &[&str]) {
        assert_eq!(run(&line(of)).0, expected);
    }

    #[test]
    fn the_command_has_the_method_address_and_headers_that_were_signed() {
        let url = "http://a.example/?b[]=it's&c=$(d)";
        check_words(
            &delivery("POST", url, &[("X-A", "1'2"), ("X-Empty", ""), ("content-type", "text/plain")], b"x"),
            &[
                "-i",
                "-g",
                url,
                "-H",
                "content-type: text/plain",
                "-H",
                "x-a: 1'2",
                "-H",
                "x-empty;",
                "--data-binary",
                "x",
            ],
        );
        let url = "http://a.example/";
        check_words(
            &delivery("POST", url, &[], b"x"),
            &["-i", url, "-H", "content-type:", "--data-binary", "x"],
        );
        check_words(&delivery("PUT", url, &[], b""), &["-i", "-X", "PUT", url]);
        check_words(&delivery("GET", url, &[], b""), &["-i", url]);
        check_words(&delivery("POST", url, &[], b""), &["-i", "-X", "POST", url]);
    }
}
