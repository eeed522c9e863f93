"""The user's path on AWS for the tests: a clean clone, an emulated AWS of its own, and a real PostgreSQL as its instance.

What takes minutes of waiting, the start and the destroy, goes on in the background; conftest.py puts other tests there.
"""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ecommerce_dms.embedded import EmbeddedServer

from .clone import Clone
from .emulated_aws import emulated_aws
from .stack import Stack, client
from .terraform_cli import Finished

ACCOUNT = "123456789012"  # moto's
ADDRESS = "8.8.4.4"
PASSWORD = "correct-horse-battery-staple-7"
MASTER = "walk_master"
START = ("bash", "scripts/update_env_ci_and_start_tf.sh", "--var-file", "walk.tfvars")
DESTROY = ("bash", "scripts/terraform_safe_destroyer.sh", "--var-file", "walk.tfvars")

VAR_FILE = """
project     = "walk"
environment = "test"
access      = "leased_public"
network     = {{ availability_zones = ["a", "b"] }}
database    = {{ name = "walk_shop", username = "{master}", port = {port} }}
storage     = {{ allocated_gib = 20, max_gib = 100 }}
backup      = {{ retention_days = 1 }}
maintenance = {{ apply_immediately = true }}
protection  = {{ deletion_protection = true, final_snapshot = true, delete_automated_backups = true, secret_recovery_days = 0 }}
encryption  = {{ deletion_window_days = 7 }}
logs        = {{ retention_days = 30 }}
iam_logins  = ["shop_api"]
"""

MINE = f"""\
# My own notes stay.
DB_PASSWORD={PASSWORD}
OTHER_TOOL_SETTING=kept
"""

# What the run after an interruption says of the phase that was done already.
DONE_ALREADY = {
    "protection off": "it is off already",
    "snapshot": "was taken by an interrupted run",
    "keep the key": "it was kept already",
    "destroy": "There is nothing to destroy.",
}


class Walk:
    """The clone, the server behind the endpoint, and everything that was printed."""

    def __init__(self, clone: Clone, server: EmbeddedServer, folder: Path, pool: ThreadPoolExecutor) -> None:
        self.clone = clone
        self.server = server
        self.port = int(server.connection_parameters()["port"])
        self.fail_next_modify = folder / "fail_next_modify"
        self.var_file = clone.terraform / "walk.tfvars"
        self.var_file.write_text(VAR_FILE.format(master=MASTER, port=self.port))
        self.printed: list[str] = []
        self._pool = pool
        self._starting: Future[Finished] | None = None
        self._destroying: Future[list[Finished]] | None = None

    def type(self, *command: str, **options: Any) -> Finished:
        return self._keep(self.clone.type(*command, **options))

    def answer(self, line: str, *command: str) -> Finished:
        return self._keep(self.clone.answer(line, *command))

    def _keep(self, finished: Finished) -> Finished:
        self.printed.append(finished.output)
        return finished

    # --- In the background --------------------------------------------------------------------------------------------

    def starting(self) -> Future[Finished]:
        """The start, begun if it was not."""
        self._starting = self._starting or self._pool.submit(self.answer, "yes", *START)
        return self._starting

    def destroying(self, phases: tuple[str, ...]) -> Future[list[Finished]]:
        """The destroy, interrupted behind each of these phases and then taken to its end; begun if it was not."""
        self._destroying = self._destroying or self._pool.submit(self._destroy, phases)
        return self._destroying

    def _destroy(self, phases: tuple[str, ...]) -> list[Finished]:
        confirmed = (*DESTROY[2:], "--snapshot", "--confirm", f"walk-test/{ACCOUNT}")
        runs = []
        for phase in phases:
            command = ("python", "-m", "tests.aws.interrupted_destroy", phase, *confirmed)
            runs.append(self.type(*command, folder="scripts", PYTHONPATH=str(self.clone.folder / "scripts")))
            if runs[-1].code != 130:
                return runs
        return [*runs, self.answer(f"walk-test/{ACCOUNT}", *DESTROY, "--snapshot")]

    # --- What there is ------------------------------------------------------------------------------------------------

    def settings(self) -> dict[str, str]:
        lines = [line for line in self.clone.env_file.read_text().splitlines() if line and not line.startswith("#")]
        return dict(line.split("=", 1) for line in lines)

    def client(self, service: str):
        return client(service, self.clone.environment["AWS_ENDPOINT_URL"])

    def instance(self) -> dict[str, Any] | None:
        found = self.client("rds").describe_db_instances()["DBInstances"]
        return found[0] if found else None

    def instances(self) -> list[str]:
        return [each["DBInstanceIdentifier"] for each in self.client("rds").describe_db_instances()["DBInstances"]]

    def wait_for(self, future: Future[Any], condition: Callable[[], bool]) -> None:
        """Until the world is so, while this goes on in the background."""
        while not condition():
            assert not future.done(), future.result()
            threading.Event().wait(0.2)

    def stack(self) -> Stack:
        """Its Terraform, to look at."""
        return Stack(
            self.clone.terraform, self.clone.environment["AWS_ENDPOINT_URL"], None, "-var-file=walk.tfvars",
            username=MASTER, password=PASSWORD, finished=self.starting().result(),
        )  # fmt: skip


@contextmanager
def public_address() -> Iterator[str]:
    """Two places on this machine that say which address it has on the internet."""

    class Place(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(ADDRESS.encode())

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Place) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield " ".join(f"http://127.0.0.1:{server.server_port}/{name}" for name in ("first", "second"))
        server.shutdown()


@contextmanager
def beginning(
    folder: Path, server: EmbeddedServer, initialised: Path, *, haste: bool, **environment: str
) -> Iterator[Walk]:
    """The walk before its first step. What still goes on at the end is ended in an orderly way."""
    superuser = folder / "superuser.json"
    superuser.touch(0o600)
    superuser.write_text(json.dumps(server.superuser_parameters()))
    asked = {"EMULATOR_POSTGRES": str(superuser)} | ({"EMULATOR_HASTE": "1"} if haste else {})
    with emulated_aws(**asked) as endpoint, ThreadPoolExecutor(1) as pool:
        clone = Clone(folder / "clone", endpoint, initialised)
        clone.environment |= environment
        clone.env_file.write_text(MINE)
        try:
            yield Walk(clone, server, folder, pool)
        finally:
            clone.stop()
