//! Where a download may be redirected to: Fabricate answers with bytes, or redirects to signed storage.

use crate::reach::{Reach, reach};
use url::Url;

/// How many redirects one download may take.
pub const REDIRECTS_MAX: usize = 3;

/// The next request of a redirected download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirection {
    /// The next address.
    pub url: Url,
    /// Whether the request carries Fabricate's API key: only while the origin is Fabricate's own.
    pub authorized: bool,
}

/// Why a redirect is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// More than [`REDIRECTS_MAX`].
    #[error("more than {REDIRECTS_MAX} redirects")]
    TooMany,
    /// No `Location`, or not an address.
    #[error("redirect without a usable Location")]
    NoLocation,
    /// Neither https, nor http from a Fabricate that is http itself.
    #[error("redirect to an address that is not https")]
    NotHttps,
    /// An address with a user or a password in it.
    #[error("redirect to an address with a user name or password")]
    UserInfo,
    /// A private or loopback address or name, and Fabricate is not at such an address itself. What a *name* resolves to,
    /// a Worker cannot see.
    #[error("redirect to a private address")]
    Private,
    /// An address that no server has of its own, such as link-local, multicast, or one that embeds another.
    #[error("redirect to a special-purpose address")]
    Special,
}

/// Decides where the `hops_taken + 1`-th redirect leads.
///
/// # Errors
/// When it must not be followed.
pub fn follow_redirect(
    fabricate: &Url,
    from: &Url,
    authorized: bool,
    location: Option<&str>,
    hops_taken: usize,
) -> Result<Redirection, RedirectError> {
    if hops_taken >= REDIRECTS_MAX {
        return Err(RedirectError::TooMany);
    }
    let url = location
        .and_then(|location| from.join(location).ok())
        .filter(Url::has_host)
        .ok_or(RedirectError::NoLocation)?;
    let scheme_allowed = match url.scheme() {
        "https" => true,
        "http" => fabricate.scheme() == "http",
        _ => false,
    };
    if !scheme_allowed {
        return Err(RedirectError::NotHttps);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(RedirectError::UserInfo);
    }
    // The operator decides where Fabricate is.
    if url.host() != fabricate.host() {
        match reach(&url) {
            Reach::Public => {}
            Reach::Local if reach(fabricate) != Reach::Public => {}
            Reach::Local => return Err(RedirectError::Private),
            Reach::Special => return Err(RedirectError::Special),
        }
    }
    // A key that was dropped stays dropped: storage must not be able to redirect back with it.
    let authorized = authorized && url.origin() == from.origin();
    Ok(Redirection { url, authorized })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFICIAL: &str = "https://fabricate.tonic.ai/api/v1/";
    const LOCAL: &str = "http://127.0.0.1:8788/api/v1/";

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "reads better in the tables below")]
    fn check(fabricate: &str, location: &str, expected: Result<(&str, bool), RedirectError>) {
        let fabricate = Url::parse(fabricate).unwrap();
        let from = fabricate.join("workflow_tasks/t/1/download").unwrap();
        let got = follow_redirect(&fabricate, &from, true, Some(location), 0);
        let got = got.as_ref().map(|to| (to.url.as_str(), to.authorized));
        assert_eq!(got, expected.as_ref().map(|(url, key)| (*url, *key)), "{location}");
    }

    #[test]
    fn the_key_goes_along_only_within_the_origin() {
        check(OFFICIAL, "/files/1", Ok(("https://fabricate.tonic.ai/files/1", true)));
        check(OFFICIAL, "https://s3.example/x?sig=1", Ok(("https://s3.example/x?sig=1", false)));
        check(OFFICIAL, "https://fabricate.tonic.ai:444/x", Ok(("https://fabricate.tonic.ai:444/x", false)));
        check(LOCAL, "http://127.0.0.1:9000/x", Ok(("http://127.0.0.1:9000/x", false)));
    }

    #[test]
    fn plain_http_is_refused_unless_fabricate_is_plain_http() {
        check(OFFICIAL, "http://fabricate.tonic.ai/x", Err(RedirectError::NotHttps));
        check(OFFICIAL, "ftp://fabricate.tonic.ai/x", Err(RedirectError::NotHttps));
        check(OFFICIAL, "file:///etc/passwd", Err(RedirectError::NoLocation));
        check(LOCAL, "http://s3.example/x", Ok(("http://s3.example/x", false)));
    }

    #[test]
    fn private_addresses_are_refused_unless_fabricate_is_private() {
        for host in [
            "10.0.0.1",
            "127.0.0.1",
            "100.64.0.1",
            "0x7f.1",
            "localhost.",
            "db.internal",
            "[::1]",
            "[fd00::1]",
        ] {
            check(OFFICIAL, &format!("https://{host}/x"), Err(RedirectError::Private));
        }
        check(LOCAL, "http://10.0.0.1/x", Ok(("http://10.0.0.1/x", false)));
        check(LOCAL, "http://minio:9000/x", Ok(("http://minio:9000/x", false)));
        check("http://fabricate:3000/api/v1/", "http://minio:9000/x", Ok(("http://minio:9000/x", false)));
    }

    #[test]
    fn special_addresses_are_refused_from_everywhere() {
        for host in [
            "169.254.169.254",
            "224.0.0.1",
            "[2002:7f00:1::]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::a00:1]",
            "[fec0::1]",
        ] {
            check(OFFICIAL, &format!("https://{host}/x"), Err(RedirectError::Special));
            check(LOCAL, &format!("http://{host}/x"), Err(RedirectError::Special));
        }
    }

    #[test]
    fn fabricates_own_host_is_allowed_whatever_it_is() {
        let special = "http://198.18.0.5:8788/api/v1/";
        check(special, "/files/1", Ok(("http://198.18.0.5:8788/files/1", true)));
        check(special, "http://198.18.0.5:9000/x", Ok(("http://198.18.0.5:9000/x", false)));
        check(special, "http://198.18.0.6:9000/x", Err(RedirectError::Special));
    }

    #[test]
    fn an_address_with_a_user_is_refused() {
        for address in
            ["https://me@s3.example/x", "https://me:secret@s3.example/x", "https://:secret@s3.example/x"]
        {
            check(OFFICIAL, address, Err(RedirectError::UserInfo));
        }
        check(OFFICIAL, "https://fabricate.tonic.ai@evil.example/x", Err(RedirectError::UserInfo));
        check(OFFICIAL, "//me@fabricate.tonic.ai/x", Err(RedirectError::UserInfo));
        check(OFFICIAL, "https://s3.example/me@x", Ok(("https://s3.example/me@x", false)));
    }

    #[test]
    fn a_host_that_is_not_ascii_is_rejected() {
        // Digits of full width: some parsers read them as 127.0.0.1.
        for host in
            ["\u{ff11}\u{ff12}\u{ff17}.0.0.1", "%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1", "b\u{fc}cher.example"]
        {
            check(OFFICIAL, &format!("https://{host}/x"), Err(RedirectError::NoLocation));
        }
        let punycode = "https://xn--bcher-kva.example/x";
        check(OFFICIAL, punycode, Ok((punycode, false)));
    }

    #[test]
    fn a_dropped_key_stays_dropped_and_hops_end() {
        let fabricate = Url::parse(OFFICIAL).unwrap();
        let storage = Url::parse("https://s3.example/").unwrap();
        let back = follow_redirect(&fabricate, &storage, false, Some(OFFICIAL), 1).unwrap();
        assert!(!back.authorized);
        assert_eq!(
            follow_redirect(&fabricate, &storage, false, Some("/again"), REDIRECTS_MAX),
            Err(RedirectError::TooMany)
        );
        assert_eq!(follow_redirect(&fabricate, &storage, false, None, 0), Err(RedirectError::NoLocation));
    }
}
