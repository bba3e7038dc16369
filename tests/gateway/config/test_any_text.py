"""Whatever stands in the files: a config, or an error with a list; never anything else."""

import string
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.reference import render_reference
from gateway.errors import ConfigError
from tests.config_folder import SUPPLY, load_config, write_config

KEYS = sorted(set(render_reference().split("`")[1::2]))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(string.printable, max_size=12),
    st.dates(),
    st.sampled_from(["openai", "vllm", "anthropic", "gpt", "qwen", "main", "home", "env:MAIN_KEY",
                     "http://127.0.0.1:1/v1", "https://api.openai.com/v1", "public", "eu"]),
)  # fmt: skip
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder whose two files every example writes anew."""
    return write_config(tmp_path_factory.mktemp("any"))


def check(folder: Path, supply: str, gateway: str) -> None:
    (folder / "supply.yaml").write_text(supply, encoding="utf-8")
    (folder / "gateway.yaml").write_text(gateway, encoding="utf-8")
    try:
        load_config(folder)
    except ConfigError as error:
        assert error.problems
        assert all(problem.file for problem in error.problems)


@settings(max_examples=60, deadline=None)
@given(TREES, TREES)
def test_any_tree_loads_or_is_refused(folder: Path, supply: object, gateway: object) -> None:
    check(folder, yaml.safe_dump(supply), yaml.safe_dump(gateway))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_good_config_with_one_value_changed_loads_or_is_refused(folder: Path, data: Any) -> None:
    tree = yaml.safe_load(SUPPLY)
    holder = tree
    while True:
        key = data.draw(st.sampled_from(sorted(holder, key=str)))
        if not isinstance(holder[key], dict) or not holder[key] or data.draw(st.booleans()):
            break
        holder = holder[key]
    if data.draw(st.booleans()):
        holder[key] = data.draw(TREES)
    else:
        holder[data.draw(st.sampled_from(KEYS))] = data.draw(TREES)
    check(folder, yaml.safe_dump(tree), "{}")


@settings(max_examples=80, deadline=None)
@given(st.integers(0, len(SUPPLY)), st.integers(0, 8), st.text(string.printable, max_size=6))
def test_a_good_config_with_some_text_changed_loads_or_is_refused(
    folder: Path, at: int, taken: int, put: str
) -> None:
    check(folder, SUPPLY[:at] + put + SUPPLY[at + taken :], "{}")
