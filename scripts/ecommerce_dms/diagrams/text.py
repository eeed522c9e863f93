"""How wide a text is, about: enough for boxes that no font of a reader's machine overflows."""

from __future__ import annotations

_NARROW = set("iljtfrI.,:;'|!()[]` ")
_WIDE = set("mwMW@%→")


def width(line: str, size: float, *, bold: bool = False) -> float:
    """An upper estimate in pixels for common sans-serif fonts (Arial, Helvetica, Segoe UI, Liberation)."""
    total = sum(_share(letter) for letter in line)
    return total * size * (1.08 if bold else 1.02)


def _share(letter: str) -> float:
    if letter in _NARROW:
        return 0.34
    if letter in _WIDE:
        return 0.9
    return 0.7 if letter.isupper() else 0.575
