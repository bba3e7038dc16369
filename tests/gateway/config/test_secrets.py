import os
from pathlib import Path

import pytest

from gateway.config.secrets import SecretWatch, UnreadableSecretError, read_secret
from tests.config_folder import CANARY


def test_a_secret_is_read_without_the_line_break_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{CANARY}\r\n")
    secret = read_secret("file:key", tmp_path, {})
    assert secret.value == CANARY
    assert CANARY not in repr(secret)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"two words", "holds a space", id="blank inside"),
        pytest.param(b"a\nb\n", "holds a space, a line break", id="two lines"),
        pytest.param(b"caf\xc3\xa9", "outside ASCII", id="not ASCII"),
        pytest.param(b"x" * 65_537, "it is larger than", id="too large"),
    ],
)
def test_a_secret_that_no_header_can_carry_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(UnreadableSecretError, match=message):
        read_secret("file:key", tmp_path, {})


def test_a_secret_is_never_read_from_a_folder_or_a_device(tmp_path: Path) -> None:
    with pytest.raises(UnreadableSecretError):
        read_secret(f"file:{tmp_path}", tmp_path, {})
    with pytest.raises(UnreadableSecretError, match="not a regular file"):
        read_secret("file:/dev/null", tmp_path, {})


def test_a_changed_secret_file_is_noticed_once(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("one")
    watch = SecretWatch([key])
    assert watch.changed() == ()
    key.write_text("other")
    assert watch.changed() == (key,)
    assert watch.changed() == ()


def test_a_file_replaced_by_one_of_the_same_size_and_time_is_noticed(tmp_path: Path) -> None:
    key, new = tmp_path / "key", tmp_path / "new"
    key.write_text("one")
    new.write_text("two")
    status = key.stat()
    os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
    watch = SecretWatch([key])
    new.rename(key)
    assert watch.changed() == (key,)


def test_a_swapped_link_and_a_removed_file_are_noticed(tmp_path: Path) -> None:
    for name in ("v1", "v2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "key").write_text(name)
    link = tmp_path / "data"
    link.symlink_to("v1")
    watch = SecretWatch([link / "key"])
    link.unlink()
    link.symlink_to("v2")
    assert watch.changed() == (link / "key",)
    (tmp_path / "v2" / "key").unlink()
    assert watch.changed() == (link / "key",)


def test_looking_is_often_enough_for_five_seconds() -> None:
    assert SecretWatch.EVERY_S <= 2.5


def test_secret_written_while_the_folder_was_read_is_noticed_after_the_reload(
    tmp_path: Path,
) -> None:
    key, other = tmp_path / "key", tmp_path / "other"
    key.write_text("old")
    other.write_text("new to the config")
    watch = SecretWatch([key])
    key.write_text("written after it was read, before the reload was applied")
    followed = watch.follow([key, other])
    assert followed.changed() == (key,)
    assert followed.changed() == ()
