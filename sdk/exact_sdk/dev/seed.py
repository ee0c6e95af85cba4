"""What a new throw-away instance holds: a person, an image set with the plugins on, one slide with some shapes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exact_sdk.harness import Instance
from exact_sdk.slides import write_slide

if TYPE_CHECKING:
    from exact_sdk.subject import Subject

PERSON = "dev"
_SET = "Plugin under development"
_TYPES = {"Nucleus": "#3b6fd4", "Mitosis": "#d62828", "Region": "#2a9d4a", "Distance": "#8a4fbf"}
_SHAPES = ("box", "ellipse", "line", "point", "polygon")
_HALF_SIZES = (10, 16, 24, 40, 70)  # level-0 pixels: panels that sort or measure have something to show


def fill(folder: Path, subjects: Sequence[Subject], slide: Path | None) -> str:
    """Make the instance below a folder; the path of the page that shows its slide.

    Args:
        folder: An empty folder.
        subjects: Plugins to switch on. One that does not load yet is on as soon as it does.
        slide: The slide to show; None makes a synthetic one.
    """
    cells: Sequence[tuple[int, int]] = ()
    if slide is None:
        made = write_slide(folder / "slides" / "synthetic.tif", 4096, 3072, cells=160)
        slide, cells = made.path, made.cells
    with Instance(folder / "data", administrator=PERSON, secret_key="") as app:
        image_set = app.image_set(_SET)
        image = app.picture(image_set, slide)
        for name, color in _TYPES.items():
            app.annotation_type(image_set, name, color=color, shapes=_SHAPES)
        for number, (x, y) in enumerate(cells[::4]):
            half = _HALF_SIZES[number % len(_HALF_SIZES)]
            box = (x - half, y - half, x + half, y + half * 3 // 4)
            app.annotate(image, "Nucleus" if number % 3 else "Mitosis", box=box)
        if cells:
            x, y = cells[0]
            around = ((-400, -120), (-60, -320), (360, -180), (300, 220), (-40, 90), (-320, 260))
            app.annotate(image, "Region", polygon=[(x + right, y + down) for right, down in around])
            app.annotate(image, "Distance", line=cells[:2])
        for subject in subjects:
            _switch_on(app, image_set, subject)
    return f"/image-sets/{image_set}/images/{image}"


def login_link(address: str) -> str:
    """A new one-time login link for the person of the instance."""
    from exact_core.auth.accounts import issue_link, user_named
    from exact_core.settings import Settings
    from exact_core.storage.database import Database

    database = Database(Settings().effective_database_url)
    try:
        with database.write() as session:
            return issue_link(session, user_named(session, PERSON)).url(address)
    finally:
        database.dispose()


def _switch_on(app: Instance, image_set: int, subject: Subject) -> None:
    """Write the switch itself: what does not load yet, or has no tables yet, cannot be switched on over the API."""
    from exact_core.storage.epochs import raise_epoch
    from exact_core.storage.models import ImageSetPlugin

    info = subject.contributions.info if subject.contributions else None
    with app.services.database.write() as session:
        for name in (*(info.requires if info else ()), subject.name):
            if session.get(ImageSetPlugin, (image_set, name)) is None:
                session.add(ImageSetPlugin(image_set_id=image_set, plugin=name, enabled=True, settings={}))
                session.flush()
        raise_epoch(session, "activation")
