"""Query SCP (C-FIND, PS3.4 C.4.1): matches of the archive's search, one response each, as they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pynetdicom.dimse_primitives import C_FIND

from chalicelib import errors
from chalicelib.archive.ports import IndexReader
from chalicelib.archive.scope import Scope
from chalicelib.archive.search import SearchRequest, find
from chalicelib.archive.search_patients import PATIENT_COUNTS, PATIENT_TAGS, find_patients
from chalicelib.archive.search_results import INSTANCE_AVAILABILITY, Level, element, level_of
from chalicelib.dicom.attributes import Attribute, resolve
from chalicelib.dicom.character_sets import NotInRepertoire
from chalicelib.dicom.data_set_writer import encode_data_set, name_text
from chalicelib.dicom.matching import Condition, DateTimeCondition, ItemCondition
from scp_fargate import dimse_status
from scp_fargate.dimse_status import Status
from scp_fargate.identifier import (
    CHARACTER_SET,
    FIND_MODELS,
    QUERY_RETRIEVE_LEVEL,
    RETRIEVE_AE_TITLE,
    Refused,
    level_of_query,
    read_identifier,
)
from scp_fargate.operation import Cancelled, Interruptible, Operation, PeerGone
from scp_fargate.trail import caller_of

if TYPE_CHECKING:
    from pynetdicom.presentation import PresentationContext

    from scp_fargate.association import IncomingAssociation

DicomJson = dict[str, Any]

STUDY_DATE, STUDY_TIME = "00080020", "00080030"
TIMEZONE_OFFSET = "00080201"
UTF_8 = ("ISO_IR 192",)
_NOT_KEYS = frozenset({CHARACTER_SET, QUERY_RETRIEVE_LEVEL, RETRIEVE_AE_TITLE, INSTANCE_AVAILABILITY, TIMEZONE_OFFSET})
_LEVELS = {"PATIENT": Level.STUDY, "STUDY": Level.STUDY, "SERIES": Level.SERIES, "IMAGE": Level.INSTANCE}


@dataclass(frozen=True)
class Extensions:
    """What was agreed on by SOP Class Extended Negotiation (PS3.4 C.5.1.1)."""

    combined_date_time: bool = False
    fuzzy_names: bool = False


def negotiate(application_information: bytes) -> bytes:
    """Answer to SOP Class Extended Negotiation of a C-FIND SOP class (PS3.4 table C.5-1).

    Relational queries, combined date-time matching and fuzzy matching of names as asked for; time zones are not
    converted, and no Enhanced Multi-Frame conversion is made.

    >>> negotiate(bytes([1, 0, 1, 1]))
    b'\\x01\\x00\\x01\\x00'
    """
    asked = application_information[:3].ljust(3, b"\0")
    return bytes(min(byte, 1) for byte in asked) + bytes(max(0, len(application_information) - 3))


def extensions(answer: bytes) -> Extensions:
    """What an answer of `negotiate` agrees on."""
    return Extensions(answer[1:2] == b"\x01", answer[2:3] == b"\x01")


@dataclass(frozen=True)
class Query:
    """A request, parsed."""

    level: str
    identifier: DicomJson
    """As received: return keys and the shape of the answer."""
    conditions: tuple[Condition, ...]
    supported: frozenset[str]
    """Tags of the identifier that the archive has at this level."""
    character_sets: tuple[str, ...]
    has_unsupported: bool


def serve(association: IncomingAssociation, request: C_FIND, context: PresentationContext) -> None:
    """Search, and send a pending response for each match and a final one."""
    operation = Operation(association, request, context)
    sent, status = 0, Status(dimse_status.SUCCESS)
    try:
        query = parse_query(
            read_identifier(request.Identifier.getvalue() if request.Identifier else b"", operation.implicit_vr),
            operation.abstract_syntax,
            association.extensions.get(operation.abstract_syntax, Extensions()),
        )
        association.archive.trail.searched(caller_of(association), query.level, query.conditions)
        limit = association.archive.maximum_matches
        for match in _matches(association, operation, query, limit):
            operation.check()
            if sent == limit:
                comment = f"There are more than {limit} matches, narrow the query"
                status = Status(dimse_status.OUT_OF_RESOURCES, comment)
                break
            operation.respond(*answer(query, match, association.ae.ae_title, operation.implicit_vr))
            sent += 1
    except PeerGone:
        association.log("C-FIND abandoned by its peer", matches=sent, level="warning")
        return
    except Cancelled:
        status = Status(dimse_status.CANCEL)
    except Refused as refused:
        status = refused.status
    except errors.ArchiveError as error:
        status = dimse_status.status_of_query(error)
    except Exception as error:
        association.log_unforeseen("C-FIND failed", error)
        status = dimse_status.status_of_query(error)
    finally:
        operation.close()
    if sent or status.code == dimse_status.SUCCESS:
        association.archive.sent.answered(association.hospital)
    association.counts.add("queries")
    association.counts.add("matches", sent)
    association.log("C-FIND", matches=sent, status=f"{status.code:04X}", comment=status.error_comment)
    operation.respond(status)


def _matches(association: IncomingAssociation, operation: Operation, query: Query, limit: int) -> Iterator[DicomJson]:
    reader = cast("IndexReader", Interruptible(association.archive.index_reader, operation))
    scope = Scope(hospitals=(association.hospital,))
    request = SearchRequest(
        _LEVELS[query.level], conditions=query.conditions, include_tags=query.supported, limit=limit
    )
    if query.level == "PATIENT":
        return find_patients(reader, scope, request)
    return find(reader, scope, request)


# Request ----------------------------------------------------------------------------------------------------------


def parse_query(identifier: DicomJson, sop_class_uid: str, agreed: Extensions) -> Query:
    """Keys of an identifier (PS3.4 C.2.2.1).

    Queries are relational: a key above the level asked for may be missing. A key that the level lacks is ignored,
    which the status of each match says (FF01).

    Raises
    ------
    Refused
        Without a level of the model (A900), or when a key's value is not legal (C001), whose keyword is told.
    """
    level = level_of_query(identifier, FIND_MODELS[sop_class_uid])
    keys = {tag: attribute for tag, attribute in identifier.items() if tag not in _NOT_KEYS}
    supported = frozenset(tag for tag, attribute in keys.items() if _is_supported(tag, attribute, level))
    conditions = [
        condition for tag in sorted(supported) if (condition := _condition(tag, keys[tag], agreed)) is not None
    ]
    return Query(
        level,
        identifier,
        tuple(_combined(conditions) if agreed.combined_date_time else conditions),
        supported | (identifier.keys() & {INSTANCE_AVAILABILITY, TIMEZONE_OFFSET}),
        tuple(str(value or "") for value in identifier.get(CHARACTER_SET, {}).get("Value") or ()),
        has_unsupported=len(supported) < len(keys),
    )


def _is_supported(tag: str, attribute: DicomJson, level: str) -> bool:
    """Whether the archive knows the attribute at the level, itself or of a level above."""
    if level == "PATIENT":
        return tag in PATIENT_TAGS or tag in PATIENT_COUNTS
    if "InlineBinary" in attribute or "BulkDataURI" in attribute:
        return False
    own = level_of(tag)
    return own is Level.STUDY or (own is Level.SERIES and level != "STUDY") or level == "IMAGE"


def _attribute(tag: str, vr: str) -> Attribute:
    """Name of an attribute; the VR is the dictionary's, or as sent where that has none."""
    known = resolve(tag) or Attribute(tag, "", "")
    return known if known.vr else Attribute(tag, vr, known.keyword)


def _condition(tag: str, key: DicomJson, agreed: Extensions) -> Condition | None:
    """The matching key that an element of an identifier is, None when it is a return key alone."""
    attribute = _attribute(tag, key["vr"])
    values = key.get("Value") or ()
    if key["vr"] == "SQ":
        item = values[0] if values else {}
        conditions = [c for inner, element in item.items() if (c := _condition(inner, element, agreed)) is not None]
        return ItemCondition((attribute,), "", keys=tuple(conditions)) if conditions else None
    text = "\\".join(name_text(value) if attribute.vr == "PN" else str(value or "") for value in values)
    if not text.strip("*"):
        return None
    fuzzy = agreed.fuzzy_names and attribute.vr == "PN" and not set(text) & set("*?")
    try:
        return Condition((attribute,), text, fuzzy).check()
    except errors.BadRequest:
        comment = f"{attribute.keyword or tag} has a value that is not legal"
        raise Refused(Status(dimse_status.ILLEGAL_KEY, comment)) from None


def _combined(conditions: Sequence[Condition]) -> list[Condition]:
    """Study Date and Study Time as one range of moments when both are keys (C.2.2.2.5.3)."""
    by_tag = {condition.tag: condition for condition in conditions}
    date, time = by_tag.get(STUDY_DATE), by_tag.get(STUDY_TIME)
    if date is None or time is None:
        return list(conditions)
    moment = DateTimeCondition(date.path, date.text, time_tag=STUDY_TIME, time_text=time.text)
    return [*(condition for condition in conditions if condition not in (date, time)), moment]


# Answer -----------------------------------------------------------------------------------------------------------


def answer(query: Query, match: DicomJson, ae_title: str, implicit_vr: bool) -> tuple[Status, bytes]:
    """Status and identifier of a pending response, in the character set of the request if the match fits it."""
    dataset = {tag: _returned(key, match.get(tag)) for tag, key in query.identifier.items() if tag in query.supported}
    dataset[QUERY_RETRIEVE_LEVEL] = element("CS", query.level)
    dataset[RETRIEVE_AE_TITLE] = element("AE", ae_title)
    if INSTANCE_AVAILABILITY in query.supported:
        dataset[INSTANCE_AVAILABILITY] = element("CS", "ONLINE")
    encoded, as_requested = _encoded(dataset, query.character_sets, implicit_vr)
    warning = query.has_unsupported or not as_requested
    return Status(dimse_status.PENDING_WITH_WARNING if warning else dimse_status.PENDING), encoded


def _encoded(dataset: DicomJson, requested: tuple[str, ...], implicit_vr: bool) -> tuple[bytes, bool]:
    """The data set, and whether it is in the character set that was asked for.

    Requestors that name none get ASCII, else Latin-1, which most of them mean, else UTF-8; the others UTF-8 where a
    text does not fit: it is never mutilated.
    """
    attempts = (requested, UTF_8) if any(requested) else ((), ("ISO_IR 100",), UTF_8)
    for character_sets in attempts:
        named = {CHARACTER_SET: element("CS", *character_sets)} if character_sets else {}
        try:
            encoded = encode_data_set({**dataset, **named}, implicit_vr, character_sets)
        except NotInRepertoire:
            continue
        return encoded, not any(requested) or character_sets == requested
    raise AssertionError("UTF-8 has every character")


def _returned(key: DicomJson, found: DicomJson | None) -> DicomJson:
    """The attribute as found, empty if it has no value; of a sequence the keys of the request's item."""
    if found is None:
        return {"vr": key["vr"]}
    wanted = (key.get("Value") or [None])[0] if key["vr"] == "SQ" else None
    if not wanted or found["vr"] != "SQ":
        return found
    items = [{tag: _returned(inner, item.get(tag)) for tag, inner in wanted.items()} for item in found.get("Value", ())]
    return {"vr": "SQ", "Value": items}
