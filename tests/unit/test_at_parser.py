"""Framing: whatever the line ends, chunks and noise, the same lines come out."""

from hypothesis import given
from hypothesis import strategies as st

from simbond_agent.at import Parser, name_of, split_prefix

EXCHANGE = b"\xff\x00AT+CSQ\r\r\n+CSQ: 17,99\r\n\r\n+CREG: 1\r\n\r\nOK\r\n\r\nRING\r\n"
modem_bytes = st.lists(
    st.sampled_from(
        [b"AT+CSQ", b"+CSQ: 1,99", b"+CREG: 1", b"OK", b"ERROR", b"RDY", b"\r", b"\n", b"\0", b"\xff", b'"']
    )
    | st.binary(max_size=12)
).map(b"".join)


def run(chunks, command="AT+CSQ"):
    urcs = []
    parser = Parser(urcs.append)
    parser.start(command)
    for chunk in chunks:
        parser.feed(chunk)
    return parser.final, parser.lines, urcs


def test_an_exchange_is_sorted():
    assert run([EXCHANGE]) == ("OK", ["+CSQ: 17,99", "+CREG: 1"], ["+CREG: 1", "RING"])


def test_one_octet_at_a_time():
    assert run(bytes([octet]) for octet in EXCHANGE) == run([EXCHANGE])


@given(modem_bytes, st.data())
def test_chunks_of_any_size_give_the_same(received, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(received)), max_size=8)))
    chunks = [received[a:b] for a, b in zip([0, *cuts], [*cuts, len(received)], strict=True)]
    assert run(chunks) == run([received])


@given(st.binary(max_size=600))
def test_random_bytes_never_raise(received):
    final, lines, _ = run([received])
    assert final is None or final.upper().startswith(("OK", "ERROR", "+CM", "COMMAND"))
    assert all(isinstance(line, str) and line for line in lines)


def test_a_line_end_may_be_cr_or_lf_alone():
    assert run([b"+CSQ: 17,99\rOK\r"]) == run([b"+CSQ: 17,99\nOK\n"]) == ("OK", ["+CSQ: 17,99"], [])


def test_noise_beside_digits_may_have_been_digits():
    assert run([b"\xf817\r\n17\0\r\nREADY\0\r\n\0\0\r\nOK\r\n"])[1] == ["\xf817", "17\0", "READY"]


def test_a_result_word_in_a_string_is_no_result():
    assert run([b'+COPS: 0,0,"OK",7\r\n'], "AT+COPS?")[0] is None


def test_errors_are_kept_as_sent():
    assert run([b"+CME ERROR: SIM busy\r\n"])[0] == "+CME ERROR: SIM busy"
    assert run([b"+CMS ERROR: 310\r\n"])[0] == "+CMS ERROR: 310"


def test_results_of_any_case_are_the_same():
    assert run([b"ok\r\n"])[0] == "OK"


def test_an_echo_ends_what_was_late():
    assert run([b"359999060001237\r\nOK\r\nAT+CSQ\r\r\n+CSQ: 17,99\r\nOK\r\n"])[:2] == ("OK", ["+CSQ: 17,99"])


def test_a_banner_ends_the_life_before():
    final, lines, urcs = run([b"+CSQ: 17,99\r\nRDY\r\n"])
    assert (final, lines, urcs) == (None, [], ["RDY"])


def test_data_after_ok_still_counts_once():
    assert run([b"OK\r\n+CSQ: 17,99\r\n"])[:2] == ("OK", ["+CSQ: 17,99"])
    assert run([b"+CSQ: 17,99\r\nOK\r\n+CSQ: 1,99\r\n"])[1] == ["+CSQ: 17,99"]


def test_everything_is_unsolicited_without_a_command():
    urcs = []
    parser = Parser(urcs.append)
    parser.feed(b'\r\n+QIND: "csq",1\r\nOK\r\nAT\r\n123\r\n')
    assert (urcs, parser.lines, parser.final) == (['+QIND: "csq",1', "123"], [], None)


def test_a_flood_stays_within_bounds():
    parser = Parser()
    parser.start("AT+CSQ")
    for _ in range(2000):
        parser.feed(b"x" * 100)
    parser.feed(b"\r\n" + b"+CSQ: 17,99\r\n" * 5000 + b"OK\r\n")
    assert parser.final == "OK"
    assert sum(map(len, parser.lines)) <= 4096


def test_a_line_too_long_is_dropped_whole_and_the_next_is_read():
    assert run([b"8" * 5000 + b"9\r\n+CSQ: 17,99\r\nOK\r\n"])[1] == ["+CSQ: 17,99"]


def test_text_above_ascii_is_latin_1():
    assert run([b'+COPS: 0,0,"T\xe9l\xe9com",7\r\nOK\r\n'], "AT+COPS?")[1] == ['+COPS: 0,0,"Télécom",7']


def test_names():
    assert name_of('AT+QENG="servingcell"') == "+QENG"
    assert name_of("at+csq") == "+CSQ"
    assert name_of("ATI") == "I"
    assert name_of("AT+COPS=3,0;+COPS?") == "+COPS"
    assert split_prefix("+CSQ: 17,99") == ("+CSQ", "17,99")
    assert split_prefix("Revision: 1") == ("", "Revision: 1")
    assert split_prefix("+SIM DROP") == ("+SIM DROP", "")
