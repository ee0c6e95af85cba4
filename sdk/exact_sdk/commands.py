"""``exact plugin``: what authors of plugins type."""

from __future__ import annotations

import json
import sys

import click

PARTS = ("panel", "routes", "tables", "jobs", "model", "statistics")


@click.group()
def plugin() -> None:
    """Write, check and document a plugin."""


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
