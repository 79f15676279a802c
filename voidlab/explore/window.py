"""The explorer with the choice of the dataset in its heading: what a notebook shows."""

from collections.abc import Sequence

import ipywidgets as w

from voidlab.errors import VoidlabError
from voidlab.explore.explorer import Explorer, Sentence
from voidlab.explore.kept_settings import KeptSettings
from voidlab.explore.state import Model
from voidlab.project.paths import RunPaths
from voidlab.run import stage

_TOOLTIP = "dataset {0}: parameters/{0}.yaml"
_FEWEST, _MOST = 16, 40  # letters that the choice of the dataset is wide


def _width_of(names: Sequence[str]) -> str:
    """How wide a choice between ``names`` is, so that the longest is seen but the frames keep their room."""
    longest = max(map(len, names), default=0)
    return f"calc({min(max(longest, _FEWEST), _MOST)}ch + 40px)"


class Window:
    """An explorer of a dataset of the project: ``explorer`` is the one that is shown, ``widget`` what shows it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._kept: dict[str, KeptSettings] = {}  # by dataset
        try:
            known = sorted(path.stem for path in RunPaths.find(name).parameters.parent.glob("*.yaml"))
        except (VoidlabError, OSError) as error:
            self.explorer: Explorer | Sentence = Sentence(str(error))
            self.widget = w.VBox([self.explorer.widget])
            return
        self.dataset = w.Dropdown(
            options=known, value=name if name in known else None, layout=w.Layout(width=_width_of(known)),
            tooltip=_TOOLTIP.format("NAME"),
        )  # fmt: skip
        self.dataset.observe(lambda change: self.open(change["new"]), names="value")
        self.widget = w.VBox()
        if name in known:
            self.open(name)
        else:
            self._show(
                Sentence(
                    f"There is no dataset '{name}'; there are: {', '.join(known) or 'none'}.", [self.dataset]
                )
            )

    def open(self, name: str) -> None:
        """Show the dataset called ``name``, with its files as they are now; where that cannot be, why."""
        self.name = name
        self.dataset.tooltip = _TOOLTIP.format(name)  # a long name is seen in full
        heading = [self.dataset]
        try:
            model = Model(stage.open_stage("segment", name))
            kept = self._kept.setdefault(name, KeptSettings(model.run.paths.parameters))
            self._show(Explorer(model, heading, kept=kept, reopen=self._reopen))
        except (VoidlabError, OSError) as error:
            self._show(Sentence(str(error), heading))

    def _reopen(self, row: int, note: str) -> None:
        """Show the dataset anew, at the same frame, and say ``note``."""
        self.open(self.name)
        if isinstance(self.explorer, Explorer):
            self.explorer.show_row(row)
            self.explorer.say(note)

    def _show(self, explorer: Explorer | Sentence) -> None:
        self.explorer = explorer
        self.widget.children = (explorer.widget,)
