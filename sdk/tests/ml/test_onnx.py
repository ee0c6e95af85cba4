"""A network for browsers answers as torch does, whatever the pictures, and tells nothing of the machine."""

from __future__ import annotations

import hashlib
from base64 import b64decode

import numpy as np
import pytest
from exact_sdk.ml import store
from exact_sdk.ml.onnx import Session, difference, export
from exact_sdk.ml.preprocess import Preprocess
from exact_sdk.ml.readers import PatternReader
from exact_sdk.ml.tiles import TilePlan
from exact_sdk.ml.tilestream import stream

from exact_core.api.errors import Conflict, Invalid
from exact_core.models.files import check_folder

pytestmark = pytest.mark.xdist_group("torch")

KIND = Preprocess(classes=("tissue", "nucleus"), tile=32, step=32, multiple=8)


@pytest.fixture(scope="module")
def exported(torch, tiny, tmp_path_factory):
    """A folder with a network, the network, and its contract."""
    torch.manual_seed(2)
    net = tiny()
    with torch.no_grad():
        net(torch.rand(4, 3, 32, 32))  # so that batch norm is not the identity
    folder = tmp_path_factory.mktemp("onnx") / "made"
    return folder, net.eval(), export(net.eval(), KIND, folder)


def test_the_file_is_bound_to_its_contract(exported):
    folder, _, contract = exported
    content = (folder / "model.onnx").read_bytes()
    assert contract == Preprocess.read(folder / "preprocess.json")
    assert (contract.model.bytes, contract.model.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert b64decode(contract.model.integrity.removeprefix("sha256-")) == hashlib.sha256(content).digest()
    assert contract.model_copy(update={"model": None}) == KIND


def test_no_file_name_of_this_machine_is_in_it(exported):
    content = (exported[0] / "model.onnx").read_bytes()
    assert b".py" not in content
    assert b"site-packages" not in content


@pytest.mark.parametrize(("count", "height", "width"), [(1, 8, 8), (1, 40, 64), (5, 24, 16)])
def test_any_number_of_pictures_of_any_size_is_answered_as_by_torch(exported, torch, count, height, width):
    folder, net, contract = exported
    given = np.random.default_rng(count).normal(size=(count, 3, height, width)).astype(np.float32)
    with torch.inference_mode():
        expected = torch.softmax(net(torch.from_numpy(given)), 1).numpy()
    np.testing.assert_allclose(Session(folder / "model.onnx", contract).run(given), expected, atol=1e-4)
    assert difference(net, folder / "model.onnx", contract) <= 1e-4


def test_it_runs_over_a_whole_image(exported, torch):
    folder, net, contract = exported
    reader, rows = PatternReader(70, 50), []
    session = Session(folder / "model.onnx", contract, threads=1)
    plan = TilePlan(70, 50, contract.tile, contract.step, contract.multiple)
    stream(reader, session, lambda _y, band, covered: rows.append((band.copy(), covered.all())), plan, 2)
    assert all(covered for _, covered in rows)
    found = np.concatenate([band for band, _ in rows], axis=1)
    corner = contract.normalise(reader.read(0, 0, 32, 32)[None])
    with torch.inference_mode():
        expected = torch.softmax(net(torch.from_numpy(corner)), 1).numpy()[0]
    np.testing.assert_allclose(found[:, :18, :32], expected[:, :18, :32], atol=1e-5)


def test_a_model_carries_its_network_for_browsers(exported, tmp_path):
    folder, net, _ = exported
    found = store.save(tmp_path / "model", net, store.Meta("test.tiny", classes=KIND.classes), onnx=folder)
    assert {"onnx/model.onnx", "onnx/preprocess.json"} <= {one.name for one in found.files}
    assert check_folder(tmp_path / "model").sha256 == found.sha256


def test_a_model_of_a_network_only_is_not_loaded_by_torch(exported, tmp_path):
    folder, net, _ = exported
    store.save(tmp_path / "model", net, store.Meta("test.tiny", classes=KIND.classes), onnx=folder)
    (tmp_path / "model" / "model.safetensors").unlink()
    store.seal(tmp_path / "model")
    for load in (store.load_arrays, lambda path: store.load(path, architectures={})):
        with pytest.raises(Invalid, match="Session"):
            load(tmp_path / "model")


def test_what_cannot_go_to_a_browser_is_refused(exported, tiny, tmp_path):
    folder, net, _ = exported
    with pytest.raises(Conflict, match="already"):
        export(net, KIND, folder)
    with pytest.raises(Invalid, match="depth 34"):
        export(net, KIND, tmp_path / "large", budget=100)
    with pytest.raises(Invalid, match="eval"):
        export(tiny(), KIND, tmp_path / "training")
    assert list(tmp_path.iterdir()) == []


def test_a_classifier_takes_squares_of_its_side_and_any_number_of_them(torch, tmp_path):
    torch.manual_seed(3)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, stride=2), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
        torch.nn.Linear(4, 3),
    ).eval()  # fmt: skip
    kind = Preprocess(task="classification", classes=("a", "b", "c"), tile=24, step=24)
    contract = export(net, kind, tmp_path / "made")
    pictures = [np.full((height, 30, 3), height, np.uint8) for height in (10, 24, 50)]
    given = np.stack([contract.prepare(one) for one in pictures])
    with torch.inference_mode():
        expected = torch.softmax(net(torch.from_numpy(given)), 1).numpy()
    found = Session(tmp_path / "made" / "model.onnx", contract).run(given)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
