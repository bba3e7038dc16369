"""TLS towards vendors: contexts made once at load, each with its own idea of whom to believe.

Built bare, since `ssl.create_default_context` writes the session keys of every connection to a file
when the environment names one (SSLKEYLOGFILE), and with them every prompt.  TLS 1.2 is the least;
nothing is ever tried again with less.
"""

import ssl

from gateway.errors import SwitchgearError


class CaFileError(SwitchgearError):
    """A CA file that holds no certificate we can read; the text names it and the remedy."""


class TlsContexts:
    """One context per CA file, and one for the system's store."""

    def __init__(self) -> None:
        self._contexts: dict[str | None, ssl.SSLContext] = {}

    def context(self, ca_file: str | None) -> ssl.SSLContext:
        """Give the context for `ca_file`, or for the system's store when it is None.

        Reads the disk at the first call of each.  Raises CaFileError.
        """
        context = self._contexts.get(ca_file)
        if context is None:
            context = self._contexts[ca_file] = _build(ca_file)
        return context


def _build(ca_file: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # demands a certificate and checks its name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return context
    try:
        context.load_verify_locations(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise CaFileError(
            f"ca_file {ca_file}: {error.strerror or error}; name a readable PEM file"
        ) from None
    return context
