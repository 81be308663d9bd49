"""Signatures that receivers' own libraries accept."""

import base64

import pytest

from tracking_service.webhooks.signature import headers, new_secret, sign

# the example of the specification, for its libraries to check themselves with
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}'


def test_a_signature_is_the_one_that_standard_webhooks_gives_as_its_example():
    assert sign(MESSAGE, AT, BODY, SECRET) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_a_secret_is_replaced_both_sign():
    other = new_secret()
    told = headers(MESSAGE, AT, BODY, [other, SECRET])
    assert told["webhook-signature"].split() == [sign(MESSAGE, AT, BODY, other), sign(MESSAGE, AT, BODY, SECRET)]
    assert (told["webhook-id"], told["webhook-timestamp"]) == (MESSAGE, str(AT))


def test_secrets_are_new_each_time_and_long_enough():
    first, second = new_secret(), new_secret()
    assert first != second
    assert len(base64.b64decode(first.removeprefix("whsec_"))) == 32


def test_a_secret_that_is_none_is_refused():
    with pytest.raises(ValueError, match="whsec_"):
        sign(MESSAGE, AT, BODY, "whsec_!!")
