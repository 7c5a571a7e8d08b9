"""Parquet, through pyarrow; a column is read when it is first looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tithe.data import Table
from tithe.data.files import clear_errors, opened, replacing
from tithe.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


@dataclass(frozen=True)
class Parquet:
    """Apache Parquet; the schema names the columns."""

    suffixes: tuple[str, ...] = (".parquet", ".pq")

    def read(self, path: Path, *, header: bool = True, columns: Sequence[str] | None = None) -> Table:
        """The columns, each read on first use. Raises DataError where the file is damaged; `header` does not apply."""
        import pyarrow.parquet as pq

        with opened(path):  # the plain messages for a file that cannot be opened at all
            pass
        with _clear(path):
            file = pq.ParquetFile(path, page_checksum_verification=True)
        schema = file.schema_arrow
        if len(set(schema.names)) < len(schema.names):
            raise DataError(f"{path} has several columns of one name: {', '.join(schema.names)}; give each its own")
        strings = tuple(field.name for field in schema if _is_string(field.type))
        return Table(_Columns(path, file), range(1, file.metadata.num_rows + 1), strings, unit="row")

    def write(self, path: Path, table: Table) -> tuple[str, ...]:
        """Writes zstd-packed columns. Raises DataError where the cells of a column are of several kinds."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            arrow = pa.table({name: list(cells) for name, cells in table.columns.items()})
        except (pa.ArrowException, UnicodeEncodeError) as error:
            raise DataError(f"cannot write {path}: a column holds cells of several kinds ({error})") from None
        with clear_errors(path), replacing(path) as file:
            pq.write_table(arrow, file, compression="zstd", write_page_checksum=True)
        return ()


class _Columns(Mapping[str, Sequence[object]]):
    """The columns of a file, read one by one and kept."""

    def __init__(self, path: Path, file: pq.ParquetFile) -> None:
        self._path, self._file = path, file
        self._read: dict[str, list[object]] = {}

    def __getitem__(self, name: str) -> Sequence[object]:
        if name not in self._read:
            if name not in self._file.schema_arrow.names:
                raise KeyError(name)
            with _clear(self._path):
                self._read[name] = self._file.read(columns=[name]).column(0).to_pylist()
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._file.schema_arrow.names)

    def __len__(self) -> int:
        return len(self._file.schema_arrow.names)


@contextmanager
def _clear(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{path} is not a whole Parquet file ({reason}); make or fetch it again") from None


def _is_string(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


PARQUET = Parquet()
