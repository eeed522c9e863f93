"""The type of a command-line argument that is a whole number within limits."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def number_between(least: int, most: int) -> Callable[[str], int]:
    """For argparse's `type`. The error names the limits."""

    def parse(text: str) -> int:
        number = int(text)
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{number:,} is not between {least:,} and {most:,}")
        return number

    parse.__name__ = "number"  # argparse says "invalid number value".
    return parse
