"""Functions of portable jobs, as a plugin would bring them; imported by the processes of jobs."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np


def add(context: Any) -> dict[str, object]:
    """Do a sum, and say so."""
    sys.stdout.write("printed\n")
    context.log("adding")
    context.report(0.5, "half way")
    return {"sum": context.params["amount"] + 1, "pid": os.getpid(), "modules": sorted(sys.modules)}


def fail(context: Any) -> None:
    """Fail by an error."""
    raise RuntimeError("a bug")


def refuse(context: Any) -> None:
    """Refuse to work with a reason for people."""
    from exact_core.api.errors import Invalid

    raise Invalid("amount: too much.")


def wait(context: Any) -> None:
    """Work for ever, and listen."""
    while True:
        context.report(0.25, "waiting")
        time.sleep(0.02)


def hang(context: Any) -> None:
    """Hang with a child that hangs in a session of its own."""
    program = [sys.executable, "-c", "import time; time.sleep(600)"]
    child = subprocess.Popen(program, start_new_session=True)
    context.log(f"child {child.pid}")
    context.report(0.1, "hangs")
    time.sleep(600)


def eat(context: Any) -> None:
    """Take all memory."""
    held = []
    while True:
        held.append(np.ones(4 * 1024 * 1024))


def eat_in_many(context: Any) -> None:
    """Take much memory in children that take little each."""
    program = "import numpy, time; held = numpy.ones(12 * 1024 * 1024); time.sleep(600)"
    for _ in range(6):
        subprocess.Popen([sys.executable, "-c", program])
    time.sleep(600)


def print_much(context: Any) -> dict[str, object]:
    """Print 20 MB."""
    for _ in range(200):
        sys.stdout.write("x" * 99 + "\n" + "y" * 99_999 + "\n")
    return {}


def die(context: Any) -> None:
    """Crash as a bad library does."""
    sys.stdout.write("about to crash\n")
    os.kill(os.getpid(), signal.SIGSEGV)


def leave(context: Any) -> None:
    """Leave without a word."""
    os._exit(7)


def connect(context: Any) -> dict[str, object]:
    """Try to reach the network, and a child's network."""
    try:
        socket.create_connection(("127.0.0.1", context.params["port"]), timeout=5).close()
    except OSError as error:
        program = f"import socket; socket.create_connection(('127.0.0.1', {context.params['port']}))"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
        return {"reached": done.returncode == 0, "why": type(error).__name__}
    return {"reached": True}


def _mean(reopen: Any) -> float:
    reader = reopen()
    try:
        return float(reader.read(0, 0, 64, 64).mean())
    finally:
        reader.close()


def read(context: Any) -> dict[str, object]:
    """Read pixels here, and in a process that prefetches."""
    with get_context("spawn").Pool(1) as pool:
        reader = context.open_image()
        elsewhere = pool.apply(_mean, (reader.reopen,))
    pixels = reader.read(-2, -2, 66, 66)
    reader.close()
    level = reader.source.levels[0]
    return {
        "here": float(pixels[2:, 2:].mean()),
        "elsewhere": elsewhere,
        "width": level.width,
        "kind": type(reader).__name__,
    }


def predict(context: Any) -> dict[str, object]:
    """Write predictions of every kind."""
    from exact_core.api import PredictedShapes, Shape

    model = context.model("m-1")
    with context.predictions(model=model) as out:
        boxes = np.arange(12, dtype=np.float64).reshape(3, 2, 2)
        out.add(PredictedShapes.of_rows(Shape.BOX, boxes, np.zeros(3, np.int32), np.full(3, 0.5)))
        with out.map("probability", width=8, height=4, downsample=16.0) as bands:
            bands.write(np.full((1, 8), 7, np.uint8))
            bands.write(np.full((3, 8), 9, np.uint8))
        out.label_image(0, 0.75)
        if context.params.get("fail"):
            raise RuntimeError("in the middle")
    return {"model": model.name, "labels": list(model.labels)}


def count(context: Any) -> dict[str, object]:
    """Count until the file ``params.go`` is there, and say which process counts."""
    context.log(f"counts in {os.getpid()}")
    number = 0
    while not Path(context.params["go"]).exists():
        number += 1
        context.report(0.5, f"counting in {os.getppid()}")
        time.sleep(0.02)
    return {"counted": number > 0, "worker": os.getppid()}


def digest(context: Any) -> dict[str, object]:
    """Digest parts of an image."""
    reader = context.open_image()
    told = {}
    for x, y, width, height, level in context.params["windows"]:
        pixels = reader.read(x, y, width, height, level)
        told[f"{x},{y},{level}"] = sha256(np.ascontiguousarray(pixels).data).hexdigest()
    kind = type(reader).__name__
    reader.close()
    return {"digests": told, "kind": kind}


def learn(context: Any) -> dict[str, object]:
    """Take a model, and keep another one that is nearly the same."""
    model = context.model(context.params["model"])
    told = {path.name: path.stat().st_size for path in model.folder.rglob("*") if path.is_file()}
    mine = Path("learned")
    shutil.copytree(model.folder, mine)
    (mine / "card.md").write_text("# Learned far away")
    names = [path.relative_to(mine).as_posix() for path in mine.rglob("*") if path.is_file()]
    lines = [(sha256((mine / name).read_bytes()).hexdigest(), name) for name in sorted(names) if name != "SHA256SUMS"]
    (mine / "SHA256SUMS").write_text("".join(f"{digest}  {name}\n" for digest, name in lines))
    kept = context.save_model(mine, name="learned", kind=model.kind)
    return {"files": told, "kept": kept.uuid, "folder": str(model.folder)}
