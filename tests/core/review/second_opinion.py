"""What readers of a second opinion see and do, through the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from exact_core.annotations.access import rights_in
from exact_core.annotations.reader import ScopedReader
from exact_core.annotations.scope import read_scope
from exact_core.annotations.streaming import stream
from exact_core.api.annotations import Region
from tests.core.annotations import wire_reader

Make = Callable[..., Any]


NEAR = {"kind": "detection", "distance_um": 5}


WHOLE = {"x0": 0, "y0": 0, "x1": 20_000, "y1": 10_000}


def everywhere(study: Any, who: str, image: int = 0) -> set[int]:
    """The shapes that somebody sees, asked in every way; all of them must tell the same."""
    path = f"/images/{study.images[image]}"
    listed = study.shown(who, image)
    for scale in (None, 0.01):
        answer = study.clients[who].get(
            f"/api/v2{path}/annotation-view", params=WHOLE | ({"scale": scale} if scale else {})
        )
        assert wire_reader.read(answer.content).ids() == listed, f"{who} {scale}"
    counts = study.get(who, f"{path}/annotation-counts")
    assert counts["total"] == sum(each["count"] for each in counts["authors"]) == len(listed), who
    walked = {item["id"] for item in study.get(who, f"{path}/verification-walk", limit=500)["items"]}
    assert walked == listed, who
    assert study.get(who, f"{path}/verification-counts")["total"] == len(listed)
    search = f"/image-sets/{study.set_id}/annotation-search"
    hits = study.get(who, search, image_id=study.images[image], limit=500)["items"]
    assert {hit["id"] for hit in hits} == listed, who
    facets = study.get(who, f"{search}/facets", image_id=study.images[image])
    people = [
        [each["author"] and each["author"]["name"] for each in answer["authors"] for _ in range(each["count"])]
        for answer in (counts, facets)
    ]
    assert sorted(map(str, people[0])) == sorted(map(str, people[1])), who
    assert sorted(map(str, people[0])) == sorted(str(hit["author"] and hit["author"]["name"]) for hit in hits)
    for name in ("ann", "ben", "cat", "none"):  # a name finds what is shown as theirs, and nothing else
        for query, shows in ((f"author:{name}", True), (f"-author:{name}", False)):
            found = study.get(who, search, q=query, image_id=study.images[image], limit=500)["items"]
            shown = {
                hit["id"] for hit in hits if ((hit["author"] or {"name": "none"})["name"].lower() == name) is shows
            }
            assert {hit["id"] for hit in found} == shown, (who, query)
            total = study.get(who, f"{search}/count", q=query, image_id=study.images[image])["total"]
            assert total == len(shown), (who, query)
    with study.database.read() as session:
        reader = ScopedReader(session, study.people[who])
        region = Region(study.images[image], study.set_id, 0, 0, 20_000, 10_000)
        assert sum(reader.count_by_type(region).values()) == len(listed)
        assert sum(sum(cell.values()) for cell in reader.grid_counts(region, 2048).values()) == len(listed)
        assert sum(reader.image_counts(study.set_id)[study.images[image]].values()) == len(listed)
        assert reader.seen(study.images[image], range(1, 2_000)) == listed
        scope = read_scope(session, study.people[who], study.images[image], rights_in(session))
        assert {each.id for each in stream(session, scope)} == listed
        past = scope.as_of(scope.revision)
        assert {each.id for each in stream(session, past)} == listed
    return listed


def decide(study: Any, who: str, item: int, decision: str, status: int = 200, **more: Any) -> Any:
    body = {"decision": decision, "reason": "seen by a third reader", **more}
    return study.post(who, f"/image-sets/{study.set_id}/adjudications/{item}/decision", body, status=status)


def waiting(study: Any, who: str = "judge", state: str = "disagreed") -> list[Any]:
    found: list[Any] = study.get(who, f"/image-sets/{study.set_id}/adjudications", state=state)["items"]
    return found


def read(study: Any, who: str, *places: tuple[int, int], image: int = 0, finish: bool = True) -> list[int]:
    ids = [study.draw(who, image, x, y, x + 20, y + 20)["id"] for x, y in places]
    if finish:
        study.verify(who, image)
    return ids


def walk(study: Any, image: int) -> list[Any]:
    found: list[Any] = study.get("max", f"/images/{study.images[image]}/verification-walk", limit=500)["items"]
    return found


def shapes_study(make_study: Make, **second: Any) -> tuple[Any, list[int]]:
    """Four shapes that the manager drew, each to be judged by ann and ben."""
    study = make_study("second_opinion", items="annotation", **second)
    cells = [study.draw("max", 0, 700 * n, 10, 700 * n + 20, 30)["id"] for n in range(4)]
    given = study.assign("ann", "ben", kind="annotation", image_ids=[study.images[0]])
    assert (given["items"], given["created"]) == (4, 8)
    return study, cells


def region(study: Any, x0: int, y0: int, x1: int, y1: int, image: int = 0) -> dict[str, int]:
    return {"image_id": study.images[image], "x0": x0, "y0": y0, "x1": x1, "y1": y1}
