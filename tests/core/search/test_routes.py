"""Searching over HTTP: pages, facets, mistakes with their column, what blind readers find, saved searches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from exact_core.search import time_limit
from exact_core.search.registry import CORE_FIELDS
from exact_core.storage.models import Version, now
from tests.core.annotations.conftest import Lab


def ask(lab: Lab, who: str, q: str, path: str = "", **params: Any) -> Any:
    url = f"/api/v2/image-sets/{lab.image_set_id}/annotation-search{path}"
    return lab[who].get(url, params={"q": q, **params})


def ids(lab: Lab, who: str, q: str, **params: Any) -> list[int]:
    answer = ask(lab, who, q, **params)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def test_a_page_tells_what_a_list_shows(lab: Lab) -> None:
    drawn = lab.draw("ann", text="odd", frame={"z": 1, "t": 0, "c": -1})
    lab.draw("ben", 900, 900, 990, 990)
    answer = ask(lab, "ben", "text:odd").json()
    item = answer["items"][0]
    assert (item["id"], item["uuid"], item["box"], item["shape"]) == (
        drawn["id"],
        drawn["uuid"],
        [10, 10, 30, 30],
        "box",
    )
    assert item["frame"] == {"z": 1, "t": 0, "c": -1}
    assert (item["author"]["name"], item["may_edit"], item["revision"]) == ("Ann", True, drawn["revision"])
    assert answer["images"][0]["id"] == lab.image_id
    assert (answer["next_cursor"], answer["is_partial"], answer["notes"]) == (None, False, [])
    assert ask(lab, "viewer", "").json()["items"][0]["may_edit"] is False


def test_pages_follow_each_other_over_images(lab: Lab, make_image: Callable[..., int]) -> None:
    second = make_image(lab.image_set_id, width=9000, height=9000)
    for number in range(7):
        lab.draw("ann", 10 + 1000 * number, 10, 40 + 1000 * number, 40)
    lab.image_id, first = second, lab.image_id
    for number in range(5):
        lab.draw("ann", 10, 10 + 1000 * number, 40, 40 + 1000 * number)
    seen: list[tuple[int, int]] = []
    cursor = None
    while True:
        answer = ask(lab, "ann", "", limit=3, cursor=cursor).json()
        seen += [(item["image_id"], item["id"]) for item in answer["items"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert len(set(seen)) == len(seen) == 12
    assert [image for image, _ in seen] == [first] * 7 + [second] * 5
    assert len(ids(lab, "ann", "", image_id=second)) == 5
    assert ask(lab, "ann", "", image_id=999_999).status_code == 404
    assert ask(lab, "ann", "", cursor="rubbish").status_code == 422


def test_an_image_of_another_set_is_not_found(lab: Lab, make_image_set: Any, make_image: Any) -> None:
    other = make_image(make_image_set(lab.team_id, "second"))
    assert ask(lab, "ann", "", image_id=other).status_code == 404


def test_facets_count_per_class_with_those_below_and_per_author(lab: Lab) -> None:
    child = (
        lab["lead"]
        .post(
            f"/api/v2/products/{lab.product_id}/types",
            json={"name": "Mitosis", "shapes": ["box"], "parent_id": lab.types["Cell"]},
        )
        .json()
    )
    lab.types["Mitosis"] = child["id"]
    lab.draw("ann", type_name="Mitosis")
    lab.draw("ann")
    lab.draw("ben", type_name="Nucleus")
    facets = ask(lab, "ann", "", "/facets").json()
    assert facets["total"] == 3
    assert [(each["name"], each["count"], each["with_descendants"]) for each in facets["types"]] == [
        ("Cell", 1, 2), ("Mitosis", 1, 1), ("Nucleus", 1, 1),
    ]  # fmt: skip
    assert [(each["author"]["name"], each["count"]) for each in facets["authors"]] == [("Ann", 2), ("Ben", 1)]
    assert ask(lab, "ann", "class:cell", "/count").json() == {"total": 2, "is_partial": False, "notes": []}
    assert ask(lab, "ann", "label:cell", "/count").json()["total"] == 1
    assert ask(lab, "ann", "size>1px² class:cell", "/facets").json()["total"] == 2


MISTAKES = [
    ("auther:ann", 0, 6, "no field 'auther'", "author"),
    ("size>50 clas:Cell", 8, 4, "no field 'clas'", "class"),
    ("class:Cel", 6, 3, "no class is called 'Cel'", "Cell"),
    ("author:nobody", 7, 6, "nobody is called", ""),
    ("attr.grad:high", 0, 9, "no class has an attribute 'grad'", "attr.grade"),
    ("attr.grade>5", 11, 1, "no order in which '5' stands", ""),
    ("size>big", 5, 3, "a number is expected", ""),
    ("size>5kg", 5, 3, "unit 'kg' is not known", ""),
    ("class>Cell", 5, 1, "compared with", ""),
    ("edited>2026-13", 7, 7, "a date is written", ""),
    ("near:Cell", 5, 4, "a place is expected", ""),
    ("near:(1,2,3kg)", 10, 3, "unit 'kg'", ""),
    ("inside:polygon(1,2,3)", 7, 14, "pairs", ""),
    ("inside:star(1,2)", 7, 9, "an area is", ""),
    ("has:nothing", 4, 7, "it has one of", ""),
    ("id:x", 3, 1, "number of an annotation", ""),
    ("shape:polygone", 6, 8, "no shape", "polygon"),
    ("deleted:yes or class:Cell", 0, 7, "stands alone", ""),
    ("deleted:maybe", 8, 5, "yes or no", ""),
    ("(class:Cell", 0, 1, "never closed", ""),
]


def test_a_mistake_is_answered_with_its_column(lab: Lab) -> None:
    grade = [{"name": "grade", "kind": "choice", "choices": ["low", "high"]}]
    lab["lead"].patch(f"/api/v2/annotation-types/{lab.types['Cell']}", json={"attributes": grade})
    for q, column, length, words, suggestion in MISTAKES:
        answer = ask(lab, "ann", q)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (422, "search-syntax"), q
        assert (problem["column"], problem["length"], problem["suggestion"]) == (column, length, suggestion), q
        assert words in problem["detail"], q


HOSTILE = [
    'text:"\'; DROP TABLE annotation; --"',
    'text~"%"',
    "text:*_*",
    'class:"\' OR 1=1 --"',
    'attr."x:1',
    "attr.grade'):1",
    'attr.grade~"$.x"',
    "attr.gr$ade:1",
    'author:"\' UNION SELECT password_hash FROM user_account --"',
    'image:"../../etc/passwd"',
    "id:1;id:2",
    "uuid:' OR '1'='1",
    "password_hash~a",
    "user_account.password_hash~a",
    "annotation_revision.id:1",
    "__class__:x",
    'text:"\\u0000"',
    "near:(1e308,1e308,1e308um)",
    "size>1e308",
    "size>1e-400",
    "z>99999999999999999999",
    "created>9999-12-31",
    "created>=0001-01-01",
    "edited>-99999y",
    "run:99999999999",
    "inside:box(-1e9,-1e9,1e9,1e9)",
    "inside:polygon(0,0,10,10,0,10,10,0)",
    "inside:polygon(0,0,0,0,0,0)",
    "inside:circle(5,5,0px)",
    "near:(0,0,0px)",
    "text~" + "a" * 3000,
    "(" * 500,
    "not " * 500,
    ",".join(["id:1"] * 900),
    "class:" + ",".join(["Cell"] * 400),
    "\U0001f52c text~\U0001f52c",
]


def test_hostile_queries_find_nothing_that_they_should_not_and_break_nothing(lab: Lab) -> None:
    lab.draw("ann", text="100% _x_ sure")
    for q in HOSTILE:
        for path in ("", "/count", "/facets"):
            answer = ask(lab, "ann", q, path)
            assert answer.status_code in (200, 422), f"{q[:50]}: {answer.text}"
        assert len(ids(lab, "ann", "")) == 1, q[:50]


def test_only_listed_fields_exist(lab: Lab) -> None:
    for column in ("geometry", "tile_key", "valid_from", "private_name", "file_path", "password_hash", "name"):
        assert ask(lab, "lead", f"{column}:1").status_code == 422
        assert ask(lab, "lead", f"{column}~a").status_code == 422


_BLIND = """
class:Cell | class:Nucleus | author:ann | author:ben | author!=ann | not author:ann | author:none | editor:ben
text~secret | text!~x | not text~nothing | has:text | in:Nucleus | inside:Nucleus | near:(Nucleus,9000px)
outside:Nucleus | size>0px2 | edited>=2020 | created:today | revision:3 | deleted:yes | shape:box | z:0 | source:hand
claimed~a | attr.grade:low | has:attributes | deleted:yes text~secret | -class:Cell | id:{theirs} | not id:{mine}
uuid:{uuid} | not uuid:{uuid} | revision:3 text~secret | deleted:yes in:Nucleus | cell | secret
"""
BLIND = ["", *(query for line in _BLIND.strip().splitlines() for query in line.split(" | "))]


@pytest.mark.parametrize("mode", ["competitive"])
def test_a_blind_reader_finds_only_their_own_whatever_they_ask(make_lab: Callable[..., Lab], mode: str) -> None:
    lab = make_lab(mode=mode)
    grade = [{"name": "grade", "kind": "choice", "choices": ["low", "high"]}]
    for name in ("Cell", "Nucleus"):
        lab["lead"].patch(f"/api/v2/annotation-types/{lab.types[name]}", json={"attributes": grade})
    mine = lab.draw("ann", 100, 100, 130, 130, attributes={"grade": "low"})
    theirs = lab.draw("ben", 60, 60, 300, 300, type_name="Nucleus", text="secret", attributes={"grade": "low"})
    gone = lab.draw("ben", 60, 60, 90, 90, text="secret")
    lab["ben"].delete(f"/api/v2/annotations/{gone['id']}")
    for template in BLIND:
        q = template.format(theirs=theirs["id"], mine=mine["id"], uuid=theirs["uuid"])
        for path in ("", "/count", "/facets"):
            answer = ask(lab, "ann", q, path)
            assert answer.status_code == 200, answer.text
            body = answer.json()
            found = {item["id"] for item in body.get("items", [])}
            assert found <= {mine["id"]}, f"{q} finds {found}"
            assert body.get("total", 0) <= 1, f"{q} counts {body}"
            text = answer.text
            assert "secret" not in text
            assert '"Ben"' not in text
            assert theirs["uuid"] not in text
    assert ids(lab, "ann", "in:Nucleus") == []
    assert ids(lab, "ann", "outside:Nucleus") == [mine["id"]]
    assert ids(lab, "lead", "in:Nucleus") == [mine["id"]]
    assert ids(lab, "lead", "deleted:yes") == [gone["id"]]
    fields = lab["ann"].get("/api/v2/search-fields", params={"image_set_id": lab.image_set_id}).json()["items"]
    offered = {each["name"]: each["values"] for each in fields}
    assert offered["author"] == ["me"]
    assert "ben" in next(
        each["values"]
        for each in lab["lead"].get("/api/v2/search-fields", params={"image_set_id": lab.image_set_id}).json()["items"]
        if each["name"] == "author"
    )


def test_what_is_not_ones_own_does_not_exist(lab: Lab) -> None:
    for path in ("", "/count", "/facets"):
        assert ask(lab, "stranger", "", path).status_code == 404
    assert lab["stranger"].get("/api/v2/search-fields", params={"image_set_id": lab.image_set_id}).status_code == 404
    assert lab["stranger"].get("/api/v2/search-fields").status_code == 200


def test_fields_are_described_with_values_to_offer(lab: Lab) -> None:
    grade = [
        {"name": "grade", "title": "Grade", "kind": "choice", "choices": ["low", "high"], "description": "how bad"}
    ]
    lab["lead"].patch(f"/api/v2/annotation-types/{lab.types['Cell']}", json={"attributes": grade})
    lab.draw("ann")
    items = lab["ann"].get("/api/v2/search-fields", params={"image_set_id": lab.image_set_id}).json()["items"]
    by_name = {each["name"]: each for each in items}
    assert {*CORE_FIELDS, "attr.grade", "deleted", "revision", "version"} == set(by_name)
    assert by_name["class"]["values"] == ["Cell", "Nucleus", "Slide"]
    assert by_name["author"]["values"] == ["me", "none", "ann"]
    assert (by_name["attr.grade"]["title"], by_name["attr.grade"]["values"]) == ("Grade", ["low", "high"])
    for each in items:
        if (
            each["example"]
            and "…" not in each["example"]
            and each["name"] not in ("class", "label", "inside", "in", "product", "version")
        ):
            assert ask(lab, "ann", each["example"]).status_code == 200, each["example"]


def test_sizes_without_a_scale_find_nothing_and_say_why(lab: Lab) -> None:
    lab.draw("ann")
    answer = ask(lab, "ann", "size>1").json()
    assert answer["items"] == []
    assert answer["notes"] == ["1 image without a known resolution: sizes in micrometres fit nothing there."]
    assert ids(lab, "ann", "size>1px2") != []


def test_a_search_that_takes_too_long_says_what_to_do(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.draw("ann")
    monkeypatch.setattr(time_limit.Clock, "is_over", property(lambda _: True))
    monkeypatch.setattr(time_limit, "_SQLITE_STEPS", 1)
    monkeypatch.setattr(time_limit.Clock, "left", property(lambda _: 0.0))
    answer = ask(lab, "ann", "text~x size>5px2 near:(1,1,5px)")
    if lab.database.dialect == "sqlite":
        assert (answer.status_code, answer.json()["code"]) == (422, "search-too-long")
        assert "a class" in answer.json()["detail"]
    assert answer.status_code in (200, 422)
    for path in ("/count", "/facets"):  # numbers that are too small, and say so, are better than none
        counted = ask(lab, "ann", "text~x size>5px2 near:(1,1,5px)", path)
        assert counted.status_code == 200
        assert counted.json()["is_partial"] or lab.database.dialect == "postgresql"


def test_what_was_found_before_the_time_was_over_is_answered(
    lab: Lab, make_image: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page makes progress, so that following the cursor ends."""
    for _ in range(3):
        lab.draw("ann")
        lab.image_id = make_image(lab.image_set_id, width=5000, height=5000)
    monkeypatch.setattr(time_limit.Clock, "is_over", property(lambda _: True))
    monkeypatch.setattr(time_limit, "_SQLITE_STEPS", 1_000_000)
    found: list[int] = []
    cursor = None
    for _ in range(8):
        answer = ask(lab, "ann", "size>5px2", cursor=cursor).json()
        found += [item["id"] for item in answer["items"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
        assert answer["is_partial"]
    assert cursor is None
    assert len(found) == len(set(found)) == 3


def saved(lab: Lab, who: str, **body: Any) -> Any:
    return lab[who].post(f"/api/v2/image-sets/{lab.image_set_id}/saved-searches", json=body)


def listed(lab: Lab, who: str) -> list[dict[str, Any]]:
    return lab[who].get(f"/api/v2/image-sets/{lab.image_set_id}/saved-searches").json()["items"]


def test_searches_are_kept_shared_renamed_and_deleted(lab: Lab) -> None:
    own = saved(lab, "ann", name="  Big ones ", query="size>50").json()
    shared = saved(lab, "ann", name="Mine", query="author:me", is_shared=True).json()
    assert own["name"] == "Big ones"
    assert [(each["name"], each["is_own"]) for each in listed(lab, "ann")] == [("Big ones", True), ("Mine", True)]
    assert [(each["name"], each["is_own"], each["may_delete"]) for each in listed(lab, "ben")] == [
        ("Mine", False, False)
    ]
    assert listed(lab, "ben")[0]["owner"]["name"] == "Ann"
    url = f"/api/v2/image-sets/{lab.image_set_id}/saved-searches/"
    assert lab["ben"].patch(f"{url}{own['id']}", json={"name": "x"}).status_code == 404
    assert lab["ben"].patch(f"{url}{shared['id']}", json={"name": "x"}).status_code == 403
    assert lab["ben"].delete(f"{url}{shared['id']}").status_code == 403
    assert lab["ann"].patch(f"{url}{own['id']}", json={"name": "Mine"}).status_code == 409
    assert lab["ann"].patch(f"{url}{own['id']}", json={}).status_code == 422
    changed = lab["ann"].patch(f"{url}{own['id']}", json={"query": "size>60", "is_shared": True}).json()
    assert (changed["query"], changed["is_shared"]) == ("size>60", True)
    assert saved(lab, "ann", name="Bad", query="size>").status_code == 422
    assert saved(lab, "ann", name="Mine", query="").status_code == 409
    assert saved(lab, "ben", name="Mine", query="").status_code == 201
    assert lab["lead"].delete(f"{url}{shared['id']}").status_code == 204
    assert lab["ann"].delete(f"{url}{own['id']}").status_code == 204
    assert listed(lab, "ann") == []
    assert saved(lab, "stranger", name="x", query="").status_code == 404


def test_blind_readers_share_nothing_and_hear_of_nobody(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(mode="competitive")
    assert saved(lab, "ann", name="x", query="", is_shared=True).status_code == 403
    assert saved(lab, "lead", name="For all", query="class:Cell", is_shared=True).status_code == 201
    assert [(each["name"], each["owner"]) for each in listed(lab, "ann")] == [("For all", None)]


def test_a_query_is_checked_without_searching(lab: Lab) -> None:
    lab.draw("ann")
    assert ask(lab, "ann", "class:Cell size>5", "/check").json() == {"mistake": None}
    assert ask(lab, "ann", "", "/check").json() == {"mistake": None}
    wrong = ask(lab, "ann", "size>5 class:Cel", "/check")
    mistake = wrong.json()["mistake"]
    assert (wrong.status_code, mistake["column"], mistake["length"], mistake["suggestion"]) == (200, 13, 3, "Cell")
    assert mistake["reason"] == "no class is called 'Cel'"
    assert mistake["detail"] == ask(lab, "ann", "size>5 class:Cel").json()["detail"]
    assert ask(lab, "ann", "(size>5", "/check").json()["mistake"]["column"] == 0
    assert ask(lab, "stranger", "", "/check").status_code == 404


def test_a_version_is_searched_as_it_was(lab: Lab) -> None:
    first = lab.draw("ann")
    revision = lab.draw("ben", 60, 60, 90, 90)["revision"]
    with lab.database.write() as session:
        session.add(Version(image_set_id=lab.image_set_id, name="Release 1", revision=revision, content_digest="0"))
        session.add(
            Version(image_set_id=lab.image_set_id, name="Gone", revision=1, content_digest="0", deleted_at=now())
        )
    lab.change("ann", {"op": "update", "id": first["id"], "type_id": lab.types["Nucleus"]})
    lab.draw("ann", 500, 500, 530, 530)
    assert len(ids(lab, "ann", 'version:"release 1"')) == 2
    assert len(ids(lab, "ann", 'version:"Release 1" class:Cell')) == 2
    assert ids(lab, "ann", 'version:"Release 1" class:Nucleus') == []
    assert ask(lab, "ann", 'version:"Release 1" author:ann', "/count").json()["total"] == 1
    offered = lab["ann"].get("/api/v2/search-fields", params={"image_set_id": lab.image_set_id}).json()["items"]
    assert next(each for each in offered if each["name"] == "version")["values"] == ["Release 1"]
    mistake = ask(lab, "ann", 'version:"Release 2"', "/check").json()["mistake"]
    assert mistake["suggestion"] == '"Release 1"'
    for query in ("version:Gone", 'not version:"Release 1"', 'version:"Release 1" deleted:yes'):
        assert ask(lab, "ann", query).status_code == 422, query
    url = f"/api/v2/image-sets/{lab.image_set_id}/annotation-bulk-edits"
    assert lab["ann"].post(url, json={"q": 'version:"Release 1"', "delete": True}).status_code == 422


def test_a_blind_reader_finds_their_own_of_a_version(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(mode="competitive")
    own = lab.draw("ann")
    revision = lab.draw("ben", 60, 60, 90, 90)["revision"]
    with lab.database.write() as session:
        session.add(Version(image_set_id=lab.image_set_id, name="v1", revision=revision, content_digest="0"))
    assert ids(lab, "ann", "version:v1") == [own["id"]]
    assert ids(lab, "lead", "version:v1 author:ben -verified:yes") != []
