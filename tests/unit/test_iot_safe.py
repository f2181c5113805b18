"""The SIM as a signer: every way to reach the applet, every form of its answers, and whatever may go wrong between."""

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simbond_agent import claims, cose
from simbond_agent.signer.error import SignerError
from simbond_agent.signer.iot_safe import IotSafeSigner, raw_signature
from support.es256 import is_signature, public_octets
from support.iot_safe import SimModem

MESSAGE = b"what the device has signed"
OTHER_AID = bytes.fromhex("A0000001157000000000000049534102")


def signer_on(modem, **options):
    signer = IotSafeSigner(**options)
    signer.attach(modem)
    return signer


def sign(signer, message=MESSAGE):
    return asyncio.run(signer.sign(message))


def refusal(signer):
    with pytest.raises(SignerError) as refused:
        sign(signer)
    return str(refused.value)


MODEMS = [{}, {"has_ccho": False}, {"bare": True}, {"bare": True, "has_ccho": False}, {"fetches": True}]
APPLETS = [
    {},
    {"der": True},
    {"long_length": True},
    {"der": True, "long_length": True},
    {"own_class": 0x80},
    {"pending": True},
]


@pytest.mark.parametrize("modem", MODEMS)
@pytest.mark.parametrize("applet", APPLETS)
def test_signs_through_any_modem_with_any_applet(modem, applet):
    modem = SimModem(**modem, **applet)
    signer = signer_on(modem)
    for message in (b"", MESSAGE, b"x" * 1000):
        assert is_signature(modem.key, sign(signer, message), message)
        assert modem.card.channels == [0]


@pytest.mark.parametrize("modem", MODEMS)
@pytest.mark.parametrize("applet", [{}, {"own_class": 0x80}, {"pending": True}])
def test_the_key_is_the_cards(modem, applet):
    modem = SimModem(**modem, **applet)
    signer = signer_on(modem)
    asyncio.run(signer.open())
    assert signer.public_key == public_octets(modem.key)
    assert signer.kid == cose.kid(signer.public_key)
    assert signer.protection == claims.KEY_SIM
    assert modem.card.channels == [0]


def test_the_commands_are_those_that_a_real_applet_took():
    """The octets of a published trace (NTT's applet through +CCHO and +CGLA), but for GET RESPONSE's length."""
    modem = SimModem(key=ec.derive_private_key(1, ec.SECP256R1()), aid=OTHER_AID)
    sign(signer_on(modem, aid=OTHER_AID), b"hello")
    assert modem.commands == [
        'AT+CCHO="A0000001157000000000000049534102"',
        'AT+CGLA=1,36,"002A00010D840101A1010391020001920104"',
        'AT+CGLA=1,78,"002B8001229E202CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824"',
        'AT+CGLA=1,10,"00C0000042"',
        "AT+CCHC=1",
    ]


def test_a_key_may_have_another_name():
    modem = SimModem(key_id=b"\x10\x20")
    assert is_signature(modem.key, sign(signer_on(modem, key_id=b"\x10\x20")), MESSAGE)
    assert "no such private key" in refusal(signer_on(modem, key_id=b"\x02"))
    with pytest.raises(SignerError, match="no such public key"):
        asyncio.run(signer_on(modem).open())


def test_signatures_at_once_wait_for_each_other():
    modem = SimModem(channels=2)
    signer = signer_on(modem)

    async def both():
        return await asyncio.gather(signer.sign(b"one"), signer.sign(b"two"))

    one, two = asyncio.run(both())
    assert is_signature(modem.key, one, b"one")
    assert is_signature(modem.key, two, b"two")


@pytest.mark.parametrize(("taken", "in_class"), [(0, "01"), (1, "02"), (3, "40"), (4, "41"), (17, "4E")])
def test_channels_of_others_stay_open(taken, in_class):
    modem = SimModem(has_ccho=False, channels=19)
    for _ in range(taken):
        modem.card.open_channel()
    assert is_signature(modem.key, sign(signer_on(modem)), MESSAGE)
    assert modem.card.channels == list(range(taken + 1))
    assert f'AT+CSIM=24,"{in_class}A4040007A0000005590010"' in modem.commands


def test_channels_left_open_by_a_device_that_was_reset_are_closed():
    modem = SimModem()
    for _ in range(3):
        modem.card.open_channel()
    assert is_signature(modem.key, sign(signer_on(modem)), MESSAGE)


def test_a_modem_without_ccho_is_asked_for_it_once_a_signature():
    modem = SimModem(has_ccho=False)
    signer = signer_on(modem)
    sign(signer)
    modem.commands.clear()
    signer.attach(modem)
    sign(signer)
    assert [c for c in modem.commands if "CSIM" not in c] == ['AT+CCHO="A0000005590010"']


def test_no_free_channel_is_said():
    modem = SimModem(has_ccho=False)
    for _ in range(3):
        modem.card.open_channel()
    assert "restart the modem (SIM status 6A81)" in refusal(signer_on(modem))


def test_a_session_left_open_is_closed():
    modem = SimModem()
    signer = signer_on(modem)
    executed = modem._execute
    sessions = []

    def leave_open(line):
        reply = executed(line)
        if line.startswith("AT+CCHO") and not sessions:
            sessions.append(executed('AT+CGLA=1,36,"002A00010D840101A1010391020001920104"'))
        return reply

    modem._execute = leave_open
    assert is_signature(modem.key, sign(signer), MESSAGE)
    assert sessions == [("OK", ['+CGLA: 4,"9000"'])]


def rewritten(modem, first):
    """Has first(apdu) -> status word or None decide, once, what the card says in place of its own status."""
    exchange = modem.card.exchange
    said = []

    def answer(apdu, channel=None):
        status = None if said else first(apdu)
        if status is None:
            return exchange(apdu, channel)
        said.append(status)
        return exchange(apdu, channel)[:-2] + status if status[0] != 0x6C else status

    modem.card.exchange = answer
    return said


def test_an_answer_in_parts_is_put_together():
    modem = SimModem()
    said = rewritten(modem, lambda apdu: b"\x61\x20" if apdu[1] == 0x2B else None)
    assert is_signature(modem.key, sign(signer_on(modem)), MESSAGE)
    assert said
    assert [c[-11:-1] for c in modem.commands if "00C0" in c] == ["00C0000020", "00C0000022"]


def test_a_length_that_the_card_corrects_is_taken():
    modem = SimModem()
    said = rewritten(modem, lambda apdu: b"\x6c\x42" if apdu[1] == 0xC0 else None)
    assert is_signature(modem.key, sign(signer_on(modem)), MESSAGE)
    assert said


def test_a_card_that_never_ends_is_left():
    modem = SimModem()
    modem.card.exchange = lambda apdu, channel=None: b"\0" * 16 + b"\x61\x10"
    assert "SIM status 6110" in refusal(signer_on(modem))


@pytest.mark.parametrize("has_ccho", [True, False])
def test_a_card_without_the_applet_is_said(has_ccho):
    modem = SimModem(aid=OTHER_AID, has_ccho=has_ccho)
    assert "no application A0000005590010 (SIM status 6A82)" in refusal(signer_on(modem))
    assert modem.card.channels == [0]


@pytest.mark.parametrize("final", ["+CME ERROR: 10", "+CME ERROR: SIM not inserted", None])
def test_without_a_card_it_says_what_the_modem_says(final):
    modem = SimModem()
    modem.fault = lambda *_: (final, [])
    assert refusal(signer_on(modem)).endswith(final or "no answer")


def test_without_a_modem_it_says_so():
    assert "no modem" in refusal(IotSafeSigner())


def test_whoever_is_cancelled_closes_the_channel():
    modem = SimModem()
    signer = signer_on(modem)
    executed = modem.command

    async def hang(line, timeout_ms):
        if "2B8001" in line:
            await asyncio.sleep(3600)
        return await executed(line, timeout_ms)

    modem.command = hang

    async def cancelled():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(signer.sign(MESSAGE), 0.01)

    asyncio.run(cancelled())
    assert modem.card.channels == [0]
    modem.command = executed
    assert is_signature(modem.key, sign(signer), MESSAGE)


def damaged(line, how):
    cut = how % (len(line) + 1)
    return [line[:cut], line[:cut] + "+" + line[cut:], line[:cut] + line[cut + 2 :], "+CREG: 1", "+CGLA: 4,9000"][
        how % 5
    ]


FAULTS = st.dictionaries(
    st.integers(1, 12),
    st.one_of(st.sampled_from([None, "ERROR", "+CME ERROR: 13", "reset"]), st.integers(0, 1000)),
    min_size=1,
    max_size=4,
)


@given(FAULTS, st.sampled_from(MODEMS), st.sampled_from(APPLETS))
@settings(max_examples=400)
def test_whatever_goes_wrong_there_is_a_true_signature_or_an_error(faults, modem, applet):
    modem = SimModem(**modem, **applet)

    def fault(number, reply):
        if number not in faults:
            return reply
        match faults[number]:
            case "reset":
                modem.reset()
                return None, []
            case int(how):
                return reply[0], [damaged(line, how) for line in reply[1]]
            case final:
                return final, []

    modem.fault = fault
    signer = signer_on(modem)
    try:
        signature = sign(signer)
    except SignerError as e:
        assert str(e)  # noqa: PT017
    else:
        assert is_signature(modem.key, signature, MESSAGE)
    modem.fault = lambda _, reply: reply
    modem.reset()
    assert is_signature(modem.key, sign(signer), MESSAGE)


NUMBERS = st.integers(1, 2**256 - 1)


@given(NUMBERS, NUMBERS)
def test_signatures_in_der_are_read_whatever_their_lengths(r, s):
    der = utils.encode_dss_signature(r, s)
    assume(len(der) != 64)  # then it is taken for raw: in DER it has so few octets once in 2^47 signatures
    for head in (b"\x33", b"\x33\x00", b"\x33\x81"):
        assert raw_signature(head + bytes((len(der),)) + der) == r.to_bytes(32, "big") + s.to_bytes(32, "big")


@given(st.binary(max_size=80))
def test_what_is_no_signature_is_refused(octets):
    for answer in (octets, b"\x33" + bytes((len(octets),)) + octets):
        try:
            signature = raw_signature(answer)
        except SignerError:
            continue
        assert len(signature) == 64


@given(NUMBERS, NUMBERS, st.data())
def test_a_signature_in_der_that_is_cut_or_longer_is_refused(r, s, data):
    der = utils.encode_dss_signature(r, s)
    changed = data.draw(st.one_of(st.integers(0, len(der) - 1).map(lambda n: der[:n]), st.just(der + b"\0")))
    assume(len(changed) != 64)
    with pytest.raises(SignerError):
        raw_signature(b"\x33" + bytes((len(changed),)) + changed)


@pytest.mark.parametrize("der", ["3006020100020101", "3006020181020101", "300702220102020101", "30050201010200"])
def test_der_of_numbers_that_no_signature_has_is_refused(der):
    with pytest.raises(SignerError):
        raw_signature(b"\x33" + bytes((len(der) // 2,)) + bytes.fromhex(der))
