from __future__ import annotations

import pytest

from chalicelib.dicom.fuzzy_names import fuzzy_match, parts


@pytest.mark.parametrize(
    ("key", "name", "expected"),
    [
        ("lefebvre marie", "LEFÈVRE^Anne-Marie", True),
        ("Marie^Lefeuvre", "LEFÈVRE^Anne-Marie", True),
        ("lefebvre jean", "LEFÈVRE^Anne-Marie", False),
        ("le goff", "LEGOFF^Yann", True),
        ("legoff", "LE GOFF^Yann", True),
        ("goff", "LE GOFF^Yann", True),
        ("de gaulle", "GAULLE^Charles", True),
        ("charles de gaulle", "DEGAULLE^Charles", True),
        ("de la tour", "LATOUR^Jean", True),
        ("delatour", "DE LA TOUR^Jean", True),
        ("d'artagnan", "DARTAGNAN^X", True),
        ("artagnan", "D'ARTAGNAN^X", True),
        ("st martin", "SAINT-MARTIN^Luc", True),
        ("saint martin", "STMARTIN^Luc", True),
        ("saint-martin", "ST MARTIN^Luc", True),
        ("saint martin", "MARTIN^Luc", False),
        ("oeuvrard", "Œuvrard^Zoé", True),
        ("bernard dupuy", "BERNARD-DUPUIS^Marie", True),
        ("schmidt", "SCHMITT^Hans", True),
        ("le", "LE^Van", True),
        ("", "X", True),
    ],
)
def test_words_in_any_order_by_beginning_or_sound(key: str, name: str, expected: bool) -> None:
    assert fuzzy_match(parts(key), [{"Alphabetic": name}]) is expected
