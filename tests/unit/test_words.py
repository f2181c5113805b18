"""Reasons in words."""

import re

import pytest

from simbond_verifier.reasons import EXPLAINED, Reason
from simbond_verifier.words import CHINESE, Language, explain, preferred


def test_every_reason_is_explained_in_both_languages() -> None:
    assert set(EXPLAINED) == set(CHINESE) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_a_sentence_of_its_own_in_its_own_script(reason: Reason) -> None:
    assert re.search(r"[一-鿿]", explain(reason, Language.ZH))
    assert explain(reason, Language.ZH).endswith("。")
    assert list(CHINESE.values()).count(explain(reason, Language.ZH)) == 1
    assert list(EXPLAINED.values()).count(explain(reason)) == 1


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", Language.EN),
        ("zh", Language.ZH),
        ("zh-CN,zh;q=0.9,en;q=0.8", Language.ZH),
        ("en-GB,en;q=0.9,zh;q=0.8", Language.EN),
        ("fr, zh;q=0.1", Language.ZH),
        ("fr", Language.EN),
        ("zh;q=0", Language.EN),
        ("zh;q=x", Language.EN),
    ],
)
def test_the_language_that_is_asked_for(accepted: str, language: Language) -> None:
    assert preferred(accepted) is language
