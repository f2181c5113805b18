from simbond_tools.check_digit import whole_imei


def test_an_imei_is_shown_as_it_is_printed_on_the_module() -> None:
    assert whole_imei("86123405000001") == "861234050000010"
    assert whole_imei("861234050000010") == "861234050000010"
    assert whole_imei("") == ""
