"""The sessions of the New York Stock Exchange, 2003 to 2007, derived without a network."""

from typing import ClassVar

import pandas as pd
from pandas.tseries.holiday import (
    AbstractHolidayCalendar,
    GoodFriday,
    Holiday,
    USLaborDay,
    USMartinLutherKingJr,
    USMemorialDay,
    USPresidentsDay,
    USThanksgivingDay,
    nearest_workday,
    sunday_to_monday,
)
from pandas.tseries.offsets import CustomBusinessDay

FIRST_SESSION = pd.Timestamp("2003-01-02")
LAST_SESSION = pd.Timestamp("2007-12-31")


class NyseHolidays(AbstractHolidayCalendar):
    """Full-day closures of the exchange in 2003-2007 (NYSE Rule 7.2 and two days of mourning)."""

    rules: ClassVar[list[Holiday]] = [  # type: ignore[misc]
        # On a Saturday the New Year is not made up for: 2004-12-31 was a session.
        Holiday("New Year's Day", month=1, day=1, observance=sunday_to_monday),
        USMartinLutherKingJr,
        USPresidentsDay,
        GoodFriday,
        USMemorialDay,
        Holiday("Independence Day", month=7, day=4, observance=nearest_workday),
        USLaborDay,
        USThanksgivingDay,
        Holiday("Christmas Day", month=12, day=25, observance=nearest_workday),
        Holiday("Mourning for President Reagan", year=2004, month=6, day=11),
        Holiday("Mourning for President Ford", year=2007, month=1, day=2),
    ]


def nyse_sessions(first: pd.Timestamp = FIRST_SESSION, last: pd.Timestamp = LAST_SESSION) -> pd.DatetimeIndex:
    """Return every NYSE session from `first` to `last`, both included.

    Parameters
    ----------
    first, last : pd.Timestamp
        Any two dates between 2003-01-01 and 2007-12-31.

    Returns
    -------
    pd.DatetimeIndex
        Ascending session dates; 1258 for the whole span.
    """
    return pd.date_range(first, last, freq=CustomBusinessDay(calendar=NyseHolidays()))
