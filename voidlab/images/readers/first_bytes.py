"""What a file is by its first bytes, whatever its name says."""

from pathlib import Path

_IMAGES = {
    b"\x89PNG\r\n\x1a\n": ("PNG", (".png",)),
    b"\xff\xd8\xff": ("JPEG", (".jpg", ".jpeg")),
    b"GIF8": ("GIF", (".gif",)),
    b"II*\x00": ("TIFF", (".tif", ".tiff")),
    b"MM\x00*": ("TIFF", (".tif", ".tiff")),
    b"II+\x00": ("TIFF", (".tif", ".tiff")),
    b"MM\x00+": ("TIFF", (".tif", ".tiff")),
    b"\x89HDF\r\n\x1a\n": ("HDF5", (".emd",)),
}
_OTHERS = {
    b"<!doctype html": "a page of the web, as of a sign-in or an error, in place of the image: download it again",
    b"<html": "a page of the web, as of a sign-in or an error, in place of the image: download it again",
    b"version https://git-lfs": "a pointer of Git LFS in place of the image: fetch it with `git lfs pull`",
    b"%pdf": "a PDF: save the image in it as TIFF or PNG",
    b"{\\rtf": "a text document: save the image in it as TIFF or PNG",
    b"\xd0\xcf\x11\xe0": "a document of Office: save the image in it as TIFF or PNG",
}
_LOOKED_AT = 512


def what_it_is(path: Path) -> str:
    """What the file ``path`` is, and what to do, where its name says another kind; empty when that is not known."""
    try:
        with path.open("rb") as stream:
            begin = stream.read(_LOOKED_AT)
    except OSError:
        return ""
    suffix = path.suffix.lower()
    for mark, (name, suffixes) in _IMAGES.items():
        if begin.startswith(mark):
            right = suffixes[0]
            return "" if suffix in suffixes else f"a {name} file: call it {path.stem}{right}"
    text = begin.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return next((what for mark, what in _OTHERS.items() if text.startswith(mark)), "")
