//! A minimal HTTP/1.1 client on one connection: it costs the measured process nothing, and sends bytes that were prepared
//! before the measurement.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_mins(2);

/// The largest answer that is read, bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// One connection.
#[derive(Debug)]
pub(super) struct Client {
    stream: BufReader<TcpStream>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Client {
    pub(super) fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a request, given as the bytes on the wire, and reads its answer.
    pub(super) fn send(&mut self, request: &[u8]) -> Result<Answer> {
        self.begin(request)?;
        self.finish()
    }

    /// Sends a request or a part of it.
    pub(super) fn begin(&mut self, request: &[u8]) -> Result<()> {
        Ok(self.stream.get_mut().write_all(request)?)
    }

    /// Reads an answer.
    pub(super) fn finish(&mut self) -> Result<Answer> {
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.context("the answer has no status")?;
        let mut length = None;
        let mut is_chunked = false;
        // This ends: the connection has a timeout, and headers are few.
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = Some(value.trim().parse::<usize>()?);
            }
            is_chunked |= line == "transfer-encoding: chunked";
        }
        let body = if is_chunked { self.chunks()? } else { self.bytes(length.unwrap_or_default())? };
        Ok(Answer { status, body })
    }

    fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        // This ends: the body has a bound.
        loop {
            let size = usize::from_str_radix(&self.line()?, 16)?;
            body.extend(self.bytes(size)?);
            ensure!(self.line()?.is_empty(), "a chunk has no end");
            if size == 0 {
                return Ok(body);
            }
            ensure!(body.len() <= ANSWER_BYTES_MAX, "the answer is too large");
        }
    }

    fn bytes(&mut self, length: usize) -> Result<Vec<u8>> {
        ensure!(length <= ANSWER_BYTES_MAX, "the answer is too large");
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            bail!("the connection was closed");
        }
        Ok(line.trim_end().to_owned())
    }
}
