"""Searching by what readers said: verdicts, who gave them, and states of images, as far as they may be seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Make = Callable[..., Any]


def find(study: Any, who: str, q: str) -> set[int]:
    path = f"/image-sets/{study.set_id}/annotation-search"
    found = {hit["id"] for hit in study.get(who, path, q=q, limit=500)["items"]}
    assert study.get(who, f"{path}/count", q=q)["total"] == len(found), (who, q)
    return found


def test_verdicts_are_found_by_their_word_and_their_reader(make_study: Make) -> None:
    study = make_study("cooperative")
    one, two, three, four = (study.draw("ann", 0, x, 10, x + 20, 30)["id"] for x in (10, 100, 200, 300))
    far = study.draw("ann", 1, 10, 10, 30, 30)["id"]
    study.judge("ann", 0, {"id": one, "verdict": "accepted"}, {"id": two, "verdict": "rejected"})
    study.judge("ben", 0, {"id": two, "verdict": "accepted"}, {"id": three, "verdict": "dubious"})
    assert find(study, "vic", "verified:yes") == {one, two}
    assert find(study, "vic", "verified:no") == {three, four, far}
    assert find(study, "vic", "verification:accepted,dubious") == {one, two, three}
    assert find(study, "vic", "verification:rejected") == set(), "the newest verdict counts"
    assert find(study, "vic", "verification:unverified") == {four, far}
    assert find(study, "ben", "verifier:me") == {two, three}
    assert find(study, "vic", "verifier:ann -verifier:ben") == {one}
    assert find(study, "vic", "verifier:none") == {four, far}
    assert find(study, "vic", "not verifier:none verifier~an") == {one, two}
    study.change("ann", one, type_id=study.types["Nucleus"])
    assert find(study, "vic", "verification:outdated") == {one}
    assert find(study, "vic", "verified:yes") == {two}
    study.verify("ann", 1)
    assert find(study, "vic", "state:done") == {far}
    assert find(study, "vic", "-state:done") == {one, two, three, four}
    for wrong in ("verified:maybe", "verification:good", "state:ready", "verifier:nobody"):
        study.get("vic", f"/image-sets/{study.set_id}/annotation-search", q=wrong, status=422)


def test_blind_readers_find_their_own_verdicts_and_states(make_study: Make) -> None:
    study = make_study("competitive")
    study.assign("ann", "ben", how="each")
    mine, theirs = study.draw("ann", 0, 10, 10, 30, 30)["id"], study.draw("ben", 0, 60, 60, 90, 90)["id"]
    study.verify("ben", 0)
    assert find(study, "ann", "verified:yes") == set()
    assert find(study, "ann", "verifier:ben") == find(study, "ann", "verifier:nobody at all") == set()
    assert find(study, "ann", "-verified:yes") == {mine}
    assert find(study, "ann", "state:done") == set()
    assert find(study, "ben", "state:done verified:yes") == {theirs}
    assert find(study, "max", "verifier:ben") == {theirs}
