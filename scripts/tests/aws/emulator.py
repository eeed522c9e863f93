"""An emulated AWS on loopback: moto's server, with the gaps closed that Terraform's provider falls into.

Runs as a process of its own (`python -m tests.aws.emulator`), because moto reads its settings when it is imported. Prints its
port on the first line and serves until it is told to stop.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from pathlib import Path

os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"  # else attaching AmazonRDSEnhancedMonitoringRole fails

from moto.server import ThreadedMotoServer

from . import (
    emulator_gaps,  # noqa: F401 - importing it closes the gaps
    emulator_haste,
    emulator_postgres,
)


def main() -> None:
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())

    if os.environ.get("EMULATOR_POSTGRES"):
        emulator_postgres.stand_behind_rds(emulator_postgres.Postgres(Path(os.environ["EMULATOR_POSTGRES"])))
    if os.environ.get("EMULATOR_HASTE"):
        emulator_haste.hurry()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # else it writes a line for every call
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    print(server.get_host_and_port()[1], flush=True)
    stopped.wait()
    os._exit(0)  # nothing here is worth waiting for connections that clients keep open


if __name__ == "__main__":
    main()
