"""What a provider's claims say about somebody, as facts that its rules turn into a role (ADR 0026).

| claims | facts |
|---|---|
| Pro Santé Connect | `profession:10`, `expertise:SM26`, `organization:{SubjectOrganizationID}` |
| a hospital's provider | its groups, as they are named |
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.access.model import Role
from chalicelib.access.oidc_model import PRO_SANTE_CONNECT, IdentityProvider, RoleRule
from chalicelib.access.sessions import Identity
from chalicelib.archive.scope import Scope
from chalicelib.errors import NotAllowed, NotAuthenticated

RPPS = re.compile(r"8?([0-9]{11})")
"""National identifier of a health professional: a type, 8 for RPPS, before the eleven digits of the directory."""
SUBJECT = re.compile(r"[\x21-\x7e]{1,120}")
LONGEST_NAME, LONGEST_ORGANIZATION = 100, 80


@dataclass(frozen=True)
class Person:
    """Who was signed in elsewhere."""

    subject: str
    """Of sessions; `rpps:{eleven digits}`, or `{provider}:{its own name for the person}`."""
    display_name: str
    facts: frozenset[str]
    professional_id: str = ""
    """RPPS."""
    organization: str = ""
    """Place of work, as the provider names it."""


def person_of(provider: IdentityProvider, claims: Mapping[str, Any]) -> Person:
    """Who it is by the claims of the ID token and of UserInfo.

    Raises
    ------
    errors.NotAuthenticated
        If the claims do not say.
    """
    return _professional(claims) if provider.claims == PRO_SANTE_CONNECT else _user(provider, claims)


def identity_of(provider: IdentityProvider, person: Person) -> Identity:
    """On whose behalf the person's sessions act, by the first of the provider's rules that fits.

    Raises
    ------
    errors.NotAllowed
        If none does.
    """
    for rule in provider.rules:
        if rule.facts and rule.facts <= person.facts:
            return _identity(rule, person)
    raise NotAllowed("Your profession or groups give no access here.")


def _identity(rule: RoleRule, person: Person) -> Identity:
    # A referring physician sees whoever hands over a code, and nothing by being employed somewhere.
    sees_hospital = rule.hospital and rule.role is not Role.GP
    return Identity(
        person.subject,
        person.display_name,
        rule.role,
        rule.hospital,
        Scope(hospitals=(rule.hospital,)) if sees_hospital else Scope(),
        professional_id=person.professional_id,
        organization=person.organization,
    )


def _professional(claims: Mapping[str, Any]) -> Person:
    found = RPPS.fullmatch(_text(claims.get("SubjectNameID")))
    if found is None:
        raise NotAuthenticated("The identity provider names no RPPS number.")
    organization = _text(claims.get("SubjectOrganizationID"))[:LONGEST_ORGANIZATION]
    facts = set(_facts_of_practice(claims.get("SubjectRefPro")))
    if organization:
        facts.add(f"organization:{organization}")
    given, family = _text(claims.get("given_name")), _text(claims.get("family_name"))
    name = " ".join(filter(None, (given, family))) or f"RPPS {found[1]}"
    return Person(f"rpps:{found[1]}", name[:LONGEST_NAME], frozenset(facts), found[1], organization)


def _facts_of_practice(reference: Any) -> Iterator[str]:
    """Professions and expertise of the RPPS directory (`exercices`)."""
    practices = reference.get("exercices") if isinstance(reference, Mapping) else None
    for practice in practices if isinstance(practices, list) else ():
        if isinstance(practice, Mapping):
            if profession := _text(practice.get("codeProfession")):
                yield f"profession:{profession}"
            if expertise := _text(practice.get("codeSavoirFaire")):
                yield f"expertise:{expertise}"


def _user(provider: IdentityProvider, claims: Mapping[str, Any]) -> Person:
    subject = _text(claims.get(provider.subject_claim))
    if not SUBJECT.fullmatch(subject):
        raise NotAuthenticated("The identity provider does not say who it is.")
    groups = claims.get(provider.groups_claim)
    if groups is None:
        groups = _at(claims, provider.groups_claim)
    facts = frozenset(filter(None, map(_text, groups if isinstance(groups, list) else [groups])))
    name = _text(claims.get(provider.name_claim)) or subject
    return Person(f"{provider.provider_id}:{subject}", name[:LONGEST_NAME], facts)


def _at(claims: Any, path: str) -> Any:
    for name in path.split("."):
        claims = claims.get(name) if isinstance(claims, Mapping) else None
    return claims


def _text(value: Any) -> str:
    """A claim that is a text or a number, without surrounding spaces; "" for anything else."""
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
