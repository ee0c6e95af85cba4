"""What everybody marked, put together: who the readers are, what is one thing, what counts as read."""

from __future__ import annotations

import numpy as np
import pytest

from exact_core.agreement.comparison import compare
from exact_core.agreement.items import MISSED, UNREAD
from exact_core.agreement.readers import prepared_label
from exact_core.agreement.readings import geometries, load
from exact_core.agreement.rules import MatchRule
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.storage.models import Image
from tests.core.agreement.conftest import Readers


def compared(readers: Readers, rule: MatchRule | None = None, at: int | None = None):
    with readers.database.read() as session:
        readings = load(session, readers.everything(session), at=at)

        def packed(ids):
            found = geometries(session, ids, at)
            return [found[each] for each in ids]

        return compare(readings, rule or MatchRule(), packed)


def said(readers: Readers, rule: MatchRule | None = None) -> list[list[str]]:
    """Per thing what each reader said: the class, ``-`` for missed, nothing for unread."""
    found = compared(readers, rule)
    names = {number: each.name for number, each in enumerate(found.readings.classes)} | {MISSED: "-", UNREAD: ""}
    return [[names[value] for value in row] for row in found.items.said.tolist()]


def test_readers_are_authors_and_those_whom_files_name(readers):
    readers.mark("ann", 0, [(100, 100)])
    readers.mark("lead", 0, [(100, 100)], claimed="Participant 10")
    readers.mark("lead", 1, [(100, 100)], claimed="Participant 9")
    readers.mark("system", 1, [(100, 100)])
    with readers.database.read() as session:
        found = load(session, readers.everything(session))
    assert [(each.name, each.key) for each in found.readers] == [
        ("Ann", readers.key("ann")),
        ("Nobody", "nobody"),
        ("Participant 9", "claimed:Participant 9"),
        ("Participant 10", "claimed:Participant 10"),
    ]
    assert [(each.annotations, each.images) for each in found.readers] == [(1, 1)] * 4


def test_what_a_study_prepared_belongs_to_who_was_given_it(readers):
    readers.mark("ann", 0, [(100, 100)], claimed=prepared_label(7, "the model"))
    with readers.database.read() as session:
        assert [each.key for each in load(session, readers.everything(session)).readers] == [readers.key("ann")]


def test_marks_near_each_other_are_one_thing_and_what_is_not_marked_is_missed(readers):
    readers.mark("ann", 0, [(100, 100), (500, 500)], ["Mitosis", "Mitosis"])
    readers.mark("ben", 0, [(104, 97), (900, 900)], ["Look-alike", "Mitosis"])
    readers.mark("cas", 1, [(10, 10)])
    assert said(readers) == [
        ["Mitosis", "Look-alike", ""],
        ["Mitosis", "-", ""],
        ["-", "Mitosis", ""],
        ["", "", "Mitosis"],
    ]


def test_two_marks_of_one_reader_are_never_one_thing(readers):
    readers.mark("ann", 0, [(100, 100), (108, 100)])
    readers.mark("ben", 0, [(106, 100)])
    assert said(readers) == [["Mitosis", "-"], ["Mitosis", "Mitosis"]]


def test_a_chain_of_marks_is_not_one_thing(readers):
    """Ann is near Ben and Ben near Cas, but Ann and Cas are not: the nearer two stay together."""
    readers.mark("ann", 0, [(100, 100)])
    readers.mark("ben", 0, [(118, 100)])
    readers.mark("cas", 0, [(133, 100)])
    assert said(readers, MatchRule(distance=20)) == [["Mitosis", "-", "-"], ["-", "Mitosis", "Mitosis"]]


def test_the_distance_is_half_a_mark_unless_told_and_in_um_where_there_is_a_scale(make_readers):
    readers = make_readers(mpp_x=0.25, mpp_y=0.25)
    readers.mark("ann", 0, [(100, 100)])
    readers.mark("ben", 0, [(115, 100)])
    assert compared(readers).rule.to_json() == {
        "kind": "distance", "distance": 5.0, "unit": "um", "method": "greedy", "without_scale": 0,
    }  # fmt: skip
    assert len(compared(readers).items) == 1
    assert len(compared(readers, MatchRule(distance=3.7)).items) == 2
    assert len(compared(readers, MatchRule(distance=15, unit="px")).items) == 1


def test_pixels_that_are_not_square_are_measured_in_um(make_readers):
    readers = make_readers(mpp_x=0.25, mpp_y=1.0)
    readers.mark("ann", 0, [(100, 100), (500, 500)])
    readers.mark("ben", 0, [(116, 100), (500, 516)])
    assert said(readers, MatchRule(distance=5)) == [["Mitosis", "Mitosis"], ["Mitosis", "-"], ["-", "Mitosis"]]


def test_an_image_without_a_scale_is_left_out_of_um_and_told(make_readers):
    readers = make_readers(mpp_x=0.5, mpp_y=0.5)
    with readers.database.write() as session:
        session.get_one(Image, readers.images[1]).mpp_x = None
    for who in ("ann", "ben"):
        readers.mark(who, 0, [(100, 100)])
        readers.mark(who, 1, [(100, 100)])
    in_um = compared(readers, MatchRule(unit="um"))
    assert (in_um.rule.without_scale, len(in_um.items), int((~in_um.usable).sum())) == (1, 1, 2)
    assert compared(readers).rule.unit == "px"
    assert len(compared(readers).items) == 2


def square(x, y, side=100):
    return [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]


def test_outlines_are_one_thing_when_they_overlap(readers):
    readers.mark("ann", 0, [], shape=Shape.POLYGON, rings=[square(0, 0), square(500, 0)], kind="Mitosis")
    readers.mark("ben", 0, [], shape=Shape.POLYGON, rings=[square(20, 0), square(570, 0)], kind="Mitosis")
    found = compared(readers)
    assert found.rule.kind == "overlap"
    assert len(found.items) == 3
    overlaps = found.overlaps(0, 1)
    assert overlaps.values[0] == pytest.approx([80 / 120, 0.8, 20, 20], abs=1e-6)
    assert compared(readers, MatchRule("overlap", overlap=0.15)).items.said.shape == (2, 2)


def test_points_have_no_outline_to_compare(readers):
    readers.mark("ann", 0, [(100, 100)], shape=Shape.POINT)
    readers.mark("ben", 0, [(100, 100)], shape=Shape.POINT)
    assert len(compared(readers).items) == 1
    none = compared(readers, MatchRule("overlap"))
    assert (len(none.items), int((~none.usable).sum())) == (0, 2)


def test_labels_of_images_are_compared_image_by_image(make_readers):
    readers = make_readers(types={"Benign": ["image"], "Malignant": ["image"], "Blurred": ["image"]})
    for who, kinds in {"ann": ["Benign"], "ben": ["Malignant"], "cas": ["Malignant", "Blurred"]}.items():
        readers.mark(who, 0, [], kinds, shape=Shape.IMAGE, rings=[[]] * len(kinds))
    # The same label goes together first; what is left over is one reader's other opinion.
    assert sorted(said(readers)) == [["-", "-", "Blurred"], ["Benign", "Malignant", "Malignant"]]


def test_marks_on_different_focal_planes_are_different_things(make_readers):
    from exact_core.annotations.bulk import NewShapes, columns_of_rings
    from exact_core.annotations.scope import Frame
    from exact_core.annotations.service import Annotations

    readers = make_readers(size_z=3)
    for who, z in {"ann": 0, "ben": 1, "cas": -1}.items():
        shapes = NewShapes(
            columns_of_rings(Shape.BOX, [[(80, 80), (120, 120)]]), np.array([readers.types["Mitosis"]]), Frame(z, 0, -1)
        )
        Annotations(readers.database, readers.services.kernel.hooks, readers.people[who]).bulk_create(
            readers.images[0], shapes
        )
    assert said(readers) == [["Mitosis", "-", "Mitosis"], ["-", "Mitosis", "-"]]


def test_products_are_not_mixed(readers, make_product):
    make_product(readers.team_id, "tissue", types={"Tumour": ["box"]}, image_sets=[readers.image_set_id])
    from sqlalchemy import select

    from exact_core.storage.models import AnnotationType

    with readers.database.read() as session:
        readers.types["Tumour"] = session.scalar(select(AnnotationType.id).where(AnnotationType.name == "Tumour"))
    readers.mark("ann", 0, [(100, 100)], "Tumour")
    readers.mark("ben", 0, [(100, 100)], "Mitosis")
    assert len(compared(readers).items) == 2


def test_the_past_is_read_as_it_was(readers):
    readers.mark("ann", 0, [(100, 100)])
    readers.mark("ben", 0, [(100, 100)])
    with readers.database.read() as session:
        then = readers.everything(session).revision
    readers.mark("ben", 0, [(900, 900)], "Look-alike")
    assert len(compared(readers).items) == 2
    assert len(compared(readers, at=then).items) == 1
    assert readers.answer(at=then)["revision"] == then


def test_deleted_images_are_gone(readers):
    readers.mark("ann", 0, [(100, 100)])
    readers.mark("ben", 0, [(100, 100)])
    with readers.database.write() as session:
        from exact_core.storage.models import now

        session.get_one(Image, readers.images[0]).deleted_at = now()
    with readers.database.read() as session:
        found = load(session, readers.everything(session))
    assert (found.images, found.readers, len(found.marks)) == ((), (), 0)


def test_a_distance_at_which_everything_is_one_thing_is_refused(readers, monkeypatch):
    monkeypatch.setattr("exact_core.agreement.pairing.MOST_PAIRS", 3)
    readers.mark("ann", 0, [(x, 100) for x in range(100, 1000, 100)])
    with pytest.raises(Invalid, match="shorter distance"):
        compared(readers, MatchRule(distance=5000))


@pytest.mark.parametrize("values", [{"distance": 0}, {"distance": float("nan")}, {"overlap": 0}, {"overlap": 1.5}])
def test_rules_that_mean_nothing_are_refused(values):
    with pytest.raises(Invalid):
        MatchRule(**values)
