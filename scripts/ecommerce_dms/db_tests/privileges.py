"""Who owns, reads, writes and executes what. PUBLIC may do nothing; applications write through api alone."""

from __future__ import annotations

from ecommerce_dms.db_tests import privilege_matrix
from ecommerce_dms.db_tests.check import Check, query
from ecommerce_dms.roles import OWNER, ROLES

GROUPS = [role.name for role in ROLES if role.name != OWNER]

# Password hashes, tokens and the trail of log-ins: for the log-in functions of schema api, which run as the owner.
SECRET_TABLES = ["customer_credentials", "account_tokens", "login_sessions", "login_attempts"]

_WRITES = ["INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"]

# Every privilege that somebody other than the owner has on whatever is in this database, leaving out what belongs to
# the system or an extension. An ACL that is NULL means the default one, which for functions and types includes PUBLIC.
_GRANTED = """,
extensions_own AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
),
objects (kind, name, owner, schema, bare_name, acl) AS (
    SELECT 'database', datname::text, datdba, '', datname, coalesce(datacl, acldefault('d', datdba))
    FROM pg_database WHERE datname = current_database()
    UNION ALL
    SELECT 'schema', nspname, nspowner, nspname, nspname, coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace
    UNION ALL
    SELECT CASE relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' ELSE 'table' END, c.oid::regclass::text,
           relowner, nspname, relname,
           coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      AND ('pg_class'::regclass, c.oid) NOT IN (SELECT classid, objid FROM extensions_own)
    UNION ALL
    SELECT 'column', format('%s.%s', c.oid::regclass, attname), relowner, nspname, relname, attacl
    FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid JOIN pg_namespace AS n ON n.oid = relnamespace
    WHERE attacl IS NOT NULL
    UNION ALL
    SELECT 'function', p.oid::regprocedure::text, proowner, nspname, proname,
           coalesce(proacl, acldefault('f', proowner))
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = pronamespace
    WHERE ('pg_proc'::regclass, p.oid) NOT IN (SELECT classid, objid FROM extensions_own)
    UNION ALL
    SELECT 'type', t.oid::regtype::text, typowner, nspname, typname, coalesce(typacl, acldefault('T', typowner))
    FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = typnamespace LEFT JOIN pg_class AS c ON c.oid = typrelid
    WHERE typcategory <> 'A' AND coalesce(relkind, 'c') = 'c'
      AND ('pg_type'::regclass, t.oid) NOT IN (SELECT classid, objid FROM extensions_own)
    UNION ALL
    SELECT 'what comes of kind', defaclobjtype::text, defaclrole, coalesce(nspname, ''), '', defaclacl
    FROM pg_default_acl LEFT JOIN pg_namespace AS n ON n.oid = defaclnamespace
    WHERE pg_get_userbyid(defaclrole) = 'shop_owner'
),
granted AS (
    SELECT kind, name, schema, bare_name, privilege_type AS privilege, grantee,
           CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS who
    FROM objects, aclexplode(acl)
    WHERE schema !~ '^pg_' AND schema <> 'information_schema' AND grantee <> owner
)
"""


CHECKS = (
    Check(
        "each role may do what the matrix says, and nothing else",
        lambda connection: privilege_matrix.deviations(connection, GROUPS),
        faults={
            "shop_app has SELECT on table shop.audit_log": "GRANT SELECT ON shop.audit_log TO shop_app",
            "shop_analyst has UPDATE on column shop.orders.status": "GRANT UPDATE (status) ON shop.orders TO shop_analyst",
            "shop_storefront has EXECUTE on function api.purge": "GRANT EXECUTE ON FUNCTION api.purge TO shop_storefront",
            "shop_monitor has EXECUTE on function shop.end_order": "GRANT EXECUTE ON FUNCTION shop.end_order TO shop_monitor",
            "shop_app has CREATE on schema api": "GRANT CREATE ON SCHEMA api TO shop_app",
            "shop_backoffice lacks EXECUTE on function api.ship": "REVOKE EXECUTE ON FUNCTION api.ship FROM shop_backoffice",
            "shop_app lacks SELECT on table shop.orders": "REVOKE SELECT ON shop.orders FROM shop_app",
        },
    ),
    Check(
        "PUBLIC has no privilege on the database, its schemas and anything in them",
        query(f"""{_GRANTED}
            SELECT format('%s has %s on %s %s', who, privilege, kind, name) FROM granted WHERE grantee = 0
        """),
        faults={
            "PUBLIC has SELECT on column shop.products.name": "GRANT SELECT (name) ON shop.products TO PUBLIC",
            "PUBLIC has USAGE on schema api": "GRANT USAGE ON SCHEMA api TO PUBLIC",
            "PUBLIC has SELECT on table shop.countries": "GRANT SELECT ON shop.countries TO PUBLIC",
            "PUBLIC has EXECUTE on function api.verify_integrity()": """
                GRANT EXECUTE ON FUNCTION api.verify_integrity() TO PUBLIC
            """,
            "PUBLIC has USAGE on type shop.cart_status": "GRANT USAGE ON TYPE shop.cart_status TO PUBLIC",
            "PUBLIC has SELECT on sequence shop.coupons_coupon_id_seq": """
                GRANT SELECT ON SEQUENCE shop.coupons_coupon_id_seq TO PUBLIC
            """,
            "PUBLIC has SELECT on what comes of kind r": """
                ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO PUBLIC
            """,
        },
    ),
    Check(
        "nobody but the owner may write to a table or a sequence",
        query(f"""{_GRANTED}
            SELECT format('%s has %s on %s %s', who, privilege, kind, name) FROM granted
            WHERE grantee <> 0 AND (schema = 'shop' AND privilege = ANY (ARRAY{_WRITES}) OR kind = 'sequence')
            UNION
            -- Through whatever group or predefined role.
            SELECT format('%s has %s on table %s', r.rolname, privilege, t.name)
            FROM pg_roles AS r, tables AS t, unnest(ARRAY{_WRITES}) AS privilege
            WHERE r.rolname = ANY (ARRAY{GROUPS}) AND has_table_privilege(r.oid, t.oid, privilege)
        """),
        faults={
            "shop_app has UPDATE on column shop.stock_levels.on_hand": """
                GRANT UPDATE (on_hand) ON shop.stock_levels TO shop_app
            """,
            "shop_backoffice has TRUNCATE on table shop.carts": "GRANT TRUNCATE ON shop.carts TO shop_backoffice",
            "shop_app has USAGE on sequence shop.coupons_coupon_id_seq": """
                GRANT USAGE ON SEQUENCE shop.coupons_coupon_id_seq TO shop_app
            """,
        },
    ),
    Check(
        "password hashes, tokens and the trail of log-ins are read by the owner's functions alone",
        query(f"""{_GRANTED}
            SELECT format('%s has %s on %s %s', who, privilege, kind, name) FROM granted
            WHERE schema = 'shop' AND bare_name = ANY (ARRAY{SECRET_TABLES})
            UNION
            SELECT format('%s can read %s', r.rolname, t.name)
            FROM pg_roles AS r, tables AS t
            WHERE r.rolname = ANY (ARRAY{GROUPS}) AND t.bare_name = ANY (ARRAY{SECRET_TABLES})
              AND has_any_column_privilege(r.oid, t.oid, 'SELECT')
        """),
        faults={
            "shop_backoffice has SELECT on table shop.customer_credentials": """
                GRANT SELECT ON shop.customer_credentials TO shop_backoffice
            """,
            "shop_app has SELECT on column shop.login_sessions.token_digest": """
                GRANT SELECT (token_digest) ON shop.login_sessions TO shop_app
            """,
        },
    ),
    Check(
        "trigger functions are executed by triggers alone",
        query(f"""{_GRANTED}
            SELECT format('%s may execute %s', g.who, f.name)
            FROM functions AS f JOIN granted AS g ON g.kind = 'function' AND g.name = f.name
            WHERE f.prorettype = 'trigger'::regtype
        """),
        faults={"shop_app may execute shop.refuse()": "GRANT EXECUTE ON FUNCTION shop.refuse() TO shop_app"},
    ),
    Check(
        "only functions of schema api run with their owner's rights",
        query("""
            SELECT format('%s is SECURITY DEFINER', name) FROM functions
            WHERE prosecdef AND pronamespace <> 'api'::regnamespace
        """),
        faults={"shop.refuse() is SECURITY DEFINER": "ALTER FUNCTION shop.refuse() SECURITY DEFINER"},
    ),
    Check(
        "shop_owner owns the schemas and everything in them",
        query(f"""{_GRANTED}
            SELECT format('%s %s belongs to %s', kind, name, pg_get_userbyid(owner)) FROM objects
            WHERE schema IN ('shop', 'api') AND pg_get_userbyid(owner) <> 'shop_owner'
        """),
        faults={
            # As the user who connected, which is not shop_owner.
            "table shop.strays belongs to": """
                GRANT CREATE, USAGE ON SCHEMA shop TO SESSION_USER;
                SET LOCAL ROLE NONE;
                CREATE TABLE shop.strays (stray_id bigint)
            """
        },
    ),
    Check(
        "nobody has the owner's rights without SET ROLE",
        query("""
            SELECT format('%s inherits the rights of shop_owner', rolname) FROM pg_roles
            WHERE rolname <> 'shop_owner' AND NOT rolsuper AND pg_has_role(oid, 'shop_owner', 'USAGE')
        """),
        faults={
            "shop_app inherits the rights of shop_owner": "SET LOCAL ROLE NONE; GRANT shop_owner TO shop_app",
        },
    ),
)
