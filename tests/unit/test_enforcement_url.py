import pytest

from simbond_verifier.enforcement import from_url
from simbond_verifier.enforcement.osmo_hlr import OsmoHlr


@pytest.mark.parametrize(
    "url",
    [
        "osmo-hlr://127.0.0.1",
        "osmo-hlr://hlr.example/",
        "osmo-hlr://[::1]?ctrl=4259&gsup=4222&vty=4258",
        "osmo-hlr://127.0.0.1?timeout=0.5&cancel-wait=1&grants=ps",
    ],
)
def test_a_good_url(url):
    assert isinstance(from_url(url), OsmoHlr)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "must start with one of osmo-hlr:"),
        ("127.0.0.1", "must start with one of osmo-hlr:"),
        ("embedded:", "must start with one of osmo-hlr:"),
        ("osmo-hlr:", "a host and options"),
        ("osmo-hlr://", "a host and options"),
        ("osmo-hlr://127.0.0.1/path", "a host and options"),
        ("osmo-hlr://user:secret@127.0.0.1", "a host and options"),
        ("osmo-hlr://127.0.0.1:4259", "an option of its own"),
        ("osmo-hlr://127.0.0.1:http", "Port could not be cast"),
        ("osmo-hlr://127.0.0.1?ctrl=0", "'0' is not a TCP port"),
        ("osmo-hlr://127.0.0.1?vty=65536", "'65536' is not a TCP port"),
        ("osmo-hlr://127.0.0.1?gsup=", "'' is not a TCP port"),
        ("osmo-hlr://127.0.0.1?gsup=-1", "'-1' is not a TCP port"),
        ("osmo-hlr://127.0.0.1?timeout=nan", "not a time in seconds"),
        ("osmo-hlr://127.0.0.1?timeout=0", "not a time in seconds"),
        ("osmo-hlr://127.0.0.1?cancel-wait=soon", "not a time in seconds"),
        ("osmo-hlr://127.0.0.1?grants=", "must be ps, cs or ps,cs"),
        ("osmo-hlr://127.0.0.1?grants=ps,xs", "must be ps, cs or ps,cs"),
        ("osmo-hlr://127.0.0.1?port=4259", "unknown option 'port'"),
        ("osmo-hlr://127.0.0.1?ctrl=1&ctrl=2", "given twice"),
        ("osmo-hlr://127.0.0.1?ctrl", "bad query field"),
    ],
)
def test_a_bad_url_says_what_to_write(url, reason):
    with pytest.raises(ValueError, match=reason):
        from_url(url)


def test_another_scheme_can_be_added():
    made = object()
    assert from_url("embedded:cards.db", {"embedded": lambda url: (made, url)}) == (made, "embedded:cards.db")
    with pytest.raises(ValueError, match="osmo-hlr:, embedded:"):
        from_url("eir://x", {"embedded": lambda url: made})
