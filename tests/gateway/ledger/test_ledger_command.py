import json
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from gateway.cli.ledger import app
from gateway.clock import SYSTEM_CLOCK
from gateway.ledger.reader import UnknownExchangeError
from gateway.ledger.segment import Segment
from gateway.ledger.transfer import Transfer
from gateway.store.sqlite import Store, StoreError
from tests.gateway.ledger.rows import attempt, closed, exchange, settled


@pytest.fixture
def data_dir(tmp_path):
    Store(tmp_path).prepare()
    (tmp_path / "journal").mkdir()
    segment = Segment(tmp_path / "journal", 1, "r1", SYSTEM_CLOCK)
    segment.append(
        *(exchange("done"), attempt("done"), settled("done"), closed("done")),
        exchange("refused", outcome="policy_no_route", status=403, permitted=(), route=""),
        *(exchange("open"), attempt("open")),
    )
    segment.seal()
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "200"})


def test_the_tail_shows_what_went_where(data_dir):
    result = run("tail", "--data-dir", data_dir)

    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert [line.split()[2] for line in lines[1:]] == ["done", "refused", "open"]
    for word in ("bank/review", "europa-large", "ok", "0.60", "12+40", "0.000123 EUR"):
        assert word in lines[1]
    assert "policy_no_route" in lines[2]


def test_a_cost_that_nobody_knows_is_a_question_mark(data_dir):
    open_line = run("tail", "--data-dir", data_dir).output.splitlines()[3]

    assert open_line.split()[-2:] == ["?+?", "?"]


def test_the_tail_as_json_is_one_exchange_a_line(data_dir):
    result = run("tail", "--json", "-n", 2, "--data-dir", data_dir)

    assert [json.loads(line)["id"] for line in result.output.splitlines()] == ["refused", "open"]


def test_one_exchange_is_shown_with_its_decision_and_attempts(data_dir):
    result = run("show", "done", "--data-dir", data_dir)

    for word in ("personal-cloud-act", "header", "done-1", "europa-large", "chatcmpl-1"):
        assert word in result.output


def test_one_exchange_as_json(data_dir):
    found = json.loads(run("show", "done", "--json", "--data-dir", data_dir).output)

    assert found["excluded"] == {"aurora-large": ["personal-cloud-act"]}
    assert found["attempt_rows"][0]["cost_micro"] == 123


def test_the_folder_can_come_from_the_environment(data_dir):
    environment = {"SWITCHGEAR_DATA_DIR": str(data_dir)}
    result = CliRunner().invoke(app, ["show", "done", "--json"], env=environment)

    assert json.loads(result.output)["id"] == "done"


@pytest.mark.parametrize(
    ("arguments", "folder", "error"),
    [
        pytest.param(["show", "nothing"], ".", UnknownExchangeError, id="unknown exchange"),
        pytest.param(["tail"], "typo", StoreError, id="no such folder"),
    ],
)
def test_what_is_not_there_is_an_error_of_ours(data_dir, arguments, folder, error):
    result = run(*arguments, "--data-dir", data_dir / folder)

    assert result.exit_code == 1
    assert isinstance(result.exception, error)
    assert not (data_dir / "typo").exists()


def test_following_prints_each_exchange_once_when_it_ends(data_dir):
    command = "from gateway.cli.ledger import app; app()"
    process = subprocess.Popen(
        [sys.executable, "-c", command, "tail", "-f", "--json", "--data-dir", str(data_dir)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    first = [json.loads(process.stdout.readline())["id"] for _ in range(3)]
    segment = Segment(data_dir / "journal", 2, "r1", SYSTEM_CLOCK)
    segment.append(exchange("new"), closed("new"), exchange("unfinished"))
    segment.append(settled("open"), closed("open"))
    segment.seal()
    store = Store(data_dir)
    with store.connection() as connection:
        Transfer(data_dir / "journal", connection, time.sleep).sweep()

    then = [json.loads(process.stdout.readline()) for _ in range(2)]
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=10)

    assert first == ["done", "refused", "open"]
    assert [(record["id"], record["outcome"]) for record in then] == [("open", "ok"), ("new", "ok")]
    assert rest == ""
