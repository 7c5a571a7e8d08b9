"""The log in a database, with all that a labelling service needs around it: items, leases, answers, backups.

>>> from tempfile import TemporaryDirectory
>>> from tithe.log import Answered
>>> from tithe.types import Items
>>> folder = TemporaryDirectory()
>>> store = open_store(f"sqlite:///{folder.name}/tithe.sqlite")
>>> project = store.create("reviews", "choice", ("good", "bad"))
>>> project.add([Items(["a", "b"], ["fine", "awful"])])
2
>>> [lease.item for lease in project.take("ann", ["b", "a"], 1, seconds=60)]
['b']
>>> project.submit(Answered("b", "bad", "ann"), key="1"), project.submit(Answered("b", "bad", "ann"), key="1")
(3, 3)
>>> project.snapshot().labels
{'b': 'bad'}
>>> store.close(); folder.cleanup()
"""

from __future__ import annotations

from typing import Any

from tithe import registry
from tithe.errors import ConfigError
from tithe.store.protocol import Project, Store

__all__ = ["Project", "Store", "open_store"]


def open_store(url: str, **settings: Any) -> Store:
    """The store at a URL; its scheme is the name under which the kind of store is registered (`tithe.stores`).

    Raises:
        UnknownNameError: no kind of store has this scheme.
        StoreError: the database cannot be opened, or belongs to a newer tithe.
    """
    scheme, colon, _ = url.partition(":")
    if not colon:
        raise ConfigError(f"{url!r} is no URL of a store; write sqlite:///FILE or postgresql://USER@HOST/NAME")
    store: Store = registry.find("stores", scheme.partition("+")[0])(url, **settings)
    return store
