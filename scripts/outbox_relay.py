"""Delivers the events of the outbox: prints each as a line of JSON, or POSTs it to a URL. An example of a consumer.

Every event is delivered at least once, and of one aggregate (an order, a customer) in sequence, however many relays
run: an event is acknowledged after it was delivered, so that one whose relay was killed in between comes again. Receivers
tell repetitions by event_id. A delivery that fails is tried again after a pause that doubles, ten times; then the event
is parked, and holds back its aggregate until somebody decides by api.release_outbox(); --parked lists those.

It runs until it gets SIGTERM or Ctrl-C, finishes the event in hand, and can be started again at any moment. Log in as a
member of shop_app or shop_backoffice.
"""

import argparse
import http.client
import json
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

import psycopg2
from ecommerce_dms import console
from ecommerce_dms.connection import connect
from ecommerce_dms.settings import add_connection_arguments, load_settings

EXAMPLES = """\
examples:
  python3 scripts/outbox_relay.py --once                       print what is due, and stop
  python3 scripts/outbox_relay.py | jq -r .event_type          follow the shop
  python3 scripts/outbox_relay.py --post-to https://example.com/events --batch 50
  python3 scripts/outbox_relay.py --parked                     list what waits for a decision, and stop
"""

LEASE_LOST = "SH701"
SECONDS_PER_DELIVERY = 10.0  # A receiver that has not answered by then counts as failing.
SECONDS_OF_LEASE = 60.0

# What delivers an event: returns nothing, or raises DeliveryFailed.
Deliver = Callable[["Event"], None]


class DeliveryFailed(Exception):  # noqa: N818 (reads as a sentence where it is caught)
    """The receiver did not take the event; the text says why, and is kept in outbox_events.last_error."""


@dataclass(frozen=True)
class Event:
    """An event as receivers see it."""

    event_id: str
    event_type: str
    aggregate_type: str
    aggregate_id: str
    sequence: int
    created_at: str
    attempt: int
    payload: dict[str, Any]

    def as_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


@dataclass(frozen=True)
class Claim:
    """An event with what acknowledging it takes."""

    event: Event
    lease_token: str


def main(argv: list[str] | None = None) -> int:
    """Relay until told to stop. Returns the exit code."""
    arguments = _parser().parse_args(argv)
    settings = load_settings(arguments)
    stop = _stop_on_signals()
    console.say(f"Server: {settings.describe()}")
    deliver = _poster(arguments.post_to) if arguments.post_to else _print
    try:
        with closing(connect(settings, application_name="outbox_relay", options={"timezone": "UTC"})) as connection:
            connection.autocommit = True
            if arguments.parked:
                return _print_parked(connection)
            _warn_of_parked(connection)
            relayed = relay(
                connection, deliver, stop, batch=arguments.batch, once=arguments.once, pause=arguments.pause
            )
    except psycopg2.OperationalError as error:
        raise console.UserError(
            f"the connection was lost ({error}); what was under way comes again, start anew"
        ) from None
    except psycopg2.errors.InsufficientPrivilege as error:
        raise console.UserError(f"{error}: log in as a member of shop_app") from None
    console.say(f"Delivered: {relayed:,}.")
    return 0


def relay(
    connection: Any,
    deliver: Deliver,
    stop: threading.Event,
    *,
    batch: int = 100,
    once: bool = False,
    pause: float = 1.0,
) -> int:
    """Claims, delivers and acknowledges until `stop` is set, or with `once` until nothing is due; returns how many."""
    delivered = 0
    while not stop.is_set():
        claims = claim(connection, batch)
        delivered += sum(_deliver_one(connection, deliver, each) for each in _in_time(claims, stop))
        if not claims and once:
            break
        if not claims:
            stop.wait(pause)
    return delivered


def claim(connection: Any, batch: int) -> list[Claim]:
    """Leases up to `batch` events, at most one of each aggregate, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT outbox_event_id::text, event_type, aggregate_type, aggregate_id, sequence,
                   to_json(created_at) #>> '{}', attempts, payload, lease_token::text
            FROM api.claim_outbox(%s, make_interval(secs => %s))
            ORDER BY created_at, outbox_event_id
            """,
            (batch, SECONDS_OF_LEASE),
        )
        return [Claim(Event(*row[:-1]), row[-1]) for row in cursor.fetchall()]


def _in_time(claims: list[Claim], stop: threading.Event) -> Iterator[Claim]:
    """Those whose lease lasts longer than their delivery can. The others are offered again once it is over, to anybody."""
    last_start = time.monotonic() + SECONDS_OF_LEASE - SECONDS_PER_DELIVERY
    for each in claims:
        if stop.is_set() or time.monotonic() > last_start:
            return
        yield each


def _deliver_one(connection: Any, deliver: Deliver, claimed: Claim) -> bool:
    try:
        deliver(claimed.event)
    except DeliveryFailed as failed:
        state = acknowledge(connection, claimed, error=str(failed))
        console.say(f"{claimed.event.event_id} {claimed.event.event_type}: {failed}; {state}")
        return False
    acknowledge(connection, claimed)
    return True


def acknowledge(connection: Any, claimed: Claim, error: str | None = None) -> str:
    """Tells the database how the delivery went; returns published, retry, parked, or what became of the lease."""
    event = claimed.event
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT api.ack_outbox(%s, %s, %s, %s)", (event.created_at, event.event_id, claimed.lease_token, error)
            )
            return cursor.fetchone()[0]
    except psycopg2.Error as refused:
        if refused.pgcode != LEASE_LOST:
            raise
        console.say(f"{event.event_id} {event.event_type}: the lease was over; it may be delivered again")
        return "lease lost"


# Parked -----------------------------------------------------------------------------------------------------------------


def parked(connection: Any, page: int = 1000) -> list[dict[str, Any]]:
    """The events that were given up, longest first, each with what went wrong and how many wait behind it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(event) FROM api.parked_events(%s) AS event", (page,))
        return [event for (event,) in cursor.fetchall()]


def _print_parked(connection: Any) -> int:
    """A line of JSON for each, and the way out."""
    events = parked(connection)
    for event in events:
        print(json.dumps(event, ensure_ascii=False))
    if events:
        console.say(
            "Deliver again, or give up: SET shop.actor = 'staff:…'; "
            "SELECT api.release_outbox('<outbox_event_id>', 'requeue' or 'skip', '<why>')"
        )
    return 0


def _warn_of_parked(connection: Any) -> None:
    events = parked(connection)
    if events:
        waiting = sum(event["held_back"] for event in events)
        console.say(f"Parked: {len(events):,}, with {waiting:,} more behind them; --parked lists them.")


# Deliveries -------------------------------------------------------------------------------------------------------------


def _print(event: Event) -> None:
    # Flushed before it is acknowledged: what stays in a buffer was not delivered.
    print(event.as_json(), flush=True)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would go on as a GET without the event, and be answered 200."""

    def redirect_request(self, *_arguments: Any) -> None:
        """Follows none: the answer counts as it came."""


def _poster(url: str) -> Deliver:
    opener = urllib.request.build_opener(_NoRedirects)

    def post(event: Event) -> None:
        request = urllib.request.Request(  # noqa: S310 (the scheme is checked by _url)
            url,
            data=event.as_json().encode(),
            headers={"Content-Type": "application/json", "Idempotency-Key": event.event_id},
            method="POST",
        )
        try:
            opener.open(request, timeout=SECONDS_PER_DELIVERY).close()
        except urllib.error.HTTPError as error:
            raise DeliveryFailed(f"HTTP {error.code}") from None
        except (OSError, http.client.HTTPException) as error:
            # No answer, none in time, or none of HTTP; URLError and timeouts are among them.
            raise DeliveryFailed(f"{getattr(error, 'reason', error)}") from None

    return post


# The program ------------------------------------------------------------------------------------------------------------


def _stop_on_signals() -> threading.Event:
    """Set by the first SIGTERM or Ctrl-C; a second one does what it always does."""
    stop = threading.Event()

    def ask_to_stop(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        console.say("stopping after the event in hand …")
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    return stop


def _batch(text: str) -> int:
    batch = int(text)
    if not 1 <= batch <= 1000:
        raise argparse.ArgumentTypeError(f"{batch:,} is not between 1 and 1,000")
    return batch


def _pause(text: str) -> float:
    pause = float(text)
    if not 0.01 <= pause <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not between 0.01 and 3600 seconds")
    return pause


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text} is no http or https URL")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--post-to", metavar="URL", type=_url, help="POST each event there; any answer of 2xx takes it")
    parser.add_argument("--parked", action="store_true", help="list the parked events, deliver nothing, and stop")
    parser.add_argument("--once", action="store_true", help="stop when nothing is due any more")
    parser.add_argument(
        "--batch",
        metavar="N",
        type=_batch,
        default=100,
        help="lease so many events at a time, 1 to 1000 (default: 100)",
    )
    parser.add_argument(
        "--pause",
        metavar="SECONDS",
        type=_pause,
        default=1.0,
        help="look again after that when nothing is due (default: 1)",
    )
    add_connection_arguments(parser)
    return parser


if __name__ == "__main__":
    raise SystemExit(console.run(main))
