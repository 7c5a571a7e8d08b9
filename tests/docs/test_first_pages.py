"""Every block of the pages "write your first ..." runs, as a reader would run it."""

import os
import re
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"

# What a page is about, a line that its command prints, and the most lines of each part of its file.
PAGES = [
    pytest.param("strategy", "does not depend on the order of the rows", (35,), id="strategy"),
    pytest.param("trainer", "comes back as it was saved", (35, 40), id="trainer"),
]
ABOUTS = [page.values[0] for page in PAGES]


def blocks(about, language):
    page = (DOCS / f"first-{about}.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def built(folder, *abouts):
    """The folder with the files of the pages, after the step of `pip install -e .` that needs no network.

    setuptools reads `pyproject.toml`, finds the modules and writes the metadata with the entry points beside them.
    """
    for about in abouts:
        (folder / f"my_{about}.py").write_text(blocks(about, "python")[0])
    pages = [blocks(about, "toml")[0] for about in abouts]
    points = [re.search(r"\[project.entry-points.*\n.*\n", page)[0] for page in pages]
    modules = ", ".join(f'"my_{about}"' for about in abouts)
    # Of a second page only what the page says to add: the entry point and the name of the file.
    text = re.sub(r"py-modules = .*", f"py-modules = [{modules}]", pages[0]) + "\n".join(["", *points[1:]])
    (folder / "pyproject.toml").write_text(text)
    command = [sys.executable, "-c", "import setuptools; setuptools.setup()", "-q", "egg_info"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
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
    env = {**os.environ, "PYTHONPATH": str(built(tmp_path, about)), "PATH": path, "PYTHONWARNINGS": "error"}
    command = ["sh", "-c", blocks(about, "sh")[0]]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert says in done.stdout


def test_both_pages_fit_into_one_folder(tmp_path):
    found = {point.name for dist in distributions(path=[str(built(tmp_path, *ABOUTS))]) for point in dist.entry_points}
    assert found == {"central_margin", "centroid"}
    assert 'py-modules = ["my_strategy", "my_trainer"]' in (DOCS / "first-trainer.md").read_text()


@pytest.mark.parametrize(("about", "says", "most"), PAGES)
def test_the_file_is_as_short_as_promised(about, says, most):
    # The trainer's file is judged in two parts, the trainer and its model.
    parts = re.split(r"^class \w+Model", blocks(about, "python")[0], flags=re.MULTILINE)
    assert len(parts) == len(most)
    assert all(len(part.splitlines()) <= limit for part, limit in zip(parts, most, strict=True))
