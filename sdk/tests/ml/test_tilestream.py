"""A network over a whole image: the same whatever the batch, resumed, in other processes, and in bounded memory."""

from __future__ import annotations

import os
import tracemalloc

import numpy as np
import pytest
from exact_sdk.ml.readers import ArrayReader, PatternReader
from exact_sdk.ml.stitching import accumulator_bytes
from exact_sdk.ml.tiles import Frame, Place, TilePlan, read_tile, skip_empty
from exact_sdk.ml.tilestream import Streaming, stream
from hypothesis import given, settings
from hypothesis import strategies as st

from exact_core.api.errors import Invalid, Unavailable


def pixelwise(samples):
    """Probabilities of two classes that depend on nothing but the pixel."""
    red = samples[..., 0].astype(np.float32) / 255
    return np.stack([red, 1 - red], axis=1)


def whole(reader, network=pixelwise, plan=None, **options):
    plan = plan or TilePlan(reader.image.width, reader.image.height, 32, 24)
    found = np.full((2, plan.height, plan.width), np.nan, np.float32)
    seen = np.zeros((plan.height, plan.width), bool)
    rows = []

    def sink(y, probabilities, covered):
        rows.extend(range(y, y + len(covered)))
        found[:, y : y + len(covered)] = probabilities
        seen[y : y + len(covered)] = covered

    stream(reader, network, sink, plan, 2, **options)
    assert rows == list(range(options.get("resume_at", 0), plan.height))
    return found, seen


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 120), st.integers(1, 120), st.integers(8, 32), st.integers(1, 9),
    st.sampled_from(["uniform", "hann"]),
)  # fmt: skip
def test_what_depends_on_the_pixel_only_is_stitched_exactly(width, height, step, batch, window):
    reader = PatternReader(width, height)
    found, seen = whole(reader, plan=TilePlan(width, height, 32, step), how=Streaming(batch=batch, window=window))
    assert seen.all()
    expected = pixelwise(reader.read(0, 0, width, height)[None])[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def contextual(samples):
    """An answer that differs from tile to tile, so that overlaps are really averaged."""
    share = samples.astype(np.float32).mean(axis=(1, 2, 3), keepdims=True)[..., 0] / 255
    red = np.broadcast_to((samples[..., 0] / np.float32(510)) + share / 2, samples.shape[:3])
    return np.stack([red, 1 - red], axis=1)


def test_the_size_of_batches_does_not_change_a_byte():
    reader = PatternReader(150, 131)
    first, _ = whole(reader, contextual, how=Streaming(batch=1))
    for batch in (2, 3, 7, 100):
        assert whole(reader, contextual, how=Streaming(batch=batch))[0].tobytes() == first.tobytes()


@pytest.mark.parametrize("resume_at", [1, 24, 25, 60, 99, 130])
def test_a_run_that_broke_off_goes_on_to_the_same_result(resume_at):
    reader = PatternReader(90, 131)
    all_of_it, _ = whole(reader, contextual)
    reader.reads = 0
    rest, _ = whole(reader, contextual, resume_at=resume_at)
    np.testing.assert_allclose(rest[:, resume_at:], all_of_it[:, resume_at:], atol=1e-6)
    rows = TilePlan(90, 131, 32, 24).rows
    assert reader.reads == 4 * sum(y + 32 > resume_at for y in rows), "no more tiles than touch what is missing"


def test_a_finished_run_has_nothing_to_resume():
    reader = PatternReader(40, 40)
    stream(reader, pixelwise, lambda *_: pytest.fail("handed over again"), TilePlan(40, 40, 32, 24), 2, resume_at=40)
    assert reader.reads == 0


def test_tiles_without_a_valid_pixel_are_not_read_and_are_marked():
    reader = PatternReader(128, 128)
    mask = np.zeros((16, 16), bool)
    mask[2, 13] = True  # pixels 104..111, 16..23
    found, seen = whole(
        reader, plan=TilePlan(128, 128, 32, 32), skip=skip_empty(mask, 128, 128), how=Streaming(batch=4)
    )
    assert reader.reads == 1
    assert seen[:32, 96:].all()
    assert seen.sum() == 32 * 32
    assert (found[:, ~seen] == 0).all()


def test_nothing_valid_at_all_still_gives_every_row():
    reader = PatternReader(70, 70)
    _, seen = whole(reader, skip=lambda _place: True)
    assert not seen.any()
    assert reader.reads == 0


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_the_rule_of_empty_tiles_is_never_wrong_about_a_valid_pixel(rows, columns, seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((rows, columns)) < 0.05
    width, height = (int(side) for side in rng.integers(1, 300, 2))
    is_empty = skip_empty(mask, width, height)
    full = mask[np.arange(height)[:, None] * rows // height, np.arange(width)[None] * columns // width]
    for place in TilePlan(width, height, 32, 20).places():
        if full[place.y : place.y + 32, place.x : place.x + 32].any():
            assert not is_empty(place)


def test_progress_rises_to_one_and_may_end_the_run():
    told = []
    reader = PatternReader(100, 100)
    whole(reader, told=lambda share, message: told.append(share), how=Streaming(batch=3))
    assert told == sorted(told)
    assert (len(told), told[-1]) == (6, 1.0)
    reader.reads = 0

    def stop(share, _message):
        raise Unavailable("cancelled")

    bands = []
    with pytest.raises(Unavailable):
        stream(reader, pixelwise, lambda *band: bands.append(band), TilePlan(100, 100, 32, 24), 2, told=stop)
    assert (len(bands), reader.reads) == (1, 8), "what was complete, and not one tile more"


def test_tiles_read_by_other_processes_are_the_same():
    reader = PatternReader(200, 150)
    here, _ = whole(reader, contextual)
    reader.reads = 0
    there, _ = whole(reader, contextual, how=Streaming(batch=3, processes=1, ahead=5))
    assert reader.reads == 0
    assert there.tobytes() == here.tobytes()


class Dying(PatternReader):
    """Takes its process with it."""

    def read(self, *args, **kwargs):
        os._exit(3)


def refuse():
    raise Unavailable("The image was deleted.")


class Gone(PatternReader):
    """An image that was deleted meanwhile."""

    @property
    def reopen(self):
        return refuse


@pytest.mark.parametrize(("kind", "reason"), [(Dying, "want of memory"), (Gone, "was deleted")])
def test_a_reader_that_fails_elsewhere_ends_the_run_with_the_reason(kind, reason):
    with pytest.raises(Unavailable, match=reason):
        stream(
            kind(64, 64), pixelwise, lambda *_: None, TilePlan(64, 64, 32, 32), 2, how=Streaming(processes=1, ahead=2)
        )


def test_channels_are_read_in_the_order_that_is_asked_for():
    samples = np.arange(40 * 50 * 4, dtype=np.uint16).reshape(40, 50, 4)
    found = read_tile(ArrayReader(samples), Place(0, 0, 10, 5, 32, 32), Frame(channels=(3, 1)))
    np.testing.assert_array_equal(found, samples[5:37, 10:42][..., [3, 1]])


def test_a_tile_over_the_edge_is_reflected_on_every_side():
    samples = np.arange(20 * 20, dtype=np.uint16).reshape(20, 20, 1)
    found = read_tile(ArrayReader(samples), Place(0, 0, -6, -6, 32, 32), Frame())
    np.testing.assert_array_equal(found, np.pad(samples, ((6, 6), (6, 6), (0, 0)), mode="reflect"))
    with pytest.raises(Invalid, match="outside"):
        read_tile(ArrayReader(samples), Place(0, 0, 20, 0, 32, 32), Frame())


@pytest.mark.parametrize("height", [400, 1600])
def test_memory_follows_the_formula_and_not_the_height(height):
    reader = PatternReader(1500, height)
    plan = TilePlan(1500, height, 64, 48)
    tracemalloc.start()
    stream(reader, pixelwise, lambda *_: None, plan, 2, how=Streaming(batch=4))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    formula = accumulator_bytes(1500, 2, 64, 48)
    assert formula < peak < 1.6 * formula + 1_000_000


def test_what_does_not_fit_is_refused():
    reader = PatternReader(64, 64)
    with pytest.raises(Invalid, match="multiple"):
        TilePlan(64, 64, 40, 8)
    with pytest.raises(Invalid, match="64 x 64"):
        stream(reader, pixelwise, lambda *_: None, TilePlan(65, 64, 32, 32), 2)
    with pytest.raises(Invalid, match="answers an array"):
        stream(reader, pixelwise, lambda *_: None, TilePlan(64, 64, 32, 32), 3)
    with pytest.raises(Invalid, match="not finite"):
        stream(reader, lambda samples: pixelwise(samples) * np.nan, lambda *_: None, TilePlan(64, 64, 32, 32), 2)
