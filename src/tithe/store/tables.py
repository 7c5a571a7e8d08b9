"""The tables of a store, as of the newest migration.

    projects   one row a project: name, settings, how many events and batches it has
    batches    an import each; `position` is that of its `Added` event, NULL until the import is whole
    items      the texts, by batch and row; never changed
    events     the log: append-only, positions 1, 2, 3, ... without a gap in each project
    standing   derived: the position of the answer of each annotator to each item that stands
    leases     who works on what until when
    keys       what was answered to an idempotency key

Everything but leases, keys and settings is folded from `events` and `items`; `check` proves it.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()


def _project() -> Column[int]:
    return Column("project", Integer, ForeignKey("projects.key"), primary_key=True)


projects = Table(
    "projects",
    METADATA,
    Column("key", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("task", Text, nullable=False),  # derived: of the last Declared
    Column("settings", Text, nullable=False),  # JSON
    Column("created", Float, nullable=False),  # seconds since 1970
    Column("position", Integer, nullable=False),  # derived: the number of events
    Column("batches", Integer, nullable=False),
)
batches = Table(
    "batches",
    METADATA,
    _project(),
    Column("batch", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer),
    Column("about", Text, nullable=False),  # JSON: what Items says of the whole: source, notes, repeats
)
items = Table(
    "items",
    METADATA,
    Column("project", Integer, primary_key=True),
    Column("batch", Integer, primary_key=True, autoincrement=False),
    Column("row", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("tokens", Text),  # JSON
    Column("gold", Text),  # JSON: the file's own label
    UniqueConstraint("project", "id", name="items_id"),
    ForeignKeyConstraint(["project", "batch"], ["batches.project", "batches.batch"]),
)
events = Table(
    "events",
    METADATA,
    _project(),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("item", Text),
    Column("annotator", Text),
    Column("payload", Text, nullable=False),  # JSON
    Column("at", Float, nullable=False),
    Index("events_item", "project", "item", "position"),
)
standing = Table(
    "standing",
    METADATA,
    _project(),
    Column("item", Text, primary_key=True),
    Column("annotator", Text, primary_key=True),
    Column("position", Integer, nullable=False),
)
leases = Table(
    "leases",
    METADATA,
    _project(),
    Column("item", Text, primary_key=True),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("annotator", Text, nullable=False),
    Column("until", Float, nullable=False),
    UniqueConstraint("project", "item", "annotator", name="leases_annotator"),
)
keys = Table(
    "keys",
    METADATA,
    _project(),
    Column("annotator", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("body", Text, nullable=False),  # a hash of what was asked for
    Column("position", Integer, nullable=False),
    Column("at", Float, nullable=False),
)
