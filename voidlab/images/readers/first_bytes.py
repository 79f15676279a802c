"""What a file is by its first bytes, whatever its name says."""

from pathlib import Path

# The byte at which a mark stands, the mark, what it is, and how such files are called.
_IMAGES = (
    (0, b"\x89PNG\r\n\x1a\n", "PNG", (".png",)),
    (0, b"\xff\xd8\xff", "JPEG", (".jpg", ".jpeg")),
    (0, b"GIF8", "GIF", (".gif",)),
    (0, b"BM", "BMP", (".bmp",)),
    *((0, mark, "TIFF", (".tif", ".tiff")) for mark in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5", (".emd",)),
    (0, b"\0\0\0\x03", "DM3", (".dm3", ".dm4")),
    (0, b"\0\0\0\x04", "DM4", (".dm4", ".dm3")),
    (0, b"II\x97\x01", "SER", (".ser",)),
    (208, b"MAP ", "MRC", (".mrc", ".mrcs", ".map", ".st", ".ali", ".rec")),
    (8, b"AVI ", "AVI", (".avi",)),
    (4, b"ftypisom", "MP4", (".mp4", ".m4v", ".mov")),
    (4, b"ftypmp4", "MP4", (".mp4", ".m4v", ".mov")),
    (4, b"ftypqt", "QuickTime", (".mov", ".mp4", ".m4v")),
    (0, b"\x1aE\xdf\xa3", "Matroska", (".mkv", ".webm")),
)
_AS_TIFF = "save the image in it as TIFF or PNG"
_OTHERS = (
    (
        0,
        b"<!doctype html",
        "a page of the web, as of a sign-in or an error, in place of the image: download it again",
    ),
    (0, b"<html", "a page of the web, as of a sign-in or an error, in place of the image: download it again"),
    (
        0,
        b"version https://git-lfs",
        "a pointer of Git LFS in place of the image: fetch it with `git lfs pull`",
    ),
    (0, b"%pdf", f"a PDF: {_AS_TIFF}"),
    (0, b"{\\rtf", f"a text document: {_AS_TIFF}"),
    (0, b"\xd0\xcf\x11\xe0", f"a document of Office: {_AS_TIFF}"),
    (0, b"8bps", f"a PSD of Photoshop: {_AS_TIFF}"),
    (8, b"webp", f"a WebP: {_AS_TIFF}"),
    (4, b"ftyphe", f"a HEIC photo: {_AS_TIFF}"),
    (4, b"jp  \r\n", f"a JPEG 2000: {_AS_TIFF}"),
    (0, b"simple  =", f"a FITS file: {_AS_TIFF}"),
    (0, b"\x93numpy", "an array of numpy: save it with tifffile.imwrite('a.tif', numpy.load('a.npy'))"),
    (0, b"\0\5\x16\7", "what macOS keeps beside a file, without its image: copy the file itself"),
    (0, b"l\0\0\0\1\x14\2\0", "a shortcut of Windows: copy the file that it leads to"),
)
_LOOKED_AT = 512


def what_it_is(path: Path) -> str:
    """What the file ``path`` is, and what to do, where its name says another kind; empty when that is not known."""
    try:
        with path.open("rb") as stream:
            begin = stream.read(_LOOKED_AT)
    except OSError:
        return ""
    suffix = path.suffix.lower()
    for at, mark, name, suffixes in _IMAGES:
        if begin[at:].startswith(mark):
            an = "an" if name[0] in "AHM" and name != "Matroska" else "a"
            return "" if suffix in suffixes else f"{an} {name} file: call it {path.stem}{suffixes[0]}"
    text = begin.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n").lower()
    other = next((what for at, mark, what in _OTHERS if text[at:].startswith(mark)), "")
    if not other and begin and not any(begin):
        return "nothing but zeros, as after a copy that was cut off: copy it again"
    return other
