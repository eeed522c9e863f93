"""docs/using_from_your_app.md: each program on the page runs, prints what the page says, and survives a lost connection.

JavaScript runs where node and npm are and the registry answers, PgBouncer where `pgbouncer` is on PATH; the reason for a
skipped test says which is missing.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import socket
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg2
import pytest
from conftest import until
from contract_shop import Caller
from ecommerce_dms import api_reference
from ecommerce_dms.connection import connect, connection_parameters
from ecommerce_dms.roles import OWNER
from ecommerce_dms.settings import Settings
from pages import ROOT, marked, requirements

PAGE = (ROOT / "docs" / "using_from_your_app.md").read_text(encoding="utf-8")
PROGRAMS = marked(PAGE, "file")
OUTPUTS = marked(PAGE, "output of")
REQUIREMENTS = requirements(PAGE)

# Cut after this many answers of the server, the program has gone through each of its transactions at least once.
CUTS = {"checkout.py": range(1, 24, 2), "reprice.py": range(1, 16, 2), "checkout.mjs": range(1, 26, 2)}


@pytest.fixture(scope="module")
def owner(shared_scratch: Settings) -> Iterator[Caller]:
    """The owner of the shop that setup.sql makes, with stock for everybody."""
    api_reference.psql(shared_scratch, api_reference.EXAMPLES / "setup.sql")
    with closing(Caller(connect(shared_scratch, role=OWNER))) as caller:
        caller.query("SET shop.actor = 'staff:test'")
        caller.call("receive_stock", variant_id=1, warehouse_id=1, quantity=10_000)
        yield caller


@pytest.fixture
def server(shared_scratch: Settings, owner: Caller, app_credentials: tuple[str, str]) -> dict[str, str]:
    """libpq's variables that reach it as an application, and nothing else of this process's environment about servers."""
    parameters = connection_parameters(shared_scratch)
    user, password = app_credentials
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PG", "DB_", "AWS_", "DATABASE"))},
        "PGHOST": parameters["host"],
        "PGPORT": str(parameters["port"]),
        "PGDATABASE": parameters["dbname"],
        "PGUSER": user,
        "PGPASSWORD": password,
    }


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages of the page, in the versions of the page."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not on PATH")
    folder = tmp_path_factory.mktemp("javascript")
    packages = {package for name, wanted in REQUIREMENTS.items() if name.endswith(".mjs") for package in wanted}
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *sorted(packages)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        pytest.skip(f"npm cannot install {', '.join(sorted(packages))}: {done.stderr.strip()[-300:]}")
    return folder


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where the test's program may run: for JavaScript, beside its packages."""
    javascript = any(
        str(value).endswith(".mjs") for value in getattr(request.node, "callspec", request).params.values()
    )
    return request.getfixturevalue("node_modules") if javascript else tmp_path


def run(name: str, folder: Path, environment: dict[str, str], more: str = "") -> str:
    """What the program of the page prints; it must end well."""
    path = folder / name
    path.write_text(PROGRAMS[name] + more, encoding="utf-8")
    command = [sys.executable if name.endswith(".py") else "node", name]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, ""), f"{name} failed: {done.stderr}"
    return done.stdout


def sold(owner: Caller) -> tuple[int, ...]:
    """How many orders, payments, captures and prices there are."""
    return owner.query(
        """SELECT (SELECT count(*) FROM shop.orders), (SELECT count(*) FROM shop.payments),
                  (SELECT count(*) FROM shop.payments WHERE captured_minor > 0),
                  (SELECT count(*) FROM shop.variant_prices)"""
    )[0]


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_program_prints_what_the_page_says(name: str, folder: Path, server: dict[str, str]) -> None:
    assert run(name, folder, server) == OUTPUTS[name]


def test_every_program_has_its_requirements_pinned_and_python_s_are_those_of_the_repository() -> None:
    assert PROGRAMS.keys() == REQUIREMENTS.keys()
    ours = (ROOT / "scripts" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    for name, wanted in REQUIREMENTS.items():
        for package in wanted:
            assert package in ours if name.endswith(".py") else re.fullmatch(r"@?[\w/-]+@\d+\.\d+\.\d+", package)


# A connection that breaks ------------------------------------------------------------------------------------------------


class Cutter:
    """A way to a server that breaks once: after it has answered so often, its answer is lost and the connection with it."""

    def __init__(self, host: str, port: int, answers: int) -> None:
        self._server, self._left = (host, port), answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.has_cut = False
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        with closing(client), suppress(OSError), socket.create_connection(self._server) as server:
            while True:
                readable, _, _ = select.select([client, server], [], [])
                for source in readable:
                    data = source.recv(65536)
                    if not data or (source is server and self._cuts_here()):
                        return
                    (client if source is server else server).sendall(data)

    def _cuts_here(self) -> bool:
        with self._lock:
            self._left -= 1
            self.has_cut |= self._left == 0
            return self._left == 0

    def close(self) -> None:
        # A blocked accept() does not notice close() alone.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.mark.parametrize("name", CUTS)
def test_a_program_does_its_work_exactly_once_wherever_its_connection_is_cut(
    name: str, folder: Path, server: dict[str, str], owner: Caller
) -> None:
    run(name, folder, server)
    once = {"checkout.py": (1, 1, 0, 0), "reprice.py": (0, 0, 0, 0), "checkout.mjs": (1, 1, 1, 0)}[name]
    cuts = 0
    for answers in CUTS[name]:
        before = sold(owner)
        with closing(Cutter(server["PGHOST"], int(server["PGPORT"]), answers)) as cutter:
            run(name, folder, server | {"PGHOST": "127.0.0.1", "PGPORT": str(cutter.port)})
        assert tuple(b - a for a, b in zip(before, sold(owner), strict=True)) == once, f"cut after answer {answers}"
        cuts += cutter.has_cut
    assert cuts == len(CUTS[name]), "the connection was never cut: fewer answers than CUTS says"


def test_without_its_retries_a_program_fails_where_the_connection_is_cut(
    tmp_path: Path, server: dict[str, str]
) -> None:
    program = PROGRAMS["checkout.py"].replace("attempts=5", "attempts=1")
    (tmp_path / "once.py").write_text(program)
    with closing(Cutter(server["PGHOST"], int(server["PGPORT"]), 5)) as cutter:
        environment = server | {"PGHOST": "127.0.0.1", "PGPORT": str(cutter.port)}
        done = subprocess.run(
            [sys.executable, "once.py"], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
    assert done.returncode == 1 and "OperationalError" in done.stderr


# IAM tokens --------------------------------------------------------------------------------------------------------------


@contextmanager
def listener_for_passwords() -> Iterator[tuple[int, list[str]]]:
    """A port that asks whoever connects, in PostgreSQL's protocol, for a password in clear text, keeps it, and hangs up."""
    passwords: list[str] = []

    def message(connection: socket.socket, head: int) -> bytes:
        start = connection.recv(head + 4, socket.MSG_WAITALL)
        return connection.recv(int.from_bytes(start[head:], "big") - 4, socket.MSG_WAITALL)

    def serve(listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection:
                    message(connection, 0)
                    connection.sendall(b"R" + (8).to_bytes(4, "big") + (3).to_bytes(4, "big"))
                    passwords.append(message(connection, 1).rstrip(b"\0").decode())

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        yield listening.getsockname()[1], passwords
        listening.shutdown(socket.SHUT_RDWR)


TWO_CONNECTIONS = {
    "iam_engine.py": """
for _ in range(2):
    try:
        engine.connect()
    except sqlalchemy.exc.OperationalError:
        pass
""",
    "iam_pool.mjs": """
for (let i = 0; i < 2; i++) await pool.connect().catch(() => {});
""",
}


@pytest.mark.parametrize("name", TWO_CONNECTIONS)
def test_each_connection_shows_the_server_a_token_for_that_user_and_host(name: str, folder: Path) -> None:
    with listener_for_passwords() as (port, passwords):
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "AWS_"))}
        environment |= {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "shop_service", "PGSSLMODE": "disable"}
        environment |= {"PGDATABASE": "shop", "PGGSSENCMODE": "disable"}
        environment |= {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        run(name, folder, environment, TWO_CONNECTIONS[name])
    assert len(passwords) == 2
    for token in passwords:
        url = urllib.parse.urlsplit("https://" + token)
        query = dict(urllib.parse.parse_qsl(url.query))
        assert url.netloc == f"127.0.0.1:{port}"
        assert (query["Action"], query["DBUser"], query["X-Amz-Expires"]) == ("connect", "shop_service", "900")
        assert "/eu-west-1/rds-db/aws4_request" in query["X-Amz-Credential"]


# PgBouncer in transaction mode -------------------------------------------------------------------------------------------


@pytest.fixture
def bouncer(server: dict[str, str], embedded_public_folder: Path) -> Iterator[dict[str, str]]:
    """The server behind a PgBouncer that has one connection for everybody."""
    program = shutil.which("pgbouncer")
    if not program:
        pytest.skip("needs pgbouncer on PATH: apt install pgbouncer")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    users = embedded_public_folder / "users.txt"
    users.write_text(f'"{server["PGUSER"]}" "{server["PGPASSWORD"]}"\n')
    configuration = embedded_public_folder / "pgbouncer.ini"
    configuration.write_text(
        f"[databases]\n* = host={server['PGHOST']} port={server['PGPORT']}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = trust\n"
        f"auth_file = {users}\npool_mode = transaction\ndefault_pool_size = 1\n"
    )
    # It does not run as root.
    as_user = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
    process = subprocess.Popen([program, "-q", str(configuration)], stderr=subprocess.PIPE, **as_user)
    behind = server | {"PGHOST": "127.0.0.1", "PGPORT": str(port)}
    try:
        until(lambda: process.poll() is not None or answers(behind), "PgBouncer")
        assert process.poll() is None, process.stderr and process.stderr.read()
        yield behind
    finally:
        process.terminate()
        process.wait()


def through(environment: dict[str, str], **more: str) -> psycopg2.extensions.connection:
    """A connection by these variables."""
    names = {"PGHOST": "host", "PGPORT": "port", "PGDATABASE": "dbname", "PGUSER": "user", "PGPASSWORD": "password"}
    connection = psycopg2.connect(**{names[name]: environment[name] for name in names}, **more)
    connection.autocommit = True
    return connection


def answers(environment: dict[str, str]) -> bool:
    try:
        through(environment).close()
    except psycopg2.OperationalError:
        return False
    return True


def value(connection: psycopg2.extensions.connection, statement: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None


@pytest.mark.parametrize("name", OUTPUTS)
def test_behind_pgbouncer_a_program_prints_the_same(name: str, folder: Path, bouncer: dict[str, str]) -> None:
    assert run(name, folder, bouncer) == OUTPUTS[name]


def test_behind_pgbouncer_a_local_setting_ends_with_its_transaction(bouncer: dict[str, str]) -> None:
    with closing(through(bouncer)) as one, closing(through(bouncer)) as another:
        assert value(one, "SELECT set_config('shop.customer_id', 'one', true)") == "one"
        assert not value(another, "SELECT current_setting('shop.customer_id', true)")


def test_behind_pgbouncer_a_session_s_setting_speaks_for_somebody_else(bouncer: dict[str, str]) -> None:
    with closing(through(bouncer)) as one, closing(through(bouncer)) as another:
        value(one, "SET shop.customer_id = 'one'")
        assert value(another, "SELECT current_setting('shop.customer_id', true)") == "one"


def test_behind_pgbouncer_settings_of_the_connection_string_are_refused(bouncer: dict[str, str]) -> None:
    with pytest.raises(psycopg2.OperationalError, match="options"):
        through(bouncer, options="-c shop.actor=staff:7")


def test_behind_pgbouncer_a_prepared_statement_and_a_session_s_lock_belong_to_everybody(
    bouncer: dict[str, str],
) -> None:
    with closing(through(bouncer)) as one, closing(through(bouncer)) as another:
        value(one, "PREPARE mine AS SELECT 1")
        assert value(another, "EXECUTE mine") == 1
        value(one, "SELECT pg_advisory_lock(1)")
        assert value(another, "SELECT pg_advisory_unlock(1)") is True
        value(one, "SELECT pg_advisory_xact_lock(2)")
        assert value(another, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
