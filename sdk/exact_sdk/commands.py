"""``exact plugin``: what authors of plugins type."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click


@click.group()
def plugin() -> None:
    """Write, check and document a plugin."""


@plugin.command()
@click.argument("name")
@click.option(
    "--with",
    "parts",
    default="panel,routes",
    show_default=True,
    help="Any of: panel, routes, tables, jobs, model, statistics; '' for none.",
)
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder to put it into; the current one.",
)
def new(name: str, parts: str, into: Path) -> None:
    """Write a new plugin that works at once, to change from there."""
    from exact_sdk.scaffold import BadName, naming_of, parts_of, write

    try:
        naming = naming_of(name)
        folder = write(naming, parts_of(parts), into)
    except (BadName, FileExistsError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{folder} is a plugin now. Go on with:")
    for line in (f"pip install -e {folder}", f"exact plugin check {naming.plugin}", f"exact dev {naming.plugin}"):
        click.echo(f"    {line}")


@plugin.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--full", is_flag=True, help="Also start an instance with the plugin and look how it behaves.")
def check(name: str, as_json: bool, full: bool) -> None:
    """Look for mistakes in an installed plugin, each with the line to mend; exits with 1 when there is one."""
    from exact_sdk.examination import examine

    try:
        report = examine(name.replace("-", "_"), full=full)
    except LookupError as error:
        raise click.ClickException(str(error.args[0])) from error
    if as_json:
        click.echo(json.dumps(report.to_json()))
    else:
        for problem in report.problems:
            click.echo(str(problem))
        for reason in report.not_checked:
            click.echo(f"Not checked: {reason}")
        count = len(report.problems)
        found = "no problem" if count == 0 else "1 problem" if count == 1 else f"{count} problems"
        click.echo(f"{report.name} {report.version} ({report.state}): {report.checks} checks, {found}.")
    sys.exit(1 if report.problems else 0)


@plugin.command()
@click.argument("name")
@click.option("--write", "mode", flag_value="write", help="Put the tables into the README, between its marks.")
@click.option("--check", "mode", flag_value="check", help="Only look; exits with 1 when the README is behind.")
def docs(name: str, mode: str | None) -> None:
    """Print what a plugin adds, as tables for its README."""
    from exact_sdk.readme import NoReadme, tables_of, with_tables
    from exact_sdk.subject import Subject

    try:
        subject = Subject(name.replace("-", "_"))
        tables = tables_of(subject)
    except (NoReadme, LookupError) as error:
        raise click.ClickException(str(error.args[0])) from error
    if mode is None:
        click.echo(tables)
        return
    readme = subject.project / "README.md" if subject.project else None
    if readme is None or not readme.is_file():
        raise click.ClickException(f"{subject.name} was not installed from a folder with a README.md.")
    before = readme.read_text(encoding="utf-8")
    after = with_tables(before, tables)
    if mode == "write":
        readme.write_text(after, encoding="utf-8")
        click.echo(f"{readme} is up to date.")
    elif after != before:
        raise click.ClickException(f"{readme} is behind; run: exact plugin docs {subject.name} --write")
