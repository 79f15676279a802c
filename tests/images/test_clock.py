"""Clock times without a date: the order of images within a day, over midnight, and where it is not known."""

import numpy as np
import pytest

from voidlab.images.clock import ClockError, clock_of, running_seconds

DAY = 86_400


def at(*times):
    """Clocks of HH:MM times."""
    return [(3600 * int(time[:2]) + 60 * int(time[3:]), 0) for time in times]


def hours(clocks):
    return (running_seconds(clocks)[0] / 3600).tolist()


def test_the_clock_in_a_name():
    assert clock_of("a_Hour_01_Minute_02_Second_03_Frame_0007.tif") == (3723, 7)
    assert clock_of("a_Hour_23_Minute_59_Second_59.tif") == (DAY - 1, 0)
    assert clock_of("frame_0007.tif") is None


def test_within_a_day_nothing_is_taken_for_granted():
    for clocks in (at("09:00", "10:30", "10:00"), at("12:00"), at("12:00", "12:00"), []):
        seconds, note = running_seconds(clocks)
        assert seconds.tolist() == [clock[0] for clock in clocks]
        assert note == ""


@pytest.mark.parametrize("seed", range(5))
def test_a_run_over_midnight_in_any_order(seed):
    true = DAY - 1500 + 7 * np.arange(400)  # 25 minutes before to 22 after
    random = np.random.default_rng(seed)
    mixed = random.permutation(true) if seed else true
    seconds, note = running_seconds([(int(second) % DAY, 0) for second in mixed])
    assert seconds.tolist() == mixed.tolist()
    assert "pass midnight once" in note


def test_lines_sorted_by_name_say_nothing_against_midnight():
    assert hours(at("00:00", "00:10", "23:40", "23:55"))[:2] == [24, pytest.approx(24 + 1 / 6)]


def test_days_in_a_row_are_told_by_the_order_of_the_lines():
    true = 20 + 3.25 * np.arange(16)  # hours
    seconds, note = running_seconds([(int(3600 * hour) % DAY, 0) for hour in true])
    assert (seconds / 3600).tolist() == true.tolist()
    assert "pass midnight 2 times" in note


def test_two_sessions_of_one_day_stay_in_it():
    assert hours(at("08:00", "18:00", "08:30", "18:30")) == [8, 18, 8.5, 18.5]


@pytest.mark.parametrize(
    "clocks",
    [
        at("00:30", "03:00", "12:00", "13:00", "22:00", "23:30"),  # a pause of 9 hours, or one over midnight?
        at("01:00", "02:00", "19:00", "20:00"),  # 17 hours, or 5?
    ],
)
def test_what_is_left_open_is_refused(clocks):
    for order in (clocks, clocks[::-1]):
        with pytest.raises(
            ClockError, match="leave open whether the series begins at 0[01]:[03]0:00 and pauses"
        ):
            running_seconds(order)
