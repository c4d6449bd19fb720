"""How each quantity is written, in sentences, charts, tables and files: decimals, sign, minus sign.

A page that writes one probability as 1.000, >0.9999 and 0.99996 makes its reader doubt all three.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

MINUS = "−"
"""U+2212, as Vega writes it; the hyphen of "-1" is narrower than the plus sign."""


@dataclass(frozen=True)
class Quantity:
    """How numbers of one kind are written.

    Attributes:
        decimals: digits after the point, of a percentage if `is_share`.
        is_signed: whether a plus sign is written, too, as differences need it.
        is_share: whether numbers in [0, 1] are written as percentages.
        is_open: whether 0 and 1 cannot be reached, so that nothing is rounded to them.
    """

    decimals: int
    is_signed: bool = False
    is_share: bool = False
    is_open: bool = False

    @property
    def d3(self) -> str:
        """The format for axes and tooltips of Vega, as d3-format reads it."""
        sign, kind = "+" if self.is_signed else "", "%" if self.is_share else "f"
        return f"{sign},.{self.decimals}{kind}"

    def text(self, value: float | None) -> str:
        """Return a number as people read it; "–" where there is none.

        Args:
            value: the number; None and NaN are no number.
        """
        if value is None or math.isnan(value):
            return "–"
        least = 10.0**-self.decimals
        if self.is_open and value < least:
            return f"<{least:.{self.decimals}f}"
        if self.is_open and value > 1 - least:
            return f">{1 - least:.{self.decimals}f}"
        kind = "%" if self.is_share else "f"
        written = f"{value:{'+' if self.is_signed else ''},.{self.decimals}{kind}}"
        if not any(digit in written for digit in "123456789"):
            written = written.lstrip("+-")  # a zero has no sign
        return written.replace("-", MINUS)


QUANTITIES: dict[str, Quantity] = {
    "cosine": Quantity(3),
    "logit": Quantity(3),
    "probability": Quantity(3, is_open=True),
    "p": Quantity(3, is_open=True),  # of a significance test
    "percentile": Quantity(2),
    "weight": Quantity(2),  # of attention
    "effect": Quantity(3, is_signed=True),  # a change of cosine or probability
    "metric": Quantity(3),  # MRR, AUC, precision, recall, calibration error
    "loss": Quantity(3),
    "correlation": Quantity(2),
    "parameter": Quantity(3),  # w and b of the head
    "percent": Quantity(1, is_share=True),
    "count": Quantity(0),
    "times": Quantity(1),  # as well as chance
    "moves": Quantity(0, is_signed=True),  # a change of rank
    "points": Quantity(2, is_signed=True),  # a change of percentile
}
"""Each quantity by name: the names that catalogues put after the colon, as in {value:cosine}."""


def format_number(value: float | None, quantity: str) -> str:
    """Return a number as its quantity is written.

    Args:
        value: the number; None and NaN are written as "–".
        quantity: a key of QUANTITIES.

    Example:
        >>> format_number(-0.1234, "cosine"), format_number(1e-9, "probability")
        ('−0.123', '<0.001')
        >>> format_number(0.133, "percent"), format_number(12345, "count")
        ('13.3%', '12,345')
    """
    return QUANTITIES[quantity].text(value)


def plain_number(value: float | None, quantity: str) -> Decimal | None:
    """Return a number for files that programs read, with the decimals of its quantity.

    Args:
        value: the number; None and NaN are None.
        quantity: a key of QUANTITIES.

    Example:
        >>> str(plain_number(-0.5, "cosine")), str(plain_number(99.96000000000001, "percentile"))
        ('-0.500', '99.96')
        >>> str(plain_number(0.133, "percent")), str(plain_number(-1e-9, "logit"))
        ('0.133', '0.000')
    """
    if value is None or math.isnan(value):
        return None
    kind = QUANTITIES[quantity]
    return Decimal(f"{value:.{kind.decimals + 2 * kind.is_share}f}") + 0  # a zero has no sign


def format_term(value: float, quantity: str) -> str:
    """Return a number as the last term of a sum.

    Example:
        >>> format_term(-0.25, "parameter"), format_term(2, "parameter")
        ('− 0.250', '+ 2.000')
    """
    return f"{MINUS if value < 0 else '+'} {format_number(abs(value), quantity)}"
