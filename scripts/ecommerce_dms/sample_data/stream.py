"""Rows as the text format of COPY, read lazily: no more than one block of text exists at a time."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

from ecommerce_dms.sample_data.timeline import Ticket

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _escape(text: str) -> str:
    return text.translate(_ESCAPES) if not text.isprintable() or "\\" in text else text


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


def lines(rows: Iterable[tuple]) -> Iterator[str]:
    """One line of COPY text for each row."""
    text = _TEXT
    for row in rows:
        yield "\t".join([text[type(value)](value) for value in row]) + "\n"


class RowStream(io.TextIOBase):
    """A readable text file that makes its lines as they are read, for psycopg2's `copy_expert`."""

    def __init__(self, rows: Iterable[tuple]) -> None:
        self._lines = lines(rows)
        self._rest = ""

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int | None = -1) -> str:
        """At most `size` characters, or all that is left; empty at the end."""
        wanted = size if size is not None and size >= 0 else None
        parts, length = [self._rest], len(self._rest)
        while wanted is None or length < wanted:
            line = next(self._lines, None)
            if line is None:
                break
            parts.append(line)
            length += len(line)
        text = "".join(parts)
        self._rest = "" if wanted is None else text[wanted:]
        return text if wanted is None else text[:wanted]
