"""Writes docs/sql_api.md, every function of schema api with promise, errors, privileges and examples, and docs/worked_example.md.

It upgrades scratch databases on the configured server (default: the embedded one), asks their catalogue, runs the worked
example in one of them, and drops them.
"""

from pathlib import Path

from ecommerce_dms import api_reference, console, generated_file, migrations
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings, load_settings

DOCS = Path(__file__).resolve().parents[1] / "docs"

EXAMPLES = """\
examples:
  python3 scripts/dump_api.py            write both pages, after each change of schema api or of its examples
  python3 scripts/dump_api.py --check    exit with 1 and show the difference if one is not up to date
"""


def main(argv: list[str] | None = None) -> int:
    """Write or check the file. Returns the exit code."""
    arguments = generated_file.parser(__doc__, EXAMPLES).parse_args(argv)
    settings = load_settings(arguments)
    console.say(f"Server: {settings.describe()}")
    with console.step("Upgrading a scratch database, and running the examples in it"):
        wanted = pages(settings)
    return max(
        generated_file.put(
            DOCS / name, content, check=arguments.check, source="the database", program=Path(__file__).name
        )
        for name, content in wanted.items()
    )


def pages(settings: Settings) -> dict[str, str]:
    """The content that each file should have. Raises UserError when an example fails."""
    with scratch_database(settings) as template:
        migrations.upgrade(template, environment="test")
        with scratch_database(settings, template=template) as scratch:
            worked_example = api_reference.run_worked_example(scratch)
        with scratch_database(settings, template=template) as scratch:
            api_reference.run_stories(scratch)
        return {
            "sql_api.md": api_reference.markdown(api_reference.read(template)),
            "worked_example.md": api_reference.worked_example_md(worked_example),
        }


if __name__ == "__main__":
    raise SystemExit(console.run(main))
