"""Structured reports as text for people (PS3.18 8.7.4.1, PS3.3 A.35): the content tree in HTML or plain text.

Works on the DICOM JSON Model. French comes first, then English; contents are in the language that they were written in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

DataSet = dict[str, Any]
MAXIMUM_DEPTH = 64
MAXIMUM_ITEMS = 20_000
_VALUE_TYPE, _CONCEPT, _CONTENT, _RELATIONSHIP = "0040A040", "0040A043", "0040A730", "0040A010"
_MEANING, _CODE = "00080104", "00080100"
_HEADINGS = (
    ("Patient", "Patient", "00100010"),
    ("Identifiant", "Patient ID", "00100020"),
    ("Date de naissance", "Birth date", "00100030"),
    ("Date de l'examen", "Study date", "00080020"),
    ("Numéro de demande", "Accession number", "00080050"),
    ("État", "Completion", "0040A491"),
    ("Validation", "Verification", "0040A493"),
)
_REFERENCES = {"IMAGE": "Image", "COMPOSITE": "Objet / Object", "WAVEFORM": "Tracé / Waveform"}


@dataclass(frozen=True)
class Line:
    """An item of the content tree."""

    depth: int
    name: str
    value: str
    is_heading: bool
    """Has items below it and no value of its own."""


def _values(dataset: DataSet, tag: str) -> list[Any]:
    found = dataset.get(tag, {}).get("Value")
    return found if isinstance(found, list) else []


def _first(dataset: DataSet, tag: str) -> str:
    for value in _values(dataset, tag):
        if isinstance(value, dict):
            return person(str(value.get("Alphabetic") or value.get("Ideographic") or value.get("Phonetic") or ""))
        return _dated(str(value), dataset[tag].get("vr", "")) if value is not None else ""
    return ""


def _item(dataset: DataSet, tag: str) -> DataSet:
    return next((value for value in _values(dataset, tag) if isinstance(value, dict)), {})


def _items(dataset: DataSet) -> list[DataSet]:
    return [value for value in _values(dataset, _CONTENT) if isinstance(value, dict)]


def person(name: str) -> str:
    """A person's name in reading order.

    >>> person("Lefèvre^Anne-Marie^^Dr")
    'Dr Anne-Marie Lefèvre'
    """
    parts = [*name.split("^"), "", "", "", "", ""][:5]
    return " ".join(part for part in (parts[3], parts[1], parts[2], parts[0], parts[4]) if part)


def _dated(text: str, vr: str) -> str:
    if vr in ("DA", "DT") and re.match(r"\d{8}", text):
        date = f"{text[6:8]}/{text[4:6]}/{text[:4]}"
        time = re.match(r"\d{8}(\d{2})(\d{2})", text)
        return f"{date} {time[1]}:{time[2]}" if time else date
    if vr == "TM" and (time := re.match(r"(\d{2})(\d{2})", text)):
        return f"{time[1]}:{time[2]}"
    return text


def _meaning(item: DataSet) -> str:
    return _first(item, _MEANING) or _first(item, _CODE)


def _measured(item: DataSet) -> str:
    measured = _item(item, "0040A300")
    unit = _item(measured, "004008EA")
    shown = _first(unit, _CODE) or _meaning(unit)
    text = f"{_first(measured, '0040A30A')} {'' if shown == '1' else shown}".strip()
    return text or _meaning(_item(item, "0040A301"))


def _referenced(item: DataSet, value_type: str) -> str:
    reference = _item(item, "00081199")
    frames = ", ".join(str(number) for number in _values(reference, "00081160"))
    return f"{_REFERENCES[value_type]} {_first(reference, '00081155')}" + (f" ({frames})" if frames else "")


def _coordinates(item: DataSet) -> str:
    numbers = _values(item, "00700022")
    return f"{_first(item, '00700023')} ({len(numbers) // 2} points)"


def _value(item: DataSet, value_type: str) -> str:
    simple = {
        "TEXT": "0040A160", "DATETIME": "0040A120", "DATE": "0040A121", "TIME": "0040A122", "UIDREF": "0040A124",
        "PNAME": "0040A123",
    }  # fmt: skip
    if value_type in simple:
        if "BulkDataURI" in item.get(simple[value_type], {}):
            return "[texte long, non affiché / long text, not shown]"
        return _first(item, simple[value_type])
    if value_type == "CODE":
        return _meaning(_item(item, "0040A168"))
    if value_type == "NUM":
        return _measured(item)
    if value_type in _REFERENCES:
        return _referenced(item, value_type)
    if value_type in ("SCOORD", "SCOORD3D"):
        return _coordinates(item)
    if value_type == "TCOORD":
        return _first(item, "0040A130")
    return ""


def lines(report: DataSet) -> Iterator[Line]:
    """Items of the content tree in reading order; what is nested too deep or too much is left out, and said."""
    stack: list[tuple[int, DataSet]] = [(1, item) for item in reversed(_items(report))]
    count = 0
    while stack:
        depth, item = stack.pop()
        count += 1
        if count > MAXIMUM_ITEMS:
            yield Line(1, "", "[suite non affichée / more is not shown]", False)
            return
        value_type = _first(item, _VALUE_TYPE)
        below = _items(item) if depth < MAXIMUM_DEPTH else []
        value = _value(item, value_type)
        referred = _values(item, "0040DB73")
        if referred and not value_type:
            value = "→ " + ".".join(map(str, referred))
        yield Line(depth, _meaning(_item(item, _CONCEPT)), value, bool(below) and not value)
        stack.extend((depth + 1, child) for child in reversed(below))


def title_of(report: DataSet) -> str:
    """Title of the document: the name of its root."""
    return _meaning(_item(report, _CONCEPT)) or "Compte rendu structuré / Structured report"


def _headings(report: DataSet) -> list[tuple[str, str, str]]:
    return [(french, english, text) for french, english, tag in _HEADINGS if (text := _first(report, tag))]


def plain_text(report: DataSet) -> str:
    """The report as lines of text, indented by depth."""
    head = [
        title_of(report),
        "",
        *(f"{french} / {english} : {text}" for french, english, text in _headings(report)),
        "",
    ]
    body = [
        "  " * (line.depth - 1) + " : ".join(part for part in (line.name, line.value.replace("\r\n", "\n")) if part)
        for line in lines(report)
    ]
    return "\n".join([*head, *body]) + "\n"


_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:1rem auto;padding:0 1rem}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem}dt{font-weight:bold}dd{margin:0}"
    "ul{list-style:none;padding-left:1.25rem}p{margin:0;white-space:pre-wrap}"
)


def html(report: DataSet) -> str:
    """The report as a page: no script, everything escaped, headings and nested lists for assistive technology."""
    title = escape(title_of(report))
    head = "".join(
        f"<dt>{escape(french)} <span lang=en>/ {escape(english)}</span></dt><dd>{escape(text)}</dd>"
        for french, english, text in _headings(report)
    )
    return (
        f'<!doctype html><html lang=fr><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{title}</h1><dl>{head}</dl>{_tree(report)}</main></body></html>\n"
    )


def _tree(report: DataSet) -> str:
    pieces: list[str] = []
    depth = 0
    for line in lines(report):
        while depth > line.depth:
            pieces.append("</li></ul>")
            depth -= 1
        if depth == line.depth:
            pieces.append("</li>")
        while depth < line.depth:
            pieces.append("<ul>")
            depth += 1
        pieces.append(f"<li>{_labelled(line)}")
    pieces.append("</li></ul>" * depth)
    return "".join(pieces)


def _labelled(line: Line) -> str:
    name, value = escape(line.name), escape(line.value)
    if line.is_heading and name and line.depth <= 4:
        level = line.depth + 1
        return f"<h{level}>{name}</h{level}>"
    return f"<p>{f'<strong>{name}</strong>' if name else ''}{' : ' if name and value else ''}{value}</p>"
