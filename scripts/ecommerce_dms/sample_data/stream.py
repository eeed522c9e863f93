"""Rows as the text format of COPY, read lazily: no more than a block of some rows exists as text at a time.

A block is turned into text column by column, since the values of a column are nearly always of one type: that is one
call into C for each column, where row by row it would be one into Python for each value.
"""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import islice

from ecommerce_dms.sample_data.timeline import Ticket

_ROWS = 500
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _escape(text: str) -> str:
    return text if _is_plain(text) else text.translate(_ESCAPES)


def _json(value: dict) -> str:
    return _escape(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_json_value))


def _json_value(value: object) -> object:
    """What to_jsonb makes of a value that JSON does not know."""
    if isinstance(value, Ticket):
        return value.number
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat()


# By exact type, since this is where the loader spends its time. A type that is missing here is a mistake of a row.
_TEXT: dict[type, Callable[..., str]] = {
    str: _escape,
    int: str,
    bool: lambda value: "t" if value else "f",
    type(None): lambda _: "\\N",
    dt.datetime: str,
    Decimal: str,
    bytes: lambda value: "\\\\x" + value.hex(),
    dict: _json,
    list: lambda numbers: "{" + ",".join(map(str, numbers)) + "}",
    Ticket: lambda ticket: str(ticket.number),
}


def blocks(rows: Iterable[tuple]) -> Iterator[str]:
    """COPY text, one line for each row, some hundred lines at a time. All rows have the same number of values."""
    rest = iter(rows)
    while block := list(islice(rest, _ROWS)):
        columns = map(_column, zip(*block, strict=True))
        yield "\n".join(map("\t".join, zip(*columns, strict=True))) + "\n"


def _column(values: tuple) -> Iterable[str]:
    kinds = set(map(type, values))
    if len(kinds) > 1:
        return [_TEXT[type(value)](value) for value in values]
    kind = kinds.pop()
    if kind is str and _is_plain("".join(values)):
        return values
    return map(_TEXT[kind], values)


def _is_plain(text: str) -> bool:
    """Whether nothing in it needs to be escaped. Blanks are printable, tabs and ends of lines are not."""
    return text.isprintable() and "\\" not in text


class RowStream(io.TextIOBase):
    """A readable text file that makes its lines as they are read, for psycopg2's `copy_expert`."""

    def __init__(self, rows: Iterable[tuple]) -> None:
        self._blocks = blocks(rows)
        self._rest = ""

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int | None = -1) -> str:
        """At most `size` characters, or all that is left; empty at the end."""
        wanted = size if size is not None and size >= 0 else None
        parts, length = [self._rest], len(self._rest)
        while wanted is None or length < wanted:
            block = next(self._blocks, None)
            if block is None:
                break
            parts.append(block)
            length += len(block)
        text = "".join(parts)
        self._rest = "" if wanted is None else text[wanted:]
        return text if wanted is None else text[:wanted]
