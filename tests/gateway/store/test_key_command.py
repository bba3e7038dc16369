import json

import pytest
from typer.testing import CliRunner

from gateway.cli.key import app
from gateway.store.keys import BadGrantError, KeyStore, UnknownKeyError, is_well_formed
from gateway.store.sqlite import Store, StoreError

CREATE = ["create", "--tenant", "bank", "--app", "review", "--floor", "internal"]


def run(data_dir, *arguments):
    environment = {"SWITCHGEAR_DATA_DIR": str(data_dir), "COLUMNS": "200"}
    return CliRunner().invoke(app, list(arguments), env=environment)


def test_a_new_key_is_printed_alone_so_that_a_script_can_take_it(tmp_path):
    result = run(tmp_path / "data", *CREATE)

    assert result.exit_code == 0
    assert is_well_formed(result.stdout.strip())
    assert "not shown again" in result.stderr


def test_a_key_is_bound_to_what_was_asked(tmp_path):
    more = ["--tags", "personal,health", "--tags", "minors", "--purpose", "support"]
    run(tmp_path, *CREATE, *more, "--max-in-flight", "3", "--admin")

    (key,) = KeyStore(Store(tmp_path)).all()
    assert (key.grant.tenant, key.grant.app, key.grant.floor) == ("bank", "review", "internal")
    assert key.grant.tags == ("health", "minors", "personal")
    assert key.grant.purpose == "support"
    assert (key.grant.max_in_flight, key.grant.is_admin) == (3, True)


def test_a_key_without_a_floor_is_refused(tmp_path):
    result = run(tmp_path, "create", "--tenant", "bank", "--app", "review")

    assert result.exit_code == 2
    assert "--floor" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_floor_that_no_starter_policy_knows_is_remarked_upon(tmp_path):
    result = run(tmp_path, *CREATE[:-1], "internl")

    assert "internl is no class of the starter policies" in result.stderr


@pytest.mark.parametrize("columns", ["60", "80"])
def test_an_id_is_listed_whole_on_a_narrow_terminal(tmp_path, columns):
    made = json.loads(run(tmp_path, *CREATE, "--tags", "personal,health", "--json").stdout)
    narrow = {"SWITCHGEAR_DATA_DIR": str(tmp_path), "COLUMNS": columns}

    assert made["id"] in CliRunner().invoke(app, ["list"], env=narrow).output


def test_the_list_shows_holders_and_no_key(tmp_path):
    key = json.loads(run(tmp_path, *CREATE, "--json").stdout)["key"]

    table, listed = run(tmp_path, "list"), json.loads(run(tmp_path, "list", "--json").output)

    assert "bank/review" in table.output
    assert listed[0]["floor"] == "internal"
    assert "digest" not in listed[0]
    assert key not in table.output + json.dumps(listed)


def test_revoking_twice_says_so(tmp_path):
    key_id = json.loads(run(tmp_path, *CREATE, "--json").stdout)["id"]

    assert f"{key_id} is revoked" in run(tmp_path, "revoke", key_id).output
    assert "before" in run(tmp_path, "revoke", key_id).output
    assert json.loads(run(tmp_path, "revoke", key_id, "--json").output)["was_live"] is False


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        pytest.param([*CREATE, "--max-in-flight", "0"], BadGrantError, id="no request"),
        pytest.param([*CREATE, "--tags", "Personal"], BadGrantError, id="no name"),
    ],
)
def test_a_bad_grant_makes_neither_key_nor_folder(tmp_path, arguments, error):
    result = run(tmp_path / "data", *arguments)

    assert isinstance(result.exception, error)
    assert not (tmp_path / "data").exists()


def test_an_unknown_id_is_told(tmp_path):
    run(tmp_path, *CREATE)

    assert isinstance(run(tmp_path, "revoke", "key_none").exception, UnknownKeyError)


@pytest.mark.parametrize("arguments", [["list"], ["revoke", "key_1"]])
def test_a_mistyped_folder_is_not_made(tmp_path, arguments):
    result = run(tmp_path / "typo", *arguments)

    assert isinstance(result.exception, StoreError)
    assert not (tmp_path / "typo").exists()
