"""The IPv4 address that this machine has on the internet, as several independent places see it.

They must agree, because one wrong answer would open the database to a stranger. What they are asked carries nothing, and
goes out directly: what a web proxy's address is says nothing about where PostgreSQL's connections come from.
"""

from __future__ import annotations

import http.client
import ipaddress
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from ecommerce_dms.console import UsageError, UserError

SOURCES = ("https://checkip.amazonaws.com/", "https://api.ipify.org/", "https://ipv4.icanhazip.com/")
AGREEING = 2  # How many must say the same; nobody may say something else.

VARIABLE = "PUBLIC_ADDRESS_SOURCES"
_TIMEOUT = 5  # seconds
_LONGEST_ANSWER = 64  # bytes


class NoPublicAddress(UserError):  # noqa: N818 - reads as a sentence where it is caught
    """The address could not be found out, or is none that can be let in."""


def sources(given: Sequence[str], environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The places to ask: those given, else those in PUBLIC_ADDRESS_SOURCES, else ours.

    Raises:
        UsageError: fewer than two, or one without encryption that is not on this machine.
    """
    chosen = tuple(given or environ.get(VARIABLE, "").split()) or SOURCES
    for url in chosen:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")):
            raise UsageError(f"{url!r} is no source of an address: write an https:// one")
    if len(set(chosen)) < AGREEING:
        raise UsageError(f"{len(set(chosen))} source of the public address is too few: name {AGREEING} or more")
    return chosen


def detect(asked: Sequence[str] = SOURCES) -> ipaddress.IPv4Address:
    """The address that all who answer agree on.

    Raises:
        NoPublicAddress: too few answers, different ones, or one that is not public.
    """
    with ThreadPoolExecutor(len(asked)) as pool:
        answers = dict(zip(asked, pool.map(_ask, asked), strict=True))
    said = {url: answer for url, answer in answers.items() if not isinstance(answer, Exception)}
    shown = "; ".join(f"{urlsplit(url).hostname}: {answer}" for url, answer in answers.items())
    if len(said) < AGREEING:
        raise NoPublicAddress(f"the public address is not known: {AGREEING} sources must answer ({shown}).")
    if len(set(said.values())) > 1:
        raise NoPublicAddress(
            f"the sources see different addresses ({shown}). Connections leave this network by several: use "
            'access = "ssm" (scripts/tunnel.py), or a runner inside the VPC.'
        )
    return checked(next(iter(said.values())))


def checked(text: str) -> ipaddress.IPv4Address:
    """The address, if it is one on the internet that belongs to one machine.

    Raises:
        NoPublicAddress: it is malformed, IPv6, private, reserved, or for many.
    """
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        raise NoPublicAddress(f"{text[:_LONGEST_ANSWER]!r} is no IP address; write one IPv4 address.") from None
    if not isinstance(address, ipaddress.IPv4Address):
        raise NoPublicAddress(f"{address} is IPv6; the database is reached by IPv4. Write an IPv4 address.")
    if not address.is_global or address.is_multicast or address.is_reserved:
        raise NoPublicAddress(f"{address} is no public address; a rule for it would let in nobody, or strangers.")
    return address


def _ask(url: str) -> str | Exception:
    """What one place answers, or why it did not."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    # Bound to an IPv4 address, it cannot go out by IPv6. No redirect is followed.
    connection = kind(parts.hostname, parts.port, timeout=_TIMEOUT, source_address=("0.0.0.0", 0))  # noqa: S104
    try:
        connection.request("GET", parts.path or "/", headers={"User-Agent": "ecommerce-dms", "Accept": "text/plain"})
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            return OSError(f"HTTP {answer.status}")
        return answer.read(_LONGEST_ANSWER).decode("ascii", "replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return error
    finally:
        connection.close()
