"""A Slurm of one computer, this one, from the packages of the system: for as long as a test needs it."""

import getpass
import os
import secrets
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager

_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "squeue", "sinfo")
_PATH = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"
MISSING = [name for name in _PROGRAMS if shutil.which(name, path=_PATH) is None]
_READY_S = 30

_SETTINGS = """
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
KillWait=1
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=4000
PartitionName=all Nodes={host} Default=YES
"""


@contextmanager
def slurm_node(folder):
    """Run Slurm with all its files in ``folder``; give the value of SLURM_CONF that its commands need."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key, settings = folder / "munge.key", folder / "slurm.conf"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o600)
    settings.write_text(
        _SETTINGS.format(
            host=socket.gethostname(), ports=_free_ports(2), user=getpass.getuser(), folder=folder,
            cores=os.cpu_count(),
        )
    )  # fmt: skip
    files = {"key-file": key, "socket": folder / "munge.socket", "pid-file": folder / "munged.pid"}
    files |= {"log-file": folder / "munged.log", "seed-file": folder / "munged.seed"}
    commands = (
        ["munged", "--foreground", "--force", *(f"--{name}={file}" for name, file in files.items())],
        ["slurmctld", "-D", "-f", settings],
        ["slurmd", "-D", "-f", settings],
    )
    started = []
    with (folder / "log").open("w") as log:
        try:
            for command in commands:
                program = shutil.which(command[0], path=_PATH)
                started.append(subprocess.Popen([program, *command[1:]], stdout=log, stderr=log))
                _wait_for(folder / "munge.socket")
            _wait_until_idle({**os.environ, "SLURM_CONF": str(settings)}, folder / "log")
            yield str(settings)
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait()


def jobs(settings):
    """Numbers of the jobs that run."""
    environment = {**os.environ, "SLURM_CONF": settings}
    said = subprocess.run(
        ["squeue", "-h", "-t", "R", "-o", "%i"], env=environment, capture_output=True, text=True, check=True
    )
    return [int(number) for number in said.stdout.split()]


def _free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait_for(file):
    end = time.monotonic() + _READY_S
    while not file.exists():
        assert time.monotonic() < end, f"{file} was not made"
        time.sleep(0.05)


def _wait_until_idle(environment, log):
    end = time.monotonic() + _READY_S
    while True:
        said = subprocess.run(
            ["sinfo", "-h", "-o", "%T"], env=environment, capture_output=True, text=True, check=False
        )
        if said.stdout.strip() == "idle":
            return
        assert time.monotonic() < end, f"{said.stdout}{said.stderr}{log.read_text()}"
        time.sleep(0.2)
