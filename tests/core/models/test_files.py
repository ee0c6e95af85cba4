"""Which folders are taken as models, and what is said of the others."""

from __future__ import annotations

import json
import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import ml_dtypes
import numpy
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from safetensors import SafetensorError
from safetensors.numpy import load, save

from exact_core.api.errors import ExactError, Invalid, TooLarge
from exact_core.models.files import Limits, check_folder
from exact_core.models.tensors import check_tensors, count_numbers
from tests.core.models import folders

HEADER = 25_000_000


def tensors_file(folder: Path, header: object, data: bytes) -> Path:
    """A safetensors file by hand."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def test_a_true_folder_is_described(tmp_path: Path) -> None:
    files = folders.with_checksums(folders.contents())
    found = check_folder(folders.write(tmp_path, files))
    assert found.labels == ("background", "nucleus")
    assert {each.name: each.size for each in found.files} == {
        name: len(content) for name, content in files.items() if name != "SHA256SUMS"
    }
    assert found.card["intended_use"] == "Tests."
    assert count_numbers(tmp_path / "model.safetensors", "w") == 7


def test_the_identity_follows_every_byte_and_nothing_else(tmp_path: Path) -> None:
    files = folders.contents(with_network=False)
    first = check_folder(folders.write(tmp_path / "a", folders.with_checksums(files)))
    lines = folders.with_checksums(files)["SHA256SUMS"].splitlines(keepends=True)
    other_order = {**files, "SHA256SUMS": b"".join(line.replace(b"  ", b" *") for line in reversed(lines))}
    assert check_folder(folders.write(tmp_path / "b", other_order)).sha256 == first.sha256
    changed = folders.with_checksums({**files, "card.md": files["card.md"] + b"."})
    assert check_folder(folders.write(tmp_path / "c", changed)).sha256 != first.sha256


Spoil = Callable[[dict[str, bytes]], dict[str, bytes]]


def replaced(name: str, content: bytes) -> Spoil:
    return lambda files: {**files, name: content}


def without(name: str) -> Spoil:
    return lambda files: {key: content for key, content in files.items() if key != name}


BEFORE_CHECKSUMS = {
    "an unknown file": (replaced("train.py", b"print()"), "'train.py'.*no model may have"),
    "a folder of its own": (replaced("onnx/weights.bin", b"1"), "onnx/weights.bin"),
    "no description": (without("model.json"), "lacks model.json"),
    "nothing to run": (without("model.safetensors"), "lacks model.safetensors"),
    "a network without its preprocessing": (
        lambda files: {**files, "onnx/model.onnx": folders.network()},
        "lacks onnx/preprocess.json",
    ),
    "a pickle": (replaced("model.safetensors", b"\x80\x04\x95\x0b\0\0\0\0\0\0\0K\x01."), "is a Python pickle.*convert"),
    "a pickle as text": (replaced("card.md", b"\x80\x02]q\x00."), "card.md is a Python pickle"),
    "what torch.save writes": (
        replaced("model.safetensors", folders.zipped({"archive/data.pkl": b"\x80\x02."})),
        "torch.save",
    ),
    "an HDF5 file": (replaced("model.safetensors", b"\x89HDF\r\n\x1a\n" + bytes(99)), "HDF5.*convert"),
    "NaN in JSON": (replaced("card.json", b'{"a": NaN}'), "card.json holds NaN"),
    "infinity in JSON": (replaced("card.json", b'{"a": 1e999}'), "too large"),
    "a key twice": (replaced("card.json", b'{"a": 1, "a": 2}'), "'a' twice"),
    "JSON of a list": (replaced("card.json", b"[]"), "must hold a JSON object"),
    "JSON that is too deep": (replaced("card.json", b'{"a":' * 99 + b"1" + b"}" * 99), "deeper than"),
    "JSON deeper than Python": (replaced("card.json", b'{"a":' * 99_999), "card.json is not JSON"),
    "half a character": (replaced("card.json", b'{"a": "\\ud800"}'), "half a character"),
    "a card in Latin-1": (replaced("card.md", "Gr\xf6\xdfe".encode("latin-1")), "card.md is not UTF-8"),
    "classes without names": (replaced("model.json", b'{"classes": ["a", 3]}'), "name of its own"),
    "a class twice": (replaced("model.json", b'{"classes": ["a", "a"]}'), "name of its own"),
}


@pytest.mark.parametrize("case", BEFORE_CHECKSUMS, ids=lambda case: case.replace(" ", "-"))
def test_what_is_no_model_is_refused_with_its_name(case: str, tmp_path: Path) -> None:
    spoil, message = BEFORE_CHECKSUMS[case]
    files = folders.with_checksums(spoil(folders.contents(with_network=False)))
    with pytest.raises(Invalid, match=message):
        check_folder(folders.write(tmp_path, files))


AFTER_CHECKSUMS = {
    "another file": (replaced("card.md", b"other"), "card.md has not the checksum"),
    "a file that is not listed": (
        lambda files: {**files, "SHA256SUMS": files["SHA256SUMS"].split(b"\n", 1)[1]},
        "must list every other file once",
    ),
    "a file that is listed twice": (
        lambda files: {**files, "SHA256SUMS": files["SHA256SUMS"] * 2},
        "line 5: it names card.json again",
    ),
    "a line of something else": (replaced("SHA256SUMS", b"hello\n"), "line 1: it is not"),
    "no checksums": (without("SHA256SUMS"), "lacks SHA256SUMS"),
}


@pytest.mark.parametrize("case", AFTER_CHECKSUMS, ids=lambda case: case.replace(" ", "-"))
def test_checksums_are_complete_and_right(case: str, tmp_path: Path) -> None:
    spoil, message = AFTER_CHECKSUMS[case]
    files = spoil(folders.with_checksums(folders.contents(with_network=False)))
    with pytest.raises(Invalid, match=message):
        check_folder(folders.write(tmp_path, files))


def test_links_are_never_followed(tmp_path: Path) -> None:
    files = folders.with_checksums(folders.contents())
    for name in ("card.md", "onnx"):
        folder = folders.write(tmp_path / name, files)
        (folder / name).rename(tmp_path / f"{name}-elsewhere")
        (folder / name).symlink_to(tmp_path / f"{name}-elsewhere")
        with pytest.raises(Invalid, match=f"'{name}' in the model is a link"):
            check_folder(folder)
    pipe = folders.write(tmp_path / "pipe", files)
    (pipe / "card.md").unlink()
    os.mkfifo(pipe / "card.md")
    with pytest.raises(Invalid, match=r"'card.md' in the model is a link, a folder or a device"):
        check_folder(pipe)
    with pytest.raises(Invalid, match="is not a folder"):
        check_folder(tmp_path / "nowhere")


def test_limits_name_the_file(tmp_path: Path) -> None:
    folder = folders.write(tmp_path, folders.with_checksums(folders.contents()))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    check_folder(folder, Limits(total=size))
    with pytest.raises(TooLarge, match=f"The model has {size:,} bytes"):
        check_folder(folder, Limits(total=size - 1))
    with pytest.raises(TooLarge, match=r"onnx/model.onnx has"):
        check_folder(folder, Limits(network=10))
    with pytest.raises(TooLarge, match="header of"):
        check_folder(folder, Limits(header=10))


def test_a_header_of_ten_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 10 * 1024**3) + b'{"a":')
        file.truncate(10 * 1024**3 + 8)  # sparse: no room is used
    with pytest.raises(TooLarge, match="10,737,418,240"):
        check_tensors(path, "w", HEADER)


@pytest.mark.parametrize("length", [640, 896, 1152, 1408])
def test_a_header_whose_length_looks_like_a_pickle_is_none(length: int, tmp_path: Path) -> None:
    text = json.dumps({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}).encode().ljust(length)
    files = folders.contents(with_network=False)
    files["model.safetensors"] = struct.pack("<Q", length) + text + b"\1"
    assert files["model.safetensors"][:1] == b"\x80"
    assert check_folder(folders.write(tmp_path, folders.with_checksums(files))).labels


DAMAGED = {
    "overlapping": ({"a": ([2], [0, 8]), "b": ([2], [4, 12])}, 12),
    "a gap": ({"a": ([1], [4, 8])}, 8),
    "more behind": ({"a": ([1], [0, 4])}, 8),
    "cut off": ({"a": ([2], [0, 8])}, 4),
    "another shape": ({"a": ([3], [0, 8])}, 8),
    "a huge shape": ({"a": ([2**62, 8], [0, 8])}, 8),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_headers_are_refused(case: str, tmp_path: Path) -> None:
    tensors, size = DAMAGED[case]
    header = {name: {"dtype": "F32", "shape": shape, "data_offsets": place} for name, (shape, place) in tensors.items()}
    with pytest.raises(Invalid, match="damaged"):
        check_tensors(tensors_file(tmp_path, header, bytes(size)), "w", HEADER)


def test_a_tensor_twice_is_refused(tmp_path: Path) -> None:
    one = b'"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
    with pytest.raises(Invalid, match="'a' twice"):
        check_tensors(tensors_file(tmp_path, b"{" + one + b"," + one + b"}", bytes(4)), "w", HEADER)


FLOATS = ["float64", "float32", "float16", "bfloat16"] + [
    f"float8_{kind}" for kind in ("e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz")
]


@pytest.mark.parametrize("name", FLOATS)
def test_every_bit_pattern_is_judged_as_another_library_does(name: str, tmp_path: Path) -> None:
    kind = numpy.dtype(getattr(ml_dtypes, name, name))
    if kind.itemsize <= 2:
        patterns = numpy.arange(256**kind.itemsize).astype(f"u{kind.itemsize}").view(kind)
    else:
        facts = numpy.finfo(kind)
        special = [0.0, -0.0, 1.0, numpy.inf, -numpy.inf, numpy.nan, facts.max, facts.smallest_subnormal]
        patterns = numpy.array(special, dtype=kind)
    with numpy.errstate(invalid="ignore"):
        is_finite = numpy.isfinite(patterns)
    good, wrong = patterns[is_finite], patterns[~is_finite]
    told = {"float8_e4m3fn": "F8_E4M3"}.get(name, name.upper().replace("BFLOAT", "BF").replace("FLOAT", "F"))

    def check(values: numpy.ndarray) -> None:
        facts = {"dtype": told, "shape": [len(values)], "data_offsets": [0, values.nbytes]}
        check_tensors(tensors_file(tmp_path, {"t": facts}, values.tobytes()), "w", HEADER)

    check(good)
    assert len(wrong) > 0
    for each in wrong if len(wrong) < 9 else wrong[[0, 1, -2, -1]]:
        values = good.copy()
        values[len(values) // 2] = each
        with pytest.raises(Invalid, match=f"'t' holds a value that is NaN or infinite .at place {len(values) // 2:,}"):
            check(values)


def test_numbers_are_read_in_constant_memory_to_the_last_one(tmp_path: Path) -> None:
    numbers = numpy.zeros(10 * 1024 * 1024, dtype=numpy.float32)
    numbers[-1] = numpy.nan
    path = tmp_path / "model.safetensors"
    path.write_bytes(save({"a": numbers}))
    tracemalloc.start()
    with pytest.raises(Invalid, match="at place 10,485,759"):
        check_tensors(path, "w", HEADER)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < numbers.nbytes * 0.75  # blocks of 8 MiB and what is computed of them


def test_networks_are_whole_and_valid(tmp_path: Path) -> None:
    def refused(message: str, change: Callable[[onnx.ModelProto], None]) -> None:
        model = onnx.ModelProto.FromString(folders.network())
        change(model)
        files = folders.contents()
        files["onnx/model.onnx"] = model.SerializeToString()
        files["onnx/preprocess.json"] = b"{}"
        with pytest.raises(Invalid, match=message):
            check_folder(folders.write(tmp_path, folders.with_checksums(files)))

    def outside(tensor: onnx.TensorProto) -> None:
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="../../etc/passwd")

    def hidden(model: onnx.ModelProto) -> None:
        constant = helper.make_node("Constant", [], ["c"], value=helper.make_tensor("deep", 1, [1], [1.0]))
        outside(constant.attribute[0].t)
        branch = helper.make_graph([constant], "then", [], [helper.make_tensor_value_info("c", 1, [1])])
        model.graph.node.append(helper.make_node("If", ["image"], ["x"], then_branch=branch, else_branch=branch))

    refused("weights 'one' in another file", lambda model: outside(model.graph.initializer[0]))
    refused("weights 'deep' in another file", hidden)
    refused("breaks the rules of ONNX", lambda model: model.graph.node[0].ClearField("op_type"))
    refused("breaks the rules of ONNX", lambda model: model.Clear())
    files = folders.contents()
    files["onnx/model.onnx"] = b"\xff\xff\xffno graph"
    files["onnx/preprocess.json"] = b"{}"
    with pytest.raises(Invalid, match="not an ONNX file"):
        check_folder(folders.write(tmp_path, folders.with_checksums(files)))


def test_preprocessing_of_another_network_is_refused(tmp_path: Path) -> None:
    files = folders.contents()
    files["onnx/preprocess.json"] = json.dumps({"model": {"sha256": "0" * 64}}).encode()
    with pytest.raises(Invalid, match="another network"):
        check_folder(folders.write(tmp_path, folders.with_checksums(files)))


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.one_of(st.none(), st.integers(-9, 2**64), st.text(max_size=6), st.sampled_from(["F32", "BF16", "F4"])),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3),
                st.dictionaries(st.sampled_from(["a", "dtype", "shape", "data_offsets", "__metadata__"]), inner),
            ),
        ).map(lambda value: json.dumps(value).encode()),
    ),
    st.binary(max_size=16),
)
def test_no_header_breaks_the_check(header: bytes, data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = tensors_file(Path(folder), header, data)
        try:
            check_tensors(path, "w", HEADER)
        except ExactError:
            return
        try:
            found = load(path.read_bytes())
        except (SafetensorError, KeyError, AttributeError):  # kinds that numpy does not know
            return
        assert all(numpy.isfinite(each).all() for each in found.values() if each.dtype.kind == "f")
