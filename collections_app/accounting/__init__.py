"""What embedding takes: tokens, calls, time and money, per profile, collection, purpose and day; and budgets for it.

What may cost money, or has a budget, is reserved in SQL before the call and settled after it; everything else is
counted once it is done. Neither happens while a call is under way, and none of it once for each text.
"""

from collections_app.accounting.budgets import Standing, amount_of, applying, reason, reconsider, standings
from collections_app.accounting.calls import Account, Call, book_expired
from collections_app.accounting.money import cost_of, in_currency
from collections_app.accounting.recording import Amounts, today
from collections_app.accounting.reports import Pace, Total, pace_of, totals

__all__ = [
    "Account",
    "Amounts",
    "Call",
    "Pace",
    "Standing",
    "Total",
    "amount_of",
    "applying",
    "book_expired",
    "cost_of",
    "in_currency",
    "pace_of",
    "reason",
    "reconsider",
    "standings",
    "today",
    "totals",
]
