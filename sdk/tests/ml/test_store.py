"""Models are written and read whole, and what is not a model is refused; what files may be is tested in the core."""

from __future__ import annotations

import json
import os
import pickle
import struct

import numpy as np
import pytest
from click.testing import CliRunner
from exact_sdk.ml import architectures, foreign, store
from exact_sdk.ml.architectures import Architecture
from exact_sdk.ml.card import Card, Measured
from exact_sdk.ml.commands import convert
from exact_sdk.ml.foreign_reader import read, tensors_of
from pydantic import BaseModel, ConfigDict, Field

from exact_core.api.errors import Conflict, ExactError, Invalid
from exact_core.models.files import NAMES

pytestmark = pytest.mark.xdist_group("torch")


class Arguments(BaseModel):
    """What the tiny network takes."""

    model_config = ConfigDict(extra="forbid")

    bands: int = Field(default=3, ge=1, le=16)
    classes: int = 2
    width: int = 4


@pytest.fixture(scope="module")
def known(tiny):
    return {"test.tiny": Architecture(tiny, Arguments)}


META = store.Meta(
    "test.tiny", {"bands": 3}, ("tissue", "nucleus"), (("all", "tissue"), ("all", "nucleus")), {"bands": "rgb"},
    Card(title="Tiny", created_utc="2026-01-01T00:00:00+00:00", metrics={"F1": Measured(value=0.5, ci=(0.4, 0.6))}),
)  # fmt: skip


@pytest.fixture
def folder(tmp_path, torch, tiny):
    torch.manual_seed(1)
    store.save(tmp_path / "model", tiny(), META)
    return tmp_path / "model"


def test_a_model_comes_back_as_it_was_with_buffers_and_tied_weights(folder, torch, tiny, known):
    torch.manual_seed(1)
    expected = tiny().eval()
    found = store.load(folder, architectures=known)
    assert (found.meta, found.module.training) == (META, False)
    assert found.folder.labels == ("tissue", "nucleus")
    image = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(found.module(image), expected(image), rtol=0, atol=0)
    for name, value in expected.state_dict().items():
        assert torch.equal(found.module.state_dict()[name], value)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["model.safetensors", "model.json", "card.json", "card.md", "SHA256SUMS"]
    )
    assert "# Tiny" in (folder / "card.md").read_text()


def test_the_same_model_gives_the_same_bytes_also_packed(folder, tmp_path, torch, tiny, known):
    torch.manual_seed(1)
    store.save(tmp_path / "again", tiny(), META)
    for name in NAMES:
        if (folder / name).exists():
            assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    store.to_zip(folder, tmp_path / "one.zip")
    store.to_zip(tmp_path / "again", tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with store.from_zip(tmp_path / "one.zip") as unpacked:
        assert store.load(unpacked, architectures=known).meta == META
    assert not unpacked.exists()


def test_saving_is_all_or_nothing(tmp_path, torch, tiny, folder):
    broken = tiny()
    with torch.no_grad():
        broken.first.weight[0, 0, 0, 0] = float("nan")
    with pytest.raises(Invalid, match="NaN"):
        store.save(tmp_path / "broken", broken, META)
    with pytest.raises(Invalid, match=r"model\.json"):
        store.save(tmp_path / "broken", tiny(), store.Meta("test.tiny", {"bands": object()}))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]
    with pytest.raises(Conflict, match="already"):
        store.save(folder, tiny(), META)


def reseal(folder):
    store.seal(folder)


def edit_description(**changes):
    def edit(folder):
        path = folder / "model.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
        reseal(folder)

    return edit


def huge_header(folder):
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 10 * 1024**3) + content[8:])
    reseal(folder)


def pickled(folder):
    (folder / "model.safetensors").write_bytes(pickle.dumps({"a": 1}, protocol=4))
    reseal(folder)


def linked(folder):
    (folder / "card.md").unlink()
    (folder / "card.md").symlink_to("/etc/passwd")


def flipped(folder):
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (edit_description(architecture="os.system"), "not known here"),
        (edit_description(arguments={"width": 4, "device": "cuda"}), "device"),
        (edit_description(arguments={"bands": 1000}), "bands"),
        (edit_description(arguments={"width": 8}), "not those of the network"),
        (edit_description(format=2), "newer"),
        (edit_description(arguments=[1]), "objects"),
        (huge_header, "header"),
        (pickled, "pickle"),
        (linked, "link"),
        (flipped, "checksum"),
        (lambda folder: (folder / "extra.py").write_text(""), "extra.py"),
        (lambda folder: (folder / "card.json").unlink(), "card.json"),
    ],
)
def test_what_is_not_a_whole_model_is_refused(folder, known, damage, reason):
    damage(folder)
    with pytest.raises(ExactError, match=reason):
        store.load(folder, architectures=known)


def test_arrays_are_kept_without_torch(tmp_path):
    arrays = {"mean": np.arange(3.0), "index": np.array([2, 0], np.int64), "mask": np.array([True, False])}
    store.save(tmp_path / "model", arrays, store.Meta("pca"))
    found, meta = store.load_arrays(tmp_path / "model")
    assert meta.architecture == "pca"
    for name, value in arrays.items():
        np.testing.assert_array_equal(found[name], value)
        assert found[name].dtype == value.dtype
    with pytest.raises(Invalid, match="not known here"):
        store.load(tmp_path / "model")


def test_weights_that_are_not_there_or_not_for_numpy_are_told(folder, known, tmp_path, torch):
    with pytest.raises(Invalid, match="one each"):
        store.save(tmp_path / "paths", {}, store.Meta("m", classes=("a", "b"), paths=(("all", "a"),)))
    some = store.Meta("m", classes=("a", "b"), paths=(("all", "a"), ()))
    store.save(tmp_path / "some", {"w": np.ones(1)}, some)
    assert store.load_arrays(tmp_path / "some")[1].paths == some.paths
    store.save(tmp_path / "half", torch.nn.Linear(2, 2).to(torch.bfloat16), store.Meta("m"))
    with pytest.raises(Invalid, match="BF16"):
        store.load_arrays(tmp_path / "half")


def test_two_networks_cannot_have_one_name(tiny, monkeypatch):
    monkeypatch.setattr(architectures, "_ARCHITECTURES", {})
    architectures.register("test.tiny", tiny, Arguments)
    architectures.register("test.tiny", tiny, Arguments)
    with pytest.raises(Conflict, match=r"test\.tiny"):
        architectures.register("test.tiny", lambda: None, Arguments)


class Evil:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch evil-was-here",)


def test_foreign_weights_are_read_in_a_process_of_their_own(tmp_path, torch, tiny):
    net, made = tiny(), tmp_path / "good.safetensors"
    torch.save({"state_dict": net.state_dict(), "epoch": 3}, tmp_path / "good.pth")
    done = CliRunner().invoke(convert, [str(tmp_path / "good.pth"), "--yes"])
    assert (done.exit_code, done.output) == (0, f"Wrote {made}.\n")
    from safetensors.torch import load_file

    found = load_file(made)
    assert found.keys() == net.state_dict().keys()
    assert all(torch.equal(found[name], value) for name, value in net.state_dict().items())
    with pytest.raises(Conflict):
        foreign.convert(tmp_path / "good.pth", made)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good.pth", "good.safetensors"]


def test_no_code_of_a_pickle_runs(tmp_path, torch, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Evil()}, "evil.pth")
    assert read("evil.pth", "evil.safetensors") == 1
    assert "plain tensors" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["evil.pth"]


def test_foreign_weights_that_need_too_much_memory_are_refused(tmp_path, torch):
    # Small on disk, large in memory: a view that repeats one number.
    torch.save({"big": torch.zeros(1).expand(3 * 1024**3)}, tmp_path / "bomb.pth")
    with pytest.raises(Invalid, match="bomb"):
        foreign.convert(tmp_path / "bomb.pth", tmp_path / "x.safetensors", memory_mib=4096)
    assert CliRunner().invoke(convert, [str(tmp_path / "bomb.pth")], input="n\n").exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bomb.pth"]


def test_only_named_tensors_are_taken(torch):
    one = torch.ones(2, 3).T
    found = tensors_of({"model": {"a": one, "step": 3, 7: one}})
    assert found.keys() == {"a", "7"}
    assert found["a"].is_contiguous()
    assert found["a"].data_ptr() != found["7"].data_ptr()
    assert tensors_of([1, 2]) == tensors_of({"step": 3}) == {}
