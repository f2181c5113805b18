"""The vectors: what the agent builds, read by libraries that share no code with it."""

import asyncio
import re

import cbor2
import cwt
import pycddl
import pytest
from cwt import COSE, COSEKey
from pycose.keys import EC2Key
from pycose.keys.curves import P256
from pycose.messages import CoseMessage

from simbond_agent import claims, cose
from simbond_agent.evidence import binding, evidence
from simbond_agent.signer.software import SoftwareSigner
from support import vectors

FILES = vectors.EVIDENCE + vectors.ENROLMENT
CLAIMS = {"evidence": "claims", "enrolment": "enrolment-claims"}
CDDL = (vectors.DIRECTORY.parent.parent / "docs" / "evidence.cddl").read_text(encoding="utf-8")


def schema(rule):
    return pycddl.Schema(f"start = {rule}\n{CDDL}")


def framing(rule):
    # The library takes a .cbor control on one array item for one on all of them: contents are checked on their own.
    return pycddl.Schema(f"start = {rule}\n" + re.sub(r" \.cbor [a-z-]+", "", CDDL))


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def vector(path):
    return vectors.load(path)


@pytest.fixture
def kind(path):
    return path.stem.partition("-")[0]


@pytest.fixture
def message(vector):
    return bytes.fromhex(vector["message"])


def test_there_are_vectors():
    assert len(vectors.EVIDENCE) == 5
    assert len(vectors.ENROLMENT) == 1


def test_vector_is_what_the_agent_makes(vector):
    assert vectors.completed(vector) == vector


def test_vector_fits_the_cddl(kind, message, vector):
    framing(kind).validate_cbor(message)
    protected, _, payload, _ = cbor2.loads(message).value
    schema("protected-header").validate_cbor(protected)
    schema(CLAIMS[kind]).validate_cbor(payload)


def test_what_does_not_fit_the_cddl_is_found(kind, message):
    outer = cbor2.loads(message)
    claims_map = cbor2.loads(outer.value[2])
    claims_map[claims.BINDING][0] = b"\x35" * 8
    outer.value[3] = outer.value[3][:63]
    with pytest.raises(pycddl.ValidationError, match="size"):
        framing(kind).validate_cbor(cbor2.dumps(outer))
    with pytest.raises(pycddl.ValidationError, match="size"):
        schema(CLAIMS[kind]).validate_cbor(cbor2.dumps(claims_map))


def test_vector_is_deterministic_cbor(vector):
    for part in (vector["message"], vector["payload"]):
        octets = bytes.fromhex(part)
        assert cbor2.dumps(cbor2.loads(octets), canonical=True) == octets


def test_cwt_verifies(vector, message):
    x, y, kid = (bytes.fromhex(vector["key"][name]) for name in ("x", "y", "kid"))
    key = COSEKey.new({1: 2, 2: kid, 3: -7, -1: 1, -2: x, -3: y})
    assert COSE.new().decode(message, key).hex() == vector["payload"]
    with pytest.raises(cwt.VerifyError):
        COSE.new().decode(flipped(message), key)


def test_pycose_verifies(vector, message):
    key = EC2Key(crv=P256, x=bytes.fromhex(vector["key"]["x"]), y=bytes.fromhex(vector["key"]["y"]))
    for octets, good in ((message, True), (flipped(message), False)):
        decoded = CoseMessage.decode(octets)
        decoded.key = key
        assert decoded.verify_signature() is good


def flipped(message: bytes) -> bytes:
    return message[:-1] + bytes((message[-1] ^ 1,))


def test_the_kid_begins_the_thumbprint_of_rfc_9679():
    # The example of its section 6.
    x = "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d"
    y = "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c"
    assert cose.kid(bytes.fromhex(x + y)).hex() == "496bd8afadf307e5"


def test_full_lte_evidence_has_160_octets_at_most():
    vector = vectors.load(vectors.DIRECTORY / "evidence-lte.json")
    inputs = vector["inputs"]
    every_flag = claims.KEY_SIM | claims.SIM_CHANGED | claims.IMEI_CHANGED | claims.TAMPER | claims.ICCID_MISMATCH
    bond = binding(inputs["identity"], inputs["cell"], 65535, every_flag)
    signer = SoftwareSigner(bytes.fromhex(vector["key"]["d"]))
    assert len(asyncio.run(evidence(signer, bond, bytes(8), 65535, 2**32 - 1))) <= 160


@pytest.mark.parametrize(
    "change",
    [
        {"identity": {"imei": "8610020471335"}},
        {"identity": {"imei": "86100204713355522"}},
        {"identity": {"iccid": "898604901271234567089"}},
        {"identity": {"imsi": "46004901234567G"}},
        {"scenario": 65536},
        {"scenario": -1},
        {"status": 65536},
        {"cell": {"rat": "LTE", "cell_id": 1 << 28}},
    ],
)
def test_what_does_not_fit_the_profile_is_refused(change):
    fields = {"identity": {}, "cell": None, "scenario": 0, "status": 0} | change
    with pytest.raises(ValueError):
        binding(**fields)
