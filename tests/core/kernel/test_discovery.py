"""Finding candidates among installed distributions, broken ones included."""

from __future__ import annotations

import shutil

from exact_sdk.fakedist import FakeDistributions

from exact_core.kernel.discovery import discover


def test_candidates_carry_their_distribution_and_are_sorted(fakes: FakeDistributions) -> None:
    fakes.add("zebra", version="3", requires=["exact-core>=1"])
    fakes.add("ant")
    found = discover([str(fakes.folder)])
    assert [(each.name, each.value) for each in found] == [
        ("ant", "exact_ant.plugin"),
        ("zebra", "exact_zebra.plugin"),
    ]
    assert (found[1].distribution, found[1].version, found[1].requires) == ("exact-zebra", "3", ("exact-core>=1",))


def test_broken_metadata_is_left_out_and_stops_nobody(fakes: FakeDistributions) -> None:
    fakes.add("good")
    fakes.add("torn")
    info = next(fakes.folder.glob("exact_torn-*"))
    (info / "entry_points.txt").write_bytes(b"[exact.plugins]\nno equals sign here\n\xff\xfe")
    fakes.add("nameless")
    shutil.rmtree(next(fakes.folder.glob("exact_nameless-*")))
    (fakes.folder / "exact_nameless-1.0.dist-info").mkdir()
    assert [each.name for each in discover([str(fakes.folder)])] == ["good"]


def test_the_first_of_two_versions_on_the_path_hides_the_second(fakes: FakeDistributions, tmp_path) -> None:
    fakes.add("good", version="1")
    with FakeDistributions(tmp_path / "other") as others:
        others.add("good", version="2")
        found = discover([str(others.folder), str(fakes.folder)])
    assert [each.version for each in found] == ["2"]
