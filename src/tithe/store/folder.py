"""A project's folder, and the lock that lets one server at a time open it.

    project.toml    where the database is: a file in the folder, or a URL
    tithe.sqlite    the database (with -wal and -shm beside it while it is open)
    lock            held by the process that has the project open; holds its number

Views are in the cache, not here: they can be computed again, and a copy of this folder stays small.
"""

from __future__ import annotations

import fcntl
import json
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from tithe.data.files import clear_errors, replacing
from tithe.errors import ConfigError, LockedError, StoreError

_HELD: set[Path] = set()
_GUARD = Lock()


class ProjectFolder:
    """A folder with a project in it."""

    def __init__(self, path: Path) -> None:
        """An existing one. Raises ConfigError where the folder is none of a project."""
        self.path = path
        about = path / "project.toml"
        if not about.is_file():
            raise ConfigError(
                f"{path} is no project: it has no project.toml; `tithe label FILE --project DIR` makes one"
            )
        try:
            self.database = str(tomllib.loads(about.read_text("utf-8"))["database"])
        except (KeyError, ValueError) as error:
            raise ConfigError(
                f"cannot read {about} ({error}); it needs a line such as database = 'tithe.sqlite'"
            ) from None

    @classmethod
    def make(cls, path: Path, database: str = "tithe.sqlite") -> ProjectFolder:
        """A new one; `database` is a file name in it, or a URL. Raises ConfigError where there is one already."""
        if (path / "project.toml").exists():
            raise ConfigError(f"there is a project in {path} already; name another folder")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot make the folder {path} ({error.strerror}); name another") from None
        with clear_errors(path / "project.toml"), replacing(path / "project.toml") as file:
            os.fchmod(file.fileno(), 0o600)  # a URL may hold a password
            file.write(f"database = {json.dumps(database)}\n".encode())
        return cls(path)

    @classmethod
    @contextmanager
    def making(cls, path: Path, database: str = "tithe.sqlite") -> Iterator[ProjectFolder]:
        """The project in a folder, or a new one, locked; what was made goes again where the block fails."""
        is_new, had_folder = not (path / "project.toml").exists(), path.exists()
        folder = cls.make(path, database) if is_new else cls(path)
        try:
            with folder.locked():
                yield folder
        except BaseException:
            if is_new:
                for name in ("project.toml", "lock"):
                    (path / name).unlink(missing_ok=True)
                if not had_folder:
                    path.rmdir()
            raise

    @property
    def url(self) -> str:
        """The URL of the database."""
        return self.database if "://" in self.database else f"sqlite:///{(self.path / self.database).resolve()}"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other servers out. The lock dies with its process, so that nothing stale is ever in the way.

        Raises:
            LockedError: a process has the project open; the message has its number.
        """
        path = (self.path / "lock").resolve()
        with _GUARD:
            # The system gives a process its own lock again, and frees it with the first copy that is closed.
            if path in _HELD:
                raise LockedError(f"this process has {self.path} open already")
            number = _taken(path, self.path)
            _HELD.add(path)
        try:
            yield
        finally:
            with _GUARD:
                _HELD.discard(path)
                os.close(number)  # frees it


def _taken(path: Path, folder: Path) -> int:
    """The open and locked file. `lockf` locks are not inherited by children, so a child that lives on holds nothing."""
    try:
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            f"cannot write to {folder} ({error.strerror}); change its permissions or name another"
        ) from None
    try:
        fcntl.lockf(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(number, 20).decode("ascii", "replace").strip() or "unknown"
        os.close(number)
        raise LockedError(f"process {holder} has {folder} open; stop it first, or use its page") from None
    os.truncate(number, 0)
    os.write(number, f"{os.getpid()}\n".encode())
    return number
