"""What names of images say: clocks, tilts with their sign, numbers; and what they leave open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from voidlab.images import try_pattern
from voidlab.images.elapsed import find_elapsed
from voidlab.images.errors import ImagesError
from voidlab.images.in_names import InNames, read_names


def read(names: Sequence[str], pattern: str | None = None) -> InNames:
    """What the names say, given in an order that is not theirs; nothing is opened."""
    return read_names([Path(name) for name in sorted(names)], pattern, 1)


def names(found: InNames) -> list[str]:
    return [path.name for path in found.files]


CLOCKS = {
    "date and time": (
        [f"Ni_2021-05-03_14-0{t}.tif" for t in ("5-40", "5-50", "6-00", "6-10")],
        [0, 10, 20, 30],
    ),
    "dots": ([f"t_{c}.tif" for c in ("22.19.28", "22.22.24", "22.25.20")], [0, 176, 352]),
    "month and dots": (
        [
            f"t2005_100_{a}_May30_22.{m}.tif"
            for a, m in (("0.0", "19.28"), ("-12.0", "22.24"), ("12.0", "28.16"))
        ],
        [0, 176, 528],
    ),
    "milliseconds": (
        [f"Ni_{t}.tif" for t in ("14_05_58_500", "14_05_59_100", "14_06_00_300", "14_06_01_450")],
        [0, 0.6, 1.8, 2.95],
    ),
    "Gatan every 20 s": (
        [
            f"n_Hour_00_Minute_0{m}_Second_{s}_Frame_0000.tif"
            for m, s in ((0, 20), (0, 55), (1, "05"), (1, 30))
        ],
        [0, 35, 45, 70],
    ),
    "Gatan every frame": (
        [f"n_Hour_00_Minute_21_Second_0{s}_Frame_000{f}.tif" for s in (8, 9) for f in range(4)],
        [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75],
    ),
    "over midnight with a date": (
        ["a_20210503_235950.tif", "a_20210504_000010.tif", "a_20210504_000030.tif"],
        [0, 20, 40],
    ),
    "over midnight without": (["a_23-59-50.tif", "a_00-00-10.tif", "a_00-00-30.tif"], [0, 20, 40]),
    "afternoon, joined": (["9_58_10_AM.tif", "10_00_10_AM.tif", "1_02_10_PM.tif"], [0, 120, 11_040]),
    "afternoon, no seconds": (["a 9.58 AM.tif", "a 10.02 AM.tif", "a 1.02 PM.tif"], [0, 240, 11_040]),
    "date and afternoon, no seconds": (["9-5-23 11.58 PM.tif", "9-6-23 12.02 AM.tif"], [0, 240]),
    "afternoon": (
        [
            "Screen 2021-05-03 at 11.59.30 AM.tif",
            "Screen 2021-05-03 at 12.00.10 PM.tif",
            "Screen 2021-05-03 at 1.00.10 PM.tif",
        ],
        [0, 40, 3640],
    ),
    "hours of one digit": (
        [f"2023-5-4 {t}.tif" for t in ("9-58-10", "9-59-10", "10-00-10")],
        [0, 60, 120],
    ),
    "years of two digits": (
        ["9_5_23 11_59_50 PM.tif", "9_6_23 12_00_10 AM.tif", "9_6_23 12_00_30 AM.tif"],
        [0, 20, 40],
    ),
    "year first": (
        [f"a_2{d}.tif" for d in ("3-05-09 23-59-50", "3-05-10 00-00-10", "3-05-10 00-00-30")],
        [0, 20, 40],
    ),
    "six digits twice": (
        ["230509_235950.tif", "230510_000010.tif", "230510_000030.tif"],
        [0, 20, 40],
    ),
    "day first, joined": (
        ["28052023_235950.tif", "29052023_000010.tif", "29052023_000030.tif"],
        [0, 20, 40],
    ),
    "month as a word, year of two digits": (
        ["9-May-23 23-59-50.tif", "10-May-23 00-00-10.tif"],
        [0, 20],
    ),
    "German": (["9. Dez. 2023 um 23.59.50 Uhr.tif", "10. Dez. 2023 um 0.00.10 Uhr.tif"], [0, 20]),
    "Chinese": (["a 2023年5月9日 23时59分50秒.tif", "a 2023年5月10日 00时00分10秒.tif"], [0, 20]),
    "months of one digit": (["a_29-5-2023_23.59.50.tif", "a_30-5-2023_0.00.10.tif"], [0, 20]),
    "Gatan, decimal seconds": (
        [
            f"Hour_0{h}_Minute_00_Second_{s}_Frame_0000.tif"
            for h, s in ((0, "59.10"), (0, "59.30"), (1, "00.00"))
        ],
        [0, 0.2, 3540.9],
    ),
    "six digits over midnight": (
        [f"a_{t}.tif" for t in ("235950", "235955", "000000", "000005")],
        [0, 5, 10, 15],
    ),
    "six digits, uneven": ([f"a_{t}.tif" for t in ("140530", "140538", "140604")], [0, 8, 34]),
    "six digits since the start": ([f"a_{t}.tif" for t in ("000050", "000100", "000110")], [0, 10, 20]),
    "six digits and a fraction": ([f"a_{t}.tif" for t in ("140559.25", "140600.75")], [0, 1.5]),
    "six digits apart from the date": (
        [f"2021-05-0{d}_x_{t}.tif" for d, t in ((3, "235950"), (4, "000010"))],
        [0, 20],
    ),
    "ISO": (["a_20210503T140559.5.tif", "a_20210503T140600.25.tif"], [0, 0.75]),
    "days": (["a_2021-05-30.tif", "a_2021-05-31.tif", "a_2021-06-01.tif"], [0, 86_400, 172_800]),
    "day first": (["a_31.05.2021.tif", "a_01.06.2021.tif"], [0, 86_400]),
    "letters": (["a_9h.tif", "a_10h.tif", "a_660min.tif"], [32_400, 36_000, 39_600]),
    "min and s": ([f"a_{t}.tif" for t in ("0min50s", "1min00s", "1min10s", "2min05s")], [50, 60, 70, 125]),
    "m and s": ([f"a_{t}.tif" for t in ("0m50s", "1m00s", "1m10s", "2m05s")], [50, 60, 70, 125]),
    "before and after": ([f"a_{t}.tif" for t in ("-1min", "-5s", "0s", "5s")], [-60, -5, 0, 5]),
    "seconds alone, then minutes": (["a_50s.tif", "a_1min.tif", "a_1min10s.tif"], [50, 60, 70]),
    "min and sec apart": (
        ["a 9 min 55 sec.tif", "a 10 min 0 sec.tif", "a 10 min 5 sec.tif"],
        [595, 600, 605],
    ),
    "zeros before minutes": (["a_t0001m40s.tif", "a_t0002m10s.tif", "a_t0003m00s.tif"], [100, 130, 180]),
    "h and min": (["a_1h50min.tif", "a_1h55min.tif", "a_2h00min.tif"], [6600, 6900, 7200]),
    "h and m": (["a_0h50m.tif", "a_1h00m.tif", "a_1h10m.tif"], [3000, 3600, 4200]),
    "h and no unit": (["a_1h50.tif", "a_2h00.tif", "a_2h05.tif"], [6600, 7200, 7500]),
    "days and h": (["a_0d23h.tif", "a_1d01h.tif", "a_1d03h.tif"], [82_800, 90_000, 97_200]),
    "s and ms": (["a_1s900ms.tif", "a_2s100ms.tif"], [1.9, 2.1]),
    "fractions of a second": (["a_0.5s.tif", "a_1.5s.tif", "a_10.5s.tif"], [0.5, 1.5, 10.5]),
}


@pytest.mark.parametrize("kind", CLOCKS)
def test_a_clock_gives_order_and_times(kind: str) -> None:
    in_time, seconds = CLOCKS[kind]
    found = read(in_time)
    assert names(found) == in_time
    assert found.numbers == list(range(len(in_time)))
    assert found.times_s == pytest.approx(seconds)
    assert "Frames count from 0 in the order of the times" in found.notes[0]


def test_a_number_beside_the_clock_is_the_frame() -> None:
    found = read([f"s_{n:03d}_14-{m}.tif" for n, m in ((7, "05-58"), (8, "06-03"), (10, "06-13"))])
    assert found.numbers == [7, 8, 10]
    assert found.times_s == [0, 5, 15]
    assert found.notes == ["Times are those in the file names, 14:05:58 to 14:06:13."]


def test_a_number_beside_a_time_of_two_units_is_the_frame() -> None:
    found = read([f"s_{n}_{t}.tif" for n, t in ((7, "1h50min"), (8, "2h00min"), (10, "2h05min"))])
    assert (found.numbers, found.times_s) == ([7, 8, 10], [6600, 7200, 7500])
    with pytest.raises(ImagesError, match="by the number in their names 's_1_2min05s.tif' .1. comes before"):
        read(["s_1_2min05s.tif", "s_2_1min10s.tif"])


def test_two_numbers_with_units_that_are_not_one_time_are_asked_about() -> None:
    with pytest.raises(
        ImagesError, match="'1min_120s' in names such as .* is not one time: .* less than 60 s"
    ) as caught:
        read(["a_1min_120s.tif", "a_2min_90s.tif"])
    pattern = str(caught.value).split("frame_pattern: '")[1].split("'")[0]
    assert names(read(["a_1min_120s.tif", "a_2min_90s.tif"], pattern)) == [
        "a_1min_120s.tif",
        "a_2min_90s.tif",
    ]


@pytest.mark.parametrize(
    ("stems", "times_s"),
    [
        (["v_10min_2s", "v_20min_4s"], [600, 1200]),  # exposures beside times
        (["1h_90s", "2h_90s"], [3600, 7200]),
        (["a30min_30s", "a30min_60s", "a30min_90s"], [30, 60, 90]),  # as long as it was annealed
        (["0min_50s", "1min_00s", "1min_10s", "2min_05s"], [50, 60, 70, 125]),
        (["5min-30s", "5min-45s", "6min-00s"], [330, 345, 360]),
        (["1-min-10-sec", "1-min-20-sec", "2-min-05-sec"], [70, 80, 125]),
        (["1hour50min", "2hours05min"], [6600, 7500]),
        (["1minute10seconds", "1minute20seconds"], [70, 80]),
    ],
)
def test_units_with_a_joint_between_are_one_time_where_they_can_be(stems, times_s) -> None:
    found = find_elapsed(stems)
    assert found is not None
    assert found.seconds == pytest.approx(times_s)


def test_a_number_beside_six_digits_of_a_clock_is_the_frame() -> None:
    found = read([f"a_{n:03d}_{t}.tif" for n, t in enumerate(("235950", "235955", "000000", "000005"))])
    assert (found.numbers, found.times_s) == ([0, 1, 2, 3], [0, 5, 10, 15])
    against = [f"20210503_000{n}_140{t}.tif" for n, t in ((4, 530), (3, 540), (2, 550), (1, 600))]
    with pytest.raises(
        ImagesError, match="by the number in their names .* by the clock in them after it"
    ) as caught:
        read(against)
    pattern = str(caught.value).split("of the clock: '")[1].split("'")[0]
    assert names(read(against, pattern)) == against
    assert names(read(against, r"_(\d+)_")) == against[::-1]


@pytest.mark.parametrize(
    ("digits", "said"),
    [
        (("000050", "000100", "000150"), False),
        (("140510", "140520", "140530"), False),
        (("140500", "140600", "140700"), True),
        (("010000", "020000", "040000"), True),
        (("000002", "000105", "000349"), True),
        (("210528", "210531", "210601"), True),  # or days
    ],
)
def test_six_digits_that_may_count_do_and_it_is_said(digits: Sequence[str], said: bool) -> None:
    found = read([f"a_{number}.tif" for number in digits])
    assert (found.numbers, found.times_s) == ([int(number) for number in digits], None)
    assert [f"{digits[0]} to {digits[-1]} in the names may be a clock" in note for note in found.notes] == [
        True
    ] * said


def test_three_digits_that_begin_anew_in_each_second_count_images() -> None:
    counted = [f"20230504_1405{s}_{n:03d}.tif" for s in (10, 11) for n in range(4)]
    found = read(counted)
    assert names(found) == counted
    assert found.times_s == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75]
    assert found.notes[1:] == [
        "Several images are of one second by their names: they are spread evenly over it."
    ]
    assert read([f"20230504_1405{t}.tif" for t in ("10_002", "10_500", "11_000")]).times_s == [
        0,
        0.498,
        0.998,
    ]


def test_a_counter_behind_the_seconds_is_no_fraction_of_them() -> None:
    found = read([f"s_2021-05-03_14-05-{s}_{n:03d}.tif" for s, n in ((30, 1), (30, 2), (31, 3), (33, 4))])
    assert found.numbers == [1, 2, 3, 4]
    assert found.times_s == [0, 0.5, 1, 3]


def test_images_counted_anew_in_each_second() -> None:
    found = read([f"s_2021-05-03_14-05-{s}_{n}.tif" for s in (30, 31) for n in (1, 2)])
    assert found.numbers == [0, 1, 2, 3]
    assert found.times_s == [0, 0.5, 1, 1.5]


@pytest.mark.parametrize(
    ("counted", "numbers"),
    [
        ([f"focus_{a}.tif" for a in (-1.5, 0.0, 1.5)], [0, 1, 2]),
        ([f"focus-{a}.tif" for a in (0.5, 1.5)], [0, 1]),
        ([f"grid_01_02_{n:02d}.tif" for n in (1, 2, 3)], [1, 2, 3]),
        ([f"f_20210503_{n:06d}.tif" for n in (1, 2, 3)], [1, 2, 3]),
        ([f"Ni_2s_{n:02d}.tif" for n in (4, 5)], [4, 5]),
        ([f"f_{n}.tif" for n in (20010101, 20010102)], [20010101, 20010102]),
        (["Ni_1s_04.tif", "Ni_2s_05.tif"], [4, 5]),  # exposures
        (["Ni_5m_1.tif", "Ni_10m_2.tif"], [1, 2]),
    ],
)
def test_what_counts_is_no_clock(counted: list[str], numbers: list[int]) -> None:
    found = read(counted)
    assert (found.numbers, found.times_s) == (numbers, None)


def test_a_number_that_runs_against_the_clock_is_asked_about() -> None:
    against = ["a_1_14-06-00.tif", "a_2_14-05-00.tif"]
    with pytest.raises(
        ImagesError, match="'a_1_14-06-00.tif' .1. comes before 'a_2.*by the clock in them after it"
    ):
        read(against)
    assert names(read(against, r"a_(\d+)_")) == against
    by_clock = read(against, r"_(\d+)-(\d+)-(\d+)")
    assert (names(by_clock), by_clock.times_s) == (against[::-1], [0, 60])


def test_a_day_that_may_be_a_month_is_asked_about() -> None:
    with pytest.raises(ImagesError, match="begin with the day or with the month.*frame_pattern"):
        read(["a_01.02.2021.tif", "a_02.01.2021.tif"])
    with pytest.raises(ImagesError, match="begin with the day or with the month"):
        read(["a_03-04-2026.tif", "a_04-05-2026.tif"])  # though both the days and the months differ
    with pytest.raises(ImagesError, match="begin with the day or with the month"):
        read(["3-4-2023 9-58-10.tif", "4-3-2023 9-59-10.tif"])
    counted = ["a_0001_03-04-2026.tif", "a_0002_04-03-2026.tif"]
    assert (names(read(counted)), read(counted).numbers) == (counted, [1, 2])


def test_dates_that_make_one_run_in_one_way_only_are_read_in_that_way_and_it_is_said() -> None:
    month_first = [f"9-{d}-23 {t}.tif" for d, t in ((5, "23-59-50"), (6, "00-00-10"))]
    day_first = [f"{d}-9-2023 {t}.tif" for d, t in ((5, "23-59-50"), (6, "0-00-10"))]
    for made in (month_first, day_first):
        found = read(made)
        assert (names(found), found.times_s) == (made, [0, 20])
        assert (
            "are taken for 05 Sep 2023 to 06 Sep 2023: read in another way they lie weeks" in found.notes[1]
        )
    with pytest.raises(ImagesError, match="with the month .11 Apr 2023 or 04 Nov 2023.; say how") as caught:
        read(["9-5-23 13-58-10.tif", "11-4-23 13-59-10.tif"])
    for words, order in (("day, month", (1, 0)), ("month, day", (0, 1))):
        pattern = str(caught.value).split(f"({words}, year)")[0].split("'")[-2]
        found = read(["9-5-23 13-58-10.tif", "11-4-23 13-59-10.tif"], pattern)
        assert [path.name[:2] for path in found.files] == [("9-", "11")[row] for row in order]


@pytest.mark.parametrize(
    ("dated", "words"),
    [
        (["28_5_23", "29_5_23", "1_6_23"], "(day, month, year)"),
        (["2023_5_9", "2023_5_10", "2023_6_1"], "(year, month, day)"),
        (["9-5-23_003", "9-5-23_004", "10-5-23_001"], "(day, month, year)"),
        (["230509_003", "230509_004", "230510_001"], "(year, month, day)"),
        (["13_58", "13_59", "14_00"], "(all numbers, from the left)"),
        (["a_1.8", "a_1.9", "a_1.10"], "(all numbers, from the left)"),
        (["run1_003", "run1_004", "run2_001"], "(all numbers, from the left)"),
    ],
)
def test_another_order_that_may_be_meant_is_said_with_its_pattern(dated: list[str], words: str) -> None:
    meant = [f"{name}.tif" for name in dated]
    found = read(meant)
    assert names(found) != meant
    (note,) = (note for note in found.notes if words in note)
    pattern = note.split(f" {words}")[0].split("'")[-2]
    assert names(read(meant, pattern)) == meant


def test_dates_are_named_where_a_number_stands_twice() -> None:
    meant = ["29-5-23_001.tif", "29-5-23_002.tif", "1-6-23_001.tif"]
    with pytest.raises(ImagesError, match="both get frame number 1") as caught:
        read(meant)
    pattern = str(caught.value).split(" (day, month, year)")[0].split("'")[-2]
    assert names(read(meant, pattern)) == meant


@pytest.mark.parametrize(
    "counted",
    [
        ["main_01", "main_02"],
        ["junction_1", "junction_2"],
        ["sep12_decay_3", "sep12_decay_4"],
        ["100C_1", "100C_2", "25C_3"],
        ["0,1dpa", "0,2dpa", "1,0dpa", "1,3dpa"],
        ["0p1dpa", "0p2dpa", "1p0dpa", "1p3dpa"],
        ["0.1dpa", "0.25dpa", "1.35dpa", "1.5dpa"],
        ["a_000101", "a_000102", "a_000103"],
    ],
)
def test_decimals_and_what_counts_need_no_word(counted: list[str]) -> None:
    found = read([f"{name}.tif" for name in counted])
    assert names(found) == [f"{name}.tif" for name in counted]
    assert found.notes == []


@pytest.mark.parametrize("date", ["", "2026-03-01 "])
def test_hours_of_one_digit_before_and_after_noon(date: str) -> None:
    made = [f"a {date}{t}.tif" for t in ("12-59-58 AM", "9-59-59 AM", "10-00-01 AM", "1-00-00 PM")]
    found = read(made)
    assert (names(found), found.times_s) == (made, [0, 32401, 32403, 43202])


@pytest.mark.parametrize("name", ["a_{c}_00{i}", "img_t0{i}_z01_{c}", "{i}0s {c}"])
def test_images_of_several_channels_are_told_as_such(name: str) -> None:
    made = [f"{name.format(c=c, i=i)}.tif" for c in ("ch0", "ch1") for i in (1, 2)]
    with pytest.raises(
        ImagesError, match=r"several channels \(ch0, ch1\) of one field: give those of one.*'\*ch0\*.tif'"
    ):
        read(made)


@pytest.mark.parametrize(
    "twice",
    [
        [f"area_{a}_image_{i}_v2.tif" for a in (1, 2) for i in (1, 2, 10)],
        [f"{a}-{i}" for a in (1, 2) for i in (1, 2)],
        [f"x{a}b_{i}.q{k}" for a in (1, 2) for i in (1, 2) for k in (1, 2)],
    ],
)
def test_the_pattern_that_is_proposed_works(twice: list[str]) -> None:
    with pytest.raises(ImagesError, match="both get frame number") as caught:
        read([f"{name}.tif" for name in twice])
    pattern = str(caught.value).split("frame_pattern: '")[1].split("'")[0]
    found = read([f"{name}.tif" for name in twice], pattern)
    assert names(found) == [f"{name}.tif" for name in twice]
    assert found.numbers == list(range(len(twice)))


ANGLES = (-30, -20, -10, 0, 15, 31)
TILTS = {
    "n": lambda i, a: f"s{i:02d}_{'n' if a < 0 else ''}{abs(a)}deg",
    "m and p": lambda i, a: f"s{i:02d}_{'m' if a < 0 else 'p'}{abs(a)}deg",
    "neg and pos": lambda i, a: f"foil_{'neg' if a < 0 else 'pos'}{abs(a)}deg",
    "minus": lambda i, a: f"foil_{'minus' if a < 0 else ''}{abs(a)}_degrees",
    "dash and spaces": lambda i, a: f"foil {'- ' if a < 0 else ''}{abs(a)} deg",
    "en dash": lambda i, a: f"foil_{str(a).replace('-', '–')}deg",
    "minus sign": lambda i, a: f"foil_{str(a).replace('-', '−')}°",
    "alpha and beta": lambda i, a: f"foil_{i:02d}_alpha{a}deg_beta2deg",
    "beta that differs": lambda i, a: f"foil_{i:02d}_beta{2 * i}_alpha{a}",
    "a and b": lambda i, a: f"foil_a{a}_b2",
    "bare": lambda i, a: f"foil_{a}",
    "SerialEM": lambda i, a: f"TS_01_{i:03d}_{a:.1f}",
    "SerialEM, brackets": lambda i, a: f"ts_{i:03d}[{a:.2f}]",
    "PACEtomo": lambda i, a: f"ts_{a}tilt",
    "with a date": lambda i, a: f"ts_{a:.1f}_May30_22.{i + 10}.24",
    "letters and p": lambda i, a: f"tilt_{'m' if a < 0 else 'p'}{abs(a):02d}p0",
    "movie": lambda i, a: f"frame_001_{590 + i:05d}_{a:.1f}",
}


@pytest.mark.parametrize("way", TILTS)
def test_tilts_keep_their_sign(way: str) -> None:
    in_order = [f"{TILTS[way](i, a)}.tif" for i, a in enumerate(ANGLES)]
    found = read(in_order)
    assert names(found) == in_order
    assert found.tilts_deg == list(ANGLES)


@pytest.mark.parametrize(
    "name", ["tilt_{a}deg", "x_{a}deg", "x_{a}°", "alpha{a}", "foil_{a}", "TS_01_{a}", "{a}_tilt"]
)
@pytest.mark.parametrize("point", [",", "."])
def test_a_decimal_comma_is_one_of_tilts(name: str, point: str) -> None:
    made = [f"{name.format(a=f'{a}').replace('.', point)}.tif" for a in (-30.5, -10.25, 0.0, 10.5)]
    found = read(made)
    assert (names(found), found.tilts_deg) == (made, [-30.5, -10.25, 0, 10.5])


def test_a_p_is_a_point_where_letters_are_signs_or_degrees_follow() -> None:
    for made in (["tilt_m10p5", "tilt_p00p0", "tilt_p10p5"], ["x_n10p5deg", "x_0p0deg", "x_10p5deg"]):
        assert read([f"{name}.tif" for name in made]).tilts_deg == [-10.5, 0, 10.5]


@pytest.mark.parametrize(
    ("heated", "note"),
    [
        ([f"Ni_{i:02d}_{t}deg.tif" for i, t in enumerate((25, 100, 150))], "25 to 150 deg: no tilts"),
        ([f"Ni_{i:02d}_{t}deg.tif" for i, t in enumerate((25, 40, 60))], "25 to 60 deg, without a sign"),
        (["Ni_20deg.tif", "Ni_50deg.tif"], "20 to 50 deg, without a sign: they may be temperatures"),
        (
            [f"s{i}_{c}{t}deg.tif" for i, (c, t) in enumerate((("x", 30), ("", 0), ("", 20)))],
            "after '', 'x': which",
        ),
        (["Ti_alpha_1.tif", "Ti_alpha_2.tif"], "1 to 2 after a word for the tilt, but as numbers that count"),
        (["Ni_20degC_1.tif", "Ni_-50degC_2.tif"], ""),
        (["d_1_-1.5um.tif", "d_2_0.0um.tif", "d_3_20.0um.tif"], ""),
        (["d_1_-1.5.tif", "d_2_0.0.tif", "d_3_1.5.tif"], ""),  # a defocus
        (["sample-1_1.tif", "sample-1_2.tif"], ""),
    ],
)
def test_what_may_be_no_tilt_is_not_taken_and_said(heated: list[str], note: str) -> None:
    found = read(heated)
    assert found.tilts_deg is None
    assert names(found) == heated
    assert [note in said for said in found.notes] == ([True] if note else [])


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        ([f"cool_{t}deg.tif" for t in (-80, -60, -40, -20)], "-80 to -20 after 'cool'"),
        ([f"cool_{t}deg.tif" for t in (0, 40, 80)], "0 to 80 after 'cool'"),
        ([f"cold_{t}deg.tif" for t in (-80, -40, 20)], "-80 to 20 after 'cold'"),
        ([f"Tset{t}.tif" for t in (-80, -40, 20)], "-80 to 20 after 'Tset'"),
        ([f"cooling_{i}_{t}deg.tif" for i, t in enumerate((0, 20, 40))], "0 to 40 after 'cooling'"),
        ([f"Ni_T{t}.tif" for t in (-60, -30, 0, 30)], "-60 to 30 after 'T'"),
        ([f"Ni_T{t}deg.tif" for t in (-60, -30, 0, 30)], "-60 to 30 after 'T'"),
        ([f"defocus_{d}.tif" for d in (-20, -10, 0, 10, 20)], "-20 to 20 after 'defocus'"),
        ([f"df_{d}_{i:02d}.tif" for i, d in enumerate((-40, -20, 0, 20))], "-40 to 20 after 'df'"),
        ([f"{i:02d}_df_{d}.tif" for i, d in enumerate((-40, -20, 0, 20))], "-40 to 20 after 'df'"),
        ([f"Ni_z{d}.tif" for d in (-20, -10, 10, 20)], "-20 to 20 after 'z'"),
        ([f"holderT_{t}.tif" for t in (-60, -30, 0, 30, 60)], "-60 to 60 after 'T'"),
        ([f"HolderTemp_{t}.tif" for t in (-60, 0, 60)], "-60 to 60 after 'Temp'"),
        ([f"stageZ{d}.tif" for d in (-60, 0, 60)], "-60 to 60 after 'Z'"),
        ([f"focal_{t}.tif" for t in (-60, 0, 60)], "-60 to 60 after 'focal'"),
        ([f"cryo_{t}.tif" for t in (-60, 0, 60)], "-60 to 60 after 'cryo'"),
        ([f"phase_{p}.tif" for p in (-60, 0, 60)], "-60 to 60 after 'phase'"),
        ([f"scan rotation {r}deg.tif" for r in (-60, 0, 60)], "-60 to 60 after 'rotation'"),
        ([f"scan_{n}.tif" for n in (-80, -60, -40, -20, 0, 20)], "-80 to 20 after 'scan'"),
        ([f"cool_-80deg_{n}.tif" for n in (1, 2, 3)], "-80 after 'cool'"),
    ],
)
def test_numbers_after_a_word_for_something_else_are_no_tilts(measured: list[str], said: str) -> None:
    found = read(measured)
    assert found.tilts_deg is None
    assert names(found) == measured
    (note,) = found.notes
    assert (
        f"The file names hold {said}: they are not taken for tilts. If they are, give tilt_angles_deg."
        in note
    )


@pytest.mark.parametrize("unit", ["degC", "°C", "V", "um", "eV", "%"])
@pytest.mark.parametrize("values", [(-20, -10, 10, 20), (-40, -30, -20)])
def test_numbers_below_0_with_a_unit_keep_their_sign(values: Sequence[int], unit: str) -> None:
    measured = [f"Fe_{value}{unit}.tif" for value in values]
    found = read(measured)
    assert (names(found), found.tilts_deg) == (measured, None)
    assert found.notes == [
        f"The images are in the order of {values[0]} to {values[-1]} {unit} in the file names."
    ]
    assert read([f"Fe-{-value}{unit}.tif" for value in (-40, -30)]).numbers == [30, 40]  # a dash that joins


def test_magnifications_do_not_count_and_are_told_where_they_differ() -> None:
    found = read(["A7_1_200kx.tif", "A7_2_50kx.tif", "A7_3_100kx.tif"])
    assert found.numbers == [1, 2, 3]
    assert found.notes == [
        "The file names hold several magnifications, 50kx to 200kx: one scale cannot hold for all. Of unrelated "
        "micrographs a dataset each is made by `voidlab init` with --each."
    ]
    assert "several magnifications" in read(["A_50000x.tif", "A_100000x.tif"]).notes[0]
    assert read(["A_50kx_1.tif", "A_50kx_2.tif"]).notes == []


def test_a_letter_b_alone_is_a_sample_and_no_second_tilt() -> None:
    assert read([f"sample B_{n}.tif" for n in range(3)]).numbers == [0, 1, 2]
    assert read([f"A_{n} B_0.tif" for n in range(3)]).numbers == [0, 1, 2]


@pytest.mark.parametrize(
    "name", ["annealed_{a}deg", "heat_500C_{a}deg", "cooling_tilt{a}deg", "TS_{a}", "run3_{a}"]
)
def test_words_for_the_specimen_or_the_series_leave_tilts_what_they_are(name: str) -> None:
    assert read([f"{name.format(a=a)}.tif" for a in (-30, 0, 30)]).tilts_deg == [-30, 0, 30]


def test_a_hyphen_before_a_number_is_a_separator_and_told_where_it_looks_like_a_minus() -> None:
    found = read(["f_-1.tif", "f_-2.tif", "f_-3.tif"])
    assert (found.numbers, found.tilts_deg) == ([1, 2, 3], None)
    (said,) = found.notes
    assert "in names such as 'f_-1.tif' is taken for a separator: this is frame 1, not −1." in said
    assert (read(["f_-7.tif"]).numbers, read(["f_-7.tif"]).notes) == ([7], [])  # a single image
    for plain in (["run-1.tif", "run-2.tif"], ["a_1-01.tif", "a_1-02.tif"], ["f-1_5.tif", "f-1_6.tif"]):
        assert read(plain).notes == []
    with pytest.raises(
        ImagesError, match="both get frame number 1.*taken for a separator, not for a minus sign"
    ):
        read(["f_-1.tif", "f_0.tif", "f_1.tif"])
    tilts = read(["f_-30.tif", "f_0.tif", "f_30.tif"])
    assert (tilts.tilts_deg, tilts.notes) == ([-30, 0, 30], [])


@pytest.mark.parametrize("pattern", [r"((?:a+)+)$", r"(.*)*(\d+)!", r"((a|a)*)!"])
def test_a_pattern_that_never_ends_is_refused_by_name(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(try_pattern, "_MOST_S", 0.5)
    files = [f"{'a' * 60}_{number}.tif" for number in range(3)]
    with pytest.raises(ImagesError) as caught:
        read(files, pattern)
    assert str(caught.value).startswith(
        f"frame_pattern '{pattern}' takes more than 0.5 s on 6 names such as 'aaaa"
    )


def test_patterns_of_many_groups_are_tried_as_others_are() -> None:
    many = r"Hour_(\d+)_Minute_(\d+)_Second_(\d+)_Frame_(\d+)"
    found = read([f"n_Hour_00_Minute_0{m}_Second_0{s}_Frame_0000.tif" for m in (1, 0) for s in (3, 1)], many)
    assert found.numbers == [0, 1, 2, 3]
    assert read(["b_2é.tif", "b_1é.tif"], r"((?:\d)+)é").numbers == [1, 2]
    with pytest.raises(ImagesError, match="does not match in 'a.tif'"):
        read(["a.tif", "b_1.tif"], r"((?:\d)+)")
