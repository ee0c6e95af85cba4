"""Drawing and changing shapes in the viewer with mouse and keys."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from exact_core.annotations.packing import unpack
from exact_core.storage.models import LIVE, AnnotationRevision
from tests.browser.desk import ABSENT, BOX, ELLIPSE, IMAGE, LINE, POINT, POLYGON, POLYLINE, Desk
from tests.browser.viewer_instance import Instance

pytestmark = [pytest.mark.browser, pytest.mark.data, pytest.mark.xdist_group("viewer")]


def test_every_shape_is_drawn_with_the_mouse_and_is_there_after_a_reload(desk: Desk, instance: Instance) -> None:
    desk.open()
    desk.press("r")
    desk.drag((-300, -250), (-220, -180))
    desk.press("r")
    desk.click(-100, -220)
    desk.press("o")
    desk.click(50, -220)
    desk.press(".")
    desk.click(200, -220)
    desk.press("l")
    desk.drag((-300, -50), (-200, 0))
    desk.press("v")
    for spot in ((-100, -50), (-50, 0), (0, -50)):
        desk.click(*spot)
    desk.press("Enter")
    desk.press("p")
    for spot in ((-300, 100), (-200, 90), (-190, 180)):
        desk.click(*spot)
    desk.page.mouse.dblclick(*desk.place(-280, 190))
    desk.drag((100, 100), (180, 100), (180, 180), (100, 180), (102, 104))
    desk.counted(8)
    desk.saved()
    everything = {POINT: 1, BOX: 2, ELLIPSE: 1, LINE: 1, POLYLINE: 1, POLYGON: 2}
    assert instance.live_shapes() == everything

    desk.page.reload()
    desk.ready()
    desk.counted(8)
    expect(desk.page.locator("#stage")).to_have_attribute(
        "data-shapes", re.compile("^[78]$")
    )  # without the selected one
    expect(desk.page.locator("#undo")).to_be_enabled()
    desk.undo()
    desk.counted(7)
    assert instance.live_shapes() == everything | {POLYGON: 1}
    desk.press("Control+Shift+z")
    desk.counted(8)
    assert instance.live_shapes() == everything


def test_a_click_places_a_shape_of_the_types_default_size_in_micrometres(desk: Desk) -> None:
    desk.open()
    desk.press("1")
    desk.click(0, 0)
    expect(desk.page.locator("[data-fact=Size]")).to_contain_text("µm")
    sizes = [float(text) for text in desk.page.locator("[data-fact=Size]").inner_text().replace(" µm", "").split(" × ")]
    assert all(abs(size - 25) < 0.6 for size in sizes)


def test_a_selected_shape_is_moved_resized_given_attributes_and_deleted(desk: Desk, instance: Instance) -> None:
    desk.open()
    desk.press("r")
    desk.drag((-100, -100), (0, 0))
    desk.saved()
    desk.press("m")
    desk.drag((-50, -50), (50, 0))
    desk.drag((100, 50), (150, 100))
    expect(desk.page.locator("[data-fact=Size]")).to_contain_text("×")
    desk.page.select_option("#attribute-grade", "high")
    desk.page.fill("#selected-text", "m r o 1 looks odd")
    desk.press("Tab")
    desk.saved()
    expect(desk.page.locator("#stage")).to_have_attribute("data-tool", "select")  # typing chose no tool
    found = desk.page.evaluate(f"fetch('/api/v2/images/{instance.image_ids[0]}/annotations').then((r) => r.json())")
    [shape] = found["items"]
    assert (shape["text"], shape["attributes"]["grade"]) == ("m r o 1 looks odd", "high")
    [[(x0, y0), (x1, y1)]] = shape["geometry"]["rings"]
    assert (x1 - x0, y1 - y0) == (pytest.approx(300, abs=3), pytest.approx(300, abs=3))
    desk.press("Delete")
    desk.counted(0)
    desk.undo()
    desk.counted(1)


def test_vertices_are_pulled_put_in_and_taken_away(desk: Desk) -> None:
    desk.open()
    desk.press("p")
    for spot in ((-100, -100), (100, -100), (100, 100), (-100, 100)):
        desk.click(*spot)
    desk.press("Enter")
    desk.saved()
    desk.press("m")
    desk.click(0, 0)
    vertices = desk.page.locator("[data-fact=Vertices]")
    expect(vertices).to_have_text("4")
    desk.drag((100, 100), (150, 150))
    desk.drag((0, -100), (0, -160))
    expect(vertices).to_have_text("5")
    desk.page.keyboard.down("Alt")
    desk.page.mouse.click(*desk.place(0, -160))
    desk.page.keyboard.up("Alt")
    expect(vertices).to_have_text("4")
    desk.saved()


def test_undo_inside_a_drawing_takes_points_back_and_nothing_else(desk: Desk) -> None:
    desk.open()
    desk.press("r")
    desk.click(-250, -200)
    desk.saved()
    desk.press("p")
    for spot in ((0, 0), (100, 0), (100, 100), (0, 100)):
        desk.click(*spot)
    desk.undo()
    desk.press("Enter")
    expect(desk.page.locator("[data-fact=Vertices]")).to_have_text("3")
    desk.counted(2)


def test_shapes_are_relabelled_by_key_and_never_into_a_type_that_is_drawn_otherwise(desk: Desk) -> None:
    desk.open()
    desk.press("1")
    desk.press(".")
    desk.click(0, 0)
    desk.press("m")
    desk.click(0, 0)
    expect(desk.page.locator("#selected-type option:checked")).to_have_text("Mitotic figure")
    desk.press("2")
    expect(desk.page.locator("#selected-type option:checked")).to_have_text("Cell")
    desk.press("4")
    expect(desk.page.locator("#stage-hint")).to_contain_text("Tumour is drawn as polygon")
    expect(desk.page.locator("#selected-type option:checked")).to_have_text("Cell")
    desk.saved()


def test_an_outline_that_crosses_itself_is_mended_freehand_and_told_when_clicked(
    desk: Desk, instance: Instance
) -> None:
    desk.open()
    desk.press("p")
    desk.drag((0, 0), (0, 60), (80, 0), (150, 80), (80, 150), (-20, 80), (-30, 30), (30, 20), (60, -60))
    desk.counted(1)
    desk.saved()
    assert instance.live_shapes() == {POLYGON: 1}

    for spot in ((-300, 100), (-200, 200), (-200, 100), (-300, 200)):
        desk.click(*spot)
    desk.press("Enter")
    expect(desk.page.locator("#stage-hint")).to_contain_text("crosses itself")
    desk.press("Backspace")
    desk.press("Enter")
    desk.counted(2)
    desk.saved()
    assert instance.live_shapes() == {POLYGON: 2}


def test_a_whole_image_is_labelled_and_said_not_to_hold_something(desk: Desk, instance: Instance) -> None:
    desk.open()
    labels = desk.page.get_by_role("region", name="Whole image")
    unusable = labels.get_by_role("switch", name="Not usable")
    none = labels.get_by_role("switch", name="No Mitotic figure")
    expect(unusable).to_have_attribute("aria-checked", "false")
    unusable.click()
    none.click()
    for switch in (unusable, none):
        expect(switch).to_have_attribute("aria-checked", "true")
    desk.keeps({IMAGE: 1, ABSENT: 1})
    # An absence is no mitotic figure: the row of the type counts what is drawn.
    expect(desk.page.get_by_role("button", name=re.compile("^Mitotic figure")).locator(".types__count")).to_have_text(
        "0"
    )

    desk.page.reload()
    desk.ready()
    expect(none).to_have_attribute("aria-checked", "true")
    labels.get_by_role("button", name="Details: No Mitotic figure").click()
    details = desk.page.get_by_role("region", name="Selected shape")
    expect(details.get_by_role("heading", name="Not in this image")).to_be_visible()
    details.get_by_label("Remark").fill("looked at every field")
    details.get_by_label("Remark").blur()
    desk.saved()
    none.click()
    expect(none).to_have_attribute("aria-checked", "false")
    desk.keeps({IMAGE: 1})
    desk.undo()
    expect(none).to_have_attribute("aria-checked", "true")
    desk.press("6")  # the key of the type that is a label only
    expect(unusable).to_have_attribute("aria-checked", "false")
    desk.keeps({ABSENT: 1})


def test_a_frame_of_a_stack_is_labelled_by_itself(desk: Desk, instance: Instance) -> None:
    desk.open(1, "")
    labels = desk.page.get_by_role("region", name="Whole image")
    unusable = labels.get_by_role("switch", name="Not usable")
    labels.get_by_role("button", name="This frame").click()
    unusable.click()
    desk.saved()
    expect(unusable).to_have_attribute("aria-checked", "true")
    labels.get_by_role("button", name="Image", exact=True).click()
    expect(unusable).to_have_attribute("aria-checked", "false")
    unusable.click()
    desk.saved()
    slider = desk.page.locator("#frames input[type=range]").first
    slider.evaluate("(input) => { input.value = '1'; input.dispatchEvent(new Event('input')); }")
    expect(unusable).to_have_attribute("aria-checked", "true")
    labels.get_by_role("button", name="This frame").click()
    expect(unusable).to_have_attribute("aria-checked", "false")
    slider.evaluate("(input) => { input.value = '0'; input.dispatchEvent(new Event('input')); }")
    expect(unusable).to_have_attribute("aria-checked", "true")
    labels.get_by_role("button", name="Details: Not usable").click()
    expect(desk.page.locator("[data-fact='Said of']")).to_have_text(re.compile("(Focus|Time) 1"))
    with instance.services.database.read() as session:
        row = AnnotationRevision
        frames = session.execute(select(row.z, row.t, row.c).where(row.valid_to == LIVE)).all()
    assert sorted(map(tuple, frames)) == [(-1, -1, -1), (0, 0, -1)]


def test_near_by_a_vertex_is_set_between_pixels_and_from_afar_it_stays_there(desk: Desk, instance: Instance) -> None:
    def box() -> list[float]:
        with instance.services.database.read() as session:
            row = AnnotationRevision
            packed = session.scalars(select(row.geometry).where(row.valid_to == LIVE)).one()
        return [value for vertex in unpack(packed).xy.tolist() for value in vertex]

    desk.open(link="#x=1000&y=1000&zoom=16")
    expect(desk.page.locator("#stage")).to_have_attribute("data-zoom", "16", timeout=10_000)
    desk.press("r")
    desk.drag((-84, -40), (90, 60))
    desk.saved()
    drawn = box()
    assert [value * 16 for value in drawn] == [round(value * 16) for value in drawn]
    assert drawn[2] - drawn[0] == 174 / 16
    assert drawn[3] - drawn[1] == 100 / 16
    assert any(value % 1 for value in drawn)

    desk.open(link="#x=1000&y=1000&zoom=1")
    expect(desk.page.locator("#stage")).to_have_attribute("data-zoom", "1", timeout=10_000)
    desk.page.wait_for_timeout(500)
    desk.press("m")
    desk.click(0, 0)
    expect(desk.page.get_by_role("heading", name="Box")).to_be_visible()
    desk.press("ArrowRight")
    desk.page.wait_for_timeout(700)
    desk.saved()
    moved = box()
    assert [moved[0] - drawn[0], moved[1] - drawn[1]] == [moved[2] - drawn[2], moved[3] - drawn[3]]
    assert moved[0] > drawn[0]
