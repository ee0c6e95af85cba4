"""``exact demo``: compose the slide once, fill a fresh instance, serve it, and print how to get in."""

from __future__ import annotations

import os
import shutil
import sys
import time
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from exact_core.api.errors import ConfigurationError

if TYPE_CHECKING:
    from exact_core.api.context import Actor
    from exact_core.auth.accounts import IssuedLink
    from exact_core.services import Services
    from exact_core.settings import Settings

_MARK = "made-by-exact-demo"
_MOST_NUCLEI = 60_000


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option(
    "--slides", type=click.Path(exists=True, path_type=Path), help="A folder with your own slides, used in place."
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(".exact-demo"),
    show_default=True,
    help="Where the demo keeps its slide and its data.",
)
@click.option("--keep", is_flag=True, help="Go on with the data of the last demo instead of starting fresh.")
@click.option("--browser/--no-browser", default=True, help="Open the login link in a browser where there is one.")
def demo(port: int, host: str, slides: Path | None, folder: Path, keep: bool, browser: bool) -> None:
    """Annotate a real slide in the browser, without any set-up.

    The slide of 30,720 x 30,720 pixels is composed once from an openly licensed picture and kept; everything else
    starts fresh each time.
    """
    started = time.monotonic()
    data = folder / "data"
    is_new = not (keep and (data / _MARK).exists())
    if is_new:
        _empty(data)
    for name in [name for name in os.environ if name.startswith("EXACT_")]:
        del os.environ[name]  # the demo never touches a real instance
    os.environ.update(EXACT_DATA_DIR=str(data.resolve()), EXACT_HOST=host, EXACT_PORT=str(port))
    from exact_core.settings import Settings

    settings = Settings()
    link = _prepare(settings, folder, slides, is_new)
    click.echo(f"The demo was prepared in {time.monotonic() - started:.0f} s.")
    _serve(settings, link, browser)
    click.echo(f"The demo's data lie in {data}; 'exact demo --keep' goes on with them.")


def _empty(data: Path) -> None:
    """Delete what an earlier demo left, and nothing that is not the demo's."""
    if data.exists():
        if not (data / _MARK).exists():
            raise ConfigurationError(f"{data} was not made by 'exact demo'; choose another --folder.")
        shutil.rmtree(data)
    data.mkdir(parents=True)
    (data / _MARK).write_text("This folder is emptied when 'exact demo' starts.\n")


def _prepare(settings: Settings, folder: Path, slides: Path | None, is_new: bool) -> IssuedLink:
    """Fill the instance and make a one-time login link."""
    from exact_core.auth.accounts import issue_link, user_named
    from exact_core.jobs.serve_commands import prepare_database
    from exact_core.opening import close_services, open_services

    prepare_database(settings)
    services = open_services(settings)
    try:
        if is_new:
            _fill(services, folder, slides)
        with services.database.write() as session:
            return issue_link(session, user_named(session, "demo"))
    finally:
        close_services(services)


def _fill(services: Services, folder: Path, slides: Path | None) -> None:
    from exact_core.demo import seed

    actor = seed.make_person(services)
    product_ids = seed.make_products(services, actor)
    if slides is not None:
        own = seed.make_image_set(
            services, actor, seed.OWN_SET, f"Slides of {slides.name}, used in place.", product_ids
        )
        count = len(seed.add_pictures(services, actor, own, [slides]))
        click.echo(f"Added {count} pictures of {slides}; they are read as soon as the server runs.")
        return
    graded = seed.make_image_set(
        services, actor, seed.GRADED_SET, "A composed slide with nuclei that a classical detector found.", product_ids
    )
    small = seed.make_image_set(
        services, actor, seed.PICTURE_SET, "Openly licensed pictures; the EIPH score is off here.", product_ids[1:]
    )
    slide = _composed(folder / "slides" / "composed-tissue.tif")
    image_ids = seed.add_pictures(services, actor, graded, [slide])
    seed.read_now(services, image_ids)
    _detect(services, actor, slide, image_ids[0])
    seed.add_pictures(services, actor, small, seed.save_small_pictures(folder / "slides" / "small", lambda _name: None))
    if not seed.switch_on(services, actor, graded, "eiph_score"):
        click.echo("The EIPH score plugin is not installed: pip install exact-eiph-score adds it.")
    for plugin in ("screening", "media"):
        seed.switch_on(services, actor, graded, plugin)


def _composed(path: Path) -> Path:
    """The composed slide; made when it is not there."""
    if path.exists():
        return path
    from exact_core.demo.slide import SIDE, compose_slide

    path.parent.mkdir(parents=True, exist_ok=True)
    with click.progressbar(length=100, label=f"Composing a slide of {SIDE:,} x {SIDE:,} pixels") as bar:
        compose_slide(path, lambda share: bar.update(max(0, int(share * 100) - bar.pos)))
    return path


def _detect(services: Services, actor: Actor, slide: Path, image_id: int) -> None:
    from exact_core.demo import seed
    from exact_core.demo.nuclei import find_nuclei

    click.echo("Finding nuclei ...")
    count = seed.add_nuclei(services, actor, image_id, find_nuclei(slide, _MOST_NUCLEI))
    click.echo(f"Added {count:,} graded nuclei.")


def _serve(settings: Settings, link: IssuedLink, browser: bool) -> None:
    from exact_core.jobs.serve import Supervisor

    def when_ready(address: str) -> None:
        login = link.url(address)
        click.echo(f"ready {address}")
        click.echo(f"Log in once with: {login}")
        sys.stdout.flush()
        if browser and _has_screen():
            webbrowser.open(login)

    if Supervisor(settings).run(when_ready):
        raise click.ClickException("The demo could not be served; the reason stands above.")


def _has_screen() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
