"""Who is given what, in which order, and how much everybody has to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from exact_core.review.assigning import Wish, spread
from exact_core.review.items import Item, position_of
from exact_core.review.settings import ModeSettings
from exact_core.storage.models import Assignment, Image

Make = Callable[..., Any]


def items(count: int, **readers: set[int]) -> list[Item]:
    return [Item(n, n, None, "open", n << 24, frozenset(readers.get(f"i{n}", ()))) for n in range(count)]


def test_evenly_is_even_and_several_readers_per_item_are_different_people() -> None:
    pairs, short = spread(items(10), [1, 2, 3], {1: 0, 2: 0, 3: 0}, Wish([1, 2, 3], "evenly"))
    counts = [sum(reader == each for _, reader in pairs) for each in (1, 2, 3)]
    assert (sorted(counts), short) == ([3, 3, 4], 0)
    pairs, short = spread(items(9), [1, 2, 3], {1: 0, 2: 0, 3: 0}, Wish([1, 2, 3], "several", n=2))
    assert (len(pairs), short) == (18, 0)
    assert len({(item.id, reader) for item, reader in pairs}) == 18
    assert [sum(reader == each for _, reader in pairs) for each in (1, 2, 3)] == [6, 6, 6]


def test_quotas_and_what_people_have_already_count() -> None:
    pairs, short = spread(items(10), [1, 2], {1: 8, 2: 0}, Wish([1, 2], "evenly"))
    assert [sum(reader == each for _, reader in pairs) for each in (1, 2)] == [1, 9]
    pairs, short = spread(items(10), [1, 2], {1: 0, 2: 0}, Wish([1, 2], "several", n=2, quota=4))
    assert (len(pairs), short) == (8, 6)
    pairs, short = spread(items(2, i0={7}, i1={1, 7}), [1, 2], {1: 0, 2: 0}, Wish([1, 2], "several", n=2))
    assert ([(item.id, reader) for item, reader in pairs], short) == ([(0, 1)], 0)
    pairs, short = spread(items(1, i0={1}), [1, 2], {1: 1, 2: 0}, Wish([1, 2], "each"))
    assert [(item.id, reader) for item, reader in pairs] == [(0, 2)]
    assert spread(items(1), [1], {1: 0}, Wish([1], "several", n=2))[1] == 1  # one reader cannot be two


def test_a_random_order_is_the_readers_own_and_stays() -> None:
    settings = ModeSettings(order="random", seed=5)
    things = items(50)
    orders = {
        reader: [item.id for item in sorted(things, key=lambda each: position_of(settings, reader, each))]
        for reader in (1, 2)
    }
    assert orders[1] != orders[2] != list(range(50))
    assert sorted(orders[1]) == list(range(50))
    again = [item.id for item in sorted(things, key=lambda each: position_of(settings, 1, each))]
    assert again == orders[1]
    assert all(0 <= position_of(settings, 1, item) < 2**63 for item in things)
    other = ModeSettings(order="random", seed=6)
    assert [item.id for item in sorted(things, key=lambda each: position_of(other, 1, each))] != orders[1]


def queue(study: Any, who: str, **params: Any) -> Any:
    return study.get(who, f"/image-sets/{study.set_id}/queue/next", **params)


def test_a_queue_leads_through_ones_own_items_only(make_study: Make) -> None:
    study = make_study("competitive")
    given = study.assign("ann", "ben")
    assert (given["items"], given["created"], given["short"]) == (3, 6, 0)
    first = queue(study, "ann")
    assert (first["image_id"], first["is_assigned"]) == (study.images[0], True)
    assert first["progress"] == {"open": 3, "in_work": 0, "done": 0}
    study.verify("ann", 0)
    assert queue(study, "ann")["image_id"] == study.images[1]
    assert queue(study, "ann", after=study.images[1])["image_id"] == study.images[2]
    assert queue(study, "ann", after=study.images[2])["image_id"] == study.images[1]  # round to what is left
    assert queue(study, "ben")["image_id"] == study.images[0]
    study.verify("ann", 1)
    study.verify("ann", 2)
    end = queue(study, "ann")
    assert (end["image_id"], end["progress"]) == (None, {"open": 0, "in_work": 0, "done": 3})
    queue(study, "vic")
    study.get("stranger", f"/image-sets/{study.set_id}/queue/next", status=404)


def test_without_assignments_the_queue_is_what_is_not_done(make_study: Make) -> None:
    study = make_study()
    study.verify("ben", 0)
    assert queue(study, "ann")["image_id"] == study.images[1]  # one is enough in a cooperative set
    assert queue(study, "ann", after=study.images[2])["image_id"] == study.images[1]
    blind = study.settings(mode="competitive")
    assert blind["is_blind"]
    assert queue(study, "ann")["image_id"] == study.images[0]
    assert queue(study, "ben")["image_id"] == study.images[1]


def test_drawing_and_verifying_move_an_assignment_along(make_study: Make) -> None:
    study = make_study("competitive")
    study.assign("ann", "ben")
    assert study.review("ann")["items"][0]["state"] == "open"
    study.draw("ann")
    mine = study.review("ann")
    assert (mine["state"], mine["items"][0]["state"]) == ("in_work", "in_work")
    assert study.review("ben")["state"] == "to_do"
    study.verify("ann")
    assert study.review("ann")["items"][0]["state"] == "done"
    study.draw("ann")  # what was verified is not what is there now
    mine = study.review("ann")
    assert (mine["state"], mine["items"][0]["state"]) == ("in_work", "in_work")


def test_a_blind_image_is_done_when_every_assigned_reader_has_verified_it(make_study: Make) -> None:
    study = make_study("competitive")
    study.assign("ann", "ben")
    states = []
    for who in ("ann", "ben"):
        study.draw(who)
        states.append(study.review("max")["state"])
        study.verify(who)
        states.append(study.review("max")["state"])
    assert states == ["in_work", "in_work", "in_work", "done"]
    assert study.listed("max", review="done")["total"] == 1
    study.verify("cat")  # who is not assigned adds nothing
    assert study.review("max", 1)["state"] == "to_do"
    study.draw("ben")
    assert study.review("max")["state"] == "in_work"
    study.send("max", "PUT", f"/images/{study.images[0]}/review-state", {"state": "reviewed"})
    assert study.review("judge")["state"] == "reviewed"


def test_moving_takes_what_is_open_and_leaves_what_is_done(make_study: Make) -> None:
    study = make_study()
    study.assign("ann")
    study.verify("ann", 0)
    study.draw("ann", 1)
    move = f"/image-sets/{study.set_id}/assignments/move"
    study.post("ann", move, {"from_reader": study.id("ann"), "to_reader": study.id("ben")}, status=403)
    assert study.post("max", move, {"from_reader": study.id("ann"), "to_reader": study.id("ben")}) == {"moved": 1}
    assert queue(study, "ben")["image_id"] == study.images[2]
    taken = study.post("max", move, {"from_reader": study.id("ann"), "begun": True, "image_ids": [study.images[1]]})
    assert taken == {"moved": 1}
    assert queue(study, "ann")["image_id"] is None
    assert study.assign("ann", image_ids=[study.images[1]])["created"] == 1  # again
    assert queue(study, "ann")["image_id"] == study.images[1]
    rows = study.get("max", f"/image-sets/{study.set_id}/assignments")["items"]
    assert {(each["reader"]["id"], each["image_id"], each["state"]) for each in rows} == {
        (study.id("ann"), study.images[0], "done"),
        (study.id("ann"), study.images[1], "open"),
        (study.id("ben"), study.images[2], "open"),
    }
    actions = [each["action"] for each in study.get("max", f"/image-sets/{study.set_id}/audit")["items"]]
    assert actions == ["assigned", "withdrawn", "reassigned", "assigned"]


def test_who_cannot_verify_is_given_nothing_and_wrong_wishes_are_refused(make_study: Make) -> None:
    study = make_study()
    study.assign("vic", status=403)
    study.assign("stranger", status=403)
    study.assign("ann", who="ann", status=403)
    study.assign("ann", image_ids=[999_999], status=404)
    study.assign("ann", kind="region", status=422)
    study.assign(status=422)
    study.post("max", f"/image-sets/{study.set_id}/assignments", {"readers": [999_999], "how": "each"}, status=404)
    with study.database.write() as session:
        session.execute(update(Image).where(Image.id == study.images[0]).values(status="converting"))
    assert study.assign("ann")["items"] == 2


def test_the_workload_shows_times_and_what_is_late(make_study: Make) -> None:
    study = make_study()
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    study.assign("ann", due_at=yesterday)
    study.post("ann", f"/images/{study.images[0]}/review/opened", status=204)
    with study.database.write() as session:
        session.execute(
            update(Assignment)
            .where(Assignment.image_id == study.images[0])
            .values(started_at=datetime.now(UTC) - timedelta(seconds=90))
        )
    study.verify("ann", 0)
    load = study.get("max", f"/image-sets/{study.set_id}/workload")[0]
    assert (load["open"], load["done"], load["overdue"]) == (2, 1, 2)
    assert load["median_seconds"] == pytest.approx(90, abs=15)


def test_readers_of_a_blind_set_see_their_own_work_and_no_trace_of_others(make_study: Make) -> None:
    study = make_study("competitive")
    study.assign("ann", "ben")
    study.verify("ben", 0)
    study.draw("ben", 1)
    path = f"/image-sets/{study.set_id}"
    assert {row["reader"]["id"] for row in study.get("ann", f"{path}/workload")} == {study.id("ann")}
    rows = study.get("ann", f"{path}/assignments")["items"]
    assert {(row["reader"]["id"], row["item_state"]) for row in rows} == {(study.id("ann"), None)}
    assert study.get("ann", f"{path}/assignments", reader=study.id("ben"))["items"] == []
    assert len(study.get("max", f"{path}/assignments", limit=4)["items"]) == 4
    review = study.review("ann")
    assert (review["state"], review["readers"]) == ("to_do", [])
    assert study.get("ann", f"/images/{study.images[1]}/verification-counts")["total"] == 0
    assert study.listed("ann", review="to_do")["total"] == 3
    assert study.listed("ann", assigned=True)["total"] == 3
    assert study.listed("vic", assigned=True)["total"] == 0
    assert {item["assigned"] for item in study.listed("ann")["items"]} == {"open"}


def test_pages_of_assignments_hold_each_once(make_study: Make) -> None:
    study = make_study(settings={"order": "random", "seed": 9})
    study.assign("ann", "ben", "cat")
    path = f"/image-sets/{study.set_id}/assignments"
    seen: list[int] = []
    cursor = ""
    while cursor is not None:
        page = study.get("max", path, limit=2, cursor=cursor)
        seen += [row["id"] for row in page["items"]]
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 9
