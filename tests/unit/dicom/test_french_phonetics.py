"""Spellings of real French names that sound alike, and those that do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.dicom.french_phonetics import phonetic_code
from chalicelib.dicom.names import fold


def codes(*names: str) -> set[str]:
    return {phonetic_code(fold(name)) for name in names}


@pytest.mark.parametrize(
    "names",
    [
        "Lefèvre Lefebvre Lefeuvre Lefevre",
        "Dupont Dupond Duponts",
        "Durand Durant",
        "Thibault Thibaud Thibaut Thibeau Tibaut",
        "Schmitt Schmidt Schmid",
        "Œuvrard Oeuvrard Euvrard",
        "Saint St",
        "Sainte Ste",
        "Saintmartin Stmartin",
        "Renault Renaud Renaut Reneau",
        "Arnaud Arnault Arnaut",
        "Gauthier Gautier Gaultier",
        "Perrot Perreau Perraud Perrault Pérot",
        "Michaud Michault Michaut Michot",
        "Lemaître Lemaitre Lemaistre",
        "Duchesne Duchêne",
        "Lévêque Levesque Leveque",
        "Prévost Prévôt",
        "Benoît Benoist",
        "Dubois Duboys",
        "Dupuis Dupuy Dupuits",
        "Philippe Filipe Phillipe",
        "Christine Kristine",
        "Catherine Katherine",
        "Mathieu Matthieu Mathieux",
        "Thierry Thierri",
        "Yves Ives",
        "Meyer Mayer Maier Meier",
        "Schneider Schnaider",
        "Geoffroy Geoffroi Joffroy",
        "Baudouin Baudoin Beaudoin",
        "Régnier Renier",
        "Leclerc Leclercq",
        "Henry Henri",
        "Hélène Elene",
        "Lacroix Lacroi",
        "Lamotte Lamothe",
        "Guy Gui",
        "Laurent Laurant Lorent",
        "Stéphane Stefane",
        "Boulanger Boulangé",
        "François Francois",
        "Jacques Jaques",
        "Legrand Legrant",
        "Beaumont Baumont",
        "Moreau Moraud Morault",
        "Rousseau Rousseaux Roussot",
        "Mercier Mersier",
        "Rose Roze",
        "Michel Michèle",
    ],
)
def test_one_sound(names: str) -> None:
    assert len(codes(*names.split())) == 1


@pytest.mark.parametrize(
    "names",
    [
        "Petit Petite",
        "Simon Simone",
        "Jean Jeanne",
        "Dupont Dupin",
        "Durand Durin",
        "Martin Martine Martinet",
        "Moreau Morel",
        "Louis Louise",
        "Roux Rouge",
        "Blanc Blanche",
        "Bernard Bertrand",
        "Girard Gérard",
        "Denis Denise",
        "Marie Mario",
        "Lefèvre Lefort",
        "Robert Roger Robin",
    ],
)
def test_other_sounds(names: str) -> None:
    assert len(codes(*names.split())) == len(names.split())


@given(st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=64))
def test_every_word_of_letters_has_a_code_that_is_no_longer(word: str) -> None:
    # X within a word is KS, and Saint is written out.
    assert len(phonetic_code(word)) <= 2 * len(word) + 4


@given(st.text())
def test_any_text_is_answered(text: str) -> None:
    assert isinstance(phonetic_code(text), str)
