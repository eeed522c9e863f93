"""Reference tables, the guards every later area uses, and the walker of the invariants.

Currencies and countries come first, since money and addresses everywhere refer to them; the `deployment` row tells
every tool what kind of database it stands in.
"""

import sqlalchemy as sa
from alembic import op
from migrations.sql_beside import run_sql_beside

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables, then run the .sql file beside this one: triggers, invariants and data."""
    op.create_table(
        "currencies",
        sa.Column("code", sa.Text(), nullable=False, comment="ISO 4217 alphabetic code, such as EUR."),
        sa.Column("numeric_code", sa.Text(), nullable=False, comment="ISO 4217 numeric code, three digits."),
        sa.Column("name", sa.Text(), nullable=False, comment="English name of the currency."),
        sa.Column(
            "exponent",
            sa.SmallInteger(),
            nullable=False,
            comment="Decimal places of the minor unit (ISO 4217): 2 for EUR, 0 for JPY, 3 for KWD. Immutable.",
        ),
        sa.CheckConstraint("btrim(name) <> '' AND char_length(name) <= 100", name=op.f("ck_currencies_name_length")),
        sa.CheckConstraint("code ~ '^[A-Z]{3}$'", name=op.f("ck_currencies_code_is_iso_4217")),
        sa.CheckConstraint("numeric_code ~ '^[0-9]{3}$'", name=op.f("ck_currencies_numeric_code_is_iso_4217")),
        sa.CheckConstraint("exponent BETWEEN 0 AND 4", name=op.f("ck_currencies_exponent_range")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_currencies")),
        schema="shop",
        comment="ISO 4217 currencies. Amounts everywhere are integers in the currency's minor unit.",
    )
    op.create_index("uq_currencies_numeric_code", "currencies", ["numeric_code"], unique=True, schema="shop")
    op.create_table(
        "countries",
        sa.Column("code", sa.Text(), nullable=False, comment="ISO 3166-1 alpha-2 code, such as IE."),
        sa.Column("alpha3", sa.Text(), nullable=False, comment="ISO 3166-1 alpha-3 code."),
        sa.Column("numeric_code", sa.Text(), nullable=False, comment="ISO 3166-1 numeric code, three digits."),
        sa.Column("name", sa.Text(), nullable=False, comment="English short name."),
        sa.Column(
            "currency",
            sa.Text(),
            nullable=True,
            comment="Currency in general use there; NULL where there is none (Antarctica).",
        ),
        sa.Column(
            "prices_include_tax",
            sa.Boolean(),
            server_default=sa.text("true"),
            nullable=False,
            comment="Whether catalogue prices shown to buyers there contain the tax. Snapshotted on each order.",
        ),
        sa.CheckConstraint("alpha3 ~ '^[A-Z]{3}$'", name=op.f("ck_countries_alpha3_is_iso_3166")),
        sa.CheckConstraint("btrim(name) <> '' AND char_length(name) <= 100", name=op.f("ck_countries_name_length")),
        sa.CheckConstraint("code ~ '^[A-Z]{2}$'", name=op.f("ck_countries_code_is_iso_3166")),
        sa.CheckConstraint("numeric_code ~ '^[0-9]{3}$'", name=op.f("ck_countries_numeric_code_is_iso_3166")),
        sa.ForeignKeyConstraint(
            ["currency"], ["shop.currencies.code"], name=op.f("fk_countries_currency"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_countries")),
        schema="shop",
        comment="ISO 3166-1 countries, with the rule by which prices include tax there.",
    )
    op.create_index("uq_countries_alpha3", "countries", ["alpha3"], unique=True, schema="shop")
    op.create_index("uq_countries_numeric_code", "countries", ["numeric_code"], unique=True, schema="shop")
    op.create_table(
        "deployment",
        sa.Column(
            "is_only_row",
            sa.Boolean(),
            server_default=sa.text("true"),
            nullable=False,
            comment="Always true: keeps the table to one row.",
        ),
        sa.Column(
            "environment",
            sa.Text(),
            nullable=False,
            comment="local, test, staging or production. Tools refuse to seed, replace or downgrade production.",
        ),
        sa.Column(
            "is_sample_data",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="True once the data loader filled this database; only then may its content be replaced.",
        ),
        sa.Column(
            "created_at",
            sa.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When the first migration ran.",
        ),
        sa.CheckConstraint(
            "NOT (is_sample_data AND environment = 'production')", name=op.f("ck_deployment_no_samples_in_production")
        ),
        sa.CheckConstraint(
            "environment IN ('local', 'test', 'staging', 'production')", name=op.f("ck_deployment_environment_known")
        ),
        sa.CheckConstraint("is_only_row", name=op.f("ck_deployment_one_row")),
        sa.PrimaryKeyConstraint("is_only_row", name=op.f("pk_deployment")),
        schema="shop",
        comment="One row: the environment this database serves, and whether its content is generated sample data.",
    )
    run_sql_beside(__file__)


def downgrade() -> None:
    """Undo it, for development; production goes forward only."""
    op.drop_table("deployment", schema="shop")
    op.drop_table("countries", schema="shop")
    op.drop_table("currencies", schema="shop")
    run_sql_beside(__file__, ".down.sql")
