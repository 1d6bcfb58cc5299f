//! An endpoint that is notified: it keeps each request, and answers as it is told to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How long a test waits for a message.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often it looks.
const PAUSE: Duration = Duration::from_millis(50);

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) path: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Status(u16),
    Never,
    WithoutEnd,
}

/// The endpoint. Its threads end with the test's process.
pub(super) struct Receiver {
    port: u16,
    told: Arc<Mutex<Vec<Told>>>,
    answer: Arc<Mutex<Answer>>,
}

impl Receiver {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (told, answer) = (Arc::default(), Arc::new(Mutex::new(Answer::Status(204))));
        let receiver = Self { port, told: Arc::clone(&told), answer: Arc::clone(&answer) };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (told, answer) = (Arc::clone(&told), Arc::clone(&answer));
                thread::spawn(move || receive(stream, &told, &answer));
            }
        });
        receiver
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    pub(super) fn answer_with(&self, status: u16) {
        *self.answer.lock().unwrap() = Answer::Status(status);
    }

    pub(super) fn answer_never(&self) {
        *self.answer.lock().unwrap() = Answer::Never;
    }

    pub(super) fn answer_without_end(&self) {
        *self.answer.lock().unwrap() = Answer::WithoutEnd;
    }

    pub(super) fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    /// The first messages, once so many have come.
    #[track_caller]
    pub(super) fn wait_for(&self, count: usize) -> Vec<Told> {
        for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
            if self.told().len() >= count {
                return self.told();
            }
            thread::sleep(PAUSE);
        }
        assert!(self.told().len() >= count, "{} of {count} messages came", self.told().len());
        self.told()
    }
}

fn receive(stream: TcpStream, told: &Mutex<Vec<Told>>, answer: &Mutex<Answer>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap_or(0);
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap();
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap_or(());
    told.lock().unwrap().push(Told { path, headers, body: String::from_utf8(body).unwrap() });
    let now = *answer.lock().unwrap();
    reply(stream, now);
}

fn reply(mut stream: TcpStream, answer: Answer) {
    match answer {
        Answer::Never => thread::sleep(Duration::from_mins(10)),
        Answer::Status(status) => {
            let head = format!(
                "HTTP/1.1 {status} x\r\ncontent-length: 0\r\nlocation: /elsewhere\r\nconnection: close\r\n\r\n"
            );
            drop(stream.write_all(head.as_bytes()));
        }
        Answer::WithoutEnd => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n");
            let piece = vec![b'x'; 64 * 1024];
            for _ in 0..16_384 {
                if stream.write_all(&piece).is_err() {
                    break;
                }
            }
        }
    }
}
