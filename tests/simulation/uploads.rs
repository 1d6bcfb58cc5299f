//! Simulated uploads in parts, and word of copies under way: strongly consistent, as R2 is.

use std::collections::BTreeMap;

use seedhook::ports::{CopyLease, Destination, Upload, Version};
use seedhook::timestamp::Timestamp;

use crate::files::{Object, Piece};

#[derive(Default)]
pub(crate) struct Uploads {
    /// By R2's name.
    open: BTreeMap<String, Open>,
    /// Word of copies, with their versions.
    leases: BTreeMap<String, (CopyLease, Version)>,
    /// Which invocation names itself so in them.
    holders: BTreeMap<String, usize>,
    /// How many names and tags were given.
    given: u64,
}

/// An upload that is neither completed nor aborted.
struct Open {
    to: Destination,
    parts: BTreeMap<u16, (String, Piece)>,
}

impl Uploads {
    fn give(&mut self, what: &str) -> String {
        self.given += 1;
        format!("{what}{}", self.given)
    }

    pub(crate) fn create(&mut self, to: &Destination) -> String {
        let upload_id = self.give("upload");
        self.open.insert(upload_id.clone(), Open { to: to.clone(), parts: BTreeMap::new() });
        upload_id
    }

    /// `None`: there is no such upload.
    pub(crate) fn put(&mut self, upload: &Upload, number: u16, piece: Piece) -> Option<String> {
        let tag = self.give("tag");
        let open = self.open.get_mut(&upload.upload_id).filter(|open| open.to.key == upload.key)?;
        open.parts.insert(number, (tag.clone(), piece));
        Some(tag)
    }

    /// The object that the named parts make. `None`: there is no such upload, or they are not its parts as they stand,
    /// or are not equal but for the last.
    pub(crate) fn complete(&mut self, upload: &Upload) -> Option<(Destination, Object)> {
        let open = self.open.get(&upload.upload_id)?;
        let named = (1..).zip(&upload.etags).map(|(number, etag)| {
            open.parts.get(&number).filter(|(tag, _)| tag == etag).map(|(_, piece)| piece)
        });
        let pieces: Vec<&Piece> = named.collect::<Option<_>>()?;
        let first = pieces.first()?;
        let length = |piece: &&Piece| piece.to - piece.from;
        let (last, others) = pieces.split_last()?;
        let equal =
            others.iter().all(|piece| length(piece) == length(first)) && length(last) <= length(first);
        if !equal {
            return None;
        }
        let joined =
            pieces.windows(2).all(|pair| pair[0].to == pair[1].from && pair[0].content == pair[1].content);
        let whole = joined && first.from == 0;
        let size = pieces.iter().map(length).sum();
        let object = Object { size, content: if whole { first.content } else { !first.content } };
        self.open.remove(&upload.upload_id).map(|open| (open.to, object))
    }

    pub(crate) fn abort(&mut self, upload: &Upload) {
        self.open.remove(&upload.upload_id);
    }

    /// The invocation that word of a copy names, if that is another one.
    pub(crate) fn other_holder(&self, upload: &Upload, author: usize) -> Option<usize> {
        let copy = self.open.get(&upload.upload_id)?.to.copy_id();
        let holder = self.leases.get(&copy)?.0.holder.as_ref()?;
        self.holders.get(holder).copied().filter(|holder| *holder != author)
    }

    pub(crate) fn lease(&self, copy: &str) -> Option<(CopyLease, Version)> {
        self.leases.get(copy).cloned()
    }

    pub(crate) fn put_lease(
        &mut self,
        copy: &str,
        lease: &CopyLease,
        expected: Option<&Version>,
        author: usize,
        now: Timestamp,
    ) -> Option<Version> {
        self.holders.extend(lease.holder.clone().map(|holder| (holder, author)));
        let standing = self.leases.get(copy).map(|(_, version)| &version.etag);
        if standing != expected.map(|version| &version.etag) {
            return None;
        }
        let version = Version { etag: self.give("version"), at: now };
        self.leases.insert(copy.to_owned(), (lease.clone(), version.clone()));
        Some(version)
    }

    pub(crate) fn delete_lease(&mut self, copy: &str) {
        self.leases.remove(copy);
    }

    pub(crate) fn list(&self) -> Vec<(String, Timestamp)> {
        self.leases.iter().map(|(copy, (_, version))| (copy.clone(), version.at)).collect()
    }
}
