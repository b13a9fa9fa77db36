"""Shape of the DynamoDB tables: read by the CDK stack, by contract tests and by the adapters (docs/adr/0001)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gsi:
    """A global secondary index; key attributes are (name, DynamoDB type)."""

    name: str
    partition_key: tuple[str, str]
    sort_key: tuple[str, str] | None
    projection: str
    """`ALL` or `KEYS_ONLY`."""


@dataclass(frozen=True)
class TableSchema:
    """A table with keys `pk` and `sk` (strings)."""

    purpose: str
    indexes: tuple[Gsi, ...] = ()
    time_to_live_attribute: str = ""


BY_DATE = "by-date"
BY_PATIENT = "by-patient"
BY_ACCESSION = "by-accession"
CONFLICTS = "conflicts"

INDEX = TableSchema(
    "index",
    (
        Gsi(BY_DATE, ("gsi1pk", "S"), ("date_key", "S"), "ALL"),
        Gsi(BY_PATIENT, ("gsi2pk", "S"), ("date_key", "S"), "ALL"),
        Gsi(BY_ACCESSION, ("gsi3pk", "S"), ("date_key", "S"), "ALL"),
        Gsi(CONFLICTS, ("gsi4pk", "S"), ("received_at_ms", "N"), "ALL"),
    ),
)
REGISTRY = TableSchema("registry", time_to_live_attribute="expires_at")
LEDGER = TableSchema("ledger")
METERS = TableSchema("meters")

BY_SUBJECT = "by-subject"
BY_STUDY = "by-study"
AUDIT = TableSchema(
    "audit",
    (
        Gsi(BY_PATIENT, ("patient_pk", "S"), ("sk", "S"), "ALL"),
        Gsi(BY_STUDY, ("study_pk", "S"), ("sk", "S"), "ALL"),
        Gsi(BY_SUBJECT, ("subject_pk", "S"), ("sk", "S"), "ALL"),
    ),
    time_to_live_attribute="expires_at",
)
