"""What claims make of somebody: nothing, unless a rule says so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.access.model import Role
from chalicelib.access.oidc_claims import identity_of, person_of
from chalicelib.access.oidc_model import PRO_SANTE_CONNECT, IdentityProvider, RoleRule
from chalicelib.access.oidc_sign_in import safe_return_path
from chalicelib.archive.scope import Scope
from chalicelib.errors import ArchiveError, NotAllowed, NotAuthenticated
from localstack import identity_providers

PSC, SUD = identity_providers.providers({"psc": 1, "sud": 2})
CONFIGURATION = identity_providers.configuration({"psc": 1, "sud": 2}, "http://127.0.0.1:8080", {"psc": "", "sud": ""})
PHYSICIAN, RADIOLOGIST, NURSE = (account["claims"] for account in CONFIGURATION["providers"][0]["accounts"])


def test_pro_sante_connect() -> None:
    doctor = identity_of(PSC, person_of(PSC, PHYSICIAN))
    assert (doctor.subject, doctor.role, doctor.hospital, doctor.scope) == ("rpps:10100000017", Role.GP, "", Scope())
    assert (doctor.professional_id, doctor.organization) == ("10100000017", "1590000094")
    radiologist = identity_of(PSC, person_of(PSC, RADIOLOGIST))
    assert (radiologist.role, radiologist.scope) == (Role.RADIOLOGIST, Scope(hospitals=("hopital-nord",)))
    with pytest.raises(NotAllowed):
        identity_of(PSC, person_of(PSC, NURSE))


def test_working_elsewhere_today_makes_no_radiologist() -> None:
    for changed in ({"SubjectOrganizationID": "1590000094"}, {"SubjectOrganizationID": None}):
        assert identity_of(PSC, person_of(PSC, {**RADIOLOGIST, **changed})).role is Role.GP


@pytest.mark.parametrize(
    "number", ["", None, "1234", "910100000017", "8101000000171", "81010000001é", ["810100000017"]]
)
def test_without_an_rpps_number_there_is_nobody(number: Any) -> None:
    with pytest.raises(NotAuthenticated):
        person_of(PSC, {**PHYSICIAN, "SubjectNameID": number})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["exercices", "codeProfession"]), inner)
    ),
    max_leaves=8,
)


@given(_JSON)
def test_claims_of_any_shape_give_no_profession(reference: Any) -> None:
    person = person_of(PSC, {**PHYSICIAN, "SubjectRefPro": reference})
    if "profession:10" not in person.facts:
        with pytest.raises(NotAllowed):
            identity_of(PSC, person)


@given(st.dictionaries(st.sampled_from(["sub", "name", "groups"]), _JSON))
def test_claims_of_any_shape_give_nothing_but_what_a_rule_gives(claims: dict[str, Any]) -> None:
    try:
        identity = identity_of(SUD, person_of(SUD, claims))
    except ArchiveError:
        return
    assert identity.hospital == "hopital-sud"
    assert {rule.facts for rule in SUD.rules if rule.role is identity.role} <= {
        frozenset({str(group).strip()}) for group in _flat(claims["groups"])
    } | {frozenset()}


def _flat(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_groups_may_lie_deeper_and_the_first_rule_decides() -> None:
    rules = (RoleRule(frozenset({"a", "b"}), Role.FINANCE, "nord"), RoleRule(frozenset({"a"}), Role.DESK, "nord"))
    provider = IdentityProvider("x", "", "", "", "", rules=rules, groups_claim="realm_access.roles")
    for groups, role in ((["a", "b"], Role.FINANCE), (["a"], Role.DESK)):
        person = person_of(provider, {"sub": "u", "realm_access": {"roles": groups}})
        assert (person.subject, identity_of(provider, person).role) == ("x:u", role)
    with pytest.raises(NotAllowed):
        identity_of(provider, person_of(provider, {"sub": "u", "groups": ["a"]}))
    named = IdentityProvider("x", "", "", "", "", rules=rules, groups_claim="cognito:groups")
    assert identity_of(named, person_of(named, {"sub": "u", "cognito:groups": "a"})).role is Role.DESK


def test_two_providers_never_mean_the_same_person() -> None:
    other = IdentityProvider("other", "", "", "", "")
    assert person_of(other, {"sub": "1"}).subject != person_of(SUD, {"sub": "1"}).subject
    assert PSC.claims == PRO_SANTE_CONNECT


@given(st.text() | st.text("/\\.:@%?#a", max_size=12).map("/".__add__))
def test_a_return_path_stays_on_this_host(path: str) -> None:
    safe = safe_return_path(path)
    assert safe.startswith("/")
    assert not safe.startswith(("//", "/\\"))
    assert "\\" not in safe
    assert safe.isprintable()
