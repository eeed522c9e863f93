"""Writes docs/data_dictionary.md: every table, column, rule, index and trigger in words, and who writes it.

It upgrades a scratch database on the configured server (default: the embedded one), reads its catalogue and comments, and
drops it.
"""

from pathlib import Path

from ecommerce_dms import console, data_dictionary, generated_file, migrations
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings, load_settings

DATA_DICTIONARY_MD = Path(__file__).resolve().parents[1] / "docs" / "data_dictionary.md"

EXAMPLES = """\
examples:
  python3 scripts/dump_dictionary.py            write docs/data_dictionary.md, after each change of the schema
  python3 scripts/dump_dictionary.py --check    exit with 1 and show the difference if it is not up to date
"""


def main(argv: list[str] | None = None) -> int:
    """Write or check the file. Returns the exit code."""
    arguments = generated_file.parser(__doc__, EXAMPLES).parse_args(argv)
    settings = load_settings(arguments)
    console.say(f"Server: {settings.describe()}")
    with console.step("Upgrading a scratch database and reading its catalogue"):
        wanted = data_dictionary_md(settings)
    return generated_file.put(
        DATA_DICTIONARY_MD, wanted, check=arguments.check, source="the database", program=Path(__file__).name
    )


def data_dictionary_md(settings: Settings) -> str:
    """The content that the file should have."""
    with scratch_database(settings) as scratch:
        migrations.upgrade(scratch, environment="test")
        return data_dictionary.markdown(data_dictionary.read(scratch))


if __name__ == "__main__":
    raise SystemExit(console.run(main))
