"""Training: examples agree with their truth, a state is gone on from, weights and cards are kept, users' mistakes."""

import json
import os
import re
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
from voidlab.training import calibrate, examples, fine_tune, fit, on_disk, train
from voidlab.training.labelled import Labelled, LabelledError

TINY = (4, 4, 4, 4, 4, 4)
CARD = {
    "features": list(TINY),
    "confidence": {kind: [0.0, 1.0, *[0.0] * 9] for kind in ("void", "loop or dot")},
}


def voids(*rows):
    return pd.DataFrame(rows, columns=["x_px", "y_px", "radius_px"], dtype=float).assign(
        ignored=False, sized=True
    )


def example(image, mask, voids, others=None, *, negative=False):
    return examples.example(np.asarray(image, np.float32), mask, voids, others, negative=negative)


def as_targets(made):
    """Targets of an example as the loss takes them, a batch of one."""
    _, centre, void, radius, known, loop, dot, others_known, _ = (
        torch.from_numpy(part.astype(np.float32))[None] for part in examples.layers(made)
    )
    return centre / 255, void, radius, known, loop / 255, dot / 255, others_known


def test_targets_of_one_void():
    mask = np.zeros((80, 100), bool)
    made = example(np.random.default_rng(0).normal(size=(80, 100)), mask, voids((40, 30, 6)))
    y, x = np.unravel_index(made.centre.argmax(), made.centre.shape)
    assert (x, y) == (40, 30)
    assert made.centre.max() == 255
    assert float(made.radius[30, 40]) == pytest.approx(np.log(6 / network.USUAL_RADIUS_PX), abs=1e-3)
    assert made.known.all()


def test_ignored_and_too_large_voids_count_neither_way():
    table = voids((30, 30, 6), (70, 40, 30), (20, 60, 60))
    table["ignored"] = [True, False, False]
    made = example(np.zeros((90, 120)), np.zeros((90, 120), bool), table)
    assert (made.centre * made.known).max() == 0
    assert not made.known[30, 30]
    assert not made.known[40, 70]  # a little larger than the network knows
    assert made.void[30, 30] == 2


def test_radii_of_voids_too_faint_to_count_are_learnt():
    table = voids((30, 30, 9), (40, 30, 5), (90, 40, 12), (20, 60, 8))
    table = table.assign(ignored=[True, False, True, True], sized=[True, True, True, False])
    made = example(np.zeros((80, 120)), np.zeros((80, 120), bool), table)
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
    targets = as_targets(made)
    nothing = torch.zeros_like(targets[0])
    raw = torch.stack([nothing, nothing, targets[2], nothing, nothing], dim=1)
    found, smaller = raw.clone(), raw.clone()
    found[0, 1, 40, 90] = 5  # to find it or not is all the same, its radius is not
    smaller[0, 2, 40, 90] -= 0.5
    assert fit.loss(found, targets) == fit.loss(raw, targets)
    assert fit.loss(smaller, targets) > fit.loss(raw, targets)


def others(*rows):
    return pd.DataFrame(rows, columns=["kind", "x_px", "y_px", "radius_px"]).assign(ignored=False)


def test_targets_of_a_loop_and_a_dot_beside_a_void():
    blank = np.zeros((80, 120))
    made = example(blank, blank > 0, voids((30, 30, 9)), others(("loop", 60, 30, 8.0), ("dot", 90, 50, 3.0)))
    for name, x, y, r in (("centre", 30, 30, 9), ("loop", 60, 30, 8), ("dot", 90, 50, 3)):
        assert getattr(made, name)[y, x] == getattr(made, name).max() == 255
        assert float(made.radius[y, x]) == pytest.approx(np.log(r / network.USUAL_RADIUS_PX), abs=1e-3)
    assert made.loop[30, 30] == made.dot[30, 60] == made.centre[50, 90] == 0
    assert made.others_known.all()
    assert not made.void.any()


def test_the_radius_of_a_loop_is_its_own_however_near_a_dot_is():
    blank = np.zeros((80, 120))
    made = example(blank, blank > 0, voids(), others(("loop", 60, 40, 8.0), ("dot", 66, 40, 12.0)))
    assert float(made.radius[40, 60]) == pytest.approx(np.log(8 / network.USUAL_RADIUS_PX), abs=1e-3)
    assert float(made.radius[40, 66]) == pytest.approx(np.log(12 / network.USUAL_RADIUS_PX), abs=1e-3)


def test_ignored_and_too_large_loops_count_neither_way():
    table = others(("loop", 30, 30, 6.0), ("dot", 32, 70, 3.0), ("loop", 80, 40, 30.0))
    table["ignored"] = [True, False, False]
    made = example(np.zeros((90, 120)), np.zeros((90, 120), bool), voids(), table)
    assert not made.loop.any()
    assert made.dot[70, 32] == 255
    assert not made.others_known[30, 30]
    assert not made.others_known[40, 80]  # a little larger than the network knows
    assert made.others_known[70, 32]
    assert made.others_known[5, 115]
    assert made.known.all()  # of voids all is known


def test_loops_and_dots_that_are_not_known_count_neither_way():
    blank = np.zeros((64, 80))
    unknown, none = (as_targets(example(blank, blank > 0, voids((30, 30, 6)), of)) for of in (None, others()))
    nothing = torch.full((1, 5, 64, 80), -4.0)
    claimed = nothing.clone()
    claimed[0, 3:, 20:40, 20:40] = 4
    assert fit.loss(claimed, unknown) == fit.loss(nothing, unknown)
    assert fit.loss(claimed, none) > fit.loss(nothing, none)


@pytest.mark.parametrize("negative", [True, False])
def test_the_last_layer_says_whether_an_image_is_a_negative(negative):
    made = example(np.zeros((64, 80)), np.zeros((64, 80), bool), voids(), negative=negative)
    layers = examples.layers(made)
    assert layers.shape == (9, 64, 80)
    assert (layers[-1] == negative).all()
    picture, *_ = next(examples.batches(examples.Pool([layers]), 0, 0, 2, 64))
    assert (picture[:, 1] == negative).all()  # as the network is given it


@pytest.mark.parametrize("dark", [True, False])
def test_labelled_images_of_dark_voids_are_negatives(dark):
    item = Labelled("a", np.eye(100, dtype=np.float32), voids(), np.zeros((100, 100), bool))
    (made,) = examples.of_labelled(item, dark=dark)
    assert made.negative == dark
    assert (made.image[50, 50] < made.image[50, 20]) == dark
    assert not made.others_known.any()  # nobody was asked for loops


def test_crops_turn_all_maps_alike():
    m = with_voids((160, 160))
    pool = examples.Pool([layers_of(m)])
    picture, *targets = next(examples.batches(pool, 0, 0, 8, 160))
    assert picture.shape == (8, 2, 160, 160)
    assert [each.shape for each in targets] == [(8, 160, 160)] * 7
    centre, void, radius, known, *_ = targets
    sure = (centre > 0.8) & (known == 1) & (void < 2)
    assert (void[sure] == 1).float().mean() > 0.9
    assert (radius[centre > 0.24] != 0).float().mean() > 0.9


def test_margins_are_mirrored_as_before_the_network_looks():
    noise = np.random.default_rng(0).normal(size=(64, 64))
    all_void = example(noise, np.ones((64, 64), bool), voids((32, 32, 200)), others())
    picture, _, void, _, known, _, _, others_known = next(
        examples.batches(examples.Pool([examples.layers(all_void)]), 0, 0, 64, 64)
    )
    assert set(void.unique().tolist()) == {1, 2}
    margins = [int((each[:, 0] == 2).sum()) for each in void]
    assert min(margins) == 0
    assert 5 < sum(width > 0 for width in margins) < 25  # one in five
    assert max(margins) < network.STEP
    for n, width in enumerate(margins):
        rows = slice(64 - width, 64)
        image = picture[n, 0].numpy()
        padded = np.pad(
            image[: 64 - width], ((0, width), (0, 0)), mode="reflect"
        )  # as `network.preprocess` does
        np.testing.assert_array_equal(image, padded)
        assert (void[n, rows] == 2).all()
        assert not known[n, rows].any()
        assert not others_known[n, rows].any()


def test_own_images_are_drawn_as_often_as_asked():
    blank = np.zeros((64, 64), bool)
    simulated, own = (examples.layers(example(blank, mask, voids())) for mask in (blank, ~blank))
    for share in (0.0, 0.25, 1.0):
        stream = examples.batches(examples.Pool([simulated], [own], share), 0, 0, 400, 64)
        void = next(stream)[2]
        assert float((void[:, 0, 0] == 1).float().mean()) == pytest.approx(share, abs=0.06)


def test_batches_are_those_of_their_step():
    pool = examples.Pool([layers_of(small(seed)) for seed in range(3)])
    whole, later = examples.batches(pool, 5, 0, 2, 64), examples.batches(pool, 5, 3, 2, 64)
    before = [next(whole) for _ in range(3)]
    for _ in range(2):
        for here, there in zip(next(whole), next(later), strict=True):
            assert torch.equal(here, there)
    assert not torch.equal(before[0][0], before[1][0])
    other = next(examples.batches(pool, 6, 0, 2, 64))
    assert not torch.equal(before[0][0], other[0])


@pytest.mark.slow
def test_simulated_examples_lie_on_disk_in_order_of_their_seeds(tmp_path):
    made = examples.simulated_on_disk([2, 0, 1], tmp_path / "made", lambda text: None)
    assert len(made) == 3
    for seed, each in zip([2, 0, 1], made, strict=True):
        np.testing.assert_array_equal(each, examples.layers(examples.simulated(seed)))
    assert sorted(file.name for file in (tmp_path / "made").iterdir()) == ["0.npy", "1.npy", "2.npy"]


def test_examples_that_are_there_are_not_made_again(tmp_path):
    for seed in range(3):
        np.save(tmp_path / f"{seed}.npy", np.full((9, 4, 4), seed, np.float16))
    before = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    said = []
    made = examples.simulated_on_disk(range(3), tmp_path, said.append)
    assert [each[0, 0, 0] for each in made] == [0, 1, 2]
    assert {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == before
    assert said == []


def test_a_file_half_written_does_not_count(tmp_path, monkeypatch):
    whole = np.save

    def broken(stream, layers):
        stream.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(examples, "simulated", small_example)
    monkeypatch.setattr(np, "save", broken)
    with pytest.raises(KeyboardInterrupt):
        on_disk._write((examples._layers_of, tmp_path / "4.npy"))
    assert not (tmp_path / "4.npy").exists()
    (tmp_path / ".4.npy.123.part").write_bytes(b"half")  # of a process that was killed
    monkeypatch.setattr(np, "save", whole)
    asked = []
    monkeypatch.setattr(on_disk, "ProcessPoolExecutor", in_this_process(asked))
    (made,) = examples.simulated_on_disk([4], tmp_path, lambda text: None)
    assert [file for _, file in asked] == [tmp_path / "4.npy"]
    np.testing.assert_array_equal(made, examples.layers(small_example(4)))


def in_this_process(asked):
    """A pool of processes that works in this one, and keeps what it was asked."""

    class Pool:
        def __init__(self, *args, **kwargs):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *args):
            pass

        def map(self, work, of, chunksize):
            asked.extend(of)
            return map(work, of)

        def shutdown(self, cancel_futures):
            pass

    return Pool


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_more_examples_than_files_may_be_open(tmp_path):
    import resource

    for seed in range(60):
        np.save(tmp_path / f"{seed}.npy", np.full((9, 64, 64), seed, np.float16))
    least, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    in_use = {int(name) for name in os.listdir("/dev/fd")}
    free = [number for number in range(least) if number not in in_use]
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[30], most))
    try:
        made = examples.simulated_on_disk(range(60), tmp_path, lambda text: None)
        picture, *_ = next(examples.batches(examples.Pool(made), 0, 0, 200, 64))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (least, most))
    assert len(picture) == 200


@pytest.mark.slow
def test_what_simulates_ends_when_the_training_is_killed(tmp_path):
    code = """
        import sys, threading, time
        from pathlib import Path
        from voidlab.training import examples

        folder = Path(sys.argv[1])

        def tell():
            while not list(folder.glob("*.npy")):
                time.sleep(0.05)
            print("under way", flush=True)

        if __name__ == "__main__":
            threading.Thread(target=tell, daemon=True).start()
            examples.simulated_on_disk(range(1000), folder, print)
    """
    script = tmp_path / "training.py"
    script.write_text(textwrap.dedent(code))
    training = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "made")], stdout=subprocess.PIPE, text=True
    )
    assert training.stdout is not None
    assert training.stdout.readline() == "under way\n"
    training.kill()
    training.communicate(timeout=60)  # all that were started by it have closed what they could write to
    made = len(list((tmp_path / "made").glob("*.npy")))
    assert 0 < made < 1000


def test_some_simulated_images_are_made_smaller_with_their_voids():
    large = micrograph(144, shape=(544, 544))  # one in eight is: by two, three and four in turn
    small = examples.simulated(144)
    assert small.image.shape == (272, 272)
    counts = large.voids[
        ~large.voids["ignored"] & large.voids["radius_px"].between(6, 2 * network.MAX_RADIUS_PX)
    ]
    assert len(counts) > 10
    exact = [(counts[name] - 0.5) / 2 for name in ("y_px", "x_px")]
    at = tuple(each.round().astype(int) for each in exact)
    distance2 = sum((each - each.round()) ** 2 for each in exact)
    bell = 255 * np.exp(-distance2 / (2 * (0.1 * counts["radius_px"] + 0.5) ** 2))
    np.testing.assert_allclose(small.centre[at], bell, atol=1)  # an eighth of a pixel off would give less
    expected = np.log(counts["radius_px"] / 2 / network.USUAL_RADIUS_PX)
    assert np.median(np.abs(small.radius[at] - expected)) < 0.01


def test_loops_and_dots_are_made_smaller_with_the_image():
    large, small = micrograph(792, shape=(544, 544)), examples.simulated(792)
    counts = large.others[~large.others["ignored"] & (large.others["radius_px"] > 3)]
    assert len(counts) > 0
    for kind, x, y in counts[["kind", "x_px", "y_px"]].itertuples(index=False):
        assert getattr(small, kind)[round((y - 0.5) / 2), round((x - 0.5) / 2)] > 200


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


def small(seed):
    return micrograph(seed, shape=(128, 128))


def small_example(seed):
    return example_of(small(seed))


def example_of(m):
    return example(m.image, m.mask, m.voids.assign(sized=True), m.others, negative=m.upside_down)


def layers_of(m):
    return examples.layers(example_of(m))


def stream(seed=0, first=0):
    pool = examples.Pool([layers_of(small(seed)) for seed in range(3)])
    return examples.batches(pool, seed, first, 2, 64)


def test_a_training_that_was_stopped_ends_as_one_that_was_not(tmp_path):
    class Stop(Exception):
        pass

    def until(step, batches):
        for number, batch in enumerate(batches):
            if number == step:
                raise Stop
            yield batch

    def train_on(state, batches):
        torch.manual_seed(0)
        plan = fit.Plan(7, 1e-3, tmp_path / state, "discs", every=2)
        return fit.fit(network.build_network(TINY), batches, plan, log=lambda text: None).state_dict()

    whole = train_on("whole.pt", stream())
    with pytest.raises(Stop):
        train_on("stopped.pt", until(5, stream()))  # a step after the state was kept
    done = fit.steps_done(fit.Plan(7, 1e-3, tmp_path / "stopped.pt", "discs"))
    assert done == 4
    again = train_on("stopped.pt", stream(first=done))
    assert list(again) == list(whole)
    for name, value in whole.items():
        torch.testing.assert_close(again[name], value, rtol=1e-6, atol=1e-7, msg=name)


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


@pytest.mark.parametrize("held", [[1, 2], {}, {"of": "a"}, 7])
def test_a_state_that_is_none_is_refused_in_a_sentence(tmp_path, held):
    plan = fit.Plan(2, 1e-3, tmp_path / "state.pt", "a")
    torch.save(held, plan.checkpoint)
    with pytest.raises(
        model_file.ModelError,
        match=r"state\.pt holds no state of a training; remove .*state\.pt to begin anew",
    ):
        fit.steps_done(plan)


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
    targets = as_targets(example_of(m))

    def logit(p):
        p = p.clamp(1e-4, 1 - 1e-4)
        return torch.log(p / (1 - p))

    centre, void, radius, _, loop, dot, _ = targets
    right = torch.stack([logit((void == 1).float()), logit(centre), radius, logit(loop), logit(dot)], dim=1)
    wrong = torch.stack(
        [logit((void != 1).float()), logit(1 - centre), radius + 1, logit(1 - loop), logit(1 - dot)], dim=1
    )
    assert fit.loss(right, targets) < 0.1 * fit.loss(wrong, targets)
    for channel in range(5):
        one_wrong = right.clone()
        one_wrong[:, channel] = wrong[:, channel]
        assert fit.loss(right, targets) < fit.loss(one_wrong, targets)


def test_weights_and_card_are_read_back(tmp_path):
    model = network.build_network(TINY)
    path = tmp_path / "mine.safetensors"
    expected = {"precision": {"weights": [0.0] * 5, "in_vain": [-2.0] * 5, "concentration": 9.0}}
    model_file.save_network(model, path, CARD | {"name": "mine", "expected": expected})
    again, card = model_file.load_network(path, device="cpu")
    assert card["confidence"] == CARD["confidence"]
    for name, value in again.state_dict().items():
        assert torch.equal(value.contiguous(), model.state_dict()[name].contiguous()), name
    method = segment.load_segmenter(path, contrast="bright")
    assert method.name == "mine"
    assert method.calibration.weights == CARD["confidence"]
    assert method.taught["precision"].concentration == 9


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
    path.with_suffix(".json").write_text(json.dumps(CARD))
    with pytest.raises(model_file.ModelError, match=r"mine\.safetensors does not hold weights"):
        segment.load_segmenter(path)


def test_images_too_small_to_train_on_are_explained(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((100, 100), np.uint8) + np.eye(100, dtype=np.uint8))
    tifffile.imwrite(tmp_path / "a_labels.tif", np.eye(100, dtype=np.uint8))
    with pytest.raises(LabelledError, match="is larger than 256 px in both directions"):
        fine_tune.fine_tune(tmp_path, tmp_path / "mine.safetensors", steps=1, seed=0, log=print)


def write_labelled(folder, count, *, negative=False):
    """``count`` images of a few bright discs, or their negatives, with their labels."""
    for number in range(count):
        y, x = np.mgrid[:260, :280]
        labels = np.zeros(y.shape, np.uint8)
        for label, (cx, cy) in enumerate([(60, 70), (150, 90), (200, 200)], start=1):
            labels[np.hypot(x - cx - number, y - cy) < 9] = label
        grey = np.random.default_rng(number).normal(90, 8, labels.shape) + 60 * (labels > 0)
        image = grey.clip(0, 255).astype(np.uint8)
        tifffile.imwrite(folder / f"{number}.tif", 255 - image if negative else image)
        tifffile.imwrite(folder / f"{number}_labels.tif", labels)


@pytest.fixture
def few_simulated(monkeypatch):
    """A simulation of few small images, whatever is asked for."""
    each = layers_of(micrograph(3, shape=(256, 256)))
    asked = []

    def simulated_on_disk(seeds, folder, log):
        asked.append((seeds, folder))
        folder.mkdir(exist_ok=True)
        file = folder / "3.npy"
        np.save(file, each)
        return on_disk.OnDisk([file, file])

    monkeypatch.setattr(examples, "simulated_on_disk", simulated_on_disk)
    monkeypatch.setitem(train.CROPS_A_STEP, "cpu", 2)
    monkeypatch.setitem(train.CROPS_A_STEP, "cuda", 2)
    return asked


SHIPPED_WORTH = {name: model_file.read_card(model_file.SHIPPED)[name] for name in ("confidence", "expected")}


def test_fine_tuned_weights_say_how_they_were_made(tmp_path, few_simulated, monkeypatch):
    worth = SHIPPED_WORTH | {"expected": {}}
    monkeypatch.setattr(calibrate, "for_card", lambda model, log: worth)
    write_labelled(tmp_path, 3)
    weights = tmp_path / "mine.safetensors"
    card = fine_tune.fine_tune(tmp_path, weights, steps=2, seed=0, log=lambda text: None)
    assert card == json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))
    assert card["made"]["from"] == "voids"
    assert card["made"]["kept"] == "the network begun with"  # two steps make it no better
    assert (len(card["made"]["data"]), len(card["made"]["kept_aside"])) == (2, 1)
    assert card["limits"]
    assert {name: card[name] for name in worth} == worth  # not those of the network begun with
    assert set(card["scores"]) == {"f1_before", "f1", "radius_bias_before", "radius_bias"}
    assert card["made"]["command"].endswith("--name mine --contrast bright --seed 0 --steps 2")
    assert "yours" in card["licence"]
    assert "scored" not in card  # the shipped weights were, not these
    assert few_simulated[0][1] == tmp_path / "mine.simulated"
    assert sorted(file.name for file in tmp_path.glob("mine*")) == ["mine.json", "mine.safetensors"]
    assert (
        len(segment.load_segmenter(weights, contrast="bright").find(tifffile.imread(tmp_path / "2.tif"))) == 3
    )


def test_a_network_that_comes_out_worse_is_not_kept(tmp_path, few_simulated, monkeypatch):
    """Its state was chosen by what its confidence was worth before."""
    nothing = {"void": [-20.0, 1.0, *[0.0] * 9], "loop or dot": [0.0, 1.0, *[0.0] * 9]}
    monkeypatch.setattr(calibrate, "for_card", lambda model, log: {"confidence": nothing})
    write_labelled(tmp_path, 3)
    said: list[str] = []
    card = fine_tune.fine_tune(tmp_path, tmp_path / "mine.safetensors", steps=2, seed=0, log=said.append)
    assert said[-1] == "on the images kept aside it is worse than the network begun with, which is kept"
    assert card["made"]["kept"] == "the network begun with"
    assert {name: card[name] for name in SHIPPED_WORTH} == SHIPPED_WORTH
    assert card["scores"]["f1"] == card["scores"]["f1_before"]


def test_images_of_dark_field_are_trained_on_as_they_are_looked_at(tmp_path, few_simulated, monkeypatch):
    """As negatives, in which voids are bright, without the plane that says so."""
    monkeypatch.setattr(calibrate, "for_card", lambda model, log: SHIPPED_WORTH)
    write_labelled(tmp_path, 3, negative=True)
    seen = []
    large_enough = examples.large_enough
    monkeypatch.setattr(
        examples,
        "large_enough",
        lambda item, dark: seen.append((item, dark)) or large_enough(item, dark=dark),
    )
    card = fine_tune.fine_tune(
        tmp_path, tmp_path / "mine.safetensors", mode="HAADF", steps=2, seed=0, log=lambda text: None
    )
    assert card["scores"]["f1_before"] == 1
    assert "--contrast dark --mode 'HAADF' --seed" in card["made"]["command"]
    for item, dark in seen:
        x, y, _ = item.voids[["x_px", "y_px", "radius_px"]].iloc[0].astype(int)
        assert not dark
        assert item.image[y, x] > item.image.mean()


def test_voids_of_the_other_contrast_are_noticed(tmp_path, few_simulated, monkeypatch):
    monkeypatch.setattr(calibrate, "for_card", lambda model, log: SHIPPED_WORTH)
    write_labelled(tmp_path, 2)
    said = []
    card = fine_tune.fine_tune(
        tmp_path, tmp_path / "mine.safetensors", contrast="dark", steps=1, seed=0, log=said.append
    )
    assert re.match(
        r"The labelled voids look bright: F1 is 1.00 with --contrast bright, 0\.[0-4]\d with", said[0]
    )
    assert card["scores"] == {}  # too few images to keep one aside
    assert card["made"]["kept"] == "the network trained"


@pytest.fixture
def tiny(monkeypatch):
    """The network that is made is a tiny one."""
    build = network.build_network
    monkeypatch.setattr(network, "FEATURES", TINY)
    monkeypatch.setattr(network, "build_network", lambda features=TINY, **how: build(features, **how))


def test_making_weights_goes_on_with_the_images_it_had(tmp_path, few_simulated, tiny, monkeypatch):
    begun = []
    batches = examples.batches

    def watched(pool, seed, first, *args, **kwargs):
        begun.append(first)
        return batches(pool, seed, first, *args, **kwargs)

    def stopped(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(examples, "batches", watched)
    monkeypatch.setattr(calibrate, "for_card", stopped)
    weights = tmp_path / "voids.safetensors"

    def make():
        making = train.Making("from nothing", seed=1, steps=2, images=6)
        return train.make_weights(weights, making, log=lambda text: None)

    for _ in range(2):  # stopped when the last step is done, the weights not yet written
        with pytest.raises(KeyboardInterrupt):
            make()
        assert (tmp_path / "voids.simulated").is_dir()
    assert begun == [0, 2]
    assert few_simulated[0] == few_simulated[1]
    monkeypatch.setattr(calibrate, "for_card", lambda model, log: CARD)
    make()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["voids.json", "voids.safetensors"]


def test_weights_gone_on_from_keep_their_shape(tmp_path, few_simulated, monkeypatch):
    monkeypatch.setattr(calibrate, "for_card", lambda model, log: CARD)
    weights = tmp_path / "voids.safetensors"
    made = {"first_seed_not_seen": 1_000_100}
    model_file.save_network(network.build_network(TINY), weights, CARD | {"made": made})
    making = train.Making("further", seed=1, steps=1, images=2)
    train.make_weights(weights, making, log=lambda text: None)
    _, card = model_file.load_network(weights, device="cpu")
    assert card["features"] == list(TINY)
    assert few_simulated[0][0] == range(1_000_100, 1_000_102)


def test_weights_gone_on_from_say_what_was_before(tmp_path, few_simulated, tiny, monkeypatch):
    monkeypatch.setattr(calibrate, "for_card", lambda model, log: CARD)
    weights = tmp_path / "voids.safetensors"
    made = [
        train.make_weights(weights, train.Making(how, seed=seed, steps=1, images=2), log=lambda text: None)[
            "made"
        ]
        for seed, how in ((1, "from nothing"), (2, "further"))
    ]
    assert made[1]["before"] == made[0]
    assert made[1]["first_seed_not_seen"] == made[0]["first_seed_not_seen"] + 2  # none is simulated twice
    assert [each["command"] for each in made] == [
        "voidlab train --from-nothing --seed 1 --steps 1",
        "voidlab train --further --seed 2 --steps 1",
    ]


def test_images_without_voids_teach_that_there_are_none(tmp_path, few_simulated, tiny, monkeypatch):
    monkeypatch.setattr(calibrate, "for_card", lambda model, log: CARD)
    (tmp_path / "loops").mkdir()
    for name in ("b", "a"):
        tifffile.imwrite(
            tmp_path / "loops" / f"{name}.tif", np.arange(300 * 280, dtype=np.uint8).reshape(300, 280)
        )
    pools, batches = [], examples.batches

    def watched(pool, *args, **kwargs):
        pools.append(pool)
        return batches(pool, *args, **kwargs)

    monkeypatch.setattr(examples, "batches", watched)
    making = train.Making("from nothing", seed=1, steps=1, images=2, without=tmp_path / "loops")
    made = train.make_weights(tmp_path / "voids.safetensors", making, log=lambda text: None)["made"]
    assert made["command"] == "voidlab train --from-nothing --without-voids FOLDER --seed 1 --steps 1"
    assert made["without_voids"] == ["a", "b"]
    centre, known = (examples._LAYERS.index(name) for name in ("centre", "known"))
    assert [each[-1].max() for each in pools[0].own] == [1, 0, 1, 0]  # as negatives and as they are
    assert all(each[centre].max() == 0 and each[known].min() == 1 for each in pools[0].own)


def test_the_command_says_what_is_missing(tmp_path, monkeypatch, capsys):
    (tmp_path / "parameters").mkdir()
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train"]) == 2
    assert "say which labelled images to train on" in capsys.readouterr().err
    assert cli.main(["score", str(tmp_path)]) == 2
    assert "no labelled images" in capsys.readouterr().err
    for option in (["--name", "mine"], ["--contrast", "dark"], ["--mode", "HAADF"]):
        assert cli.main(["train", str(tmp_path), "--further", *option]) == 2
        assert "leave out --name, --contrast and --mode" in capsys.readouterr().err
    assert cli.main(["train", str(tmp_path), "--name", "mine", "--without-voids", str(tmp_path)]) == 2
    assert "with a header only" in capsys.readouterr().err
    assert cli.main(["train", "--further", "--without-voids", str(tmp_path)]) == 2
    assert "no images in" in capsys.readouterr().err


def test_one_training_of_a_network_at_a_time(tmp_path, monkeypatch, capsys):
    (tmp_path / "parameters").mkdir()
    write_labelled(tmp_path, 1)
    monkeypatch.chdir(tmp_path)
    again = []

    def begun(*args, **kwargs):
        again.append(cli.main(["train", str(tmp_path), "--name", "mine"]))
        return {"scores": {}}

    monkeypatch.setattr(fine_tune, "fine_tune", begun)
    assert cli.main(["train", str(tmp_path), "--name", "mine"]) == 0
    assert again == [2]
    assert "mine.safetensors is being trained by process" in capsys.readouterr().err
    assert not list((tmp_path / "parameters").iterdir())


def test_calibrating_says_how_far_it_is():
    said: list[str] = []
    assert list(calibrate._counted(range(7, 257), said.append)) == [*range(7, 257)]
    assert said == ["100 of 250 images", "200 of 250 images"]
