//! For tests of what archives nothing.

/// Implements [`super::Archive`] for a test's world in which no file may be touched.
macro_rules! no_archive {
    ($world:ty) => {
        impl $crate::ports::Archive for $world {
            type Body = ();
            type Data = ();

            async fn find(&self, _: &str) -> Result<Option<$crate::ports::Archived>, $crate::ports::StoreError> {
                unreachable!("no file is archived")
            }
            async fn download(
                &self,
                _: &$crate::ports::Source,
                _: Option<&$crate::fabricate::Resume>,
            ) -> Result<$crate::ports::Download<()>, $crate::ports::CopyError> {
                unreachable!("no file is archived")
            }
            async fn put(
                &self,
                _: &$crate::ports::Destination,
                (): (),
                _: &$crate::ports::Put,
            ) -> Result<$crate::ports::Archived, $crate::ports::CopyError> {
                unreachable!("no file is archived")
            }
            async fn put_data(
                &self,
                _: &$crate::ports::Destination,
                (): (),
                _: Option<$crate::fabricate::Checksum>,
            ) -> Result<$crate::ports::Archived, $crate::ports::CopyError> {
                unreachable!("no file is archived")
            }
            async fn next_part(
                &self,
                _: &mut (),
                _: u64,
            ) -> Result<$crate::ports::Part<()>, $crate::ports::CopyError> {
                unreachable!("no file is archived")
            }
            async fn create_upload(
                &self,
                _: &$crate::ports::Destination,
            ) -> Result<String, $crate::ports::StoreError> {
                unreachable!("no file is archived")
            }
            async fn put_part(
                &self,
                _: &$crate::ports::Upload,
                _: u16,
                (): (),
            ) -> Result<String, $crate::ports::CopyError> {
                unreachable!("no file is archived")
            }
            async fn complete_upload(
                &self,
                _: &$crate::ports::Upload,
            ) -> Result<$crate::ports::Archived, $crate::ports::CopyError> {
                unreachable!("no file is archived")
            }
            async fn abort_upload(&self, _: &$crate::ports::Upload) -> Result<(), $crate::ports::StoreError> {
                unreachable!("no file is archived")
            }
            async fn get_progress(
                &self,
                _: &str,
            ) -> Result<Option<($crate::ports::Progress, $crate::ports::Version)>, $crate::ports::StoreError> {
                unreachable!("no file is archived")
            }
            async fn put_progress(
                &self,
                _: &str,
                _: &$crate::ports::Progress,
                _: Option<&$crate::ports::Version>,
            ) -> Result<Option<$crate::ports::Version>, $crate::ports::StoreError> {
                unreachable!("no file is archived")
            }
            async fn delete_progress(&self, _: &str) -> Result<(), $crate::ports::StoreError> {
                unreachable!("no file is archived")
            }
            async fn list_progress(
                &self,
                _: Option<&str>,
            ) -> Result<$crate::ports::Page<(String, $crate::timestamp::Timestamp)>, $crate::ports::StoreError>
            {
                unreachable!("no file is archived")
            }
        }
    };
}

pub(crate) use no_archive;
