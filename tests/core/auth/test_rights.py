"""Who may do what in an image set, and the reasons given."""

from __future__ import annotations

import itertools

import pytest
from sqlalchemy import select

from exact_core.annotations.access import rights_in
from exact_core.api.context import Actor
from exact_core.api.contributions import Role
from exact_core.api.errors import Forbidden, NotFound
from exact_core.auth.rights import RIGHTS_OF, Right, Rights, includes, visible_image_sets
from exact_core.storage.models import ImageSet, ImageSetMember, now


@pytest.fixture
def decide(database):
    def decide(actor, right, image_set_id, roles_of=lambda name: None):
        with database.read() as session:
            decision = Rights(session, roles_of).decide(actor, right, image_set_id)
            if right in list(Right):  # what changes ask, in one query, is always the same
                assert rights_in(session)(actor, right, image_set_id) == decision.allowed
            return decision

    return decide


def test_each_role_includes_the_rights_of_those_before_it():
    roles = list(Role)
    for lower, higher in itertools.pairwise(roles):
        assert RIGHTS_OF[lower] < RIGHTS_OF[higher]
        assert includes(higher, lower)
        assert not includes(lower, higher)
    assert RIGHTS_OF[Role.MANAGER] == frozenset(Right)
    assert Right.PRIVATE_NAMES not in RIGHTS_OF[Role.REVIEWER]
    assert Right.LABEL_PICTURES not in RIGHTS_OF[Role.REVIEWER]


@pytest.mark.parametrize("role", list(Role))
def test_a_role_in_the_set_gives_exactly_its_rights(decide, make_user, make_image_set, role):
    ann = make_user()
    blind = make_image_set(roles={ann: role}, mode="competitive")
    assert {right for right in Right if decide(ann, right, blind).allowed} == RIGHTS_OF[role]


@pytest.mark.parametrize(
    ("mode", "role", "sees_all", "edits_any"),
    [
        ("cooperative", "viewer", True, False),
        ("cooperative", "annotator", True, True),
        ("second_opinion", "viewer", False, False),
        ("second_opinion", "annotator", False, False),
        ("second_opinion", "reviewer", False, True),
        ("second_opinion", "manager", True, True),
        ("competitive", "annotator", False, False),
        ("competitive", "reviewer", False, True),
        ("competitive", "manager", True, True),
    ],
)
def test_the_mode_of_the_set_says_who_sees_and_corrects_the_work_of_others(
    decide, make_user, make_image_set, mode, role, sees_all, edits_any
):
    ann = make_user()
    image_set = make_image_set(roles={ann: role}, mode=mode)
    assert decide(ann, Right.SEE_ALL, image_set).allowed is sees_all
    assert decide(ann, Right.EDIT_ANY, image_set).allowed is edits_any


@pytest.mark.parametrize("mode", ["competitive", "second_opinion"])
def test_unblinding_shows_everybody_everything_and_lets_nobody_change_more(decide, make_user, make_image_set, mode):
    ann = make_user()
    blind = make_image_set(roles={ann: "viewer"}, mode=mode)
    seen = make_image_set(roles={ann: "viewer"}, mode=mode, unblinded_at=now())
    assert not decide(ann, Right.SEE_ALL, blind).allowed
    assert decide(ann, Right.SEE_ALL, seen).allowed
    assert "unblinded" in decide(ann, Right.SEE_ALL, seen).why
    assert {right for right in Right if decide(ann, right, seen).allowed} == {Right.VIEW, Right.SEE_ALL}


@pytest.mark.parametrize(
    ("mode", "role", "adjudicates", "sees_all"),
    [
        ("competitive", "annotator", True, True),
        ("second_opinion", "annotator", True, False),  # what they see goes by item
        ("competitive", "viewer", False, False),
        ("second_opinion", "viewer", False, False),
    ],
)
def test_adjudicators_are_named_by_the_settings_and_need_a_role(
    decide, make_user, make_image_set, mode, role, adjudicates, sees_all
):
    ann, ben = make_user(), make_user()
    named = {"adjudicators": [ann.user_id]}
    image_set = make_image_set(roles={ann: role, ben: role}, mode=mode, mode_settings=named)
    assert decide(ann, Right.ADJUDICATE, image_set).allowed is adjudicates
    assert decide(ann, Right.SEE_ALL, image_set).allowed is sees_all
    assert not decide(ben, Right.ADJUDICATE, image_set).allowed
    assert not decide(make_user(), Right.ADJUDICATE, image_set).is_visible


def test_the_owning_team_gives_its_members_and_leads_roles(decide, make_user, make_team, make_image_set):
    lead, member, stranger = make_user(), make_user(), make_user()
    image_set = make_image_set(make_team("lab", leads=[lead], members=[member]))
    assert decide(lead, Right.DELETE_SET, image_set).allowed
    assert decide(member, Right.ANNOTATE, image_set).allowed
    assert not decide(member, Right.EXPORT, image_set).allowed
    unseen = decide(stranger, Right.VIEW, image_set)
    assert (unseen.allowed, unseen.is_visible) == (False, False)


def test_a_role_given_to_another_team_reaches_its_members_and_the_strongest_counts(
    database, decide, make_user, make_team, make_image_set
):
    ann = make_user()
    own, other = make_team("own", members=[ann]), make_team("other", members=[ann])
    image_set = make_image_set(own, roles={ann: "viewer"})
    assert not decide(ann, Right.EXPORT, image_set).allowed
    with database.write() as session:
        session.add(ImageSetMember(image_set_id=image_set, team_id=other, role="reviewer"))
    decision = decide(ann, Right.EXPORT, image_set)
    assert decision.allowed
    assert "the team other" in decision.why


def test_every_decision_says_why(decide, make_user, make_team, make_image_set):
    ann, boss = make_user(), make_user(is_admin=True)
    image_set = make_image_set(make_team("Pathology", members=[ann]))
    assert decide(ann, Right.ANNOTATE, image_set).why == "You are annotator as a member of the team Pathology."
    assert "needs: manager" in decide(ann, Right.UPLOAD, image_set).why
    assert "Administrators" in decide(boss, Right.UPLOAD, image_set).why
    assert "no role" in decide(make_user(), Right.VIEW, image_set).why


def test_a_locked_set_is_read_only_for_everybody_but_can_be_unlocked(decide, make_user, make_image_set):
    manager, boss = make_user(), make_user(is_admin=True)
    image_set = make_image_set(roles={manager: "manager"}, is_locked=True)
    for actor in (manager, boss):
        allowed = {right for right in Right if decide(actor, right, image_set).allowed}
        reading = {Right.VIEW, Right.SEE_ALL, Right.ADJUDICATE, Right.PRIVATE_NAMES, Right.LABEL_PICTURES, Right.EXPORT}
        assert allowed == reading | {Right.MANAGE}
    assert "locked" in decide(manager, Right.ANNOTATE, image_set).why
    assert decide(Actor.system(), Right.EDIT_IMAGES, image_set).allowed


def test_a_deleted_set_is_gone_except_for_those_who_can_restore_it(decide, make_user, make_image_set):
    manager, viewer, boss = make_user(), make_user(), make_user(is_admin=True)
    image_set = make_image_set(roles={manager: "manager", viewer: "viewer"}, deleted_at=now())
    assert {right for right in Right if decide(manager, right, image_set).allowed} == {Right.DELETE_SET}
    assert {right for right in Right if decide(boss, right, image_set).allowed} == {Right.DELETE_SET}
    assert not any(decide(viewer, right, image_set).is_visible for right in Right)


@pytest.mark.parametrize(
    ("scopes", "reads", "writes"),
    [({"read"}, True, False), ({"write"}, False, True), ({"read", "write"}, True, True), (set(), False, False)],
)
def test_a_token_can_do_less_than_its_user(decide, make_user, make_image_set, scopes, reads, writes):
    boss = make_user(is_admin=True)
    token = Actor(boss.user_id, boss.name, is_admin=True, scopes=frozenset(scopes), via="token")
    image_set = make_image_set()
    assert decide(token, Right.VIEW, image_set).allowed is reads
    assert decide(token, Right.ANNOTATE, image_set).allowed is writes
    assert decide(token, Right.MANAGE, image_set).allowed is writes


def test_a_plugins_permission_is_granted_to_the_roles_it_names_and_unknown_ones_to_nobody(
    decide, make_user, make_image_set
):
    annotator, viewer, boss = make_user(), make_user(), make_user(is_admin=True)
    image_set = make_image_set(roles={annotator: "annotator", viewer: "viewer"})
    known = {"screening.reset": (Role.ANNOTATOR, Role.MANAGER)}.get
    assert decide(annotator, "screening.reset", image_set, known).allowed
    assert not decide(viewer, "screening.reset", image_set, known).allowed
    assert decide(boss, "screening.reset", image_set, known).allowed
    assert not decide(boss, "screening.unknown", image_set, known).allowed
    assert not decide(make_user(), "screening.reset", image_set, known).is_visible


def test_require_hides_from_strangers_and_explains_to_members(database, make_user, make_image_set, make_image):
    viewer, stranger = make_user(), make_user()
    image_set = make_image_set(roles={viewer: "viewer"})
    image = make_image(image_set)
    with database.read() as session:
        rights = Rights(session)
        rights.require(viewer, Right.VIEW, image_set)
        assert rights.require_image(viewer, Right.VIEW, image) == image_set
        with pytest.raises(Forbidden, match="viewer"):
            rights.require(viewer, Right.ANNOTATE, image_set)
        with pytest.raises(Forbidden, match="viewer"):
            rights.require_image(viewer, Right.ANNOTATE, image)
        for call in (rights.require, rights.require_image):
            with pytest.raises(NotFound):
                call(stranger, Right.VIEW, image_set)
            with pytest.raises(NotFound):
                call(viewer, Right.VIEW, 999_999)


def test_the_list_condition_agrees_with_the_decision_for_every_kind_of_person(
    database, make_user, make_team, make_image_set
):
    lead, member, guest, team_guest, stranger = (make_user() for _ in range(5))
    boss = make_user(is_admin=True)
    own, other = make_team(leads=[lead], members=[member]), make_team(members=[team_guest])
    sets = [
        make_image_set(own),
        make_image_set(own, roles={guest: "viewer"}),
        make_image_set(other, is_locked=True),
        make_image_set(own, roles={guest: "manager"}, deleted_at=now()),
        make_image_set(),
    ]
    with database.write() as session:
        session.add(ImageSetMember(image_set_id=sets[1], team_id=other, role="viewer"))
    with database.read() as session:
        rights = Rights(session)
        for actor in (lead, member, guest, team_guest, stranger, boss, Actor.system()):
            listed = set(session.scalars(select(ImageSet.id).where(visible_image_sets(actor))))
            assert listed == {each for each in sets if rights.decide(actor, Right.VIEW, each).allowed}, actor
            restorable = set(session.scalars(select(ImageSet.id).where(visible_image_sets(actor, deleted=True))))
            deleted = [sets[3]] if rights.decide(actor, Right.DELETE_SET, sets[3]).allowed else []
            assert restorable == set(deleted), actor
