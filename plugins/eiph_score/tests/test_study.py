"""The scores of a whole image set: the table, its CSV, searching by score, and real readers of a real study."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from pathlib import Path
from uuid import uuid4

import pytest

PLUGINS = ["eiph_score"]
STUDY = Path(__file__).parents[4] / "shared/data/02-cytology-mitosis/exact-study-2020/EIPH/FirstRound"


def study_of(client, app, image_set):
    answer = client.get(f"{app.routes('eiph_score', image_set)}/study")
    assert answer.status_code == 200, answer.text
    return answer.json()


def hits(client, image_set, query):
    answer = client.get(f"/api/v2/image-sets/{image_set}/annotation-search", params={"q": query})
    assert answer.status_code == 200, answer.text
    return {hit["image_id"] for hit in answer.json()["items"]}


def test_each_image_has_a_row_also_without_cells(client, app, image_set, annotate):
    first, second, empty = (app.image(image_set, name=name) for name in ("b", "=cmd()", "c"))
    for grade in (1, 4):
        annotate(first, f"Grade {grade}", box=(9, 9, 20, 20))
    annotate(second, "Grade 4", box=(9, 9, 20, 20))
    annotate(second, "Neutrophil", box=(9, 9, 20, 20))
    study = study_of(client, app, image_set)
    assert {item["image_id"]: (item["value"], item["total"]) for item in study["items"]} == {
        first: (250.0, 2),
        second: (400.0, 1),
        empty: (None, 0),
    }
    assert study["minimum"] == 300
    answer = client.get(f"{app.routes('eiph_score', image_set)}/study.csv")
    assert "attachment" in answer.headers["content-disposition"]
    rows = {int(row["image_id"]): row for row in csv.DictReader(io.StringIO(answer.text))}
    assert (rows[first]["score"], rows[first]["grade_4"], rows[empty]["score"]) == ("250.0", "1", "")
    assert rows[second]["image"] == "'=cmd()"  # not a formula for a spreadsheet


def test_cells_are_found_by_the_score_of_their_image(client, app, image_set, annotate):
    high, low, other = (app.image(image_set) for _ in range(3))
    annotate(high, "Grade 4", box=(9, 9, 20, 20))
    annotate(low, "Grade 1", box=(9, 9, 20, 20))
    annotate(low, "Neutrophil", box=(9, 9, 20, 20))
    annotate(other, "Neutrophil", box=(9, 9, 20, 20))
    assert hits(client, image_set, "eiph_score.score>=200") == {high}
    assert hits(client, image_set, "eiph_score.score<200") == {low}
    assert hits(client, image_set, "eiph_score.score:100 eiph_score.grade:1") == {low}
    assert hits(client, image_set, "not eiph_score.score>=0") == {other}  # without a score
    refused = client.get(f"/api/v2/image-sets/{image_set}/annotation-search", params={"q": "eiph_score.score>high"})
    assert refused.status_code == 422
    assert "is a number" in refused.text


def test_in_a_blind_set_rows_and_hits_are_of_ones_own_cells(app):
    blind = app.image_set(plugins=["eiph_score"], mode="competitive")
    slide = app.image(blind)
    ann, ben = app.as_user("annotator", blind), app.as_user("annotator", blind)
    app.annotate(slide, "Grade 4", box=(10, 10, 20, 20), client=ann)
    app.annotate(slide, "Grade 0", box=(30, 10, 40, 20), client=ben)
    assert [item["value"] for item in study_of(ann, app, blind)["items"]] == [400.0]
    assert [item["value"] for item in study_of(ben, app, blind)["items"]] == [0.0]
    assert hits(ann, blind, "eiph_score.score>=300") == {slide}
    assert hits(ben, blind, "eiph_score.score>=300") == set()
    assert app.as_user().get(f"{app.routes('eiph_score', blind)}/study").status_code == 404


def read_file(path):
    """Boxes and labels per image of a file that EXACT wrote in 2020, without what was deleted there."""
    found = defaultdict(list)
    for row in path.read_text(encoding="utf-8").splitlines():
        parts = row.split("|")
        if row.startswith("[") or len(parts) < 11 or parts[8] == "True" or parts[1] not in "01234":
            continue
        corners = [int(part.split(":")[1].strip(' "')) for part in parts[2].strip("{},").split(",")]
        found[parts[0]].append((int(parts[1]), corners))
    return found


@pytest.mark.data
def test_scores_of_the_study_of_2020_are_those_of_its_files(app):
    if not STUDY.is_dir():
        pytest.skip("the study's files are not here")
    files = [*(STUDY / "Participants").glob("*.txt"), STUDY / "GT" / "ground truth.txt"]
    for file in files:
        image_set = app.image_set(plugins=["eiph_score"])
        types = [app.annotation_type(image_set, str(grade)) for grade in range(5)]
        cells = read_file(file)
        assert len(cells) >= 20
        for name, found in cells.items():
            image = app.image(image_set, width=4_000, height=4_000, name=name[:64])
            operations = [
                {
                    "op": "create",
                    "uuid": str(uuid4()),
                    "type_id": types[grade],
                    "geometry": {"shape": "box", "points": [[x0, y0], [x1, y1]]},
                }
                for grade, (x0, y0, x1, y1) in found
            ]
            answer = app.client.post(f"/api/v2/images/{image}/annotation-changes", json={"operations": operations})
            assert answer.status_code < 300, answer.text
        scores = {item["name"]: item["value"] for item in study_of(app.client, app, image_set)["items"]}
        assert scores == {
            name[:64]: pytest.approx(100 * sum(grade for grade, _ in found) / len(found))
            for name, found in cells.items()
        }
