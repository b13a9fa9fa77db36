"""The CloudFront edge and the local edge answer alike: same paths, same headers, same treatment of cookies."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest
from aiohttp import web
from aws_cdk import aws_cloudfront as cloudfront
from multidict import CIMultiDict

from infra.cdk import edge_functions
from localstack.edge import HEADERS
from localstack.edge_api import authorization
from localstack.edge_ingest import is_for_ingest
from localstack.edge_site import SecurityHeaders

Templates = dict[str, dict[str, Any]]


def _resources(templates: Templates, kind: str) -> dict[str, dict[str, Any]]:
    resources = templates["SansFilmEdge"]["Resources"]
    return {name: found["Properties"] for name, found in resources.items() if found["Type"] == kind}


def _distribution(templates: Templates) -> dict[str, Any]:
    (found,) = _resources(templates, "AWS::CloudFront::Distribution").values()
    config: dict[str, Any] = found["DistributionConfig"]
    return config


def _behavior(templates: Templates, path: str) -> dict[str, Any]:
    config = _distribution(templates)
    for behavior in config["CacheBehaviors"]:
        pattern = re.escape(behavior["PathPattern"]).replace(r"\*", ".*")
        if re.fullmatch(pattern, path):
            found: dict[str, Any] = behavior
            return found
    default: dict[str, Any] = config["DefaultCacheBehavior"]
    return default


def _origin(templates: Templates, path: str) -> str:
    target = _behavior(templates, path)["TargetOriginId"]
    (origin,) = [found for found in _distribution(templates)["Origins"] if found["Id"] == target]
    name = json.dumps(origin["DomainName"])
    return "api" if "execute-api" in name else "site" if "SiteBucket" in name else "objects"


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ("/", "site"),
        ("/studies/1.2.3", "site"),
        ("/assets/index-abc.js", "site"),
        ("/ohif/viewer", "site"),
        ("/ohif/8097.bundle.0123.js", "site"),
        ("/dicomweb/studies", "api"),
        ("/api/session", "api"),
        ("/objects/archive/hopital-nord/1.2/1.3/1.4/ab.dcm", "objects"),
    ],
)
def test_each_path_leads_to_its_origin_with_its_headers(templates: Templates, path: str, origin: str) -> None:
    assert _origin(templates, path) == origin
    local = dict(SecurityHeaders.from_file(HEADERS).of(path))
    policy_id = _behavior(templates, path)["ResponseHeadersPolicyId"]["Ref"]
    policy = _resources(templates, "AWS::CloudFront::ResponseHeadersPolicy")[policy_id]["ResponseHeadersPolicyConfig"]
    security = policy["SecurityHeadersConfig"]
    assert security["ContentSecurityPolicy"] == {
        "ContentSecurityPolicy": local["Content-Security-Policy"],
        "Override": True,
    }
    assert security["FrameOptions"]["FrameOption"] == local["X-Frame-Options"]
    assert security["ReferrerPolicy"]["ReferrerPolicy"] == local["Referrer-Policy"]
    assert str(security["StrictTransportSecurity"]["AccessControlMaxAgeSec"]) in local["Strict-Transport-Security"]
    custom = {item["Header"]: item["Value"] for item in policy["CustomHeadersConfig"]["Items"]}
    known = {"Content-Security-Policy", "Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options",
             "Referrer-Policy"}  # fmt: skip
    assert custom == {name: value for name, value in local.items() if name not in known}


def test_only_the_two_workers_of_the_viewer_may_evaluate_strings(templates: Templates) -> None:
    headers = SecurityHeaders.from_file(HEADERS)

    def evaluates(path: str) -> bool:
        return "'unsafe-eval'" in dict(headers.of(path))["Content-Security-Policy"]

    assert evaluates("/ohif/8097.bundle.0123.js")
    assert evaluates("/ohif/histogram-worker.bundle.0123.js")
    assert not any(evaluates(path) for path in ("/", "/ohif/", "/ohif/viewer", "/ohif/app.bundle.0.js", "/assets/a.js"))


def test_objects_need_a_signature_and_no_credential_of_the_caller_reaches_the_bucket(templates: Templates) -> None:
    behavior = _behavior(templates, "/objects/archive/x")
    assert behavior["TrustedKeyGroups"]
    assert "OriginRequestPolicyId" not in behavior
    assert behavior["AllowedMethods"] == ["GET", "HEAD"] if "AllowedMethods" in behavior else True
    assert all("OriginAccessControlId" in origin for origin in _distribution(templates)["Origins"]
               if "S3OriginConfig" in origin)  # fmt: skip


def test_no_answer_for_one_scope_is_kept_at_the_edge_for_another(templates: Templates) -> None:
    """Neither an answer nor an error: those CloudFront keeps for ten seconds unless it is told otherwise."""
    disabled = cloudfront.CachePolicy.CACHING_DISABLED.cache_policy_id
    for path in ("/dicomweb", "/dicomweb/studies", "/api/session", "/objects/archive/x"):
        assert _behavior(templates, path)["CachePolicyId"] == disabled
        # What machines call is not redirected from HTTP: they would not notice.
        assert _behavior(templates, path)["ViewerProtocolPolicy"] == "https-only"
    for path in ("/", "/ohif/viewer", "/assets/a.js"):
        assert _behavior(templates, path)["ViewerProtocolPolicy"] == "redirect-to-https"
    errors = {each["ErrorCode"]: each for each in _distribution(templates)["CustomErrorResponses"]}
    assert {400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504} == set(errors)
    assert all(each == {"ErrorCode": code, "ErrorCachingMinTTL": 0} for code, each in errors.items())


def _run_function(code: str, event: dict[str, Any]) -> Any:
    script = f"{code}\nprocess.stdout.write(JSON.stringify(handler({json.dumps(event)})));"
    return json.loads(subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "PUT"])
@pytest.mark.parametrize("site", [None, "same-origin", "same-site", "cross-site", "none"])
@pytest.mark.parametrize("cookie", [None, "", "token"])
@pytest.mark.parametrize("given", [None, "Bearer other"])
def test_both_edges_treat_cookies_alike(method: str, site: str | None, cookie: str | None, given: str | None) -> None:
    headers = {"Sec-Fetch-Site": site, "Authorization": given}
    present = CIMultiDict({name: value for name, value in headers.items() if value is not None})
    cookies = {} if cookie is None else {"__Host-sansfilm": cookie}
    event = {
        "viewer": {"ip": "198.51.100.1"},
        "request": {
            "method": method,
            "uri": "/api/session",
            "headers": {name.lower(): {"value": value} for name, value in present.items()},
            "cookies": {name: {"value": value} for name, value in cookies.items()},
        },
    }
    answer = _run_function(edge_functions.COOKIE_TO_AUTHORIZATION, event)
    try:
        local = authorization(present, cookies, method)
    except web.HTTPForbidden:
        assert answer["statusCode"] == 403
        assert json.loads(answer["body"])["status"] == 403
    else:
        assert answer["headers"].get("authorization", {}).get("value") == local
        assert answer["headers"]["x-viewer-address"] == {"value": "198.51.100.1"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/index.html"),
        ("/studies/1.2.840.113619", "/index.html"),
        ("/ohif", "/ohif/index.html"),
        ("/ohif/viewer", "/ohif/index.html"),
        ("/ohifx", "/index.html"),
        ("/ohif/app-config.js", "/ohif/app-config.js"),
        ("/assets/a-1.2.js", "/assets/a-1.2.js"),
    ],
)
def test_pages_of_the_applications_lead_to_their_index(path: str, expected: str) -> None:
    answer = _run_function(edge_functions.APPLICATION_PATHS, {"request": {"uri": path}})
    assert answer["uri"] == expected


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    [
        "/dicomweb/studies",
        "/dicomweb/studies/",
        "/dicomweb/studies/1.2.3",
        "/dicomweb/studies/1.2.3/",
        "/dicomweb/studies/1.2.3/series",
        "/dicomweb/studiesx",
        "/dicomweb/series",
        "/api/session",
        "/api/hospitals/nord/application-entities/NORD_PACS/echo",
        "/api/hospitals/nord/application-entities/A%2FB/echo",
        "/api/hospitals/nord/application-entities/NORD_PACS/echo/",
        "/api/hospitals/nord/application-entities/NORD_PACS",
        "/api/hospitals/nord/application-entities/a/b/echo",
    ],
)
@pytest.mark.parametrize("cookie", [None, "token"])
def test_both_edges_send_the_same_requests_to_the_ingest_service(
    templates: Templates, method: str, path: str, cookie: str | None
) -> None:
    cookies = {"__Host-sansfilm": {"value": cookie}} if cookie else {}
    request = {"method": method, "uri": path, "headers": {}, "cookies": cookies}
    code = edge_functions.API_OR_INGEST.replace(
        "import cf from 'cloudfront';", "var cf = {selectRequestOriginById: function (id) { cf.selected = id; }};"
    ).replace("function handler", "function choose")
    code += "function handler(event) { var answer = choose(event); return {answer: answer, origin: cf.selected}; }"
    found = _run_function(code, {"viewer": {"ip": "198.51.100.1"}, "request": request})
    is_refused = "statusCode" in found["answer"]
    assert is_refused == (cookie is not None and method in ("POST", "PUT"))
    assert found.get("origin") == ("Ingest" if is_for_ingest(method, path) and not is_refused else None)
    (origin,) = [each for each in _distribution(templates)["Origins"] if each["Id"] == "Ingest"]
    assert origin["VpcOriginConfig"]["VpcOriginId"]


def test_object_paths_lose_their_prefix() -> None:
    event = {"request": {"uri": "/objects/archive/a/objects/b"}}
    assert _run_function(edge_functions.STRIP_OBJECTS_PREFIX, event)["uri"] == "/archive/a/objects/b"


def test_the_edge_proves_itself_to_the_api_alone_and_its_secret_is_in_no_template(templates: Templates) -> None:
    origins = {json.dumps(origin["DomainName"]): origin for origin in _distribution(templates)["Origins"]}
    proving = [name for name, origin in origins.items() if origin.get("OriginCustomHeaders")]
    assert ["execute-api" in name for name in proving] == [True]
    (header,) = origins[proving[0]]["OriginCustomHeaders"]
    assert header["HeaderName"] == "X-Sansfilm-Edge"
    assert "{{resolve:secretsmanager:" in json.dumps(header["HeaderValue"])
    function = edge_functions.COOKIE_TO_AUTHORIZATION
    assert "request.headers['x-viewer-address'] = {value: event.viewer.ip}" in function  # whatever a viewer claims
