"""Registering identity providers: what an operator may say about one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from chalicelib.access.accounts import NO_ACCOUNT
from chalicelib.access.model import Role
from chalicelib.access.oidc_model import ROLES, IdentityProvider, RoleRule, is_on_this_machine
from chalicelib.access.ports import Registry
from chalicelib.errors import BadRequest

PROVIDER_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST_PROVIDER_ID = 40
RESERVED = frozenset({"rpps", "ae", "client", "patient", "share", "token", "password"}) | NO_ACCOUNT
"""What subjects of other kinds begin with, and ways of signing in that have an account of another kind or none: whoever
came by a provider of that name would be asked for none."""


def provider_from(
    registry: Registry, provider_id: str, properties: Mapping[str, Any], *, public_url: str
) -> IdentityProvider:
    """A provider by its properties (schema `IdentityProviderProperties`).

    Raises
    ------
    errors.BadRequest
        If the id, the issuer or a rule cannot be.
    """
    if not PROVIDER_ID.fullmatch(provider_id) or len(provider_id) > LONGEST_PROVIDER_ID or provider_id in RESERVED:
        raise BadRequest("A provider's id has lower case letters, digits and inner hyphens, at most 40.")
    values = dict(properties)
    issuer = urlsplit(values["issuer"])
    local = is_on_this_machine(values["issuer"]) and is_on_this_machine(public_url)
    if not ((issuer.scheme == "https" and issuer.hostname) or local) or issuer.query or issuer.fragment:
        raise BadRequest("issuer: an HTTPS address without query or fragment.")
    rules = tuple(_rule(rule) for rule in values.pop("rules"))
    known = {hospital.hospital_id for hospital in registry.hospitals()}
    for rule in rules:
        if rule.hospital and rule.hospital not in known:
            raise BadRequest("rules: a hospital is not registered.")
    algorithms = tuple(values.pop("algorithms", ("RS256",)))
    return IdentityProvider(provider_id=provider_id, rules=rules, algorithms=algorithms, **values)


def _rule(rule: Mapping[str, Any]) -> RoleRule:
    role, hospital = Role(rule["role"]), rule.get("hospital", "")
    if role not in ROLES or (not hospital and role is not Role.GP):
        raise BadRequest("rules: every role but gp acts for a hospital.")
    return RoleRule(frozenset(rule["facts"]), role, hospital)
