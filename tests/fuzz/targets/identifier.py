"""Identifiers of C-FIND, C-MOVE and C-GET (`scp_fargate.identifier`, `c_find`), to the answer of a query."""

from __future__ import annotations

from contextlib import suppress

from scp_fargate.c_find import Extensions, answer, parse_query
from scp_fargate.identifier import FIND_MODELS, RETRIEVE_MODELS, Refused, read_identifier, retrieve_keys
from tests.fuzz.messages import IDENTIFIERS

SEEDS = IDENTIFIERS
LONGEST_BYTES = 2048
MODELS = tuple(zip(FIND_MODELS, tuple(RETRIEVE_MODELS)[::2], strict=True))


def fuzz(data: bytes) -> None:
    """First byte: VR, model, what was negotiated; the rest: the identifier."""
    if not data:
        return
    flags, implicit_vr = data[0], bool(data[0] & 1)
    find, retrieve = MODELS[(flags >> 1) % 3]
    try:
        identifier = read_identifier(data[1:], implicit_vr)
    except Refused:
        return
    for relational in (False, True):
        with suppress(Refused):
            retrieve_keys(identifier, RETRIEVE_MODELS[retrieve], relational)
    try:
        query = parse_query(identifier, find, Extensions(bool(flags & 8), bool(flags & 16)))
    except Refused:
        return
    status, encoded = answer(query, {}, "SANSFILM", implicit_vr)
    assert status.code in (0xFF00, 0xFF01)
    read_identifier(encoded, implicit_vr)
