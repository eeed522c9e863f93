"""Writes the generated parts of docs/security.md: the matrix of privileges and the classification of data.

What stands between its markers comes from scripts/ecommerce_dms/db_tests/privilege_matrix.py and from the list of personal
columns of a scratch database, which is upgraded on the configured server (default: the embedded one) and dropped. Everything
else on the page is written by people and kept.
"""

import re
from pathlib import Path

from ecommerce_dms import console, generated_file, migrations, security_page
from ecommerce_dms.console import UserError
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings, load_settings

SECURITY_MD = Path(__file__).resolve().parents[1] / "docs" / "security.md"

EXAMPLES = """\
examples:
  python3 scripts/dump_security.py            write docs/security.md, after each change of a privilege or a personal column
  python3 scripts/dump_security.py --check    exit with 1 and show the difference if it is not up to date
"""


def main(argv: list[str] | None = None) -> int:
    """Write or check the page. Returns the exit code."""
    arguments = generated_file.parser(__doc__, EXAMPLES).parse_args(argv)
    settings = load_settings(arguments)
    console.say(f"Server: {settings.describe()}")
    present = SECURITY_MD.read_text(encoding="utf-8")
    with console.step("Upgrading a scratch database, and reading its list of personal columns"):
        wanted = security_md(settings, present)
    return generated_file.put(
        SECURITY_MD, wanted, check=arguments.check, source="the matrix", program=Path(__file__).name
    )


def security_md(settings: Settings, present: str) -> str:
    """The page as it should be, given what people wrote on it."""
    with scratch_database(settings) as scratch:
        migrations.upgrade(scratch, environment="test")
        return fill(present, security_page.parts(scratch))


def fill(page: str, parts: dict[str, str]) -> str:
    """The page with each part between its markers. Raises UserError where a marker is missing."""
    for name, part in parts.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        if page.count(begin) != 1 or page.count(end) != 1:
            raise UserError(f"docs/security.md needs one line {begin} and one line {end}: put them back")
        page = re.sub(
            f"{re.escape(begin)}.*?{re.escape(end)}",
            lambda _, text=f"{begin}\n\n{part}\n{end}": text,
            page,
            flags=re.DOTALL,
        )
    return page


if __name__ == "__main__":
    raise SystemExit(console.run(main))
