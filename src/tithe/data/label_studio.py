"""Label Studio's JSON: a list of tasks, each with the annotations of all who answered it."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from tithe.data import Table
from tithe.data.answers import Answer, Losses, answers_in, grouped, table_of, words_in
from tithe.data.files import replacing_text
from tithe.data.json_rows import Row, objects
from tithe.data.utf16 import differ, from_utf16
from tithe.errors import ConfigError, DataError, near
from tithe.types import Span


@dataclass(frozen=True)
class LabelStudio:
    """Tasks with `choices` and `labels` (entities); a cancelled annotation is a skip; predictions are no answers.

    `text` is the key in a task's data that holds the text: `text`, else the only one with words. `name` is the control
    (`from_name`) to read, where the page asked several questions. A region whose text is not that of its offsets is an
    error, or left out with `misfit="skip"`.
    """

    text: str | None = None
    name: str | None = None
    misfit: Literal["error", "skip"] = "error"
    suffixes: tuple[str, ...] = (".json",)
    annotations: ClassVar[bool] = True

    def read(self, path: Path, *, header: bool = True, columns: Sequence[str] | None = None) -> Table:
        """A row for each annotation, and one for each task without any; `header` and `columns` do not apply.

        Offsets are compared with the text of each region, as code points and then as UTF-16 units (older versions of
        Label Studio count these); a note says which they are. The id is `id` in the task's data where all have a
        different one, else that of the task.
        """
        found = objects(path)
        for line, task in zip(found.lines, found.rows, strict=True):
            if not isinstance(task.get("data"), dict) or not isinstance(_annotations(task), list):
                raise DataError(
                    f"{path}, {found.unit} {line}: not a task of Label Studio, which has the keys 'data' and "
                    "'annotations'; export as JSON (not JSON_MIN), or name the file's format with --format"
                )
        reading = _Reading(path, found.unit, self, _text_key(found.rows, path, self.text))
        _refuse_several(found.rows, path, self.name)
        answers = list(reading.answers(found.rows, found.lines))
        notes = (*found.notes, *reading.settled())
        return table_of(answers, found.unit, notes, text=reading.key)

    def write(self, path: Path, table: Table) -> tuple[str, ...]:
        """Writes a list of tasks, ready for import; labels of the model become predictions, which are suggestions.

        `completed_by` is written where the annotator is an email address or a number: Label Studio refuses a file with
        users that it does not know. The name stands in the key `annotator` beside it, flags and comments too.
        """
        losses = Losses()
        tasks = grouped(answers_in(table))
        plain = all(one[0].id is not None and re.fullmatch(r"[1-9][0-9]{0,14}", one[0].id) for one in tasks)
        with replacing_text(path) as file:
            file.write("[")
            for number, given in enumerate(tasks, 1):
                task = _task(int(given[0].id or 0) if plain else number, given, self.name, losses)
                file.write(("\n" if number == 1 else ",\n") + json.dumps(task, ensure_ascii=False))
            file.write("\n]\n")
        return losses.notes


def _annotations(task: Row) -> Any:
    """The annotations; `completions` in files of before 2021."""
    return task.get("annotations", task.get("completions", [])) or []


def _text_key(tasks: Sequence[Row], path: Path, named: str | None) -> str | None:
    """The key of the texts; None where it is not clear, which matters once there are regions."""
    keys = list(dict.fromkeys(key for task in tasks for key in task["data"]))
    if named is not None:
        if named not in keys:
            raise ConfigError(f"{path} has no data {named!r} for the text; {near(named, keys)}")
        return named
    words = [key for key in keys if key != "id" and any(isinstance(task["data"].get(key), str) for task in tasks)]
    return "text" if "text" in keys else words[0] if len(words) == 1 else None


def _results(task: Row) -> Iterator[Row]:
    for annotation in _annotations(task):
        results = annotation.get("result") if isinstance(annotation, dict) else None
        yield from (one for one in results if isinstance(one, dict)) if isinstance(results, list) else ()


def _refuse_several(tasks: Sequence[Row], path: Path, named: str | None) -> None:
    """Raises ConfigError where the file answers several questions of one type and none was named."""
    names: dict[str, dict[str, None]] = {}
    for task in tasks:
        for one in _results(task):
            if one.get("type") in ("choices", "labels") and isinstance(one.get("value"), dict):
                names.setdefault(one["type"], {})[str(one.get("from_name"))] = None
    known = [name for found in names.values() for name in found]
    if named is not None and known and named not in known:
        raise ConfigError(f"{path} has no answers to {named!r}; {near(named, known)}")
    for type_, found in names.items():
        if named is None and len(found) > 1:
            raise ConfigError(
                f"{path} answers several questions of the type {type_!r}: {', '.join(sorted(found))}; "
                f"name one, such as --format 'label-studio(name={next(iter(found))})'"
            )


class _Region(NamedTuple):
    """Offsets as a file gives them, and where they are in the text under both ways of counting."""

    points: tuple[int, int] | None
    units: tuple[int, int] | None

    @property
    def clear(self) -> bool:
        return self.points is None or self.units is None or self.points == self.units


@dataclass
class _Reading:
    """One pass over the tasks of a file, and what it found."""

    path: Path
    unit: str
    how: LabelStudio
    key: str | None
    counts: Counter[str] = field(default_factory=Counter)
    unclear: list[tuple[list[Span], int, _Region]] = field(default_factory=list)
    line: int = 0

    def answers(self, tasks: Sequence[Row], lines: Sequence[int]) -> Iterator[Answer]:
        own = [task["data"].get("id") for task in tasks]
        if any(one is None for one in own) or len({str(one) for one in own}) < len(own):
            own = [task.get("id") for task in tasks]
        for task, line, id in zip(tasks, lines, own, strict=True):
            self.line = line
            data = {name: cell for name, cell in task["data"].items() if name not in ("id", self.key)}
            text = None if self.key is None else task["data"].get(self.key)
            bare = Answer(line, text, id=None if id is None else str(id), extra=data)
            for name in ("predictions", "drafts"):
                self.counts[name] += len(task[name]) if isinstance(task.get(name), list) else 0
            annotations = _annotations(task)
            if not annotations:
                yield bare
            for one in annotations:
                if not isinstance(one, dict):
                    raise self.wrong(f"the annotation {one!r:.60} is no object")
                yield self.answer(one, bare)

    def answer(self, said: Row, bare: Answer) -> Answer:
        one = Answer(bare.line, bare.text, id=bare.id, extra=bare.extra, annotator=_who(said))
        one.at, one.seconds = said.get("created_at"), said.get("lead_time")
        one.flagged, one.comment = bool(said.get("flagged", False)), str(said.get("comment") or "")
        one.action = "skip" if said.get("was_cancelled") else "label"
        if one.action == "skip":
            return one
        one.labels, one.spans = [], []
        results = said.get("result") or []
        if not isinstance(results, list):
            raise self.wrong(f"the result of an annotation is {results!r:.60}, not a list")
        for result in results:
            value = result.get("value") if isinstance(result, dict) else None
            if not isinstance(value, dict):
                self.counts["without a value"] += 1
            elif self.how.name not in (None, result.get("from_name")):
                continue
            elif result.get("type") == "choices" and "start" not in value:
                one.labels += words_in(value.get("choices", []), self.wrong)
            elif result.get("type") == "labels":
                self.add_spans(one, value)
            else:
                self.counts[f"of the type {result.get('type')!r}"] += 1
        return one

    def add_spans(self, one: Answer, value: Row) -> None:
        names = words_in(value.get("labels", []), self.wrong)
        if not names:
            self.counts["without a label"] += 1
            return
        if not isinstance(one.text, str):
            raise self.wrong(
                f"regions, and no text in {self.key!r}"
                if self.key
                else "regions, and which data is the text is not clear; name it with 'label-studio(text=KEY)'"
            )
        region = self.placed(one.text, value)
        where = None if region is None else region.points or region.units
        if region is None or where is None or one.spans is None:
            return
        for name in names:
            one.spans.append(Span(where[0], where[1], name))
            if not region.clear:
                self.unclear.append((one.spans, len(one.spans) - 1, region))

    def placed(self, text: str, value: Row) -> _Region | None:
        """Where a region is; None where it is left out."""
        start, end, said = value.get("start"), value.get("end"), value.get("text")
        if type(start) is not int or type(end) is not int:
            raise self.wrong(f"the region {start!r} to {end!r} has no whole numbers as offsets")
        points = (start, end) if 0 <= start < end <= len(text) else None
        units = from_utf16(text, start, end) if differ(text, end) else points
        if isinstance(said, str) and said:
            for same in (str.__eq__, _alike):
                fits = _Region(
                    points if points and same(text[slice(*points)], said) else None,
                    units if units and same(text[slice(*units)], said) else None,
                )
                if fits.points or fits.units:
                    self.counts["loose"] += same is _alike
                    self.counts["points"] += fits.units is None
                    self.counts["units"] += fits.points is None
                    return fits
        elif points or units:
            self.counts["silent"] += 1
            self.counts["units"] += points is None
            self.counts["points"] += units is None
            return _Region(points, units)
        if self.how.misfit == "skip":
            self.counts["misfits"] += 1
            return None
        there = f"the text there is {text[start:end][:40]!r}" if points else f"the text has {len(text)} characters"
        raise self.wrong(
            f"the region {start} to {end} says {said!r:.60} and {there}, in code points as in UTF-16 units; "
            "correct it, or leave such regions out with --format 'label-studio(misfit=skip)'"
        )

    def settled(self) -> list[str]:
        """Decides regions that fit both ways of counting by those that fit one alone; notes on all that was found."""
        utf16 = self.counts["units"] > 0 and self.counts["points"] == 0
        for spans, at, region in self.unclear if utf16 else ():
            start, end = region.units or spans[at][:2]
            spans[at] = Span(start, end, spans[at].label)
        notes = []
        if self.counts["units"]:
            notes.append(
                f"offsets of {self.counts['units']} regions count UTF-16 units, as their texts show; "
                "they are turned into code points"
            )
        if self.unclear:
            one_way = bool(self.counts["units"]) != bool(self.counts["points"])
            why = "as the other regions show" if one_way else "which nothing in the file shows"
            notes.append(
                f"{len(self.unclear)} regions behind emoji or the like fit both ways of counting; "
                f"taken as {'UTF-16 units' if utf16 else 'code points'}, {why}"
            )
        said = {
            "silent": "regions have no text to compare the offsets with",
            "loose": "regions have the text of their offsets but for blanks or composed characters",
            "misfits": "regions are left out: their text is not that of their offsets",
            "without a label": "regions have no label and are left out",
            "without a value": "results have no value and are left out",
            "predictions": "predictions are a model's and not read as answers",
            "drafts": "drafts are not read",
        }
        notes += [f"{self.counts[name]} {what}" for name, what in said.items() if self.counts[name]]
        other = [(name, count) for name, count in self.counts.items() if name.startswith("of the type")]
        return notes + [f"{count} results {name} are not read" for name, count in other]

    def wrong(self, reason: str) -> DataError:
        return DataError(f"{self.path}, {self.unit} {self.line}: {reason}")


def _alike(there: str, said: str) -> bool:
    """Whether two texts are the same but for blanks, line breaks written as \\n, and composed characters."""
    return _loose(there) == _loose(said)


def _loose(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text.replace("\\n", " ")).split())


def _who(annotation: Row) -> str:
    own, by = annotation.get("annotator"), annotation.get("completed_by")
    if isinstance(by, Mapping):
        by = by.get("email") or by.get("id")
    return str(own or ("" if by is None else by))


def _task(number: int, given: Sequence[Answer], name: str | None, losses: Losses) -> Row:
    head = given[0]
    task: Row = {"id": number, "data": {"text": head.text} if head.id is None else {"text": head.text, "id": head.id}}
    if any(one.audit for one in given):
        task["meta"] = {"audit": True}
    annotations, predictions = list[Row](), list[Row]()
    for place, one in enumerate(given):
        result = _result(one, f"{number}/{place}", name)
        if one.by == "model":
            losses.add("labels of the model, as predictions, which are suggestions there")
            predictions.append({"model_version": "tithe", "score": one.confidence, "result": result})
        elif one.action:
            annotations.append(_annotation(one, number * 1000 + place, result, losses))
    task["annotations"] = annotations
    if predictions:
        task["predictions"] = predictions
    return task


def _annotation(one: Answer, number: int, result: list[Row], losses: Losses) -> Row:
    said: Row = {"id": number, "result": result, "was_cancelled": one.action != "label", "ground_truth": False}
    if re.fullmatch(r"[0-9]{1,9}", one.annotator):
        said["completed_by"] = int(one.annotator)
    elif "@" in one.annotator:
        said["completed_by"] = {"email": one.annotator}
    said |= {"annotator": one.annotator} if one.annotator else {}
    said |= {"lead_time": one.seconds} if one.seconds else {}
    said |= {"created_at": one.at} if one.at else {}
    said |= {"flagged": True} if one.flagged else {}
    said |= {"comment": one.comment} if one.comment else {}
    losses.add("rejected items, written as skipped (Label Studio has no rejection)", one.action == "reject")
    losses.add("flags, in a key that Label Studio does not read", one.flagged)
    losses.add("comments, in a key that Label Studio does not read", bool(one.comment))
    losses.add("names of annotators, in a key that Label Studio does not read", "completed_by" not in said)
    return said


def _result(one: Answer, key: str, name: str | None) -> list[Row]:
    found = list[Row]()
    if one.labels:
        found.append(_region(f"{key}/0", name or "choice", "choices", {"choices": one.labels}))
    for place, span in enumerate(one.spans or (), 1):
        where = {"start": span.start, "end": span.end, "text": one.text[span.start : span.end]}
        found.append(_region(f"{key}/{place}", name or "label", "labels", where | {"labels": [span.label]}))
    return found


def _region(key: str, name: str, type_: str, value: Row) -> Row:
    id = hashlib.blake2b(key.encode(), digest_size=5).hexdigest()
    return {"id": id, "from_name": name, "to_name": "text", "type": type_, "origin": "manual", "value": value}


LABEL_STUDIO = LabelStudio()
