"""The server process stays light: what takes long to load is loaded by its children, or when it is used."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("torch", "transformers", "sklearn", "pandas", "pyarrow", "matplotlib", "scipy.stats", "scipy.optimize")


def test_a_server_loads_nothing_that_its_first_question_does_not_need() -> None:
    code = f"import sys, tithe.service.serving, tithe.service.making; print(*({set(HEAVY)!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
