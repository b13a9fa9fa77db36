"""Query strings of QIDO-RS (`web.search_query.parse_search`)."""

from __future__ import annotations

from urllib.parse import parse_qs

from chalicelib.archive.search_results import Level
from chalicelib.errors import ArchiveError
from chalicelib.web.search_query import parse_search

LEVELS = (Level.STUDY, Level.SERIES, Level.INSTANCE)
SEEDS = [
    b"\0PatientName=DUPONT*&limit=5&offset=10&fuzzymatching=true&includefield=all",
    b"\1StudyDate=20240101-20241231&includefield=00081030,PatientID&ModalitiesInStudy=CT%5CMR",
    b"\2StudyInstanceUID=1.2.3,1.2.4&00400275.00400009=X&StudyTime=-1200&PatientID=",
]
LONGEST_BYTES = 1024
_EMPTY: dict[str, object] = {}


def fuzz(data: bytes) -> None:
    """First byte: the level; the rest: the query string."""
    level = LEVELS[data[0] % 3] if data else Level.STUDY
    try:
        query = parse_qs(data[1:].decode("latin-1"), keep_blank_values=True)
        request = parse_search(level, query)
    except ArchiveError:
        return
    for condition in request.conditions:
        condition.matches(_EMPTY)
        condition.matches({condition.tag: {"vr": condition.path[0].vr or "UN", "Value": ["20240101", None, 1, {}]}})
