"""The embedded server: what it is, and that no interruption, crash or neighbour breaks it for good.

Root and ordinary users run this same file (test_local.py sees to the latter): each has ways of its own to
fail.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest
from conftest import is_gone, until
from ecommerce_dms.embedded import EmbeddedServer, EmbeddedServerError, account, address, home, program

SCRIPTS = Path(__file__).resolve().parents[1]

Starter = Callable[..., subprocess.Popen[str]]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
as_ordinary_user = pytest.mark.skipif(os.geteuid() == 0, reason="needs an ordinary user")


def query(server: EmbeddedServer, sql: str, **parameters: object) -> list[tuple]:
    with contextlib.closing(psycopg2.connect(**{**server.connection_parameters(), **parameters})) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def start_elsewhere(embedded_own: EmbeddedServer) -> Iterator[Starter]:
    """A function that starts `embedded_own` from another process, which does not outlive the test."""
    code = (
        "import sys; from pathlib import Path; from ecommerce_dms.embedded import EmbeddedServer\n"
        "EmbeddedServer(Path(sys.argv[1])).start()"
    )
    command = [sys.executable, "-c", code, str(embedded_own.directory)]
    processes = []

    def start(**options: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(command, cwd=SCRIPTS, stderr=subprocess.PIPE, text=True, **options)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stderr.close()


def refusal(server: EmbeddedServer) -> str:
    with pytest.raises(EmbeddedServerError) as caught:
        server.start()
    assert caught.value.exit_code == 1
    return str(caught.value)


# --- What it is


def test_it_is_postgresql_18_with_durability_on(embedded_server: EmbeddedServer) -> None:
    settings = dict(query(embedded_server, "SELECT name, setting FROM pg_settings"))
    assert settings["server_version"].split(".")[0] == "18"
    for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
        assert settings[name] == "on", name
    assert settings["TimeZone"] == "UTC"


def test_text_is_utf8_and_sorted_the_same_on_every_machine(embedded_server: EmbeddedServer) -> None:
    columns = "pg_encoding_to_char(encoding), datlocprovider, datlocale"
    sql = f"SELECT {columns} FROM pg_database WHERE datname = 'shop'"
    assert query(embedded_server, sql) == [("UTF8", "b", "C.UTF-8")]


def test_the_master_may_what_an_rds_master_may_and_no_more(embedded_server: EmbeddedServer) -> None:
    rights = "rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls"
    sql = f"SELECT {rights} FROM pg_roles WHERE rolname = current_user"
    assert query(embedded_server, sql) == [(False, True, True, False, False)]
    query(embedded_server, "CREATE ROLE watcher; GRANT pg_monitor TO watcher; DROP ROLE watcher")
    owned = "SELECT datname FROM pg_database WHERE datdba = current_user::regrole"
    assert query(embedded_server, owned) == [("shop",)]


def test_nobody_gets_in_without_a_password(embedded_server: EmbeddedServer) -> None:
    [(rules,)] = query(
        embedded_server,
        "SELECT array_agg(DISTINCT auth_method) FROM pg_hba_file_rules",
        **embedded_server.superuser_parameters(),
    )
    assert rules == ["scram-sha-256"]
    [(folder,)] = query(embedded_server, "SHOW unix_socket_directories", **embedded_server.superuser_parameters())
    folder = folder.strip('"')
    on_socket = {**embedded_server.connection_parameters(), "host": folder}
    assert query(embedded_server, "SELECT 1", **on_socket) == [(1,)]
    for host in ("127.0.0.1", folder):
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            query(embedded_server, "SELECT 1", host=host, password="guess")
        with pytest.raises(psycopg2.OperationalError, match="no password supplied"):
            query(embedded_server, "SELECT 1", host=host, password="", passfile="/dev/null")


def test_it_listens_on_this_machine_alone(embedded_server: EmbeddedServer) -> None:
    assert query(embedded_server, "SHOW listen_addresses") == [("127.0.0.1",)]


def test_stored_passwords_are_scram_verifiers(embedded_server: EmbeddedServer) -> None:
    sql = "SELECT rolname, rolpassword ~ '^SCRAM-SHA-256\\$4096:' FROM pg_authid WHERE rolcanlogin ORDER BY 1"
    rows = query(embedded_server, sql, **embedded_server.superuser_parameters())
    assert ("postgres", True) in rows
    assert ("shop_master", True) in rows


def test_passwords_stand_in_private_files_alone(embedded_own: EmbeddedServer) -> None:
    embedded_own.start()
    passwords = [
        str(parameters()["password"]).encode()
        for parameters in (embedded_own.connection_parameters, embedded_own.superuser_parameters)
    ]
    assert len(set(passwords)) == 2
    holding = [
        path
        for path in embedded_own.home.rglob("*")
        if path.is_file() and any(password in path.read_bytes() for password in passwords)
    ]
    assert sorted(path.name for path in holding) == ["pgpass", "server.json"]
    for path in (*holding, embedded_own.home / "server.log"):
        found = path.stat()
        assert stat.S_IMODE(found.st_mode) == 0o600
        assert found.st_uid == os.geteuid()


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_passwords_stand_in_no_process_arguments_or_environments(embedded_server: EmbeddedServer) -> None:
    pid = embedded_server.status().pid
    for parameters in (embedded_server.connection_parameters(), embedded_server.superuser_parameters()):
        for name in ("cmdline", "environ"):
            assert str(parameters["password"]).encode() not in Path(f"/proc/{pid}/{name}").read_bytes()
    assert str(embedded_server.connection_parameters()["password"]) not in repr(embedded_server._state())


@pytest.mark.parametrize("has_psql", [True, False])
def test_the_printed_line_works_when_pasted(
    embedded_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, has_psql: bool
) -> None:
    if not has_psql:
        monkeypatch.setenv("PATH", str(tmp_path))
    line = embedded_server.connection_line()
    assert str(embedded_server.connection_parameters()["password"]) not in line
    pasted = ["/bin/sh", "-c", f"{line} --no-password -Atc 'SELECT current_user'"]
    done = subprocess.run(pasted, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("shop_master\n", 0), done.stderr


def test_the_wheels_python_code_is_never_imported(embedded_server: EmbeddedServer) -> None:
    assert program.PACKAGE not in sys.modules


def test_settings_can_be_added(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "own", {"log_statement": "all", "cluster_name": "it's \\ mine"})
    try:
        server.start()
        assert query(server, "SELECT current_setting('log_statement'), current_setting('cluster_name')") == [
            ("all", "it's \\ mine")
        ]
    finally:
        server.destroy()


# --- Starting and stopping


def test_starting_twice_starts_once(embedded_own: EmbeddedServer) -> None:
    assert embedded_own.status().name == "absent"
    embedded_own.start()
    pid = embedded_own.status().pid
    embedded_own.start()
    assert embedded_own.status()[:2] == ("running", pid)
    assert embedded_own.stop() is True
    assert embedded_own.stop() is False
    assert embedded_own.status()[:2] == ("stopped", None)


def test_two_servers_run_side_by_side(embedded_server: EmbeddedServer, embedded_own: EmbeddedServer) -> None:
    embedded_own.start()
    query(embedded_own, "CREATE TABLE only_here ()")
    assert query(embedded_server, "SELECT to_regclass('only_here')") == [(None,)]
    assert embedded_own.home != embedded_server.home


def test_simultaneous_starts_make_one_server(embedded_own: EmbeddedServer, start_elsewhere: Starter) -> None:
    starting = [start_elsewhere() for _ in range(3)]
    assert [process.communicate()[1] for process in starting if process.wait() != 0] == []
    assert embedded_own.status().name == "running"
    assert query(embedded_own, "SELECT 1") == [(1,)]


def test_committed_rows_survive_a_killed_server(embedded_own: EmbeddedServer) -> None:
    embedded_own.start()
    query(embedded_own, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
    pid = embedded_own.status().pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: is_gone(pid), "the end of the server")
    assert embedded_own.status().name == "stopped"
    embedded_own.start()
    assert query(embedded_own, "SELECT count(*) FROM kept") == [(1000,)]


def test_a_reused_process_number_is_not_taken_for_the_server(embedded_own: EmbeddedServer) -> None:
    """After a reboot the number in postmaster.pid may belong to another program of the server's user."""
    embedded_own.start()
    file = embedded_own.home / "data/postmaster.pid"
    lines = file.read_text().splitlines()
    owner = account.owner_of(embedded_own.home / "data")
    embedded_own.stop()
    identity = owner.process_arguments() if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "600"], cwd="/", **identity) as other:
        try:
            file.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
            os.chown(file, *owner)
            assert embedded_own.status().name == "stopped"
            assert embedded_own.stop() is False
            embedded_own.start()
            assert query(embedded_own, "SELECT 1") == [(1,)]
            assert other.poll() is None
        finally:
            other.kill()


def test_a_port_in_use_is_exchanged_and_said(embedded_own: EmbeddedServer, capsys: pytest.CaptureFixture[str]) -> None:
    embedded_own.start()
    port = embedded_own.connection_parameters()["port"]
    embedded_own.stop()
    with socket.create_server(("127.0.0.1", port)):
        embedded_own.start()
    assert embedded_own.connection_parameters()["port"] != port
    assert f"port {port} is in use" in capsys.readouterr().err
    assert query(embedded_own, "SELECT 1") == [(1,)]
    password_file = Path(embedded_own.psql_environment()["PGPASSFILE"]).read_text()
    assert f":{embedded_own.connection_parameters()['port']}:" in password_file
    assert f":{port}:" not in password_file


def test_the_port_stays_the_same(embedded_own: EmbeddedServer) -> None:
    embedded_own.start()
    port = embedded_own.connection_parameters()["port"]
    embedded_own.stop()
    embedded_own.start()
    assert embedded_own.connection_parameters()["port"] == port


def test_a_server_whose_port_was_not_noted_is_found(embedded_own: EmbeddedServer) -> None:
    """Its starter was killed after choosing another port, while the server was on its way up."""
    embedded_own.start()
    port = embedded_own.status().port
    file = embedded_own.home / "server.json"
    file.write_text(file.read_text().replace(str(port), str(port + 1)))
    embedded_own.start()
    assert embedded_own.status().port == port
    assert query(embedded_own, "SELECT 1") == [(1,)]
    assert f":{port}:" in Path(embedded_own.psql_environment()["PGPASSFILE"]).read_text()


def has_new_folder(server: EmbeddedServer, name: str) -> Callable[[], bool]:
    return lambda: any(server.home.glob(f"new-*/{name}"))


@pytest.mark.parametrize(
    "moment",
    ["verifier", "data/PG_VERSION", "data/base/5", "data/pg_wal/*", "data/global/pg_control"],
)
def test_killed_while_it_is_made_it_is_made_by_the_next_start(
    embedded_own: EmbeddedServer, start_elsewhere: Starter, moment: str
) -> None:
    starting = start_elsewhere()
    until(has_new_folder(embedded_own, moment), moment)
    starting.kill()
    starting.communicate()
    embedded_own.start()
    assert query(embedded_own, "SELECT current_user") == [("shop_master",)]
    assert list(embedded_own.home.glob("new-*")) == []


@pytest.mark.parametrize("moment", ["server.json", "data", "postgresql.conf", "server.log", "data/postmaster.pid"])
def test_killed_while_it_starts_it_is_started_by_the_next(
    embedded_own: EmbeddedServer, start_elsewhere: Starter, moment: str
) -> None:
    starting = start_elsewhere()
    until((embedded_own.home / moment).exists, moment)
    starting.kill()
    starting.communicate()
    embedded_own.start()
    assert query(embedded_own, "SELECT current_user") == [("shop_master",)]


def test_killed_while_it_is_removed_nothing_half_removed_is_started(embedded_own: EmbeddedServer) -> None:
    embedded_own.start()
    query(embedded_own, "CREATE TABLE old ()")
    embedded_own.stop()
    # What `destroy` does first, and then the lights go out.
    half_removed = embedded_own.home / "old-by-test"
    half_removed.mkdir()
    (embedded_own.home / "data").rename(half_removed / "data")
    embedded_own.start()
    assert query(embedded_own, "SELECT to_regclass('old')") == [(None,)]
    assert not half_removed.exists()


def test_destroying_leaves_nothing(embedded_own: EmbeddedServer) -> None:
    embedded_own.start()
    pid = embedded_own.status().pid
    embedded_own.destroy()
    assert not embedded_own.home.exists()
    assert is_gone(pid)
    embedded_own.destroy()


def test_destroying_leaves_other_peoples_files(embedded_own: EmbeddedServer) -> None:
    embedded_own.start()
    (embedded_own.home / "notes.txt").write_text("mine")
    embedded_own.destroy()
    assert [path.name for path in embedded_own.home.iterdir()] == ["notes.txt"]
    shutil.rmtree(embedded_own.home)


# --- Plain sentences


def test_another_major_version_is_named_and_left_alone(embedded_own: EmbeddedServer) -> None:
    embedded_own.start()
    embedded_own.stop()
    version = embedded_own.home / "data/PG_VERSION"
    version.write_text("17\n")
    message = refusal(embedded_own)
    assert "was made by PostgreSQL 17, and this is 18" in message
    assert "reset" in message
    version.write_text("18\n")
    embedded_own.start()


def test_a_failed_start_says_why_and_where_the_log_is(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "own", {"shared_buffers": "nonsense"})
    try:
        message = refusal(server)
        assert 'invalid value for parameter "shared_buffers": "nonsense"' in message
        assert str(server.home / "server.log") in message
        assert str(server.connection_parameters()["password"]) not in message
    finally:
        server.destroy()


def test_damaged_memory_is_explained(embedded_own: EmbeddedServer) -> None:
    embedded_own.start()
    embedded_own.stop()
    for text in ("{", "[]", '{"port": 1}'):
        (embedded_own.home / "server.json").write_text(text)
        assert "server.json" in refusal(embedded_own)
    embedded_own.destroy()
    assert not embedded_own.home.exists()


def test_a_missing_package_is_explained(embedded_own: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "PACKAGE", "no_such_package")
    message = refusal(embedded_own)
    assert "python3 scripts/local.py" in message
    assert "requirements-local.txt" in message


@pytest.fixture
def small_disk(embedded_public_folder: Path) -> Iterator[Path]:
    """A file system with room for half a data directory; only root of a whole machine may mount one."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting needs root")
    folder = embedded_public_folder / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=755", "tmpfs", folder], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("this machine does not let root mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_a_plain_sentence(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "_BASES", (str(small_disk),))
    message = refusal(EmbeddedServer(small_disk / "own"))
    assert "the disk is full" in message
    assert "free some space" in message


# --- Places


def test_the_folder_follows_the_conventions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", "/home/me")
    for name in ("ECOMMERCE_DMS_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert home.default_directory() == Path("/home/me/.local/state/ecommerce-dms")
    monkeypatch.setenv("XDG_STATE_HOME", "relative/is/to/be/ignored")
    assert home.default_directory() == Path("/home/me/.local/state/ecommerce-dms")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert home.default_directory() == Path("/state/ecommerce-dms")
    monkeypatch.setenv("ECOMMERCE_DMS_HOME", "~/shop")
    assert home.default_directory() == Path("/home/me/shop")
    monkeypatch.setenv("ECOMMERCE_DMS_HOME", "shop")
    with pytest.raises(EmbeddedServerError, match="ECOMMERCE_DMS_HOME is 'shop': it must be an absolute path"):
        home.default_directory()
    monkeypatch.delenv("ECOMMERCE_DMS_HOME")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert home.default_directory() == Path("/home/me/Library/Application Support/ecommerce-dms")


@as_ordinary_user
def test_a_path_too_long_for_a_socket_still_works(tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / ("long " * 20) / "own")
    try:
        server.start()
        [(folder,)] = query(server, "SHOW unix_socket_directories", **server.superuser_parameters())
        folder = Path(folder.strip('"'))
        assert not folder.is_relative_to(server.home)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert (
            subprocess.run(
                ["/bin/sh", "-c", f"{server.connection_line()} -w -Atc 'SELECT 1'"], capture_output=True
            ).stdout
            == b"1\n"
        )
    finally:
        server.destroy()
    assert not folder.exists()


@pytest.mark.parametrize("trap", ["open", "link", "file"])
def test_a_sockets_folder_of_somebody_else_is_not_used(tmp_path: Path, trap: str) -> None:
    home = tmp_path / ("long" * 30)
    distant = tmp_path / "ecommerce-dms-0000"
    if trap == "open":
        distant.mkdir()
        distant.chmod(0o777)
    elif trap == "link":
        (tmp_path / "real").mkdir(mode=0o700)
        distant.symlink_to(tmp_path / "real")
    else:
        distant.touch()
    made = address.made_socket_folder(distant, home, None)
    try:
        assert made != distant
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
    finally:
        made.rmdir()


@as_root
def test_killed_before_its_socket_was_handed_over_the_server_still_starts(
    embedded_own: EmbeddedServer,
) -> None:
    embedded_own.start()
    embedded_own.stop()
    os.chown(embedded_own.home / "socket", 0, 0)
    embedded_own.start()
    assert query(embedded_own, "SELECT 1") == [(1,)]


@as_ordinary_user
def test_a_folder_that_cannot_be_made_is_explained() -> None:
    assert "ECOMMERCE_DMS_HOME" in refusal(EmbeddedServer(Path("/proc/no/such")))


# --- Root


@as_root
def test_root_runs_it_as_somebody_with_no_other_rights(embedded_own: EmbeddedServer, start_elsewhere: Starter) -> None:
    start_elsewhere(extra_groups=[4, 27]).communicate()
    owner = account.owner_of(embedded_own.home / "data")
    status = Path(f"/proc/{embedded_own.status().pid}/status").read_text()
    assert re.search(r"^Uid:\s+(.*)$", status, re.M)[1].split() == [str(owner.uid)] * 4
    assert re.search(r"^Gid:\s+(.*)$", status, re.M)[1].split() == [str(owner.gid)] * 4
    assert re.search(r"^Groups:[ \t]*(.*)$", status, re.M)[1].split() == []
    with pytest.raises(KeyError):
        pwd.getpwuid(owner.uid)


@as_root
def test_the_servers_user_can_change_neither_program_nor_rules_nor_read_passwords(
    embedded_own: EmbeddedServer,
) -> None:
    embedded_own.start()
    server = account.owner_of(embedded_own.home / "data")
    for path in embedded_own.home.rglob("*"):
        found = path.lstat()
        inside = path.relative_to(embedded_own.home).parts[0]
        if inside in ("data", "socket"):
            assert found.st_uid == server.uid, path
        else:
            assert found.st_uid == 0, path
            assert path.is_symlink() or not found.st_mode & 0o022, path
    assert not (embedded_own.home / "server.json").stat().st_mode & 0o077


@as_root
def test_no_folder_that_was_there_before_is_changed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    watched = [*closed.parents, closed, *(Path(base) for base in account._BASES)]
    before = [(path.stat().st_mode, path.stat().st_uid, path.stat().st_gid) for path in watched]
    passwd = Path("/etc/passwd").read_bytes()
    server = EmbeddedServer(closed / "own")
    try:
        server.start()
        assert query(server, "SELECT 1") == [(1,)]
        assert [(path.stat().st_mode, path.stat().st_uid, path.stat().st_gid) for path in watched] == before
        assert list(closed.iterdir()) == []
        assert Path("/etc/passwd").read_bytes() == passwd
    finally:
        server.destroy()


@as_root
def test_every_folder_name_has_its_own_server(tmp_path: Path) -> None:
    one, other = EmbeddedServer(tmp_path / "one"), EmbeddedServer(tmp_path / "other")
    assert one.home != other.home
    (tmp_path / "link").symlink_to(tmp_path)
    assert EmbeddedServer(tmp_path / "link/one").home == one.home


@as_root
def test_a_restrictive_umask_does_not_lock_the_server_out(embedded_own: EmbeddedServer) -> None:
    before = os.umask(0o077)
    try:
        embedded_own.start()
    finally:
        os.umask(before)
    assert query(embedded_own, "SELECT 1") == [(1,)]


@as_root
@pytest.mark.parametrize("trap", ["file", "link", "foreign", "writable"])
def test_a_trap_in_the_place_of_roots_folder_is_refused(tmp_path: Path, trap: str) -> None:
    folder = tmp_path / "ecommerce-dms"
    if trap == "file":
        folder.touch()
    elif trap == "link":
        folder.symlink_to(tmp_path)
    else:
        folder.mkdir()
        os.chown(folder, 65534 if trap == "foreign" else 0, 0)
        folder.chmod(0o777 if trap == "writable" else 0o755)
    with pytest.raises(EmbeddedServerError, match="not a folder of root's alone"):
        account.make_home(folder / "0123456789ab")


@as_root
def test_closed_and_replaceable_places_are_passed_over(tmp_path: Path, embedded_public_folder: Path) -> None:
    assert not account._fits(tmp_path)  # pytest's folders are closed to others.
    assert account._fits(embedded_public_folder)
    os.chown(embedded_public_folder, 65534, 65534)
    assert not account._fits(embedded_public_folder)


@as_root
def test_an_outdated_copy_of_the_program_is_replaced(
    embedded_own: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded_own.start()
    embedded_own.stop()
    monkeypatch.setattr(program, "_version_stamp", lambda: "newer")
    embedded_own.start()
    assert [path.name for path in (embedded_own.home / "program").iterdir()] == ["newer"]
    assert "/newer/" in shlex.join(Path(f"/proc/{embedded_own.status().pid}/cmdline").read_text().split("\0"))
