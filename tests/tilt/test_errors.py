"""How often the stated errors of axis, drift, points and foil hold what was simulated."""

import numpy as np
import pytest

from detections import tilt_detections
from voidlab.tilt import project, reconstruct
from voidlab.tilt.foil import fit_foil
from voidlab.tilt.gauge import in_gauge
from voidlab.tilt.geometry import from_axis, to_axis
from voidlab.tilt.solver.bundle import Cameras, Links, Prior, adjust, covariance

SEEDS = 500
SERIES = 80  # with 60 voids or more each
SMALL = {
    "shape": (420, 560),
    "thickness_px": 80.0,
    "drift_step_px": 10.0,
    "most_tilt_deg": 30.0,
    "false": 0.05,
}


def assert_held(errors, sigmas, what, *, certain=True):
    """That so many errors lie within one and within two standard errors as should, and none of them one-sided."""
    ratio = np.asarray(errors) / np.asarray(sigmas)
    one, two = (np.abs(ratio) < 1).mean(), (np.abs(ratio) < 1.96).mean()
    assert 0.60 <= one <= 0.76, f"{what}: {one:.1%} within one standard error"
    if certain:
        assert 0.92 <= two <= 0.98, f"{what}: {two:.1%} within 95 %"


def by_one_void(model, series):
    """The points all of whose detections, three or more, are of one void, and these voids."""
    linked = model.voids.dropna(subset="particle").assign(true=series.voids["particle"])
    true = linked.groupby("particle")["true"]
    pure = true.agg(lambda ids: ids.iloc[0] if ids.notna().all() and ids.nunique() == 1 else -1)
    pure = pure[(pure >= 0) & (true.size() >= 3)]
    return model.points.set_index("particle").loc[pure.index], series.points.set_index("particle").loc[pure]


def in_found_gauge(series, reference, middle):
    """True drift, and how far x and y of the points lie off, as seen from the origin that a result has chosen."""
    axis, tilt = np.deg2rad(series.axis_deg), np.deg2rad(series.true_tilt_deg)
    shift = to_axis(series.drift_px, axis)
    shift[:, 0] += middle * np.sin(tilt)
    back = shift[reference] / [np.cos(tilt[reference]), 1.0]
    shift -= np.column_stack([back[0] * np.cos(tilt), np.full(len(tilt), back[1])])
    return from_axis(shift, axis), from_axis(back[None], axis)[0]


SITUATIONS = {
    "7 views of 60 voids": {"views": 7, "voids": 60},
    "8 views, none at tilt 0": {"views": 8, "voids": 60},
    "thick foil, ±45°": {"views": 7, "voids": 60, "thickness_px": 150.0, "most_tilt_deg": 45.0},
    "11 views of 80 voids": {"views": 11, "voids": 80},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SITUATIONS)
def test_errors_of_points_and_drift(name):
    """Mid-foil is where a result says; the true one lies within its error, which all depths have in common."""
    off = {part: [] for part in ("x", "y", "z", "z from mid-foil", "drift")}
    sigma = {part: [] for part in off}
    for seed in range(SERIES):
        series = tilt_detections(seed, **SMALL | SITUATIONS[name])
        model = reconstruct(series.voids.drop(columns="particle"), series.tilt_deg, shape=series.shape)
        if model.verdict == "do not use" or np.isnan(model.thickness_px):
            continue
        points, true = by_one_void(model, series)
        hand = 1 if abs(model.tilt_axis_deg - series.axis_deg) < 90 else -1
        depth = hand * points["z_px"].to_numpy() - true["z_px"].to_numpy()
        middle = np.average(depth, weights=1 / points["sigma_z_px"] ** 2)
        (reference,) = np.flatnonzero((model.drift_px == 0).all(axis=1))
        assert (model.drift_sigma_px[reference] == 0).all()
        drift, back = in_found_gauge(series, reference, -middle)
        others = np.arange(len(drift)) != reference
        now = {
            "x": (points["x_px"] - true["x_px"].to_numpy() - back[0], points["sigma_x_px"]),
            "y": (points["y_px"] - true["y_px"].to_numpy() - back[1], points["sigma_y_px"]),
            "z": (depth - middle, points["sigma_z_px"]),
            "z from mid-foil": (depth, np.hypot(points["sigma_z_px"], model.foil_z_sigma_px)),
            "drift": ((model.drift_px - drift)[others].ravel(), model.drift_sigma_px[others].ravel()),
        }
        for part, (error, stated) in now.items():
            off[part] += list(error)
            sigma[part] += list(stated)
    for part in off:
        # Of where mid-foil lies there is one error a series.
        assert_held(off[part], sigma[part], part, certain=part != "z from mid-foil")
    for part in ("x", "y", "z", "drift"):
        assert abs(np.mean(off[part])) < 0.05


def seen_by(random, axis, tilt, points):
    """Links of the points in all views but for some, to 0.6 px."""
    seen = random.random((len(tilt), len(points))) < 0.85
    seen[::3] = True
    view, point = np.nonzero(seen)
    every = np.stack([project(points, angle, np.rad2deg(axis)) for angle in np.rad2deg(tilt)])
    return Links(view, point, every[view, point] + random.normal(0, 0.6, (len(view), 2)))


@pytest.mark.slow
@pytest.mark.parametrize(("views", "voids", "most_deg"), [(7, 40, 30.0), (11, 80, 22.5)])
def test_error_of_the_axis_and_of_a_detection(views, voids, most_deg):
    off, sigma, noise = [], [], []
    tilt = np.deg2rad(np.linspace(-most_deg, most_deg, views))
    for seed in range(SEEDS):
        random = np.random.default_rng(seed)
        axis = np.deg2rad(random.uniform(-90, 90))
        points = random.uniform(-1, 1, (voids, 3)) * [280, 210, 40]
        links = seen_by(random, axis, tilt, points)
        start = Cameras(axis + random.normal(0, 0.03), tilt, np.zeros((views, 2)))
        prior = Prior(start.axis, np.deg2rad(5.0), tilt, np.deg2rad(0.5))
        solution = adjust(links, start, prior, len(points))
        *_, of_views = covariance(links, solution, prior)
        off.append(solution.cameras.axis - axis)
        sigma.append(np.sqrt(of_views[0, 0]))
        noise.append(solution.sigma_px)
    assert_held(off, sigma, "axis")
    assert abs(np.mean(off)) < 4 * np.std(off) / np.sqrt(SEEDS)
    assert np.mean(noise) == pytest.approx(0.6, rel=0.03)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("voids", "thickness", "noise", "outliers"),
    [(40, 80.0, 0.8, 0.0), (60, 80.0, 4.0, 0.02), (120, 150.0, 1.0, 0.02)],
)
def test_errors_of_the_foil(voids, thickness, noise, outliers):
    ratio, held, off, sigma = [], [], [], []
    slope = np.array([0.02, -0.01])
    for seed in range(SEEDS):
        random = np.random.default_rng(seed)
        pq = random.uniform(-250, 250, (voids, 2))
        stated = noise * random.uniform(0.8, 1.3, voids)
        depth = random.uniform(-thickness / 2, thickness / 2, voids) * np.sqrt(1 + slope @ slope)
        wrong = random.random(voids) < outliers
        depth[wrong] = random.uniform(-1.5, 1.5, wrong.sum()) * thickness
        z = 7 + pq @ slope + depth + stated * random.normal(size=voids)
        foil = fit_foil(np.column_stack([pq, z]), stated)
        if np.isnan(foil.thickness_px):  # refused
            continue
        low, high = foil.interval_px
        ratio.append(foil.thickness_px / thickness)
        held.append(low <= thickness <= high)
        off.append(np.array(foil.middle) - [7, *slope])
        sigma.append(foil.middle_sigma)
    assert len(held) > 0.9 * SEEDS
    assert np.mean(ratio) == pytest.approx(1, abs=0.01)
    assert 0.92 <= np.mean(held) <= 0.98, f"thickness: {np.mean(held):.1%}"
    for part, name in enumerate(("depth of mid-foil", "slope across", "slope along")):
        assert_held(np.array(off)[:, part], np.array(sigma)[:, part], name)


def test_the_derivatives_of_the_chosen_origin_are_those_of_its_places():
    """By differences: of the drift and of the points as axis, shifts and tilts change."""
    random = np.random.default_rng(0)
    tilt, shift = np.deg2rad([-20.0, 3.0, 17.0]), random.normal(0, 20, (3, 2))
    points = random.uniform(-100, 100, (4, 3))

    def placed(v):
        seen = in_gauge(Cameras(v[0], v[7:], np.column_stack([v[1:4], v[4:7]])), points, 12.0)
        return from_axis(seen.cameras.shift, v[0]), from_axis(seen.points[:, :2], v[0]), seen

    at = np.array([0.4, *shift[:, 0], *shift[:, 1], *tilt])
    step = 1e-6 * np.eye(10)
    variance = np.diag(random.uniform(0.1, 1, 10))
    by_drift, by_points = (
        np.stack([(placed(at + h)[part] - placed(at - h)[part]) / 2e-6 for h in step], axis=-1)
        for part in (0, 1)
    )
    seen = placed(at)[2]
    expected = np.sqrt(np.einsum("kic,cc,kic->ki", by_drift, variance, by_drift))
    np.testing.assert_allclose(seen.drift_sigma(variance), expected, rtol=1e-6, atol=1e-9)
    found = seen.covariance(np.zeros((4, 3, 3)), np.zeros((4, 3, 10)), variance)
    np.testing.assert_allclose(
        found[:, :2, :2], by_points @ variance @ by_points.transpose(0, 2, 1), rtol=1e-6
    )
