"""Every block of `docs/first-trainer.md` runs, as a reader would run it."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "first-trainer.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def plugin(tmp_path):
    """What `pip install -e .` leaves: the file, and its entry point in the metadata of a distribution."""
    (tmp_path / "my_trainer.py").write_text(blocks("python")[0])
    points = tomllib.loads(blocks("toml")[0])["project"]["entry-points"]
    metadata = tmp_path / "my_trainer-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-trainer\nVersion: 1.0\n")
    lines = [f"[{group}]\n{name} = {target}\n" for group, one in points.items() for name, target in one.items()]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    return tmp_path


def test_every_block_is_known():
    assert len(re.findall("^```", PAGE, re.MULTILINE)) == 2 * sum(len(blocks(one)) for one in ("python", "toml", "sh"))
    assert [len(blocks(one)) for one in ("python", "toml", "sh")] == [3, 1, 1]


def test_the_python_blocks_run_one_after_the_other():
    exec(compile("\n".join(blocks("python")), "docs/first-trainer.md", "exec"), {"__name__": "first_trainer"})


def test_the_command_finds_the_plugin_and_it_conforms(plugin):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PYTHONPATH": str(plugin), "PATH": path, "PYTHONWARNINGS": "error"}
    done = subprocess.run(["sh", "-c", blocks("sh")[0]], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "comes back as it was saved" in done.stdout


def test_the_file_is_as_short_as_promised():
    trainer, model = blocks("python")[0].split("class CentroidModel")
    assert len(trainer.splitlines()) <= 35
    assert len(model.splitlines()) <= 40
