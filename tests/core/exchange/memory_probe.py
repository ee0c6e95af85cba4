"""Imports and exports a GeoJSON file in a process of its own, and says how much memory that took at most.

``python -m tests.core.exchange.memory_probe FOLDER COUNT`` prints a JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from exact_core.api.context import Actor
from exact_core.exchange.document import Report
from exact_core.exchange.exporting import Wanted, open_document, write_export
from exact_core.exchange.importing import import_file
from exact_core.exchange.planning import Options, Target
from exact_core.exchange.registry import all_built_in, built_in
from exact_core.opening import close_services, open_services
from exact_core.settings import Settings
from exact_core.storage import migrate
from exact_core.storage.database import Database
from exact_core.storage.models import AnnotationType, Image, ImageSet, ImageSetProduct, Product, Team

SIDE = 100_000


def write_file(path: Path, count: int) -> None:
    """Polygons of 4 to 20 vertices, as QuPath writes them, line by line."""
    with path.open("w") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for number, ring in enumerate(rings(count)):
            feature = {
                "type": "Feature",
                "id": f"00000000-0000-4000-8000-{number:012x}",
                "geometry": {"type": "Polygon", "coordinates": [ring]},
                "properties": {"objectType": "annotation", "classification": {"name": "Cell"}},
            }
            file.write(("," if number else "") + "\n" + json.dumps(feature))
        file.write("\n]}\n")


def rings(count: int) -> Iterator[list[list[float]]]:
    """Closed rings in rows; every one another."""
    side = int(count**0.5) + 1
    step = SIDE / (side + 1)
    for number in range(count):
        x, y = (number % side + 0.5) * step, (number // side + 0.5) * step
        corners = 4 + number % 17
        ring = [
            [round(x + step * 0.3 * place / corners, 2), round(y + step * 0.3 * (place / corners) ** 2, 2)]
            for place in range(corners)
        ]
        ring.append([round(x, 2), round(y + step * 0.35, 2)])
        yield [*ring, ring[0]]


def furnished(database: Database) -> int:
    """An image set with one large image; its number."""
    with database.write() as session:
        team = Team(name="Lab", folded_name="lab")
        session.add(team)
        session.flush()
        image_set, product = ImageSet(team_id=team.id, name="Set"), Product(team_id=team.id, name="Product")
        session.add_all([image_set, product])
        session.flush()
        session.add_all(
            [
                AnnotationType(product_id=product.id, name="Cell", shapes=["polygon", "box"]),
                ImageSetProduct(image_set_id=image_set.id, product_id=product.id),
                Image(image_set_id=image_set.id, name="slide", status="ready", width=SIDE, height=SIDE, file_path="a"),
            ]
        )
        return image_set.id


def peak_mib() -> float:
    """The most memory of this process so far; not ``ru_maxrss``, which begins with that of the process before it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main(folder: Path, count: int) -> dict[str, float]:
    """Import, then export; seconds and the peak of each."""
    settings = Settings(data_dir=folder / "data", secret_key="k" * 40, safe_mode=True)
    settings.data_dir.mkdir(parents=True)
    database = Database(settings.effective_database_url)
    migrate.upgrade(database)
    image_set_id = furnished(database)
    database.dispose()
    source = folder / "shapes.geojson"
    write_file(source, count)
    services = open_services(settings, candidates=[])
    actor = Actor.system()
    base = peak_mib()
    began, computing = time.perf_counter(), time.process_time()
    target = Target(services.database, services.kernel.hooks, actor, image_set_id, file_name="shapes.geojson")
    with source.open("rb") as stream:
        _, stored = import_file(target, stream, Options(), list(all_built_in()), folder=folder)
    imported, import_cpu, import_peak = time.perf_counter() - began, time.process_time() - computing, peak_mib()
    began, computing = time.perf_counter(), time.process_time()
    document = open_document(services.database, actor, Wanted(image_set_id))
    with (folder / "out.geojson").open("wb") as out:
        write_export(document, built_in("geojson"), out, Report())
    exported, export_cpu = time.perf_counter() - began, time.process_time() - computing
    close_services(services)
    return {
        "added": stored.added,
        "file_mb": source.stat().st_size / 1e6,
        "exported_mb": (folder / "out.geojson").stat().st_size / 1e6,
        "base_mib": base,
        "import_seconds": imported,
        "import_cpu_seconds": import_cpu,
        "import_peak_mib": import_peak,
        "export_seconds": exported,
        "export_cpu_seconds": export_cpu,
        "peak_mib": peak_mib(),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))) + "\n")
