"""Values of a data element in the DICOM JSON Model (PS3.18 F.2), VR by VR: all but sequences and binary values."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.dicom.character_sets import decode
from chalicelib.dicom.elements import Encoding

_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


@dataclass
class Context:
    """What the meaning of an element depends on: items inherit it and may override it."""

    encoding: Encoding
    path: str = ""
    character_sets: tuple[str, ...] = ()
    signed_pixels: bool = False
    depth: int = 0
    private_creators: dict[int, str] = field(default_factory=dict)


def texts(raw: bytes, _: Context) -> list[Any]:
    """AE, AS, CS, DA, DT, TM, UI: several values of the default repertoire."""
    text = raw.decode("latin-1").rstrip(" \0")
    if not text:
        return []
    if "\\" not in text:
        return [text.strip(" \0")]
    return [part.strip(" \0") or None for part in text.split("\\")]


def _encoded_texts(raw: bytes, context: Context) -> list[Any]:
    """LO, SH: several values in the Specific Character Set."""
    text = decode(raw, context.character_sets).rstrip(" \0")
    if not text:
        return []
    if "\\" not in text:
        return [text.strip(" \0")]
    return [part.strip(" \0") or None for part in text.split("\\")]


def _unlimited_texts(raw: bytes, context: Context) -> list[Any]:
    """UC: several values, whose leading spaces count."""
    text = decode(raw, context.character_sets).rstrip(" \0")
    return [part.rstrip(" \0") or None for part in text.split("\\")] if text else []


def _encoded_text(raw: bytes, context: Context) -> list[Any]:
    """LT, ST, UT: one value, whose leading spaces count."""
    text = decode(raw, context.character_sets).rstrip(" \0")
    return [text] if text else []


def _uri(raw: bytes, _: Context) -> list[Any]:
    text = raw.decode("latin-1").strip(" \0")
    return [text] if text else []


def _person_names(raw: bytes, context: Context) -> list[Any]:
    text = decode(raw, context.character_sets, person_name=True).rstrip(" \0")
    names = [_person_name(part) for part in text.split("\\")]
    return [] if names == [None] else names


def _person_name(text: str) -> dict[str, str] | None:
    """A PN by component groups (PS3.18 F.2.2, PS3.5 6.2.1); None if empty."""
    groups = (group.strip(" \0") for group in text.split("=")[:3])
    return {name: group for name, group in zip(_GROUPS, groups, strict=False) if group} or None


def _decimal_strings(raw: bytes, _: Context) -> list[Any]:
    text = raw.decode("latin-1").rstrip(" \0")
    return [_decimal(part.strip(" \0")) for part in text.split("\\")] if text else []


def _integer_strings(raw: bytes, _: Context) -> list[Any]:
    text = raw.decode("latin-1").rstrip(" \0")
    return [_integer(part.strip(" \0")) for part in text.split("\\")] if text else []


def _decimal(text: str) -> float | str | None:
    """A DS as a number, as its text if it is none (PS3.18 F.2.3 allows both), None if empty."""
    if not _DECIMAL.fullmatch(text):
        return text or None
    number = float(text)
    return number if math.isfinite(number) else text


def _integer(text: str) -> int | str | None:
    """An IS as `_decimal`; what is written with a fraction of zero is an integer as well."""
    if text.isdecimal() and text.isascii() and len(text) < 20:
        return int(text)
    if not _DECIMAL.fullmatch(text):
        return text or None
    if text.lstrip("+-").isdecimal() and len(text) < 20:
        return int(text)
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < 1 << 53 else text


def _attribute_tags(raw: bytes, context: Context) -> list[Any]:
    numbers = struct.unpack(f"{'<' if context.encoding.little_endian else '>'}{len(raw) // 2}H", raw)
    return [f"{group:04X}{number:04X}" for group, number in zip(numbers[::2], numbers[1::2], strict=True)]


def _numbers(code: str) -> Callable[[bytes, Context], list[Any]]:
    """Reader of a binary VR, by the letter that `struct` has for it."""
    size = struct.calcsize(code)
    one = {True: struct.Struct(f"<{code}"), False: struct.Struct(f">{code}")}

    def read(raw: bytes, context: Context) -> list[Any]:
        if len(raw) == size:
            return list(one[context.encoding.little_endian].unpack(raw))
        count, rest = divmod(len(raw), size)
        if rest:
            raise ValueError("length")
        return list(struct.unpack(f"{'<' if context.encoding.little_endian else '>'}{count}{code}", raw))

    return read


def _floats(code: str) -> Callable[[bytes, Context], list[Any]]:
    read_numbers = _numbers(code)
    return lambda raw, context: [_finite(number) for number in read_numbers(raw, context)]


def _finite(number: float) -> float | str:
    """A number as JSON can hold it: "NaN", "inf" and "-inf" are texts (PS3.18 F.2.3)."""
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else ("inf" if number > 0 else "-inf")


VALUES_OF_VR: dict[str, Callable[[bytes, Context], list[Any]]] = {
    **dict.fromkeys(("AE", "AS", "CS", "DA", "DT", "TM", "UI"), texts),
    **dict.fromkeys(("LO", "SH"), _encoded_texts),
    **dict.fromkeys(("LT", "ST", "UT"), _encoded_text),
    **{"UC": _unlimited_texts, "UR": _uri, "PN": _person_names, "DS": _decimal_strings, "IS": _integer_strings},
    **{"AT": _attribute_tags, "FD": _floats("d"), "FL": _floats("f"), "SL": _numbers("i"), "SS": _numbers("h")},
    **{"SV": _numbers("q"), "UL": _numbers("I"), "US": _numbers("H"), "UV": _numbers("Q")},
}
