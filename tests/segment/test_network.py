"""The shipped network on named situations and odd images, its arithmetic, its tiles; real images when at hand."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image, ImageDraw

from drawn_images import SHAPE, image_with
from voidlab import scores, segment, tables
from voidlab.images.drawn import find_strokes
from voidlab.segment import decode, model_file, network
from voidlab.simulate import microscope
from voidlab.simulate.foil import draw_foil
from voidlab.simulate.micrographs import micrograph
from voidlab.training import labelled, simulated, train
from voidlab.training import model_card as card

# What is asked of the network and the weights do not give yet; strict, so that better weights must take it off.
sizes_not_yet = pytest.mark.xfail(
    strict=True,
    reason="of a real frame the radii come out 8 % larger than its labels, small and faint ones most; two voids that "
    "overlap are drawn a few per cent too large together; see the weights' card",
)
simulated_not_yet = pytest.mark.xfail(
    strict=True,
    reason="F1 is 0.82 of 0.9: faint voids, and bubbles much smaller than their fringes, are missed",
)
plain_dark_discs_not_yet = pytest.mark.xfail(
    strict=True,
    reason="a few dark discs without a bright fringe are nearly as likely dots: of two one is missed by a hair",
)


def compute_maps(model, image, scale, arithmetic="auto"):
    picture, known = network.preprocess(image, scale)
    return network.to_maps(network.forward(model, picture, arithmetic), known, scale)


@pytest.fixture(scope="module")
def bright():
    return segment.load_segmenter("voids", contrast="bright")


@pytest.fixture(scope="module")
def dark():
    return segment.load_segmenter("voids", contrast="dark")


def test_none(bright):
    result = bright.run(image_with())
    assert len(result.voids) == 0
    assert list(result.voids.columns) == tables.TABLES["voids"].names
    assert not result.labels.any()


small_discs_not_yet = pytest.mark.xfail(
    strict=True, reason="a disc of 3 px in radius comes out 18 % too large: 12 % would be right"
)


@pytest.mark.parametrize("radius", [pytest.param(3, marks=small_discs_not_yet), 6.5, 14, 22, 28])
def test_one_of_any_size(bright, radius):
    (void,) = bright.find(image_with((80.3, 60.7, radius))).to_dict("records")
    near = max(0.6, 0.05 * radius)  # large voids are seen in pixels four times as wide
    assert (void["x_px"], void["y_px"]) == (pytest.approx(80.3, abs=near), pytest.approx(60.7, abs=near))
    assert void["radius_px"] == pytest.approx(radius, rel=0.12)
    assert void["kind"] == "void"
    assert not void["touches_edge"]


@pytest.mark.parametrize(
    "radius",
    [35, 70, 110, 130, 250, *(pytest.param(radius, marks=pytest.mark.slow) for radius in (400, 600))],
)
def test_voids_up_to_half_the_image_across(bright, radius):
    side = int(4.6 * radius)
    image = image_with((0.45 * side, 0.52 * side, radius), shape=(side, side + 40), noise=0.05)
    found = bright.find(image)
    assert len(found) <= 1 + image.size / 1e6  # noise alone makes some in large images
    void = found.loc[found["radius_px"].idxmax()]
    assert void["radius_px"] == pytest.approx(radius, rel=0.12)
    assert (void["x_px"], void["y_px"]) == pytest.approx((0.45 * side, 0.52 * side), abs=0.1 * radius)
    assert void["area_px"] == pytest.approx(np.pi * radius**2, rel=0.25)


def test_what_is_outside_the_limits_is_counted():
    image = image_with((40, 40, 4), (120, 90, 14), (150, 30, 6))
    result = segment.load_segmenter("voids", contrast="bright", min_radius_px=5, max_radius_px=10).run(image)
    assert (len(result.voids), result.smaller, result.larger) == (1, 1, 1)


def test_a_large_one(bright):
    (void,) = bright.find(image_with((250, 200, 75), shape=(400, 500), noise=0.08)).to_dict("records")
    assert void["radius_px"] == pytest.approx(75, rel=0.08)


def test_two_that_touch_are_two(bright):
    voids = bright.find(image_with((70, 60, 9), (88, 60, 9))).sort_values("x_px")
    assert voids["x_px"].tolist() == pytest.approx([70, 88], abs=1)
    assert voids["radius_px"].tolist() == pytest.approx([9, 9], rel=0.12)


def test_two_that_overlap_keep_their_full_circles(bright):
    voids = bright.find(image_with((70, 60, 10), (84, 62, 8))).sort_values("x_px")
    assert len(voids) == 2
    assert voids["radius_px"].tolist() == pytest.approx([10, 8], rel=0.05)


@sizes_not_yet
def test_two_that_overlap_share_the_pixels_of_both(bright):
    voids = bright.find(image_with((70, 60, 10), (84, 62, 8)))
    assert voids["area_px"].sum() < 0.97 * np.pi * (100 + 64)


def test_dark_discs_are_no_bright_voids(bright):
    image = image_with((50, 40, 7), (100, 80, 12))
    assert len(bright.find(1 - image)) == 0


@plain_dark_discs_not_yet
def test_dark_discs_are_what_bright_ones_are(bright, dark):
    image = image_with((50, 40, 7), (100, 80, 12))
    pd.testing.assert_frame_equal(bright.find(image), dark.find(1 - image), rtol=1e-2, atol=0.05)


@pytest.mark.parametrize("sign", [1, -1])
def test_auto_sees_which_it_is(sign, monkeypatch):
    image = image_with(*[(25 + 30 * i, 30 + 40 * (i % 3), 6) for i in range(5)])
    auto = segment.load_segmenter("voids", contrast="auto")
    asked = []
    ask = network.forward
    monkeypatch.setattr(network, "forward", lambda *args, **how: asked.append(args) or ask(*args, **how))
    assert len(auto.find(image if sign > 0 else 1 - image)) == 5
    assert len(asked) == 2 * len(
        decode.scales_for(min(image.shape) / 4)
    )  # once for bright voids, once for dark ones
    assert auto.with_contrast_from([image if sign > 0 else 1 - image]).contrast == (
        "bright" if sign > 0 else "dark"
    )


def test_the_grey_scale_does_not_matter(bright):
    image = image_with((50, 40, 7), (100, 80, 12))
    pd.testing.assert_frame_equal(bright.find(image), bright.find(200 * image + 1000), rtol=2e-2, atol=0.1)


@pytest.mark.parametrize("shape", [(9, 12), (3, 3), (1, 40), (33, 65), (150, 210)])
def test_nothing_in_noise_of_any_shape(bright, shape):
    image = np.random.default_rng(0).normal(0.4, 0.04, shape).astype(np.float32)
    result = bright.run(image)
    assert len(result.voids) == 0
    assert result.labels.shape == result.probability.shape == shape


@pytest.mark.parametrize(
    "image", [np.zeros(SHAPE), np.full(SHAPE, np.nan), np.ones((16, 40))], ids=["0", "nan", "1"]
)
def test_blank_images_hold_nothing(bright, image):
    assert len(bright.find(image)) == 0


def test_pixels_that_are_not_finite_are_passed_over(bright):
    image = image_with((80, 60, 9))
    image[:10, :20] = np.nan
    assert len(bright.find(image)) == 1


@pytest.mark.parametrize("share", [0.3, 0.75, 0.95])
def test_what_is_not_known_has_no_say_in_how_strong_the_noise_is(share):
    image = np.random.default_rng(0).normal(0.4, 0.04, (320, 320)).astype(np.float32)
    cut = np.where(np.arange(320) < 320 * share, np.float32(np.nan), image)
    known = np.isfinite(cut)
    assert network.normalised(cut)[known].std() == pytest.approx(network.normalised(image).std(), rel=0.05)


@pytest.mark.slow
def test_in_a_crop_the_voids_are_those_of_the_whole_image(bright):
    """It counts what is not known as nothing: not as a part of the image that is as even as nothing else."""
    valid = np.zeros((512, 512), bool)
    valid[160:352, 160:352] = True
    seen = {"whole": np.zeros(3), "crop": np.zeros(3)}
    for seed in range(2_000_000, 2_000_040):
        made = micrograph(seed, shape=valid.shape)
        method = replace(bright, contrast="dark" if made.upside_down else "bright", focus=None)
        truth = simulated.without_smaller(made.voids, method.min_radius_px)
        inside = truth["x_px"].between(168, 343) & truth["y_px"].between(168, 343)
        truth = truth.assign(ignored=truth["ignored"] | ~inside)
        for name, image in (
            ("whole", made.as_shown),
            ("crop", np.where(valid, made.as_shown, np.float32(np.nan))),
        ):
            found = method.run(image).within(valid, 0).voids
            found = found[found["x_px"].between(168, 343) & found["y_px"].between(168, 343)]
            score = scores.score_voids(truth, found.reset_index(drop=True))
            seen[name] += [score["hits"], score["misses"], score["false_positives"]]
    f1 = {name: 2 * hits / (2 * hits + missed + false) for name, (hits, missed, false) in seen.items()}
    assert f1["whole"] > 0.7
    assert f1["crop"] > f1["whole"] - 0.02
    assert seen["crop"][2] < 2 * seen["whole"][2] + 5


TINY = [(20.3 + 17 * i, 25.6 + 35 * (i % 3), (1.3, 1.8, 2.3)[i % 3]) for i in range(9)]


def test_tiny_voids_are_looked_for_at_twice_the_size_where_they_are_asked_for(bright):
    image = image_with(*TINY, noise=0.03)
    method = replace(bright, min_radius_px=1.0)
    assert [each.scale for each in method.maps(image)][-1] == network.TWICE
    assert network.TWICE not in [each.scale for each in bright.maps(image)]
    found = method.detect(image)
    match = scores.match_voids(pd.DataFrame(TINY, columns=["x_px", "y_px", "radius_px"]), found.voids)
    assert len(match) == len(TINY) == len(found.voids)
    assert match["distance_px"].max() < 0.5
    # As of all small discs drawn with soft edges, the radius comes out too large; of simulated ones it does not.
    truth = np.array(TINY)[match["truth"], 2]
    assert np.median(found.voids["radius_px"].to_numpy()[match["found"]] / truth) == pytest.approx(
        1.15, abs=0.15
    )
    assert set(np.unique(found.labels)) - {0} == set(found.voids["label"])
    assert found.voids["area_px"].sum() == pytest.approx(1.15**2 * np.pi * (truth**2).sum(), rel=0.4)


def test_beside_what_is_not_known_tiny_voids_are_found_too(bright):
    image = image_with(*TINY, noise=0.03)
    image[:, 100:] = np.nan
    found = replace(bright, min_radius_px=1.0).detect(image).voids
    assert len(found) == sum(x < 98 for x, _, _ in TINY)


@pytest.mark.slow
def test_most_tiny_voids_are_found_and_few_are_false(bright):
    found = card.tiny(bright, range(2_000_000, 2_000_040))
    assert found["recall"] > 0.84
    assert found["precision"] > 0.82


def test_labels_and_rows_belong_together(bright):
    result = bright.run(image_with(*[(20 + 25 * i, 25 + 30 * (i % 3), 5 + i) for i in range(6)]))
    assert result.probability.dtype == np.float32
    assert result.labels.dtype == np.int32
    assert set(np.unique(result.labels)) - {0} == set(result.voids["label"])
    assert np.bincount(result.labels.ravel())[1:].tolist() == result.voids["area_px"].tolist()
    assert 0 <= result.probability.min() <= result.probability.max() <= 1


@pytest.mark.parametrize("contrast", ["dark", "auto"])
def test_a_void_in_dark_field_is_as_sure_as_a_bright_one(bright, contrast):
    """Not as sure as a dark disc in bright field, which may be a dot or a loop."""
    image = image_with(*[(20 + 25 * i, 25 + 30 * (i % 3), 5 + i) for i in range(6)])
    dark_field = replace(bright, contrast=contrast, dark_field=True)
    found = dark_field.detect(-image)
    assert found.contrast == "dark"
    pd.testing.assert_frame_equal(found.voids, bright.detect(image).voids)


def test_maps_can_be_kept_and_decoded_with_other_settings():
    image = image_with((50, 40, 4), (100, 80, 14), contrast=0.2)
    small = segment.load_segmenter("voids", contrast="bright", max_radius_px=8)
    large = segment.load_segmenter("voids", contrast="bright", min_radius_px=8)
    maps = small.maps(image)
    assert [len(method.decode(maps).voids) for method in (small, large)] == [1, 1]
    pd.testing.assert_frame_equal(small.decode(maps).voids, small.detect(image).voids)


def test_a_flipped_image_has_flipped_voids(bright):
    image = image_with((50, 40, 7), (100, 80, 12), (130, 30, 5))
    here, there = bright.find(image), bright.find(image[:, ::-1])
    assert sorted(here["x_px"]) == pytest.approx(sorted(SHAPE[1] - 1 - there["x_px"]), abs=0.5)


def test_the_same_image_gives_the_same_voids(bright):
    image = micrograph(2_000_003, shape=(200, 260)).image
    pd.testing.assert_frame_equal(bright.find(image), bright.find(image))


def test_tiles_leave_no_seams(monkeypatch):
    model, _ = model_file.load_network()
    image = np.concatenate(
        [image_with((60 + 7 * i, 60, 6), shape=(300, 220), seed=i) for i in range(4)], axis=1
    )
    whole = compute_maps(model, image, 1, "float32")
    monkeypatch.setattr(network, "_TILE", 256)
    tiled = compute_maps(model, image, 1, "float32")
    found, again = decode.decode_discs((whole,)), decode.decode_discs((tiled,))
    sure, same = found.confidence > 0.5, again.confidence > 0.5
    assert sure.sum() == same.sum() >= 4
    assert sorted(found.x[sure]) == pytest.approx(sorted(again.x[same]), abs=0.2)


@pytest.mark.parametrize(
    ("size", "tiles", "side"), [(1184, 1, 1184), (1216, 2, 704), (2048, 2, 1120), (4096, 4, 1152)]
)
def test_an_image_is_cut_into_few_tiles_no_larger_than_they_have_to_be(size, tiles, side):
    """Nine tiles of 1024² held 2048², where four of 1120² do: half of the arithmetic."""
    asked = []

    class Echo(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = torch.nn.Parameter(torch.zeros(1, 8, 1, 1))

        def forward(self, x):
            asked.append(tuple(x.shape[-2:]))
            return x.clone()

    said = network.forward(Echo().eval(), np.zeros((size, 64), np.float32), "float32", negative=False)
    assert said.shape[1:] == (size, 64)
    assert asked == [(side, 64)] * tiles


@pytest.mark.parametrize("negative", [True, False])
@pytest.mark.parametrize("width", [96, 320])
def test_the_network_is_given_the_sign_in_every_tile(monkeypatch, width, negative):
    class Echo(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = torch.nn.Parameter(torch.zeros(1, 8, 1, 1))

        def forward(self, x):
            return x.clone()

    monkeypatch.setattr(network, "_TILE", 128)
    monkeypatch.setattr(network, "_OVERLAP", 64)
    monkeypatch.setattr(network, "_RIM", 16)
    picture = np.random.default_rng(0).normal(size=(160, width)).astype(np.float32)
    image, sign = network.forward(Echo().eval(), picture, "float32", negative=negative)
    np.testing.assert_allclose(image, picture, atol=1e-5)
    np.testing.assert_allclose(sign, negative, atol=1e-5)


@pytest.mark.parametrize("contrast", ["bright", "dark"])
def test_the_network_is_told_that_images_of_dark_voids_are_negatives(monkeypatch, contrast):
    asked = []
    ask = network.forward
    monkeypatch.setattr(network, "forward", lambda *args, **how: asked.append(how) or ask(*args, **how))
    segment.load_segmenter("voids", contrast=contrast).find(image_with((80, 60, 7)))
    assert {how["negative"] for how in asked} == {contrast == "dark"}


def test_what_is_left_out_between_the_levels_changes_nothing():
    """A copy of every layer: a tenth of a gigabyte."""
    lean, _ = model_file.load_network()
    usual, _ = model_file.load_network()
    for module in usual.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    image = image_with((50, 40, 7), (100, 80, 12), shape=(150, 210))
    for scale in network.SCALES:
        here, there = (compute_maps(model, image, scale) for model in (lean, usual))
        np.testing.assert_array_equal(here.centre, there.centre)
        np.testing.assert_array_equal(here.radius_px, there.radius_px)


def test_what_is_made_for_use_says_the_same():
    trained, _ = model_file.load_network()
    used = network.fuse_for_inference(model_file.load_network()[0])
    image = image_with((50, 40, 7), (100, 80, 12), shape=(150, 210))
    there, here = (compute_maps(model, image, 1, "float32") for model in (trained, used))
    np.testing.assert_allclose(here.centre, there.centre, atol=1e-4)
    np.testing.assert_allclose(here.radius_px, there.radius_px, rtol=1e-3)


@pytest.mark.slow
def test_fast_arithmetic_finds_the_same(bright):
    assert card.precision(bright, seed=0)["share_found"] >= 0.99  # others have a confidence of about a half


@pytest.mark.parametrize("able", [True, False])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_bfloat16_only_where_the_device_multiplies_it_by_itself(monkeypatch, device, able):
    def supported(including_emulation=True):
        return able or including_emulation

    monkeypatch.setattr("torch.cuda.is_bf16_supported", supported)
    monkeypatch.setattr(network, "_has_bfloat16", lambda: able)
    expected = "bfloat16" if able else "float32"
    assert network.arithmetic_of("auto", torch.device(device)) == expected


def test_the_card_says_how_the_weights_were_made():
    given = json.loads(model_file.SHIPPED.with_suffix(".json").read_text(encoding="utf-8"))
    made = [given["made"]]
    while "before" in made[-1]:
        made.append(made[-1]["before"])
    how = [each["command"].split()[2] for each in made]
    assert how == ["--distil", *["--further"] * (len(made) - 2), "--from-nothing"]
    for each in made:
        assert {"seed", "steps", "data", "torch"} <= set(each)
        assert "10.69761/HDTA8338" in each["data"]
    assert given["limits"] == list(train.LIMITS)
    assert given["scored"]["seed"] == card.SEED
    assert given["licence"] == "MIT"
    assert given["scores"]
    assert model_file.SHIPPED.stat().st_size < 16e6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"confidence": None}, "confidence: .*valid dictionary, found None"),
        ({"confidence": {"void": [1.0]}}, r"confidence.void: .*at least 11 items.*found \[1.0\]"),
        ({"confidence": {"crack": [0.0] * 10}}, "confidence.crack.*found 'crack'"),
        ({"confidence": {"void": [0.0] * 9 + [float("nan")]}}, "confidence.void.9: .*found nan"),
        (
            {"expected": {"recall": {"weights": [0.0], "in_vain": [0.0] * 5, "concentration": 1.0}}},
            r"expected.recall.weights: .*at least 5 items.*found \[0.0\]",
        ),
        ({"features": [4, 4, 4]}, r"features: .*at least 6 items.*found \[4, 4, 4\]"),
        ({"features": [4, 4, 4, 4, 4, 0]}, "features.5: .*greater than 0, found 0"),
        ({"features": [4, 4, 4, 4, 4, 4.5]}, "features.5: .*valid integer, found 4.5"),
    ],
)
def test_a_card_that_the_network_cannot_rest_on_is_explained(tmp_path, change, said):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(b"")
    card = {"features": [4, 4, 4, 4, 4, 4], "confidence": {"void": [0.0] * 10}} | change
    path.with_suffix(".json").write_text(json.dumps(card))
    for use in (segment.check_segmenter, segment.load_segmenter):
        with pytest.raises(model_file.ModelError, match=f"mine.json is not the card .*{said}.* Take the one"):
            use(path)


def test_a_card_without_what_confidence_is_worth_is_explained(tmp_path):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(b"")
    path.with_suffix(".json").write_text(json.dumps({"features": [4, 4, 4, 4, 4, 4]}))
    with pytest.raises(model_file.ModelError, match=r"confidence: Field required\. Take the one"):
        segment.check_segmenter(path)


@simulated_not_yet
@pytest.mark.slow
def test_simulated_images_never_trained_on(bright):
    score = card.on_simulated(bright, seed=0)
    assert score["f1_iou_0.5"] >= 0.9
    assert abs(score["radius_bias"]) <= 0.03
    assert abs(score["volume_error"]) <= 0.08


def test_a_real_frame_of_voids(shared, bright):
    (item,) = labelled.read_labelled(shared / "argonne_voids")
    score = scores.score_voids(item.voids, bright.find(item.image).drop(columns="frame"))
    assert score["f1"] >= 0.95


@sizes_not_yet
def test_sizes_in_a_real_frame_are_those_of_its_labels_within_8_percent(shared, bright):
    (item,) = labelled.read_labelled(shared / "argonne_voids")
    score = scores.score_voids(item.voids, bright.find(item.image).drop(columns="frame"))
    assert score["radius_error"] <= 0.08


def test_nothing_dark_in_a_real_frame_of_voids(shared, dark):
    (item,) = labelled.read_labelled(shared / "argonne_voids")
    assert len(dark.find(item.image)) == 0


@sizes_not_yet
def test_sizes_in_a_real_frame(shared, bright):
    (item,) = labelled.read_labelled(shared / "argonne_voids")
    score = scores.score_voids(item.voids, bright.find(item.image).drop(columns="frame"))
    assert score["radius_error"] <= 0.05


@pytest.mark.slow
def test_real_dark_particles(shared, dark):
    items = labelled.read_labelled(shared / "gold_pairs")[1:8:2]
    truth = pd.concat([item.voids.assign(frame=n) for n, item in enumerate(items)], ignore_index=True)
    found = pd.concat(
        [dark.find(item.image).assign(frame=n) for n, item in enumerate(items)], ignore_index=True
    )
    assert scores.score_voids(truth, found)["f1"] > 0.85


def foil(seed):
    """What is no void: loops, dots, lines, precipitates, stains, bend contours, scale bars and their text."""
    random = np.random.default_rng(seed)
    strength = np.exp(random.uniform(np.log(0.03), np.log(0.8)))
    usual = random.uniform(3, 15)
    bare = draw_foil(random, (384, 384), usual, thickness_px=10 * usual, busy=0.0, strength=strength)
    shown = bare.lets_through(np.zeros((384, 384))) * bare.strain
    return microscope.write(random, microscope.detect(random, shown, random.uniform(0.01, 0.1)))[0]


@pytest.mark.slow
def test_foils_without_voids_have_next_to_none(bright):
    images = [foil(seed) for seed in range(40)]
    found = sum(len(bright.find(image)) for image in images)
    assert (
        found / sum(image.size / 1e6 for image in images) <= 5
    )  # round loops, most of them; of real ones .05


def test_what_is_no_specimen_holds_no_voids_and_cuts_them(bright):
    """A void beside, one upon the edge, one within what is left out, and one far from it."""
    image = image_with((40, 60, 7), (77, 30, 7), (92, 100, 7), (150, 60, 7))
    valid = np.ones(SHAPE, bool)
    valid[:, 80:110] = False
    found = bright.run(np.where(valid, image, np.nan)).within(valid, bright.edge_buffer_px)
    assert not found.labels[~valid].any()
    assert found.valid_px == valid.sum()
    assert set(np.unique(found.labels)) - {0} == set(found.voids["label"])
    at = {
        round(x / 10): touches
        for x, touches in zip(found.voids["x_px"], found.voids["touches_edge"], strict=True)
    }
    assert (at.pop(4), at.pop(15)) == (False, False)
    assert all(at.values())  # what is seen of those that are cut
    assert np.bincount(found.labels.ravel())[found.voids["label"]].tolist() == found.voids["area_px"].tolist()


@pytest.mark.parametrize("name", segment.SHIPPED)
def test_letters_that_were_drawn_are_no_voids(name):
    places = [(60, 60, 9), (200, 50, 12), (330, 80, 9)]
    image = 255 * image_with(*places, shape=(300, 400), noise=0.1)
    picture = Image.fromarray(np.clip(40 + image / 3, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    draw.text((10, 120), "200 nm", fill=255, font_size=110)
    draw.rectangle([150, 255, 380, 267], fill=255)
    voids = segment.load_segmenter(name, contrast="bright").find(np.asarray(picture))
    upon = find_strokes(np.asarray(picture))[
        voids["y_px"].round().astype(int), voids["x_px"].round().astype(int)
    ]
    assert not upon.any()
    assert (voids["y_px"] < 100).sum() == 3


@pytest.mark.parametrize("shape", [(64, 96), (33, 35)])
def test_what_is_normalised_is_so_by_the_median_of_its_detail(shape):
    image = np.random.default_rng(0).normal(100, 10, shape).astype(np.float32)
    detail = image - network._background(image)
    scale = 1.4826 * float(np.median(np.abs(detail)))
    assert np.array_equal(network.normalised(image), np.clip(detail / scale, -12, 12))
