"""Identifiers that are no identifiers are refused and break nothing."""

from __future__ import annotations

import random
from contextlib import suppress

from chalicelib.dicom.data_set_writer import encode_data_set
from scp_fargate.c_find import Extensions, answer, parse_query
from scp_fargate.identifier import MODELS, Refused, read_identifier, retrieve_keys

IDENTIFIER = {
    "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
    "00080020": {"vr": "DA", "Value": ["20240101-20240131"]},
    "00080052": {"vr": "CS", "Value": ["IMAGE"]},
    "00081110": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2"]}}]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Lefèvre*"}]},
    "00100020": {"vr": "LO", "Value": ["P1"]},
    "0020000D": {"vr": "UI", "Value": ["1.2", "1.3"]},
    "0020000E": {"vr": "UI", "Value": ["1.2"]},
    "00200013": {"vr": "IS", "Value": [1]},
    "00280010": {"vr": "US"},
}


def test_mutated_identifiers_are_served_or_refused() -> None:
    generator = random.Random(3)
    served = 0
    for number in range(6000):
        implicit_vr = bool(number % 2)
        mutated = bytearray(encode_data_set(IDENTIFIER, implicit_vr, ("ISO_IR 192",)))
        for _ in range(generator.randrange(4)):
            mutated[generator.randrange(len(mutated))] = generator.randrange(256)
        del mutated[generator.choice([len(mutated), generator.randrange(len(mutated))]) :]
        with suppress(Refused):
            identifier = read_identifier(bytes(mutated), implicit_vr)
            for model in MODELS:
                with suppress(Refused):
                    retrieve_keys(identifier, model)
                with suppress(Refused):
                    query = parse_query(identifier, model.find, Extensions(True, True))
                    for condition in query.conditions:
                        condition.matches(IDENTIFIER)
                    answer(query, IDENTIFIER, "SANSFILM", implicit_vr)
                    served += 1
    assert served > 500
