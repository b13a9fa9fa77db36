"""Addresses that are never called."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest

from chalicelib import errors
from chalicelib.access.destinations import may_be_called
from scp_fargate.outgoing import resolve

REFUSED = [
    "169.254.169.254", "169.254.170.2", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::1", "fe80::1", "fd00:ec2::254", "fd00:ec2::23", "0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "ff02::1",
    "255.255.255.255", "127.0.0.1", "::1", "::ffff:127.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_of_the_cloud_itself_are_refused(address: str) -> None:
    assert not may_be_called(ip_address(address), loopback=False)


@pytest.mark.parametrize("address", ["10.0.0.1", "172.16.0.9", "192.168.1.1", "100.64.0.1", "192.0.2.1", "fd12::1"])
def test_addresses_of_hospitals_are_not(address: str) -> None:
    assert may_be_called(ip_address(address), loopback=False)


def test_a_name_is_refused_if_any_of_its_addresses_is(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = ["10.0.0.1", "169.254.169.254"]
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 104)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(errors.Conflict):
        resolve("pacs.example", 104, loopback=False)
    del found[1]
    assert resolve("pacs.example", 104, loopback=False) == "10.0.0.1"


def test_loopback_only_where_the_service_itself_is() -> None:
    assert resolve("127.0.0.1", 104, loopback=True) == "127.0.0.1"
    with pytest.raises(errors.Conflict):
        resolve("127.0.0.1", 104, loopback=False)
