"""Servers that the tile benchmark compares: ``python -m benchmarks.tiles_servers KIND PORT SLIDE``.

``flask`` is written in the manner of the example that comes with openslide-python: its development server, DeepZoom
with tiles of 254 pixels and an overlap of 1, JPEG of quality 75. ``large_image`` serves its TIFF source as it comes.
"""

from __future__ import annotations

import io
import sys


def serve_flask(port: int, slide: str) -> None:
    """DeepZoom tiles from Flask's development server."""
    import flask
    import openslide
    from openslide.deepzoom import DeepZoomGenerator

    app = flask.Flask(__name__)
    tiles = DeepZoomGenerator(openslide.OpenSlide(slide), tile_size=254, overlap=1, limit_bounds=True)

    @app.route("/slide_files/<int:level>/<int:column>_<int:row>.jpeg")
    def tile(level: int, column: int, row: int) -> flask.Response:
        try:
            picture = tiles.get_tile(level, (column, row))
        except ValueError:
            flask.abort(404)
        buffer = io.BytesIO()
        picture.save(buffer, "jpeg", quality=75)
        response = flask.make_response(buffer.getvalue())
        response.mimetype = "image/jpeg"
        return response

    app.run("127.0.0.1", port, threaded=True)


def serve_large_image(port: int, slide: str) -> None:
    """Tiles of large_image's TIFF source with its defaults, from FastAPI on uvicorn."""
    import fastapi
    import large_image_source_tiff
    import uvicorn

    source = large_image_source_tiff.open(slide)
    app = fastapi.FastAPI()

    @app.get("/tile/{level}/{column}/{row}")
    def tile(level: int, column: int, row: int) -> fastapi.Response:
        return fastapi.Response(source.getTile(column, row, level), media_type="image/jpeg")

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    kinds = {"flask": serve_flask, "large_image": serve_large_image}
    kinds[sys.argv[1]](int(sys.argv[2]), sys.argv[3])
