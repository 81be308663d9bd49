"""Benchmarks: programs that print figures. They start the product as its users do and watch it from outside."""
