"""The blocks of a notebook as a reader wants them: figures first, what explains how they were made folded behind.

The cell of a heading says by a tag where its section goes: ``first``, or ``folded``. Without tags the order stays.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from markupsafe import Markup

from voidlab.report.notebook_html import Block
from voidlab.report.placeholders import IN_3D_ONLY, OF_SERIES_ONLY

_FIRST, _FOLDED = "first", "folded"
_NONE = "none"
_HEADING = re.compile(r"\s*<h(\d)[^>]*>.*?</h\1>\s*", re.S)


@dataclass
class Section:
    """A heading, empty of what stands before the first, and the blocks up to the next one."""

    title: str = ""
    level: int = 0
    place: str = ""
    blocks: list[Block] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to show: its outputs are texts, the last of which is the word none."""
        outputs = [block for block in self.blocks if not block.prose]
        return bool(outputs) and all(block.kind == "text" for block in outputs) and outputs[-1].body == _NONE

    @property
    def is_of_series_only(self) -> bool:
        """Whether it says nothing of the single image that the page is of."""
        return any(block.kind == "text" and block.body == OF_SERIES_ONLY for block in self.blocks)

    @property
    def is_in_3d_only(self) -> bool:
        """Whether it would show what was placed in depth, and nothing was."""
        outputs = [block for block in self.blocks if not block.prose]
        return bool(outputs) and all(block.kind == "text" and block.body in IN_3D_ONLY for block in outputs)

    @property
    def is_bare(self) -> bool:
        """Whether it is a heading without anything below."""
        return all(block.prose and not _HEADING.sub("", str(block.body)) for block in self.blocks)


def arrange(blocks: Iterable[Block], *, as_it_ran: bool = False) -> tuple[list[Section], list[Section]]:
    """Sections to show, figures first, and sections to fold.

    ``as_it_ran`` keeps the order of the notebook and folds nothing, as where it stopped half-way. A warning is never
    folded away: it is shown before the first heading.
    """
    sections = [section for section in _split(blocks) if not section.is_of_series_only]
    if as_it_ran:
        return sections, []
    sections = _one_for_those_in_3d(sections)
    folded = [section for section in sections if section.place == _FOLDED or section.is_empty]
    shown = [section for section in sections if section not in folded]
    opening = [section for section in shown if not section.title]
    first = [section for section in shown if section.title and section.place == _FIRST]
    rest = [section for section in shown if section.title and section.place != _FIRST]
    warnings = [block for section in folded for block in section.blocks if block.kind == "warning"]
    opening += [Section(blocks=warnings)] if warnings else []
    behind = [_without_heading(section) for section in folded if not section.is_bare]
    return [*opening, *_with_content([*first, *rest])], behind


def _split(blocks: Iterable[Block]) -> list[Section]:
    sections = [Section()]
    above = ""  # where a section of level 2 goes, those below it go
    for block in blocks:
        if block.level:
            own = next(iter(block.tags & {_FIRST, _FOLDED}), "")
            above = own if block.level == 2 else above
            sections.append(Section(block.title, block.level, own or above))
        sections[-1].blocks.append(block)
    return [section for section in sections if section.blocks]


def _one_for_those_in_3d(sections: list[Section]) -> list[Section]:
    """With one sentence in place of all that would show what was placed in depth, where nothing was."""
    absent = [section for section in sections if section.is_in_3d_only]
    if not absent:
        return sections
    titles = ", ".join(section.title for section in absent)
    said = Markup("<p>Nothing was placed in depth, so there is nothing to show here of: {}.</p>").format(
        titles
    )
    sentence = replace(absent[0], blocks=[Block("html", said, prose=True)])
    return [
        sentence if section is absent[0] else section
        for section in sections
        if section is absent[0] or section not in absent
    ]


def _with_content(sections: list[Section]) -> list[Section]:
    """Without headings below which nothing is left."""
    below = [*(section.level for section in sections[1:]), 0]
    return [s for s, level in zip(sections, below, strict=False) if not s.is_bare or level > s.level]


def _without_heading(section: Section) -> Section:
    """As it is folded below its title: without the heading, warnings and the word none."""
    head, *others = section.blocks
    head = replace(head, body=Markup(_HEADING.sub("", str(head.body), count=1))) if head.level else head
    blocks = [b for b in (head, *others) if b.kind != "warning" and (b.body or b.kind == "parameters")]
    title = f"{section.title}: {_NONE}" if section.is_empty else section.title
    kept = [b for b in blocks if not (b.kind == "text" and b.body == _NONE)]
    return replace(section, title=title, blocks=kept)
