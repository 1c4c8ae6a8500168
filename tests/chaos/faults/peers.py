"""Which process is at the other end of a connection of the loopback interface."""

import contextlib
import re
from pathlib import Path

_SOCKET = re.compile(r"socket:\[(\d+)\]")


def pid_behind(client_port: int, server_port: int) -> int | None:
    """Return the pid of the process that connected from `client_port` to `server_port`, None if it is gone.

    Children inherit the sockets of their parents by fork, so of several holders the eldest is the one that connected.
    """
    inode = _inode(client_port, server_port)
    if inode is None:
        return None
    holders = [pid for pid in _pids() if inode in _sockets_of(pid)]
    return min(holders, key=_started, default=None)


def _inode(client_port: int, server_port: int) -> str | None:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            local, remote = (int(address.rpartition(":")[2], 16) for address in fields[1:3])
            if (local, remote) == (client_port, server_port) and fields[9] != "0":
                return fields[9]
    return None


def _pids() -> list[int]:
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]


def _sockets_of(pid: int) -> set[str]:
    inodes = set()
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            # A descriptor may be closed between the listing and the look.
            with contextlib.suppress(FileNotFoundError):
                found = _SOCKET.fullmatch(str(descriptor.readlink()))
                if found:
                    inodes.add(found[1])
    except OSError:  # it ended meanwhile, or is not ours to look into
        return inodes
    return inodes


def _started(pid: int) -> tuple[int, int]:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return (2**63, pid)
    return (int(stat.rpartition(")")[2].split()[19]), pid)
