"""Writes to the files of a folder and of the folders in it, as they happen (Linux's inotify)."""

import ctypes
import os
import select
import struct
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_MODIFY, _CREATE, _IS_FOLDER, _OVERFLOW = 0x2, 0x100, 0x40000000, 0x4000
_HEAD = struct.Struct("iIII")

_libc = ctypes.CDLL(None, use_errno=True)


class FileEvents:
    """Files in the order in which they were written to, from the moment of entering it on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folders: dict[int, Path] = {}
        self.written: list[Path] = []

    def wait_for_write(self, name: str, *, until: float) -> bool:
        """Return True as soon as a file of this name is written to, False when it is `until` (time.monotonic())."""
        known = len(self.written)
        while all(path.name != name for path in self.written[known:]):
            left = until - time.monotonic()
            if left <= 0:
                return False
            self._read(left)
        return True

    def written_since(self, name: str) -> list[Path]:
        """Return the files written to, in order, since one of this name was last written to after another one."""
        self._read(0)
        names = [path.name for path in self.written]
        starts = [place for place, found in enumerate(names) if found == name and names[place - 1 : place] != [name]]
        return self.written[starts[-1] :] if starts else []

    def _read(self, seconds: float) -> None:
        while select.select([self._descriptor], [], [], seconds)[0]:
            received, place, seconds = os.read(self._descriptor, 1 << 16), 0, 0
            while place < len(received):
                watch, mask, _, length = _HEAD.unpack_from(received, place)
                name = received[place + _HEAD.size : place + _HEAD.size + length].rstrip(b"\0").decode()
                place += _HEAD.size + length
                self._note(watch, mask, name)

    def _note(self, watch: int, mask: int, name: str) -> None:
        if mask & _OVERFLOW:
            raise RuntimeError("More files were written to than the kernel could tell; read the events more often.")
        if mask & _CREATE and mask & _IS_FOLDER:
            self._watch(self._folders[watch] / name)
        elif mask & _MODIFY:
            self.written.append(self._folders[watch] / name)

    def _watch(self, folder: Path) -> None:
        watch = _libc.inotify_add_watch(self._descriptor, str(folder).encode(), _MODIFY | _CREATE)
        if watch >= 0:  # else the folder is gone again
            self._folders[watch] = folder

    def __enter__(self) -> Self:
        self._descriptor = _libc.inotify_init1(os.O_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify cannot be used")
        self._watch(self._folder)
        for path in self._folder.iterdir():
            if path.is_dir():
                self._watch(path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
