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
from simbond_verifier.enrolment import read_rotation
from simbond_verifier.envelope import is_stated_by, open_envelope
from support import vectors
from support.damage import flipped

# The rules of the CDDL for a message and its claims, by the first word of the file's name.
RULES = {
    "evidence": ("evidence", "claims"),
    "countersigned": ("evidence", "claims"),
    "enrolment": ("enrolment", "enrolment-claims"),
    "rotation": ("rotation", "rotation-claims"),
}
STATEMENT = vectors.load(vectors.COUNTERSIGNED[0])
ROTATION = vectors.load(vectors.ROTATION[0])
CDDL = (vectors.DIRECTORY.parent.parent / "docs" / "evidence.cddl").read_text(encoding="utf-8")


def schema(rule):
    return pycddl.Schema(f"start = {rule}\n{CDDL}")


def framing(rule):
    # The library takes a .cbor control on one array item for one on all of them: contents are checked on their own.
    return pycddl.Schema(f"start = {rule}\n" + re.sub(r" \.cbor [a-z-]+", "", CDDL))


@pytest.fixture(params=vectors.ALL, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def vector(path):
    return vectors.load(path)


@pytest.fixture
def rules(path):
    return RULES[path.stem.partition("-")[0]]


@pytest.fixture
def message(vector):
    return bytes.fromhex(vector["message"])


def test_there_are_vectors():
    assert len(vectors.EVIDENCE) == 5
    assert len(vectors.COUNTERSIGNED) == len(vectors.ENROLMENT) == len(vectors.ROTATION) == 1


def test_vector_is_what_the_agent_makes(vector):
    assert vectors.completed(vector) == vector


def test_vector_fits_the_cddl(rules, message):
    framing(rules[0]).validate_cbor(message)
    protected, _, payload, _ = cbor2.loads(message).value
    schema("protected-header").validate_cbor(protected)
    framing(rules[1]).validate_cbor(payload)


def test_what_does_not_fit_the_cddl_is_found(rules, message):
    outer = cbor2.loads(message)
    outer.value[3] = outer.value[3][:63]
    with pytest.raises(pycddl.ValidationError, match="size"):
        framing(rules[0]).validate_cbor(cbor2.dumps(outer))
    claims_map = cbor2.loads(outer.value[2])
    if claims.BINDING in claims_map:
        claims_map[claims.BINDING][0] = b"\x35" * 8
    else:
        claims_map[claims.NONCE] = bytes(7)
    with pytest.raises(pycddl.ValidationError, match="size"):
        framing(rules[1]).validate_cbor(cbor2.dumps(claims_map))


def test_the_cddl_knows_two_unprotected_headers():
    """On their own, and none without label 12: the library takes a map in an array, and one with none of the members
    that may be there, for right whatever is in it. That the verifier does not is for test_evidence.py."""
    header = schema("evidence-header")
    for good in ({}, cbor2.loads(bytes.fromhex(STATEMENT["message"])).value[1]):
        header.validate_cbor(cbor2.dumps(good))
    for bad in ({12: bytes(63)}, {12: bytes(64), 4: b"kid"}):
        with pytest.raises(pycddl.ValidationError):
            header.validate_cbor(cbor2.dumps(bad))


def test_a_rotation_holds_an_enrolment_request():
    framing("enrolment").validate_cbor(cbor2.loads(bytes.fromhex(ROTATION["payload"]))[claims.NEXT_KEY])


def test_vector_is_deterministic_cbor(vector):
    for part in (vector["message"], vector["payload"]):
        octets = bytes.fromhex(part)
        assert cbor2.dumps(cbor2.loads(octets), canonical=True) == octets


def test_cwt_verifies(vector, message):
    key = cwt_key(vector["key"])
    assert COSE.new().decode(message, key).hex() == vector["payload"]
    with pytest.raises(cwt.VerifyError):
        COSE.new().decode(flipped(message), key)


def cwt_key(key):
    x, y, kid = (bytes.fromhex(key[name]) for name in ("x", "y", "kid"))
    return COSEKey.new({1: 2, 2: kid, 3: -7, -1: 1, -2: x, -3: y})


def test_cwt_verifies_what_the_sim_signed():
    """The Countersign_structure is built here (RFC 9338 section 3.3): python-cwt leaves out the array around its last
    member, the other fields."""
    protected, unprotected, payload, signature = cbor2.loads(bytes.fromhex(STATEMENT["message"])).value
    covered = cbor2.dumps(["CounterSignature0V2", protected, b"", payload, [signature]])
    key = cwt_key(STATEMENT["sim_key"])
    key.verify(covered, unprotected[12])
    with pytest.raises(cwt.VerifyError):
        key.verify(flipped(covered), unprotected[12])


def test_the_verifier_reads_what_the_sim_signed():
    envelope = open_envelope(bytes.fromhex(STATEMENT["message"]))
    for name, good in (("sim_key", True), ("key", False)):
        point = bytes.fromhex("04" + STATEMENT[name]["x"] + STATEMENT[name]["y"])
        assert is_stated_by(envelope.statement, point) is good


def test_the_verifier_reads_the_rotation():
    asked = read_rotation(open_envelope(bytes.fromhex(ROTATION["message"])))
    assert asked.successor.kid.hex() == ROTATION["next_key"]["kid"]
    assert (asked.bootcount, asked.uptime) == (ROTATION["inputs"]["bootcount"], ROTATION["inputs"]["uptime"])


def test_pycose_verifies(vector, message):
    key = EC2Key(crv=P256, x=bytes.fromhex(vector["key"]["x"]), y=bytes.fromhex(vector["key"]["y"]))
    for octets, good in ((message, True), (flipped(message), False)):
        decoded = CoseMessage.decode(octets)
        decoded.key = key
        assert decoded.verify_signature() is good


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
