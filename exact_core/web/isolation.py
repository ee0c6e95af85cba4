"""What lets models run in the browser with several threads: pages and workers that share memory with nobody else.

Browsers give shared memory, which threads of WebAssembly need, only to pages that take in nothing of other origins
without its consent. EXACT's pages take in nothing of other origins at all, so the demand costs nothing.
"""

from __future__ import annotations

from pathlib import PurePosixPath

ISOLATED = {"Cross-Origin-Embedder-Policy": "require-corp"}
"""Of a page that shall be isolated (it has ``Cross-Origin-Opener-Policy`` already), and of each of its workers."""

_SCRIPTS = frozenset({".js", ".mjs"})
_MODEL_SCRIPTS = ("inference/", "vendor/onnxruntime-web/")
_MODEL_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "connect-src 'self'",
        "worker-src 'self'",
        "frame-ancestors 'none'",
    )
)


def script_headers(path: str) -> dict[str, str]:
    """Headers of a static file that may be the script of a worker.

    A worker has the policy of its own script's answer and not that of the page. That of models compiles WebAssembly,
    fetches from here and starts threads; all others may do nothing but compute.

    Args:
        path: Of the file, below the static folder.
    """
    if PurePosixPath(path).suffix.lower() not in _SCRIPTS:
        return {}
    return ISOLATED | ({"Content-Security-Policy": _MODEL_POLICY} if path.startswith(_MODEL_SCRIPTS) else {})
