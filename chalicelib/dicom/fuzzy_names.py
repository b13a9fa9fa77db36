"""Fuzzy semantic matching of Person Names (PS3.4 C.2.2.2.1.1): by words, in any order, by beginning or by sound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from chalicelib.dicom.french_phonetics import phonetic_code
from chalicelib.dicom.names import tokens, words

PARTICLES = frozenset(
    {"AL", "BEN", "D", "DA", "DE", "DEL", "DELLA", "DEN", "DER", "DES", "DI", "DU", "EL", "L", "LA", "LE", "LES", "VAN",
     "VON"}
)  # fmt: skip
"""Need not match themselves, and may be written together with the name that they precede."""
_SAINTS = frozenset({"SAINT", "SAINTE", "ST", "STE"})
MOST_WORDS = 16
"""Of a key; a name has fewer."""


class Part(NamedTuple):
    """A word of a key, or several that may be written as one: all of `words` match, or one of `joined` does."""

    words: tuple[str, ...]
    joined: tuple[str, ...] = ()


def parts(text: str) -> list[Part]:
    """What a name must have to match a key.

    >>> parts("Charles de Gaulle")
    [Part(words=('CHARLES',), joined=()), Part(words=('GAULLE',), joined=('DEGAULLE',))]
    """
    found: list[Part] = []
    before: list[str] = []
    for word in words(text)[:MOST_WORDS]:
        if word in PARTICLES or word in _SAINTS:
            before.append(word)
            continue
        saints = tuple(name for name in before if name in _SAINTS)
        joined = tuple("".join((*before[start:], word)) for start in range(len(before)))
        found.append(Part((*saints, word), joined))
        before = []
    if not found:
        return [Part((word,)) for word in before]
    return found + [Part((word,)) for word in before if word in _SAINTS]


def fuzzy_match(wanted: Iterable[Part], names: Iterable[Mapping[str, str]]) -> bool:
    """Whether PN values of the DICOM JSON Model have every part of a key.

    >>> fuzzy_match(parts("marie lefebvre"), [{"Alphabetic": "LEFÈVRE^Anne-Marie"}])
    True
    """
    present = tokens(names)
    codes = {code for token in present if (code := phonetic_code(token))}

    def has(word: str) -> bool:
        return phonetic_code(word) in codes or any(token.startswith(word) for token in present)

    return all(all(map(has, part.words)) or any(map(has, part.joined)) for part in wanted)
