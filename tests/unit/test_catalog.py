"""Every text of the command is there in Chinese, and the language is the reader's."""

import gettext
import io

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo

from simbond_tools import i18n
from support import catalog

PO = catalog.read()


@pytest.fixture(autouse=True)
def _no_language() -> None:
    i18n.use(None)


def test_no_text_lacks_a_translation() -> None:
    """After a change: python -m tests.support.catalog, then translate in simbond.po, then again."""
    marked = {message.id for message in catalog.extracted() if message.id}

    assert marked - {message.id for message in PO} == set()
    assert catalog.untranslated(PO) == []


def test_every_placeholder_is_in_the_translation() -> None:
    assert catalog.misfits(PO) == []


def test_the_compiled_catalog_is_that_of_the_texts() -> None:
    def texts(messages: Catalog) -> dict[str, list[str]]:
        """By the English text; a plural has several of both."""
        return {str(list(message.id)): list(message.string) for message in messages if message.id}

    with catalog.MO.open("rb") as f:
        assert texts(read_mo(f)) == texts(PO)
    assert catalog.compiled(catalog.read()) == catalog.compiled(catalog.read())


def test_a_translation_that_lost_a_placeholder_is_found() -> None:
    wrong = catalog.read_text('msgid "Card {iccid}"\nmsgstr "卡"\n\nmsgid "Card"\nmsgstr ""\n')

    assert catalog.misfits(wrong) == ["Card {iccid}"]
    assert catalog.untranslated(wrong) == ["Card"]


def test_plurals_have_one_form_in_chinese() -> None:
    texts = 'msgid "{n} unit"\nmsgid_plural "{n} units"\nmsgstr[0] "{n} 件"\n'
    chinese = gettext.GNUTranslations(io.BytesIO(catalog.compiled(catalog.read_text(texts))))

    assert [chinese.ngettext("{n} unit", "{n} units", n) for n in (1, 2)] == ["{n} 件", "{n} 件"]
    i18n.use("en")
    assert [i18n.ngettext("{n} unit", "{n} units", n) for n in (1, 2)] == ["{n} unit", "{n} units"]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_TW"}, "zh"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh"),
        ({"LC_MESSAGES": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LC_ALL": "", "LANG": "zh_CN"}, "zh"),
        ({"SIMBOND_LANG": "en", "LC_ALL": "zh_CN.UTF-8"}, "en"),
        ({"SIMBOND_LANG": "ZH", "LC_ALL": "C"}, "zh"),
    ],
)
def test_the_environment_states_the_language(environment: dict[str, str], expected: str) -> None:
    assert i18n.detected(environment) == expected


def test_a_text_is_translated_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "There is no port {port}. Plug the cable in, or name another port."
    monkeypatch.setenv("SIMBOND_LANG", "zh")

    assert i18n._(i18n.N_(text)) != text
    i18n.use("en")
    assert i18n._(text) == text
    assert i18n._("") == ""
