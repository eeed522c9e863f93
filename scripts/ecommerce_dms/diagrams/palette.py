"""The colours of areas, for a light and a dark page. An area's place in the picture decides its colour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ecommerce_dms.diagrams.areas import Area


@dataclass(frozen=True)
class Colour:
    """`line` is for borders and foreign keys, `fill` for headers, `wash` for what lies behind an area."""

    line: str
    fill: str
    wash: str
    dark_line: str
    dark_fill: str
    dark_wash: str


_HUES = (
    Colour("#2563eb", "#dbeafe", "#f3f8ff", "#7ab0ff", "#1c3a6b", "#101b2e"),
    Colour("#0f766e", "#ccfbf1", "#f0fdfa", "#4fd1c0", "#134e48", "#0b211f"),
    Colour("#7c3aed", "#ede9fe", "#f8f6ff", "#b79bff", "#43297a", "#1b1430"),
    Colour("#be185d", "#fce7f3", "#fff5fa", "#ff8fbf", "#6b1d42", "#2a101d"),
    Colour("#b45309", "#fef3c7", "#fffbeb", "#f5b94a", "#5f3a0c", "#241a09"),
    Colour("#b91c1c", "#fee2e2", "#fff6f6", "#ff8f8f", "#6b1f1f", "#2b1111"),
    Colour("#4d7c0f", "#ecfccb", "#f8fee9", "#a9d84f", "#3b5216", "#171f0b"),
    Colour("#0369a1", "#e0f2fe", "#f2faff", "#5cc3ff", "#0f476b", "#0a1d2b"),
    Colour("#9a3412", "#ffedd5", "#fff8f0", "#ffa36b", "#66300f", "#26150b"),
    Colour("#a21caf", "#fae8ff", "#fdf5ff", "#ea8cf7", "#5c1b66", "#240f28"),
    Colour("#475569", "#e2e8f0", "#f7f9fb", "#a3b3c7", "#36445a", "#161c26"),
)
_OUTSIDE = Colour("#6b7280", "#e5e7eb", "#f9fafb", "#9ca3af", "#3a414d", "#15181d")


def of_areas(areas: Iterable[Area]) -> dict[str, Colour]:
    """The colour of each area by its key; the empty key is for tables outside the schema."""
    return {area.key: _HUES[place % len(_HUES)] for place, area in enumerate(areas)} | {"": _OUTSIDE}
