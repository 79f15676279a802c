"""Parameters: YAML in, every mistake out at once, with its line."""

import time

import pytest

from voidlab.project import parameters
from voidlab.project.parameters import models, yaml_file
from voidlab.project.parameters.yaml_file import ParameterErrors


@pytest.fixture
def yaml(tmp_path):
    def write(text, name="x"):
        path = tmp_path / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def problems(path, given=None):
    with pytest.raises(ParameterErrors) as caught:
        parameters.load_parameters(path, given)
    return [str(problem) for problem in caught.value.problems]


def test_what_is_left_out_has_its_default(yaml):
    typed = parameters.load_parameters(yaml("images: a\n"))
    assert typed.dataset == "x"
    assert typed.track.search_range_px == "auto"
    assert typed.track.memory == 2
    assert typed.track.link_edge_voids is False
    assert typed.segment.edge_buffer_px == 8


def test_numbers_are_read_as_yaml_1_2_does(yaml):
    typed = parameters.load_parameters(yaml("images: a\npixel_size_nm: 5e-1\ntilt_angles_deg: [-1, 2.5]\n"))
    assert typed.pixel_size_nm == 0.5
    assert typed.tilt_angles_deg == [-1.0, 2.5]


def test_dates_are_text(yaml):
    text = "images: a\nsample: {name: 2026-03-01, made: 2026-03-01 10:20:30, 7: x}\n"
    sample = parameters.load_parameters(yaml(text)).sample
    assert (sample.name, sample.model_extra) == ("2026-03-01", {"made": "2026-03-01T10:20:30", "7": "x"})


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_file_in_another_encoding_is_told_how_to_save_it(tmp_path, encoding):
    (tmp_path / "x.yaml").write_bytes("images: Gérard\n".encode(encoding))
    assert problems(tmp_path / "x.yaml")[0].endswith(
        "it is not UTF-8. Save it as UTF-8 (in an editor: Save as, encoding)"
    )


def test_all_mistakes_at_once_with_file_and_line(yaml):
    text = """\
images: a
pixel_size_nm: -1
serach: 3
segment:
  treshold: 0.5
  threshold: 1.5
  memory: 3
  contrast: no
track: {memory: 2.5, link_edge_voids: 1}
"""
    found = problems(yaml(text))
    assert "x.yaml:2: pixel_size_nm = -1: must be ≥ 0.005" in found
    assert "x.yaml:5: segment.treshold: unknown key; did you mean 'threshold'?" in found
    assert "x.yaml:6: segment.threshold = 1.5: must be < 1.0" in found
    assert "x.yaml:7: segment.memory: unknown key here; it belongs under 'track:'" in found
    assert "x.yaml:8: segment.contrast = 'no': must be one of 'auto', 'bright' or 'dark'" in found
    assert "x.yaml:9: track.memory = 2.5: must be a whole number" in found
    assert "x.yaml:9: track.link_edge_voids = 1: must be true or false" in found
    assert any(p.startswith("x.yaml:3: serach: unknown key") for p in found)
    assert len(found) == 8


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "x.yaml:1: must be lines 'key: value'"),
        ("- a\n", "x.yaml:1: must be lines 'key: value'"),
        ("images: a\nimages: b\n", "x.yaml:2: is not valid YAML: found duplicate key"),
        ("images: a\nsegment:\n\tthreshold: 1\n", "x.yaml:3: a tab stands where YAML allows only spaces"),
        ("images: a\ndrift: &d {}\ntrack: *d\n", "x.yaml:3: anchors and aliases"),
        ("images: a\npixel_size_nm: !nm 0.47\n", "x.yaml:2: tags such as !nm are not read here"),
        ("images: a\ntrack: !!omap [memory: 3]\n", "x.yaml:2: tags such as !!omap are not read here"),
        ("images: a\nsample: {day: 2026-13-40}\n", "x.yaml:2: a date that no calendar has, or a number of"),
        (
            "images: a\n\npixel_size_nm: " + 5000 * "1",
            "x.yaml:3: a date that no calendar has, or a number of",
        ),
        ("images: a\npixel_size_nm: " + 400 * "1", "x.yaml:2: pixel_size_nm = 111111111111111111...11"),
        (
            "images: a\npixel_size_nm: 2026-03-01\n",
            "x.yaml:2: pixel_size_nm = '2026-03-01': must be a number",
        ),
        ('images: "a\\0.tif"\n', "x.yaml:1: 'a\\x00.tif' holds what is no text; type it anew"),
        ('images: a\nsample: {a: "\\ud800"}\n', "x.yaml:2: '\\ud800' holds what is no text; type it anew"),
        ("images: a\nsample: {1: a, '1': b}\n", "x.yaml:2: the key 1 stands twice"),
        ("images: a\nsample: {value: 3}\n", "x.yaml:2: sample: 'value' names a column of our own"),
        ("images: a\nsample: {'': 3}\n", "x.yaml:2: sample: '' names a column of our own, or none"),
        (f"images: a\nsample: {{a: {10**300}}}\n", "must be at most 2^53; in quotes it is text"),
        ("images: a\nframe_interval_s: 1e-320\n", "x.yaml:2: frame_interval_s = 1e-320: must be ≥ 1e-09"),
        ("images: a\nsegment: 3\n", "x.yaml:2: segment = 3: must be a list of 'key: value'"),
        ("segment: {}\n", "x.yaml: images: is required"),
        (
            "images: {file: a, serie: 1}\n",
            "x.yaml:1: images = {'file': 'a', 'serie': 1}: must be a glob, folder or",
        ),
        (
            "images: {file: a, series: -1}\n",
            "or more of series, channel, slice (from 0), signal (a title), recursive",
        ),
        ("images: a\ndataset: y\n", "x.yaml:2: dataset = 'y': must be 'x'"),
        ("images: a\ntilt_angles_deg: [a]\n", "x.yaml:2: tilt_angles_deg = ['a']: must be a list of numbers"),
        ("images: a\nsegment: {min_radius_px: 90, max_radius_px: 80}\n", "must be > min_radius_px = 90.0"),
        (
            "images: a\ntimes_s: [1]\nframe_interval_s: 2\n",
            "x.yaml:2: give times_s or frame_interval_s, not both",
        ),
    ],
)
def test_each_mistake_says_where_and_what(yaml, text, said):
    (found,) = problems(yaml(text))
    assert said in found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sample: " + "[" * 5000 + "]" * 5000, "is nested far deeper than parameters are"),
        ("ignore_boxes_px: [" + ",".join(["[0,0,1,1]"] * 30_000) + "]", "it holds more than 100,000 values"),
    ],
)
def test_what_would_take_the_parser_minutes_is_refused_in_seconds(yaml, text, said):
    began = time.monotonic()
    with pytest.raises(ParameterErrors, match=said):
        parameters.load_parameters(yaml(f"images: a*.tif\n{text}\n"))
    assert time.monotonic() - began < 60


def test_frames_are_left_out_by_ranges_too(yaml):
    typed = parameters.load_parameters(yaml("images: a\nexcluded_frames: [3, 10-12, '20 - 21', 30–30]\n"))
    assert typed.excluded_frames == [3, 10, 11, 12, 20, 21, 30]


@pytest.mark.parametrize("given", ["12-10", "0-99999999", "a-b", "1-2-3", "-5"])
def test_ranges_of_frames_that_are_none(yaml, given):
    said = problems(yaml(f"images: a\nexcluded_frames: ['{given}']\n"))
    assert len(said) == 1
    assert "excluded_frames" in said[0]


def test_a_missing_file_names_its_neighbour(yaml, tmp_path):
    yaml("images: a\n", "gold")
    assert "did you mean gold.yaml?" in problems(tmp_path / "glod.yaml")[0]


def test_a_file_that_is_no_text_is_no_traceback(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xff\xfe\x00\x81")
    assert "cannot be read as text" in problems(path)[0]


def test_what_is_given_outweighs_the_file_and_is_checked(yaml):
    path = yaml("images: a\ntrack: {memory: 1}\n")
    assert parameters.load_parameters(path, {"track": {"memory": 5}}).track.memory == 5
    assert problems(path, {"track": {"memory": -5}}) == ["track.memory: must be ≥ 0"]


def test_describe_says_where_each_value_comes_from(yaml):
    typed = parameters.load_parameters(
        yaml("images: a\ntrack: {memory: 1}\n"), {"track": {"search_range_px": 9.0}}
    )
    of_segment = models.describe(typed.segment).set_index("name")["value"]
    assert of_segment[["kinds", "trust_model", "threshold"]].tolist() == ["[void]", "false", "0.5"]
    table = models.describe(typed.track, ["search_range_px"]).set_index("name")
    assert table.loc["memory", "source"] == "YAML"
    assert table.loc["search_range_px", "source"] == "this run"
    assert table.loc["search_range_px", "unit"] == "px"
    assert table.loc["link_edge_voids", "source"] == "default"
    assert (table["meaning"] != "").all()


def test_write_values_keeps_comments_and_order(yaml):
    path = yaml("# my gold\nimages: a  # where\nsegment:\n  threshold: 0.5  # tuned\ntrack: {memory: 2}\n")
    changes = parameters.write_values(path, "segment", {"threshold": 0.6, "contrast": "dark"})
    assert list(map(str, changes)) == [
        "segment.threshold: 0.5 → 0.6",
        "segment.contrast: auto (default) → dark",
    ]
    text = path.read_text()
    assert text.startswith(
        "# my gold\nimages: a  # where\nsegment:\n  threshold: 0.6  # tuned\n  contrast: dark"
    )
    assert "track: {memory: 2}" in text


LAYOUTS = {
    "flow": "images: 'a'   # where\nsegment: {contrast: auto}     # look\ntrack:   {memory: 2}\n",
    "block": "images: a\nsegment:\n    contrast: auto   # look\n    # why\n\n# next\ntrack: {memory: 2}\n",
    "empty flow": "images: a\nsegment: {}\ntrack: {memory: 2}\n",
    "missing": "images: a\nexcluded_frames: [ 17,18 ]\ntilt_angles_deg:\n    - -3.0\n    - 3.00  # last",
    "many lines": "images: a\nsegment: {\n  contrast: auto,\n  threshold: 0.50\n}\n",
    "no newline": "images: a\nsegment:\n  threshold: 0.5",
    "windows": "images: a\r\nsegment:\r\n  threshold: 0.5 # x\r\n",
}


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_only_the_touched_values_change_whatever_the_layout(yaml, text):
    path = yaml("")
    path.write_bytes(text.encode())
    before = parameters.load_parameters(path)
    changes = parameters.write_values(path, "segment", {"threshold": 0.65, "min_radius_px": 3.0})
    assert len(changes) == 2
    after = parameters.load_parameters(path)
    assert (after.segment.threshold, after.segment.min_radius_px) == (0.65, 3.0)
    assert after.segment.contrast == before.segment.contrast
    assert after.track == before.track
    new = path.read_bytes().decode()
    assert ("\r\n" in new) == ("\r\n" in text)
    lines = new.split("\n")
    kept = [line for line in text.split("\n") if "segment" not in line and "threshold" not in line]
    assert [line for line in kept if line not in lines and line + "\r" not in lines] == []
    assert parameters.write_values(path, "segment", {"threshold": 0.65}) == []
    assert path.read_bytes().decode() == new


def test_what_would_change_is_told_before_it_does(yaml):
    path = yaml("images: a\nsegment: {threshold: 0.5}\n")
    (change,) = parameters.changes_of(path, "segment", {"threshold": 0.6})
    assert (change.name, change.before, change.after) == ("segment.threshold", "0.5", "0.6")
    assert "0.6" not in path.read_text()
    assert parameters.changes_of(path, "segment", {"threshold": 0.5}) == []


BOXES = {
    "not there": "images: a\nsegment:\n  threshold: 0.6\n",
    "in a row": "images: a\nignore_boxes_px: [[1, 2, 3, 4]]  # bar\nsegment: {threshold: 0.6}\n",
    "below each other": "images: a\nignore_boxes_px:\n  - [1, 2, 3, 4]\n  - [5, 6, 7, 8]\n\n# next\n"
    "segment: {threshold: 0.6}\n",
    "not indented": "images: a\nignore_boxes_px:\n- [1, 2, 3, 4]\nsegment: {threshold: 0.6}\n",
    "empty": "images: a\nignore_boxes_px:\nsegment: {threshold: 0.6}",
}


@pytest.mark.parametrize("text", BOXES.values(), ids=BOXES)
def test_values_of_no_stage_are_written_whatever_the_layout(yaml, text):
    path = yaml(text)
    if "ignore_boxes_px:\nsegment" in text:
        with pytest.raises(ParameterErrors):  # as it stands it is no list
            parameters.load_parameters(path)
    changes = parameters.write_values(
        path, "", {"ignore_boxes_px": [[0, 960, 1024, 64], [5, 6, 7, 8]], "pixel_size_nm": 0.25}
    )
    assert [change.name for change in changes] == ["ignore_boxes_px", "pixel_size_nm"]
    assert changes[1].before == "none"
    after = parameters.load_parameters(path)
    assert after.ignore_boxes_px == [[0, 960, 1024, 64], [5, 6, 7, 8]]
    assert (after.pixel_size_nm, after.segment.threshold) == (0.25, 0.6)
    assert ("# next" in path.read_text()) == ("# next" in text)


def test_a_value_of_no_stage_that_cannot_be_is_refused(yaml):
    path = yaml("images: a\n")
    with pytest.raises(ParameterErrors, match="pixel_size_nm: must be"):
        parameters.write_values(path, "", {"pixel_size_nm": 4000.0})
    assert path.read_text() == "images: a\n"


def test_ranges_come_from_the_model():
    segment = models.SegmentParameters
    assert models.range_of(segment, "threshold") == (0, 1)
    assert models.range_of(segment, "min_radius_px") == (1, 1000)
    assert models.range_of(segment, "edge_buffer_px") == (0, float("inf"))


def test_write_values_refuses_what_could_not_be_read_again(yaml):
    path = yaml("images: a\n")
    with pytest.raises(ParameterErrors):
        parameters.write_values(path, "segment", {"threshold": 7})
    assert path.read_text() == "images: a\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("0.5", 0.5), ("true", True), ("dark", "dark"), ("[1, 2]", [1, 2]), ("a: [", "a: [")],
)
def test_read_value(text, value):
    assert yaml_file.value_of(text) == value


@pytest.mark.parametrize(
    "key", ["foil_thickness_nm", "foil_sigma_nm", "dose_dpa_per_s", "dose_dpa_per_frame"]
)
def test_facts_of_the_specimen_have_one_home(yaml, key):
    found = problems(yaml(f"images: a\nexport: {{{key}: 5}}\n"))
    assert found == [f"x.yaml:2: export.{key}: unknown key here; it belongs under 'sample:'"]


def test_the_wide_pixels_of_low_magnification_are_taken(yaml):
    assert parameters.load_parameters(yaml("images: a\npixel_size_nm: 60.0\n")).pixel_size_nm == 60


def test_a_foil_needs_its_error_and_a_dose_is_said_once(yaml):
    text = "images: a\nsample:\n  foil_thickness_nm: 100\n  dose_dpa_per_s: 1.0\n  dose_dpa_per_frame: 1.0\n"
    found = problems(yaml(text))
    assert any(p.startswith("x.yaml:3: sample.foil_thickness_nm needs sample.foil_sigma_nm") for p in found)
    assert "x.yaml:5: give sample.dose_dpa_per_s or sample.dose_dpa_per_frame, not both" in found
    alone = problems(yaml("images: a\nsample: {foil_sigma_nm: 5}\n"))
    assert alone == ["x.yaml:2: sample.foil_sigma_nm needs sample.foil_thickness_nm beside it"]
    wide = problems(yaml("images: a\nsample: {foil_thickness_nm: 10, foil_sigma_nm: 6}\n"))
    assert wide == ["x.yaml:2: sample.foil_sigma_nm = 6: must be ≤ half of foil_thickness_nm = 10"]


@pytest.mark.parametrize("text", ["[dot, void]", "[void, dot]", "[void, dot, void]"])
def test_order_and_repetition_of_kinds_do_not_matter(yaml, text):
    typed = parameters.load_parameters(yaml(f"images: a\nsegment: {{kinds: {text}}}\n"))
    assert typed.segment.kinds == ("void", "dot")
    assert typed.segment.model_dump(mode="json")["kinds"] == ["void", "dot"]
    assert parameters.load_parameters(yaml("images: a\n")).segment.kinds == ("void",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "x.yaml:2: segment.kinds = []: must hold 1 or more"),
        ("loop", "x.yaml:2: segment.kinds = 'loop': must be a list"),
        ("[voids]", "x.yaml:2: segment.kinds = ['voids']: must be one of 'void', 'loop' or 'dot'"),
        (
            "[loop]",
            "x.yaml:2: segment.kinds = [loop]: without voids there are no masks to correlate; expected",
        ),
    ],
)
def test_kinds_that_cannot_be(yaml, text, said):
    (found,) = problems(yaml(f"images: a\nsegment: {{kinds: {text}}}\n"))
    assert found.startswith(said)


def test_loops_alone_need_a_drift_from_the_images(yaml):
    text = "images: a\nsegment: {kinds: [loop]}\ndrift: {source: images}\n"
    assert parameters.load_parameters(yaml(text)).segment.kinds == ("loop",)


@pytest.mark.parametrize("wrong", ["[5, 2]", "[5]", "[1, 2, 3]", "high", "[0, .inf]"])
def test_a_range_of_intensities_is_two_rising_numbers(yaml, wrong):
    text = "dataset: x\nimages: a.tif\nsegment: {{intensity_range: {}}}\n"
    (said,) = problems(yaml(text.format(wrong)))
    assert "must be two numbers as stored in the images, [low, high]" in said
    assert said.startswith("x.yaml:3: ")
    good = parameters.load_parameters(yaml(text.format("[0, 4095]")))
    assert good.segment.intensity_range == (0, 4095)


def test_the_sample_takes_keys_of_the_users_own(yaml):
    given = "images: a\nsample: {name: A7, dose: 3.5e16, temperature: hot, ion: He, annealed: true, foil_lot: 12}\n"
    sample = parameters.load_parameters(yaml(given)).sample
    assert sample.name == "A7"
    assert sample.model_extra == {
        "dose": 3.5e16, "temperature": "hot", "ion": "He", "annealed": True, "foil_lot": 12
    }  # fmt: skip
    shown = models.describe(sample).set_index("name")["value"]
    assert shown["ion"] == "He"


def test_a_slip_in_the_sample_is_no_key_of_ones_own(yaml):
    text = "images: a\nsample:\n  foil_thickness_mm: 100\n  temperature_C: 300\n  threshold: 0.5\n  ions: [He, Fe]\n"
    assert problems(yaml(text)) == [
        "x.yaml:6: sample.ions = ['He', 'Fe']: must be text, a number, true or false",
        "x.yaml:3: sample.foil_thickness_mm: unknown key; did you mean 'foil_thickness_nm'?",
        "x.yaml:4: sample.temperature_C: unknown key; did you mean 'temperature_c'?",
        "x.yaml:5: sample.threshold: unknown key here; it belongs under 'segment:'",
    ]
