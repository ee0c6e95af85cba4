"""One web process: ``python -m exact_core.jobs.web_process DESCRIPTOR PARENT``; the parent holds the socket."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time

import uvicorn

_SECONDS_BETWEEN_LOOKS = 1.0


def main() -> None:
    """Serve the application on an inherited socket until SIGTERM, or until the parent is gone."""
    from exact_core.app import create_app
    from exact_core.settings import Settings
    from exact_core.tiles.protocol import tile_protocol

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    descriptor, parent = int(sys.argv[1]), int(sys.argv[2])
    settings = Settings()
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        http=tile_protocol(app.ready_tile),
        access_log=False,  # addresses can hold what people search for
        log_config=None,
        server_header=False,
        proxy_headers=settings.behind_https,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=8,
        h11_max_incomplete_event_size=64 * 1024,
    )
    server = uvicorn.Server(config)
    threading.Thread(target=_end_with, args=(parent, server), daemon=True).start()
    server.run(sockets=[socket.socket(fileno=descriptor)])


def _end_with(parent: int, server: uvicorn.Server) -> None:
    while os.getppid() == parent:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    server.should_exit = True


if __name__ == "__main__":
    main()
