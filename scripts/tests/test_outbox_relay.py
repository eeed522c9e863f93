"""The relay against real servers: every event arrives, in sequence per aggregate, whatever is killed meanwhile."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ecommerce_dms import migrations
from ecommerce_dms.connection import connect
from ecommerce_dms.roles import OWNER
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings
from tests.conftest import until

RELAY = Path(__file__).resolve().parents[1] / "outbox_relay.py"
PASSWORD = "only-for-tests"


class Receiver:
    """A local HTTP server that remembers what it was sent. `answer(event)` gives the status; 200 without one."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.answer: Callable[[dict[str, Any]], int] = lambda event: 200
        receiver, lock = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    receiver.events.append(event)
                    receiver.keys.append(self.headers["Idempotency-Key"])
                self.send_response(receiver.answer(event))
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/events"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


@pytest.fixture(scope="module")
def template(master: Settings) -> Iterator[Settings]:
    with scratch_database(master) as settings:
        migrations.upgrade(settings, environment="test")
        yield settings


@pytest.fixture(scope="module")
def login(master: Settings, template: Settings) -> Iterator[str]:
    """A user who may do what an application may, and nothing else."""
    execute(master, f"CREATE ROLE relay_tester LOGIN PASSWORD '{PASSWORD}' IN ROLE shop_app", role=None)
    yield "relay_tester"
    execute(master, "DROP ROLE relay_tester", role=None)


@pytest.fixture
def database(master: Settings, template: Settings) -> Iterator[Settings]:
    with scratch_database(master, template=template) as settings:
        yield settings


@pytest.fixture
def start(database: Settings, login: str) -> Iterator[Callable[..., subprocess.Popen]]:
    """start(*arguments): the program, as the application's user; killed with the test if it still runs."""
    started: list[subprocess.Popen] = []
    user = replace(database, user=login, password=PASSWORD)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("DB_", "DATABASE_URL", "PG"))}
    environment |= {"DATABASE_URL": f"postgresql://{user.user}:{PASSWORD}@{user.address()}", "DB_SSLMODE": user.sslmode}

    def begin(*arguments: str) -> subprocess.Popen:
        command = [sys.executable, str(RELAY), *arguments]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def execute(settings: Settings, statement: str, role: str | None = OWNER) -> list[tuple]:
    with closing(connect(settings, role=role)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


def happen(settings: Settings, orders: int, events: int) -> None:
    """`events` events of each of `orders` orders."""
    for number in range(events):
        execute(
            settings,
            f"""
            INSERT INTO shop.outbox_events (aggregate_type, aggregate_id, event_type, payload)
            SELECT 'order', format('o%s', o), 'order.tested', jsonb_build_object('number', {number}, 'words', 'naïve → 日本')
            FROM generate_series(1, {orders}) AS o
            """,
        )


def unpublished(settings: Settings) -> int:
    return execute(settings, "SELECT count(*) FROM shop.outbox_events WHERE published_at IS NULL")[0][0]


def end_leases(settings: Settings) -> None:
    """As if the time of every lease and pause were over."""
    execute(settings, "UPDATE shop.outbox_events SET leased_until = now() WHERE leased_until > now()")


def first_seen(events: list[dict[str, Any]]) -> dict[str, list[int]]:
    """By aggregate, the sequences in the order in which they first arrived."""
    found: dict[str, list[int]] = {}
    for event in events:
        sequences = found.setdefault(event["aggregate_id"], [])
        if event["sequence"] not in sequences:
            sequences.append(event["sequence"])
    return found


def test_it_prints_every_event_once_in_sequence_and_ends(database: Settings, start: Callable) -> None:
    happen(database, orders=4, events=3)
    out, said = start("--once", "--batch", "3").communicate(timeout=60)
    events = [json.loads(line) for line in out.splitlines()]
    assert len(events) == 12
    assert first_seen(events) == {f"o{number}": [1, 2, 3] for number in range(1, 5)}
    assert events[0] | {"event_id": "", "created_at": ""} == {
        "event_id": "",
        "event_type": "order.tested",
        "aggregate_type": "order",
        "aggregate_id": events[0]["aggregate_id"],
        "sequence": 1,
        "created_at": "",
        "attempt": 1,
        "payload": {"number": 0, "words": "naïve → 日本"},
    }
    assert said.splitlines()[-1] == "Delivered: 12."
    assert unpublished(database) == 0


def test_it_posts_with_the_key_by_which_repetitions_are_told(
    database: Settings, start: Callable, receiver: Receiver
) -> None:
    happen(database, orders=3, events=2)
    assert start("--once", "--post-to", receiver.url).wait(60) == 0
    assert len(receiver.events) == 6
    assert receiver.keys == [event["event_id"] for event in receiver.events]
    assert unpublished(database) == 0


def test_what_is_refused_comes_again_and_holds_back_its_aggregate_alone(
    database: Settings, start: Callable, receiver: Receiver
) -> None:
    happen(database, orders=2, events=2)
    receiver.answer = lambda event: 503 if event["aggregate_id"] == "o1" else 200
    process = start("--once", "--post-to", receiver.url)
    _, said = process.communicate(timeout=60)
    assert "HTTP 503; retry" in said
    assert first_seen(receiver.events) == {"o1": [1], "o2": [1, 2]}
    assert execute(database, "SELECT last_error, attempts FROM shop.outbox_events WHERE last_error IS NOT NULL") == [
        ("HTTP 503", 1)
    ]
    receiver.answer = lambda event: 200
    end_leases(database)
    start("--once", "--post-to", receiver.url).wait(60)
    assert first_seen(receiver.events) == {"o1": [1, 2], "o2": [1, 2]}
    assert unpublished(database) == 0


def test_an_event_that_is_given_up_is_shown_until_somebody_decides(
    database: Settings, start: Callable, receiver: Receiver
) -> None:
    happen(database, orders=1, events=2)
    execute(database, "UPDATE shop.outbox_events SET attempts = 9 WHERE sequence = 1")
    receiver.answer = lambda event: 400
    _, said = start("--once", "--post-to", receiver.url).communicate(timeout=60)
    assert "HTTP 400; parked" in said

    printed, said = start("--parked").communicate(timeout=60)
    (event,) = map(json.loads, printed.splitlines())
    assert (event["aggregate_id"], event["sequence"], event["last_error"], event["held_back"]) == (
        "o1",
        1,
        "HTTP 400",
        1,
    )
    assert "api.release_outbox" in said
    receiver.answer = lambda event: 200
    _, said = start("--once", "--post-to", receiver.url).communicate(timeout=60)
    assert "Parked: 1, with 1 more behind them" in said
    assert unpublished(database) == 2

    execute(
        database,
        f"SET shop.actor = 'staff:7'; SELECT api.release_outbox('{event['outbox_event_id']}', 'requeue', 'Mended')",
    )
    printed, _ = start("--parked").communicate(timeout=60)
    assert printed == ""
    start("--once", "--post-to", receiver.url).wait(60)
    assert unpublished(database) == 0


def test_a_receiver_that_is_not_there_loses_nothing(database: Settings, start: Callable) -> None:
    happen(database, orders=1, events=1)
    # Bound and not listening: nobody else gets the port, and nobody answers on it.
    with closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))
        process = start("--once", "--post-to", f"http://127.0.0.1:{nobody.getsockname()[1]}/")
        process.wait(60)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "refused; retry" in said
    assert unpublished(database) == 1


@pytest.mark.parametrize("status", [302, 303, 307, 400, 500])
def test_only_an_answer_of_2xx_takes_an_event(
    database: Settings, start: Callable, receiver: Receiver, status: int
) -> None:
    happen(database, orders=1, events=1)
    receiver.answer = lambda event: status
    start("--once", "--post-to", receiver.url).wait(60)
    assert execute(database, "SELECT last_error FROM shop.outbox_events") == [(f"HTTP {status}",)]
    assert unpublished(database) == 1


def test_an_event_whose_relay_is_killed_is_delivered_again(
    database: Settings, start: Callable, receiver: Receiver
) -> None:
    happen(database, orders=3, events=2)
    hold = threading.Event()

    def answer(_event: dict[str, Any]) -> int:
        hold.wait(60)
        return 200

    receiver.answer = answer
    process = start("--post-to", receiver.url)
    until(lambda: receiver.events, "the first delivery")
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    hold.set()
    assert unpublished(database) == 6
    (interrupted,) = receiver.events
    end_leases(database)
    assert start("--once", "--post-to", receiver.url).wait(60) == 0
    assert [event["event_id"] for event in receiver.events].count(interrupted["event_id"]) == 2
    assert first_seen(receiver.events) == {f"o{number}": [1, 2] for number in range(1, 4)}
    assert unpublished(database) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_finishes_the_event_in_hand(
    database: Settings, start: Callable, receiver: Receiver, number: signal.Signals
) -> None:
    happen(database, orders=5, events=1)
    hold = threading.Event()

    def answer(_event: dict[str, Any]) -> int:
        hold.wait(60)
        return 200

    receiver.answer = answer
    process = start("--post-to", receiver.url)
    until(lambda: receiver.events, "the first delivery")
    process.send_signal(number)
    # It says so once it has taken the signal, and not before.
    assert "stopping after the event in hand …\n" in iter(process.stderr.readline, "")
    assert process.poll() is None
    hold.set()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert said.splitlines()[-1] == "Delivered: 1."
    assert len(receiver.events) == 1
    assert unpublished(database) == 4


def test_asked_to_stop_while_nothing_is_due_it_stops_at_once(start: Callable) -> None:
    process = start("--pause", "3600")
    assert process.stderr.readline().startswith("Server: ")  # From here on it listens to signals.
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def test_two_relays_share_the_work_and_keep_the_order_of_each_aggregate(
    database: Settings, start: Callable, receiver: Receiver
) -> None:
    happen(database, orders=20, events=5)
    relays = [start("--post-to", receiver.url, "--batch", "4", "--pause", "0.01") for _ in range(2)]
    until(lambda: unpublished(database) == 0, "all to be delivered")
    for process in relays:
        process.send_signal(signal.SIGTERM)
    shares = [
        int(process.communicate(timeout=60)[1].rpartition("Delivered: ")[2].strip().rstrip(".")) for process in relays
    ]
    assert sum(shares) == 100
    assert min(shares) > 0
    assert len(receiver.events) == 100
    assert first_seen(receiver.events) == {f"o{number}": [1, 2, 3, 4, 5] for number in range(1, 21)}


def test_a_relay_killed_again_and_again_delivers_all_in_order(
    database: Settings, start: Callable, receiver: Receiver
) -> None:
    happen(database, orders=5, events=6)
    rounds = 0
    while unpublished(database):
        rounds += 1
        assert rounds < 60
        process = start("--post-to", receiver.url, "--batch", "3", "--pause", "0.01")
        seen = len(receiver.events)
        until(lambda seen=seen: len(receiver.events) >= seen + 4 or not unpublished(database), "some deliveries")
        process.kill()
        process.wait(60)
        end_leases(database)
    assert rounds > 3
    assert first_seen(receiver.events) == {f"o{number}": [1, 2, 3, 4, 5, 6] for number in range(1, 6)}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--batch", "0"), "not between 1 and 1,000"),
        (("--post-to", "ftp://example.com"), "no http or https URL"),
        (("--pause", "0"), "not between 0.01 and 3600"),
    ],
)
def test_wrong_options_are_refused_before_any_work(start: Callable, arguments: tuple, sentence: str) -> None:
    process = start(*arguments)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert sentence in said


def test_who_may_not_is_told_in_one_line(database: Settings, login: str, master: Settings, start: Callable) -> None:
    execute(master, f"REVOKE shop_app FROM {login}", role=None)
    try:
        process = start("--once")
        _, said = process.communicate(timeout=60)
    finally:
        execute(master, f"GRANT shop_app TO {login}", role=None)
    assert process.returncode == 1
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith("error: ")
