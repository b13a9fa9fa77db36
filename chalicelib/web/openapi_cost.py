"""OpenAPI of dashboards, exam costs, simulations and budgets."""

from __future__ import annotations

from typing import Any

from chalicelib.web.openapi_billing import HOSPITAL
from chalicelib.web.openapi_operation import operation, path_parameter


def paths() -> dict[str, Any]:
    """What a hospital uses, costs and pays."""
    problems = (400, 401, 403, 503)
    region = {**HOSPITAL, "description": "Hospital id; by default the session's own, for the operator the region"}
    return {
        "/api/dashboard": {
            "get": operation(
                "readDashboard",
                "Use, cost, price, margin and forecast by day and month",
                "Dashboard",
                parameters=(region,),
                problems=problems,
            )
        },
        "/api/exam-costs": {
            "get": operation(
                "readExamCosts",
                "What the latest exams cost, beside what is paid for them",
                "ExamCosts",
                parameters=(HOSPITAL,),
                problems=(*problems[:3], 404, 503),
            )
        },
        "/api/simulations": {
            "post": operation(
                "simulatePrices",
                "What a month would cost at other prices; nothing is kept",
                "Simulation",
                body="SimulationRequest",
                problems=(*problems[:3], 404, 503),
            )
        },
        "/api/hospitals/{hospital}/budget": {
            "parameters": [path_parameter("hospital", "Hospital id")],
            "put": operation("putBudget", "Set a hospital's budget", "Budget", body="Budget", problems=problems),
        },
    }
