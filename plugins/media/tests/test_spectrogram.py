"""Spectrograms: a tone is where its frequency is, and the file is a pyramid of what was drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from exact_media import map_file
from exact_media.spectrogram import colors, levels


def tone(hertz: float, rate: int, seconds: float = 1.0) -> np.ndarray:
    return np.sin(np.arange(int(rate * seconds)) * (2 * np.pi * hertz / rate)).astype(np.float32)


@pytest.mark.parametrize(("hertz", "rate"), [(3000, 22_050), (1000, 8000), (60_000, 192_000)])
def test_a_tone_is_a_line_at_its_frequency(hertz: int, rate: int):
    picture = levels(tone(hertz, rate), rate, 200, 240, max_hz=rate / 2, range_db=60)
    assert picture.shape == (240, 200)
    brightest = picture[:, 20:-20].mean(axis=1).argmax()
    assert 240 - brightest == pytest.approx(hertz / (rate / 2) * 240, abs=3)
    assert picture.max() == 255


def test_time_runs_to_the_right_and_high_frequencies_of_a_low_rate_stay_dark():
    sound = np.concatenate([np.zeros(8000, np.float32), tone(1000, 8000)])
    picture = levels(sound, 8000, 100, 240, max_hz=22_050, range_db=60)
    assert picture[:, :45].max() < 60
    assert picture[:, 60:].max() == 255
    assert picture[: 240 - int(240 * 4000 / 22_050) - 2].max() == 0


@pytest.mark.parametrize("length", [0, 1, 3, 300])
def test_silence_and_very_short_sounds_are_drawn_too(length: int):
    assert levels(np.zeros(length, np.float32), 44_100, 8, 240, max_hz=22_050, range_db=70).max() == 0
    assert levels(np.ones(length, np.float32), 44_100, 8, 240, max_hz=22_050, range_db=70).shape == (240, 8)


def test_colours_rise_in_lightness():
    light = colors().astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(light) > -0.6).all()
    assert light[-1] - light[0] > 200


def test_a_map_is_a_pyramid_written_row_by_row(tmp_path: Path):
    rows = [np.full((256, 1024, 3), value, np.uint8) for value in (20, 120, 220)]
    target = tmp_path / "map.tif"
    map_file.write(target, iter(rows), 1024, 768)
    with tifffile.TiffFile(target) as file:
        sizes = [page.shape[:2] for page in file.pages]
        assert sizes[0] == (768, 1024)
        assert sizes[1] == (384, 512)
        assert all(page.is_tiled for page in file.pages)
        pixels = file.pages[0].asarray()
    assert [round(float(pixels[y].mean())) for y in (100, 300, 700)] == pytest.approx([20, 120, 220], abs=3)
    assert [path.name for path in tmp_path.iterdir()] == ["map.tif"]
