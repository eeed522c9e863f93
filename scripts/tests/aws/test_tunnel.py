"""scripts/tunnel.py with a stand-in for AWS's plugin, which forwards the port to a local PostgreSQL."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import as_environment

from .conftest import SCRIPTS

# Called as the AWS CLI calls the plugin. The database's name is nowhere: it forwards to FORWARD_TO instead.
STAND_IN = """\
import json, os, socket, sys, threading
if sys.argv[1:] == ["--version"]:
    sys.exit(print(os.environ.get("PLUGIN_VERSION", "1.2.764.0")))
variable, region, operation, profile, request, endpoint = sys.argv[1:]
session, request = json.loads(os.environ[variable]), json.loads(request)
with open(os.environ["PLUGIN_LOG"], "w") as log:
    json.dump({"argv": sys.argv, "session": session, "request": request}, log)
if session["TokenValue"] != "a-session-token" or operation != "StartSession":
    sys.exit("no session")
if "PLUGIN_FAILS" in os.environ:
    sys.exit("SessionManagerPlugin cannot reach the endpoint")
host, port = os.environ["FORWARD_TO"].split(":")
def carry(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    sink.close()
with socket.create_server(("127.0.0.1", int(request["Parameters"]["localPortNumber"][0]))) as listener:
    while True:
        here, there = listener.accept()[0], socket.create_connection((host, int(port)))
        for pair in ((here, there), (there, here)):
            threading.Thread(target=carry, args=pair, daemon=True).start()
"""

ASK = (
    "from ecommerce_dms.connection import connect; from ecommerce_dms.settings import load_settings; "
    "s = load_settings(); c = connect(s).cursor(); "
    "c.execute('SELECT inet_server_port(), current_user'); print(s.host, s.hostaddr, s.port, *c.fetchone())"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def laptop(aws_endpoint: str, embedded_server, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A machine with the plugin, and the settings of a private database."""
    plugin = tmp_path / "bin" / "session-manager-plugin"
    plugin.parent.mkdir()
    plugin.write_text(f"#!{sys.executable}\n{STAND_IN}")
    plugin.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DB_", "PG"))}
    there = as_environment(embedded_server.connection_parameters())
    yield {
        **kept,
        **there,
        "PATH": f"{plugin.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(SCRIPTS),
        "AWS_ENDPOINT_URL": aws_endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "eu-west-1",
        "DB_HOST": "shop.abcdefghijkl.eu-west-1.rds.amazonaws.com",
        "DB_PORT": "5432",
        "DB_SSLMODE": "disable",  # the embedded server has no TLS
        "TUNNEL_INSTANCE_ID": "i-0123456789abcdef0",
        "FORWARD_TO": f"127.0.0.1:{there['DB_PORT']}",
        "PLUGIN_LOG": str(tmp_path / "plugin.json"),
    }


def tunnel(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPTS / "tunnel.py", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_command_in_the_tunnel_reaches_the_database_under_its_real_name(laptop):
    port = free_port()
    done = tunnel(laptop, "--local-port", str(port), "--", sys.executable, "-c", ASK)
    assert done.returncode == 0, done.stderr
    behind = laptop["FORWARD_TO"].split(":")[1]
    assert done.stdout.split() == [laptop["DB_HOST"], "127.0.0.1", str(port), behind, laptop["DB_USER"]]
    # The tunnel has ended with its command.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_the_session_asks_for_the_database_and_its_token_is_in_no_argument(laptop):
    port = free_port()
    assert tunnel(laptop, "--local-port", str(port), "--", "true").returncode == 0
    log = json.loads(Path(laptop["PLUGIN_LOG"]).read_text())
    assert log["request"] == {
        "Target": laptop["TUNNEL_INSTANCE_ID"],
        "DocumentName": "AWS-StartPortForwardingSessionToRemoteHost",
        "Parameters": {"host": [laptop["DB_HOST"]], "portNumber": ["5432"], "localPortNumber": [str(port)]},
    }
    assert log["session"]["TokenValue"] not in " ".join(log["argv"])


def test_the_exit_code_is_the_commands(laptop):
    assert tunnel(laptop, "--local-port", str(free_port()), "--", "sh", "-c", "exit 7").returncode == 7


def test_without_a_command_it_prints_the_settings_and_stands_until_ctrl_c(laptop):
    port = free_port()
    with subprocess.Popen(
        [sys.executable, SCRIPTS / "tunnel.py", "--local-port", str(port)],
        env=laptop,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that a shell runs in the background ignore it, and what they start would, too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            said = [process.stdout.readline().strip() for _ in range(3)]
            assert said == [f"DB_HOST={laptop['DB_HOST']}", "DB_HOSTADDR=127.0.0.1", f"DB_PORT={port}"]
            socket.create_connection(("127.0.0.1", port)).close()
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
            assert "Traceback" not in process.stderr.read()
        finally:
            process.terminate()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_verify_full_stays_the_default_in_the_tunnel(laptop):
    laptop.pop("DB_SSLMODE")
    show = "from ecommerce_dms.settings import load_settings; print(load_settings().sslmode)"
    done = tunnel(laptop, "--local-port", str(free_port()), "--", sys.executable, "-c", show)
    assert done.stdout == "verify-full\n", done.stderr


@pytest.mark.parametrize(
    ("changed", "says", "code"),
    [
        ({"PATH": "/nowhere"}, "session-manager-plugin is not installed: https://docs.aws.amazon.com/", 1),
        ({"PLUGIN_VERSION": "1.2.463.0"}, "1.2.497.0 or newer is needed", 1),
        ({"PLUGIN_FAILS": "1"}, "cannot reach the endpoint", 1),
        ({"TUNNEL_INSTANCE_ID": ""}, "terraform output tunnel_instance_id", 2),
        ({"TUNNEL_INSTANCE_ID": "i-0000000000000dead"}, "is not connected to Session Manager", 1),
        ({"DB_HOSTADDR": "127.0.0.1"}, "take DB_HOSTADDR out", 2),
        ({"AWS_REGION": ""}, "AWS_REGION is not set", 2),
    ],
)
def test_what_is_missing_is_said_with_the_way_out(laptop, changed, says, code):
    refused = tunnel(laptop | changed, "--local-port", str(free_port()), "--", "true")
    assert (refused.returncode, says in refused.stderr) == (code, True), refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_port_that_somebody_else_listens_on_is_not_used(laptop):
    with socket.create_server(("127.0.0.1", 0)) as other:
        refused = tunnel(laptop, "--local-port", str(other.getsockname()[1]), "--", "true")
    assert refused.returncode == 1
    assert "stop what listens there" in refused.stderr
