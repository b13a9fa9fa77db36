"""JSON Schemas of dashboards, exam costs, simulations and budgets."""

from __future__ import annotations

from chalicelib.web.schema_parts import COUNT, STRING, Schema, object_of
from chalicelib.web.schemas_billing import AMOUNT, DATE, PERIOD, RATED_LINE, SIGNED

_ITEM: Schema = {"type": "string", "pattern": "^[a-z0-9-]{1,40}$"}


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_DAY = object_of(
    {"day": DATE, "exams": COUNT, "instances": COUNT, "bytes_in": COUNT, "price": SIGNED, "estimated_cost": AMOUNT}
)
_CORRECTIONS: Schema = {
    **SIGNED,
    "description": "What the month's documents say beyond its rating: credit notes take off. In the margin",
}
_MODALITY = object_of(
    {
        "modality": STRING,
        "exams": COUNT,
        "price": SIGNED,
        "cost": SIGNED,
        "corrections": _CORRECTIONS,
        "margin": SIGNED,
    }
)
_MONTH = object_of(
    {
        "period": PERIOD,
        "price_list": STRING,
        "exams": COUNT,
        "price": SIGNED,
        "cost": {**SIGNED, "description": "Of AWS, in euros: billed, or estimated at list prices"},
        "cost_is_estimated": {"type": "boolean"},
        "corrections": _CORRECTIONS,
        "margin": SIGNED,
        "unallocated": {**SIGNED, "description": "Of the region's bill: what was allocated to nobody"},
        "stored_bytes": COUNT,
        "avoided": object_of({"films": COUNT, "discs": COUNT, "assumption_fr": STRING, "assumption_en": STRING}),
        "days": _array(_DAY),
        "modalities": _array(_MODALITY),
    }
)
_RATED = object_of(
    {
        "lines": _array(RATED_LINE),
        "total_without_vat": SIGNED,
        "total": SIGNED,
    }
)
_BUDGET: dict[str, Schema] = {
    "amount": {
        "type": "string",
        "pattern": r"^[0-9]{1,9}(\.[0-9]{1,2})?$",
        "description": "Euros a month without VAT; 0 removes the budget",
    },
    "warn_percent": {"type": "integer", "minimum": 1, "maximum": 100},
}
COST_SCHEMAS: dict[str, Schema] = {
    "Dashboard": object_of(
        {
            "hospital": {"type": "string", "description": "Empty: the whole region"},
            "currency": {"const": "EUR"},
            "made_at": {"type": "string", "description": "When the latest month was rolled up, empty before the first"},
            "months": _array(_MONTH),
            "forecast": object_of(
                {
                    "method": {"enum": ["holt-winters", "mean", "none"]},
                    "days_seen": COUNT,
                    "price": {**SIGNED, "description": "Of the whole current month, in euros without VAT"},
                    "low": {**SIGNED, "description": "With `high` an interval that holds four times in five"},
                    "high": SIGNED,
                    "days": {"type": "array", "items": {"type": "number"}, "description": "Days ahead, from tomorrow"},
                }
            ),
            "budget": {
                "anyOf": [
                    {"type": "null"},
                    object_of({**_BUDGET, "state": {"enum": ["ok", "expected-to-pass", "near", "passed"]}}),
                ]
            },
        }
    ),
    "Budget": object_of(_BUDGET),
    "ExamCosts": object_of(
        {
            "price_list": {"type": "string", "description": "Version of the list of AWS's prices"},
            "valid_from": DATE,
            "currency": STRING,
            "euro_rate": AMOUNT,
            "unchecked": {"type": "array", "items": STRING, "description": "Items whose price was not checked"},
            "exams": _array(
                object_of(
                    {
                        "accession_number": STRING,
                        "modalities": _array(STRING),
                        "recorded_at": STRING,
                        "instances": COUNT,
                        "size_bytes": COUNT,
                        "archiving": AMOUNT,
                        "storage_month": AMOUNT,
                        "first_year": AMOUNT,
                        "first_year_euro": AMOUNT,
                        "price": {**AMOUNT, "description": "Paid for it, in euros without VAT; 0 once it was credited"},
                        "credit_note": {"type": "string", "description": "Number of the credit note, empty for none"},
                    }
                )
            ),
        }
    ),
    "SimulationRequest": object_of(
        {
            "hospital": {"type": "string", "minLength": 1, "maxLength": 100},
            "period": PERIOD,
            "prices": {
                "type": "array",
                "minItems": 1,
                "maxItems": 50,
                "items": object_of(
                    {
                        "item": _ITEM,
                        "unit_price": {"type": "string", "pattern": r"^[0-9]{1,6}(\.[0-9]{1,6})?$"},
                    }
                ),
            },
        }
    ),
    "Simulation": object_of(
        {
            "hospital": STRING,
            "period": PERIOD,
            "price_list": STRING,
            "actual": _RATED,
            "simulated": _RATED,
            "difference": {**SIGNED, "description": "Without VAT"},
        }
    ),
}
