"""The GSM 7 bit default alphabet (3GPP TS 23.038 6.2.1): one stray character more than doubles the price of an SMS."""

from __future__ import annotations

import unicodedata

# The capital C with cedilla is left out: tables disagree whether 0x09 is a capital or a small letter.
BASIC = frozenset(
    "@£$¥èéùìò\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")
"""Cost two septets each."""
SEGMENT_SEPTETS = 160
SEGMENT_SEPTETS_OF_MANY = 153
"""Where a text takes several segments: each has a header (3GPP TS 23.040 9.2.3.24.1)."""
UCS2_CHARACTERS, UCS2_CHARACTERS_OF_MANY = 70, 67
PLAIN = str.maketrans(
    {"’": "'", "‘": "'", "«": '"', "»": '"', "–": "-", "—": "-", "œ": "oe", "Œ": "OE", "\u00a0": " ", "\u202f": " "}
)


def septets(text: str) -> int:
    """Length of a text in septets.

    Raises
    ------
    ValueError
        If it holds a character outside the alphabet.

    >>> septets("été"), septets("10 €")
    (3, 5)
    """
    foreign = sorted(set(text) - BASIC - EXTENSION)
    if foreign:
        raise ValueError(f"not in the GSM 7 bit alphabet: {' '.join(foreign)}")
    return sum(2 if character in EXTENSION else 1 for character in text)


def folded(text: str) -> str:
    """Replace what the alphabet lacks by what reads the same: other accents are dropped, quotes and dashes made plain.

    >>> folded("Hôpital d’Évreux – Çà et là")
    "Hopital d'Évreux - Cà et là"
    """
    text = unicodedata.normalize("NFC", text).translate(PLAIN)
    return "".join(
        character if character in BASIC else unicodedata.normalize("NFKD", character)[0] for character in text
    )


def segments(text: str) -> int:
    """Segments that a text is sent and billed as.

    >>> segments("a" * 160), segments("a" * 161), segments("\u4e2d" * 71)
    (1, 2, 2)
    """
    try:
        length, one, of_many = septets(text), SEGMENT_SEPTETS, SEGMENT_SEPTETS_OF_MANY
    except ValueError:
        length, one, of_many = len(text.encode("utf-16-be")) // 2, UCS2_CHARACTERS, UCS2_CHARACTERS_OF_MANY
    return 1 if length <= one else -(-length // of_many)
