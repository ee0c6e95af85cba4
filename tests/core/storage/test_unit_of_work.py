"""Guards inside the transaction, notices after it, and what savepoints lose."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from exact_core.api.context import Actor
from exact_core.api.errors import Refused
from exact_core.api.events import AnnotationAction, AnnotationChange, ImageAction, ImageChange
from exact_core.storage.models import Team
from exact_core.storage.unit_of_work import UnitOfWork


class Watcher:
    """Writes down what it is asked and told; refuses image sets on request."""

    def __init__(self, database) -> None:
        self.database = database
        self.asked: list[tuple[str, int]] = []
        self.told: list[tuple[str, int]] = []
        self.saw: list[list[str]] = []
        self.refuses: set[int] = set()

    def _ask(self, kind, session, changes) -> None:
        self.saw.append(list(session.scalars(select(Team.name).order_by(Team.name))))
        for change in changes:
            self.asked.append((kind, change.image_id))
            if change.image_set_id in self.refuses:
                raise Refused("not in this set", plugin="watcher")

    def _tell(self, kind, changes) -> None:
        with self.database.read() as session:
            self.saw.append(list(session.scalars(select(Team.name).order_by(Team.name))))
        self.told += [(kind, change.image_id) for change in changes]

    def annotations_changing(self, session, changes, actor) -> None:
        self._ask("annotation", session, changes)

    def images_changing(self, session, changes, actor) -> None:
        self._ask("image", session, changes)

    def annotations_changed(self, changes) -> None:
        self._tell("annotation", changes)

    def images_changed(self, changes) -> None:
        self._tell("image", changes)


@pytest.fixture
def watcher(database) -> Watcher:
    return Watcher(database)


@pytest.fixture
def begin(database, watcher):
    return lambda: UnitOfWork(database, watcher, Actor.system())


def drawn(image_id: int, image_set_id: int = 1) -> AnnotationChange:
    return AnnotationChange(AnnotationAction.CREATED, image_set_id, image_id, 1, "u", 1, None, None)


def added(image_id: int, image_set_id: int = 1) -> ImageChange:
    return ImageChange(ImageAction.ADDED, image_set_id, image_id, "a name")


def add_team(session, name: str) -> None:
    session.add(Team(name=name, folded_name=name))


def teams(database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(Team.name).order_by(Team.name)))


def test_guards_see_the_rows_before_the_commit_and_notices_come_after_it(database, begin, watcher):
    with begin() as uow:
        add_team(uow.session, "new")
        uow.record(drawn(1))
        uow.record(added(2))
        assert watcher.asked == []
    assert watcher.asked == [("image", 2), ("annotation", 1)]
    assert watcher.told == [("image", 2), ("annotation", 1)]
    assert watcher.saw == [["new"]] * 4
    assert teams(database) == ["new"]


def test_a_refusal_undoes_everything_and_nobody_is_told(database, begin, watcher):
    watcher.refuses = {2}
    called = []
    with pytest.raises(Refused) as refusal, begin() as uow:  # noqa: PT012
        add_team(uow.session, "new")
        uow.after_commit(lambda: called.append("called"))
        uow.record(drawn(1, image_set_id=1))
        uow.record(drawn(5, image_set_id=2))
    assert refusal.value.plugin == "watcher"
    assert teams(database) == []
    assert watcher.told == []
    assert called == []


def test_an_error_undoes_everything_and_nobody_is_asked(database, begin, watcher):
    with pytest.raises(ValueError, match="wrong"), begin() as uow:  # noqa: PT012
        add_team(uow.session, "new")
        uow.record(drawn(1))
        raise ValueError("wrong")
    assert teams(database) == []
    assert watcher.asked == watcher.told == []


def test_a_failed_savepoint_loses_its_own_changes_only(database, begin, watcher):
    called = []
    with begin() as uow:
        uow.record(drawn(1))
        with pytest.raises(ValueError, match="inner"), uow.savepoint() as session:  # noqa: PT012
            add_team(session, "lost")
            uow.record(drawn(2))
            uow.after_commit(lambda: called.append("lost"))
            with uow.savepoint():
                uow.record(drawn(3))
            raise ValueError("inner")
        with uow.savepoint() as session:
            add_team(session, "kept")
            uow.record(drawn(4))
            uow.after_commit(lambda: called.append("kept"))
    assert [image for _, image in watcher.asked] == [1, 4]
    assert [image for _, image in watcher.told] == [1, 4]
    assert teams(database) == ["kept"]
    assert called == ["kept"]


def test_a_change_of_several_image_sets_is_one_transaction(begin, watcher):
    with begin() as uow:
        for image_set_id in (1, 2, 1):
            uow.record(drawn(10 + image_set_id, image_set_id))
    assert [image for _, image in watcher.told] == [11, 12, 11]


def test_nothing_recorded_asks_nobody(begin, watcher):
    with begin() as uow:
        add_team(uow.session, "quiet")
    assert watcher.saw == []


def test_the_session_is_for_the_block_only(begin):
    uow = begin()
    with pytest.raises(AssertionError, match="with block"):
        uow.session  # noqa: B018
