"""UPC-E: the eight digits under the bars and the number they stand for (GS1 General Specifications, 5.2.2.4.2)."""


def expand(digits: str) -> str | None:
    """The UPC-A number (12 digits) that the 8 digits of a UPC-E stand for; `None` where they are none."""
    if len(digits) != 8 or not (digits.isascii() and digits.isdecimal()) or digits[0] not in "01":
        return None
    system, body, last, check = digits[0], digits[1:6], digits[6], digits[7]
    match last:
        case "0" | "1" | "2":
            number = body[:2] + last + "0000" + body[2:]
        case "3":
            number = body[:3] + "00000" + body[3:]
        case "4":
            number = body[:4] + "00000" + body[4]
        case _:
            number = body + "0000" + last
    odd = sum(map(int, (system + number)[::2]))
    even = sum(map(int, (system + number)[1::2]))
    return system + number + check if (3 * odd + even + int(check)) % 10 == 0 else None
