"""Starts emulator.py as a process of its own, for as long as somebody needs it."""

from __future__ import annotations

import importlib.util
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2]


@contextmanager
def emulated_aws(**environment: str) -> Iterator[str]:
    """A moto server with these settings of emulator.py."""
    if importlib.util.find_spec("moto") is None:
        pytest.skip("needs moto, an emulated AWS: pip install -r scripts/requirements-dev.txt")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.aws.emulator"],
        cwd=SCRIPTS,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        ready, _, _ = select.select([process.stdout], [], [], 60)
        port = process.stdout.readline().strip() if ready else ""
        assert port, "the emulated AWS did not start within 60 seconds"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)  # It ends at once; a busy machine may take its time to let it.
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
