import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simbond_verifier.enforcement import Access, TargetError, UnknownSubscriber
from simbond_verifier.enforcement.gsup import Domain
from simbond_verifier.enforcement.osmo_hlr import OsmoHlr, Subscriber, parse_info
from support.tcp_server import ipa_frame, read_frame, tcp_server

IMSI = "901700000000001"
INFO = (
    f"\nid\t1\nimsi\t{IMSI}\nmsisdn\t4567\nnam_cs\t1\nnam_ps\t0\nvlr_number\tmsc-1\nsgsn_number\tsgsn-1"
    "\nms_purged_cs\t0\nms_purged_ps\t1\nperiodic_lu_timer\t0\nlmsi\t00000000"
)


def test_info_as_osmo_hlr_writes_it():
    assert parse_info(INFO) == Subscriber(frozenset({Domain.CS}), {Domain.PS: "sgsn-1", Domain.CS: "msc-1"})
    nobody = "\nid\t1\nnam_cs\t0\nnam_ps\t0"
    assert parse_info(nobody) == Subscriber(frozenset(), {})


def test_a_serving_node_cannot_name_itself_open():
    forged = INFO.replace("nam_cs\t1", "nam_cs\t0").replace("msc-1", "x\nnam_cs\t1\nnam_ps\t1")
    assert parse_info(forged).open == frozenset()


@pytest.mark.parametrize("info", ["", "OK", INFO.replace("nam_ps\t0", "nam_ps\t2"), INFO.replace("nam_cs", "nam")])
def test_info_without_access_is_refused(info):
    with pytest.raises(ValueError, match="nam_ps and nam_cs"):
        parse_info(info)


@given(st.text(max_size=200))
def test_no_info_upsets_the_parser(text):
    with contextlib.suppress(ValueError):
        assert isinstance(parse_info(text), Subscriber)


def with_hlr(ask, **options):
    """Run `ask(target)` against an HLR whose CTRL answers are (verb, variable) → reply; return result and requests."""
    answers = options.pop("answers", {})
    requests = []

    async def play(reader, writer):
        while True:
            _stream, payload = await read_frame(reader)
            verb, number, variable, *value = payload[1:].decode().split(" ")
            requests.append(" ".join([verb, variable.removeprefix(f"subscriber.by-imsi-{IMSI}."), *value]))
            reply = answers.get(requests[-1], "OK" if verb == "SET" else INFO)
            text = (
                f"ERROR {number} {reply[1:]}" if reply.startswith("!") else f"{verb}_REPLY {number} {variable} {reply}"
            )
            writer.write(ipa_frame(0xEE, b"\0" + text.encode()))

    async def story():
        async with tcp_server(play) as port:
            # Port 9 of loopback refuses connections: GSUP is away in all of these.
            target = OsmoHlr("127.0.0.1", ctrl_port=port, gsup_port=9, timeout=5, **options)
            try:
                return await ask(target)
            finally:
                await target.close()

    return asyncio.run(story()), requests


def test_suspend_bars_before_it_reads_who_serves():
    outcome, requests = with_hlr(lambda hlr: hlr.suspend(IMSI))
    assert requests == ["SET ps-enabled 0", "SET cs-enabled 0", "GET info"]
    assert not outcome.complete
    assert "'sgsn-1' (PS) not sent: cannot reach GSUP" in outcome.detail
    assert "'msc-1' (CS) not sent: cannot reach GSUP" in outcome.detail


def test_resume_opens_only_what_it_grants():
    _, requests = with_hlr(lambda hlr: hlr.resume(IMSI))
    assert requests == ["SET ps-enabled 1", "SET cs-enabled 1", "GET info"]
    _, requests = with_hlr(lambda hlr: hlr.resume(IMSI), grants=[Domain.PS])
    assert requests == ["SET ps-enabled 1", "GET info"]


@pytest.mark.parametrize(
    ("grants", "switched", "reads"),
    [
        ("PS CS", ["SET cs-enabled 0", "GET info", "SET ps-enabled 1", "GET info"], Access.RESTRICTED),
        ("PS", ["SET cs-enabled 0", "GET info", "SET ps-enabled 1", "GET info"], Access.ALLOWED),
        ("CS", ["SET cs-enabled 0", "GET info"], Access.BARRED),
    ],
)
def test_restrict_leaves_data_to_whoever_had_it(grants, switched, reads):
    outcome, requests = with_hlr(lambda hlr: hlr.restrict(IMSI), grants=[Domain[name] for name in grants.split()])
    assert requests == switched
    assert outcome.reads is reads


@pytest.mark.parametrize(
    ("ps", "cs", "grants", "access"),
    [
        (1, 1, "PS CS", Access.ALLOWED),
        (1, 0, "PS CS", Access.RESTRICTED),
        (0, 1, "PS CS", Access.PARTIAL),
        (0, 0, "PS CS", Access.BARRED),
        (1, 0, "PS", Access.ALLOWED),
        (1, 1, "PS", Access.ALLOWED),
        (0, 1, "PS", Access.PARTIAL),
        (0, 0, "PS", Access.BARRED),
    ],
)
def test_state(ps, cs, grants, access):
    domains = [Domain[name] for name in grants.split()]
    answers = {"GET info": f"\nid\t1\nnam_cs\t{cs}\nnam_ps\t{ps}"}
    assert with_hlr(lambda hlr: hlr.state(IMSI), answers=answers, grants=domains)[0] is access


@pytest.mark.parametrize("name", ["suspend", "resume", "state"])
def test_unknown_subscriber(name):
    answers = {
        "SET ps-enabled 0": "!An error has occurred.",
        "SET ps-enabled 1": "!An error has occurred.",
        "GET info": "!No such subscriber.",
    }
    with pytest.raises(UnknownSubscriber, match="create it there first"):
        with_hlr(lambda hlr: getattr(hlr, name)(IMSI), answers=answers)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"SET cs-enabled 0": "!An error has occurred."}, "did not write"),
        ({"GET info": "!Command not found"}, "is this an osmo-hlr"),
        ({"GET info": "hello"}, "not understood"),
    ],
)
def test_what_the_hlr_does_not_do_can_be_tried_again(answers, reason):
    with pytest.raises(TargetError, match=reason):
        with_hlr(lambda hlr: hlr.suspend(IMSI), answers=answers)


@pytest.mark.parametrize("name", ["suspend", "resume", "state", "sighting"])
@pytest.mark.parametrize(
    "imsi", ["", "12345", f"{IMSI}.info 1", f"{IMSI}\n", "9017x0000000001", "９０１７００００００００００１"]
)
def test_nothing_but_an_imsi_reaches_the_hlr(name, imsi):
    requests = []

    async def ask(hlr):
        await getattr(hlr, name)(imsi)

    with pytest.raises(ValueError, match="is not an IMSI"):
        _, requests = with_hlr(ask)
    assert requests == []
