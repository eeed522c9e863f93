"""Connections to a real server, and what failed ones say. AWS is an HTTP server that answers as AWS does."""

from __future__ import annotations

import dataclasses
import json
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import psycopg2
import pytest
import sqlalchemy
from conftest import as_environment
from ecommerce_dms import credentials
from ecommerce_dms.connection import ConnectionFailed, connect, connection_parameters, make_engine
from ecommerce_dms.embedded import EmbeddedServer
from ecommerce_dms.settings import Settings, load_settings

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop-AbCdEf"


def value(settings: Settings, sql: str, **arguments: object) -> object:
    """The one value that a query returns."""
    with closing(connect(settings, **arguments)) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def failure(settings: Settings, **arguments: object) -> str:
    with pytest.raises(ConnectionFailed) as caught:
        connect(settings, **arguments)
    message = str(caught.value)
    assert caught.value.exit_code == 1
    assert "\n" not in message
    assert not settings.password or settings.password not in message
    # A traceback would print the cause as well.
    assert caught.value.__suppress_context__
    return message


def test_connects_as_the_user_to_the_database(embedded_settings: Settings) -> None:
    assert value(embedded_settings, "SELECT current_user || '@' || current_database()") == "shop_master@shop"
    assert value(embedded_settings, "SELECT current_database()", dbname="template1") == "template1"


def test_a_url_connects_as_well(embedded_server: EmbeddedServer) -> None:
    given = embedded_server.connection_parameters()
    url = "postgresql+psycopg2://{user}:{password}@{host}:{port}/{dbname}?application_name=from-url&options=-c%20work_mem%3D3MB"
    settings = load_settings(environ={"DATABASE_URL": url.format(**given)})
    assert value(settings, "SELECT current_setting('application_name')") == "from-url"
    assert value(settings, "SELECT current_setting('work_mem')", options={"lock_timeout": "1s"}) == "3MB"
    assert value(settings, "SELECT current_setting('lock_timeout')", options={"lock_timeout": "1s"}) == "1s"


def test_acts_as_the_role_from_the_start(embedded_settings: Settings) -> None:
    with closing(connect(embedded_settings)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("CREATE ROLE acting; GRANT acting TO shop_master WITH SET TRUE")
    assert value(embedded_settings, "SELECT current_user", role="acting") == "acting"
    assert value(embedded_settings, "SELECT session_user", role="acting") == "shop_master"
    with make_engine(embedded_settings, role="acting").connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT current_user")).scalar() == "acting"


@pytest.mark.parametrize("text", ["plain", "two words", r"back\slash", "tab\there", 'quote\'d "x"', "-c work_mem=1MB"])
def test_options_arrive_as_they_were_given(embedded_settings: Settings, text: str) -> None:
    assert value(embedded_settings, "SELECT current_setting('my.option')", options={"my.option": text}) == text


def test_an_option_cannot_smuggle_in_another(embedded_settings: Settings) -> None:
    with pytest.raises(ValueError, match="no name of a server setting"):
        connect(embedded_settings, options={"a -c role": "postgres"})


def test_connections_say_who_they_are_and_notice_a_dead_peer(embedded_settings: Settings) -> None:
    assert value(embedded_settings, "SELECT current_setting('application_name')") == "ecommerce-dms"
    named = value(embedded_settings, "SELECT current_setting('application_name')", application_name="loader")
    assert named == "loader"
    with closing(connect(embedded_settings)) as connection:
        parameters = connection.get_dsn_parameters()
        assert connection.fileno() >= 0
        with socket.socket(fileno=socket.dup(connection.fileno())) as raw:
            assert raw.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert parameters["connect_timeout"] == "10"
    assert int(parameters["keepalives_idle"]) <= 60


def test_libpqs_variables_lead_nowhere_else(embedded_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, wrong in {
        "PGHOSTADDR": "192.0.2.1",
        "PGPORT": "1",
        "PGPASSWORD": "wrong",
        "PGOPTIONS": "-c role=x",
    }.items():
        monkeypatch.setenv(name, wrong)
    assert value(embedded_settings, "SELECT current_user") == "shop_master"
    without = dataclasses.replace(embedded_settings, auth="libpq", password="")
    monkeypatch.setenv("PGPASSWORD", embedded_settings.password)
    assert "no password supplied" in failure(without)


def test_libpqs_password_file_is_used_when_no_password_was_given(
    embedded_server: EmbeddedServer, embedded_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSFILE", embedded_server.psql_environment()["PGPASSFILE"])
    without = dataclasses.replace(embedded_settings, auth="libpq", password="")
    assert value(without, "SELECT current_user") == "shop_master"


def test_an_engine_knows_no_password(embedded_settings: Settings) -> None:
    engine = make_engine(embedded_settings)
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT 1")).scalar() == 1
    for text in (repr(engine), str(engine.url), engine.url.render_as_string(hide_password=False)):
        assert embedded_settings.password not in text


def test_an_engines_errors_leave_out_what_was_passed_in(embedded_settings: Settings) -> None:
    statement = sqlalchemy.text("SELECT 1/0, :email")
    with (
        make_engine(embedded_settings).connect() as connection,
        pytest.raises(sqlalchemy.exc.DataError) as caught,
    ):
        connection.execute(statement, {"email": "a@example.com"})
    assert "a@example.com" not in str(caught.value)


def test_an_engine_keeps_no_connection_open(embedded_settings: Settings) -> None:
    engine = make_engine(embedded_settings, application_name="pooled?")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT 1"))
        raw = connection.connection.dbapi_connection
    assert raw.closed


def test_the_embedded_server_is_started_when_it_is_needed(
    embedded_own: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECOMMERCE_DMS_HOME", str(embedded_own.directory))
    settings = load_settings(environ={"DB_SERVER": "embedded"})
    assert value(settings, "SELECT current_database()") == "shop"
    embedded_own.stop()
    assert value(dataclasses.replace(settings, dbname="postgres"), "SELECT current_database()") == "postgres"


# --- Failures: one line that names the server and the remedy


def test_nothing_listens(embedded_settings: Settings) -> None:
    with socket.socket() as bound:  # Bound and not listening: nobody else can take the port meanwhile.
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        message = failure(dataclasses.replace(embedded_settings, port=port))
    assert f"cannot connect to 127.0.0.1:{port}/shop as shop_master: Connection refused; nothing listens" in message


def test_an_unknown_host(embedded_settings: Settings) -> None:
    message = failure(dataclasses.replace(embedded_settings, host="no-such-host.invalid"))
    assert "no-such-host.invalid" in message
    assert "host name is unknown" in message


def test_a_wrong_password(embedded_settings: Settings) -> None:
    message = failure(dataclasses.replace(embedded_settings, password="not-the-right-one"))
    assert 'password authentication failed for user "shop_master"' in message


def test_an_unknown_user_is_told_no_more_than_that(embedded_settings: Settings) -> None:
    assert "password authentication failed" in failure(dataclasses.replace(embedded_settings, user="nobody"))


def test_an_unknown_database(embedded_settings: Settings) -> None:
    assert 'database "absent" does not exist; check DB_NAME' in failure(embedded_settings, dbname="absent")


def test_a_role_that_the_user_may_not_act_as(embedded_settings: Settings) -> None:
    message = failure(embedded_settings, role="postgres")
    assert 'permission denied to set role "postgres"' in message
    assert "bootstrap" in message
    assert "bootstrap" in failure(embedded_settings, role="absent")


def test_a_server_without_tls(embedded_settings: Settings) -> None:
    message = failure(dataclasses.replace(embedded_settings, sslmode="require"))
    assert "server does not support SSL" in message
    assert "DB_SSLMODE" in message


def test_no_certificates_to_check_with(embedded_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLROOTCERT", "/no/such/root.crt")
    with socket.create_server(("127.0.0.1", 0)) as willing:

        def agree_to_tls() -> None:
            client, _ = willing.accept()
            with client:
                client.recv(8)
                client.sendall(b"S")
                client.recv(1)

        thread = threading.Thread(target=agree_to_tls)
        thread.start()
        port = willing.getsockname()[1]
        message = failure(dataclasses.replace(embedded_settings, sslmode="verify-full", port=port))
        thread.join()
    assert "cannot be checked" in message
    assert "DB_SSLROOTCERT" in message


def test_a_server_that_does_not_answer(embedded_settings: Settings) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        slow = dataclasses.replace(
            embedded_settings, port=mute.getsockname()[1], parameters=(("connect_timeout", "2"),)
        )
        assert "no answer" in failure(slow)


def test_all_connections_taken(embedded_settings: Settings, embedded_server: EmbeddedServer) -> None:
    with closing(psycopg2.connect(**embedded_server.superuser_parameters())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("CREATE ROLE single LOGIN CONNECTION LIMIT 0 PASSWORD 'single-password'")
    message = failure(dataclasses.replace(embedded_settings, user="single", password="single-password"))
    assert 'too many connections for role "single"' in message


def test_the_unused_password_is_mentioned(embedded_server: EmbeddedServer, tmp_path) -> None:
    environ = as_environment(embedded_server.connection_parameters())
    file = tmp_path / "test.env"
    file.write_text("".join(f"{key}={text}\n" for key, text in environ.items()))
    url = "postgresql://shop_master@127.0.0.1:{DB_PORT}/shop".format_map(environ)
    message = failure(load_settings(environ={"DATABASE_URL": url}, env_file=file))
    assert f"DB_PASSWORD ({file}) was not used" in message
    assert environ["DB_PASSWORD"] not in message


# --- Credentials from AWS


class SecretsManager(HTTPServer):
    """Answers GetSecretValue with `secret`, or with `error`."""

    secret: dict[str, str] | str = ""
    error: str | None = None

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.headers["X-Amz-Target"] == "secretsmanager.GetSecretValue"
            secret = self.server.secret
            text = secret if isinstance(secret, str) else json.dumps(secret)
            answer = {"ARN": asked["SecretId"], "Name": "shop", "SecretString": text}
            if self.server.error:
                answer = {"__type": self.server.error, "message": "refused by the test"}
            body = json.dumps(answer).encode()
            self.send_response(400 if self.server.error else 200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path) -> Iterator[SecretsManager]:
    server = SecretsManager(("127.0.0.1", 0), SecretsManager.Handler)
    for name in (
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_SESSION_TOKEN",
        "HTTP_PROXY",
        "http_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-key")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def by_secret(embedded_settings: Settings) -> Settings:
    return dataclasses.replace(embedded_settings, auth="secret", secret_arn=ARN, user="", password="")


def test_a_rotated_secret_is_used_for_the_next_connection(
    aws: SecretsManager, by_secret: Settings, embedded_server: EmbeddedServer
) -> None:
    with closing(psycopg2.connect(**embedded_server.superuser_parameters())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("CREATE ROLE rotating LOGIN")
            for password in (secrets.token_hex(8), secrets.token_hex(8)):
                cursor.execute("ALTER ROLE rotating PASSWORD %s", (password,))
                aws.secret = {"username": "rotating", "password": password}
                assert value(by_secret, "SELECT current_user") == "rotating"


def test_a_plain_secret_is_a_password(aws: SecretsManager, by_secret: Settings, embedded_settings: Settings) -> None:
    aws.secret = embedded_settings.password
    named = dataclasses.replace(by_secret, user="shop_master")
    assert value(named, "SELECT current_user") == "shop_master"
    with pytest.raises(credentials.CredentialError, match="names no user: set DB_USER"):
        connect(by_secret)


@pytest.mark.parametrize(
    ("secret", "error", "said"),
    [
        ({"username": "other", "password": "hidden-text"}, None, "DB_USER is 'shop_master'.*'other'"),
        ({"username": "shop_master", "pass": "hidden-text"}, None, 'without a "password"'),
        ("hidden-text", "ResourceNotFoundException", "ResourceNotFoundException: refused by the test"),
        ("hidden-text", "AccessDeniedException", f"secret {ARN}: AWS answered AccessDeniedException"),
    ],
)
def test_an_unusable_secret_is_explained_without_showing_it(
    aws: SecretsManager, by_secret: Settings, secret: dict[str, str] | str, error: str | None, said: str
) -> None:
    aws.secret, aws.error = secret, error
    with pytest.raises(credentials.CredentialError, match=said) as caught:
        connect(dataclasses.replace(by_secret, user="shop_master"))
    assert "hidden-text" not in str(caught.value)
    assert "secret-key" not in str(caught.value)


def test_missing_aws_credentials_are_one_line(
    aws: SecretsManager, by_secret: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(credentials.CredentialError, match="Unable to locate credentials"):
        connect(by_secret)


def iam_settings(host: str, **more: str) -> Settings:
    environ = {
        "DB_HOST": host,
        "DB_PORT": "6543",
        "DB_NAME": "shop",
        "DB_USER": "shop_app",
        "DB_AUTH": "iam",
        **more,
    }
    return load_settings(environ=environ)


def test_a_token_is_signed_for_this_server_and_user(aws: SecretsManager) -> None:
    host = "shop.abcdefghijkl.eu-central-1.rds.amazonaws.com"
    parameters = connection_parameters(iam_settings(host))
    token = urlsplit(f"//{parameters['password']}")
    query = parse_qs(token.query)
    assert (token.hostname, token.port) == (host, 6543)
    assert query["DBUser"] == ["shop_app"]
    assert query["X-Amz-Expires"] == ["900"]
    assert "/eu-central-1/rds-db/" in query["X-Amz-Credential"][0]
    assert parameters["sslmode"] == "verify-full"


def test_the_region_may_be_set(aws: SecretsManager) -> None:
    parameters = connection_parameters(iam_settings("db.internal", AWS_REGION="eu-west-3"))
    assert "/eu-west-3/rds-db/" in parse_qs(parameters["password"])["X-Amz-Credential"][0]


def test_a_missing_region_is_one_line(aws: SecretsManager) -> None:
    with pytest.raises(credentials.CredentialError, match="set AWS_REGION"):
        connect(iam_settings("db.internal"))
