"""Kernels that start at once: a Python that has imported what all stages need, and of which each kernel is a copy.

The copy is made by the system (``fork``) before anything has been computed, so no kernel knows of another; what was
imported is the code that lies on the disk when the kernel starts, else none is made. On Linux only: the systems of
Windows and macOS do not copy a process like that. Where it cannot be had, kernels start as Jupyter starts them.

That Python is itself a copy of the command ``voidlab run``, which has imported half of it, where it is one.
"""

import atexit
import ctypes
import importlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import psutil

import voidlab
from voidlab.run.importing import importing

_INLINE = "module://matplotlib_inline.backend_inline"  # what every kernel shows figures with
# What the C library is told of memory that was freed, as it is called there.
_MEMORY = {"MALLOC_TRIM_THRESHOLD_": -1, "MALLOC_MMAP_THRESHOLD_": -3}
# These a kernel may have others of: they are looked up when they are needed.
_LATE = ("VOIDLAB_", "IPYTHONDIR", "JPY_PARENT_PID", *_MEMORY)
_ANSWERS_S = 60.0
_ENDS_S = 0.5
_A_REQUEST_BYTES = 2**20
# When a kernel starts, shows a figure, reads a table; and what stages are made of.
_NEEDED = (
    *("ipykernel.kernelapp", "ipykernel.debugger", "matplotlib_inline.backend_inline"),
    *("pyarrow.parquet", "pyarrow.dataset"),
    *("voidlab.drift", "voidlab.export", "voidlab.swelling", "voidlab.run.stage"),
)
_IMPORT = b"import"


class Forked(psutil.Process):
    """The process of a kernel, with what is asked of one that was started as a child."""

    stdin = stdout = stderr = None

    def poll(self) -> int | None:
        """None while it runs."""
        try:
            return None if self.is_running() and self.status() != psutil.STATUS_ZOMBIE else 1
        except psutil.NoSuchProcess:
            return 1


@dataclass
class _Source:
    """The Python that kernels are copies of, with what it was started in."""

    process: subprocess.Popen[bytes] | Forked
    control: socket.socket
    environment: dict[str, str]
    code: frozenset[tuple[str, int, int]]
    imports: bool = False

    @classmethod
    def start(cls, environment: dict[str, str]) -> "_Source":
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        code = _code()
        with its:
            process = subprocess.Popen(
                # -P: the working folder, which may hold modules of any name, is no place to import from.
                [sys.executable, "-P", "-c", f"import {__name__} as w; w.main({its.fileno()})"],
                env={"MPLBACKEND": _INLINE, **environment},
                pass_fds=[its.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the command
            )
        ours.settimeout(_ANSWERS_S)
        return cls(process, ours, environment, code)

    @classmethod
    def from_here(cls) -> "_Source":
        """A copy of this process."""
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        code = _code()
        process = os.fork()
        if process == 0:
            ours.close()
            _go_on_as_source(its)
        its.close()
        ours.settimeout(_ANSWERS_S)
        return cls(Forked(process), ours, _early(os.environ), code)

    def begin(self) -> None:
        """Let it import."""
        if not self.imports:
            self.imports = True
            with suppress(OSError):  # it is gone: that is seen when a kernel is asked for
                self.control.send(_IMPORT)

    def suits(self, environment: dict[str, str]) -> bool:
        try:
            return self.process.poll() is None and self.environment == environment and self.code == _code()
        except OSError:  # of code that is being changed
            return False

    def copy(self, request: Mapping[str, Any], log: int) -> Forked | None:
        """A new kernel; None where none could be made."""
        try:
            socket.send_fds(self.control, [json.dumps(request).encode()], [1, log])
            answer = self.control.recv(20)
            return Forked(int(answer)) if answer else None
        except (OSError, psutil.NoSuchProcess):
            return None

    def end(self) -> None:
        self.control.close()  # it ends by that
        try:
            self.process.wait(_ENDS_S)
        except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
            self.process.kill()
            self.process.wait()


_SOURCE: list[_Source] = []  # one at most


def prepare(environment: Mapping[str, str]) -> None:
    """Begin to import what kernels with this ``environment`` will need, so that it is there when they start."""
    if sys.platform != "linux":
        return
    early = _early(environment)
    if not (_SOURCE and _SOURCE[0].suits(early)):
        forget()
        try:
            _SOURCE.append(_Source.start(early))
        except OSError:
            return  # no process, no descriptor: kernels say so in their turn
        _forget_at_exit()
    _SOURCE[0].begin()


def prepare_from_here() -> None:
    """Where this process is the command ``voidlab``, keep a copy of it that imports once kernels are prepared.

    What it has computed by now the kernels have too: so early, please.
    """
    if sys.platform != "linux" or _SOURCE or not _is_the_command() or threading.active_count() > 1:
        return
    with suppress(OSError):
        if _code_is_older_than_this():
            _SOURCE.append(_Source.from_here())
            _forget_at_exit()


def _is_the_command() -> bool:
    """Whether nothing but ``voidlab``, or ``python -m voidlab``, runs here: no notebook, no test."""
    main = sys.modules["__main__"]
    of = getattr(main, "__spec__", None)
    return (of.name if of else Path(sys.argv[0]).name) in ("voidlab.__main__", "voidlab")


def _code_is_older_than_this() -> bool:
    """Whether no code was changed since this process, which has imported it, began."""
    began_ns = 1e9 * (psutil.Process().create_time() - 1)  # it is known to a second
    return all(changed < began_ns for _, _, changed in _code())


def _forget_at_exit() -> None:
    atexit.unregister(forget)
    atexit.register(forget)


def forget() -> None:
    """End the Python that was prepared."""
    while _SOURCE:
        _SOURCE.pop().end()


def start_kernel(connection: str, environment: Mapping[str, str], folder: str, log: int) -> Forked | None:
    """Start a kernel in ``folder`` that writes to the descriptor ``log``; None where none was prepared for it."""
    if not _SOURCE or not _SOURCE[0].suits(_early(environment)):
        return None
    request = {"connection": connection, "environment": dict(environment), "folder": folder}
    kernel = _SOURCE[0].copy(request, log)
    if kernel is None:
        forget()
    return kernel


def _early(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(_LATE)}


def _code() -> frozenset[tuple[str, int, int]]:
    """Files of the package's code, with size and time: changed code is not to run under the digest of the new."""
    files = (file for folder in voidlab.__path__ for file in Path(folder).rglob("*.py"))
    return frozenset((str(f), (s := f.stat()).st_size, s.st_mtime_ns) for f in files)


def _serve(control: socket.socket) -> dict[str, Any] | None:
    """Make copies until nobody asks any more; in a copy, give what was asked for."""
    signal.signal(signal.SIGCHLD, _reap)
    while True:
        message, descriptors, *_ = socket.recv_fds(control, _A_REQUEST_BYTES, 2)
        if not message:
            return None
        process = os.fork()
        if process == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            os.setsid()
            for descriptor, own in zip(descriptors, (1, 2), strict=True):
                os.dup2(descriptor, own)
                os.close(descriptor)
            return dict(json.loads(message))
        _KERNELS.add(process)
        for descriptor in descriptors:
            os.close(descriptor)
        control.send(str(process).encode())


_KERNELS: set[int] = set()


def _reap(*_: object) -> None:
    for process in list(_KERNELS):
        if os.waitpid(process, os.WNOHANG)[0]:
            _KERNELS.discard(process)


def _import_all() -> None:
    """Import what several stages need; of these, nothing computes or starts threads of its own accord."""
    from voidlab import report
    from voidlab.project import fingerprints

    for name in _NEEDED:
        importlib.import_module(name)
    for name in dir(report):
        getattr(report, name)  # imports it
    fingerprints.code_digest()  # of what was imported


def _become_kernel(request: Mapping[str, Any]) -> None:
    import numpy as np
    from ipykernel import kernelapp

    os.environ.clear()
    os.environ.update(request["environment"])
    for name, number in _MEMORY.items():  # the C library looks them up when a process starts only
        value = os.environ.get(name, "")
        if value.isdecimal():
            ctypes.CDLL(None).mallopt(number, min(int(value), 2**31 - 1))
    os.chdir(request["folder"])
    np.random.seed()  # noqa: NPY002  # else the same numbers in each
    sys.argv = ["ipykernel_launcher", "-f", request["connection"]]
    kernelapp.launch_new_instance(parent_handle=os.getppid())  # it ends with who made it


def _go_on_as_source(control: socket.socket) -> NoReturn:
    """In a copy of the command: become as a Python that has just started, and make kernels."""
    try:
        os.setsid()  # Ctrl-C is for the command
        atexit._clear()
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(nowhere, descriptor)
        os.close(nowhere)
        sys.stdout, sys.stderr, sys.unraisablehook = sys.__stdout__, sys.__stderr__, sys.__unraisablehook__
        warnings.showwarning = warnings._showwarning_orig  # type: ignore[attr-defined]
        logging.getLogger("asyncio").setLevel(logging.NOTSET)
        if not sys.flags.safe_path:
            del sys.path[0]  # the folder of the command, or the working one: no place to import from
        os.environ.setdefault("MPLBACKEND", _INLINE)
        main(control.detach())
    finally:
        atexit._run_exitfuncs()
        os._exit(0)


def main(descriptor: int) -> None:
    """Import when told to, then make kernels for who holds the other end of the socket."""
    with socket.socket(fileno=descriptor) as control:
        if not control.recv(len(_IMPORT)):
            return
        with importing():  # what all share is not to be copied for being looked at, either
            _import_all()
        request = _serve(control)
    if request is not None:
        _become_kernel(request)
        return
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for process in _KERNELS:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
