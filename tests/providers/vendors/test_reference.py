"""The reference page says what the vendor files say."""

from docs.generate_vendors import PAGE, render
from providers import registry


def test_reference_page_is_what_the_vendor_files_render_to() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert page == render(registry.vendors().values()), "run: python -m docs.generate_vendors"
