"""Seeded simulation with known truth: tilt series and videos, and micrographs of every look a void has."""

from voidlab.simulate.series import TRUTH, DemoError, Simulation, Truth, tilt_series, video, write_demo
