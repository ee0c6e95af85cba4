"""Which parts of recordings are wanted, as Raven, CSV files and nobody say it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from exact_media.layout import GAP, HEIGHT, PITCH, lay_out
from exact_media.segments import UNNAMED, Found, Segment, pieces, read_folder
from hypothesis import given, settings
from hypothesis import strategies as st

RAVEN = """Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tAnnotation
1\tWaveform 1\t1\t0.5\t1.25\t0\t22050\tN4
1\tSpectrogram 1\t1\t0.5\t1.25\t500\t8000\tN4
2\tSpectrogram 1\t1\t3,5\t4\t500\t8000\t
3\tSpectrogram 1\t1\t9\t8\t500\t8000\tN1
"""
ACROSS = """Selection\tBegin Time (s)\tEnd Time (s)\tBegin File\tFile Offset (s)\tTags
1\t3601.0\t3602.5\tb.wav\t1.0\tS1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    for name in ("a.wav", "deep/B.WAV", "notes.md", ".hidden.wav"):
        (tmp_path / name).touch()
    return tmp_path


def wanted(found: Found) -> list[tuple[str, float, float, str]]:
    return [(each.recording.name, each.start, each.end, each.label) for each in found.segments]


def test_a_table_of_raven_names_selections_once_and_a_bad_one_by_its_line(folder: Path):
    (folder / "a.Table.1.selections.txt").write_text(RAVEN)
    found = read_folder(folder)
    assert wanted(found) == [("a.wav", 0.5, 1.25, "N4"), ("a.wav", 3.5, 4.0, UNNAMED)]
    assert found.refused == ["a.Table.1.selections.txt, line 5: it ends before it begins"]
    assert found.recordings == 2


def test_a_table_over_several_recordings_gives_places_in_each(folder: Path):
    (folder / "all.txt").write_text(ACROSS)
    assert wanted(read_folder(folder)) == [("B.WAV", 1.0, 2.5, "S1")]


def test_csv_files_may_say_where_it_ends_or_how_long_it_is(folder: Path):
    calls = ("file,start,end,label", "a.wav,1,2, killer  whale ", "/data/x/b.wav,0,1,", "c.wav,0,1,x")
    more = ("wav_filename\tstart_time_s\tduration_s\tcall", "b.wav\t2\t0.5\tS2", "a.wav\t-1\t1\tS2")
    (folder / "calls.csv").write_text("\n".join(calls))
    (folder / "deep" / "more.tsv").write_text("\n".join(more))
    (folder / "semi.csv").write_text("file;start;end;label\na.wav;0,5;nan;x\na.wav;0;500;x\na.wav;;1;x\n")
    (folder / "other.csv").write_text("name,colour\nx,red\n")
    found = read_folder(folder)
    assert wanted(found) == [
        ("a.wav", 1.0, 2.0, "killer whale"),
        ("B.WAV", 0.0, 1.0, UNNAMED),
        ("B.WAV", 2.0, 2.5, "S2"),
    ]
    assert found.refused == [
        "calls.csv, line 4: there is no recording named c.wav",
        "semi.csv, line 2: its end is nan, not a number of seconds",
        "semi.csv, line 3: it is longer than 120 seconds",
        "semi.csv, line 4: its start is missing, not a number of seconds",
        "more.tsv, line 3: it begins before the recording",
    ]


def test_without_a_table_whole_recordings_are_cut_into_equal_pieces(folder: Path):
    found = read_folder(folder)
    assert [each.recording.name for each in found.segments] == ["a.wav", "B.WAV"]
    cut = pieces(found.segments[0], 25.0)
    assert [each.seconds for each in cut] == pytest.approx([25 / 3] * 3)
    assert cut[-1].end == pytest.approx(25.0)
    assert len(pieces(found.segments[0], 0.2)) == 1
    known = Segment(folder / "a.wav", 1.0, 2.0, "x", "line 1")
    assert pieces(known, 25.0) == [known]


@settings(max_examples=50)
@given(st.text(max_size=300))
def test_no_text_breaks_the_reading_of_tables(text: str):
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.wav").touch()
        (folder / "a.txt").write_text("Begin Time (s)\tEnd Time (s)\tAnnotation\n" + text, "utf-8", "surrogatepass")
        for each in read_folder(folder).segments:
            assert 0 <= each.start < each.end < math.inf
            assert each.label


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=80))
def test_no_two_spectrograms_of_a_map_touch_and_none_leaves_it(widths: list[int]):
    layout = lay_out(widths)
    assert layout.width % PITCH == 0
    ends: dict[int, int] = {}
    for width, cell in zip(widths, layout.cells, strict=True):
        assert cell.width == width
        assert cell.x >= ends.get(cell.row, 0) + GAP
        ends[cell.row] = cell.x + width
        assert ends[cell.row] + GAP <= layout.width
        assert cell.row * PITCH < cell.y
        assert cell.y + HEIGHT <= (cell.row + 1) * PITCH
    assert set(ends) == set(range(layout.rows))


def test_nothing_cannot_be_laid_out():
    with pytest.raises(ValueError, match="nothing"):
        lay_out([])
