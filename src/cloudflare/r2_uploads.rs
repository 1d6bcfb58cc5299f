//! Uploads in parts to R2 `FILES`, and the records of copies under way: `uploads/{run_id}/{sha256 of file id}` in `INBOX`.

use wasm_bindgen::{JsCast, JsValue};
use worker::worker_sys::R2Bucket;
use worker::{Object, UploadedPart};

use super::io;
use super::r2_files::{custom_metadata, http_metadata};
use super::r2_inbox::unwritable;
use super::world::Cloudflare;
use crate::ports::{CopyLease, CopyLeases, Destination, Page, StoreError, Upload, Version};
use crate::timestamp::Timestamp;

const UPLOADS: &str = "uploads/";

impl Cloudflare {
    pub(super) async fn begin_upload(&self, to: &Destination) -> worker::Result<String> {
        let upload = self.files.create_multipart_upload(to.key.as_str());
        let upload = upload.http_metadata(http_metadata(to)).custom_metadata(custom_metadata(to));
        Ok(upload.execute().await?.upload_id().await)
    }

    /// By the runtime's own interface: the `worker` crate takes no bytes but wasm's. `data` is a `Uint8Array`, or a
    /// stream of known length.
    pub(super) async fn upload_part(
        &self,
        upload: &Upload,
        number: u16,
        data: JsValue,
    ) -> worker::Result<String> {
        let bucket: R2Bucket = JsValue::from(self.files.clone()).unchecked_into();
        let handle = bucket.resume_multipart_upload(upload.key.clone(), upload.upload_id.clone())?;
        let handle: worker::worker_sys::R2MultipartUpload = handle.unchecked_into();
        let part = io::wait_for(&handle.upload_part(number, data)?).await?;
        let etag = js_sys::Reflect::get(&part, &"etag".into())?;
        etag.as_string().ok_or_else(|| worker::Error::RustError("R2 gave no tag of a part".to_owned()))
    }

    pub(super) async fn finish_upload(&self, upload: &Upload) -> worker::Result<Object> {
        let parts = (1..).zip(&upload.etags).map(|(number, etag)| UploadedPart::new(number, etag.clone()));
        let handle = self.files.resume_multipart_upload(upload.key.as_str(), upload.upload_id.as_str())?;
        handle.complete(parts).await
    }

    pub(super) async fn drop_upload(&self, upload: &Upload) -> worker::Result<()> {
        self.files.resume_multipart_upload(upload.key.as_str(), upload.upload_id.as_str())?.abort().await
    }
}

impl CopyLeases for Cloudflare {
    async fn get_lease(&self, copy_id: &str) -> Result<Option<(CopyLease, Version)>, StoreError> {
        self.read_object(&key(copy_id)).await
    }

    async fn put_lease(
        &self,
        copy_id: &str,
        lease: &CopyLease,
        expected: Option<&Version>,
    ) -> Result<Option<Version>, StoreError> {
        let text = serde_json::to_string(lease).map_err(|error| unwritable(&error))?;
        let replaced = expected.map(|version| version.etag.as_str());
        self.inbox.put(&key(copy_id), &text, replaced).await
    }

    async fn delete_lease(&self, copy_id: &str) -> Result<(), StoreError> {
        self.inbox.delete(&key(copy_id)).await
    }

    async fn list_leases(&self, cursor: Option<&str>) -> Result<Page<(String, Timestamp)>, StoreError> {
        self.list_created(UPLOADS, cursor, |key| Some(key.strip_prefix(UPLOADS)?.to_owned())).await
    }
}

fn key(copy_id: &str) -> String {
    format!("{UPLOADS}{copy_id}")
}
