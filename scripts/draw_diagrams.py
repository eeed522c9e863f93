"""Draws the tables of a schema and how they refer to each other: a draw.io file, and SVG pictures for the web.

Without --schema it draws the shop as the migrations make it, from a scratch database on the configured server (default:
the embedded one): an overview, and a page for each area. With --schema it draws that schema of the database itself,
which can be any; it only reads the catalogue.

Tables may be moved and lines bent by hand in the draw.io file: run this again, and the pictures follow. What is new
gets a free place.
"""

import argparse
import itertools
from contextlib import closing
from pathlib import Path

from ecommerce_dms import console, migrations
from ecommerce_dms.connection import connect
from ecommerce_dms.console import UserError
from ecommerce_dms.diagrams import areas, catalog, erd, svg
from ecommerce_dms.diagrams.catalog import Catalog
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings, add_connection_arguments, load_settings

DIAGRAMS = Path(__file__).resolve().parents[1] / "diagrams"

# So many changes are printed; more are counted.
SHOWN = 30

EXAMPLES = """\
examples:
  python3 scripts/draw_diagrams.py            draw diagrams/erd.drawio and erd*.svg, after each change of the tables
  python3 scripts/draw_diagrams.py --check    exit with 1 and name the differences if they are not up to date
  python3 scripts/draw_diagrams.py --url postgresql://me@db.example.com/crm --schema public --output crm
                                              draw another database into the folder crm
"""


def main(argv: list[str] | None = None) -> int:
    """Draw or check the files. Returns the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.schema and not arguments.output:
        parser.error("--schema draws another schema: say with --output into which folder")
    if arguments.check and arguments.fresh:
        parser.error("--check compares with the places in the file, and --fresh forgets them: give one of them")
    settings = load_settings(arguments)
    console.say(f"Server: {settings.describe()}")
    found = read_live(settings, arguments.schema) if arguments.schema else read_migrated(settings)
    folder = Path(arguments.output) if arguments.output else DIAGRAMS
    earlier = "" if arguments.fresh else _read(folder / erd.DRAWIO)
    with console.step(f"Placing {len(found.tables)} tables and {len(found.foreign_keys())} foreign keys"):
        wanted = erd.files(found, earlier)
    if arguments.check:
        return _compare(folder, wanted)
    return _write(folder, wanted)


def read_migrated(settings: Settings) -> Catalog:
    """The catalogue of the shop as the migrations make it."""
    with console.step("Upgrading a scratch database and reading its catalogue"), scratch_database(settings) as scratch:
        migrations.upgrade(scratch, environment="test")
        return read_live(scratch, areas.SHOP)


def read_live(settings: Settings, schema: str) -> Catalog:
    """The catalogue of a schema as it is."""
    with closing(connect(settings, options={"default_transaction_read_only": "on"})) as connection:
        return catalog.read(connection, schema)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _superfluous(folder: Path, wanted: dict[str, str]) -> list[Path]:
    """Pictures of areas that are no more; files of other origin are left alone."""
    return [
        path
        for path in sorted(folder.glob("erd*.svg"))
        if path.name not in wanted and _read(path).startswith(svg.SIGNATURE)
    ]


def _compare(folder: Path, wanted: dict[str, str]) -> int:
    stale = [name for name, content in wanted.items() if _read(folder / name) != content]
    superfluous = _superfluous(folder, wanted)
    if not stale and not superfluous:
        console.say(f"{len(wanted)} files in {folder} are up to date.")
        return 0
    changes = erd.difference(_read(folder / erd.DRAWIO), wanted[erd.DRAWIO])
    for line in itertools.islice(changes, SHOWN):
        print(line)
    if len(changes) > SHOWN:
        print(f"… and {len(changes) - SHOWN} more")
    for name in stale:
        print(f"stale: {name}" if (folder / name).exists() else f"missing: {name}")
    for path in superfluous:
        print(f"superfluous: {path.name}")
    console.say("The diagrams are not what the database is: run scripts/draw_diagrams.py and commit them.")
    return 1


def _write(folder: Path, wanted: dict[str, str]) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in wanted.items():
            (folder / name).write_text(content, encoding="utf-8")
        for path in _superfluous(folder, wanted):
            path.unlink()
    except OSError as error:
        raise UserError(
            f"Cannot write {error.filename or folder}: {error.strerror}. Name another folder with --output."
        ) from None
    console.say(f"Wrote {len(wanted)} files into {folder}.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--schema", metavar="NAME", help="draw this schema of the database, as it is")
    parser.add_argument("--output", metavar="FOLDER", help="where the files go (default: diagrams/)")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--fresh", action="store_true", help="forget all places, and lay everything out anew")
    add_connection_arguments(parser)
    return parser


if __name__ == "__main__":
    raise SystemExit(console.run(main))
