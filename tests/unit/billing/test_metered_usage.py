"""Costs are shared by the facts that cause them: no unit is lost, whatever is known of modalities and corrected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.billing import facts
from chalicelib.billing.cost.allocation import allocate
from chalicelib.billing.cost.metered_usage import BYTES_THROUGH_INGEST, CONVERSIONS, MeteredUsage
from chalicelib.billing.cost.shares import in_cents
from chalicelib.billing.cost.usage import BYTE_DAYS, BYTES_IN, EXAMS, INSTANCES, Cell, UsageTable, Used
from chalicelib.billing.fact_blocks import seal
from chalicelib.billing.facts import MeterFact, correction
from tests.unit.billing.costs import cost_line
from tests.unit.billing.memory_facts import MemoryFacts

DAY_MS = 86_400_000
OCTOBER_MS = 1_790_812_800_000 + DAY_MS // 2
"""Noon of 2026-10-01."""
HOSPITALS = ("nord", "sud")
BILL = (
    ("AmazonS3", "EUW3-TimedStorage-ByteHrs", "", "s3-storage", "byte-days"),
    ("AmazonCloudFront", "EU-DataTransfer-Out-Bytes", "", "cloudfront", "bytes out, HTTP"),
    ("AmazonApiGateway", "EUW3-ApiGatewayRequest", "", "api-gateway", "requests out, HTTP"),
    ("AmazonECS", "EUW3-Fargate-vCPU-Hours:perCPU", "", "fargate", "bytes through ingest"),
    ("AmazonSNS", "EUW3-OutboundSMS-FR", "", "sns-sms", "SMS segments"),
    ("AWSLambda", "EUW3-Lambda-GB-Second", "arn:aws:lambda:eu-west-3:1:function:SansFilmArchive-RenderedFunction1",
     "lambda-rendered", "pictures and conversions"),
    ("AWSLambda", "EUW3-Lambda-GB-Second", "arn:aws:lambda:eu-west-3:1:function:SansFilmArchive-APIHandler1",
     "lambda-api", "requests out, HTTP"),
    ("AmazonS3", "EUW3-Requests-Tier1", "", "s3-requests-in", "instances"),
)  # fmt: skip


Made = tuple[str, tuple[str, str, str], int, int, int]
"""Hospital, meter with variant and modalities, day, quantity, whether it was taken back."""


class Estimated:
    """What ledger and index would say."""

    def __init__(self, used: Sequence[Used]) -> None:
        self.used = used

    def usage(self, hospitals: Sequence[str], period: str) -> Iterator[Used]:
        return iter([each for each in self.used if each.cell.hospital in hospitals])


def fact(meter: str, hospital: str, number: int, quantity: int, variant: str = "", **more: str) -> MeterFact:
    return MeterFact(hospital, meter, str(number), quantity, OCTOBER_MS, variant, **more)


MADE = st.tuples(
    st.sampled_from(HOSPITALS),
    st.sampled_from(
        [
            (facts.INSTANCES_IN, "", "CT"), (facts.INSTANCES_IN, "", ""), (facts.BYTES_IN, "", "MR\\SR"),
            (facts.BYTES_OUT, "DIMSE", ""), (facts.BYTES_OUT, "viewer", ""), (facts.REQUESTS_OUT, "patient", ""),
            (facts.SMS_SEGMENTS, "", ""), (facts.TRANSCODES, "DIMSE", ""), (facts.RENDERINGS, "viewer", ""),
            (facts.BYTE_DAYS, facts.STANDARD, ""),
        ]
    ),
    st.integers(0, 29),
    st.integers(1, 10**14),
    st.sampled_from([0, 0, 0, -1]),
)  # fmt: skip
KNOWN = st.lists(
    st.builds(
        lambda hospital, modality, meter, quantity: Used(Cell(hospital, modality), "2026-10-05", meter, quantity),
        st.sampled_from(HOSPITALS), st.sampled_from(["CT", "MR"]), st.sampled_from([EXAMS, BYTE_DAYS, BYTES_IN]),
        st.integers(0, 1000),
    ),
    max_size=6,
)  # fmt: skip


@settings(max_examples=60)
@given(made=st.lists(MADE, max_size=20), known=KNOWN, cents=st.integers(0, 10**6))
def test_no_unit_and_no_cent_is_lost(
    made: list[tuple[str, tuple[str, str, str], int, int, int]], known: list[Used], cents: int
) -> None:
    store = MemoryFacts()
    for number, (hospital, (meter, variant, modalities), day, quantity, taken_back) in enumerate(made):
        subject = date(2026, 10, day + 1).isoformat()
        each = fact(meter, hospital, number, quantity, variant, modalities=modalities, subject=subject)
        store.record(each)
        if taken_back:
            event = store.event(each.fact_id)
            assert event is not None
            store.record(correction(event, -quantity, 1, OCTOBER_MS))
        if number % 3 == 0:
            seal(store, hospital, OCTOBER_MS + day * DAY_MS)
    for hospital in HOSPITALS:
        while seal(store, hospital, OCTOBER_MS + 29 * DAY_MS):
            pass
    used = list(MeteredUsage(store, Estimated(known)).usage(HOSPITALS, "2026-10"))
    assert all(each.quantity > 0 or each.meter in (EXAMS, BYTE_DAYS, BYTES_IN) for each in used)
    for hospital in HOSPITALS:
        sums = Counter[str]()
        for each in used:
            if each.cell.hospital == hospital:
                sums[each.meter] += each.quantity
        for meter in {each[1][0] for each in made if each[0] == hospital}:
            month = sum(use.quantity for use in store.usage(hospital, "2026-10") if use.event.startswith(meter))
            assert sums[INSTANCES if meter == facts.INSTANCES_IN else meter] == month, meter
    amount = Decimal(cents) / 100
    lines = [cost_line(str(amount), service, usage, resource=resource) for service, usage, resource, *_ in BILL]
    by_hospital = allocate(lines, UsageTable.of(used), HOSPITALS).by_hospital()
    assert sum(by_hospital.values(), Decimal(0)) == in_cents({"": amount * len(lines)})[""]


def test_each_cost_follows_the_fact_that_causes_it() -> None:
    store = MemoryFacts()
    for each in (
        fact(facts.INSTANCES_IN, "nord", 1, 3, modalities="CT\\SR"),
        fact(facts.INSTANCES_IN, "sud", 1, 1, modalities="MR"),
        fact(facts.BYTES_IN, "nord", 1, 100, modalities="CT"),
        fact(facts.BYTES_OUT, "sud", 1, 300, "DIMSE"),
        fact(facts.BYTES_OUT, "nord", 1, 50, "viewer"),
        fact(facts.BYTES_OUT, "sud", 2, 50, "patient"),
        fact(facts.REQUESTS_OUT, "nord", 1, 1, "viewer"),
        fact(facts.REQUESTS_OUT, "sud", 1, 7, "DIMSE"),
        fact(facts.SMS_SEGMENTS, "sud", 1, 2),
        fact(facts.RENDERINGS, "nord", 1, 1, "viewer"),
        fact(facts.TRANSCODES, "sud", 1, 3, "DIMSE"),
        fact(facts.BYTE_DAYS, "nord", 1, 900, facts.STANDARD, subject="2026-10-05"),
        fact(facts.BYTE_DAYS, "sud", 1, 300, facts.STANDARD, subject="2026-10-05"),
        fact(facts.BYTE_DAYS, "sud", 2, 10**9, facts.STANDARD, subject="2026-09-30"),
    ):
        store.record(each)
    for hospital in HOSPITALS:
        seal(store, hospital, OCTOBER_MS + 5 * DAY_MS)
    exams = [Used(Cell("sud", modality), "2026-10-02", EXAMS, 1) for modality in ("CT", "MR")]
    usage = UsageTable.of(MeteredUsage(store, Estimated(exams)).usage(HOSPITALS, "2026-10"))
    assert usage.of_month[BYTES_THROUGH_INGEST] == {
        Cell("nord", "CT"): 100,
        Cell("sud", "CT"): 150,
        Cell("sud", "MR"): 150,
    }
    assert usage.of_month[CONVERSIONS] == {Cell("nord", "OT"): 1, Cell("sud", "CT"): 2, Cell("sud", "MR"): 1}
    lines = [cost_line("4", service, kind, resource=resource) for service, kind, resource, *_ in BILL]
    found = allocate(lines, usage, HOSPITALS)
    shown = {rule: meter.removesuffix(" of month") for rule, meter in found.by_rule()}
    assert shown == {rule: meter for *_, rule, meter in BILL}
    by_rule: dict[str, dict[str, Decimal]] = {}
    for part in found.parts:
        own = by_rule.setdefault(part.rule, {"nord": Decimal(0), "sud": Decimal(0)})
        own[part.cell.hospital] += part.cost
    assert {rule: (own["nord"], own["sud"]) for rule, own in by_rule.items()} == {
        "s3-storage": (3, 1), "cloudfront": (2, 2), "api-gateway": (4, 0), "fargate": (1, 3), "sns-sms": (0, 4),
        "lambda-rendered": (1, 3), "lambda-api": (4, 0), "s3-requests-in": (3, 1),
    }  # fmt: skip


def test_what_the_facts_say_nothing_of_is_estimated() -> None:
    known = [Used(Cell("nord", "CT"), "2026-10-05", meter, 5) for meter in (EXAMS, INSTANCES, BYTES_IN, BYTE_DAYS)]
    assert list(MeteredUsage(MemoryFacts(), Estimated(known)).usage(["nord"], "2026-10")) == known
