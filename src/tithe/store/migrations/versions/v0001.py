"""Version 1: projects, items in batches, the log, standing answers, leases, keys."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _number(name: str, *, primary_key: bool = False, nullable: bool = True) -> "sa.Column[int]":
    null = nullable and not primary_key
    return sa.Column(name, sa.Integer, autoincrement=False, primary_key=primary_key, nullable=null)


def _text(name: str, *, primary_key: bool = False, nullable: bool = True, unique: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, primary_key=primary_key, nullable=nullable and not primary_key, unique=unique)


def _time(name: str) -> "sa.Column[float]":
    return sa.Column(name, sa.Float, nullable=False)


def _project() -> "sa.Column[int]":
    return sa.Column("project", sa.Integer, sa.ForeignKey("projects.key"), primary_key=True)


def upgrade() -> None:
    """Makes all tables."""
    op.create_table(
        "projects",
        _number("key", primary_key=True),
        _text("id", nullable=False, unique=True),
        _text("name", nullable=False),
        _text("task", nullable=False),
        _text("settings", nullable=False),
        _time("created"),
        _number("position", nullable=False),
        _number("batches", nullable=False),
    )
    op.create_table(
        "batches", _project(), _number("batch", primary_key=True), _number("position"), _text("about", nullable=False)
    )
    op.create_table(
        "items",
        _number("project", primary_key=True),
        _number("batch", primary_key=True),
        _number("row", primary_key=True),
        _text("id", nullable=False),
        _text("text", nullable=False),
        _text("tokens"),
        _text("gold"),
        sa.UniqueConstraint("project", "id", name="items_id"),
        sa.ForeignKeyConstraint(["project", "batch"], ["batches.project", "batches.batch"]),
    )
    op.create_table(
        "events",
        _project(),
        _number("position", primary_key=True),
        _text("kind", nullable=False),
        _text("item"),
        _text("annotator"),
        _text("payload", nullable=False),
        _time("at"),
    )
    op.create_index("events_item", "events", ["project", "item", "position"])
    op.create_table(
        "standing",
        _project(),
        _text("item", primary_key=True),
        _text("annotator", primary_key=True),
        _number("position", nullable=False),
    )
    op.create_table(
        "leases",
        _project(),
        _text("item", primary_key=True),
        _number("slot", primary_key=True),
        _text("annotator", nullable=False),
        _time("until"),
        sa.UniqueConstraint("project", "item", "annotator", name="leases_annotator"),
    )
    op.create_table(
        "keys",
        _project(),
        _text("annotator", primary_key=True),
        _text("key", primary_key=True),
        _text("body", nullable=False),
        _number("position", nullable=False),
        _time("at"),
    )
