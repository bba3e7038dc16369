"""Every vendor file keeps the same promises, whoever wrote it."""

import ast
import re
from datetime import date
from pathlib import Path
from string import Formatter
from urllib.parse import SplitResult, urlsplit

import pytest

import providers.vendors
from providers import registry
from providers.contract import Dialect, Feature, Kind, Vendor, Verification

FOLDER = Path(providers.vendors.__path__[0])
READ_UNTIL = date(2026, 11, 24)  # later readings move this on, in the commit that reads
LOCAL = {"vllm", "ollama"}  # run on the operator's own machine by default
REAL = {"vllm"}  # driven against the vendor's own software by `make test-vllm`
MEMBER = re.compile(r"[a-z][a-z0-9_]*")
# Written by us into every request: a vendor file that touched them would undo routing.
OURS = {"model", "messages", "prompt", "input", "stream"}

every_vendor = pytest.mark.parametrize("vendor", registry.vendors().values(), ids=lambda v: v.name)


def source(vendor: Vendor) -> str:
    return (FOLDER / f"{vendor.name}.py").read_text(encoding="utf-8")


def parsed(url: str) -> SplitResult:
    parts = urlsplit(url)
    assert parts.port is None or 0 < parts.port < 65536
    return parts


@every_vendor
def test_name_is_the_file_name(vendor: Vendor) -> None:
    assert (FOLDER / f"{vendor.name}.py").is_file()
    assert MEMBER.fullmatch(vendor.name)


@every_vendor
def test_file_stays_under_a_hundred_lines(vendor: Vendor) -> None:
    assert len(source(vendor).splitlines()) < 100


@every_vendor
def test_file_is_data_alone(vendor: Vendor) -> None:
    body = ast.parse(source(vendor)).body

    assert all(isinstance(node, ast.Expr | ast.ImportFrom | ast.Assign) for node in body)
    assert sum(isinstance(node, ast.Assign) for node in body) == 1


@every_vendor
def test_documentation_is_named_and_dated(vendor: Vendor) -> None:
    assert parsed(vendor.docs).scheme == "https"
    assert parsed(vendor.docs).hostname
    assert date(2026, 1, 1) <= date.fromisoformat(vendor.docs_read) <= READ_UNTIL


@every_vendor
def test_every_quirk_has_a_date_in_a_comment(vendor: Vendor) -> None:
    quirks = (
        vendor.drop_fields,
        vendor.rename_fields,
        vendor.inject,
        vendor.reserved_fields,
        vendor.lacks,
        vendor.statuses,
        vendor.codes,
    )
    text = source(vendor).replace(f'docs_read="{vendor.docs_read}"', "")

    assert not any(quirks) or re.search(r"20\d\d-\d\d", text)


@every_vendor
def test_it_speaks_at_least_one_dialect_at_a_path(vendor: Vendor) -> None:
    assert vendor.endpoints
    for dialect, path in vendor.endpoints.items():
        assert isinstance(dialect, Dialect)
        assert re.fullmatch(r"(/[a-z0-9_-]+)+", path)


@every_vendor
def test_base_url_is_https_or_this_machine_or_for_the_operator_to_say(vendor: Vendor) -> None:
    if vendor.base_url is None:
        assert vendor.base_url_form
        return
    parts = parsed(vendor.base_url)
    assert (parts.scheme, parts.hostname) == ("http", "127.0.0.1") or parts.scheme == "https"
    assert (parts.scheme == "http") == (vendor.name in LOCAL)


@every_vendor
def test_base_url_form_names_what_the_operator_fills_in(vendor: Vendor) -> None:
    if not vendor.base_url_form:
        return
    fields = [name for _, name, _, _ in Formatter().parse(vendor.base_url_form) if name]
    filled = vendor.base_url_form.format(**dict.fromkeys(fields, "x"))

    assert fields
    assert parsed(filled).scheme == "https"
    assert vendor.base_url is None, "a form beside a base URL would be read by nobody"


@every_vendor
def test_urls_join_with_an_endpoint_and_hold_nothing_else(vendor: Vendor) -> None:
    for url in filter(None, (vendor.base_url, vendor.base_url_form, *vendor.regions.values())):
        parts = urlsplit(url)
        assert not url.endswith("/")
        assert not parts.query
        assert not parts.fragment
        assert parts.username is None


@every_vendor
def test_every_region_is_an_https_url_of_its_own(vendor: Vendor) -> None:
    urls = [vendor.base_url, *vendor.regions.values()]

    assert all(
        parsed(url).scheme == "https" and parsed(url).hostname for url in vendor.regions.values()
    )
    assert len(set(urls)) == len(urls)


@every_vendor
def test_signing_covers_one_field_with_the_secret_in_it(vendor: Vendor) -> None:
    ((name, value),) = vendor.sign("sk-test-0123")

    assert re.fullmatch(rb"[a-z-]+", name)
    assert value.endswith(b"sk-test-0123")
    assert name not in dict(vendor.headers)


@every_vendor
def test_signing_refuses_a_secret_that_would_add_a_field(vendor: Vendor) -> None:
    with pytest.raises(Exception, match="line break"):
        vendor.sign("sk-test-0123\r\nx-other: 1")


@every_vendor
def test_signing_leaves_no_secret_in_the_vendor(vendor: Vendor) -> None:
    vendor.sign("sk-test-0123")

    assert "sk-test-0123" not in repr(vendor)


@every_vendor
def test_fixed_headers_are_lower_case_ascii(vendor: Vendor) -> None:
    for name, value in vendor.headers:
        assert re.fullmatch(rb"[a-z0-9-]+", name)
        assert re.fullmatch(rb"[!-~ ]+", value)


@every_vendor
def test_faults_are_kinds_that_an_error_reply_can_be(vendor: Vendor) -> None:
    never = {Kind.OK, Kind.CALLER_GONE, Kind.STALE_CONNECTION, Kind.LOCAL, Kind.BROWNOUT}

    assert all(400 <= status <= 599 for status in vendor.statuses)
    assert all(isinstance(kind, Kind) for kind in vendor.statuses.values())
    assert all(isinstance(kind, Kind) for kind in vendor.codes.values())
    assert not never & {*vendor.statuses.values(), *vendor.codes.values()}


@every_vendor
def test_fields_are_members_and_never_those_that_we_write(vendor: Vendor) -> None:
    touched = {
        *vendor.drop_fields,
        *vendor.rename_fields,
        *vendor.rename_fields.values(),
        *vendor.inject,
        *vendor.reserved_fields,
    }

    assert all(MEMBER.fullmatch(name) for name in touched)
    assert not touched & OURS


@every_vendor
def test_no_field_is_handled_twice(vendor: Vendor) -> None:
    groups = [vendor.drop_fields, set(vendor.rename_fields), vendor.reserved_fields]

    assert sum(map(len, groups)) == len(set().union(*groups))
    assert not set(vendor.rename_fields) & set(vendor.rename_fields.values())


@every_vendor
def test_residencies_pin_reserved_members_alone(vendor: Vendor) -> None:
    for members in vendor.residencies.values():
        assert members
        assert set(members) <= vendor.reserved_fields


@every_vendor
def test_usage_is_asked_for_only_where_the_asking_survives(vendor: Vendor) -> None:
    assert not (vendor.asks_usage and "stream_options" in vendor.drop_fields)


@every_vendor
def test_lacking_features_are_features(vendor: Vendor) -> None:
    assert all(isinstance(feature, Feature) for feature in vendor.lacks)


@every_vendor
def test_real_is_said_only_of_what_real_software_drives(vendor: Vendor) -> None:
    assert (vendor.verified is Verification.REAL) == (vendor.name in REAL)
