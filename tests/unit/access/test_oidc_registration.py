"""Names that no identity provider may have."""

from __future__ import annotations

from typing import Any, cast

import pytest

from chalicelib.access.accounts import NO_ACCOUNT
from chalicelib.access.oidc_registration import provider_from
from chalicelib.access.ports import Registry
from chalicelib.errors import BadRequest

PROPERTIES: dict[str, Any] = {
    "name": "Clinique", "issuer": "https://id.example", "client_id": "sansfilm", "secret": "sansfilm/oidc/x",
    "rules": [{"facts": ["a"], "role": "gp"}],
}  # fmt: skip


class Nobody:
    """A registry without hospitals."""

    def hospitals(self) -> list[Any]:
        return []


def make(provider_id: str) -> str:
    registry = cast(Registry, Nobody())
    return provider_from(registry, provider_id, PROPERTIES, public_url="https://a.example").provider_id


@pytest.mark.parametrize("provider_id", sorted(NO_ACCOUNT | {"rpps", "client", "patient", "password"}))
def test_no_provider_is_named_like_another_way_of_signing_in(provider_id: str) -> None:
    """Its users' sessions would count as those of a guest or a machine, which no disabled account ends."""
    with pytest.raises(BadRequest):
        make(provider_id)


@pytest.mark.parametrize("provider_id", ["A", "a_b", "a--b", "-a", "1a", "a/b", "a:b", "é", "a" * 41])
def test_a_providers_name_is_plain(provider_id: str) -> None:
    with pytest.raises(BadRequest):
        make(provider_id)
    assert make("clinique-2") == "clinique-2"
