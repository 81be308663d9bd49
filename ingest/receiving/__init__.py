"""MQTT's side: what comes from the broker, opened and gathered, and what is acknowledged or answered."""
