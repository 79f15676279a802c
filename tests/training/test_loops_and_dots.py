import pytest
import tifffile

from voidlab import segment
from voidlab.simulate.micrographs import micrograph
from voidlab.training import loops_and_dots


@pytest.mark.slow
def test_what_is_told_of_loops_and_dots_is_mostly_right():
    found = loops_and_dots.on_simulated(segment.load_segmenter("voids"), range(2_000_000, 2_000_050))
    assert found["precision"] > 0.66
    assert found["recall"] > 0.15
    assert found["right_kind"] > 0.65


def test_what_is_detected_is_counted_by_kind(tmp_path):
    tifffile.imwrite(tmp_path / "crowd.tif", micrograph(2_000_120, shape=(384, 384)).as_shown)
    method = segment.load_segmenter("voids", contrast="bright")
    found = loops_and_dots.detected([tmp_path / "crowd.tif"], method)
    assert found["voids"] == 0
    assert found["loops"] + found["dots"] > 30
