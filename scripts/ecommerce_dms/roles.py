"""The roles and schemas that everything else is granted to: data, no code.

Roles live in the cluster and are shared by its databases; schemas and privileges live in one database. All
roles are groups without login. Who logs in (a person, a deployment, the application) is made elsewhere, with
a password, `rds_iam` or both, and is granted one of these. Never grant `rds_iam` to a group: every member,
the master among them, would lose its password login.
"""

from dataclasses import dataclass

OWNER = "shop_owner"
MIGRATOR = "shop_migrator"


@dataclass(frozen=True)
class Role:
    """A group role. `member_of` is granted with SET and without INHERIT where `only_set` says so."""

    name: str
    purpose: str
    member_of: str | None = None
    only_set: bool = False
    connects: bool = True


ROLES = (
    Role(
        OWNER,
        "Owns every object of the shop. Nobody logs in as it; migrations run SET ROLE to it.",
        connects=False,
    ),
    # Without INHERIT, a deployment's login has no right over the tables until it says SET ROLE shop_owner.
    Role(MIGRATOR, "May become shop_owner, to migrate the schema.", member_of=OWNER, only_set=True),
    Role("shop_app", "The application: executes the functions of schema api, writes to no table."),
    Role("shop_storefront", "The application on behalf of one customer: row-level security applies."),
    Role("shop_backoffice", "Staff tools: catalogue, prices, stock, orders and refunds through schema api."),
    Role("shop_analyst", "Reads reporting views without personal data, meant for the replica."),
    Role(
        "shop_monitor",
        "Monitoring: server statistics and health checks, no shop data.",
        member_of="pg_monitor",
    ),
    Role("shop_ci", "Checks of a live database: its structure and its proof of consistency, no row of anybody."),
)

SCHEMAS = {
    "shop": "Tables and their triggers. Written to by the functions of schema api alone.",
    "api": "The public contract: functions and views that applications call.",
}
