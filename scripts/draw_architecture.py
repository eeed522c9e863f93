"""Draws what terraform/ makes, with AWS's icons: a draw.io file, and an SVG picture for the web.

Without --plan it draws all that the configuration can make; it reads the .tf files and needs no Terraform and no AWS. With
--plan it draws what one plan makes. Where everything stands is said in scripts/ecommerce_dms/diagrams/architecture.py; places
that were changed by hand in the draw.io file are not kept.
"""

import argparse
from pathlib import Path

from ecommerce_dms import console
from ecommerce_dms.console import UserError
from ecommerce_dms.diagrams import architecture, architecture_files, terraform_addresses
from ecommerce_dms.diagrams.terraform_addresses import Resources

ROOT = Path(__file__).resolve().parents[1]
TERRAFORM = ROOT / "terraform"
DIAGRAMS = ROOT / "diagrams"

EXAMPLES = """\
examples:
  python3 scripts/draw_architecture.py            draw diagrams/architecture.drawio and .svg, after each change of resources
  python3 scripts/draw_architecture.py --check    exit with 1 if they are not up to date
  python3 scripts/draw_architecture.py --plan plan.json --output mine
                                                  draw a plan: terraform plan -out=saved && terraform show -json saved > plan.json
"""


def main(argv: list[str] | None = None) -> int:
    """Draw or check the files. Returns the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.plan and not arguments.output:
        parser.error("--plan draws one plan: say with --output into which folder")
    resources = (
        terraform_addresses.of_plan(Path(arguments.plan))
        if arguments.plan
        else terraform_addresses.of_configuration(TERRAFORM)
    )
    unplaced = unknown(resources)
    if unplaced:
        raise UserError(
            f"The picture knows nothing of {', '.join(unplaced)}: give each a node, or a reason in NOT_DRAWN, in "
            "scripts/ecommerce_dms/diagrams/architecture.py."
        )
    folder = Path(arguments.output) if arguments.output else DIAGRAMS
    wanted = architecture_files.files(architecture.drawn(resources), resources)
    return _compare(folder, wanted) if arguments.check else _write(folder, wanted)


def unknown(resources: Resources) -> list[str]:
    """Resources that are neither drawn nor left out for a reason."""
    return sorted(resources.addresses - architecture.known())


def _compare(folder: Path, wanted: dict[str, str]) -> int:
    stale = [
        name
        for name, content in wanted.items()
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != content
    ]
    for name in stale:
        print(f"stale: {name}" if (folder / name).exists() else f"missing: {name}")
    if stale:
        console.say("The picture is not what terraform/ makes: run scripts/draw_architecture.py and commit it.")
        return 1
    console.say(f"{len(wanted)} files in {folder} are up to date.")
    return 0


def _write(folder: Path, wanted: dict[str, str]) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in wanted.items():
            (folder / name).write_text(content, encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"Cannot write {error.filename}: {error.strerror}. Name another folder with --output."
        ) from None
    console.say(f"Wrote {len(wanted)} files into {folder}.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plan", metavar="FILE", help="draw this plan, as JSON")
    parser.add_argument("--output", metavar="FOLDER", help="where the files go (default: diagrams/)")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    return parser


if __name__ == "__main__":
    raise SystemExit(console.run(main))
