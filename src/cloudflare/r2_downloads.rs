//! R2 `FILES`, read: a file's bytes go to the client as the runtime's own stream, and never enter wasm memory.

use worker::{Conditional, Range, ResponseBody};

use super::http_fabricate::one_line;
use super::r2_files::uploaded;
use super::world::Cloudflare;
use crate::http::download::{ByteRange, StoredFile};
use crate::http::runtime::{OpenedFile, StoredFiles};
use crate::ports::StoreError;

impl StoredFiles for Cloudflare {
    type Stream = ResponseBody;

    async fn head_file(&self, key: &str) -> Result<Option<StoredFile>, StoreError> {
        let object = self.files.head(key).await.map_err(|error| failed(&error))?;
        Ok(object.map(|object| StoredFile {
            name: String::new(),
            content_type: object.http_metadata().content_type,
            etag: object.http_etag(),
            last_modified: uploaded(&object),
            size: object.size(),
        }))
    }

    async fn open_file(
        &self,
        key: &str,
        etag: &str,
        part: Option<ByteRange>,
    ) -> Result<OpenedFile<ResponseBody>, StoreError> {
        let mut get = self.files.get(key);
        if let Some(part) = part {
            get = get.range(Range::OffsetWithLength { offset: part.first, length: part.length });
        }
        // R2's conditions take a tag without its quotes.
        let same =
            Conditional { etag_matches: Some(etag.trim_matches('"').to_owned()), ..Conditional::default() };
        let object = get.only_if(same).execute().await.map_err(|error| failed(&error))?;
        let Some(object) = object else { return Ok(OpenedFile::Missing) };
        match object.body() {
            Some(body) => body.response_body().map(OpenedFile::Opened).map_err(|error| failed(&error)),
            None => Ok(OpenedFile::Changed),
        }
    }
}

fn failed(error: &worker::Error) -> StoreError {
    StoreError::Unavailable { store: "FILES", reason: one_line(error) }
}
