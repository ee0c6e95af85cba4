"""Teams and their members over HTTP."""

from __future__ import annotations

import pytest

from exact_core.storage.models import ImageSet

TEAMS = "/api/v2/teams"


@pytest.fixture
def admin(browser_of, make_user):
    return browser_of(make_user("boss", is_admin=True))


def test_an_administrator_makes_a_team_once_however_often_the_request_is_sent(admin):
    headers = {"Idempotency-Key": "one"}
    first = admin.post(TEAMS, json={"name": "Lab"}, headers=headers)
    again = admin.post(TEAMS, json={"name": "Lab"}, headers=headers)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert admin.post(TEAMS, json={"name": "lab"}).status_code == 409
    assert admin.post(TEAMS, json={"name": "Other"}, headers=headers).status_code == 422
    assert [team["name"] for team in admin.get(TEAMS).json()] == ["Lab"]


def test_a_lead_manages_the_members(browser_of, make_user, make_team):
    lead, ann = make_user(), make_user()
    team = f"{TEAMS}/{make_team(leads=[lead])}"
    browser = browser_of(lead)
    members = browser.put(f"{team}/members/{ann.user_id}", json={"is_lead": False}).json()
    assert [(each["user"]["id"], each["is_lead"]) for each in members] == [(lead.user_id, True), (ann.user_id, False)]
    assert browser_of(ann).get(team).json()["member_count"] == 2
    assert browser.patch(team, json={"description": "ours"}).json()["description"] == "ours"
    assert browser.delete(f"{team}/members/{ann.user_id}").status_code == 204
    assert browser_of(ann).get(team).status_code == 404
    assert browser.delete(f"{team}/members/{ann.user_id}").status_code == 404


def test_members_cannot_manage_and_strangers_do_not_see(browser_of, make_user, make_team):
    lead, member, stranger = make_user(), make_user(), make_user()
    team = f"{TEAMS}/{make_team(leads=[lead], members=[member])}"
    for actor, refused in ((member, 403), (stranger, 404)):
        browser = browser_of(actor)
        assert browser.patch(team, json={"name": "Mine"}).status_code == refused
        assert browser.put(f"{team}/members/{actor.user_id}", json={"is_lead": True}).status_code == refused
        assert browser.delete(f"{team}/members/{lead.user_id}").status_code == refused
        assert browser.delete(team).status_code == refused
        assert browser.post(TEAMS, json={"name": "New"}).status_code == 403
    assert browser_of(stranger).get(f"{team}/members").status_code == 404
    assert browser_of(stranger).get(TEAMS).json() == []
    assert browser_of(member).delete(f"{team}/members/{member.user_id}").status_code == 204  # leaving is free


def test_the_last_lead_cannot_leave_or_step_down(browser_of, make_user, make_team):
    lead, member = make_user(), make_user()
    team = f"{TEAMS}/{make_team(leads=[lead], members=[member])}"
    browser = browser_of(lead)
    assert browser.delete(f"{team}/members/{lead.user_id}").status_code == 409
    assert browser.put(f"{team}/members/{lead.user_id}", json={"is_lead": False}).status_code == 409
    browser.put(f"{team}/members/{member.user_id}", json={"is_lead": True})
    assert browser.delete(f"{team}/members/{lead.user_id}").status_code == 204


def test_a_team_that_owns_something_cannot_be_deleted(admin, database, make_team, make_image_set):
    team = make_team("Owner")
    image_set = make_image_set(team)
    answer = admin.delete(f"{TEAMS}/{team}")
    assert answer.status_code == 409
    assert "1 image sets" in answer.json()["detail"]
    with database.write() as session:
        session.delete(session.get_one(ImageSet, image_set))
    assert admin.delete(f"{TEAMS}/{team}").status_code == 204
    assert admin.get(f"{TEAMS}/{team}").status_code == 404


def test_the_deactivated_and_the_unknown_cannot_be_added(admin, make_user, make_team):
    team = f"{TEAMS}/{make_team()}"
    gone = make_user(is_active=False)
    assert admin.put(f"{team}/members/{gone.user_id}", json={}).status_code == 409
    assert admin.put(f"{team}/members/999999", json={}).status_code == 404
