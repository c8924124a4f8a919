"""The kinds of values that say when.

Law 6, for time: what could be read in two ways is refused; a zone or a cron expression that
means nothing is found here, not at night.
"""

from __future__ import annotations

import difflib
import re
import zoneinfo
from datetime import UTC, datetime, time
from typing import Annotated, Final, Literal

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BeforeValidator, PlainValidator

from cdc_daemon.settings.values import refusal

DayName = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[DayName, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_FIELDS = 5
_LONGEST_EXPRESSION = 200
_SOME_DAY = datetime(2024, 1, 1, tzinfo=UTC)
"""Days of months and weeks repeat within the 50 years that cronsim looks ahead."""
_TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_OF_THE_MACHINE = re.compile(r"posix/.*|right/.*|posixrules|localtime|Factory")
"""Zones whose rules differ from one machine to another, or are none."""


def parse_cron(value: str) -> str:
    """A cron expression, its spaces made even.

    Raises:
        PydanticCustomError: it is none, or one that never comes.
    """
    fields = value.split()
    if len(fields) != _FIELDS or len(value) > _LONGEST_EXPRESSION:
        remedy = 'write minute, hour, day, month, day of the week: "0 2 * * *"'
        raise refusal("must have the five fields of cron", remedy)
    expression = " ".join(fields)
    try:
        never = next(CronSim(expression, _SOME_DAY), None) is None
    except CronSimError as error:
        field = str(error).removeprefix("Bad ")  # a fixed set of words
        raise refusal(
            f"cron cannot read its {field}, or it never comes", "see `man 5 crontab`"
        ) from None
    if never:
        raise refusal("is a time that never comes", "correct its day and month")
    return expression


def parse_zone(value: str) -> str:
    """The IANA name of a time zone.

    Raises:
        PydanticCustomError: there is no such zone.
    """
    try:
        if not _OF_THE_MACHINE.fullmatch(value):
            return zoneinfo.ZoneInfo(value).key
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        pass
    names = (n for n in zoneinfo.available_timezones() if not _OF_THE_MACHINE.fullmatch(n))
    by_folded = {name.casefold(): name for name in names}
    by_city = {name.rpartition("/")[2]: name for name in sorted(by_folded, reverse=True)}
    words = {**by_city, **{name: name for name in by_folded}}
    near = difflib.get_close_matches(value[:64].casefold(), words, n=1, cutoff=0.6)
    remedy = "write its IANA name, as UTC or Europe/Berlin"
    if near:
        remedy = f"did you mean '{by_folded[words[near[0]]]}'?"
    raise refusal("is not a time zone", remedy)


def parse_time_of_day(value: object) -> time:
    """``22:00``; YAML reads it as the number 1320 where it has no quotes.

    Raises:
        PydanticCustomError: the value is no such text.
    """
    match = _TIME_OF_DAY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refusal("must be a time of day", 'write it in quotes, "00:00" to "23:59"')
    return time(int(match[1]), int(match[2]))


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _some(days: tuple[DayName, ...]) -> tuple[DayName, ...]:
    if not days:
        raise refusal("must not be empty", "name at least one, or leave the key out")
    if len(set(days)) != len(days):
        raise refusal("names a day twice", "keep one of them")
    return days


CronExpression = Annotated[str, AfterValidator(parse_cron)]
Zone = Annotated[str, AfterValidator(parse_zone)]
TimeOfDay = Annotated[time, PlainValidator(parse_time_of_day)]
Day = Annotated[DayName, BeforeValidator(_lower)]
Days = Annotated[tuple[Day, ...], AfterValidator(_some)]
