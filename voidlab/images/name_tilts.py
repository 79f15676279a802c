"""Tilt angles in the names of images: -22.5deg, n30deg, tilt+10, alpha-30_beta2, _-60.0 of SerialEM.

An angle without a word that says tilt, and without a sign that differs between the names, may be a temperature: it is
not taken, and said. So are numbers after a word for something else, such as defocus_-20 or cool_-80deg.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from voidlab.images.frame_numbers import counter
from voidlab.tables.listing import span

_FLAGS = re.IGNORECASE | re.ASCII
# As 2023年5月9日 23时58分10秒 is a date and a clock, too.
_DASHES = str.maketrans({**dict.fromkeys("‐‑‒–—−﹣－年月时時分", "-"), **dict.fromkeys("日秒", " ")})
# A p is a point where a letter is the sign, as in m10p5, or degrees follow.
_P = r"(?:(?<=[nmp]\d)|(?<=[nmp]\d\d)|(?=p\d+\s*_?(?:deg|°|º)))p"
_NUMBER = rf"(?P<number>\d{{1,3}}(?:(?:[.,]|{_P})\d+)?)"
_LETTERS = r"(?:neg(?:ative)?|minus|pos(?:itive)?|plus|[nmp])"
_SIGN = rf"(?P<sign>[+-] ?|(?<![a-z]){_LETTERS}[_-]?)?"
_UNIT = r"\s*_?(?:deg(?:rees?|s)?|°|º)(?![a-z])(?!_?c(?![a-z]))"
_MOST_DEG = 90.0  # that a stage tilts
_LEAST_OTHER_SIDE = 1 / 3  # of the larger tilt, where numbers are bare
_LEAST_RANGE_DEG = 8.0  # of numbers that nothing but their sign calls tilts; a defocus in µm has less

_ALPHA = r"(?:alpha|α|(?<![a-z])tilt_?x|(?<![a-z])tx|(?<![a-z])a(?=[-+_=]?\d.*[^a-z]b[-+_=]?\d))"
_ANGLE = r"[ _=:]*[+-]?\d+(?:\.\d+)?(?:\s*(?:deg|°))?"
_BETA = re.compile(rf"(?:beta|β|(?<![a-z])tilt_?y|(?<![a-z])ty){_ANGLE}", _FLAGS)
# A letter b alone names a sample; beside an a it is the other tilt.
_B_AFTER_A = re.compile(rf"(?P<a>(?<![a-z])a[-+_=]?\d.*[^a-z])b(?=[-+_=]?\d){_ANGLE}", _FLAGS)
_WAYS = (
    re.compile(rf"{_ALPHA}[ _=:]*{_SIGN}{_NUMBER}(?:{_UNIT})?", _FLAGS),
    re.compile(rf"{_SIGN}{_NUMBER}[ _]?(?:deg(?:rees?)?)?[ _]?tilt(?![a-z])", _FLAGS),
    re.compile(rf"tilt(?:ed)?(?:angle)?[ _=:]*{_SIGN}{_NUMBER}(?!\d)(?:{_UNIT})?", _FLAGS),
    re.compile(rf"{_SIGN}{_NUMBER}{_UNIT}", _FLAGS),
    re.compile(
        r"(?<![\d.])(?P<sign>(?<!\d)[+-])?(?P<number>\d{1,2}(?:[.,]\d{1,3})?)(?![\d°º%]|[.,]\d| ?[a-zµμ])",
        _FLAGS,
    ),
)
_HEAT = r"(?:cool|cold|freeze|heat|anneal|warm|quench)(?:ing|down|up)?|freezing|temp(?:erature|c|k)?|t_?set|kelvin"
# What a word or letter right before a number says that it is; heated and annealed say what the specimen is.
_NOT_A_TILT = re.compile(
    rf"(?<![a-z])(?P<word>(?:{_HEAT}|def(?:oc(?:us)?)?|df|foc(?:us|al)?|under|over|stig(?:mat(?:or|ion))?"
    r"|cryo|phase|twist|azimuth|height|shift|offset|drift|bias|volt(?:age)?|current|field|force|load|strain|stress|position|rot(?:ation)?|d?[xyz]|t)"
    r"[ _=:(]*|[b-z][=(]?)$",
    _FLAGS,
)
_HEATED = re.compile(rf"(?<![a-z])(?P<word>{_HEAT})(?![a-z])", _FLAGS)
# Of angles in degrees, too.
_ANOTHER_ANGLE = re.compile(
    r"(?<![A-Za-z])(?P<word>(?i:cryo|phase|twist|azimuth|rot(?:ation)?)[ _=:(]*|T[_=]*)$"
)
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")  # as in holderT_-60
_A_WORD = re.compile(r"(?<![a-z])(?!ts|tomo)(?P<word>[a-z]{2,})[ _=:(]*$", _FLAGS)
_TEMPERATURE = re.compile(r"\d ?_?(?:deg|°|º)?_?[CK](?![a-z])", _FLAGS)
_MEASURED = re.compile(
    r"(?P<sign>(?<![a-z0-9])[+-])?(?P<number>\d+(?:[.,]\d+)?)[ _]?"
    r"(?P<unit>(?:deg(?:rees?)?|°|º)?_?[ck]|[mk]?e?v|%|[mµun]?a|[mµun]m)(?![a-z])",
    _FLAGS,
)
_IN_DEGREES = _WAYS[3]
_BARE = _WAYS[4]


@dataclass(frozen=True)
class NameTilts:
    """Tilt angles of images as their names tell them, deg (None when they do not), and the names without them.

    ``note`` says what may be angles but is not taken; ``order``: these numbers with their sign, where nothing else in
    the names tells the images apart.
    """

    angles: list[float] | None
    rest: list[str]
    note: str = ""
    order: list[float] | None = None


def plain_dashes(stem: str) -> str:
    """``stem`` with the minus signs and dashes of all languages as ``-``."""
    return stem.translate(_DASHES)


def find_tilts(stems: Sequence[str]) -> NameTilts:
    """Tilt angles in the names ``stems``, which are free of clocks."""
    without_beta = [_B_AFTER_A.sub(r"\g<a>~", _BETA.sub("~", stem)) for stem in stems]
    note = ""
    for way in _WAYS:
        for matches in _columns(way, without_beta):
            angles, why_not = _angles(way, matches)
            word = "" if angles is None else _word_for_another(way, matches)
            if angles is not None and word:
                return _of_another(angles, word, _without(without_beta, matches), without_beta)
            if angles is not None:
                return NameTilts(angles, _without(without_beta, matches), "")
            note = note or why_not
    measured = _measured(without_beta)
    if measured is not None:
        return measured
    rest = [_IN_DEGREES.sub("~", stem) for stem in without_beta]
    # Where nothing else tells the files apart, temperatures do.
    return NameTilts(None, rest if counter(rest) is not None else without_beta, note)


def _measured(stems: list[str]) -> NameTilts | None:
    """Numbers below 0 with a unit, such as -20degC and 20degC, that alone tell the names ``stems`` apart."""
    for matches in _columns(_MEASURED, stems):
        values = [-_size(m) if m["sign"] == "-" else _size(m) for m in matches]
        rest = _without(stems, matches)
        if min(values) < 0 and len(set(values)) == len(values) and counter(rest) is None:
            unit = matches[0]["unit"]
            note = f"The images are in the order of {span(values)} {unit} in the file names."
            return NameTilts(None, rest, note, values)
    return None


def _word_for_another(way: re.Pattern[str], matches: Sequence[re.Match[str]]) -> str:
    """The word in the names by which numbers are no tilts but temperatures, a defocus or a place; empty: none."""
    lopsided = way is _BARE and _is_lopsided(matches)
    for match in matches:
        before = _HUMP.sub(" ", match.string[: match.start()])
        found = None
        if way is _BARE:
            found = _NOT_A_TILT.search(before) or (_A_WORD.search(before) if lopsided else None)
        elif way is _IN_DEGREES:
            found = _ANOTHER_ANGLE.search(before)
        if way in (_BARE, _IN_DEGREES) and found is None and not _TEMPERATURE.search(match.string):
            found = _HEATED.search(before)
        if found is not None:
            return found["word"].rstrip(" _=:(")
    return ""


def _size(match: re.Match[str]) -> float:
    """The number of a match without its sign; its point may be a comma or a p."""
    return float(re.sub("[,pP]", ".", match["number"]))


def _is_lopsided(matches: Sequence[re.Match[str]]) -> bool:
    """Whether whole numbers go much further to one side of 0 than to the other, as no tilt series does."""
    values = [-_size(match) if match["sign"] == "-" else _size(match) for match in matches]
    whole = all(match["number"].isdigit() for match in matches)
    return whole and min(max(values), -min(values)) < _LEAST_OTHER_SIDE * max(map(abs, values))


def _of_another(values: list[float], word: str, rest: list[str], stems: list[str]) -> NameTilts:
    """Numbers after a ``word`` for something else; ``rest``: the names ``stems`` without them."""
    note = (
        f"The file names hold {span(values)} after '{word}': they are not taken for tilts. If "
        "they are, give tilt_angles_deg."
    )
    if counter(rest) is not None:
        return NameTilts(None, rest, note)
    if len(set(values)) < len(values):
        return NameTilts(None, stems, note)
    return NameTilts(None, rest, f"{note} The images are in the order of these numbers.", values)


def _columns(way: re.Pattern[str], stems: Sequence[str]) -> list[list[re.Match[str]]]:
    """The k-th match from the end in every name, for each k; those in which nothing differs last."""
    found = [list(way.finditer(stem)) for stem in stems]
    columns = [[matches[-k] for matches in found] for k in range(1, min(map(len, found), default=0) + 1)]
    return sorted(columns, key=lambda column: len({(m["sign"], m["number"]) for m in column}) < 2)


def _without(stems: Sequence[str], matches: Sequence[re.Match[str]]) -> list[str]:
    return [f"{stem[: m.start()]}~{stem[m.end() :]}" for stem, m in zip(stems, matches, strict=True)]


def _angles(way: re.Pattern[str], matches: Sequence[re.Match[str]]) -> tuple[list[float] | None, str]:
    """Signed angles of a column of matches; or None, and why they are no tilts (empty when nothing suggests it)."""
    signs = [
        (match["sign"] or "").strip().rstrip("_- ").lower() or (match["sign"] or "")[:1] for match in matches
    ]
    values = list(map(_size, matches))
    of_nothing = {sign for sign, value in zip(signs, values, strict=True) if value == 0}
    # A dash before 0 too, or with a space in every name, joins two words.
    joins = set(signs) == {"-"} and (
        "-" in of_nothing or all((m["sign"] or "").endswith(" ") for m in matches)
    )
    minus = {"-", "n", "m", "neg", "negative", "minus"}
    angles = [-v if sign in minus and not joins and v else v for sign, v in zip(signs, values, strict=True)]
    told = (len({sign in minus for sign in signs}) == 2) or "+" in signs
    if way is _BARE:
        signed = len({sign in minus for sign in signs}) == 2
        wide = max(angles) - min(angles) >= _LEAST_RANGE_DEG
        return (angles if signed and wide and max(values) <= _MOST_DEG else None), ""
    if (
        way not in (_WAYS[0], _IN_DEGREES)
        and not told
        and all(match["number"].isdigit() for match in matches)
    ):
        return None, ""  # tilt-01, tilt_02: the number counts
    if way is _WAYS[0] and not told and _count(matches):
        return None, (
            f"The file names hold {span(angles)} after a word for the tilt, but as numbers that count: they are not "
            "taken for tilts. If they are, give tilt_angles_deg."
        )
    if way is not _IN_DEGREES:
        return (angles if max(values) <= 180 else None), ""
    return _in_degrees(matches, angles, told or (set(signs) & minus != set() and not joins))


def _count(matches: Sequence[re.Match[str]]) -> bool:
    """Whether bare whole numbers go up in ones from 0 or 1, as alpha_1, alpha_2 of the grains of a phase."""
    numbers = sorted(_size(match) for match in matches)
    bare = all(match["number"].isdigit() and match.group()[-1].isdigit() for match in matches)
    return (
        bare
        and len(numbers) > 1
        and any(numbers == list(range(first, first + len(numbers))) for first in (0, 1))
    )


def _in_degrees(
    matches: Sequence[re.Match[str]], angles: list[float], signed: bool
) -> tuple[list[float] | None, str]:
    held = f"The file names hold {span(angles)} deg"
    if max(map(abs, angles)) > _MOST_DEG:
        return None, f"{held}: no tilts, as no stage tilts that far."
    before = {re.search(r"[a-z]*$", m.string[: m.start()], _FLAGS).group().lower() for m in matches}  # type: ignore[union-attr]
    if len(before) > 1 and len(set(map(abs, angles))) > 1:
        letters = ", ".join(f"'{text}'" for text in sorted(before))
        return None, (
            f"{held}, after {letters}: which of these is the sign is not known, so they are not "
            "taken for tilts. If they are, give tilt_angles_deg."
        )
    if signed or 0 in angles:
        return angles, ""
    return None, (
        f"{held}, without a sign: they may be temperatures, so they are not taken for tilts. "
        "If they are, give tilt_angles_deg."
    )
