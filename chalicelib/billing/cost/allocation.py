"""From the lines of a bill to hospitals, by rules that are data and by our own meters (D11, docs/adr/0032).

The first rule that a line matches holds. Its cost is shared by the first of the rule's meters that has usage on the
line's day, else in its month, exactly (`shares`): to the last of twelve decimals. What no rule knows or nobody used
is the residual, which is shown. Nothing depends on the order of lines or usage.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TypeVar

from chalicelib.billing.cost.model import EXACT, CostLine
from chalicelib.billing.cost.shares import in_cents, shared
from chalicelib.billing.cost.usage import Cell, UsageTable

RULES = Path(__file__).with_name("allocation_rules.json")
BY_COST = "cost"
"""Not a meter: as everything that meters allocated."""
RESIDUAL = Cell("", "")
"""What could not be allocated to any hospital."""
Key = TypeVar("Key")


@dataclass(frozen=True)
class Rule:
    """Which lines are allocated by which meters."""

    name: str
    label: Mapping[str, str]
    meters: tuple[str, ...]
    """In order of preference."""
    service: re.Pattern[str]
    usage: re.Pattern[str]
    category: re.Pattern[str]
    resource: re.Pattern[str]
    tag: bool = False
    """Whether it is for lines with a hospital's tag."""

    def is_of(self, line: CostLine) -> bool:
        """Whether it is the rule of a line."""
        if self.tag:
            return bool(line.hospital_tag)
        return bool(
            self.service.search(line.service)
            and self.category.search(line.category)
            and self.resource.search(line.resource)
            and (self.usage.search(line.usage_type) or self.usage.search(line.description))
        )


@dataclass(frozen=True)
class Allocated:
    """A part of a line's cost."""

    line: CostLine
    cell: Cell
    cost: Decimal
    rule: str
    """"" for the residual of lines that no rule knows."""
    meter: str
    """What it was shared by, with `of month` where the day had no usage; "" where it was not."""


@dataclass(frozen=True)
class Allocation:
    """A bill that was allocated."""

    parts: tuple[Allocated, ...]

    @property
    def total(self) -> Decimal:
        """Of the bill, exactly."""
        return sum((part.cost for part in self.parts), Decimal(0))

    def by_hospital(self) -> dict[str, Decimal]:
        """To the cent; "" is the residual. The sum is the bill's total, rounded half up."""
        return in_cents(self._sums(lambda part: part.cell.hospital))

    def by_cell(self) -> dict[Cell, Decimal]:
        """To the cent, by hospital and modality: the cells of a hospital add up to what `by_hospital` says."""
        exact = self.exact_by_cell()
        found: dict[Cell, Decimal] = {}
        for hospital, total in self.by_hospital().items():
            own = {cell: amount for cell, amount in exact.items() if cell.hospital == hospital}
            found |= _to_total(own, total)
        return found

    def exact_by_cell(self) -> dict[Cell, Decimal]:
        """Exactly, by hospital and modality."""
        return self._sums(lambda part: part.cell)

    def by_rule(self) -> dict[tuple[str, str], Decimal]:
        """Exactly, by rule and the meter that was used."""
        return self._sums(lambda part: (part.rule, part.meter))

    def _sums(self, key_of: Callable[[Allocated], Key]) -> dict[Key, Decimal]:
        sums: dict[Key, Decimal] = defaultdict(Decimal)
        for part in self.parts:
            sums[key_of(part)] += part.cost
        return dict(sums)


def allocate(lines: Iterable[CostLine], usage: UsageTable, hospitals: Iterable[str]) -> Allocation:
    """Allocate a bill. A tag that names no hospital is ignored: the line is then shared like any other."""
    known = frozenset(hospitals)
    parts: list[Allocated] = []
    last: list[tuple[CostLine, Rule]] = []
    for line in sorted(lines):
        rule = _rule_of(line, known)
        if rule is None:
            parts.append(Allocated(line, RESIDUAL, line.cost, "", ""))
        elif BY_COST in rule.meters:
            last.append((line, rule))
        else:
            parts += _by_meter(line, rule, usage)
    weights = _weights_of_cost(parts)
    for line, rule in last:
        parts += _parts(line, rule, BY_COST, weights)
    return Allocation(tuple(parts))


def _rule_of(line: CostLine, hospitals: frozenset[str]) -> Rule | None:
    for rule in rules():
        if rule.is_of(line) and not (rule.tag and line.hospital_tag not in hospitals):
            return rule
    return None


def _by_meter(line: CostLine, rule: Rule, usage: UsageTable) -> list[Allocated]:
    """A tagged line is shared among the modalities of its hospital by exams."""
    if rule.tag:
        exams = usage.of_month.get("exams", {})
        own = {cell: count for cell, count in exams.items() if cell.hospital == line.hospital_tag}
        return _parts(line, rule, "tag", own or {Cell(line.hospital_tag, ""): 1})
    for meter in rule.meters:
        if usage.of_day.get((meter, line.day)):
            return _parts(line, rule, meter, usage.of_day[meter, line.day])
        if usage.of_month.get(meter):
            return _parts(line, rule, f"{meter} of month", usage.of_month[meter])
    return _parts(line, rule, "", {})


def _parts(line: CostLine, rule: Rule, meter: str, weights: Mapping[Cell, Decimal | int]) -> list[Allocated]:
    if not any(weights.values()):
        return [Allocated(line, RESIDUAL, line.cost, rule.name, "")]
    parts = shared(line.cost, weights, EXACT)
    return [Allocated(line, cell, cost, rule.name, meter) for cell, cost in parts.items() if cost]


def _weights_of_cost(parts: Iterable[Allocated]) -> dict[Cell, Decimal]:
    """What meters allocated to each cell; credits that exceed a cell's costs weigh nothing."""
    sums: dict[Cell, Decimal] = defaultdict(Decimal)
    for part in parts:
        if part.cell != RESIDUAL:
            sums[part.cell] += part.cost
    return {cell: max(amount, Decimal(0)) for cell, amount in sums.items()}


def _to_total(exact: Mapping[Cell, Decimal], total: Decimal) -> dict[Cell, Decimal]:
    """Amounts to the cent that add up to a total which is within some cents of theirs."""
    parts = in_cents(exact)
    difference = total - sum(parts.values(), Decimal(0))
    if difference:
        step = Decimal("0.01") if difference > 0 else Decimal("-0.01")
        # Those that rounding treated worst come first; there are never more cents to give than cells.
        order = sorted(parts, key=lambda cell: ((parts[cell] - exact[cell]) * step, cell))
        for cell in order[: int(abs(difference) * 100)]:
            parts[cell] += step
    return parts


@cache
def rules() -> tuple[Rule, ...]:
    """The rules in order."""
    document = json.loads(RULES.read_text("utf-8"))
    return tuple(
        Rule(
            each["rule"],
            each["label"],
            tuple(each["meters"]),
            re.compile(each.get("service", "")),
            re.compile(each.get("usage", "")),
            re.compile(each.get("category", "")),
            re.compile(each.get("resource", "")),
            each.get("tag", False),
        )
        for each in document["rules"]
    )
