"""The registry."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib import errors, wiring
from chalicelib.access.model import ApplicationEntity, Contact, Hospital, Role, Session, SessionOrigin, User
from chalicelib.archive.scope import PatientRef, Scope, StudyRef
from localstack import region
from tests.emulator import Cloud

NETWORKS = frozenset({"10.0.0.0/8", "2001:db8::/32"})
SCOPE = Scope(("nord",), (PatientRef("sud", "P1", "X"),), (StudyRef("sud", "1.2.3"),))


def test_hospitals(cloud: Cloud) -> None:
    registry = wiring.registry()
    assert registry.hospital("nord") is None
    assert registry.hospitals() == []
    for hospital in (
        Hospital("sud", "Hôpital Sud"),
        Hospital("nord", "Hôpital Nord", "Hop. Nord", 12, 600, 10**12, NETWORKS),
    ):
        registry.put_hospital(hospital)
        assert registry.hospital(hospital.hospital_id) == hospital
    assert [hospital.hospital_id for hospital in registry.hospitals()] == ["nord", "sud"]


def test_application_entities(cloud: Cloud) -> None:
    registry = wiring.registry()
    pacs = ApplicationEntity(
        "NORD_PACS", "nord", frozenset({"store", "query"}), "127.0.0.1", 11121, True, frozenset({"ab" * 32}), True,
        NETWORKS,
    )  # fmt: skip
    modality = ApplicationEntity("NORD_CT1", "nord")
    for application_entity in (pacs, modality):
        registry.put_application_entity(application_entity)
        assert registry.application_entity(application_entity.ae_title) == application_entity
    assert registry.application_entity("UNKNOWN") is None
    assert registry.application_entity("") is None
    assert registry.application_entities() == [modality, pacs]
    registry.put_application_entity(replace(pacs, port=104))
    with pytest.raises(errors.Conflict):
        registry.put_application_entity(replace(pacs, hospital="sud"))
    assert registry.application_entity("NORD_PACS") == replace(pacs, port=104)


def test_users(cloud: Cloud) -> None:
    registry = wiring.registry()
    user = User("Dr.Nord", "Dr Nord", Role.RADIOLOGIST, "nord", SCOPE, "$argon2id$...", disabled=True)
    registry.put_user(user)
    assert registry.user("dr.nord") == registry.user("DR.NORD") == user
    assert registry.user("dr") is None


def test_contacts(cloud: Cloud) -> None:
    registry = wiring.registry()
    contact = Contact("nord", "P1", "", "+33639980001", True, 5)
    registry.put_contact(contact)
    assert registry.contact("nord", "P1") == contact
    assert registry.contact("nord", "P1", "X") is None
    assert registry.contact("sud", "P1") is None


def test_sessions(cloud: Cloud) -> None:
    registry = wiring.registry()
    session = Session("id", "someone", "Someone", Role.GP, "", SCOPE, int(time.time()) + 60)
    assert not registry.session_is_active("someone", "id")
    registry.end_session("someone", "id")
    assert not registry.session_is_active("someone", "id")
    registry.put_session(session, SessionOrigin())
    assert registry.session_is_active("someone", "id")
    assert not registry.session_is_active("someone else", "id")
    assert list(registry.sessions_of("someone")) == ["id"]
    registry.end_session("someone", "id")
    registry.end_session("someone", "id")
    assert not registry.session_is_active("someone", "id")
    assert list(registry.sessions_of("someone")) == []


def test_attempts_are_counted_by_everybody_at_once(cloud: Cloud) -> None:
    registry = wiring.registry()
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda _: registry.count_attempt("key", 7, 900), range(24)))
    assert sorted(counts) == list(range(1, 25))
    assert registry.count_attempt("key", 8, 900) == 1
    assert registry.count_attempt("key", 7, 900, by=-1) == 23


def test_a_service_that_fails_is_unavailable(cloud: Cloud, set_setting: Callable[[str, str], None]) -> None:
    set_setting("registry_table", "no-such-table")
    registry = wiring.registry()
    for call in (
        lambda: registry.hospital("nord"),
        registry.hospitals,
        lambda: registry.put_hospital(Hospital("nord", "Nord")),
        lambda: registry.session_is_active("a", "b"),
        lambda: registry.end_session("a", "b"),
        lambda: registry.count_attempt("key", 1, 900),
    ):
        with pytest.raises(errors.Unavailable):
            call()


def test_the_demonstration_region_is_seeded_once_or_more(cloud: Cloud) -> None:
    registry = wiring.registry()
    passwords = region.generate_passwords()
    assert len(set(passwords.values())) == len(passwords) == 17
    region.seed(registry, passwords)
    before = [registry.user(name) for name in passwords]
    assert all(before)
    region.seed(registry, passwords)
    assert [registry.user(name) for name in passwords] == before
    region.seed(registry, passwords, [PatientRef("hopital-nord", "P1")])
    medecin = registry.user("medecin")
    assert medecin is not None
    assert medecin.scope.patients == (PatientRef("hopital-nord", "P1"),)
    pacs = registry.application_entity("SUD_PACS")
    assert pacs is not None
    assert (pacs.hospital, pacs.port, sorted(pacs.services)) == ("hopital-sud", 11122, ["query", "retrieve", "store"])
