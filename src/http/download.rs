//! Downloads of archived files: how a `GET` or `HEAD` of one is answered, with conditions and ranges (RFC 9110).
//!
//! Values in, values out: it must not read a store or hold a byte of a file.

mod disposition;
mod fields;
mod precondition;
mod range;
mod stored_file;

pub use fields::Fields;
pub use range::ByteRange;
pub use stored_file::StoredFile;

pub use disposition::attachment;

use precondition::Evaluated;
use range::Requested;

/// The methods that read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The file, or a part of it.
    Get,
    /// The headers of the answer to a `GET` without `Range`.
    Head,
}

/// The answer to a request for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileAnswer {
    /// 200, 206 or 304.
    Send(FileReply),
    /// 412: the file is not the one that the client's conditions name.
    PreconditionFailed,
    /// 416: the file has none of the bytes that the client asks for.
    RangeNotSatisfiable {
        /// How many bytes the file has.
        size: u64,
    },
}

/// An answer that is not an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReply {
    /// 200, 206 or 304.
    pub status: u16,
    /// Names and values; they are the same for `HEAD` and `GET`.
    pub headers: Vec<(&'static str, String)>,
    /// Which bytes are sent.
    pub body: FileBody,
}

/// The bytes of a file that are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileBody {
    /// No bytes.
    Empty,
    /// The whole file, which is not empty.
    Whole,
    /// A part of it.
    Part(ByteRange),
}

/// Answers a request for a file: conditions first, then ranges.
#[must_use]
pub fn answer(file: &StoredFile, method: Method, fields: &Fields) -> FileAnswer {
    match precondition::evaluate(file, fields) {
        Evaluated::Failed => return FileAnswer::PreconditionFailed,
        Evaluated::NotModified => {
            return FileAnswer::Send(FileReply {
                status: 304,
                headers: file.validators(),
                body: FileBody::Empty,
            });
        }
        Evaluated::Proceed => {}
    }
    // Only a GET may ask for a range (section 14.2). A range of another version would not fit the client's bytes.
    let range = fields.range.as_deref().filter(|_| method == Method::Get);
    let range = range.filter(|_| precondition::fits(file, fields.if_range.as_deref()));
    match range.map_or(Requested::Whole, |field| range::requested(field, file.size)) {
        Requested::NotSatisfiable => FileAnswer::RangeNotSatisfiable { size: file.size },
        Requested::Part(part) => {
            let mut headers = file.headers(part.length);
            headers.push(("Content-Range", part.content_range(file.size)));
            FileAnswer::Send(FileReply { status: 206, headers, body: FileBody::Part(part) })
        }
        Requested::Whole => {
            let body =
                if method == Method::Head || file.size == 0 { FileBody::Empty } else { FileBody::Whole };
            FileAnswer::Send(FileReply { status: 200, headers: file.headers(file.size), body })
        }
    }
}

#[cfg(test)]
mod tests;
