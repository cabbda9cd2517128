//! Whose address a request comes from.
//!
//! A header that names an address is believed only when the socket's peer is a
//! configured proxy; otherwise anybody could be anybody. The answer is always an
//! address, never a text: `1.2.3.4` is no prefix of `1.2.3.45`, and an IPv4
//! address inside an IPv6 one is that IPv4 address.

use ipnet::IpNet;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

/// Cloudflare's published ranges, <https://www.cloudflare.com/ips/> as of
/// 28 September 2023, the date of their last change.
const CLOUDFLARE: &[&str] = &[
    "173.245.48.0/20",
    "103.21.244.0/22",
    "103.22.200.0/22",
    "103.31.4.0/22",
    "141.101.64.0/18",
    "108.162.192.0/18",
    "190.93.240.0/20",
    "188.114.96.0/20",
    "197.234.240.0/22",
    "198.41.128.0/17",
    "162.158.0.0/15",
    "104.16.0.0/13",
    "104.24.0.0/14",
    "172.64.0.0/13",
    "131.0.72.0/22",
    "2400:cb00::/32",
    "2606:4700::/32",
    "2803:f800::/32",
    "2405:b500::/32",
    "2405:8100::/32",
    "2a06:98c0::/29",
    "2c0f:f248::/32",
];

/// The proxies whose headers are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    /// Cloudflare's networks, if it is trusted: what comes from them carries a
    /// header of its own.
    cloudflare: Vec<IpNet>,
}

/// What the headers of a request say of where it comes from: every line of each, as it
/// came, believed by nobody yet.
#[derive(Clone, Debug, Default)]
pub struct ForwardingHeaders<'a> {
    /// `X-Forwarded-For`: lists of addresses, the nearest last.
    pub forwarded_for: Vec<&'a [u8]>,
    /// `CF-Connecting-IP`: the address that Cloudflare saw.
    pub connecting_ip: Vec<&'a [u8]>,
    /// `CF-Connecting-IPv6`: the address behind one that Cloudflare made up.
    pub connecting_ipv6: Vec<&'a [u8]>,
    /// `X-Forwarded-Proto`: what the client spoke to the first proxy, then what each
    /// proxy spoke to the next.
    pub forwarded_proto: Vec<&'a [u8]>,
}

/// A word that is neither a CIDR, nor an address, nor `cloudflare`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither a network nor the word cloudflare")]
pub struct NotANetwork;

impl FromStr for TrustedProxies {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let mut proxies = Self::default();
        for word in text.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty()) {
            if word.eq_ignore_ascii_case("cloudflare") {
                proxies.cloudflare = CLOUDFLARE.iter().filter_map(|range| range.parse().ok()).collect();
            } else if let Ok(network) = word.parse() {
                proxies.networks.push(network);
            } else {
                proxies.networks.push(word.parse::<IpAddr>().map_err(|_| NotANetwork)?.into());
            }
        }
        Ok(proxies)
    }
}

impl fmt::Display for TrustedProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words: Vec<String> = self.networks.iter().map(ToString::to_string).collect();
        if !self.cloudflare.is_empty() {
            words.push("cloudflare".to_owned());
        }
        f.write_str(&if words.is_empty() { "none".to_owned() } else { words.join(",") })
    }
}

impl TrustedProxies {
    /// True if `address` is one of the proxies.
    pub fn contains(&self, address: IpAddr) -> bool {
        within(&self.networks, address) || within(&self.cloudflare, address)
    }

    /// The address that a request comes from, given the socket's peer and the
    /// request's headers.
    ///
    /// The way back leads from the peer through `X-Forwarded-For`, last entry
    /// first, for as long as it meets trusted proxies. When it meets Cloudflare,
    /// `CF-Connecting-IP` has the answer; that header means nothing if the request
    /// reached another proxy without Cloudflare, as anybody can write it. Whatever
    /// does not parse ends the search: what stands before it was written by
    /// strangers.
    ///
    /// An entry may name a port (`203.0.113.7:54321`, `[2001:db8::7]:443`), as some
    /// proxies write it. Cloudflare's "Pseudo IPv4" puts an address that nobody has
    /// in the place of an IPv6 visitor's; then `CF-Connecting-IPv6` has the answer.
    pub fn client_address(&self, peer: IpAddr, headers: &ForwardingHeaders<'_>) -> IpAddr {
        let address = self.nearest_stranger(peer, headers);
        // Only a trusted proxy can have named such an address, so that the header
        // beside it is not a stranger's either.
        let real = || single(&headers.connecting_ipv6)?.trim().parse::<Ipv6Addr>().ok();
        match address {
            IpAddr::V4(made_up) if is_pseudo_ipv4(made_up) && address != peer.to_canonical() => {
                real().map_or(address, |real| IpAddr::V6(real).to_canonical())
            }
            _ => address,
        }
    }

    fn nearest_stranger(&self, peer: IpAddr, headers: &ForwardingHeaders<'_>) -> IpAddr {
        // As bytes: a line that is not ASCII is still a line, and ends the search where
        // it stops making sense, instead of not being there.
        let lines = headers.forwarded_for.iter().rev();
        let mut hops = lines.flat_map(|line| line.rsplit(|byte| *byte == b','));
        let mut nearest = peer.to_canonical();
        while self.contains(nearest) {
            if within(&self.cloudflare, nearest)
                && let Some(address) = single(&headers.connecting_ip).and_then(parse)
            {
                return address;
            }
            match hops.next().and_then(|hop| str::from_utf8(hop).ok()).and_then(parse) {
                Some(address) => nearest = address,
                None => break,
            }
        }
        nearest
    }

    /// True if the client speaks TLS to a trusted proxy.
    pub fn is_tls(&self, peer: IpAddr, headers: &ForwardingHeaders<'_>) -> bool {
        self.contains(peer) && first(&headers.forwarded_proto).is_some_and(|proto| proto.eq_ignore_ascii_case(b"https"))
    }
}

fn within(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// The header's value if it is there exactly once.
fn single<'a>(lines: &[&'a [u8]]) -> Option<&'a str> {
    match lines {
        [line] => str::from_utf8(line).ok(),
        _ => None,
    }
}

/// The first entry of a list that may be spread over several lines.
fn first<'a>(lines: &[&'a [u8]]) -> Option<&'a [u8]> {
    lines.first()?.split(|byte| *byte == b',').next().map(<[u8]>::trim_ascii)
}

/// The addresses from which Cloudflare makes up one for an IPv6 visitor; nobody has one
/// of them (RFC 1112, class E).
const fn is_pseudo_ipv4(address: Ipv4Addr) -> bool {
    240 <= address.octets()[0]
}

/// An address with or without a port; an IPv6 address may be in brackets.
fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    let address = text.parse().ok().or_else(in_brackets).or_else(with_port)?;
    Some(address.to_canonical())
}

/// How closely the address of a trace must match that of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpBinding {
    /// They are the same.
    Exact,
    /// They share the first 24 bits (IPv4) or 64 bits (IPv6).
    Prefix,
    /// They are not compared.
    Off,
}

impl IpBinding {
    /// True if a trace of `claimed` may come from `actual`.
    pub fn allows(self, claimed: Option<IpAddr>, actual: IpAddr) -> bool {
        let (claimed, actual) = match (self, claimed) {
            (Self::Off, _) => return true,
            (_, None) => return false,
            (_, Some(claimed)) => (claimed.to_canonical(), actual.to_canonical()),
        };
        match self {
            Self::Prefix => prefix(claimed) == prefix(actual),
            _ => claimed == actual,
        }
    }
}

fn prefix(address: IpAddr) -> Option<IpNet> {
    let bits = if address.is_ipv4() { 24 } else { 64 };
    IpNet::new(address, bits).ok().map(|network| network.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn headers<'a>(lines: &[(&str, &'a str)]) -> ForwardingHeaders<'a> {
        let lines_of =
            |wanted| lines.iter().filter(|(name, _)| *name == wanted).map(|(_, value)| value.as_bytes()).collect();
        ForwardingHeaders {
            forwarded_for: lines_of("x-forwarded-for"),
            connecting_ip: lines_of("cf-connecting-ip"),
            connecting_ipv6: lines_of("cf-connecting-ipv6"),
            forwarded_proto: lines_of("x-forwarded-proto"),
        }
    }

    #[test]
    fn headers_count_only_behind_a_trusted_peer() {
        let xff = ("x-forwarded-for", "203.0.113.7");
        let cf = ("cf-connecting-ip", "203.0.113.8");
        type Row<'a> = (&'a str, &'a str, &'a [(&'static str, &'a str)], &'a str);
        let table: &[Row<'_>] = &[
            ("", "198.51.100.1", &[xff, cf], "198.51.100.1"),
            ("10.0.0.0/8", "198.51.100.1", &[xff, cf], "198.51.100.1"),
            ("10.0.0.0/8", "10.1.1.1", &[xff], "203.0.113.7"),
            ("10.0.0.0/8", "::ffff:10.1.1.1", &[xff], "203.0.113.7"),
            // Cloudflare's header counts only if Cloudflare is trusted.
            ("10.0.0.0/8", "10.1.1.1", &[cf], "10.1.1.1"),
            ("cloudflare", "173.245.48.9", &[xff, cf], "203.0.113.8"),
            // What a client writes itself stands left of what the proxy saw.
            ("10.0.0.0/8", "10.1.1.1", &[("x-forwarded-for", "1.1.1.1, 203.0.113.7")], "203.0.113.7"),
            ("10.0.0.0/8", "10.1.1.1", &[("x-forwarded-for", "1.1.1.1, 203.0.113.7, 10.2.2.2")], "203.0.113.7"),
            (
                "10.0.0.0/8",
                "10.1.1.1",
                &[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "203.0.113.7")],
                "203.0.113.7",
            ),
            ("10.0.0.0/8", "10.1.1.1", &[("x-forwarded-for", "1.1.1.1, nonsense")], "10.1.1.1"),
            ("10.0.0.0/8", "10.1.1.1", &[("x-forwarded-for", "::ffff:203.0.113.7")], "203.0.113.7"),
            // A proxy appends to what a client sent, in whatever encoding.
            ("10.0.0.0/8", "10.1.1.1", &[("x-forwarded-for", "ü, 203.0.113.7")], "203.0.113.7"),
            ("10.0.0.0/8", "10.1.1.1", &[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "ü")], "10.1.1.1"),
            (
                "10.0.0.0/8",
                "10.1.1.1",
                &[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "ü, 10.2.2.2")],
                "10.2.2.2",
            ),
            ("10.0.0.0/8", "10.1.1.1", &[], "10.1.1.1"),
            ("cloudflare", "173.245.48.9", &[cf, cf], "173.245.48.9"),
            // A proxy of our own behind Cloudflare: its header counts if the request
            // came through Cloudflare, and not if somebody went around it.
            ("cloudflare, 127.0.0.1", "127.0.0.1", &[("x-forwarded-for", "1.1.1.1, 173.245.48.9"), cf], "203.0.113.8"),
            ("cloudflare, 127.0.0.1", "127.0.0.1", &[xff, cf], "203.0.113.7"),
            ("cloudflare, 127.0.0.1", "127.0.0.1", &[cf], "127.0.0.1"),
        ];
        for (trusted, peer, lines, expected) in table {
            let proxies: TrustedProxies = trusted.parse().unwrap();
            assert_eq!(proxies.client_address(ip(peer), &headers(lines)), ip(expected), "{trusted} {peer} {lines:?}");
        }
    }

    #[test]
    fn an_entry_may_name_a_port_and_be_in_brackets() {
        let proxies: TrustedProxies = "10.0.0.0/8".parse().unwrap();
        for (entry, expected) in [
            ("203.0.113.7:54321", "203.0.113.7"),
            ("[2001:db8::7]:443", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[::ffff:203.0.113.7]:1", "203.0.113.7"),
            ("1.1.1.1, 203.0.113.7:54321 , 10.2.2.2:80", "203.0.113.7"),
            // These name nobody.
            ("203.0.113.7:", "10.1.1.1"),
            ("203.0.113.7:port", "10.1.1.1"),
            ("[203.0.113.7]", "10.1.1.1"),
            ("2001:db8::7]:443", "10.1.1.1"),
        ] {
            let found = proxies.client_address(ip("10.1.1.1"), &headers(&[("x-forwarded-for", entry)]));
            assert_eq!(found, ip(expected), "{entry}");
        }
    }

    #[test]
    fn an_address_that_cloudflare_made_up_gives_way_to_the_real_one() {
        let (pseudo, real) = (("cf-connecting-ip", "243.16.4.1"), ("cf-connecting-ipv6", "2001:db8::7"));
        type Row<'a> = (&'a str, &'a str, &'a [(&'static str, &'a str)], &'a str);
        let table: &[Row<'_>] = &[
            ("cloudflare", "173.245.48.9", &[pseudo, real], "2001:db8::7"),
            ("cloudflare", "173.245.48.9", &[pseudo], "243.16.4.1"),
            ("cloudflare", "173.245.48.9", &[pseudo, real, real], "243.16.4.1"),
            // Without "Pseudo IPv4" that header is whatever the client sent.
            ("cloudflare", "173.245.48.9", &[("cf-connecting-ip", "203.0.113.8"), real], "203.0.113.8"),
            // cloudflared, which calls from the machine itself.
            ("127.0.0.1", "127.0.0.1", &[("x-forwarded-for", "243.16.4.1"), real], "2001:db8::7"),
            // Nobody but a trusted proxy is believed.
            ("cloudflare", "198.51.100.1", &[pseudo, real], "198.51.100.1"),
            ("10.0.0.0/8", "243.16.4.1", &[real], "243.16.4.1"),
        ];
        for (trusted, peer, lines, expected) in table {
            let proxies: TrustedProxies = trusted.parse().unwrap();
            assert_eq!(proxies.client_address(ip(peer), &headers(lines)), ip(expected), "{trusted} {peer} {lines:?}");
        }
    }

    #[test]
    fn what_the_client_spoke_is_the_first_entry() {
        let proxies: TrustedProxies = "10.0.0.0/8".parse().unwrap();
        for (lines, expected) in [
            (&["https"][..], true),
            (&["HTTPS"], true),
            (&["https,http"], true),
            (&["https", "http"], true),
            (&[" https , http"], true),
            (&["http,https"], false),
            (&["http", "https"], false),
            (&["https:"], false),
            (&[""], false),
            (&[], false),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-proto", *line)).collect();
            assert_eq!(proxies.is_tls(ip("10.1.1.1"), &headers(&lines)), expected, "{lines:?}");
            assert!(!proxies.is_tls(ip("198.51.100.1"), &headers(&lines)), "a stranger says {lines:?}");
        }
    }

    #[test]
    fn all_of_cloudflares_ranges_parse() {
        let proxies: TrustedProxies = "cloudflare, 192.0.2.1".parse().unwrap();
        assert_eq!(proxies.cloudflare.len(), CLOUDFLARE.len());
        assert!(proxies.contains(ip("2606:4700::1")) && proxies.contains(ip("192.0.2.1")));
        assert!("cloudflare, everyone".parse::<TrustedProxies>().is_err());
    }

    #[test]
    fn binding_compares_addresses_and_not_texts() {
        use IpBinding::{Exact, Off, Prefix};
        for (binding, claimed, actual, allowed) in [
            (Exact, Some("1.2.3.4"), "1.2.3.4", true),
            (Exact, Some("1.2.3.4"), "1.2.3.45", false),
            (Exact, Some("::ffff:1.2.3.4"), "1.2.3.4", true),
            (Exact, Some("2001:db8:0:0::1"), "2001:db8::1", true),
            (Exact, None, "1.2.3.4", false),
            (Prefix, Some("1.2.3.4"), "1.2.3.45", true),
            (Prefix, Some("1.2.3.4"), "1.2.4.4", false),
            (Prefix, Some("2001:db8::1"), "2001:db8::ffff:1", true),
            (Prefix, Some("2001:db8::1"), "2001:db8:0:1::1", false),
            (Prefix, Some("1.2.3.4"), "2001:db8::1", false),
            (Off, None, "1.2.3.4", true),
        ] {
            assert_eq!(binding.allows(claimed.map(ip), ip(actual)), allowed, "{binding:?} {claimed:?} {actual}");
        }
    }
}
