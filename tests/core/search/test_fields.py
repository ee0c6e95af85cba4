"""Every field on both databases: what a search finds is what plain Python finds, shape by shape."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from exact_core.annotations.access import rights_in
from exact_core.search.parser import parse
from exact_core.search.running import Search
from exact_core.search.service import asked_of
from exact_core.search.syntax import Node, Not, all_of, any_of
from exact_core.services import Services
from tests.core.annotations.conftest import Lab
from tests.core.search.naive import World
from tests.core.search.world import build

_TERMS = r"""
class:Butterfly | class:nymphalis | label:Butterfly | class:"Nymphalis io" | class:NCBI:txid171585 | class~nym
class:*us* | class!=Cell | class:Cell,Slide | class:nucleus | class:"Cell nucleus" | product:Insects
product~cel | shape:point | shape:box | shape:ellipse | shape:line | shape:polyline | shape:polygon
shape:rotated_box | shape:multi_polygon,image | shape!=box | size>500 | size<500 | size>=1000px² | size<=2000px2
size<0.001mm² | size:250 | size>30µm2 | area>700px2 | size!=1250 | length>60 | length<80px | length>=0.05mm
length<=200 | length:120 | length<30 | length>400px | width>30 | width<20px | height>=12 | height<=40px
width:25 | height:60px | author:ann | author:Ben | author:me | author:none | author~n | author!=ann | editor:ben
editor:none | editor~e | claimed:model* | claimed:"Prof. X" | claimed~x | claimed!=x | claimed:""
created>=2026-01-01 | created<2026 | created:2026-01 | edited>2026-01-15 | edited<=2025-12-20 | edited!=2026-01
created>today | edited<yesterday | created>=-3d | text~necro | text:sure | text="necrotic" | text:*edge | text~%
text~_ | text~"\\" | text~"\"" | text="" | text!~a | text~ÜBUNG | has:text | has:attributes | has:author
has:claimed | has:attr.grade | has!=attributes | z:1 | z>0 | z<=0 | t:1 | c>=1 | c!=2 | z:0,2 | source:hand
source:import | source:model | source:import,model | run:3 | run:4,5 | attr.score>2 | attr.score<=2.5
attr.score:7 | attr.score!=7 | attr.score>2mm | attr.grade:high | attr.grade>low | attr.grade<=middle
attr.grade:2.5 | attr.grade>1 | attr.grade~i | attr.grade!=low | attr.sure:yes | attr.sure:no | attr.sure!=yes
attr.seen>=2026-01-01 | attr.seen:2026 | attr.seen<2026 | attr.signs:dark | attr.signs~o | attr.signs>round
attr.note:high | attr.note~risk | attr.note:*2* | attr.note~% | attr.GRADE:high | inside:box(300,300,1200,1400)
in:polygon(200,200,1500,300,700,1500) | inside:circle(800,800,300um) | inside:circle(800,800,400px)
outside:box(300,300,1200,1400) | in:Butterfly | inside:Cell | outside:Cell | in:*nym* | in!=Butterfly
near:(800,700,150um) | near:(800,700,300px) | near:(900,900,0.2mm) | near:(Cell,20um) | near:(Butterfly,40px)
near!=(800,700,300px) | image:"slide 1" | image:slide* | image~e | image!=other | tag:control | tag~x
tag!=CONTROL | necro | butter | -butter
"""
TERMS = [term for line in _TERMS.strip().splitlines() for term in line.split(" | ")]


@pytest.fixture
def world(lab: Lab, make_image: Callable[..., int]) -> World:
    return build(lab, make_image, seed=7)


@pytest.fixture
def run(lab: Lab, services: Services) -> Callable[..., list[int]]:
    """``run("class:Cell")`` gives the numbers of the hits, walked page by page."""

    def find(text: str, who: str = "lead", limit: int = 1000) -> list[int]:
        ids: list[int] = []
        cursor = None
        with services.database.read() as session:
            while True:
                asked = asked_of(session, services, lab.people[who], lab.image_set_id, rights_in(session))
                found = Search(asked, text).page(cursor, limit)
                ids += [row.annotation_id for row in found.rows]
                if found.next_cursor is None:
                    break
                cursor = found.next_cursor
        assert len(set(ids)) == len(ids), "a hit came twice"
        return sorted(ids)

    return find


def counts(lab: Lab, services: Services, text: str) -> dict[Any, int]:
    with services.database.read() as session:
        asked = asked_of(session, services, lab.people["lead"], lab.image_set_id, rights_in(session))
        return Search(asked, text).counts().hits


def test_every_field_finds_what_plain_python_finds(world: World, run: Any, lab: Lab, services: Services) -> None:
    """One test for all: making the world takes longer than a hundred searches."""
    wrong = []
    seen = Counter[bool]()
    for text in TERMS:
        expected = world.hits(parse(text.replace("attr.GRADE", "attr.grade")))
        for each, wanted in ((text, expected), (f"not ({text})", sorted({s.id for s in world.shapes} - set(expected)))):
            found = run(each)
            if found != wanted:
                wrong.append(f"{each}: {len(found)} instead of {len(wanted)}: {sorted(set(found) ^ set(wanted))[:5]}")
            if sum(counts(lab, services, each).values()) != len(wanted):
                wrong.append(f"{each}: counted {sum(counts(lab, services, each).values())} instead of {len(wanted)}")
        seen[0 < len(expected) < len(world.shapes)] += 1
    assert wrong == []
    assert seen[True] > 0.85 * len(TERMS), "most terms must find some and not all"


def random_query(chance: random.Random, depth: int = 0) -> Node:
    if depth > 2 or chance.random() < 0.35:
        return parse(chance.choice(TERMS).replace("attr.GRADE", "attr.grade"))
    parts = [random_query(chance, depth + 1) for _ in range(chance.randint(2, 3))]
    if chance.random() < 0.2:
        return Not(parts[0])
    return all_of(*parts) if chance.random() < 0.5 else any_of(*parts)


def test_random_queries_find_what_plain_python_finds(world: World, run: Any, lab: Lab, services: Services) -> None:
    chance = random.Random(11)
    wrong = []
    for number in range(120):
        node = random_query(chance)
        expected = world.hits(node)
        found = run(str(node), limit=chance.choice([7, 1000]) if number % 4 == 0 else 1000)
        if found != expected:
            wrong.append(f"{node}: {len(found)} instead of {len(expected)}")
        if number % 5 == 0:
            by_key = Counter((s.kind.id, s.author) for s in world.shapes if s.id in set(expected))
            authors = {lab.people[name].user_id: name for name in lab.people}
            counted = {(t, authors.get(a)): n for (t, a), n in counts(lab, services, str(node)).items() if n}
            if counted != dict(by_key):
                wrong.append(f"{node}: facets differ")
    assert wrong == []


def test_numbers_and_names_of_shapes_find_them(world: World, run: Any) -> None:
    one, two = world.shapes[3], world.shapes[40]
    assert run(f"id:{one.id},{two.id}") == sorted([one.id, two.id])
    assert run(f"uuid:{two.uuid}") == [two.id]
    assert run("id:9007199254740991") == []


def test_the_past_and_what_was_deleted(lab: Lab, services: Services, run: Any) -> None:
    first, second = lab.draw("ann", 10, 10, 30, 30, text="one"), lab.draw("ben", 50, 50, 90, 90, text="two")
    then = second["revision"]
    lab.change("ann", {"op": "update", "id": first["id"], "text": "changed"})
    lab.change("ben", {"op": "delete", "id": second["id"]})
    assert run("") == [first["id"]]
    assert run(f"revision:{then}") == sorted([first["id"], second["id"]])
    assert run(f"revision:{then} text:one") == [first["id"]]
    assert run("text:one") == []
    assert run("deleted:yes") == [second["id"]]
    assert run("deleted:yes text:two size>10px2") == [second["id"]]
    assert run("deleted:no") == [first["id"]]
    lab.post("ben", "undo")
    assert run("deleted:yes") == []


def test_days_begin_at_midnight_in_utc(world: World, run: Any) -> None:
    at = world.shapes[0].edited
    minute = at.strftime("%Y-%m-%dT%H:%M")
    assert world.shapes[0].id in run(f"edited:{minute}")
    assert world.shapes[0].id not in run(f"edited>{minute}")
    later = (at + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%MZ")
    assert world.shapes[0].id in run(f"edited<{later}")
