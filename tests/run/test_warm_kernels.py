"""Kernels that are copies of a prepared Python: none knows of another or runs other code than lies on the disk."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import voidlab
from voidlab.run import warm_kernels
from voidlab.run.engine import _OwnPython

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="other systems do not copy processes like that"
)


@pytest.fixture
def environment():
    """What kernels run in, the same for all tests."""
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


@pytest.fixture(scope="module", autouse=True)
def forgotten_in_the_end():
    yield
    warm_kernels.forget()


def source():
    return warm_kernels._SOURCE[0].process


async def _run_in_a_kernel(code, environment, log):
    manager, said = _OwnPython(kernel_name="python3"), []
    with log.open("w") as stream:
        await manager.start_kernel(env=dict(environment), stderr=stream)
        client = manager.client()
        client.start_channels()
        try:
            await client.wait_for_ready(timeout=60)
            await client.execute_interactive(
                code, output_hook=lambda message: said.append(message["content"].get("text", "")), timeout=60
            )
            parent = psutil.Process(manager.provisioner.pid).ppid()
        finally:
            client.stop_channels()
            await manager.shutdown_kernel(now=True)
    return "".join(said).split(), parent


@pytest.fixture
def run_in_a_kernel(environment, tmp_path, monkeypatch):
    """Call with code; gives the words it printed and the process that the kernel was started by."""
    monkeypatch.chdir(tmp_path)

    def run(code, **more):
        return asyncio.run(_run_in_a_kernel(code, {**environment, **more}, tmp_path / "log"))

    return run


AS_THE_COMMAND = """
import asyncio, os, sys, warnings
from pathlib import Path
import psutil
from voidlab import terminal
with terminal.speaking():
    warnings.simplefilter("ignore")
    from voidlab.run import dataset, warm_kernels
    warm_kernels.prepare_from_here()
    (source,) = psutil.Process().children()
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**30)}
    warm_kernels.prepare(environment)
    from test_warm_kernels import _run_in_a_kernel, TELL_AS_COPY
    said, parent = asyncio.run(_run_in_a_kernel(TELL_AS_COPY, environment, Path("log")))
    print(parent == source.pid, source.ppid() == os.getpid(), *said, 'matplotlib' in sys.modules)
"""
TELL_AS_COPY = """
import resource, signal, sys, warnings, numpy as np
print(warnings.showwarning.__module__, sys.path[0].endswith('bin'), 'matplotlib' in sys.modules)
for k in range(20):
    if k == 2:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(2**23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 20_000)
"""
TELL = """
import os, sys, numpy as np
print('left' in globals(), 'left' in os.environ, np.random.random(), os.getcwd(), os.environ.get('VOIDLAB_X'))
left = os.environ['left'] = 'something'
print('voidlab.report' in sys.modules, 'torch' in sys.modules)
"""


def test_kernels_are_made_of_it_and_know_nothing_of_one_another(environment, run_in_a_kernel, tmp_path):
    warm_kernels.prepare(environment)
    first, by = run_in_a_kernel(TELL, VOIDLAB_X="1")
    second, by_too = run_in_a_kernel(TELL, VOIDLAB_X="2")
    assert by == by_too == source().pid
    assert first[:2] == second[:2] == ["False", "False"]
    assert first[2] != second[2]
    assert first[3:] == [str(tmp_path), "1", "True", "False"]
    assert second[4] == "2"
    assert not psutil.Process(by).children()


def test_the_command_is_copied_and_its_kernels_are_as_of_a_python_that_was_started(tmp_path):
    command = tmp_path / "bin" / "voidlab"
    command.parent.mkdir()
    command.write_text(AS_THE_COMMAND)
    paths = os.pathsep.join(
        str(Path(module.__file__).parents[up]) for module, up in ((voidlab, 1), (sys.modules[__name__], 0))
    )
    done = subprocess.run(
        [sys.executable, command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    # The last: the command itself draws nothing, so it imports nothing to draw with.
    assert done.stdout.split() == ["True", "True", "warnings", "False", "True", "True", "False"], done.stderr


def test_what_is_not_the_command_is_not_copied():
    warm_kernels.forget()
    warm_kernels.prepare_from_here()
    assert not warm_kernels._SOURCE


def test_code_changed_since_the_command_began_is_not_copied(monkeypatch):
    monkeypatch.setattr(warm_kernels, "_code", lambda: {("voidlab/old.py", 1, time.time_ns() - 10**15)})
    assert warm_kernels._code_is_older_than_this()
    monkeypatch.setattr(warm_kernels, "_code", lambda: {("voidlab/new.py", 1, time.time_ns())})
    assert not warm_kernels._code_is_older_than_this()


def test_where_it_is_killed_kernels_start_by_themselves(environment, run_in_a_kernel):
    warm_kernels.prepare(environment)
    source().kill()
    said, by = run_in_a_kernel("print(1 + 1)")
    assert (said, by) == (["2"], os.getpid())
    warm_kernels.prepare(environment)
    assert source().poll() is None


def test_changed_code_is_imported_anew(environment, monkeypatch):
    warm_kernels.prepare(environment)
    before, code = source(), warm_kernels._code()
    monkeypatch.setattr(warm_kernels, "_code", lambda: code | {("voidlab/new.py", 1, 1)})
    assert warm_kernels.start_kernel("file", environment, ".", 2) is None
    warm_kernels.prepare(environment)
    assert source().pid != before.pid
    assert before.poll() is not None


def test_another_environment_is_another_python(environment):
    warm_kernels.prepare(environment)
    before = source()
    warm_kernels.prepare({**environment, "VOIDLAB_PARAMETER_FILE": "x", "IPYTHONDIR": "y"})
    assert source() is before
    assert warm_kernels.start_kernel("file", {**environment, "OMP_NUM_THREADS": "7"}, ".", 2) is None


def test_elsewhere_than_on_linux_nothing_is_prepared(environment, monkeypatch):
    warm_kernels.forget()
    monkeypatch.setattr(sys, "platform", "darwin")
    warm_kernels.prepare(environment)
    assert warm_kernels.start_kernel("file", environment, ".", 2) is None
