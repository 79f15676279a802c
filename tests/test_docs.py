"""README and docs: short enough, every link leads somewhere, every name and command in them exists."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from voidlab.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md"))]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def headings(page):
    """The anchors of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_readme_is_read_in_five_minutes_and_leads_to_every_page():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 200
    assert all(f"docs/{page.name}" in text for page in ROOT.glob("docs/*.md"))


@each_page
def test_links_and_pictures_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_file(), target
        assert not anchor or anchor in headings(file), target


def is_there(dotted):
    """Whether an address leads to a module, what a module or class has, or a field of a class."""
    module, *names = dotted.split(".")
    found = import_module(module)
    for place, name in enumerate(names, 1):
        if not hasattr(found, name) and name in getattr(found, "__annotations__", {}):
            return place == len(names)
        if not hasattr(found, name):
            try:
                import_module(f"{found.__name__}.{name}")
            except (ImportError, AttributeError):
                return False
        found = getattr(found, name)
    return True


def test_addresses_in_docstrings_and_comments_exist():
    for file in sorted((ROOT / "voidlab").rglob("*.py")):
        for dotted in re.findall(r"`(voidlab(?:\.\w+)+)`", file.read_text(encoding="utf-8")):
            assert is_there(dotted), f"{file.relative_to(ROOT)}: {dotted}"


@each_page
def test_names_of_the_package_exist(page):
    text = page.read_text(encoding="utf-8")
    for module, names in re.findall(r"from (voidlab[\w.]*) import ([\w, ]+)", text):
        found = import_module(module)
        for name in names.split(","):
            assert hasattr(found, name.strip()) or import_module(f"{module}.{name.strip()}")
    for dotted in re.findall(r"`(voidlab(?:\.\w+)+)(?:\(.*\))?`", text):
        assert is_there(dotted), dotted
    for path in re.findall(r"`((?:voidlab|tests|notebooks|docs)/[\w/.-]+)`", text):
        assert "NAME" in path or (ROOT / path).exists(), path


def test_every_command_that_is_named_exists_and_all_are_named(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    known = set(re.findall(r"^    (\w+)\b", capsys.readouterr().out, re.MULTILINE))
    named = {
        command
        for page in PAGES
        for command in re.findall(r"(?:`|bin/|Scripts\\)voidlab (\w+)", page.read_text(encoding="utf-8"))
    }
    assert named == known
