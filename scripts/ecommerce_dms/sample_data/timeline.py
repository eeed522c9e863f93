"""Rows whose keys are numbers, put in the order in which they happened.

An order's whole life is planned at once, but its payment events, stock movements, journal entries and invoices must be
numbered among those of all other orders: an invoice of Tuesday cannot have a higher number than one of Wednesday. So
such rows wait here until the walk through the days has come to their moment. What waits is what is under way at one
time, a few weeks of parcels and returns, and not the history.
"""

from __future__ import annotations

import datetime as dt
import heapq
from collections import defaultdict
from collections.abc import Iterable

Row = tuple
Batch = defaultdict[str, list[Row]]


class Ticket:
    """A number that is given later. Rows refer to it meanwhile, and are written as the number."""

    __slots__ = ("number", "series")

    def __init__(self, series: str) -> None:
        self.series = series
        self.number: int | None = None


class Timeline:
    """Rows by moment. `numbers` maps each series to the number it gave last."""

    def __init__(self, numbers: dict[str, int]) -> None:
        self.numbers = numbers
        self._waiting: list[tuple[dt.datetime, int, Iterable[Ticket], list[tuple[str, Row]]]] = []
        self._added = 0

    def at(self, moment: dt.datetime, tickets: Iterable[Ticket], rows: list[tuple[str, Row]]) -> None:
        """Keep (table, row) pairs for that moment, when the tickets get their numbers."""
        self._added += 1  # Rows of one moment keep the order in which they were added.
        heapq.heappush(self._waiting, (moment, self._added, tickets, rows))

    def release(self, until: dt.datetime | None, batch: Batch) -> None:
        """Move everything before `until` (None: everything) into the batch."""
        while self._waiting and (until is None or self._waiting[0][0] < until):
            _, _, tickets, rows = heapq.heappop(self._waiting)
            for ticket in tickets:
                ticket.number = self.numbers[ticket.series] = self.numbers[ticket.series] + 1
            for table, row in rows:
                batch[table].append(row)
