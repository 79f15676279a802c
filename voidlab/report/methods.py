"""A paragraph on methods to paste into a paper: what was done, with which settings and versions, after whom.

It says what the record of the run says, nothing that was only meant to be run.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from voidlab.project.paths import POSITIONS
from voidlab.report.headline import as_given, focus_of, judge
from voidlab.report.states import StageState
from voidlab.tables.focus import OF_PAIR
from voidlab.tables.verdict import GOOD

_RONNEBERGER = "Ronneberger et al., MICCAI (2015), doi:10.1007/978-3-319-24574-4_28"
_LINDEBERG = "Lindeberg, Int. J. Comput. Vis. 30, 79 (1998), doi:10.1023/A:1008045108935"
_SAVITZKY = "Savitzky et al., Ultramicroscopy 191, 56 (2018), doi:10.1016/j.ultramic.2018.04.008"
_CROCKER = "Crocker and Grier, J. Colloid Interface Sci. 179, 298 (1996), doi:10.1006/jcis.1996.0217"
_LAWRENCE = "Lawrence et al., J. Struct. Biol. 154, 144 (2006), doi:10.1016/j.jsb.2005.12.013"
_MILES = "Miles, in: Harding and Kendall (eds), Stochastic Geometry, Wiley (1974), p. 228"
_HUBER = "Huber, Ann. Math. Stat. 35, 73 (1964), doi:10.1214/aoms/1177703732"
_GOLDSMITH = "Goldsmith, Br. J. Appl. Phys. 18, 813 (1967), doi:10.1088/0508-3443/18/6/317"
_OTHERS = {"loop": "dislocation loops", "dot": "dots"}
_SHAPES = {"cube": "cubes", "truncated octahedron": "truncated octahedra"}


def methods_of(stages: Sequence[StageState]) -> str:
    """The paragraph for a dataset of which the stages ran; empty before the first has finished."""
    done = {stage.name: stage for stage in stages if stage.status == "finished" and not stage.superseded}
    if not {"segment", POSITIONS} & set(done):
        return ""
    cited: list[str] = []
    said = [
        *_of_verdict(stages),
        *(_of_segment(done["segment"], cited) if "segment" in done else ()),
        *(_of_positions(done[POSITIONS], cited) if POSITIONS in done else ()),
        *(_of_drift(done["drift"], cited) if "drift" in done and "pair" not in done else ()),
        *(_of_pair(done["pair"]) if "pair" in done else ()),
        *(_of_track(done["track"], cited) if "track" in done else ()),
        *(_of_export(done["export"], cited, done) if "export" in done else ()),
    ]
    references = "; ".join(f"[{number}] {source}" for number, source in enumerate(cited, 1))
    return " ".join(said) + (f" References: {references}." if references else "")


def _of_verdict(stages: Sequence[StageState]) -> Iterator[str]:
    """What a paper must not keep quiet: that the results are not good, and why. First, so that it is not cut off."""
    judged = judge(stages)
    if judged.grade in ("", GOOD):
        return
    more = f" (and {judged.left} more)" if judged.left else ""
    why = judged.in_a_line.rstrip(".")
    yield f"[Before it is published: the verdict on these results is '{judged.grade}': {why}{more}.]"


def _of_segment(stage: StageState, cited: list[str]) -> Iterator[str]:
    given, decided = _parameters(stage), _mapping(stage.record.get("decided"))
    figures = {str(f.get("label")): f for f in stage.figures}
    images, scale = _images(figures)
    with_what = f"evaluated with voidlab {stage.record.get('voidlab', '')}."
    if images.startswith("1 of "):
        yield f"An image of {images.removeprefix('1 of ')}{scale} was {with_what}"
    else:
        yield f"Images ({images}{scale}) were {with_what}"
    segmenter = str(decided.get("segmenter", given.get("segmenter", "")))
    way = _way(segmenter, str(decided.get("model") or ""), cited)
    contrast = decided.get("contrast")
    as_what = f" as {contrast} objects" if contrast in ("bright", "dark") else ""
    as_what += " of dark-field images" if decided.get("dark_field") else ""
    least = f"radius of {given.get('min_radius_px')} px"
    if given.get("min_diameter_nm") is not None:
        least = f"diameter of {given['min_diameter_nm']} nm"
    yield (
        f"Voids were detected{as_what} by {way}; detections with a confidence of {given.get('threshold')} or "
        f"more and a {least} or more count, those within "
        f"{given.get('edge_buffer_px')} px of the border as cut by it."
    )
    if others := {"loop", "dot"} & set(given.get("kinds") or ()):
        names = " and ".join(name for key, name in _OTHERS.items() if key in others)
        yield (
            f"{names.capitalize()} were looked for by the same network in the negatives of the images, with the same "
            "threshold."
        )
    yield from _of_radii(figures)
    series = _mapping(decided.get("series"))
    if series and not series.get("reason"):
        yield (
            "The confidence of each was weighed with what the two images before and after show at its place (Bayes' "
            f"rule; {series.get('added')} detections were added by that and {series.get('removed')} removed)."
        )


def _images(figures: Mapping[str, Mapping[str, object]]) -> tuple[str, str]:
    """How many images of which size, and the width of a pixel where that is known, after a comma."""
    images = str(figures.get("Images", {}).get("value", "images"))
    pixel = str(figures.get("Pixel size", {}).get("value", "not known"))
    return images, "" if pixel == "not known" else f", pixel size {pixel}"


def _of_positions(stage: StageState, cited: list[str]) -> Iterator[str]:
    """Of positions without images: what another program found, and all that was made of it here."""
    figures = {str(f.get("label")): f for f in stage.figures}
    images, scale = _images(figures)
    yield (
        f"Positions and radii of voids that another program detected (file {_parameters(stage).get('file')}; images: "
        f"{images}{scale}) were evaluated with voidlab {stage.record.get('voidlab', '')}."
    )
    # As by the halving of what the file calls radii all numbers are others.
    yield from (
        str(f["warning"]) for f in stage.figures if f.get("label") == "Positions" and f.get("warning")
    )
    yield (
        "Drift was measured by the voids themselves: those of successive frames vote for a shift, then the positions "
        f"on all tracks are solved by robust least squares {_cite(cited, _HUBER)}."
    )
    yield from _of_track(stage, cited)
    least = _parameters(stage).get("shown_min_frames")
    yield f"Growth and motion are those of tracks of {least} frames or more. {_whole_voids('', cited)}"


def _whole_voids(at: str, cited: list[str]) -> str:
    return (
        f"Densities and diameters{at} count whole voids, each weighted by the area in which one of its size would be "
        f"whole {_cite(cited, _MILES)}."
    )


def _way(segmenter: str, digest: str, cited: list[str]) -> str:
    """What detected the voids; of a network also which one, by the digest that the page of the stage tells."""
    if segmenter == "classical":
        return f"blobs at many scales {_cite(cited, _LINDEBERG)}"
    way, name = "a network of our own", segmenter
    if segmenter == "voids":
        way, name = "its convolutional network", f"a U-Net {_cite(cited, _RONNEBERGER)}"
    said = ", ".join(filter(None, (name, f"weights {digest[:8]}" if digest else "")))
    return f"{way} ({said})" if said else way


def _of_radii(figures: Mapping[str, Mapping[str, object]]) -> Iterator[str]:
    """What radii rest on, by the key figures of the page: of a focus pair a sentence for each image."""
    for label, radii in figures.items():
        name, _, image = label.partition(", ")
        if name != "Radii":
            continue
        of_image = f" {image}" if image else ""
        if radii.get("value") != "by the fringe":
            yield f"Radii{of_image} are those of the edges as detected."
            continue
        focus = focus_of(radii)
        found = f": {focus}" if focus else ""
        yield f"Radii{of_image} are those of spheres whose Fresnel fringe fits, with one focus for all voids{found}."
    named = [(label.partition(", "), f.get("value")) for label, f in figures.items()]
    none = [f"{count} {image}".rstrip() for (name, _, image), count in named if name == "Not a size"]
    if none:
        yield (
            f"Voids smaller than their fringe, {' and '.join(none)}, count in densities and volumes, and in no "
            "diameter."
        )


def _of_drift(stage: StageState, cited: list[str]) -> Iterator[str]:
    source = "void masks" if _parameters(stage).get("source") == "masks" else "images"
    yield (
        f"Drift was measured by cross-correlation of the {source} of many pairs of frames, combined by robust least "
        f"squares {_cite(cited, _SAVITZKY)}."
    )


def _of_pair(stage: StageState) -> Iterator[str]:
    """What was made of an image under focus and one over it."""
    figures = {str(f.get("label")): str(f.get("value")) for f in stage.figures}
    yield (
        "The image over focus was laid on the one under focus by the voids themselves (shift, magnification and "
        f"turn; {figures.get('Magnification over : under', '–')} times as magnified), and the voids of both matched "
        f"one to one: {figures.get('Seen in both', '–')} are seen in both. The radius over focus, divided by the "
        f"magnification, is {figures.get('Radius over : under', '–')} times that under focus (median)."
    )


def _of_track(stage: StageState, cited: list[str]) -> Iterator[str]:
    given, decided = _parameters(stage), _mapping(stage.record.get("decided"))
    linker, reach = decided.get("linker"), decided.get("search_range_px")
    if linker == "tilt":
        yield (
            "Voids of the tilt series were linked and placed in depth by one fit of points, tilts and drift (bundle "
            f"adjustment {_cite(cited, _LAWRENCE)})."
        )
        return
    how = f"trackpy {_cite(cited, _CROCKER)}" if linker == "trackpy" else "assignment by place and size"
    within = f" within {reach:.3g} px" if isinstance(reach, int | float) else ""
    yield f"Voids were linked between frames by {how}{within}, missing for at most {given.get('memory')} frames."


def _tells_detection(done: Mapping[str, StageState]) -> bool:
    """Whether the stage segment says how many voids it expects to miss, and how many detections to be none."""
    decided = _mapping(done["segment"].record.get("decided")) if "segment" in done else {}
    return set(_mapping(decided.get("expected"))) == {"precision", "recall"}


def _of_export(stage: StageState, cited: list[str], done: Mapping[str, StageState]) -> Iterator[str]:
    given, decided = _parameters(stage), _mapping(stage.record.get("decided"))
    labels = [str(f.get("label")) for f in stage.figures]
    deep = any("from 3D" in label for label in labels)
    frame = decided.get("frame")
    at = ""
    if isinstance(frame, int) and "drift" in done:  # else a single image
        at = f" of the image {OF_PAIR[frame - 1]} focus" if "pair" in done else f" of frame {frame}"
    yield _whole_voids(at, cited)
    if deep:
        yield "Density and swelling count voids that are centred in the layer that holds voids, from their depths."
    elif any(label.startswith("Swelling") for label in labels):
        thick, sigma = given.get("foil_thickness_nm"), given.get("foil_sigma_nm")
        yield (
            f"The foil was {as_given(thick)} ± {as_given(sigma)} nm thick; density and volume are corrected for "
            f"voids that its surfaces cut {_cite(cited, _GOLDSMITH)}."
        )
    if deep or any(label.startswith("Swelling") for label in labels):
        shape = _SHAPES.get(str(given.get("void_shape")), "spheres")
        yield f"Swelling is f / (1 − f) of the void volume fraction f, with voids taken as {shape}."
    size = given.get("diameter_error")
    size = decided.get("diameter_error") if size == "auto" else size
    errors = ["counting"]
    if _tells_detection(done) and not deep:
        errors.append("for densities and volumes what is expected to be missed or falsely detected")
    errors.append(f"an error of {_percent(size)} that all diameters share")
    if isinstance(decided.get("pixel_size_nm"), int | float):
        errors.append(f"one of {_percent(given.get('pixel_size_error'))} of the pixel size")
    yield f"Intervals (95 %) hold {', '.join(errors[:-1])} and {errors[-1]}."


def _cite(cited: list[str], source: str) -> str:
    if source not in cited:
        cited.append(source)
    return f"[{cited.index(source) + 1}]"


def _percent(share: object) -> str:
    return f"{100 * share:.3g} %" if isinstance(share, int | float) else "unknown size"


def _parameters(stage: StageState) -> Mapping[str, Any]:
    return _mapping(stage.record.get("parameters"))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
