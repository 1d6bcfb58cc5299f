//! `files --download`.

use std::fs;
use std::path::Path;

use super::*;
use crate::host::{Interrupted, header};
use crate::testing::Network;

const FIRST: &str = "01a2-1";
const SECOND: &str = "01a2-2";

/// A file as the Worker has it.
#[derive(Clone, Copy)]
struct Stored {
    run: &'static str,
    content: &'static [u8],
    tag: &'static str,
    /// After how many bytes each answer breaks off.
    cut: Option<usize>,
}

const STORED: Stored = Stored { run: FIRST, content: b"0123456789", tag: "\"a\"", cut: None };

impl Stored {
    /// A Worker with a completed run that has the file.
    fn network(self) -> Network {
        self.network_of(move |request| self.answer(request))
    }

    /// The same, which answers downloads so.
    fn network_of(self, download: impl Fn(&HttpRequest) -> Answer + 'static) -> Network {
        let url = format!("/api/runs/{}/files/1", self.run);
        let file = json!({"id": "1", "name": "a.csv", "size": self.content.len(), "state": "archived", "sha256": null, "url": url});
        let run = json!({"run_id": self.run, "status": "completed", "files": [file]});
        Network::new(move |request| {
            Ok(if path(request) == url { download(request) } else { Answer::json(200, &run) })
        })
    }

    /// The answer to a download, by RFC 9110.
    fn answer(self, request: &HttpRequest) -> Answer {
        let fits = header(&request.headers, "if-range").is_none_or(|tag| tag == self.tag);
        let range = header(&request.headers, "range").filter(|_| fits);
        let start = range.map(|range| range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap());
        let start: Option<usize> = start.map(|start| start.parse().unwrap());
        let rest = &self.content[start.unwrap_or(0)..];
        let mut headers = vec![("etag", self.tag.to_owned()), ("content-length", rest.len().to_string())];
        if let Some(start) = start {
            let all = self.content.len();
            headers.push(("content-range", format!("bytes {start}-{}/{all}", all - 1)));
        }
        let pieces = match self.cut.filter(|cut| *cut < rest.len()) {
            Some(cut) => vec![Some(rest[..cut].to_vec()), None],
            None => vec![Some(rest.to_vec())],
        };
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Answer { status: if start.is_some() { 206 } else { 200 }, headers, pieces: pieces.into() }
    }
}

/// Downloads into the folder `d`, and returns the ranges that were asked for, each with its tag.
fn download(host: &TestHost, run: &str) -> (Result<Exit>, Vec<String>) {
    host.asked.borrow_mut().clear();
    let exit = operate(host, "files", &[run, "--download", "d"]);
    let asked = host.asked.borrow();
    let value = |request: &HttpRequest, name: &str| header(&request.headers, name).unwrap_or("-").to_owned();
    let ranges =
        asked.iter().skip(1).map(|asked| format!("{} {}", value(asked, "range"), value(asked, "if-range")));
    (exit, ranges.collect())
}

/// The names in the folder `d`.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("d")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

/// A folder with a part of five bytes, which a command left whose connections all broke off.
fn with_part(stored: Stored) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let network = Stored { cut: Some(1), ..stored }.network();
    let host = TestHost { network: Some(network), ..TestHost::within(folder.path()) };
    let (exit, ranges) = download(&host, stored.run);
    assert_eq!(exit.unwrap(), Exit::Bad, "{}", host.said());
    assert_eq!(ranges.len(), 5);
    let [part]: [String; 1] = names(folder.path()).try_into().unwrap();
    assert!(part.starts_with("a.csv.") && part.ends_with(".seedhook-part"), "{part}");
    assert_eq!(fs::read(folder.path().join("d").join(part)).unwrap().len(), 5);
    folder
}

/// Downloads a file into a folder, and returns the ranges.
#[track_caller]
fn check_whole(folder: &Path, stored: Stored) -> Vec<String> {
    let host = TestHost { network: Some(stored.network()), ..TestHost::within(folder) };
    let (exit, ranges) = download(&host, stored.run);
    assert_eq!(exit.unwrap(), Exit::Good, "{}", host.said());
    assert_eq!(fs::read(folder.join("d/a.csv")).unwrap(), stored.content);
    ranges
}

#[test]
fn a_download_that_breaks_off_goes_on_in_the_same_version() {
    let folder = tempfile::tempdir().unwrap();
    let ranges = check_whole(folder.path(), Stored { cut: Some(4), ..STORED });
    assert_eq!(ranges, ["- -", "bytes=4- \"a\"", "bytes=8- \"a\""]);
    assert_eq!(names(folder.path()), ["a.csv"]);
}

#[test]
fn the_next_command_goes_on_too() {
    let folder = with_part(STORED);
    assert_eq!(check_whole(folder.path(), STORED), ["- -", "bytes=5- \"a\""]);
    assert_eq!(names(folder.path()), ["a.csv"]);
}

#[test]
fn parts_of_other_files_are_never_joined() {
    const OTHER: &[u8] = b"abcdefghij";
    let others = [
        Stored { content: OTHER, tag: "\"b\"", ..STORED },
        Stored { content: OTHER, run: SECOND, ..STORED },
        Stored { content: OTHER, tag: "W/\"a\"", ..STORED },
    ];
    for other in others {
        let folder = with_part(STORED);
        assert_eq!(check_whole(folder.path(), other), ["- -"], "{}", other.tag);
    }
}

#[test]
fn a_file_that_changes_while_it_comes_is_taken_anew() {
    let folder = tempfile::tempdir().unwrap();
    let now = Stored { content: b"abcdefghij", tag: "\"b\"", ..STORED };
    let before = Stored { cut: Some(4), ..STORED };
    let network = before.network_of(move |request| {
        if header(&request.headers, "range").is_some() { now.answer(request) } else { before.answer(request) }
    });
    let host = TestHost { network: Some(network), ..TestHost::within(folder.path()) };
    let (exit, _) = download(&host, FIRST);
    assert_eq!(exit.unwrap(), Exit::Good, "{}", host.said());
    assert_eq!(fs::read(folder.path().join("d/a.csv")).unwrap(), now.content);
}

#[track_caller]
fn check_refused(answer: Answer, expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let network = STORED.network_of(move |_| answer.clone());
    let host = TestHost { network: Some(network), ..TestHost::within(folder.path()) };
    let (exit, ranges) = download(&host, FIRST);
    assert_eq!((exit.unwrap(), ranges.len()), (Exit::Bad, 1), "{}", host.said());
    assert!(host.said().contains(expected), "{}", host.said());
    let sizes = names(folder.path())
        .into_iter()
        .map(|name| fs::read(folder.path().join("d").join(name)).unwrap().len());
    assert!(sizes.sum::<usize>() <= STORED.content.len());
}

#[test]
fn a_file_of_another_size_is_refused() {
    let longer = Stored { content: b"0123456789+", ..STORED };
    let request = HttpRequest {
        method: "GET".to_owned(),
        url: URL.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout_ms: 1,
    };
    check_refused(longer.answer(&request), "sends a file of 11 bytes, and the run says 10");
    let endless = Answer { status: 200, headers: Vec::new(), pieces: vec![Some(vec![0; 6]); 1_000].into() };
    check_refused(endless, "more than its 10 bytes came");
}

#[test]
fn only_the_files_of_a_completed_run_are_all() {
    for (status, expected) in [("completed", Exit::Good), ("in_progress", Exit::Bad), ("failed", Exit::Bad)] {
        for words in [&[FIRST, "--download", "d"] as &[&str], &[FIRST, "--download", "d", "--json"]] {
            let run = json!({"run_id": FIRST, "status": status, "files": []});
            let network = Network::new(move |_| Ok(Answer::json(200, &run)));
            let host = TestHost { network: Some(network), ..TestHost::new() };
            assert_eq!(operate(&host, "files", words).unwrap(), expected, "{status}");
        }
    }
}

#[test]
fn a_file_that_is_there_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    check_whole(folder.path(), STORED);
    let host = TestHost { network: Some(STORED.network()), ..TestHost::within(folder.path()) };
    assert_eq!(download(&host, FIRST).0.unwrap(), Exit::Good);
    assert!(host.said().contains("already there (only the size was compared): "), "{}", host.said());
    fs::write(folder.path().join("d/a.csv"), "mine").unwrap();
    assert_eq!(download(&host, FIRST).0.unwrap(), Exit::Bad);
    assert_eq!(fs::read(folder.path().join("d/a.csv")).unwrap(), b"mine");
}

#[test]
fn an_interrupted_download_says_how_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let network = Some(Stored { cut: Some(4), ..STORED }.network());
    let host = TestHost { network, interrupted_after_ms: Some(1_000), ..TestHost::within(folder.path()) };
    assert!(download(&host, FIRST).0.unwrap_err().is::<Interrupted>());
    assert!(
        host.said().contains("what came is kept, and the same command goes on from there"),
        "{}",
        host.said()
    );
    assert_eq!(names(folder.path()).len(), 1);
}
