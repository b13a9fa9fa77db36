"""Terms by which studies are listed in the index: those that a study has, those that a search requires (docs/adr/0013).

A term is a kind and a value: `F` beginning of a name's first component, `W` beginning of any of its components and
words, `T` three letters within a component (`$` is its end), `P` phonetic code of a word, `M` modality.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from chalicelib.archive.model import DicomJson
from chalicelib.dicom import fuzzy_names
from chalicelib.dicom.french_phonetics import phonetic_code
from chalicelib.dicom.matching import Condition, folded_pattern
from chalicelib.dicom.names import fold, tokens

PATIENT_NAME = "00100010"
MODALITY_TAGS = ("00080061", "00080060")
ANY = "*"
"""Term of studies that have too many others; every search looks at it too."""
MOST_TERMS = 90
"""Of a study: its row, an instance and they are one transaction of at most 100 items."""
LARGEST_COMPONENT = 64
_FIRST_LENGTHS = (8, 6, 5, 4, 3, 2, 1)
_WORD_LENGTHS = (8, 6, 4, 3, 2)
MOST_REQUIRED = 4
"""Lists that a search compares before it walks one."""
_RUN = re.compile(r"[^*?^]+")
_PLAIN_MODALITY = re.compile(r"[^*?\\]+")

Terms = tuple[str, ...]
"""Alternatives: a study that matches has at least one of them."""


def study_terms(attributes: DicomJson, modalities: Iterable[str]) -> frozenset[str]:
    """Terms of a study; `{ANY}` when they are too many."""
    names = [name for name in attributes.get(PATIENT_NAME, {}).get("Value") or () if isinstance(name, dict)]
    terms = {f"M{modality}" for modality in modalities}
    for name in names:
        for group in name.values():
            components = [fold(component) for component in group.split("^")]
            if max(map(len, components)) > LARGEST_COMPONENT:
                return frozenset({ANY})
            terms |= _beginnings("F", components[0], _FIRST_LENGTHS)
            terms |= {term for component in components for term in _trigrams(f"{component}$")}
    for token in tokens(names):
        terms |= _beginnings("W", token, _WORD_LENGTHS)
        if code := phonetic_code(token):
            terms.add(f"P{code}")
    return frozenset(terms) if len(terms) <= MOST_TERMS else frozenset({ANY})


def _beginnings(kind: str, text: str, lengths: Sequence[int]) -> set[str]:
    return {kind + text[:length] for length in lengths if length <= len(text)}


def _trigrams(text: str) -> list[str]:
    return [f"T{text[start : start + 3]}" for start in range(len(text) - 2)]


def required_terms(conditions: Iterable[Condition]) -> list[Terms]:
    """What a study needs to match, each item one of its alternatives; the most telling first, at most a few.

    Empty when the conditions require nothing that the index lists.
    """
    required: list[Terms] = []
    for condition in conditions:
        if len(condition.path) > 1 or condition.is_universal or not condition.text:
            continue
        if condition.tag == PATIENT_NAME:
            required += _fuzzy(condition.text) if condition.fuzzy else _literal(condition.text)
        elif condition.tag in MODALITY_TAGS:
            values = [value.strip() for value in condition.text.split("\\") if value.strip()]
            if values and all(map(_PLAIN_MODALITY.fullmatch, values)):
                required.append(tuple(f"M{value}" for value in values))
    return sorted(dict.fromkeys(required), key=_telling, reverse=True)[:MOST_REQUIRED]


def _telling(terms: Terms) -> float:
    """Rough order of how few studies have a term: longer is rarer, first components differ more than given names."""
    return min(len(term) + {"F": 2, "P": 1.5, "W": 0.5}.get(term[0], 0) for term in terms)


def _literal(text: str) -> Iterator[Terms]:
    """Terms for a key matched letter by letter, from what lies between its wildcards."""
    group = next((group for group in text.split("=") if group.strip("*")), "")
    pattern = folded_pattern(group).rstrip("^")
    for run in _RUN.finditer(pattern):
        start, end = run.span()
        if start == 0:
            yield _longest("F", run[0], _FIRST_LENGTHS)
        elif pattern[start - 1] == "^" and len(run[0]) >= min(_WORD_LENGTHS):
            yield _longest("W", run[0], _WORD_LENGTHS)
        if start and pattern[start - 1] != "^":
            is_end = end == len(pattern) or pattern[end] == "^"
            for trigram in _trigrams(run[0] + ("$" if is_end else "")):
                yield (trigram,)


def _longest(kind: str, text: str, lengths: Sequence[int]) -> Terms:
    return (kind + text[: next(length for length in lengths if length <= len(text))],)


def _fuzzy(text: str) -> Iterator[Terms]:
    """Terms for a key matched by words and sounds."""
    for part in fuzzy_names.parts(text):
        words = (max(part.words, key=len), *part.joined)
        if len(words[0]) >= min(_WORD_LENGTHS):
            beginnings = (_longest("W", word, _WORD_LENGTHS)[0] for word in words)
            codes = (f"P{code}" for word in words if (code := phonetic_code(word)))
            yield tuple(dict.fromkeys((*beginnings, *codes)))
