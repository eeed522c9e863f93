"""Alembic runs this for every command: it connects, lets nobody else migrate meanwhile, runs the revisions.

What the parts do, and why, stands in the files beside it: lock.py, steps.py, guards.py, numbering.py, new_revision.py.
"""

import logging
import sys
from typing import Any

from alembic import context
from alembic.util import CommandError
from ecommerce_dms import bootstrap, connection
from ecommerce_dms.console import UserError
from ecommerce_dms.roles import OWNER
from ecommerce_dms.settings import Settings, load_settings
from ecommerce_dms.settings_checks import ENVIRONMENTS
from models import metadata
from sqlalchemy import Connection

from migrations import guards, lock, new_revision, steps  # noqa: F401 (new_revision registers its hook)
from migrations.numbering import number_revision

log = logging.getLogger("alembic.shop")

# Session settings come with the connection. A SET before context.configure() would begin a transaction that
# Alembic takes for the caller's: one failing revision would roll back all, and autocommit_block() would lose
# everything.
_TIMEOUTS = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")


def main() -> None:
    """Run the command, offline or online; what a user can put right becomes one line."""
    _set_up_logging()
    try:
        if context.is_offline_mode() or _only_writes_a_file():
            _run_offline()
        else:
            _run_online(context.config.attributes.get("settings") or load_settings())
    except (UserError, CommandError) as error:
        line = " ".join(str(error).split())
        if context.config.cmd_opts is None:
            raise CommandError(line) from error
        # Alembic's own way out folds the line to the terminal's width and exits with 255.
        print(f"error: {line}", file=sys.stderr)
        raise SystemExit(getattr(error, "exit_code", 1)) from None


def _run_offline() -> None:
    # as_sql: without it, `alembic revision` would ask the server which revision it is at.
    _configure(dialect_name="postgresql", literal_binds=True, as_sql=True)
    with context.begin_transaction():
        context.run_migrations()


def _run_online(settings: Settings) -> None:
    log.info("Server: %s", settings.describe())
    _prepare(settings)
    engine = connection.make_engine(settings, role=OWNER, application_name="alembic", options=_session(settings))
    with engine.connect() as migrating:
        if _changes_the_database():
            lock.take(migrating, float(_option("runner_wait_seconds")))
            _migrate(migrating)
            guards.refuse_leftovers(migrating)
        else:
            _configure(connection=migrating)
            with context.begin_transaction():
                context.run_migrations()


def _session(settings: Settings) -> dict[str, str]:
    """The settings of the migrating session."""
    # What the first revision writes into shop.deployment; it takes silence for production.
    environment = _option("environment") or settings.environment
    if environment not in ("", *ENVIRONMENTS):
        raise CommandError(f"environment is {environment!r}; it can be {', '.join(ENVIRONMENTS)}")
    return {
        # Revisions name schemas; and autogenerate sees names as the models have them.
        "search_path": "pg_catalog",
        "shop.environment": environment,
        **{name: _option(name) for name in _TIMEOUTS},
    }


def _migrate(migrating: Connection) -> None:
    allowed = context.get_x_argument(as_dictionary=True).get("allow-production-downgrade")
    _configure(connection=migrating)
    todo = steps.Steps(
        context.get_context().opts["fn"],
        examine=lambda found: guards.refuse_production_downgrade(migrating, found, allowed),
    )
    todo.watch(migrating)

    def run_migrations() -> None:
        _configure(connection=migrating, fn=todo)
        with context.begin_transaction():
            context.run_migrations()

    steps.run(run_migrations, todo, int(_option("lock_attempts")), float(_option("lock_pause_seconds")))
    log.info("Nothing to do." if not todo.done else "Done.")


def _configure(**how: Any) -> None:
    context.configure(
        target_metadata=metadata,
        version_table_schema="shop",
        transaction_per_migration=True,
        include_schemas=True,
        include_name=_is_ours,
        compare_type=True,
        compare_server_default=True,
        # Checks are compared by name; what they say is compared by the fingerprint (scripts/ecommerce_dms).
        autogenerate_plugins=["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
        process_revision_directives=number_revision,
        **how,
    )


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    return name == "shop" if kind == "schema" else True


def _prepare(settings: Settings) -> None:
    """Make sure that there are roles and schemas, and that the user may act as their owner."""
    plain = connection.connect(settings, application_name="alembic")
    try:
        missing = bootstrap.missing(plain)
        if missing and not _changes_the_database():
            raise CommandError(f"the database is not prepared ({'; '.join(missing)}): run scripts/bootstrap.py")
        if missing:
            for step in bootstrap.apply(plain):
                log.info("Preparing the database: %s.", step.missing)
    except bootstrap.BootstrapRefused as refused:
        # Not within the error, since Alembic wraps that to the width of the terminal.
        log.error("%s", refused.sql)
        raise
    finally:
        plain.close()


def _changes_the_database() -> bool:
    """Whether the command has a target: upgrade, downgrade stamp do; current, check, revision do not."""
    try:
        context.get_revision_argument()
    except KeyError:
        return False
    return True


def _only_writes_a_file() -> bool:
    """Whether this is `alembic revision` without --autogenerate, which needs no server."""
    command = getattr(context.config.cmd_opts, "cmd", [None])[0]
    return getattr(command, "__name__", "") == "revision" and not context.config.cmd_opts.autogenerate


def _option(name: str) -> str | None:
    """From -x, from the caller (ecommerce_dms.migrations), or from alembic.ini, in this order."""
    for given in (context.get_x_argument(as_dictionary=True), context.config.attributes):
        if name in given:
            return str(given[name])
    return context.config.get_main_option(name)


def _set_up_logging() -> None:
    """Plain lines on standard error, unless the caller looks after logging itself."""
    if "settings" in context.config.attributes:
        return
    logging.basicConfig(format="%(message)s")
    logging.getLogger("alembic").setLevel(logging.INFO)
    # What steps.py and Alembic's command line say already.
    logging.getLogger("alembic.runtime").setLevel(logging.WARNING)
    logging.getLogger("alembic.util").setLevel(logging.CRITICAL)


main()
