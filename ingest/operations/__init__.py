"""What operators are told: metrics, health, how each gateway stands."""
