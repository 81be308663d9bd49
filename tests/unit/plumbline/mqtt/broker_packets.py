"""What a broker sends, written from the standard and not with our own codec: packets for tests."""


def length(value: int) -> bytes:
    out = bytearray()
    while True:
        value, digit = divmod(value, 128)
        out.append(digit | (128 if value else 0))
        if not value:
            return bytes(out)


def string(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def packet(head: int, body: bytes) -> bytes:
    return bytes([head]) + length(len(body)) + body


def publish(topic, payload, *, qos=1, retain=False, dup=False, packet_id=1, five=True, told=b""):
    body = string(topic.encode())
    if qos:
        body += packet_id.to_bytes(2, "big")
    if five:
        body += length(len(told)) + told
    return packet(0x30 | dup << 3 | qos << 1 | retain, body + payload)


def connack(*, five=True, present=False, code=0, told=b""):
    return packet(0x20, bytes([present, code]) + (length(len(told)) + told if five else b""))


def puback(packet_id, *, code=None, told=None):
    body = packet_id.to_bytes(2, "big")
    if code is not None:
        body += bytes([code])
    if told is not None:
        body += length(len(told)) + told
    return packet(0x40, body)


def suback(packet_id, codes, *, five=True, told=b""):
    return packet(0x90, packet_id.to_bytes(2, "big") + (length(len(told)) + told if five else b"") + bytes(codes))


def disconnect(code=None, told=None):
    body = b"" if code is None else bytes([code])
    if told is not None:
        body += length(len(told)) + told
    return packet(0xE0, body)


#: Properties.
REASON = b"\x1f" + string(b"because")
USER = b"\x26" + string(b"key") + string(b"value")
SUBSCRIPTION = b"\x0b" + length(300)
