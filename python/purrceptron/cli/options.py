"""Checks of what options are given, before anything else happens."""

from __future__ import annotations

import click

from ..strings import parse_network

__all__ = ["checked_network", "checked_seed"]


def checked_seed(ctx: click.Context, option: click.Parameter, seed: int) -> int:
    """A seed is 0 to 2^64 - 1."""
    if not 0 <= seed < 2**64:
        raise click.BadParameter(f"{seed} is not in the range 0 to 2^64 - 1.", ctx, option)
    return seed


def checked_network(ctx: click.Context, option: click.Parameter, network: str | None) -> str | None:
    """A network's sizes must parse; whether they fit the photos is seen later."""
    try:
        if network is not None:
            parse_network(network, has_input=False)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, option) from error
    return network
