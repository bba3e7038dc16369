from pathlib import Path

from gateway.config.reference import render_reference

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "config.md"


def test_the_reference_is_what_the_schema_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_reference(), (
        "run: python -m gateway.config.reference > docs/reference/config.md"
    )


def test_every_key_is_described() -> None:
    assert "| None |" not in render_reference()
