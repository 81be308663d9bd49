"""What operators are told: metrics, health, the state of gateways, and the end."""
