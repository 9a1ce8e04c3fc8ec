"""Deliveries as people type and read them."""

import click

from farhand_cli import wire

WORDS = ("at-most-once", "at-least-once")
CHOICE = click.Choice(WORDS)


def word(delivery: int) -> str:
    """Empty if it is unspecified."""
    name = wire.delivery.Delivery.Name(delivery).removeprefix("DELIVERY_")
    return "" if name == "UNSPECIFIED" else name.lower().replace("_", "-")


def named(word: str) -> str:
    """Its name on the wire."""
    return f"DELIVERY_{word.upper().replace('-', '_')}"
