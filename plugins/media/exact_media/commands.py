"""``exact media``: what administrators do on the server's own command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from exact_core.api import PluginCommands
from exact_media.mapping import MapParams, defaults

_USUAL = defaults()


@click.command("map")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--set", "image_set", required=True, help="Name of the image set; made when there is none.")
@click.option("--team", default="", help="Team that owns the set; needed when several could.")
@click.option("--name", default="", help="What the map is called; the folder's name when left out.")
@click.option("--pixels-per-second", type=float, default=_USUAL["pixels_per_second"], show_default=True)
@click.option("--max-hz", type=float, default=0.0, help="Highest frequency shown; the highest there is when left out.")
@click.option("--range-db", type=float, default=_USUAL["range_db"], show_default=True, help="Of loudness, in dB.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def make_map(
    commands: PluginCommands,
    /,
    folder: Path,
    image_set: str,
    team: str,
    name: str,
    pixels_per_second: float,
    max_hz: float,
    range_db: float,
    as_json: bool,
) -> None:
    """Make a map of spectrograms of the recordings in FOLDER.

    Segments come from Raven selection tables (.txt) and from CSV files with columns file, start, end (or duration) and
    label; without any table whole recordings are drawn. Each becomes an annotation with its sound attached.
    """
    params = MapParams(
        folder=str(folder.resolve()),
        name=name,
        pixels_per_second=pixels_per_second,
        max_hz=max_hz,
        range_db=range_db,
    )
    hidden = as_json or not sys.stderr.isatty()
    with click.progressbar(length=1000, label="Drawing", file=sys.stderr, hidden=hidden) as bar:
        done = commands.run_job(
            "map",
            image_set=image_set,
            team=team,
            params=params.model_dump(),
            told=lambda part, _words: bar.update(max(0, int(part * 1000) - bar.pos)),
        )
    if as_json:
        click.echo(json.dumps(dict(done)))
        return
    drawn_of = f"{done['segments']} segments of {done['recordings']} recordings"
    click.echo(f"Image {done['image']} of {image_set!r}: {drawn_of}.")
    reasons = done["reasons"]
    assert isinstance(reasons, list)
    for reason in reasons:
        click.echo(f"left out: {reason}", err=True)
