"""Money in whole billionths of a currency, so that sums are exact on every database.

Prices have six decimals and are for a million tokens: the cost of a call is rounded up to the billionth.
"""

from decimal import ROUND_CEILING, Decimal

BILLION = 10**9
_PER_TOKEN = BILLION // 10**6


def cost_of(tokens: int, price: Decimal) -> int:
    """Return what so many tokens cost at `price` a million, in billionths of the currency, rounded up."""
    return int((tokens * price * _PER_TOKEN).to_integral_value(ROUND_CEILING))


def in_currency(billionths: int) -> Decimal:
    """Return an amount in units of the currency."""
    return Decimal(billionths) / BILLION
