"""Image sets over HTTP: making, finding, changing, deleting; members, tags, pins, rights."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from exact_core.storage.models import ImageSet, ImageSetMember

SETS = "/api/v2/image-sets"


@pytest.fixture
def lead(make_user):
    return make_user("lead")


@pytest.fixture
def team(make_team, lead):
    return make_team("Lab", leads=[lead])


@pytest.fixture
def browser(browser_of, lead, team):
    return browser_of(lead)


def names(answer) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()["items"]]


def test_a_lead_makes_a_set_and_finds_everything_about_it(browser, team, make_image):
    made = browser.post(
        SETS, json={"team_id": team, "name": " Lungs ", "mode": "competitive", "tags": ["EIPH", "Hund"]}
    )
    assert made.status_code == 201
    image_set = made.json()
    make_image(image_set["id"], status="unreadable")
    cover = make_image(image_set["id"])
    found = browser.get(f"{SETS}/{image_set['id']}").json()
    assert (found["name"], found["mode"], found["team"]["name"], found["role"]) == (
        "Lungs",
        "competitive",
        "Lab",
        "manager",
    )
    assert (found["image_count"], found["ready_count"], found["cover_image_id"]) == (2, 1, cover)
    assert found["tags"] == ["EIPH", "Hund"]
    assert "delete_set" in found["rights"]


def test_a_repeated_create_makes_one_set(browser, database, team):
    answers = [
        browser.post(SETS, json={"team_id": team, "name": "Once"}, headers={"Idempotency-Key": "k1"}) for _ in range(3)
    ]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(ImageSet)) == 1


@pytest.mark.parametrize(
    "body", [{"name": ""}, {"name": "x" * 151}, {"mode": "chaos"}, {"tags": ["x" * 65]}, {"is_locked": True}, {"id": 5}]
)
def test_nonsense_is_refused_with_the_field(browser, team, body):
    answer = browser.post(SETS, json={"team_id": team, "name": "x", **body})
    assert answer.status_code == 422
    assert next(iter(body)) in answer.json()["errors"][0]["location"]


def test_a_team_has_each_name_once_and_a_deleted_set_frees_its_name(browser, browser_of, lead, make_team, team):
    first = browser.post(SETS, json={"team_id": team, "name": "Liver"}).json()
    assert browser.post(SETS, json={"team_id": team, "name": "Liver"}).status_code == 409
    assert browser.post(SETS, json={"team_id": make_team(leads=[lead]), "name": "Liver"}).status_code == 201
    assert browser.delete(f"{SETS}/{first['id']}").status_code == 204
    second = browser.post(SETS, json={"team_id": team, "name": "Liver"})
    assert second.status_code == 201
    assert browser.post(f"{SETS}/{first['id']}/restore").status_code == 409
    browser.patch(f"{SETS}/{second.json()['id']}", json={"name": "Other"})
    restored = browser.post(f"{SETS}/{first['id']}/restore")
    assert (restored.status_code, restored.json()["name"]) == (200, "Liver")


def test_a_deleted_set_is_gone_everywhere_but_in_the_list_of_deleted_ones(browser, app, browser_of, make_user, team):
    number = browser.post(SETS, json={"team_id": team, "name": "Liver", "tags": ["t"]}).json()["id"]
    assert browser.delete(f"{SETS}/{number}").status_code == 204
    for path in (f"{SETS}/{number}", f"{SETS}/{number}/members", f"{SETS}/{number}/rights"):
        assert browser.get(path).status_code == 404
    assert browser.delete(f"{SETS}/{number}").status_code == 404
    assert names(browser.get(SETS)) == []
    assert browser.get("/api/v2/image-set-tags").json() == []
    assert len(names(browser.get(SETS, params={"deleted": True}))) == 1
    stranger = browser_of(make_user())
    assert names(stranger.get(SETS, params={"deleted": True})) == []
    assert stranger.post(f"{SETS}/{number}/restore").status_code == 404


def test_search_reads_names_descriptions_and_tags_and_ignores_case(browser, team):
    for name, description, tags in (
        ("Lunge Übersicht", "", []),
        ("Leber", "from 100% of cases", ["Ratte"]),
        ("Niere", "", ["Ratte", "Färbung"]),
    ):
        browser.post(SETS, json={"team_id": team, "name": name, "description": description, "tags": tags})

    def found(**params):
        return sorted(names(browser.get(SETS, params=params)))

    assert found(q="übersicht") == ["Lunge Übersicht"]
    assert found(q="ratte") == ["Leber", "Niere"]
    assert found(q="ratte FÄRB") == ["Niere"]
    assert found(q="100%") == ["Leber"]
    assert found(q="_") == []
    assert found(tag="RATTE") == ["Leber", "Niere"]
    assert found(tag=["Ratte", "Färbung"]) == ["Niere"]
    assert found(team=team) == ["Leber", "Lunge Übersicht", "Niere"]
    assert found(team=team + 1000) == []
    tags = browser.get("/api/v2/image-set-tags").json()
    assert tags == [{"name": "Ratte", "image_set_count": 2}, {"name": "Färbung", "image_set_count": 1}]


@pytest.mark.parametrize("sort", ["newest", "name"])
def test_pages_show_every_set_once_pinned_ones_first(browser, team, make_image_set, sort):
    numbers = [make_image_set(team, f"Set {n:02}") for n in range(7)]
    for number in (numbers[1], numbers[4]):
        assert browser.put(f"{SETS}/{number}/pin").status_code == 204
        assert browser.put(f"{SETS}/{number}/pin").status_code == 204  # again is harmless
    seen, cursor = [], ""
    while True:
        page = browser.get(SETS, params={"limit": 3, "sort": sort, "cursor": cursor}).json()
        assert page["total"] == 7
        seen += [each["id"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    pinned = [numbers[4], numbers[1]] if sort == "newest" else [numbers[1], numbers[4]]
    others = [number for number in numbers if number not in pinned]
    assert seen == pinned + (others[::-1] if sort == "newest" else others)
    assert len(names(browser.get(SETS, params={"pinned": True}))) == 2
    assert len(names(browser.get(SETS, params={"pinned": False}))) == 5
    assert browser.delete(f"{SETS}/{numbers[1]}/pin").status_code == 204
    assert len(names(browser.get(SETS, params={"pinned": True}))) == 1


def test_a_pin_is_ones_own(browser, browser_of, make_user, make_image_set, team):
    ann = make_user()
    number = make_image_set(team, roles={ann: "viewer"})
    browser.put(f"{SETS}/{number}/pin")
    assert browser_of(ann).get(f"{SETS}/{number}").json()["is_pinned"] is False


@pytest.mark.parametrize("cursor", ["x", "e30", "WzFd", "bnVsbA", "ü"])
def test_a_made_up_cursor_is_refused(browser, cursor):
    assert browser.get(SETS, params={"cursor": cursor}).status_code == 422
    assert browser.get(SETS, params={"cursor": cursor, "sort": "name"}).status_code == 422


def test_a_cursor_of_another_order_is_refused(browser, team, make_image_set):
    for _ in range(2):
        make_image_set(team)
    cursor = browser.get(SETS, params={"limit": 1}).json()["next_cursor"]
    assert browser.get(SETS, params={"limit": 1, "sort": "name", "cursor": cursor}).status_code == 422


def test_a_set_is_changed_and_locked(browser, make_image_set, team):
    number = make_image_set(team, "Old")
    changed = browser.patch(f"{SETS}/{number}", json={"name": "New", "is_locked": True}).json()
    assert (changed["name"], changed["is_locked"]) == ("New", True)
    assert "annotate" not in changed["rights"]
    assert browser.delete(f"{SETS}/{number}").status_code == 403  # locked
    assert "annotate" in browser.patch(f"{SETS}/{number}", json={"is_locked": False}).json()["rights"]
    tagged = browser.put(f"{SETS}/{number}/tags", json={"tags": ["b", "A", "a"]}).json()
    assert [tag.lower() for tag in tagged["tags"]] == ["a", "b"]
    assert browser.put(f"{SETS}/{number}/tags", json={"tags": []}).json()["tags"] == []


def test_a_set_moves_only_to_a_team_that_one_leads(browser, lead, make_team, make_image_set, team):
    number = make_image_set(team)
    member_of, leads, foreign = make_team(members=[lead]), make_team(leads=[lead]), make_team()
    for target, status in ((member_of, 403), (foreign, 404), (leads, 200)):
        assert browser.patch(f"{SETS}/{number}", json={"team_id": target}).status_code == status
    assert browser.get(f"{SETS}/{number}").json()["team"]["id"] == leads


def test_roles_are_given_changed_and_taken(browser, browser_of, make_user, make_team, make_image_set, lead, team):
    ann, ben = make_user("ann"), make_user("ben")
    guests = make_team("Guests", leads=[lead], members=[ben])
    members = f"{SETS}/{make_image_set(team)}/members"
    browser.put(f"{members}/users/{ann.user_id}", json={"role": "viewer"})
    browser.put(f"{members}/teams/{guests}", json={"role": "annotator"})
    listed = browser.put(f"{members}/users/{ann.user_id}", json={"role": "reviewer"}).json()
    shown = [((each["user"] or each["team"])["name"], each["role"], each["source"]) for each in listed]
    assert shown == [("Guests", "annotator", "set"), ("ann", "reviewer", "set"), ("lead", "manager", "team")]
    number = members.split("/")[-2]
    assert browser_of(ben).get(f"{SETS}/{number}").json()["role"] == "annotator"
    assert browser.delete(f"{members}/teams/{guests}").status_code == 204
    assert browser_of(ben).get(f"{SETS}/{number}").status_code == 404
    assert browser_of(ann).delete(f"{members}/users/{ann.user_id}").status_code == 204  # giving up one's own
    assert browser_of(ann).get(f"{SETS}/{number}").status_code == 404
    assert browser.delete(f"{members}/users/{ann.user_id}").status_code == 404


def test_roles_go_to_known_active_people_and_own_teams_only(browser, make_user, make_team, make_image_set, team):
    members = f"{SETS}/{make_image_set(team)}/members"
    gone = make_user(is_active=False)
    assert browser.put(f"{members}/users/{gone.user_id}", json={"role": "viewer"}).status_code == 409
    assert browser.put(f"{members}/users/999999", json={"role": "viewer"}).status_code == 404
    assert browser.put(f"{members}/teams/{make_team()}", json={"role": "viewer"}).status_code == 404
    assert browser.put(f"{members}/users/{gone.user_id}", json={"role": "owner"}).status_code == 422


def test_the_last_manager_cannot_step_down(browser_of, database, make_user, make_image_set):
    ann, ben = make_user(), make_user()
    number = make_image_set(roles={ann: "manager"})  # of a team without leads
    browser, own = browser_of(ann), f"{SETS}/{number}/members/users/{ann.user_id}"
    assert browser.delete(own).status_code == 409
    assert browser.put(own, json={"role": "viewer"}).status_code == 409
    browser.put(f"{SETS}/{number}/members/users/{ben.user_id}", json={"role": "manager"})
    assert browser.put(own, json={"role": "viewer"}).status_code == 200
    assert browser.put(own, json={"role": "manager"}).status_code == 403  # nobody raises themselves again
    with database.read() as session:
        assert session.scalar(select(ImageSetMember.role).where(ImageSetMember.user_id == ann.user_id)) == "viewer"


def test_rights_are_explained_to_oneself_and_of_others_to_managers(
    browser, browser_of, make_user, make_image_set, team
):
    ann, stranger = make_user("ann"), make_user()
    number = make_image_set(team, roles={ann: "annotator"}, is_locked=True)
    own = browser_of(ann).get(f"{SETS}/{number}/rights").json()
    by_right = {each["right"]: each for each in own["rights"]}
    assert (own["user"]["name"], own["role"]) == ("ann", "annotator")
    assert by_right["view"]["allowed"] is True
    assert "locked" in by_right["annotate"]["why"]
    assert browser.get(f"{SETS}/{number}/rights", params={"user": ann.user_id}).json()["rights"] == own["rights"]
    theirs = browser.get(f"{SETS}/{number}/rights", params={"user": stranger.user_id}).json()
    assert not any(each["allowed"] for each in theirs["rights"])
    assert browser_of(ann).get(f"{SETS}/{number}/rights", params={"user": stranger.user_id}).status_code == 403
    assert browser.get(f"{SETS}/{number}/rights", params={"user": 999999}).status_code == 404


def test_giving_roles_by_script_needs_the_scope_admin(script_of, lead, make_user, make_image_set, team):
    members = f"{SETS}/{make_image_set(team)}/members/users/{make_user().user_id}"
    assert script_of(lead, "read", "write").put(members, json={"role": "viewer"}).status_code == 403
    assert script_of(lead, "read", "write", "admin").put(members, json={"role": "viewer"}).status_code == 200
    assert script_of(lead, "read", "write").post(SETS, json={"team_id": team, "name": "By script"}).status_code == 201
