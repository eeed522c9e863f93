"""When things happen: so and so many on each day, by season, weekday and hour."""

from __future__ import annotations

import datetime as dt
import random
from bisect import bisect_right
from itertools import accumulate

from ecommerce_dms.sample_data import sizes
from ecommerce_dms.sample_data.randomness import Weighted

_DAY = dt.timedelta(days=1)
_THURSDAY = 3


def day_weights(start: dt.datetime, days: int) -> list[int]:
    """How busy each day is, relative to the others. Integers, so that every machine counts the same."""
    weights = []
    for number in range(days):
        day = start + number * _DAY
        season = sizes.MONTHS[day.month - 1] * sizes.WEEKDAYS[day.weekday()]
        peak = sizes.BLACK_FRIDAY if is_black_friday(day) else 100
        weights.append(season * peak * int(10_000 * (1 + sizes.GROWTH_PER_DAY * number)))
    return weights


def is_black_friday(day: dt.datetime) -> bool:
    """The day after the fourth Thursday of November."""
    before = day - _DAY
    return day.month == 11 and before.weekday() == _THURSDAY and 22 <= before.day <= 28


class Calendar:
    """`total` things spread over the days in proportion to weights: which day each falls on, without a list of them."""

    def __init__(self, total: int, weights: list[int]) -> None:
        whole = sum(weights)
        self._until = [total * reached // whole for reached in accumulate(weights)]

    def on(self, day: int) -> range:
        """The numbers, from 0, of the things on a day."""
        return range(self._until[day - 1] if day else 0, self._until[day])

    def day_of(self, number: int) -> int:
        """The day on which that thing falls."""
        return bisect_right(self._until, number)

    def before(self, day: int) -> int:
        """How many things fall on earlier days."""
        return self._until[day - 1] if day else 0


class Clock:
    """Moments of a day that starts at any hour of UTC."""

    def __init__(self, start: dt.datetime) -> None:
        self._start = start
        first = start.hour
        self._hours = Weighted((hour, sizes.HOURS[(first + hour) % 24]) for hour in range(24))

    def day(self, number: int) -> dt.datetime:
        """Its first moment."""
        return self._start + number * _DAY

    def moment(self, day: int, rng: random.Random) -> dt.datetime:
        """A moment of that day, by the hours in which people shop."""
        milliseconds = self._hours.pick(rng) * 3_600_000 + rng.randrange(3_600_000)
        return self.day(day) + dt.timedelta(milliseconds=milliseconds)
