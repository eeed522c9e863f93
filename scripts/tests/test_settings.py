"""What the command line, the environment and an .env file add up to. Nothing connects here."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pytest
from ecommerce_dms.settings import (
    Settings,
    SettingsError,
    add_connection_arguments,
    embedded_environment,
    load_settings,
)
from ecommerce_dms.settings_layers import DEFAULT_ENV_FILE, KEYS

SECRET = "pa$$w0rd${HOME}"
SERVER = {"DB_HOST": "db.example.com", "DB_NAME": "shop", "DB_USER": "shop_master", "DB_PASSWORD": SECRET}
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop-AbCdEf"
WITHOUT_PASSWORD = {key: value for key, value in SERVER.items() if key != "DB_PASSWORD"}


@pytest.fixture(autouse=True)
def no_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The developer's own scripts/.env is none of the tests' business."""
    monkeypatch.setattr("ecommerce_dms.settings_layers.DEFAULT_ENV_FILE", tmp_path / "no.env")


def load(environ: dict[str, str] | None = None, *arguments: str, file: Path | None = None) -> Settings:
    parser = argparse.ArgumentParser()
    add_connection_arguments(parser)
    return load_settings(parser.parse_args(arguments), environ or {}, file)


def error(environ: dict[str, str], *arguments: str, file: Path | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load(environ, *arguments, file=file)
    message = str(caught.value)
    assert SECRET not in message
    assert "\n" not in message
    assert caught.value.exit_code == 2
    return message


def env_file(folder: Path, text: str) -> Path:
    file = folder / "test.env"
    file.write_text(text)
    return file


def test_nothing_set_means_the_embedded_server() -> None:
    settings = load()
    assert settings.embedded
    assert settings.describe() == "the embedded PostgreSQL 18 (nothing else is configured)"


def test_unrelated_variables_count_as_nothing() -> None:
    assert load({"PATH": "/bin", "AWS_REGION": "eu-west-1", "DB_CONNECTION": "mysql", "DB_HOST": ""}).embedded


def test_separate_variables_name_a_server() -> None:
    settings = load({**SERVER, "DB_PORT": "6543"})
    assert (settings.host, settings.port, settings.dbname, settings.user) == (
        *("db.example.com", 6543, "shop", "shop_master"),
    )
    assert settings.password == SECRET
    assert settings.describe() == (
        "PostgreSQL at db.example.com:6543/shop as shop_master, sslmode verify-full (from the environment)"
    )


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2", "POSTGRESQL"])
def test_urls_of_every_spelling_name_a_server(scheme: str) -> None:
    url = f"{scheme}://shop_master:p%40%24s%2Fs@db.example.com:6543/shop?sslmode=require&connect_timeout=3"
    settings = load({"DATABASE_URL": url})
    assert (settings.host, settings.port, settings.dbname, settings.user, settings.password) == (
        *("db.example.com", 6543, "shop", "shop_master", "p@$s/s"),
    )
    assert settings.sslmode == "require"
    assert settings.parameters == (("connect_timeout", "3"),)


def test_a_url_may_take_its_credential_from_beside_it() -> None:
    url = "postgresql://shop_master@db.example.com/shop"
    assert load({"DATABASE_URL": url}).auth == "libpq"
    assert load({"DATABASE_URL": url, "DB_PASSWORD": SECRET}).password == SECRET
    assert load({"DATABASE_URL": url, "DB_SECRET_ARN": ARN}).auth == "secret"


def test_a_url_may_name_a_socket_or_an_ipv6_address() -> None:
    assert load({"DATABASE_URL": "postgresql://me@/shop?host=/run/postgresql"}).host == "/run/postgresql"
    assert load({"DATABASE_URL": "postgresql://me@[2001:db8::1]/shop"}).address() == "[2001:db8::1]:5432/shop"


def test_no_secret_in_repr_or_description() -> None:
    for settings in (
        load(SERVER),
        load({"DATABASE_URL": "postgresql://me:hidden@db.example.com/shop?sslpassword=hidden"}),
    ):
        for text in (repr(settings), str(settings), settings.describe()):
            assert SECRET not in text
            assert "hidden" not in text


# --- Layers


def test_the_file_is_used_when_nothing_above_names_a_server(tmp_path: Path) -> None:
    file = env_file(tmp_path, "DB_HOST=file.example.com\nDB_NAME=shop\nDB_USER=me\nDB_PASSWORD='a b'\n")
    settings = load(file=file)
    assert (settings.host, settings.password) == ("file.example.com", "a b")
    assert settings.describe().endswith(f"(from {file})")


def test_values_of_the_file_are_literal(tmp_path: Path) -> None:
    file = env_file(tmp_path, f"DB_HOST=h\nDB_NAME=d\nDB_USER=u\nexport DB_PASSWORD={SECRET}#x\n")
    assert load(file=file).password == f"{SECRET}#x"


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    file = env_file(tmp_path, "\ufeffDB_SERVER=embedded\n")
    assert load(file=file).source == f"DB_SERVER=embedded in {file}"


@pytest.mark.parametrize(
    ("environ", "arguments"),
    [
        ({}, ("--host", "other.example.com", "--dbname", "shop", "--user", "shop_master")),
        ({}, ("--url", "postgresql://shop_master@other.example.com/shop")),
        ({"DATABASE_URL": "postgresql://shop_master@other.example.com/shop"}, ()),
    ],
)
def test_a_password_is_never_sent_to_a_server_that_a_higher_layer_names(
    tmp_path: Path, environ: dict[str, str], arguments: tuple[str, ...]
) -> None:
    file = env_file(tmp_path, "".join(f"{key}={value}\n" for key, value in SERVER.items()))
    settings = load(environ, *arguments, file=file)
    assert settings.host == "other.example.com"
    assert settings.password == ""
    assert settings.auth == "libpq"
    assert settings.unused == (f"DB_PASSWORD ({file})",)


def test_a_lone_password_below_is_not_sent_either(tmp_path: Path) -> None:
    file = env_file(tmp_path, f"DB_PASSWORD={SECRET}\n")
    assert load({}, "--host", "h", "--dbname", "d", "--user", "u", file=file).password == ""


def test_a_server_named_above_needs_its_own_credential(tmp_path: Path) -> None:
    file = env_file(tmp_path, f"DB_PASSWORD={SECRET}\n")
    assert "DB_HOST (the environment) is set without a credential" in error(WITHOUT_PASSWORD, file=file)


def test_single_settings_above_override(tmp_path: Path) -> None:
    file = env_file(tmp_path, "".join(f"{key}={value}\n" for key, value in SERVER.items()))
    settings = load({"DB_PASSWORD": "rotated"}, "--dbname", "other", file=file)
    assert (settings.host, settings.dbname, settings.password) == ("db.example.com", "other", "rotated")


def test_a_credential_above_replaces_one_of_another_kind(tmp_path: Path) -> None:
    file = env_file(tmp_path, "".join(f"{key}={value}\n" for key, value in SERVER.items()))
    settings = load({"DB_SECRET_ARN": ARN}, file=file)
    assert (settings.auth, settings.password) == ("secret", "")


@pytest.mark.parametrize("key", ["DB_PORT", "DB_HOSTADDR"])
def test_the_address_cannot_be_moved_from_above(tmp_path: Path, key: str) -> None:
    file = env_file(tmp_path, "".join(f"{key}={value}\n" for key, value in SERVER.items()))
    message = error({key: "127.0.0.1"}, file=file)
    assert key in message
    assert "DB_HOST" in message


def test_another_user_needs_another_password() -> None:
    message = error(SERVER, "--user", "shop_app")
    assert "--user is 'shop_app'" in message
    assert "DB_PASSWORD (the environment)" in message
    assert load({**WITHOUT_PASSWORD, "DB_AUTH": "iam"}, "--user", "shop_app").user == "shop_app"


def test_embedded_overrules_what_is_below(tmp_path: Path) -> None:
    file = env_file(tmp_path, "".join(f"{key}={value}\n" for key, value in SERVER.items()))
    by_option = load(SERVER, "--embedded", "--dbname", "other", file=file)
    assert (by_option.embedded, by_option.dbname, by_option.source) == (True, "other", "--embedded")
    by_variable = load({"DB_SERVER": "embedded"}, file=file)
    assert by_variable.describe() == "the embedded PostgreSQL 18 (DB_SERVER=embedded in the environment)"


def test_embedded_environment_leaves_nothing_of_another_server(tmp_path: Path) -> None:
    environ = embedded_environment({**SERVER, "DB_SSLMODE": "require", "PATH": "/bin", "AWS_REGION": "eu-west-1"})
    assert environ == {"PATH": "/bin", "AWS_REGION": "eu-west-1", "DB_SERVER": "embedded"}
    assert load(environ).embedded


# --- TLS


@pytest.mark.parametrize(
    ("host", "sslmode"),
    [
        ("db.example.com", "verify-full"),
        ("10.0.0.7", "verify-full"),
        ("localhost.example.com", "verify-full"),
        ("localhost,db.example.com", "verify-full"),
        ("localhost", "prefer"),
        ("127.0.0.2", "prefer"),
        ("::1", "prefer"),
        ("/run/postgresql", "prefer"),
    ],
)
def test_only_this_machine_is_spared_the_proof_of_its_name(host: str, sslmode: str) -> None:
    assert load({**SERVER, "DB_HOST": host}).sslmode == sslmode


def test_a_tunnel_keeps_the_proof_of_the_name() -> None:
    settings = load({**SERVER, "DB_HOSTADDR": "127.0.0.1"})
    assert (settings.hostaddr, settings.sslmode) == ("127.0.0.1", "verify-full")


def test_a_token_goes_over_tls_alone() -> None:
    environ = {**WITHOUT_PASSWORD, "DB_HOST": "localhost", "DB_AUTH": "iam"}
    assert load(environ).sslmode == "verify-full"
    message = error({**environ, "DB_SSLMODE": "prefer"})
    assert "DB_AUTH=iam contradicts DB_SSLMODE (the environment)" in message


def test_a_root_certificate_is_looked_for_beside_the_file_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "bundle.pem").write_text("certificates")
    text = "".join(f"{key}={value}\n" for key, value in SERVER.items())
    settings = load(file=env_file(tmp_path, f"{text}DB_SSLROOTCERT=bundle.pem\n"))
    assert settings.sslrootcert == str(tmp_path / "bundle.pem")


# --- Errors name what is wrong, where, and the way out


@pytest.mark.parametrize(
    ("environ", "arguments", "said"),
    [
        (
            {"DB_PASSWORD": SECRET},
            (),
            ("DB_PASSWORD (the environment)", "DB_HOST", "--embedded", "DB_SERVER=embedded"),
        ),
        ({}, ("--dbname", "x"), ("--dbname", "--embedded")),
        (WITHOUT_PASSWORD, (), ("DB_HOST", "DB_PASSWORD", "DB_SECRET_ARN", "DB_AUTH=iam")),
        ({**SERVER, "DB_NAME": ""}, (), ("DB_HOST", "DB_NAME")),
        ({**SERVER, "DB_USER": ""}, (), ("DB_HOST", "DB_USER")),
        ({**SERVER, "DB_AUTH": "iam"}, (), ("DB_PASSWORD", "DB_AUTH")),
        ({**SERVER, "DB_SECRET_ARN": ARN}, (), ("DB_PASSWORD", "DB_SECRET_ARN")),
        ({**WITHOUT_PASSWORD, "DB_AUTH": SECRET}, (), ("DB_AUTH", "iam or libpq")),
        ({**WITHOUT_PASSWORD, "DB_SECRET_ARN": SECRET}, (), ("DB_SECRET_ARN", "no ARN")),
        ({**SERVER, "DATABASE_URL": "postgresql://u@h/d"}, (), ("DATABASE_URL", "DB_HOST", "contradicts")),
        (
            {"DATABASE_URL": "postgresql://u:x@h/d", "DB_PASSWORD": SECRET},
            (),
            ("DATABASE_URL", "DB_PASSWORD"),
        ),
        (
            {"DATABASE_URL": "postgresql://u@h/d?sslmode=require", "DB_SSLMODE": "require"},
            (),
            ("DB_SSLMODE", "URL"),
        ),
        ({"DATABASE_URL": "mysql://u@h/d"}, (), ("DATABASE_URL", "postgresql://")),
        ({"DATABASE_URL": f"postgresql://u:{SECRET}%zz@h/d"}, (), ("DATABASE_URL", "percent-encode")),
        ({"DATABASE_URL": f"postgresql://u:{SECRET}@h/d?nonsense=1"}, (), ("DATABASE_URL", "parameters")),
        ({"DATABASE_URL": "postgresql://u@/d"}, (), ("DATABASE_URL", "no host")),
        ({"DATABASE_URL": "postgresql://u@h"}, (), ("DATABASE_URL", "no database")),
        ({"DATABASE_URL": "postgresql://h/d"}, (), ("DATABASE_URL", "no user")),
        ({}, ("--url", f"postgresql://u:{SECRET}@h/d"), ("--url", "public", "DATABASE_URL")),
        ({}, ("--url", f"postgresql://u@h/d?password={SECRET}"), ("--url", "public")),
        ({}, ("--url", f"postgresql://u@h/d?sslpassword={SECRET}"), ("--url", "public")),
        ({**SERVER, "DB_SERVER": "embedded"}, (), ("DB_SERVER", "DB_HOST")),
        ({"DB_SERVER": "embedded", "DB_PASSWORD": SECRET}, (), ("DB_SERVER", "DB_PASSWORD")),
        ({"DB_SERVER": "embedded"}, ("--user", "me"), ("DB_SERVER", "--user")),
        ({"DB_SERVER": "local"}, (), ("DB_SERVER", "'local'", "embedded")),
        ({}, ("--embedded", "--host", "h"), ("--embedded", "--host")),
        ({**SERVER, "DB_PORT": "0"}, (), ("DB_PORT", "'0'", "65535")),
        ({**SERVER, "DB_PORT": "65536"}, (), ("DB_PORT", "'65536'")),
        ({**SERVER, "DB_PORT": "5_432"}, (), ("DB_PORT", "'5_432'")),
        ({**SERVER, "DB_PORT": "٥٤٣٢"}, (), ("DB_PORT",)),
        ({**SERVER, "DB_HOST": "db.example.com:5432"}, (), ("DB_HOST", "DB_PORT")),
        ({**SERVER, "DB_HOST": "postgresql://db.example.com"}, (), ("DB_HOST", "DATABASE_URL")),
        ({**SERVER, "DB_HOST": "db example"}, (), ("DB_HOST", "blanks")),
        ({**SERVER, "DB_HOSTADDR": "db.example.com"}, (), ("DB_HOSTADDR", "IP address")),
        ({**SERVER, "DB_SSLMODE": "verify_full"}, (), ("DB_SSLMODE", "'verify_full'", "verify-full")),
        (
            {**SERVER, "DB_SSLROOTCERT": "/no/such.pem"},
            (),
            ("DB_SSLROOTCERT", "/no/such.pem", "global-bundle.pem"),
        ),
        (
            {**SERVER, "DB_SSLROOTCERT": "system", "DB_SSLMODE": "require"},
            (),
            ("DB_SSLROOTCERT", "sslmode require"),
        ),
        ({**SERVER, "DB_PASWORD": SECRET}, (), ("DB_PASWORD", "did you mean DB_PASSWORD?")),
        ({}, ("--env-file", "/no/such.env"), ("/no/such.env", ".env.example")),
        ({}, ("--env-file", "/"), ("cannot be read",)),
    ],
)
def test_an_error_names_both_sides_and_the_way_out(
    environ: dict[str, str], arguments: tuple[str, ...], said: tuple[str, ...]
) -> None:
    message = error(environ, *arguments)
    for part in said:
        assert part in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"DB_HOST=h\nDB_PASSWORD='{SECRET}\n", "line 2"),
        (f"DB_HOST=h\n{SECRET}\n", "line 2"),
        ("DB_PORT=1\nDB_PORT=2\n", "DB_PORT twice"),
        ("DB_HOSTNAME=h\n", "DB_HOSTNAME"),
        ("DB_XYZZY=h\n", "DB_XYZZY"),
    ],
)
def test_a_malformed_file_is_refused_with_the_line(tmp_path: Path, text: str, said: str) -> None:
    assert said in error({}, file=env_file(tmp_path, text))


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "test.env"
    file.write_bytes(b"DB_PASSWORD=\xff\xfe\n")
    assert "UTF-8" in error({}, file=file)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    file = env_file(tmp_path, "DB_SERVER=embedded\n")
    file.chmod(0)
    assert "cannot be read: Permission denied" in error({}, file=file)


# --- .env.example


def test_the_example_explains_every_setting_and_none_else() -> None:
    text = DEFAULT_ENV_FILE.with_name(".env.example").read_text()
    examples = [line[1:].split("=")[0] for line in text.splitlines() if line.startswith("#") and "=" in line[1:40]]
    # What the programs for access alone read, not every program.
    of_access = {key for key in examples if key.startswith(("LEASE_", "TUNNEL_"))}
    assert sorted(key for key in examples if key.isupper()) == sorted({*KEYS, *of_access})


def test_the_example_changes_nothing_until_it_is_edited() -> None:
    assert load(file=DEFAULT_ENV_FILE.with_name(".env.example")).embedded


def test_environment_of_a_new_database_is_read_where_the_server_is_named(tmp_path: Path) -> None:
    assert load({**SERVER, "DB_ENVIRONMENT": "test"}).environment == "test"
    below = env_file(tmp_path, "DB_HOST=other\nDB_NAME=n\nDB_USER=u\nDB_PASSWORD=p\nDB_ENVIRONMENT=production\n")
    assert load({"DB_SERVER": "embedded"}, file=below).environment == "local"
    assert load(SERVER, file=below).environment == ""
    assert load({"DB_ENVIRONMENT": "staging"}, file=below).environment == "staging"


def test_silence_about_the_environment_is_kept_for_a_named_server() -> None:
    assert load(SERVER).environment == ""
    assert load().environment == "local"


def test_unknown_environment_is_refused_with_those_known() -> None:
    assert "prod" in (message := error({**SERVER, "DB_ENVIRONMENT": "prod"}))
    assert "production" in message
