"""Distilling: the mean answer does not depend on how an image lies, and is learnt."""

import numpy as np
import pandas as pd
import pytest
import torch

from voidlab.run.train import make_shipped_network
from voidlab.segment import model_file, network
from voidlab.training import calibrate, distil, examples, fit, labelled, train

TINY = (4, 4, 4, 4, 4, 4)
CARD = {
    "features": list(TINY),
    "confidence": {kind: [0.0, 1.0, *[0.0] * 9] for kind in ("void", "loop or dot")},
    "made": {"first_seed_not_seen": 5},
}


@pytest.fixture(autouse=True)
def threads():
    """The teacher, who works beside others, keeps to one thread; not so the tests after these."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(3)
    model = network.build_network(TINY)
    for module in model.modules():  # answers that differ from place to place
        if isinstance(module, torch.nn.Conv2d):
            module.weight.data.mul_(3)
    path = tmp_path / "voids.safetensors"
    model_file.save_network(model, path, CARD)
    return path


@pytest.fixture
def made(tmp_path):
    """Examples 5 to 7 on disk, of one size; the last is a negative."""
    folder = tmp_path / "voids.simulated"
    folder.mkdir()
    for seed in (5, 6, 7):
        image = np.random.default_rng(seed).normal(size=(80, 80)).astype(np.float32)
        voids = pd.DataFrame({"x_px": [30.0], "y_px": [40.0], "radius_px": [6.0]})
        voids = voids.assign(ignored=False, sized=True)
        example = examples.example(image, image > 9, voids, None, negative=seed == 7)
        np.save(folder / f"{seed}.npy", examples.layers(example))
    return folder


def test_the_mean_answer_turns_with_the_image(weights):
    model, _ = model_file.load_network(weights, device="cpu")
    image = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    once = distil.mean_answer(model, image, negative=False)
    for turned in (lambda a: np.rot90(a, 1, (-2, -1)), lambda a: a[..., ::-1]):
        again = distil.mean_answer(model, np.ascontiguousarray(turned(image)), negative=False)
        np.testing.assert_allclose(again, turned(once), atol=2e-3)
        alone = network.forward(model, np.ascontiguousarray(turned(image)), "float32")
        one = network.forward(model, image, "float32")
        assert np.abs(alone - turned(one)).max() > 0.01  # one look alone does not


def test_answers_keep_image_sign_and_answer(tmp_path, weights, made):
    file = tmp_path / "voids.answers" / "7-1.npy"
    answer = distil._answered(made, range(5, 8), weights, file)
    assert answer.shape == (7, 64, 64)  # sides the network takes
    assert (answer[-1] == 1).all()
    teacher = distil._teacher(weights)
    said = distil.mean_answer(teacher, answer[0].astype(np.float32), negative=True)
    np.testing.assert_allclose(answer[1:-1].astype(np.float32), said, atol=0.03)  # kept with half precision
    np.testing.assert_array_equal(answer, distil._answered(made, range(5, 8), weights, file))


def test_altered_images_are_normalised_and_differ():
    image, other = np.random.default_rng(1).normal(size=(2, 64, 64)).astype(np.float32)
    many = [distil.altered(image, other, np.random.default_rng(k)) for k in range(40)]
    assert all(np.isfinite(each).all() and np.abs(each).max() <= 12 for each in many)
    assert len({each.tobytes() for each in many}) > 30
    np.testing.assert_array_equal(many[3], distil.altered(image, other, np.random.default_rng(3)))


def test_the_loss_is_least_at_the_answer():
    said = torch.rand(2, 5, 32, 32, generator=torch.Generator().manual_seed(0))
    at = torch.logit(said, 1e-4)
    at[:, 2] = said[:, 2]
    least = distil._unlike(at, said)
    for channel in range(5):
        away = at.clone()
        away[:, channel] += 1.0
        assert distil._unlike(away, said) > least


def test_a_batch_is_of_true_examples_and_answers(tmp_path, weights, made):
    files = [np.load(made / f"{seed}.npy") for seed in (5, 6)]
    answers = [distil._answered(made, range(5, 8), weights, tmp_path / "7-0.npy")]
    picture, *targets, said = next(distil.batches(examples.Pool(files), answers, 1, 0, 8, 64))
    assert picture.shape == (8, 2, 64, 64)
    assert [each.shape for each in targets] == [(2, 64, 64)] * 7
    assert said.shape == (6, 5, 64, 64)
    assert (picture[2:, 1] == 1).all()
    assert (picture[:2, 1] == 0).all()
    assert torch.isfinite(distil.loss(torch.zeros(8, 5, 64, 64), (*targets, said)))


def test_distilled_weights_are_nearer_to_the_mean_answer(tmp_path, weights, made):
    answers = [distil._answered(made, range(5, 8), weights, tmp_path / f"{k}-0.npy") for k in (5, 6, 7)]
    pool = examples.Pool([np.load(made / "5.npy")])
    said = torch.from_numpy(np.stack(answers).astype(np.float32))

    def unlike_after(steps):
        model, _ = model_file.load_network(weights, device="cpu")
        plan = fit.Plan(steps, 2e-3, tmp_path / f"{steps}.pt", "distil", memory=0.5)
        stream = distil.batches(pool, answers, 1, 0, 8, 64)
        fit.fit(model, stream, plan, loss=distil.loss, log=lambda text: None)
        with torch.no_grad():
            return float(distil._unlike(model.train()(said[:, [0, -1]]), said[:, 1:-1]))

    assert unlike_after(60) < 0.95 * unlike_after(1)  # much of it is what no answer is without


def test_the_card_says_that_it_was_distilled(tmp_path, weights, made, monkeypatch):
    monkeypatch.setattr(calibrate, "for_card", lambda model, log: {"confidence": CARD["confidence"]})
    monkeypatch.setitem(train.CROPS_A_STEP, "cpu", 4)
    monkeypatch.setitem(train.CROPS_A_STEP, "cuda", 4)
    monkeypatch.setattr(examples, "CROP", 64)
    making = train.Making("distil", seed=4, steps=1, images=3)
    card = train.make_weights(weights, making, log=lambda text: None)
    assert card["made"]["command"] == "voidlab train --distil --seed 4 --steps 1"
    assert card["made"]["before"] == CARD["made"]
    assert card["made"]["first_seed_not_seen"] == 8
    assert sorted(file.name for file in tmp_path.iterdir()) == ["voids.json", "voids.safetensors"]


def test_weights_from_nothing_are_distilled_after_a_stop_too(weights, monkeypatch):
    done = []

    def make_weights(path, making, log):
        done.append(making.command)
        model_file.write_card(
            path, CARD | {"made": {"command": making.command, "images": labelled.digest_of([])}}
        )
        if len(done) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(train, "make_weights", make_weights)
    monkeypatch.setattr(model_file, "SHIPPED", weights)
    making = train.Making.usual("from nothing", seed=2)
    with pytest.raises(KeyboardInterrupt):
        make_shipped_network(making, print)
    for _ in range(2):  # gone on with, and begun anew when all is done
        make_shipped_network(making, print)
    from_nothing, distil = making.command, making.then.command
    assert done == [from_nothing, distil, from_nothing, distil]
    assert distil == "voidlab train --distil --seed 2 --steps 6000"
    assert train.Making.usual("further", seed=1).then is None
    assert train.are_made(weights, making.then)
    weights.with_suffix(".json").unlink()
    assert not train.are_made(weights, making)  # anew, whatever there is


def test_answers_are_those_of_the_weights_begun_with(tmp_path, weights, made, monkeypatch):
    """Of a stopped training whose weights were replaced neither answers nor steps are gone on with."""
    asked = []

    def answers_on_disk(made, seeds, weights, folder, log):
        asked.append(folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(distil, "answers_on_disk", answers_on_disk)
    making = train.Making("distil", seed=4, steps=1, images=3)
    for factor in (1, 2):
        state = model_file.load_network(weights, device="cpu")[0]
        state.get_submodule("1").final_conv.weight.data.mul_(factor)
        model_file.save_network(state, weights, CARD)
        with pytest.raises(KeyboardInterrupt):
            train.make_weights(weights, making, log=lambda text: None)
    assert len(set(asked)) == 2
    assert {folder.parent for folder in asked} == {tmp_path / "voids.answers"}
