"""Writing the shapes of an import on one image, some thousands at a time, under one revision."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from exact_core.annotations import bulk, rules
from exact_core.annotations.geometry import Geometry, from_rings
from exact_core.annotations.packing import Columns, pack, take
from exact_core.annotations.scope import Frame
from exact_core.annotations.states import Change, Known, State
from exact_core.annotations.writing import Writer
from exact_core.api.contributions import Shape
from exact_core.api.errors import Invalid
from exact_core.exchange.axes import Mend
from exact_core.exchange.duplicates import look_up
from exact_core.exchange.matching import Labels
from exact_core.exchange.placing import Places, columns_of_places
from exact_core.exchange.recasting import recast
from exact_core.exchange.staging import Piece
from exact_core.exchange.values import AttributeValues

if TYPE_CHECKING:
    from exact_core.exchange.storing import Stored

_T = TypeVar("_T")
_LEFT_OUT, _UNKNOWN = 0, -1  # instead of the number of a type


@dataclass(frozen=True, slots=True)
class _Said:
    """Everything about one shape but its geometry, as it will be kept."""

    where: str
    type_id: int
    uuid: str | None
    text: str
    attributes: dict[str, Any]
    author: str
    frame: Frame


class ImageStore:
    """Takes the pieces of one image; ``finish`` after the last one."""

    def __init__(
        self, writer: Writer, labels: Labels, mend: Mend, stored: Stored, reason: str, run: str, *, updates: bool
    ) -> None:
        self._writer = writer
        self._mend = mend
        self._stored = stored
        self._report = stored.report
        self._reason = reason
        self._run = run
        self._updates = updates
        self._type_ids = {label: kind.id if kind else _LEFT_OUT for label, kind in labels.types.items()}
        self._why = labels.unknown
        kinds = {kind.id: kind for kind in labels.types.values() if kind}
        self._allowed = {id_: kind.shapes for id_, kind in kinds.items()}
        self._values = {id_: AttributeValues(kind.name, kind.attributes) for id_, kind in kinds.items()}
        self._names = {id_: kind.name for id_, kind in kinds.items()}
        self._frames: dict[Frame, str] = {}  # why a frame is none
        self._revision: int | None = None
        self._changes = 0

    def add(self, piece: Piece) -> None:
        """Write some shapes."""
        types = np.fromiter((self._type_ids.get(label, _UNKNOWN) for label in piece.labels), np.int64, len(piece))
        self._stored.left_out += int(np.count_nonzero(types == _LEFT_OUT))
        for number in np.flatnonzero(types == _UNKNOWN).tolist():
            label = piece.labels[number]
            self._report.refuse(piece.where[number], f"label {label!r}: {self._why.get(label, 'it has no type')}")
        chosen = np.flatnonzero(types > 0)
        if not len(chosen):
            return
        places = piece.places if len(chosen) == len(piece) else _taken(piece.places, types > 0)
        types = types[chosen]
        drawn = recast(self._mend.places(places), types, self._allowed)
        for (form, target), count in drawn.told.items():
            self._report.losses[f"{_spoken(form)}: drawn as {_spoken(target)}, as its type allows"] += count
        facts = self._writer.facts
        columns, refused = columns_of_places(drawn.places, facts.width, facts.height)
        refused |= {number: self._not_allowed(types[number], places.shape[number]) for number in drawn.refused}
        said = self._said(piece, chosen.tolist(), types.tolist(), refused)
        for number, why in refused.items():
            self._report.refuse(piece.where[chosen[number]], why)
        self._write(columns, said)

    def finish(self) -> None:
        """Say what the revision holds, when there is one."""
        if self._revision is not None:
            self._writer.count_changes(self._revision, self._changes)
            self._stored.revisions[self._writer.facts.image_id] = self._revision

    def _said(self, piece: Piece, chosen: list[int], types: list[int], refused: dict[int, str]) -> list[_Said | None]:
        """What is said of each shape; None for those that are refused, which are added to ``refused``."""
        found: list[_Said | None] = []
        for place, (number, type_id) in enumerate(zip(chosen, types, strict=True)):
            frame = piece.frames[number] or rules.DEFAULT_FRAME
            why = refused.get(place) or self._why_not_in(frame)
            attributes: dict[str, Any] = {}
            try:
                attributes = self._values[type_id].of(piece.attributes[number], piece.scores[number], self._report)
            except Invalid as error:
                why = why or error.message
            if why:
                refused[place] = why
                found.append(None)
                continue
            found.append(
                _Said(
                    piece.where[number],
                    type_id,
                    piece.uuids[number],
                    piece.texts[number],
                    attributes,
                    piece.authors[number],
                    frame,
                )
            )
        return found

    def _why_not_in(self, frame: Frame) -> str:
        """Why the image has no such frame; empty when it has."""
        known = self._frames.get(frame)
        if known is None:
            try:
                rules.checked_frame(frame, self._writer.facts)
                known = ""
            except Invalid as error:
                known = error.message
            self._frames[frame] = known
        return known

    def _write(self, columns: Columns, said: list[_Said | None]) -> None:
        there = look_up(self._writer, [each.uuid if each else None for each in said])
        new: dict[tuple[Frame, str], list[int]] = defaultdict(list)
        names: dict[int, str | None] = {}
        first: dict[str, int] = {}
        changes: list[Change] = []
        for number, each in enumerate(said):
            if each is None:
                continue
            names[number] = each.uuid
            known = there.known.get(each.uuid) if each.uuid else None
            if known is not None and known.revision != self._revision:
                changes += self._against(known, each, columns, number)
                continue
            if each.uuid in there.taken:
                names[number] = None
            elif each.uuid is not None and (known is not None or first.setdefault(each.uuid, number) != number):
                self._report.warn("some shapes have an id that an earlier shape of the file has; they got new ones")
                names[number] = None
            new[each.frame, each.author].append(number)
        for (frame, author), numbers in new.items():
            self._create(columns, said, numbers, names, frame, author)
        if changes:
            self._writer.write(changes, self._taken_revision(), restores=True)
            self._changes += len(changes)

    def _create(
        self,
        columns: Columns,
        said: list[_Said | None],
        numbers: list[int],
        names: Mapping[int, str | None],
        frame: Frame,
        author: str,
    ) -> None:
        """Add shapes of one frame and one author."""
        chosen = [each for number in numbers if (each := said[number]) is not None]
        uuids = bulk.new_uuids(len(numbers))
        uuids = [names[number] or fresh for number, fresh in zip(numbers, uuids, strict=True)]
        shapes = bulk.NewShapes(
            columns=columns if len(numbers) == len(columns) else _columns_at(columns, numbers),
            type_ids=np.array([each.type_id for each in chosen], np.int64),
            frame=frame,
            uuids=uuids,
            texts=_unless_empty([each.text for each in chosen]),
            attributes=_unless_empty([each.attributes for each in chosen]),
            claimed_author=author,
        )
        added = bulk.add(self._writer, shapes, skip_bad=True, revision=self._taken_revision())
        for place, why in sorted(added.refused.items()):
            self._report.refuse(chosen[place].where, why)
        count = len(numbers) - len(added.refused)
        self._stored.added += count
        self._changes += count

    def _against(self, known: Known, said: _Said, columns: Columns, number: int) -> list[Change]:
        """What becomes of an annotation that the image has already."""
        facts = self._writer.facts
        geometry = _geometry_at(columns, number)
        state = State(
            said.type_id, geometry.shape, pack(geometry), geometry.box(facts.width, facts.height), said.frame,
            said.text, said.attributes,
        )  # fmt: skip
        if known.state == state:
            self._stored.unchanged += 1
            return []
        if geometry.ring_lengths:
            try:
                geometry = _checked(geometry, facts.width, facts.height)
            except Invalid as error:
                self._report.refuse(said.where, error.message)
                return []
            state = State.of(geometry, facts, said.type_id, said.frame, said.text, said.attributes)
        if known.state == state:
            self._stored.unchanged += 1
            return []
        if self._updates and self._writer.may_edit(known):
            self._stored.updated += 1
            return [Change(known, state)]
        self._stored.skipped += 1
        if self._updates:
            self._report.lose("annotations of others, which you may not change: left as they are")
        elif known.state is None:
            self._report.lose("annotations that were deleted here: left deleted")
        else:
            self._report.lose("annotations that are different here: left as they are")
        return []

    def _taken_revision(self) -> int:
        """The revision of this image's import, taken when the first shape comes."""
        if self._revision is None:
            self._revision = self._writer.log_change_set(0, "import", self._reason, run=self._run)
        return self._revision

    def _not_allowed(self, type_id: int, number: int) -> str:
        allowed = " or ".join(_spoken(shape) for shape in self._allowed[int(type_id)])
        form = _spoken(Shape.from_number(int(number)))
        return f"{self._names[int(type_id)]} is drawn as {allowed}, not as {form}."


def _unless_empty(values: list[_T]) -> list[_T] | None:
    """The values, or nothing when no shape has one."""
    return values if any(values) else None


def _spoken(shape: Shape) -> str:
    return shape.value.replace("_", " ")


def _taken(places: Places, chosen: NDArray[np.bool_]) -> Places:
    """Some of many shapes."""
    ring = chosen[places.ring_owner]
    start = np.concatenate([[0], np.cumsum(np.diff(places.ring_start)[chosen])])
    return Places(
        places.shape[chosen], start, places.ring_length[ring], places.ring_hole[ring],
        places.xy[chosen[places.vertex_owner]],
    )  # fmt: skip


def _columns_at(columns: Columns, numbers: Iterable[int]) -> Columns:
    chosen = np.zeros(len(columns), bool)
    chosen[list(numbers)] = True
    return take(columns, chosen)


def _geometry_at(columns: Columns, number: int) -> Geometry:
    first, last = int(columns.ring_start[number]), int(columns.ring_start[number + 1])
    start = int(columns.ring_length[:first].sum(dtype=np.int64))
    length = columns.ring_length[first:last]
    return Geometry(
        Shape.from_number(int(columns.shape[number])),
        columns.vertices[start : start + int(length.sum(dtype=np.int64))],
        tuple(length.tolist()),
        tuple(bool(hole) for hole in columns.ring_hole[first:last]),
    )


def _checked(geometry: Geometry, width: int, height: int) -> Geometry:
    """The geometry as an edit would take it."""
    bits = geometry.fraction_bits
    return from_rings(geometry.shape, geometry.rings(), geometry.ring_holes, width, height, fraction_bits=bits)
