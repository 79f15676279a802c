"""Training: examples agree with their truth, a state is gone on from, weights and cards are kept, users' mistakes."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch

from voidlab import cli, segment
from voidlab.segment import model_file, network
from voidlab.simulate.micrographs import micrograph
from voidlab.training import examples, fit, train
from voidlab.training.labelled import Labelled, LabelledError

TINY = (4, 4, 4, 4, 4, 4)


def voids(*rows):
    return pd.DataFrame(rows, columns=["x_px", "y_px", "radius_px"], dtype=float).assign(
        ignored=False, sized=True
    )


def test_targets_of_one_void():
    mask = np.zeros((80, 100), bool)
    made = examples.example(np.random.default_rng(0).normal(size=(80, 100)), mask, voids((40, 30, 6)))
    y, x = np.unravel_index(made.centre.argmax(), made.centre.shape)
    assert (x, y) == (40, 30)
    assert made.centre.max() == 255
    assert float(made.radius[30, 40]) == pytest.approx(np.log(6 / network.USUAL_RADIUS_PX), abs=1e-3)
    assert made.known.all()


def test_ignored_and_too_large_voids_count_neither_way():
    table = voids((30, 30, 6), (70, 40, 30), (20, 60, 60))
    table["ignored"] = [True, False, False]
    made = examples.example(np.zeros((90, 120)), np.zeros((90, 120), bool), table)
    assert (made.centre * made.known).max() == 0
    assert not made.known[30, 30]
    assert not made.known[40, 70]  # a little larger than the network knows
    assert made.void[30, 30] == 2


def test_radii_of_voids_too_faint_to_count_are_learnt():
    table = voids((30, 30, 9), (40, 30, 5), (90, 40, 12), (20, 60, 8))
    table = table.assign(ignored=[True, False, True, True], sized=[True, True, True, False])
    made = examples.example(np.zeros((80, 120)), np.zeros((80, 120), bool), table)
    assert made.centre[60, 20] == made.radius[60, 20] == made.known[60, 20] == 0
    of = {
        name: float(made.radius[y, x])
        for name, y, x in (("faint", 30, 30), ("plain", 30, 40), ("alone", 40, 90))
    }
    expected = {"faint": 9, "plain": 5, "alone": 12}
    assert of == pytest.approx(
        {name: np.log(r / network.USUAL_RADIUS_PX) for name, r in expected.items()}, abs=1e-3
    )
    assert made.known[30, 40]
    assert not made.known[40, 90]
    maps = (made.centre / 255, made.void, made.radius, made.known)
    targets = tuple(torch.from_numpy(np.asarray(part, np.float32))[None] for part in maps)
    raw = torch.stack([torch.zeros_like(targets[0]), torch.zeros_like(targets[0]), targets[2]], dim=1)
    found, smaller = raw.clone(), raw.clone()
    found[0, 1, 40, 90] = 5  # to find it or not is all the same, its radius is not
    smaller[0, 2, 40, 90] -= 0.5
    assert fit.loss(found, targets) == fit.loss(raw, targets)
    assert fit.loss(smaller, targets) > fit.loss(raw, targets)


def test_crops_turn_all_maps_alike():
    m = with_voids((160, 160))
    pool = examples.Pool([examples.example(m.image.astype(float), m.mask, m.voids.assign(sized=True))])
    image, centre, void, radius, known = next(examples.batches(pool, np.random.default_rng(0), 8, 160))
    assert image.shape == centre.shape == void.shape == radius.shape == known.shape == (8, 160, 160)
    sure = (centre > 0.8) & (known == 1) & (void < 2)
    assert (void[sure] == 1).float().mean() > 0.9
    assert (radius[centre > 0.24] != 0).float().mean() > 0.9


def test_margins_are_mirrored_as_before_the_network_looks(monkeypatch):
    seen = []

    class Watch(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.at = torch.nn.Parameter(torch.zeros(1))

        def forward(self, x):
            seen.append(x)
            return torch.zeros(1, 3, *x.shape[2:])

    image = np.random.default_rng(0).normal(size=(64 - 9, 96)).astype(np.float32)
    network.forward(Watch(), network.preprocess(image, 1)[0])
    (padded,) = seen
    one = padded[0, 0].clone()
    one[-9:] = 0
    centre, void, known = torch.ones(64, 96), torch.zeros(64, 96), torch.ones(64, 96)
    examples._mirror_a_margin((one, centre, void, known), 9)
    assert torch.equal(one, padded[0, 0])
    assert (void[-9:] == 2).all()
    assert known.sum() == centre.sum() == 55 * 96


def test_a_pool_is_renewed_in_the_order_of_the_seeds():
    blank = examples.example(np.zeros((64, 64)), np.zeros((64, 64), bool), voids())
    fresh = [examples.example(np.zeros((64, 64)), np.ones((64, 64), bool), voids()) for _ in range(3)]
    pool = examples.Pool([blank, blank], fresh=iter(fresh), renewed=1.0)
    stream = examples.batches(pool, np.random.default_rng(0), 32, 64)
    first, second, third, fourth = (next(stream)[2] for _ in range(4))
    assert (first == 0).any()  # the other blank one is still there
    for void in (second, third, fourth):  # none left; that the fresh ones are used up changes nothing
        assert not (void == 0).any()


@pytest.mark.slow
def test_simulated_examples_come_in_order_of_their_seeds():
    made = list(examples.simulated_stream(range(3)))
    for seed, each in enumerate(made):
        np.testing.assert_array_equal(each.image, examples.simulated(seed).image)


@pytest.mark.slow
def test_what_simulates_ends_when_the_training_is_killed():
    code = """
        from voidlab.training import examples
        stream = examples.simulated_stream(range(1000))
        next(stream)
        print("under way", flush=True)
        input()
    """
    training = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert training.stdout is not None
    assert training.stdout.readline() == "under way\n"
    training.kill()
    training.communicate(timeout=60)  # all that were started by it have closed what they could write to


def test_some_simulated_images_are_made_smaller_with_their_voids():
    large = micrograph(144, shape=(544, 544))  # one in eight is: by two, three and four in turn
    small = examples.simulated(144)
    assert small.image.shape == (272, 272)
    counts = large.voids[~large.voids["ignored"] & (large.voids["radius_px"] > 6)]
    assert len(counts) > 10
    at = tuple(((counts[name] - 0.5) / 2).round().astype(int) for name in ("y_px", "x_px"))
    assert (small.centre[at] > 240).all()  # a quarter of a pixel off would give less
    expected = np.log(counts["radius_px"] / 2 / network.USUAL_RADIUS_PX)
    assert np.median(np.abs(small.radius[at] - expected)) < 0.01


def test_labelled_images_are_met_at_several_sizes():
    y, x = np.mgrid[:200, :300]
    image = (np.hypot(x - 100, y - 80) < 20).astype(np.float32)
    item = Labelled("a", image, voids((100, 80, 20)), image > 0)
    sizes = [e.image.shape for e in examples.of_labelled(item)]
    assert sizes == [(200, 300), (100, 150)]
    half = examples.of_labelled(item)[1]
    y, x = np.unravel_index(half.centre.argmax(), half.centre.shape)
    assert (x, y) == (50, 40)


def with_voids(shape):
    """A simulated micrograph in which some voids count."""
    made = (micrograph(seed, shape=shape) for seed in range(100))
    return next(m for m in made if (~m.voids["ignored"]).sum() >= 4)


def small_example(seed):
    made = micrograph(seed, shape=(128, 128))
    return examples.example(made.image.astype(np.float32), made.mask, made.voids.assign(sized=True))


def stream(seed=0):
    pool = examples.Pool([small_example(seed) for seed in range(3)])
    return examples.batches(pool, np.random.default_rng(seed), 2, 64)


def test_it_learns_and_goes_on_from_where_it_was_stopped(tmp_path):
    torch.manual_seed(0)
    said = []
    plan = fit.Plan(6, 1e-3, tmp_path / "state.pt", "discs", every=3)
    fit.fit(network.build_network(TINY), stream(), plan, log=said.append)
    assert [line.split(",")[0] for line in said] == ["step 3 of 6", "step 6 of 6"]
    said.clear()
    longer = fit.Plan(9, 1e-3, tmp_path / "state.pt", "discs", every=3)
    fit.fit(network.build_network(TINY), stream(), longer, log=said.append)
    assert said[0] == "going on from step 6"
    assert said[1].startswith("step 9 of 9")


def test_a_state_of_another_training_is_not_gone_on_from(tmp_path):
    state = tmp_path / "state.pt"
    fit.fit(
        network.build_network(TINY), stream(), fit.Plan(1, 1e-3, state, "bright discs"), log=lambda text: None
    )
    other = fit.Plan(2, 1e-3, state, "dark discs")
    with pytest.raises(
        model_file.ModelError, match=r"left by a training of bright discs, this one is of dark"
    ):
        fit.fit(network.build_network(TINY), stream(), other, log=lambda text: None)
    assert fit.steps_done(fit.Plan(2, 1e-3, state, "bright discs")) == 1
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(
        model_file.ModelError, match=r"state\.pt cannot be read .* remove .*state\.pt to begin anew"
    ):
        fit.steps_done(other)


def test_a_network_that_training_makes_worse_is_left_as_it_was(tmp_path):
    model = network.build_network(TINY)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    scores = iter([0.9, 0.1])
    plan = fit.Plan(2, 1e-2, tmp_path / "state.pt", "discs", every=2)
    after = fit.fit(model, stream(), plan, score=lambda model: next(scores), log=lambda text: None)
    assert all(torch.equal(value, before[name]) for name, value in after.state_dict().items())


def test_the_best_state_is_the_one_given(tmp_path):
    torch.manual_seed(0)
    scores = iter([0.2, 0.3, 0.9, 0.1])
    seen = []

    def score(model):
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return next(scores)

    plan = fit.Plan(6, 1e-2, tmp_path / "state.pt", "discs", every=2, memory=0.5)
    model = fit.fit(network.build_network(TINY), stream(), plan, score=score, log=lambda text: None)
    for name, value in model.state_dict().items():
        assert torch.equal(value, seen[2][name]), name


def test_loss_falls_when_the_maps_are_right():
    m = with_voids((96, 96))
    made = examples.example(m.image.astype(float), m.mask, m.voids.assign(sized=True))
    parts = [
        torch.from_numpy(np.asarray(p, np.float32))[None]
        for p in (made.centre, made.void, made.radius, made.known)
    ]
    targets = (parts[0] / 255, *parts[1:])

    def logit(p):
        p = p.clamp(1e-4, 1 - 1e-4)
        return torch.log(p / (1 - p))

    right = torch.stack([logit((targets[1] == 1).float()), logit(targets[0]), targets[2]], dim=1)
    wrong = torch.stack([logit((targets[1] != 1).float()), logit(1 - targets[0]), targets[2] + 1], dim=1)
    assert fit.loss(right, targets) < 0.1 * fit.loss(wrong, targets)


def test_weights_and_card_are_read_back(tmp_path):
    model = network.build_network(TINY)
    path = tmp_path / "mine.safetensors"
    model_file.save_network(model, path, {"features": list(TINY), "confidence_midpoint": 0.4, "name": "mine"})
    again, card = model_file.load_network(path, device="cpu")
    assert card["confidence_midpoint"] == 0.4
    for name, value in again.state_dict().items():
        assert torch.equal(value.contiguous(), model.state_dict()[name].contiguous()), name
    assert segment.load_segmenter(path, contrast="bright").name == "mine"


@pytest.mark.parametrize("card", [None, "{", '{"name": "x"}', "[]"])
def test_weights_without_a_card_are_refused(tmp_path, card):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(b"")
    if card is not None:
        path.with_suffix(".json").write_text(card)
    with pytest.raises(model_file.ModelError, match=r"mine\.json is (missing|not the card)"):
        segment.load_segmenter(path)


def test_damaged_weights_are_refused(tmp_path):
    path = tmp_path / "mine.safetensors"
    path.write_bytes(b"not weights at all")
    path.with_suffix(".json").write_text(json.dumps({"features": list(TINY), "confidence_midpoint": 0.5}))
    with pytest.raises(model_file.ModelError, match=r"mine\.safetensors does not hold weights"):
        segment.load_segmenter(path)


def test_images_too_small_to_train_on_are_explained(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((100, 100), np.uint8) + np.eye(100, dtype=np.uint8))
    tifffile.imwrite(tmp_path / "a_labels.tif", np.eye(100, dtype=np.uint8))
    with pytest.raises(LabelledError, match="is larger than 256 px in both directions"):
        train.fine_tune(tmp_path, tmp_path / "mine.safetensors", dark=False, steps=1, seed=0, log=print)


def write_labelled(folder, count):
    """``count`` images of a few bright discs with their labels."""
    for number in range(count):
        y, x = np.mgrid[:260, :280]
        labels = np.zeros(y.shape, np.uint8)
        for label, (cx, cy) in enumerate([(60, 70), (150, 90), (200, 200)], start=1):
            labels[np.hypot(x - cx - number, y - cy) < 9] = label
        grey = np.random.default_rng(number).normal(90, 8, labels.shape) + 60 * (labels > 0)
        tifffile.imwrite(folder / f"{number}.tif", grey.clip(0, 255).astype(np.uint8))
        tifffile.imwrite(folder / f"{number}_labels.tif", labels)


@pytest.fixture
def few_simulated(monkeypatch):
    """A simulation of few small images, whatever is asked for."""
    made = micrograph(3, shape=(256, 256))
    each = examples.example(made.image.astype(np.float32), made.mask, made.voids.assign(sized=True))
    monkeypatch.setattr(examples, "simulated_stream", lambda seeds: iter([each, each]))
    monkeypatch.setattr(train, "_BATCH", {"cpu": 2, "cuda": 2})


def test_fine_tuned_weights_say_how_they_were_made(tmp_path, few_simulated):
    write_labelled(tmp_path, 3)
    weights = tmp_path / "mine.safetensors"
    card = train.fine_tune(tmp_path, weights, dark=False, steps=2, seed=0, log=lambda text: None)
    assert card == json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))
    assert card["made"]["from"] == "voids"
    assert (len(card["made"]["data"]), len(card["made"]["kept_aside"])) == (2, 1)
    assert card["limits"]
    assert set(card["scores"]) == {"f1_before", "f1", "radius_bias_before", "radius_bias"}
    assert card["made"]["command"].endswith("--name mine --contrast bright --seed 0 --steps 2")
    assert "yours" in card["licence"]
    assert "scored" not in card  # the shipped weights were, not these
    assert not weights.with_suffix(".training.pt").exists()
    assert (
        len(segment.load_segmenter(weights, contrast="bright").find(tifffile.imread(tmp_path / "2.tif"))) == 3
    )


def test_voids_of_the_other_contrast_are_noticed(tmp_path, few_simulated):
    write_labelled(tmp_path, 2)
    said = []
    card = train.fine_tune(
        tmp_path, tmp_path / "mine.safetensors", dark=True, steps=1, seed=0, log=said.append
    )
    assert said[0].startswith("The labelled voids look bright: F1 is 1.00 with --contrast bright, 0.00 with")
    assert card["scores"] == {}  # too few images to keep one aside


def test_making_weights_goes_on_with_the_images_it_had_got_to(tmp_path, few_simulated, monkeypatch):
    asked = []
    few = examples.simulated_stream

    def simulated_stream(seeds):
        asked.append(seeds)
        return few(seeds)

    def stopped(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(network, "FEATURES", TINY)
    monkeypatch.setattr(
        network, "build_network", lambda features=TINY, build=network.build_network: build(features)
    )
    monkeypatch.setattr(examples, "simulated_stream", simulated_stream)
    monkeypatch.setattr(train, "_POOL", 2)
    monkeypatch.setattr(train, "confidence_midpoint", stopped)

    def make():
        weights = tmp_path / "voids.safetensors"
        train.make_weights(
            weights, also=None, images=6, steps=2, seed=1, further=False, log=lambda text: None
        )

    for _ in range(2):  # stopped when the last step is done, the weights not yet written
        with pytest.raises(KeyboardInterrupt):
            make()
    assert [len(seeds) for seeds in asked] == [6, 2]
    assert asked[0][-1] == asked[1][-1]


def test_weights_gone_on_from_say_what_was_before(tmp_path, few_simulated, monkeypatch):
    monkeypatch.setattr(network, "FEATURES", TINY)
    monkeypatch.setattr(train, "confidence_midpoint", lambda model: 0.4)
    monkeypatch.setattr(
        network, "build_network", lambda features=TINY, build=network.build_network: build(features)
    )
    weights = tmp_path / "voids.safetensors"
    made = [
        train.make_weights(
            weights, also=None, images=2, steps=1, seed=seed, further=further, log=lambda text: None
        )["made"]
        for seed, further in ((1, False), (2, True))
    ]
    assert made[1]["before"] == made[0]
    assert made[1]["first_seed_not_seen"] == made[0]["first_seed_not_seen"] + 2  # none is simulated twice
    assert [each["command"] for each in made] == [
        "voidlab train --from-nothing --seed 1 --steps 1",
        "voidlab train --further --seed 2 --steps 1",
    ]


def test_the_command_says_what_is_missing(tmp_path, monkeypatch, capsys):
    (tmp_path / "parameters").mkdir()
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train"]) == 2
    assert "say which labelled images to train on" in capsys.readouterr().err
    assert cli.main(["score", str(tmp_path)]) == 2
    assert "no labelled images" in capsys.readouterr().err
    for option in (["--name", "mine"], ["--contrast", "dark"]):
        assert cli.main(["train", str(tmp_path), "--further", *option]) == 2
        assert "leave out --name and --contrast" in capsys.readouterr().err


def test_one_training_of_a_network_at_a_time(tmp_path, monkeypatch, capsys):
    (tmp_path / "parameters").mkdir()
    write_labelled(tmp_path, 1)
    monkeypatch.chdir(tmp_path)
    again = []

    def fine_tune(*args, **kwargs):
        again.append(cli.main(["train", str(tmp_path), "--name", "mine"]))
        return {"scores": {}}

    monkeypatch.setattr(train, "fine_tune", fine_tune)
    assert cli.main(["train", str(tmp_path), "--name", "mine"]) == 0
    assert again == [2]
    assert "mine.safetensors is being trained by another process" in capsys.readouterr().err
    assert not list((tmp_path / "parameters").iterdir())
