"""A watch below the cell of a notebook, which ends with the kernel."""

import html
import os

from voidlab.errors import VoidlabError
from voidlab.live.session import Session

_HEIGHT_PX = 900
_AT_WORK: dict[str, Session] = {}  # of this kernel, by dataset


class Shown:
    """The page of a watch, or why there is none; ``close`` ends the watch."""

    def __init__(self, session: Session | None, why: str = "") -> None:
        self.session, self.why = session, why

    def close(self) -> None:
        """End the watch; what was segmented is kept."""
        if self.session is not None:
            _AT_WORK.pop(self.session.paths.dataset, None)
            self.session.close()
            self.session, self.why = None, "the watch has ended; what was segmented is kept."

    def __repr__(self) -> str:
        return self.why if self.session is None else self.session.address

    def _repr_html_(self) -> str:
        said = html.escape(repr(self))
        if self.session is None:
            return f"<p>{said}</p>"
        return (
            f'<p>The same in a browser of this computer: <a href="{said}" target="_blank">{said}</a></p>'
            f'<iframe src="{said}" style="width: 100%; height: {_HEIGHT_PX}px; border: 0"></iframe>'
        )


def watch_folder(folder: str | os.PathLike[str], dataset: str) -> Shown:
    """Watch ``folder``, or a glob, as ``dataset``, and show it; run again, the watch before it ends.

    Where it cannot be watched, what is shown says why.
    """
    before = _AT_WORK.pop(dataset, None)
    if before is not None:
        before.close()
    try:
        session = Session(os.fspath(folder), dataset)
    except (VoidlabError, OSError) as error:
        return Shown(None, str(error))
    _AT_WORK[dataset] = session
    return Shown(session)
