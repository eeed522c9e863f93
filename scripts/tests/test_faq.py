"""docs/faq.md: the messages that it explains are the ones that people get."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from conftest import as_environment
from contract_shop import Caller, Shop, place, uuid7
from ecommerce_dms.connection import connect, connection_parameters
from ecommerce_dms.roles import OWNER
from ecommerce_dms.scratch import scratch_database
from ecommerce_dms.settings import Settings, load_settings
from pages import ROOT, marked

MESSAGES = marked((ROOT / "docs" / "faq.md").read_text(encoding="utf-8"), "message of")


def as_psql(error: psycopg2.Error) -> str:
    """An error as psql shows it with \\set VERBOSITY verbose, without the place in the source."""
    said = error.diag
    lines = [f"ERROR:  {error.pgcode}: {said.message_primary}"]
    lines += [f"DETAIL:  {said.message_detail}"] if said.message_detail else []
    lines += [f"HINT:  {said.message_hint}"] if said.message_hint else []
    return "\n".join(lines) + "\n"


def refusal(work: Callable[[], object]) -> str:
    """What the database answers to what it must refuse."""
    with pytest.raises(psycopg2.Error) as refused:
        work()
    return as_psql(refused.value)


def of_statement(shop: Shop, statement: str, *, owner: bool = False) -> str:
    """The refusal of a statement of somebody who has not said who acts."""
    with closing(Caller(connect(shop.settings, role=OWNER)) if owner else shop.caller()) as caller:
        caller.query("SET shop.actor = ''")
        return refusal(lambda: caller.query(statement))


def changed_total(shop: Shop) -> str:
    return refusal(lambda: place(shop.app, shop.cart({shop.variant(5): 1}), total=1))


def short_stock(shop: Shop) -> str:
    cart = shop.cart({shop.variant(1): 3})
    return refusal(lambda: place(shop.app, cart, total=3499))


def used_key(shop: Shop) -> str:
    cart = shop.cart({shop.variant(1): 1})
    return refusal(lambda: shop.app.call("create_cart", cart_id=cart, currency="USD"))


def without_actor(shop: Shop) -> str:
    return of_statement(shop, f"SELECT api.set_price({shop.variant(1)}, 'EUR', 999)")


def higher_isolation(shop: Shop) -> str:
    statement = f"BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT api.create_cart('{uuid7()}', 'EUR')"
    return of_statement(shop, statement)


def direct_write(shop: Shop) -> str:
    return of_statement(shop, "UPDATE shop.orders SET total_minor = 0")


def changed_history(shop: Shop) -> str:
    shop.variant(1)
    return of_statement(shop, "DELETE FROM shop.stock_movements", owner=True)


def written_counter(shop: Shop) -> str:
    shop.variant(1)
    return of_statement(shop, "UPDATE shop.stock_levels SET on_hand = 1000", owner=True)


SQL: dict[str, Callable[[Shop], str]] = {
    "total": changed_total,
    "stock": short_stock,
    "key": used_key,
    "actor": without_actor,
    "isolation": higher_isolation,
    "permission": direct_write,
    "append-only": changed_history,
    "counter": written_counter,
}


def matches(shown: str, said: str) -> bool:
    """Whether it is the message of the page, in which … stands for anything."""
    return (
        bool(shown.strip())
        and re.fullmatch(".+?".join(map(re.escape, shown.strip().split("…"))), said.strip()) is not None
    )


@pytest.mark.parametrize("name", SQL)
def test_the_database_says_what_the_page_explains(name: str, shop: Shop) -> None:
    said = SQL[name](shop)
    assert matches(MESSAGES[name], said), said


def last_line(settings: Settings, *command: str, holding: str = "") -> str:
    """The last line, or the last that holds these words, of a program on a server that it must refuse."""
    # With CI set, pytest repeats each message in its summary, in other words around it.
    unwanted = ("DB_", "DATABASE_", "PG", "CI")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    parameters = connection_parameters(settings)
    environment |= as_environment({key: parameters[key] for key in ("host", "port", "user", "password", "dbname")})
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT / "scripts", env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode, "it was not refused"
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip() and holding in line]
    return lines[-1] if lines else done.stdout + done.stderr


def test_a_server_that_is_not_there_is_told_as_on_the_page() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    nowhere = load_settings(environ={"DATABASE_URL": f"postgresql://shop:x@127.0.0.1:{port}/shop"})
    assert matches(MESSAGES["nobody-listens"], said := last_line(nowhere, "data_loader.py")), said


def test_the_loader_says_why_it_refuses_as_on_the_page(shop: Shop, scratch_template: Settings, copy_of: Any) -> None:
    shop.variant(1)
    assert matches(MESSAGES["not-empty"], said := last_line(shop.settings, "data_loader.py")), said
    with copy_of(scratch_template) as production:
        with closing(connect(production, role=OWNER)) as connection, connection.cursor() as cursor:
            cursor.execute("UPDATE shop.deployment SET environment = 'production'")
            connection.commit()
        assert matches(MESSAGES["production"], said := last_line(production, "data_loader.py")), said


def test_without_a_schema_the_tests_say_so_as_on_the_page(target: Settings) -> None:
    with scratch_database(target) as empty:
        said = last_line(empty, "-m", "pytest", "-q", "test_db.py", "-x", "-k", "comment", holding="holds no shop")
    assert matches(MESSAGES["no-schema"], said), said


def test_every_message_of_the_page_is_provoked() -> None:
    assert MESSAGES.keys() == SQL.keys() | {"nobody-listens", "not-empty", "production", "no-schema"}
    assert not matches("ERROR:  SH301: …\n", "ERROR:  SH302: the total\n")
