"""The agent on a site gateway: devices in, durable events out."""
