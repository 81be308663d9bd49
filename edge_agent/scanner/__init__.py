"""What every hand scanner has in common, however it is connected.

`framing` tells one label from the next, `label` makes a scan of it (identifier, text, GS1), `repeats` knows a second look
at the same label, `keyboard` turns the keys of a wedge into the bytes that a serial scanner would have sent.
"""
