"""Sizes given in nm: px as soon as the width of a pixel is known, and what cannot be."""

import pytest

from voidlab.project import parameters
from voidlab.project.parameters import sizes
from voidlab.project.parameters.models import SegmentParameters, describe
from voidlab.project.parameters.yaml_file import ParameterErrors


def test_a_diameter_in_nm_is_half_as_many_nm_of_radius_in_px():
    made = sizes.in_px(SegmentParameters(min_diameter_nm=4, max_diameter_nm=60), 0.5)
    assert (made.min_radius_px, made.max_radius_px) == (4.0, 60.0)
    assert made.min_diameter_nm is made.max_diameter_nm is None
    assert sizes.in_px(made, 0.25) == made


def test_without_sizes_in_nm_nothing_changes():
    assert sizes.in_px(SegmentParameters(min_radius_px=3), None) == SegmentParameters(min_radius_px=3)


@pytest.mark.parametrize(
    ("settings", "pixel_size_nm", "said"),
    [
        ({"min_diameter_nm": 4}, None, "not known. Set pixel_size_nm, or in its place segment.min_radius_px"),
        ({"min_diameter_nm": 0.3}, 0.5, "min_diameter_nm = 0.3: expected 1 to 1e+03, as a pixel is 0.5 nm wide"),
        ({"max_diameter_nm": 5000}, 0.5, "max_diameter_nm = 5000: expected 1 to 4e+03"),
        ({"min_diameter_nm": 40, "max_radius_px": 20}, 0.5, "20 nm, must be more than the smallest kept, 40"),
        ({"min_diameter_nm": 9, "max_diameter_nm": 9}, 0.5, "segment.max_diameter_nm = 9: the largest"),
        ({"max_diameter_nm": 2}, 0.5, "looked for, 2 nm, must be more than the smallest kept, 2.5 nm"),
    ],
)  # fmt: skip
def test_sizes_in_nm_that_cannot_be(settings, pixel_size_nm, said):
    with pytest.raises(sizes.SizeError, match="segment") as caught:
        sizes.in_px(SegmentParameters(**settings), pixel_size_nm)
    assert said in str(caught.value)


def test_a_size_given_in_nm_and_in_px_is_an_error_that_names_both(tmp_path):
    yaml = tmp_path / "x.yaml"
    yaml.write_text("images: a\nsegment:\n  min_radius_px: 3\n  min_diameter_nm: 9\n", encoding="utf-8")
    with pytest.raises(ParameterErrors) as caught:
        parameters.load_parameters(yaml)
    said = "segment.min_diameter_nm = 9 and segment.min_radius_px = 3.0 say the same twice: give one of them"
    assert [str(problem) for problem in caught.value.problems] == [f"x.yaml:4: {said}"]


def test_a_slider_in_px_is_kept_in_nm_where_the_file_is():
    touched = {"min_radius_px": 5.3, "threshold": 0.6}
    assert sizes.as_given(touched, SegmentParameters(min_diameter_nm=4), 0.47) == {
        "min_diameter_nm": 4.98,
        "threshold": 0.6,
    }
    assert sizes.as_given(touched, SegmentParameters(), 0.47) == touched


def test_the_table_of_a_page_shows_no_radius_that_did_not_count():
    table = describe(SegmentParameters(min_diameter_nm=4)).set_index("name")["value"]
    assert (table["min_diameter_nm"], table["min_radius_px"]) == ("4.0", "by min_diameter_nm")
    assert table["max_radius_px"] == "auto"


def test_a_largest_size_set_to_auto_takes_the_diameter_in_nm_out(tmp_path):
    given = SegmentParameters(max_diameter_nm=60)
    values = sizes.as_given({"max_radius_px": "auto"}, given, 0.5)
    assert values == {"max_diameter_nm": None}
    yaml = tmp_path / "x.yaml"
    yaml.write_text("images: a\nsegment: {max_diameter_nm: 60}\n", encoding="utf-8")
    parameters.write_values(yaml, "segment", values)
    assert sizes.in_px(parameters.load_parameters(yaml).segment, 0.5).max_radius_px == "auto"
