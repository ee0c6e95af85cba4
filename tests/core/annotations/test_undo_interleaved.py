"""Undo while others go on working: whatever the order, one's own work is taken back whole and nobody else's is lost."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exact_core.annotations.loading import select_known
from exact_core.annotations.reversals import Reversals
from exact_core.annotations.reverting import OneSession, ToRevision
from exact_core.annotations.service import Annotations
from exact_core.annotations.states import State
from exact_core.annotations.writing import Create, Delete, Operation, Update
from exact_core.api.errors import Conflict
from exact_core.services import Services
from exact_core.storage.idempotency import Repeat
from exact_core.storage.models import Annotation
from tests.core.annotations.conftest import Lab

PEOPLE = ("ann", "ben")
ACTS = ("draw", "draw two", "move", "relabel", "say", "delete", "undo", "redo")
STEPS = st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(ACTS), st.integers(0, 5)), max_size=16)
_numbers = itertools.count(1)

Content = State | None


@dataclass
class Table:
    """One image on which two people work, and what each of them has touched."""

    services: Services
    lab: Lab
    image_id: int
    touched: dict[str, set[int]] = field(default_factory=lambda: {name: set() for name in PEOPLE})
    last: dict[int, str] = field(default_factory=dict)  # whose new state it has; nobody's after undo

    def desk(self, who: str) -> Annotations:
        """Made anew each time, as after a reload of the page."""
        return Annotations(self.lab.database, self.services.kernel.hooks, self.lab.people[who])

    def state(self) -> dict[int, Content]:
        """The content of every shape that was ever drawn."""
        with self.lab.database.read() as session:
            return {known.id: known.state for known in select_known(session, [Annotation.image_id == self.image_id])}

    def step(self, who: str, act: str, number: int) -> None:
        """Do something, if it can be done now."""
        if act in ("undo", "redo"):
            self.back(who, act)
            return
        before = self.state()
        live = sorted(id_ for id_, content in before.items() if content is not None)
        operations = self._operations(act, live[number % len(live)] if live else None)
        if not operations:
            return
        body = self.desk(who).apply(self.image_id, operations, "", Repeat(self.lab.people[who], None))
        ids = {known["id"] for known in json.loads(body)["annotations"]}
        self.touched[who] |= ids
        self.last |= dict.fromkeys(ids, who)

    def back(self, who: str, act: str) -> bool:
        """Undo or redo; whether there was something."""
        try:
            outcome = self.desk(who).undo(self.image_id) if act == "undo" else self.desk(who).redo(self.image_id)
        except Conflict:
            return False
        ids = {known.id for known in outcome.annotations}
        self.touched[who] |= ids
        self.last |= dict.fromkeys(ids, "")  # it is as somebody left it before
        return True

    def all_the_way(self, who: str, act: str) -> int:
        """Undo or redo as often as it can be done."""
        return sum(1 for _ in itertools.takewhile(lambda _: self.back(who, act), range(1000)))

    def _operations(self, act: str, id_: int | None) -> list[Operation]:
        number = next(_numbers)  # no two states are ever the same by chance
        cell, nucleus = self.lab.types["Cell"], self.lab.types["Nucleus"]
        corners = {"shape": "box", "points": [[number % 9000, 10], [number % 9000 + 20, 10 + number % 500 + 5]]}
        if act in ("draw", "draw two"):
            count = 1 if act == "draw" else 2
            return [Create(f"{self.image_id}-{number}-{n}", cell, corners, text=str(number)) for n in range(count)]
        if id_ is None:
            return []
        if act == "delete":
            return [Delete(id_)]
        if act == "relabel":
            return [Update(id_, type_id=nucleus if number % 2 else cell, text=f"as {number}")]
        return [Update(id_, geometry=corners) if act == "move" else Update(id_, text=f"no. {number}")]


def table_of(services: Services, lab: Lab, make_image: Callable[..., int]) -> Table:
    return Table(services, lab, make_image(lab.image_set_id, width=20_000, height=10_000))


EXAMPLES = 12
QUICK = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@QUICK
@given(steps=STEPS)
def test_undoing_everything_takes_ones_own_shapes_back_and_leaves_those_of_others(
    services: Services, lab: Lab, make_image: Callable[..., int], steps: list[tuple[str, str, int]]
) -> None:
    table = table_of(services, lab, make_image)
    for step in steps:
        table.step(*step)
    before, last = table.state(), dict(table.last)
    only_ann = table.touched["ann"] - table.touched["ben"]
    only_ben = table.touched["ben"] - table.touched["ann"]
    times = table.all_the_way("ann", "undo")
    after = table.state()
    for id_ in only_ann:
        assert after[id_] is None, "nobody else touched it, so that nothing of it is left"
    for id_ in after:
        if last.get(id_) == "ben":
            assert after[id_] == before[id_], "what Ben made of it last stays as he left it"
    assert table.all_the_way("ann", "redo") >= times
    assert all(table.state()[id_] == before[id_] for id_ in only_ben)
    table.all_the_way("ann", "undo")
    table.all_the_way("ben", "undo")
    assert all(table.state()[id_] is None for id_ in only_ann | only_ben)


@QUICK
@given(steps=STEPS.map(lambda steps: [step for step in steps if step[1] not in ("undo", "redo")]))
def test_redoing_everything_gives_exactly_what_was_there_before_undoing_it(
    services: Services, lab: Lab, make_image: Callable[..., int], steps: list[tuple[str, str, int]]
) -> None:
    table = table_of(services, lab, make_image)
    for step in steps:
        table.step(*step)
    before = table.state()
    assert table.all_the_way("ann", "undo") == table.all_the_way("ann", "redo")
    assert table.state() == before


@QUICK
@given(steps=STEPS)
def test_reverting_a_session_does_what_undoing_all_of_it_would_or_leaves_more_alone(
    services: Services, lab: Lab, make_image: Callable[..., int], steps: list[tuple[str, str, int]]
) -> None:
    table = table_of(services, lab, make_image)
    start = lab.get("lead", "history").json()["revision"]
    for step in steps:
        table.step(*step)
    before, last = table.state(), dict(table.last)
    only_ann = table.touched["ann"] - table.touched["ben"]
    reversals = Reversals(lab.database, services.kernel.hooks, lab.people["lead"])
    own = [
        item["revision"]
        for item in lab["lead"].get(f"/api/v2/images/{table.image_id}/history", params={"limit": 200}).json()["items"]
        if item["actor"]["id"] == lab.people["ann"].user_id
    ]
    if own:
        reversals.revert(OneSession(own[0]), "", image_id=table.image_id)
    after = table.state()
    for id_ in after:
        if id_ in only_ann:
            assert after[id_] is None
        elif last[id_] == "ben":
            assert after[id_] == before[id_]
    reversals.revert(ToRevision(start), "", image_id=table.image_id)
    assert all(content is None for content in table.state().values())
