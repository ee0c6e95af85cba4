"""Static files of the core and of plugins, under an address that names their content.

The digest stands in the path and not in the query, because ``import './other.js'`` keeps the path of the module that
says it. A tree is read once, so what is served under a digest is what the digest was made of; only listed files can
be asked for, so no address can leave the folder.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from fastapi import APIRouter, Request
from starlette.responses import Response

from exact_core.api.errors import NotFound
from exact_core.web.isolation import script_headers

DEV = "dev"
"""The digest of trees that are read again at each request, for people who are editing them."""

TEXT = "text/plain; charset=utf-8"
MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {
        ".js": "text/javascript; charset=utf-8",
        ".mjs": "text/javascript; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".json": "application/json",
        ".geojson": "application/geo+json",
        ".wasm": "application/wasm",
        ".onnx": "application/octet-stream",
        ".bin": "application/octet-stream",
        ".svg": "image/svg+xml",
        ".png": "image/png",
        ".jpg": "image/jpeg",
        ".jpeg": "image/jpeg",
        ".webp": "image/webp",
        ".avif": "image/avif",
        ".gif": "image/gif",
        ".ico": "image/x-icon",
        ".woff2": "font/woff2",
        ".txt": TEXT,
        ".md": TEXT,
    }
)
"""What may be served, and as what; nothing else leaves a static folder."""

_COMPRESSIBLE = frozenset({".js", ".mjs", ".css", ".json", ".geojson", ".svg", ".wasm", ".txt", ".md"})
_FOREVER = "public, max-age=31536000, immutable"
_HELD_BYTES = 4 * 1024 * 1024


class Asset:
    """One file, ready to be sent."""

    def __init__(self, path: str, read: Callable[[], bytes]) -> None:
        self._read = read
        self._suffix = PurePosixPath(path).suffix.lower()

    @cached_property
    def body(self) -> bytes:
        """Its bytes."""
        return self._read()

    @property
    def media_type(self) -> str:
        """What the file is served as."""
        return MEDIA_TYPES[self._suffix]

    @cached_property
    def compressed(self) -> bytes | None:
        """Text of some size, made smaller when first asked for; None where that gains little."""
        if self._suffix not in _COMPRESSIBLE or len(self.body) <= 1024:
            return None
        small = gzip.compress(self.body, 6, mtime=0)
        return small if len(small) < len(self.body) * 0.9 else None


class AssetTree:
    """One static folder under one digest."""

    def __init__(self, root: Path, url: str, *, extra: Mapping[str, bytes] | None = None, dev: bool = False) -> None:
        """Read a folder.

        Args:
            root: The folder; it may be missing, which is an empty tree.
            url: Address above the digest, such as ``/static``.
            extra: Files that exist in memory only, by path.
            dev: Read again at each request, under the digest ``dev``.
        """
        self._root = root
        self._extra = dict(extra or {})
        self._dev = dev
        files = {} if dev else {**dict(_files(root)), **self._extra}
        self.digest = DEV if dev else digest_of(files)
        self._assets = {path: self._asset(path, body) for path, body in files.items()}
        self.base = f"{url}/{self.digest}/"

    def url(self, path: str) -> str:
        """The address of a file; whether it exists is found when it is asked for."""
        return self.base + path

    def __contains__(self, path: str) -> bool:
        return self._find(path) is not None

    def respond(self, request: Request, digest: str, path: str) -> Response:
        """The answer to a request for a file; ``NotFound`` for other digests and unlisted files."""
        asset = self._find(path) if digest == self.digest else None
        if asset is None:
            raise NotFound(f"There is no file {path!r} under this address; reload the page if EXACT was updated.")
        headers = {"Cache-Control": "no-store" if self._dev else _FOREVER, "X-Content-Type-Options": "nosniff"}
        headers |= script_headers(path)
        body = asset.body
        if asset.compressed is not None:
            headers["Vary"] = "Accept-Encoding"
            if "gzip" in request.headers.get("accept-encoding", ""):
                headers["Content-Encoding"] = "gzip"
                body = asset.compressed
        if asset.media_type == "image/svg+xml":
            headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
        return Response(body, media_type=asset.media_type, headers=headers)

    def _asset(self, path: str, body: bytes) -> Asset:
        if len(body) <= _HELD_BYTES or path in self._extra:
            return Asset(path, lambda: body)
        digest = hashlib.sha256(body).digest()
        return Asset(path, lambda: _unchanged(self._root / path, digest))

    def _find(self, path: str) -> Asset | None:
        if not self._dev:
            return self._assets.get(path)
        for known, file in _paths(self._root):
            if known == path:
                return Asset(path, file.read_bytes)
        return Asset(path, lambda: self._extra[path]) if path in self._extra else None


def _unchanged(file: Path, digest: bytes) -> bytes:
    """A file that is read once somebody asks for it, such as the runtime of models, if it is as it was at the start."""
    body = file.read_bytes()
    if hashlib.sha256(body).digest() != digest:
        raise NotFound(f"The file {file.name!r} was changed while the server ran; restart the server.")
    return body


def digest_of(files: Mapping[str, bytes]) -> str:
    """12 hex digits over the sorted paths and bytes; lengths keep two different trees from reading the same."""
    total = hashlib.sha256()
    for path in sorted(files):
        name = path.encode()
        total.update(len(name).to_bytes(8, "big") + name + len(files[path]).to_bytes(8, "big") + files[path])
    return total.hexdigest()[:12]


def _paths(root: Path) -> Iterator[tuple[str, Path]]:
    """Servable files below a folder: allowed suffix, nothing hidden, no link that leads elsewhere."""
    home = root.resolve()
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if not name.startswith((".", "_"))]
        for name in names:
            file = Path(folder, name)
            if name.startswith((".", "_")) or file.suffix.lower() not in MEDIA_TYPES or not file.is_file():
                continue
            if not file.is_symlink() or file.resolve().is_relative_to(home):
                yield file.relative_to(root).as_posix(), file


def _files(root: Path) -> Iterator[tuple[str, bytes]]:
    for path, file in _paths(root):
        yield path, file.read_bytes()


class Assets:
    """The static trees of a running instance: the core's and each plugin's."""

    def __init__(self, core: AssetTree, plugins: Mapping[str, AssetTree]) -> None:
        self.core = core
        self.plugins = dict(plugins)

    def plugin(self, name: str) -> AssetTree:
        """The tree of a plugin; ``NotFound`` for one that has no static files."""
        tree = self.plugins.get(name)
        if tree is None:
            raise NotFound(f"The plugin {name!r} is not installed or has no static files.")
        return tree


router = APIRouter(include_in_schema=False)


@router.get("/static/{digest}/{path:path}")
def core_file(request: Request, digest: str, path: str) -> Response:
    """A static file of the core."""
    return _assets(request).core.respond(request, digest, path)


@router.get("/plugins/{name}/static/{digest}/{path:path}")
def plugin_file(request: Request, name: str, digest: str, path: str) -> Response:
    """A static file of a plugin."""
    return _assets(request).plugin(name).respond(request, digest, path)


def _assets(request: Request) -> Assets:
    assets = request.app.state.pages.assets
    assert isinstance(assets, Assets)
    return assets
