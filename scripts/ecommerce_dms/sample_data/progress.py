"""How a load tells how far it is: a bar on a terminal, a line now and then elsewhere; at the end a table."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager

from tqdm import tqdm

from ecommerce_dms import console

_LINES = 10


class Progress:
    """Reports on standard error. A step is announced before it begins, so that nobody waits before a silent screen."""

    def __init__(self, orders: int) -> None:
        """`orders` are all that will be loaded."""
        self._orders = orders
        self._told = 0
        self._bar = None

    def step(self, title: str) -> AbstractContextManager[None]:
        """Announces a step, and tells how long it took."""
        return console.step(title)

    def begin(self) -> None:
        """Begins to count orders."""
        if sys.stderr.isatty():
            self._bar = tqdm(total=self._orders, unit=" orders", file=sys.stderr, leave=False)

    def reached(self, orders: int, rows: int) -> None:
        """So many orders, and rows of all tables, are written."""
        if self._bar:
            self._bar.update(orders - self._bar.n)
        elif orders * _LINES // self._orders > self._told or not self._told:
            self._told = max(orders * _LINES // self._orders, 1)
            console.say(f"  {orders:,} of {self._orders:,} orders, {rows:,} rows")

    def end(self) -> None:
        """Takes the bar away."""
        if self._bar:
            self._bar.close()


class Meter:
    """Rows and seconds by table."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.rows: dict[str, int] = {}
        self.seconds: dict[str, float] = {}
        self._started = time.monotonic()

    def count(self, table: str, rows: int, seconds: float) -> None:
        """Adds one COPY."""
        self.rows[table] = self.rows.get(table, 0) + rows
        self.seconds[table] = self.seconds.get(table, 0.0) + seconds

    @property
    def total_rows(self) -> int:
        """Rows of all tables."""
        return sum(self.rows.values())

    def table(self, checksums: Mapping[str, str] | None = None) -> str:
        """The summary: one line for each table, in alphabetical order, and their sum with the time of the whole load.

        The seconds of a table are those of its COPY alone.
        """
        checksums = checksums or {}
        width = max(map(len, self.rows))
        head = f"{'table':{width}}  {'rows':>10}  {'rows/s':>10}  {'seconds':>8}"
        lines = [head + ("  checksum" if checksums else "")]
        for name in sorted(self.rows):
            line = _line(name, width, self.rows[name], self.seconds[name])
            lines.append(line + (f"  {checksums[name]}" if checksums else ""))
        whole = time.monotonic() - self._started
        lines.append("-" * len(head))
        lines.append(_line("everything", width, self.total_rows, whole))
        return "\n".join(lines)


def _line(name: str, width: int, rows: int, seconds: float) -> str:
    return f"{name:{width}}  {rows:>10,}  {rows / max(seconds, 0.001):>10,.0f}  {seconds:>8.2f}"
