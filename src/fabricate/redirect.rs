//! Where a download may be redirected to: Fabricate answers with bytes, or sends us to signed storage.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// How many redirects one download may take.
pub const REDIRECTS_MAX: usize = 3;

/// Where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirection {
    /// The next address.
    pub url: Url,
    /// Whether Fabricate's key goes along: only while the origin is Fabricate's own.
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
    /// A literal private, loopback or link-local address. What a *name* resolves to, a Worker cannot see.
    #[error("redirect to a private address")]
    Private,
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
    if is_private(&url) && !is_private(fabricate) {
        return Err(RedirectError::Private);
    }
    // Once dropped, the key stays dropped: storage must not be able to send us back with it.
    let authorized = authorized && url.origin() == from.origin();
    Ok(Redirection { url, authorized })
}

fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => is_private_v4(address),
        Some(Host::Ipv6(address)) => is_private_v6(address),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        None => true,
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    let shared = a == 100 && (64..128).contains(&b); // RFC 6598
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || a == 0
        || shared
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let embedded = address.to_ipv4_mapped().or_else(|| match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] | [0, 0, 0, 0, 0, 0, _, _] => {
            let [.., a, b, c, d] = address.octets();
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    });
    address.is_loopback()
        || address.is_unspecified()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || embedded.is_some_and(is_private_v4)
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
            "169.254.169.254",
            "192.168.1.1",
            "0.0.0.0",
            "100.64.0.1",
            "2130706433",
            "0x7f.1",
            "localhost",
            "a.localhost",
            "localhost.",
            "[::1]",
            "[fd00::1]",
            "[fe80::1]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[::7f00:1]",
        ] {
            check(OFFICIAL, &format!("https://{host}/x"), Err(RedirectError::Private));
        }
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
