"""``exact user`` from a bare data folder."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from exact_core.auth.login import Login
from exact_core.cli import main
from exact_core.settings import Settings
from exact_core.storage.database import Database


@pytest.fixture(autouse=True)
def instance(tmp_path, monkeypatch):
    monkeypatch.setenv("EXACT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("EXACT_PORT", "8123")


def run(*arguments: str):
    return CliRunner().invoke(main, ["user", *arguments])


def one_line(*arguments: str) -> dict:
    answer = run(*arguments, "--json")
    assert answer.exit_code == 0, answer.output
    (line,) = answer.stdout.splitlines()
    return json.loads(line)


def test_the_first_administrator_is_made_on_a_bare_machine_and_can_log_in():
    made = one_line("create", "Ann", "--admin")
    assert made["is_admin"] is True
    assert made["login_link"].startswith("http://127.0.0.1:8123/login/link#")
    settings = Settings()
    database = Database(settings.effective_database_url)
    logged_in = Login(database, settings, "127.0.0.1", "test").with_link(made["login_link"].partition("#")[2])
    assert logged_in.user.name == "Ann"
    assert logged_in.user.password_hash is None  # there is no default password
    database.dispose()


def test_a_token_is_printed_alone_or_as_json():
    run("create", "Ann")
    assert run("token", "ann").stdout.strip().startswith("exact_")
    made = one_line("token", "ann", "--scope", "read", "--days", "3")
    assert made["scopes"] == ["read"]
    assert made["user"] == "Ann"


def test_accounts_are_listed_deactivated_and_activated():
    run("create", "boss", "--admin")
    run("create", "Ann", "--display-name", "Ann B.")
    assert run("deactivate", "ann").exit_code == 0
    lines = [json.loads(line) for line in run("list", "--json").stdout.splitlines()]
    assert [(each["name"], each["is_active"]) for each in lines] == [("Ann", False), ("boss", True)]
    assert "deactivated" in run("list").output
    assert run("token", "ann").exit_code == 1
    assert run("link", "ann").exit_code == 1
    assert run("activate", "ann").exit_code == 0
    assert "login/link#" in run("link", "ann").output


@pytest.mark.parametrize(
    "arguments",
    [("create", "a b"), ("create", "boss"), ("token", "nobody"), ("link", "nobody"), ("deactivate", "boss")],
)
def test_what_cannot_be_done_is_said_in_one_line(arguments):
    run("create", "boss", "--admin")
    answer = run(*arguments)
    assert answer.exit_code == 1
    assert answer.output.startswith("Error: ")
    assert "Traceback" not in answer.output
