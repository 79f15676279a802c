"""The files of a dataset that a reader may want to have, with what each is for."""

from pathlib import Path

from voidlab.export.contents import HOLDS_NOTHING, archive_name, meanings, size_of
from voidlab.project.outdated import is_old_movie
from voidlab.project.paths import RunPaths
from voidlab.tables.catalogue import TABLES

_MOVIES = ("movie.mp4", "movie.gif")


def list_files(paths: RunPaths) -> list[dict[str, object]]:
    """The files that a reader may want to have: exports first, then tables and labels; a folder is one of them."""
    said = meanings(paths.exports)
    folders = [paths.exports / name for name in said if (paths.exports / name).is_dir()]
    files = [path for path in paths.exports.rglob("*") if path.is_file() and not path.name.startswith(".")]
    exports = [path for path in files if not any(folder in path.parents for folder in folders)]
    tables = [paths.table(name) for name in TABLES if paths.table(name).exists()]
    labels = [paths.labels] if paths.labels.exists() else []
    said = {path.name: _movie_in_words(paths, path) for path in exports if path.name in _MOVIES} | said
    said |= {archive_name(paths.dataset): "all of it in one file, to send to a collaborator"}
    meaning = {paths.exports / name: what for name, what in said.items()}
    meaning |= {paths.table(name): f"a row is {table.row}" for name, table in TABLES.items()}
    meaning[paths.labels] = "label image of each frame; opens in Fiji and napari"
    return [
        {
            "href": path.relative_to(paths.folder).as_posix(),
            "size": size_of(path),
            "meaning": meaning.get(path, "not written by the stage export"),
        }
        for path in [*sorted([*exports, *folders]), *tables, *labels]
        if meaning.get(path) != HOLDS_NOTHING
    ]


def _movie_in_words(paths: RunPaths, movie: Path) -> str:
    what = "drift-corrected movie, each void in the colour of its track"
    again = f"; out of date, it shows older results: voidlab movie {paths.dataset}"
    return what + again if is_old_movie(paths, movie) else what
