"""Passes over HTTP, on both databases: beginning, going on, coming back, two windows, changed grids, bad input."""

from __future__ import annotations

from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest

ADDRESS = "http://127.0.0.1"


def fields_of(text: str, count: int) -> list[int]:
    return np.flatnonzero(np.unpackbits(np.frombuffer(b64decode(text), np.uint8), count=count)).tolist()


def seen_in(screening) -> list[int]:
    return fields_of(screening["seen"], screening["grid"]["columns"] * screening["grid"]["rows"])


def test_somebody_begins_goes_on_and_comes_back_to_the_same_place(make_place):
    place = make_place()
    state = place.state()
    assert state["screening"] is None
    assert state["has_scale"]
    assert state["defaults"]["unit"] == "um"
    assert state["defaults"]["field_width"] == 560

    begun = place.begin(order="snake")
    assert (begun["number"], begun["total"], begun["done"], begun["position"]) == (1, 40 * 30, 0, 0)
    window = place.window()
    assert window.step(marks=[0], seconds={0: 2.5}, way="unseen")["position"] == 1
    assert window.step(way="down")["position"] == 41
    after = window.step(marks=[41], way="next", seconds={41: 1.5})
    assert after["position"] == 40  # the second row goes back
    assert (after["done"], after["seconds"], after["seen"]) == (2, 4.0, None)
    assert window.step(marks=[40], way="next")["position"] == 80

    back = place.state()["screening"]
    assert (back["position"], back["done"], back["revision"]) == (80, 3, 4)
    assert seen_in(back) == [0, 40, 41]
    assert window.step(way="unseen", position=39)["position"] == 79
    assert window.step(unmarks=[41])["done"] == 2
    assert seen_in(place.state()["screening"]) == [0, 40]

    times = place.ask("GET", "passes/1/times")
    assert times == {"fields": [0, 41], "seconds": [2.5, 1.5]}
    place.ask("GET", "passes/1/times", client=place.lead, status=404)

    done = window.finish()
    assert done["finished_at"]
    assert window.finish(False)["finished_at"] is None
    assert place.state(client=place.lead)["screening"] is None  # of somebody else nobody learns here


def test_two_windows_of_one_person_lose_no_mark_and_hear_of_each_other(make_place):
    place = make_place()
    place.begin()
    here, there = place.window(name="here"), place.window(name="there")
    here.step(marks=[0], position=1)
    told = there.step(marks=[7], position=8)
    assert fields_of(told["seen"], 1200) == [0, 7]
    assert told["position"] == 8
    told = here.step(marks=[1], position=2)
    assert fields_of(told["seen"], 1200) == [0, 1, 7]
    assert (told["position"], told["done"]) == (2, 3)
    assert here.step(marks=[2], position=3)["seen"] is None

    # the answer was lost and the request comes again: nothing counts twice
    again = here.step(marks=[2], position=3, seconds={2: 9}, sequence=here.sequence)
    assert (again["done"], again["seconds"]) == (4, 0.0)
    assert there.step(marks=[2])["done"] == 4  # a field that the other window marked

    place.begin()
    told = there.step(marks=[3])
    assert (told["newest"], told["done"]) == (2, 5)  # kept, and the window learns that there is a newer pass
    assert place.state()["screening"]["number"] == 2


def test_a_changed_grid_keeps_the_area_that_was_seen(make_place):
    place = make_place()
    place.begin()
    place.window().step(marks=[0, 1, 40, 41, 5])  # the upper left 2000 x 2000 px, and one field more
    finer = place.begin(field_width=500, field_height=500, order="rows")
    assert finer["carried"] == finer["done"] == 16 + 4
    assert finer["position"] == 4
    coarser = place.begin(field_width=2000, field_height=2000)
    assert seen_in(coarser) == [0]
    corner = {"kind": "rectangle", "points": [[30_000, 20_000], [32_000, 22_000]]}
    assert place.begin(region=corner)["done"] == 0
    assert seen_in(place.begin()) == [0, 1, 5, 40, 41]  # a part in between forgets nothing of the rest
    assert place.begin(keep_seen=False)["done"] == 0
    assert place.begin()["done"] == 0  # from the last fresh start on
    assert [each["number"] for each in place.state()["earlier"]] == [6, 5, 4, 3, 2, 1]


def test_only_tissue_is_screened_and_empty_glass_is_said(make_place):
    place = make_place()
    place.picture(None)
    refused = place.begin(status=422, tissue_only=True)
    assert refused["code"] == "no-tissue"
    assert "Screen all of it instead" in refused["detail"]
    other = make_place()
    other.picture((0.25, 0.5, 0.5, 1.0))
    begun = other.begin(tissue_only=True, order="rows")
    chosen = fields_of(begun["chosen"], 1200)
    places = {(field % 40, field // 40) for field in chosen}
    assert {(c, r) for c in range(10, 20) for r in range(15, 30)} <= places
    assert places <= {(c, r) for c in range(9, 21) for r in range(14, 30)}
    assert begun["position"] == min(chosen)
    outside = other.window().step(status=422, marks=[0])
    assert "does not belong" in outside["detail"]
    unreadable = make_place()
    assert unreadable.begin(status=422, tissue_only=True)["code"] == "no-tissue"


def test_parts_of_an_image_are_screened(make_place):
    place = make_place()
    rectangle = {"kind": "rectangle", "points": [[9500, 4000], [5000, 2500]], "label": "here"}
    begun = place.begin(region=rectangle)
    assert begun["grid"] | {"order": ""} == {
        "x0": 5000, "y0": 2500, "x1": 9500, "y1": 4000, "width": 1000, "height": 1000,
        "step_x": 1000, "step_y": 1000, "columns": 5, "rows": 2, "order": "",
    }  # fmt: skip
    triangle = {"kind": "polygon", "points": [[0, 0], [10_000, 0], [0, 10_000]]}
    begun = place.begin(region=triangle, keep_seen=False)
    assert begun["grid"]["columns"] == 10
    assert 55 <= begun["total"] <= 65
    assert place.state()["screening"]["wishes"]["region"]["kind"] == "polygon"


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"field_width": 1, "field_height": 1}, "1,200,000,000; at most 1,000,000"),
        ({"field_width": 0}, "field_width"),
        ({"overlap": 95}, "overlap"),
        ({"region": {"kind": "polygon", "points": [[0, 0], [9, 9]]}}, "at least 3 points"),
        ({"region": {"kind": "rectangle", "points": [[50_000, 0], [60_000, 9]]}}, "outside of the image"),
        ({"unit": "furlong"}, "unit"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_grid_that_cannot_be_is_refused_with_the_reason(refusing, wishes, said):
    answer = refusing.begin(status=422, **wishes)
    assert said in str(answer)


@pytest.fixture(scope="module")
def refusing(make_place):
    return make_place()


def test_odd_images_are_screened_too(make_place):
    place = make_place(width=700, height=300, mpp_x=None, mpp_y=None)
    state = place.state()
    assert state["defaults"]["unit"] == "px"
    assert state["defaults"]["field_width"] == 2240
    assert "no scale" in state["notes"][0]
    assert "no scale" in place.begin(unit="um", status=422)["detail"]
    begun = place.begin()  # a field larger than the image
    assert (begun["total"], begun["grid"]["width"], begun["grid"]["height"]) == (1, 700, 300)
    assert place.ask("GET", "count", status=422)["code"] == "no-scale"
    window = place.window()
    assert window.step(marks=[0], way="unseen")["position"] == 0
    for broken in ({"marks": [1]}, {"position": 9}, {"way": "sideways"}, {"seconds": {"0": -1}}, {"sequence": 0}):
        window.step(status=422, **broken)
    window.number = 7
    window.step(status=404)


def test_rights_and_switches_hold(running, make_place):
    place = make_place()
    viewer, stranger = place.person("viewer"), running.as_user()
    place.begin(client=viewer, status=403)
    place.begin(client=stranger, status=404)
    place.begin()
    window = place.window()
    running.switch("screening", place.set, enabled=False)
    gone = window.step(status=404, marks=[0])
    assert gone["code"] == "plugin-not-enabled"
    running.switch("screening", place.set, enabled=True)
    assert window.step(marks=[0])["done"] == 1
    place.ask("GET", "team", status=403)
    place.ask("POST", "locks", {"points": [[0, 0], [9, 9]], "reason": "x"}, status=403)


def test_an_image_in_the_bin_is_gone_and_comes_back_with_its_place(make_place):
    place = make_place()
    place.begin()
    window = place.window()
    window.step(marks=[0], position=1)
    assert place.lead.delete(f"/api/v2/images/{place.image}").status_code < 300
    window.step(status=404, marks=[1])
    place.ask("GET", "state", status=404)
    assert place.lead.post(f"/api/v2/images/{place.image}/restore").status_code < 300
    assert window.step(marks=[1], position=2)["done"] == 2
    assert place.state()["screening"]["position"] == 2


def test_windows_that_work_at_the_same_time_lose_nothing(running, make_place):
    place = make_place()
    begin = {"unit": "px", "field_width": 1000, "field_height": 1000}
    view = {"x0": 0, "y0": 0, "x1": 9000, "y1": 9000, "zoom": 1, "seconds": 2}

    def work(name: str, fields: range) -> None:
        client = type(running.client)(running._app, base_url=ADDRESS, headers=place.ann.headers)
        begun = client.post(f"{place.address}/passes", json=begin)
        assert begun.status_code in {201, 409}, begun.text
        together.wait(timeout=30)
        assert client.post(f"{place.address}/views", json={"views": [view]}).status_code == 204
        window = place.window(client, name)
        for field in fields:
            window.step(marks=[field], position=field, seconds={field: 1})

    together = Barrier(3)
    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(work, f"window{n}", range(n * 8, n * 8 + 12)) for n in range(3)]:
            done.result()
    assert place.ask("GET", "coverage")["seconds"] == 6.0
    newest = place.state()["screening"]["number"]
    answer = place.window(name="last").step(revision=36)
    assert (answer["done"], answer["seconds"], answer["newest"]) == (28, 36.0, newest)
    assert answer["seen"] is None  # nothing happened that the answer before did not tell


def test_rows_go_with_their_image_and_person(running, make_place):
    from exact_screening.tables import ScreeningChunk, ScreeningLock, ScreeningPass, ScreeningView
    from sqlalchemy import delete, func, select

    from exact_core.storage.models import Image, User

    place = make_place()
    place.begin()
    place.window().step(marks=[0])
    view = {"x0": 0, "y0": 0, "x1": 900, "y1": 900, "zoom": 1, "seconds": 5}
    place.ask("POST", "views", {"views": [view]}, status=204)
    place.ask("POST", "locks", {"points": [[0, 0], [9, 9]], "reason": "x"}, client=place.lead, status=201)

    def rows(*tables):
        with running.services.database.read() as session:
            count = [
                session.scalar(select(func.count()).select_from(t).where(t.image_id == place.image)) for t in tables
            ]
            chunks = (
                select(func.count())
                .select_from(ScreeningChunk)
                .join(ScreeningPass, ScreeningPass.id == ScreeningChunk.pass_id)
            )
            return [*count, session.scalar(chunks.where(ScreeningPass.image_id == place.image))]

    kinds = (ScreeningPass, ScreeningView, ScreeningLock)
    assert rows(*kinds) == [1, 1, 1, 1]
    with running.services.database.write() as session:
        owner = session.scalar(select(ScreeningPass.user_id).where(ScreeningPass.image_id == place.image))
        session.execute(delete(User).where(User.id == owner))
    assert rows(*kinds) == [0, 0, 1, 0]
    with running.services.database.write() as session:
        session.execute(delete(Image).where(Image.id == place.image))
    assert rows(*kinds) == [0, 0, 0, 0]
