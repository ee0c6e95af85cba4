"""A format of a plugin is read and written like the core's own, where the plugin is on; its bugs are its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from exact_sdk.fakedist import FakeDistributions
from sqlalchemy import select

from exact_core.api.errors import Invalid, PluginError
from exact_core.exchange.document import Report
from exact_core.exchange.exporting import Wanted, open_document, write_export
from exact_core.exchange.importing import import_file
from exact_core.exchange.plugin_formats import format_in, formats_in
from exact_core.exchange.reading import recognised
from exact_core.exchange.storing import Options, Target
from exact_core.kernel.discovery import discover
from exact_core.opening import close_services, open_services
from exact_core.services import Services
from exact_core.settings import Settings
from exact_core.storage.database import Database
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import ImageSetPlugin
from tests.core.exchange.conftest import Desk

PLUGIN = """
    from exact_core.api import *

    @hookimpl
    def exact_plugin_info():
        return PluginInfo("Lines", "Annotations as lines.", default_enabled=True)

    @hookimpl
    def exact_importers():
        return [
            Importer("lines.text", "Lines", "exact_lines.text:read", lambda head, name: 90 * head.startswith(b"L|")),
            Importer("lines.bad", "Bad", "exact_lines.text:fail", sniff=lambda head, name: 1 / 0),
        ]

    @hookimpl
    def exact_exporters():
        return [
            Exporter("lines.text", "Lines", "exact_lines.text:write", ".lines", "text/plain"),
            Exporter("lines.broken", "Broken", "exact_lines.text:break_off", ".txt"),
        ]
"""

TEXT = """
    from exact_core.api import ImportedShape, Invalid, Shape

    def write(source, target, report):
        target.write(b"L|")
        for image in source.images:
            for shape in source.shapes(image):
                if shape.attributes:
                    report.lose("attributes: lines have none")
                places = " ".join(f"{x:g} {y:g}" for ring in shape.rings for x, y in ring)
                line = f"{image.name}|{shape.label}|{shape.shape}|{shape.text}|{shape.author}|{places}"
                target.write(line.encode() + b"\\n")

    def read(stream, context):
        stream.seek(2)
        for number, line in enumerate(stream, start=1):
            image, label, shape, text, author, places = line.decode().rstrip("\\n").split("|")
            numbers = [float(each) for each in places.split()]
            ring = list(zip(numbers[::2], numbers[1::2]))
            if label == "odd":
                context.report.refuse(f"line {number}", "it is odd")
                continue
            yield ImportedShape(f"line {number}", label, Shape(shape), [ring] if ring else [], image=image, text=text,
                                author=author)

    def fail(stream, context):
        yield ImportedShape("line 1", "Cell", Shape.POINT, [[(1, 1)]])
        raise RuntimeError("a bug of the plugin")

    def break_off(source, target, report):
        target.write(b"half")
        raise KeyError("a bug of the plugin")
"""


@pytest.fixture
def services(settings: Settings, database: Database, tmp_path: Path) -> Iterator[Services]:
    """An instance with the plugin ``lines``."""
    with FakeDistributions(tmp_path / "site") as distributions:
        distributions.add("lines", PLUGIN, files={"text.py": TEXT})
        services = open_services(settings, tuple(each for each in discover() if each.name == "lines"))
        assert services.kernel.records["lines"].reason == ""
        yield services
        services.kernel.faults.stop()
        close_services(services)


def test_its_files_go_out_and_come_in(make_desk: Callable[..., Desk], services: Services) -> None:
    desk = make_desk(images=2)
    kernel = services.kernel
    lines = format_in(kernel, desk.image_set_id, "lines.text")
    data = "L|slide-0|Cell|point|first|Ada|10.5 20\nslide-1|Nucleus|polygon|||1 1 50 1 50 50\nslide-0|Cell|absent|||\n"
    formats = formats_in(kernel, desk.image_set_id)
    assert recognised(formats, data.encode(), "x").name == "lines.text"
    target = Target(desk.database, kernel.hooks, desk.people["lead"], desk.image_set_id)
    _, stored = import_file(target, BytesIO(data.encode()), Options(), formats)
    assert stored.added == 3
    report, written = Report(), BytesIO()
    document = open_document(desk.database, desk.people["lead"], Wanted(desk.image_set_id))
    write_export(document, lines, written, report)
    assert sorted(written.getvalue()[2:].splitlines()) == sorted(
        data.encode()[2:].replace(b"|||", b"||Lead|").splitlines()
    )
    with pytest.raises(Invalid, match="it is odd"):
        import_file(target, BytesIO(b"L|slide-0|odd|point|||1 1\n"), Options(), formats)


def test_its_bugs_end_the_import_and_are_recorded_against_it(
    make_desk: Callable[..., Desk], services: Services
) -> None:
    desk = make_desk()
    kernel = services.kernel
    formats = formats_in(kernel, desk.image_set_id)
    target = Target(desk.database, kernel.hooks, desk.people["lead"], desk.image_set_id)
    bad = format_in(kernel, desk.image_set_id, "lines.bad")
    with pytest.raises(PluginError, match="'lines' failed"):
        import_file(target, BytesIO(b"x"), Options(), formats, chosen=bad)
    assert desk.rows() == []
    broken = format_in(kernel, desk.image_set_id, "lines.broken")
    document = open_document(desk.database, desk.people["lead"], Wanted(desk.image_set_id))
    with pytest.raises(PluginError):
        write_export(document, broken, BytesIO(), Report())
    with pytest.raises(Invalid, match="not recognised"):
        recognised(formats, b"nothing", "x")
    places = [fault.place for fault in kernel.faults.recent()]
    assert set(places) >= {"importer lines.bad", "exporter lines.broken", "sniff of lines.bad"}


def test_it_is_offered_only_where_it_is_on(make_desk: Callable[..., Desk], services: Services) -> None:
    desk = make_desk()
    assert "lines.text" in [each.name for each in formats_in(services.kernel, desk.image_set_id)]
    with services.database.write() as session:
        assert session.scalar(select(ImageSetPlugin)) is None
        session.add(ImageSetPlugin(image_set_id=desk.image_set_id, plugin="lines", enabled=False))
        raise_epoch(session, "activation")
    services.kernel.activation.expire()
    assert "lines.text" not in [each.name for each in formats_in(services.kernel, desk.image_set_id)]
    with pytest.raises(Invalid, match="unknown here"):
        format_in(services.kernel, desk.image_set_id, "lines.text")
