"""The process: everything that owns a socket, a clock or a file.

The life of a request is in `pipeline`, from the socket in `surface` to the rows in `ledger`.
"""

from typing import Final

VERSION: Final = "0.1.0"
