"""What C-FIND, C-GET and C-MOVE send is counted for the caller's hospital."""

from __future__ import annotations

from collections import Counter

from chalicelib import wiring, wiring_meters
from chalicelib.billing.facts import BYTES_OUT, REQUESTS_OUT, TRANSCODES
from scp_fargate.sent_meter import default_folder, facts_of
from tests.scp.query_retrieve.conftest import Archive
from tests.scp.query_retrieve.destinations import destination
from tests.scp.query_retrieve.scu import FIND, identifier, open_association
from tests.scp.query_retrieve.test_c_get import STUDY, get
from tests.scp.query_retrieve.test_c_move import move
from tests.scp.scu import EXPLICIT

CONVERTED = identifier(StudyInstanceUID="1.2.79")


def counted() -> Counter[tuple[str, str]]:
    """What the service has counted and recorded since the beginning."""
    settings, store = wiring.settings(), wiring_meters.facts()
    sums: Counter[tuple[str, str]] = Counter()
    for path in default_folder(settings.spool_dir, settings.meters_table).glob("*.counts"):
        for fact in facts_of(path):
            if store.event(fact.fact_id) is None:
                sums[fact.hospital, fact.meter] += fact.quantity
    for hospital in ("nord", "sud"):
        for event in store.unsealed(hospital, 100_000):
            sums[hospital, event["data"]["meter"]] += event["data"]["quantity"]
    return sums


def test_operations_and_what_was_delivered_are_counted(archive: Archive) -> None:
    before = counted()
    with open_association(archive.port, "NORD_PACS", FIND) as association:
        list(association.send_c_find(identifier(StudyInstanceUID="1.2.77.1"), FIND))
    got, _, _ = get(archive, STUDY)
    with destination() as received:
        move(archive, STUDY, received.ae_title)
    get(archive, STUDY, "SUD_PACS")
    gone = counted()
    gone.subtract(before)
    assert (gone["nord", REQUESTS_OUT], gone["sud", REQUESTS_OUT]) == (3, 1)
    sizes = [each.size_bytes for series in (1, 2) for each in
             wiring.index_reader().instances_of_series("nord", "1.2.77.1", f"1.2.77.1.{series}")]  # fmt: skip
    assert len(sizes) == len(got) == 4
    assert 0 < gone["nord", BYTES_OUT] <= 2 * sum(sizes)
    assert gone["nord", BYTES_OUT] >= 2 * (sum(sizes) - 4 * 500)  # without preamble and File Meta Information
    assert gone["nord", TRANSCODES] == 0


def test_conversions_are_counted_and_failures_are_not(archive: Archive) -> None:
    before = counted()
    classes = {str(each.SOPClassUID) for each in archive.compressed}
    get(archive, CONVERTED, storage=tuple((uid, EXPLICIT) for uid in classes))
    get(archive, CONVERTED)
    gone = counted()
    gone.subtract(before)
    assert (gone["nord", REQUESTS_OUT], gone["nord", TRANSCODES]) == (2, 4)
