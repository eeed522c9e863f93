"""What docs/scaling.md quotes of docs/benchmarks.md: made from its tables, never typed.

It stands between `<!-- benchmarks -->` and `<!-- end of benchmarks -->`; the text around it is written by people.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ecommerce_dms.console import UserError

SCALING_MD = Path(__file__).parents[3] / "docs" / "scaling.md"
_MARKED = re.compile(r"(<!-- benchmarks -->\n).*?(<!-- end of benchmarks -->)", re.DOTALL)

# A row of a table: the cell of each column by its name.
Row = dict[str, str]


def refresh(benchmarks: Path, page: Path | None = None) -> None:
    """Writes the quotations of the page (default: docs/scaling.md) anew."""
    page = page or SCALING_MD
    text = with_quotes(page.read_text(encoding="utf-8"), benchmarks.read_text(encoding="utf-8"))
    page.write_text(text, encoding="utf-8")


def with_quotes(page: str, benchmarks: str) -> str:
    """The page with what it quotes of the benchmarks. Raises UserError when it has no place for it."""
    if not _MARKED.search(page):
        raise UserError("docs/scaling.md has no place for figures: <!-- benchmarks --> and <!-- end of benchmarks -->")
    lines = "\n".join(_line(name, benchmarks) for name in _SENTENCES)
    return _MARKED.sub(lambda found: f"{found[1]}{lines}\n{found[2]}", page)


def _line(name: str, benchmarks: str) -> str:
    found = re.search(rf"^## {name}\n\n(.*?)(?=^## |\Z)", benchmarks, re.MULTILINE | re.DOTALL)
    if not found:
        return f"- [`{name}`](benchmarks.md): not measured yet."
    where = found[1].split(". ", 1)[0]
    return f"- [`{name}`](benchmarks.md#{name}): {_SENTENCES[name](_first_table(found[1]))} ({where})"


def _first_table(section: str) -> list[Row]:
    table = re.search(r"^\|.*?(?=^[^|]|\Z)", section, re.MULTILINE | re.DOTALL)
    columns, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table[0].strip().splitlines()]
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _checkout(rows: list[Row]) -> str:
    best = {
        row["lines"]: max((other for other in rows if other["lines"] == row["lines"]), key=_per_second) for row in rows
    }
    rates = ", ".join(
        f"{row['contract/s']} a second of {lines} line{'' if lines == '1' else 's'} ({row['clients']} client{'' if row['clients'] == '1' else 's'})"
        for lines, row in sorted(best.items(), key=lambda item: int(item[0]))
    )
    return (
        f"orders: {rates}; {_span(rows, '÷ constrained')} of what the declared constraints alone allow, "
        f"{_span(rows, '÷ row by row')} of the rate of an ORM that saves object by object, {_span(rows, '÷ client-side')} of "
        f"statements that save rows together, {_span(rows, '÷ bare')} of bare writes."
    )


def _hot(rows: list[Row]) -> str:
    parts = []
    for row in rows:
        standby = "without a standby" if row["standby"] == "none" else f"with a {row['standby']} standby"
        parts.append(
            f"{standby} {row['one row/s']} orders a second of one row ({row['one row ÷ uniform']} of many products' rate), "
            f"{row['slots/s']} of slots ({row['slots ÷ uniform']})"
        )
    return f"everybody buys one product: {'; '.join(parts)}."


def _reads(rows: list[Row]) -> str:
    times = [column for column in rows[0] if column.startswith("p50 / p95 ms")]
    few, many = (column.removeprefix("p50 / p95 ms, ") for column in times)
    slowest = max(rows, key=lambda row: _p95(row[times[-1]]))
    return (
        f"from {few} to {many} orders a page reads {_span(rows, 'growth')} times the buffers; the slowest p95 there is "
        f"{_p95(slowest[times[-1]]):g} ms ({slowest['read']})."
    )


_SENTENCES: dict[str, Callable[[list[Row]], str]] = {"checkout": _checkout, "hot": _hot, "reads": _reads}


def _per_second(row: Row) -> float:
    return float(row["contract/s"].replace(",", ""))


def _p95(cell: str) -> float:
    return float(cell.split("/")[1].replace(",", ""))


def _span(rows: list[Row], column: str) -> str:
    values = sorted((row[column] for row in rows), key=lambda value: float(value.replace(",", "")))
    return values[0] if values[0] == values[-1] else f"{values[0]} to {values[-1]}"
