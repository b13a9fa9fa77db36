"""The hash chain: written down so that anybody can recompute it."""

from __future__ import annotations

import hashlib

from chalicelib.billing.ledger import EXAM_ARCHIVED, Fact, Head, digest, next_line, to_json

CANONICAL = (
    '{"accession_number":"A\\u00e9","event":"exam archived","event_time":"2026-11-24T08:00:00.001Z","hospital":"nord",'
    '"previous_hash":"%s","recorded_at":"2026-11-24T08:00:05.000Z","seq":1,"study_instance_uid":"1.2.3"}' % ("0" * 64)
)


def test_hash_of_a_line_is_that_of_its_canonical_json() -> None:
    line = next_line(Head(), Fact("nord", EXAM_ARCHIVED, "1.2.3", "Aé", 1_795_507_200_001), 1_795_507_205_000)
    assert line.hash == hashlib.sha256(CANONICAL.encode()).hexdigest()


def test_modalities_are_part_of_the_hash_where_there_are_some() -> None:
    without = next_line(Head(), Fact("nord", EXAM_ARCHIVED, "1.2.3", "Aé", 0), 1000)
    line = next_line(Head(), Fact("nord", EXAM_ARCHIVED, "1.2.3", "Aé", 0, "CT\\SR"), 1000)
    assert line.hash != without.hash
    content = to_json(line)
    assert content["modalities"] == "CT\\SR"
    assert content.pop("hash") == digest(content)
    assert "modalities" not in to_json(without)


def test_lines_follow_each_other() -> None:
    first = next_line(Head(), Fact("nord", EXAM_ARCHIVED, "1.2.3", "", 0), 1000)
    second = next_line(
        Head(first.seq, first.hash, first.recorded_at), Fact("nord", EXAM_ARCHIVED, "1.2.4", "", 0), 2000
    )
    assert (second.seq, second.previous_hash) == (2, first.hash)
    assert second.hash != first.hash
