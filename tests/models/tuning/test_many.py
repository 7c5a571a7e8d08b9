"""One model trained by two processes learns what it learns in one, and one of them writes."""

import importlib.util
import os
import socket
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file

from tithe.data import write_rows

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        importlib.util.find_spec("accelerate") is None, reason="needs accelerate: pip install 'tithe[multi-gpu]'"
    ),
]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize("settings", ["dropout=0.2", "dropout=0.2, accumulate=2"])
def test_two_processes_come_to_the_weights_of_one(tiny_folder, drawn, tmp_path, settings):
    items, labels = drawn(45)
    write_rows(tmp_path / "train.csv", {"text": list(items.texts), "label": labels})
    trainer = f"finetune(steps=6, batch=9, device=cpu, {settings})"
    tithe = [sys.executable, "-m", "tithe", "train", str(tmp_path / "train.csv"), "--trainer", trainer]
    tithe += ["--start", str(tiny_folder)]
    done = subprocess.run([*tithe, "--out", str(tmp_path / "one")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    joint = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "ACCELERATE_USE_CPU": "1"}
    both = [
        subprocess.Popen(
            [*tithe, "--out", str(tmp_path / "two")],
            env=os.environ | joint | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    said = [process.communicate(timeout=240) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert said[0][0].startswith(f"model of 45 labels: {tmp_path / 'two'}\n45 labels trained it")
    assert said[1][0] == ""
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    # The head moves by .002 a step at most; AdamW turns rounding in tiny gradients into a small share of that.
    for name in one:
        np.testing.assert_allclose(one[name], two[name], atol=1e-3, err_msg=name)
    far = np.concatenate([np.abs(one[name] - two[name]).ravel() for name in one])
    assert far.mean() < 1e-5
