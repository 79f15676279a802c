"""What a stage rests on: the images, what earlier stages made, corrections by hand, and the network's arithmetic."""

from voidlab.project import fingerprints
from voidlab.project.parameters.models import DatasetParameters
from voidlab.project.paths import RunPaths
from voidlab.run.importing import importing
from voidlab.run.watched import digest_of_watched


def inputs_of(paths: RunPaths, stage: str, parameters: DatasetParameters, images: str) -> dict[str, str]:
    """Digests of what ``stage`` reads, as `fingerprints.inputs_of`; ``images`` is that of the images.

    Of the stage segment also what its network computes in, which ``auto`` leaves to the processor: the same images
    on another one are another result; and what was decided while the images were taken.
    """
    inputs = fingerprints.inputs_of(paths, stage, images)
    watched = digest_of_watched(paths) if stage == "segment" else ""
    if watched:
        inputs = {**inputs, "watched": watched}
    if stage != "segment" or parameters.segment.segmenter == "classical":
        return inputs
    from voidlab.segment.network import arithmetic_of

    with importing():  # torch
        return {**inputs, "arithmetic": arithmetic_of(parameters.segment.arithmetic)}
