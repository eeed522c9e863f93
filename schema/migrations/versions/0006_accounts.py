"""Accounts: customers, credentials, sessions, tokens, addresses, and the list of personal data.

Who buys.
"""

import sqlalchemy as sa
from alembic import op
from migrations.sql_beside import run_sql_beside
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables, then run the .sql file beside this one: triggers, invariants and data."""
    op.execute("CREATE TYPE shop.customer_status AS ENUM ('active', 'closed', 'erased')")
    op.execute("CREATE TYPE shop.account_token_purpose AS ENUM ('email_verification', 'password_reset')")
    op.execute("CREATE TYPE shop.erasure_moment AS ENUM ('now', 'after_retention')")
    op.create_table(
        "customers",
        sa.Column(
            "customer_id",
            sa.Uuid(),
            server_default=sa.text("uuidv7()"),
            nullable=False,
            comment="Key of the customer, a UUIDv7 the client may make.",
        ),
        sa.Column("email", sa.Text(), nullable=False, comment="E-mail address as the customer wrote it."),
        sa.Column(
            "email_normalized",
            sa.Text(),
            sa.Computed("lower(normalize(email, NFC) COLLATE pg_unicode_fast)", persisted=True),
            nullable=False,
            comment="The address in NFC and lower case: what UNIQUE and log-in compare. Generated.",
        ),
        sa.Column(
            "full_name",
            sa.Text(),
            nullable=False,
            comment="Name, in one piece: the world's names do not split into two.",
        ),
        sa.Column("phone", sa.Text(), nullable=True, comment="Telephone number, if given."),
        sa.Column("tax_number", sa.Text(), nullable=True, comment="VAT or other tax number of a business."),
        sa.Column(
            "is_tax_exempt",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="No tax is charged. Snapshotted on each order.",
        ),
        sa.Column(
            "status",
            postgresql.ENUM(name="customer_status", schema="shop", create_type=False),
            server_default=sa.text("'active'"),
            nullable=False,
            comment="active, closed or erased.",
        ),
        sa.Column(
            "email_verified_at",
            sa.TIMESTAMP(timezone=True),
            nullable=True,
            comment="When the address was proven to be theirs.",
        ),
        sa.Column(
            "marketing_consent_at",
            sa.TIMESTAMP(timezone=True),
            nullable=True,
            comment="When they agreed to marketing; NULL: they did not.",
        ),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the account was made.",
        ),
        sa.Column(
            "updated_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the row last changed. Kept by trigger.",
        ),
        sa.Column(
            "erased_at",
            sa.TIMESTAMP(timezone=True),
            nullable=True,
            comment="When the personal data were erased on request.",
        ),
        sa.CheckConstraint(
            "(status = 'erased') = (erased_at IS NOT NULL)", name=op.f("ck_customers_erased_at_matches_status")
        ),
        sa.CheckConstraint("btrim(email) <> '' AND char_length(email) <= 254", name=op.f("ck_customers_email_length")),
        sa.CheckConstraint(
            "btrim(full_name) <> '' AND char_length(full_name) <= 200",
            name=op.f("ck_customers_full_name_length"),
        ),
        sa.CheckConstraint("btrim(phone) <> '' AND char_length(phone) <= 40", name=op.f("ck_customers_phone_length")),
        sa.CheckConstraint(
            "btrim(tax_number) <> '' AND char_length(tax_number) <= 40",
            name=op.f("ck_customers_tax_number_length"),
        ),
        sa.CheckConstraint(
            "email ~ '^[^@[:space:]]+@[^@[:space:]]+[.][^@[:space:].]+$'", name=op.f("ck_customers_email_format")
        ),
        sa.CheckConstraint("updated_at >= created_at", name=op.f("ck_customers_updated_after_created")),
        sa.CheckConstraint("uuid_extract_version(customer_id) = 7", name=op.f("ck_customers_customer_id_is_uuidv7")),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_customers")),
        schema="shop",
        comment="Customers with an account. Guests are known by their orders only.",
    )
    op.create_index("uq_customers_email_normalized", "customers", ["email_normalized"], unique=True, schema="shop")
    op.create_table(
        "customer_credentials",
        sa.Column("customer_id", sa.Uuid(), nullable=False, comment="The customer."),
        sa.Column(
            "password_hash", sa.Text(), nullable=False, comment="PHC string with algorithm, parameters, salt and hash."
        ),
        sa.Column(
            "failed_attempts",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Failed log-ins since the last success.",
        ),
        sa.Column(
            "locked_until",
            sa.TIMESTAMP(timezone=True),
            nullable=True,
            comment="No log-in is answered before this moment.",
        ),
        sa.Column(
            "changed_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the password was last set.",
        ),
        sa.CheckConstraint(
            "password_hash ~ '^[$](argon2id|scrypt|pbkdf2-sha256|pbkdf2-sha512)[$]([a-z0-9]+=[a-zA-Z0-9/+.,=-]+[$])*[a-zA-Z0-9/+.-]{16,}[$][a-zA-Z0-9/+.-]{32,}$' OR password_hash ~ '^[$]2[aby][$][0-9]{2}[$][./A-Za-z0-9]{53}$'",
            name=op.f("ck_customer_credentials_password_hash_is_phc"),
        ),
        sa.CheckConstraint(
            "char_length(password_hash) <= 512", name=op.f("ck_customer_credentials_password_hash_limit")
        ),
        sa.CheckConstraint("failed_attempts >= 0", name=op.f("ck_customer_credentials_failed_attempts_not_negative")),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["shop.customers.customer_id"],
            name=op.f("fk_customer_credentials_customer_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_customer_credentials")),
        schema="shop",
        comment="Password hashes in PHC string format (argon2id, scrypt, pbkdf2) or bcrypt's. Never a password.",
    )
    op.create_table(
        "login_attempts",
        sa.Column(
            "login_attempt_id",
            sa.BigInteger(),
            sa.Identity(always=True),
            nullable=False,
            comment="Key of the attempt, ascending.",
        ),
        sa.Column(
            "email_digest",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of the normalised address: an unknown address is not stored.",
        ),
        sa.Column("customer_id", sa.Uuid(), nullable=True, comment="The customer, if the address is known."),
        sa.Column("succeeded", sa.Boolean(), nullable=False, comment="Whether the password was right."),
        sa.Column("ip_address", postgresql.INET(), nullable=True, comment="Where it came from."),
        sa.Column(
            "attempted_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When.",
        ),
        sa.CheckConstraint("octet_length(email_digest) = 32", name=op.f("ck_login_attempts_email_digest_is_sha256")),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["shop.customers.customer_id"],
            name=op.f("fk_login_attempts_customer_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("login_attempt_id", name=op.f("pk_login_attempts")),
        schema="shop",
        comment="Attempts to log in, for known and unknown addresses alike.",
    )
    op.create_index("ix_login_attempts_attempted_at", "login_attempts", ["attempted_at"], unique=False, schema="shop")
    op.create_index(
        "ix_login_attempts_customer_id",
        "login_attempts",
        ["customer_id", "attempted_at"],
        unique=False,
        schema="shop",
        postgresql_where=sa.text("customer_id IS NOT NULL"),
    )
    op.create_index(
        "ix_login_attempts_email_digest",
        "login_attempts",
        ["email_digest", "attempted_at"],
        unique=False,
        schema="shop",
    )
    op.create_table(
        "login_sessions",
        sa.Column(
            "login_session_id",
            sa.Uuid(),
            server_default=sa.text("uuidv7()"),
            nullable=False,
            comment="Key of the session; not the token.",
        ),
        sa.Column("customer_id", sa.Uuid(), nullable=False, comment="Who is logged in."),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the session token."),
        sa.Column("ip_address", postgresql.INET(), nullable=True, comment="Where the session was opened from."),
        sa.Column("user_agent", sa.Text(), nullable=True, comment="Browser or program that opened it."),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was opened.",
        ),
        sa.Column(
            "last_seen_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was last used.",
        ),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False, comment="When it ends by itself."),
        sa.Column("revoked_at", sa.TIMESTAMP(timezone=True), nullable=True, comment="When it was ended early."),
        sa.CheckConstraint(
            "btrim(user_agent) <> '' AND char_length(user_agent) <= 500",
            name=op.f("ck_login_sessions_user_agent_length"),
        ),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_login_sessions_expires_after_created")),
        sa.CheckConstraint("last_seen_at >= created_at", name=op.f("ck_login_sessions_seen_after_created")),
        sa.CheckConstraint("octet_length(token_digest) = 32", name=op.f("ck_login_sessions_token_digest_is_sha256")),
        sa.CheckConstraint("revoked_at >= created_at", name=op.f("ck_login_sessions_revoked_after_created")),
        sa.CheckConstraint(
            "uuid_extract_version(login_session_id) = 7", name=op.f("ck_login_sessions_login_session_id_is_uuidv7")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["shop.customers.customer_id"],
            name=op.f("fk_login_sessions_customer_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("login_session_id", name=op.f("pk_login_sessions")),
        schema="shop",
        comment="Log-in sessions. Only the SHA-256 of the token is stored: a leaked dump opens no session.",
    )
    op.create_index("ix_login_sessions_customer_id", "login_sessions", ["customer_id"], unique=False, schema="shop")
    op.create_index("ix_login_sessions_expires_at", "login_sessions", ["expires_at"], unique=False, schema="shop")
    op.create_index("uq_login_sessions_token_digest", "login_sessions", ["token_digest"], unique=True, schema="shop")
    op.create_table(
        "account_tokens",
        sa.Column(
            "account_token_id",
            sa.Uuid(),
            server_default=sa.text("uuidv7()"),
            nullable=False,
            comment="Key of the row; not the token.",
        ),
        sa.Column("customer_id", sa.Uuid(), nullable=False, comment="Whom it was sent to."),
        sa.Column(
            "purpose",
            postgresql.ENUM(name="account_token_purpose", schema="shop", create_type=False),
            nullable=False,
            comment="email_verification or password_reset.",
        ),
        sa.Column("token_digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the token."),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was issued.",
        ),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False, comment="Until when it can be used."),
        sa.Column("used_at", sa.TIMESTAMP(timezone=True), nullable=True, comment="When it was used; NULL while open."),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_account_tokens_expires_after_created")),
        sa.CheckConstraint("octet_length(token_digest) = 32", name=op.f("ck_account_tokens_token_digest_is_sha256")),
        sa.CheckConstraint(
            "used_at BETWEEN created_at AND expires_at", name=op.f("ck_account_tokens_used_while_valid")
        ),
        sa.CheckConstraint(
            "uuid_extract_version(account_token_id) = 7", name=op.f("ck_account_tokens_account_token_id_is_uuidv7")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["shop.customers.customer_id"],
            name=op.f("fk_account_tokens_customer_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("account_token_id", name=op.f("pk_account_tokens")),
        schema="shop",
        comment="One-time tokens; only their SHA-256 is stored, and one per customer and purpose is open.",
    )
    op.create_index("ix_account_tokens_customer_id", "account_tokens", ["customer_id"], unique=False, schema="shop")
    op.create_index("ix_account_tokens_expires_at", "account_tokens", ["expires_at"], unique=False, schema="shop")
    op.create_index(
        "uq_account_tokens_open",
        "account_tokens",
        ["customer_id", "purpose"],
        unique=True,
        schema="shop",
        postgresql_where=sa.text("used_at IS NULL"),
    )
    op.create_index("uq_account_tokens_token_digest", "account_tokens", ["token_digest"], unique=True, schema="shop")
    op.create_table(
        "addresses",
        sa.Column(
            "address_id",
            sa.Uuid(),
            server_default=sa.text("uuidv7()"),
            nullable=False,
            comment="Key of the address, a UUIDv7 the client may make.",
        ),
        sa.Column("customer_id", sa.Uuid(), nullable=False, comment="Whose address it is."),
        sa.Column("recipient", sa.Text(), nullable=False, comment="Who receives there."),
        sa.Column("company", sa.Text(), nullable=True, comment="Company, if any."),
        sa.Column("line1", sa.Text(), nullable=False, comment="Street and number, or what is used instead."),
        sa.Column("line2", sa.Text(), nullable=True, comment="Flat, floor, building."),
        sa.Column("city", sa.Text(), nullable=False, comment="City or town."),
        sa.Column(
            "region",
            sa.Text(),
            nullable=True,
            comment="State, province or county where the country uses one; ISO 3166-2 suffix such as CA.",
        ),
        sa.Column("postal_code", sa.Text(), nullable=True, comment="Postal code; NULL where the country has none."),
        sa.Column("country", sa.Text(), nullable=False, comment="Country."),
        sa.Column("phone", sa.Text(), nullable=True, comment="Telephone for the carrier."),
        sa.Column(
            "is_default_shipping",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="Offered first for deliveries.",
        ),
        sa.Column(
            "is_default_billing",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="Offered first for invoices.",
        ),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When it was added.",
        ),
        sa.Column(
            "archived_at", sa.TIMESTAMP(timezone=True), nullable=True, comment="When it was removed from the book."
        ),
        sa.CheckConstraint("btrim(city) <> '' AND char_length(city) <= 100", name=op.f("ck_addresses_city_length")),
        sa.CheckConstraint(
            "btrim(company) <> '' AND char_length(company) <= 200", name=op.f("ck_addresses_company_length")
        ),
        sa.CheckConstraint("btrim(line1) <> '' AND char_length(line1) <= 200", name=op.f("ck_addresses_line1_length")),
        sa.CheckConstraint("btrim(line2) <> '' AND char_length(line2) <= 200", name=op.f("ck_addresses_line2_length")),
        sa.CheckConstraint("btrim(phone) <> '' AND char_length(phone) <= 40", name=op.f("ck_addresses_phone_length")),
        sa.CheckConstraint(
            "btrim(postal_code) <> '' AND char_length(postal_code) <= 20",
            name=op.f("ck_addresses_postal_code_length"),
        ),
        sa.CheckConstraint(
            "btrim(recipient) <> '' AND char_length(recipient) <= 200",
            name=op.f("ck_addresses_recipient_length"),
        ),
        sa.CheckConstraint(
            "btrim(region) <> '' AND char_length(region) <= 100", name=op.f("ck_addresses_region_length")
        ),
        sa.CheckConstraint("archived_at >= created_at", name=op.f("ck_addresses_archived_after_created")),
        sa.CheckConstraint(
            "archived_at IS NULL OR NOT (is_default_shipping OR is_default_billing)",
            name=op.f("ck_addresses_archived_is_no_default"),
        ),
        sa.CheckConstraint("uuid_extract_version(address_id) = 7", name=op.f("ck_addresses_address_id_is_uuidv7")),
        sa.ForeignKeyConstraint(
            ["country"], ["shop.countries.code"], name=op.f("fk_addresses_country"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["shop.customers.customer_id"], name=op.f("fk_addresses_customer_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("address_id", name=op.f("pk_addresses")),
        schema="shop",
        comment="Address books. At most one default of each kind per customer.",
    )
    op.create_index("ix_addresses_customer_id", "addresses", ["customer_id"], unique=False, schema="shop")
    op.create_index(
        "uq_addresses_default_billing",
        "addresses",
        ["customer_id"],
        unique=True,
        schema="shop",
        postgresql_where=sa.text("is_default_billing"),
    )
    op.create_index(
        "uq_addresses_default_shipping",
        "addresses",
        ["customer_id"],
        unique=True,
        schema="shop",
        postgresql_where=sa.text("is_default_shipping"),
    )
    op.create_table(
        "pii_columns",
        sa.Column("table_name", sa.Text(), nullable=False, comment="Table in the schema shop."),
        sa.Column("column_name", sa.Text(), nullable=False, comment="Column of that table."),
        sa.Column(
            "erase",
            postgresql.ENUM(name="erasure_moment", schema="shop", create_type=False),
            nullable=False,
            comment="now: on the customer's request; after_retention: when tax law no longer asks for it.",
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why it is held, and why it is erased at that moment."),
        sa.CheckConstraint(
            "btrim(column_name) <> '' AND char_length(column_name) <= 63",
            name=op.f("ck_pii_columns_column_name_length"),
        ),
        sa.CheckConstraint(
            "btrim(reason) <> '' AND char_length(reason) <= 500", name=op.f("ck_pii_columns_reason_length")
        ),
        sa.CheckConstraint(
            "btrim(table_name) <> '' AND char_length(table_name) <= 63",
            name=op.f("ck_pii_columns_table_name_length"),
        ),
        sa.PrimaryKeyConstraint("table_name", "column_name", name=op.f("pk_pii_columns")),
        schema="shop",
        comment="Columns with personal data: what erase_customer and erase_due walk, and what analysts never see.",
    )
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    op.drop_table("pii_columns", schema="shop")
    op.drop_table("addresses", schema="shop")
    op.drop_table("account_tokens", schema="shop")
    op.drop_table("login_sessions", schema="shop")
    op.drop_table("login_attempts", schema="shop")
    op.drop_table("customer_credentials", schema="shop")
    op.drop_table("customers", schema="shop")
    op.execute("DROP TYPE shop.erasure_moment")
    op.execute("DROP TYPE shop.account_token_purpose")
    op.execute("DROP TYPE shop.customer_status")
