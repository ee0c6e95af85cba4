"""The plugin inside a running EXACT: routes, statistics, overlays, switches, blind rules."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from exact_eiph_score import routes
from PIL import Image

PLUGINS = ["eiph_score"]


@pytest.fixture
def slide(app, image_set):
    return app.image(image_set, width=24_576, height=12_288)


@pytest.fixture
def cells(annotate, slide):
    """Two cells of grade 1 and one of grade 4 on the left, one of grade 4 on the right, and one without a grade."""
    annotate(slide, "Grade 1", box=(100, 100, 120, 120))
    annotate(slide, "Grade 1", box=(300, 100, 320, 120))
    annotate(slide, "Grade 4", box=(500, 100, 520, 120))
    annotate(slide, "Grade 4", box=(20_000, 100, 20_020, 120))
    annotate(slide, "Neutrophil", box=(200, 100, 220, 120))


def score_of(client, app, image_set, slide, **query):
    answer = client.get(f"{app.routes('eiph_score', image_set)}/images/{slide}/score", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.usefixtures("cells")
def test_the_whole_image_is_scored_without_a_rectangle(client, app, image_set, slide):
    score = score_of(client, app, image_set, slide)
    assert score["counts"] == [0, 2, 0, 0, 2]
    assert score["value"] == 250.0
    assert not score["is_certain"]
    assert "4 of 300" in score["warning"]


@pytest.mark.usefixtures("cells")
def test_a_field_of_view_counts_boxes_by_their_centre(client, app, image_set, slide):
    view = {"x0": 0, "y0": 0, "x1": 511, "y1": 12_288}  # cuts the third box, whose centre lies inside
    assert score_of(client, app, image_set, slide, **view)["counts"] == [0, 2, 0, 0, 1]
    view["x1"] = 510  # now the centre, x = 510, lies on the right edge: outside
    assert score_of(client, app, image_set, slide, **view)["counts"] == [0, 2, 0, 0, 0]


def test_an_empty_view_has_no_score_and_says_so(client, app, image_set, slide):
    score = score_of(client, app, image_set, slide)
    assert score["value"] is None
    assert "No graded cells" in score["warning"]


def test_an_inside_out_rectangle_is_refused_with_the_reason(client, app, image_set, slide):
    url = f"{app.routes('eiph_score', image_set)}/images/{slide}/score"
    answer = client.get(url, params={"x0": 10, "x1": 5})
    assert answer.status_code == 422
    assert "x1 must not be less" in answer.json()["detail"]


@pytest.mark.usefixtures("cells")
def test_settings_of_the_image_set_decide_what_is_a_grade(client, app, image_set, slide, settings_for):
    settings_for("eiph_score", image_set, grade_0="Neutrophil", grade_4="", minimum_cells=3)
    score = score_of(client, app, image_set, slide)
    assert score["counts"] == [1, 2, 0, 0, 0]
    assert score["is_certain"]


def test_in_a_blind_set_everybody_scores_only_their_own_cells(app):
    blind = app.image_set(plugins=["eiph_score"], mode="competitive")
    slide = app.image(blind)
    ann, ben = app.as_user("annotator", blind), app.as_user("annotator", blind)
    app.annotate(slide, "Grade 4", box=(10, 10, 20, 20), client=ann)
    app.annotate(slide, "Grade 0", box=(30, 10, 40, 20), client=ben)
    assert score_of(ann, app, blind, slide)["counts"] == [0, 0, 0, 0, 1]
    assert score_of(ben, app, blind, slide)["counts"] == [1, 0, 0, 0, 0]
    maps = [c.get(f"{app.routes('eiph_score', blind)}/images/{slide}/heat-map.png") for c in (ann, ben)]
    assert maps[0].headers["etag"] != maps[1].headers["etag"]


@pytest.mark.usefixtures("cells")
def test_the_heat_map_follows_every_change(client, app, image_set, slide, settings_for, annotate):
    settings_for("eiph_score", image_set, heat_map_minimum=1)
    url = f"{app.routes('eiph_score', image_set)}/images/{slide}/heat-map.png"
    first = client.get(url)
    pixels = np.asarray(Image.open(BytesIO(first.content)))
    assert pixels[2, 2, 3] > 0
    assert pixels[200, 300, 3] == 0
    assert client.get(url, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    assert len(routes.heat_maps) >= 1
    annotate(slide, "Grade 2", box=(12_000, 8_000, 12_020, 8_020))
    second = client.get(url)
    assert second.headers["etag"] != first.headers["etag"]
    assert np.asarray(Image.open(BytesIO(second.content)))[208, 312, 3] > 0


@pytest.mark.usefixtures("cells")
def test_the_platform_shows_the_statistics_of_a_region(client, app, image_set, slide):
    answer = client.get(f"/api/v2/images/{slide}/statistics")
    assert answer.status_code == 200, answer.text
    found = {item["id"]: item for item in answer.json()}
    assert found["eiph_score.score"]["value"] == 250.0
    assert found["eiph_score.cells"]["value"] == 4


def test_the_overview_map_is_offered_where_the_plugin_is_on(client, app, image_set, slide):
    overlays = client.get(f"/api/v2/images/{slide}/overlays").json()
    assert {item["id"] for item in overlays} == {"eiph_score.overview", "eiph_score.slide"}
    assert [item["is_shown"] for item in overlays if item["id"] == "eiph_score.overview"] == [True]


def test_switched_off_in_one_set_it_is_gone_there_and_only_there(client, app, image_set, slide):
    other = app.image_set(plugins=["eiph_score"])
    other_slide = app.image(other)
    app.switch("eiph_score", image_set, enabled=False)
    gone = client.get(f"{app.routes('eiph_score', image_set)}/images/{slide}/score")
    assert gone.status_code == 404
    assert "not enabled" in gone.json()["detail"] or "off" in gone.json()["detail"]
    assert client.get(f"/api/v2/images/{slide}/overlays").json() == []
    assert score_of(client, app, other, other_slide)["total"] == 0


def test_strangers_learn_nothing(app, image_set, slide):
    stranger = app.as_user()
    assert stranger.get(f"{app.routes('eiph_score', image_set)}/images/{slide}/score").status_code == 404


def test_an_image_of_another_set_is_not_found_through_this_one(client, app, image_set):
    other = app.image_set(plugins=["eiph_score"])
    foreign = app.image(other)
    assert client.get(f"{app.routes('eiph_score', image_set)}/images/{foreign}/score").status_code == 404


def test_sets_with_a_product_named_eiph_are_offered_the_plugin(app):
    offered = app.image_set()
    created = app.client.post(
        "/api/v2/products", json={"team_id": team_of(app, offered), "name": "EIPH", "description": ""}
    )
    assert created.status_code == 201, created.text
    app.client.put(f"/api/v2/image-sets/{offered}/products", json={"product_ids": [created.json()["id"]]})
    plugins = app.client.get(f"/api/v2/image-sets/{offered}/plugins").json()
    state = next(item for item in plugins if item["name"] == "eiph_score")
    assert state["is_suggested"]
    assert not state["enabled"]


def team_of(app, image_set):
    return app.client.get(f"/api/v2/image-sets/{image_set}").json()["team"]["id"]


@pytest.mark.usefixtures("cells")
def test_cells_are_found_by_their_grade(client, app, image_set, settings_for):
    url = f"/api/v2/image-sets/{image_set}/annotation-search/count"

    def count(query):
        return client.get(url, params={"q": query}).json()["total"]

    assert count("eiph_score.grade:4") == 2
    assert count("eiph_score.grade<4 eiph_score.grade>=1") == 2
    assert count("not eiph_score.grade>=0") == 1  # the neutrophil has no grade
    settings_for("eiph_score", image_set, grade_4="neutrophil ")
    assert count("eiph_score.grade:4") == 1
