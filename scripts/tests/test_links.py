"""Every relative link of every page leads somewhere: the file is in the repository, and the heading in the file."""

from __future__ import annotations

import subprocess
import urllib.parse
from pathlib import Path

import pytest
from pages import ROOT, anchors, links


def tracked() -> list[Path]:
    """The files of the repository, as git knows them."""
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    return [ROOT / line for line in done.stdout.splitlines() if (ROOT / line).is_file()]


FILES = tracked()
PAGES = [path for path in FILES if path.suffix == ".md"]


def broken(page: Path, text: str, files: list[Path]) -> list[str]:
    """The links of a page that lead to no tracked file or folder, or to no heading of a page."""
    there = {path.resolve() for path in files} | {parent for path in files for parent in path.resolve().parents}
    found = []
    for link in links(text):
        url = urllib.parse.urlsplit(link)
        if url.scheme or url.netloc:
            continue
        target = (page.parent / urllib.parse.unquote(url.path)).resolve() if url.path else page.resolve()
        if target not in there:
            found.append(f"{link}: no such file")
        elif url.fragment and target.suffix == ".md":
            headings = anchors(text if target == page.resolve() else target.read_text(encoding="utf-8"))
            found += [] if url.fragment in headings else [f"{link}: no such heading"]
    return found


@pytest.mark.skipif(not FILES, reason="git does not list the files")
def test_every_link_of_every_page_leads_somewhere() -> None:
    assert {
        str(page.relative_to(ROOT)): found for page in PAGES if (found := broken(page, page.read_text("utf-8"), FILES))
    } == {}


@pytest.mark.skipif(not FILES, reason="git does not list the files")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[x](docs/nothing.md)", "no such file"),
        ("[x](docs/cost.md#nothing)", "no such heading"),
        ("# One\n[x](#two)", "no such heading"),
        ('<img src="diagrams/nothing.svg">', "no such file"),
        ("![x](diagrams/nothing.svg)", "no such file"),
    ],
)
def test_a_link_that_leads_nowhere_is_found(text: str, says: str) -> None:
    assert [problem.partition(": ")[2] for problem in broken(ROOT / "README.md", text, FILES)] == [says]


def test_headings_become_the_anchors_that_github_makes() -> None:
    page = "# A `b` & c: d\n## Same\n## Same\n```sh\n# no heading\n```\n### [Text](x.md), more\n"
    assert anchors(page) == {"a-b--c-d", "same", "same-1", "text-more"}
