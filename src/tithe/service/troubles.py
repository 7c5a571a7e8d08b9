"""What went wrong in the background, with tracebacks, for a page: the newest hundred."""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tithe.data.files import replacing_text
from tithe.errors import TitheError

_KEPT = 100


class Troubles:
    """A file of troubles, a line of JSON each."""

    def __init__(self, path: Path, *, clock: Callable[[], float]) -> None:
        self.path, self._clock = path, clock
        self._all: list[dict[str, Any]] | None = None  # nobody else writes to the file
        self._guard = threading.Lock()

    def add(self, what: str, error: Exception) -> None:
        """Keeps an error with its traceback."""
        trace = getattr(error, "trace", "")
        if not trace and not isinstance(error, TitheError):
            trace = "".join(traceback.format_exception(error))
        trouble = {"at": self._clock(), "what": what, "error": str(error), "traceback": trace}
        with self._guard:  # two threads may fail at once
            kept = [trouble, *self.all()][:_KEPT]
            with replacing_text(self.path) as file:
                for one in reversed(kept):
                    file.write(json.dumps(one, ensure_ascii=False) + "\n")
            self._all = kept

    def all(self) -> list[dict[str, Any]]:
        """All that are kept, the newest first."""
        if self._all is None:
            try:
                lines = self.path.read_text("utf-8").splitlines()
            except FileNotFoundError:
                lines = []
            self._all = [json.loads(line) for line in reversed(lines)]
        return self._all
