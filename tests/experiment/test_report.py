"""The report as a browser would meet it: whole, safe, and without asking the network."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tithe.errors import DataError
from tithe.experiment.report import write_report

sys.path.insert(0, str(Path(__file__).parent))
import folders

VOID = {"meta", "br", "link", "img", "hr"}


class Balanced(HTMLParser):
    """Collects ids, tags and attributes, and checks that each element is closed where it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(html: str) -> Balanced:
    parser = Balanced()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids))
    for svg in re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL):
        ElementTree.fromstring(svg)
    return parser


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    base = tmp_path_factory.mktemp("runs")
    write_report([folders.write(base / "atis")], base / "out")
    return (base / "out" / "report.html").read_text(encoding="utf-8")


def test_it_is_well_formed_and_loads_nothing(html: str) -> None:
    page = read(html)
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert "http://" not in html
    assert "https://" not in html
    assert "url(" not in html
    assert "@import" not in html
    links = [value for name, value in page.attributes if name in ("href", "src")]
    assert all(value and value.startswith("#") for value in links)


def test_it_says_the_main_thing_first_and_the_evidence_below(html: str) -> None:
    assert "<h1>With 322 of 4,834 labels, auto reaches 98.3&nbsp;% accuracy; random needs 872.</h1>" in html
    order = ["fewer labels", "<svg class", "What was found", "The evidence", "How to read this", "What was run"]
    places = [html.index(words) for words in order]
    assert places == sorted(places)
    for caption in ("Labels to a share", "Area under the curve", "Gain over random", "Time of a round", "Environment"):
        assert f"<caption><b>{caption}" in html


def test_each_table_has_a_caption_and_each_chart_its_words(html: str) -> None:
    page = read(html)
    assert page.tags.count("table") == page.tags.count("caption")
    assert html.count('role="img"') == html.count("<desc ")
    assert page.tags.count("h1") == 1


def test_it_gives_what_is_needed_to_run_it_again(html: str) -> None:
    assert "tithe simulate plan.toml --out runs/atis" in html
    assert "sha256 of rounds.parquet" in html
    assert "versions.torch" in html


def test_no_number_is_nan_or_none(html: str) -> None:
    words = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    assert not re.search(r"\b(nan|None|inf|Infinity)\b", words)


def test_the_same_folder_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = folders.write(tmp_path / "run", seeds=2)
    for name in ("a.html", "b.html"):
        write_report([folder], tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_hostile_names_are_only_text(tmp_path: Path) -> None:
    speed = {"random": 60.0, '<script>alert("s")</script>': 25.0, "a'b&c": 40.0}
    folder = folders.write(tmp_path / "<b>run", speed, seeds=3, dataset='"><img src=x onerror=alert(1)>')
    write_report([folder], tmp_path)
    page = read((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert not {"script", "img"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]


def test_one_seed_is_shown_with_its_caveat(tmp_path: Path) -> None:
    write_report([folders.write(tmp_path / "run", seeds=1)], tmp_path)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    read(html)
    assert "<h1>One seed shows no spread: nothing is claimed.</h1>" in html
    assert 'class="band' not in html
    assert "Before you rely on this" in html


@pytest.mark.parametrize("how", [{"full": False}, {"per_item": False}, {"budgets": (48,)}, {"budgets": (48, 97)}])
def test_runs_that_lack_something_are_still_shown(tmp_path: Path, how: dict[str, object]) -> None:
    write_report([folders.write(tmp_path / "run", seeds=4, **how)], tmp_path)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    read(html)
    assert "NaN" not in html


def test_missing_random_claims_nothing(tmp_path: Path) -> None:
    write_report([folders.write(tmp_path / "run", {"auto": 25.0, "margin": 30.0}, seeds=3)], tmp_path)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    read(html)
    assert "<h1>No random arm: nothing is claimed.</h1>" in html


def test_several_folders_become_sections_of_one_report(tmp_path: Path) -> None:
    one = folders.write(tmp_path / "one", seeds=5)
    two = folders.write(tmp_path / "two", {"random": 60.0, "auto": 25.0}, seeds=5, dataset="trec")
    write_report([one, two], tmp_path)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = read(html)
    assert {"g0", "g1"} <= set(page.ids)
    assert "in 2 of 2 settings." in html
    assert 'href="#g1"' in html


def test_without_a_summary_it_is_made_from_the_rounds(tmp_path: Path) -> None:
    folder = folders.write(tmp_path / "run", seeds=3)
    for name in ("summary.json", "plan.toml", "environment.json"):
        (folder / name).unlink()
    write_report([folder], tmp_path)
    assert "auto reaches" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_folder_without_a_simulation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no simulation"):
        write_report([tmp_path], tmp_path)
    with pytest.raises(DataError, match="at least one folder"):
        write_report([], tmp_path)
