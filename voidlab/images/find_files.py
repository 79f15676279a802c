"""Which image files a glob, a folder, a file or a list means; what is there when it means none."""

import difflib
import glob
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from voidlab.errors import name_too_long
from voidlab.images.errors import UNRELATED, ImagesError
from voidlab.images.readers import READERS, supported, why_unknown
from voidlab.images.readers.pictures import open_picture

PathLike = str | os.PathLike[str]
_NAMED = 5  # folders
_CURLY = "“”„‟‘’‚«»"
Source = PathLike | Sequence[PathLike]


def find_files(source: Source, *, recursive: bool = False, mixed: bool = False) -> list[Path]:
    """Image files that ``source`` means, of one format; ``recursive`` also those in the folders of a folder.

    ``mixed``: of any format, what is no image is passed over.
    """
    if not isinstance(source, str | os.PathLike):
        files = [Path(file) for file in source]
        for file in files:
            _check_length(file)
        gone = [file for file in files if not file.is_file()]
        if gone or not files:
            what = (
                f"{len(gone)} of {len(files)} files are missing, the first: {gone[0]}" if gone else "no file"
            )
            raise ImagesError(f"{what} in the list of images; expected the names of files that are there.")
        return _of_one_format(files, "the list", mixed)
    path = Path(os.path.expanduser(source))
    _check_length(path)
    if path.is_file():
        return _of_one_format([path], str(path), mixed)
    if path.is_dir():
        everything = _visible(path.rglob("*") if recursive else path.iterdir())
        files = [file for file in everything if file.suffix.lower() in READERS]
        if not files:
            held = f"it holds {_tally(everything)}" if everything else "it holds no files"
            below = "" if recursive else _folders_with_images(path)
            raise ImagesError(f"no images in folder {path}: {held}; {below or f'expected {supported()}'}.")
        return _of_one_format(files, str(path), mixed)
    # Brackets in the name of a folder that is there are no pattern.
    found = path.parent.glob(path.name) if path.parent.is_dir() else glob.iglob(str(path), recursive=True)
    matches = list(map(Path, found))
    files = _visible(matches)
    if not files:
        raise ImagesError(_nothing_found(path, matches))
    return _of_one_format(files, str(path), mixed)


def _check_length(path: Path) -> None:
    """Raise ImagesError where no disk takes such a name; what else is wrong with it is said later."""
    try:
        os.lstat(path)
    except OSError as error:
        if said := name_too_long(error):
            raise ImagesError(said) from None


def _visible(paths: Iterable[Path]) -> list[Path]:
    """The files among ``paths``, and links to images that lead nowhere, which are told as others that are lost."""
    shown = sorted(path for path in paths if not path.name.startswith("."))
    files = [path for path in shown if path.is_file()]
    lost = [path for path in shown if _leads_nowhere(path) and path.suffix.lower() in READERS]
    return sorted([*files, *lost]) if files else []


def _leads_nowhere(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _folders_with_images(path: Path) -> str:
    """Which folders in the folder ``path`` hold images; empty when none does."""
    held = []
    for folder in sorted(each for each in path.iterdir() if each.is_dir() and not each.name.startswith(".")):
        try:
            count = sum(file.suffix.lower() in READERS for file in _visible(folder.iterdir()))
        except OSError:
            continue
        held += [f"{folder.name} ({count})"] if count else []
    if not held:
        return ""
    more = f" and {len(held) - _NAMED} more" if len(held) > _NAMED else ""
    return (
        f"there are images in its folders {', '.join(held[:_NAMED])}{more}: name one of them, or take all with "
        "images: {file: …, recursive: true}"
    )


def _of_one_format(files: list[Path], source: str, mixed: bool = False) -> list[Path]:
    _check_names(files)
    known = [file for file in files if file.suffix.lower() in READERS]
    if not known:
        raise ImagesError(f"{files[0]} is of a format that is not read here: {why_unknown(files[0])}.")
    if mixed:
        return known
    formats = {READERS[file.suffix.lower()][0] for file in known}
    if len(known) < len(files) or len(formats) > 1:
        suffix = _likely_suffix(known)
        raise ImagesError(
            f"{source} holds files of several kinds: {_tally(files)}; expected one kind. "
            f"Narrow it with a glob, such as {files[0].parent / ('*' + suffix)}. {UNRELATED}"
        )
    return files


def _likely_suffix(files: Sequence[Path]) -> str:
    """The suffix of most of the ``files``; of as many, not that of a picture, which may be one of results."""
    counts = Counter(file.suffix for file in files)
    return max(counts, key=lambda suffix: (counts[suffix], READERS[suffix.lower()][1] is not open_picture))


def _check_names(files: Sequence[Path]) -> None:
    """Raise ImagesError where a name is bytes that are no text: tables and reports could not name the image."""
    for file in files:
        try:
            str(file).encode("utf-8")
        except UnicodeEncodeError:
            shown = str(file).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            raise ImagesError(
                f"the name of {shown} is not UTF-8, as names from older computers are; rename it, and others like it "
                "(on Linux: convmv -f latin1 -t utf8 --notest *)."
            ) from None


def _tally(files: Sequence[Path]) -> str:
    return ", ".join(
        f"{n} {s or 'without suffix'}" for s, n in Counter(f.suffix for f in files).most_common()
    )


def _nothing_found(path: Path, matches: Sequence[Path]) -> str:
    """What to say where ``path`` means no file; ``matches``: what has such a name, but is none."""
    link = next((match for match in [path, *sorted(matches)] if match.is_symlink()), None)
    if link is not None:
        return f"{link} is a link to {os.readlink(link)}, which is not there; mend the link, or name the file itself."
    return f"{_nothing_there(path)}{_hint(str(path))}"


def _hint(source: str) -> str:
    """What may be wrong with how ``source`` is written; empty when nothing is known of it."""
    scheme = re.match(r"([a-z]{2,}):/", source, re.IGNORECASE)
    if scheme and scheme[1].lower() == "file":
        return " Give the path alone, as /home/me/images, without file://."
    if scheme:
        return f" What begins with {scheme[1]}: is not fetched: download the images, and name the folder they are in."
    if any(quote in source for quote in _CURLY):
        return " There are curly quotes in it: put straight ones (' or \") around it, or none."
    if os.sep == "/" and re.match("[A-Za-z]:(/|$)", source):
        return (
            f" {source[:2]} is a drive of Windows. On this computer it is a folder, as below /mnt (/mnt/"
            f"{source[0].lower()}), /media or /Volumes."
        )
    if os.sep == "/" and "\\" in source:
        return (
            " On this computer folders are parted by / and not by \\; a drive such as C: or a server such as "
            "\\\\server is a folder here, as below /mnt or /media."
        )
    return ""


def _nothing_there(path: Path) -> str:
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        return f"no file matches '{path}'; there is no {folder}."
    below = path.relative_to(folder).parts[0]
    names = sorted(p.name for p in folder.iterdir() if p.is_dir() or p.suffix.lower() in READERS)
    near = difflib.get_close_matches(below, names, 3, 0.4) or names[:3]
    there = f"near names there: {', '.join(near)}" if near else "there are no images there"
    return f"no file matches '{path.relative_to(folder)}' in folder {folder.resolve()}; {there}."
