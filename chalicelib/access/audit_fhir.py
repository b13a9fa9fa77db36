"""Events as FHIR R4 AuditEvent, with the codes of DICOM (PS3.15 A.5, PS3.16 CID 400 and 401) and IHE BALP's shape."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from chalicelib.access.audit import Action, AuditEvent, Outcome
from chalicelib.access.audit_search import key_of, time_text

DCM = "http://dicom.nema.org/resources/ontology/DCM"
ENTITY_TYPE = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
OBJECT_ROLE = "http://terminology.hl7.org/CodeSystem/object-role"
OWN = "https://sansfilm.example/audit-action"

ACCESSED = ("110103", "DICOM Instances Accessed")
TRANSFERRED = ("110104", "DICOM Instances Transferred")
QUERY = ("110112", "Query")
AUTHENTICATION = ("110114", "User Authentication")
ALERT = ("110113", "Security Alert")
EXPORT = ("110106", "Export")
LOG_USED = ("110101", "Audit Log Used")
PATIENT_RECORD = ("110110", "Patient Record")
TYPES: dict[Action, tuple[str, str]] = {
    Action.SEARCH: QUERY,
    Action.READ_STUDY: ACCESSED,
    Action.RETRIEVE: TRANSFERRED,
    Action.RENDER: ACCESSED,
    Action.STORE: TRANSFERRED,
    Action.MOVE: TRANSFERRED,
    Action.SIGN_IN: AUTHENTICATION,
    Action.SIGN_IN_REFUSED: AUTHENTICATION,
    Action.SIGN_OUT: AUTHENTICATION,
    Action.EXPORT: EXPORT,
    Action.READ_AUDIT: LOG_USED,
    Action.CORRECTION: PATIENT_RECORD,
    Action.CONTACT_CHANGED: PATIENT_RECORD,
}
"""Events of other actions are security alerts: use of a restricted function, or a change of who may see what."""
SUBTYPES: dict[Action, tuple[str, str]] = {
    Action.SIGN_IN: ("110122", "Login"),
    Action.SIGN_IN_REFUSED: ("110122", "Login"),
    Action.SIGN_OUT: ("110123", "Logout"),
    Action.BREAK_GLASS: ("110127", "Emergency Override Started"),
    Action.ACCESS_REFUSED: ("110132", "Use of Restricted Function"),
}
OUTCOMES = {Outcome.SUCCESS: "0", Outcome.REFUSED: "4", Outcome.FAILED: "8"}
CREATES = frozenset(
    {
        Action.STORE,
        Action.SHARE_CREATED,
        Action.CODE_ISSUED,
        Action.GRANT_CREATED,
        Action.CARE_DECLARED,
        Action.PROXY_REGISTERED,
    }
)
READS = frozenset(
    {
        Action.READ_STUDY,
        Action.RETRIEVE,
        Action.RENDER,
        Action.MOVE,
        Action.EXPORT,
        Action.READ_AUDIT,
        Action.READ_LEDGER,
        Action.READ_REGISTRY,
    }
)
EXECUTES = frozenset(
    {Action.SEARCH, Action.SIGN_IN, Action.SIGN_IN_REFUSED, Action.SIGN_OUT, Action.ACCESS_REFUSED, Action.BREAK_GLASS}
)


def to_bundle(events: Iterable[AuditEvent], next_url: str = "") -> dict[str, Any]:
    """A searchset Bundle."""
    entries = [{"resource": to_fhir(event), "search": {"mode": "match"}} for event in events]
    links = [{"relation": "next", "url": next_url}] if next_url else []
    return {"resourceType": "Bundle", "type": "searchset", "link": links, "entry": entries}


def to_fhir(event: AuditEvent) -> dict[str, Any]:
    """One AuditEvent."""
    subtype = [{"system": OWN, "code": event.action.value}]
    if event.action in SUBTYPES:
        subtype.insert(0, _coding(DCM, SUBTYPES[event.action]))
    resource: dict[str, Any] = {
        "resourceType": "AuditEvent",
        "id": event.event_id,
        "type": _coding(DCM, TYPES.get(event.action, ALERT)),
        "subtype": subtype,
        "action": _action(event.action),
        "recorded": time_text(event.when_ms),
        "outcome": OUTCOMES[event.outcome],
        "agent": [_agent(event)],
        "source": {"site": event.chain, "observer": {"display": "Sans Film"}, "type": [_source_type()]},
    }
    entities = _entities(event)
    if entities:
        resource["entity"] = entities
    return resource


def _action(action: Action) -> str:
    if action in CREATES:
        return "C"
    if action in READS:
        return "R"
    return "E" if action in EXECUTES else "U"


def _agent(event: AuditEvent) -> dict[str, Any]:
    who = event.who
    agent: dict[str, Any] = {
        "who": {"identifier": {"value": who.subject or "unknown"}, "display": who.display_name or "unknown"},
        "requestor": True,
    }
    if who.professional_id:
        agent["altId"] = who.professional_id
    if who.role:
        agent["role"] = [{"text": who.role}]
    if who.address:
        agent["network"] = {"address": who.address, "type": "2"}
    return agent


def _entities(event: AuditEvent) -> list[dict[str, Any]]:
    entities: list[dict[str, Any]] = []
    if event.patient:
        identifier = {"system": f"urn:sansfilm:{event.patient.hospital}", "value": event.patient.patient_id}
        entities.append(_entity({"identifier": identifier}, "1", "1"))
    if event.study_instance_uid:
        uid = {"system": "urn:dicom:uid", "value": f"urn:oid:{event.study_instance_uid}"}
        entities.append(_entity({"identifier": uid}, "2", "3"))
    if "query" in event.detail:
        query = base64.b64encode(str(event.detail["query"]).encode()).decode("ascii")
        entities.append(_entity(None, "2", "24") | {"query": query})
    others = {name: value for name, value in event.detail.items() if name != "query"}
    if others:
        detail = [{"type": name, "valueString": str(value)} for name, value in sorted(others.items())]
        entities.append(_entity({"display": key_of(event)}, "2", "13") | {"detail": detail})
    return entities


def _entity(what: dict[str, Any] | None, kind: str, role: str) -> dict[str, Any]:
    entity: dict[str, Any] = {
        "type": {"system": ENTITY_TYPE, "code": kind},
        "role": {"system": OBJECT_ROLE, "code": role},
    }
    return entity | ({"what": what} if what else {})


def _source_type() -> dict[str, str]:
    return {"system": "http://terminology.hl7.org/CodeSystem/security-source-type", "code": "4"}


def _coding(system: str, coded: tuple[str, str]) -> dict[str, str]:
    return {"system": system, "code": coded[0], "display": coded[1]}
