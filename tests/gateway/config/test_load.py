"""What a good folder becomes."""

from pathlib import Path

import msgspec
import pytest

from gateway.config.load import Loaded
from gateway.config.origins import is_private
from gateway.config.schema import FactsEntry
from gateway.errors import ConfigError
from policies.facts import FACT_NAMES, Hosting
from providers.contract import Feature
from tests.config_folder import SUPPLY, load_config, write_config

FULL = """\
accounts:
  claude: {vendor: anthropic, credential: env:MAIN_KEY, place: us}
  eu:
    vendor: openai
    credential: env:MAIN_KEY
    place: eu
    facts:
      dpa: true
      trains: null
      evidence: [{source: contract 12, as_of: 2026-05-01, expires: 2027-05-01}]
  rack: {vendor: vllm, base_url: "https://gpu.internal:8443/v1/"}
  bedrock:
    vendor: bedrock
    credential: env:MAIN_KEY
    base_url: https://bedrock-runtime.eu-central-1.amazonaws.com/openai/v1
  practice: {vendor: openai, base_url: "http://127.0.0.1:9100/v1", fact_sheet: aurora, place: us}
  link: {vendor: azure_openai, base_url: "https://ai.corp.internal/openai/v1", place: datazone-eu}
deployments:
  sonnet: {account: claude, model: claude-sonnet-4-6}
  gpt:
    account: eu
    model: gpt-6-mini
    price: {currency: EUR, input: 1.25, output: "10", cached_input: 0.000001}
    facts: {retention_days: 0}
  qwen:
    account: rack
    model: Qwen/Qwen3-8B
    networks: [10.0.0.0/8]
    lacks: [logprobs]
    facts: {hosting: on_prem, evidence: [{source: our rack, as_of: 2026}]}
  oss: {account: bedrock, model: eu.openai.gpt-oss-120b}
  aurora: {account: practice, model: large, simulated: true}
  azure: {account: link, model: my-gpt, private_endpoint: true, networks: [10.0.0.0/8]}
routes:
  chat: {tiers: [qwen, [gpt, sonnet], oss], strict: true, deadlines: {first_token_s: 0.5}}
  short: [qwen, [aurora, azure]]
"""


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    return load_config(write_config(tmp_path, supply=FULL))


def test_a_place_decides_address_request_and_facts(loaded: Loaded) -> None:
    sonnet = loaded.catalog.deployments["sonnet"]
    assert (sonnet.origin.host, sonnet.zone) == ("api.anthropic.com", "US")
    assert sonnet.target.inject == {"inference_geo": msgspec.Raw(b'"us"')}
    assert "inference_geo" in sonnet.target.reserved_fields
    gpt = loaded.catalog.deployments["gpt"]
    assert (gpt.origin.host, gpt.base_path, gpt.zone) == ("eu.api.openai.com", "/v1", "EEA_CH")


def test_facts_are_the_sheets_then_the_accounts_then_the_deployments(loaded: Loaded) -> None:
    facts = loaded.policy.engine.facts["gpt"]
    assert facts.law == "US"
    assert facts.dpa is True
    assert facts.retention_days == 0
    assert facts.trains is None, "a null takes the vendor's word back"
    assert [item.source for item in facts.evidence][-1] == "contract 12"


def test_own_hosts_keep_unknown_what_nobody_said(loaded: Loaded) -> None:
    facts = loaded.policy.engine.facts["qwen"]
    assert facts.hosting is Hosting.ON_PREM
    assert facts.processing is None
    assert loaded.catalog.deployments["qwen"].zone == "UNKNOWN"


def test_the_models_prefix_tells_the_place(loaded: Loaded) -> None:
    assert loaded.catalog.deployments["oss"].place == "eu-profile"


def test_an_imitation_on_loopback_takes_invented_facts(loaded: Loaded) -> None:
    aurora = loaded.catalog.deployments["aurora"]
    assert aurora.is_simulated
    assert aurora.origin.networks == ("127.0.0.1/32",)
    assert loaded.policy.engine.facts["aurora"].vendor == "aurora"


def test_a_private_name_keeps_the_vendors_facts(loaded: Loaded) -> None:
    assert loaded.catalog.deployments["azure"].zone == "EU"


def test_prices_are_exact_millionths(loaded: Loaded) -> None:
    price = loaded.catalog.deployments["gpt"].price
    assert price is not None
    assert price.input_micro_per_mtok == 1_250_000
    assert price.output_micro_per_mtok == 10_000_000
    assert price.cached_input_micro_per_mtok == 1


def test_addresses_are_split_as_the_wire_needs_them(loaded: Loaded) -> None:
    qwen = loaded.catalog.deployments["qwen"]
    assert (qwen.origin.port, qwen.origin.is_tls, qwen.base_path) == (8443, True, "/v1")
    assert qwen.lacks == {Feature.LOGPROBS}


def test_each_item_of_a_list_is_a_tier(loaded: Loaded) -> None:
    tiers = [[d.name for d in tier] for tier in loaded.catalog.routes["short"].tiers]
    assert tiers == [["qwen"], ["aurora", "azure"]]
    chat = loaded.catalog.routes["chat"]
    assert [len(tier) for tier in chat.tiers] == [1, 2, 1]
    assert chat.is_strict
    assert chat.deadlines.first_token_s == 0.5


def test_what_is_not_said_has_the_documented_default(loaded: Loaded) -> None:
    limits = loaded.settings.limits
    assert (limits.body_bytes, limits.in_flight) == (10 << 20, 1_000)
    assert loaded.data_dir == loaded.folder / "../data"


def test_sizes_may_have_units(tmp_path: Path) -> None:
    folder = write_config(tmp_path, gateway="limits: {body_bytes: 2 MiB, header_bytes: 8192}")
    limits = load_config(folder).settings.limits
    assert (limits.body_bytes, limits.header_bytes) == (2 << 20, 8_192)


def test_an_empty_supply_can_be_served_and_is_warned_of(tmp_path: Path) -> None:
    loaded = load_config(
        write_config(tmp_path, supply="{accounts: {}, deployments: {}, routes: {}}")
    )
    assert [w.key for w in loaded.warnings] == ["accounts", "deployments", "routes"]


def test_an_account_without_credential_at_a_public_vendor_is_warned_of(tmp_path: Path) -> None:
    loaded = load_config(
        write_config(tmp_path, supply=SUPPLY.replace("    credential: env:MAIN_KEY\n", ""))
    )
    assert ["accounts.main"] == [w.key for w in loaded.warnings]


def test_a_simulated_deployment_off_loopback_is_no_way_round_the_host_check(tmp_path: Path) -> None:
    supply = SUPPLY.replace(
        "    model: gpt-6-mini",
        "    model: gpt-6-mini\n    simulated: true\n    base_url: https://elsewhere.example/v1",
    )
    with pytest.raises(ConfigError, match=r"elsewhere\.example is no host of OpenAI API"):
        load_config(write_config(tmp_path, supply=supply))


def test_a_place_does_not_lend_its_facts_to_another_address(tmp_path: Path) -> None:
    supply = SUPPLY.replace(
        "vendor: openai\n",
        "vendor: openai\n    place: eu\n    base_url: https://us.api.openai.com/v1\n",
    )
    with pytest.raises(
        ConfigError, match=r"us\.api\.openai\.com is no host of OpenAI API at the place"
    ):
        load_config(write_config(tmp_path, supply=supply))


def test_a_vendors_service_is_no_machine_of_ours(tmp_path: Path) -> None:
    supply = SUPPLY.replace(
        "{vendor: vllm}", '{vendor: vllm, base_url: "https://api.openai.com/v1"}'
    )
    with pytest.raises(
        ConfigError, match=r"api\.openai\.com is a host of OpenAI API, not a machine"
    ):
        load_config(write_config(tmp_path, supply=supply))


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        pytest.param("10.1.0.0/16", True, id="private"),
        pytest.param("127.0.0.1/32", True, id="loopback"),
        pytest.param("fd00::/8", True, id="unique local"),
        pytest.param("0.0.0.0/0", False, id="everything"),
        pytest.param("::/0", False, id="everything in IPv6"),
        pytest.param("8.8.8.0/24", False, id="public range"),
        pytest.param("10.0.0.0/7", False, id="half private"),
        pytest.param("public", False, id="public"),
    ],
)
def test_only_ranges_that_the_internet_cannot_reach_are_private(
    network: str, expected: bool
) -> None:
    assert is_private(network) is expected


def test_every_fact_that_policy_knows_can_be_stated() -> None:
    assert set(FactsEntry.model_fields) == {*FACT_NAMES, "evidence"}
