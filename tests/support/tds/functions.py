"""The functions of T-SQL that are served, and their names in PostgreSQL.

Those of schema ``tds`` are defined in functions.sql, temporal.sql and catalog.sql.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SAME = frozenset(
    [
        "upper",
        "lower",
        "ltrim",
        "rtrim",
        "trim",
        "replace",
        "left",
        "right",
        "reverse",
        "abs",
        "floor",
        "ceiling",
        "round",
        "power",
        "sqrt",
        "sign",
        "coalesce",
        "nullif",
        "min",
        "max",
        "row_number",
        "rank",
        "dense_rank",
        "ntile",
        "lag",
        "lead",
        "first_value",
        "last_value",
        "concat",
        "string_agg",
        "greatest",
        "least",
        "exp",
    ]
)
OWN = frozenset(
    [
        "count",
        "sum",
        "len",
        "datalength",
        "isnull",
        "newid",
        "charindex",
        "replicate",
        "substring",
        "quotename",
        "hashbytes",
        "stuff",
        "sysutcdatetime",
        "sysdatetime",
        "getutcdate",
        "getdate",
        "sysdatetimeoffset",
        "dateadd",
        "datediff",
        "datediff_big",
        "datepart",
        "object_id",
        "schema_id",
        "object_name",
        "schema_name",
        "object_schema_name",
        "db_name",
        "db_id",
        "col_name",
        "type_name",
        "type_id",
        "columnproperty",
        "objectproperty",
        "indexproperty",
        "databasepropertyex",
        "col_length",
        "has_perms_by_name",
        "applock_mode",
        "applock_test",
        "is_srvrolemember",
        "is_rolemember",
        "is_member",
        "min_active_rowversion",
    ]
)
RENAMED: Mapping[str, str] = MappingProxyType({"count_big": "count", "avg": "tds.avg"})
PARTS_FIRST = frozenset({"dateadd", "datediff", "datediff_big", "datepart"})
SESSION = frozenset(
    [
        "sessionproperty",
        "serverproperty",
        "app_name",
        "host_name",
        "suser_sname",
        "suser_name",
        "user_name",
        "original_login",
        "scope_identity",
        "connectionproperty",
        "system_user",
        "current_user",
    ]
)
"""Answered by the session: with a constant argument or none."""
UNTYPED = frozenset({"coalesce", "nullif", "string_agg", "greatest", "least"})
"""Functions whose string arguments take the type of the others."""
DATE_PARTS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("year", "yy", "yyyy"), "year"),
        **dict.fromkeys(("quarter", "qq", "q"), "quarter"),
        **dict.fromkeys(("month", "mm", "m"), "month"),
        **dict.fromkeys(("week", "wk", "ww"), "week"),
        **dict.fromkeys(("day", "dd", "d"), "day"),
        **dict.fromkeys(("dayofyear", "dy", "y"), "dayofyear"),
        **dict.fromkeys(("hour", "hh"), "hour"),
        **dict.fromkeys(("minute", "mi", "n"), "minute"),
        **dict.fromkeys(("second", "ss", "s"), "second"),
        **dict.fromkeys(("millisecond", "ms"), "millisecond"),
        **dict.fromkeys(("microsecond", "mcs"), "microsecond"),
    }
)
CONVERTERS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("smallint", "int", "bigint"), "tds.whole"),
        **dict.fromkeys(
            ("nvarchar", "varchar", "nchar", "char", "xml", "hierarchyid"), "tds.as_text"
        ),
        **dict.fromkeys(("text", "ntext"), "tds.as_text"),
        **dict.fromkeys(("varbinary", "binary", "image", "rowversion"), "tds.as_bytes"),
        **dict.fromkeys(("date", "datetime2", "datetime", "smalldatetime"), "tds.to_timestamp"),
        "time": "tds.to_time",
        "uniqueidentifier": "tds.to_uuid",
        "tinyint": "tds.whole",
    }
)
"""Functions that make of any type what PostgreSQL's cast to the named one takes."""
