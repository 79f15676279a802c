"""Fields of a specimen pooled: the interval holds the specimen's truth as often as it says, over 2 to 10 fields."""

import numpy as np
import pandas as pd
import pytest

from foils import spheres
from voidlab.swelling.estimate import measure_swelling
from voidlab.swelling.pooled import Field, common_spread, pool_fields, pool_sizes, weighted_mean
from voidlab.swelling.sample import Foil, Sample, Scale, SwellingError

DENSITY, DIAMETER, FRACTION = 1e-3, 12.0, 0.02  # per nm², nm, of the volume
RUNS = 400


def row(value, statistical=0.0, size=0.0, thickness=0.0, scale=0.0, unit="nm"):
    ends = dict.fromkeys(("low95", "low68", "high68", "high95"), np.nan)
    return {"value": value, "unit": unit, **ends, "statistical": statistical, "detection": 0.0, "size": size,
            "thickness": thickness, "scale": scale}  # fmt: skip


def field(density, diameter, fraction, area=1e5, *, voids=None, systematic=0.0, name="a"):
    """A field of which so much was measured, with the counting error of so many voids."""
    count = max(density * area if voids is None else voids, 0.5)
    estimates = {
        "areal_density": row(density, count**-0.5, unit="nm⁻²"),
        "number_density": row(density / 100, count**-0.5, thickness=systematic, unit="nm⁻³"),
        "mean_diameter": row(diameter, 0.3 * count**-0.5, size=systematic),
        "mean_diameter_seen": row(diameter, 0.3 * count**-0.5, size=systematic),
        "volume_fraction": row(fraction, count**-0.5, size=3 * systematic, unit=""),
        "volume_per_area": row(100 * fraction, count**-0.5, size=3 * systematic),
    }
    table = pd.DataFrame.from_dict(estimates, orient="index").rename_axis("quantity")
    return Field(name, table, area, np.full(3, diameter), np.full(3, area), "nm", np.full(3, True))


def drawn_fields(random, count, *, spread, areas, systematic=0.0):
    """Fields of a specimen that differ by ``spread`` in density, diameter and volume; their voids are counted."""
    off = np.exp(systematic * random.standard_normal() - systematic**2 / 2)
    fields = []
    for area in random.choice(areas, count):
        factor = np.exp(spread * random.standard_normal() - spread**2 / 2)
        voids = random.poisson(DENSITY * factor * area)
        density = voids / area
        wider = np.exp(0.3 * spread * random.standard_normal())
        diameter = (
            DIAMETER * wider * (1 + 0.3 * random.standard_normal() / max(voids, 1) ** 0.5)
            if voids
            else np.nan
        )
        fields.append(field(density * off, diameter * off, FRACTION * density / DENSITY * off, area, voids=voids,
                            systematic=systematic))  # fmt: skip
    return fields


def coverage(quantity, truth, random, count, *, runs=RUNS, **shape):
    held = np.zeros(2)
    for _ in range(runs):
        found = pool_fields(drawn_fields(random, count, **shape)).loc[quantity]
        held += [found["low68"] <= truth <= found["high68"], found["low95"] <= truth <= found["high95"]]
    return held / runs


def test_the_interval_of_three_fields_holds_the_truth_as_often_as_it_says():
    random = np.random.default_rng(3)
    of68, of95 = coverage("number_density", DENSITY / 100, random, 3, runs=250, spread=0.25, areas=[1e5])
    assert 0.62 <= of68 <= 0.77
    assert 0.915 <= of95 <= 0.985


def test_a_common_spread_makes_two_fields_enough():
    random = np.random.default_rng(6)
    held, wide, runs = np.zeros(2), [], 60
    for _ in range(runs):
        specimens = [drawn_fields(random, 2, spread=0.25, areas=[1e5]) for _ in range(6)]
        spread = common_spread(specimens)
        assert spread["number_density"].degrees == pytest.approx(6)
        for fields in specimens[:3]:
            found = pool_fields(fields, spread=spread).loc["number_density"]
            held += [found[f"low{p}"] <= DENSITY / 100 <= found[f"high{p}"] for p in (68, 95)]
            alone = pool_fields(fields).loc["number_density"]
            wide.append((found["high95"] - found["low95"]) / (alone["high95"] - alone["low95"]))
    of68, of95 = held / (3 * runs)
    assert 0.58 <= of68 <= 0.8
    assert 0.89 <= of95 <= 0.99
    assert np.median(wide) < 0.5


def test_a_common_spread_is_that_of_its_parts_and_serves_a_single_field():
    pair = [field(1e-3, 10.0, 0.01), field(3e-3, 10.0, 0.03)]
    (relative,) = {
        round(common_spread([pair])[name].relative, 9) for name in ("areal_density", "volume_fraction")
    }
    assert relative == pytest.approx(np.std([1, 3], ddof=1) / 2)
    single = pool_fields(pair[:1], spread=common_spread([pair, pair])).loc["number_density"]
    assert single["between_fields"] == pytest.approx(relative)
    assert single["degrees_of_freedom"] == pytest.approx(2)
    assert common_spread([pair[:1]]) == {}


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4, 7, 10])
def test_so_it_does_over_two_to_ten_fields(count):
    random = np.random.default_rng(count)
    of68, of95 = coverage("number_density", DENSITY / 100, random, count, spread=0.25, areas=[1e5])
    assert 0.62 <= of68 <= 0.77
    assert 0.92 <= of95 <= 0.98


@pytest.mark.slow
@pytest.mark.parametrize(
    ("quantity", "truth"), [("swelling", FRACTION / (1 - FRACTION)), ("mean_diameter", DIAMETER)]
)
def test_so_it_does_for_swelling_and_diameters(quantity, truth):
    random = np.random.default_rng(9)
    of68, of95 = coverage(quantity, truth, random, 4, spread=0.2, areas=[1e5])
    assert 0.64 <= of68 <= 0.76
    assert 0.92 <= of95 <= 0.98


@pytest.mark.slow
def test_so_it_does_for_fields_of_unequal_area():
    random = np.random.default_rng(2)
    of68, of95 = coverage("number_density", DENSITY / 100, random, 5, spread=0.25, areas=[2e4, 1e5, 3e5])
    assert 0.64 <= of68 <= 0.79
    assert 0.92 <= of95 <= 0.995


@pytest.mark.slow
def test_so_it_does_with_an_error_that_all_fields_share():
    random = np.random.default_rng(3)
    of68, of95 = coverage("mean_diameter", DIAMETER, random, 6, spread=0.05, areas=[1e5], systematic=0.08)
    assert 0.63 <= of68 <= 0.76
    assert 0.92 <= of95 <= 0.98


@pytest.mark.slow
def test_without_a_spread_the_interval_is_never_less_than_counting():
    random = np.random.default_rng(4)
    of68, of95 = coverage("number_density", DENSITY / 100, random, 3, spread=0.0, areas=[1e5])
    assert 0.68 <= of68 <= 0.9
    assert of95 >= 0.945


def test_counting_alone_would_hold_it_far_too_seldom():
    """What the interval of one field would say of the specimen."""
    random = np.random.default_rng(5)
    held, runs = 0, 100
    for _ in range(runs):
        found = pool_fields(drawn_fields(random, 1, spread=0.25, areas=[1e5])).loc["number_density"]
        held += found["low95"] <= DENSITY / 100 <= found["high95"]
    assert held / runs < 0.7


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_from_voids_in_images_to_the_specimen(count):
    """The whole way: spheres in foils, fields that differ, what is measured in each, and the specimen's interval."""
    shape, pixel, thickness, diameter, spread = (300, 400), 0.5, 120.0, 16.0, 0.3
    mean = 4e-6  # per px³
    truth = {"number_density": mean / pixel**3, "mean_diameter": diameter * pixel}
    sample = Sample(shape, scale=Scale(pixel, 0.0), foil=Foil(thickness, 0.0, "px"), size_sigma=0.0)
    random = np.random.default_rng(count)
    held = {name: np.zeros(2) for name in truth}
    runs = 80
    for _ in range(runs):
        fields = []
        for n in range(count):
            density = mean * np.exp(spread * random.standard_normal() - spread**2 / 2)
            voids = spheres(
                random, shape=shape, thickness=thickness, density=density, diameter=diameter, spread=0.3
            )
            found = measure_swelling(voids, sample, draws=60, seed=n)
            counted = found.counted
            fields.append(Field(str(n), found.estimates, shape[0] * shape[1] * pixel**2,
                                2 * counted["radius_px"].to_numpy() * pixel,
                                counted["area_px2"].to_numpy() * pixel**2, "nm",
                                np.full(len(counted), True)))  # fmt: skip
        pooled = pool_fields(fields)
        for name, true in truth.items():
            found = pooled.loc[name]
            held[name] += [found[f"low{p}"] <= true <= found[f"high{p}"] for p in (68, 95)]
    for of68, of95 in (held[name] / runs for name in truth):
        assert 0.56 <= of68 <= 0.86
        assert 0.90 <= of95 <= 1.0


def test_the_mean_is_weighted_and_knows_how_well_its_error_is_known():
    equal = weighted_mean(np.array([1.0, 2.0, 3.0, 6.0]), np.ones(4))
    assert equal.value == 3
    assert equal.error == pytest.approx(np.std([1, 2, 3, 6], ddof=1) / 2)
    assert equal.degrees == pytest.approx(3)
    assert weighted_mean(np.array([1.0, 5.0, 7.0]), np.array([3.0, 1.0, 0.0])).value == 2
    few = weighted_mean(np.arange(10.0), np.array([100.0, 100.0, *np.ones(8)]))
    assert 1 <= few.degrees < 3
    assert np.isnan(weighted_mean(np.array([4.0]), np.ones(1)).error)
    assert np.isnan(weighted_mean(np.array([]), np.array([])).value)


def test_its_error_is_unbiased_for_unequal_weights():
    random = np.random.default_rng(0)
    weights = np.array([5.0, 2.0, 1.0, 1.0])
    means = [weighted_mean(random.standard_normal(4), weights) for _ in range(4000)]
    true = np.var([mean.value for mean in means])
    assert np.mean([mean.error**2 for mean in means]) == pytest.approx(true, rel=0.06)


def test_densities_are_weighted_by_area_and_diameters_by_voids():
    pooled = pool_fields([field(1e-3, 10.0, 0.01, area=3e5), field(2e-3, 20.0, 0.03, area=1e5)])
    assert pooled.loc["number_density", "value"] == pytest.approx((3 * 1e-5 + 2e-5) / 4)
    assert pooled.loc["mean_diameter", "value"] == pytest.approx((3 * 10 + 2 * 20) / 5)
    fraction = (3 * 0.01 + 0.03) / 4
    assert pooled.loc["volume_fraction", "value"] == pytest.approx(fraction)
    assert pooled.loc["swelling", "value"] == pytest.approx(fraction / (1 - fraction))
    assert pooled["fields"].eq(2).all()


def test_without_a_thickness_in_every_field_voids_are_per_area():
    flat = field(1e-3, 10.0, 0.01)
    seen = flat.estimates.loc[["areal_density", "mean_diameter_seen", "volume_per_area"]]
    pooled = pool_fields([flat, Field("b", seen, 1e5, flat.diameter, flat.inclusion_area, "nm", flat.sized)])
    assert set(pooled.index) == {"areal_density", "mean_diameter_seen", "volume_per_area"}


def test_a_field_in_3d_and_one_of_known_thickness_are_pooled():
    deep = field(1e-3, 10.0, 0.01)
    names = ("number_density", "mean_diameter", "volume_fraction")
    renamed = deep.estimates.rename({name: f"{name}_3d" for name in names})
    pooled = pool_fields(
        [deep, Field("b", renamed, 1e5, deep.diameter, deep.inclusion_area, "nm", deep.sized)]
    )
    assert {"number_density", "mean_diameter", "volume_fraction", "swelling"} <= set(pooled.index)


def test_fields_without_voids_count_with_their_area():
    empty = field(0.0, np.nan, 0.0, voids=0)
    for quantity in empty.estimates.index:
        empty.estimates.loc[quantity, ["statistical", "high68"]] = [np.nan, 2e-5]
    pooled = pool_fields([field(1e-3, 10.0, 0.01), empty])
    assert pooled.loc["number_density", "value"] == pytest.approx(5e-6)
    assert pooled.loc["mean_diameter", "value"] == 10
    assert pooled.loc["mean_diameter", "fields"] == 1
    alone = pool_fields([empty, empty]).loc["number_density"]
    assert alone["value"] == alone["low95"] == 0
    assert alone["high95"] > alone["high68"] > 0
    assert np.isnan(pool_fields([empty])["value"]["mean_diameter"])


@pytest.mark.parametrize("fields", [[], "mixed"])
def test_what_cannot_be_pooled_is_refused(fields):
    one = field(1e-3, 10.0, 0.01)
    mixed = [one, Field("b", one.estimates, 1e5, one.diameter, one.inclusion_area, "px", one.sized)]
    with pytest.raises(SwellingError, match="expected one or more, all with a pixel size or all without"):
        pool_fields(mixed if fields else [])


def test_pooled_sizes_add_up_and_hold_the_spread_between_fields():
    random = np.random.default_rng(0)
    fields = []
    for shift in (0.0, 2.0, 4.0):
        diameter = random.normal(10 + shift, 1, 400)
        one = field(1e-3, 10.0, 0.01)
        fields.append(Field("a", one.estimates, 1e5, diameter, np.full(400, 1e5), "nm", np.full(400, True)))
    edges = np.arange(4.0, 21.0)
    pooled = pool_sizes(fields, edges)
    assert pooled["share"].sum() == pytest.approx(1)
    assert pooled["voids"].sum() == 1200
    together = np.histogram(np.concatenate([f.diameter for f in fields]), edges)[0]
    np.testing.assert_allclose(pooled["share"], together / 1200)
    middle = pooled[(pooled["low"] == 9)].iloc[0]
    assert middle["share_high68"] - middle["share"] > 5 * np.sqrt(middle["share"] / 1200)
    one_only = pool_sizes(fields[:1], edges)
    assert (one_only["share_high68"] >= one_only["share"]).all()


def test_voids_without_a_size_count_in_density_and_volume_of_a_specimen_and_in_no_diameter():
    sample = Sample((300, 420), scale=Scale(0.5, 0.02))
    random, fields, tables = np.random.default_rng(4), [], []
    for name, unsized in (("a", 4), ("b", 0)):
        voids = spheres(random, shape=(300, 420), thickness=100.0, density=5e-6, diameter=16.0)
        basis = np.where(np.arange(len(voids)) < unsized, "not a size", "fringe")
        voids = voids.assign(size_basis=basis, radius_px=np.where(basis == "fringe", voids["radius_px"], 3.0))
        found = measure_swelling(voids, sample)
        counted = found.counted
        fields.append(
            Field(name, found.estimates, 126_000 * 0.25, counted["radius_px"].to_numpy(),
                  counted["area_px2"].to_numpy() * 0.25, "nm", (counted["size_basis"] == "fringe").to_numpy())
        )  # fmt: skip
        tables.append(counted)
    pooled = pool_fields(fields)
    every = pd.concat(tables)
    sized = every[every["size_basis"] == "fringe"]
    assert 1 <= len(every) - len(sized) <= 4
    # px to nm: one diameter is one radius in px at 0.5 nm per px. Both fields show the same area.
    assert pooled.loc["mean_diameter_seen", "value"] == pytest.approx(
        np.average(sized["radius_px"], weights=1 / sized["area_px2"])
    )
    assert pooled.loc["areal_density", "value"] == pytest.approx((1 / every["area_px2"]).sum() / 0.25 / 2)
    volume = np.pi / 6 * every["radius_px"] ** 3 / (every["area_px2"] * 0.25)
    assert pooled.loc["volume_per_area", "value"] == pytest.approx(volume.sum() / 2)
    edges = np.array([0.0, 4.0, 20.0])
    assert pool_sizes(fields, edges)["voids"].tolist() == np.histogram(sized["radius_px"], edges)[0].tolist()
