"""Who owns, reads, writes and executes what. PUBLIC may do nothing; applications write through api alone; storefronts see
one customer, analysts nobody."""

from __future__ import annotations

from ecommerce_dms.db_tests import privilege_matrix
from ecommerce_dms.db_tests.check import Check, query
from ecommerce_dms.roles import OWNER, ROLES

GROUPS = [role.name for role in ROLES if role.name != OWNER]
_MEMBERSHIPS = [f"{role.name} in {role.member_of}" for role in ROLES if role.member_of]

# Password hashes, tokens and the trail of log-ins: for the log-in functions of schema api, which run as the owner.
SECRET_TABLES = privilege_matrix.CLASSES["secret"].split()

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
            "shop_storefront lacks SELECT on column shop.orders.status": """
                REVOKE SELECT (status) ON shop.orders FROM shop_storefront
            """,
            "shop_storefront has SELECT on column shop.orders.contact_email": """
                GRANT SELECT (contact_email) ON shop.orders TO shop_storefront
            """,
            "shop_analyst has SELECT on table api.my_orders": "GRANT SELECT ON api.my_orders TO shop_analyst",
            "shop_app has USAGE on sequence shop.coupons_coupon_id_seq": """
                GRANT USAGE ON SEQUENCE shop.coupons_coupon_id_seq TO shop_app
            """,
            "shop_ci has TEMPORARY on database the database": """
                SET LOCAL ROLE NONE;
                DO $$ BEGIN EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO shop_ci', current_database()); END $$
            """,
            "shop_app has SELECT on default privilege r in shop": """
                ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO shop_app
            """,
        },
    ),
    Check(
        "every table has a class that says what it holds",
        privilege_matrix.misclassified,
        faults={
            "shop.wishes has no class": "CREATE TABLE shop.wishes (wish_id bigint PRIMARY KEY)",
            "shop.coupons has a class and does not exist": "ALTER TABLE shop.coupons RENAME TO vouchers",
        },
    ),
    Check(
        "rows of customers are guarded by row-level security, enabled and never forced",
        privilege_matrix.row_security,
        faults={
            "shop.orders is personal: row-level security is off": "ALTER TABLE shop.orders DISABLE ROW LEVEL SECURITY",
            "shop.carts forces row-level security": "ALTER TABLE shop.carts FORCE ROW LEVEL SECURITY",
            "shop.addresses has policies": "DROP POLICY own_rows ON shop.addresses",
            "shop.login_sessions has policies": "CREATE POLICY mine ON shop.login_sessions FOR SELECT USING (true)",
            "shop.countries is public: row-level security is on": "ALTER TABLE shop.countries ENABLE ROW LEVEL SECURITY",
        },
    ),
    Check(
        "a view that storefronts read runs with their own rights",
        query("""
            SELECT format('%s runs with its owner''s rights, whom row-level security does not concern', c.oid::regclass)
            FROM pg_class AS c
            WHERE relkind IN ('v', 'm') AND relnamespace IN ('shop'::regnamespace, 'api'::regnamespace)
              AND has_any_column_privilege('shop_storefront', c.oid, 'SELECT')
              AND (relkind = 'm' OR NOT coalesce(c.reloptions @> ARRAY['security_invoker=true'], false))
        """),
        faults={
            "api.my_orders runs with its owner's rights": "ALTER VIEW api.my_orders SET (security_invoker = false)",
        },
    ),
    Check(
        "no view that analysts read shows a personal column",
        query("""
            , personal AS (
                SELECT c.table_oid, c.attnum, c.name
                FROM columns AS c JOIN shop.pii_columns AS p ON (p.table_name, p.column_name) = (c.table_name, c.bare_name)
                UNION
                -- What is generated from a personal column says the same.
                SELECT made.table_oid, made.attnum, made.name
                FROM columns AS made
                JOIN pg_attrdef AS d ON (d.adrelid, d.adnum) = (made.table_oid, made.attnum)
                JOIN pg_depend AS on_column ON on_column.classid = 'pg_attrdef'::regclass AND on_column.objid = d.oid
                JOIN columns AS c ON (c.table_oid, c.attnum) = (on_column.refobjid, on_column.refobjsubid)
                JOIN shop.pii_columns AS p ON (p.table_name, p.column_name) = (c.table_name, c.bare_name)
                WHERE made.attgenerated <> ''
            ),
            shown AS (
                SELECT oid AS view_oid, oid AS rule_of FROM pg_class
                WHERE relkind IN ('v', 'm') AND has_any_column_privilege('shop_analyst', oid, 'SELECT')
                  AND relnamespace IN ('shop'::regnamespace, 'api'::regnamespace)
            ),
            reached AS (
                WITH RECURSIVE through AS (
                    SELECT view_oid, rule_of FROM shown
                    UNION
                    -- A view that reads a view; told of all that the inner one reads.
                    SELECT through.view_oid, d.refobjid
                    FROM through
                    JOIN pg_rewrite AS r ON r.ev_class = through.rule_of
                    JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                    JOIN pg_class AS inner_view ON d.refclassid = 'pg_class'::regclass AND inner_view.oid = d.refobjid
                    WHERE inner_view.relkind IN ('v', 'm') AND d.refobjid <> through.rule_of
                )
                SELECT through.view_oid, r.oid AS rule, r.ev_action
                FROM through JOIN pg_rewrite AS r ON r.ev_class = through.rule_of
            )
            SELECT format('%s shows %s', view_oid::regclass, personal.name)
            FROM reached
            JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = reached.rule
            JOIN personal ON (d.refclassid, d.refobjid, d.refobjsubid)
                           = ('pg_class'::regclass, personal.table_oid, personal.attnum)
            UNION
            -- Neither whole rows nor what a function returns are told column by column.
            SELECT format('%s reads whole rows', view_oid::regclass) FROM reached
            WHERE ev_action::text ~ ':varattno 0 '
            UNION
            SELECT format('%s calls %s', view_oid::regclass, d.refobjid::regprocedure)
            FROM reached
            JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = reached.rule
            JOIN functions AS f ON d.refclassid = 'pg_proc'::regclass AND f.oid = d.refobjid
        """),
        faults={
            "api.report_customers shows shop.customers.email": """
                CREATE OR REPLACE VIEW api.report_customers AS
                SELECT customer_id, status::text AS status, is_tax_exempt, email_verified_at IS NOT NULL AS is_verified,
                       marketing_consent_at IS NOT NULL AS has_consented, created_at, email
                FROM shop.customers
            """,
            "api.report_domains shows shop.customers.email_normalized": """
                CREATE VIEW api.report_domains AS SELECT split_part(email_normalized, '@', 2) AS domain FROM shop.customers;
                GRANT SELECT ON api.report_domains TO shop_analyst
            """,
            "api.report_everything reads whole rows": """
                CREATE VIEW api.report_everything AS SELECT order_id, to_jsonb(o) AS everything FROM shop.orders AS o;
                GRANT SELECT ON api.report_everything TO shop_analyst
            """,
            "api.report_nested shows shop.invoices.buyer_name": """
                CREATE VIEW api.inner_view AS SELECT buyer_name FROM shop.invoices;
                CREATE VIEW api.report_nested AS SELECT buyer_name AS b FROM api.inner_view;
                GRANT SELECT ON api.report_nested TO shop_analyst
            """,
            "api.report_called calls api.order_details(uuid)": """
                CREATE VIEW api.report_called AS SELECT api.order_details(order_id) AS d FROM shop.orders;
                GRANT SELECT ON api.report_called TO shop_analyst
            """,
        },
    ),
    Check(
        "rights are granted to groups alone",
        query(f"""{_GRANTED}
            SELECT format('%s has %s on %s %s', who, privilege, kind, name) FROM granted
            WHERE grantee <> 0 AND who <> ALL (ARRAY{GROUPS})
              AND (schema IN ('shop', 'api') OR kind = 'what comes of kind')
        """),
        faults={
            "pg_monitor has SELECT on table shop.orders": "GRANT SELECT ON shop.orders TO pg_monitor",
        },
    ),
    Check(
        "groups log in nowhere, are members of what they should be, and have no power over the server",
        query(f"""
            , groups AS (SELECT * FROM pg_roles WHERE rolname = ANY (ARRAY{GROUPS} || 'shop_owner'::text))
            SELECT format('%s has %s', rolname, power)
            FROM groups, LATERAL (VALUES
                ('LOGIN', rolcanlogin), ('SUPERUSER', rolsuper), ('CREATEROLE', rolcreaterole), ('CREATEDB', rolcreatedb),
                ('REPLICATION', rolreplication), ('BYPASSRLS', rolbypassrls)) AS v (power, has)
            WHERE has
            UNION
            SELECT format('%s is a member of %s', groups.rolname, pg_get_userbyid(roleid))
            FROM groups JOIN pg_auth_members ON member = groups.oid
            WHERE format('%s in %s', groups.rolname, pg_get_userbyid(roleid)) <> ALL (ARRAY{_MEMBERSHIPS})
        """),
        faults={
            "shop_app has CREATEDB": "SET LOCAL ROLE NONE; ALTER ROLE shop_app CREATEDB",
            "shop_analyst is a member of shop_backoffice": "SET LOCAL ROLE NONE; GRANT shop_backoffice TO shop_analyst",
        },
    ),
    Check(
        "a login that acts for one customer has no other role of the shop",
        query("""
            SELECT format('%s is a member of shop_storefront and of %s', login.rolname, other.rolname)
            FROM pg_roles AS login, pg_roles AS other
            WHERE NOT login.rolsuper AND login.rolcanlogin
              AND pg_has_role(login.oid, 'shop_storefront', 'USAGE') AND other.rolname ~ '^shop_'
              AND other.oid <> login.oid AND other.rolname <> 'shop_storefront'
              AND NOT other.rolcanlogin AND pg_has_role(login.oid, other.oid, 'USAGE')
        """),
        faults={
            "is a member of shop_storefront and of shop_app": """
                SET LOCAL ROLE NONE;
                CREATE ROLE both_of_them LOGIN IN ROLE shop_storefront, shop_app
            """,
        },
    ),
    Check(
        "rds_iam is granted to logins alone",
        query("""
            -- A group that holds it takes the password login from all its members, the master among them.
            SELECT format('%s is a group and holds rds_iam', m.rolname)
            FROM pg_auth_members AS a JOIN pg_roles AS g ON g.oid = a.roleid JOIN pg_roles AS m ON m.oid = a.member
            WHERE g.rolname = 'rds_iam' AND NOT m.rolcanlogin AND m.rolname NOT LIKE 'rds%'
        """),
        faults={
            "shop_app is a group and holds rds_iam": """
                SET LOCAL ROLE NONE;
                DO $$ BEGIN
                    IF to_regrole('rds_iam') IS NULL THEN CREATE ROLE rds_iam; END IF;
                    GRANT rds_iam TO shop_app;
                END $$
            """,
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
