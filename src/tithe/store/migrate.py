"""Brings a database to the schema of this version, in one transaction, or says why it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect, text

from tithe.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection

MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION = "alembic_version"


def migrate(connection: Connection, where: str, *, fresh: bool = True) -> None:
    """Applies the migrations that the database lacks; the caller's transaction keeps all of them or none.

    `fresh` allows an empty database to become a store. Raises StoreError where it is empty and must not, comes from a
    newer tithe, or belongs to another program.
    """
    if inspect(connection).has_table(_VERSION) and _version(connection) == _newest():
        return  # alembic takes longer to load than the rest of the store
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(MIGRATIONS))

    def missing(current: Any, _: MigrationContext) -> Any:
        return script._upgrade_revs("head", current)  # what `alembic upgrade head` itself calls

    context = MigrationContext.configure(connection, opts={"fn": missing, "transactional_ddl": True})
    current = context.get_current_revision()
    known = [one.revision for one in script.walk_revisions()]
    if current is None:
        _may_begin(inspect(connection).get_table_names(), where, fresh=fresh)
    elif current not in known:
        raise StoreError(
            f"{where} has the schema {current}, and this tithe knows up to {known[0]}: a newer tithe has opened it; "
            "install that version or a later one"
        )
    if current != known[0]:
        with Operations.context(context):
            context.run_migrations()


def _version(connection: Connection) -> str | None:
    """The schema that the database has."""
    said = connection.scalar(text(f"SELECT version_num FROM {_VERSION}"))
    return None if said is None else str(said)


def _newest() -> str:
    """The schema of this version: each file of a migration is called after the one that it leads to."""
    return max(path.stem.lstrip("v") for path in (MIGRATIONS / "versions").glob("v*.py"))


def _may_begin(tables: Sequence[str], where: str, *, fresh: bool) -> None:
    if tables:
        raise StoreError(f"{where} holds the tables of another program ({', '.join(sorted(tables)[:3])}); name another")
    if not fresh:
        raise StoreError(f"{where} is empty and no store of tithe; name the right one")
