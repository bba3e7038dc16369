"""The model that answered is the one that was asked, or a substitute."""

import pytest

from providers.answers_as import matches


@pytest.mark.parametrize(
    ("answered", "name"),
    [
        pytest.param("gpt-x", "gpt-x", id="the name itself"),
        pytest.param("gpt-x-2026-05-01", "gpt-x", id="date with dashes"),
        pytest.param("claude-sonnet-4-20260101", "claude-sonnet-4", id="date in one piece"),
        pytest.param("gpt-4-0613", "gpt-4", id="month and day"),
        pytest.param("mistral-large-2411", "mistral-large", id="year and month"),
        pytest.param("gemini-2.5-flash-001", "gemini-2.5-flash", id="number of three digits"),
        pytest.param("mistral-large-latest", "mistral-large", id="latest"),
        pytest.param("mistral-large-2411", "mistral-large-latest", id="latest was asked"),
        pytest.param("claude-sonnet-4@20250514", "claude-sonnet-4", id="Vertex"),
        pytest.param("m-20250805-v1:0", "m", id="Bedrock"),
        pytest.param("m-v2", "m", id="version"),
        pytest.param("org/name", "org/name", id="declared path"),
    ],
)
def test_name_with_date_or_version_is_the_same_model(answered: str, name: str) -> None:
    assert matches(answered, ("something-else", name))


@pytest.mark.parametrize(
    ("answered", "name"),
    [
        pytest.param("gpt-4o-mini", "gpt-4o", id="smaller edition"),
        pytest.param("gpt-4o", "gpt-4", id="longer name"),
        pytest.param("claude-opus-4-1", "claude-opus-4", id="next minor version"),
        pytest.param("claude-opus-4-1-20250805", "claude-opus-4", id="next minor version, dated"),
        pytest.param("gpt-3.5-turbo-16k", "gpt-3.5-turbo", id="bigger window"),
        pytest.param("llama-3-8b-instruct", "llama-3-8b", id="tuned"),
        pytest.param("deepseek-v3:free", "deepseek-v3", id="free tier"),
        pytest.param("org/name", "name", id="path that nobody declared"),
        pytest.param("name", "org/name", id="path is missing"),
        pytest.param("GPT-X", "gpt-x", id="other case"),
        pytest.param("", "gpt-x", id="empty"),
        pytest.param("20260101", "-latest", id="empty stem"),
        pytest.param("gpt-x-2026-05-01-mini", "gpt-x", id="something behind the date"),
        pytest.param("gpt-x-2026-05-01\n", "gpt-x", id="line end"),
        pytest.param("gpt-x-٢٠٢٦", "gpt-x", id="digits of another script"),
    ],
)
def test_another_family_size_or_edition_is_a_substitute(answered: str, name: str) -> None:
    assert not matches(answered, (name,))


def test_nothing_expected_matches_nothing() -> None:
    assert not matches("gpt-x", ())
