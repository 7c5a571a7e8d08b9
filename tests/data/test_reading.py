"""`read_items`: columns, ids, labels, repeats and messages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tithe.data import write_rows
from tithe.data.reading import leaks, read_items
from tithe.errors import ColumnError, ConfigError, DataError, UnknownNameError
from tithe.types import Items


def file(folder: Path, content: str | bytes, name: str = "in.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_text_and_label_are_found_by_name(tmp_path: Path) -> None:
    items = read_items(file(tmp_path, "other,label,text\nx,a,hello there\ny,b,bye\n"))
    assert list(items.texts) == ["hello there", "bye"]
    assert list(items.gold or ()) == ["a", "b"]
    assert items.source == str(tmp_path / "in.csv")
    assert items.notes == ()


@pytest.mark.parametrize("head", ["ID,Text,Label", "Id,TEXT,LABEL", "id,text,Label"])
def test_columns_are_found_in_any_case(tmp_path: Path, head: str) -> None:
    items = read_items(file(tmp_path, f"{head}\n7,hello there,a\n8,bye now,b\n"))
    assert (list(items.ids), list(items.texts), list(items.gold or ())) == (
        ["7", "8"], ["hello there", "bye now"], ["a", "b"],
    )  # fmt: skip


def test_the_exact_name_goes_before_one_in_another_case(tmp_path: Path) -> None:
    items = read_items(file(tmp_path, "Text,text,LABEL,label\nhello,bye,a,b\n"))
    assert (list(items.texts), list(items.gold or ())) == (["bye"], ["b"])


def test_two_names_that_differ_in_case_alone_are_not_guessed_between(tmp_path: Path) -> None:
    with pytest.raises(ColumnError, match="it has 'Text', 'TEXT'"):
        read_items(file(tmp_path, "Text,TEXT\nhello,bye\n"))
    assert read_items(file(tmp_path, "text,Label,LABEL\nhello,a,b\n")).gold is None


def test_label_sets_are_found_in_any_case(tmp_path: Path) -> None:
    items = read_items(file(tmp_path, "Text,Labels\nhello,a;b\n"), task="multilabel")
    assert list(items.gold or ()) == [frozenset({"a", "b"})]


def test_the_only_string_column_beside_label_is_the_text(tmp_path: Path) -> None:
    items = read_items(file(tmp_path, "label,sentence,score\na,hello,1.5\nb,bye,2\n"))
    assert list(items.texts) == ["hello", "bye"]


def test_two_string_columns_are_an_error_that_lists_them(tmp_path: Path) -> None:
    path = file(tmp_path, "sentence,intent\nhello,a\n")
    with pytest.raises(ColumnError, match="it has 'sentence', 'intent'"):
        read_items(path)
    assert list(read_items(path, text="sentence", label="intent").gold or ()) == ["a"]


def test_a_misspelt_column_is_an_error_with_what_is_near(tmp_path: Path) -> None:
    with pytest.raises(ColumnError, match=r"no column 'txt' for the text; .* did you mean 'text'"):
        read_items(file(tmp_path, "text,label\nhello,a\n"), text="txt")


def test_one_column_cannot_have_two_roles(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be the text and the label"):
        read_items(file(tmp_path, "text,x\nhello,a\n"), text="text", label="text")


def test_columns_can_be_named_where_there_is_no_header(tmp_path: Path) -> None:
    path = file(tmp_path, "a,hello\nb,bye\n")
    items = read_items(path, header=False, columns=["label", "text"])
    assert list(items.texts) == ["hello", "bye"]
    with pytest.raises(ConfigError, match="2 columns and no header"):
        read_items(path, header=False)
    with pytest.raises(ConfigError, match="its first line names them too; add header=False"):
        read_items(path, columns=["label", "text"])
    with pytest.raises(DataError, match="line 1: 2 cells where 3 are expected"):
        read_items(path, header=False, columns=["label", "text", "id"])


def test_without_an_id_column_ids_come_from_the_text_and_repeats_get_a_suffix(tmp_path: Path) -> None:
    items = read_items(file(tmp_path, "text,label\nhello,a\nbye,a\nhello,b\nhello,a\n"))
    first = items.ids[0]
    assert len(first) == 16
    assert list(items.ids) == [first, items.ids[1], f"{first}-2", f"{first}-3"]
    assert items.repeats == 2
    assert items.notes == (
        "2 of 4 texts repeat an earlier one",
        "1 of the repeated texts have labels that disagree",
    )
    again = read_items(file(tmp_path, "bye\nhello\n", "other.txt"))
    assert again.ids[1] == first, "the id depends on the text alone"


def test_dedupe_keeps_the_first_row_and_the_most_frequent_label(tmp_path: Path) -> None:
    path = file(tmp_path, "id,text,label\n1,hello,a\n2,bye,\n3,hello,b\n4,hello,b\n5,bye,c\n6,tie,y\n7,tie,x\n")
    items = read_items(path, dedupe=True)
    assert list(items.ids) == ["1", "2", "6"]
    assert list(items.gold or ()) == ["b", "c", "y"]
    assert items.repeats == 0
    assert items.notes == (
        "4 of 7 texts repeat an earlier one; merged",
        "2 of the repeated texts have labels that disagree; the most frequent label is kept",
    )


def test_a_repeated_id_is_an_error_with_both_lines(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the id 'x' stands in line 2 and again in line 4"):
        read_items(file(tmp_path, "id,text\nx,a b\ny,c\nx,d\n"))


def test_an_empty_id_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 3: the id is empty"):
        read_items(file(tmp_path, "id,text\nx,a b\n,c\n"))


def test_missing_texts_are_an_error_that_names_the_first_lines(tmp_path: Path) -> None:
    rows = "".join(f"{n},\n" for n in range(8))
    with pytest.raises(DataError, match="of lines 2, 3, 4, 5, 6 and 3 more"):
        read_items(file(tmp_path, "label,text\n" + rows + "9,x\n"))
    with pytest.raises(DataError, match="no text in column 'text' of line 2;"):
        read_items(file(tmp_path, 'label,text\na," \t "\n'))


def test_labels_are_strings_and_empty_ones_are_none(tmp_path: Path) -> None:
    rows = [3, 3.0, 2.5, True, None, "", " a "]
    path = file(
        tmp_path, "".join(json.dumps({"text": f"t{i}", "label": x}) + "\n" for i, x in enumerate(rows)), "in.jsonl"
    )
    assert list(read_items(path).gold or ()) == ["3", "3", "2.5", "True", None, None, "a"]
    with pytest.raises(DataError, match="no label in lines 5, 6;"):
        read_items(path, require_label=True)


def test_a_file_without_labels_has_no_gold(tmp_path: Path) -> None:
    path = file(tmp_path, "text\nhello\n")
    assert read_items(path).gold is None
    with pytest.raises(ColumnError, match="no column 'label' and labels are needed"):
        read_items(path, require_label=True)


def test_numbers_as_texts_become_strings_but_lists_are_refused(tmp_path: Path) -> None:
    assert list(read_items(file(tmp_path, '{"text": 12}\n{"text": 1.0}\n', "in.jsonl")).texts) == ["12", "1"]
    with pytest.raises(DataError, match="line 2: the column 'text' holds a list"):
        read_items(file(tmp_path, '{"text": "a"}\n{"text": ["b"]}\n', "in.jsonl"))


@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", ""), ("a.csv", "text,label\n"), ("a.txt", "\n\n"), ("a.jsonl", "")]
)
def test_a_file_without_rows_is_an_error(tmp_path: Path, name: str, content: str) -> None:
    with pytest.raises(DataError, match="has no rows"):
        read_items(file(tmp_path, content, name))


def test_a_parquet_without_rows_is_an_error(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.parquet", {"text": []})
    with pytest.raises(DataError, match="has no rows"):
        read_items(tmp_path / "a.parquet")


def test_a_missing_file_is_one_clear_line_with_what_is_near(tmp_path: Path) -> None:
    file(tmp_path, "text\nx\n", "train.csv")
    with pytest.raises(DataError, match=r"there is no file .*trian\.csv; did you mean .*train\.csv\?"):
        read_items(tmp_path / "trian.csv")
    with pytest.raises(DataError, match=r"the folder .* is not there either"):
        read_items(tmp_path / "nowhere" / "a.parquet")


def test_a_folder_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        read_items(tmp_path / "a.csv")


def test_an_unknown_suffix_lists_the_formats_and_a_name_helps(tmp_path: Path) -> None:
    path = file(tmp_path, "text\nhello\n", "in.dat")
    with pytest.raises(
        UnknownNameError, match=r"'\.dat'; known are .*\.csv, .*; else name one of the formats: .*csv.*txt"
    ):
        read_items(path)
    assert list(read_items(path, format="csv").texts) == ["hello"]
    with pytest.raises(UnknownNameError, match="unknown format 'cvs'; did you mean 'csv'"):
        read_items(path, format="cvs")


def test_a_damaged_parquet_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_rows(path, {"text": [f"some words {n}" for n in range(1000)]})
    whole = path.read_bytes()
    middle = len(whole) // 3
    for damaged in (
        b"",
        b"text\nhello\n",
        whole[: len(whole) // 2],
        whole[:middle] + b"\0" * 99 + whole[middle + 99 :],
    ):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="is not a whole Parquet file"):
            read_items(path)


def test_messages_for_parquet_speak_of_rows(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.parquet", {"text": ["x", None, "y"]})
    with pytest.raises(DataError, match="no text in column 'text' of row 2"):
        read_items(tmp_path / "a.parquet")


def test_leaks_are_the_train_rows_whose_text_is_in_the_test_set() -> None:
    train = Items(["1", "2", "3"], ["a  b", "c ", "d"])
    test = Items(["9", "8"], [" c", "a b"])
    assert leaks(train, test) == ["2"]
