"""The server's intake: MQTT batches in, series points and inbox rows out, and a ledger that proves it."""
