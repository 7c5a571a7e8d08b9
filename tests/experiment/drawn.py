"""Any plan, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from tithe.experiment.plan import Plan

words = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x7f"), min_size=1, max_size=12)
some_words = st.lists(words, min_size=1, max_size=3, unique=True).map(tuple)
amounts = st.one_of(st.integers(1, 10**6), st.integers(1, 100).map("{}%".format))
plans = st.builds(
    Plan,
    words,
    words,
    name=st.none() | words.map(lambda word: word.replace("/", "-")),
    root=st.none() | words,
    text=st.none() | words,
    labels=st.just(()) | some_words,
    header=st.booleans(),
    strategies=some_words,
    starts=some_words,
    budgets=st.lists(amounts, max_size=4).map(tuple),
    seeds=st.integers(1, 99),
    seed=st.integers(0, 2**40),
    subsample=st.floats(0.001, 1.0),
    stop=st.just(()) | some_words,
    full=st.booleans(),
)
