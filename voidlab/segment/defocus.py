"""Between the width of a Fresnel fringe and the defocus that makes it."""

import numpy as np

USUAL_KV = 200.0  # where nobody says


def wavelength_nm(voltage_kv: float) -> float:
    """Wavelength of the electrons, nm, relativistic."""
    volts = 1e3 * voltage_kv
    return float(1.226426 / np.sqrt(volts * (1 + 0.978476e-6 * volts)))


def defocus_nm(fringe_nm: float, voltage_kv: float = USUAL_KV) -> float:
    """Distance from focus, nm, of a fringe sqrt(wavelength × |defocus|) wide."""
    return fringe_nm**2 / wavelength_nm(voltage_kv)


def fringe_nm(defocus_nm: float, voltage_kv: float = USUAL_KV) -> float:
    """Width of the fringe at a distance from focus, nm."""
    return float(np.sqrt(wavelength_nm(voltage_kv) * abs(defocus_nm)))
