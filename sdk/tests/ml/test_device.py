"""Devices are chosen or refused with a reason, and too little memory means smaller batches, then smaller tiles."""

from __future__ import annotations

import subprocess
import sys

import pytest
from exact_sdk.ml import device

from exact_core.api.errors import Invalid, Unavailable

pytestmark = pytest.mark.xdist_group("torch")


class Machine:
    """Pretends, to torch, that there are devices."""

    def __init__(self, torch, monkeypatch):
        self._torch, self._patch = torch, monkeypatch

    def has(self, *, cuda=0, bf16=True, mps=False):
        self._patch.setattr(self._torch.cuda, "is_available", lambda: cuda > 0)
        self._patch.setattr(self._torch.cuda, "device_count", lambda: cuda)
        self._patch.setattr(self._torch.cuda, "is_bf16_supported", lambda: bf16)
        self._patch.setattr(self._torch.backends.mps, "is_available", lambda: mps)


@pytest.fixture
def machine(torch, monkeypatch):
    return Machine(torch, monkeypatch)


def test_auto_takes_the_best_there_is(machine):
    machine.has(cuda=1)
    assert device.choose() == device.Compute("cuda", "bf16", channels_last=True)
    machine.has(cuda=1, bf16=False)
    assert device.choose(training=True) == device.Compute("cuda", "fp16", needs_scaler=True, channels_last=True)
    assert not device.choose().needs_scaler
    machine.has(mps=True)
    assert device.choose() == device.Compute("mps", "fp32")
    machine.has()
    assert device.choose() == device.Compute("cpu", "fp32")
    assert device.choose("cpu", "bf16").facts() == {"device": "cpu", "precision": "bf16"}


def test_what_a_machine_does_not_have_is_refused_with_the_reason(machine):
    machine.has(cuda=1)
    assert device.choose("cuda:0").device == "cuda:0"
    for name, precision, kind, reason in (
        ("cuda:1", "auto", Unavailable, "no cuda:1"),
        ("mps", "auto", Unavailable, "no mps"),
        ("gpu", "auto", Invalid, "no device 'gpu'"),
        ("cuda:x", "auto", Invalid, "cuda:x"),
        ("cpu", "fp16", Invalid, "fp16"),
        ("cpu", "fp8", Invalid, "fp8"),
    ):
        with pytest.raises(kind, match=reason):
            device.choose(name, precision)
    machine.has(mps=True)
    assert device.choose("mps", "fp16").precision == "fp16"
    with pytest.raises(Invalid, match="training"):
        device.choose("mps", "fp16", training=True)


def test_autocast_computes_in_the_precision_that_was_chosen(torch):
    one = torch.ones(2, 2)
    for precision, expected in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with device.choose("cpu", precision).autocast():
            assert (one @ one).dtype == expected


def test_without_torch_the_reason_is_the_extra():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from exact_sdk.ml import device\n"
        "try: device.choose()\n"
        "except device.Unavailable as error: print(error.message)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "exact-sdk[ml]" in done.stdout


def needs(most):
    """An attempt that fits when it has at most so many pixels; it notes what was tried."""
    tried = []

    def attempt(batch, tile):
        tried.append((batch, tile))
        if batch * tile * tile > most:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return batch, tile

    return attempt, tried


def test_batches_are_halved_first_then_tiles_in_multiples_of_32():
    told = []
    attempt, tried = needs(300 * 300)
    assert device.fitting(attempt, batch=6, tile=1056, told=told.append) == (1, 256)
    assert tried == [(6, 1056), (3, 1056), (1, 1056), (1, 512), (1, 256)]
    assert len(told) == 4
    assert "1 tiles of 512 px" in told[2]


def test_when_nothing_fits_the_message_has_the_numbers():
    attempt, tried = needs(0)
    with pytest.raises(Unavailable, match=r"1 tile of 256 px.*4 of 512 px.*CUDA out of memory"):
        device.fitting(attempt, batch=4, tile=512)
    assert tried[-1] == (1, 256)
    attempt, tried = needs(0)
    with pytest.raises(Unavailable, match="512"):
        device.fitting(attempt, batch=2, tile=512, may_shrink_tile=False)
    assert tried == [(2, 512), (1, 512)]


def test_other_errors_are_not_taken_for_a_lack_of_memory(torch):
    def broken(batch, tile):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        device.fitting(broken, batch=4, tile=512)
    assert device.is_out_of_memory(MemoryError())
    assert device.is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**52, dtype=torch.uint8)
    assert device.is_out_of_memory(caught.value)
