"""Every block of the pages "write your first ..." runs, as a reader would run it."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"

# What a page is about, a line that its command prints, and the most lines of each part of its file.
PAGES = [
    pytest.param("strategy", "does not depend on the order of the rows", (35,), id="strategy"),
    pytest.param("trainer", "comes back as it was saved", (35, 40), id="trainer"),
]


def blocks(about, language):
    page = (DOCS / f"first-{about}.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def plugin(about, folder):
    """What `pip install -e .` leaves: the file, and its entry point in the metadata of a distribution."""
    (folder / f"my_{about}.py").write_text(blocks(about, "python")[0])
    points = tomllib.loads(blocks(about, "toml")[0])["project"]["entry-points"]
    metadata = folder / f"my_{about}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: my-{about}\nVersion: 1.0\n")
    lines = [f"[{group}]\n{name} = {target}\n" for group, one in points.items() for name, target in one.items()]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    return folder


@pytest.mark.parametrize(("about", "says", "most"), PAGES)
def test_every_block_is_known(about, says, most):
    counts = [len(blocks(about, one)) for one in ("python", "toml", "sh")]
    page = (DOCS / f"first-{about}.md").read_text()
    assert len(re.findall("^```", page, re.MULTILINE)) == 2 * sum(counts)
    assert counts == [3, 1, 1]


@pytest.mark.parametrize(("about", "says", "most"), PAGES)
def test_the_python_blocks_run_one_after_the_other(about, says, most):
    program = "\n".join(blocks(about, "python"))
    exec(compile(program, f"docs/first-{about}.md", "exec"), {"__name__": f"first_{about}"})


@pytest.mark.parametrize(("about", "says", "most"), PAGES)
def test_the_command_finds_the_plugin_and_it_conforms(about, says, most, tmp_path):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PYTHONPATH": str(plugin(about, tmp_path)), "PATH": path, "PYTHONWARNINGS": "error"}
    command = ["sh", "-c", blocks(about, "sh")[0]]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert says in done.stdout


@pytest.mark.parametrize(("about", "says", "most"), PAGES)
def test_the_file_is_as_short_as_promised(about, says, most):
    # The trainer's file is judged in two parts, the trainer and its model.
    parts = re.split(r"^class \w+Model", blocks(about, "python")[0], flags=re.MULTILINE)
    assert len(parts) == len(most)
    assert all(len(part.splitlines()) <= limit for part, limit in zip(parts, most, strict=True))
