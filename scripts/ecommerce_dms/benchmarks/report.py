"""What was measured, as text: tables on the terminal, and docs/benchmarks.md."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ecommerce_dms.benchmarks.shop import Integrity

BENCHMARKS_MD = Path(__file__).parents[3] / "docs" / "benchmarks.md"
HEADER = """\
# Benchmarks

Measured by `scripts/benchmark.py` on a server of its own with durability on (fsync, synchronous_commit and full_page_writes).
Client and server share the machine. Absolute numbers are the machine's; the ratios are the design's, each from runs that
alternated. Each section is written by its own command, with `--write`.
"""


@dataclass(frozen=True)
class Table:
    """Rows under names; numbers are aligned right."""

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def text(self) -> str:
        """Markdown that also reads well as plain text."""
        lines = [self.columns, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        body = [_line(line, widths) for line in lines]
        rule = "|" + "|".join("-" * (width + 1) + (":" if i else "-") for i, width in enumerate(widths)) + "|"
        return "\n".join([body[0], rule, *body[1:]])


@dataclass
class Report:
    """A section of the report. `failures` are claims that did not hold: the program then exits with 1."""

    name: str
    parameters: str
    paragraphs: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def add_integrity(self, found: Integrity, title: str = "verify_integrity() after the runs") -> None:
        """Says what verify_integrity found; a violation is a failure."""
        result = f"{len(found.violations)} broken invariants" if found.violations else "no violation"
        memory = f", with at most {found.peak_mib:.0f} MiB of private memory" if found.peak_mib else ""
        self.paragraphs.append(f"{title}: {result}, {found.examined:,} rows examined in {found.seconds:.1f} s{memory}.")
        self.failures += found.violations

    def add_deadlocks(self, count: int) -> None:
        """There must be none."""
        self.paragraphs.append(f"Deadlocks: {count}.")
        if count:
            self.failures.append(f"{count} deadlocks")

    def text(self) -> str:
        """The section."""
        return "\n\n".join([f"## {self.name}", self.parameters, *self.paragraphs]) + "\n"


def median(values: Sequence[float]) -> float:
    """The middle one, or the mean of the two in the middle."""
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def machine(server_version: str) -> str:
    """Where and when: for the first paragraph of a section."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    today = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d")
    return f"{today}, PostgreSQL {server_version}, {_processor()}, {os.cpu_count()} cores, {memory:.0f} GB of memory, {platform.system()}."


def write(report: Report, path: Path = BENCHMARKS_MD) -> None:
    """Puts the section into the file, in place of the one of the same name."""
    before = path.read_text(encoding="utf-8") if path.exists() else HEADER
    sections = {section.split("\n", 1)[0]: section for section in re.split(r"^## ", before, flags=re.MULTILINE)[1:]}
    sections[report.name] = report.text().removeprefix("## ").rstrip() + "\n"
    text = HEADER + "".join("\n## " + sections[name].rstrip() + "\n" for name in sorted(sections))
    path.write_text(text, encoding="utf-8")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    aligned = [
        cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "| " + " | ".join(aligned) + " |"


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.machine()
