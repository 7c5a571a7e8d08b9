"""A project's product without its server, or beside it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

from tithe.errors import JobError, LockedError
from tithe.service.house import work_of
from tithe.service.live import Live
from tithe.service.making import Tell, only_project
from tithe.service.product import Exported
from tithe.store import open_store
from tithe.store.folder import ProjectFolder

_LOOK_S = 0.2


def export_folder(
    folder: ProjectFolder, into: Path, *, format: str | None = None, with_predictions: bool = False, tell: Tell
) -> Exported:
    """Writes the answers of the project in a folder, or with predictions all of its items labelled.

    Where no server runs, what is not embedded yet is embedded first; else the server does that.

    Raises:
        ConfigError: predictions are wanted and there is no model.
        JobError: the embedding failed; the message is that of the child process.
    """
    with ExitStack() as stack:
        store = stack.enter_context(closing(open_store(folder.url, fresh=False)))
        project = only_project(store, folder)
        live = stack.enter_context(closing(Live(project, url=folder.url, folder=work_of(folder.path, project.id))))
        if with_predictions:
            try:
                stack.enter_context(folder.locked())
            except LockedError:
                pass  # the server embeds, and what is left the export does
            else:
                live.start()
                _embedded(live, tell)
        with ThreadPoolExecutor(1) as one:
            running, seen = one.submit(live.export, format, into, with_predictions=with_predictions), 0
            while not running.done():
                seen = live.wait(seen, _LOOK_S)
                _told(live, tell)
            return running.result()


def _embedded(live: Live, tell: Tell) -> None:
    """Waits until all items are embedded."""
    troubles, seen = len(live.troubles()), 0
    while (status := live.status())["embedded"] < status["items"]:
        if len(live.troubles()) > troubles:
            raise JobError(live.troubles()[0]["error"])
        seen = live.wait(seen, _LOOK_S)
        _told(live, tell)


def _told(live: Live, tell: Tell) -> None:
    if live.background.progress:
        tell(live.background.detail, *live.background.progress)
