"""What concerns others too, on both databases: team, blind comparison, views, counts, locks, proof in versions."""

from __future__ import annotations

import json
from base64 import b64decode

import numpy as np
import pytest


def test_views_are_proof_of_what_was_seen_and_how_large(make_place):
    place = make_place()

    def tell(x0, y0, x1, y1, zoom, seconds, status=204):
        view = {"x0": x0, "y0": y0, "x1": x1, "y1": y1, "zoom": zoom, "seconds": seconds}
        place.ask("POST", "views", {"views": [view]}, status=status)

    assert place.ask("GET", "coverage") == {"steps": [], "seconds": 0.0}
    tell(0, 0, 20_000, 30_000, 0.125, 4)  # half of the slide at 5x
    tell(0, 0, 4_000, 3_000, 1, 6)  # a hundredth of it at 40x
    tell(0, 0, 4_000, 3_000, 1, 2)  # once more: no more area
    tell(20_000, 0, 40_000, 30_000, 1, 0.1)  # passed by
    tell(50_000, 0, 60_000, 10, 1, 9)  # beside the slide
    tell(0, 0, 1, 1, 0, 1, status=422)
    found = place.ask("GET", "coverage")
    assert [step["magnification"] for step in found["steps"]] == [40.0, 5.0]
    assert found["steps"][0]["share"] == pytest.approx(0.01, abs=0.001)
    assert found["steps"][0]["area_mm2"] == pytest.approx(0.75, abs=0.05)
    assert found["steps"][1]["share"] == pytest.approx(0.5, abs=0.002)
    assert found["seconds"] == 12.0
    assert place.ask("GET", "coverage", client=place.lead)["steps"] == []  # everybody reads their own


def test_a_lead_sees_how_far_everybody_is(make_place):
    place = make_place()
    ben = place.person(name="")
    place.begin()
    place.window().step(marks=[0, 1], seconds={0: 30})
    place.begin(client=ben, field_width=4000, field_height=3000)
    window = place.window(ben)
    window.step(marks=[0])
    window.finish()
    found = place.ask("GET", "team", client=place.lead)
    first, second = sorted(found["people"], key=lambda person: person["total"], reverse=True)
    assert (first["done"], first["total"], first["seconds"], first["passes"]) == (2, 1200, 30.0, 1)
    assert first["area_mm2"] == pytest.approx(0.125)
    assert second["finished_at"]
    assert second["share"] == pytest.approx(0.01)
    seen_by = np.frombuffer(b64decode(found["seen_by"]), np.uint8).reshape(found["rows"], found["columns"])
    assert (seen_by[0, 0], seen_by[0, 15], seen_by[-1, -1]) == (2, 1, 0)

    progress = place.app.client.get(f"{place.app.routes('screening', place.set)}/team").json()
    assert [(each["image_id"], len(each["people"])) for each in progress] == [(place.image, 2)]


def test_blind_readers_are_compared_only_when_both_have_finished_and_the_set_is_unblinded(running, make_place):
    from exact_core.storage.epochs import raise_epoch
    from exact_core.storage.models import ImageSet, now

    place = make_place(mode="competitive")
    ben = place.person()
    for client in (place.ann, ben):
        place.begin(client=client)
    ids = {client: client.get("/api/v2/me").json()["id"] for client in (place.ann, ben)}
    pair = {"first": ids[place.ann], "second": ids[ben]}
    draw = place.app.annotate
    draw(place.image, "Mitosis", box=(100, 100, 140, 140), client=place.ann)
    draw(place.image, "Mitosis", box=(110, 104, 150, 144), client=ben)  # 10.8 px = 2.7 µm away: the same
    draw(place.image, "Mitosis", box=(900, 900, 940, 940), client=place.ann)
    draw(place.image, "Non-mitotic", box=(904, 900, 944, 940), client=ben)
    draw(place.image, "Mitosis", box=(5000, 100, 5040, 140), client=place.ann)
    draw(place.image, "Mitosis", box=(5040, 100, 5080, 140), client=ben)  # 10 µm: another one

    assert "hidden" in place.ask("GET", "disagreements", status=403, **pair)["detail"]
    unfinished = place.ask("GET", "disagreements", client=place.lead, status=409, **pair)
    assert "has not finished" in unfinished["detail"]
    for client in (place.ann, ben):
        place.window(client).finish()
    place.ask("GET", "disagreements", status=403, **pair)  # finished, and still blind
    found = place.ask("GET", "disagreements", client=place.lead, **pair)
    numbers = [found[name] for name in ("agreed", "only_first", "only_second", "other_type")]
    assert numbers == [1, 1, 1, 1]
    other = next(item for item in found["items"] if item["kind"] == "type")
    assert (other["first_type"], other["second_type"], other["x"]) == ("Mitosis", "Non-mitotic", 920)
    assert place.ask("GET", "team", client=place.person("reviewer"))["seen_by"] is None  # where people looked is blind

    with running.services.database.write() as session:
        session.get_one(ImageSet, place.set).unblinded_at = now()
        raise_epoch(session, "access")
    assert place.ask("GET", "disagreements", **pair)["agreed"] == 1
    place.ask("GET", "disagreements", status=409, first=ids[ben], second=ids[ben])
    place.ask("GET", "disagreements", status=404, first=ids[ben], second=10**6)


def test_counts_follow_the_place_and_the_hotspot_is_found(running, make_place):
    place = make_place()
    assert place.ask("GET", "hotspot") is None
    for x, y in ((20_000, 15_000), (20_300, 15_200), (21_500, 15_100), (3_000, 3_000)):
        place.app.annotate(place.image, "Mitosis", box=(x, y, x + 40, y + 40))
    place.app.annotate(place.image, "Other", box=(3_100, 3_000, 3_140, 3_040))
    here = place.ask("GET", "count", x=3_000, y=3_000)
    assert here["types"] == {"Mitosis": 1, "Other": 1}
    assert here["area_mm2"] == pytest.approx(2.37, abs=0.001)
    assert (here["x0"], here["y0"]) == (0, 334)  # moved inwards at the edge
    assert (here["x1"] - here["x0"]) / (here["y1"] - here["y0"]) == pytest.approx(4 / 3, abs=0.01)
    assert place.ask("GET", "hotspot")["total"] == 3
    running.settings_for("screening", place.set, count_area=0.05, count_types="other")
    assert place.ask("GET", "hotspot")["types"] == {"Other": 1}
    assert place.ask("GET", "count", x=20_000, y=15_000)["total"] == 0
    with_no_type = running.settings_for("screening", place.set, count_types="Deleted type")
    assert with_no_type["enabled"]
    assert place.ask("GET", "hotspot") is None


def test_a_locked_region_refuses_changes_and_says_who_locked_it(make_place):
    place = make_place()
    inner = place.app.annotate(place.image, "Cell", box=(1_000, 1_000, 1_040, 1_040), client=place.ann)
    outer = place.app.annotate(place.image, "Cell", box=(9_000, 1_000, 9_040, 1_040), client=place.ann)
    wish = {"points": [[500, 500], [2_000, 500], [2_000, 2_000], [500, 2_000]], "reason": "agreed reference"}
    lock = place.ask("POST", "locks", wish, client=place.lead, status=201)

    def change(client, **operation):
        body = {"operations": [operation]}
        return client.post(f"/api/v2/images/{place.image}/annotation-changes", json=body)

    box = {"shape": "box", "points": [[1_500, 1_500], [1_540, 1_540]]}
    kind = place.app.annotation_type(place.set, "Cell")
    new = {"op": "create", "uuid": "00000000-0000-4000-8000-000000000001", "type_id": kind, "geometry": box}
    for client in (place.ann, place.lead):
        for operation in (
            new,
            {"op": "delete", "id": inner},
            {"op": "update", "id": outer, "geometry": box},  # moved into it
            {"op": "update", "id": inner, "geometry": {"shape": "box", "points": [[9_500, 10], [9_540, 40]]}},
        ):
            refused = change(client, **operation)
            assert refused.status_code == 409, refused.text
            assert "agreed reference" in refused.text
            assert lock["by"] in refused.text
    assert change(place.ann, op="delete", id=outer).status_code == 200
    assert place.state()["locks"][0] | {"created_at": ""} == {**lock, "may_unlock": False, "created_at": ""}
    switch = f"/api/v2/image-sets/{place.set}/plugins/screening"
    kept = place.app.client.put(switch, json={"enabled": False})
    assert kept.status_code == 409, kept.text
    assert "1 region is locked here" in kept.text
    assert place.app.client.put(switch, json={"settings": {"overlap": 10}}).status_code == 200
    place.ask("DELETE", f"locks/{lock['id']}", status=403)
    place.ask("DELETE", f"locks/{lock['id']}", client=place.lead, status=204)
    place.ask("DELETE", f"locks/{lock['id']}", client=place.lead, status=404)
    assert change(place.ann, **new).status_code == 200
    for enabled in (False, True):
        assert place.app.client.put(switch, json={"enabled": enabled}).status_code == 200
    two_corners = place.ask(
        "POST", "locks", {"points": [[5, 5], [90, 60]], "reason": "x"}, client=place.lead, status=201
    )
    assert two_corners["points"] == [[5, 5], [90, 5], [90, 60], [5, 60]]


@pytest.mark.parametrize("mode", ["cooperative", "competitive"])
def test_a_version_keeps_the_proof_and_in_a_blind_set_no_names(make_place, mode):
    place = make_place(mode=mode)
    place.picture((0.0, 0.0, 0.5, 0.5))
    place.begin(tissue_only=True)
    first = place.state()["screening"]["position"]
    window = place.window()
    window.step(marks=[first], seconds={first: 12})
    view = {"x0": 0, "y0": 0, "x1": 4_000, "y1": 3_000, "zoom": 1, "seconds": 5}
    place.ask("POST", "views", {"views": [view]}, status=204)
    window.finish()
    name = place.ann.get("/api/v2/me").json()["name"]

    def proof():
        made = place.lead.post(f"/api/v2/image-sets/{place.set}/versions", json={"name": f"v{proof.count}"})
        assert made.status_code == 201, made.text
        proof.count += 1
        listed = place.lead.get(f"/api/v2/versions/{made.json()['id']}/artefacts").json()
        [kept] = listed["items"] if isinstance(listed, dict) else listed
        assert (kept["name"], kept["kind"]) == ("screening-coverage.json", "metrics")
        return place.lead.get(f"/api/v2/version-artefacts/{kept['id']}/file").content

    proof.count = 1
    content = proof()
    assert content == proof()
    [image] = json.loads(content)["images"]
    [reader] = image["readers"]
    [own] = reader["passes"]
    assert (own["fields_seen"], own["seconds"], own["is_finished"]) == (1, 12.0, True)
    assert own["seconds_per_field"] == {"median": 12.0, "most": 12.0}
    assert own["area_mm2"] == pytest.approx(0.0625)
    assert own["share_of_tissue"] == pytest.approx(1 / 300, rel=0.1)
    assert image["area_mm2"] == 75.0
    assert reader["views"]["by_magnification"][0]["magnification"] == 40.0
    assert (name in content.decode()) == (mode == "cooperative")
    assert ("began_at" in own) == (mode == "cooperative")


def test_tables_are_what_the_models_say(running):
    from exact_screening.tables import METADATA

    from exact_core.storage import migrate

    schema = migrate.plugin_schema("screening", METADATA, "exact_screening.migrations")
    assert migrate.check(running.services.database, [schema])["screening"] == []
