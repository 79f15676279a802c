"""The parts of the reconstruction, each on a case whose answer is known."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detections import tilt_detections
from voidlab.tilt import reconstruct
from voidlab.tilt.foil import fit_foil
from voidlab.tilt.foil_places import place
from voidlab.tilt.geometry import from_axis, to_axis
from voidlab.tilt.inputs import prepare
from voidlab.tilt.solver.assign import assign, within
from voidlab.tilt.solver.bundle import Cameras, Links, Prior, adjust
from voidlab.tilt.solver.grow import adjusted
from voidlab.tilt.solver.seed import triples
from voidlab.tilt.solver.split_tracks import split_doubtful
from voidlab.tilt.solver.votes import ridge, sharp_peak


@given(st.integers(0, 2000))
def test_assignment_has_the_largest_sum(seed):
    random = np.random.default_rng(seed)
    size = 4
    gain = np.where(random.random((size, size)) < 0.6, random.uniform(-0.5, 1, (size, size)), 0)
    i, j = np.nonzero(gain)
    chosen = assign(i, j, gain[i, j])
    assert len(set(i[chosen])) == len(chosen) == len(set(j[chosen]))
    best = max(sum(max(gain[a, p[a]], 0) for a in range(size)) for p in permutations(range(size)))
    assert gain[i[chosen], j[chosen]].sum() == pytest.approx(best)


def test_nothing_to_assign():
    none = np.zeros(0, np.int64)
    assert len(assign(none, none, np.zeros(0))) == 0
    assert len(within(np.zeros((0, 2)), np.zeros((3, 2)), np.zeros((0, 2)))[0]) == 0


def test_candidates_lie_in_a_long_thin_gate():
    detected = np.array([[9.0, 0.5], [0.0, 1.5], [-9.5, -0.9], [11.0, 0.0]])
    i, j = within(np.zeros((1, 2)), detected, np.array([[10.0, 1.0]]))
    assert i.tolist() == [0, 0]
    assert sorted(j.tolist()) == [0, 2]


def test_axis_coordinates_there_and_back():
    xy = np.array([[3.0, -1.0], [0.5, 8.0]])
    np.testing.assert_allclose(from_axis(to_axis(xy, 0.7), 0.7), xy)


def test_votes_find_a_shift_among_strangers():
    random = np.random.default_rng(1)
    first = random.uniform((0, 0), (400, 300), (80, 2))
    second = np.vstack(
        [
            first[:50] + np.array([31.0, -17.0]) + random.normal(0, 0.5, (50, 2)),
            random.uniform(0, 300, (30, 2)),
        ]
    )
    peak = sharp_peak(first, second, 2.5)
    np.testing.assert_allclose(peak.shift, [31, -17], atol=0.3)
    assert peak.votes > 40 > 10 * peak.chance


def test_a_ridge_is_sharp_along_the_axis_and_centred_across_it():
    random = np.random.default_rng(2)
    first = random.uniform((0, 0), (400, 300), (120, 2))
    second = (
        first
        + np.array([20.0, 8.0])
        + np.column_stack([random.uniform(-30, 30, 120), random.normal(0, 0.4, 120)])
    )
    shift = ridge(first, second, 2.5, 60.0).shift
    assert shift[1] == pytest.approx(8.0, abs=0.3)
    assert shift[0] == pytest.approx(20.0, abs=8.0)


def test_no_points_have_no_shift():
    assert sharp_peak(np.zeros((0, 2)), np.ones((3, 2)), 2.0).votes == 0


def test_bundle_without_noise_is_exact():
    """From a wrong axis, tilts a little off and wrong shifts back to what was, in its gauge."""
    random = np.random.default_rng(3)
    tilt = np.deg2rad([-30.0, -10.0, 10.0, 30.0])
    points = random.uniform((-200, -300, -50), (200, 300, 50), (40, 3))
    shift = np.array([[3.0, 1.0], [0.0, 0.0], [-4.0, 2.0], [5.0, -6.0]])
    true = Cameras(0.4, tilt, shift)
    view, point = (grid.ravel() for grid in np.meshgrid(range(4), range(40), indexing="ij"))
    xy = from_axis(true.see(points[point], view), true.axis)
    start = Cameras(0.45, tilt, shift + random.normal(0, 3, shift.shape))
    prior = Prior(0.45, 0.1, tilt, np.deg2rad(0.5))
    solved = adjust(Links(view, point, xy), start, prior, 40, sweeps=40)
    assert solved.cameras.axis == pytest.approx(0.4, abs=1e-4)
    assert np.abs(solved.residual).max() < 0.05
    np.testing.assert_allclose(np.ptp(solved.points[:, 2]), np.ptp(points[:, 2]), rtol=2e-3)


@pytest.fixture(scope="module")
def linked():
    """A series linked as it truly is, its detections in the order of the linker, and its bundle."""
    series = tilt_detections(8, shape=(400, 500), voids=120, views=7, axis_deg=30.0, drift_step_px=5.0)
    given = prepare(series.voids, series.tilt_deg, series.shape)
    track = series.voids["particle"].to_numpy(np.float64, na_value=-1).astype(int)[given.rows]
    cameras = Cameras(np.deg2rad(30.0), given.series().tilt, to_axis(series.drift_px, np.deg2rad(30.0)))
    prior = Prior(cameras.axis, 0.1, cameras.tilt, np.deg2rad(0.5))

    def bundle(detections, track):
        return adjusted(detections, several(track), cameras, prior, 0.6)

    return given.series(), several(track), bundle


def several(track):
    size = np.bincount(track[track >= 0])
    return np.where((track >= 0) & (size[track] > 1), track, -1)


def sides(track, rows):
    """Whether the detections in ``rows`` are on one track."""
    return len(set(track[rows])) == 1 and track[rows[0]] >= 0


def test_right_tracks_stay_whole(linked):
    series, track, bundle = linked
    found = split_doubtful(series, bundle(series, track))
    whole = [sides(found, np.flatnonzero(track == number)) for number in np.unique(track[track >= 0])]
    assert np.mean(whole) > 0.97


def test_a_lone_detection_that_makes_its_own_depth_is_cut_off(linked):
    """Two views at one end of the tilts and a stranger at the other, which fits to a pixel at a depth of its own."""
    series, track, bundle = linked
    size = np.bincount(track[track >= 0])
    central = np.flatnonzero(size == 7)
    middle = [np.abs(series.xy[track == number]).max() for number in central]
    rows = np.flatnonzero(track == central[np.argmin(middle)])
    rows = rows[np.argsort(series.view[rows])]
    alone = track.copy()
    alone[rows[1:5]] = -1
    xy = series.xy.copy()
    xy[rows[0]] += 8 * from_axis(np.array([[1.0, 0.0]]), np.deg2rad(30.0))[0]
    moved = replace(series, xy=xy)
    now = bundle(moved, alone)
    assert np.hypot(*now.solution.residual[np.isin(now.rows, rows)].T).max() < 3  # it fits
    found = split_doubtful(moved, now)
    assert found[rows[0]] not in found[rows[5:]]


def test_two_tracks_in_one_are_told_apart(linked):
    series, track, bundle = linked
    one, other = (np.flatnonzero(track == n) for n in np.flatnonzero(np.bincount(track[track >= 0]) == 7)[:2])
    early, late = one[series.view[one] < 3], other[series.view[other] >= 3]
    joined = track.copy()
    joined[[*one, *other]] = -1
    joined[[*early, *late]] = track[one[0]]
    found = split_doubtful(series, bundle(series, joined))
    assert sides(found, late)
    assert not set(found[early]) & set(found[late])


def test_voids_are_placed_where_the_bundle_has_them():
    """In the views of the bundle, on an axis aslant; what is seen once, or in no placed view, is not."""
    series = tilt_detections(9, shape=(300, 400), voids=80, views=5, axis_deg=-50.0, thickness_px=60.0)
    model = reconstruct(series.voids.drop(columns="particle"), series.tilt_deg, shape=series.shape)
    linked = model.voids.dropna(subset="particle").astype({"particle": "int64"})
    how = {"tilt_axis_deg": model.tilt_axis_deg, "origin_px": model.origin_px, "sigma_px": model.sigma_px}
    placed = place(linked, model.views, **how)
    assert placed.dtypes.equals(model.points.dtypes)
    names = ["x_px", "y_px", "z_px"]
    sigma = model.points[["sigma_x_px", "sigma_y_px", "sigma_z_px"]].to_numpy()
    off = (placed[names] - model.points[names]).abs() / sigma
    assert off.median().max() < 0.1
    ratio = placed["sigma_z_px"] / model.points["sigma_z_px"]
    assert ratio.median() == pytest.approx(1, abs=0.15)
    assert place(linked.groupby("particle").head(1), model.views, **how).empty
    assert place(linked, model.views.assign(drift_x_px=np.nan), **how).empty
    assert place(linked.iloc[:0], model.views, **how).empty


def test_seeds_take_low_tilts_with_steps_of_some_degrees():
    tilt = np.deg2rad(np.arange(-20, 21, 1.0))
    middle, above, below = triples(tilt)[0]
    assert tilt[middle] == pytest.approx(0)
    assert np.rad2deg([tilt[above], tilt[below]]).round().tolist() == [3, -3]


def slab(depth, seed=0, slope=(0.0, 0.0), noise=1.0):
    random = np.random.default_rng(seed)
    pq = random.uniform(-400, 400, (len(depth), 2))
    z = depth + pq @ slope + random.normal(0, noise, len(depth))
    return np.column_stack([pq, z]), np.full(len(depth), noise)


@pytest.mark.parametrize("seed", range(4))
def test_even_depths_give_the_thickness(seed):
    depth = np.random.default_rng(seed).uniform(-60, 60, 300) + 7
    foil = fit_foil(*slab(depth, seed, (0.02, -0.01)))
    assert foil.method == "even depths"
    assert foil.thickness_px == pytest.approx(120, rel=0.03)
    assert foil.middle == pytest.approx((7, 0.02, -0.01), abs=2)
    np.testing.assert_allclose(foil.middle[1:], [0.02, -0.01], atol=0.005)


def test_two_layers_give_the_distance_of_their_outer_faces():
    random = np.random.default_rng(5)
    depth = random.choice([-1, 1], 300) * random.uniform(42, 60, 300)
    foil = fit_foil(*slab(depth))
    assert foil.method == "outermost voids"
    assert foil.thickness_px == pytest.approx(120, rel=0.03)


def test_depths_that_fade_out_give_no_thickness():
    foil = fit_foil(*slab(np.random.default_rng(6).normal(0, 30, 400)))
    assert np.isnan(foil.thickness_px)
    assert "fades out" in foil.reason


def test_few_or_flat_voids_give_no_thickness():
    assert "there are 10" in fit_foil(*slab(np.zeros(10))).reason
    assert "no wider than their error" in fit_foil(*slab(np.zeros(100))).reason
    assert np.isnan(fit_foil(np.zeros((0, 3)), np.zeros(0)).thickness_px)


def test_simulated_detections_are_as_asked_for():
    series = tilt_detections(1, shape=(300, 500), voids=400, views=5, missed=0.3, false=0.2)
    again = tilt_detections(1, shape=(300, 500), voids=400, views=5, missed=0.3, false=0.2)
    assert series.voids.equals(again.voids)
    each = series.voids.groupby("frame")
    assert each["particle"].count().mean() == pytest.approx(400 * 0.7, rel=0.2)
    assert series.voids["particle"].isna().sum() / 5 == pytest.approx(400 * 0.2, rel=0.35)
    assert series.voids["x_px"].max() > 400
    assert series.voids["y_px"].between(-5, 304).all()
    assert tilt_detections(1, views=0).voids.empty


def test_layers_leave_the_middle_empty():
    depth = tilt_detections(1, thickness_px=100, layer=0.15, shape=(300, 300)).points["z_px"]
    assert depth.abs().min() >= 35
    assert depth.abs().max() <= 50
