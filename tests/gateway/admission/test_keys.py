import time

import pytest

from gateway.admission.keys import POLL_S, Keys, Principal
from gateway.store.keys import Grant, KeyStore
from gateway.store.sqlite import Store, StoreError

GRANT = Grant(tenant="bank", app="review", floor="internal", tags=("personal",), max_in_flight=4)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    store.prepare()
    return store


@pytest.fixture
def keys(store):
    keys = Keys(store)
    yield keys
    keys.stop()


def bearer(key):
    return f"Bearer {key}".encode()


def test_a_key_admits_its_holder_with_the_floor(store, keys):
    key_id, key = KeyStore(store).create(GRANT)
    assert keys.refresh()

    expected = Principal(
        key_id=key_id,
        tenant="bank",
        app="review",
        floor="internal",
        tags=frozenset({"personal"}),
        purpose=None,
        max_in_flight=4,
        is_admin=False,
    )
    assert keys.admit(bearer(key)) == expected
    assert keys.admit(bearer(key)) == expected
    assert keys.admit(f"BEARER {key}".encode()) == expected


def test_nobody_is_admitted_before_the_store_was_read(store):
    _, key = KeyStore(store).create(GRANT)

    assert Keys(store).admit(bearer(key)) is None


def test_anything_but_a_key_is_refused(store, keys):
    key_id, key = KeyStore(store).create(GRANT)
    keys.refresh()

    for value in (
        None,
        b"",
        b"Bearer ",
        key.encode(),
        bearer(key_id),
        b"Basic " + key.encode(),
        b"Token  " + key.encode(),
        bearer(key) + b" ",
        bearer(key + "x"),
        bearer(key[:-1]),
        bearer(key[:-1] + ("0" if key[-1] != "0" else "1")),
        bearer(key.swapcase()),
        b"Bearer " + b"\xff" * len(key),
        bearer("x" * 100_000),
    ):
        assert keys.admit(value) is None
    assert keys.cached == 0


def test_a_revoked_key_is_refused_at_the_next_refresh_though_remembered(store, keys):
    key_id, key = KeyStore(store).create(GRANT)
    keys.refresh()
    assert keys.admit(bearer(key)) is not None

    KeyStore(store).revoke(key_id)
    assert keys.refresh()

    assert keys.admit(bearer(key)) is None
    assert keys.count == keys.cached == 0


def test_a_change_made_by_hand_is_seen_too(store, keys):
    _, key = KeyStore(store).create(GRANT)
    keys.refresh()
    with store.connection() as connection:
        connection.execute("DELETE FROM keys")

    assert keys.refresh()
    assert keys.admit(bearer(key)) is None


def test_nothing_is_read_again_while_no_key_changes(store, keys):
    KeyStore(store).create(GRANT)
    keys.refresh()
    with store.connection() as connection:  # the archive writes all the time
        connection.execute("INSERT INTO archive_progress VALUES ('r1', 1, 1)")

    assert not keys.refresh()


def test_what_is_remembered_is_bounded(store):
    keys = Keys(store, cache_entries=20)
    made = [KeyStore(store).create(GRANT)[1] for _ in range(30)]
    keys.refresh()

    for key in made:
        assert keys.admit(bearer(key)) is not None
        assert 1 <= keys.cached <= 20
    keys.stop()


def test_a_running_gateway_sees_new_and_revoked_keys_eventually(store, keys):
    assert POLL_S <= 0.5  # and a refresh takes milliseconds; the wait below is only patient
    keys.start()
    key_id, key = KeyStore(store).create(GRANT)
    assert eventually(lambda: keys.admit(bearer(key)) is not None)

    KeyStore(store).revoke(key_id)

    assert eventually(lambda: keys.admit(bearer(key)) is None)


def test_the_old_keys_stay_while_the_store_cannot_be_read(store, keys, caplog):
    _, key = KeyStore(store).create(GRANT)
    keys.start()
    with store.connection() as connection:
        connection.execute("ALTER TABLE keys_version RENAME TO away")
        assert eventually(lambda: "the old ones stay" in caplog.text)
        assert keys.admit(bearer(key)) is not None

        connection.execute("ALTER TABLE away RENAME TO keys_version")
        connection.execute("DELETE FROM keys")
    assert eventually(lambda: keys.admit(bearer(key)) is None)


def test_a_gateway_without_a_store_does_not_start(tmp_path):
    with pytest.raises(StoreError, match="does not exist"):
        Keys(Store(tmp_path / "none")).start()


def eventually(is_true):
    end = time.monotonic() + 10.0
    while time.monotonic() < end:
        if is_true():
            return True
        time.sleep(0.02)
    return False
