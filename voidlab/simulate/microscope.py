"""From what the beam meets to what the detector gives: exit wave, defocus, dose, detector, file.

All lengths are px. Nothing here knows of voids; `voidlab.simulate.micrographs` makes the foil.
"""

import io
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageOps
from scipy import fft, ndimage


@dataclass(frozen=True)
class Optics:
    """A microscope's state.

    Attributes
    ----------
    fringe_px : float
        Width of the first Fresnel fringe, sqrt(wavelength × |defocus|), px; 0 is in focus.
    under : bool
        Under focus: voids are bright with a dark rim; over focus it is the reverse.
    spread : float
        Blur of the image by illumination that is not quite parallel, in units of ``fringe_px``: angle × |defocus|, as
        a standard deviation.
    astigmatism : float
        Relative difference of defocus between two directions.
    direction_rad : float
        Direction of the stronger defocus.
    """

    fringe_px: float = 0.0
    under: bool = True
    spread: float = 0.15
    astigmatism: float = 0.0
    direction_rad: float = 0.0


def intensity(amplitude: np.ndarray, phase_rad: np.ndarray, optics: Optics) -> np.ndarray:
    """Image intensity of an exit wave.

    Parameters
    ----------
    amplitude, phase_rad : ndarray of shape (H, W)
        Of the exit wave. The image is taken as periodic: cut off a margin of a few fringes.

    Returns
    -------
    ndarray of shape (H, W), float32

    References
    ----------
    Williams and Carter, Transmission Electron Microscopy, 2nd ed., chapter 28, doi:10.1007/978-0-387-76501-3.
    """
    if optics.fringe_px == 0:
        return (amplitude**2).astype(np.float32)
    ky = fft.fftfreq(amplitude.shape[0]).astype(np.float32)[:, None]
    kx = fft.fftfreq(amplitude.shape[1]).astype(np.float32)[None, :]
    k2 = (kx**2 + ky**2) * np.float32(optics.fringe_px**2)
    turned = (kx**2 - ky**2) * np.cos(2 * optics.direction_rad) + 2 * kx * ky * np.sin(
        2 * optics.direction_rad
    )
    chi = np.pi * (k2 + np.float32(optics.astigmatism * optics.fringe_px**2) * turned)
    sign = -1 if optics.under else 1
    transfer = np.exp(-1j * sign * chi).astype(np.complex64)
    wave = (amplitude * np.exp(1j * phase_rad)).astype(np.complex64)
    sharp = np.abs(fft.ifft2(fft.fft2(wave) * transfer)) ** 2
    # Each direction of the illumination gives an image of its own, a little to the side: it is these that add up.
    return ndimage.gaussian_filter(sharp, optics.spread * optics.fringe_px, mode="wrap").astype(np.float32)


def field(
    random: np.random.Generator, shape: tuple[int, int], length_px: float, power: float = 0.0
) -> np.ndarray:
    """Smooth random field (H, W), float32: mean 0, standard deviation 1.

    Parameters
    ----------
    length_px
        How far it takes to change; white noise below about 0.3.
    power
        0 for one size of bump, larger for detail at all sizes down from ``length_px``.
    """
    ky = fft.fftfreq(shape[0]).astype(np.float32)[:, None]
    kx = fft.rfftfreq(shape[1]).astype(np.float32)[None, :]
    k = np.sqrt(kx**2 + ky**2) * np.float32(2 * np.pi * length_px)
    weight = np.exp(-(k**2) / 2) if power == 0 else (1 + k**2) ** np.float32(-power / 2)
    weight[0, 0] = 0
    values = fft.irfft2(fft.rfft2(random.standard_normal(shape, dtype=np.float32)) * weight, shape)
    return (values / max(float(values.std()), 1e-12)).astype(np.float32)


def detect(random: np.random.Generator, image: np.ndarray, noise: float) -> np.ndarray:
    """What a camera makes of an image of brightness about 1: blur, dose, gain residue, lines, hot pixels.

    ``noise`` is the standard deviation of a pixel's noise over the brightness.
    """
    shape = image.shape
    image = ndimage.gaussian_filter(image, random.uniform(0.3, 1.2))
    image = image + noise * np.sqrt(np.clip(image, 0.05, None)) * _grain(random, shape)
    if random.random() < 0.25:
        image = image * (1 + random.uniform(0.1, 0.5) * noise * random.standard_normal(shape[1]))
    if random.random() < 0.25:  # a scanning microscope: rows differ
        image = image + random.uniform(0.1, 0.6) * noise * random.standard_normal((shape[0], 1))
    if random.random() < 0.2:
        hot = random.random(shape) < 1e-4
        image = np.where(hot, image + random.choice([-1, 1]) * random.uniform(3, 10) * noise, image)
    if random.random() < 0.3:  # regular interference
        ky, kx = random.uniform(-0.35, 0.35, 2)
        y, x = np.mgrid[: shape[0], : shape[1]]
        image = image + random.uniform(0.05, 0.3) * noise * np.sin(2 * np.pi * (kx * x + ky * y))
    return image.astype(np.float32)


def _grain(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Noise of standard deviation 1: white, or with the grain of a scintillator or of an enlarged image, or of both.

    What has detail of several sizes makes blobs that are no voids.
    """
    rows, columns = shape
    kind = random.random()
    white = random.standard_normal((rows, columns), dtype=np.float32)
    if kind < 0.35:
        return white
    length, power = np.exp(random.uniform(-1, 1.6)), random.choice([0.0, 1.5, 2.5])
    coarse = field(random, (rows, columns), length, power)
    share = random.uniform(0.2, 0.9) if kind < 0.7 else 1.0
    return np.asarray(np.sqrt(share) * coarse + np.sqrt(1 - share) * white)


def write(random: np.random.Generator, image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The file a microscopist gives: stretched, clipped, 8 bit, now and then JPEG or with a scale bar burnt in.

    Returns
    -------
    picture : ndarray of shape (H, W), uint8
    told : ndarray of shape (H, W)
        Brightness that its grey values stand for.
    covered : ndarray of shape (H, W), bool
        Where something was burnt in.
    """
    low, high = np.percentile(image, [random.uniform(0, 1), random.uniform(99, 100)])
    if high <= low:  # a mask of little
        low, high = image.min(), image.max()
    scaled = np.clip((image - low) / max(float(high - low), 1e-6), 0, 1)
    jpeg = random.random() < 0.3
    # Who saves as JPEG has stretched the image; of few grey values it would keep nothing but blocks.
    floor, span = random.uniform(0, 0.3), np.exp(random.uniform(np.log(0.4 if jpeg else 0.1), 0))
    gamma = random.uniform(0.7, 1.4)
    scaled = np.clip(floor + span * scaled**gamma, 0, 1)
    picture = Image.fromarray(np.round(scaled * 255).astype(np.uint8))
    covered = np.zeros(image.shape, bool)
    if random.random() < 0.2:
        covered = _burn_in(random, picture)
    if jpeg:
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=int(random.integers(50, 95)))
        picture = Image.open(stream)
    grey = np.asarray(picture)
    told = low + (high - low) * np.clip((grey / 255 - floor) / span, 0, 1) ** (1 / gamma)
    return grey, told, covered


def _burn_in(random: np.random.Generator, picture: Image.Image) -> np.ndarray:
    """Draw a scale bar, a banner or words upon the picture; where they are."""
    draw = (_scale_bar, _banner, _words)[random.integers(3)]
    # What is burnt in shows on the picture or, where that was as bright before, on its negative.
    both, randoms = (picture, ImageOps.invert(picture)), (random, deepcopy(random))
    before = [np.asarray(each).copy() for each in both]
    for each, same in zip(both, randoms, strict=True):
        draw(same, each)
    return np.any([np.asarray(each) != was for each, was in zip(both, before, strict=True)], axis=0)


def _scale_bar(random: np.random.Generator, picture: Image.Image) -> None:
    """A scale bar and its text, somewhere near the border."""
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    x, y = random.uniform(5, width * 0.6), random.choice([15, height - 40])
    colour = int(random.choice([0, 255]))
    length, thick = random.uniform(0.1, 0.35) * width, random.uniform(3, 9)
    if random.random() < 0.5:
        draw.rectangle([x - 8, y - 8, x + length + 8, y + 35], fill=255 - colour)
    draw.rectangle([x, y, x + length, y + thick], fill=colour)
    text = f"{random.choice([2, 5, 10, 20, 50, 100, 200])} nm"
    draw.text((x + length / 4, y + thick + 2), text, fill=colour, font_size=float(random.uniform(10, 22)))


def _banner(random: np.random.Generator, picture: Image.Image) -> None:
    """A bar of one grey value along the lower or upper border, with what the microscope says of itself."""
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    tall = int(random.uniform(0.05, 0.13) * height)
    top = height - tall if random.random() < 0.8 else 0
    colour = int(random.choice([0, 255]))
    draw.rectangle([0, top, width, top + tall], fill=colour)
    for x in np.arange(random.uniform(2, 20), width, random.uniform(50, 140)):
        draw.text((x, top + 2), _some_words(random), fill=255 - colour, font_size=0.6 * tall)


def _words(random: np.random.Generator, picture: Image.Image) -> None:
    """Words anywhere, as of a time stamp, a panel of a figure or an arrow's label."""
    draw = ImageDraw.Draw(picture)
    width, height = picture.size
    for _ in range(random.integers(1, 4)):
        spot = random.uniform(0, 0.8) * width, random.uniform(0, 0.95) * height
        draw.text(
            spot, _some_words(random), fill=int(random.choice([0, 255])), font_size=random.uniform(8, 48)
        )


def _some_words(random: np.random.Generator) -> str:
    letters = list("0123456789abcdeghkmnopqsABCDOQR.:µ°% ")
    return "".join(random.choice(letters, random.integers(1, 12)))
