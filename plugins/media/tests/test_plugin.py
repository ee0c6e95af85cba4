"""The plugin inside a running EXACT: what it refuses, converts, and makes of a folder."""

from __future__ import annotations

import shutil
import stat
import sys
import wave
from io import BytesIO
from pathlib import Path

import anyio
import numpy as np
import pytest
import soundfile
from exact_media import transcoding
from exact_media.kinds import TYPES
from exact_media.settings import MediaSettings
from exact_media.store import MediaStore, receive
from starlette.requests import ClientDisconnect

from exact_core.api import Invalid

PLUGINS = ["media"]


def sound(seconds: float = 1.0, rate: int = 8000, form: str = "WAV") -> bytes:
    file = BytesIO()
    soundfile.write(file, np.sin(np.arange(int(seconds * rate)) / 3) * 0.5, rate, format=form)
    return file.getvalue()


@pytest.fixture
def image(app, image_set):
    return app.image(image_set)


@pytest.fixture
def attach(client, app, image_set, image):
    def send(content, name="a.wav", **query):
        address = f"{app.routes('media', image_set)}/images/{image}/media"
        return client.post(address, params={"name": name, **query}, content=content)

    return send


def test_bad_files_are_refused_with_the_reason_and_leave_nothing(app, attach, settings_for, image_set):
    empty = BytesIO()
    with wave.open(empty, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
    refused = {
        "its length is zero": empty.getvalue(),
        "cannot be read as a MP3": b"ID3\x03\0\0\0\0\0\x0a" + b"<script>alert(1)</script>" * 50,
        "cannot be read as a PNG": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "is not a file that can be attached": b"<html><script>alert(1)</script></html>",
        "The file is empty": b"",
    }
    for reason, content in refused.items():
        answer = attach(content)
        assert answer.status_code == 422, reason
        assert reason in answer.json()["detail"]
    settings_for("media", image_set, max_megabytes=1)
    endless = (b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(100_000) for _ in range(1000))
    for too_large in (bytes(1_000_001), endless):
        answer = attach(too_large)
        assert answer.status_code == 413
        assert "larger than 1 megabytes" in answer.json()["detail"]
    left = [path for path in (app.services.settings.data_dir / "plugins" / "media").rglob("*") if path.is_file()]
    assert left == []


def test_an_upload_that_is_broken_off_leaves_nothing(tmp_path: Path):
    async def parts():
        yield sound()[:4000]
        raise ClientDisconnect

    store = MediaStore(tmp_path)
    with pytest.raises(Invalid, match="broken off"), store.incoming(10_000) as incoming:
        anyio.run(receive, incoming, parts())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_cut_off_mp3_plays_as_far_as_it_goes(attach):
    whole = sound(3.0, 22_050, "MP3")
    made = attach(whole[: len(whole) // 2], "cut.mp3").json()
    assert made["media_type"] == "audio/mpeg"
    assert 0 < made["duration"] <= 3.1
    assert made["remark"] == ""


def test_a_long_sound_is_drawn_from_its_outline(client, app, image_set, attach):
    quiet_then_loud = np.concatenate([np.full(8000, 0.1), np.full(8000, 0.9)])
    file = BytesIO()
    soundfile.write(file, quiet_then_loud, 8000, format="WAV")
    made = attach(file.getvalue()).json()
    address = f"{app.routes('media', image_set)}/media/{made['id']}/outline"
    peaks = client.get(address).json()["peaks"]
    assert len(peaks) == 2000
    assert peaks[500] == pytest.approx(0.1, abs=0.01)
    assert peaks[1500] == pytest.approx(0.9, abs=0.01)
    assert client.get(address).json()["peaks"] == peaks


def test_an_unknown_type_for_browsers_is_converted_where_ffmpeg_is_and_says_so_where_not(
    client, app, image_set, attach, tmp_path: Path, monkeypatch
):
    from exact_core.jobs.runner import JobRunner

    monkeypatch.setenv("PATH", str(tmp_path))
    made = attach(sound(1.0, 8000, "AIFF"), "a.aiff").json()
    base = f"{app.routes('media', image_set)}/media/{made['id']}"
    assert made["conversion"] == "needed"
    refused = client.post(f"{base}/conversion")
    assert refused.status_code == 422
    assert "ffmpeg is not installed" in refused.json()["detail"]

    # A program of that name that does what it is asked to, as far as a test needs it.
    ffmpeg = tmp_path / "ffmpeg"
    ffmpeg.write_text(
        f"#!{sys.executable}\nimport sys, soundfile\n"
        "source, target = sys.argv[sys.argv.index('-i') + 1], sys.argv[-1]\n"
        "soundfile.write(target, *soundfile.read(source), format='FLAC')\n"
    )
    ffmpeg.chmod(ffmpeg.stat().st_mode | stat.S_IXUSR)
    job = client.post(f"{base}/conversion").json()["job_id"]
    JobRunner(app.services).run_waiting()
    assert client.get(f"/api/v2/jobs/{job}").json()["state"] == "done", client.get(f"/api/v2/jobs/{job}").text
    assert client.get(base).json()["conversion"] == "ready"
    playable = client.get(f"{base}/content", params={"playable": "true"})
    assert playable.headers["content-type"] == "audio/flac"
    assert client.get(f"{base}/content").headers["content-type"] == "audio/aiff"
    assert client.delete(base).status_code == 204
    left = list((app.services.settings.data_dir / "plugins" / "media" / "files").glob("*/*"))
    assert left == [], "the converted form goes with what it was made of"


def test_ffmpeg_reads_files_only_and_writes_no_tags():
    call = transcoding.command("/usr/bin/ffmpeg", Path("/in"), Path("/out"), TYPES["video/mp4"])
    assert call[call.index("-protocol_whitelist") + 1] == "file"
    assert call[call.index("-map_metadata") + 1] == "-1"
    assert (call[0], call[-1]) == ("/usr/bin/ffmpeg", "/out")
    assert "-nostdin" in call
    flac = transcoding.command("ffmpeg", Path("/in"), Path("/out"), TYPES["audio/flac"])
    assert flac[flac.index("-c:a") + 1] == "flac"
    assert "-vn" in flac


def test_a_folder_becomes_a_map_once_and_only_for_administrators(client, app, image_set, tmp_path: Path):
    from exact_core.jobs.runner import JobRunner

    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "a.wav").write_bytes(sound(2.0, 16_000))
    (folder / "calls.csv").write_text("file,start,end,label\na.wav,0,0.5,N4\na.wav,1,9,N4\na.wav,5,6,N4\n")
    address = f"{app.routes('media', image_set)}/maps"
    manager = app.as_user("manager", image_set)
    assert manager.post(address, json={"folder": str(folder)}).status_code == 403

    def made():
        job = client.post(address, json={"folder": str(folder), "name": "Calls"}).json()["job_id"]
        JobRunner(app.services).run_waiting()
        return client.get(f"/api/v2/jobs/{job}").json()

    done = made()
    assert done["state"] == "done", done
    assert (done["result"]["segments"], done["result"]["recordings"]) == (2, 1)
    assert done["result"]["reasons"] == ["calls.csv, line 4: it begins after the end of a.wav"]
    image = done["result"]["image_id"]
    drawn = client.get(f"/api/v2/images/{image}/annotations").json()["items"]
    assert [each["type"]["name"] for each in drawn] == ["N4", "N4"] if "type" in drawn[0] else len(drawn) == 2
    listed = client.get(f"{app.routes('media', image_set)}/images/{image}/media").json()
    assert sorted(listed["annotations"]) == sorted(each["id"] for each in drawn)
    for each in listed["annotations"]:
        [item] = client.get(f"{app.routes('media', image_set)}/images/{image}/annotations/{each}/media").json()
        assert item["media_type"] == "audio/flac"
        assert item["duration"] in (pytest.approx(0.5), pytest.approx(1.0))
        assert item["name"].startswith("a ")
    again = made()
    assert again["state"] == "failed"
    assert "has this very map already" in again["message"]
    shutil.rmtree(folder)
    assert "no folder" in made()["message"]
    work = app.services.settings.data_dir / "plugins" / "media" / "temporary"
    assert list(work.iterdir()) == []


def test_settings_have_bounds():
    assert MediaSettings().max_bytes == 1_000_000_000
    with pytest.raises(ValueError, match="max_megabytes"):
        MediaSettings(max_megabytes=0)
