"""The house rules that a reader could check by hand, checked: floors, sizes, lazy imports, docstrings, entry points."""

from __future__ import annotations

import ast
import importlib
import re
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import tithe

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "tithe"
FILES = sorted(SOURCE.rglob("*.py"))

# From the ground up; each tuple is a floor, and a file imports from lower floors only. In the ground floor a later
# module may also import the earlier ones. The wings of a floor in WINGS never import each other; modules of the other
# floors may.
FLOORS = (
    ("errors", "types", "rng", "stats", "ragged", "tokens"),
    ("registry", "tasks"),
    ("data",),
    ("naming", "log", "views", "pool"),
    ("models", "strategies", "quality"),
    ("loop", "stopping"),
    ("engines",),
    ("experiment", "store"),
    ("service",),
    ("cli", "testing"),
)
GROUND = FLOORS[0]
WINGS = (FLOORS[4], FLOORS[7])
FLOOR_OF = {part: floor for floor, parts in enumerate(FLOORS) for part in parts} | {"__main__": len(FLOORS) - 1}

HEAVY = (
    "numpy",
    "torch",
    "sklearn",
    "scipy",
    "pyarrow",
    "transformers",
    "starlette",
    "fastapi",
    "sqlalchemy",
    "alembic",
    "uvicorn",
    "jinja2",
    "pydantic",
)


def part_of(module: str) -> str:
    """The part of the house that a module belongs to: `tithe.models.linear` -> `models`; `tithe` itself -> ``."""
    return [*module.split("."), ""][1]


def module_of(file: Path) -> str:
    parts = ("tithe", *file.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(source: str, module: str, *, package: bool = False) -> Iterator[tuple[int, str]]:
    """Line and full name of each module of tithe that a source imports, wherever in the file it does so."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names if name.name.split(".")[0] == "tithe")
        elif isinstance(node, ast.ImportFrom):
            home = module.split(".")
            if node.level:
                home = home[: len(home) - node.level + package]
            origin = ".".join([*(home if node.level else []), *filter(None, [node.module])])
            if origin == "tithe":  # from tithe import registry: the names may be modules
                yield from ((node.lineno, f"tithe.{one.name}") for one in node.names if one.name != "__version__")
            elif origin.startswith("tithe."):
                yield node.lineno, origin


def wrong_imports(source: str, module: str, *, package: bool = False) -> list[str]:
    """What a module imports although its floor forbids it, a sentence each."""
    here = part_of(module)
    if here == "":
        return []  # tithe/__init__ names them all, and loads none
    if here not in FLOOR_OF:
        return [f"{module}: the part {here!r} stands on no floor; add it to FLOORS and to the design"]
    wrong = []
    for line, origin in imports_of(source, module, package=package):
        there = part_of(origin)
        if there == here:
            continue
        if there not in FLOOR_OF:
            wrong.append(f"{module}:{line} imports {origin}, which is no part of the house; import from its home")
        elif FLOOR_OF[there] > FLOOR_OF[here]:
            wrong.append(f"{module}:{line} imports {origin}, which stands on a higher floor")
        elif any(here in wing and there in wing for wing in WINGS):
            wrong.append(f"{module}:{line} imports {origin}, and these wings never import each other")
        elif here in GROUND and GROUND.index(there) > GROUND.index(here):
            wrong.append(f"{module}:{line} imports {origin}, which comes later on the ground floor")
    return wrong


def test_every_module_imports_from_its_own_floor_or_below() -> None:
    wrong = [
        each
        for file in FILES
        for each in wrong_imports(file.read_text("utf-8"), module_of(file), package=file.stem == "__init__")
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("from tithe.models import Model", "tithe.pool"),
        ("import tithe.cli", "tithe.engines.inline"),
        ("from tithe import strategies", "tithe.models.linear"),
        ("from ..strategies.margin import Margin", "tithe.models.linear"),
        ("from .. import loop", "tithe.models.linear"),
        ("def f():\n    from tithe.store import Store", "tithe.experiment.run"),
        ("if TYPE_CHECKING:\n    from tithe.stats import mean", "tithe.rng"),
        ("from tithe import Pool", "tithe.strategies.margin"),
        ("", "tithe.helpers"),
    ],
)
def test_an_import_from_above_or_from_a_sibling_wing_is_found(source: str, module: str) -> None:
    assert len(wrong_imports(source, module)) == 1


@pytest.mark.parametrize(
    ("source", "module", "package"),
    [
        ("from tithe.errors import TitheError\nfrom tithe import registry, rng", "tithe.pool", False),
        ("from .search import search\nfrom ..types import Items", "tithe.models.linear", False),
        ("from .linear import Linear\nfrom . import search", "tithe.models", True),
        ("from tithe.loop import propose\nimport numpy", "tithe.__main__", False),
        ("from tithe import __version__", "tithe.experiment.run", False),
    ],
)
def test_an_import_from_below_is_allowed(source: str, module: str, package: bool) -> None:
    assert wrong_imports(source, module, package=package) == []


def test_import_tithe_loads_nothing_heavy() -> None:
    code = f"import sys, tithe; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def name_in(file: Path, node: ast.AST) -> str:
    return f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)} {getattr(node, 'name', '')}".rstrip()


def positional(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many arguments may be given by position, `self` and `cls` aside."""
    names = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def test_no_file_is_longer_than_500_lines_and_the_median_is_at_most_150() -> None:
    lengths = {file: len(file.read_text("utf-8").splitlines()) for file in FILES}
    long = [f"{file.relative_to(ROOT)}: {length} lines" for file, length in lengths.items() if length > 500]
    assert not long, "split by idea:\n" + "\n".join(long)
    assert statistics.median(lengths.values()) <= 150


def test_no_function_is_longer_than_80_lines() -> None:
    long = [
        f"{name_in(file, node)}: {(node.end_lineno or node.lineno) - node.lineno + 1} lines"
        for file in FILES
        for node in functions(file)
        if (node.end_lineno or node.lineno) - node.lineno + 1 > 80
    ]
    assert not long, "split by idea:\n" + "\n".join(long)


def test_no_function_takes_more_than_five_arguments_by_position() -> None:
    # Commands are exempt: typer reads their arguments, and no Python calls them.
    wide = [
        f"{name_in(file, node)}: {positional(node)} positional arguments"
        for file in FILES
        if part_of(module_of(file)) != "cli"
        for node in functions(file)
        if positional(node) > 5
    ]
    assert not wide, "make the rest keyword-only:\n" + "\n".join(wide)


def calls_of_print(source: str) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]


def test_only_the_command_line_prints() -> None:
    prints = [
        f"{file.relative_to(ROOT)}:{line}"
        for file in FILES
        if part_of(module_of(file)) not in ("cli", "__main__")
        for line in calls_of_print(file.read_text("utf-8"))
    ]
    assert not prints, "the library never prints:\n" + "\n".join(prints)


RANDOM_TYPES = {"Generator", "BitGenerator", "SeedSequence"}  # named in signatures, and no draw


def global_randomness(source: str) -> list[str]:
    """Lines that import `random` or use `np.random`, `numpy.random`, `torch.manual_seed` or an unseeded torch draw."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [
                f"{node.lineno} import {one.name}" for one in node.names if one.name in ("random", "numpy.random")
            ]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            if node.module == "random":
                found.append(f"{node.lineno} from random import ...")
            elif node.module == "numpy.random":
                names = [one.name for one in node.names if one.name not in RANDOM_TYPES]
                found += [f"{node.lineno} from numpy.random import {name}" for name in names]
        elif isinstance(node, ast.Attribute):
            whole = ast.unparse(node)
            tail = whole.removeprefix("np.random.").removeprefix("numpy.random.")
            if (tail != whole and tail.split(".")[0] not in RANDOM_TYPES) or whole in (
                "torch.manual_seed",
                "torch.seed",
            ):
                found.append(f"{node.lineno} {whole}")
    return found


def test_randomness_is_made_in_rng_alone() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{use}"
        for file in FILES
        if file.name != "rng.py"
        for use in global_randomness(file.read_text("utf-8"))
    ]
    assert not found, "draw from tithe.rng.stream:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "import random",
        "from random import choice",
        "from numpy.random import default_rng",
        "np.random.shuffle(x)",
        "numpy.random.default_rng(3)",
        "torch.manual_seed(1)",
    ],
)
def test_a_draw_outside_rng_is_found(source: str) -> None:
    assert len(global_randomness(source)) == 1


def test_a_type_of_numpy_random_in_a_signature_is_no_draw() -> None:
    assert global_randomness("from numpy.random import Generator\ndef f(rng: np.random.Generator): ...") == []


def test_a_print_is_found() -> None:
    assert calls_of_print("if True:\n    print(1)\nlog.print(2)") == [2]


def test_arguments_by_position_leave_out_self_and_keywords() -> None:
    function = ast.parse("def f(self, a, b, /, c=1, *d, e, **g): ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    assert positional(function) == 3


@pytest.mark.parametrize("name", tithe.__all__)
def test_every_public_name_can_be_imported_and_has_a_docstring(name: str) -> None:
    value = getattr(tithe, name)
    assert name in dir(tithe)
    if not isinstance(value, str):
        assert (value.__doc__ or "").strip(), f"tithe.{name} has no docstring"


def test_an_unknown_public_name_raises_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'pol'"):
        _ = tithe.pol


def declared_points() -> list[tuple[str, str, str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    groups = {"scripts": project["scripts"], **project["entry-points"]}
    return [(group, name, target) for group, points in groups.items() for name, target in points.items()]


@pytest.mark.parametrize(("group", "name", "target"), declared_points(), ids=lambda part: part.split(":")[-1])
def test_every_entry_point_loads(group: str, name: str, target: str) -> None:
    module, _, attribute = target.partition(":")
    value = importlib.import_module(module)
    for part in attribute.split("."):
        value = getattr(value, part)
    # A format is a value; all others are made with their settings.
    assert callable(value) or group == "tithe.formats", f"{group} {name} = {target} is no factory"


def test_every_dependency_says_why_it_is_there() -> None:
    lines = (ROOT / "pyproject.toml").read_text("utf-8").splitlines()
    start, end = lines.index("dependencies = ["), lines.index("[project.urls]")
    bare = [line for line in lines[start + 1 : end] if line.startswith('    "') and " # " not in line]
    assert not bare, "\n".join(bare)


def test_every_pin_is_exact_and_every_dependency_is_pinned() -> None:
    pins = [line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if line[:1] not in ("", "#")]
    assert all("==" in pin and "+" not in pin for pin in pins)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {*project["dependencies"], *project["optional-dependencies"]["dev"]}
    names = {re.split(r"[=>\[]", want)[0].lower() for want in wanted}
    assert names <= {pin.partition("==")[0].lower() for pin in pins}
