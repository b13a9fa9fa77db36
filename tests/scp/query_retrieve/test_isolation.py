"""What application entities reach of other hospitals, by service: a row for each that is offered, or it fails.

An application entity sees what its hospital stored. Nothing that people are given changes that: no share, no care
relation, no broken glass (docs/adr/0025); and nothing is kept back of the own hospital's (docs/adr/0027).
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from pynetdicom import sop_class
from pynetdicom.sop_class import SOPClass

from chalicelib import wiring
from chalicelib.access.model import ApplicationEntity
from chalicelib.access.share_model import Kind, Share
from chalicelib.archive import confidentiality
from chalicelib.archive.confidentiality import Mark, Target
from chalicelib.archive.scope import SharedStudy
from scp_fargate.identifier import MODELS
from scp_fargate.presentation_contexts import service_of
from tests.scp.query_retrieve.conftest import QUERY_RETRIEVE, Archive
from tests.scp.query_retrieve.scu import find, identifier, open_association
from tests.scp.query_retrieve.test_c_get import get
from tests.scp.scu import associate

TESTS = Path(__file__).parents[1]
ROWS = {
    "": "nothing of an exam is named",  # C-ECHO
    "store": "test_c_store.py::test_hospitals_are_separate",
    "commitment": "test_storage_commitment.py::test_what_is_not_committed",
    "query": "query_retrieve/test_c_find.py::test_hospitals_see_their_own",
    "retrieve": "query_retrieve/test_c_move.py::test_destinations_are_those_of_the_hospital",
}
"""Services of the registry, and the test of what each gives of another hospital."""
FOREIGN = "1.2.77.2"


def test_every_service_that_is_offered_has_a_row() -> None:
    offered = {service_of(uid) for uid in vars(sop_class).values() if isinstance(uid, SOPClass)} - {None}
    assert offered == set(ROWS)
    for where in ROWS.values():
        name, _, test = where.partition("::")
        if test:
            assert re.search(rf"^def {test}\(", (TESTS / name).read_text(), re.MULTILINE), where


@pytest.fixture
def given_away(archive: Archive) -> None:
    """Studies of nord are shared with sud and kept back at nord."""
    now = int(time.time())
    grants = (SharedStudy("nord", FOREIGN), SharedStudy("nord", "1.2.78"))
    wiring.shares().put(
        Share(f"s{now}", "radiologist@nord", "Dr Nord", "nord", grants, Kind.HOSPITAL, "sud", "", "", now, now + 3600)
    )
    mark = Mark("m1", confidentiality.Kind.MASKED, Target(), "radiologist@nord", "Dr Nord", now)
    marks, revision = wiring.marks().of_study("nord", FOREIGN)
    wiring.marks().put("nord", FOREIGN, [*marks, mark], revision)


def test_nothing_that_people_are_given_is_given_to_application_entities(archive: Archive, given_away: None) -> None:
    for model in MODELS:
        with open_association(archive.port, "SUD_PACS", model.find) as association:
            for level in model.levels:
                keys = identifier(level, StudyInstanceUID=FOREIGN, PatientID="", PatientName="")
                if level != "PATIENT":
                    assert [d for _, d in association.send_c_find(keys, model.find) if d] == [], (model.name, level)
    assert get(archive, identifier(StudyInstanceUID=FOREIGN), "SUD_PACS")[0] == {}
    # To nord itself its own study is whole.
    assert [m.StudyInstanceUID for m in find(archive.port, identifier(StudyInstanceUID=FOREIGN))[0]] == [FOREIGN]
    assert len(get(archive, identifier(StudyInstanceUID=FOREIGN), "NORD_PACS")[0]) == 4


def test_who_is_no_longer_registered_or_was_never_given_a_service_gets_no_context(archive: Archive) -> None:
    registry = wiring.registry()
    registry.put_application_entity(ApplicationEntity("NORD_OFF", "nord", QUERY_RETRIEVE, enabled=False))
    every = [sop for model in MODELS for sop in (model.find, model.move, model.get)]
    for title, services in (("NORD_OFF", None), ("NOBODY", None), ("NORD_CT1", set()), ("NORD_GET", {"retrieve"})):
        association = associate(archive.port, title, [_context(sop) for sop in every])
        assert association.is_established == bool(services)
        accepted = {str(context.abstract_syntax) for context in association.accepted_contexts}
        assert accepted == {sop for sop in every if service_of(sop) in (services or ())}
        if association.is_established:
            association.release()


def _context(uid: str) -> object:
    from pynetdicom import build_context

    return build_context(uid)
