"""Manifests: which unit is right, and why another is not; and what is no manifest."""

import json

import pytest

from simbond_tools.factory.errors import FactoryError, Stop
from simbond_tools.factory.manifest import Expected, read
from simbond_verifier.endorsement import Unit

CARD, OTHER = "89860012345678900001", "89860012345678900002"
IMEI = "86123405000001"
CSV = f"""\
iccid,order,imei,imei2,label,tac
{CARD},PO-1,{IMEI}5,35824005111111,meter 1,86123405 86123406
{OTHER},PO-2,,,,
"""
JSON = json.dumps(
    {
        "orders": [
            {
                "order": "PO-1",
                "tac": ["86123405", "86123406"],
                "units": [{"iccid": CARD, "imei": IMEI + "5", "imei2": "35824005111111", "label": "meter 1"}],
            },
            {"order": "PO-2", "units": [{"iccid": OTHER}]},
        ]
    }
)


def unit(imei: str = IMEI, iccid: str = CARD) -> Unit:
    return Unit(b"", b"", imei, iccid, None)


@pytest.mark.parametrize("text", [CSV, "\ufeff" + CSV.replace(",", ";"), JSON], ids=["csv", "semicolons", "json"])
def test_it_says_what_is_expected_of_a_unit(text: str) -> None:
    manifest = read(text.encode())

    assert len(manifest) == 2
    codes = frozenset(("86123405", "86123406"))
    assert manifest.expected(unit()) == Expected(CARD, "PO-1", IMEI, "35824005111111", "meter 1", codes)
    assert manifest.expected(unit("35824005111112", OTHER)).order == "PO-2"
    assert manifest.expected(unit(), "PO-1").label == "meter 1"


@pytest.mark.parametrize(
    ("found", "order", "code"),
    [
        (unit(iccid="89860012345678900003"), None, "card-in-no-order"),
        (unit("35824005111112", OTHER), "PO-1", "card-of-another-order"),
        (unit("35824005111112"), None, "tac-wrong"),
        (unit("86123406000001"), None, "imei-differs"),
        (unit(iccid=OTHER), None, "card-differs"),
    ],
)
def test_why_a_unit_is_not_right(found: Unit, order: str | None, code: str) -> None:
    with pytest.raises(Stop) as refused:
        read(CSV.encode()).expected(found, order)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("octets", "fault"),
    [
        (b"\xff", "UTF-8"),
        (b"imei\n86", "first line"),
        (b"iccid,color\n", "first line"),
        (b"iccid\n", "names no card"),
        (b"iccid\n12\n", "line 2: '12' is no ICCID"),
        (f"iccid\n{CARD}\n{CARD}\n".encode(), "line 3: card .* twice"),
        (f"iccid,imei\n{CARD},{IMEI}\n{OTHER},{IMEI}\n".encode(), "line 3: IMEI .* twice"),
        (f"iccid,imei\n{CARD},000000000000000\n".encode(), "no IMEI"),
        (f"iccid,tac\n{CARD},861234\n".encode(), "no TAC"),
        (f"iccid,label\n{CARD},{'x' * 201}\n".encode(), "too long"),
        (b"{", "not JSON"),
        (b"[]", "another form"),
        (b'{"orders": [{"units": [{"iccid": 12}]}]}', "no text"),
        (b'{"orders": [{"units": [{"color": "x"}]}]}', "color"),
        (b'{"orders": [{"units": [[]]}]}', "another form"),
        (b'{"orders": [{"tac": "86123405", "units": [{"iccid": "1"}]}]}', "no text"),
    ],
)
def test_what_is_no_manifest_is_told_by_line_or_unit(octets: bytes, fault: str) -> None:
    with pytest.raises(FactoryError, match=fault) as refused:
        read(octets)
    assert refused.value.code == "manifest"
