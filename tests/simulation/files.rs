//! Simulated files: downloads that fail, lead elsewhere, stop short, bring other bytes or those of another version.

use std::collections::BTreeMap;

use seedhook::fabricate::{Head, REDIRECTS_MAX, Resume, TaskId};
use seedhook::ports::{Download, Source};
use url::Url;

use crate::chance::pick;
use crate::fabricate::API;
use crate::promises::Promise;
use crate::world::{Invocation, State};

/// Where Fabricate's redirects lead.
const STORAGE: &str = "https://storage.example/x";

/// A size from which on a file is long on its way.
const LONG_BYTES: u64 = 20 << 20;

/// How many bytes come in a millisecond.
const BYTES_PER_MS: u64 = 20_000;

/// What is in the bucket: bytes, stood for by a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) size: u64,
    pub(crate) content: u64,
}

/// A file of a task as it will go.
#[expect(clippy::struct_excessive_bools, reason = "each is one independent throw of the dice")]
pub(crate) struct File {
    pub(crate) object: Object,
    /// Whether the task says how large it is, and whether that is so.
    stated: bool,
    misstated: bool,
    way: Way,
    /// Its download is answered 404.
    broken: bool,
    /// Its answer states no length.
    chunked: bool,
    /// Its answer names its version, and a rest of it can be asked for.
    versioned: bool,
    ranges: Ranges,
    /// The contents that it had before.
    earlier: Vec<u64>,
    /// How often other bytes than the stated ones came.
    pub(crate) bad_copies: u32,
}

/// How a download goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// So many redirects to storage, then the bytes.
    Redirects(usize),
    /// A redirect that must not be followed.
    Astray(Option<&'static str>),
}

/// What a server does that is asked for the rest of a file, if that has not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ranges {
    /// It sends that, or the whole file where it has changed.
    Honoured,
    /// It sends the whole file.
    Ignored,
    /// It sends the rest of whatever the file is now.
    OfAnyVersion,
    /// It sends another part.
    Wrong,
    /// It refuses (416).
    Refused,
}

/// Bytes on their way: those of an object from one offset to another, or to where the connection breaks.
pub(crate) struct Body {
    object: Object,
    at: u64,
    end: u64,
    pub(crate) broken: bool,
}

/// Bytes that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) content: u64,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

impl Piece {
    pub(crate) fn object(&self) -> Object {
        Object {
            size: self.to - self.from,
            content: if self.from == 0 { self.content } else { !self.content },
        }
    }
}

impl File {
    /// A `clean` one is archived or given up in one pass.
    pub(crate) fn draw(rng: &mut fastrand::Rng, clean: bool) -> Self {
        let astray = [Some("https://10.0.0.1/x"), Some("http://storage.example/x/1/1/1"), None];
        let way = match rng.u8(..24) {
            0 => Way::Astray(*pick(rng, &astray)),
            1 => Way::Redirects(REDIRECTS_MAX + 1),
            2 => Way::Redirects(REDIRECTS_MAX),
            3..8 => Way::Redirects(1),
            _ => Way::Redirects(0),
        };
        let long = !clean && rng.u8(..8) == 0;
        let size = if long { rng.u64(LONG_BYTES..10 * LONG_BYTES) } else { rng.u64(0..1_000_000) };
        let misstated = !clean && rng.u8(..24) == 0;
        Self {
            object: Object { size, content: rng.u64(..) },
            stated: misstated || rng.u8(..4) > 0,
            misstated,
            way,
            broken: rng.u8(..24) == 0,
            chunked: rng.bool(),
            versioned: rng.u8(..4) > 0,
            ranges: match rng.u8(..10) {
                0 => Ranges::OfAnyVersion,
                1 => Ranges::Wrong,
                2 => Ranges::Refused,
                3..5 => Ranges::Ignored,
                _ => Ranges::Honoured,
            },
            earlier: Vec::new(),
            bad_copies: 0,
        }
    }

    /// What the task says of it.
    pub(crate) fn listing(&self, index: u32) -> String {
        let size = self.stated.then(|| (self.object.size + u64::from(self.misstated)).to_string());
        let size = size.as_deref().unwrap_or("null");
        format!(r#"{{"id":{index},"name":"../report {index}.csv","size":{size},"content_type":"text/csv"}}"#)
    }

    /// Whether it cannot be copied, ever.
    pub(crate) fn is_hopeless(&self) -> bool {
        let astray = match self.way {
            Way::Redirects(count) => count > REDIRECTS_MAX,
            Way::Astray(_) => true,
        };
        astray || self.broken || self.misstated
    }

    /// Whether its size is known before its bytes come.
    pub(crate) fn is_measured(&self) -> bool {
        self.stated || !self.chunked
    }

    /// Whether these are its bytes, or were.
    pub(crate) fn is(&self, object: &Object) -> bool {
        object.size == self.object.size
            && (object.content == self.object.content || self.earlier.contains(&object.content))
    }

    /// Other bytes take the place of these.
    fn change(&mut self, content: u64) {
        self.earlier.push(std::mem::replace(&mut self.object.content, content));
    }

    /// The answer with its bytes, or with those from an offset on. A `spoilt` one breaks off.
    fn answer(&mut self, at: Option<&Resume>, spoilt: Option<u64>) -> Download<Body> {
        if self.misstated || spoilt.is_some() {
            self.bad_copies += 1;
        }
        let size = self.object.size;
        let etag = format!("\"{}\"", self.object.content);
        let from = match at {
            Some(rest) if rest.validator.as_str() == etag || self.ranges == Ranges::OfAnyVersion => {
                match self.ranges {
                    Ranges::Honoured | Ranges::OfAnyVersion => rest.from,
                    Ranges::Wrong => rest.from / 2,
                    Ranges::Refused => return status(416, None),
                    Ranges::Ignored => 0,
                }
            }
            _ => 0,
        };
        if from >= size && from > 0 {
            return status(416, None);
        }
        let mut headers = BTreeMap::new();
        if !self.chunked {
            headers.insert("content-length".to_owned(), (size - from).to_string());
        }
        if self.versioned {
            headers.insert("etag".to_owned(), etag);
        }
        if from > 0 {
            headers.insert("content-range".to_owned(), format!("bytes {from}-{}/{size}", size - 1));
        }
        let end = spoilt.map_or(size, |cut| from + cut % (size - from).max(1));
        let body = Body { object: self.object.clone(), at: from, end, broken: spoilt.is_some() };
        Download { head: Head { status: if from > 0 { 206 } else { 200 }, headers }, body }
    }
}

/// Which file an address stands for, and after how many redirects.
fn locate(url: &Url) -> Option<(TaskId, usize, usize)> {
    let parts: Vec<&str> = url.path_segments()?.collect();
    let (task, file, hop) = match parts.as_slice() {
        ["api", "v1", "workflow_tasks", task, file, "download"] => (task, file, "0"),
        ["x", task, file, hop] => (task, file, *hop),
        _ => return None,
    };
    Some((TaskId::try_from((*task).to_owned()).ok()?, file.parse().ok()?, hop.parse().ok()?))
}

fn status(status: u16, location: Option<String>) -> Download<Body> {
    let headers = location.map(|location| ("location".to_owned(), location)).into_iter().collect();
    let object = Object { size: 0, content: 0 };
    Download { head: Head { status, headers }, body: Body { object, at: 0, end: 0, broken: false } }
}

impl State {
    /// An answer that asks for fewer requests, most often for a while.
    fn busy(&mut self) -> Download<Body> {
        let mut busy = status(*pick(&mut self.rng, &[429, 429, 503]), None);
        if self.rng.u8(..4) > 0 {
            busy.head.headers.insert("retry-after".to_owned(), self.rng.u32(1..4_000).to_string());
        }
        busy
    }

    pub(crate) fn download(
        &mut self,
        on: &Invocation,
        from: &Source,
        at: Option<&Resume>,
    ) -> Option<Download<Body>> {
        let world = &on.world;
        let home = from.url.origin() == API.base().origin();
        if from.authorized && !home {
            self.breaks(Promise::TheKeyStaysHome, format!("the key goes to {}", from.url));
        }
        if from.url.scheme() != "https" || from.url.host_str() == Some("10.0.0.1") {
            self.breaks(Promise::TheKeyStaysHome, format!("{} is asked", from.url));
        }
        let noisy = !self.calm && !world.profile.clean;
        let out = noisy && world.is_within(world.profile.outages[2]);
        let fault = if noisy { self.rng.u8(..40) } else { u8::MAX };
        match fault {
            _ if out => return None,
            0 => return None,
            1 => return Some(self.busy()),
            2..4 => return Some(status(500, None)),
            _ => {}
        }
        let now_ms = world.now_ms();
        let (task_id, index, hop) = locate(&from.url).expect("an address of a file");
        let spoilt = (fault == 4).then(|| self.rng.u64(..));
        let found = self.workflows.tasks.iter_mut().find(|job| job.id == task_id && now_ms < job.gone_ms);
        let Some(file) = found.and_then(|job| job.files.get_mut(index)) else {
            return Some(status(404, None));
        };
        match file.way {
            Way::Astray(location) => return Some(status(302, location.map(str::to_owned))),
            Way::Redirects(count) if hop < count => {
                let location = format!("{STORAGE}/{task_id}/{index}/{}", hop + 1);
                return Some(status(302, Some(location)));
            }
            Way::Redirects(_) => {}
        }
        // A server that does not look at versions is met when there is another one.
        if fault == 5 || file.ranges == Ranges::OfAnyVersion && at.is_some() {
            file.change(self.rng.u64(..));
        }
        Some(if file.broken { status(404, None) } else { file.answer(at, spoilt) })
    }
}

impl Body {
    /// Takes so many bytes, fewer where there are no more, and the time that they take.
    pub(crate) fn take(&mut self, on: &Invocation, bytes: u64) -> (Piece, i64) {
        let from = self.at;
        self.at = self.end.min(from + bytes);
        let taken = i64::try_from((self.at - from) / BYTES_PER_MS).unwrap_or(i64::MAX);
        let state = &mut *on.world.state.borrow_mut();
        let one_in = if self.end >= LONG_BYTES { 12 } else { 50 };
        let slow = !state.calm && !on.world.profile.clean && state.rng.u8(..one_in) == 0;
        let wait_ms = if slow { state.rng.i64(0..300_000) } else { 20 };
        (Piece { content: self.object.content, from, to: self.at }, taken + wait_ms)
    }
}
