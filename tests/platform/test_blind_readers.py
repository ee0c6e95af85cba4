"""What others drew in a blind set: nowhere, not even by a number that differs, until the set is unblinded."""

from __future__ import annotations

import json
import re
import time
from typing import Any
from uuid import uuid4

import pytest

from exact_core.storage.database import Database
from exact_core.storage.epochs import raise_epoch
from exact_core.storage.models import ImageSet, ImageSetMember
from tests.platform.asking import ask
from tests.platform.rights_rules import RULES
from tests.platform.rights_world import PLUGIN, SOUND, Place, World


@pytest.fixture
def blind(world: World) -> Place:
    """A competitive set with two readers: ``annotator``, and ``drawer`` whose work nobody else may see."""
    place = world.place(mode="competitive")
    with world.services.database.write() as session:
        member = ImageSetMember(image_set_id=place.image_set, user_id=world.users["drawer"], role="annotator")
        session.add(member)
        raise_epoch(session, "access")
    product = f"/api/v2/products/{place.product}/types"
    made = world.client("lead").post(product, json={"name": "Grade 3", "shapes": ["box"]})
    assert made.status_code == 201, made.text
    place.type = made.json()["id"]
    return place


def draw(world: World, person: str, place: Place, count: int = 1) -> list[dict[str, Any]]:
    operations = [
        {"op": "create", "uuid": str(uuid4()), "type_id": place.type, "text": f"by {person}",
         "geometry": {"shape": "box", "points": [[9 * n, 5], [9 * n + 200, 250]]}}
        for n in range(count)
    ]  # fmt: skip
    address = f"/api/v2/images/{place.image}/annotation-changes"
    answer = world.client(person).post(address, json={"operations": operations})
    assert answer.status_code == 200, answer.text
    drawn: list[dict[str, Any]] = answer.json()["annotations"]
    return drawn


_MORE_READS = (
    "/api/v2/images/{image}/annotation-view?x0=0&y0=0&x1=700&y1=600&scale=0.001",
    "/api/v2/images/{image}/annotation-view?x0=0&y0=0&x1=700&y1=600&scale=1&limit=1",
    "/api/v2/images/{image}/annotations?author_id={drawer}",
    "/api/v2/images/{image}/annotations?newest_first=true&limit=1",
    "/api/v2/images/{image}/annotations?verification=accepted",
    "/api/v2/images/{image}/annotations?verification=unverified",
    "/api/v2/images/{image}/verification-walk?author_id={drawer}",
    "/api/v2/images/{image}/verification-walk?verification=accepted",
    "/api/v2/images/{image}/verification-walk?verification=unverified&order=drawing",
    "/api/v2/images/{image}/verification-walk?backwards=true&limit=1",
    "/api/v2/images/{image}/verification-walk?assigned=true",
    "/api/v2/images/{image}/verification-counts?author_id={drawer}",
    "/api/v2/images/{image}/verification-marks?x0=0&y0=0&x1=700&y1=600",
    "/api/v2/images/{image}/verification-counts?by_me=true",
    "/api/v2/images/{image}/neighbours?review=done",
    "/api/v2/image-sets/{set}/images?review=done&review=reviewed&review=dubious",
    "/api/v2/image-sets/{set}/images?review=in_work",
    "/api/v2/image-sets/{set}/images?review=to_do&order=newest",
    "/api/v2/image-sets/{set}/images?assigned=true",
    "/api/v2/image-sets/{set}/images?assigned=false&order=name",
    "/api/v2/image-sets/{set}/assignments?reader={drawer}",
    "/api/v2/image-sets/{set}/assignments?state=done&state=in_work&state=withdrawn",
    "/api/v2/image-sets/{set}/queue/next?after={image}",
    "/api/v2/image-sets/{set}/images?annotated=true",
    "/api/v2/image-sets/{set}/images?annotated=false",
    "/api/v2/images/{image}/neighbours?annotated=true",
    "/image-sets/{set}/images/{image}",
    "/image-sets/{set}",
)


def all_that_is_read(world: World, person: str, place: Place) -> dict[str, str]:
    """Every reading operation about the place. Left out: the set's revision, which counts changes of everybody."""
    client = world.client(person)
    found = {}
    for operation, rule in RULES.items():
        is_of_one_shape = "annotation_id" in operation or "{key}" in operation
        if operation.startswith("GET ") and rule.is_bound(operation) and not is_of_one_shape:
            found[operation] = ask(client, operation, rule, place)
    for address in _MORE_READS:
        filled = address.format(image=place.image, set=place.image_set, drawer=world.users["drawer"])
        found[address] = client.get(filled, headers={"Accept": "text/html, application/json, */*"})
    return {name: _comparable(answer.content.decode("latin-1")) for name, answer in found.items()}


def _comparable(text: str) -> str:
    text = re.sub(r'nonce(="|-)[\w-]+', "", re.sub(r"\"revision\": ?\d+", "", text))
    return re.sub(r"EXV1....\{", "EXV1{", text, flags=re.DOTALL).replace(" ", "").replace("\0", "")


def work_as_others(world: World, place: Place) -> None:
    """All that somebody else can do in a set: draw, judge, be given work, finish it, doubt."""
    given = {"readers": [world.users["drawer"], world.users["lead"]], "how": "each"}
    assigned = world.client("lead").post(f"/api/v2/image-sets/{place.image_set}/assignments", json=given)
    assert assigned.status_code == 200, assigned.text
    drawn = draw(world, "drawer", place, 40)
    image = f"/api/v2/images/{place.image}"
    drawer = world.client("drawer")
    run = f"{image}/predictions/{place.predict('drawer')}"
    decided = {"verdict": "reject", "numbers": [1, 2]}
    assert drawer.post(f"{run}/decisions", json=decided).status_code == 200
    said = [{"id": each["id"], "verdict": verdict, "reason": "by drawer"}
            for each, verdict in zip(drawn, ("accepted", "rejected", "dubious"), strict=False)]  # fmt: skip
    assert drawer.post(f"{image}/verifications", json={"verdicts": said}).status_code == 200
    sound = {"name": "call.wav", "annotation_id": drawn[0]["id"]}
    media = f"/api/v2/image-sets/{place.image_set}/plugins/media/images/{place.image}/media"
    assert drawer.post(media, params=sound, content=SOUND).status_code == 201
    assert drawer.post(f"{image}/review/opened").status_code == 204
    assert drawer.post(f"{image}/verify", json={"accept": True}).status_code == 200
    doubt = {"state": "dubious", "reason": "by drawer"}
    assert world.client("lead").put(f"{image}/review-state", json=doubt).status_code == 200


@pytest.mark.parametrize("mode", ["competitive", "cooperative", "second_opinion"])
def test_a_blind_reader_reads_the_same_whether_others_worked_or_not(world: World, blind: Place, mode: str) -> None:
    with world.services.database.write() as session:
        session.get_one(ImageSet, blind.image_set).mode = mode
        raise_epoch(session, "access")
    draw(world, "annotator", blind)
    assert blind.version  # made now: who reads first would make them
    assert blind.artefact
    assert blind.version_with_media
    assert blind.split
    assert blind.branch
    assert blind.export_template
    assert blind.run
    people = ("viewer", "annotator", "reviewer", "lead")
    before = {person: all_that_is_read(world, person, blind) for person in people}
    work_as_others(world, blind)
    for person, read in before.items():
        after = all_that_is_read(world, person, blind)
        differs = {name for name in read if after[name] != read[name]}
        if mode == "second_opinion" and person == "reviewer":
            # An image that has all its readers is not offered to further ones; that says nothing of what they did.
            differs = {name for name in differs if "/queue/next" not in name}
        if mode != "cooperative" and person != "lead":
            assert differs == set(), person
        else:  # the others do see it, in every one of the places where it could leak
            shown = " ".join(differs)
            for place in (
                "/annotations", "annotation-counts", "annotation-view", "/score", "heat-map", "statistics",
                "verification-walk", "verification-counts", "/predictions", "/review", "/workload", "/images?review=",
            ):  # fmt: skip
                assert place in shown, f"{person} {place}"


def test_shapes_of_others_in_a_blind_set_do_not_exist(world: World, blind: Place) -> None:
    theirs = draw(world, "drawer", blind)[0]
    number, uuid = theirs["id"], theirs["uuid"]
    missing = 900_020
    changes = f"/api/v2/images/{blind.image}/annotation-changes"
    for person in ("viewer", "annotator", "reviewer"):
        client = world.client(person)
        pairs: list[tuple[Any, Any]] = []
        for method, body in (("GET", None), ("PATCH", {"text": "x"}), ("PATCH", {"text": "x", "base_revision": 0}),
                             ("DELETE", None)):  # fmt: skip
            both = [client.request(method, f"/api/v2/annotations/{each}", json=body) for each in (number, missing)]
            pairs.append((both[0], both[1]))
        both = [client.get(f"/api/v2/annotations/{each}/verifications") for each in (number, missing)]
        pairs.append((both[0], both[1]))
        verify = f"/api/v2/images/{blind.image}/verifications"
        for verdict in ({"verdict": "accepted"}, {"verdict": None}, {"verdict": "dubious", "base_revision": 0}):
            both = [client.post(verify, json={"verdicts": [{"id": each, **verdict}]}) for each in (number, missing)]
            pairs.append((both[0], both[1]))
        for operation in ({"op": "delete"}, {"op": "update", "text": "x"}, {"op": "delete", "base_revision": 0}):
            for key in ("id", "uuid"):
                values = (number, missing) if key == "id" else (uuid, uuid[:-4] + "0000")
                both = [client.post(changes, json={"operations": [{**operation, key: each}]}) for each in values]
                pairs.append((both[0], both[1]))
        for answer, void in pairs:
            assert answer.status_code == void.status_code, f"{person}: {answer.text} / {void.text}"
            assert answer.status_code == (403 if person == "viewer" and answer.request.method == "POST" else 404)
            said = answer.text.replace(uuid, "#").replace(f"annotation {number}", "annotation #")
            void_said = void.text.replace(uuid[:-4] + "0000", "#").replace(f"annotation {missing}", "annotation #")
            assert said == void_said, person
            assert "Drawer" not in answer.text
        assert client.post(f"/api/v2/images/{blind.image}/undo").status_code in {403, 409}
    assert world.client("drawer").get(f"/api/v2/annotations/{number}").json()["revision"] == theirs["revision"]


def test_who_becomes_blind_is_not_shown_what_was_kept_for_them(world: World, blind: Place) -> None:
    """Pictures and tags of a time when one saw all must not outlive it: neither roles nor modes raise a revision."""
    heat_map = f"/api/v2/image-sets/{blind.image_set}/plugins/{PLUGIN}/images/{blind.image}/heat-map.png"
    view = f"/api/v2/images/{blind.image}/annotation-view?x0=0&y0=0&x1=700&y1=600"
    settings = {"heat_map_minimum": 1}
    world.instance.switch(PLUGIN, blind.image_set, enabled=True, settings=settings)
    reviewer = world.client("reviewer")
    empty = reviewer.get(heat_map).content
    draw(world, "drawer", blind, 20)
    lead = world.client("lead")
    ended = {"mode": "cooperative", "reason": "the pilot is over"}
    assert lead.patch(f"/api/v2/image-sets/{blind.image_set}", json=ended).status_code == 200
    seen = {address: reviewer.get(address) for address in (heat_map, view)}
    assert seen[heat_map].content != empty
    assert lead.patch(f"/api/v2/image-sets/{blind.image_set}", json={"mode": "competitive"}).status_code == 200
    for address, answer in seen.items():
        again = reviewer.get(address, headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 200, address
        assert again.content != answer.content
    assert reviewer.get(heat_map).content == empty


def test_unblinding_reaches_every_process_within_a_second(world: World, blind: Place) -> None:
    """A second process is a second snapshot over the same database: it is told of nothing, and looks by itself."""
    from exact_core.api.context import Actor
    from exact_core.auth.snapshot import AccessSnapshot

    services = world.services
    other = AccessSnapshot(Database(services.database.url), services.settings, services.kernel)
    other.start()
    try:
        reader = Actor(world.users["annotator"], "annotator")
        assert not other.can(reader, "see_all", blind.image_set)
        reason = {"reason": "the study is over"}
        assert (
            world.client("lead").post(f"/api/v2/image-sets/{blind.image_set}/unblind", json=reason).status_code == 200
        )
        limit = time.monotonic() + 1.0
        while not other.can(reader, "see_all", blind.image_set):
            assert time.monotonic() < limit, "still blind after a second"
            time.sleep(0.02)
    finally:
        other.stop()


def test_members_of_a_blind_set_are_not_told_who_drew(world: World, blind: Place) -> None:
    draw(world, "drawer", blind, 3)
    for person in ("viewer", "annotator", "reviewer"):
        for operation, answer in all_that_is_read(world, person, blind).items():
            if "/members" in operation:
                continue  # who belongs to a set is no secret; who worked on an image is
            assert "drawer" not in answer.lower(), f"{person} {operation}"
    counts = world.client("lead").get(f"/api/v2/images/{blind.image}/annotation-counts").text
    assert "Drawer" in json.dumps(json.loads(counts))
