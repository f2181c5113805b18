"""Texts in the reader's language: English as written in the code, Chinese by gettext from locale/.

    _("Card {iccid} is suspended.").format(iccid=iccid)
    ngettext("{n} unit", "{n} units", n).format(n=n)
    HELP = N_("Which port to open.")      # only marked; _(HELP) gives it in the language then in force

The language is looked up with every text: whoever parses `--lang` says so by use() before texts are asked for.
"""

import functools
import gettext
import importlib.resources
import locale
import os
import sys
from collections.abc import Mapping

from .characters import can_print

LANGUAGES = ("en", "zh")
_VARIABLES = ("SIMBOND_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
_CATALOG = "locale/zh_CN/LC_MESSAGES/simbond.mo"
_SIMPLIFIED = "绑卡验证："

_stated: str | None = None


def use(stated: str | None) -> None:
    """Settles the language, "en" or "zh", for this process; None leaves it to the environment again."""
    global _stated
    _stated = stated


def language() -> str:
    """The language in force, "en" or "zh"; English where standard output has no Chinese characters."""
    wanted = _stated or detected(os.environ)
    return wanted if wanted == "en" or can_print(_SIMPLIFIED) else "en"


def detected(environment: Mapping[str, str]) -> str:
    """The language that an environment asks for: the first variable that is set decides (POSIX, XBD 8.2), whatever its
    value; where none is, Windows is asked. Every Chinese locale reads the one Chinese catalog; all others, English."""
    stated = next(filter(None, map(environment.get, _VARIABLES)), None) or _of_windows()
    return "zh" if stated.lower().startswith("zh") else "en"


def _of_windows() -> str:
    if sys.platform != "win32":
        return ""
    import ctypes

    return locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage(), "")


@functools.cache
def _catalog(chosen: str) -> gettext.NullTranslations:
    if chosen == "en":
        return gettext.NullTranslations()
    with importlib.resources.files(__package__).joinpath(_CATALOG).open("rb") as f:
        return gettext.GNUTranslations(f)


def _(text: str) -> str:
    """text in the language in force; one that the catalog lacks comes back as it is."""
    return _catalog(language()).gettext(text) if text else ""


def ngettext(one: str, many: str, n: int) -> str:
    """The form that n takes, in the language in force."""
    return _catalog(language()).ngettext(one, many, n)


def N_(text: str) -> str:
    """Marks a text for the catalog and gives it back as it is; for constants, which are shown by _()."""
    return text
