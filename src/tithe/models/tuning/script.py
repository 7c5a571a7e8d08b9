"""What a language model is asked and what it may answer: prompts, and label sets as pieces and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from tithe.errors import ConfigError
from tithe.models.tuning.pieces import Frame
from tithe.tasks import Task
from tithe.types import Label

_FEWEST = 8  # pieces of a text that a prompt must have room for

Pieces: TypeAlias = tuple[int, ...]


class _State(NamedTuple):
    """A place in an answer: inside of a label, inside of the separator behind it, before the end, or behind it."""

    where: str
    label: int
    at: int
    done: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Script:
    """The instruction around each text, and the grammar of answers.

    An answer is labels in declared order with the separator between them, then the end; for a choice it is one label.
    So each label set is said in one way only, and the likelihoods of all answers add up to 1.
    """

    task: Task
    frame: Frame
    before: Pieces
    after: Pieces
    labels: tuple[Pieces, ...]
    separator: Pieces
    end: int
    apart: bool
    _seen: dict[Pieces, frozenset[_State]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, task: Task, tokenizer: Any, most: int, *, template: str, separator: str, apart: bool) -> Script:
        """The script of a task in a tokenizer's pieces; `most` is what the model reads at once.

        Raises ConfigError for a template without {text}, a tokenizer without an end, and labels that hold the
        separator or come out alike.
        """
        if template.count("{text}") != 1:
            raise ConfigError(f"the template needs {{text}} once, where the text goes; given {template!r}")
        if tokenizer.eos_token_id is None:
            raise ConfigError("the start's tokenizer has no piece that ends an answer; set its eos_token")

        def pieces(text: str) -> Pieces:
            return tuple(tokenizer(text, add_special_tokens=False)["input_ids"])

        if held := [label for label in task.labels if separator.strip() in label]:
            raise ConfigError(
                f"the label {held[0]!r} holds {separator!r}, which separates labels in answers; "
                f"give another separator, such as separator='|'"
            )
        said: dict[Pieces, str] = {}
        for label in task.labels:
            own = pieces(f" {label}")
            if not own or own in said:
                other = repr(said[own]) if own else "nothing"
                raise ConfigError(f"to the start's tokenizer the label {label!r} is the same as {other}; rename it")
            said[own] = label
        before, after = template.split("{text}")
        frame = Frame.of(tokenizer, most)
        end = int(tokenizer.eos_token_id)
        return cls(task, frame, pieces(before), pieces(after), tuple(said), pieces(separator), end, apart)

    @property
    def many(self) -> bool:
        """Whether an answer may hold several labels, or none."""
        return self.task.name == "multilabel"

    def prompts(self, texts: Sequence[Sequence[int]], longest: int) -> tuple[list[Pieces], int]:
        """The prompts of texts, and how many of these were too long and lost their ends.

        `longest` is the room to leave for an answer that goes on where the prompt ends.
        """
        special = self.frame.before, self.frame.after if self.apart else ()
        around = sum(map(len, special)) + len(self.before) + len(self.after)
        room = self.frame.most - around - (0 if self.apart else longest)
        if room < _FEWEST:
            raise ConfigError(
                f"the instruction and the answers leave room for {room} pieces of text in the {self.frame.most} that "
                f"this start reads; give a shorter template"
            )
        found = [(*special[0], *self.before, *text[:room], *self.after, *special[1]) for text in texts]
        return found, sum(len(text) > room for text in texts)

    def answer(self, label: Label) -> Pieces:
        """How a label, or a set of labels, is said."""
        names = label if isinstance(label, frozenset) else {label}
        said: Pieces = ()
        for number in [at for at, name in enumerate(self.task.labels) if name in names]:
            said += (*(self.separator if said else ()), *self.labels[number])
        return (*said, self.end)

    def allowed(self, said: Pieces) -> list[int]:
        """The pieces that may follow what was said."""
        found = sorted({piece for state in self._states(said) for piece in self._next(state)})
        return found or [self.end]

    def heard(self, said: Sequence[int]) -> Label:
        """The labels of an answer; of one that breaks off, those that are whole."""
        states: frozenset[_State] = frozenset()
        for stop in range(len(said), -1, -1):  # behind the end there may be padding
            states = self._states(tuple(said[:stop]))
            if states:
                break
        finished = [state for state in states if state.where == "over"] or list(states)
        done = max((state.done for state in finished), key=len, default=())
        names = [self.task.labels[number] for number in done]
        return frozenset(names) if self.many else (names or [self.task.labels[0]])[0]

    def _states(self, said: Pieces) -> frozenset[_State]:
        if said not in self._seen:
            if not said:
                begun = {_State("label", number, 0, ()) for number in range(len(self.labels))}
                found = frozenset(begun | ({_State("end", -1, 0, ())} if self.many else set()))
            else:
                found = frozenset(
                    after
                    for state in self._states(said[:-1])
                    if said[-1] in self._next(state)
                    for after in self._after(state)
                )
            self._seen[said] = found
        return self._seen[said]

    def _next(self, state: _State) -> Pieces:
        """The one piece that goes on from a state, or none."""
        if state.where == "label":
            return (self.labels[state.label][state.at],)
        if state.where == "between":
            return (self.separator[state.at],)
        return (self.end,) if state.where == "end" else ()

    def _after(self, state: _State) -> list[_State]:
        """Where that piece leads."""
        where, label, at, done = state
        if where == "end":
            return [_State("over", label, 0, done)]
        whole = self.labels[label] if where == "label" else self.separator
        if at + 1 < len(whole):
            return [_State(where, label, at + 1, done)]
        if where == "between":
            return [_State("label", number, 0, done) for number in range(label + 1, len(self.labels))]
        done = (*done, label)
        more = self.many and label + 1 < len(self.labels)
        return [_State("end", label, 0, done)] + ([_State("between", label, 0, done)] if more else [])
