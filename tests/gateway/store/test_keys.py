import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import Clock
from gateway.store.keys import (
    KEY_LENGTH,
    BadGrantError,
    Grant,
    KeyStore,
    UnknownKeyError,
    digest,
    is_well_formed,
    render_key,
)
from gateway.store.sqlite import Store

CLOCK = Clock(lambda: 0.0, lambda: 1_795_000_000.0)
GRANT = Grant(
    tenant="bank",
    app="review",
    floor="confidential",
    tags=("health", "personal"),
    purpose="production",
    max_in_flight=8,
    is_admin=True,
)


@pytest.fixture
def keys(tmp_path):
    store = Store(tmp_path)
    store.prepare()
    return KeyStore(store, CLOCK)


def test_a_key_keeps_what_it_was_given(keys):
    key_id, key = keys.create(GRANT)

    (stored,) = keys.all()
    assert stored.id == key_id
    assert stored.grant == GRANT
    assert stored.digest == digest(key.encode())
    assert (stored.created_at, stored.revoked_at) == (1_795_000_000.0, None)


def test_the_key_itself_is_nowhere_in_the_folder(keys, tmp_path):
    _, key = keys.create(GRANT)

    at_rest = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"confidential" in at_rest
    assert key.encode() not in at_rest
    assert key[3:20].encode() not in at_rest


def test_every_key_is_another(keys):
    made = {keys.create(GRANT) for _ in range(20)}

    assert len({key_id for key_id, _ in made}) == len({key for _, key in made}) == 20


def test_a_revoked_key_stays_in_the_list_with_its_time(keys):
    key_id, _ = keys.create(GRANT)

    assert keys.revoke(key_id)
    assert not keys.revoke(key_id)

    assert keys.all()[0].revoked_at == 1_795_000_000.0


def test_an_unknown_id_cannot_be_revoked(keys):
    with pytest.raises(UnknownKeyError, match="key list"):
        keys.revoke("key_none")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"floor": ""}, id="no floor"),
        pytest.param({"tenant": "Bank AG"}, id="space and capital"),
        pytest.param({"app": "a" * 65}, id="too long"),
        pytest.param({"tags": ("ok", "näh")}, id="no ascii"),
        pytest.param({"purpose": "-"}, id="begins with a dash"),
        pytest.param({"max_in_flight": 0}, id="no request"),
        pytest.param({"max_in_flight": 10**9}, id="without bound"),
    ],
)
def test_a_grant_that_no_config_could_name_is_refused(keys, changes):
    fields = {name: getattr(GRANT, name) for name in Grant.__slots__}

    with pytest.raises(BadGrantError):
        keys.create(Grant(**{**fields, **changes}))
    assert keys.all() == []


@given(st.binary(min_size=32, max_size=32))
def test_a_rendered_key_is_well_formed(secret):
    key = render_key(secret)

    assert len(key) == KEY_LENGTH
    assert key.startswith("sg_")
    assert is_well_formed(key)


@given(st.binary(min_size=32, max_size=32), st.integers(3, KEY_LENGTH - 1), st.sampled_from("aZ09"))
def test_a_mistyped_key_is_told_by_its_checksum(secret, place, letter):
    key = render_key(secret)
    mistyped = key[:place] + letter + key[place + 1 :]

    assert is_well_formed(mistyped) == (mistyped == key)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_different_secrets_give_different_keys(one, other):
    assert (render_key(one) == render_key(other)) == (one == other)
