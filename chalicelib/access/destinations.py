"""Addresses of application entities: which may be registered and called (docs/adr/0012)."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from chalicelib.errors import BadRequest

Address = IPv4Address | IPv6Address

LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
HOST_NAME = re.compile(rf"(?:{LABEL}\.)*[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
"""RFC 1123 2.1; the last label begins with a letter, so that no other way to write an IPv4 address is one."""
HOST_CHARACTERS = 253
METADATA = frozenset({ip_address("fd00:ec2::254"), ip_address("fd00:ec2::23"), ip_address("fd00:ec2::253")})
"""Services of AWS by IPv6 (instance metadata, credentials of pods, DNS); by IPv4 they are link-local."""
NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
NEVER_CALLED = tuple(map(ip_network, ("0.0.0.0/8", "240.0.0.0/4")))


def valid_host(text: str) -> str:
    """A host name, or an IPv4 or IPv6 address that may be called, as it is registered.

    Raises
    ------
    errors.BadRequest
        If it is none.
    """
    host = text.strip().lower()
    try:
        address = ip_address(host)
    except ValueError:
        if len(host) > HOST_CHARACTERS or not HOST_NAME.fullmatch(host):
            raise BadRequest("The host is a host name or an IP address.") from None
        return host
    if "%" in host or not may_be_called(address, loopback=True):
        raise BadRequest("The host's address is of a range in which no application entity can be.")
    return str(address)


def may_be_called(address: Address, *, loopback: bool) -> bool:
    """Whether an address can be that of a hospital's application entity.

    Link-local ones hold the metadata and credentials services of the cloud; private ones are hospitals' networks.

    >>> [may_be_called(ip_address(text), loopback=False) for text in ("10.1.2.3", "169.254.170.2", "::1")]
    [True, False, False]
    """
    address = _embedded(address)
    if address.is_loopback:
        return loopback
    if address.is_link_local or address.is_multicast or address.is_unspecified or address in METADATA:
        return False
    return not any(address in network for network in NEVER_CALLED)


def _embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if any(address in network for network in NAT64):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
