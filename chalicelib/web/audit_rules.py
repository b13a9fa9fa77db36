"""What a request to each route is in the audit trail. Refusals (403, 404) of any route that needs a session are too."""

from __future__ import annotations

from chalicelib.access.audit import Action

_STUDY = "/dicomweb/studies/{study}"
_SERIES = _STUDY + "/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"
_FRAMES = _INSTANCE + "/frames/{frames}"

_BY_ACTION: dict[Action, tuple[str, ...]] = {
    Action.SEARCH: ("/dicomweb/patients", "/dicomweb/studies", "/dicomweb/series", "/dicomweb/instances"),
    Action.READ_STUDY: (
        f"{_STUDY}/series",
        f"{_STUDY}/instances",
        f"{_SERIES}/instances",
        f"{_STUDY}/metadata",
        f"{_SERIES}/metadata",
        f"{_INSTANCE}/metadata",
        "/api/studies/{study}/marks",
    ),
    Action.RETRIEVE: (_STUDY, _SERIES, _INSTANCE, _FRAMES, f"{_INSTANCE}/bulkdata/{{path}}", "/dicomweb/wado"),
    Action.RENDER: tuple(
        f"{resource}/{kind}" for resource in (_STUDY, _SERIES, _INSTANCE, _FRAMES) for kind in ("rendered", "thumbnail")
    ),
    Action.READ_LEDGER: (
        "/api/ledger",
        "/api/statement",
        "/api/invoices",
        "/api/disputes",
        "/api/dashboard",
        "/api/exam-costs",
    ),
    Action.EXPORT: ("/api/invoices/{number}/{document}",),
    Action.READ_AUDIT: (
        "/api/audit-events",
        "/api/my/audit-events",
        "/api/audit-events/{event}/receipt",
        "/api/audit-state",
    ),
    Action.READ_REGISTRY: (
        "/api/operations/rejections",
        "/api/operations/conflicts",
        "/api/operations/notifications",
        "/api/operations/identity-providers",
    ),
}
_HOSPITAL = "/api/hospitals/{hospital}"
_AE = _HOSPITAL + "/application-entities/{ae_title}"
RULES: dict[tuple[str, str], Action] = {
    **{("GET", route): action for action, routes in _BY_ACTION.items() for route in routes},
    ("PUT", _HOSPITAL): Action.REGISTRY_CHANGED,
    ("PUT", _AE): Action.REGISTRY_CHANGED,
    ("DELETE", _AE): Action.REGISTRY_CHANGED,
    ("PUT", f"{_HOSPITAL}/billing-account"): Action.REGISTRY_CHANGED,
    ("PUT", "/api/identity-providers/{provider}"): Action.REGISTRY_CHANGED,
    ("DELETE", "/api/identity-providers/{provider}"): Action.REGISTRY_CHANGED,
    ("POST", f"{_HOSPITAL}/machines"): Action.REGISTRY_CHANGED,
    ("POST", f"{_HOSPITAL}/machines/{{machine}}/secrets"): Action.REGISTRY_CHANGED,
    ("DELETE", f"{_HOSPITAL}/machines/{{machine}}"): Action.REGISTRY_CHANGED,
    ("GET", "/api/accounts/{account}"): Action.READ_REGISTRY,
    ("PUT", "/api/accounts/{account}"): Action.REGISTRY_CHANGED,
    ("DELETE", "/api/sessions"): Action.SIGN_OUT,
    ("DELETE", "/api/sessions/{session}"): Action.SIGN_OUT,
    ("PUT", "/api/seller"): Action.REGISTRY_CHANGED,
    ("PUT", f"{_HOSPITAL}/budget"): Action.REGISTRY_CHANGED,
    ("POST", "/api/simulations"): Action.READ_LEDGER,
    ("POST", "/api/invoices"): Action.REGISTRY_CHANGED,
    ("PUT", f"{_HOSPITAL}/contacts/{{patient}}"): Action.CONTACT_CHANGED,
}
RULES |= {("HEAD", route): action for (method, route), action in RULES.items() if method == "GET"}

TELLS_ITSELF = frozenset({("POST", "/api/session"), ("DELETE", "/api/session")})
"""Routes that record what they do in their own words."""
