"""What a kernel is told by its environment."""

import platform

import pytest

from voidlab.run import snapshot

KEEPING = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")


@pytest.mark.parametrize(("library", "set_here"), [("glibc", {str(2**30)}), ("", {None})])
def test_memory_is_kept_for_the_next_image_where_the_c_library_can(tmp_path, monkeypatch, library, set_here):
    monkeypatch.setattr(platform, "libc_ver", lambda: (library, ""))
    for name in KEEPING:
        monkeypatch.delenv(name, raising=False)
    given = snapshot.environment(tmp_path / "gold.yaml")
    assert {given.get(name) for name in KEEPING} == set_here
    assert given["VOIDLAB_PARAMETER_FILE"] == str(tmp_path / "gold.yaml")
    monkeypatch.setenv(KEEPING[0], "131072")  # what the user has set counts
    assert snapshot.environment(tmp_path / "gold.yaml")[KEEPING[0]] == "131072"
