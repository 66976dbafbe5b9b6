//! Which addresses a name may stand for.
//!
//! A name belongs to whoever answers for it, so what it stands for is judged after it was resolved: else a granted
//! name could be pointed at the machine's own services or at a cloud's metadata.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pelton_types::{Host, Origin};

/// Where clouds answer their machines with credentials. Some stand in ranges that private networks use.
const METADATA: [IpAddr; 7] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Ranges of IPv4 that are not public, as first address and length of the prefix.
const SPECIAL_V4: [(Ipv4Addr, u32); 10] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Those of a private network, or of this machine.
const PRIVATE_V4: [(Ipv4Addr, u32); 5] = [
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
];

/// What the host of a granted origin may stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It is an address: that one.
    Literal,
    /// It is `localhost`: this machine.
    Loopback,
    /// Public addresses.
    Public,
    /// Those and the ones of a private network or of this machine.
    Private,
}

/// What kind of address it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Public,
    Private,
    /// Link-local, multicast, metadata, documentation, broadcast, and what leads back to such.
    Special,
}

impl Reach {
    pub(crate) fn of(origin: &Origin, private: bool) -> Self {
        match origin.host() {
            Host::V4(_) | Host::V6(_) => Self::Literal,
            Host::Name(name) if name == "localhost" => Self::Loopback,
            Host::Name(_) if private => Self::Private,
            Host::Name(_) => Self::Public,
        }
    }

    /// Whether a connection to this address may be made.
    pub(crate) fn admits(self, address: IpAddr) -> bool {
        match self {
            Self::Literal => true,
            Self::Loopback => address.to_canonical().is_loopback(),
            Self::Public => kind(address) == Kind::Public,
            Self::Private => kind(address) != Kind::Special,
        }
    }
}

fn kind(address: IpAddr) -> Kind {
    let address = address.to_canonical();
    if METADATA.contains(&address) {
        return Kind::Special;
    }
    match address {
        IpAddr::V4(address) => kind_v4(address),
        IpAddr::V6(address) => kind_v6(address),
    }
}

fn kind_v4(address: Ipv4Addr) -> Kind {
    let within = |(first, bits): &(Ipv4Addr, u32)| {
        (address.to_bits() ^ first.to_bits()).leading_zeros() >= *bits
    };
    if SPECIAL_V4.iter().any(within) {
        Kind::Special
    } else if PRIVATE_V4.iter().any(within) {
        Kind::Private
    } else {
        Kind::Public
    }
}

fn kind_v6(address: Ipv6Addr) -> Kind {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let embedded = |high: u16, low: u16| {
        kind(IpAddr::V4(Ipv4Addr::from_bits(
            u32::from(high) << 16 | u32::from(low),
        )))
    };
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0) if (g, h) == (0, 1) => Kind::Private,
        // NAT64 and 6to4 lead to an IPv4 address.
        (0x64, 0xff9b, 0, 0, 0, 0) => embedded(g, h),
        (0x2002, ..) => embedded(b, c),
        // Teredo, benchmarking, ORCHID and documentation.
        (0x2001, 0..0x200 | 0xdb8, ..) | (0x3fff, 0..0x1000, ..) => Kind::Special,
        _ if address.is_unique_local() => Kind::Private,
        // Of all others only these are given out.
        (0x2000..0x4000, ..) => Kind::Public,
        _ => Kind::Special,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(addresses: &[&str]) -> Vec<Kind> {
        let parsed = addresses.iter().map(|text| text.parse().unwrap());
        parsed.map(kind).collect()
    }

    #[test]
    fn public_addresses_are_public() {
        let public = [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ];
        for (address, kind) in public.iter().zip(kinds(&public)) {
            assert_eq!(kind, Kind::Public, "{address}");
        }
    }

    #[test]
    fn private_addresses_are_private_however_they_are_written() {
        let private = [
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "::1",
            "fc00::1",
            "fdff::1",
            "::ffff:127.0.0.1",
            "::ffff:10.1.2.3",
            "64:ff9b::10.1.2.3",
            "2002:7f00:1::",
            "2002:c0a8:101::1",
        ];
        for (address, kind) in private.iter().zip(kinds(&private)) {
            assert_eq!(kind, Kind::Private, "{address}");
        }
    }

    #[test]
    fn nothing_leads_to_metadata_links_groups_or_nowhere() {
        let special = [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "::ffff:168.63.129.16",
            "fd00:ec2::23",
            "fd20:ce::254",
            "192.0.2.1",
            "198.19.0.1",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::7f00:1",
            "::ffff:169.254.169.254",
            "::ffff:0:127.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "2002:a9fe:a9fe::",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "100::1",
            "4000::1",
        ];
        for (address, kind) in special.iter().zip(kinds(&special)) {
            assert_eq!(kind, Kind::Special, "{address}");
        }
    }

    #[test]
    fn a_grant_reaches_as_far_as_it_is_written() {
        let reach = |origin: &str, private| Reach::of(&origin.parse().unwrap(), private);
        let loopback = "127.0.0.1".parse().unwrap();
        let private = "10.0.0.7".parse().unwrap();
        let metadata = "169.254.169.254".parse().unwrap();
        let public = "1.1.1.1".parse().unwrap();
        let admitted = |reach: Reach| {
            [loopback, private, metadata, public].map(|address| reach.admits(address))
        };
        assert_eq!(
            admitted(reach("https://a.example", false)),
            [false, false, false, true]
        );
        assert_eq!(
            admitted(reach("https://a.example", true)),
            [true, true, false, true]
        );
        assert_eq!(
            admitted(reach("http://localhost", true)),
            [true, false, false, false]
        );
        assert_eq!(admitted(reach("http://169.254.169.254", false)), [true; 4]);
    }
}
