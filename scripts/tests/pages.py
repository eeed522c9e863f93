"""What the tests read out of the pages in Markdown: programs, what they print, links and headings.

Comments in a page say what a block is: `<!-- file: NAME -->`, `<!-- output of: NAME -->` or `<!-- message of: NAME -->` stands before it, and
`<!-- requires: a==1 b==2 -->` before those. A page shows nothing of them.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_BLOCK = re.compile(r"^<!-- (file|output of|message of): (\S+) -->\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_REQUIRES = re.compile(r"^<!-- requires: (.+) -->\n<!-- file: (\S+) -->$", re.MULTILINE)


def marked(page: str, kind: str) -> dict[str, str]:
    """Content by name of the blocks that a comment says to be of this kind."""
    return {name: content for found, name, content in _BLOCK.findall(page) if found == kind}


def requirements(page: str) -> dict[str, list[str]]:
    """What each program wants installed, by its name."""
    return {name: wanted.split() for wanted, name in _REQUIRES.findall(page)}


def without_code(page: str) -> str:
    """The page without fenced blocks and code spans, in which nothing is a link or a heading."""
    return re.sub(r"`[^`\n]*`", "`code`", re.sub(r"^(```+).*?^\1\s*$", "", page, flags=re.MULTILINE | re.DOTALL))


def links(page: str) -> list[str]:
    """Targets of its links and pictures, in order."""
    return re.findall(r"\]\(([^)\s]+)(?:\s[^)]*)?\)", without_code(page)) + re.findall(
        r'(?:src|href)="([^"]+)"', without_code(page)
    )


def anchors(page: str) -> set[str]:
    """The anchors that GitHub makes of its headings, repeated ones numbered, and those that it sets itself."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} (.+?)\s*#*$", re.sub(r"^(```+).*?^\1\s*$", "", page, flags=re.M | re.S), re.M):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
        number, name = 0, slug
        while name in found:
            number += 1
            name = f"{slug}-{number}"
        found.add(name)
    return found | set(re.findall(r'<a (?:id|name)="([^"]+)"', page))
