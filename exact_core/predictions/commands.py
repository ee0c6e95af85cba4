"""``exact predictions``: write out what was decided about predictions."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("predictions")
def group() -> None:
    """Export what was decided about predictions."""


@group.command("export")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--set", "set_name", required=True, help="Name of the image set.")
@click.option("--team", "team_name", default="", help="Team that owns the set; needed when several could.")
@click.option("--model", default="", help="Only decisions about the model of this uuid.")
def export(file: Path, set_name: str, team_name: str, model: str) -> None:
    """Write every decision of an image set to FILE, one JSON object per line."""
    from exact_core.imagesets.finding import find_by_name
    from exact_core.opening import close_services, open_services
    from exact_core.predictions.signals import signals
    from exact_core.settings import Settings

    services = open_services(Settings())
    try:
        with services.database.read() as session, file.open("w", encoding="utf-8") as out:
            count = 0
            for line in signals(session, find_by_name(session, set_name, team_name).id, model):
                out.write(line)
                count += 1
        click.echo(f"{count:,} decisions written to {file}.")
    finally:
        close_services(services)
