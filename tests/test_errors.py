"""What a user is told to type."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from voidlab.errors import install_extra

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("platform", "command"),
    [("linux", ".venv/bin/pip install -e '.[em]'"), ("win32", r'.venv\Scripts\pip install -e ".[em]"')],
)
def test_the_command_for_an_extra_is_that_of_the_platform(monkeypatch, platform, command):
    monkeypatch.setattr(sys, "platform", platform)
    assert install_extra("em") == command


def test_every_extra_that_is_named_exists_and_none_is_sought_on_an_index():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("voidlab/**/*.py")]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        named = re.findall(r"""install_extra\("(\w+)"\)|install -e ['"]\.\[(\w+)\]""", text)
        assert {a or b for a, b in named} <= set(extras), page
        assert "install 'voidlab[" not in text, page
