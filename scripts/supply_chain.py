#!/usr/bin/env python3
"""Keeps what this repository is built from: locked packages, their list, known holes in them, and no secret in it.

Not for the versions themselves: people choose those in scripts/requirements*.txt, with the reason beside each.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ecommerce_dms import console

SCRIPTS = Path(__file__).resolve().parent
ROOT = SCRIPTS.parent
SBOM = ROOT / "docs" / "sbom.cdx.json"

# The lock that users install for AWS; the list of what is inside is made from it.
RUNTIME_LOCK = SCRIPTS / "requirements.lock"

# What looks like a secret and is none: the text → why.
NO_SECRETS = {"for-this-job-alone": "password of the throw-away server that ci.yml starts beside one of its jobs"}

EXAMPLES = """\
examples:
  python3 scripts/supply_chain.py lock            after a change of a requirements file: write the .lock beside each
  python3 scripts/supply_chain.py lock --check    exit with 1 if a lock is not what its requirements ask for
  python3 scripts/supply_chain.py sbom            write docs/sbom.cdx.json, the CycloneDX list of the runtime packages
  python3 scripts/supply_chain.py secrets         scan the files and the whole git history for secrets
  python3 scripts/supply_chain.py audit           look the locked packages up in PyPI's list of known holes

The tools come with scripts/requirements-dev.txt. `lock` and `audit` need the network, the others do not.
"""


class ToolMissing(console.UserError):
    """A program of requirements-dev.txt is not installed."""


class IndexUnreachable(console.UserError):
    """The answer lies in the network, and there is none: this is no finding and no all-clear."""

    exit_code = 3


def main(argv: list[str] | None = None) -> int:
    """Runs one sub-command. Returns 0 done, 1 found something or stale, 2 wrong usage, 3 no network to ask."""
    arguments = _parser().parse_args(argv)
    return arguments.run(arguments)


def requirements_files() -> list[Path]:
    """The files that people edit; each has its lock beside it."""
    return sorted(SCRIPTS.glob("requirements*.txt"))


def lock_of(requirements: Path) -> Path:
    """The file with every package, its exact version and the hashes of its archives, for every supported Python."""
    return requirements.with_suffix(".lock")


def lock(arguments: argparse.Namespace) -> int:
    """Writes the locks, or compares. What is locked stays at its version while the requirements allow it."""
    stale = []
    for requirements in requirements_files():
        path = lock_of(requirements)
        wanted = _locked(requirements)
        if path.exists() and path.read_text(encoding="utf-8") == wanted:
            continue
        stale.append(path.name)
        if not arguments.check:
            path.write_text(wanted, encoding="utf-8")
            console.say(f"Wrote {path}.")
    if stale and arguments.check:
        console.say(f"not what the requirements ask for: {', '.join(stale)}. Run scripts/supply_chain.py lock.")
    elif not stale:
        console.say("Every lock is up to date.")
    return console.FAILED if stale and arguments.check else 0


def _locked(requirements: Path) -> str:
    """Resolves one file. Starts from the present lock, so that a new release somewhere changes nothing by itself."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "lock"
        if lock_of(requirements).exists():
            shutil.copy(lock_of(requirements), output)
        command = [_tool("uv"), "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
        command += ["--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-header"]
        done = _run([*command, "--output-file", str(output), requirements.name], cwd=SCRIPTS)
        if done.returncode != 0:
            raise _unreachable_or(f"{requirements.name} cannot be locked", done)
        head = f"# Made from {requirements.name} by scripts/supply_chain.py lock. Do not edit.\n"
        return head + output.read_text(encoding="utf-8")


def sbom(arguments: argparse.Namespace) -> int:
    """Writes docs/sbom.cdx.json, or compares."""
    command = [_tool("cyclonedx-py"), "requirements", str(RUNTIME_LOCK), "--output-reproducible", "--short-PURLs"]
    done = _run([*command, "--of", "JSON", "-o", "-"])
    if done.returncode != 0:
        raise console.UserError(f"{RUNTIME_LOCK.name} cannot be listed: {done.stderr.strip()}")
    wanted = _stable(done.stdout)
    present = SBOM.read_text(encoding="utf-8") if SBOM.exists() else ""
    if present == wanted:
        console.say("docs/sbom.cdx.json is up to date.")
        return 0
    if arguments.check:
        console.say("docs/sbom.cdx.json is not what the lock holds: run scripts/supply_chain.py sbom and commit it.")
        return console.FAILED
    SBOM.write_text(wanted, encoding="utf-8")
    console.say(f"Wrote {SBOM}.")
    return 0


def _stable(document: str) -> str:
    """The list without line numbers and index addresses, which change without any package changing."""
    bom = json.loads(document)
    names = {component["bom-ref"]: component["purl"] for component in bom["components"]}
    for component in bom["components"]:
        component["bom-ref"] = component["purl"]
        for noise in ("description", "externalReferences"):
            component.pop(noise, None)
    for dependency in bom.get("dependencies", []):
        dependency["ref"] = names.get(dependency["ref"], dependency["ref"])
    return json.dumps(bom, indent=2, sort_keys=True) + "\n"


def secrets(arguments: argparse.Namespace) -> int:
    """Scans what is committed, now and ever. Nothing is sent anywhere: a find is never tried out against its service.

    What git ignores is left alone: scripts/.env holds a password by design.
    """
    scanner = _tool("kingfisher")
    with tempfile.TemporaryDirectory() as folder:
        # A clone holds what others would get, and neither this checkout's .env nor its environment.
        cloned = _run(["git", "clone", "--quiet", "--single-branch", f"file://{arguments.folder.resolve()}", folder])
        if cloned.returncode != 0:
            raise console.UserError(f"{arguments.folder} is no git checkout: {cloned.stderr.strip()}")
        command = [scanner, "scan", folder, "--no-validate", "--no-update-check", "--redact", "--format", "pretty"]
        for text in NO_SECRETS:
            command += ["--skip-word", text]
        done = _run([*command, "--git-history", "full"])
    # 0: nothing found; 200: something was; anything else: it did not look everywhere.
    if done.returncode == 0:
        console.say(f"No secret in the files and the history of {arguments.folder}.")
        return 0
    if done.returncode != 200:
        raise console.UserError(f"the scan of {arguments.folder} failed: {done.stderr.strip()[-500:]}")
    sys.stdout.write(done.stdout)
    console.say("Secrets were found. Revoke each first, then take it out; the history keeps what was committed.")
    return console.FAILED


def audit(_arguments: argparse.Namespace) -> int:
    """Asks PyPI for the known holes of every locked package."""
    packages = {package["name"]: package for path in requirements_files() for package in _audited(lock_of(path))}
    unknown = sorted(name for name, package in packages.items() if "skip_reason" in package)
    if unknown:
        raise IndexUnreachable(
            f"{len(unknown)} of {len(packages)} packages could not be looked up, {unknown[0]} the first: "
            f"{packages[unknown[0]]['skip_reason']}. That is no all-clear: run this where PyPI can be reached."
        )
    holes = [(package, hole) for _, package in sorted(packages.items()) for hole in package["vulns"]]
    for package, hole in holes:
        fixed = ", ".join(hole["fix_versions"]) or "nothing yet"
        print(f"{package['name']} {package['version']}: {hole['id']}, fixed in {fixed}")
    console.say(f"{len(packages)} locked packages, {len(holes)} known holes.")
    return console.FAILED if holes else 0


def _audited(path: Path) -> list[dict]:
    """pip-audit's entry for each package: name, version, vulns; or skip_reason where it found no answer."""
    command = [_tool("pip-audit"), "--requirement", str(path), "--require-hashes", "--disable-pip"]
    done = _run([*command, "--progress-spinner", "off", "--format", "json"])
    try:
        return json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        raise _unreachable_or(f"{path.name} cannot be audited", done) from None


def _run(command: list[str], cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def _unreachable_or(what: str, done: subprocess.CompletedProcess[str]) -> console.UserError:
    reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1].strip()
    # SSLError: something between here and the index answers in its name, and is not believed.
    signs = (
        "ConnectionError",
        "SSLError",
        "Failed to fetch",
        "resolve",
        "dns error",
        "timed out",
        "Forbidden",
        "ServiceError",
    )
    if any(sign in done.stderr for sign in signs):
        return IndexUnreachable(f"{what}: the package index does not answer: {reason}")
    return console.UserError(f"{what}: {reason}")


def _tool(name: str) -> str:
    """The program of this environment, or of the PATH."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise ToolMissing(f"{name} is not installed: pip install -r scripts/requirements-dev.txt")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="supply_chain.py",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, run, text in (
        ("lock", lock, "write the locks beside the requirements files"),
        ("sbom", sbom, "write the list of what is inside"),
        ("secrets", secrets, "scan files and history for secrets"),
        ("audit", audit, "ask for known holes in the locked packages"),
    ):
        command = commands.add_parser(name, help=text, description=run.__doc__)
        command.set_defaults(run=run)
        if name in ("lock", "sbom"):
            command.add_argument("--check", action="store_true", help="compare, write nothing")
        if name == "secrets":
            command.add_argument("folder", nargs="?", type=Path, default=ROOT, help="a checkout (default: this one)")
    return parser


if __name__ == "__main__":
    raise SystemExit(console.run(main))
