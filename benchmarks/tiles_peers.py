"""Starting the tile servers of the benchmark: EXACT with a real instance, and peers where they are installed."""

from __future__ import annotations

import math
import os
import random
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import openslide

from benchmarks.tiles_load import Server, free_port

_REPOSITORY = Path(__file__).resolve().parent.parent
_IIPSRV = (Path("/usr/lib/iipimage-server/iipsrv.fcgi"), Path("/usr/lib/cgi-bin/iipsrv.fcgi"))
_TILE = 256
_PLACES = 3000
_NGINX = """
{user}daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off; sendfile on; keepalive_requests 1000000000; types {{ image/jpeg jpg; }}
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port}; {location} }}
}}
"""


class NotInstalled(Exception):
    """A peer cannot take part; the message says what is missing."""


def places(slide: Path, tile: int = _TILE) -> list[tuple[int, int, int]]:
    """Random tiles (level, column, row), half of them at full size."""
    generator = random.Random(3)
    with openslide.OpenSlide(slide) as opened:
        sizes = [size for size in opened.level_dimensions if min(size) >= tile]
    chosen = []
    for number in range(_PLACES):
        level = 0 if number % 2 else generator.randrange(len(sizes))
        width, height = sizes[level]
        chosen.append((level, generator.randrange(width // tile), generator.randrange(height // tile)))
    return chosen


def start_exact(folder: Path, slide: Path) -> Server:
    """A real instance with a user, a session, an image set and the slide in it, and one web process of it."""
    data = folder / "data"
    image_id, cookie = _make_instance(data, slide)
    paths = [f"/api/v2/images/{image_id}/tiles/0.0.rgb/{level}/{c}_{r}" for level, c, r in places(slide)]
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = listening.getsockname()[1]
    with listening:
        process = subprocess.Popen(
            [sys.executable, "-m", "exact_core.jobs.web_process", str(listening.fileno()), str(os.getpid())],
            pass_fds=[listening.fileno()],
            env={**os.environ, "EXACT_DATA_DIR": str(data)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    return Server("exact", port, [process], paths, {"Cookie": f"exact_session={cookie}"})


def start_flask(_folder: Path, slide: Path) -> Server:
    """The example of openslide-python."""
    try:
        import flask
    except ImportError as error:
        raise NotInstalled("needs flask: pip install flask") from error
    assert flask
    with openslide.OpenSlide(slide) as opened:
        deepest = math.ceil(math.log2(max(opened.dimensions)))
    generator = random.Random(4)
    paths = []
    for level, column, row in places(slide):
        shift = generator.randrange(2) if column else 0
        paths.append(f"/slide_files/{deepest - level}/{max(0, column - shift)}_{row}.jpeg")
    return _python("flask", slide, paths)


def start_large_image(_folder: Path, slide: Path) -> Server:
    """large_image's TIFF source."""
    try:
        import large_image_source_tiff
    except ImportError as error:
        raise NotInstalled("needs large-image-source-tiff: pip install large-image-source-tiff") from error
    deepest = large_image_source_tiff.open(str(slide)).levels - 1
    paths = [f"/tile/{deepest - level}/{column}/{row}" for level, column, row in places(slide)]
    return _python("large_image", slide, paths)


def start_nginx(folder: Path, slide: Path) -> Server:
    """Tiles cut beforehand, as files: what HTTP costs at least."""
    _require("nginx", "nginx-light")
    root = folder / "static"
    root.mkdir()
    paths = []
    from exact_core.tiles.tile_index import TileIndex

    index = TileIndex(folder / "slide.index")
    descriptor = os.open(slide, os.O_RDONLY)
    for number, (level, column, row) in enumerate(places(slide)):
        data = index.levels[level].read(descriptor, 0, column, row)
        assert data is not None
        (root / f"{number}.jpg").write_bytes(data)
        paths.append(f"/{number}.jpg")
    os.close(descriptor)
    port = free_port()
    return Server("nginx", port, [_nginx(folder / "nginx-static", port, f"root {root};")], paths)


def start_iipsrv(folder: Path, slide: Path) -> Server:
    """iipsrv behind nginx, without its cache of tiles."""
    _require("nginx", "nginx-light")
    _require("spawn-fcgi", "spawn-fcgi")
    program = next((each for each in _IIPSRV if each.exists()), None)
    if program is None:
        raise NotInstalled("needs iipsrv: apt-get install iipimage-server")
    port, behind = free_port(), free_port()
    environment = {
        **os.environ,
        "FILESYSTEM_PREFIX": f"{slide.parent}/",
        "MAX_IMAGE_CACHE_SIZE": "0",
        "LOGFILE": str(folder / "iipsrv.log"),
        "VERBOSITY": "0",
    }
    command = ["spawn-fcgi", "-n", "-a", "127.0.0.1", "-p", str(behind), "-F", "2", "--", str(program)]
    backend = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    location = (
        f"location / {{ fastcgi_pass 127.0.0.1:{behind}; fastcgi_keep_conn on; "
        "fastcgi_param QUERY_STRING $query_string; fastcgi_param REQUEST_METHOD GET; "
        "fastcgi_param REQUEST_URI $request_uri; }"
    )
    with openslide.OpenSlide(slide) as opened:
        levels = opened.level_count
        across = [-(-width // _TILE) for width, _ in opened.level_dimensions]
    paths = [
        f"/?FIF={slide.name}&JTL={levels - 1 - level},{row * across[level] + column}"
        for level, column, row in places(slide)
    ]
    return Server("iipsrv", port, [_nginx(folder / "nginx-iip", port, location), backend], paths)


PEERS = {"flask": start_flask, "iipsrv": start_iipsrv, "large_image": start_large_image, "nginx": start_nginx}


def _require(program: str, package: str) -> None:
    if shutil.which(program) is None:
        raise NotInstalled(f"needs {program}: apt-get install {package}")


def _nginx(folder: Path, port: int, location: str) -> subprocess.Popen[bytes]:
    folder.mkdir()
    user = "user root; " if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(_NGINX.format(user=user, folder=folder, port=port, location=location))
    command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _python(kind: str, slide: Path, paths: list[str]) -> Server:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.tiles_servers", kind, str(port), str(slide)]
    process = subprocess.Popen(
        command,
        cwd=_REPOSITORY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return Server(kind, port, [process], paths)


def _make_instance(data: Path, slide: Path) -> tuple[int, str]:
    """Make the data folder; return the image and the value of a session cookie."""
    from exact_core.auth.credentials import open_session
    from exact_core.settings import Settings
    from exact_core.storage import migrate
    from exact_core.storage.database import Database
    from exact_core.storage.models import Image, ImageSet, ImageSetMember, Team, User
    from exact_core.tiles.probe import probe_file

    settings = Settings(data_dir=data)
    data.mkdir(parents=True, exist_ok=True)
    report = probe_file(slide, settings)
    assert not report.unreadable, report.unreadable
    (data / "slide.index").write_bytes(report.tile_index)
    (data.parent / "slide.index").write_bytes(report.tile_index)
    database = Database(settings.effective_database_url)
    migrate.upgrade(database)
    with database.write() as session:
        user = User(name="viewer", folded_name="viewer", display_name="Viewer")
        team = Team(name="lab", folded_name="lab")
        session.add_all([user, team])
        session.flush()
        image_set = ImageSet(team_id=team.id, name="slides")
        session.add(image_set)
        session.flush()
        session.add(ImageSetMember(image_set_id=image_set.id, user_id=user.id, role="viewer"))
        image = Image(
            image_set_id=image_set.id,
            name="slide",
            status="ready",
            file_path=str(slide),
            is_external=True,
            tile_index_path="slide.index",
            content_version="v1",
            source_driver=report.driver,
            width=report.width,
            height=report.height,
            frames=report.frames,
            levels=list(report.levels),
        )
        session.add(image)
        session.flush()
        cookie = open_session(session, user, settings.secret, days=1, user_agent="benchmark")
        number = image.id
    database.dispose()
    return number, cookie
