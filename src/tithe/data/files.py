"""Opening files: one clear line for all that can go wrong, encodings, gzip, and writing in whole or not at all."""

from __future__ import annotations

import codecs
import difflib
import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, TypeVar, cast

from tithe.errors import DataError, TitheError

T = TypeVar("T")

_MARKS = (  # UTF-32 first: its little-endian mark starts with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """Turns what the operating system says of a file into a DataError of one line."""
    try:
        yield
    except TitheError:
        raise  # some are errors of the system too, and say more than it does
    except FileNotFoundError:
        raise DataError(f"there is no file {path}{near_file(path)}") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder; give a file in it") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is not a whole gzip file ({error}); make or fetch it again") from None
    except OSError as error:
        raise DataError(f"cannot open {path}: {error.strerror or error}") from None


def near_file(path: Path) -> str:
    """A clause that says which file a path to nowhere may have meant."""
    folder = path.parent
    if not folder.is_dir():
        return f"; the folder {folder} is not there either"
    close = difflib.get_close_matches(path.name, os.listdir(folder), n=1)
    return f"; did you mean {folder / close[0]}?" if close else "; check the name and the folder"


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked where its name ends in `.gz`."""
    with clear_errors(path):
        packed = path.suffix.lower() == ".gz"
        with gzip.open(path, "rb") if packed else path.open("rb") as source:
            yield cast(BinaryIO, source)


def decoded(path: Path, newline: str | None, parse: Callable[[TextIO], T]) -> tuple[T, tuple[str, ...]]:
    """What `parse` makes of a file's text, and notes on how the text was decoded.

    UTF-8 with or without a mark, UTF-16 and UTF-32 with one; bytes that are none of these are read as cp1252 (Western
    Windows), with a note. `newline` is that of `open`. The file is streamed; a cp1252 file is parsed twice.

    Raises:
        DataError: the file cannot be opened, is not text, or is UTF-8 with damaged bytes.
    """
    with opened(path) as file:
        head = file.read(4096)
    encoding = next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")
    if encoding.startswith("utf-8") and head.count(0) * 5 > len(head):
        raise DataError(f"{path} is not text, or UTF-16 without a byte order mark; save it as UTF-8")
    try:
        return _parsed(path, encoding, newline, parse), ()
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise DataError(f"{path} begins as {encoding} and is damaged ({error.reason}); save it as UTF-8") from None
        _refuse_damaged_utf8(path)
    try:
        return _parsed(path, "cp1252", newline, parse), ("decoded as cp1252, as it is not UTF-8; check the accents",)
    except UnicodeDecodeError:
        raise DataError(f"{path} is neither UTF-8 nor cp1252 text; save it as UTF-8") from None


def _parsed(path: Path, encoding: str, newline: str | None, parse: Callable[[TextIO], T]) -> T:
    with opened(path) as file, io.TextIOWrapper(file, encoding=encoding, newline=newline) as text:
        return parse(text)


def _refuse_damaged_utf8(path: Path) -> None:
    """Raises where most lines with accents are good UTF-8: read as cp1252, all of them would turn to mojibake."""
    good, bad = 0, []
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            if not line.isascii():
                try:
                    line.decode("utf-8")
                    good += 1
                except UnicodeDecodeError:
                    bad.append(number)
    if good > len(bad):
        raise DataError(
            f"{path} is UTF-8 but for bytes in line {bad[0]} ({len(bad)} such lines in all); repair or remove them"
        )


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path` once it is whole and on the disk; nothing is left otherwise."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Makes renames in a folder last through a power cut."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def replacing_text(path: Path) -> Iterator[TextIO]:
    """As `replacing`, for UTF-8 text without newline translation; packed where the name ends in `.gz`.

    Raises:
        DataError: the file cannot be written, or a cell holds half of a surrogate pair, which UTF-8 cannot hold.
    """
    try:
        with clear_errors(path), replacing(path) as file:
            # mtime=0: the same content gives the same bytes
            packed = gzip.GzipFile("", "wb", fileobj=file, mtime=0) if path.suffix.lower() == ".gz" else None
            text = io.TextIOWrapper(cast(BinaryIO, packed or file), encoding="utf-8", newline="")
            yield text
            text.flush()
            text.detach()
            if packed is not None:
                packed.close()
    except UnicodeEncodeError as error:
        raise DataError(
            f"cannot write {path}: {error.reason} in {error.object[:40]!r}; replace that character"
        ) from None
