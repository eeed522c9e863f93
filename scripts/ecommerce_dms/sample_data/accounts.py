"""Customers with their address books, credentials, tokens, log-ins and sessions.

A customer is a pure function of the seed and a number, so that nobody needs to be remembered: whoever comes again is
made again. By the number modulo twenty: 9, 8, 18 and 19 never buy (some of them closed their account or had it
erased), 0, 3, 6, 10 and 13 come again and again, and all others buy once, on the day after they registered.

All sample customers have the password that `DEMO_PASSWORD` says: a developer can log in as any of them. The data are
public and nobody's, and the loader refuses production. It is one key derivation for all, made once per run.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import random
from dataclasses import dataclass

from ecommerce_dms.sample_data import integration, markets, pools, sizes
from ecommerce_dms.sample_data.plan import Plan
from ecommerce_dms.sample_data.pools import Person, Pools
from ecommerce_dms.sample_data.randomness import Weighted, days_later, hours_later, minutes_later, uuid7
from ecommerce_dms.sample_data.season import Calendar, Clock
from ecommerce_dms.sample_data.tables import COLUMNS
from ecommerce_dms.sample_data.timeline import Batch, Ticket, Timeline

DEMO_PASSWORD = "sample-data-only"  # noqa: S105 (it is meant to be known)

_PERIOD = 20
_REPEATING = (0, 3, 6, 10, 13)
_NEVER_BUYING = (8, 9, 18, 19)
BUYING = 80  # Percent of the customers who buy at all.
_BUSINESS = 5  # Of twenty: a business with a tax number.
_EXEMPTING = ("US", "CA")
_LOCKED, _LOCKED_EVERY = 15, 500  # Attacked just now: five failures, locked out.
_AUDITED = (*COLUMNS["customers"][:-2], "erased_at", "email_normalized")
_USER_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0",
    "shop-app/4.2 (Android 16)",
)


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer as orders need them. The addresses are columns of tables.py; the first is where they live."""

    number: int
    key: str
    email: str
    who: Person
    created: dt.datetime
    status: str
    tax_number: str | None
    is_exempt: bool
    addresses: tuple[tuple, ...]


def password_hash(seed: int) -> str:
    """A PHC string of the demo password: scrypt with parameters that OWASP's cheat sheet lists (N = 2^14, r = 8, p = 5)."""
    salt = hashlib.sha256(f"salt/{seed}".encode()).digest()[:16]
    digest = hashlib.scrypt(DEMO_PASSWORD.encode(), salt=salt, n=2**14, r=8, p=5, dklen=32)
    plain = [base64.b64encode(part).decode().rstrip("=") for part in (salt, digest)]
    return f"$scrypt$ln=14,r=8,p=5${plain[0]}${plain[1]}"


class Accounts:
    """Registers customers day by day, and finds those who come again."""

    def __init__(self, plan: Plan, filled: Pools, clock: Clock, calendar: Calendar, timeline: Timeline) -> None:
        """`calendar` says how many register on each day."""
        self._plan, self._pools, self._clock, self._calendar = plan, filled, clock, calendar
        self._timeline = timeline
        self._markets = Weighted((market, market.share) for market in markets.MARKETS)
        self._hash = password_hash(plan.seed)

    # Who they are ---------------------------------------------------------------------------------------------------

    def customer(self, number: int) -> Customer:
        """The customer with that number, always the same."""
        rng = self._plan.stream("customer", number)
        created = self._clock.moment(self._calendar.day_of(number), rng)
        key = uuid7(rng, created)
        kind = number % _PERIOD
        is_business = kind == _BUSINESS
        market = self._markets.pick(rng)
        if is_business and number % (2 * _PERIOD) == _BUSINESS:
            # Only where prices exclude tax does the price tell what an exempt buyer pays.
            market = rng.choice([m for m in markets.MARKETS if m.country in _EXEMPTING])
        who = pools.person(self._pools, market, rng)
        is_exempt = is_business and market.country in _EXEMPTING
        tax_number = f"{market.country}00{number:07d}" if is_business else None
        company = f"{who.name.split()[-1]} {rng.choice(('Trading', 'Design', 'Studio'))}" if is_business else None
        status = _status(number)
        mail = f"{who.mailbox}.{self._plan.present.customers + number + 1}@example.{('com', 'org')[number % 2]}"
        if number % 50 == 1:
            mail = mail.title()  # Some write their address with capitals; the database compares it without.
        addresses = [pools.postal_address(self._pools, who, rng, company)]
        if rng.random() < 0.25:
            addresses.append(pools.postal_address(self._pools, who, rng, company))
        if status == "erased":
            who = Person("erased", "", market, who.place, None)
            mail, tax_number, addresses = f"erased-{key}@erased.invalid", None, []
        return Customer(number, key, mail, who, created, status, tax_number, is_exempt, tuple(addresses))

    def market(self, rng: random.Random) -> markets.Market:
        """A country, by its share of the buyers."""
        return self._markets.pick(rng)

    def repeating(self, day: int, rng: random.Random) -> Customer | None:
        """One of those who come again, registered before that day; the earlier they came, the more often they do."""
        registered = self._calendar.before(day)
        periods, rest = divmod(registered, _PERIOD)
        count = periods * len(_REPEATING) + sum(kind < rest for kind in _REPEATING)
        if not count:
            return None
        chosen = int(count * rng.random() ** sizes.LOYALTY_EXPONENT)
        return self.customer(chosen // len(_REPEATING) * _PERIOD + _REPEATING[chosen % len(_REPEATING)])

    def grown(self, day: int) -> float:
        """The part of all customers who registered before that day, from 0 to 1."""
        return self._calendar.before(day) / self._plan.sizes.customers

    def first_buyers(self, day: int) -> list[int]:
        """Numbers of the customers whose first order falls on that day: those who registered on the day before."""
        if day == 0:
            return []
        return [n for n in self._calendar.on(day - 1) if n % _PERIOD not in _NEVER_BUYING]

    # Registration ---------------------------------------------------------------------------------------------------

    def register(self, day: int, batch: Batch) -> None:
        """Writes the customers of a day, with everything that comes with an account."""
        for number in self._calendar.on(day):
            customer = self.customer(number)
            rng = self._plan.stream("registration", number)
            if customer.created <= self._plan.as_of:
                self._write(customer, rng, batch)

    def _write(self, customer: Customer, rng: random.Random, batch: Batch) -> None:
        as_of, created = self._plan.as_of, customer.created
        verified = minutes_later(rng, created, 1, 600) if rng.random() < 0.92 else None
        verified = verified if verified and verified <= as_of else None
        ended = min(days_later(rng, created, 20, 200), as_of) if customer.status != "active" else None
        updated = ended or verified or created
        consent = created if rng.random() < 0.4 and customer.status != "erased" else None
        batch["customers"].append(
            (
                customer.key,
                customer.email,
                customer.who.name,
                customer.who.phone,
                customer.tax_number,
                customer.is_exempt,
                customer.status,
                verified,
                consent,
                created,
                updated,
                ended if customer.status == "erased" else None,
            )
        )
        self._audit(customer, verified, ended)
        self._write_addresses(customer, rng, batch)
        self._write_tokens(customer, verified, rng, batch)
        if customer.status != "erased":
            self._write_credential(customer, rng, batch)

    def _audit(self, customer: Customer, verified: dt.datetime | None, ended: dt.datetime | None) -> None:
        def enter(columns, moment, actor, action):
            integration.audit_names(self._timeline, "customers", columns, moment, actor, action, customer.key)

        themself = f"customer:{customer.key}"
        enter(_AUDITED, customer.created, themself, "insert")
        if verified:
            enter(("email_verified_at",), verified, themself, "update")
        if customer.status == "closed":
            enter(("status",), ended, themself, "update")
        if customer.status == "erased":
            erased = ("email", "email_normalized", "full_name", "phone", "status", "erased_at")
            enter(erased, ended, "staff:privacy", "update")

    def _write_addresses(self, customer: Customer, rng: random.Random, batch: Batch) -> None:
        for position, address in enumerate(customer.addresses):
            added = customer.created if position == 0 else days_later(rng, customer.created, 1, 90)
            if added <= self._plan.as_of:
                is_first = position == 0
                # The second one of some is an old one, removed from the book.
                removed = days_later(rng, added, 1, 60) if not is_first and rng.random() < 0.3 else None
                removed = removed if removed and removed <= self._plan.as_of else None
                row = (uuid7(rng, added), customer.key, *address, is_first, is_first, added, removed)
                batch["addresses"].append(row)

    def _write_tokens(self, customer: Customer, verified: dt.datetime | None, rng: random.Random, batch: Batch) -> None:
        def write(purpose: str, created: dt.datetime, lifetime: dt.timedelta, used: dt.datetime | None) -> None:
            row = (uuid7(rng, created), customer.key, purpose, rng.randbytes(32), created, created + lifetime, used)
            batch["account_tokens"].append(row)

        write("email_verification", customer.created, dt.timedelta(days=7), verified)
        if customer.number % 16 == 4:
            asked = days_later(rng, customer.created, 0.1, 20)
            if asked <= self._plan.as_of:
                used = minutes_later(rng, asked, 1, 55) if customer.number % 32 == 4 else None
                used = used if used and used <= self._plan.as_of else None
                write("password_reset", asked, dt.timedelta(hours=1), used)

    def _write_credential(self, customer: Customer, rng: random.Random, batch: Batch) -> None:
        as_of = self._plan.as_of
        failures, locked = 0, None
        if customer.number % _LOCKED_EVERY == _LOCKED:
            failures, locked = 5, as_of + dt.timedelta(minutes=15)
            for minute in range(failures, 0, -1):
                moment = as_of - dt.timedelta(minutes=minute)
                if moment >= customer.created:
                    self._attempt(_digest(customer.email), customer.key, False, moment, rng)
        batch["customer_credentials"].append((customer.key, self._hash, failures, locked, customer.created))

    # Log-ins --------------------------------------------------------------------------------------------------------

    def log_in(self, customer: Customer, before: dt.datetime, rng: random.Random, batch: Batch) -> None:
        """A log-in some minutes before a moment, as far as retention has kept it."""
        moment = max(minutes_later(rng, before, -45, -3), customer.created)
        if moment < self._plan.as_of - sizes.LOGIN_RETENTION:
            return
        digest = _digest(customer.email)
        if rng.random() < 0.1:
            self._attempt(digest, customer.key, False, moment - dt.timedelta(seconds=20), rng)
        address = self._attempt(digest, customer.key, True, moment, rng)
        seen = min(hours_later(rng, moment, 0.1, 48), self._plan.as_of)
        revoked = seen if rng.random() < 0.25 else None
        batch["login_sessions"].append(
            (
                uuid7(rng, moment),
                customer.key,
                rng.randbytes(32),
                address,
                rng.choice(_USER_AGENTS),
                moment,
                seen,
                moment + dt.timedelta(days=30),
                revoked,
            )
        )

    def strangers(self, day: int) -> None:
        """Attempts with addresses that nobody has: what every login form on the internet sees."""
        if self._clock.day(day) < self._plan.as_of - sizes.LOGIN_RETENTION:
            return
        rng = self._plan.stream("strangers", day)
        for _ in range(rng.randint(1, 3)):
            self._attempt(rng.randbytes(32), None, False, self._clock.moment(day, rng), rng)

    def _attempt(
        self, digest: bytes, customer: str | None, succeeded: bool, moment: dt.datetime, rng: random.Random
    ) -> str:
        """Writes an attempt; returns where it came from, always an address that is kept for documentation."""
        block = rng.choice(("192.0.2.{}", "198.51.100.{}", "203.0.113.{}", "2001:db8::{:x}"))
        address = block.format(rng.randint(1, 254))
        ticket = Ticket("login_attempts")
        row = (ticket, digest, customer, succeeded, address, moment)
        self._timeline.at(moment, (ticket,), [("login_attempts", row)])
        return address


def _status(number: int) -> str:
    return {9: "closed", 19: "erased"}.get(number % 100, "active")


def _digest(email: str) -> bytes:
    return hashlib.sha256(email.lower().encode()).digest()
