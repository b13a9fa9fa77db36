"""Tables of the conformance statement for DICOMweb (PS3.2), from the code: `python -m chalicelib.web.conformance`.

The statement is docs/dicomweb-conformance.md; a table stands between `<!-- table: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from chalicelib.archive.levels import SERIES_TAGS, STUDY_TAGS
from chalicelib.dicom.attributes import resolve
from chalicelib.dicom.media_types import frame_media_type
from chalicelib.web.dicomweb_operations import (
    ACCEPT,
    HOSPITAL,
    OPERATIONS,
    PARAMETERS,
    RENDERING,
    SEARCH,
    URI_PARAMETERS,
    Operation,
    methods,
)
from chalicelib.web.http import BUFFERED_BODY_LIMIT_BYTES
from chalicelib.web.openapi_dicomweb import DEFAULTS, STATUSES

STATEMENT = Path(__file__).parents[2] / "docs/dicomweb-conformance.md"
_MARKED = re.compile(r"(<!-- table: ([a-z-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def _table(head: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """A table in Markdown."""
    cells = [head, ["---"] * len(head), *([str(cell).replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def resources() -> str:
    """Resources and methods."""
    templates = dict.fromkeys(operation.path for operation in OPERATIONS)
    return _table(("Resource", "Methods"), ((f"`{path or '/'}`", ", ".join(methods(path))) for path in templates))


def _codes(values: Iterable[object]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _row(operation: Operation) -> tuple[object, ...]:
    return (
        operation.name,
        operation.section,
        f"`{operation.method} {operation.path or '/'}`",
        _codes(operation.media_types),
        ", ".join(map(str, operation.statuses)),
    )


def transactions() -> str:
    """Transactions with their media types and statuses."""
    head = ("Transaction", "PS3.18", "Request", "Media types, default first", "Statuses")
    return _table(head, map(_row, OPERATIONS))


def parameters() -> str:
    """Query parameters, and the requests that have them."""
    groups = {
        "searches": SEARCH,
        "pictures": RENDERING,
        "`/wado`": URI_PARAMETERS,
        "searches, retrievals": (*ACCEPT, *HOSPITAL),
    }
    rows = [
        (f"`{name}`", schema["type"], meaning, ", ".join(group for group, names in groups.items() if name in names))
        for name, (schema, meaning) in PARAMETERS.items()
    ]
    return _table(("Parameter", "Type", "Meaning", "Of"), rows)


def statuses() -> str:
    """Statuses and what they say."""
    rows = [*STATUSES.items(), *((int(code), text) for code, text in DEFAULTS.items())]
    rows.append((405, "The resource does not have this method; Allow lists those that it has"))
    return _table(("Status", "Meaning"), sorted(rows))


def request_payloads() -> str:
    """What can be stored."""
    rows = ((f"`{each.method} {each.path}`", _codes(each.request_types)) for each in OPERATIONS if each.request_types)
    return _table(("Request", "Payloads"), rows)


_FRAME_SYNTAXES = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5", *(
    f"1.2.840.10008.1.2.4.{number}"
    for number in (50, 51, 57, 70, 80, 81, 90, 91, 92, 93, 100, 101, 102, 103, 104, 105, 106, 107, 108, 110, 111, 112,
                   201, 202, 203)
))  # fmt: skip


def frame_media_types() -> str:
    """Media type of a frame by stored transfer syntax."""
    return _table(
        ("Transfer syntax", "Media type"), ((f"`{uid}`", f"`{frame_media_type(uid)}`") for uid in _FRAME_SYNTAXES)
    )


def transcoding() -> str:
    """Transfer syntaxes that instances and frames are decoded from and encoded in."""
    from chalicelib.archive.transfer_syntaxes import DECODED, DEFLATED_EXPLICIT, ENCODED

    written = {"1.2.840.10008.1.2.1", DEFLATED_EXPLICIT, *ENCODED}
    return _table(
        ("Transfer syntax", "Stored, can be decoded", "Can be asked for"),
        ((f"`{uid}`", "yes" if uid in DECODED else "no", "yes" if uid in written else "as stored only")
         for uid in sorted(DECODED | written)),
    )  # fmt: skip


def returned_attributes() -> str:
    """Attributes that searches match and return without `includefield`."""
    rows = []
    for level, tags in (("Study", STUDY_TAGS), ("Series", SERIES_TAGS - STUDY_TAGS)):
        for tag in sorted(tags):
            attribute = resolve(tag)
            if attribute:
                rows.append((level, attribute.keyword, f"({tag[:4]},{tag[4:]})", attribute.vr))
    return _table(("Level", "Attribute", "Tag", "VR"), rows)


def limits() -> str:
    """Figures."""
    from chalicelib.archive.pack import LARGEST_PACK_BYTES
    from chalicelib.archive.rendered import MAXIMUM_PICTURES
    from chalicelib.archive.retrieve import MAXIMUM_FRAMES
    from chalicelib.archive.retrieve_series import MOST_BYTES_AT_ONCE, MOST_INSTANCES_AT_ONCE
    from chalicelib.archive.retrieve_transcoded import MAXIMUM_TRANSCODED_INSTANCES
    from chalicelib.archive.search import MAXIMUM_RESULTS

    rows = (
        ("Results of one search", MAXIMUM_RESULTS),
        ("Frames of one list", MAXIMUM_FRAMES),
        ("Instances of one series or study that are re-encoded", MAXIMUM_TRANSCODED_INSTANCES),
        ("Pictures of one answer", MAXIMUM_PICTURES),
        (
            "Series or study that is answered before it is packed",
            f"{MOST_BYTES_AT_ONCE} bytes, {MOST_INSTANCES_AT_ONCE} instances",
        ),
        ("Series or study of one answer", f"{LARGEST_PACK_BYTES} bytes"),
        ("Largest answer that is not a redirect", f"{BUFFERED_BODY_LIMIT_BYTES} bytes"),
    )
    return _table(("Limit", "Value"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "resources": resources,
    "transactions": transactions,
    "parameters": parameters,
    "statuses": statuses,
    "request-payloads": request_payloads,
    "frame-media-types": frame_media_types,
    "transcoding": transcoding,
    "returned-attributes": returned_attributes,
    "limits": limits,
}


def with_tables(statement: str) -> str:
    """The statement with every table made anew.

    Raises
    ------
    KeyError
        If it asks for a table that there is not.
    """
    return _MARKED.sub(lambda match: f"{match[1]}\n{TABLES[match[2]]()}\n{match[4]}", statement)


if __name__ == "__main__":
    STATEMENT.write_text(with_tables(STATEMENT.read_text()))
