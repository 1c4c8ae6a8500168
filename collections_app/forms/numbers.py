from decimal import Decimal
from typing import Any

from django import forms


class ExactDecimalField(forms.DecimalField):
    """A number shown with the decimals that it has, not with all that its column has room for."""

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, Decimal) or not value.is_finite():
            return value
        exact = value.normalize()
        # 1E+6 is exact as well, but nobody types that.
        return exact.quantize(Decimal(1)) if exact == exact.to_integral_value() else exact
