"""Exact arithmetic on amounts in minor units. Rates are integers in millionths (`numeric(9,6)`), never floats."""

from __future__ import annotations

from collections.abc import Sequence

MILLION = 1_000_000


def divide_rounded(numerator: int, denominator: int) -> int:
    """The quotient, rounded half away from zero. Neither may be negative."""
    return (2 * numerator + denominator) // (2 * denominator)


def share(amount: int, rate: int) -> int:
    """`amount` times a rate in millionths: a tax on top of a price, a percentage taken off."""
    return divide_rounded(amount * rate, MILLION)


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """Parts of `amount` proportional to the weights, which sum to it exactly (largest remainder, then first come)."""
    whole = sum(weights)
    if whole == 0:
        return [0] * len(weights)
    parts = [amount * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(amount * weights[i] % whole), i))
    for i in by_remainder[: amount - sum(parts)]:
        parts[i] += 1
    return parts


def rate_text(rate: int) -> str:
    """A rate in millionths as PostgreSQL prints `numeric(9,6)`."""
    return f"{rate // MILLION}.{rate % MILLION:06d}"
