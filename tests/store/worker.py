"""What a child process does in the tests: take and answer, or import, writing down each step that was acknowledged."""

from __future__ import annotations

import os
import sys

from tithe.log import Answered
from tithe.store.sql import SQLStore
from tithe.types import Items


def main(url: str, who: str, what: str) -> None:
    """Works until nothing is left, or until it is killed."""
    project = SQLStore(url).project("p")
    ids = list(project.snapshot().items.ids)
    if what == "import":
        project.add(Items([f"{who}-{part}-{n}" for n in range(500)], ["text"] * 500) for part in range(10_000))
    while took := project.take(who, ids, 2, seconds=600):
        for one in took:
            say(f"shown {one.item}")
            say(f"kept {one.item} {project.submit(Answered(one.item, who, who), one.item)}")


def say(line: str) -> None:
    """One whole line, at once: a kill must not lose what was acknowledged."""
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
