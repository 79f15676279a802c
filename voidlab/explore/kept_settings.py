"""Settings on their way into the dataset's YAML file: what would change, writing it, and taking that back."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import ipywidgets as w

from voidlab.explore.panels import Changed, button, text
from voidlab.project import parameters
from voidlab.project.parameters import Change
from voidlab.tables.written import replacing

Values = Mapping[str, Mapping[str, object]]  # by the section of the file; "" for what belongs to no stage


class KeptSettings:
    """The parameter file as the explorer writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writings: list[tuple[bytes, bytes]] = []  # before, after

    def changes(self, values: Values) -> list[Change]:
        """What `write`, which fails alike, would change."""
        return [
            change for section, part in values.items() for change in parameters.changes_of(self.path, section, part)
        ]  # fmt: skip

    def write(self, values: Values) -> list[Change]:
        """Write ``values`` into the file; what changed.

        Raises
        ------
        ParameterErrors
            If the file would no longer be right; it is then left as it was.
        """
        self.changes(values)  # all or nothing
        before = self.path.read_bytes()
        changes = [
            change for section, part in values.items() for change in parameters.write_values(self.path, section, part)
        ]  # fmt: skip
        if changes:
            self._writings.append((before, self.path.read_bytes()))
        return changes

    def undo(self) -> tuple[str, bool]:
        """Make the file what it was before the last `write`; what there is to say, and whether it was done."""
        name = self.path.name
        if not self._writings:
            return f"{name}: nothing was kept here that could be taken back", False
        before, after = self._writings[-1]
        if self.path.read_bytes() != after:
            return f"{name} was changed elsewhere since; nothing is taken back", False
        with replacing(self.path) as temporary:
            temporary.write_bytes(before)
        self._writings.pop()
        return f"{name} is again as it was before the last settings were kept", True


class KeepPanel:
    """Keep what was touched: a table shows what would change, then it is written; and that can be undone."""

    def __init__(self, show: Changed, write: Changed, undo: Changed) -> None:
        self.show = button("keep …", "save", show, tooltip="show what would change in the parameter file")
        self.undo = button("undo keep", "undo", undo)
        self.write = button("write", "check", write)
        self.leave = button("leave it", "times", self.clear)
        self.table = w.HTML()
        self._sure = w.HBox([self.write, self.leave])
        self.widget = w.VBox([w.HBox([self.show, self.undo]), self.table, self._sure])
        self.clear()

    def ask(self, file: str, changes: Sequence[Change]) -> None:
        """Show the ``changes`` and ask whether to write them into ``file``."""
        rows = "".join(
            f"<tr><td>{text(c.name)}</td><td>{text(c.before)}</td><td><b>{text(c.after)}</b></td></tr>"
            for c in changes
        )
        head = "<tr><th scope='col'>parameter</th><th scope='col'>from</th><th scope='col'>to</th></tr>"
        self.table.value = f"in {text(file)}:<table>{head}{rows}</table>"
        self._sure.layout.display = ""

    def clear(self) -> None:
        """Ask nothing."""
        self.table.value = ""
        self._sure.layout.display = "none"
