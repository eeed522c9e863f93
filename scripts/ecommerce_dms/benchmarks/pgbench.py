"""Runs pgbench, the load generator that comes with PostgreSQL, and reads what it measured.

Scripts are the .sql files beside this one. pgbench has no loops and no arrays, so what depends on the number of lines is
written out here: `:variants` becomes an array of as many distinct articles, and what stands between `-- for each line` and
`-- end` is repeated for each `:variant` and its `:number`. `constrained` is `bare.sql` in the schema with the constraints.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ecommerce_dms import client_programs, console
from ecommerce_dms.benchmarks.shop import ARTICLES, HERE, BenchmarkShop
from ecommerce_dms.connection import connection_parameters

_LOOP = re.compile(r"-- for each line\n(.*?)-- end\n", re.DOTALL)


@dataclass(frozen=True)
class Measured:
    """One run."""

    per_second: float
    latencies_ms: tuple[float, ...]  # Of each transaction, ascending.

    def percentile(self, share: float) -> float:
        """The latency in ms that this share of the transactions did not exceed."""
        return self.latencies_ms[min(len(self.latencies_ms) - 1, int(len(self.latencies_ms) * share))]


def order_script(name: str, lines: int, warehouse: int, total_minor: int, articles: str) -> str:
    """The script of that name for an order of so many lines.

    `articles` is pgbench's expression for the article of a line, with {line} for its number from 0.
    """
    text = (HERE / f"{'bare' if name == 'constrained' else name}.sql").read_text(encoding="utf-8")
    if name == "constrained":
        text = text.replace(" bare.", " client_side.")
    text = _LOOP.sub(
        lambda found: "".join(
            found[1].replace(":variant ", f":v{i} ").replace(":number ", f"{i + 1} ") for i in range(lines)
        ),
        text,
    )
    array = "ARRAY[" + ", ".join(f":v{i}" for i in range(lines)) + "]::bigint[]"
    for word, value in (
        (":variants", array),
        (":lines", str(lines)),
        (":total", str(total_minor)),
        (":warehouse", str(warehouse)),
    ):
        text = re.sub(rf"{word}\b", value, text)
    return "".join(f"\\set v{i} {articles.format(line=i)}\n" for i in range(lines)) + text


def spread_articles(first: int, lines: int) -> str:
    """Articles of a cart: any of the benchmark's, each line from a share of its own, so that no two are the same."""
    return f"{first} + {{line}} + {lines} * random(0, {ARTICLES // lines - 1})"


def run(shop: BenchmarkShop, scripts: Sequence[str], clients: int, seconds: float) -> Measured:
    """Lets so many clients repeat the scripts, chosen at random, for so long, each in its own connection as the application.

    Raises UserError when a client was refused or lost: what is measured must be what was asked for.
    """
    parameters = connection_parameters(shop.application)
    with tempfile.TemporaryDirectory(prefix="ecommerce-dms-pgbench-") as folder:
        files = [Path(folder) / f"{number}.sql" for number in range(len(scripts))]
        for file, script in zip(files, scripts, strict=True):
            file.write_text(script, encoding="utf-8")
        arguments = [client_programs.find("pgbench"), "--no-vacuum", "--protocol=prepared", "--log"]
        arguments += [f"--log-prefix={folder}/log", f"--client={clients}", f"--jobs={min(clients, 2)}"]
        arguments += [f"--time={max(1, round(seconds))}", *(f"--file={file}" for file in files)]
        done = subprocess.run(
            arguments,
            env={
                "PATH": os.defpath,
                "PGHOST": parameters["host"],
                "PGPORT": parameters["port"],
                "PGUSER": parameters["user"],
                "PGPASSWORD": parameters["password"],
                "PGDATABASE": parameters["dbname"],
                "PGSSLMODE": "disable",
                "PGGSSENCMODE": "disable",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        latencies = sorted(
            int(line.split()[2]) / 1000 for log in Path(folder).glob("log*") for line in log.read_text().splitlines()
        )
    rate = re.search(r"tps = ([0-9.]+) \(without initial", done.stdout)
    if done.returncode or not rate or not latencies:
        said = next(
            (line for line in done.stderr.splitlines() if "ERROR" in line or "error" in line), done.stderr[-300:]
        )
        raise console.UserError(f"pgbench with {clients} clients failed: {said}")
    return Measured(float(rate[1]), tuple(latencies))
