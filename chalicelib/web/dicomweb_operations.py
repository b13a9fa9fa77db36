"""The surface of DICOMweb: what capabilities, OpenAPI and the conformance statement are made of.

tests/http/test_capabilities.py proves that the routes are these, tests/e2e/test_dicomweb_conformance.py that they
answer so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

BASE = "/dicomweb"
DICOM_JSON = ("application/dicom+json", "application/json")
DATA_SETS = (*DICOM_JSON, 'multipart/related; type="application/dicom+xml"')
MULTIPART_DICOM = ('multipart/related; type="application/dicom"',)
WHOLE_TYPES = (*MULTIPART_DICOM, "application/zip")
INSTANCE_TYPES = (*MULTIPART_DICOM, "application/dicom")
FRAME_TYPES = (
    'multipart/related; type="application/octet-stream"',
    "application/octet-stream",
    *(f'multipart/related; type="image/{name}"' for name in ("jpeg", "dicom-rle", "jls", "jp2", "jpx", "jphc", "jxl")),
    'multipart/related; type="video/mpeg2"',
    'multipart/related; type="video/mp4"',
)
"""Octets, the stored form, and those that can be encoded; see the statement's tables of transfer syntaxes."""
BULK_DATA_TYPES = (*FRAME_TYPES, "application/pdf")
STILL = ("image/jpeg", "image/png", "image/webp", "image/gif")
PICTURES = (*STILL, *(f'multipart/related; type="{media_type}"' for media_type in STILL))
SEVERAL_PICTURES = (*PICTURES[len(STILL) :], "image/gif", "image/webp")
"""Several pictures are parts, or an animation."""
DOCUMENTS = ("application/pdf", "text/html", "text/plain")
WADL, JSON = "application/vnd.sun.wadl+xml", "application/json"

SEARCH = ("includefield", "limit", "offset", "fuzzymatching", "emptyvaluematching", "multiplevaluematching")
RENDERING = ("window", "viewport", "quality", "annotation", "iccprofile")
ACCEPT = ("accept", "charset")
HOSPITAL = ("hospital",)

_INTEGER = {"type": "integer", "minimum": 0}
PARAMETERS: dict[str, tuple[dict[str, Any], str]] = {
    "accept": ({"type": "string"}, "Media types instead of the Accept header (PS3.18 8.3.3.1)"),
    "charset": ({"type": "string", "default": "utf-8"}, "Character sets; all text is UTF-8 (PS3.18 8.3.3.2)"),
    "includefield": (
        {"type": "array", "items": {"type": "string"}},
        "Attributes to return besides the default ones: tags or keywords, repeated or separated by commas, or `all`",
    ),
    "limit": (_INTEGER, "Results to return at most"),
    "offset": (_INTEGER, "Results to skip"),
    "fuzzymatching": ({"type": "boolean"}, "Person names also match by what they sound like, words in any order"),
    "emptyvaluematching": ({"type": "boolean"}, 'The value `""` matches what has no value (PS3.18 8.3.4.5)'),
    "multiplevaluematching": ({"type": "boolean"}, "Each of several values has to match (PS3.18 8.3.4.6)"),
    "hospital": ({"type": "string"}, "Whose, where several hospitals of the session gave the same UIDs; not of PS3.18"),
    "window": ({"type": "string"}, "VOI window `center,width[,linear|linear-exact|sigmoid]` (PS3.18 8.3.5.1.4)"),
    "viewport": ({"type": "string"}, "`width,height[,left,top,source width,source height]` (PS3.18 8.3.5.1.3)"),
    "quality": ({"type": "integer", "minimum": 1, "maximum": 100}, "Quality of a lossy picture (PS3.18 8.3.5.1.2)"),
    "annotation": ({"type": "string"}, "Text in the picture: `patient`, `technique` (PS3.18 8.3.5.1.1)"),
    "iccprofile": ({"type": "string"}, "`no`, `yes`, `srgb`, `adobergb` or `rommrgb` (PS3.18 8.3.5.1.5)"),
}
_STRING = {"type": "string"}
PARAMETERS |= {
    "requestType": ({"type": "string", "const": "WADO"}, "`WADO`"),
    "studyUID": (_STRING, "Study Instance UID"),
    "seriesUID": (_STRING, "Series Instance UID"),
    "objectUID": (_STRING, "SOP Instance UID"),
    "contentType": (_STRING, "Media types, the Accept header by default (PS3.18 9.1.2.2)"),
    "anonymize": (_STRING, "Not supported: refused"),
    "transferSyntax": (_STRING, "UID, with `application/dicom` only; `*`: as stored"),
    "frameNumber": ({"type": "integer", "minimum": 1}, "From 1, which is the default"),
    "rows": ({"type": "integer", "minimum": 1}, "Height that the picture fits within"),
    "columns": ({"type": "integer", "minimum": 1}, "Width that the picture fits within"),
    "region": (_STRING, "`left,top,right,bottom` in fractions of the image"),
    "windowCenter": ({"type": "number"}, "VOI window's center"),
    "windowWidth": ({"type": "number"}, "VOI window's width"),
    "imageQuality": ({"type": "integer", "minimum": 1, "maximum": 100}, "Quality of a lossy picture"),
    "presentationUID": (_STRING, "Presentation state that the picture is shown by"),
    "presentationSeriesUID": (_STRING, "Its series, of the same study"),
}
MANDATORY = frozenset({"requestType", "studyUID", "seriesUID", "objectUID"})
"""Query parameters without which there is no request."""
URI_PARAMETERS = (
    "requestType", "studyUID", "seriesUID", "objectUID", "contentType", "charset", "anonymize", "transferSyntax",
    "frameNumber", "rows", "columns", "region", "windowCenter", "windowWidth", "imageQuality", "annotation",
    "iccprofile", "presentationUID", "presentationSeriesUID", "accept", "hospital",
)  # fmt: skip
ATTRIBUTE = "{attribute}"
"""Stands for any attribute by tag, keyword or path of them: a matching key (PS3.18 8.3.4)."""


@dataclass(frozen=True)
class Operation:
    """One method of one resource."""

    method: str
    path: str
    """Below `BASE`, parameters in braces."""
    name: str
    """Of the transaction, in the words of PS3.18."""
    section: str
    """Of PS3.18."""
    media_types: tuple[str, ...]
    """Of successful answers, the default first."""
    parameters: tuple[str, ...]
    statuses: tuple[int, ...]
    """All that may be answered, 401 and 403 of a missing session and 5xx apart."""
    is_public: bool = False
    request_types: tuple[str, ...] = ()

    @property
    def operation_id(self) -> str:
        """Name without spaces.

        >>> Operation("GET", "/studies", "Search for Studies", "10.6", (), (), ()).operation_id
        'SearchForStudies'
        """
        return "".join(word[0].upper() + word[1:] for word in self.name.replace("-", " ").split())

    @property
    def path_parameters(self) -> list[str]:
        """Names in braces."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]


def _search(path: str, name: str) -> Operation:
    statuses = (200, 204, 400, 406, 413)
    return Operation("GET", path, name, "10.6", DATA_SETS, (ATTRIBUTE, *SEARCH, *ACCEPT, *HOSPITAL), statuses)


def _retrieve(
    path: str, name: str, section: str, types: tuple[str, ...], *more: str, statuses: tuple[int, ...] = ()
) -> Operation:
    codes = tuple(sorted({200, 304, 400, 404, 406, 409, 412, *statuses}))
    return Operation("GET", path, name, section, types, (*more, *ACCEPT, *HOSPITAL), codes)


_STUDY, _SERIES = "/studies/{study}", "/studies/{study}/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"
_FRAMES = _INSTANCE + "/frames/{frames}"
_STORE_TYPES = (*INSTANCE_TYPES, 'multipart/related; type="application/dicom+json"')
_BYTES = (206, 307, 416)
"""Of what is delivered whole, in part or by a redirect."""
_STORED = (200, 202, 400, 406, 409, 411, 413, 415, 429)


def _rendered(path: str, level: str, types: tuple[str, ...]) -> tuple[Operation, Operation]:
    return (
        _retrieve(f"{path}/rendered", f"Retrieve Rendered {level}", "10.4.1.1.3", types, *RENDERING,
                  statuses=(*_BYTES, 413)),
        _retrieve(f"{path}/thumbnail", f"Retrieve {level} Thumbnail", "10.4.1.1.4", PICTURES, *RENDERING,
                  statuses=(413,)),
    )  # fmt: skip


def _store(path: str, name: str) -> Operation:
    return Operation("POST", path, name, "10.5", DICOM_JSON, (), _STORED, request_types=_STORE_TYPES)


OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "", "Retrieve Capabilities", "8.9", (WADL, JSON), ACCEPT, (200, 400, 406), is_public=True),
    Operation("GET", "/openapi.json", "Describe", "8.9", (JSON,), (), (200,), is_public=True),
    _search("/studies", "Search for Studies"),
    _search("/studies/{study}/series", "Search for Series of a Study"),
    _search("/studies/{study}/instances", "Search for Instances of a Study"),
    _search("/series", "Search for Series"),
    _search("/studies/{study}/series/{series}/instances", "Search for Instances of a Series"),
    _search("/instances", "Search for Instances"),
    _search("/patients", "Search for Patients"),
    _retrieve(_STUDY, "Retrieve Study", "10.4.1.1.1", WHOLE_TYPES, statuses=(*_BYTES, 413)),
    _retrieve(_SERIES, "Retrieve Series", "10.4.1.1.1", WHOLE_TYPES, statuses=(*_BYTES, 413)),
    _retrieve(_INSTANCE, "Retrieve Instance", "10.4.1.1.1", INSTANCE_TYPES, statuses=(*_BYTES, 413)),
    _retrieve(_STUDY + "/metadata", "Retrieve Study Metadata", "10.4.1.1.2", DATA_SETS, statuses=(307,)),
    _retrieve(_SERIES + "/metadata", "Retrieve Series Metadata", "10.4.1.1.2", DATA_SETS, statuses=(307,)),
    _retrieve(_INSTANCE + "/metadata", "Retrieve Instance Metadata", "10.4.1.1.2", DATA_SETS, statuses=(307,)),
    _retrieve(_FRAMES, "Retrieve Frames", "10.4.1.1.6", FRAME_TYPES, statuses=(*_BYTES, 413)),
    _retrieve(_INSTANCE + "/bulkdata/{path}", "Retrieve Bulk Data", "10.4.1.1.5", BULK_DATA_TYPES, statuses=_BYTES),
    *_rendered(_STUDY, "Study", SEVERAL_PICTURES),
    *_rendered(_SERIES, "Series", SEVERAL_PICTURES),
    *_rendered(_INSTANCE, "Instance", (*PICTURES, *DOCUMENTS)),
    *_rendered(_FRAMES, "Frames", PICTURES),
    Operation(
        "GET",
        "/wado",
        "Retrieve Instance by URI",
        "9.4, 9.5",
        (*STILL, *DOCUMENTS, "application/dicom"),
        URI_PARAMETERS,
        (200, 206, 304, 307, 400, 404, 406, 409, 412, 413, 416),
    ),
    _store("/studies", "Store Instances"),
    _store("/studies/{study}", "Store Instances of a Study"),
)


def matching(path: str) -> tuple[str, dict[str, str]] | None:
    """Template and path parameters of a path below `BASE`; None if there is no such resource.

    Literal parts win over parameters, as API Gateway decides.

    >>> matching("/studies/1.2/metadata")
    ('/studies/{study}/metadata', {'study': '1.2'})
    """
    parts = path.strip("/").split("/") if path.strip("/") else []
    best: tuple[int, str, dict[str, str]] | None = None
    for template in dict.fromkeys(operation.path for operation in OPERATIONS):
        wanted = template.strip("/").split("/") if template else []
        if len(wanted) != len(parts):
            continue
        captured = {name[1:-1]: part for name, part in zip(wanted, parts, strict=True) if name.startswith("{")}
        literal = all(name == part for name, part in zip(wanted, parts, strict=True) if not name.startswith("{"))
        if literal and (best is None or len(captured) < best[0]):
            best = (len(captured), template, captured)
    return best[1:] if best else None


def methods(template: str) -> list[str]:
    """Methods of a resource, HEAD and OPTIONS included."""
    own = [operation.method for operation in OPERATIONS if operation.path == template]
    return [*(["GET", "HEAD"] if "GET" in own else []), *(method for method in own if method != "GET"), "OPTIONS"]
