"""``exact user``: accounts, login links and access tokens, for who can reach the server's machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click
from sqlalchemy import select

from exact_core.auth import accounts, credentials
from exact_core.auth.rights import WORK
from exact_core.settings import Settings
from exact_core.storage.commands import ready_database
from exact_core.storage.database import Database
from exact_core.storage.models import User

_SCOPES = ("read", "write", "admin")


@dataclass(frozen=True, slots=True)
class Instance:
    """The instance that a command works on."""

    settings: Settings
    database: Database

    @property
    def base_url(self) -> str:
        """Where people reach it."""
        host = "127.0.0.1" if self.settings.host in ("0.0.0.0", "::") else self.settings.host  # noqa: S104
        host = f"[{host}]" if ":" in host else host
        return self.settings.base_url or f"http://{host}:{self.settings.port}"


@contextmanager
def _instance() -> Iterator[Instance]:
    settings = Settings()
    with ready_database(settings) as database:
        yield Instance(settings, database)


_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")


@click.group()
def user() -> None:
    """Create users, login links and access tokens."""


@user.command()
@click.argument("name")
@click.option("--admin", is_flag=True, help="With every right on this server.")
@click.option("--display-name", default="", help="What others read; the login name unless told.")
@_as_json
def create(name: str, admin: bool, display_name: str, as_json: bool) -> None:
    """Create an account and print a one-time login link for it. There is no default password."""
    with _instance() as instance, instance.database.write() as session:
        person = accounts.create_user(session, name, display_name=display_name, is_admin=admin)
        _print_link(instance, person, accounts.issue_link(session, person), as_json)


@user.command()
@click.argument("name")
@_as_json
def link(name: str, as_json: bool) -> None:
    """Print a one-time login link: an invitation, or help for a forgotten password."""
    with _instance() as instance, instance.database.write() as session:
        person = accounts.user_named(session, name)
        _print_link(instance, person, accounts.issue_link(session, person), as_json)


@user.command()
@click.argument("name")
@click.option("--label", default="command line", show_default=True, help="What the token is for.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice((*_SCOPES, WORK)),
    multiple=True,
    help="What it may do; all unless told. 'work' is for 'exact worker --server', and for nothing else.",
)
@click.option("--days", type=click.IntRange(1, credentials.MAX_TOKEN_DAYS), default=90, show_default=True)
@_as_json
def token(name: str, label: str, scopes: tuple[str, ...], days: int, as_json: bool) -> None:
    """Print an access token for "Authorization: Bearer". It is not kept and cannot be shown again."""
    with _instance() as instance, instance.database.write() as session:
        person = accounts.user_named(session, name)
        if not person.is_active:
            raise click.ClickException(f"{person.name} is deactivated.")
        if WORK in scopes and not person.is_admin:
            raise click.ClickException("Only administrators can have tokens for workers.")
        row, secret = credentials.make_token(session, person.id, label, scopes or _SCOPES, days)
        if as_json:
            expires = row.expires_at.isoformat() if row.expires_at else None
            click.echo(json.dumps({"user": person.name, "token": secret, "scopes": row.scopes, "expires_at": expires}))
        else:
            click.echo(secret)


@user.command("list")
@_as_json
def list_(as_json: bool) -> None:
    """List every account."""
    with _instance() as instance, instance.database.read() as session:
        for person in session.scalars(select(User).order_by(User.folded_name)):
            if as_json:
                click.echo(json.dumps(_described(person)))
                continue
            marks = ", admin" * person.is_admin + ", deactivated" * (not person.is_active)
            click.echo(f"{person.name:24} {person.display_name}{marks}")


@user.command()
@click.argument("name")
def deactivate(name: str) -> None:
    """End every session and token of somebody, and let them in no more. Nothing that they made is touched."""
    with _instance() as instance, instance.database.write() as session:
        person = accounts.user_named(session, name)
        accounts.set_active(session, person, False)
    click.echo(f"{person.name} is deactivated.")


@user.command()
@click.argument("name")
def activate(name: str) -> None:
    """Let somebody in again."""
    with _instance() as instance, instance.database.write() as session:
        person = accounts.user_named(session, name)
        accounts.set_active(session, person, True)
    click.echo(f"{person.name} is active; a login link: exact user link {person.name}")


def _described(person: User) -> dict[str, object]:
    return {
        "id": person.id,
        "name": person.name,
        "display_name": person.display_name,
        "is_admin": person.is_admin,
        "is_active": person.is_active,
    }


def _print_link(instance: Instance, person: User, issued: accounts.IssuedLink, as_json: bool) -> None:
    url = issued.url(instance.base_url)
    if as_json:
        expires = issued.expires_at.isoformat()
        click.echo(json.dumps({**_described(person), "login_link": url, "expires_at": expires}))
        return
    click.echo(f"{person.name} can log in once, until {issued.expires_at:%Y-%m-%d %H:%M} UTC, with:")
    click.echo(url)
