"""Who counts as one caller where attempts are counted by address."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network


def place_of(address: str) -> str:
    """An IPv4 address as it is; of an IPv6 address the /64, in which one subscriber has any number of addresses.

    >>> place_of("192.0.2.1"), place_of("2001:db8::1"), place_of("::ffff:192.0.2.1"), place_of("")
    ('192.0.2.1', '2001:db8::/64', '192.0.2.1', '')
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), 64), strict=False))
