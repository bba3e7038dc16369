"""Runs `python -m gateway ARGUMENTS` for every line it reads, in a fork that is quick to start.

Half a second of every start is the import of libraries.  This process has done that and nothing
else, above all has not imported the gateway, which draws its identity when it is imported.
For each run it prints the process id; whatever the gateway says follows.
"""

import importlib
import os
import runpy
import sys

LIBRARIES = (
    "cedarpy", "fastapi", "httptools", "msgspec", "prometheus_client", "pydantic",
    "pydantic_settings", "rich.console", "starlette.routing", "tenacity", "typer", "uvicorn",
    "uvicorn.protocols.http.httptools_impl", "uvloop", "yaml",
)  # fmt: skip


def main() -> None:
    for name in LIBRARIES:
        importlib.import_module(name)
    while sys.stdin.readline():
        child = os.fork()
        if not child:
            print(os.getpid(), flush=True)
            sys.argv = ["gateway", *sys.argv[1:]]
            runpy.run_module("gateway", run_name="__main__", alter_sys=True)
            return
        os.waitpid(child, 0)
        print("ended", flush=True)


if __name__ == "__main__":
    main()
