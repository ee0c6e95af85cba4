"""One bad element refuses the file, or is left out and told where the report says so; never more than that one."""

from __future__ import annotations

import io
import sqlite3
from pathlib import Path

import pytest

from exact_core.api.errors import Invalid
from exact_core.exchange.document import ReadContext, Report
from exact_core.exchange.registry import built_in
from tests.core.exchange.format_documents import EVERY_SHAPE, IMAGE, Document, written

SHAPES = [EVERY_SHAPE[6], EVERY_SHAPE[0], EVERY_SHAPE[1]]
BROKEN = {
    "aperio-xml": ('X="300" Y="100"', 'X="NaN" Y="100"'),
    "asap-xml": ('X="300" Y="100"', 'X="3oo" Y="100"'),
    "ndpa": ("<x>-175000</x><y>-162500</y>", "<x>-175000</x><y>?</y>"),
    "ome-xml": ("300,100", "300;100"),
}


class Forgiving(Report):
    """A report that lets bad elements be left out."""

    def __init__(self) -> None:
        super().__init__()
        self.left_out: list[tuple[str, str]] = []

    def refuse(self, place: str, reason: str) -> None:
        """Note it."""
        self.left_out.append((place, reason))


def broken(name: str, tmp_path: Path) -> bytes:
    content, _ = written(built_in(name), Document({IMAGE.id: SHAPES}))
    if name != "sliderunner":
        good, bad = BROKEN[name]
        assert good in content.decode()
        return content.decode().replace(good, bad, 1).encode()
    path = tmp_path / "broken.sqlite"
    path.write_bytes(content)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE Annotations_coordinates SET coordinateX = 'three' WHERE annoId = 1 AND orderIdx = 2")
    connection.commit()
    connection.close()
    return path.read_bytes()


@pytest.mark.parametrize("name", [*BROKEN, "sliderunner"])
def test_a_bad_element_is_left_out_or_refuses_the_file(name: str, tmp_path: Path) -> None:
    content = broken(name, tmp_path)
    read = built_in(name).read
    assert read is not None
    report = Forgiving()
    found = list(read(io.BytesIO(content), ReadContext((IMAGE,), (), report)))
    assert {each.uuid for each in found} == {each.uuid for each in SHAPES[1:]}
    ((place, reason),) = report.left_out
    assert any(word in place for word in ("region", "annotation", "view state", "ROI"))
    assert reason
    with pytest.raises(Invalid):
        list(read(io.BytesIO(content), ReadContext((IMAGE,), (), Report())))
