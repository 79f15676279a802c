from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from voidlab import segment
from voidlab.images.errors import ImagesError
from voidlab.segment import contrast, expectation
from voidlab.segment.completeness import Completeness
from voidlab.segment.contrast import ContrastChoice
from voidlab.segment.discs import Discs
from voidlab.segment.expectation import Expectation, Looks, Share, Teacher, expect, look_twice, shortest
from voidlab.segment.network_segmenter import NetworkSegmenter


def discs(*rows):
    return Discs(*np.array(rows, float).reshape(-1, 4).T)


@pytest.mark.parametrize("shape", [(40, 60), (61, 41), (128, 128)])
def test_what_is_seen_in_the_turned_image_lies_where_it_lies(shape):
    for y, x in ((5, 9), (30, 20), (17, 33)):
        image = np.zeros(shape, np.float32)
        image[y - 1 : y + 2, x - 1 : x + 2] = 1
        again = expectation.turned(image)
        row, column = np.unravel_index(again.argmax(), again.shape)
        back = expectation.turned_back(discs((column, row, 12, 0.9)), shape)
        assert (back.x[0], back.y[0]) == pytest.approx((x, y), abs=1.3)
        assert back.radius[0] == pytest.approx(10)


def test_two_looks_say_of_each_other():
    first = discs((10, 10, 4, 0.9), (50, 50, 6, 0.6), (80, 20, 5, 0.3))
    second = discs((11, 10, 4, 0.8), (80, 21, 5, 0.7), (30, 90, 5, 0.95))
    looks = look_twice(first, second, 0.5)
    assert looks == Looks(
        detections=2,
        sure=pytest.approx(1.5),
        candidates=pytest.approx(1.8),
        confirmed=pytest.approx(0.8),  # the one at 50, 50 is not seen again
        others=3,
        known=pytest.approx(0.9 + 0.3),
    )
    assert look_twice(discs(), second, 0.5).confirmed == 0
    assert look_twice(first, discs(), 0.5).known == 0


NEVER = (-9.0, 0, 0, 0, 0)


def teacher(*weights, concentration=50.0, in_vain=NEVER):
    return Teacher(weights, in_vain, concentration)


def test_the_interval_holds_the_share_of_an_image_in_nine_of_ten():
    random = np.random.default_rng(0)
    for value, concentration, count in ((0.9, 8.0, 40), (0.7, 30.0, 200), (0.5, 3.0, 12)):
        given = teacher(np.log(value / (1 - value)), 0, 0, 0, 0, concentration=concentration)
        share = given.expect(np.array([1.0, 0, 0, 0, 0]), count)
        assert share.value == pytest.approx(value, rel=2e-3)
        true = (
            random.binomial(count, random.beta(value * concentration, (1 - value) * concentration, 4000))
            / count
        )
        held = ((true >= share.low) & (true <= share.high)).mean()
        assert 0.88 <= held <= 0.97


def looks_of(confidence, n=100):
    return Looks(n, confidence * n, n, confidence * n, n, confidence * n)


TAUGHT = {name: teacher(0, 0.5, 0.5, -2, 0) for name in ("precision", "recall")}


@pytest.mark.parametrize(("confidence", "verdict"), [(0.95, "good"), (0.7, "check"), (0.3, "do not use")])
def test_the_verdict_goes_by_what_is_expected(confidence, verdict):
    found = expect([looks_of(confidence)], TAUGHT, undecided=False)
    assert found.verdict == verdict
    assert found.f1 == pytest.approx(confidence, abs=0.02)
    assert any(f"{found.precision.value:.2f}" in reason for reason in found.reasons)


def test_a_wide_interval_is_not_good():
    firm = expect([looks_of(0.95)], TAUGHT, undecided=False)
    loose = TAUGHT | {"precision": replace(TAUGHT["precision"], in_vain=(-1.4, 0, 0, 0, 0))}
    assert expect([looks_of(0.95)], loose, undecided=False).f1 > 0.82
    assert (firm.verdict, expect([looks_of(0.95)], loose, undecided=False).verdict) == ("good", "check")


def test_an_image_that_may_not_be_understood_has_an_interval_down_to_0():
    speaks = np.array([1.0, 0, 0, 0, 0])
    sure, may_be = (
        teacher(2.0, 0, 0, 0, 0, in_vain=(np.log(vain / (1 - vain)), 0, 0, 0, 0)).expect(speaks, 200)
        for vain in (0.01, 0.2)
    )
    assert sure.low > 0.75
    assert may_be.low == 0
    assert may_be.value == pytest.approx(0.8 / 0.99 * sure.value)


def test_of_few_that_are_right_as_few_are_missed():
    """20 detections of which 40 % are right are 8 voids; where half are detected there are 16, not 50."""
    taught = {
        name: teacher(np.log(odds), 0, 0, 0, 0) for name, odds in (("precision", 0.4 / 0.6), ("recall", 1))
    }
    found = expect([looks_of(0.5, 20)], taught, undecided=False)
    assert found.precision.value == pytest.approx(0.4, abs=0.01)
    want = taught["recall"].expect(np.array([1.0, 0, 0, 0, 0]), 16)
    assert (found.recall.low, found.recall.high) == (want.low, want.high)


def test_the_largest_voids_asked_for_are_confirmed_by_the_second_look():
    """The image is enlarged there, and so are they."""
    y, x = np.mgrid[:300, :300]
    random = np.random.default_rng(0)
    image = 0.05 * random.standard_normal((300, 300))
    radii = np.tile([7.0, 12.0], 18)
    for (cx, cy), r in zip(
        [(28 + 49 * i, 28 + 49 * j) for i in range(6) for j in range(6)], radii, strict=True
    ):
        image += np.hypot(x - cx, y - cy) < r
    method = segment.load_segmenter("voids", contrast="bright")
    limited = replace(method, max_radius_px=12.6)
    every, asked_for = method.look_twice(image), limited.look_twice(image)
    assert every.detections == asked_for.detections == 36
    assert asked_for.confirmed == pytest.approx(every.confirmed, rel=0.02)
    assert asked_for.others == every.others
    assert asked_for.known == pytest.approx(every.known, rel=0.02)


def test_each_image_of_a_focus_pair_is_looked_at_by_its_own_contrast(monkeypatch):
    seen = []

    def look(method, image):
        seen.append((method.contrast, image))
        return looks_of(0.95)

    monkeypatch.setattr(NetworkSegmenter, "look_twice", look)
    pair = replace(segment.load_segmenter("voids"), under=(False, True), taught=TAUGHT)
    assert pair.expectation(["over", "under"]).verdict == "good"
    assert seen == [("dark", "over"), ("bright", "under")]
    for ask in (pair.expectation, pair.completeness, pair.with_focus_from, pair.with_contrast_from):
        with pytest.raises(ImagesError, match="both images are needed; found 1"):
            ask([np.random.default_rng(0).random((64, 64))])


def test_complete_from_is_told_in_the_diameters_of_the_table(monkeypatch):
    method = segment.load_segmenter("voids", contrast="bright")
    measured = Completeness(6.0, 9.0, 5.4, 120, 26.0)
    monkeypatch.setattr(
        "voidlab.segment.network_segmenter.measure_completeness", lambda *args, **options: measured
    )
    sizes = {"kind": "void", "radius_px": [9.9, 9.9, 50], "edge_radius_px": [9.0, 9.0, 9.0]}
    voids = pd.DataFrame(sizes | {"size_basis": ["fringe", "fringe", "not a size"]})
    nothing = replace(method.run(np.zeros((64, 64))), voids=voids)
    monkeypatch.setattr(NetworkSegmenter, "run", lambda method, image: nothing)
    assert method.completeness([np.zeros((64, 64))]).nine_px == pytest.approx(9.9)


def test_an_undecided_contrast_counts():
    assert expect([looks_of(0.95)], TAUGHT, undecided=True).verdict != "good"


def test_images_are_taken_together():
    together = expect([looks_of(0.95), looks_of(0.55)], TAUGHT, undecided=False)
    assert together.precision.value == pytest.approx(0.75, abs=0.02)


def test_nothing_detected_is_to_be_checked():
    found = expect([Looks()], TAUGHT, undecided=False)
    assert (found.precision, found.recall, found.f1) == (None, None, 0.0)
    assert (found.verdict, found.reasons) == ("check", ["nothing was detected"])


def test_a_share_in_words():
    assert str(Share(0.912, 0.85, 0.964)) == "0.91 (0.85–0.96)"


class Told(segment.ClassicalSegmenter):
    """Detects as the classical segmenter does, and says what it is told to of its detections."""

    def expectation(self, images):
        assert len(list(images))
        return Expectation(Share(0.9, 0.8, 0.95), Share(0.7, 0.5, 0.8), "good", ["it was told so"])


class Series:
    """Three images with a bright disc."""

    shape = (64, 64)
    frames = pd.DataFrame(
        {"frame": [1, 2, 3], "path": "a.tif", "status": "ok", "tilt_deg": np.nan, "time_s": np.nan}
    )

    def __len__(self):
        return 3

    def __getitem__(self, row):
        y, x = np.mgrid[:64, :64]
        return (np.hypot(y - 30, x - 34) < 8).astype(np.float32) + 0.01 * np.random.default_rng(row).random(
            (64, 64)
        )


@pytest.mark.parametrize(
    ("made", "verdict", "reason"),
    [
        (Told(contrast="bright"), "good", "it was told so"),
        (
            segment.ClassicalSegmenter(contrast="bright"),
            "check",
            "what 'classical' calls confidence is no probability",
        ),
    ],
)
def test_the_tables_say_how_far_to_trust_the_detections(made, verdict, reason):
    frames, voids = segment.segment_series(Series(), made)
    for table in (frames, voids):
        decided = table.attrs["segmentation"]
        assert (decided["verdict"], decided["verdict_reasons"]) == (verdict, [reason])
    known = {"precision": [0.9, 0.8, 0.95], "recall": [0.7, 0.5, 0.8]}
    assert decided["expected"] == (known if verdict == "good" else {})


def test_a_contrast_to_be_checked_makes_the_verdict_no_better_than_check(monkeypatch):
    doubtful = ContrastChoice("bright", "check", 3, 3, "undecided: 3 and 3", 1)
    monkeypatch.setattr(contrast, "choose", lambda evidence: doubtful if list(evidence) else None)
    decided = segment.segment_series(Series(), Told(contrast="auto"))[0].attrs["segmentation"]
    assert decided["verdict"] == "check"
    assert decided["verdict_reasons"][0] == "the contrast is undecided: 3 and 3"


@pytest.mark.parametrize("number", [1, 7, 300])
@pytest.mark.parametrize("weight", [-3.0, 0.2, 2.5])
def test_the_interval_is_the_shortest_of_a_beta_binomial_distribution(number, weight):
    teacher = Teacher(weights=[weight], in_vain=[-50.0], concentration=6.0)
    share = teacher.expect(np.ones(1), number)
    vain, right, wrong = teacher.of(np.ones(1))
    chances = (1 - vain) * stats.betabinom(number, right, wrong).pmf(np.arange(number + 1))
    chances[0] += vain
    low, high = round(share.low * number), round(share.high * number)
    assert chances[low : high + 1].sum() >= 0.9 - 1e-9
    shorter = high - low
    assert max(chances[i : i + shorter].sum() for i in range(number + 2 - shorter)) < 0.9


def test_a_small_chance_far_from_the_rest_widens_no_interval():
    assert shortest(np.array([0.06, 0, 0, 0, 0.3, 0.6, 0.04]), 0.9) == (4, 5)
    assert shortest(np.array([0.2, 0, 0, 0, 0.3, 0.5, 0]), 0.9) == (0, 5)
    assert shortest(np.array([1.0]), 0.9) == (0, 0)
    assert shortest(np.array([0.5, 0.5]), 1.0) == (0, 1)
