"""Every mistake is told with its file, line, key, what is wrong and the nearest right thing."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.clock import Clock
from gateway.errors import ConfigError
from tests.config_folder import CANARY, ENVIRONMENT, SUPPLY, load_config, write_config


def problems(folder: Path) -> list[str]:
    """What is told about the folder, without the path before it."""
    with pytest.raises(ConfigError) as caught:
        load_config(folder)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def changed(old: str, new: str) -> str:
    assert SUPPLY.count(old) == 1, old
    return SUPPLY.replace(old, new)


SUPPLY_CASES = [
    pytest.param(
        changed("vendor: openai", "vendor: opnai"),
        "supply.yaml:3: accounts.main.vendor: there is no vendor `opnai` (did you mean `openai`?)",
        id="unknown vendor",
    ),
    pytest.param(
        changed("    credential: env", "    credentials: env"),
        "supply.yaml:4: accounts.main.credentials: is not a key here (did you mean `credential`?)",
        id="unknown key",
    ),
    pytest.param(
        changed("account: main", "account: mian"),
        "supply.yaml:8: deployments.gpt.account: there is no account `mian` (did you mean `main`?)",
        id="unknown account",
    ),
    pytest.param(
        changed("[gpt, qwen]", "[gpt, qwn]"),
        "supply.yaml:14: routes.chat[1]: there is no deployment `qwn` (did you mean `qwen`?)",
        id="unknown deployment in a short route",
    ),
    pytest.param(
        changed("[gpt, qwen]", "{tiers: [[gpt, gtp]]}"),
        "supply.yaml:14: routes.chat.tiers[0][1]: there is no deployment `gtp` "
        "(did you mean `gpt`?)",
        id="unknown deployment in a shared tier",
    ),
    pytest.param(
        changed("[gpt, qwen]", "[gpt, gpt]"),
        "supply.yaml:14: routes.chat[1]: gpt is in this route already (keep its best tier)",
        id="deployment twice in a route",
    ),
    pytest.param(
        changed("[gpt, qwen]", "gpt"),
        "supply.yaml:14: routes.chat: must be a mapping of keys",
        id="route that is a text",
    ),
    pytest.param(
        changed("[gpt, qwen]", "[]"),
        "supply.yaml:14: routes.chat: must not be empty",
        id="route without tiers",
    ),
    pytest.param(
        changed("[gpt, qwen]", "{tiers: [gpt, qwen], strict: 1}"),
        "supply.yaml:14: routes.chat.strict: must be true or false",
        id="number for a switch",
    ),
    pytest.param(
        changed("[gpt, qwen]", "{tiers: [gpt, qwen], deadlines: {idle_s: 900}}"),
        "supply.yaml:14: routes.chat.deadlines.idle_s: does nothing: `total_s` ends the request "
        "after 600 s (raise `total_s`, or lower this)",
        id="deadline that never comes",
    ),
    pytest.param(
        changed("[gpt, qwen]", "{tiers: [gpt, qwen], deadlines: {idle_s: soon}}"),
        "supply.yaml:14: routes.chat.deadlines.idle_s: must be a number of seconds, "
        "such as 30 or 0.5",
        id="text for seconds",
    ),
    pytest.param(
        changed("  chat:", "  chat room:"),
        "supply.yaml:14: routes.chat room: this name does not have the form "
        "`^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$`",
        id="route name with a blank",
    ),
    pytest.param(
        changed("  gpt:", "  GPT:"),
        "supply.yaml:7: deployments.GPT: this name does not have the form "
        "`^[a-z0-9][a-z0-9._-]{0,63}$`",
        id="deployment name in capitals",
    ),
    pytest.param(
        changed("model: gpt-6-mini", "model: 4"),
        "supply.yaml:9: deployments.gpt.model: must be text; put it in quotes",
        id="number for text",
    ),
    pytest.param(
        changed("    model: gpt-6-mini", "    lacks: []"),
        "supply.yaml:7: deployments.gpt.model: is required",
        id="missing key",
    ),
    pytest.param(
        changed("    model: gpt-6-mini", "    model: gpt-6-mini\n    lacks: [tols]"),
        "supply.yaml:10: deployments.gpt.lacks[0]: `tols` is not one of its values "
        "(did you mean `tools`?)",
        id="unknown feature",
    ),
    pytest.param(
        changed("    model: gpt-6-mini", "    model: gpt-6-mini\n    context_tokens: 0"),
        "supply.yaml:10: deployments.gpt.context_tokens: must be at least 1",
        id="number below its range",
    ),
    pytest.param(
        changed(
            "    model: gpt-6-mini",
            "    model: gpt-6-mini\n    price: {currency: EUR, input: -1, output: 2}",
        ),
        "supply.yaml:10: deployments.gpt.price.input: must be a price per million tokens, "
        "such as 2.50",
        id="negative price",
    ),
    pytest.param(
        changed(
            "    model: gpt-6-mini",
            "    model: gpt-6-mini\n    price: {currency: EUR, input: 0.0000001, output: 2}",
        ),
        "supply.yaml:10: deployments.gpt.price.input: has more than six decimals, "
        "finer than prices are kept",
        id="price too fine",
    ),
    pytest.param(
        changed(
            "    model: gpt-6-mini",
            "    model: gpt-6-mini\n    price: {currency: euro, input: 1, output: 2}",
        ),
        "supply.yaml:10: deployments.gpt.price.currency: it does not have the form `^[A-Z]{3}$`",
        id="currency that is no code",
    ),
    pytest.param(
        changed("credential: env:MAIN_KEY", f"credential: {CANARY}"),
        "supply.yaml:4: accounts.main.credential: must be a reference, `env:NAME` or "
        "`file:/path`, never the secret itself",
        id="secret in plain text",
    ),
    pytest.param(
        changed("env:MAIN_KEY", "env:OTHER_KEY"),
        "supply.yaml:4: accounts.main.credential: the environment variable OTHER_KEY is not set "
        "(export OTHER_KEY=…, or use file:/path)",
        id="variable that is not set",
    ),
    pytest.param(
        changed("env:MAIN_KEY", "file:/nonexistent/key"),
        "supply.yaml:4: accounts.main.credential: /nonexistent/key cannot be read: "
        "No such file or directory",
        id="secret file that is not there",
    ),
    pytest.param(
        changed("    vendor: openai\n", "    vendor: openai\n    base_url: api.openai.com\n"),
        "supply.yaml:4: accounts.main.base_url: must be a URL such as `https://api.example.com/v1`",
        id="URL without scheme",
    ),
    pytest.param(
        changed(
            "    vendor: openai\n",
            f"    vendor: openai\n    base_url: https://me:{CANARY}@api.openai.com/v1\n",
        ),
        "supply.yaml:4: accounts.main.base_url: holds a user name or password; use `credential`",
        id="URL with a password",
    ),
    pytest.param(
        changed(
            "    vendor: openai\n", "    vendor: openai\n    base_url: https://api.openai.co/v1\n"
        ),
        "supply.yaml:4: accounts.main.base_url: api.openai.co is no host of OpenAI API, so its "
        "facts cannot be believed (use the vendor `openai_compatible`, or say "
        "`private_endpoint: true`)",
        id="host that is not the vendor's",
    ),
    pytest.param(
        changed("    vendor: openai\n", "    vendor: openai\n    place: eu1\n"),
        "supply.yaml:4: accounts.main.place: openai has no place `eu1` (did you mean `eu`?)",
        id="unknown place",
    ),
    pytest.param(
        changed("vendor: openai", "vendor: anthropic"),
        "supply.yaml:7: deployments.gpt: Anthropic API serves several places at this address, "
        "and their facts differ (set `place` to one of: global, us)",
        id="place that must be said",
    ),
    pytest.param(
        changed("    vendor: openai\n", "    vendor: openai\n    fact_sheet: opnai\n"),
        "supply.yaml:4: accounts.main.fact_sheet: there is no fact sheet `opnai` "
        "(did you mean `openai`?)",
        id="unknown fact sheet",
    ),
    pytest.param(
        changed("    vendor: openai\n", "    vendor: openai\n    fact_sheet: aurora\n"),
        "supply.yaml:8: deployments.gpt: the facts of Aurora are invented (say `simulated: true`)",
        id="invented facts for a real vendor",
    ),
    pytest.param(
        changed("vendor: openai", "vendor: openai_compatible"),
        "supply.yaml:7: deployments.gpt: has no address (set `base_url` as https://{host}/v1)",
        id="vendor without an address",
    ),
    pytest.param(
        changed(
            "  home: {vendor: vllm}", '  home: {vendor: vllm, base_url: "http://gpu.example/v1"}'
        ),
        "supply.yaml:10: deployments.qwen: would send requests to gpu.example over plain http "
        "(use https, or declare the private ranges of the host in `networks`)",
        id="plain http to a public name",
    ),
    pytest.param(
        changed("    model: Qwen/Qwen3-8B", "    model: Qwen/Qwen3-8B\n    networks: [10.0.0.1/8]"),
        "supply.yaml:13: deployments.qwen.networks[0]: has host bits set; "
        "did you mean `10.0.0.0/8`?",
        id="range with host bits",
    ),
    pytest.param(
        changed("    model: Qwen/Qwen3-8B", "    model: Qwen/Qwen3-8B\n    ca_file: ca.pem"),
        "supply.yaml:13: deployments.qwen.ca_file: does nothing for an http address (remove it)",
        id="authority for plain http",
    ),
    pytest.param(
        changed("    model: gpt-6-mini", "    model: gpt-6-mini\n    private_endpoint: true"),
        "supply.yaml:10: deployments.gpt.private_endpoint: does nothing: api.openai.com is the "
        "vendor's own host",
        id="private endpoint that is none",
    ),
    pytest.param(
        changed(
            "  qwen:\n    account: home\n    model: Qwen/Qwen3-8B",
            "  qwen: {account: main, model: gpt-6-mini}",
        ),
        "supply.yaml:10: deployments.qwen: is the same account, model and place as gpt on line 7 "
        "(keep one of them)",
        id="two deployments equal",
    ),
    pytest.param(
        changed(
            "    model: Qwen/Qwen3-8B", "    model: Qwen/Qwen3-8B\n    facts: {hosting: onprem}"
        ),
        "supply.yaml:13: deployments.qwen.facts.hosting: `onprem` is not one of its values "
        "(did you mean `on_prem`?)",
        id="unknown hosting",
    ),
    pytest.param(
        changed("    model: Qwen/Qwen3-8B", "    model: Qwen/Qwen3-8B\n    facts: {law: EUU}"),
        "supply.yaml:13: deployments.qwen.facts.law: has the unknown value `EUU` "
        "(did you mean `EU`?)",
        id="unknown zone in a deployment's facts",
    ),
    pytest.param(
        changed("{vendor: vllm}", "{vendor: vllm, facts: {processing: EUU}}"),
        "supply.yaml:5: accounts.home.facts.processing: has the unknown value `EUU` "
        "(did you mean `EU`?)",
        id="unknown zone in an account's facts",
    ),
    pytest.param(
        changed(
            "    model: Qwen/Qwen3-8B",
            "    model: Qwen/Qwen3-8B\n"
            "    facts: {dpa: true, evidence: [{source: us, as_of: 2026-11-01, expires: never}]}",
        ),
        "supply.yaml:13: deployments.qwen.facts.evidence[0].expires: "
        "must be a date such as 2026-11-24",
        id="expiry that is no date",
    ),
    pytest.param(
        changed("  home: {vendor: vllm}", "  main: {vendor: vllm}"),
        "supply.yaml:5: accounts.main: is written twice: here and on line 2 (keep one of them)",
        id="duplicate key",
    ),
    pytest.param(
        changed("routes:", "route:"),
        "supply.yaml:13: route: is not a key here (did you mean `routes`?)",
        id="misspelt section",
    ),
    pytest.param(
        "- a list\n", "supply.yaml:1: must be a mapping of keys", id="file that is a list"
    ),
    pytest.param(
        changed("    model: gpt-6-mini", "   model: gpt-6-mini"),
        "supply.yaml:9: is not YAML: did not find expected key",
        id="wrong indentation",
    ),
    pytest.param(
        changed("model: gpt-6-mini", "model: !!python/name:os.system"),
        "supply.yaml:9: the YAML tag `tag:yaml.org,2002:python/name:os.system` is not read here "
        "(remove the tag)",
        id="python object",
    ),
    pytest.param(
        changed("    model: gpt-6-mini", "    <<: {model: gpt-6-mini}"),
        "supply.yaml:9: merge keys (`<<`) are not read here (write the keys out)",
        id="merge key",
    ),
    pytest.param(
        "---\na: 1\n---\nb: 2\n",
        "supply.yaml:3: holds a second YAML document (one file, one document)",
        id="two documents",
    ),
    pytest.param(
        "",
        "supply.yaml: is empty (write `{}` for all defaults, or let `switchgear init` write it)",
        id="empty file",
    ),
    pytest.param(
        b"accounts:\n  caf\xe9: {}\n",
        "supply.yaml:2: is not UTF-8 text (save the file as UTF-8)",
        id="Latin-1",
    ),
    pytest.param(
        "a: &a [x]\nb: *c\n",
        "supply.yaml:2: the alias *c has no finished anchor before it",
        id="alias without anchor",
    ),
    pytest.param(
        "a: &a [*a]\n",
        "supply.yaml:1: the alias *a has no finished anchor before it",
        id="alias in itself",
    ),
    pytest.param("[" * 40, "supply.yaml:1: is nested deeper than 32 levels", id="too deep"),
]


@pytest.mark.parametrize(("supply", "told"), SUPPLY_CASES)
def test_a_mistake_in_supply_is_told_with_place_and_remedy(
    tmp_path: Path, supply: str | bytes, told: str
) -> None:
    assert told in problems(write_config(tmp_path, supply=supply))


GATEWAY_CASES = [
    pytest.param(
        "listen: {data: {prt: 1}}",
        "gateway.yaml:1: listen.data.prt: is not a key here (did you mean `port`?)",
        id="unknown key",
    ),
    pytest.param(
        "listen:\n  data:\n    port: 70000",
        "gateway.yaml:3: listen.data.port: must be at most 65,535",
        id="port out of range",
    ),
    pytest.param(
        "listen: {data: {port: 8081}}",
        "gateway.yaml:1: listen.admin.port: is the port of the data plane too (take another)",
        id="one port for both",
    ),
    pytest.param(
        "listen:\n  admin: {host: 0.0.0.0}",
        "gateway.yaml:2: listen.admin.host: 0.0.0.0 is not loopback, and the admin plane has no "
        "key and no tls (set them, or `allow_insecure_bind: true` if this port is guarded "
        "otherwise)",
        id="open admin plane",
    ),
    pytest.param(
        "listen:\n  admin: {host: 10.1.2.3, key: env:MAIN_KEY}",
        "gateway.yaml:2: listen.admin.host: 10.1.2.3 is not loopback, and the admin plane has no "
        "tls (set them, or `allow_insecure_bind: true` if this port is guarded otherwise)",
        id="admin plane without TLS",
    ),
    pytest.param(
        "listen: {admin: {allow_insecure_bind: true}}",
        "gateway.yaml:1: listen.admin.allow_insecure_bind: does nothing: the bind is loopback "
        "(remove it)",
        id="override that overrides nothing",
    ),
    pytest.param(
        "listen: {data: {tls: {certificate_file: c.pem, key_file: k.pem}}}",
        "gateway.yaml:1: listen.data.tls.key_file: there is no file k.pem",
        id="certificate that is not there",
    ),
    pytest.param(
        "limits:\n  body_bytes: 10 Mb/s",
        "gateway.yaml:2: limits.body_bytes: must be a number of bytes, or a size such as `10 MiB`",
        id="size that is none",
    ),
    pytest.param(
        "log_level: verbose",
        "gateway.yaml:1: log_level: `verbose` is not one of its values "
        "(known: debug, error, info, warning)",
        id="unknown level",
    ),
    pytest.param("data_dir: ''", "gateway.yaml:1: data_dir: must not be empty", id="empty text"),
]


@pytest.mark.parametrize(("gateway", "told"), GATEWAY_CASES)
def test_a_mistake_in_gateway_is_told_with_place_and_remedy(
    tmp_path: Path, gateway: str, told: str
) -> None:
    folder = write_config(tmp_path, gateway=gateway)
    assert told in problems(folder)


def _append(name: str, text: str) -> Callable[[Path], None]:
    def change(policies: Path) -> None:
        with (policies / name).open("a") as file:
            file.write(text)

    return change


POLICY_CASES = [
    pytest.param(
        _append("90-modes.cedar", '@id("x")\nforbid (principal, action);\n'),
        "policies/90-modes.cedar:",
        id="rule that does not parse",
    ),
    pytest.param(
        lambda policies: (policies / "labels.yaml").rename(policies / "label.yaml"),
        "policies/label.yaml: is a file that nothing reads (did you mean `labels.yaml`?)",
        id="misspelt file",
    ),
    pytest.param(
        lambda policies: (policies / "zones.yaml").unlink(),
        "policies/zones.yaml: this file is missing (`switchgear init` writes one)",
        id="missing file",
    ),
    pytest.param(
        lambda policies: [path.unlink() for path in policies.glob("*.cedar")],
        "policies: holds no *.cedar file: all would be refused (`switchgear init` writes a start)",
        id="no rules",
    ),
    pytest.param(
        lambda policies: (policies / "90-modes.cedar").write_bytes(b"\xff"),
        "policies/90-modes.cedar: is not UTF-8 text (save the file as UTF-8)",
        id="rules that are not text",
    ),
    pytest.param(
        _append("tenants.yaml", "tenant: {}\n"),
        "policies/tenants.yaml:8: tenant: unknown key (did you mean `tenants`?)",
        id="unknown key in tenants",
    ),
]


@pytest.mark.parametrize(("change", "told"), POLICY_CASES)
def test_a_mistake_in_policies_is_told_with_place_and_remedy(
    tmp_path: Path, change: Callable[[Path], object], told: str
) -> None:
    folder = write_config(tmp_path)
    change(folder / "policies")
    assert any(line.startswith(told) for line in problems(folder))


def test_all_mistakes_are_told_at_once_in_the_order_of_the_files(tmp_path: Path) -> None:
    supply = SUPPLY.replace("vendor: openai", "vendor: opnai").replace("qwen]", "qwn]")
    supply = supply.replace("model: Qwen/Qwen3-8B", "model: 8")
    folder = write_config(tmp_path, supply=supply, gateway="log_levl: info\n")
    (folder / "policies" / "zones.yml").write_text("{}")
    told = problems(folder)
    places = [line.partition(": ")[0] for line in told]
    assert places == [
        "gateway.yaml:1", "policies/zones.yml", "supply.yaml:3", "supply.yaml:12", "supply.yaml:14",
    ]  # fmt: skip


def test_a_missing_folder_names_init(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no such folder .`switchgear init"):
        load_config(tmp_path / "nothing")


def test_a_misspelt_file_is_told(tmp_path: Path) -> None:
    folder = write_config(tmp_path)
    (folder / "supply.yaml").rename(folder / "suply.yaml")
    told = problems(folder)
    assert "suply.yaml: is a file that nothing reads (did you mean `supply.yaml`?)" in told
    assert "supply.yaml: this file is missing (`switchgear init` writes one)" in told


def test_a_bomb_of_aliases_is_refused_before_it_grows(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    told = problems(write_config(tmp_path, supply="\n".join(lines)))
    assert any("holds more than 100,000 values (aliases count in full)" in line for line in told)


def test_many_aliases_are_refused(tmp_path: Path) -> None:
    text = "a: &a x\nb: [" + ", ".join(["*a"] * 201) + "]\n"
    told = problems(write_config(tmp_path, supply=text))
    assert "supply.yaml:2: uses more than 200 aliases (write the values out)" in told


def test_a_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    told = problems(write_config(tmp_path, supply="#" * ((1 << 20) + 1)))
    assert "supply.yaml: cannot be read: it is larger than 1,048,576 bytes" in told


def test_a_pipe_in_the_folder_does_not_keep_it_waiting(tmp_path: Path) -> None:
    folder = write_config(tmp_path)
    for name in ("supply.yaml", "policies/90-modes.cedar"):
        (folder / name).unlink()
        os.mkfifo(folder / name)
    told = problems(folder)
    assert "supply.yaml: cannot be read: it is not a regular file" in told
    assert "policies/90-modes.cedar: cannot be read: it is not a regular file" in told


def test_thousands_of_mistakes_are_told_in_bounded_time(tmp_path: Path) -> None:
    routes = "\n".join(f"  r{n}: [no{n}]" for n in range(20_000))
    told = problems(write_config(tmp_path, supply=SUPPLY + routes))
    assert len(told) == 1_000


def test_a_secret_never_stands_in_an_error(tmp_path: Path) -> None:
    supply = changed("credential: env:MAIN_KEY", f"credential: {CANARY}\n    vendr: {CANARY}")
    supply = supply.replace("vendor: vllm", f"vendor: {CANARY}").replace(
        "[gpt, qwen]", f"[gpt, {CANARY}]"
    )
    folder = write_config(tmp_path, supply=supply, gateway=f"listen: {{admin: {{key: {CANARY}}}}}")
    assert CANARY not in "\n".join(problems(folder))


def test_a_secret_with_a_line_break_is_refused_without_quoting_it(tmp_path: Path) -> None:
    folder = write_config(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load_config(folder, environment={"MAIN_KEY": f"{CANARY}\r\nx-evil: 1"})
    assert "holds a space, a line break" in str(caught.value)
    assert CANARY not in str(caught.value)


def test_a_secret_never_stands_in_what_was_loaded(tmp_path: Path) -> None:
    gateway = "listen: {admin: {key: env:MAIN_KEY}}"
    loaded = load_config(write_config(tmp_path, gateway=gateway))
    assert loaded.admin_key == loaded.catalog.accounts["main"].credential == CANARY
    assert CANARY not in repr(loaded)


def test_a_secret_file_that_all_can_read_is_warned_of(tmp_path: Path) -> None:
    folder = write_config(tmp_path, supply=changed("env:MAIN_KEY", "file:main.key"))
    (folder / "main.key").write_text(f"{CANARY}\n")
    os.chmod(folder / "main.key", 0o644)
    loaded = load_config(folder)
    assert loaded.catalog.accounts["main"].credential == CANARY
    assert loaded.secret_files == (folder / "main.key",)
    assert [w.message for w in loaded.warnings] == [f"{folder}/main.key can be read by every user"]


def test_a_route_with_one_source_is_warned_of(tmp_path: Path) -> None:
    loaded = load_config(write_config(tmp_path, supply=SUPPLY + "  only: [qwen]\n"))
    assert [str(w).partition("config/")[2] for w in loaded.warnings] == [
        "supply.yaml:15: routes.only: has one source only: nothing takes over when it fails"
    ]


def test_expired_evidence_makes_facts_unknown_and_is_warned_of(tmp_path: Path) -> None:
    supply = changed(
        "    model: Qwen/Qwen3-8B",
        "    model: Qwen/Qwen3-8B\n    facts:\n      dpa: true\n      evidence:\n"
        "        - {source: contract, as_of: 2025-01-01, expires: 2026-11-23}",
    )
    loaded = load_config(write_config(tmp_path, supply=supply), environment=ENVIRONMENT)
    assert loaded.policy.engine.facts["qwen"].dpa is None
    assert any("evidence has expired" in w.message and w.line == 16 for w in loaded.warnings)


def test_the_vendors_facts_expire_too(tmp_path: Path) -> None:
    late = Clock(monotonic=lambda: 0.0, wall=lambda: 1_900_000_000.0)
    loaded = load_config(write_config(tmp_path), clock=late)
    assert loaded.policy.engine.facts["gpt"].trains is None
    assert any("public facts have expired" in warning.message for warning in loaded.warnings)
