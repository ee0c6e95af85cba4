"""``exact import``: bring files of this machine into an image set."""

from __future__ import annotations

import json
import sys
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import click

if TYPE_CHECKING:
    from exact_core.images.importing import Outcome
    from exact_core.services import Services

_MOST_LINES = 50


class _Bar(Protocol):
    """The part of a progress bar that is used."""

    def update(self, n_steps: int) -> None:
        """Move on by so many steps."""


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--set", "set_name", required=True, help="Name of the image set; made when there is none.")
@click.option("--team", "team_name", default="", help="Team that owns the set; needed when several could.")
@click.option("--copy", is_flag=True, help="Copy the files into the data folder instead of using them in place.")
@click.option("--wait", is_flag=True, help="Return when every image is ready or turned out unreadable.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per picture.")
def import_(paths: tuple[Path, ...], set_name: str, team_name: str, copy: bool, wait: bool, as_json: bool) -> None:
    """Bring slides, pictures and folders PATH… into an image set.

    Files are used where they are: they are never written and never deleted, and must stay there. A folder is searched
    with everything below it; MRXS slides with their data folder and DICOM series become one image each.

    The exit status is 1 when a picture could not be read.
    """
    from exact_core.jobs.serve_commands import prepare_database
    from exact_core.opening import close_services, open_services
    from exact_core.settings import Settings

    settings = Settings()
    prepare_database(settings)
    services = open_services(settings)
    try:
        outcomes = _run(services, paths, set_name, team_name, copy=copy, wait=wait, as_json=as_json)
    finally:
        close_services(services)
    if outcomes["unreadable"]:
        sys.exit(1)


def _run(
    services: Services,
    paths: tuple[Path, ...],
    set_name: str,
    team_name: str,
    *,
    copy: bool,
    wait: bool,
    as_json: bool,
) -> Counter[str]:
    from exact_core.api.context import Actor
    from exact_core.images.importing import find_or_make_set, find_pictures, import_pictures

    actor = Actor.system()
    image_set_id = find_or_make_set(services, actor, set_name, team_name)
    _say(as_json, "Looking for pictures …")
    found = find_pictures(services, paths)
    _say(as_json, f"{len(found.groups)} pictures found" + (f", {found.ignored} other files" if found.ignored else ""))
    waiting: list[Outcome] = []
    counts: Counter[str] = Counter()

    def tell(outcome: Outcome) -> None:
        counts[outcome.status] += 1
        if as_json:
            click.echo(json.dumps(asdict(outcome)))
        elif outcome.status != "ready" and counts[outcome.status] <= _MOST_LINES:
            click.echo(f"{outcome.status}: {outcome.path}" + (f" ({outcome.reason})" if outcome.reason else ""))

    for outcome in found.refused:
        tell(outcome)
    with _progress(as_json, len(found.groups), "Adding") as bar:
        for outcome in import_pictures(services, actor, image_set_id, found.groups, copy=copy, probe=True):
            bar.update(1)
            if outcome.status == "probing":
                waiting.append(outcome)
            else:
                tell(outcome)
    if wait:
        _wait(services, waiting, tell, as_json=as_json)
    else:
        for outcome in waiting:
            tell(replace(outcome, status="converting", reason="It is read in the background."))
    _say(as_json, _summary(counts, set_name))
    return counts


def _wait(services: Services, waiting: list[Outcome], tell: object, *, as_json: bool) -> None:
    """Wait for a running worker, or do its work here when there is none."""
    from exact_core.images.importing import wait_for_images
    from exact_core.jobs.helping import helping_worker

    assert callable(tell)
    with helping_worker(services), _progress(as_json, len(waiting), "Reading") as bar:
        done = 0

        def told(ended: int, _total: int, _running: float) -> None:
            nonlocal done
            bar.update(ended - done)
            done = ended

        ended = wait_for_images(services, [each.image for each in waiting if each.image is not None], told)
    for outcome in waiting:
        assert outcome.image is not None
        status, reason = ended[outcome.image]
        tell(replace(outcome, status=status, reason=reason))


def _progress(as_json: bool, length: int, label: str) -> AbstractContextManager[_Bar]:
    # Progress goes to standard error, so that lines on standard output stay readable for programs.
    hidden = as_json or not sys.stderr.isatty()
    bar = click.progressbar(length=length, label=label, file=sys.stderr, hidden=hidden)
    return cast("AbstractContextManager[_Bar]", bar)


def _say(as_json: bool, text: str) -> None:
    if not as_json:
        click.echo(text, err=True)


def _summary(counts: Counter[str], set_name: str) -> str:
    parts = [f"{count} {status}" for status, count in sorted(counts.items())]
    return f"Image set {set_name!r}: " + (", ".join(parts) or "nothing to import") + "."
