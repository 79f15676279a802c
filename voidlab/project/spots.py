"""Where a void lies in an image and how large it is, as corrections by hand name and draw it."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from voidlab.project.parameters.values import check_number

_ROUNDED = 0.02  # of a radius: places and sizes are kept to a hundredth of a px


class Plain(BaseModel):
    """What all of these share: no key that is not known, no number that is none."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


A_NUMBER = BeforeValidator(check_number)
# No image is wider than a million px, no count of images has more digits: what is beyond was not meant.
Coordinate = Annotated[float, Field(ge=-1e6, le=1e6), A_NUMBER]
FrameNumber = Annotated[int, Field(ge=-(2**62), le=2**62), A_NUMBER]
Pixel = Annotated[int, Field(ge=0, le=2**31), A_NUMBER]
Length = Annotated[float, Field(gt=0, le=1e5), A_NUMBER]


class Spot(Plain):
    """A void by where it lies in an image, px of the image as recorded."""

    frame: FrameNumber
    x_px: Coordinate
    y_px: Coordinate
    radius_px: Length

    def __str__(self) -> str:
        return f"({self.x_px:.1f}, {self.y_px:.1f}) in frame {self.frame}"


class Ellipse(Plain):
    """The outline of a void that is no circle; ``orientation_deg``: of its long axis, from x, right, to y, down."""

    semi_major_px: Length
    semi_minor_px: Length
    orientation_deg: Annotated[float, Field(ge=-180, le=180), A_NUMBER]

    @property
    def radius_px(self) -> float:
        """Radius of the circle of the same area."""
        return float((self.semi_major_px * self.semi_minor_px) ** 0.5)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.semi_minor_px > self.semi_major_px:
            raise ValueError(
                f"semi_minor_px = {self.semi_minor_px:g} is more than semi_major_px = {self.semi_major_px:g}"
            )
        return self

    def __str__(self) -> str:
        return (
            f"an ellipse of semi-axes {self.semi_major_px:.1f} and {self.semi_minor_px:.1f} px, the long one at "
            f"{round(self.orientation_deg)}°"
        )


def check_area(ellipse: Ellipse | None, spot: Any) -> None:
    """Raise ValueError if ``ellipse`` has another area than the circle of ``spot``, which stands for it elsewhere."""
    if ellipse is not None and abs(ellipse.radius_px / spot.radius_px - 1) > _ROUNDED:
        raise ValueError(
            f"the ellipse has the area of a circle of {ellipse.radius_px:.2f} px radius, but radius_px is "
            f"{spot.radius_px:g}"
        )


Run = tuple[Pixel, Pixel, Annotated[int, Field(gt=0, le=2**31), A_NUMBER]]
"""Pixels side by side: y, x of the first, how many."""
