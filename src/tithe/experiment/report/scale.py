"""Axes: where a value lies, and which values deserve a tick."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Maps low..high to start..end, linearly or by logarithms.

    >>> Scale(0, 10, 100, 200, False)(5), round(Scale(10, 1000, 0, 100, True)(100), 6)
    (150.0, 50.0)
    """

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool

    def __call__(self, value: float) -> float:
        """The place of a value."""
        if self.high <= self.low:
            return (self.start + self.end) / 2
        change = math.log if self.logarithmic else float
        part = (change(value) - change(self.low)) / (change(self.high) - change(self.low))
        return self.start + part * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """Round values inside the range: 1, 2, 5 times powers of ten on a log scale.

        >>> Scale(48, 1116, 0, 1, True).ticks(7)
        [50, 100, 200, 500, 1000]
        """
        if self.high <= self.low:
            return [self.low]
        if not self.logarithmic:
            return [tick for tick, _ in nice_ticks(self.low, self.high, most)]
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        for steps in ((1, 2, 5), (1, 3), (1,)):
            found = [s * 10**power for power in range(first, last + 1) for s in steps]
            found = [tick for tick in found if self.low <= tick <= self.high]
            if len(found) <= most:
                return [float(t) if t != int(t) else int(t) for t in found]
        return [float(tick) for tick in found]


def nice_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Up to about `most` round values from low to high, with their texts; shares are written in per cent.

    >>> nice_ticks(0.84, 1.0, 5)
    [(0.85, '85 %'), (0.9, '90 %'), (0.95, '95 %'), (1.0, '100 %')]
    """
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= rough * 0.999)
    ticks = [round(k * step, 10) for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    if high > 1.5:
        return [(tick, f"{tick:,.0f}") for tick in ticks]
    digits = max(0, -math.floor(math.log10(step) + 1e-9) - 2)
    if abs(step * 100 * 10**digits - round(step * 100 * 10**digits)) > 1e-9:
        digits += 1  # steps of 2.5
    return [(tick, f"{100 * tick:.{digits}f} %") for tick in ticks if tick <= 1.0 + 1e-9]
