"""Sharing an amount exactly: parts that add up to it, by the method of the largest remainder, in Decimal."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, localcontext
from typing import TypeVar

Key = TypeVar("Key")
CENT = Decimal("0.01")
PRECISION = 60


def shared(amount: Decimal, weights: Mapping[Key, Decimal | int], quantum: Decimal) -> dict[Key, Decimal]:
    """Parts of an amount by weight, each a multiple of `quantum`, whose sum is the amount.

    What is left after rounding down goes, a quantum each, to the parts that lost most; between equal ones the first
    key in order takes it, so that the order of `weights` says nothing.

    Raises
    ------
    ValueError
        If a weight is negative, all are zero, or the amount is no multiple of the quantum.

    >>> shared(Decimal("0.10"), {"a": 1, "b": 1, "c": 1}, CENT)
    {'a': Decimal('0.04'), 'b': Decimal('0.03'), 'c': Decimal('0.03')}
    """
    with localcontext(Context(prec=PRECISION)):
        total = sum((Decimal(weight) for weight in weights.values()), Decimal(0))
        if total <= 0 or any(weight < 0 for weight in weights.values()):
            raise ValueError("Weights are not negative, and one is positive.")
        if amount % quantum:
            raise ValueError(f"{amount} is no multiple of {quantum}.")
        exact = {key: amount * Decimal(weight) / total for key, weight in weights.items()}
        parts = {key: value.quantize(quantum, ROUND_FLOOR) for key, value in exact.items()}
        left = int((amount - sum(parts.values(), Decimal(0))) / quantum)
        by_loss = sorted(parts, key=lambda key: (parts[key] - exact[key], key))
        for key in by_loss[:left]:
            parts[key] += quantum
        return {key: parts[key] for key in sorted(parts)}  # type: ignore[type-var]


def in_cents(amounts: Mapping[Key, Decimal]) -> dict[Key, Decimal]:
    """Amounts to the cent whose sum is the sum of the exact ones, rounded half up.

    >>> in_cents({"a": Decimal("0.005"), "b": Decimal("0.005"), "c": Decimal("-0.004")})
    {'a': Decimal('0.01'), 'b': Decimal('0.00'), 'c': Decimal('0.00')}
    """
    with localcontext(Context(prec=PRECISION)):
        total = sum(amounts.values(), Decimal(0)).quantize(CENT, ROUND_HALF_UP)
        parts = {key: value.quantize(CENT, ROUND_FLOOR) for key, value in amounts.items()}
        left = int((total - sum(parts.values(), Decimal(0))) / CENT)
        by_loss = sorted(parts, key=lambda key: (parts[key] - amounts[key], key))
        for key in by_loss[:left]:
            parts[key] += CENT
        return {key: abs(parts[key]) if parts[key] == 0 else parts[key] for key in sorted(parts)}  # type: ignore[type-var]
