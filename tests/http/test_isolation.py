"""Who may see what of whose: a matrix over all routes, so that a new one without a row fails (docs/adr/0025)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from chalice.app import Chalice
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import app
from chalicelib import errors, wiring
from chalicelib.access.model import PERMISSIONS, Permission, Role
from chalicelib.archive.scope import PatientRef, Scope, StudyRef
from chalicelib.aws.lambda_renderer import LambdaRenderer
from chalicelib.web.authorizer import sessions_authorizer
from tests.dicom_files import data_set, part10
from tests.http.conftest import HttpClient, Issue
from tests.http.dicomweb import RenderedFunction, archive
from tests.http.sharing import (
    DOCUMENT,
    FIRST,
    IMAGE,
    OTHER_STUDY,
    REPORT,
    REPORTS,
    SECOND,
    SECOND_IMAGE,
    SR_CLASS,
    STUDY,
    STUDY_OF_SUD,
    expire,
    guest,
    share,
    store_exams,
)

Headers = dict[str, str]
Who = Callable[[HttpClient, Issue], Headers]

# Rows ---------------------------------------------------------------------------------------------------------------

SEARCH, LOOK, FILE = "search", "look", "file"
_STUDY, _SERIES = "/dicomweb/studies/{study}", "/dicomweb/studies/{study}/series/{series}"
_INSTANCE, _FRAMES = f"{_SERIES}/instances/{{instance}}", f"{_SERIES}/instances/{{instance}}/frames/{{frames}}"
_URI = "requestType=WADO&studyUID={study}&seriesUID={series}&objectUID={instance}"
ROWS: dict[str, str] = {
    "/dicomweb/studies": SEARCH,
    "/dicomweb/series": SEARCH,
    "/dicomweb/instances": SEARCH,
    "/dicomweb/patients": SEARCH,
    f"{_STUDY}/series": SEARCH,
    f"{_STUDY}/instances": SEARCH,
    f"{_SERIES}/instances": SEARCH,
    _STUDY: FILE,
    _SERIES: FILE,
    _INSTANCE: FILE,
    f"/dicomweb/wado?{_URI}&contentType=application/dicom": FILE,
    f"/dicomweb/wado?{_URI}": LOOK,
    f"{_INSTANCE}/bulkdata/{{path}}": LOOK,
    _FRAMES: LOOK,
    **{f"{level}/metadata": LOOK for level in (_STUDY, _SERIES, _INSTANCE)},
    **{
        f"{level}/{form}": LOOK for level in (_STUDY, _SERIES, _INSTANCE, _FRAMES) for form in ("rendered", "thumbnail")
    },
}
"""What each route gives of what it names."""

TARGETS = {
    "first series": (STUDY, FIRST, IMAGE),
    "second series": (STUDY, SECOND, SECOND_IMAGE),
    "report": (STUDY, REPORTS, REPORT),
    "document among images": (STUDY, FIRST, DOCUMENT),
    "another study": (OTHER_STUDY, f"{OTHER_STUDY}.1", f"{OTHER_STUDY}.1.1"),
    "study of another hospital": (STUDY_OF_SUD, f"{STUDY_OF_SUD}.1", f"{STUDY_OF_SUD}.1.1"),
}


def role(role: Role, hospital: str = "nord", scope: Scope | None = None) -> Who:
    return lambda http, bearer: bearer(role, hospital, scope)


def guest_of(**terms: Any) -> Who:
    return lambda http, bearer: guest(http, share(http, bearer, **terms))


def recipient(http: HttpClient, bearer: Issue) -> Headers:
    share(http, bearer, kind="hospital", recipient="sud", series=(FIRST,), reports=False, download=False)
    return bearer(Role.RADIOLOGIST, "sud")


def professional(http: HttpClient, bearer: Issue) -> Headers:
    share(http, bearer, kind="professional", recipient="10100000017", series=(SECOND,), download=False)
    return bearer(Role.GP, "", Scope(), rpps="10100000017")


IMAGES = {"first series", "second series"}
OF_STUDY = IMAGES | {"report", "document among images"}
SEEN: dict[str, tuple[Who, set[str]]] = {
    "radiologist of the other hospital": (role(Role.RADIOLOGIST, "sud"), {"study of another hospital"}),
    "doctor without a patient": (role(Role.GP, "", Scope()), set()),
    "doctor of other patients": (
        role(
            Role.GP, "", Scope((), (PatientRef("sud", "P9"), PatientRef("nord", "P1", "X")), (StudyRef("sud", STUDY),))
        ),
        set(),
    ),
    "doctor of the patient": (role(Role.GP, "", Scope((), (PatientRef("nord", "P1"),))), OF_STUDY),
    "guest": (guest_of(), OF_STUDY),
    "guest of one series": (guest_of(series=(FIRST,)), {"first series", "document among images"}),
    "guest without reports": (guest_of(reports=False), IMAGES),
    "guest without download": (guest_of(download=False), OF_STUDY),
    "guest of one series, without reports and download": (
        guest_of(series=(FIRST,), reports=False, download=False),
        {"first series"},
    ),
    "colleague by RPPS, to look at only, not to download": (professional, {"second series"}),
    "hospital that one series is shared with": (recipient, {"first series", "study of another hospital"}),
}
"""Who sees which targets; nobody else is shown that there are more."""
LOOKS_ONLY = {name for name in SEEN if "download" in name} | {"hospital that one series is shared with"}


# Walking ------------------------------------------------------------------------------------------------------------


def url(path: str, uids: tuple[str, str, str], bulk: str = "7FE00010") -> str:
    study, series, instance = uids
    values = {"study": study, "series": series, "instance": instance, "frames": "1", "path": bulk}
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def hidden_uids(seen: set[str]) -> set[str]:
    shown = {uid for name in seen for uid in TARGETS[name]}
    return {uid for uids in TARGETS.values() for uid in uids} - shown


def names(body: bytes, uid: str) -> bool:
    """Whether a body names a UID, not one that it is part of."""
    return re.search(rb"(?<![0-9.])" + re.escape(uid.encode()) + rb"(?![0-9.])", body) is not None


@pytest.fixture
def exams(http: HttpClient, monkeypatch: pytest.MonkeyPatch) -> HttpClient:
    function = RenderedFunction()
    monkeypatch.setattr(wiring, "renderer", lambda: LambdaRenderer(function, "rendered"))  # type: ignore[arg-type]
    store_exams()
    return http


def get(http: HttpClient, path: str, headers: Headers) -> tuple[int, bytes, str]:
    answer = http.get(path, headers=headers)
    return answer.status_code, answer.body, answer.headers.get("Content-Type", "")


def walk() -> list[tuple[str, str, str, tuple[str, str, str]]]:
    """Every route with everything that it can name, each once: target, route, address, UIDs."""
    found = {}
    for target, uids in TARGETS.items():
        for path in ROWS:
            found.setdefault(url(path, uids), (target, path, url(path, uids), uids))
    return list(found.values())


def test_every_route_has_a_row() -> None:
    routes = {
        path
        for path, methods in app.routes.items()
        if path.startswith("/dicomweb/") and "GET" in methods and methods["GET"].authorizer and not path.endswith("+}")
    }
    assert {path.partition("?")[0] for path in ROWS} == routes


class Archive:
    """What the owner is answered, to compare with what others are."""

    def __init__(self, http: HttpClient, bearer: Issue) -> None:
        owner = bearer(Role.RADIOLOGIST, "nord")
        self.http = http
        self.missing = {path: get(http, url(path, ("1.2.99", "1.2.99.1", "1.2.99.1.1")), owner) for path in ROWS}
        self.whole = {asked: get(http, asked, owner) for _, _, asked, uids in walk() if uids[0] == STUDY}

    def check(self, who: str, headers: Headers, seen: set[str], *, looks_only: bool = False) -> None:
        """That a session is shown some targets, and that nothing tells of the others."""
        hidden = hidden_uids(seen)
        for target, path, asked, uids in walk():
            answer, place = get(self.http, asked, headers), (who, target, path)
            named = uids[: 1 + ("{series}" in path) + ("{instance}" in path)] if "{" in path else ()
            if hidden & set(named):
                assert answer == self.missing[path], place
                assert answer[0] in (204, 404), place
                continue
            body = answer[1].replace(asked.encode(), b"")
            assert not [uid for uid in hidden if names(body, uid)], place
            if len(named) == 3 and uids[0] == STUDY and ROWS[path] is not SEARCH:
                is_file = "application/dicom" in self.whole[asked][2].replace("dicom+json", "")
                if is_file and looks_only:
                    assert answer[0] == 403, place
                else:
                    assert answer == self.whole[asked], place
            elif ROWS[path] is FILE and looks_only and uids[0] == STUDY:
                assert answer[0] == 403, place


def test_each_sees_its_own_and_nothing_tells_of_more(exams: HttpClient, bearer: Issue) -> None:
    archived = Archive(exams, bearer)
    for who, (make, seen) in SEEN.items():
        archived.check(who, make(exams, bearer), seen, looks_only=who in LOOKS_ONLY)


def test_the_owner_is_shown_everything_so_that_404_says_something(exams: HttpClient, bearer: Issue) -> None:
    headers = bearer(Role.RADIOLOGIST, "nord")
    for path in ROWS:
        assert get(exams, url(path, TARGETS["first series"]), headers)[0] == 200, path
        # Nothing else can be done to it.
        for method in ("PUT", "PATCH", "DELETE"):
            assert exams.request(method, url(path, TARGETS["first series"]), headers).status_code == 405, path


COUNTS: list[tuple[dict[str, Any], list[str], int, int]] = [
    ({}, ["CT", "SR"], 3, 4),
    ({"series": (SECOND,)}, ["CT"], 1, 1),
    ({"series": (REPORTS,)}, ["SR"], 1, 1),
    ({"reports": False}, ["CT"], 2, 2),
    ({"series": (FIRST,), "reports": False}, ["CT"], 1, 1),
]


def test_counts_tell_of_what_is_shown_alone(exams: HttpClient, bearer: Issue) -> None:
    for terms, modalities, series, instances in COUNTS:
        headers = guest(exams, share(exams, bearer, **terms))
        (study,) = exams.get("/dicomweb/studies?includefield=all", headers=headers).json_body
        assert study["00080061"]["Value"] == modalities
        assert (study["00201206"]["Value"], study["00201208"]["Value"]) == ([series], [instances])
        found = exams.get(f"/dicomweb/studies/{STUDY}/series", headers=headers).json_body
        assert sum(one["00201209"]["Value"][0] for one in found) == instances
        (patient,) = exams.get("/dicomweb/patients?includefield=00201204,00201202", headers=headers).json_body
        assert (patient["00201202"]["Value"], patient["00201204"]["Value"]) == ([series], [instances])
        if "SR" not in modalities:
            assert exams.get("/dicomweb/studies?ModalitiesInStudy=SR", headers=headers).status_code == 204
            assert SR_CLASS not in study["00080062"]["Value"]


def test_without_a_session_nothing_is_answered(exams: HttpClient, bearer: Issue) -> None:
    revoked, expired = share(exams, bearer), share(exams, bearer)
    over = [guest(exams, revoked), guest(exams, expired)]
    exams.delete(f"/api/shares/{revoked['id']}", headers=bearer(Role.RADIOLOGIST, "nord"))
    expire(expired["id"])
    for path in ROWS:
        address = url(path, TARGETS["first series"])
        assert exams.get(address).status_code == 401, path
        for headers in over:
            with pytest.raises(errors.NotAuthenticated):
                exams.get(address, headers=headers)


def test_roles_without_images_get_none(exams: HttpClient, bearer: Issue) -> None:
    without = [who for who in Role if Permission.READ_IMAGES not in PERMISSIONS[who]]
    assert {Role.FINANCE, Role.OPERATOR, Role.DESK, Role.PRIVACY_OFFICER} == set(without)
    for who in without:
        headers = bearer(who, "nord")
        for path in ROWS:
            assert exams.get(url(path, TARGETS["first series"]), headers=headers).status_code == 403, path


def test_the_same_uids_in_two_hospitals_never_meet(exams: HttpClient, bearer: Issue) -> None:
    archive(part10(data_set(STUDY, FIRST, IMAGE, PatientID="OTHER")), "sud")
    for hospital, patient_id in (("nord", "P1"), ("sud", "OTHER")):
        answer = exams.get("/dicomweb/studies?includefield=00100020", headers=bearer(Role.RADIOLOGIST, hospital))
        found = {study["00100020"]["Value"][0] for study in answer.json_body if study["0020000D"]["Value"] == [STUDY]}
        assert found == {patient_id}


# Of the portal's API -------------------------------------------------------------------------------------------------

IMAGE_ROLES, EVERYBODY = {"radiologist", "gp", "patient", "proxy"}, {each.value for each in Role}
MARKING = {"radiologist", "desk", "pacs-manager"}
OPERATOR, LEDGER, ACCOUNTS = {"operator"}, {"operator", "finance"}, {"operator", "pacs-manager"}
TRAIL = {"operator", "privacy-officer"}
SIGNED_IN = EVERYBODY - {"guest"}
_HOSPITAL = "/api/hospitals/{hospital}"
_AE, _MACHINE = f"{_HOSPITAL}/application-entities/{{ae_title}}", f"{_HOSPITAL}/machines/{{machine}}"
API_ROWS: dict[tuple[str, str], set[str]] = {
    **{("GET", path): EVERYBODY for path in ("/api/session", "/api/hospitals")},
    ("DELETE", "/api/session"): EVERYBODY,
    **{("GET", path): IMAGE_ROLES for path in ("/api/shares", "/api/shares/{share}", "/api/received-shares")},
    ("POST", "/api/shares"): IMAGE_ROLES,
    ("DELETE", "/api/shares/{share}"): IMAGE_ROLES,
    ("GET", "/api/my/shares"): {"patient", "proxy"},
    ("DELETE", "/api/my/shares/{share}"): {"patient", "proxy"},
    ("GET", "/api/hospitals/{hospital}/shares"): {"pacs-manager"},
    ("DELETE", "/api/hospitals/{hospital}/shares/{share}"): {"pacs-manager"},
    ("GET", "/api/operations/shares/{share}"): {"operator"},
    ("DELETE", "/api/operations/shares/{share}"): {"operator"},
    ("GET", "/api/studies/{study}/marks"): MARKING,
    ("POST", "/api/studies/{study}/marks"): MARKING,
    ("DELETE", "/api/studies/{study}/marks/{mark}"): MARKING,
    ("GET", "/api/care-relations"): MARKING,
    ("GET", "/api/priors"): MARKING,
    ("POST", "/api/care-relations"): MARKING,
    ("DELETE", "/api/care-relations/{relation}"): MARKING,
    ("POST", "/api/care-relations/{relation}/opening"): {"radiologist"},
    ("GET", "/api/oppositions/{patient}"): MARKING,
    ("PUT", "/api/oppositions/{patient}"): MARKING,
    ("GET", "/api/my/opposition"): {"patient"},
    ("PUT", "/api/my/opposition"): {"patient"},
    **{
        (method, f"/api/{path}"): {"desk"}
        for method, path in (
            ("GET", "proxies/{patient}"),
            ("POST", "proxies/{patient}"),
            ("POST", "proxies/{patient}/{proxy}/codes"),
            ("DELETE", "proxies/{patient}/{proxy}"),
            ("GET", "second-factors/{patient}"),
            ("POST", "second-factors/{patient}/totp"),
            ("PUT", "second-factors/{patient}/totp"),
            ("DELETE", "second-factors/{patient}/totp"),
            ("POST", "second-factors/{patient}/printed-codes"),
        )
    },
    ("PUT", "/api/access-grants/{grant}"): {"patient", "proxy"},
    ("GET", "/api/my/proxies"): {"patient"},
    ("DELETE", "/api/my/proxies/{proxy}"): {"patient"},
    ("GET", "/api/my/second-factors"): {"patient", "proxy"},
    **{(method, "/api/my/second-factors/totp"): {"patient", "proxy"} for method in ("POST", "PUT", "DELETE")},
    ("POST", "/api/break-glass"): {"radiologist", "gp"},
    ("GET", "/api/break-glass"): {"privacy-officer"},
    ("PUT", "/api/break-glass/{use}/review"): {"privacy-officer"},
    ("GET", "/api/disputes"): {"finance", "operator"},
    ("POST", "/api/disputes"): {"finance"},
    ("POST", "/api/disputes/{dispute}/decision"): {"operator"},
    **{("GET", f"/api/{what}"): LEDGER for what in ("ledger", "statement", "invoices", "dashboard", "exam-costs")},
    ("GET", "/api/invoices/{number}/{document}"): LEDGER,
    ("POST", "/api/simulations"): LEDGER,
    ("PUT", f"{_HOSPITAL}/budget"): LEDGER,
    ("POST", "/api/invoices"): OPERATOR,
    **{(method, "/api/seller"): OPERATOR for method in ("GET", "PUT")},
    **{(method, f"{_HOSPITAL}/billing-account"): OPERATOR for method in ("GET", "PUT")},
    **{(method, _HOSPITAL): OPERATOR for method in ("GET", "PUT")},
    ("GET", f"{_HOSPITAL}/application-entities"): OPERATOR,
    **{(method, _AE): OPERATOR for method in ("GET", "PUT", "DELETE")},
    **{(method, "/api/identity-providers/{provider}"): OPERATOR for method in ("GET", "PUT", "DELETE")},
    **{
        ("GET", f"/api/operations/{what}"): OPERATOR
        for what in ("rejections", "conflicts", "notifications", "queues", "identity-providers")
    },
    **{(method, f"{_HOSPITAL}/machines"): ACCOUNTS for method in ("GET", "POST")},
    ("POST", f"{_MACHINE}/secrets"): ACCOUNTS,
    ("DELETE", _MACHINE): ACCOUNTS,
    **{(method, "/api/accounts/{account}"): ACCOUNTS for method in ("GET", "PUT")},
    ("PUT", f"{_HOSPITAL}/contacts/{{patient}}"): {"desk", "gateway"},
    ("POST", "/api/patient-codes"): {"desk"},
    **{(method, "/api/patient-codes/{patient}"): {"desk"} for method in ("GET", "DELETE")},
    ("POST", "/api/access-grants"): {"gp"},
    ("GET", "/api/access-grants"): {"patient", "proxy", "gp", "radiologist"},
    ("DELETE", "/api/access-grants/{grant}"): {"patient", "proxy"},
    **{("GET", path): TRAIL for path in ("/api/audit-events", "/api/audit-state")},
    **{
        ("GET", path): TRAIL | {"patient", "proxy"}
        for path in ("/api/audit-anchors/{day}", "/api/audit-events/{event}/receipt")
    },
    ("GET", "/api/my/audit-events"): {"patient", "proxy"},
    **{(method, "/api/sessions"): SIGNED_IN for method in ("GET", "DELETE")},
    ("DELETE", "/api/sessions/{session}"): SIGNED_IN,
}
"""Roles that a route of /api answers."""


def without_row(routes: Mapping[str, Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Routes of /api that need a session and of which nothing says whose they are."""
    named = {(method, path) for path, methods in routes.items() for method, one in methods.items() if one.authorizer}
    return {(method, path) for method, path in named if path.startswith("/api/")} - API_ROWS.keys()


def test_every_route_of_the_api_has_a_row_and_every_row_a_route() -> None:
    assert without_row(app.routes) == set()
    assert {(method, path) for method, path in API_ROWS if method not in app.routes.get(path, {})} == set()


def test_a_new_route_without_a_row_is_found() -> None:
    fresh = Chalice("fresh")
    fresh.route("/api/new", methods=["POST"], authorizer=sessions_authorizer)(lambda: {})
    assert without_row({**app.routes, **fresh.routes}) == {("POST", "/api/new")}


SIMULATION = {"hospital": "sud", "period": "2026-01", "prices": [{"item": "exam-archived", "unit_price": "1"}]}


def asked_of(path: str, hospital: str = "nord") -> str:
    return path.replace("{hospital}", hospital)


def test_a_guest_may_do_nothing_but_look(exams: HttpClient, bearer: Issue) -> None:
    headers = guest(exams, share(exams, bearer))
    for path, methods in app.routes.items():
        for method, route in methods.items():
            if path.startswith("/api/") and route.authorizer and API_ROWS.get((method, path)) is not EVERYBODY:
                answer = exams.request(method, path, {**headers, "Content-Type": "application/json"}, b"{}")
                assert answer.status_code == 403, (method, path)


def test_roles_get_no_more_than_their_routes(exams: HttpClient, bearer: Issue) -> None:
    for who in set(Role) - {Role.GUEST}:
        headers = bearer(who, "nord", **{"Content-Type": "application/json"})
        for (method, path), roles in API_ROWS.items():
            if who.value not in roles:
                assert exams.request(method, asked_of(path), headers, b"{}").status_code == 403, (method, path)


def test_roles_get_their_routes_so_that_403_says_something(exams: HttpClient, bearer: Issue) -> None:
    for (method, path), roles in API_ROWS.items():
        # Second factors of a proxy are asked for by one who is registered: `test_second_factors`.
        for who in roles - {"guest"} - ({"proxy"} if "second-factors" in path else set()):
            scope = Scope(patients=(PatientRef("nord", "P1"),)) if who in ("patient", "proxy") else None
            headers = bearer(Role(who), "" if scope else "nord", scope, **{"Content-Type": "application/json"})
            answer = exams.request(method, asked_of(path), headers, b"{}")
            assert answer.status_code not in (401, 403), (method, path, who)
            assert answer.status_code < 500, (method, path, who)


def test_finance_and_managers_reach_no_other_hospital(exams: HttpClient, bearer: Issue) -> None:
    for (method, path), roles in API_ROWS.items():
        if roles not in (LEDGER, ACCOUNTS) or "{account}" in path:  # an account elsewhere is as if there were none
            continue
        who = Role.FINANCE if roles == LEDGER else Role.PACS_MANAGER
        headers = bearer(who, "nord", **{"Content-Type": "application/json"})
        named = asked_of(path, "sud") + ("" if "{hospital}" in path else "?hospital=sud")
        body = json.dumps(SIMULATION).encode() if path == "/api/simulations" else b"{}"
        assert exams.request(method, named, headers, body).status_code == 403, (method, path)


# Sequences of calls ---------------------------------------------------------------------------------------------------

UIDS = sorted({uid for uids in TARGETS.values() for uid in uids})
QUERIES = ("", "?includefield=all", "?limit=1&offset=1", "?Modality=CT", "?ModalitiesInStudy=SR", "?PatientID=P1",
           "?fuzzymatching=true&PatientName=lefevre", "?SeriesInstanceUID={series}", "?SOPInstanceUID={instance}",
           "?StudyInstanceUID={study}", "?hospital=nord", "?hospital=sud")  # fmt: skip
CALLS = st.tuples(
    st.sampled_from(sorted(ROWS)), st.sampled_from(UIDS), st.sampled_from(UIDS), st.sampled_from(UIDS),
    st.sampled_from(QUERIES), st.sampled_from(["7FE00010", "00420011"]),
)  # fmt: skip
TERMS = st.fixed_dictionaries(
    {
        "series": st.lists(st.sampled_from([FIRST, SECOND, REPORTS]), unique=True, max_size=2).map(tuple),
        "reports": st.booleans(),
        "download": st.booleans(),
    }
)


def shown_by(terms: dict[str, Any]) -> set[str]:
    series = terms["series"] or (FIRST, SECOND, REPORTS)
    of = {"first series": FIRST, "second series": SECOND, "report": REPORTS, "document among images": FIRST}
    return {name for name, uid in of.items() if uid in series and (terms["reports"] or name in IMAGES)}


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(terms=TERMS, calls=st.lists(CALLS, min_size=4, max_size=8))
def test_no_sequence_of_calls_shows_what_is_kept_back(
    exams: HttpClient, bearer: Issue, terms: dict[str, Any], calls: list[tuple[str, ...]]
) -> None:
    headers = guest(exams, share(exams, bearer, **terms))
    hidden = hidden_uids(shown_by(terms))
    for path, study, series, instance, query, bulk in calls:
        asked = url(path + (query if "?" not in path and ROWS[path] is SEARCH else ""), (study, series, instance), bulk)
        status, body, _ = get(exams, asked, headers)
        assert status < 500, asked
        for uid in hidden - {study, series, instance} if status >= 400 else hidden:
            assert not names(body, uid), (asked, uid)
