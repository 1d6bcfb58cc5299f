//! What kind of network address a URL names. What a *name* resolves to, a Worker cannot see.
//!
//! Sources: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and its updates), RFC 6761 and
//! RFC 6762 for names.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Who reaches an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Everybody, or a name that says nothing else.
    Public,
    /// Only those in one network, or on one machine: what a self-hosted Fabricate and its storage may have.
    Local,
    /// Nobody, many at once, one link, or another address that is embedded in this one.
    Special,
}

/// Endings of names that are resolved within one network or machine.
const LOCAL_NAMES: [&str; 7] =
    ["localhost", "localdomain", "local", "internal", "lan", "home.arpa", "intranet"];

/// What a URL's host is. `Url` has spelled the host as WHATWG's URL standard says: `0x7f.1` is 127.0.0.1 by now.
pub(crate) fn reach(url: &Url) -> Reach {
    match url.host() {
        Some(Host::Ipv4(address)) => reach_v4(address),
        Some(Host::Ipv6(address)) => reach_v6(address),
        Some(Host::Domain(name)) => reach_name(name),
        None => Reach::Special,
    }
}

fn reach_name(name: &str) -> Reach {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    if name.split('.').any(str::is_empty) {
        return Reach::Special;
    }
    let is_below = |ending: &str| {
        name == ending || name.strip_suffix(ending).is_some_and(|before| before.ends_with('.'))
    };
    // A name of one part is found by a resolver's search list alone.
    if !name.contains('.') || LOCAL_NAMES.into_iter().any(is_below) { Reach::Local } else { Reach::Public }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        // Private (RFC 1918), loopback, and shared by a provider's customers (RFC 6598).
        [10 | 127, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Reach::Local,
        // This network; link-local, where clouds have their metadata service; IETF protocols; the former relays of
        // 6to4; benchmarks; documentation; multicast, reserved and broadcast.
        [0 | 224..=255, ..]
        | [169, 254, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18..=19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Reach::Special,
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    match address.segments() {
        // Loopback and unique local (RFC 4193).
        [0, 0, 0, 0, 0, 0, 0, 1] | [0xfc00..=0xfdff, ..] => Reach::Local,
        // IETF protocols, among them Teredo (2001::/32), which embeds an IPv4 address; documentation; 6to4.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => Reach::Special,
        // The only addresses that are given out to the public.
        [0x2000..=0x3fff, ..] => Reach::Public,
        // IPv4-compatible, -mapped and -translated (::/96, ::ffff:0:0/96, ::ffff:0:0:0/96), NAT64 (64:ff9b::/96,
        // 64:ff9b:1::/48), link-local, site-local (fec0::/10), multicast, and what is not given out.
        _ => Reach::Special,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expected: Reach, hosts: &[&str]) {
        for host in hosts {
            let url = Url::parse(&format!("https://{host}/x")).unwrap();
            assert_eq!(reach(&url), expected, "{host}, which is {:?}", url.host());
        }
    }

    #[test]
    fn ordinary_hosts_are_public() {
        check(
            Reach::Public,
            &[
                "s3.example",
                "s3.example.",
                "locals.example",
                "mylocalhost.com",
                "internal.example",
                "8.8.8.8",
                "1.1.1.1.",
            ],
        );
        check(
            Reach::Public,
            &["9.255.255.255", "11.0.0.0", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1"],
        );
        check(
            Reach::Public,
            &["192.0.1.1", "192.0.3.1", "198.17.0.1", "198.20.0.1", "223.255.255.255", "169.253.0.1"],
        );
        check(
            Reach::Public,
            &["[2606:4700::1111]", "[2001:200::1]", "[2001:db9::1]", "[2003::1]", "[3ffe::1]"],
        );
    }

    #[test]
    fn hosts_of_one_network_are_local() {
        check(Reach::Local, &["10.0.0.1", "127.0.0.1", "127.255.255.255", "172.16.0.1", "172.31.255.255"]);
        check(
            Reach::Local,
            &["192.168.1.1", "100.64.0.1", "100.127.255.255", "[::1]", "[fc00::1]", "[fdff::1]"],
        );
        check(
            Reach::Local,
            &[
                "localhost",
                "LOCALHOST",
                "localhost.",
                "a.localhost",
                "a.localhost.",
                "minio",
                "db.local",
                "metadata.google.internal",
            ],
        );
        check(Reach::Local, &["nas.lan", "x.home.arpa", "a.localdomain", "local.", "internal"]);
    }

    #[test]
    fn spellings_of_an_address_are_that_address() {
        check(Reach::Local, &["2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "127.0.0.1."]);
        check(Reach::Local, &["%31%32%37.0.0.1", "%6cocalhost", "LocalHost"]);
        check(Reach::Special, &["2852039166", "0xa9fea9fe", "0251.0376.0251.0376"]);
    }

    #[test]
    fn a_spelling_that_is_not_ascii_is_no_address() {
        for host in ["１２７.0.0.1", "127。0。0。1", "ⓛocalhost", "%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1"]
        {
            assert!(Url::parse(&format!("https://{host}/x")).is_err(), "{host}");
        }
    }

    #[test]
    fn addresses_that_are_special_or_embed_another_are_special() {
        check(
            Reach::Special,
            &[
                "0.0.0.0",
                "0.255.0.1",
                "169.254.169.254",
                "192.0.0.1",
                "192.0.2.1",
                "192.88.99.1",
                "198.18.0.1",
            ],
        );
        check(
            Reach::Special,
            &[
                "198.19.255.255",
                "198.51.100.1",
                "203.0.113.1",
                "224.0.0.1",
                "239.255.255.250",
                "240.0.0.1",
                "255.255.255.255",
            ],
        );
        // 6to4 and Teredo.
        check(
            Reach::Special,
            &["[2002:7f00:1::]", "[2002:808:808::1]", "[2001::1]", "[2001:0:4136:e378::1]"],
        );
        // Mapped, compatible, translated, NAT64.
        check(
            Reach::Special,
            &["[::ffff:10.0.0.1]", "[::ffff:8.8.8.8]", "[::7f00:1]", "[::8.8.8.8]", "[::]"],
        );
        check(
            Reach::Special,
            &["[::ffff:0:808:808]", "[64:ff9b::7f00:1]", "[64:ff9b::808:808]", "[64:ff9b:1::a00:1]"],
        );
        check(
            Reach::Special,
            &[
                "[fe80::1]",
                "[fec0::1]",
                "[feff::1]",
                "[ff02::1]",
                "[ff0e::1]",
                "[2001:db8::1]",
                "[3fff::1]",
                "[100::1]",
                "[5f00::1]",
            ],
        );
        check(Reach::Special, &["a..example", "localhost..", "10.0.0.1.."]);
    }
}
