"""Folding of Person Names (PS3.5 6.2.1) for searches that ignore accents and case (PS3.4 C.2.2.2.1)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

TOKEN_LENGTH = 64
_BASE_LETTERS = str.maketrans(
    {"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i", "ŧ": "t"}
)


_WITHIN_COMPONENT = re.compile(r"[\s\-'\u2019]+")
_BETWEEN_WORDS = re.compile(r"[\s^=,*?\-'\u2019]+")


def fold(text: str) -> str:
    """Letters and digits in capitals without accents; everything else is dropped.

    >>> fold("Lefèvre-Œuvrard"), fold("D'Été"), fold("Straße")
    ('LEFEVREOEUVRARD', 'DETE', 'STRASSE')
    """
    if text.isascii():
        return "".join(filter(str.isalnum, text)).upper()
    # Case is folded on both sides of the decomposition: either may make letters that the other changes.
    base = unicodedata.normalize("NFKD", text).casefold().translate(_BASE_LETTERS)
    base = unicodedata.normalize("NFKD", base).casefold().upper()
    return "".join(character for character in base if character.isalnum())


def tokens(names: Iterable[Mapping[str, str]]) -> tuple[str, ...]:
    """Folded components of Person Names, and the words within components, of every group; sorted, none empty.

    `names` are PN values of the DICOM JSON Model.

    >>> tokens([{"Alphabetic": "LE GOFF^Anne-Marie", "Ideographic": "山田^太郎"}])
    ('ANNE', 'ANNEMARIE', 'GOFF', 'LE', 'LEGOFF', 'MARIE', '太郎', '山田')
    """
    found: set[str] = set()
    for name in names:
        for group in name.values():
            for component in group.split("^"):
                found.add(fold(component))
                found.update(fold(word) for word in _WITHIN_COMPONENT.split(component))
    return tuple(sorted({token[:TOKEN_LENGTH] for token in found if token}))


def words(text: str) -> list[str]:
    """Folded words of what a user typed for a person name, in order.

    >>> words("Lefèvre^Anne-Marie d'Artagnan")
    ['LEFEVRE', 'ANNE', 'MARIE', 'D', 'ARTAGNAN']
    """
    return [folded for word in _BETWEEN_WORDS.split(text) if (folded := fold(word))]
