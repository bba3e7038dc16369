"""Reads a file whole, within a bound, and only if it is a regular one.

A config folder is written by people and by machines that mount things: a pipe would keep a reload
waiting for ever, and a device has no end.
"""

import errno
import os
import stat
from pathlib import Path
from typing import NamedTuple


class Content(NamedTuple):
    """The bytes, and the permissions the file had when they were read."""

    data: bytes
    mode: int


class TooLargeFileError(OSError):
    """There is more in it than was asked for."""


def read_file(path: Path, size_most: int) -> Content:
    """Raises FileNotFoundError, TooLargeFileError or another OSError; its `strerror` says what."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError:
        raise OSError(errno.EINVAL, "this is no path") from None
    with open(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        data = file.read(size_most + 1)
    if len(data) > size_most:
        raise TooLargeFileError(errno.EFBIG, f"it is larger than {size_most:,} bytes")
    return Content(data, mode)
