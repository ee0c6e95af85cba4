"""Load on a tile server, and the processor time that the server's processes spend on it."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CONNECTIONS = 6
_TICKS = os.sysconf("SC_CLK_TCK")
_LUA = """
local paths = {}
for line in io.lines(%r) do paths[#paths + 1] = line end
math.randomseed(os.time() + tonumber(tostring({}):match("0x(%%x+)"), 16) %% 100000)
request = function() return wrk.format("GET", paths[math.random(#paths)]) end
"""


@dataclass(slots=True)
class Server:
    """A running tile server: its processes, and the addresses of its tiles."""

    name: str
    port: int
    processes: list[subprocess.Popen[bytes]]
    paths: Sequence[str]
    headers: Mapping[str, str] = field(default_factory=dict)
    cpu_ms: list[float] = field(default_factory=list)  # per tile, one value per round

    def stop(self) -> None:
        """End its processes."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def get(self, path: str) -> bytes:
        """Fetch one tile."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=dict(self.headers))
        with urllib.request.urlopen(request, timeout=20) as answer:
            body: bytes = answer.read()
        return body

    def wait_until_ready(self, seconds: float = 90.0) -> None:
        """Wait until it serves a tile."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                assert self.get(self.paths[0])
                return
            except OSError:
                if time.monotonic() > deadline or any(process.poll() is not None for process in self.processes):
                    raise
                time.sleep(0.1)

    def load(self, folder: Path, seconds: int) -> None:
        """Ask for random tiles for some seconds and note the processor time per tile."""
        before = cpu_seconds([process.pid for process in self.processes])
        count = _wrk(self, folder, seconds) if shutil.which("wrk") else asyncio.run(_own_load(self, seconds))
        spent = cpu_seconds([process.pid for process in self.processes]) - before
        self.cpu_ms.append(1000 * spent / max(1, count))


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cpu_seconds(roots: Sequence[int]) -> float:
    """Processor time of processes and all their descendants so far."""
    parents: dict[int, int] = {}
    spent: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
            spent[int(entry.name)] = (int(fields[11]) + int(fields[12])) / _TICKS
    wanted = set(roots)
    while True:
        more = {pid for pid, parent in parents.items() if parent in wanted} - wanted
        if not more:
            return sum(spent.get(pid, 0.0) for pid in wanted)
        wanted |= more


def _wrk(server: Server, folder: Path, seconds: int) -> int:
    listed, script = folder / f"{server.name}.paths", folder / f"{server.name}.lua"
    listed.write_text("\n".join(server.paths))
    script.write_text(_LUA % str(listed))
    headers = [part for name, value in server.headers.items() for part in ("-H", f"{name}: {value}")]
    url = f"http://127.0.0.1:{server.port}"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), *headers, url]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 30).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"{server.name} failed under load:\n{output}")
    found = re.search(r"(\d+) requests in", output)
    assert found is not None
    return int(found[1])


async def _own_load(server: Server, seconds: float) -> int:
    """Do the same with plain sockets, where wrk is not installed."""
    deadline = time.monotonic() + seconds
    extra = "".join(f"{name}: {value}\r\n" for name, value in server.headers.items())

    async def ask(number: int) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        count = 0
        while time.monotonic() < deadline:
            path = server.paths[(number * 7919 + count * 104_729) % len(server.paths)]
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{extra}\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            if " 200" not in head.split("\r\n", 1)[0]:
                raise RuntimeError(f"{server.name} answered {head[:60]!r}")
            await reader.readexactly(int(head.split("content-length:", 1)[1].split("\r\n", 1)[0]))
            count += 1
        writer.close()
        return count

    return sum(await asyncio.gather(*[ask(number) for number in range(CONNECTIONS)]))
