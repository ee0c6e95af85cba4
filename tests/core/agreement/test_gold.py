"""Hidden references: what they measure, how readers drift, and that no reader can find out where they are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from exact_core.agreement.access import NOT_FOR_YOU
from exact_core.annotations.scope import ROWS
from exact_core.api.contributions import Shape
from exact_core.services import Services
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import Annotation, ImageSet
from tests.core.agreement.conftest import Readers

PLACES = [(x, y) for x in range(100, 2000, 200) for y in (300, 700)]


@pytest.fixture
def services(app: FastAPI) -> Services:
    """Those of the whole application."""
    return app.state.services


@pytest.fixture
def ask(browser_of: Callable) -> Callable:
    """``ask(readers, "lead", "gold", "POST", {…})`` is the answer of the server."""
    browsers = {}

    def send(readers: Readers, who: str, path: str, method: str = "GET", body=None, **query):
        actor = readers.people[who]
        if actor.user_id not in browsers:
            browsers[actor.user_id] = browser_of(actor)
        address = path if path.startswith("/") else f"/api/v2/image-sets/{readers.image_set_id}/{path}"
        return browsers[actor.user_id].request(method, address, params=query, json=body)

    return send


def make_gold(ask: Callable, readers: Readers, images=(0, 1, 2, 3), **more) -> dict:
    body = {"title": "Consensus", "reader": "claimed:Expert", "image_ids": [readers.images[n] for n in images], **more}
    answer = ask(readers, "lead", "gold", "POST", body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def furnish(readers: Readers) -> None:
    """The expert marks four of six images; Ann finds all there, Ben ever less; both read the other images too."""
    for image in range(4):
        readers.mark("lead", image, PLACES, claimed="Expert")
    for image in range(6):
        readers.mark("ann", image, [(x + 5, y) for x, y in PLACES])
        readers.mark("ben", image, PLACES[5 * image :] if image < 4 else PLACES)


def set_times(readers: Readers, first: datetime) -> None:
    """Image ``n`` was read ``n`` weeks after the first."""
    with readers.database.write() as session:
        for number, image_id in enumerate(readers.images):
            at = first + timedelta(weeks=number)
            session.execute(update(ROWS).where(ROWS.c.image_id == image_id).values(edited_at=at))


def test_readers_are_measured_against_the_reference_over_weeks(make_readers, ask):
    readers = make_readers(images=6)
    furnish(readers)
    set_times(readers, datetime(2026, 3, 4, 10, tzinfo=UTC))
    gold = make_gold(ask, readers)
    assert (gold["marks"], gold["warning"], gold["reader_name"]) == (4 * len(PLACES), "", "Expert")
    drift = ask(readers, "lead", f"gold/{gold['id']}/drift").json()
    ann, ben = drift["readers"]
    assert (ann["name"], ann["f1"], ann["images"], ann["trend"]) == ("Ann", 1, 4, None)
    assert [each["window"] for each in ben["windows"]] == ["2026-03-02", "2026-03-09", "2026-03-16", "2026-03-23"]
    assert [each["recall"] for each in ben["windows"]] == [1, 0.75, 0.5, 0.25]
    assert ben["trend"]["slope"] == pytest.approx(-0.25)
    assert ben["trend"]["p"] < 1e-5
    months = ask(readers, "lead", f"gold/{gold['id']}/drift", window="month").json()
    assert [each["window"] for each in months["readers"][1]["windows"]] == ["2026-03"]


def test_rounds_come_from_tags(make_readers, ask):
    readers = make_readers(images=6)
    furnish(readers)
    for image in range(6):
        readers.tag(image, f"round:{image // 2 + 1}")
    gold = make_gold(ask, readers)
    ben = ask(readers, "lead", f"gold/{gold['id']}/drift", window="round").json()["readers"][1]
    assert [(each["window"], each["images"], each["hits"]) for each in ben["windows"]] == [("1", 2, 35), ("2", 2, 15)]


def test_the_reference_stays_as_it_was_when_its_shapes_go(make_readers, ask):
    readers = make_readers(images=6)
    furnish(readers)
    gold = make_gold(ask, readers)
    before = ask(readers, "lead", f"gold/{gold['id']}/drift").json()
    with readers.database.read() as session:
        ids = session.scalars(select(Annotation.id).where(Annotation.claimed_author == "Expert")).all()
    for annotation_id in ids:
        assert ask(readers, "lead", f"/api/v2/annotations/{annotation_id}", "DELETE").status_code == 200
    assert ask(readers, "lead", f"gold/{gold['id']}/drift").json() == before


def test_a_reference_of_outlines_that_are_gone_can_still_be_compared(make_readers, ask):
    readers = make_readers(images=2)
    ring = [(0, 0), (200, 0), (200, 200), (0, 200)]
    gone = readers.mark("lead", 0, [], shape=Shape.POLYGON, rings=[ring], claimed="Expert")
    readers.mark("ann", 0, [], shape=Shape.POLYGON, rings=[[(x + 20, y) for x, y in ring]])
    gold = make_gold(ask, readers, images=(0, 1))
    assert ask(readers, "lead", f"/api/v2/annotations/{gone[0]}", "DELETE").status_code == 200
    (ann,) = ask(readers, "lead", f"gold/{gold['id']}/drift").json()["readers"]
    assert (ann["f1"], ann["images"]) == (1, 1)


def test_only_some_types_can_be_the_reference(make_readers, ask):
    readers = make_readers(images=4)
    for image in range(4):
        readers.mark("lead", image, PLACES, ["Mitosis", "Look-alike"] * 10, claimed="Expert")
        readers.mark("ann", image, PLACES, ["Mitosis", "Mitosis"] * 10)
    gold = make_gold(ask, readers, type_ids=[readers.types["Mitosis"]])
    (ann,) = ask(readers, "lead", f"gold/{gold['id']}/drift").json()["readers"]
    assert (ann["recall"], ann["precision"]) == (1, 0.5)


def test_a_reference_can_be_changed_and_forgotten(make_readers, ask):
    readers = make_readers(images=6)
    furnish(readers)
    gold = make_gold(ask, readers)
    path = f"gold/{gold['id']}"
    changed = ask(readers, "lead", path, "PATCH", {"title": "New", "image_ids": [readers.images[1]]}).json()
    assert (changed["title"], changed["image_ids"]) == ("New", [readers.images[1]])
    assert [each["id"] for each in ask(readers, "lead", "gold").json()] == [gold["id"]]
    assert ask(readers, "lead", path, "DELETE").status_code == 204
    assert ask(readers, "lead", path + "/drift").status_code == 404
    assert ask(readers, "lead", "gold").json() == []


def test_references_that_cannot_be_are_refused(make_readers, ask):
    readers = make_readers(images=6)
    furnish(readers)
    for wrong in ({"image_ids": [10**9]}, {"image_ids": []}, {"reader": "x"}, {"revision": 10_000}, {"title": "  "}):
        body = {"title": "t", "reader": "claimed:Expert", "image_ids": [readers.images[0]], **wrong}
        assert ask(readers, "lead", "gold", "POST", body).status_code == 422, wrong


def test_the_reference_of_another_set_is_none_of_ours(make_readers, ask, make_image_set):
    readers = make_readers(images=6)
    furnish(readers)
    gold = make_gold(ask, readers)
    other = make_image_set(readers.team_id, "other", mode="competitive")
    path = f"/api/v2/image-sets/{other}/gold/{gold['id']}"
    assert ask(readers, "lead", path, "PATCH", {"title": "x"}).status_code == 404
    assert ask(readers, "lead", path, "DELETE").status_code == 404
    assert ask(readers, "lead", path + "/drift").status_code == 404


def surfaces(readers: Readers) -> list[str]:
    """Addresses that a reader looks at."""
    images = [
        f"/api/v2/images/{image}{end}"
        for image in readers.images
        for end in ("", "/annotations", "/annotation-counts", "/annotation-view?x0=0&y0=0&x1=4000&y1=3000",
                    "/undo-state", "/statistics", "/neighbours")
    ]  # fmt: skip
    there = ["", "/images", "/images?annotated=true", "/image-tags", "/studies", "/members", "/own-drift", "/gold",
             "/agreement", "/readers"]  # fmt: skip
    pages = [f"/image-sets/{readers.image_set_id}/images/{image}" for image in readers.images]
    return [*images, *(f"/api/v2/image-sets/{readers.image_set_id}{end}" for end in there), "/api/v2/jobs", *pages]


def seen(ask: Callable, readers: Readers, who: str) -> list[tuple]:
    """Everything a reader is answered, without what changes by itself."""
    found = []
    for path in surfaces(readers):
        answer = ask(readers, who, path)
        text = answer.text
        if "<html" in text:  # a page has a new nonce each time
            text = text.partition('id="exact-bootstrap">')[2]
            assert text
        found.append((path, answer.status_code, text, answer.headers.get("etag")))
    return found


@pytest.mark.parametrize(("mode", "released"), [("competitive", False), ("cooperative", False), ("cooperative", True)])
def test_nothing_that_a_reader_sees_depends_on_which_images_are_references(make_readers, ask, mode, released):
    readers = make_readers(images=6, mode=mode)
    furnish(readers)
    gold = make_gold(ask, readers, images=(0, 1))
    if released:
        assert ask(readers, "lead", f"gold/{gold['id']}", "PATCH", {"released": True}).json()["released_at"]
    before = {who: seen(ask, readers, who) for who in ("ann", "rev", "vic")}
    assert ask(readers, "lead", f"gold/{gold['id']}/drift").status_code == 200
    body = {"image_ids": [readers.images[n] for n in (2, 3)]}
    assert ask(readers, "lead", f"gold/{gold['id']}", "PATCH", body).status_code == 200
    for who, then in before.items():
        now = seen(ask, readers, who)
        if released:
            # One's own figures follow the reference, but do not name an image.
            for each in (then, now):
                text = next(text for path, _, text, _ in each if path.endswith("own-drift"))
                assert not any(f'"image_id":{image}' in text.replace(" ", "") for image in readers.images)
            then, now = ([each for each in own if not each[0].endswith("own-drift")] for own in (then, now))
        assert now == then, who


def test_ones_own_figures_are_there_once_they_are_released_and_the_set_is_not_blind(make_readers, ask):
    readers = make_readers(images=6)
    furnish(readers)
    gold = make_gold(ask, readers)
    path = f"gold/{gold['id']}"
    ask(readers, "lead", path, "PATCH", {"released": True})
    blind = ask(readers, "ben", "own-drift")
    assert (blind.status_code, blind.json()["detail"]) == (403, NOT_FOR_YOU)
    with readers.database.write() as session:
        session.get_one(ImageSet, readers.image_set_id).mode = "cooperative"
        raise_epoch(session, "access")
    own = ask(readers, "ben", "own-drift").json()["references"]
    assert [(each["name"], each["images"], each["recall"]) for each in own] == [("Ben", 4, 0.625)]
    ask(readers, "lead", path, "PATCH", {"released": False})
    assert ask(readers, "ben", "own-drift").json() == {"references": []}
    assert ask(readers, "vic", "own-drift").json() == {"references": []}


def test_managers_are_warned_where_readers_see_the_reference(make_readers, ask):
    readers = make_readers(images=6, mode="cooperative")
    furnish(readers)
    assert "readers see them" in make_gold(ask, readers)["warning"]
