"""`make run-vllm`: a small real model on vLLM, behind the gateway, beside the practice vendors.

Starts vLLM, waits until it answers, then runs `switchgear demo` with its address.  Ctrl-C, or
the end of either, stops both.
"""

import argparse
import signal
import socket
import subprocess
import sys
from typing import Final

from deploy.vllm.server import HOST, SMOLLM2, Server, ServerFailedError

PORT: Final = 8000  # where `switchgear init` looks for a vLLM


def main() -> int:
    """Serve until Ctrl-C; the exit status of the demo."""
    parser = argparse.ArgumentParser(description="What is not named here goes to the demo.")
    parser.add_argument("--vllm-port", type=int, default=PORT, help="loopback port of vLLM")
    given, for_demo = parser.parse_known_args()
    if not _is_free(given.vllm_port):
        say(f"port {given.vllm_port} is in use; name another: ARGS='--vllm-port 8100'")
        return 1
    # Both end in the `finally` below, as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    server = Server(SMOLLM2, port=given.vllm_port)
    try:
        say("starting, which takes about half a minute")
        server.start()
        server.wait()
        say(f"serves {SMOLLM2.name} on {server.base_url} after {server.ready_s:.0f} s")
        say(f"log: {server.log}; to see it die and the supply go on: kill -9 -- -{server.pid}")
        return _demo(server, for_demo)
    except ServerFailedError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        server.stop()


def say(text: str) -> None:
    """A line for the person at the terminal."""
    print(f"vllm: {text}", file=sys.stderr, flush=True)


def _demo(server: Server, arguments: list[str]) -> int:
    command = [sys.executable, "-m", "gateway", "demo", "--vllm", server.base_url]
    command += ["--vllm-model", server.model.name, *arguments]
    # In a session of its own, so that Ctrl-C reaches it once, from here, and not from the terminal.
    demo = subprocess.Popen(  # noqa: S603 - our own command, and the user's own words
        command, start_new_session=True
    )
    try:
        while True:
            try:
                return demo.wait()
            except KeyboardInterrupt:
                demo.send_signal(signal.SIGINT)
    finally:
        demo.terminate()
        demo.wait()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
