"""OpenAPI of contested lines."""

from __future__ import annotations

from typing import Any

from chalicelib.web.openapi_billing import HOSPITAL
from chalicelib.web.openapi_operation import operation, path_parameter


def paths() -> dict[str, Any]:
    """Disputes and their decisions."""
    return {
        "/api/disputes": {
            "get": operation(
                "listDisputes",
                "Contested lines of a hospital's invoices, the latest first",
                "Disputes",
                parameters=(HOSPITAL,),
                problems=(400, 401, 403, 503),
            ),
            "post": operation(
                "contestLine",
                "Contest a line of an invoice of the session's hospital, by accession number",
                "Dispute",
                body="DisputeRequest",
                problems=(400, 401, 403, 404, 409, 503),
                status=201,
            ),
        },
        "/api/disputes/{dispute}/decision": {
            "parameters": [path_parameter("dispute", "Id of the dispute")],
            "post": operation(
                "decideDispute",
                "Accept a dispute, whereupon a credit note is issued, or refuse it with a reason",
                "Dispute",
                body="DisputeDecision",
                problems=(400, 401, 403, 404, 409, 503),
            ),
        },
    }
