"""Makes and rotates the logins of an environment: by IAM token, or by a password that lies in Secrets Manager.

Migrations grant to groups that nobody logs in as. This makes who does log in, as a member of one group each. Everything can be
repeated: what is there is left alone. No password is an argument, is printed, or reaches the server's log.
"""

import argparse
from contextlib import closing
from typing import Any

from ecommerce_dms import console, login_roles
from ecommerce_dms.connection import connect
from ecommerce_dms.login_roles import IAM, LOGINS, SECRET, Login
from ecommerce_dms.settings import Settings, add_connection_arguments, load_settings

EXAMPLES = """\
examples:
  python3 scripts/db_roles.py list                             who may log in, and as a member of what
  python3 scripts/db_roles.py create                           all logins of an environment on RDS, by IAM token
  python3 scripts/db_roles.py create shop_web                  one of them
  python3 scripts/db_roles.py create till --group shop_app     one of your own
  python3 scripts/db_roles.py create --auth secret --stack shop-test
                                                               all of them with passwords, each in a secret of its own
  python3 scripts/db_roles.py rotate shop_web --stack shop-test
                                                               a new password, while the old one still works

A program then sets DB_AUTH=iam and DB_USER=shop_web, or DB_SECRET_ARN=<the secret>; scripts/.env.example explains both.
"""


def main(argv: list[str] | None = None) -> int:
    """List, make or rotate logins. Returns the exit code."""
    arguments = _parser().parse_args(argv)
    logins = [login_roles.known(name, arguments.group) for name in arguments.login] or list(LOGINS)
    if arguments.group and not arguments.login:
        raise console.UsageError("--group is for a login that is named: db_roles.py create NAME --group GROUP")
    settings = load_settings(arguments)
    console.say(f"Server: {settings.describe()}")
    with closing(connect(settings)) as connection:
        if arguments.command == "list":
            return _list(connection)
        if arguments.command == "create":
            return _create(connection, settings, logins, arguments)
        return _rotate(connection, settings, logins, arguments)


def _list(connection: Any) -> int:
    for role in login_roles.present(connection).values():
        groups = ", ".join(role.groups) or "no group of the shop"
        powers = f"; {', '.join(role.powers)}" if role.powers else ""
        print(f"{role.name}: {groups}; {'IAM token' if role.has_iam else 'password'}{powers}")
    return 0


def _create(connection: Any, settings: Settings, logins: list[Login], arguments: argparse.Namespace) -> int:
    auth = arguments.auth or login_roles.default_auth(connection)
    client = _secrets(settings, arguments) if auth == SECRET else None
    for login in logins:
        done = login_roles.ensure(connection, settings, login, auth)
        if auth == SECRET and not login_roles.is_usable(settings, login, arguments.stack, client):
            used = login_roles.rotate(connection, settings, login, arguments.stack, client)
            done.append(f"secret {login_roles.secret_name(arguments.stack, login)} names {used}")
        console.say(f"{login.name}: {'; '.join(done) or 'is there already'}.")
    return 0


def _rotate(connection: Any, settings: Settings, logins: list[Login], arguments: argparse.Namespace) -> int:
    if not arguments.login:
        raise console.UsageError("say which login: db_roles.py rotate shop_web --stack NAME")
    if arguments.auth == IAM:
        raise console.UsageError("IAM tokens live 15 minutes and are not rotated: leave the login alone")
    client = _secrets(settings, arguments)
    there = login_roles.present(connection)
    for login in logins:
        if not {*login_roles.roles_of(login, SECRET)} <= {*there}:
            raise login_roles.LoginRefused(
                f"{login.name} has no pair of roles with passwords: db_roles.py create {login.name} --auth secret --stack …"
            )
        used = login_roles.rotate(connection, settings, login, arguments.stack, client)
        console.say(f"{login.name}: secret {login_roles.secret_name(arguments.stack, login)} now names {used}.")
    return 0


def _secrets(settings: Settings, arguments: argparse.Namespace) -> Any:
    if not arguments.stack:
        raise console.UsageError(
            "passwords lie in Secrets Manager: say --stack NAME, with which the secrets' names begin"
        )
    return login_roles.secrets_manager(settings.region)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("list", "create", "rotate"))
    parser.add_argument("login", nargs="*", help="default for create: " + ", ".join(login.name for login in LOGINS))
    parser.add_argument("--group", metavar="NAME", help="what a login of your own is a member of")
    parser.add_argument("--auth", choices=(IAM, SECRET), help="default: iam where the server knows rds_iam")
    parser.add_argument(
        "--stack", metavar="NAME", default="", help="the stack's name, with which its secrets' names begin"
    )
    add_connection_arguments(parser)
    return parser


if __name__ == "__main__":
    raise SystemExit(console.run(main))
