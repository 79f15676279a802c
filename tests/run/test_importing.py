"""What is imported is not looked through for garbage, and all else is again."""

import gc

import pytest

from voidlab.run.importing import importing


@pytest.fixture(autouse=True)
def _thawed():
    yield
    gc.unfreeze()


def test_garbage_is_collected_after_importing():
    with importing():
        assert not gc.isenabled()
        known = [{}]
    assert gc.isenabled()
    assert all(each is not known for each in gc.get_objects())
    made = [{}]
    assert any(each is made for each in gc.get_objects())


def test_garbage_is_collected_after_an_import_that_failed():
    with pytest.raises(ImportError), importing():
        raise ImportError
    assert gc.isenabled()
