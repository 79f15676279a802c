"""Edits by hand: what a person can say of voids, tracks and images.

An edit names a void by where it lies and how big it is, not by its label, and a track by a void of it: labels and
particles are numbered anew when a stage runs with other settings. How edits act is in `voidlab.segment.corrections`
and `voidlab.track.corrections`, how they are kept in `voidlab.project.corrections`.
"""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from voidlab.project.spots import Coordinate, Ellipse, FrameNumber, Plain, Run, Spot, check_area
from voidlab.tables.listing import number_of


class _Edit(Plain):
    """What all edits share: the stage they act in, their name in the file, and ``words`` for what was done."""

    stage: ClassVar[str]
    words: ClassVar[str]
    edit: str

    def __str__(self) -> str:
        return self.words.format_map(vars(self))


class _EditOfVoid(_Edit):
    stage = "segment"
    at: Spot


class _EditOfTrack(_Edit):
    stage = "track"
    at: Spot


class DeleteVoid(_EditOfVoid):
    """This is no void."""

    words = "deleted the void at {at}"
    edit: Literal["delete_void"] = "delete_void"


class AddVoid(_EditOfVoid):
    """Here is a void: a circle, an ``ellipse`` of its area, or with ``runs`` these very pixels."""

    words = "added a void at {at}"
    edit: Literal["add_void"] = "add_void"
    runs: tuple[Run, ...] = ()
    ellipse: Ellipse | None = None

    @model_validator(mode="after")
    def _one_outline(self) -> Self:
        if self.runs and self.ellipse is not None:
            raise ValueError("runs and ellipse are both given; expected one of them")
        check_area(self.ellipse, self.at)
        return self


class RedrawVoid(_EditOfVoid):
    """This void consists of these pixels."""

    words = "redrew the void at {at}"
    edit: Literal["redraw_void"] = "redraw_void"
    runs: Annotated[tuple[Run, ...], Field(min_length=1)]


class MoveVoid(_EditOfVoid):
    """This void is the circle ``to``, or the ``ellipse`` of its area there: moved, or of another size or shape."""

    edit: Literal["move_void"] = "move_void"
    to: Spot
    ellipse: Ellipse | None = None

    @model_validator(mode="after")
    def _of_one_area(self) -> Self:
        check_area(self.ellipse, self.to)
        return self

    def __str__(self) -> str:
        size = self.ellipse or f"a radius of {self.to.radius_px:.1f} px"
        if (self.at.x_px, self.at.y_px) == (self.to.x_px, self.to.y_px):
            return f"resized the void at {self.at} to {size}"
        return f"moved the void at {self.at} to ({self.to.x_px:.1f}, {self.to.y_px:.1f}), with {size}"


class SplitVoid(_EditOfVoid):
    """This is two voids, one on each side of the line through (x0, y0) and (x1, y1)."""

    words = "split the void at {at}"
    edit: Literal["split_void"] = "split_void"
    line: tuple[Coordinate, Coordinate, Coordinate, Coordinate]


class MergeVoids(_Edit):
    """These are one void."""

    stage = "segment"
    edit: Literal["merge_voids"] = "merge_voids"
    at: Annotated[tuple[Spot, ...], Field(min_length=2)]

    def __str__(self) -> str:
        return f"merged {number_of(len(self.at), 'void')} at {self.at[0]}"


class BadFrame(_Edit):
    """This image is of no use."""

    stage = "segment"
    words = "marked frame {frame} as bad"
    edit: Literal["bad_frame"] = "bad_frame"
    frame: FrameNumber


class AcceptFrame(_Edit):
    """A person looked through the voids of this image and found them right; changes no result."""

    stage = "review"
    words = "accepted frame {frame}"
    edit: Literal["accept_frame"] = "accept_frame"
    frame: FrameNumber


class DeleteTrack(_EditOfTrack):
    """The track through this void is none."""

    words = "deleted the track through {at}"
    edit: Literal["delete_track"] = "delete_track"


class CutTrack(_EditOfTrack):
    """From this void on the track is another."""

    words = "cut the track before {at}"
    edit: Literal["cut_track"] = "cut_track"


class JoinTracks(_EditOfTrack):
    """The tracks through these two voids are one."""

    words = "joined the tracks through {at} and {to}"
    edit: Literal["join_tracks"] = "join_tracks"
    to: Spot


class Undo(_Edit):
    """The correction with this id does not hold; an undo can be undone."""

    stage = ""
    words = "took back {undone}"
    edit: Literal["undo"] = "undo"
    undone: str


VoidEdit = DeleteVoid | AddVoid | RedrawVoid | MoveVoid | SplitVoid | MergeVoids | BadFrame
TrackEdit = DeleteTrack | CutTrack | JoinTracks
Edit = VoidEdit | TrackEdit | AcceptFrame | Undo
EDIT: TypeAdapter[Edit] = TypeAdapter(Annotated[Edit, Field(discriminator="edit")])


def frame_of(edit: VoidEdit) -> int:
    """Number of the image that an edit of voids is about."""
    if isinstance(edit, BadFrame):
        return edit.frame
    return edit.at[0].frame if isinstance(edit, MergeVoids) else edit.at.frame
