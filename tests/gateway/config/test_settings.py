from pathlib import Path

import pytest

from gateway.config.load import load
from gateway.config.schema import LogLevel
from gateway.config.settings import read_flags
from gateway.errors import ConfigError
from tests.config_folder import ENVIRONMENT, NOON, write_config

FILE = "listen: {data: {host: 127.0.0.2, port: 1001}}\nlog_level: error\n"


def test_a_flag_wins_over_its_variable_and_that_over_the_file_and_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_config(tmp_path, gateway=FILE)
    monkeypatch.setenv("SWITCHGEAR_LOG_LEVEL", "debug")
    monkeypatch.setenv("SWITCHGEAR_ADMIN_LISTEN", "127.0.0.1:1002")
    monkeypatch.setenv("SWITCHGEAR_DATA_LISTEN", "127.0.0.1:1003")
    flags = read_flags(config=folder, data_listen="127.0.0.1:1004")
    settings = load(folder, flags, ENVIRONMENT, NOON).settings
    assert settings.listen.data.port == 1004, "the flag"
    assert settings.listen.admin.port == 1002, "the variable"
    assert settings.log_level is LogLevel.DEBUG, "the variable over the file"
    assert settings.data_dir == "../data", "the default"


def test_a_port_alone_keeps_the_files_host(tmp_path: Path) -> None:
    folder = write_config(tmp_path, gateway=FILE)
    data = load(folder, read_flags(data_listen=":9"), ENVIRONMENT, NOON).settings.listen.data
    assert (data.host, data.port) == ("127.0.0.2", 9)


def test_the_data_folder_of_a_flag_starts_where_the_process_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_config(tmp_path)
    monkeypatch.chdir(tmp_path)
    loaded = load(folder, read_flags(data_dir=Path("here")), ENVIRONMENT, NOON)
    assert loaded.data_dir == tmp_path / "here"


def test_a_flag_cannot_open_the_admin_plane(tmp_path: Path) -> None:
    folder = write_config(tmp_path)
    flags = read_flags(admin_listen="0.0.0.0:8081")
    with pytest.raises(ConfigError, match=r"0\.0\.0\.0 is not loopback"):
        load(folder, flags, ENVIRONMENT, NOON)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        pytest.param("data_listen", "8080", "--data-listen: must be `host:port`", id="port alone"),
        pytest.param("data_listen", "::1:80", "must be `host:port`", id="bare IPv6"),
        pytest.param("admin_listen", "h:99999", "--admin-listen: must be", id="port too high"),
        pytest.param("log_level", "loud", "--log-level: `loud` is not one of", id="level"),
    ],
)
def test_a_bad_flag_is_named(name: str, value: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_flags(**{name: value})
    assert told in str(caught.value)


def test_a_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCHGEAR_DATA_LISTEN", "nowhere")
    with pytest.raises(ConfigError, match=r"^SWITCHGEAR_DATA_LISTEN: must be"):
        read_flags()
