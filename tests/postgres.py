"""Starts a throw-away PostgreSQL server from the system's programs, or from the ``pgserver`` wheel."""

from __future__ import annotations

import itertools
import os
import pwd
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text

ADVICE = "PostgreSQL is not installed; its tests need: sudo apt-get install postgresql (or: pip install pgserver)"
_names = itertools.count(1)


class MissingPostgres(Exception):
    """There is no server program on this machine, or it did not start."""


class PostgresServer:
    """One server for a test session: unix socket only, no durability, removed afterwards."""

    def __init__(self, *, shared_buffers: str = "32MB") -> None:
        self._shared_buffers = shared_buffers
        self.folder = Path(tempfile.mkdtemp(prefix="exact-pg-"))
        self.folder.chmod(0o755)
        self._binaries = find_binaries()
        self._pgserver = None
        try:
            self._start()
        except (OSError, subprocess.CalledProcessError) as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            detail = getattr(error, "stderr", b"") or b""
            raise MissingPostgres(f"PostgreSQL did not start: {error} {detail.decode(errors='replace')}") from error

    @property
    def url(self) -> str:
        """The server's own database, from which others are made."""
        return self.url_of("postgres")

    def url_of(self, name: str) -> str:
        """The address of one database."""
        return self._pattern.format(name=name)

    def create(self, name: str, template: str = "template1") -> None:
        """Make a database, empty or as a copy."""
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    def drop(self, name: str) -> None:
        """Remove a database, and whoever is still connected to it."""
        self._run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    @contextmanager
    def temporary(self, template: str = "template1") -> Iterator[str]:
        """A database that lives as long as the block; gives its name."""
        name = f"test_{os.getpid()}_{next(_names)}"
        self.create(name, template)
        try:
            yield name
        finally:
            self.drop(name)

    def stop(self) -> None:
        """End the server and remove its files."""
        self._engine.dispose()
        if self._pgserver is not None:
            self._pgserver.cleanup()
        else:
            self._watchdog.kill()
            self._watchdog.wait()
            self._call("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def closed_to_connections(self, name: str) -> Iterator[None]:
        """Cut every connection to one database and let none in, as when the server is away."""
        self._run(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        self.disconnect(name)
        try:
            yield
        finally:
            self._run(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')

    def disconnect(self, name: str, *, spare: int = 0) -> None:
        """Cut every connection to one database, but for that of the server process ``spare``."""
        others = f"datname = '{name}' AND pid <> {spare}"
        self._run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")

    def crash(self) -> None:
        """End the server at once, as a power cut would."""
        if self._binaries is None:
            raise MissingPostgres("The wheel's server cannot be stopped and started in between; install PostgreSQL.")
        self._call("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")

    def start_again(self) -> None:
        """Start the server after :meth:`crash`."""
        self._launch()

    def _start(self) -> None:
        if self._binaries is None:
            try:
                import pgserver
            except ImportError:
                raise MissingPostgres(ADVICE) from None
            self._pgserver = pgserver.get_server(str(self.folder / "data"), cleanup_mode="stop")
            address = self._pgserver.get_uri().partition("?")[2]
            self._pattern = f"postgresql+psycopg://postgres@/{{name}}?{address}"
        else:
            if os.geteuid() == 0:
                shutil.chown(self.folder, "postgres")
            data = str(self.folder / "data")
            self._call(
                "initdb", "-D", data, "-A", "trust", "-U", "exact", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"
            )
            self._launch()
            self._watchdog = self._watch()
            self._pattern = f"postgresql+psycopg://exact@/{{name}}?host={self.folder}"
        self._engine = create_engine(self.url, isolation_level="AUTOCOMMIT", pool_pre_ping=True)

    def _launch(self) -> None:
        options = (
            f"-c listen_addresses= -c unix_socket_directories={self.folder} -c fsync=off -c synchronous_commit=off"
            " -c full_page_writes=off -c max_connections=200 -c autovacuum=off"
            f" -c shared_buffers={self._shared_buffers}"
        )
        log = str(self.folder / "log")
        self._call("pg_ctl", "-D", str(self.folder / "data"), "-w", "-t", "60", "-l", log, "-o", options, "start")

    def _watch(self) -> subprocess.Popen[bytes]:
        """End the server also when the tests are killed and nobody is left to call :meth:`stop`."""
        stop = shlex.join(self._command("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop"))
        folder = shlex.quote(str(self.folder))
        script = f"while kill -0 {os.getpid()} 2>/dev/null; do sleep 3; done; {stop}; rm -rf {folder}"
        return subprocess.Popen(
            ["sh", "-c", script],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _call(self, program: str, *arguments: str) -> None:
        subprocess.run(  # not captured through pipes: the server would keep them open
            self._command(program, *arguments),
            check=True,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=120,
        )

    def _command(self, program: str, *arguments: str) -> list[str]:
        assert self._binaries is not None
        command = [str(self._binaries / program), *arguments]
        return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command

    def _run(self, statement: str) -> None:
        with self._engine.connect() as connection:
            connection.execute(text(statement))


def find_binaries() -> Path | None:
    """The folder with ``initdb`` and ``pg_ctl`` of the newest installed server; None when there is none."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), reverse=True)
    for program in ("pg_config", "initdb"):
        if found := shutil.which(program):
            folder = Path(found).resolve().parent
            if program == "pg_config":
                answer = subprocess.run([found, "--bindir"], capture_output=True, text=True, check=False)
                folder = Path(answer.stdout.strip() or folder)
            candidates.append(folder)
    for folder in candidates:
        if all((folder / program).exists() for program in ("initdb", "pg_ctl", "postgres")):
            return folder if os.geteuid() != 0 or _has_user("postgres") else None
    return None


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return shutil.which("runuser") is not None
