"""Word features: the same word the same row, unknown words by their form, company by neighbours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tithe.errors import DataError
from tithe.models.forms import COMPANY, Forms
from tithe.types import Items


def pool() -> Items:
    texts = [f"{who} walked to {where} ." for who in ("Ada", "Grace", "Emmy") for where in ("Oslo", "Paris", "Rome")]
    return Items([str(n) for n in range(len(texts))], texts)


def test_a_type_has_one_row_wherever_it_stands() -> None:
    rows = Forms.of(pool(), 0).rows(pool())
    assert rows.lengths.tolist() == [5] * 9
    assert rows.values.dtype == np.float16
    assert np.array_equal(rows.row(0)[1], rows.row(8)[1])  # walked
    assert not np.array_equal(rows.row(0)[0], rows.row(8)[0])  # Ada, Emmy


def test_words_in_the_same_company_are_alike() -> None:
    forms = Forms.of(pool(), 0)
    company = dict(zip(forms.words, forms.company, strict=True))
    assert company["oslo"] @ company["paris"] > 0.9
    assert company["oslo"] @ company["ada"] < 0.1


def test_an_unknown_word_has_a_form_and_no_company() -> None:
    rows = Forms.of(pool(), 0).rows(Items(["new"], ["Osla"]))
    form, company = np.split(rows.values[0], [-COMPANY])
    assert np.abs(form).max() > 0.05
    assert not company.any()


def test_it_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    forms = Forms.of(pool(), 0)
    forms.save(tmp_path)
    assert np.array_equal(Forms.load(tmp_path).rows(pool()).values, forms.rows(pool()).values)


def test_texts_without_a_word_teach_nothing() -> None:
    with pytest.raises(DataError, match="no text of the pool has a word in it"):
        Forms.of(Items(["1"], ["  "]), 0)


def test_empty_texts_among_others_have_no_rows() -> None:
    rows = Forms.of(pool(), 0).rows(Items(["1", "2"], ["", "Ada"]))
    assert rows.lengths.tolist() == [0, 1]
