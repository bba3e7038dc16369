"""Labels start at the key's floor and can only rise."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidRequestError
from gateway.exchange import Principal
from gateway.labels.labeller import FLOORS, FROM_KEY, TAGS, Labeller
from providers.contract import Headers
from tests.core_rig import PRINCIPAL
from tests.policies.starter_pack import build

VOCABULARY = build().vocabulary
CLASSES, PURPOSES = VOCABULARY.classes, VOCABULARY.purposes


def labeller() -> Labeller:
    return Labeller(VOCABULARY, mode="normal")


def says(**labels: str) -> Headers:
    return [(b"x-switchgear-" + k.encode(), v.encode()) for k, v in labels.items()]


def test_request_that_says_nothing_has_its_keys_labels_from_one_record() -> None:
    one = labeller()
    first, sources = one.label(PRINCIPAL, [(b"x-switchgear-session", b"s"), (b"x-other", b"y")])
    again, _ = one.label(PRINCIPAL, [])
    assert first is again
    assert (first.tenant, first.app, first.klass) == ("default", "chat", "internal")
    assert sources is FROM_KEY
    assert first.subjects == "GLOBAL", "nobody said whom it is about: anybody"


def test_header_raises_and_the_source_is_told() -> None:
    labels, sources = labeller().label(PRINCIPAL, says(**{"class": "confidential"}))
    assert labels.klass == "confidential"
    assert sources == {**FROM_KEY, "class": "header"}


def test_header_below_the_floor_changes_nothing() -> None:
    labels, sources = labeller().label(PRINCIPAL, says(**{"class": "public"}))
    assert labels.klass == "internal"
    assert sources == FROM_KEY


def test_tag_raises_the_class_that_it_implies() -> None:
    tag, least = next((t, c) for t, c in VOCABULARY.tags.items() if c != CLASSES[0])
    labels, sources = labeller().label(replace(PRINCIPAL, floor=CLASSES[0]), says(tags=tag))
    assert labels.tags == {tag}
    assert labels.klass == least
    assert (sources["tags"], sources["class"]) == ("header", "header")


@given(
    floor=st.sampled_from(CLASSES),
    tags=st.sets(st.sampled_from(sorted(VOCABULARY.tags))),
    klass=st.none() | st.sampled_from(CLASSES),
    more=st.sets(st.sampled_from(sorted(VOCABULARY.tags))),
    purpose=st.none() | st.sampled_from(PURPOSES),
)
def test_no_header_lowers_anything(
    floor: str, tags: set[str], klass: str | None, more: set[str], purpose: str | None
) -> None:
    principal = replace(PRINCIPAL, floor=floor, tags=frozenset(tags))
    wanted = {"class": klass, "tags": ",".join(sorted(more)) or None, "purpose": purpose}
    headers = says(**{k: v for k, v in wanted.items() if v is not None})
    one = labeller()
    at_least, (labels, _) = one.floor(principal), one.label(principal, headers)
    assert CLASSES.index(labels.klass) >= CLASSES.index(at_least.klass)
    assert labels.tags == at_least.tags | more
    assert PURPOSES.index(labels.purpose) >= PURPOSES.index(at_least.purpose)
    assert (labels.tenant, labels.app, labels.mode) == at_least[:2] + at_least[6:]


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        pytest.param(says(**{"class": "confidental"}), "confidential", id="nearest class"),
        pytest.param(says(tags="no-such-tag"), "no-such-tag", id="unknown tag"),
        pytest.param(says(**{"class": ""}), "not declared", id="empty class"),
        pytest.param(says(subjects="ATLANTIS"), "ATLANTIS", id="unknown zone"),
        pytest.param(says(**{"class": "internal"}) * 2, "given twice", id="twice, the same"),
        pytest.param(
            says(tags="personal") + says(tags="health"), "x-switchgear-tags is given twice",
            id="twice, to add up",
        ),
        pytest.param([(b"x-switchgear-class", b"\xff")], "must be ASCII", id="not ASCII"),
        pytest.param(says(tags=",".join(["personal"] * (TAGS + 1))), "32", id="too many tags"),
    ],
)  # fmt: skip
def test_bad_header_is_refused_by_name(headers: Headers, words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        labeller().label(PRINCIPAL, headers)


def test_spaces_round_tags_and_empty_ones_do_not_matter() -> None:
    tag = sorted(VOCABULARY.tags)[0]
    labels, _ = labeller().label(PRINCIPAL, says(tags=f" {tag} , ,{tag},"))
    assert labels.tags == {tag}


def test_key_whose_floor_is_no_longer_declared_keeps_it_for_policy_to_refuse() -> None:
    assert labeller().floor(replace(PRINCIPAL, floor="gone")).klass == "gone"


def test_remembered_floors_are_bounded() -> None:
    one = labeller()

    def holder(number: int) -> Principal:
        return replace(PRINCIPAL, key_id=f"key_{number}")

    for number in range(FLOORS + 10):
        one.floor(holder(number))
    assert len(one._floors) <= FLOORS
