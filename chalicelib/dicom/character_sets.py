"""Specific Character Set (PS3.3 C.12.1.1.2) and code extensions (PS3.5 6.1.2): bytes to text, never failing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache

DEFAULT = "latin_1"
"""For the default repertoire: ASCII, and what devices that declare nothing send in Western Europe."""

CODECS = {
    "ISO_IR 6": DEFAULT,
    "ISO_IR 13": "shift_jis",
    "ISO_IR 100": "latin_1",
    "ISO_IR 101": "iso8859_2",
    "ISO_IR 109": "iso8859_3",
    "ISO_IR 110": "iso8859_4",
    "ISO_IR 126": "iso8859_7",
    "ISO_IR 127": "iso8859_6",
    "ISO_IR 138": "iso8859_8",
    "ISO_IR 144": "iso8859_5",
    "ISO_IR 148": "iso8859_9",
    "ISO_IR 166": "tis_620",
    "ISO_IR 203": "iso8859_15",
    "ISO_IR 87": "iso2022_jp",
    "ISO_IR 159": "iso2022_jp_2",
    "ISO_IR 149": "euc_kr",
    "ISO_IR 58": "gb2312",
    "ISO_IR 192": "utf_8",
    "GB18030": "gb18030",
    "GBK": "gbk",
}
_CODEC_OF_ESCAPE = {
    b"\x1b(B": DEFAULT,
    b"\x1b-A": "latin_1",
    b"\x1b)I": "shift_jis",
    b"\x1b(J": "shift_jis",
    b"\x1b-B": "iso8859_2",
    b"\x1b-C": "iso8859_3",
    b"\x1b-D": "iso8859_4",
    b"\x1b-F": "iso8859_7",
    b"\x1b-G": "iso8859_6",
    b"\x1b-H": "iso8859_8",
    b"\x1b-L": "iso8859_5",
    b"\x1b-M": "iso8859_9",
    b"\x1b-T": "tis_620",
    b"\x1b-b": "iso8859_15",
    b"\x1b$B": "iso2022_jp",
    b"\x1b$(D": "iso2022_jp_2",
    b"\x1b$)C": "euc_kr",
    b"\x1b$)A": "gb2312",
}
_STATEFUL = frozenset({"iso2022_jp", "iso2022_jp_2"})
"""Python's codec reads these escape sequences itself."""
_FRAGMENT = re.compile(rb"(?:^[^\x1b]+|\x1b[^\x1b]*)")
_DELIMITER = re.compile(rb"[\\^=\r\n\t\f]")
"""Where code extensions end (PS3.5 6.1.2.5.3); `^` and `=` are only asked for in Person Names."""
_TEXT_DELIMITER = re.compile(rb"[\\\r\n\t\f]")


@cache
def codec(defined_term: str) -> str:
    """Python's codec for a defined term, tolerant of common misspellings; unknown terms give the default.

    >>> codec("ISO_IR 192"), codec("ISO 2022 IR 100"), codec("ISO-IR 100"), codec("LATIN-1")
    ('utf_8', 'latin_1', 'latin_1', 'latin_1')
    """
    term = defined_term.strip(" \0").upper()
    if term in CODECS:
        return CODECS[term]
    number = re.fullmatch(r"ISO[ _-]?(?:2022[ _-]?)?(?:IR)?[ _-]?(\d+)", term)
    if number and f"ISO_IR {number[1]}" in CODECS:
        return CODECS[f"ISO_IR {number[1]}"]
    return {"UTF-8": "utf_8", "UTF8": "utf_8", "ISO 2022 GBK": "gbk", "ISO 2022 58": "gb2312"}.get(term, DEFAULT)


def decode(value: bytes, character_sets: Sequence[str], person_name: bool = False) -> str:
    """Text of a value (padding kept, every value of a multi-valued one at once).

    Where nothing is declared, valid UTF-8 is read as UTF-8: devices forget to declare, and by chance Latin text is
    hardly ever valid UTF-8. What cannot be decoded becomes U+FFFD.

    >>> decode(b"Lef\\xe8vre", ["ISO_IR 100"]), decode("Lefèvre".encode(), [])
    ('Lefèvre', 'Lefèvre')
    """
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii")
    if not any(character_sets):
        try:
            return value.decode("utf_8")
        except UnicodeDecodeError:
            return value.decode(DEFAULT)
    first = codec(character_sets[0])
    if b"\x1b" not in value or first in ("utf_8", "gb18030", "gbk"):
        return value.decode(first, "replace")
    delimiter = _DELIMITER if person_name else _TEXT_DELIMITER
    return "".join(_decode_fragment(fragment, first, delimiter) for fragment in _FRAGMENT.findall(value))


def _decode_fragment(fragment: bytes, first: str, delimiter: re.Pattern[bytes]) -> str:
    """Text from one escape sequence to the next."""
    if not fragment.startswith(b"\x1b"):
        return fragment.decode(first, "replace")
    escape = fragment[: 4 if fragment[1:3] in (b"$(", b"$)") else 3]
    extension = _CODEC_OF_ESCAPE.get(escape)
    if extension is None:
        return fragment.decode(first, "replace")
    if extension in _STATEFUL:
        return fragment.decode(extension, "replace")
    text = fragment[len(escape) :]
    end = delimiter.search(text)
    if end is None:
        return text.decode(extension, "replace")
    return text[: end.start()].decode(extension, "replace") + text[end.start() :].decode(first, "replace")


class NotInRepertoire(ValueError):
    """Text that has characters which a Specific Character Set lacks."""


_ESCAPE_OF_CODEC = {
    "latin_1": b"\x1b-A", "shift_jis": b"\x1b)I", "iso8859_2": b"\x1b-B", "iso8859_3": b"\x1b-C",
    "iso8859_4": b"\x1b-D", "iso8859_7": b"\x1b-F", "iso8859_6": b"\x1b-G", "iso8859_8": b"\x1b-H",
    "iso8859_5": b"\x1b-L", "iso8859_9": b"\x1b-M", "tis_620": b"\x1b-T", "iso8859_15": b"\x1b-b",
    "euc_kr": b"\x1b$)C", "gb2312": b"\x1b$)A", "iso2022_jp": b"", "iso2022_jp_2": b"",
}  # fmt: skip
"""Escape sequence that designates a repertoire; Python's stateful codecs write theirs."""


def encode(text: str, character_sets: Sequence[str], person_name: bool = False) -> bytes:
    """Bytes of one value in a Specific Character Set, escape sequences included; `decode` reads them back.

    Raises
    ------
    NotInRepertoire
        If a character does not fit: nothing is ever replaced.

    >>> encode("Lefèvre", ["ISO_IR 100"]), encode("Lefèvre", ["ISO_IR 192"])
    (b'Lef\\xe8vre', b'Lef\\xc3\\xa8vre')
    >>> encode("Yamada^山田", ["", "ISO 2022 IR 87"], person_name=True)
    b'Yamada^\\x1b$B;3ED\\x1b(B'
    """
    if text.isascii():
        return text.encode("ascii")
    codecs = [_strict_codec(term) for term in character_sets] or ["ascii"]
    delimiters = r"([\\^=\r\n\t\f])" if person_name else r"([\\\r\n\t\f])"
    parts = re.split(delimiters, text) if len(codecs) > 1 else [text]
    encoded = b"".join(_encode_part(part, codecs) for part in parts)
    if decode(encoded, character_sets, person_name) != text:
        raise NotInRepertoire("A character is not in the repertoire.")
    return encoded


def _strict_codec(term: str) -> str:
    """Codec of a term for writing: the default repertoire is ASCII then."""
    found = codec(term)
    known = found != DEFAULT or "100" in term
    return found if known else "ascii"


def _encode_part(text: str, codecs: Sequence[str]) -> bytes:
    """Text between delimiters, each run of characters in the first repertoire that has it."""
    encoded, run, current = [], "", codecs[0]
    for character in text:
        wanted = current if _has(current, character) else next((c for c in codecs if _has(c, character)), "")
        if not wanted:
            raise NotInRepertoire("A character is not in the repertoire.")
        if wanted != current and run:
            encoded.append(_encode_run(run, current, codecs[0]))
            run = ""
        current = wanted
        run += character
    encoded.append(_encode_run(run, current, codecs[0]))
    return b"".join(encoded)


@lru_cache(1 << 16)
def _has(codec_name: str, character: str) -> bool:
    try:
        encoded = character.encode(codec_name)
    except UnicodeEncodeError:
        return False
    # JIS X 0201 is what ISO_IR 13 means, of which Shift JIS has more; IR 159 means its own escape sequence alone.
    if codec_name == "shift_jis":
        return len(encoded) == 1
    return codec_name != "iso2022_jp_2" or encoded.startswith(b"\x1b$(D")


def _encode_run(run: str, codec_name: str, first: str) -> bytes:
    """A run of characters, after the escape sequence that announces it unless it is in the first repertoire."""
    escape = b"" if codec_name == first or not run else _ESCAPE_OF_CODEC.get(codec_name, b"\x1b(B")
    return escape + run.encode(codec_name)
