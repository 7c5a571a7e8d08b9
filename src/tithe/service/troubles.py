"""What went wrong in the background, with tracebacks, for a page: the newest hundred."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

from tithe.data.files import replacing_text
from tithe.errors import TitheError

_KEPT = 100
log = logging.getLogger(__name__)


class Troubles:
    """A file of troubles, a line of JSON each."""

    def __init__(self, path: Path, *, clock: Callable[[], float]) -> None:
        self.path, self._clock = path, clock
        self._all: list[dict[str, Any]] | None = None  # nobody else writes to the file
        self._one = Lock()

    def add(self, what: str, error: Exception) -> None:
        """Keeps an error with its traceback; where the disk takes nothing, until the server ends. Raises nothing."""
        trace = getattr(error, "trace", "")
        if not trace and not isinstance(error, TitheError):
            trace = "".join(traceback.format_exception(error))
        # Half a surrogate pair in what a library says could neither be written nor sent.
        said, trace = (one.encode("utf-8", "replace").decode() for one in (str(error), trace))
        trouble = {"at": self._clock(), "what": what, "error": said, "traceback": trace}
        with self._one:  # two threads may fail at once
            self._all = kept = [trouble, *self.all()][:_KEPT]
            try:
                with replacing_text(self.path) as file:
                    for one in reversed(kept):
                        file.write(json.dumps(one, ensure_ascii=False) + "\n")
            except (OSError, TitheError) as full:
                # The disk may be full, and be the trouble itself: whoever tells of it must live on to try again.
                log.warning("the trouble is told until the server ends, and not kept: %s", full)

    def all(self) -> list[dict[str, Any]]:
        """All that are kept, the newest first."""
        if self._all is None:
            try:
                lines = self.path.read_text("utf-8").split("\n")  # splitlines() knows more ends than JSON escapes
            except FileNotFoundError:
                lines = []
            self._all = [json.loads(line) for line in reversed(lines) if line]
        return self._all
